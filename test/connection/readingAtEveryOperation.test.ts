/**
 * A reading of the body that is interrupted, or whose response is closed by another fiber, between any two of its runtime
 * operations: afterwards nobody gets a body with bytes missing as a success, and nobody waits for ever.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { BodyFailure } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpResponse } from "../../src/HttpResponse.ts"
import * as T from "../../src/TestTransport.ts"
import { connected, contained, getHead, ok, settled, started } from "./harness.ts"

/** More than the buffer keeps for a slow reader, so that the server is paused before anybody reads, and has to be resumed. */
const size = 200_000
const wire = ok("x".repeat(size))

/** A response of which as much has arrived as is kept for a reader; its last byte comes after a second. */
const response = Effect.gen(function*() {
  const { connection, transport } = yield* connected(
    T.expect(getHead()),
    T.reply(wire.slice(0, 100_000)),
    T.reply(wire.slice(100_000, -1)),
    T.delay("1 second"),
    T.reply("x")
  )
  const response = yield* connection.execute(HttpRequest.get("/"))
  yield* settled
  assert.isTrue(transport.state(0).paused)
  return response
})

/** Readings of the whole body, with the number of bytes that they give. */
const readings: ReadonlyArray<
  readonly [name: string, read: (response: HttpResponse) => Effect.Effect<number, BodyFailure>]
> = [
  ["bytes", (response) => Effect.map(response.bytes, (bytes) => bytes.length)],
  ["read", (response) => Effect.map(response.read(size), (bytes) => bytes.length)],
  ["readInto", (response) => response.readInto(new Uint8Array(size))],
  ["readLine", (response) => Effect.map(response.readLine(), (bytes) => bytes.length)],
  ["trailers", (response) => Effect.as(response.trailers, size)]
]

const stream = (response: HttpResponse) =>
  Stream.runFoldChunks(
    response.stream,
    0,
    (sum, chunk) => Chunk.reduce(chunk, sum, (before, bytes) => before + bytes.length)
  )

interface Run {
  readonly exit: Exit.Exit<number, BodyFailure>
  readonly ops: number
}

/** Runs a reading, does what is given at its operation of this number, lets the last byte come, and ends it if it waits still. */
const actingAt = (
  reading: Effect.Effect<number, BodyFailure>,
  at: number,
  act: (fiber: Fiber.RuntimeFiber<number, BodyFailure>) => void
): Effect.Effect<Run> =>
  Effect.gen(function*() {
    const runtime = yield* Effect.runtime<never>()
    let ops = 0
    const fiber = Runtime.runFork(runtime)(reading, {
      // Else it runs before there is a fiber to act on.
      immediate: false,
      scheduler: {
        shouldYield: () => {
          if (++ops !== at) return false
          act(fiber)
          return 0
        },
        scheduleTask: (task) => queueMicrotask(task)
      }
    })
    yield* settled
    return { exit: yield* Fiber.await(fiber), ops }
  })

/** What came of it, as one word. */
const outcome = (exit: Exit.Exit<number, BodyFailure>): string => {
  if (exit._tag === "Success") return `${exit.value} bytes`
  return exit.cause._tag === "Fail" ? exit.cause.error._tag : Cause.isInterrupted(exit.cause) ? "interrupted" : "a defect"
}

const all = `${size} bytes`

/** Repeats a run with a response of its own for each operation up to the first that does not come before the last byte. */
const atEvery = (
  run: (at: number) => Effect.Effect<number>
) =>
  Effect.gen(function*() {
    const ops = yield* run(Infinity)
    assert.isAbove(ops, 5)
    for (let at = 1; at <= ops; at++) yield* run(at)
  })
