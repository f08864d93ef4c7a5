/**
 * Parses an event stream (WHATWG HTML section 9.2.6): bytes in, events out.
 *
 * Lines are found in the bytes, because no byte of a longer UTF-8 sequence is CR or LF. Each byte
 * is searched and copied a fixed number of times, so the cost is linear for any split. A CR ends
 * its line at once; if the next byte is LF, it belongs to the same end. Every limit is found at the
 * same byte however the bytes are split.
 */
import { uncleared } from "../bytes.ts"
import { latin1 } from "./lineScanner.ts"

/** One event, documented in `src/Sse.ts`. */
export interface Event {
  /** The type of the event: its field `event`, or `message` without one. */
  readonly event: string
  /** The values of its `data` fields, joined by LF. */
  readonly data: string
  /**
   * The last `id` that the server has sent, with this event or before it. `""` without one, or if
   * the last one is empty.
   */
  readonly id: string
  /**
   * The reconnection time in milliseconds that the server asks for: the last `retry` that it has
   * sent, with this event or before it. `undefined` without one.
   */
  readonly retry: number | undefined
}

const LF = 0x0a
const CR = 0x0d
const COLON = 0x3a
const SPACE = 0x20
const NUL = 0x00

/** The length of the longest field names that have a meaning: `event` and `retry`. */
const longestName = 5

/** Does not remove a byte order mark, because that is removed once, at the start of the stream. */
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true })

/** The size up to which a buffer is kept for the next line or event. */
const keptRoom = 16_384

const empty: Uint8Array = new Uint8Array(0)

/** Collects bytes. The capacity doubles, so that adding one byte at a time stays linear. */
class Collected {
  bytes: Uint8Array = empty
  length = 0

  add(bytes: Uint8Array, from: number, to: number): void {
    const wanted = this.length + to - from
    if (wanted > this.bytes.length) {
      const room = uncleared(Math.max(256, wanted, this.bytes.length * 2))
      room.set(this.bytes.subarray(0, this.length))
      this.bytes = room
    }
    this.bytes.set(bytes.subarray(from, to), this.length)
    this.length = wanted
  }

  clear(): void {
    this.length = 0
    if (this.bytes.length > keptRoom) this.bytes = empty
  }
}

const hasMark = (bytes: Uint8Array, from: number, to: number): boolean =>
  to - from >= 3 && bytes[from] === 0xef && bytes[from + 1] === 0xbb && bytes[from + 2] === 0xbf

/** Returns the number in ASCII digits; `undefined` if there are none, or other characters. */
const digitsOf = (bytes: Uint8Array, from: number, to: number): number | undefined => {
  for (let i = from; i < to; i++) {
    const byte = bytes[i] as number
    if (byte < 0x30 || byte > 0x39) return undefined
  }
  return from === to ? undefined : Number(latin1(bytes, from, to))
}

export class EventStreamParser {
  /** The last `id` of a complete block, which names the position for a reconnection. */
  lastEventId: string
  /** The last `retry`, in milliseconds. It counts as soon as its line is complete. */
  retryMillis: number | undefined
  /** True if the stream has had an event. */
  hasEvents = false
  readonly #limit: number
  readonly #line = new Collected()
  /** The values of the `data` fields of this block, each followed by LF. */
  readonly #data = new Collected()
  #event = ""
  #eventLength = 0
  /** The length of the `id` of this block. */
  #idLength = 0
  /** The last `id`, whose block may be incomplete. */
  #id: string
  #isFirstLine = true
  #isAfterCr = false
  #isFaulty = false

  /** `limit` is the number of bytes that an incomplete event may have, with its last line. */
  constructor(limit: number, lastEventId: string, retryMillis: number | undefined) {
    this.#limit = limit
    this.lastEventId = lastEventId
    this.#id = lastEventId
    this.retryMillis = retryMillis
  }

  /**
   * Parses the next bytes and adds the events that they complete. Returns false if an event is
   * larger than the limit; nothing is parsed after that.
   */
  push(bytes: Uint8Array, events: Array<Event>): boolean {
    if (this.#isFaulty) return false
    let from = 0
    if (this.#isAfterCr && bytes.length > 0) {
      this.#isAfterCr = false
      if (bytes[0] === LF) from = 1
    }
    let cr = bytes.indexOf(CR, from)
    let lf = bytes.indexOf(LF, from)
    while (cr >= 0 || lf >= 0) {
      const end = cr < 0 || (lf >= 0 && lf < cr) ? lf : cr
      if (!this.#endLine(bytes, from, end, events)) return false
      from = end + 1
      if (end === cr) {
        if (from === bytes.length) this.#isAfterCr = true
        else if (bytes[from] === LF) from++
      }
      if (cr >= 0 && cr < from) cr = bytes.indexOf(CR, from)
      if (lf >= 0 && lf < from) lf = bytes.indexOf(LF, from)
    }
    if (!this.#fits(bytes.length - from)) return false
    this.#line.add(bytes, from, bytes.length)
    return true
  }

  /**
   * True if a line that grows by so many bytes is within the limit, together with the rest of its
   * event.
   */
  #fits(more: number): boolean {
    const fields = this.#data.length + this.#eventLength + this.#idLength
    if (this.#line.length + more + fields <= this.#limit) return true
    this.#isFaulty = true
    return false
  }

  #endLine(bytes: Uint8Array, from: number, end: number, events: Array<Event>): boolean {
    if (!this.#fits(end - from)) return false
    if (this.#line.length === 0) {
      this.#readLine(bytes, from, end, events)
    } else {
      this.#line.add(bytes, from, end)
      this.#readLine(this.#line.bytes, 0, this.#line.length, events)
      this.#line.clear()
    }
    return true
  }

  #readLine(bytes: Uint8Array, start: number, end: number, events: Array<Event>): void {
    let from = start
    if (this.#isFirstLine) {
      this.#isFirstLine = false
      if (hasMark(bytes, from, end)) from += 3
    }
    if (from === end) return this.#dispatch(events)
    let colon = from
    const last = Math.min(end, from + longestName + 1)
    while (colon < last && bytes[colon] !== COLON) colon++
    // A comment, or a name that is longer than any with a meaning.
    if (colon === from || colon - from > longestName) return
    let value = Math.min(colon + 1, end)
    if (value < end && bytes[value] === SPACE) value++
    this.#field(latin1(bytes, from, colon), bytes, value, end)
  }

  #field(name: string, bytes: Uint8Array, from: number, end: number): void {
    switch (name) {
      case "data":
        this.#data.add(bytes, from, end)
        return this.#data.add(lineFeed, 0, 1)
      case "event":
        this.#event = utf8.decode(bytes.subarray(from, end))
        this.#eventLength = end - from
        return
      case "id": {
        const value = bytes.subarray(from, end)
        if (value.includes(NUL)) return
        this.#id = utf8.decode(value)
        this.#idLength = end - from
        return
      }
      case "retry":
        this.retryMillis = digitsOf(bytes, from, end) ?? this.retryMillis
        return
    }
  }

  /** Ends a block. A block without `data` is not an event, although its `id` counts. */
  #dispatch(events: Array<Event>): void {
    this.lastEventId = this.#id
    if (this.#data.length > 0) {
      this.hasEvents = true
      events.push({
        event: this.#event === "" ? "message" : this.#event,
        data: utf8.decode(this.#data.bytes.subarray(0, this.#data.length - 1)),
        id: this.#id,
        retry: this.retryMillis
      })
      this.#data.clear()
    }
    this.#event = ""
    this.#eventLength = 0
    this.#idLength = 0
  }
}

const lineFeed: Uint8Array = Uint8Array.of(LF)
