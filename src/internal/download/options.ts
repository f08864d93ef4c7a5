/** The options of downloads, and their checked form. */
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { InvalidOption } from "../error/request.ts"
import { notRecord } from "../options.ts"
import type { Options as RetryOptions, Policy } from "../retry/options.ts"
import { policyOf } from "../retry/options.ts"

/**
 * The progress of a download.
 *
 * @since 0.3.0
 * @category models
 */
export interface Progress {
  /** The bytes in the partial file, including those of earlier calls. */
  readonly bytes: number
  /** The length of the content; `undefined` if the server does not announce it. */
  readonly total: number | undefined
  /** The bytes that were in the partial file before this call. */
  readonly resumedFrom: number
}

/**
 * The options of `toFile`.
 *
 * @since 0.3.0
 * @category models
 */
export interface Options<R = never> {
  /**
   * True if the partial file of an earlier call is continued, false if it is discarded first.
   * Default: `true`.
   */
  readonly resume?: boolean | undefined
  /**
   * The SHA-256 of the whole content: 64 hexadecimal digits. The file is read again to compare it.
   * Default: not compared.
   */
  readonly sha256?: string | undefined
  /**
   * Runs with the progress: once when a response begins, then at most once in each
   * `progressInterval`, and once at the end of the content. The download waits for it, so it should
   * be quick. Default: none.
   */
  readonly onProgress?: ((progress: Progress) => Effect.Effect<void, never, R>) | undefined
  /** The least time between two calls of `onProgress`. Default: 100 milliseconds. */
  readonly progressInterval?: Duration.DurationInput | undefined
  /**
   * When and how often the request for the rest is sent after a failure that may be temporary, or a
   * status such as 503. `false` for never. Default: the defaults of `HttpRetry`, twice.
   */
  readonly retry?: RetryOptions | false | undefined
}

/** Checked options. */
export interface Settings<R> {
  readonly resume: boolean
  readonly sha256: string | undefined
  readonly onProgress: ((progress: Progress) => Effect.Effect<void, never, R>) | undefined
  readonly intervalMillis: number
  readonly retry: Policy
}

const invalid = (option: string, reason: string): InvalidOption => new InvalidOption({ option, reason })

/** Returns the settings of these options, or the error in them. */
export const settingsOf = <R>(options: Options<R>): Settings<R> | InvalidOption => {
  const unusable = notRecord("options", options)
  if (unusable !== undefined) return unusable
  const { onProgress, progressInterval = "100 millis", resume = true, retry = {}, sha256 } = options
  if (typeof resume !== "boolean") return invalid("resume", "it must be a boolean")
  if (sha256 !== undefined && !(typeof sha256 === "string" && /^[0-9a-f]{64}$/i.test(sha256))) {
    return invalid("sha256", "it must have 64 hexadecimal digits")
  }
  if (onProgress !== undefined && typeof onProgress !== "function") {
    return invalid("onProgress", "it must be a function that returns an Effect")
  }
  const interval = Duration.decodeUnknown(progressInterval)
  if (Option.isNone(interval)) return invalid("progressInterval", "it must be a duration, such as \"1 second\"")
  const policy = policyOf(retry === false ? { times: 0 } : retry)
  if (policy instanceof InvalidOption) return policy
  return {
    resume,
    sha256: sha256?.toLowerCase(),
    onProgress,
    intervalMillis: Duration.toMillis(interval.value),
    retry: policy
  }
}
