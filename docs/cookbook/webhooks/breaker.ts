/** A circuit breaker: stops asking a receiver that only fails, and lets one delivery find out whether it is back. */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Ref from "effect/Ref"

/** The receiver was not asked, because it failed too often in a row. */
export class BreakerOpen extends Data.TaggedError("BreakerOpen")<{ readonly wait: Duration.Duration }> {}

export interface Options<E> {
  /** The failures in a row that open the breaker. */
  readonly failures: number
  /** How long it stays open before one delivery may try again. */
  readonly openTime: Duration.DurationInput
  /** True if the receiver is to blame for a failure. Mistakes of the sender must not open the breaker. */
  readonly counts: (error: E) => boolean
}

interface State {
  readonly failures: number
  /** When the next delivery may try, in milliseconds since 1970; 0 if the breaker is closed. */
  readonly openUntil: number
}

const closed: State = { failures: 0, openUntil: 0 }

export interface Breaker<E> {
  readonly protect: <A, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BreakerOpen, R>
}

export const make = <E>({ counts, failures: limit, openTime }: Options<E>): Effect.Effect<Breaker<E>> =>
  Effect.map(Ref.make(closed), (ref) => {
    const openMillis = Duration.toMillis(openTime)
    const failed = (now: number) =>
      Ref.update(ref, ({ failures }) => ({
        failures: failures + 1,
        openUntil: failures + 1 >= limit ? now + openMillis : 0
      }))
    // The delivery that tries again keeps the breaker open for all others until its result is known.
    const admit = (now: number) =>
      Ref.modify(ref, (state): [Effect.Effect<void, BreakerOpen>, State] =>
        state.openUntil > now
          ? [Effect.fail(new BreakerOpen({ wait: Duration.millis(state.openUntil - now) })), state]
          : [Effect.void, state.openUntil === 0 ? state : { ...state, openUntil: now + openMillis }])
    const protect: Breaker<E>["protect"] = (effect) =>
      Effect.gen(function*() {
        yield* Effect.flatten(Effect.flatMap(Clock.currentTimeMillis, admit))
        return yield* Effect.onExit(effect, (exit) =>
          Exit.match(exit, {
            onSuccess: () => Ref.set(ref, closed),
            // An interruption says nothing about the receiver.
            onFailure: (cause) =>
              cause._tag === "Fail"
                ? counts(cause.error) ? Effect.flatMap(Clock.currentTimeMillis, failed) : Ref.set(ref, closed)
                : Effect.void
          }))
      })
    return { protect }
  })
