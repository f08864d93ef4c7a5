/** What ends a run early: an error of the library, or one of files and arguments. */
import * as Data from "effect/Data"
import type { HttpError } from "../HttpError.ts"
import { exitCode } from "./exitCode.ts"
import type { Output } from "./io.ts"
import { paint, printable, wrap } from "./text.ts"

/** A file or a stream of this process failed. Exit code 23 for writing, 26 for reading. */
export class FileFailure extends Data.TaggedError("FileFailure")<{
  readonly code: 23 | 26
  readonly message: string
  readonly cause: unknown
}> {}

/** Every failure of a run. */
export type Failure = HttpError | FileFailure

/** Creates the failure of reading or writing `what`. */
export const fileFailure = (code: 23 | 26, what: string) => (cause: unknown): FileFailure =>
  new FileFailure({
    code,
    message: `Could not ${code === 23 ? "write" : "read"} ${what}: ${
      cause instanceof Error ? cause.message : String(cause)
    }`,
    cause
  })

/** Returns the exit code of a failure. */
export const codeOf = (failure: Failure): number => failure._tag === "FileFailure" ? failure.code : exitCode(failure)

/** Returns the failure as lines for people, with the same words as in a log of the library. */
export const describeFailure = (failure: Failure, output: Output): string => {
  const width = Math.max(40, Math.min(output.columns ?? 100, 100))
  const name = paint(output, "bad", failure._tag)
  const [first = "", ...rest] = wrap(`${failure._tag}: ${printable(failure.message)}`, width)
  const lines = [`${name}${first.slice(failure._tag.length)}`, ...rest]
  if (failure._tag !== "FileFailure") {
    const { bytesRead, bytesWritten, fault, phase, processed } = failure.context
    const facts = `phase ${phase} · fault ${fault} · written ${bytesWritten} B, read ${bytesRead} B · `
      + `the server has processed the request: ${processed.toLowerCase()}`
    lines.push(...wrap(facts, width).map((line) => paint(output, "dim", line)))
  }
  return `${lines.join("\n")}\n`
}
