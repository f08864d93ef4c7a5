/** Encoded bodies: every coding, however it is cut, whole, cut off, corrupt, too large, and encoded several times. */
import * as HttpClient from "@effect/platform/HttpClient"
import { ResponseError } from "@effect/platform/HttpClientError"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Zlib from "node:zlib"
import { ContentDecodingError, DecompressionBomb, TooManyContentCodings } from "../../src/internal/error/decoding.ts"
import type { DecompressOptions } from "../../src/internal/platform/decompress.ts"
import { decompress } from "../../src/internal/platform/decompress.ts"
import { bytesOf, cat, cut, encoded, kind, kinds, readings, Source, textOf, url } from "./decompressHarness.ts"

const hello = bytesOf("Hello, hello, hello, hello! ✓")

/** Compressible, with no pattern that a test could hit by chance; larger encoded than what is decoded at once. */
const large: Uint8Array = (() => {
  const bytes = new Uint8Array(700_000)
  let state = 1
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[i] = 97 + ((state >>> 16) % 3 === 0 ? (state >>> 20) % 26 : 0)
  }
  return bytes
})()

const encodedLarge = new Map(kinds.map(({ encode, name }) => [name, encode(large)]))

const largeIn = (name: string): Uint8Array => encodedLarge.get(name) ?? new Uint8Array(0)

type Read = (response: HttpClientResponse) => Effect.Effect<Uint8Array, unknown>

/** Reads the body and gives it, or what it failed with. */
const reading = (
  contentEncoding: string,
  body: Uint8Array | Source,
  read: Read,
  options?: DecompressOptions
): Effect.Effect<Uint8Array | ContentDecodingError | DecompressionBomb | TooManyContentCodings, unknown> =>
  decompress(encoded(contentEncoding, body), options).get(url).pipe(
    Effect.flatMap(read),
    Effect.catchAll((error) => {
      if (!(error instanceof ResponseError) || error.reason !== "Decode") return Effect.fail(error)
      const { cause, description } = error
      if (
        cause instanceof ContentDecodingError || cause instanceof DecompressionBomb
        || cause instanceof TooManyContentCodings
      ) {
        assert.strictEqual(description, cause.description)
        return Effect.succeed(cause)
      }
      return Effect.fail(error)
    })
  )

/** With pieces of no bytes in it, before the first and after the last too. */
const withEmpty = function*(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  yield new Uint8Array(0)
  for (const piece of pieces) {
    yield piece
    yield new Uint8Array(0)
  }
}

/** A result that can be compared without ten megabytes being printed. */
const told = (result: Uint8Array | ContentDecodingError | DecompressionBomb | TooManyContentCodings) =>
  result instanceof Uint8Array ? { _tag: `${result.length} bytes` } : { ...result }

const splits: ReadonlyArray<readonly [name: string, split: (bytes: Uint8Array) => Uint8Array | Source]> = [
  ["whole", (bytes) => bytes],
  ["with empty pieces", (bytes) => new Source(withEmpty(cut(bytes, 9)))],
  ["byte by byte", (bytes) => new Source(cut(bytes, 1))],
  ["in sevens", (bytes) => new Source(cut(bytes, 7))]
]

