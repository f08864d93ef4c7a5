/**
 * Sends the body of a request: bytes piece by piece, a stream as it comes, each framed by
 * `Outgoing`.
 *
 * Waits for the transport to take what was written before it writes more. Sending stops without a
 * failure where the server has answered and there is no use in going on. Waits for nothing that the
 * exchange does not tell.
 */
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { HttpError } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type { Exchange } from "../connection/exchange.ts"
import type { LateTrailers } from "../connection/prepare.ts"
import { withContext } from "../error/base.ts"
import { unlocated } from "../error/context.ts"
import { InvalidTrailer, UnsupportedBody } from "../error/request.ts"
import { RequestBodyError } from "../error/send.ts"
import { ConnectionClosed } from "../error/state.ts"
import { described, isBytes } from "../given.ts"
import type { BodyEncoder } from "../protocol/bodyEncoder.ts"
import { checkTrailers } from "../protocol/trailers.ts"
import { awaitFiber, waitFor } from "./wait.ts"

/** Waits until the transport has taken what was written. */
export const drained = (exchange: Exchange): Effect.Effect<void> =>
  waitFor<void>(exchange.settings.loop, (waiter) => {
    exchange.whenDrained(() => waiter.resume(Effect.void))
    return Effect.sync(() => exchange.stopWaitingToSend())
  })

/** Waits until the body may be sent, or must not be. */
export const continued = (exchange: Exchange): Effect.Effect<void> =>
  waitFor<void>(exchange.settings.loop, (waiter) => {
    exchange.await100Continue(() => waiter.resume(Effect.void))
    return Effect.sync(() => exchange.stopWaitingToSend())
  })

/**
 * Writes one piece. True where the transport wants to be waited for, false where it does not, an
 * error where the framing does not allow the piece.
 */
const writePiece = (exchange: Exchange, encoder: BodyEncoder, piece: Uint8Array): boolean | HttpError => {
  const framed = encoder.encode(piece)
  if ("_tag" in framed) return framed
  return framed.length > 0 && !exchange.write(framed)
}

/** Ends the body. An error where it is not complete. */
export const writeEnd = (exchange: Exchange, encoder: BodyEncoder): boolean | HttpError => {
  const framed = encoder.end()
  if (typeof framed !== "string") return framed
  return framed.length > 0 && !exchange.write(framed)
}

/**
 * Sends what is left of bytes in blocks, by callbacks alone: no fiber runs while the transport
 * takes its time. The exchange tells what comes of it.
 */
export const sendBytes = (exchange: Exchange, encoder: BodyEncoder, bytes: Uint8Array): void => {
  const { blockSize } = exchange.settings
  const pump = (): void => {
    // The transport calls it back, which has nobody to hand on to what is thrown.
    try {
      send()
    } catch (thrown) {
      exchange.crash(thrown)
    }
  }
  const send = (): void => {
    while (!exchange.done && !exchange.stopped) {
      const { offered } = exchange
      const last = offered >= bytes.length
      const wait = last
        ? writeEnd(exchange, encoder)
        : writePiece(exchange, encoder, bytes.subarray(offered, offered + blockSize))
      if (typeof wait === "object") return exchange.fail(wait)
      exchange.offered += blockSize
      if (last) return wait ? exchange.whenDrained(() => exchange.requestSent()) : exchange.requestSent()
      if (wait) return exchange.whenDrained(pump)
    }
  }
  if (exchange.full) exchange.whenDrained(pump)
  else pump()
}

/**
 * Writes pieces in blocks, and waits wherever the transport wants to be waited for: so
 * `timeouts.write` limits a block, not a piece, however large the caller's pieces are. Ends early
 * where sending was stopped.
 */
export const writePieces = (
  exchange: Exchange,
  encoder: BodyEncoder,
  pieces: ReadonlyArray<Uint8Array>
): Effect.Effect<void, HttpError> => {
  const { blockSize } = exchange.settings
  let index = 0
  let offset = 0
  const run = (): Effect.Effect<void, HttpError> => {
    for (let piece = pieces[index]; piece !== undefined; piece = pieces[index]) {
      if (exchange.stopped) return Effect.void
      if (!isBytes(piece)) {
        return Effect.fail(
          new UnsupportedBody({ reason: `its stream gave ${described(piece)}, which is no Uint8Array` })
        )
      }
      const written = writePiece(exchange, encoder, blockOf(piece, offset, blockSize))
      if (typeof written === "object") return Effect.fail(written)
      offset += blockSize
      if (offset >= piece.length) {
        index++
        offset = 0
      }
      if (written) return Effect.flatMap(drained(exchange), run)
    }
    if (encoder.done) exchange.expectAnswer()
    return Effect.void
  }
  return run()
}

const blockOf = (piece: Uint8Array, offset: number, blockSize: number): Uint8Array =>
  piece.length <= blockSize ? piece : piece.subarray(offset, offset + blockSize)

