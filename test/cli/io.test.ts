/** Standard input as the command line reads it. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { PassThrough } from "node:stream"
import { stoppable } from "../../src/cli/io.ts"

describe("standard input", () => {
  it.effect("arrives in order, with its end", () =>
    Effect.gen(function*() {
      const input = new PassThrough()
      input.end("spam")
      const pieces = yield* Stream.runCollect(Stream.fromAsyncIterable(stoppable(input), () => "failed"))
      expect(Buffer.concat([...pieces]).toString()).toBe("spam")
    }))

  it.live("is closed at once while nothing is typed, so that the process can end", () =>
    Effect.gen(function*() {
      const input = new PassThrough()
      const reading = yield* Effect.fork(
        Stream.runDrain(Stream.fromAsyncIterable(stoppable(input), () => "failed"))
      )
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(reading)
      expect(input.destroyed).toBe(true)
    }))
})
