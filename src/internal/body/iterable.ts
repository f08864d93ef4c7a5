/**
 * An `Iterable` or `AsyncIterable` as a stream that asks for one piece at a time and lets go of the
 * source where it stops early.
 *
 * Written by hand because `Stream.fromAsyncIterable` waits for `return` on interruption, and a
 * generator that waits for its next piece never hears of it.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"

/** The pieces of an iterable, each asked for when the one before it was taken. */
export const pull = (source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Stream.Stream<Uint8Array, unknown> =>
  Stream.unwrapScoped(
    Effect.map(
      Effect.acquireRelease(
        // What a caller's iterator throws can be anything, and comes back in `RequestBodyError` as
        // it is.
        // @effect-diagnostics-next-line unknownInEffectCatch:off
        Effect.try({
          try: () => new Puller(source),
          catch: (error): unknown => error
        }),
        (puller) => puller.stop
      ),
      (puller) => Stream.repeatEffectOption(puller.next)
    )
  )

class Puller {
  readonly #source: object
  readonly #iterator: Iterator<Uint8Array> | AsyncIterator<Uint8Array>
  readonly #async: boolean
  /** Whether it is at its end or has thrown, so that there is nothing to stop. */
  #ended = false
  #pending = false

  constructor(source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>) {
    this.#source = source
    this.#async = Symbol.asyncIterator in source
    this.#iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  }

  /** The next piece; `None` at the end. */
  get next(): Effect.Effect<Uint8Array, Option.Option<unknown>> {
    return Effect.flatten(
      this.#async
        ? Effect.tryPromise({ try: () => this.#nextLater(), catch: Option.some })
        : Effect.try({ try: () => this.#nextNow(), catch: Option.some })
    )
  }

  #nextNow(): Effect.Effect<Uint8Array, Option.Option<never>> {
    this.#ended = true
    return this.#taken(this.#iterator.next() as IteratorResult<Uint8Array>)
  }

  async #nextLater(): Promise<Effect.Effect<Uint8Array, Option.Option<never>>> {
    this.#pending = true
    try {
      const result = await this.#iterator.next()
      return this.#taken(result)
    } catch (error) {
      this.#ended = true
      throw error
    } finally {
      this.#pending = false
    }
  }

  #taken(result: IteratorResult<Uint8Array>): Effect.Effect<Uint8Array, Option.Option<never>> {
    this.#ended = result.done === true
    return result.done === true ? Effect.fail(Option.none()) : Effect.succeed(result.value)
  }

  /**
   * Lets go of what was not read to its end. How that fails is of no use to anybody: the sending
   * has stopped for a reason.
   */
  get stop(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#ended) return Effect.void
      const returned = Effect.ignore(Effect.tryPromise(async () => this.#iterator.return?.()))
      // A generator that was not begun does not destroy its Readable, and one that waits is told by
      // it alone.
      const destroyed = Effect.ignore(Effect.try(() => {
        if (Predicate.hasProperty(this.#source, "destroy") && Predicate.isFunction(this.#source.destroy)) {
          this.#source.destroy()
        }
      }))
      return Effect.zipRight(this.#pending ? Effect.forkDaemon(returned) : returned, destroyed)
    })
  }
}
