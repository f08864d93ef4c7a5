/** Status lines and field lines of responses (RFC 9112 sections 2 to 5). */
import { describe, expect, it } from "vitest"
import type { HttpLimits } from "../../src/HttpLimits.ts"
import { bytesOf, data, end, fails, head, informational, length, run, type Wire, wires } from "./harness.ts"

const empty = "Content-Length: 0\r\n\r\n"
const emptyFields = [["Content-Length", "0"]] as const
const withFields = (fields: ReadonlyArray<readonly [string, string]>, version: 10 | 11 = 11) => [
  head(200, "OK", length(0), { fields: [...fields, ["Content-Length", "0"]], version }),
  end()
]

const statusLine = (line: string, status: number, reason: string, version: 10 | 11 = 11): Wire => ({
  name: `reads ${JSON.stringify(line)}`,
  wire: `${line}\r\n${empty}`,
  events: [head(status, reason, length(0), { fields: emptyFields, version }), end()]
})

wires("status lines", [
  statusLine("HTTP/1.1 200 OK", 200, "OK"),
  statusLine("HTTP/1.1 200 ", 200, ""),
  statusLine("HTTP/1.1 200", 200, ""),
  statusLine("HTTP/1.1 200   ", 200, ""),
  statusLine("HTTP/1.1 404 Not  Found ", 404, "Not  Found"),
  statusLine("HTTP/1.1 200 \tOK\t", 200, "OK"),
  statusLine("HTTP/1.1 999 x", 999, "x"),
  statusLine("HTTP/1.1 200 HTTP/1.1 500 no", 200, "HTTP/1.1 500 no"),
  statusLine("HTTP/1.1 200 \xe9\x80\xff", 200, "\xe9\x80\xff"),
  statusLine("HTTP/1.0 200 OK", 200, "OK", 10),
  statusLine("HTTP/1.2 200 OK", 200, "OK", 11),
  statusLine("HTTP/1.9 299 OK", 299, "OK", 11)
])

const refused = (line: string, tag: string, fields: Record<string, unknown>): Wire => ({
  name: `refuses ${JSON.stringify(line)}`,
  wire: `${line}\r\n${empty}`,
  events: [fails(tag, fields)]
})
const bad = (line: string, seen = line): Wire => refused(line, "BadStatusLine", { line: seen })
const protocol = (version: string): Wire => refused(`${version} 200 OK`, "UnknownProtocol", { version })
const code = (code: string): Wire => refused(`HTTP/1.1 ${code}`, "InvalidStatusCode", { code })

wires("status lines that are none", [
  bad("http/1.1 200 OK"),
  bad("Http/1.1 200 OK"),
  bad("HTTP"),
  bad("HTTP/1.1"),
  bad("HTTP/2.0"),
  bad("HTTP /1.1 200 OK"),
  bad("HTTP/1.1  200 OK"),
  bad("HTTP/1.1\t200\tOK"),
  bad("HTTP/1.1\t200 OK"),
  bad(" HTTP/1.1 200 OK"),
  bad("\tHTTP/1.1 200 OK"),
  bad("ICY 200 OK"),
  bad("SSH-2.0-OpenSSH_9.0"),
  bad("200 OK"),
  bad("GET / HTTP/1.1"),
  bad("<html>"),
  bad("HTTP/1.1 200 O\rK", "HTTP/1.1 200 O\r"),
  bad("HTTP/1.1 200 OK\r", "HTTP/1.1 200 OK\r"),
  bad("HTTP/1.1 200 O\nK", "HTTP/1.1 200 O\n"),
  bad("HTTP/1.1 200 O\0K", "HTTP/1.1 200 O\0"),
  bad("HTTP/1.1 200 \x7f", "HTTP/1.1 200 \x7f"),
  bad("\x16\x03\x01\x02\x00", "\x16"),
  bad(`${"x".repeat(200)} y`, "x".repeat(120)),
  bad(`${"x".repeat(200)}\0`, "x".repeat(120)),
  protocol("HTTP/2.0"),
  protocol("HTTP/0.9"),
  protocol("HTTP/1.10"),
  protocol("HTTP/1.11"),
  protocol("HTTP/01.1"),
  protocol("HTTP/1."),
  protocol("HTTP/1.x"),
  protocol("HTTP/1,1"),
  protocol("HTTP/11"),
  protocol("HTTP/"),
  protocol("HTTP/3"),
  code("99"),
  code("099"),
  code("000"),
  code("1000"),
  code("20"),
  code("2"),
  code("2x0"),
  code("20x"),
  code("x00"),
  code("+20"),
  code("-20"),
  code("2.0"),
  code("200OK"),
  code("2\xb20"),
  { ...refused("HTTP/1.1 2 0", "InvalidStatusCode", { code: "2" }) },
  { ...refused("HTTP/1.1 2000 OK", "InvalidStatusCode", { code: "2000" }) },
  { ...refused("HTTP/1.1 ", "InvalidStatusCode", { code: "" }) },
  { ...refused("HTTP/1.1 200\tOK", "InvalidStatusCode", { code: "200\tOK" }) }
])

