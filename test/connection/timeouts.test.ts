/**
 * Every timeout of one connection: when it starts and restarts, what it says, and that it leaves
 * nothing behind.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import type { ErrorContext, TimeoutKind } from "../../src/HttpError.ts"
import { HttpTimeout } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as HttpTimeouts from "../../src/HttpTimeouts.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"
import {
  bytesOf,
  chunk,
  chunkedHead,
  connected,
  connectedWith,
  connectTo,
  contained,
  failsWith,
  getHead,
  hasEnded,
  host,
  lengthHead,
  nothingButIdle,
  nothingLeft,
  ok,
  pieces,
  settled,
  started,
  textOf
} from "./harness.ts"

const get = HttpRequest.get("/")

/** Asserts that an effect times out after exactly this long, and in which context. */
const timesOut = <A, E>(
  effect: Effect.Effect<A, E>,
  kind: TimeoutKind,
  millis: number,
  context: Partial<ErrorContext>
): Effect.Effect<void> =>
  Effect.gen(function*() {
    const fiber = yield* started(effect)
    yield* TestClock.adjust(millis - 1)
    yield* settled
    assert.isFalse(hasEnded(fiber), "it ended too early")
    yield* TestClock.adjust(1)
    const error = yield* failsWith(Fiber.join(fiber), "HttpTimeout")
    assert.deepInclude(error, { kind, millis })
    assert.include(error.message, `Timed out after ${millis} ms`)
    assert.include(error.message, `\`timeouts.${kind}\``)
    assert.deepInclude(error.context, { fault: "Network", origin: `http://${host}:80`, ...context })
  })

const unsent: Partial<ErrorContext> = {
  requestState: "NotSent",
  processed: "No",
  replayable: true,
  bytesWritten: 0,
  connection: undefined
}

describe("connect", () => {
  it.scoped("limits the opening: by default 10 seconds", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connectTo([
        T.openStalls,
        T.connection(T.expect(getHead()), T.reply(ok("up")))
      ])
      yield* timesOut(connection.execute(get), "connect", 10_000, { phase: "connect", ...unsent })
      yield* nothingLeft(transport)
      assert.strictEqual(yield* textOf(connection, get), "up")
    })))

  it.scoped("is that of the request where it has one", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connectTo([T.openStalls])
      const request = HttpRequest.get("/", { timeouts: { connect: "3 seconds" } })
      yield* timesOut(connection.execute(request), "connect", 3000, { phase: "connect", ...unsent })
      yield* nothingLeft(transport)
    })))

  it.scoped("does not run once the connection is open", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connectTo([
        T.openAfter("9 seconds", T.connection(T.expect(getHead()), T.delay("9 seconds"), T.reply(ok("late"))))
      ])
      const fiber = yield* started(textOf(connection, get))
      yield* TestClock.adjust("9 seconds")
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(yield* fiber, "late")
    })))
})

describe("dns, connect and tls", () => {
  for (const kind of ["dns", "tls"] as const) {
    it.scoped(`${kind}: a timeout of the transport is told in its phase`, () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connectTo([T.refuse(new HttpTimeout({ kind, millis: 5 }))])
        const error = yield* failsWith(connection.execute(get), "HttpTimeout")
        assert.deepInclude(error, { kind, millis: 5 })
        assert.deepInclude(error.context, { phase: kind, fault: "Network", ...unsent })
        yield* nothingLeft(transport)
      })))
  }

  it.scoped("are handed to the transport, those of the request before those of the connection", () =>
    contained(Effect.gen(function*() {
      const seen: Array<Transport.OpenTimeouts> = []
      const handle = yield* T.make([T.connection(T.expect(getHead()), T.reply(ok()))])
      const spy: Transport.Service = {
        open: (endpoint, timeouts) => {
          seen.push({ dns: timeouts.dns, connect: timeouts.connect, tls: timeouts.tls })
          return handle.open(endpoint, timeouts)
        },
        secure: handle.secure
      }
      const connection = yield* Effect.provideService(
        HttpConnection.make({ host, timeouts: { dns: 1, connect: 2 } }),
        Transport.Transport,
        spy
      )
      yield* connection.execute(HttpRequest.get("/", { timeouts: { connect: 20 } }))
      assert.deepStrictEqual(seen, [{ dns: 1, connect: 20, tls: 10_000 }])
    })))

  it.scoped("tls limits the handshake in a tunnel", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connectedWith(
        { tls: true, tunnel: { host: "far.test" } },
        T.discardUntil("\r\n\r\n"),
        T.reply("HTTP/1.1 200 OK\r\n\r\n"),
        T.stall
      )
      yield* timesOut(connection.execute(get), "tls", 10_000, {
        phase: "tls",
        ...unsent,
        origin: "https://far.test:443"
      })
      yield* nothingLeft(transport)
    })))
})

describe("proxy", () => {
  it.scoped("limits the answer to CONNECT: by default 30 seconds", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connectedWith({ tunnel: { host: "far.test" } }, T.stall)
      yield* timesOut(connection.execute(get), "proxy", 30_000, {
        phase: "proxy",
        ...unsent,
        origin: "http://far.test:80"
      })
      yield* nothingLeft(transport)
    })))
})

