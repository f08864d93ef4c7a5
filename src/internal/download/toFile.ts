/**
 * Downloads a content to a file: requests the missing bytes, appends them to the partial file, and
 * renames that when it is complete.
 */
import type { PlatformError } from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import { isHttpRequest, setHeader } from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import * as Origin from "../../Origin.ts"
import { filterStatus } from "../body/statusCheck.ts"
import type { PoolLike } from "../effect/wrappedPool.ts"
import { InvalidOption } from "../error/request.ts"
import type { StatusError } from "../error/status.ts"
import type { BodyFailure } from "../error/unions.ts"
import { notRequest } from "../options.ts"
import type { ExecuteFailure } from "../pool/call.ts"
import { budgetKey, failedWith, type Outcome, retrying } from "../retry/retrying.ts"
import { ChecksumMismatch, UnexpectedRange } from "./errors.ts"
import type { Options, Progress, Settings } from "./options.ts"
import { settingsOf } from "./options.ts"
import { Partial } from "./partial.ts"
import type { Kept } from "./plan.ts"
import { isPlannable, planOf } from "./plan.ts"

/** The cause of a failed download. */
export type Cause =
  | ExecuteFailure<never>
  | BodyFailure
  | StatusError
  | UnexpectedRange
  | ChecksumMismatch
  | PlatformError

/**
 * A content that was downloaded.
 *
 * @since 0.3.0
 * @category models
 */
export interface Downloaded {
  readonly path: string
  /** The length of the content. */
  readonly bytes: number
  /** The bytes that an earlier call had downloaded; 0 if the whole content was requested. */
  readonly resumedFrom: number
}

type Pool = Pick<PoolLike<unknown>, "execute">

const owned: ReadonlyArray<string> = ["range", "if-range", "accept-encoding"]

/** Returns the error of a request that has no content to download, or whose fields are set here. */
const unusable = (request: HttpRequest): InvalidOption | undefined => {
  if (!isHttpRequest(request)) return new InvalidOption({ option: "request", reason: "make it with `HttpRequest.get`" })
  const invalid = notRequest(request)
  if (invalid !== undefined) return invalid
  if (request.method !== "GET") return new InvalidOption({ option: "request.method", reason: "it must be GET" })
  const name = owned.find((name) => HttpFields.has(request.fields, name))
  return name === undefined
    ? undefined
    : new InvalidOption({ option: "request.fields", reason: `the download sets the field ${name} itself` })
}

type Own = UnexpectedRange | ChecksumMismatch | PlatformError

/** True for a failure that is not one of the exchange, and is not retried. */
const isOwn = (cause: Cause): cause is Own =>
  cause._tag === "UnexpectedRange" || cause._tag === "ChecksumMismatch" || cause._tag === "SystemError"
  || cause._tag === "BadArgument"

/** Downloads one content. One instance belongs to one call. */
export class Download<R> {
  readonly #pool: Pool
  readonly #request: HttpRequest
  readonly #settings: Settings<R>
  readonly #partial: Partial
  readonly #path: string
  readonly #url: string
  #written = 0
  #total: number | undefined
  /** The bytes that were kept when this call began; `undefined` until it has read the file. */
  #found: number | undefined
  #reported = -Infinity

  constructor(pool: Pool, files: FileSystem.FileSystem, request: HttpRequest, path: string, settings: Settings<R>) {
    this.#pool = pool
    this.#request = request
    this.#settings = settings
    this.#partial = new Partial(files, path)
    this.#path = path
    const { origin, target } = request
    this.#url = Origin.isOrigin(origin) ? `${Origin.format(origin)} ${target}` : target
  }

  get written(): number {
    return this.#written
  }

  get total(): number | undefined {
    return this.#total
  }

  get partialPath(): string {
    return this.#partial.path
  }

