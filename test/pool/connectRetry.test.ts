/**
 * A pool connects again if nothing was sent and the failure may pass: within `connectRetryTime`,
 * with pauses that grow up to `connectBackoff`. All queued requests of an origin share the
 * openings, and finally their failure.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as TestClock from "effect/TestClock"
import type * as ConnectionPool from "../../src/ConnectionPool.ts"
import type { ConnectReason } from "../../src/HttpError.ts"
import { ConnectError, DnsError, HttpTimeout, TlsError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import { sharedCopyOf } from "../../src/internal/pool/recoverable.ts"
import * as Origin from "../../src/Origin.ts"
import * as T from "../../src/TestTransport.ts"
import { contained, failsWith, getHead, hasEnded, ok, settled, started } from "../connection/harness.ts"
import { get, holds, holdsNothing, poolOver, serving, slow, textOf, watchedPool } from "./harness.ts"
import { eventsOf } from "./over.ts"

/** Pauses of at most 10, 20, 40, 80, 160, 160, ... ms. */
const patient: ConnectionPool.Options = { connectRetryTime: "2 seconds", connectBackoff: 160 }

const systemError = (code: string): Error => Object.assign(new Error(code), { code })

const connectError = (reason: ConnectReason, code: string, cause: unknown = systemError(code)): ConnectError =>
  new ConnectError({ reason, code, target: "a.test:80", attempts: [], cause })

const tlsError = (reason: "Closed" | "Alert"): TlsError =>
  new TlsError({ reason, code: "X", serverName: "a.test", names: undefined, cause: undefined })

const dnsError = (reason: "Temporary" | "NotFound" | "Other", code: string): DnsError =>
  new DnsError({ host: "a.test", reason, code, cause: systemError(code) })

/** A script in which so many openings are refused. */
const refusals = (count: number, refusal = T.refuse()): ReadonlyArray<T.Connection> =>
  Array.from({ length: count }, () => refusal)

