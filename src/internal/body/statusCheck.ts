/**
 * Refuses responses by their status: reads the start of the body, closes the response, and fails
 * with both.
 *
 * What is kept is bounded, and the rest is not read here: closing drains it where that is cheap, or
 * closes the connection.
 */
import * as Effect from "effect/Effect"
import type { BodyFailure } from "../../HttpError.ts"
import { withContext } from "../error/base.ts"
import { StatusError } from "../error/status.ts"
import type { Locatable } from "../locateIn.ts"
import { locateIn } from "../locateIn.ts"

/** How much of the body of a refused response is kept. */
const prefixLength = 4096

/**
 * Statuses of the 400s that are no mistake in the request: it came too slowly, too early, or too
 * often.
 */
const untimely = new Set([408, 425, 429])

/** Whether the request itself is at fault, so that sending it again cannot help. */
const isMistake = (status: number): boolean => status >= 400 && status < 500 && !untimely.has(status)

const empty: Uint8Array = new Uint8Array(0)

/** What is needed of a response. */
export interface Checked extends Locatable {
  readonly reason: string
  readonly close: Effect.Effect<void>
  read(n: number): Effect.Effect<Uint8Array, BodyFailure>
}

const refuse = (
  response: Checked,
  bodyPrefix: Uint8Array,
  cause: BodyFailure | undefined
): Effect.Effect<never, StatusError> => {
  const { fields, reason, status } = response
  return Effect.zipRight(
    response.close,
    Effect.suspend(() => {
      const known = { status, reason, fields, bodyPrefix }
      const error = new StatusError(cause === undefined ? known : { ...known, cause })
      // The exchange knows all of the context but whose fault it is.
      if (isMistake(status)) withContext(error, { ...error.context, fault: "User" })
      return Effect.fail(locateIn(response, error))
    })
  )
}

/** The bytes that a failed reading had collected. */
const collected = (failure: BodyFailure): Uint8Array =>
  "partial" in failure && failure.partial !== undefined ? failure.partial : empty

/** The response if its status is accepted, else `StatusError`. */
export const filterStatus = <R extends Checked>(
  response: R,
  accepts: (status: number) => boolean
): Effect.Effect<R, StatusError> =>
  Effect.suspend(() =>
    accepts(response.status) ? Effect.succeed(response) : Effect.matchEffect(response.read(prefixLength), {
      onFailure: (failure) => refuse(response, collected(failure), failure),
      onSuccess: (bytes) => refuse(response, bytes, undefined)
    })
  )

/** A status of success (RFC 9110 section 15.3). */
export const isOk = (status: number): boolean => status >= 200 && status < 300
