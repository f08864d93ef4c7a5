/**
 * What each way to authenticate implements, and what it learns of a request and its responses.
 *
 * A scheme has no part in how requests are sent: `authorized.ts` asks it for the value of
 * Authorization, and reports what the server made of it.
 */
import type * as Effect from "effect/Effect"
import type { InvalidOption, UnsupportedBody } from "../error/request.ts"

/** A request that is about to be sent. */
export interface Asked {
  /** `scheme://host:port`; `undefined` if it is not known. */
  readonly origin: string | undefined
  readonly method: string
  /** The request target that the server receives; `undefined` if there is no valid one. */
  readonly target: string | undefined
  /** The content, if it is in memory. */
  readonly body: Uint8Array | undefined
}

/** A response that has refused the credentials, or their absence: a 401. */
export interface Refusal {
  /** The lines of WWW-Authenticate. */
  readonly challenges: ReadonlyArray<string>
  /** True if a redirect has led from the request to another URL, which is what was refused. */
  readonly isElsewhere: boolean
  /** True if the request can be sent again. */
  readonly canRepeat: boolean
}

/** Why any scheme may have no value for a request. */
export type Unanswerable = InvalidOption | UnsupportedBody

/** One request, which may be sent several times. */
export interface Attempts<out E> {
  /** The value of Authorization for the next time; `undefined` for none. */
  readonly next: Effect.Effect<string | undefined, E | Unanswerable>
  /** Learns of a refusal. True if the request must be sent again. */
  refused(refusal: Refusal): boolean
  /**
   * Learns of any other response, by the lines of its Authentication-Info. Returns what the log
   * should warn of, if anything.
   */
  accepted(info: ReadonlyArray<string>): string | undefined
}

/** A way to authenticate, with its credentials. */
export interface Scheme<out E> {
  /** True if requests to this origin get the credentials. `undefined`: it is not known. */
  covers(origin: string | undefined): boolean
  /** Begins a request to such an origin. `undefined` if it must be sent unchanged. */
  begin(asked: Asked): Effect.Effect<Attempts<E> | undefined>
}
