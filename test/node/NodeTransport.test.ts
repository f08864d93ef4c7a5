/** The transport over real TCP and unix sockets. TLS is in `NodeTransportTls.test.ts`. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as net from "node:net"
import { join } from "node:path"
import { ConnectError, DnsError, HttpTimeout } from "../../src/HttpError.ts"
import { serviceOf } from "../../src/internal/effect/transport.ts"
import { interleave } from "../../src/internal/model/families.ts"
import { makeDialer } from "../../src/internal/node/dialer.ts"
import { connectError, dnsError } from "../../src/internal/node/errors.ts"
import type { Lookup } from "../../src/internal/node/resolver.ts"
import { layer, transport } from "../../src/NodeTransport.ts"
import type { Duplex, Endpoint } from "../../src/Transport.ts"
import { Transport } from "../../src/Transport.ts"
import {
  closed,
  directory,
  discardingServer,
  Events,
  gone,
  leavesNothing,
  Recorder,
  socketCount,
  tcpServer,
  turn,
  turnUntil,
  unanswering,
  unusedPort
} from "../fixtures/sockets.ts"

const noLimits = { dns: Infinity, connect: Infinity, tls: Infinity }
const local = (port: number): Endpoint => ({ host: "127.0.0.1", port })

const withLookup = (lookup: Lookup, staggerMillis = 250) => serviceOf(makeDialer({ lookup, staggerMillis }))
const answering = (...addresses: ReadonlyArray<string>): Lookup => (_host, callback) =>
  callback(null, addresses.map((address) => ({ address })))

/** Both ends of a connection. */
const pair = Effect.gen(function*() {
  const server = yield* tcpServer()
  const duplex = yield* transport.open(local(server.port), noLimits)
  const peer = yield* server.connections.next
  const receiver = new Recorder()
  return { duplex, peer, receiver }
})

const received = (peer: net.Socket) => {
  const events = new Events<string>()
  let text = ""
  let ended = false
  peer.on("data", (bytes: Buffer) => {
    text += bytes.toString("latin1")
    events.changed()
  })
  peer.on("end", () => {
    ended = true
    events.changed()
  })
  return {
    text: (expected: string) => Effect.map(events.until(() => text.length >= expected.length), () => text),
    end: events.until(() => ended)
  }
}

const drained = (duplex: Duplex) =>
  Effect.async<void>((resume) => {
    duplex.drained(() => resume(Effect.void))
  })

