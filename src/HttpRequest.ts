/**
 * A request as plain data: method, target, fields, body, trailers and options.
 *
 * Creating one checks nothing. Sending it checks everything before the first byte is sent.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { dual } from "effect/Function"
import type { Pipeable } from "effect/Pipeable"
import { pipeArguments } from "effect/Pipeable"
import * as HttpBody from "./HttpBody.ts"
import * as HttpFields from "./HttpFields.ts"
import type { HttpLeniency } from "./HttpLeniency.ts"
import type * as HttpLimits from "./HttpLimits.ts"
import type * as HttpTimeouts from "./HttpTimeouts.ts"
import { withQuery } from "./internal/body/fields.ts"
import type { InvalidOption } from "./internal/error/request.ts"
import { InvalidUrl, UnsupportedBody } from "./internal/error/request.ts"
import { described } from "./internal/given.ts"
import type { OnInformational, RequestOptions } from "./internal/model/requestOptions.ts"
import { optionsOver } from "./internal/model/requestOptions.ts"
import { notRecord } from "./internal/options.ts"
import type { Origin } from "./Origin.ts"

/**
 * The type id of requests.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("effect-http-client/HttpRequest") as never

/**
 * The type of the type id of requests.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * A request. `E` is the error of its body's stream, and of its trailers if they are an Effect.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpRequest<out E = never> extends Options, Pipeable {
  readonly [TypeId]: TypeId
  /** A token, sent unchanged because methods are case-sensitive. */
  readonly method: string
  /**
   * A path with a query (`/p?q`), a URL of the connection's origin, `*` (OPTIONS), or `host:port`
   * (CONNECT). A fragment is omitted. Only printable ASCII is allowed unencoded.
   */
  readonly target: string
  readonly fields: HttpFields.HttpFields
  readonly body: HttpBody.HttpBody<E>
  /** Sent after the body, which is then chunked. An Effect runs once the body is written. */
  readonly trailers: Trailers<E>
  /** The part that could not be encoded, if any. Sending fails with it before any byte is sent. */
  readonly invalid: Invalid | undefined
}

/**
 * Options of one request. They override those of the connection.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends RequestOptions {}

/**
 * A body, or the result of `HttpBody.json`, `text` or `form`, whose failure fails the request.
 *
 * @since 0.2.0
 * @category models
 */
export type Body<E = never> = HttpBody.HttpBody<E> | Either.Either<HttpBody.HttpBody<E>, UnsupportedBody>

/**
 * Fields, or an Effect that computes them once the whole body has been written, such as a digest.
 *
 * It runs in the fiber that sends the body, and is interrupted if sending ends early. Its error
 * becomes `RequestBodyError`, and an invalid trailer `InvalidTrailer`. Both close the connection. A
 * `Trailer` field of the request announces names known in advance (RFC 9110 section 6.6.2).
 *
 * With a stream, even a `replayable` one, the request is not retried automatically, because the
 * Effect's data would count twice. With a body in memory, it runs for each attempt.
 *
 * @since 0.2.0
 * @category models
 */
export type Trailers<E = never> = HttpFields.HttpFields | Effect.Effect<HttpFields.Input, E>

/**
 * The input of `make` besides method and target.
 *
 * @since 0.1.0
 * @category models
 */
export interface Input<E = never, E2 = never> extends Options, HttpBody.Content {
  /**
   * Fields to append to the target's query, encoded like a form. If they cannot be encoded, sending
   * fails with `InvalidUrl`. Default: none.
   */
  readonly query?: HttpBody.FormInput | undefined
  /** Default: none. */
  readonly headers?: HttpFields.Input | undefined
  /** Default: none, or the body of `json` or `form`. */
  readonly body?: Body<E> | undefined
  /** Default: none. */
  readonly trailers?: HttpFields.Input | Effect.Effect<HttpFields.Input, E2> | undefined
}

/** The error of a request that could not be encoded. */
type Invalid = InvalidUrl | UnsupportedBody | InvalidOption

/** A class with all fields, so that code that reads requests sees a single shape. */
class Request<out E> implements HttpRequest<E> {
  readonly method: string
  readonly target: string
  readonly fields: HttpFields.HttpFields
  readonly body: HttpBody.HttpBody<E>
  readonly trailers: Trailers<E>
  readonly invalid: Invalid | undefined
  readonly origin: Origin | undefined
  readonly timeouts: HttpTimeouts.Options | undefined
  readonly limits: HttpLimits.Options | undefined
  readonly leniency: HttpLeniency | undefined
  readonly targetForm: Options["targetForm"]
  readonly expectContinue: boolean | undefined
  readonly encodeChunked: boolean | undefined
  readonly onInformational: OnInformational | undefined
  readonly acceptTrailers: boolean | undefined

