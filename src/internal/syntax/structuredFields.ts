/**
 * Parses Structured Fields (RFC 9651 section 4.2): items, lists, dictionaries, and their common
 * parts.
 *
 * A value that breaks the grammar anywhere fails as a whole, as section 4.2 demands, because a part
 * could mean something else.
 */
import * as Either from "effect/Either"
import { FieldValueError } from "./fieldValueError.ts"
import type { BareItem } from "./structuredItems.ts"
import { end, ItemReader } from "./structuredItems.ts"

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

/** A member of a list or a dictionary. */
export type Member = Item | InnerList

/** The members of a list, in order. */
export type List = ReadonlyArray<Member>

/** The members of a dictionary, in the order of the first occurrence of their keys. */
export type Dictionary = ReadonlyMap<string, Member>

const isTrue: BareItem = { _tag: "Boolean", value: true }

class Parser {
  readonly #reader: ItemReader

  constructor(text: string) {
    this.#reader = new ItemReader(text)
  }

  /** Parses a whole value (section 4.2), which may be surrounded by spaces. */
  whole<A>(parse: (parser: Parser) => A | undefined): Either.Either<A, FieldValueError> {
    const reader = this.#reader
    reader.skipSpaces()
    const value = parse(this)
    if (value === undefined) return Either.left(reader.failure)
    reader.skipSpaces()
    if (reader.code === end) return Either.right(value)
    reader.fails("the value does not end after its item")
    return Either.left(reader.failure)
  }

  list(): List | undefined {
    const members: Array<Member> = []
    const complete = this.#members(() => {
      const member = this.#member()
      if (member !== undefined) members.push(member)
      return member !== undefined
    })
    return complete ? members : undefined
  }

  dictionary(): Dictionary | undefined {
    const members = new Map<string, Member>()
    const complete = this.#members(() => {
      const key = this.#reader.key()
      if (key === undefined) return false
      const member = this.#reader.takes(0x3d) ? this.#member() : this.#withParameters(isTrue)
      if (member !== undefined) members.set(key, member)
      return member !== undefined
    })
    return complete ? members : undefined
  }

  item(): Item | undefined {
    const value = this.#reader.bareItem()
    return value && this.#withParameters(value)
  }

  /** Reads members that are separated by commas, up to the end. False if one fails. */
  #members(read: () => boolean): boolean {
    const reader = this.#reader
    if (reader.code === end) return true
    while (read()) {
      reader.skipWhiteSpace()
      if (reader.code === end) return true
      if (!reader.takes(0x2c)) {
        reader.fails("a comma is missing")
        return false
      }
      reader.skipWhiteSpace()
    }
    return false
  }

  #member(): Member | undefined {
    return this.#reader.takes(0x28) ? this.#innerList() : this.item()
  }

  #innerList(): InnerList | undefined {
    const reader = this.#reader
    const items: Array<Item> = []
    while (true) {
      reader.skipSpaces()
      if (reader.takes(0x29)) {
        const parameters = this.#parameters()
        return parameters && { _tag: "InnerList", items, parameters }
      }
      const item = this.item()
      if (item === undefined) return undefined
      if (reader.code !== 0x20 && reader.code !== 0x29) {
        return reader.fails("a space or the end of an inner list is missing")
      }
      items.push(item)
    }
  }

  #withParameters(value: BareItem): Item | undefined {
    const parameters = this.#parameters()
    return parameters && { _tag: "Item", value, parameters }
  }

  #parameters(): Parameters | undefined {
    const reader = this.#reader
    const parameters = new Map<string, BareItem>()
    while (reader.takes(0x3b)) {
      reader.skipSpaces()
      const key = reader.key()
      if (key === undefined) return undefined
      const value = reader.takes(0x3d) ? reader.bareItem() : isTrue
      if (value === undefined) return undefined
      parameters.set(key, value)
    }
    return parameters
  }
}

const whole = <A>(value: string, parse: (parser: Parser) => A | undefined): Either.Either<A, FieldValueError> =>
  typeof value === "string"
    ? new Parser(value).whole(parse)
    : Either.left(new FieldValueError({ reason: "it is not a string", at: 0 }))

/**
 * Parses a list (section 4.2.1). Several field lines are one value, joined by commas. An empty
 * value is an empty list.
 */
export const parseList = (value: string): Either.Either<List, FieldValueError> =>
  whole(value, (parser) => parser.list())

/**
 * Parses a dictionary (section 4.2.2). Several field lines are one value, joined by commas. An
 * empty value is an empty dictionary.
 */
export const parseDictionary = (value: string): Either.Either<Dictionary, FieldValueError> =>
  whole(value, (parser) => parser.dictionary())

/** Parses an item (section 4.2.3). */
export const parseItem = (value: string): Either.Either<Item, FieldValueError> =>
  whole(value, (parser) => parser.item())
