/** The codes of Node's errors, such as `ECONNRESET`. Pure: an error is looked at, never thrown. */

/** Returns the `code` of an error of Node's, or `UNKNOWN`. */
export const codeOf = (error: unknown): string => {
  const code = typeof error === "object" && error !== null ? (error as { readonly code?: unknown }).code : undefined
  return typeof code === "string" ? code : "UNKNOWN"
}

/** Makes an error of the kind that Node makes, for what Node reports without one. */
export const systemError = (code: string, message: string): Error => Object.assign(new Error(message), { code })

/**
 * What a cassette that is played says of a program that differs from it, instead of the error's own
 * text; `undefined` for every other fault.
 */
export const ofCassette = (code: string, cause: unknown): string | undefined =>
  code === "ERR_CASSETTE" && cause instanceof Error
    ? `The program differs from the cassette that is played. ${cause.message}`
    : undefined

/** The addresses that were tried and their codes, the first of them if there are many. */
export const listAttempts = (attempts: ReadonlyArray<{ readonly address: string; readonly code: string }>): string => {
  const shown = attempts.slice(0, 8).map(({ address, code }) => `${address} (${code})`).join(", ")
  return attempts.length > 8 ? `${shown} and ${attempts.length - 8} more` : shown
}
