/**
 * Reads keys and bare items of Structured Fields (RFC 9651 sections 4.2.3.1 to 4.2.10).
 *
 * One pass over the characters and no regular expression, because the peer chooses the value. A
 * function that fails returns `undefined`, and `failure` has the reason.
 */
import { FieldValueError } from "./fieldValueError.ts"
import { tokenTable } from "./token.ts"

/** A value without parameters. Its type counts: the token `a` is not the string "a". */
export type BareItem =
  | { readonly _tag: "Integer"; readonly value: number }
  | { readonly _tag: "Decimal"; readonly value: number }
  | { readonly _tag: "String"; readonly value: string }
  | { readonly _tag: "Token"; readonly value: string }
  | { readonly _tag: "ByteSequence"; readonly value: Uint8Array }
  | { readonly _tag: "Boolean"; readonly value: boolean }
  | { readonly _tag: "Date"; readonly value: number }
  | { readonly _tag: "DisplayString"; readonly value: string }

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

const isLower = (code: number): boolean => code >= 0x61 && code <= 0x7a

const isAlpha = (code: number): boolean => isLower(code | 0x20) && code < 0x80

/** A code that stands for the end of the text and is no character's. */
export const end = -1

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Returns the value of a hexadecimal digit in lower case, or -1. */
const hexOf = (code: number): number => isDigit(code) ? code - 0x30 : code >= 0x61 && code <= 0x66 ? code - 0x57 : -1

/** Returns the value of a base64 digit, or -1. */
const base64Of = (code: number): number => {
  if (isDigit(code)) return code + 4
  if (isLower(code)) return code - 0x47
  if (isAlpha(code)) return code - 0x41
  return code === 0x2b ? 62 : code === 0x2f ? 63 : -1
}

/**
 * Decodes base64. Padding may be missing and its bits may be set (section 4.2.7); anything else
 * that is not base64 is `undefined`.
 */
const bytesOf = (text: string): Uint8Array | undefined => {
  let length = text.length
  while (length > 0 && text.length - length < 2 && text.charCodeAt(length - 1) === 0x3d) length--
  if (length % 4 === 1 || (length < text.length && text.length % 4 !== 0)) return undefined
  const bytes = new Uint8Array(Math.floor(length * 3 / 4))
  let bits = 0
  let pending = 0
  let at = 0
  for (let i = 0; i < length; i++) {
    const digit = base64Of(text.charCodeAt(i))
    if (digit < 0) return undefined
    bits = ((bits << 6) | digit) & 0xffff
    pending += 6
    if (pending >= 8) {
      pending -= 8
      bytes[at++] = bits >> pending
    }
  }
  return bytes
}

const isInKey = (code: number): boolean =>
  isLower(code) || isDigit(code) || code === 0x5f || code === 0x2d || code === 0x2e || code === 0x2a

/** True for the characters of a token after its first: those of HTTP's tokens, `:` and `/`. */
const isInToken = (code: number): boolean => tokenTable[code] === 1 || code === 0x3a || code === 0x2f

/** True if a text is a key. */
export const isKey = (text: string): boolean => {
  const first = text.charCodeAt(0)
  if (!isLower(first) && first !== 0x2a) return false
  for (let i = 1; i < text.length; i++) if (!isInKey(text.charCodeAt(i))) return false
  return true
}

/** True if a text is a token. */
export const isToken = (text: string): boolean => {
  const first = text.charCodeAt(0)
  if (!isAlpha(first) && first !== 0x2a) return false
  for (let i = 1; i < text.length; i++) if (!isInToken(text.charCodeAt(i))) return false
  return true
}

/** Reads from a text, at a position that advances. */
export class ItemReader {
  readonly #text: string
  #at = 0
  /** Set before `failure` is read. */
  #reason = ""

  constructor(text: string) {
    this.#text = text
  }

  /** The next character, or `end`. */
  get code(): number {
    return this.#at < this.#text.length ? this.#text.charCodeAt(this.#at) : end
  }

