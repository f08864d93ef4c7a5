/** Our client with a new pool: how long the first requests of a service take. */
import { ConnectionPool, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"
import type { Session } from "../scenario.ts"

/** One of the ten requests of a pool that has just been made. */
export interface Nth {
  readonly index: number
  /** Whether the pool opens its connection when it is made, and sends a request on it. */
  readonly warm: "no" | "open" | "request"
}

const optionsOf = (origin: string, warm: Nth["warm"]): ConnectionPool.Options => {
  switch (warm) {
    case "no":
      return {}
    case "open":
      return { warm: [{ origin }] }
    case "request":
      return { warm: [{ origin, request: HttpRequest.get("/small") }] }
  }
}

/**
 * In microseconds. All ten requests are made whichever is timed, so that the same code is as hot; and each after the same pause, because a
 * processor that has rested is slower, and because nine requests in a row would leave the caches as no service finds them.
 */
const timed = (origin: string, { index, warm }: Nth): Effect.Effect<number, unknown> =>
  Effect.scoped(Effect.gen(function*() {
    const pool = yield* ConnectionPool.make(optionsOf(origin, warm))
    const opened = Effect.map(pool.stats, ({ idle }) => idle > 0)
    if (warm !== "no") yield* Effect.repeat(Effect.sleep("1 millis"), { until: () => opened })
    const ask = Effect.flatMap(pool.execute(HttpRequest.get(`${origin}/small`)), ({ text }) => text)
    let micros = 0
    for (let i = 0; i < 10; i++) {
      yield* Effect.sleep("3 millis")
      const begun = performance.now()
      yield* ask
      if (i === index) micros = (performance.now() - begun) * 1000
    }
    return micros
  })).pipe(Effect.provide(NodeTransport.layer))

/** The median of many pools, one after another. */
export const nth = (origin: string, which: Nth): Session => ({
  run: async (millis) => {
    const times: Array<number> = []
    const end = performance.now() + millis
    while (performance.now() < end || times.length === 0) times.push(await Effect.runPromise(timed(origin, which)))
    times.sort((a, b) => a - b)
    return { value: times[times.length >> 1] ?? 0, count: times.length }
  },
  stop: () => Promise.resolve()
})
