/**
 * New connections over TLS, one after the other: each brings one small response and is closed. With sessions, those that the client
 * resumes by default, and without.
 */
import { Latencies } from "../latencies.ts"
import type { Contender, Session, Setting } from "../scenario.ts"
import { smallJson } from "../servers/addresses.ts"

/** Without a name to resolve, so that the figure is that of TLS. */
const host = "127.0.0.1"

/** Opens a connection, reads the response and closes it. */
type Open = () => Promise<void>

/** Makes what opens connections to a URL. */
type Make = (url: URL, ca: string) => Promise<Open>

const check = (status: number | undefined, text: string): void => {
  if (status !== 200 || text !== smallJson) throw new Error(`a response is wrong: ${status} ${text}`)
}

/** A single connection of ours for each request. */
export const ours = (sessions: number | false | undefined): Make => async ({ port }, ca) => {
  const { HttpConnection, HttpRequest, NodeTransport } = await import("effect-http-client")
  const Effect = await import("effect/Effect")
  const runtime = (await import("effect/ManagedRuntime")).make(NodeTransport.layer)
  const options = { host, port: Number(port), tls: { ca, sessions } }
  const request = HttpRequest.get("/small")
  const one = Effect.scoped(Effect.gen(function*() {
    const connection = yield* HttpConnection.make(options)
    const response = yield* connection.execute(request)
    check(response.status, yield* response.text)
  }))
  return () => runtime.runPromise(one)
}

/** `node:https` without keep-alive, whose agent uses a session again and again. */
export const nodeHttps = (maxCachedSessions: number): Make => async ({ port }, ca) => {
  const https = await import("node:https")
  const agent = new https.Agent({ keepAlive: false, maxCachedSessions, ca })
  return () =>
    new Promise((resolve, reject) => {
      https.get({ agent, host, port, path: "/small" }, (message) => {
        let text = ""
        message.setEncoding("utf8")
        message.on("data", (piece: string) => {
          text += piece
        })
        message.on("end", () => {
          check(message.statusCode, text)
          resolve()
        })
      }).on("error", reject)
    })
}

const session = (open: Open): Session => {
  const latencies = new Latencies()
  return {
    run: async (millis) => {
      latencies.clear()
      const from = performance.now()
      let now = from
      let count = 0
      while (now < from + millis) {
        await open()
        count++
        const end = performance.now()
        latencies.add(end - now)
        now = end
      }
      return { value: count / (now - from) * 1000, count, latency: latencies.summary() }
    },
    stop: () => Promise.resolve()
  }
}

export const contender = (name: string, side: Contender["side"], make: Make): Contender => ({
  name,
  side,
  start: async ({ addresses }: Setting) => {
    if (addresses.ca === undefined) throw new Error("no server over TLS")
    return session(await make(new URL(addresses.secure), addresses.ca))
  }
})
