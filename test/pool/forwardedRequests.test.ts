/** Requests that a proxy forwards, over a script: which fields are for it alone, and what its 407 is on each face. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as HttpError from "../../src/HttpError.ts"
import type * as HttpFields from "../../src/HttpFields.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Origin from "../../src/Origin.ts"
import * as Proxy from "../../src/Proxy.ts"
import * as T from "../../src/TestTransport.ts"
import { contained, failsWith, hasEnded, ok, started } from "../connection/harness.ts"
import { clientTo } from "../platform/kit.ts"
import { poolOver, textOf } from "./harness.ts"

const credentials = { username: "me", password: "secret" }
const basic = "Proxy-Authorization: Basic bWU6c2VjcmV0"
const proxyOf = (options: Partial<Proxy.Options> = {}): Proxy.Proxy =>
  Either.getOrThrow(Proxy.make({ host: "p.test", ...options }))
const url = "http://a.test/"
const asked = T.discardUntil("\r\n\r\n")

describe("what is for the proxy", () => {
  const both = { credentials, headers: { "X-Tenant": "a" } }
  const cases: ReadonlyArray<
    readonly [name: string, proxy: Partial<Proxy.Options>, headers: HttpFields.Input, lines: ReadonlyArray<string>]
  > = [
    ["none", {}, { A: "1" }, ["A: 1"]],
    ["credentials", { credentials }, {}, ["Connection: Proxy-Authorization", basic]],
    ["fields", { headers: { "X-Tenant": "a" } }, {}, ["Connection: X-Tenant", "X-Tenant: a"]],
    ["both", both, { A: "1" }, ["Connection: X-Tenant, Proxy-Authorization", "A: 1", "X-Tenant: a", basic]],
    ["a field twice", { headers: [["X-A", "1"], ["x-a", "2"]] }, {}, ["Connection: x-a", "X-A: 1", "x-a: 2"]],
    [
      "both, beside Connection of the request, in one line before all others",
      both,
      [["A", "1"], ["Connection", "close"], ["connection", ""], ["Connection", "B"], ["B", "2"]],
      ["Connection: close, B, X-Tenant, Proxy-Authorization", "A: 1", "B: 2", "X-Tenant: a", basic]
    ],
    ["credentials, beside TE", { credentials }, { TE: "trailers" }, [
      "Connection: TE, Proxy-Authorization",
      "TE: trailers",
      basic
    ]],
    [
      "credentials, beside TE that Connection names",
      { credentials },
      { TE: "trailers", Connection: "te" },
      ["Connection: te, Proxy-Authorization", "TE: trailers", basic]
    ],
    [
      "fields, where the request has its own, which is for the server",
      { headers: { "X-Tenant": "a" } },
      { "x-tenant": "b" },
      ["x-tenant: b"]
    ],
    [
      "credentials of the request's own",
      { credentials },
      { "proxy-authorization": "Basic eDp5" },
      ["Connection: Proxy-Authorization", "proxy-authorization: Basic eDp5"]
    ]
  ]
  for (const [name, options, headers, lines] of cases) {
    const head = [`GET ${url} HTTP/1.1`, "Host: a.test", ...lines, "", ""].join("\r\n")

    it.effect(`is named in Connection, so that the proxy keeps it: ${name}`, () =>
      contained(Effect.gen(function*() {
        const { pool, transport } = yield* poolOver([T.connection(T.expect(head), T.reply(ok("x")))], {
          proxy: proxyOf(options)
        })
        assert.strictEqual(yield* textOf(pool, HttpRequest.get(url, { headers })), "x")
        yield* transport.verify
      })))
  }

  it.effect("is named in Connection step by step too", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([T.connection(asked, T.reply(ok("x")))])
      const origin = Either.getOrThrow(Origin.make({ scheme: "http", host: "a.test", proxy: proxyOf(both) }))
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* pool.lease(origin)
        yield* connection.putRequest("GET", "/")
        yield* connection.putHeader("Connection", "close")
        yield* connection.endHeaders()
        yield* Effect.flatMap(connection.getResponse, ({ text }) => text)
      }))
      assert.match(transport.written(0), /\r\nConnection: close, X-Tenant, Proxy-Authorization\r\n/)
      assert.strictEqual(transport.written(0).match(/connection:/gi)?.length, 1)
    })))
})

describe("a 407 to a request that the proxy was to forward", () => {
  const refusal = (...lines: ReadonlyArray<string>) =>
    ["HTTP/1.1 407 No", "Proxy-Authenticate: Basic realm=\"p\"", "Proxy-Authenticate: Negotiate", ...lines].join("\r\n")
  const challenges = ["Basic realm=\"p\"", "Negotiate"]
  const context = { phase: "proxy", fault: "User", processed: "No" } as const

  const bodies: ReadonlyArray<readonly [name: string, lines: ReadonlyArray<string>, prefix: string]> = [
    ["with a length", ["Content-Length: 4", "", "why?"], "why?"],
    ["without a body", ["Content-Length: 0", "", ""], ""],
    ["in chunks", ["Transfer-Encoding: chunked", "", "4", "why?", "0", "", ""], "why?"],
    ["that is long", ["Content-Length: 5000", "", "x".repeat(5000)], "x".repeat(4096)],
    ["that ends with the connection", ["", "why?"], "why?"],
    ["that ends with the connection, of which nothing has come", ["", ""], ""]
  ]
  for (const [name, lines, prefix] of bodies) {
    it.effect(`is ProxyAuthRequired, as it is by CONNECT, with the beginning of its body: ${name}`, () =>
      contained(Effect.gen(function*() {
        // What follows never comes, and is not waited for.
        const { pool } = yield* poolOver([T.connection(asked, T.reply(refusal(...lines)), T.stall)], {
          proxy: proxyOf()
        })
        const error = yield* failsWith(pool.execute(HttpRequest.get(url)), "ProxyAuthRequired")
        assert.deepStrictEqual(error.challenges, challenges)
        assert.strictEqual(Buffer.from(error.bodyPrefix).toString("latin1"), prefix)
        assert.deepInclude(error.context, { ...context, origin: "http://a.test:80" })
      })))
  }

  it.effect("keeps what had come of a body that breaks off", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([
        T.connection(asked, T.reply(refusal("Content-Length: 9", "", "why?")), T.eof)
      ], { proxy: proxyOf() })
      const error = yield* failsWith(pool.execute(HttpRequest.get(url)), "ProxyAuthRequired")
      assert.strictEqual(Buffer.from(error.bodyPrefix).toString(), "why?")
    })))

  it.effect("keeps what had come after a second of a body that stalls, as by CONNECT, and closes the connection", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(asked, T.reply(refusal("Content-Length: 9", "", "why?")), T.expectDestroy)
      ], { proxy: proxyOf() })
      const asking = yield* started(failsWith(pool.execute(HttpRequest.get(url)), "ProxyAuthRequired"))
      yield* TestClock.adjust(999)
      assert.isFalse(hasEnded(asking))
      yield* TestClock.adjust(1)
      const error = yield* Fiber.join(asking)
      assert.strictEqual(Buffer.from(error.bodyPrefix).toString(), "why?")
      assert.deepInclude(error.context, context)
      assert.strictEqual(transport.openCount, 0)
    })))

  it.effect("leaves the connection to the next request, and is not repeated", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(asked, T.reply(refusal("Content-Length: 4", "", "why?")), asked, T.reply(ok("x")))
      ], { proxy: proxyOf() })
      yield* failsWith(pool.execute(HttpRequest.get(url)), "ProxyAuthRequired")
      assert.strictEqual(yield* textOf(pool, HttpRequest.get(url)), "x")
      assert.strictEqual(transport.opened.length, 1)
      assert.deepInclude(yield* pool.stats, { requests: 2, retried: 0 })
    })))

  it.effect("can be interrupted while its body is awaited, and closes the connection", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(asked, T.reply(refusal("Content-Length: 4", "", "w")), T.expectDestroy)
      ], { proxy: proxyOf() })
      const fiber = yield* started(pool.execute(HttpRequest.get(url)))
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(transport.openCount, 0)
    })))

  it.effect("is the same step by step, and on the platform's face", () =>
    contained(Effect.gen(function*() {
      const script = [T.connection(asked, T.reply(refusal("Content-Length: 4", "", "why?")))]
      const { pool } = yield* poolOver(script)
      const origin = Either.getOrThrow(Origin.make({ scheme: "http", host: "a.test", proxy: proxyOf() }))
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* pool.lease(origin)
        yield* connection.request("GET", "/")
        const error = yield* failsWith(connection.getResponse, "ProxyAuthRequired")
        assert.deepInclude(error.context, context)
      }))
      const { client } = yield* clientTo(script, { proxy: proxyOf() })
      const failure = yield* Effect.flip(client.get(url))
      const error = yield* HttpError.fromPlatform(failure)
      assert.deepStrictEqual([failure._tag, error._tag], ["RequestError", "ProxyAuthRequired"])
    })))

  it.effect("is a response where no proxy was asked, and behind a tunnel", () =>
    contained(Effect.gen(function*() {
      const refused = T.reply(refusal("Content-Length: 0", "", ""))
      const { pool } = yield* poolOver([
        T.connection(asked, refused),
        T.connection(asked, T.reply("HTTP/1.1 200 OK\r\n\r\n"), asked, refused)
      ])
      assert.strictEqual((yield* pool.execute(HttpRequest.get(url))).status, 407)
      const tunnelled = Either.getOrThrow(Origin.make({ scheme: "https", host: "a.test", proxy: proxyOf() }))
      assert.strictEqual((yield* pool.execute(HttpRequest.get("/", { origin: tunnelled }))).status, 407)
    })))
})
