/**
 * Retries over any `HttpClient`. Each attempt is a request of the underlying client, with a
 * separate span.
 *
 * An error of this library says whether its request may be retried. Errors of other clients do not,
 * so only their responses are retried.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientError, RequestError } from "@effect/platform/HttpClientError"
import { ResponseError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { fromPlatform } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import { InvalidOption } from "../error/request.ts"
import { idempotencyKey, isIdempotent, mayRepeatStatus } from "../repeat.ts"
import type { Options, Policy } from "../retry/options.ts"
import { policyOf } from "../retry/options.ts"
import type { Outcome } from "../retry/retrying.ts"
import { budgetKey, failedWith, retrying } from "../retry/retrying.ts"
import { partsOf, refusing } from "./parts.ts"
import { bodyKind } from "./redirectRules.ts"
import { redirectHistory } from "./redirects.ts"
import { release } from "./release.ts"
import { sourceOf } from "./response.ts"

const noStatus: ReadonlySet<number> = new Set()

const retryAfterOf = (response: HttpClientResponse): ReadonlyArray<string> => {
  if (Predicate.hasProperty(response, "fields") && HttpFields.isHttpFields(response.fields)) {
    return HttpFields.getAll(response.fields, "retry-after")
  }
  const value = response.headers["retry-after"]
  return value === undefined ? [] : [value]
}

const answered = (
  policy: Policy,
  request: HttpClientRequest.HttpClientRequest,
  response: HttpClientResponse
): Outcome => {
  const kind = bodyKind(request.body)
  // A server that redirects has processed the request, whichever status the last response has.
  const rules = redirectHistory(response).length === 0 ? policy : { ...policy, unprocessed: noStatus }
  return {
    repeatable: mayRepeatStatus(response.status, request, kind === "Empty" || kind === "Replayable", rules),
    error: undefined,
    status: response.status,
    retryAfter: retryAfterOf(response),
    resends: Option.match(sourceOf(response), { onNone: () => 0, onSome: ({ resends }) => resends }),
    release: Effect.suspend(() => release(response))
  }
}

const outcomeOf =
  <E>(policy: Policy, request: HttpClientRequest.HttpClientRequest) =>
  (result: Either.Either<HttpClientResponse, E>): Outcome => {
    if (Either.isRight(result)) return answered(policy, request, result.right)
    const error = Option.getOrUndefined(fromPlatform(result.left))
    // A combinator below, such as `filterStatusOk`, has turned a status into a failure. Its
    // response is still unread.
    if (error === undefined && isStatusError(result.left)) return answered(policy, request, result.left.response)
    return error === undefined ? unknownFailure : failedWith(error, request, policy)
  }

/** A failure that does not say what the server has processed. */
const unknownFailure: Outcome = {
  repeatable: false,
  error: undefined,
  status: undefined,
  retryAfter: [],
  resends: 0,
  release: Effect.void
}

const isStatusError = (error: unknown): error is ResponseError =>
  error instanceof ResponseError && error.reason === "StatusCode"

/** Adds a key to the request, if the policy asks for one and the request needs it. */
const withKey = (
  { key }: Policy,
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<HttpClientRequest.HttpClientRequest> =>
  key === undefined || isIdempotent(request)
    ? Effect.succeed(request)
    : Effect.map(key, (value) => HttpClientRequest.setHeader(request, idempotencyKey, value))

const withRetries = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  policy: Policy
): HttpClient.HttpClient.With<E, R> => {
  const { postprocess, preprocess } = partsOf(client)
  return HttpClient.makeWith<E, R, E, R>(
    Effect.flatMap((request: HttpClientRequest.HttpClientRequest) =>
      retrying(policy, {
        origin: budgetKey(request.url),
        send: postprocess(Effect.succeed(request)),
        outcomeOf: outcomeOf<E>(policy, request)
      })
    ),
    (request) => Effect.flatMap(preprocess(request), (request) => withKey(policy, request))
  )
}

export const retry: {
  (
    options?: Options
  ): <E, R>(client: HttpClient.HttpClient.With<E, R>) => HttpClient.HttpClient.With<E | RequestError, R>
  <E, R>(
    client: HttpClient.HttpClient.With<E, R>,
    options?: Options
  ): HttpClient.HttpClient.With<E | RequestError, R>
} = dual(
  (args) => Predicate.hasProperty(args[0], HttpClient.TypeId),
  <E, R>(
    client: HttpClient.HttpClient.With<E, R>,
    options: Options = {}
  ): HttpClient.HttpClient.With<E | HttpClientError, R> => {
    const policy = policyOf(options)
    return policy instanceof InvalidOption ? refusing(client, policy) : withRetries(client, policy)
  }
)
