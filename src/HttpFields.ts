/**
 * The field lines of a head or trailer section: an immutable, ordered, case-preserving list.
 *
 * It is `http.client`'s `HTTPMessage` as plain data. Lookup is case-insensitive (RFC 9110 section
 * 5.1). It does not validate its lines, because requests are checked when they are encoded, and
 * responses when they are parsed. Its output (`toJSON`, `toString`, `console.log`) hides
 * credentials.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import type * as Equal from "effect/Equal"
import { dual } from "effect/Function"
import type * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import type * as Pipeable from "effect/Pipeable"
import * as Predicate from "effect/Predicate"
import * as HttpLeniency from "./HttpLeniency.ts"
import * as HttpLimits from "./HttpLimits.ts"
import type { HeadersTooLarge, InvalidHeaderLine, LineTooLong, TooManyHeaders } from "./internal/error/head.ts"
import * as internal from "./internal/model/fields.ts"
import { notBytes } from "./internal/options.ts"
import * as fieldSection from "./internal/syntax/fieldSection.ts"
import type * as mediaType from "./internal/syntax/mediaType.ts"

/**
 * The type id of field lists.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: typeof internal.TypeId = internal.TypeId

/**
 * The type of the type id of field lists.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * A list of field lines. Iterates `[name, value]` pairs in order: Python's `HTTPMessage.items()`.
 *
 * Two lists are equal (`Equal.equals`) if they have the same lines in order, whatever the case of
 * names.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpFields
  extends Iterable<readonly [name: string, value: string]>, Pipeable.Pipeable, Inspectable.Inspectable, Equal.Equal
{
  readonly [TypeId]: TypeId
  /** The names, spelled as received: Python's `HTTPMessage.keys()`. */
  readonly names: ReadonlyArray<string>
  /** The values, each at the index of its name: Python's `HTTPMessage.values()`. */
  readonly values: ReadonlyArray<string>
}

/**
 * The inputs for a field list: another list, pairs (such as the web's `Headers` and `Map`), or a
 * record. In a record, an array means several lines of one name and `undefined` none.
 *
 * @since 0.1.0
 * @category models
 */
export type Input =
  | HttpFields
  | Iterable<readonly [name: string, value: Value]>
  | Readonly<Record<string, Value | ReadonlyArray<Value> | undefined>>

/**
 * The inputs for a value: text, a finite number, or bytes, which are sent unchanged.
 *
 * @since 0.2.0
 * @category models
 */
export type Value = string | number | Uint8Array

/**
 * The parsed value of Content-Type (RFC 9110 section 8.3.1). `type` (`text/html`) and the names of
 * the parameters are in lower case. Values are unchanged, without their quotes.
 *
 * @since 0.1.0
 * @category models
 */
export interface ContentType extends mediaType.MediaType {}

/**
 * True if a value is a field list.
 *
 * @since 0.1.0
 * @category guards
 */
export const isHttpFields: (u: unknown) => u is HttpFields = internal.isFields

/**
 * The list without lines.
 *
 * @since 0.1.0
 * @category constructors
 */
export const empty: HttpFields = internal.empty

/**
 * Creates a list of these lines, in this order.
 *
 * @example
 * ```ts
 * import { HttpFields } from "effect-http-client"
 *
 * const fields = HttpFields.make(["Accept", "text/html"], ["Accept", "text/plain;q=0.5"])
 * console.log(HttpFields.getUnsafe(fields, "accept")) // text/html, text/plain;q=0.5
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (...entries: ReadonlyArray<readonly [name: string, value: string]>): HttpFields =>
  entries.length === 0 ? empty : internal.fromEntries(entries)

/**
 * Creates a list from two parallel arrays without copying. They must have the same length and never
 * change again.
 *
 * @internal
 */
export const unsafeMake = (names: ReadonlyArray<string>, values: ReadonlyArray<string>): HttpFields =>
  new internal.Fields(names, values)

