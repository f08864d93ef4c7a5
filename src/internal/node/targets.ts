/**
 * The targets that can be dialled: the addresses of an endpoint, or the path of its unix socket.
 */
import * as net from "node:net"
import type { Endpoint } from "../../Transport.ts"
import type { ConnectError } from "../error/connect.ts"
import { systemError } from "../error/systemCodes.ts"
import { isAbstract } from "../model/socketPath.ts"
import { connectError } from "./errors.ts"

/** An address to try. `port` is `undefined` for the path of a unix socket. */
export interface Target {
  readonly address: string
  readonly port: number | undefined
}

/** Returns `host:port` or the path, as errors show it. */
export const describe = (endpoint: Endpoint): string =>
  endpoint.socketPath?.replace("\0", "@") ?? (net.isIPv6(endpoint.host)
    ? `[${endpoint.host}]:${endpoint.port}`
    : `${endpoint.host}:${endpoint.port}`)

/**
 * Returns the most bytes of a path: the size of `sun_path`. Node 20 would cut a longer one, so that
 * another socket might be reached. Windows has named pipes instead, without this limit.
 */
const longestPath = (platform: NodeJS.Platform): number =>
  platform === "win32" ? Infinity : platform === "aix" ? 1023 : platform === "linux" ? 108 : 104

/**
 * True if Node reaches an abstract socket by its name alone. Before libuv 1.48, Node pads the name
 * with NULs up to the size of `sun_path`, which is another name.
 */
const reachesAbstract = (platform: NodeJS.Platform, uv: string): boolean => {
  const [major = 0, minor = 0] = uv.split(".").map(Number)
  return (platform === "linux" || platform === "android") && (major > 1 || (major === 1 && minor >= 48))
}

/** Returns the error for a path that cannot be dialled on this platform with this libuv. */
export const invalidPath = (path: string, platform: NodeJS.Platform, uv: string): Error | undefined => {
  if (path === "") return systemError("ENOENT", "The path is empty")
  if (path.includes("\0", 1)) return systemError("EINVAL", "The path has a NUL")
  if (isAbstract(path) && !reachesAbstract(platform, uv)) {
    return systemError("ENOTSUP", `Abstract sockets need Linux and libuv 1.48, this is ${platform} and libuv ${uv}`)
  }
  const length = Buffer.byteLength(path)
  const longest = longestPath(platform)
  return length > longest
    ? systemError("ENAMETOOLONG", `The path has ${length} bytes, of at most ${longest}`)
    : undefined
}

/**
 * Returns the error for options that make `net.connect` throw. It throws after it has made a
 * handle, which would stay open.
 */
const invalid = ({ localAddress, localPort = 0, port, socketPath }: Endpoint): Error | undefined => {
  if (socketPath !== undefined) return invalidPath(socketPath, process.platform, process.versions.uv)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return systemError("ERR_SOCKET_BAD_PORT", "No such port")
  if (!Number.isInteger(localPort) || localPort < 0 || localPort > 65_535) {
    return systemError("ERR_SOCKET_BAD_PORT", "No such local port")
  }
  return localAddress !== undefined && net.isIP(localAddress) === 0
    ? systemError("ERR_INVALID_IP_ADDRESS", "The local address is no IP address")
    : undefined
}

/** Returns the unix socket of an endpoint. */
export const pathTarget = (endpoint: Endpoint): Target => ({ address: describe(endpoint), port: undefined })

/** Returns the error for an endpoint that cannot be tried at all. */
export const check = (endpoint: Endpoint): ConnectError | undefined => {
  const cause = invalid(endpoint)
  if (cause === undefined) return undefined
  const target = endpoint.socketPath === undefined
    ? { address: endpoint.host, port: endpoint.port }
    : pathTarget(endpoint)
  return connectError(describe(endpoint), [{ ...target, cause }])
}

/**
 * Returns the targets to try. With a local address, only the addresses of its family are tried. If
 * there are none, all are tried, and fail with the system's error.
 */
export const targets = (endpoint: Endpoint, addresses: ReadonlyArray<string>): ReadonlyArray<Target> => {
  const all = addresses.map((address) => ({ address, port: endpoint.port }))
  const local = endpoint.localAddress
  const same = local === undefined ? all : all.filter(({ address }) => net.isIP(address) === net.isIP(local))
  return same.length > 0 ? same : all
}

/** Returns a target as options for Node. */
export const addressOf = ({ address, port }: Target): { readonly path: string } | {
  readonly host: string
  readonly port: number
} =>
  port === undefined
    ? { path: isAbstract(address) ? `\0${address.slice(1)}` : address }
    : { host: address, port }
