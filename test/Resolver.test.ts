/**
 * The service `Resolver` with connection, pool and platform's client: which request it runs for,
 * and how its answers, failures and defects are used.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as ConnectionPool from "../src/ConnectionPool.ts"
import * as HttpConnection from "../src/HttpConnection.ts"
import { DnsError, fromPlatform } from "../src/HttpError.ts"
import * as HttpRequest from "../src/HttpRequest.ts"
import * as NodeTransport from "../src/NodeTransport.ts"
import * as PooledHttpClient from "../src/PooledHttpClient.ts"
import * as Proxy from "../src/Proxy.ts"
import * as Resolver from "../src/Resolver.ts"
import { directory, leavesNothing, turn } from "./fixtures/sockets.ts"
import { webServer } from "./fixtures/web.ts"
import { storage } from "./node/callers.ts"

const server = webServer((request, response) => void response.end(`${request.headers.host} ${request.url}`))

const notFound = (host: string) => new DnsError({ host, reason: "NotFound", code: "ENOTFOUND", cause: undefined })

/** A resolver that says when it is asked, and never answers. `finalizer` runs when it is interrupted. */
const unanswered = (asked: Deferred.Deferred<void>, finalizer: Effect.Effect<unknown>): Resolver.Service => ({
  lookup: () => Effect.zipRight(Deferred.succeed(asked, undefined), Effect.onInterrupt(Effect.never, () => finalizer))
})

type Get = (url: URL, timeouts?: { readonly dns: number }) => Effect.Effect<string, unknown, Scope.Scope>

/** A request on each face. The error of the platform's client is that of the request below it. */
const faces: { readonly [face: string]: Get } = {
  "a connection": (url, timeouts) =>
    Effect.gen(function*() {
      const connection = yield* HttpConnection.make({ host: url.hostname, port: Number(url.port), timeouts })
      return yield* (yield* connection.execute(HttpRequest.get(url.pathname))).text
    }).pipe(Effect.provide(NodeTransport.layer)),
  "a pool": (url, timeouts) =>
    Effect.gen(function*() {
      const pool = yield* ConnectionPool.make({ connectRetryTime: 0, shutdownGrace: 0, timeouts })
      return yield* (yield* pool.execute(HttpRequest.get(url.href))).text
    }).pipe(Effect.provide(NodeTransport.layer)),
  "the platform's client": (url, timeouts) =>
    Effect.gen(function*() {
      const client = yield* HttpClient.HttpClient
      return yield* (yield* client.get(url)).text
    }).pipe(
      Effect.catchAll((error) => Effect.fail(fromPlatform(error))),
      Effect.catchTag("Some", ({ value }) => Effect.fail(value)),
      Effect.provide(PooledHttpClient.layerWith({ connectRetryTime: 0, shutdownGrace: 0, timeouts }))
    )
}

