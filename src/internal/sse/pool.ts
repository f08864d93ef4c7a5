/** Subscriptions over a pool. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpRequest, Options } from "../../HttpRequest.ts"
import { isHttpRequest, setHeader, setOptions } from "../../HttpRequest.ts"
import { isReplayable } from "../connection/prepare.ts"
import type { PoolLike } from "../effect/wrappedPool.ts"
import { InvalidOption } from "../error/request.ts"
import { notRecord, notRequest } from "../options.ts"
import type { ExecuteFailure } from "../pool/call.ts"
import type { Event } from "../syntax/eventStream.ts"
import type { Source } from "./decode.ts"
import type { OwnFailure } from "./response.ts"
import { OwnSource } from "./response.ts"
import type { SubscribeOptions, SubscribeSettings } from "./subscribeOptions.ts"
import { subscribeSettings } from "./subscribeOptions.ts"
import type { Connector, Failure, Restore } from "./subscription.ts"
import { fieldsOfRequest, lastEventIdField, ofError, subscription } from "./subscription.ts"

/** The failures of a subscription. `E` is the error of the request's own body. */
export type SubscribeFailure<E> = ExecuteFailure<E> | OwnFailure

/** Returns the error for a request that cannot be sent again. */
export const notRepeatable = (): InvalidOption =>
  new InvalidOption({
    option: "request.body",
    reason: "it can be read only once, and a subscription sends its request again: give a body in memory"
  })

type Bounds = Pick<Options, "timeouts" | "limits">

/**
 * Returns the timeouts and limits of a request whose response does not end. Neither its length nor
 * its silences are limited, unless the request or the options set limits. What is not a record,
 * which the types forbid, is returned unchanged, and the pool refuses it.
 */
export const endless = ({ limits, timeouts }: Bounds, idleMillis: number | undefined): Bounds => ({
  timeouts: isOptions(timeouts ?? undefined)
    ? {
      ...timeouts,
      bodyIdle: idleMillis ?? timeouts?.bodyIdle ?? Duration.infinity,
      total: timeouts?.total ?? Duration.infinity
    }
    : timeouts,
  limits: isOptions(limits ?? undefined) ? { ...limits, body: limits?.body ?? Infinity } : limits
})

const isOptions = (value: unknown): boolean => notRecord("options", value) === undefined

const prepared = <E>(request: HttpRequest<E>, { idleMillis }: SubscribeSettings): HttpRequest<E> => {
  let made = request
  for (const [name, value] of fieldsOfRequest) {
    if (!HttpFields.has(made.fields, name)) made = setHeader(made, name, value)
  }
  return setOptions(made, endless(request, idleMillis))
}

class PoolConnector<E> implements Connector<SubscribeFailure<E>, never> {
  readonly #pool: Pick<PoolLike<unknown>, "execute">
  readonly #request: HttpRequest<E>

  constructor(pool: Pick<PoolLike<unknown>, "execute">, request: HttpRequest<E>) {
    this.#pool = pool
    this.#request = request
  }

  open(lastEventId: string, restore: Restore): Effect.Effect<Source<SubscribeFailure<E>>, SubscribeFailure<E>> {
    const request = lastEventId === ""
      ? this.#request
      : setHeader(this.#request, "Last-Event-ID", lastEventIdField(lastEventId))
    return Effect.map(restore(this.#pool.execute(request)), (response) => new OwnSource(response))
  }

  describe(error: SubscribeFailure<E>, statuses: ReadonlySet<number>, now: number): Failure {
    return ofError(error, statuses, now)
  }
}

/** Subscribes over a pool. */
export const subscribe = <E>(
  pool: Pick<PoolLike<unknown>, "execute">,
  request: HttpRequest<E>,
  options: SubscribeOptions | undefined
): Stream.Stream<Event, SubscribeFailure<E>> =>
  Stream.suspend(() => {
    const settings = subscribeSettings(options)
    if (settings instanceof InvalidOption) return Stream.fail(settings)
    const invalid = isHttpRequest(request)
      ? notRequest(request)
      : new InvalidOption({ option: "request", reason: "make it with `HttpRequest.get` and its like" })
    if (invalid !== undefined) return Stream.fail(invalid)
    if (!isReplayable(request)) return Stream.fail(notRepeatable())
    return subscription(new PoolConnector(pool, prepared(request, settings)), settings)
  })