describe("an open channel", () => {
  it.scopedLive("carries bytes both ways", () =>
    Effect.gen(function*() {
      const { duplex, peer, receiver } = yield* pair
      duplex.attach(receiver)
      peer.on("data", (bytes) => peer.write(bytes))
      duplex.write("GET \xe9 ", Buffer.from("body"))
      duplex.write(Buffer.from("!"))
      yield* receiver.until(() => receiver.length === 11)
      assert.strictEqual(receiver.text, "GET \xe9 body!")
    }))

  it.scopedLive("does not break for no bytes", () =>
    Effect.gen(function*() {
      const { duplex, peer } = yield* pair
      const at = received(peer)
      assert.isTrue(duplex.write(""))
      assert.isTrue(duplex.write(new Uint8Array(0), new Uint8Array(0)))
      duplex.write("a", new Uint8Array(0))
      duplex.write("", Buffer.from("b"))
      assert.strictEqual(yield* at.text("ab"), "ab")
    }))

  it.scopedLive("says where it goes, and how long each phase took by the clock", () =>
    Effect.gen(function*() {
      const { duplex, peer } = yield* pair
      assert.deepStrictEqual(
        [duplex.info.remoteAddress, duplex.info.remotePort, duplex.info.localAddress, duplex.info.localPort],
        ["127.0.0.1", peer.localPort, "127.0.0.1", peer.remotePort]
      )
      assert.isUndefined(duplex.info.tls)
      assert.deepStrictEqual([duplex.info.timings.dns, duplex.info.timings.tls], [undefined, undefined])
      assert.isAbove(duplex.info.timings.connect ?? 0, 0)
    }))

  it.scopedLive("stops a writer that is too fast and calls back when all is handed over", () =>
    Effect.gen(function*() {
      const { duplex, peer } = yield* pair
      const piece = Buffer.alloc(65_536)
      let written = 0
      // The peer does not read, so at some point the system takes no more.
      do written += piece.length
      while (duplex.write(piece) && written < 1e9)
      assert.isBelow(written, 1e9)
      // More than the system takes at once, in pieces that are sent one after the other.
      const rest = Buffer.alloc(16_000_000)
      assert.isFalse(duplex.write(rest))
      assert.isFalse(duplex.write(rest))
      written += 2 * rest.length
      let calledBack = false
      duplex.drained(() => {
        // Nothing waits now, so that this one is called at once.
        duplex.drained(() => {
          calledBack = true
        })
        assert.isTrue(calledBack)
      })
      assert.isFalse(calledBack)
      let arrived = 0
      const all = new Events<void>()
      peer.on("data", (bytes: Buffer) => {
        arrived += bytes.length
        all.changed()
      })
      yield* drained(duplex)
      assert.isTrue(calledBack)
      yield* all.until(() => arrived === written)
    }))

  it.scopedLive("calls back for a small rest that did not stop the writer", () =>
    Effect.gen(function*() {
      const { duplex, peer } = yield* pair
      let pieces = 0
      while (duplex.write(Buffer.alloc(16_000)) && pieces < 10_000) pieces++
      assert.isBelow(pieces, 10_000)
      peer.resume()
      yield* drained(duplex)
      peer.pause()
      // Full again, and what is left over is less than what makes `write` say stop.
      let kept = false
      for (pieces = 0; !kept && pieces < 100_000; pieces++) {
        duplex.write(Buffer.alloc(1000))
        kept = true
        duplex.drained(() => {
          kept = false
        })
      }
      assert.isTrue(kept)
      peer.resume()
      yield* drained(duplex)
      assert.isFalse(kept)
    }))

  it.scopedLive("calls back at once when nothing waits to be sent", () =>
    Effect.gen(function*() {
      const { duplex } = yield* pair
      let calledBack = false
      duplex.drained(() => {
        calledBack = true
      })
      assert.isTrue(calledBack)
    }))

  it.scopedLive("stops reading when the receiver says so, and goes on when told", () =>
    Effect.gen(function*() {
      const { duplex, peer, receiver } = yield* pair
      receiver.accepts = false
      duplex.attach(receiver)
      const total = 32 * 1024 * 1024
      let taken = false
      peer.write(Buffer.alloc(total), () => {
        taken = true
      })
      yield* receiver.until(() => receiver.length > 0)
      // Ten further writes of a channel beside it pass through the event loop: enough turns for a leak to show.
      const beside = yield* pair
      beside.duplex.attach(beside.receiver)
      for (let turn = 1; turn <= 10; turn++) {
        beside.peer.write("x")
        yield* beside.receiver.until(() => beside.receiver.length === turn)
      }
      assert.isAtMost(receiver.length, 131_072)
      assert.isFalse(taken)
      receiver.accepts = true
      duplex.resume()
      yield* receiver.until(() => receiver.length === total)
    }))

  it.scopedLive("stops at every piece when told so each time", () =>
    Effect.gen(function*() {
      const { duplex, peer, receiver } = yield* pair
      receiver.accepts = false
      duplex.attach(receiver)
      peer.end(Buffer.alloc(1_000_000))
      while (!receiver.ended) {
        const seen = receiver.events.all.length
        yield* receiver.until(() => receiver.events.all.length > seen || receiver.ended)
        assert.isAtMost(receiver.events.all.length, seen + 2)
        duplex.resume()
      }
      assert.strictEqual(receiver.length, 1_000_000)
    }))

  it.scopedLive("keeps what comes before anybody is attached", () =>
    Effect.gen(function*() {
      const { duplex, peer, receiver } = yield* pair
      peer.write("early")
      // A second connection that is answered after the first shows that the first has been read from.
      const other = yield* pair
      other.duplex.attach(other.receiver)
      other.peer.write("later")
      yield* other.receiver.until(() => other.receiver.text === "later")
      duplex.attach(receiver)
      assert.strictEqual(receiver.text, "early")
      peer.end(" and late")
      yield* receiver.until(() => receiver.ended)
      assert.strictEqual(receiver.text, "early and late")
    }))

  it.scopedLive("tells of the end and can still send", () =>
    Effect.gen(function*() {
      const { duplex, peer, receiver } = yield* pair
      const at = received(peer)
      duplex.attach(receiver)
      peer.end("last")
      yield* receiver.until(() => receiver.ended)
      assert.strictEqual(receiver.text, "last")
      duplex.write("answer")
      duplex.end()
      yield* at.end
      assert.strictEqual(yield* at.text("answer"), "answer")
      yield* closed(peer)
      assert.deepStrictEqual(receiver.faults, [])
    }))

  it.scopedLive("can finish sending first and goes on receiving", () =>
    Effect.gen(function*() {
      const { duplex, peer, receiver } = yield* pair
      const at = received(peer)
      duplex.attach(receiver)
      duplex.end()
      yield* at.end
      peer.end("answer")
      yield* receiver.until(() => receiver.ended)
      assert.strictEqual(receiver.text, "answer")
    }))

  it.scopedLive("tells of a reset once, with the system's code, and is destroyed then", () =>
    Effect.gen(function*() {
      const { duplex, peer, receiver } = yield* pair
      duplex.attach(receiver)
      peer.resetAndDestroy()
      yield* receiver.until(() => receiver.faults.length > 0)
      assert.strictEqual(receiver.faults[0]?.code, "ECONNRESET")
      assert.instanceOf(receiver.faults[0]?.cause, Error)
      assert.isFalse(duplex.write("too late"))
      duplex.drained(() => assert.fail("called back on a broken channel"))
      duplex.end()
      duplex.destroy()
      yield* closed(peer)
      assert.deepStrictEqual(receiver.events.all, ["error"])
    }))

  it.scopedLive("delivers what the peer had sent before a write failed", () =>
    Effect.gen(function*() {
      const { duplex, peer, receiver } = yield* pair
      duplex.attach(receiver)
      yield* Effect.async<void>((resume) => {
        peer.write("413 Content Too Large", () => {
          // In one turn, so that the answer cannot have been read when the write fails.
          peer.resetAndDestroy()
          for (let attempt = 0; attempt < 100; attempt++) duplex.write("more of the body")
          resume(Effect.void)
        })
      })
      yield* receiver.until(() => receiver.faults.length > 0)
      assert.strictEqual(receiver.text, "413 Content Too Large")
      assert.include(["EPIPE", "ECONNRESET"], receiver.faults[0]?.code)
    }))

  it.scopedLive("tells the receiver nothing after destroy", () =>
    Effect.gen(function*() {
      const { duplex, peer, receiver } = yield* pair
      duplex.attach(receiver)
      peer.write("unread")
      duplex.destroy()
      duplex.destroy()
      assert.isFalse(duplex.write("x"))
      duplex.resume()
      duplex.end()
      duplex.drained(() => assert.fail("called back after destroy"))
      yield* closed(peer)
      assert.deepStrictEqual(receiver.events.all, [])
    }))

  it.live("is destroyed with its scope", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const server = yield* tcpServer()
      const scope = yield* Scope.make()
      yield* Scope.extend(transport.open(local(server.port), noLimits), scope)
      const peer = yield* server.connections.next
      yield* Scope.close(scope, Exit.void)
      yield* gone(peer)
    }))))

  it.scopedLive("is what the layer provides", () =>
    Effect.gen(function*() {
      const server = yield* tcpServer()
      const service = yield* Transport
      yield* service.open(local(server.port), noLimits)
      yield* server.connections.next
    }).pipe(Effect.provide(Layer.fresh(layer))))
})

