/**
 * Connects to the first address that answers (happy eyeballs, RFC 8305), with TLS on top where it
 * is asked for.
 *
 * Does not resolve names (`addresses.ts`) and does not limit time (`nodeTransport.ts`). Rules:
 * every socket is put into `started` before anything is waited for, so that whoever holds that list
 * can undo everything; the others are destroyed as soon as one is connected.
 *
 * Node's own `autoSelectFamily` is not used: it destroys an attempt after 250 ms in place of
 * starting the next beside it, so a peer that is further away than that is reached through its last
 * address only; and its timer is not the Clock's.
 */
import * as Effect from "effect/Effect"
import * as net from "node:net"
import * as tls from "node:tls"
import type { Endpoint } from "../../Transport.ts"
import { polled } from "../effect/polled.ts"
import type { ConnectError } from "../error/connect.ts"
import type { FailedAttempt } from "./errors.ts"
import { connectError, systemError } from "./errors.ts"
import { nodeEventLoop } from "./eventLoop.ts"
import { Inbound } from "./inbound.ts"
import type { Target } from "./opening.ts"
import { Opening, until } from "./opening.ts"
import { listen, onread, readOnAfterWriteError } from "./socket.ts"
import type { Security } from "./tls.ts"

/** `host:port` or the path, as errors name it. */
const describe = (endpoint: Endpoint): string =>
  endpoint.socketPath ?? (net.isIPv6(endpoint.host)
    ? `[${endpoint.host}]:${endpoint.port}`
    : `${endpoint.host}:${endpoint.port}`)

/** What `net.connect` throws for, after it has made a handle that nobody would close. */
const invalid = ({ localAddress, localPort = 0, port, socketPath }: Endpoint): Error | undefined => {
  if (socketPath !== undefined) return socketPath === "" ? systemError("ENOENT", "The path is empty") : undefined
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return systemError("ERR_SOCKET_BAD_PORT", "No such port")
  if (!Number.isInteger(localPort) || localPort < 0 || localPort > 65_535) {
    return systemError("ERR_SOCKET_BAD_PORT", "No such local port")
  }
  return localAddress !== undefined && net.isIP(localAddress) === 0
    ? systemError("ERR_INVALID_IP_ADDRESS", "The local address is no IP address")
    : undefined
}

/** Fails for what cannot be tried at all. */
export const check = (endpoint: Endpoint): Effect.Effect<void, ConnectError> => {
  const cause = invalid(endpoint)
  return cause === undefined
    ? Effect.void
    : Effect.fail(connectError(describe(endpoint), [{ address: endpoint.host, port: endpoint.port, cause }]))
}

/**
 * What to try: a local address leaves only those of its family, or all, to fail with what the
 * system says.
 */
export const targets = (endpoint: Endpoint, addresses: ReadonlyArray<string>): ReadonlyArray<Target> => {
  const all = addresses.map((address) => ({ address, port: endpoint.port }))
  const local = endpoint.localAddress
  const same = local === undefined ? all : all.filter(({ address }) => net.isIP(address) === net.isIP(local))
  return same.length > 0 ? same : all
}

const dial = (target: Target, endpoint: Endpoint, security: Security | undefined, now: () => bigint): Opening => {
  const inbound = new Inbound()
  const options = {
    ...(target.port === undefined ? { path: target.address } : { host: target.address, port: target.port }),
    ...(endpoint.localAddress === undefined || target.port === undefined
      ? undefined
      : { localAddress: endpoint.localAddress }),
    ...(endpoint.localPort === undefined || target.port === undefined ? undefined : { localPort: endpoint.localPort }),
    allowHalfOpen: true,
    onread: onread(inbound)
  }
  const socket = security === undefined
    ? net.connect(options as net.NetConnectOpts)
    : tls.connect({ ...options, ...security.options })
  socket.setNoDelay(true)
  readOnAfterWriteError(socket)
  listen(socket, inbound)
  return new Opening(socket, inbound, target, now)
}

const isConnected = (opening: Opening) => opening.connectedAt !== undefined
const isDone = (opening: Opening) => isConnected(opening) || opening.failed

/**
 * Starts the attempts one by one, each when the one before failed or `staggerMillis` after it
 * began.
 */
export const first = Effect.fnUntraced(function*(
  endpoint: Endpoint,
  candidates: ReadonlyArray<Target>,
  security: Security | undefined,
  started: Array<Opening>,
  settings: { readonly now: () => bigint; readonly staggerMillis: number }
) {
  const fail = (failures: ReadonlyArray<FailedAttempt>) => connectError(describe(endpoint), failures)
  for (const [index, target] of candidates.entries()) {
    const opening = yield* Effect.try({
      // Made and put on the list in one step: between two steps the fiber can be interrupted.
      try: () => {
        const opening = dial(target, endpoint, security, settings.now)
        started.push(opening)
        return opening
      },
      catch: (cause) => fail([{ ...target, cause }])
    })
    if (index === candidates.length - 1) {
      yield* until(started, () => started.some(isConnected) || started.every(isDone))
    } else {
      yield* Effect.timeoutOption(
        until(started, () => started.some(isConnected) || isDone(opening)),
        settings.staggerMillis
      )
      // It may have connected while the loop was busy.
      if (!started.some(isDone)) yield* polled(nodeEventLoop)
    }
    const winner = started.find(isConnected)
    if (winner === undefined) continue
    for (const other of started) if (other !== winner) other.abandon()
    return winner
  }
  return yield* Effect.fail(fail(started.map(({ failure, target }) => ({ ...target, cause: failure }))))
})
