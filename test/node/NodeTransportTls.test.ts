/** The transport over real TLS: handshakes, what can be wrong with them, and TLS inside a channel. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as net from "node:net"
import { join } from "node:path"
import * as tls from "node:tls"
import type { TlsReason } from "../../src/HttpError.ts"
import { TlsError } from "../../src/HttpError.ts"
import { serviceOf } from "../../src/internal/effect/transport.ts"
import { tlsError } from "../../src/internal/error/tlsFailures.ts"
import { makeDialer } from "../../src/internal/node/dialer.ts"
import type { Lookup } from "../../src/internal/node/resolver.ts"
import * as security from "../../src/internal/node/tls.ts"
import { transport } from "../../src/NodeTransport.ts"
import type * as Tls from "../../src/Tls.ts"
import type { Duplex, Endpoint } from "../../src/Transport.ts"
import { certificates, type Identity } from "../fixtures/certificates.ts"
import {
  closed,
  directory,
  Events,
  gone,
  leavesNothing,
  Recorder,
  serve,
  socketCount,
  tcpServer,
  tlsServer,
  turn,
  turnUntil,
  unusedPort
} from "../fixtures/sockets.ts"

const noLimits = { dns: Infinity, connect: Infinity, tls: Infinity }
const made = Effect.promise(certificates)

const to = (port: number, tls: Tls.Options, host = "127.0.0.1"): Endpoint => ({ host, port, tls })

const echo = (peer: net.Socket) => {
  peer.on("data", (bytes) => peer.write(bytes))
  peer.on("end", () => peer.end())
}

const carries = (duplex: Duplex, text: string) =>
  Effect.gen(function*() {
    const receiver = new Recorder()
    duplex.attach(receiver)
    duplex.write(text.slice(0, 1), Buffer.from(text.slice(1)))
    yield* receiver.until(() => receiver.text.length >= text.length || receiver.faults.length > 0)
    assert.strictEqual(receiver.text, text)
    return receiver
  })

/** The error of a handshake with a server that has these options; it must leave nothing. */
const refused = (server: tls.TlsOptions, options: Tls.Options, host?: string) =>
  leavesNothing(Effect.scoped(Effect.gen(function*() {
    const { port } = yield* tlsServer(server)
    const error = yield* Effect.flip(transport.open(to(port, options, host), noLimits))
    assert.instanceOf(error, TlsError)
    if (error._tag !== "TlsError") throw error
    return error
  })))

