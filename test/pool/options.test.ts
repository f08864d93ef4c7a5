/** The options of a pool are checked when it is made, each by its name. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpLeniency from "../../src/HttpLeniency.ts"
import * as Proxy from "../../src/Proxy.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { contained, failsWith, getHead, hasEnded, ok, settled, started } from "../connection/harness.ts"
import { get, holds, holdsNothing, poolOver, serving, textOf } from "./harness.ts"

/** Options as a caller without types might give them. */
const untyped = (options: object): ConnectionPool.Options => options as ConnectionPool.Options

const optionOf = (options: object) =>
  Effect.scoped(Effect.map(failsWith(poolOver([], untyped(options)), "InvalidOption"), (error) => {
    assert.strictEqual(error.context.fault, "User")
    return error.option
  }))

const secret = "s3cret"

describe("a wrong option is InvalidOption with its name", () => {
  const counts = [
    "connectionsPerOrigin",
    "connections",
    "idlePerOrigin",
    "idle",
    "waiters",
    "requestsPerConnection",
    "drainBytes"
  ]
  const durations = [
    "connectRetryTime",
    "connectBackoff",
    "lifetime",
    "idleTime",
    "keepAliveMargin",
    "drainTime",
    "unreadTime",
    "unreadGrace",
    "shutdownGrace"
  ]
  const timeouts = ["pool", "dns", "connect", "tls", "proxy", "write", "continue", "head", "bodyIdle", "total"]
  const cases: ReadonlyArray<readonly [option: string, values: ReadonlyArray<unknown>]> = [
    ...counts.map((name) => [name, [-1, 1.5, NaN, -Infinity, "8", null, {}, 8n]] as const),
    ...["connectionsPerOrigin", "connections", "requestsPerConnection"].map((name) => [name, [0]] as const),
    ...durations.map((name) => [name, [-1, NaN, "soon", "5 apples", null, {}, -5n, true]] as const),
    ["connectBackoff", [Infinity]],
    ["lifetimeJitter", [-0.1, 1.1, NaN, "0.5", null, Infinity]],
    ["blockSize", [0, -1, 1.5, NaN, Infinity, "8", null]],
    ["tls", ["x", 5, null, true, []]],
    ["proxy", ["http://proxy.test", {}, null, 5, { host: "proxy.test" }, { http: "x", bypass: () => false }, {
      https: {},
      bypass: () => false
    }]],
    ["localAddress", ["", "localhost", "127.0.0.1:80", 5, null, "1.2.3.4.5"]],
    ["timeouts", [5, "x", null, [], [500]]],
    ["limits", [5, "x", null, []]],
    ["leniency", [5, "x", null, []]],
    ["wireTap", ["yes", 1, null]],
    ["tracing", ["yes", 1, null]],
    ["onEvent", ["x", {}, null]]
  ]
  for (const [option, values] of cases) {
    for (const value of values) {
      const shown = typeof value === "bigint"
        ? `${value}n`
        : typeof value === "number"
        ? String(value)
        : JSON.stringify(value)
      it.effect(`${option}: ${shown}`, () =>
        Effect.map(optionOf({ [option]: value }), (named) => assert.strictEqual(named, option)))
    }
  }

  it.effect("nested ones with the whole path", () =>
    Effect.gen(function*() {
      for (const name of timeouts) {
        for (const value of [-1, NaN, "soon"]) {
          assert.strictEqual(yield* optionOf({ timeouts: { [name]: value } }), `timeouts.${name}`)
        }
      }
      for (const value of [-1, 0.5, "8"]) {
        assert.strictEqual(
          yield* optionOf({ limits: { headers: value, fields: value, body: value } }).pipe(
            Effect.map((name) => name.split(".")[0])
          ),
          "limits"
        )
      }
      assert.strictEqual(yield* optionOf({ tls: { serverName: 5 } }), "tls.serverName")
      assert.strictEqual(yield* optionOf({ tls: { verify: "no" } }), "tls.verify")
      assert.strictEqual(yield* optionOf({ proxy: { http: undefined, https: undefined, bypass: "*" } }), "proxy.bypass")
    }))

  it.effect("and its value is not repeated", () =>
    Effect.gen(function*() {
      for (
        const options of [{ tls: { key: 5, passphrase: secret } }, { localAddress: secret }, {
          proxy: `http://u:${secret}@p`
        }]
      ) {
        const error = yield* Effect.scoped(failsWith(poolOver([], untyped(options)), "InvalidOption"))
        assert.notInclude(`${error.message} ${JSON.stringify(error)}`, secret)
      }
    }))
})

