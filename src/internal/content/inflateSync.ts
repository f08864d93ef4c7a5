/**
 * Decodes small bodies in memory, in this thread. It returns no error: a body that it cannot decode
 * is decoded again piece by piece.
 */
import * as Either from "effect/Either"
import * as Zlib from "node:zlib"
import type { Coding } from "./codings.ts"
import type { Gauge } from "./inflater.ts"
import { isPadding, isZlib, tooLarge } from "./inflater.ts"

/**
 * Bodies up to these sizes are decoded in this thread. A round trip to zlib's threads takes ten
 * times as long as decoding a thousand bytes. The second limit keeps the thread busy for a fraction
 * of a millisecond at most; a larger body is decoded again from its start.
 */
const maxSizes = { encoded: 16 * 1024, decoded: 256 * 1024 }

/**
 * The result of zlib's synchronous functions with `info: true`, which their types do not describe.
 */
interface Inflated {
  readonly buffer: Buffer
  readonly engine: { readonly bytesWritten: number }
}

const decode = (coding: Exclude<Coding, "zstd">, bytes: Uint8Array): Inflated => {
  const options = { info: true, maxOutputLength: maxSizes.decoded }
  const inflated: unknown = coding === "gzip"
    ? Zlib.gunzipSync(bytes, options)
    : coding === "br"
    ? Zlib.brotliDecompressSync(bytes, options)
    : isZlib(bytes[0])
    ? Zlib.inflateSync(bytes, options)
    : Zlib.inflateRawSync(bytes, options)
  return inflated as Inflated
}

/** Decodes a body in this thread; `undefined` if it must be decoded piece by piece instead. */
export const inflateSync = (coding: Coding, bytes: Uint8Array, gauge: Gauge): Either.Either<Uint8Array> | undefined => {
  if (coding === "zstd" || bytes.byteLength > maxSizes.encoded) return undefined
  const result = Either.try({ try: () => decode(coding, bytes), catch: (cause) => cause })
  if (Either.isLeft(result)) {
    // Decoding piece by piece finds the error again, with the output before it.
    return undefined
  }
  const { buffer, engine } = result.right
  if (!isPadding(coding, bytes.subarray(engine.bytesWritten)) && engine.bytesWritten < bytes.byteLength) {
    return undefined
  }
  const bomb = tooLarge(coding, buffer.byteLength, gauge)
  return bomb === undefined ? Either.right(buffer) : undefined
}
