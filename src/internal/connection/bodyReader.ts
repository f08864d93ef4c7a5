/**
 * The ways of reading a body, as Effects over the exchange's buffer.
 *
 * Each body is read in one way (`Reading` says which); whatever reads fails with the body's failure after the bytes that came
 * before it, and with those bytes in the failure where they were being collected. Interruption while waiting closes the connection.
 */
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { BodyFailure } from "../../HttpError.ts"
import type * as HttpFields from "../../HttpFields.ts"
import { ConnectionReset, IncompleteRead } from "../error/body.ts"
import { BodyAlreadyConsumed } from "../error/state.ts"
import { join } from "./bodyBuffer.ts"
import type { Exchange } from "./exchange.ts"

/** How a body is being, or was, read. */
type Reading = "unread" | "read" | "stream" | "collect" | "close"

const empty: Uint8Array = new Uint8Array(0)

/** The same failure with the bytes that had been collected. */
const withPartial = (exchange: Exchange, failure: BodyFailure, partial: Uint8Array): BodyFailure => {
  switch (failure._tag) {
    case "IncompleteRead": {
      const { cause, expected, received } = failure
      return exchange.locate(new IncompleteRead({ received, expected, partial, cause }))
    }
    case "ConnectionReset": {
      const { cause, code, expected, received } = failure
      return exchange.locate(new ConnectionReset({ code, received, expected, partial, cause }))
    }
    default:
      return failure
  }
}

export class BodyReader {
  readonly #exchange: Exchange
  #reading: Reading = "unread"
  #whole: Effect.Effect<Uint8Array, BodyFailure> | undefined

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  /** Whether there is nothing left to read. */
  get closed(): boolean {
    const { body } = this.#exchange
    return this.#reading === "close" || (body.ended && body.size === 0)
  }

