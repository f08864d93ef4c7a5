/** `ConnectionPool.retry`: what is sent again, after which wait, how often; that what is retried is released, and that nothing is left. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import type { HttpError } from "../../src/HttpError.ts"
import { HttpTimeout, ProxyAuthRequired } from "../../src/HttpError.ts"
import * as HttpFields from "../../src/HttpFields.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as HttpResponse from "../../src/HttpResponse.ts"
import type * as HttpRetry from "../../src/HttpRetry.ts"
import * as Origin from "../../src/Origin.ts"
import * as T from "../../src/TestTransport.ts"
import { bytesOf, contained, failsWith, getHead, hasEnded, ok, started } from "../connection/harness.ts"
import { comesToHold, get, holds, holdsNothing, poolOver, serves, serving, textOf } from "./harness.ts"

const url = "http://a.test/"

const answer = (status: number, ...fields: ReadonlyArray<string>): string =>
  `HTTP/1.1 ${status} \r\n${fields.map((field) => `${field}\r\n`).join("")}Content-Length: 4\r\n\r\nbusy`

/** Steps that answer a GET of `/` so. */
const answers = (status: number, ...fields: ReadonlyArray<string>): ReadonlyArray<T.Step> => [
  T.expect(getHead()),
  T.reply(answer(status, ...fields))
]

/** Takes a request whatever it is. */
const anyHead = T.discardUntil("\r\n\r\n")

const everySecond = Schedule.spaced("1 second")

/** A pool with retries every second, without jitter, over a script. */
const retryingOver = (script: T.Script, options: HttpRetry.Options = {}, poolOptions: ConnectionPool.Options = {}) =>
  Effect.map(poolOver(script, poolOptions), (kit) => ({
    ...kit,
    below: kit.pool,
    pool: ConnectionPool.retry(kit.pool, { schedule: everySecond, ...options })
  }))

/** Asserts that a request does nothing more until this time has passed, and does then. */
const waits = (fiber: Fiber.RuntimeFiber<unknown, unknown>, duration: Duration.DurationInput) =>
  Effect.gen(function*() {
    yield* TestClock.adjust(Duration.millis(Duration.toMillis(duration) - 1))
    assert.isFalse(hasEnded(fiber), "it did not wait")
    yield* TestClock.adjust(1)
  })

const statusOf = (pool: ConnectionPool.ConnectionPool, request: HttpRequest.HttpRequest<unknown> = get()) =>
  Effect.flatMap(pool.execute(request), (response) => Effect.as(response.bytes, response.status))

