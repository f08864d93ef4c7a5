/**
 * Opt-in decompression of responses, for any client of the platform: asks for codings, undoes those
 * that come.
 *
 * Which codings are undone, and when, is decided in `decompressRules.ts`; how, in `inflate.ts`. A
 * response that is not encoded is handed on as it is.
 */
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import type { Coding } from "../content/codings.ts"
import { acceptEncoding, decideDecoding, maxCodings } from "../content/codings.ts"
import { inflate, inflateAll } from "../content/inflate.ts"
import type { Limits, Received } from "../content/inflater.ts"
import { available, tooLarge } from "../content/inflater.ts"
import { TooManyContentCodings } from "../error/decoding.ts"
import { maxBodySize } from "./content.ts"
import type { Body, Decoded } from "./decodedResponse.ts"
import { DecodedId, makeDecoded, rawLimits } from "./decodedResponse.ts"
import { release } from "./release.ts"

export type { Coding, Decoded }

/**
 * Options of `decompress`.
 *
 * @since 0.2.0
 * @category models
 */
export interface DecompressOptions {
  /**
   * The codings that are asked for, the one liked best first, and that are undone. One that this
   * version of Node cannot undo is left out. Default: `gzip`, `deflate`, `br`, and `zstd` where
   * Node has it (22.15, 23.8).
   */
  readonly codings?: ReadonlyArray<Coding> | undefined
  /**
   * How many bytes a body may have when it is decoded, and in between where it was encoded more
   * than once. Breach: `DecompressionBomb`. `Infinity` is no limit. Default: 268435456 (256 MiB).
   *
   * A body that is read into memory may also not be larger, decoded, than the platform's
   * `MaxBodySize`.
   */
  readonly maxBytes?: number | undefined
  /**
   * How many decoded bytes may come from each byte received, counted over all codings and once
   * there are more than 4 MiB of them. Breach: `DecompressionBomb`. `Infinity` is no limit.
   * Default: 1100.
   *
   * `gzip` and `deflate` cannot make more than 1032 from one, so the default never refuses what was
   * encoded once with them, however plain the data; for that there is `maxBytes`. What it refuses
   * are bombs of `br` and `zstd`, and those that were encoded several times.
   */
  readonly maxRatio?: number | undefined
  /**
   * Whether a gzip body may end before its trailer does, once its data is complete: `fetch` and
   * undici accept that. Risk: checksum and length are not there to be compared, so that damage to
   * the data goes unseen. Default: `false`.
   */
  readonly gzipWithoutTrailer?: boolean | undefined
}

const defaults: Limits = { maxBytes: 256 * 1024 * 1024, maxRatio: 1100, gzipWithoutTrailer: false }

/**
 * Asks for compressed responses and decodes them on reading. In a pipe:
 * `client.pipe(decompress())`.
 *
 * - A request without Accept-Encoding gets one with the `codings`; a request for a range, which
 *   cannot be decoded, gets `identity`. One that the caller has set is left alone, and what the
 *   server answers to it is decoded as well.
 * - The body is decoded by `stream`, `text`, `json`, `arrayBuffer`, `urlParamsBody` and `formData`.
 *   The fields come without Content-Encoding and Content-Length, which speak of the encoded body;
 *   `original` has the response as it came.
 * - Left as they came, fields included: answers to HEAD, 204, 206 (part of an encoded body) and
 *   304; bodies with a coding that is not among the `codings`, even if others are.
 * - `x-gzip` is `gzip`, and `deflate` is understood with and without the zlib format. Several gzip
 *   members, and several zstd frames, are one body. Bytes behind the end of the coding are an
 *   error, but for zeros behind gzip.
 * - An empty body is an empty body, whatever its coding.
 *
 * Failures are the platform's `ResponseError` with the reason `Decode`, whose cause says more:
 * `ContentDecodingError`, `DecompressionBomb`, or `TooManyContentCodings` for more than five
 * codings. They come where the body is read.
 *
 * @since 0.2.0
 * @category decompression
 */
