/**
 * TLS options that are an Effect: it runs before each opening, on behalf of the request; and the
 * connections with older options.
 */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as TestClock from "effect/TestClock"
import { AsyncLocalStorage } from "node:async_hooks"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import { InvalidOption } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import { Rotation } from "../../src/internal/connection/rotation.ts"
import * as Origin from "../../src/Origin.ts"
import * as Proxy from "../../src/Proxy.ts"
import type { Handle } from "../../src/TestTransport.ts"
import * as T from "../../src/TestTransport.ts"
import type * as Tls from "../../src/Tls.ts"
import { contained, failsWith, hasEnded, ok, settled, started } from "../connection/harness.ts"
import { holds, poolOver, textOf, watchedPool } from "./harness.ts"

const named = (serverName: string): Tls.Options => ({ serverName })

const get = (path = "/") => HttpRequest.get(`https://a.test${path}`)

const answer = (body = ""): ReadonlyArray<T.Step> => [T.discardUntil("\r\n\r\n"), T.reply(ok(body))]

/** As many connections, each of which answers so many requests, the first after a second. */
const slowly = (requests: number): T.Connection =>
  T.connection(
    T.discardUntil("\r\n\r\n"),
    T.delay("1 second"),
    T.reply(ok()),
    ...Array.from(
      { length: requests - 1 },
      () => answer()
    ).flat()
  )

/** The server names of the openings, in order. */
const namesOf = ({ opened }: Handle): ReadonlyArray<string | undefined> => opened.map(({ tls }) => tls?.serverName)

const reasons = (events: ReadonlyArray<{ readonly _tag: string; readonly reason?: unknown }>) =>
  events.filter(({ _tag }) => _tag === "Close").map(({ reason }) => reason)

describe("the Effect is asked", () => {
  it.effect("once for each connection, and not for a request that reuses one", () =>
    contained(Effect.gen(function*() {
      let asked = 0
      const { pool, transport } = yield* poolOver([T.connection(...answer("a"), ...answer("b")), slowly(1)], {
        tls: Effect.sync(() => named(`${++asked}.test`))
      })
      assert.strictEqual(yield* textOf(pool, get()), "a")
      assert.strictEqual(yield* textOf(pool, get()), "b")
      assert.strictEqual(asked, 1)
      assert.deepStrictEqual(namesOf(transport), ["1.test"])
    })))

  const refs: ReadonlyArray<readonly [string, Effect.Effect<Effect.Effect<Tls.Options>>]> = [
    ["a Ref", Ref.make(named("ref.test"))],
    ["a SubscriptionRef", SubscriptionRef.make(named("ref.test"))],
    [
      "a Deferred",
      Effect.tap(Deferred.make<Tls.Options>(), (deferred) => Deferred.succeed(deferred, named("ref.test")))
    ]
  ]
  for (const [name, make] of refs) {
    it.effect(`${name} is such an Effect`, () =>
      contained(Effect.gen(function*() {
        const { pool, transport } = yield* poolOver([T.connection(...answer())], { tls: yield* make })
        yield* textOf(pool, get())
        assert.deepStrictEqual(namesOf(transport), ["ref.test"])
      })))
  }

  it.effect("not for a URL without TLS", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([T.connection(...answer())], { tls: Effect.die("asked") })
      yield* textOf(pool, HttpRequest.get("http://a.test/"))
    })))

  it.effect("for the origin of a request, and of a lease", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([T.connection(...answer()), T.connection(...answer())])
      const of = (tls: Tls.Input) => Effect.runSync(Origin.make({ scheme: "https", host: "a.test", tls }))
      yield* textOf(pool, HttpRequest.get("/", { origin: of(Effect.succeed(named("origin.test"))) }))
      yield* Effect.scoped(Effect.flatMap(
        pool.lease(of(Effect.succeed(named("lease.test")))),
        (connection) => Effect.flatMap(connection.execute(HttpRequest.get("/")), (response) => response.text)
      ))
      assert.deepStrictEqual(namesOf(transport), ["origin.test", "lease.test"])
    })))

  it.effect("by the fiber of the request, with its references and its async context", () =>
    contained(Effect.gen(function*() {
      const storage = new AsyncLocalStorage<string>()
      const ref = yield* FiberRef.make("outside")
      const seen: Array<string | undefined> = []
      const tls = Effect.map(FiberRef.get(ref), (value) => {
        seen.push(value, storage.getStore())
        return {}
      })
      const { pool } = yield* poolOver([T.connection(...answer())], { tls })
      yield* Effect.async<void>((resume) => {
        storage.run("mine", () => {
          const asking = Effect.locally(textOf(pool, get()), ref, "inside")
          Effect.runFork(Effect.onExit(asking, () => Effect.sync(() => resume(Effect.void))))
        })
      })
      assert.deepStrictEqual(seen, ["inside", "mine"])
    })))

  it.effect("may use the pool itself, for another origin", () =>
    contained(Effect.gen(function*() {
      const self: { pool: ConnectionPool.ConnectionPool | undefined } = { pool: undefined }
      const tls = Effect.suspend(() =>
        self.pool === undefined
          ? Effect.die("no pool")
          : Effect.map(textOf(self.pool, HttpRequest.get("http://vault.test/")), named)
      )
      const { pool, transport } = yield* poolOver([T.connection(...answer("v.test")), T.connection(...answer())], {
        tls
      })
      self.pool = pool
      yield* textOf(pool, get())
      assert.deepStrictEqual(namesOf(transport), [undefined, "v.test"])
    })))
})

