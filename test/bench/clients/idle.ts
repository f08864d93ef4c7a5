/**
 * What an idle connection keeps in memory: clients that get one response over each of very many connections, and how that is measured.
 *
 * The figure is the growth of V8's heap and of what V8 knows to hang on it (`external`, buffers included) after collections, from some connections
 * to all, so that what is made once does not count. What the system holds for a socket is the same for all.
 */
import { readFileSync } from "node:fs"
import type { Contender } from "../scenario.ts"
import { smallJson } from "../servers/addresses.ts"
import type { IdleServer } from "./idleServer.ts"
import { response, start } from "./idleServer.ts"

interface Client {
  /** Gets the response, and reads it to its end. */
  readonly get: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** Makes a client that may have so many connections to the server, and keeps them. */
type Make = (port: number, connections: number) => Promise<Client>

const check = (status: number, text: string): void => {
  if (status !== 200 || text !== smallJson) throw new Error(`a response is wrong: ${status} ${text}`)
}

/** Longer than any run. */
const keptMillis = 600_000

export const pool: Make = async (port, connections) => {
  const { ConnectionPool, HttpRequest, NodeTransport } = await import("effect-http-client")
  const Effect = await import("effect/Effect")
  const Exit = await import("effect/Exit")
  const Scope = await import("effect/Scope")
  const scope = Effect.runSync(Scope.make())
  const made = await Effect.runPromise(
    ConnectionPool.make({
      connections,
      connectionsPerOrigin: connections,
      idle: connections,
      idlePerOrigin: connections,
      idleTime: keptMillis
    }).pipe(Scope.extend(scope), Effect.provide(NodeTransport.layer))
  )
  const request = HttpRequest.get(`http://127.0.0.1:${port}/small`)
  const get = Effect.flatMap(
    made.execute(request),
    (got) => Effect.map(got.text, (text) => check(got.status, text))
  )
  return {
    get: () => Effect.runPromise(get),
    stop: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

export const undici: Make = async (port, connections) => {
  const { Pool } = await import("./undiciHere.ts")
  const made = new Pool(`http://127.0.0.1:${port}`, {
    connections,
    pipelining: 1,
    keepAliveTimeout: keptMillis,
    keepAliveMaxTimeout: keptMillis
  })
  const options = { path: "/small", method: "GET" } as const
  return {
    get: async () => {
      const { body, statusCode } = await made.request(options)
      check(statusCode, await body.text())
    },
    stop: () => made.destroy()
  }
}

export const agent: Make = async (port, connections) => {
  const http = await import("node:http")
  const made = new http.Agent({ keepAlive: true, maxSockets: connections, maxFreeSockets: connections })
  const options = { host: "127.0.0.1", port, path: "/small", agent: made }
  return {
    get: () =>
      new Promise((resolve, reject) => {
        http.get(options, (message) => {
          let text = ""
          message.setEncoding("utf8")
          message.on("data", (piece: string) => {
            text += piece
          })
          message.on("end", () => {
            check(message.statusCode ?? 0, text)
            resolve()
          })
        }).on("error", reject)
      }),
    stop: () => Promise.resolve(made.destroy())
  }
}

export const sockets: Make = async (port) => {
  const net = await import("node:net")
  const buffer = Buffer.allocUnsafe(65_536)
  const request = `GET /small HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`
  /** Each with who waits for its response. */
  interface Link {
    readonly socket: InstanceType<typeof net.Socket>
    read: number
    done: (() => void) | undefined
  }
  const idle: Array<Link> = []
  const open = (): Link => {
    const link: Link = {
      read: 0,
      done: undefined,
      socket: net.connect({
        host: "127.0.0.1",
        port,
        noDelay: true,
        onread: {
          buffer,
          callback: (length) => {
            link.read += length
            if (link.read === response.length) link.done?.()
            return true
          }
        }
      })
    }
    return link
  }
  const get = async (): Promise<void> => {
    const link = idle.pop() ?? open()
    await new Promise<void>((resolve, reject) => {
      link.read = 0
      link.done = resolve
      link.socket.once("error", reject)
      link.socket.write(request)
    })
    link.done = undefined
    link.socket.removeAllListeners("error")
    idle.push(link)
  }
  return { get, stop: () => Promise.resolve(idle.forEach(({ socket }) => socket.destroy())) }
}

// --- measuring

/** How many connects are under way at once, well below what the server lets queue. */
const wave = 200

/** Has so many requests under way at once, so that each has a connection of its own, then has all of them answered. */
const fill = async (server: IdleServer, client: Client, connections: number): Promise<void> => {
  const gets: Array<Promise<void>> = []
  // A failure must not wait for a server that waits for the request.
  let fail: (error: unknown) => void = () => {}
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  while (gets.length < connections) {
    const more = Math.min(wave, connections - gets.length)
    for (let i = 0; i < more; i++) {
      const get = client.get()
      get.catch(fail)
      gets.push(get)
    }
    await Promise.race([failed, server.until(gets.length)])
  }
  await server.answer()
  await Promise.all(gets)
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const held = async (): Promise<number> => {
  const { gc } = globalThis
  if (gc === undefined) throw new Error("it needs --expose-gc")
  // Finalizers of what was collected free more.
  for (let i = 0; i < 5; i++) {
    await turn()
    gc()
  }
  // `external` has the memory of buffers in it.
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

/** How many connections may be open: some descriptors are needed for other things. */
const allowed = (wanted: number): number => {
  const spare = 100
  // Only Linux says it; elsewhere it shows.
  const limits = process.platform === "linux" ? readFileSync("/proc/self/limits", "utf8") : ""
  const files = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity)
  if (files - spare >= wanted) return wanted
  console.error(`only ${files} descriptors are allowed: ${files - spare} connections instead of ${wanted}`)
  return files - spare
}

export const contender = (name: string, side: Contender["side"], make: Make): Contender => ({
  name,
  side,
  execArgv: ["--expose-gc"],
  start: async ({ smoke }) => {
    const connections = allowed(smoke ? 200 : 10_000)
    const first = Math.floor(connections / 10)
    const server = await start()
    const client = await make(server.port, connections)
    return {
      run: async () => {
        await fill(server, client, first)
        const before = await held()
        await fill(server, client, connections)
        const grown = await held() - before
        const open = await server.answer()
        if (open !== connections) throw new Error(`${open} connections are open instead of ${connections}`)
        return { value: grown / (connections - first), count: connections }
      },
      stop: async () => {
        await client.stop()
        server.stop()
      }
    }
  }
})
