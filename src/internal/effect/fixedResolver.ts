/** A resolver with fixed answers, such as a hosts file. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import { InvalidOption, InvalidUrl } from "../error/request.ts"
import { systemError } from "../error/systemCodes.ts"
import { dnsError } from "../node/errors.ts"
import { isAddress, withoutRoot } from "../node/resolver.ts"
import { notRecord } from "../options.ts"
import { parseHost } from "../syntax/host.ts"
import type { Answer, Service } from "./resolver.ts"
import { isResolver } from "./resolver.ts"

/** Documented in `Resolver`. */
export type Names = Readonly<Record<string, string | ReadonlyArray<string>>>

const invalid = (option: string, reason: string): InvalidOption => new InvalidOption({ option, reason })

/** Returns the name in the form in which lookups have it. */
const toName = (given: string): string | InvalidOption => {
  const option = `names[${JSON.stringify(given)}]`
  const host = parseHost(given)
  if (host instanceof InvalidUrl) return invalid(option, host.reason)
  return isAddress(host) ? invalid(option, "an address is not looked up, so it cannot be a name") : withoutRoot(host)
}

const toAnswer = (name: string, given: unknown): Answer | InvalidOption => {
  const addresses: ReadonlyArray<unknown> = Array.isArray(given) ? given : [given]
  return addresses.length > 0 && addresses.every(isAddress)
    ? { addresses: [...addresses] }
    : invalid(
      `names[${JSON.stringify(name)}]`,
      "it must be an IPv4 or IPv6 address without brackets, or a list of at least one"
    )
}

export const fixed = (names: Names, fallback?: Service): Either.Either<Service, InvalidOption> => {
  if (!Predicate.isRecord(names)) return Either.left(invalid("names", "it must be a record of addresses by name"))
  const wrong = notRecord("names", names)
  if (wrong !== undefined) return Either.left(wrong)
  if (fallback !== undefined && !isResolver(fallback)) {
    return Either.left(invalid("fallback", "it must have a function `lookup`"))
  }
  const answers = new Map<string, Answer>()
  for (const [given, addresses] of Object.entries(names)) {
    const name = toName(given)
    if (name instanceof InvalidOption) return Either.left(name)
    const answer = toAnswer(given, addresses)
    if (answer instanceof InvalidOption) return Either.left(answer)
    if (answers.has(name)) return Either.left(invalid(`names[${JSON.stringify(given)}]`, "the name is there twice"))
    answers.set(name, answer)
  }
  const unknown = fallback
    ?? { lookup: (name) => Effect.fail(dnsError(name, systemError("ENOTFOUND", "The name is not in the record"))) }
  return Either.right({
    lookup: (name) => {
      const answer = answers.get(withoutRoot(name))
      return answer === undefined ? unknown.lookup(name) : Effect.succeed(answer)
    }
  })
}
