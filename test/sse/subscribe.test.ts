/**
 * `Sse.subscribe`: when the request is sent again and after which wait, what it names as the last event, how it ends, and that there
 * is never more than one connection. Scripts and waits run on `TestClock`.
 */
import * as PlatformBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import { RequestError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpError from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as Sse from "../../src/Sse.ts"
import * as T from "../../src/TestTransport.ts"
import { chunk, contained, failsWith, nothingLeft, settled, started } from "../connection/harness.ts"
import { clientTo, failsWith as failsOnPlatform, quietly, url } from "../platform/kit.ts"
import { get, holds, watchedPool } from "../pool/harness.ts"

/** The head of the request, with this Last-Event-ID. */
const asked = (id?: string, ...fields: ReadonlyArray<string>): T.Step =>
  T.expect(Buffer.from(
    [
      "GET / HTTP/1.1",
      "Host: a.test",
      ...fields,
      "Accept: text/event-stream",
      "Cache-Control: no-cache",
      ...(id === undefined ? [] : [`Last-Event-ID: ${id}`]),
      "",
      ""
    ].join("\r\n")
  ))

const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
const last = "0\r\n\r\n"

/** A whole response of these events. */
const whole = (text: string): T.Step => T.reply(head + (text === "" ? "" : chunk(text)) + last)
/** The same, whose body has not ended. */
const begun = (text: string): T.Step => T.reply(head + chunk(text))

/** A response of another status. */
const refusal = (status: string, ...fields: ReadonlyArray<string>): T.Step =>
  T.reply([`HTTP/1.1 ${status}`, ...fields, "Content-Length: 0", "", ""].join("\r\n"))

/** A schedule of these waits, in milliseconds, and the disconnections that it was asked about. */
const waits = (...millis: ReadonlyArray<number>) => {
  const seen: Array<Sse.Disconnection> = []
  const schedule = Schedule.fromDelays(millis[0] ?? 0, ...millis.slice(1)).pipe(
    Schedule.tapInput((input: Sse.Disconnection) => Effect.sync(() => seen.push(input)))
  )
  return { schedule, seen }
}

interface Running {
  readonly events: Array<string>
  readonly at: Array<number>
  readonly fiber: Fiber.RuntimeFiber<void, HttpError.HttpError>
}

/** Runs a subscription, and collects the data of its events with the times of their arrival. */
const running = (pool: ConnectionPool.ConnectionPool, options?: Sse.SubscribeOptions, request = get()) =>
  Effect.gen(function*() {
    const events: Array<string> = []
    const at: Array<number> = []
    const fiber = yield* started(
      Sse.subscribe(request, options).pipe(
        Stream.runForEach(({ data }) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            events.push(data)
            at.push(now)
          })
        ),
        Effect.provideService(ConnectionPool.ConnectionPool, pool)
      )
    )
    return { events, at, fiber } as Running
  })

const advance = (millis: number) => Effect.zipRight(TestClock.adjust(millis), settled)

const tagOf = <E extends { readonly _tag: string }>(fiber: Fiber.RuntimeFiber<void, E>) =>
  Effect.map(Effect.flip(Fiber.join(fiber)), ({ _tag }) => _tag)

