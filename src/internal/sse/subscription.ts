/**
 * Reads events over one connection after the other. Both APIs of this library share it; each
 * describes how it sends the request as a `Connector`.
 *
 * Rules:
 *
 * - There is never more than one connection, and none during a wait.
 * - Each request names the last `id` whose event the reader has taken. An event is parsed only
 *   when the reader pulls, and a connection is over only when the reader has taken all its events.
 * - No interruption may lose a response between its arrival and its first read.
 */
import * as Channel from "effect/Channel"
import type * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Decision from "effect/ScheduleDecision"
import * as Intervals from "effect/ScheduleIntervals"
import * as Stream from "effect/Stream"
import type { HttpError } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import { mayRepeat } from "../repeat.ts"
import type { Event } from "../syntax/eventStream.ts"
import { EventStreamParser } from "../syntax/eventStream.ts"
import { retryAfterMillis } from "../syntax/httpDate.ts"
import { trimSpace } from "../syntax/token.ts"
import type { Source } from "./decode.ts"
import { eventsWith, noContent } from "./decode.ts"
import type { SubscribeSettings } from "./subscribeOptions.ts"

/** The consequence of a failed connection for its subscription. */
export interface Failure {
  readonly error: HttpError | undefined
  readonly isRecoverable: boolean
  /** How long the server asks the client to wait, in milliseconds; 0 if it does not ask. */
  readonly waitMillis: number
}

/** Makes an effect as interruptible as the subscription is. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** A request, as its API sends it. */
export interface Connector<out E, out R, in F = E> {
  /**
   * Sends the request with this Last-Event-ID, unless it is `""`. Runs in an uninterruptible
   * region. Only the sending itself may be restored: an interruption of an operation that follows
   * it would lose the response.
   */
  open(lastEventId: string, restore: Restore): Effect.Effect<Source<E>, E, R>
  /** Describes a failure at this time. */
  describe(failure: F, statuses: ReadonlySet<number>, now: number): Failure
}

/**
 * True for the statuses that Retry-After is defined for (RFC 9110 section 10.2.3, RFC 6585 section
 * 4).
 */
const asksToWait = (status: number): boolean => status === 429 || status === 503

/** Describes a status of a server's response. */
export const ofStatus = (
  error: HttpError | undefined,
  status: number,
  retryAfter: ReadonlyArray<string>,
  statuses: ReadonlySet<number>,
  now: number
): Failure => ({
  error,
  isRecoverable: statuses.has(status),
  waitMillis: asksToWait(status) ? retryAfterMillis(retryAfter, now) ?? 0 : 0
})

/**
 * Describes an error of this library. The request of a subscription is sent again whatever its
 * method, so it counts as idempotent.
 */
export const ofError = (error: HttpError, statuses: ReadonlySet<number>, now: number): Failure =>
  error._tag === "StatusError"
    ? ofStatus(error, error.status, HttpFields.getAll(error.fields, "retry-after"), statuses, now)
    : { error, isRecoverable: mayRepeat(error, { method: "GET" }), waitMillis: 0 }

/** The fields that a request for events has, unless it has others. */
export const fieldsOfRequest: ReadonlyArray<readonly [name: string, value: string]> = [
  ["Accept", "text/event-stream"],
  ["Cache-Control", "no-cache"]
]

/** Returns the value of Last-Event-ID: the bytes of the `id` in UTF-8, each as a character. */
export const lastEventIdField = (id: string): string => trimSpace(Buffer.from(id, "utf8").toString("latin1"))

/** Writes events, and ends with a value. */
type Writing<E, R, A = unknown> = Channel.Channel<Chunk.Chunk<Event>, unknown, E, unknown, A, unknown, R>

const ended: Failure = { error: undefined, isRecoverable: true, waitMillis: 0 }