describe("an opening that failed before anything was sent", () => {
  const passing: ReadonlyArray<readonly [what: string, connection: T.Connection]> = [
    ["a refusal", T.refuse()],
    ["a refusal of the system", T.refuse(connectError("Refused", "ECONNREFUSED"))],
    [
      "a refusal of all addresses",
      T.refuse(connectError("Refused", "ECONNREFUSED", new AggregateError([systemError("ECONNREFUSED")])))
    ],
    ["a reset", T.refuse(connectError("Reset", "ECONNRESET"))],
    ["a lack of descriptors", T.refuse(connectError("TooManyFiles", "EMFILE"))],
    ["a socket file that is not there yet", T.refuse(connectError("NoEntry", "ENOENT"))],
    ["a unix socket with too many who wait", T.refuse(connectError("Other", "EAGAIN"))],
    ["a handshake that the server cut off", T.refuse(tlsError("Closed"))],
    ["a resolver that does not answer", T.refuse(dnsError("Temporary", "EAI_AGAIN"))],
    ["a lack of descriptors for the resolver", T.refuse(dnsError("Other", "EMFILE"))],
    ["a connection that is closed as soon as it is open", T.connection(T.eof)],
    ["a connection that is reset as soon as it is open", T.connection(T.reset)]
  ]
  for (const [what, connection] of passing) {
    for (const method of ["GET", "POST"] as const) {
      it.effect(`is tried again, with ${method}, where it is ${what}`, () =>
        contained(Effect.gen(function*() {
          const { pool, transport } = yield* poolOver([
            connection,
            connection,
            T.connection(T.discardUntil("\r\n\r\n"), T.reply(ok("there")))
          ], patient)
          const request = HttpRequest.make(method, "http://a.test/")
          const asking = yield* started(textOf(pool, request))
          yield* TestClock.adjust(10)
          yield* settled
          yield* TestClock.adjust(20)
          assert.strictEqual(yield* Fiber.join(asking), "there")
          yield* transport.verify
          yield* holds(pool, { idle: 1 })
        })))
    }
  }

  const lasting: ReadonlyArray<
    readonly [
      what: string,
      refusal: T.Connection,
      tag: "ConnectError" | "TlsError" | "DnsError" | "HttpTimeout" | "UnexpectedMessage"
    ]
  > = [
    ["no route", T.refuse(connectError("Unreachable", "EHOSTUNREACH")), "ConnectError"],
    ["silence", T.refuse(connectError("TimedOut", "ETIMEDOUT")), "ConnectError"],
    ["a wrong local address", T.refuse(connectError("AddressNotAvailable", "EADDRNOTAVAIL")), "ConnectError"],
    ["no system's, but a transport's own", T.refuse(connectError("Refused", "ECONNREFUSED", "no")), "ConnectError"],
    ["an alert", T.refuse(tlsError("Alert")), "TlsError"],
    ["an unknown name", T.refuse(dnsError("NotFound", "ENOTFOUND")), "DnsError"],
    ["a timeout", T.refuse(new HttpTimeout({ kind: "connect", millis: 5 })), "HttpTimeout"],
    ["an answer before any request", T.connection(T.reply(ok("stray"))), "UnexpectedMessage"]
  ]
  for (const [what, refusal, tag] of lasting) {
    it.effect(`is told at once where it is ${what}`, () =>
      contained(Effect.gen(function*() {
        const { pool, transport } = yield* poolOver([refusal, serving("/")], patient)
        yield* failsWith(pool.execute(get("/", { timeouts: { connect: 5 } })), tag)
        assert.strictEqual(transport.opened.length, 1)
        yield* holds(pool, {})
      })))
  }

  it.effect("is told after connectRetryTime: the last failure, and each opening was told as an event", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool(refusals(40), patient)
      const asking = yield* started(Effect.flip(kit.pool.execute(get())))
      // Each pause ends for itself: what comes of an opening must be known before the next one begins.
      for (let millis = 0; millis < 2000; millis += 10) {
        assert.isFalse(hasEnded(asking))
        yield* TestClock.adjust(10)
      }
      for (let millis = 0; millis < 160; millis += 10) yield* TestClock.adjust(10)
      const error = yield* Fiber.join(asking)
      assert.deepInclude(error, { _tag: "ConnectError", reason: "Refused" })
      assert.deepInclude(error.context, { origin: "http://a.test:80", processed: "No", requestState: "NotSent" })
      const { length } = kit.transport.opened
      // Without the first four, between 12 and 24 pauses of 80 to 160 ms fit in 2 seconds.
      assert.isAbove(length, 12)
      assert.isBelow(length, 30)
      assert.strictEqual(eventsOf(kit.events, "ConnectFailed").length, length)
      yield* holdsNothing(kit)
    })))

  it.effect("is told after connectRetryTime, though the pauses may be much longer", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool(refusals(20), { connectRetryTime: "2 seconds", connectBackoff: "1 hour" })
      const asking = yield* started(failsWith(kit.pool.execute(get()), "ConnectError"))
      for (let millis = 0; millis < 2500; millis += 50) yield* TestClock.adjust(50)
      assert.isTrue(hasEnded(asking))
      yield* holdsNothing(kit)
    })))

  it.effect("is told at once where connectRetryTime is 0", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool(refusals(1), { connectRetryTime: 0, connectBackoff: 160 })
      yield* failsWith(kit.pool.execute(get()), "ConnectError")
      yield* holdsNothing(kit)
    })))

  it.effect("is told when the time that a request may wait for the pool is over, in place of a timeout", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool(refusals(10), patient)
      const request = get("/", { timeouts: { pool: 25 } })
      const asking = yield* started(failsWith(kit.pool.execute(request), "ConnectError"))
      for (let i = 0; i < 5; i++) yield* TestClock.adjust(5)
      yield* Fiber.join(asking)
      assert.deepStrictEqual(eventsOf(kit.events, "WaitEnd").map(({ outcome }) => outcome), ["Failed"])
      yield* holdsNothing(kit)
    })))

  it.effect("is not told of a failure that was long before the request, where it was room that it waited for", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([slow("/1", "/2", "/3"), T.refuse(), slow("/4")], {
        connections: 2,
        connectRetryTime: "1 hour",
        connectBackoff: "1 minute"
      })
      const first = yield* started(textOf(pool, get("/1")))
      const second = yield* started(textOf(pool, get("/2")))
      for (let i = 0; i < 2; i++) yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([...yield* Fiber.joinAll([first, second])], ["/1", "/2"])
      yield* TestClock.adjust("10 seconds")
      const third = yield* started(textOf(pool, get("/3")))
      const other = yield* started(textOf(pool, HttpRequest.get("http://b.test/4", { headers: { Host: "a.test" } })))
      const waiting = yield* started(failsWith(pool.execute(get("/5", { timeouts: { pool: 500 } })), "HttpTimeout"))
      yield* TestClock.adjust(500)
      assert.strictEqual((yield* Fiber.join(waiting)).kind, "pool")
      yield* TestClock.adjust(500)
      assert.deepStrictEqual([...yield* Fiber.joinAll([third, other])], ["/3", "/4"])
    })))

  it.effect("does not outlast the request as a whole", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool(refusals(10), patient)
      const request = get("/", { timeouts: { total: 25 } })
      const asking = yield* started(failsWith(kit.pool.execute(request), "HttpTimeout"))
      for (let i = 0; i < 5; i++) yield* TestClock.adjust(5)
      assert.strictEqual((yield* Fiber.join(asking)).kind, "total")
      yield* holdsNothing(kit)
    })))

  it.effect("is tried again for a lease", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([T.refuse(), serving("/")], patient)
      const leasing = yield* started(pool.lease(Either.getOrThrow(Origin.make({ scheme: "http", host: "a.test" }))))
      yield* TestClock.adjust(10)
      const connection = yield* Fiber.join(leasing)
      const response = yield* connection.execute(HttpRequest.get("/"))
      assert.strictEqual(yield* response.text, "/")
    })))

  it.effect("leaves nothing where the request is interrupted in a pause", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool([T.refuse(), serving("/2")], patient)
      const asking = yield* started(kit.pool.execute(get()))
      yield* holds(kit.pool, { waiting: 1 })
      yield* Fiber.interrupt(asking)
      yield* holdsNothing(kit)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(kit.transport.opened.length, 1)
    })))

  it.effect("is over with the pool", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool(refusals(1), patient)
      const asking = yield* started(failsWith(kit.pool.execute(get()), "PoolClosed"))
      yield* kit.pool.shutdown({ grace: 0 })
      yield* Fiber.join(asking)
      yield* holdsNothing(kit)
    })))
})

