/**
 * The base of all error classes: tag, type id, `context`, and a `toJSON` that shows no secret.
 *
 * Rules: a class says in `message` what happened and what to do next; a field never holds a header value, a credential or
 * a body of the user's; the cause is kept.
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

/**
 * What is told of a cause. The message only of our own errors, the system's and the platform's: any other may repeat content, as
 * that of `JSON.parse` does, or whatever the caller put into it.
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
  return Array.isArray(value) ? value.map(describeField) : value
}

/** What Node's `inspect` passes as itself. */
type Inspect = (value: unknown, options: object | undefined) => string

/**
 * A base class for errors with this tag. `fault` and `phase` are what is true of most instances; `locate` replaces them by
 * what was true of this one.
 */
export const tagged = <const Tag extends string>(tag: Tag, fault: Fault, phase: Phase): Constructor<Tag> => {
  const initial = unlocated(phase, fault)
  class Base extends Data.TaggedError(tag)<{ readonly cause?: unknown; readonly context: ErrorContext }> {
    readonly [TypeId]: TypeId = TypeId
    constructor(args?: object) {
      super({ ...args, context: initial })
    }
    override toJSON(): unknown {
      const json: Record<string, unknown> = { _tag: tag, message: this.message }
      for (const [key, value] of Object.entries(this)) {
        if (key === "_tag" || key === "context" || key === "cause") continue
        json[key] = describeField(value)
      }
      json["context"] = this.context
      if (this.cause !== undefined) json["cause"] = describeCause(this.cause)
      return json
    }
    /** What Node's `inspect`, and with it the console, shows: the stack and what `toJSON` tells, so no secret either. */
    override [Inspectable.NodeInspectSymbol](_depth?: number, options?: object, inspect?: Inspect): unknown {
      const { _tag: _, message: __, ...details } = this.toJSON() as Record<string, unknown>
      return inspect === undefined ? this.toJSON() : `${this.stack} ${inspect(details, options)}`
    }
  }
  return Base as unknown as Constructor<Tag>
}

/**
 * Gives an error its context. The error must be new: it is changed in place, because a copy would lose its stack.
 *
 * An error that already has a connection or an origin keeps what it has: the border nearest to the failure knew best.
 */
export const locate = <E extends Tagged<string>>(error: E, context: ErrorContext): E => {
  if (error.context.connection === undefined && error.context.origin === undefined) {
    ;(error as { context: ErrorContext }).context = context
  }
  return error
}
