/** Many requests over few connections, a server that closes them at random, an unread response. */
import { ConnectionPool, HttpRequest } from "effect-http-client"
import * as Array from "effect/Array"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Logger from "effect/Logger"
import * as describe from "../describe.ts"
import { millis, printable, wrap } from "../report.ts"
import { startFickle, startSteady } from "../servers/busy.ts"
import type { Part } from "./part.ts"
import { watch } from "./watch.ts"

const text = (pool: ConnectionPool.ConnectionPool, url: string) =>
  Effect.flatMap(pool.execute(HttpRequest.get(url)), (response) => response.text)

const greeting = "Hello, world!\n"

const counts = ({ busy, connecting, idle, waiting }: ConnectionPool.Counts): string =>
  `${idle} idle · ${busy} busy · ${connecting} connecting · ${waiting} requests waiting`

const amount = 1000
const connections = 10

/** All at once, over ten connections. */
export const pooled: Part = (report, { host }) =>
  Effect.gen(function*() {
    report.part("A pool: 1,000 requests at once, over 10 connections")
    const server = yield* startSteady
    const pool = yield* ConnectionPool.make({ connectionsPerOrigin: connections })
    const one = text(pool, `http://${host}:${server.port}/hello`)
    const startedAt = performance.now()
    const all = Effect.forEach(Array.range(1, amount), () => one, { concurrency: "unbounded" })
    const [answers, { events }] = yield* watch(report, pool, all)
    const seconds = (performance.now() - startedAt) / 1000
    const stats = yield* pool.stats
    report.row("requests", `${stats.requests}, of these ${stats.reused} on a connection that was used before`)
    report.row("connections", `${stats.opened} opened; now ${counts(stats)}`)
    report.row("speed", `${(amount / seconds).toFixed(0)} requests a second, the server's part of the work included`)
    report.check("all 1,000 were answered", answers.filter((answer) => answer === greeting).length === amount)
    report.check(
      "over 10 connections and no more, as the server says too",
      stats.opened === connections && server.connections === connections,
      { stats, connections: server.connections }
    )
    report.check("which were reused for all other requests", stats.reused >= amount - connections, stats)
    report.check("and are all idle now", stats.idle === connections && stats.busy + stats.waiting === 0, stats)
    report.check(
      "the events agree with the counts",
      events.Connected === stats.opened && events.Acquire === stats.requests && events.RequestEnd === amount
        && events.Release === amount && events.Wait === events.WaitEnd && events.Close === stats.closed,
      { events, stats }
    )
  }).pipe(Effect.scoped)

const attempts = 500

/** The server closes again and again, and no request fails. */
export const fickle: Part = (report, { host }) =>
  Effect.gen(function*() {
    report.part("A server that closes idle connections, and some as a request arrives")
    const server = yield* startFickle
    const pool = yield* ConnectionPool.make({ connectionsPerOrigin: connections })
    const one = text(pool, `http://${host}:${server.port}/hello`)
    // A request every few milliseconds, so that connections are idle in between.
    const all = Effect.forEach(
      Array.range(1, attempts),
      (number) => Effect.either(Effect.delay(one, `${4 + number % 8} millis`)),
      { concurrency: connections - 2 }
    )
    const [outcomes, { events, reasons }] = yield* watch(report, pool, all)
    const failures = Array.getLefts(outcomes)
    const stats = yield* pool.stats
    report.row("the server closed", `${server.closedIdle} connections while they were idle`)
    report.row("", `${server.closedUnderWay} as a request arrived, instead of a response`)
    report.row("the pool opened", `${events.Connected}, and closed ${events.Close}:`)
    report.row("", [...reasons].map(([reason, times]) => `${reason} ${times}`).join(" · "))
    report.row("retried", `${stats.retried} requests`)
    report.row("failures", `${failures.length} of ${attempts} requests`)
    for (const failure of failures.slice(0, 3)) report.row(failure._tag, describe.error(failure))
    report.check("the server closed connections of both kinds", server.closedIdle > 0 && server.closedUnderWay > 0)
    report.check("the requests on those were retried", stats.retried >= server.closedUnderWay, stats.retried)
    report.check(
      "no failure reached the caller",
      failures.length === 0 && Array.getRights(outcomes).every((answer) => answer === greeting),
      failures.map(({ _tag }) => _tag)
    )
    report.check(
      "and every request was answered exactly once",
      server.answered === attempts,
      server.answered
    )
    report.check("the events agree with the counts", events.Retry === stats.retried, { events, stats })
  }).pipe(Effect.scoped)

/** Collects the log in a list. */
const collecting = (messages: Array<string>) =>
  Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ logLevel, message }) => {
      messages.push(`${logLevel.label}: ${String(message)}`)
    })
  )

/** A response is not read; its connection is released nevertheless. */
export const abandoned: Part = (report, { host, port }) => {
  const logged: Array<string> = []
  return Effect.gen(function*() {
    report.part("An unread response, on the only allowed connection")
    const pool = yield* ConnectionPool.make({
      connectionsPerOrigin: 1,
      unreadTime: "200 millis",
      unreadGrace: "1 minute"
    })
    const url = `http://${host}:${port}`
    const work = Effect.gen(function*() {
      const dropped = yield* pool.execute(HttpRequest.get(`${url}/bytes?size=10000000`))
      const held = yield* pool.stats
      const startedAt = performance.now()
      const response = yield* pool.execute(HttpRequest.get(`${url}/hello`))
      return { dropped, held, response, waited: performance.now() - startedAt }
    })
    const [{ dropped, held, response, waited }, { events }] = yield* watch(report, pool, work)
    const answer = yield* response.text
    const stats = yield* pool.stats
    report.row("abandoned", `${dropped.status} ${dropped.reason}, 10 MB, on connection #${dropped.connection.id}`)
    report.row("while unread", counts(held))
    for (const message of logged) report.row("logged", wrap(printable(message)))
    report.row("another request", `answered on connection #${response.connection.id} after ${millis(waited)}`)
    report.row("reclaimed", `${stats.reclaimed}; now ${counts(stats)}`)
    report.check("the response held the only place", held.busy === 1 && held.idle === 0, held)
    report.check(
      "it was given up, with a warning",
      stats.reclaimed === 1 && events.Reclaim === 1 && logged.length === 1 && logged[0]?.startsWith("WARN: ") === true,
      { stats, logged }
    )
    report.check(
      "and its place served another request",
      answer === greeting && stats.opened === 2 && stats.idle === 1 && stats.busy === 0,
      stats
    )
    const late = yield* Effect.either(dropped.bytes)
    if (Either.isRight(late)) {
      return report.check("reading it now fails and says why", false, late.right.length)
    }
    report.checkRow(
      late.left._tag,
      describe.error(late.left),
      "reading it now fails and says why",
      late.left._tag === "ConnectionClosed",
      late.left
    )
  }).pipe(Effect.scoped, Effect.provide(collecting(logged)))
}
