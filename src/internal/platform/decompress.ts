/**
 * Opt-in decompression of responses, for any client of the platform: requests codings and decodes
 * those of the response.
 *
 * `content/codings.ts` decides which codings are decoded, and when; `inflate.ts` decodes them. A
 * response without a coding is passed through unchanged.
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
import type { Limits, Received } from "../content/inflater.ts"
import { available, tooLarge } from "../content/inflater.ts"
import { TooManyContentCodings } from "../error/decoding.ts"
import { maxBodySize } from "./content.ts"
import type { Body, Decoded } from "./decodedResponse.ts"
import { DecodedId, makeDecoded } from "./decodedResponse.ts"
import { inflate, inflateAll } from "./inflate.ts"
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
   * The codings that are requested, in order of preference, and decoded. Codings that this version
   * of Node cannot decode are dropped. Default: `gzip`, `deflate`, `br`, and `zstd` if Node has it
   * (22.15, 23.8).
   */
  readonly codings?: ReadonlyArray<Coding> | undefined
  /**
   * The maximum number of bytes of a decoded body, after each coding. Exceeding it fails with
   * `DecompressionBomb`. `Infinity` is no limit. Default: 268435456 (256 MiB).
   *
   * A body that is read into memory is also limited, decoded, by the platform's `MaxBodySize`.
   */
  readonly maxBytes?: number | undefined
  /**
   * The maximum number of decoded bytes for each byte received, over all codings together. Applies
   * once there are more than 4 MiB of them. Exceeding it fails with `DecompressionBomb`. `Infinity`
   * is no limit. Default: 1100.
   *
   * `gzip` and `deflate` expand a byte to 1032 at most. The default therefore never refuses a body
   * that was encoded once with them, however regular its data; `maxBytes` limits those. It refuses
   * bombs of `br` and `zstd`, and bodies that were encoded several times.
   */
  readonly maxRatio?: number | undefined
  /**
   * True if a gzip body may end before its trailer once its data is complete. `fetch` and undici
   * accept that. Risk: there is no checksum and no length to compare, so damaged data is not
   * detected. Default: `false`.
   */
  readonly gzipWithoutTrailer?: boolean | undefined
}

const defaults: Limits = { maxBytes: 256 * 1024 * 1024, maxRatio: 1100, gzipWithoutTrailer: false }

/**
 * Requests compressed responses and decodes them on reading. In a pipe:
 * `client.pipe(decompress())`.
 *
 * - A request without Accept-Encoding gets one with the `codings`. A request for a range, which
 *   cannot be decoded, gets `identity`. A field that the caller has set is unchanged, and the
 *   response to it is decoded as well.
 * - `stream`, `text`, `json`, `arrayBuffer`, `urlParamsBody` and `formData` decode the body. The
 *   fields lack Content-Encoding and Content-Length, which describe the encoded body; `original`
 *   has the response unchanged.
 * - Responses to HEAD, 204, 206 (part of an encoded body) and 304 are unchanged, including their
 *   fields. So are bodies with a coding that is not among the `codings`, even if others are.
 * - `x-gzip` is `gzip`, and `deflate` is accepted with and without the zlib format. Several gzip
 *   members, and several zstd frames, are one body. Bytes after the end of the coding are an error,
 *   except for zeros after gzip.
 * - An empty body is an empty body, whichever coding it has.
 *
 * Failures are the platform's `ResponseError` with the reason `Decode`. The cause is a
 * `ContentDecodingError`, a `DecompressionBomb`, or, for more than five codings, a
 * `TooManyContentCodings`. Reading the body fails with them.
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
      HttpClient.mapRequest((request) => withAcceptEncoding(request, offered)),
      HttpClient.transformResponse(Effect.map((response) => decoded(response, known, limits)))
    )
  }
)

/** True if a response is decoded on reading; it then has an `original`. */
export const isDecoded = (response: HttpClientResponse): response is Decoded =>
  Predicate.hasProperty(response, DecodedId)

const withAcceptEncoding = (
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
    // In memory, without a Stream: the original reads the whole encoded body, which is then
    // decoded.
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
 * Returns the maximum number of encoded bytes for a decoded body of this size. Encoding can make
 * small bodies larger, by up to some tens of bytes for each flush of the server. No encoder doubles
 * the size of a large body.
 */
const encodedSize = (size: number): number => 2 * size + 65_536

/**
 * Returns a body that always fails. Releases the original, because a caller that gets this error
 * will not.
 */
const refused = (response: HttpClientResponse, count: number): Body => {
  const failure = Effect.zipRight(
    release(response),
    Effect.suspend(() => Effect.fail(new TooManyContentCodings({ count, limit: maxCodings })))
  )
  const tooLarge = () => undefined
  return { headers: response.headers, bytes: failure, tooLarge, stream: Stream.fromEffect(failure) }
}
