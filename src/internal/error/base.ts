/**
 * The base of all error classes: tag, type id, `context`, `message` and `toJSON`. `message` ends
 * with the request. `toJSON` shows no secrets and no `undefined` values.
 *
 * Rules: a class must say in `description` what happened and what to do next. It must leave
 * `message` to the base, so that every message names its request. A field must never hold a header
 * value, a credential or a body of the user. The cause is kept.
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

/** The properties that all errors of this library have. */
export interface Tagged<Tag extends string> extends Cause.YieldableError {
  readonly _tag: Tag
  readonly [TypeId]: TypeId
  /** Where the exchange failed, and its progress. */
  readonly context: ErrorContext
  /**
   * What happened and what to do next, in full sentences. `message` is this text, followed by the
   * request once that is known.
   */
  readonly description: string
}

type Props<A> = Types.VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" | "context" ? never : P]: A[P] }>

type Constructor<Tag extends string> = new<A extends object = {}>(args: Props<A>) => Tagged<Tag> & Readonly<A>

/** The longest excerpt of a peer's bytes in a message or `toJSON`. */
const excerptLength = 120

/** Shortens and escapes a peer's text so that a message or a log line can contain it. */
export const excerpt = (text: string): string =>
  text.length > excerptLength
    ? `${JSON.stringify(text.slice(0, excerptLength))}… (${text.length} characters)`
    : JSON.stringify(text)

/** The longest path in a message. */
const pathLength = 200

/**
 * Returns the end of a message: its request, as ` (GET http://host:port/path)`. A context has no
 * query, so none is shown. A path on a unix socket follows a colon: `unix:/run/docker.sock:/info`.
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
 * Returns the proxy as the subject of a sentence, with its address if that is known:
 * `The proxy 127.0.0.1:3128`.
 */
export const theProxy = ({ proxy }: ErrorContext): string => proxy === undefined ? "The proxy" : `The proxy ${proxy}`

/** Returns the other end as the subject of a sentence. */
export const otherEnd = (context: ErrorContext): string => context.peer === "Server" ? "The server" : theProxy(context)

/** True if the error is about a connection that has left HTTP. */
export const hasLeftHttp = ({ method, status = 0 }: ErrorContext): boolean =>
  status === 101 || (method === "CONNECT" && status >= 200 && status < 300)

/** Returns the tag, name or type of the caller's error. */
export const nameOf = (error: unknown): string =>
  Predicate.hasProperty(error, "_tag") ? String(error._tag) : error instanceof Error ? error.name : typeof error

/**
 * Describes a cause. Only errors of this library, the system and the platform show their message.
 * The message of any other may repeat content, as `JSON.parse` does, or hold anything the caller
 * put in.
 */
const describeCause = (cause: unknown): unknown => {
  if (!(cause instanceof Error)) return typeof cause
  const { message, name } = cause
  if (Predicate.hasProperty(cause, "code") && typeof cause.code === "string") return { name, code: cause.code, message }
  return TypeId in cause || name === "SystemError" || name === "BadArgument" ? { name, message } : { name }
}

/** True for pieces of a body. There may be thousands, so only the first is checked. */
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
 * Returns a record without its `undefined` values and without nested records that are then empty.
 * Returns any other value unchanged.
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

/** The `inspect` function that Node passes to a custom inspection. */
export type Inspect = (value: unknown, options: object | undefined) => string

/**
 * The number of stack frames that `inspect` shows. This library creates the errors, so the frames
 * say little.
 */
const framesShown = 3

/**
 * Formats the stack and the details of `toJSON` as text, one line for each property of the error.
 * An error then takes about ten lines in a log; one line for each property of its context would
 * make it forty.
 */
export const inspected = (
  error: Error & { toJSON(): unknown },
  options: object | undefined,
  inspect: Inspect | undefined
): unknown => {
  if (inspect === undefined) return error.toJSON()
  const { _tag: _, message: __, ...details } = error.toJSON() as Record<string, unknown>
  const { message, name, stack = "" } = error
  // The head of the stack contains the message at the time when the stack was first read. That may
  // have been before the context was known.
  const frames = stack.split("\n").filter((line) => line.startsWith("    at ")).slice(0, framesShown)
  const lines = Object.entries(details).map(([key, value]) =>
    `  ${key}: ${inspect(value, { ...options, breakLength: Infinity, compact: 9 })}`
  )
  return `${[`${name}: ${message}`, ...frames].join("\n")} {\n${lines.join(",\n")}\n}`
}

/**
 * Creates a base class for errors with this tag. `fault` and `phase` hold for most instances;
 * `withContext` replaces them for a particular one.
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
     * Returns the output of Node's `inspect`, and therefore of the console: the stack and the
     * content of `toJSON`, so it shows no secrets either.
     */
    override [Inspectable.NodeInspectSymbol](_depth?: number, options?: object, inspect?: Inspect): unknown {
      return inspected(this, options, inspect)
    }
  }
  return Base as unknown as Constructor<Tag>
}

/** Sets the context. Only this file can; for all other code it is `readonly`. */
const set = (error: Tagged<string>, context: ErrorContext): void => {
  ;(error as { context: ErrorContext }).context = context
}

/**
 * Gives an error its context. The error must be new: it is changed in place, because a copy would
 * lose its stack.
 *
 * An error that already has a connection or an origin keeps its context, because the boundary
 * nearest to the failure knew best. Only the request is added if it is missing: a connection may be
 * opened before its request is known.
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
 * Copies an error with other values for these fields. The constructors of all errors take their
 * fields as one record.
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
 * Returns the error for one request. Several requests may have waited for a connection that could
 * not be opened. The first gets the error itself, and every other one a copy that names its own
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
