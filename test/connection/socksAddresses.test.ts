/**
 * A name that this process resolves for a SOCKS proxy (`socks5`, `socks4`): which replies lead to
 * the next address, on a new connection, and what is reported when none is left.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as AddressPolicy from "../../src/AddressPolicy.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Proxy from "../../src/Proxy.ts"
import * as Resolver from "../../src/Resolver.ts"
import * as T from "../../src/TestTransport.ts"
import { watchedPool } from "../pool/harness.ts"
import { contained, failsWith, ok, started } from "./harness.ts"
import { over, settled } from "./over.ts"

const addresses = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
const names = Either.getOrThrow(Resolver.fixed({ "a.test": addresses, "proxy.test": ["10.0.0.99"] }))

const proxyOf = (scheme: Proxy.Scheme): Proxy.Proxy => Either.getOrThrow(Proxy.make({ scheme, host: "proxy.test" }))

const text = (bytes: ReadonlyArray<number>): string => Buffer.from(bytes).toString("latin1")

/** A connection to the proxy: it is asked for this address, and replies with this code. */
const asked = (version: 4 | 5, last: number, code: number): ReadonlyArray<T.Step> =>
  version === 5
    ? [
      T.expect(text([5, 1, 0])),
      T.reply(text([5, 0])),
      T.expect(text([5, 1, 0, 1, 10, 0, 0, last, 0, 80])),
      T.reply(text([5, code, 0, 1, 0, 0, 0, 0, 0, 0]))
    ]
    : [T.expect(text([4, 1, 0, 80, 10, 0, 0, last, 0])), T.reply(text([0, code, 0, 0, 0, 0, 0, 0]))]

const granted = { 4: 90, 5: 0 } as const

const withNames = Effect.provideService(Resolver.Resolver, names)

const leadOn: ReadonlyArray<readonly [reason: string, version: 4 | 5, code: number]> = [
  ["NetworkUnreachable", 5, 3],
  ["HostUnreachable", 5, 4],
  ["Refused", 5, 5],
  ["TtlExpired", 5, 6],
  ["AddressTypeNotSupported", 5, 8],
  ["Rejected", 4, 91]
]

const final: ReadonlyArray<readonly [reason: string, version: 4 | 5, code: number]> = [
  ["GeneralFailure", 5, 1],
  ["NotAllowed", 5, 2],
  ["CommandNotSupported", 5, 7],
  ["Other", 5, 99],
  ["IdentdUnreachable", 4, 92],
  ["IdentdMismatch", 4, 93]
]

describe("the next address", () => {
  it.effect.each(leadOn)("is asked for after %s of SOCKS%i, on a new connection", ([, version, code]) =>
    over(
      [
        T.connection(...asked(version, 1, code), T.expectDestroy),
        T.connection(...asked(version, 2, code), T.expectDestroy),
        T.connection(...asked(version, 3, granted[version]))
      ],
      (connection, transport) =>
        Effect.map(connection.connect, () => {
          assert.strictEqual(transport.opened.length, 3)
          assert.strictEqual(transport.openCount, 1)
        }),
      { proxy: proxyOf(`socks${version}`) }
    ).pipe(withNames))

  it.effect.each(final)(
    "is not asked for after %s of SOCKS%i, which is about the client",
    ([reason, version, code]) =>
      over(
        [T.connection(...asked(version, 1, code), T.expectDestroy)],
        (connection, transport) =>
          Effect.gen(function*() {
            const error = yield* failsWith(connection.connect, "SocksError")
            assert.deepStrictEqual([error.reason, error.attempts], [reason, undefined])
            assert.strictEqual(transport.opened.length, 1)
          }),
        { proxy: proxyOf(`socks${version}`) }
      ).pipe(withNames)
  )

  it.effect("is not asked for if the proxy wants credentials, says nothing or is not there", () =>
    Effect.gen(function*() {
      const scripts: ReadonlyArray<readonly [string, T.Connection]> = [
        ["ProxyAuthRequired", T.connection(T.expect(text([5, 1, 0])), T.reply(text([5, 255])), T.expectDestroy)],
        ["RemoteDisconnected", T.connection(T.expect(text([5, 1, 0])), T.eof)]
      ]
      for (const [tag, script] of scripts) {
        yield* over([script], (connection, transport) =>
          Effect.gen(function*() {
            const error = yield* Effect.flip(connection.connect)
            assert.strictEqual(error._tag, tag)
            assert.strictEqual(transport.opened.length, 1)
          }), { proxy: proxyOf("socks5") }).pipe(withNames)
      }
    }))

  it.effect("is not asked for if the proxy resolves the name", () =>
    over(
      [T.connection(
        T.expect(text([5, 1, 0])),
        T.reply(text([5, 0])),
        T.discardUntil("a.test\0P"),
        T.reply(text([5, 4, 0, 1, 0, 0, 0, 0, 0, 0])),
        T.expectDestroy
      )],
      (connection, transport) =>
        Effect.gen(function*() {
          yield* failsWith(connection.connect, "SocksError")
          assert.strictEqual(transport.opened.length, 1)
        }),
      { proxy: proxyOf("socks5h") }
    ).pipe(withNames))

  it.effect("is the next that the policy allows", () =>
    over(
      [T.connection(...asked(5, 1, 5), T.expectDestroy), T.connection(...asked(5, 3, 0))],
      (connection) => connection.connect,
      { proxy: proxyOf("socks5") }
    ).pipe(
      withNames,
      Effect.provideService(
        AddressPolicy.AddressPolicy,
        Either.getOrThrow(AddressPolicy.make({ allow: ["10.0.0.0/8"], deny: ["10.0.0.2/32"] }))
      )
    ))
})

