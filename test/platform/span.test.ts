/** The span of a request: that of the platform's own clients, attribute by attribute, and what it tells beside. */
import * as Headers from "@effect/platform/Headers"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Tracer from "effect/Tracer"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import type { HttpRequest } from "../../src/HttpRequest.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as T from "../../src/TestTransport.ts"
import { started } from "../connection/harness.ts"
import { anyHead, clientOver, clientTo, failsWith, ok, url } from "./kit.ts"
import { recording } from "./recording.ts"

/** Runs an effect and gives the spans that it made, whatever comes of it. */
const spansOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<ReadonlyArray<Tracer.Span>, never, R> =>
  Effect.suspend(() => {
    const { spans, tracer } = recording()
    return Effect.as(Effect.exit(Effect.withTracer(effect, tracer)), spans)
  })

const exitOf = (span: Tracer.Span | undefined): Exit.Exit<unknown, unknown> | undefined =>
  span?.status._tag === "Ended" ? span.status.exit : undefined

const attributesOf = (span: Tracer.Span | undefined): Readonly<Record<string, unknown>> =>
  Object.fromEntries(span?.attributes ?? [])

/** What the platform's clients do not tell. */
const further = new Set([
  "error.type",
  "http.request.resend_count",
  "network.peer.address",
  "network.peer.port",
  "network.protocol.version"
])

/** A client that the platform made, with this answer. */
const platforms = (headers: Record<string, string>, status: number) =>
  HttpClient.make((request) =>
    Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status, headers })))
  )

