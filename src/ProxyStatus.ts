/**
 * What proxies and gateways report about a response: the field Proxy-Status (RFC 9209).
 *
 * `proxyStatus` of a response, of `HttpError.StatusError` and of `HttpError.ProxyConnectError` has
 * the reports. The messages of both errors say in words which party failed, and why. The functions
 * here read other fields, such as trailers, where a proxy reports what failed during the body.
 *
 * A report is a claim: any server on the way can write the field, and a proxy may leave it out.
 *
 * @since 0.2.0
 */
import type * as HttpFields from "./HttpFields.ts"
import * as internal from "./internal/model/proxyStatus.ts"

/**
 * The error types of RFC 9209 section 2.3.
 *
 * @since 0.2.0
 * @category models
 */
export type ErrorType = internal.ErrorType

/**
 * The report of one intermediary: its name, the next hop, and what failed there. All texts are the
 * intermediary's and are not escaped.
 *
 * @since 0.2.0
 * @category models
 */
export interface ProxyStatus extends internal.ProxyStatus {}

/**
 * Returns the reports in a list of fields, in their order. The first is by the intermediary nearest
 * to the origin server, the last by the one nearest to this client.
 *
 * A field that is not a list of Structured Fields (RFC 9651) is ignored as a whole. The result is
 * then empty, as without the field.
 *
 * @example
 * ```ts
 * import { HttpFields, ProxyStatus } from "effect-http-client"
 *
 * const fields = HttpFields.fromInput({
 *   "Proxy-Status": "cache.example; error=dns_error; rcode=\"NXDOMAIN\"; next-hop=backend.example"
 * })
 * const [report] = ProxyStatus.fromFields(fields)
 * console.log(report?.proxy, report?.error, report?.rcode) // cache.example dns_error NXDOMAIN
 * ```
 *
 * @since 0.2.0
 * @category constructors
 */
export const fromFields = (fields: HttpFields.HttpFields): ReadonlyArray<ProxyStatus> => internal.fromFields(fields)
