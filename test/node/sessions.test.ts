/** Sessions of TLS: which are kept, for how long, and which connection resumes one. Where real, the server says whether it did. */
import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import { EventEmitter } from "node:events"
import * as net from "node:net"
import type * as tls from "node:tls"
import * as HttpConnection from "../../src/HttpConnection.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import { serviceOf } from "../../src/internal/effect/transport.ts"
import { keyed } from "../../src/internal/model/tlsOptions.ts"
import { makeDialer } from "../../src/internal/node/dialer.ts"
import { accept, close, endOf, follow, Sessions, sessionsOf, Visit } from "../../src/internal/node/sessions.ts"
import { SocketDuplex } from "../../src/internal/node/socket.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import type * as Tls from "../../src/Tls.ts"
import type { Duplex } from "../../src/Transport.ts"
import { type Certificates, certificates, pinOf } from "../fixtures/certificates.ts"
import { closed, leavesNothing, Recorder, serve, type Server, tlsServer, turnUntil } from "../fixtures/sockets.ts"
import { secureWebServer } from "../fixtures/web.ts"

const { transport } = NodeTransport
const noLimits = { dns: Infinity, connect: Infinity, tls: Infinity }
const made = Effect.promise(certificates)
const hour = 60 * 60 * 1000

/** Equal options are one record, as in an origin. */
const same = (options: Tls.Options): Tls.Options => {
  const kept = keyed(options)
  if ("_tag" in kept) throw kept
  return kept.options
}

const sizeOf = (options: Tls.Options): number | undefined => sessionsOf(options)?.size

