/**
 * Identifies a value from the caller by what it can do and by its own name, never by its class. In
 * another realm (`node:vm`, Jest) and in a polyfill every class is a different one.
 *
 * Describes the kind of a value, never its content.
 */
import * as Chunk from "effect/Chunk"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"

/**
 * Returns what `Object.prototype.toString` calls a value, such as `Map`, `FormData` or `Object`.
 */
export const kindOf = (u: unknown): string => Object.prototype.toString.call(u).slice(8, -1)

/** True if a value is a `Uint8Array` of any realm. */
export const isBytes = (u: unknown): u is Uint8Array =>
  u instanceof Uint8Array || (ArrayBuffer.isView(u) && kindOf(u) === "Uint8Array")

const has = (u: object, name: PropertyKey): boolean => name in u && Predicate.isFunction((u as never)[name])

/**
 * The key that every effect has, including `Option` and `Either`. Modules that use this file must
 * not import the Effect runtime.
 */
const effectId: symbol = Symbol.for("effect/Effect")

export const isEffect = (u: object): boolean => effectId in u

/** True for a collection with lookup by key, such as `Map` and `Headers`: an iterable of pairs. */
const isKeyed = (u: object): boolean => has(u, "get") && (has(u, "entries") || has(u, "keys"))

/**
 * True if the value holds its pieces in memory, so that they can be checked before anything is
 * sent.
 */
const isCollection = (u: object): u is Iterable<unknown> => Array.isArray(u) || kindOf(u) === "Set" || Chunk.isChunk(u)

/**
 * True if a value can be an iterable of such pieces, as far as that is visible without consuming a
 * piece.
 */
export const isIterableOf = (u: unknown, isPiece: (piece: unknown) => boolean): u is Iterable<never> =>
  Predicate.isObject(u) && !ArrayBuffer.isView(u) && !isEffect(u)
  && (Symbol.asyncIterator in u
    || (Symbol.iterator in u && !isKeyed(u) && !(u instanceof String)
      && (!isCollection(u) || Array.from(u).every(isPiece))))

/** True for a name that may appear in a message. */
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

/** Describes the kind of a value for a message. */
export const described = (u: unknown): string =>
  // A getter or proxy of the caller may throw. The message is about a different error, so the throw
  // is ignored.
  Either.getOrElse(Either.try(() => describe(u)), () => "an object")
