/**
 * Where events go: to callbacks of the caller's, which must not be able to break a connection.
 * Nothing is made of an event, not even its record, where nobody listens: whoever emits asks
 * `active` first.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type { ConnectionEvent } from "../../ConnectionEvent.ts"

/** Who is told of an event. */
export type Listener = (event: ConnectionEvent) => void

export class EventHub {
  readonly #listeners = new Set<Listener>()
  readonly #endings = new Set<() => void>()
  readonly #runtime: Runtime.Runtime<never>
  #over = false

  constructor(runtime: Runtime.Runtime<never>, listener: Listener | undefined) {
    this.#runtime = runtime
    if (listener !== undefined) this.#listeners.add(listener)
  }

  /** Whether anybody listens. */
  get active(): boolean {
    return this.#listeners.size > 0
  }

  /**
   * Returns how to unsubscribe. The same function may be subscribed several times. `ended` is
   * called when nothing more happens.
   */
  subscribe(listener: Listener, ended: () => void = () => {}): () => void {
    if (this.#over) {
      ended()
      return () => {}
    }
    const own: Listener = (event) => listener(event)
    const end = (): void => ended()
    this.#listeners.add(own)
    this.#endings.add(end)
    return () => {
      this.#listeners.delete(own)
      this.#endings.delete(end)
    }
  }

  /** Nothing more happens. */
  end(): void {
    this.#over = true
    for (const ended of this.#endings) ended()
    this.#endings.clear()
    this.#listeners.clear()
  }

  /**
   * Tells everybody. What a listener throws goes to the log: there is no caller to tell, and the
   * connection must go on.
   */
  emit(event: ConnectionEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (defect) {
        Runtime.runFork(this.#runtime)(
          Effect.logError(`A listener (\`onEvent\`, \`subscribe\`) threw at the event ${event._tag}`, Cause.die(defect))
        )
      }
    }
  }
}
