/** The field Content-Range in bytes (RFC 9110 section 14.4). */

/** The part of a representation that a response has; offsets are inclusive. */
export interface ContentRange {
  /** `undefined` if the requested range was not satisfiable (416). */
  readonly part: { readonly first: number; readonly last: number } | undefined
  /** The length of the whole representation, if the server knows it. */
  readonly complete: number | undefined
}

// Fifteen digits are below 2^53.
const grammar = /^bytes (?:(\d{1,15})-(\d{1,15})|\*)\/(?:(\d{1,15})|\*)$/i

/** Returns the parsed value; `undefined` if it is no valid range of bytes. */
export const parseContentRange = (value: string): ContentRange | undefined => {
  const match = grammar.exec(value)
  if (match === null) return undefined
  const complete = match[3] === undefined ? undefined : Number(match[3])
  if (match[1] === undefined) return complete === undefined ? undefined : { part: undefined, complete }
  const part = { first: Number(match[1]), last: Number(match[2]) }
  return part.first <= part.last && (complete === undefined || part.last < complete) ? { part, complete } : undefined
}
