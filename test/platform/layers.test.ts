/** The layers: what they provide, what they fail with, and that they are one word away from the platform's own. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import type { InvalidOption } from "../../src/HttpError.ts"
import { toSettings } from "../../src/internal/effect/poolSettings.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as T from "../../src/TestTransport.ts"
import type { Transport } from "../../src/Transport.ts"
import { webServer } from "../fixtures/web.ts"
import { clients } from "./clients.ts"
import { anyHead, clientOver, failsWith, ok, quietly, url } from "./kit.ts"
import { outcome } from "./parity/case.ts"

const text = (target: string) => Effect.flatMap(HttpClient.get(target), (response) => response.text)

const stats = Effect.flatMap(ConnectionPool.ConnectionPool, (pool) => pool.stats)

const nameOf = (error: ConfigError.ConfigError | InvalidOption): string =>
  ConfigError.isConfigError(error) ? error._op : error._tag

const serving = Effect.map(
  webServer((_, response) => response.end("hello")),
  ({ port }) => `http://127.0.0.1:${port}`
)

describe("a program that swaps its layer", () => {
  const program = (target: string) => text(target)

  it("changes nothing else: the types are those of the platform's layer", () => {
    const swapped: typeof NodeHttpClient.layer = PooledHttpClient.layer
    assert.isTrue(Layer.isLayer(swapped))
    expectTypeOf(PooledHttpClient.layer).toExtend<Layer.Layer<HttpClient.HttpClient>>()
    expectTypeOf(PooledHttpClient.layerWith({})).toExtend<Layer.Layer<HttpClient.HttpClient, InvalidOption>>()
    expectTypeOf(PooledHttpClient.layerConfig({})).toExtend<
      Layer.Layer<HttpClient.HttpClient, ConfigError.ConfigError | InvalidOption>
    >()
    expectTypeOf(PooledHttpClient.layerWithoutPool).toEqualTypeOf<
      Layer.Layer<HttpClient.HttpClient, never, ConnectionPool.ConnectionPool>
    >()
    expectTypeOf(PooledHttpClient.layerWithoutTransport()).toExtend<
      Layer.Layer<HttpClient.HttpClient, InvalidOption, Transport>
    >()
    expectTypeOf(PooledHttpClient.make).toEqualTypeOf<
      Effect.Effect<HttpClient.HttpClient, never, ConnectionPool.ConnectionPool>
    >()
  })

  it.scopedLive("gets the same answers, over one connection", () =>
    Effect.gen(function*() {
      const target = yield* serving
      assert.strictEqual(yield* Effect.provide(program(target), NodeHttpClient.layer), "hello")
      const [first, second, counts] = yield* Effect.all([program(target), program(target), stats]).pipe(
        Effect.provide(PooledHttpClient.layer)
      )
      assert.deepStrictEqual([first, second], ["hello", "hello"])
      assert.deepStrictEqual([counts.opened, counts.reused], [1, 1])
    }))
})

describe("the default options", () => {
  it.effect("are valid, so that the layer cannot fail", () =>
    Effect.gen(function*() {
      const settings = yield* toSettings({})
      assert.strictEqual(settings.places.connectionsPerOrigin, 64)
    }))
})

describe("the end of a layer", () => {
  it.scopedLive("closes its connections; who kept the client is told so", () =>
    Effect.gen(function*() {
      const target = yield* serving
      const scope = yield* Scope.make()
      const context = yield* Scope.extend(Layer.build(PooledHttpClient.layer), scope)
      const client = Context.get(context, HttpClient.HttpClient)
      const pool = Context.get(context, ConnectionPool.ConnectionPool)
      assert.strictEqual(yield* Effect.flatMap(client.get(target), (response) => response.text), "hello")
      assert.strictEqual((yield* pool.stats).idle, 1)
      yield* Scope.close(scope, Exit.void)
      const { busy, closed, idle } = yield* pool.stats
      assert.deepStrictEqual([busy, closed, idle], [0, 1, 0])
      yield* failsWith(client.get(target), "RequestError", "Encode", "PoolClosed")
    }))
})

describe("a finalizer that asks for something", () => {
  const layers = Object.entries(clients).filter(([name]) => name !== "fetch")
  /** What a finalizer got, in a scope that the layer is within, or that is within the layer. */
  const goodbye = (
    run: (program: Effect.Effect<void, never, HttpClient.HttpClient | Scope.Scope>) => Effect.Effect<void>
  ) =>
    Effect.gen(function*() {
      const target = yield* serving
      const seen: Array<string> = []
      const program = Effect.flatMap(HttpClient.HttpClient, (client) =>
        Effect.addFinalizer(() =>
          Effect.flatMap(client.get(target), (response) =>
            response.text).pipe(
              outcome,
              Effect.map((text) => seen.push(text))
            )
        ))
      yield* run(program)
      return seen
    })

  it.scopedLive.each(layers)("is answered in a scope within the layer: %s", ([, layer]) =>
    Effect.gen(function*() {
      const seen = yield* goodbye((program) => program.pipe(Effect.scoped, Effect.provide(layer)))
      assert.deepStrictEqual(seen, ["hello"])
    }))

  const outside: Readonly<Record<string, string>> = {
    ours: "RequestError Encode: PoolClosed",
    node: "hello",
    undici: "RequestError Transport"
  }
  it.scopedLive.each(layers)(
    "is not, but by node:http, in a scope around it: %s",
    ([name, layer]) =>
      Effect.gen(function*() {
        const seen = yield* goodbye((program) => program.pipe(Effect.provide(layer), Effect.scoped))
        assert.deepStrictEqual(seen, [outside[name]])
      })
  )
})

