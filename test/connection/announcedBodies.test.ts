/**
 * A response that has no body but announces one is good itself, yet what follows it need not be the next response. Its connection is
 * closed as `AnnouncedBody`, by `execute` and step by step, in the clear, over TLS and through tunnels.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as ConnectionEvent from "../../src/ConnectionEvent.ts"
import type * as HttpConnection from "../../src/HttpConnection.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { announcing, harmless } from "./announced.ts"
import { head, ok, over, settled } from "./over.ts"

type Connection = HttpConnection.HttpConnection

const faces: ReadonlyArray<
  readonly [name: string, ask: (connection: Connection, method: string) => Effect.Effect<string, unknown>]
> = [
  [
    "execute",
    (connection, method) =>
      Effect.flatMap(connection.execute(HttpRequest.make(method, "/")), (response) => response.text)
  ],
  [
    "steps",
    (connection, method) =>
      Effect.gen(function*() {
        yield* connection.putRequest(method, "/")
        yield* connection.endHeaders()
        return yield* (yield* connection.getResponse).text
      })
  ]
]

const tunnel: Partial<HttpConnection.Options> = { host: "proxy.test", port: 3128, tunnel: { host: "a.test" } }
const connect = [T.discardUntil("\r\n\r\n"), T.reply(head("HTTP/1.1 200 Connection established"))]

const routes: ReadonlyArray<
  readonly [name: string, options: Partial<HttpConnection.Options>, opening: ReadonlyArray<T.Step>]
> = [
  ["in the clear", {}, []],
  ["over TLS", { tls: true }, []],
  ["through a tunnel", tunnel, connect],
  ["over TLS in a tunnel", { ...tunnel, tls: true }, connect]
]

const asks = T.discardUntil("\r\n\r\n")

for (const [face, ask] of faces) {
  for (const [route, options, opening] of routes) {
    describe(`by ${face} ${route}`, () => {
      it.effect.each(announcing)(
        "a %s ends its connection, and the next request has its own",
        ([, method, reply, text]) => {
          const closed: Array<string> = []
          const onEvent = (event: ConnectionEvent.ConnectionEvent): void => {
            if (event._tag === "Close") closed.push(`${event.reason} ${event.requestsServed} ${event.error?._tag}`)
          }
          return over(
            [
              T.connection(...opening, asks, T.reply(reply), T.expectDestroy),
              T.connection(...opening, asks, T.reply(ok("real")))
            ],
            (connection) =>
              Effect.gen(function*() {
                assert.strictEqual(yield* ask(connection, method), text)
                yield* settled
                assert.isFalse(yield* connection.isOpen)
                assert.deepStrictEqual(closed, ["AnnouncedBody 1 undefined"])
                assert.strictEqual(yield* ask(connection, "GET"), "real")
              }),
            { ...options, onEvent }
          )
        }
      )

      it.effect.each(harmless)("a %s does not", ([, method, reply]) =>
        over(
          [T.connection(...opening, asks, T.reply(reply), asks, T.reply(ok("real")))],
          (connection) =>
            Effect.gen(function*() {
              assert.strictEqual(yield* ask(connection, method), "")
              yield* settled
              assert.strictEqual(yield* ask(connection, "GET"), "real")
            }),
          options
        ))
    })
  }
}

describe("a tunnel", () => {
  it.effect.each([
    ["Content-Length: 5", "FramingConflict"],
    ["Transfer-Encoding: chunked", "FramingConflict"],
    ["Content-Length: 0", undefined]
  ])("whose proxy sends a 103 with %s before its 200 is %s", ([line = "", tag]) =>
    over(
      [T.connection(asks, T.reply(head("HTTP/1.1 103 Early Hints", line) + head("HTTP/1.1 200 OK")))],
      (connection) =>
        Effect.gen(function*() {
          const error = yield* Effect.match(connection.connect, {
            onFailure: (error) => error,
            onSuccess: () => undefined
          })
          assert.strictEqual(error?._tag, tag)
          assert.strictEqual(error?.context.phase, tag && "proxy")
          assert.strictEqual(yield* connection.isOpen, tag === undefined)
        }),
      tunnel
    ))

  it.effect("that is refused after such a 103 is refused all the same", () =>
    over(
      [T.connection(
        asks,
        T.reply(head("HTTP/1.1 103 Early Hints", "Content-Length: 5") + head("HTTP/1.1 403 No", "Content-Length: 0"))
      )],
      (connection) =>
        Effect.gen(function*() {
          assert.strictEqual((yield* Effect.flip(connection.connect))._tag, "ProxyConnectError")
        }),
      tunnel
    ))
})