  constructor(
    method: string,
    target: string,
    fields: HttpFields.HttpFields,
    body: HttpBody.HttpBody<E>,
    trailers: Trailers<E>,
    invalid: Invalid | undefined,
    options: Options
  ) {
    this.method = method
    this.target = target
    this.fields = fields
    this.body = body
    this.trailers = trailers
    this.invalid = invalid
    this.origin = options.origin
    this.timeouts = options.timeouts
    this.limits = options.limits
    this.leniency = options.leniency
    this.targetForm = options.targetForm
    this.expectContinue = options.expectContinue
    this.encodeChunked = options.encodeChunked
    this.onInformational = options.onInformational
    this.acceptTrailers = options.acceptTrailers
  }

  get [TypeId](): TypeId {
    return TypeId
  }

  pipe() {
    return pipeArguments(this, arguments)
  }
}

const unsafeMake = <E>(parts: Omit<HttpRequest<E>, TypeId | "pipe">): HttpRequest<E> =>
  new Request(parts.method, parts.target, parts.fields, parts.body, parts.trailers, parts.invalid, parts)

const noInput: Input = {}

/** Returns the requested body, or the error of it. */
const bodyOf = <E>(
  input: Pick<Input<E, unknown>, "body" | "json" | "form">
): HttpBody.HttpBody<E> | UnsupportedBody => {
  const { body, form, json } = input
  if (json === undefined && form === undefined) {
    if (body === undefined) return HttpBody.empty
    if (HttpBody.isHttpBody(body)) return body as HttpBody.HttpBody<E>
    if (!Either.isEither(body)) {
      return new UnsupportedBody({
        reason: `it is ${
          described(body)
        }, and no \`HttpBody\`: make one, with \`HttpBody.text\` for example, or give \`json\` or \`form\``
      })
    }
  }
  return Either.merge(HttpBody.fromContent(input)) as HttpBody.HttpBody<E> | UnsupportedBody
}

/**
 * True if a value is a request.
 *
 * @since 0.1.0
 * @category guards
 */
export const isHttpRequest = (u: unknown): u is HttpRequest<unknown> =>
  typeof u === "object" && u !== null && TypeId in u

/**
 * Creates a request.
 *
 * @example
 * ```ts
 * import { HttpRequest } from "effect-http-client"
 *
 * const request = HttpRequest.make("GET", "/index.html", { headers: { Accept: "text/html" } })
 * const search = HttpRequest.get("https://api.test/search", { query: { q: "spam & eggs", page: 2 } })
 * const created = HttpRequest.post("https://api.test/orders", { json: { name: "spam" } })
 * const login = HttpRequest.post("https://api.test/login", { form: { user: "ann", remember: true } })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <E = never, E2 = never>(
  method: string,
  target: string,
  input: Input<E, E2> = noInput
): HttpRequest<E | E2> => {
  const none = notRecord("input", input)
  if (none !== undefined) return unsafeMake({ ...make(method, target), invalid: none })
  const { headers = HttpFields.empty, query, trailers = HttpFields.empty } = input
  const body = bodyOf(input)
  const asked = query === undefined ? target : withQuery(target, query)
  const wrong = asked instanceof InvalidUrl ? asked : body instanceof UnsupportedBody ? body : undefined
  return new Request<E | E2>(
    method,
    asked instanceof InvalidUrl ? target : asked,
    HttpFields.fromInput(headers),
    body instanceof UnsupportedBody ? HttpBody.empty : body,
    Effect.isEffect(trailers) ? trailers : HttpFields.fromInput(trailers),
    wrong,
    input
  )
}

/**
 * Creates a GET request.
 *
 * @since 0.1.0
 * @category constructors
 */
export const get = (target: string, input?: Input): HttpRequest => make("GET", target, input)

/**
 * Creates a HEAD request.
 *
 * @since 0.1.0
 * @category constructors
 */
export const head = (target: string, input?: Input): HttpRequest => make("HEAD", target, input)

/**
 * Creates a POST request.
 *
 * @since 0.1.0
 * @category constructors
 */
export const post = <E = never, E2 = never>(target: string, input?: Input<E, E2>): HttpRequest<E | E2> =>
  make("POST", target, input)

