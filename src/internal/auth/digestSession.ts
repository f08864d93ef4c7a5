/**
 * A nonce of a server, and the digests that are made with it (RFC 7616 section 3.4).
 *
 * All texts are bytes, one for each character, because realm and nonce come from a field and are
 * hashed as they were sent. User and password are UTF-8.
 */
import type { DigestChallenge, Qop } from "./digestChallenge.ts"
import type { User } from "./sendable.ts"

/** Hashes bytes, to hexadecimal digits in lower case. */
export type Hash = (bytes: string | Uint8Array) => string

/** Returns the bytes of a text in UTF-8, one for each character. */
const bytesOf = (text: string): string =>
  Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("")

/** True for a text whose UTF-8 is ASCII. */
const isAscii = (bytes: string): boolean => !/[\x80-\xff]/.test(bytes)

const quoted = (text: string): string => `"${text.replace(/["\\]/g, "\\$&")}"`

/** Encodes an ext-value in UTF-8 (RFC 8187 section 3.2). */
const extended = (bytes: string): string =>
  `UTF-8''${
    bytes.replace(
      /[^A-Za-z0-9!#$&+.^_`|~-]/g,
      (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`
    )
  }`

/** The largest nonce count: eight hexadecimal digits. */
const maxCount = 0xffffffff

/** The inputs of a digest. */
export interface Digested {
  readonly method: string
  readonly target: string
  readonly qop: Qop | undefined
  /** The content, for `auth-int`. */
  readonly body: Uint8Array
}

/** The data that a server must hash to prove that it knows the password too. */
export interface Sent {
  readonly value: string
  /** The `rspauth` of a response, if that does not depend on its body. */
  readonly proof: (() => string) | undefined
}

export class Session {
  readonly challenge: DigestChallenge
  readonly #hash: Hash
  readonly #newCnonce: () => string
  /** The parameter that names the user. */
  readonly #user: string
  /** H(A1). For a session, whose cnonce must then be the first one. */
  readonly #secret: string
  /** The cnonce of a session. */
  readonly #cnonce: string | undefined
  #count = 0
  /** True if the server has refused it, and has not sent it again since. */
  isRefused = false

  constructor(challenge: DigestChallenge, { password, username }: User, hash: Hash, newCnonce: () => string) {
    this.challenge = challenge
    this.#hash = hash
    this.#newCnonce = newCnonce
    const { hashesUser, isSession, isUtf8, nonce, realm } = challenge
    const user = bytesOf(username)
    const secret = hash(`${user}:${realm}:${bytesOf(password)}`)
    this.#cnonce = isSession ? newCnonce() : undefined
    this.#secret = isSession ? hash(`${secret}:${nonce}:${this.#cnonce}`) : secret
    this.#user = hashesUser
      ? `username=${quoted(hash(`${user}:${realm}`))}`
      // A server that names no charset may be too old to know the other form.
      : isUtf8 && !isAscii(user)
      ? `username*=${extended(user)}`
      : `username=${quoted(user)}`
  }

  /** True if it may be used for a target without a challenge. */
  covers(target: string): boolean {
    const { paths } = this.challenge
    if (this.#count >= maxCount) return false
    return paths === undefined || paths.some((path) => target.startsWith(path))
  }

  /** Counts one request, and returns its value of Authorization. */
  sign({ body, method, qop, target }: Digested): Sent {
    const { hashesUser, named, nonce, opaque, realm } = this.challenge
    const hash = this.#hash
    const nc = (++this.#count).toString(16).padStart(8, "0")
    const cnonce = qop === undefined ? "" : this.#cnonce ?? this.#newCnonce()
    const middle = qop === undefined ? nonce : `${nonce}:${nc}:${cnonce}:${qop}`
    const response = (a2: string): string => hash(`${this.#secret}:${middle}:${hash(a2)}`)
    const digest = response(`${method}:${target}${qop === "auth-int" ? `:${hash(body)}` : ""}`)
    // RFC 7616 section 3.4 defines which of them are quoted.
    const params = [
      this.#user,
      `realm=${quoted(realm)}`,
      `nonce=${quoted(nonce)}`,
      `uri=${quoted(target)}`,
      `response=${quoted(digest)}`
    ]
    if (named !== undefined) params.push(`algorithm=${named}`)
    if (qop !== undefined) params.push(`qop=${qop}`, `nc=${nc}`, `cnonce=${quoted(cnonce)}`)
    if (opaque !== undefined) params.push(`opaque=${quoted(opaque)}`)
    if (hashesUser) params.push("userhash=true")
    return {
      value: `Digest ${params.join(", ")}`,
      proof: qop === "auth-int" ? undefined : () => response(`:${target}`)
    }
  }
}
