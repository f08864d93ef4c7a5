/** Options of single requests: how they nest, what reaches the pool, and what they do. */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpError from "../../src/HttpError.ts"
import * as HttpLeniency from "../../src/HttpLeniency.ts"
import type { HttpRequest } from "../../src/HttpRequest.ts"
import * as client from "../../src/internal/platform/client.ts"
import { merge } from "../../src/internal/platform/references.ts"
import type { ConnectionOptions } from "../../src/internal/platform/route.ts"
import * as Origin from "../../src/Origin.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as Proxy from "../../src/Proxy.ts"
import * as Sse from "../../src/Sse.ts"
import * as T from "../../src/TestTransport.ts"
import { started } from "../connection/harness.ts"
import { anyHead, clientOver, clientTo, failsWith, ok, quietly, url } from "./kit.ts"

/** What reaches a pool that answers nothing. */
const asked = (
  use: (client: HttpClient.HttpClient) => Effect.Effect<unknown, unknown>,
  connectionOptions?: ConnectionOptions,
  inherited?: Context.Context<never>
): Effect.Effect<HttpRequest<unknown>> =>
  Effect.suspend(() => {
    const requests: Array<HttpRequest<unknown>> = []
    const pool: client.Pool = {
      connectionOptions,
      execute: (request) => {
        requests.push(request)
        return Effect.fail(new HttpError.PoolClosed())
      }
    }
    return Effect.map(Effect.exit(use(client.make(pool, inherited))), () =>
      requests[0] ?? assert.fail("nothing was asked"))
  })

const get = (client: HttpClient.HttpClient) => client.get(`${url}/path?q`)

const optionsOf = ({ expectContinue, leniency, limits, timeouts }: HttpRequest<unknown>) => ({
  expectContinue,
  leniency,
  limits,
  timeouts
})

/** What types forbid, but a record that was put together may have. */
const untyped = { total: undefined } as unknown as { readonly total?: number }

