/**
 * Digest credentials (RFC 7616) for some origins: which nonce a request uses, and what a refusal or
 * an acceptance changes.
 *
 * Rules:
 *
 * - Each origin has its nonces, which no other origin learns or changes.
 * - A nonce counts each request once, also if it was refused and is used again.
 * - A request is answered once, and a few times more if only its nonce was too old.
 * - The next request does not use a refused nonce without a challenge.
 */
import * as Effect from "effect/Effect"
import type { Origin } from "../../Origin.ts"
import { InvalidOption, UnsupportedBody } from "../error/request.ts"
import { parseParams } from "../syntax/challenges.ts"
import type { Credentials } from "./credentials.ts"
import { Handle } from "./credentials.ts"
import type { Algorithm, DigestChallenge, Qop } from "./digestChallenge.ts"
import { strongest } from "./digestChallenge.ts"
import type { Hash } from "./digestSession.ts"
import { Session } from "./digestSession.ts"
import { originsOf } from "./origins.ts"
import type { Asked, Attempts, Refusal, Scheme } from "./scheme.ts"
import type { GivenUser, User } from "./sendable.ts"
import { userOf } from "./sendable.ts"

/** The options of `Auth.digest`. */
export interface Options extends GivenUser {
  /**
   * The origins whose challenges are answered: URLs without a path, or origins. Scheme, host and
   * port must match. At least one.
   */
  readonly origins: ReadonlyArray<string | Origin>
  /** True if challenges with MD5 are answered, which many devices still send. Default: `true`. */
  readonly allowMd5?: boolean | undefined
  /**
   * True to protect bodies in memory too (`auth-int`), if the server offers a choice. Default:
   * `false`.
   */
  readonly integrity?: boolean | undefined
}

/** The source of client nonces, which only tests replace. */
export type Cnonces = () => string

const empty: Uint8Array = new Uint8Array(0)

/** The number of nonces of an origin that are kept. */
const maxSessions = 16

/**
 * How often a request is sent again because its nonce was too old. Concurrent requests may use up a
 * nonce before this one arrives. A server that calls each nonce too old must not be asked
 * indefinitely.
 */
const maxStale = 8

/**
 * Loads the module. The first challenge calls this, so that a program without digests does not load
 * it.
 */
const crypto = () => process.getBuiltinModule("node:crypto")

const names: { readonly [A in Algorithm]: string } = {
  MD5: "md5",
  "SHA-256": "sha256",
  "SHA-512-256": "sha512-256"
}

const hashOf = (algorithm: Algorithm): Hash => (bytes) => {
  const hash = crypto().createHash(names[algorithm])
  return (typeof bytes === "string" ? hash.update(bytes, "latin1") : hash.update(bytes)).digest("hex")
}

/** True unless this process forbids a hash, as FIPS forbids MD5. */
const isAvailable = (algorithm: Algorithm): boolean => {
  try {
    crypto().createHash(names[algorithm])
    return true
  } catch {
    return false
  }
}

const randomCnonce: Cnonces = () => crypto().randomBytes(16).toString("hex")

class Digest implements Scheme<never> {
  readonly #user: User
  /** The nonces of each origin, the newest first. */
  readonly #sessions: ReadonlyMap<string, Array<Session>>
  readonly #doubted = new Set<string>()
  readonly #allowMd5: boolean
  readonly integrity: boolean
  readonly #cnonces: Cnonces

  constructor(user: User, origins: ReadonlySet<string>, options: Options, cnonces: Cnonces) {
    this.#user = user
    this.#sessions = new Map(Array.from(origins, (origin) => [origin, []]))
    this.#allowMd5 = options.allowMd5 ?? true
    this.integrity = options.integrity ?? false
    this.#cnonces = cnonces
  }

  covers(origin: string | undefined): boolean {
    return origin !== undefined && this.#sessions.has(origin)
  }

  begin(asked: Asked): Effect.Effect<Attempts<never> | undefined> {
    return Effect.sync(() => {
      const { origin, target } = asked
      // The code that sends the request reports its fault.
      if (origin === undefined || target === undefined) return undefined
      return new DigestAttempts(this, asked, origin, target)
    })
  }

  /** Returns the nonce for a request without a challenge. */
  find(origin: string, target: string): Session | undefined {
    return this.#of(origin).find((session) => !session.isRefused && session.covers(target))
  }