wires("a status line that is none is refused as soon as it is there", [
  {
    name: "when nothing follows",
    wire: "220 mail ready\r\n",
    events: [fails("BadStatusLine", { line: "220 mail ready" })]
  },
  { name: "after empty lines", wire: "\r\n\r\nSSH-2.0-x\r\n", events: [fails("BadStatusLine", { line: "SSH-2.0-x" })] },
  {
    name: "before a fault behind it",
    wire: "HTTP/2 200\r\nA\0",
    events: [fails("UnknownProtocol", { version: "HTTP/2" })]
  },
  {
    name: "with a lone LF where that is allowed",
    wire: "220 mail ready\nA",
    leniency: { bareLf: true },
    events: [fails("BadStatusLine", { line: "220 mail ready" })]
  },
  {
    name: "but not where odd spaces are allowed",
    wire: " HTTP/1.1  200 OK\r\nA",
    leniency: { statusLineSpaces: true },
    events: []
  },
  {
    name: "after an interim response",
    wire: "HTTP/1.1 100 Continue\r\n\r\n220 mail ready\r\n",
    events: [informational(100, "Continue"), fails("BadStatusLine", { line: "220 mail ready" })]
  },
  // What stands before a line end is wrong whatever follows, be it nothing for as long as the connection is open.
  ...["1000", "99", "2x0", "20", "+20", "200OK"].map((code): Wire => ({
    name: `a status of ${code}`,
    wire: `HTTP/1.1 ${code}\r\n`,
    events: [fails("InvalidStatusCode", { code })]
  })),
  {
    name: "a status that is none, with a reason",
    wire: "HTTP/1.1 1000 Too Many\r\nContent-Length: 0\r\n",
    events: [fails("InvalidStatusCode", { code: "1000" })]
  },
  {
    name: "a status that is none, before a fault behind it",
    wire: "HTTP/1.1 1000 X\r\nA: \0",
    events: [fails("InvalidStatusCode", { code: "1000" })]
  },
  ...["HTTP/1.10", "HTTP/1.", "HTTP/2.0", "HTTP/0.9"].map((version): Wire => ({
    name: `a version of ${version}`,
    wire: `${version} 200 OK\r\n`,
    events: [fails("UnknownProtocol", { version })]
  })),
  {
    name: "two spaces",
    wire: "HTTP/1.1  200 OK\r\n",
    events: [fails("BadStatusLine", { line: "HTTP/1.1  200 OK" })]
  },
  {
    name: "a good one is not",
    wire: "HTTP/1.1 200 OK\r\nA: b\r\n",
    events: []
  },
  {
    name: "a good one is not, with a lone LF where that is allowed",
    wire: "HTTP/1.1 200 OK\nA: b\n",
    leniency: { bareLf: true },
    events: []
  },
  {
    name: "a bad one that ends with a lone LF is called what it is",
    wire: "220 mail ready\n",
    events: [fails("BadStatusLine", { line: "220 mail ready" })]
  },
  {
    name: "a bad status that ends with a lone LF is called what it is",
    wire: "HTTP/1.1 1000 X\n",
    events: [fails("InvalidStatusCode", { code: "1000" })]
  },
  {
    name: "a bad version that ends with a lone LF is called what it is",
    wire: "HTTP/1.10 200 X\n",
    events: [fails("UnknownProtocol", { version: "HTTP/1.10" })]
  }
])

