/** The codes of Node's errors, such as `ECONNRESET`. Pure: an error is looked at, never thrown. */

/** Returns the `code` of an error of Node's, or `UNKNOWN`. */
export const codeOf = (error: unknown): string => {
  const code = typeof error === "object" && error !== null ? (error as { readonly code?: unknown }).code : undefined
  return typeof code === "string" ? code : "UNKNOWN"
}

/** Makes an error of the kind that Node makes, for what Node reports without one. */
export const systemError = (code: string, message: string): Error => Object.assign(new Error(message), { code })
