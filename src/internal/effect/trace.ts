/**
 * The span that can be put around the `execute` of a pool or a connection. The connection and the
 * pool know only this type, because the platform layer decides what a span contains.
 */
import type * as Effect from "effect/Effect"
import type { HttpRequest } from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import type * as Origin from "../../Origin.ts"

/**
 * Sends a request by `send`, or another request instead. `origin` is the origin of a connection;
 * `undefined` for a pool.
 */
export type Trace = <E, F>(
  request: HttpRequest<E>,
  origin: Origin.Origin | undefined,
  send: (request: HttpRequest<E>) => Effect.Effect<HttpResponse, F>
) => Effect.Effect<HttpResponse, F>
