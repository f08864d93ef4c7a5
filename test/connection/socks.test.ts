/**
 * A connection through a SOCKS proxy over a script: the bytes of both, and a proxy that ends, breaks, stalls or talks too early at
 * every byte.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as AddressPolicy from "../../src/AddressPolicy.ts"
import type * as HttpConnection from "../../src/HttpConnection.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as Proxy from "../../src/Proxy.ts"
import * as Resolver from "../../src/Resolver.ts"
import * as T from "../../src/TestTransport.ts"
import { head, ok, one, over, settled } from "./over.ts"

const credentials = { username: "me", password: "hunter2" }

const proxyOf = (options: Partial<Proxy.Options> = {}): Proxy.Proxy =>
  Either.getOrThrow(Proxy.make({ scheme: "socks5h", host: "proxy.test", ...options }))

const text = (bytes: ReadonlyArray<number>): string => Buffer.from(bytes).toString("latin1")

const greeting = text([5, 2, 0, 2])
const chosen = text([5, 2])
const login = `${text([1, 2])}me${text([7])}hunter2`
const accepted = text([1, 0])
const ask = `${text([5, 1, 0, 3, 6])}a.test${text([0, 80])}`
const granted = text([5, 0, 0, 1, 127, 0, 0, 1, 0, 80])

const through: Partial<HttpConnection.Options> = { proxy: proxyOf({ credentials }) }
const get = head("GET / HTTP/1.1", "Host: a.test", "Accept-Encoding: identity")

/** The negotiation up to here: what the proxy has read and said. */
const upTo = (step: number): ReadonlyArray<T.Step> =>
  [T.expect(greeting), T.reply(chosen), T.expect(login), T.reply(accepted), T.expect(ask), T.reply(granted)].slice(
    0,
    step
  )

/** What opening fails with. Nothing is left. */
const failing = (script: ReadonlyArray<T.Step>, options: Partial<HttpConnection.Options> = through) =>
  over(one(...script), (connection, transport) =>
    Effect.gen(function*() {
      const error: HttpError = yield* Effect.flip(connection.connect)
      assert.strictEqual(transport.openCount, 0)
      assert.strictEqual(yield* connection.state, "Idle")
      assert.strictEqual(error.context.processed, "No")
      return error
    }), options)

