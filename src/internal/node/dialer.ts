/**
 * The dialer over sockets: the phases of opening in their order, each with its limit and its error.
 *
 * Everything that an attempt starts is on its lists. If it ends without a channel (by a failure, a
 * limit, an abort or a defect), everything on them is destroyed first. Time comes from the host.
 */
import * as net from "node:net"
import * as tls from "node:tls"
import type * as Tls from "../../Tls.ts"
import type {
  Addresses,
  Addressing,
  AsyncContext,
  Duplex,
  DuplexInfo,
  Endpoint,
  OpenTimeouts,
  StopLookup
} from "../../Transport.ts"
import type { AddressRefused, ConnectError } from "../error/connect.ts"
import { DnsError } from "../error/connect.ts"
import type { TimeoutKind } from "../error/timeout.ts"
import { HttpTimeout } from "../error/timeout.ts"
import { TlsError } from "../error/tls.ts"
import { earlyBytes, tlsError, tlsFailure } from "../error/tlsFailures.ts"
import type { Abort, DialCaller, Dialed, Dialer, DialHost, Resolved } from "../model/ports.ts"
import { toAttempt } from "./errors.ts"
import { connectFirst, Opening, tried } from "./happyEyeballs.ts"
import { Inbound } from "./inbound.ts"
import { type Lookup, ordered, resolveBy, systemLookup } from "./resolver.ts"
import { listen, listenToData, SocketDuplex } from "./socket.ts"
import { addressesOf, SocketInfo } from "./socketInfo.ts"
import { check, pathTarget, type Target, targets } from "./targets.ts"
import * as security from "./tls.ts"

export interface Settings {
  readonly lookup: Lookup
  /** How long to wait for one address before the next one is tried in parallel. */
  readonly staggerMillis: number
  /** How long a connection must be quiet before the system probes the peer; 0 or missing: never. */
  readonly keepAliveMillis?: number | undefined
}

/**
 * RFC 8305 section 5 recommends 250 ms. Load balancers and NAT forget quiet connections after some
 * minutes (AWS 350 s, Azure 4 min), and by default the system probes after 2 hours.
 */
export const defaults: Settings = { lookup: systemLookup, staggerMillis: 250, keepAliveMillis: 60_000 }

type Found = Extract<Resolved, { readonly _tag: "Resolved" }>
type Opened = Extract<Dialed, { readonly _tag: "Opened" }>

/** The outcomes of every attempt: its result, or a failure of this kind of attempt. */
type Result<E, A> = A | Exclude<Dialed<E | TlsError | HttpTimeout>, Opened>

/** One call of the dialer, which can also fail with `E`. Its result is a channel, or addresses. */
class Attempt<E, A extends { readonly _tag: string } = Opened> {
  readonly host: DialHost
  /** The async context of the caller, in which sockets and lookups are started. */
  readonly context: AsyncContext
  readonly isBackground: boolean
  readonly started: Array<Opening> = []
  /** The channel inside of which TLS is started. */
  readonly #below: Duplex | undefined
  /** How to cancel each running timer. */
  readonly #timers = new Set<() => void>()
  #stopLimit = (): void => {}
  /** Stops the lookup that is in progress. */
  #stopLookup: StopLookup | undefined
  /** `undefined` once the attempt has ended. */
  #done: ((result: Result<E, A>) => void) | undefined

  constructor(host: DialHost, caller: DialCaller, below: Duplex | undefined, done: (result: Result<E, A>) => void) {
    this.host = host
    this.context = caller.context
    this.isBackground = caller.isBackground === true
    this.#below = below
    this.#done = done
  }

