/**
 * Credentials of a proxy that are an Effect, for requests that it forwards: the head of a request is given those of the connection that
 * it goes out on.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Ref from "effect/Ref"
import * as TestClock from "effect/TestClock"
import * as HttpBody from "../../src/HttpBody.ts"
import type * as HttpFields from "../../src/HttpFields.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Origin from "../../src/Origin.ts"
import * as Proxy from "../../src/Proxy.ts"
import * as T from "../../src/TestTransport.ts"
import { connectTo, contained, failsWith, ok, started, textOf as textOn } from "../connection/harness.ts"
import { clientTo } from "../platform/kit.ts"
import { poolOver, textOf, watchedPool } from "./harness.ts"

const value = (name: string) => `Basic ${Buffer.from(`${name}:p`).toString("base64")}`
const line = (name: string) => `Proxy-Authorization: ${value(name)}`
const given = (username: string) => ({ username, password: "p" })

const proxyOf = (credentials: Proxy.Options["credentials"], options: Partial<Proxy.Options> = {}): Proxy.Proxy =>
  Either.getOrThrow(Proxy.make({ host: "p.test", ...options, credentials }))

/** Other credentials for each connection: a, b, c. */
const eachOther = () => {
  let asked = 0
  return Effect.sync(() => given("abc".charAt(asked++)))
}

const url = "http://a.test/"
const answer = (body = "") => [T.discardUntil("\r\n\r\n"), T.reply(ok(body))]

/** The lines of Proxy-Authorization that were sent on a connection. */
const sentOn = (transport: T.Handle, connection: number): ReadonlyArray<string> =>
  transport.written(connection).match(/^proxy-authorization: .*(?=\r)/gim) ?? []

describe("the wire", () => {
  const cases: ReadonlyArray<
    readonly [
      string,
      options: Partial<Proxy.Options>,
      { readonly headers?: HttpFields.Input },
      lines: ReadonlyArray<string>
    ]
  > = [
    ["alone", {}, {}, ["Connection: Proxy-Authorization", line("a")]],
    ["behind the request's own fields and the proxy's", { headers: { "X-Tenant": "t" } }, { headers: { A: "1" } }, [
      "Connection: X-Tenant, Proxy-Authorization",
      "A: 1",
      "X-Tenant: t",
      line("a")
    ]],
    ["beside Connection of the request", {}, { headers: { Connection: "B", B: "2" } }, [
      "Connection: B, Proxy-Authorization",
      "B: 2",
      line("a")
    ]],
    ["not beside the request's own", {}, { headers: { "proxy-authorization": "Basic eDp5" } }, [
      "Connection: Proxy-Authorization",
      "proxy-authorization: Basic eDp5"
    ]]
  ]
  for (const [name, options, request, lines] of cases) {
    const head = [`GET ${url} HTTP/1.1`, "Host: a.test", ...lines, "", ""].join("\r\n")
    const script = () => [T.connection(T.expect(head), T.reply(ok("x")))]

    it.effect(`has the credentials where those that are known have them: ${name}`, () =>
      contained(Effect.gen(function*() {
        for (const credentials of [Effect.succeed(given("a")), given("a")]) {
          const proxy = proxyOf(credentials, options)
          const { pool, transport } = yield* poolOver(script(), { proxy })
          assert.strictEqual(yield* textOf(pool, HttpRequest.get(url, request)), "x")
          yield* transport.verify
          const { connection, transport: other } = yield* connectTo(script(), { host: "a.test", proxy })
          assert.strictEqual(yield* textOn(connection, HttpRequest.get("/", request)), "x")
          yield* other.verify
        }
      })))
  }

  it.effect("has them before a body, in the call that sends both", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([T.connection(T.discardUntil("body"), T.reply(ok("x")))], {
        proxy: proxyOf(eachOther())
      })
      yield* textOf(pool, HttpRequest.post(url, { body: HttpBody.text("body") }))
      assert.isTrue(transport.written(0).endsWith(`\r\n${line("a")}\r\n\r\nbody`))
    })))

  it.effect("has them step by step and on the platform's face too", () =>
    contained(Effect.gen(function*() {
      const proxy = proxyOf(Effect.succeed(given("a")))
      const { connection, transport } = yield* connectTo([T.connection(...answer())], { host: "a.test", proxy })
      yield* connection.putRequest("GET", "/")
      yield* connection.putHeader("A", "1")
      yield* connection.endHeaders()
      yield* Effect.flatMap(connection.getResponse, ({ text }) => text)
      assert.deepStrictEqual(sentOn(transport, 0), [line("a")])
      const platform = yield* clientTo([T.connection(...answer())], { proxy })
      yield* Effect.flatMap(platform.client.get(url), ({ text }) => text)
      assert.deepStrictEqual(sentOn(platform.transport, 0), [line("a")])
    })))

  it.effect("has those of the connection of a lease", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([T.connection(...answer(), ...answer())])
      const origin = Either.getOrThrow(
        Origin.make({ scheme: "http", host: "a.test", proxy: proxyOf(eachOther()) })
      )
      yield* Effect.scoped(Effect.flatMap(
        pool.lease(origin),
        (connection) => Effect.repeatN(textOn(connection, HttpRequest.get("/")), 1)
      ))
      assert.deepStrictEqual(sentOn(transport, 0), [line("a"), line("a")])
    })))

  it.effect("has none of them in a TRACE, which sends everything back", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([], { proxy: proxyOf(eachOther()) })
      const error = yield* failsWith(textOf(pool, HttpRequest.make("TRACE", url)), "ForbiddenHeader")
      assert.strictEqual(error.field.toLowerCase(), "proxy-authorization")
      assert.strictEqual(transport.opened.length, 0)
    })))

  it.effect("is shown without their value", () =>
    contained(Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => {
        lines.push(...[message].flat().map(String))
      })
      const { connection } = yield* connectTo([T.connection(...answer())], {
        host: "a.test",
        proxy: proxyOf(eachOther()),
        wireTap: true
      })
      yield* textOn(connection, HttpRequest.get("/")).pipe(
        Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
        Logger.withMinimumLogLevel(LogLevel.All)
      )
      assert.include(lines.join("\n"), "header: Proxy-Authorization: <redacted>")
      assert.notInclude(lines.join("\n"), value("a"))
    })))
})