describe("the request is sent again", () => {
  it.effect("after the end of a response, with the last id, and on the same connection", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* watchedPool([
        T.connection(
          asked(),
          whole("id: 1\ndata: a\n\nid: 2\ndata: b\n\n"),
          asked("2"),
          whole("data: c\n\n"),
          asked("2"),
          refusal("204 No")
        )
      ])
      const { schedule, seen } = waits(100)
      const { at, events, fiber } = yield* running(pool, { schedule })
      assert.deepStrictEqual(events, ["a", "b"])
      yield* holds(pool, { idle: 1 })
      yield* advance(99)
      assert.deepStrictEqual(events, ["a", "b"])
      yield* advance(1)
      yield* advance(100)
      assert.deepStrictEqual([events, at], [["a", "b", "c"], [0, 0, 100]])
      assert.isTrue(Exit.isSuccess(yield* fiber.await))
      assert.deepStrictEqual(seen, [
        { error: undefined, lastEventId: "2", attempts: 1 },
        { error: undefined, lastEventId: "2", attempts: 1 }
      ])
      yield* holds(pool, { idle: 1 })
      yield* transport.verify
    })))

  const failures: ReadonlyArray<readonly [what: string, tag: HttpError.HttpError["_tag"], script: T.Connection]> = [
    ["a connection that is refused", "ConnectError", T.refuse()],
    ["a server that closes without an answer", "RemoteDisconnected", T.connection(asked("9"), T.eof)],
    ["a head that is cut", "IncompleteHeaders", T.connection(asked("9"), T.reply("HTTP/1.1 200 OK\r\nA"), T.eof)],
    ["a body that is cut", "IncompleteRead", T.connection(asked("9"), T.reply(head), T.eof)],
    ["a body that is reset", "ConnectionReset", T.connection(asked("9"), T.reply(head), T.reset)],
    ["a chunk that is none", "InvalidChunkSize", T.connection(asked("9"), T.reply(head + "x\r\n"), T.stall)],
    ["503", "StatusError", T.connection(asked("9"), refusal("503 Busy"), T.eof)],
    ["429", "StatusError", T.connection(asked("9"), refusal("429 Slow"), T.eof)],
    ["502 of a proxy", "StatusError", T.connection(asked("9"), refusal("502 Bad", "Content-Type: text/html"), T.eof)]
  ]
  it.effect.each(failures)("after %s", ([, tag, failing]) =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* watchedPool([
        failing,
        T.connection(asked("9"), begun("data: a\n\n"), T.stall)
      ])
      const { schedule, seen } = waits(100)
      const { events, fiber } = yield* running(pool, { schedule, lastEventId: "9" })
      yield* advance(99)
      assert.strictEqual(transport.opened.length, 1)
      yield* advance(1)
      assert.deepStrictEqual(events, ["a"])
      assert.deepStrictEqual(seen.map(({ attempts, error }) => [attempts, error?._tag]), [[1, tag]])
      yield* Fiber.interrupt(fiber)
      yield* nothingLeft(transport)
    })))

  it.effect("after silence, if that is asked for; a comment is none", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* watchedPool([
        T.connection(asked(), T.reply(head), T.delay(900), T.reply(chunk(":\n")), T.stall),
        T.connection(asked(), begun("data: a\n\n"), T.stall)
      ])
      const { schedule, seen } = waits(100)
      const { events, fiber } = yield* running(pool, { schedule, idleTimeout: "1 second" })
      yield* advance(1899)
      assert.deepStrictEqual(seen, [])
      yield* advance(1)
      assert.strictEqual(seen[0]?.error?._tag, "HttpTimeout")
      yield* holds(pool, {})
      yield* advance(100)
      assert.deepStrictEqual(events, ["a"])
      yield* Fiber.interrupt(fiber)
    })))

  it.effect.each([
    ["none", undefined],
    ["null", null]
  ])(
    "never because of silence or length by itself, whatever the limits of the pool; its own are %s",
    ([, none]) =>
      contained(Effect.gen(function*() {
        const { pool } = yield* watchedPool([
          T.connection(
            asked(),
            begun("data: a\n\n"),
            T.delay("1 day"),
            T.reply(chunk(`data: ${"b".repeat(100)}\n\n`)),
            T.stall
          )
        ], { timeouts: { bodyIdle: 1000, total: 2000 }, limits: { body: 50 }, unreadTime: 1000 })
        const own = { timeouts: none, limits: none } as unknown as HttpRequest.Options
        const { events, fiber } = yield* running(pool, {}, get("/", own))
        yield* advance(86_400_000)
        assert.deepStrictEqual(events, ["a", "b".repeat(100)])
        yield* Fiber.interrupt(fiber)
      }))
  )

  it.effect("when the `total` of the request ends, which renews a connection", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* watchedPool([
        T.connection(asked(), begun("data: a\n\n"), T.stall),
        T.connection(asked(), begun("data: b\n\n"), T.stall)
      ])
      const { schedule } = waits(0)
      const { events, fiber } = yield* running(pool, { schedule }, get("/", { timeouts: { total: "1 hour" } }))
      yield* advance(3_600_000)
      yield* advance(0)
      assert.deepStrictEqual(events, ["a", "b"])
      yield* Fiber.interrupt(fiber)
    })))

  it.effect("with a body in memory, whatever the method", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* watchedPool([
        T.connection(
          T.discardUntil("\r\n\r\nbody"),
          whole("data: a\n\n"),
          T.discardUntil("\r\n\r\nbody"),
          whole("data: b\n\n"),
          T.discardUntil("\r\n\r\nbody"),
          refusal("204 No")
        )
      ])
      const request = HttpRequest.post(url, { body: HttpBody.bytes(Buffer.from("body")) })
      const { events, fiber } = yield* running(pool, { schedule: waits(0).schedule }, request)
      yield* advance(0)
      yield* advance(0)
      assert.deepStrictEqual(events, ["a", "b"])
      yield* Fiber.join(fiber)
      yield* transport.verify
    })))
})

