/**
 * Turns an `Iterable` or `AsyncIterable` into a stream. The stream requests one piece at a time,
 * and releases the source if it stops early.
 *
 * This replaces `Stream.fromAsyncIterable`, which waits for `return` on interruption. A generator
 * that is waiting for its next piece never receives that call.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"

/** Emits the pieces of an iterable. Each is requested when the previous one has been consumed. */
export const pull = (source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Stream.Stream<Uint8Array, unknown> =>
  Stream.unwrapScoped(
    Effect.map(
      Effect.acquireRelease(
        // A caller's iterator can throw anything. `RequestBodyError` contains it unchanged.
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
  /** True if the iterator has ended or thrown, so that it needs no stop. */
  #ended = false
  #pending = false

  constructor(source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>) {
    this.#source = source
    this.#async = Symbol.asyncIterator in source
    this.#iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  }

  /** Returns the next piece; `None` at the end. */
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
   * Releases a source that was not read to its end. Its failure is ignored, because sending has
   * already stopped for another reason.
   */
  get stop(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#ended) return Effect.void
      const returned = Effect.ignore(Effect.tryPromise(async () => this.#iterator.return?.()))
      // A generator that has not started does not destroy its Readable, and only destroying the
      // Readable reaches a generator that is waiting.
      const destroyed = Effect.ignore(Effect.try(() => {
        if (Predicate.hasProperty(this.#source, "destroy") && Predicate.isFunction(this.#source.destroy)) {
          this.#source.destroy()
        }
      }))
      return Effect.zipRight(this.#pending ? Effect.forkDaemon(returned) : returned, destroyed)
    })
  }
}