describe("a change", () => {
  it.effect("is not noticed while nothing is opened; then it closes the idle connections, as soon as the new one is open", () =>
    contained(Effect.gen(function*() {
      const tls = yield* Ref.make(named("1.test"))
      const { events, pool, transport } = yield* watchedPool([
        T.connection(...answer(), T.discardUntil("\r\n\r\n"), T.delay("1 second"), T.reply(ok()), ...answer()),
        T.openAfter("2 seconds", T.connection(...answer("new")))
      ], { tls })
      yield* textOf(pool, get())
      yield* Ref.set(tls, named("2.test"))
      const first = yield* started(textOf(pool, get()))
      // A connection is opened for this one, but the first is free before.
      const second = yield* started(textOf(pool, get()))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      yield* holds(pool, { idle: 1, connecting: 1 })
      assert.deepStrictEqual(reasons(events), [])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(reasons(events), ["Rotated"])
      yield* holds(pool, { idle: 1 })
      assert.strictEqual(yield* textOf(pool, get()), "new")
      assert.deepStrictEqual(namesOf(transport), ["1.test", "2.test"])
    })))

  it.effect("drains: busy connections finish their requests, and then are closed", () =>
    contained(Effect.gen(function*() {
      const tls = yield* Ref.make(named("1.test"))
      const { events, pool, transport } = yield* watchedPool([slowly(1), slowly(1), slowly(2)], { tls })
      const first = yield* started(textOf(pool, get("/1")))
      const second = yield* started(textOf(pool, get("/2")))
      yield* TestClock.adjust("500 millis")
      yield* Ref.set(tls, named("2.test"))
      const third = yield* started(textOf(pool, get("/3")))
      assert.deepStrictEqual(namesOf(transport), ["1.test", "1.test", "2.test"])
      yield* holds(pool, { busy: 3 })
      yield* TestClock.adjust("500 millis")
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.deepStrictEqual(reasons(events), ["Rotated", "Rotated"])
      yield* holds(pool, { busy: 1 })
      yield* TestClock.adjust("500 millis")
      yield* Fiber.join(third)
      yield* holds(pool, { idle: 1 })
      yield* textOf(pool, get("/4"))
      assert.deepStrictEqual(reasons(events), ["Rotated", "Rotated"])
    })))

  it.effect("is noticed at once with `closeIdle`, because the next request opens a connection", () =>
    contained(Effect.gen(function*() {
      const tls = yield* Ref.make(named("1.test"))
      const { events, pool, transport } = yield* watchedPool([slowly(1), T.connection(...answer()), slowly(1)], { tls })
      const busy = yield* started(textOf(pool, get()))
      yield* textOf(pool, get())
      yield* Ref.set(tls, named("2.test"))
      yield* pool.closeIdle
      const next = yield* started(textOf(pool, get()))
      yield* TestClock.adjust("1 second")
      yield* Effect.all([Fiber.join(busy), Fiber.join(next)])
      assert.deepStrictEqual(reasons(events), ["Closed", "Rotated"])
      assert.deepStrictEqual(namesOf(transport), ["1.test", "1.test", "2.test"])
      yield* holds(pool, { idle: 1 })
    })))

  it.effect("that does not work leaves the old connections in use", () =>
    contained(Effect.gen(function*() {
      const tls = yield* Ref.make(named("1.test"))
      const { events, pool, transport } = yield* watchedPool([slowly(3), T.refuse()], { tls })
      const first = yield* started(textOf(pool, get()))
      yield* Ref.set(tls, named("2.test"))
      yield* failsWith(textOf(pool, get()), "ConnectError")
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(first)
      yield* textOf(pool, get())
      assert.deepStrictEqual(reasons(events), [])
      assert.deepStrictEqual(namesOf(transport), ["1.test", "2.test"])
    })))

  it.effect("to options with the same content is none, whatever the record", () =>
    contained(Effect.gen(function*() {
      const tls = yield* Ref.make<Tls.Options>({ serverName: "1.test", ca: "c" })
      const { events, pool } = yield* watchedPool([slowly(1), slowly(1)], { tls })
      const first = yield* started(textOf(pool, get()))
      yield* Ref.set(tls, { ca: ["c"], serverName: "1.test", verify: true })
      const second = yield* started(textOf(pool, get()))
      yield* TestClock.adjust("1 second")
      yield* Effect.all([Fiber.join(first), Fiber.join(second)])
      yield* holds(pool, { idle: 2 })
      assert.deepStrictEqual(reasons(events), [])
    })))

  it.effect("back to the first options outdates those in between", () =>
    contained(Effect.gen(function*() {
      const tls = yield* Ref.make(named("1.test"))
      const { events, pool } = yield* watchedPool([slowly(1), slowly(1), slowly(1)], { tls })
      const fibers: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
      for (const name of ["1.test", "2.test", "1.test"]) {
        yield* Ref.set(tls, named(name))
        fibers.push(yield* started(textOf(pool, get())))
      }
      yield* TestClock.adjust("1 second")
      for (const fiber of fibers) yield* Fiber.join(fiber)
      // The first connection has the options of the last one.
      assert.deepStrictEqual(reasons(events), ["Rotated"])
      yield* holds(pool, { idle: 2 })
    })))

  it.effect("does not affect the connections of another origin", () =>
    contained(Effect.gen(function*() {
      const tls = yield* Ref.make(named("1.test"))
      const { events, pool } = yield* watchedPool([slowly(1), slowly(1)], { tls })
      const first = yield* started(textOf(pool, get()))
      yield* Ref.set(tls, named("2.test"))
      const other = yield* started(textOf(pool, HttpRequest.get("https://b.test/")))
      yield* TestClock.adjust("1 second")
      yield* Effect.all([Fiber.join(first), Fiber.join(other)])
      yield* holds(pool, { idle: 2 })
      assert.deepStrictEqual(reasons(events), [])
    })))

  it.effect("waits for the end of a lease", () =>
    contained(Effect.gen(function*() {
      const tls = yield* Ref.make(named("1.test"))
      const { events, pool } = yield* watchedPool([T.connection(...answer("l")), slowly(1)], { tls })
      const origin = Effect.runSync(Origin.make({ scheme: "https", host: "a.test", tls }))
      yield* Effect.scoped(Effect.gen(function*() {
        const leased = yield* pool.lease(origin)
        yield* Ref.set(tls, named("2.test"))
        const second = yield* started(textOf(pool, get()))
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(second)
        const response = yield* leased.execute(HttpRequest.get("/"))
        assert.strictEqual(yield* response.text, "l")
        assert.deepStrictEqual(reasons(events), [])
      }))
      assert.deepStrictEqual(reasons(events), ["Rotated"])
    })))

  it.effect("two origins with the same Effect share connections, and with two Effects they do not", () =>
    Effect.sync(() => {
      const [a, b] = [Effect.succeed(named("a.test")), Effect.succeed(named("a.test"))]
      const key = (tls: Tls.Input) => Origin.key(Effect.runSync(Origin.make({ scheme: "https", host: "a.test", tls })))
      assert.strictEqual(key(a), key(a))
      assert.strictEqual(new Set([key(a), key(b), key(named("a.test")), key({})]).size, 4)
      const origin = Effect.runSync(Origin.make({ scheme: "https", host: "a.test", tls: a }))
      assert.strictEqual(origin.tls, a)
      expectTypeOf(origin.tls).toEqualTypeOf<Tls.Input | undefined>()
    }))
})

