/** Whoever sends the body of a request, as its exchange knows it: what it waits for, and how it is ended. Knows no link and no time. */
import * as Effect from "effect/Effect"

export class Sender {
  /** Ends whoever sends the body. */
  stopSender: (() => void) | undefined
  /** Waits for the end of whoever sends the body as a stream, its finalizers included. */
  senderEnded: Effect.Effect<void> = Effect.void
  /** Called once: by the transport that has taken what was written, or by the server's 100. */
  protected sendWaiter: (() => void) | undefined
  /** Called once, when the request was sent whole, or will not be. */
  protected sentWaiter: (() => void) | undefined

  /** Whether whoever sends waits for the transport, which `timeouts.write` limits, or for the server's 100. */
  get heldUp(): boolean {
    return this.sendWaiter !== undefined
  }

  stopWaitingToSend(): void {
    this.sendWaiter = undefined
  }

  /** Interrupted first: a sender that is woken before takes one more piece from the caller. */
  protected dismissSender(): void {
    this.stopSender?.()
    this.wakeSender()
    this.wakeSent()
  }

  protected wakeSender(): void {
    const waiter = this.sendWaiter
    this.sendWaiter = undefined
    waiter?.()
  }

  protected wakeSent(): void {
    const waiter = this.sentWaiter
    this.sentWaiter = undefined
    waiter?.()
  }
}