class Subscription<E, R> {
  readonly #connector: Connector<E, R>
  readonly #settings: SubscribeSettings
  #lastEventId: string
  #retryMillis: number | undefined
  #attempts = 0
  #scheduleState: unknown
  /** The response of the current connection, until it has ended. */
  #source: Source<E> | undefined

  constructor(connector: Connector<E, R>, settings: SubscribeSettings) {
    this.#connector = connector
    this.#settings = settings
    this.#lastEventId = settings.lastEventId
    this.#scheduleState = settings.schedule.initial
  }

  get events(): Stream.Stream<Event, E, R> {
    const abandoned = Effect.suspend(() => this.#source?.abandoned ?? Effect.void)
    return Stream.fromChannel(Channel.ensuring(this.#connection, abandoned))
  }

  /** Reads one connection, and all that follow it. */
  get #connection(): Writing<E, R> {
    return Channel.suspend(() => {
      const parser = new EventStreamParser(this.#settings.maxEventBytes, this.#lastEventId, this.#retryMillis)
      const read: Writing<E, R, Either.Either<Source<E>, E>> = Channel.flatMap(
        Channel.fromEffect(this.#open),
        (source) => Channel.as(Stream.toChannel(eventsWith(source, this.#settings, parser)), Either.right(source))
      )
      return Channel.flatMap(
        Channel.catchAll(read, (error) => Channel.succeed(Either.left(error))),
        (outcome) => this.#ended(outcome, parser)
      )
    })
  }

  get #open(): Effect.Effect<Source<E>, E, R> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.map(this.#connector.open(this.#lastEventId, restore), (source) => this.#source = source)
    )
  }

  #ended(outcome: Either.Either<Source<E>, E>, parser: EventStreamParser): Writing<E, R> {
    if (parser.hasEvents) {
      this.#attempts = 0
      this.#scheduleState = this.#settings.schedule.initial
    }
    this.#lastEventId = parser.lastEventId
    this.#retryMillis = parser.retryMillis
    const released = this.#source?.released ?? Effect.void
    this.#source = undefined
    if (Either.isRight(outcome) && outcome.right.status === noContent) return Channel.void
    return Channel.flatMap(
      Channel.fromEffect(Effect.zipRight(released, this.#wait(outcome))),
      (again) => again ? this.#connection : Channel.void
    )
  }

  /** Waits until the request may be sent again. Returns false if the subscription is over. */
  #wait(outcome: Either.Either<Source<E>, E>): Effect.Effect<boolean, E> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const { schedule, statuses } = this.#settings
      const over = Either.isLeft(outcome) ? Effect.fail(outcome.left) : Effect.succeed(false)
      const { error, isRecoverable, waitMillis } = Either.isLeft(outcome)
        ? this.#connector.describe(outcome.left, statuses, now)
        : ended
      if (!isRecoverable) return over
      const attempts = ++this.#attempts
      const disconnection = { error, lastEventId: this.#lastEventId, attempts }
      return Effect.flatMap(schedule.step(now, disconnection, this.#scheduleState), ([state, , decision]) => {
        this.#scheduleState = state
        if (Decision.isDone(decision)) return over
        const delay = Math.max(0, Intervals.start(decision.intervals) - now)
        return Effect.as(Effect.sleep(this.#millis(delay, waitMillis)), true)
      })
    })
  }

  /** Returns how long to wait: the delay of the schedule, and the time that the server asks for. */
  #millis(delay: number, asked: number): number {
    const { retryLimitMillis } = this.#settings
    const retry = this.#retryMillis === undefined ? undefined : Math.min(this.#retryMillis, retryLimitMillis)
    const base = retry === undefined ? delay : this.#attempts === 1 ? retry : Math.max(retry, delay)
    return Math.max(base, Math.min(asked, retryLimitMillis))
  }
}

/** Returns the events of a subscription. */
export const subscription = <E, R>(
  connector: Connector<E, R>,
  settings: SubscribeSettings
): Stream.Stream<Event, E, R> => Stream.suspend(() => new Subscription(connector, settings).events)
