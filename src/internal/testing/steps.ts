/**
 * The parts of a script of the test transport: plain data, and the functions that build it.
 *
 * Plays nothing. Rules: a step holds no state, so that many scripts may contain it. Strings are
 * ISO-8859-1, one byte a character, as on the wire.
 */
import * as Duration from "effect/Duration"
import type { ConnectError, DnsError, HttpTimeout, TlsError } from "../../HttpError.ts"

/** How `reply` splits its bytes. */
export type Split = "bytes" | number | ReadonlyArray<number>

/** Steps that check the client. They are played at once, within the call that completes them. */
export type ClientStep =
  | { readonly _tag: "Expect"; readonly bytes: Uint8Array }
  | { readonly _tag: "Discard"; readonly count: number }
  | { readonly _tag: "DiscardUntil"; readonly bytes: Uint8Array }
  | { readonly _tag: "ExpectEnd" }
  | { readonly _tag: "ExpectDestroy" }
  | { readonly _tag: "RefuseTls"; readonly error: TlsError }
  | { readonly _tag: "WriteFails"; readonly code: string }

/**
 * Steps that the client observes. They are played in a separate microtask, never within a call of
 * the client.
 */
export type PeerStep =
  | { readonly _tag: "Reply"; readonly bytes: Uint8Array; readonly pieces: ReadonlyArray<Uint8Array> }
  | { readonly _tag: "Eof"; readonly proven: boolean }
  | { readonly _tag: "Fail"; readonly code: string }
  | { readonly _tag: "UnblockWrites" }

export type Step =
  | ClientStep
  | PeerStep
  | { readonly _tag: "BlockWrites" }
  | { readonly _tag: "Delay"; readonly duration: Duration.Duration }
  | { readonly _tag: "Stall" }

export type OpenError = DnsError | ConnectError | TlsError | HttpTimeout

export interface Connection {
  /**
   * The result of opening. `Refuse` without an error is ECONNREFUSED, created when the address is
   * known.
   */
  readonly open:
    | { readonly _tag: "Accept" }
    | { readonly _tag: "Stall" }
    | { readonly _tag: "Refuse"; readonly error: OpenError | undefined }
  /** Milliseconds before that result. */
  readonly after: number
  readonly steps: ReadonlyArray<Step>
}

/** True if the end of the channel completes the step or makes it irrelevant. */
export const endsWithTheChannel = (step: Step): boolean => {
  switch (step._tag) {
    case "Eof":
    case "Stall":
    case "ExpectDestroy":
    case "BlockWrites":
    case "UnblockWrites":
      return true
    case "Discard":
      return step.count === Infinity
    default:
      return false
  }
}

/** The most that `NodeTransport` delivers in one call. */
const largestPiece = 65_536

export const toBytes = (bytes: Uint8Array | string): Uint8Array =>
  typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes

const cut = (bytes: Uint8Array, split: Split): ReadonlyArray<Uint8Array> => {
  const size = split === "bytes" ? 1 : typeof split === "number" ? Math.max(1, Math.trunc(split)) : largestPiece
  const offsets = typeof split === "object" ? [...split].sort((a, b) => a - b) : []
  const pieces: Array<Uint8Array> = []
  let start = 0
  for (const offset of [...offsets, bytes.length]) {
    while (start < Math.min(offset, bytes.length)) {
      const end = Math.min(start + Math.min(size, largestPiece), offset, bytes.length)
      pieces.push(bytes.subarray(start, end))
      start = end
    }
  }
  return pieces
}

export const expect = (bytes: Uint8Array | string): Step => ({ _tag: "Expect", bytes: toBytes(bytes) })

export const discard = (count?: number): Step => ({ _tag: "Discard", count: count ?? Infinity })

export const discardUntil = (bytes: Uint8Array | string): Step => ({ _tag: "DiscardUntil", bytes: toBytes(bytes) })

export const reply = (bytes: Uint8Array | string, options?: { readonly split?: Split | undefined }): Step => {
  const all = toBytes(bytes)
  return { _tag: "Reply", bytes: all, pieces: cut(all, options?.split ?? largestPiece) }
}

export const eof: Step = { _tag: "Eof", proven: true }

export const cutOff: Step = { _tag: "Eof", proven: false }

export const fail = (code: string): Step => ({ _tag: "Fail", code })

export const reset: Step = fail("ECONNRESET")

export const writeFails = (code: string): Step => ({ _tag: "WriteFails", code })

export const stall: Step = { _tag: "Stall" }

export const delay = (duration: Duration.DurationInput): Step => ({
  _tag: "Delay",
  duration: Duration.decode(duration)
})

export const expectEnd: Step = { _tag: "ExpectEnd" }

export const expectDestroy: Step = { _tag: "ExpectDestroy" }

export const blockWrites: Step = { _tag: "BlockWrites" }

export const unblockWrites: Step = { _tag: "UnblockWrites" }

export const refuseTls = (error: TlsError): Step => ({ _tag: "RefuseTls", error })

export const connection = (...steps: ReadonlyArray<Step>): Connection => ({ open: { _tag: "Accept" }, after: 0, steps })

export const refuse = (error?: OpenError): Connection => ({ open: { _tag: "Refuse", error }, after: 0, steps: [] })

export const openStalls: Connection = { open: { _tag: "Stall" }, after: 0, steps: [] }

export const openAfter = (duration: Duration.DurationInput, connection: Connection): Connection => ({
  ...connection,
  after: connection.after + Duration.toMillis(duration)
})
