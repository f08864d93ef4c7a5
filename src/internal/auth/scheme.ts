/**
 * The interface of each way to authenticate, and what it reads of a request and its responses.
 *
 * A scheme does not take part in sending requests. `authorized.ts` asks it for the value of
 * Authorization, and reports the server's reaction.
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
  /** True if a redirect has led from the request to another URL, whose request was refused. */
  readonly isElsewhere: boolean
  /** True if the request can be sent again. */
  readonly canRepeat: boolean
}

/** The reason why any scheme may have no value for a request. */
export type Unanswerable = InvalidOption | UnsupportedBody

/** One request, which may be sent several times. */
export interface Attempts<out E> {
  /** Returns the value of Authorization for the next attempt; `undefined` for none. */
  readonly next: Effect.Effect<string | undefined, E | Unanswerable>
  /** Receives a refusal. Returns true if the request must be sent again. */
  refused(refusal: Refusal): boolean
  /**
   * Receives the lines of Authentication-Info of any other response. Returns a warning for the log,
   * if there is one.
   */
  accepted(info: ReadonlyArray<string>): string | undefined
}

/** A way to authenticate, with its credentials. */
export interface Scheme<out E> {
  /** True if requests to this origin get the credentials. `undefined` is an unknown origin. */
  covers(origin: string | undefined): boolean
  /** Begins a request to such an origin. `undefined` if it must be sent unchanged. */
  begin(asked: Asked): Effect.Effect<Attempts<E> | undefined>
}