describe("a failure", () => {
  it.effect("of opening is retried after the wait of the schedule, for a POST too", () =>
    contained(Effect.gen(function*() {
      const kit = yield* retryingOver([T.refuse(), T.refuse(), T.connection(anyHead, T.reply(ok("c")))])
      const fiber = yield* started(textOf(kit.pool, HttpRequest.post(url)))
      assert.strictEqual(kit.transport.opened.length, 1)
      yield* waits(fiber, "1 second")
      assert.strictEqual(kit.transport.opened.length, 2)
      yield* waits(fiber, "1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "c")
      yield* kit.transport.verify
    })))

  it.effect("behind which the server may have done it is retried for a GET", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* retryingOver([T.connection(T.expect(getHead()), T.reset), serving("/")])
      const fiber = yield* started(textOf(pool, get()))
      yield* waits(fiber, "1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "/")
      yield* transport.verify
    })))

  it.effect("behind which the server may have done it is given at once for a POST", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* retryingOver([T.connection(anyHead, T.reset)])
      const error = yield* failsWith(pool.execute(HttpRequest.post(url)), "ReadError")
      assert.strictEqual(error.context.processed, "Unknown")
    })))

  it.effect.each<readonly [name: string, earlier: T.Connection, options: HttpRetry.Options, processed: string]>([
    ["was refused", T.refuse(), {}, "No"],
    ["may have been processed", T.connection(T.expect(getHead()), T.reset), {}, "Unknown"],
    ["was answered with 503", T.connection(...answers(503, "Connection: close")), {}, "Yes"],
    ["was answered with a status that says it was not processed", T.connection(...answers(503, "Connection: close")), {
      unprocessedStatuses: [503]
    }, "No"]
  ])(
    "says of all attempts whether the server may have done it: an earlier one %s",
    ([, earlier, options, processed]) =>
      contained(Effect.gen(function*() {
        const { pool } = yield* retryingOver([earlier, T.refuse()], { ...options, times: 1 })
        const fiber = yield* started(failsWith(pool.execute(get()), "ConnectError"))
        yield* TestClock.adjust("1 second")
        const { context } = yield* Fiber.join(fiber)
        assert.deepStrictEqual([context.processed, context.bytesWritten], [processed, 0])
      }))
  )

  it.effect("is given as it is when the retries are used up", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* retryingOver([T.refuse(), T.refuse(), T.refuse()])
      const fiber = yield* started(Effect.flip(pool.execute(get())))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "ConnectError")
      assert.strictEqual(transport.opened.length, 3)
    })))

  it.effect("is given when the schedule ends", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* retryingOver([T.refuse(), T.refuse()], {
        schedule: Schedule.recurs(1),
        times: 5
      })
      yield* failsWith(pool.execute(get()), "ConnectError")
      assert.strictEqual(transport.opened.length, 2)
    })))

  it.effect("that is the refusal of a proxy is given at once", () =>
    contained(Effect.gen(function*() {
      const refusal = new ProxyAuthRequired({ challenges: [], fields: HttpFields.empty, bodyPrefix: new Uint8Array() })
      const { pool } = yield* poolOver([])
      let sent = 0
      const refused: ConnectionPool.ConnectionPool = {
        ...pool,
        execute: () => Effect.suspend(() => (sent++, Effect.fail(refusal)))
      }
      yield* failsWith(ConnectionPool.retry(refused, { schedule: everySecond }).execute(get()), "ProxyAuthRequired")
      assert.strictEqual(sent, 1)
    })))

  it.effect("that is a mistake of the caller is given at once", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* retryingOver([])
      yield* failsWith(pool.execute(HttpRequest.get("ftp://a.test/")), "UnsupportedScheme")
      const nowhere = { ...get(), origin: { host: "a.test" } } as never
      yield* failsWith(
        pool.execute(Object.assign(Object.create(Object.getPrototypeOf(get())), nowhere)),
        "InvalidOption"
      )
      assert.deepStrictEqual(transport.opened, [])
    })))

  it.effect("of a body that cannot be sent again is given at once if its stream had begun, else retried", () =>
    contained(Effect.gen(function*() {
      const body = HttpBody.stream(Stream.make(bytesOf("abc")), { length: 3 })
      const request = HttpRequest.put(url, { body })
      const kit = yield* retryingOver([T.refuse(), T.connection(anyHead, T.discard(3), T.reset)])
      const fiber = yield* started(Effect.flip(kit.pool.execute(request)))
      yield* waits(fiber, "1 second")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.context.processed, error.context.replayable], ["Unknown", false])
      assert.strictEqual(kit.transport.opened.length, 2)
    })))
})

