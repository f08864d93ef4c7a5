/**
 * Follows redirects over any `HttpClient`: sends a request, releases a 3xx response, sends the next
 * request. `redirectRules.ts` decides whether and what.
 *
 * The caller's changes to a request before it is sent (`mapRequest` with a token, `withCookiesRef`)
 * apply to the first request only. Applied to every request, they would restore the credentials
 * that a redirect to another origin has removed. Each hop is a request of the underlying client,
 * with that client's span.
 */
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientError, ResponseError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FiberRef from "effect/FiberRef"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type { ErrorContext } from "../../HttpError.ts"
import { fromPlatform } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import { withContext } from "../error/base.ts"
import type { RedirectHop } from "../error/redirect.ts"
import { InvalidOption } from "../error/request.ts"
import { responseError } from "./errors.ts"
import { isReady, partsOf, refusing } from "./parts.ts"
import { nextRequest } from "./redirectRequest.ts"
import * as rules from "./redirectRules.ts"
import { release } from "./release.ts"
import { parsedOf, targetOf } from "./url.ts"

/**
 * How redirects are followed.
 *
 * @since 0.2.0
 * @category models
 */
export interface RedirectOptions {
  /**
   * The maximum number of redirects of one request; the next one fails with `TooManyRedirects`.
   * Default: 10.
   */
  readonly limit?: number | undefined
  /**
   * True if a redirect from https to http is followed. Credentials are not sent with it. Default:
   * `false`.
   */
  readonly allowDowngrade?: boolean | undefined
  /**
   * Fields that are removed when a redirect leads to another origin. Always removed are
   * Authorization, Cookie, Cookie2, WWW-Authenticate, Proxy-*, Host, Origin, Referer, and those
   * that `Headers.currentRedactedNames` of the platform names. Default: none.
   */
  readonly sensitiveHeaders?: ReadonlyArray<string | RegExp> | undefined
  /**
   * True if a `Stream` body produces the same bytes each time it is run, so that 307 and 308 can be
   * followed with it. The client cannot know that: a file does, a forwarded upload does not.
   * Default: `false`.
   */
  readonly replayStreams?: boolean | undefined
  /**
   * The maximum number of bytes of a redirect's body that are read to keep its connection. A longer
   * body closes it. For other clients: those of this library have a separate limit. Default: 65536.
   */
  readonly drainLimit?: number | undefined
  /** The maximum time of that. Default: 1 second. */
  readonly drainTime?: Duration.DurationInput | undefined
}

interface Settings extends rules.Policy {
  readonly bytes: number
  readonly time: Duration.Duration
}

const isLimit = (value: unknown): boolean =>
  typeof value === "number" && value >= 0 && (Number.isInteger(value) || value === Infinity)

const limitRule = "it must be a whole number of at least 0, or Infinity"

const settingsOf = (options: RedirectOptions): Either.Either<Settings, InvalidOption> => {
  const { drainLimit = 65_536, drainTime = 1000, limit = 10, sensitiveHeaders = [] } = options
  if (!isLimit(limit)) return Either.left(new InvalidOption({ option: "limit", reason: limitRule }))
  if (!isLimit(drainLimit)) return Either.left(new InvalidOption({ option: "drainLimit", reason: limitRule }))
  const time = Duration.decodeUnknown(drainTime)
  if (Option.isNone(time)) {
    return Either.left(new InvalidOption({ option: "drainTime", reason: `it must be a duration, such as "1 second"` }))
  }
  return Either.right({
    limit,
    // Compared, because any string from a configuration would be truthy.
    allowDowngrade: options.allowDowngrade === true,
    replayStreams: options.replayStreams === true,
    sensitive: sensitiveHeaders,
    bytes: drainLimit,
    time: time.value
  })
}

/**
 * The redirects of a chain, by its response, and by the request of the response for combinators
 * that wrap it. Responses are weakly referenced.
 */
const histories = new WeakMap<object, ReadonlyArray<RedirectHop>>()

/**
 * Returns the redirects that led to a response, in order. Empty if there were none, or if
 * `followRedirects` did not follow them.
 *
 * @since 0.2.0
 * @category getters
 */
export const redirectHistory = (response: HttpClientResponse): ReadonlyArray<RedirectHop> =>
  histories.get(response) ?? histories.get(response?.request) ?? []

const locationsOf = (response: HttpClientResponse): ReadonlyArray<string> => {
  // A response of this library knows its field lines one by one.
  if (Predicate.hasProperty(response, "fields") && HttpFields.isHttpFields(response.fields)) {
    return HttpFields.getAll(response.fields, "location")
  }
  const joined = response.headers["location"]
  return joined === undefined ? [] : rules.splitLocations(joined)
}

/** Formats `scheme://host:port` as in every error: a zone id is encoded in URLs only. */
const originOf = (url: URL): string =>
  `${url.protocol}//${url.hostname.replace("%25", "%")}:${
    url.port === "" ? url.protocol === "https:" ? 443 : 80 : url.port
  }`

/**
 * Maps this library's error to the platform's. `StatusCode`, because the status is what cannot be
 * used. `retryTransient` checks the status of the response, and retries no 3xx.
 */
const asResponseError = (
  error: rules.RedirectError,
  asked: rules.Asked,
  request: HttpClientRequest.HttpClientRequest,
  response: HttpClientResponse
): ResponseError =>
  responseError(
    response,
    withContext(error, {
      ...error.context,
      fault: asked.url === undefined ? "User" : error.context.fault,
      origin: asked.url === undefined ? undefined : originOf(asked.url),
      method: asked.method,
      path: asked.url?.pathname,
      status: response.status,
      requestState: "ResponseStarted",
      processed: "Yes",
      replayable: asked.body === "Empty" || asked.body === "Replayable"
    }),
    error.description,
    request
  )