describe("layerWith", () => {
  it.scopedLive("gives the pool its options", () =>
    Effect.gen(function*() {
      const target = yield* serving
      const counts = yield* Effect.zipRight(text(target), Effect.zipRight(text(target), stats)).pipe(
        Effect.provide(PooledHttpClient.layerWith({ requestsPerConnection: 1 }))
      )
      assert.deepStrictEqual([counts.opened, counts.reused], [2, 0])
    }))

  it.effect("fails for an option that cannot be", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Layer.build(PooledHttpClient.layerWith({ connections: 0 })).pipe(Effect.scoped))
      assert.strictEqual(error._tag, "InvalidOption")
      assert.strictEqual(error.option, "connections")
    }))
})

describe("layerConfig", () => {
  const config = {
    connectionsPerOrigin: Config.integer("CONNECTIONS"),
    timeouts: { head: Config.duration("TIMEOUT") }
  }
  const built = (variables: Readonly<Record<string, string>>) =>
    Layer.build(PooledHttpClient.layerConfig(config)).pipe(
      Effect.scoped,
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))
    )

  it.effect("reads the options", () =>
    Effect.gen(function*() {
      const context = yield* built({ CONNECTIONS: "3", TIMEOUT: "5 seconds" })
      assert.isTrue(HttpClient.TypeId in Context.get(context, HttpClient.HttpClient))
    }))

  it.effect("reads parts of the TLS options, which may also be an Effect", () =>
    Effect.gen(function*() {
      const tls = yield* Layer.build(PooledHttpClient.layerConfig({ tls: { ca: Config.string("CA") } })).pipe(
        Effect.map((context) => Context.get(context, ConnectionPool.ConnectionPool).connectionOptions.tls),
        Effect.scoped,
        Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["CA", "pem"]])))
      )
      assert.deepStrictEqual(tls, { ca: "pem" })
      const asked = Effect.succeed({ ca: "pem" })
      const context = yield* Effect.scoped(Layer.build(PooledHttpClient.layerWith({ tls: asked })))
      assert.strictEqual(Context.get(context, ConnectionPool.ConnectionPool).connectionOptions.tls, asked)
    }))

  it.effect("may be one Config of all options", () =>
    Effect.gen(function*() {
      const whole = Config.map(Config.integer("N"), (connections): ConnectionPool.Options => ({ connections }))
      const error = yield* Layer.build(PooledHttpClient.layerConfig(whole)).pipe(
        Effect.scoped,
        Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["N", "-1"]]))),
        Effect.flip
      )
      assert.strictEqual(nameOf(error), "InvalidOption")
    }))

  const given: ReadonlyArray<readonly [name: string, config: Config.Config.Wrap<ConnectionPool.Options>]> = [
    ["nothing", {}],
    ["a record of nothing", { timeouts: {} }],
    ["undefined", { tls: undefined } as never],
    ["a record of undefined", { timeouts: { head: undefined }, limits: { body: Config.succeed(5) } } as never],
    ["values", { connections: 5, timeouts: { head: "5 seconds", total: Duration.seconds(6) } } as never]
  ]
  it.effect.each(given)("may have %s", ([, config]) =>
    Effect.gen(function*() {
      const context = yield* Effect.scoped(Layer.build(PooledHttpClient.layerConfig(config)))
      assert.isTrue(HttpClient.TypeId in Context.get(context, HttpClient.HttpClient))
    }))

  it.effect("fails for a value that cannot be", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        Effect.scoped(Layer.build(PooledHttpClient.layerConfig({ connections: 0 } as never)))
      )
      assert.strictEqual(nameOf(error), "InvalidOption")
    }))

  it.effect("fails for a variable that is missing", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(built({ CONNECTIONS: "3" }))
      assert.strictEqual(nameOf(error), "MissingData")
    }))

  it.effect("fails for an option that cannot be", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(built({ CONNECTIONS: "0", TIMEOUT: "5 seconds" }))
      assert.strictEqual(nameOf(error), "InvalidOption")
    }))
})

describe("layerWithoutTransport", () => {
  it.scoped("is over the transport of the context", () =>
    Effect.gen(function*() {
      const layer = Layer.provide(
        PooledHttpClient.layerWithoutTransport({ shutdownGrace: 0 }),
        T.layer([T.connection(anyHead, T.reply(ok("scripted")))])
      )
      assert.strictEqual(yield* Effect.provide(text(url), layer), "scripted")
    }))
})

describe("layerWithoutPool", () => {
  class Name extends Context.Reference<Name>()("test/LayerName", { defaultValue: () => "nobody" }) {}
  const body = HttpBody.stream(
    Stream.unwrap(Effect.map(Name, (name) => Stream.make(new TextEncoder().encode(String(name)))))
  )

  it.scoped("is over the pool of the context, and gives the streams of bodies the context that it was built in", () =>
    Effect.gen(function*() {
      const { pool, transport } = yield* clientOver(
        anyHead,
        T.discardUntil("0\r\n\r\n"),
        T.reply(ok()),
        anyHead,
        T.discardUntil("0\r\n\r\n"),
        T.reply(ok())
      )
      const layer = PooledHttpClient.layerWithoutPool.pipe(
        Layer.provide(Layer.succeed(ConnectionPool.ConnectionPool, pool)),
        Layer.provide(Layer.succeed(Name, "builder"))
      )
      yield* Effect.gen(function*() {
        yield* HttpClient.post(url, { body })
        yield* Effect.provideService(HttpClient.post(url, { body }), Name, "caller")
      }).pipe(quietly, Effect.provide(layer))
      assert.include(transport.written(0), "7\r\nbuilder\r\n")
      assert.include(transport.written(0), "6\r\ncaller\r\n")
    }))
})
