/** A pool over real TLS: what is shared and what is not, and handshakes that fail. The server counts its sockets. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as http from "node:http"
import type * as https from "node:https"
import * as net from "node:net"
import * as tls from "node:tls"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import type { TlsReason } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type * as Tls from "../../src/Tls.ts"
import { type Certificates, certificates, pinOf } from "../fixtures/certificates.ts"
import { pkcs12 } from "../fixtures/pkcs12.ts"
import { socketCount, tlsServer, turn } from "../fixtures/sockets.ts"
import { secureWebServer } from "../fixtures/web.ts"
import { contained, descriptors, holds, originOf, retryTime, stage, textOf, until, watched } from "./poolKit.ts"

const made = Effect.promise(certificates)
const ignore = () => {}

/** What a server sees of a connection: who the client is, which name it asked for, and whether it went on from an earlier session. */
const seen: http.RequestListener = (request, response) => {
  const socket = request.socket as tls.TLSSocket & { readonly servername: string | false }
  const client = socket.getPeerCertificate().subject?.CN ?? "nobody"
  response.end(`${client} ${socket.servername} ${socket.getProtocol()} ${socket.isSessionReused() ? "resumed" : "new"}`)
}

/** A server that wants to know who the client is, but lets everybody in. */
const server = (options: https.ServerOptions = {}) =>
  Effect.gen(function*() {
    const { ca, server: identity } = yield* made
    const listening = yield* secureWebServer(
      { ...identity, ca, requestCert: true, rejectUnauthorized: false, ...options },
      seen
    )
    return { ...listening, url: `https://127.0.0.1:${listening.port}/`, ca }
  })

/** A request over a connection with these options. */
const over = (url: string, tls: Tls.Options) => HttpRequest.get("/", { origin: originOf(url, { tls }) })