describe("the answers of two questions", () => {
  const host = { ask: () => () => {} }
  /** Asks as the rim would, and answers when the test says so. */
  const kit = () => {
    const answers: Array<(value: Tls.Options) => void> = []
    const asking = {
      ...host,
      ask: (_: unknown, __: unknown, done: (answer: unknown) => void) => {
        answers.push((value) => done({ _tag: "Given", value }))
        return () => {}
      }
    }
    const way = { settings: { host: asking, timers: { start: () => {}, cancel: () => {} } }, tunnel: undefined }
    const rotation = new Rotation(Effect.never as never, undefined)
    const ways: Array<unknown> = []
    const ask = () =>
      rotation.resolve(way as never, 1000, {} as never, (resolved) => {
        if (resolved._tag === "Resolved") ways.push(resolved.way)
      })
    return { answers, ask, rotation, ways: ways as Array<never> }
  }

  it("the later question is newer, whichever answer arrives first", () => {
    const { answers, ask, rotation, ways } = kit()
    ask()
    ask()
    answers[1]?.(named("2.test"))
    assert.isTrue(rotation.opened(ways[0] as never))
    answers[0]?.(named("1.test"))
    assert.isFalse(rotation.opened(ways[1] as never))
    assert.deepStrictEqual(ways.map((way) => rotation.isOutdated(way)), [false, true])
  })

  it("a connection whose options are no longer the newest outdates none", () => {
    const { answers, ask, rotation, ways } = kit()
    ask()
    ask()
    answers[0]?.(named("1.test"))
    answers[1]?.(named("2.test"))
    assert.isFalse(rotation.opened(ways[0] as never))
    assert.deepStrictEqual(ways.map((way) => rotation.isOutdated(way)), [false, false])
    assert.isTrue(rotation.opened(ways[1] as never))
    assert.deepStrictEqual(ways.map((way) => rotation.isOutdated(way)), [true, false])
  })
})

