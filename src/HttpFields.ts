/**
 * The field lines of a head or of a trailer section: an immutable, ordered, case-preserving list of names and values.
 *
 * It is `http.client`'s `HTTPMessage` as plain data. Lines keep their order and the spelling of their names; lookup ignores
 * the case of names (RFC 9110 section 5.1). It does not check what it holds: a request is checked when it is encoded, a
 * response when it is parsed. What it prints (`toJSON`, `toString`, `console.log`) shows no credential.
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
 * The id that every field list carries.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: typeof internal.TypeId = internal.TypeId

/**
 * The type of the id that every field list carries.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * A list of field lines. Iterating gives `[name, value]` pairs in order: Python's `HTTPMessage.items()`.
 *
 * Two lists are equal (`Equal.equals`) if they have the same lines in the same order; the case of names does not count.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpFields
  extends Iterable<readonly [name: string, value: string]>, Pipeable.Pipeable, Inspectable.Inspectable, Equal.Equal
{
  readonly [TypeId]: TypeId
  /** The names, spelled as they came: Python's `HTTPMessage.keys()`. */
  readonly names: ReadonlyArray<string>
  /** The values, each at the index of its name: Python's `HTTPMessage.values()`. */
  readonly values: ReadonlyArray<string>
}

/**
 * What a field list can be made of: another one, pairs (`Headers` of the web and `Map` among them), or a record, in which
 * an array stands for several lines of one name and `undefined` for none.
 *
 * @since 0.1.0
 * @category models
 */
export type Input =
  | HttpFields
  | Iterable<readonly [name: string, value: Value]>
  | Readonly<Record<string, Value | ReadonlyArray<Value> | undefined>>

/**
 * What a value can be given as: text, a finite number, or bytes, which are sent as they are.
 *
 * @since 0.2.0
 * @category models
 */
export type Value = string | number | Uint8Array

/**
 * The value of Content-Type, taken apart (RFC 9110 section 8.3.1). `type` (`text/html`) and the names of the parameters are
 * in lower case; values are as they came, without their quotes.
 *
 * @since 0.1.0
 * @category models
 */
export interface ContentType extends mediaType.MediaType {}

/**
 * Whether a value is a field list.
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
 * A list of these lines, in this order.
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
 * A list over two parallel arrays, which are not copied: they must have the same length and never change again.
 *
 * @internal
 */
export const unsafeMake = (names: ReadonlyArray<string>, values: ReadonlyArray<string>): HttpFields =>
  new internal.Fields(names, values)

/**
 * A list of what the usual ways of writing fields say. A field list is given back as it is.
 *
 * Numbers become text, and bytes the ISO-8859-1 text that is sent as those bytes. A name or value of a type that is not allowed, `NaN` and
 * the infinities are kept and refused when the list is sent (`InvalidHeaderName`, `InvalidHeaderValue`, `InvalidTrailer`), and so is an
 * input or an entry of another kind. Throws what an iterable throws; in options of a connection that is `InvalidOption`.
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
    // Refused by the name that it then has, like every other thing that is no field.
    : internal.fromEntries([[input as string, ""]])

/**
 * The value of a field: its lines joined by `", "` (RFC 9110 section 5.2), except for Set-Cookie, of which it is the first
 * line, because cookies may hold commas (use `getAll`). Python's `HTTPResponse.getheader`.
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
 * The value of a field as `get` gives it, or `undefined`. Allocates nothing where the field has one line.
 *
 * @since 0.1.0
 * @category getters
 */
export const getUnsafe: {
  (name: string): (self: HttpFields) => string | undefined
  (self: HttpFields, name: string): string | undefined
} = dual(2, internal.get)

/**
 * The value of every line of a field, in order and not split at commas: Python's `HTTPMessage.get_all`.
 *
 * @since 0.1.0
 * @category getters
 */
export const getAll: {
  (name: string): (self: HttpFields) => ReadonlyArray<string>
  (self: HttpFields, name: string): ReadonlyArray<string>
} = dual(2, internal.getAll)

/**
 * Whether the list has a line of this name.
 *
 * @since 0.1.0
 * @category getters
 */
