/** One request: its response to standard output or a file, and its events to standard error. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { FileHandle } from "node:fs/promises"
import { open } from "node:fs/promises"
import type { ConnectionPool } from "../ConnectionPool.ts"
import type { HttpRequest } from "../HttpRequest.ts"
import type { HttpResponse } from "../HttpResponse.ts"
import type { Options } from "./args.ts"
import type { Failure, FileFailure } from "./failure.ts"
import { fileFailure } from "./failure.ts"
import type { Io } from "./io.ts"
import { makeProgress } from "./progress.ts"
import { paint, printable, size } from "./text.ts"
import { waterfall } from "./waterfall.ts"

const stdoutFailed = fileFailure(23, "standard output")

/** Writes to standard output, and waits until the system has taken the bytes. */
const print = (io: Io, data: Uint8Array | string): Effect.Effect<void, FileFailure> =>
  Effect.tryPromise({ try: () => io.stdout.write(data), catch: stdoutFailed })

/** Writes to standard error, which never fails the run. */
export const note = (io: Io, text: string): Effect.Effect<void> =>
  Effect.promise(() => io.stderr.write(text).catch(() => {}))

const head = ({ fields, reason, status, version }: HttpResponse, io: Io): string =>
  [
    paint(
      io.stdout,
      status < 400 ? "good" : "bad",
      printable(`HTTP/${version === 10 ? "1.0" : "1.1"} ${status} ${reason}`).trimEnd()
    ),
    ...[...fields].map(([name, value]) => `${paint(io.stdout, "strong", printable(name))}: ${printable(value)}`),
    "",
    ""
  ].join("\n")

/** True if these bytes would disturb a terminal: text has no NUL. */
const isBinary = (bytes: Uint8Array): boolean => bytes.includes(0)

const binary = fileFailure(23, "a binary body to the terminal")(
  new Error("use --output FILE, or --output - to write it anyway")
)

const lineFeed = 10

/**
 * Writes the body piece by piece, as fast as the reader of standard output takes it. On a terminal,
 * later output begins on a new line.
 */
const toStdout = (response: HttpResponse, io: Io, anyway: boolean): Effect.Effect<void, Failure> => {
  const isTerminal = io.stdout.columns !== undefined
  let last = lineFeed
  const body = Stream.runForEach(response.stream, (piece): Effect.Effect<void, FileFailure> => {
    if (isTerminal && !anyway && isBinary(piece)) return Effect.fail(binary)
    last = piece.at(-1) ?? last
    return print(io, piece)
  })
  return Effect.zipRight(body, Effect.suspend(() => isTerminal && last !== lineFeed ? print(io, "\n") : Effect.void))
}

const opened = (path: string) =>
  Effect.acquireRelease(
    Effect.tryPromise({ try: () => open(path, "w"), catch: fileFailure(23, path) }),
    (file) => Effect.promise(() => file.close())
  )

const append = (file: FileHandle, path: string, piece: Uint8Array): Effect.Effect<void, FileFailure> =>
  Effect.tryPromise({
    try: async () => {
      for (let at = 0; at < piece.length;) at += (await file.write(piece, at)).bytesWritten
    },
    catch: fileFailure(23, path)
  })

const announcedLength = (response: HttpResponse): number | undefined =>
  response.framing === "length" ? Number(response.getHeader("content-length")) : undefined

/** Writes the body to a file, with progress on a terminal. */
const toFile = (response: HttpResponse, path: string, io: Io): Effect.Effect<void, Failure> =>
  Effect.scoped(Effect.gen(function*() {
    const file = yield* opened(path)
    const progress = makeProgress(io.stderr, () => performance.now())
    const total = announcedLength(response)
    const startedAt = performance.now()
    let done = 0
    yield* Effect.ensuring(
      Stream.runForEach(response.stream, (piece) => {
        done += piece.length
        const rate = done / Math.max(1, performance.now() - startedAt) * 1000
        progress.update(done, total, `${size(done)}${total === undefined ? "" : ` of ${size(total)}`}, ${size(rate)}/s`)
        return append(file, path, piece)
      }),
      Effect.sync(progress.end)
    )
  }))

/** Sends the request and prints its response. Returns the exit code. */
export const single = <E>(
  pool: ConnectionPool,
  request: HttpRequest<E>,
  options: Options,
  io: Io
): Effect.Effect<number, Failure> =>
  Effect.gen(function*() {
    const response = yield* pool.execute(request)
    if (options.include) yield* print(io, head(response, io))
    const isRefused = options.fail && response.status >= 400
    if (isRefused) {
      yield* response.close
      yield* note(io, printable(`The server answered ${response.status} ${response.reason}`).trimEnd() + ".\n")
    } else if (options.output === undefined || options.output === "-") {
      yield* toStdout(response, io, options.output === "-")
    } else {
      yield* toFile(response, options.output, io)
    }
    if (options.timings) {
      const lines = waterfall(response.timings, io.stderr, Math.min(io.stderr.columns ?? 80, 100))
      yield* note(io, `${lines.join("\n")}\n`)
    }
    return isRefused ? 22 : 0
  })
