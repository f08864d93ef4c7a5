/** Credentials of requests whose connection leaves HTTP: what is sent, what a 401 leads to, and what has none. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Auth from "../../src/Auth.ts"
import type * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Origin from "../../src/Origin.ts"
import * as T from "../../src/TestTransport.ts"
import type * as Upgrade from "../../src/Upgrade.ts"
import { contained, settled } from "../connection/harness.ts"
import { holds, poolOver } from "../pool/harness.ts"
import { api, numbered, refreshing } from "./harness.ts"

const echo = HttpRequest.get(`${api}/echo`, { headers: { Upgrade: "echo" } })

const asked = (token: string): T.Step =>
  T.expect(
    `GET /echo HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\nAuthorization: Bearer ${token}\r\n\r\n`
  )

const switched = T.reply("HTTP/1.1 101 \r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")

const refused = (status: number): T.Step => T.reply(`HTTP/1.1 ${status} \r\nContent-Length: 4\r\n\r\nnope`)

class NoToken extends Data.TaggedError("NoToken") {}

describe("an upgrade over a pool with credentials", () => {
  it.effect("has the token, and after a 401 the next one, on the connection that the refusal has released", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(asked("t1"), refused(401), asked("t2"), switched)
      ])
      const upgraded = yield* Auth.pool(pool, yield* refreshing(numbered().acquire)).upgrade(echo)
      assert.strictEqual(upgraded.protocol, "echo")
      yield* transport.verify
    })))

  for (const [name, statuses] of [["a second 401", [401, 401]], ["any other status", [403]]] as const) {
    it.effect(`fails with the response of ${name}`, () =>
      contained(Effect.gen(function*() {
        const steps = statuses.flatMap((status, index) => [asked(`t${index + 1}`), refused(status)])
        const { pool } = yield* poolOver([T.connection(...steps)])
        const error = yield* Effect.flip(Auth.pool(pool, yield* refreshing(numbered().acquire)).upgrade(echo))
        assert(error._tag === "UpgradeRefused")
        const { response } = error
        assert.deepStrictEqual([response.status, yield* response.text], [statuses.at(-1), "nope"])
        yield* holds(pool, { idle: 1 })
      })))
  }

  it.effect("fails as getting the token fails, before anything is sent", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([])
      const auth = yield* refreshing(Effect.fail(new NoToken()))
      assert.strictEqual((yield* Effect.flip(Auth.pool(pool, auth).upgrade(echo)))._tag, "NoToken")
      assert.strictEqual(transport.opened.length, 0)
    })))

  it.effect("is closed by its interruption while the second answer is awaited", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([T.connection(asked("t1"), refused(401), asked("t2"), T.stall)])
      const auth = yield* refreshing(numbered().acquire)
      const fiber = yield* Effect.fork(Auth.pool(pool, auth).upgrade(echo))
      yield* settled
      assert.strictEqual(transport.openCount, 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(transport.openCount, 0)
    })))

  it.effect("has none to another origin, and keeps an Authorization of its own", () =>
    contained(Effect.gen(function*() {
      const head = (host: string, own: string) =>
        T.expect(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n${own}\r\n`)
      const { pool, transport } = yield* poolOver([
        T.connection(head("b.test", ""), switched),
        T.connection(head("a.test", "Authorization: own\r\n"), switched)
      ])
      const authorized = Auth.pool(pool, yield* refreshing(numbered().acquire))
      yield* authorized.upgrade(HttpRequest.get("http://b.test/", { headers: { Upgrade: "echo" } }))
      yield* authorized.upgrade(HttpRequest.get(`${api}/`, { headers: { Upgrade: "echo", Authorization: "own" } }))
      yield* transport.verify
    })))

  it.effect("has none if it is a CONNECT, which may be for a proxy", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(
          T.expect("CONNECT far.test:22 HTTP/1.1\r\nHost: far.test:22\r\n\r\n"),
          T.reply("HTTP/1.1 200 \r\n\r\n")
        )
      ])
      const { origin } = Either.getOrThrow(Origin.fromUrl(`${api}/`))
      yield* Auth.pool(pool, yield* refreshing(numbered().acquire)).upgrade(
        HttpRequest.make("CONNECT", "far.test:22", { origin })
      )
      yield* transport.verify
    })))

  it("may fail as getting the token fails", () => {
    type Upgraded<E> = Effect.Effect<
      Upgrade.Upgraded,
      E | ConnectionPool.ExecuteFailure<never> | Upgrade.UpgradeRefused,
      Scope.Scope
    >
    const upgrade = (pool: Auth.Pool<NoToken>) => pool.upgrade(echo)
    expectTypeOf(upgrade).returns.toEqualTypeOf<Upgraded<NoToken>>()
    expectTypeOf<Auth.Pool>().toMatchTypeOf<ConnectionPool.ConnectionPool>()
  })
})
