/** `Auth.refreshing`: when a token is acquired, for whom, and what becomes of a failure or an interruption. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import { AsyncLocalStorage } from "node:async_hooks"
import { inspect } from "node:util"
import * as Auth from "../../src/Auth.ts"
import type { InvalidOption } from "../../src/HttpError.ts"
import * as Origin from "../../src/Origin.ts"
import { contained, failsWith, hasEnded, settled, started } from "../connection/harness.ts"
import { api, clientWith, numbered, refreshing } from "./harness.ts"

const valueOf = <E>(auth: Auth.Refreshing<E>) => Effect.map(auth.token, Redacted.value)

class Unavailable extends Data.TaggedError("Unavailable")<{ readonly attempt: number }> {}

describe("how long a token is kept", () => {
  const table: ReadonlyArray<readonly [string, Omit<Auth.Token, "token">, Partial<Auth.Options>, number]> = [
    ["until 5 seconds before `expiresIn` is over", { expiresIn: "1 minute" }, {}, 55_000],
    ["until 5 seconds before `expiresAt`, as a date", { expiresAt: new Date(60_000) }, {}, 55_000],
    ["the same, as milliseconds since 1970", { expiresAt: 60_000 }, {}, 55_000],
    ["until the earlier of both", { expiresIn: "2 minutes", expiresAt: 60_000 }, {}, 55_000],
    ["until `margin` before it expires", { expiresIn: "1 minute" }, { margin: "20 seconds" }, 40_000],
    ["with no margin", { expiresIn: "1 minute" }, { margin: 0 }, 60_000],
    ["for half of the time, if the margin is longer than that", { expiresIn: "4 seconds" }, {}, 2000]
  ]
  for (const [name, how, options, kept] of table) {
    it.effect(name, () =>
      Effect.gen(function*() {
        const { acquire, counts } = numbered(how)
        const auth = yield* refreshing(acquire, options)
        assert.strictEqual(counts.begun, 0)
        assert.strictEqual(yield* valueOf(auth), "t1")
        yield* TestClock.adjust(kept - 1)
        assert.strictEqual(yield* valueOf(auth), "t1")
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* valueOf(auth), "t2")
      }))
  }

  it.effect("`expiresIn` counts from the start of the acquisition, because the server counted from then", () =>
    Effect.gen(function*() {
      const { acquire } = numbered({ expiresIn: "1 minute" }, 10_000)
      const auth = yield* refreshing(acquire, { margin: 0 })
      const first = yield* started(valueOf(auth))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Fiber.join(first), "t1")
      yield* TestClock.adjust(49_999)
      assert.strictEqual(yield* valueOf(auth), "t1")
      yield* TestClock.adjust(1)
      const second = yield* started(valueOf(auth))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Fiber.join(second), "t2")
    }))

  it.effect("for ever, if nothing says when it expires, and until it is forgotten", () =>
    Effect.gen(function*() {
      const { acquire } = numbered()
      const auth = yield* refreshing(acquire)
      assert.strictEqual(yield* valueOf(auth), "t1")
      yield* TestClock.adjust("1000 days")
      assert.strictEqual(yield* valueOf(auth), "t1")
      yield* auth.forget
      assert.strictEqual(yield* valueOf(auth), "t2")
    }))

  it.effect("not at all, if it was forgotten while it was acquired: it serves those that waited already", () =>
    Effect.gen(function*() {
      const { acquire, counts } = numbered({}, 1000)
      const auth = yield* refreshing(acquire)
      const before = yield* started(valueOf(auth))
      yield* auth.forget
      const after = yield* started(valueOf(auth))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(before), "t1")
      assert.strictEqual(yield* Fiber.join(after), "t2")
      assert.strictEqual(yield* valueOf(auth), "t2")
      assert.strictEqual(counts.begun, 2)
    }))

  it.effect("a token that has expired on arrival serves the requests that waited for it, and no later one", () =>
    Effect.gen(function*() {
      const { acquire } = numbered({ expiresIn: 0 })
      const auth = yield* refreshing(acquire)
      assert.deepStrictEqual(yield* Effect.all([valueOf(auth), valueOf(auth)], { concurrency: 2 }), ["t1", "t1"])
      assert.strictEqual(yield* valueOf(auth), "t2")
    }))
})

describe("one acquisition at a time", () => {
  it.effect("1,000 concurrent requests with a token that has expired acquire one", () =>
    contained(Effect.gen(function*() {
      const { acquire, counts } = numbered({ expiresIn: "1 minute" }, 1000)
      const { client, seen } = clientWith()
      const auth = yield* refreshing(acquire)
      const authorized = Auth.client(client, auth)
      const first = yield* started(authorized.get(api))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(first)
      yield* TestClock.adjust("2 minutes")
      const all = yield* started(
        Effect.forEach(Array.from({ length: 1000 }), () => authorized.get(api), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(all)).length, 1000)
      assert.deepStrictEqual(counts, { begun: 2, done: 2, interrupted: 0 })
      assert.deepStrictEqual(seen, ["Bearer t1", ...Array.from({ length: 1000 }, () => "Bearer t2")])
    })))

  it.effect("a request that is interrupted does not fail the others", () =>
    contained(Effect.gen(function*() {
      const { acquire, counts } = numbered({}, 1000)
      const auth = yield* refreshing(acquire)
      const first = yield* started(valueOf(auth))
      const second = yield* started(valueOf(auth))
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(second), "t1")
      assert.deepStrictEqual(counts, { begun: 1, done: 1, interrupted: 0 })
    })))

  it.effect("the last request that is interrupted interrupts it, and waits for its end", () =>
    contained(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { acquire, counts } = numbered({}, 1000)
      const auth = yield* refreshing(Effect.onInterrupt(acquire, () => Deferred.await(gate)))
      const first = yield* started(valueOf(auth))
      const second = yield* started(valueOf(auth))
      yield* Fiber.interrupt(first)
      assert.strictEqual(counts.interrupted, 0)
      const leaving = yield* started(Fiber.interrupt(second))
      assert.strictEqual(counts.interrupted, 1)
      assert.isFalse(hasEnded(leaving))
      // The next request does not join what is ending.
      const third = yield* started(valueOf(auth))
      assert.strictEqual(counts.begun, 2)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(leaving)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(third), "t2")
    })))

  it.effect("a failure reaches all that wait, typed, and the next request tries again", () =>
    contained(Effect.gen(function*() {
      let attempts = 0
      const acquire = Effect.suspend((): Effect.Effect<Auth.Token, Unavailable> => {
        const attempt = ++attempts
        const result: Effect.Effect<Auth.Token, Unavailable> = attempt === 1
          ? new Unavailable({ attempt })
          : Effect.succeed({ token: Redacted.make("late") })
        return Effect.zipRight(Effect.sleep("1 second"), result)
      })
      const auth = yield* refreshing(acquire)
      expectTypeOf(auth.token).toEqualTypeOf<Effect.Effect<Redacted.Redacted, Unavailable | InvalidOption>>()
      const both = yield* started(Effect.all([Effect.flip(auth.token), Effect.flip(auth.token)], { concurrency: 2 }))
      yield* TestClock.adjust("1 second")
      for (const error of yield* Fiber.join(both)) assert.deepStrictEqual(error, new Unavailable({ attempt: 1 }))
      const third = yield* started(valueOf(auth))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(third), "late")
      assert.strictEqual(attempts, 2)
    })))

  it.effect("a defect stays a defect", () =>
    Effect.gen(function*() {
      const auth = yield* refreshing(Effect.die("broken"))
      const exit = yield* Effect.exit(auth.token)
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
    }))

  it.effect("it runs with the context of `refreshing`, whatever the context of the request", () =>
    Effect.gen(function*() {
      class Secret extends Context.Tag("Secret")<Secret, string>() {}
      const auth = yield* Effect.provideService(
        refreshing(Effect.map(Secret, (secret) => ({ token: Redacted.make(secret) }))),
        Secret,
        "from-outside"
      )
      expectTypeOf(auth).toEqualTypeOf<Auth.Refreshing<never>>()
      assert.strictEqual(yield* valueOf(auth), "from-outside")
    }))

  it.effect("each request goes on in its own async context", () =>
    Effect.gen(function*() {
      const { acquire } = numbered({}, 1000)
      const storage = new AsyncLocalStorage<string>()
      const auth = yield* refreshing(acquire)
      const asking = (name: string) =>
        Effect.async<string | undefined>((resume) => {
          storage.run(name, () => {
            Effect.runFork(Effect.map(auth.token, () => resume(Effect.succeed(storage.getStore()))))
          })
        })
      const both = yield* started(Effect.all([asking("a"), asking("b")], { concurrency: 2 }))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(both), ["a", "b"])
    }))

  it.effect("a request that `acquire` itself sends gets no token, so that it does not wait for itself", () =>
    Effect.gen(function*() {
      const { client, seen } = clientWith()
      let own = client
      const auth = yield* refreshing(
        Effect.suspend(() => Effect.as(Effect.orDie(own.get(`${api}/token`)), { token: Redacted.make("t") }))
      )
      const authorized = Auth.client(client, auth)
      own = authorized as typeof own
      yield* authorized.get(api)
      assert.deepStrictEqual(seen, ["none", "Bearer t"])
    }))

  it.effect("`token` within `acquire` is a typed error, because it would wait for itself", () =>
    Effect.gen(function*() {
      let own: Effect.Effect<Redacted.Redacted, InvalidOption> = Effect.never
      const auth = yield* refreshing(Effect.suspend(() => Effect.map(own, (token) => ({ token }))))
      own = auth.token
      const waiting = yield* started(auth.token)
      yield* settled
      assert.isTrue(hasEnded(waiting))
      const error = yield* failsWith(Fiber.join(waiting), "InvalidOption")
      assert.strictEqual(error.option, "acquire")
    }))
})

describe("what is wrong is a typed error", () => {
  const acquire = numbered().acquire
  const options: ReadonlyArray<readonly [string, unknown, string]> = [
    ["no options", undefined, "options"],
    ["no origins", {}, "origins"],
    ["an empty list of origins", { origins: [] }, "origins"],
    ["an origin that is no URL", { origins: ["api.example.com"] }, "origins"],
    ["an origin with another scheme", { origins: ["ftp://api.example.com"] }, "origins"],
    ["an origin with a path, which would promise more than is kept", { origins: ["http://a.test/v1"] }, "origins"],
    ["an origin that is a number", { origins: [1] }, "origins"],
    ["a margin that is no duration", { origins: [api], margin: -1 }, "margin"]
  ]
  for (const [name, given, option] of options) {
    it.effect(name, () =>
      Effect.gen(function*() {
        const error = yield* failsWith(Auth.refreshing(acquire, given as Auth.Options), "InvalidOption")
        assert.strictEqual(error.option, option)
      }))
  }

  const results: ReadonlyArray<readonly [string, unknown]> = [
    ["a result that is no record", "t"],
    ["a token that is not redacted", { token: "secret" }],
    ["a token that is no text", { token: Redacted.make(1) }],
    ["an empty token", { token: Redacted.make("") }],
    ["a token with a line break", { token: Redacted.make("secret\r\nX-A: 1") }],
    ["a token with a space", { token: Redacted.make("secret secret") }],
    ["an `expiresIn` that is none", { token: Redacted.make("secret"), expiresIn: "soon" }],
    ["an `expiresAt` that is none", { token: Redacted.make("secret"), expiresAt: new Date("secret") }]
  ]
  for (const [name, result] of results) {
    it.effect(name, () =>
      Effect.gen(function*() {
        const auth = yield* refreshing(Effect.succeed(result as Auth.Token))
        const error = yield* failsWith(auth.token, "InvalidOption")
        assert.strictEqual(error.option, "acquire")
        assert.notInclude(`${error.message}${JSON.stringify(error)}`, "secret")
      }))
  }

  it.effect("something that is no Effect", () =>
    Effect.gen(function*() {
      const error = yield* failsWith(refreshing({} as Effect.Effect<Auth.Token>), "InvalidOption")
      assert.strictEqual(error.option, "acquire")
    }))
})

it.effect("origins are compared by scheme, host and port, however they are written", () =>
  Effect.gen(function*() {
    const { client, seen } = clientWith()
    const auth = yield* refreshing(numbered().acquire, {
      origins: ["HTTP://A.test:80/", Origin.make({ scheme: "https", host: "b.test" }).pipe(Effect.runSync)]
    })
    const authorized = Auth.client(client, auth)
    const urls = ["http://a.test/x?y", "http://A.TEST:80", "https://b.test:443/", "https://a.test", "http://a.test:81"]
    for (const url of [...urls, "http://b.test", "http://a.test.c"]) yield* authorized.get(url)
    assert.deepStrictEqual(seen, ["Bearer t1", "Bearer t1", "Bearer t1", "none", "none", "none", "none"])
  }))

it.effect("no output of it has the token", () =>
  Effect.gen(function*() {
    const auth = yield* refreshing(numbered().acquire)
    yield* auth.token
    yield* settled
    assert.strictEqual(JSON.stringify(auth), `{"_id":"Auth"}`)
    for (const shown of [inspect(auth, { depth: 9, showHidden: true }), String(auth)]) assert.notInclude(shown, "t1")
    assert.isTrue(Auth.isRefreshing(auth))
    assert.isFalse(Auth.isRefreshing({}))
  }))

describe("an acquisition that needs a token", () => {
  it.effect("of a keeper that needs its own fails instead of waiting, for each order of two and for three", () =>
    contained(Effect.gen(function*() {
      for (const size of [2, 3]) {
        const keepers: Array<Auth.Refreshing<InvalidOption>> = []
        for (let i = 0; i < size; i++) {
          const acquire = Effect.suspend(() => (keepers[(i + 1) % size] as Auth.Refreshing<InvalidOption>).token)
          keepers.push(yield* refreshing(Effect.map(acquire, (token) => ({ token }))))
        }
        for (const { token } of keepers) {
          const error = yield* Effect.flip(token)
          assert.include(error.message, "whose own acquisition waits")
        }
      }
    })))

  it.effect("of another keeper waits for it, and so does one that is begun in the meantime", () =>
    contained(Effect.gen(function*() {
      const inner = yield* refreshing(numbered({}, 1000).acquire)
      const outer = yield* refreshing(Effect.map(inner.token, (token) => ({ token })))
      const both = yield* started(Effect.all([valueOf(outer), valueOf(inner)], { concurrency: 2 }))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(both), ["t1", "t1"])
    })))

  it.effect("in one of its fibers counts as well: a limit of time does not hide it", () =>
    contained(Effect.gen(function*() {
      const auth: Auth.Refreshing<unknown> = yield* refreshing(
        Effect.suspend(() => Effect.timeout(auth.token, "1 minute")).pipe(Effect.map((token) => ({ token })))
      )
      const error = yield* Effect.flip(auth.token)
      assert.include(String(error), "asks for `token`")
    })))

  it.effect("in a fiber that outlives it receives one, like every other fiber", () =>
    contained(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const later = yield* Deferred.make<string>()
      const { acquire } = numbered()
      const auth: Auth.Refreshing = yield* refreshing(Effect.zipRight(
        Effect.forkDaemon(
          Effect.zipRight(
            Deferred.await(gate),
            Effect.intoDeferred(Effect.orDie(Effect.suspend(() => valueOf(auth))), later)
          )
        ),
        acquire
      ))
      assert.strictEqual(yield* valueOf(auth), "t1")
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Deferred.await(later), "t1")
    })))
})
