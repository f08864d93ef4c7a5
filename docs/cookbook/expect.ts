/** What the checks of recipes compare with: a value that differs fails the check, with what was found. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { inspect, isDeepStrictEqual } from "node:util"

/** Something is not as the page of the recipe says. */
export class NotAsDescribed extends Data.TaggedError("NotAsDescribed")<{
  readonly what: string
  readonly found: unknown
  readonly expected: unknown
}> {
  override get message(): string {
    return `${this.what}: found ${inspect(this.found, { depth: 6 })}, expected ${inspect(this.expected, { depth: 6 })}`
  }
}

/** Fails unless the two are equal, structure and types included. */
export const same = (what: string, found: unknown, expected: unknown): Effect.Effect<void, NotAsDescribed> =>
  isDeepStrictEqual(found, expected) ? Effect.void : Effect.fail(new NotAsDescribed({ what, found, expected }))

/** Fails unless the condition is true. `seen` is what the failure shows. */
export const holds = (what: string, condition: boolean, seen?: unknown): Effect.Effect<void, NotAsDescribed> =>
  condition ? Effect.void : Effect.fail(new NotAsDescribed({ what, found: seen, expected: "another value" }))
