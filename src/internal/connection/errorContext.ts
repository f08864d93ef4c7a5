/**
 * The report of an exchange about itself: the context of its errors, its timings, and the error for
 * a transport that breaks. Reads an exchange and changes nothing.
 */
import type { BodyFailure, ConnectionInfo, HttpError, Timings } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type * as HttpLeniency from "../../HttpLeniency.ts"
import type * as HttpLimits from "../../HttpLimits.ts"
import * as Origin from "../../Origin.ts"
import type * as Tls from "../../Tls.ts"
import type { DuplexFault, EventLoop } from "../../Transport.ts"
import type { Tagged } from "../error/base.ts"
import { ConnectionReset } from "../error/body.ts"
import type { ErrorContext, Phase, RequestState } from "../error/context.ts"
import { ReadError, RemoteDisconnected, StaleConnection } from "../error/head.ts"
import { WriteError } from "../error/send.ts"
import { ConnectionClosed } from "../error/state.ts"
import type { TimeoutKind } from "../error/timeout.ts"
import { HttpTimeout } from "../error/timeout.ts"
import type { TlsError } from "../error/tls.ts"
import { refusal } from "../error/tlsFailures.ts"
import type { Host } from "../model/ports.ts"
import type { Proxy } from "../model/proxy.ts"
import type { Framing } from "../protocol/framing.ts"
import type { ResponseHead } from "../protocol/head.ts"
import type { MachineError, RequestFacts } from "../protocol/machine.ts"
import type { Target } from "../protocol/target.ts"
import { forwarded, placeOf, proxyName, requestOf } from "./about.ts"
import type { Connection } from "./connection.ts"
import type { Millis } from "./timeouts.ts"
import type { TimerQueue } from "./timers.ts"

/** Limits and hooks that a pool applies to an exchange. `undefined` for a standalone connection. */
export interface ExchangePolicy {
  /** The bytes of a discarded response that are read; none if negative. */
  readonly drainBytes: number
  /** How long the rest of a discarded response is read, in milliseconds. */
  readonly drainMillis: number
  /** How long a response may be left unread, in milliseconds. */
  readonly unreadMillis: number
  /**
   * Called when the response has been left unread for that long. Afterwards the exchange ends it.
   */
  readonly onUnread: (exchange: ExchangeView) => void
  /**
   * Called when the exchange has ended, with the failure if there is one. The connection is
   * notified afterwards.
   */
  readonly onEnd: (exchange: ExchangeView, error: HttpError | undefined) => void
}

/**
 * The part of a request that lives until its exchange is over, and longer if its response is kept.
 * It has neither the fields nor the body.
 *
 * A class and not a literal, as everything that is created for each request. V8 counts how many
 * objects of a literal survive a collection. If most of those survived that it saw while a program
 * warmed up, it allocates all further ones in its old generation. Each such object then retains
 * what it refers to until the next full collection.
 */
export class Terms implements RequestFacts {
  readonly method: string
  readonly close: boolean
  readonly limits: HttpLimits.HttpLimits
  readonly leniency: HttpLeniency.HttpLeniency
  readonly timeouts: Millis
  readonly target: Target
  readonly replayable: boolean
  /** The number of times that the request was sent before. */
  readonly resends: number
  readonly offered: ReadonlyArray<string> | undefined

  constructor(
    method: string,
    close: boolean,
    limits: HttpLimits.HttpLimits,
    leniency: HttpLeniency.HttpLeniency,
    timeouts: Millis,
    target: Target,
    replayable: boolean,
    resends: number,
    offered: ReadonlyArray<string> | undefined
  ) {
    this.method = method
    this.close = close
    this.limits = limits
    this.leniency = leniency
    this.timeouts = timeouts
    this.target = target
    this.replayable = replayable
    this.resends = resends
    this.offered = offered
  }
}

