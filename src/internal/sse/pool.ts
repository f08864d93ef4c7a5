/** Subscriptions over a pool. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import { isHttpRequest, setHeader, setOptions } from "../../HttpRequest.ts"
import type * as HttpTimeouts from "../../HttpTimeouts.ts"
import { isReplayable } from "../connection/prepare.ts"
import type { PoolLike } from "../effect/wrappedPool.ts"
import { InvalidOption } from "../error/request.ts"
import { notRequest } from "../options.ts"
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

/**
 * Returns the timeouts of a request whose response does not end. Neither its length nor its
 * silences are limited, unless the request or the options set limits.
 */
export const endlessTimeouts = (
  given: HttpTimeouts.Options | undefined,
  idleMillis: number | undefined
): HttpTimeouts.Options => ({
  ...given,
  bodyIdle: idleMillis ?? given?.bodyIdle ?? Duration.infinity,
  total: given?.total ?? Duration.infinity
})

/**
 * True for options of a request. Untyped callers may pass others, which the pool refuses.
 */
const isOptions = (value: unknown): boolean => value === undefined || Predicate.isRecord(value)

const endless = <E>(request: HttpRequest<E>, { idleMillis }: SubscribeSettings): HttpRequest<E> => {
  let made = request
  for (const [name, value] of fieldsOfRequest) {
    if (!HttpFields.has(made.fields, name)) made = setHeader(made, name, value)
  }
  const { limits, timeouts } = request
  return isOptions(timeouts) && isOptions(limits)
    ? setOptions(made, {
      timeouts: endlessTimeouts(timeouts, idleMillis),
      limits: { ...limits, body: limits?.body ?? Infinity }
    })
    : made
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
    return subscription(new PoolConnector(pool, endless(request, settings)), settings)
  })
