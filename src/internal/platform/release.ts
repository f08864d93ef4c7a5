/**
 * Lets go of a response of whatever client when nobody will read its body, so that its connection
 * is free for what comes next.
 *
 * A response of this library says itself how that is done, under `ReleaseId`: its pool drops the
 * rest, within its own limits. A combinator that wraps a response hands this property on. The
 * response of another client is read up to a limit, which is what makes such clients keep their
 * connection; one with more to say, or that takes too long, is cut off.
 */
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"

/** The property of a response that lets go of it. */
export const ReleaseId: unique symbol = Symbol.for("effect-http-client/release") as never

/** What a response has that can be let go of without being read. */
export interface Releasable {
  /**
   * Ends the interest in the body, at once. Does nothing where it has been read to its end or let
   * go of before.
   */
  readonly [ReleaseId]: Effect.Effect<void>
  /** Waits for the end of the body where there is such a thing: trailers stand behind it. */
  readonly trailers?: Effect.Effect<unknown, unknown> | undefined
}

/** How much of a response of another client is read, at most. */
export interface Limits {
  /** Bytes as the client gives them; it is for the client to bound what it makes of fewer. */
  readonly bytes: number
  readonly time: Duration.DurationInput
}

const isReleasable = (response: object): response is Releasable =>
  Predicate.hasProperty(response, ReleaseId) && Effect.isEffect(response[ReleaseId])

/**
 * Lets go of a response, and waits until its connection is free, or closed.
 *
 * Cannot fail. That a body breaks off while it is thrown away is no failure of anything that was
 * asked for: nobody gets these bytes, and what it means for the connection is the client's affair,
 * which sees it too. A defect is not hidden by this.
 */
export const release = (response: HttpClientResponse, limits: Limits): Effect.Effect<void> =>
  isReleasable(response) ? Effect.zipRight(response[ReleaseId], ended(response)) : drain(response, limits)

/**
 * The next request would open a connection of its own while the rest is on its way. The pool says
 * how long that may take.
 */
const ended = ({ trailers }: Releasable): Effect.Effect<void> =>
  Effect.isEffect(trailers) ? Effect.ignore(trailers) : Effect.void

const drain = (response: HttpClientResponse, limits: Limits): Effect.Effect<void> =>
  Effect.suspend(() => {
    let left = limits.bytes
    return Stream.runForEachWhile(response.stream, (bytes) => Effect.succeed((left -= bytes.byteLength) >= 0))
  }).pipe(Effect.timeout(limits.time), Effect.ignore)
