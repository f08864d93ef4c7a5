/**
 * The parts of the process that the command line uses, as one record, so that tests can run it
 * without a process.
 */

import type { Readable } from "node:stream"

/** An output. `write` waits until the system has taken the bytes, and fails if it cannot. */
export interface Output {
  readonly write: (data: Uint8Array | string) => Promise<void>
  /** The number of columns; `undefined` if it is not a terminal. */
  readonly columns: number | undefined
  readonly colours: boolean
}

/** The surroundings of a run. */
export interface Io {
  readonly stdout: Output
  readonly stderr: Output
  readonly stdin: () => AsyncIterable<Uint8Array>
  readonly env: Readonly<Record<string, string | undefined>>
}

type Stream = Pick<NodeJS.WriteStream, "columns" | "isTTY" | "write">

/** True if this stream shows colours: a terminal, unless `NO_COLOR` is set (no-color.org). */
const hasColours = (stream: Stream, env: Io["env"]): boolean =>
  (stream.isTTY && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb")
  || (env["FORCE_COLOR"] ?? "0") !== "0"

const outputOf = (stream: Stream, env: Io["env"]): Output => ({
  write: (data) =>
    new Promise((resolve, reject) => {
      stream.write(data, (error) => error ? reject(error) : resolve())
    }),
  columns: stream.isTTY ? stream.columns || 80 : undefined,
  colours: hasColours(stream, env)
})

/**
 * Returns the pieces of a stream. Unlike the iterator of the stream, interruption does not wait for
 * the pending piece. A terminal may never send one, and the process would not exit.
 */
export const stoppable = (stream: Readable): AsyncIterable<Uint8Array> => ({
  [Symbol.asyncIterator]: () => {
    const pieces = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
    return {
      next: () => pieces.next(),
      return: () => {
        stream.destroy()
        return Promise.resolve({ done: true, value: undefined })
      }
    }
  }
})

/** Returns the surroundings of this process. */
export const processIo = (): Io => {
  const { env, stderr, stdin, stdout } = process
  // Each write reports its own failure, such as that of a pipe whose reader has ended.
  for (const stream of [stdout, stderr]) stream.on("error", () => {})
  return { stdout: outputOf(stdout, env), stderr: outputOf(stderr, env), stdin: () => stoppable(stdin), env }
}
