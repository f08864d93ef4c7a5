/**
 * A request from the moment that it is accepted until its response begins: one synchronous state
 * machine behind one wait of the caller.
 *
 * Acquiring a connection, writing to it and starting its timers happen in the callbacks of these
 * steps. The caller is notified once, with a response or a failure. A callback must not throw into
 * a socket: anything thrown ends the call as a defect. `HandleCall` sends on a handle,
 * `pool/call.ts` through a pool.
 */
import type { HttpError } from "../../HttpError.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import { format } from "../model/origin.ts"
import type { Caller } from "../model/ports.ts"
import { notRequest } from "../options.ts"
import type { ResponseHead } from "../protocol/head.ts"
import { withContextAt } from "./about.ts"
import type { AcquisitionOwner, Pending } from "./acquisition.ts"
import { Acquisition } from "./acquisition.ts"
import type { Connection } from "./connection.ts"
import type { HeadObserver } from "./exchange.ts"
import type { Exchange } from "./exchange.ts"
import type { ConnectionHandle } from "./handle.ts"
import type { Prepared } from "./prepare.ts"
import { askedOf, firstAttempt, prepareFor } from "./prepare.ts"
import { dismissal, refusesExpectation, resent, statusErrorOf } from "./repeat.ts"
import { sendRequest } from "./sendRequest.ts"
import { makeExchange } from "./switching.ts"
import { tunnelHandle, upgradeOrigin } from "./tunnelled.ts"
import { tapResponse } from "./wireTap.ts"

/** The caller of a request. */
export interface CallObserver extends Caller {
  /** Called once, when the outcome of its call is set. Must not throw. */
  onDone(): void
}

/** The outcome of a call: an exchange that has a head, an error, or a defect. */
export type Outcome =
  | Exchange
  | { readonly _tag: "Failed"; readonly error: HttpError }
  | { readonly _tag: "Died"; readonly defect: unknown }

export interface Call {
  readonly outcome: Outcome | undefined
  /** Starts the call, which may end within it. */
  start(observer: CallObserver): void
  /**
   * The caller was interrupted. Synchronous, in every state, even after the outcome. Returns what
   * must end before the caller continues.
   */
  cancel(): Pending | undefined
  /** The caller receives the response of this exchange, which is the outcome. Returns its head. */
  deliver(exchange: Exchange): ResponseHead
}

/** Returns the outcome of an exchange whose head has arrived or never will. */
export const outcomeOf = (exchange: Exchange): Outcome => {
  const { ending, head } = exchange
  if (head !== undefined) return exchange
  if (ending === undefined) {
    return { _tag: "Died", defect: new Error("an exchange ended with neither a head nor a failure") }
  }
  return "error" in ending ? { _tag: "Failed", error: ending.error } : { _tag: "Died", defect: ending.defect }
}

/** Returns the head of an exchange that is the outcome of its call. */
export const headOf = ({ head }: Exchange): ResponseHead => {
  if (head === undefined) throw new Error("a call responded without a head")
  return head
}

/** A whole request on the connection of a handle. */
export class HandleCall implements Call, AcquisitionOwner, HeadObserver {
  outcome: Outcome | undefined = undefined
  readonly #handle: ConnectionHandle
  readonly #request: HttpRequest<unknown>
  #prepared: Prepared | undefined
  #startedAt = 0
  #observer: CallObserver | undefined
  #acquisition: Acquisition | undefined
  #exchange: Exchange | undefined

  readonly #upgrade: boolean

  /** `upgrade` is true if its connection is to leave HTTP. */
  constructor(handle: ConnectionHandle, request: HttpRequest<unknown>, upgrade = false) {
    this.#handle = handle
    this.#request = request
    this.#upgrade = upgrade
  }

