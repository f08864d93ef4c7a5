/** Interim responses (1xx) as a stream, before the final response. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as Take from "effect/Take"
import type { Informational } from "../../HttpResponse.ts"
import type { OnInformational } from "../model/requestOptions.ts"

/** An answer to a request: an interim response, or the final one. */
export type Answer<A> =
  | { readonly _tag: "Informational"; readonly informational: Informational }
  | { readonly _tag: "Response"; readonly response: A }

/**
 * Sends a request, and emits its answers as they arrive. The final response is the last one. `send`
 * runs in the context of the caller, because an upgrade must outlive the stream.
 */
export const stream = <A, E, R>(
  send: (onInformational: OnInformational) => Effect.Effect<A, E, R>
): Stream.Stream<Answer<A>, E, R> =>
  Stream.flatMap(Stream.context<R>(), (context) =>
    Stream.unwrapScoped(Effect.gen(function*() {
      // `limits.informational` bounds it.
      const answers = yield* Queue.unbounded<Take.Take<Answer<A>, E>>()
      const sending = Effect.suspend(() =>
        send((informational) => {
          answers.unsafeOffer(Take.of({ _tag: "Informational", informational }))
        })
      )
      const done = (exit: Exit.Exit<A, E>) =>
        Exit.isSuccess(exit)
          ? Queue.offerAll(answers, [Take.of<Answer<A>>({ _tag: "Response", response: exit.value }), Take.end])
          : Queue.offer(answers, Take.failCause(exit.cause))
      // In a separate fiber, because the stream emits answers while the request is in flight.
      yield* Effect.forkScoped(Effect.flatMap(Effect.exit(Effect.provide(sending, context)), done))
      return Stream.flattenTake(Stream.fromQueue(answers))
    })))