describe("the last event", () => {
  const scripts: ReadonlyArray<readonly [what: string, text: string, id: string | undefined]> = [
    ["none without an id", "data: a\n\n", undefined],
    ["an id without data", "id: 1\ndata: a\n\nid: 2\n\n", "2"],
    ["an event that is incomplete does not count", "id: 1\ndata: a\n\nid: 2\ndata: b\n", "1"],
    ["an empty id takes it back", "id: 1\ndata: a\n\nid\ndata: b\n\n", undefined],
    ["in UTF-8", "id: é𝄞\ndata: a\n\n", "é𝄞"],
    ["without the space around it", "id:  \t1 \ndata: a\n\n", "1"]
  ]
  it.effect.each(scripts)("%s", ([, text, id]) =>
    contained(Effect.gen(function*() {
      const bytes = Buffer.from(text)
      const { pool, transport } = yield* watchedPool([
        T.connection(
          asked(),
          T.reply(
            Buffer.concat([
              Buffer.from(`${head}${bytes.length.toString(16)}\r\n`),
              bytes,
              Buffer.from("\r\n")
            ]),
            { split: 1 }
          ),
          T.eof
        ),
        T.connection(asked(id), refusal("204 No"))
      ])
      const { fiber } = yield* running(pool, { schedule: waits(10).schedule })
      yield* advance(10)
      yield* Fiber.join(fiber)
      yield* transport.verify
    })))

  it.effect("of the options is sent first, and replaces that of the request", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* watchedPool([
        T.connection(
          T.expect(
            "GET / HTTP/1.1\r\nHost: a.test\r\naccept: a/b\r\nlast-event-id: 7\r\ncache-control: max-age=1\r\n\r\n"
          ),
          refusal("204 No"),
          T.expect(
            "GET / HTTP/1.1\r\nHost: a.test\r\naccept: a/b\r\nLast-Event-ID: 8\r\ncache-control: max-age=1\r\n\r\n"
          ),
          refusal("204 No")
        )
      ])
      const request = get("/", { headers: { accept: "a/b", "last-event-id": "7", "cache-control": "max-age=1" } })
      yield* Fiber.join((yield* running(pool, {}, request)).fiber)
      yield* Fiber.join((yield* running(pool, { lastEventId: "8" }, request)).fiber)
    })))

  it.effect("may have any number of spaces in it, which take no time", () =>
    contained(Effect.gen(function*() {
      const id = `a${" ".repeat(200_000)}b`
      const { pool, transport } = yield* watchedPool([
        T.connection(asked(), whole(`id: ${id}\ndata: a\n\n`), asked(id), refusal("204 No"))
      ])
      const { fiber } = yield* running(pool, { schedule: waits(10).schedule })
      yield* advance(10)
      yield* Fiber.join(fiber)
      yield* transport.verify
    })))

  it.effect("that no field can carry ends the subscription", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* watchedPool([T.connection(asked(), whole("id: \x01\ndata: a\n\n"))])
      const { events, fiber } = yield* running(pool, { schedule: waits(10).schedule })
      yield* advance(10)
      assert.strictEqual(yield* tagOf(fiber), "InvalidHeaderValue")
      assert.deepStrictEqual(events, ["a"])
    })))

  it.effect("is one that the reader has taken: a slow reader loses none", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* watchedPool([
        T.connection(asked(), begun("id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: c\n\n"), T.eof),
        T.connection(asked("3"), whole("id: 4\ndata: d\n\n")),
        T.connection(asked("4"), refusal("204 No"))
      ])
      const fiber = yield* started(
        Sse.subscribe(get(), { schedule: waits(10).schedule }).pipe(
          Stream.mapEffect(({ data, id }) => Effect.as(Effect.sleep("1 minute"), `${id}${data}`)),
          Stream.runCollect,
          Effect.provideService(ConnectionPool.ConnectionPool, pool)
        )
      )
      for (let i = 0; i < 6; i++) yield* advance(60_000)
      assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Fiber.join(fiber)), ["1a", "2b", "3c", "4d"])
    })))
})

