/**
 * What can be put around the `execute` of a pool or a connection: a span. The connection and the
 * pool know no more of it than this type, because what a span tells is the platform's to say.
 */
import type * as Effect from "effect/Effect"
import type { HttpRequest } from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import type * as Origin from "../../Origin.ts"

/** Sends a request by `send`, which may get another one. `origin` is that of a connection. */
export type Trace = <E, F>(
  request: HttpRequest<E>,
  origin: Origin.Origin | undefined,
  send: (request: HttpRequest<E>) => Effect.Effect<HttpResponse, F>
) => Effect.Effect<HttpResponse, F>
