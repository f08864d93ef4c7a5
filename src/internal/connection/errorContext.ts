/**
 * What is said of an exchange when it fails, and when it is asked: the context of its errors, its
 * timings, and which error it is when the transport breaks. Reads an exchange and changes nothing.
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
import type { Framing } from "../protocol/framing.ts"
import type { ResponseHead } from "../protocol/head.ts"
import type { MachineError, RequestFacts } from "../protocol/machine.ts"
import type { Target } from "../protocol/target.ts"
import { placeOf, proxyName, requestOf } from "./about.ts"
import type { Connection } from "./connection.ts"
import type { Millis } from "./timeouts.ts"
import type { TimerQueue } from "./timers.ts"

/** What a pool takes care of in an exchange. A connection of its own does without. */
export interface ExchangePolicy {
  /**
   * How much of a response that is let go is read, in bytes (nothing is where it is negative) and
   * milliseconds.
   */
  readonly drainBytes: number
  readonly drainMillis: number
  /** How long a response may be left unread, in milliseconds. */
  readonly unreadMillis: number
  /** The response has been left unread for that long; the exchange ends it then. */
  readonly onUnread: (exchange: ExchangeView) => void
  /** The exchange has ended, with the failure if there is one. The link is told afterwards. */
  readonly onEnd: (exchange: ExchangeView, error: HttpError | undefined) => void
}

/**
 * What of a request holds until its exchange is over, and longer where its response is kept:
 * neither its fields nor its body.
 *
 * A class and no literal, as whatever is made for each request: V8 counts how many objects of a
 * literal live through a collection, and makes all further ones among the old objects if most of
 * those did that it saw while a program was warming up. Each such object then keeps what it points
 * to alive until the next collection of everything.
 */
export class Terms implements RequestFacts {
  readonly method: string
  readonly close: boolean
  readonly limits: HttpLimits.HttpLimits
  readonly leniency: HttpLeniency.HttpLeniency
  readonly timeouts: Millis
  readonly target: Target
  readonly replayable: boolean
  /** How often the request was sent before. */
  readonly resends: number

  constructor(
    method: string,
    close: boolean,
    limits: HttpLimits.HttpLimits,
    leniency: HttpLeniency.HttpLeniency,
    timeouts: Millis,
    target: Target,
    replayable: boolean,
    resends: number
  ) {
    this.method = method
    this.close = close
    this.limits = limits
    this.leniency = leniency
    this.timeouts = timeouts
    this.target = target
    this.replayable = replayable
    this.resends = resends
  }
}

/** What of the settings of its connection an exchange needs. */
export interface ExchangeSettings {
  readonly timers: TimerQueue
  readonly loop: EventLoop
  /** Bytes that are given to the transport at once; a longer piece is cut. */
  readonly blockSize: number
  readonly policy: ExchangePolicy | undefined
  /** True if heads are shown in the caller's log. */
  readonly wireTap: boolean
  readonly tls: Tls.Options | undefined
  /**
   * Whom the connection is opened to: the proxy, where the far end of its tunnel is another one.
   */
  readonly origin: Origin.Origin
}

/** What is read of an exchange here. */
export interface ExchangeView {
  readonly connection: Connection
  readonly settings: ExchangeSettings
  readonly origin: Origin.Origin
  readonly terms: Terms
  /** When the request was asked for, in the deadlines' fractional milliseconds. */
  readonly startedAt: number
  /** Whether the link was opened for this exchange, so that its timings belong to it. */
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

/** A connection as it was when an exchange began on it. */
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

/** When what happened, in the deadlines' fractional milliseconds. */
export interface Stamps {
  readonly begun: number
  readonly sent: number | undefined
  readonly head: number | undefined
  readonly end: number | undefined
}

const since = (from: number | undefined, to: number | undefined): number | undefined =>
  from === undefined || to === undefined ? undefined : to - from

/** A server that answers early has been waited for since the beginning. */
const waitingSince = ({ begun, head, sent }: Stamps): number =>
  sent === undefined || (head !== undefined && head < sent) ? begun : sent

/** The time that each phase took, so far. */
export const timingsOf = (exchange: ExchangeView, stamps: Stamps): Timings => {
  const { openedHere, startedAt } = exchange
  const opening = openedHere ? exchange.connection.duplex.info.timings : undefined
  return {
    dns: opening?.dns,
    connect: opening?.connect,
    tls: opening?.tls,
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

/** What the exchange was about when its time as a whole ran out. */
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
 * A server that refuses the client has not looked at what it sent, and a proxy that does has not
 * passed it on.
 */
const unprocessed: ReadonlySet<string> = new Set(["ProxyAuthRequired", "TlsError"])
/**
 * The proxy of a connection whose caller has set a tunnel is what it is opened to; any other is
 * named by the origin.
 */
const placeIn = ({ origin, settings }: ExchangeView): ReturnType<typeof placeOf> =>
  settings.origin === origin ? placeOf(origin) : { ...placeOf(origin), proxy: proxyName(settings.origin) }

/** The context of an error of this exchange. */
export const contextOf = (exchange: ExchangeView, error: Tagged<string>): ErrorContext => {
  const { head } = exchange
  const started = head !== undefined
  return {
    ...placeIn(exchange),
    ...requestOf(exchange.terms),
    status: head?.status,
    contentType: head === undefined ? undefined : HttpFields.getUnsafe(head.fields, "content-type"),
    phase: phaseOf(exchange, error),
    // The class is the caller's fault in a request and the server's in a response.
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

/** Which failure it is when the transport breaks now. */
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

/** Which failure it is when a link breaks that nobody uses. */
export const idleFault = (
  connection: Connection,
  serverName: string,
  { cause, code }: DuplexFault
): TlsError | ReadError =>
  refusal(serverName, { cause, code })
    ?? new ReadError({ code, cause, tls: connection.machine.served === 0 ? connection.tls : undefined })

/** The name that the certificate is checked against. */
export const serverNameOf = ({ tls }: Pick<ExchangeSettings, "tls">, origin: Origin.Origin): string =>
  tls?.serverName ?? Origin.serverName(origin)

/**
 * Which failure it is that the machine found. It knows neither of TLS nor of a link that was kept
 * without having served anybody.
 */
export const machineError = ({ connection, read }: ExchangeView, error: MachineError): MachineError =>
  error._tag !== "RemoteDisconnected"
    ? error
    : connection.wasParked && read === 0
    ? new StaleConnection({})
    : new RemoteDisconnected({ tls: connection.tls })

/** How a failure of the exchange looks to whoever reads the body. */
export const asBodyFailure = (exchange: ExchangeView, error: HttpError): BodyFailure => {
  switch (error._tag) {
    // Before the head these are what they are; once it has come, the body is what they cut short.
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