describe("those who wait for an origin that refuses", () => {
  it.effect("share the openings: a thousand cost hardly more than one, and all get what comes then", () =>
    contained(Effect.gen(function*() {
      const server = T.connection(
        ...Array.from({ length: 1000 }, () => [T.discardUntil("\r\n\r\n"), T.reply(ok("there"))]).flat()
      )
      const { pool, transport } = yield* poolOver(
        [...refusals(8), ...Array.from({ length: 4 }, () => server)],
        { ...patient, connectionsPerOrigin: 4 }
      )
      const asking = yield* Effect.forEach(Array.from({ length: 1000 }), () => Effect.fork(textOf(pool, get())))
      yield* settled
      // Four that were begun together, and one after each of four pauses.
      for (const pause of [10, 20, 40, 80, 160]) {
        yield* TestClock.adjust(pause)
        yield* settled
      }
      const texts = yield* Fiber.joinAll(asking)
      assert.isTrue([...texts].every((text) => text === "there"))
      assert.strictEqual(transport.opened.length, 12)
    })))

  it.effect("share the failure in the end, each with an error of its own", () =>
    contained(Effect.gen(function*() {
      const kit = yield* watchedPool(refusals(100), { ...patient, connectionsPerOrigin: 4 })
      const asking = yield* Effect.forEach(
        Array.from({ length: 1000 }),
        () => Effect.fork(failsWith(kit.pool.execute(get()), "ConnectError"))
      )
      yield* settled
      // No further than to the last failure, so that the pause after it has just begun.
      for (let millis = 0; millis < 2160 && !asking.every(hasEnded); millis += 10) yield* TestClock.adjust(10)
      const errors = [...yield* Fiber.joinAll(asking)]
      assert.strictEqual(new Set(errors).size, 1000)
      assert.isBelow(kit.transport.opened.length, 35)
      // Whoever comes within the pause has it without an opening.
      const { length } = kit.transport.opened
      const error = yield* failsWith(kit.pool.execute(get()), "ConnectError")
      assert.strictEqual(kit.transport.opened.length, length)
      assert.strictEqual(error.message, errors[0]?.message)
      yield* holdsNothing(kit)
      // After it, another opening is made.
      yield* TestClock.adjust(160)
      yield* failsWith(kit.pool.execute(get()), "ConnectError")
      assert.strictEqual(kit.transport.opened.length, length + 1)
    })))

  it.effect("have nothing in theirs that is true of another request", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(T.expect(getHead("/1")), T.reply(ok("1")), T.expect(getHead("/2")), T.reset),
        T.refuse()
      ], { connectRetryTime: 0, connectBackoff: 160 })
      assert.strictEqual(yield* textOf(pool, get("/1")), "1")
      // The server may have seen this one, on the connection that was lost; it was sent once more.
      const { context: first } = yield* failsWith(pool.execute(get("/2")), "ConnectError")
      assert.deepInclude(first, { processed: "Unknown", resends: 1, path: "/2" })
      const { context: second } = yield* failsWith(pool.execute(HttpRequest.post("http://a.test/3")), "ConnectError")
      assert.deepInclude(second, { processed: "No", resends: 0, method: "POST", path: "/3" })
      assert.strictEqual(transport.opened.length, 2)
    })))

  it.effect("get a connection that comes free meanwhile", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([slow("/1", "/2"), T.refuse(), serving("/3")], {
        connectRetryTime: "1 hour",
        connectBackoff: "1 hour"
      })
      const first = yield* started(textOf(pool, get("/1")))
      const second = yield* started(textOf(pool, get("/2")))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(first), "/1")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(second), "/2")
    })))

  it.effect("harm no other origin", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([T.refuse(), T.connection(T.discardUntil("\r\n\r\n"), T.reply(ok("b")))], {
        ...patient,
        connections: 1
      })
      const waiting = yield* started(pool.execute(get()))
      assert.strictEqual(yield* textOf(pool, HttpRequest.get("http://b.test/")), "b")
      yield* Fiber.interrupt(waiting)
    })))
})

