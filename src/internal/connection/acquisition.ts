/**
 * Acquires the connection of a handle for its next request: the open one if it is still usable
 * after a poll, otherwise a new one. Nothing has been written on a connection that was not usable,
 * so replacing it is safe for every request.
 *
 * It is one synchronous state machine. It must be made in the same step as the check that the
 * handle is idle. From then on no other call can begin a request until the owner has been called,
 * or `cancel`.
 */
import type { HttpError } from "../../HttpError.ts"
import { ConnectionClosed, NotConnected } from "../error/state.ts"
import { HttpTimeout } from "../error/timeout.ts"
import type { BodyRun, Caller } from "../model/ports.ts"
import type { Asked } from "./about.ts"
import { ofAsked, proxyName, withContextAt } from "./about.ts"
import type { Connection, Reserver } from "./connection.ts"
import type { ConnectionHandle } from "./handle.ts"
import type { OpeningOwner } from "./open.ts"
import { closedAtOnce, Opening, withOpeningContext } from "./open.ts"
import { proxyOf } from "./settings.ts"
import type { Millis } from "./timeouts.ts"
import { Timer } from "./timers.ts"

/** Receives the connection. Exactly one of these is called, once. */
export interface AcquisitionOwner {
  /** The connection is usable, and must be used in this call. */
  onConnection(connection: Connection, openedHere: boolean): void
  onFailure(error: HttpError): void
  onDefect(thrown: unknown): void
}

/** A process whose end an interrupted caller must wait for. */
export type Pending = Pick<BodyRun, "whenEnded">

export class Acquisition implements Reserver, OpeningOwner {
  readonly #handle: ConnectionHandle
  readonly #timeouts: Millis
  readonly #caller: Caller
  readonly #asked: Asked | undefined
  readonly #owner: AcquisitionOwner
  readonly #before: Connection | undefined
  readonly #generation: number
  readonly #release: () => void
  #opening: Opening | undefined
  #total: Timer | undefined
  readonly #spent: number
  #over = false

  /**
   * `asked` is the request that it is for, if there is one. `spent` is the part of its total time
   * that has passed.
   */
  constructor(
    handle: ConnectionHandle,
    timeouts: Millis,
    caller: Caller,
    asked: Asked | undefined,
    owner: AcquisitionOwner,
    spent = 0
  ) {
    this.#handle = handle
    this.#timeouts = timeouts
    this.#caller = caller
    this.#asked = asked
    this.#owner = owner
    this.#spent = spent
    this.#before = handle.connection
    this.#generation = handle.closeGeneration
    this.#release = handle.reserve()
  }

  /** Starts. Without a request it opens a connection, whatever the options say. */
  start(): void {
    if (this.#asked === undefined) this.#open()
    else if (this.#before?.usable) this.#before.reserve(this.#handle.settings.loop, this)
    else this.#openAnother()
  }

  /**
   * The caller was interrupted: ends the acquisition. Returns what must end before the caller
   * continues.
   */
  cancel(): Pending | undefined {
    if (this.#over) return undefined
    this.#over = true
    const opening = this.#opening
    if (opening === undefined) {
      this.#before?.free()
      this.#release()
      return undefined
    }
    opening.abort()
    return opening.ended ? undefined : opening
  }

  onPolled(): void {
    if (this.#over) return
    const before = this.#before
    this.#guard(() => {
      if (before?.usable) this.#use(before, false)
      else if (this.#isClosed) this.#fail(this.#closedByCaller())
      else this.#openAnother()
    })
  }

  onOpened(opening: Opening): void {
    const handle = this.#handle
    const { connection, defect, error, proxyFields } = opening
    const { timers } = handle.settings
    this.#opening = undefined
    handle.abortOpening = undefined
    if (this.#total !== undefined) timers.cancel(this.#total)
    timers.rest()
    if (proxyFields !== undefined || handle.tunnel !== undefined) handle.proxyFields = proxyFields
    if (this.#over) {
      connection?.close("Closed")
      this.#release()
      return
    }
    if (connection === undefined) {
      if (defect !== undefined) return this.#die(defect.thrown)
      // Only a cancelled opening ends without a connection and without a failure, or one that the
      // transport ended by itself.
      return this.#fail(error ?? new ConnectionClosed({ reason: "the opening of the connection was interrupted" }))
    }
    handle.connection = connection
    // The caller may have closed it after the opening could be aborted.
    if (this.#isClosed) connection.closeForCaller()
    this.#guard(() => this.#use(connection, true))
  }

  get #isClosed(): boolean {
    return this.#handle.closeGeneration !== this.#generation
  }

  #openAnother(): void {
    const handle = this.#handle
    const { connection, leased, settings, started } = handle
    const cause = connection?.closedBy
    if (leased) {
      const reason = "the leased connection has closed, lease another one"
      return this.#fail(withOpeningContext(handle, new ConnectionClosed({ reason, cause })))
    }
    if (!settings.autoOpen) {
      const state = started === undefined ? "Idle" : "RequestStarted"
      return this.#fail(withOpeningContext(handle, new NotConnected({ state, cause })))
    }
    this.#open()
  }

  /** Opens a connection, whatever the handle says. */
  #open(): void {
    const handle = this.#handle
    const opening = new Opening(handle, this.#timeouts, this.#caller, handle, this)
    this.#opening = opening
    handle.abortOpening = (reason) => opening.abort(new ConnectionClosed({ reason }))
    const { total: millis } = this.#timeouts
    if (millis !== Infinity) {
      this.#total = new Timer({ onTimeout: () => opening.abort(new HttpTimeout({ kind: "total", millis })) })
      handle.settings.timers.start(this.#total, Math.max(0, millis - this.#spent))
    }
    opening.start()
  }

  #use(connection: Connection, openedHere: boolean): void {
    this.#end()
    // Without a request the caller asked only for the connection, whatever its state.
    if (connection.usable || this.#asked === undefined) this.#owner.onConnection(connection, openedHere)
    else this.#owner.onFailure(this.#about(withOpeningContext(this.#handle, closedAtOnce(connection))))
  }

  #closedByCaller(): ConnectionClosed {
    const { closeReason, origin } = this.#handle
    return withContextAt(new ConnectionClosed({ reason: closeReason }), origin, this.#asked, {
      proxy: proxyName(proxyOf(this.#handle))
    })
  }

  #fail(error: HttpError): void {
    this.#end()
    this.#owner.onFailure(this.#about(error))
  }

  #die(thrown: unknown): void {
    this.#end()
    this.#owner.onDefect(thrown)
  }

  /** The connection was opened for this request, but the opening used nothing of the request. */
  #about(error: HttpError): HttpError {
    return this.#asked === undefined ? error : ofAsked(error, this.#handle.origin, this.#asked)
  }

  #end(): void {
    this.#over = true
    this.#before?.free()
    this.#release()
  }

  /**
   * Runs a function that may be code of the caller, such as a listener, and must not throw into a
   * socket.
   */
  #guard(call: () => void): void {
    try {
      call()
    } catch (thrown) {
      this.#handle.connection?.close("Failure")
      if (!this.#over) this.#die(thrown)
      else this.#owner.onDefect(thrown)
    }
  }
}
