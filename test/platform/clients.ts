/** The clients that the parity suite compares, each as a program would have it: its ready-made layer with nothing set. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as Layer from "effect/Layer"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"

export const clients: Readonly<Record<string, Layer.Layer<HttpClient.HttpClient>>> = {
  ours: PooledHttpClient.layer,
  node: NodeHttpClient.layer,
  undici: NodeHttpClient.layerUndici,
  fetch: FetchHttpClient.layer
}