/**
 * Creates a PUT request.
 *
 * @since 0.1.0
 * @category constructors
 */
export const put = <E = never, E2 = never>(target: string, input?: Input<E, E2>): HttpRequest<E | E2> =>
  make("PUT", target, input)

/**
 * Creates a PATCH request.
 *
 * @since 0.1.0
 * @category constructors
 */
export const patch = <E = never, E2 = never>(target: string, input?: Input<E, E2>): HttpRequest<E | E2> =>
  make("PATCH", target, input)

/**
 * Creates a DELETE request. The name `delete` is a reserved word.
 *
 * @since 0.1.0
 * @category constructors
 */
export const del = <E = never, E2 = never>(target: string, input?: Input<E, E2>): HttpRequest<E | E2> =>
  make("DELETE", target, input)

/**
 * Creates a QUERY request (RFC 10008): safe and idempotent as GET, with content that is the query.
 * The content needs a media type: `HttpBody.text`, `json` and `form` have one. Without one sending
 * fails with `UnsupportedBody`.
 *
 * @example
 * ```ts
 * import { HttpRequest } from "effect-http-client"
 *
 * export const found = HttpRequest.query("https://api.test/contacts", { json: { name: "ann", limit: 10 } })
 * ```
 *
 * @since 0.2.0
 * @category constructors
 */
export const query = <E = never, E2 = never>(target: string, input?: Input<E, E2>): HttpRequest<E | E2> =>
  make("QUERY", target, input)

/**
 * Creates an OPTIONS request. The target `*`, or the target form `asterisk`, refers to the whole
 * server (RFC 9110 section 9.3.7).
 *
 * @since 0.1.0
 * @category constructors
 */
export const options = (target: string, input?: Input): HttpRequest => make("OPTIONS", target, input)

/**
 * Returns the request with this field instead of all fields of this name.
 *
 * @since 0.1.0
 * @category combinators
 */
export const setHeader: {
  (name: string, value: string): <E>(self: HttpRequest<E>) => HttpRequest<E>
  <E>(self: HttpRequest<E>, name: string, value: string): HttpRequest<E>
} = dual(
  3,
  <E>(self: HttpRequest<E>, name: string, value: string): HttpRequest<E> =>
    unsafeMake({ ...self, fields: HttpFields.set(self.fields, name, value) })
)

/**
 * Returns the request with one more field.
 *
 * @since 0.1.0
 * @category combinators
 */
export const appendHeader: {
  (name: string, value: string): <E>(self: HttpRequest<E>) => HttpRequest<E>
  <E>(self: HttpRequest<E>, name: string, value: string): HttpRequest<E>
} = dual(
  3,
  <E>(self: HttpRequest<E>, name: string, value: string): HttpRequest<E> =>
    unsafeMake({ ...self, fields: HttpFields.append(self.fields, name, value) })
)

/**
 * Returns the request with another body. Drops trailers that are an Effect, because they belong to
 * the previous body.
 *
 * @since 0.1.0
 * @category combinators
 */
export const setBody: {
  <E>(body: Body<E>): (self: HttpRequest<unknown>) => HttpRequest<E>
  <E>(self: HttpRequest<unknown>, body: Body<E>): HttpRequest<E>
} = dual(
  2,
  <E>(self: HttpRequest<unknown>, given: Body<E>): HttpRequest<E> => {
    const body = bodyOf({ body: given })
    const refused = body instanceof UnsupportedBody ? body : undefined
    return unsafeMake<E>({
      ...self,
      trailers: Effect.isEffect(self.trailers) ? HttpFields.empty : self.trailers,
      body: body instanceof UnsupportedBody ? HttpBody.empty : body,
      // An error of the query remains.
      invalid: self.invalid?._tag === "InvalidUrl" ? self.invalid : refused
    })
  }
)

/**
 * Returns the request with other options. Those that are missing or `undefined` are unchanged.
 *
 * @since 0.1.0
 * @category combinators
 */
export const setOptions: {
  (options: Options): <E>(self: HttpRequest<E>) => HttpRequest<E>
  <E>(self: HttpRequest<E>, options: Options): HttpRequest<E>
} = dual(
  2,
  <E>(self: HttpRequest<E>, options: Options): HttpRequest<E> => {
    const { body, fields, invalid = notRecord("options", options), method, target, trailers } = self
    return new Request(method, target, fields, body, trailers, invalid, optionsOver(self, options))
  }
)
