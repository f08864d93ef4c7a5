/** Checks options that no type may have checked. */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import { InvalidOption } from "../error/request.ts"
import { notRecord } from "../options.ts"
import type { Settings } from "./played.ts"
import { defaultMaxBytes } from "./recorder.ts"
import { type Redact, Secrets } from "./secrets.ts"

/** Documented in `Cassette`. */
export interface RecordOptions {
  readonly redact?: Redact | undefined
  readonly maxBytes?: number | undefined
}

/** Documented in `Cassette`. */
export interface PlayOptions extends Settings {
  readonly redact?: Redact | undefined
}

/** Documented in `Cassette`. */
export type Mode = "auto" | "record" | "replay"

const invalid = (option: string, reason: string): InvalidOption => new InvalidOption({ option, reason })

const notNames = (option: string, names: unknown): InvalidOption | undefined =>
  names === undefined
    || (Array.isArray(names) && names.every((name) => typeof name === "string" || name instanceof RegExp))
    ? undefined
    : invalid(option, "it must be a list of texts and regular expressions")

const notFunction = (option: string, value: unknown): InvalidOption | undefined =>
  value === undefined || typeof value === "function" ? undefined : invalid(option, "it must be a function")

const notRedact = (redact: Redact | undefined): InvalidOption | undefined =>
  notRecord("redact", redact)
    ?? notNames("redact.fields", redact?.fields)
    ?? notNames("redact.names", redact?.names)
    ?? notFunction("redact.replace", redact?.replace)

const notOneOf = (option: string, value: unknown, values: ReadonlyArray<unknown>): InvalidOption | undefined =>
  value === undefined || values.includes(value)
    ? undefined
    : invalid(option, `it must be ${values.map((each) => JSON.stringify(each)).join(" or ")}`)

/** Returns the error if the value is not a transport. */
export const notTransport = (transport: unknown): InvalidOption | undefined =>
  Predicate.isRecord(transport) && typeof transport["open"] === "function" && typeof transport["secure"] === "function"
    ? undefined
    : invalid("transport", "it must be a `Transport.Service`, such as `NodeTransport.transport`")

/**
 * Returns the error if the value is not a cassette, or one of a version that this code does not
 * know.
 */
export const notCassette = (cassette: unknown): InvalidOption | undefined =>
  Predicate.isRecord(cassette) && cassette["version"] === 1 && Array.isArray(cassette["connections"])
    ? undefined
    : invalid("cassette", "it must be what `Cassette.read` or a recording returns")

/** Returns the secrets: the names that are always secret, and those of the options. */
export const secretsOf = (
  names: ReadonlyArray<string | RegExp>,
  options: RecordOptions | PlayOptions = {}
): Either.Either<Secrets, InvalidOption> => {
  const wrong = notRecord("options", options) ?? notRedact(options.redact)
  return wrong === undefined ? Either.right(new Secrets(names, options.redact ?? {})) : Either.left(wrong)
}

export const maxBytesOf = ({ maxBytes }: RecordOptions = {}): Either.Either<number, InvalidOption> =>
  maxBytes === undefined || (typeof maxBytes === "number" && maxBytes > 0)
    ? Either.right(maxBytes ?? defaultMaxBytes)
    : Either.left(invalid("maxBytes", "it must be a positive number of bytes"))

export const checkPlay = (options: PlayOptions = {}): Either.Either<Settings, InvalidOption> => {
  const { body, ignoreFields, match, times } = options
  const wrong = notOneOf("match", match, ["connection", "request"])
    ?? notOneOf("times", times, [true, false])
    ?? notNames("ignoreFields", ignoreFields)
    ?? (typeof body === "function" ? undefined : notOneOf("body", body, [true, false]))
  return wrong === undefined ? Either.right({ body, ignoreFields, match, times }) : Either.left(wrong)
}

export const modeOf = (mode: unknown): Either.Either<Mode, InvalidOption> => {
  const wrong = notOneOf("mode", mode, ["auto", "record", "replay"])
  return wrong === undefined ? Either.right((mode as Mode | undefined) ?? "auto") : Either.left(wrong)
}
