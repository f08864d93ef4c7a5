/**
 * The body of a request, as plain data. For files see `FileBody`.
 *
 * A body of known length is sent with Content-Length, any other chunked. Its faults are found when
 * it is made, or before the first byte is sent.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import { encodeFields, FieldFault } from "./internal/body/fields.ts"
import type { Form } from "./internal/body/formData.ts"
import { encodeFormData, isForm } from "./internal/body/formData.ts"
import { pull } from "./internal/body/iterable.ts"
import { encodeJson, encodeText } from "./internal/body/text.ts"
import { UnsupportedBody } from "./internal/error/request.ts"
import { described, isBytes, isIterableOf } from "./internal/given.ts"

/**
 * The type id of bodies.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("effect-http-client/HttpBody") as never

/**
 * The type of the type id of bodies.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * A request's body. `E` is the error of its stream.
 *
 * @since 0.1.0
 * @category models
 */
export type HttpBody<E = never> = Empty | Bytes | Streaming<E>

/**
 * The absence of a body.
 *
 * @since 0.1.0
 * @category models
 */
export interface Empty {
  readonly [TypeId]: TypeId
  readonly _tag: "Empty"
  readonly contentType: undefined
}

/**
 * A body in memory. It is replayable.
 *
 * @since 0.1.0
 * @category models
 */
export interface Bytes {
  readonly [TypeId]: TypeId
  readonly _tag: "Bytes"
  readonly bytes: Uint8Array
  /** The Content-Type if the request has none. */
  readonly contentType: string | undefined
}

/**
 * A body that arrives in pieces.
 *
 * @since 0.1.0
 * @category models
 */
export interface Streaming<out E> {
  readonly [TypeId]: TypeId
  readonly _tag: "Streaming"
  readonly stream: Stream.Stream<Uint8Array, E>
  /** The total number of bytes, if known. The body must then have exactly that many. */
  readonly length: number | undefined
  /** True if running the stream again yields the same bytes. */
  readonly replayable: boolean
  /** The Content-Type if the request has none. */
  readonly contentType: string | undefined
}

/**
 * The bodies that the step-by-step calls and `fromInput` accept. Text is sent as ISO-8859-1, as in
 * `http.client`.
 *
 * @since 0.1.0
 * @category models
 */
export type Input<E = never> =
  | HttpBody<E>
  | Either.Either<HttpBody<E>, UnsupportedBody>
  | string
  | Uint8Array
  | Stream.Stream<Uint8Array, E>
  | Iterable<Uint8Array>
  | AsyncIterable<Uint8Array>

/**
 * The content of a request as a value. Every function that makes a request accepts it. At most one
 * of the two may be set, and then no `body`. If it cannot be encoded, the request fails with
 * `UnsupportedBody` when it is sent.
 *
 * @since 0.2.0
 * @category models
 */
export interface Content {
  /**
   * A value to send as JSON, including `null`, with Content-Type `application/json`. Default: none.
   */
  readonly json?: unknown
  /**
   * Fields to send as `application/x-www-form-urlencoded`. A `FormData`, which is sent as
   * `multipart/form-data`, is a body: `body: HttpBody.form(formData)`. Default: none.
   */
  readonly form?: FormInput | undefined
}

/**
 * Options of a streamed body.
 *
 * @since 0.1.0
 * @category models
 */
export interface StreamOptions {
  /**
   * The total number of bytes. Sent as Content-Length and enforced: `BodyLengthMismatch`. Default:
   * unknown, sent chunked.
   */
  readonly length?: number | undefined
  /** True if running the stream again yields the same bytes. Default: `false`. */
  readonly replayable?: boolean | undefined
  /** The Content-Type if the request has none. Default: none. */
  readonly contentType?: string | undefined
}

/**
 * True if a value is a body.
 *
 * @since 0.1.0
 * @category guards
 */
export const isHttpBody = (u: unknown): u is HttpBody<unknown> => typeof u === "object" && u !== null && TypeId in u

