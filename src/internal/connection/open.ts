/**
 * Opens a link: the transport's connect, the tunnel where there is one, TLS inside it.
 *
 * Whatever ends the opening early (failure, interruption, timeout) leaves nothing open. Errors get
 * their context here.
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
import { holdsOnlyDuplexes } from "../effect/transport.ts"
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
import { ofAsked, proxyName, withContextAt } from "./about.ts"
import { Connection } from "./connection.ts"
import type { ConnectionHandle } from "./handle.ts"
import { awaitPoll } from "./reuse.ts"
import type { Millis } from "./timeouts.ts"
import { Timer } from "./timers.ts"
import { openTunnel } from "./tunnel.ts"

/** What can go wrong when a link is opened. */
export type OpenFailure = ConnectFailure | TunnelFailure

/** The phase in which a timeout of opening ran out. */
const phaseOfTimeout = (kind: TimeoutKind): Phase =>
  kind === "dns" || kind === "tls" || kind === "proxy" ? kind : "connect"

/** What is connected to is the proxy until there is a tunnel. */
const beforeTunnel = new Set<Phase>(["dns", "connect", "proxy"])

/** An error of opening: nothing of the request was sent. */
export const withOpeningContext = <E extends Tagged<string>>(handle: ConnectionHandle, error: E): E => {
  const { origin, proxy } = handle
  const phase = error instanceof HttpTimeout ? phaseOfTimeout(error.kind) : error.context.phase
  return withContextAt(error, origin, undefined, {
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
  handle: ConnectionHandle,
  timeouts: Millis
): Effect.Effect<Established, OpenFailure, Scope.Scope> => {
  const { timers, events, localAddress, localPort, origin, proxy, tls, transport } = handle.settings
  const { tunnel } = handle
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
        origin: Origin.format(handle.origin),
        host: origin.socketPath ?? host,
        port
      })
    }
    const opened = transport.open(endpoint, timeouts)
    if (tunnel === undefined) return Effect.map(opened, (duplex) => ({ duplex, proxyMillis: undefined }))
    return Effect.flatMap(opened, (duplex) => {
      const begunAt = timers.now()
      return Effect.flatMap(openTunnel(handle, tunnel, duplex, timeouts), () => {
        const proxyMillis = timers.now() - begunAt
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
 * Runs an opening in a fiber of its own, which `close`, the end of the connection's scope and the
 * total timeout can end. The connection counts as opening before that fiber runs.
 *
 * No race and no timeout of Effect's: one that is interrupted when its fibers are made but not
 * started waits for ever.
 */
const abortable = <A, E>(
  handle: ConnectionHandle,
  opening: Effect.Effect<A, E>,
  restore: <B, F>(effect: Effect.Effect<B, F>) => Effect.Effect<B, F>,
  totalMillis: number
): Effect.Effect<A, E | ConnectionClosed | HttpTimeout> =>
  Effect.suspend(() => {
    const { timers, loop } = handle.settings
    const context = loop.captureContext()
    let fiber: Fiber.RuntimeFiber<Exit.Exit<A, E>> | undefined
    let aborted: ConnectionClosed | HttpTimeout | undefined
    const abort = (error: ConnectionClosed | HttpTimeout): void => {
      aborted ??= error
      // A transport may run the code of the caller.
      context.run(() => fiber?.unsafeInterruptAsFork(FiberId.none))
    }
    const total = new Timer({
      onTimeout: () => abort(new HttpTimeout({ kind: "total", millis: totalMillis }))
    })
    handle.abortOpening = (reason) => abort(new ConnectionClosed({ reason }))
    timers.start(total, totalMillis)
    // Its exit is its value, because a fiber that fails is reported to the log as unhandled.
    return Effect.flatMap(Effect.forkDaemon(Effect.exit(Effect.interruptible(opening))), (forked) => {
      fiber = forked
      if (aborted !== undefined) forked.unsafeInterruptAsFork(FiberId.none)
      const awaited = Effect.onInterrupt(restore(awaitFiber(loop, forked)), () => interruptFiber(loop, forked))
      return Effect.flatMap(
        Effect.ensuring(
          awaited,
          Effect.sync(() => {
            handle.abortOpening = undefined
            timers.cancel(total)
            timers.rest()
          })
        ),
        (exit): Exit.Exit<A, E | ConnectionClosed | HttpTimeout> =>
          aborted === undefined ? Exit.flatten(exit) : Exit.fail(aborted)
      )
    })
  })

/** A link over an open duplex. */
const makeLink = (handle: ConnectionHandle, scope: Scope.CloseableScope, established: Established): Connection => {
  const { timers, events, transport } = handle.settings
  const { duplex, proxyMillis } = established
  // A link that closes destroys its duplex: where nothing else ends with the scope, there is no
  // need to keep it.
  const kept = handle.tunnel === undefined && holdsOnlyDuplexes(transport) ? undefined : scope
  const connection = new Connection(duplex, timers.now(), handle, kept, proxyMillis)
  // Before it is attached: what has come already may close it at once.
  if (events.active) {
    events.emit({ _tag: "Connected", connection: connection.id, origin: Origin.format(handle.origin) })
  }
  connection.attach()
  return connection
}

/**
 * What the proxy sends behind its answer to CONNECT must not count as an answer of the origin.
 * Inside of TLS it cannot: it would break the handshake.
 */
const afterTunnel = (
  { settings: { loop, tls }, tunnel }: ConnectionHandle,
  connection: Connection
): Effect.Effect<Connection> =>
  tunnel === undefined || tls !== undefined || !connection.usable
    ? Effect.succeed(connection)
    : Effect.as(awaitPoll(loop, connection), connection)

/** Tells that an opening failed, or was given up. */
const tellFailed = (handle: ConnectionHandle, cause: Cause.Cause<HttpError>): void => {
  const { events } = handle.settings
  if (!events.active) return
  const error = Option.getOrUndefined(Cause.failureOption(cause))
  events.emit({ _tag: "ConnectFailed", origin: Origin.format(handle.origin), error })
}

/** Opens a link and makes it the connection's. */
export const openLink = (handle: ConnectionHandle, timeouts: Millis): Effect.Effect<Connection, OpenFailure> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Scope.make(), (scope) => {
      const { closeGeneration } = handle
      return Effect.flatMap(
        Effect.onExit(
          Effect.mapError(
            abortable(handle, Scope.extend(establish(handle, timeouts), scope), restore, timeouts.total),
            (error) => withOpeningContext(handle, error)
          ),
          (exit) => {
            if (Exit.isSuccess(exit)) return Effect.void
            tellFailed(handle, exit.cause)
            return Scope.close(scope, exit)
          }
        ),
        (established) => {
          const connection = makeLink(handle, scope, established)
          handle.connection = connection
          // The connection may have been closed after the opening could be aborted and before there
          // was this link.
          if (handle.closeGeneration !== closeGeneration) connection.closeForCaller()
          return afterTunnel(handle, connection)
        }
      )
    })
  )

/** A new link, if one may be opened. */
const openAnother = (
  handle: ConnectionHandle,
  timeouts: Millis
): Effect.Effect<Connection, OpenFailure | NotConnected> => {
  const { connection, settings, started } = handle
  if (handle.leased) {
    const reason = "the leased connection has closed, lease another one"
    return Effect.fail(withOpeningContext(handle, new ConnectionClosed({ reason, cause: connection?.closedBy })))
  }
  if (!settings.autoOpen) {
    return Effect.fail(
      withOpeningContext(
        handle,
        new NotConnected({ state: started === undefined ? "Idle" : "RequestStarted", cause: connection?.closedBy })
      )
    )
  }
  return openLink(handle, timeouts)
}

/**
 * The link to send the next request on: the open one if it is still usable after a poll, else a new
 * one. Nothing has been written on the one that was not, so that is safe for every request.
 */
const acquireLink = (
  handle: ConnectionHandle,
  timeouts: Millis
): Effect.Effect<Connection, OpenFailure | NotConnected> => {
  const { closeGeneration, connection } = handle
  if (!connection?.usable) return openAnother(handle, timeouts)
  return Effect.flatMap(awaitPoll(handle.settings.loop, connection), () => {
    if (connection.usable) return Effect.succeed(connection)
    return handle.closeGeneration === closeGeneration ? openAnother(handle, timeouts) : closedByCaller(handle)
  })
}

/** The caller has closed the connection before the request was sent. */
export const closedByCaller = (handle: ConnectionHandle, asked?: Asked): Effect.Effect<never, ConnectionClosed> =>
  Effect.fail(
    withContextAt(new ConnectionClosed({ reason: handle.closeReason }), handle.origin, asked, {
      proxy: proxyName(handle.proxy)
    })
  )

/**
 * Runs an opening that nobody else may come between from this call on. It must not be interruptible
 * before it runs.
 */
export const reserving = <A, E>(handle: ConnectionHandle, opening: Effect.Effect<A, E>): Effect.Effect<A, E> => {
  const release = handle.reserve()
  return Effect.ensuring(opening, Effect.sync(release))
}

/**
 * Runs `begin` on the open link, or opens one first, for the request that is asked for. `fresh` is
 * true for one that was opened. No other fiber can begin a request in between. Must run in an
 * uninterruptible region, in the same step as the check that the connection is idle.
 */
export const withLink = <A, E>(
  handle: ConnectionHandle,
  asked: Asked,
  timeouts: Millis,
  restore: <B, F>(effect: Effect.Effect<B, F>) => Effect.Effect<B, F>,
  begin: (connection: Connection, fresh: boolean) => Effect.Effect<A, E>
): Effect.Effect<A, E | OpenFailure | NotConnected> => {
  const { closeGeneration, connection: before } = handle
  const acquired = acquireLink(handle, timeouts)
  const release = handle.reserve()
  const reserved = Effect.onError(restore(acquired), (cause) =>
    Effect.sync(() => {
      // It was opened for this request, but to open it nothing of the request was needed.
      for (const error of Cause.failures(cause)) ofAsked(error, handle.origin, asked)
      before?.free()
      release()
    }))
  return Effect.flatMap(reserved, (connection): Effect.Effect<A, E | OpenFailure> => {
    release()
    // `close` may have come when there was nothing yet to be closed, or not any longer.
    if (handle.closeGeneration !== closeGeneration) connection.closeForCaller()
    return connection.usable
      ? begin(connection, connection !== before)
      : Effect.fail(ofAsked(withOpeningContext(handle, goneAtOnce(connection)), handle.origin, asked))
  })
}

/** Why a link was closed between its opening and the first request on it. */
export const goneAtOnce = (
  connection: Connection
): ConnectionClosed | ReadError | RemoteDisconnected | TlsError | UnexpectedMessage =>
  connection.closedByCaller
    ? new ConnectionClosed({ reason: "it was closed while it was being opened" })
    : connection.closedBy instanceof UnexpectedMessage || connection.closedBy instanceof ReadError
        || connection.closedBy instanceof TlsError
    ? connection.closedBy
    : new RemoteDisconnected({ tls: connection.tls })