describe("a body", () => {
  for (const [readingName, read] of readings) {
    for (const [splitName, split] of splits) {
      it.effect.each(kinds)(
        `is decoded from $name, ${splitName}, ${readingName}`,
        ({ contentEncoding, encode }) =>
          Effect.gen(function*() {
            assert.deepStrictEqual(yield* reading(contentEncoding, split(encode(hello)), read), cat(hello))
          })
      )
    }

    it.effect.each(kinds)(
      `is decoded from $name when it is large, ${readingName}`,
      ({ contentEncoding, name }) =>
        Effect.gen(function*() {
          const body = yield* reading(contentEncoding, new Source(cut(largeIn(name), 5000)), read)
          assert.strictEqual(told(body)._tag, `${large.length} bytes`)
          assert.isTrue(Buffer.from(large).equals(body as Uint8Array))
        })
    )

    it.effect.each(kinds)(
      `of no bytes at all is empty in $name, ${readingName}`,
      ({ contentEncoding }) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* reading(contentEncoding, new Uint8Array(0), read), new Uint8Array(0))
        })
    )

    it.effect.each(kinds)(
      `of nothing is empty in $name, ${readingName}`,
      ({ contentEncoding, encode }) =>
        Effect.gen(function*() {
          const none = encode(new Uint8Array(0))
          assert.isAbove(none.length, 0)
          assert.deepStrictEqual(yield* reading(contentEncoding, none, read), new Uint8Array(0))
        })
    )

    for (const [splitName, split] of splits) {
      it.effect.each(kinds)(
        `is not complete in $name wherever it is cut off, ${splitName}, ${readingName}`,
        ({ contentEncoding, encode, name }) =>
          Effect.gen(function*() {
            const whole = encode(hello)
            for (let end = 1; end < whole.length; end++) {
              const result = yield* reading(contentEncoding, split(whole.subarray(0, end)), read)
              assert.instanceOf(result, ContentDecodingError, `${name} cut to ${end}`)
              const error = result as ContentDecodingError
              assert.strictEqual(error.reason, "Truncated")
              assert.strictEqual(error.coding, contentEncoding.toLowerCase().replace("x-", ""))
              assert.strictEqual(error.context.phase, "decode")
              assert.strictEqual(error.context.processed, "Yes")
              assert.strictEqual(error.context.requestState, "ResponseStarted")
              assert.strictEqual(error.context.origin, "http://a.test:80")
            }
          })
      )

      it.effect.each(kinds)(
        `has nothing behind its end in $name, ${splitName}, ${readingName}`,
        ({ contentEncoding, encode, name }) =>
          Effect.gen(function*() {
            for (const rest of [[65], [65, 66, 67, 68, 69], [0, 65], [0, 0, 0, 0, 0, 65]]) {
              const result = yield* reading(contentEncoding, split(cat(encode(hello), rest)), read)
              assert.instanceOf(result, ContentDecodingError, `${name} and ${rest.length}`)
              // Less than four bytes may be the beginning of another frame.
              if (name === "zstd" && rest.length < 4) continue
              const { decoded, reason } = result as ContentDecodingError
              assert.deepStrictEqual({ decoded, reason }, { decoded: hello.length, reason: "TrailingData" }, name)
            }
          })
      )
    }

    it.effect.each(kinds.filter(({ name }) => !name.endsWith("gzip")))(
      `has no zeros behind its end in $name, ${readingName}`,
      ({ contentEncoding, encode }) =>
        Effect.gen(function*() {
          for (const [, split] of splits) {
            const result = yield* reading(contentEncoding, split(cat(encode(hello), new Uint8Array(9))), read)
            assert.instanceOf(result, ContentDecodingError)
          }
        })
    )

    it.effect(`may end with zeros in gzip, ${readingName}`, () =>
      Effect.gen(function*() {
        for (const [, split] of splits) {
          for (const zeros of [1, 7, 600]) {
            const body = cat(kind("gzip").encode(hello), new Uint8Array(zeros))
            assert.deepStrictEqual(yield* reading("gzip", split(body), read), cat(hello))
          }
        }
      }))

    it.effect.each(kinds.filter(({ name }) => /gzip|zstd/.test(name)))(
      `may be several members in $name, ${readingName}`,
      ({ contentEncoding, encode }) =>
        Effect.gen(function*() {
          const member = encode(hello)
          const none = encode(new Uint8Array(0))
          for (const [, split] of splits) {
            assert.deepStrictEqual(
              yield* reading(contentEncoding, split(cat(member, none, member, member)), read),
              cat(hello, hello, hello)
            )
          }
          const many = Array.from({ length: 300 }, () => encode(large.subarray(0, 500)))
          const body = (yield* reading(contentEncoding, cat(...many), read)) as Uint8Array
          assert.strictEqual(body.length, 150_000)
          const result = yield* reading(contentEncoding, cat(member, member.subarray(0, -1)), read)
          assert.instanceOf(result, ContentDecodingError)
          assert.strictEqual((result as ContentDecodingError).reason, "Truncated")
        })
    )

    it.effect(`has nothing but gzip behind gzip, ${readingName}`, () =>
      Effect.gen(function*() {
        const member = kind("gzip").encode(hello)
        const cases: ReadonlyArray<readonly [rest: ReadonlyArray<number>, reason: ContentDecodingError["reason"]]> = [
          [[13, 10], "TrailingData"],
          [[31], "Truncated"],
          [[31, 139, 8], "Truncated"],
          [[31, 65], "TrailingData"],
          [[31, 139, 7], "TrailingData"],
          [[31, 139, 8, 255], "Truncated"],
          [[31, 139, 8, 32, 0, 0, 0, 0, 0, 0], "Corrupt"]
        ]
        for (const [, split] of splits) {
          for (const [rest, reason] of cases) {
            const result = yield* reading("gzip", split(cat(member, member, rest)), read)
            assert.deepInclude(told(result), { reason, decoded: 2 * hello.length }, String(rest))
          }
        }
      }))

    it.effect(`may have a gzip header of every form, ${readingName}`, () =>
      Effect.gen(function*() {
        const plain = kind("gzip").encode(hello)
        const rest = plain.subarray(10)
        const header = (flags: number, ...more: ReadonlyArray<ReadonlyArray<number>>) =>
          cat([31, 139, 8, flags, 1, 2, 3, 4, 0, 3], ...more)
        const extra = [3, 0, 65, 0, 66]
        const summed = (bytes: Uint8Array) => {
          const sum = Zlib.crc32(bytes) % 65_536
          return cat(bytes, [sum % 256, sum >> 8])
        }
        const headers = [
          header(0),
          header(1),
          header(4, extra),
          header(4, [0, 0]),
          header(8, [65, 66, 0]),
          header(16, [0]),
          header(24, [65, 0, 66, 0]),
          summed(header(2)),
          summed(header(30, extra, [65, 66, 0], [0]))
        ]
        for (const [, split] of splits) {
          for (const head of headers) {
            assert.deepStrictEqual(yield* reading("gzip", split(cat(head, rest)), read), cat(hello))
            const twice = cat(head, rest, head, rest)
            assert.deepStrictEqual(yield* reading("gzip", split(twice), read), cat(hello, hello))
          }
          const wrong = cat(summed(header(2)))
          wrong[11] = (wrong[11] ?? 0) ^ 1
          assert.deepInclude(told(yield* reading("gzip", split(cat(wrong, rest)), read)), { reason: "Corrupt" })
          const length = cat(plain)
          length[length.length - 1] = 1
          const result = yield* reading("gzip", split(length), read)
          assert.deepInclude(told(result), { reason: "Corrupt", decoded: hello.length })
        }
      }))

    it.effect(`may lack the trailer of gzip where that is allowed, and then only, ${readingName}`, () =>
      Effect.gen(function*() {
        const whole = kind("gzip").encode(hello)
        for (const [, split] of splits) {
          for (let missing = 1; missing <= 8; missing++) {
            const body = cat(whole, whole.subarray(0, -missing))
            const error = (yield* reading("gzip", split(body), read)) as ContentDecodingError
            assert.deepInclude(told(error), { reason: "Truncated", relaxation: "gzipWithoutTrailer" })
            assert.include(error.message, "its data is complete, and its trailer is missing")
            const taken = yield* reading("gzip", split(body), read, { gzipWithoutTrailer: true })
            assert.deepStrictEqual(taken, cat(hello, hello))
          }
          for (const end of [1, 9, 10, 11, whole.length - 9]) {
            const cutOff = split(whole.subarray(0, end))
            const error = yield* reading("gzip", cutOff, read, { gzipWithoutTrailer: true })
            assert.deepInclude(told(error), { reason: "Truncated" })
            assert.notProperty(error, "relaxation")
          }
        }
      }))

    it.effect.each(kinds)(
      `of other bytes is an error in $name, ${readingName}`,
      ({ contentEncoding, name }) =>
        Effect.gen(function*() {
          const garbage = bytesOf("<!doctype html><title>not encoded at all</title>")
          for (const [, split] of splits) {
            const result = yield* reading(contentEncoding, split(garbage), read)
            assert.instanceOf(result, ContentDecodingError)
            const error = result as ContentDecodingError
            if (name !== "br") assert.deepInclude({ ...error }, { reason: "Corrupt" })
            assert.isDefined(error.cause)
          }
          // A bit that is wrong in the checksum, where there is one.
          const body = cat(largeIn(name))
          const at = body.length - (contentEncoding.endsWith("gzip") ? 8 : 1)
          body[at] = (body[at] ?? 0) ^ 1
          if (!/raw|br|zstd/.test(name)) {
            const result = yield* reading(contentEncoding, body, read)
            assert.instanceOf(result, ContentDecodingError)
            const error = result as ContentDecodingError
            assert.strictEqual(error.reason, "Corrupt")
            assert.propertyVal(error.cause, "code", "Z_DATA_ERROR")
          }
        })
    )
  }
})

