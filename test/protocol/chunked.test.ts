/** The chunked coding (RFC 9112 section 7.1). */
import { describe, expect, it } from "vitest"
import * as HttpFields from "../../src/HttpFields.ts"
import { encodeChunk, encodeLastChunk } from "../../src/internal/protocol/chunked.ts"
import { bytesOf, data, deliveries, end, fails, head, run, type Seen, type Wire, wires } from "./harness.ts"

const start = "HTTP/1.1 200 R\r\nTransfer-Encoding: chunked\r\n\r\n"
const chunked = head(200, "R", "chunked", { fields: [["Transfer-Encoding", "chunked"]] })

const read = (body: string, content: string): Wire => ({
  name: `reads ${JSON.stringify(body)}`,
  wire: start + body,
  events: [chunked, ...content === "" ? [] : [data(content)], end()],
  reusable: true
})

wires("chunks", [
  read("0\r\n\r\n", ""),
  read("000\r\n\r\n", ""),
  read("3\r\nabc\r\n0\r\n\r\n", "abc"),
  read("1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n", "abc"),
  read("5\r\n\r\n0\r\n\r\n0\r\n\r\n", "\r\n0\r\n"),
  read(`a\r\n0123456789\r\n0\r\n\r\n`, "0123456789"),
  read(`A\r\n0123456789\r\n0\r\n\r\n`, "0123456789"),
  read(`1f\r\n${"x".repeat(31)}\r\n0\r\n\r\n`, "x".repeat(31)),
  read(`1F\r\n${"x".repeat(31)}\r\n0\r\n\r\n`, "x".repeat(31)),
  read(`000000000000000a\r\n0123456789\r\n0000000000000000\r\n\r\n`, "0123456789"),
  read("00000000000000000000000003\r\nabc\r\n0\r\n\r\n", "abc"),
  read(`${"0".repeat(100)}3\r\nabc\r\n${"0".repeat(100)}\r\n\r\n`, "abc"),
  {
    ...read(`${"0".repeat(4095)}3\r\nabc\r\n${"0".repeat(4096)}\r\n\r\n`, "abc"),
    name: "reads as many leading zeros as the line may have"
  },
  read("00000000000000000000001f;a\r\n0123456789012345678901234567890\r\n0\r\n\r\n", "0123456789012345678901234567890"),
  read("3;a\r\nabc\r\n0\r\n\r\n", "abc"),
  read("3;a=b\r\nabc\r\n0;c=d\r\n\r\n", "abc"),
  read("3 ;a=b\r\nabc\r\n0\t;c\r\n\r\n", "abc"),
  read("3 \t ; a = b ; c\r\nabc\r\n0\r\n\r\n", "abc"),
  read("3;a=\"x;y\"\r\nabc\r\n0\r\n\r\n", "abc"),
  read("3;;;\r\nabc\r\n0;\r\n\r\n", "abc"),
  read("3;\xe9\xff\r\nabc\r\n0\r\n\r\n", "abc"),
  read(`${"1\r\nx\r\n".repeat(100)}0\r\n\r\n`, "x".repeat(100)),
  // A quoted string cannot hold a line end: the line ends there, and what follows is data.
  read("3;a=\"\r\nabc\r\n0\r\n\r\n", "abc")
])

const refused = (body: string, error: Seen, content = "", name = `refuses ${JSON.stringify(body)}`): Wire => ({
  name,
  wire: start + body,
  events: [chunked, ...content === "" ? [] : [data(content)], error]
})
const badSize = (body: string, line: string): Wire => refused(body, fails("InvalidChunkSize", { line }))
const badEnd = (body: string, content: string): Wire =>
  refused(body, fails("InvalidChunkEnd", { offset: content.length }), content)
const tooLarge = (size: string): Wire => refused(size, fails("ChunkTooLarge", { size }))