/** Trailers as they can be sent, from whatever the caller's Effect gave. */
const trailersFrom = (given: HttpFields.Input): HttpFields.HttpFields | InvalidTrailer => {
  const fields = Either.try({
    try: () => HttpFields.fromInput(given),
    catch: () =>
      new InvalidTrailer({ field: "", reason: "what their Effect gave is no record, no pairs and no `HttpFields`" })
  })
  return Either.isLeft(fields) ? fields.left : checkTrailers(fields.right) ?? fields.right
}

/** Waits for trailers that become known when the body has been written. */
const lateTrailers = <E>(encoder: BodyEncoder, trailers: LateTrailers<E>): Effect.Effect<void, HttpError<E>> =>
  Effect.matchEffect(trailers, {
    onFailure: (error) => Effect.fail<HttpError<E>>(new RequestBodyError({ error })),
    onSuccess: (given) => {
      const fields = trailersFrom(given)
      if (fields instanceof InvalidTrailer) return Effect.fail(fields)
      encoder.trailers = fields
      return Effect.void
    }
  })

/**
 * Sends a stream, and ends the body where it is all of it. Fails with what is wrong with the
 * stream.
 */
const runStream = <E>(
  exchange: Exchange,
  encoder: BodyEncoder,
  stream: Stream.Stream<Uint8Array, E>,
  whole: boolean,
  trailers: LateTrailers<E> | undefined
): Effect.Effect<void, HttpError<E>> => {
  const loop: Channel.Channel<never, Chunk.Chunk<Uint8Array>, HttpError, E, void, unknown> = Channel.readWithCause({
    onInput: (pieces: Chunk.Chunk<Uint8Array>) => {
      const writing = writePieces(exchange, encoder, Chunk.toReadonlyArray(pieces))
      // Where nothing is to be waited for, which is so for most pieces, an effect would cost more
      // than the writing.
      return writing === Effect.void ? loop : Channel.flatMap(Channel.fromEffect(writing), () => loop)
    },
    onFailure: (cause: Cause.Cause<E>) =>
      Channel.failCause(Cause.map(cause, (error) => new RequestBodyError({ error }))),
    onDone: () => Channel.void
  })
  const end = Effect.suspend(() => {
    if (!whole) return Effect.void
    const written = writeEnd(exchange, encoder)
    if (typeof written === "object") return Effect.fail(written)
    return written ? drained(exchange) : Effect.void
  })
  const sent = Channel.runDrain(Channel.pipeTo(Stream.toChannel(stream), loop))
  const rest = trailers === undefined ? end : Effect.zipRight(lateTrailers(encoder, trailers), end)
  return Effect.zipRight(sent, rest) as Effect.Effect<void, HttpError<E>>
}

/**
 * Sends a stream in a fiber of its own, so that the response is delivered while the body still goes
 * out. The fiber ends with the exchange, and its value is how the sending ended. `hold` runs before
 * the first piece; `whole` says whether the stream is all of the body, which ends with `trailers`
 * where these become known late.
 */
export const forkStream = <E>(
  exchange: Exchange,
  encoder: BodyEncoder,
  stream: Stream.Stream<Uint8Array, E>,
  hold: Effect.Effect<void>,
  whole: boolean,
  trailers?: LateTrailers<E>
): Effect.Effect<Fiber.RuntimeFiber<Exit.Exit<void, HttpError<E>>>> =>
  Effect.map(
    Effect.forkDaemon(
      // Not `onExit`: a fiber that fails is reported to the log as unhandled.
      Effect.map(
        Effect.exit(Effect.interruptible(Effect.zipRight(
          hold,
          Effect.suspend(() => exchange.stopped ? Effect.void : runStream(exchange, encoder, stream, whole, trailers))
        ))),
        (exit) => {
          settle(exchange, encoder, exit)
          return exit
        }
      )
    ),
    (fiber) => {
      // The finalizers of the stream are the caller's.
      const context = exchange.settings.loop.captureContext()
      exchange.stopWriter = () => context.run(() => fiber.unsafeInterruptAsFork(fiber.id()))
      exchange.writerDone = Effect.asVoid(awaitFiber(exchange.settings.loop, fiber))
      return fiber
    }
  )

/** Tells the exchange how the sending ended. */
const settle = (exchange: Exchange, encoder: BodyEncoder, exit: Exit.Exit<void, HttpError>): void => {
  exchange.stopWriter = undefined
  if (Exit.isSuccess(exit)) return encoder.done ? exchange.requestSent() : undefined
  const failure = Cause.failureOrCause(exit.cause)
  if (failure._tag === "Right" && !Cause.isInterruptedOnly(failure.right)) {
    return exchange.die(failure.right, Cause.squash(failure.right))
  }
  // The exchange itself ends the fiber when there is no use in going on, and the answer wins over
  // what the stream says then.
  if (exchange.stopped) return
  if (failure._tag === "Left") return exchange.fail(failure.left)
  // By itself: nobody else interrupts the fiber, so it is the caller's to mend.
  const error = new ConnectionClosed({ reason: "the stream of the request's body was interrupted" })
  exchange.fail(withContext(error, unlocated("write", "User")), "Interrupted")
}