describe("TLS", () => {
  it.live("carries bytes, says what was negotiated, and ends with the scope", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* tlsServer({ ...identity, ALPNProtocols: ["h2", "http/1.1"] })
      const scope = yield* Scope.make()
      const opened = transport.open(to(server.port, { ca }, "localhost"), noLimits)
      const duplex = yield* Scope.extend(opened, scope)
      const peer = yield* server.connections.next
      echo(peer)
      yield* carries(duplex, "over TLS")
      assert.deepStrictEqual(duplex.info.tls, {
        version: "TLSv1.3",
        cipher: "TLS_AES_256_GCM_SHA384",
        alpn: "http/1.1",
        verified: true,
        resumed: false
      })
      assert.strictEqual((peer as tls.TLSSocket).servername, "localhost")
      assert.strictEqual(duplex.info.remotePort, server.port)
      const { connect, dns, tls } = duplex.info.timings
      for (const millis of [dns, connect, tls]) assert.isAbove(millis ?? 0, 0)
      yield* Scope.close(scope, Exit.void)
      yield* closed(peer)
    }))))

  it.scopedLive("sends no name to an address, and checks the certificate for the address", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* tlsServer(identity)
      const duplex = yield* transport.open(to(server.port, { ca, alpn: [] }), noLimits)
      const peer = yield* server.connections.next
      assert.isFalse((peer as tls.TLSSocket).servername)
      assert.deepStrictEqual([duplex.info.tls?.verified, duplex.info.tls?.alpn], [true, undefined])
    }))

  it.scopedLive("accepts a server that chooses no protocol", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* tlsServer(identity)
      const duplex = yield* transport.open(to(server.port, { ca }), noLimits)
      assert.isUndefined(duplex.info.tls?.alpn)
    }))

  it.scopedLive("sends and checks the server name of the options, a trailing dot aside", () =>
    Effect.gen(function*() {
      const { ca, otherName } = yield* made
      const server = yield* tlsServer(otherName)
      yield* transport.open(to(server.port, { ca, serverName: "other.test." }), noLimits)
      const peer = yield* server.connections.next
      assert.strictEqual((peer as tls.TLSSocket).servername, "other.test")
    }))

  it("sends a server name beyond ASCII as punycode", () => {
    const wanted = security.make("b.test", { serverName: "Bücher.test" })
    if (wanted instanceof TlsError) return assert.fail(wanted.message)
    assert.deepStrictEqual([wanted.serverName, wanted.options.servername], [
      "xn--bcher-kva.test",
      "xn--bcher-kva.test"
    ])
  })

  it.scopedLive.each<readonly [what: string, options: object, code: string, reason: string]>([
    ["an empty server name", { serverName: "" }, "ERR_INVALID_SERVER_NAME", "it is empty"],
    ["a server name with a NUL", { serverName: "a.test\0.b" }, "ERR_INVALID_SERVER_NAME", "at offset 6"],
    ["a server name with a port", { serverName: "a.test:443" }, "ERR_INVALID_SERVER_NAME", "it has a port"],
    ["a long server name", { serverName: "a.".repeat(200) }, "ERR_INVALID_SERVER_NAME", "longer than 253"],
    ["a server name that is a number", { serverName: 5 }, "ERR_INVALID_SERVER_NAME", "it is not a string"],
    ["an empty protocol", { alpn: [""] }, "ERR_INVALID_ALPN", "1 to 255"],
    ["an empty protocol behind a good one", { alpn: ["http/1.1", ""] }, "ERR_INVALID_ALPN", "1 to 255"],
    ["a protocol of 256 characters", { alpn: ["x".repeat(256)] }, "ERR_INVALID_ALPN", "1 to 255"],
    ["a protocol beyond ASCII", { alpn: ["é"] }, "ERR_INVALID_ALPN", "1 to 255"],
    ["a protocol that is a number", { alpn: [5] }, "ERR_INVALID_ALPN", "1 to 255"],
    ["protocols that are no list", { alpn: "http/1.1" }, "ERR_INVALID_ALPN", "1 to 255"]
  ])("refuses %s before it connects", ([, options, code, reason]) =>
    Effect.gen(function*() {
      // Nobody listens there, so that a transport that connects first has another error.
      const error = yield* Effect.flip(transport.open(to(yield* unusedPort, options), noLimits))
      assert.instanceOf(error, TlsError)
      if (error._tag !== "TlsError") return
      assert.deepStrictEqual([error.reason, error.code], ["InvalidOptions", code])
      assert.include(String(error.cause), reason)
    }))

  it.scopedLive("offers a protocol of 255 characters", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* tlsServer(identity)
      yield* transport.open(to(server.port, { ca, alpn: ["x".repeat(255)] as never }), noLimits)
    }))

  it.scopedLive("shows a certificate of the client's", () =>
    Effect.gen(function*() {
      const { ca, client, server: identity } = yield* made
      const server = yield* tlsServer({ ...identity, requestCert: true, rejectUnauthorized: true, ca })
      yield* transport.open(to(server.port, { ca: [ca], ...client }), noLimits)
      const peer = yield* server.connections.next
      assert.isTrue((peer as tls.TLSSocket).authorized)
    }))

  it.scopedLive("opens without a check where verify is false, and says so", () =>
    Effect.gen(function*() {
      const { expired } = yield* made
      const server = yield* tlsServer(expired)
      const duplex = yield* transport.open(to(server.port, { verify: false }), noLimits)
      assert.isFalse(duplex.info.tls?.verified)
    }))

  it.scopedLive("sends head and first bytes as one record", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* tlsServer(identity)
      const duplex = yield* transport.open(to(server.port, { ca }), noLimits)
      const peer = yield* server.connections.next
      const records = new Events<string>()
      peer.on("data", (bytes: Buffer) => records.push(bytes.toString("latin1")))
      duplex.write("head ", Buffer.from("body"))
      assert.strictEqual(yield* records.next, "head body")
    }))

  it.scopedLive("is destroyed when what comes is not TLS any more", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* tlsServer(identity)
      const raw = new Events<net.Socket>()
      server.raw.on("connection", (socket: net.Socket) => raw.push(socket))
      const before = socketCount()
      const duplex = yield* transport.open(to(server.port, { ca }), noLimits)
      const receiver = new Recorder()
      duplex.attach(receiver)
      const peer = yield* server.connections.next
      const below = yield* raw.next
      // Past the TLS of the server's: the handle below it is written to as it is.
      yield* Effect.async<void>((resume) => {
        below.write("this is no record of TLS", () => resume(Effect.void))
      })
      yield* receiver.until(() => receiver.faults.length > 0)
      assert.match(receiver.faults[0]?.code ?? "", /^ERR_SSL_/)
      peer.destroy()
      yield* turnUntil(() => socketCount() <= before)
      assert.deepStrictEqual(receiver.events.all, ["error"])
    }))

  it.scopedLive("runs over a unix socket", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const path = join(yield* directory, "s")
      const server = yield* serve(tls.createServer(identity), "secureConnection", { path })
      const duplex = yield* transport.open({ host: "localhost", port: 443, socketPath: path, tls: { ca } }, noLimits)
      echo(yield* server.connections.next)
      yield* carries(duplex, "over a path")
    }))

  it.scopedLive("reaches the second address when the first is refused", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* tlsServer(identity)
      const lookup: Lookup = (_host, callback) => callback(null, [{ address: "::1" }, { address: "127.0.0.1" }])
      const service = serviceOf(makeDialer({ lookup, staggerMillis: 250 }))
      const duplex = yield* service.open(to(server.port, { ca }, "localhost"), noLimits)
      echo(yield* server.connections.next)
      yield* carries(duplex, "second")
      assert.strictEqual(duplex.info.remoteAddress, "127.0.0.1")
    }))

  it.scopedLive("stops reading when the receiver says so, though more is decrypted already, and loses nothing", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* tlsServer(identity)
      const duplex = yield* transport.open(to(server.port, { ca }), noLimits)
      const peer = yield* server.connections.next
      const receiver = new Recorder()
      receiver.accepts = false
      duplex.attach(receiver)
      const total = 4_000_000
      peer.end(Buffer.alloc(total))
      while (!receiver.ended) {
        const pieces = receiver.events.all.length
        yield* receiver.until(() => receiver.events.all.length > pieces)
        assert.isAtMost(receiver.events.all.length, pieces + 2)
        const before = receiver.events.all.length
        duplex.resume()
        // One piece a resume, though more may be held back; the end may follow the last one.
        assert.isAtMost(receiver.events.all.length, before + 2)
        if (receiver.events.all.length > before) duplex.resume()
      }
      assert.strictEqual(receiver.length, total)
    }))

  it.scopedLive("stops a writer that is too fast", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* tlsServer(identity)
      const duplex = yield* transport.open(to(server.port, { ca }), noLimits)
      const peer = yield* server.connections.next
      const piece = Buffer.alloc(65_536)
      let written = 0
      do written += piece.length
      while (duplex.write(piece) && written < 1e9)
      assert.isBelow(written, 1e9)
      let arrived = 0
      const all = new Events<void>()
      peer.on("data", (bytes: Buffer) => {
        arrived += bytes.length
        all.changed()
      })
      yield* Effect.async<void>((resume) => {
        duplex.drained(() => resume(Effect.void))
      })
      yield* all.until(() => arrived === written)
    }))

  it.scopedLive("tells of the end, and of a reset", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* tlsServer(identity)
      const raw = new Events<net.Socket>()
      server.raw.on("connection", (socket: net.Socket) => raw.push(socket))
      const duplex = yield* transport.open(to(server.port, { ca }), noLimits)
      const receiver = new Recorder()
      duplex.attach(receiver)
      const peer = yield* server.connections.next
      peer.end("last")
      yield* receiver.until(() => receiver.ended)
      assert.strictEqual(receiver.text, "last")

      const other = yield* transport.open(to(server.port, { ca }), noLimits)
      const second = new Recorder()
      other.attach(second)
      yield* server.connections.next
      raw.all[1]?.resetAndDestroy()
      yield* second.until(() => second.faults.length > 0)
      assert.deepStrictEqual([second.faults[0]?.code, second.events.all], ["ECONNRESET", ["error"]])
    }))

  it.scopedLive("tells the receiver when a server of TLS 1.3 wants a certificate after all", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const { port } = yield* tlsServer({ ...identity, requestCert: true, rejectUnauthorized: true, ca })
      const duplex = yield* transport.open(to(port, { ca }), noLimits)
      const receiver = new Recorder()
      duplex.attach(receiver)
      yield* receiver.until(() => receiver.faults.length > 0)
      assert.strictEqual(receiver.faults[0]?.code, "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED")
    }))
})

