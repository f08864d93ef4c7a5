/**
 * Request bodies from files, through the `FileSystem` of `@effect/platform`: a path (`fromPath`) or
 * an open handle (`fromFile`).
 *
 * An unreadable file fails when the body is made, before the first byte of a request is sent.
 * Blocks are read one after another, at the pace of the server; nothing is read ahead.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { FileBody, HttpRequest } from "effect-http-client"
 *
 * export const upload = Effect.map(
 *   FileBody.fromPath("report.pdf", { contentType: "application/pdf" }),
 *   (body) => HttpRequest.put("/report.pdf", { body })
 * )
 * ```
 *
 * @since 0.1.0
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import type { HttpBody } from "./HttpBody.ts"
import * as Body from "./HttpBody.ts"
import { InvalidOption, UnimplementedFileMode } from "./HttpError.ts"
import { notRecord } from "./internal/options.ts"

/**
 * The part of a file to send, and how to send it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The number of bytes in one read: `blocksize`. Default: 65536. */
  readonly blockSize?: number | undefined
  /**
   * The offset of the first byte to send. Default: 0 for a path, the handle's position for a
   * handle.
   */
  readonly offset?: number | undefined
  /** The number of bytes to send. Default: all up to the end of the file. */
  readonly length?: number | undefined
  /** The Content-Type if the request has none; it is never guessed from the name. Default: none. */
  readonly contentType?: string | undefined
}

/**
 * Creates a body from the file at a path. Its Content-Length is the current size of the file. The
 * file is opened again for each request, so the body is replayable. If the system reports no size
 * (a device, a file in `/proc`), the body is chunked.
 *
 * Fails with `UnimplementedFileMode` for a file that cannot be read (a directory, a FIFO, a file
 * without permission). Fails with `InvalidOption` for a part that the file does not have, and with
 * the `PlatformError` for everything else, such as `NotFound`. A failure while it is being sent is
 * a `RequestBodyError<PlatformError>`, or `BodyLengthMismatch` if the file has become shorter. If
 * the file has grown, only the announced length is sent. Interruption closes the file.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromPath = (
  path: string,
  options: Options = {}
): Effect.Effect<
  HttpBody<PlatformError>,
  PlatformError | UnimplementedFileMode | InvalidOption,
  FileSystem.FileSystem
> =>
  Effect.gen(function*() {
    const { blockSize, contentType, length, offset } = yield* checked(options)
    if (typeof path !== "string") return yield* new InvalidOption({ option: "path", reason: "it is not a string" })
    const fileSystem = yield* FileSystem.FileSystem
    // Checked before the file is opened, because opening a FIFO waits for a writer.
    const { type } = yield* fileSystem.stat(path)
    const why = unreadable[type]
    if (why !== undefined) return yield* new UnimplementedFileMode({ reason: why })
    const { empty, size } = yield* Effect.scoped(
      Effect.gen(function*() {
        const file = yield* fileSystem.open(path, { flag: "r" })
        const size = yield* sizeOf(file)
        // Files in /proc report a size of 0.
        const empty = size === 0 && Option.isNone(yield* file.readAlloc(1))
        return { empty, size }
      })
    ).pipe(Effect.mapError((error) => asModeError(error, "the process may not read it")))
    const known = empty || (size !== undefined && size > 0)
    const total = known ? yield* partLength(size ?? 0, offset ?? 0, length) : length
    return Body.stream(
      Stream.unwrapScoped(Effect.gen(function*() {
        const file = yield* fileSystem.open(path, { flag: "r" })
        if (offset !== undefined && offset > 0) yield* file.seek(offset, "start")
        return blocks(file, blockSize, total ?? Infinity)
      })),
      { length: total, replayable: true, contentType }
    )
  })

/**
 * Creates a body from an open file. The file stays open and belongs to the caller, who must keep it
 * open until the body has been sent. The body is not replayable, because sending moves the handle.
 *
 * Without options it behaves like a file in `http.client`: it sends the rest from the handle's
 * position. That is chunked, because a handle does not report its position. `offset` sets the
 * position. Both `offset` and `length` add a Content-Length.
 *
 * The first block is read at once, so an unreadable handle, such as one opened for writing, fails
 * with `UnimplementedFileMode`. A part that the file does not have is `InvalidOption`. Failures
 * while it is being sent are those of `fromPath`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromFile = (
  file: FileSystem.File,
  options: Options = {}
): Effect.Effect<HttpBody<PlatformError>, PlatformError | UnimplementedFileMode | InvalidOption> =>
  Effect.gen(function*() {
    const { blockSize, contentType, length, offset } = yield* checked(options)
    if (!FileSystem.isFile(file)) {
      return yield* new InvalidOption({
        option: "file",
        reason: "it must be an open file of the platform's `FileSystem`"
      })
    }
    const size = offset === undefined ? undefined : yield* sizeOf(file)
    const wanted = size === undefined || size === 0 ? length : yield* partLength(size, offset ?? 0, length)
    if (offset !== undefined) yield* file.seek(offset, "start")
    // At least one byte, because the handle must be known to be readable even if no bytes are
    // wanted.
    const first = yield* Effect.mapError(
      file.readAlloc(Math.max(1, Math.min(blockSize, wanted ?? blockSize))),
      (error) => asModeError(error, "the handle is not open for reading, or not one of a file")
    )
    // Files in /proc report a size of 0.
    const total = size === 0 && Option.isNone(first) ? yield* partLength(0, offset ?? 0, length) : wanted
    if (total === 0 && Option.isSome(first)) yield* file.seek(-first.value.length, "current")
    return Body.stream(
      total === 0 || Option.isNone(first) ? Stream.empty : Stream.concat(
        Stream.make(first.value),
        blocks(file, blockSize, total === undefined ? Infinity : total - first.value.length)
      ),
      { length: total, replayable: false, contentType }
    )
  })

/** The file types without positioned reads, which the platform's `File` uses. */
const unreadable: { readonly [K in FileSystem.File.Type]?: string } = {
  Directory: "it is a directory",
  FIFO: "it is a FIFO; send a stream of it with `HttpBody.iterable`",
  Socket: "it is a socket"
}

