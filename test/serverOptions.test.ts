/** `OPTIONS *` (RFC 9110 section 9.3.7, RFC 9112 section 3.2.4): on all faces, and through proxies. */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as ConnectionPool from "../src/ConnectionPool.ts"
import * as HttpRequest from "../src/HttpRequest.ts"
import * as Origin from "../src/Origin.ts"
import * as PooledHttpClient from "../src/PooledHttpClient.ts"
import * as Proxy from "../src/Proxy.ts"
import * as T from "../src/TestTransport.ts"
import { connected, connectedWith, contained, failsWith, ok } from "./connection/harness.ts"
import { clientTo, failsWith as platformFailsWith, quietly } from "./platform/kit.ts"
import { poolOver } from "./pool/harness.ts"

const whole = "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n"
const forwarded = "OPTIONS http://a.test HTTP/1.1\r\nHost: a.test\r\n\r\n"
const reply = T.reply(ok("", "Allow: GET, QUERY"))
const retryAtOnce = Schedule.forever
const asterisk = { targetForm: "asterisk" } as const

describe("`OPTIONS *` is sent", () => {
  it.effect("by a connection, for each spelling", () =>
    contained(Effect.gen(function*() {
      const requests = [
        HttpRequest.options("*"),
        HttpRequest.options("*", asterisk),
        HttpRequest.options("/", asterisk),
        HttpRequest.options("", asterisk),
        HttpRequest.options("http://a.test", asterisk),
        HttpRequest.options("http://a.test/", asterisk)
      ]
      const { connection, transport } = yield* connected(...requests.flatMap(() => [T.expect(whole), reply]))
      for (const request of requests) {
        const response = yield* connection.execute(request)
        assert.strictEqual(response.getHeader("allow"), "GET, QUERY")
        assert.strictEqual(response.url, "http://a.test")
      }
      yield* transport.verify
    })))

  it.effect("by a connection, step by step", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(T.discardUntil("\r\n\r\n"), reply)
      yield* connection.request("OPTIONS", "*")
      assert.strictEqual((yield* connection.getResponse).status, 200)
    })))

  it.effect("by a pool, to the origin of a URL, or to the one that is given", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([T.connection(T.expect(whole), reply, T.expect(whole), reply)])
      const origin = yield* Origin.make({ scheme: "http", host: "a.test" })
      yield* pool.execute(HttpRequest.options("http://a.test", asterisk))
      yield* pool.execute(HttpRequest.options("*", { origin }))
      yield* transport.verify
    })))

  it.effect("by the platform's client", () =>
    contained(Effect.gen(function*() {
      const { client, transport } = yield* clientTo([T.connection(T.expect(whole), reply)])
      const response = yield* quietly(client.execute(HttpClientRequest.options("http://a.test"))).pipe(
        PooledHttpClient.withOptions(asterisk)
      )
      assert.strictEqual(response.headers["allow"], "GET, QUERY")
      yield* transport.verify
    })))

  it.effect("by `retry`, as often as it is repeated", () =>
    contained(Effect.gen(function*() {
      const busy = T.reply("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
      const kit = yield* poolOver([T.connection(T.expect(whole), busy, T.expect(whole), reply)])
      const pool = ConnectionPool.retry(kit.pool, { schedule: retryAtOnce })
      yield* pool.execute(HttpRequest.options("http://a.test", asterisk))
      yield* kit.transport.verify
    })))

  it.effect("through a proxy as a URL without a path, which the last proxy turns into `*`", () =>
    contained(Effect.gen(function*() {
      const proxy = yield* Proxy.make({ host: "proxy.test", port: 3128 })
      const { pool, transport } = yield* poolOver([T.connection(T.expect(forwarded), reply)], { proxy })
      yield* pool.execute(HttpRequest.options("http://a.test", asterisk))
      yield* transport.verify
      const other = yield* connectedWith({ proxy }, T.expect(forwarded), reply)
      yield* other.connection.execute(HttpRequest.options("*"))
      yield* other.transport.verify
    })))
})

describe("the form `asterisk` is refused", () => {
  const rows: ReadonlyArray<readonly [name: string, request: HttpRequest.HttpRequest]> = [
    ["for a path", HttpRequest.options("http://a.test/x", asterisk)],
    ["for a query", HttpRequest.options("http://a.test/?q", asterisk)],
    ["for another method", HttpRequest.get("http://a.test", asterisk)]
  ]
  for (const [name, request] of rows) {
    it.effect(name, () =>
      contained(Effect.gen(function*() {
        const { pool, transport } = yield* poolOver([])
        yield* failsWith(pool.execute(request), "InvalidUrl")
        const { connection } = yield* connected()
        yield* failsWith(connection.execute(request), "InvalidUrl")
        assert.deepStrictEqual(transport.opened, [])
      })))
  }

  it.effect("for the redirect of such a request, which names a path", () =>
    contained(Effect.gen(function*() {
      const moved = "HTTP/1.1 307 Temporary Redirect\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"
      const { client } = yield* clientTo([T.connection(T.expect(whole), T.reply(moved))])
      const following = PooledHttpClient.followRedirects(client)
      yield* platformFailsWith(
        quietly(following.execute(HttpClientRequest.options("http://a.test"))).pipe(
          PooledHttpClient.withOptions(asterisk)
        ),
        "RequestError",
        "InvalidUrl",
        "InvalidUrl"
      )
    })))
})
