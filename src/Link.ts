/**
 * Links between resources: the field Link (RFC 8288), which APIs use for pages, and a 103 for the
 * resources that a page will need.
 *
 * A list of links is read as a whole from all lines of the field. A link that breaks the grammar is
 * skipped. Parsing never fails or throws, and its time is linear in the length.
 *
 * @since 0.2.0
 */
import type * as Either from "effect/Either"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import type * as HttpFields from "./HttpFields.ts"
import * as model from "./internal/model/related.ts"
import type { FieldValueError } from "./internal/syntax/fieldValueError.ts"
import * as internal from "./internal/syntax/link.ts"

/**
 * A link: its target as written, its relation types in lower case, its anchor, and its other
 * parameters by their names in lower case. `title*` is decoded (RFC 8187) and replaces `title`.
 *
 * @since 0.2.0
 * @category models
 */
export interface Link extends internal.Link {}

/**
 * A response of this library or of the platform's `HttpClient`.
 *
 * @since 0.2.0
 * @category models
 */
export type Response = model.Response

export {
  /**
   * A link that cannot be written: `reason` says why. It belongs to no exchange, so it has no
   * `context` and is no `HttpError`.
   *
   * @since 0.2.0
   * @category errors
   */
  FieldValueError
} from "./internal/syntax/fieldValueError.ts"

/**
 * Creates a link. The target may be relative to the URL of the message that will have it.
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (
  target: string,
  options: {
    /** The relation types, such as `next`: at least one. */
    readonly rel: string | ReadonlyArray<string>
    /** The resource that the link is from, if that is not the resource of the message. */
    readonly anchor?: string | undefined
    /** Other parameters, such as `title` and `type`. */
    readonly parameters?: Readonly<Record<string, string>> | undefined
  }
): Link => ({
  target,
  rel: typeof options.rel === "string" ? [options.rel] : options.rel,
  anchor: options.anchor,
  parameters: new Map(Object.entries(options.parameters ?? {}))
})

/**
 * Returns the links of a response's fields, or of an informational response such as 103, in order.
 *
 * @example
 * ```ts
 * import { HttpFields, Link } from "effect-http-client"
 *
 * const fields = HttpFields.make(
 *   ["Link", "</style.css>; rel=preload; as=style, </app.js>; rel=\"preload\"; as=script"]
 * )
 * console.log(Link.fromFields(fields).map((_) => _.target)) // [ "/style.css", "/app.js" ]
 * ```
 *
 * @since 0.2.0
 * @category parsing
 */
export const fromFields: (fields: HttpFields.HttpFields) => ReadonlyArray<Link> = model.fromFields

/**
 * Parses the value of a Link field.
 *
 * @since 0.2.0
 * @category parsing
 */
export const parse: (value: string) => ReadonlyArray<Link> = internal.parse

/**
 * Writes links as the value of one Link field.
 *
 * Characters that no URL may contain are percent-encoded. A parameter that is not ASCII is written
 * as an extended value (`title*`). Fails without a relation type, and for a relation type or a name
 * of a parameter that the grammar does not allow.
 *
 * @since 0.2.0
 * @category formatting
 */
export const format: (links: ReadonlyArray<Link>) => Either.Either<string, FieldValueError> = internal.format

/**
 * Returns the URL of a link's target, resolved against the URL of its response. `None` if either is
 * no URL. The scheme may be any: check it before you use a URL of a server that you do not trust.
 *
 * @since 0.2.0
 * @category getters
 */
export const resolve: {
  (base: string): (self: Link) => Option.Option<string>
  (self: Link, base: string): Option.Option<string>
} = dual(2, (self: Link, base: string) => Option.fromNullable(model.resolve(self.target, base)))

/**
 * Returns the absolute URL of the first link of a response that has this relation type, in any
 * case.
 *
 * Links from another resource (`anchor`) and targets that are not `http:` or `https:` do not count.
 * The URL may be of another origin. `Auth` and cookies of this library then send no credentials to
 * it, but you must not copy secret fields of your request.
 *
 * @since 0.2.0
 * @category getters
 */
export const related: {
  (rel: string): (self: Response) => Option.Option<string>
  (self: Response, rel: string): Option.Option<string>
} = dual(2, (self: Response, rel: string) => Option.fromNullable(model.related(self, rel)))

/**
 * Returns the absolute URL of the next page: `related` with `next`. `None` on the last page.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { ConnectionPool, HttpRequest, Link } from "effect-http-client"
 *
 * // The pages of a list, each requested when the one before it was consumed.
 * export const pages = Stream.paginateEffect("https://api.example.com/items", (url) =>
 *   Effect.gen(function*() {
 *     const pool = yield* ConnectionPool.ConnectionPool
 *     const response = yield* pool.execute(HttpRequest.get(url))
 *     return [yield* response.text, Link.next(response)] as const
 *   }))
 * ```
 *
 * @since 0.2.0
 * @category getters
 */
export const next = (response: Response): Option.Option<string> => related(response, "next")
