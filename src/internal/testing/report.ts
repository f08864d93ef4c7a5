/**
 * How the test transport reports problems: the error, and bytes in readable form.
 *
 * Decides nothing. Rule: the output distinguishes every byte from every other, because a test fails
 * over a CR or a NUL as often as over a word.
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import type { Step } from "./steps.ts"

export class ScriptError extends Data.TaggedError("ScriptError")<{
  /** One text for each problem. */
  readonly problems: ReadonlyArray<string>
}> {
  override get message(): string {
    return this.problems.join("\n\n")
  }
}

/** The length at which a line is cut if the bytes contain no line end. */
const bytesInLine = 100

/** The number of lines shown before and after the marked one. */
const linesAround = 5

const escapeByte = (byte: number): string => {
  if (byte === 0x0d) return "\\r"
  if (byte === 0x0a) return "\\n"
  if (byte === 0x09) return "\\t"
  if (byte === 0x5c) return "\\\\"
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`
}

const escape = (bytes: Uint8Array): string => Array.from(bytes, escapeByte).join("")

/**
 * Returns the bytes line by line, with a caret below the byte at `mark`, which may be the one after
 * the last.
 */
const show = (bytes: Uint8Array, mark: number): string => {
  const lines: Array<string> = []
  let marked = 0
  let start = 0
  do {
    const lineEnd = bytes.indexOf(0x0a, start)
    const end = Math.min(lineEnd < 0 ? bytes.length : lineEnd + 1, start + bytesInLine)
    // The byte after the last belongs to the last line, so that a truncated text is marked at its
    // end.
    if (mark >= start && (mark < end || end === bytes.length)) {
      marked = lines.length
      const column = escape(bytes.subarray(start, mark)).length
      lines.push(`  ${escape(bytes.subarray(start, end))}\n  ${" ".repeat(column)}^`)
    } else {
      lines.push(`  ${escape(bytes.subarray(start, end))}`)
    }
    start = end
  } while (start < bytes.length)
  const from = Math.max(0, marked - linesAround)
  const to = Math.min(lines.length, marked + linesAround + 1)
  return [
    ...(from > 0 ? [`  … ${from} lines before`] : []),
    ...lines.slice(from, to),
    ...(to < lines.length ? [`  … ${lines.length - to} lines after`] : [])
  ].join("\n")
}

/** Shows both texts with a mark at the first byte in which they differ. */
export const difference = (expected: Uint8Array, written: Uint8Array, at: number): string =>
  `expected (${expected.length} bytes):\n${show(expected, at)}\nwritten (${written.length} bytes):\n${
    show(written, at)
  }`

export const writtenOnly = (written: Uint8Array): string => `written (${written.length} bytes):\n${show(written, 0)}`

const excerpt = (bytes: Uint8Array): string => {
  const end = bytes.indexOf(0x0a)
  const shown = bytes.subarray(0, Math.min(end < 0 ? bytes.length : end + 1, 40))
  return shown.length === bytes.length ? `"${escape(bytes)}"` : `"${escape(shown)}…", ${bytes.length} bytes`
}

/** Describes a connection whose script was not played to its end. */
export const stopped = (at: string, left: number, closed: boolean, step: Step, written: Uint8Array): string => {
  const what = `stopped at ${at}: ${left} of its steps ${left === 1 ? "was" : "were"} not played`
  const text = `${what}${closed ? " when it was closed" : ""}.`
  return step._tag === "Expect" ? `${text}\n${difference(step.bytes, written, written.length)}` : text
}

/** Returns a step in the form of its constructor. */
export const describe = (step: Step): string => {
  switch (step._tag) {
    case "Expect":
      return `expect(${excerpt(step.bytes)})`
    case "Discard":
      return `discard(${step.count === Infinity ? "" : step.count})`
    case "DiscardUntil":
      return `discardUntil(${excerpt(step.bytes)})`
    case "Reply":
      return `reply(${excerpt(step.bytes)})`
    case "Fail":
      return `fail("${step.code}")`
    case "Delay":
      return `delay("${Duration.format(step.duration)}")`
    case "WriteFails":
      return `writeFails("${step.code}")`
    case "RefuseTls":
      return `refuseTls(${step.error.code})`
    default:
      return step._tag.charAt(0).toLowerCase() + step._tag.slice(1)
  }
}
