/**
 * Connects to the first address that answers (happy eyeballs, RFC 8305), and starts the TLS
 * handshake on that connection if requested.
 *
 * Neither resolves names (`resolver.ts`) nor limits time (`dialer.ts`). Every socket is on the
 * attempt's list from the step that makes it, so that the attempt can destroy them all. As soon as
 * one is connected, the others are destroyed.
 *
 * Node's `autoSelectFamily` is not used. It destroys a socket after 250 ms instead of trying the
 * next one in parallel. A peer that is further away is therefore reached through its last address
 * only. Its timer is not the host's.
 */
import * as net from "node:net"
import * as tls from "node:tls"
import type { AsyncContext, Endpoint } from "../../Transport.ts"
import type { AddressRefused, ConnectError } from "../error/connect.ts"
import { systemError } from "../error/systemCodes.ts"
import type { DialHost } from "../model/ports.ts"
import { isDeno } from "./deno.ts"
import type { FailedAttempt } from "./errors.ts"
import { connectError } from "./errors.ts"
import { Inbound } from "./inbound.ts"
import { listen, listenToData, onread, readOnAfterWriteError } from "./socket.ts"
import { addressOf, describe, type Target } from "./targets.ts"
import { connect as secure, type Security } from "./tls.ts"

/** The attempt that a socket belongs to. */
export interface Steps {
  readonly host: DialHost
  /** Runs a step, unless the attempt has ended. If the step throws, the attempt ends. */
  step(run: () => void): void
}

/** The attempt that connecting is a phase of. */
export interface ConnectPhase extends Steps {
  /** The async context in which sockets are made. */
  readonly context: AsyncContext
  /** True if the process may end before it has connected. */
  readonly isBackground: boolean
  /** The sockets that were made. The attempt destroys them unless it succeeds. */
  readonly started: Array<Opening>
  /**
   * Runs a step after `millis`, once the sockets have been polled; never for `Infinity`. Returns
   * how to cancel that.
   */
  startTimer(millis: number, run: () => void): () => void
  fail(error: AddressRefused | ConnectError): void
}

/**
 * A socket that is being opened. Its events are recorded from the socket's first tick on, so that
 * none is lost between two phases.
 */
export class Opening {
  readonly socket: net.Socket
  readonly inbound: Inbound
  readonly target: Target
  /** When it was connected and when TLS was ready, in the host's milliseconds. */
  connectedAt: number | undefined
  securedAt: number | undefined
  /** Its failure. */
  failure: unknown
  /** True if it failed, even if it had been connected before. */
  failed = false
  /** True if the server had chosen a cipher before the failure. */
  chosen = false
  readonly #attempt: Steps
  #watcher: (() => void) | undefined

