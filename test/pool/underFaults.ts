/**
 * A small service under faults that are drawn from a seed, and what must hold whatever they are.
 *
 * Every request ends: with its own answer, whole, or with a typed error. No body is silently short. `processed` is never "No" for a request
 * that the server has seen. Afterwards nothing is left. Bytes that were changed may change what an answer says, and nothing else.
 */
import type { HttpClientError } from "@effect/platform"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Supervisor from "effect/Supervisor"
import type { ConnectionEvent } from "../../src/ConnectionEvent.ts"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import { fromPlatform, type HttpError, isHttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpResponse } from "../../src/HttpResponse.ts"
import * as Origin from "../../src/Origin.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { contentOf, type How, MemoryServer } from "../fixtures/memoryServer.ts"
import { inVirtualTime, type VirtualClock } from "../fixtures/virtualClock.ts"

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
const random = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
}

/** The faults of a run: about half of the kinds, each more or less often. */
export const policyOf = (seed: number): T.FaultPolicy => {
  const next = random(seed)
  const chance = (share = 0.5, most = 0.4) => {
    const [happens, often] = [next(), next()]
    return { probability: happens < share ? often * most : 0 }
  }
  const both = { direction: "both" } as const
  return {
    seed,
    splits: chance(0.6, 1),
    delays: chance(),
    resets: { ...chance(), ...both },
    halfClose: chance(),
    stalls: { ...chance(0.3, 0.2), ...both },
    slowWrites: chance(),
    corrupt: { ...chance(0.25), ...both },
    refusals: chance(0.3),
    noAddress: chance(0.1),
    slowOpenings: chance(0.3)
  }
}

const url = (path: string): string => `http://a.test${path}`

const origin = Either.getOrThrow(Origin.make({ scheme: "http", host: "a.test" }))

/** One request of the workload: its place, and what its answer says. */
interface Asked {
  readonly id: string
  readonly path: string
  readonly how: How
  readonly expected: string
}

/** The clients of a run, all over one transport. */
interface Clients {
  readonly pool: ConnectionPool.ConnectionPool
  readonly retrying: ConnectionPool.ConnectionPool
  readonly connection: Effect.Effect<HttpConnection.HttpConnection, unknown, Scope.Scope>
}

/** What there is of an answer: its whole text, or its beginning. */
interface Got {
  readonly text: string
  readonly whole: boolean
  readonly response: HttpResponse
}

const read = (response: HttpResponse) => Effect.map(response.text, (text): Got => ({ text, whole: true, response }))

const readTwoPieces = (response: HttpResponse) =>
  response.stream.pipe(
    Stream.take(2),
    Stream.runFold("", (text, bytes) => text + Buffer.from(bytes).toString("latin1")),
    Effect.map((text): Got => ({ text, whole: false, response }))
  )

const pieces = (text: string): Stream.Stream<Uint8Array> =>
  Stream.fromIterable(text.match(/.{1,50}/g) ?? []).pipe(Stream.map((piece) => Buffer.from(piece)), Stream.rechunk(1))

type Program = Effect.Effect<Got, unknown, Scope.Scope>

/** The ways to ask. Those that send a body are told what. */
const ways: Readonly<Record<string, (clients: Clients, asked: Asked) => Program>> = {
  get: ({ pool }, { path }) => Effect.flatMap(pool.execute(HttpRequest.get(url(path))), read),
  retried: ({ retrying }, { path }) => Effect.flatMap(retrying.execute(HttpRequest.get(url(path))), read),
  cut: ({ pool }, { path }) => Effect.flatMap(pool.execute(HttpRequest.get(url(path))), readTwoPieces),
  closed: ({ pool }, { path }) =>
    Effect.flatMap(
      pool.execute(HttpRequest.get(url(path))),
      (response) => Effect.as(response.close, { text: "", whole: false, response })
    ),
  post: ({ pool }, { expected, path }) =>
    Effect.flatMap(pool.execute(HttpRequest.post(url(path), { body: HttpBody.text(expected) })), read),
  upload: ({ pool }, { expected, path }) =>
    Effect.flatMap(pool.execute(HttpRequest.post(url(path), { body: HttpBody.stream(pieces(expected)) })), read),
  lease: ({ pool }, { path }) =>
    Effect.scoped(
      Effect.flatMap(
        pool.lease(origin),
        (connection) => Effect.flatMap(connection.execute(HttpRequest.get(path)), read)
      )
    ),
  steps: ({ connection }, { path }) =>
    Effect.gen(function*() {
      const opened = yield* connection
      yield* opened.putRequest("GET", path)
      yield* opened.endHeaders()
      return yield* read(yield* opened.getResponse)
    }),
  platform: ({ pool }, { path }) =>
    Effect.gen(function*() {
      const client = yield* Effect.provideService(PooledHttpClient.make, ConnectionPool.ConnectionPool, pool)
      const response = yield* client.get(url(path))
      return yield* read(Option.getOrThrow(PooledHttpClient.fromResponse(response)))
    })
}

