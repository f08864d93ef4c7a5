/**
 * Tunnels through a proxy: CONNECT with its own fields, then the far end in plain or over TLS; everything that a proxy can do
 * instead of opening one.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import type { HttpError, ProxyAuthRequired, ProxyConnectError } from "../../src/HttpError.ts"
import { TlsError } from "../../src/HttpError.ts"
import * as HttpFields from "../../src/HttpFields.ts"
import * as T from "../../src/TestTransport.ts"
import { head, latin1, ok, one, over, settled } from "./over.ts"

const connectTo = (hostPort: string, ...fields: ReadonlyArray<string>): string =>
  head(`CONNECT ${hostPort} HTTP/1.1`, `Host: ${hostPort}`, ...fields)

const established = head("HTTP/1.1 200 Connection established")

const get = (host: string, target = "/"): string =>
  head(`GET ${target} HTTP/1.1`, `Host: ${host}`, "Accept-Encoding: identity")

const proxied = { host: "proxy.test", port: 3128 } as const

/** What opening a tunnel to `far.test:80` fails with, and the proxy's fields as the connection knows them afterwards. */
const failing = (...steps: ReadonlyArray<T.Step>) =>
  over(
    one(T.expect(connectTo("far.test:80")), ...steps),
    (connection, transport) =>
      Effect.gen(function*() {
        const error: HttpError = yield* Effect.flip(connection.connect)
        assert.strictEqual(transport.openCount, 0)
        assert.strictEqual(yield* connection.state, "Idle")
        assert.strictEqual(error.context.phase, "proxy")
        assert.strictEqual(error.context.processed, "No")
        return { error, fields: yield* connection.getProxyResponseHeaders }
      }),
    { ...proxied, tunnel: { host: "far.test" } }
  )

describe("a tunnel to a plain server", () => {
  it.effect("is opened by CONNECT to the proxy, and carries requests with the far end's Host", () =>
    over(
      one(T.expect(connectTo("far.test:80")), T.reply(established), T.expect(get("far.test", "/a")), T.reply(ok("x"))),
      (connection, transport) =>
        Effect.gen(function*() {
          yield* connection.setTunnel("far.test")
          yield* connection.request("GET", "/a")
          const response = yield* connection.getResponse
          assert.strictEqual(yield* response.text, "x")
          assert.strictEqual(response.url, "http://far.test/a")
          assert.strictEqual(connection.origin.host, "far.test")
          assert.deepStrictEqual(transport.opened.map(({ host, port }) => [host, port]), [["proxy.test", 3128]])
          assert.deepStrictEqual(transport.secured, [])
        }),
      proxied
    ))

  it.effect.each<readonly [host: string, port: number | undefined, hostPort: string, hostField: string]>([
    ["far.test", undefined, "far.test:80", "far.test"],
    ["far.test", 80, "far.test:80", "far.test"],
    ["far.test", 8080, "far.test:8080", "far.test:8080"],
    ["far.test:8080", undefined, "far.test:8080", "far.test:8080"],
    ["far.test:", undefined, "far.test:80", "far.test"],
    ["[::1]:", undefined, "[::1]:80", "[::1]"],
    ["[::1]", undefined, "[::1]:80", "[::1]"],
    ["::1", 81, "[::1]:81", "[::1]:81"]
  ])("to host %j and port %j asks for %s and sends Host: %s", ([host, port, hostPort, hostField]) =>
    over(
      one(T.expect(connectTo(hostPort)), T.reply(established), T.expect(get(hostField)), T.reply(ok())),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.setTunnel(host, port)
          yield* connection.request("GET", "/")
          yield* connection.getResponse
        }),
      proxied
    ))

  it.effect("sends its headers to the proxy and never to the far end", () =>
    over(
      one(
        T.expect(connectTo("far.test:80", "Proxy-Authorization: Basic c2VjcmV0", "X-A: 1", "X-A: 2")),
        T.reply(established),
        T.expect(get("far.test")),
        T.reply(ok())
      ),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.setTunnel("far.test", undefined, {
            "Proxy-Authorization": "Basic c2VjcmV0",
            "X-A": ["1", "2"]
          })
          yield* connection.request("GET", "/")
          yield* connection.getResponse
        }),
      proxied
    ))

  it.effect("sends the Host that its headers give, in place of its own", () =>
    over(
      one(
        T.expect(head("CONNECT far.test:80 HTTP/1.1", "Host: other.test")),
        T.reply(established),
        T.expect(get("far.test")),
        T.reply(ok())
      ),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.setTunnel("far.test", 80, { host: "other.test" })
          yield* connection.request("GET", "/")
          yield* connection.getResponse
        }),
      proxied
    ))

  it.effect("can be an option of the connection, and is opened by connect", () =>
    over(
      one(
        T.expect(connectTo("far.test:81", "X: 1")),
        T.reply(established, { split: "bytes" }),
        T.expect(get("far.test:81")),
        T.reply(ok())
      ),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.connect
          yield* connection.request("GET", "/")
          yield* connection.getResponse
        }),
      { ...proxied, tunnel: { host: "far.test", port: 81, headers: { X: "1" } } }
    ))

  it.effect("is opened anew, with its headers, when the connection is", () =>
    over(
      [1, 2].map(() =>
        T.connection(
          T.expect(connectTo("far.test:80", "X: 1")),
          T.reply(established),
          T.expect(get("far.test")),
          T.reply(ok("", "Connection: close"))
        )
      ),
      (connection) =>
        Effect.gen(function*() {
          for (let i = 0; i < 2; i++) {
            yield* connection.request("GET", "/")
            yield* connection.getResponse
          }
        }),
      { ...proxied, tunnel: { host: "far.test", headers: { X: "1" } } }
    ))

  it.effect.each([
    [
      "200 without a body, whatever its fields say",
      head("HTTP/1.1 200 OK", "Content-Length: 5", "Transfer-Encoding: chunked")
    ],
    ["another 2xx", head("HTTP/1.1 204 No Content")],
    ["HTTP/1.0", head("HTTP/1.0 200 OK")],
    ["informational responses before", head("HTTP/1.1 103 Early Hints") + head("HTTP/1.1 200 OK")],
    ["Connection: close, which is about the proxy", head("HTTP/1.1 200 OK", "Connection: close")]
  ])("is opened by %s", ([, answer = ""]) =>
    over(
      one(T.expect(connectTo("far.test:80")), T.reply(answer), T.expect(get("far.test")), T.reply(ok())),
      (connection) => Effect.zipRight(connection.request("GET", "/"), connection.getResponse),
      { ...proxied, tunnel: { host: "far.test" } }
    ))
})