describe("the wait", () => {
  /** The times at which connections are opened that all fail, or have one event each. */
  const times = (
    options: Sse.SubscribeOptions,
    steps: ReadonlyArray<ReadonlyArray<T.Step>>,
    tick = 1
  ) =>
    contained(Effect.gen(function*() {
      const opened: Array<number> = []
      const { pool } = yield* watchedPool(
        [...steps.map((steps) => T.connection(T.discardUntil("\r\n\r\n"), ...steps)), T.connection(T.stall)],
        {}
      )
      const counting = {
        execute: <E>(request: HttpRequest.HttpRequest<E>) =>
          Effect.zipRight(
            Effect.map(Clock.currentTimeMillis, (now) => opened.push(now)),
            pool.execute(request)
          )
      } as unknown as ConnectionPool.ConnectionPool
      const { fiber } = yield* running(counting, options)
      for (let i = 0; i < 2000 && opened.length <= steps.length; i++) yield* advance(tick)
      yield* Fiber.interrupt(fiber)
      return opened
    }))

  const fails = [T.eof]
  const event = [whole("data: a\n\n"), T.eof]
  const retry = (value: string) => [whole(`retry: ${value}\n\n`), T.eof]

  it.effect("is that of the schedule, which begins again after an event", () =>
    Effect.gen(function*() {
      const schedule = Schedule.exponential(10)
      assert.deepStrictEqual(
        yield* times({ schedule }, [fails, fails, fails, event, fails, fails]),
        [0, 10, 30, 70, 80, 100, 140]
      )
    }))

  it.effect("is the server's `retry` at first, and no shorter after it", () =>
    Effect.gen(function*() {
      const schedule = Schedule.exponential(10)
      assert.deepStrictEqual(
        yield* times({ schedule }, [retry("25"), fails, fails, fails, event]),
        [0, 25, 50, 90, 170, 195]
      )
    }))

  it.effect("may be shorter than that of the schedule, if the server says so", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* times({ schedule: Schedule.spaced(100) }, [retry("5"), fails, event]),
        [0, 5, 105, 110]
      )
    }))

  it.effect.each<readonly [what: string, steps: ReadonlyArray<ReadonlyArray<T.Step>>, opened: ReadonlyArray<number>]>([
    ["`retry`", [retry("1000"), fails], [0, 50, 100]],
    ["a `retry` of 400 digits", [retry("9".repeat(400))], [0, 50]],
    ["Retry-After", [[refusal("503 Busy", "Retry-After: 9"), T.eof]], [0, 50]],
    ["a Retry-After of 400 digits", [[refusal("503 Busy", `Retry-After: ${"9".repeat(400)}`), T.eof]], [0, 50]]
  ])("is at most `retryLimit`, if the server asks for more by %s", ([, steps, opened]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* times({ schedule: Schedule.spaced(10), retryLimit: 50 }, steps), opened)
    }))

  it.effect("is never longer than a timer can take", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* watchedPool([
        T.connection(asked(), whole(`retry: ${"9".repeat(400)}\n\n`), T.eof),
        T.connection(asked(), refusal("204 No"))
      ])
      const { fiber } = yield* running(pool, { retryLimit: Infinity, schedule: waits(0).schedule })
      yield* advance(2 ** 31 - 1)
      yield* Fiber.join(fiber)
      yield* transport.verify
    })))

  it.effect("is as long as Retry-After of 429 and 503 says", () =>
    Effect.gen(function*() {
      const schedule = Schedule.spaced(10)
      assert.deepStrictEqual(
        yield* times({ schedule }, [
          [refusal("503 Busy", "Retry-After: 1"), T.eof],
          [refusal("429 Slow", "Retry-After: 0"), T.eof],
          [refusal("502 Bad", "Retry-After: 1"), T.eof]
        ]),
        [0, 1000, 1010, 1020]
      )
    }))

  it.effect("grows by default from 1 to 30 seconds, less up to half of it", () =>
    Effect.gen(function*() {
      const opened = yield* times({}, Array.from({ length: 7 }, () => fails), 500)
      const gaps = opened.slice(1).map((time, i) => time - (opened[i] ?? 0))
      assert.strictEqual(gaps.length, 7)
      gaps.forEach((gap, i) => {
        const most = Math.min(1000 * 2 ** i, 30_000)
        // The clock moves by half a second here.
        assert.isTrue(gap >= most / 2 && gap <= most + 500, `${gap} of ${most}`)
      })
    }))
})