export const has: {
  (name: string): (self: HttpFields) => boolean
  (self: HttpFields, name: string): boolean
} = dual(2, internal.has)

/**
 * The lines as pairs, in order: Python's `HTTPResponse.getheaders`.
 *
 * @since 0.1.0
 * @category getters
 */
export const entries: (self: HttpFields) => ReadonlyArray<readonly [name: string, value: string]> = internal.entries

/**
 * The number of lines.
 *
 * @since 0.1.0
 * @category getters
 */
export const size = (self: HttpFields): number => self.names.length

/**
 * The list with one line of this name, in the place of the first that it had or else at the end.
 *
 * @since 0.1.0
 * @category combinators
 */
export const set: {
  (name: string, value: Value): (self: HttpFields) => HttpFields
  (self: HttpFields, name: string, value: Value): HttpFields
} = dual(3, internal.set)

/**
 * The list with one more line at its end: Python's `HTTPMessage.add_header`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const append: {
  (name: string, value: Value): (self: HttpFields) => HttpFields
  (self: HttpFields, name: string, value: Value): HttpFields
} = dual(3, internal.append)

/**
 * The list without the lines of this name.
 *
 * @since 0.1.0
 * @category combinators
 */
export const remove: {
  (name: string): (self: HttpFields) => HttpFields
  (self: HttpFields, name: string): HttpFields
} = dual(2, internal.remove)

/**
 * The lines of `self` whose names `that` does not have, then all lines of `that`: defaults, and what replaces them.
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
 * The names whose values are never printed: `authorization`, `proxy-authorization`, `cookie`, `set-cookie`, `x-api-key`.
 *
 * @since 0.1.0
 * @category redaction
 */
export const redactedNames: ReadonlyArray<string> = internal.redactedNames

/**
 * The list with `<redacted>` in place of the values of these fields, for logs and spans. Strings match without regard to
 * case; expressions are tried on the lower-cased name, as `Headers.redact` of `@effect/platform` does.
 *
 * @since 0.1.0
 * @category redaction
 */
export const redact: {
  (names: ReadonlyArray<string | RegExp>): (self: HttpFields) => HttpFields
  (self: HttpFields, names: ReadonlyArray<string | RegExp>): HttpFields
} = dual(2, internal.redact)

/**
 * The media type and its parameters, of the first line of Content-Type; `None` without one or if it names no media type.
 * A parameter that breaks the grammar is left out, and of two with one name the first counts.
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
 * The charset that Content-Type names, in lower case: Python's `HTTPMessage.get_content_charset`. `None` without one.
 *
 * @since 0.1.0
 * @category content
 */
export const contentCharset = (self: HttpFields): Option.Option<string> =>
  Option.fromNullable(internal.contentCharset(self))

/**
 * A field section that was parsed, and where it ends.
 *
 * @since 0.2.0
 * @category parsing
 */
export interface Section {
  readonly fields: HttpFields
  /** How many bytes it has, its empty line included: what follows begins there. Where there is no empty line, all of the bytes. */
  readonly length: number
  /** Whether its empty line was there. `false`: the bytes ended before, and more of them might be another field. */
  readonly complete: boolean
}

/**
 * Parses a field section as it stands on the wire, up to its empty line or the end of the bytes: `http.client.parse_headers`.
 *
 * Strict like the parser of responses, unless a leniency says otherwise. `parseSection` says besides where it ends.
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
 * Parses a field section as `parse` does, and says how many bytes it used, as Python's `parse_headers` leaves its file there.
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
  // No type has this failure, since no typed code can see it.
  const wrong = notBytes("bytes", bytes)
  if (wrong !== undefined) return Either.left(wrong as never)
  const limits = HttpLimits.make(options?.limits ?? {})
  const parsed = fieldSection.parseSection(bytes, limits, options?.leniency ?? HttpLeniency.strict)
  if ("_tag" in parsed) return Either.left(parsed)
  const { complete, length, names, values } = parsed
  return Either.right({ fields: unsafeMake(names, values), length, complete })
}