  constructor(socket: net.Socket, inbound: Inbound, target: Target, attempt: Steps) {
    this.socket = socket
    this.inbound = inbound
    this.target = target
    this.#attempt = attempt
    socket.on("connect", this.#connected)
    socket.on("secureConnect", this.#secured)
    socket.on("error", this.#fail)
    socket.on("close", this.#closed)
  }

  /** Stops listening, so that the socket does not retain this object. */
  removeListeners(): void {
    const { socket } = this
    socket.off("connect", this.#connected)
    socket.off("secureConnect", this.#secured)
    socket.off("error", this.#fail)
    socket.off("close", this.#closed)
  }

  /** Sets the step that runs after each event. */
  watch(watcher: (() => void) | undefined): void {
    this.#watcher = watcher
  }

  /** Destroys the socket. */
  abandon(): void {
    this.#watcher = undefined
    this.inbound.close()
    this.socket.destroy()
  }

  readonly #connected = (): void =>
    this.#attempt.step(() => {
      this.connectedAt = this.#attempt.host.now()
      this.#watcher?.()
    })

  readonly #secured = (): void =>
    this.#attempt.step(() => {
      this.securedAt = this.#attempt.host.now()
      this.#watcher?.()
    })

  readonly #fail = (error: unknown): void =>
    this.#attempt.step(() => {
      if (this.failed) return
      this.failed = true
      this.failure = error
      // Node forgets what was negotiated after it has emitted the error.
      this.chosen = this.socket instanceof tls.TLSSocket
        && (this.socket.getCipher() as tls.CipherNameAndProtocol | undefined) !== undefined
      this.#watcher?.()
    })

  readonly #closed = (): void => this.#fail(systemError("ECONNRESET", "The socket closed while it was being opened"))
}

const connect = (
  attempt: ConnectPhase,
  target: Target,
  endpoint: Endpoint,
  security: Security | undefined
): Opening => {
  const inbound = new Inbound()
  const options = {
    ...addressOf(target),
    ...(endpoint.localAddress === undefined || target.port === undefined
      ? undefined
      : { localAddress: endpoint.localAddress }),
    ...(endpoint.localPort === undefined || target.port === undefined ? undefined : { localPort: endpoint.localPort }),
    allowHalfOpen: true,
    ...(isDeno ? undefined : { onread: onread(inbound) })
  }
  const socket = security === undefined
    ? net.connect(options as net.NetConnectOpts)
    : secure(security, options, describe(endpoint))
  socket.setNoDelay(true)
  if (attempt.isBackground) socket.unref()
  readOnAfterWriteError(socket)
  // In Deno (2.9) no TLS can be started on a socket that has `onread`.
  if (isDeno) listenToData(socket, inbound)
  listen(socket, inbound)
  return new Opening(socket, inbound, target, attempt)
}

const isConnected = (opening: Opening): boolean => opening.connectedAt !== undefined

/** Returns the attempts, each with its failure. One that has not failed had no answer. */
export const tried = (started: ReadonlyArray<Opening>): ReadonlyArray<FailedAttempt> =>
  started.map(({ failed, failure, target }) => ({
    ...target,
    cause: failed ? failure : systemError("ETIMEDOUT", "There was no answer in time")
  }))

/**
 * Tries the candidates in order (RFC 8305 section 5). The next one is started when the latest one
 * fails, or `staggerMillis` after that was started. When an earlier one fails, the latest still has
 * its time. Calls `connected` with the first that connects. The attempt fails when all have failed.
 * A candidate that `Addressing.check` refuses is skipped.
 */
export const connectFirst = (
  attempt: ConnectPhase,
  endpoint: Endpoint,
  candidates: ReadonlyArray<Target>,
  security: Security | undefined,
  staggerMillis: number,
  connected: (opening: Opening) => void
): void => {
  const { context, started } = attempt
  let stopStagger = (): void => {}

  let next = 0
  let refused: AddressRefused | undefined

  /** Returns the next candidate that may be connected to. */
  const nextTarget = (): Target | undefined => {
    while (next < candidates.length) {
      const target = candidates[next++]
      if (target?.port === undefined) return target
      const refusal = endpoint.addressing?.check?.(target.address, target.port)
      if (refusal === undefined) return target
      refused ??= refusal
    }
    return undefined
  }

  const fail = (failures: ReadonlyArray<FailedAttempt>): void =>
    attempt.fail(connectError(describe(endpoint), failures))

  const failIfOver = (): void => {
    if (started.length === 0 && refused !== undefined) return attempt.fail(refused)
    if (started.every(({ failed }) => failed)) fail(tried(started))
  }

  const startNext = (): void => {
    stopStagger()
    const target = nextTarget()
    if (target === undefined) return failIfOver()
    let opening: Opening
    try {
      opening = context.run(() => connect(attempt, target, endpoint, security))
    } catch (cause) {
      return fail([...tried(started.filter(({ failed }) => failed)), { ...target, cause }])
    }
    started.push(opening)
    opening.watch(() => {
      if (opening.failed && target.port !== undefined) endpoint.addressing?.failed?.(target.address)
      look()
    })
    // The timer polls the sockets first, because this one may have connected while the loop was
    // busy.
    if (next < candidates.length) stopStagger = attempt.startTimer(staggerMillis, startNext)
  }

  const look = (): void => {
    const winner = started.find(isConnected)
    if (winner !== undefined) {
      stopStagger()
      winner.watch(undefined)
      for (const opening of started) if (opening !== winner) opening.abandon()
      return connected(winner)
    }
    if (next === candidates.length) failIfOver()
    else if (started.at(-1)?.failed === true) startNext()
  }

  startNext()
}
