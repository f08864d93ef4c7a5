/**
 * What holds for the decisions of a pool, whatever happens to it in whatever order. What is held against them is in `poolModel.ts`.
 * `EFFECT_HTTP_CLIENT_PROPERTY_RUNS` says how many orders are tried.
 */
import * as FastCheck from "effect/FastCheck"
import { it } from "vitest"
import type { Limits } from "../../src/internal/pool/slots.ts"
import type { Action } from "./poolDriver.ts"
import { Driver } from "./poolDriver.ts"

const numRuns = Number(process.env["EFFECT_HTTP_CLIENT_PROPERTY_RUNS"] ?? 2000)

const oneOf = FastCheck.constantFrom
const upTo = (max: number) => FastCheck.integer({ min: 0, max })
const pick = upTo(7)

const limits = FastCheck.record({
  connectionsPerOrigin: oneOf(1, 2, 3, 3),
  connections: oneOf(1, 2, 3, 4, 5, 6),
  idlePerOrigin: oneOf(0, 1, 2, 3, 3),
  idle: oneOf(0, 1, 2, 3, 4, 4),
  waiters: upTo(5),
  requestsPerConnection: oneOf(1, 2, 3, Infinity, Infinity, Infinity),
  idleMillis: oneOf(0, 10, 25, Infinity, Infinity),
  retryMillis: oneOf(0, 20, 50, 50),
  backoffMillis: oneOf(0, 16, 160, 160),
  selection: oneOf<["newest", "newest", "oldest", "leastUsed"]>("newest", "newest", "oldest", "leastUsed")
})

/** As many as the limits allow, which the options of a pool are checked for. */
const reservesWithin = (
  { connections, connectionsPerOrigin, idle, idlePerOrigin }: Limits,
  wanted: ReadonlyArray<number>
): ReadonlyArray<number> => {
  let left = Math.min(connections, idle)
  return wanted.map((count) => {
    const minIdle = Math.min(count, left, connectionsPerOrigin, idlePerOrigin)
    left -= minIdle
    return minIdle
  })
}

const hint = FastCheck.oneof(
  { weight: 4, arbitrary: FastCheck.constant(undefined) },
  {
    weight: 1,
    arbitrary: FastCheck.record({
      idleMillis: oneOf(0, 5, 15, Infinity),
      left: oneOf(0, 1, 2, Infinity)
    })
  }
)

type Fields<A extends Action["_tag"]> = Omit<Extract<Action, { readonly _tag: A }>, "_tag">

const often = <A extends Action["_tag"]>(
  weight: number,
  _tag: A,
  fields: { readonly [K in keyof Fields<A>]: FastCheck.Arbitrary<Fields<A>[K]> }
): FastCheck.WeightedArbitrary<Action> => ({
  weight,
  arbitrary: FastCheck.record({ _tag: FastCheck.constant(_tag), ...fields }) as unknown as FastCheck.Arbitrary<Action>
})

const actions = (maxLength: number): FastCheck.Arbitrary<ReadonlyArray<Action>> =>
  FastCheck.array(
    FastCheck.oneof(
      often(16, "checkout", { origin: upTo(11), fresh: oneOf(false, false, false, true) }),
      often(10, "claim", { pick, patient: FastCheck.boolean() }),
      often(10, "checkin", { pick, hint }),
      often(10, "opened", { pick, lifetime: oneOf(0, 20, 50, Infinity, Infinity, Infinity) }),
      often(6, "greeted", { pick, hint }),
      often(2, "greetingFails", { pick }),
      often(1, "rotate", { origin: upTo(11) }),
      often(2, "failed", { pick, again: oneOf(false, false, true), recoverable: oneOf(false, true, true) }),
      often(4, "tryAgain", {}),
      often(2, "lose", { pick }),
      often(2, "die", { pick }),
      often(2, "peerCloses", { pick }),
      often(2, "retire", { pick }),
      often(3, "cancel", { pick }),
      often(3, "cancelGiven", { pick }),
      often(3, "giveBack", { pick }),
      often(2, "stale", { pick }),
      often(6, "unread", { pick, grace: oneOf(0, 0, 10, 25) }),
      often(2, "read", { pick }),
      often(4, "reclaim", {}),
      often(3, "time", { millis: oneOf(5, 10, 20, 20, 600), expire: FastCheck.boolean() }),
      often(1, "opens", { how: oneOf("later", "later", "opened", "failed", "refused") }),
      often(1, "late", { pick }),
      often(1, "closeIdle", {})
    ),
    // Without a size there are ten at most.
    { maxLength, size: "max" }
  )

const scenario = FastCheck.record({
  limits,
  origins: oneOf(1, 2, 3, 4),
  reserves: oneOf<Array<ReadonlyArray<number>>>([], [], [1], [2, 1], [3]),
  greets: FastCheck.boolean(),
  before: actions(80),
  end: oneOf<["drain", "shutdown", "destroy"]>("drain", "shutdown", "destroy"),
  after: actions(20)
})

it("decides by its rules, whatever happens in whatever order, and has nothing left at the end", {
  timeout: 60_000 + numRuns * 10
}, async () => {
  let runs = 0
  await FastCheck.assert(
    FastCheck.asyncProperty(scenario, async ({ after, before, end, greets, limits, origins, reserves }) => {
      const driver = new Driver(limits, origins, reservesWithin(limits, reserves), greets)
      driver.run(before)
      if (end !== "drain") {
        driver.act({ _tag: end })
        driver.run(after)
      }
      if (end !== "destroy") driver.drain()
      driver.finish()
      // The runner takes a worker that is silent for a minute for a dead one.
      if (++runs % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
    }),
    { numRuns }
  )
})
