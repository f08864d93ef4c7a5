/** The option `tracing` of a pool and of a connection: the span of `execute`, which is that of the platform's client over the pool. */
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Origin from "../../src/Origin.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as T from "../../src/TestTransport.ts"
import { Transport } from "../../src/Transport.ts"
import { contained, started } from "../connection/harness.ts"
import { recording } from "./recording.ts"

const answer = "HTTP/1.1 404 Not Found\r\nX-A: b\r\nSet-Cookie: secret\r\nContent-Length: 2\r\n\r\nno"
const url = "http://a.test/path?q=1"
const upgrading = { Upgrade: "echo" }
const headers = { Authorization: "secret", "X-B": "c" }

interface Kit {
  readonly pool: ConnectionPool.ConnectionPool
  readonly connection: HttpConnection.HttpConnection
}

/** Runs `use` over a transport of this script, and gives what it was traced as and what was written. */
const traced = (
  use: (kit: Kit) => Effect.Effect<unknown, unknown>,
  tracing: boolean | undefined,
  script: T.Script = [T.connection(T.discardUntil("\r\n\r\n"), T.reply(answer), T.stall)]
) =>
  Effect.gen(function*() {
    const transport = yield* T.make(script)
    const over = Effect.provideService(Transport, transport)
    const pool = yield* over(ConnectionPool.make({ shutdownGrace: 0, connectRetryTime: 0, tracing }))
    const connection = yield* over(HttpConnection.make({ host: "a.test", tracing }))
    const { spans, tracer } = recording()
    const exit = yield* Effect.exit(Effect.withTracer(use({ pool, connection }), tracer))
    const [span] = spans
    return {
      exit,
      spans,
      kind: span?.kind,
      name: span?.name,
      ended: span?.status._tag === "Ended" ? span.status.exit : undefined,
      attributes: Object.fromEntries(span?.attributes ?? []),
      written: transport.opened.length === 0 ? "" : transport.written(0)
    }
  })

const byPool = ({ pool }: Kit) => pool.execute(HttpRequest.get(url, { headers }))
const byConnection = ({ connection }: Kit) => connection.execute(HttpRequest.get("/path?q=1", { headers }))
const byOrigin = ({ pool }: Kit) =>
  Effect.flatMap(
    Origin.make({ scheme: "http", host: "a.test" }),
    (origin) => pool.execute(HttpRequest.get("/path?q=1", { headers, origin }))
  )
const upgradedByPool = ({ pool }: Kit) => Effect.scoped(pool.upgrade(HttpRequest.get(url, { headers: upgrading })))
const upgradedByConnection = ({ connection }: Kit) =>
  Effect.scoped(connection.upgrade(HttpRequest.get("/path?q=1", { headers: upgrading })))
/** The platform's client over the pool, which is what the others are to be like. */
const byClient = ({ pool }: Kit) =>
  Effect.flatMap(
    Effect.provideService(PooledHttpClient.make, ConnectionPool.ConnectionPool, pool),
    (client) => client.get(url, { headers })
  )