describe("a handshake fails with", () => {
  const cases: ReadonlyArray<readonly [TlsReason, string, "expired" | "notYetValid" | "selfSigned" | "revoked"]> = [
    ["CertificateExpired", "CERT_HAS_EXPIRED", "expired"],
    ["CertificateNotYetValid", "CERT_NOT_YET_VALID", "notYetValid"],
    ["SelfSigned", "DEPTH_ZERO_SELF_SIGNED_CERT", "selfSigned"],
    ["Revoked", "CERT_REVOKED", "revoked"]
  ]
  for (const [reason, code, identity] of cases) {
    it.live(`${reason} for a certificate that is so`, () =>
      Effect.gen(function*() {
        const all = yield* made
        const server: Identity = all[identity]
        const error = yield* refused(server, identity === "revoked" ? { ca: all.ca, crl: all.crl } : { ca: all.ca })
        assert.deepStrictEqual([error.reason, error.code, error.serverName], [reason, code, "127.0.0.1"])
      }))
  }

  it.live("UntrustedIssuer for an authority that is not known", () =>
    Effect.gen(function*() {
      const { ca, server } = yield* made
      assert.strictEqual((yield* refused(server, {})).reason, "UntrustedIssuer")
      const withRoot = yield* refused({ ...server, cert: `${server.cert}\n${ca}` }, {})
      assert.deepStrictEqual([withRoot.reason, withRoot.code], ["UntrustedIssuer", "SELF_SIGNED_CERT_IN_CHAIN"])
    }))

  it.live("HostnameMismatch and the names for a certificate of another host's", () =>
    Effect.gen(function*() {
      const { ca, otherName } = yield* made
      for (const host of ["localhost", "127.0.0.1"]) {
        const error = yield* refused(otherName, { ca }, host)
        assert.deepStrictEqual([error.reason, error.serverName, error.names], [
          "HostnameMismatch",
          host,
          "DNS:other.test"
        ])
      }
    }))

  it.live("AlpnMismatch when the server wants another protocol", () =>
    Effect.gen(function*() {
      const { ca, server } = yield* made
      const error = yield* refused({ ...server, ALPNProtocols: ["h2"] }, { ca })
      assert.strictEqual(error.reason, "AlpnMismatch")
    }))

  it.live("ProtocolVersion when the two share none", () =>
    Effect.gen(function*() {
      const { ca, server } = yield* made
      const newer = yield* refused({ ...server, minVersion: "TLSv1.3" }, { ca, maxVersion: "TLSv1.2" })
      assert.strictEqual(newer.reason, "ProtocolVersion")
    }))

  it.live("ClientCertificate, the fault of the caller, when the server wants a certificate that it does not get", () =>
    Effect.gen(function*() {
      const { ca, server } = yield* made
      const old = { ...server, maxVersion: "TLSv1.2" } as const
      const error = yield* refused({ ...old, requestCert: true, rejectUnauthorized: true, ca }, { ca })
      assert.deepStrictEqual([error.reason, error.context.fault], ["ClientCertificate", "User"])
      assert.include(error.message, "it may want a client certificate")
    }))

  // The server sends the same alert as for want of a certificate, but before it has chosen a cipher.
  it.live.each<readonly [what: string, server: tls.TlsOptions, client: Tls.Options]>([
    [
      "no cipher of TLS 1.2",
      { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" },
      { ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384", maxVersion: "TLSv1.2" }
    ],
    [
      "no cipher of TLS 1.3",
      { minVersion: "TLSv1.3", ciphers: "TLS_AES_128_GCM_SHA256" },
      { ciphers: "TLS_AES_256_GCM_SHA384" }
    ],
    ["no signature algorithm", { sigalgs: "RSA-PSS+SHA256" }, {}],
    ["no group", { ecdhCurve: "brainpoolP256r1", maxVersion: "TLSv1.2" }, {}]
  ])(
    "NoCommonCipher when the two share %s, and asks for no certificate",
    ([, options, client]) =>
      Effect.gen(function*() {
        const { ca, server } = yield* made
        const error = yield* refused({ ...server, ...options }, { ca, ...client })
        assert.deepStrictEqual([error.reason, error.context.fault], ["NoCommonCipher", "Remote"])
        assert.include(error.message, "tls.ciphers")
        assert.notInclude(error.message, "client certificate")
      })
  )

  const verdicts: ReadonlyArray<
    readonly [what: string, "server" | "clientOnly" | "odd", "otherCrl" | "oldCrl" | undefined, TlsReason, string]
  > = [
    ["no revocation list of its issuer", "server", "otherCrl", "RevocationUnknown", "has no list of its issuer"],
    ["a revocation list that has expired", "server", "oldCrl", "RevocationUnknown", "in `tls.crl` has expired"],
    ["a certificate for clients", "clientOnly", undefined, "WrongPurpose", "not meant for servers"],
    ["a critical extension that nobody knows", "odd", undefined, "InvalidCertificate", "unhandled critical extension"]
  ]
  for (const [what, identity, crl, reason, words] of verdicts) {
    it.live(`${reason} for ${what}`, () =>
      Effect.gen(function*() {
        const all = yield* made
        const options = crl === undefined ? { ca: all.ca } : { ca: all.ca, crl: all[crl] }
        const error = yield* refused(all[identity], options)
        assert.strictEqual(error.reason, reason, error.message)
        assert.include(error.message, words)
      }))
  }

  it.live("a reason and words of its own for each alert that there is", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      // Those of the registry but for close_notify, and for ech_required, which answers what is never sent.
      const alerts = [
        [10, 20, 21, 22, 30, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 60, 70, 71, 80, 86, 90],
        [100, 109, 110, 111, 112, 113, 114, 115, 116, 120]
      ].flat()
      const told = new Map<string, number>()
      for (const alert of alerts) {
        const server = yield* tcpServer()
        const fiber = yield* Effect.fork(Effect.flip(transport.open(to(server.port, {}), noLimits)))
        const peer = yield* server.connections.next
        // A record of one fatal alert (RFC 8446 sections 5.1 and 6).
        peer.resume().end(Buffer.from([21, 3, 3, 0, 2, 2, alert]))
        const error = yield* Fiber.join(fiber)
        if (error._tag !== "TlsError") return assert.fail(error.message)
        assert.notInclude(["Other", "BrokenTls", "Closed", "NotTls"], error.reason, `${alert}: ${error.message}`)
        told.set(error.message.slice(error.message.indexOf(").")), alert)
        yield* gone(peer)
      }
      // 41 and 116 both say that a certificate is wanted.
      assert.strictEqual(told.size, alerts.length - 1)
      assert.isTrue([...told.keys()].some((words) => words.includes("knows no host of this name")))
    }))))

  it.live("NotTls when the server speaks something else", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const greetings = [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "220 mail.test ESMTP\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "+OK ready\r\n",
        "RFB 003.008\n",
        Buffer.alloc(20)
      ]
      for (const greeting of greetings) {
        const server = yield* tcpServer()
        const fiber = yield* Effect.fork(Effect.flip(transport.open(to(server.port, {}), noLimits)))
        const peer = yield* server.connections.next
        peer.resume().write(greeting)
        const error = yield* Fiber.join(fiber)
        assert.strictEqual(error._tag === "TlsError" && error.reason, "NotTls")
        yield* gone(peer)
      }
    }))))

  it.live("Closed when the server ends or resets the connection", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      for (const close of [(peer: net.Socket) => peer.end(), (peer: net.Socket) => peer.resetAndDestroy()]) {
        const server = yield* tcpServer()
        const fiber = yield* Effect.fork(Effect.flip(transport.open(to(server.port, {}), noLimits)))
        const peer = yield* server.connections.next
        // After the ClientHello, or the reset would be one of the connect.
        yield* Effect.async<void>((resume) => void peer.once("data", () => resume(Effect.void)))
        close(peer)
        const error = yield* Fiber.join(fiber)
        assert.deepStrictEqual(error._tag === "TlsError" && [error.reason, error.code], ["Closed", "ECONNRESET"])
        yield* gone(peer)
      }
    }))))

  it.live("InvalidOptions, the fault of the caller, for options that OpenSSL refuses, before anything is opened, and shows no secret", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const { ca: certificate, client } = yield* made
      const server = yield* tcpServer()
      const bad: ReadonlyArray<Tls.Options> = [
        { ca: "hunter2" },
        { ca: [certificate, "hunter2"] },
        { ca: "-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n" },
        { cert: client.cert, key: "hunter2" },
        { ciphers: "hunter2" },
        { crl: "hunter2" }
      ]
      for (const options of bad) {
        const error = yield* Effect.flip(transport.open(to(server.port, options), noLimits))
        assert.strictEqual(error._tag === "TlsError" && error.reason, "InvalidOptions")
        assert.strictEqual(error.context.fault, "User")
        assert.notInclude(JSON.stringify(error) + error.message, "hunter2")
      }
      yield* transport.open({ host: "127.0.0.1", port: server.port }, noLimits)
      yield* server.connections.next
      assert.strictEqual(server.connections.all.length, 1)
    }))))
})

