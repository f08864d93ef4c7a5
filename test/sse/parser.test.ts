/**
 * How an event stream is read (WHATWG HTML section 9.2.6): a table of the rules, and each stream over every split of its bytes.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Event } from "../../src/internal/syntax/eventStream.ts"
import { EventStreamParser } from "../../src/internal/syntax/eventStream.ts"

interface Outcome {
  readonly events: ReadonlyArray<Event>
  readonly fits: boolean
  readonly lastEventId: string
  readonly retry: number | undefined
}

const parse = (pieces: ReadonlyArray<Uint8Array>, limit = 1000, id = "", retry?: number): Outcome => {
  const parser = new EventStreamParser(limit, id, retry)
  const events: Array<Event> = []
  let fits = true
  for (const piece of pieces) fits = parser.push(piece, events)
  return { events, fits, lastEventId: parser.lastEventId, retry: parser.retryMillis }
}

const bytesOf = (text: string | Uint8Array): Uint8Array => typeof text === "string" ? Buffer.from(text) : text

/** The pieces of a text: whole, byte by byte, and cut in two at every place. */
const splits = (bytes: Uint8Array): ReadonlyArray<ReadonlyArray<Uint8Array>> => [
  [bytes],
  [...bytes].map((byte) => Uint8Array.of(byte)),
  ...Array.from({ length: bytes.length + 1 }, (_, at) => [bytes.subarray(0, at), bytes.subarray(at)])
]

/** The outcome, which must be the same for every split. */
const outcome = (text: string | Uint8Array, limit?: number, id?: string, retry?: number): Outcome => {
  const all = splits(bytesOf(text)).map((pieces) => parse(pieces, limit, id, retry))
  for (const one of all) expect(one).toEqual(all[0])
  return all[0] as Outcome
}

const event = (data: string, more: Partial<Event> = {}): Event => ({
  event: "message",
  data,
  id: "",
  retry: undefined,
  ...more
})

const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1")

describe("the examples of the standard", () => {
  it.each<readonly [what: string, text: string, events: ReadonlyArray<Event>]>([
    ["one message of three lines", "data: YHOO\ndata: +2\ndata: 10\n\n", [event("YHOO\n+2\n10")]],
    [
      "a comment, ids, and one that is reset by a field without a value",
      ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
      [event("first event", { id: "1" }), event("second event"), event(" third event")]
    ],
    [
      "data that is empty, and the last block, which is incomplete",
      "data\n\ndata\ndata\n\ndata:",
      [event(""), event("\n")]
    ],
    ["two identical events", "data:test\n\ndata: test\n\n", [event("test"), event("test")]],
    [
      "types of events",
      "event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n",
      [event("73857293", { event: "add" }), event("2153", { event: "remove" }), event("113411", { event: "add" })]
    ]
  ])("%s", (_, text, events) => {
    expect(outcome(text).events).toEqual(events)
    // Each line end means the same.
    expect(outcome(text.replaceAll("\n", "\r")).events).toEqual(events)
    expect(outcome(text.replaceAll("\n", "\r\n")).events).toEqual(events)
  })
})

