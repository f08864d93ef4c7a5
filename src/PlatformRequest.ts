/**
 * Requests of `@effect/platform` that its own functions cannot make.
 *
 * @since 0.2.0
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpMethod } from "@effect/platform/HttpMethod"

/**
 * Creates a QUERY request (RFC 10008): safe and idempotent as GET, with content that is the query.
 * `HttpRequest.query` for the platform's client, whose type of methods does not know it.
 *
 * The content needs a media type. The platform's bodies have one, except raw ones. Without one,
 * sending fails with a `RequestError` whose cause is `UnsupportedBody`.
 *
 * @example
 * ```ts
 * import { HttpBody, HttpClient } from "@effect/platform"
 * import { Effect } from "effect"
 * import { PlatformRequest } from "effect-http-client"
 *
 * export const found = Effect.flatMap(HttpClient.HttpClient, (client) =>
 *   client.execute(PlatformRequest.query("https://api.test/contacts", { body: HttpBody.unsafeJson({ name: "ann" }) })))
 * ```
 *
 * @since 0.2.0
 * @category constructors
 */
export const query = (
  url: string | URL,
  options?: HttpClientRequest.Options.NoUrl
): HttpClientRequest.HttpClientRequest => HttpClientRequest.make("QUERY" as HttpMethod as "POST")(url, options)
