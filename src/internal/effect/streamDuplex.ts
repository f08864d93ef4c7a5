/**
 * A channel whose incoming bytes are a stream, and whose outgoing bytes are discarded. It is for
 * responses that arrive on no connection.
 *
 * Bytes are delivered once something has been written, because bytes before a request cannot be its
 * response. The stream is pulled as fast as its bytes are consumed, and ends with the channel.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Predicate from "effect/Predicate"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Duplex, DuplexInfo, EventLoop, Receiver } from "../../Transport.ts"
import { waitFor } from "./wait.ts"

const info: DuplexInfo = {
  localAddress: undefined,
  localPort: undefined,
  remoteAddress: undefined,
  remotePort: undefined,
  tls: undefined,
  timings: { dns: undefined, connect: undefined, tls: undefined }
}

/** Returns the code of a stream's failure, if it has one as the system's errors do. */
const codeOf = (cause: unknown): string =>
  Predicate.hasProperty(cause, "code") && typeof cause.code === "string" ? cause.code : "ERR_STREAM"

class StreamDuplex implements Duplex {
  readonly info = info
  readonly #source: Stream.Stream<Uint8Array, unknown>
  readonly #runtime: Runtime.Runtime<never>
  readonly #loop: EventLoop
  #receiver: Receiver | undefined
  #fiber: Fiber.RuntimeFiber<void> | undefined
  #paused: (() => void) | undefined
  #started = false
  #destroyed = false

  constructor(source: Stream.Stream<Uint8Array, unknown>, runtime: Runtime.Runtime<never>, loop: EventLoop) {
    this.#source = source
    this.#runtime = runtime
    this.#loop = loop
  }

  write(): boolean {
    // Not within this call, because a receiver must not be called while it calls the channel.
    if (!this.#started) queueMicrotask(() => this.#run())
    this.#started = true
    return true
  }

  drained(callback: () => void): void {
    queueMicrotask(callback)
  }

  attach(receiver: Receiver): void {
    this.#receiver = receiver
  }

  resume(): void {
    const paused = this.#paused
    this.#paused = undefined
    paused?.()
  }

  end(): void {}

  destroy(): void {
    this.#destroyed = true
    this.#fiber?.unsafeInterruptAsFork(FiberId.none)
  }

  #run(): void {
    if (this.#destroyed) return
    const pieces = Stream.runForEach(this.#source, (piece) => this.#deliver(piece))
    this.#fiber = Runtime.runFork(this.#runtime)(Effect.map(Effect.exit(pieces), (exit) => this.#ended(exit)))
  }

  #deliver(piece: Uint8Array): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.#receiver?.onData(piece) === false && !this.#destroyed
        ? waitFor<void>(this.#loop, (waiter) => {
          this.#paused = () => waiter.resume(Effect.void)
        })
        : Effect.void
    )
  }

  #ended(exit: Exit.Exit<void, unknown>): void {
    if (this.#destroyed) return
    if (Exit.isSuccess(exit)) return this.#receiver?.onEnd()
    this.#destroyed = true
    const cause = Cause.squash(exit.cause)
    this.#receiver?.onError({ code: codeOf(cause), cause })
  }
}

/** Opens a channel that delivers the bytes of a stream. The end of the scope destroys it. */
export const open = (
  source: Stream.Stream<Uint8Array, unknown>,
  loop: EventLoop
): Effect.Effect<Duplex, never, Scope.Scope> =>
  Effect.flatMap(Effect.runtime<never>(), (runtime) =>
    Effect.acquireRelease(
      Effect.sync(() => new StreamDuplex(source, runtime, loop)),
      (duplex) => Effect.sync(() => duplex.destroy())
    ))
