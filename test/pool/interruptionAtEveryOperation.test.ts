/**
 * Interruption between any two runtime operations of a request through the pool: the run is repeated once for each of its
 * operations, and interrupted there. Finds what waits do not show, such as a connection that was given and has not been taken.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Auth from "../../src/Auth.ts"
import type { ConnectionPool, Options } from "../../src/ConnectionPool.ts"
import { ConnectionPool as PoolTag, retry } from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as Proxy from "../../src/Proxy.ts"
import * as T from "../../src/TestTransport.ts"
import { bytesOf, chunk, contained, hasEnded, ok, settled, started } from "../connection/harness.ts"
import { interruptedAt } from "../fixtures/interruptedAt.ts"
import { get, holds, holdsNothing, poolOver, textOf } from "./harness.ts"
import { origin } from "./scenarios.ts"

const request = T.discardUntil("\r\n\r\n")
const answer = T.reply(
  `HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("abc")}${
    chunk("def")
  }0\r\n\r\n`,
  { split: [10, 40, 78, 83, 90, 92] }
)

const busy = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"

/** A SOCKS proxy that wants credentials, in pieces, and the server behind it. */
const throughSocks = T.connection(
  T.discardUntil("\x05\x02\x00\x02"),
  T.reply("\x05\x02", { split: 1 }),
  T.discardUntil("hunter2"),
  T.reply("\x01\x00", { split: 1 }),
  T.discardUntil("a.test\x00\x50"),
  T.reply("\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50", { split: [1, 5] }),
  request,
  answer,
  request,
  T.reply(ok("any"))
)

/** Answers whatever is asked, five times. */
const any = T.connection(...Array.from({ length: 5 }, () => [request, T.reply(ok("any"))]).flat())

interface Scenario {
  readonly name: string
  readonly options?: Options
  /** Whether it waits for the clock. */
  readonly takesTime?: boolean
  /** The connections that are opened first. Those that follow answer anything. */
  readonly script: T.Script
  /** What happens before. What it gives goes on beside the run, and must come to its end. */
  readonly before?: (pool: ConnectionPool) => Effect.Effect<Effect.Effect<unknown, unknown>, unknown>
  readonly run: (pool: ConnectionPool) => Effect.Effect<unknown, unknown>
}

/** Occupies a connection, until a second after the run began. */
const occupied = (pool: ConnectionPool) => Effect.map(pool.execute(get("/slow")), (response) => response.bytes)

const slowly = [
  request,
  T.reply(ok("slow").slice(0, -1)),
  T.delay("1 second"),
  T.reply("w")
]

const leased = (pool: ConnectionPool) =>
  Effect.scoped(
    Effect.flatMap(pool.lease(origin), (connection) =>
      Effect.flatMap(connection.execute(HttpRequest.get("/")), (response) => response.text))
  )

/** Refuses a request, and answers the one with a digest. */
const challenge = T.reply(
  `HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\nContent-Length: 2\r\n\r\nno`,
  { split: [20, 94] }
)
const challenging = T.connection(
  request,
  challenge,
  request,
  answer,
  request,
  T.reply(ok("any"))
)

const digestOf = Auth.digest({
  username: "ann",
  password: Redacted.make("secret"),
  origins: ["http://a.test"]
})