/**
 * The codes for reading a file that is not open for reading, or not at a position. The platform has
 * no reason for them.
 */
const modeCodes: ReadonlySet<unknown> = new Set(["EBADF", "EPERM", "ESPIPE"])

/**
 * Returns an error of opening or reading, or `UnimplementedFileMode` if it says that the file
 * cannot be read.
 */
const asModeError = (error: PlatformError, reason: string): PlatformError | UnimplementedFileMode => {
  if (error._tag !== "SystemError") return error
  const code = Predicate.hasProperty(error.cause, "code") ? error.cause.code : undefined
  return error.reason === "PermissionDenied" || error.reason === "BadResource" || modeCodes.has(code)
    ? new UnimplementedFileMode({ reason, cause: error })
    : error
}

/** Returns the size of a regular file; for other types it means nothing. */
const sizeOf = (file: FileSystem.File): Effect.Effect<number | undefined, PlatformError> =>
  Effect.map(file.stat, ({ size, type }) => type === "File" ? Number(size) : undefined)

/** Returns how much of a file of this size is sent. */
const partLength = (size: number, offset: number, length: number | undefined): Effect.Effect<number, InvalidOption> => {
  if (offset > size) {
    return Effect.fail(new InvalidOption({ option: "offset", reason: `the file has only ${size} bytes` }))
  }
  const rest = size - offset
  return length === undefined || length <= rest
    ? Effect.succeed(length ?? rest)
    : Effect.fail(new InvalidOption({ option: "length", reason: `the file has only ${rest} bytes from its offset on` }))
}

const checked = (options: Options): Effect.Effect<Options & { readonly blockSize: number }, InvalidOption> => {
  const wrong = notRecord("options", options)
  if (wrong !== undefined) return Effect.fail(wrong)
  const { blockSize = 65_536, length, offset } = options
  for (
    const [option, value, least] of [["blockSize", blockSize, 1], ["offset", offset, 0], ["length", length, 0]] as const
  ) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= least)) {
      return Effect.fail(new InvalidOption({ option, reason: `it must be a whole number from ${least} on` }))
    }
  }
  return Effect.succeed({ ...options, blockSize })
}

/** Emits the next bytes of a file, one block for each pull, until `left` of them or the end. */
const blocks = (file: FileSystem.File, blockSize: number, left: number): Stream.Stream<Uint8Array, PlatformError> =>
  Stream.unfoldChunkEffect(left, (left) =>
    left <= 0
      ? Effect.succeedNone
      : Effect.map(
        file.readAlloc(Math.min(blockSize, left)),
        Option.map((block) => [Chunk.of(block), left - block.length] as const)
      ))
