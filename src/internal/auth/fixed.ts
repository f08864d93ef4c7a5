/**
 * Credentials that are the same for each request: Basic (RFC 7617) and a bearer token (RFC 6750).
 * They are checked once, when they are made. If a server refuses them, its response is returned.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Redacted from "effect/Redacted"
import type { HttpRequest } from "../../HttpRequest.ts"
import { setHeader } from "../../HttpRequest.ts"
import type { Origin } from "../../Origin.ts"
import { InvalidOption } from "../error/request.ts"
import { notRecord } from "../options.ts"
import type { Credentials } from "./credentials.ts"
import { Handle } from "./credentials.ts"
import { originsOf } from "./origins.ts"
import type { Attempts, Scheme } from "./scheme.ts"
import type { GivenUser } from "./sendable.ts"
import { isSendable, revealed, userOf, wrongToken } from "./sendable.ts"

/** The origins to which the credentials are sent. */
interface Where {
  /**
   * The origins whose requests get the credentials: URLs without a path, or origins. Scheme, host
   * and port must match. At least one.
   */
  readonly origins: ReadonlyArray<string | Origin>
}

/** The options of `Auth.basic`. */
export interface BasicOptions extends GivenUser, Where {}

/** The options of `Auth.bearer`. */
export interface BearerOptions extends Where {
  /** Printable ASCII characters without spaces. */
  readonly token: Redacted.Redacted
}

class Fixed implements Scheme<never> {
  readonly #origins: ReadonlySet<string>
  readonly #attempts: Effect.Effect<Attempts<never>>

  constructor(origins: ReadonlySet<string>, value: string) {
    this.#origins = origins
    this.#attempts = Effect.succeed({ next: Effect.succeed(value), refused: () => false, accepted: () => undefined })
  }

  covers(origin: string | undefined): boolean {
    return origin !== undefined && this.#origins.has(origin)
  }

  begin(): Effect.Effect<Attempts<never>> {
    return this.#attempts
  }
}

/** Returns the value of Authorization for Basic. */
const basicOf = (given: GivenUser): string | InvalidOption => {
  const user = userOf(given)
  if (user instanceof InvalidOption) return user
  // A server would read the rest as the beginning of the password (RFC 7617 section 2).
  return user.username.includes(":")
    ? new InvalidOption({ option: "username", reason: "it has a colon, which Basic cannot send" })
    : `Basic ${Buffer.from(`${user.username}:${user.password}`).toString("base64")}`
}

const bearerOf = (given: unknown): string | InvalidOption => {
  const token = revealed(given)
  return isSendable(token) ? `Bearer ${token}` : new InvalidOption({ option: "token", reason: wrongToken })
}

const fixed = (where: Where, value: string | InvalidOption): Either.Either<Credentials<never>, InvalidOption> => {
  if (value instanceof InvalidOption) return Either.left(value)
  const origins = originsOf(where.origins)
  return origins instanceof InvalidOption ? Either.left(origins) : Either.right(new Handle(new Fixed(origins, value)))
}

export const basic = (options: BasicOptions): Either.Either<Credentials<never>, InvalidOption> =>
  fixed(options, basicOf(options))

export const bearer = (options: BearerOptions): Either.Either<Credentials<never>, InvalidOption> => {
  const unusable = notRecord("options", options ?? null)
  return unusable === undefined ? fixed(options, bearerOf(options.token)) : Either.left(unusable)
}

const withValue = <E>(request: HttpRequest<E>, value: string | InvalidOption): HttpRequest<E> =>
  typeof value === "string"
    ? setHeader(request, "Authorization", value)
    // Sending it fails, unless it already had a fault.
    : Object.assign(setHeader(request, "Authorization", ""), { invalid: request.invalid ?? value })

export const setBasic = <E>(request: HttpRequest<E>, user: GivenUser): HttpRequest<E> =>
  withValue(request, basicOf(user))

export const setBearer = <E>(request: HttpRequest<E>, token: Redacted.Redacted): HttpRequest<E> =>
  withValue(request, bearerOf(token))
