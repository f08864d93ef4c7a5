/**
 * Opens a connection, step by step: the dialer's connect, the tunnel if there is one, TLS inside
 * it.
 *
 * Whatever ends the opening early (failure, abort, timeout) leaves nothing open. Errors get their
 * context here.
 */
import type { ConnectFailure, HttpError, TunnelFailure } from "../../HttpError.ts"
import type * as HttpFields from "../../HttpFields.ts"
import type * as Transport from "../../Transport.ts"
import type { Tagged } from "../error/base.ts"
import type { Phase } from "../error/context.ts"
import { noTimings } from "../error/context.ts"
import { ReadError, RemoteDisconnected, UnexpectedMessage } from "../error/head.ts"
import { ConnectionClosed } from "../error/state.ts"
import type { TimeoutKind } from "../error/timeout.ts"
import { HttpTimeout } from "../error/timeout.ts"
import { TlsError } from "../error/tls.ts"
import { format } from "../model/origin.ts"
import type { Abort, Caller, Dialed } from "../model/ports.ts"
import { proxyName, withContextAt } from "./about.ts"
import type { ConnectionOwner, Reserver } from "./connection.ts"
import { Connection } from "./connection.ts"
import { serverNameOf } from "./errorContext.ts"
import type { Way } from "./settings.ts"
import { originOf, proxyOf } from "./settings.ts"
import type { Millis } from "./timeouts.ts"
import type { TunnelOwner } from "./tunnel.ts"
import { TunnelRequest } from "./tunnel.ts"

/** What can go wrong when a connection is opened. */
export type OpenFailure = ConnectFailure | TunnelFailure

/** Receives the outcome of an opening. */
export interface OpeningOwner {
  /** Called once, perhaps within `start`, when nothing is left of the opening but its outcome. */
  onOpened(opening: Opening): void
}

/** The phase in which a timeout of opening ran out. */
const phaseOfTimeout = (kind: TimeoutKind): Phase =>
  kind === "dns" || kind === "tls" || kind === "proxy" ? kind : "connect"

/** What is connected to is the proxy until there is a tunnel. */
const beforeTunnel = new Set<Phase>(["dns", "connect", "proxy"])

/** Adds the context of an opening: nothing of a request was sent. */
export const withOpeningContext = <E extends Tagged<string>>(way: Way, error: E): E => {
  const proxy = proxyOf(way)
  const phase = error instanceof HttpTimeout ? phaseOfTimeout(error.kind) : error.context.phase
  return withContextAt(error, originOf(way), undefined, {
    phase,
    timings: noTimings,
    ...(proxy === undefined ? undefined : { proxy: proxyName(proxy) }),
    ...(proxy !== undefined && beforeTunnel.has(phase) ? { peer: "Proxy" } : undefined)
  })
}

export class Opening implements TunnelOwner, Reserver {
  /** The outcome: a connection, an error, a defect, or none of them if it was aborted. */
  connection: Connection | undefined
  error: OpenFailure | ConnectionClosed | undefined
  defect: { readonly thrown: unknown } | undefined
  /** The fields of the proxy's response to CONNECT. */
  proxyFields: HttpFields.HttpFields | undefined
  ended = false
  readonly #way: Way
  readonly #timeouts: Millis
  readonly #caller: Caller
  readonly #connectionOwner: ConnectionOwner
  readonly #owner: OpeningOwner
  /** Ends the step in progress. */
  #abort: Abort | undefined
  #aborted: { readonly error: ConnectionClosed | HttpTimeout | undefined } | undefined
  #duplex: Transport.Duplex | undefined
  #release: (() => void) | undefined
  #tunnelBegan = 0
  #proxyMillis: number | undefined
  #waiters: Array<() => void> | undefined

  constructor(way: Way, timeouts: Millis, caller: Caller, connectionOwner: ConnectionOwner, owner: OpeningOwner) {
    this.#way = way
    this.#timeouts = timeouts
    this.#caller = caller
    this.#connectionOwner = connectionOwner
    this.#owner = owner
  }

