/** The check of a status: which responses pass, what the error of the others holds, and what becomes of their connections. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { inspect } from "node:util"
import * as HttpFields from "../../src/HttpFields.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as HttpResponse from "../../src/HttpResponse.ts"
import * as T from "../../src/TestTransport.ts"
import {
  connected,
  contained,
  failsWith,
  getHead,
  latin1,
  nothingLeft,
  ok,
  started,
  textOf
} from "../connection/harness.ts"
import { get, holds, poolOver, serves, textOf as poolText } from "./harness.ts"

const asked = T.expect(getHead("/a"))
const answer = (status: string, body: string, ...fields: ReadonlyArray<string>) =>
  T.reply([`HTTP/1.1 ${status}`, `Content-Length: ${body.length}`, ...fields, "", body].join("\r\n"))

describe("filterStatusOk", () => {
  for (
    const [status, passes] of [[200, true], [206, true], [299, true], [301, false], [404, false], [500, false]] as const
  ) {
    it.effect(`${passes ? "gives" : "refuses"} a response with ${status}`, () =>
      contained(Effect.gen(function*() {
        const { pool } = yield* poolOver([T.connection(asked, answer(`${status} X`, "body"))])
        const response = yield* pool.execute(get("/a"))
        const checked = HttpResponse.filterStatusOk(response)
        if (passes) {
          assert.strictEqual(yield* checked, response)
          // Nothing of the body has been read.
          assert.strictEqual(yield* response.text, "body")
        } else assert.strictEqual((yield* failsWith(checked, "StatusError")).status, status)
      })))
  }

  it.effect("fails with status, reason, fields and body, and the connection is used again", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(
          T.expect(getHead("/a?secret")),
          answer("503 Busy", "try later", "Retry-After: 120", "Set-Cookie: secret"),
          ...serves("/b")
        )
      ])
      const error = yield* failsWith(
        Effect.flatMap(pool.execute(get("/a?secret")), HttpResponse.filterStatusOk),
        "StatusError"
      )
      assert.deepInclude(error, { status: 503, reason: "Busy", retryAfter: "120" })
      assert.strictEqual(latin1(error.bodyPrefix), "try later")
      assert.strictEqual(HttpFields.getUnsafe(error.fields, "retry-after"), "120")
      assert.strictEqual(error.cause, undefined)
      assert.strictEqual(
        error.message,
        "The server answered with the status 503 \"Busy\", which is not accepted here. It asks to retry after \"120\"."
          + " What it said about that begins in `bodyPrefix`. (GET http://a.test:80/a)"
      )
      assert.deepInclude(error.context, {
        phase: "body",
        fault: "Remote",
        processed: "Yes",
        status: 503,
        replayable: true
      })
      assert.notInclude(`${error.message} ${JSON.stringify(error)} ${inspect(error)}`, "secret")
      assert.notInclude(`${error.message} ${JSON.stringify(error)} ${inspect(error)}`, "try later")
      assert.strictEqual(yield* poolText(pool, get("/b")), "/b")
      yield* transport.verify
    })))

  it.effect("keeps 4096 bytes of a body, and the rest is drained where that is cheap", () =>
    contained(Effect.gen(function*() {
      const body = "x".repeat(9000)
      const { pool, transport } = yield* poolOver([T.connection(asked, answer("404 No", body), ...serves("/b"))])
      const error = yield* failsWith(
        Effect.flatMap(pool.execute(get("/a")), HttpResponse.filterStatusOk),
        "StatusError"
      )
      assert.strictEqual(latin1(error.bodyPrefix), body.slice(0, 4096))
      assert.strictEqual(yield* poolText(pool, get("/b")), "/b")
      yield* transport.verify
    })))

  it.effect("closes the connection of a body that is too long to be drained", () =>
    contained(Effect.gen(function*() {
      const head = T.reply(`HTTP/1.1 500 No\r\nContent-Length: 999999999\r\n\r\n${"x".repeat(5000)}`)
      const { pool, transport } = yield* poolOver([T.connection(asked, head, T.stall)])
      const error = yield* failsWith(
        Effect.flatMap(pool.execute(get("/a")), HttpResponse.filterStatusOk),
        "StatusError"
      )
      assert.strictEqual(error.bodyPrefix.length, 4096)
      yield* holds(pool, {})
      yield* nothingLeft(transport)
    })))

  it.effect("has what came of a body that broke, and says why", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([
        T.connection(asked, T.reply("HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\nabc"), T.eof)
      ])
      const error = yield* failsWith(
        Effect.flatMap(pool.execute(get("/a")), HttpResponse.filterStatusOk),
        "StatusError"
      )
      assert.strictEqual(latin1(error.bodyPrefix), "abc")
      assert.strictEqual((error.cause as { readonly _tag: string })._tag, "IncompleteRead")
    })))

  it.effect("has nothing of a body that was read before", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([T.connection(asked, answer("500 No", "abc"))])
      const response = yield* pool.execute(get("/a"))
      yield* response.bytes
      const error = yield* failsWith(HttpResponse.filterStatusOk(response), "StatusError")
      assert.strictEqual(error.bodyPrefix.length, 0)
      assert.strictEqual((error.cause as { readonly _tag: string })._tag, "BodyAlreadyConsumed")
    })))

  it.effect("blames the caller for a status that no repetition helps against", () =>
    contained(Effect.gen(function*() {
      for (
        const [status, fault] of [
          [400, "User"],
          [404, "User"],
          [408, "Remote"],
          [425, "Remote"],
          [429, "Remote"],
          [499, "User"],
          [500, "Remote"],
          [304, "Remote"]
        ] as const
      ) {
        const { pool } = yield* poolOver([T.connection(asked, answer(`${status} X`, ""))])
        const error = yield* failsWith(
          Effect.flatMap(pool.execute(get("/a")), HttpResponse.filterStatusOk),
          "StatusError"
        )
        assert.strictEqual(error.context.fault, fault, String(status))
        assert.strictEqual(error.retryAfter, undefined)
      }
    })))

  it.effect("of a connection without a pool keeps it open if all of the body had arrived", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        asked,
        answer("500 No", "abc"),
        T.expect(getHead("/b")),
        T.reply(ok("b"))
      )
      const checked = Effect.flatMap(connection.execute(HttpRequest.get("/a")), HttpResponse.filterStatusOk)
      yield* failsWith(checked, "StatusError")
      assert.strictEqual(yield* textOf(connection, HttpRequest.get("/b")), "b")
      yield* transport.verify
    })))

  it.effect("of a connection without a pool closes it if the body goes on", () =>
    contained(Effect.gen(function*() {
      const head = `HTTP/1.1 500 No\r\nContent-Length: 99999\r\n\r\n${"x".repeat(5000)}`
      const { connection, transport } = yield* connected(asked, T.reply(head), T.stall)
      const checked = Effect.flatMap(connection.execute(HttpRequest.get("/a")), HttpResponse.filterStatusOk)
      yield* failsWith(checked, "StatusError")
      yield* nothingLeft(transport)
    })))

  it.effect("that is interrupted while it reads closes the connection", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(asked, T.reply("HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\nabc"), T.stall)
      ])
      const fiber = yield* started(Effect.flatMap(pool.execute(get("/a")), HttpResponse.filterStatusOk))
      yield* holds(pool, { busy: 1 })
      yield* Fiber.interrupt(fiber)
      yield* holds(pool, {})
      yield* nothingLeft(transport)
    })))
})

describe("filterStatus", () => {
  it.effect("asks the predicate, data first and last", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([
        T.connection(asked, answer("404 No", "gone"), T.expect(getHead("/b")), answer("200 OK", "b"))
      ])
      const response = yield* pool.execute(get("/a"))
      const isMissing = (status: number) => status === 404
      assert.strictEqual(yield* HttpResponse.filterStatus(response, isMissing), response)
      assert.strictEqual(yield* response.text, "gone")
      const other = yield* pool.execute(get("/b"))
      const error = yield* failsWith(HttpResponse.filterStatus(isMissing)(other), "StatusError")
      assert.strictEqual(error.status, 200)
    })))
})
