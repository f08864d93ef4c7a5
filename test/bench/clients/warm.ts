/** Our client with a warm pool: how long the first requests of a service take. */
import { ConnectionPool, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"
import type { Session } from "../scenario.ts"

/** One request of a pool that has just been made and has its connection, after so many others. In microseconds. */
const timed = (origin: string, before: number): Effect.Effect<number, unknown> =>
  Effect.scoped(Effect.gen(function*() {
    const pool = yield* ConnectionPool.make({ warm: [{ origin }] })
    yield* Effect.repeat(Effect.sleep("1 millis"), { until: () => Effect.map(pool.stats, ({ idle }) => idle > 0) })
    const ask = Effect.flatMap(pool.execute(HttpRequest.get(`${origin}/small`)), ({ text }) => text)
    for (let i = 0; i < before; i++) yield* ask
    const begun = performance.now()
    yield* ask
    return (performance.now() - begun) * 1000
  })).pipe(Effect.provide(NodeTransport.layer))

/** The median of many pools, one after another. */
export const nth = (origin: string, before: number): Session => ({
  run: async (millis) => {
    const times: Array<number> = []
    const end = performance.now() + millis
    while (performance.now() < end || times.length === 0) times.push(await Effect.runPromise(timed(origin, before)))
    times.sort((a, b) => a - b)
    return { value: times[times.length >> 1] ?? 0, count: times.length }
  },
  stop: () => Promise.resolve()
})
