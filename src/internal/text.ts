/**
 * Decodes the bytes of a body to text and JSON, for this library's API and for the platform's.
 *
 * A byte order mark decides the charset, then the charset label, then UTF-8 (WHATWG Encoding
 * section 6, "decode"). An unusable label is ignored if the bytes are UTF-8, and refused otherwise,
 * because no character may be replaced by guesswork. JSON is UTF-8 whatever its label (RFC 8259
 * section 11), so a label decides only if the bytes are not UTF-8.
 *
 * The length is checked before decoding, because Node 20 aborts the process for a longer text in a
 * one-byte charset. Such an abort cannot be caught.
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import { join } from "./bytes.ts"
import type { BodyTooLarge } from "./error/body.ts"
import { BodyDecodeError } from "./error/body.ts"
import { tooLargeForText } from "./tooLarge.ts"

export type TextFailure = BodyDecodeError | BodyTooLarge

/**
 * V8's longest string on 64 bits, in UTF-16 code units. A charset never decodes to more of these
 * than it has bytes. A test lowers it.
 */
export const longest = { text: 0x1fffffe8 }

const utf8 = new TextDecoder()
const strictUtf8 = new TextDecoder("utf-8", { fatal: true })

/**
 * Returns the charset of the byte order mark. The mark of UTF-8 is one byte longer than that of
 * UTF-16.
 */
const markOf = (bytes: Uint8Array): "utf-8" | "utf-16be" | "utf-16le" | undefined => {
  const [first, second, third] = bytes
  if (first === 0xef) return second === 0xbb && third === 0xbf ? "utf-8" : undefined
  if (first === 0xfe) return second === 0xff ? "utf-16be" : undefined
  return first === 0xff && second === 0xfe ? "utf-16le" : undefined
}

/** The bytes that suffice to recognize a byte order mark. */
const markLength = 3

/** Returns a decoder for a label, or `undefined` if the label is unknown. */
const labelled = (label: string): TextDecoder | undefined => {
  try {
    return new TextDecoder(label)
  } catch {
    return undefined
  }
}

/**
 * Creates a decoder for bytes with this start. Without `known` it refuses bytes that are not UTF-8.
 */
const decoderOf = (start: Uint8Array, label: string | undefined): { decoder: TextDecoder; known: boolean } => {
  const charset = markOf(start) ?? label ?? "utf-8"
  const decoder = labelled(charset)
  return { decoder: decoder ?? new TextDecoder("utf-8", { fatal: true }), known: decoder !== undefined }
}

/** True for the errors that V8 and Node throw for a string that is too long. */
const isTooLong = (cause: unknown): boolean =>
  cause instanceof RangeError || (Predicate.hasProperty(cause, "code") && cause.code === "ERR_STRING_TOO_LONG")

const notDecoded = (
  cause: unknown,
  label: string | undefined,
  known: boolean,
  partial: Uint8Array | undefined
): TextFailure =>
  known && isTooLong(cause)
    ? tooLargeForText(longest.text, partial, cause)
    : new BodyDecodeError({
      format: "text",
      reason: known ? "it cannot be decoded" : `its charset ${JSON.stringify(label)} is not known, and it is not UTF-8`,
      partial,
      cause
    })

const isUtf8 = (label: string | undefined): boolean => label === undefined || label === "utf-8"

/** Decodes the text of a whole body. */
export const decodeText = (bytes: Uint8Array, label: string | undefined): Either.Either<string, TextFailure> => {
  if (bytes.length > longest.text) return Either.left(tooLargeForText(longest.text, bytes))
  // The common case: UTF-8 without a byte order mark of UTF-16.
  const first = bytes[0]
  const plain = isUtf8(label) && first !== 0xfe && first !== 0xff
  const { decoder, known } = plain ? { decoder: utf8, known: true } : decoderOf(bytes, label)
  try {
    // For a whole text in a one-byte charset, Node 20 and 22 use a separate decoder. It takes
    // windows-1252 for ISO-8859-1: its euro sign becomes U+0080. For pieces they use ICU, which is
    // correct.
    return Either.right(plain ? decoder.decode(bytes) : decoder.decode(bytes, { stream: true }) + decoder.decode())
  } catch (cause) {
    return Either.left(notDecoded(cause, label, known, bytes))
  }
}

