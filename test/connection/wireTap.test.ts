/**
 * The wire tap, instead of `set_debuglevel`: heads in the log, in the words that Python prints, and
 * no secret among them.
 */
import * as PlatformHeaders from "@effect/platform/Headers"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type { HttpConnection } from "../../src/HttpConnection.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { asked, head, ok, one, over } from "./over.ts"

/** What a program over a script logs: the level and the lines of each entry. */
const logged = (
  script: T.Script,
  use: (connection: HttpConnection) => Effect.Effect<unknown, unknown>,
  options: Parameters<typeof over>[2] = { wireTap: true }
) =>
  Effect.gen(function*() {
    const entries: Array<ReadonlyArray<unknown>> = []
    const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
      entries.push([logLevel.label, ...Array.isArray(message) ? message : [message]])
    })
    yield* over(script, use, options).pipe(
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Logger.withMinimumLogLevel(LogLevel.All)
    )
    return entries
  })

describe("wireTap", () => {
  it.effect("logs the heads of request and response, and no body", () =>
    Effect.gen(function*() {
      const entries = yield* logged(
        one(T.expect(asked("POST /a?b", "Content-Length: 4", "X-A: 1") + "body"), T.reply(ok("answer", "X-B: 2"))),
        (connection) =>
          Effect.gen(function*() {
            yield* connection.request("POST", "/a?b", { body: "body", headers: { "X-A": "1" } })
            yield* (yield* connection.getResponse).text
          })
      )
      assert.deepStrictEqual(entries, [
        [
          "INFO",
          "send: POST /a?b HTTP/1.1",
          "header: Host: a.test",
          "header: Accept-Encoding: identity",
          "header: Content-Length: 4",
          "header: X-A: 1"
        ],
        ["INFO", "reply: HTTP/1.1 200 OK", "header: X-B: 2", "header: Content-Length: 6"]
      ])
    }))

  it.effect("logs what execute sends and gets in the same way", () =>
    Effect.gen(function*() {
      const entries = yield* logged(
        one(T.expect(head("GET / HTTP/1.1", "Host: a.test")), T.reply(head("HTTP/1.0 204 "))),
        (connection) => connection.execute(HttpRequest.get("/"))
      )
      assert.deepStrictEqual(entries, [
        ["INFO", "send: GET / HTTP/1.1", "header: Host: a.test"],
        ["INFO", "reply: HTTP/1.0 204 "]
      ])
    }))

  it.effect("logs CONNECT and the proxy's answer, be it a refusal", () =>
    Effect.gen(function*() {
      const entries = yield* logged(
        one(
          T.expect(head("CONNECT far.test:80 HTTP/1.1", "Host: far.test:80", "Proxy-Authorization: Basic c2VjcmV0")),
          T.reply(head("HTTP/1.1 403 Forbidden", "X: 1", "Content-Length: 0"))
        ),
        (connection) => Effect.flip(connection.connect),
        { wireTap: true, tunnel: { host: "far.test", headers: { "Proxy-Authorization": "Basic c2VjcmV0" } } }
      )
      assert.deepStrictEqual(entries, [
        [
          "INFO",
          "send: CONNECT far.test:80 HTTP/1.1",
          "header: Host: far.test:80",
          "header: Proxy-Authorization: <redacted>"
        ],
        ["INFO", "reply: HTTP/1.1 403 Forbidden", "header: X: 1", "header: Content-Length: 0"]
      ])
    }))

  it.effect.each(["Authorization", "proxy-authorization", "COOKIE", "X-Api-Key"])(
    "does not show the value of %s",
    (name) =>
      Effect.gen(function*() {
        const entries = yield* logged(
          one(
            T.expect(asked("GET /", `${name}: s3cret`)),
            T.reply(ok("", "Set-Cookie: id=s3cret", "set-cookie: b=s3cret"))
          ),
          (connection) =>
            Effect.zipRight(connection.request("GET", "/", { headers: { [name]: "s3cret" } }), connection.getResponse)
        )
        const text = JSON.stringify(entries)
        assert.notInclude(text, "s3cret")
        assert.include(text, `header: ${name}: <redacted>`)
        assert.include(text, "header: Set-Cookie: <redacted>")
        assert.include(text, "header: set-cookie: <redacted>")
      })
  )

  it.effect("does not show what Headers.currentRedactedNames of the platform names besides", () =>
    Effect.gen(function*() {
      const entries = yield* logged(
        one(
          T.expect(asked("GET /", "X-Token: s3cret", "X-Key-1: s3cret", "Authorization: s3cret", "X-Open: shown")),
          T.reply(ok("", "x-token: s3cret"))
        ),
        (connection) =>
          Effect.zipRight(
            connection.request("GET", "/", {
              headers: { "X-Token": "s3cret", "X-Key-1": "s3cret", Authorization: "s3cret", "X-Open": "shown" }
            }),
            connection.getResponse
          ).pipe(Effect.locally(PlatformHeaders.currentRedactedNames, ["x-token", /^x-key/]))
      )
      const text = JSON.stringify(entries)
      assert.notInclude(text, "s3cret")
      assert.include(text, "X-Open: shown")
    }))

  it.effect("logs nothing where it is off, which is the default", () =>
    Effect.gen(function*() {
      for (const options of [{}, { wireTap: false }]) {
        const entries = yield* logged(
          one(T.expect(asked("GET /")), T.reply(ok())),
          (connection) => Effect.zipRight(connection.request("GET", "/"), connection.getResponse),
          options
        )
        assert.deepStrictEqual(entries, [])
      }
    }))
})
