/**
 * The scripted transport itself: every step, delivery as real sockets do it, and what a failed script says.
 *
 * Every later test of connections and pools trusts these rules. The `Client` below records, and keeps views on purpose.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { ConnectError, DnsError, TlsError } from "../../src/HttpError.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"

const endpoint: Transport.Endpoint = { host: "a.test", port: 8080 }
const noLimits: Transport.OpenTimeouts = { dns: Infinity, connect: Infinity, tls: Infinity }

/** All microtasks run before a macrotask does, so one is enough for everything that needs no clock. */
const settled = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

class Client implements Transport.Receiver {
  readonly events: Array<string> = []
  readonly views: Array<Uint8Array> = []
  readonly faults: Array<Transport.DuplexFault> = []
  /** Set to pause after each piece. */
  pauses = false
  onPiece: (text: string) => void = () => {}
  onData(bytes: Uint8Array): boolean {
    const text = Buffer.from(bytes).toString("latin1")
    this.events.push(text)
    this.views.push(bytes)
    this.onPiece(text)
    return !this.pauses
  }
  onEnd(): void {
    this.events.push("<end>")
  }
  onError(fault: Transport.DuplexFault): void {
    this.events.push(`<${fault.code}>`)
    this.faults.push(fault)
  }
}

const opened = (...steps: ReadonlyArray<T.Step>) =>
  Effect.gen(function*() {
    const transport = yield* T.make([T.connection(...steps)])
    const duplex = yield* transport.open(endpoint, noLimits)
    return { transport, duplex, client: new Client() }
  })

const failure = <A>(effect: Effect.Effect<A, T.ScriptError>) => Effect.map(Effect.flip(effect), (e) => e.message)

const tlsError = (code: string) =>
  new TlsError({ reason: "Alert", code, serverName: "a.test", names: undefined, cause: undefined })

