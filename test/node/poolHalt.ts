/** What the table of `poolHalts.ts` is made of: requests through a pool that come to a halt and do not end by themselves. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ConnectionPool, Counts, Options } from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import type { HttpConnection } from "../../src/HttpConnection.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpResponse } from "../../src/HttpResponse.ts"
import type { HttpTimeouts } from "../../src/HttpTimeouts.ts"
import type * as Transport from "../../src/Transport.ts"
import { certificates } from "../fixtures/certificates.ts"
import { tlsServer, turn, turnUntil } from "../fixtures/sockets.ts"
import { answers, originOf, type Stage, stage, type Treatment, until } from "./poolKit.ts"

export interface Halt {
  readonly options?: Options
  readonly transport?: Transport.Service
  /** What is under way before, as long as the scope lasts. */
  readonly before?: (pool: ConnectionPool) => Effect.Effect<unknown, HttpError, Scope.Scope>
  readonly run: (pool: ConnectionPool) => Effect.Effect<unknown, HttpError>
  /** Waits until it has come to the halt. */
  readonly reached: (pool: ConnectionPool) => Effect.Effect<void>
  /** Waits until the server has seen the close, if it had seen the connection. */
  readonly closed: Effect.Effect<void>
  /** What is left of `before`. */
  readonly left?: Partial<Counts>
  /** Waits until the server has seen the end of that. */
  readonly allClosed?: Effect.Effect<void>
  /** From now on the server answers. */
  readonly work: Effect.Effect<void>
  readonly next: HttpRequest.HttpRequest
  /** How many of the request's bodies that were begun have not been finalized. */
  readonly unfinalized?: () => number
}

export interface Step {
  readonly name: string
  readonly halt: Effect.Effect<Halt, never, Scope.Scope>
  /** The timeouts that can run out there. */
  readonly timeouts: ReadonlyArray<keyof HttpTimeouts>
  /** What the request fails with when the pool ends. */
  readonly ends: "PoolClosed" | "ConnectionClosed"
}

export const nothing: Treatment = () => {}
export const turns = (count: number) => Effect.repeatN(turn, count)

export const withPath = (request: HttpRequest.HttpRequest) => (pool: ConnectionPool) => pool.execute(request)

/** A GET to a server that receives and does not answer, as far as `part` has come to it. */
export const silent = (server: Stage, part: string, run?: Halt["run"]): Halt => {
  const next = HttpRequest.get(server.url)
  return {
    run: run ?? withPath(next),
    reached: () => server.received(part),
    closed: server.closed,
    work: server.work,
    next
  }
}

export const head = "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"

/** A response to a GET of which `answer` has come. `read` reads it, and tells that it has come to the halt. */
export const reading = (
  answer: string | Uint8Array,
  read: (reached: Effect.Effect<unknown>) => (response: HttpResponse) => Effect.Effect<unknown, HttpError>
): Effect.Effect<Halt, never, Scope.Scope> =>
  Effect.gen(function*() {
    const server = yield* stage(answers(answer))
    const reached = yield* Deferred.make<void>()
    const next = HttpRequest.get(server.url)
    return {
      run: (pool) => Effect.flatMap(pool.execute(next), read(Deferred.succeed(reached, undefined))),
      // What comes after it has been told runs in the same turn, or the next.
      reached: () => Effect.zipRight(Deferred.await(reached), turns(5)),
      closed: server.closed,
      work: server.work,
      next
    }
  })

/** A request whose body is a stream, and how often it was begun and ended. */
export const uploading = (url: string, stream: Stream.Stream<Uint8Array>, options: HttpBody.StreamOptions = {}) => {
  let begun = 0
  let ended = 0
  const counted = Stream.unwrapScoped(Effect.as(
    Effect.acquireRelease(Effect.sync(() => begun++), () => Effect.sync(() => ended++)),
    stream
  ))
  return {
    request: HttpRequest.put(url, { body: HttpBody.stream(counted, options) }),
    ended: () => ended,
    unfinalized: () => begun - ended
  }
}

export const firstThenNone = Stream.concat(Stream.make<[Uint8Array]>(Buffer.from("first")), Stream.never)

/** Waits until a number has not changed for a while, and is not 0. */
export const still = (count: () => number): Effect.Effect<void> =>
  Effect.suspend(() => {
    let before = 0
    let same = 0
    return turnUntil(() => {
      same = count() > 0 && count() === before ? same + 1 : 0
      before = count()
      return same > 50
    })
  })

/** One that holds the only connection, and gets no answer. */
export const holding = (server: Stage) => (pool: ConnectionPool) =>
  Effect.zipRight(
    Effect.forkScoped(pool.execute(HttpRequest.get(`${server.url}holder`))),
    server.received("/holder")
  )

/** One for which a connection is being opened, for ever. */
export const opening = (port: number) => (pool: ConnectionPool) =>
  Effect.zipRight(
    Effect.forkScoped(pool.execute(HttpRequest.get(`http://127.0.0.1:${port}/`))),
    until(pool, ({ connecting }) => connecting === 1)
  )

export const leasing = (run: (connection: HttpConnection) => Effect.Effect<unknown, HttpError>) => (server: Stage) =>
  silent(server, "\r\n\r\n", (pool) => Effect.scoped(Effect.flatMap(pool.lease(originOf(server.url)), run)))

/** A server of https for the target of a tunnel, and the options for it. */
export const secureTarget = Effect.gen(function*() {
  const { ca, server: identity } = yield* Effect.promise(certificates)
  const target = yield* tlsServer(identity)
  target.raw.on("secureConnection", (socket) => {
    socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
    socket.on("end", () => socket.end())
  })
  return { port: target.port, tls: { ca } }
})