  /** The reason of the failure, and its place. */
  get failure(): FieldValueError {
    return new FieldValueError({ reason: this.#reason, at: this.#at })
  }

  /** Sets the reason of a failure. */
  fails(reason: string): undefined {
    this.#reason = reason
  }

  /** Consumes a character if it is the next one. */
  takes(code: number): boolean {
    if (this.code !== code) return false
    this.#at++
    return true
  }

  skipSpaces(): void {
    while (this.code === 0x20) this.#at++
  }

  /** Skips spaces and tabs, which may surround a comma. */
  skipWhiteSpace(): void {
    while (this.code === 0x20 || this.code === 0x09) this.#at++
  }

  key(): string | undefined {
    const start = this.#at
    if (!isLower(this.code) && this.code !== 0x2a) return this.fails("a key begins with a lower-case letter or *")
    while (isInKey(this.code)) this.#at++
    return this.#text.slice(start, this.#at)
  }

  bareItem(): BareItem | undefined {
    const code = this.code
    if (code === 0x2d || isDigit(code)) return this.#number()
    if (code === 0x2a || isAlpha(code)) return this.#token()
    switch (code) {
      case 0x22:
        return this.#string()
      case 0x3a:
        return this.#byteSequence()
      case 0x3f:
        return this.#boolean()
      case 0x40:
        return this.#date()
      case 0x25:
        return this.#displayString()
      default:
        return this.fails("an item is missing")
    }
  }

  /**
   * Reads a number: at most 15 digits, or 12 digits with a point and one to three more (section
   * 4.2.4).
   */
  #number(): { readonly _tag: "Integer" | "Decimal"; readonly value: number } | undefined {
    const start = this.#at
    this.takes(0x2d)
    const digits = this.#digits()
    if (digits === 0) return this.fails("a digit is missing")
    if (digits > 15) return this.fails("a number has more than 15 digits")
    if (!this.takes(0x2e)) return { _tag: "Integer", value: this.#numberFrom(start) }
    const fraction = this.#digits()
    if (digits > 12 || fraction === 0 || fraction > 3) {
      return this.fails("a decimal has more than 12 digits before the point, or not one to three after it")
    }
    return { _tag: "Decimal", value: this.#numberFrom(start) }
  }

  /** Consumes digits and returns how many there were. */
  #digits(): number {
    const start = this.#at
    while (isDigit(this.code)) this.#at++
    return this.#at - start
  }

  /**
   * Reads a number from its digits. There is no negative zero, because it would not equal 0 in
   * every comparison.
   */
  #numberFrom(start: number): number {
    return Number(this.#text.slice(start, this.#at)) + 0
  }

  #token(): BareItem {
    const start = this.#at
    while (isInToken(this.code)) this.#at++
    return { _tag: "Token", value: this.#text.slice(start, this.#at) }
  }

  #string(): BareItem | undefined {
    this.#at++
    let value = ""
    while (true) {
      let code = this.code
      if (code < 0x20 || code > 0x7e) return this.fails("a string has an end quote and visible ASCII before it")
      this.#at++
      if (code === 0x22) return { _tag: "String", value }
      if (code === 0x5c) {
        code = this.code
        if (code !== 0x22 && code !== 0x5c) return this.fails("a backslash stands before a quote or a backslash")
        this.#at++
      }
      value += String.fromCharCode(code)
    }
  }

  #byteSequence(): BareItem | undefined {
    const close = this.#text.indexOf(":", this.#at + 1)
    const value = close < 0 ? undefined : bytesOf(this.#text.slice(this.#at + 1, close))
    if (value === undefined) return this.fails("a byte sequence is base64 between colons")
    this.#at = close + 1
    return { _tag: "ByteSequence", value }
  }

  #boolean(): BareItem | undefined {
    this.#at++
    if (this.takes(0x31)) return { _tag: "Boolean", value: true }
    return this.takes(0x30) ? { _tag: "Boolean", value: false } : this.fails("a boolean is ?0 or ?1")
  }

  #date(): BareItem | undefined {
    this.#at++
    const code = this.code
    const seconds = code === 0x2d || isDigit(code) ? this.#number() : undefined
    return seconds?._tag === "Integer" ? { _tag: "Date", value: seconds.value } : this.fails("a date is an integer")
  }

  /** Reads percent-encoded UTF-8 in quotes, with digits in lower case (section 4.2.10). */
  #displayString(): BareItem | undefined {
    this.#at++
    if (!this.takes(0x22)) return this.fails("a display string is in quotes")
    const bytes: Array<number> = []
    while (true) {
      const code = this.code
      if (code < 0x20 || code > 0x7e) return this.fails("a display string has an end quote and visible ASCII before it")
      this.#at++
      if (code === 0x22) break
      if (code !== 0x25) bytes.push(code)
      else {
        const high = hexOf(this.code)
        const low = high < 0 ? -1 : hexOf(this.#text.charCodeAt(this.#at + 1))
        if (low < 0) return this.fails("a percent sign stands before two hexadecimal digits in lower case")
        this.#at += 2
        bytes.push(high * 16 + low)
      }
    }
    try {
      return { _tag: "DisplayString", value: utf8.decode(Uint8Array.from(bytes)) }
    } catch {
      return this.fails("a display string is UTF-8")
    }
  }
}
