/** A single connection whose TLS options are an Effect. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Ref from "effect/Ref"
import * as TestClock from "effect/TestClock"
import type * as HttpConnection from "../../src/HttpConnection.ts"
import { TlsError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import type * as Tls from "../../src/Tls.ts"
import { connectTo, contained, failsWith, ok, started, textOf } from "./harness.ts"

const named = (serverName: string): Tls.Options => ({ serverName })

const answer = [T.discardUntil("\r\n\r\n"), T.reply(ok("a"))]
const last = [T.discardUntil("\r\n\r\n"), T.reply(ok("a", "Connection: close"))]

const get = HttpRequest.get("/")

describe("a connection asks", () => {
  it.effect("each time that it opens, and not in between", () =>
    contained(Effect.gen(function*() {
      const tls = yield* Ref.make(named("1.test"))
      const { connection, transport } = yield* connectTo([T.connection(...answer, ...last), T.connection(...last)], {
        tls
      })
      yield* textOf(connection, get)
      yield* Ref.set(tls, named("2.test"))
      yield* textOf(connection, get)
      yield* textOf(connection, get)
      assert.deepStrictEqual(transport.opened.map(({ tls }) => tls?.serverName), ["1.test", "2.test"])
    })))

  it.effect("for the origin at the far end of a tunnel, which may change", () =>
    contained(Effect.gen(function*() {
      const opening = [T.discardUntil("\r\n\r\n"), T.reply("HTTP/1.1 200 \r\n\r\n")]
      const { connection, transport } = yield* connectTo(
        [T.connection(...opening, ...last), T.connection(...opening, ...last)],
        { tls: Effect.succeed(named("1.test")), tunnel: { host: "b.test" } }
      )
      yield* textOf(connection, get)
      yield* connection.setTunnel("c.test")
      yield* textOf(connection, get)
      assert.deepStrictEqual(transport.opened.map(({ tls }) => tls), [undefined, undefined])
      assert.deepStrictEqual(transport.secured.map(({ serverName, tls }) => [serverName, tls.serverName]), [
        ["1.test", "1.test"],
        ["1.test", "1.test"]
      ])
      assert.include(transport.written(0), "CONNECT b.test:443")
      assert.include(transport.written(1), "CONNECT c.test:443")
    })))

  const ways: ReadonlyArray<
    readonly [string, (connection: HttpConnection.HttpConnection) => Effect.Effect<unknown, unknown>]
  > = [
    ["connect", (connection) => connection.connect],
    ["execute", (connection) => connection.execute(get)],
    ["request", (connection) => connection.request("GET", "/")]
  ]
  for (const [name, way] of ways) {
    it.effect(`by ${name}, which fails with \`CredentialsError\` as the Effect fails, and by the next call again`, () =>
      contained(Effect.gen(function*() {
        let asked = 0
        const tls = Effect.suspend(() => ++asked === 1 ? Effect.fail("no key") : Effect.succeed(named("a.test")))
        const { connection, transport } = yield* connectTo([T.connection(T.discard(), T.stall)], { tls })
        const error = yield* failsWith(way(connection) as Effect.Effect<unknown>, "CredentialsError")
        assert.strictEqual(error.cause, "no key")
        assert.strictEqual(transport.opened.length, 0)
        const again = yield* started(connection.connect)
        yield* Fiber.join(again)
        assert.strictEqual(asked, 2)
      })))
  }

  it.effect("and the error of a handshake names what was asked for", () =>
    contained(Effect.gen(function*() {
      const refusal = new TlsError({
        reason: "Alert",
        code: "X",
        serverName: "n.test",
        names: undefined,
        cause: undefined
      })
      const { connection } = yield* connectTo([T.refuse(refusal)], { tls: Effect.succeed(named("n.test")) })
      assert.strictEqual((yield* failsWith(connection.connect, "TlsError")).serverName, "n.test")
    })))

  it.effect("within `timeouts.connect`, and within the total time", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connectTo([], { tls: Effect.never, timeouts: { connect: "2 seconds" } })
      for (const [total, kind, after] of [[Infinity, "connect", 2000], [1000, "total", 1000]] as const) {
        const fiber = yield* started(connection.execute(HttpRequest.get("/", { timeouts: { total } })))
        yield* TestClock.adjust(after)
        const error = yield* failsWith(Fiber.join(fiber), "HttpTimeout")
        assert.deepStrictEqual([error.kind, error.option], [kind, kind === "connect" ? "tls" : undefined])
        if (kind === "connect") {
          assert.include(error.message, "in waiting for the Effect of the option \"tls\" (the limit")
        }
      }
    })))

  it.effect("until it is closed", () =>
    contained(Effect.gen(function*() {
      let interrupted = 0
      const tls = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      const { connection } = yield* connectTo([], { tls })
      const closed = yield* started(connection.connect)
      yield* connection.close
      yield* failsWith(Fiber.join(closed), "ConnectionClosed")
      const left = yield* started(connection.connect)
      yield* Fiber.interrupt(left)
      assert.strictEqual(interrupted, 2)
    })))
})

it.effect("something that is neither options nor an Effect is a typed error", () =>
  contained(Effect.gen(function*() {
    for (const tls of ["yes", 1, [], () => {}]) {
      const making = connectTo([], { tls: tls as unknown as Tls.Options })
      assert.strictEqual((yield* failsWith(making, "InvalidOption")).option, "tls")
    }
  })))
