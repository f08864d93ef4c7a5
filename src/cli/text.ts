/** Numbers and texts for people, in colours and within the width of a terminal. */
import type { Output } from "./io.ts"

/**
 * Returns text that cannot control a terminal: control and format characters are escaped. For
 * everything that a server has sent, except bodies.
 */
export const printable = (text: string): string =>
  text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
  )

/** Formats a number of bytes. */
export const size = (bytes: number): string =>
  bytes < 10_000
    ? `${Math.round(bytes)} B`
    : bytes < 1e6
    ? `${(bytes / 1e3).toFixed(1)} kB`
    : bytes < 1e9
    ? `${(bytes / 1e6).toFixed(1)} MB`
    : `${(bytes / 1e9).toFixed(2)} GB`

/** Formats a time in milliseconds. */
export const time = (millis: number): string =>
  millis < 10
    ? `${millis.toFixed(2)} ms`
    : millis < 1000
    ? `${millis.toFixed(0)} ms`
    : `${(millis / 1000).toFixed(2)} s`

/** Colours of the terminal, by meaning. */
const codes = { strong: "1", dim: "2", good: "32", warn: "33", bad: "31", mark: "36" } as const

/** Returns the text in a colour, if the output shows colours. */
export const paint = (output: Output, style: keyof typeof codes, text: string): string =>
  output.colours ? `\x1b[${codes[style]}m${text}\x1b[0m` : text

/** Returns the text in lines of at most `width` columns; a longer word has a line to itself. */
export const wrap = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === "" ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}

const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]

/** Returns a bar of `length` columns, in eighths of a column; never empty for a length above 0. */
export const bar = (length: number): string => {
  if (length <= 0) return ""
  const parts = Math.max(1, Math.round(length * 8))
  return "█".repeat(Math.floor(parts / 8)) + (eighths[parts % 8] ?? "")
}
