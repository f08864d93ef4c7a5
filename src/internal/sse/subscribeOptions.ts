/** The options of a subscription, and their checked form. */
import * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"
import type { HttpError } from "../../HttpError.ts"
import { readDuration } from "../effect/duration.ts"
import { InvalidOption } from "../error/request.ts"
import { passingStatuses } from "../repeat.ts"
import type { DecodeOptions, DecodeSettings } from "./options.ts"
import { decodeSettings } from "./options.ts"

/**
 * A connection of a subscription that has ended: the input of the schedule.
 *
 * @since 0.2.0
 * @category models
 */
export interface Disconnection {
  /**
   * The failure; `undefined` if the response ended normally, or if a client of another library
   * failed.
   */
  readonly error: HttpError | undefined
  /** The `id` that the next request sends as Last-Event-ID; `""` for none. */
  readonly lastEventId: string
  /**
   * The number of successive connections that ended without an event, this one included; at least
   * 1.
   */
  readonly attempts: number
}

/**
 * The options of `subscribe`.
 *
 * @since 0.2.0
 * @category models
 */
export interface SubscribeOptions extends DecodeOptions {
  /**
   * The known `id` of the last event, which the first request sends as Last-Event-ID. Default:
   * `""`, for none. Set it here and not as a field of the request, which would be sent again after
   * the server has cleared its `id`.
   */
  readonly lastEventId?: string | undefined
  /**
   * The waits between two requests; the subscription ends with the schedule. It starts again when
   * an event has arrived. If the server has sent `retry`, the first wait is that long and the
   * others are not shorter. Default: 1 second, doubled each time up to 30 seconds, minus up to half
   * of it at random, without end.
   */
  readonly schedule?: Schedule.Schedule<unknown, Disconnection> | undefined
  /**
   * How long the server may be silent, comments included, before another connection replaces this
   * one. Default: `timeouts.bodyIdle` of the request. Without it any silence is allowed, because a
   * server without `id`s loses the events between two connections.
   */
  readonly idleTimeout?: Duration.DurationInput | undefined
  /**
   * The longest wait that the server may ask for, by `retry` or Retry-After. A longer one counts as
   * this. Default: 10 minutes.
   */
  readonly retryLimit?: Duration.DurationInput | undefined
  /**
   * The statuses after which the request is sent again; every other one ends the subscription with
   * `StatusError`. The standard has none. Default: 408, 425, 429, 502, 503 and 504.
   */
  readonly statuses?: ReadonlyArray<number> | undefined
}

/** Checked options. */
export interface SubscribeSettings extends DecodeSettings {
  readonly lastEventId: string
  readonly schedule: Schedule.Schedule<unknown, Disconnection>
  /** Milliseconds; `undefined` if the request decides. */
  readonly idleMillis: number | undefined
  readonly retryLimitMillis: number
  readonly statuses: ReadonlySet<number>
}

const defaultSchedule: Schedule.Schedule<unknown> = Schedule.exponential("1 second").pipe(
  Schedule.union(Schedule.spaced("30 seconds")),
  Schedule.jitteredWith({ min: 0.5, max: 1 })
)

/** The longest time that a timer of Node can take. */
const longestTimer = 2 ** 31 - 1

const invalid = (option: string, reason: string): InvalidOption => new InvalidOption({ option, reason })

const isId = (value: unknown): value is string =>
  // oxlint-disable-next-line no-control-regex -- These are what an event cannot have in its id.
  typeof value === "string" && !/[\0\r\n]/.test(value)

const isStatuses = (value: unknown): boolean =>
  Array.isArray(value) && value.every((status) => Number.isInteger(status) && status >= 100 && status <= 999)

const duration = "it must be a duration of at least 0"

/** Returns the settings of these options, or the error in them. */
export const subscribeSettings = (options: SubscribeOptions | undefined): SubscribeSettings | InvalidOption => {
  const settings = decodeSettings(options)
  if (settings instanceof InvalidOption) return settings
  const {
    idleTimeout,
    lastEventId = "",
    retryLimit = "10 minutes",
    schedule = defaultSchedule,
    statuses = passingStatuses
  } = options ?? {}
  if (!isId(lastEventId)) return invalid("lastEventId", "it must be a text without NUL, CR and LF")
  if (!Schedule.isSchedule(schedule)) return invalid("schedule", "it must be a Schedule")
  const idleMillis = idleTimeout === undefined ? undefined : readDuration(idleTimeout)
  if (idleTimeout !== undefined && idleMillis === undefined) return invalid("idleTimeout", duration)
  const limit = readDuration(retryLimit)
  if (limit === undefined) return invalid("retryLimit", duration)
  if (!isStatuses(statuses)) return invalid("statuses", "it must be an array of statuses from 100 to 999")
  return {
    ...settings,
    lastEventId,
    schedule,
    idleMillis,
    retryLimitMillis: Math.min(limit, longestTimer),
    statuses: new Set(statuses)
  }
}
