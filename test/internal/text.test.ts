/** Decoding by itself: any bytes, any label, any split; and what decoders throw. */
import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import { identity } from "effect/Function"
import { decodeJson, decodeText, LineDecoder } from "../../src/internal/text.ts"

const labels = [
  undefined,
  "utf-8",
  "utf8",
  "iso-8859-1",
  "windows-1252",
  "utf-16",
  "utf-16be",
  "koi8-r",
  "shift_jis",
  "unicode",
  "nonsense",
  ""
]
const label = FastCheck.constantFrom(...labels)
const bytes = FastCheck.oneof(
  FastCheck.uint8Array({ maxLength: 40 }),
  FastCheck.tuple(
    FastCheck.constantFrom([0xef, 0xbb, 0xbf], [0xff, 0xfe], [0xfe, 0xff], [0xef, 0xbb]),
    FastCheck.uint8Array({ maxLength: 12 })
  ).map(([mark, rest]) => Uint8Array.from([...mark, ...rest]))
)

/** Runs with decoders that throw. */
const withDecoder = (error: unknown, run: () => void): void => {
  const { decode } = TextDecoder.prototype
  TextDecoder.prototype.decode = () => {
    throw error
  }
  try {
    run()
  } finally {
    TextDecoder.prototype.decode = decode
  }
}

describe("decoding", () => {
  it("of any bytes under any label throws nothing", () => {
    FastCheck.assert(FastCheck.property(bytes, label, (input, name) => {
      assert.isTrue(Either.isEither(decodeText(input, name)))
      assert.isTrue(Either.isEither(decodeJson(input, name, identity)))
    }))
  })

  it("of JSON gives what was encoded as UTF-8, under any label", () => {
    FastCheck.assert(FastCheck.property(FastCheck.jsonValue(), label, (value, name) => {
      const text = JSON.stringify(value)
      const encoded = Buffer.from(text)
      assert.deepStrictEqual(decodeJson(encoded, name, identity), Either.right(JSON.parse(encoded.toString())))
    }))
  })

  it("of pieces gives what decoding of the whole does, however it is split", () => {
    FastCheck.assert(FastCheck.property(bytes, label, FastCheck.array(FastCheck.nat(9)), (input, name, sizes) => {
      const decoder = new LineDecoder(name)
      let text = ""
      let failed = false
      let at = 0
      for (const size of [...sizes, input.length]) {
        const piece = decoder.next(input.subarray(at, at + size))
        at += size
        if (Either.isLeft(piece)) {
          failed = true
          break
        }
        text += piece.right
      }
      const last = failed ? Either.right("") : decoder.end()
      const whole = decodeText(input, name)
      if (failed || Either.isLeft(last)) assert.isTrue(Either.isLeft(whole))
      else assert.deepStrictEqual(Either.right(text + last.right), whole)
    }))
  })

  it("does not begin where no string is as long as the bytes are: Node would end the process", () => {
    // Memory that nobody touches.
    const large = new Uint8Array(0x1fffffe8 + 1)
    for (const name of [undefined, "iso-8859-1", "windows-1252", "utf-16le"]) {
      for (const result of [decodeText(large, name), decodeJson(large, name, identity)]) {
        const error = Either.isLeft(result) ? result.left : assert.fail("did not fail")
        assert.deepInclude(error, { _tag: "BodyTooLarge", reason: "Text", limit: 0x1fffffe8 })
        assert.strictEqual(error.partial, large)
      }
    }
  })

  it("that fails because the string is too long all the same is `BodyTooLarge`", () => {
    const tooLong = Object.assign(new Error("Cannot create a string longer than 0x1fffffe8 characters"), {
      code: "ERR_STRING_TOO_LONG"
    })
    for (const error of [tooLong, new RangeError("Invalid string length")]) {
      withDecoder(error, () => {
        const failures = [
          decodeText(Buffer.from("abc"), undefined),
          decodeText(Buffer.from("abc"), "iso-8859-1"),
          decodeJson(Buffer.from("abc"), undefined, identity),
          new LineDecoder(undefined).next(Buffer.from("abc"))
        ]
        for (const result of failures) {
          assert.deepInclude(Either.isLeft(result) && result.left, {
            _tag: "BodyTooLarge",
            reason: "Text",
            cause: error
          })
        }
      })
    }
  })

  it("that fails otherwise is `BodyDecodeError` with what was thrown", () => {
    const error = new TypeError("The encoded data was not valid")
    withDecoder(error, () => {
      const result = decodeText(Buffer.from("abc"), "iso-8859-1")
      const failure = Either.isLeft(result) ? result.left : assert.fail("did not fail")
      assert.deepInclude(failure, { _tag: "BodyDecodeError", cause: error })
      assert.include(failure.message, "cannot be decoded")
    })
  })
})