/** The settings of its connection that an exchange needs. */
export interface ExchangeSettings {
  readonly host: Pick<Host, "logError">
  readonly timers: TimerQueue
  readonly loop: EventLoop
  /** The most bytes that are passed to the transport at once; a longer piece is cut. */
  readonly blockSize: number
  readonly policy: ExchangePolicy | undefined
  /** True if heads are shown in the caller's log. */
  readonly wireTap: boolean
  readonly tls: Tls.Options | undefined
  /** The proxy that the connection is opened to, with the credentials that it was opened with. */
  readonly proxy: Proxy | undefined
  /**
   * The origin that the connection is opened to: the proxy if the far end of its tunnel is another
   * origin.
   */
  readonly origin: Origin.Origin
}

/** The part of an exchange that is read here. */
export interface ExchangeView {
  readonly connection: Connection
  readonly settings: ExchangeSettings
  readonly origin: Origin.Origin
  readonly terms: Terms
  /** The time at which the caller asked for the request, in the timers' fractional milliseconds. */
  readonly startedAt: number
  /** True if the connection was opened for this exchange, so that its timings belong to it. */
  readonly openedHere: boolean
  readonly connectionInfo: ConnectionInfo
  readonly head: ResponseHead | undefined
  readonly framing: Framing | undefined
  readonly body: { readonly received: number }
  readonly sent: boolean
  readonly written: number
  readonly read: number
  readonly timings: Timings
  withContext<E extends Tagged<string>>(error: E): E
}

/** Describes a connection at the time when an exchange began on it. */
export const connectionOf = (
  { duplex: { info }, id }: Connection,
  served: number,
  idleMillis: number
): ConnectionInfo => ({
  id,
  reused: served > 0,
  requestsServed: served,
  idleMillis,
  localAddress: info.localAddress,
  localPort: info.localPort,
  remoteAddress: info.remoteAddress,
  remotePort: info.remotePort
})

/** The times of the steps so far, in the timers' fractional milliseconds. */
export interface Stamps {
  readonly begun: number
  readonly sent: number | undefined
  readonly head: number | undefined
  readonly end: number | undefined
}

const since = (from: number | undefined, to: number | undefined): number | undefined =>
  from === undefined || to === undefined ? undefined : to - from

/**
 * Returns the time at which the wait for the server's head began. For a server that answers early,
 * that is the beginning.
 */
const waitingSince = ({ begun, head, sent }: Stamps): number =>
  sent === undefined || (head !== undefined && head < sent) ? begun : sent

/** Returns the time that each phase has taken so far. */
export const timingsOf = (exchange: ExchangeView, stamps: Stamps): Timings => {
  const { openedHere, startedAt } = exchange
  const opening = openedHere ? exchange.connection.duplex.info.timings : undefined
  return {
    dns: opening?.dns,
    connect: opening?.connect,
    // The TLS handshake with a proxy belongs to `proxy`.
    tls: forwarded(exchange.origin) ? undefined : opening?.tls,
    proxy: openedHere ? exchange.connection.proxyMillis : undefined,
    send: since(stamps.begun, stamps.sent),
    wait: since(waitingSince(stamps), stamps.head),
    body: since(stamps.head, stamps.end),
    total: since(startedAt, stamps.end)
  }
}

const timeoutPhase: { readonly [K in TimeoutKind]: Phase | undefined } = {
  pool: "pool",
  dns: "dns",
  connect: "connect",
  tls: "tls",
  proxy: "proxy",
  write: "write",
  continue: "write",
  head: "head",
  bodyIdle: "body",
  total: undefined
}

/** Returns the phase in which the exchange was when its total timeout expired. */
const phaseNow = (exchange: ExchangeView): Phase =>
  exchange.head !== undefined ? "body" : exchange.sent ? "head" : "write"

const phaseOf = (exchange: ExchangeView, error: Tagged<string>): Phase => {
  if (error instanceof HttpTimeout) return timeoutPhase[error.kind] ?? phaseNow(exchange)
  const { phase } = error.context
  return exchange.head !== undefined && (phase === "head" || error._tag === "InvalidTrailer") ? "body" : phase
}

const requestStateOf = (exchange: ExchangeView): RequestState => {
  if (exchange.head !== undefined) return "ResponseStarted"
  if (exchange.sent) return "Sent"
  return exchange.written > 0 ? "PartiallySent" : "NotSent"
}

/**
 * The errors after which a request is known not to be processed. A server that refuses the client
 * has not looked at its requests, and a proxy that refuses it has not forwarded them.
 */
