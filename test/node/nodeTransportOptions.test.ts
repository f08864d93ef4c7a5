/** The options of `NodeTransport.make`, and what errors say of the addresses that were tried. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as net from "node:net"
import { type ConnectError, type HttpTimeout, InvalidOption } from "../../src/HttpError.ts"
import { serviceOf } from "../../src/internal/effect/transport.ts"
import { makeDialer } from "../../src/internal/node/dialer.ts"
import type { Lookup } from "../../src/internal/node/resolver.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import { Transport } from "../../src/Transport.ts"
import { certificates } from "../fixtures/certificates.ts"
import { directory, tcpServer, tlsServer, unanswering, unusedPort } from "../fixtures/sockets.ts"

const noLimits = { dns: Infinity, connect: Infinity, tls: Infinity }

/** Notes how each socket is set while the scope lasts: the milliseconds of `setKeepAlive`. */
const keepAlives = Effect.gen(function*() {
  const seen: Array<unknown> = []
  const { setKeepAlive } = net.Socket.prototype
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      net.Socket.prototype.setKeepAlive = function(this: net.Socket, ...given: Parameters<typeof setKeepAlive>) {
        // Before it is connected, libuv would set 60 seconds whatever it is asked for.
        seen.push([...given, this.connecting])
        return setKeepAlive.apply(this, given)
      }
    }),
    () =>
      Effect.sync(() => {
        net.Socket.prototype.setKeepAlive = setKeepAlive
      })
  )
  return seen
})

describe("TCP keep-alive", () => {
  it.scopedLive("is on by default, after 60 seconds, with TLS and without", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* Effect.promise(certificates)
      const plain = yield* tcpServer()
      const secure = yield* tlsServer(identity)
      const seen = yield* keepAlives
      yield* NodeTransport.transport.open({ host: "127.0.0.1", port: plain.port }, noLimits)
      yield* NodeTransport.transport.open({ host: "localhost", port: secure.port, tls: { ca } }, noLimits)
      assert.deepStrictEqual(seen, [[true, 60_000, false], [true, 60_000, false]])
    }))

  it.scopedLive("is set by `tcpKeepAlive`, and not at all for 0 and `Infinity`", () =>
    Effect.gen(function*() {
      const { port } = yield* tcpServer()
      const seen = yield* keepAlives
      for (const tcpKeepAlive of ["20 seconds", 1000, 0, Infinity] as const) {
        const transport = yield* Effect.provide(Transport, NodeTransport.layerWith({ tcpKeepAlive }))
        yield* transport.open({ host: "127.0.0.1", port }, noLimits)
      }
      assert.deepStrictEqual(seen, [[true, 20_000, false], [true, 1000, false]])
    }))

  it.scopedLive("is only set on the connection that won", () =>
    Effect.gen(function*() {
      const { port } = yield* tcpServer()
      const seen = yield* keepAlives
      const lookup: Lookup = (_host, callback) => callback(null, [{ address: "::1" }, { address: "127.0.0.1" }])
      const service = serviceOf(makeDialer({ lookup, staggerMillis: 250, keepAliveMillis: 5000 }))
      yield* service.open({ host: "name.test", port }, noLimits)
      assert.deepStrictEqual(seen, [[true, 5000, false]])
    }))

  it.scopedLive("does no harm to a unix socket", () =>
    Effect.gen(function*() {
      const socketPath = `${yield* directory}/s`
      yield* tcpServer({ path: socketPath })
      yield* NodeTransport.transport.open({ host: "localhost", port: 80, socketPath }, noLimits)
    }))
})

describe("the options of a transport", () => {
  const refused: ReadonlyArray<readonly [option: string, options: unknown]> = [
    ["tcpKeepAlive", { tcpKeepAlive: -1 }],
    ["tcpKeepAlive", { tcpKeepAlive: 999 }],
    ["tcpKeepAlive", { tcpKeepAlive: "32768 seconds" }],
    ["tcpKeepAlive", { tcpKeepAlive: true }],
    ["tcpKeepAlive", { tcpKeepAlive: NaN }],
    ["attemptDelay", { attemptDelay: 99 }],
    ["attemptDelay", { attemptDelay: 2001 }],
    ["attemptDelay", { attemptDelay: "soon" }],
    ["options", []],
    ["options", true]
  ]
  for (const [option, options] of refused) {
    it(`are refused as ${JSON.stringify(options)}`, () => {
      const error = Either.getOrThrow(Either.flip(NodeTransport.make(options as NodeTransport.Options)))
      assert.deepStrictEqual([error instanceof InvalidOption, error.option], [true, option])
    })
  }

  it("are taken at their bounds, and `undefined` for the default", () => {
    const taken: ReadonlyArray<NodeTransport.Options | undefined> = [
      undefined,
      {},
      { tcpKeepAlive: undefined, attemptDelay: undefined },
      { tcpKeepAlive: "1 second", attemptDelay: 100 },
      { tcpKeepAlive: "32767 seconds", attemptDelay: "2 seconds" }
    ]
    for (const options of taken) assert.isTrue(Either.isRight(NodeTransport.make(options)))
  })
})

describe("the attempts of an error", () => {
  const answering = (...addresses: ReadonlyArray<string>): Lookup => (_host, callback) =>
    callback(null, addresses.map((address) => ({ address })))

  it.live("have the system's error of each address, and the message names them", () =>
    Effect.gen(function*() {
      const port = yield* unusedPort
      const service = serviceOf(makeDialer({ lookup: answering("::1", "127.0.0.1"), staggerMillis: 250 }))
      const opened = Effect.scoped(service.open({ host: "name.test", port }, noLimits))
      const error = (yield* Effect.flip(opened)) as ConnectError
      assert.include(
        error.message,
        "All 2 addresses were tried: ::1 (ECONNREFUSED), 127.0.0.1 (ECONNREFUSED)."
      )
      assert.deepStrictEqual(error.attempts.map(({ cause }) => (cause as NodeJS.ErrnoException).syscall), [
        "connect",
        "connect"
      ])
      assert.notInclude(JSON.stringify(error.toJSON()), "syscall")
    }))

  it.live("are in the timeout of the connect, those without an answer too", () =>
    Effect.scoped(Effect.gen(function*() {
      const port = yield* unanswering
      const lookup = answering("::1", "127.0.0.1", "127.0.0.2")
      const service = serviceOf(makeDialer({ lookup, staggerMillis: Infinity }))
      const opened = Effect.scoped(service.open({ host: "name.test", port }, { ...noLimits, connect: 50 }))
      const error = (yield* Effect.flip(opened)) as HttpTimeout
      assert.deepStrictEqual([error.kind, error.attempts], [
        "connect",
        [{ address: "::1", port, code: "ECONNREFUSED" }, { address: "127.0.0.1", port, code: "ETIMEDOUT" }]
      ])
      assert.include(error.message, "Tried: ::1 (ECONNREFUSED), 127.0.0.1 (ETIMEDOUT).")
    })))
})