it.effect.each(kinds)(
  "gives what was good before what follows its end in $name",
  ({ contentEncoding, encode }) =>
    Effect.gen(function*() {
      const body = cat(encode(hello), bytesOf("junk behind the end"))
      const response = yield* decompress(encoded(contentEncoding, body)).get(url)
      const got: Array<Uint8Array> = []
      yield* Effect.flip(Stream.runForEach(response.stream, (piece) => Effect.sync(() => got.push(piece))))
      assert.deepStrictEqual(cat(...got), cat(hello))
    })
)

describe("a body with a window", () => {
  const cases = kinds.filter(({ name }) => name === "zstd").flatMap(() => [
    { window: "8 MiB, which is what RFC 9659 allows,", frame: "28b52ffd046829000068656c6c6fa36d9f88", text: "hello" },
    { window: "more", frame: "28b52ffd047029000068656c6c6fa36d9f88", text: undefined },
    { window: "128 MiB", frame: "28b52ffd048829000068656c6c6fa36d9f88", text: undefined }
  ])
  for (const [readingName, read] of readings) {
    it.effect(`that is as large as br has it is decoded, and no larger one, ${readingName}`, () =>
      Effect.gen(function*() {
        const widest = Zlib.brotliCompressSync(hello, { params: { [Zlib.constants.BROTLI_PARAM_LGWIN]: 24 } })
        assert.deepStrictEqual(yield* reading("br", widest, read), cat(hello))
        // More than 16 MiB is not `br` (RFC 7932 section 9.1).
        const wider = Zlib.brotliCompressSync(hello, {
          params: { [Zlib.constants.BROTLI_PARAM_LGWIN]: 26, [Zlib.constants.BROTLI_PARAM_LARGE_WINDOW]: 1 }
        })
        assert.instanceOf(yield* reading("br", wider, read), ContentDecodingError)
      }))

    it.effect.each(cases)(
      `of $window is decoded from zstd or refused, ${readingName}`,
      ({ frame, text }) =>
        Effect.gen(function*() {
          const result = yield* reading("zstd", Buffer.from(frame, "hex"), read)
          if (text === undefined) assert.instanceOf(result, ContentDecodingError)
          else assert.deepStrictEqual(result, cat(bytesOf(text)))
        })
    )
  }
})

