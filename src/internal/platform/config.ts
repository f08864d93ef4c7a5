/**
 * A record of configurations as one of the record: `Config.unwrap` for records that a program puts
 * together, which may have nothing in them, or `undefined`, or plain values. `Config.unwrap` throws
 * for all of these. Knows none of the options.
 */
import * as Config from "effect/Config"
import * as Predicate from "effect/Predicate"

/** A record as one writes it; durations and the like are values. */
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

/** What is `undefined` is left out, and what is no `Config` stands for itself. */
export const unwrap = <A extends object>(wrapped: Config.Config.Wrap<A>): Config.Config<A> =>
  settled(wrapped ?? {}) as Config.Config<A>
