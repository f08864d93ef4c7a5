/** A connection of the pool for one holder, until the end of a scope: what it can do, and what becomes of it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Inspectable from "effect/Inspectable"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import type { ConnectionPool, LeaseFailure } from "../../src/ConnectionPool.ts"
import type { HttpConnection } from "../../src/HttpConnection.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Origin from "../../src/Origin.ts"
import * as Proxy from "../../src/Proxy.ts"
import * as T from "../../src/TestTransport.ts"
import { contained, failsWith, getHead, hasEnded, ok, settled, started } from "../connection/harness.ts"
import {
  get,
  holds,
  holdsNothing,
  poolOver,
  reasons,
  serves,
  serving,
  slow,
  tags,
  textOf,
  watchedPool
} from "./harness.ts"
import { origin } from "./scenarios.ts"

const textOn = (connection: HttpConnection, path: string) =>
  Effect.flatMap(connection.execute(HttpRequest.get(path)), (response) => response.text)

/** A lease whose scope ends when `end` is run. */
const leased = (
  pool: ConnectionPool
): Effect.Effect<
  { readonly connection: HttpConnection; readonly end: Effect.Effect<void> },
  LeaseFailure,
  Scope.Scope
> =>
  Effect.gen(function*() {
    const scope = yield* Effect.acquireRelease(Scope.make(), Scope.close)
    const connection = yield* Scope.extend(pool.lease(origin), scope)
    return { connection, end: Scope.close(scope, Exit.void) }
  })