describe("a status", () => {
  for (const status of [408, 425, 429, 502, 503, 504]) {
    it.effect(`${status} is retried on the same connection, which the response has released`, () =>
      contained(Effect.gen(function*() {
        const { pool, transport } = yield* retryingOver([T.connection(...answers(status), ...serves("/"))])
        const fiber = yield* started(textOf(pool, get()))
        yield* comesToHold(pool, { idle: 1 })
        yield* waits(fiber, "1 second")
        assert.strictEqual(yield* Fiber.join(fiber), "/")
        yield* transport.verify
      })))
  }

  for (const status of [200, 301, 400, 404, 407, 421, 500, 501]) {
    it.effect(`${status} is given at once`, () =>
      contained(Effect.gen(function*() {
        const { pool } = yield* retryingOver([T.connection(...answers(status))])
        assert.strictEqual(yield* statusOf(pool), status)
      })))
  }

  it.effect("of the caller's choice is retried", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* retryingOver([T.connection(...answers(500), ...answers(503))], {
        statuses: [500]
      })
      const fiber = yield* started(statusOf(pool))
      yield* waits(fiber, "1 second")
      assert.strictEqual(yield* Fiber.join(fiber), 503)
      yield* transport.verify
    })))

  it.effect("to a POST is given at once, because the server has seen it", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* retryingOver([T.connection(anyHead, T.reply(answer(503, "Retry-After: 1")))])
      assert.strictEqual(yield* statusOf(pool, HttpRequest.post(url)), 503)
    })))

  it.effect("with which the server is known to have done nothing is retried for a POST", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* retryingOver(
        [T.connection(anyHead, T.reply(answer(429)), anyHead, T.reply(answer(503)))],
        { unprocessedStatuses: [429] }
      )
      const fiber = yield* started(statusOf(pool, HttpRequest.post(url)))
      yield* waits(fiber, "1 second")
      assert.strictEqual(yield* Fiber.join(fiber), 503)
      yield* transport.verify
    })))

  it.effect("to a stream that cannot be sent again is given at once, to one that can it is retried", () =>
    contained(Effect.gen(function*() {
      const taking = (reply: string) => T.connection(anyHead, T.discard(3), T.reply(reply))
      const { pool, transport } = yield* retryingOver([taking(answer(503)), taking(answer(503)), taking(ok("x"))], {}, {
        idlePerOrigin: 0
      })
      const put = (replayable: boolean) =>
        HttpRequest.put(url, { body: HttpBody.stream(Stream.make(bytesOf("abc")), { length: 3, replayable }) })
      assert.strictEqual(yield* statusOf(pool, put(false)), 503)
      const fiber = yield* started(statusOf(pool, put(true)))
      yield* waits(fiber, "1 second")
      assert.strictEqual(yield* Fiber.join(fiber), 200)
      yield* transport.verify
    })))

  it.effect("that a filter below has made a failure is retried as the policy says, after its Retry-After", () =>
    contained(Effect.gen(function*() {
      const kit = yield* poolOver([T.connection(
        ...answers(503, "Retry-After: 5"),
        ...answers(500),
        ...answers(502, "Retry-After: 5")
      )])
      const execute: unknown = (request: HttpRequest.HttpRequest) =>
        Effect.flatMap(kit.pool.execute(request), HttpResponse.filterStatusOk)
      const filtering = { ...kit.pool, execute } as ConnectionPool.ConnectionPool
      const pool = ConnectionPool.retry(filtering, { schedule: everySecond, statuses: [500, 503] })
      const fiber = yield* started(Effect.flip(pool.execute(get())))
      yield* waits(fiber, "5 seconds")
      yield* waits(fiber, "1 second")
      const error = (yield* Fiber.join(fiber)) as HttpError
      assert.strictEqual(error._tag === "StatusError" && error.status, 502)
      yield* kit.transport.verify
    })))

  it.effect("whose body has not arrived is drained within the limits of the pool, or its connection closed", () =>
    contained(Effect.gen(function*() {
      const large = "HTTP/1.1 503 \r\nContent-Length: 1000000\r\n\r\nbusy"
      const small = "HTTP/1.1 503 \r\nContent-Length: 4\r\n\r\nbu"
      const { pool, transport } = yield* retryingOver([
        T.connection(T.expect(getHead()), T.reply(large), T.expectDestroy),
        T.connection(T.expect(getHead()), T.reply(small), T.delay(100), T.reply("sy"), ...serves("/"))
      ])
      const fiber = yield* started(textOf(pool, get()))
      yield* holds(pool, {})
      yield* TestClock.adjust("1 second")
      yield* holds(pool, { busy: 1 })
      yield* TestClock.adjust(100)
      yield* comesToHold(pool, { idle: 1 })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "/")
      yield* transport.verify
    })))
})