describe("options", () => {
  it.effect("are none by default, and the target is the URL", () =>
    Effect.gen(function*() {
      const request = yield* asked(get)
      assert.strictEqual(request.target, `${url}/path?q`)
      assert.isUndefined(request.origin)
      assert.deepStrictEqual(optionsOf(request), {
        expectContinue: undefined,
        leniency: undefined,
        limits: undefined,
        timeouts: undefined
      })
    }))

  it.effect("reach the pool", () =>
    Effect.gen(function*() {
      const request = yield* asked((client) =>
        get(client).pipe(
          PooledHttpClient.withTimeouts({ head: "1 second" }),
          PooledHttpClient.withLimits({ body: 5 }),
          PooledHttpClient.withLeniency(HttpLeniency.httpClient),
          PooledHttpClient.withExpectContinue(true)
        )
      )
      assert.deepStrictEqual(optionsOf(request), {
        expectContinue: true,
        leniency: HttpLeniency.httpClient,
        limits: { body: 5 },
        timeouts: { head: "1 second" }
      })
      assert.isUndefined(request.origin)
    }))

  it.effect("nest: the inner ones win, timeouts and limits one by one", () =>
    Effect.gen(function*() {
      const request = yield* asked((client) =>
        get(client).pipe(
          PooledHttpClient.withTimeouts({ head: 1, ...untyped }),
          PooledHttpClient.withLimits({ body: 1 }),
          PooledHttpClient.withTimeouts({ head: 2, dns: 2, total: 2 }),
          PooledHttpClient.withExpectContinue(false),
          PooledHttpClient.withOptions({ timeouts: { connect: 3 }, limits: { head: 3 }, expectContinue: true })
        )
      )
      assert.deepStrictEqual(optionsOf(request), {
        expectContinue: false,
        leniency: undefined,
        limits: { body: 1, head: 3 },
        timeouts: { head: 1, dns: 2, total: 2, connect: 3 }
      })
    }))

  it.effect("may be given with the effect", () =>
    Effect.gen(function*() {
      const request = yield* asked((client) => PooledHttpClient.withTimeouts(get(client), { head: 1 }))
      assert.deepStrictEqual(request.timeouts, { head: 1 })
      const both = yield* asked((client) => PooledHttpClient.withOptions(get(client), { limits: { body: 1 } }))
      assert.deepStrictEqual(both.limits, { body: 1 })
    }))

  it.effect("end with the effect that they are around", () =>
    Effect.gen(function*() {
      const request = yield* asked((client) =>
        Effect.zipRight(PooledHttpClient.withTimeouts(Effect.void, { head: 1 }), get(client))
      )
      assert.isUndefined(request.timeouts)
    }))

  it.effect("can be those of a client", () =>
    Effect.gen(function*() {
      const request = yield* asked((client) =>
        get(HttpClient.transformResponse(client, PooledHttpClient.withTimeouts({ head: 1 })))
      )
      assert.deepStrictEqual(request.timeouts, { head: 1 })
    }))

  it.effect("can be those of the layer, where the request has none", () =>
    Effect.gen(function*() {
      const context = Context.make(PooledHttpClient.CurrentOptions, { timeouts: { head: 1 } }) as Context.Context<never>
      assert.deepStrictEqual((yield* asked(get, undefined, context)).timeouts, { head: 1 })
      const { client, pool } = yield* clientOver(anyHead)
      assert.isDefined(client)
      const layer = PooledHttpClient.layerWithoutPool.pipe(
        Layer.provide(Layer.succeed(ConnectionPool.ConnectionPool, pool)),
        Layer.provide(Layer.succeed(PooledHttpClient.CurrentOptions, { timeouts: { head: -1 } }))
      )
      yield* failsWith(Effect.provide(HttpClient.get(url), layer), "RequestError", "Encode", "InvalidOption")
    }).pipe(Effect.scoped))

  it.effect("of a request are over those of the layer, one by one", () =>
    Effect.gen(function*() {
      const settings: PooledHttpClient.RequestOptions = {
        timeouts: { head: 1, total: 1 },
        limits: { body: 1 },
        leniency: HttpLeniency.httpClient,
        expectContinue: true,
        localAddress: "127.0.0.2"
      }
      const context = Context.make(PooledHttpClient.CurrentOptions, settings) as Context.Context<never>
      const request = yield* asked(
        (client) =>
          get(client).pipe(PooledHttpClient.withTimeouts({ head: 2 }), PooledHttpClient.withExpectContinue(false)),
        undefined,
        context
      )
      assert.deepStrictEqual(optionsOf(request), {
        expectContinue: false,
        leniency: HttpLeniency.httpClient,
        limits: { body: 1 },
        timeouts: { head: 2, total: 1 }
      })
      assert.strictEqual(request.origin?.localAddress, "127.0.0.2")
      const { origin } = yield* asked(
        (client) => PooledHttpClient.withLocalAddress(get(client), false),
        undefined,
        context
      )
      assert.isDefined(origin)
      assert.isUndefined(origin?.localAddress)
    }))

  it.effect("that are null are none", () =>
    Effect.gen(function*() {
      const nothing = null as unknown as PooledHttpClient.RequestOptions
      const request = yield* asked((client) =>
        get(client).pipe(PooledHttpClient.withOptions(nothing), PooledHttpClient.withTimeouts({ head: 1 }))
      )
      assert.deepStrictEqual(request.timeouts, { head: 1 })
      const inner = yield* asked((client) =>
        get(client).pipe(
          PooledHttpClient.withTimeouts(null as unknown as { readonly head: number }),
          PooledHttpClient.withTimeouts({ head: 1 })
        )
      )
      assert.deepStrictEqual(inner.timeouts, { head: 1 })
      const context = Context.make(PooledHttpClient.CurrentOptions, nothing) as Context.Context<never>
      assert.isUndefined((yield* asked(get, undefined, context)).timeouts)
    }))

  const wrong: ReadonlyArray<
    readonly [what: string, option: string, set: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>]
  > = [
    ["timeouts that are a number", "timeouts", PooledHttpClient.withTimeouts(500 as {})],
    ["timeouts that are 0", "timeouts", PooledHttpClient.withTimeouts(0 as {})],
    ["timeouts that are false", "timeouts", PooledHttpClient.withTimeouts(false as {})],
    ["timeouts that are an empty text", "timeouts", PooledHttpClient.withTimeouts("" as {})],
    ["timeouts that are a list", "timeouts", PooledHttpClient.withTimeouts([500] as {})],
    ["limits that are a number", "limits", PooledHttpClient.withLimits(1 as {})],
    ["options that are a text", "options", PooledHttpClient.withOptions("1 second" as {})],
    ["timeouts in options", "timeouts", PooledHttpClient.withOptions({ timeouts: "1 second" as {} })]
  ]
  it.scoped.each(wrong)("fail each request that they are set around: %s", ([, option, set]) =>
    Effect.gen(function*() {
      const right = PooledHttpClient.withOptions({ timeouts: { head: 1 }, limits: { head: 3 } })
      const { client: given, pool, transport } = yield* clientTo([])
      for (const sending of [set(get(given)), set(right(get(given))), right(set(get(given)))]) {
        const error = yield* failsWith(sending, "RequestError", "Encode", "InvalidOption")
        assert.strictEqual(error.option, option)
      }
      // Those of a client are merged when it sends a request.
      const inheriting = client.make(pool, yield* set(Effect.context<never>()))
      yield* failsWith(right(get(inheriting)), "RequestError", "Encode", "InvalidOption")
      const subscription = Stream.runDrain(Sse.subscribe(HttpClientRequest.get(url)))
      const error = yield* failsWith(
        set(Effect.provideService(subscription, HttpClient.HttpClient, given)),
        "RequestError",
        "Encode",
        "InvalidOption"
      )
      assert.strictEqual(error.option, option)
      assert.deepStrictEqual(transport.opened, [])
    }))

  const record = FastCheck.record({
    timeouts: FastCheck.option(
      FastCheck.dictionary(
        FastCheck.constantFrom("head", "dns", "total"),
        FastCheck.option(FastCheck.nat(), { nil: undefined })
      ),
      { nil: undefined }
    ),
    expectContinue: FastCheck.boolean()
  }, { requiredKeys: [] })
  it.prop("nest in any depth the same", [record, record, record], ([a, b, c]) => {
    assert.deepStrictEqual(merge(merge(a, b), c), merge(a, merge(b, c)))
  })
})