const incomplete = (wire: string, leniency: Wire["leniency"] = {}): Wire => ({
  name: `${JSON.stringify(wire)} is incomplete`,
  wire,
  eof: true,
  leniency,
  events: [fails("IncompleteHeaders", { received: wire.length })]
})
const cut = (wire: string, error: Wire["events"][number], leniency: Wire["leniency"] = {}): Wire => ({
  name: `${JSON.stringify(wire)} is no status line, whatever could have followed`,
  wire,
  eof: true,
  leniency,
  events: [error]
})

wires("a status line that the connection's end cuts", [
  ...Array.from("HTTP/1.1 200", (_, i) => incomplete("HTTP/1.1 200".slice(0, i + 1))),
  incomplete("HTTP/1.1 200\r"),
  incomplete("HTTP/1.1 200 O"),
  incomplete("HTTP/1.1 200 OK\r\n"),
  incomplete("HTTP/1.1 200 OK\r\nA"),
  incomplete("HTTP/1.0 4"),
  incomplete("\r"),
  incomplete("\r\nHTTP/1.1 2"),
  incomplete(" HTTP/1.1  200", { statusLineSpaces: true }),
  cut("garbage", fails("BadStatusLine", { line: "garbage" })),
  cut("garbage\r", fails("BadStatusLine", { line: "garbage" })),
  cut("\r\ngarbage", fails("BadStatusLine", { line: "garbage" })),
  cut("h", fails("BadStatusLine", { line: "h" })),
  cut("HTTP/2", fails("BadStatusLine", { line: "HTTP/2" })),
  cut("HTTP/2 200", fails("UnknownProtocol", { version: "HTTP/2" })),
  cut("HTTP/1.1 1000", fails("InvalidStatusCode", { code: "1000" })),
  cut("HTTP/1.1 2x", fails("InvalidStatusCode", { code: "2x" })),
  cut("HTTP/1.1 0", fails("InvalidStatusCode", { code: "0" })),
  cut("HTTP/1.1  200", fails("BadStatusLine", { line: "HTTP/1.1  200" })),
  cut("garbage", fails("BadStatusLine", { line: "garbage" }), { headEndsWithConnection: true })
])

wires("status lines of other protocols", [
  {
    name: "are refused as soon as they are there",
    wire: "SSH-2.0-OpenSSH_9.0\r\n",
    events: [fails("BadStatusLine", { line: "SSH-2.0-OpenSSH_9.0" })]
  },
  {
    name: "are refused behind an informational response, too",
    wire: "HTTP/1.1 103 E\r\n\r\nHTTP/2.0 200 R\r\n",
    events: [informational(103, "E"), fails("UnknownProtocol", { version: "HTTP/2.0" })]
  },
  {
    name: "are refused before what is wrong behind them",
    wire: "HTTP/2.0 200 R\r\nA\0: b\r\n",
    events: [fails("UnknownProtocol", { version: "HTTP/2.0" })]
  },
  {
    name: "of HTTP/1 too",
    wire: "HTTP/1.1 9 R\r\nA\0: b\r\n",
    events: [fails("InvalidStatusCode", { code: "9" })]
  }
])