/**
 * The absence of a body.
 *
 * @since 0.1.0
 * @category constructors
 */
export const empty: HttpBody = { [TypeId]: TypeId, _tag: "Empty", contentType: undefined }

/**
 * Creates a body from bytes. They must not change until they are sent.
 *
 * @since 0.1.0
 * @category constructors
 */
export const bytes = (bytes: Uint8Array, contentType?: string): HttpBody => ({
  [TypeId]: TypeId,
  _tag: "Bytes",
  bytes,
  contentType
})

/**
 * Creates a body from text, in UTF-8 unless `iso-8859-1` is given. Text that does not fit (a
 * character beyond ISO-8859-1, half a surrogate pair) is `UnsupportedBody`: Python's
 * `UnicodeEncodeError`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const text = (
  text: string,
  options?: { readonly charset?: "utf-8" | "iso-8859-1" | undefined; readonly contentType?: string | undefined }
): Either.Either<HttpBody, UnsupportedBody> =>
  Either.map(encodeText(text, options?.charset ?? "utf-8"), (encoded) => bytes(encoded, options?.contentType))

/**
 * Creates a body of JSON, in UTF-8 with Content-Type `application/json`. A value that
 * `JSON.stringify` refuses is `UnsupportedBody`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const json = (value: unknown): Either.Either<HttpBody, UnsupportedBody> =>
  Either.map(encodeJson(value), (encoded) => bytes(encoded, "application/json"))

/**
 * The fields of a form: names with one or several values, pairs of both, or the platform's types
 * for them. A number is written as in JavaScript; `undefined` is omitted.
 *
 * @since 0.2.0
 * @category models
 */
export type FormInput = Fields | URLSearchParams | Iterable<readonly [name: string, value: FieldValue]>

/**
 * The value of a field of a form or a query.
 *
 * @since 0.2.0
 * @category models
 */
export type FieldValue = string | number | bigint | boolean

/**
 * The fields of a form or a query by name.
 *
 * @since 0.2.0
 * @category models
 */
export interface Fields {
  readonly [name: string]: FieldValue | ReadonlyArray<FieldValue> | undefined
}

/**
 * Creates a body from a form. Fields become `application/x-www-form-urlencoded` (WHATWG URL section
 * 5). A `FormData` becomes `multipart/form-data` (RFC 7578) with a known length, and its files are
 * read when they are sent. A value that cannot be sent, such as half a surrogate pair or `null`, is
 * `UnsupportedBody`. An error of reading a file becomes `RequestBodyError`.
 *
 * @since 0.2.0
 * @category constructors
 */
export const form: {
  (input: FormInput): Either.Either<HttpBody, UnsupportedBody>
  (input: FormInput | FormData): Either.Either<HttpBody<unknown>, UnsupportedBody>
} = (input: FormInput | FormData): Either.Either<HttpBody, UnsupportedBody> =>
  reading(() => isForm(input) ? multipart(input) : urlEncoded(input as FormInput)) as Either.Either<
    HttpBody,
    UnsupportedBody
  >

const multipart = (input: Form): Either.Either<HttpBody<unknown>, UnsupportedBody> => {
  const encoded = encodeFormData(input)
  if (encoded instanceof UnsupportedBody) return Either.left(encoded)
  const { content, contentType, length } = encoded
  return Either.right(
    isBytes(content) ? bytes(content, contentType) : stream(content, { length, replayable: true, contentType })
  )
}

const urlEncoded = (input: FormInput): Either.Either<HttpBody, UnsupportedBody> => {
  const encoded = encodeFields(input)
  return encoded instanceof FieldFault
    ? Either.left(new UnsupportedBody({ reason: `its form ${encoded.reason}` }))
    : Either.right(bytes(Buffer.from(encoded, "latin1"), "application/x-www-form-urlencoded"))
}

