/**
 * Structured Fields (RFC 9651): the grammar of newer fields, such as Priority, Content-Digest,
 * Cache-Status and Proxy-Status.
 *
 * A field is an item, a list or a dictionary, as its specification says. A value has a type: the
 * token `a` is not the string `"a"`. Values are plain data; parameters and dictionaries are maps
 * that keep the order. Parsing never throws, and its time is linear in the length. A value that
 * breaks the grammar anywhere fails as a whole, as the RFC demands. Ignore such a field.
 *
 * @since 0.2.0
 */
import * as Either from "effect/Either"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as HttpFields from "./HttpFields.ts"
import type { FieldValueError } from "./internal/syntax/fieldValueError.ts"
import * as internal from "./internal/syntax/structuredFields.ts"
import type * as items from "./internal/syntax/structuredItems.ts"
import * as make from "./internal/syntax/structuredValues.ts"
import * as writer from "./internal/syntax/structuredWriter.ts"

export {
  /**
   * A value that cannot be parsed (`at` is the offset) or written. `reason` says why. It belongs to
   * no exchange, so it has no `context` and is no `HttpError`.
   *
   * @since 0.2.0
   * @category errors
   */
  FieldValueError
} from "./internal/syntax/fieldValueError.ts"

/**
 * A value without parameters. A `Date` is a number of seconds since 1970, which may exceed the
 * range of JavaScript's `Date`.
 *
 * @since 0.2.0
 * @category models
 */
export type BareItem = items.BareItem

/**
 * Parameters by their keys, in order. Of two with the same key the last counts.
 *
 * @since 0.2.0
 * @category models
 */
export type Parameters = internal.Parameters

/**
 * A bare item and its parameters.
 *
 * @since 0.2.0
 * @category models
 */
export interface Item extends internal.Item {}

/**
 * Items in parentheses, and the parameters of the whole.
 *
 * @since 0.2.0
 * @category models
 */
export interface InnerList extends internal.InnerList {}

/**
 * A member of a list or a dictionary.
 *
 * @since 0.2.0
 * @category models
 */
export type Member = internal.Member

/**
 * The members of a list, in order.
 *
 * @since 0.2.0
 * @category models
 */
export type List = internal.List

/**
 * The members of a dictionary by their keys, in order. Of two with the same key the last counts.
 *
 * @since 0.2.0
 * @category models
 */
export type Dictionary = internal.Dictionary

/**
 * The inputs for a bare item. A string is a `String`, a number an `Integer` if it has no fraction
 * and a `Decimal` otherwise, bytes are a `ByteSequence`.
 *
 * @since 0.2.0
 * @category models
 */
export type BareInput = make.BareInput

/**
 * The inputs for parameters: pairs or a record. The keys of a record that look like integers come
 * first, whatever their place.
 *
 * @since 0.2.0
 * @category models
 */
export type ParametersInput = make.ParametersInput

/**
 * Creates an integer of at most 15 digits.
 *
 * @since 0.2.0
 * @category constructors
 */
export const integer: (value: number) => BareItem = make.integer

/**
 * Creates a decimal. It is written with one to three digits after the point, rounded half to even.
 *
 * @since 0.2.0
 * @category constructors
 */
export const decimal: (value: number) => BareItem = make.decimal

/**
 * Creates a string of visible ASCII and spaces.
 *
 * @since 0.2.0
 * @category constructors
 */
export const string: (value: string) => BareItem = make.string

/**
 * Creates a token, such as `gzip` or `text/html`.
 *
 * @since 0.2.0
 * @category constructors
 */
export const token: (value: string) => BareItem = make.token

/**
 * Creates a byte sequence, which is written as base64.
 *
 * @since 0.2.0
 * @category constructors
 */
export const byteSequence: (value: Uint8Array) => BareItem = make.byteSequence

/**
 * Creates a boolean.
 *
 * @since 0.2.0
 * @category constructors
 */
export const boolean: (value: boolean) => BareItem = make.boolean

/**
 * Creates a date from seconds since 1970, or from a `Date`, whose milliseconds are cut off.
 *
 * @since 0.2.0
 * @category constructors
 */
export const date: (value: number | Date) => BareItem = make.date

/**
 * Creates a display string, which may contain any Unicode text and is percent-encoded.
 *
 * @since 0.2.0
 * @category constructors
 */
export const displayString: (value: string) => BareItem = make.displayString

/**
 * Creates an item.
 *
 * @since 0.2.0
 * @category constructors
 */
export const item: (value: BareInput, parameters?: ParametersInput) => Item = make.item

/**
 * Creates an inner list.
 *
 * @since 0.2.0
 * @category constructors
 */
