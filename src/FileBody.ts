/**
 * Request bodies from files, through the `FileSystem` of `@effect/platform`: a path (`fromPath`) or
 * an open handle (`fromFile`).
 *
 * That a file cannot be read is found when the body is made, before the first byte of a request
 * leaves. Blocks are read one after the other, as the server takes them; nothing is read ahead.
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
 * Which part of a file is sent, and how.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Bytes that are read at once: `blocksize`. Default: 65536. */
  readonly blockSize?: number | undefined
  /**
   * Where to begin, in bytes from the beginning of the file. Default: 0 for a path, the handle's
   * position for a handle.
   */
  readonly offset?: number | undefined
  /** How many bytes to send. Default: all up to the end of the file. */
  readonly length?: number | undefined
  /**
   * Sent as Content-Type where the request has none; it is never guessed from the name. Default:
   * none.
   */
  readonly contentType?: string | undefined
}

/**
 * A body from the file at a path. It is sent with the Content-Length that the file has now, opened
 * anew for each sending, and can be sent again. Where the system does not tell a size (a device, a
 * file of `/proc`) it is chunked.
 *
 * Fails with `UnimplementedFileMode` for what cannot be read (a directory, a FIFO, a file without
 * permission), with `InvalidOption` for a part that the file does not have, and with the
 * `PlatformError` of everything else, such as `NotFound`. Failures while it is sent come as
 * `RequestBodyError<PlatformError>`, or as `BodyLengthMismatch` where the file has become shorter;
 * of one that has grown, no more is sent than was announced. Interruption closes the file.
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
    // Before it is opened, because opening a FIFO waits for a writer.
    const { type } = yield* fileSystem.stat(path)
    const why = unreadable[type]
    if (why !== undefined) return yield* new UnimplementedFileMode({ reason: why })
    const { empty, size } = yield* Effect.scoped(
      Effect.gen(function*() {
        const file = yield* fileSystem.open(path, { flag: "r" })
        const size = yield* sizeOf(file)
        // The files of /proc say that their size is 0.
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
 * A body from an open file, which stays open and the caller's: it must live until the body is sent.
 * It cannot be sent again, because sending moves the handle.
 *
 * Without options it is what `http.client` makes of a file: the rest from the handle's position on,
 * chunked, because a handle does not tell its position. With `offset` it is sent from there, and
 * with `offset` or `length` with a Content-Length.
 *
 * The first block is read now: a handle that cannot be read, such as one opened for writing, fails
 * with `UnimplementedFileMode`. A part that the file does not have is `InvalidOption`. Failures
 * while it is sent are those of `fromPath`.
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
    // One byte at least: whether a handle can be read must be known even where nothing of it is
    // wanted.
    const first = yield* Effect.mapError(
      file.readAlloc(Math.max(1, Math.min(blockSize, wanted ?? blockSize))),
      (error) => asModeError(error, "the handle is not open for reading, or not one of a file")
    )
    // The files of /proc say that their size is 0.
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

/** What has no bytes at a position, which is how platform's `File` reads. */
const unreadable: { readonly [K in FileSystem.File.Type]?: string } = {
  Directory: "it is a directory",
  FIFO: "it is a FIFO; send a stream of it with `HttpBody.iterable`",
  Socket: "it is a socket"
}

/**
 * The codes for reading what is not open for reading, or not at a position, that platform has no
 * reason for.
 */
const modeCodes: ReadonlySet<unknown> = new Set(["EBADF", "EPERM", "ESPIPE"])

/**
 * An error of opening or reading, or `UnimplementedFileMode` where it says that this cannot be
 * read.
 */
const asModeError = (error: PlatformError, reason: string): PlatformError | UnimplementedFileMode => {
  if (error._tag !== "SystemError") return error
  const code = Predicate.hasProperty(error.cause, "code") ? error.cause.code : undefined
  return error.reason === "PermissionDenied" || error.reason === "BadResource" || modeCodes.has(code)
    ? new UnimplementedFileMode({ reason, cause: error })
    : error
}

/** The size of a regular file; that of another means nothing. */
const sizeOf = (file: FileSystem.File): Effect.Effect<number | undefined, PlatformError> =>
  Effect.map(file.stat, ({ size, type }) => type === "File" ? Number(size) : undefined)

/** How much of a file of this size is sent. */
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

/** The next bytes of a file, one block a pull, until `left` of them or the end. */
const blocks = (file: FileSystem.File, blockSize: number, left: number): Stream.Stream<Uint8Array, PlatformError> =>
  Stream.unfoldChunkEffect(left, (left) =>
    left <= 0
      ? Effect.succeedNone
      : Effect.map(
        file.readAlloc(Math.min(blockSize, left)),
        Option.map((block) => [Chunk.of(block), left - block.length] as const)
      ))
