/**
 * A client for networks that let nothing out but through a proxy: its address from the environment,
 * credentials as secrets, a private authority, and failures that say whom to ask.
 */
import { ConnectionPool, HttpRequest, NodeTransport, Proxy } from "effect-http-client"
import type { HttpError } from "effect-http-client"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import { readFile } from "node:fs/promises"

/** Besides HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, which `Proxy.fromEnv` reads. */
const settings = Config.all({
  /** Apart from the URL, so that a secret is in no list of processes and in no log of a shell. */
  username: Config.option(Config.redacted("PROXY_USERNAME")),
  password: Config.option(Config.redacted("PROXY_PASSWORD")),
  /** A PEM file with the authorities of the company, for servers and for a proxy over TLS. */
  caFile: Config.option(Config.string("COMPANY_CA_FILE"))
})

interface Additions {
  readonly credentials: { readonly username: Redacted.Redacted; readonly password: Redacted.Redacted } | undefined
  readonly ca: string | undefined
}

/** The same proxy with these credentials, and with this authority if it is spoken to over TLS. */
const completed = (proxy: Proxy.Proxy | undefined, { ca, credentials }: Additions) =>
  proxy === undefined
    ? Either.right(undefined)
    : Proxy.make({
      scheme: proxy.scheme,
      host: proxy.host,
      port: proxy.port,
      credentials: credentials ?? proxy.credentials,
      headers: proxy.headers,
      tls: proxy.scheme === "https" ? { ca } : undefined
    })

/** A pool as the environment asks for it. Fails with `InvalidOption` if a variable is unusable. */
export const layer = (environment: Proxy.Environment = process.env) =>
  Layer.unwrapEffect(Effect.gen(function*() {
    const { caFile, password, username } = yield* settings
    const ca = Option.isSome(caFile) ? yield* Effect.tryPromise(() => readFile(caFile.value, "utf8")) : undefined
    const credentials = Option.getOrUndefined(Option.all({ username, password }))
    const found = yield* Proxy.fromEnv(environment)
    const proxy: Proxy.Settings = {
      http: yield* completed(found.http, { ca, credentials }),
      https: yield* completed(found.https, { ca, credentials }),
      bypass: found.bypass
    }
    yield* Effect.annotateLogs(Effect.logInfo("proxies"), { http: String(proxy.http), https: String(proxy.https) })
    return ConnectionPool.layer({ proxy, tls: ca === undefined ? undefined : { ca } })
  })).pipe(Layer.provide(NodeTransport.layer))

export const get = (url: string) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.ConnectionPool
    const response = yield* pool.execute(HttpRequest.get(url))
    return { status: response.status, text: yield* response.text }
  })

/** Whom to ask, and what to say: a line for the ticket. No secret is in it. */
export const advice = (error: HttpError.HttpError): string => {
  switch (error._tag) {
    case "ProxyAuthRequired":
      return `Proxy team: ${error.context.proxy} refused our credentials (${error.message})`
    case "ProxyConnectError": {
      // The report nearest to the server says what really failed.
      const report = error.proxyStatus.find((report) => report.error !== undefined)
      const why = report === undefined
        ? new TextDecoder().decode(error.bodyPrefix).trim()
        : `${report.proxy} reports ${report.error}: ${report.details ?? ""}`
      return `Proxy team: please allow ${error.context.origin} (status ${error.status}; ${why})`
    }
    case "TlsError":
      return error.context.peer === "Proxy"
        ? `Proxy team: TLS with the proxy failed (${error.reason})`
        : `Ourselves: is the company's authority in COMPANY_CA_FILE? (${error.reason} of ${error.context.origin})`
    case "DnsError":
    case "ConnectError":
      return error.context.peer === "Proxy"
        ? `Ourselves: is the proxy's address right, and may this machine reach it? (${error.message})`
        : `Network team: ${error.context.origin} was connected to without a proxy (${error.message})`
    default:
      return error.message
  }
}