describe("with tracing", () => {
  for (
    const [what, use] of [["a pool", byPool], ["a pool, by origin", byOrigin], ["a connection", byConnection]] as const
  ) {
    it.effect(`${what} makes the span of the platform's client, and sends it on`, () =>
      contained(Effect.gen(function*() {
        const platform = yield* traced(byClient, false)
        const ours = yield* traced(use, true)
        assert.strictEqual(ours.spans.length, 1)
        assert.deepStrictEqual([ours.name, ours.kind], ["http.client GET", "client"])
        assert.deepStrictEqual([ours.name, ours.kind], [platform.name, platform.kind])
        assert.deepStrictEqual(ours.attributes, platform.attributes)
        assert.strictEqual(ours.attributes["url.full"], url)
        assert.strictEqual(ours.attributes["http.request.header.authorization"], "<redacted>")
        assert.isTrue(ours.ended !== undefined && Exit.isSuccess(ours.ended))
        assert.match(ours.written, /\r\ntraceparent: 00-a{32}-0{16}-01\r\n/i)
      })))
  }

  it.effect.each<readonly [what: string, status: string, upgrade: (kit: Kit) => Effect.Effect<unknown, unknown>]>([
    ["refused", "426", upgradedByPool],
    ["refused", "426", upgradedByConnection],
    ["made", "101", upgradedByPool],
    ["made", "101", upgradedByConnection]
  ])(
    "an upgrade that is %s has one span, with the status %s",
    ([what, status, upgrade]) =>
      contained(Effect.gen(function*() {
        const head = `HTTP/1.1 ${status} X\r\nUpgrade: echo\r\n${what === "made" ? "" : "Content-Length: 0\r\n"}\r\n`
        const script = [T.connection(T.discardUntil("\r\n\r\n"), T.reply(head), T.stall)]
        const { attributes, ended, exit, spans } = yield* traced(upgrade, true, script)
        assert.strictEqual(spans.length, 1)
        assert.strictEqual(Exit.isSuccess(exit), what === "made")
        assert.isTrue(ended !== undefined && Exit.isSuccess(ended))
        assert.strictEqual(attributes["http.response.status_code"], Number(status))
      }))
  )

  it.effect("the client over the pool makes its span, and no second one", () =>
    contained(Effect.map(traced(byClient, true), ({ spans }) => assert.strictEqual(spans.length, 1))))

  it.effect("a failure ends the span with its tag", () =>
    contained(Effect.gen(function*() {
      const { attributes, ended, exit } = yield* traced(byPool, true, [T.refuse()])
      assert.isTrue(Exit.isFailure(exit) && ended !== undefined && Exit.isFailure(ended))
      assert.strictEqual(attributes["error.type"], "ConnectError")
    })))

  it.effect("an interruption ends the span and closes the connection", () =>
    contained(Effect.gen(function*() {
      const interrupted = (kit: Kit) =>
        Effect.gen(function*() {
          const fiber = yield* started(byPool(kit))
          assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
          const { busy, idle } = yield* kit.pool.stats
          assert.deepStrictEqual({ busy, idle }, { busy: 0, idle: 0 })
        })
      const { ended, exit } = yield* traced(interrupted, true, [T.connection(T.discard(), T.stall)])
      assert.isTrue(Exit.isSuccess(exit) && ended !== undefined && Exit.isInterrupted(ended))
    })))

  it.effect("the references of the platform count: no span, no propagation, another name, other secrets", () =>
    contained(Effect.gen(function*() {
      const never = yield* traced(
        (kit) => Effect.locally(byPool(kit), HttpClient.currentTracerDisabledWhen, () => true),
        true
      )
      assert.strictEqual(never.spans.length, 0)
      assert.notInclude(never.written.toLowerCase(), "traceparent")
      const off = yield* traced((kit) => Effect.withTracerEnabled(byPool(kit), false), true)
      assert.strictEqual(off.spans.length, 0)
      const alone = yield* traced(
        (kit) => Effect.locally(byPool(kit), HttpClient.currentTracerPropagation, false),
        true
      )
      assert.strictEqual(alone.spans.length, 1)
      assert.notInclude(alone.written.toLowerCase(), "traceparent")
      const hidden = yield* traced(
        (kit) => Effect.locally(byPool(kit), Headers.currentRedactedNames, ["x-a", "x-b"]),
        true
      )
      assert.strictEqual(hidden.attributes["http.request.header.x-b"], "<redacted>")
      assert.strictEqual(hidden.attributes["http.response.header.x-a"], "<redacted>")
    })))

  it.effect("what cannot be asked for has no span, and fails as it does without", () =>
    contained(Effect.gen(function*() {
      for (const request of [HttpRequest.get("no URL"), HttpRequest.get("http://a.test:0/"), undefined as never]) {
        const { exit, spans } = yield* traced(({ pool }) => pool.execute(request), true)
        assert.isTrue(Exit.isFailure(exit))
        assert.strictEqual(spans.length, 0)
      }
    })))

  it.effect("a leased connection traces as its pool does", () =>
    contained(Effect.gen(function*() {
      const leased = ({ pool }: Kit) =>
        Effect.scoped(Effect.gen(function*() {
          const origin = yield* Origin.make({ scheme: "http", host: "a.test" })
          const connection = yield* pool.lease(origin)
          yield* connection.execute(HttpRequest.get("/path?q=1"))
        }))
      assert.strictEqual((yield* traced(leased, true)).spans.length, 1)
    })))
})

it.effect("without tracing there is no span and no field of one", () =>
  contained(Effect.gen(function*() {
    for (const use of [byPool, byConnection]) {
      const { spans, written } = yield* traced(use, undefined)
      assert.strictEqual(spans.length, 0)
      assert.notInclude(written.toLowerCase(), "traceparent")
    }
  })))