describe("Retry-After", () => {
  const wait = (status: number, value: string, duration: Duration.DurationInput) =>
    it.effect(`${value} of a ${status} waits ${Duration.format(Duration.decode(duration))}`, () =>
      contained(Effect.gen(function*() {
        yield* TestClock.setTime(Date.UTC(2026, 10, 28, 21, 0, 0))
        const script = [T.connection(...answers(status, `Retry-After: ${value}`), ...serves("/"))]
        const { pool } = yield* retryingOver(script, {}, { idleTime: "1 hour" })
        const fiber = yield* started(textOf(pool, get()))
        yield* waits(fiber, duration)
        assert.strictEqual(yield* Fiber.join(fiber), "/")
      })))
  wait(503, "7", "7 seconds")
  wait(429, "7", "7 seconds")
  wait(503, "Sat, 28 Nov 2026 21:00:20 GMT", "20 seconds")
  wait(429, "Saturday, 28-Nov-26 21:00:20 GMT", "20 seconds")
  wait(503, "60", "1 minute")
  // Never less than the schedule says.
  wait(503, "0", "1 second")
  wait(503, "Sat, 28 Nov 2026 20:00:00 GMT", "1 second")
  wait(503, "in a while", "1 second")
  // Not defined for it.
  wait(502, "7", "1 second")

  it.effect("beyond its limit gives the response at once", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* retryingOver([T.connection(
        ...answers(503, "Retry-After: 61"),
        ...answers(503, "Retry-After: 3")
      )])
      assert.strictEqual(yield* statusOf(pool), 503)
      const impatient = ConnectionPool.retry(pool, { retryAfterLimit: "2 seconds" })
      const fiber = yield* started(statusOf(impatient))
      yield* TestClock.adjust("3 seconds")
      // It is the pool below that waits for the three seconds.
      assert.isFalse(hasEnded(fiber))
      yield* Fiber.interrupt(fiber)
    })))

  it.effect("of some hundred digits is for ever, and the response is given even where there is no limit", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* retryingOver(
        [T.connection(...answers(503, `Retry-After: ${"9".repeat(400)}`))],
        { retryAfterLimit: Infinity }
      )
      assert.strictEqual(yield* statusOf(pool), 503)
    })))

  it.effect("of several is the longest", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* retryingOver([
        T.connection(...answers(503, "Retry-After: 2", "Retry-After: 9"), ...serves("/"))
      ])
      const fiber = yield* started(textOf(pool, get()))
      yield* waits(fiber, "9 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "/")
    })))
})

describe("the schedule", () => {
  it.effect("is given what ended each attempt", () =>
    contained(Effect.gen(function*() {
      const seen: Array<unknown> = []
      const schedule = Schedule.recurs(5).pipe(Schedule.tapInput((failed: HttpRetry.FailedAttempt) =>
        Effect.sync(() => {
          const { error, retryAfterMillis, sends, status } = failed
          seen.push([error?._tag, status, retryAfterMillis, sends])
        })
      ))
      const { pool } = yield* retryingOver(
        [
          T.refuse(),
          T.connection(...answers(503, "Retry-After: 2"), ...answers(502, "Retry-After: 2"), ...serves("/"))
        ],
        { schedule, times: 5 }
      )
      const fiber = yield* started(textOf(pool, get()))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "/")
      assert.deepStrictEqual(seen, [["ConnectError", undefined, undefined, 1], [undefined, 503, 2000, 2], [
        undefined,
        502,
        undefined,
        3
      ]])
    })))

  it.effect("that dies leaves no response behind", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* retryingOver([T.connection(
        T.expect(getHead()),
        T.reply("HTTP/1.1 503 \r\nContent-Length: 1000000\r\n\r\n"),
        T.expectDestroy
      )], {
        schedule: Schedule.mapEffect(Schedule.forever, () => Effect.die("schedule"))
      })
      const exit = yield* Effect.exit(pool.execute(get()))
      assert.strictEqual(exit._tag, "Failure")
      yield* holdsNothing({ pool, transport })
    })))

  it.effect("of the defaults doubles from a tenth of a second, less up to a half", () =>
    contained(Effect.gen(function*() {
      const { pool: below, transport } = yield* poolOver([T.refuse(), T.refuse(), serving("/")])
      const fiber = yield* started(textOf(ConnectionPool.retry(below), get()))
      yield* TestClock.adjust(49)
      assert.strictEqual(transport.opened.length, 1)
      yield* TestClock.adjust(51)
      assert.strictEqual(transport.opened.length, 2)
      yield* TestClock.adjust(200)
      assert.strictEqual(yield* Fiber.join(fiber), "/")
    })))
})