describe("a lease", () => {
  it.effect("is for its holder alone, and its connection comes back at the end of the scope", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool([serving("/1", "/2", "/3")], { connectionsPerOrigin: 1 })
      const { events, pool, transport } = kit
      const { connection, end } = yield* leased(pool)
      yield* holds(pool, { busy: 1 })
      const other = yield* started(textOf(pool, get("/3")))
      assert.strictEqual(yield* textOn(connection, "/1"), "/1")
      yield* settled
      // Between two requests it is idle, and still the holder's.
      yield* holds(pool, { busy: 1, waiting: 1 })
      assert.strictEqual(yield* textOn(connection, "/2"), "/2")
      assert.isFalse(hasEnded(other))
      yield* end
      assert.strictEqual(yield* Fiber.join(other), "/3")
      yield* holds(pool, { idle: 1 })
      assert.strictEqual(transport.opened.length, 1)
      const { requests, reused } = yield* pool.stats
      assert.deepStrictEqual({ requests, reused }, { requests: 2, reused: 1 })
      const used = tags(events).filter((tag) => tag === "Acquire" || tag === "Release")
      assert.deepStrictEqual(used, ["Acquire", "Release", "Acquire", "Release"])
      yield* transport.verify
      yield* pool.closeIdle
      yield* holdsNothing(kit)
    })))

  it.effect("takes an idle connection, and gives the step-by-step calls", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(
          ...serves("/1"),
          T.expect("PUT /2 HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi"),
          T.reply(ok("two")),
          ...serves("/3")
        )
      ])
      yield* textOf(pool, get("/1"))
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* pool.lease(origin)
        assert.isTrue(yield* connection.isOpen)
        assert.strictEqual(yield* connection.state, "Idle")
        yield* connection.connect
        yield* connection.putRequest("PUT", "/2")
        yield* connection.putHeader("Content-Length", 2)
        yield* connection.endHeaders()
        yield* connection.send("hi")
        assert.strictEqual(yield* (yield* connection.getResponse).text, "two")
        assert.deepStrictEqual(Inspectable.toJSON(connection), {
          _tag: "HttpConnection",
          origin: "http://a.test:80",
          state: "Idle"
        })
      }))
      yield* holds(pool, { idle: 1 })
      assert.strictEqual(yield* textOf(pool, get("/3")), "/3")
      yield* transport.verify
    })))

  it.effect("keeps a response that is left unread, for as long as it lasts", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([
        T.connection(T.expect(getHead("/1")), T.reply(ok("one").slice(0, -1)), T.delay("2 hours"), T.reply("e"))
      ], { unreadTime: "1 second" })
      const { connection, end } = yield* leased(pool)
      const response = yield* connection.execute(HttpRequest.get("/1"))
      yield* TestClock.adjust("2 hours")
      yield* holds(pool, { busy: 1 })
      assert.strictEqual(yield* response.text, "one")
      yield* end
      assert.strictEqual((yield* pool.stats).reclaimed, 0)
    })))

  it.effect("cannot be given a tunnel, and opens nothing", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([T.connection(T.expectDestroy)])
      const { connection } = yield* leased(pool)
      assert.strictEqual((yield* failsWith(connection.setTunnel("b.test"), "InvalidOption")).option, "tunnel")
      yield* connection.close
      const error = yield* failsWith(connection.connect, "ConnectionClosed")
      assert.include(error.message, "lease another")
      const refused = yield* failsWith(connection.execute(HttpRequest.get("/")), "ConnectionClosed")
      assert.include(refused.message, "lease another")
      assert.deepInclude(refused.context, { fault: "Local", processed: "No", origin: "http://a.test:80" })
      yield* connection.putRequest("GET", "/")
      yield* failsWith(connection.endHeaders(), "ConnectionClosed")
      assert.strictEqual(transport.opened.length, 1)
    })))

  it.effect("fails as a request does: no place, no connection, no time, a closed pool", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([T.refuse(), T.connection(T.discard())], {
        connectionsPerOrigin: 1,
        waiters: 1,
        timeouts: { pool: "1 second" }
      })
      const { pool } = kit
      const lease = Effect.scoped(Effect.asVoid(pool.lease(origin)))
      yield* failsWith(lease, "ConnectError")
      const busy = yield* started(pool.execute(get()))
      const waiting = yield* started(failsWith(lease, "HttpTimeout"))
      assert.strictEqual((yield* failsWith(lease, "PoolQueueFull")).context.origin, "http://a.test:80")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(waiting)).kind, "pool")
      yield* Fiber.interrupt(busy)
      yield* pool.shutdown({ grace: 0 })
      assert.strictEqual((yield* failsWith(lease, "PoolClosed")).context.origin, "http://a.test:80")
      yield* holdsNothing(kit)
    })))

  it.effect("of an origin with options gets a connection with these options", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([T.connection(), T.connection()])
      const https = Either.getOrThrow(Origin.make({ scheme: "https", host: "a.test", localAddress: "127.0.0.2" }))
      yield* Effect.scoped(Effect.all([pool.lease(https), pool.lease(origin)]))
      assert.deepInclude(transport.opened[0], { host: "a.test", port: 443, localAddress: "127.0.0.2" })
      // Of TLS only that there is some: no option is set.
      assert.deepStrictEqual(Inspectable.toJSON(transport.opened[0]?.tls), { _id: "Tls.Options", set: [] })
      assert.deepInclude(transport.opened[1], { host: "a.test", port: 80, localAddress: undefined, tls: undefined })
      yield* holds(pool, { idle: 2 })
    })))
})

