/**
 * GET and JSON with the time of each phase, several requests on one connection, and single steps.
 */
import { HttpConnection, HttpRequest } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as describe from "../describe.ts"
import type { Received } from "../servers/origin.ts"
import type { Part } from "./part.ts"

/** A GET on a new connection. */
export const get: Part = (report, { host, port }) =>
  Effect.gen(function*() {
    report.part("GET, and where the time went")
    const connection = yield* HttpConnection.make({ host, port })
    const response = yield* connection.execute(HttpRequest.get("/hello"))
    const text = yield* response.text
    describe.head(report, response)
    report.row("body", JSON.stringify(text))
    report.row("time", describe.timings(response.timings))
    report.check(
      "the server said 200 and \"Hello, world!\"",
      response.status === 200 && text === "Hello, world!\n",
      text
    )
    const { connect, dns, total } = response.timings
    report.check(
      "an address needs no DNS, and the connect took its part of the total",
      dns === undefined
        && connect !== undefined && total !== undefined && connect <= total,
      response.timings
    )
  }).pipe(Effect.scoped)

const Answer = Schema.Struct({ name: Schema.String, numbers: Schema.Array(Schema.Int) })

/** Three requests on one connection. */
export const keepAlive: Part = (report, { host, port }) =>
  Effect.gen(function*() {
    report.part("JSON, three times on one connection")
    const connection = yield* HttpConnection.make({ host, port })
    const seen = []
    for (let count = 1; count <= 3; count++) {
      const response = yield* connection.execute(HttpRequest.get("/json", { headers: { Accept: "application/json" } }))
      const answer = yield* response.schemaJson(Answer)
      if (count === 1) report.row("decoded", JSON.stringify(answer))
      report.row(`request ${count}`, describe.connection(response.connection))
      report.row("", describe.timings(response.timings))
      seen.push(response.connection)
    }
    report.check("all three came over the same connection", new Set(seen.map(({ id }) => id)).size === 1, seen)
    report.check(
      "which had served 0, 1 and 2 requests before",
      seen.map((one) => one.requestsServed).join() === "0,1,2",
      seen
    )
  }).pipe(Effect.scoped)

/** A request in five steps. */
export const steps: Part = (report, { host, port }) =>
  Effect.gen(function*() {
    report.part("Step by step, as Python's http.client")
    const connection = yield* HttpConnection.make({ host, port })
    const states: Array<string> = []
    const step = <A, E>(call: string, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
      Effect.tap(effect, () =>
        Effect.map(connection.state, (state) => {
          states.push(state)
          report.row(state, call)
        }))
    yield* step("make", Effect.void)
    yield* step("putRequest(\"POST\", \"/upload\")", connection.putRequest("POST", "/upload"))
    yield* step("putHeader(\"Content-Length\", 12)", connection.putHeader("Content-Length", 12))
    yield* step("endHeaders()", connection.endHeaders())
    yield* step("send(\"piece \")", connection.send("piece "))
    yield* step("send(\"by one\")", connection.send("by one"))
    const response = yield* step("getResponse", connection.getResponse)
    const received = (yield* step("response.json", response.json)) as Received
    report.row("the server had", `${received.bytes} bytes, Content-Length ${received.contentLength}`)
    // After `getResponse` it is `ResponseUnread` until the body has been read, even if all of it
    // arrived with the head.
    const [began, ended] = [states.slice(0, 7).join(), states.at(-1)]
    report.check(
      "the connection went through its states, and is idle again",
      began === "Idle,RequestStarted,RequestStarted,RequestSent,RequestSent,RequestSent,ResponseUnread"
        && ended === "Idle",
      states
    )
    report.check("and the server received 12 bytes", received.bytes === 12, received)
  }).pipe(Effect.scoped)