describe("a SOCKS proxy", () => {
  it.effect.each(["bytes", 1, 3] as const)("opens the way to a plain server, split by %j", (split) =>
    over(
      one(
        T.expect(greeting),
        T.reply(chosen, { split }),
        T.expect(login),
        T.reply(accepted, { split }),
        T.expect(ask),
        T.reply(granted, { split }),
        T.expect(get),
        T.reply(ok("x"))
      ),
      (connection, transport) =>
        Effect.gen(function*() {
          yield* connection.request("GET", "/")
          const response = yield* connection.getResponse
          assert.strictEqual(yield* response.text, "x")
          assert.strictEqual(response.url, "http://a.test/")
          assert.deepStrictEqual(transport.opened.map(({ host, port }) => [host, port]), [["proxy.test", 1080]])
        }),
      through
    ))

  it.effect("opens the way to a TLS server, whose options it does not get", () =>
    over(
      one(
        T.expect(text([5, 1, 0])),
        T.reply(text([5, 0])),
        T.expect(`${text([5, 1, 0, 3, 6])}a.test${text([1, 0xbb])}`),
        T.reply(granted),
        T.expect(get),
        T.reply(ok())
      ),
      (connection, transport) =>
        Effect.gen(function*() {
          yield* connection.request("GET", "/")
          yield* connection.getResponse
          assert.isUndefined(transport.opened[0]?.tls)
          assert.deepStrictEqual(transport.secured.map(({ serverName, tls }) => [serverName, tls.ca]), [[
            "a.test",
            "PEM"
          ]])
        }),
      { proxy: proxyOf(), tls: { ca: "PEM" } }
    ))

  for (const [index, reply] of [chosen, accepted, granted].entries()) {
    const asked = upTo(index * 2 + 1)
    for (let length = 0; length < reply.length; length++) {
      const piece = length === 0 ? [] : [T.reply(reply.slice(0, length))]

      it.effect(`that ends after ${length} bytes of its answer ${index + 1} has closed`, () =>
        Effect.map(failing([...asked, ...piece, T.eof]), (error) => {
          assert.strictEqual(error._tag, "RemoteDisconnected")
          assert.deepInclude(error.context, { phase: "proxy", peer: "Proxy", proxy: "proxy.test:1080" })
          assert.include(error.message, "The proxy proxy.test:1080 closed the connection")
        }))

      it.effect(`that breaks after ${length} bytes of its answer ${index + 1} could not be read`, () =>
        Effect.map(failing([...asked, ...piece, T.fail("ECONNRESET")]), (error) => {
          assert.deepInclude(error, { _tag: "ReadError", code: "ECONNRESET" })
          assert.deepInclude(error.context, { phase: "proxy", peer: "Proxy" })
        }))
    }

    it.effect(`that says too much with its answer ${index + 1} is not trusted`, () =>
      Effect.map(failing([...asked, T.reply(`${reply}HTTP/1.1 200 OK`)]), (error) => {
        if (index < 2) assert.deepInclude(error, { _tag: "SocksError", reason: "NotSocks" })
        else assert.deepInclude(error, { _tag: "UnexpectedMessage", received: 15 })
        assert.strictEqual(error.context.phase, "proxy")
      }))

    it.effect(`that stalls before its answer ${index + 1} runs out of timeouts.proxy`, () =>
      over(one(...asked, T.stall), (connection, transport) =>
        Effect.gen(function*() {
          const opening = yield* Effect.fork(Effect.flip(connection.connect))
          yield* settled
          yield* TestClock.adjust("3 seconds")
          const error: HttpError = yield* Fiber.join(opening)
          assert.deepInclude(error, { _tag: "HttpTimeout", kind: "proxy", millis: 3000 })
          assert.include(error.message, "the proxy proxy.test:1080")
          assert.strictEqual(transport.openCount, 0)
        }), { ...through, timeouts: { proxy: "3 seconds" } }))
  }

  it.effect.each(["SSH-2.0-OpenSSH", text([5, 0]), text([5])])(
    "that speaks first says nothing that counts as an answer: %j",
    (said) =>
      over([T.connection(T.reply(said))], (connection, transport) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(connection.connect)
          assert.deepInclude(error, { _tag: "SocksError", reason: "NotSocks" })
          assert.strictEqual(transport.written(0), "")
        }), { proxy: proxyOf() })
  )

  it.effect("behind which the server speaks first does not lead to TLS", () =>
    Effect.map(
      failing([
        ...upTo(0),
        T.expect(text([5, 1, 0])),
        T.reply(text([5, 0])),
        T.discard(13),
        T.reply(`${granted}SSH-2.0`)
      ], {
        proxy: proxyOf(),
        tls: true
      }),
      (error) => {
        assert.deepInclude(error, { _tag: "TlsError", reason: "NotTls", serverName: "a.test" })
        assert.deepInclude(error.context, { phase: "tls", peer: "Server" })
      }
    ))

  it.effect("is not asked while another option gives a tunnel", () =>
    Effect.gen(function*() {
      for (const options of [{ tunnel: { host: "far.test" } }, { socketPath: "/run/app.sock" }]) {
        const error = yield* Effect.flip(over([], () => Effect.void, { ...through, ...options }))
        assert.strictEqual(error._tag, "InvalidOption")
      }
      const untyped = yield* Effect.flip(over([], () => Effect.void, { proxy: "socks5://proxy.test" as never }))
      assert.deepInclude(untyped, { _tag: "InvalidOption", option: "proxy" })
    }))
})

