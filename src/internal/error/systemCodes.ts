/** The codes of Node's errors, such as `ECONNRESET`. Pure: errors are read, never thrown. */

/** Returns the `code` of an error of Node's, or `UNKNOWN`. */
export const codeOf = (error: unknown): string => {
  const code = typeof error === "object" && error !== null ? (error as { readonly code?: unknown }).code : undefined
  return typeof code === "string" ? code : "UNKNOWN"
}

/** Creates an error of the kind that Node makes, for a fault that Node reports without one. */
export const systemError = (code: string, message: string): Error => Object.assign(new Error(message), { code })

/**
 * Returns the text of a cassette about a program that deviates from it, which replaces the error's
 * own text; `undefined` for every other fault.
 */
export const ofCassette = (code: string, cause: unknown): string | undefined =>
  code === "ERR_CASSETTE" && cause instanceof Error
    ? `The program differs from the cassette that is played. ${cause.message}`
    : undefined

/**
 * Returns the addresses that were tried and their codes, only the first of them if there are many.
 */
export const listAttempts = (attempts: ReadonlyArray<{ readonly address: string; readonly code: string }>): string => {
  const shown = attempts.slice(0, 8).map(({ address, code }) => `${address} (${code})`).join(", ")
  return attempts.length > 8 ? `${shown} and ${attempts.length - 8} more` : shown
}