const names = Object.keys(ways)

const hows: ReadonlyArray<How> = ["length", "length", "length", "chunked", "chunked", "close", "empty", "early"]

/** The requests of a run. */
const workload = (next: () => number, count: number) =>
  Array.from({ length: count }, (_, index) => {
    const pick = <A>(list: ReadonlyArray<A>): A => list[Math.floor(next() * list.length)] as A
    const way = pick(names)
    const sends = way === "post" || way === "upload"
    const how = sends && next() < 0.8 ? "echo" : pick(hows)
    const size = Math.floor(next() < 0.1 ? next() * 50_000 : next() * 600)
    const id = `r${index}`
    const expected = how === "empty" ? "" : contentOf(id, size)
    return {
      way,
      asked: { id, how, path: `/${id}/${how}/${size}`, expected },
      /** After how many steps of its own, and how many virtual milliseconds, the caller leaves. */
      leaves: next() < 0.2
        ? { steps: Math.floor(next() * 40), millis: next() < 0.3 ? Math.floor(next() * 500) : 0 }
        : undefined
    }
  })

/** What a run has to say: what is wrong, and how its requests ended. */
export interface Verdict {
  readonly problems: ReadonlyArray<string>
  readonly ends: { readonly answered: number; readonly failed: number; readonly interrupted: number }
  readonly injected: ReadonlyArray<T.Fault>
}

const errorOf = (failure: unknown): HttpError | undefined =>
  isHttpError(failure) ? failure : Option.getOrUndefined(fromPlatform(failure as HttpClientError.HttpClientError))

