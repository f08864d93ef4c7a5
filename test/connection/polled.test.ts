/**
 * A connection that was used or idle before is polled between the moment at which a request takes it and the first byte: by
 * `execute` and by steps. What it had in store then costs nothing but a new connection.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { bytesOf, connectTo, contained, failsWith, getHead, ok, pieces, settled, started, textOf } from "./harness.ts"

const behind: ReadonlyArray<readonly [name: string, ...steps: ReadonlyArray<T.Step>]> = [
  ["a byte", T.reply("H")],
  ["a response", T.reply(ok("stray"))],
  ["the end", T.eof],
  ["a reset", T.reset]
]

type Asking = (connection: HttpConnection.HttpConnection) => Effect.Effect<string, unknown>

const bytes = HttpBody.bytes(bytesOf("abc"))
const stream = HttpBody.stream(pieces("abc"), { length: 3 })

const ways: ReadonlyArray<readonly [name: string, ask: Asking]> = [
  ["execute", (connection) => textOf(connection, HttpRequest.post("/2", { body: bytes }))],
  ["execute with a stream", (connection) => textOf(connection, HttpRequest.post("/2", { body: stream }))],
  [
    "request and getResponse",
    (connection) =>
      Effect.zipRight(
        connection.request("POST", "/2", { body: "abc" }),
        Effect.flatMap(connection.getResponse, (response) => response.text)
      )
  ],
  [
    "putRequest, endHeaders and send",
    (connection) =>
      Effect.gen(function*() {
        yield* connection.putRequest("POST", "/2")
        yield* connection.putHeader("Content-Length", 3)
        yield* connection.endHeaders()
        yield* connection.send("abc")
        const response = yield* connection.getResponse
        return yield* response.text
      })
  ]
]

describe("what lies behind a response neither answers nor fails the next request", () => {
  for (const [name, ...steps] of behind) {
    for (const [way, ask] of ways) {
      it.effect(`by ${way}: ${name}`, () =>
        contained(Effect.gen(function*() {
          const { connection, transport } = yield* connectTo([
            T.connection(T.expect(getHead("/1")), T.reply(ok("/1")), ...steps, T.expectDestroy),
            T.connection(T.discardUntil("abc"), T.reply(ok("second")))
          ])
          assert.strictEqual(yield* textOf(connection, HttpRequest.get("/1")), "/1")
          assert.strictEqual(yield* ask(connection), "second")
          assert.strictEqual(transport.written(0), getHead("/1"))
          yield* transport.verify
        })))
    }
  }

  it.effect("fails it with what closed the connection if no other may be opened", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connectTo(
        [T.connection(T.expect(getHead("/1")), T.reply(ok("/1")), T.reply(ok("stray")), T.expectDestroy)],
        { autoOpen: false }
      )
      yield* connection.connect
      assert.strictEqual(yield* textOf(connection, HttpRequest.get("/1")), "/1")
      const error = yield* failsWith(connection.execute(HttpRequest.get("/2")), "NotConnected")
      assert.strictEqual((error.cause as { readonly _tag: string })._tag, "UnexpectedMessage")
      assert.strictEqual(transport.written(0), getHead("/1"))
    })))
})

/** A connection that has served a request, whose event loop polls when the test says so. */
const held = (script: T.Script) =>
  Effect.gen(function*() {
    const transport = yield* T.make(script)
    const registered: Array<() => void> = []
    const loop: Transport.EventLoop = {
      afterPoll: (callback) => void registered.push(callback),
      captureContext: () => ({ run: (f) => f() })
    }
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
    const connection = yield* HttpConnection.make({ host: "a.test" }).pipe(
      Effect.provideService(Transport.Transport, { ...transport, loop }),
      Scope.extend(scope)
    )
    const poll = Effect.zipRight(
      Effect.sync(() => {
        for (const callback of registered.splice(0)) callback()
      }),
      settled
    )
    assert.strictEqual(yield* textOf(connection, HttpRequest.get("/warm")), "/warm")
    return { connection, transport, poll, end: Scope.close(scope, Exit.void) }
  })

const warm = [T.expect(getHead("/warm")), T.reply(ok("/warm"))]

const request = HttpRequest.get("/1")

