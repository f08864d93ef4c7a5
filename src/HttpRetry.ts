/**
 * Retries: which requests are retried, when, how often, and how many retries an outage may cause.
 *
 * The combinators are `ConnectionPool.retry` and `PooledHttpClient.retry`. They retry a request
 * only if that does no harm, after it failed or received a status such as 503. For a failure
 * `HttpError.mayRepeat` decides. For a status, the method must be idempotent or the request must
 * have an Idempotency-Key. A response that is retried is released first. The last result is
 * returned unchanged.
 *
 * @since 0.2.0
 */
import type * as options from "./internal/retry/options.ts"

/**
 * What is retried, when, and how often.
 *
 * @example
 * ```ts
 * import { Schedule } from "effect"
 * import type { HttpRetry } from "effect-http-client"
 *
 * export const patient: HttpRetry.Options = {
 *   schedule: Schedule.spaced("1 second"),
 *   times: 5,
 *   retryAfterLimit: "5 minutes",
 *   budget: { share: 0.2 }
 * }
 * ```
 *
 * @since 0.2.0
 * @category models
 */
export interface Options extends options.Options {}

/**
 * The limit of the retries to one origin, for all requests of one combinator together.
 *
 * @since 0.2.0
 * @category models
 */
export interface BudgetOptions extends options.BudgetOptions {}

/**
 * The result of an attempt that may be retried: the input of the schedule.
 *
 * @example
 * ```ts
 * import { Schedule } from "effect"
 * import type { HttpRetry } from "effect-http-client"
 *
 * // Waits only for servers that say how long.
 * export const asTold: HttpRetry.Options = {
 *   schedule: Schedule.recurWhile((failed: HttpRetry.FailedAttempt) => failed.retryAfterMillis !== undefined)
 * }
 * ```
 *
 * @since 0.2.0
 * @category models
 */
export interface FailedAttempt extends options.FailedAttempt {}
