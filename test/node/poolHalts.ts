/**
 * Requests through a pool at every point at which one can wait. Pools over them have room for one connection, so that whatever is
 * left of a request keeps the next one waiting.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as https from "node:https"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import { serviceOf } from "../../src/internal/effect/transport.ts"
import { makeDialer } from "../../src/internal/node/dialer.ts"
import { certificates } from "../fixtures/certificates.ts"
import { turnUntil, unanswering } from "../fixtures/sockets.ts"
import { streamOf } from "../fixtures/web.ts"
import {
  firstThenNone,
  type Halt,
  head,
  holding,
  leasing,
  nothing,
  opening,
  reading,
  secureTarget,
  silent,
  type Step,
  still,
  turns,
  uploading,
  withPath
} from "./poolHalt.ts"
import { answers, originOf, proxyAt, proxyServer, stage, textOf, type Treatment, until } from "./poolKit.ts"

export const steps: ReadonlyArray<Step> = [
  {
    name: "in the queue of its origin",
    timeouts: ["pool", "total"],
    ends: "PoolClosed",
    halt: Effect.map(stage(nothing), (server) => ({
      ...silent(server, ""),
      before: holding(server),
      left: { busy: 1 },
      allClosed: server.closed,
      reached: (pool) => until(pool, ({ waiting }) => waiting === 1),
      closed: Effect.void
    }))
  },
  {
    name: "in the queue, because another origin has the last place",
    timeouts: ["pool", "total"],
    ends: "PoolClosed",
    halt: Effect.zipWith(stage(nothing), stage(nothing), (server, other) => ({
      ...silent(server, ""),
      before: holding(other),
      left: { busy: 1 },
      allClosed: other.closed,
      reached: (pool) => until(pool, ({ waiting }) => waiting === 1),
      closed: Effect.void
    }))
  },
  {
    name: "in the queue, for a lease",
    timeouts: ["pool"],
    ends: "PoolClosed",
    halt: Effect.map(stage(nothing), (server) => ({
      ...silent(server, "", (pool) => Effect.scoped(pool.lease(originOf(server.url)))),
      before: holding(server),
      left: { busy: 1 },
      allClosed: server.closed,
      reached: (pool) => until(pool, ({ waiting }) => waiting === 1),
      closed: Effect.void
    }))
  },
  {
    name: "behind another one whose connection is being opened",
    timeouts: ["pool", "total"],
    ends: "PoolClosed",
    halt: Effect.zipWith(stage(nothing), unanswering, (server, port) => ({
      ...silent(server, ""),
      run: withPath(HttpRequest.get(`http://127.0.0.1:${port}/`)),
      before: opening(port),
      left: { connecting: 1, waiting: 1 },
      reached: (pool) => until(pool, ({ waiting }) => waiting === 2)
    }))
  },
  {
    name: "while the name is looked up",
    timeouts: ["dns", "total"],
    ends: "PoolClosed",
    halt: Effect.zipWith(stage(nothing), Deferred.make<void>(), (server, asked) => ({
      ...silent(server, ""),
      transport: serviceOf(makeDialer({ lookup: () => Deferred.unsafeDone(asked, Effect.void), staggerMillis: 250 })),
      run: withPath(HttpRequest.get("http://name.test/")),
      reached: () => Deferred.await(asked)
    }))
  },
  {
    name: "while it connects",
    timeouts: ["connect", "total"],
    ends: "PoolClosed",
    halt: Effect.zipWith(stage(nothing), unanswering, (server, port) => ({
      ...silent(server, ""),
      run: withPath(HttpRequest.get(`http://127.0.0.1:${port}/`)),
      reached: (pool) => Effect.zipRight(until(pool, ({ connecting }) => connecting === 1), turns(5))
    }))
  },
  {
    name: "while it connects, for a lease",
    timeouts: ["connect"],
    ends: "PoolClosed",
    halt: Effect.zipWith(stage(nothing), unanswering, (server, port) => ({
      ...silent(server, "", (pool) => Effect.scoped(pool.lease(originOf(`http://127.0.0.1:${port}/`)))),
      reached: (pool) => Effect.zipRight(until(pool, ({ connecting }) => connecting === 1), turns(5))
    }))
  },
  {
    name: "while the server does not answer the TLS handshake",
    timeouts: ["tls", "total"],
    ends: "PoolClosed",
    halt: Effect.gen(function*() {
      const { ca, server: identity } = yield* Effect.promise(certificates)
      const web = https.createServer(identity, (_request, response) => response.end("it works"))
      const server = yield* stage(nothing, { web })
      const next = HttpRequest.get(`https://127.0.0.1:${server.port}/`)
      return { ...silent(server, "\x16\x03", withPath(next)), options: { tls: { ca } }, next }
    })
  },
  {
    name: "while the proxy does not answer CONNECT",
    timeouts: ["proxy", "total"],
    ends: "PoolClosed",
    halt: Effect.gen(function*() {
      const { port, tls } = yield* secureTarget
      const server = yield* stage(nothing, { web: proxyServer().server })
      const next = HttpRequest.get(`https://127.0.0.1:${port}/`)
      const halt = silent(server, `CONNECT 127.0.0.1:${port} `, withPath(next))
      return { ...halt, options: { tls, proxy: proxyAt(server.port) }, next }
    })
  },
  {
    name: "while the far end of a tunnel does not answer the TLS handshake",
    timeouts: ["tls", "total"],
    ends: "PoolClosed",
    halt: Effect.gen(function*() {
      const { port, tls } = yield* secureTarget
      const server = yield* stage(answers("HTTP/1.1 200 OK\r\n\r\n"), { web: proxyServer().server })
      const next = HttpRequest.get(`https://127.0.0.1:${port}/`)
      const halt = silent(server, "\x16\x03", withPath(next))
      return { ...halt, options: { tls, proxy: proxyAt(server.port) }, next }
    })
  },
  {
    name: "while the server does not say 100",
    timeouts: ["total"],
    ends: "ConnectionClosed",
    halt: Effect.map(stage(nothing), (server) => {
      const { request, unfinalized } = uploading(server.url, firstThenNone)
      const expecting = HttpRequest.setOptions(request, { expectContinue: true })
      return { ...silent(server, "\r\n\r\n", (pool) => pool.execute(expecting)), unfinalized }
    })
  },
  {
    name: "while the server takes nothing of a stream",
    timeouts: ["write", "total"],
    ends: "ConnectionClosed",
    halt: Effect.map(stage(nothing, { reads: false }), (server) => {
      let pulled = 0
      const { request, unfinalized } = uploading(server.url, Stream.forever(streamOf(65_521, () => pulled++)))
      const run: Halt["run"] = (pool) => pool.execute(request)
      return { ...silent(server, "", run), reached: () => still(() => pulled), unfinalized }
    })
  },
  {
    name: "while the server takes nothing of a large body in memory",
    timeouts: ["write", "total"],
    ends: "ConnectionClosed",
    halt: Effect.map(stage(nothing, { reads: false }), (server) => {
      const request = HttpRequest.put(server.url, { body: HttpBody.bytes(Buffer.alloc(50_000_000)) })
      let sent = 0
      return {
        ...silent(server, "", withPath(request)),
        options: { onEvent: (event) => sent += event._tag === "Send" ? event.bytes : 0 },
        reached: () => still(() => sent)
      }
    })
  },
  {
    name: "while the body waits for its next piece",
    timeouts: ["total"],
    ends: "ConnectionClosed",
    halt: Effect.map(stage(nothing), (server) => {
      const { request, unfinalized } = uploading(server.url, firstThenNone)
      return { ...silent(server, "first", (pool) => pool.execute(request)), unfinalized }
    })
  },
  {
    name: "while the server does not answer",
    timeouts: ["head", "total"],
    ends: "ConnectionClosed",
    halt: Effect.map(stage(nothing), (server) => silent(server, "\r\n\r\n"))
  },
  {
    name: "while the server has sent half a head",
    timeouts: ["head", "total"],
    ends: "ConnectionClosed",
    halt: Effect.gen(function*() {
      const sent = yield* Deferred.make<void>()
      const half: Treatment = (socket) => {
        socket.once(
          "data",
          () => socket.write("HTTP/1.1 200 OK\r\nContent-", () => Deferred.unsafeDone(sent, Effect.void))
        )
      }
      const halt = silent(yield* stage(half), "")
      return { ...halt, reached: () => Effect.zipRight(Deferred.await(sent), turns(10)) }
    })
  },
  {
    name: "while a request that was sent once more is not answered",
    timeouts: [],
    ends: "ConnectionClosed",
    halt: Effect.gen(function*() {
      let first = true
      const server = yield* stage((socket) => {
        if (!first) return
        first = false
        socket.once("data", () => {
          socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
          socket.once("data", () => socket.end())
        })
      })
      const { ended, request, unfinalized } = uploading(
        `${server.url}again`,
        Stream.make<[Uint8Array]>(Buffer.from("body")),
        { replayable: true }
      )
      return {
        ...silent(server, "", (pool) => pool.execute(request)),
        before: (pool) => textOf(pool, HttpRequest.get(server.url)),
        reached: (pool) =>
          Effect.zipRight(
            until(pool, ({ busy, retried }) => retried === 1 && busy === 1),
            // The stream of the second attempt has ended too, so what is left is to wait.
            turnUntil(() => ended() === 2)
          ),
        unfinalized
      }
    })
  },
  {
    name: "while a stream waits for the next piece of the response",
    timeouts: ["bodyIdle", "total"],
    ends: "ConnectionClosed",
    halt: reading(`${head}piece`, (reached) => ({ stream }) => Stream.runForEach(stream, () => reached))
  },
  {
    name: "while the whole response is waited for",
    timeouts: ["bodyIdle", "total"],
    ends: "ConnectionClosed",
    halt: reading(`${head}piece`, (reached) => ({ text }) => Effect.zipRight(reached, text))
  },
  {
    name: "while a part of the response is waited for",
    timeouts: ["bodyIdle", "total"],
    ends: "ConnectionClosed",
    halt: reading(`${head}piece`, (reached) => (response) => Effect.zipRight(reached, response.read(10)))
  },
  {
    name: "while a line of the response is waited for",
    timeouts: ["bodyIdle", "total"],
    ends: "ConnectionClosed",
    halt: reading(`${head}piece`, (reached) => (response) => Effect.zipRight(reached, response.readLine()))
  },
  {
    name: "while the trailers of the response are waited for",
    timeouts: [],
    ends: "ConnectionClosed",
    halt: reading(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
      (reached) => (response) => Effect.zipRight(reached, Effect.zipRight(response.bytes, response.trailers))
    )
  },
  {
    name: "while the reader of the response is busy and the server is held back",
    timeouts: [],
    ends: "ConnectionClosed",
    halt: reading(
      Buffer.concat([Buffer.from(head), Buffer.alloc(50_000_000)]),
      (reached) => ({ stream }) => Stream.runForEach(stream, () => Effect.zipRight(reached, turns(200)))
    )
  },
  {
    name: "while the response comes and the body still goes up",
    timeouts: ["bodyIdle", "total"],
    ends: "ConnectionClosed",
    halt: Effect.gen(function*() {
      const server = yield* stage(answers(`${head}piece`))
      const { request, unfinalized } = uploading(server.url, firstThenNone)
      const reached = yield* Deferred.make<void>()
      return {
        ...silent(
          server,
          "",
          (pool) =>
            Effect.flatMap(
              pool.execute(request),
              ({ stream }) => Stream.runForEach(stream, () => Deferred.succeed(reached, undefined))
            )
        ),
        reached: () => Effect.zipRight(Deferred.await(reached), turns(5)),
        unfinalized
      }
    })
  },
  {
    name: "in a lease, while the server does not answer",
    timeouts: ["head"],
    ends: "ConnectionClosed",
    halt: Effect.map(
      stage(nothing),
      leasing((connection) => connection.execute(HttpRequest.get("/")))
    )
  },
  {
    name: "in a lease, between the steps of a request",
    timeouts: [],
    ends: "ConnectionClosed",
    halt: Effect.map(
      stage(nothing),
      leasing((connection) =>
        Effect.zipRight(
          connection.request("POST", "/", { body: HttpBody.bytes(Buffer.from("abc")) }),
          connection.getResponse
        )
      )
    )
  }
]