wires("chunk sizes that are none", [
  badSize("\r\n", "\r"),
  badSize("\n", "\n"),
  badSize(";a\r\n", ";"),
  badSize(" 3\r\n", " "),
  badSize("\t3\r\n", "\t"),
  badSize("+3\r\n", "+"),
  badSize("-1\r\n", "-"),
  badSize("-0\r\n", "-"),
  badSize("0x3\r\n", "0x"),
  badSize("0X3\r\n", "0X"),
  badSize("3_0\r\n", "3_"),
  badSize("3.0\r\n", "3."),
  badSize("3,3\r\n", "3,"),
  badSize("3h\r\n", "3h"),
  badSize("g\r\n", "g"),
  badSize("G\r\n", "G"),
  badSize("`\r\n", "`"),
  badSize("@\r\n", "@"),
  badSize("/\r\n", "/"),
  badSize(":\r\n", ":"),
  badSize("\x10\r\n", "\x10"),
  badSize("\x11\r\n", "\x11"),
  badSize("3 \r\nabc\r\n", "3 "),
  badSize("3\t\r\nabc\r\n", "3\t"),
  badSize("3 a\r\nabc\r\n", "3 a"),
  badSize("3 \t \r\nabc\r\n", "3 \t "),
  badSize("3 \nabc\r\n", "3 \n"),
  badSize("0003 \0", "0003 \0"),
  badSize(`3${" ".repeat(200)}\r\nabc\r\n`, `3${" ".repeat(119)}`),
  badSize(`${"0".repeat(200)}g`, "0".repeat(120)),
  badSize(`3;${"x".repeat(117)}\0`, `3;${"x".repeat(117)}\0`),
  badSize(`3;${"x".repeat(118)}\0`, `3;${"x".repeat(118)}`),
  refused("3;a\r\nabc\r\n 3\r\n", fails("InvalidChunkSize", { line: " " }), "abc"),
  badSize("3\nabc\r\n", "3\n"),
  badSize("3\r\rabc\r\n", "3\r\r"),
  badSize("3\rXabc\r\n", "3\rX"),
  badSize("3;a\nabc\r\n", "3;a\n"),
  badSize("3;a\r;b\r\n", "3;a\r;"),
  badSize("3;a\0\r\n", "3;a\0"),
  badSize("3;\x7f\r\n", "3;\x7f"),
  badSize("\xb3\r\n", "\xb3"),
  badSize("HTTP/1.1 200 OK\r\n", "H"),
  tooLarge("20000000000000"),
  tooLarge("100000000000000"),
  tooLarge("000000000000000000000000000020000000000000"),
  refused(`${"0".repeat(200)}20000000000000`, fails("ChunkTooLarge", { size: "0".repeat(120) })),
  refused("FFFFFFFFFFFFFFFFF\r\n", fails("ChunkTooLarge", { size: "FFFFFFFFFFFFFF" }))
])

wires("chunk data that does not end as it should", [
  badEnd("3\r\nabcX", "abc"),
  badEnd("3\r\nabcd\r\n", "abc"),
  badEnd("3\r\nabc\n0\r\n\r\n", "abc"),
  badEnd("3\r\nabc\rX", "abc"),
  badEnd("3\r\nabc\r\r\n", "abc"),
  badEnd("3\r\nabc \r\n", "abc"),
  badEnd("3\r\nabc0\r\n\r\n", "abc"),
  refused("3\r\nabc\r\n\r\n0\r\n\r\n", fails("InvalidChunkSize", { line: "\r" }), "abc"),
  {
    name: "the largest size that there is is believed",
    wire: `${start}1FFFFFFFFFFFFF\r\nabc`,
    events: [chunked, data("abc")]
  }
])

const complete = "2;x=1\r\nab\r\n1\r\nc\r\n0;y\r\nT: u\r\n\r\n"

describe("a chunked body that is cut", () => {
  for (let cut = 0; cut < complete.length; cut++) {
    it(`is incomplete after ${JSON.stringify(complete.slice(0, cut))}`, () => {
      const content = cut <= 7 ? "" : cut === 8 ? "a" : cut <= 14 ? "ab" : "abc"
      for (const [delivery, pieces] of deliveries(bytesOf(start + complete.slice(0, cut)))) {
        expect(run({ eof: true }, pieces).seen, delivery).toEqual([
          chunked,
          ...content === "" ? [] : [data(content)],
          fails("IncompleteRead", { received: content.length })
        ])
      }
    })
  }
  it("is complete when it is not cut", () => {
    expect(run({ eof: true }, [bytesOf(start + complete)]).seen).toEqual([chunked, data("abc"), end(["T", "u"])])
  })
})

const withLimits = (name: string, limits: Wire["limits"], body: string, events: ReadonlyArray<Seen>): Wire => ({
  name,
  limits,
  wire: start + body,
  events: [chunked, ...events]
})
const line = fails("LineTooLong", { what: "chunk size line", limit: 8 })
const extensions = fails("ChunkExtensionsTooLong", { limit: 8 })

wires("limits of chunked bodies", [
  withLimits("a size line as long as allowed", { chunkLine: 8 }, "3;345678\r\nabc\r\n0\r\n\r\n", [data("abc"), end()]),
  withLimits("a size line one byte longer", { chunkLine: 8 }, "3;3456789", [line]),
  withLimits("a size line of digits one byte longer", { chunkLine: 8 }, "000000003", [line]),
  withLimits("leading zeros as long as allowed", { chunkLine: 8 }, "00000003\r\nabc\r\n00000000\r\n\r\n", [
    data("abc"),
    end()
  ]),
  withLimits("leading zeros one byte longer", { chunkLine: 8 }, "000000000", [line]),
  withLimits("a size line of spaces one byte longer", { chunkLine: 8 }, `3${" ".repeat(8)}`, [line]),
  withLimits("each size line by itself", { chunkLine: 8 }, "1;345678\r\na\r\n1;345678\r\nb\r\n0;345678\r\n\r\n", [
    data("ab"),
    end()
  ]),
  withLimits("extensions as long as allowed, in sum", { chunkExtensions: 8 }, "1;23\r\na\r\n1 ;3\r\nb\r\n0;2\r\n\r\n", [
    data("ab"),
    end()
  ]),
  withLimits("extensions one byte longer, in sum", { chunkExtensions: 8 }, "1;23\r\na\r\n1;23\r\nb\r\n0;23", [
    data("ab"),
    extensions
  ]),
  withLimits("spaces count as extensions", { chunkExtensions: 8 }, `1   ;\r\na\r\n1${" ".repeat(5)}`, [
    data("a"),
    extensions
  ]),
  withLimits("a body as large as allowed", { body: 4 }, "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", [data("abcd"), end()]),
  withLimits("a body one byte larger", { body: 4 }, "3\r\nabc\r\n2\r\nde", [
    data("abcd"),
    fails("BodyTooLarge", { limit: 4 })
  ]),
  withLimits("a body beyond it by a chunk of its own", { body: 3 }, "3\r\nabc\r\n1\r\nd", [
    data("abc"),
    fails("BodyTooLarge", { limit: 3 })
  ])
])

