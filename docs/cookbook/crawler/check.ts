/** Crawls a site on 127.0.0.1 twice, and fails if anything is not as the page says. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import * as http from "node:http"
import { gzipSync } from "node:zlib"
import { host, listen } from "../../demo/servers/listen.ts"
import { holds, same } from "../expect.ts"
import { crawl, layer } from "./program.ts"

const content = Buffer.alloc(1_000_000, "0123456789")
const sha256 = createHash("sha256").update(content).digest("hex")

interface Site {
  /** The ranges of the requests for the file. */
  readonly ranges: Array<string | undefined>
  cuts: boolean
  current: number
  most: number
}

const empty = Array.from({ length: 8 }, (_, at) => `/home/${at}`)

const pages: Readonly<Record<string, string>> = {
  // Relative to where the redirect has led.
  "/home/": "<a href=\"a\">a</a> <a href=\"b#top\">b</a> <a href=\"http://127.0.0.2:1/\">elsewhere</a>"
    + empty.map((path) => `<a href="${path}">empty</a>`).join(""),
  "/home/a": `<a href="/home/">home</a> <a download href="/data.bin?a=1&amp;b=2" data-sha256="${sha256}">data</a>`,
  "/home/b": `<a download href="/wrong.bin" data-sha256="${"0".repeat(64)}">data</a> <a href="/missing">missing</a>`,
  ...Object.fromEntries(empty.map((path) => [path, ""]))
}

/** A login by redirect, pages in gzip for those who are logged in, and a file that breaks off while `cuts` is true. */
const serve = (site: Site) => (request: http.IncomingMessage, response: http.ServerResponse) => {
  site.current++
  site.most = Math.max(site.most, site.current)
  response.once("close", () => site.current--)
  const url = request.url ?? "/"
  if (url === "/login") {
    response.writeHead(303, { "Set-Cookie": "session=1; Path=/", Location: "/home/" }).end()
  } else if (request.headers.cookie !== "session=1") {
    response.writeHead(403).end()
  } else if (pages[url] !== undefined) {
    const page = gzipSync(pages[url])
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8", "Content-Encoding": "gzip" })
    // Slow enough that a client with more connections would use them.
    setTimeout(() => response.end(page), 20)
  } else if (url === "/wrong.bin") response.writeHead(200, { ETag: "\"w\"" }).end("wrong")
  else if (url.startsWith("/data.bin")) {
    const { range } = request.headers
    site.ranges.push(range)
    const first = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0)
    const isPart = first > 0 && request.headers["if-range"] === "\"v1\""
    response.writeHead(isPart ? 206 : 200, {
      ETag: "\"v1\"",
      "Content-Length": content.length - first,
      ...(isPart ? { "Content-Range": `bytes ${first}-${content.length - 1}/${content.length}` } : {})
    })
    if (site.cuts) response.write(content.subarray(first, first + 100_000), () => response.destroy())
    else response.end(content.subarray(first))
  } else response.writeHead(404).end()
}

export const check = Effect.gen(function*() {
  const site: Site = { ranges: [], cuts: true, current: 0, most: 0 }
  const origin = `http://${host}:${yield* listen(http.createServer(serve(site)))}`
  const files = yield* FileSystem.FileSystem
  const directory = yield* files.makeTempDirectoryScoped()
  const run = crawl({ start: `${origin}/login`, directory, userAgent: "check/1 (+mailto:a@b.test)", maxPages: 20 })
    .pipe(
      Effect.provide(layer)
    )

  // The file breaks off in each of the three attempts: nothing is lost, and nothing has the name of the file.
  const first = yield* run
  yield* same(
    "pages",
    first.pages,
    ["/login", "/home/a", "/home/b", ...empty, "/home/", "/missing"].map((path) => `${origin}${path}`)
  )
  yield* same("the failures", first.failed.map(({ url }) => url.slice(origin.length)).toSorted(), [
    "/data.bin?a=1&b=2",
    "/missing",
    "/wrong.bin"
  ])
  yield* same("ranges", [site.ranges.length, site.ranges[0]], [3, undefined])
  const name = `${directory}/data.bin%3Fa%3D1%26b%3D2`
  yield* same("the names of the first run", yield* files.exists(name), false)
  const kept = Number((yield* files.stat(`${name}.part`)).size)
  yield* holds("the partial file has bytes of each attempt", kept > 0 && kept < content.length, kept)

  // Another process, later: only the rest is requested.
  site.cuts = false
  const second = yield* run
  yield* same("files", second.files, [{ path: name, bytes: content.length, resumedFrom: kept }])
  yield* same("the last range", site.ranges.at(-1), `bytes=${kept}-`)
  yield* same("the content", Buffer.from(yield* files.readFile(name)).equals(content), true)
  yield* holds("a wrong checksum is reported", second.failed.some(({ reason }) => reason.includes("SHA-256")))
  yield* holds("at most two requests at once", site.most <= 2, site.most)
}).pipe(Effect.provide(NodeFileSystem.layer))
