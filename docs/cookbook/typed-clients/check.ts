/** Runs both clients against servers of the same descriptions, which refuse, fail and end. */
import { HttpApiBuilder, HttpRouter, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { RpcSerialization, RpcServer } from "@effect/rpc"
import { Chunk, ConfigProvider, Effect, Layer, Stream } from "effect"
import { ConnectionPool } from "effect-http-client"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { host, unusedPort } from "../../demo/servers/listen.ts"
import { same } from "../expect.ts"
import * as api from "./api.ts"
import { buy, layer, Orders, Prices } from "./program.ts"

/** A server of the orders. It wants a token, and hides its first success on each path behind a 503. */
const ordersServer = Effect.gen(function*() {
  const server = http.createServer()
  const seen: Array<string> = []
  const placed = new Map<string, api.Order>()
  const handlers = HttpApiBuilder.group(api.orders, "orders", (handlers) =>
    handlers
      .handle("find", ({ path: { id } }) =>
        id === 1 ? Effect.succeed(new api.Order({ id, item: "spam" })) : Effect.fail(new api.NoOrder({ id })))
      .handle("place", ({ payload: { item }, request }) =>
        Effect.sync(() => {
          const key = request.headers["idempotency-key"] ?? ""
          const order = placed.get(key) ?? new api.Order({ id: placed.size + 1, item })
          placed.set(key, order)
          return order
        })))
  const moody = HttpApiBuilder.middleware((app) =>
    Effect.gen(function*() {
      const request = yield* HttpServerRequest.HttpServerRequest
      const line = `${request.method} ${request.url}`
      seen.push(line)
      if (request.headers["authorization"] !== "Bearer secret") return HttpServerResponse.empty({ status: 401 })
      const response = yield* app
      return seen.filter((other) => other === line).length === 1 ? HttpServerResponse.empty({ status: 503 }) : response
    })
  )
  yield* HttpApiBuilder.serve().pipe(
    Layer.provide(moody),
    Layer.provide(Layer.provide(HttpApiBuilder.api(api.orders), handlers)),
    Layer.provide(NodeHttpServer.layer(() => server, { port: 0, host })),
    Layer.build
  )
  return { url: `http://${host}:${(server.address() as AddressInfo).port}`, seen, placed }
})

/** A server of the prices. */
const pricesServer = Effect.gen(function*() {
  const server = http.createServer()
  const handlers = api.Prices.toLayer({
    price: ({ item }) => item === "spam" ? Effect.succeed(7) : Effect.fail(new api.NoPrice({ item })),
    watch: () => Stream.make(7, 8, 6)
  })
  yield* HttpRouter.Default.serve((app) =>
    Effect.flatMap(
      HttpServerRequest.HttpServerRequest,
      (request) =>
        request.headers["authorization"] === "Bearer secret"
          ? app
          : Effect.succeed(HttpServerResponse.empty({ status: 401 }))
    )
  ).pipe(
    Layer.provide(RpcServer.layer(api.Prices)),
    Layer.provide(handlers),
    Layer.provide(RpcServer.layerProtocolHttp({ path: "/rpc" })),
    Layer.provide(RpcSerialization.layerNdjson),
    Layer.provide(NodeHttpServer.layer(() => server, { port: 0, host })),
    Layer.build
  )
  return `http://${host}:${(server.address() as AddressInfo).port}/rpc`
})

const configured = (settings: Readonly<Record<string, string>>) =>
  Layer.provide(layer, Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(settings)))))

export const check = Effect.gen(function*() {
  const { placed, seen, url } = yield* ordersServer
  const prices = yield* pricesServer
  const settings = { ORDERS_URL: url, ORDERS_TOKEN: "secret", PRICES_URL: prices, PRICES_TOKEN: "secret" }

  yield* Effect.gen(function*() {
    const orders = yield* Orders
    yield* same("an order", yield* orders.find(1), new api.Order({ id: 1, item: "spam" }))
    yield* same("an error of the API", yield* Effect.flip(orders.find(2)), new api.NoOrder({ id: 2 }))
    yield* same("what is bought", yield* buy("spam"), "order 1: spam for 7")
    yield* same("what is not for sale", yield* buy("eggs"), "eggs is not for sale")
    // Each success was hidden behind a 503 the first time. A 404 is an answer, and is not repeated.
    yield* same("the requests", seen, [
      "GET /orders/1",
      "GET /orders/1",
      "GET /orders/2",
      "POST /orders",
      "POST /orders"
    ])
    yield* same("orders that were placed", placed.size, 1)

    const watched = yield* Stream.runCollect((yield* Prices).watch("spam"))
    yield* same("a stream of prices", Chunk.toReadonlyArray(watched), [7, 8, 6])
    const { opened, origins } = yield* Effect.flatMap(ConnectionPool.ConnectionPool, (pool) => pool.stats)
    yield* same("a connection for each server", [opened, origins.length], [2, 2])
  }).pipe(Effect.provide(configured(settings)))

  const refused = yield* buy("spam").pipe(Effect.provide(configured({ ...settings, PRICES_TOKEN: "wrong" })))
  yield* same("a wrong token", refused, "ask prices whether it has happened")

  const nothing = `http://${host}:${yield* unusedPort}`
  const down = yield* buy("spam").pipe(Effect.provide(configured({ ...settings, ORDERS_URL: nothing })))
  yield* same("no server", down, "orders did nothing: try again later")
})