describe("delivery", () => {
  it.scoped("keeps what comes before attach, and delivers it in order", () =>
    Effect.gen(function*() {
      const { client, duplex, transport } = yield* opened(T.reply("ab"), T.reply("cd"), T.eof)
      yield* settled
      assert.deepStrictEqual(client.events, [])
      duplex.attach(client)
      yield* settled
      assert.deepStrictEqual(client.events, ["ab", "cd", "<end>"])
      yield* transport.verify
    }))

  it.scoped("delivers nothing within write, end or drained", () =>
    Effect.gen(function*() {
      const { client, duplex } = yield* opened(T.expect("a"), T.reply("1"), T.expectEnd, T.reply("2"), T.eof)
      duplex.attach(client)
      duplex.write("a")
      duplex.drained(() => {})
      assert.deepStrictEqual(client.events, [])
      yield* settled
      assert.deepStrictEqual(client.events, ["1"])
      duplex.end()
      assert.deepStrictEqual(client.events, ["1"])
      yield* settled
      assert.deepStrictEqual(client.events, ["1", "2", "<end>"])
    }))

  it.scoped("delivers a piece in each turn, so that a fiber woken by one runs before the next", () =>
    Effect.gen(function*() {
      const { client, duplex } = yield* opened(T.expect("a"), T.reply("123", { split: "bytes" }))
      client.onPiece = () => queueMicrotask(() => client.events.push("woken"))
      duplex.attach(client)
      duplex.write("a")
      yield* settled
      assert.deepStrictEqual(client.events, ["1", "woken", "2", "woken", "3", "woken"])
    }))

  const splits: ReadonlyArray<readonly [string, T.Split | undefined, ReadonlyArray<string>]> = [
    ["whole without a split", undefined, ["abcdef"]],
    ["byte by byte", "bytes", ["a", "b", "c", "d", "e", "f"]],
    ["in pieces of a size", 4, ["abcd", "ef"]],
    ["at offsets, whatever their order", [5, 1], ["a", "bcde", "f"]],
    ["whole where the offsets are at its ends", [0, 6, 9], ["abcdef"]]
  ]
  for (const [name, split, pieces] of splits) {
    it.scoped(`splits a reply ${name}`, () =>
      Effect.gen(function*() {
        const { client, duplex } = yield* opened(T.reply("abcdef", { split }))
        duplex.attach(client)
        yield* settled
        assert.deepStrictEqual(client.events, pieces)
      }))
  }

  it.scoped("never hands over more than 65,536 bytes at once", () =>
    Effect.gen(function*() {
      const { client, duplex } = yield* opened(T.reply(new Uint8Array(150_000), { split: [100_000] }))
      duplex.attach(client)
      yield* settled
      assert.deepStrictEqual(client.events.map((text) => text.length), [65_536, 34_464, 50_000])
    }))

  it.scoped("overwrites the view with garbage after the call, in one buffer for all", () =>
    Effect.gen(function*() {
      const { client, duplex } = yield* opened(T.reply("abcdef", { split: 3 }))
      duplex.attach(client)
      yield* settled
      assert.deepStrictEqual(client.events, ["abc", "def"])
      const garbage = Array.from({ length: 3 }, () => 0xa5)
      assert.deepStrictEqual(client.views.map((view) => Array.from(view)), [garbage, garbage])
      assert.strictEqual(client.views[0]?.buffer, client.views[1]?.buffer)
      assert.isAbove(client.views[0]?.byteOffset ?? 0, 0)
    }))

  it.scoped("holds the rest after onData returned false, until resume", () =>
    Effect.gen(function*() {
      const { client, duplex, transport } = yield* opened(T.reply("abc", { split: "bytes" }), T.eof)
      client.pauses = true
      duplex.attach(client)
      yield* settled
      assert.deepStrictEqual(client.events, ["a"])
      assert.isTrue(transport.state(0).paused)
      duplex.resume()
      yield* settled
      assert.deepStrictEqual(client.events, ["a", "b"])
      client.pauses = false
      duplex.resume()
      yield* settled
      assert.deepStrictEqual(client.events, ["a", "b", "c", "<end>"])
      assert.isFalse(transport.state(0).paused)
    }))

  it.scoped("holds the end and a reset back in a pause, too", () =>
    Effect.gen(function*() {
      const { client, duplex } = yield* opened(T.reply("a"), T.reset)
      client.pauses = true
      duplex.attach(client)
      yield* settled
      assert.deepStrictEqual(client.events, ["a"])
      duplex.resume()
      yield* settled
      assert.deepStrictEqual(client.events, ["a", "<ECONNRESET>"])
    }))

  it.scoped("goes on after a resume within onData, which is newer than the answer", () =>
    Effect.gen(function*() {
      const { client, duplex, transport } = yield* opened(T.reply("ab", { split: "bytes" }))
      client.pauses = true
      client.onPiece = (text) => {
        if (text === "a") duplex.resume()
      }
      duplex.attach(client)
      yield* settled
      assert.deepStrictEqual(client.events, ["a", "b"])
      assert.isTrue(transport.state(0).paused)
    }))

  it.scoped("delivers nothing within a resume that no pause came before", () =>
    Effect.gen(function*() {
      const { client, duplex } = yield* opened(T.expect("a"), T.reply("1"))
      duplex.attach(client)
      duplex.write("a")
      duplex.resume()
      assert.deepStrictEqual(client.events, [])
      yield* settled
      assert.deepStrictEqual(client.events, ["1"])
    }))

  it.scoped("delivers what is left to a receiver that is attached within onData", () =>
    Effect.gen(function*() {
      const { client, duplex } = yield* opened(T.reply("abc", { split: "bytes" }))
      const second = new Client()
      client.pauses = true
      client.onPiece = () => {
        duplex.attach(second)
        assert.deepStrictEqual(second.events, [])
      }
      duplex.attach(client)
      yield* settled
      assert.deepStrictEqual([client.events, second.events], [["a"], ["b", "c"]])
    }))

  it.scoped("delivers nothing after destroy, which may come within onData", () =>
    Effect.gen(function*() {
      const { client, duplex, transport } = yield* opened(T.reply("ab", { split: "bytes" }), T.eof)
      client.onPiece = () => duplex.destroy()
      duplex.attach(client)
      yield* settled
      assert.deepStrictEqual(client.events, ["a"])
      assert.isTrue(transport.state(0).destroyed)
      assert.isFalse(duplex.write("x"))
      duplex.destroy()
      assert.strictEqual(transport.written(0), "")
    }))
})