describe("when no address is left", () => {
  it.effect("the error has all of them, and what the proxy said of each", () =>
    over(
      [
        T.connection(...asked(5, 1, 4), T.expectDestroy),
        T.connection(...asked(5, 2, 3), T.expectDestroy),
        T.connection(...asked(5, 3, 5), T.expectDestroy)
      ],
      (connection, transport) =>
        Effect.gen(function*() {
          const error = yield* failsWith(connection.connect, "SocksError")
          assert.deepInclude(error, { reason: "Refused", code: 5, target: "10.0.0.3:80" })
          assert.deepStrictEqual(error.attempts, [
            { target: "10.0.0.1:80", reason: "HostUnreachable", code: 4 },
            { target: "10.0.0.2:80", reason: "NetworkUnreachable", code: 3 },
            { target: "10.0.0.3:80", reason: "Refused", code: 5 }
          ])
          assert.include(error.message, "It was asked for 3 addresses: 10.0.0.1:80 (HostUnreachable), 10.0.0.2:80")
          assert.deepInclude(error.context, { phase: "proxy", processed: "No" })
          assert.strictEqual(transport.openCount, 0)
        }),
      { proxy: proxyOf("socks5") }
    ).pipe(withNames))

  it.effect("the last reply may be one that is about the client", () =>
    over(
      [T.connection(...asked(5, 1, 4), T.expectDestroy), T.connection(...asked(5, 2, 2), T.expectDestroy)],
      (connection) =>
        Effect.gen(function*() {
          const error = yield* failsWith(connection.connect, "SocksError")
          assert.deepStrictEqual(error.attempts?.map(({ reason }) => reason), ["HostUnreachable", "NotAllowed"])
        }),
      { proxy: proxyOf("socks5") }
    ).pipe(withNames))
})

describe("all attempts together", () => {
  it.effect("have `timeouts.proxy`, and the error names that limit", () =>
    over(
      [
        T.connection(
          T.expect(text([5, 1, 0])),
          T.delay("2 seconds"),
          T.reply(text([5, 0])),
          ...asked(5, 1, 4).slice(2)
        ),
        T.connection(T.expect(text([5, 1, 0])), T.stall)
      ],
      (connection, transport) =>
        Effect.gen(function*() {
          const opening = yield* Effect.fork(Effect.flip(connection.connect))
          yield* settled
          yield* TestClock.adjust("2 seconds")
          assert.strictEqual(transport.opened.length, 2)
          yield* TestClock.adjust(999)
          assert.strictEqual(transport.openCount, 1)
          yield* TestClock.adjust(1)
          assert.deepInclude(yield* Fiber.join(opening), { _tag: "HttpTimeout", kind: "proxy", millis: 3000 })
          assert.strictEqual(transport.openCount, 0)
        }),
      { proxy: proxyOf("socks5"), timeouts: { proxy: "3 seconds" } }
    ).pipe(withNames))

  it.effect("end when the caller leaves", () =>
    over(
      [T.connection(...asked(5, 1, 4), T.expectDestroy), T.connection(T.expect(text([5, 1, 0])), T.expectDestroy)],
      (connection, transport) =>
        Effect.gen(function*() {
          const opening = yield* Effect.fork(connection.connect)
          yield* settled
          assert.strictEqual(transport.opened.length, 2)
          yield* Fiber.interrupt(opening)
          assert.strictEqual(transport.openCount, 0)
        }),
      { proxy: proxyOf("socks5") }
    ).pipe(withNames))
})

it.effect("a pool lets an address rest that the proxy could not reach, and begins with one that it could", () =>
  contained(Effect.gen(function*() {
    const answer = [T.discardUntil("\r\n\r\n"), T.reply(ok("x", "Connection: close"))]
    const { pool, transport } = yield* watchedPool([
      T.connection(...asked(5, 1, 4), T.expectDestroy),
      T.connection(...asked(5, 2, 0), ...answer),
      T.connection(...asked(5, 2, 0), ...answer)
    ], { proxy: proxyOf("socks5") })
    for (const _ of [1, 2]) {
      const response = yield* started(
        Effect.flatMap(pool.execute(HttpRequest.get("http://a.test/")), ({ text }) => text)
      )
      assert.strictEqual(yield* Fiber.join(response), "x")
    }
    yield* transport.verify
  })).pipe(withNames))