/**
 * Adds what holds for the whole chain to the error of a later request, because the caller sent its
 * first one. A server has answered that, and a retry of the chain sends its body again. Changes
 * this library's error in place, as `locateIn` does.
 */
const afterRedirect = ({ replayable }: rules.Chain) => <E>(error: E): E => {
  const cause = Option.getOrUndefined(fromPlatform(error)) as { context: ErrorContext } | undefined
  if (cause !== undefined) {
    cause.context = { ...cause.context, processed: "Yes", replayable: replayable && cause.context.replayable }
  }
  return error
}

const following = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  settings: Settings
): HttpClient.HttpClient.With<E | HttpClientError, R> => {
  const { postprocess, preprocess } = partsOf(client)

  const settle = (
    request: HttpClientRequest.HttpClientRequest,
    chain: rules.Chain,
    response: HttpClientResponse
  ): Effect.Effect<HttpClientResponse, E | HttpClientError, R> => {
    const locations = rules.isRedirect(response.status) ? locationsOf(response) : []
    return locations.length === 0
      ? Effect.succeed(response)
      : Effect.flatMap(
        FiberRef.get(Headers.currentRedactedNames),
        (redacted) => redirect(request, chain, response, locations, redacted)
      )
  }

  const redirect = (
    request: HttpClientRequest.HttpClientRequest,
    chain: rules.Chain,
    response: HttpClientResponse,
    locations: ReadonlyArray<string>,
    redacted: ReadonlyArray<string | RegExp>
  ): Effect.Effect<HttpClientResponse, E | HttpClientError, R> => {
    const asked: rules.Asked = {
      method: request.method,
      url: Option.getOrElse(HttpClientRequest.toUrl(request), () => parsedOf(request, targetOf(request))),
      fields: Object.keys(request.headers),
      body: rules.bodyKind(request.body)
    }
    const answered = { status: response.status, locations, setsCookies: "set-cookie" in response.headers }
    const policy = { ...settings, sensitive: [...settings.sensitive, ...redacted] }
    const decision = rules.decide(chain, asked, answered, policy)
    // Before the next request, so that it can use the connection. Also before a failure, because
    // its receiver does not read the body.
    return Effect.zipRight(
      release(response, settings),
      Either.match(decision, {
        onLeft: (error) => Effect.fail(asResponseError(error, asked, request, response)),
        onRight: (next) => hop(nextRequest(request, next), next.chain)
      })
    )
  }

  const hop = (
    request: HttpClientRequest.HttpClientRequest,
    chain: rules.Chain
  ): Effect.Effect<HttpClientResponse, E | HttpClientError, R> =>
    Effect.flatMap(Effect.mapError(postprocess(Effect.succeed(request)), afterRedirect(chain)), (response) => {
      histories.set(response, chain.history)
      histories.set(response.request, chain.history)
      return settle(request, chain, response)
    })

  const first = (
    request: HttpClientRequest.HttpClientRequest,
    sending: Effect.Effect<HttpClientRequest.HttpClientRequest, E, R>
  ): Effect.Effect<HttpClientResponse, E | HttpClientError, R> =>
    Effect.flatMap(postprocess(sending), (response) => settle(request, rules.emptyChain, response))

  return HttpClient.makeWith(
    (request: Effect.Effect<HttpClientRequest.HttpClientRequest, E, R>) =>
      isReady(request)
        ? first(request.value, request)
        : Effect.flatMap(request, (request) => first(request, Effect.succeed(request))),
    preprocess
  )
}

/**
 * Follows redirects, over any `HttpClient`. The platform's own `followRedirects` keeps method, body
 * and every credential, wherever the redirect leads, and leaves the bodies of redirects unread.
 *
 * - 303 becomes GET without the body; 301 and 302 turn POST into GET. All others, and 307 and 308,
 *   keep method and body. HEAD stays HEAD. A redirect without a Location, 300 and 304 are returned
 *   unchanged.
 * - On any change of scheme, host or port, credentials and cookies are removed. They do not return
 *   if a later redirect leads back.
 * - A redirect from https to http, to another scheme, or to a URL with credentials is not followed:
 *   `UnsafeRedirect`.
 * - `InvalidRedirect`, `RedirectLoop`, `TooManyRedirects` and `UnreplayableBody` are the other
 *   failures. All are the `cause` of a `ResponseError` with the reason `StatusCode`, and have a
 *   `history`. The body of its response is released. `redirectHistory` returns the history of a
 *   request that succeeds.
 * - Each redirect is a separate request, with a separate span. It uses the same connection if
 *   possible, because the body of a redirect is read or released first.
 *
 * Put it next to the client, before combinators that check the status (`filterStatusOk`).
 * `CookieJar.withCookieJar` below this sends a cookie that a redirect sets with the next request.
 * `withCookiesRef` does not, because it sets Cookie once.
 *
 * @since 0.2.0
 * @category combinators
 */
export const followRedirects: {
  (
    options?: RedirectOptions
  ): <E, R>(client: HttpClient.HttpClient.With<E, R>) => HttpClient.HttpClient.With<E | HttpClientError, R>
  <E, R>(
    client: HttpClient.HttpClient.With<E, R>,
    options?: RedirectOptions
  ): HttpClient.HttpClient.With<E | HttpClientError, R>
} = dual(
  (args) => Predicate.hasProperty(args[0], HttpClient.TypeId),
  <E, R>(
    client: HttpClient.HttpClient.With<E, R>,
    options: RedirectOptions = {}
  ): HttpClient.HttpClient.With<E | HttpClientError, R> =>
    Either.match(settingsOf(options), {
      onLeft: (error) => refusing(client, error),
      onRight: (settings) => following(client, settings)
    })
)
