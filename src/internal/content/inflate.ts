/**
 * Decodes the codings of a body: as a Stream, or in memory. Leaves no zlib handle behind.
 *
 * Knows no response. `inflater.ts` decides what is valid and what is too much.
 */
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import * as Zlib from "node:zlib"
import { join, NoRoom } from "../bytes.ts"
import type { BodyTooLarge } from "../error/body.ts"
import { withPartial } from "../error/partial.ts"
import { tooLargeForMemory } from "../tooLarge.ts"
import type { Coding } from "./codings.ts"
import type { Fault, Gauge, Limits, Received } from "./inflater.ts"
import { Inflater, isPadding, isZlib, tooLarge } from "./inflater.ts"

/** Creates an inflater. Closes zlib's handle when the scope closes. */
const inflater = (coding: Coding, gauge: Gauge, isOutermost: boolean) =>
  Effect.acquireRelease(
    Effect.sync(() => new Inflater(coding, gauge, isOutermost)),
    (inflater) => Effect.sync(() => inflater.destroy())
  )

type Decoding<E> = Channel.Channel<Chunk.Chunk<Uint8Array>, Chunk.Chunk<Uint8Array>, E | Fault, E, void, unknown>

/**
 * Reads no further chunk before the output of the last one has been read: back-pressure in both
 * directions.
 */
const decoding = <E>(inflater: Inflater): Decoding<E> => {
  const drained = (then: () => Decoding<E>): Decoding<E> =>
    Channel.flatMap(
      Channel.fromEffect(inflater.next),
      (bytes) => bytes === undefined ? then() : Channel.flatMap(Channel.write(Chunk.of(bytes)), () => drained(then))
    )
  const read: Decoding<E> = Channel.readWithCause({
    onInput: (chunk: Chunk.Chunk<Uint8Array>) => {
      for (const bytes of chunk) inflater.write(bytes)
      return drained(() => read)
    },
    onFailure: Channel.failCause,
    onDone: () => {
      inflater.finish()
      return drained(() => Channel.void)
    }
  })
  return read
}

/**
 * Decodes the codings of a stream, in this order. For each coding, memory is limited to one chunk
 * of input, a few of output, and zlib's window.
 */
export const inflate = <E, R>(
  self: Stream.Stream<Uint8Array, E, R>,
  codings: ReadonlyArray<Coding>,
  limits: Limits
): Stream.Stream<Uint8Array, E | Fault, R> =>
  Stream.suspend(() => {
    const gauge: Gauge = { received: { bytes: 0 }, limits, maxBodySize: Infinity }
    return codings.reduce<Stream.Stream<Uint8Array, E | Fault, R>>(
      (stream, coding, i) =>
        Stream.unwrapScoped(Effect.map(
          inflater(coding, gauge, i === 0),
          (inflater) => Stream.fromChannel(Channel.pipeTo(Stream.toChannel(stream), decoding<E | Fault>(inflater)))
        )),
      self
    )
  })

/**
 * Bodies up to these sizes are decoded in this thread. A round trip to zlib's threads takes ten
 * times as long as decoding a thousand bytes. The second limit keeps the thread busy for a fraction
 * of a millisecond at most; a larger body is decoded again from its start.
 */
const syncLimits = { encoded: 16 * 1024, decoded: 256 * 1024 }

/**
 * The result of zlib's synchronous functions with `info: true`, which their types do not describe.
 */
interface Inflated {
  readonly buffer: Buffer
  readonly engine: { readonly bytesWritten: number }
}

const inflateSync = (coding: Exclude<Coding, "zstd">, bytes: Uint8Array): Inflated => {
  const options = { info: true, maxOutputLength: syncLimits.decoded }
  const inflated: unknown = coding === "gzip"
    ? Zlib.gunzipSync(bytes, options)
    : coding === "br"
    ? Zlib.brotliDecompressSync(bytes, options)
    : isZlib(bytes[0])
    ? Zlib.inflateSync(bytes, options)
    : Zlib.inflateRawSync(bytes, options)
  return inflated as Inflated
}

/** Decodes a body in this thread; `undefined` if `inflateInParts` must decode it. */
const trySync = (coding: Coding, bytes: Uint8Array, gauge: Gauge): Either.Either<Uint8Array> | undefined => {
  if (coding === "zstd" || bytes.byteLength > syncLimits.encoded) return undefined
  const result = Either.try({ try: () => inflateSync(coding, bytes), catch: (cause) => cause })
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

/**
 * Decodes piece by piece. If `isInnermost`, the output is the body itself, and a failure carries
 * what was decoded before it.
 */
const inflateInParts = (
  coding: Coding,
  bytes: Uint8Array,
  gauge: Gauge,
  isOutermost: boolean,
  isInnermost: boolean
): Effect.Effect<Uint8Array, Fault> =>
  Effect.scoped(Effect.flatMap(
    inflater(coding, gauge, isOutermost),
    Effect.fnUntraced(function*(inflater) {
      inflater.write(bytes)
      inflater.finish()
      const parts: Array<Uint8Array> = []
      const next = Effect.mapError(
        inflater.next,
        (error) => isInnermost ? withPartial(error, Either.getOrElse(joined(parts), () => parts[0] ?? empty)) : error
      )
      for (let part = yield* next; part !== undefined; part = yield* next) parts.push(part)
      return yield* joined(parts)
    })
  ))

const empty: Uint8Array = new Uint8Array(0)

const joined = (parts: ReadonlyArray<Uint8Array>): Either.Either<Uint8Array, BodyTooLarge> => {
  try {
    return Either.right(join(parts))
  } catch (thrown) {
    if (thrown instanceof NoRoom) return Either.left(tooLargeForMemory(thrown, parts))
    throw thrown
  }
}

/** Decodes the codings of a body in memory, one after the other. Runs no Stream. */
export const inflateAll: (
  bytes: Uint8Array,
  codings: ReadonlyArray<Coding>,
  limits: Limits,
  maxBodySize: number
) => Effect.Effect<Uint8Array, Fault> = Effect.fnUntraced(function*(bytes, codings, limits, maxBodySize) {
  let body = bytes
  const received: Received = { bytes: bytes.byteLength }
  for (const [i, coding] of codings.entries()) {
    if (body.byteLength === 0) break
    const gauge: Gauge = { received, limits, maxBodySize: i === codings.length - 1 ? maxBodySize : Infinity }
    body = yield* trySync(coding, body, gauge)
      ?? inflateInParts(coding, body, gauge, i === 0, i === codings.length - 1)
  }
  return body
})
