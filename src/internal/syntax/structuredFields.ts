/**
 * Parses the lists of Structured Fields (RFC 9651 section 4.2): items, inner lists and parameters.
 *
 * One pass over the characters and no regular expression, because the peer chooses the value. A
 * value that breaks the grammar anywhere is `undefined` as a whole, as section 4.2 demands: a part
 * of it could mean something else than the whole.
 */
import { tokenTable } from "./token.ts"

/** A value without parameters. Its type counts: the token `a` is not the string "a". */
export type BareItem =
  | { readonly _tag: "Integer"; readonly value: number }
  | { readonly _tag: "Decimal"; readonly value: number }
  | { readonly _tag: "String"; readonly value: string }
  | { readonly _tag: "Token"; readonly value: string }
  | { readonly _tag: "Bytes"; readonly value: Uint8Array }
  | { readonly _tag: "Date"; readonly value: number }
  | { readonly _tag: "DisplayString"; readonly value: string }
  | { readonly _tag: "Boolean"; readonly value: boolean }

/** Parameters in the order of their first occurrence. The last of two with the same key counts. */
export type Parameters = ReadonlyMap<string, BareItem>

/** A bare item and its parameters. */
export interface Item {
  readonly _tag: "Item"
  readonly value: BareItem
  readonly parameters: Parameters
}

/** Items in parentheses, and the parameters of the whole. */
export interface InnerList {
  readonly _tag: "InnerList"
  readonly items: ReadonlyArray<Item>
  readonly parameters: Parameters
}

/** The members of a list, in order. */
export type List = ReadonlyArray<Item | InnerList>

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

const isLower = (code: number): boolean => code >= 0x61 && code <= 0x7a

const isAlpha = (code: number): boolean => isLower(code | 0x20) && code < 0x80

/** A code that stands for the end of the text, where no character has it. */
const end = -1

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The value of a hexadecimal digit in lower case, or -1. */
const hexOf = (code: number): number => isDigit(code) ? code - 0x30 : code >= 0x61 && code <= 0x66 ? code - 0x57 : -1

/** The value of a base64 digit, or -1. */
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

