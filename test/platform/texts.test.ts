/**
 * Text and JSON, the same on all faces: `HttpResponse`, the platform's response, and the platform's response behind `decompress`. JSON is
 * UTF-8, a byte order mark wins over a label, and what is longer than the longest string is a failure.
 */
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib"
import * as HttpError from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import { longest } from "../../src/internal/text.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as T from "../../src/TestTransport.ts"
import { connected } from "../connection/harness.ts"
import { withLongestText, without } from "../fixtures/memory.ts"
import { anyHead, clientOver, quietly, url } from "./kit.ts"

const replyOf = (type: string | undefined, body: Uint8Array, ...fields: ReadonlyArray<string>): Uint8Array => {
  const head = ["HTTP/1.1 200 OK", ...type === undefined ? [] : [`Content-Type: ${type}`], ...fields]
  return Buffer.concat([Buffer.from([...head, `Content-Length: ${body.length}`, "", ""].join("\r\n")), body])
}

type Way = "text" | "json" | "lines" | "urlParamsBody" | "arrayBuffer"

/** What a reading comes to: a value, or our error. */
const outcome = (read: Effect.Effect<unknown, unknown>): Effect.Effect<Either.Either<unknown, HttpError.HttpError>> =>
  Effect.map(
    Effect.either(read),
    Either.mapLeft((error) => Option.getOrElse(HttpError.fromPlatform(error), () => error as HttpError.HttpError))
  )

type Face = (
  type: string | undefined,
  body: Uint8Array,
  way: Way
) => Effect.Effect<Either.Either<unknown, HttpError.HttpError> | undefined>

const core: Face = (type, body, way) =>
  Effect.scoped(Effect.gen(function*() {
    if (way === "urlParamsBody" || way === "arrayBuffer") return undefined
    const { connection } = yield* connected(anyHead, T.reply(replyOf(type, body), { split: 5 }))
    const response = yield* connection.execute(HttpRequest.get("/"))
    const lines = Effect.map(Stream.runCollect(response.lines), (all) => [...all].join("\n"))
    return yield* outcome(way === "lines" ? lines : response[way])
  })).pipe(Effect.orDie)

const platformOf = (
  type: string | undefined,
  body: Uint8Array,
  way: Way,
  decompress: boolean
): ReturnType<Face> =>
  Effect.scoped(Effect.gen(function*() {
    if (way === "lines") return undefined
    const reply = decompress ? replyOf(type, gzipSync(body), "Content-Encoding: gzip") : replyOf(type, body)
    const { client } = yield* clientOver(anyHead, T.reply(reply))
    const used = decompress ? PooledHttpClient.decompress()(client) : client
    const response: HttpClientResponse = yield* quietly(used.get(url))
    return yield* outcome(response[way])
  })).pipe(Effect.orDie)

const faces: Readonly<Record<string, Face>> = {
  HttpResponse: core,
  PooledHttpClient: (type, body, way) => platformOf(type, body, way, false),
  decompress: (type, body, way) => platformOf(type, body, way, true)
}

const bom = "\ufeff"
const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1")
const utf8 = (text: string): Uint8Array => Buffer.from(text)
const utf16le = (text: string): Uint8Array => Buffer.from(text, "utf16le")
const utf16be = (text: string): Uint8Array => Buffer.from(text, "utf16le").swap16()

const json = `{"name":"José ✓"}`
const value: unknown = JSON.parse(json)

/** A value, or the format of a `BodyDecodeError`. */
type Expected = { readonly gives: unknown } | { readonly fails: "text" | "json" }