describe("the steps", () => {
  it.scoped("expect takes exactly its bytes, however they were written", () =>
    Effect.gen(function*() {
      const { client, duplex, transport } = yield* opened(
        T.expect("ab\xff"),
        T.reply("1"),
        T.expect("cd"),
        T.reply("2")
      )
      duplex.attach(client)
      duplex.write("a")
      yield* settled
      assert.deepStrictEqual(client.events, [])
      duplex.write("b", Uint8Array.of(0xff, 0x63))
      yield* settled
      assert.deepStrictEqual(client.events, ["1"])
      duplex.write("d")
      yield* settled
      assert.deepStrictEqual(client.events, ["1", "2"])
      assert.strictEqual(transport.written(0), "ab\xffcd")
      assert.deepStrictEqual(Array.from(transport.writtenBytes(0)), [0x61, 0x62, 0xff, 0x63, 0x64])
      yield* transport.verify
    }))

  it.scoped("discard takes a number of bytes, whatever they are", () =>
    Effect.gen(function*() {
      const { client, duplex, transport } = yield* opened(T.discard(1000), T.expect("end"), T.reply("1"))
      duplex.attach(client)
      duplex.write(new Uint8Array(999))
      yield* settled
      assert.deepStrictEqual(transport.remaining, [
        "connection 0: discard(1000)",
        "connection 0: expect(\"end\")",
        "connection 0: reply(\"1\")"
      ])
      duplex.write("xend")
      yield* settled
      assert.deepStrictEqual(client.events, ["1"])
      yield* transport.verify
    }))

  it.scoped("discard without a number takes all that is written from there on", () =>
    Effect.gen(function*() {
      const { client, duplex, transport } = yield* opened(T.expect("a"), T.discard(), T.reply("1"))
      duplex.attach(client)
      duplex.write("ab")
      yield* settled
      duplex.write("cd")
      yield* settled
      assert.deepStrictEqual(client.events, ["1"])
      assert.strictEqual(transport.written(0), "abcd")
      yield* transport.verify
    }))

  it.scoped("discardUntil takes what comes up to its bytes, wherever the writes were cut", () =>
    Effect.gen(function*() {
      const head = "GET / HTTP/1.1\r\nx: 1\r\n\r\n"
      for (let cut = 0; cut <= head.length; cut++) {
        const { duplex, transport } = yield* opened(T.discardUntil("\r\n\r\n"), T.expect("body"))
        duplex.write(head.slice(0, cut))
        duplex.write(`${head.slice(cut)}bo`)
        assert.deepStrictEqual(transport.remaining, ["connection 0: expect(\"body\")"])
        duplex.write("dy")
        yield* transport.verify
      }
    }))

  it.scoped("eof leaves the client's side open", () =>
    Effect.gen(function*() {
      const { client, duplex, transport } = yield* opened(T.eof, T.expect("late"), T.expectEnd)
      duplex.attach(client)
      yield* settled
      assert.deepStrictEqual(client.events, ["<end>"])
      assert.isTrue(duplex.write("late"))
      duplex.end()
      assert.isTrue(transport.state(0).ended)
      assert.isFalse(transport.state(0).destroyed)
      yield* transport.verify
    }))

  it.scoped("reset and fail break the channel once, with a system error as the cause", () =>
    Effect.gen(function*() {
      for (const [step, code] of [[T.reset, "ECONNRESET"], [T.fail("ETIMEDOUT"), "ETIMEDOUT"]] as const) {
        const { client, duplex, transport } = yield* opened(T.reply("a"), step)
        yield* settled
        duplex.attach(client)
        yield* settled
        assert.deepStrictEqual(client.events, ["a", `<${code}>`])
        assert.deepInclude(client.faults[0]?.cause, { code, message: `read ${code}` })
        assert.isTrue(transport.state(0).destroyed)
        assert.isFalse(duplex.write("x"))
        assert.strictEqual(transport.written(0), "")
        yield* transport.verify
      }
    }))

  it.scoped("writeFails fails the next write, and tells the receiver after the call", () =>
    Effect.gen(function*() {
      const { client, duplex, transport } = yield* opened(T.expect("a"), T.writeFails("EPIPE"))
      duplex.attach(client)
      assert.isTrue(duplex.write("a"))
      yield* settled
      assert.deepStrictEqual(client.events, [])
      assert.isFalse(duplex.write("b"))
      assert.deepStrictEqual(client.events, [])
      let drained = false
      duplex.drained(() => {
        drained = true
      })
      yield* settled
      assert.deepStrictEqual(client.events, ["<EPIPE>"])
      assert.deepInclude(client.faults[0]?.cause, { code: "EPIPE", message: "write EPIPE" })
      assert.isFalse(drained)
      assert.strictEqual(transport.written(0), "a")
      yield* transport.verify
    }))

  it.scoped("stall lets nothing more happen, and takes what is written", () =>
    Effect.gen(function*() {
      const { client, duplex, transport } = yield* opened(T.expect("a"), T.stall)
      duplex.attach(client)
      duplex.write("abc")
      yield* TestClock.adjust("1000 days")
      assert.deepStrictEqual(client.events, [])
      yield* transport.verify
      duplex.destroy()
      yield* transport.verify
    }))

  it.scoped("delay runs on the clock", () =>
    Effect.gen(function*() {
      const { client, duplex, transport } = yield* opened(
        T.delay("2 seconds"),
        T.reply("a"),
        T.delay(0),
        T.delay("1 second"),
        T.reply("b")
      )
      duplex.attach(client)
      yield* TestClock.adjust(1999)
      assert.deepStrictEqual(client.events, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(client.events, ["a"])
      yield* TestClock.adjust(999)
      assert.deepStrictEqual(client.events, ["a"])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(client.events, ["a", "b"])
      yield* transport.verify
    }))

  it.scoped("destroy ends the fiber of a delay", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.clockWith(Effect.succeed)
      let sleeping = 0
      const counting: Clock.Clock = {
        ...clock,
        [Clock.ClockTypeId]: Clock.ClockTypeId,
        sleep: () =>
          Effect.acquireUseRelease(
            Effect.sync(() => ++sleeping),
            () => Effect.never,
            () => Effect.sync(() => --sleeping)
          )
      }
      const { client, duplex, transport } = yield* Effect.withClock(
        opened(T.reply("a"), T.delay("1 second"), T.reply("b")),
        counting
      )
      duplex.attach(client)
      yield* settled
      assert.strictEqual(sleeping, 1)
      duplex.destroy()
      yield* settled
      assert.strictEqual(sleeping, 0)
      assert.deepStrictEqual(client.events, ["a"])
      assert.deepStrictEqual(transport.state(0).remaining, ["delay(\"1s\")", "reply(\"b\")"])
    }))

  it.scoped("expectDestroy is played when the client destroys the channel", () =>
    Effect.gen(function*() {
      const { duplex, transport } = yield* opened(T.expectDestroy)
      assert.strictEqual(
        yield* failure(transport.verify),
        "Connection 0 stopped at step 1 of 1, expectDestroy: 1 of its steps was not played."
      )
      duplex.destroy()
      yield* transport.verify
      assert.deepStrictEqual(transport.remaining, [])
    }))

  it.scoped("blockWrites lets write return false from the write that completed the step before it", () =>
    Effect.gen(function*() {
      const { duplex, transport } = yield* opened(
        T.expect("a"),
        T.blockWrites,
        T.expect("b"),
        T.delay("1 second"),
        T.unblockWrites,
        T.expect("c")
      )
      let drained = 0
      const count = () => {
        drained++
      }
      duplex.drained(count)
      assert.strictEqual(drained, 1)
      assert.isFalse(duplex.write("a"))
      duplex.drained(count)
      assert.isFalse(duplex.write("b"))
      yield* TestClock.adjust(999)
      assert.strictEqual(drained, 1)
      yield* TestClock.adjust(1)
      assert.strictEqual(drained, 2)
      assert.isTrue(duplex.write("c"))
      yield* transport.verify
    }))

  it.scoped("unblockWrites calls back in a turn of its own", () =>
    Effect.gen(function*() {
      const { client, duplex } = yield* opened(T.blockWrites, T.expect("a"), T.unblockWrites)
      assert.isFalse(duplex.write("a"))
      let drained = false
      duplex.drained(() => {
        drained = true
      })
      duplex.attach(client)
      assert.isFalse(drained)
      yield* settled
      assert.isTrue(drained)
    }))

  it.scoped("calls back nobody after a callback that destroyed the channel", () =>
    Effect.gen(function*() {
      const { duplex } = yield* opened(T.blockWrites, T.unblockWrites)
      const called: Array<string> = []
      duplex.drained(() => {
        called.push("first")
        duplex.destroy()
      })
      duplex.drained(() => called.push("second"))
      yield* settled
      assert.deepStrictEqual(called, ["first"])
    }))

  it.scoped("does not call back whom destroy left waiting", () =>
    Effect.gen(function*() {
      const { duplex } = yield* opened(T.blockWrites, T.delay(1), T.unblockWrites)
      let drained = false
      duplex.drained(() => {
        drained = true
      })
      duplex.destroy()
      yield* TestClock.adjust("1 day")
      assert.isFalse(drained)
    }))
})

