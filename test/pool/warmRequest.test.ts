/**
 * The request of a warm origin: it is sent on each connection that is opened for the origin's reserve, and the connection is idle
 * when its response has come. No request of a caller waits for it, and whatever becomes of it, nothing is left and nothing runs hot.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import type { WarmEnd } from "../../src/ConnectionEvent.ts"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Origin from "../../src/Origin.ts"
import * as Proxy from "../../src/Proxy.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { chunk, contained, failsWith, getHead, hasEnded, ok, settled, started } from "../connection/harness.ts"
import { interruptedAt } from "../fixtures/interruptedAt.ts"
import { answering } from "./addressed.ts"
import type { PoolKit } from "./harness.ts"
import { comesToHold, get, holds, holdsNothing, poolOver, reasons, tags, textOf, watchedPool } from "./harness.ts"

const url = "http://a.test"
const request = HttpRequest.get("/health")
const head = T.discardUntil("\r\n\r\n")
const greets = T.expect(getHead("/health"))

const warm = (minIdle = 1, other: HttpRequest.HttpRequest = request): ConnectionPool.Options => ({
  warm: [{ origin: url, minIdle, request: other }]
})

/** Answers the request of the origin, and then others. */
const greeted = (reply = ok("up")): T.Connection =>
  T.connection(greets, T.reply(reply), ...Array.from({ length: 9 }, () => [head, T.reply(ok("x"))]).flat())

const many = (count: number, connection: T.Connection = greeted()): T.Script =>
  Array.from({ length: count }, () => connection)

type WarmOrigin = NonNullable<ConnectionPool.Options["warm"]>[number]

const ends = (events: ReadonlyArray<{ readonly _tag: string }>): ReadonlyArray<WarmEnd> =>
  events.filter((event): event is WarmEnd => event._tag === "WarmEnd")

