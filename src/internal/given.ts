/**
 * What a value is that a caller gave, told by what it can do and by what it calls itself, and never
 * by its class: in another realm (`node:vm`, Jest) and in a polyfill every class is another one.
 *
 * Says what a value is, and never what is in it.
 */
import * as Chunk from "effect/Chunk"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"

/** What `Object.prototype.toString` says of a value, such as `Map`, `FormData` or `Object`. */
export const kindOf = (u: unknown): string => Object.prototype.toString.call(u).slice(8, -1)

/** Whether a value is a `Uint8Array`, of whatever realm. */
export const isBytes = (u: unknown): u is Uint8Array =>
  u instanceof Uint8Array || (ArrayBuffer.isView(u) && kindOf(u) === "Uint8Array")

const has = (u: object, name: PropertyKey): boolean => name in u && Predicate.isFunction((u as never)[name])

/**
 * What every effect has: an `Option` and an `Either` too. The runtime is not for the layers that
 * ask.
 */
const effectId: symbol = Symbol.for("effect/Effect")

export const isEffect = (u: object): boolean => effectId in u

/** A collection that is asked by keys, such as `Map` and `Headers`: an iterable of pairs. */
const isKeyed = (u: object): boolean => has(u, "get") && (has(u, "entries") || has(u, "keys"))

/** What holds its pieces in memory, so that they can be looked at before anything is sent. */
const isCollection = (u: object): u is Iterable<unknown> => Array.isArray(u) || kindOf(u) === "Set" || Chunk.isChunk(u)

/**
 * Whether a value can be an iterable of such pieces, as far as that can be seen without taking one
 * from it.
 */
export const isIterableOf = (u: unknown, isPiece: (piece: unknown) => boolean): u is Iterable<never> =>
  Predicate.isObject(u) && !ArrayBuffer.isView(u) && !isEffect(u)
  && (Symbol.asyncIterator in u
    || (Symbol.iterator in u && !isKeyed(u) && !(u instanceof String)
      && (!isCollection(u) || Array.from(u).every(isPiece))))

/** A name that can stand in a message. */
const isName = (u: unknown): u is string => typeof u === "string" && /^[A-Za-z_$][\w$]{0,39}$/.test(u)

const nameOf = (u: object): string | undefined => {
  const kind = kindOf(u)
  if (kind !== "Object") return isName(kind) ? kind : undefined
  const { constructor } = u as { readonly constructor?: unknown }
  const name = Predicate.isFunction(constructor) ? constructor.name : undefined
  return isName(name) ? name : undefined
}

const describe = (u: unknown): string => {
  if (u === null || u === undefined) return String(u)
  if (typeof u !== "object") return typeof u === "string" ? "text" : `a ${typeof u}`
  if (Array.isArray(u)) return "an array of other values"
  if (isEffect(u)) return Either.isEither(u) ? "an Either" : "an Effect"
  const name = nameOf(u)
  return name === undefined ? "an object" : name === "Object" ? "a plain object" : `an object of type ${name}`
}

/** What a value is, for a message. */
export const described = (u: unknown): string =>
  // A getter or a proxy of the caller's may throw; the message that it keeps us from is about
  // something else.
  Either.getOrElse(Either.try(() => describe(u)), () => "an object")
