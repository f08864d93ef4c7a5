/** Our client with a new pool, and bare sockets: how long the first request of a service takes beside the tenth. */
import { ConnectionPool, HttpRequest, NodeTransport } from "effect-http-client"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as net from "node:net"
import type { Session } from "../scenario.ts"
import { median } from "../statistics.ts"

/** What happens before the first request: nothing, a connection is opened, or a request is sent on it as well. */
export type Before = "nothing" | "open" | "request"

const optionsOf = (origin: string, before: Before): ConnectionPool.Options => {
  switch (before) {
    case "nothing":
      return {}
    case "open":
      return { warm: [{ origin }] }
    case "request":
      return { warm: [{ origin, request: HttpRequest.get("/small") }] }
  }
}

/** How long the first and the tenth request took, in milliseconds. */
type Times = readonly [first: number, tenth: number]

const requests = 10

/**
 * Each request comes after the same pause, because a processor that has rested is slower, and
 * because nine requests in a row would leave the caches as no service finds them.
 */
const pauseMillis = 3

/** Waits for the event that ends the warming of the pool's only connection. The pause follows at once, as after a request. */
const warmed = (pool: ConnectionPool.ConnectionPool, tag: "Connected" | "WarmEnd") =>
  Effect.scoped(Effect.gen(function*() {
    const done = yield* Deferred.make<void>()
    yield* pool.subscribe((event) => {
      if (event._tag === tag) Deferred.unsafeDone(done, Effect.void)
    })
    yield* Deferred.await(done)
  }))

const throughPool = (origin: string, before: Before): Effect.Effect<Times, unknown> =>
  Effect.scoped(Effect.gen(function*() {
    const pool = yield* ConnectionPool.make(optionsOf(origin, before))
    if (before !== "nothing") yield* warmed(pool, before === "open" ? "Connected" : "WarmEnd")
    const ask = Effect.flatMap(pool.execute(HttpRequest.get(`${origin}/small`)), ({ text }) => text)
    const times: Array<number> = []
    for (let i = 0; i < requests; i++) {
      yield* Effect.sleep(pauseMillis)
      const begun = performance.now()
      yield* ask
      times.push(performance.now() - begun)
    }
    return [times[0] ?? NaN, times[requests - 1] ?? NaN] as const
  })).pipe(Effect.provide(NodeTransport.layer))

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, pauseMillis))

/** The same over a socket without a client. It is open before the first request. */
const overSocket = async (origin: string, before: Before): Promise<Times> => {
  const { host, hostname, port } = new URL(origin)
  const socket = net.connect({ host: hostname, port: Number(port), noDelay: true })
  await new Promise<void>((resolve, reject) => void socket.once("connect", resolve).once("error", reject))
  const ask = (): Promise<void> =>
    new Promise((resolve, reject) => {
      let reply = ""
      const onData = (bytes: Buffer): void => {
        reply += bytes.toString("latin1")
        // The JSON of `/small` is the only one in the reply, and not nested.
        if (!reply.endsWith("}")) return
        socket.off("data", onData)
        if (reply.startsWith("HTTP/1.1 200 ")) resolve()
        else reject(new Error(`Not the expected reply: ${reply}`))
      }
      socket.on("data", onData)
      socket.write(`GET /small HTTP/1.1\r\nHost: ${host}\r\n\r\n`, "latin1")
    })
  if (before === "request") await ask()
  const times: Array<number> = []
  for (let i = 0; i < requests; i++) {
    await pause()
    const begun = performance.now()
    await ask()
    times.push(performance.now() - begun)
  }
  socket.destroy()
  return [times[0] ?? NaN, times[requests - 1] ?? NaN]
}

/**
 * How many times as long as the tenth request the first one takes, as the ratio of the medians over
 * many pools, one after another. Both requests are those of the same pools, so that the code is as
 * hot for both, and changes of the machine affect both.
 */
const comparing = (timesOf: () => Promise<Times>): Session => ({
  run: async (millis) => {
    const all: Array<Times> = []
    const end = performance.now() + millis
    while (performance.now() < end || all.length === 0) all.push(await timesOf())
    return { value: median(all.map(([first]) => first)) / median(all.map(([, tenth]) => tenth)), count: all.length }
  },
  stop: () => Promise.resolve()
})

export const pools = (origin: string, before: Before): Session =>
  comparing(() => Effect.runPromise(throughPool(origin, before)))

export const sockets = (origin: string, before: Before): Session => comparing(() => overSocket(origin, before))
