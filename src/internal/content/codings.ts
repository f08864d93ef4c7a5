/**
 * Decides which codings of a body are decoded (RFC 9110 sections 8.4 and 12.5.3). Knows neither
 * zlib nor responses.
 */
import { listElements } from "../syntax/token.ts"

/** The codings that Node can decode; `zstd` only in newer versions. */
export type Coding = "gzip" | "deflate" | "br" | "zstd"

/**
 * The maximum number of codings of one body. The server decides how much memory and time each
 * costs. curl, urllib3 and undici allow five too.
 */
export const maxCodings = 5

/**
 * What to do with a body: pass it through unchanged, decode these codings in this order, or refuse.
 */
export type Verdict =
  | { readonly _tag: "Passthrough" }
  | { readonly _tag: "Decode"; readonly codings: ReadonlyArray<Coding> }
  | { readonly _tag: "TooMany"; readonly count: number }

const passthrough: Verdict = { _tag: "Passthrough" }

/** The parts of a response that the rules need. */
export interface Received {
  readonly method: string
  readonly status: number
  /** All Content-Encoding lines, joined by commas. */
  readonly contentEncoding: string | undefined
}

/**
 * True if the response has content that is encoded as a whole. Without content the fields describe
 * the response to a GET (RFC 9110 sections 8.6, 9.3.2 and 15.4.5), and stay unchanged. A part (206)
 * of an encoded representation cannot be decoded separately (section 14).
 */
const hasWholeContent = ({ method, status }: Received): boolean =>
  method !== "HEAD" && status >= 200 && status !== 204 && status !== 206 && status !== 304

/** Aliases (RFC 9110 sections 8.4.1.1 and 8.4.1.3). Node has no decoder for `compress`. */
const aliases: ReadonlyMap<string, string> = new Map([["x-gzip", "gzip"], ["x-compress", "compress"]])

/**
 * Decides on a response; `known` are the codings that may be decoded.
 *
 * One unknown coding, anywhere in the list, leaves the body and its fields unchanged. The result of
 * decoding the others would be as unreadable, and its Content-Encoding would have to be invented.
 *
 * Empty members are ignored (section 5.6.1.2). `identity` is ignored too, although it must not be
 * sent (section 8.4.1). Neither costs anything to decode, so neither counts.
 */
export const decideDecoding = (received: Received, known: ReadonlySet<string>): Verdict => {
  const value = received.contentEncoding
  if (value === undefined || !hasWholeContent(received)) return passthrough
  const codings: Array<Coding> = []
  let count = 0
  for (const element of listElements(value)) {
    const name = element.toLowerCase()
    if (name === "identity") continue
    const coding = aliases.get(name) ?? name
    if (!isKnown(coding, known)) return passthrough
    // Codings beyond the limit are only counted.
    if (++count <= maxCodings) codings.push(coding)
  }
  if (count > maxCodings) return { _tag: "TooMany", count }
  // They are listed in the order in which they were applied (section 8.4).
  return count === 0 ? passthrough : { _tag: "Decode", codings: codings.reverse() }
}

const isKnown = (coding: string, known: ReadonlySet<string>): coding is Coding => known.has(coding)

/**
 * Returns the value of Accept-Encoding. Without codings it is `identity`, because without the field
 * a server may choose any coding (RFC 9110 section 12.5.3). A request for a range sends `identity`
 * too: a range of an encoded representation could not be decoded. The Fetch standard requires the
 * same.
 */
export const acceptEncoding = (codings: ReadonlyArray<string>, hasRange: boolean): string =>
  hasRange || codings.length === 0 ? "identity" : codings.join(", ")