describe("the request of a warm origin", () => {
  it.effect("is sent when a connection is open, which is idle when the response has come, and is then used", () =>
    contained(Effect.gen(function*() {
      const delayed = T.connection(
        greets,
        T.delay("1 second"),
        T.reply(ok("up")),
        T.expect(getHead("/")),
        T.reply(ok("x"))
      )
      const { events, pool } = yield* watchedPool([delayed], { ...warm(), connectionsPerOrigin: 1 })
      yield* comesToHold(pool, { connecting: 1 }, 1)
      yield* TestClock.adjust("1 second")
      yield* comesToHold(pool, { idle: 1 })
      const response = yield* pool.execute(get())
      assert.strictEqual(yield* response.text, "x")
      assert.strictEqual(response.connection.reused, true)
      assert.strictEqual(response.connection.requestsServed, 1)
      assert.strictEqual((yield* pool.stats).opened, 1)
      assert.deepStrictEqual(tags(events).slice(0, 4), ["Connect", "Connected", "WarmEnd", "Acquire"])
    })))

  it.effect("is what the user has given, to the byte", () =>
    contained(Effect.gen(function*() {
      const proxy = Either.getOrThrow(
        Proxy.make({ host: "proxy.test", credentials: { username: "ann", password: Redacted.make("secret") } })
      )
      const origin = Either.getOrThrow(Origin.make({ scheme: "http", host: "a.test", port: 8080 }))
      const cases: ReadonlyArray<readonly [WarmOrigin, string, ConnectionPool.Options?]> = [
        [{ origin: url, request }, getHead("/health")],
        [{ origin: url, request: HttpRequest.get(`${url}:80/health?x=1#y`) }, getHead("/health?x=1")],
        [
          { origin: url, request: HttpRequest.head("/", { headers: { Authorization: "Bearer t" } }) },
          "HEAD / HTTP/1.1\r\nHost: a.test\r\nAuthorization: Bearer t\r\n\r\n"
        ],
        [{ origin: url, request: HttpRequest.options("*") }, "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n"],
        [{ origin, request }, "GET /health HTTP/1.1\r\nHost: a.test:8080\r\n\r\n"],
        [
          { origin, request: HttpRequest.get("/health", { origin }) },
          "GET /health HTTP/1.1\r\nHost: a.test:8080\r\n\r\n"
        ],
        [
          { origin: url, request },
          "GET http://a.test/health HTTP/1.1\r\nHost: a.test\r\nConnection: Proxy-Authorization\r\n"
          + "Proxy-Authorization: Basic YW5uOnNlY3JldA==\r\n\r\n",
          { proxy }
        ]
      ]
      for (const [entry, bytes, options] of cases) {
        yield* Effect.scoped(Effect.gen(function*() {
          const bodyless = ok("up").slice(0, -2)
          const reply = T.reply(entry.request?.method === "HEAD" ? bodyless : ok("up"))
          const { pool } = yield* poolOver([T.connection(T.expect(bytes), reply, T.stall)], {
            ...options,
            warm: [entry]
          })
          yield* comesToHold(pool, { idle: 1 })
        }))
      }
    })))

  it.effect("is sent again on each connection that replaces one, and on none that is opened for a request", () =>
    contained(Effect.gen(function*() {
      const slow = answering(1, "1 second")
      const ended = T.connection(greets, T.reply(ok("up")), head, T.reply(ok("x")), T.eof)
      const { events, pool, transport } = yield* watchedPool([ended, greeted(), slow, T.openStalls], warm())
      yield* settled
      // On the greeted one, which the server then closes.
      yield* textOf(pool, get())
      yield* comesToHold(pool, { idle: 1 })
      assert.strictEqual(ends(events).length, 2)
      // The second of them finds none idle.
      const fiber = yield* started(Effect.all([textOf(pool, get()), textOf(pool, get("/new"))], { concurrency: 2 }))
      // The fourth is for the reserve.
      assert.strictEqual(transport.opened.length, 4)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.strictEqual(ends(events).length, 2)
      assert.strictEqual((yield* pool.stats).requests, 3)
    })))

  it.effect("is no request of the program: it is a WarmEnd, and in no other event and no count", () =>
    contained(Effect.gen(function*() {
      const { events, pool } = yield* watchedPool([greeted("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")], warm())
      yield* comesToHold(pool, { idle: 1 })
      assert.deepStrictEqual(tags(events), ["Connect", "Connected", "WarmEnd"])
      assert.deepStrictEqual(
        ends(events).map(({ method, millis, origin, status }) => [origin, method, status, millis]),
        [
          ["http://a.test:80", "GET", 503, 0]
        ]
      )
      const { requests, reused } = yield* pool.stats
      assert.deepStrictEqual([requests, reused], [0, 0])
    })))

  it.effect("has the options that it brings: its listener for interim responses, and its total timeout", () =>
    contained(Effect.gen(function*() {
      const heard: Array<number> = []
      const other = HttpRequest.get("/health", {
        onInformational: ({ status }) => void heard.push(status),
        timeouts: { total: "1 minute" }
      })
      const interim = T.connection(greets, T.reply("HTTP/1.1 103 Early Hints\r\n\r\n"), T.stall)
      const { events, pool } = yield* watchedPool([interim, greeted()], warm(1, other))
      yield* settled
      assert.deepStrictEqual(heard, [103])
      yield* TestClock.adjust("59 seconds")
      yield* holds(pool, { connecting: 1 }, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(ends(events)[0]?.error?._tag, "HttpTimeout")
      assert.deepStrictEqual(reasons(events), ["Failure"])
    })))
})

describe("a connection on which the request was answered", () => {
  it.effect("is polled before its first request, although it went from hand to hand", () =>
    contained(Effect.gen(function*() {
      // What the server sends behind the answer must not answer the request that waits for the connection.
      const stray = T.connection(greets, T.delay("1 second"), T.reply(ok("up")), T.reply(ok("stray")), T.stall)
      const { pool } = yield* poolOver([stray, T.openStalls, T.openStalls], { ...warm(), connectionsPerOrigin: 2 })
      yield* settled
      const fiber = yield* started(textOf(pool, get()))
      yield* holds(pool, { connecting: 2, waiting: 1 }, 1)
      yield* TestClock.adjust("1 second")
      yield* comesToHold(pool, { connecting: 2, waiting: 1 })
      assert.isFalse(hasEnded(fiber))
      yield* Fiber.interrupt(fiber)
    })))

  it.effect("goes to the request that waits, whose own opening is kept as it is", () =>
    contained(Effect.gen(function*() {
      const late = T.connection(greets, T.delay("1 second"), T.reply(ok("up")), head, T.reply(ok("x")), T.stall)
      const { events, pool } = yield* watchedPool([late, T.openAfter("2 seconds", answering(1))], warm())
      yield* settled
      const fiber = yield* started(textOf(pool, get()))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "x")
      yield* TestClock.adjust("1 second")
      yield* comesToHold(pool, { idle: 2 })
      assert.strictEqual(ends(events).length, 1)
    })))

  it.effect("does not go to a request that is sent once more, because it is not new", () =>
    contained(Effect.gen(function*() {
      const stale = T.connection(head, T.reply(ok("x")), head, T.reset)
      const late = T.connection(greets, T.delay("1 second"), T.reply(ok("up")), T.stall)
      const { pool, transport } = yield* poolOver(
        [late, stale, T.openAfter("2 seconds", answering(1))],
        { ...warm(), connectionsPerOrigin: 2 }
      )
      yield* settled
      yield* textOf(pool, get())
      const fiber = yield* started(textOf(pool, get()))
      yield* TestClock.adjust("1 second")
      yield* comesToHold(pool, { connecting: 1, idle: 1, waiting: 1 })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.strictEqual(transport.opened.length, 3)
    })))
})