describe("the resend of the pool", () => {
  /** A connection that has served a request and is closed by the server when the next one comes. */
  const stale = T.connection(...serves("/"), T.expect(getHead()), T.reset)

  it.effect("counts as a retry of the request", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* retryingOver(
        [stale, T.connection(T.expect(getHead()), T.reset), serving("/")],
        {
          times: 1
        }
      )
      yield* textOf(pool, get())
      const error = yield* failsWith(pool.execute(get()), "ReadError")
      assert.strictEqual(error.context.resends, 1)
      assert.strictEqual(transport.opened.length, 2)
    })))

  it.effect("counts for the budget, though it has not been asked for", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* retryingOver([stale, T.connection(...answers(200), ...answers(503))], {
        budget: { burst: 1, share: 0, perSecond: 0 }
      })
      yield* textOf(pool, get())
      assert.strictEqual(yield* statusOf(pool), 200)
      assert.strictEqual(yield* statusOf(pool), 503)
      yield* transport.verify
    })))
})

describe("the budget", () => {
  it.effect("bounds what an outage costs: a thousand requests are a hundred retries and the burst", () =>
    contained(Effect.gen(function*() {
      let sent = 0
      const { pool } = yield* poolOver([])
      const down: ConnectionPool.ConnectionPool = {
        ...pool,
        execute: () =>
          Effect.suspend(() => {
            sent++
            return Effect.fail(new HttpTimeout({ kind: "connect", millis: 1 }))
          })
      }
      const retrying = ConnectionPool.retry(down, { schedule: Schedule.forever, times: 5, budget: { perSecond: 0 } })
      for (let i = 0; i < 1000; i++) yield* failsWith(retrying.execute(get()), "HttpTimeout")
      assert.isAtLeast(sent, 1000 + 100)
      assert.isAtMost(sent, 1000 + 110)
      // Another origin has its own.
      sent = 0
      yield* failsWith(retrying.execute(HttpRequest.get("http://b.test/")), "HttpTimeout")
      assert.strictEqual(sent, 6)
      const { origin } = Either.getOrThrow(Origin.fromUrl("http://c.test/"))
      yield* failsWith(retrying.execute(get("/", { origin })), "HttpTimeout")
      assert.strictEqual(sent, 12)
    })))

  it.effect("that is off bounds nothing", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* retryingOver(Array.from({ length: 31 }, () => T.refuse()), {
        schedule: Schedule.forever,
        times: 30,
        budget: false
      })
      yield* failsWith(pool.execute(get()), "ConnectError")
      assert.strictEqual(transport.opened.length, 31)
    })))
})

describe("an Idempotency-Key", () => {
  const keysOf = (transport: T.Handle, ...connections: ReadonlyArray<number>) =>
    connections.flatMap((connection) =>
      [...transport.written(connection).matchAll(/idempotency-key: (.*)\r\n/gi)].map((match) => match[1])
    )

  it.effect("is the same for all attempts of a request, and another one for the next request", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* retryingOver([
        T.connection(anyHead, T.reset),
        T.connection(anyHead, T.reply(answer(503)), anyHead, T.reply(ok("x")), anyHead, T.reply(ok("y")))
      ], { idempotencyKey: true, schedule: Schedule.forever })
      assert.strictEqual(yield* textOf(pool, HttpRequest.post(url)), "x")
      assert.strictEqual(yield* textOf(pool, HttpRequest.post(url)), "y")
      const keys = keysOf(transport, 0, 1)
      assert.strictEqual(keys.length, 4)
      assert.match(String(keys[0]), /^[0-9a-f-]{36}$/)
      assert.strictEqual(new Set(keys.slice(0, 3)).size, 1)
      assert.strictEqual(new Set(keys).size, 2)
    })))

  it.effect("is made by the caller's effect, and only for a request that needs it and has none", () =>
    contained(Effect.gen(function*() {
      let made = 0
      const { pool, transport } = yield* retryingOver(
        [T.connection(...Array.from({ length: 3 }, () => [anyHead, T.reply(ok())]).flat())],
        { idempotencyKey: Effect.sync(() => `key-${++made}`) }
      )
      yield* textOf(pool, get())
      yield* textOf(pool, HttpRequest.post(url, { headers: { "Idempotency-Key": "mine" } }))
      yield* textOf(pool, HttpRequest.post(url))
      assert.deepStrictEqual(keysOf(transport, 0), ["mine", "key-1"])
    })))
})