describe("a tunnel to a TLS server", () => {
  it.effect("speaks plainly with the proxy, and TLS with the far end under its name", () =>
    over(
      one(T.expect(connectTo("far.test:443")), T.reply(established), T.expect(get("far.test")), T.reply(ok("x"))),
      (connection, transport) =>
        Effect.gen(function*() {
          yield* connection.setTunnel("far.test")
          yield* connection.request("GET", "/")
          const response = yield* connection.getResponse
          assert.strictEqual(yield* response.text, "x")
          assert.strictEqual(response.url, "https://far.test/")
          assert.isUndefined(transport.opened[0]?.tls)
          assert.deepStrictEqual(transport.secured.map(({ serverName }) => serverName), ["far.test"])
        }),
      { ...proxied, tls: true }
    ))

  it.effect("hands its TLS options to the handshake, a server name of their own too", () =>
    over(
      one(T.expect(connectTo("far.test:8443")), T.reply(established)),
      (connection, transport) =>
        Effect.gen(function*() {
          yield* connection.connect
          const [secured] = transport.secured
          assert.strictEqual(secured?.serverName, "cert.test")
          assert.strictEqual(secured?.tls.ca, "PEM")
        }),
      { ...proxied, tls: { serverName: "cert.test", ca: "PEM" }, tunnel: { host: "far.test:8443" } }
    ))

  it.effect("whose handshake fails leaves nothing open", () => {
    const refused = new TlsError({
      reason: "HostnameMismatch",
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
      serverName: "far.test",
      names: "DNS:other.test",
      cause: undefined
    })
    return over(
      one(T.expect(connectTo("far.test:443")), T.reply(established), T.refuseTls(refused)),
      (connection, transport) =>
        Effect.gen(function*() {
          const error: HttpError = yield* Effect.flip(connection.request("GET", "/"))
          assert.strictEqual(error._tag, "TlsError")
          assert.strictEqual(error.context.phase, "tls")
          assert.strictEqual(error.context.origin, "https://far.test:443")
          assert.strictEqual(transport.openCount, 0)
          assert.strictEqual(yield* connection.state, "Idle")
        }),
      { ...proxied, tls: true, tunnel: { host: "far.test" } }
    )
  })

  it.effect("whose handshake takes too long ends by timeouts.tls", () =>
    over(
      one(T.expect(connectTo("far.test:443")), T.reply(established), T.stall),
      (connection, transport) =>
        Effect.gen(function*() {
          const opening = yield* Effect.fork(Effect.flip(connection.connect))
          yield* settled
          yield* TestClock.adjust("3 seconds")
          const error: HttpError = yield* Fiber.join(opening)
          assert.strictEqual(error._tag, "HttpTimeout")
          if (error._tag === "HttpTimeout") assert.strictEqual(error.kind, "tls")
          assert.strictEqual(transport.openCount, 0)
        }),
      { ...proxied, tls: true, tunnel: { host: "far.test" }, timeouts: { tls: "3 seconds" } }
    ))
})

