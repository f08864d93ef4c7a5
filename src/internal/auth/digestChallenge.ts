/**
 * Reads and chooses challenges of the Digest scheme (RFC 7616 section 3.3, RFC 2069 without `qop`).
 *
 * A challenge that cannot be answered is ignored: without a realm or a nonce, or with only an
 * unknown algorithm or unknown qops.
 */
import { format, fromUrl } from "../model/origin.ts"
import { parseChallenges } from "../syntax/challenges.ts"
import { listElements } from "../syntax/token.ts"

/** The hash functions, the weakest first. */
export const algorithms = ["MD5", "SHA-256", "SHA-512-256"] as const

export type Algorithm = (typeof algorithms)[number]

/** The part of a message that a digest protects: the head alone, or the body too. */
export type Qop = "auth" | "auth-int"

/** A challenge that can be answered. Texts are bytes, one for each character. */
export interface DigestChallenge {
  readonly realm: string
  readonly nonce: string
  readonly opaque: string | undefined
  readonly algorithm: Algorithm
  /** The algorithm as the server spells it; `undefined` if it names none. */
  readonly named: string | undefined
  /** True if the user is hashed with the nonces, as algorithms that end in `-sess` require. */
  readonly isSession: boolean
  /** Empty without a `qop`. */
  readonly qops: ReadonlyArray<Qop>
  /** True if only the nonce was refused. */
  readonly isStale: boolean
  readonly hashesUser: boolean
  readonly isUtf8: boolean
  /**
   * The beginnings of the targets that the challenge is for; `undefined` for all targets of the
   * origin.
   */
  readonly paths: ReadonlyArray<string> | undefined
}

const isTrue = (text: string | undefined): boolean => text?.toLowerCase() === "true"

const isQop = (text: string): text is Qop => text === "auth" || text === "auth-int"

/**
 * Returns the space-separated URIs of `domain` that are on this origin. No other origin gets
 * credentials.
 */
const pathsOf = (domain: string | undefined, origin: string): ReadonlyArray<string> | undefined => {
  const uris = domain?.split(" ").filter((uri) => uri !== "") ?? []
  if (uris.length === 0) return undefined
  return uris.flatMap((uri) => {
    if (uri.startsWith("/")) return uri.startsWith("//") ? [] : [uri]
    const parsed = fromUrl(uri, undefined)
    return "_tag" in parsed || format(parsed.origin) !== origin ? [] : [parsed.target]
  })
}

const read = (params: ReadonlyMap<string, string>, origin: string): DigestChallenge | undefined => {
  const realm = params.get("realm")
  const nonce = params.get("nonce")
  const named = params.get("algorithm")
  const written = (named ?? "MD5").toUpperCase()
  const isSession = written.endsWith("-SESS")
  const algorithm = algorithms.find((known) => known === (isSession ? written.slice(0, -5) : written))
  const offered = listElements(params.get("qop") ?? "").map((qop) => qop.toLowerCase())
  const qops = offered.filter(isQop)
  if (realm === undefined || nonce === undefined || algorithm === undefined) return undefined
  // Without a qop there is no cnonce, which a session needs.
  if (qops.length === 0 && (offered.length > 0 || isSession)) return undefined
  return {
    realm,
    nonce,
    opaque: params.get("opaque"),
    algorithm,
    named,
    isSession,
    qops,
    isStale: isTrue(params.get("stale")),
    hashesUser: isTrue(params.get("userhash")),
    isUtf8: params.get("charset")?.toLowerCase() === "utf-8",
    paths: pathsOf(params.get("domain"), origin)
  }
}

/**
 * Returns the challenge with the strongest algorithm; of several the first, which the server
 * prefers (RFC 7616 section 3.7). `undefined` if none can be answered.
 */
export const strongest = (
  lines: ReadonlyArray<string>,
  origin: string,
  accepts: (algorithm: Algorithm) => boolean
): DigestChallenge | undefined => {
  let best: DigestChallenge | undefined
  for (const { params, scheme } of parseChallenges(lines)) {
    const challenge = scheme === "digest" ? read(params, origin) : undefined
    if (challenge === undefined || !accepts(challenge.algorithm)) continue
    if (best === undefined || algorithms.indexOf(challenge.algorithm) > algorithms.indexOf(best.algorithm)) {
      best = challenge
    }
  }
  return best
}
