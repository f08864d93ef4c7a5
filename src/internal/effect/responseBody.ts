/**
 * The ways of reading a body, as Effects over the exchange's buffer.
 *
 * Each body is read in one way; `Reading` names it. A read fails with the body's failure after the
 * bytes that arrived before it. If those bytes were being collected, the failure contains them.
 * Code that a socket's callback runs here throws nothing into that callback. Without memory for the
 * bytes the body fails; anything else is a defect of the read (`#caught`). An interrupted read
 * closes the connection, and later reads fail, so that no read succeeds with a gap before it.
 */
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { BodyFailure } from "../../HttpError.ts"
import type * as HttpFields from "../../HttpFields.ts"
import { join, NoRoom } from "../bytes.ts"
import type { Exchange } from "../connection/exchange.ts"
import { withPartial } from "../error/partial.ts"
import { BodyAlreadyConsumed, ConnectionClosed } from "../error/state.ts"
import { tooLargeForMemory } from "../tooLarge.ts"
import { waitFor, waitForOrCancel } from "./wait.ts"

/** The way in which a body is being read, or was read. */
type Reading = "unread" | "read" | "stream" | "collect" | "close"

const empty: Uint8Array = new Uint8Array(0)

const closing = "the response was closed before its body was read"
const interruption = "the reading of the body was interrupted"

/**
 * Returns a number of bytes. As in Python, a negative number means no limit. A number less than
 * one, and `NaN`, count as 0.
 */
const count = (n: number): number => n < 0 ? Infinity : Math.floor(n) || 0