/**
 * Creates a list from the usual notations of fields. Returns a field list unchanged.
 *
 * Numbers become text, and bytes become the ISO-8859-1 text that is sent as those bytes. An invalid
 * name, value, entry or input is kept and refused when the list is sent (`InvalidHeaderName`,
 * `InvalidHeaderValue`, `InvalidTrailer`). Throws what an iterable throws; in options of a
 * connection that is `InvalidOption`.
 *
 * @example
 * ```ts
 * import { HttpFields } from "effect-http-client"
 *
 * const fields = HttpFields.fromInput({ Accept: "text/html", "Max-Forwards": 3, "X-Tag": ["a", "b"] })
 * console.log(HttpFields.size(fields)) // 4
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromInput = (input: Input): HttpFields =>
  isHttpFields(input)
    ? input
    : Predicate.isIterable(input)
    ? internal.fromEntries(input as Iterable<readonly [string, Value]>)
    : Predicate.isRecord(input)
    ? internal.fromRecord(input)
    // Sending it fails because of this name, like any other input that is not a list of fields.
    : internal.fromEntries([[input as string, ""]])

/**
 * Returns the lines of a field joined by `", "` (RFC 9110 section 5.2): `HTTPResponse.getheader`.
 * For Set-Cookie it returns the first line, because cookies may contain commas (use `getAll`).
 *
 * @example
 * ```ts
 * import { HttpFields } from "effect-http-client"
 * import { Option } from "effect"
 *
 * const fields = HttpFields.make(["ETag", "\"v1\""])
 * console.log(fields.pipe(HttpFields.get("etag"), Option.getOrElse(() => "none"))) // "v1"
 * ```
 *
 * @since 0.1.0
 * @category getters
 */
export const get: {
  (name: string): (self: HttpFields) => Option.Option<string>
  (self: HttpFields, name: string): Option.Option<string>
} = dual(2, (self: HttpFields, name: string) => Option.fromNullable(internal.get(self, name)))

/**
 * Returns the same value as `get`, or `undefined`. Allocates nothing if the field has one line.
 *
 * @since 0.1.0
 * @category getters
 */
export const getUnsafe: {
  (name: string): (self: HttpFields) => string | undefined
  (self: HttpFields, name: string): string | undefined
} = dual(2, internal.get)

/**
 * Returns the value of every line of a field, in order and not split at commas: Python's
 * `HTTPMessage.get_all`.
 *
 * @since 0.1.0
 * @category getters
 */
export const getAll: {
  (name: string): (self: HttpFields) => ReadonlyArray<string>
  (self: HttpFields, name: string): ReadonlyArray<string>
} = dual(2, internal.getAll)

/**
 * True if the list has a line with this name.
 *
 * @since 0.1.0
 * @category getters
 */
export const has: {
  (name: string): (self: HttpFields) => boolean
  (self: HttpFields, name: string): boolean
} = dual(2, internal.has)

/**
 * Returns the lines as pairs, in order: Python's `HTTPResponse.getheaders`.
 *
 * @since 0.1.0
 * @category getters
 */
export const entries: (self: HttpFields) => ReadonlyArray<readonly [name: string, value: string]> = internal.entries

/**
 * Returns the number of lines.
 *
 * @since 0.1.0
 * @category getters
 */
export const size = (self: HttpFields): number => self.names.length

/**
 * Returns the list with a single line of this name, at the position of its first line or at the
 * end.
 *
 * @since 0.1.0
 * @category combinators
 */
export const set: {
  (name: string, value: Value): (self: HttpFields) => HttpFields
  (self: HttpFields, name: string, value: Value): HttpFields
} = dual(3, internal.set)

/**
 * Returns the list with one more line at its end: Python's `HTTPMessage.add_header`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const append: {
  (name: string, value: Value): (self: HttpFields) => HttpFields
  (self: HttpFields, name: string, value: Value): HttpFields
} = dual(3, internal.append)

/**
 * Returns the list without the lines of this name.
 *
 * @since 0.1.0
 * @category combinators
 */
export const remove: {
  (name: string): (self: HttpFields) => HttpFields
  (self: HttpFields, name: string): HttpFields
} = dual(2, internal.remove)

/**
 * Returns the lines of `self` whose names `that` lacks, then all lines of `that`: overrides
 * defaults.
 *
 * @example
 * ```ts
 * import { HttpFields } from "effect-http-client"
 *
 * const defaults = HttpFields.make(["Accept", "text/html"], ["User-Agent", "mine/1.0"])
 * const fields = HttpFields.merge(defaults, HttpFields.make(["accept", "application/json"]))
 * console.log(fields.names) // [ "User-Agent", "accept" ]
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const merge: {
  (that: HttpFields): (self: HttpFields) => HttpFields
  (self: HttpFields, that: HttpFields): HttpFields
} = dual(2, internal.merge)

/**
 * The names whose values are never shown: `authorization`, `proxy-authorization`, `cookie`,
 * `set-cookie`, `x-api-key`.
 *
 * @since 0.1.0
 * @category redaction
 */