describe("opening", () => {
  it.scoped("takes the connections of the script in order, with addresses of their own", () =>
    Effect.gen(function*() {
      const transport = yield* T.make([T.connection(T.expect("a")), T.connection(T.expect("b"))])
      const second = { host: "::1", port: 443, localAddress: "10.0.0.1", tls: { verify: false } }
      const a = yield* transport.open(endpoint, noLimits)
      const b = yield* transport.open(second, noLimits)
      b.write("b")
      a.write("a")
      assert.deepStrictEqual(transport.opened, [endpoint, second])
      assert.deepStrictEqual([transport.written(0), transport.written(1)], ["a", "b"])
      assert.deepStrictEqual(a.info, {
        localAddress: "127.0.0.1",
        localPort: 50_000,
        remoteAddress: "a.test",
        remotePort: 8080,
        tls: undefined,
        timings: { dns: undefined, connect: 0, tls: undefined }
      })
      assert.deepStrictEqual(b.info, {
        localAddress: "10.0.0.1",
        localPort: 50_001,
        remoteAddress: "::1",
        remotePort: 443,
        tls: {
          version: "TLSv1.3",
          cipher: "TLS_AES_128_GCM_SHA256",
          alpn: "http/1.1",
          verified: false,
          resumed: false
        },
        timings: { dns: undefined, connect: 0, tls: 0 }
      })
      yield* transport.verify
    }))

  it.scoped("knows no addresses of a unix socket", () =>
    Effect.gen(function*() {
      const transport = yield* T.make([T.connection()])
      const { info } = yield* transport.open({ ...endpoint, socketPath: "/run/x" }, noLimits)
      assert.deepStrictEqual(
        [info.localAddress, info.localPort, info.remoteAddress, info.remotePort],
        [undefined, undefined, undefined, undefined]
      )
    }))

  it.effect("closes the channel with the scope of open, and counts what is open", () =>
    Effect.scoped(Effect.gen(function*() {
      const transport = yield* T.make([T.connection(T.expectDestroy), T.connection(T.stall), T.connection(T.reset)])
      const scope = yield* Scope.make()
      yield* Scope.extend(transport.open(endpoint, noLimits), scope)
      yield* transport.open(endpoint, noLimits)
      const third = yield* transport.open(endpoint, noLimits)
      assert.strictEqual(transport.openCount, 3)
      third.attach(new Client())
      yield* settled
      assert.strictEqual(transport.openCount, 2)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(transport.openCount, 1)
      assert.isTrue(transport.state(0).destroyed)
      assert.isFalse(transport.state(1).destroyed)
      yield* transport.verify
    })))

  it.effect("the scope of make closes what is still open", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const transport = yield* Scope.extend(T.make([T.connection(T.stall)]), scope)
      yield* Effect.scoped(Effect.gen(function*() {
        yield* transport.open(endpoint, noLimits)
        assert.strictEqual(transport.openCount, 1)
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(transport.openCount, 0)
      }))
    }))

  it.scoped("refuse fails with the error given, or with ECONNREFUSED at the address asked for", () =>
    Effect.gen(function*() {
      const dns = new DnsError({ host: "a.test", reason: "NotFound", code: "ENOTFOUND", cause: undefined })
      const transport = yield* T.make([T.refuse(dns), T.refuse()])
      assert.strictEqual(yield* Effect.flip(transport.open(endpoint, noLimits)), dns)
      const refused = yield* Effect.flip(transport.open({ host: "::1", port: 1 }, noLimits))
      assert.instanceOf(refused, ConnectError)
      assert.deepInclude(refused, { reason: "Refused", code: "ECONNREFUSED", target: "[::1]:1" })
      assert.strictEqual(transport.openCount, 0)
      assert.isTrue(transport.state(0).destroyed)
      yield* transport.verify
    }))

  it.scoped("openAfter waits on the clock, before a refusal, too", () =>
    Effect.gen(function*() {
      const transport = yield* T.make([
        T.openAfter("2 seconds", T.connection()),
        T.openAfter("2 seconds", T.refuse())
      ])
      const fibers = [
        yield* Effect.fork(transport.open(endpoint, noLimits)),
        yield* Effect.fork(Effect.flip(transport.open(endpoint, noLimits)))
      ] as const
      yield* TestClock.adjust(1999)
      assert.deepStrictEqual([fibers[0].unsafePoll(), fibers[1].unsafePoll()], [null, null])
      assert.strictEqual(transport.openCount, 2)
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* Fiber.join(fibers[0])).info.timings.connect, 2000)
      assert.strictEqual((yield* Fiber.join(fibers[1]))._tag, "ConnectError")
      assert.strictEqual(transport.openCount, 1)
    }))

  it.scoped("openStalls ends by the connect timeout", () =>
    Effect.gen(function*() {
      const transport = yield* T.make([T.openStalls, T.openAfter("6 seconds", T.connection())])
      for (let i = 0; i < 2; i++) {
        const fiber = yield* Effect.fork(Effect.flip(transport.open(endpoint, { ...noLimits, connect: 5000 })))
        yield* TestClock.adjust(4999)
        assert.isNull(fiber.unsafePoll())
        yield* TestClock.adjust(1)
        assert.deepInclude(yield* Fiber.join(fiber), { _tag: "HttpTimeout", kind: "connect", millis: 5000 })
        assert.strictEqual(transport.openCount, 0)
      }
    }))

  it.scoped("interrupting open leaves nothing", () =>
    Effect.gen(function*() {
      const transport = yield* T.make([T.openStalls])
      const fiber = yield* Effect.fork(transport.open(endpoint, noLimits))
      yield* settled
      assert.strictEqual(transport.openCount, 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(transport.openCount, 0)
      yield* transport.verify
    }))

  it.scoped("refuses one connection too many, and verify tells", () =>
    Effect.gen(function*() {
      const transport = yield* T.make([])
      const error = yield* Effect.flip(transport.open(endpoint, noLimits))
      const text = "The client opened connection 0, to a.test:8080, and the script has only 0."
      assert.deepInclude(error, { _tag: "ConnectError", code: "ECONNREFUSED" })
      assert.strictEqual((error as ConnectError).cause instanceof T.ScriptError, true)
      assert.strictEqual(yield* failure(transport.verify), text)
    }))
})