describe("interruption", () => {
  it.effect("of the wait leaves nothing, and sends nothing more", () =>
    contained(Effect.gen(function*() {
      const kit = yield* retryingOver([T.connection(...answers(503))])
      const fiber = yield* started(kit.pool.execute(get()))
      yield* Fiber.interrupt(fiber)
      yield* comesToHold(kit.pool, { idle: 1 })
      yield* kit.pool.closeIdle
      yield* holdsNothing(kit)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(kit.transport.opened.length, 1)
    })))

  it.effect("of an attempt ends it", () =>
    contained(Effect.gen(function*() {
      const kit = yield* retryingOver([T.refuse(), T.connection(T.expect(getHead()), T.expectDestroy)])
      const fiber = yield* started(kit.pool.execute(get()))
      yield* TestClock.adjust("1 second")
      yield* holds(kit.pool, { busy: 1 })
      yield* Fiber.interrupt(fiber)
      yield* holdsNothing(kit)
    })))
})

describe("options that make no sense fail every request, before anything is sent", () => {
  const wrong: ReadonlyArray<readonly [option: string, options: object]> = [
    ["schedule", { schedule: "often" }],
    ["times", { times: -1 }],
    ["times", { times: 1.5 }],
    ["times", { times: "2" }],
    ["statuses", { statuses: 503 }],
    ["statuses", { statuses: [99] }],
    ["unprocessedStatuses", { unprocessedStatuses: ["429"] }],
    ["retryAfterLimit", { retryAfterLimit: "soon" }],
    ["idempotencyKey", { idempotencyKey: "key" }],
    ["budget", { budget: true }],
    ["budget", { budget: null }],
    ["budget.share", { budget: { share: -1 } }],
    ["budget.burst", { budget: { burst: Number.NaN } }]
  ]
  for (const [option, options] of wrong) {
    it.effect(JSON.stringify(options), () =>
      contained(Effect.gen(function*() {
        const { pool, transport } = yield* retryingOver([], options as HttpRetry.Options)
        const error = yield* failsWith(pool.execute(get()), "InvalidOption")
        assert.strictEqual(error.option, option)
        assert.deepStrictEqual(transport.opened, [])
      })))
  }
})

it.effect.each([3, "3", [3], null])(
  "options that are no record fail each request: %j",
  (value) =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([])
      const error = yield* failsWith(
        ConnectionPool.retry(pool, value as unknown as HttpRetry.Options).execute(get()),
        "InvalidOption"
      )
      assert.strictEqual(error.option, "retry")
      assert.deepStrictEqual(transport.opened, [])
    }))
)

it.effect("undefined is as if an option were not there", () =>
  contained(Effect.gen(function*() {
    const { pool } = yield* poolOver([serving("/")])
    const undefinedOptions: HttpRetry.Options = {
      schedule: undefined,
      times: undefined,
      statuses: undefined,
      unprocessedStatuses: undefined,
      retryAfterLimit: undefined,
      idempotencyKey: undefined,
      budget: { share: undefined, perSecond: undefined, burst: undefined }
    }
    assert.strictEqual(yield* textOf(ConnectionPool.retry(pool, undefinedOptions), get()), "/")
  })))

it.effect("all else is that of the pool below", () =>
  contained(Effect.gen(function*() {
    const kit = yield* poolOver([serving("/", "/lease")], { localAddress: "127.0.0.9" })
    const pool = ConnectionPool.retry(ConnectionPool.retry()(kit.pool), { times: 1 })
    const tags: Array<string> = []
    assert.deepStrictEqual(pool.connectionOptions, kit.pool.connectionOptions)
    yield* pool.subscribe(({ _tag }) => void tags.push(_tag))
    const events = yield* started(Stream.runHead(pool.events))
    const { origin } = Either.getOrThrow(Origin.fromUrl(url))
    assert.strictEqual(yield* textOf(pool, get("/", { origin })), "/")
    yield* Effect.scoped(Effect.flatMap(pool.lease(origin), (lease) =>
      Effect.flatMap(lease.execute(HttpRequest.get("/lease")), (response) =>
        response.text)))
    assert.strictEqual((yield* Fiber.join(events))._tag, "Some")
    assert.include(tags, "Connected")
    assert.strictEqual((yield* pool.stats).opened, 1)
    yield* pool.closeIdle
    assert.strictEqual((yield* pool.stats).closed, 1)
    yield* pool.shutdown({ grace: 0 })
    yield* pool.shutdown()
    yield* failsWith(pool.execute(get()), "PoolClosed")
  })))