describe("every rule, over every split", () => {
  it.each<readonly [what: string, text: string | Uint8Array, events: ReadonlyArray<Event>]>([
    ["line ends of all three kinds in one stream", "data:a\rdata:b\ndata:c\r\n\r\n", [event("a\nb\nc")]],
    ["CR LF LF is a line end and an empty line", "data:a\r\n\n", [event("a")]],
    ["CR CR is a line end and an empty line", "data:a\r\rdata:b\r\r", [event("a"), event("b")]],
    ["LF CR is a line end and an empty line", "data:a\n\r", [event("a")]],
    ["one byte order mark at the start is removed", "\ufeffdata:a\n\n", [event("a")]],
    ["a second one belongs to the name of the first field", "\ufeff\ufeffdata:a\n\ndata:b\n\n", [event("b")]],
    ["one before an empty line is removed too", "\ufeff\ndata:a\n\n", [event("a")]],
    ["one anywhere else is text", "data:\ufeffa\n\n\ufeffdata:b\n\n", [event("\ufeffa")]],
    ["half a byte order mark is not one", latin1("\xef\xbbdata:a\n\ndata:b\n\n"), [event("b")]],
    ["only one space after the colon is removed", "data:  a \n\n", [event(" a ")]],
    ["a tab is not removed", "data:\ta\n\n", [event("\ta")]],
    ["further colons belong to the value", "data:a:b:\n\n", [event("a:b:")]],
    ["a line without a colon is a field without a value", "data\nevent\ndata:a\n\n", [event("\na")]],
    ["a comment may be anywhere, and be empty", ":\ndata:a\n: b\ndata:c\n:\n\n", [event("a\nc")]],
    ["names are case-sensitive", "Data:a\nDATA:b\ndata:c\n\n", [event("c")]],
    ["a name with a space is another name", "data :a\n data:b\ndata:c\n\n", [event("c")]],
    ["unknown names are ignored, whatever their length", "a:b\ndatab:c\ndatabase:d\nx\nabcdef\ndata:e\n\n", [
      event("e")
    ]],
    ["the names of methods of objects are unknown names", "constructor:a\n__proto__:b\ndata:c\n\n", [event("c")]],
    ["a colon that comes late is not that of a field", "comment without meaning: data:a\n\n", []],
    ["an `event` holds for one block", "event:a\ndata:b\n\ndata:c\n\n", [event("b", { event: "a" }), event("c")]],
    ["an empty `event` is a message", "event:\ndata:a\n\n", [event("a")]],
    ["the last of two `event`s holds", "event:a\nevent:b\ndata:c\n\n", [event("c", { event: "b" })]],
    ["a block without `data` is no event, and its `event` is over", "event:a\n\ndata:b\n\n", [event("b")]],
    ["an `id` holds for the events after it", "id:1\ndata:a\n\ndata:b\n\n", [
      event("a", { id: "1" }),
      event("b", { id: "1" })
    ]],
    ["an `id` without `data` counts", "id:1\n\ndata:a\n\n", [event("a", { id: "1" })]],
    ["an `id` with NUL is ignored", "id:1\nid:2\0\ndata:a\n\n", [event("a", { id: "1" })]],
    ["an empty `id` resets it", "id:1\ndata:a\n\nid:\ndata:b\n\n", [event("a", { id: "1" }), event("b")]],
    ["`data` and `event` may have NUL", "event:a\0\ndata:b\0\n\n", [event("b\0", { event: "a\0" })]],
    ["a `retry` of digits is kept", "retry:0010\ndata:a\n\ndata:b\n\n", [
      event("a", { retry: 10 }),
      event("b", { retry: 10 })
    ]],
    ["any other `retry` is ignored", "retry:7\nretry:-1\nretry:1.5\nretry:1e3\nretry:٣\nretry:\nretry\ndata:a\n\n", [
      event("a", { retry: 7 })
    ]],
    ["a `retry` with two spaces before it is not digits", "retry:  5\ndata:a\n\n", [event("a")]],
    ["an incomplete block is dropped", "data:a\n\ndata:b\n", [event("a")]],
    ["an incomplete line is dropped", "data:a\n\ndata:b\nid:1", [event("a")]],
    ["empty lines are not events", "\n\r\n\r\r\ndata:a\n\n\n\n", [event("a")]],
    ["characters of one to four bytes", "event:é\ndata:aé€𝄞\nid:𝄞\n\n", [event("aé€𝄞", { event: "é", id: "𝄞" })]],
    ["bytes that are not UTF-8 become U+FFFD", latin1("data:a\xffb\xe2\x82\ndata:\xf0\x9d\r\rdata:\xc3\n\n"), [
      event("a\ufffdb\ufffd\n\ufffd"),
      event("\ufffd")
    ]],
    ["U+2028, U+0085 and vertical tabs end no line", "data:a\u2028b\u0085c\vd\fe\n\n", [event("a\u2028b\u0085c\vd\fe")]]
  ])("%s", (_, text, events) => {
    expect(outcome(text)).toMatchObject({ events, fits: true })
  })

  it("a CR at the end of the bytes ends its line at once, and takes an LF that follows", () => {
    const parser = new EventStreamParser(100, "", undefined)
    const events: Array<Event> = []
    parser.push(Buffer.from("data:a\r\r"), events)
    expect(events).toEqual([event("a")])
    parser.push(Buffer.from("\n"), events)
    parser.push(Buffer.from("\ndata:b\n"), events)
    expect(events).toHaveLength(1)
    parser.push(Buffer.from("\r"), events)
    expect(events).toHaveLength(2)
  })

  it("a `retry` counts as soon as its line has ended, an `id` when its block has", () => {
    expect(outcome("id:1\nretry:5\ndata:a\n\nid:2\nretry:6\ndata:b\n")).toMatchObject({ lastEventId: "1", retry: 6 })
  })

  it("begins with what an earlier response has left", () => {
    expect(outcome("data:a\n\nid:2\nretry:3\ndata:b\n\n", 1000, "1", 7).events).toEqual([
      event("a", { id: "1", retry: 7 }),
      event("b", { id: "2", retry: 3 })
    ])
  })

  it("keeps nothing of the bytes that it was given", () => {
    const parser = new EventStreamParser(100, "", undefined)
    const events: Array<Event> = []
    const piece = Buffer.from("data:a\nevent:b\nid:c")
    parser.push(piece, events)
    piece.fill(0x78)
    parser.push(Buffer.from("\n\n"), events)
    expect(events).toEqual([event("a", { event: "b", id: "c" })])
  })
})