describe("write", () => {
  it.scoped("limits how long the server takes nothing: by default 60 seconds", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.blockWrites, T.stall)
      const head = lengthHead(3)
      yield* timesOut(
        connection.execute(HttpRequest.post("/", { body: HttpBody.bytes(bytesOf("abc")) })),
        "write",
        60_000,
        {
          phase: "write",
          requestState: "PartiallySent",
          processed: "Unknown",
          replayable: true,
          bytesWritten: head.length + 3
        }
      )
      yield* nothingLeft(transport)
    })))

  it.scoped("limits a request without a body too", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.blockWrites, T.stall)
      yield* timesOut(connection.execute(get), "write", 60_000, { phase: "write", requestState: "PartiallySent" })
      yield* nothingLeft(transport)
    })))

  it.scoped("starts anew with each piece that is taken", () =>
    contained(Effect.gen(function*() {
      const slow = [T.blockWrites, T.delay("40 seconds"), T.unblockWrites]
      const { connection, transport } = yield* connected(
        T.expect(chunkedHead()),
        T.blockWrites,
        T.expect(chunk("a")),
        T.delay("40 seconds"),
        T.unblockWrites,
        T.blockWrites,
        T.expect(chunk("b")),
        ...slow,
        T.blockWrites,
        T.stall
      )
      const body = HttpBody.stream(pieces("a", "b", "c"))
      const fiber = yield* started(connection.execute(HttpRequest.post("/", { body })))
      for (const wait of [40, 40, 59]) {
        yield* TestClock.adjust(Duration.seconds(wait))
        yield* settled
        assert.isFalse(hasEnded(fiber))
      }
      yield* TestClock.adjust("1 second")
      const error = yield* failsWith(Fiber.join(fiber), "HttpTimeout")
      assert.deepInclude(error, { kind: "write", millis: 60_000 })
      assert.deepInclude(error.context, { replayable: false, processed: "Unknown" })
      yield* nothingLeft(transport)
    })))

  it.scoped("does not run while the caller's stream takes its time", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(T.expect(`${chunkedHead()}${chunk("a")}0\r\n\r\n`), T.reply(ok("done")))
      const body = HttpBody.stream(Stream.concat(Stream.drain(Stream.fromEffect(Effect.sleep("1 hour"))), pieces("a")))
      const fiber = yield* started(textOf(connection, HttpRequest.post("/", { body })))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* fiber, "done")
    })))
})

describe("head", () => {
  it.scoped("limits the wait for the response: by default 5 minutes", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.expect(getHead()), T.reply("HTTP/1.1 200 OK\r\n"), T.stall)
      yield* timesOut(connection.execute(get), "head", 300_000, {
        phase: "head",
        requestState: "Sent",
        processed: "Unknown",
        replayable: true,
        bytesWritten: getHead().length,
        bytesRead: 17
      })
      yield* nothingLeft(transport)
    })))

  it.scoped("starts when the request has been sent, not during a long upload", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.expect(`${chunkedHead()}${chunk("a")}0\r\n\r\n`), T.stall)
      const body = HttpBody.stream(Stream.concat(pieces("a"), Stream.drain(Stream.fromEffect(Effect.sleep("1 hour")))))
      const fiber = yield* started(connection.execute(HttpRequest.post("/", { body })))
      yield* TestClock.adjust("1 hour")
      yield* settled
      yield* timesOut(Fiber.join(fiber), "head", 300_000, { phase: "head", requestState: "Sent", replayable: false })
      yield* nothingLeft(transport)
    })))

  it.scoped("is not started anew by informational responses", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(getHead()),
        T.delay("200 seconds"),
        T.reply("HTTP/1.1 102 Processing\r\n\r\n"),
        T.stall
      )
      yield* timesOut(connection.execute(get), "head", 300_000, { phase: "head" })
      yield* nothingLeft(transport)
    })))

  it.scoped("is that of the request where it has one", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.expect(getHead()), T.stall)
      const request = HttpRequest.get("/", { timeouts: { head: "2 seconds" } })
      yield* timesOut(connection.execute(request), "head", 2000, { phase: "head" })
      yield* nothingLeft(transport)
    })))
})

describe("none", () => {
  const endless = Object.fromEntries(
    Object.keys(HttpTimeouts.defaults).map((key) => [key, Duration.infinity])
  ) as unknown as HttpTimeouts.HttpTimeouts

  it.scoped("runs where a timeout is infinite", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connectTo([
        T.openAfter(
          "1 day",
          T.connection(
            T.expect(getHead()),
            T.blockWrites,
            T.delay("1 day"),
            T.unblockWrites,
            T.delay("1 day"),
            T.reply(ok("x").slice(0, -1)),
            T.delay("1 day"),
            T.reply("x")
          )
        )
      ], { timeouts: endless })
      const fiber = yield* started(textOf(connection, get))
      for (let day = 1; day <= 3; day++) {
        yield* TestClock.adjust("1 day")
        yield* settled
        assert.isFalse(hasEnded(fiber))
      }
      yield* TestClock.adjust("1 day")
      assert.strictEqual(yield* fiber, "x")
      yield* nothingButIdle(transport)
    })))
})

describe("after an exchange", () => {
  it.scoped("no timeout runs: neither while the connection is idle, nor on the next request", () =>
    contained(Effect.gen(function*() {
      const timeouts = { head: 1000, bodyIdle: 1000, write: 1000, total: 5000 }
      const { connection, transport } = yield* connectedWith(
        { timeouts },
        T.expect(getHead()),
        T.reply(ok("1"), { split: 10 }),
        T.expect(getHead()),
        T.delay(999),
        T.reply(ok("2"), { split: 10 })
      )
      assert.strictEqual(yield* textOf(connection, get), "1")
      yield* nothingButIdle(transport)
      const second = yield* started(textOf(connection, get))
      yield* TestClock.adjust(999)
      assert.strictEqual(yield* second, "2")
      yield* nothingButIdle(transport)
    })))
})
