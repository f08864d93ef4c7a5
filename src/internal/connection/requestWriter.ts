/**
 * Whoever sends the body of a request, as its exchange knows it: what it waits for, and how it is
 * ended. Knows no link and no time.
 */
import * as Effect from "effect/Effect"

export class RequestWriter {
  /** Ends whoever sends the body. */
  stopWriter: (() => void) | undefined
  /** Waits for the end of whoever sends the body as a stream, its finalizers included. */
  writerDone: Effect.Effect<void> = Effect.void
  /** Called once: by the transport that has taken what was written, or by the server's 100. */
  protected writeWaiter: (() => void) | undefined
  /** Called once, when the request was sent whole, or will not be. */
  protected sentWaiter: (() => void) | undefined

  /**
   * Whether whoever sends waits for the transport, which `timeouts.write` limits, or for the
   * server's 100.
   */
  get isBlocked(): boolean {
    return this.writeWaiter !== undefined
  }

  stopWaitingToSend(): void {
    this.writeWaiter = undefined
  }

  /** Interrupted first: a sender that is woken before takes one more piece from the caller. */
  protected dismissWriter(): void {
    this.stopWriter?.()
    this.wakeWriter()
    this.wakeSent()
  }

  protected wakeWriter(): void {
    const waiter = this.writeWaiter
    this.writeWaiter = undefined
    waiter?.()
  }

  protected wakeSent(): void {
    const waiter = this.sentWaiter
    this.sentWaiter = undefined
    waiter?.()
  }
}
