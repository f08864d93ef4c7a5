/**
 * Parses and writes Link values (RFC 8288 section 3). A link that breaks the grammar is skipped,
 * and the others are kept.
 */
import * as Either from "effect/Either"
import { attempted, FieldValueError } from "./fieldValueError.ts"
import type { Parameter } from "./parameters.ts"
import { byName, isName, quote, quotedString, readParameters, skipSpace, without, written } from "./parameters.ts"

/** A link from one resource to another. */
export interface Link {
  /** The target as written: a URL or a reference relative to the URL of the response. */
  readonly target: string
  /** The relation types in lower case, such as `next`. Empty if the sender sent none. */
  readonly rel: ReadonlyArray<string>
  /**
   * The resource that the link is from, if that is not the resource of the response. As written.
   */
  readonly anchor: string | undefined
  /**
   * All other parameters, by their names in lower case, such as `title`, `type`, `as`. Of several
   * with one name the first counts. `title*` is decoded (RFC 8187) and has replaced `title`.
   */
  readonly parameters: ReadonlyMap<string, string>
}

/** Splits relation types at white space. */
const relationsOf = (rel: string): ReadonlyArray<string> =>
  rel.split(/[ \t]/).filter((type) => type !== "").map((type) => type.toLowerCase())

/**
 * The parameters that are separate fields of a `Link`, or ignored. `rev` is obsolete (section 3.3).
 */
const ownNames = ["rel", "anchor", "rev"]

const linkOf = (target: string, parameters: ReadonlyArray<Parameter>): Link => {
  const named = byName(parameters)
  return {
    target,
    rel: relationsOf(named.plain.get("rel") ?? ""),
    anchor: named.plain.get("anchor"),
    parameters: without(named, ownNames)
  }
}

/**
 * Returns the index of the comma that ends an invalid link, or the length. Commas in quotes and in
 * a target do not end it.
 */
const endOfBroken = (value: string, from: number): number => {
  let at = from
  while (at < value.length) {
    const code = value.charCodeAt(at)
    if (code === 0x2c) return at
    if (code === 0x22) at = quotedString(value, at).end
    else if (code === 0x3c) {
      const close = value.indexOf(">", at)
      if (close < 0) return value.length
      at = close + 1
    } else at++
  }
  return at
}

/** Parses the links of a value. */
export const parse = (value: string): ReadonlyArray<Link> => {
  const links: Array<Link> = []
  if (typeof value !== "string") return links
  let at = 0
  while (at < value.length) {
    at = skipSpace(value, at)
    const close = value.charCodeAt(at) === 0x3c ? value.indexOf(">", at) : -1
    if (close < 0) at = endOfBroken(value, at)
    else {
      const { end, parameters } = readParameters(value, close + 1, true)
      links.push(linkOf(value.slice(at + 1, close).trim(), parameters))
      at = end
    }
    at++ // the comma
  }
  return links
}

/** Percent-encodes characters that no URI may contain, as the parser of URLs does. */
const uri = (text: string): string =>
  text.replace(/\p{Surrogate}/gu, "\ufffd").replace(/[^!#-;=?-[\]_a-z~]+/g, encodeURIComponent)

const failure = (reason: string): Either.Either<never, FieldValueError> => Either.left(new FieldValueError({ reason }))

/**
 * Characters that a `rel` may not contain, because it is separated by spaces and written in quotes.
 */
const refusedInRelation = /[^\x21\x23-\x5b\x5d-\x7e]/

const linksWritten = (links: ReadonlyArray<Link>): Either.Either<string, FieldValueError> => {
  const values: Array<string> = []
  for (const { anchor, parameters, rel, target } of links) {
    if (rel.length === 0) return failure("a link needs at least one relation type")
    if (rel.some((type) => type === "" || refusedInRelation.test(type))) {
      return failure("a relation type is a name or a URI, without spaces and quotes")
    }
    let value = `<${uri(target)}>; rel=${quote(rel.join(" "))}`
    if (anchor !== undefined) value += `; anchor=${quote(uri(anchor))}`
    for (const parameter of parameters) {
      const [name] = parameter
      if (!isName(name)) {
        return failure("the name of a parameter is a token without *")
      }
      if (ownNames.includes(name.toLowerCase())) {
        return failure("`rel` and `anchor` are properties of a link and no parameters, and `rev` is obsolete")
      }
      value += written(parameter)
    }
    values.push(value)
  }
  return Either.right(values.join(", "))
}

/** Writes links as one value. */
export const format = (links: ReadonlyArray<Link>): Either.Either<string, FieldValueError> =>
  attempted(() => linksWritten(links))
