/**
 * The challenges with which a server or a proxy asks for credentials: WWW-Authenticate and
 * Proxy-Authenticate (RFC 9110 section 11.6.1).
 *
 * `Auth.basic`, `Auth.bearer` and `Auth.digest` answer challenges without this module. Use it for
 * another scheme, or to report a 401 that the program cannot answer.
 *
 * @since 0.2.0
 */
import * as HttpFields from "./HttpFields.ts"
import type * as challenges from "./internal/syntax/challenges.ts"
import { parseChallenges } from "./internal/syntax/challenges.ts"

/**
 * A challenge: a scheme, and a token68 or parameters.
 *
 * `scheme` and the names of the parameters are in lower case. `token68` is what follows the scheme
 * instead of parameters, with its padding. The values of the parameters are without quotes and
 * escapes.
 *
 * @since 0.2.0
 * @category models
 */
export interface Challenge extends challenges.Challenge {}

/**
 * The names of the fields that have challenges.
 *
 * @since 0.2.0
 * @category models
 */
export type FieldName = "www-authenticate" | "proxy-authenticate"

/**
 * Returns the challenges of a response, in order. Several may be in one line, and in several lines.
 *
 * Never fails: a challenge that breaks the grammar is dropped, and the others are kept. Of two
 * parameters with the same name the first counts. Takes time in proportion to the length.
 *
 * @example
 * ```ts
 * import { Challenge, HttpFields } from "effect-http-client"
 *
 * const fields = HttpFields.fromInput({
 *   "WWW-Authenticate": "Digest realm=\"a, b\", nonce=\"n\", Negotiate YWJj=, Basic realm=\"c\""
 * })
 * const [digest, negotiate] = Challenge.parse(fields, "www-authenticate")
 * console.log(digest?.scheme, digest?.params.get("realm")) // digest a, b
 * console.log(negotiate?.scheme, negotiate?.token68) // negotiate YWJj=
 * ```
 *
 * @since 0.2.0
 * @category constructors
 */
export const parse = (fields: HttpFields.HttpFields, name: FieldName): ReadonlyArray<Challenge> =>
  parseChallenges(HttpFields.getAll(fields, name))