describe("an option", () => {
  it.effect("that is undefined is the default", () =>
    contained(Effect.gen(function*() {
      const names: ReadonlyArray<keyof ConnectionPool.Options> = [
        "connectionsPerOrigin",
        "connections",
        "idlePerOrigin",
        "idle",
        "waiters",
        "requestsPerConnection",
        "lifetime",
        "lifetimeJitter",
        "idleTime",
        "keepAliveMargin",
        "drainBytes",
        "drainTime",
        "unreadTime",
        "shutdownGrace",
        "tls",
        "proxy",
        "localAddress",
        "blockSize",
        "timeouts",
        "limits",
        "leniency",
        "tracing",
        "wireTap",
        "onEvent"
      ]
      const { pool } = yield* poolOver([serving("/1")], Object.fromEntries(names.map((name) => [name, undefined])))
      assert.strictEqual(yield* textOf(pool, get("/1")), "/1")
      yield* pool.closeIdle
    })))

  it.effect("that is a number may be Infinity, one that is a time any duration", () =>
    contained(Effect.gen(function*() {
      const options: ConnectionPool.Options = {
        connectionsPerOrigin: Infinity,
        connections: Infinity,
        idlePerOrigin: Infinity,
        idle: Infinity,
        waiters: Infinity,
        requestsPerConnection: Infinity,
        drainBytes: Infinity,
        lifetime: Duration.infinity,
        idleTime: Infinity,
        keepAliveMargin: "1 minute",
        drainTime: 0,
        unreadTime: [1, 0],
        shutdownGrace: 0,
        lifetimeJitter: 1
      }
      const { pool, transport } = yield* poolOver([serving("/1", "/2")], options)
      assert.strictEqual(yield* textOf(pool, get("/1")), "/1")
      // Nothing limits it.
      yield* TestClock.adjust("365 days")
      yield* settled
      yield* holds(pool, { idle: 1 })
      assert.strictEqual(yield* textOf(pool, get("/2")), "/2")
      assert.strictEqual(transport.opened.length, 1)
    })))

  it.effect("is read when the pool is made, not when `make` is called, and whatever is done to it later has no effect", () =>
    contained(Effect.gen(function*() {
      const options: { connectionsPerOrigin: number } = { connectionsPerOrigin: -1 }
      const transport = yield* T.make([T.openStalls, T.openStalls])
      const make = ConnectionPool.make({ ...options, shutdownGrace: 0 })
      yield* failsWith(Effect.provideService(make, Transport.Transport, transport), "InvalidOption")
      const given = { connectionsPerOrigin: 1, shutdownGrace: 0 }
      const pool = yield* Effect.provideService(ConnectionPool.make(given), Transport.Transport, transport)
      given.connectionsPerOrigin = 2
      const fibers = [yield* started(pool.execute(get())), yield* started(pool.execute(get()))]
      yield* holds(pool, { connecting: 1, waiting: 2 })
      yield* Fiber.interruptAll(fibers)
      yield* holds(pool, {})
    })))

  it.effect("that throws when it is read is a defect of the effect, not of the call", () =>
    Effect.gen(function*() {
      const make = ConnectionPool.make({
        get idle(): number {
          throw new Error("mine")
        }
      })
      const transport = yield* T.make([])
      const exit = yield* Effect.exit(Effect.provideService(make, Transport.Transport, transport))
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
    }).pipe(Effect.scoped))
})

describe("what a pool passes on", () => {
  it.effect("is its leniency, its limits and its timeouts; those of a request win", () =>
    contained(Effect.gen(function*() {
      const step = (text: string) => T.connection(T.discardUntil("\r\n\r\n"), T.reply(text))
      const bareLf = step("HTTP/1.1 200 OK\nContent-Length: 2\n\nok")
      const long = step(ok("a body of more than ten bytes"))
      const { pool } = yield* poolOver([
        bareLf,
        bareLf,
        long,
        long,
        T.connection(T.discard()),
        T.connection(T.discard())
      ], {
        leniency: { ...HttpLeniency.strict, bareLf: true },
        limits: { body: 10 },
        timeouts: { head: "1 second" }
      })
      assert.strictEqual(yield* textOf(pool, get()), "ok")
      yield* failsWith(pool.execute(get("/", { leniency: HttpLeniency.strict })), "BadStatusLine")
      yield* failsWith(textOf(pool, get()), "BodyTooLarge")
      assert.include(yield* textOf(pool, get("/", { limits: { body: 100 } })), "more than ten")
      const fiber = yield* started(failsWith(pool.execute(get()), "HttpTimeout"))
      const patient = yield* started(pool.execute(get("/", { timeouts: { head: Infinity } })))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).kind, "head")
      assert.isFalse(hasEnded(patient))
      yield* Fiber.interrupt(patient)
    })))
})

it.effect("a bypass that throws fails the request with InvalidOption, which does not repeat what it says", () =>
  Effect.scoped(Effect.gen(function*() {
    const { pool } = yield* poolOver([], {
      proxy: {
        http: Either.getOrThrow(Proxy.make({ host: "p.test" })),
        https: undefined,
        bypass: () => {
          throw new TypeError(secret)
        }
      }
    })
    const error = yield* failsWith(pool.execute(get()), "InvalidOption")
    assert.strictEqual(error.option, "proxy.bypass")
    assert.include(error.message, "TypeError")
    assert.notInclude(`${error.message} ${JSON.stringify(error)}`, secret)
  })))

it.effect("a layer gives the pool, and fails with InvalidOption", () =>
  Effect.gen(function*() {
    const transport = yield* T.make([T.connection(T.expect(getHead("/1")), T.reply(ok("one")))])
    const under = Layer.succeed(Transport.Transport, transport)
    const context = yield* Layer.build(Layer.provide(ConnectionPool.layer({ shutdownGrace: 0 }), under))
    const pool = Context.get(context, ConnectionPool.ConnectionPool)
    assert.strictEqual(yield* textOf(pool, get("/1")), "one")
    yield* pool.closeIdle
    yield* holdsNothing({ pool, transport }).pipe(Effect.scoped)
    const wrong = Layer.build(Layer.provide(ConnectionPool.layer({ idle: -1 }), under))
    assert.strictEqual((yield* failsWith(wrong, "InvalidOption")).option, "idle")
  }).pipe(Effect.scoped, contained))