describe("an Effect that does not return options", () => {
  class Unreadable extends Data.TaggedError("Unreadable")<{ readonly path: string }> {}

  it.effect("fails the request with `CredentialsError`, whose cause is its error; nothing is opened", () =>
    contained(Effect.gen(function*() {
      const failure = new Unreadable({ path: "/etc/key.pem" })
      const { events, pool, transport } = yield* watchedPool([], { tls: failure })
      const error = yield* failsWith(textOf(pool, get("/x?y")), "CredentialsError")
      assert.strictEqual(error.cause, failure)
      assert.strictEqual(error.option, "tls")
      const { fault, method, origin, path, phase, processed } = error.context
      assert.deepStrictEqual({ fault, method, origin, path, phase, processed }, {
        fault: "User",
        method: "GET",
        origin: "https://a.test:443",
        path: "/x",
        phase: "connect",
        processed: "No"
      })
      assert.strictEqual(transport.opened.length, 0)
      assert.deepStrictEqual(events.map(({ _tag }) => _tag), [
        "Wait",
        "Connect",
        "ConnectFailed",
        "WaitEnd",
        "RequestEnd"
      ])
      yield* holds(pool, {})
    })))

  it.effect("is asked again for the next request, and an outage of the server is not assumed", () =>
    contained(Effect.gen(function*() {
      let asked = 0
      const tls = Effect.suspend(() =>
        ++asked === 1 ? new Unreadable({ path: "" }) : Effect.succeed(named("late.test"))
      )
      const { pool } = yield* poolOver([T.connection(...answer("late"))], { tls, connectRetryTime: "1 minute" })
      yield* failsWith(textOf(pool, get()), "CredentialsError")
      assert.strictEqual(yield* textOf(pool, get()), "late")
    })))

  const results: ReadonlyArray<readonly [string, unknown]> = [
    ["no record", "pem"],
    ["a key that is no text", { key: 1 }],
    ["nothing", undefined],
    ["another Effect", Effect.succeed(named("a.test"))]
  ]
  for (const [name, result] of results) {
    it.effect(`and returns ${name}: the cause says what is wrong`, () =>
      contained(Effect.gen(function*() {
        const { pool } = yield* poolOver([], { tls: Effect.succeed(result as Tls.Options) })
        const { cause } = yield* failsWith(textOf(pool, get()), "CredentialsError")
        assert.instanceOf(cause, InvalidOption)
      })))
  }

  it.effect("but dies, kills the request", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([], { tls: Effect.die("broken") })
      const exit = yield* Effect.exit(textOf(pool, get()))
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
      yield* holds(pool, {})
    })))

  it.effect("in time: `timeouts.connect` limits it, does not wait for its end, and interrupts it", () =>
    contained(Effect.gen(function*() {
      let interrupted = false
      const gate = yield* Deferred.make<void>()
      const tls = Effect.onInterrupt(Effect.never, () => {
        interrupted = true
        return Deferred.await(gate)
      })
      const { pool } = yield* poolOver([], { tls, timeouts: { connect: "3 seconds" } })
      const fiber = yield* started(textOf(pool, get()))
      yield* TestClock.adjust(2999)
      assert.isFalse(hasEnded(fiber))
      yield* TestClock.adjust(1)
      const error = yield* failsWith(Fiber.join(fiber), "HttpTimeout")
      assert.deepStrictEqual([error.kind, error.context.phase], ["connect", "connect"])
      assert.isTrue(interrupted)
      yield* holds(pool, {})
      yield* Deferred.succeed(gate, undefined)
      yield* settled
    })))

  it.effect("before the request is interrupted: it is interrupted too, and its end awaited", () =>
    contained(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      let asked = 0
      const tls = Effect.suspend(() => {
        asked++
        return Effect.onInterrupt(Effect.never, () => Deferred.await(gate))
      })
      const { pool } = yield* poolOver([], { tls })
      const fiber = yield* started(textOf(pool, get()))
      assert.strictEqual(asked, 1)
      yield* holds(pool, { connecting: 1, waiting: 1 })
      const leaving = yield* started(Fiber.interrupt(fiber))
      assert.isFalse(hasEnded(leaving))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(leaving)
      yield* holds(pool, {})
    })))

  it.effect("before the pool ends: it ends with the pool", () =>
    contained(Effect.gen(function*() {
      let interrupted = false
      const fiber = yield* Effect.scoped(Effect.gen(function*() {
        const tls = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (interrupted = true)))
        const { pool } = yield* poolOver([], { tls })
        return yield* started(textOf(pool, get()))
      }))
      assert.isTrue(interrupted)
      yield* failsWith(Fiber.join(fiber), "PoolClosed")
    })))
})