describe("until the connection of a request has been polled", () => {
  for (const [way, ask] of ways) {
    it.effect(`nothing is written and no other request may begin: ${way}`, () =>
      contained(Effect.gen(function*() {
        const { connection, poll, transport } = yield* held([
          T.connection(...warm, T.discardUntil("abc"), T.reply(ok("/1")))
        ])
        const asked = yield* started(ask(connection))
        assert.strictEqual(transport.written(0), getHead("/warm"))
        assert.strictEqual(yield* connection.state, "RequestSent")
        yield* failsWith(connection.execute(HttpRequest.get("/2")), "CannotSendRequest")
        yield* poll
        assert.strictEqual(yield* Fiber.join(asked), "/1")
        yield* transport.verify
      })))

    it.effect(`its interruption leaves the connection open, and to the next request: ${way}`, () =>
      contained(Effect.gen(function*() {
        const { connection, poll, transport } = yield* held([
          T.connection(...warm, T.expect(getHead("/1")), T.reply(ok("/1")))
        ])
        const asked = yield* started(ask(connection))
        yield* Fiber.interrupt(asked)
        assert.strictEqual(yield* connection.state, "Idle")
        const next = yield* started(textOf(connection, request))
        yield* poll
        assert.strictEqual(yield* Fiber.join(next), "/1")
        assert.strictEqual(transport.opened.length, 1)
        yield* transport.verify
      })))

    it.effect(`\`close\` ends it, and the next request may begin at once: ${way}`, () =>
      contained(Effect.gen(function*() {
        const { connection, poll, transport } = yield* held([
          T.connection(...warm, T.expectDestroy),
          T.connection(T.expect(getHead("/1")), T.reply(ok("/1")))
        ])
        const asked = yield* started(failsWith(ask(connection) as Effect.Effect<string, never>, "ConnectionClosed"))
        yield* connection.close
        assert.strictEqual(yield* textOf(connection, request), "/1")
        assert.include((yield* Fiber.join(asked)).message, "close")
        yield* poll
        assert.strictEqual(yield* connection.state, "Idle")
        assert.strictEqual(transport.opened.length, 2)
        yield* transport.verify
      })))

    it.effect(`the end of its scope ends it: ${way}`, () =>
      contained(Effect.gen(function*() {
        const { connection, end, poll, transport } = yield* held([T.connection(...warm, T.expectDestroy)])
        const asked = yield* started(failsWith(ask(connection) as Effect.Effect<string, never>, "ConnectionClosed"))
        yield* end
        const error = yield* Fiber.join(asked)
        assert.include(error.message, "scope")
        assert.strictEqual(error.context.processed, "No")
        yield* poll
        yield* transport.verify
      })))
  }

  for (const [way, ask] of ways) {
    it.effect(`its \`close\` does not end the request that another caller has started since: ${way}`, () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* held([
          T.connection(...warm, T.expectDestroy),
          T.connection(T.discardUntil("\r\n\r\n"), T.reply(ok("/2")))
        ])
        const asked = yield* started(Effect.exit(ask(connection)))
        yield* connection.close
        yield* connection.putRequest("GET", "/2")
        assert.isTrue(Exit.isFailure(yield* Fiber.join(asked)))
        yield* connection.putHeader("X-A", "a")
        yield* connection.endHeaders()
        const response = yield* connection.getResponse
        assert.strictEqual(yield* response.text, "/2")
        yield* transport.verify
      })))
  }

  it.effect("a transport that throws when it writes leaves nothing open", () =>
    contained(Effect.gen(function*() {
      const transport = yield* T.make([
        T.connection(...warm, T.expectDestroy),
        T.connection(T.expect(getHead("/1")), T.reply(ok("/1")))
      ])
      let throws = false
      const connection = yield* HttpConnection.make({ host: "a.test" }).pipe(
        Effect.provideService(Transport.Transport, {
          ...transport,
          open: (endpoint, timeouts) =>
            Effect.map(transport.open(endpoint, timeouts), (duplex) => {
              const write = duplex.write.bind(duplex)
              return Object.assign(duplex, {
                write: (bytes: Uint8Array | string, more?: Uint8Array): boolean => {
                  if (throws) throw new Error("it throws")
                  return write(bytes, more)
                }
              })
            })
        })
      )
      assert.strictEqual(yield* textOf(connection, HttpRequest.get("/warm")), "/warm")
      throws = true
      const exit = yield* Effect.exit(connection.execute(request))
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
      throws = false
      assert.strictEqual(yield* connection.state, "Idle")
      assert.strictEqual(yield* textOf(connection, request), "/1")
      yield* transport.verify
    })))

  it.effect("it does not read the body of a stream", () =>
    contained(Effect.gen(function*() {
      let pulled = 0
      const { connection, poll } = yield* held([T.connection(...warm, T.discardUntil("abc"), T.reply(ok("/1")))])
      const body = HttpBody.stream(
        Stream.fromEffect(Effect.sync(() => {
          pulled++
          return bytesOf("abc")
        })),
        { length: 3 }
      )
      const asked = yield* started(textOf(connection, HttpRequest.put("/1", { body })))
      assert.strictEqual(pulled, 0)
      yield* poll
      assert.strictEqual(yield* Fiber.join(asked), "/1")
      assert.strictEqual(pulled, 1)
    })))
})

describe("a transport without a loop of its own", () => {
  it.live("is polled by Node's", () =>
    contained(Effect.gen(function*() {
      const transport = yield* T.make([T.connection(...warm, T.expect(getHead("/1")), T.reply(ok("/1")))])
      const connection = yield* HttpConnection.make({ host: "a.test" }).pipe(
        Effect.provideService(Transport.Transport, { open: transport.open, secure: transport.secure })
      )
      assert.strictEqual(yield* textOf(connection, HttpRequest.get("/warm")), "/warm")
      assert.strictEqual(yield* textOf(connection, request), "/1")
      yield* transport.verify
    })))
})

describe("a channel", () => {
  it.effect("keeps the process alive while a request is under way on it, and not while it is idle", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connectTo([
        T.connection(...warm, T.expect(getHead("/1")), T.delay("1 second"), T.reply(ok("/1")))
      ])
      yield* connection.connect
      assert.isFalse(transport.state(0).referenced)
      const first = yield* connection.execute(HttpRequest.get("/warm"))
      assert.strictEqual(yield* first.text, "/warm")
      assert.isFalse(transport.state(0).referenced)
      yield* started(connection.execute(request))
      assert.isTrue(transport.state(0).referenced)
    })))
})
