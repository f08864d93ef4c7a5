/** All clients by their names, and the contenders of a scenario from a table: names, and what is to be asked for. */
import type { Contender, Setting } from "../scenario.ts"
import type { Load, Start, Value } from "./load.ts"
import { session } from "./load.ts"

interface Entry {
  readonly side: Contender["side"]
  /** Only what is started is imported. */
  readonly start: () => Promise<Start>
}

const clients = {
  "HttpConnection.execute": { side: "ours", start: async () => (await import("./ours.ts")).connection },
  "ConnectionPool.execute": { side: "ours", start: async () => (await import("./ours.ts")).pool },
  "PooledHttpClient untraced": { side: "ours", start: async () => (await import("./ours.ts")).clientUntraced },
  "PooledHttpClient traced": { side: "ours", start: async () => (await import("./ours.ts")).clientTraced },
  "undici Pool.request": { side: "peer", start: async () => (await import("./undici.ts")).viaPool },
  "undici request": { side: "peer", start: async () => (await import("./undici.ts")).viaAgent },
  fetch: { side: "peer", start: async () => (await import("./fetch.ts")).start },
  "node:http": { side: "peer", start: async () => (await import("./nodeHttp.ts")).start },
  axios: { side: "peer", start: async () => (await import("./axios.ts")).start },
  got: { side: "peer", start: async () => (await import("./got.ts")).start },
  "platform undici untraced": { side: "peer", start: async () => (await import("./platform.ts")).undiciUntraced },
  "platform undici traced": { side: "peer", start: async () => (await import("./platform.ts")).undiciTraced },
  "platform node": { side: "peer", start: async () => (await import("./platform.ts")).node },
  "platform fetch": { side: "peer", start: async () => (await import("./platform.ts")).fetch },
  "bare sockets": { side: "limit", start: async () => (await import("./bare.ts")).start }
} satisfies Record<string, Entry>

/** The name of a client. */
export type Name = keyof typeof clients

/** All of them, in the order of the tables. */
export const everybody = Object.keys(clients) as ReadonlyArray<Name>

/** The contenders of a scenario. */
export const contenders = (
  names: ReadonlyArray<Name>,
  load: (setting: Setting) => Load,
  measured: Value = "per second"
): ReadonlyArray<Contender> =>
  names.map((name): Contender => ({
    name,
    side: clients[name].side,
    start: async (setting) => session(await clients[name].start(), load(setting), measured)
  }))

/** One client at several sizes, which are the names. */
export const sizes = (
  client: Name,
  names: ReadonlyArray<string>,
  load: (setting: Setting, size: string) => Load,
  measured: Value
): ReadonlyArray<Contender> =>
  names.map((name): Contender => ({
    name,
    side: clients[client].side,
    start: async (setting) => session(await clients[client].start(), load(setting, name), measured)
  }))
