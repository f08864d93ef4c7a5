/** The options of the `retry` combinators, and the checked policy that is made from them. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { HttpError } from "../../HttpError.ts"
import { InvalidOption } from "../error/request.ts"
import { notRecord } from "../options.ts"
import type { RepeatedStatuses } from "../repeat.ts"
import { passingStatuses } from "../repeat.ts"
import { Budgets } from "./budget.ts"

/**
 * The result of an attempt that may be retried: the input of the schedule.
 *
 * @since 0.2.0
 * @category models
 */
export interface FailedAttempt {
  /** The failure; `undefined` if there was a response that no status filter has refused. */
  readonly error: HttpError | undefined
  /** The status of the response; `undefined` if there was none. */
  readonly status: number | undefined
  /**
   * How long the response asks the client to wait (Retry-After), in milliseconds; `undefined` if it
   * does not ask.
   */
  readonly retryAfterMillis: number | undefined
  /** The number of times the request has been sent so far, including the pool's own retry. */
  readonly sends: number
}

/**
 * The limit of retries to one origin, in addition to the limit of each request. Over any period
 * there are at most `burst + share * requests + perSecond * seconds`.
 *
 * @since 0.2.0
 * @category models
 */
export interface BudgetOptions {
  /**
   * Retries allowed for each request that is sent for the first time: 0.1 is one for ten. Default:
   * 0.1.
   */
  readonly share?: number | undefined
  /**
   * Retries allowed per second whatever the traffic, so that a client with few requests can retry
   * too. Default: 1.
   */
  readonly perSecond?: number | undefined
  /** The most retries that can be saved up. Default: 10. */
  readonly burst?: number | undefined
}

/**
 * What is retried, when, and how often.
 *
 * @since 0.2.0
 * @category models
 */
export interface Options {
  /**
   * The wait before each retry; there is no retry after it ends. Retry-After makes the wait longer,
   * never shorter. Default: 100 ms, doubled each time up to 10 seconds, minus up to half of it at
   * random.
   */
  readonly schedule?: Schedule.Schedule<unknown, FailedAttempt> | undefined
  /** The most retries of one request. The pool's own retry counts as one. Default: 2. */
  readonly times?: number | undefined
  /** The statuses that are retried. Default: 408, 425, 429, 502, 503 and 504. */
  readonly statuses?: ReadonlyArray<number> | undefined
  /**
   * The statuses with which this server is known to have done nothing, so that even a POST without
   * an Idempotency-Key is retried. HTTP promises that for no status. Default: none.
   */
  readonly unprocessedStatuses?: ReadonlyArray<number> | undefined
  /**
   * The longest Retry-After of a 429 or 503 that is waited for. If the server asks for more, its
   * response is returned at once, because an earlier retry would be refused again. Default: 1
   * minute.
   */
  readonly retryAfterLimit?: Duration.DurationInput | undefined
  /**
   * Adds an Idempotency-Key to each request whose method is not idempotent, unless it has one. All
   * attempts use the same key, so that they may be retried. Only for servers that honour it. `true`
   * for a random UUID, or an effect that creates a key. Default: `false`.
   */
  readonly idempotencyKey?: boolean | Effect.Effect<string> | undefined
  /**
   * The limit of all retries to an origin together, or `false` for none. Default: the defaults of
   * `BudgetOptions`.
   */
  readonly budget?: BudgetOptions | false | undefined
}

/** Checked options. */
export interface Policy extends RepeatedStatuses {
  readonly schedule: Schedule.Schedule<unknown, FailedAttempt>
  readonly times: number
  readonly retryAfterMillis: number
  readonly key: Effect.Effect<string> | undefined
  readonly budgets: Budgets | undefined
}

const defaultSchedule: Schedule.Schedule<unknown> = Schedule.exponential("100 millis").pipe(
  Schedule.union(Schedule.spaced("10 seconds")),
  Schedule.jitteredWith({ min: 0.5, max: 1 })
)

const randomKey: Effect.Effect<string> = Effect.sync(() => crypto.randomUUID())

const invalid = (option: string, reason: string): InvalidOption => new InvalidOption({ option, reason })

const isNumber = (value: unknown): value is number => typeof value === "number" && value >= 0

const isCount = (value: unknown): boolean => isNumber(value) && (Number.isInteger(value) || value === Infinity)

const isStatuses = (value: unknown): boolean =>
  Array.isArray(value) && value.every((status) => Number.isInteger(status) && status >= 100 && status <= 999)

const isKey = (value: unknown): boolean => typeof value === "boolean" || Effect.isEffect(value)

const statusRule = "it must be an array of statuses from 100 to 999"

const budgetOf = (options: BudgetOptions | false): Budgets | undefined | InvalidOption => {
  if (options === false) return undefined
  if (notRecord("budget", options) !== undefined) {
    return invalid("budget", "it must be `false`, or a record of `share`, `perSecond` and `burst`")
  }
  const { burst = 10, perSecond = 1, share = 0.1 } = options
  for (const [name, value] of Object.entries({ burst, perSecond, share })) {
    if (!isNumber(value)) return invalid(`budget.${name}`, "it must be a number of at least 0")
  }
  return new Budgets({ burst, perSecond, share })
}

/** Returns the policy of these options, or the error in them. */
export const policyOf = (options: Options): Policy | InvalidOption => {
  const wrong = notRecord("retry", options)
  if (wrong !== undefined) return wrong
  const {
    budget = {},
    idempotencyKey = false,
    retryAfterLimit = "1 minute",
    schedule = defaultSchedule,
    statuses = passingStatuses,
    times = 2,
    unprocessedStatuses = []
  } = options
  if (!Schedule.isSchedule(schedule)) return invalid("schedule", "it must be a Schedule")
  if (!isCount(times)) return invalid("times", "it must be a whole number of at least 0, or Infinity")
  if (!isStatuses(statuses)) return invalid("statuses", statusRule)
  if (!isStatuses(unprocessedStatuses)) return invalid("unprocessedStatuses", statusRule)
  if (!isKey(idempotencyKey)) return invalid("idempotencyKey", "it must be a boolean, or an Effect of a string")
  const limit = Duration.decodeUnknown(retryAfterLimit)
  if (Option.isNone(limit)) return invalid("retryAfterLimit", `it must be a duration, such as "1 minute"`)
  const budgets = budgetOf(budget)
  if (budgets instanceof InvalidOption) return budgets
  return {
    schedule,
    times,
    statuses: new Set(statuses),
    unprocessed: new Set(unprocessedStatuses),
    retryAfterMillis: Duration.toMillis(limit.value),
    key: typeof idempotencyKey === "boolean" ? (idempotencyKey ? randomKey : undefined) : idempotencyKey,
    budgets
  }
}