describe("where a request connects", () => {
  const proxy = Either.getOrThrow(Proxy.make({ host: "proxy.test", port: 3128 }))
  const other = Either.getOrThrow(Proxy.make({ host: "other.test", port: 3128 }))
  const secure = (client: HttpClient.HttpClient) => client.get("https://a.test/path?q#x")
  const plain = Either.getOrThrow(Origin.make({ scheme: "https", host: "a.test" }))

  it.effect("is another place for other options, and the target is a path", () =>
    Effect.gen(function*() {
      const origins = yield* Effect.forEach(
        [
          PooledHttpClient.withTls({ serverName: "b.test" }),
          PooledHttpClient.withProxy(proxy),
          PooledHttpClient.withLocalAddress("127.0.0.2"),
          PooledHttpClient.withSocketPath("/run/a.sock")
        ],
        (withOption) =>
          Effect.map(asked((client) => withOption(secure(client))), (request) => {
            assert.strictEqual(request.target, "/path?q")
            return request.origin ?? assert.fail("no origin")
          })
      )
      assert.strictEqual(new Set([plain, ...origins].map(Origin.key)).size, 5)
      const [tls, proxied, local, socket] = origins
      assert.propertyVal(tls?.tls, "serverName", "b.test")
      assert.strictEqual(proxied?.proxy, proxy)
      assert.strictEqual(local?.localAddress, "127.0.0.2")
      assert.strictEqual(socket?.socketPath, "/run/a.sock")
      assert.strictEqual(socket?.host, "a.test")
    }))

  const defaults: ConnectionOptions = { tls: { serverName: "pool.test" }, proxy, localAddress: "127.0.0.3" }

  it.effect("is as the pool has it in what the request does not say", () =>
    Effect.gen(function*() {
      const { origin } = yield* asked(
        (client) => PooledHttpClient.withLocalAddress(secure(client), "127.0.0.4"),
        defaults
      )
      assert.strictEqual(origin?.localAddress, "127.0.0.4")
      assert.strictEqual(origin?.proxy, proxy)
      assert.propertyVal(origin?.tls, "serverName", "pool.test")
    }))

  it.effect("is without what the pool has where that is asked for", () =>
    Effect.gen(function*() {
      const { origin } = yield* asked(
        (client) => secure(client).pipe(PooledHttpClient.withProxy(false), PooledHttpClient.withLocalAddress(false)),
        defaults
      )
      assert.isUndefined(origin?.proxy)
      assert.isUndefined(origin?.localAddress)
      assert.propertyVal(origin?.tls, "serverName", "pool.test")
    }))

  it.effect("is without the pool's proxy where it is a unix socket", () =>
    Effect.gen(function*() {
      const { origin } = yield* asked(
        (client) => PooledHttpClient.withSocketPath(secure(client), "/run/a.sock"),
        defaults
      )
      assert.isUndefined(origin?.proxy)
      assert.strictEqual(origin?.socketPath, "/run/a.sock")
    }))

  it.effect("is by the proxy for that origin where there are several", () =>
    Effect.gen(function*() {
      const settings: Proxy.Settings = { http: proxy, https: other, bypass: ({ host }) => host === "direct.test" }
      const proxyFor = (target: string, options?: ConnectionOptions) =>
        Effect.map(
          asked((client) => {
            const sent = client.get(target)
            return options === undefined
              ? PooledHttpClient.withProxy(sent, settings)
              : PooledHttpClient.withLocalAddress(sent, "127.0.0.2")
          }, options),
          ({ origin }) => origin?.proxy
        )
      assert.strictEqual(yield* proxyFor("http://a.test"), proxy)
      assert.strictEqual(yield* proxyFor("https://a.test"), other)
      assert.isUndefined(yield* proxyFor("https://direct.test"))
      assert.strictEqual(yield* proxyFor("https://a.test", { proxy: settings }), other)
    }))

  it.scoped("fails for an option that cannot be, or a URL that cannot", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(anyHead)
      yield* failsWith(
        PooledHttpClient.withLocalAddress(client.get(url), "nowhere"),
        "RequestError",
        "Encode",
        "InvalidOption"
      )
      yield* failsWith(PooledHttpClient.withSocketPath(client.get(url), ""), "RequestError", "InvalidUrl", "InvalidUrl")
      yield* failsWith(
        quietly(PooledHttpClient.withProxy(client.get("/"), proxy)),
        "RequestError",
        "InvalidUrl",
        "InvalidUrl"
      )
    }))

  const noProxies: ReadonlyArray<unknown> = ["http://proxy.test:3128", 5, true, () => proxy, {}]
  it.scoped.each(noProxies)("fails for a proxy that is none: %s", (proxy) =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(anyHead)
      const sent = PooledHttpClient.withProxy(client.get(url), proxy as Proxy.Proxy)
      const error = yield* failsWith(sent, "RequestError", "Encode", "InvalidOption")
      assert.strictEqual(error.option, "proxy")
    }))

  it.scoped("is really there", () =>
    Effect.gen(function*() {
      const { client, transport } = yield* clientTo([
        T.connection(T.discardUntil("GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n"), T.reply(ok("proxied"))),
        T.connection(T.discardUntil("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n"), T.reply(ok("socket"))),
        T.connection(T.discardUntil("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n"), T.reply(ok("plain")))
      ])
      const text = quietly(Effect.flatMap(client.get(`${url}/x`), ({ text }) => text))
      assert.strictEqual(yield* PooledHttpClient.withProxy(text, proxy), "proxied")
      assert.strictEqual(yield* PooledHttpClient.withSocketPath(text, "/run/a.sock"), "socket")
      assert.strictEqual(yield* text, "plain")
      assert.deepStrictEqual(
        transport.opened.map((endpoint) => [endpoint.host, endpoint.port, endpoint.socketPath]),
        [["proxy.test", 3128, undefined], ["a.test", 80, "/run/a.sock"], ["a.test", 80, undefined]]
      )
    }))
})

