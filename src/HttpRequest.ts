/**
 * A request as plain data: method, target, fields, body, trailers, and options of its own.
 *
 * Making one checks nothing; sending it checks everything before the first byte leaves.
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
 * A request. `E` is the error of its body's stream, and of its trailers where they are an Effect.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpRequest<out E = never> extends Options, Pipeable {
  readonly [TypeId]: TypeId
  /** A token, sent as it is: methods are case-sensitive. */
  readonly method: string
  /**
   * A path with a query (`/p?q`), a URL of the connection's origin, `*` (OPTIONS), or `host:port` (CONNECT). A fragment is
   * left out; what is not printable ASCII must be percent-encoded.
   */
  readonly target: string
  readonly fields: HttpFields.HttpFields
  readonly body: HttpBody.HttpBody<E>
  /** Sent behind the body, which is then chunked. An Effect runs when all of the body has been written. */
  readonly trailers: Trailers<E>
  /** What could not be encoded when it was made, if anything. Sending it fails with this, and with nothing sent. */
  readonly invalid: Invalid | undefined
}

/**
 * Options of one request; they win over those of the connection.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * Where a pool sends the request, with the options of that connection; the target may then be a path. A connection of its own goes where it goes.
   * Default: what the target, a URL, says.
   */
  readonly origin?: Origin | undefined
  /** Default: those of the connection. */
  readonly timeouts?: HttpTimeouts.Options | undefined
  /** Default: those of the connection. */
  readonly limits?: HttpLimits.Options | undefined
  /** Default: that of the connection. */
  readonly leniency?: HttpLeniency | undefined
  /**
   * `absolute` sends the target as a URL, as a forward proxy wants it (RFC 9112 section 3.2.2). Default: `origin`.
   */
  readonly targetForm?: "origin" | "absolute" | undefined
  /**
   * Sends `Expect: 100-continue` and holds the body back until the server says 100, or `timeouts.continue` has passed.
   * Default: `false`.
   */
  readonly expectContinue?: boolean | undefined
  /**
   * Matters beside a `Transfer-Encoding` among the fields only: `true` chunks the body, `false` sends what you have chunked yourself, and
   * checks that it is (`ConflictingFraming`). Without such a field a body of unknown length is chunked in any case. `encode_chunked` of
   * `http.client`. Default: `false`.
   */
  readonly encodeChunked?: boolean | undefined
}

/**
 * A body, or what `HttpBody.json`, `text` and `form` give for one. Where that has failed, sending the request fails with its error.
 *
 * @since 0.2.0
 * @category models
 */
export type Body<E = never> = HttpBody.HttpBody<E> | Either.Either<HttpBody.HttpBody<E>, UnsupportedBody>

/**
 * Fields, or an Effect that gives them when all of the body has been written, such as a digest of what was streamed.
 *
 * It runs in the fiber that sends the body, and is interrupted where the sending ends early. Its error comes back as `RequestBodyError`; what may not be
 * sent is `InvalidTrailer`. The connection is closed then, before the request was whole. Names that are known before are announced by a `Trailer`
 * field of the request (RFC 9110 section 6.6.2). With a stream for a body the request is not sent again by itself, even if that is `replayable`, because
 * what the Effect gathered would count twice; with a body in memory the Effect runs for each sending.
 *
 * @since 0.2.0
 * @category models
 */
export type Trailers<E = never> = HttpFields.HttpFields | Effect.Effect<HttpFields.Input, E>

/**
 * What `make` takes beside method and target.
 *
 * @since 0.1.0
 * @category models
 */
export interface Input<E = never, E2 = never> extends Options, HttpBody.Content {
  /**
   * Fields that are put behind what the target has of a query, encoded as a form is. What cannot be encoded fails where the request is sent, with
   * `InvalidUrl`. Default: none.
   */
  readonly query?: HttpBody.FormInput | undefined
  /** Default: none. */
  readonly headers?: HttpFields.Input | undefined
  /** Default: none, or what `json` or `form` stand for. */
  readonly body?: Body<E> | undefined
  /** Default: none. */
  readonly trailers?: HttpFields.Input | Effect.Effect<HttpFields.Input, E2> | undefined
}

/** What is wrong with a request that was made all the same. */
type Invalid = InvalidUrl | UnsupportedBody | InvalidOption

/** A class with all its fields, because requests are made again and again, and are read by code that must see one shape. */
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
  readonly targetForm: "origin" | "absolute" | undefined
  readonly expectContinue: boolean | undefined
  readonly encodeChunked: boolean | undefined

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

/** The body that is asked for, or why there is none. */
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
 * Whether a value is a request.
 *
 * @since 0.1.0
 * @category guards
 */
export const isHttpRequest = (u: unknown): u is HttpRequest<unknown> =>
  typeof u === "object" && u !== null && TypeId in u

/**
 * A request.
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
 * A GET request.
 *
 * @since 0.1.0
 * @category constructors
 */
export const get = (target: string, input?: Input): HttpRequest => make("GET", target, input)

/**
 * A HEAD request.
 *
 * @since 0.1.0
 * @category constructors
 */
export const head = (target: string, input?: Input): HttpRequest => make("HEAD", target, input)

/**
 * A POST request.
 *
 * @since 0.1.0
 * @category constructors
 */
export const post = <E = never, E2 = never>(target: string, input?: Input<E, E2>): HttpRequest<E | E2> =>
  make("POST", target, input)

/**
 * A PUT request.
 *
 * @since 0.1.0
 * @category constructors
 */
export const put = <E = never, E2 = never>(target: string, input?: Input<E, E2>): HttpRequest<E | E2> =>
  make("PUT", target, input)

/**
 * A PATCH request.
 *
 * @since 0.1.0
 * @category constructors
 */
export const patch = <E = never, E2 = never>(target: string, input?: Input<E, E2>): HttpRequest<E | E2> =>
  make("PATCH", target, input)

/**
 * A DELETE request. The name `delete` is a reserved word.
 *
 * @since 0.1.0
 * @category constructors
 */
export const del = <E = never, E2 = never>(target: string, input?: Input<E, E2>): HttpRequest<E | E2> =>
  make("DELETE", target, input)

/**
 * An OPTIONS request; the target `*` asks about the server as a whole.
 *
 * @since 0.1.0
 * @category constructors
 */
export const options = (target: string, input?: Input): HttpRequest => make("OPTIONS", target, input)

/**
 * The request with a field in place of all of this name.
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
 * The request with one more field.
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
 * The request with another body. Trailers that are an Effect are left out, because they speak of the body that was.
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
      // What is wrong with its query stays.
      invalid: self.invalid?._tag === "InvalidUrl" ? self.invalid : refused
    })
  }
)

/**
 * The request with other options; those not given or `undefined` stay.
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
    return new Request(method, target, fields, body, trailers, invalid, {
      origin: options?.origin ?? self.origin,
      timeouts: options?.timeouts ?? self.timeouts,
      limits: options?.limits ?? self.limits,
      leniency: options?.leniency ?? self.leniency,
      targetForm: options?.targetForm ?? self.targetForm,
      expectContinue: options?.expectContinue ?? self.expectContinue,
      encodeChunked: options?.encodeChunked ?? self.encodeChunked
    })
  }
)
