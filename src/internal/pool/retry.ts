/**
 * Decides whether the pool itself retries a request whose connection turned out to be stale.
 * Retries by a policy are in `retry/`.
 */
import type { HttpError } from "../../HttpError.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import { isIdempotent } from "../repeat.ts"

/** The errors that show that a connection was closed before the request reached the server. */
const staleTags = new Set<HttpError["_tag"]>(["StaleConnection", "RemoteDisconnected", "ReadError", "WriteError"])

/**
 * True if a request may be retried once (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1). The
 * connection had been used or parked before, so the server may have closed it when the request was
 * in flight. No byte of a response arrived, the body can be sent again, and it does no harm if the
 * server has processed the first attempt.
 */
export const mayRetry = (request: HttpRequest<unknown>, { _tag, context }: HttpError): boolean =>
  staleTags.has(_tag) && (context.connection?.reused === true || _tag === "StaleConnection")
  && context.bytesRead === 0 && context.replayable
  && (context.bytesWritten === 0 || isIdempotent(request))