  /** Lets go of the body. */
  close(): void {
    const { body } = this.#exchange
    if (this.#reading !== "collect") this.#reading = "close"
    body.discarding = true
    body.clear()
    if (!body.settled) this.#exchange.abandon("the response was closed before its body was read")
  }

  get bytes(): Effect.Effect<Uint8Array, BodyFailure> {
    return Effect.suspend(() => this.#collect())
  }

  #collect(): Effect.Effect<Uint8Array, BodyFailure> {
    if (this.#whole !== undefined) return this.#whole
    // Whoever else asks for the whole gets the same.
    if (this.#reading === "collect") return Effect.zipRight(this.#settled, this.#collected)
    if (!this.#free) return this.#alreadyConsumed()
    this.#reading = "collect"
    this.#exchange.body.collecting = true
    return Effect.zipRight(this.#ready, this.#collected)
  }

  readonly #collected: Effect.Effect<Uint8Array, BodyFailure> = Effect.suspend(() => {
    if (this.#whole !== undefined) return this.#whole
    const { body } = this.#exchange
    const bytes = body.takeAll()
    this.#whole = body.failure === undefined
      ? Effect.succeed(bytes)
      : Effect.fail(withPartial(this.#exchange, body.failure, bytes))
    return this.#whole
  })

  /** Exactly `n` bytes, fewer only at the end. */
  read(n: number): Effect.Effect<Uint8Array, BodyFailure> {
    return this.#pieces(() => this.#gather(n, []))
  }

  /** What is there, at most `n` bytes. */
  read1(n: number): Effect.Effect<Uint8Array, BodyFailure> {
    return this.#pieces(() => this.#available((body) => body.take(n)))
  }

  peek(n: number): Effect.Effect<Uint8Array, BodyFailure> {
    return this.#pieces(() => this.#available((body) => body.peek(n)))
  }

  readInto(buffer: Uint8Array): Effect.Effect<number, BodyFailure> {
    return Effect.map(this.read(buffer.length), (bytes) => {
      buffer.set(bytes)
      return bytes.length
    })
  }

  readLine(limit: number): Effect.Effect<Uint8Array, BodyFailure> {
    return this.#pieces(() => this.#gatherLine(limit, []))
  }

  /** The server is read as fast as this is pulled. */
  get stream(): Stream.Stream<Uint8Array, BodyFailure> {
    return Stream.fromChannel(Channel.suspend(() => {
      if (!this.#free) return Channel.fromEffect(this.#alreadyConsumed())
      this.#reading = "stream"
      return Channel.ensuring(
        this.#loop(),
        Effect.sync(() => {
          if (!this.#exchange.body.settled) this.close()
        })
      )
    }))
  }

  get trailers(): Effect.Effect<HttpFields.HttpFields, BodyFailure> {
    return Effect.suspend(() => {
      const { body } = this.#exchange
      if (body.ended) return Effect.succeed(body.trailers)
      const read = this.#free ? Effect.asVoid(this.bytes) : this.#settled
      return Effect.flatMap(
        read,
        () => body.failure === undefined ? Effect.succeed(body.trailers) : Effect.fail(body.failure)
      )
    })
  }

  /** Whether a reading may begin: none but of pieces has, and nobody waits for one, whose bytes would be another's. */
  get #free(): boolean {
    return (this.#reading === "unread" || this.#reading === "read") && !this.#exchange.body.awaited
  }

  #alreadyConsumed(): Effect.Effect<never, BodyFailure> {
    const by = this.#reading === "unread" ? "read" : this.#reading
    return Effect.fail(this.#exchange.locate(new BodyAlreadyConsumed({ by })))
  }

  #pieces<A>(reading: () => Effect.Effect<A, BodyFailure>): Effect.Effect<A, BodyFailure> {
    return Effect.suspend(() => {
      if (!this.#free) return this.#alreadyConsumed()
      this.#reading = "read"
      return reading()
    })
  }

  /** Waits until the buffer has something to give. */
  readonly #ready: Effect.Effect<void> = Effect.suspend(() => this.#exchange.body.ready ? Effect.void : this.#wait())

  #wait(): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      this.#exchange.whenBody(() => resume(Effect.void))
      return Effect.sync(() => {
        this.#exchange.body.stopWaiting()
        this.#exchange.abandon("the reading of the body was interrupted")
      })
    })
  }

  /** Waits until nothing more will come, whoever reads. */
  get #settled(): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      const { body } = this.#exchange
      const done = (): void => resume(Effect.void)
      body.onSettled(done)
      return Effect.sync(() => body.offSettled(done))
    })
  }

  #available(take: (body: Exchange["body"]) => Uint8Array): Effect.Effect<Uint8Array, BodyFailure> {
    return Effect.zipRight(
      this.#ready,
      Effect.suspend(() => {
        const { body } = this.#exchange
        return body.size === 0 && body.failure !== undefined
          ? Effect.fail(withPartial(this.#exchange, body.failure, empty))
          : Effect.succeed(take(body))
      })
    )
  }

  #gather(n: number, pieces: Array<Uint8Array>): Effect.Effect<Uint8Array, BodyFailure> {
    if (!(n > 0)) return Effect.succeed(join(pieces))
    return Effect.zipRight(
      this.#ready,
      Effect.suspend(() => {
        const { body } = this.#exchange
        if (body.size === 0) return this.#finish(pieces)
        const piece = body.take(n)
        pieces.push(piece)
        return this.#gather(n - piece.length, pieces)
      })
    )
  }

  #gatherLine(limit: number, pieces: Array<Uint8Array>): Effect.Effect<Uint8Array, BodyFailure> {
    if (!(limit > 0)) return Effect.succeed(join(pieces))
    return Effect.zipRight(
      this.#ready,
      Effect.suspend(() => {
        const { body } = this.#exchange
        if (body.size === 0) return this.#finish(pieces)
        // What has been searched is taken, so that a long line is searched once.
        const length = body.lineLength()
        const piece = body.take(Math.min(limit, length === 0 ? body.size : length))
        pieces.push(piece)
        return length > 0 && length <= limit
          ? Effect.succeed(join(pieces))
          : this.#gatherLine(limit - piece.length, pieces)
      })
    )
  }

  /** Nothing more is there: the end, or the failure with what was gathered. */
  #finish(pieces: ReadonlyArray<Uint8Array>): Effect.Effect<Uint8Array, BodyFailure> {
    const { failure } = this.#exchange.body
    return failure === undefined
      ? Effect.succeed(join(pieces))
      : Effect.fail(withPartial(this.#exchange, failure, join(pieces)))
  }

  /** Gives what is there, again and again, until the end. */
  #loop(): Body {
    const { body } = this.#exchange
    const give = (): Body => {
      if (body.size > 0) return Channel.flatMap(Channel.write(Chunk.unsafeFromArray(body.takeChunks())), () => next)
      return body.failure === undefined ? Channel.void : Channel.fail(body.failure)
    }
    // The end of the stream, interruption included, closes the response. So no waiting needs a cleanup of its own, which would
    // cost 9 runtime operations more a chunk.
    const waited: Body = Channel.flatMap(
      Channel.fromEffect(Effect.async<void>((resume) => this.#exchange.whenBody(() => resume(Effect.void)))),
      give
    )
    const next: Body = Channel.suspend(() => body.ready ? give() : waited)
    return next
  }
}

/** A stream of the body, as what a stream is made of. */
type Body = Channel.Channel<Chunk.Chunk<Uint8Array>, unknown, BodyFailure, unknown, void>