describe("secure", () => {
  it.scoped("goes on with the script on a channel of its own", () =>
    Effect.gen(function*() {
      const { client, duplex, transport } = yield* opened(
        T.expect("CONNECT"),
        T.reply("200"),
        T.expect("GET"),
        T.reply("hi")
      )
      duplex.attach(client)
      duplex.write("CONNECT")
      yield* settled
      const inner = new Client()
      const tls = yield* transport.secure(duplex, "b.test", { alpn: [] }, Infinity)
      tls.attach(inner)
      tls.write("GET")
      yield* settled
      assert.deepStrictEqual([client.events, inner.events], [["200"], ["hi"]])
      assert.deepStrictEqual(transport.secured, [{ connection: 0, serverName: "b.test", tls: { alpn: [] } }])
      assert.deepInclude(tls.info.tls, { alpn: undefined, verified: true })
      assert.deepInclude(tls.info, { localPort: 50_000 })
      yield* transport.verify
    }))

  it.scoped("refuseTls fails the handshake after a delay, and closes the channel", () =>
    Effect.gen(function*() {
      const error = tlsError("ERR_X")
      const { duplex, transport } = yield* opened(T.expect("a"), T.delay("1 second"), T.refuseTls(error))
      duplex.write("a")
      const fiber = yield* Effect.fork(Effect.flip(transport.secure(duplex, "a.test", {}, Infinity)))
      yield* TestClock.adjust(999)
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(fiber), error)
      assert.strictEqual(transport.openCount, 0)
      yield* transport.verify
    }))

  it.scoped("a delay that no refusal follows only makes the handshake late", () =>
    Effect.gen(function*() {
      const { duplex, transport } = yield* opened(T.delay("1 second"), T.delay("1 second"), T.expect("a"))
      const fiber = yield* Effect.fork(transport.secure(duplex, "a.test", {}, Infinity))
      yield* TestClock.adjust(1999)
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust(1)
      const tls = yield* Fiber.join(fiber)
      tls.write("a")
      yield* transport.verify
    }))

  it.scoped("eof, reset and fail end the handshake as Closed", () =>
    Effect.gen(function*() {
      const cases = [[T.eof, "ECONNRESET"], [T.reset, "ECONNRESET"], [T.fail("ETIMEDOUT"), "ETIMEDOUT"]] as const
      for (const [step, code] of cases) {
        const { duplex, transport } = yield* opened(step)
        const error = yield* Effect.flip(transport.secure(duplex, "b.test", {}, Infinity))
        assert.deepInclude(error, { _tag: "TlsError", reason: "Closed", code, serverName: "b.test" })
        assert.strictEqual(transport.openCount, 0)
        yield* transport.verify
      }
    }))

  it.scoped("a stall ends by the timeout, and interruption closes the channel", () =>
    Effect.gen(function*() {
      const late = yield* opened(T.stall)
      const fiber = yield* Effect.fork(Effect.flip(late.transport.secure(late.duplex, "a.test", {}, 3000)))
      yield* TestClock.adjust(2999)
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust(1)
      assert.deepInclude(yield* Fiber.join(fiber), { _tag: "HttpTimeout", kind: "tls", millis: 3000 })
      assert.strictEqual(late.transport.openCount, 0)

      const left = yield* opened(T.stall)
      const waiting = yield* Effect.fork(left.transport.secure(left.duplex, "a.test", {}, Infinity))
      yield* settled
      assert.strictEqual(left.transport.openCount, 1)
      yield* Fiber.interrupt(waiting)
      assert.strictEqual(left.transport.openCount, 0)
    }))

  it.scoped("fails where the channel is closed already, or is closed in the handshake", () =>
    Effect.gen(function*() {
      const { duplex, transport } = yield* opened(T.stall)
      const fiber = yield* Effect.fork(Effect.flip(transport.secure(duplex, "a.test", {}, Infinity)))
      yield* settled
      duplex.destroy()
      const closed = { _tag: "TlsError", reason: "Closed", code: "ERR_STREAM_DESTROYED", serverName: "a.test" }
      assert.deepInclude((yield* Fiber.join(fiber)) as object, closed)

      const second = yield* opened()
      second.duplex.destroy()
      const refusal = yield* Effect.flip(second.transport.secure(second.duplex, "a.test", {}, Infinity))
      assert.deepInclude(refusal as object, closed)
    }))

  it.scoped("forbids the channel that was given to it", () =>
    Effect.gen(function*() {
      const { client, duplex, transport } = yield* opened(T.expect("a"))
      const tls = yield* transport.secure(duplex, "a.test", {}, Infinity)
      tls.attach(client)
      assert.isFalse(duplex.write("a"))
      yield* settled
      assert.deepStrictEqual(client.events, ["<ECONNRESET>"])
      assert.strictEqual(
        yield* failure(transport.verify),
        "Connection 0 failed at step 1 of 1, expect(\"a\"): the client wrote to a channel that it had given to secure()."
      )
    }))

  it.scoped("dies where the channel is of another transport", () =>
    Effect.gen(function*() {
      const { duplex, transport } = yield* opened()
      const exit = yield* Effect.exit(transport.secure({ ...duplex }, "a.test", {}, Infinity))
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
    }))
})