/** Complete responses after which the connection can be used again. */
const complete: ReadonlyArray<readonly [name: string, reply: string, options?: ConnectionPool.Options]> = [
  ["200 with a body", ok("up")],
  ["204", "HTTP/1.1 204 No\r\n\r\n"],
  ["302", "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"],
  ["401", "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"r\"\r\nContent-Length: 0\r\n\r\n"],
  ["404 in chunks", `HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("no")}${chunk("thing")}0\r\n\r\n`],
  ["503", "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno"],
  ["408", "HTTP/1.1 408 No\r\nContent-Length: 0\r\n\r\n"],
  ["200 after a 103", `HTTP/1.1 103 Early\r\n\r\n${ok("up")}`],
  ["HTTP/1.0 that is kept alive", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"],
  ["a body of `drainBytes`", ok("x".repeat(50)), { drainBytes: 50 }]
]

/** Responses, and ends, after which it cannot: the reason of its end, and what the log says of it. */
const useless: ReadonlyArray<
  readonly [name: string, steps: ReadonlyArray<T.Step>, reason: string, why: string, options?: ConnectionPool.Options]
> = [
  [
    "a response with `Connection: close`",
    [T.reply(ok("up", "Connection: close"))],
    "NotPersistent",
    "the response to GET http://a.test/health (status 200) ended it"
  ],
  [
    "a response of HTTP/1.0",
    [T.reply("HTTP/1.0 503 No\r\nContent-Length: 0\r\n\r\n")],
    "NotPersistent",
    "the response to GET http://a.test/health (status 503) ended it"
  ],
  [
    "a response that ends with the connection",
    [T.reply("HTTP/1.1 200 OK\r\n\r\nup"), T.eof],
    "NotPersistent",
    "the response to GET http://a.test/health (status 200) ended it"
  ],
  [
    "a 204 that announces a body",
    [T.reply("HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\n")],
    "AnnouncedBody",
    "the response to GET http://a.test/health (status 204) ended it"
  ],
  [
    "a body of more than `drainBytes`",
    [T.reply(ok("x".repeat(51)))],
    "Undrained",
    "the response to GET http://a.test/health (status 200) is too long, or too slow, to be dropped (`drainBytes`, `drainTime`)",
    { drainBytes: 50 }
  ],
  [
    "an end before the response",
    [T.eof],
    "Failure",
    "GET http://a.test/health failed: The server closed the connection without sending a response"
  ],
  [
    "an end in the middle of the head",
    [T.reply("HTTP/1.1 200 OK\r\nConte"), T.eof],
    "Failure",
    "GET http://a.test/health failed: "
  ],
  [
    "an end in the middle of the body",
    [T.reply(ok("up").slice(0, -1)), T.eof],
    "Failure",
    "GET http://a.test/health failed (status 200): "
  ],
  ["a reset", [T.reset], "Failure", "GET http://a.test/health failed: "],
  ["what is no HTTP", [T.reply("SSH-2.0-x\r\n\r\n")], "Failure", "GET http://a.test/health failed: "],
  [
    "a second response behind the first",
    [T.reply(ok("up") + ok("stray"))],
    "Failure",
    "GET http://a.test/health failed (status 200): "
  ]
]

describe("a complete response makes the connection idle, whatever it is, in whatever pieces it comes", () => {
  for (const [name, reply, options] of complete) {
    it.effect(name, () =>
      contained(Effect.gen(function*() {
        for (const split of [undefined, { split: Array.from(reply, (_, at) => at).slice(1) }]) {
          yield* Effect.scoped(Effect.gen(function*() {
            const script = [T.connection(greets, T.reply(reply, split), T.stall)]
            const { events, pool } = yield* watchedPool(script, { ...warm(), ...options })
            yield* comesToHold(pool, { idle: 1 })
            assert.deepStrictEqual(ends(events).map(({ error }) => error), [undefined])
          }))
        }
      })))
  }
})

describe("a connection that cannot be used after the request has failed to open", () => {
  for (const [name, steps, reason, why, options] of useless) {
    it.effect(`${name}: it is closed, the log says so once a minute, and the next follows after a pause`, () =>
      Effect.suspend(() => {
        const logs: Array<string> = []
        const logger = Logger.make(({ logLevel, message }) => void logs.push(`${logLevel.label} ${String(message)}`))
        return contained(
          Effect.gen(function*() {
            const script = many(99, T.connection(greets, ...steps))
            const { events, pool, transport } = yield* watchedPool(script, { ...warm(2), ...options })
            yield* settled
            assert.strictEqual(transport.opened.length, 2)
            assert.deepStrictEqual(reasons(events), [reason, reason])
            assert.strictEqual(ends(events).length, 2)
            assert.strictEqual(logs.length, 1)
            assert.include(
              logs[0],
              `WARN A connection to http://a.test:80 is not warm (\`warm\`), because ${why}`,
              `${logs[0]}`
            )
            yield* holds(pool, {})
            // Two at first, then one at a time after pauses that grow to ten seconds.
            yield* TestClock.adjust("59 seconds")
            assert.isAtLeast(transport.opened.length, 10)
            assert.isAtMost(transport.opened.length, 30)
            assert.strictEqual(logs.length, 1)
            yield* TestClock.adjust("30 seconds")
            assert.strictEqual(logs.length, 2)
            assert.match(logs[1] ?? "", /the origin had [0-9]+ more of these since the last such line/)
          }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
        )
      }))
  }

  it.effect("a body that does not come within `drainTime`", () =>
    contained(Effect.gen(function*() {
      const slow = T.connection(greets, T.reply(ok("up").slice(0, -1)), T.stall)
      const { events, pool } = yield* watchedPool([slow, greeted()], { ...warm(), drainTime: "1 second" })
      yield* comesToHold(pool, { connecting: 1 }, 1)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(reasons(events), ["Undrained"])
      yield* TestClock.adjust("100 millis")
      yield* comesToHold(pool, { idle: 1 })
    })))

  it.effect("a server that says nothing for ten seconds", () =>
    contained(Effect.gen(function*() {
      const { events, pool } = yield* watchedPool([T.connection(greets, T.stall), greeted()], warm())
      yield* TestClock.adjust("9999 millis")
      yield* holds(pool, { connecting: 1 }, 1)
      yield* TestClock.adjust("1 millis")
      yield* holds(pool, {})
      assert.deepStrictEqual(ends(events).map(({ error, millis }) => [error?._tag, millis]), [["HttpTimeout", 10_000]])
      yield* TestClock.adjust("100 millis")
      yield* comesToHold(pool, { idle: 1 })
    })))

  it.effect("or another limit of the pool allows", () =>
    contained(Effect.gen(function*() {
      for (const timeouts of [{ head: "2 seconds" }, { total: "2 seconds" }] as const) {
        yield* Effect.scoped(Effect.gen(function*() {
          const { events } = yield* watchedPool([T.connection(greets, T.stall), greeted()], { ...warm(), timeouts })
          yield* TestClock.adjust("2 seconds")
          assert.deepStrictEqual(reasons(events), ["Failure"])
        }))
      }
    })))

  it.effect("a server that closes the connection at once behind the response", () =>
    contained(Effect.gen(function*() {
      const script = many(99, T.connection(greets, T.reply(ok("up")), T.eof))
      const { pool, transport } = yield* poolOver(script, warm())
      yield* TestClock.adjust("1 minute")
      assert.isAtMost(transport.opened.length, 30)
      yield* holds(pool, {})
    })))

  it.effect("a server that allows no further request, or keeps the connection for no time", () =>
    contained(Effect.gen(function*() {
      for (const field of ["Keep-Alive: max=0", "Keep-Alive: timeout=0"]) {
        yield* Effect.scoped(Effect.gen(function*() {
          const { transport } = yield* poolOver(many(99, greeted(ok("up", field))), warm())
          yield* TestClock.adjust("1 minute")
          assert.isAtMost(transport.opened.length, 40, field)
        }))
      }
    })))
})

describe("a server that closes an idle connection after a few seconds", () => {
  it.effect("gets the next one without a pause, each time", () =>
    contained(Effect.gen(function*() {
      const script = many(99, T.connection(greets, T.reply(ok("up")), T.delay("5 seconds"), T.eof))
      const { pool, transport } = yield* poolOver(script, warm())
      for (let count = 1; count < 20; count++) {
        yield* comesToHold(pool, { idle: 1 })
        assert.strictEqual(transport.opened.length, count)
        yield* TestClock.adjust("5 seconds")
      }
    })))

  it.effect("and says so, before it does", () =>
    contained(Effect.gen(function*() {
      const { events, pool, transport } = yield* poolOver(many(99, greeted(ok("up", "Keep-Alive: timeout=5"))), warm())
        .pipe(Effect.map((kit) => ({ ...kit, events: [] })))
      for (let count = 1; count < 20; count++) {
        yield* comesToHold(pool, { idle: 1 })
        assert.strictEqual(transport.opened.length, count)
        yield* TestClock.adjust("4 seconds")
      }
      assert.deepStrictEqual(events, [])
    })))
})

describe("a request of a caller", () => {
  it.effect("does not wait for the response: it has a connection of its own", () =>
    contained(Effect.gen(function*() {
      const { events, pool } = yield* watchedPool([T.connection(greets, T.stall), answering(2)], warm())
      yield* settled
      assert.strictEqual(yield* textOf(pool, get()), "x")
      yield* holds(pool, { connecting: 1, idle: 1 }, 1)
      assert.deepStrictEqual(reasons(events), [])
    })))

  for (const limit of ["connectionsPerOrigin", "connections"] as const) {
    it.effect(`closes the connection if there is no other room (${limit}), without a word in the log`, () =>
      Effect.suspend(() => {
        const logs: Array<unknown> = []
        const logger = Logger.make(({ message }) => void logs.push(message))
        return contained(
          Effect.gen(function*() {
            const script = [T.connection(greets, T.stall), answering(2, "1 second"), greeted()]
            const { events, pool } = yield* watchedPool(script, { ...warm(), [limit]: 1, idle: 1 })
            yield* settled
            const other = limit === "connections" ? HttpRequest.get("http://b.test/") : get()
            const fiber = yield* started(textOf(pool, other))
            yield* holds(pool, { busy: 1 })
            assert.deepStrictEqual(reasons(events), ["Room"])
            assert.strictEqual(ends(events)[0]?.error?._tag, "ConnectionClosed")
            yield* TestClock.adjust("1 second")
            assert.strictEqual(yield* Fiber.join(fiber), "x")
            assert.deepStrictEqual(logs, [])
          }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
        )
      }))
  }

  it.effect("that waits when the connection is open receives it as it is", () =>
    contained(Effect.gen(function*() {
      const { events, pool, transport } = yield* watchedPool([T.openAfter("1 second", answering(1))], {
        ...warm(),
        connectionsPerOrigin: 1
      })
      yield* settled
      const fiber = yield* started(textOf(pool, get()))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "x")
      assert.strictEqual(transport.opened.length, 1)
      assert.deepStrictEqual(ends(events), [])
    })))
})

/** The steps of a request, each of which the wire may take for ever. */
const steps: ReadonlyArray<T.Step> = [
  T.blockWrites,
  greets,
  T.unblockWrites,
  T.reply("HTTP/1.1 103 Early\r\n\r\n"),
  T.reply("HTTP/1.1 200 OK\r\nTransfer-Enc"),
  T.reply("oding: chunked\r\n\r\n"),
  T.reply("2\r\nu"),
  T.reply("p\r\n"),
  T.reply("0\r\n")
]

describe("at every step of the request", () => {
  /** Runs a test at each of them, with a pool of two such connections, and another that answers. */
  const atEveryStep = (
    act: (kit: PoolKit & { readonly scope: Scope.CloseableScope }) => Effect.Effect<void, unknown>
  ) =>
    contained(Effect.gen(function*() {
      for (let at = 0; at <= steps.length; at++) {
        const script = [...many(2, T.connection(...steps.slice(0, at), T.stall)), answering(1)]
        const transport = yield* T.make(script)
        const scope = yield* Scope.make()
        const pool = yield* ConnectionPool.make({ ...warm(2), shutdownGrace: 0 }).pipe(
          Effect.provideService(Transport.Transport, transport),
          Scope.extend(scope)
        )
        yield* comesToHold(pool, { connecting: 2 }, 2)
        yield* act({ pool, scope, transport }).pipe(
          Effect.catchAllCause((cause) => Effect.die(new Error(`at step ${at}`, { cause })))
        )
        yield* Scope.close(scope, Exit.void)
        yield* holdsNothing({ pool, transport })
      }
    }))

  it.effect("the end of the pool's scope leaves nothing", () =>
    atEveryStep(({ scope }) => Scope.close(scope, Exit.void)))

  it.effect("the shutdown of the pool does not wait for it, and leaves nothing", () =>
    atEveryStep(({ pool, transport }) =>
      Effect.gen(function*() {
        yield* pool.shutdown({ grace: "1 hour" })
        yield* TestClock.adjust("1 minute")
        yield* holdsNothing({ pool, transport })
      })
    ))

  it.effect("no further connection is opened, for a minute without a limit or until it ends", () =>
    atEveryStep(({ pool, transport }) =>
      Effect.gen(function*() {
        yield* TestClock.adjust("900 millis")
        yield* holds(pool, { connecting: 2 }, 2)
        assert.strictEqual(transport.opened.length, 2)
      })
    ))

  it.effect("a request has a connection of its own, and none of the two", () =>
    atEveryStep(({ pool }) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* textOf(pool, get()), "x")
        yield* holds(pool, { connecting: 2, idle: 1 }, 2)
      })
    ))

  it.effect("closeIdle leaves it alone", () =>
    atEveryStep(({ pool }) => Effect.zipRight(pool.closeIdle, comesToHold(pool, { connecting: 2 }, 2))))
})

