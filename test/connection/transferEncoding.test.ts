/** A `Transfer-Encoding` of the caller's means the same in `execute` and step by step; see also the tests of the pool and the platform. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as HttpBody from "../../src/HttpBody.ts"
import type { HttpConnection } from "../../src/HttpConnection.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { head, latin1, ok, one, over } from "./over.ts"
import type { Row } from "./transferEncoding.ts"
import { table } from "./transferEncoding.ts"

type Face = (connection: HttpConnection, row: Row) => Effect.Effect<unknown, HttpError>

const headersOf = ({ codings }: Row) => codings.map((coding) => ["Transfer-Encoding", coding] as const)

const faces: ReadonlyArray<readonly [name: string, own: ReadonlyArray<string>, send: Face]> = [
  [
    "execute",
    [],
    (connection, row) =>
      connection.execute(
        HttpRequest.post("/", { headers: headersOf(row), body: row.body(), encodeChunked: row.encodeChunked })
      )
  ],
  [
    "request",
    ["Accept-Encoding: identity"],
    (connection, row) =>
      Effect.zipRight(
        connection.request("POST", "/", {
          headers: headersOf(row),
          body: row.body(),
          encodeChunked: row.encodeChunked
        }),
        connection.getResponse
      )
  ],
  [
    "endHeaders",
    ["Accept-Encoding: identity"],
    (connection, row) =>
      Effect.gen(function*() {
        yield* connection.putRequest("POST", "/")
        for (const [name, value] of headersOf(row)) yield* connection.putHeader(name, value)
        yield* connection.endHeaders({ body: row.body(), encodeChunked: row.encodeChunked })
        return yield* connection.getResponse
      })
  ]
]

const linesOf = ({ codings }: Row): ReadonlyArray<string> =>
  (codings.length === 0 ? ["chunked"] : codings).map((coding) => `Transfer-Encoding: ${coding}`)

for (const [name, own, send] of faces) {
  describe(`by ${name}`, () => {
    it.effect.each(table)("$name", (row) =>
      "tag" in row.sent
        ? over([], (connection) =>
          Effect.gen(function*() {
            const error = yield* Effect.flip(send(connection, row))
            assert.strictEqual(error._tag, "tag" in row.sent && row.sent.tag)
            assert.deepInclude(error.context, { fault: "User", processed: "No", requestState: "NotSent" })
          }))
        : over(
          one(
            T.expect(head("POST / HTTP/1.1", "Host: a.test", ...own, ...linesOf(row)) + row.sent.wire),
            T.reply(ok())
          ),
          (connection) => send(connection, row)
        ))
  })
}

describe("a Transfer-Encoding of the caller's", () => {
  const headers = { "Transfer-Encoding": "chunked" }

  it.effect("whose stream is not chunked ends the connection, and no last chunk hides it", () =>
    over(
      one(T.expect(head("POST / HTTP/1.1", "Host: a.test", "Transfer-Encoding: chunked")), T.expectDestroy),
      (connection) =>
        Effect.gen(function*() {
          const body = HttpBody.stream(Stream.make(latin1("hello")))
          const error = yield* Effect.flip(connection.execute(HttpRequest.post("/", { headers, body })))
          assert.strictEqual(error._tag, "ConflictingFraming")
          assert.include(error.message, "`encodeChunked`")
        })
    ))

  it.effect("leaves no place for trailers, unless the library chunks", () =>
    Effect.gen(function*() {
      const request = HttpRequest.post("/", {
        headers,
        body: HttpBody.bytes(latin1("0\r\n\r\n")),
        trailers: { "X-Sum": "1" }
      })
      const error = yield* over([], (connection) => Effect.flip(connection.execute(request)))
      assert.strictEqual(error._tag, "ConflictingFraming")
      assert.include(error.message, "trailers")
      const wire = head("POST / HTTP/1.1", "Host: a.test", "Trailer: X-Sum", "Transfer-Encoding: chunked")
      yield* over(
        one(T.expect(`${wire}5\r\n0\r\n\r\n\r\n0\r\nX-Sum: 1\r\n\r\n`), T.reply(ok())),
        (connection) => connection.execute(HttpRequest.setOptions(request, { encodeChunked: true }))
      )
    }))
})
