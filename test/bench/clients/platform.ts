/**
 * The clients of `@effect/platform` and `@effect/platform-node`, and how any `HttpClient` of the platform is asked, ours too.
 *
 * Untraced is `Effect.withTracerEnabled(false)` around the loops: the platform's clients then take the same way as with
 * `HttpClient.withTracerDisabledWhen(() => true)`, which needs one call more for each request.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as PlatformBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { Agent } from "undici"
import { agentOptions } from "./agentOptions.ts"
import { effects } from "./effects.ts"
import type { Body, Client, Load, Start } from "./load.ts"
import { at, checkStatus, contentType } from "./load.ts"

const text = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<Body, unknown> => {
  checkStatus(response.status)
  return response.text
}

const bytes = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<Body, unknown> => {
  checkStatus(response.status)
  return response.arrayBuffer
}

/** The client of a layer. */
export const start = async <E>(
  load: Load,
  traced: boolean,
  layer: Layer.Layer<HttpClient.HttpClient, E>
): Promise<Client> => {
  const runtime = ManagedRuntime.make(layer)
  const client = await runtime.runPromise(HttpClient.HttpClient)
  const { body, urls } = load
  const read = load.read === "text" ? text : bytes
  const one = body === undefined
    ? (index: number) => Effect.flatMap(client.get(at(urls, index)), read)
    : (index: number) =>
      Effect.flatMap(
        client.execute(HttpClientRequest.post(at(urls, index), { body: PlatformBody.text(body, contentType) })),
        read
      )
  return effects(load, traced, one, () => runtime.dispose())
}

/** With undici's dispatcher for it, which ends with the layer. */
const dispatcher = (load: Load) =>
  Effect.acquireRelease(
    Effect.sync(() => new Agent(agentOptions(load))),
    (agent) => Effect.promise(() => agent.destroy())
  )

const undici = (traced: boolean): Start => (load) =>
  start(load, traced, Layer.scoped(HttpClient.HttpClient, Effect.map(dispatcher(load), NodeHttpClient.makeUndici)))

export const undiciUntraced: Start = undici(false)

export const undiciTraced: Start = undici(true)

/** Untraced. */
export const node: Start = (load) => {
  const { ca, connections } = load
  const options = { keepAlive: true, maxSockets: connections, maxFreeSockets: connections }
  return start(
    load,
    false,
    Layer.provide(
      NodeHttpClient.layerWithoutAgent,
      NodeHttpClient.makeAgentLayer(ca === undefined ? options : { ...options, ca })
    )
  )
}

/** Untraced. */
export const fetch: Start = (load) =>
  start(
    load,
    false,
    Layer.provide(
      FetchHttpClient.layer,
      Layer.scoped(
        FetchHttpClient.RequestInit,
        // The types of `fetch` are those of browsers, which have no dispatcher.
        Effect.map(dispatcher(load), (agent) => ({ dispatcher: agent }) as RequestInit)
      )
    )
  )