describe("options do what they say", () => {
  it.scoped("withTimeouts ends the wait for an answer", () =>
    Effect.gen(function*() {
      const { client, transport } = yield* clientOver(anyHead, T.expectDestroy)
      const fiber = yield* started(PooledHttpClient.withTimeouts(client.get(url), { head: "2 seconds" }))
      yield* TestClock.adjust("2 seconds")
      const error = yield* failsWith(Fiber.join(fiber), "RequestError", "Transport", "HttpTimeout")
      assert.strictEqual(error.kind, "head")
      assert.strictEqual(error.millis, Duration.toMillis("2 seconds"))
      assert.strictEqual(transport.openCount, 0)
    }))

  it.scoped("withLimits ends a body that is too large", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(anyHead, T.reply(ok("abcdef")))
      const response = yield* PooledHttpClient.withLimits(client.get(url), { body: 5 })
      yield* failsWith(response.text, "ResponseError", "Decode", "BodyTooLarge")
    }))

  it.scoped("withLeniency accepts what is against the rules", () =>
    Effect.gen(function*() {
      const odd = "HTTP/1.1 200 OK\nContent-Length: 1\n\na"
      const { client } = yield* clientTo([T.connection(anyHead, T.reply(odd)), T.connection(anyHead, T.reply(odd))])
      const response = yield* PooledHttpClient.withLeniency(client.get(url), HttpLeniency.make({ bareLf: true }))
      assert.strictEqual(yield* response.text, "a")
      yield* Effect.flip(client.get(url))
    }))

  it.scoped("withExpectContinue holds the body back", () =>
    Effect.gen(function*() {
      const { client, transport } = yield* clientOver(
        T.discardUntil("Expect: 100-continue\r\n"),
        anyHead,
        T.reply("HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n"),
        T.expectDestroy
      )
      const sent = client.post(url, { body: HttpBody.text("body") })
      const response = yield* quietly(PooledHttpClient.withExpectContinue(sent, true))
      assert.strictEqual(response.status, 413)
      assert.notInclude(transport.written(0), "body")
    }))
})
