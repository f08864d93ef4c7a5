/**
 * Every way to fail a handshake, over every path to a server and by every face: the same reason everywhere, so that no path verifies
 * less than another, and no byte of the request at the server.
 *
 * The certificates are made when the tests begin. A path or a cell is one entry of a table.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import * as tls from "node:tls"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import type { HttpError, TlsReason } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Proxy from "../../src/Proxy.ts"
import type * as Tls from "../../src/Tls.ts"
import type { Transport } from "../../src/Transport.ts"
import { type Certificates, certificates, pinOf } from "../fixtures/certificates.ts"
import { serve } from "../fixtures/sockets.ts"
import { socksServer } from "../fixtures/socksServer.ts"
import { contained, proxyServer } from "./poolKit.ts"

const made = Effect.promise(certificates)
const host = "127.0.0.1"
const where = { host, port: 0 }

/** What a request must not show to a server that was refused. */
const marker = "hunter2"

// --- servers

/** What arrived at a server: on the wire, and within TLS. */
interface Target {
  readonly port: number
  readonly received: () => string
}

type Treat = (socket: net.Socket) => void

/** A server of these options, or one that treats its connections in another way. */
const target = (of: tls.TlsOptions | Treat): Effect.Effect<Target, never, Scope.Scope> => {
  let received = ""
  const note = (socket: net.Socket): void => {
    socket.on("error", () => {})
    socket.on("data", (bytes: Buffer) => {
      received += bytes.toString("latin1")
    })
  }
  if (typeof of === "function") {
    const server = net.createServer((socket) => {
      note(socket)
      of(socket)
    })
    return Effect.map(serve(server, "connection", where), ({ port }) => ({ port, received: () => received }))
  }
  const server = tls.createServer(of, (socket) => {
    note(socket)
    socket.on("data", (bytes: Buffer) => {
      if (bytes.includes("\r\n\r\n")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    })
  })
  return Effect.map(serve(server, "secureConnection", where), ({ port }) => ({ port, received: () => received }))
}

const once = (answer: string | Uint8Array): Treat => (socket) => void socket.once("data", () => socket.end(answer))

// --- paths and faces

type Asked = Effect.Effect<string, HttpError, Scope.Scope | Transport>

interface To {
  readonly url: string
  readonly tls: Tls.Options
  readonly proxy: Proxy.Proxy | undefined
}

const textOf = <E, R>(response: Effect.Effect<{ readonly text: Effect.Effect<string, HttpError> }, E, R>) =>
  Effect.flatMap(response, ({ text }) => text)

const byPool = ({ proxy, tls, url }: To): Asked =>
  Effect.flatMap(ConnectionPool.make({ tls, proxy }), (pool) => textOf(pool.execute(HttpRequest.get(url))))

const byConnection = ({ proxy, tls, url }: To): Asked => {
  const { pathname, port, protocol } = new URL(url)
  const options = { host, port: Number(port), tls: protocol === "https:" ? tls : false, proxy }
  return Effect.flatMap(
    HttpConnection.make(options),
    (connection) => textOf(connection.execute(HttpRequest.get(pathname)))
  )
}

/** As in `http.client`: the connection is one to the proxy, and the tunnel is set. */
const bySetTunnel = ({ proxy, tls, url }: To): Asked => {
  const { pathname, port } = new URL(url)
  return Effect.flatMap(
    HttpConnection.make({ host, port: proxy?.port, tls, tunnel: { host, port: Number(port) } }),
    (connection) => textOf(connection.execute(HttpRequest.get(pathname)))
  )
}

const faces = { "a pool": byPool, "a connection": byConnection }

const proxied = (scheme: Proxy.Scheme) =>
  Effect.gen(function*() {
    const { ca, server } = yield* made
    const proxy = scheme.startsWith("socks")
      ? socksServer().server
      : proxyServer(undefined, scheme === "https" ? server : undefined).server
    const { port } = yield* serve(proxy, "connection", where)
    return Either.getOrThrow(Proxy.make({ scheme, host, port, ...(scheme === "https" ? { tls: { ca } } : undefined) }))
  })

interface Path {
  readonly proxy: Effect.Effect<Proxy.Proxy | undefined, never, Scope.Scope>
  readonly faces: Readonly<Record<string, (to: To) => Asked>>
}

const paths: Readonly<Record<string, Path>> = {
  directly: { proxy: Effect.succeed(undefined), faces },
  "in a tunnel through a proxy": { proxy: proxied("http"), faces: { ...faces, setTunnel: bySetTunnel } },
  "in a tunnel through a proxy over TLS": { proxy: proxied("https"), faces },
  "through SOCKS5": { proxy: proxied("socks5"), faces },
  "through SOCKS4a": { proxy: proxied("socks4a"), faces }
}

// --- cells

interface Cell {
  readonly what: string
  /** `undefined` if the request is answered. */
  readonly reason: TlsReason | undefined
  readonly server: (made: Certificates) => tls.TlsOptions | Treat
  readonly options: (made: Certificates) => Tls.Options
}

const trusting = ({ ca }: Certificates): Tls.Options => ({ ca })
const valid = ({ server }: Certificates): tls.TlsOptions => server

const asking = (version: tls.SecureVersion) => ({ ca, server }: Certificates): tls.TlsOptions => ({
  ...server,
  ca,
  requestCert: true,
  rejectUnauthorized: true,
  minVersion: version,
  maxVersion: version
})

const cells: ReadonlyArray<Cell> = [
  { what: "a valid certificate", reason: undefined, server: valid, options: trusting },
  {
    what: "a pinned key and a client's certificate",
    reason: undefined,
    server: asking("TLSv1.3"),
    options: ({ ca, client, server }) => ({ ca, ...client, pins: [pinOf(server.cert)] })
  },
  { what: "an expired certificate", reason: "CertificateExpired", server: ({ expired }) => expired, options: trusting },
  {
    what: "a certificate that is not valid yet",
    reason: "CertificateNotYetValid",
    server: ({ notYetValid }) => notYetValid,
    options: trusting
  },
  {
    what: "another host's certificate",
    reason: "HostnameMismatch",
    server: ({ otherName }) => otherName,
    options: trusting
  },
  {
    what: "a certificate without alternative names",
    reason: "HostnameMismatch",
    server: ({ noNames }) => noNames,
    options: trusting
  },
  {
    what: "a self-signed certificate",
    reason: "SelfSigned",
    server: ({ selfSigned }) => selfSigned,
    options: trusting
  },
  { what: "an unknown issuer", reason: "UntrustedIssuer", server: valid, options: () => ({}) },
  {
    what: "an issuer that only has the name of the trusted one",
    reason: "InvalidCertificate",
    server: ({ namesake }) => namesake.server,
    options: trusting
  },
  { what: "nobody to trust", reason: "UntrustedIssuer", server: valid, options: () => ({ ca: [] }) },
  {
    what: "a revoked certificate",
    reason: "Revoked",
    server: ({ revoked }) => revoked,
    options: ({ ca, crl }) => ({ ca, crl })
  },
  {
    what: "a key that is not pinned",
    reason: "PinMismatch",
    server: valid,
    options: ({ ca, client }) => ({ ca, pins: [pinOf(client.cert)] })
  },
  {
    what: "a certificate for clients",
    reason: "WrongPurpose",
    server: ({ clientOnly }) => clientOnly,
    options: trusting
  },
  {
    what: "only versions older than TLS 1.2",
    reason: "ProtocolVersion",
    server: ({ server }) => ({ ...server, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" }),
    options: trusting
  },
  {
    what: "only TLS 1.2 where 1.3 is wanted",
    reason: "ProtocolVersion",
    server: ({ server }) => ({ ...server, maxVersion: "TLSv1.2" }),
    options: ({ ca }) => ({ ca, minVersion: "TLSv1.3" })
  },
  {
    what: "only the protocol h2",
    reason: "AlpnMismatch",
    server: ({ server }) => ({ ...server, ALPNProtocols: ["h2"] }),
    options: trusting
  },
  {
    what: "the wish for a client's certificate, in TLS 1.2",
    reason: "ClientCertificate",
    server: asking("TLSv1.2"),
    options: trusting
  },
  {
    what: "the wish for a client's certificate, in TLS 1.3",
    reason: "ClientCertificate",
    server: asking("TLSv1.3"),
    options: trusting
  },
  {
    what: "an alert",
    reason: "Alert",
    server: () => once(Uint8Array.of(21, 3, 3, 0, 2, 2, 80)),
    options: trusting
  },
  {
    what: "no TLS but HTTP",
    reason: "NotTls",
    server: () => once("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    options: trusting
  },
  {
    what: "options that OpenSSL refuses",
    reason: "InvalidOptions",
    server: valid,
    options: () => ({ ciphers: "none" })
  }
]

/** Asks twice, because what the first time left (a session) must not change the second. */
const asksTwice = (asked: Asked, reason: TlsReason | undefined, peer: "Server" | "Proxy") =>
  Effect.gen(function*() {
    for (let times = 0; times < 2; times++) {
      const result = yield* Effect.either(Effect.scoped(asked))
      if (reason === undefined) {
        assert.deepStrictEqual(result, Either.right("ok"))
        continue
      }
      if (Either.isRight(result)) return assert.fail("the request was answered")
      assert.deepInclude(result.left, { _tag: "TlsError", reason })
      assert.deepInclude(result.left.context, { phase: "tls", processed: "No", peer })
    }
  })

for (const [way, { faces, proxy }] of Object.entries(paths)) {
  for (const [face, ask] of Object.entries(faces)) {
    describe(`${face}, ${way}: a server with`, () => {
      for (const { options, reason, server, what } of cells) {
        it.live(
          reason === undefined ? `${what} answers` : `${what} is ${reason} and sees nothing of the request`,
          () =>
            contained(Effect.gen(function*() {
              const certificates = yield* made
              const { port, received } = yield* target(server(certificates))
              const to = { url: `https://${host}:${port}/${marker}`, tls: options(certificates), proxy: yield* proxy }
              yield* asksTwice(ask(to), reason, "Server")
              assert.strictEqual(received().includes(marker), reason === undefined)
            }))
        )
      }
    })
  }
}

for (const [face, ask] of Object.entries(faces)) {
  for (const scheme of ["http", "https"]) {
    describe(`${face}, to a server over ${scheme}: a proxy over TLS with`, () => {
      for (const { options, reason, server, what } of cells) {
        if (reason === undefined) continue
        it.live(`${what} is ${reason} and sees neither the request nor its credentials`, () =>
          contained(Effect.gen(function*() {
            const certificates = yield* made
            const { port, received } = yield* target(server(certificates))
            const credentials = { username: "user", password: marker }
            const parts = { scheme: "https", host, port, credentials, tls: options(certificates) } as const
            const proxy = Either.getOrThrow(Proxy.make(parts))
            // What is trusted of servers says nothing of proxies.
            const tls = { ca: certificates.ca, verify: false }
            yield* asksTwice(ask({ url: `${scheme}://${host}:9/${marker}`, tls, proxy }), reason, "Proxy")
            assert.notMatch(received(), /hunter2|CONNECT|Proxy-Authorization/i)
          })))
      }
    })
  }
}