export const redactedNames: ReadonlyArray<string> = internal.redactedNames

/**
 * Replaces the values of these fields with `<redacted>`, for logs and spans. Strings match in any
 * case. Expressions are tested on the lower-cased name, as in the platform's `Headers.redact`.
 *
 * @since 0.1.0
 * @category redaction
 */
export const redact: {
  (names: ReadonlyArray<string | RegExp>): (self: HttpFields) => HttpFields
  (self: HttpFields, names: ReadonlyArray<string | RegExp>): HttpFields
} = dual(2, internal.redact)

/**
 * Parses the first line of Content-Type into the media type and its parameters. `None` without such
 * a line or a media type. A malformed parameter is omitted; of two with one name the first counts.
 *
 * @example
 * ```ts
 * import { HttpFields } from "effect-http-client"
 * import { Option } from "effect"
 *
 * const fields = HttpFields.make(["Content-Type", "Text/HTML; charset=\"UTF-8\""])
 * console.log(Option.map(HttpFields.contentType(fields), (_) => _.type)) // Some("text/html")
 * console.log(HttpFields.contentCharset(fields)) // Some("utf-8")
 * ```
 *
 * @since 0.1.0
 * @category content
 */
export const contentType = (self: HttpFields): Option.Option<ContentType> =>
  Option.fromNullable(internal.contentType(self))

/**
 * Returns the charset of Content-Type in lower case: Python's `HTTPMessage.get_content_charset`.
 *
 * @since 0.1.0
 * @category content
 */
export const contentCharset = (self: HttpFields): Option.Option<string> =>
  Option.fromNullable(internal.contentCharset(self))

/**
 * A parsed field section, and where it ends.
 *
 * @since 0.2.0
 * @category parsing
 */
export interface Section {
  readonly fields: HttpFields
  /** Its number of bytes, including its empty line; all bytes if it has no empty line. */
  readonly length: number
  /**
   * True if its empty line was found. If false, the bytes ended before it, and more of them might
   * be another field.
   */
  readonly complete: boolean
}

/**
 * Parses a field section up to its empty line or the end of the bytes: `http.client.parse_headers`.
 *
 * As strict as the parser of responses, unless relaxed. `parseSection` also says where it ends.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parse = (
  bytes: Uint8Array,
  options?: {
    readonly limits?: HttpLimits.Options | undefined
    readonly leniency?: HttpLeniency.HttpLeniency | undefined
  }
): Either.Either<HttpFields, InvalidHeaderLine | LineTooLong | TooManyHeaders | HeadersTooLarge> =>
  Either.map(parseSection(bytes, options), ({ fields }) => fields)

/**
 * Parses like `parse`, and returns how many bytes it used: Python's `parse_headers` moves its file.
 *
 * @example
 * ```ts
 * import { HttpFields } from "effect-http-client"
 * import { Either } from "effect"
 *
 * const bytes = new TextEncoder().encode("Age: 3\r\n\r\nhello")
 * const { complete, length } = Either.getOrThrow(HttpFields.parseSection(bytes))
 * console.log(complete, new TextDecoder().decode(bytes.subarray(length))) // true hello
 * ```
 *
 * @since 0.2.0
 * @category parsing
 */
export const parseSection = (
  bytes: Uint8Array,
  options?: Parameters<typeof parse>[1]
): Either.Either<Section, InvalidHeaderLine | LineTooLong | TooManyHeaders | HeadersTooLarge> => {
  // The type has no such failure, because typed code cannot cause it.
  const wrong = notBytes("bytes", bytes)
  if (wrong !== undefined) return Either.left(wrong as never)
  const limits = HttpLimits.make(options?.limits ?? {})
  const parsed = fieldSection.parseSection(bytes, limits, options?.leniency ?? HttpLeniency.strict)
  if ("_tag" in parsed) return Either.left(parsed)
  const { complete, length, names, values } = parsed
  return Either.right({ fields: unsafeMake(names, values), length, complete })
}
