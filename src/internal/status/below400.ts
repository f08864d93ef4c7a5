/**
 * The status codes below 400: informational, success and redirection, named as in Python's
 * `http.HTTPStatus`.
 *
 * @since 0.1.0
 */

/**
 * 100. The head was received and the body may be sent (RFC 9110 section 15.2.1).
 *
 * @since 0.1.0
 * @category informational (1xx)
 */
export const CONTINUE = 100

/**
 * 101. The connection changes to the protocol that Upgrade names (RFC 9110 section 15.2.2).
 *
 * @since 0.1.0
 * @category informational (1xx)
 */
export const SWITCHING_PROTOCOLS = 101

/**
 * 102. The request was received and is still being worked on (RFC 2518 section 10.1).
 *
 * @since 0.1.0
 * @category informational (1xx)
 */
export const PROCESSING = 102

/**
 * 103. Fields that the final response will likely have (RFC 8297).
 *
 * @since 0.1.0
 * @category informational (1xx)
 */
export const EARLY_HINTS = 103

/**
 * 104. The upload can be resumed if it breaks; a temporary registration
 *      (draft-ietf-httpbis-resumable-upload).
 *
 * @since 0.1.0
 * @category informational (1xx)
 */
export const UPLOAD_RESUMPTION_SUPPORTED = 104

/**
 * 200. The request succeeded (RFC 9110 section 15.3.1).
 *
 * @since 0.1.0
 * @category success (2xx)
 */
export const OK = 200

/**
 * 201. A resource was created, which Location names (RFC 9110 section 15.3.2).
 *
 * @since 0.1.0
 * @category success (2xx)
 */
export const CREATED = 201

/**
 * 202. The request was accepted and will be processed later (RFC 9110 section 15.3.3).
 *
 * @since 0.1.0
 * @category success (2xx)
 */
export const ACCEPTED = 202

/**
 * 203. A proxy changed the content of the origin's 200 (RFC 9110 section 15.3.4).
 *
 * @since 0.1.0
 * @category success (2xx)
 */
export const NON_AUTHORITATIVE_INFORMATION = 203

/**
 * 204. The request succeeded and there is no content (RFC 9110 section 15.3.5).
 *
 * @since 0.1.0
 * @category success (2xx)
 */
export const NO_CONTENT = 204

/**
 * 205. The request succeeded and its form should be cleared (RFC 9110 section 15.3.6).
 *
 * @since 0.1.0
 * @category success (2xx)
 */
export const RESET_CONTENT = 205

/**
 * 206. The requested ranges (RFC 9110 section 15.3.7).
 *
 * @since 0.1.0
 * @category success (2xx)
 */
export const PARTIAL_CONTENT = 206

/**
 * 207. The content has a status for each of several resources (RFC 4918 section 11.1).
 *
 * @since 0.1.0
 * @category success (2xx)
 */
export const MULTI_STATUS = 207

/**
 * 208. The members of this collection were listed before (RFC 5842 section 7.1).
 *
 * @since 0.1.0
 * @category success (2xx)
 */
export const ALREADY_REPORTED = 208

/**
 * 226. The content is a result of instance manipulations (RFC 3229 section 10.4.1).
 *
 * @since 0.1.0
 * @category success (2xx)
 */
export const IM_USED = 226

/**
 * 300. There are several representations to choose from (RFC 9110 section 15.4.1).
 *
 * @since 0.1.0
 * @category redirection (3xx)
 */
export const MULTIPLE_CHOICES = 300

/**
 * 301. The resource has a new permanent URI; POST may become GET (RFC 9110 section 15.4.2).
 *
 * @since 0.1.0
 * @category redirection (3xx)
 */
export const MOVED_PERMANENTLY = 301

/**
 * 302. The resource is temporarily elsewhere; POST may become GET (RFC 9110 section 15.4.3).
 *
 * @since 0.1.0
 * @category redirection (3xx)
 */
export const FOUND = 302

/**
 * 303. The response must be fetched from another URI with GET (RFC 9110 section 15.4.4).
 *
 * @since 0.1.0
 * @category redirection (3xx)
 */
export const SEE_OTHER = 303

/**
 * 304. The cached response is still valid (RFC 9110 section 15.4.5).
 *
 * @since 0.1.0
 * @category redirection (3xx)
 */
export const NOT_MODIFIED = 304

/**
 * 305. Deprecated: the resource must be reached through a proxy (RFC 9110 section 15.4.6).
 *
 * @since 0.1.0
 * @category redirection (3xx)
 */
export const USE_PROXY = 305

/**
 * 307. The resource is temporarily elsewhere; the method stays (RFC 9110 section 15.4.8).
 *
 * @since 0.1.0
 * @category redirection (3xx)
 */
export const TEMPORARY_REDIRECT = 307

/**
 * 308. The resource has a new permanent URI; the method stays (RFC 9110 section 15.4.9).
 *
 * @since 0.1.0
 * @category redirection (3xx)
 */
export const PERMANENT_REDIRECT = 308