describe("the sessions of connections with the same options", () => {
  const kept = (name: string, until = 10, isSingleUse = true) => ({ session: Buffer.from(name), until, isSingleUse })
  const taken = (sessions: Sessions, server: string, now = 0) => sessions.take(server, now)?.session.toString()

  it("gives each ticket of TLS 1.3 once, the newest first", () => {
    const sessions = new Sessions(10)
    sessions.keep("a", kept("1"))
    sessions.keep("a", kept("2"))
    assert.deepStrictEqual([taken(sessions, "a"), taken(sessions, "a"), taken(sessions, "a")], ["2", "1", undefined])
    assert.strictEqual(sessions.size, 0)
  })

  it("gives the one session of TLS 1.2 as often as it is asked for", () => {
    const sessions = new Sessions(10)
    sessions.keep("a", kept("1", 10, false))
    sessions.keep("a", kept("2", 10, false))
    assert.deepStrictEqual([taken(sessions, "a"), taken(sessions, "a"), sessions.size], ["2", "2", 1])
  })

  it("gives no server the session of another", () => {
    const sessions = new Sessions(10)
    sessions.keep("a", kept("1"))
    assert.isUndefined(taken(sessions, "b"))
  })

  it("gives none whose time has come, and drops it", () => {
    const sessions = new Sessions(10)
    sessions.keep("a", kept("1", 20))
    sessions.keep("a", kept("2", 10))
    assert.strictEqual(taken(sessions, "a", 10), "1")
    sessions.keep("a", kept("3", 20, false))
    assert.isUndefined(taken(sessions, "a", 20))
    assert.strictEqual(sessions.size, 0)
  })

  it("keeps eight of a server, dropping its oldest", () => {
    const sessions = new Sessions(100)
    for (let number = 1; number <= 20; number++) sessions.keep("a", kept(String(number)))
    assert.strictEqual(sessions.size, 8)
    const all = Array.from({ length: 9 }, () => taken(sessions, "a"))
    assert.deepStrictEqual(all, ["20", "19", "18", "17", "16", "15", "14", "13", undefined])
  })

  it("keeps as many as the limit says, dropping those of the server that was unused for longest", () => {
    const sessions = new Sessions(3)
    for (const server of ["a", "b", "c"]) sessions.keep(server, kept(server))
    sessions.keep("a", kept("more"))
    assert.strictEqual(sessions.size, 3)
    assert.isUndefined(taken(sessions, "b"))
    sessions.keep("d", kept("d"))
    assert.deepStrictEqual([taken(sessions, "c"), taken(sessions, "a"), taken(sessions, "d")], [undefined, "more", "d"])
    const one = new Sessions(1)
    for (let number = 1; number <= 5; number++) one.keep(String(number % 2), kept(String(number)))
    assert.deepStrictEqual([one.size, taken(one, "1"), one.size], [1, "5", 0])
  })

  it("keeps those of a server whose one session of TLS 1.2 is used", () => {
    const sessions = new Sessions(2)
    for (const server of ["a", "b"]) sessions.keep(server, kept(server, 10, false))
    taken(sessions, "a")
    sessions.keep("c", kept("c"))
    assert.deepStrictEqual([taken(sessions, "a"), taken(sessions, "b")], ["a", undefined])
  })

  it("forgets those of a server", () => {
    const sessions = new Sessions(10)
    for (const server of ["a", "a", "b"]) sessions.keep(server, kept(server))
    sessions.forget("a")
    sessions.forget("nobody")
    assert.deepStrictEqual([sessions.size, taken(sessions, "a"), taken(sessions, "b")], [1, undefined, "b"])
  })

  it("are none with verify: false, with a revocation list, and with sessions: false", () => {
    for (const options of [{ verify: false }, { crl: "a list" }, { sessions: false as const }]) {
      assert.isUndefined(sessionsOf(options))
    }
    assert.isDefined(sessionsOf({}))
  })

  it("end with the first certificate of the chain that ends", () => {
    const chain = (...ends: ReadonlyArray<string>): tls.PeerCertificate => {
      const [valid_to = "", ...rest] = ends
      const certificate: Record<string, unknown> = { valid_to }
      certificate["issuerCertificate"] = rest.length === 0 ? certificate : chain(...rest)
      return certificate as unknown as tls.PeerCertificate
    }
    const [early, late] = ["Nov 29 09:46:02 2026 GMT", "Nov 29 09:46:03 2026 GMT"]
    assert.strictEqual(endOf(chain(late, early)), Date.parse(early))
    assert.strictEqual(endOf(chain(early, late, late)), Date.parse(early))
    assert.strictEqual(endOf(chain(late, "some day")), 0)
  })
})

/** Waits for the end that the server sends behind its tickets. */
const greeted = (duplex: Duplex): Effect.Effect<Duplex> =>
  Effect.suspend(() => {
    const receiver = new Recorder()
    duplex.attach(receiver)
    return Effect.as(
      receiver.until(() => receiver.ended || receiver.faults.length > 0),
      duplex
    )
  })

const open = (port: number, options: Tls.Options, host = "localhost") =>
  Effect.flatMap(transport.open({ host, port, tls: options }, noLimits), greeted)

/** TLS in a channel that is open already, as in a tunnel. */
const secured = (port: number, options: Tls.Options) =>
  Effect.flatMap(
    transport.open({ host: "localhost", port }, noLimits),
    (below) => Effect.flatMap(transport.secure(below, "localhost", options, Infinity), greeted)
  )

/** Opens connections one after the other, and says of each whether it was resumed. */
const resumed = <E>(...opening: ReadonlyArray<Effect.Effect<Duplex, E, Scope.Scope>>) =>
  Effect.forEach(opening, (effect) => Effect.scoped(Effect.map(effect, ({ info }) => info.tls?.resumed)))

const greeting = (options: tls.TlsOptions): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.map(tlsServer(options), (server) => {
    server.raw.on("secureConnection", (socket: tls.TLSSocket) => socket.end("hello"))
    return server
  })

const server = (options: tls.TlsOptions = {}) =>
  Effect.flatMap(made, (made) => greeting({ ...made.server, ...options }))

afterEach(() => vi.restoreAllMocks())

