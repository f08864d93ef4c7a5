/** What the transport calls throws nothing into it, and so nothing into the event loop: it ends what was under way. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { PeerCertificate } from "node:tls"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import { TlsError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import { make } from "../../src/internal/node/tls.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { failsWith, ok, settled } from "../connection/harness.ts"

const fault = new TypeError("a fault of the program")

/** Bytes that cannot be looked at. */
const poison: Uint8Array = Object.defineProperty(new Uint8Array(3), "length", {
  get: () => {
    throw fault
  }
})
/** A fault of the channel that cannot be looked at. */
const poisonedFault: Transport.DuplexFault = Object.defineProperty({ code: "", cause: undefined }, "code", {
  get: () => {
    throw fault
  }
})

/** A connection whose receiver, and whose writes, a test has in its hands. */
const connection = (script: T.Script, options: Partial<HttpConnection.Options> = {}) =>
  Effect.gen(function*() {
    const transport = yield* T.make(script)
    const hands: { receiver?: Transport.Receiver; onWrite?: () => void; drained?: () => void } = {}
    const open: Transport.Service["open"] = (endpoint, timeouts) =>
      Effect.map(transport.open(endpoint, timeouts), (duplex) => ({
        info: duplex.info,
        attach: (receiver) => {
          hands.receiver = receiver
          duplex.attach(receiver)
        },
        write: (bytes, more) => {
          hands.onWrite?.()
          duplex.write(bytes, more)
          return hands.onWrite === undefined
        },
        drained: (callback) => void (hands.drained = callback),
        resume: () => duplex.resume(),
        end: () => duplex.end(),
        destroy: () => duplex.destroy()
      }))
    const made = yield* Effect.provideService(
      HttpConnection.make({ host: "a.test", ...options }),
      Transport.Transport,
      { ...transport, open }
    )
    return { connection: made, hands, transport }
  })

const stalls = [
  T.connection(T.discardUntil("\r\n\r\n"), T.stall),
  T.connection(T.discardUntil("\r\n\r\n"), T.reply(ok("next")))
]

const diesOf = <A, E>(fiber: Fiber.Fiber<A, E>) =>
  Effect.map(Fiber.await(fiber), (exit) => {
    assert.strictEqual(Exit.isFailure(exit) && Cause.isDie(exit.cause) && Cause.squash(exit.cause), fault)
  })

describe("a call of the transport in which something throws", () => {
  for (
    const [name, call] of [
      ["bytes", (receiver: Transport.Receiver) => receiver.onData(poison)],
      ["a fault", (receiver: Transport.Receiver) => receiver.onError(poisonedFault)]
    ] as const
  ) {
    it.scoped(`(${name}) is a defect of who waits for the head, and closes the connection`, () =>
      Effect.gen(function*() {
        const { connection: made, hands, transport } = yield* connection(stalls)
        const fiber = yield* Effect.fork(made.execute(HttpRequest.get("/")))
        yield* settled
        if (hands.receiver === undefined) return assert.fail("nothing was attached")
        call(hands.receiver)
        yield* diesOf(fiber)
        assert.strictEqual(transport.openCount, 0)
        const response = yield* made.execute(HttpRequest.get("/"))
        assert.strictEqual(yield* response.text, "next")
      }))

    it.scoped(`(${name}) fails who reads the body, with what was thrown as the cause`, () =>
      Effect.gen(function*() {
        const { connection: made, hands, transport } = yield* connection([
          T.connection(T.discardUntil("\r\n\r\n"), T.reply(ok("hello").slice(0, -1)), T.stall)
        ])
        const response = yield* made.execute(HttpRequest.get("/"))
        const fiber = yield* Effect.fork(response.text)
        yield* settled
        if (hands.receiver === undefined) return assert.fail("nothing was attached")
        call(hands.receiver)
        const error = yield* failsWith(Fiber.join(fiber), "ConnectionClosed")
        assert.strictEqual(error.cause, fault)
        assert.strictEqual(error.partial && Buffer.from(error.partial).toString(), "hell")
        assert.strictEqual(transport.openCount, 0)
      }))

    it.scoped(`(${name}) closes a connection that is idle, and the next request opens another one`, () =>
      Effect.gen(function*() {
        const { connection: made, hands, transport } = yield* connection([
          T.connection(T.discardUntil("\r\n\r\n"), T.reply(ok("first")), T.stall),
          T.connection(T.discardUntil("\r\n\r\n"), T.reply(ok("next")))
        ])
        yield* Effect.flatMap(made.execute(HttpRequest.get("/")), (response) => response.text)
        if (hands.receiver === undefined) return assert.fail("nothing was attached")
        call(hands.receiver)
        assert.strictEqual(transport.openCount, 0)
        const response = yield* made.execute(HttpRequest.get("/"))
        assert.strictEqual(yield* response.text, "next")
      }))

    it.scoped(`(${name}) is a defect of who waits for a tunnel`, () =>
      Effect.gen(function*() {
        const { connection: made, hands, transport } = yield* connection(stalls, {
          host: "proxy.test",
          port: 3128,
          tunnel: { host: "far.test" }
        })
        const fiber = yield* Effect.fork(made.execute(HttpRequest.get("/")))
        yield* settled
        if (hands.receiver === undefined) return assert.fail("nothing was attached")
        call(hands.receiver)
        yield* diesOf(fiber)
        assert.strictEqual(transport.openCount, 0)
      }))
  }

  it.effect("(names of a certificate that cannot be read) is an error of the handshake", () =>
    Effect.sync(() => {
      const made = make("a.test", {})
      if (made instanceof TlsError) return assert.fail(made.message)
      const { options } = made
      const certificate = { subject: {}, subjectaltname: "DNS:\"a.test" } as PeerCertificate
      assert.propertyVal(options.checkServerIdentity?.("a.test", certificate), "code", "ERR_TLS_CERT_ALTNAME_FORMAT")
      const right = { subject: {}, subjectaltname: "DNS:a.test" } as PeerCertificate
      assert.isUndefined(options.checkServerIdentity?.("b.test", right))
    }))

  it.scoped("(what was written has gone) is a defect of who sends a body, and closes the connection", () =>
    Effect.gen(function*() {
      const { connection: made, hands, transport } = yield* connection(stalls, { blockSize: 65_536 })
      let writes = 0
      hands.onWrite = () => {
        if (++writes > 2) throw fault
      }
      const body = HttpBody.bytes(new Uint8Array(400_000))
      const fiber = yield* Effect.fork(made.execute(HttpRequest.post("/", { body })))
      yield* settled
      for (let i = 0; i < 2; i++) {
        if (hands.drained === undefined) return assert.fail("nobody waits for the transport")
        hands.drained()
        yield* settled
      }
      assert.strictEqual(writes, 3)
      yield* diesOf(fiber)
      assert.strictEqual(transport.openCount, 0)
    }))
})