const parse = (text: string): Either.Either<unknown, unknown> =>
  Either.try({ try: (): unknown => JSON.parse(text), catch: (error) => error })

const utf8Of = (bytes: Uint8Array): string | undefined => {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return undefined
  }
}

/**
 * Parses a whole body as JSON. `causeOf` converts what `JSON.parse` throws into the cause; `empty`
 * is the result for an empty text.
 */
export const decodeJson = (
  bytes: Uint8Array,
  label: string | undefined,
  causeOf: (error: unknown) => unknown,
  empty?: null
): Either.Either<unknown, TextFailure> => {
  if (bytes.length > longest.text) return Either.left(tooLargeForText(longest.text, bytes))
  const asUtf8 = utf8Of(bytes)
  if (asUtf8 === "" && empty === null) return Either.right(null)
  const first = asUtf8 === undefined ? undefined : parse(asUtf8)
  if (first !== undefined && (Either.isRight(first) || isUtf8(label))) {
    return Either.mapLeft(first, failed(bytes, causeOf))
  }
  // UTF-16 without a byte order mark is valid UTF-8 too, but not valid JSON.
  const text = decodeText(bytes, label)
  if (Either.isLeft(text)) return Either.left(first === undefined ? text.left : failed(bytes, causeOf)(first.left))
  const second = parse(text.right)
  return Either.isLeft(second) && first !== undefined
    ? Either.mapLeft(first, failed(bytes, causeOf))
    : Either.mapLeft(second, failed(bytes, causeOf))
}

const failed = (partial: Uint8Array, causeOf: (error: unknown) => unknown) => (error: unknown): BodyDecodeError =>
  new BodyDecodeError({ format: "json", reason: "it cannot be parsed", partial, cause: causeOf(error) })

const empty: Uint8Array = new Uint8Array(0)

/**
 * Decodes the text of a body that arrives in pieces, for reading lines. No line may be longer than
 * the longest string.
 */
export class LineDecoder {
  readonly #label: string | undefined
  readonly #cr: boolean
  #decoder: TextDecoder | undefined
  #known = true
  /** The first bytes, until they are long enough for a byte order mark. */
  #start = empty
  /** The number of characters in the unfinished line. */
  #open = 0

  /** `cr` is true if a CR alone ends a line too. */
  constructor(label: string | undefined, cr = false) {
    this.#label = label
    this.#cr = cr
  }

  /** Decodes the next bytes. */
  next(bytes: Uint8Array): Either.Either<string, TextFailure> {
    if (this.#decoder !== undefined) return this.#decode(bytes, true)
    const start = join([this.#start, bytes])
    if (start.length < markLength) {
      this.#start = start
      return Either.right("")
    }
    return this.#begin(start)
  }

  /** Returns the remaining text at the end. */
  end(): Either.Either<string, TextFailure> {
    const start: Either.Either<string, TextFailure> = this.#decoder === undefined
      ? this.#begin(this.#start)
      : Either.right("")
    return Either.flatMap(start, (text) => Either.map(this.#decode(empty, false), (rest) => text + rest))
  }

  #begin(start: Uint8Array): Either.Either<string, TextFailure> {
    const { decoder, known } = decoderOf(start, this.#label)
    this.#decoder = decoder
    this.#known = known
    return this.#decode(start, true)
  }

  #decode(bytes: Uint8Array, stream: boolean): Either.Either<string, TextFailure> {
    try {
      const text = this.#decoder?.decode(bytes, { stream }) ?? ""
      const end = this.#cr ? text.search(/[\r\n]/) : text.indexOf("\n")
      if (this.#open + (end < 0 ? text.length : end) > longest.text) return Either.left(tooLargeForText(longest.text))
      this.#open = end < 0 ? this.#open + text.length : text.length - this.#lastEnd(text) - 1
      return Either.right(text)
    } catch (cause) {
      return Either.left(notDecoded(cause, this.#label, this.#known, undefined))
    }
  }
  #lastEnd(text: string): number {
    const lf = text.lastIndexOf("\n")
    return this.#cr ? Math.max(lf, text.lastIndexOf("\r")) : lf
  }
}
