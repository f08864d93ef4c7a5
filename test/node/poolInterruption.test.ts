/**
 * Requests of a pool over real sockets that are interrupted at every point at which one can wait: no socket, descriptor, timer, listener
 * or fiber of them is left, the pool counts nothing, the server sees the close, and the next request has the place at once. The
 * same where the time runs out, and where the pool ends.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Scope from "effect/Scope"
import * as Supervisor from "effect/Supervisor"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpTimeouts } from "../../src/HttpTimeouts.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { leavesNothing, turn } from "../fixtures/sockets.ts"
import type { Halt } from "./poolHalt.ts"
import { steps } from "./poolHalts.ts"
import {
  allTimeouts,
  descriptors,
  failsWith,
  holds,
  hours,
  interrupted,
  leavesNoDescriptor,
  type Running,
  textOf
} from "./poolKit.ts"

/** Listeners that whatever runs in this process shares. */
const processListeners = () => process.eventNames().map((name) => [name, process.listenerCount(name)] as const)

/** A pool, and a request of it that has come to its halt. */
interface Halted {
  readonly pool: ConnectionPool.ConnectionPool
  readonly fiber: Running
  /** Ends the scope of the pool. */
  readonly endPool: Effect.Effect<void>
  /** Ends what was under way before. */
  readonly endOthers: Effect.Effect<void>
}