wires("empty lines before a status line", [
  ...[1, 2, 3, 4].map((count): Wire => ({
    name: `skips ${count}`,
    wire: `${"\r\n".repeat(count)}HTTP/1.1 200 OK\r\n${empty}`,
    events: withFields([]),
    reusable: true
  })),
  {
    name: "does not skip five",
    wire: `${"\r\n".repeat(5)}HTTP/1.1 200 OK\r\n${empty}`,
    events: [fails("BadStatusLine", { line: "" })]
  },
  {
    name: "quotes a bad status line without them",
    wire: `\r\n\r\nHTTP/1.1 200 \n`,
    events: [fails("BadStatusLine", { line: "HTTP/1.1 200 \n" })]
  },
  {
    name: "does not skip spaces",
    wire: ` \r\nHTTP/1.1 200 OK\r\n${empty}`,
    events: [fails("BadStatusLine", { line: " " })]
  },
  {
    name: "does not skip lone LFs",
    wire: `\nHTTP/1.1 200 OK\r\n${empty}`,
    events: [fails("BadStatusLine", { line: "\n" })]
  }
])

const line = (text: string, name: string, value: string): Wire => ({
  name: `reads ${JSON.stringify(text)}`,
  wire: `HTTP/1.1 200 OK\r\n${text}\r\n${empty}`,
  events: withFields([[name, value]]),
  reusable: true
})

wires("field lines", [
  { name: "may be none", wire: "HTTP/1.1 204 No Content\r\n\r\n", events: [head(204, "No Content", "none"), end()] },
  line("A: b", "A", "b"),
  line("A:b", "A", "b"),
  line("A:", "A", ""),
  line("A: ", "A", ""),
  line("A: \t \t b \t c \t ", "A", "b \t c"),
  line("A:: b", "A", ": b"),
  line("A: b: c", "A", "b: c"),
  line("!#$%&'*+-.^_`|~09azAZ: x", "!#$%&'*+-.^_`|~09azAZ", "x"),
  line("__proto__: x", "__proto__", "x"),
  line("A: \xe9\x80\xff\x85", "A", "\xe9\x80\xff\x85"),
  line("A: \xc3\xa9", "A", "\xc3\xa9"),
  line("A: \"quoted \\\" string\"", "A", "\"quoted \\\" string\""),
  {
    name: "keep their order and spelling, and are not joined",
    wire: `HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nLINK: x\r\nset-cookie: b=2\r\nSet-Cookie: c=3\r\nLink: y\r\n${empty}`,
    events: withFields([["Set-Cookie", "a=1"], ["LINK", "x"], ["set-cookie", "b=2"], ["Set-Cookie", "c=3"], [
      "Link",
      "y"
    ]])
  }
])

const fault = (text: string, offset: number, reason: string): Wire => ({
  name: `refuses ${JSON.stringify(text)}`,
  wire: `HTTP/1.1 200 OK\r\nA: b\r\n${text}\r\n${empty}`,
  events: [fails("InvalidHeaderLine", { offset: 23 + offset, reason })]
})
const badName = "a character that a field name cannot have"