  /** Returns the challenge to answer, if there is one. */
  choose(origin: string, lines: ReadonlyArray<string>): DigestChallenge | undefined {
    return strongest(
      lines,
      origin,
      (algorithm) => (algorithm !== "MD5" || this.#allowMd5) && isAvailable(algorithm)
    )
  }

  /**
   * Returns the nonce of a challenge, whose count continues if it is known. It is the first for
   * later requests.
   */
  adopt(origin: string, challenge: DigestChallenge): Session {
    const sessions = this.#of(origin)
    const { algorithm, isSession, nonce, realm } = challenge
    const known = sessions.find(({ challenge }) =>
      challenge.nonce === nonce && challenge.realm === realm
      && challenge.algorithm === algorithm && challenge.isSession === isSession
    )
    const session = known ?? new Session(challenge, this.#user, hashOf(algorithm), this.#cnonces)
    session.isRefused = false
    this.drop(origin, session)
    sessions.unshift(session)
    sessions.length = Math.min(sessions.length, maxSessions)
    return session
  }

  /** True the first time for an origin whose proof is wrong, so that the log has one warning. */
  doubt(origin: string): boolean {
    return this.#doubted.size < this.#doubted.add(origin).size
  }

  /**
   * Records a refused nonce. No request uses it without a challenge. It is kept for its count,
   * after those that are used.
   */
  refuse(origin: string, session: Session): void {
    const sessions = this.#of(origin)
    session.isRefused = true
    if (sessions.includes(session)) {
      this.drop(origin, session)
      sessions.push(session)
    }
  }

  drop(origin: string, session: Session): void {
    const sessions = this.#of(origin)
    const at = sessions.indexOf(session)
    if (at >= 0) sessions.splice(at, 1)
  }

  #of(origin: string): Array<Session> {
    return this.#sessions.get(origin) ?? []
  }
}

class DigestAttempts implements Attempts<never> {
  readonly #digest: Digest
  readonly #asked: Asked
  readonly #origin: string
  readonly #target: string
  #session: Session | undefined
  /** True if the nonce is not from a response to this request. */
  #unasked = true
  #stale = 0
  /** The `rspauth` of the digest that was sent last. */
  #proof: (() => string) | undefined

  constructor(digest: Digest, asked: Asked, origin: string, target: string) {
    this.#digest = digest
    this.#asked = asked
    this.#origin = origin
    this.#target = target
  }

  get next(): Effect.Effect<string | undefined, UnsupportedBody> {
    return Effect.suspend(() => {
      const { body, method } = this.#asked
      const target = this.#target
      if (this.#unasked) this.#session = this.#digest.find(this.#origin, target)
      const session = this.#session
      if (session === undefined) return Effect.succeed(undefined)
      const qop = this.#qopOf(session, body)
      if (qop === "auth-int" && body === undefined) {
        return Effect.fail(
          new UnsupportedBody({
            reason: "the server wants a digest of it (`auth-int`), and it is a stream or a form; send it from memory"
          })
        )
      }
      const { proof, value } = session.sign({ method, target, qop, body: body ?? empty })
      this.#proof = proof
      return Effect.succeed(value)
    })
  }

  /** Returns `auth` if the challenge allows it, because it needs no body. */
  #qopOf({ challenge: { qops } }: Session, body: Uint8Array | undefined): Qop | undefined {
    if (qops.length === 0) return undefined
    const integrity = this.#digest.integrity && body !== undefined && qops.includes("auth-int")
    return qops.includes("auth") && !integrity ? "auth" : "auth-int"
  }

  refused({ canRepeat, challenges, isElsewhere }: Refusal): boolean {
    // Another target needs another digest, and that alone may be why a server refuses this one.
    if (isElsewhere) return false
    const refused = this.#session
    if (refused !== undefined) this.#digest.refuse(this.#origin, refused)
    const challenge = this.#digest.choose(this.#origin, challenges)
    if (challenge === undefined) return false
    // A nonce that is too old does not mean that the password is wrong. Neither does a nonce that
    // the server has forgotten, such as after a restart.
    const mayAnswer = refused === undefined || this.#unasked || (challenge.isStale && this.#stale < maxStale)
    if (!mayAnswer) return false
    if (refused !== undefined && challenge.isStale) this.#stale++
    this.#unasked = false
    this.#session = this.#digest.adopt(this.#origin, challenge)
    return canRepeat
  }

  accepted(info: ReadonlyArray<string>): string | undefined {
    const session = this.#session
    if (session === undefined || info.length === 0) return undefined
    const params = parseParams(info)
    const nonce = params.get("nextnonce")
    // The secret of a session is made of its first nonce.
    if (nonce !== undefined && nonce !== session.challenge.nonce && !session.challenge.isSession) {
      this.#digest.drop(this.#origin, session)
      this.#digest.adopt(this.#origin, { ...session.challenge, nonce })
    }
    return this.#isProven(params) || !this.#digest.doubt(this.#origin) ? undefined : (
      `The server ${this.#origin} does not prove that it knows the password: its rspauth is wrong `
      + "(RFC 7616 section 3.5)."
    )
  }

  /** True unless the server has sent a wrong proof. A proof of a body cannot be checked here. */
  #isProven(params: ReadonlyMap<string, string>): boolean {
    const proof = params.get("rspauth")
    const expected = this.#proof
    if (proof === undefined || expected === undefined || params.get("qop")?.toLowerCase() === "auth-int") return true
    return proof.toLowerCase() === expected()
  }
}

/** Creates digest credentials. */
export const makeDigest = (
  options: Options,
  cnonces: Cnonces = randomCnonce
): Effect.Effect<Credentials<never>, InvalidOption> =>
  Effect.suspend(() => {
    const user = userOf(options)
    if (user instanceof InvalidOption) return Effect.fail(user)
    for (const option of ["allowMd5", "integrity"] as const) {
      if (options[option] !== undefined && typeof options[option] !== "boolean") {
        return Effect.fail(new InvalidOption({ option, reason: "it must be true or false" }))
      }
    }
    const origins = originsOf(options.origins)
    if (origins instanceof InvalidOption) return Effect.fail(origins)
    return Effect.succeed(new Handle(new Digest(user, origins, options, cnonces)))
  })