export class BodyReader {
  readonly #exchange: Exchange
  #reading: Reading = "unread"
  #whole: Effect.Effect<Uint8Array, BodyFailure> | undefined
  /** The failure to read the rest of a body that has ended, because bytes of it were dropped. */
  #lost: BodyFailure | undefined
  /**
   * True if the body was closed before it had ended. A fiber that still reads misses bytes,
   * although the rest may arrive.
   */
  #cut = false
  /** True if a read has failed or was interrupted, so that the caller knows of the failure. */
  #reported = false

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  /**
   * True if there is nothing left to read. A failure that no read has reported is still left.
   * Otherwise a caller that reads until this is true could take a truncated body for a complete
   * one.
   */
  get closed(): boolean {
    const { body } = this.#exchange
    return body.discarding || ((body.ended || this.#reported) && body.size === 0)
  }

  /**
   * Discards the body. If its reader was interrupted, the connection is closed at once.
   */
  close(interrupted = false): void {
    const { body } = this.#exchange
    if (this.#reading !== "collect") this.#reading = "close"
    body.discarding = true
    body.finished = true
    // A stream that another fiber reads must not mistake the missing bytes for the end.
    if (body.size > 0 && body.settled) this.#lost ??= this.#consumed()
    body.clear()
    if (body.settled) return
    this.#cut = true
    if (interrupted) this.#exchange.abandon(interruption)
    else this.#exchange.discardBody(closing)
  }

  /**
   * Returns the complete body if it has arrived and no read has started; otherwise `undefined`.
   */
  get whole(): Uint8Array | undefined {
    const { body } = this.#exchange
    if (this.#reading !== "unread" || !body.ended || body.awaited || this.#failure !== undefined) return undefined
    this.#reading = "collect"
    body.finished = true
    try {
      const bytes = body.takeAll()
      this.#whole = Effect.succeed(bytes)
      return bytes
    } catch (thrown) {
      this.#whole = this.#caught(thrown, [])
      return undefined
    }
  }

  get bytes(): Effect.Effect<Uint8Array, BodyFailure> {
    return Effect.suspend(() => {
      if (this.#whole !== undefined) return this.#whole
      // Concurrent calls share one result.
      if (this.#reading === "collect") return Effect.zipRight(this.#settled, Effect.suspend(() => this.#collect()))
      if (!this.#free) return this.#alreadyConsumed
      if (!this.#exchange.body.settled) return this.#wait("collect", [], () => this.#collect(), this.bytes)
      this.#reading = "collect"
      return this.#collect()
    })
  }

  /** Takes the whole body after it has ended or failed. */
  #collect(): Effect.Effect<Uint8Array, BodyFailure> {
    this.#whole ??= this.#safely([], () => this.#finish([this.#exchange.body.takeAll()]))
    return this.#whole
  }

  /** Reads exactly `n` bytes, or fewer only at the end. */
  read(n: number): Effect.Effect<Uint8Array, BodyFailure> {
    return this.#collectPieces(count(n), (left) => this.#exchange.body.size >= left ? left : 0)
  }

  /** Reads what is available, at most `n` bytes. */
  read1(n: number): Effect.Effect<Uint8Array, BodyFailure> {
    return this.#available((body) => body.take(count(n)))
  }

  peek(n: number): Effect.Effect<Uint8Array, BodyFailure> {
    return this.#available((body) => body.peek(count(n)))
  }

  readInto(buffer: Uint8Array): Effect.Effect<number, BodyFailure> {
    return Effect.map(this.read(buffer.length), (bytes) => {
      buffer.set(bytes)
      return bytes.length
    })
  }

  readLine(limit: number): Effect.Effect<Uint8Array, BodyFailure> {
    return this.#collectPieces(count(limit), (left) => {
      const { body } = this.#exchange
      const length = body.lineLength()
      if (length > 0) return Math.min(length, left)
      return body.size >= left ? left : 0
    })
  }

  /** Returns a stream of the body. The server is read as fast as the stream is pulled. */
  get stream(): Stream.Stream<Uint8Array, BodyFailure> {
    return Stream.fromChannel(Channel.suspend(() => {
      if (!this.#free) return Channel.fromEffect(this.#alreadyConsumed)
      this.#begin("stream")
      this.#exchange.stream()
      return Channel.ensuringWith(this.#loop(), (exit) =>
        Effect.sync(() => {
          if (!this.#exchange.body.settled) this.close(Exit.isInterrupted(exit))
        }))
    }))
  }

  get trailers(): Effect.Effect<HttpFields.HttpFields, BodyFailure> {
    return Effect.suspend(() => {
      const { body } = this.#exchange
      body.finished = true
      if (body.ended) return Effect.succeed(body.trailers)
      // A stream ends the body, whichever fiber pulls it and whenever. Reads of pieces may stop
      // before the end, so the rest is collected here.
      const read = this.#reading === "stream" || this.#reading === "close" ? this.#settled : Effect.asVoid(this.bytes)
      return Effect.flatMap(
        read,
        () => body.failure === undefined ? Effect.succeed(body.trailers) : this.#failing(body.failure)
      )
    })
  }

  /**
   * True if a read may start. Only reads of pieces may have started before, and none of them may be
   * waiting, because its bytes would go to the new one.
   */
  get #free(): boolean {
    return (this.#reading === "unread" || this.#reading === "read") && !this.#exchange.body.awaited
  }

  #begin(reading: "read" | "stream" | "collect"): void {
    this.#reading = reading
    this.#exchange.body.begun = true
  }

  /** Returns the failure of a read that has taken all available bytes. */
  get #failure(): BodyFailure | undefined {
    return this.#exchange.body.failure ?? this.#lost
      ?? (this.#cut ? this.#exchange.withContext(new ConnectionClosed({ reason: closing })) : undefined)
  }

  #consumed(): BodyFailure {
    const by = this.#reading === "unread" ? "read" : this.#reading
    return this.#exchange.withContext(new BodyAlreadyConsumed({ by }))
  }

  get #alreadyConsumed(): Effect.Effect<never, BodyFailure> {
    return Effect.suspend(() => Effect.fail(this.#consumed()))
  }

  #pieces<A>(reading: () => Effect.Effect<A, BodyFailure>): Effect.Effect<A, BodyFailure> {
    return Effect.suspend(() => {
      if (!this.#free) return this.#alreadyConsumed
      this.#begin("read")
      return reading()
    })
  }

  /**
   * Takes bytes as they arrive, until `step` returns a result. Runs `orElse` if another fiber
   * started to read before this one.
   *
   * One cleanup covers the start, every wait and every step. An interruption between two of them
   * would otherwise lose the bytes taken, or leave a read started that no fiber ends. `taken` holds
   * the bytes that `step` has taken so far.
   */
  #wait<A>(
    reading: "read" | "collect",
    taken: Array<Uint8Array>,
    step: () => Effect.Effect<A, BodyFailure> | undefined,
    orElse: Effect.Effect<A, BodyFailure>
  ): Effect.Effect<A, BodyFailure> {
    let begun = false
    const waiting = waitFor<A, BodyFailure>(this.#exchange.settings.loop, (waiter) => {
      if (!this.#free) return waiter.resume(orElse)
      begun = true
      this.#begin(reading)
      if (reading === "collect") this.#exchange.body.collecting = true
      const next = (): void => {
        const result = this.#safely(taken, step)
        if (result === undefined) this.#exchange.whenBody(next)
        else waiter.resume(result)
      }
      this.#exchange.whenBody(next)
    })
    return Effect.onInterrupt(waiting, () =>
      Effect.sync(() => {
        if (begun) this.#interrupted()
      }))
  }

  /**
   * No caller receives the bytes that the read took, so there is nothing left to read. A whole body
   * that has already been collected is kept, however.
   */
  #interrupted(): void {
    if (this.#whole !== undefined) return
    const { body } = this.#exchange
    this.#reported = true
    body.finished = true
    body.clear()
    if (body.settled) this.#lost ??= this.#exchange.withContext(new ConnectionClosed({ reason: interruption }))
    else this.#exchange.abandon(interruption)
  }

  /** Waits until nothing more will arrive, whichever fiber reads. */
  get #settled(): Effect.Effect<void> {
    const { body, connection, settings: { loop } } = this.#exchange
    return waitForOrCancel<void>(loop, (waiter) => {
      const done = (): void => waiter.resume(Effect.void)
      body.onSettled(done)
      if (body.settled) return () => {}
      // The rest may be read only to be dropped, which by itself does not keep the process alive.
      connection.ref()
      return () => {
        body.offSettled(done)
        if (body.discarding && !body.settled && !body.endAwaited) connection.unref()
      }
    })
  }

  #available(take: (body: Exchange["body"]) => Uint8Array): Effect.Effect<Uint8Array, BodyFailure> {
    return this.#pieces(() => {
      const { body } = this.#exchange
      const give = (): Effect.Effect<Uint8Array, BodyFailure> =>
        body.size > 0 ? Effect.succeed(take(body)) : this.#finish([])
      if (!body.ready) return this.#wait("read", [], give, this.#alreadyConsumed)
      this.#exchange.startUnreadTimer()
      return this.#safely([], give)
    })
  }

  /**
   * Reads at most `n` bytes, as many as `enough` returns. It returns 0 if the available bytes are
   * not enough, and is called again when more have arrived.
   */
  #collectPieces(n: number, enough: (left: number) => number): Effect.Effect<Uint8Array, BodyFailure> {
    return this.#pieces(() => {
      if (n === 0) return Effect.succeed(empty)
      const { body } = this.#exchange
      const taken: Array<Uint8Array> = []
      const whole = enough(n)
      if (whole > 0) {
        this.#exchange.startUnreadTimer()
        return this.#safely(taken, () => Effect.succeed(body.take(whole)))
      }
      if (body.settled) return this.#safely(taken, () => this.#finish([body.takeAll()]))
      let left = n
      const step = (): Effect.Effect<Uint8Array, BodyFailure> | undefined => {
        const last = enough(left)
        // Bytes that have been searched are taken, so that a long line is searched only once.
        const piece = last > 0 ? body.take(last) : body.takeAll()
        if (piece.length > 0) taken.push(piece)
        left -= piece.length
        if (last > 0) return Effect.succeed(join(taken))
        return body.settled ? this.#finish(taken) : undefined
      }
      return this.#wait("read", taken, step, this.#alreadyConsumed)
    })
  }

  /**
   * Returns what `step` returns. If `step` throws, returns a failure with the bytes that it had
   * `taken`.
   */
  #safely<A extends Effect.Effect<unknown, BodyFailure> | undefined>(
    taken: ReadonlyArray<Uint8Array>,
    step: () => A
  ): A | Effect.Effect<never, BodyFailure> {
    try {
      return step()
    } catch (thrown) {
      return this.#caught(thrown, taken)
    }
  }

  /** Handles what a read threw. Always closes the connection, because bytes may be missing. */
  #caught(thrown: unknown, taken: ReadonlyArray<Uint8Array>): Effect.Effect<never, BodyFailure> {
    const exchange = this.#exchange
    const before = this.#failure
    const pieces = [...taken, ...exchange.body.takePieces()]
    exchange.crash(thrown)
    if (!(thrown instanceof NoRoom)) return Effect.die(thrown)
    const error = exchange.withContext(tooLargeForMemory(thrown, pieces, before))
    // The failure of later reads contains none of these bytes.
    if (before === undefined) this.#lost ??= exchange.withContext(tooLargeForMemory(thrown, []))
    return this.#failing(error)
  }

  /**
   * Ends a read when nothing more is available: with the bytes, or with a failure that has them.
   */
  #finish(pieces: ReadonlyArray<Uint8Array>): Effect.Effect<Uint8Array, BodyFailure> {
    this.#exchange.body.finished = true
    const failure = this.#failure
    return failure === undefined
      ? Effect.succeed(join(pieces))
      : this.#failing(withPartial(failure, join(pieces)))
  }

  #failing(failure: BodyFailure): Effect.Effect<never, BodyFailure> {
    this.#reported = true
    this.#exchange.body.finished = true
    return Effect.fail(failure)
  }

  #takeChunk(): Chunk.Chunk<Uint8Array> | Effect.Effect<never, BodyFailure> {
    try {
      const pieces = this.#exchange.body.takeChunk()
      const [first] = pieces
      return first !== undefined && pieces.length === 1 ? Chunk.of(first) : Chunk.unsafeFromArray(pieces)
    } catch (thrown) {
      return this.#caught(thrown, [])
    }
  }

  /** Writes the available bytes repeatedly until the end. */
  #loop(): Body {
    const { body } = this.#exchange
    const give = (): Body => {
      if (body.size > 0) {
        const chunk = this.#takeChunk()
        return Chunk.isChunk(chunk)
          ? Channel.flatMap(Channel.write(chunk), () => body.ready ? give() : waited)
          : Channel.fromEffect(chunk)
      }
      body.finished = true
      const failure = this.#failure
      return failure === undefined ? Channel.void : Channel.fromEffect(this.#failing(failure))
    }
    // The end of the stream closes the response, also if it is interrupted. So no wait needs a
    // separate cleanup, which would cost 9 more runtime operations for each chunk.
    const waited: Body = Channel.flatMap(
      Channel.fromEffect(waitFor<void>(this.#exchange.settings.loop, (waiter) => {
        // Bytes that are being dropped are not awaited.
        if (this.#cut) waiter.resume(Effect.void)
        else this.#exchange.whenBody(() => waiter.resume(Effect.void))
      })),
      give
    )
    return Channel.suspend(() => body.ready ? give() : waited)
  }
}

/** The channel that a stream of the body is made of. */
type Body = Channel.Channel<Chunk.Chunk<Uint8Array>, unknown, BodyFailure, unknown, void>