describe("a name that is resolved here for the proxy", () => {
  const names = Either.getOrThrow(
    Resolver.fixed({ "a.test": ["::1", "10.0.0.1", "192.0.2.7"], "six.test": ["::1"], "proxy.test": ["10.0.0.99"] })
  )
  const { publicOnly } = AddressPolicy

  const asking = (address: ReadonlyArray<number>, version: 4 | 5): ReadonlyArray<T.Step> =>
    version === 5
      ? [
        T.expect(text([5, 1, 0])),
        T.reply(text([5, 0])),
        T.expect(text([5, 1, 0, ...address, 0, 80])),
        T.reply(granted)
      ]
      : [T.expect(text([4, 1, 0, 80, ...address, 0])), T.reply(text([0, 90, 0, 0, 0, 0, 0, 0]))]

  it.effect.each<readonly [Proxy.Scheme, 4 | 5, AddressPolicy.Policy, ReadonlyArray<number>]>([
    ["socks5", 5, AddressPolicy.allowAll, [4, ...Array.from({ length: 15 }, () => 0), 1]],
    ["socks4", 4, AddressPolicy.allowAll, [10, 0, 0, 1]],
    ["socks5", 5, Either.getOrThrow(AddressPolicy.make({ allow: ["10.0.0.0/8"], deny: ["::1/128"] })), [1, 10, 0, 0, 1]]
  ])(
    "is the first address that %s %s can name and the policy allows",
    ([scheme, version, policy, address]) =>
      over(one(...asking(address, version)), (connection, transport) =>
        Effect.map(connection.connect, () => {
          assert.deepStrictEqual(transport.opened.map(({ host }) => host), ["proxy.test"])
        }), { proxy: proxyOf({ scheme }) }).pipe(
          Effect.provideService(Resolver.Resolver, names),
          Effect.provideService(AddressPolicy.AddressPolicy, policy)
        )
  )

  it.effect("is refused, before the proxy is connected to, if the policy allows none", () =>
    over([], (connection) =>
      Effect.map(Effect.flip(connection.connect), (error) => {
        assert.deepInclude(error, { _tag: "AddressRefused", host: "six.test", address: "::1" })
        assert.deepInclude(error.context, { fault: "User", peer: "Server", processed: "No" })
      }), { host: "six.test", proxy: proxyOf({ scheme: "socks5" }) }).pipe(
        Effect.provideService(Resolver.Resolver, names),
        Effect.provideService(AddressPolicy.AddressPolicy, publicOnly)
      ))

  it.effect("is refused if it has no address that SOCKS4 can name", () =>
    over([], (connection) =>
      Effect.map(Effect.flip(connection.connect), (error) => {
        assert.deepInclude(error, { _tag: "SocksError", reason: "InvalidTarget", target: "[::1]:80" })
      }), { host: "six.test", proxy: proxyOf({ scheme: "socks4" }) }).pipe(
        Effect.provideService(Resolver.Resolver, names)
      ))

  it.effect("that is unknown is the server's, and not the proxy's", () =>
    over([], (connection) =>
      Effect.map(Effect.flip(connection.connect), (error) => {
        assert.deepInclude(error, { _tag: "DnsError", host: "none.test" })
        assert.deepInclude(error.context, { phase: "dns", peer: "Server" })
        assert.notInclude(error.message, "of the proxy")
      }), { host: "none.test", proxy: proxyOf({ scheme: "socks5" }) }).pipe(
        Effect.provideService(Resolver.Resolver, names)
      ))

  it.effect("is looked up within timeouts.dns, and no longer when the opening ends", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const never: Resolver.Service = {
        lookup: (name) => Effect.onInterrupt(Effect.never, () => Effect.sync(() => log.push(`stopped ${name}`)))
      }
      yield* over([], (connection) =>
        Effect.gen(function*() {
          const opening = yield* Effect.fork(Effect.flip(connection.connect))
          yield* settled
          yield* TestClock.adjust("2 seconds")
          assert.deepInclude(yield* Fiber.join(opening), { _tag: "HttpTimeout", kind: "dns", millis: 2000 })
          const interrupted = yield* Effect.fork(connection.connect)
          yield* settled
          yield* Fiber.interrupt(interrupted)
          yield* settled
        }), { proxy: proxyOf({ scheme: "socks5" }), timeouts: { dns: "2 seconds" } }).pipe(
          Effect.provideService(Resolver.Resolver, never)
        )
      assert.deepStrictEqual(log, ["stopped a.test", "stopped a.test"])
    }))

  it.effect.each(["socks5h", "socks4a"] as const)("does not exist with %s, whose resolver is not asked", (scheme) => {
    const none: Resolver.Service = { lookup: (name) => Effect.dieMessage(`asked for ${name}`) }
    const steps = scheme === "socks5h"
      ? [T.expect(text([5, 1, 0])), T.reply(text([5, 0])), T.expect(ask), T.reply(granted)]
      : [T.expect(`${text([4, 1, 0, 80, 0, 0, 0, 1, 0])}a.test\0`), T.reply(text([0, 90, 0, 0, 0, 0, 0, 0]))]
    return over(one(...steps), (connection) => connection.connect, { proxy: proxyOf({ scheme }) }).pipe(
      Effect.provideService(Resolver.Resolver, none)
    )
  })
})
