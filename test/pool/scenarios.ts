/** Requests through a pool that wait wherever a request can, and their scripts cut at each of these waits. */
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ConnectionPool, Options } from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpResponse } from "../../src/HttpResponse.ts"
import * as Origin from "../../src/Origin.ts"
import * as Proxy from "../../src/Proxy.ts"
import * as T from "../../src/TestTransport.ts"
import { bytesOf, chunk, contained, hasEnded, latin1, pieces, started } from "../connection/harness.ts"
import type { PoolKit } from "./harness.ts"
import { get, poolOver, serving } from "./harness.ts"

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
  ...["one", "\n", "two"].flatMap((piece) => [wait, T.reply(chunk(piece))]),
  wait,
  T.reply("0\r\n"),
  wait,
  T.reply("\r\n")
]

export interface Scenario {
  readonly name: string
  readonly options?: Options
  readonly steps: ReadonlyArray<T.Step>
  readonly run: (pool: ConnectionPool) => Effect.Effect<unknown, HttpError | { readonly _tag: string }>
}

export const origin = Either.getOrThrow(Origin.make({ scheme: "http", host: "a.test" }))

const upload = HttpRequest.post("http://a.test/", { body: HttpBody.stream(pieces("up", "load")) })

const whole = (response: HttpResponse) => Effect.map(response.bytes, latin1)

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "a streamed upload, and the answer whole",
    steps: [...taken("\r\n\r\n"), ...taken(chunk("up")), ...taken(chunk("load")), ...taken("0\r\n\r\n"), ...answer],
    run: (pool) => Effect.flatMap(pool.execute(upload), whole)
  },
  {
    name: "a streamed answer, under a total timeout",
    options: { timeouts: { total: "1 hour" } },
    steps: [...taken("\r\n\r\n"), ...answer],
    run: (pool) => Effect.flatMap(pool.execute(get()), (response) => Stream.runDrain(response.stream))
  },
  {
    name: "an answer in pieces and lines",
    steps: [...taken("\r\n\r\n"), ...answer],
    run: (pool) =>
      Effect.flatMap(
        pool.execute(get()),
        (response) => Effect.zipRight(response.read(2), Effect.zipRight(response.readLine(), response.trailers))
      )
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
    run: (pool) =>
      Effect.flatMap(
        pool.execute(
          HttpRequest.put("http://a.test/", { body: HttpBody.bytes(bytesOf("12345678")), expectContinue: true })
        ),
        whole
      )
  },
  {
    name: "a tunnel with TLS",
    options: { proxy: Either.getOrThrow(Proxy.make({ host: "proxy.test" })) },
    steps: [
      T.discardUntil("\r\n\r\n"),
      wait,
      T.reply("HTTP/1.1 200 OK\r\n"),
      wait,
      T.reply("\r\n"),
      // Here the handshake waits.
      wait,
      T.discardUntil("\r\n\r\n"),
      ...answer
    ],
    run: (pool) => Effect.flatMap(pool.execute(HttpRequest.get("https://far.test/")), whole)
  },
  {
    name: "a lease, with the step-by-step calls",
    steps: [...taken("\r\n\r\n"), ...taken("up"), ...taken("load"), ...answer],
    run: (pool) =>
      Effect.scoped(Effect.gen(function*() {
        const connection = yield* pool.lease(origin)
        yield* connection.putRequest("POST", "/")
        yield* connection.putHeader("Content-Length", 6)
        yield* connection.endHeaders()
        yield* connection.send("up")
        yield* connection.send(pieces("load"))
        return yield* whole(yield* connection.getResponse)
      }))
  },
  {
    name: "a lease, with execute",
    steps: [...taken("\r\n\r\n"), ...taken(chunk("up")), ...taken(chunk("load")), ...taken("0\r\n\r\n"), ...answer],
    run: (pool) =>
      Effect.scoped(Effect.flatMap(
        pool.lease(origin),
        (connection) =>
          Effect.flatMap(
            connection.execute(HttpRequest.post("/", { body: HttpBody.stream(pieces("up", "load")) })),
            whole
          )
      ))
  }
]

/** The scenario cut at each of its waits, the first of which is the opening; what comes before that waits no more. */
const cuts = ({ steps }: Scenario): ReadonlyArray<T.Connection> => [
  T.openStalls,
  ...steps.flatMap((step, at) =>
    step === wait ? [T.connection(...steps.slice(0, at).filter((before) => before !== wait), T.stall)] : []
  )
]

export interface Waiting extends PoolKit {
  readonly scope: Scope.CloseableScope
  readonly fiber: Fiber.RuntimeFiber<unknown, HttpError | { readonly _tag: string }>
  /** Whether the request is waiting for its connection. */
  readonly opening: boolean
}

/** Runs a scenario up to each of its waits, and there does what is given. The next connection serves `/next`. */
export const atEveryWait = (
  scenario: Scenario,
  act: (kit: Waiting) => Effect.Effect<void, HttpError | { readonly _tag: string }>
) =>
  contained(Effect.gen(function*() {
    const firsts = cuts(scenario)
    assert.isAtLeast(firsts.length, 10, "the scenario has lost its waits")
    for (const [at, first] of firsts.entries()) {
      yield* Effect.gen(function*() {
        const scope = yield* Effect.acquireRelease(Scope.make(), Scope.close)
        const kit = yield* Scope.extend(poolOver([first, serving("/next")], scenario.options), scope)
        const fiber = yield* started(scenario.run(kit.pool))
        assert.isFalse(hasEnded(fiber), `does not wait at ${at}`)
        assert.deepStrictEqual(
          kit.transport.state(0).remaining.length,
          at === 0 ? 0 : 1,
          `did not come as far as wait ${at}`
        )
        const { connecting } = yield* kit.pool.stats
        yield* act({ ...kit, scope, fiber, opening: connecting > 0 })
      }).pipe(
        Effect.scoped,
        Effect.catchAllCause((cause) =>
          Effect.die(new Error(`at wait ${at} of ${firsts.length}`, { cause: Cause.squash(cause) }))
        )
      )
    }
  }))