interface Run {
  readonly timeouts?: HttpTimeouts
  /** Those of the request alone. */
  readonly own?: Partial<HttpTimeouts>
  /** Ends the request; without waiting for the halt where it may not come to it. */
  readonly end: (halted: Halted) => Effect.Effect<unknown, unknown>
  readonly waits?: boolean
  /** Whether the pool goes on. */
  readonly goesOn: boolean
  /** Around what makes the pool, and around the request. */
  readonly around?: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** Ends when no fiber is left that was begun in the meantime. */
const noFiber = (supervisor: Supervisor.Supervisor<ReadonlyArray<Fiber.RuntimeFiber<unknown, unknown>>>) =>
  Effect.gen(function*() {
    let fibers: ReadonlyArray<unknown> = []
    for (let looks = 0; looks < 5000; looks++) {
      fibers = yield* supervisor.value
      if (fibers.length === 0) break
      yield* turn
    }
    assert.deepStrictEqual(fibers, [])
  })

/** A pool whose requests have these timeouts. */
const limited = (pool: ConnectionPool.ConnectionPool, timeouts: Partial<HttpTimeouts>): ConnectionPool.ConnectionPool =>
  Object.assign(Object.create(pool) as ConnectionPool.ConnectionPool, {
    execute: <E>(request: HttpRequest.HttpRequest<E>) => pool.execute(HttpRequest.setOptions(request, { timeouts }))
  })

/** Brings a request of a pool with one place to its halt, ends it, and asserts that nothing is left of it. */
const leavesNoTrace = (halt: Halt, { around = identity, end, goesOn, own, timeouts = hours, waits = true }: Run) =>
  leavesNothing(leavesNoDescriptor(Effect.gen(function*() {
    const supervisor = yield* Supervisor.track
    const [poolScope, others] = [yield* Scope.make(), yield* Scope.make()]
    const made = ConnectionPool.make({
      connectionsPerOrigin: 1,
      connections: 1,
      shutdownGrace: 0,
      timeouts,
      ...halt.options
    })
    const pool = yield* around(Scope.extend(made, poolScope))
    const [endPool, endOthers] = [Scope.close(poolScope, Exit.void), Scope.close(others, Exit.void)]
    if (halt.before !== undefined) yield* Scope.extend(halt.before(pool), others)
    const listeners = processListeners()
    const before = descriptors()
    const run = halt.run(own === undefined ? pool : limited(pool, own))
    yield* leavesNothing(Effect.gen(function*() {
      const fiber: Running = yield* Effect.supervised(Effect.fork(around(run)), supervisor)
      if (waits) yield* halt.reached(pool)
      yield* end({ pool, fiber, endPool, endOthers })
      yield* holds(pool, goesOn ? halt.left ?? {} : {})
      yield* halt.closed
      yield* noFiber(supervisor)
    }))
    // A server may hear of a connection when that has been closed already.
    for (let turns = 0; turns < 5000 && descriptors() > before; turns++) yield* Effect.zipRight(turn, halt.closed)
    assert.isAtMost(descriptors(), before)
    assert.deepStrictEqual(processListeners(), listeners)
    assert.strictEqual(halt.unfinalized?.() ?? 0, 0)
    yield* endOthers
    yield* halt.allClosed ?? Effect.void
    yield* halt.work
    // Nobody may wait, so it must find the place free.
    const next = HttpRequest.setOptions(halt.next, { timeouts: { ...hours, pool: 0 } })
    if (goesOn) {
      yield* textOf(pool, next)
      yield* holds(pool, { idle: 1 })
    } else {
      assert.strictEqual((yield* Effect.flip(pool.execute(next)))._tag, "PoolClosed")
    }
    yield* endPool
    yield* holds(pool, {})
  }))).pipe(Effect.provideService(Transport.Transport, halt.transport ?? NodeTransport.transport))

describe("a request that is interrupted leaves nothing", () => {
  for (const { halt, name } of steps) {
    it.scopedLive(name, () =>
      Effect.flatMap(halt, (halt) =>
        // With all timeouts set, whose timers must go too.
        leavesNoTrace(halt, { end: ({ fiber }) => interrupted(fiber), goesOn: true })))
  }
})

describe("a request that runs out of time leaves nothing", () => {
  for (const { halt, name, timeouts } of steps) {
    for (const kind of timeouts) {
      it.scopedLive(`${name}: ${kind}`, () =>
        Effect.flatMap(
          halt,
          (halt) =>
            leavesNoTrace(halt, {
              timeouts: { ...allTimeouts(Infinity), ...(kind === "total" ? undefined : { [kind]: 1 }) },
              ...(kind === "total" ? { own: { total: 1 } } : undefined),
              waits: false,
              end: ({ fiber }) =>
                Effect.map(Effect.flip(Fiber.join(fiber)), (error) => {
                  assert.deepInclude(error, { _tag: "HttpTimeout", kind, millis: 1 })
                }),
              goesOn: true
            })
        ))
    }
  }
})

describe("the end of the pool's scope ends a request, and leaves nothing", () => {
  for (const { ends, halt, name } of steps) {
    const end = ({ endPool, fiber }: Halted) => Effect.zipRight(endPool, failsWith(fiber, ends))
    it.scopedLive(name, () => Effect.flatMap(halt, (halt) => leavesNoTrace(halt, { end, goesOn: false })))

    it.scopedLive(`${name}, where nothing can be interrupted`, () =>
      Effect.flatMap(halt, (halt) => leavesNoTrace(halt, { end, goesOn: false, around: Effect.uninterruptible })))
  }
})

describe("while the pool is shut down and waits, a request", () => {
  for (const { ends, halt, name } of steps) {
    it.scopedLive(`that is interrupted ends the waiting: ${name}`, () =>
      Effect.flatMap(halt, (halt) =>
        leavesNoTrace(halt, {
          end: ({ endOthers, fiber, pool }) =>
            Effect.gen(function*() {
              const shutdown = yield* Effect.fork(pool.shutdown({ grace: "1 hour" }))
              yield* Effect.repeatN(turn, 20)
              assert.isNull(shutdown.unsafePoll())
              yield* interrupted(fiber)
              yield* endOthers
              yield* Fiber.join(shutdown)
            }),
          goesOn: false
        })))

    it.scopedLive(`fails when the time is over: ${name}`, () =>
      Effect.flatMap(halt, (halt) =>
        leavesNoTrace(halt, {
          end: ({ fiber, pool }) => Effect.zipRight(pool.shutdown({ grace: 1 }), failsWith(fiber, ends)),
          goesOn: false
        })))
  }
})
