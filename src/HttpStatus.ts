/**
 * Status codes, their reason phrases and the default ports: the constants of Python's
 * `http.client`.
 *
 * Every code of the IANA registry (RFC 9110 section 16.2) has a constant, with Python's name if
 * there is one. The exception is 306, which the registry lists as unused. This library never
 * decides by a reason phrase, because phrases are for people.
 *
 * @since 0.1.0
 */
import { phrases } from "./internal/status/phrases.ts"

/**
 * The status codes of responses that are not errors: `CONTINUE` (100) to `PERMANENT_REDIRECT`
 * (308).
 *
 * @since 0.1.0
 * @category status codes
 */
export * from "./internal/status/below400.ts"

/**
 * The status codes of errors: `BAD_REQUEST` (400) to `NETWORK_AUTHENTICATION_REQUIRED` (511).
 *
 * @since 0.1.0
 * @category status codes
 */
export * from "./internal/status/from400.ts"

/**
 * The reason phrases by code, as the IANA registry spells them: Python's `http.client.responses`.
 *
 * @example
 * ```ts
 * import { HttpStatus } from "effect-http-client"
 *
 * console.log(HttpStatus.responses.get(HttpStatus.NOT_FOUND)) // Not Found
 * ```
 *
 * @since 0.1.0
 * @category reason phrases
 */
export const responses: ReadonlyMap<number, string> = phrases

/**
 * Returns the reason phrase of a code; `""` for a code that is not registered.
 *
 * @since 0.1.0
 * @category reason phrases
 */
export const reasonPhrase = (code: number): string => phrases.get(code) ?? ""

/**
 * The default port of `http` (RFC 9110 section 4.2.1): Python's `http.client.HTTP_PORT`.
 *
 * @since 0.1.0
 * @category ports
 */
export const HTTP_PORT = 80

/**
 * The default port of `https` (RFC 9110 section 4.2.2): Python's `http.client.HTTPS_PORT`.
 *
 * @since 0.1.0
 * @category ports
 */
export const HTTPS_PORT = 443

/**
 * True if a code is informational (1xx), so that a final response follows (RFC 9110 section 15.2).
 *
 * @since 0.1.0
 * @category predicates
 */
export const isInformational = (code: number): boolean => within(code, 100)

/** True if a code belongs to this class. Untyped code may pass any value. */
const within = (code: unknown, first: number): boolean =>
  typeof code === "number" && code >= first && code < first + 100

/**
 * True if a code says that the request succeeded (2xx, RFC 9110 section 15.3).
 *
 * @since 0.1.0
 * @category predicates
 */
export const isSuccess = (code: number): boolean => within(code, 200)

/**
 * True if a code asks for a further action (3xx, RFC 9110 section 15.4); 304 is one of them.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isRedirection = (code: number): boolean => within(code, 300)

/**
 * True if a code blames the request (4xx, RFC 9110 section 15.5).
 *
 * @since 0.1.0
 * @category predicates
 */
export const isClientError = (code: number): boolean => within(code, 400)

/**
 * True if a code blames the server (5xx, RFC 9110 section 15.6).
 *
 * @since 0.1.0
 * @category predicates
 */
export const isServerError = (code: number): boolean => within(code, 500)
