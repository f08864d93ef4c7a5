/**
 * The base of all error classes: tag, type id, `context`, a `message` that ends with the request it
 * is about, and a `toJSON` that shows no secret and nothing that is `undefined`.
 *
 * Rules: a class says in `description` what happened and what to do next, and leaves `message` to
 * the base, so that every class names its request; a field never holds a header value, a credential
 * or a body of the user's; the cause is kept.
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Inspectable from "effect/Inspectable"
import * as Predicate from "effect/Predicate"
import type * as Types from "effect/Types"
import type { ErrorContext, Fault, Phase } from "./context.ts"
import { unlocated } from "./context.ts"

export const TypeId: unique symbol = Symbol.for("effect-http-client/HttpError") as never

export type TypeId = typeof TypeId

/** What all errors of this library have in common. */
export interface Tagged<Tag extends string> extends Cause.YieldableError {
  readonly _tag: Tag
  readonly [TypeId]: TypeId
  /** Where and how far the exchange was when it failed. */
  readonly context: ErrorContext
  /**
   * What happened and what to do next, as sentences. `message` is this with the request at its end,
   * once that is known.
   */
  readonly description: string
}

type Props<A> = Types.VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" | "context" ? never : P]: A[P] }>

type Constructor<Tag extends string> = new<A extends object = {}>(args: Props<A>) => Tagged<Tag> & Readonly<A>

/** Longest piece of a peer's bytes that a message or `toJSON` repeats. */
const excerptLength = 120

/** A peer's text, cut and escaped so that it can stand in a message or a log line. */
export const excerpt = (text: string): string =>
  text.length > excerptLength
    ? `${JSON.stringify(text.slice(0, excerptLength))}… (${text.length} characters)`
    : JSON.stringify(text)

/** Longest path that a message repeats. */
const pathLength = 200

/**
 * The end of a message: the request that it is about, as ` (GET http://host:port/path)`. There is
 * no query in a context, so none is shown. The path on a unix socket follows a colon:
 * `unix:/run/docker.sock:/info`.
 */
const about = ({ method, origin, path }: ErrorContext): string => {
  if (origin === undefined) return ""
  const shown = path?.startsWith("/") !== true
    ? ""
    : path.length > pathLength
    ? `${path.slice(0, pathLength)}…`
    : path
  const url = origin.startsWith("unix:") && shown !== "" ? `${origin}:${shown}` : `${origin}${shown}`
  return method === undefined ? ` (${url})` : ` (${method} ${url})`
}

/**
 * The proxy as the subject of a sentence, with its address where that is known: `The proxy
 * 127.0.0.1:3128`.
 */
export const theProxy = ({ proxy }: ErrorContext): string => proxy === undefined ? "The proxy" : `The proxy ${proxy}`

/** The other end as the subject of a sentence. */
export const otherEnd = (context: ErrorContext): string => context.peer === "Server" ? "The server" : theProxy(context)

/**
 * What is told of a cause. The message only of our own errors, the system's and the platform's: any
 * other may repeat content, as that of `JSON.parse` does, or whatever the caller put into it.
 */
const describeCause = (cause: unknown): unknown => {
  if (!(cause instanceof Error)) return typeof cause
  const { message, name } = cause
  if (Predicate.hasProperty(cause, "code") && typeof cause.code === "string") return { name, code: cause.code, message }
  return TypeId in cause || name === "SystemError" || name === "BadArgument" ? { name, message } : { name }
}

/** Of a body there may be as many as thousands. */
const isPieces = (value: unknown): value is ReadonlyArray<Uint8Array> =>
  Array.isArray(value) && value[0] instanceof Uint8Array

