/**
 * Runs the decoders of `content/` in Effect: decodes the codings of a body as a Stream, or in
 * memory. Leaves no zlib handle behind.
 *
 * Knows no response. `content/inflater.ts` decides what is valid and what is too much.
 */
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { join, NoRoom } from "../bytes.ts"
import type { Coding } from "../content/codings.ts"
import type { Fault, Gauge, Limits, Received } from "../content/inflater.ts"
import { Inflater } from "../content/inflater.ts"
import { inflateSync } from "../content/inflateSync.ts"
import type { BodyTooLarge } from "../error/body.ts"
import { withPartial } from "../error/partial.ts"
import { tooLargeForMemory } from "../tooLarge.ts"

/** Creates an inflater. Closes zlib's handle when the scope closes. */
const inflater = (coding: Coding, gauge: Gauge, isOutermost: boolean) =>
  Effect.acquireRelease(
    Effect.sync(() => new Inflater(coding, gauge, isOutermost)),
    (inflater) => Effect.sync(() => inflater.destroy())
  )

/**
 * Reads the next result. Catches defects, because zlib's events call this and cannot handle them.
 */
const resultOf = (inflater: Inflater): Exit.Exit<Uint8Array | undefined, Fault> | undefined => {
  try {
    const result = inflater.read()
    if (result === undefined) return undefined
    return Either.isRight(result) ? Exit.succeed(result.right) : Exit.fail(result.left)
  } catch (defect) {
    return Exit.die(defect)
  }
}

/** Returns the next decoded bytes; `undefined` when everything written has been decoded. */
const nextOf = (inflater: Inflater): Effect.Effect<Uint8Array | undefined, Fault> =>
  Effect.async((resume) => {
    const attempt = (): void => {
      const result = resultOf(inflater)
      if (result === undefined) return
      inflater.onReady = undefined
      resume(result)
    }
    inflater.onReady = attempt
    attempt()
    return Effect.sync(() => {
      inflater.onReady = undefined
    })
  })

type Decoding<E> = Channel.Channel<Chunk.Chunk<Uint8Array>, Chunk.Chunk<Uint8Array>, E | Fault, E, void, unknown>

/**
 * Reads no further chunk before the output of the last one has been read: back-pressure in both
 * directions.
 */
const decoding = <E>(inflater: Inflater): Decoding<E> => {
  const drained = (then: () => Decoding<E>): Decoding<E> =>
    Channel.flatMap(
      Channel.fromEffect(nextOf(inflater)),
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
        nextOf(inflater),
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
    body = yield* inflateSync(coding, body, gauge)
      ?? inflateInParts(coding, body, gauge, i === 0, i === codings.length - 1)
  }
  return body
})