const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "sent again with a digest",
    script: [challenging],
    run: (pool) => Effect.flatMap(digestOf, (auth) => textOf(Auth.pool(pool, auth), get()))
  },
  {
    name: "sent again with a digest, by the client of the platform",
    script: [challenging],
    run: (pool) =>
      Effect.flatMap(
        Effect.zip(digestOf, Effect.provideService(PooledHttpClient.make, PoolTag, pool)),
        ([auth, client]) => Effect.flatMap(Auth.client(client, auth).get("http://a.test/"), ({ text }) => text)
      )
  },
  {
    name: "an upgrade, written to and read to its end",
    script: [T.connection(
      request,
      T.reply("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 101 Up\r\nUpgrade: echo\r\n\r\nabc", { split: [10, 40, 70] }),
      T.expect("hello"),
      T.reply("def"),
      T.expectEnd,
      T.eof
    )],
    run: (pool) =>
      Effect.scoped(Effect.gen(function*() {
        const upgraded = yield* pool.upgrade(HttpRequest.get("http://a.test/", { headers: { Upgrade: "echo" } }))
        yield* Stream.run(Stream.make(bytesOf("hello")), upgraded.sink)
        return yield* Stream.runCount(upgraded.stream)
      }))
  },
  {
    name: "an upgrade that is refused",
    script: [T.connection(request, T.reply("HTTP/1.1 426 No\r\nContent-Length: 2\r\n\r\nno", { split: [20, 41] }))],
    run: (pool) =>
      pool.upgrade(HttpRequest.get("http://a.test/", { headers: { Upgrade: "echo" } })).pipe(
        Effect.asVoid,
        Effect.scoped,
        Effect.catchTag("UpgradeRefused", ({ response }) => Effect.asVoid(response.text))
      )
  },
  {
    name: "on a new connection",
    script: [T.connection(request, answer, request, T.reply(ok("any")))],
    run: (pool) => textOf(pool, get())
  },
  {
    name: "for whose connection the credentials of a proxy are asked",
    options: {
      proxy: Effect.runSync(
        Proxy.make({ host: "p.test", credentials: Effect.as(Effect.yieldNow(), { username: "a", password: "b" }) })
      )
    },
    script: [T.connection(request, answer, request, T.reply(ok("any")))],
    run: (pool) => textOf(pool, get())
  },
  {
    name: "on an idle connection, under a total timeout",
    options: { timeouts: { total: "1 hour" } },
    script: [T.connection(request, T.reply(ok("warm")), request, answer, request, T.reply(ok("any")))],
    before: (pool) => Effect.as(textOf(pool, get()), Effect.void),
    run: (pool) => textOf(pool, get())
  },
  {
    name: "for whose connection another waits",
    takesTime: true,
    options: { connectionsPerOrigin: 1 },
    script: [T.openAfter("500 millis", any)],
    before: (pool) => Effect.succeed(Effect.zipRight(settled, textOf(pool, get("/other")))),
    run: (pool) => textOf(pool, get())
  },
  {
    name: "behind which another waits for an occupied connection",
    takesTime: true,
    options: { connectionsPerOrigin: 1 },
    script: [T.connection(...slowly, request, answer, request, T.reply(ok("any")))],
    before: (pool) =>
      Effect.map(
        occupied(pool),
        (beside) => Effect.all([beside, Effect.zipRight(settled, textOf(pool, get("/other")))], { concurrency: 2 })
      ),
    run: (pool) => textOf(pool, get())
  },
  {
    name: "while whose connection is being opened another's comes free",
    takesTime: true,
    script: [
      T.connection(...slowly, request, answer, request, T.reply(ok("any"))),
      T.openAfter("2 seconds", any)
    ],
    before: occupied,
    run: (pool) => textOf(pool, get())
  },
  {
    name: "after waiting for the place of another origin's",
    takesTime: true,
    options: { connections: 1 },
    script: [T.connection(...slowly)],
    before: occupied,
    run: (pool) => textOf(pool, HttpRequest.get("http://b.test/"))
  },
  {
    name: "sent once more, because its connection had gone",
    script: [T.connection(request, T.reply(ok("warm")), request, T.reset), T.connection(request, answer)],
    before: (pool) => Effect.as(textOf(pool, get()), Effect.void),
    run: (pool) => textOf(pool, get())
  },
  {
    name: "retried after a refusal and a status, with a key",
    script: [
      T.refuse(),
      T.connection(request, T.reply(busy, { split: [50] }), request, answer, request, T.reply(ok("any")))
    ],
    run: (pool) =>
      textOf(
        retry(pool, { schedule: Schedule.forever, idempotencyKey: true }),
        HttpRequest.post("http://a.test/")
      )
  },
  {
    name: "whose connection cannot be opened",
    script: [T.refuse()],
    run: (pool) => Effect.either(textOf(pool, get()))
  },
  {
    name: "whose answer is streamed, and not to its end",
    script: [T.connection(request, T.reply(ok("done"), { split: [40] }), request, T.reply(ok("any")))],
    run: (pool) => Effect.flatMap(pool.execute(get()), (response) => Stream.runHead(response.stream))
  },
  {
    name: "whose body is streamed",
    script: [
      T.connection(
        T.discardUntil(chunk("up")),
        T.blockWrites,
        T.unblockWrites,
        T.discardUntil("0\r\n\r\n"),
        T.reply(ok("done"))
      )
    ],
    run: (pool) =>
      textOf(
        pool,
        HttpRequest.post("http://a.test/", { body: HttpBody.stream(Stream.fromIterable(["up", "load"].map(bytesOf))) })
      )
  },
  {
    name: "through a tunnel with TLS",
    // A handshake without a limit, because the script's limit is a race of Effect's, which cannot be interrupted everywhere.
    options: { proxy: Proxy.make({ host: "p.test" }).pipe(Effect.runSync), timeouts: { tls: Infinity } },
    script: [T.connection(request, T.reply("HTTP/1.1 200 OK\r\n\r\n", { split: 7 }), request, answer, T.stall)],
    run: (pool) => textOf(pool, HttpRequest.get("https://a.test/"))
  },
  {
    name: "through a SOCKS proxy with credentials",
    options: {
      proxy: Effect.runSync(
        Proxy.make({ scheme: "socks5h", host: "p.test", credentials: { username: "me", password: "hunter2" } })
      )
    },
    script: [throughSocks, throughSocks, throughSocks],
    run: (pool) => textOf(pool, get())
  },
  {
    name: "on a lease, after waiting for it",
    takesTime: true,
    options: { connectionsPerOrigin: 1 },
    script: [T.connection(...slowly, request, answer, request, T.reply(ok("any")))],
    before: occupied,
    run: leased
  }
]

