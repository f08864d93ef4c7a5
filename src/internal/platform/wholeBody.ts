/**
 * A whole body in memory, within the platform's `MaxBodySize` if it is set. Read once; later and
 * concurrent calls share the result.
 *
 * Without a limit the response itself collects the body. With a limit it is read in pieces, so that
 * no more than the limit is held. It is released at the first byte too many, or at once if the
 * declared length exceeds the limit.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import type { BodyFailure } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import { join, NoRoom } from "../bytes.ts"
import { keepContext } from "../effect/wait.ts"
import { BodyTooLarge } from "../error/body.ts"
import { withPartial } from "../error/partial.ts"
import { locateIn } from "../locateIn.ts"
import { nodeEventLoop } from "../node/eventLoop.ts"
import { tooLargeForMemory } from "../tooLarge.ts"

const empty: Uint8Array = new Uint8Array(0)

const declaredLength = ({ fields, framing }: HttpResponse): number =>
  framing === "length" ? Number(HttpFields.getUnsafe(fields, "content-length")) : 0

/** Restores the interruptibility outside of the mask. */
type Restore = <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>

export class WholeBody {
  readonly #source: HttpResponse
  /** The body, if it was read in pieces. */
  #bytes: Uint8Array | undefined
  /** The reading in pieces. */
  #gathering: Deferred.Deferred<Uint8Array, BodyFailure> | undefined
  /** True if the response was asked to collect the body. */
  #collecting: boolean

  constructor(source: HttpResponse, collecting: boolean) {
    this.#source = source
    this.#collecting = collecting
  }

  /** True while the body is read in pieces. Another reader would then take one of them away. */
  get busy(): boolean {
    return this.#gathering !== undefined && this.#bytes === undefined
  }

  /**
   * Reads the whole body; `limit` is `Infinity` for none. Must be called when the reading begins.
   */
  read(limit: number): Effect.Effect<Uint8Array, BodyFailure> {
    if (this.#bytes !== undefined) return this.#checked(this.#bytes, limit)
    if (this.#gathering !== undefined) {
      const gathered = keepContext(nodeEventLoop, Deferred.await(this.#gathering))
      return Effect.flatMap(gathered, (bytes) => this.#checked(bytes, limit))
    }
    if (limit !== Infinity && !this.#collecting) return this.#begin(limit)
    this.#collecting = true
    return limit === Infinity
      ? this.#source.bytes
      : Effect.flatMap(this.#source.bytes, (bytes) => this.#checked(bytes, limit))
  }

  #checked(bytes: Uint8Array, limit: number): Effect.Effect<Uint8Array, BodyFailure> {
    return bytes.length <= limit ? Effect.succeed(bytes) : Effect.fail(this.#error(limit, bytes))
  }

  /**
   * Begins to read in pieces. Uninterruptible from the start until its cleanup is installed,
   * because later readers would otherwise wait indefinitely.
   */
  #begin(limit: number): Effect.Effect<Uint8Array, BodyFailure> {
    return Effect.uninterruptibleMask((restore) =>
      // Another fiber may have begun after this was called.
      this.#gathering === undefined && !this.#collecting ? this.#readPieces(limit, restore) : restore(this.read(limit))
    )
  }

  #readPieces(limit: number, restore: Restore): Effect.Effect<Uint8Array, BodyFailure> {
    const gathering = Deferred.unsafeMake<Uint8Array, BodyFailure>(FiberId.none)
    this.#gathering = gathering
    const pieces: Array<Uint8Array> = []
    let size = 0
    const piece = Effect.mapError(this.#source.read1(), (error) => this.#withPieces(error, pieces))
    const next: Effect.Effect<Uint8Array, BodyFailure> = Effect.flatMap(piece, (piece) => {
      if (piece.length === 0) {
        const whole = this.#joined(pieces)
        if (Either.isRight(whole)) this.#bytes = whole.right
        return whole
      }
      pieces.push(piece)
      size += piece.length
      return size > limit ? this.#tooLarge(limit, pieces) : next
    })
    return Effect.onExit(
      restore(declaredLength(this.#source) > limit ? this.#tooLarge(limit, []) : next),
      (exit) =>
        Exit.isInterrupted(exit) && this.#bytes === undefined
          // The pieces are lost. Concurrent readers get the failure of a closed response.
          ? Effect.zipRight(this.#source.close, Deferred.complete(gathering, this.#source.bytes))
          : Deferred.done(gathering, this.#bytes === undefined ? exit : Exit.succeed(this.#bytes))
    )
  }

  /**
   * Joins the pieces, or returns a failure that contains them. `failure` is the reason if they are
   * not joined at their end.
   */
  #joined(pieces: ReadonlyArray<Uint8Array>, failure?: BodyFailure): Either.Either<Uint8Array, BodyTooLarge> {
    try {
      return Either.right(join(pieces))
    } catch (thrown) {
      if (thrown instanceof NoRoom) {
        return Either.left(locateIn(this.#source, tooLargeForMemory(thrown, pieces, failure)))
      }
      throw thrown
    }
  }

  /**
   * Adds the previous pieces to a failure. A failure without `partial` means that this reading
   * never began.
   */
  #withPieces(failure: BodyFailure, pieces: ReadonlyArray<Uint8Array>): BodyFailure {
    if (failure.partial === undefined) return failure
    if (failure._tag === "BodyTooLarge" && failure.pieces !== undefined) {
      const room = new NoRoom(failure.limit, failure.cause)
      return locateIn(this.#source, tooLargeForMemory(room, [...pieces, ...failure.pieces]))
    }
    return Either.match(this.#joined(pieces, failure), {
      onLeft: (error) => error,
      onRight: (partial) => withPartial(failure, partial)
    })
  }

  /** Releases the response and fails. */
  #tooLarge(limit: number, pieces: ReadonlyArray<Uint8Array>): Effect.Effect<never, BodyFailure> {
    const partial = Either.getOrElse(this.#joined(pieces), () => pieces[0] ?? empty)
    return Effect.zipRight(this.#source.close, Effect.suspend(() => Effect.fail(this.#error(limit, partial))))
  }

  #error(limit: number, partial: Uint8Array): BodyTooLarge {
    return locateIn(this.#source, new BodyTooLarge({ limit, partial }))
  }
}
