/** Checks the texts of credentials before anything is sent. No reason repeats them. */
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import { InvalidOption } from "../error/request.ts"
import { notRecord } from "../options.ts"

/** A user name and a password, in the form in which they are compared (RFC 7617 section 2.1). */
export interface User {
  readonly username: string
  readonly password: string
}

/** User name and password as callers pass them. */
export interface GivenUser {
  /** Without control characters; for Basic, without a colon. Sent as UTF-8, in the form NFC. */
  readonly username: string
  /** Without control characters. May be empty. */
  readonly password: Redacted.Redacted
}

/**
 * True for text that a field value can contain. RFC 6750 section 2.1 allows fewer characters, and
 * there are services whose tokens have others, such as `|`.
 */
export const isSendable = (token: unknown): token is string => typeof token === "string" && /^[!-~]+$/.test(token)

/** The fault of a token that cannot be sent. */
export const wrongToken = "it must be a `Redacted` text of printable ASCII characters without spaces, at least one"

const invalid = (option: string, reason: string): InvalidOption => new InvalidOption({ option, reason })

/**
 * True if a server can read the text correctly: RFC 7617 section 2 allows no control characters,
 * and UTF-8 has no half pairs.
 */
const isReadable = (text: unknown): text is string => typeof text === "string" && !/[\p{Cc}\p{Surrogate}]/u.test(text)

/** Returns a redacted value; `undefined` if it is not one, or was wiped. */
export const revealed = (given: unknown): unknown =>
  Redacted.isRedacted(given)
    ? Either.getOrUndefined(Either.try(() => Redacted.value(given)))
    : undefined

/** Checks a user name and a password. */
export const userOf = (given: GivenUser): User | InvalidOption => {
  const unusable = notRecord("options", given ?? null)
  if (unusable !== undefined) return unusable
  const { username } = given
  if (!isReadable(username)) return invalid("username", "it must be a string without control characters")
  const password = revealed(given.password)
  return isReadable(password)
    ? { username: username.normalize("NFC"), password: password.normalize("NFC") }
    : invalid("password", "it must be a `Redacted` string without control characters, such as `Redacted.make(text)`")
}
