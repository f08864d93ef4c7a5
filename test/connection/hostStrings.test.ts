/** Host strings, as `HTTPConnection(host, port)` takes them: what is connected to, what is sent as Host, and what is refused. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as T from "../../src/TestTransport.ts"
import { head, ok, one, over } from "./over.ts"

describe("a host string", () => {
  it.effect.each<
    readonly [host: string, port: number | undefined, tls: boolean, to: string, on: number, field: string]
  >([
    ["host", undefined, false, "host", 80, "host"],
    ["host", undefined, true, "host", 443, "host"],
    ["host:80", undefined, false, "host", 80, "host"],
    ["host:80", undefined, true, "host", 80, "host:80"],
    ["host:443", undefined, true, "host", 443, "host"],
    ["host:8080", undefined, false, "host", 8080, "host:8080"],
    ["host", 8080, false, "host", 8080, "host:8080"],
    ["HOST.Test", undefined, false, "host.test", 80, "host.test"],
    ["bücher.test", undefined, false, "xn--bcher-kva.test", 80, "xn--bcher-kva.test"],
    ["127.0.0.1:81", undefined, false, "127.0.0.1", 81, "127.0.0.1:81"],
    ["[::1]", undefined, false, "::1", 80, "[::1]"],
    ["[::1]:80", undefined, false, "::1", 80, "[::1]"],
    ["[::1]:8080", undefined, false, "::1", 8080, "[::1]:8080"],
    ["::1", undefined, false, "::1", 80, "[::1]"],
    ["::1", 8080, false, "::1", 8080, "[::1]:8080"],
    ["host:", undefined, false, "host", 80, "host"],
    ["host:", undefined, true, "host", 443, "host"],
    ["host:", 8080, false, "host", 8080, "host:8080"],
    ["[::1]:", undefined, false, "::1", 80, "[::1]"],
    ["[::1]:", undefined, true, "::1", 443, "[::1]"],
    ["[FE80:0:0::0001]:", undefined, false, "fe80::1", 80, "[fe80::1]"],
    ["::", undefined, false, "::", 80, "[::]"],
    ["fe80::", undefined, false, "fe80::", 80, "[fe80::]"],
    ["[fe80::1%25]", 81, false, "fe80::1%25", 81, "[fe80::1]:81"]
  ])("%j with port %j and TLS %j leads to %s port %i, with Host: %s", ([host, port, tls, to, on, field]) =>
    over(
      one(T.expect(head("GET / HTTP/1.1", `Host: ${field}`, "Accept-Encoding: identity")), T.reply(ok())),
      (connection, transport) =>
        Effect.gen(function*() {
          yield* connection.request("GET", "/")
          yield* connection.getResponse
          assert.deepStrictEqual(transport.opened.map(({ host, port, tls }) => [host, port, tls !== undefined]), [[
            to,
            on,
            tls
          ]])
        }),
      { host, port, tls }
    ))

  it.effect.each<readonly [host: string, port: number | undefined, part: string]>([
    [":", undefined, "host"],
    ["[]:", undefined, "host"],
    ["host::", undefined, "host"],
    ["host:abc", undefined, "port"],
    ["host:80x", undefined, "port"],
    ["host:+80", undefined, "port"],
    ["host:0", undefined, "port"],
    ["host:70000", undefined, "port"],
    ["host", 0, "port"],
    ["host", 70_000, "port"],
    ["host", 80.5, "port"],
    ["host", -1, "port"],
    ["host", NaN, "port"],
    ["host:80", 80, "host"],
    ["[::1", undefined, "host"],
    ["[::1]x", undefined, "host"],
    ["[::1]:abc", undefined, "port"],
    ["[host]", undefined, "host"],
    ["", undefined, "host"],
    ["ho st", undefined, "host"],
    ["host\r\nX: y", undefined, "host"],
    ["host\n", undefined, "host"],
    ["host\0", undefined, "host"],
    ["host\x7f", undefined, "host"],
    ["user:secret@host", undefined, "port"],
    ["user@host", undefined, "host"],
    ["host/path", undefined, "host"],
    ["http://host", undefined, "port"]
  ])(
    "%j with port %j is an InvalidUrl before any I/O, because of its %s",
    ([host, port, part]) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(over([], () => Effect.void, { host, port }))
        assert.strictEqual(error._tag, "InvalidUrl")
        if (error._tag !== "InvalidUrl") return
        assert.strictEqual(error.part, part)
        assert.notInclude(error.message, "secret")
      })
  )

  it.effect("is not needed where there is a socket path, and then names the server", () =>
    over(
      one(T.expect(head("GET / HTTP/1.1", "Host: localhost", "Accept-Encoding: identity")), T.reply(ok())),
      (connection, transport) =>
        Effect.gen(function*() {
          yield* connection.request("GET", "/")
          yield* connection.getResponse
          assert.strictEqual(transport.opened[0]?.socketPath, "/run/app.sock")
        }),
      { host: undefined, socketPath: "/run/app.sock" }
    ))

  it.effect("comes with the local address to connect from", () =>
    over(one(), (connection, transport) =>
      Effect.gen(function*() {
        yield* connection.connect
        assert.strictEqual(transport.opened[0]?.localAddress, "127.0.0.2")
      }), { localAddress: "127.0.0.2" }))

  it.effect.each<
    readonly [localAddress: string | undefined, localPort: number | undefined, address: string | undefined]
  >([
    [undefined, 5000, undefined],
    ["127.0.0.2", 5000, "127.0.0.2"],
    ["127.2", 0, "127.0.0.2"],
    ["[::1]", 65_535, "::1"],
    ["FE80::0:1%lo", undefined, "fe80::1%lo"]
  ])(
    "comes with the local address %j and the local port %j",
    ([localAddress, localPort, address]) =>
      over(one(), (connection, transport) =>
        Effect.gen(function*() {
          yield* connection.connect
          const [opened] = transport.opened
          assert.deepStrictEqual([opened?.localAddress, opened?.localPort], [address, localPort])
        }), { localAddress, localPort })
  )

  it.effect.each<readonly [option: "localAddress" | "localPort", value: unknown]>([
    ["localAddress", "localhost"],
    ["localAddress", "no address"],
    ["localAddress", ""],
    ["localAddress", "127.0.0.1:80"],
    ["localAddress", "127.0.0.1:"],
    ["localAddress", "[::1]:"],
    ["localAddress", "127.0.0.256"],
    ["localAddress", null],
    ["localAddress", 127],
    ["localPort", -1],
    ["localPort", 65_536],
    ["localPort", 1.5],
    ["localPort", NaN],
    ["localPort", "80"],
    ["localPort", null]
  ])("makes no connection with the %s %j", ([option, value]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(over([], () => Effect.void, { [option]: value }))
      assert.strictEqual(error._tag, "InvalidOption")
      assert.strictEqual(error._tag === "InvalidOption" && error.option, option)
    }))

  // Options with the same content are one record for the whole process, which may lack a `verify` that is true.
  it.effect("comes with the TLS options of its connection", () =>
    over(one(), (connection, transport) =>
      Effect.gen(function*() {
        yield* connection.connect
        assert.deepInclude(transport.opened[0]?.tls, { ca: "PEM of this test", verify: true })
      }), { tls: { ca: "PEM of this test", verify: true } }))
})
