/**
 * The pool itself as a program that connections are opened for: for a reserve, or to look a name up
 * again. Runs in the runtime and in the async context in which the pool was made.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Runtime from "effect/Runtime"
import type { AsyncContext } from "../../Transport.ts"
import type { RedactedNames } from "./caller.ts"
import type { EffectHost } from "./host.ts"
import type { FiberCaller } from "./transport.ts"

export class Background implements FiberCaller {
  readonly isBackground = true
  readonly context: AsyncContext
  readonly #host: EffectHost
  readonly #redactedNames: RedactedNames

  constructor(host: EffectHost, redactedNames: RedactedNames) {
    this.context = host.context
    this.#host = host
    this.#redactedNames = redactedNames
  }

  fork<A, E>(effect: Effect.Effect<A, E>, options?: Runtime.RunForkOptions): Fiber.RuntimeFiber<A, E> {
    return this.context.run(() => this.#host.fork(effect, options))
  }

  log(lines: (redactedNames: ReadonlyArray<string | RegExp>) => ReadonlyArray<string>): void {
    this.fork(Effect.flatMap(this.#redactedNames, (names) => Effect.logInfo(...lines(names))))
  }
}