describe("a body that was encoded several times", () => {
  const chain = (names: ReadonlyArray<string>, bytes: Uint8Array) => ({
    contentEncoding: names.map((name) => kind(name).contentEncoding).join(", "),
    body: names.reduce((body, name) => kind(name).encode(body), bytes)
  })

  const chains: ReadonlyArray<ReadonlyArray<string>> = [
    ["gzip", "br"],
    ["br", "gzip"],
    ["deflate, raw", "x-gzip", "deflate"],
    ["gzip", "gzip", "gzip", "gzip"],
    ["gzip", "br", "deflate", "deflate, raw", "x-gzip"]
  ]

  for (const [readingName, read] of readings) {
    it.effect.each(chains.map((names) => ({ names })))(
      `is decoded from $names, ${readingName}`,
      ({ names }) =>
        Effect.gen(function*() {
          for (const bytes of [hello, large]) {
            const { body, contentEncoding } = chain(names, bytes)
            for (const size of bytes === hello ? [1, 3, body.length] : [3000, body.length]) {
              const result = yield* reading(contentEncoding, new Source(cut(body, size)), read)
              assert.isTrue(Buffer.from(bytes).equals(result as Uint8Array))
            }
          }
        })
    )

    it.effect(`is refused when it was encoded six times, ${readingName}`, () =>
      Effect.gen(function*() {
        const { body, contentEncoding } = chain(["gzip", "br", "deflate", "gzip", "br", "gzip"], hello)
        const source = new Source(cut(body, 1))
        const result = yield* reading(contentEncoding, source, read)
        assert.instanceOf(result, TooManyContentCodings)
        assert.deepInclude(told(result), { count: 6, limit: 5 })
        assert.isTrue(source.ended || source.cancelled)
      }))

    it.effect(`fails with the coding that failed, ${readingName}`, () =>
      Effect.gen(function*() {
        const inner = kind("gzip").encode(hello).subarray(0, -3)
        const result = yield* reading("gzip, br", kind("br").encode(inner), read)
        assert.deepInclude(told(result), { _tag: "ContentDecodingError", coding: "gzip", reason: "Truncated" })
        const outer = kind("br").encode(kind("gzip").encode(hello)).subarray(0, -3)
        const other = yield* reading("gzip, br", outer, read)
        assert.deepInclude(told(other), { _tag: "ContentDecodingError", coding: "br", reason: "Truncated" })
      }))

    it.effect(`is as long as its lines say, however many there are, ${readingName}`, () =>
      Effect.gen(function*() {
        const { body } = chain(["gzip", "br", "gzip"], hello)
        assert.deepStrictEqual(yield* reading("gzip, identity, br, , X-GZIP", body, read), cat(hello))
      }))
  }
})

