/**
 * Interruption, closing and the end of the scope at every point where an exchange waits: opening, tunnel, TLS, each piece up,
 * the head, each piece down by every way of reading. `interruptionAtEveryOperation.test.ts` does it between any two operations.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as HttpBody from "../../src/HttpBody.ts"
import type { HttpConnection, Options } from "../../src/HttpConnection.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpResponse } from "../../src/HttpResponse.ts"
import * as T from "../../src/TestTransport.ts"
import {
  bytesOf,
  chunk,
  connectTo,
  contained,
  failsWith,
  hasEnded,
  latin1,
  nothingLeft,
  ok,
  pieces,
  started,
  textOf
} from "./harness.ts"
import { readings } from "./responses.ts"

const body = "one\ntwo"

/** Stands in a script where the client is to be kept waiting. Cut there, the script ends with a stall, so no time has to pass. */
const wait = T.delay("1 second")
const taken = (bytes: string): ReadonlyArray<T.Step> => [T.blockWrites, T.discardUntil(bytes), wait, T.unblockWrites]

const answer: ReadonlyArray<T.Step> = [
  wait,
  T.reply("HTTP/1.1 102 Processing\r\n\r\n"),
  wait,
  T.reply("HTTP/1.1 200 OK\r\nTransfer-Enc"),
  wait,
  T.reply("oding: chunked\r\n\r\n"),
  ...[...body].flatMap((byte) => [wait, T.reply(chunk(byte))]),
  wait,
  T.reply("0\r\n"),
  wait,
  T.reply("\r\n")
]

/** The connection that is opened after the first one was given up. */
const next = T.connection(T.discardUntil("GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n"), T.reply(ok("next")))

interface Scenario {
  readonly name: string
  readonly options?: Partial<Options>
  readonly steps: ReadonlyArray<T.Step>
  /** The connection that serves the request for `/next`. */
  readonly next?: T.Connection
  readonly run: (connection: HttpConnection) => Effect.Effect<unknown, HttpError | { readonly _tag: string }>
}

const upload = HttpRequest.post("/", { body: HttpBody.stream(pieces("up", "load")) })

const byReading = readings.map(([name, read]): Scenario => ({
  name: `a streamed upload, answered, and read by ${name}`,
  steps: [...taken("\r\n\r\n"), ...taken(chunk("up")), ...taken(chunk("load")), ...taken("0\r\n\r\n"), ...answer],
  run: (connection) => Effect.flatMap(connection.execute(upload), read)
}))

const readAll = (response: HttpResponse) => Effect.map(response.bytes, latin1)

const tunnel: ReadonlyArray<T.Step> = [
  T.discardUntil("\r\n\r\n"),
  wait,
  T.reply("HTTP/1.1 200 OK\r\n"),
  wait,
  T.reply("\r\n"),
  // Here the handshake waits.
  wait,
  T.discardUntil("\r\n\r\n")
]

const others: ReadonlyArray<Scenario> = [
  {
    name: "a tunnel with TLS",
    options: { tls: true, tunnel: { host: "far.test" } },
    steps: [...tunnel, ...answer],
    next: T.connection(...tunnel.filter((step) => step !== wait), T.reply(ok("next"))),
    run: (connection) => Effect.flatMap(connection.execute(HttpRequest.get("/")), readAll)
  },
  {
    name: "a body in memory, in blocks, that waits for 100",
    options: { blockSize: 4, timeouts: { continue: "3 seconds" } },
    steps: [
      T.discardUntil("\r\n\r\n"),
      wait,
      T.reply("HTTP/1.1 100 Continue\r\n\r\n"),
      ...taken("1234"),
      ...taken("5678"),
      ...answer
    ],
    run: (connection) =>
      Effect.flatMap(
        connection.execute(HttpRequest.put("/", { body: HttpBody.bytes(bytesOf("12345678")), expectContinue: true })),
        readAll
      )
  },
  {
    name: "the step-by-step calls, a body by `send` among them",
    steps: [...taken("\r\n\r\n"), ...taken("up"), ...taken("lo"), ...taken("ad"), ...answer],
    run: (connection) =>
      Effect.gen(function*() {
        yield* connection.putRequest("POST", "/")
        yield* connection.putHeader("Content-Length", 6)
        yield* connection.endHeaders()
        yield* connection.send("up")
        yield* connection.send(pieces("lo", "ad"))
        return yield* readAll(yield* connection.getResponse)
      })
  },
  {
    name: "`request` with a stream, and `getResponse`",
    steps: [...taken("\r\n\r\n"), ...taken(chunk("up")), ...taken(chunk("load")), ...taken("0\r\n\r\n"), ...answer],
    run: (connection) =>
      Effect.gen(function*() {
        const headers = { "Transfer-Encoding": "chunked" }
        yield* connection.request("POST", "/", { body: pieces("up", "load"), headers, encodeChunked: true })
        return yield* readAll(yield* connection.getResponse)
      })
  },
  {
    name: "a total timeout that does not run out",
    options: { timeouts: { total: "1 hour" } },
    steps: [T.discardUntil("\r\n\r\n"), ...answer],
    run: (connection) => Effect.flatMap(connection.execute(HttpRequest.get("/")), readAll)
  },
  {
    name: "trailers",
    steps: [T.discardUntil("\r\n\r\n"), ...answer],
    run: (connection) => Effect.flatMap(connection.execute(HttpRequest.get("/")), (response) => response.trailers)
  }
]

