/** The errors of opening a channel as plain data, and back. */
import * as Cause from "effect/Cause"
import * as Option from "effect/Option"
import { AddressRefused, ConnectError, DnsError, HttpTimeout, TlsError } from "../../HttpError.ts"
import type { Opening, Refusal } from "./model.ts"

export type Failed = AddressRefused | ConnectError | DnsError | HttpTimeout | TlsError

const classes = { AddressRefused, ConnectError, DnsError, HttpTimeout, TlsError }

/** Returns the texts, numbers and lists in a record, without `undefined`, causes and contexts. */
const plain = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).filter(([key, item]) =>
      key !== "_tag" && key !== "context" && key !== "cause" && key !== "partial" && item !== undefined
      && typeof item !== "symbol"
    ).map(([key, item]) => [key, plain(item)])
  )
}

/** Returns how an opening failed. An opening that was interrupted, or died, has not ended. */
export const refusalOf = (cause: Cause.Cause<Failed>, at: number): Opening => {
  const error = Option.getOrUndefined(Cause.failureOption(cause))
  if (error === undefined || !(error._tag in classes)) return { _tag: "Unfinished" }
  const refusal: Refusal = { error: error._tag, fields: plain(error) as Readonly<Record<string, unknown>> }
  return { _tag: "Refused", at, refusal }
}

const systemError = (code: unknown): Error => Object.assign(new Error(`${String(code)} (recorded)`), { code })

/** Creates the error again. Its cause is a system error with its code, so that it counts as one. */
export const errorOf = ({ error, fields }: Refusal): Failed => {
  const Class = classes[error] as unknown as new(fields: object) => Failed
  const { attempts, code } = fields
  return new Class({
    ...fields,
    ...(Array.isArray(attempts)
      ? { attempts: attempts.map((attempt) => ({ ...attempt, cause: systemError(attempt.code) })) }
      : undefined),
    ...(code === undefined ? undefined : { cause: systemError(code) })
  })
}
