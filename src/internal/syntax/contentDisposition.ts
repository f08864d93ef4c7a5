/**
 * Parses and writes Content-Disposition (RFC 6266). Values that break the grammar are read as
 * browsers read them.
 */
import * as Either from "effect/Either"
import * as extendedValue from "./extendedValue.ts"
import { attempted, FieldValueError } from "./fieldValueError.ts"
import { byName, isName, quote, readParameters, without, written } from "./parameters.ts"
import { invalidTokenAt, trimSpace } from "./token.ts"

/** How to handle the content, and the name of its file. */
export interface ContentDisposition {
  /** In lower case: `attachment`, `inline`, or another one, which means `attachment`. */
  readonly type: string
  /** As sent: it may contain a path or anything else. `undefined` if it is missing or empty. */
  readonly fileName: string | undefined
  /** All other parameters, by their names in lower case. Extended ones are decoded. */
  readonly parameters: ReadonlyMap<string, string>
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/**
 * Decodes bytes of UTF-8 that a server has sent unencoded. Field values are read as ISO-8859-1; a
 * text that is not UTF-8 stays unchanged.
 */
const asUtf8 = (text: string): string => {
  if (!/[\x80-\xff]/.test(text) || /[\u0100-\uffff]/.test(text)) return text
  try {
    return utf8.decode(Buffer.from(text, "latin1"))
  } catch {
    return text
  }
}

/**
 * Parses a value; `undefined` if it has no type. A value that begins with a parameter has lost its
 * type, and is an attachment, as are all unknown types.
 */
export const parse = (value: string): ContentDisposition | undefined => {
  if (typeof value !== "string") return undefined
  const semicolon = value.indexOf(";")
  const first = trimSpace(value, 0, semicolon < 0 ? value.length : semicolon)
  const equals = first.indexOf("=")
  const isParameter = equals > 0 && invalidTokenAt(trimSpace(first, 0, equals)) < 0
  if (!isParameter && invalidTokenAt(first) >= 0) return undefined
  const { parameters } = isParameter
    ? readParameters(`;${value}`, 0, false)
    : readParameters(value, first.length, false)
  const named = byName(parameters)
  const plain = named.plain.get("filename")
  // An empty name counts as missing.
  const fileName = named.extended.get("filename") || (plain && asUtf8(plain)) || undefined
  return {
    type: isParameter ? "attachment" : first.toLowerCase(),
    fileName,
    parameters: without(named, ["filename"])
  }
}

/**
 * Returns a name for recipients that do not know `filename*`, with `_` for characters that they
 * would read in different ways (RFC 6266 appendix D).
 */
const plainName = (name: string): string =>
  name.normalize("NFD").replace(/\p{Mark}/gu, "").replace(/[^\x20-\x7e]|["\\%]/gu, "_")

const failure = (reason: string): Either.Either<never, FieldValueError> => Either.left(new FieldValueError({ reason }))

const dispositionWritten = (self: ContentDisposition): Either.Either<string, FieldValueError> => {
  const { fileName, parameters, type } = self
  if (invalidTokenAt(type) >= 0) return failure("the type is a token, such as attachment")
  let value = type
  if (fileName !== undefined && fileName !== "") {
    const plain = plainName(fileName)
    value += `; filename=${quote(plain)}`
    if (plain !== fileName) value += `; filename*=${extendedValue.encode(fileName)}`
  }
  for (const parameter of parameters) {
    const [name] = parameter
    if (!isName(name)) return failure("the name of a parameter is a token without a star at its end")
    if (name.toLowerCase() === "filename") return failure("`fileName` is a property and no parameter")
    value += written(parameter)
  }
  return Either.right(value)
}

/** Writes a value. */
export const format = (self: ContentDisposition): Either.Either<string, FieldValueError> =>
  attempted(() => dispositionWritten(self))
