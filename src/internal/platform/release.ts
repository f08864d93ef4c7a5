/**
 * Releases a response of any client when its body will not be read, so that its connection is free
 * for the next request.
 *
 * A response of this library implements that under `ReleaseId`: its pool discards the rest, within
 * its limits. A combinator that wraps a response forwards this property. The response of another
 * client is read up to a limit, because such clients then keep their connection. A longer or slower
 * body is interrupted.
 */
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"

/** The property of a response that releases it. */
export const ReleaseId: unique symbol = Symbol.for("effect-http-client/release") as never

/** A response that can be released without being read. */
export interface Releasable {
  /**
   * Discards the body at once. Does nothing if the body was read completely or the response was
   * released before.
   */
  readonly [ReleaseId]: Effect.Effect<void>
  /** Waits for the end of the body, if present, because trailers follow it. */
  readonly trailers?: Effect.Effect<unknown, unknown> | undefined
}

/** The limits on reading a response of another client. */
export interface Limits {
  /** Bytes as the client returns them; the client must limit how it expands fewer bytes. */
  readonly bytes: number
  readonly time: Duration.DurationInput
}

/** A pool has separate limits. Encoded bytes count, because nothing is decoded. */
const defaultLimits: Limits = { bytes: 65_536, time: "1 second" }

const isReleasable = (response: object): response is Releasable =>
  Predicate.hasProperty(response, ReleaseId) && Effect.isEffect(response[ReleaseId])

/**
 * Releases a response, and waits until its connection is free or closed.
 *
 * Cannot fail. If a body that is being discarded breaks off, no reader misses its bytes. The client
 * sees the failure too, and handles the connection. A defect is not hidden.
 */
export const release = (response: HttpClientResponse, limits: Limits = defaultLimits): Effect.Effect<void> =>
  isReleasable(response) ? Effect.zipRight(response[ReleaseId], ended(response)) : drain(response, limits)

/**
 * Waits for the end of the body, because the next request would otherwise open another connection
 * in the meantime. The pool limits how long that may take.
 */
const ended = ({ trailers }: Releasable): Effect.Effect<void> =>
  Effect.isEffect(trailers) ? Effect.ignore(trailers) : Effect.void

const drain = (response: HttpClientResponse, limits: Limits): Effect.Effect<void> =>
  Effect.suspend(() => {
    let remaining = limits.bytes
    return Stream.runForEachWhile(response.stream, (bytes) => Effect.succeed((remaining -= bytes.byteLength) >= 0))
  }).pipe(Effect.timeout(limits.time), Effect.ignore)