const cases: ReadonlyArray<readonly [type: string | undefined, body: Uint8Array, way: Way, expected: Expected]> = [
  // JSON is UTF-8, whatever its label says.
  ...[
    undefined,
    "application/json",
    "application/json;charset=ISO-8859-1",
    "application/json; charset=windows-1252",
    "application/problem+json; charset=us-ascii",
    "application/vnd.api+json;charset=latin1",
    "application/json;charset=unicode",
    "application/json;charset=nonsense",
    "application/json;charset=utf-16"
  ].flatMap((type) => [json, bom + json].map((text) => [type, utf8(text), "json", { gives: value }] as const)),
  // What is no UTF-8 is what its label says.
  ["application/json;charset=iso-8859-1", latin1(`"José"`), "json", { gives: "José" }],
  ["application/json;charset=utf-16le", utf16le(json), "json", { gives: value }],
  ["application/json;charset=utf-16be", utf16be(`{"a":1}`), "json", { gives: { a: 1 } }],
  ["application/json;charset=utf-16le", utf16le(`{"a":1}`), "json", { gives: { a: 1 } }],
  ["application/json;charset=iso-8859-1", utf16le(bom + json), "json", { gives: value }],
  ["application/json", utf16be(bom + json), "json", { gives: value }],
  ["application/json", latin1(`"José"`), "json", { gives: "Jos\ufffd" }],
  ["application/json;charset=nonsense", latin1(`"José"`), "json", { fails: "text" }],
  ["application/json;charset=iso-8859-1", utf8("{"), "json", { fails: "json" }],
  ["application/json;charset=iso-8859-1", latin1("{é"), "json", { fails: "json" }],
  ["application/json;charset=utf-16le", utf8("{]"), "json", { fails: "json" }],
  ["application/json;charset=nonsense", utf8("{"), "json", { fails: "json" }],
  // A byte order mark says what text is.
  ["text/plain;charset=windows-1252", utf8(`${bom}José ✓`), "text", { gives: "José ✓" }],
  ["text/plain;charset=utf-16", utf16be(`${bom}José ✓`), "text", { gives: "José ✓" }],
  ["text/plain;charset=utf-8", utf16le(`${bom}José ✓`), "text", { gives: "José ✓" }],
  [undefined, utf16be(`${bom}José ✓`), "text", { gives: "José ✓" }],
  ["text/plain;charset=nonsense", utf16le(`${bom}José ✓`), "text", { gives: "José ✓" }],
  ["text/plain;charset=utf-16le", utf8(`${bom}José ✓`), "text", { gives: "José ✓" }],
  // Less than a mark is none.
  [undefined, latin1("\xef\xbb"), "text", { gives: "\ufffd" }],
  ["text/plain;charset=iso-8859-1", latin1("\xef\xbba"), "text", { gives: "ï»a" }],
  ["text/plain;charset=iso-8859-1", latin1("\xfe"), "text", { gives: "þ" }],
  ["text/plain;charset=iso-8859-1", latin1("\xffa"), "text", { gives: "ÿa" }],
  // A label that nothing contradicts is obeyed.
  ["text/plain;charset=iso-8859-1", latin1("José"), "text", { gives: "José" }],
  ["text/plain;charset=utf-16le", utf16le("José ✓"), "text", { gives: "José ✓" }],
  ["text/plain;charset=windows-1252", latin1("5 \x80"), "text", { gives: "5 €" }],
  ["text/plain;charset=iso-8859-1", latin1("5 \x80"), "text", { gives: "5 €" }],
  // A label that cannot be used is passed over for UTF-8, and refused for what is none.
  ["text/plain;charset=nonsense", utf8("José ✓"), "text", { gives: "José ✓" }],
  ["text/plain;charset=nonsense", latin1("José"), "text", { fails: "text" }],
  ["text/plain;charset=nonsense", latin1("José"), "urlParamsBody", { fails: "text" }]
]

