/**
 * Compares names as HTTP does: ASCII letters without regard to case, every other character exactly
 * (RFC 9110 section 5.1).
 */

/**
 * True if two strings are equal, ignoring the case of ASCII letters.
 *
 * Compares the length first, because most names of a head differ in it. Then compares code by code,
 * so that no lower-cased copy is allocated. Unlike `toLowerCase`, it distinguishes the Kelvin sign
 * from `k`.
 */
export const equalsIgnoreCase = (a: string, b: string): boolean => {
  if (a === b) return true
  return a.length === b.length && isAtIgnoreCase(a, 0, b)
}

/** True if `wanted` is in `text` at `start`, ignoring the case of ASCII letters. */
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