describe("the end", () => {
  it.effect("of the schedule ends the stream after a response that ended", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* watchedPool([T.connection(asked(), whole("data: a\n\n"))])
      const { events, fiber } = yield* running(pool, { schedule: Schedule.stop })
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(events, ["a"])
      yield* holds(pool, { idle: 1 })
    })))

  it.effect("of the schedule fails with the last failure", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* watchedPool([T.connection(asked(), T.eof), T.connection(asked(), refusal("503 Busy"))])
      const { fiber } = yield* running(pool, { schedule: Schedule.recurs(1) })
      yield* advance(0)
      assert.strictEqual(yield* tagOf(fiber), "StatusError")
    })))

  const fatal: ReadonlyArray<readonly [what: string, reply: T.Step, tag: HttpError.HttpError["_tag"]]> = [
    ["404", refusal("404 Not"), "StatusError"],
    ["401", refusal("401 No"), "StatusError"],
    ["500", refusal("500 No"), "StatusError"],
    ["301", refusal("301 Moved", "Location: /b"), "StatusError"],
    ["201", refusal("201 Created", "Content-Type: text/event-stream"), "StatusError"],
    [
      "another Content-Type",
      T.reply("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"),
      "NotEventStream"
    ],
    ["an event that is too large", begun(`data: ${"x".repeat(100)}`), "EventTooLarge"],
    ["a head that is too large", T.reply(`HTTP/1.1 200 ${"x".repeat(9000)}`), "LineTooLong"]
  ]
  it.effect.each(fatal)("at once: %s", ([, reply, tag]) =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* watchedPool([T.connection(asked(), reply, T.stall)], { idle: 0 })
      const { fiber } = yield* running(pool, { maxEventBytes: 50 })
      assert.strictEqual(yield* tagOf(fiber), tag)
      yield* nothingLeft(transport)
    })))

  it.effect("statuses of the options are repeated, and no others", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* watchedPool([
        T.connection(asked(), refusal("500 No"), asked(), refusal("503 Busy"))
      ])
      const { fiber } = yield* running(pool, { statuses: [500], schedule: waits(0).schedule })
      yield* advance(0)
      const error = yield* Effect.flip(Fiber.join(fiber))
      assert.strictEqual(error._tag === "StatusError" ? error.status : error._tag, 503)
    })))

  it.effect("with the pool: its shutdown fails the subscription, which opens nothing more", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* watchedPool([T.connection(asked(), begun("data: a\n\n"), T.stall)])
      const { fiber } = yield* running(pool)
      yield* pool.shutdown({ grace: 0 })
      assert.strictEqual(yield* tagOf(fiber), "ConnectionClosed")
      yield* nothingLeft(transport)
    })))

  const moments: ReadonlyArray<readonly [what: string, script: T.Connection]> = [
    ["while the connection is opened", T.openStalls],
    ["while the head is awaited", T.connection(asked(), T.stall)],
    ["while an event is awaited", T.connection(asked(), begun("data: a\n\n"), T.stall)],
    ["during a wait", T.connection(asked(), T.eof)],
    ["while a refusal is read", T.connection(asked(), T.reply("HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\n"), T.stall)]
  ]
  it.effect.each(moments)("by interruption %s", ([, script]) =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* watchedPool([script])
      const { fiber } = yield* running(pool, { schedule: Schedule.spaced("1 hour") })
      yield* settled
      yield* Fiber.interrupt(fiber)
      yield* holds(pool, {})
      yield* nothingLeft(transport)
    })))

  it.effect("by the reader, in the middle of a response", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* watchedPool([T.connection(asked(), begun("data: a\n\n"), T.stall)])
      const events = Stream.take(Sse.subscribe(get()), 1)
      yield* Effect.provideService(Stream.runDrain(events), ConnectionPool.ConnectionPool, pool)
      yield* holds(pool, {})
      yield* nothingLeft(transport)
    })))

  it.effect("a schedule that dies kills the stream and leaves nothing", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* watchedPool([T.connection(asked(), T.eof)])
      const schedule = Schedule.tapInput(Schedule.forever, () => Effect.die("no"))
      const { fiber } = yield* running(pool, { schedule })
      const exit = yield* fiber.await
      assert.isTrue(Exit.isFailure(exit) && exit.cause._tag !== "Fail")
      yield* nothingLeft(transport)
    })))
})