describe("what a body says", () => {
  for (const [name, face] of Object.entries(faces)) {
    it.effect(`is the same, by ${name}`, () =>
      Effect.gen(function*() {
        for (const [type, body, way, expected] of cases) {
          // Text has the same decoder by lines.
          for (const read of way === "text" ? ["text", "lines"] as const : [way]) {
            const result = yield* face(type, body, read)
            if (result === undefined) continue
            const title = `${type}, ${Buffer.from(body).toString("hex")}, ${read}`
            if ("gives" in expected) {
              assert.deepStrictEqual(Either.getOrElse(result, String), expected.gives, title)
            } else {
              const error = Either.isLeft(result) ? result.left : assert.fail(`${title}: did not fail`)
              assert.deepInclude(error, { _tag: "BodyDecodeError", format: expected.fails }, title)
              assert.isDefined(error.context.connection, title)
              const { partial } = error as HttpError.BodyDecodeError
              assert.deepStrictEqual(partial && Buffer.from(partial), read === "lines" ? undefined : Buffer.from(body))
            }
          }
        }
      }))
  }

  it.effect("is null where it says nothing, for the platform alone", () =>
    Effect.gen(function*() {
      for (const body of [utf8(""), utf8(bom)]) {
        assert.deepStrictEqual(yield* platformOf("application/json", body, "json", false), Either.right(null))
        assert.isTrue(Either.isLeft((yield* core("application/json", body, "json")) ?? Either.right(0)))
      }
    }))
})

describe("text that is longer than the longest string", () => {
  const long = "1234567890"
  const types = [undefined, "text/plain", "text/plain;charset=iso-8859-1", "text/plain;charset=windows-1252"]

  it("is that of V8, unless a test says otherwise", () => {
    assert.strictEqual(longest.text, 0x1fffffe8)
  })

  for (const [name, face] of Object.entries(faces)) {
    it.effect(`is \`BodyTooLarge\` before anything is decoded, by ${name}`, () =>
      Effect.gen(function*() {
        for (const type of types) {
          for (const way of ["text", "json", "urlParamsBody", "lines"] as const) {
            const result = yield* withLongestText(9, face(type, utf8(long), way))
            if (result === undefined) continue
            const error = Either.isLeft(result) ? result.left : assert.fail(`${type}, ${way}: did not fail`)
            assert.deepInclude(error, { _tag: "BodyTooLarge", reason: "Text", limit: 9 }, `${type}, ${way}`)
            assert.deepInclude(error.context, { phase: "body", fault: "Local" })
            assert.isDefined(error.context.connection)
            assert.include(error.message, "longest string has 9 characters")
            const { partial } = error as HttpError.BodyTooLarge
            assert.strictEqual(partial && Buffer.from(partial).toString(), way === "lines" ? undefined : long)
            const enough = yield* withLongestText(10, face(type, utf8(long), way))
            assert.isTrue(enough !== undefined && Either.isRight(enough), `${type}, ${way}`)
          }
        }
      }))
  }

  it.effect("counts for one line of `lines`, not for all of them", () =>
    Effect.gen(function*() {
      const lines = (text: string) => withLongestText(5, core("text/plain", utf8(text), "lines"))
      assert.deepStrictEqual(yield* lines("12345\n1234\r\n1\n\n12345"), Either.right("12345\n1234\n1\n\n12345"))
      for (const text of ["123456", "12345\n123456\n", "1\n2\n3\n1234567890\n"]) {
        const result = yield* lines(text)
        assert.isTrue(result !== undefined && Either.isLeft(result) && result.left._tag === "BodyTooLarge", text)
      }
    }))
})

