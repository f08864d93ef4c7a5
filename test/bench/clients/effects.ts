/** Clients with effects: a loop is one fiber, which lives as long as the run. None is started for a request. */
import * as Effect from "effect/Effect"
import type { Body, Client, Load, Turns } from "./load.ts"
import { checkLength } from "./load.ts"

const loop = (
  turns: Turns,
  load: Load,
  one: (index: number, loop: number) => Effect.Effect<Body, unknown>,
  number: number
): Effect.Effect<void, unknown> =>
  Effect.suspend(() => {
    let index = turns.next()
    let began = turns.now
    return Effect.whileLoop({
      while: () => index >= 0,
      body: () => one(index, number),
      step: (body) => {
        checkLength(load, body)
        index = turns.nextAfter(began)
        began = turns.now
      }
    })
  })

/** `traced` is how an application finds it that says nothing: Effect's own tracer makes a span for whoever asks. */
export const effects = (
  load: Load,
  traced: boolean,
  one: (index: number, loop: number) => Effect.Effect<Body, unknown>,
  stop: () => Promise<void>
): Client => ({
  ask: (turns, loops) =>
    Effect.runPromise(Effect.withTracerEnabled(
      Effect.forEach(
        Array.from({ length: loops }, (_, number) => number),
        (number) => loop(turns, load, one, number),
        { concurrency: "unbounded", discard: true }
      ),
      traced
    )),
  stop
})