describe("a session", () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    for (const [way, connect] of [["directly", open], ["in a tunnel", secured]] as const) {
      it.scopedLive(`of ${version} is resumed by the next connection ${way}, which is as verified as the first`, () =>
        Effect.gen(function*() {
          const { ca } = yield* made
          const { connections, port } = yield* server({ minVersion: version, maxVersion: version })
          const options = same({ ca, ciphers: `DEFAULT:@STRENGTH:${way.replaceAll(" ", "")}` })
          for (const isResumed of [false, true, true]) {
            const { info } = yield* Effect.scoped(connect(port, options))
            assert.deepInclude(info.tls, { version, verified: true, resumed: isResumed })
            const peer = yield* connections.next
            assert.strictEqual((peer as tls.TLSSocket).isSessionReused(), isResumed)
          }
        }))
    }
  }

  it.scopedLive("of TLS 1.3 is resumed by one connection only", () =>
    Effect.gen(function*() {
      const { ca } = yield* made
      const { port } = yield* server()
      const options = same({ ca, sessions: 50 })
      yield* Effect.scoped(secured(port, options))
      assert.strictEqual(sizeOf(options), 2)
      // All five ask for a session before the server answers any of them, and so before there are new tickets.
      const below = yield* Effect.forEach(
        Array.from({ length: 5 }),
        () => transport.open({ host: "localhost", port }, noLimits)
      )
      const all = yield* Effect.forEach(
        below,
        (duplex) => Effect.flatMap(transport.secure(duplex, "localhost", options, Infinity), greeted),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(all.filter(({ info }) => info.tls?.resumed).length, 2)
    }))

  it.scopedLive("is not resumed with sessions: false", () =>
    Effect.gen(function*() {
      const { ca } = yield* made
      const { port } = yield* server()
      const options = same({ ca, sessions: false })
      assert.deepStrictEqual(yield* resumed(open(port, options), open(port, options)), [false, false])
    }))

  const others: ReadonlyArray<readonly [what: string, of: (made: Certificates) => Tls.Options]> = [
    ["ca", ({ ca, selfSigned }) => ({ ca: [ca, selfSigned.cert] })],
    ["cert", ({ client }) => ({ cert: client.cert, key: client.key })],
    ["pins", ({ server }) => ({ pins: [pinOf(server.cert)] })],
    ["serverName", () => ({ serverName: "127.0.0.1" })],
    ["minVersion", () => ({ minVersion: "TLSv1.3" })],
    ["alpn", () => ({ alpn: [] })],
    ["sessions", () => ({ sessions: 7 })],
    ["keylog", () => ({ keylog: () => {} })],
    ["verify", () => ({ verify: false })],
    ["crl", ({ crl }) => ({ crl })]
  ]
  for (const [option, of] of others) {
    it.scopedLive(`is not resumed by a connection that differs in tls.${option}`, () =>
      Effect.gen(function*() {
        const certificates = yield* made
        const { port } = yield* server({ requestCert: true, rejectUnauthorized: false, ca: certificates.ca })
        const options = { ca: certificates.ca, sessions: 60 }
        const first = same(options)
        const second = same({ ...options, ...of(certificates) })
        const found = yield* resumed(
          open(port, first),
          open(port, second),
          open(port, same({ ...options }))
        )
        assert.deepStrictEqual(found, [false, false, true])
      }))
  }

  it.scopedLive("is not resumed at another port or host, nor on another way, though the servers share their keys", () =>
    Effect.gen(function*() {
      const { ca } = yield* made
      const ticketKeys = randomBytes(48)
      const [one, two] = [yield* server({ ticketKeys }), yield* server({ ticketKeys })]
      const options = same({ ca, sessions: 61, serverName: "localhost" })
      const found = yield* resumed(
        open(one.port, options),
        open(two.port, options),
        open(one.port, options, "127.0.0.1"),
        secured(one.port, options),
        open(one.port, options)
      )
      assert.deepStrictEqual(found, [false, false, false, false, true])
    }))

  it.scopedLive("ends a day after its server was verified, whatever was resumed in between", () =>
    Effect.gen(function*() {
      const { ca } = yield* made
      const { port } = yield* server()
      const options = same({ ca, sessions: 62 })
      const began = Date.now()
      const now = vi.spyOn(Date, "now")
      const at = (hours: number) =>
        Effect.flatMap(
          Effect.sync(() => now.mockReturnValue(began + hours * hour)),
          () => resumed(open(port, options))
        )
      assert.deepStrictEqual(yield* at(0), [false])
      assert.deepStrictEqual(yield* at(12), [true])
      assert.deepStrictEqual(yield* at(23), [true])
      assert.deepStrictEqual(yield* at(25), [false])
      assert.strictEqual(yield* Effect.map(at(26), ([first]) => first), false)
    }))

  it.scopedLive("is not lost to an address that cannot be connected to", () =>
    Effect.gen(function*() {
      const { ca } = yield* made
      const { port } = yield* server({ minVersion: "TLSv1.3" })
      const options = same({ ca, sessions: 63 })
      const { open } = serviceOf(makeDialer({
        lookup: (_host, callback) => callback(null, [{ address: "::1" }, { address: "127.0.0.1" }]),
        staggerMillis: 250
      }))
      const connect = Effect.flatMap(open({ host: "localhost", port, tls: options }, noLimits), greeted)
      assert.deepStrictEqual(yield* resumed(connect, connect, connect), [false, true, true])
    }))

  it.scopedLive("costs an idle connection no listener once its tickets have come", () =>
    Effect.gen(function*() {
      const { ca } = yield* made
      const { port } = yield* server()
      const duplex = yield* open(port, same({ ca, sessions: 64 }))
      const released = SocketDuplex.release(duplex)
      yield* turnUntil(() => released?.socket.listenerCount("session") === 0)
    }))
})