describe("a copy that there is no room for", () => {
  for (const decompress of [false, true]) {
    it.effect(`of an ArrayBuffer is \`BodyTooLarge\`${decompress ? " behind decompress" : ""}, and the body is kept`, () =>
      Effect.scoped(Effect.gen(function*() {
        const text = "x".repeat(20)
        const reply = decompress
          ? replyOf(undefined, gzipSync(text), "Content-Encoding: gzip")
          : replyOf(undefined, utf8(text))
        const { client } = yield* clientOver(anyHead, T.reply(reply))
        const response = yield* quietly((decompress ? PooledHttpClient.decompress()(client) : client).get(url))
        assert.strictEqual(yield* response.text, text)
        const result = yield* without((length) => length === 20, outcome(response.arrayBuffer))
        const error = Either.isLeft(result) ? result.left as HttpError.BodyTooLarge : assert.fail("did not fail")
        assert.deepInclude(error, { _tag: "BodyTooLarge", reason: "Memory", limit: 20 })
        assert.deepStrictEqual(error.pieces?.map((piece) => piece.length), [20])
        assert.instanceOf(error.cause, RangeError)
        assert.strictEqual((yield* response.arrayBuffer).byteLength, 20)
      })))
  }

  it.effect("of pieces within `MaxBodySize` is `BodyTooLarge` with all of them", () =>
    Effect.scoped(Effect.gen(function*() {
      const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      const read = (last: ReadonlyArray<T.Step>) =>
        Effect.gen(function*() {
          const { client } = yield* clientOver(
            anyHead,
            T.reply(chunked),
            T.reply("5\r\nhello\r\n"),
            T.reply("6\r\n world\r\n"),
            ...last
          )
          const response = yield* quietly(client.get(url))
          const limited = HttpIncomingMessage.withMaxBodySize(response.text, Option.some(100))
          const result = yield* without((length) => length === 11, outcome(limited))
          const error = Either.isLeft(result) ? result.left as HttpError.BodyTooLarge : assert.fail("did not fail")
          assert.deepInclude(error, { _tag: "BodyTooLarge", reason: "Memory", limit: 11 })
          assert.strictEqual((error.pieces ?? []).map((piece) => Buffer.from(piece).toString()).join(""), "hello world")
          assert.isDefined(error.context.connection)
          return error.cause
        })
      assert.instanceOf(yield* read([T.reply("0\r\n\r\n")]), RangeError)
      assert.propertyVal(yield* read([T.eof]), "_tag", "IncompleteRead")
      // A piece that cannot be kept has none of those before it.
      const { client } = yield* clientOver(
        anyHead,
        T.reply(chunked),
        T.reply("5\r\nhello\r\n"),
        T.reply("9\r\n too large\r\n")
      )
      const response = yield* quietly(client.get(url))
      const limited = HttpIncomingMessage.withMaxBodySize(response.text, Option.some(100))
      const result = yield* without((length) => length > 8, outcome(limited))
      const error = Either.isLeft(result) ? result.left : assert.fail("did not fail")
      assert.propertyVal(error, "_tag", "BodyTooLarge")
    })))

  it.effect("of what was decoded is `BodyTooLarge` with its parts", () =>
    Effect.scoped(Effect.gen(function*() {
      const body = Buffer.alloc(300_000, "y")
      const { client } = yield* clientOver(
        anyHead,
        T.reply(replyOf(undefined, gzipSync(body), "Content-Encoding: gzip"))
      )
      const response = yield* quietly(PooledHttpClient.decompress()(client).get(url))
      const result = yield* without((length) => length === 300_000, outcome(response.text))
      const error = Either.isLeft(result) ? result.left as HttpError.BodyTooLarge : assert.fail("did not fail")
      assert.deepInclude(error, { _tag: "BodyTooLarge", reason: "Memory", limit: 300_000 })
      assert.strictEqual((error.pieces ?? []).reduce((sum, piece) => sum + piece.length, 0), 300_000)
    })))
})

describe("a body that cannot be decoded", () => {
  for (const coding of ["gzip", "deflate", "br"] as const) {
    it.effect(`has what had been decoded, by ${coding}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const body = Buffer.from(Array.from({ length: 40_000 }, (_, i) => (i * 7919) % 251))
        const encode = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync }[coding]
        const cut = encode(body).subarray(0, -20)
        const { client } = yield* clientOver(anyHead, T.reply(replyOf(undefined, cut, `Content-Encoding: ${coding}`)))
        const response = yield* quietly(PooledHttpClient.decompress()(client).get(url))
        const result = yield* outcome(response.text)
        const error = Either.isLeft(result)
          ? result.left as HttpError.ContentDecodingError
          : assert.fail("did not fail")
        assert.deepInclude(error, { _tag: "ContentDecodingError", reason: "Truncated" })
        const { decoded, partial } = error
        assert.strictEqual(partial?.length, decoded)
        assert.strictEqual(Buffer.compare(partial ?? new Uint8Array(1), body.subarray(0, decoded)), 0)
      })))
  }
})