describe("the span", () => {
  const requests: ReadonlyArray<readonly [name: string, request: HttpClientRequest.HttpClientRequest]> = [
    ["a path", HttpClientRequest.get(`${url}/a/b`)],
    ["no path", HttpClientRequest.get(url)],
    ["a port", HttpClientRequest.get("http://a.test:8080/")],
    ["the port of the scheme", HttpClientRequest.get("http://a.test:80/")],
    ["a query", HttpClientRequest.get(`${url}/?a=b%20c&d`)],
    ["parameters", HttpClientRequest.get(`${url}/?a=b%20c`, { urlParams: { d: "e f", g: ["1", "2"] } })],
    ["a fragment", HttpClientRequest.get(`${url}/#top`, { urlParams: { a: "b" } })],
    ["a fragment that was set", HttpClientRequest.get(url, { hash: "top" })],
    ["dot segments", HttpClientRequest.get(`${url}/a/../b`)],
    ["letters beyond ASCII", HttpClientRequest.get(`${url}/ü`)],
    ["a host in capitals", HttpClientRequest.get("http://A.Test/")],
    ["an IPv6 host", HttpClientRequest.get("http://[::1]:81/")],
    ["another method", HttpClientRequest.del(url)],
    [
      "fields, some of them secret",
      HttpClientRequest.get(url, { headers: { "X-A": "b", Cookie: "c", "x-api-key": "d" } })
    ],
    ["a body", HttpClientRequest.post(url).pipe(HttpClientRequest.bodyText("abc"))]
  ]
  for (const [name, request] of requests) {
    it.scoped(`is that of the platform's clients for ${name}`, () =>
      Effect.gen(function*() {
        const { client } = yield* clientOver(
          request.body._tag === "Empty" ? anyHead : T.discardUntil("abc"),
          T.reply("HTTP/1.1 299 Odd\r\nX-B: c\r\nSet-Cookie: d=e\r\nContent-Length: 0\r\n\r\n")
        )
        const [ours, ...more] = yield* spansOf(client.execute(request))
        const theirs = platforms({ "x-b": "c", "set-cookie": "d=e", "content-length": "0" }, 299)
        const [expected] = yield* spansOf(theirs.execute(request))
        assert.strictEqual(more.length, 0)
        assert.strictEqual(ours?.name, expected?.name)
        assert.strictEqual(ours?.kind, "client")
        assert.deepStrictEqual(
          Object.fromEntries(Object.entries(attributesOf(ours)).filter(([key]) => !further.has(key))),
          Object.fromEntries(
            Object.entries(attributesOf(expected)).map(([key, value]) => [key, String(value) === value ? value : value])
          )
        )
        assert.deepStrictEqual([...(ours?.links ?? [])], [])
        assert.isTrue(exitOf(ours) !== undefined && Exit.isSuccess(exitOf(ours) as Exit.Exit<unknown>))
      }))
  }

  it.scoped("tells of the connection and the protocol too", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(
        anyHead,
        T.reply(ok()),
        anyHead,
        T.reply("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n")
      )
      const spans = yield* spansOf(Effect.zipRight(client.get(url), client.get(url)))
      assert.deepInclude(attributesOf(spans[0]), { "network.protocol.version": "1.1" })
      assert.deepInclude(attributesOf(spans[1]), { "network.protocol.version": "1.0" })
      assert.property(attributesOf(spans[0]), "network.peer.address")
      assert.notProperty(attributesOf(spans[0]), "error.type")
      assert.notProperty(attributesOf(spans[0]), "http.request.resend_count")
    }))

  it.scoped("has the status as error.type from 400 on", () =>
    Effect.gen(function*() {
      for (
        const [status, type] of [[399, undefined], [400, "400"], [404, "404"], [500, "500"], [503, "503"]] as const
      ) {
        const { client } = yield* clientOver(anyHead, T.reply(`HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`))
        const [span] = yield* spansOf(client.get(url))
        assert.strictEqual(attributesOf(span)["error.type"], type)
      }
    }))

  it.scoped("has the tag of a failure as error.type, and ends with the failure of the platform", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(anyHead, T.eof)
      const [span] = yield* spansOf(client.get(url))
      assert.strictEqual(attributesOf(span)["error.type"], "RemoteDisconnected")
      const exit = exitOf(span) ?? Exit.void
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "RequestError: Transport")
    }))

  it.scoped("has the tag of a mistake in the request as error.type", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(anyHead)
      const [span] = yield* spansOf(client.get(url, { headers: { upgrade: "h2c" } }))
      assert.strictEqual(attributesOf(span)["error.type"], "ForbiddenHeader")
    }))

  it.scoped("counts that the request was sent once more", () =>
    Effect.gen(function*() {
      const { client } = yield* clientTo([
        T.connection(anyHead, T.reply(ok()), anyHead, T.eof),
        T.connection(anyHead, T.reply(ok()), anyHead, T.eof)
      ])
      const spans = yield* spansOf(Effect.zipRight(client.get(url), Effect.zipRight(client.get(url), client.get(url))))
      assert.deepStrictEqual(spans.map((span) => attributesOf(span)["http.request.resend_count"]), [undefined, 1, 1])
    }))

  it.scoped("is not made for a URL that cannot be asked for, and never has its password", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(anyHead)
      for (const bad of ["/a", "", "http://u:p@a.test/", "http://u@a.test/", "ftp://u:p@a.test"]) {
        assert.deepStrictEqual(yield* spansOf(client.get(bad)), [])
        yield* failsWith(
          client.get(bad),
          "RequestError",
          "InvalidUrl",
          bad.startsWith("ftp") ? "UnsupportedScheme" : "InvalidUrl"
        )
      }
    }))

  it.scoped("tells a URL with a zone id, which `URL` does not know, as it was written", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(anyHead, T.reply(ok()))
      const [span] = yield* spansOf(client.get("http://[fe80::1%25eth0]/"))
      assert.strictEqual(attributesOf(span)["http.response.status_code"], 200)
      assert.strictEqual(attributesOf(span)["url.full"], "http://[fe80::1%25eth0]/")
    }))

  it.scoped("does not show what is redacted, and never a credential for a proxy", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(anyHead, T.reply(ok("", "X-Secret-B: hidden", "X-C: shown")))
      const names = [/^x-secret/g, "X-Own"]
      const [span] = yield* spansOf(
        client.get(url, {
          headers: {
            "x-own": "hidden",
            "x-secret-a": "hidden",
            "x-secret-b": "hidden",
            "proxy-authorization": "hidden",
            cookie: "shown"
          }
        }).pipe(Effect.locally(Headers.currentRedactedNames, names))
      )
      const attributes = attributesOf(span)
      assert.notInclude(JSON.stringify(attributes), "hidden")
      assert.strictEqual(attributes["http.request.header.cookie"], "shown")
      assert.strictEqual(attributes["http.response.header.x-c"], "shown")
      assert.strictEqual(attributes["http.response.header.x-secret-b"], "<redacted>")
    }))
})