describe("through a proxy that forwards, a lease", () => {
  const proxy = Either.getOrThrow(
    Proxy.make({ host: "p.test", credentials: { username: "u", password: "p" }, headers: { "X-Tenant": "a" } })
  )
  const behind = Either.getOrThrow(Origin.make({ scheme: "http", host: "a.test", proxy }))
  const credentials = "Proxy-Authorization: Basic dTpw\r\n"
  const request = (connection: HttpConnection, target: string, field?: readonly [string, string]) =>
    Effect.zipRight(
      connection.request("GET", target, field && { headers: [field] }),
      Effect.flatMap(connection.getResponse, (response) => response.text)
    )
  const cases: ReadonlyArray<
    readonly [
      name: string,
      wire: string,
      use: (connection: HttpConnection) => Effect.Effect<string, HttpError<unknown>>
    ]
  > = [
    [
      "execute",
      `GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\nConnection: X-Tenant, Proxy-Authorization\r\nX-Tenant: a\r\n${credentials}\r\n`,
      (connection) => textOn(connection, "/x")
    ],
    [
      "execute, whose own field wins",
      "GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\nConnection: Proxy-Authorization, X-Tenant\r\nproxy-authorization: Bearer x\r\nX-Tenant: a\r\n\r\n",
      (connection) =>
        Effect.flatMap(
          connection.execute(
            HttpRequest.get("/x", { headers: { "proxy-authorization": "Bearer x" }, targetForm: "origin" })
          ),
          (response) => response.text
        )
    ],
    [
      "request",
      `GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: identity\r\nConnection: X-Tenant, Proxy-Authorization\r\nX-Tenant: a\r\n${credentials}\r\n`,
      (connection) => request(connection, "/x")
    ],
    [
      "request, whose own field wins",
      `GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: identity\r\nConnection: Proxy-Authorization\r\nx-tenant: b\r\n${credentials}\r\n`,
      (connection) => request(connection, "http://a.test/x", ["x-tenant", "b"])
    ]
  ]
  for (const [name, wire, use] of cases) {
    it.effect(`sends the whole URL, and the fields for the proxy: ${name}`, () =>
      contained(Effect.gen(function*() {
        const { pool, transport } = yield* poolOver([T.connection(T.expect(wire), T.reply(ok("one")))])
        assert.strictEqual(yield* Effect.scoped(Effect.flatMap(pool.lease(behind), use)), "one")
        assert.deepInclude(transport.opened[0], { host: "p.test", port: 80 })
        yield* transport.verify
        yield* holds(pool, { idle: 1 })
      })))
  }

  it.effect("of what is no origin fails with InvalidOption", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([])
      const text: unknown = "http://a.test"
      const error = yield* failsWith(Effect.scoped(kit.pool.lease(text as Origin.Origin)), "InvalidOption")
      assert.strictEqual(error.option, "origin")
      yield* holdsNothing(kit)
    })))
})

describe("after the end of its scope, a lease", () => {
  it.effect("can do nothing, and its connection serves others undisturbed", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([slow("/1", "/2")])
      const { connection, end } = yield* leased(pool)
      const first = yield* started(textOn(connection, "/1"))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(first)
      yield* end
      const second = yield* started(textOf(pool, get("/2")))
      yield* holds(pool, { busy: 1 })
      const calls: ReadonlyArray<Effect.Effect<unknown, HttpError>> = [
        connection.execute(HttpRequest.get("/")),
        connection.connect,
        connection.putRequest("GET", "/"),
        connection.request("GET", "/")
      ]
      for (const call of calls) yield* failsWith(call, "ConnectionClosed")
      yield* failsWith(connection.getResponse, "ResponseNotReady")
      assert.strictEqual(yield* connection.state, "Closed")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(second), "/2")
      yield* transport.verify
    })))

  it.effect("does not close the connection that is another's now", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([slow("/2")])
      const { connection, end } = yield* leased(pool)
      yield* end
      const second = yield* started(textOf(pool, get("/2")))
      yield* connection.close
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(second), "/2")
    })))
})

