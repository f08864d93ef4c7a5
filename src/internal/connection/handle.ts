/**
 * The state of one connection over all its exchanges: what it is set to, its link while one is
 * open, which calls are legal, and what follows when the link closes.
 *
 * The Effects over it are in `open.ts`, `pipeline.ts` and `steps.ts`.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import type { CloseReason } from "../../ConnectionEvent.ts"
import type { HttpError } from "../../HttpError.ts"
import type * as HttpFields from "../../HttpFields.ts"
import type * as HttpLeniency from "../../HttpLeniency.ts"
import type * as HttpLimits from "../../HttpLimits.ts"
import * as Origin from "../../Origin.ts"
import type * as Tls from "../../Tls.ts"
import type * as Transport from "../../Transport.ts"
import { CannotSendRequest, ConnectionClosed } from "../error/state.ts"
import type { ConnectionState } from "../error/state.ts"
import type { BodyEncoder } from "../protocol/bodyEncoder.ts"
import type { Target } from "../protocol/target.ts"
import type { Connection, ConnectionOwner } from "./connection.ts"
import type { ExchangePolicy } from "./errorContext.ts"
import { idleFault, serverNameOf } from "./errorContext.ts"
import type { EventHub } from "./events.ts"
import type { Exchange } from "./exchange.ts"
import type { Millis } from "./timeouts.ts"
import type { TimerQueue } from "./timers.ts"

/** A tunnel through the proxy that the connection is opened to. */
export interface Tunnel {
  /** Where the tunnel ends. */
  readonly origin: Origin.Origin
  /** Sent to the proxy with CONNECT. */
  readonly fields: HttpFields.HttpFields
}

/** What a connection is set to. */
export interface Settings {
  readonly transport: Transport.Service
  /** That of the transport. */
  readonly loop: Transport.EventLoop
  readonly timers: TimerQueue
  readonly runtime: Runtime.Runtime<never>
  readonly origin: Origin.Origin
  readonly tls: Tls.Options | undefined
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  readonly timeouts: Millis
  readonly limits: HttpLimits.HttpLimits
  readonly leniency: HttpLeniency.HttpLeniency
  /** Bytes of a body that are given to the transport at once. */
  readonly blockSize: number
  /** Whether a link is opened when a request needs one. */
  readonly autoOpen: boolean
  readonly wireTap: boolean
  /** Names of fields whose values the wire tap does not show, asked anew for each exchange. */
  readonly redactedNames: Effect.Effect<ReadonlyArray<string | RegExp>>
  readonly events: EventHub
  /** The proxy to connect to in place of the origin. */
  readonly proxy: { readonly host: string; readonly port: number } | undefined
  /** What a pool takes care of beside. */
  readonly policy: ExchangePolicy | undefined
}

/** Who is told what becomes of the link: the pool that it belongs to. */
export interface Watcher {
  idle(): void
  closed(): void
}

/** A request that `putRequest` has started. */
export interface Started {
  readonly method: string
  readonly target: Target
  readonly names: Array<string>
  readonly values: Array<string>
  readonly skipHost: boolean
  readonly skipAcceptEncoding: boolean
  /** Once its head has been sent. */
  exchange: Exchange | undefined
  outgoing: BodyEncoder | undefined
  /**
   * Whether a call is sending, or waits for the response. A second one beside it could only mix up
   * both.
   */
  busy: boolean
}

/**
 * True if the caller has a response of which it has not read everything, so that another request
 * must not begin. Decided by what has been read and never by what has arrived: otherwise a program
 * would work or fail as the network pleases.
 */
const isUnread = ({ body, framing, head }: Exchange): boolean => {
  if (head === undefined || framing === undefined || body.finished) return false
  if (framing.kind === "length") return body.received - body.size < framing.length
  return framing.kind === "chunked" || framing.kind === "close"
}

export class ConnectionHandle implements ConnectionOwner {
  readonly settings: Settings
  connection: Connection | undefined
  /** The last exchange. */
  exchange: Exchange | undefined
  /** The request that `putRequest` started and `getResponse` has not answered. */
  started: Started | undefined
  /** Aborts the opening of a link that is under way. */
  abortOpening: ((reason: string) => void) | undefined
  /**
   * Set while a request, or `connect`, was accepted that has no link yet: no other may begin one.
   * Each sets an object of its own.
   */
  reservation: object | undefined
  /** How often the caller closed it, and why last. */
  closeGeneration = 0
  closeReason = ""
  closed = false
  /** Whether it is only lent: the link that it has is all it gets. */
  leased = false
  tunnel: Tunnel | undefined
  /** Set before a link is opened. */
  watcher: Watcher | undefined
  /** What the proxy answered with to the last CONNECT. */
  proxyFields: HttpFields.HttpFields | undefined

  constructor(settings: Settings, tunnel: Tunnel | undefined) {
    this.settings = settings
    this.tunnel = tunnel
  }

  /** Whom requests are for: the far end of the tunnel where there is one. */
  get origin(): Origin.Origin {
    return this.tunnel?.origin ?? this.settings.origin
  }

  /** What the connection is opened to where that is not the origin itself. */
  get proxy(): { readonly host: string; readonly port: number } | undefined {
    return this.settings.proxy ?? (this.tunnel === undefined ? undefined : this.settings.origin)
  }

  get events(): EventHub {
    return this.settings.events
  }

  onIdle(): void {
    this.watcher?.idle()
  }

  onFault(connection: Connection, fault: Transport.DuplexFault): HttpError {
    return idleFault(connection, serverNameOf(this.settings, this.origin), fault)
  }

  onClosed({ id, machine, openedAt, scope }: Connection, reason: CloseReason, error: HttpError | undefined): void {
    const { timers, events, runtime } = this.settings
    timers.rest()
    if (scope !== undefined) Runtime.runFork(runtime)(Scope.close(scope, Exit.void))
    if (events.active) {
      events.emit({
        _tag: "Close",
        connection: id,
        origin: Origin.format(this.origin),
        requestsServed: machine.served,
        millis: timers.now() - openedAt,
        reason,
        error
      })
    }
    this.watcher?.closed()
  }

  /** Keeps others from beginning a request. Returns how to end that. */
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
    if (exchange.done) return isUnread(exchange) ? "ResponseUnread" : "Idle"
    return exchange.head === undefined || exchange.body.settled ? "RequestSent" : "ResponseUnread"
  }

  /** True if nothing is under way. A response that is complete may still be unread. */
  get quiet(): boolean {
    const { state } = this
    return state === "Idle" || (state === "ResponseUnread" && this.exchange?.done === true)
  }

  /** What stands against starting a request. */
  get startError(): CannotSendRequest | ConnectionClosed | undefined {
    if (this.closed) return new ConnectionClosed({ reason: "its scope has ended" })
    return this.state === "Idle" ? undefined : new CannotSendRequest({ state: this.state })
  }

  /** Closes the link, whatever is under way on it. */
  disconnect(reason: string): void {
    this.closeGeneration++
    this.closeReason = reason
    // The request that has the link polled ends with this, and need not be waited for.
    if (this.connection?.polling) this.reservation = undefined
    this.started = undefined
    this.abortOpening?.(reason)
    if (this.exchange !== undefined) {
      this.exchange.abandon(reason, "Closed")
      // Its response stands against nothing any more, though what has arrived of it can still be
      // read.
      this.exchange.body.finished = true
    }
    this.connection?.closeForCaller()
  }
}