describe("the switches of the platform", () => {
  it.scoped("make no span where tracing is off", () =>
    Effect.gen(function*() {
      const { client, transport } = yield* clientOver(
        anyHead,
        T.reply(ok()),
        anyHead,
        T.reply(ok()),
        anyHead,
        T.reply(ok())
      )
      assert.deepStrictEqual(yield* spansOf(Effect.withTracerEnabled(client.get(url), false)), [])
      const quiet = HttpClient.withTracerDisabledWhen(client, (request) => request.method === "GET")
      assert.deepStrictEqual(yield* spansOf(quiet.get(url)), [])
      assert.notInclude(transport.written(0), "traceparent")
      assert.strictEqual((yield* spansOf(quiet.head(url))).length, 1)
    }))

  it.scoped("send no fields of the trace where it is not to be propagated", () =>
    Effect.gen(function*() {
      const { client, transport } = yield* clientOver(anyHead, T.reply(ok()), anyHead, T.reply(ok()))
      const spans = yield* spansOf(HttpClient.withTracerPropagation(client, false).get(url))
      assert.strictEqual(spans.length, 1)
      assert.notInclude(transport.written(0), "traceparent")
      assert.notInclude(transport.written(0), "b3")
      yield* spansOf(client.get(url))
      const id = `${"a".repeat(32)}-${"0".repeat(16)}`
      assert.include(transport.written(0), `b3: ${id}-1\r\ntraceparent: 00-${id}-01\r\n`)
    }))

  it.scoped("name the span", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(anyHead, T.reply(ok()))
      const named = HttpClient.withSpanNameGenerator(client, (request) => `ask ${request.url}`)
      const [span] = yield* spansOf(named.get(url))
      assert.strictEqual(span?.name, `ask ${url}`)
    }))

  it.scoped("leave the time out where it is not wanted", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(anyHead, T.reply(ok()), anyHead, T.reply(ok()))
      yield* TestClock.adjust("1 hour")
      const [timed] = yield* spansOf(client.get(url))
      const [untimed] = yield* spansOf(Effect.withTracerTiming(client.get(url), false))
      assert.strictEqual(timed?.status._tag === "Ended" ? timed.status.endTime : undefined, 3_600_000_000_000n)
      assert.strictEqual(untimed?.status._tag === "Ended" ? untimed.status.endTime : undefined, 0n)
    }))
})

describe("the span ends", () => {
  it.scoped("when the head has come, and holds no response", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(anyHead, T.reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), T.stall)
      const { spans, tracer } = recording()
      yield* Effect.withTracer(client.get(url), tracer)
      assert.deepStrictEqual(exitOf(spans[0]), Exit.void)
    }))

  it.scoped("when the caller is interrupted", () =>
    Effect.gen(function*() {
      const { client, transport } = yield* clientOver(anyHead, T.expectDestroy)
      const { spans, tracer } = recording()
      const fiber = yield* started(Effect.withTracer(client.get(url), tracer))
      assert.strictEqual(spans[0]?.status._tag, "Started")
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.isInterrupted(exitOf(spans[0]) ?? Exit.void))
      assert.strictEqual(transport.openCount, 0)
    }))

  it.scoped("when what makes the request dies", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(anyHead)
      const { spans, tracer } = recording()
      const broken = {
        ownKeys: () => {
          throw new Error("no")
        }
      }
      const request = HttpClientRequest.post(url)
      const headers = new Proxy(request.headers, broken)
      const unreadable = { ...request, headers, __proto__: Object.getPrototypeOf(request) as object }
      const exit = yield* Effect.exit(Effect.withTracer(client.execute(unreadable), tracer))
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
      assert.strictEqual(exitOf(spans[0])?._tag, "Failure")
    }))
})