class Parser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** The next character, or `end`. */
  get #code(): number {
    return this.#at < this.#text.length ? this.#text.charCodeAt(this.#at) : end
  }

  /** Consumes a character if it is the next one. */
  #takes(code: number): boolean {
    if (this.#code !== code) return false
    this.#at++
    return true
  }

  #skipSpaces(): void {
    while (this.#code === 0x20) this.#at++
  }

  /** Skips spaces and tabs, which may surround a comma. */
  #skipWhiteSpace(): void {
    while (this.#code === 0x20 || this.#code === 0x09) this.#at++
  }

  list(): List | undefined {
    const members: Array<Item | InnerList> = []
    this.#skipSpaces()
    if (this.#code === end) return members
    while (true) {
      const member = this.#code === 0x28 ? this.#innerList() : this.#item()
      if (member === undefined) return undefined
      members.push(member)
      this.#skipWhiteSpace()
      if (this.#code === end) return members
      if (!this.#takes(0x2c)) return undefined
      this.#skipWhiteSpace()
    }
  }

  #innerList(): InnerList | undefined {
    this.#at++
    const items: Array<Item> = []
    while (true) {
      this.#skipSpaces()
      if (this.#takes(0x29)) {
        const parameters = this.#parameters()
        return parameters && { _tag: "InnerList", items, parameters }
      }
      const item = this.#item()
      if (item === undefined || (this.#code !== 0x20 && this.#code !== 0x29)) return undefined
      items.push(item)
    }
  }

  #item(): Item | undefined {
    const value = this.#bareItem()
    if (value === undefined) return undefined
    const parameters = this.#parameters()
    return parameters && { _tag: "Item", value, parameters }
  }

  #parameters(): Parameters | undefined {
    const parameters = new Map<string, BareItem>()
    while (this.#takes(0x3b)) {
      this.#skipSpaces()
      const key = this.#key()
      if (key === undefined) return undefined
      const value: BareItem | undefined = this.#takes(0x3d) ? this.#bareItem() : { _tag: "Boolean", value: true }
      if (value === undefined) return undefined
      parameters.set(key, value)
    }
    return parameters
  }

  #key(): string | undefined {
    const start = this.#at
    if (!isLower(this.#code) && this.#code !== 0x2a) return undefined
    for (let code = this.#code; isLower(code) || isDigit(code) || "_-.*".includes(String.fromCharCode(code));) {
      this.#at++
      code = this.#code
    }
    return this.#text.slice(start, this.#at)
  }

  #bareItem(): BareItem | undefined {
    const code = this.#code
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
        return undefined
    }
  }

  /** At most 15 digits, or 12 digits with a point and one to three more (section 4.2.4). */
  #number(): { readonly _tag: "Integer" | "Decimal"; readonly value: number } | undefined {
    const start = this.#at
    this.#takes(0x2d)
    const digits = this.#digits()
    if (digits === 0 || digits > 15) return undefined
    if (!this.#takes(0x2e)) return { _tag: "Integer", value: this.#numberFrom(start) }
    const fraction = this.#digits()
    if (digits > 12 || fraction === 0 || fraction > 3) return undefined
    return { _tag: "Decimal", value: this.#numberFrom(start) }
  }

  /** Consumes digits and returns how many there were. */
  #digits(): number {
    const start = this.#at
    while (isDigit(this.#code)) this.#at++
    return this.#at - start
  }

  /** There is no negative zero, which would not equal 0 in every comparison. */
  #numberFrom(start: number): number {
    return Number(this.#text.slice(start, this.#at)) + 0
  }

  #token(): BareItem {
    const start = this.#at
    for (let code = this.#code; tokenTable[code] === 1 || code === 0x3a || code === 0x2f; code = this.#code) this.#at++
    return { _tag: "Token", value: this.#text.slice(start, this.#at) }
  }

  #string(): BareItem | undefined {
    this.#at++
    let value = ""
    while (true) {
      let code = this.#code
      if (code < 0x20 || code > 0x7e) return undefined
      this.#at++
      if (code === 0x22) return { _tag: "String", value }
      if (code === 0x5c) {
        code = this.#code
        if (code !== 0x22 && code !== 0x5c) return undefined
        this.#at++
      }
      value += String.fromCharCode(code)
    }
  }

  #byteSequence(): BareItem | undefined {
    const close = this.#text.indexOf(":", this.#at + 1)
    if (close < 0) return undefined
    const value = bytesOf(this.#text.slice(this.#at + 1, close))
    this.#at = close + 1
    return value && { _tag: "Bytes", value }
  }

  #boolean(): BareItem | undefined {
    this.#at++
    if (this.#takes(0x31)) return { _tag: "Boolean", value: true }
    return this.#takes(0x30) ? { _tag: "Boolean", value: false } : undefined
  }

  #date(): BareItem | undefined {
    this.#at++
    const code = this.#code
    const seconds = code === 0x2d || isDigit(code) ? this.#number() : undefined
    return seconds?._tag === "Integer" ? { _tag: "Date", value: seconds.value } : undefined
  }

  /** Percent-encoded UTF-8 in quotes, with digits in lower case (section 4.2.10). */
  #displayString(): BareItem | undefined {
    this.#at++
    if (!this.#takes(0x22)) return undefined
    const bytes: Array<number> = []
    while (true) {
      const code = this.#code
      if (code < 0x20 || code > 0x7e) return undefined
      this.#at++
      if (code === 0x22) break
      if (code !== 0x25) bytes.push(code)
      else {
        const high = hexOf(this.#code)
        this.#at++
        const low = hexOf(this.#code)
        this.#at++
        if (high < 0 || low < 0) return undefined
        bytes.push(high * 16 + low)
      }
    }
    try {
      return { _tag: "DisplayString", value: utf8.decode(Uint8Array.from(bytes)) }
    } catch {
      return undefined
    }
  }
}

/**
 * Parses a list (section 4.2.1). Several field lines are one value, joined by commas. An empty
 * value is an empty list.
 */
export const parseList = (value: string): List | undefined => new Parser(value).list()