/**
 * Creates a body from a stream. Its error becomes `RequestBodyError`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const stream = <E>(stream: Stream.Stream<Uint8Array, E>, options?: StreamOptions): HttpBody<E> => ({
  [TypeId]: TypeId,
  _tag: "Streaming",
  stream,
  length: options?.length,
  replayable: options?.replayable ?? false,
  contentType: options?.contentType
})

/**
 * Creates a body from an `Iterable` or `AsyncIterable` of bytes, such as a Node `Readable`. The
 * first piece is requested when the body is sent, and each further piece when the server has
 * accepted the previous one. What the iterable throws becomes `RequestBodyError`. A piece that is
 * not a `Uint8Array` becomes `UnsupportedBody`.
 *
 * If sending stops early, even by interruption, its `return` is called and a `Readable` is
 * destroyed. That call is awaited unless a piece is pending, because a generator does not see
 * `return` before it has yielded that piece. An iterable whose request was not sent is not touched.
 *
 * @since 0.1.0
 * @category constructors
 */
export const iterable = (
  source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  options?: StreamOptions
): HttpBody<unknown> => stream(pull(source), options)

/**
 * Creates a body from any value that `http.client` accepts, or from the result of `json` or `text`.
 * A value of another type is `UnsupportedBody`, which names the type: Python's `TypeError`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromInput = <E>(input: Input<E> | undefined): Either.Either<HttpBody<E | unknown>, UnsupportedBody> =>
  reading(() => read(input))

/** Converts a value of the caller, whose getters or proxies may throw. */
const reading = <E>(
  make: () => Either.Either<HttpBody<E>, UnsupportedBody>
): Either.Either<HttpBody<E>, UnsupportedBody> =>
  Either.flatMap(
    Either.try({
      try: make,
      catch: (cause) => new UnsupportedBody({ reason: "looking at it failed; see `cause`", cause })
    }),
    (made) => made
  )

const read = <E>(input: Input<E> | undefined): Either.Either<HttpBody<E | unknown>, UnsupportedBody> => {
  if (input === undefined) return Either.right(empty)
  if (typeof input === "string") return text(input, { charset: "iso-8859-1" })
  if (isBytes(input)) return Either.right(bytes(input))
  if (isHttpBody(input)) return Either.right(input)
  if (Either.isEither(input)) return made(input)
  if (typeof input === "object" && input !== null) {
    if (Stream.StreamTypeId in input) return Either.right(stream(input as Stream.Stream<Uint8Array, E>))
    if (isIterableOf(input, isBytes)) return Either.right(iterable(input))
  }
  return Either.left(unsupported(input))
}

/**
 * Creates the body from `json`, `form` or `body`, of which at most one may be set. Without any of
 * them there is no body.
 *
 * @since 0.2.0
 * @category constructors
 */
export const fromContent = <E>(
  content: Content & { readonly body?: Input<E> | undefined }
): Either.Either<HttpBody<E | unknown>, UnsupportedBody> => {
  const given = (["body", "json", "form"] as const).filter((name) => content[name] !== undefined)
  if (given.length > 1) {
    return Either.left(new UnsupportedBody({ reason: `there are \`${given.join("` and `")}\`; give one of them` }))
  }
  if (content.json !== undefined) return json(content.json)
  return content.form === undefined ? fromInput(content.body) : form(content.form)
}

/** Returns the value if it is the result of `json` or `text`. */
const made = <E>(
  given: Either.Either<HttpBody<E>, UnsupportedBody>
): Either.Either<HttpBody<E | unknown>, UnsupportedBody> => {
  const body: unknown = Either.merge(given)
  if (isHttpBody(body)) return Either.right(body)
  // A new error, because sending adds a context to it, and the caller may send its own again.
  return Either.left(body instanceof UnsupportedBody ? again(body) : unsupported(given))
}

const again = ({ cause, reason }: UnsupportedBody): UnsupportedBody =>
  new UnsupportedBody(cause === undefined ? { reason } : { reason, cause })

const unsupported = (given: unknown): UnsupportedBody =>
  new UnsupportedBody({
    reason: `it is ${
      described(given)
    }, and no text, no Uint8Array, and no Stream, Iterable or AsyncIterable of such; for files see \`FileBody\``
  })
