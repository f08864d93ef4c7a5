/**
 * A consumer of server-sent events as a service runs it: it continues after the last handled event,
 * through broken connections, dead servers and its own restarts.
 */
import { ConnectionPool, HttpRequest, NodeTransport, Sse } from "effect-http-client"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Mailbox from "effect/Mailbox"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import type * as ParseResult from "effect/ParseResult"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"

/** The events that the service knows. The type of an event says which JSON its data is. */
const Placed = Schema.Struct({ order: Schema.String, cents: Schema.NonNegativeInt }).pipe(
  Schema.attachPropertySignature("_tag", "Placed")
)
const Shipped = Schema.Struct({ order: Schema.String, carrier: Schema.String }).pipe(
  Schema.attachPropertySignature("_tag", "Shipped")
)

export type Order = typeof Placed.Type | typeof Shipped.Type

/** Other types are none of the service's business: a newer server may send more. */
const decode = (event: Sse.Event): Effect.Effect<Option.Option<Order>, ParseResult.ParseError> => {
  switch (event.event) {
    case "placed":
      return Effect.asSome(Sse.schemaData(event, Placed))
    case "shipped":
      return Effect.asSome(Sse.schemaData(event, Shipped))
    default:
      return Effect.succeedNone
  }
}

export const received = Metric.counter("order_events_received", { incremental: true })
export const skipped = Metric.counter("order_events_skipped", { incremental: true })

/** How many events wait in memory, and how many are handled at once. */
export const capacity = 64
export const concurrency = 4

export interface Options<E> {
  readonly url: string
  /** Where the id of the last handled event is kept, such as a row in the service's database. */
  readonly checkpoint: {
    /** The id; `""` at the very first start. */
    readonly load: Effect.Effect<string, E>
    readonly save: (id: string) => Effect.Effect<void, E>
  }
  /** Must bear to see an event twice: after a crash the last ones arrive again. */
  readonly handle: (order: Order) => Effect.Effect<void, E>
  /** The waits after a broken connection, such as `patient`. */
  readonly waits: Schedule.Schedule<unknown>
  /** How long a stop waits for the events that are being handled. */
  readonly grace: Duration.DurationInput
}

/** What a readiness probe asks. */
export interface Health {
  /** How many connections in a row have ended without an event. */
  readonly attempts: number
  readonly why: string | undefined
}

const healthy: Health = { attempts: 0, why: undefined }

/** The waits of a service in production: 1 second, doubled each time up to 30 seconds, at random. */
export const patient = Schedule.exponential("1 second").pipe(
  Schedule.union(Schedule.spaced("30 seconds")),
  Schedule.jittered
)

/** Consumes until the scope closes. Closing takes no more events, and waits for those in hand. */
export const make = <E>({ checkpoint, grace, handle, url, waits }: Options<E>) =>
  Effect.gen(function*() {
    const health = yield* SubscriptionRef.make(healthy)

    const schedule = waits.pipe(
      Schedule.tapInput(({ attempts, error, lastEventId }: Sse.Disconnection) => {
        const why = error?.message ?? "the response ended"
        // One warning for an outage, and not one for each attempt.
        const log = attempts === 5 ? Effect.logWarning("no events", why) : Effect.logDebug("reconnecting", why)
        return Effect.zipRight(
          SubscriptionRef.set(health, { attempts, why }),
          Effect.annotateLogs(log, { attempts, lastEventId })
        )
      })
    )

    const events = Stream.unwrap(Effect.map(checkpoint.load, (lastEventId) =>
      Sse.subscribe(HttpRequest.get(url), {
        lastEventId,
        schedule,
        // This server sends a comment every 15 seconds.
        idleTimeout: "1 minute",
        maxEventBytes: 1_048_576
      })))

    const handleOne = (event: Sse.Event) =>
      decode(event).pipe(
        // An event that cannot be read would be unreadable again: skip it, and let a person know.
        Effect.catchTag("ParseError", ({ message }) =>
          Effect.logError("skipped an event", message).pipe(
            Effect.annotateLogs({ id: event.id, type: event.event }),
            Effect.zipRight(Metric.increment(skipped)),
            Effect.as(Option.none())
          )),
        Effect.flatMap(Option.match({ onNone: () => Effect.void, onSome: handle })),
        Effect.as(event.id)
      )

    const queue = yield* Mailbox.make<Sse.Event, E | Sse.SubscribeFailure>(capacity)
    const reader = yield* events.pipe(
      Stream.tap(() => Effect.zipRight(Metric.increment(received), SubscriptionRef.set(health, healthy))),
      // When the queue is full this waits. The body is then not read, and the server must wait too.
      Stream.runForEach((event) => queue.offer(event)),
      Mailbox.into(queue),
      Effect.forkScoped
    )
    const next = Effect.mapError(queue.take, (error) =>
      Cause.isNoSuchElementException(error) ? Option.none() : Option.some(error))
    const work = Stream.repeatEffectOption(next).pipe(
      // The results are in the order of the events, whichever is handled first.
      Stream.mapEffect(handleOne, { concurrency }),
      Stream.runForEach((id) =>
        id === "" ? Effect.void : checkpoint.save(id)
      )
    )
    const worker = yield* Effect.acquireRelease(
      // Not forked in the scope, whose end would interrupt the handlers.
      Effect.forkDaemon(Effect.interruptible(work)),
      (worker) =>
        // What is in the queue is dropped: after the next start it arrives again.
        Effect.all([Fiber.interrupt(reader), queue.shutdown, Effect.interruptible(Fiber.await(worker))]).pipe(
          Effect.timeoutTo({
            duration: grace,
            onSuccess: () => Effect.void,
            onTimeout: () => Effect.logWarning("interrupted the events in hand")
          }),
          Effect.flatten,
          Effect.ensuring(Fiber.interrupt(worker))
        )
    )
    return { health, done: Fiber.join(worker) }
  })

/** Ends when the server has no more events (204), and fails when it refuses, or when a handler fails. */
export const program = <E>(options: Options<E>) =>
  Effect.flatMap(make(options), ({ done }) => done).pipe(Effect.scoped, Effect.provide(connections))

/** The subscription waits by itself, so the pool need not try again. */
export const connections = ConnectionPool.layer({ connectRetryTime: 0 }).pipe(Layer.provide(NodeTransport.layer))
