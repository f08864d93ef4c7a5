/**
 * The requests whose trips are counted. They use public modules alone, so that they are the same
 * for all commits, and each one checks its outcome.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import type { ConnectionPool, HttpResponse } from "../../../src/index.ts"
import { chunkBytes, chunks, type Server } from "./server.ts"
import type { Library, Undici } from "./sources.ts"

/** A client that is ready for its requests. */
export interface Client {
  /** Done before each trip, and not counted. */
  readonly prepare: () => Promise<unknown>
  readonly trip: () => Promise<unknown>
  readonly stop: () => Promise<void>
}

export interface Scenario {
  readonly name: string
  readonly about: string
  readonly start: (loaded: Loaded) => Promise<Client>
}

export interface Loaded {
  readonly library: Library
  readonly undici: () => Undici
  readonly server: Server
}

const check = (good: boolean, what: string): void => {
  if (!good) throw new Error(`Not the outcome that the scenario is for: ${what}`)
}

const options: ConnectionPool.Options = { connectionsPerOrigin: 1, idleTime: "1 minute" }

/** What the trips over a pool begin with. */
interface Kit extends Loaded {
  readonly pool: ConnectionPool.ConnectionPool
  readonly url: (path: string) => string
  /** Fails unless it is answered with the small JSON. */
  readonly get: (path: string) => Effect.Effect<void, unknown>
}

const text = (response: HttpResponse.HttpResponse): Effect.Effect<void, unknown> =>
  Effect.map(response.text, (text) => check(response.status === 200 && text.includes("hello"), text))

const viaPool = (
  trip: (kit: Kit) => () => Effect.Effect<unknown, unknown>,
  prepare: (kit: Kit) => Effect.Effect<unknown, unknown> = ({ get }) => get("/small")
): Scenario["start"] =>
async (loaded) => {
  const { ConnectionPool, HttpRequest, NodeTransport } = loaded.library
  const runtime = ManagedRuntime.make(Layer.provide(ConnectionPool.layer(options), NodeTransport.layer))
  const pool = await runtime.runPromise(ConnectionPool.ConnectionPool)
  const url = (path: string) => `http://127.0.0.1:${loaded.server.port}${path}`
  const get = (path: string) => Effect.suspend(() => Effect.flatMap(pool.execute(HttpRequest.get(url(path))), text))
  const kit: Kit = { ...loaded, pool, url, get }
  const ready = trip(kit)
  return {
    prepare: () => Effect.runPromise(prepare(kit)),
    trip: () => Effect.runPromise(ready()),
    stop: () => runtime.dispose()
  }
}

/** The failure that a request is to end with, as a success. */
const failing = ({ library }: Kit, effect: Effect.Effect<unknown, unknown>): Effect.Effect<void, unknown> =>
  Effect.map(Effect.flip(effect), (error) => check(library.HttpError.isHttpError(error), String(error)))

const platform: Scenario["start"] = async ({ library, server }) => {
  const runtime = ManagedRuntime.make(library.PooledHttpClient.layerWith(options))
  const client = await runtime.runPromise(HttpClient.HttpClient)
  const url = `http://127.0.0.1:${server.port}/small`
  const get = () =>
    Effect.runPromise(Effect.withTracerEnabled(
      Effect.flatMap(
        client.get(url),
        (response) => Effect.map(response.text, (text) => check(text.includes("hello"), text))
      ),
      false
    ))
  return { prepare: get, trip: get, stop: () => runtime.dispose() }
}

const undici: Scenario["start"] = ({ server, undici }) => {
  const { Pool } = undici()
  const pool = new Pool(`http://127.0.0.1:${server.port}`, { connections: 1, keepAliveTimeout: 60_000 })
  const get = async (): Promise<void> => {
    const { body } = await pool.request({ path: "/small", method: "GET" })
    const text = await body.text()
    check(text.includes("hello"), text)
  }
  return Promise.resolve({ prepare: get, trip: get, stop: () => pool.destroy() })
}

/** The first has the time to queue before the second goes on. */
const moment = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 5)))

export const scenarios: ReadonlyArray<Scenario> = [
  { name: "GET", about: "`pool.execute` and `text`", start: viaPool(({ get }) => () => get("/small")) },
  { name: "platform", about: "the same GET through `PooledHttpClient`, untraced", start: platform },
  {
    name: "upload",
    about: `a POST of a stream of ${chunks} chunks`,
    start: viaPool(({ library, pool, url }) => {
      const { HttpBody, HttpRequest } = library
      const chunk = new Uint8Array(chunkBytes)
      // Each in a chunk of Effect's, as they come from a file or another response.
      const body = Stream.rechunk(Stream.fromIterable(Array.from({ length: chunks }, () => chunk)), 1)
      return () => Effect.flatMap(pool.execute(HttpRequest.post(url("/upload"), { body: HttpBody.stream(body) })), text)
    })
  },
  {
    name: "download",
    about: `a GET whose body is read as a stream, and comes in ${chunks} chunks`,
    start: viaPool(({ library, pool, url }) => () =>
      Effect.flatMap(pool.execute(library.HttpRequest.get(url("/download"))), ({ stream }) =>
        Effect.map(
          Stream.runFold(stream, 0, (sum, bytes) => sum + bytes.length),
          (sum) => check(sum === chunks * chunkBytes, `${sum} bytes`)
        ))
    )
  },
  {
    name: "error",
    about: "a POST whose connection the server resets before the head, which is not sent again",
    start: viaPool((kit) => () => failing(kit, kit.pool.execute(kit.library.HttpRequest.post(kit.url("/reset")))))
  },
  {
    name: "timeout",
    about: "a GET whose head does not come in time",
    start: viaPool((kit) => () =>
      failing(kit, kit.pool.execute(kit.library.HttpRequest.get(kit.url("/silent"), { timeouts: { head: 20 } })))
    )
  },
  {
    name: "interruption",
    about: "a GET that is interrupted while it waits for the head",
    start: viaPool(({ get, server }) => () =>
      Effect.gen(function*() {
        const arrival = server.arrival()
        const fiber = yield* Effect.fork(get("/silent"))
        yield* Effect.promise(() => arrival)
        const exit = yield* Fiber.interrupt(fiber)
        check(Exit.isInterrupted(exit), String(exit))
      })
    )
  },
  {
    name: "wait",
    about: "a GET that waits for the only connection; with the end of the request that has it",
    start: viaPool(
      ({ get, server }) => () =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(get("/small"))
          yield* moment
          server.release()
          yield* Fiber.join(fiber)
        }),
      ({ get, server }) =>
        Effect.gen(function*() {
          const arrival = server.arrival()
          yield* Effect.forkDaemon(get("/held"))
          yield* Effect.promise(() => arrival)
        })
    )
  },
  { name: "undici", about: "the same GET as the first through undici's `Pool.request`", start: undici }
]
