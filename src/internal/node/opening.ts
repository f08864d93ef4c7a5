/**
 * A socket on its way to being open, and an effect that waits for it.
 *
 * Makes no socket and maps no error. Rules: the events are recorded from the socket's first tick
 * on, so that none is lost between two waits; waiting leaves nothing behind when it ends, however
 * it ends.
 */
import * as Effect from "effect/Effect"
import type * as net from "node:net"
import * as tls from "node:tls"
import { systemError } from "./errors.ts"
import type { Inbound } from "./inbound.ts"

/** An address to try: `port` is `undefined` for the path of a unix socket. */
export interface Target {
  readonly address: string
  readonly port: number | undefined
}

export class Opening<out Socket extends net.Socket = net.Socket> {
  readonly socket: Socket
  readonly inbound: Inbound
  readonly target: Target
  /** When it was connected and when TLS was ready, in nanoseconds of the clock. */
  connectedAt: bigint | undefined
  securedAt: bigint | undefined
  /**
   * What it failed with, and whether it did: the latter also where it had been connected before.
   */
  failure: unknown
  failed = false
  /** Whether TLS had come so far by then that the server had chosen a cipher. */
  chosen = false
  readonly #now: () => bigint
  #watcher: (() => void) | undefined

  constructor(socket: Socket, inbound: Inbound, target: Target, now: () => bigint) {
    this.socket = socket
    this.inbound = inbound
    this.target = target
    this.#now = now
    socket.on("connect", this.#connected)
    socket.on("secureConnect", this.#secured)
    socket.on("error", this.#fail)
    socket.on("close", this.#closed)
  }

  /** Hears nothing more, so that the socket does not keep it. */
  removeListeners(): void {
    const { socket } = this
    socket.off("connect", this.#connected)
    socket.off("secureConnect", this.#secured)
    socket.off("error", this.#fail)
    socket.off("close", this.#closed)
  }

  watch(watcher: (() => void) | undefined): void {
    this.#watcher = watcher
  }

  /** Gives the attempt up. */
  abandon(): void {
    this.inbound.close()
    this.socket.destroy()
  }

  readonly #connected = (): void => {
    this.connectedAt = this.#now()
    this.#watcher?.()
  }

  readonly #secured = (): void => {
    this.securedAt = this.#now()
    this.#watcher?.()
  }

  readonly #fail = (error: unknown): void => {
    if (this.failed) return
    this.failed = true
    this.failure = error
    // While the error is told Node still has what was negotiated, not later.
    this.chosen = this.socket instanceof tls.TLSSocket
      && (this.socket.getCipher() as tls.CipherNameAndProtocol | undefined) !== undefined
    this.#watcher?.()
  }

  readonly #closed = (): void => this.#fail(systemError("ECONNRESET", "The socket closed while it was being opened"))
}

/** Waits until `settled` holds, which is asked whenever something happens to one of these. */
export const until = (openings: ReadonlyArray<Opening>, settled: () => boolean): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    const unwatch = () => {
      for (const opening of openings) opening.watch(undefined)
    }
    const look = () => {
      if (!settled()) return
      unwatch()
      resume(Effect.void)
    }
    for (const opening of openings) opening.watch(look)
    look()
    return Effect.sync(unwatch)
  })