describe("a handshake that is not answered", () => {
  it.live("fails after its limit, and the server sees the close", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const server = yield* tcpServer()
      const error = yield* Effect.flip(Effect.scoped(transport.open(to(server.port, {}), { ...noLimits, tls: 30 })))
      assert.deepStrictEqual(error._tag === "HttpTimeout" && [error.kind, error.millis], ["tls", 30])
      yield* gone(yield* server.connections.next)
    }))))

  it.live("can be interrupted, and the server sees the close", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const server = yield* tcpServer()
      const fiber = yield* Effect.fork(Effect.scoped(transport.open(to(server.port, {}), noLimits)))
      const peer = yield* server.connections.next
      yield* Effect.async<void>((resume) => void peer.once("data", () => resume(Effect.void)))
      yield* Fiber.interrupt(fiber)
      yield* gone(peer)
    }))))
})

describe("TLS inside a channel", () => {
  /** A proxy that connects to one port: with TLS to itself where it has an identity. */
  const proxy = (port: number, identity?: Identity) => {
    const forward = (socket: net.Socket) => {
      const onward = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true })
      onward.on("error", () => socket.destroy()).on("close", () => socket.destroy())
      socket.on("close", () => onward.destroy())
      socket.pipe(onward).pipe(socket)
    }
    const server = identity === undefined
      ? net.createServer({ allowHalfOpen: true }, forward)
      : tls.createServer({ ...identity, allowHalfOpen: true }, forward)
    const event = identity === undefined ? "connection" : "secureConnection"
    return serve(server, event, { host: "127.0.0.1", port: 0 })
  }

  for (const [name, secured] of [["TCP", false], ["TLS", true]] as const) {
    it.live(`carries bytes through a proxy over ${name}, both ways at length, and ends with the scope`, () =>
      leavesNothing(Effect.scoped(Effect.gen(function*() {
        const { ca, otherName, server: identity } = yield* made
        const server = yield* tlsServer({ ...identity, ALPNProtocols: ["http/1.1"] })
        const through = yield* proxy(server.port, secured ? otherName : undefined)
        yield* Effect.scoped(Effect.gen(function*() {
          const endpoint = { host: "127.0.0.1", port: through.port }
          const outer = yield* transport.open(
            secured ? { ...endpoint, tls: { ca, serverName: "other.test" } } : endpoint,
            noLimits
          )
          const inner = yield* transport.secure(outer, "localhost", { ca }, Infinity)
          const peer = yield* server.connections.next
          assert.deepStrictEqual(
            [inner.info.tls?.alpn, inner.info.tls?.verified, (peer as tls.TLSSocket).servername],
            ["http/1.1", true, "localhost"]
          )
          assert.strictEqual(inner.info.remotePort, through.port)
          assert.isAbove(inner.info.timings.tls ?? 0, 0)
          const receiver = new Recorder()
          inner.attach(receiver)
          receiver.accepts = false
          const total = 1_000_000
          peer.on("data", (bytes) => peer.write(bytes))
          peer.on("end", () => peer.end())
          inner.write("x", Buffer.alloc(total - 1))
          inner.end()
          while (!receiver.ended) {
            const pieces = receiver.events.all.length
            yield* receiver.until(() => receiver.events.all.length > pieces || receiver.ended)
            inner.resume()
          }
          assert.strictEqual(receiver.length, total)
        }))
        yield* gone(yield* through.connections.next)
      }))))
  }

  it.scopedLive("keeps what comes before anybody is attached", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* tlsServer(identity)
      const outer = yield* transport.open({ host: "127.0.0.1", port: server.port }, noLimits)
      const inner = yield* transport.secure(outer, "localhost", { ca }, Infinity)
      const peer = yield* server.connections.next
      peer.end("early")
      const other = yield* transport.open({ host: "127.0.0.1", port: server.port, tls: { ca } }, noLimits)
      echo(yield* server.connections.next)
      yield* carries(other, "a round trip later")
      const receiver = new Recorder()
      inner.attach(receiver)
      yield* receiver.until(() => receiver.ended)
      assert.strictEqual(receiver.text, "early")
    }))

  it.live("checks the certificate for the name given, be it an address", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const { ca, nameOnly } = yield* made
      const server = yield* tlsServer(nameOnly)
      const outer = yield* transport.open({ host: "localhost", port: server.port }, noLimits)
      const error = yield* Effect.flip(transport.secure(outer, "127.0.0.1", { ca }, Infinity))
      assert.strictEqual(error._tag === "TlsError" && error.reason, "HostnameMismatch")
    }))))

  it.scopedLive("stops reading when the receiver says so", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* tlsServer(identity)
      const outer = yield* transport.open({ host: "127.0.0.1", port: server.port }, noLimits)
      const inner = yield* transport.secure(outer, "localhost", { ca }, Infinity)
      const peer = yield* server.connections.next
      const receiver = new Recorder()
      receiver.accepts = false
      inner.attach(receiver)
      const total = 32 * 1024 * 1024
      let taken = false
      peer.write(Buffer.alloc(total), () => {
        taken = true
      })
      yield* receiver.until(() => receiver.length > 0)
      // As many turns as it would take to read everything, and more.
      for (let turns = 0; turns < 5000; turns++) yield* turn
      assert.isFalse(taken)
      receiver.accepts = true
      inner.resume()
      yield* receiver.until(() => receiver.length === total)
    }))

  it.live("fails for a certificate of another host's, and closes the channel below", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const { ca, otherName } = yield* made
      const server = yield* tlsServer(otherName)
      const through = yield* proxy(server.port)
      const outer = yield* transport.open({ host: "127.0.0.1", port: through.port }, noLimits)
      const error = yield* Effect.flip(transport.secure(outer, "localhost", { ca }, Infinity))
      assert.strictEqual(error._tag === "TlsError" && error.reason, "HostnameMismatch")
      yield* gone(yield* through.connections.next)
    }))))

  it.live("fails for bad options, and closes the channel below", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const server = yield* tcpServer()
      const outer = yield* transport.open({ host: "127.0.0.1", port: server.port }, noLimits)
      const error = yield* Effect.flip(transport.secure(outer, "localhost", { ciphers: "no such" }, Infinity))
      assert.strictEqual(error._tag === "TlsError" && error.reason, "InvalidOptions")
      yield* gone(yield* server.connections.next)
    }))))

  it.live("fails after its limit, and can be interrupted, and closes the channel below", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const server = yield* tcpServer()
      const plain = { host: "127.0.0.1", port: server.port }
      const outer = yield* transport.open(plain, noLimits)
      const error = yield* Effect.flip(transport.secure(outer, "localhost", {}, 30))
      assert.strictEqual(error._tag === "HttpTimeout" && error.kind, "tls")
      yield* gone(yield* server.connections.next)

      const second = yield* transport.open(plain, noLimits)
      const peer = yield* server.connections.next
      const fiber = yield* Effect.fork(transport.secure(second, "localhost", {}, Infinity))
      yield* Effect.async<void>((resume) => void peer.once("data", () => resume(Effect.void)))
      yield* Fiber.interrupt(fiber)
      yield* gone(peer)
    }))))

  it.scopedLive("is refused where bytes had come before the handshake", () =>
    Effect.gen(function*() {
      const server = yield* tcpServer()
      const outer = yield* transport.open({ host: "127.0.0.1", port: server.port }, noLimits)
      const receiver = new Recorder()
      receiver.accepts = false
      outer.attach(receiver)
      const peer = yield* server.connections.next
      peer.write("one")
      yield* receiver.until(() => receiver.text === "one")
      assert.strictEqual(receiver.text, "one")
      // Nobody is attached to this one, so what comes is held back.
      const silent = yield* transport.open({ host: "127.0.0.1", port: server.port }, noLimits)
      const early = yield* server.connections.next
      early.write("early")
      peer.write("two")
      outer.resume()
      yield* receiver.until(() => receiver.text === "onetwo")
      const error = yield* Effect.flip(transport.secure(silent, "localhost", {}, Infinity))
      assert.deepStrictEqual(error._tag === "TlsError" && [error.reason, error.code], ["NotTls", "ERR_EARLY_BYTES"])
    }))

  it.scopedLive("is refused on a channel of another transport", () =>
    Effect.gen(function*() {
      let destroyed = false
      const foreign: Duplex = {
        info: {
          localAddress: undefined,
          localPort: undefined,
          remoteAddress: undefined,
          remotePort: undefined,
          tls: undefined,
          timings: { dns: undefined, connect: undefined, tls: undefined }
        },
        write: () => true,
        drained: () => {},
        attach: () => {},
        resume: () => {},
        end: () => {},
        destroy: () => {
          destroyed = true
        }
      }
      const error = yield* Effect.flip(transport.secure(foreign, "localhost", {}, Infinity))
      assert.strictEqual(error._tag === "TlsError" && error.code, "ERR_NOT_A_SOCKET")
      assert.isTrue(destroyed)
    }))

  it.scopedLive("breaks with a fault when the channel below is destroyed", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* tlsServer(identity)
      const outer = yield* transport.open({ host: "127.0.0.1", port: server.port }, noLimits)
      const inner = yield* transport.secure(outer, "localhost", { ca }, Infinity)
      const receiver = new Recorder()
      inner.attach(receiver)
      outer.destroy()
      yield* receiver.until(() => receiver.faults.length > 0)
      assert.deepStrictEqual([receiver.faults[0]?.code, receiver.events.all], ["ECONNRESET", ["error"]])
    }))
})

