/** Decompression over this library's own client: its connection, its trailers, its limits, and what its errors know. */
import { ResponseError } from "@effect/platform/HttpClientError"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Zlib from "node:zlib"
import * as HttpError from "../../src/HttpError.ts"
import * as HttpFields from "../../src/HttpFields.ts"
import { decompress, isDecoded } from "../../src/internal/platform/decompress.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as T from "../../src/TestTransport.ts"
import { cat } from "./decompressHarness.ts"
import { anyHead, clientOver, quietly, url } from "./kit.ts"

const head = (...fields: ReadonlyArray<string>): Uint8Array =>
  Buffer.from(["HTTP/1.1 200 Fine", "Content-Encoding: gzip", ...fields, "", ""].join("\r\n"))

/** In chunks of ten bytes, with a trailer. */
const chunked = (body: Uint8Array): Uint8Array => {
  const parts: Array<Uint8Array> = [head("Transfer-Encoding: chunked", "Trailer: Digest")]
  for (let at = 0; at < body.length; at += 10) {
    const piece = body.subarray(at, at + 10)
    parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n"))
  }
  return cat(...parts, Buffer.from("0\r\nDigest: abc\r\n\r\n"))
}

const withLength = (body: Uint8Array, ...fields: ReadonlyArray<string>): Uint8Array =>
  cat(head(`Content-Length: ${body.length}`, ...fields), body)

const over = (reply: Uint8Array, ...steps: ReadonlyArray<T.Step>) =>
  Effect.map(clientOver(anyHead, T.reply(reply), ...steps), ({ client, pool }) => ({
    pool,
    get: quietly(decompress(client).get(url))
  }))

const gzip = (text: string): Uint8Array => Zlib.gzipSync(Buffer.from(text))

type Read = (response: HttpClientResponse) => Effect.Effect<unknown, ResponseError>

const reads: ReadonlyArray<readonly [name: string, read: Read]> = [
  ["text", (response) => response.text],
  ["arrayBuffer", (response) => response.arrayBuffer],
  ["stream", (response) => Stream.runDrain(response.stream)]
]

describe("over a pool", () => {
  it.scoped.each(reads)("%s leaves the trailers, and gives the connection back", ([, read]) =>
    Effect.gen(function*() {
      const { get, pool } = yield* over(chunked(gzip("some text")))
      const response = yield* get
      assert.isTrue(isDecoded(response))
      const pooled = response as unknown as PooledHttpClient.PooledResponse
      assert.strictEqual(pooled.reason, "Fine")
      assert.strictEqual(pooled.version, 11)
      assert.isDefined(pooled.timings)
      assert.strictEqual(Option.getOrUndefined(HttpFields.get(pooled.fields, "content-encoding")), "gzip")
      assert.isTrue(Option.isSome(PooledHttpClient.fromResponse(response)))
      yield* read(response)
      assert.deepStrictEqual(HttpFields.entries(yield* pooled.trailers), [["Digest", "abc"]])
      assert.strictEqual((yield* pool.stats).idle, 1)
    }))

  it.scoped("text is of the charset that Content-Type says, as it is without a coding", () =>
    Effect.gen(function*() {
      const body = Zlib.gzipSync(Buffer.from("Grüße", "latin1"))
      const { get } = yield* over(withLength(body, "Content-Type: text/plain; charset=iso-8859-1"))
      assert.strictEqual(yield* Effect.flatMap(get, (response) => response.text), "Grüße")
    }))

  it.scoped.each(reads)("%s fails with an error that knows the connection", ([, read]) =>
    Effect.gen(function*() {
      const { get, pool } = yield* over(withLength(gzip("some text").subarray(0, -1)))
      const failure = yield* Effect.flip(Effect.flatMap(get, read))
      assert.instanceOf(failure, ResponseError)
      const cause = Option.getOrUndefined(HttpError.fromPlatform(failure))
      assert.strictEqual(cause?._tag, "ContentDecodingError")
      assert.strictEqual(cause?.context.origin, "http://a.test:80")
      assert.isDefined(cause?.context.connection?.id)
      assert.strictEqual(cause?.context.processed, "Yes")
      // The body had come whole: nothing is wrong with the connection.
      assert.strictEqual((yield* pool.stats).idle, 1)
    }))

  it.scoped.each(reads)(
    "%s fails as it does without a coding when the connection breaks",
    ([, read]) =>
      Effect.gen(function*() {
        const body = gzip("some text")
        const { get, pool } = yield* over(
          cat(head(`Content-Length: ${body.length}`), body.subarray(0, 20)),
          T.eof
        )
        const failure = yield* Effect.flip(Effect.flatMap(get, read))
        assert.strictEqual(Option.getOrUndefined(HttpError.fromPlatform(failure))?._tag, "IncompleteRead")
        assert.strictEqual((yield* pool.stats).idle, 0)
      })
  )

  it.scoped.each(reads)("%s of six codings lets go of the connection", ([, read]) =>
    Effect.gen(function*() {
      const { get, pool } = yield* over(
        withLength(gzip("some text"), "Content-Encoding: br, br, br", "Content-Encoding: gzip, gzip")
      )
      const failure = yield* Effect.flip(Effect.flatMap(get, read))
      const cause = Option.getOrUndefined(HttpError.fromPlatform(failure))
      assert.strictEqual(cause?._tag, "TooManyContentCodings")
      const { busy, idle } = yield* pool.stats
      assert.deepStrictEqual([busy, idle], [0, 1])
    }))

  it.scoped("a stream that is ended early lets go of the connection", () =>
    Effect.gen(function*() {
      const body = Zlib.gzipSync(Buffer.alloc(100_000, "text"), { level: 0 })
      const { get, pool } = yield* over(cat(head("Content-Length: 1000000"), body.subarray(0, 50_000)))
      const first = yield* Effect.flatMap(get, (response) => Stream.runHead(response.stream))
      assert.isTrue(Option.isSome(first))
      const { busy, closed, idle } = yield* pool.stats
      assert.deepStrictEqual([busy, idle, closed], [0, 0, 1])
    }))

  it.scoped("the platform's MaxBodySize is that of the decoded body", () =>
    Effect.gen(function*() {
      const sized = (size: number) =>
        Effect.flatMap(over(withLength(gzip("some text"))), ({ get }) =>
          Effect.flatMap(get, (response) =>
            HttpIncomingMessage.withMaxBodySize(response.text, Option.some(size))))
      assert.strictEqual(yield* sized(9), "some text")
      const failure = yield* Effect.flip(sized(8))
      const cause = Option.getOrUndefined(HttpError.fromPlatform(failure))
      assert.strictEqual(cause?._tag, "DecompressionBomb")
    }))
})