describe("one connection", () => {
  it.effect("at a time, also while a refused response is drained", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* watchedPool([
        T.connection(
          asked(),
          T.reply("HTTP/1.1 503 No\r\nContent-Length: 5000\r\n\r\n" + "x".repeat(4096)),
          T.delay(500),
          T.reply("x".repeat(904)),
          asked(),
          begun("data: a\n\n"),
          T.stall
        )
      ])
      const { events, fiber } = yield* running(pool, { schedule: Schedule.spaced(1) })
      yield* advance(499)
      assert.strictEqual(transport.opened.length, 1)
      yield* advance(1)
      yield* advance(1)
      assert.deepStrictEqual(events, ["a"])
      assert.strictEqual(transport.opened.length, 1)
      yield* Fiber.interrupt(fiber)
    })))

  it.effect("after another, hundreds of times: nothing piles up", () =>
    contained(Effect.gen(function*() {
      const total = 300
      const { pool, transport } = yield* watchedPool([
        T.connection(
          ...Array.from({ length: total }, (_, i) => [T.discardUntil("\r\n\r\n"), whole(`id: ${i}\ndata: a\n\n`)])
            .flat()
        )
      ])
      const events = Stream.take(Sse.subscribe(get(), { schedule: Schedule.forever }), total)
      const fiber = yield* started(
        Effect.provideService(Stream.runLast(events), ConnectionPool.ConnectionPool, pool)
      )
      for (let i = 0; i < total; i++) yield* advance(0)
      assert.strictEqual(Option.getOrThrow(yield* Fiber.join(fiber)).id, String(total - 1))
      assert.strictEqual(transport.opened.length, 1)
    })))
})