describe("what was negotiated", () => {
  it("must have been offered, which no server of Node's can be made to break", () => {
    const wanted = security.make("localhost", {})
    if (wanted instanceof TlsError) return assert.fail(wanted.message)
    const choosing = { alpnProtocol: "h2" } as tls.TLSSocket
    const error = security.negotiated(wanted, choosing)
    assert.instanceOf(error, TlsError)
    assert.propertyVal(error, "reason", "AlpnMismatch")
  })
})

describe("codes of TLS", () => {
  it("become reasons, also where only the message has them", () => {
    const reason = (code: string, message = "") => tlsError("h", Object.assign(new Error(message), { code })).reason
    const known: ReadonlyArray<readonly [string, string, TlsReason]> = [
      ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "", "UntrustedIssuer"],
      ["ERR_SSL_UNSUPPORTED_PROTOCOL", "", "ProtocolVersion"],
      ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "", "ProtocolVersion"],
      ["ERR_SSL_TLS_ALERT_HANDSHAKE_FAILURE", "", "ClientCertificate"],
      ["EPROTO", "write EPROTO 1:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:", "NotTls"],
      ["EPROTO", "write EPROTO 1:error:0A000410:SSL routines::sslv3 alert handshake failure:", "ClientCertificate"],
      ["EPROTO", "write EPROTO 1:error:0A000460:SSL routines::tlsv1 alert no application protocol:", "AlpnMismatch"],
      ["EPROTO", "", "NotTls"],
      ["EPIPE", "", "Closed"],
      ["ERR_SSL_BAD_SIGNATURE", "", "BrokenTls"],
      ["CERT_SIGNATURE_FAILURE", "", "InvalidCertificate"],
      ["SOMETHING_NEW", "", "Other"]
    ]
    for (const [code, message, expected] of known) assert.strictEqual(reason(code, message), expected, code)
  })
})
