/**
 * Retries: which requests are sent again, when, how often, and how many of them an outage may
 * cause.
 *
 * The combinators are `ConnectionPool.retry` and `PooledHttpClient.retry`. They repeat a request
 * that failed or that was answered with a status such as 503, only if that does no harm: what
 * `HttpError.mayRepeat` says of the failure, and of a status that the method is idempotent or that
 * the request has an Idempotency-Key. A response that is retried is released first. What is not
 * retried, or not any more, is given unchanged.
 *
 * @since 0.2.0
 */
import type * as options from "./internal/retry/options.ts"

/**
 * What is sent again, when, and how often.
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
 * The limit of the retries to one origin, of all requests of one combinator together.
 *
 * @since 0.2.0
 * @category models
 */
export interface BudgetOptions extends options.BudgetOptions {}

/**
 * What ended an attempt that may be repeated: the input of the schedule.
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
