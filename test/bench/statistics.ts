/** What samples come to: medians and quartiles, which one slow run does not move. Pure. */

/** The value below which this share of the values lies, between two of them by a straight line (as R's type 7). */
export const quantile = (values: ReadonlyArray<number>, share: number): number =>
  quantileOfSorted(values.toSorted((a, b) => a - b), share)

/** The same of values in ascending order. */
export const quantileOfSorted = (sorted: ArrayLike<number>, share: number): number => {
  const place = (sorted.length - 1) * share
  const below = sorted[Math.floor(place)] ?? Number.NaN
  const above = sorted[Math.ceil(place)] ?? Number.NaN
  return below + (above - below) * (place - Math.floor(place))
}

export const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)

/** The middle of the values, and the quartiles around it. */
export interface Summary {
  readonly median: number
  readonly low: number
  readonly high: number
}

export const summary = (values: ReadonlyArray<number>): Summary => ({
  median: median(values),
  low: quantile(values, 0.25),
  high: quantile(values, 0.75)
})

/** How many times as good one value is as another: more than 1 is better, whichever way the unit goes. */
export const timesAsGood = (better: "more" | "less", value: number, other: number): number =>
  better === "more" ? value / other : other / value