  /** True if another call can continue. */
  get isResumable(): Effect.Effect<boolean> {
    return Effect.match(this.#partial.load(this.#url), {
      onFailure: () => false,
      onSuccess: (kept) => kept !== undefined
    })
  }

  get run(): Effect.Effect<Downloaded, Cause, R> {
    const { resume, retry } = this.#settings
    const { origin, target } = this.#request
    const { check, discard } = this.#partial
    const first = resume ? check : Effect.zipRight(check, discard)
    return Effect.zipRight(
      first,
      retrying<Downloaded, Cause, R>(retry, {
        origin: Origin.isOrigin(origin) ? Origin.format(origin) : budgetKey(target),
        send: this.#attempt,
        outcomeOf: (result) => this.#outcomeOf(result)
      })
    )
  }

  #outcomeOf(result: Either.Either<Downloaded, Cause>): Outcome {
    return Either.isLeft(result) && !isOwn(result.left)
      ? failedWith(result.left, this.#request, this.#settings.retry)
      : { repeatable: false, error: undefined, status: undefined, retryAfter: [], resends: 0, release: Effect.void }
  }

  /** Requests the missing parts until there are none. */
  get #attempt(): Effect.Effect<Downloaded, Cause, R> {
    return Effect.gen(this, function*() {
      let kept = yield* this.#load
      this.#found ??= this.#written
      while (kept === undefined || kept.bytes !== kept.total) {
        const before: Kept | undefined = kept
        const response: HttpResponse = yield* this.#pool.execute(this.#requestFor(before))
        const isWhole: boolean = yield* Effect.ensuring(Effect.scoped(this.#receive(before, response)), response.close)
        if (isWhole) break
        kept = yield* this.#load
      }
      return yield* this.#finish
    })
  }

  get #load(): Effect.Effect<Kept | undefined, PlatformError> {
    return Effect.tap(this.#partial.load(this.#url), (kept) => {
      this.#written = kept?.bytes ?? 0
      this.#total = kept?.total ?? this.#total
    })
  }

  #requestFor(kept: Kept | undefined): HttpRequest {
    const whole = setHeader(this.#request, "Accept-Encoding", "identity")
    return kept === undefined
      ? whole
      : whole.pipe(setHeader("Range", `bytes=${kept.bytes}-`), setHeader("If-Range", kept.validator.value))
  }

  /** Writes the body of the response. Returns true if the content is then complete. */
  #receive(kept: Kept | undefined, given: HttpResponse): Effect.Effect<boolean, Cause, R | Scope.Scope> {
    return Effect.gen(this, function*() {
      const response = yield* filterStatus(given, isPlannable(kept))
      const plan = planOf(kept, response, yield* Clock.currentTimeMillis)
      if (plan instanceof UnexpectedRange) return yield* this.#refuse(plan)
      if (plan._tag === "Complete") return true
      if (plan._tag === "Discard") {
        yield* this.#partial.discard
        return false
      }
      const isStart = plan._tag === "Start"
      const file = isStart
        ? yield* this.#partial.start(this.#url, plan.validator, plan.total)
        : yield* this.#partial.append(this.#written)
      if (file === undefined) return false
      if (isStart) {
        this.#written = 0
        this.#found = 0
      }
      this.#total = plan.total
      const end = isStart ? Infinity : plan.end
      const wrong = (reason: string) =>
        new UnexpectedRange({ requested: kept?.bytes, contentRange: response.getHeader("Content-Range"), reason })
      yield* this.#report(true)
      yield* Stream.runForEach(response.stream, (piece) => {
        if (this.#written + piece.length > end) return this.#refuse(wrong("it is longer than its Content-Range says"))
        return Effect.zipRight(
          // A write of the system cannot be stopped. If the fiber did not wait for it, the bytes
          // could be written after those of the next call.
          Effect.uninterruptible(file.writeAll(piece)),
          Effect.suspend(() => {
            this.#written += piece.length
            return this.#report(false)
          })
        )
      })
      if (!isStart && this.#written < end) {
        // A part that ends with its connection may have been cut. Its bytes are good, and each such
        // response brings at least one, so that requesting the rest comes to an end.
        if (response.framing === "close" && this.#written > (kept?.bytes ?? 0)) return false
        return yield* this.#refuse(wrong("it is shorter than its Content-Range says"))
      }
      return isStart || this.#written === plan.total
    })
  }

  #refuse(error: UnexpectedRange): Effect.Effect<never, UnexpectedRange | PlatformError> {
    return Effect.zipRight(this.#partial.discard, Effect.fail(error))
  }

  #report(isForced: boolean): Effect.Effect<void, never, R> {
    const { intervalMillis, onProgress } = this.#settings
    if (onProgress === undefined) return Effect.void
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (!isForced && now - this.#reported < intervalMillis) return Effect.void
      this.#reported = now
      return onProgress(this.#progress)
    })
  }

  get #progress(): Progress {
    return { bytes: this.#written, total: this.#total, resumedFrom: this.#found ?? 0 }
  }

  /** Compares the checksum, and renames the file. */
  get #finish(): Effect.Effect<Downloaded, Cause, R> {
    return Effect.gen(this, function*() {
      const expected = this.#settings.sha256
      if (expected !== undefined) {
        const actual = yield* this.#partial.sha256
        if (actual !== expected) {
          yield* this.#partial.discard
          return yield* new ChecksumMismatch({ expected, actual, bytes: this.#written })
        }
      }
      this.#total = this.#written
      yield* this.#report(true)
      yield* this.#partial.publish(this.#written)
      return { path: this.#path, bytes: this.#written, resumedFrom: this.#found ?? 0 }
    })
  }
}

/** Returns a download of these arguments, or the error in them. */
export const make = <R>(
  pool: Pool,
  files: FileSystem.FileSystem,
  request: HttpRequest,
  path: string,
  options: Options<R>
): Download<R> | InvalidOption => {
  const settings = settingsOf(options)
  if (settings instanceof InvalidOption) return settings
  if (typeof path !== "string" || path === "") {
    return new InvalidOption({ option: "path", reason: "it must be the path of a file" })
  }
  if (/[\\/]$/.test(path)) {
    return new InvalidOption({ option: "path", reason: "it ends like a directory; append the name of a file" })
  }
  return unusable(request) ?? new Download(pool, files, request, path, settings)
}
