/**
 * Comparing names as HTTP does: ASCII letters without regard to case, every other character exactly
 * (RFC 9110 section 5.1).
 */

/**
 * Whether two strings are the same but for the case of ASCII letters.
 *
 * Length first, because most names of a head differ in it; then code by code, so that no
 * lower-cased copy is made. Unlike `toLowerCase` it does not take the Kelvin sign for a `k`.
 */
export const equalsIgnoreCase = (a: string, b: string): boolean => {
  if (a === b) return true
  return a.length === b.length && isAtIgnoreCase(a, 0, b)
}

/** Whether `wanted` stands in `text` at `start`, but for the case of ASCII letters. */
export const isAtIgnoreCase = (text: string, start: number, wanted: string): boolean => {
  for (let i = 0; i < wanted.length; i++) {
    const x = text.charCodeAt(start + i)
    const y = wanted.charCodeAt(i)
    if (x === y) continue
    if ((x ^ y) !== 0x20) return false
    const lower = x | 0x20
    if (lower < 0x61 || lower > 0x7a) return false
  }
  return true
}