/** Sends the requests of a seed under its faults, or under these, and judges what comes of it. */
const program = (seed: number, faults: T.FaultPolicy | ReadonlyArray<T.Fault>) => (clock: VirtualClock) =>
  Effect.gen(function*() {
    const server = new MemoryServer()
    const transport = T.faults(faults)(server)
    const next = random(seed ^ 0x5eed)
    const problems: Array<string> = []
    const ends = { answered: 0, failed: 0, interrupted: 0 }
    const check = (holds: boolean, problem: () => string): void => {
      if (!holds) problems.push(problem())
    }
    const isChanged = () => transport.injected.some(({ kind }) => kind === "corrupt")

    const judge = (asked: Asked, exit: Exit.Exit<Got, unknown>, leaves: boolean): Effect.Effect<void> => {
      if (Exit.isSuccess(exit)) {
        ends.answered++
        const { response, text, whole } = exit.value
        return Effect.map(response.endProven, (proven) => {
          if (isChanged()) return
          const says = () => `${asked.path}: ${response.status} ${JSON.stringify(text)}`
          if (asked.how === "early") return check("no: ".startsWith(text) && response.status === 413, says)
          // The end of the connection ends such a body, so that it may have come early.
          const mayBeShort = !whole || (asked.how === "close" && !proven)
          check(mayBeShort ? asked.expected.startsWith(text) : text === asked.expected, says)
          check(response.status === (asked.how === "empty" ? 204 : 200), says)
        })
      }
      if (Cause.isInterruptedOnly(exit.cause)) {
        ends.interrupted++
        check(leaves, () => `${asked.path}: interrupted`)
        return Effect.void
      }
      ends.failed++
      const error = Cause.isFailType(exit.cause) ? errorOf(exit.cause.error) : undefined
      if (error === undefined) problems.push(`${asked.path}: no typed error: ${Cause.pretty(exit.cause)}`)
      else if (error.context.processed === "No" && !isChanged()) {
        check(!server.seen.has(asked.id), () => `${asked.path}: processed "No", but the server has seen it: ${error}`)
      }
      return Effect.void
    }

    const events: Array<ConnectionEvent> = []
    const serve = Effect.gen(function*() {
      const timeouts = { head: "20 seconds", bodyIdle: "20 seconds", total: "2 minutes" } as const
      const pool = yield* ConnectionPool.make({
        connectionsPerOrigin: 1 + Math.floor(next() * 4),
        connectRetryTime: next() < 0.5 ? 0 : "3 seconds",
        requestsPerConnection: next() < 0.2 ? 3 : Infinity,
        lifetimeJitter: 0,
        timeouts,
        onEvent: (event) => void events.push(event)
      })
      const clients: Clients = {
        pool,
        retrying: ConnectionPool.retry({ times: 3 })(pool),
        connection: Effect.provideService(
          HttpConnection.make({ host: "a.test", timeouts }),
          Transport.Transport,
          transport
        )
      }
      yield* Effect.forEach(workload(next, 12), ({ asked, leaves, way }) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(Effect.scoped(ways[way]?.(clients, asked) ?? Effect.dieMessage(way)))
          if (leaves !== undefined) {
            for (let i = 0; i < leaves.steps; i++) yield* Effect.yieldNow()
            if (leaves.millis > 0) yield* Effect.sleep(leaves.millis)
            yield* Fiber.interrupt(fiber)
          }
          yield* judge(asked, yield* Fiber.await(fiber), leaves !== undefined)
        }), { concurrency: 4, discard: true })
      // Every second pool ends at once, with all that it has.
      if (seed % 2 === 1) return
      // Responses that were not read, and connections that are idle for too long, are given up by then.
      yield* Effect.sleep("1 hour")
      const stats = yield* pool.stats
      check(stats.busy + stats.connecting + stats.waiting + stats.idle === 0, () => `left: ${JSON.stringify(stats)}`)
      check(stats.opened === stats.closed, () => `opened and closed: ${JSON.stringify(stats)}`)
      check(stats.origins.length === 0, () => `origins: ${JSON.stringify(stats)}`)
      const count = (tag: ConnectionEvent["_tag"]) => events.filter(({ _tag }) => _tag === tag).length
      check(
        count("Connected") === stats.opened && count("Close") === stats.closed,
        () => `events: ${JSON.stringify(stats)}`
      )
      check(transport.openCount === 0, () => `${transport.openCount} channels are open in the pool`)
    })
    const supervisor = yield* Supervisor.track
    yield* Effect.scoped(Effect.supervised(serve, supervisor)).pipe(
      Effect.provideService(Transport.Transport, transport)
    )
    yield* Effect.yieldNow()
    const fibers = yield* supervisor.value
    check(fibers.length === 0, () => `${fibers.length} fibers are left`)
    check(clock.sleeping === 0, () => `${clock.sleeping} timers are left`)
    check(server.channels.size === 0, () => `${server.channels.size} channels of the server are left`)
    check(transport.openCount === 0, () => `${transport.openCount} channels are left`)
    const verdict: Verdict = { problems, ends, injected: transport.injected }
    return { verdict, report: transport.report }
  })

/** Runs a seed. Throws with its number and its faults if anything does not hold. */
export const runSeed = async (seed: number, faults: T.FaultPolicy | ReadonlyArray<T.Fault> = policyOf(seed)) => {
  const exit = await inVirtualTime(program(seed, faults), seed)
  if (Exit.isFailure(exit)) throw new Error(`Seed ${seed}: ${Cause.pretty(exit.cause)}`)
  const { report, verdict } = exit.value
  if (verdict.problems.length > 0) throw new Error([...verdict.problems, report].join("\n"))
  return verdict
}
