/** What programs build on the platform's client, over this one: scopes, retries, cookies, redirects, RPC. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Cookies from "@effect/platform/Cookies"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as Rpc from "@effect/rpc/Rpc"
import * as RpcClient from "@effect/rpc/RpcClient"
import * as RpcGroup from "@effect/rpc/RpcGroup"
import * as RpcSerialization from "@effect/rpc/RpcSerialization"
import * as RpcServer from "@effect/rpc/RpcServer"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as http from "node:http"
import type * as net from "node:net"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import { tiedTo } from "../../src/internal/platform/scoped.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as T from "../../src/TestTransport.ts"
import { started } from "../connection/harness.ts"
import { anyHead, clientOver, clientTo, failsWith, ok, quietly, url } from "./kit.ts"

const unread = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"

describe("withScope", () => {
  it.scoped("ends a response that was not read", () =>
    Effect.gen(function*() {
      const { client, transport } = yield* clientOver(anyHead, T.reply(unread), T.expectDestroy)
      const scope = yield* Scope.make()
      const response = yield* Scope.extend(HttpClient.withScope(client).get(url), scope)
      assert.strictEqual(transport.openCount, 1)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(transport.openCount, 0)
      yield* failsWith(response.text, "ResponseError", "Decode", "BodyAlreadyConsumed")
    }))

  it.scoped("ends a response that is being read", () =>
    Effect.gen(function*() {
      const { client, transport } = yield* clientOver(anyHead, T.reply(unread), T.expectDestroy)
      const scope = yield* Scope.make()
      const response = yield* Scope.extend(HttpClient.withScope(client).get(url), scope)
      const reader = yield* started(Stream.runDrain(response.stream))
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(transport.openCount, 0)
      yield* failsWith(Fiber.join(reader), "ResponseError", "Decode", "ConnectionClosed")
    }))

  it.scoped("ends a request that is under way", () =>
    Effect.gen(function*() {
      const { client, transport } = yield* clientOver(anyHead, T.expectDestroy)
      const scope = yield* Scope.make()
      const fiber = yield* started(Scope.extend(HttpClient.withScope(client).get(url), scope))
      yield* Scope.close(scope, Exit.void)
      const error = yield* failsWith(Fiber.join(fiber), "RequestError", "Transport", "ConnectionClosed")
      assert.include(error.message, "scope")
      assert.strictEqual(transport.openCount, 0)
    }))

  it.scoped("sends nothing where the scope has ended", () =>
    Effect.gen(function*() {
      const { client, transport } = yield* clientOver(anyHead)
      const scope = yield* Scope.make()
      yield* Scope.close(scope, Exit.void)
      yield* failsWith(
        Scope.extend(HttpClient.withScope(client).get(url), scope),
        "RequestError",
        "Transport",
        "ConnectionClosed"
      )
      assert.strictEqual(transport.openCount, 0)
    }))

  it.scoped("takes nothing from a response that was read, and lets the connection be used again", () =>
    Effect.gen(function*() {
      const { client, pool, transport } = yield* clientOver(anyHead, T.reply(ok("a")), anyHead, T.reply(ok("b")))
      const read = Effect.flatMap(HttpClient.withScope(client).get(url), ({ text }) => text)
      const response = yield* Effect.scoped(HttpClient.withScope(client).get(url).pipe(Effect.tap(({ text }) => text)))
      assert.strictEqual(yield* response.text, "a")
      assert.strictEqual(yield* Effect.scoped(read), "b")
      assert.strictEqual(transport.opened.length, 1)
      assert.strictEqual((yield* pool.stats).idle, 1)
    }))

  it.scoped("holds nothing of a response that has ended, read or not, however long the scope lasts", () =>
    Effect.gen(function*() {
      const count = 100
      const noContent = T.reply("HTTP/1.1 204 No\r\n\r\n")
      const ended: ReadonlyArray<T.Step> = Array.from({ length: count }, () => [anyHead, noContent]).flat()
      const { client } = yield* clientOver(...ended, anyHead, T.reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"))
      const scope = yield* Scope.Scope
      for (let times = 0; times < count; times++) yield* HttpClient.withScope(client).get(url)
      assert.strictEqual(tiedTo(scope), 0)
      yield* HttpClient.withScope(client).get(url)
      assert.strictEqual(tiedTo(scope), 1)
    }))

  it.scoped("holds few of those that are let go of by another way", () =>
    Effect.gen(function*() {
      const count = 100
      const { client } = yield* clientTo(
        Array.from({ length: count }, () => T.connection(anyHead, T.reply(unread), T.expectDestroy))
      )
      const scope = yield* Scope.Scope
      for (let times = 0; times < count; times++) {
        const response = yield* HttpClient.withScope(client).get(url)
        const source = Option.getOrUndefined(PooledHttpClient.fromResponse(response)) ?? assert.fail("no source")
        yield* source.close
      }
      assert.isBelow(tiedTo(scope), 40)
    }))

  const wholes: ReadonlyArray<
    readonly [name: string, read: (response: PooledHttpClient.PooledResponse) => Effect.Effect<unknown, unknown>]
  > = [
    ["text", ({ text }) => text],
    ["arrayBuffer", ({ arrayBuffer }) => arrayBuffer],
    ["a stream", ({ stream }) => Stream.runDrain(stream)],
    ["trailers", ({ trailers }) => trailers]
  ]
  it.scoped.each(wholes)("holds nothing of a response that was read as %s", ([, read]) =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(
        anyHead,
        T.reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"),
        T.delay("1 second"),
        T.reply("cde")
      )
      const scope = yield* Scope.Scope
      const response = yield* HttpClient.withScope(client).get(url)
      assert.strictEqual(tiedTo(scope), 1)
      const fiber = yield* started(read(response as PooledHttpClient.PooledResponse))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.strictEqual(tiedTo(scope), 0)
    }))

  it.scoped("ends with the request where that is interrupted", () =>
    Effect.gen(function*() {
      const { client, transport } = yield* clientOver(anyHead, T.expectDestroy)
      const fiber = yield* started(Effect.scoped(HttpClient.withScope(client).get(url)))
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(transport.openCount, 0)
    }))

  it.scoped("fails like any other request", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(anyHead, T.eof)
      yield* failsWith(HttpClient.withScope(client).get(url), "RequestError", "Transport", "RemoteDisconnected")
    }))
})

describe("retryTransient", () => {
  const policy = { times: 2, schedule: Schedule.recurs(2) }

  it.scoped("sends again what failed on its way, and what a status says is transient", () =>
    Effect.gen(function*() {
      const busy = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
      const { client } = yield* clientTo([
        T.connection(anyHead, T.eof),
        T.connection(anyHead, T.reply(busy), anyHead, T.reply(ok("at last")))
      ])
      const response = yield* HttpClient.retryTransient(client, policy).get(url)
      assert.strictEqual(yield* response.text, "at last")
    }))

  it.scoped("does not send a body again that interrupts itself", () =>
    Effect.gen(function*() {
      let runs = 0
      const stream = Stream.fromEffect(Effect.suspend(() => {
        runs++
        return Effect.interrupt
      }))
      const { client } = yield* clientTo(Array.from({ length: 3 }, () => T.connection(anyHead, T.expectDestroy)))
      const sent = HttpClient.retryTransient(client, policy).post(url, { body: HttpBody.stream(stream) })
      const error = yield* failsWith(sent, "RequestError", "Encode", "ConnectionClosed")
      assert.strictEqual(error.context.fault, "User")
      assert.strictEqual(runs, 1)
    }))

  it.scoped("sends no mistake again", () =>
    Effect.gen(function*() {
      let runs = 0
      const stream = Stream.suspend(() => {
        runs++
        return Stream.fail("no")
      })
      const { client } = yield* clientOver(anyHead, T.discardUntil("never"))
      const retrying = HttpClient.retryTransient(client, policy)
      yield* failsWith(
        retrying.post(url, { body: HttpBody.stream(stream) }),
        "RequestError",
        "Encode",
        "RequestBodyError"
      )
      assert.strictEqual(runs, 1)
    }))
})

it.scoped("withCookiesRef sends the cookies that came", () =>
  Effect.gen(function*() {
    const { client, transport } = yield* clientOver(
      anyHead,
      T.reply(ok("", "Set-Cookie: a=b; Path=/", "Set-Cookie: c=d")),
      anyHead,
      T.reply(ok())
    )
    const ref = yield* Ref.make(Cookies.empty)
    const remembering = HttpClient.withCookiesRef(client, ref)
    yield* quietly(remembering.get(url))
    yield* quietly(remembering.get(url))
    assert.include(transport.written(0), "cookie: a=b; c=d\r\n")
  }))

it.scoped("filterStatusOk fails with the status", () =>
  Effect.gen(function*() {
    const { client } = yield* clientOver(anyHead, T.reply("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"))
    const error = yield* Effect.flip(HttpClient.filterStatusOk(client).get(url))
    assert.strictEqual(error._tag === "ResponseError" ? error.reason : error._tag, "StatusCode")
  }))

describe("redirects", () => {
  const moved = "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 2\r\n\r\nno"
  const follow = [
    ["the platform's followRedirects", HttpClient.followRedirects(3)],
    ["followRedirects", PooledHttpClient.followRedirects({ limit: 3 })]
  ] as const
  for (const [name, followRedirects] of follow) {
    it.scoped(`are followed on the same connection: ${name}`, () =>
      Effect.gen(function*() {
        const { client, transport } = yield* clientOver(
          anyHead,
          T.reply(moved),
          T.discardUntil("GET /there HTTP/1.1\r\n"),
          anyHead,
          T.reply(ok("there"))
        )
        const response = yield* followRedirects(client).get(`${url}/here`)
        assert.strictEqual(yield* response.text, "there")
        assert.strictEqual(transport.opened.length, 1)
      }))
  }
})

it.scoped("decompress and followRedirects keep what is beyond the platform within reach", () =>
  Effect.gen(function*() {
    const { client } = yield* clientOver(anyHead, T.reply("HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n"))
    const response = yield* client.pipe(PooledHttpClient.followRedirects(), PooledHttpClient.decompress()).get(url)
    assert.isTrue(PooledHttpClient.isPooledResponse(response))
    assert.isFalse(PooledHttpClient.isDecoded(response))
    assert.deepStrictEqual(PooledHttpClient.redirectHistory(response), [])
  }))

describe("RpcClient", () => {
  class Group extends RpcGroup.make(
    Rpc.make("greet", { payload: { name: Schema.String }, success: Schema.String, error: Schema.String }),
    Rpc.make("count", { payload: { to: Schema.Number }, success: Schema.Number, stream: true })
  ) {}
  const handlers = Group.toLayer({
    greet: ({ name }) => name === "" ? Effect.fail("nobody") : Effect.succeed(`hello ${name}`),
    count: ({ to }) => Stream.range(1, to)
  })

  const serving = Effect.gen(function*() {
    const server = http.createServer()
    const app = HttpRouter.Default.serve().pipe(
      Layer.provide(RpcServer.layer(Group)),
      Layer.provide(handlers),
      Layer.provide(RpcServer.layerProtocolHttp({ path: "/rpc" })),
      Layer.provide(RpcSerialization.layerNdjson),
      Layer.provide(NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" }))
    )
    yield* Layer.build(app)
    return `http://127.0.0.1:${(server.address() as net.AddressInfo).port}/rpc`
  })

  it.scopedLive("asks, fails, and streams, on connections that are used again", () =>
    Effect.gen(function*() {
      const rpc = yield* serving
      const protocol = RpcClient.layerProtocolHttp({ url: rpc }).pipe(Layer.provide(RpcSerialization.layerNdjson))
      yield* Effect.gen(function*() {
        const client = yield* RpcClient.make(Group)
        assert.strictEqual(yield* client.greet({ name: "Ann" }), "hello Ann")
        assert.strictEqual(yield* Effect.flip(client.greet({ name: "" })), "nobody")
        const counted = yield* Stream.runCollect(client.count({ to: 5 }))
        assert.deepStrictEqual(Chunk.toReadonlyArray(counted), [1, 2, 3, 4, 5])
        const { opened, reused } = yield* Effect.flatMap(ConnectionPool.ConnectionPool, (pool) => pool.stats)
        assert.deepStrictEqual([opened, reused], [1, 2])
      }).pipe(Effect.scoped, Effect.provide(protocol), Effect.provide(PooledHttpClient.layer))
    }))
})