for (const [face, get] of Object.entries(faces)) {
  const scopedLive = (name: string, test: Effect.Effect<unknown, unknown, Scope.Scope>) =>
    it.live(name, () => leavesNothing(Effect.scoped(test)))

  describe(face, () => {
    scopedLive(
      "asks the resolver that it was made with for the name of the origin, and connects to its answer",
      Effect.gen(function*() {
        const { port } = yield* server
        const names: Array<string> = []
        const resolver: Resolver.Service = {
          lookup: (name) => Effect.sync(() => (names.push(name), { addresses: ["127.0.0.1"] }))
        }
        const text = yield* Effect.provideService(
          get(new URL(`http://api.test:${port}/a`)),
          Resolver.Resolver,
          resolver
        )
        assert.deepStrictEqual([text, names], [`api.test:${port} /a`, ["api.test"]])
      })
    )

    scopedLive(
      "fails with the resolver's error, which names the origin and is a copy for each request",
      Effect.gen(function*() {
        const error = notFound("api.test")
        const resolver = Resolver.layer({ lookup: () => Effect.fail(error) })
        for (const path of ["/a", "/b"]) {
          const failed = yield* Effect.flip(Effect.provide(get(new URL(`http://api.test:81${path}`)), resolver))
          assert.instanceOf(failed, DnsError)
          assert.notStrictEqual(failed, error)
          assert.strictEqual(failed instanceof DnsError && failed.context.origin, "http://api.test:81")
          assert.strictEqual(failed instanceof DnsError && failed.context.path, path)
        }
        assert.isUndefined(error.context.origin)
      })
    )

    scopedLive(
      "dies of a defect of the resolver",
      Effect.gen(function*() {
        const defect = new TypeError("a fault of the program")
        const throws = () => {
          throw defect
        }
        for (const lookup of [throws, () => Effect.die(defect), () => Effect.sync(throws)]) {
          const exit = yield* Effect.exit(
            Effect.provide(get(new URL("http://api.test:81/")), Resolver.layer({ lookup }))
          )
          // The platform's client shows a copy of the defect that names its span.
          assert.deepStrictEqual(Exit.isFailure(exit) && [...Cause.defects(exit.cause)].map(String), [String(defect)])
        }
      })
    )

    scopedLive(
      "looks up in the name of the request: its references, its services and its async context",
      Effect.gen(function*() {
        const { port } = yield* server
        const reference = FiberRef.unsafeMake("default")
        class Name extends Context.Reference<Name>()("Name", { defaultValue: () => "default" }) {}
        const seen: Array<unknown> = []
        const resolver: Resolver.Service = {
          lookup: () =>
            Effect.gen(function*() {
              seen.push(yield* FiberRef.get(reference), yield* Name, storage.getStore())
              return { addresses: ["127.0.0.1"] }
            })
        }
        const request = get(new URL(`http://api.test:${port}/`)).pipe(
          Effect.scoped,
          Effect.locally(reference, "of the caller"),
          Effect.provideService(Name, "of the caller"),
          Effect.provide(Resolver.layer(resolver))
        )
        yield* Effect.promise(() => storage.run("of the caller", () => Effect.runPromise(request)))
        assert.deepStrictEqual(seen, ["of the caller", "of the caller", "of the caller"])
      })
    )

    scopedLive(
      "interrupts the lookup when the request is interrupted",
      Effect.gen(function*() {
        const asked = yield* Deferred.make<void>()
        const interrupted = yield* Deferred.make<void>()
        const resolver = unanswered(asked, Deferred.succeed(interrupted, undefined))
        const fiber = yield* Effect.fork(
          Effect.provide(Effect.scoped(get(new URL("http://api.test:81/"))), Resolver.layer(resolver))
        )
        yield* Deferred.await(asked)
        yield* Fiber.interrupt(fiber)
        yield* Deferred.await(interrupted)
      })
    )

    scopedLive(
      "waits for the finalizers of a lookup that it interrupts",
      Effect.gen(function*() {
        const asked = yield* Deferred.make<void>()
        const gate = yield* Deferred.make<void>()
        const resolver = unanswered(asked, Deferred.await(gate))
        const fiber = yield* Effect.fork(
          Effect.provide(Effect.scoped(get(new URL("http://api.test:81/"))), Resolver.layer(resolver))
        )
        yield* Deferred.await(asked)
        const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
        for (let turns = 0; turns < 20; turns++) yield* turn
        assert.isNull(interrupting.unsafePoll())
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(interrupting)
      })
    )

    it.effect("limits the lookup by `timeouts.dns`, which interrupts it", () =>
      Effect.scoped(Effect.gen(function*() {
        const asked = yield* Deferred.make<void>()
        const interrupted = yield* Deferred.make<void>()
        const resolver = unanswered(asked, Deferred.succeed(interrupted, undefined))
        const fiber = yield* Effect.fork(
          Effect.flip(Effect.provide(get(new URL("http://api.test:81/"), { dns: 7000 }), Resolver.layer(resolver)))
        )
        yield* Deferred.await(asked)
        yield* TestClock.adjust(6999)
        assert.isNull(fiber.unsafePoll())
        yield* TestClock.adjust(1)
        const error = yield* Fiber.join(fiber)
        assert.deepInclude(error, { _tag: "HttpTimeout", kind: "dns", millis: 7000 })
        yield* Deferred.await(interrupted)
      })))

    scopedLive(
      "asks no resolver for an address",
      Effect.gen(function*() {
        const { port } = yield* server
        const resolver = Resolver.layer({ lookup: () => Effect.die("asked") })
        const text = yield* Effect.provide(get(new URL(`http://127.0.0.1:${port}/`)), resolver)
        assert.strictEqual(text, `127.0.0.1:${port} /`)
      })
    )
  })
}