/** One run, interrupted at this operation; the operations of a run to its end. */
const runOnce = ({ before, options, run, script, takesTime = false }: Scenario, at: number) =>
  Effect.scoped(Effect.gen(function*() {
    const kit = yield* poolOver([...script, any, any, any], {
      idleTime: Infinity,
      lifetime: Infinity,
      ...options
    })
    const { pool, transport } = kit
    const beside = yield* Effect.fork(before === undefined ? Effect.void : yield* before(pool))
    const running = yield* started(interruptedAt(run(pool), at))
    if (takesTime) {
      yield* TestClock.adjust("1 second")
      yield* settled
      yield* TestClock.adjust("1 second")
      yield* settled
    }
    assert.isTrue(hasEnded(running), "the interruption hangs")
    const { exit, ops } = yield* Fiber.join(running)
    if (Exit.isFailure(exit)) {
      assert.isTrue(Cause.isInterruptedOnly(exit.cause), `failed with ${Cause.pretty(exit.cause)}`)
    }
    assert.isTrue(hasEnded(beside), "another request hangs")
    yield* Fiber.join(beside)
    yield* holds(pool, { idle: transport.openCount })
    // Where the connection has not been used, its script wants what it was opened for.
    const unused = transport.opened.length === 0 || (transport.openCount > 0 && transport.written(0) === "")
    // It may be the first to find that there is no connection.
    yield* Effect.retry(unused ? run(pool) : textOf(pool, get("/next")), { times: 1 })
    yield* holds(pool, { idle: transport.openCount })
    yield* pool.closeIdle
    yield* holdsNothing(kit)
    // What came after the interruption came whole, so that nothing had to be taken from anybody.
    assert.strictEqual((yield* pool.stats).reclaimed, 0)
    return ops
  }))

describe("interrupted at every operation, a request", () => {
  for (const scenario of scenarios) {
    it.effect(`leaves nothing in the pool: ${scenario.name}`, () =>
      contained(Effect.gen(function*() {
        const ops = yield* runOnce(scenario, Infinity)
        assert.isAbove(ops, 20)
        for (let at = 1; at <= ops; at++) {
          yield* Effect.catchAllCause(runOnce(scenario, at), (cause) =>
            Effect.die(new Error(`at operation ${at} of ${ops}`, { cause: Cause.squash(cause) })))
        }
        // A run for each operation is hundreds of them.
      })), 120_000)
  }

  const unread = T.reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
  const ways: ReadonlyArray<
    readonly [string, T.Connection, (pool: ConnectionPool) => Effect.Effect<unknown, unknown>]
  > = [
    ["", T.connection(request, unread, T.stall), (pool) => pool.execute(get())],
    [
      ", with a digest",
      T.connection(request, challenge, request, unread, T.stall),
      (pool) => Effect.flatMap(digestOf, (auth) => Auth.pool(pool, auth).execute(get()))
    ]
  ]
  it.effect.each(ways)(
    "leaves a response to the reclaiming, if it was interrupted in the last steps of handing it over%s",
    ([, script, run]) =>
      contained(Effect.gen(function*() {
        let count = 0
        for (let at = 1, over = false; !over; at++) {
          const kit = yield* poolOver([script], { unreadTime: "1 second" })
          const running = yield* started(interruptedAt(run(kit.pool), at))
          yield* settled
          // Credentials release the response that they do not hand over, and wait for that.
          if (!hasEnded(running)) yield* TestClock.adjust("1 second")
          const { exit } = yield* Fiber.join(running)
          over = Exit.isSuccess(exit)
          yield* settled
          if (!over && (yield* kit.pool.stats).busy === 1) count++
          yield* TestClock.adjust("1 second")
          yield* kit.pool.closeIdle
          yield* holdsNothing(kit)
        }
        // An interruption after the last look for one is lost on any Effect; without that look they are more.
        assert.isAtMost(count, 4)
      })).pipe(Logger.withMinimumLogLevel(LogLevel.None)),
    120_000
  )
})