describe("the connection is closed at the end of the scope", () => {
  const halfway = T.reply(ok("one").slice(0, -1))
  const cases: ReadonlyArray<
    readonly [
      name: string,
      steps: ReadonlyArray<T.Step>,
      use: (connection: HttpConnection) => Effect.Effect<unknown, HttpError>
    ]
  > = [
    ["when a request has been started", [], (connection) => connection.putRequest("GET", "/1")],
    ["when a request has been sent", [T.discard()], (connection) => connection.request("GET", "/1")],
    [
      "when a request is half sent",
      [T.discard()],
      (connection) =>
        Effect.zipRight(
          connection.putRequest("PUT", "/1"),
          Effect.zipRight(connection.putHeader("Content-Length", 5), connection.endHeaders())
        )
    ],
    [
      "when a response is unread",
      [T.expect(getHead("/1")), halfway, T.stall],
      (connection) => connection.execute(HttpRequest.get("/1"))
    ],
    ["when the holder has closed it", [], (connection) => connection.close]
  ]
  for (const [name, steps, use] of cases) {
    it.effect(name, () =>
      contained(Effect.gen(function*() {
        const kit = yield* watchedPool([T.connection(...steps, T.expectDestroy), serving("/2")])
        const { events, pool, transport } = kit
        yield* Effect.scoped(Effect.flatMap(pool.lease(origin), use))
        yield* holdsNothing(kit)
        assert.deepStrictEqual(reasons(events), ["Closed"])
        assert.strictEqual(yield* textOf(pool, get("/2")), "/2")
        yield* transport.verify
      })))
  }

  it.effect("and at once when a response is let go whose body has not arrived: the next call could not wait for the rest", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool([
        T.connection(T.expect(getHead("/1")), halfway, T.stall, T.expectDestroy),
        serving("/2")
      ])
      const { events, pool } = kit
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* pool.lease(origin)
        const response = yield* connection.execute(HttpRequest.get("/1"))
        yield* response.close
        yield* failsWith(connection.execute(HttpRequest.get("/3")), "ConnectionClosed")
        assert.deepStrictEqual(reasons(events), ["Undrained"])
      }))
      assert.strictEqual(yield* textOf(pool, get("/2")), "/2")
    })))

  it.effect("but not when the whole response is there, though nobody read it, and it can still be read", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([serving("/1", "/2")])
      const response = yield* Effect.scoped(
        Effect.flatMap(pool.lease(origin), (connection) => connection.execute(HttpRequest.get("/1")))
      )
      yield* holds(pool, { idle: 1 })
      assert.strictEqual(yield* textOf(pool, get("/2")), "/2")
      assert.strictEqual(yield* response.text, "/1")
    })))

  it.effect("and whoever waits for it gets a new one", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([T.connection(T.discard(), T.expectDestroy), serving("/2")], {
        connectionsPerOrigin: 1
      })
      const { connection, end } = yield* leased(pool)
      yield* connection.request("GET", "/1")
      const second = yield* started(textOf(pool, get("/2")))
      assert.isFalse(hasEnded(second))
      yield* end
      assert.strictEqual(yield* Fiber.join(second), "/2")
      yield* transport.verify
    })))
})

describe("the connection is gone before the end of the scope", () => {
  const cases: ReadonlyArray<readonly [name: string, steps: ReadonlyArray<T.Step>, reason: string, cause?: string]> = [
    ["when the server closes it", [T.delay("1 second"), T.eof], "Peer"],
    ["when a byte comes on it", [T.delay("1 second"), T.reply("H")], "Peer", "UnexpectedMessage"],
    ["when the server said close", [T.expect(getHead("/1")), T.reply(ok("one", "Connection: close"))], "NotPersistent"]
  ]
  for (const [name, steps, reason, cause] of cases) {
    it.effect(`${name}: its place is free at once, and its calls fail`, () =>
      contained(Effect.gen(function*() {
        const kit = yield* watchedPool([T.connection(...steps, T.expectDestroy), serving("/2")], {
          connectionsPerOrigin: 1
        })
        const { events, pool } = kit
        const { connection, end } = yield* leased(pool)
        if (reason === "NotPersistent") assert.strictEqual(yield* textOn(connection, "/1"), "one")
        yield* TestClock.adjust("1 second")
        yield* holds(pool, {})
        assert.isFalse(yield* connection.isOpen)
        const error = yield* failsWith(connection.execute(HttpRequest.get("/1")), "ConnectionClosed")
        assert.include(error.message, "lease another")
        assert.strictEqual(Predicate.hasProperty(error.cause, "_tag") ? error.cause._tag : undefined, cause)
        yield* failsWith(connection.connect, "ConnectionClosed")
        assert.strictEqual(yield* textOf(pool, get("/2")), "/2")
        yield* end
        yield* holds(pool, { idle: 1 })
        assert.deepStrictEqual(reasons(events), [reason])
        yield* pool.closeIdle
        yield* holdsNothing(kit)
      })))
  }
})
