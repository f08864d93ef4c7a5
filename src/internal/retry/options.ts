/** The options of the `retry` combinators, and the checked policy that is made of them. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { HttpError } from "../../HttpError.ts"
import { InvalidOption } from "../error/request.ts"
import type { RepeatedStatuses } from "../repeat.ts"
import { passingStatuses } from "../repeat.ts"
import { Budgets } from "./budget.ts"

/**
 * What ended an attempt that may be repeated: the input of the schedule.
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
   * How long the response asks to wait (Retry-After), in milliseconds; `undefined` if it does not
   * say.
   */
  readonly retryAfterMillis: number | undefined
  /** How often the request has been sent so far, the pool's own resends included. */
  readonly sends: number
}

/**
 * How many retries there may be to one origin, beside the limit of each request. Over any time
 * there are at most `burst + share * requests + perSecond * seconds`.
 *
 * @since 0.2.0
 * @category models
 */
export interface BudgetOptions {
  /** Retries for each request that is sent for the first time: 0.1 is one for ten. Default: 0.1. */
  readonly share?: number | undefined
  /**
   * Retries a second whatever the traffic, so that a client with few requests can retry too.
   * Default: 1.
   */
  readonly perSecond?: number | undefined
  /** Retries that can be saved up. Default: 10. */
  readonly burst?: number | undefined
}

/**
 * What is sent again, when, and how often.
 *
 * @since 0.2.0
 * @category models
 */
export interface Options {
  /**
   * How long to wait before each retry; there is no retry when it ends. Retry-After makes the wait
   * longer, never shorter. Default: 100 ms, doubled each time up to 10 seconds, less up to half of
   * it at random.
   */
  readonly schedule?: Schedule.Schedule<unknown, FailedAttempt> | undefined
  /** Retries of one request at most. A resend of the pool counts as one. Default: 2. */
  readonly times?: number | undefined
  /** The statuses whose request is sent again. Default: 408, 425, 429, 502, 503 and 504. */
  readonly statuses?: ReadonlyArray<number> | undefined
  /**
   * Of these statuses, those with which the server is known to have done nothing, so that a POST
   * without an Idempotency-Key is sent again too. HTTP promises that of none. Default: none.
   */
  readonly unprocessedStatuses?: ReadonlyArray<number> | undefined
  /**
   * The longest Retry-After of a 429 or 503 that is waited for. If the server asks for more, its
   * response is given at once, because to ask earlier than it said is to be refused again. Default:
   * 1 minute.
   */
  readonly retryAfterLimit?: Duration.DurationInput | undefined
  /**
   * Gives each request whose method is not idempotent an Idempotency-Key, unless it has one: the
   * same for all attempts, so that they may be repeated. Only for servers that honour it. `true`
   * for a random UUID, or what makes a key. Default: `false`.
   */
  readonly idempotencyKey?: boolean | Effect.Effect<string> | undefined
  /**
   * The limit of all retries to an origin together, or `false` for none. Default: that of
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
  if (typeof options !== "object" || options === null) {
    return invalid("budget", "it must be `false`, or a record of `share`, `perSecond` and `burst`")
  }
  const { burst = 10, perSecond = 1, share = 0.1 } = options
  for (const [name, value] of Object.entries({ burst, perSecond, share })) {
    if (!isNumber(value)) return invalid(`budget.${name}`, "it must be a number of at least 0")
  }
  return new Budgets({ burst, perSecond, share })
}

/** The policy of these options, or what is wrong with them. */
export const policyOf = (options: Options): Policy | InvalidOption => {
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