const unprocessed: ReadonlySet<string> = new Set(["ProxyAuthRequired", "TlsError"])

/**
 * Returns the place of an exchange's errors. If the caller has set a tunnel, the proxy is the
 * origin that the connection is opened to. Any other proxy is named by the origin of the exchange.
 */
const placeIn = ({ origin, settings }: ExchangeView): ReturnType<typeof placeOf> =>
  settings.origin === origin ? placeOf(origin) : { ...placeOf(origin), proxy: proxyName(settings.origin) }

/** Returns the context of an error of this exchange. */
export const contextOf = (exchange: ExchangeView, error: Tagged<string>): ErrorContext => {
  const { head } = exchange
  const started = head !== undefined
  return {
    ...placeIn(exchange),
    ...requestOf(exchange.terms),
    status: head?.status,
    contentType: head === undefined ? undefined : HttpFields.getUnsafe(head.fields, "content-type"),
    phase: phaseOf(exchange, error),
    // An invalid trailer is the caller's fault in a request and the server's in a response.
    fault: error._tag === "InvalidTrailer" && started ? "Remote" : error.context.fault,
    connection: exchange.connectionInfo,
    bytesWritten: exchange.written,
    bytesRead: exchange.read,
    requestState: requestStateOf(exchange),
    processed: unprocessed.has(error._tag) ? "No" : started ? "Yes" : exchange.written > 0 ? "Unknown" : "No",
    replayable: exchange.terms.replayable,
    resends: exchange.terms.resends,
    timings: exchange.timings
  }
}

/** Returns the error for a transport that breaks now. */
export const faultError = (exchange: ExchangeView, { cause, code }: DuplexFault): HttpError => {
  if (exchange.head !== undefined) {
    return new ConnectionReset({
      code,
      received: exchange.body.received,
      expected: exchange.framing?.kind === "length" ? exchange.framing.length : undefined,
      partial: undefined,
      cause
    })
  }
  const refused = refusal(serverNameOf(exchange.settings, exchange.origin), { cause, code })
  if (refused !== undefined) return refused
  if ((exchange.connectionInfo.reused || exchange.connection.wasParked) && exchange.read === 0) {
    return new StaleConnection({ cause })
  }
  const tls = exchange.read === 0 ? exchange.connection.tls : undefined
  return exchange.sent ? new ReadError({ code, cause, tls }) : new WriteError({ code, cause, tls })
}

/** Returns the error for an idle connection that breaks. */
export const idleFault = (
  connection: Connection,
  serverName: string,
  { cause, code }: DuplexFault
): TlsError | ReadError =>
  refusal(serverName, { cause, code })
    ?? new ReadError({ code, cause, tls: connection.machine.served === 0 ? connection.tls : undefined })

/**
 * Returns the name that the certificate is checked against: the proxy's if that forwards requests.
 */
export const serverNameOf = ({ tls }: Pick<ExchangeSettings, "tls">, origin: Origin.Origin): string =>
  forwarded(origin) && origin.proxy !== undefined
    ? origin.proxy.tls?.serverName ?? origin.proxy.host
    : tls?.serverName ?? Origin.serverName(origin)

/**
 * Returns the error for a fault that the machine found. The machine knows neither TLS nor that a
 * connection was parked without having served a request.
 */
export const machineError = ({ connection, read }: ExchangeView, error: MachineError): MachineError =>
  error._tag !== "RemoteDisconnected"
    ? error
    : connection.wasParked && read === 0
    ? new StaleConnection({})
    : new RemoteDisconnected({ tls: connection.tls })

/** Returns the form in which the reader of the body receives a failure of the exchange. */
export const asBodyFailure = (exchange: ExchangeView, error: HttpError): BodyFailure => {
  switch (error._tag) {
    // Before the head these are reported unchanged. After the head, they cut the body short.
    case "RequestBodyError":
    case "BodyLengthMismatch":
    case "ConflictingFraming":
    case "UnsupportedBody":
      return exchange.withContext(
        new ConnectionClosed({ reason: "the request's body failed while the response was being read", cause: error })
      )
    default:
      return error as BodyFailure
  }
}
