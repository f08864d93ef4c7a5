/**
 * A pool over a scripted transport, and what a test asks of it: its counts, its events, and that
 * nothing is left. The pools here close at once when their scope ends, because nothing moves the
 * `TestClock` then. They report a failed opening at once.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ConnectionEvent } from "../../src/ConnectionEvent.ts"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import type { InvalidOption } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { getHead, nothingLeft, ok, settled } from "../connection/harness.ts"

export interface PoolKit {
  readonly transport: T.Handle
  readonly pool: ConnectionPool.ConnectionPool
}

/** A pool over a script. */
export const poolOver = (
  script: T.Script,
  options: ConnectionPool.Options = {}
): Effect.Effect<PoolKit, InvalidOption, Scope.Scope> =>
  Effect.gen(function*() {
    const transport = yield* T.make(script)
    const pool = yield* Effect.provideService(
      ConnectionPool.make({ shutdownGrace: 0, connectRetryTime: 0, connectBackoff: 0, ...options }),
      Transport.Transport,
      transport
    )
    return { transport, pool }
  })

/** As `poolOver`, with everything that happened. */
export const watchedPool = (
  script: T.Script,
  options: ConnectionPool.Options = {}
): Effect.Effect<PoolKit & { readonly events: ReadonlyArray<ConnectionEvent> }, InvalidOption, Scope.Scope> =>
  Effect.suspend(() => {
    const events: Array<ConnectionEvent> = []
    return Effect.map(
      poolOver(script, { ...options, onEvent: (event) => void events.push(event) }),
      (kit) => ({ ...kit, events })
    )
  })

/** A GET of this path of `http://a.test`. */
export const get = (path = "/", input?: HttpRequest.Input): HttpRequest.HttpRequest =>
  HttpRequest.get(`http://a.test${path}`, input)

/** Sends a request and gives the text of its response. */
export const textOf = <E>(pool: ConnectionPool.ConnectionPool, request: HttpRequest.HttpRequest<E>) =>
  Effect.flatMap(pool.execute(request), (response) => response.text)

/** Expects a GET of each of these paths, and answers with the path. */
export const serves = (...paths: ReadonlyArray<string>): ReadonlyArray<T.Step> =>
  paths.flatMap((path) => [T.expect(getHead(path)), T.reply(ok(path))])

/** A connection that does so. */
export const serving = (...paths: ReadonlyArray<string>): T.Connection => T.connection(...serves(...paths))

/** As `serving`, and each answer takes a second. */
export const slow = (...paths: ReadonlyArray<string>): T.Connection =>
  T.connection(...paths.flatMap((path) => [T.expect(getHead(path)), T.delay("1 second"), T.reply(ok(path))]))

const zero: ConnectionPool.Counts = { idle: 0, busy: 0, connecting: 0, waiting: 0 }

const countsOf = ({ busy, connecting, idle, waiting }: ConnectionPool.Counts): ConnectionPool.Counts => ({
  idle,
  busy,
  connecting,
  waiting
})

/**
 * Asserts the counts of the moment, those that are not given to be zero, and that the origins' add up to them. Of those that are
 * connecting, so many are open and have the request of a warm origin under way.
 */
export const holds = (
  pool: ConnectionPool.ConnectionPool,
  expected: Partial<ConnectionPool.Counts>,
  greeting = 0
): Effect.Effect<void> =>
  Effect.map(pool.stats, (stats) => {
    const sum = { ...zero }
    for (const { busy, connecting, idle, waiting } of stats.origins) {
      sum.idle += idle
      sum.busy += busy
      sum.connecting += connecting
      sum.waiting += waiting
    }
    assert.deepStrictEqual(countsOf(stats), { ...zero, ...expected })
    assert.deepStrictEqual(sum, countsOf(stats))
    assert.strictEqual(stats.opened - stats.closed, stats.idle + stats.busy + greeting)
  })

/** Asserts within a `contained` test that the pool, which is still open, holds nothing: no place, channel, fiber or timer. */
export const holdsNothing = ({ pool, transport }: PoolKit): Effect.Effect<void> =>
  Effect.zipRight(nothingLeft(transport), holds(pool, {}))

/** The reasons for which connections were closed, in order. */
export const reasons = (events: ReadonlyArray<ConnectionEvent>): ReadonlyArray<string> =>
  events.flatMap((event) => event._tag === "Close" ? [event.reason] : [])

/** The tags of the events but those of bytes, in order. */
export const tags = (events: ReadonlyArray<ConnectionEvent>): ReadonlyArray<string> =>
  events.flatMap(({ _tag }) => _tag === "Send" || _tag === "Receive" ? [] : [_tag])

/** Lets everything happen that needs no clock, then asserts the counts. */
export const comesToHold = (
  pool: ConnectionPool.ConnectionPool,
  expected: Partial<ConnectionPool.Counts>,
  greeting = 0
): Effect.Effect<void> => Effect.zipRight(settled, holds(pool, expected, greeting))
