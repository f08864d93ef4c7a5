/**
 * The ways in which a test asks a `strayServer`: through the pool, its queue, leases, a standalone
 * connection, and by steps.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Scope from "effect/Scope"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type * as HttpResponse from "../../src/HttpResponse.ts"
import * as Origin from "../../src/Origin.ts"
import * as Proxy from "../../src/Proxy.ts"
import type { Transport } from "../../src/Transport.ts"
import type { Certificates } from "../fixtures/certificates.ts"
import type { StrayServer } from "../fixtures/strayServer.ts"

/** How the server is reached. */
export interface Route {
  readonly name: string
  readonly tls: boolean
  readonly tunnel: boolean
}

export const routes: ReadonlyArray<Route> = [
  { name: "in clear", tls: false, tunnel: false },
  { name: "over TLS", tls: true, tunnel: false },
  { name: "over TLS in a tunnel", tls: true, tunnel: true }
]

/** Asks for a path. Fails, or gives the response when its body has been read. */
export type Ask = (method: string, path: string) => Effect.Effect<HttpResponse.HttpResponse, HttpError>

/** A way to ask, as long as the scope lasts. */
export interface Way {
  readonly name: string
  /** How many requests are under way at once. */
  readonly concurrency: number
  readonly open: (
    server: StrayServer,
    route: Route,
    certificates: Certificates,
    busy: boolean
  ) => Effect.Effect<Ask, HttpError, Scope.Scope | Transport>
}

const request = (method: string, target: string): HttpRequest.HttpRequest =>
  HttpRequest.make(method, target, method === "POST" ? { body: HttpBody.bytes(Buffer.from("x")) } : {})

const read = (response: HttpResponse.HttpResponse) => Effect.as(response.text, response)

const poolOf = (server: StrayServer, { tls, tunnel }: Route, { ca }: Certificates, busy: boolean, limit?: number) =>
  Effect.map(
    ConnectionPool.make({
      shutdownGrace: 0,
      connectionsPerOrigin: limit,
      tls: tls ? { ca } : undefined,
      proxy: tunnel ? Either.getOrThrow(Proxy.make({ host: "127.0.0.1", port: server.proxyPort })) : undefined,
      onEvent: busy ? server.busyUntilAnswered : undefined
    }),
    (pool) => ({ pool, url: `${tls ? "https" : "http"}://127.0.0.1:${server.port}` })
  )

const connectionTo = (server: StrayServer, { tls, tunnel }: Route, { ca }: Certificates, busy: boolean) =>
  HttpConnection.make({
    host: "127.0.0.1",
    port: tunnel ? server.proxyPort : server.port,
    tls: tls ? { ca } : false,
    tunnel: tunnel ? { host: "127.0.0.1", port: server.port } : undefined,
    onEvent: busy ? server.busyUntilAnswered : undefined
  })

export const ways: ReadonlyArray<Way> = [
  {
    name: "a pool",
    concurrency: 1,
    open: (...parts) =>
      Effect.map(
        poolOf(...parts),
        ({ pool, url }): Ask => (method, path) => Effect.flatMap(pool.execute(request(method, url + path)), read)
      )
  },
  {
    name: "a pool in which 8 requests wait for one connection",
    concurrency: 9,
    open: (...parts) =>
      Effect.map(
        poolOf(...parts, 1),
        ({ pool, url }): Ask => (method, path) => Effect.flatMap(pool.execute(request(method, url + path)), read)
      )
  },
  {
    name: "leases",
    concurrency: 1,
    open: (server, route, certificates, busy) =>
      Effect.map(poolOf(server, route, certificates, busy), ({ pool }): Ask => {
        const { port, proxyPort } = server
        const origin = Either.getOrThrow(Origin.make({
          scheme: route.tls ? "https" : "http",
          host: "127.0.0.1",
          port,
          tls: route.tls ? { ca: certificates.ca } : undefined,
          proxy: route.tunnel ? Either.getOrThrow(Proxy.make({ host: "127.0.0.1", port: proxyPort })) : undefined
        }))
        return (method, path) =>
          Effect.scoped(
            Effect.flatMap(pool.lease(origin), (connection) =>
              Effect.flatMap(connection.execute(request(method, path)), read))
          )
      })
  },
  {
    name: "a connection",
    concurrency: 1,
    open: (...parts) =>
      Effect.map(
        connectionTo(...parts),
        (connection): Ask => (method, path) => Effect.flatMap(connection.execute(request(method, path)), read)
      )
  },
  {
    name: "a connection, by steps",
    concurrency: 1,
    open: (...parts) =>
      Effect.map(connectionTo(...parts), (connection): Ask => (method, path) =>
        Effect.flatMap(
          Effect.zipRight(
            connection.request(method, path, method === "POST" ? { body: "x" } : {}) as Effect.Effect<void, HttpError>,
            connection.getResponse
          ),
          read
        ))
  }
]

/** `right` if it is the answer of this request; else whose answer it is, or how it failed. */
export const judged = (ask: Ask, method: string, path: string): Effect.Effect<string> =>
  Effect.match(ask(method, path), {
    onFailure: ({ _tag }) => _tag,
    onSuccess: (response) => {
      const whose = response.getHeader("X-For") ?? "no mark"
      return whose === path ? response.resends === 0 ? "right" : "sent twice" : whose
    }
  })
