/**
 * Refuses responses by their status. Reads the start of the body, closes the response, and fails
 * with both.
 *
 * The part that is kept is bounded. Closing the response drains the rest if that is cheap, and
 * otherwise closes the connection.
 */
import * as Effect from "effect/Effect"
import type { BodyFailure } from "../../HttpError.ts"
import { withContext } from "../error/base.ts"
import { StatusError } from "../error/status.ts"
import type { Locatable } from "../locateIn.ts"
import { locateIn } from "../locateIn.ts"

/** The number of bytes that are kept of the body of a refused response. */
export const prefixLength = 4096

/**
 * The 4xx statuses that are not a mistake in the request: it arrived too slowly, too early or too
 * often.
 */
const untimely = new Set([408, 425, 429])

/** True if the request itself is at fault, so that a retry cannot help. */
const isMistake = (status: number): boolean => status >= 400 && status < 500 && !untimely.has(status)

const empty: Uint8Array = new Uint8Array(0)

/** The parts of a response that are needed here. */
export interface Checked extends Locatable {
  readonly reason: string
  readonly close: Effect.Effect<void>
  read(n: number): Effect.Effect<Uint8Array, BodyFailure>
}

/** Creates the error of a refused response. Its context still needs the exchange. */
export const statusError = (
  { fields, reason, status }: Pick<Checked, "fields" | "reason" | "status">,
  bodyPrefix: Uint8Array,
  cause: unknown
): StatusError => {
  const known = { status, reason, fields, bodyPrefix }
  const error = new StatusError(cause === undefined ? known : { ...known, cause })
  // The exchange knows the whole context except whose fault it is.
  if (isMistake(status)) withContext(error, { ...error.context, fault: "User" })
  return error
}

const refuse = (
  response: Checked,
  bodyPrefix: Uint8Array,
  cause: BodyFailure | undefined
): Effect.Effect<never, StatusError> =>
  Effect.zipRight(
    response.close,
    Effect.suspend(() => Effect.fail(locateIn(response, statusError(response, bodyPrefix, cause))))
  )

/** Returns the bytes that a failed read had collected. */
const collected = (failure: BodyFailure): Uint8Array =>
  "partial" in failure && failure.partial !== undefined ? failure.partial : empty

/**
 * Fails with `StatusError`, and closes the response. `limited` bounds the time in which the start
 * of its body is read; by default that is bounded by the limits of the response alone.
 */
export const refuseStatus = (
  response: Checked,
  limited: (read: Effect.Effect<Uint8Array, BodyFailure>) => Effect.Effect<Uint8Array, BodyFailure> = (read) => read
): Effect.Effect<never, StatusError> =>
  Effect.matchEffect(limited(response.read(prefixLength)), {
    onFailure: (failure) => refuse(response, collected(failure), failure),
    onSuccess: (bytes) => refuse(response, bytes, undefined)
  })

/** Returns the response if its status is accepted; fails with `StatusError` otherwise. */
export const filterStatus = <R extends Checked>(
  response: R,
  accepts: (status: number) => boolean
): Effect.Effect<R, StatusError> =>
  Effect.suspend(() => accepts(response.status) ? Effect.succeed(response) : refuseStatus(response))

/** True for a successful status (RFC 9110 section 15.3). */
export const isOk = (status: number): boolean => status >= 200 && status < 300