export const innerList: (items: ReadonlyArray<Item | BareInput>, parameters?: ParametersInput) => InnerList =
  make.innerList

/**
 * Parses an item (RFC 9651 section 4.2.3).
 *
 * @since 0.2.0
 * @category parsing
 */
export const parseItem: (value: string) => Either.Either<Item, FieldValueError> = internal.parseItem

/**
 * Parses a list (RFC 9651 section 4.2.1). An empty text is an empty list.
 *
 * @since 0.2.0
 * @category parsing
 */
export const parseList: (value: string) => Either.Either<List, FieldValueError> = internal.parseList

/**
 * Parses a dictionary (RFC 9651 section 4.2.2). An empty text is an empty dictionary.
 *
 * @example
 * ```ts
 * import { StructuredFields } from "effect-http-client"
 * import { Either } from "effect"
 *
 * const priority = Either.getOrThrow(StructuredFields.parseDictionary("u=1, i"))
 * const urgency = priority.get("u")
 * console.log(urgency?._tag === "Item" ? urgency.value : undefined) // { _tag: "Integer", value: 1 }
 * ```
 *
 * @since 0.2.0
 * @category parsing
 */
export const parseDictionary: (value: string) => Either.Either<Dictionary, FieldValueError> = internal.parseDictionary

/**
 * Parses the field with this name as an item. `None` without the field. A field of several lines is
 * no item.
 *
 * @since 0.2.0
 * @category getters
 */
export const getItem: {
  (name: string): (self: HttpFields.HttpFields) => Either.Either<Option.Option<Item>, FieldValueError>
  (self: HttpFields.HttpFields, name: string): Either.Either<Option.Option<Item>, FieldValueError>
} = dual(2, (self: HttpFields.HttpFields, name: string) => {
  const value = HttpFields.getUnsafe(self, name)
  return value === undefined ? Either.right(Option.none()) : Either.map(parseItem(value), Option.some)
})

/**
 * Parses all lines of the field with this name as one list. Without the field the list is empty,
 * because an empty list is not written (RFC 9651 section 3.1).
 *
 * @since 0.2.0
 * @category getters
 */
export const getList: {
  (name: string): (self: HttpFields.HttpFields) => Either.Either<List, FieldValueError>
  (self: HttpFields.HttpFields, name: string): Either.Either<List, FieldValueError>
} = dual(2, (self: HttpFields.HttpFields, name: string) => parseList(HttpFields.getUnsafe(self, name) ?? ""))

/**
 * Parses all lines of the field with this name as one dictionary. Without the field the dictionary
 * is empty, because an empty one is not written (RFC 9651 section 3.2).
 *
 * @example
 * ```ts
 * import { HttpFields, StructuredFields } from "effect-http-client"
 * import { Either } from "effect"
 *
 * const fields = HttpFields.make(["Content-Digest", "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:"])
 * const digests = Either.getOrThrow(StructuredFields.getDictionary(fields, "content-digest"))
 * console.log(digests.get("sha-256")?._tag) // Item
 * ```
 *
 * @since 0.2.0
 * @category getters
 */
export const getDictionary: {
  (name: string): (self: HttpFields.HttpFields) => Either.Either<Dictionary, FieldValueError>
  (self: HttpFields.HttpFields, name: string): Either.Either<Dictionary, FieldValueError>
} = dual(2, (self: HttpFields.HttpFields, name: string) => parseDictionary(HttpFields.getUnsafe(self, name) ?? ""))

/**
 * Writes an item (RFC 9651 section 4.1.3). Fails for a value that the grammar cannot express, such
 * as a string that is not ASCII or an integer of 16 digits.
 *
 * @example
 * ```ts
 * import { StructuredFields } from "effect-http-client"
 * import { Either } from "effect"
 *
 * const item = StructuredFields.item(StructuredFields.token("gzip"), { q: 0.5, x: "a b" })
 * console.log(Either.getOrThrow(StructuredFields.serializeItem(item))) // gzip;q=0.5;x="a b"
 * ```
 *
 * @since 0.2.0
 * @category formatting
 */
export const serializeItem: (self: Item) => Either.Either<string, FieldValueError> = writer.serializeItem

/**
 * Writes a list (RFC 9651 section 4.1.1). An empty list is an empty text: leave out the field.
 *
 * @since 0.2.0
 * @category formatting
 */
export const serializeList: (self: List) => Either.Either<string, FieldValueError> = writer.serializeList

/**
 * Writes a dictionary (RFC 9651 section 4.1.2). An empty one is an empty text: leave out the field.
 *
 * @since 0.2.0
 * @category formatting
 */
export const serializeDictionary: (self: Dictionary) => Either.Either<string, FieldValueError> =
  writer.serializeDictionary