  start(observer: CallObserver): void {
    this.#observer = observer
    const handle = this.#handle
    const request = this.#request
    const { startError } = handle
    const none = notRequest(request)
    if (none !== undefined) return this.onFailure(withContextAt(none, handle.origin, undefined))
    if (startError !== undefined) {
      return this.onFailure(withContextAt(startError, handle.origin, askedOf(handle.origin, request)))
    }
    const origin = this.#upgrade ? upgradeOrigin(handle, request.method) : handle.origin
    if ("_tag" in origin) return this.onFailure(withContextAt(origin, handle.origin, undefined))
    const { settings } = handle
    this.#startedAt = settings.timers.now()
    const isLegacy = handle.exchange?.head?.version === 10
    const prepared = prepareFor(settings, origin, request, firstAttempt(request, isLegacy), this.#upgrade)
    if ("_tag" in prepared) return this.onFailure(prepared)
    // Not earlier, because a request that is refused here leaves the connection open.
    if (this.#upgrade) tunnelHandle(handle, origin)
    this.#acquire(observer, prepared)
  }

  #acquire(observer: CallObserver, prepared: Prepared, spent = 0): void {
    this.#prepared = prepared
    const { terms } = prepared
    this.#acquisition = new Acquisition(this.#handle, terms.timeouts, observer, terms, this, spent)
    this.#acquisition.start()
  }

  /**
   * True if the response refuses the expectation, and the request can be sent without it. It needs
   * another connection, because the server still waits for the body on this one. A stream that has
   * started may hold resources that cannot exist twice.
   */
  #isRefused(exchange: Exchange): boolean {
    const { leased, settings } = this.#handle
    const prepared = this.#prepared
    return prepared !== undefined && prepared.terms.resends === 0 && !leased && settings.autoOpen
      && (exchange.isHeld || exchange.run === undefined)
      && refusesExpectation(exchange, prepared, this.#request)
  }

  #repeat(exchange: Exchange, observer: CallObserver): void {
    const { origin, settings } = this.#handle
    const { events, timers } = settings
    this.#exchange = undefined
    // A listener must not begin another request in between.
    const release = this.#handle.reserve()
    exchange.dismiss(dismissal)
    const error = statusErrorOf(exchange)
    if (events.active && error !== undefined) {
      events.emit({ _tag: "Retry", origin: format(origin), connection: exchange.connection.id, error })
    }
    release()
    // A listener may have interrupted it.
    if (this.#observer === undefined) return
    const prepared = prepareFor(settings, origin, this.#request, { resends: 1, expectContinue: false }, this.#upgrade)
    if ("_tag" in prepared) return this.onFailure(prepared)
    this.#acquire(observer, prepared, timers.now() - this.#startedAt)
  }

  cancel(): Pending | undefined {
    this.#observer = undefined
    if (this.#exchange === undefined) return this.#acquisition?.cancel()
    this.#exchange.discardResponse()
    return this.#exchange.run
  }

  deliver(exchange: Exchange): ResponseHead {
    exchange.startUnreadTimer()
    return headOf(exchange)
  }

  onConnection(connection: Connection, openedHere: boolean): void {
    const handle = this.#handle
    const observer = this.#observer
    const prepared = this.#prepared
    if (observer === undefined || prepared === undefined) return
    observer.context.run(() => {
      const exchange = beginExchange(handle, connection, prepared, this.#startedAt, openedHere)
      this.#exchange = exchange
      sendRequest(exchange, prepared, observer, handle.settings.timers.now())
      exchange.whenHead(this)
    })
  }

  onFailure(error: HttpError): void {
    const resends = this.#prepared?.terms.resends ?? 0
    this.#done({ _tag: "Failed", error: resends === 0 ? error : resent(error, resends) })
  }

  onDefect(defect: unknown): void {
    this.#done({ _tag: "Died", defect })
  }

  onHead(): void {
    // Set before the head was awaited.
    const exchange = this.#exchange as Exchange
    const observer = this.#observer
    if (observer !== undefined) {
      tapHeadOf(exchange, observer)
      if (this.#isRefused(exchange)) return this.#repeat(exchange, observer)
    }
    this.#done(outcomeOf(exchange))
  }

  #done(outcome: Outcome): void {
    if (this.outcome !== undefined) return
    this.outcome = outcome
    this.#observer?.onDone()
  }
}

/** Begins an exchange of a handle. */
export const beginExchange = (
  handle: ConnectionHandle,
  connection: Connection,
  { terms }: Prepared,
  startedAt: number,
  openedHere: boolean
): Exchange => {
  const { settings } = handle
  const exchange = makeExchange(
    connection,
    settings,
    handle.origin,
    terms,
    startedAt,
    settings.timers.now(),
    openedHere
  )
  handle.exchange = exchange
  return exchange
}

/** Writes the head of a response to the log of its caller, if the connection is configured to. */
export const tapHeadOf = (exchange: Exchange, caller: Caller): void => {
  if (exchange.settings.wireTap && exchange.head !== undefined) tapResponse(caller, exchange.head)
}
