/**
 * Opens a link: the transport's connect, the tunnel where there is one, TLS inside it.
 *
 * Whatever ends the opening early (failure, interruption, timeout) leaves nothing open. Errors get their context here.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { ConnectFailure, HttpError, TunnelFailure } from "../../HttpError.ts"
import * as Origin from "../../Origin.ts"
import type * as Transport from "../../Transport.ts"
import { holdsOnlyDuplexes } from "../effect/scopes.ts"
import { awaitFiber, interruptFiber } from "../effect/wait.ts"
import type { Tagged } from "../error/base.ts"
import type { Phase } from "../error/context.ts"
import { noTimings } from "../error/context.ts"
import { ReadError, RemoteDisconnected, UnexpectedMessage } from "../error/head.ts"
import { ConnectionClosed, NotConnected } from "../error/state.ts"
import type { TimeoutKind } from "../error/timeout.ts"
import { HttpTimeout } from "../error/timeout.ts"
import { TlsError } from "../error/tls.ts"
import type { Asked } from "./about.ts"
import { locateAt, ofAsked, proxyName } from "./about.ts"
import { Link } from "./connection.ts"
import type { Connection } from "./handle.ts"
import { awaitPoll } from "./reuse.ts"
import type { Millis } from "./timeouts.ts"
import { Deadline } from "./timers.ts"
import { openTunnel } from "./tunnel.ts"

/** What can go wrong when a link is opened. */
export type OpenFailure = ConnectFailure | TunnelFailure

/** The phase in which a timeout of opening ran out. */
const phaseOfTimeout = (kind: TimeoutKind): Phase =>
  kind === "dns" || kind === "tls" || kind === "proxy" ? kind : "connect"

/** What is connected to is the proxy until there is a tunnel. */
const beforeTunnel = new Set<Phase>(["dns", "connect", "proxy"])

/** An error of opening: nothing of the request was sent. */
export const locateOpening = <E extends Tagged<string>>(connection: Connection, error: E): E => {
  const { origin, proxy } = connection
  const phase = error instanceof HttpTimeout ? phaseOfTimeout(error.kind) : error.context.phase
  return locateAt(error, origin, undefined, {
    phase,
    timings: noTimings,
    ...(proxy === undefined ? undefined : { proxy: proxyName(proxy) }),
    ...(proxy !== undefined && beforeTunnel.has(phase) ? { peer: "Proxy" } : undefined)
  })
}

interface Established {
  readonly duplex: Transport.Duplex
  readonly proxyMillis: number | undefined
}

/** A duplex to whom requests are for, in the scope. */
const establish = (
  connection: Connection,
  timeouts: Millis
): Effect.Effect<Established, OpenFailure, Scope.Scope> => {
  const { deadlines, events, localAddress, localPort, origin, proxy, tls, transport } = connection.settings
  const { tunnel } = connection
  const { host, port } = proxy ?? origin
  const endpoint: Transport.Endpoint = {
    host,
    port,
    socketPath: origin.socketPath,
    localAddress,
    localPort,
    tls: tunnel === undefined ? tls : undefined
  }
  return Effect.suspend((): Effect.Effect<Established, OpenFailure, Scope.Scope> => {
    if (events.active) {
      events.emit({
        _tag: "Connect",
        origin: Origin.format(connection.origin),
        host: origin.socketPath ?? host,
        port
      })
    }
    const opened = transport.open(endpoint, timeouts)
    if (tunnel === undefined) return Effect.map(opened, (duplex) => ({ duplex, proxyMillis: undefined }))
    return Effect.flatMap(opened, (duplex) => {
      const begunAt = deadlines.now()
      return Effect.flatMap(openTunnel(connection, tunnel, duplex, timeouts), () => {
        const proxyMillis = deadlines.now() - begunAt
        return tls === undefined
          ? Effect.succeed({ duplex, proxyMillis })
          : Effect.map(
            transport.secure(duplex, tls.serverName ?? Origin.serverName(tunnel.origin), tls, timeouts.tls),
            (secured) => ({ duplex: secured, proxyMillis })
          )
      })
    })
  })
}

