/**
 * Interruption between any two runtime operations of an exchange: the run is repeated once for each
 * of its operations, and interrupted there. This finds faults outside of waits, such as a channel
 * that is open and has no owner yet.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as HttpBody from "../../src/HttpBody.ts"
import type { HttpConnection, Options } from "../../src/HttpConnection.ts"
import type { InvalidRequest } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { interruptedAt } from "../fixtures/interruptedAt.ts"
import { chunk, connectTo, contained, ok, pieces, settled, textOf } from "./harness.ts"

/** Notes whether the last call was interrupted, or the program between two calls, which leaves what it leaves. */
type Call = <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>

interface Scenario {
  readonly name: string
  readonly options?: Partial<Options>
  readonly opening: ReadonlyArray<T.Step>
  readonly steps: ReadonlyArray<T.Step>
  /** Whether a request is under way between its calls, and so where a call was interrupted before it began. */
  readonly bySteps?: boolean
  readonly run: (connection: HttpConnection, call: Call) => Effect.Effect<unknown, unknown>
}

const answer = T.reply(
  `HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("abc")}${
    chunk("def")
  }0\r\n\r\n`,
  { split: [10, 40, 78, 83, 90, 92] }
)
const upload = HttpBody.stream(pieces("up", "load"))

const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "execute and text",
    opening: [],
    steps: [T.discardUntil("\r\n\r\n"), answer],
    run: (connection, call) =>
      Effect.flatMap(call(connection.execute(HttpRequest.get("/"))), (response) => call(response.text))
  },
  {
    name: "execute under a total timeout, and pieces",
    options: { timeouts: { total: "1 hour" } },
    opening: [],
    steps: [T.discardUntil("\r\n\r\n"), answer],
    run: (connection, call) =>
      Effect.flatMap(
        call(connection.execute(HttpRequest.get("/"))),
        (response) =>
          Effect.zipRight(call(response.read(4)), Effect.zipRight(call(response.readLine()), call(response.trailers)))
      )
  },
  {
    name: "a streamed answer",
    opening: [],
    steps: [T.discardUntil("\r\n\r\n"), answer],
    run: (connection, call) =>
      Effect.flatMap(
        call(connection.execute(HttpRequest.get("/"))),
        (response) => call(Stream.runDrain(response.stream))
      )
  },
  {
    name: "a streamed upload",
    opening: [],
    steps: [
      T.discardUntil(chunk("up")),
      T.blockWrites,
      T.unblockWrites,
      T.discardUntil(`${chunk("load")}0\r\n\r\n`),
      answer
    ],
    run: (connection, call) =>
      Effect.flatMap(
        call(connection.execute(HttpRequest.post("/", { body: upload }))),
        (response) => call(response.text)
      )
  },
  {
    name: "a refused upload",
    opening: [],
    steps: [
      T.discardUntil(chunk("up")),
      T.reply(`HTTP/1.1 413 No\r\nContent-Length: 3\r\n\r\nabc`, { split: 20 }),
      T.expectDestroy
    ],
    run: (connection, call) => {
      const body = HttpBody.stream(Stream.concat(pieces("up"), Stream.never))
      return Effect.flatMap(
        call(connection.execute(HttpRequest.post("/", { body }))),
        (response) => call(response.text)
      )
    }
  },
  {
    name: "a tunnel with TLS",
    // A handshake without a limit, because the script's limit is a race of Effect's, which cannot be interrupted everywhere.
    options: { tls: true, tunnel: { host: "far.test" }, timeouts: { tls: Infinity } },
    opening: [T.discardUntil("\r\n\r\n"), T.reply("HTTP/1.1 200 OK\r\n\r\n", { split: 7 })],
    steps: [T.discardUntil("\r\n\r\n"), answer],
    run: (connection, call) =>
      Effect.flatMap(call(connection.execute(HttpRequest.get("/"))), (response) => call(response.bytes))
  },
  {
    name: "the step-by-step calls",
    bySteps: true,
    opening: [],
    steps: [
      T.discardUntil("\r\n\r\n"),
      T.blockWrites,
      T.discardUntil("up"),
      T.unblockWrites,
      T.discardUntil("load"),
      answer
    ],
    run: (connection, call) =>
      Effect.gen(function*() {
        yield* connection.putRequest("POST", "/")
        yield* connection.putHeader("Content-Length", 6)
        yield* call(connection.endHeaders())
        yield* call(connection.send("up"))
        yield* call(connection.send("load"))
        const response = yield* call(connection.getResponse)
        return yield* call(response.text)
      })
  }
]