describe("encoding chunks", () => {
  it("writes size, data and line ends into bytes of its own", () => {
    const bytes = bytesOf("0123456789abcdef")
    const chunk = encodeChunk(bytes)
    bytes.fill(0)
    expect(Buffer.from(chunk).toString("latin1")).toBe("10\r\n0123456789abcdef\r\n")
  })

  it("writes the size in hexadecimal without leading zeros", () => {
    expect(Buffer.from(encodeChunk(new Uint8Array(1))).toString("latin1")).toBe("1\r\n\0\r\n")
    expect(Buffer.from(encodeChunk(new Uint8Array(65_536))).toString("latin1", 0, 7)).toBe("10000\r\n")
  })

  it("ends the body with the trailers, in order and without white space around their values", () => {
    expect(encodeLastChunk(HttpFields.empty)).toBe("0\r\n\r\n")
    expect(encodeLastChunk(HttpFields.make(["B", " 1\t"], ["a", ""], ["B", "2 3"]))).toBe(
      "0\r\nB: 1\r\na: \r\nB: 2 3\r\n\r\n"
    )
  })
})

const padded = (name: string, body: string, content: string, options: Partial<Wire> = {}): Wire => ({
  name,
  leniency: { chunkSizeSpaces: true },
  wire: start + body,
  events: [chunked, data(content), end()],
  reusable: false,
  ...options
})
const refusedPadding = (body: string, line: string): Wire => ({
  name: `refuses ${JSON.stringify(body)} all the same`,
  leniency: { chunkSizeSpaces: true },
  wire: start + body,
  events: [chunked, fails("InvalidChunkSize", { line })]
})

wires("padded chunk sizes, where they are allowed", [
  ...["3 ", "3\t", "3   \t ", " 3", "\t 3", "  0003  ", " 3 ;a=b", "3;a"].map((line) =>
    padded(`reads ${JSON.stringify(line)}`, `${line}\r\nabc\r\n0 \r\n\r\n`, "abc")
  ),
  { ...padded("leave a body without them as it is", "3 ;a\r\nabc\r\n0\r\n\r\n", "abc"), reusable: true },
  padded("do not count as extensions", `${"1    \r\nx\r\n".repeat(50)}0    \r\n\r\n`, "x".repeat(50), {
    limits: { chunkExtensions: 8 }
  }),
  padded("are as long as the line may be", "1  \r\na\r\n   \t2\r\nbc\r\n0\r\n\r\n", "abc", {
    limits: { chunkLine: 5 }
  }),
  padded("are no longer than the line may be, behind the size", "1    ", "", {
    limits: { chunkLine: 4 },
    events: [chunked, fails("LineTooLong", { what: "chunk size line", limit: 4 })]
  }),
  padded("are no longer than the line may be, before the size", "    1", "", {
    limits: { chunkLine: 4 },
    events: [chunked, fails("LineTooLong", { what: "chunk size line", limit: 4 })]
  }),
  padded("count as an extension before one", "1 \r\na\r\n1    ;", "", {
    limits: { chunkExtensions: 4 },
    events: [chunked, data("a"), fails("ChunkExtensionsTooLong", { limit: 4 })]
  }),
  refusedPadding("\r\n", "\r"),
  refusedPadding("  \r\n", "  \r"),
  refusedPadding(" ;a\r\n", " ;"),
  refusedPadding(" g\r\n", " g"),
  refusedPadding("3 3\r\n", "3 3"),
  refusedPadding("3 g\r\n", "3 g"),
  refusedPadding("3 \0\r\n", "3 \0"),
  refusedPadding(" +3\r\n", " +"),
  refusedPadding(" 0x3\r\n", " 0x"),
  refusedPadding("3 \n", "3 \n"),
  refusedPadding("3 \r\r\n", "3 \r\r"),
  refusedPadding("3\x0b\r\n", "3\x0b"),
  padded("are refused by LF without CR where only that is allowed", "3 \nabc\n0\n\n", "", {
    leniency: { bareLf: true },
    events: [chunked, fails("InvalidChunkSize", { line: "3 " })]
  }),
  padded("may end with LF where that is allowed too", "3 \nabc\n0\n\n", "abc", {
    leniency: { bareLf: true, chunkSizeSpaces: true }
  })
])