/**
 * Runs an opening in a fiber of its own, which `close`, the end of the connection's scope and the total timeout can end. The
 * connection counts as opening before that fiber runs.
 *
 * No race and no timeout of Effect's: one that is interrupted when its fibers are made but not started waits for ever.
 */
const abortable = <A, E>(
  connection: Connection,
  opening: Effect.Effect<A, E>,
  restore: <B, F>(effect: Effect.Effect<B, F>) => Effect.Effect<B, F>,
  totalMillis: number
): Effect.Effect<A, E | ConnectionClosed | HttpTimeout> =>
  Effect.suspend(() => {
    const { deadlines, loop } = connection.settings
    const context = loop.captureContext()
    let fiber: Fiber.RuntimeFiber<Exit.Exit<A, E>> | undefined
    let aborted: ConnectionClosed | HttpTimeout | undefined
    const abort = (error: ConnectionClosed | HttpTimeout): void => {
      aborted ??= error
      // A transport may run the code of the caller.
      context.run(() => fiber?.unsafeInterruptAsFork(FiberId.none))
    }
    const total = new Deadline({
      expire: () => abort(new HttpTimeout({ kind: "total", millis: totalMillis }))
    })
    connection.abortOpening = (reason) => abort(new ConnectionClosed({ reason }))
    deadlines.arm(total, totalMillis)
    // Its exit is its value, because a fiber that fails is reported to the log as unhandled.
    return Effect.flatMap(Effect.forkDaemon(Effect.exit(Effect.interruptible(opening))), (forked) => {
      fiber = forked
      if (aborted !== undefined) forked.unsafeInterruptAsFork(FiberId.none)
      const awaited = Effect.onInterrupt(restore(awaitFiber(loop, forked)), () => interruptFiber(loop, forked))
      return Effect.flatMap(
        Effect.ensuring(
          awaited,
          Effect.sync(() => {
            connection.abortOpening = undefined
            deadlines.disarm(total)
            deadlines.rest()
          })
        ),
        (exit): Exit.Exit<A, E | ConnectionClosed | HttpTimeout> =>
          aborted === undefined ? Exit.flatten(exit) : Exit.fail(aborted)
      )
    })
  })

/** A link over an open duplex. */
const makeLink = (connection: Connection, scope: Scope.CloseableScope, established: Established): Link => {
  const { deadlines, events, transport } = connection.settings
  const { duplex, proxyMillis } = established
  // A link that closes destroys its duplex: where nothing else ends with the scope, there is no need to keep it.
  const kept = connection.tunnel === undefined && holdsOnlyDuplexes(transport) ? undefined : scope
  const link = new Link(duplex, deadlines.now(), connection, kept, proxyMillis)
  // Before it is attached: what has come already may close it at once.
  if (events.active) {
    events.emit({ _tag: "Connected", connection: link.id, origin: Origin.format(connection.origin) })
  }
  link.attach()
  return link
}

/**
 * What the proxy sends behind its answer to CONNECT must not count as an answer of the origin. Inside of TLS it cannot: it would
 * break the handshake.
 */
const afterTunnel = ({ settings: { loop, tls }, tunnel }: Connection, link: Link): Effect.Effect<Link> =>
  tunnel === undefined || tls !== undefined || !link.usable
    ? Effect.succeed(link)
    : Effect.as(awaitPoll(loop, link), link)

/** Tells that an opening failed, or was given up. */
const tellFailed = (connection: Connection, cause: Cause.Cause<HttpError>): void => {
  const { events } = connection.settings
  if (!events.active) return
  const error = Option.getOrUndefined(Cause.failureOption(cause))
  events.emit({ _tag: "ConnectFailed", origin: Origin.format(connection.origin), error })
}

/** Opens a link and makes it the connection's. */
export const openLink = (connection: Connection, timeouts: Millis): Effect.Effect<Link, OpenFailure> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Scope.make(), (scope) => {
      const { dismissals } = connection
      return Effect.flatMap(
        Effect.onExit(
          Effect.mapError(
            abortable(connection, Scope.extend(establish(connection, timeouts), scope), restore, timeouts.total),
            (error) => locateOpening(connection, error)
          ),
          (exit) => {
            if (Exit.isSuccess(exit)) return Effect.void
            tellFailed(connection, exit.cause)
            return Scope.close(scope, exit)
          }
        ),
        (established) => {
          const link = makeLink(connection, scope, established)
          connection.link = link
          // The connection may have been closed after the opening could be aborted and before there was this link.
          if (connection.dismissals !== dismissals) link.dismiss()
          return afterTunnel(connection, link)
        }
      )
    })
  )