describe("a pool over TLS", () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    it.live(`uses its connections again: ${version}`, () =>
      contained(Effect.gen(function*() {
        const { ca, connections, url } = yield* server({ minVersion: version, maxVersion: version })
        const pool = yield* ConnectionPool.make({ tls: { ca }, connectionsPerOrigin: 3 })
        // One after the other, so that what TLS sends by itself meets connections that are idle.
        for (let times = 0; times < 20; times++) {
          assert.strictEqual(yield* textOf(pool, HttpRequest.get(url)), `nobody false ${version} new`)
          for (let turns = 0; turns < times; turns++) yield* turn
        }
        assert.strictEqual(connections.all.length, 1)
        yield* Effect.forEach(Array.from({ length: 60 }), () => textOf(pool, HttpRequest.get(url)), {
          concurrency: 20,
          discard: true
        })
        assert.strictEqual(connections.all.length, 3)
        assert.deepInclude(yield* pool.stats, { opened: 3, requests: 80, reused: 77, retried: 0, idle: 3 })
      })))
  }

  const differing: ReadonlyArray<readonly [option: keyof Tls.Options, of: (made: Certificates) => Tls.Options]> = [
    ["serverName", () => ({ serverName: "localhost" })],
    ["ca", ({ ca, selfSigned }) => ({ ca: [ca, selfSigned.cert] })],
    ["cert", ({ client }) => ({ cert: client.cert, key: client.key })],
    ["crl", ({ crl }) => ({ crl })],
    ["minVersion", () => ({ minVersion: "TLSv1.3" })],
    ["maxVersion", () => ({ maxVersion: "TLSv1.2" })],
    ["ciphers", () => ({ ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256" })],
    ["alpn", () => ({ alpn: [] })],
    ["verify", () => ({ verify: false })],
    ["pfx", ({ client }) => ({ pfx: pkcs12(client) })],
    ["ecdhCurve", () => ({ ecdhCurve: "P-256" })],
    ["sigalgs", () => ({ sigalgs: "ECDSA+SHA256" })],
    ["pins", ({ server }) => ({ pins: [pinOf(server.cert)] })],
    ["keylog", () => ({ keylog: ignore })]
  ]
  for (const [option, of] of differing) {
    it.live(`does not share a connection with another that differs in ${option}, but with one that says the same`, () =>
      contained(Effect.gen(function*() {
        const certificates = yield* made
        const { ca, connections, url } = yield* server()
        const pool = yield* ConnectionPool.make({ tls: { ca } })
        const other: Tls.Options = { ca, ...of(certificates) }
        for (let times = 0; times < 3; times++) {
          yield* textOf(pool, HttpRequest.get(url))
          yield* textOf(pool, over(url, { ...other }))
          // Those of the pool are given here too.
          yield* textOf(pool, over(url, { ca }))
        }
        assert.strictEqual(connections.all.length, 2)
        const { origins } = yield* pool.stats
        assert.deepStrictEqual(origins.map(({ idle }) => idle), [1, 1])
        yield* holds(pool, { idle: 2 })
      })))
  }

  it.live("sends a request with the certificate that it was asked to be sent with, and with no other", () =>
    contained(Effect.gen(function*() {
      const { ca, client } = yield* made
      const { connections, url } = yield* server()
      const pool = yield* ConnectionPool.make({ connections: 2 })
      const known = { ca, cert: client.cert, key: client.key }
      const who = yield* Effect.forEach(
        Array.from({ length: 60 }, (_, index) => index % 3 === 0),
        (isKnown) => Effect.map(textOf(pool, over(url, isKnown ? known : { ca })), (text) => [isKnown, text] as const),
        { concurrency: 12 }
      )
      // A session that is resumed was begun with the same certificate.
      for (const [isKnown, text] of who) {
        assert.match(
          text,
          isKnown ? /^Test 06 false TLSv1.3 (?:new|resumed)$/ : /^nobody false TLSv1.3 (?:new|resumed)$/
        )
      }
      assert.isAtLeast(connections.all.length, 2)
    })))

  it.live("tells the server which name it wants, and keeps the names apart", () =>
    contained(Effect.gen(function*() {
      const { nameOnly, otherName } = yield* made
      const asked: Array<string> = []
      const contexts = new Map([["localhost", nameOnly], ["other.test", otherName]])
      const { ca, connections, url } = yield* server({
        SNICallback: (name, done) => {
          asked.push(name)
          const identity = contexts.get(name)
          done(null, identity === undefined ? undefined : tls.createSecureContext(identity))
        }
      })
      const pool = yield* ConnectionPool.make()
      for (let times = 0; times < 3; times++) {
        for (const name of contexts.keys()) {
          assert.include(yield* textOf(pool, over(url, { ca, serverName: name })), ` ${name} `)
        }
        // An address may not be sent (RFC 6066 section 3).
        assert.include(yield* textOf(pool, over(url, { ca })), " false ")
      }
      assert.deepStrictEqual(asked, ["localhost", "other.test"])
      assert.strictEqual(connections.all.length, 3)
    })))

  it.live("does not take a connection that was not verified for a request that must be", () =>
    contained(Effect.gen(function*() {
      const { selfSigned } = yield* made
      const { url } = yield* server(selfSigned)
      const pool = yield* ConnectionPool.make()
      yield* textOf(pool, over(url, { verify: false }))
      yield* holds(pool, { idle: 1 })
      const error = yield* Effect.flip(pool.execute(HttpRequest.get(url)))
      assert.deepInclude(error, { _tag: "TlsError", reason: "SelfSigned" })
      yield* textOf(pool, over(url, { verify: false }))
      assert.deepInclude(yield* pool.stats, { opened: 1, requests: 2, idle: 1 })
    })))

  it.live("hears at once when the server ends an idle connection, or sends what nobody asked for", () =>
    contained(Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const listening = yield* tlsServer(identity)
      listening.raw.on("secureConnection", (socket) => {
        socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
      })
      const { onEvent, reasons } = watched()
      const pool = yield* ConnectionPool.make({ tls: { ca }, onEvent })
      const endings: ReadonlyArray<(socket: net.Socket) => void> = [
        (socket) => socket.end(),
        (socket) => socket.destroy(),
        (socket) => socket.write("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")
      ]
      for (const end of endings) {
        assert.strictEqual(yield* textOf(pool, HttpRequest.get(`https://127.0.0.1:${listening.port}/`)), "ok")
        const socket = yield* listening.connections.next
        yield* holds(pool, { idle: 1 })
        end(socket)
        yield* until(pool, ({ idle }) => idle === 0)
        socket.destroy()
      }
      assert.deepStrictEqual(reasons(), ["Peer", "Peer", "Peer"])
      assert.deepInclude(yield* pool.stats, { opened: 3, reused: 0, retried: 0 })
    })))

  it.live("sends a GET once more whose connection ends when it is on its way, and not a POST", () =>
    contained(Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const listening = yield* tlsServer(identity)
      // Answers the first request of each connection, and closes at the second.
      listening.raw.on("secureConnection", (socket: net.Socket) => {
        socket.once("data", () => {
          socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
          socket.once("data", () => socket.destroy())
        })
      })
      const url = `https://127.0.0.1:${listening.port}/`
      const pool = yield* ConnectionPool.make({ tls: { ca } })
      for (let times = 0; times < 5; times++) assert.strictEqual(yield* textOf(pool, HttpRequest.get(url)), "ok")
      assert.deepInclude(yield* pool.stats, { opened: 5, requests: 9, retried: 4 })
      const post = HttpRequest.post(url, { body: HttpBody.bytes(Buffer.from("a body")) })
      const error = yield* Effect.flip(pool.execute(post))
      assert.deepInclude(error.context, { processed: "Unknown", resends: 0 })
      assert.strictEqual((yield* pool.stats).retried, 4)
      yield* holds(pool, {})
    })))
})