/** The scenario cut at each of its waits, the first of which is the opening; what comes before that waits no more. */
const cuts = ({ steps }: Scenario): ReadonlyArray<T.Connection> => [
  T.openStalls,
  ...steps.flatMap((step, at) =>
    step === wait ? [T.connection(...steps.slice(0, at).filter((before) => before !== wait), T.stall)] : []
  )
]

interface Kit {
  readonly connection: HttpConnection
  readonly transport: T.Handle
  readonly scope: Scope.CloseableScope
  readonly fiber: Fiber.RuntimeFiber<unknown, HttpError | { readonly _tag: string }>
}

/** Runs a scenario up to each of its waits, and there does what is given. */
const atEveryWait = (
  scenario: Scenario,
  act: (kit: Kit) => Effect.Effect<void, HttpError | { readonly _tag: string }>
) =>
  contained(Effect.gen(function*() {
    const firsts = cuts(scenario)
    assert.isAbove(firsts.length, 10, "the scenario has lost its waits")
    for (const [at, first] of firsts.entries()) {
      yield* Effect.gen(function*() {
        const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
        const kit = yield* Scope.extend(connectTo([first, scenario.next ?? next], scenario.options), scope)
        const fiber = yield* started(scenario.run(kit.connection))
        assert.isFalse(hasEnded(fiber), `does not wait at ${at}`)
        assert.deepStrictEqual(
          kit.transport.state(0).remaining.length,
          at === 0 ? 0 : 1,
          `did not come as far as wait ${at}`
        )
        yield* act({ ...kit, scope, fiber })
      }).pipe(
        Effect.scoped,
        Effect.catchAllCause((cause) =>
          Effect.die(new Error(`at wait ${at} of ${firsts.length}`, { cause: Cause.squash(cause) }))
        )
      )
    }
  }))

const nextText = (connection: HttpConnection) =>
  Effect.map(textOf(connection, HttpRequest.get("/next")), (text) => assert.strictEqual(text, "next"))

describe("interrupted at every wait", () => {
  for (const scenario of [...byReading, ...others]) {
    it.scoped(`leaves nothing, and the connection can be used again: ${scenario.name}`, () =>
      atEveryWait(scenario, ({ connection, fiber, transport }) =>
        Effect.gen(function*() {
          yield* Fiber.interrupt(fiber)
          yield* nothingLeft(transport)
          assert.strictEqual(yield* connection.state, "Idle")
          yield* nextText(connection)
        })))
  }
})

describe("closed at every wait", () => {
  for (const scenario of [...byReading.slice(0, 2), ...others]) {
    it.scoped(`is \`ConnectionClosed\` to whoever waits, leaves nothing, and can be used again: ${scenario.name}`, () =>
      atEveryWait(scenario, ({ connection, fiber, transport }) =>
        Effect.gen(function*() {
          yield* connection.close
          const error = yield* failsWith(Fiber.join(fiber), "ConnectionClosed")
          assert.deepInclude(error.context, { phase: "state", fault: "Local" })
          assert.include(error.message, "`close`")
          yield* nothingLeft(transport)
          yield* nextText(connection)
        })))
  }
})

describe("the end of the scope at every wait", () => {
  for (const scenario of [...byReading.slice(0, 2), ...others]) {
    it.scoped(`is \`ConnectionClosed\` to whoever waits, and to whoever comes later: ${scenario.name}`, () =>
      atEveryWait(scenario, ({ connection, fiber, scope, transport }) =>
        Effect.gen(function*() {
          yield* Scope.close(scope, Exit.void)
          const error = yield* failsWith(Fiber.join(fiber), "ConnectionClosed")
          assert.include(error.message, "its scope has ended")
          yield* nothingLeft(transport)
          assert.strictEqual(yield* connection.state, "Closed")
          yield* failsWith(connection.execute(HttpRequest.get("/next")), "ConnectionClosed")
        })))
  }
})

describe("an upload that is interrupted", () => {
  it.scoped("runs the finalizers of its stream before anybody can use the connection again", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connectTo([T.connection(T.discard()), next])
      const events: Array<string> = []
      const stream = Stream.ensuring(
        Stream.concat(pieces("a"), Stream.never),
        Effect.sync(() => events.push("finalized"))
      )
      const fiber = yield* started(connection.execute(HttpRequest.post("/", { body: HttpBody.stream(stream) })))
      yield* Fiber.interrupt(fiber)
      yield* nothingLeft(transport)
      events.push(yield* textOf(connection, HttpRequest.get("/next")))
      assert.deepStrictEqual(events, ["finalized", "next"])
    })))
})
