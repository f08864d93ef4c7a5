/**
 * The field Content-Disposition (RFC 6266): whether content is to be saved, and under which name.
 *
 * The server chooses the name, and it may be a path. Before you join it to a folder, use
 * `safeFileName`; `fileName(response)` does it for you. Parsing never throws, and its time is
 * linear in the length. The header of the same name in a multipart body has another grammar.
 *
 * @since 0.2.0
 */
import type * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as HttpFields from "./HttpFields.ts"
import * as model from "./internal/model/fileName.ts"
import type { Response } from "./internal/model/related.ts"
import * as internal from "./internal/syntax/contentDisposition.ts"
import type { FieldValueError } from "./internal/syntax/fieldValueError.ts"
import * as names from "./internal/syntax/fileName.ts"

export {
  /**
   * A value that cannot be written: `reason` says why. It belongs to no exchange, so it has no
   * `context` and is no `HttpError`.
   *
   * @since 0.2.0
   * @category errors
   */
  FieldValueError
} from "./internal/syntax/fieldValueError.ts"

/**
 * A parsed value: its type in lower case, the name of the file as sent, and all other parameters by
 * their names in lower case. Types other than `inline` mean `attachment` (RFC 6266 section 4.2).
 *
 * @since 0.2.0
 * @category models
 */
export interface ContentDisposition extends internal.ContentDisposition {}

/**
 * Creates a value.
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (
  type: "attachment" | "inline" | (string & {}),
  options: {
    /** The name of the file, in any script. */
    readonly fileName?: string | undefined
    /** Other parameters. */
    readonly parameters?: Readonly<Record<string, string>> | undefined
  } = {}
): ContentDisposition => ({
  type,
  fileName: options.fileName,
  parameters: new Map(Object.entries(options.parameters ?? {}))
})

/**
 * Parses a value. `None` if it has no type and does not begin with a parameter.
 *
 * `filename*` (RFC 8187, UTF-8 or ISO-8859-1) takes precedence over `filename`, and is ignored if
 * it is invalid. The rest is as in browsers: UTF-8 bytes in `filename` are decoded. A value without
 * quotes may have spaces, and a value without a type is an attachment. Percent signs in `filename`
 * mean themselves.
 *
 * @example
 * ```ts
 * import { ContentDisposition } from "effect-http-client"
 * import { Option } from "effect"
 *
 * const value = "attachment; filename=\"EUR rates\"; filename*=UTF-8''%e2%82%ac%20rates"
 * console.log(Option.map(ContentDisposition.parse(value), (_) => _.fileName)) // Some("€ rates")
 * ```
 *
 * @since 0.2.0
 * @category parsing
 */
export const parse = (value: string): Option.Option<ContentDisposition> => Option.fromNullable(internal.parse(value))

/**
 * Parses the first Content-Disposition line of a list of fields.
 *
 * @since 0.2.0
 * @category getters
 */
export const get = (fields: HttpFields.HttpFields): Option.Option<ContentDisposition> =>
  Option.flatMap(Option.fromNullable(HttpFields.getAll(fields, "content-disposition")[0]), parse)

/**
 * Returns a safe name under which to save the content of a response: the name in
 * Content-Disposition, else the end of the URL's path. `None` if neither is a name. For responses
 * of this library and of the platform's `HttpClient`.
 *
 * @since 0.2.0
 * @category getters
 */
export const fileName = (response: Response): Option.Option<string> => Option.fromNullable(model.fileNameOf(response))

/**
 * Returns a name that can be joined to a folder on any system. `None` if nothing is left.
 *
 * Folders before the name are cut off (`/` and `\`). Control characters and invisible ones, spaces
 * and dots at its end are removed. `<>:"|?*` and the dot of a hidden file become `_`. A name of a
 * device on Windows, such as `NUL.txt`, gets a `_` before it. The result has at most 255 bytes of
 * UTF-8; its extension is kept.
 *
 * It does not check whether a file with that name exists, or whether its extension fits its
 * content.
 *
 * @example
 * ```ts
 * import { ContentDisposition } from "effect-http-client"
 *
 * console.log(ContentDisposition.safeFileName("../../etc/passwd")) // Some("passwd")
 * console.log(ContentDisposition.safeFileName("..")) // None
 * ```
 *
 * @since 0.2.0
 * @category file names
 */
export const safeFileName = (name: string): Option.Option<string> => Option.fromNullable(names.safeFileName(name))

/**
 * Writes a value. A name that is not plain ASCII is written twice: as `filename*`, and for old
 * recipients as `filename`. There `_` replaces characters that they cannot read. Fails if the type
 * or the name of a parameter is not a token.
 *
 * @since 0.2.0
 * @category formatting
 */
export const format: (self: ContentDisposition) => Either.Either<string, FieldValueError> = internal.format