describe("a request of a caller that is interrupted at any of its operations", () => {
  const answers = Array.from({ length: 9 }, () => [head, T.reply(ok("abc"), { split: [10, 39] })]).flat()
  const stalled = T.connection(head, T.stall)
  const cases: ReadonlyArray<readonly [name: string, script: T.Script, options: ConnectionPool.Options]> = [
    ["on a connection on which the request of the origin was answered", [], {}],
    ["beside one on which it is in progress", [stalled], {}],
    ["in the place of one on which it is in progress", [stalled], { connectionsPerOrigin: 1 }]
  ]
  /** One run, interrupted at this operation; the operations of a run. */
  const runOnce = (script: T.Script, options: ConnectionPool.Options, at: number) =>
    Effect.scoped(Effect.gen(function*() {
      const kit = yield* poolOver([...script, ...many(9, T.connection(...answers))], { ...warm(), ...options })
      yield* settled
      const running = yield* started(interruptedAt(textOf(kit.pool, get()), at))
      yield* settled
      assert.isTrue(hasEnded(running), `hangs at operation ${at}`)
      const { exit, ops } = yield* Fiber.join(running)
      assert.isTrue(Exit.isSuccess(exit) || Exit.isInterrupted(exit), `fails at operation ${at}`)
      yield* TestClock.adjust("20 millis")
      yield* settled
      const { busy, waiting } = yield* kit.pool.stats
      assert.deepStrictEqual({ busy, waiting }, { busy: 0, waiting: 0 }, `at operation ${at}`)
      assert.strictEqual(yield* textOf(kit.pool, get("/next")), "abc")
      yield* kit.pool.shutdown()
      yield* holdsNothing(kit)
      return ops
    }))

  for (const [name, script, options] of cases) {
    it.effect(`leaves the pool as it was: ${name}`, () =>
      contained(Effect.gen(function*() {
        const ops = yield* runOnce(script, options, Infinity)
        assert.isAbove(ops, 20)
        for (let at = 1; at <= ops; at++) yield* runOnce(script, options, at)
      })), 60_000)
  }
})

