/** Options of TLS over real handshakes: a client's certificate as PKCS #12, groups, signatures, pins, the key log, the system's authorities. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as net from "node:net"
import * as tls from "node:tls"
import { TlsError } from "../../src/HttpError.ts"
import { transport } from "../../src/NodeTransport.ts"
import type * as Tls from "../../src/Tls.ts"
import { certificates, type Identity, pinOf } from "../fixtures/certificates.ts"
import { pkcs12 } from "../fixtures/pkcs12.ts"
import { leavesNothing, type Server, tcpServer, tlsServer, unusedPort } from "../fixtures/sockets.ts"

const noLimits = { dns: Infinity, connect: Infinity, tls: Infinity }
const made = Effect.promise(certificates)

const open = (port: number, options: Tls.Options) => transport.open({ host: "localhost", port, tls: options }, noLimits)

const expectTlsError = (error: { readonly _tag: string }): Effect.Effect<TlsError> =>
  Effect.sync(() => {
    if (!(error instanceof TlsError)) return assert.fail(error._tag)
    return error
  })

const refused = (port: number, options: Tls.Options) =>
  Effect.scoped(Effect.flatMap(Effect.flip(open(port, options)), expectTlsError))

/** TLS in a channel that is open already, as in a tunnel. */
const secured = (port: number, options: Tls.Options) =>
  Effect.flatMap(
    transport.open({ host: "localhost", port }, noLimits),
    (duplex) => transport.secure(duplex, "localhost", options, Infinity)
  )

const other = `sha256/${"A".repeat(43)}=`

const clientOf = (server: Server) =>
  Effect.map(server.connections.next, (peer) => (peer as tls.TLSSocket).getPeerCertificate().subject?.CN)

describe("tls.pfx", () => {
  const asking = Effect.flatMap(
    made,
    ({ ca, server }) => tlsServer({ ...server, requestCert: true, rejectUnauthorized: true, ca })
  )

  it.scopedLive.each<readonly [what: string, passphrase: string | undefined]>([
    ["without a passphrase", undefined],
    ["with a passphrase", "hunter2"]
  ])("is the client's certificate and key in one, %s", ([, passphrase]) =>
    Effect.gen(function*() {
      const { ca, client } = yield* made
      const server = yield* asking
      yield* open(server.port, { ca, pfx: pkcs12(client, passphrase), passphrase })
      assert.strictEqual(yield* clientOf(server), "Test 06")
      yield* secured(server.port, { ca, pfx: pkcs12(client, passphrase), passphrase })
      assert.strictEqual(yield* clientOf(server), "Test 06")
    }))

  it.live("that OpenSSL refuses is InvalidOptions before anything is opened, and shows no secret", () =>
    Effect.gen(function*() {
      const { client } = yield* made
      const bad: ReadonlyArray<Tls.Options> = [
        { pfx: pkcs12(client, "hunter2"), passphrase: "hunter3" },
        { pfx: pkcs12(client, "hunter2") },
        { pfx: Buffer.from("hunter2").toString("base64") },
        { pfx: "hunter2-" },
        { pfx: Buffer.from("hunter2") as never }
      ]
      const port = yield* unusedPort
      for (const options of bad) {
        const error = yield* refused(port, options)
        assert.deepStrictEqual([error.reason, error.context.fault], ["InvalidOptions", "User"])
        assert.notMatch(JSON.stringify(error) + error.message, /hunter/)
      }
    }))
})

describe("tls.ecdhCurve and tls.sigalgs", () => {
  it.scopedLive("limit what is offered", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* tlsServer({ ...identity, ecdhCurve: "P-384:X25519" })
      yield* open(server.port, { ca, ecdhCurve: "P-384" })
      yield* open(server.port, { ca, sigalgs: "ECDSA+SHA256" })
      const group = yield* refused(server.port, { ca, ecdhCurve: "P-521" })
      assert.strictEqual(group.reason, "NoCommonCipher")
      const signature = yield* refused(server.port, { ca, sigalgs: "RSA-PSS+SHA256" })
      assert.strictEqual(signature.reason, "NoCommonCipher")
    }))

  it.live("that OpenSSL refuses are InvalidOptions before anything is opened", () =>
    Effect.gen(function*() {
      const port = yield* unusedPort
      for (const options of [{ ecdhCurve: "hunter" }, { sigalgs: "hunter" }]) {
        const error = yield* refused(port, options)
        assert.deepStrictEqual([error.reason, error.context.fault], ["InvalidOptions", "User"])
      }
    }))
})