describe("opening", () => {
  it.scopedLive("reaches an IPv6 address", () =>
    Effect.gen(function*() {
      const server = yield* tcpServer({ host: "::1", port: 0 })
      const duplex = yield* transport.open({ host: "::1", port: server.port }, noLimits)
      assert.strictEqual(duplex.info.remoteAddress, "::1")
    }))

  it.scopedLive("resolves a name, and says how long that took", () =>
    Effect.gen(function*() {
      const server = yield* tcpServer()
      const duplex = yield* transport.open({ host: "localhost", port: server.port }, noLimits)
      assert.isAbove(duplex.info.timings.dns ?? 0, 0)
    }))

  it.scopedLive("connects from the local address given", () =>
    Effect.gen(function*() {
      const server = yield* tcpServer()
      const service = withLookup(answering("::1", "127.0.0.1"))
      yield* service.open({ host: "name.test", port: server.port, localAddress: "127.0.0.2" }, noLimits)
      const peer = yield* server.connections.next
      assert.strictEqual(peer.remoteAddress, "127.0.0.2")
    }))

  it.scopedLive("connects from the local port given, with a local address or without", () =>
    Effect.gen(function*() {
      const server = yield* tcpServer()
      for (const localAddress of [undefined, "127.0.0.2"]) {
        const localPort = yield* unusedPort
        const { info } = yield* transport.open({ ...local(server.port), localAddress, localPort }, noLimits)
        const peer = yield* server.connections.next
        assert.deepStrictEqual([peer.remoteAddress, peer.remotePort], [localAddress ?? "127.0.0.1", localPort])
        assert.deepStrictEqual([info.localAddress, info.localPort], [localAddress ?? "127.0.0.1", localPort])
      }
    }))

  it.scopedLive("fails for a local port from which the same server is reached already, or that cannot be", () =>
    Effect.gen(function*() {
      const server = yield* tcpServer()
      const { info } = yield* transport.open(local(server.port), noLimits)
      for (const localPort of [info.localPort, -1, 65_536, 1.5, NaN]) {
        const error = yield* Effect.flip(Effect.scoped(transport.open({ ...local(server.port), localPort }, noLimits)))
        assert.instanceOf(error, ConnectError)
      }
    }))

  it.live("tries only addresses of the local address's family", () =>
    Effect.gen(function*() {
      const port = yield* unusedPort
      const service = withLookup(answering("::1", "127.0.0.1"))
      const endpoint = { host: "name.test", port, localAddress: "127.0.0.2" }
      const error = yield* Effect.flip(Effect.scoped(service.open(endpoint, noLimits)))
      assert.deepStrictEqual(error._tag === "ConnectError" && error.attempts, [
        { address: "127.0.0.1", port, code: "ECONNREFUSED" }
      ])
    }))

  it.live("fails for a local address that is not one of this machine", () =>
    Effect.gen(function*() {
      const port = yield* unusedPort
      for (const localAddress of ["192.0.2.1", "no address", "::1"]) {
        const error = yield* Effect.flip(Effect.scoped(transport.open({ ...local(port), localAddress }, noLimits)))
        assert.instanceOf(error, ConnectError)
        assert.strictEqual(error._tag === "ConnectError" && error.reason, "AddressNotAvailable", localAddress)
      }
    }))

  it.live("fails typed for a port and a path that cannot be", () =>
    Effect.gen(function*() {
      for (const port of [0, -1, 65_536, 1.5, NaN]) {
        const error = yield* Effect.flip(Effect.scoped(transport.open(local(port), noLimits)))
        assert.strictEqual(error._tag === "ConnectError" && error.code, "ERR_SOCKET_BAD_PORT")
      }
      const error = yield* Effect.flip(Effect.scoped(transport.open({ ...local(1), socketPath: "" }, noLimits)))
      assert.strictEqual(error._tag === "ConnectError" && error.reason, "NoEntry")
    }))

  it.live("fails with code and attempt when it is refused", () =>
    leavesNothing(Effect.gen(function*() {
      const port = yield* unusedPort
      const error = yield* Effect.flip(Effect.scoped(transport.open(local(port), noLimits)))
      assert.instanceOf(error, ConnectError)
      if (error._tag !== "ConnectError") return
      assert.deepStrictEqual([error.reason, error.code, error.target], ["Refused", "ECONNREFUSED", `127.0.0.1:${port}`])
      assert.deepStrictEqual(error.attempts, [{ address: "127.0.0.1", port, code: "ECONNREFUSED" }])
      assert.include(error.message, "Nothing listens there")
      const six = yield* Effect.flip(Effect.scoped(transport.open({ host: "::1", port }, noLimits)))
      assert.strictEqual(six._tag === "ConnectError" && six.target, `[::1]:${port}`)
    })))

  it.live("names every address that was tried when all fail", () =>
    leavesNothing(Effect.gen(function*() {
      const port = yield* unusedPort
      const service = withLookup(answering("::1", "127.0.0.1", "127.0.0.2"))
      const error = yield* Effect.flip(Effect.scoped(service.open({ host: "name.test", port }, noLimits)))
      assert.strictEqual(error._tag, "ConnectError")
      if (error._tag !== "ConnectError") return
      assert.deepStrictEqual(error.attempts, [
        { address: "::1", port, code: "ECONNREFUSED" },
        { address: "127.0.0.1", port, code: "ECONNREFUSED" },
        { address: "127.0.0.2", port, code: "ECONNREFUSED" }
      ])
      assert.instanceOf(error.cause, AggregateError)
    })))

  it.scopedLive("goes on to the next address when one is refused", () =>
    Effect.gen(function*() {
      const server = yield* tcpServer()
      const service = withLookup(answering("::1", "127.0.0.1"), Infinity)
      const duplex = yield* service.open({ host: "name.test", port: server.port }, noLimits)
      assert.strictEqual(duplex.info.remoteAddress, "127.0.0.1")
    }))

  it.live("tries the next address beside one that does not answer, and leaves only the winner", () =>
    Effect.scoped(Effect.gen(function*() {
      const port = yield* unanswering
      yield* leavesNothing(Effect.scoped(Effect.gen(function*() {
        const server = yield* tcpServer({ host: "::1", port })
        const service = withLookup(answering("127.0.0.1", "::1"), 10)
        const duplex = yield* service.open({ host: "name.test", port }, noLimits)
        assert.strictEqual(duplex.info.remoteAddress, "::1")
        yield* server.connections.next
      })))
    })))

  it.live("fails with DnsError for a name that does not exist", () =>
    Effect.gen(function*() {
      // What the system's resolver calls back with; asking it would leave the machine.
      const cause = Object.assign(new Error("getaddrinfo ENOTFOUND host.test"), { code: "ENOTFOUND" })
      const service = withLookup((_host, callback) => callback(cause, []))
      const error = yield* Effect.flip(Effect.scoped(service.open({ host: "host.test", port: 80 }, noLimits)))
      assert.instanceOf(error, DnsError)
      assert.deepInclude({ ...error }, { host: "host.test", reason: "NotFound", code: "ENOTFOUND" })
      assert.strictEqual(error.cause, cause)
    }))

  it.live("fails with DnsError when the resolver knows no address, or throws", () =>
    Effect.gen(function*() {
      const nothing = withLookup(answering())
      const throwing = withLookup(() => {
        throw new TypeError("bad name")
      })
      const none = yield* Effect.flip(Effect.scoped(nothing.open({ host: "name.test", port: 80 }, noLimits)))
      assert.strictEqual(none._tag === "DnsError" && none.reason, "NoData")
      const thrown = yield* Effect.flip(Effect.scoped(throwing.open({ host: "name.test", port: 80 }, noLimits)))
      assert.strictEqual(thrown._tag === "DnsError" && thrown.reason, "Other")
    }))

  it.live("reaches a unix socket, and ends with the scope", () =>
    Effect.scoped(Effect.gen(function*() {
      const path = join(yield* directory, "s")
      yield* leavesNothing(Effect.scoped(Effect.gen(function*() {
        const server = yield* tcpServer({ path })
        const duplex = yield* transport.open({ host: "localhost", port: 80, socketPath: path }, noLimits)
        const peer = yield* server.connections.next
        const receiver = new Recorder()
        duplex.attach(receiver)
        peer.on("data", (bytes) => peer.write(bytes))
        duplex.write("echo")
        yield* receiver.until(() => receiver.text === "echo")
        assert.isUndefined(duplex.info.timings.dns)
        assert.isAbove(duplex.info.timings.connect ?? 0, 0)
      })))
    })))

  it.scopedLive("fails with NoEntry for a unix socket that is not there", () =>
    Effect.gen(function*() {
      const path = join(yield* directory, "s")
      const error = yield* Effect.flip(transport.open({ host: "localhost", port: 80, socketPath: path }, noLimits))
      assert.strictEqual(error._tag, "ConnectError")
      if (error._tag !== "ConnectError") return
      assert.deepStrictEqual([error.reason, error.target], ["NoEntry", path])
      assert.deepStrictEqual(error.attempts, [{ address: path, port: undefined, code: "ENOENT" }])
    }))
})

