/** Bodies by length and until close. */
import { describe, expect, it } from "vitest"
import * as HttpLimits from "../../src/HttpLimits.ts"
import { BodyTooLarge } from "../../src/internal/error/body.ts"
import { CloseDecoder, LengthDecoder } from "../../src/internal/protocol/body.ts"
import { data, end, fails, head, length, type Wire, wires } from "./harness.ts"

const sized = (size: number) => head(200, "R", length(size), { fields: [["Content-Length", String(size)]] })
const byLength = (size: number, body: string): string => `HTTP/1.1 200 R\r\nContent-Length: ${size}\r\n\r\n${body}`
const untilClose = (body: string): string => `HTTP/1.1 200 R\r\n\r\n${body}`
const incomplete = (received: number, expected?: number) => fails("IncompleteRead", { received, expected })

wires("bodies by length", [
  {
    name: "are read to their end",
    wire: byLength(5, "hello"),
    events: [sized(5), data("hello"), end()],
    reusable: true
  },
  {
    name: "may hold anything",
    wire: byLength(6, "\0\r\n\r\n\xff"),
    events: [sized(6), data("\0\r\n\r\n\xff"), end()],
    reusable: true
  },
  {
    name: "are unfinished until the last byte",
    wire: byLength(5, "hell"),
    events: [sized(5), data("hell")],
    reusable: false
  },
  {
    name: "are complete though the connection ends",
    wire: byLength(5, "hello"),
    eof: true,
    events: [sized(5), data("hello"), end()],
    reusable: false
  },
  {
    name: "are incomplete when cut",
    wire: byLength(5, "hell"),
    eof: true,
    events: [sized(5), data("hell"), incomplete(4, 5)]
  },
  { name: "are incomplete when nothing comes", wire: byLength(5, ""), eof: true, events: [sized(5), incomplete(0, 5)] },
  {
    name: "of 10^15 bytes are incomplete after 10",
    wire: byLength(1e15, "0123456789"),
    eof: true,
    events: [sized(1e15), data("0123456789"), incomplete(10, 1e15)]
  },
  {
    name: "may be as large as the limit",
    limits: { body: 5 },
    wire: byLength(5, "hello"),
    events: [sized(5), data("hello"), end()],
    reusable: true
  },
  {
    name: "are refused when they are announced too large",
    limits: { body: 4 },
    wire: byLength(5, ""),
    events: [sized(5), fails("BodyTooLarge", { limit: 4 })]
  },
  {
    name: "of no bytes are within a limit of no bytes",
    limits: { body: 0 },
    wire: byLength(0, ""),
    events: [sized(0), end()],
    reusable: true
  },
  {
    name: "beyond the limit do not matter to HEAD",
    limits: { body: 4 },
    request: { method: "HEAD" },
    wire: byLength(5, ""),
    events: [head(200, "R", "none", { fields: [["Content-Length", "5"]] }), end()],
    reusable: true
  }
])

const close = head(200, "R", "close")

wires(
  "bodies until close",
  [
    {
      name: "are as long as they are",
      wire: untilClose("hello"),
      eof: true,
      events: [close, data("hello"), end()],
      reusable: false
    },
    {
      name: "may be as large as the limit",
      limits: { body: 5 },
      wire: untilClose("hello"),
      eof: true,
      events: [close, data("hello"), end()]
    },
    {
      name: "are given out up to the limit",
      limits: { body: 4 },
      wire: untilClose("hello"),
      events: [close, data("hell"), fails("BodyTooLarge", { limit: 4 })]
    },
    {
      name: "of one byte are beyond a limit of none",
      limits: { body: 0 },
      wire: untilClose("h"),
      events: [close, fails("BodyTooLarge", { limit: 0 })]
    }
  ] satisfies ReadonlyArray<Wire>
)

describe("decoders", () => {
  it("allocate nothing by a number of the peer's, and say which part of a view is data", () => {
    const decoder = new LengthDecoder(Number.MAX_SAFE_INTEGER, HttpLimits.defaults)
    const view = new Uint8Array(10)
    expect(decoder.decode(view, 3)).toBe(10)
    expect([decoder.dataStart, decoder.dataEnd, decoder.received, decoder.done]).toEqual([3, 10, 7, false])
  })

  it("read nothing of a body beyond the limit", () => {
    expect(new LengthDecoder(5, HttpLimits.make({ body: 4 })).error).toBeInstanceOf(BodyTooLarge)
    const decoder = new CloseDecoder(4)
    expect(decoder.decode(new Uint8Array(10), 2)).toBe(6)
    expect(decoder.error).toBeInstanceOf(BodyTooLarge)
  })
})
