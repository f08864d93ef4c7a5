/** Crawls the pages of one site, and downloads the files that they offer. A second run continues what the first has left. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { ConnectionPool, Download, HttpRequest, NodeTransport, PooledHttpClient } from "effect-http-client"
import * as CookieJar from "effect-http-client/CookieJar"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as path from "node:path"

export interface Options {
  readonly start: string
  readonly directory: string
  /** Names the crawler, and where its operator can be reached. */
  readonly userAgent: string
  readonly maxPages: number
}

interface Link {
  readonly url: string
  /** Of a file; a page has none. */
  readonly file: { readonly sha256: string | undefined } | undefined
}

export interface Report {
  readonly pages: ReadonlyArray<string>
  readonly files: ReadonlyArray<Download.Downloaded>
  readonly failed: ReadonlyArray<{ readonly url: string; readonly reason: string }>
}

const attribute = (tag: string, name: string): string | undefined =>
  new RegExp(`\\s${name}="([^"]*)"`, "i").exec(tag)?.[1]?.replaceAll("&amp;", "&")

/** The links of a page to its own origin. A link with `download` is a file. */
const linksOf = (html: string, base: string): ReadonlyArray<Link> =>
  [...html.matchAll(/<a\s[^>]*>/gi)].flatMap(([tag]) => {
    const href = attribute(tag, "href")
    if (href === undefined || !URL.canParse(href, base)) return []
    const url = new URL(href, base)
    url.hash = ""
    if (url.origin !== new URL(base).origin) return []
    const file = /\sdownload(?=[\s=>])/i.test(tag) ? { sha256: attribute(tag, "data-sha256") } : undefined
    return [{ url: url.href, file }]
  })

/** A name for the file that no server can lead out of the directory. */
const fileName = (url: string): string => {
  const { pathname, search } = new URL(url)
  return encodeURIComponent(pathname.slice(1) + search).replace(/^\.+/, "_").slice(0, 200)
}

export const crawl = ({ directory, maxPages, start, userAgent }: Options) =>
  Effect.gen(function*() {
    const jar = yield* CookieJar.CookieJar
    const client = (yield* HttpClient.HttpClient).pipe(
      CookieJar.withCookieJar(jar),
      PooledHttpClient.decompress({ maxBytes: 10_000_000 }),
      PooledHttpClient.followRedirects(),
      PooledHttpClient.retry({ times: 3 })
    )

    /** The links of a page; none if it is no HTML. */
    const read = (url: string) =>
      client.get(url, { headers: { "User-Agent": userAgent, Accept: "text/html" } }).pipe(
        Effect.flatMap(HttpClientResponse.filterStatusOk),
        Effect.flatMap((response) =>
          (response.headers["content-type"] ?? "").startsWith("text/html")
            ? Effect.map(response.text, (html) => linksOf(html, response.request.url))
            : Effect.succeed([])
        )
      )

    const download = ({ file, url }: Link) =>
      Effect.gen(function*() {
        const cookie = Option.getOrUndefined(yield* jar.header(url))
        const headers = { "User-Agent": userAgent, Cookie: cookie === undefined ? undefined : Redacted.value(cookie) }
        return yield* Download.toFile(HttpRequest.get(url, { headers }), path.join(directory, fileName(url)), {
          sha256: file?.sha256,
          progressInterval: "1 second",
          onProgress: ({ bytes, total }) => Effect.logDebug(`${url}: ${bytes} of ${total ?? "?"} bytes`)
        })
      })

    const pages: Array<string> = []
    const files = new Map<string, Link>()
    const failed: Array<{ readonly url: string; readonly reason: string }> = []
    const seen = new Set([start])
    /** One broken page or file ends nothing but itself. */
    const attempt = <A, E extends Error, R>(url: string, effect: Effect.Effect<A, E, R>) =>
      Effect.map(Effect.either(effect), (result) => {
        if (Either.isLeft(result)) failed.push({ url, reason: result.left.message })
        return Either.getRight(result)
      })

    let level: ReadonlyArray<string> = [start]
    while (level.length > 0 && pages.length < maxPages) {
      const wanted = level.slice(0, maxPages - pages.length)
      pages.push(...wanted)
      // The pool allows two connections to the host; the rest waits in its queue.
      const found = yield* Effect.forEach(wanted, (url) => attempt(url, read(url)), { concurrency: 16 })
      const links = found.flatMap((links) => Option.getOrElse(links, (): ReadonlyArray<Link> => []))
      const next = links.filter(({ url }) => !seen.has(url) && seen.add(url))
      for (const link of next) if (link.file !== undefined) files.set(link.url, link)
      level = next.flatMap(({ file, url }) => file === undefined ? [url] : [])
    }
    const saved = yield* Effect.forEach(files.values(), (link) => attempt(link.url, download(link)), { concurrency: 4 })
    return { pages, files: saved.flatMap(Option.toArray), failed } satisfies Report
  })

/** One pool for pages and files, so that a host never has more than two connections of this crawler. */
export const layer = Layer.merge(CookieJar.layer, PooledHttpClient.layerWithoutPool).pipe(
  Layer.provideMerge(ConnectionPool.layer({
    connectionsPerOrigin: 2,
    timeouts: { pool: "10 minutes", head: "30 seconds", bodyIdle: "30 seconds" }
  })),
  Layer.provide(NodeTransport.layer)
)
