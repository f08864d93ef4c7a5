/**
 * A scenario as a picture: a bar for each median, a whisker from quartile to quartile. The same results give the same bytes. It needs no
 * font and no file beside it, and follows the reader's light or dark mode. Pure.
 */
import type { Major } from "../nodes.ts"
import { summary } from "../statistics.ts"
import { figure, grouped } from "./numbers.ts"
import { ranked, type Result } from "./results.ts"

const width = 820
const rowHeight = 26
const barHeight = 16
const top = 70
/** Room for the figure beside the longest bar. */
const right = 90

const style = `
    svg { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
    .ground { fill: #ffffff; }
    text { fill: #1f2328; }
    .title { font-size: 16px; font-weight: 600; }
    .small { font-size: 11px; fill: #59636e; }
    .grid { stroke: #d8dee4; }
    .ours { fill: #0969da; }
    .peer { fill: #9ba4ae; }
    .limit { fill: none; stroke: #59636e; stroke-dasharray: 3 2; }
    .whisker { stroke: #1f2328; stroke-width: 1.5; fill: none; }
    .name-ours { font-weight: 600; }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #0d1117; }
      text { fill: #e6edf3; }
      .small { fill: #9198a1; }
      .grid { stroke: #30363d; }
      .ours { fill: #4493f8; }
      .peer { fill: #656c76; }
      .limit { stroke: #9198a1; }
      .whisker { stroke: #e6edf3; }
    }
  `

export const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\"", "&quot;")

/** The distance of grid lines: 1, 2 or 5 times a power of ten, with at most six of them. */
export const stepOf = (most: number): number => {
  const rough = most / 6
  const power = 10 ** Math.floor(Math.log10(rough))
  return (([1, 2, 5].find((times) => times * power >= rough)) ?? 10) * power
}

/** A place on the picture, to a tenth. */
const px = (value: number): string => String(Math.round(value * 10) / 10)

/** An axis has no room for `0.00`. */
const tick = (value: number, step: number): string => {
  const decimals = Math.max(0, -Math.floor(Math.log10(step)))
  return decimals === 0 ? grouped(value.toFixed(0)) : value.toFixed(decimals)
}

export const plot = (result: Result, node: Major): string => {
  const bars = ranked(result).map(({ name, side, values }) => ({ name, side, ...summary(values) }))
  const left = Math.max(110, ...bars.map(({ name }) => name.length * 8 + 28))
  // Any scale does where all is zero.
  const most = Math.max(0, ...bars.map(({ high }) => high)) || 1
  const x = (value: number): number => left + Math.max(0, value) / most * (width - left - right)
  const bottom = top + bars.length * rowHeight
  const height = bottom + 48
  const step = stepOf(most)

  const grid = Array.from({ length: Math.floor(most / step) + 1 }, (_, index) => index * step).flatMap((value) => [
    `<line class="grid" x1="${px(x(value))}" y1="${top - 6}" x2="${px(x(value))}" y2="${bottom}"/>`,
    `<text class="small" x="${px(x(value))}" y="${bottom + 16}" text-anchor="middle">${tick(value, step)}</text>`
  ])
  const rows = bars.flatMap(({ high, low, median, name, side }, index) => {
    const y = top + index * rowHeight + (rowHeight - barHeight) / 2
    const middle = y + barHeight / 2
    const whisker = `M${px(x(low))} ${middle - 4}v8M${px(x(low))} ${middle}H${px(x(high))}M${px(x(high))} ${
      middle - 4
    }v8`
    return [
      `<text class="name-${side}" x="${left - 10}" y="${middle + 4}" text-anchor="end">${escaped(name)}</text>`,
      `<rect class="${side}" x="${left}" y="${y}" width="${px(x(median) - left)}" height="${barHeight}"/>`,
      `<path class="whisker" d="${whisker}"/>`,
      `<text x="${px(Math.max(x(median), x(high)) + 8)}" y="${middle + 4}">${figure(median)}</text>`
    ]
  })
  const { better, label } = result.unit
  const legend = "Bars are medians, whiskers go from quartile to quartile."
    + (bars.some(({ side }) => side === "limit") ? " The hollow bar is the limit." : "")
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
  <title>${escaped(result.title)}</title>
  <style>${style}</style>
  ${
    [
      `<rect class="ground" width="${width}" height="${height}"/>`,
      `<text class="title" x="16" y="28">${escaped(result.title)}</text>`,
      `<text class="small" x="16" y="48">Node ${node}: ${escaped(label)}, ${better} is better</text>`,
      ...grid,
      ...rows,
      `<text class="small" x="16" y="${height - 10}">${legend}</text>`
    ].join("\n  ")
  }
</svg>
`
}
