/** Figures for readers, the same on every machine whatever its locale. Pure. */

/** Digits with a comma before each three. */
export const grouped = (digits: string): string => digits.replace(/\B(?=(\d{3})+$)/g, ",")

/** With about three digits, more only where the integer part has them: `82,134`, `345`, `12.3`, `0.46`. */
export const figure = (value: number): string => {
  if (!Number.isFinite(value)) return "–"
  const size = Math.abs(value)
  // The limits are those at which rounding would add a digit.
  const decimals = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2
  const [integer = "", fraction] = size.toFixed(decimals).split(".")
  const text = fraction === undefined ? grouped(integer) : `${integer}.${fraction}`
  return value < 0 ? `-${text}` : text
}

/** A ratio has two digits after the point. */
export const ratio = (value: number): string => Number.isFinite(value) ? value.toFixed(2) : "–"
