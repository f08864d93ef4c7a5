/**
 * The status codes from 400: errors of the client and of the server, named as in Python's
 * `http.HTTPStatus`.
 *
 * @since 0.1.0
 */

/**
 * 400. The server considers the request malformed (RFC 9110 section 15.5.1).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const BAD_REQUEST = 400

/**
 * 401. Credentials are missing or were refused; see WWW-Authenticate (RFC 9110 section 15.5.2).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const UNAUTHORIZED = 401

/**
 * 402. Reserved for future use (RFC 9110 section 15.5.3).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const PAYMENT_REQUIRED = 402

/**
 * 403. The server refuses, and other credentials may not help (RFC 9110 section 15.5.4).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const FORBIDDEN = 403

/**
 * 404. Nothing was found there (RFC 9110 section 15.5.5).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const NOT_FOUND = 404

/**
 * 405. The resource does not support this method; see Allow (RFC 9110 section 15.5.6).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const METHOD_NOT_ALLOWED = 405

/**
 * 406. No representation matches the Accept fields (RFC 9110 section 15.5.7).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const NOT_ACCEPTABLE = 406

/**
 * 407. The proxy requires credentials; see Proxy-Authenticate (RFC 9110 section 15.5.8).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const PROXY_AUTHENTICATION_REQUIRED = 407

/**
 * 408. The request did not arrive in time (RFC 9110 section 15.5.9).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const REQUEST_TIMEOUT = 408

/**
 * 409. The request conflicts with the state of the resource (RFC 9110 section 15.5.10).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const CONFLICT = 409

/**
 * 410. The resource was removed permanently (RFC 9110 section 15.5.11).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const GONE = 410

/**
 * 411. The server requires a Content-Length (RFC 9110 section 15.5.12).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const LENGTH_REQUIRED = 411

/**
 * 412. A condition of the request's fields is false (RFC 9110 section 15.5.13).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const PRECONDITION_FAILED = 412

/**
 * 413. The content is larger than the server accepts (RFC 9110 section 15.5.14).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const CONTENT_TOO_LARGE = 413

/**
 * 413. The older name of `CONTENT_TOO_LARGE`, as in Python (RFC 2616 section 10.4.14).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const REQUEST_ENTITY_TOO_LARGE = 413

/**
 * 414. The target is longer than the server accepts (RFC 9110 section 15.5.15).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const URI_TOO_LONG = 414

/**
 * 414. The older name of `URI_TOO_LONG`, as in Python (RFC 2616 section 10.4.15).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const REQUEST_URI_TOO_LONG = 414

/**
 * 415. The content's type or coding is not supported (RFC 9110 section 15.5.16).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const UNSUPPORTED_MEDIA_TYPE = 415

/**
 * 416. None of the requested ranges is available (RFC 9110 section 15.5.17).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const RANGE_NOT_SATISFIABLE = 416

/**
 * 416. The older name of `RANGE_NOT_SATISFIABLE`, as in Python (RFC 2616 section 10.4.17).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const REQUESTED_RANGE_NOT_SATISFIABLE = 416

/**
 * 417. The server cannot meet the Expect field (RFC 9110 section 15.5.18).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const EXPECTATION_FAILED = 417

/**
 * 418. The server refuses to brew coffee; registered as unused (RFC 2324 section 2.3.2).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const IM_A_TEAPOT = 418

/**
 * 421. This server does not answer for that origin (RFC 9110 section 15.5.20).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const MISDIRECTED_REQUEST = 421

/**
 * 422. The content is well-formed but cannot be processed (RFC 9110 section 15.5.21).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const UNPROCESSABLE_CONTENT = 422

/**
 * 422. The older name of `UNPROCESSABLE_CONTENT`, as in Python (RFC 4918 section 11.2).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const UNPROCESSABLE_ENTITY = 422

/**
 * 423. The resource is locked (RFC 4918 section 11.3).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const LOCKED = 423

/**
 * 424. Another request that this one depends on failed (RFC 4918 section 11.4).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const FAILED_DEPENDENCY = 424

/**
 * 425. The server refuses early data, which may be a replay (RFC 8470 section 5.2).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const TOO_EARLY = 425

/**
 * 426. The server requires another protocol; see Upgrade (RFC 9110 section 15.5.22).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const UPGRADE_REQUIRED = 426

/**
 * 428. The server requires the request to be conditional (RFC 6585 section 3).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const PRECONDITION_REQUIRED = 428

/**
 * 429. The client is sending too fast; see Retry-After (RFC 6585 section 4).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const TOO_MANY_REQUESTS = 429

/**
 * 431. The request's fields are too large (RFC 6585 section 5).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const REQUEST_HEADER_FIELDS_TOO_LARGE = 431

/**
 * 451. Access is denied because of a legal demand (RFC 7725 section 3).
 *
 * @since 0.1.0
 * @category client error (4xx)
 */
export const UNAVAILABLE_FOR_LEGAL_REASONS = 451

/**
 * 500. The server met an unexpected condition (RFC 9110 section 15.6.1).
 *
 * @since 0.1.0
 * @category server error (5xx)
 */
export const INTERNAL_SERVER_ERROR = 500

/**
 * 501. The server does not support what the request needs (RFC 9110 section 15.6.2).
 *
 * @since 0.1.0
 * @category server error (5xx)
 */
export const NOT_IMPLEMENTED = 501

/**
 * 502. The server behind the gateway sent an invalid response (RFC 9110 section 15.6.3).
 *
 * @since 0.1.0
 * @category server error (5xx)
 */
export const BAD_GATEWAY = 502

/**
 * 503. The server is temporarily overloaded or down; see Retry-After (RFC 9110 section 15.6.4).
 *
 * @since 0.1.0
 * @category server error (5xx)
 */
export const SERVICE_UNAVAILABLE = 503

/**
 * 504. The server behind the gateway did not respond in time (RFC 9110 section 15.6.5).
 *
 * @since 0.1.0
 * @category server error (5xx)
 */
export const GATEWAY_TIMEOUT = 504

/**
 * 505. The server does not support the request's HTTP version (RFC 9110 section 15.6.6).
 *
 * @since 0.1.0
 * @category server error (5xx)
 */
export const HTTP_VERSION_NOT_SUPPORTED = 505

/**
 * 506. The server's content negotiation runs in a circle (RFC 2295 section 8.1).
 *
 * @since 0.1.0
 * @category server error (5xx)
 */
export const VARIANT_ALSO_NEGOTIATES = 506

/**
 * 507. The server cannot store what the request requires (RFC 4918 section 11.5).
 *
 * @since 0.1.0
 * @category server error (5xx)
 */
export const INSUFFICIENT_STORAGE = 507

/**
 * 508. The server detected an infinite loop in the resources (RFC 5842 section 7.2).
 *
 * @since 0.1.0
 * @category server error (5xx)
 */
export const LOOP_DETECTED = 508

/**
 * 510. Obsoleted: the request lacks an extension that the server requires (RFC 2774 section 7).
 *
 * @since 0.1.0
 * @category server error (5xx)
 */
export const NOT_EXTENDED = 510

/**
 * 511. The network requires a login before it grants access (RFC 6585 section 6).
 *
 * @since 0.1.0
 * @category server error (5xx)
 */
export const NETWORK_AUTHENTICATION_REQUIRED = 511
