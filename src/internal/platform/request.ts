/**
 * A platform request as one of ours: fields, and every kind of body. Reads nothing and runs nothing; whatever cannot be sent is a
 * typed failure, found now or when the request is sent.
 */
import type * as PlatformBody from "@effect/platform/HttpBody"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import * as HttpBody from "../../HttpBody.ts"
import * as HttpFields from "../../HttpFields.ts"
import * as HttpRequest from "../../HttpRequest.ts"
import { UnsupportedBody } from "../error/request.ts"
import { blobStream, encodeFormData, piecesOf } from "./formData.ts"

const encoder = new TextEncoder()

const viewOf = (view: ArrayBufferView): Uint8Array =>
  view instanceof Uint8Array ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength)

const isBuffer = (u: unknown): u is ArrayBufferLike =>
  u instanceof ArrayBuffer || (typeof SharedArrayBuffer !== "undefined" && u instanceof SharedArrayBuffer)

/** What is taken for bytes: text as UTF-8, as all other clients do. Anything else stays what it is, and is refused later. */
const bytesOf = (piece: unknown): Uint8Array | undefined => {
  if (typeof piece === "string") return encoder.encode(piece)
  if (ArrayBuffer.isView(piece)) return viewOf(piece)
  return isBuffer(piece) ? new Uint8Array(piece) : undefined
}

const isIterable = (u: unknown): u is Iterable<Uint8Array> | AsyncIterable<Uint8Array> =>
  Predicate.isObject(u) && (Symbol.asyncIterator in u || Symbol.iterator in u)

const isStream = (u: unknown): u is Stream.Stream<unknown, unknown> => Predicate.hasProperty(u, Stream.StreamTypeId)

/** Pieces of what Node and browsers call a body may be text, or views of another kind. */
const streamed = (stream: Stream.Stream<unknown, unknown>, length: number | undefined): HttpBody.HttpBody<unknown> =>
  HttpBody.stream(Stream.map(stream, (piece) => bytesOf(piece) ?? piece as Uint8Array), { length })

/** A body whose type says nothing. */
const rawBody = ({ body, contentLength }: PlatformBody.Raw): HttpBody.HttpBody<unknown> | UnsupportedBody => {
  if (body === undefined || body === null) return HttpBody.empty
  const bytes = bytesOf(body)
  if (bytes !== undefined) return HttpBody.bytes(bytes)
  if (HttpBody.isHttpBody(body)) return body
  if (body instanceof FormData) return encodeFormData(body)
  if (body instanceof Blob) {
    const contentType = body.type === "" ? undefined : body.type
    return HttpBody.stream(blobStream(body), { length: body.size, replayable: true, contentType })
  }
  if (body instanceof URLSearchParams) {
    return HttpBody.bytes(encoder.encode(body.toString()), "application/x-www-form-urlencoded;charset=UTF-8")
  }
  if (isStream(body)) return streamed(body, contentLength)
  // What of an array is no bytes is known now; it need not fail when the head is out.
  if (isIterable(body) && !(Array.isArray(body) && !body.every((piece) => bytesOf(piece) !== undefined))) {
    return streamed(piecesOf(body), contentLength)
  }
  return new UnsupportedBody({
    reason: "it is no text, bytes, Blob, FormData or URLSearchParams, and no stream or iterable of bytes"
  })
}

/** The body that is sent. Its own Content-Type counts where the fields have none. */
export const bodyOf = (body: PlatformBody.HttpBody): HttpBody.HttpBody<unknown> | UnsupportedBody => {
  switch (body._tag) {
    case "Empty":
      return HttpBody.empty
    case "Uint8Array":
      return HttpBody.bytes(body.body)
    case "Stream":
      return HttpBody.stream(body.stream, { length: body.contentLength })
    case "FormData":
      return encodeFormData(body.formData)
    case "Raw":
      return rawBody(body)
  }
}

/** What the fields of a form are not for the caller to say: only the form knows its boundary and its length. */
const ownedByForm: ReadonlySet<string> = new Set(["content-type", "content-length"])

const isForm = ({ body }: HttpClientRequest): boolean =>
  body._tag === "FormData" || (body._tag === "Raw" && body.body instanceof FormData)

/** The fields in their order, those of the trace last. */
const fieldsOf = (request: HttpClientRequest, trace: Readonly<Record<string, string>> | undefined) => {
  const names: Array<string> = []
  const values: Array<string> = []
  const form = isForm(request)
  const { headers } = request
  for (const name in headers) {
    // What a prototype has is no field.
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

/** The request for the pool. */
export const toRequest = (
  request: HttpClientRequest,
  target: string,
  trace: Readonly<Record<string, string>> | undefined,
  options: HttpRequest.Options | undefined
): HttpRequest.HttpRequest<unknown> | UnsupportedBody => {
  const body = bodyOf(request.body)
  if (body instanceof UnsupportedBody) return body
  const headers = fieldsOf(request, trace)
  // A body of the platform's is content and never a coding, so it is chunked whatever its headers say, as Node's layer does.
  return HttpRequest.make(request.method, target, { ...options, headers, body, encodeChunked: true })
}
