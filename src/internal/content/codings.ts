/**
 * What is decoded and what is not (RFC 9110 sections 8.4 and 12.5.3). Decides only: knows neither
 * zlib nor responses.
 */
import { listElements } from "../syntax/token.ts"

/** The codings that Node can undo; `zstd` only in newer versions of it. */
export type Coding = "gzip" | "deflate" | "br" | "zstd"

/**
 * How many codings one after the other are undone. Each costs memory and time that the server, not
 * we, decides on; five is what curl, urllib3 and undici allow.
 */
export const maxCodings = 5

/** What to do with a body: leave it as it came, undo these codings in this order, or refuse. */
export type Verdict =
  | { readonly _tag: "Passthrough" }
  | { readonly _tag: "Decode"; readonly codings: ReadonlyArray<Coding> }
  | { readonly _tag: "TooMany"; readonly count: number }

const passthrough: Verdict = { _tag: "Passthrough" }

/** What the rules need to know of a response. */
export interface Received {
  readonly method: string
  readonly status: number
  /** All Content-Encoding lines, joined by commas. */
  readonly contentEncoding: string | undefined
}

/**
 * Whether the response has content that is encoded as a whole. Without content the fields speak of
 * what a GET would have given (RFC 9110 sections 8.6, 9.3.2 and 15.4.5) and stay as they are; a
 * part (206) of an encoded representation cannot be decoded alone (section 14).
 */
const hasWholeContent = ({ method, status }: Received): boolean =>
  method !== "HEAD" && status >= 200 && status !== 204 && status !== 206 && status !== 304

/**
 * Names that mean another (RFC 9110 sections 8.4.1.1 and 8.4.1.3). Node has no decoder for
 * `compress`.
 */
const aliases: ReadonlyMap<string, string> = new Map([["x-gzip", "gzip"], ["x-compress", "compress"]])

/**
 * Decides on a response. `known` are the codings that may be undone.
 *
 * One coding that is not known, wherever in the list, leaves everything as it came, with its
 * fields: what would be left after undoing the others is as unreadable, and its Content-Encoding
 * would have to be invented. Empty members are no members (section 5.6.1.2), and `identity` is none
 * either, although it must not be sent (section 8.4.1). Neither costs anything to undo, so neither
 * counts.
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
    // Beyond the limit they are counted only.
    if (++count <= maxCodings) codings.push(coding)
  }
  if (count > maxCodings) return { _tag: "TooMany", count }
  // They are listed in the order in which they were applied (section 8.4).
  return count === 0 ? passthrough : { _tag: "Decode", codings: codings.reverse() }
}

const isKnown = (coding: string, known: ReadonlySet<string>): coding is Coding => known.has(coding)

/**
 * The value of Accept-Encoding. For no coding at all it is `identity`, because without the field a
 * server may choose any coding (RFC 9110 section 12.5.3). So it is for a request for a range: the
 * bytes of a range of the encoded representation could not be decoded, and the Fetch standard asks
 * for the same.
 */
export const acceptEncoding = (codings: ReadonlyArray<string>, hasRange: boolean): string =>
  hasRange || codings.length === 0 ? "identity" : codings.join(", ")