describe("a failed script", () => {
  const differs = [
    "Connection 0 failed at step 1 of 2, expect(\"GET / HTTP/1.1\\r\\n…\", 35 bytes): the client wrote other bytes, from byte 22 on.",
    "expected (35 bytes):",
    "  GET / HTTP/1.1\\r\\n",
    "  Host: a.test\\r\\n",
    "        ^",
    "  \\t\\x00\\xff\\r\\n",
    "written (33 bytes):",
    "  GET / HTTP/1.1\\r\\n",
    "  Host: b.test\\r\\n",
    "        ^",
    "  \\\\\\r\\n"
  ].join("\n")

  it.scoped("shows both texts with a mark at the first difference, and breaks the channel at once", () =>
    Effect.gen(function*() {
      const { client, duplex, transport } = yield* opened(
        T.expect("GET / HTTP/1.1\r\nHost: a.test\r\n\t\0\xff\r\n"),
        T.reply("200")
      )
      duplex.attach(client)
      assert.isFalse(duplex.write("GET / HTTP/1.1\r\nHost: b.test\r\n\\\r\n"))
      assert.deepStrictEqual(client.events, [])
      yield* settled
      assert.deepStrictEqual(client.events, ["<ECONNRESET>"])
      const cause = client.faults[0]?.cause
      assert.instanceOf(cause, T.ScriptError)
      assert.strictEqual((cause as T.ScriptError).message, differs)
      assert.strictEqual(yield* failure(transport.verify), differs)
      assert.isTrue(transport.state(0).destroyed)
    }))

  it.scoped("tells a receiver that is attached later or has paused", () =>
    Effect.gen(function*() {
      const late = yield* opened(T.expect("a"))
      late.duplex.write("b")
      yield* settled
      late.duplex.attach(late.client)
      assert.deepStrictEqual(late.client.events, ["<ECONNRESET>"])

      const paused = yield* opened(T.reply("1"), T.expect("a"))
      paused.client.pauses = true
      paused.duplex.attach(paused.client)
      paused.duplex.write("b")
      yield* settled
      assert.deepStrictEqual(paused.client.events, ["1", "<ECONNRESET>"])
    }))

  it.scoped("shows only the lines around the difference, and cuts long ones", () =>
    Effect.gen(function*() {
      const lines = Array.from({ length: 20 }, (_, i) => `${i}\r\n`).join("")
      const { duplex, transport } = yield* opened(T.expect(`${lines}${"x".repeat(150)}a`))
      duplex.write(`${lines}${"x".repeat(150)}b`)
      assert.strictEqual(
        yield* failure(transport.verify),
        [
          "Connection 0 failed at step 1 of 1, expect(\"0\\r\\n…\", 221 bytes): the client wrote other bytes, from byte 220 on.",
          ...["a", "b"].flatMap((last) => [
            `${last === "a" ? "expected" : "written"} (221 bytes):`,
            "  … 16 lines before",
            "  16\\r\\n",
            "  17\\r\\n",
            "  18\\r\\n",
            "  19\\r\\n",
            `  ${"x".repeat(100)}`,
            `  ${"x".repeat(50)}${last}`,
            `  ${" ".repeat(50)}^`
          ])
        ].join("\n")
      )
    }))

  it.scoped("compares each expectation from its own first byte", () =>
    Effect.gen(function*() {
      const { duplex, transport } = yield* opened(T.expect("ab"), T.expect("cde"))
      duplex.write("abxde")
      assert.strictEqual(
        yield* failure(transport.verify),
        [
          "Connection 0 failed at step 2 of 2, expect(\"cde\"): the client wrote other bytes, from byte 0 on.",
          "expected (3 bytes):",
          "  cde",
          "  ^",
          "written (3 bytes):",
          "  xde",
          "  ^"
        ].join("\n")
      )
    }))

  it.scoped("verify shows where an expectation stopped that got too little", () =>
    Effect.gen(function*() {
      const { duplex, transport } = yield* opened(T.expect("a"), T.expect("bc\r\nd"), T.reply("1"))
      duplex.write("abc\r\n")
      const text = (closed: string) =>
        [
          `Connection 0 stopped at step 2 of 3, expect("bc\\r\\n…", 5 bytes): 2 of its steps were not played${closed}.`,
          "expected (5 bytes):",
          "  bc\\r\\n",
          "  d",
          "  ^",
          "written (4 bytes):",
          "  bc\\r\\n",
          "        ^"
        ].join("\n")
      assert.strictEqual(yield* failure(transport.verify), text(""))
      duplex.destroy()
      assert.strictEqual(yield* failure(transport.verify), text(" when it was closed"))
    }))

  it.scoped("verify names connections that were never opened, and every problem", () =>
    Effect.gen(function*() {
      const transport = yield* T.make([T.connection(T.reply("1")), T.connection(T.stall)])
      yield* transport.open(endpoint, noLimits)
      const error = yield* Effect.flip(transport.verify)
      assert.deepStrictEqual(error.problems, [
        "Connection 0 stopped at step 1 of 1, reply(\"1\"): 1 of its steps was not played.",
        "Connection 1 was never opened."
      ])
      assert.deepStrictEqual(transport.remaining, ["connection 0: reply(\"1\")", "connection 1: stall"])
      assert.strictEqual(transport.written(1), "")
      assert.throws(() => transport.state(1), "Connection 1 was never opened.")
    }))

  const untaken: ReadonlyArray<readonly [string, string, T.Step | undefined]> = [
    ["after the last step", "the end of its script", undefined],
    ["before the end of the client's side", "step 2 of 2, expectEnd", T.expectEnd],
    ["in place of a handshake", "step 2 of 2, refuseTls(ERR_X)", T.refuseTls(tlsError("ERR_X"))]
  ]
  for (const [name, where, step] of untaken) {
    it.scoped(`bytes that no step takes fail ${name}`, () =>
      Effect.gen(function*() {
        const { client, duplex, transport } = yield* opened(T.expect("a"), ...(step === undefined ? [] : [step]))
        duplex.attach(client)
        duplex.write("ab")
        duplex.end()
        yield* settled
        assert.deepStrictEqual(client.events, ["<ECONNRESET>"])
        assert.strictEqual(
          yield* failure(transport.verify),
          `Connection 0 failed at ${where}: the client wrote bytes that no step takes.\nwritten (1 bytes):\n  b\n  ^`
        )
      }))
  }

  it.scoped("bytes that no step takes fail when the client destroys the channel", () =>
    Effect.gen(function*() {
      const { duplex, transport } = yield* opened(T.expectDestroy)
      duplex.write("b")
      duplex.destroy()
      assert.include(
        yield* failure(transport.verify),
        "at the end of its script: the client wrote bytes that no step takes."
      )
    }))

  it.scoped("a write after end() fails", () =>
    Effect.gen(function*() {
      const { client, duplex, transport } = yield* opened(T.expectEnd, T.expectDestroy)
      duplex.attach(client)
      duplex.end()
      assert.isFalse(duplex.write("a"))
      yield* settled
      assert.deepStrictEqual(client.events, ["<ECONNRESET>"])
      assert.strictEqual(
        yield* failure(transport.verify),
        "Connection 0 failed at step 2 of 2, expectDestroy: the client wrote after it had called end()."
      )
    }))

  it.scoped("what the peer does on its own needs not be played once the client has left", () =>
    Effect.gen(function*() {
      const free = yield* opened(T.expect("a"), T.eof, T.stall)
      free.duplex.write("a")
      free.duplex.destroy()
      yield* free.transport.verify

      const missed = yield* opened(T.expect("a"), T.reset)
      missed.duplex.write("a")
      missed.duplex.destroy()
      assert.include(yield* failure(missed.transport.verify), "1 of its steps was not played when it was closed.")
    }))
})

