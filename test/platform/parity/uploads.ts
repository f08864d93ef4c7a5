/** Bodies that fail, that are not as long as they say, and answers that come before a body was sent. */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { gate, ok, wireServer } from "../server.ts"
import { differs, manyTurns, outcome, quiet, same, settled } from "./case.ts"

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1")

const streamOf = (...parts: ReadonlyArray<string>): Stream.Stream<Uint8Array> =>
  Stream.rechunk(Stream.fromIterable(parts.map(bytes)), 1)

const post = (url: string, body: HttpBody.HttpBody) => HttpClientRequest.post(url).pipe(HttpClientRequest.setBody(body))

/** What comes of a body that is not as long as its Content-Length, and how many messages the server had whole. */
const mismatched = (body: HttpBody.HttpBody, length: number) =>
  Effect.gen(function*() {
    const server = yield* wireServer(ok())
    const client = yield* quiet
    const request = HttpClientRequest.setHeader(post(server.url, body), "content-length", String(length))
    const status = yield* settled(Effect.map(client.execute(request), (response) => response.status))
    return [status, server.heard.length]
  })

/** What comes of a body that breaks off; in the end the server sees the connection close. */
const broken = (rest: Stream.Stream<Uint8Array, string>) =>
  Effect.gen(function*() {
    const server = yield* wireServer(ok())
    const client = yield* quiet
    const body = HttpBody.stream(Stream.concat(streamOf("he"), rest), "text/x")
    const status = yield* outcome(Effect.map(client.execute(post(server.url, body)), (response) => response.status))
    yield* server.closed(1)
    return [status, server.heard.length]
  })

const transport = ["RequestError Transport", 0]

export const cases = [
  differs("refuses a length above that of a body in memory", {
    ours: ["RequestError Encode: BodyLengthMismatch", 0],
    node: ["nothing", 0],
    undici: transport
  }, mismatched(HttpBody.text("hello"), 9)),
  differs("refuses a length below that of a body in memory", {
    ours: ["RequestError Encode: BodyLengthMismatch", 0],
    node: [200, 1],
    undici: transport
  }, mismatched(HttpBody.text("hello"), 2)),
  differs("fails for a stream that is shorter than it says", {
    ours: ["RequestError Encode: BodyLengthMismatch", 0],
    node: ["nothing", 0],
    undici: transport
  }, mismatched(HttpBody.stream(streamOf("he", "l"), "text/x"), 5)),
  differs(
    "fails for a stream that is longer than it says",
    {
      ours: "RequestError Encode: BodyLengthMismatch",
      node: 200,
      undici: "RequestError Transport"
    },
    // What it says has left by then, so it is a matter of time what the server has heard.
    Effect.map(mismatched(HttpBody.stream(streamOf("he", "llo", "w"), "text/x"), 5), ([status]) => status)
  ),
  differs("does not end the message of a stream that fails", {
    ours: ["RequestError Encode: RequestBodyError", 0],
    node: ["RequestError Encode", 1],
    undici: transport
  }, broken(Stream.fail("mine"))),
  differs("does not end the message of a stream that dies", {
    ours: ["defect", 0],
    node: ["defect", 1],
    undici: transport
  }, broken(Stream.dieMessage("mine"))),
  differs(
    "gives an answer that comes before the body was sent",
    {
      ours: 413,
      node: "only after the body",
      undici: 413
    },
    Effect.gen(function*() {
      const server = yield* wireServer({ send: "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", after: "head" })
      const client = yield* quiet
      const more = yield* gate
      const body = Stream.concat(streamOf("he"), Stream.fromEffect(Effect.as(more.passed, bytes("llo"))))
      const fiber = yield* Effect.fork(client.execute(post(server.url, HttpBody.stream(body, "text/x"))))
      yield* server.requests(1)
      const late = Effect.zipRight(manyTurns, more.open).pipe(
        Effect.zipRight(Fiber.join(fiber)),
        Effect.as("only after the body")
      )
      return yield* Effect.raceFirst(Effect.map(Fiber.join(fiber), (response) => response.status), late)
    })
  ),
  same(
    "sends a body of a megabyte",
    1_048_576,
    Effect.gen(function*() {
      const server = yield* wireServer(ok())
      const client = yield* quiet
      yield* client.execute(post(server.url, HttpBody.uint8Array(new Uint8Array(1_048_576))))
      return server.heard[0]?.body.length
    })
  ),
  same(
    "keeps the error of a stream as a cause",
    true,
    Effect.gen(function*() {
      const server = yield* wireServer(ok())
      const client = yield* quiet
      const mine = { _tag: "Mine" }
      const error = yield* Effect.flip(client.execute(post(server.url, HttpBody.stream(Stream.fail(mine), "text/x"))))
      const causes: Array<unknown> = []
      for (let at: unknown = error; typeof at === "object" && at !== null; at = (at as { cause?: unknown }).cause) {
        causes.push(at, (at as { error?: unknown }).error)
      }
      return causes.includes(mine)
    })
  )
]
