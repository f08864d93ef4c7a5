/** A run of the command line without a process: what it printed, and its exit code. */
import * as Effect from "effect/Effect"
import type { Io, Output } from "../../src/cli/io.ts"
import { run } from "../../src/cli/run.ts"
import type { Transport } from "../../src/Transport.ts"

export interface Surroundings {
  /** The width of both terminals; `undefined` if there is none. */
  readonly columns?: number | undefined
  readonly colours?: boolean | undefined
  readonly stdin?: ReadonlyArray<string> | undefined
  readonly env?: Io["env"] | undefined
  /** What writing to standard output fails with, once so many writes are done. */
  readonly broken?: { readonly after: number; readonly error: Error } | undefined
}

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** An output that remembers, as ISO-8859-1, what bytes it was given, and as text what texts. */
const recorder = ({ broken, colours = false, columns }: Surroundings) => {
  const written: Array<string> = []
  const output: Output = {
    columns,
    colours,
    write: (data) => {
      if (broken !== undefined && written.length >= broken.after) return Promise.reject(broken.error)
      written.push(typeof data === "string" ? data : Buffer.from(data).toString("latin1"))
      return Promise.resolve()
    }
  }
  return { output, text: () => written.join("") }
}

/** An output and nothing around it, for what only draws. */
export const plain: Output = recorder({}).output
export const coloured: Output = recorder({ colours: true }).output

/** Runs the command line with these arguments. */
export const cli = (
  args: ReadonlyArray<string>,
  around: Surroundings = {}
): Effect.Effect<Ran, never, Transport> =>
  Effect.suspend(() => {
    const stdout = recorder(around)
    const stderr = recorder({ ...around, broken: undefined })
    const io: Io = {
      stdout: stdout.output,
      stderr: stderr.output,
      stdin: async function*() {
        for (const piece of around.stdin ?? []) yield new TextEncoder().encode(piece)
      },
      env: around.env ?? {}
    }
    return Effect.map(run(args, io), (code) => ({ code, stdout: stdout.text(), stderr: stderr.text() }))
  })
