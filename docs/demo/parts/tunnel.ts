/** Through an embedded proxy by CONNECT, to a plain origin and to one over TLS. */
import { HttpConnection, HttpFields, HttpRequest } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as describe from "../describe.ts"
import { printable } from "../report.ts"
import { credentials } from "../servers/proxy.ts"
import type { Part } from "./part.ts"

export const tunnel: Part = (report, { ca, host, port, proxyPort, securePort }) =>
  Effect.gen(function*() {
    report.part("A tunnel through a proxy")
    const through = (name: string, targetPort: number, tls: { readonly ca: string } | false) =>
      Effect.gen(function*() {
        const connection = yield* HttpConnection.make({
          host,
          port: proxyPort,
          tls,
          tunnel: { host, port: targetPort, headers: { "Proxy-Authorization": credentials } }
        })
        const response = yield* connection.execute(HttpRequest.get("/hello"))
        const text = yield* response.text
        const proxy = Option.getOrElse(yield* connection.getProxyResponseHeaders, () => HttpFields.empty)
        report.row(
          name,
          `${response.url} through ${response.connection.remoteAddress}:${response.connection.remotePort}`
        )
        report.row("the proxy said", [...proxy].map(([field, value]) => printable(`${field}: ${value}`)).join("\n"))
        report.row("time", describe.timings(response.timings))
        report.check(
          `the far end answered ${JSON.stringify(text)}`,
          response.status === 200 && text === "Hello, world!\n",
          text
        )
        return response
      })
    yield* through("plain", port, false)
    const secure = yield* through("TLS inside", securePort, { ca })
    const { proxy, tls } = secure.timings
    report.check("TLS was spoken inside of the tunnel", proxy !== undefined && tls !== undefined, secure.timings)
  }).pipe(Effect.scoped)