describe("the layer", () => {
  const run = (script: T.Script, bytes: string) =>
    Effect.gen(function*() {
      const transport = yield* Transport.Transport
      const duplex = yield* transport.open(endpoint, noLimits)
      duplex.write(bytes)
    }).pipe(Effect.scoped, Effect.provide(T.layer(script)), Effect.exit)

  it.effect("dies at the scope's end with what an expectation missed", () =>
    Effect.gen(function*() {
      const exit = yield* run([T.connection(T.expect("a"))], "b")
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
      assert.include(
        Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "",
        "Connection 0 failed at step 1 of 1, expect(\"a\"): the client wrote other bytes, from byte 0 on."
      )
    }))

  it.effect("is content with steps that were not played", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* run([T.connection(T.expect("a"), T.reply("1")), T.connection()], "a"), Exit.void)
    }))

  it.effect("serves a handle from make, too", () =>
    Effect.scoped(Effect.gen(function*() {
      const handle = yield* T.make([T.connection(T.expect("a"))])
      yield* Effect.gen(function*() {
        const transport = yield* Transport.Transport
        const duplex = yield* transport.open(endpoint, noLimits)
        duplex.write("a")
      }).pipe(Effect.scoped, Effect.provide(Layer.succeed(Transport.Transport, handle)))
      yield* handle.verify
      assert.strictEqual(handle.openCount, 0)
    })))
})
