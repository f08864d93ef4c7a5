/**
 * Decides which responses are not delivered, because the request is retried instead. They are about
 * how the request was sent, and not about what it asks for.
 */
import type { HttpError } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import { StatusError } from "../error/status.ts"
import { isIdempotent } from "../repeat.ts"
import type { Exchange } from "./exchange.ts"
import type { Prepared } from "./prepare.ts"
import { isReplayable } from "./prepare.ts"

/**
 * True if a 417 refuses the expectation that `expectContinue` has sent, so that the request must be
 * retried without it (RFC 9110 section 10.1.1). If the caller has set the Expect field, the caller
 * receives the 417. A body that was held back can be sent even if it is a stream, because the
 * stream has not started.
 */
export const refusesExpectation = (exchange: Exchange, prepared: Prepared, request: HttpRequest<unknown>): boolean =>
  exchange.head?.status === 417
  && prepared.head.expectContinue
  && !HttpFields.has(request.fields, "expect")
  && (exchange.isHeld || isReplayable(request))

/**
 * True if a 408 is the end of an idle connection and not a response to the request, which crossed
 * it (RFC 9110 section 15.5.9). The server says that it received no complete request, but servers
 * use 408 for other limits too. So the request must be idempotent, unless its body is still held
 * back.
 */
export const isIdleTimeout = (exchange: Exchange, request: HttpRequest<unknown>): boolean =>
  exchange.head?.status === 408
  && (exchange.connectionInfo.reused || exchange.connection.wasParked)
  && exchange.informational.length === 0
  && (exchange.isHeld || (isReplayable(request) && isIdempotent(request)))

const nothing = new Uint8Array(0)

/** Returns the error that says why a request is retried. */
export const statusErrorOf = (exchange: Exchange): HttpError | undefined => {
  const { head } = exchange
  if (head === undefined) return undefined
  const { fields, reason, status } = head
  return exchange.withContext(new StatusError({ status, reason, fields, bodyPrefix: nothing }))
}

/** Why the response of the first attempt is not delivered. */
export const dismissal = "the request is retried"

/** Records in the context of an error how often its request had been sent before. */
export const resent = (error: HttpError, resends: number): HttpError => {
  ;(error as { context: HttpError["context"] }).context = { ...error.context, resends }
  return error
}
