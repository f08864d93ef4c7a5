/** Subscriptions over any client of the platform, and the choice between the two APIs. */
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientError } from "@effect/platform/HttpClientError"
import { RequestError, ResponseError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { fromPlatform } from "../../HttpError.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import type { PoolLike } from "../effect/wrappedPool.ts"
import { InvalidOption } from "../error/request.ts"
import type { Source } from "../sse/decode.ts"
import type { SubscribeFailure } from "../sse/pool.ts"
import { endless, notRepeatable, subscribe as subscribeOver } from "../sse/pool.ts"
import type { SubscribeOptions } from "../sse/subscribeOptions.ts"
import { subscribeSettings } from "../sse/subscribeOptions.ts"
import type { Connector, Failure, Restore } from "../sse/subscription.ts"
import { fieldsOfRequest, lastEventIdField, ofError, ofStatus, subscription } from "../sse/subscription.ts"
import type { Event } from "../syntax/eventStream.ts"
import { requestError } from "./errors.ts"
import { keepScope } from "./redirectRequest.ts"
import { bodyKind } from "./redirectRules.ts"
import { CurrentOptions, withOptions } from "./references.ts"
import { PlatformSource } from "./sse.ts"

/** Returns the values of Retry-After. */
const retryAfterOf = ({ headers }: HttpClientResponse): ReadonlyArray<string> => {
  const value = headers["retry-after"]
  return value === undefined ? [] : [value]
}

class ClientConnector<E, R> implements Connector<E | HttpClientError, R> {
  readonly #client: HttpClient.HttpClient.With<E, R>
  readonly #request: HttpClientRequest.HttpClientRequest
  readonly #idleMillis: number | undefined

  constructor(
    client: HttpClient.HttpClient.With<E, R>,
    request: HttpClientRequest.HttpClientRequest,
    idleMillis: number | undefined
  ) {
    this.#client = client
    this.#request = request
    this.#idleMillis = idleMillis
  }

  open(lastEventId: string, restore: Restore): Effect.Effect<Source<E | HttpClientError>, E | HttpClientError, R> {
    const request = lastEventId === ""
      ? this.#request
      : keepScope(
        this.#request,
        HttpClientRequest.setHeader(this.#request, "Last-Event-ID", lastEventIdField(lastEventId))
      )
    return Effect.flatMap(CurrentOptions, (options) =>
      Effect.map(
        withOptions(restore(this.#client.execute(request)), endless(options ?? {}, this.#idleMillis)),
        (response) => new PlatformSource(response, this.#idleMillis)
      ))
  }

  describe(failure: E | HttpClientError, statuses: ReadonlySet<number>, now: number): Failure {
    const error = Option.getOrUndefined(fromPlatform(failure))
    if (error !== undefined) return ofError(error, statuses, now)
    // A combinator around the client has turned a status into a failure.
    if (failure instanceof ResponseError && failure.reason === "StatusCode") {
      const { response } = failure
      return ofStatus(undefined, response.status, retryAfterOf(response), statuses, now)
    }
    // Another client reports only that the network failed, or that the body did.
    const isRecoverable = failure instanceof RequestError
      ? failure.reason === "Transport"
      : failure instanceof ResponseError
    return { error: undefined, isRecoverable, waitMillis: 0 }
  }
}

/** Adds the fields that a request for events has. */
const withFields = (request: HttpClientRequest.HttpClientRequest): HttpClientRequest.HttpClientRequest => {
  let made = request
  for (const [name, value] of fieldsOfRequest) {
    if (!Object.hasOwn(made.headers, name.toLowerCase())) made = HttpClientRequest.setHeader(made, name, value)
  }
  return keepScope(request, made)
}

/** Subscribes over a client of the platform. */
const subscribeBy = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  request: HttpClientRequest.HttpClientRequest,
  options: SubscribeOptions | undefined
): Stream.Stream<Event, E | HttpClientError, R> =>
  Stream.suspend(() => {
    const settings = subscribeSettings(options)
    if (settings instanceof InvalidOption) return Stream.fail(requestError(request, settings))
    const kind = bodyKind(request.body)
    return kind === "Empty" || kind === "Replayable"
      ? subscription(new ClientConnector(client, withFields(request), settings.idleMillis), settings)
      : Stream.fail(requestError(request, notRepeatable()))
  })

const isClientRequest = (u: unknown): u is HttpClientRequest.HttpClientRequest =>
  Predicate.hasProperty(u, HttpClientRequest.TypeId)

/** The two forms of `Sse.subscribe`, which documents them. */
export interface Subscribe<Pool> {
  <E = never>(
    request: HttpRequest<E>,
    options?: SubscribeOptions
  ): Stream.Stream<Event, SubscribeFailure<E>, Pool>
  (
    request: HttpClientRequest.HttpClientRequest,
    options?: SubscribeOptions
  ): Stream.Stream<Event, HttpClientError, HttpClient.HttpClient>
}

/** Creates `Sse.subscribe` for the tag of the pool. */
export const makeSubscribe = <Pool extends Pick<PoolLike<unknown>, "execute">>(
  tag: Context.Tag<Pool, Pool>
): Subscribe<Pool> =>
  ((request: HttpRequest<unknown> | HttpClientRequest.HttpClientRequest, options?: SubscribeOptions) =>
    isClientRequest(request)
      ? Stream.unwrap(Effect.map(HttpClient.HttpClient, (client) => subscribeBy(client, request, options)))
      // The pool refuses a value that is neither.
      : Stream.unwrap(Effect.map(tag, (pool) => subscribeOver(pool, request, options)))) as Subscribe<Pool>