describe("tls.pins", () => {
  it.scopedLive("accept the server's own key, and those of the authorities above it", () =>
    Effect.gen(function*() {
      const { ca, chained } = yield* made
      const [, below = "", middle = ""] = chained.cert.split("-----BEGIN")
      const server = yield* tlsServer(chained)
      for (const pem of [`-----BEGIN${below}`, `-----BEGIN${middle}`, ca]) {
        yield* open(server.port, { ca, pins: [other, pinOf(pem)] })
        yield* secured(server.port, { ca, pins: [other, pinOf(pem)] })
      }
    }))

  it.live("that do not match are PinMismatch, with the pins that the server has, and it receives nothing", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const { ca, chained, server: identity } = yield* made
      const [, below = "", middle = ""] = chained.cert.split("-----BEGIN")
      const server = yield* tlsServer(chained)
      const error = yield* refused(server.port, { ca, pins: [other, pinOf(identity.cert)] })
      const found = [`-----BEGIN${below}`, `-----BEGIN${middle}`, ca].map(pinOf)
      assert.deepStrictEqual([error.reason, error.code, error.pins], ["PinMismatch", "ERR_TLS_PIN_MISMATCH", found])
      for (const pin of found) assert.include(error.message, pin)
      assert.deepInclude(error.context, { fault: "Remote", processed: "No" })
      assert.deepInclude(JSON.parse(JSON.stringify(error)), { pins: found })
      const inside = yield* Effect.flatMap(
        Effect.flip(Effect.scoped(secured(server.port, { ca, pins: [other] }))),
        expectTlsError
      )
      assert.deepStrictEqual([inside.reason, inside.pins], ["PinMismatch", found])
    }))))

  it.live("are checked in addition to the certificate and its names, not instead", () =>
    Effect.scoped(Effect.gen(function*() {
      const { ca, expired, otherName, selfSigned } = yield* made
      const cases: ReadonlyArray<readonly [Identity, string]> = [
        [expired, "CertificateExpired"],
        [otherName, "HostnameMismatch"],
        [selfSigned, "SelfSigned"]
      ]
      for (const [identity, reason] of cases) {
        const server = yield* tlsServer(identity)
        const error = yield* refused(server.port, { ca, pins: [pinOf(identity.cert)] })
        assert.strictEqual(error.reason, reason)
      }
    })))

  it.live("ignore an authority that signed nothing, though its name fits and the server sends its certificate", () =>
    Effect.scoped(Effect.gen(function*() {
      const { ca, namesake } = yield* made
      const server = yield* tlsServer({
        key: namesake.server.key,
        cert: `${namesake.server.cert}\n${ca}`
      })
      const trusted = { ca: namesake.ca }
      yield* open(server.port, { ...trusted, pins: [pinOf(namesake.server.cert)] })
      const error = yield* refused(server.port, { ...trusted, pins: [pinOf(ca)] })
      assert.strictEqual(error.reason, "PinMismatch")
      assert.notInclude(error.pins ?? [], pinOf(ca))
    })))

  it.scopedLive("hold for the server's own key alone if nothing is verified", () =>
    Effect.gen(function*() {
      const { ca, chained, expired } = yield* made
      const server = yield* tlsServer(expired)
      const duplex = yield* open(server.port, { verify: false, pins: [pinOf(expired.cert)] })
      assert.strictEqual(duplex.info.tls?.verified, false)
      const error = yield* refused(server.port, { verify: false, pins: [other] })
      assert.deepStrictEqual([error.reason, error.pins], ["PinMismatch", [pinOf(expired.cert)]])
      const whole = yield* tlsServer(chained)
      assert.strictEqual((yield* refused(whole.port, { verify: false, pins: [pinOf(ca)] })).reason, "PinMismatch")
    }))

  it.live("that no key can have are InvalidOptions, also where the types are not checked", () =>
    Effect.gen(function*() {
      const port = yield* unusedPort
      for (const pins of [[], [""], ["sha256/AAAA"], other, [other, 1], null]) {
        const error = yield* refused(port, { pins: pins as never })
        assert.deepStrictEqual([error.reason, error.code], ["InvalidOptions", "ERR_INVALID_PINS"])
      }
    }))
})