describe("a body that grows too large", () => {
  const mib = 1024 * 1024
  const zeros = (count: number) => new Uint8Array(count * mib)
  const squared = Zlib.gzipSync(Zlib.gzipSync(zeros(10)))
  const bombs = [
    { name: "br", contentEncoding: "br", body: kind("br").encode(zeros(10)), last: "br" },
    { name: "gzip of gzip", contentEncoding: "gzip, gzip", body: squared, last: "gzip" },
    {
      name: "gzip of gzip of br",
      contentEncoding: "gzip, gzip, br",
      body: kind("br").encode(squared),
      last: "gzip"
    },
    {
      name: "br of deflate",
      contentEncoding: "br, deflate",
      body: kind("deflate").encode(kind("br").encode(zeros(10))),
      last: "br"
    },
    ...kinds.filter(({ name }) => name === "zstd").map(({ contentEncoding, encode, name }) => ({
      name,
      contentEncoding,
      body: encode(zeros(10)),
      last: "zstd"
    }))
  ]

  for (const [readingName, read] of readings) {
    it.effect.each(bombs)(
      `by its ratio is refused: $name, ${readingName}`,
      ({ body, contentEncoding, last }) =>
        Effect.gen(function*() {
          const result = yield* reading(contentEncoding, body, read)
          assert.strictEqual(told(result)._tag, "DecompressionBomb")
          const bomb = result as DecompressionBomb
          assert.deepInclude(bomb, { coding: last, limit: "maxRatio", maximum: 1100 })
          assert.isAbove(bomb.decoded, 4 * mib)
          assert.isAtMost(bomb.decoded, 4 * mib + 128 * 1024)
          assert.isAtMost(bomb.encoded, body.length)
          assert.isAbove(bomb.decoded / bomb.encoded, 1100)
          const raised = (yield* reading(contentEncoding, body, read, { maxRatio: Infinity })) as Uint8Array
          assert.strictEqual(raised.length, 10 * mib)
        })
    )

    it.effect.each(bombs)(
      `by its size is refused: $name, ${readingName}`,
      ({ body, contentEncoding }) =>
        Effect.gen(function*() {
          const result = yield* reading(contentEncoding, body, read, { maxRatio: Infinity, maxBytes: 5 * mib })
          assert.strictEqual(told(result)._tag, "DecompressionBomb")
          const bomb = result as DecompressionBomb
          assert.deepInclude(bomb, { limit: "maxBytes", maximum: 5 * mib })
          assert.isAbove(bomb.decoded, 5 * mib)
          assert.isAtMost(bomb.decoded, 5 * mib + 128 * 1024)
        })
    )

    it.effect(`is refused from the first byte on that is too many, ${readingName}`, () =>
      Effect.gen(function*() {
        for (const { contentEncoding, encode } of kinds) {
          const exact = yield* reading(contentEncoding, encode(hello), read, { maxBytes: hello.length })
          assert.deepStrictEqual(exact, cat(hello))
          const beyond = yield* reading(contentEncoding, encode(hello), read, { maxBytes: hello.length - 1 })
          assert.deepInclude(told(beyond), { _tag: "DecompressionBomb", limit: "maxBytes", maximum: hello.length - 1 })
        }
      }))

    it.effect(`is refused where a coding in between is too large, ${readingName}`, () =>
      Effect.gen(function*() {
        const none = Zlib.gzipSync(new Uint8Array(0))
        // Half a megabyte of gzip members without content, in 100 bytes of br.
        const inner = cat(Buffer.concat(Array.from({ length: 25_000 }, () => none)))
        const result = yield* reading("gzip, br", kind("br").encode(inner), read, { maxBytes: 400_000 })
        assert.deepInclude(told(result), { _tag: "DecompressionBomb", coding: "br", limit: "maxBytes" })
      }))

    it.effect(`is no bomb when it is small, or encoded once with gzip, ${readingName}`, () =>
      Effect.gen(function*() {
        const small = (yield* reading("br", kind("br").encode(zeros(4)), read)) as Uint8Array
        assert.strictEqual(small.length, 4 * mib)
        for (const name of ["gzip", "x-gzip", "deflate", "deflate, raw"]) {
          const { contentEncoding, encode } = kind(name)
          const body = (yield* reading(contentEncoding, encode(zeros(10)), read)) as Uint8Array
          assert.strictEqual(body.length, 10 * mib)
        }
      }))

    it.effect(`is refused by a limit that is no number, ${readingName}`, () =>
      Effect.gen(function*() {
        const bytes = yield* reading("gzip", kind("gzip").encode(hello), read, { maxBytes: Number.NaN })
        assert.deepInclude(told(bytes), { _tag: "DecompressionBomb", limit: "maxBytes" })
        const ratio = yield* reading("gzip", kind("gzip").encode(zeros(5)), read, { maxRatio: Number.NaN })
        assert.deepInclude(told(ratio), { _tag: "DecompressionBomb", limit: "maxRatio" })
      }))
  }

  it.effect("is not larger in memory than the platform's MaxBodySize, decoded", () =>
    Effect.gen(function*() {
      const [[, read] = ["", () => Effect.succeed(new Uint8Array(0))], [, stream] = ["", read]] = readings
      for (const { contentEncoding, name } of kinds) {
        const sized = (size: number, how: Read) =>
          HttpIncomingMessage.withMaxBodySize(
            reading(contentEncoding, largeIn(name), how),
            Option.some(size)
          )
        assert.strictEqual(told(yield* sized(large.length, read))._tag, `${large.length} bytes`)
        const result = yield* sized(large.length - 1, read)
        assert.deepInclude(told(result), { limit: "MaxBodySize", maximum: large.length - 1 })
        // It is about bodies in memory.
        assert.strictEqual(told(yield* sized(10, stream))._tag, `${large.length} bytes`)
      }
      // A body in between may be larger.
      const nested = reading("gzip, gzip", kind("gzip").encode(kind("gzip").encode(bytesOf("a"))), read)
      assert.deepStrictEqual(
        yield* HttpIncomingMessage.withMaxBodySize(nested, Option.some(1)),
        Uint8Array.of(97)
      )
    }))

  it.effect("is held to the MaxBodySize of each reading by itself", () =>
    Effect.gen(function*() {
      const text = "a".repeat(5000)
      const response = yield* decompress(encoded("gzip", kind("gzip").encode(bytesOf(text)))).get(url)
      const within = (size: number) => <A, E>(read: Effect.Effect<A, E>) =>
        HttpIncomingMessage.withMaxBodySize(read, Option.some(size))
      const refused = <A, E>(read: Effect.Effect<A, E>) =>
        Effect.map(Effect.flip(within(10)(read)), (error) => {
          const { cause } = error as ResponseError
          assert.instanceOf(cause, DecompressionBomb)
          assert.deepInclude({ ...cause }, { limit: "MaxBodySize", maximum: 10, coding: "gzip" })
        })
      yield* refused(response.text)
      assert.strictEqual(yield* response.text, text)
      assert.strictEqual(yield* within(5000)(response.text), text)
      for (
        const read of [response.text, response.arrayBuffer, response.json, response.urlParamsBody, response.formData]
      ) {
        yield* refused(read)
      }
      const buffer = yield* response.arrayBuffer
      structuredClone(buffer, { transfer: [buffer] })
      assert.strictEqual((yield* response.arrayBuffer).byteLength, 5000)
    }))

  it.effect("may be larger than MaxBodySize before it is decoded, but not by as much as one likes", () =>
    Effect.gen(function*() {
      const sized = (contentEncoding: string, body: Uint8Array, size: number) =>
        HttpClient.transformResponse(
          encoded(contentEncoding, body),
          Effect.map((response) =>
            // A client that keeps to the limit, which `fromWeb` does not.
            Object.defineProperty(response, "arrayBuffer", {
              value: Effect.flatMap(HttpIncomingMessage.MaxBodySize, (limit) =>
                body.length > Option.getOrElse(limit, () => 0n)
                  ? Effect.fail("too large before it was decoded")
                  : Effect.succeed(new Uint8Array(body).buffer))
            })
          )
        ).pipe(
          decompress(),
          (client) => client.get(url),
          Effect.flatMap((response) => response.arrayBuffer),
          HttpIncomingMessage.withMaxBodySize(Option.some(size))
        )
      const [member, none] = [kind("gzip").encode(bytesOf("a")), kind("gzip").encode(new Uint8Array(0))]
      assert.strictEqual((yield* sized("gzip", member, 1)).byteLength, 1)
      const flushed = cat(Buffer.concat(Array.from({ length: 3000 }, () => none)), member)
      assert.strictEqual((yield* sized("gzip", flushed, 1)).byteLength, 1)
      const result = yield* Effect.flip(sized("gzip", cat(flushed, flushed), 1))
      assert.strictEqual(result as unknown, "too large before it was decoded")
    }))
})

