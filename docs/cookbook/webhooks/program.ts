/** Delivers webhooks to URLs that customers choose: to public addresses only, signed, retried, and with a breaker each. */
import {
  AddressPolicy,
  ConnectionPool,
  HttpBody,
  HttpError,
  HttpRequest,
  HttpResponse,
  NodeTransport,
  Origin,
  RetryAfter
} from "effect-http-client"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as RcMap from "effect/RcMap"
import type * as Redacted from "effect/Redacted"
import * as breaker from "./breaker.ts"
import { sign } from "./signature.ts"

export interface Webhook {
  /** Names the event in every attempt, today and tomorrow, so that the receiver recognizes what it has processed. */
  readonly id: string
  readonly url: string
  readonly secret: Redacted.Redacted
  readonly event: unknown
}

/** Give up, and tell the customer. */
export class Rejected extends Data.TaggedError("Rejected")<{ readonly reason: string; readonly cause: unknown }> {}

/** Put it back into the queue: a later delivery may succeed. */
export class Postponed extends Data.TaggedError("Postponed")<{
  readonly reason: string
  readonly wait: Duration.Duration
  readonly cause: unknown
}> {}

type Failure = ConnectionPool.ExecuteFailure | HttpError.StatusError

/** True if the receiver is to blame, and not the request: what opens its breaker. */
const isOutage = (error: Failure): boolean =>
  error._tag === "StatusError"
    ? error.status >= 500
    : error.context.fault === "Remote" || error.context.fault === "Network"

/** True if a later delivery may succeed. A 500 is not retried at once, but the receiver may be repaired by tomorrow. */
const mayRecover = (error: Failure, request: HttpRequest.HttpRequest): boolean =>
  error._tag === "StatusError" && error.status >= 500 ? true : HttpError.mayRepeat(error, request)

const requestOf = ({ event, id, secret, url }: Webhook): Effect.Effect<HttpRequest.HttpRequest> =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const timestamp = Math.floor(now / 1000)
    // The bytes that are signed are the bytes that are sent: JSON is made once.
    const body = new TextEncoder().encode(JSON.stringify(event))
    return HttpRequest.post(url, {
      body: HttpBody.bytes(body, "application/json"),
      headers: {
        "Webhook-Id": id,
        "Webhook-Timestamp": timestamp,
        "Webhook-Signature": sign(secret, { id, timestamp, body }),
        // With a key a POST may be sent again, although its receiver may have processed the first.
        "Idempotency-Key": id
      },
      timeouts: { pool: "5 seconds", head: "10 seconds", total: "15 seconds" }
    })
  })

/** What a failure means for the delivery. */
const settle = (request: HttpRequest.HttpRequest) => (error: Failure | breaker.BreakerOpen) =>
  Effect.gen(function*() {
    if (error._tag === "BreakerOpen") {
      return yield* new Postponed({ reason: "the receiver is down", wait: error.wait, cause: error })
    }
    if (error._tag === "AddressRefused") {
      // The customer must not learn from us what a name of the network leads to.
      yield* Effect.logDebug(error.message)
      return yield* new Rejected({ reason: "this URL cannot be used", cause: error })
    }
    if (!mayRecover(error, request)) {
      const reason = error._tag === "StatusError" ? `the receiver answered ${error.status}` : error.description
      return yield* new Rejected({ reason, cause: error })
    }
    const asked = error._tag === "StatusError" ? yield* RetryAfter.get(error.fields) : Option.none()
    const wait = Duration.max(Option.getOrElse(asked, () => Duration.zero), Duration.minutes(1))
    return yield* new Postponed({ reason: error.description, wait: Duration.min(wait, Duration.days(1)), cause: error })
  })

export interface Options extends ConnectionPool.Options {
  /** Addresses that are not public and may be reached nevertheless. Default: none. */
  readonly allow?: ReadonlyArray<string> | undefined
  readonly failures?: number | undefined
  readonly openTime?: Duration.DurationInput | undefined
}

/** Delivers webhooks. */
export class Webhooks extends Effect.Service<Webhooks>()("Webhooks", {
  scoped: ({ allow = [], failures = 5, openTime = "1 minute", ...options }: Options = {}) =>
    Effect.gen(function*() {
      const policy = yield* AddressPolicy.make({ allow })
      // A pool only for these requests, so that no other request of the program has their policy, or they another's.
      const pool = yield* ConnectionPool.make({ connectionsPerOrigin: 4, ...options }).pipe(
        Effect.map(ConnectionPool.retry({ times: 3, retryAfterLimit: "30 seconds" })),
        Effect.provide(AddressPolicy.layer(policy))
      )
      const breakers = yield* RcMap.make({
        lookup: (_origin: string) => breaker.make<Failure>({ failures, openTime, counts: isOutage }),
        idleTimeToLive: "1 hour"
      })
      const send = (request: HttpRequest.HttpRequest) =>
        pool.execute(request).pipe(
          Effect.flatMap(HttpResponse.filterStatusOk),
          Effect.flatMap((response) => Effect.as(response.close, response.status))
        )
      /** Returns the receiver's status. Interruption stops the delivery; the receiver may have processed it. */
      const deliver = (webhook: Webhook) =>
        Effect.gen(function*() {
          const request = yield* requestOf(webhook)
          const { origin } = yield* Effect.mapError(
            Origin.fromUrl(webhook.url),
            (cause) => new Rejected({ reason: cause.description, cause })
          )
          const { protect } = yield* RcMap.get(breakers, Origin.format(origin))
          return yield* Effect.catchAll(protect(send(request)), settle(request))
        }).pipe(Effect.scoped, Effect.withSpan("webhook", { attributes: { id: webhook.id } }))
      return { deliver }
    })
}) {
  static readonly layer = (options?: Options) => Layer.provide(Webhooks.Default(options), NodeTransport.layer)
}