describe("the pauses", () => {
  /** When each opening was begun. */
  const begun = (seed: string) =>
    contained(Effect.gen(function*() {
      const kit = yield* Effect.withRandom(watchedPool(refusals(40), patient), Random.make(seed))
      const asking = yield* started(Effect.flip(kit.pool.execute(get())))
      const times: Array<number> = []
      for (let millis = 0; millis < 400; millis++) {
        while (times.length < kit.transport.opened.length) times.push(millis)
        yield* TestClock.adjust(1)
      }
      yield* Fiber.interrupt(asking)
      return times
    }))

  it.effect("vary from pool to pool, and are known where Effect's Random is", () =>
    Effect.gen(function*() {
      const [one, again, other] = [yield* begun("a"), yield* begun("a"), yield* begun("b")]
      assert.deepStrictEqual(again, one)
      assert.notDeepEqual(other, one)
      for (const [index, most] of [10, 20, 40, 80].entries()) {
        const pause = (one[index + 1] ?? 0) - (one[index] ?? 0)
        assert.isAtLeast(pause, most / 2 - 1)
        assert.isAtMost(pause, most + 1)
      }
    }))
})

describe("the copy of an error", () => {
  it("is an error like it, with a context of its own", () => {
    const error = connectError("Refused", "ECONNREFUSED")
    const copy = sharedCopyOf(error)
    assert.notStrictEqual(copy, error)
    assert.instanceOf(copy, ConnectError)
    assert.instanceOf(copy, Error)
    assert.strictEqual(copy.message, error.message)
    assert.strictEqual(copy.stack, error.stack)
    assert.strictEqual(copy.cause, error.cause)
    assert.deepStrictEqual(copy.toJSON(), error.toJSON())
    ;(copy as { context: object }).context = {}
    assert.strictEqual(error.context.phase, "connect")
  })
})

describe("a request that was lost with its connection", () => {
  it.effect("is sent once more when the server is there again", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(T.expect(getHead("/1")), T.reply(ok("1")), T.expect(getHead("/2")), T.reset),
        T.refuse(),
        T.refuse(),
        serving("/2")
      ], patient)
      assert.strictEqual(yield* textOf(pool, get("/1")), "1")
      const asking = yield* started(textOf(pool, get("/2")))
      yield* TestClock.adjust(10)
      yield* settled
      yield* TestClock.adjust(20)
      assert.strictEqual(yield* Fiber.join(asking), "/2")
      yield* transport.verify
    })))
})