describe("a proxy that refuses", () => {
  it.effect("is a ProxyConnectError with status, reason, fields and the beginning of the body", () =>
    Effect.gen(function*() {
      const { error } = yield* failing(
        T.reply(head("HTTP/1.1 502 Bad Gateway", "X-Why: dns", "Content-Length: 5") + "sorry", { split: "bytes" })
      )
      assert.strictEqual(error._tag, "ProxyConnectError")
      if (error._tag !== "ProxyConnectError") return
      assert.strictEqual(error.status, 502)
      assert.strictEqual(error.reason, "Bad Gateway")
      assert.strictEqual(HttpFields.getUnsafe(error.fields, "x-why"), "dns")
      assert.deepStrictEqual(error.bodyPrefix, new Uint8Array(latin1("sorry")))
      assert.strictEqual(error.context.origin, "http://far.test:80")
    }))

  it.effect("shows no more than 4096 bytes of its body, however long that is", () =>
    Effect.gen(function*() {
      const { error } = yield* failing(T.reply(head("HTTP/1.1 403 Forbidden") + "x".repeat(10_000)))
      assert.strictEqual(error._tag, "ProxyConnectError")
      if (error._tag === "ProxyConnectError") assert.strictEqual(error.bodyPrefix.length, 4096)
    }))

  it.effect("by a redirect refuses too", () =>
    Effect.gen(function*() {
      const { error } = yield* failing(
        T.reply(head("HTTP/1.1 302 Found", "Location: http://evil.test/", "Content-Length: 0"))
      )
      assert.strictEqual(error._tag, "ProxyConnectError")
    }))

  it.effect("for want of credentials is a ProxyAuthRequired with every challenge", () =>
    Effect.gen(function*() {
      const { error } = yield* failing(
        T.reply(
          head(
            "HTTP/1.1 407 Proxy Authentication Required",
            "Proxy-Authenticate: Basic realm=\"a, b\"",
            "Proxy-Authenticate: Digest realm=\"c\"",
            "Content-Length: 2"
          ) + "no"
        )
      )
      assert.strictEqual(error._tag, "ProxyAuthRequired")
      if (error._tag !== "ProxyAuthRequired") return
      assert.deepStrictEqual(error.challenges, ["Basic realm=\"a, b\"", "Digest realm=\"c\""])
      assert.deepStrictEqual(error.bodyPrefix, new Uint8Array(latin1("no")))
      assert.strictEqual(HttpFields.getUnsafe(error.fields, "content-length"), "2")
    }))

  it.effect.each(
    [
      ["closes", T.eof],
      ["is reset", T.reset]
    ] as const
  )("is that still where the connection %s within the body", ([, end]) =>
    Effect.gen(function*() {
      const { error } = yield* failing(T.reply(head("HTTP/1.1 502 Bad Gateway", "Content-Length: 9") + "sor"), end)
      assert.strictEqual(error._tag, "ProxyConnectError")
      if (error._tag === "ProxyConnectError") assert.deepStrictEqual(error.bodyPrefix, new Uint8Array(latin1("sor")))
    }))

  it.effect.each([
    "HTTP/1.1 407 Proxy Authentication Required",
    "HTTP/1.1 502 Bad Gateway",
    "HTTP/1.1 302 Found"
  ])("is that at once where nothing says that its body will end: %s", (line) =>
    Effect.gen(function*() {
      // No clock is moved, so waiting for more of it would not end.
      const { error } = yield* failing(T.reply(head(line) + "sorry"), T.stall)
      assert.include(["ProxyConnectError", "ProxyAuthRequired"], error._tag)
      assert.strictEqual(Buffer.from((error as ProxyConnectError).bodyPrefix).toString(), "sorry")
    }))

  it.effect.each([
    ["a length", head("HTTP/1.1 407 No", "Content-Length: 9")],
    ["chunks", `${head("HTTP/1.1 407 No", "Transfer-Encoding: chunked")}9\r\n`],
    ["the end of the connection", head("HTTP/1.1 407 No", "Connection: close")],
    ["HTTP/1.0", head("HTTP/1.0 407 No")]
  ])(
    "is that after a second where %s promises more of its body, which does not come",
    ([, answer]) =>
      Effect.gen(function*() {
        const opening = yield* Effect.fork(failing(T.reply(`${answer}sor`), T.stall))
        yield* settled
        yield* TestClock.adjust("999 millis")
        assert.isTrue(Option.isNone(yield* Fiber.poll(opening)))
        yield* TestClock.adjust("1 millis")
        const { error } = yield* Fiber.join(opening)
        assert.strictEqual(error._tag, "ProxyAuthRequired")
        assert.strictEqual(Buffer.from((error as ProxyAuthRequired).bodyPrefix).toString(), "sor")
      })
  )

  it.effect("has its body where that comes later and ends with the connection, as it was promised", () =>
    Effect.gen(function*() {
      const { error } = yield* failing(
        T.reply(head("HTTP/1.0 403 Forbidden")),
        T.reply("<html>"),
        T.reply("sorry"),
        T.eof
      )
      assert.strictEqual(Buffer.from((error as ProxyConnectError).bodyPrefix).toString(), "<html>sorry")
    }))

  it.effect("is that still where its body never ends", () =>
    Effect.gen(function*() {
      const opening = yield* Effect.fork(
        failing(T.reply(head("HTTP/1.1 502 Bad Gateway", "Content-Length: 9") + "sor"), T.stall)
      )
      yield* settled
      yield* TestClock.adjust("30 seconds")
      const { error } = yield* Fiber.join(opening)
      assert.strictEqual(error._tag, "ProxyConnectError")
    }))
})