describe("the parent", () => {
  const parentOf = (span: Tracer.Span | undefined): string | undefined =>
    Option.getOrUndefined(
      Option.map(span?.parent ?? Option.none(), (parent) => parent._tag === "Span" ? parent.name : parent.spanId)
    )

  it.scoped("is the span of the caller", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(anyHead, T.reply(ok()), anyHead, T.reply(ok()))
      const [outer, span] = yield* spansOf(Effect.withSpan(client.get(url), "outer"))
      assert.strictEqual(outer?.name, "outer")
      assert.strictEqual(parentOf(span), "outer")
      assert.isUndefined(parentOf((yield* spansOf(client.get(url)))[0]))
    }))

  it.scoped("of what the request runs is its span, and of what comes after it is not", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(anyHead, T.discardUntil("0\r\n\r\n"), T.reply(ok()))
      const body = HttpBody.stream(Stream.fromEffect(Effect.withSpan(Effect.succeed(new Uint8Array(1)), "piece")))
      const spans = yield* spansOf(
        Effect.withSpan(Effect.zipRight(client.post(url, { body }), Effect.withSpan(Effect.void, "after")), "outer")
      )
      const byName = new Map(spans.map((span) => [span.name, span] as const))
      assert.strictEqual(parentOf(byName.get("piece")), "http.client POST")
      assert.strictEqual(parentOf(byName.get("http.client POST")), "outer")
      assert.strictEqual(parentOf(byName.get("after")), "outer")
    }))

  it.scoped("of a body that is sent on a connection used before is the request's span too", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(anyHead, T.reply(ok()), anyHead, T.discardUntil("0\r\n\r\n"), T.reply(ok()))
      const body = HttpBody.stream(Stream.fromEffect(Effect.withSpan(Effect.succeed(new Uint8Array(1)), "piece")))
      const spans = yield* spansOf(Effect.zipRight(client.get(url), client.post(url, { body })))
      assert.strictEqual(parentOf(spans.find(({ name }) => name === "piece")), "http.client POST")
    }))

  it.scoped("of what a pool runs that somebody has wrapped is the request's span", () =>
    Effect.gen(function*() {
      const { pool } = yield* clientOver(anyHead, T.reply(ok()))
      const execute = pool.execute.bind(pool)
      const wrapped: ConnectionPool.ConnectionPool = Object.assign(pool, {
        execute: <E>(request: HttpRequest<E>) =>
          Effect.zipRight(Effect.withSpan(Effect.void, "wrapper"), execute(request))
      })
      const client = yield* Effect.provideService(PooledHttpClient.make, ConnectionPool.ConnectionPool, wrapped)
      const spans = yield* spansOf(client.get(url))
      assert.strictEqual(parentOf(spans.find(({ name }) => name === "wrapper")), "http.client GET")
    }))

  it.scoped("has the lines of one field as one value, however they are spelled", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(anyHead, T.reply(ok("", "X-Tag: a", "Other: c", "x-tag: b")))
      const [span] = yield* spansOf(client.get(url))
      assert.deepInclude(attributesOf(span), {
        "http.response.header.x-tag": "a, b",
        "http.response.header.other": "c"
      })
    }))

  it.scoped("of what comes after a failure or an interruption is that of the caller", () =>
    Effect.gen(function*() {
      const { client } = yield* clientTo([T.connection(anyHead, T.eof), T.connection(anyHead, T.stall)])
      const after = Effect.withSpan(Effect.void, "after")
      const failed = yield* spansOf(Effect.withSpan(Effect.zipRight(Effect.ignore(client.get(url)), after), "outer"))
      assert.strictEqual(parentOf(failed.find(({ name }) => name === "after")), "outer")
      const { spans, tracer } = recording()
      const fiber = yield* started(
        Effect.onInterrupt(client.get(url), () => after).pipe(Effect.withSpan("outer"), Effect.withTracer(tracer))
      )
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(parentOf(spans.find(({ name }) => name === "after")), "outer")
    }))

  it.scoped("is not a span that is not to be propagated", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(anyHead, T.reply(ok()))
      const silent = Effect.withSpan(client.get(url), "silent", {
        context: Context.make(Tracer.DisablePropagation, true)
      })
      const spans = yield* spansOf(Effect.withSpan(silent, "outer"))
      assert.strictEqual(parentOf(spans.find(({ kind }) => kind === "client")), "outer")
    }))

  it.scoped("is that of whoever built the layer, where the caller has none; so is the name", () =>
    Effect.gen(function*() {
      const { pool } = yield* clientOver(anyHead, T.reply(ok()), anyHead, T.reply(ok()), anyHead, T.reply(ok()))
      const { spans, tracer } = recording()
      const given = Layer.succeed(ConnectionPool.ConnectionPool, pool)
      const layer = PooledHttpClient.layerWithoutPool.pipe(
        Layer.provide(given),
        Layer.provide(Layer.succeed(HttpClient.SpanNameGenerator, () => "named")),
        Layer.provide(Layer.span("built"))
      )
      yield* Effect.gen(function*() {
        const client = yield* HttpClient.HttpClient
        yield* client.get(url)
        yield* Effect.withSpan(client.get(url), "caller")
        yield* HttpClient.withSpanNameGenerator(client, () => "called").get(url)
      }).pipe(Effect.provide(layer), Effect.withTracer(tracer))
      assert.deepStrictEqual(spans.map((span) => [span.name, parentOf(span)]), [
        ["built", undefined],
        ["named", "built"],
        ["caller", undefined],
        ["named", "caller"],
        ["called", "built"]
      ])
    }))

  it.scoped("is found past spans that are not to be propagated, of whoever built the layer too", () =>
    Effect.gen(function*() {
      const { pool } = yield* clientOver(anyHead, T.reply(ok()))
      const { spans, tracer } = recording()
      const layer = PooledHttpClient.layerWithoutPool.pipe(
        Layer.provide(Layer.succeed(ConnectionPool.ConnectionPool, pool)),
        Layer.provide(Layer.span("silent", { context: Context.make(Tracer.DisablePropagation, true) })),
        Layer.provide(Layer.span("built"))
      )
      yield* Effect.provide(HttpClient.get(url), layer).pipe(Effect.withTracer(tracer))
      assert.strictEqual(parentOf(spans.find(({ kind }) => kind === "client")), "built")
    }))
})
