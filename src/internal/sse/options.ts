/** The options of decoding events, and their checked form. */
import { InvalidOption } from "../error/request.ts"
import { notRecord } from "../options.ts"
import { longest } from "../text.ts"

/**
 * The options of `decode`.
 *
 * @since 0.2.0
 * @category models
 */
export interface DecodeOptions {
  /**
   * The most bytes of one event: its fields, with the line that is being received. A longer one
   * fails with `EventTooLarge`. It bounds the memory of a stream. `Infinity` for the longest
   * possible text (536,870,888). Default: 16,777,216 (16 MiB).
   */
  readonly maxEventBytes?: number | undefined
  /**
   * True if only the status 200 with the Content-Type `text/event-stream` is accepted, as in
   * browsers. `false` accepts any successful status (2xx) and any Content-Type. Default: `true`.
   */
  readonly check?: boolean | undefined
}

/** Checked options. */
export interface DecodeSettings {
  readonly maxEventBytes: number
  readonly check: boolean
}

const defaultMax = 16_777_216

/** Returns the settings of these options, or the error in them. */
export const decodeSettings = (options: DecodeOptions | undefined): DecodeSettings | InvalidOption => {
  const unusable = notRecord("options", options)
  if (unusable !== undefined) return unusable
  const { check = true, maxEventBytes = defaultMax } = options ?? {}
  if (typeof check !== "boolean") return new InvalidOption({ option: "check", reason: "it must be a boolean" })
  if (!(Number.isInteger(maxEventBytes) && maxEventBytes >= 1) && maxEventBytes !== Infinity) {
    return new InvalidOption({
      option: "maxEventBytes",
      reason: "it must be a whole number of bytes of at least 1, or Infinity"
    })
  }
  return { check, maxEventBytes: Math.min(maxEventBytes, longest.text) }
}
