/**
 * The partial file of a download, and the record beside it that has its URL and version.
 *
 * The record is written before the first byte, and removed before the partial file is emptied.
 * Without a valid record the partial file is worthless, whatever it contains.
 */
import { type PlatformError, SystemError } from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import type { Kept, Validator } from "./plan.ts"

/** The name of the partial file. */
export const partialOf = (path: string): string => `${path}.part`

/** The name of its record. */
const recordOf = (path: string): string => `${path}.part.json`

/** Identifies a URL. It is hashed because its query may contain secrets. */
const hashOf = (url: string): string => createHash("sha256").update(url).digest("base64")

const validatorOf = (value: unknown): Validator | undefined => {
  if (!Predicate.isRecord(value)) return undefined
  const { name, value: text } = value
  return (name === "etag" || name === "last-modified") && typeof text === "string" ? { name, value: text } : undefined
}

/** Returns the record in a text; `undefined` if it is not one of this URL. */
const parse = (text: string, url: string): Omit<Kept, "bytes"> | undefined => {
  let record: unknown
  try {
    record = JSON.parse(text)
  } catch {
    // A truncated record, such as after a crash, counts as none.
    return undefined
  }
  if (!Predicate.isRecord(record) || record["url"] !== hashOf(url)) return undefined
  const { total } = record
  const validator = validatorOf(record["validator"])
  return validator === undefined || !(total === undefined || Number.isSafeInteger(total))
    ? undefined
    : { validator, total: total as number | undefined }
}

const orNone = <A>(effect: Effect.Effect<A, PlatformError>): Effect.Effect<A | undefined, PlatformError> =>
  Effect.catchIf(
    effect,
    (error) => error._tag === "SystemError" && error.reason === "NotFound",
    () => Effect.succeed(undefined)
  )

/** The partial file of one path. */
export class Partial {
  readonly path: string
  readonly #files: FileSystem.FileSystem
  readonly #target: string

  constructor(files: FileSystem.FileSystem, target: string) {
    this.#files = files
    this.#target = target
    this.path = partialOf(target)
  }

  /**
   * Fails if the target is a directory, or the partial file cannot be opened. It is opened because
   * `access` does not say whether that will succeed: Deno's knows neither root nor groups.
   */
  get check(): Effect.Effect<void, PlatformError> {
    return Effect.gen(this, function*() {
      // If it cannot be read, the renaming decides.
      const info = yield* Effect.option(this.#files.stat(this.#target))
      if (Option.isSome(info) && info.value.type === "Directory") {
        return yield* new SystemError({
          reason: "BadResource",
          module: "FileSystem",
          method: "stat",
          pathOrDescriptor: this.#target,
          description: "it is a directory; append the name of a file"
        })
      }
      const { size } = yield* Effect.scoped(
        Effect.flatMap(this.#files.open(this.path, { flag: "a" }), (file) => file.stat)
      )
      if (Number(size) === 0) yield* orNone(this.#files.remove(this.path))
    })
  }

  /** Returns what can be continued; `undefined` if nothing can. */
  load(url: string): Effect.Effect<Kept | undefined, PlatformError> {
    return Effect.gen(this, function*() {
      const text = yield* orNone(this.#files.readFileString(recordOf(this.#target)))
      const record = text === undefined ? undefined : parse(text, url)
      const info = record === undefined ? undefined : yield* orNone(this.#files.stat(this.path))
      const bytes = Number(info?.size ?? 0)
      return record === undefined || bytes === 0 || (record.total !== undefined && bytes > record.total)
        ? undefined
        : { ...record, bytes }
    })
  }

  /** Invalidates the partial file, so that the next load returns nothing. */
  get discard(): Effect.Effect<void, PlatformError> {
    return Effect.asVoid(orNone(this.#files.remove(recordOf(this.#target))))
  }

  /** Opens an empty file. Its bytes can be continued if there is a validator. */
  start(url: string, validator: Validator | undefined, total: number | undefined) {
    return Effect.gen(this, function*() {
      yield* this.discard
      const file = yield* this.#files.open(this.path, { flag: "w" })
      if (validator !== undefined) {
        const record = JSON.stringify({ url: hashOf(url), validator, total })
        yield* this.#files.writeFileString(recordOf(this.#target), record)
      }
      return file
    })
  }

  /**
   * Opens the file to append to its `bytes`. Returns `undefined` if it has another length, because
   * something else removed or changed it; then it is discarded.
   */
  append(bytes: number): Effect.Effect<FileSystem.File | undefined, PlatformError, Scope.Scope> {
    return Effect.gen(this, function*() {
      const file = yield* this.#files.open(this.path, { flag: "a" })
      const { size } = yield* file.stat
      if (Number(size) === bytes) return file
      yield* this.discard
      return undefined
    })
  }

  /** Returns the SHA-256 of the file in hexadecimal. */
  get sha256(): Effect.Effect<string, PlatformError> {
    return Effect.suspend(() => {
      const hash = createHash("sha256")
      return Effect.map(
        Stream.runForEach(
          this.#files.stream(this.path, { chunkSize: 65_536 }),
          (piece) => Effect.sync(() => hash.update(piece))
        ),
        () => hash.digest("hex")
      )
    })
  }

  /**
   * Writes the file to the disk, and renames it atomically. If it does not have its `bytes`,
   * something else changed it, and it must not replace the target.
   */
  publish(bytes: number): Effect.Effect<void, PlatformError> {
    // Opened to write, because the data of a file that is only read is not written to the disk
    // everywhere. The flag does not create a file.
    const synced = Effect.scoped(
      Effect.flatMap(
        this.#files.open(this.path, { flag: "r+" }),
        (file) =>
          Effect.flatMap(
            file.stat,
            ({ size }) => Number(size) === bytes ? file.sync : Effect.fail(this.#changed(Number(size), bytes))
          )
      )
    )
    return synced.pipe(
      Effect.zipRight(this.#files.rename(this.path, this.#target)),
      Effect.tapError(() => this.discard),
      Effect.zipRight(this.discard)
    )
  }

  #changed(size: number, bytes: number): SystemError {
    return new SystemError({
      reason: "Busy",
      module: "FileSystem",
      method: "rename",
      pathOrDescriptor: this.path,
      description: `${bytes} bytes were written, and the file has ${size}. Something else changes it, such as another `
        + "download to the same path"
    })
  }
}