wires("field lines that are none", [
  fault("X : y", 1, "white space before the colon"),
  fault("X\t: y", 1, "white space before the colon"),
  fault("X y", 1, "white space before the colon"),
  fault(": y", 0, "an empty field name"),
  fault(":", 0, "an empty field name"),
  fault("X", 1, "a line without a colon"),
  fault("X\xe9: y", 1, badName),
  fault("\xe9: y", 0, badName),
  fault("a(b): y", 1, badName),
  fault("(b): y", 0, badName),
  fault("a/b: y", 1, badName),
  fault("\"a\": y", 0, badName),
  fault("X: \0", 3, "a control character"),
  fault("X: \x01", 3, "a control character"),
  fault("X: \x0b", 3, "a control character"),
  fault("X: \x7f", 3, "a control character"),
  fault("X\0: y", 1, "a control character"),
  fault("\0", 0, "a control character"),
  fault("X: a\rb", 4, "a bare CR"),
  fault("X: a\r", 4, "a bare CR"),
  fault("\rX: a", 0, "a bare CR"),
  fault("X: a\nY: b", 4, "a bare LF"),
  fault("\nX: a", 0, "a bare LF"),
  fault("X: a\r\r\nY: b", 4, "a bare CR"),
  {
    name: "refuses white space before the first",
    wire: `HTTP/1.1 200 OK\r\n A: b\r\n${empty}`,
    events: [fails("InvalidHeaderLine", { offset: 17, reason: "white space before the first field" })]
  },
  {
    name: "refuses a line of white space before the first",
    wire: `HTTP/1.1 200 OK\r\n \r\n${empty}`,
    events: [fails("InvalidHeaderLine", { offset: 17, reason: "white space before the first field" })]
  },
  {
    name: "refuses a head that ends with CR CR LF",
    wire: "HTTP/1.1 200 OK\r\nA: b\r\n\r\r\n",
    events: [fails("InvalidHeaderLine", { offset: 23, reason: "a bare CR" })]
  },
  {
    name: "refuses something else than LF behind the last CR",
    wire: "HTTP/1.1 204 OK\r\nA: b\r\n\rX",
    events: [fails("InvalidHeaderLine", { offset: 23, reason: "a bare CR" })]
  }
])

const folded = (text: string, value: string): Wire => ({
  name: `unfolds ${JSON.stringify(text)}`,
  wire: `HTTP/1.1 200 OK\r\n${text}\r\n${empty}`,
  events: withFields([["A", value]]),
  reusable: true
})

wires("folded field lines", [
  folded("A: b\r\n c", "b c"),
  folded("A: b\r\n\tc", "b c"),
  folded("A: b \t\r\n \t c \t", "b c"),
  folded("A:\r\n c", "c"),
  folded("A: b\r\n ", "b"),
  folded("A: b\r\n \r\n c", "b c"),
  folded("A: b\r\n c\r\n d\r\n\te", "b c d e"),
  folded("A: b\r\n X: c", "b X: c"),
  folded("A: b\r\n : c", "b : c"),
  ...["Content-Length", "content-length", "Transfer-Encoding", "Connection"].map((name): Wire => ({
    name: `are refused in ${name}`,
    wire: `HTTP/1.1 200 OK\r\n${name}: 1\r\n 2\r\n\r\n`,
    events: [
      fails("InvalidHeaderLine", {
        offset: 17 + name.length + 5,
        reason: `the field ${name} is folded over several lines`
      })
    ]
  }))
])

const limits = (limits: Partial<HttpLimits>, wire: string, events: Wire["events"], name: string): Wire => ({
  name,
  limits,
  wire,
  events
})
const sixteen = `HTTP/1.1 200 ${"x".repeat(3)}`
const tooLong = (what: string, limit: number) => [fails("LineTooLong", { what, limit })]
const small = "HTTP/1.1 204 N\r\nA: b\r\nC: d\r\n\r\n"
const smallEvents = [head(204, "N", "none", { fields: [["A", "b"], ["C", "d"]] }), end()]