describe("a wrong request is InvalidOption when the pool is made", () => {
  const other = Either.getOrThrow(Origin.make({ scheme: "http", host: "b.test" }))
  const cases: ReadonlyArray<readonly [name: string, request: unknown, reason: string]> = [
    ["no request", "/health", "HttpRequest"],
    ["null", null, "HttpRequest"],
    ["a method that changes something", HttpRequest.post("/health"), "method"],
    ["a method that needs a body", HttpRequest.query("/health"), "method"],
    ["a method that opens a tunnel", HttpRequest.make("CONNECT", "a.test:80"), "method"],
    ["a method in small letters", HttpRequest.make("get", "/"), "method"],
    ["a body", HttpRequest.make("GET", "/", { body: Either.getOrThrow(HttpBody.text("x")) }), "body"],
    ["trailers", HttpRequest.make("GET", "/", { trailers: { A: "b" } }), "trailers"],
    ["another host", HttpRequest.get("http://b.test/health"), "origin"],
    ["another port", HttpRequest.get("http://a.test:81/health"), "origin"],
    ["another scheme", HttpRequest.get("https://a.test/health"), "origin"],
    ["another origin", HttpRequest.get("/health", { origin: other }), "origin"],
    ["a target that is neither", HttpRequest.get("health"), "url"],
    ["a target that cannot be sent", HttpRequest.get("/a b"), "target"],
    ["a field that cannot be sent", HttpRequest.get("/", { headers: { A: "b\r\nC: d" } }), "value"],
    ["a timeout", HttpRequest.get("/", { timeouts: { head: -1 } }), "duration"],
    ["timeouts that are a number", HttpRequest.get("/", { timeouts: 500 as {} }), "timeouts"],
    ["a limit", HttpRequest.get("/", { limits: { fields: -1 } }), "limits"],
    ["a query that cannot be encoded", HttpRequest.get("/", { query: { a: "\ud800" } }), "query"]
  ]
  for (const [name, wrong, reason] of cases) {
    it.effect(name, () =>
      Effect.gen(function*() {
        const options = { warm: [{ origin: "http://c.test" }, { origin: url, request: wrong }] }
        const error = yield* Effect.scoped(failsWith(poolOver([], options as ConnectionPool.Options), "InvalidOption"))
        assert.strictEqual(error.option, "warm[1].request")
        assert.include(error.reason, reason)
      }))
  }
})
