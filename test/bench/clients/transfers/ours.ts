/** Our pool, and the platform's client over it. */
import * as HttpClient from "@effect/platform/HttpClient"
import { ConnectionPool, HttpBody, HttpRequest, NodeTransport, PooledHttpClient } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { platform } from "./platform.ts"
import { sizeOf } from "./stream.ts"
import { check, counted, pieces, repeatEffect, type Start, type Transfer, type Way } from "./transfer.ts"

const optionsOf = (transfer: Transfer): ConnectionPool.Options => ({
  connectionsPerOrigin: 1,
  tls: transfer.ca === undefined ? undefined : { ca: transfer.ca }
})

const once = (pool: ConnectionPool.ConnectionPool, transfer: Transfer, way: Way): Effect.Effect<number, unknown> => {
  if (way === "upload") {
    // A new stream each time, because its iterator is at its end afterwards. One piece at a time, as from a file or a socket.
    return Effect.suspend(() => {
      const stream: Stream.Stream<Uint8Array> = Stream.fromIteratorSucceed(pieces(transfer.size), 1)
      const body = HttpBody.stream(stream, { length: transfer.size })
      return Effect.flatMap(pool.execute(HttpRequest.put(transfer.url, { body })), (response) => {
        check(response.status)
        return Effect.map(response.text, counted)
      })
    })
  }
  return Effect.flatMap(pool.execute(HttpRequest.get(transfer.url)), (response) => {
    check(response.status)
    if (way === "memory") return Effect.map(response.bytes, (bytes) => bytes.length)
    return sizeOf(response.stream)
  })
}

/** `ConnectionPool.execute`. */
export const connectionPool: Start = async (transfer, way) => {
  const scope = Effect.runSync(Scope.make())
  const pool = await Effect.runPromise(
    ConnectionPool.make(optionsOf(transfer)).pipe(Scope.extend(scope), Effect.provide(NodeTransport.layer))
  )
  return repeatEffect(
    transfer,
    once(pool, transfer, way),
    () => Effect.runPromise(Scope.close(scope, Exit.void))
  )
}

/** `PooledHttpClient` without spans. */
export const pooledHttpClient: Start = async (transfer, way) => {
  const runtime = ManagedRuntime.make(Layer.orDie(PooledHttpClient.layerWith(optionsOf(transfer))))
  const client = await runtime.runPromise(HttpClient.HttpClient)
  return repeatEffect(transfer, platform(client, transfer, way), () => runtime.dispose())
}