  step(run: () => void): void {
    if (this.#done === undefined) return
    try {
      run()
    } catch (defect) {
      // If the attempt has ended, the callback of the caller has thrown. That is not a defect of
      // opening.
      if (this.#done === undefined) throw defect
      this.end({ _tag: "Died", defect })
    }
  }

  startTimer(millis: number, run: () => void): () => void {
    if (millis === Infinity) return () => {}
    const { host } = this
    const expire = (): void => {
      if (this.#timers.delete(stop)) this.step(run)
    }
    const timer = host.startTimer(
      millis,
      !this.isBackground,
      () => host.isLive ? host.loop.afterPoll(expire) : expire()
    )
    const stop = (): void => {
      if (this.#timers.delete(stop)) timer.cancel()
    }
    this.#timers.add(stop)
    return stop
  }

  /**
   * Starts the limit of a phase, and ends that of the phase before. A result that arrives in time
   * wins over the limit, even if the loop was too busy to read it.
   */
  limit(kind: TimeoutKind, millis: number, expired = (): HttpTimeout => new HttpTimeout({ kind, millis })): void {
    this.#stopLimit()
    this.#stopLimit = this.startTimer(millis, () => this.fail(expired()))
  }

  /** Starts a lookup in the context of the caller. It is stopped if the attempt ends before it. */
  lookUp(
    resolve: NonNullable<Addressing["resolve"]>,
    name: string,
    resolved: (answer: Addresses | DnsError) => void
  ): void {
    let isOver = false
    const end = (run: () => void): void => {
      isOver = true
      this.#stopLookup = undefined
      this.step(run)
    }
    const stop = this.context.run(() =>
      resolve(name, (answer) => end(() => resolved(answer)), (defect) => end(() => this.end({ _tag: "Died", defect })))
    )
    if (isOver) return
    if (this.#done === undefined) stop()
    else this.#stopLookup = stop
  }

  /** Waits for TLS on a socket that is connected. */
  handshake(opening: Opening, wanted: security.Security, secured: (info: Tls.Info, at: number) => void): void {
    const look = (): void => {
      const { chosen, failed, failure, securedAt, socket } = opening
      // The class check only narrows the type: the socket was made by `tls.connect`.
      if (securedAt !== undefined && socket instanceof tls.TLSSocket) {
        const info = security.negotiated(wanted, socket)
        if (info instanceof TlsError) this.fail(info)
        else secured(info, securedAt)
      } else if (failed) {
        this.fail(tlsError(wanted.serverName, failure, chosen))
      }
    }
    opening.watch(look)
    look()
  }

  /** Ends with an open channel. From now on only its receiver is notified of its events. */
  succeed(
    this: Attempt<E>,
    opening: Opening,
    tlsInfo: Tls.Info | undefined,
    timings: DuplexInfo["timings"],
    below?: DuplexInfo
  ): void {
    const info = new SocketInfo(below ?? addressesOf(opening.socket), tlsInfo, timings)
    opening.removeListeners()
    this.end({ _tag: "Opened", duplex: new SocketDuplex(opening.socket, opening.inbound, info), release: undefined })
  }

  fail(error: E | TlsError | HttpTimeout): void {
    this.end({ _tag: "Failed", error })
  }

  readonly abort = (): void => this.end({ _tag: "Aborted" })

  /** Ends with its result, or without one. */
  end(result: Result<E, A>): void {
    const done = this.#done
    if (done === undefined) return
    this.#done = undefined
    for (const stop of this.#timers) stop()
    const stopLookup = this.#stopLookup
    this.#stopLookup = undefined
    if (result._tag === "Opened" || result._tag === "Resolved") return done(result)
    let ending: ReturnType<StopLookup>
    try {
      ending = this.#destroy(stopLookup)
    } catch (defect) {
      return done({ _tag: "Died", defect })
    }
    // An interruption waits for finalizers, a failure does not.
    if (result._tag === "Aborted" && ending !== undefined) ending.whenEnded(() => done(result))
    else done(result)
  }

  /** Destroys everything that was started. */
  #destroy(stopLookup: StopLookup | undefined): ReturnType<StopLookup> {
    for (const opening of this.started) opening.abandon()
    // Both may run code of the caller or of another transport, which may throw.
    this.#below?.destroy()
    return stopLookup?.()
  }
}

/** Resolves a name. Fails if it has no address. */
const lookUp = <A extends { readonly _tag: string }>(
  attempt: Attempt<DnsError | AddressRefused | ConnectError, A>,
  lookup: Lookup,
  name: string,
  addressing: Addressing | undefined,
  timeoutMillis: number,
  resolved: (addresses: ReadonlyArray<string>, millis: number) => void
): void => {
  const { host } = attempt
  const begunAt = host.now()
  attempt.limit("dns", timeoutMillis)
  attempt.lookUp(addressing?.resolve ?? resolveBy(lookup), name, (answer) => {
    const addresses = ordered(name, answer, addressing?.order)
    if (addresses instanceof DnsError) return attempt.fail(addresses)
    resolved(addresses, host.now() - begunAt)
  })
}

const dial = (
  attempt: Attempt<DnsError | AddressRefused | ConnectError>,
  { keepAliveMillis = 0, lookup, staggerMillis }: Settings,
  endpoint: Endpoint,
  timeouts: OpenTimeouts
): void => {
  const { host } = attempt
  const { addressing } = endpoint
  const invalid = check(endpoint)
  if (invalid !== undefined) return attempt.fail(invalid)
  // Before the first socket, so that options which OpenSSL refuses cost the peer no connection.
  const wanted = endpoint.tls === undefined ? undefined : security.make(endpoint.host, endpoint.tls)
  if (wanted instanceof TlsError) return attempt.fail(wanted)

  const connect = (candidates: ReadonlyArray<Target>, dns: number | undefined): void => {
    const begunAt = host.now()
    attempt.limit("connect", timeouts.connect, () => {
      for (const opening of attempt.started) if (!opening.failed) addressing?.failed?.(opening.target.address)
      const attempts = tried(attempt.started).map(toAttempt)
      return new HttpTimeout({ kind: "connect", millis: timeouts.connect, attempts })
    })
    connectFirst(attempt, endpoint, candidates, wanted, staggerMillis, (opening) => {
      const connectedAt = opening.connectedAt ?? host.now()
      if (keepAliveMillis > 0) opening.socket.setKeepAlive(true, keepAliveMillis)
      const millis = connectedAt - begunAt
      if (wanted === undefined) return attempt.succeed(opening, undefined, { dns, connect: millis, tls: undefined })
      attempt.limit("tls", timeouts.tls)
      attempt.handshake(
        opening,
        wanted,
        (info, securedAt) => attempt.succeed(opening, info, { dns, connect: millis, tls: securedAt - connectedAt })
      )
    })
  }

  if (endpoint.socketPath !== undefined) return connect([pathTarget(endpoint)], undefined)
  // An address needs no lookup, and so no limit.
  if (net.isIP(endpoint.host) !== 0) return connect(targets(endpoint, [endpoint.host]), undefined)
  lookUp(
    attempt,
    lookup,
    endpoint.host,
    addressing,
    timeouts.dns,
    (addresses, millis) => connect(targets(endpoint, addresses), millis)
  )
}

const secure = (
  attempt: Attempt<never>,
  duplex: Duplex,
  serverName: string,
  options: Tls.Options,
  timeoutMillis: number
): void => {
  const { context, host } = attempt
  const wanted = security.make(serverName, options)
  if (wanted instanceof TlsError) return attempt.fail(wanted)
  const begunAt = host.now()
  const released = SocketDuplex.release(duplex)
  if (released === undefined) {
    const message = "The channel was not opened by this transport"
    return attempt.fail(tlsFailure(wanted.serverName, "Other", "ERR_NOT_A_SOCKET", message))
  }
  if (released.early) return attempt.fail(earlyBytes(wanted.serverName))

  const inbound = new Inbound()
  // Otherwise another proxy could tell by a session that the connections belong together.
  const { remoteAddress, remotePort } = duplex.info
  let socket: tls.TLSSocket
  try {
    socket = context.run(() =>
      security.connect(wanted, { socket: released.socket }, `in ${remoteAddress}:${remotePort}`)
    )
  } catch (error) {
    return attempt.fail(tlsError(wanted.serverName, error))
  }
  listenToData(socket, inbound)
  listen(socket, inbound)
  const opening = new Opening(socket, inbound, { address: wanted.serverName, port: undefined }, attempt)
  attempt.started.push(opening)
  attempt.limit("tls", timeoutMillis)
  attempt.handshake(
    opening,
    wanted,
    (info, securedAt) =>
      attempt.succeed(opening, info, { ...duplex.info.timings, tls: securedAt - begunAt }, duplex.info)
  )
}

/** Creates a dialer over sockets. Its channels hold nothing but themselves. */
export const makeDialer = (settings: Settings): Dialer =>
  Object.freeze<Dialer>({
    dial: (endpoint, timeouts, host, caller, done): Abort => {
      const attempt = new Attempt<DnsError | AddressRefused | ConnectError>(host, caller, undefined, done)
      attempt.step(() => dial(attempt, settings, endpoint, timeouts))
      return attempt.abort
    },
    resolve: (name, addressing, timeoutMillis, host, caller, done): Abort => {
      const attempt = new Attempt<DnsError | AddressRefused | ConnectError, Found>(host, caller, undefined, done)
      attempt.step(() =>
        lookUp(attempt, settings.lookup, name, addressing, timeoutMillis, (addresses, millis) =>
          attempt.end({ _tag: "Resolved", addresses, millis }))
      )
      return attempt.abort
    },
    secure: (duplex, serverName, options, timeoutMillis, host, caller, done): Abort => {
      const attempt = new Attempt<never>(host, caller, duplex, done)
      attempt.step(() =>
        secure(attempt, duplex, serverName, options, timeoutMillis)
      )
      return attempt.abort
    }
  })
