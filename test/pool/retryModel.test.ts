/**
 * A model of retries: over 1,000 seeds of faults, a server that counts sees no unsafe request twice, and every safe one at least once.
 *
 * The server is a script made of the seed: connections that are refused, never opened, closed before, in and after an answer, that answer
 * with statuses which ask for patience, or that say nothing. It counts each request whose head was taken by a connection, though it may
 * never have been read: an upper bound of what a server can see.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { bytesOf, contained, hasEnded, settled } from "../connection/harness.ts"
import { poolOver } from "./harness.ts"

const seeds = 1000
const requestsEach = 6

/** Numbers from 0 to 1 (mulberry32). */
const random = (seed: number) => {
  let state = seed
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Time that passes only by `advance`, to the next sleeper. `TestClock` waits some milliseconds of real time for each. */
class VirtualClock implements Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  readonly currentTimeMillis = Effect.sync(() => this.unsafeCurrentTimeMillis())
  readonly currentTimeNanos = Effect.sync(() => this.unsafeCurrentTimeNanos())
  readonly #sleepers = new Set<{ readonly at: number; readonly wake: () => void }>()
  #now = 0

  unsafeCurrentTimeMillis(): number {
    return this.#now
  }

  unsafeCurrentTimeNanos(): bigint {
    return BigInt(Math.round(this.#now * 1e6))
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.async((resume) => {
      const sleeper = { at: this.#now + Duration.toMillis(duration), wake: () => resume(Effect.void) }
      this.#sleepers.add(sleeper)
      return Effect.sync(() => this.#sleepers.delete(sleeper))
    })
  }

  scheduler(): Clock.ClockScheduler {
    throw new Error("not used")
  }

  /** Wakes the sleeper that is first; the earlier of two at the same time. */
  advance(): void {
    const [first] = [...this.#sleepers].sort((a, b) => a.at - b.at)
    assert.isDefined(first, "nothing can happen any more")
    this.#sleepers.delete(first)
    this.#now = Math.max(this.#now, first.at)
    first.wake()
  }
}

const pick = <A>(next: () => number, of: ReadonlyArray<A>): A => of[Math.floor(next() * of.length)] as A

// Every head ends so, and every body is empty or `abc`.
const anyHead = T.discardUntil("\r\n\r\n")
const good = T.reply("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
const busy = (status: number, ...fields: ReadonlyArray<string>) =>
  T.reply([`HTTP/1.1 ${status} Busy`, ...fields, "Content-Length: 4", "", "busy"].join("\r\n"))

/** What a connection does with a request whose head it has. Those of the second list are the last that it does. */
const answers: ReadonlyArray<ReadonlyArray<T.Step>> = [
  [good],
  [T.delay(50), good],
  [busy(503, "Retry-After: 1")],
  [busy(429, "Retry-After: 0")],
  [busy(502)],
  [T.delay(10), busy(504)]
]
const ends: ReadonlyArray<ReadonlyArray<T.Step>> = [
  [T.eof],
  [T.reset],
  [T.delay(20), T.reset],
  [T.reply("HTTP/1.1 200 O"), T.reset],
  [T.reply("HTTP/1.1 200 OK\r\nContent-Le"), T.eof],
  [T.reply("SSH-2.0\r\n"), T.eof],
  [busy(503, "Connection: close"), T.eof],
  [T.stall]
]

const connectionOf = (next: () => number): T.Connection => {
  const kind = next()
  if (kind < 0.15) return T.refuse()
  if (kind < 0.2) return T.openAfter(next() * 2000, T.refuse())
  if (kind < 0.22) return T.openStalls
  const steps: Array<T.Step> = []
  while (next() < 0.6) steps.push(anyHead, ...pick(next, answers))
  // Closed while idle, or as the request is on its way, or in a request.
  const last = next()
  return T.connection(
    ...steps,
    ...(last < 0.15 ? [T.eof] : last < 0.3 ? [T.writeFails("EPIPE")] : [anyHead, ...pick(next, ends)])
  )
}

/** The faults end some time. */
const healthy = Array.from(
  { length: 10 },
  () => T.connection(...Array.from({ length: 2 * requestsEach }, () => [anyHead, good]).flat())
)

interface Asked {
  readonly id: number
  readonly safe: boolean
  readonly request: HttpRequest.HttpRequest
}

const requestOf = (next: () => number, id: number): Asked => {
  const method = pick(next, ["GET", "HEAD", "PUT", "DELETE", "POST", "POST", "PATCH"])
  const keyed = next() < 0.3
  return {
    id,
    safe: (method !== "POST" && method !== "PATCH") || keyed,
    request: HttpRequest.make(method, `http://a.test/${id}`, {
      headers: keyed ? { "Idempotency-Key": `k${id}` } : {},
      body: method === "GET" || method === "HEAD" || next() < 0.5 ? undefined : HttpBody.bytes(bytesOf("abc"))
    })
  }
}

/** How often each request was seen on all connections. */
const seenOf = (transport: T.Handle): ReadonlyMap<number, number> => {
  const seen = new Map<number, number>()
  for (let connection = 0; connection < transport.opened.length; connection++) {
    for (const [, id] of transport.written(connection).matchAll(/[A-Z]+ \/(\d+) HTTP\/1\.1\r\n/g)) {
      seen.set(Number(id), (seen.get(Number(id)) ?? 0) + 1)
    }
  }
  return seen
}

interface Totals {
  unsafe: number
  unsafeFailed: number
  safe: number
  repeated: number
}

const one = (seed: number, totals: Totals) => {
  const clock = new VirtualClock()
  return Effect.withClock(contained(run(seed, clock, totals)), clock)
}

const run = (seed: number, clock: VirtualClock, totals: Totals) =>
  Effect.gen(function*() {
    const next = random(seed)
    const script = [...Array.from({ length: 30 }, () => connectionOf(next)), ...healthy]
    const { pool, transport } = yield* poolOver(script, {
      connectionsPerOrigin: 1 + Math.floor(next() * 4),
      timeouts: { head: 300, connect: 300, continue: 100 }
    })
    const retrying = ConnectionPool.retry(pool, {
      schedule: Schedule.spaced(50 + Math.floor(next() * 100)),
      times: Infinity,
      budget: false
    })
    const asked = Array.from({ length: requestsEach }, (_, id) => requestOf(next, id))
    const fiber = yield* Effect.fork(Effect.forEach(
      asked,
      ({ request }) =>
        Effect.either(
          Effect.flatMap(retrying.execute(request), (response) => Effect.as(response.close, response.status))
        ),
      { concurrency: 1 + Math.floor(next() * 4) }
    ))
    for (let turns = 0; !hasEnded(fiber); turns++) {
      assert.isBelow(turns, 5000, "it does not end")
      yield* settled
      if (!hasEnded(fiber)) clock.advance()
    }
    const ended = yield* Fiber.join(fiber)
    const seen = seenOf(transport)
    for (const { id, request, safe } of asked) {
      const times = seen.get(id) ?? 0
      const what = `seed ${seed}: ${request.method} /${id}`
      const result = ended[id] as Either.Either<number, unknown>
      if (safe) {
        totals.safe++
        if (times > 1) totals.repeated++
        assert.isAtLeast(times, 1, what)
        assert.deepStrictEqual(result, Either.right(200), what)
      } else {
        totals.unsafe++
        if (Either.isLeft(result)) totals.unsafeFailed++
        assert.isAtMost(times, 1, what)
      }
    }
    // What was retried has been released.
    const { busy, waiting } = yield* pool.stats
    assert.deepStrictEqual({ busy, waiting }, { busy: 0, waiting: 0 }, `seed ${seed}`)
  })

describe("a server that counts", () => {
  it.effect(
    `sees no unsafe request twice, and every safe one, over ${seeds} seeds of faults`,
    () =>
      Effect.gen(function*() {
        const totals: Totals = { unsafe: 0, unsafeFailed: 0, safe: 0, repeated: 0 }
        for (let seed = 1; seed <= seeds; seed++) yield* one(seed, totals)
        // The faults were met: otherwise this proves nothing.
        assert.isAbove(totals.unsafe, 1000)
        assert.isAbove(totals.unsafeFailed, 200)
        assert.isAbove(totals.repeated, 1000)
        assert.isAbove(totals.safe, 3000)
      }),
    240_000
  )
})
