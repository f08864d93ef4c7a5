/**
 * Checks arguments that no type has checked: values that are not requests, records, bytes or
 * numbers. Only kinds are checked here. The code that encodes and reads methods, targets, fields
 * and options checks their values.
 *
 * A list, a number or a function has none of the option names. Without this check it would silently
 * pass as an empty record.
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import { InvalidOption } from "./error/request.ts"
import { isBytes, isEffect } from "./given.ts"
import { isFields } from "./model/fields.ts"

/** Returns the error if the value is not a record of options. `undefined` is accepted. */
export const notRecord = (option: string, value: unknown): InvalidOption | undefined =>
  value === undefined || (Predicate.isRecord(value) && !(Symbol.iterator in value))
    ? undefined
    : new InvalidOption({ option, reason: "it must be a record of options" })

/** Returns the error if the value is not a `Uint8Array`. */
export const notBytes = (option: string, bytes: unknown): InvalidOption | undefined =>
  isBytes(bytes) ? undefined : new InvalidOption({ option, reason: "it must be a `Uint8Array`" })

/** Returns the error if the value is not a number. */
export const notCount = (option: string, count: unknown): InvalidOption | undefined =>
  typeof count === "number" ? undefined : new InvalidOption({ option, reason: "it must be a number of bytes" })

/** Returns the error if `onInformational` is set but not a function. */
export const notListener = (listener: unknown): InvalidOption | undefined =>
  listener === undefined || listener === null || typeof listener === "function"
    ? undefined
    : new InvalidOption({ option: "onInformational", reason: "it must be a function" })

/** Returns a value that may be invalid, as an `Either`. */
export const checked = <A>(value: A | InvalidOption): Either.Either<A, InvalidOption> =>
  value instanceof InvalidOption ? Either.left(value) : Either.right(value)

const bodies: ReadonlySet<unknown> = new Set(["Empty", "Bytes", "Streaming"])

const isBody = (body: unknown): boolean =>
  Predicate.isRecord(body) && bodies.has(body["_tag"]) && (body["_tag"] !== "Bytes" || isBytes(body["bytes"]))

/** Returns the error if the value is not a request. */
export const notRequest = (
  request: { readonly body: unknown; readonly fields: unknown; readonly trailers: unknown }
): InvalidOption | undefined => {
  if (!Predicate.isRecord(request)) {
    return new InvalidOption({
      option: "request",
      reason: "make it with `HttpRequest.make`, or `get`, `post` and their like"
    })
  }
  const { body, fields, trailers } = request
  return !isFields(fields)
    ? new InvalidOption({
      option: "request.fields",
      reason: "make them with `HttpFields.make` or `HttpFields.fromInput`"
    })
    : !isFields(trailers) && !(Predicate.isObject(trailers) && isEffect(trailers))
    ? new InvalidOption({
      option: "request.trailers",
      reason: "make them with `HttpFields.make` or `HttpFields.fromInput`"
    })
    : isBody(body)
    ? undefined
    : new InvalidOption({ option: "request.body", reason: "make it with a function of `HttpBody`" })
}
