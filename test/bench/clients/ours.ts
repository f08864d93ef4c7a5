/** Our three faces: a connection for each loop, the pool, and the platform's client over the pool. All checks and timeouts are the defaults. */
import type * as HttpClient from "@effect/platform/HttpClient"
import {
  ConnectionPool,
  HttpBody,
  HttpConnection,
  HttpRequest,
  NodeTransport,
  PooledHttpClient
} from "effect-http-client"
import type { HttpResponse } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Scope from "effect/Scope"
import { effects } from "./effects.ts"
import type { Body, Load, Start } from "./load.ts"
import { at, checkStatus, contentType, originOf, pathOf } from "./load.ts"
import { start } from "./platform.ts"

/** As many connections as the scenario has, none of which is closed between two runs. */
const options = ({ ca, connections, urls }: Load): ConnectionPool.Options => ({
  connectionsPerOrigin: connections,
  connections: connections * urls.length,
  idlePerOrigin: connections,
  idle: connections * urls.length,
  idleTime: "1 minute",
  ...(ca === undefined ? undefined : { tls: { ca } })
})

const text = (response: HttpResponse.HttpResponse): Effect.Effect<Body, unknown> => {
  checkStatus(response.status)
  return response.text
}

const bytes = (response: HttpResponse.HttpResponse): Effect.Effect<Body, unknown> => {
  checkStatus(response.status)
  return response.bytes
}

/** How the requests of a load are made, anew for each, because that is how an application does it. */
const requests = ({ body }: Load): (target: string) => HttpRequest.HttpRequest =>
  body === undefined
    ? (target) => HttpRequest.get(target)
    : (target) => HttpRequest.post(target, { body: Either.getOrThrow(HttpBody.text(body, { contentType })) })

export const pool: Start = async (load) => {
  const runtime = ManagedRuntime.make(Layer.provide(ConnectionPool.layer(options(load)), NodeTransport.layer))
  const pool = await runtime.runPromise(ConnectionPool.ConnectionPool)
  const read = load.read === "text" ? text : bytes
  const request = requests(load)
  const one = (index: number) => Effect.flatMap(pool.execute(request(at(load.urls, index))), read)
  return effects(load, false, one, () => runtime.dispose())
}

export const connection: Start = async (load) => {
  const { hostname, port, protocol } = new URL(originOf(load))
  const scope = Effect.runSync(Scope.make())
  const tls = protocol === "https:" ? load.ca === undefined ? true : { ca: load.ca } : undefined
  const open = HttpConnection.make({ host: hostname, port: Number(port), tls })
  const opened = await Effect.runPromise(
    Effect.replicateEffect(open, load.loops).pipe(Scope.extend(scope), Effect.provide(NodeTransport.layer))
  )
  const paths = load.urls.map(pathOf)
  const read = load.read === "text" ? text : bytes
  const request = requests(load)
  const one = (index: number, loop: number) => Effect.flatMap(at(opened, loop).execute(request(at(paths, index))), read)
  return effects(load, false, one, () => Effect.runPromise(Scope.close(scope, Exit.void)))
}

const client = (traced: boolean): Start => (load) =>
  start(load, traced, PooledHttpClient.layerWith(options(load)) satisfies Layer.Layer<HttpClient.HttpClient, unknown>)

export const clientUntraced: Start = client(false)

export const clientTraced: Start = client(true)
