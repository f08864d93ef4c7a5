/** A 103 as it arrives, while the server is still making its page. */
import { ConnectionPool, HttpRequest, Interim, Link } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { millis, printable } from "../report.ts"
import { startHinting } from "../servers/interim.ts"
import type { Part } from "./part.ts"

export const interim: Part = (report, { host }) =>
  Effect.gen(function*() {
    report.part("A 103 as it comes: what a page needs, before there is the page")
    const url = `http://${host}:${yield* startHinting}/page`
    const pool = yield* ConnectionPool.make({})
    const text = (url: string) => Effect.flatMap(pool.execute(HttpRequest.get(url)), (response) => response.text)
    const startedAt = performance.now()
    const seen: Array<string> = []
    const answers = Interim.stream((onInformational) => pool.execute(HttpRequest.get(url, { onInformational })))
    yield* Stream.runForEach(answers, (answer) =>
      Effect.gen(function*() {
        const after = `after ${millis(performance.now() - startedAt)}`
        if (answer._tag === "Response") {
          seen.push(yield* answer.response.text)
          return report.row(String(answer.response.status), `${after}: the page`)
        }
        const { fields, status } = answer.informational
        for (const { target } of Link.fromFields(fields)) {
          report.row(String(status), `${after}: it will need ${printable(target)}`)
          seen.push(yield* text(new URL(target, url).href))
        }
      }))
    report.check("the style was there before the page", seen.join() === "p { color: green },<p>a page</p>", seen)
  }).pipe(Effect.scoped)