const describeField = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`
  if (typeof value === "string") return value.length > excerptLength ? `${value.slice(0, excerptLength)}…` : value
  if (isPieces(value)) return `${value.length} pieces`
  return Array.isArray(value) ? value.map(describeField) : known(value)
}

const isPlain = (value: unknown): value is object =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype

/**
 * A record without what is `undefined` in it, nor records that nothing is left of. Everything else
 * as it is.
 */
const known = (value: unknown): unknown => {
  if (!isPlain(value)) return value
  const shown: Record<string, unknown> = {}
  for (const [key, inner] of Object.entries(value)) {
    const left = known(inner)
    if (left !== undefined && !(isPlain(left) && Object.keys(left).length === 0)) shown[key] = left
  }
  return shown
}

/** What Node's `inspect` passes as itself. */
export type Inspect = (value: unknown, options: object | undefined) => string

/**
 * Frames of the stack that `inspect` shows. An error is made by this library, so they say little.
 */
const framesShown = 3

/**
 * What `toJSON` tells as text behind the stack, a line for each property: an error is then some ten
 * lines in a log, where a line for each property of its context would make it forty.
 */
export const inspected = (
  error: Error & { toJSON(): unknown },
  options: object | undefined,
  inspect: Inspect | undefined
): unknown => {
  if (inspect === undefined) return error.toJSON()
  const { _tag: _, message: __, ...details } = error.toJSON() as Record<string, unknown>
  const { message, name, stack = "" } = error
  // The head of the stack is the message as it was when the stack was first asked for, perhaps
  // before it was known where.
  const frames = stack.split("\n").filter((line) => line.startsWith("    at ")).slice(0, framesShown)
  const lines = Object.entries(details).map(([key, value]) =>
    `  ${key}: ${inspect(value, { ...options, breakLength: Infinity, compact: 9 })}`
  )
  return `${[`${name}: ${message}`, ...frames].join("\n")} {\n${lines.join(",\n")}\n}`
}

/**
 * A base class for errors with this tag. `fault` and `phase` are what is true of most instances;
 * `locate` replaces them by what was true of this one.
 */
export const tagged = <const Tag extends string>(tag: Tag, fault: Fault, phase: Phase): Constructor<Tag> => {
  const initial = unlocated(phase, fault)
  class Base extends Data.TaggedError(tag)<{ readonly cause?: unknown; readonly context: ErrorContext }> {
    readonly [TypeId]: TypeId = TypeId
    constructor(args?: object) {
      super({ ...args, context: initial })
    }
    get description(): string {
      return ""
    }
    override get message(): string {
      return this.description + about(this.context)
    }
    override toJSON(): unknown {
      const json: Record<string, unknown> = { _tag: tag, message: this.message }
      for (const [key, value] of Object.entries(this)) {
        if (key === "_tag" || key === "context" || key === "cause" || value === undefined) continue
        json[key] = describeField(value)
      }
      json["context"] = known(this.context)
      if (this.cause !== undefined) json["cause"] = describeCause(this.cause)
      return json
    }
    /**
     * What Node's `inspect`, and with it the console, shows: the stack and what `toJSON` tells, so
     * no secret either.
     */
    override [Inspectable.NodeInspectSymbol](_depth?: number, options?: object, inspect?: Inspect): unknown {
      return inspected(this, options, inspect)
    }
  }
  return Base as unknown as Constructor<Tag>
}

/** Context can be written by this file alone: everybody else's is `readonly`. */
const set = (error: Tagged<string>, context: ErrorContext): void => {
  ;(error as { context: ErrorContext }).context = context
}

/**
 * Gives an error its context. The error must be new: it is changed in place, because a copy would
 * lose its stack.
 *
 * An error that already has a connection or an origin keeps what it has: the border nearest to the
 * failure knew best. Only the request is added to it, where that border knew of none: a connection
 * may be opened before it is known for which request.
 */
export const withContext = <E extends Tagged<string>>(error: E, context: ErrorContext): E => {
  const before = error.context
  if (before.connection === undefined && before.origin === undefined) set(error, context)
  else if (before.method === undefined && context.method !== undefined) {
    const { method, path } = context
    set(error, { ...before, method, path })
  }
  return error
}

/**
 * The same error with these fields of its own. The constructors of all errors take their fields as
 * one record.
 */
export const copyOf = <E extends Tagged<string>>(error: E, fields: object, context = error.context): E => {
  const { cause, constructor: Class } = error
  // The cause of an Error is not enumerable.
  const all = { ...error, ...(cause === undefined ? undefined : { cause }), ...fields }
  const copy = new (Class as new(fields: object) => E)(all)
  set(copy, context)
  return copy
}

/**
 * The error as that of one request. Several requests may have waited for the connection that could
 * not be opened: the first gets the error itself, every other one a copy that names its own
 * request.
 */
export const ofRequest = <E extends Tagged<string>>(error: E, context: ErrorContext): E => {
  const before = error.context
  const { method, path } = context
  if (before.method === undefined || (before.method === method && before.path === path)) {
    return withContext(error, context)
  }
  return copyOf(error, {}, { ...before, method, path })
}