describe("tls.keylog", () => {
  it.scopedLive.each<readonly [version: "TLSv1.2" | "TLSv1.3", labels: ReadonlyArray<string>]>([
    ["TLSv1.2", ["CLIENT_RANDOM"]],
    ["TLSv1.3", [
      "SERVER_HANDSHAKE_TRAFFIC_SECRET",
      "EXPORTER_SECRET",
      "SERVER_TRAFFIC_SECRET_0",
      "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
      "CLIENT_TRAFFIC_SECRET_0"
    ]]
  ])("receives the secrets of a handshake of %s as lines", ([version, labels]) =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* tlsServer({ ...identity, minVersion: version, maxVersion: version })
      for (const connect of [open, secured]) {
        const lines: Array<string> = []
        yield* connect(server.port, { ca, keylog: (line) => lines.push(line) })
        assert.deepStrictEqual(lines.map((line) => line.split(" ")[0]).toSorted(), labels.toSorted())
        for (const line of lines) assert.match(line, /^[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]+\n$/)
      }
    }))

  it.scopedLive("that throws neither ends the connection nor the process, and is a warning", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* tlsServer(identity)
      const warned = new Promise<Error>((resolve) => process.once("warning", resolve))
      const keylog = () => {
        throw new RangeError("hunter2")
      }
      const duplex = yield* open(server.port, { ca, keylog })
      assert.isTrue(duplex.info.tls?.verified)
      const { message } = yield* Effect.promise(() => warned)
      assert.strictEqual(message, "The option \"tls.keylog\" threw RangeError")
    }))

  it.live("that is no function is InvalidOptions", () =>
    Effect.gen(function*() {
      const error = yield* refused(yield* unusedPort, { keylog: "/tmp/keys" as never })
      assert.deepStrictEqual([error.reason, error.code], ["InvalidOptions", "ERR_INVALID_KEYLOG"])
    }))
})

describe("tls.caSystem", () => {
  const isSupported = "getCACertificates" in tls

  it.live("trusts the system's authorities together with those of `ca`, or says which Node can", () =>
    Effect.scoped(Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* tlsServer(identity)
      if (isSupported) {
        assert.strictEqual((yield* refused(server.port, { caSystem: true })).reason, "UntrustedIssuer")
        const duplex = yield* open(server.port, { caSystem: true, ca })
        assert.isTrue(duplex.info.tls?.verified)
        return
      }
      const error = yield* refused(server.port, { caSystem: true, ca })
      assert.deepStrictEqual([error.reason, error.context.fault], ["InvalidOptions", "User"])
      assert.include(String(error.cause), "needs Node 22.15, 23.10 or 24, and this is Node ")
      assert.strictEqual(server.connections.all.length, 0)
    })))

  it.scopedLive("that is false is as if it were not there", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* tlsServer(identity)
      yield* open(server.port, { caSystem: false, ca })
    }))
})

describe("a handshake that fails", () => {
  it.live("HostnameMismatch has the common name of a certificate without alternative names", () =>
    Effect.scoped(Effect.gen(function*() {
      const { ca, noNames } = yield* made
      const server = yield* tlsServer(noNames)
      const error = yield* refused(server.port, { ca })
      assert.deepStrictEqual([error.reason, error.names], ["HostnameMismatch", "CN:Test 0c"])
      assert.include(error.message, `It is for "CN:Test 0c".`)
    })))

  it.live("ProtocolVersion for a server that speaks only what is older than TLS 1.2", () =>
    Effect.scoped(Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const server = yield* tlsServer({
        ...identity,
        minVersion: "TLSv1",
        maxVersion: "TLSv1.1",
        ciphers: "DEFAULT@SECLEVEL=0"
      })
      const error = yield* refused(server.port, { ca })
      assert.strictEqual(error.reason, "ProtocolVersion", error.message)
    })))

  it.live("NotTls for an HTTP server, in words", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const server = yield* tcpServer()
      server.raw.on("connection", (socket: net.Socket) =>
        socket.once("data", () =>
          socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")))
      const error = yield* refused(server.port, {})
      assert.strictEqual(error.reason, "NotTls")
      assert.include(error.message, "does not speak TLS on this port")
      assert.include(error.message, "http")
    }))))
})
