/** `npm run demo -- URL`: a GET of that URL, and its result. */
import { HttpConnection, HttpRequest, Origin } from "effect-http-client"
import type { Transport } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { whatToDo } from "../advice.ts"
import * as describe from "../describe.ts"
import type { Report } from "../report.ts"
import { printable, size, wrap } from "../report.ts"

const fetch = (report: Report, url: string) =>
  Effect.gen(function*() {
    const { origin, target } = yield* Origin.fromUrl(url)
    const { host, port, scheme } = origin
    report.title(printable(`GET ${scheme}://${Origin.authority(origin)}${target}`))
    const connection = yield* HttpConnection.make({
      host,
      port,
      tls: scheme === "https",
      timeouts: { head: "30 seconds", bodyIdle: "30 seconds" }
    })
    const response = yield* connection.execute(HttpRequest.get(target, { headers: { Accept: "*/*" } }))
    report.line()
    describe.head(report, response)
    const bytes = yield* Stream.runFold(response.stream, 0, (sum, piece) => sum + piece.length)
    report.row("body", size(bytes))
    report.row("connection", describe.connection(response.connection))
    report.row("time", describe.timings(response.timings))
    return 0
  })

/** The exit status: 0 after a response, 1 for a typed error. */
export const getUrl = (report: Report, url: string): Effect.Effect<number, never, Transport.Transport> =>
  Effect.scoped(
    Effect.catchAll(fetch(report, url), (error) =>
      Effect.sync(() => {
        report.line()
        report.line(report.failure("There was no whole answer. A typed error says why:"))
        report.line()
        report.row("error", report.strong(error._tag))
        report.row("message", wrap(printable(error.message)))
        report.row("context", describe.context(error.context))
        report.row("what to do", whatToDo(error))
        return 1
      }))
  )