describe("giving up", () => {
  const silent = new Events<string>()
  const neverAnswering: Lookup = (host) => silent.push(host)

  it.live("on the resolver, after its limit", () =>
    leavesNothing(Effect.gen(function*() {
      const opened = withLookup(neverAnswering).open({ host: "slow.test", port: 80 }, { ...noLimits, dns: 20 })
      const error = yield* Effect.flip(Effect.scoped(opened))
      assert.instanceOf(error, HttpTimeout)
      assert.deepStrictEqual(error._tag === "HttpTimeout" && [error.kind, error.millis], ["dns", 20])
    })))

  it.live("on the resolver, by interruption, and ignores its late answer", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const server = yield* tcpServer()
      const asked = new Events<() => void>()
      const service = withLookup((_host, callback) => asked.push(() => callback(null, [{ address: "127.0.0.1" }])))
      const fiber = yield* Effect.fork(Effect.scoped(service.open({ host: "slow.test", port: server.port }, noLimits)))
      const answer = yield* asked.next
      yield* Fiber.interrupt(fiber)
      answer()
      // Were the answer taken, its connection would come before this one.
      yield* transport.open(local(server.port), noLimits)
      yield* server.connections.next
      assert.strictEqual(server.connections.all.length, 1)
    }))))

  it.live("on a connect that is not answered, after its limit", () =>
    Effect.scoped(Effect.gen(function*() {
      const port = yield* unanswering
      const opened = transport.open(local(port), { ...noLimits, connect: 50 })
      const error = yield* leavesNothing(Effect.flip(Effect.scoped(opened)))
      assert.strictEqual(error._tag === "HttpTimeout" && error.kind, "connect")
    })))

  it.live("on connects that are not answered, by interruption, all addresses together", () =>
    Effect.scoped(Effect.gen(function*() {
      const port = yield* unanswering
      const service = withLookup(answering("127.0.0.1", "127.0.0.2", "127.0.0.3"), 1)
      yield* leavesNothing(Effect.gen(function*() {
        const before = socketCount()
        const fiber = yield* Effect.fork(Effect.scoped(service.open({ host: "name.test", port }, noLimits)))
        yield* turnUntil(() => socketCount() >= before + 3)
        yield* Fiber.interrupt(fiber)
      }))
    })))

  it.live("leaves nothing when it is interrupted at any step of a connect that succeeds", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* discardingServer
      yield* leavesNothing(Effect.gen(function*() {
        const service = withLookup(answering("127.0.0.1", "::1"))
        for (let steps = 0; steps < 60; steps++) {
          const fiber = yield* Effect.fork(
            Effect.scoped(
              Effect.zipRight(service.open({ host: "name.test", port: server.port }, noLimits), Effect.never)
            )
          )
          for (let step = 0; step < steps; step++) yield* step % 6 === 5 ? turn : Effect.yieldNow()
          yield* Fiber.interrupt(fiber)
        }
        for (const peer of server.connections.all) yield* gone(peer)
      }))
      assert.isAbove(server.connections.all.length, 0)
    })))
})

