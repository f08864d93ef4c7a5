/**
 * The transport over sockets: the phases of opening in their order, each with its limit and its
 * error.
 *
 * Rules: whatever was started is in one list until it is handed over, and that list is emptied on
 * every other exit: failure, timeout, interruption and defect alike. All limits run on Effect's
 * Clock.
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as net from "node:net"
import * as tls from "node:tls"
import type * as Tls from "../../Tls.ts"
import type { Duplex, Endpoint, OpenTimeouts, Service } from "../../Transport.ts"
import { onlyDuplexes } from "../effect/scopes.ts"
import { within } from "../effect/within.ts"
import type { TlsError } from "../error/tls.ts"
import { earlyBytes, tlsError, tlsFailure } from "./errors.ts"
import { nodeEventLoop } from "./eventLoop.ts"
import * as connect from "./happyEyeballs.ts"
import { Inbound } from "./inbound.ts"
import { Opening, until } from "./opening.ts"
import { type Lookup, resolve, systemLookup } from "./resolver.ts"
import { listen, listenToData, SocketDuplex } from "./socket.ts"
import { addressesOf, SocketInfo } from "./socketInfo.ts"
import * as security from "./tls.ts"

export interface Settings {
  readonly lookup: Lookup
  /** How long an attempt has to itself before the next address is tried beside it. */
  readonly staggerMillis: number
}

/** RFC 8305 section 5 recommends 250 ms. */
export const defaults: Settings = { lookup: systemLookup, staggerMillis: 250 }

/**
 * Runs `work` so that the sockets it starts end with it, unless it succeeds: then its duplex ends
 * with the scope.
 */
const owned = <E, R>(
  work: (started: Array<Opening>) => Effect.Effect<Duplex, E, R>
): Effect.Effect<Duplex, E, R | Scope.Scope> =>
  Effect.uninterruptibleMask((restore) => {
    const started: Array<Opening> = []
    return restore(work(started)).pipe(
      Effect.onError(() =>
        Effect.sync(() => {
          for (const opening of started) opening.abandon()
        })
      ),
      Effect.tap((duplex) => Effect.flatMap(Effect.scope, (scope) => Scope.addFinalizerExit(scope, destroying(duplex))))
    )
  })

/**
 * Not `Effect.addFinalizer`, which keeps all of the fiber that opened it: 1.5 KB. Outside of
 * `owned`, whose variables it would keep.
 */
const destroying = (duplex: Duplex) => (): Effect.Effect<void> => Effect.sync(() => duplex.destroy())

/** Waits for TLS on a socket that is connected. */
const handshake = Effect.fnUntraced(function*(opening: Opening, wanted: security.Security) {
  yield* until([opening], () => opening.securedAt !== undefined || opening.failed)
  // The test of the class is for the type only: TLS is waited for on sockets that `tls.connect`
  // made.
  if (opening.securedAt !== undefined && opening.socket instanceof tls.TLSSocket) {
    return yield* security.negotiated(wanted, opening.socket)
  }
  return yield* Effect.fail(tlsError(wanted.serverName, opening.failure, opening.chosen))
})

const millisBetween = (from: bigint, to: bigint): number => Number(to - from) / 1e6

const open = Effect.fnUntraced(function*(
  settings: Settings,
  endpoint: Endpoint,
  timeouts: OpenTimeouts,
  started: Array<Opening>
) {
  const clock = yield* Effect.clock
  const now = () => clock.unsafeCurrentTimeNanos()
  yield* connect.check(endpoint)
  // Before the first socket: options that OpenSSL refuses must not cost the peer a connection.
  const wanted = endpoint.tls === undefined ? undefined : yield* security.make(endpoint.host, endpoint.tls)

  const begin = now()
  const path = endpoint.socketPath
  const candidates = path !== undefined
    ? [{ address: path, port: undefined }]
    : connect.targets(
      endpoint,
      // An address has nothing to be waited for, and a limit costs a fiber.
      net.isIP(endpoint.host) === 0
        ? yield* within(resolve(settings.lookup, endpoint.host), "dns", timeouts.dns, nodeEventLoop)
        : [endpoint.host]
    )
  const resolved = now()

  const opening = yield* within(
    connect.first(endpoint, candidates, wanted, started, { now, staggerMillis: settings.staggerMillis }),
    "connect",
    timeouts.connect,
    nodeEventLoop
  )
  const connected = opening.connectedAt ?? now()
  const info = wanted === undefined
    ? undefined
    : yield* within(handshake(opening, wanted), "tls", timeouts.tls, nodeEventLoop)

  const timings = {
    dns: path !== undefined || net.isIP(endpoint.host) !== 0 ? undefined : millisBetween(begin, resolved),
    connect: millisBetween(resolved, connected),
    tls: opening.securedAt === undefined ? undefined : millisBetween(connected, opening.securedAt)
  }
  return duplexOf(opening, new SocketInfo(addressesOf(opening.socket), info, timings))
})

/** What is open, which from here on is told to its receiver alone. */
const duplexOf = (opening: Opening, info: SocketInfo): Duplex => {
  opening.removeListeners()
  return new SocketDuplex(opening.socket, opening.inbound, info)
}

/** TLS on a socket that something else has connected; the socket is destroyed with it. */
const wrap = (
  duplex: Duplex,
  wanted: security.Security,
  started: Array<Opening>,
  now: () => bigint
): Effect.Effect<Opening, TlsError> =>
  Effect.suspend(() => {
    const released = SocketDuplex.release(duplex)
    if (released === undefined) {
      return Effect.fail(
        tlsFailure(wanted.serverName, "Other", "ERR_NOT_A_SOCKET", "The channel was not opened by this transport")
      )
    }
    if (released.early) return Effect.fail(earlyBytes(wanted.serverName))
    return Effect.try({
      try: () => {
        const inbound = new Inbound()
        const socket = tls.connect({ ...wanted.options, socket: released.socket })
        listenToData(socket, inbound)
        listen(socket, inbound)
        const opening = new Opening(socket, inbound, { address: wanted.serverName, port: undefined }, now)
        started.push(opening)
        return opening
      },
      catch: (error) => tlsError(wanted.serverName, error)
    })
  })

const secure = Effect.fnUntraced(function*(
  duplex: Duplex,
  serverName: string,
  options: Tls.Options,
  timeoutMillis: number,
  started: Array<Opening>
) {
  const clock = yield* Effect.clock
  const now = () => clock.unsafeCurrentTimeNanos()
  const wanted = yield* security.make(serverName, options)
  const begin = now()
  const opening = yield* wrap(duplex, wanted, started, now)
  const info = yield* within(handshake(opening, wanted), "tls", timeoutMillis, nodeEventLoop)
  const timings = { ...duplex.info.timings, tls: millisBetween(begin, opening.securedAt ?? now()) }
  return duplexOf(opening, new SocketInfo(duplex.info, info, timings))
})

export const make = (settings: Settings): Service =>
  onlyDuplexes({
    loop: nodeEventLoop,
    open: (endpoint, timeouts) => owned((started) => open(settings, endpoint, timeouts, started)),
    secure: (duplex, serverName, options, timeoutMillis) =>
      owned((started) => secure(duplex, serverName, options, timeoutMillis, started)).pipe(
        // The socket below is no use to anybody once this was tried.
        Effect.onError(() => Effect.sync(() => duplex.destroy()))
      )
  })
