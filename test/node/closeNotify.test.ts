/**
 * Bodies that end with a TLS connection: complete if TLS announces the end (close_notify), cut if
 * only the system does (RFC 9112 section 9.8). The end arrives together with the last bytes or
 * later, for a receiver that reads or has paused, directly and in a tunnel.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as net from "node:net"
import { constants } from "node:os"
import type * as tls from "node:tls"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpLeniency from "../../src/HttpLeniency.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import { saidClose } from "../../src/internal/node/closeNotify.ts"
import { transport } from "../../src/NodeTransport.ts"
import { certificates } from "../fixtures/certificates.ts"
import { Recorder, serve, tlsServer } from "../fixtures/sockets.ts"
import { contained, proxyAt, proxyServer } from "./poolKit.ts"

const made = Effect.promise(certificates)
const noLimits = { dns: Infinity, connect: Infinity, tls: Infinity }

/** How a server ends: `peer` speaks TLS, `raw` is the socket below. */
type End = (peer: tls.TLSSocket, raw: net.Socket | undefined, text: string) => void

const whole: ReadonlyArray<readonly [name: string, end: End]> = [
  ["together with the last bytes", (peer, _raw, text) => void peer.end(text)],
  ["after them", (peer, _raw, text) => void peer.write(text, () => setImmediate(() => peer.end()))]
]

const cut: ReadonlyArray<readonly [name: string, end: End]> = [
  ["together with the last bytes", (peer, raw, text) => void peer.write(text, () => raw?.end())],
  ["after them", (peer, raw, text) => void peer.write(text, () => setImmediate(() => raw?.end()))],
  ["because the server is gone", (peer, _raw, text) => void peer.write(text, () => peer.destroy())]
]

const answering = (end: End, length: number, version: "TLSv1.2" | "TLSv1.3" = "TLSv1.3") =>
  Effect.gen(function*() {
    const { ca, server: identity } = yield* made
    const server = yield* tlsServer({ ...identity, minVersion: version, maxVersion: version })
    let raw: net.Socket | undefined
    server.raw.on("connection", (socket: net.Socket) => {
      raw = socket
    })
    const text = `HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${"x".repeat(length)}`
    server.raw.on("secureConnection", (peer: tls.TLSSocket) => {
      peer.on("error", () => {})
      peer.once("data", () => end(peer, raw, text))
    })
    return { ca, port: server.port, url: `https://127.0.0.1:${server.port}/`, total: text.length }
  })

const viaProxy = Effect.suspend(() =>
  Effect.map(serve(proxyServer().server, "connection", { host: "127.0.0.1", port: 0 }), ({ port }) => proxyAt(port))
)

const lengths = [10, 1_000_000]

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  for (const tunnelled of [false, true]) {
    describe(`a body that ends with ${version}${tunnelled ? " in a tunnel" : ""}`, () => {
      for (const [name, end] of whole) {
        it.live(`is whole where TLS says so ${name}`, () =>
          contained(Effect.gen(function*() {
            for (const length of lengths) {
              const { ca, url } = yield* answering(end, length, version)
              const pool = yield* ConnectionPool.make({ tls: { ca }, proxy: tunnelled ? yield* viaProxy : undefined })
              const response = yield* pool.execute(HttpRequest.get(url))
              assert.strictEqual((yield* response.bytes).length, length)
              assert.isTrue(yield* response.endProven)
            }
          })))
      }

      for (const [name, end] of cut) {
        it.live(`is cut where only the system says so ${name}`, () =>
          contained(Effect.gen(function*() {
            for (const length of lengths) {
              const { ca, url } = yield* answering(end, length, version)
              const pool = yield* ConnectionPool.make({ tls: { ca }, proxy: tunnelled ? yield* viaProxy : undefined })
              const response = yield* pool.execute(HttpRequest.get(url))
              const error = yield* Effect.flip(response.bytes)
              if (error._tag !== "IncompleteRead") return assert.fail(error.message)
              assert.deepInclude(error, { received: length, unproven: true })
              assert.strictEqual(error.partial?.length, length)
              assert.isFalse(yield* response.endProven)
              const leniency = HttpLeniency.make({ missingCloseNotify: true })
              const lenient = yield* pool.execute(HttpRequest.get(url, { leniency }))
              assert.strictEqual((yield* lenient.bytes).length, length)
              assert.isFalse(yield* lenient.endProven)
            }
          })))
      }
    })
  }
}

describe("a receiver that pauses after each piece", () => {
  for (const tunnelled of [false, true]) {
    for (const [proven, ends] of [[true, whole], [false, cut]] as const) {
      for (const [name, end] of ends) {
        it.live(`is told ${proven ? "" : "not "}that the end is proven, ${name}${tunnelled ? ", in a channel" : ""}`, () =>
          contained(Effect.gen(function*() {
            const { ca, port, total } = yield* answering(end, 300_000)
            const endpoint = { host: "127.0.0.1", port }
            const duplex = tunnelled
              ? yield* transport.secure(yield* transport.open(endpoint, noLimits), "localhost", { ca }, Infinity)
              : yield* transport.open({ ...endpoint, tls: { ca } }, noLimits)
            const receiver = new Recorder()
            receiver.accepts = false
            duplex.attach(receiver)
            assert.isUndefined(duplex.endProven)
            duplex.write("?")
            while (!receiver.ended) {
              const pieces = receiver.events.all.length
              yield* receiver.until(() => receiver.events.all.length > pieces || receiver.ended)
              duplex.resume()
            }
            assert.strictEqual(receiver.length, total)
            assert.strictEqual(duplex.endProven, proven)
          })))
      }
    }
  }
})

describe("a handle below TLS", () => {
  const already = -constants.errno.EALREADY
  const answering = (answer: unknown, reading: unknown = true) => {
    let stopped = 0
    const handle = { reading, _parent: { readStart: () => answer, readStop: () => stopped++ } }
    return [saidClose(handle), stopped] as const
  }

  it("that still reads has not come to its own end: TLS has", () => {
    assert.deepStrictEqual(answering(already), [true, 0])
    assert.deepStrictEqual(answering(0, false), [true, 0])
  })

  it("that can begin again, or cannot, has come to its end, and is left as it was", () => {
    assert.deepStrictEqual(answering(0), [false, 1])
    assert.deepStrictEqual(answering(-constants.errno.ENOTCONN), [false, 0])
  })

  it("that is not as Node 20 to 24 have it says nothing", () => {
    assert.deepStrictEqual(answering(undefined), [undefined, 0])
    assert.deepStrictEqual(answering(-constants.errno.EINVAL), [undefined, 0])
    for (const handle of [undefined, null, {}, { _parent: {} }, { _parent: { readStart: () => 0 } }]) {
      assert.isUndefined(saidClose(handle))
    }
  })
})
