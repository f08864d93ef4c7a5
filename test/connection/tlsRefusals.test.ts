/**
 * What TLS says after the handshake, over a script: when an alert is a refusal of the client's certificate, and when it is not; what is said
 * where a server closes without a word.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import type { TlsError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { connectedWith, failsWith, ok, settled, textOf } from "./harness.ts"

const required = "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED"
const internal = "ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR"
const secure = { tls: true } as const
const get = HttpRequest.get("/")
const asked = T.discardUntil("\r\n\r\n")
const refused = { reason: "ClientCertificate", code: required, serverName: "a.test" } as const
const certificate = "see `tls.cert` and `tls.key`"

describe("a refusal of the client's certificate", () => {
  it.scoped("is a failure of TLS on a connection that has served others: authentication after the handshake", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectedWith(secure, asked, T.reply(ok("a")), asked, T.fail(required))
      assert.strictEqual(yield* textOf(connection, get), "a")
      const error = yield* failsWith(connection.execute(get), "TlsError")
      assert.deepInclude(error, refused)
      assert.deepInclude(error.context, { phase: "tls", fault: "User", processed: "No", requestState: "Sent" })
      assert.strictEqual(error.context.connection?.requestsServed, 1)
    }))

  it.scoped("is not sent once more by a pool, though its connection was used again", () =>
    Effect.gen(function*() {
      const transport = yield* T.make([T.connection(asked, T.reply(ok("a")), asked, T.fail(required))])
      const pool = yield* Effect.provideService(ConnectionPool.make(), Transport.Transport, transport)
      const request = HttpRequest.get("https://a.test/")
      yield* Effect.flatMap(pool.execute(request), ({ text }) => text)
      assert.deepInclude(yield* failsWith(pool.execute(request), "TlsError"), refused)
      assert.strictEqual((yield* pool.stats).retried, 0)
    }))

  it.scoped("is a failure of TLS where the request could not be written for it", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectedWith(secure, T.writeFails(required))
      const error = yield* failsWith(connection.execute(get), "TlsError")
      assert.deepInclude(error, refused)
      assert.deepInclude(error.context, { fault: "User", processed: "No" })
    }))

  it.scoped("has the server name of the options", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectedWith({ tls: { serverName: "b.test" } }, asked, T.fail(required))
      assert.strictEqual((yield* failsWith(connection.execute(get), "TlsError")).serverName, "b.test")
    }))

  it.scoped("that comes before the first request closes the connection, and says why it is not open", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectedWith(
        { ...secure, autoOpen: false },
        T.delay("1 second"),
        T.fail(required)
      )
      yield* connection.connect
      yield* TestClock.adjust("1 second")
      yield* settled
      const error = yield* failsWith(connection.execute(get), "NotConnected")
      assert.deepInclude(error.cause as TlsError, refused)
    }))

  it.scoped("behind the head of an answer is a broken body: the request was let in", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectedWith(
        secure,
        asked,
        T.reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"),
        T.fail(required)
      )
      const error = yield* failsWith(textOf(connection, get), "ConnectionReset")
      assert.deepInclude(error.context, { processed: "Yes", phase: "body" })
    }))
})

describe("another alert after the handshake", () => {
  it.scoped("is no refusal: the server may have looked at the request, and the message says what the alert means", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectedWith(secure, asked, T.fail(internal))
      const error = yield* failsWith(connection.execute(get), "ReadError")
      assert.deepInclude(error.context, { fault: "Network", processed: "Unknown" })
      assert.include(error.message, "The server failed by a fault of its own: see its log.")
      assert.notInclude(error.message, certificate)
    }))

  it.scoped("says what it means where the request could not be written for it", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectedWith(secure, T.writeFails(internal))
      const error = yield* failsWith(connection.execute(get), "WriteError")
      assert.include(error.message, "The server failed by a fault of its own: see its log.")
    }))

  it.scoped("on a connection that was used before is that of a stale one", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectedWith(secure, asked, T.reply(ok("a")), asked, T.fail(internal))
      yield* textOf(connection, get)
      yield* failsWith(connection.execute(get), "StaleConnection")
    }))
})

describe("a server that closes without a word", () => {
  const silent: ReadonlyArray<
    readonly [name: string, tag: "RemoteDisconnected" | "ReadError" | "WriteError", steps: ReadonlyArray<T.Step>]
  > = [
    ["ends the connection", "RemoteDisconnected", [asked, T.eof]],
    ["resets the connection", "ReadError", [asked, T.reset]],
    ["does not take the request", "WriteError", [T.writeFails("EPIPE")]]
  ]
  for (const [name, tag, steps] of silent) {
    it.scoped(`and ${name} may have refused the client's certificate, over TLS 1.3 alone`, () =>
      Effect.gen(function*() {
        const over = yield* connectedWith(secure, ...steps)
        const error = yield* failsWith(over.connection.execute(get), tag)
        assert.include(error.message, certificate)
        assert.notInclude(error.message, "the port may want TLS")
        assert.deepInclude(error, { tls: "TLSv1.3" })
        const clear = yield* connectedWith({}, ...steps)
        const other = yield* failsWith(clear.connection.execute(get), tag)
        assert.notInclude(other.message, certificate)
        assert.strictEqual(other.message.includes("the port may want TLS"), tag === "RemoteDisconnected")
      }))
  }

  it.scoped("in the middle of a head has let the client in", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectedWith(secure, asked, T.reply("HTTP/1.1 200"), T.reset)
      const error = yield* failsWith(connection.execute(get), "ReadError")
      assert.notInclude(error.message, certificate)
    }))
})

describe("a far end of a tunnel that speaks first", () => {
  const through = (tls: boolean) => ({ host: "proxy.test", tls, tunnel: { host: "far.test" } })
  const greeting = T.reply("HTTP/1.1 200 OK\r\n\r\nSSH-2.0-OpenSSH_9.2\r\n")

  it.scoped("does not speak TLS, where TLS is wanted", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectedWith(through(true), asked, greeting)
      const error = yield* failsWith(connection.execute(get), "TlsError")
      assert.deepInclude(error, { reason: "NotTls", serverName: "far.test" })
      assert.deepInclude(error.context, { phase: "tls", processed: "No", requestState: "NotSent" })
    }))

  it.scoped("answers nothing, where no TLS is wanted", () =>
    Effect.gen(function*() {
      const { connection } = yield* connectedWith(through(false), asked, greeting)
      const error = yield* failsWith(connection.execute(get), "UnexpectedMessage")
      assert.strictEqual(error.context.phase, "proxy")
    }))
})

describe("what closes a connection as soon as it is open", () => {
  it.scoped("is said to be a refusal where it is one", () =>
    Effect.gen(function*() {
      const transport = yield* T.make([T.connection(T.fail(required))])
      const connection = yield* Effect.provideService(
        HttpConnection.make({ host: "a.test", tls: true }),
        Transport.Transport,
        transport
      )
      const error = yield* Effect.flip(connection.execute(get))
      assert.strictEqual(error._tag, "TlsError", error.message)
    }))
})
