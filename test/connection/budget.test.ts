/**
 * What an exchange costs in runtime operations: exact counts, not timings, by a scheduler whose `shouldYield` counts.
 *
 * The scripted transport runs no fiber of its own, so what is counted is the library's.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Sink from "effect/Sink"
import * as Channel from "effect/Channel"
import * as Stream from "effect/Stream"
import type { HttpConnection } from "../../src/HttpConnection.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { bytesOf, chunk, chunkedHead, connected, getHead, ok, textOf } from "./harness.ts"

interface Cost {
  readonly ops: number
  readonly hops: number
  readonly fibers: number
}

/** What an effect costs, the fibers that it starts included. */
const costOf = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<Cost, E> =>
  Effect.async<Cost, E>((resume) => {
    const cost = { ops: 0, hops: 0 }
    const fibers = new Set<unknown>()
    const fiber = Effect.runFork(effect, {
      immediate: true,
      scheduler: {
        shouldYield: (running) => {
          cost.ops++
          fibers.add(running)
          return false
        },
        scheduleTask: (task) => {
          cost.hops++
          queueMicrotask(task)
        }
      }
    })
    fiber.addObserver((exit) => resume(Effect.as(exit, { ...cost, fibers: fibers.size })))
  })

describe("probe", () => {
  it.scopedLive("get", () => Effect.gen(function*() {
    const { connection } = yield* connected(T.expect(getHead()), T.reply(ok("hello")), T.expect(getHead()), T.reply(ok("hello")), T.expect(getHead()), T.reply(ok("hello")))
    yield* textOf(connection, HttpRequest.get("/"))
    console.log(yield* costOf(connection.execute(HttpRequest.get("/"))))
    console.log(yield* costOf(textOf(connection, HttpRequest.get("/"))))
  }))
  it.scopedLive("get late body", () => Effect.gen(function*() {
    const { connection } = yield* connected(T.expect(getHead()), T.reply(ok("hello")), T.expect(getHead()), T.reply(ok("hello"), {split: 10}), T.stall)
    yield* textOf(connection, HttpRequest.get("/"))
    console.log(yield* costOf(textOf(connection, HttpRequest.get("/"))))
  }))

  const runs: Record<string, (s: Stream.Stream<Uint8Array, any>) => Effect.Effect<unknown, any>> = {
    drain: Stream.runDrain,
    forEachChunk: Stream.runForEachChunk(() => Effect.void),
    forEach: Stream.runForEach(() => Effect.void),
    collect: Stream.runCollect,
    fold: Stream.runFold(0, (n, b) => n + b.length),
    count: Stream.runCount,
    foldChunks: Stream.run(Sink.foldLeftChunks(0, (n, b) => n + b.length)),
    channel: (s) => Channel.runDrain(Stream.toChannel(s) as any)
  }
  for (const [name, run] of Object.entries(runs))
    it.scopedLive(name, () => Effect.gen(function*() {
      const ops = []
      for (const n of [10, 20]) {
      const { connection } = yield* connected(T.expect(getHead()), T.reply(ok("hello")), T.expect(getHead()), T.reply(ok("x".repeat(n * 1000)).slice(0, -1000 * n)), ...Array.from({ length: n }, () => T.reply("x".repeat(1000))), T.stall)
      yield* textOf(connection, HttpRequest.get("/"))
      const r = yield* connection.execute(HttpRequest.get("/"))
      ops.push((yield* costOf(run(r.stream))).ops)
      }
      console.log(name, (ops[1]!-ops[0]!)/10)
    }))
})