describe("each connection", () => {
  const own: HttpFields.Input = { "Proxy-Authorization": "Basic eDp5" }

  it.effect("has its own, which all of its requests carry", () =>
    contained(Effect.gen(function*() {
      const credentials = yield* Ref.make(given("a"))
      const { events, pool, transport } = yield* watchedPool([
        T.connection(...answer(), ...answer(), T.expectDestroy),
        T.connection(...answer())
      ], { proxy: proxyOf(credentials) })
      yield* textOf(pool, HttpRequest.get(url))
      yield* Ref.set(credentials, given("b"))
      yield* textOf(pool, HttpRequest.get(url))
      assert.deepStrictEqual(sentOn(transport, 0), [line("a"), line("a")])
      yield* pool.closeIdle
      yield* textOf(pool, HttpRequest.get(url))
      assert.deepStrictEqual(sentOn(transport, 1), [line("b")])
      assert.notInclude(JSON.stringify(events), value("a"))
    })))

  it.effect("with older ones is drained as soon as one with newer ones is open", () =>
    contained(Effect.gen(function*() {
      const credentials = yield* Ref.make(given("a"))
      const slowly = (seconds: number) =>
        T.connection(T.discardUntil("\r\n\r\n"), T.delay(`${seconds} seconds`), T.reply(ok()), T.discard(), T.stall)
      const { events, pool, transport } = yield* watchedPool([slowly(2), slowly(1)], { proxy: proxyOf(credentials) })
      const first = yield* started(textOf(pool, HttpRequest.get(url)))
      yield* Ref.set(credentials, given("b"))
      const second = yield* started(textOf(pool, HttpRequest.get(url)))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(second)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(first)
      assert.deepStrictEqual([sentOn(transport, 0), sentOn(transport, 1)], [[line("a")], [line("b")]])
      assert.deepStrictEqual(events.flatMap((event) => event._tag === "Close" ? [event.reason] : []), ["Rotated"])
    })))

  it.effect("of a retry gives the head its own", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(...answer("x"), T.discardUntil("\r\n\r\n"), T.eof),
        T.connection(...answer("y"))
      ], { proxy: proxyOf(eachOther()) })
      assert.strictEqual(yield* textOf(pool, HttpRequest.get(url)), "x")
      assert.strictEqual(yield* textOf(pool, HttpRequest.get(url)), "y")
      assert.deepStrictEqual([sentOn(transport, 0), sentOn(transport, 1)], [[line("a"), line("a")], [line("b")]])
      assert.strictEqual((yield* pool.stats).retried, 1)
    })))

  const refusal = "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"p\"\r\nContent-Length: 4\r\n\r\nwhy?"

  it.effect("whose credentials are refused serves no further request, so that they are asked for again", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(T.discardUntil("\r\n\r\n"), T.reply(refusal), T.expectDestroy),
        T.connection(...answer("x"))
      ], { proxy: proxyOf(eachOther()) })
      const error = yield* failsWith(textOf(pool, HttpRequest.get(url)), "ProxyAuthRequired")
      assert.strictEqual(Buffer.from(error.bodyPrefix).toString(), "why?")
      assert.strictEqual(yield* textOf(pool, HttpRequest.get(url)), "x")
      assert.deepStrictEqual(sentOn(transport, 1), [line("b")])
    })))

  it.effect("is not opened if they cannot be had, even for a request with its own", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([], { proxy: proxyOf(Effect.fail("no vault")) })
      for (const headers of [{}, own]) {
        const error = yield* failsWith(textOf(pool, HttpRequest.get(url, { headers })), "CredentialsError")
        assert.strictEqual(error.option, "proxy.credentials")
      }
      assert.strictEqual(transport.opened.length, 0)
    })))
})