describe("a handshake that fails leaves nothing, and harms no other request", () => {
  interface Failing {
    readonly name: string
    readonly reason: TlsReason
    /** What the server is. */
    readonly of: (made: Certificates) => https.ServerOptions
    readonly options?: (made: Certificates) => Tls.Options
  }
  const failing: ReadonlyArray<Failing> = [
    { name: "an issuer that is not trusted", reason: "UntrustedIssuer", of: () => ({}), options: () => ({ ca: [] }) },
    { name: "its own certificate", reason: "SelfSigned", of: ({ selfSigned }) => selfSigned },
    { name: "a certificate that has expired", reason: "CertificateExpired", of: ({ expired }) => expired },
    {
      name: "a certificate that is not valid yet",
      reason: "CertificateNotYetValid",
      of: ({ notYetValid }) => notYetValid
    },
    { name: "a certificate for another name", reason: "HostnameMismatch", of: ({ otherName }) => otherName },
    {
      name: "a certificate that was revoked",
      reason: "Revoked",
      of: ({ revoked }) => revoked,
      options: ({ ca, crl }) => ({ ca, crl })
    },
    {
      name: "no version that both know",
      reason: "ProtocolVersion",
      of: () => ({ maxVersion: "TLSv1.2" }),
      options: ({ ca }) => ({ ca, minVersion: "TLSv1.3" })
    }
  ]
  for (const { name, of, options, reason } of failing) {
    it.live(`the server has ${name}`, () =>
      contained(Effect.gen(function*() {
        const certificates = yield* made
        const { url } = yield* server(of(certificates))
        const { url: good } = yield* server()
        const { all, onEvent } = watched()
        const pool = yield* ConnectionPool.make({
          tls: options?.(certificates) ?? { ca: certificates.ca },
          connections: 5,
          onEvent
        })
        const before = descriptors()
        const errors = yield* Effect.forEach(
          Array.from({ length: 30 }),
          () => Effect.flip(pool.execute(HttpRequest.get(url))),
          { concurrency: 10 }
        )
        for (const error of errors) {
          assert.deepInclude(error, { _tag: "TlsError", reason })
          assert.deepInclude(error.context, { phase: "tls", processed: "No", requestState: "NotSent", bytesWritten: 0 })
        }
        yield* holds(pool, {})
        yield* until(pool, () => descriptors() <= before)
        assert.deepInclude(yield* pool.stats, { opened: 0, closed: 0, requests: 0 })
        assert.strictEqual(all.filter(({ _tag }) => _tag === "ConnectFailed").length, 30)
        assert.include(yield* textOf(pool, over(good, { ca: certificates.ca })), "new")
      })))
  }

  it.live("the server does not speak TLS, or closes, or resets in the middle of it", () =>
    contained(Effect.gen(function*() {
      const { ca } = yield* made
      const plain = yield* stage((socket) => socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")))
      const closing = yield* stage((socket) => socket.once("data", () => socket.end()))
      const resetting = yield* stage((socket) => socket.once("data", () => socket.resetAndDestroy()))
      const pool = yield* ConnectionPool.make({ tls: { ca }, connections: 3, connectRetryTime: retryTime })
      const before = socketCount()
      for (const [{ port }, reason] of [[plain, "NotTls"], [closing, "Closed"], [resetting, "Closed"]] as const) {
        const errors = yield* Effect.forEach(
          Array.from({ length: 12 }),
          () => Effect.flip(pool.execute(HttpRequest.get(`https://127.0.0.1:${port}/`))),
          { concurrency: 6 }
        )
        for (const error of errors) assert.deepInclude(error, { _tag: "TlsError", reason })
        yield* holds(pool, {})
        yield* until(pool, () => socketCount() <= before)
      }
    })))

  it.live("the server wants a certificate: the failure comes with the handshake or with the first request, and is not repeated", () =>
    contained(Effect.gen(function*() {
      const { ca, client } = yield* made
      for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
        const { connections, url } = yield* server({
          rejectUnauthorized: true,
          maxVersion: version,
          minVersion: version
        })
        const pool = yield* ConnectionPool.make({ tls: { ca } })
        for (let times = 0; times < 5; times++) {
          const error = yield* Effect.flip(pool.execute(HttpRequest.get(url)))
          assert.deepInclude(error, { _tag: "TlsError", reason: "ClientCertificate" })
          assert.deepInclude(error.context, { phase: "tls", fault: "User", processed: "No" })
          yield* holds(pool, {})
        }
        assert.strictEqual((yield* pool.stats).retried, 0)
        // Nobody was let in.
        assert.strictEqual(connections.all.length, 0)
        assert.include(yield* textOf(pool, over(url, { ca, cert: client.cert, key: client.key })), "Test 06")
      }
    })))

  it.live("those who wait behind it get an attempt of their own", () =>
    contained(Effect.gen(function*() {
      const { ca, selfSigned, server: good } = yield* made
      let handshakes = 0
      const { connections, port } = yield* server({
        // A server whose certificate is put right meanwhile.
        SNICallback: (_name, done) => done(null, tls.createSecureContext(++handshakes <= 2 ? selfSigned : good))
      })
      const pool = yield* ConnectionPool.make({ connections: 1 })
      const request = over(`https://127.0.0.1:${port}/`, { ca, serverName: "localhost" })
      const fibers = yield* Effect.forEach(Array.from({ length: 5 }), () =>
        Effect.fork(Effect.either(textOf(pool, request))))
      const ends = yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(
        ends.map(({ _tag }) =>
          _tag
        ),
        ["Left", "Left", "Right", "Right", "Right"]
      )
      assert.deepStrictEqual([handshakes, connections.all.length], [3, 1])
      assert.deepInclude(yield* pool.stats, { opened: 1, requests: 3, reused: 2 })
    })))

  it.live("http and https to the same port are two origins", () =>
    contained(Effect.gen(function*() {
      const { ca, url } = yield* server()
      const pool = yield* ConnectionPool.make({ tls: { ca }, connectionsPerOrigin: 1 })
      yield* textOf(pool, HttpRequest.get(url))
      const error = yield* Effect.flip(pool.execute(HttpRequest.get(url.replace("https", "http"))))
      assert.strictEqual(error.context.connection?.reused, false)
      yield* textOf(pool, HttpRequest.get(url))
      assert.deepInclude(yield* pool.stats, { retried: 0, reused: 1, idle: 1 })
    })))
})
