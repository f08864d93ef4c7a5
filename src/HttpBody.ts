/**
 * The body of a request, as plain data. Files are in `FileBody`.
 *
 * Known length goes out with Content-Length, unknown length chunked. Whatever can be found wrong
 * with a body is found when it is made or before the first byte leaves.
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
 * No body.
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
 * A body in memory. It can be sent again.
 *
 * @since 0.1.0
 * @category models
 */
export interface Bytes {
  readonly [TypeId]: TypeId
  readonly _tag: "Bytes"
  readonly bytes: Uint8Array
  /** Sent as Content-Type where the request has none. */
  readonly contentType: string | undefined
}

/**
 * A body that comes in pieces.
 *
 * @since 0.1.0
 * @category models
 */
export interface Streaming<out E> {
  readonly [TypeId]: TypeId
  readonly _tag: "Streaming"
  readonly stream: Stream.Stream<Uint8Array, E>
  /** Bytes in all, where that is known; the body must then have exactly that many. */
  readonly length: number | undefined
  /** Whether running the stream once more gives the same bytes. */
  readonly replayable: boolean
  /** Sent as Content-Type where the request has none. */
  readonly contentType: string | undefined
}

/**
 * What the step-by-step calls and `fromInput` take as a body: text is sent as ISO-8859-1, as
 * `http.client` does.
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
 * The content of a request as a value, wherever a request is made: at most one of the two, and no
 * `body` beside it. What cannot be encoded fails where the request is sent, with `UnsupportedBody`.
 *
 * @since 0.2.0
 * @category models
 */
export interface Content {
  /**
   * A value that is sent as JSON, `null` among them, with Content-Type `application/json`. Default:
   * none.
   */
  readonly json?: unknown
  /**
   * Fields that are sent as `application/x-www-form-urlencoded`. A `FormData`, which is sent as
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
   * Bytes in all. Sent as Content-Length and enforced: `BodyLengthMismatch`. Default: unknown, sent
   * chunked.
   */
  readonly length?: number | undefined
  /** Whether running the stream once more gives the same bytes. Default: `false`. */
  readonly replayable?: boolean | undefined
  /** Sent as Content-Type where the request has none. Default: none. */
  readonly contentType?: string | undefined
}

/**
 * Whether a value is a body.
 *
 * @since 0.1.0
 * @category guards
 */
export const isHttpBody = (u: unknown): u is HttpBody<unknown> => typeof u === "object" && u !== null && TypeId in u

/**
 * No body.
 *
 * @since 0.1.0
 * @category constructors
 */
export const empty: HttpBody = { [TypeId]: TypeId, _tag: "Empty", contentType: undefined }

/**
 * A body of bytes. They must not change until they are sent.
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
 * A body of text, as UTF-8 unless `iso-8859-1` is asked for. Text that does not fit (a character
 * beyond ISO-8859-1, half a surrogate pair) is `UnsupportedBody`: Python's `UnicodeEncodeError`.
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
 * A body of JSON, as UTF-8 with Content-Type `application/json`. What `JSON.stringify` refuses is
 * `UnsupportedBody`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const json = (value: unknown): Either.Either<HttpBody, UnsupportedBody> =>
  Either.map(encodeJson(value), (encoded) => bytes(encoded, "application/json"))

/**
 * What stands for a form: names with a value or several, pairs of both, or what the platform has
 * for them. A number is written as JavaScript does; what is `undefined` is left out.
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
 * A body from a form: fields as `application/x-www-form-urlencoded` (WHATWG URL section 5), a
 * `FormData` as `multipart/form-data` (RFC 7578) with its length, its files read when they are
 * sent. What cannot be sent, such as half a surrogate pair or `null` for a value, is
 * `UnsupportedBody`; an error of reading a file comes back as `RequestBodyError`.
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
 * A body from a stream. Its error comes back as `RequestBodyError`.
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
 * A body from an `Iterable` or `AsyncIterable` of bytes, a Node `Readable` among them. It is asked
 * for a piece when the server has taken the last one, and for the first one when the body is sent.
 * What it throws comes back as `RequestBodyError`, a piece that is no `Uint8Array` as
 * `UnsupportedBody`.
 *
 * Where the sending stops early, interruption included, its `return` is called and a `Readable` is
 * destroyed. That is waited for unless a piece is awaited too, because a generator does not hear of
 * `return` before it has given that piece. What was never begun, because its request was not sent,
 * is not touched.
 *
 * @since 0.1.0
 * @category constructors
 */
export const iterable = (
  source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  options?: StreamOptions
): HttpBody<unknown> => stream(pull(source), options)

/**
 * A body from whatever `http.client` takes as one, or from what `json` and `text` give. A value of
 * another type is `UnsupportedBody`, which says what it is: Python's `TypeError`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromInput = <E>(input: Input<E> | undefined): Either.Either<HttpBody<E | unknown>, UnsupportedBody> =>
  reading(() => read(input))

/** What is made of a value of the caller's, of which a getter or a proxy may throw. */
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
 * The body that `json`, `form` or `body` stand for, of which there is one at most; none of them is
 * no body.
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

/** What `json` and `text` give, if it is that. */
const made = <E>(
  given: Either.Either<HttpBody<E>, UnsupportedBody>
): Either.Either<HttpBody<E | unknown>, UnsupportedBody> => {
  const body: unknown = Either.merge(given)
  if (isHttpBody(body)) return Either.right(body)
  // New, because what is sent gives it a context, and what the caller has may be sent again.
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
