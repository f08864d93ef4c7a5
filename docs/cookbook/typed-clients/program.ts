/** Clients of two typed APIs over one pool, each with its base URL, its credentials, its retries and its timeouts. */
import { HttpApiClient, HttpClient, HttpClientRequest } from "@effect/platform"
import type { HttpClientError } from "@effect/platform"
import { RpcClient, RpcSerialization } from "@effect/rpc"
import type { RpcClientError } from "@effect/rpc"
import { Config, Data, Effect, Layer, Option, Stream } from "effect"
import type { ParseResult } from "effect"
import { Auth, HttpError, PooledHttpClient } from "effect-http-client"
import * as api from "./api.ts"

/** Whatever an API does not describe: no server, a timeout, a status or a body that it does not know. */
export class Unavailable extends Data.TaggedError("Unavailable")<{
  readonly api: string
  readonly message: string
  /** False if the server cannot have acted on the request. */
  readonly mayHaveHappened: boolean
  readonly cause: unknown
}> {}

type Undescribed = HttpClientError.HttpClientError | ParseResult.ParseError | RpcClientError.RpcClientError

/** Handlers for `Effect.catchTags`. */
const unavailable = (api: string) => {
  const fail = (cause: Undescribed) => {
    // The error of this library below, which knows what was sent.
    const error = Option.getOrUndefined(HttpError.fromPlatform(cause))
    const mayHaveHappened = error?.context.processed !== "No"
    return Effect.fail(new Unavailable({ api, message: error?.message ?? cause.message, mayHaveHappened, cause }))
  }
  return { RequestError: fail, ResponseError: fail, ParseError: fail, RpcClientError: fail }
}

/** The base URL, and the credentials for its origin and for no other. */
const settings = (name: string) =>
  Effect.gen(function*() {
    const url = yield* Config.url(`${name}_URL`)
    const token = yield* Config.redacted(`${name}_TOKEN`)
    return { baseUrl: url.href.replace(/\/$/, ""), auth: yield* Auth.bearer({ token, origins: [url.origin] }) }
  })

/** The orders. Their server honours Idempotency-Key, so an order is placed once, however often its request is sent. */
export class Orders extends Effect.Service<Orders>()("Orders", {
  effect: Effect.gen(function*() {
    const { auth, baseUrl } = yield* settings("ORDERS")
    const { orders } = yield* HttpApiClient.make(api.orders, {
      baseUrl,
      transformClient: (client) =>
        client.pipe(
          HttpClient.transformResponse(PooledHttpClient.withTimeouts({ head: "2 seconds" })),
          Auth.client(auth),
          PooledHttpClient.retry({ times: 3, idempotencyKey: true })
        )
    })
    const { ParseError, RequestError, ResponseError } = unavailable("orders")
    const undescribed = { ParseError, RequestError, ResponseError }
    return {
      find: (id: number) => Effect.catchTags(orders.find({ path: { id } }), undescribed),
      place: (item: string) => Effect.catchTags(orders.place({ payload: { item } }), undescribed)
    }
  })
}) {}

/** The prices. A procedure is a POST, so it is retried only if the server has not seen it. */
export class Prices extends Effect.Service<Prices>()("Prices", {
  scoped: Effect.gen(function*() {
    const { auth, baseUrl } = yield* settings("PRICES")
    const http = (yield* HttpClient.HttpClient).pipe(
      HttpClient.mapRequest(HttpClientRequest.prependUrl(baseUrl)),
      HttpClient.transformResponse(PooledHttpClient.withTimeouts({ head: "500 millis", bodyIdle: "30 seconds" })),
      Auth.client(auth),
      PooledHttpClient.retry(),
      // The protocol does not look at the status.
      HttpClient.filterStatusOk
    )
    const protocol = yield* RpcClient.makeProtocolHttp(http)
    const client = yield* Effect.provideService(RpcClient.make(api.Prices), RpcClient.Protocol, protocol)
    const { RpcClientError } = unavailable("prices")
    return {
      price: (item: string) => Effect.catchTags(client.price({ item }), { RpcClientError }),
      watch: (item: string) => Stream.catchTag(client.watch({ item }), "RpcClientError", RpcClientError)
    }
  }),
  dependencies: [RpcSerialization.layerNdjson]
}) {}

/** Both services over one pool. */
export const layer = Layer.merge(Orders.Default, Prices.Default).pipe(
  Layer.provideMerge(PooledHttpClient.layerWith({ connectionsPerOrigin: 20, connectRetryTime: "300 millis" }))
)

/** What a program does with them. */
export const buy = (item: string) =>
  Effect.gen(function*() {
    const price = yield* (yield* Prices).price(item)
    const order = yield* (yield* Orders).place(item)
    return `order ${order.id}: ${item} for ${price}`
  }).pipe(
    Effect.catchTag("NoPrice", () => Effect.succeed(`${item} is not for sale`)),
    Effect.catchTag("Unavailable", ({ api, mayHaveHappened }) =>
      Effect.succeed(mayHaveHappened ? `ask ${api} whether it has happened` : `${api} did nothing: try again later`))
  )
