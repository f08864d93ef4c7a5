/**
 * The handle of a connection, which its user keeps over several connections. It has the settings
 * and the open connection. It decides which calls are legal and what happens when the connection
 * closes.
 *
 * `acquisition.ts` acquires its connection, `call.ts` sends requests on it. A pooled connection
 * needs no handle.
 */
import type { CloseReason } from "../../ConnectionEvent.ts"
import type { HttpError } from "../../HttpError.ts"
import type * as HttpFields from "../../HttpFields.ts"
import type * as Origin from "../../Origin.ts"
import type * as Transport from "../../Transport.ts"
import type { ConnectionState } from "../error/state.ts"
import { CannotSendRequest, ConnectionClosed } from "../error/state.ts"
import type { OnInformational } from "../model/requestOptions.ts"
import type { BodyEncoder } from "../protocol/bodyEncoder.ts"
import type { Target } from "../protocol/target.ts"
import { connectionClosed } from "./closed.ts"
import type { Connection, ConnectionOwner } from "./connection.ts"
import { idleFault, serverNameOf } from "./errorContext.ts"
import type { EventHub } from "./events.ts"
import type { Exchange } from "./exchange.ts"
import type { Settings, Traveller, Tunnel, Way } from "./settings.ts"
import { originOf } from "./settings.ts"

/** A request that `putRequest` has started. */
export interface Started {
  readonly method: string
  readonly target: Target
  readonly names: Array<string>
  readonly values: Array<string>
  readonly skipHost: boolean
  readonly skipAcceptEncoding: boolean
  readonly onInformational: OnInformational | undefined
  /** Set once its head has been sent. */
  exchange: Exchange | undefined
  encoder: BodyEncoder | undefined
  /** True while a call is sending, or waits for the response. No second one may join it. */
  busy: boolean
}

/**
 * True if the caller has a response that it has not read completely, so that another request must
 * not begin. Decided by what the caller has read, not by what has arrived. Otherwise the network
 * would decide whether a program works.
 */
const isUnread = ({ body, framing, head }: Exchange): boolean => {
  if (head === undefined || framing === undefined || body.finished) return false
  if (framing.kind === "length") return body.received - body.size < framing.length
  return framing.kind === "chunked" || framing.kind === "close"
}

export class ConnectionHandle implements ConnectionOwner, Traveller {
  settings: Settings
  connection: Connection | undefined
  /** The last exchange. */
  exchange: Exchange | undefined
  /** The request that `putRequest` started and `getResponse` has not answered. */
  started: Started | undefined
  /** Aborts the opening in progress. */
  abortOpening: ((reason: string) => void) | undefined
  /**
   * Set while a request, or `connect`, has been accepted and has no connection yet, so that no
   * other may begin. Each sets a separate object.
   */
  reservation: object | undefined
  /** The number of times that the caller closed it, and why last. */
  closeGeneration = 0
  closeReason = ""
  closed = false
  /** True for the handle of a lease, which never opens a connection. */
  leased = false
  tunnel: Tunnel | undefined
  /** The fields of the proxy's response to the last CONNECT. */
  proxyFields: HttpFields.HttpFields | undefined

  constructor(settings: Settings, tunnel: Tunnel | undefined) {
    this.settings = settings
    this.tunnel = tunnel
  }

  onResolved({ settings, tunnel }: Way): void {
    this.settings = settings
    this.tunnel = tunnel
  }

  /** The origin that requests are for: the far end of the tunnel, if there is one. */
  get origin(): Origin.Origin {
    return originOf(this)
  }

  get events(): EventHub {
    return this.settings.events
  }

  onIdle(): void {}

  onFault(connection: Connection, fault: Transport.DuplexFault): HttpError {
    return idleFault(connection, serverNameOf(this.settings, this.origin), fault)
  }

  onClosed(connection: Connection, reason: CloseReason, error: HttpError | undefined): void {
    connectionClosed(this, connection, reason, error)
  }

  /** Prevents other calls from starting a request. Returns how to end that. */
  reserve(): () => void {
    const reservation = {}
    this.reservation = reservation
    return () => {
      if (this.reservation === reservation) this.reservation = undefined
    }
  }

  get state(): ConnectionState {
    if (this.closed) return "Closed"
    if (this.reservation !== undefined || this.abortOpening !== undefined) return "RequestSent"
    if (this.started !== undefined) return this.started.exchange === undefined ? "RequestStarted" : "RequestSent"
    const { exchange } = this
    if (exchange === undefined) return "Idle"
    if (exchange.isChannel && !exchange.done) return "Upgraded"
    if (exchange.done) return isUnread(exchange) ? "ResponseUnread" : "Idle"
    return exchange.head === undefined || exchange.body.settled ? "RequestSent" : "ResponseUnread"
  }

  /** True if nothing is in progress. A response that is complete may still be unread. */
  get quiet(): boolean {
    const { state } = this
    return state === "Idle" || (state === "ResponseUnread" && this.exchange?.done === true)
  }

  /** Returns the error to fail with if a request cannot be started now; `undefined` if it can. */
  get startError(): CannotSendRequest | ConnectionClosed | undefined {
    if (this.closed) return new ConnectionClosed({ reason: "its scope has ended" })
    return this.state === "Idle" ? undefined : new CannotSendRequest({ state: this.state })
  }

  /** Closes the connection, whatever is in progress on it. */
  disconnect(reason: string): void {
    this.closeGeneration++
    this.closeReason = reason
    // The request that waits for the poll ends with this, so its reservation ends at once.
    if (this.connection?.polling) this.reservation = undefined
    this.started = undefined
    this.abortOpening?.(reason)
    if (this.exchange !== undefined) {
      this.exchange.abandon(reason, "Closed")
      // Its response no longer prevents another request. The bytes that have arrived can still be
      // read.
      this.exchange.body.finished = true
    }
    this.connection?.closeForCaller()
  }
}