describe("a proxy that does not answer as a proxy", () => {
  it.effect("in time is an HttpTimeout of the kind proxy", () =>
    Effect.gen(function*() {
      const opening = yield* Effect.fork(failing(T.stall))
      yield* settled
      yield* TestClock.adjust("29999 millis")
      assert.isTrue(Option.isNone(yield* Fiber.poll(opening)))
      yield* TestClock.adjust("1 millis")
      const { error } = yield* Fiber.join(opening)
      assert.strictEqual(error._tag, "HttpTimeout")
      if (error._tag === "HttpTimeout") assert.deepStrictEqual([error.kind, error.millis], ["proxy", 30_000])
    }))

  it.effect.each<readonly [what: string, steps: ReadonlyArray<T.Step>, tag: string]>([
    ["closes at once", [T.eof], "RemoteDisconnected"],
    ["closes within its head", [T.reply("HTTP/1.1 200 OK\r\nX"), T.eof], "IncompleteHeaders"],
    ["is reset", [T.reset], "ReadError"],
    ["speaks another protocol", [T.reply("SSH-2.0-OpenSSH_9.6\r\n")], "BadStatusLine"],
    ["speaks HTTP/2", [T.reply("HTTP/2 200 OK\r\n\r\n")], "UnknownProtocol"],
    ["sends a field that is none", [T.reply("HTTP/1.1 200 OK\r\nno field\r\n\r\n")], "InvalidHeaderLine"],
    [
      "sends bytes behind its head that are nobody's",
      [T.reply(established + "HTTP/1.1 200 OK\r\n")],
      "UnexpectedMessage"
    ]
  ])("that %s", ([, steps, tag]) =>
    Effect.gen(function*() {
      const { error } = yield* failing(...steps)
      assert.strictEqual(error._tag, tag)
    }))

  it.effect("can be tried again", () =>
    over(
      [
        T.connection(T.expect(connectTo("far.test:80")), T.eof),
        T.connection(T.expect(connectTo("far.test:80")), T.reply(established), T.expect(get("far.test")), T.reply(ok()))
      ],
      (connection) =>
        Effect.gen(function*() {
          yield* Effect.flip(connection.request("GET", "/"))
          yield* connection.request("GET", "/")
          yield* connection.getResponse
        }),
      { ...proxied, tunnel: { host: "far.test" } }
    ))
})

