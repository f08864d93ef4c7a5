/**
 * Combines a record of configurations into one of the record. `Config.unwrap` throws for records
 * that a program assembles, which may be empty or contain `undefined` or plain values. Knows none
 * of the options.
 */
import * as Config from "effect/Config"
import * as Predicate from "effect/Predicate"

/** True if the record is a literal; durations and the like are values. */
const isPlain = (u: unknown): u is Readonly<Record<string, unknown>> => {
  if (!Predicate.isRecord(u)) return false
  const prototype: unknown = Object.getPrototypeOf(u)
  return prototype === Object.prototype || prototype === null
}

const settled = (wrapped: unknown): Config.Config<unknown> => {
  if (Config.isConfig(wrapped)) return wrapped
  if (!isPlain(wrapped)) return Config.succeed(wrapped)
  const given = Object.entries(wrapped).filter(([, value]) => value !== undefined)
  return given.length === 0
    ? Config.succeed({})
    : Config.all(Object.fromEntries(given.map(([name, value]) => [name, settled(value)])))
}

/** Combines the record. Drops what is `undefined`, and keeps a value that is not a `Config`. */
export const unwrap = <A extends object>(wrapped: object): Config.Config<A> =>
  settled(wrapped ?? {}) as Config.Config<A>
