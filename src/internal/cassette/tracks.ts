/**
 * A recorded connection as a play: the acts of the client, and the cues of the server.
 *
 * A cue is due when the client has sent as much as it had when the cue was recorded. The delay
 * since then, or since the previous cue, must also have passed.
 */
import { type Comparison, type Head } from "./compare.ts"
import { converse } from "./dialogue.ts"
import type { Connection, Opening } from "./model.ts"
import type { Message, Part } from "./reader.ts"

export type Act =
  | {
    readonly _tag: "Message"
    readonly message: Message
    readonly head: Head
    /** True if the channel is no longer HTTP after the response. */
    readonly upgrades: boolean
    /** True once a request has been matched with it. */
    played: boolean
    /**
     * Replaces the recorded request while only the head of that request has been matched.
     * `undefined` once it has its body, or an answer.
     */
    yields: ((other: Found) => void) | undefined
  }
  | { readonly _tag: "Socks"; readonly bytes: Uint8Array }
  | { readonly _tag: "Raw"; readonly length: number }
  | { readonly _tag: "Secure"; readonly millis: number; readonly result: Opening }
  | { readonly _tag: "End" }

/** A request of a track. */
export interface Found {
  readonly track: Track
  readonly act: number
  readonly request: Extract<Act, { readonly _tag: "Message" }>
}

/**
 * The progress of the client: the act, and within it 1 after the head of a request, or the number
 * of bytes.
 */
export interface Point {
  readonly act: number
  readonly step: number
}

export type Cue =
  & { readonly need: Point; readonly delay: number }
  & (
    | { readonly _tag: "Bytes"; readonly bytes: Uint8Array }
    | { readonly _tag: "End"; readonly proven: boolean | undefined }
    | { readonly _tag: "Fault"; readonly code: string }
  )

export const reached = (progress: Point, need: Point): boolean =>
  progress.act > need.act || (progress.act === need.act && progress.step >= need.step)

export interface Track {
  /** Its number in the cassette. */
  readonly index: number
  readonly connection: Connection
  /** All bytes of the client. */
  readonly sent: Uint8Array
  readonly acts: ReadonlyArray<Act>
  readonly cues: ReadonlyArray<Cue>
  opened: boolean
}

/** An act, and its offset in the bytes of the client. */
interface Placed {
  readonly act: Act
  readonly start: number
  readonly headEnd: number
  readonly end: number
}

/** Returns the point at this many bytes of the client, and after this many other acts. */
const pointAt = (placed: ReadonlyArray<Placed>, offset: number, others: number): Point => {
  let left = others
  for (const [index, { act, end, headEnd, start }] of placed.entries()) {
    if (act._tag === "Secure" || act._tag === "End") {
      if (left-- <= 0) return { act: index, step: 0 }
    } else if (end < 0 || offset < end) {
      const step = act._tag === "Message" ? Number(headEnd >= 0 && offset >= headEnd) : Math.max(0, offset - start)
      return { act: index, step }
    }
  }
  return { act: placed.length, step: 0 }
}

export const trackOf = (connection: Connection, index: number, comparison: Comparison): Track => {
  const { events } = connection
  const { client, exchanges } = converse(events)
  const upgraded = new Set(
    exchanges.flatMap(({ request, response }) => response?.status === 101 ? [request] : [])
  )
  const place = (part: Part): Placed => {
    if (part._tag === "Message") {
      const head = comparison.head(part)
      return {
        act: { _tag: "Message", message: part, head, upgrades: upgraded.has(part), played: false, yields: undefined },
        start: part.start,
        headEnd: part.headEnd,
        end: part.end
      }
    }
    const { end, start } = part
    const act: Act = part._tag === "Socks"
      ? { _tag: "Socks", bytes: client.store.view.subarray(start, end) }
      : { _tag: "Raw", length: end - start }
    return { act, start, headEnd: end, end }
  }
  const placed: Array<Placed> = []
  const parts = [...client.parts]
  let offset = 0
  const take = (): void => {
    while (parts[0] !== undefined && (parts[0].start < offset)) placed.push(place(parts.shift() as Part))
  }
  for (const event of events) {
    if (event._tag === "Bytes" && event.from === "Client") offset += event.bytes.length
    const other: Act | undefined = event._tag === "Secure"
      ? { _tag: "Secure", millis: millisOf(event.result, event.at), result: event.result }
      : event._tag === "End" && event.from === "Client"
      ? { _tag: "End" }
      : undefined
    if (other === undefined) continue
    take()
    placed.push({ act: other, start: offset, headEnd: offset, end: offset })
  }
  take()
  return {
    index,
    connection,
    sent: client.store.view,
    acts: placed.map(({ act }) => act),
    cues: cuesOf(connection, placed),
    opened: false
  }
}

/** Returns how long an opening took. */
export const millisOf = (opening: Opening, from: number): number =>
  opening._tag === "Unfinished" ? 0 : Math.max(0, opening.at - from)

const cuesOf = ({ events }: Connection, placed: ReadonlyArray<Placed>): ReadonlyArray<Cue> => {
  const cues: Array<Cue> = []
  let offset = 0
  let others = 0
  let need: Point = { act: 0, step: 0 }
  /** The time of that point, or of the previous cue. */
  let since = events[0]?.at ?? 0
  for (const event of events) {
    const isClient = event._tag === "Secure"
      || ((event._tag === "Bytes" || event._tag === "End") && event.from === "Client")
    if (isClient) {
      if (event._tag === "Bytes") offset += event.bytes.length
      else others++
      const point = pointAt(placed, offset, others)
      if (reached(need, point)) continue
      need = point
      since = event._tag === "Secure" ? event.at + millisOf(event.result, event.at) : event.at
      continue
    }
    const delay = Math.max(0, event.at - since)
    if (event._tag === "Bytes") cues.push({ _tag: "Bytes", bytes: event.bytes, need, delay })
    else if (event._tag === "End") cues.push({ _tag: "End", proven: event.proven, need, delay })
    else if (event._tag === "Fault") cues.push({ _tag: "Fault", code: event.code, need, delay })
    else continue
    since = event.at
  }
  return cues
}