describe("a request that cannot be sent again", () => {
  it.effect("fails before anything is sent", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* watchedPool([])
      const request = HttpRequest.post(url, { body: HttpBody.stream(Stream.make(Buffer.from("a"))) })
      const error = yield* failsWith(
        Effect.provideService(Stream.runDrain(Sse.subscribe(request)), ConnectionPool.ConnectionPool, pool),
        "InvalidOption"
      )
      assert.strictEqual(error.option, "request.body")
      const { client } = yield* clientTo([])
      const streamed = HttpClientRequest.post(url, { body: PlatformBody.stream(Stream.make(Buffer.from("a"))) })
      yield* failsOnPlatform(
        Effect.provideService(Stream.runDrain(Sse.subscribe(streamed)), HttpClient.HttpClient, client),
        "RequestError",
        "Encode",
        "InvalidOption"
      )
      assert.strictEqual(transport.opened.length, 0)
    })))

  const invalid: ReadonlyArray<readonly [what: string, options: object]> = [
    ["lastEventId", { lastEventId: "a\nb" }],
    ["lastEventId", { lastEventId: "\0" }],
    ["schedule", { schedule: "1 second" }],
    ["idleTimeout", { idleTimeout: -1 }],
    ["retryLimit", { retryLimit: "soon" }],
    ["statuses", { statuses: [99] }],
    ["maxEventBytes", { maxEventBytes: 0 }],
    ["check", { check: 1 }]
  ]
  it.effect.each(invalid)(
    "neither can one with an invalid %s",
    ([option, options]) =>
      contained(Effect.gen(function*() {
        const { pool } = yield* watchedPool([])
        const error = yield* failsWith(
          Effect.provideService(Stream.runDrain(Sse.subscribe(get(), options)), ConnectionPool.ConnectionPool, pool),
          "InvalidOption"
        )
        assert.strictEqual(error.option, option)
      }))
  )
})

