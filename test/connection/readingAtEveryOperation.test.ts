/**
 * A reading of the body that is interrupted, or whose response another fiber closes, between any
 * two of its runtime operations. Afterwards no reader succeeds with bytes missing, and none waits
 * indefinitely.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { BodyFailure } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpResponse } from "../../src/HttpResponse.ts"
import * as T from "../../src/TestTransport.ts"
import { connected, contained, getHead, hasEnded, ok, settled, started } from "./harness.ts"

/** A little more than the buffer keeps for a slow reader: the server can be paused before it has sent all, and has to be resumed. */
const size = 66_000

/** A response of which as much has arrived as is kept for a reader; its last byte comes a second after the others. */
const slow = Effect.gen(function*() {
  const wire = ok("x".repeat(size))
  const { connection, transport } = yield* connected(
    T.expect(getHead()),
    T.reply(wire.slice(0, 65_800)),
    T.reply(wire.slice(65_800, -1)),
    T.delay("1 second"),
    T.reply("x")
  )
  const response = yield* connection.execute(HttpRequest.get("/"))
  yield* settled
  assert.isTrue(transport.state(0).paused)
  return response
})

/** A response that has arrived whole. */
const arrived = Effect.gen(function*() {
  const { connection } = yield* connected(T.expect(getHead()), T.reply(ok("x".repeat(size))))
  const response = yield* connection.execute(HttpRequest.get("/"))
  yield* settled
  assert.isTrue(yield* connection.isOpen)
  return response
})

type Reading = (response: HttpResponse) => Effect.Effect<number, BodyFailure>

/** Readings of the whole body, and how many bytes they give. */
const readings: ReadonlyArray<readonly [name: string, read: Reading]> = [
  ["bytes", (response) => Effect.map(response.bytes, (bytes) => bytes.length)],
  ["read", (response) => Effect.map(response.read(size), (bytes) => bytes.length)],
  ["readInto", (response) => response.readInto(new Uint8Array(size))],
  ["readLine", (response) => Effect.map(response.readLine(), (bytes) => bytes.length)],
  ["trailers", (response) => Effect.as(response.trailers, size)]
]
const streaming: Reading = (response) => Stream.runFold(response.stream, 0, (length, bytes) => length + bytes.length)

type Reader = Fiber.RuntimeFiber<number, BodyFailure>

/** Runs a reading until it ends or waits, and does what is given at its operation of this number. */
const actingAt = (reading: Effect.Effect<number, BodyFailure>, at: number, act: (reader: Reader) => void) =>
  Effect.gen(function*() {
    const runtime = yield* Effect.runtime<never>()
    const count = { ops: 0 }
    const reader = Runtime.runFork(runtime)(reading, {
      // Else it runs before there is a fiber to act on.
      immediate: false,
      scheduler: {
        shouldYield: () => {
          if (++count.ops !== at) return false
          act(reader)
          return 0
        },
        scheduleTask: (task) => queueMicrotask(task)
      }
    })
    yield* settled
    return { reader, count }
  })

/** What comes of a reading once the last byte has come: how many bytes, or the tag of its failure. */
const outcome = (reader: Reader) =>
  Effect.gen(function*() {
    yield* TestClock.adjust("1 second")
    yield* settled
    assert.isTrue(hasEnded(reader), "waits for ever")
    return Exit.match(yield* Fiber.await(reader), {
      onSuccess: (length): string => `${length} bytes`,
      onFailure: (cause) =>
        Cause.isInterruptedOnly(cause) ? "interrupted" : cause._tag === "Fail"
          ? cause.error._tag
          : cause._tag
    })
  })

/** Repeats a run, which gives its number of operations, for each of them. */
const atEvery = <E>(run: (at: number) => Effect.Effect<number, E, Scope.Scope>) =>
  Effect.gen(function*() {
    const ops = yield* Effect.scoped(run(Infinity))
    assert.isAbove(ops, 3)
    for (let at = 1; at <= ops; at++) {
      yield* Effect.catchAllCause(
        Effect.scoped(run(at)),
        (cause) => Effect.die(new Error(`at operation ${at} of ${ops}`, { cause: Cause.squash(cause) }))
      )
    }
  })

describe("a reading that is interrupted at any operation before it has all", () => {
  for (const [name, read] of readings) {
    it.scoped(
      `leaves all bytes or \`ConnectionClosed\` to whoever reads next: ${name}`,
      () =>
        contained(atEvery((at) =>
          Effect.gen(function*() {
            const response = yield* slow
            const { count, reader } = yield* actingAt(
              read(response),
              at,
              (reader) => reader.unsafeInterruptAsFork(FiberId.none)
            )
            if (at === Infinity) assert.isFalse(hasEnded(reader))
            yield* Fiber.interrupt(reader)
            assert.strictEqual(yield* outcome(reader), "interrupted")
            const next = yield* started(Effect.map(response.bytes, (bytes) => bytes.length))
            assert.include([`${size} bytes`, "ConnectionClosed"], yield* outcome(next))
            return count.ops
          })
        )),
      120_000
    )
  }
})

describe("a response that is closed at any operation of a reading", () => {
  for (const [state, make] of [["is on its way", slow], ["has arrived", arrived]] as const) {
    for (const [name, read] of [...readings, ["stream", streaming] as const]) {
      it.scoped(
        `whose body ${state} gives all of it, or fails: ${name}`,
        () =>
          contained(atEvery((at) =>
            Effect.gen(function*() {
              const response = yield* make
              const { count, reader } = yield* actingAt(read(response), at, () => Effect.runSync(response.close))
              const result = yield* outcome(reader)
              if (at === Infinity) assert.strictEqual(result, `${size} bytes`)
              assert.include([`${size} bytes`, "ConnectionClosed", "BodyAlreadyConsumed"], result)
              return count.ops
            })
          )),
        120_000
      )
    }
  }
})
