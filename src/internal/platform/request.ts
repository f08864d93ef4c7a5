/**
 * Maps a platform request to this library's: fields, and every kind of body. Reads nothing and runs
 * nothing. A part that cannot be sent is a typed failure, now or when the request is sent.
 */
import type * as PlatformBody from "@effect/platform/HttpBody"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { isAnyArrayBuffer } from "node:util/types"
import * as HttpBody from "../../HttpBody.ts"
import * as HttpFields from "../../HttpFields.ts"
import * as HttpRequest from "../../HttpRequest.ts"
import { blobStream, isBlob, isForm, readableOf } from "../body/formData.ts"
import { pull } from "../body/iterable.ts"
import { UnsupportedBody } from "../error/request.ts"
import { described, isBytes, isIterableOf, kindOf } from "../given.ts"

const encoder = new TextEncoder()

const viewOf = (view: ArrayBufferView): Uint8Array =>
  isBytes(view) ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength)

/**
 * Converts a piece to bytes; text becomes UTF-8, as in all other clients. Any other value is
 * unchanged and is refused later.
 */
const bytesOf = (piece: unknown): Uint8Array | undefined => {
  if (typeof piece === "string") return encoder.encode(piece)
  if (ArrayBuffer.isView(piece)) return viewOf(piece)
  return isAnyArrayBuffer(piece) ? new Uint8Array(piece) : undefined
}

const isPiece = (piece: unknown): boolean =>
  typeof piece === "string" || ArrayBuffer.isView(piece) || isAnyArrayBuffer(piece)

const isStream = (u: unknown): u is Stream.Stream<unknown, unknown> => Predicate.hasProperty(u, Stream.StreamTypeId)

/**
 * Converts a stream. Pieces of a body of Node or browsers may be text, or views of another kind.
 */
const streamed = (stream: Stream.Stream<unknown, unknown>, length: number | undefined): HttpBody.HttpBody<unknown> =>
  HttpBody.stream(Stream.map(stream, (piece) => bytesOf(piece) ?? piece as Uint8Array), { length })

/** True for a query or form of any realm, by its tag. */
const isParams = (u: unknown): boolean => kindOf(u) === "URLSearchParams"

/** Maps a body of unknown type. An invalid one is refused now, before the head is sent. */
const rawBody = ({ body, contentLength }: PlatformBody.Raw): HttpBody.HttpBody<unknown> | UnsupportedBody => {
  if (body === undefined || body === null) return HttpBody.empty
  const bytes = bytesOf(body)
  if (bytes !== undefined) return HttpBody.bytes(bytes)
  if (HttpBody.isHttpBody(body)) return body
  if (Either.isEither(body)) return madeBody(body)
  if (isForm(body)) return Either.merge(HttpBody.form(body as FormData))
  if (isBlob(body)) {
    const contentType = body.type === "" ? undefined : body.type
    return HttpBody.stream(blobStream(body), { length: body.size, replayable: true, contentType })
  }
  if (isParams(body)) {
    return HttpBody.bytes(encoder.encode(String(body)), "application/x-www-form-urlencoded;charset=UTF-8")
  }
  if (isStream(body)) return streamed(body, contentLength)
  const readable = readableOf(body)
  if (readable !== undefined) return streamed(pull(readable), contentLength)
  if (isIterableOf(body, isPiece)) return streamed(pull(body), contentLength)
  return unsupported(body)
}

/** Returns the body that `HttpBody.json` and `HttpBody.text` of this library create. */
const madeBody = (made: Either.Either<unknown, unknown>): HttpBody.HttpBody<unknown> | UnsupportedBody => {
  const body = Either.merge(made)
  return HttpBody.isHttpBody(body) || body instanceof UnsupportedBody ? body : unsupported(made)
}

const unsupported = (body: unknown): UnsupportedBody =>
  new UnsupportedBody({
    reason: `it is ${
      described(body)
    }, and no text, bytes, Blob, FormData or URLSearchParams, and no stream or iterable of bytes`
  })

/** Reads a value of the caller. A getter or a proxy of it may throw. */
const reading = (
  make: () => HttpBody.HttpBody<unknown> | UnsupportedBody
): HttpBody.HttpBody<unknown> | UnsupportedBody =>
  Either.merge(
    Either.try({
      try: make,
      catch: (cause) => new UnsupportedBody({ reason: "looking at it failed; see `cause`", cause })
    })
  )

/** Returns the body that is sent. Its Content-Type applies if the fields have none. */
export const bodyOf = (body: PlatformBody.HttpBody): HttpBody.HttpBody<unknown> | UnsupportedBody => {
  switch (body._tag) {
    case "Empty":
      return HttpBody.empty
    case "Uint8Array":
      return HttpBody.bytes(body.body)
    case "Stream":
      return HttpBody.stream(body.stream, { length: body.contentLength })
    case "FormData":
      return isForm(body.formData) ? Either.merge(HttpBody.form(body.formData)) : unsupported(body.formData)
    case "Raw":
      return reading(() => rawBody(body))
  }
}

/**
 * Fields that the caller must not set for a form, because only the form knows its boundary and its
 * length.
 */
const ownedByForm: ReadonlySet<string> = new Set(["content-type", "content-length"])

/** Returns the fields in order, with those of the trace last. */
const fieldsOf = (request: HttpClientRequest, trace: Readonly<Record<string, string>> | undefined) => {
  const names: Array<string> = []
  const values: Array<string> = []
  const { body, headers } = request
  const form = body._tag === "FormData" || (body._tag === "Raw" && isForm(body.body))
  for (const name in headers) {
    // Properties of a prototype are not fields.
    if (!Object.hasOwn(headers, name)) continue
    if ((form && ownedByForm.has(name)) || (trace !== undefined && name in trace)) continue
    names.push(name)
    values.push(headers[name] as string)
  }
  if (trace !== undefined) {
    for (const name of Object.keys(trace)) {
      names.push(name)
      values.push(trace[name] as string)
    }
  }
  return names.length === 0 ? HttpFields.empty : HttpFields.unsafeMake(names, values)
}

/** Maps a request for the pool. */
export const toRequest = (
  request: HttpClientRequest,
  target: string,
  trace: Readonly<Record<string, string>> | undefined,
  options: HttpRequest.Options | undefined
): HttpRequest.HttpRequest<unknown> | UnsupportedBody => {
  const body = bodyOf(request.body)
  if (body instanceof UnsupportedBody) return body
  const headers = fieldsOf(request, trace)
  // A body of the platform is content and never a coding, so it is chunked whichever headers it
  // has, as in Node's layer.
  return HttpRequest.make(request.method, target, { ...options, headers, body, encodeChunked: true })
}
