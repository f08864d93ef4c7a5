/**
 * Downloads to files that continue where they stopped, also after a restart of the process.
 *
 * The bytes are appended to a partial file beside the target, `PATH.part`. The record
 * `PATH.part.json` has its URL and the version of the content: a strong ETag or a Last-Modified
 * (RFC 9110 section 13.1.5). After a failure only the missing bytes are requested, by Range and
 * If-Range. The file gets its name when it is complete, its checksum was compared, and it is on the
 * disk.
 *
 * It uses the `FileSystem` of `@effect/platform` and the `ConnectionPool` of the context.
 *
 * @example
 * ```ts
 * import { NodeFileSystem } from "@effect/platform-node"
 * import { Effect, Layer } from "effect"
 * import { ConnectionPool, Download, HttpRequest, NodeTransport } from "effect-http-client"
 *
 * const image = HttpRequest.get("http://localhost:8080/images/disk.img")
 *
 * export const program = Download.toFile(image, "disk.img", {
 *   onProgress: ({ bytes, total }) => Effect.log(`${bytes} of ${total ?? "?"} bytes`)
 * }).pipe(
 *   Effect.catchTag("DownloadFailed", (error) => Effect.logError(error.message)),
 *   Effect.provide(Layer.merge(ConnectionPool.layer(), NodeFileSystem.layer)),
 *   Effect.provide(NodeTransport.layer)
 * )
 * ```
 *
 * @since 0.3.0
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as ConnectionPool from "./ConnectionPool.ts"
import { InvalidOption } from "./HttpError.ts"
import type { HttpRequest } from "./HttpRequest.ts"
import * as errors from "./internal/download/errors.ts"
import type * as options from "./internal/download/options.ts"
import * as internal from "./internal/download/toFile.ts"

/**
 * The options of `toFile`.
 *
 * @since 0.3.0
 * @category models
 */
export interface Options<R = never> extends options.Options<R> {}

/**
 * The progress of a download.
 *
 * @since 0.3.0
 * @category models
 */
export interface Progress extends options.Progress {}

/**
 * A content that was downloaded.
 *
 * @since 0.3.0
 * @category models
 */
export interface Downloaded extends internal.Downloaded {}

/**
 * The server answered a request for the rest of a content with another part of it, or with a part
 * of another content. The partial file was discarded, so the next call starts from the beginning.
 *
 * @since 0.3.0
 * @category errors
 */
export const UnexpectedRange: typeof errors.UnexpectedRange = errors.UnexpectedRange

/**
 * The type of `UnexpectedRange`.
 *
 * @since 0.3.0
 * @category errors
 */
export type UnexpectedRange = errors.UnexpectedRange

/**
 * The downloaded content has another checksum than expected. The partial file was discarded, so the
 * next call starts from the beginning.
 *
 * @since 0.3.0
 * @category errors
 */
export const ChecksumMismatch: typeof errors.ChecksumMismatch = errors.ChecksumMismatch

/**
 * The type of `ChecksumMismatch`.
 *
 * @since 0.3.0
 * @category errors
 */
export type ChecksumMismatch = errors.ChecksumMismatch

/**
 * The cause of a failed download: a failure of a request, of its body or of the file system, or one
 * of these two classes.
 *
 * @since 0.3.0
 * @category errors
 */
export type Cause = internal.Cause

/**
 * A download failed. `cause` says why, and `written` is the length of the partial file. If
 * `isResumable` is true, the next call continues there.
 *
 * @since 0.3.0
 * @category errors
 */
export class DownloadFailed extends Data.TaggedError("DownloadFailed")<{
  readonly cause: Cause
  /** The path of the partial file. */
  readonly partialPath: string
  /** The bytes in the partial file. */
  readonly written: number
  /** The length of the content; `undefined` if it is not known. */
  readonly total: number | undefined
  /** True if the next call continues the partial file, false if it starts from the beginning. */
  readonly isResumable: boolean
}> {
  override get message(): string {
    const { cause, isResumable, partialPath, total, written } = this
    const next = isResumable
      ? `They are in ${partialPath}: call it again to continue.`
      : "The next call starts from the beginning."
    return `The download failed after ${written}${
      total === undefined ? "" : ` of ${total}`
    } bytes. ${next} ${cause.message}`
  }
}

/**
 * Downloads the content of a GET to a file, and continues the partial file of an earlier call. The
 * target is replaced atomically at the end; until then it is not touched.
 *
 * - The request asks for the content without a coding (`Accept-Encoding: identity`). If the server
 *   codes it nevertheless, the bytes are saved as received, and a failure starts over.
 * - A 206 that fits is appended. A 200 starts over. After a 416 the file is whole if its length is
 *   the one in Content-Range; otherwise the download starts over. Any other status fails with
 *   `StatusError`: redirects are not followed.
 * - A server that sends neither a strong ETag nor a Last-Modified cannot be asked for the rest of
 *   the same content. Each attempt then starts from the beginning.
 * - A body whose end is not proven (`HttpResponse.endProven`) counts as whole. Use `sha256` for
 *   servers that announce no length.
 * - Temporary failures are retried according to `retry`, each time for the missing bytes only.
 *
 * Fails with `DownloadFailed`. If the target is a directory, or the partial file cannot be opened,
 * that happens before anything is sent. Fails with `InvalidOption` before anything is sent: for an
 * option, an empty path, a method other than GET, or a Range, If-Range or Accept-Encoding field.
 * Interruption closes the connection and the file, and leaves the partial file for the next call.
 *
 * Only one download to the same path may run at a time. A crash of the machine may leave bytes in
 * the partial file that were never written; `sha256` finds them.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Download, HttpRequest } from "effect-http-client"
 *
 * // Tells the checksum apart from what may pass.
 * export const fetched = (url: string, sha256: string) =>
 *   Download.toFile(HttpRequest.get(url), "release.tar.gz", { sha256, retry: { times: 10 } }).pipe(
 *     Effect.catchTag("DownloadFailed", (error) =>
 *       error.cause._tag === "ChecksumMismatch" ? Effect.die(error) : Effect.fail(error))
 *   )
 * ```
 *
 * @since 0.3.0
 * @category downloads
 */
export const toFile = <R = never>(
  request: HttpRequest,
  path: string,
  options: Options<R> = {}
): Effect.Effect<
  Downloaded,
  DownloadFailed | InvalidOption,
  ConnectionPool.ConnectionPool | FileSystem.FileSystem | R
> =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.ConnectionPool
    const files = yield* FileSystem.FileSystem
    const download = internal.make(pool, files, request, path, options)
    if (download instanceof InvalidOption) return yield* download
    return yield* Effect.catchAll(download.run, (cause) =>
      Effect.flatMap(download.isResumable, (isResumable) => {
        const { partialPath, total, written } = download
        return Effect.fail(new DownloadFailed({ cause, partialPath, written, total, isResumable }))
      }))
  })
