/**
 * Opens a link: the transport's connect, the tunnel where there is one, TLS inside it.
 *
 * Whatever ends the opening early (failure, interruption, timeout) leaves nothing open. Errors get their context here.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import type { ConnectFailure, TunnelFailure } from "../../HttpError.ts"
import * as Origin from "../../Origin.ts"
import type * as Transport from "../../Transport.ts"
import type { Tagged } from "../error/base.ts"
import { locate } from "../error/base.ts"
import { noTimings } from "../error/context.ts"
import { ConnectionClosed, NotConnected } from "../error/state.ts"
import { HttpTimeout } from "../error/timeout.ts"
import type { Connection } from "./connection.ts"
import { Link } from "./link.ts"
import type { Millis } from "./timeouts.ts"
import { openTunnel } from "./tunnel.ts"

/** What can go wrong when a link is opened. */
export type OpenFailure = ConnectFailure | TunnelFailure

/** An error of opening: nothing of the request was sent. */
const locateOpening = <E extends Tagged<string>>(connection: Connection, error: E): E =>
  locate(error, {
    ...error.context,
    phase: error instanceof HttpTimeout && error.kind !== "total" ? error.kind as "dns" : error.context.phase,
    origin: Origin.format(connection.origin),
    timings: noTimings
  })

interface Established {
  readonly duplex: Transport.Duplex
  readonly proxyMillis: number | undefined
}

/** A duplex to whom requests are for, in the scope. */
const establish = (
  connection: Connection,
  timeouts: Millis
): Effect.Effect<Established, OpenFailure, Scope.Scope> => {
  const { deadlines, localAddress, onEvent, origin, tls, transport } = connection.settings
  const { tunnel } = connection
  const endpoint: Transport.Endpoint = {
    host: origin.host,
    port: origin.port,
    socketPath: origin.socketPath,
    localAddress,
    tls: tunnel === undefined ? tls : undefined
  }
  return Effect.suspend((): Effect.Effect<Established, OpenFailure, Scope.Scope> => {
    onEvent?.({ _tag: "Connect", host: origin.socketPath ?? origin.host, port: origin.port })
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
 * Fails when the connection is closed meanwhile, so that its scope does not wait for an opening that nobody wants. The
 * connection counts as opening from this call on, which is before any fiber of the opening has run.
 */
const aborted = (connection: Connection): Effect.Effect<never, ConnectionClosed> => {
  let given: string | undefined
  let told: ((reason: string) => void) | undefined
  connection.abortOpening = (reason) => {
    given = reason
    told?.(reason)
  }
  return Effect.async<never, ConnectionClosed>((resume) => {
    told = (reason) => resume(Effect.fail(new ConnectionClosed({ reason })))
    if (given !== undefined) told(given)
  })
}

/** A link over an open duplex. */
const makeLink = (connection: Connection, scope: Scope.CloseableScope, established: Established): Link => {
  const { deadlines, onEvent, runtime } = connection.settings
  const link = new Link(
    established.duplex,
    deadlines.now(),
    {
      release: () => {
        deadlines.rest()
        Runtime.runFork(runtime)(Scope.close(scope, Exit.void))
      },
      onSend: onEvent === undefined ? undefined : ({ id }, bytes) => onEvent({ _tag: "Send", connection: id, bytes }),
      onClose: onEvent === undefined
        ? undefined
        : ({ id, machine }, error) => onEvent({ _tag: "Close", connection: id, requestsServed: machine.served, error })
    },
    established.proxyMillis
  )
  onEvent?.({ _tag: "Connected", connection: link.id })
  return link
}

/** Opens a link and makes it the connection's. */
export const openLink = (connection: Connection, timeouts: Millis): Effect.Effect<Link, OpenFailure> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Scope.make(), (scope) =>
      Effect.map(
        Effect.onExit(
          Effect.mapError(
            restore(Effect.raceFirst(Scope.extend(establish(connection, timeouts), scope), aborted(connection))),
            (error) => locateOpening(connection, error)
          ),
          (exit) => {
            connection.abortOpening = undefined
            return Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit)
          }
        ),
        (established) => {
          const link = makeLink(connection, scope, established)
          connection.link = link
          return link
        }
      ))
  )

/** Limits an effect by the total timeout of an exchange. */
const within = <A, E>(effect: Effect.Effect<A, E>, connection: Connection, millis: number): Effect.Effect<A, E | HttpTimeout> =>
  millis === Infinity ? effect : Effect.timeoutFail(effect, {
    duration: millis,
    onTimeout: () => locateOpening(connection, new HttpTimeout({ kind: "total", millis }))
  })

/** The link to send the next request on: the open one, or a new one where `autoOpen` allows it. */
export const acquireLink = (
  connection: Connection,
  timeouts: Millis
): Effect.Effect<Link, OpenFailure | NotConnected> => {
  const { link, settings, state } = connection
  if (link?.usable) return Effect.succeed(link)
  if (!settings.autoOpen) return Effect.fail(new NotConnected({ state, cause: link?.closedBy }))
  return within(openLink(connection, timeouts), connection, timeouts.total)
}
