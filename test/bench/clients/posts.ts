/** The clients whose POSTs are counted while a server is reloaded. None of them sends a POST a second time. */
import * as PlatformBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import { isHttpClientError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import {
  ConnectionPool,
  HttpBody,
  HttpError,
  HttpRequest,
  NodeTransport,
  PooledHttpClient
} from "../../../src/index.ts"
import { Pool } from "./undiciHere.ts"

/** How a POST ended: which process of the server answered it, or why it counts as lost. */
export type Outcome = { readonly worker: string } | { readonly lost: string }

export interface Poster {
  readonly post: (number: number) => Promise<Outcome>
  readonly stop: () => Promise<void>
}

/** How a client for a server is made. */
export type Start = (url: string, connections: number) => Promise<Poster>

/** How long a POST may take. The servers answer at once, so only one that hangs takes so long. */
const limit = 10_000

const contentType = "application/json"
const body = JSON.stringify({ name: "hello world", ok: true })

/** An answer to another POST is as bad as none. */
const outcome = (number: number, status: number, text: string): Outcome => {
  const [answered, worker] = text.split(" ")
  return status === 200 && answered === String(number) && worker !== undefined
    ? { worker }
    : { lost: `wrong answer, status ${status}` }
}

const codeOf = (error: unknown): string | undefined =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined

/** What an error is called in the table. */
const nameOf = (error: unknown): string => {
  if (isHttpClientError(error)) return nameOf(error.cause)
  const code = codeOf(error)
  if (HttpError.isHttpError(error)) return code === undefined ? error._tag : `${error._tag} ${code}`
  return code ?? String(error)
}

const run = (number: number, answer: Effect.Effect<readonly [status: number, text: string], unknown>) =>
  Effect.match(answer, {
    onFailure: (error): Outcome => ({ lost: nameOf(error) }),
    onSuccess: ([status, text]) => outcome(number, status, text)
  })

const options = (connections: number): ConnectionPool.Options => ({
  connectionsPerOrigin: connections,
  connections,
  idlePerOrigin: connections,
  idle: connections,
  idleTime: "1 minute",
  timeouts: { total: limit }
})

const pool: Start = async (url, connections) => {
  const runtime = ManagedRuntime.make(Layer.provide(ConnectionPool.layer(options(connections)), NodeTransport.layer))
  const pool = await runtime.runPromise(ConnectionPool.ConnectionPool)
  const one = (number: number) => {
    const request = HttpRequest.post(`${url}/?n=${number}`, {
      body: Either.getOrThrow(HttpBody.text(body, { contentType }))
    })
    return Effect.flatMap(
      pool.execute(request),
      (response) => Effect.map(response.text, (text) => [response.status, text] as const)
    )
  }
  return { post: (number) => Effect.runPromise(run(number, one(number))), stop: () => runtime.dispose() }
}

const face: Start = async (url, connections) => {
  const runtime = ManagedRuntime.make(PooledHttpClient.layerWith(options(connections)))
  const client = await runtime.runPromise(HttpClient.HttpClient)
  const one = (number: number) => {
    const request = HttpClientRequest.post(`${url}/?n=${number}`, { body: PlatformBody.text(body, contentType) })
    return Effect.flatMap(
      client.execute(request),
      (response) => Effect.map(response.text, (text) => [response.status, text] as const)
    )
  }
  return { post: (number) => Effect.runPromise(run(number, one(number))), stop: () => runtime.dispose() }
}

const undici: Start = async (url, connections) => {
  const pool = new Pool(url, {
    connections,
    pipelining: 1,
    keepAliveTimeout: 60_000,
    headersTimeout: limit,
    bodyTimeout: limit,
    connectTimeout: limit
  })
  const post = async (number: number): Promise<Outcome> => {
    try {
      const headers = { "content-type": contentType }
      const response = await pool.request({ path: `/?n=${number}`, method: "POST", headers, body })
      return outcome(number, response.statusCode, await response.body.text())
    } catch (error) {
      return { lost: nameOf(error) }
    }
  }
  return { post, stop: () => pool.destroy() }
}

/** Ours are compared with the last one. */
export const posters = { "ConnectionPool.execute": pool, PooledHttpClient: face, "undici Pool.request": undici }

export type Name = keyof typeof posters
