/** A `Transfer-Encoding` of the caller's means in a pool what it means on a connection, also when a request is sent again. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { contained } from "../connection/harness.ts"
import { head, ok } from "../connection/over.ts"
import type { Row } from "../connection/transferEncoding.ts"
import { table } from "../connection/transferEncoding.ts"
import { get, poolOver, serves, textOf } from "./harness.ts"

const requestOf = (row: Row, method = "POST") =>
  HttpRequest.make(method, "http://a.test/", {
    headers: row.codings.map((coding) => ["Transfer-Encoding", coding] as const),
    body: row.body(),
    encodeChunked: row.encodeChunked
  })

const wireOf = (row: Row, wire: string, method = "POST"): string =>
  head(
    `${method} / HTTP/1.1`,
    "Host: a.test",
    ...(row.codings.length === 0 ? ["chunked"] : row.codings).map((coding) => `Transfer-Encoding: ${coding}`)
  ) + wire

describe("in a pool", () => {
  it.effect.each(table)("$name", (row) =>
    contained(Effect.gen(function*() {
      const { sent } = row
      const { pool, transport } = yield* poolOver(
        "tag" in sent ? [] : [T.connection(T.expect(wireOf(row, sent.wire)), T.reply(ok("real")))]
      )
      if ("tag" in sent) {
        const error = yield* Effect.flip(pool.execute(requestOf(row)))
        assert.strictEqual(error._tag, sent.tag)
      } else assert.strictEqual(yield* textOf(pool, requestOf(row)), "real")
      yield* transport.verify
    })))

  it.effect("a body that the caller has chunked is sent again as it was", () =>
    contained(Effect.gen(function*() {
      const row = table.find(({ encodeChunked, name }) =>
        encodeChunked === false && name.includes("bytes that are chunked")
      )
      if (row === undefined || "tag" in row.sent) return assert.fail("the table has such a row")
      const put = T.expect(wireOf(row, row.sent.wire, "PUT"))
      const { pool, transport } = yield* poolOver([
        T.connection(...serves("/1"), put, T.eof),
        T.connection(put, T.reply(ok("real")))
      ])
      yield* textOf(pool, get("/1"))
      assert.strictEqual(yield* textOf(pool, requestOf(row, "PUT")), "real")
      yield* transport.verify
    })))
})
