/** All clients of the scenarios of big transfers, each loaded when it is started. */
import type { Contender, Setting } from "../../scenario.ts"
import type { Start, Transfer, Way } from "./transfer.ts"

interface Client {
  readonly name: string
  readonly side: Contender["side"]
  readonly load: () => Promise<Start>
}

const clients: ReadonlyArray<Client> = [
  { name: "ConnectionPool.execute", side: "ours", load: async () => (await import("./ours.ts")).connectionPool },
  { name: "PooledHttpClient untraced", side: "ours", load: async () => (await import("./ours.ts")).pooledHttpClient },
  { name: "undici Pool.request", side: "peer", load: async () => (await import("./undici.ts")).undiciPool },
  { name: "undici request", side: "peer", load: async () => (await import("./undici.ts")).undiciRequest },
  { name: "fetch", side: "peer", load: async () => (await import("./undici.ts")).builtInFetch },
  { name: "node:http", side: "peer", load: async () => (await import("./nodeHttp.ts")).nodeHttp },
  { name: "axios", side: "peer", load: async () => (await import("./nodeHttp.ts")).axiosHttp },
  { name: "got", side: "peer", load: async () => (await import("./nodeHttp.ts")).gotHttp },
  { name: "platform undici untraced", side: "peer", load: async () => (await import("./platform.ts")).platformUndici },
  { name: "platform node", side: "peer", load: async () => (await import("./platform.ts")).platformNode },
  { name: "platform fetch", side: "peer", load: async () => (await import("./platform.ts")).platformFetch },
  { name: "bare sockets", side: "limit", load: async () => (await import("./bare.ts")).bareSockets }
]

/** All but those that it makes no sense to ask, doing the same. */
export const contenders = (
  way: Way,
  transferOf: (setting: Setting) => Transfer,
  without: ReadonlyArray<string> = []
): ReadonlyArray<Contender> =>
  clients.filter(({ name }) => !without.includes(name)).map(({ name, side, load }) => ({
    name,
    side,
    start: async (setting) => (await load())(transferOf(setting), way)
  }))

/**
 * The platform's layer over `node:http` copies what it has for each piece that comes: 256 MiB into memory take minutes, and the time grows
 * with the square of the size.
 */
export const quadratic: ReadonlyArray<string> = ["platform node"]
