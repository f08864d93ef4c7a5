/** Servers that are reloaded, ended and killed under load, and are there again: no request is lost that may be sent twice. */
import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import { describeWith } from "../fixtures/children.ts"
import { oneSite, place, type Running } from "../fixtures/servers/origin.ts"
import { origins } from "../fixtures/servers/origins.ts"
import { until } from "../node/poolKit.ts"
import { assertUnsafe, load } from "./load.ts"

/** It waits for a server that is down for as long as that takes, on whatever machine. */
const options: ConnectionPool.Options = { connectionsPerOrigin: 12, connectRetryTime: "1 minute" }

/** How a server is ended: with what it has started. */
const endings: ReadonlyArray<readonly [name: string, end: (running: Running) => Effect.Effect<void>]> = [
  ["is ended with SIGTERM", ({ exited, signal }) => Effect.zipRight(signal("SIGTERM"), exited)],
  ["is killed with SIGKILL", ({ kill }) => kill]
]

/**
 * Servers are waited for in most of the time, in which the load keeps a core busy. Each test has the same requests in progress
 * when its server closes connections, however many others run.
 */
const together = { concurrent: true }

layer(Layer.merge(NodeTransport.layer, oneSite), { excludeTestServices: true })((it) => {
  for (const origin of origins) {
    describeWith(origin.program, (path) => {
      describe(origin.name, together, () => {
        if (origin.traits.has("reload")) {
          it.scoped(
            "is reloaded under load: no GET is lost, and no POST but one that it may have processed",
            () =>
              Effect.gen(function*() {
                const { run, url } = yield* place(origin, path)
                const { reload } = yield* run
                const pool = yield* ConnectionPool.make(options)
                const { end, more } = yield* load(pool, pool, url)
                for (let times = 0; times < 4; times++) {
                  yield* more(150)
                  const { closed } = yield* pool.stats
                  // It has begun to reload when it closes connections. A server that is still busy with the reload
                  // before may miss the signal, so it is asked again.
                  yield* Effect.raceFirst(
                    until(pool, (stats) => stats.closed > closed),
                    Effect.zipRight(Effect.repeat(reload, Schedule.spaced("5 seconds")), Effect.never)
                  )
                }
                yield* more(150)
                const lost = yield* end
                assert.deepStrictEqual(lost.GET, [])
                for (const error of lost.POST) assertUnsafe(error, "POST")
              }),
            60_000
          )
        }

        for (const [name, end] of endings) {
          it.scoped(
            `${name} and started again under load: no GET is lost that may be sent again, and no POST that was not sent`,
            () =>
              Effect.gen(function*() {
                const { run, url } = yield* place(origin, path)
                const pool = yield* ConnectionPool.make(options)
                // A killed server may accept a connection with its last breath, so that once is not enough.
                const retrying = ConnectionPool.retry(pool, {
                  times: 20,
                  schedule: Schedule.spaced("5 millis"),
                  budget: false
                })
                const scope = yield* Scope.make()
                yield* Effect.addFinalizer((exit) => Scope.close(scope, exit))
                const running = yield* Scope.extend(run, scope)
                const requests = yield* load(retrying, pool, url)
                yield* requests.more(150)
                yield* end(running)
                yield* Scope.close(scope, Exit.void)
                yield* run
                yield* requests.more(150)
                const lost = yield* requests.end
                for (const error of lost.GET) assertUnsafe(error, "GET")
                for (const error of lost.POST) assertUnsafe(error, "POST")
              }),
            60_000
          )
        }
      })
    })
  }
})
