/**
 * Delivers events to listeners of the caller, which must not be able to break a connection. An
 * event costs nothing unless there is a listener. Not even its record is made, because callers of
 * `emit` check `active` first.
 */
import type { ConnectionEvent } from "../../ConnectionEvent.ts"
import type { Host } from "../model/ports.ts"

/** Receives events. */
export type Listener = (event: ConnectionEvent) => void

export class EventHub {
  readonly #listeners = new Set<Listener>()
  readonly #endings = new Set<() => void>()
  readonly #host: Host
  /** True if there is a listener. A field and not a getter, because each request reads it often. */
  active = false
  #over = false

  constructor(host: Host, listener: Listener | undefined) {
    this.#host = host
    if (listener !== undefined) this.#listeners.add(listener)
    this.#update()
  }

  #update(): void {
    this.active = this.#listeners.size > 0
  }

  /**
   * Returns how to unsubscribe. The same function may be subscribed several times. `ended` is
   * called once no more events can follow.
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
    this.#update()
    return () => {
      this.#listeners.delete(own)
      this.#endings.delete(end)
      this.#update()
    }
  }

  /** Ends all subscriptions. */
  end(): void {
    this.#over = true
    for (const ended of this.#endings) ended()
    this.#endings.clear()
    this.#listeners.clear()
    this.#update()
  }

  /**
   * Calls all listeners. What a listener throws goes to the log, because no caller could handle it
   * and the connection must not be affected.
   */
  emit(event: ConnectionEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (defect) {
        this.#host.logError(`A listener (\`onEvent\`, \`subscribe\`) threw at the event ${event._tag}`, defect)
      }
    }
  }
}