describe("codes", () => {
  it("of the resolver become reasons", () => {
    const reason = (code: string) => dnsError("h", Object.assign(new Error(), { code })).reason
    assert.deepStrictEqual(
      ["ENOTFOUND", "EAI_AGAIN", "ENODATA", "EAI_FAIL"].map(reason),
      ["NotFound", "Temporary", "NoData", "Other"]
    )
    assert.strictEqual(dnsError("h", "no error").code, "UNKNOWN")
  })

  it("of connects become reasons, of which the most telling is the error's", () => {
    const attempt = (code: string) => ({ address: "a", port: 1, cause: Object.assign(new Error(), { code }) })
    const reason = (...codes: ReadonlyArray<string>) => connectError("a:1", codes.map(attempt)).reason
    const known = {
      ECONNREFUSED: "Refused",
      EHOSTUNREACH: "Unreachable",
      ENETUNREACH: "Unreachable",
      ECONNRESET: "Reset",
      ETIMEDOUT: "TimedOut",
      EADDRNOTAVAIL: "AddressNotAvailable",
      EMFILE: "TooManyFiles",
      EACCES: "PermissionDenied",
      ENOENT: "NoEntry",
      EIO: "Other"
    }
    for (const [code, expected] of Object.entries(known)) assert.strictEqual(reason(code), expected)
    assert.strictEqual(reason("ENETUNREACH", "ECONNREFUSED"), "Refused")
    assert.strictEqual(reason("ENETUNREACH", "EADDRNOTAVAIL"), "Unreachable")
  })
})

describe("addresses", () => {
  it("take turns by family, the resolver's first one first, none twice", () => {
    assert.deepStrictEqual(interleave(["::1", "::2", "::1", "1.1.1.1", "::3"]), ["::1", "1.1.1.1", "::2", "::3"])
    assert.deepStrictEqual(interleave(["1.1.1.1", "1.1.1.2"]), ["1.1.1.1", "1.1.1.2"])
    assert.deepStrictEqual(interleave([]), [])
  })
})