describe("getProxyResponseHeaders", () => {
  it.effect("is none before there was a tunnel", () =>
    over(one(), (connection) =>
      Effect.gen(function*() {
        assert.isTrue(Option.isNone(yield* connection.getProxyResponseHeaders))
        yield* connection.connect
        assert.isTrue(Option.isNone(yield* connection.getProxyResponseHeaders))
      })))

  it.effect("has the fields of the proxy's answer", () =>
    over(
      one(T.expect(connectTo("far.test:80")), T.reply(head("HTTP/1.1 200 OK", "Via: 1.1 p", "X: 1"))),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.connect
          const fields = Option.getOrThrow(yield* connection.getProxyResponseHeaders)
          assert.deepStrictEqual(HttpFields.entries(fields), [["Via", "1.1 p"], ["X", "1"]])
        }),
      { ...proxied, tunnel: { host: "far.test" } }
    ))

  it.effect("has the fields of a refusal, too", () =>
    Effect.gen(function*() {
      const { fields } = yield* failing(T.reply(head("HTTP/1.1 403 Forbidden", "X: 1", "Content-Length: 0")))
      assert.strictEqual(HttpFields.getUnsafe(Option.getOrThrow(fields), "X"), "1")
    }))

  it.effect("forgets the last answer where the next CONNECT has none", () =>
    over(
      [
        T.connection(T.expect(connectTo("far.test:80")), T.reply(established)),
        T.connection(T.expect(connectTo("far.test:80")), T.eof)
      ],
      (connection) =>
        Effect.gen(function*() {
          yield* connection.connect
          assert.isTrue(Option.isSome(yield* connection.getProxyResponseHeaders))
          yield* connection.close
          yield* Effect.flip(connection.connect)
          assert.isTrue(Option.isNone(yield* connection.getProxyResponseHeaders))
        }),
      { ...proxied, tunnel: { host: "far.test" } }
    ))
})

describe("setTunnel", () => {
  it.effect.each<readonly [host: string, port: number | undefined]>([
    ["far.test\r\nX: y", undefined],
    ["far.test\n", undefined],
    ["far.test\0", undefined],
    ["far.test:80\r\n", undefined],
    ["far.test /", undefined],
    ["user@far.test", undefined],
    ["", undefined],
    ["far.test::", undefined],
    ["far.test:abc", undefined],
    ["[::1", undefined],
    ["far.test", 0],
    ["far.test", 70_000]
  ])(
    "refuses the host %j with port %j before any I/O",
    ([host, port]) =>
      over([], (connection) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(connection.setTunnel(host, port))
          assert.strictEqual(error._tag, "InvalidUrl")
          if (error._tag === "InvalidUrl") assert.strictEqual(error.part, "tunnel")
          assert.strictEqual(connection.origin.host, "proxy.test")
        }), proxied)
  )

  it.effect.each<readonly [headers: Record<string, string>, tag: string]>([
    [{ X: "a\r\nY: b" }, "InvalidHeaderValue"],
    [{ X: "a\n" }, "InvalidHeaderValue"],
    [{ "X\r\nY": "a" }, "InvalidHeaderName"],
    [{ X: "€" }, "InvalidHeaderValue"],
    [{ Host: "a b" }, "InvalidHeaderValue"],
    [{ "Content-Length": "5" }, "ForbiddenHeader"],
    [{ "Transfer-Encoding": "chunked" }, "UnsupportedBody"],
    [{ Connection: "host" }, "ForbiddenHeader"]
  ])(
    "refuses the headers %j as %s before any I/O",
    ([headers, tag]) =>
      over([], (connection) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(connection.setTunnel("far.test", undefined, headers))
          assert.strictEqual(error._tag, tag)
          assert.strictEqual(connection.origin.host, "proxy.test")
        }), proxied)
  )

  it.effect("as an option is refused in the same way", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(over([], () => Effect.void, { tunnel: { host: "far.test\r\n" } }))
      assert.strictEqual(error._tag, "InvalidUrl")
    }))

  it.effect("is refused while the connection is open, and allowed again once it is closed", () =>
    over(
      [T.connection(), T.connection(T.expect(connectTo("far.test:80")), T.reply(established))],
      (connection) =>
        Effect.gen(function*() {
          yield* connection.connect
          const error = yield* Effect.flip(connection.setTunnel("far.test"))
          assert.strictEqual(error._tag, "InvalidOption")
          assert.strictEqual(connection.origin.host, "proxy.test")
          yield* connection.close
          yield* connection.setTunnel("far.test")
          yield* connection.connect
        }),
      proxied
    ))

  it.effect("is refused once a request has been started, whose Host would be the proxy's", () =>
    over([], (connection) =>
      Effect.gen(function*() {
        yield* connection.putRequest("GET", "/")
        const error = yield* Effect.flip(connection.setTunnel("far.test"))
        assert.strictEqual(error._tag, "InvalidOption")
      }), proxied))

  it.effect("replaces the tunnel before, and its headers", () =>
    over(
      one(T.expect(connectTo("b.test:80")), T.reply(established)),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.setTunnel("a.test", 81, { "Proxy-Authorization": "x" })
          yield* connection.setTunnel("b.test")
          yield* connection.connect
        }),
      proxied
    ))
})
