/**
 * What the scenarios of big transfers have in common: what is transferred, the loop that repeats it until the time is up, and the sources of
 * uploads.
 */
import * as Effect from "effect/Effect"
import type { Sample, Session } from "../../scenario.ts"

/** What a client is asked to do, over one connection, one transfer after the other. */
export interface Transfer {
  readonly url: string
  /** Bytes of content. */
  readonly size: number
  /** Bytes of the body as it is on the wire: more than `size` where it is chunked. For bare sockets only. */
  readonly wireSize: number
  /** How many units of the scenario are in one transfer: MB, or chunks. */
  readonly units: number
  /** The authority of the server, where that is reached by TLS. */
  readonly ca: string | undefined
}

/** Which way the body of a response is read, or that of a request sent. */
export type Way = "stream" | "memory" | "upload"

/** Starts a client. Imported where it is used, so that no client is loaded for another. */
export type Start = (transfer: Transfer, way: Way) => Promise<Session>

export const pieceSize = 64 * 1024

/** What is uploaded again and again: a source that costs nothing. */
export const piece: Uint8Array = Buffer.alloc(pieceSize, "abcdefghijklmnop")

/** The pieces of an upload, made when they are asked for. */
export function* pieces(size: number): Generator<Uint8Array, void> {
  for (let sent = 0; sent < size; sent += pieceSize) yield piece
}

/** Throws unless a response is the right one. */
export const check = (status: number | undefined): void => {
  if (status !== 200) throw new Error(`status ${status}`)
}

/** The bytes that a server says to have taken. */
export const counted = (text: string): number => Number(text)

const checkSize = (transfer: Transfer, size: number): void => {
  if (size !== transfer.size) throw new Error(`${size} bytes of ${transfer.size}`)
}

const sampleOf = (transfer: Transfer, times: number, start: number): Sample => {
  const count = times * transfer.units
  return { value: count / ((performance.now() - start) / 1000), count }
}

/** A session that repeats a transfer, which gives its bytes. */
export const repeat = (transfer: Transfer, once: () => Promise<number>, stop: () => Promise<void>): Session => ({
  stop,
  run: async (millis) => {
    const start = performance.now()
    let times = 0
    do {
      checkSize(transfer, await once())
      times++
    } while (performance.now() - start < millis)
    return sampleOf(transfer, times, start)
  }
})

/** The same for an effect: one fiber for all transfers of a run. */
export const repeatEffect = (
  transfer: Transfer,
  once: Effect.Effect<number, unknown>,
  stop: () => Promise<void>
): Session => ({
  stop,
  run: (millis) =>
    Effect.runPromise(Effect.suspend(() => {
      const start = performance.now()
      let times = 0
      const loop: Effect.Effect<Sample, unknown> = Effect.flatMap(once, (size) => {
        checkSize(transfer, size)
        times++
        return performance.now() - start < millis ? loop : Effect.succeed(sampleOf(transfer, times, start))
      })
      return loop
    }))
})