describe("a stream", () => {
  it.effect.each(kinds)(
    "gives in $name what has come before more comes",
    ({ contentEncoding, name }) =>
      Effect.gen(function*() {
        const flushed = yield* Effect.promise(() => encodedWithFlushes(name, ["one ", "two ", "three"]))
        const seen: Array<string> = []
        // Each piece is asked for only when what came before it has been seen.
        const source = new Source((function*() {
          for (const [i, piece] of flushed.entries()) {
            assert.strictEqual(seen.join(""), ["one ", "two ", "three"].slice(0, i).join(""))
            yield piece
          }
        })())
        const response = yield* decompress(encoded(contentEncoding, source)).get(url)
        yield* Stream.runForEach(response.stream, (bytes) => Effect.sync(() => seen.push(textOf(bytes))))
        assert.strictEqual(seen.join(""), "one two three")
      })
  )
})

/** What a server sends that flushes after every text. */
const encodedWithFlushes = (name: string, texts: ReadonlyArray<string>): Promise<ReadonlyArray<Uint8Array>> =>
  new Promise((resolve, reject) => {
    const encoder = name === "br"
      ? Zlib.createBrotliCompress()
      : name === "deflate"
      ? Zlib.createDeflate()
      : name.startsWith("deflate")
      ? Zlib.createDeflateRaw()
      : name === "zstd"
      ? (Reflect.get(Zlib, "createZstdCompress") as () => Zlib.Gzip)()
      : Zlib.createGzip()
    const pieces: Array<Uint8Array> = []
    let since: Array<Uint8Array> = []
    const take = (): void => {
      pieces.push(cat(...since))
      since = []
    }
    const next = (i: number): void => {
      const text = texts[i]
      if (text === undefined) {
        encoder.end()
        return
      }
      encoder.write(text)
      encoder.flush(() =>
        setImmediate(() => {
          take()
          next(i + 1)
        })
      )
    }
    encoder.on("data", (bytes: Uint8Array) => since.push(bytes))
    encoder.on("error", reject)
    encoder.on("end", () => {
      take()
      resolve(pieces)
    })
    next(0)
  })