export const decompress: {
  (
    options?: DecompressOptions
  ): <E, R>(client: HttpClient.HttpClient.With<E, R>) => HttpClient.HttpClient.With<E, R>
  <E, R>(client: HttpClient.HttpClient.With<E, R>, options?: DecompressOptions): HttpClient.HttpClient.With<E, R>
} = dual(
  (args) => Predicate.hasProperty(args[0], HttpClient.TypeId),
  <E, R>(
    client: HttpClient.HttpClient.With<E, R>,
    options: DecompressOptions = {}
  ): HttpClient.HttpClient.With<E, R> => {
    const codings = available.filter((coding) => options.codings?.includes(coding) ?? true)
    const known: ReadonlySet<string> = new Set(codings)
    const offered = options.codings?.filter((coding) => known.has(coding)) ?? codings
    const limits: Limits = {
      maxBytes: options.maxBytes ?? defaults.maxBytes,
      maxRatio: options.maxRatio ?? defaults.maxRatio,
      gzipWithoutTrailer: options.gzipWithoutTrailer ?? defaults.gzipWithoutTrailer
    }
    return client.pipe(
      HttpClient.mapRequest((request) => asking(request, offered)),
      HttpClient.transformResponse(Effect.map((response) => decoded(response, known, limits)))
    )
  }
)

/** Whether a response is decoded on reading; it then has its `original`. */
export const isDecoded = (response: HttpClientResponse): response is Decoded =>
  Predicate.hasProperty(response, DecodedId)

const asking = (
  request: HttpClientRequest.HttpClientRequest,
  codings: ReadonlyArray<Coding>
): HttpClientRequest.HttpClientRequest =>
  Headers.has(request.headers, "accept-encoding")
    ? request
    : HttpClientRequest.setHeader(
      request,
      "accept-encoding",
      acceptEncoding(codings, Headers.has(request.headers, "range"))
    )

const decoded = (response: HttpClientResponse, known: ReadonlySet<string>, limits: Limits): HttpClientResponse => {
  const contentEncoding = response.headers["content-encoding"]
  if (contentEncoding === undefined) return response
  const verdict = decideDecoding({ method: response.request.method, status: response.status, contentEncoding }, known)
  switch (verdict._tag) {
    case "Passthrough":
      return response
    case "TooMany":
      return makeDecoded(response, refused(response, verdict.count))
    case "Decode":
      return makeDecoded(response, inflated(response, verdict.codings, limits))
  }
}

const inflated = (response: HttpClientResponse, codings: ReadonlyArray<Coding>, limits: Limits): Body => {
  const received: Received = { bytes: 0 }
  return {
    headers: Headers.remove(response.headers, ["content-encoding", "content-length"]),
    // In memory, without a Stream: the encoded body is read whole, by the original's own means, and
    // then decoded.
    bytes: Effect.withFiberRuntime((fiber) => {
      const size = maxBodySize(fiber.currentContext)
      return Effect.flatMap(
        size === Infinity
          ? response.arrayBuffer
          : HttpIncomingMessage.withMaxBodySize(response.arrayBuffer, Option.some(encodedSize(size))),
        (encoded) => {
          received.bytes = encoded.byteLength
          return inflateAll(new Uint8Array(encoded), codings, limits, size)
        }
      )
    }),
    tooLarge: (bytes, maximum) => {
      const coding = codings.at(-1)
      return coding === undefined ? undefined : tooLarge(coding, bytes, { limits, maxBodySize: maximum, received })
    },
    get stream() {
      return inflate(response.stream, codings, limits)
    }
  }
}

/**
 * How much of an encoded body is read for a decoded one of this size. Encoding can make small
 * bodies larger, by up to some tens of bytes for each flush of the server; nobody encodes so that a
 * large one becomes twice as large.
 */
const encodedSize = (size: number): number => 2 * size + 65_536

/**
 * A body that is not read at all. The original is let go of, because whoever got this error will
 * not do that.
 */
const refused = (response: HttpClientResponse, count: number): Body => {
  const failure = Effect.zipRight(
    release(response, rawLimits),
    Effect.suspend(() => Effect.fail(new TooManyContentCodings({ count, limit: maxCodings })))
  )
  const tooLarge = () => undefined
  return { headers: response.headers, bytes: failure, tooLarge, stream: Stream.fromEffect(failure) }
}