describe("a lookup", () => {
  it.live("may send requests by the pool that asks it", () =>
    Effect.scoped(Effect.gen(function*() {
      const { port } = yield* webServer((request, response) =>
        void response.end(request.url === "/" ? "ok" : "127.0.0.1")
      )
      let pool: ConnectionPool.ConnectionPool | undefined
      const resolver: Resolver.Service = {
        lookup: (name) =>
          Effect.orDie(Effect.gen(function*() {
            const response = yield* pool?.execute(HttpRequest.get(`http://127.0.0.1:${port}/${name}`)) ?? Effect.die("")
            return { addresses: [yield* response.text] }
          }))
      }
      pool = yield* Effect.provide(ConnectionPool.make(), [NodeTransport.layer, Resolver.layer(resolver)])
      const response = yield* pool.execute(HttpRequest.get(`http://api.test:${port}/`))
      assert.strictEqual(yield* response.text, "ok")
    })))

  it.live("is of the proxy's name, and not of the origin's", () =>
    Effect.scoped(Effect.gen(function*() {
      const { port } = yield* server
      const names: Array<string> = []
      const resolver: Resolver.Service = {
        lookup: (name) => Effect.sync(() => (names.push(name), { addresses: ["127.0.0.1"] }))
      }
      const proxy = yield* Proxy.make({ host: "proxy.test", port })
      const pool = yield* Effect.provide(ConnectionPool.make({ proxy }), [
        NodeTransport.layer,
        Resolver.layer(resolver)
      ])
      const response = yield* pool.execute(HttpRequest.get("http://api.test/a"))
      assert.deepStrictEqual([yield* response.text, names], ["api.test http://api.test/a", ["proxy.test"]])
    })))

  it.live("is not made for a unix socket", () =>
    Effect.scoped(Effect.gen(function*() {
      const socketPath = `${yield* directory}/s`
      yield* webServer((_request, response) => void response.end("ok"), { path: socketPath })
      const connection = yield* Effect.provide(HttpConnection.make({ socketPath }), [
        NodeTransport.layer,
        Resolver.layer({ lookup: () => Effect.die("asked") })
      ])
      assert.strictEqual(yield* (yield* connection.execute(HttpRequest.get("/"))).text, "ok")
    })))

  it.live("of the system finds this machine, and a name that cannot be fails typed", () =>
    Effect.gen(function*() {
      const { addresses } = yield* Resolver.system.lookup("localhost")
      assert.include(["127.0.0.1", "::1"], addresses[0])
      const error = yield* Effect.flip(Resolver.system.lookup("-.invalid"))
      assert.instanceOf(error, DnsError)
    }))
})

describe("two clients of one program", () => {
  class First extends Context.Tag("First")<First, HttpClient.HttpClient>() {}
  class Second extends Context.Tag("Second")<Second, HttpClient.HttpClient>() {}

  const layers: Readonly<Record<string, () => Layer.Layer<HttpClient.HttpClient, unknown>>> = {
    "`layerWith`, called for each": () => PooledHttpClient.layerWith({}),
    "`Layer.fresh` of `layer`": () => Layer.fresh(PooledHttpClient.layer)
  }
  for (const [made, make] of Object.entries(layers)) {
    it.live(`made by ${made}, have each its own resolver`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { port } = yield* server
        const seen: Array<string> = []
        const client = (who: string) =>
          Layer.provide(
            make(),
            Resolver.layer({
              lookup: (name) => Effect.sync(() => (seen.push(`${who}: ${name}`), { addresses: ["127.0.0.1"] }))
            })
          )
        const both = Layer.mergeAll(
          Layer.provide(Layer.effect(First, HttpClient.HttpClient), client("first")),
          Layer.provide(Layer.effect(Second, HttpClient.HttpClient), client("second"))
        )
        yield* Effect.provide(
          Effect.scoped(Effect.gen(function*() {
            yield* (yield* First).get(`http://a.test:${port}/`)
            yield* (yield* Second).get(`http://b.test:${port}/`)
          })),
          both
        )
        assert.deepStrictEqual(seen, ["first: a.test", "second: b.test"])
      })))
  }
})