const again: ReadonlyArray<T.Step> = [
  T.discardUntil("GET /next HTTP/1.1\r\nHost: "),
  T.discardUntil("\r\n\r\n"),
  T.reply(ok("next"))
]

/** One run, interrupted at this operation; the operations of a run to its end. */
const runOnce = (scenario: Scenario, at: number) =>
  Effect.scoped(Effect.gen(function*() {
    const { bySteps = false, opening, options, run, steps } = scenario
    const { connection, transport } = yield* connectTo([
      T.connection(...opening, ...steps, ...again),
      T.connection(...opening, ...again)
    ], options)
    let interruptedInCall = false
    const call: Call = (effect) =>
      Effect.onExit(effect, (exit) =>
        Effect.sync(() => {
          interruptedInCall = Exit.isFailure(exit)
        }))
    const { exit, ops } = yield* interruptedAt(run(connection, call), at)
    if (Exit.isFailure(exit)) {
      assert.isTrue(Cause.isInterruptedOnly(exit.cause), `failed with ${Cause.pretty(exit.cause)}`)
    }
    yield* settled
    // Between two calls, and before one has begun, a request is under way or its response unread, which is for the caller to close.
    const unread = (yield* connection.state) === "ResponseUnread"
    if (Exit.isFailure(exit) && (bySteps || !interruptedInCall || unread)) yield* connection.close
    yield* settled
    assert.strictEqual(yield* connection.state, "Idle")
    assert.strictEqual(transport.openCount, (yield* connection.isOpen) ? 1 : 0, "a channel is nobody's")
    // What comes next on the script: all of it, where the interruption came before the request.
    const unused = transport.opened.length === 0
      || ((yield* connection.isOpen) && transport.state(0).remaining.length === steps.length + again.length)
    if (unused) yield* run(connection, (effect) => effect)
    else assert.strictEqual(yield* textOf(connection, HttpRequest.get("/next")), "next")
    return ops
  }))

describe("interrupted at every operation", () => {
  for (const scenario of scenarios) {
    it.scoped(`leaves nothing, and the connection can be used again: ${scenario.name}`, () =>
      Effect.gen(function*() {
        const ops = yield* contained(runOnce(scenario, Infinity))
        assert.isAtLeast(ops, 100)
        yield* contained(
          Effect.forEach(Array.from({ length: ops }, (_, index) => index + 1), (at) =>
            Effect.catchAllCause(runOnce(scenario, at), (cause) =>
              Effect.die(new Error(`at operation ${at} of ${ops}`, { cause: Cause.squash(cause) }))), { discard: true })
        )
        // A run for each operation is hundreds of them.
      }), 120_000)
  }
})

/** How many operations of execute, interrupted there, leave a response on the connection that nobody has. */
const undelivered = (
  ask: (connection: HttpConnection) => Effect.Effect<unknown, unknown>
): Effect.Effect<number, InvalidRequest> =>
  Effect.gen(function*() {
    let count = 0
    for (let at = 1, over = false; !over; at++) {
      yield* contained(Effect.gen(function*() {
        const { connection } = yield* connectTo([
          T.connection(T.discardUntil("\r\n\r\n"), T.reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), T.stall)
        ])
        const { exit } = yield* interruptedAt(ask(connection), at)
        over = Exit.isSuccess(exit)
        if (!over && (yield* connection.state) === "ResponseUnread") count++
        yield* connection.close
      }))
    }
    return count
  })

it.effect(
  "interrupted when its head has come, execute closes the connection up to its last steps",
  () =>
    Effect.gen(function*() {
      const count = yield* undelivered((connection) => connection.execute(HttpRequest.get("/")))
      // An interruption after the last look for one is lost on any Effect; without that look they are more.
      assert.isAtMost(count, 3)
    }),
  60_000
)

it.effect(
  "interrupted when its head has come, getResponse closes the connection up to its last steps",
  () =>
    Effect.gen(function*() {
      const count = yield* undelivered((connection) =>
        Effect.zipRight(connection.request("GET", "/"), connection.getResponse)
      )
      assert.isAtMost(count, 4)
    }),
  60_000
)