describe("a client of the platform", () => {
  const request = HttpClientRequest.get(url)

  const subscribed = (client: HttpClient.HttpClient, options?: Sse.SubscribeOptions) =>
    Effect.gen(function*() {
      const events: Array<string> = []
      const fiber = yield* started(
        Sse.subscribe(request, options).pipe(
          Stream.runForEach(({ data }) => Effect.sync(() => events.push(data))),
          Effect.provideService(HttpClient.HttpClient, client),
          quietly
        )
      )
      return { events, fiber }
    })

  it.effect("sends the request again in the same way, without the limits of the pool", () =>
    contained(Effect.gen(function*() {
      const { client, pool, transport } = yield* clientTo([
        T.connection(
          T.expect(
            "GET / HTTP/1.1\r\nHost: a.test\r\naccept: text/event-stream\r\ncache-control: no-cache\r\n\r\n"
          ),
          begun("id: é\nretry: 20\ndata: a\n\n".replace("é", "\u00c3\u00a9")),
          T.delay("1 minute"),
          T.reply(last),
          T.expect(Buffer.from(
            "GET / HTTP/1.1\r\nHost: a.test\r\naccept: text/event-stream\r\ncache-control: no-cache\r\nlast-event-id: é\r\n\r\n"
          )),
          refusal("204 No")
        )
      ], { timeouts: { bodyIdle: 1000, total: 2000 }, limits: { body: 10 } })
      const { events, fiber } = yield* subscribed(client)
      yield* advance(60_000)
      yield* advance(20)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(events, ["a"])
      yield* holds(pool, { idle: 1 })
      yield* transport.verify
    })))

  it.effect("keeps the options that are set around the subscription", () =>
    contained(Effect.gen(function*() {
      const { client } = yield* clientTo([T.connection(T.discardUntil("\r\n\r\n"), begun("data: a\n\n"), T.stall)])
      const { fiber } = yield* PooledHttpClient.withTimeouts(
        subscribed(client, { schedule: Schedule.stop }),
        { total: "1 second" }
      )
      yield* advance(1000)
      const error = yield* Effect.flip(Fiber.join(fiber))
      assert.strictEqual(Option.getOrThrow(HttpError.fromPlatform(error))._tag, "HttpTimeout")
    })))

  it.effect("idles no longer than was asked for", () =>
    contained(Effect.gen(function*() {
      const { client, pool } = yield* clientTo([
        T.connection(T.discardUntil("\r\n\r\n"), begun("data: a\n\n"), T.stall)
      ])
      const { fiber } = yield* subscribed(client, { schedule: Schedule.stop, idleTimeout: 500 })
      yield* advance(500)
      assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "ResponseError")
      yield* holds(pool, {})
    })))

  it.effect("follows redirects, if it is asked to", () =>
    contained(Effect.gen(function*() {
      const { client, transport } = yield* clientTo([
        T.connection(
          T.discardUntil("\r\n\r\n"),
          refusal("307 To", "Location: /events"),
          T.discardUntil("GET /events HTTP/1.1\r\n"),
          T.discardUntil("\r\n\r\n"),
          whole("data: a\n\n"),
          T.discardUntil("GET / HTTP/1.1\r\n"),
          T.discardUntil("\r\n\r\n"),
          refusal("204 No")
        )
      ])
      const { events, fiber } = yield* subscribed(PooledHttpClient.followRedirects(client), {
        schedule: waits(10).schedule
      })
      yield* advance(10)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(events, ["a"])
      yield* transport.verify
    })))

  /** A client in memory that answers so, one after the other. */
  const answering = (...answers: ReadonlyArray<() => Response | RequestError["reason"]>) => {
    const sent: Array<string | undefined> = []
    const client = HttpClient.make((request) =>
      Effect.suspend(() => {
        const answer = answers[sent.length]?.() ?? new Response(null, { status: 204 })
        sent.push(request.headers["last-event-id"])
        return typeof answer === "string"
          ? Effect.fail(new RequestError({ request, reason: answer }))
          : Effect.succeed(HttpClientResponse.fromWeb(request, answer))
      })
    )
    return { client, sent }
  }
  const ofText = (text: string) => () => new Response(text, { headers: { "content-type": "text/event-stream" } })
  const ofStatus = (status: number) => () => new Response("x", { status })

  it.effect("that is another one: its network failures and statuses are repeated", () =>
    Effect.gen(function*() {
      const { client, sent } = answering(
        () => "Transport",
        ofText("id: 1\ndata: a\n\n"),
        ofStatus(503),
        () =>
          new Response(
            new ReadableStream({
              pull: (controller) => controller.error(new Error("broken"))
            }),
            { headers: { "content-type": "text/event-stream" } }
          ),
        ofText("data: b\n\n")
      )
      const events = Sse.subscribe(request, { schedule: Schedule.forever })
      const all = yield* Effect.provideService(Stream.runCollect(events), HttpClient.HttpClient, client)
      assert.deepStrictEqual(Chunk.toReadonlyArray(all).map(({ data, id }) => [data, id]), [["a", "1"], ["b", "1"]])
      assert.deepStrictEqual(sent, [undefined, undefined, "1", "1", "1", "1"])
    }))

  it.effect("that is another one, and makes failures of statuses", () =>
    Effect.gen(function*() {
      const { client, sent } = answering(ofStatus(503), ofStatus(404))
      const events = Sse.subscribe(request, { schedule: Schedule.forever })
      const error = yield* Effect.flip(
        Effect.provideService(Stream.runDrain(events), HttpClient.HttpClient, HttpClient.filterStatusOk(client))
      )
      assert.strictEqual(error._tag === "ResponseError" && error.response.status, 404)
      assert.strictEqual(sent.length, 2)
    }))

  it.effect("that is another one: an invalid request is not repeated", () =>
    Effect.gen(function*() {
      const { client, sent } = answering(() => "Encode")
      const events = Sse.subscribe(request, { schedule: Schedule.forever })
      const error = yield* Effect.flip(Effect.provideService(Stream.runDrain(events), HttpClient.HttpClient, client))
      assert.strictEqual(error.reason, "Encode")
      assert.strictEqual(sent.length, 1)
    }))

  it.effect("that is another one: its silence ends too, and cancels the body", () =>
    Effect.gen(function*() {
      let cancelled = false
      const silent = () =>
        new Response(new ReadableStream({ cancel: () => void (cancelled = true) }), {
          headers: { "content-type": "text/event-stream" }
        })
      const { client, sent } = answering(silent)
      const { fiber } = yield* subscribed(client, { schedule: waits(0).schedule, idleTimeout: 500 })
      yield* advance(500)
      yield* Fiber.join(fiber)
      assert.isTrue(cancelled)
      assert.strictEqual(sent.length, 2)
    }))

  it("has the failures of the platform, and a pool its own", () => {
    expectTypeOf(Sse.subscribe(request)).toExtend<
      Stream.Stream<Sse.Event, unknown, HttpClient.HttpClient>
    >()
    expectTypeOf(Sse.subscribe(get())).toEqualTypeOf<
      Stream.Stream<Sse.Event, Sse.SubscribeFailure, ConnectionPool.ConnectionPool>
    >()
  })
})
