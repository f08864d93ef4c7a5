/** The `HttpClient` of `@effect/platform`, over whatever it is given, and its own layers. All without spans. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import { sizeOf } from "./stream.ts"
import { check, counted, pieces, repeatEffect, type Start, type Transfer, type Way } from "./transfer.ts"

/** One transfer by a client of the platform. */
export const platform = (
  given: HttpClient.HttpClient,
  transfer: Transfer,
  way: Way
): Effect.Effect<number, unknown> => {
  const client = HttpClient.withTracerDisabledWhen(given, () => true)
  if (way === "upload") {
    const send = Effect.suspend(() =>
      client.execute(HttpClientRequest.put(transfer.url, {
        // As for `ConnectionPool`, see there.
        body: HttpBody.stream(
          Stream.fromIteratorSucceed(pieces(transfer.size), 1),
          "application/octet-stream",
          transfer.size
        )
      }))
    )
    return Effect.flatMap(send, (response) => {
      check(response.status)
      return Effect.map(response.text, counted)
    })
  }
  return Effect.flatMap(client.execute(HttpClientRequest.get(transfer.url)), (response) => {
    check(response.status)
    if (way === "memory") return Effect.map(response.arrayBuffer, (buffer) => buffer.byteLength)
    return sizeOf(response.stream)
  })
}

const session = async (
  layer: Layer.Layer<HttpClient.HttpClient>,
  ...[transfer, way]: Parameters<Start>
) => {
  const runtime = ManagedRuntime.make(layer)
  const client = await runtime.runPromise(HttpClient.HttpClient)
  return repeatEffect(transfer, platform(client, transfer, way), () => runtime.dispose())
}

/** The undici layer, on one connection. */
export const platformUndici: Start = async (transfer, way) => {
  const { Agent } = await import("undici")
  const NodeHttpClient = await import("@effect/platform-node/NodeHttpClient")
  const dispatcher = Layer.scoped(
    NodeHttpClient.Dispatcher,
    Effect.acquireRelease(
      Effect.sync(() => new Agent({ connections: 1, pipelining: 1, connect: { ca: transfer.ca } })),
      (agent) => Effect.promise(() => agent.destroy())
    )
  )
  return session(Layer.provide(NodeHttpClient.layerUndiciWithoutDispatcher, dispatcher), transfer, way)
}

/** The layer over `node:http`, on one connection. */
export const platformNode: Start = async (transfer, way) => {
  const NodeHttpClient = await import("@effect/platform-node/NodeHttpClient")
  const agent = NodeHttpClient.makeAgentLayer({ keepAlive: true, maxSockets: 1, ca: transfer.ca })
  return session(Layer.provide(NodeHttpClient.layerWithoutAgent, agent), transfer, way)
}

/** The layer over `fetch`, on one connection. */
export const platformFetch: Start = async (transfer, way) => {
  const { agentOf } = await import("./undici.ts")
  const dispatcher = agentOf(transfer)
  const init: object = { dispatcher }
  const layer = Layer.provide(FetchHttpClient.layer, Layer.succeed(FetchHttpClient.RequestInit, init))
  const started = await session(layer, transfer, way)
  return { run: started.run, stop: () => started.stop().then(() => dispatcher.destroy()) }
}
