/**
 * Decodes the body that follows a head: none, by length, or until close. The chunked coding is in
 * `chunked.ts`.
 *
 * A decoder receives views and reports which part of each is data. It copies nothing, and it
 * allocates nothing in proportion to a number that the peer sent.
 */
import * as HttpFields from "../../HttpFields.ts"
import type * as HttpLimits from "../../HttpLimits.ts"
import type { ChunkExtensionsTooLong, ChunkTooLarge, InvalidChunkEnd, InvalidChunkSize } from "../error/body.ts"
import { BodyTooLarge, IncompleteRead } from "../error/body.ts"
import type { TrailerError } from "./trailers.ts"

/** The faults of a body. */
export type BodyError =
  | BodyTooLarge
  | ChunkExtensionsTooLong
  | ChunkTooLarge
  | IncompleteRead
  | InvalidChunkEnd
  | InvalidChunkSize
  | TrailerError

/** Reads one body. */
export interface BodyDecoder {
  /**
   * Reads `bytes` from `from` up to the next piece of data, and returns the offset where it
   * stopped. The piece is `bytes` from `dataStart` to `dataEnd`, and may be empty.
   */
  decode(bytes: Uint8Array, from: number): number
  /**
   * Called when the connection has ended; `cut` is true if its end is not proven. Completes the
   * body if it ends with the connection, otherwise sets `error`.
   */
  eof(cut: boolean): void
  readonly dataStart: number
  readonly dataEnd: number
  /** Bytes of data received. */
  readonly received: number
  readonly done: boolean
  readonly error: BodyError | undefined
  readonly trailers: HttpFields.HttpFields
  /** True if a relaxation of `HttpLeniency` was needed. */
  readonly relaxed: boolean
}

/**
 * A body of known length; 0 if there is none. There is one for each response, so what never changes
 * is in the prototype.
 */
export class LengthDecoder implements BodyDecoder {
  dataStart = 0
  dataEnd = 0
  received = 0
  error: BodyError | undefined
  readonly #length: number

  constructor(length: number, limits: HttpLimits.HttpLimits) {
    this.#length = length
    // Fails before a byte is read, because the announced length already exceeds the limit.
    if (length > limits.body) this.error = new BodyTooLarge({ limit: limits.body })
  }

  get trailers(): HttpFields.HttpFields {
    return HttpFields.empty
  }

  get relaxed(): boolean {
    return false
  }

  get done(): boolean {
    return this.received === this.#length
  }

  decode(bytes: Uint8Array, from: number): number {
    this.dataStart = from
    this.dataEnd = Math.min(bytes.length, from + this.#length - this.received)
    this.received += this.dataEnd - from
    return this.dataEnd
  }

  eof(): void {
    this.error = new IncompleteRead({ received: this.received, expected: this.#length, partial: undefined })
  }
}

/** A body that ends with the connection. */
export class CloseDecoder implements BodyDecoder {
  readonly trailers = HttpFields.empty
  readonly relaxed = false
  dataStart = 0
  dataEnd = 0
  received = 0
  done = false
  error: BodyError | undefined
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  decode(bytes: Uint8Array, from: number): number {
    this.dataStart = from
    this.dataEnd = Math.min(bytes.length, from + this.#limit - this.received)
    this.received += this.dataEnd - from
    if (this.dataEnd < bytes.length) this.error = new BodyTooLarge({ limit: this.#limit })
    return this.dataEnd
  }

  /**
   * Handles the end of the connection. Over TLS it ends the body only if TLS announced it (RFC 9112
   * section 9.8).
   */
  eof(cut: boolean): void {
    if (cut) {
      this.error = new IncompleteRead({
        received: this.received,
        expected: undefined,
        partial: undefined,
        unproven: true,
        relaxations: ["missingCloseNotify"]
      })
    } else this.done = true
  }
}
