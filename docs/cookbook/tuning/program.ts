/** Measures how a pool is used, and recommends how many connections it needs. */
import { Duration, Effect } from "effect"
import { ConnectionPool, HttpRequest, NodeTransport } from "effect-http-client"

/** What the events of a pool say about the requests to one origin. */
interface Usage {
  /** Requests that acquired a connection. */
  requests: number
  /** For how long they held their connections, in sum. */
  heldMillis: number
  /** Requests that waited because all connections that the limit allows were in use. */
  crowded: number
  /** The most requests at once that had a connection or waited for one. */
  peak: number
}

/** Counts from now on, until the scope ends. */
const observe = (pool: ConnectionPool.ConnectionPool, limit: number) =>
  Effect.gen(function*() {
    const clock = yield* Effect.clock
    const usage: Usage = { requests: 0, heldMillis: 0, crowded: 0, peak: 0 }
    const acquired = new Map<number, number>()
    let open = 0
    let waiting = 0
    const release = (connection: number) => {
      const start = acquired.get(connection)
      if (start !== undefined) usage.heldMillis += clock.unsafeCurrentTimeMillis() - start
      acquired.delete(connection)
    }
    yield* pool.subscribe((event) => {
      switch (event._tag) {
        case "Connect":
          open++
          return
        case "ConnectFailed":
          open--
          return
        case "Wait":
          waiting++
          // None is idle, otherwise the request would not wait.
          if (open >= limit) usage.crowded++
          usage.peak = Math.max(usage.peak, acquired.size + waiting)
          return
        case "WaitEnd":
          waiting--
          return
        case "Acquire":
          usage.requests++
          acquired.set(event.connection, clock.unsafeCurrentTimeMillis())
          usage.peak = Math.max(usage.peak, acquired.size)
          return
        case "Release":
          return release(event.connection)
        case "Close":
          open--
          return release(event.connection)
      }
    })
    return usage
  })

/** Little's law: connections in use = requests per second * seconds that each holds its connection. */
export const recommend = ({ crowded, heldMillis, peak, requests }: Usage, elapsedMillis: number) => {
  const perSecond = requests / elapsedMillis * 1000
  const held = heldMillis / requests
  const busy = perSecond * held / 1000
  // A pool that was full hides how many connections would have been in use: ask for all that were wanted.
  const wasFull = crowded > requests / 20
  const wanted = wasFull ? peak : busy
  // Random arrivals spread around their mean by its square root. Twice that is room for most bursts.
  return { requests, perSecond, held, busy, crowded, peak, connections: Math.ceil(wanted + 2 * Math.sqrt(wanted)) }
}

/** The load: so many callers at once, each with so many requests, one after the other. */
interface Load {
  readonly callers: number
  readonly requests: number
}

/** Measures one size of the pool under a load. In a service `observe` listens to real traffic instead. */
const measure = (url: string, limit: number, { callers, requests }: Load) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.make({ connectionsPerOrigin: limit })
    const usage = yield* observe(pool, limit)
    const request = Effect.flatMap(pool.execute(HttpRequest.get(url)), (response) => response.bytes)
    const caller = Effect.repeatN(request, requests - 1)
    const [duration] = yield* Effect.timed(Effect.replicateEffect(caller, callers, { concurrency: "unbounded" }))
    const { opened, reused } = yield* pool.stats
    return { limit, opened, reused, ...recommend(usage, Duration.toMillis(duration)) }
  }).pipe(Effect.scoped)

const print = (found: Effect.Effect.Success<ReturnType<typeof measure>>) =>
  Effect.log(
    `limit ${found.limit}: ${found.requests} requests, ${found.perSecond.toFixed()} a second, each held a connection `
      + `for ${found.held.toFixed()} ms: ${
        found.busy.toFixed(1)
      } in use on average; ${found.crowded} waited for a free one. `
      + `Recommended: ${found.connections}`
  )

/** A pool under too much load: what it cannot serve soon, it refuses at once. */
const shed = (url: string, callers: number) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.make({ connectionsPerOrigin: 2, waiters: 4, timeouts: { pool: "1 second" } })
    const request = Effect.flatMap(pool.execute(HttpRequest.get(url)), (response) => response.bytes).pipe(
      Effect.as("served"),
      Effect.catchTag("PoolQueueFull", () => Effect.succeed("refused: the queue is full")),
      Effect.catchTag("HttpTimeout", ({ kind }) => Effect.succeed(`timed out: ${kind}`))
    )
    const outcomes = yield* Effect.replicateEffect(request, callers, { concurrency: "unbounded" })
    return Object.fromEntries(
      [...new Set(outcomes)].map((outcome) => [outcome, outcomes.filter((other) => other === outcome).length])
    )
  }).pipe(Effect.scoped)

export const program = (url: string, load: Load) =>
  Effect.gen(function*() {
    const small = yield* measure(url, 2, load)
    yield* print(small)
    const enough = yield* measure(url, small.connections, load)
    yield* print(enough)
    return { small, enough, shed: yield* shed(url, 20) }
  }).pipe(Effect.provide(NodeTransport.layer))