  start(): void {
    const { settings, tunnel } = this.#way
    const { dialer, events, host, localAddress, localPort, origin, tls } = settings
    const { host: name, port } = settings.proxy ?? origin
    if (events.active) {
      events.emit({ _tag: "Connect", origin: format(originOf(this.#way)), host: origin.socketPath ?? name, port })
    }
    const endpoint: Transport.Endpoint = {
      host: name,
      port,
      socketPath: origin.socketPath,
      localAddress,
      localPort,
      tls: tunnel === undefined ? tls : undefined
    }
    this.#run((done) => dialer.dial(endpoint, this.#timeouts, host, this.#caller, done), () => this.#dialed())
  }

  /**
   * Ends the opening. Its outcome is then the error, or nothing. The owner is called when nothing
   * of it is left.
   */
  abort(error?: ConnectionClosed | HttpTimeout): void {
    if (this.ended || this.#aborted !== undefined) return
    this.#aborted = { error }
    // A transport may run the code of the caller.
    if (this.#abort !== undefined) this.#caller.context.run(this.#abort)
  }

  /** Calls back once when the opening has ended. Returns how to cancel. */
  whenEnded(callback: () => void): () => void {
    if (this.ended) {
      callback()
      return () => {}
    }
    const waiters = this.#waiters ??= []
    waiters.push(callback)
    return () => {
      this.#waiters = waiters.filter((other) => other !== callback)
    }
  }

  /** Runs a step of the dialer, which may end within the call that starts it. */
  #run(step: (done: (result: Dialed) => void) => Abort, next: () => void): void {
    let isOver = false
    const abort = step((result) => {
      isOver = true
      this.#abort = undefined
      this.#stepEnded(result, next)
    })
    if (isOver) return
    this.#abort = abort
    if (this.#aborted !== undefined) abort()
  }

  #stepEnded(result: Dialed, next: () => void): void {
    switch (result._tag) {
      case "Opened": {
        this.#duplex = result.duplex
        const before = this.#release
        const { release } = result
        this.#release = before === undefined || release === undefined ? before ?? release : () => {
          release()
          before()
        }
        return this.#aborted === undefined ? next() : this.#fail(undefined)
      }
      case "Failed":
        // What was dialled before a `secure` that fails is destroyed.
        return this.#fail(result.error)
      case "Died":
        return this.#die(result.defect)
      case "Aborted":
        return this.#fail(undefined)
    }
  }

  #dialed(): void {
    const { settings, tunnel } = this.#way
    if (tunnel === undefined || this.#duplex === undefined) return this.#established()
    this.#tunnelBegan = settings.timers.now()
    const request = new TunnelRequest(settings, tunnel, this.#timeouts.proxy, this.#caller, {
      onTunnel: (error) => {
        this.proxyFields = request.head?.fields
        this.onTunnel(error)
      },
      onDefect: (thrown) => this.onDefect(thrown)
    })
    this.#abort = () => {
      request.abort()
      this.proxyFields = request.head?.fields
      this.#fail(undefined)
    }
    request.start(this.#duplex)
  }

  onTunnel(error: TunnelFailure | HttpTimeout | undefined): void {
    this.#abort = undefined
    const { settings, tunnel } = this.#way
    const duplex = this.#duplex
    if (error !== undefined || duplex === undefined || tunnel === undefined) return this.#fail(error)
    this.#proxyMillis = settings.timers.now() - this.#tunnelBegan
    const { dialer, host, tls } = settings
    if (tls === undefined) return this.#established()
    const name = serverNameOf(settings, tunnel.origin)
    this.#run(
      (done) => dialer.secure(duplex, name, tls, this.#timeouts.tls, host, this.#caller, done),
      () => this.#established()
    )
  }

  onDefect(thrown: unknown): void {
    this.#abort = undefined
    this.#die(thrown)
  }

  /** The duplex leads to the origin. */
  #established(): void {
    const { settings: { events, loop, timers, tls }, tunnel } = this.#way
    // Each step before has set it.
    const duplex = this.#duplex as Transport.Duplex
    const connection = new Connection(duplex, timers.now(), this.#connectionOwner, this.#release, this.#proxyMillis)
    this.connection = connection
    // Before it is attached, because what has arrived already may close it at once.
    if (events.active) {
      events.emit({ _tag: "Connected", connection: connection.id, origin: format(originOf(this.#way)) })
    }
    connection.attach()
    // What the proxy sends behind its response to CONNECT must not count as a response of the
    // origin. Inside of TLS it cannot: it would break the handshake.
    if (tunnel !== undefined && tls === undefined && connection.usable) {
      this.#abort = () => connection.closeForCaller()
      connection.reserve(loop, this)
    } else this.#end()
  }

  onPolled(): void {
    this.#abort = undefined
    this.#end()
  }

  #fail(error: OpenFailure | undefined): void {
    this.#duplex?.destroy()
    this.#release?.()
    const { error: own } = this.#aborted ?? { error }
    this.error = own && withOpeningContext(this.#way, own)
    this.#emitFailed(this.error)
    this.#end()
  }

  #die(thrown: unknown): void {
    this.#duplex?.destroy()
    this.#release?.()
    this.defect = { thrown }
    this.#emitFailed(undefined)
    this.#end()
  }

  #emitFailed(error: HttpError | undefined): void {
    const { events } = this.#way.settings
    if (events.active) events.emit({ _tag: "ConnectFailed", origin: format(originOf(this.#way)), error })
  }

  #end(): void {
    this.ended = true
    this.#duplex = undefined
    this.#release = undefined
    const waiters = this.#waiters
    this.#waiters = undefined
    this.#owner.onOpened(this)
    if (waiters !== undefined) { for (const waiter of waiters) waiter() }
  }
}

/** Why a connection was closed between its opening and the first request on it. */
export const closedAtOnce = (
  connection: Connection
): ConnectionClosed | ReadError | RemoteDisconnected | TlsError | UnexpectedMessage =>
  connection.closedByCaller
    ? new ConnectionClosed({ reason: "it was closed while it was being opened" })
    : connection.closedBy instanceof UnexpectedMessage || connection.closedBy instanceof ReadError
        || connection.closedBy instanceof TlsError
    ? connection.closedBy
    : new RemoteDisconnected({ tls: connection.tls })
