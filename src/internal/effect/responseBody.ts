/**
 * The ways of reading a body, as Effects over the exchange's buffer.
 *
 * Each body is read in one way (`Reading` says which); whatever reads fails with the body's failure
 * after the bytes that came before it, and with those bytes in the failure where they were being
 * collected. What a callback of the socket runs here throws nothing into it: no memory for the
 * bytes is a failure of the body, and anything else a defect of the reading (`#caught`). An
 * interrupted reading closes the connection, and what is read after it fails: no reading succeeds
 * with a hole before it.
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

/** How a body is being, or was, read. */
type Reading = "unread" | "read" | "stream" | "collect" | "close"

const empty: Uint8Array = new Uint8Array(0)

const closing = "the response was closed before its body was read"
const interruption = "the reading of the body was interrupted"

/**
 * A number of bytes: as in Python a negative one has no limit. Whatever is less than one byte is
 * none, `NaN` too.
 */
const count = (n: number): number => n < 0 ? Infinity : Math.floor(n) || 0

export class BodyReader {
  readonly #exchange: Exchange
  #reading: Reading = "unread"
  #whole: Effect.Effect<Uint8Array, BodyFailure> | undefined
  /** Why a body that has ended cannot be read to its end: bytes of it were dropped. */
  #lost: BodyFailure | undefined
  /**
   * Whether it was closed before it had ended, so that whoever still reads misses bytes, though the
   * rest may come.
   */
  #cut = false
  /** True if a reading has failed or was interrupted, so that the caller knows of the failure. */
  #reported = false

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  /**
   * True if there is nothing left to read. A failure that no reading has reported is still to be
   * read: otherwise a caller that reads until this is true would take a body that was cut short
   * between two readings for a whole one.
   */
  get closed(): boolean {
    const { body } = this.#exchange
    return body.discarding || ((body.ended || this.#reported) && body.size === 0)
  }

  /**
   * Lets go of the body. Where that is because its reader was interrupted, the connection is closed
   * at once.
   */
  close(interrupted = false): void {
    const { body } = this.#exchange
    if (this.#reading !== "collect") this.#reading = "close"
    body.discarding = true
    body.finished = true
    // A stream that another fiber reads must not take what is missing now for the end.
    if (body.size > 0 && body.settled) this.#lost ??= this.#consumed()
    body.clear()
    if (body.settled) return
    this.#cut = true
    if (interrupted) this.#exchange.abandon(interruption)
    else this.#exchange.discardBody(closing)
  }

  /**
   * The whole body, where all of it is there and nobody has read of it; `undefined` where that is
   * not so plain.
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
      // Whoever else asks for the whole gets the same.
      if (this.#reading === "collect") return Effect.zipRight(this.#settled, Effect.suspend(() => this.#collect()))
      if (!this.#free) return this.#alreadyConsumed
      if (!this.#exchange.body.settled) return this.#wait("collect", [], () => this.#collect(), this.bytes)
      this.#reading = "collect"
      return this.#collect()
    })
  }

  /** All of a body of which nothing more will come. */
  #collect(): Effect.Effect<Uint8Array, BodyFailure> {
    this.#whole ??= this.#safely([], () => this.#finish([this.#exchange.body.takeAll()]))
    return this.#whole
  }

  /** Exactly `n` bytes, fewer only at the end. */
  read(n: number): Effect.Effect<Uint8Array, BodyFailure> {
    return this.#gather(count(n), (left) => this.#exchange.body.size >= left ? left : 0)
  }

  /** What is there, at most `n` bytes. */
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
    return this.#gather(count(limit), (left) => {
      const { body } = this.#exchange
      const length = body.lineLength()
      if (length > 0) return Math.min(length, left)
      return body.size >= left ? left : 0
    })
  }

  /** The server is read as fast as this is pulled. */
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
      // A stream ends the body whoever pulls it, and whenever. Pieces may stop before the end, so
      // nobody waits for them.
      const read = this.#reading === "stream" || this.#reading === "close" ? this.#settled : Effect.asVoid(this.bytes)
      return Effect.flatMap(
        read,
        () => body.failure === undefined ? Effect.succeed(body.trailers) : this.#failing(body.failure)
      )
    })
  }

  /**
   * Whether a reading may begin: none but of pieces has, and nobody waits for one, whose bytes
   * would be another's.
   */
  get #free(): boolean {
    return (this.#reading === "unread" || this.#reading === "read") && !this.#exchange.body.awaited
  }

  #begin(reading: "read" | "stream" | "collect"): void {
    this.#reading = reading
    this.#exchange.body.begun = true
  }

  /** What a reading fails with that has taken all that is there. */
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
   * Takes what comes, as it comes, until `step` gives a result; `orElse` where another fiber began
   * to read before this did.
   *
   * One cleanup is around the beginning, every wait and every taking: an interruption between two
   * of them would leave bytes taken that nobody gets, or a reading begun that nobody ends. `taken`
   * is what `step` has taken so far.
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
   * What the reading took is nobody's, so there is nothing left to read; but the whole, once it is
   * there, is remembered.
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

  /** Waits until nothing more will come, whoever reads. */
  get #settled(): Effect.Effect<void> {
    const { body, connection, settings: { loop } } = this.#exchange
    return waitForOrCancel<void>(loop, (waiter) => {
      const done = (): void => waiter.resume(Effect.void)
      body.onSettled(done)
      if (body.settled) return () => {}
      // The rest may be on its way to be dropped, which by itself holds no process.
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
   * At most `n` bytes, as many as `enough` says; where what is there is not enough it says 0, and
   * gets what comes then.
   */
  #gather(n: number, enough: (left: number) => number): Effect.Effect<Uint8Array, BodyFailure> {
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
        // What has been searched is taken, so that a long line is searched once.
        const piece = last > 0 ? body.take(last) : body.takeAll()
        if (piece.length > 0) taken.push(piece)
        left -= piece.length
        if (last > 0) return Effect.succeed(join(taken))
        return body.settled ? this.#finish(taken) : undefined
      }
      return this.#wait("read", taken, step, this.#alreadyConsumed)
    })
  }

  /** What `step` gives, or a failure with what it had `taken` where it throws. */
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

  /** What reading threw. The connection is closed in any case: bytes of the body may be missing. */
  #caught(thrown: unknown, taken: ReadonlyArray<Uint8Array>): Effect.Effect<never, BodyFailure> {
    const exchange = this.#exchange
    const before = this.#failure
    const pieces = [...taken, ...exchange.body.takePieces()]
    exchange.crash(thrown)
    if (!(thrown instanceof NoRoom)) return Effect.die(thrown)
    const error = exchange.withContext(tooLargeForMemory(thrown, pieces, before))
    // What is read later has none of them.
    if (before === undefined) this.#lost ??= exchange.withContext(tooLargeForMemory(thrown, []))
    return this.#failing(error)
  }

  /** Nothing more is there: the end, or the failure with what was gathered. */
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

  /** Gives what is there, again and again, until the end. */
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
    // The end of the stream, interruption included, closes the response. So no waiting needs a
    // cleanup of its own, which would cost 9 runtime operations more a chunk.
    const waited: Body = Channel.flatMap(
      Channel.fromEffect(waitFor<void>(this.#exchange.settings.loop, (waiter) => {
        // What is being dropped is not waited for.
        if (this.#cut) waiter.resume(Effect.void)
        else this.#exchange.whenBody(() => waiter.resume(Effect.void))
      })),
      give
    )
    return Channel.suspend(() => body.ready ? give() : waited)
  }
}

/** A stream of the body, as what a stream is made of. */
type Body = Channel.Channel<Chunk.Chunk<Uint8Array>, unknown, BodyFailure, unknown, void>
