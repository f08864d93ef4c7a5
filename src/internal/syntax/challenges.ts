/**
 * Parses challenges and the parameters of authentication (RFC 9110 sections 11.2 to 11.6): a list
 * of schemes, each with a token68 or with parameters. The same commas separate schemes and
 * parameters.
 *
 * One pass over the characters and no regular expression, because the peer chooses the value. A
 * challenge that breaks the grammar is dropped, and parsing continues after the next comma, because
 * the next challenge may be valid.
 */
import { tokenTable, valueTable } from "./token.ts"

/** A challenge. Scheme and names of parameters are in lower case. */
export interface Challenge {
  readonly scheme: string
  readonly token68: string | undefined
  readonly params: ReadonlyMap<string, string>
}

const comma = 0x2c
const equals = 0x3d
const quote = 0x22
const backslash = 0x5c

/** A code that stands for the end of the text and is no character's. */
const end = -1

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09

const isToken = (code: number): boolean => code >= 0 && code < 256 && tokenTable[code] === 1

const isText = (code: number): boolean => code >= 0 && code < 256 && valueTable[code] === 1

/** True for ALPHA, DIGIT and `-._~+/` (RFC 9110 section 11.2). */
const isToken68 = (code: number): boolean =>
  (code >= 0x2d && code <= 0x39) || code === 0x2b || code === 0x5f || code === 0x7e
  || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a)

/** A challenge that is being read. */
class Reading implements Challenge {
  readonly scheme: string
  token68: string | undefined = undefined
  readonly params = new Map<string, string>()
  broken = false

  constructor(scheme: string) {
    this.scheme = scheme
  }

  add(name: string, value: string): void {
    if (this.token68 !== undefined) this.broken = true
    // The first of two wins, so that an appended value cannot change an earlier one.
    else if (!this.params.has(name)) this.params.set(name, value)
  }
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get #code(): number {
    return this.#at < this.#text.length ? this.#text.charCodeAt(this.#at) : end
  }

  #skipSpaces(): void {
    while (isSpace(this.#code)) this.#at++
  }

  #skipToComma(): void {
    while (this.#code !== end && this.#code !== comma) {
      // A comma within a quoted string separates nothing, not even in an invalid element.
      if (this.#code === quote) this.#quoted()
      else this.#at++
    }
  }

  /** Reads a token; empty if there is none. */
  #token(): string {
    const start = this.#at
    while (isToken(this.#code)) this.#at++
    return this.#text.slice(start, this.#at)
  }

  /** Reads the quoted string that opens here; `undefined` if it is not one, or not closed. */
  #quoted(): string | undefined {
    const parts: Array<string> = []
    let valid = true
    let start = ++this.#at
    while (this.#code !== quote) {
      if (this.#code === backslash) {
        parts.push(this.#text.slice(start, this.#at))
        start = ++this.#at
      }
      if (this.#code === end) return undefined
      if (!isText(this.#code)) valid = false
      this.#at++
    }
    parts.push(this.#text.slice(start, this.#at++))
    return valid ? parts.join("") : undefined
  }

  /** Reads the value of a parameter, whose `=` is next; `undefined` if it has none. */
  #value(): string | undefined {
    this.#at++
    this.#skipSpaces()
    if (this.#code === quote) return this.#quoted()
    const value = this.#token()
    return value === "" ? undefined : value
  }

  /** True if the element ends here. Skips the spaces before its comma. */
  #atEnd(): boolean {
    this.#skipSpaces()
    return this.#code === end || this.#code === comma
  }

  /** Reads a token68 that is the whole rest of the element. Otherwise it reads nothing. */
  #token68(): string | undefined {
    const start = this.#at
    while (isToken68(this.#code)) this.#at++
    if (this.#at > start) { while (this.#code === equals) this.#at++ }
    const read = this.#text.slice(start, this.#at)
    if (read !== "" && this.#atEnd()) return read
    this.#at = start
    return undefined
  }

  /** Reads a parameter that is the whole rest of the element. */
  #param(to: Reading): void {
    const name = this.#token().toLowerCase()
    this.#skipSpaces()
    const value = name !== "" && this.#code === equals ? this.#value() : undefined
    if (value === undefined || !this.#atEnd()) to.broken = true
    else to.add(name, value)
  }

  /** Reads the next element, into the challenge that it belongs to. */
  #element(current: Reading | undefined, into: Array<Reading>): Reading | undefined {
    const start = this.#at
    const scheme = this.#token()
    const spaced = isSpace(this.#code)
    this.#skipSpaces()
    if (scheme !== "" && this.#code !== equals && (spaced || this.#code === end || this.#code === comma)) {
      const next = new Reading(scheme.toLowerCase())
      into.push(next)
      if (!this.#atEnd()) {
        next.token68 = this.#token68()
        if (next.token68 === undefined) this.#param(next)
      }
      return next
    }
    this.#at = start
    // A parameter without a challenge, or after an invalid one, is read and dropped.
    this.#param(current ?? new Reading(""))
    return current
  }

  /** Reads all elements. The first parameters belong to `current`; returns the last challenge. */
  read(current: Reading | undefined, into: Array<Reading>): Reading | undefined {
    let last = current
    while (true) {
      while (this.#code === comma || isSpace(this.#code)) this.#at++
      if (this.#code === end) return last
      last = this.#element(last, into)
      this.#skipToComma()
    }
  }
}

/**
 * Returns the challenges in the lines of a field, in order. Several lines are one list, so a line
 * may begin with parameters of the previous challenge (RFC 9110 section 5.3).
 */
export const parseChallenges = (lines: ReadonlyArray<string>): ReadonlyArray<Challenge> => {
  const read: Array<Reading> = []
  let last: Reading | undefined
  for (const line of lines) last = new Reader(line).read(last, read)
  return read.flatMap(({ broken, params, scheme, token68 }) => broken ? [] : [{ scheme, token68, params }])
}

/**
 * Returns the parameters in the lines of a field such as Authentication-Info; none if one of them
 * breaks the grammar.
 */
export const parseParams = (lines: ReadonlyArray<string>): ReadonlyMap<string, string> => {
  const all = new Reading("")
  const others: Array<Reading> = []
  for (const line of lines) new Reader(line).read(all, others)
  return all.broken || others.length > 0 ? new Map() : all.params
}
