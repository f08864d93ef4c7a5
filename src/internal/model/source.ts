/**
 * Sources of options: an Effect of the caller that is run before each opening. The core keeps it
 * and never looks into it; the host runs it (`Host.ask`).
 */
import * as Predicate from "effect/Predicate"

/** The property by which Effect 3 recognizes its Effects. */
const EffectTypeId: unique symbol = Symbol.for("effect/Effect") as never

/** An Effect of the caller, as the core sees it. */
export interface Source {
  readonly [EffectTypeId]: unknown
}

/** True if an option is a source. Untyped callers may pass anything. */
export const isSource = (u: unknown): u is Source => Predicate.hasProperty(u, EffectTypeId)

// A number represents a source in keys, by identity: two Effects may give different options.
const marks = new WeakMap<Source, string>()
let last = 0

/** Returns the part of a connection key for a source. It equals no key of options. */
export const markOf = (source: Source): string => {
  const before = marks.get(source)
  if (before !== undefined) return before
  const made = `source${++last}`
  marks.set(source, made)
  return made
}