describe("the limit", () => {
  it.each<readonly [what: string, text: string, events: number, fits: boolean]>([
    ["a line of just so many bytes", `data:${"a".repeat(15)}\n\n`, 1, true],
    ["a line of one more", `data:a\n\ndata:${"a".repeat(16)}\n\n`, 1, false],
    ["a line that does not end", `data:${"a".repeat(16)}`, 0, false],
    ["a comment of one more", `:${"a".repeat(20)}\n`, 0, false],
    ["comments without end, none of which is longer", ":1234567890\n".repeat(100) + "data:a\n\n", 1, true],
    ["lines of an event that are longer together", "data:123456789\ndata:123456\n\n", 0, false],
    ["lines of an event that are just as long", "data:123456789\ndata:12345\n\n", 1, true],
    ["lines without a value", "data\n".repeat(16) + "\n", 1, true],
    ["one more of them", "data\n".repeat(18) + "\n", 0, false],
    ["a long type of an event counts", "event:12345678\ndata:12345678\n\n", 0, false],
    ["a type that was replaced does not", "event:12345678\nevent:1\ndata:12345678\n\n", 1, true],
    ["a long id counts", "id:123456789012\ndata:12345678\n\n", 0, false],
    ["the id of an earlier event does not", "id:123456789012\n\ndata:12345678\n\n", 1, true],
    ["neither does what an earlier event had", "data:1234567890\n\n".repeat(10), 10, true],
    ["unknown fields count only while they are received", "a:12345678\n".repeat(10) + "data:a\n\n", 1, true]
  ])("of 20 bytes: %s", (_, text, events, fits) => {
    const found = outcome(text, 20)
    expect([found.events.length, found.fits]).toEqual([events, fits])
  })

  it("is final", () => {
    const parser = new EventStreamParser(5, "", undefined)
    const events: Array<Event> = []
    expect(parser.push(Buffer.from("123456"), events)).toBe(false)
    expect(parser.push(Buffer.from("\n\ndata\n\n"), events)).toBe(false)
    expect(events).toEqual([])
  })
})

/** Does what the standard says, on the whole text and without any thought of speed. */
const model = (bytes: Uint8Array): ReadonlyArray<Event> => {
  const text = new TextDecoder().decode(bytes)
  const events: Array<Event> = []
  let data = ""
  let type = ""
  let id = ""
  let retry: number | undefined
  const lines = text.split(/\r\n|\r|\n/)
  // What follows the last line end is not a line.
  for (const line of lines.slice(0, -1)) {
    if (line === "") {
      if (data !== "") events.push({ event: type === "" ? "message" : type, data: data.slice(0, -1), id, retry })
      data = ""
      type = ""
      continue
    }
    if (line.startsWith(":")) continue
    const at = line.indexOf(":")
    const name = at < 0 ? line : line.slice(0, at)
    const value = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "")
    if (name === "data") data += `${value}\n`
    if (name === "event") type = value
    if (name === "id" && !value.includes("\0")) id = value
    if (name === "retry" && /^[0-9]+$/.test(value)) retry = Number(value)
  }
  return events
}

describe("properties", () => {
  const words = [
    "data",
    "event",
    "id",
    "retry",
    ":",
    ": ",
    " ",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    "a",
    "1",
    "é",
    "\ufeff",
    "\0",
    "𝄞",
    "data:x\n\n"
  ].map((word) => Buffer.from(word))
  const broken = [[0xff], [0xe2, 0x82], [0xc3], [0xef, 0xbb], [0xf0, 0x9f]].map((bytes) => Buffer.from(bytes))
  const streams = fc.array(fc.constantFrom(...words, ...broken), { maxLength: 40 }).map((parts) => Buffer.concat(parts))

  it("reads any stream as the standard's words do, however it is cut", () => {
    fc.assert(
      fc.property(streams, fc.array(fc.nat(60), { maxLength: 8 }), (bytes, cuts) => {
        const at = [0, ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length]
        const pieces = at.slice(1).map((end, i) => bytes.subarray(at[i], end))
        expect(parse(pieces, 10_000).events).toEqual(model(bytes))
      }),
      { numRuns: 2000 }
    )
  })

  it("finds the limit at the same event, however the stream is cut", () => {
    fc.assert(
      fc.property(streams, fc.integer({ min: 1, max: 30 }), (bytes, limit) => {
        const whole = parse([bytes], limit)
        expect(parse([...bytes].map((byte) => Uint8Array.of(byte)), limit)).toEqual(
          bytes.length === 0 ? { ...whole, fits: true } : whole
        )
      }),
      { numRuns: 1000 }
    )
  })
})

describe("the cost", () => {
  it("is linear: no byte is searched or copied again and again", () => {
    // Counts what is searched, because time would depend on the machine.
    class Counted extends Uint8Array {
      static searched = 0
      override indexOf(byte: number, from = 0): number {
        const at = super.indexOf(byte, from)
        Counted.searched += (at < 0 ? this.length : at) - from
        return at
      }
    }
    for (const line of ["data:a\n", "no colon here\n", "data:a\n\n", "x\r", "\n"]) {
      const bytes = Counted.from(Buffer.from(line.repeat(2000)))
      Counted.searched = 0
      parse([bytes], 1_000_000)
      expect(Counted.searched).toBeLessThan(3 * bytes.length)
    }
  })
})