describe("credentials for a proxy", () => {
  const basic = (name: string) => `Proxy-Authorization: Basic ${Buffer.from(`${name}:p`).toString("base64")}`
  const tunnelled = T.connection(
    T.discardUntil("\r\n\r\n"),
    T.reply("HTTP/1.1 200 \r\n\r\n"),
    ...answer()
  )
  const proxyWith = (credentials: Proxy.Options["credentials"], scheme: Proxy.Scheme = "http") =>
    Effect.runSync(Proxy.make({ scheme, host: "p.test", credentials }))

  it.effect("that are an Effect are asked for with each tunnel, with the TLS options, and never shown", () =>
    contained(Effect.gen(function*() {
      const credentials = yield* Ref.make({ username: "a", password: "p" })
      const proxy = proxyWith(credentials)
      const tls = yield* Ref.make(named("1.test"))
      const { events, pool, transport } = yield* watchedPool([tunnelled, tunnelled, tunnelled], { proxy, tls })
      yield* textOf(pool, get())
      for (const change of [Ref.set(credentials, { username: "b", password: "p" }), Ref.set(tls, named("2.test"))]) {
        yield* change
        yield* pool.closeIdle
        yield* textOf(pool, get())
      }
      assert.deepStrictEqual(
        [0, 1, 2].map((one) => /Proxy-Authorization: .*/.exec(transport.written(one))?.[0].trim()),
        [
          basic("a"),
          basic("b"),
          basic("b")
        ]
      )
      assert.deepStrictEqual(transport.secured.map(({ tls }) => tls.serverName), ["1.test", "1.test", "2.test"])
      assert.deepStrictEqual(reasons(events), ["Closed", "Closed"])
      assert.include(JSON.stringify(proxy), "<redacted>")
      assert.isUndefined(proxy.credentials)
    })))

  it.effect("fail with `CredentialsError`, and are checked for the kind of the proxy", () =>
    contained(Effect.gen(function*() {
      for (
        const [credentials, scheme] of [
          [Effect.fail("no vault"), "http"],
          [Effect.succeed({ username: "a:b", password: "p" }), "http"],
          [Effect.succeed({ username: "", password: "p" }), "socks5h"],
          [Effect.succeed({} as Proxy.CredentialsInput), "https"]
        ] as const
      ) {
        const { pool, transport } = yield* poolOver([], { proxy: proxyWith(credentials, scheme) })
        const error = yield* failsWith(textOf(pool, get()), "CredentialsError")
        assert.strictEqual(error.option, "proxy.credentials")
        assert.strictEqual(transport.opened.length, 0)
      }
    })))

  const unreadable: ReadonlyArray<readonly [string, () => unknown]> = [
    ["nothing", () => undefined],
    ["another Effect", () => Effect.succeed({ username: "a", password: "p" })],
    ["a password that was wiped", () => {
      const password = Redacted.make("hunter2")
      Redacted.unsafeWipe(password)
      return { username: "a", password }
    }],
    ["a record that throws", () => ({
      username: "a",
      get password(): string {
        throw new RangeError("hunter2")
      }
    })]
  ]
  for (const [name, make] of unreadable) {
    it.effect(`are not left out if the Effect returns ${name}: that is a \`CredentialsError\``, () =>
      contained(Effect.gen(function*() {
        const credentials = Effect.sync(make) as Effect.Effect<Proxy.CredentialsInput>
        const { pool, transport } = yield* poolOver([], { proxy: proxyWith(credentials) })
        const error = yield* failsWith(textOf(pool, get()), "CredentialsError")
        assert.instanceOf(error.cause, InvalidOption)
        assert.notInclude(String(error.cause), "hunter2")
        assert.strictEqual(transport.opened.length, 0)
        yield* holds(pool, {})
      })))
  }
})
