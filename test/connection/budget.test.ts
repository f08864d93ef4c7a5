/**
 * The runtime operations of an exchange: exact counts, not timings, by a scheduler whose
 * `shouldYield` counts. The scripted transport runs no fiber, so the count is that of the library
 * and Effect. Find the reason if a count rises; lower the budget if it falls.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as HttpBody from "../../src/HttpBody.ts"
import type { BodyFailure } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import type { Cost } from "../fixtures/cost.ts"
import { costOf, StartCounter } from "../fixtures/cost.ts"
import { bytesOf, chunk, chunkedHead, connected, getHead, lengthHead, ok, textOf } from "./harness.ts"

const get = HttpRequest.get("/")

/** A connection that has served a request, so that what is measured neither opens it nor starts the sleeper of the timeouts. */
const warm = (...steps: ReadonlyArray<T.Step>) =>
  Effect.tap(
    connected(T.expect(getHead()), T.reply(ok("warm")), ...steps),
    ({ connection }) => textOf(connection, get)
  )

describe("execute and text", () => {
  const cases: ReadonlyArray<
    readonly [name: string, request: HttpRequest.HttpRequest, head: string, split: T.Split | undefined]
  > = [
    ["a GET whose answer comes at once", get, getHead(), undefined],
    ["a GET whose body comes behind its head", get, getHead(), [38]],
    [
      "a POST with a small body",
      HttpRequest.post("/", { body: HttpBody.bytes(bytesOf("abc")) }),
      `${lengthHead(3)}abc`,
      undefined
    ]
  ]
  for (const [name, request, head, split] of cases) {
    // The body's own wait, where there is one, is another mask.
    const [operations, hops] = split === undefined ? [12, 1] : [25, 2]
    it.scoped(`cost at most ${operations} operations, one fiber and ${hops} hops: ${name}`, () =>
      Effect.gen(function*() {
        const { connection } = yield* warm(T.expect(head), T.reply(ok("hello"), { split }))
        const cost = yield* costOf(textOf(connection, request))
        assert.isAtMost(cost.ops, operations)
        assert.strictEqual(cost.fibers, 1)
        assert.isAtMost(cost.hops, hops)
      }))
  }

  it.scoped("start no fiber beside the caller's, the timeouts' sleeper included", () =>
    Effect.gen(function*() {
      const supervisor = new StartCounter()
      const { connection } = yield* Effect.supervised(warm(T.expect(getHead()), T.reply(ok("hello"))), supervisor)
      const before = supervisor.starts
      assert.isAbove(before, 0, "the sleeper of the first request was not seen")
      yield* Effect.supervised(textOf(connection, get), supervisor)
      assert.strictEqual(supervisor.starts, before)
    }))
})

/** Operations a chunk: the difference between bodies of `n` and `2n` chunks. */
const perChunk = <E>(n: number, costOfChunks: (chunks: number) => Effect.Effect<Cost, E>): Effect.Effect<number, E> =>
  Effect.zipWith(costOfChunks(n), costOfChunks(2 * n), (once, twice) => (twice.ops - once.ops) / n)

describe("a streamed response", () => {
  type Run = (stream: Stream.Stream<Uint8Array, BodyFailure>) => Effect.Effect<unknown, BodyFailure>
  // The body's own cost is that without a sink, and within the budget of 12. The rest is what each of Effect's sinks adds.
  const consumers: ReadonlyArray<readonly [name: string, budget: number, run: Run]> = [
    ["nothing but its own channel", 8, (stream) => Channel.runDrain(Stream.toChannel(stream))],
    ["runFold", 11, (stream) => Stream.runFold(stream, 0, (size, bytes) => size + bytes.length)],
    ["runCollect", 11, Stream.runCollect],
    ["runDrain", 13, Stream.runDrain],
    ["runForEachChunk", 16, (stream) => Stream.runForEachChunk(stream, () => Effect.void)],
    ["runForEach", 23, (stream) => Stream.runForEach(stream, () => Effect.void)]
  ]
  for (const [name, budget, run] of consumers) {
    it.scoped(`costs at most ${budget} operations for each chunk that has to be waited for, read by ${name}`, () =>
      Effect.gen(function*() {
        const cost = yield* perChunk(20, (chunks) =>
          Effect.scoped(Effect.gen(function*() {
            const { connection } = yield* warm(
              T.expect(getHead()),
              T.reply(ok("x".repeat(chunks * 100)).slice(0, -chunks * 100)),
              ...Array.from({ length: chunks }, () => T.reply("x".repeat(100)))
            )
            const response = yield* connection.execute(get)
            return yield* costOf(run(response.stream))
          })))
        assert.isAtMost(cost, budget)
      }))
  }
})

describe("a streamed request", () => {
  it.scoped("costs at most 2 operations a chunk, those of the stream itself included", () =>
    Effect.gen(function*() {
      const data = bytesOf("x".repeat(100))
      const cost = yield* perChunk(20, (chunks) =>
        Effect.scoped(Effect.gen(function*() {
          const { connection } = yield* warm(
            T.expect(`${chunkedHead()}${chunk("x".repeat(100)).repeat(chunks)}0\r\n\r\n`),
            T.reply(ok("done"))
          )
          const stream = Stream.rechunk(Stream.fromIterable(Array.from({ length: chunks }, () => data)), 1)
          return yield* costOf(connection.execute(HttpRequest.post("/", { body: HttpBody.stream(stream) })))
        })))
      assert.isAtMost(cost, 2)
    }))
})

describe("a body in memory", () => {
  it.scoped("costs no operation for each block that is sent", () =>
    Effect.gen(function*() {
      const cost = yield* perChunk(10, (blocks) =>
        Effect.scoped(Effect.gen(function*() {
          const size = blocks * 65_536
          const { connection } = yield* warm(T.expect(lengthHead(size)), T.discard(size), T.reply(ok("done")))
          const request = HttpRequest.post("/", { body: HttpBody.bytes(new Uint8Array(size)) })
          return yield* costOf(textOf(connection, request))
        })))
      assert.strictEqual(cost, 0)
    }))
})