/** A new link, if one may be opened. */
const openAnother = (
  connection: Connection,
  timeouts: Millis
): Effect.Effect<Link, OpenFailure | NotConnected> => {
  const { link, settings, started } = connection
  if (connection.leased) {
    const reason = "the leased connection has closed, lease another one"
    return Effect.fail(locateOpening(connection, new ConnectionClosed({ reason, cause: link?.closedBy })))
  }
  if (!settings.autoOpen) {
    return Effect.fail(
      locateOpening(
        connection,
        new NotConnected({ state: started === undefined ? "Idle" : "RequestStarted", cause: link?.closedBy })
      )
    )
  }
  return openLink(connection, timeouts)
}

/**
 * The link to send the next request on: the open one if it is still usable after a poll, else a new one. Nothing has been written
 * on the one that was not, so that is safe for every request.
 */
const acquireLink = (
  connection: Connection,
  timeouts: Millis
): Effect.Effect<Link, OpenFailure | NotConnected> => {
  const { dismissals, link } = connection
  if (!link?.usable) return openAnother(connection, timeouts)
  return Effect.flatMap(awaitPoll(connection.settings.loop, link), () => {
    if (link.usable) return Effect.succeed(link)
    return connection.dismissals === dismissals ? openAnother(connection, timeouts) : dismissed(connection)
  })
}

/** The caller has closed the connection before the request was sent. */
export const dismissed = (connection: Connection, asked?: Asked): Effect.Effect<never, ConnectionClosed> =>
  Effect.fail(
    locateAt(new ConnectionClosed({ reason: connection.dismissedBecause }), connection.origin, asked, {
      proxy: proxyName(connection.proxy)
    })
  )

/** Runs an opening that nobody else may come between from this call on. It must not be interruptible before it runs. */
export const reserving = <A, E>(connection: Connection, opening: Effect.Effect<A, E>): Effect.Effect<A, E> => {
  const release = connection.reserve()
  return Effect.ensuring(opening, Effect.sync(release))
}

/**
 * Runs `begin` on the open link, or opens one first, for the request that is asked for. `fresh` is true for one that was opened. No other fiber can begin a request in
 * between. Must run in an uninterruptible region, in the same step as the check that the connection is idle.
 */
export const withLink = <A, E>(
  connection: Connection,
  asked: Asked,
  timeouts: Millis,
  restore: <B, F>(effect: Effect.Effect<B, F>) => Effect.Effect<B, F>,
  begin: (link: Link, fresh: boolean) => Effect.Effect<A, E>
): Effect.Effect<A, E | OpenFailure | NotConnected> => {
  const { dismissals, link: before } = connection
  const acquired = acquireLink(connection, timeouts)
  const release = connection.reserve()
  const reserved = Effect.onError(restore(acquired), (cause) =>
    Effect.sync(() => {
      // It was opened for this request, but to open it nothing of the request was needed.
      for (const error of Cause.failures(cause)) ofAsked(error, connection.origin, asked)
      before?.free()
      release()
    }))
  return Effect.flatMap(reserved, (link): Effect.Effect<A, E | OpenFailure> => {
    release()
    // `close` may have come when there was nothing yet to be closed, or not any longer.
    if (connection.dismissals !== dismissals) link.dismiss()
    return link.usable
      ? begin(link, link !== before)
      : Effect.fail(ofAsked(locateOpening(connection, goneAtOnce(link)), connection.origin, asked))
  })
}

/** Why a link was closed between its opening and the first request on it. */
export const goneAtOnce = (
  link: Link
): ConnectionClosed | ReadError | RemoteDisconnected | TlsError | UnexpectedMessage =>
  link.dismissed
    ? new ConnectionClosed({ reason: "it was closed while it was being opened" })
    : link.closedBy instanceof UnexpectedMessage || link.closedBy instanceof ReadError
        || link.closedBy instanceof TlsError
    ? link.closedBy
    : new RemoteDisconnected({ tls: link.tls })