describe("a resumed connection that brings a session", () => {
  /** What is used of a socket. Servers of Node renew no ticket of TLS 1.3, so no real one does this here. */
  class Fake extends EventEmitter {
    authorized = true
    offered: Buffer | undefined
    setSession(session: Buffer): void {
      this.offered = session
    }
    isSessionReused(): boolean {
      return this.offered !== undefined
    }
    getProtocol(): string {
      return "TLSv1.3"
    }
  }

  /** Connects, and says which session was offered; the connection brings one in turn. */
  const connect = (sessions: Sessions, brings: string, end: number): string | undefined => {
    const fake = new Fake()
    const socket = fake as unknown as tls.TLSSocket
    follow(socket, new Visit(sessions, "a"), false)
    fake.emit("connect")
    // Comes before the handshake has ended, so it counts for nothing.
    fake.emit("session", Buffer.from("early"))
    accept(socket, end)
    fake.emit("session", Buffer.from(brings))
    close(socket)
    assert.strictEqual(fake.listenerCount("session"), 0)
    return fake.offered?.toString()
  }

  it("hands on the end of the verification that began it, and not its own", () => {
    const sessions = new Sessions(10)
    const now = vi.spyOn(Date, "now").mockReturnValue(0)
    assert.isUndefined(connect(sessions, "first", 10 * hour))
    now.mockReturnValue(5 * hour)
    assert.strictEqual(connect(sessions, "second", Infinity), "first")
    now.mockReturnValue(10 * hour - 1)
    assert.strictEqual(connect(sessions, "third", Infinity), "second")
    now.mockReturnValue(10 * hour)
    assert.isUndefined(connect(sessions, "fourth", Infinity))
  })

  it("ends after a day even if the certificates do not", () => {
    const sessions = new Sessions(10)
    const now = vi.spyOn(Date, "now").mockReturnValue(0)
    connect(sessions, "first", Infinity)
    now.mockReturnValue(24 * hour - 1)
    assert.strictEqual(connect(sessions, "second", Infinity), "first")
    now.mockReturnValue(24 * hour)
    assert.isUndefined(connect(sessions, "third", Infinity))
  })

  it("is not kept if the server was not verified, nor if its chain has ended", () => {
    const sessions = new Sessions(10)
    const fake = new Fake()
    fake.authorized = false
    const socket = fake as unknown as tls.TLSSocket
    follow(socket, new Visit(sessions, "a"), false)
    fake.emit("connect")
    accept(socket, Infinity)
    fake.emit("session", Buffer.from("first"))
    connect(sessions, "second", 0)
    assert.strictEqual(sessions.size, 0)
  })
})

