/**
 * Servers that refuse the client for its certificate, or the lack of one, after the handshake: TLS
 * 1.3 always does so, TLS 1.2 when it is negotiated again. With every face and on every path it is
 * a failure of TLS that the caller has to fix, and nothing was processed.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as tls from "node:tls"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import * as HttpError from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import type * as Tls from "../../src/Tls.ts"
import type { Transport } from "../../src/Transport.ts"
import { certificates } from "../fixtures/certificates.ts"
import { serve, tlsServer } from "../fixtures/sockets.ts"
import { contained, holds, proxyAt, proxyServer } from "./poolKit.ts"

const made = Effect.promise(certificates)
const large = new Uint8Array(300_000)

/** How a request to a server is made: on which face, and which way. */
interface Way {
  readonly name: string
  readonly ask: (port: number, tls: Tls.Options) => Effect.Effect<unknown, unknown, Scope.Scope | Transport>
}

const url = (port: number) => `https://127.0.0.1:${port}/`

const overPool = (request: (port: number) => HttpRequest.HttpRequest, tunnelled = false): Way["ask"] => (port, tls) =>
  Effect.gen(function*() {
    const proxy = tunnelled
      ? proxyAt((yield* serve(proxyServer().server, "connection", { host: "127.0.0.1", port: 0 })).port)
      : undefined
    const pool = yield* ConnectionPool.make({ tls, proxy })
    const error = yield* Effect.flip(Effect.flatMap(pool.execute(request(port)), ({ text }) => text))
    yield* holds(pool, {})
    const { requests, retried } = yield* pool.stats
    assert.deepStrictEqual([requests, retried], [1, 0])
    return yield* error
  })

const connectionTo = (port: number, tls: Tls.Options) => HttpConnection.make({ host: "127.0.0.1", port, tls })

const get = (port: number) => HttpRequest.get(url(port))
const post = (port: number) => HttpRequest.post(url(port), { body: HttpBody.bytes(large) })

const ways: ReadonlyArray<Way> = [
  { name: "a pool", ask: overPool(get) },
  { name: "a pool with a large body", ask: overPool(post) },
  { name: "a pool through a tunnel", ask: overPool(get, true) },
  {
    name: "a connection",
    ask: (port, tls) =>
      Effect.flatMap(connectionTo(port, tls), (connection) => connection.execute(HttpRequest.get("/")))
  },
  {
    name: "a connection that is opened first",
    ask: (port, tls) =>
      Effect.gen(function*() {
        const connection = yield* connectionTo(port, tls)
        yield* connection.connect
        return yield* connection.execute(HttpRequest.get("/"))
      })
  },
  {
    name: "steps",
    ask: (port, tls) =>
      Effect.gen(function*() {
        const connection = yield* connectionTo(port, tls)
        yield* connection.request("GET", "/")
        return yield* connection.getResponse
      })
  },
  {
    name: "the platform's client",
    ask: (port, tls) =>
      Effect.gen(function*() {
        const pool = yield* ConnectionPool.make({ tls })
        const client = yield* Effect.provideService(PooledHttpClient.make, ConnectionPool.ConnectionPool, pool)
        const error = yield* Effect.flip(Effect.flatMap(client.get(url(port)), ({ text }) => text))
        assert.strictEqual(error._tag, "RequestError")
        return yield* Effect.flatMap(HttpError.fromPlatform(error), Effect.fail)
      })
  }
]

/** A server that lets in whom the authority knows, and nobody else. */
const strict = (options: tls.TlsOptions = {}) =>
  Effect.gen(function*() {
    const { ca, server } = yield* made
    const listening = yield* tlsServer({ ...server, ca, requestCert: true, rejectUnauthorized: true, ...options })
    return { ...listening, ca }
  })

describe("a client without the certificate that is wanted", () => {
  for (const { ask, name } of ways) {
    it.live(`is told so by ${name}: TLS 1.3 refuses after the handshake`, () =>
      contained(Effect.gen(function*() {
        const { ca, connections, port } = yield* strict({ minVersion: "TLSv1.3" })
        const error = yield* Effect.flip(ask(port, { ca }))
        if (!HttpError.isHttpError(error) || error._tag !== "TlsError") return assert.fail(String(error))
        assert.deepInclude(error, { reason: "ClientCertificate", serverName: "127.0.0.1" })
        assert.deepInclude(error.context, {
          phase: "tls",
          fault: "User",
          processed: "No",
          replayable: true,
          origin: `https://127.0.0.1:${port}`
        })
        assert.include(error.message, "client certificate")
        assert.strictEqual(connections.all.length, 0)
      })))
  }
})

describe("a client with a certificate that is not known", () => {
  for (const { ask, name } of ways) {
    it.live(`is told by ${name} that it may be that, where the server closes without a word`, () =>
      contained(Effect.gen(function*() {
        const { ca, port } = yield* strict({ minVersion: "TLSv1.3" })
        const { selfSigned } = yield* made
        const error = yield* Effect.flip(ask(port, { ca, ...selfSigned }))
        if (!HttpError.isHttpError(error)) return assert.fail(String(error))
        assert.include(["RemoteDisconnected", "ReadError", "WriteError"], error._tag)
        assert.include(error.message, "the server refuses the client's certificate, or wants one, without saying so")
        assert.notInclude(error.message, "may want TLS")
      })))
  }
})