wires("limits of heads", [
  limits(
    { statusLine: 16 },
    `${sixteen}\r\n${empty}`,
    [head(200, "xxx", length(0), { fields: emptyFields }), end()],
    "a status line as long as allowed"
  ),
  limits({ statusLine: 15 }, `${sixteen}\r\n${empty}`, tooLong("status line", 15), "a status line one byte longer"),
  limits({ statusLine: 15 }, `${"x".repeat(16)}`, tooLong("status line", 15), "a status line that never ends"),
  limits({ statusLine: 16 }, `${"x".repeat(16)}`, [], "no fault before the limit is passed"),
  limits(
    { fieldLine: 17 },
    `HTTP/1.1 200 OK\r\n${empty}`,
    [head(200, "OK", length(0), { fields: emptyFields }), end()],
    "a field line as long as allowed"
  ),
  limits({ fieldLine: 16 }, `HTTP/1.1 200 OK\r\n${empty}`, tooLong("field line", 16), "a field line one byte longer"),
  limits(
    { fieldLine: 8 },
    "HTTP/1.1 200 OK\r\nA: bcd\r\n ef\r\n\r\n",
    tooLong("field line", 8),
    "a folded field one byte longer"
  ),
  limits({ fieldLine: 9 }, "HTTP/1.1 204 OK\r\nA: bcd\r\n ef\r\n\r\n", [
    head(204, "OK", "none", { fields: [["A", "bcd ef"]] }),
    end()
  ], "a folded field as long as allowed"),
  limits({ fieldLine: 9 }, "HTTP/1.1 204 OK\r\nA: bcd\r\n ef\r\nB: c\r\n d\r\n\r\n", [
    head(204, "OK", "none", { fields: [["A", "bcd ef"], ["B", "c d"]] }),
    end()
  ], "a folded field after another"),
  limits({ fields: 2 }, small, smallEvents, "as many fields as allowed"),
  limits({ fields: 1 }, small, [fails("TooManyHeaders", { limit: 1 })], "one field more"),
  limits({ fields: 0 }, "HTTP/1.1 204 N\r\n\r\n", [head(204, "N", "none"), end()], "no fields where none are allowed"),
  limits({ fields: 0 }, small, [fails("TooManyHeaders", { limit: 0 })], "a field where none are allowed"),
  limits(
    { fields: 1 },
    "HTTP/1.1 204 N\r\nA: b\r\n c\r\n\r\n",
    [fails("TooManyHeaders", { limit: 1 })],
    "folded lines count"
  ),
  limits({ head: small.length }, small, smallEvents, "a head as large as allowed"),
  limits(
    { head: small.length - 1 },
    small,
    [fails("HeadersTooLarge", { limit: small.length - 1 })],
    "a head one byte larger"
  ),
  limits(
    { head: small.length - 2 },
    small,
    [fails("HeadersTooLarge", { limit: small.length - 2 })],
    "a head two bytes larger"
  ),
  limits(
    { head: small.length - 4 },
    small,
    [fails("HeadersTooLarge", { limit: small.length - 4 })],
    "a head four bytes larger"
  ),
  limits({ head: 10 }, small, [fails("HeadersTooLarge", { limit: 10 })], "a head larger within its status line"),
  limits(
    { head: 20 },
    `\r\n\r\n\r\n\r\n${small}`,
    [fails("HeadersTooLarge", { limit: 20 })],
    "empty lines before count"
  ),
  {
    name: "hold for each head anew",
    limits: { head: 40, fields: 1 },
    wire: `HTTP/1.1 103 E\r\nA: bcdefghijk\r\n\r\nHTTP/1.1 103 E\r\nA: bcdefghijk\r\n\r\nHTTP/1.1 204 N\r\n\r\n`,
    events: [
      informational(103, "E", { fields: [["A", "bcdefghijk"]] }),
      informational(103, "E", { fields: [["A", "bcdefghijk"]] }),
      head(204, "N", "none"),
      end()
    ]
  }
])

describe("a head that comes with its body", () => {
  it("is read however large the piece that it comes in", () => {
    const body = "x".repeat(100_000)
    const { seen } = run({}, [bytesOf(`HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${body}`)])
    expect(seen).toEqual([
      head(200, "OK", length(100_000), { fields: [["Content-Length", "100000"]] }),
      data(body),
      end()
    ])
  })

  it("may have many lines longer than the room that is kept", () => {
    const value = "v".repeat(30_000)
    const wire = `HTTP/1.1 204 N\r\nA: ${value}\r\nB: ${value}\r\n\r\n`
    const events = [head(204, "N", "none", { fields: [["A", value], ["B", value]] }), end()]
    for (const size of [1000, 16_384, 40_000]) {
      const bytes = bytesOf(wire)
      const pieces = Array.from(
        { length: Math.ceil(bytes.length / size) },
        (_, i) => bytes.subarray(i * size, (i + 1) * size)
      )
      expect(run({}, pieces).seen).toEqual(events)
    }
  })
})