describe("no session is kept", () => {
  const failing: ReadonlyArray<
    readonly [
      what: string,
      of: (made: Certificates) => { readonly server?: tls.TlsOptions; readonly tls?: Tls.Options }
    ]
  > = [
    ["has expired", ({ expired }) => ({ server: expired })],
    ["is for another host", ({ otherName }) => ({ server: otherName })],
    ["is self-signed", ({ selfSigned }) => ({ server: selfSigned })],
    ["has no pinned key", ({ client }) => ({ tls: { pins: [pinOf(client.cert)] } })]
  ]
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    for (const [what, of] of failing) {
      it.live(`of a server whose certificate ${what}: ${version}`, () =>
        leavesNothing(Effect.scoped(Effect.gen(function*() {
          const certificates = yield* made
          const { server: options, tls } = of(certificates)
          const { port } = yield* server({ ...options, minVersion: version, maxVersion: version })
          const client = same({ ca: certificates.ca, sessions: 70, ...tls })
          for (let times = 0; times < 2; times++) {
            const error: HttpError = yield* Effect.flip(Effect.scoped(open(port, client)))
            assert.strictEqual(error._tag, "TlsError")
            assert.strictEqual(sizeOf(client), 0)
          }
        }))))
    }
  }

  it.live("of a server that broke off when one was offered, and the next handshake is a full one", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const { ca } = yield* made
      const secure = yield* server({ maxVersion: "TLSv1.2" })
      let times = 0
      const front = net.createServer((socket) => {
        if (++times === 2) return void socket.once("data", () => socket.resetAndDestroy())
        const onward = net.connect(secure.port, "127.0.0.1")
        for (const end of [socket, onward]) end.on("error", () => {})
        socket.pipe(onward).pipe(socket)
      })
      const { port } = yield* serve(front, "connection", { host: "127.0.0.1", port: 0 })
      const options = same({ ca, sessions: 71 })
      yield* Effect.scoped(open(port, options))
      assert.strictEqual(sizeOf(options), 1)
      const error: HttpError = yield* Effect.flip(Effect.scoped(open(port, options)))
      assert.deepInclude(error, { _tag: "TlsError", reason: "Closed" })
      assert.strictEqual(sizeOf(options), 0)
      assert.deepStrictEqual(yield* resumed(open(port, options), open(port, options)), [false, true])
    }))))
})

describe("a single connection", () => {
  it.scopedLive("resumes the session of another with equal options", () =>
    Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const web = yield* secureWebServer(
        identity,
        ({ socket }, response) => response.end((socket as tls.TLSSocket).isSessionReused() ? "resumed" : "new")
      )
      const ask = Effect.gen(function*() {
        const connection = yield* HttpConnection.make({
          host: "localhost",
          port: web.port,
          tls: { ca: [ca], sessions: 80 }
        })
        const response = yield* connection.execute(HttpRequest.get("/"))
        return yield* response.text
      }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
      // In use for all of the test, so that a collection between the connections takes nothing.
      const inUse = same({ ca, sessions: 80 })
      assert.deepStrictEqual([yield* ask, yield* ask], ["new", "resumed"])
      assert.isDefined(sizeOf(inUse))
      const peer = yield* web.connections.next
      yield* closed(peer)
    }))
})
