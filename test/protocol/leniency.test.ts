/** Each relaxation, on and off; that none lets a connection be used again; and what the `httpClient` set accepts. */
import * as Either from "effect/Either"
import { describe, expect, it } from "vitest"
import * as HttpFields from "../../src/HttpFields.ts"
import * as HttpLeniency from "../../src/HttpLeniency.ts"
import {
  bytesOf,
  checkWire,
  data,
  deliveries,
  end,
  fails,
  head,
  informational,
  length,
  run,
  type Seen,
  type Wire
} from "./harness.ts"

type Relaxation = keyof HttpLeniency.HttpLeniency

interface Case {
  readonly needs: Relaxation
  readonly name: string
  readonly wire: string
  readonly eof?: boolean
  readonly cut?: boolean
  readonly limits?: Wire["limits"]
  readonly request?: Wire["request"]
  /** With the relaxation. */
  readonly events: ReadonlyArray<Seen>
  /** The last that comes without it. */
  readonly refusal: Seen
}

const three = [["Content-Length", "3"]] as const
const abc = [data("abc"), end()]
const ok = (fields: ReadonlyArray<readonly [string, string]> = three, reason = "R"): ReadonlyArray<Seen> => [
  head(200, reason, length(3), { fields }),
  ...abc
]
const line = (offset: number, reason: string): Seen => fails("InvalidHeaderLine", { offset, reason })
const status = (line: string): Seen => fails("BadStatusLine", { line })
const chunked = (lines = "Transfer-Encoding: chunked\r\n"): string => `HTTP/1.1 200 R\r\n${lines}\r\n`
const chunkedHead = head(200, "R", "chunked", { fields: [["Transfer-Encoding", "chunked"]] })
const untilClose = (fields: ReadonlyArray<readonly [string, string]>, body: string): ReadonlyArray<Seen> => [
  head(200, "R", "close", { fields }),
  data(body),
  end()
]
const skips = (lines: string, offset: number, reason: string): Case => ({
  needs: "skipInvalidFields",
  name: `skips ${JSON.stringify(lines)}`,
  wire: `HTTP/1.1 200 R\r\n${lines}Content-Length: 3\r\n\r\nabc`,
  events: ok(),
  refusal: line(16 + offset, reason)
})
const keeps = (line: string, value: string, offset: number, reason = "a control character"): Case => ({
  needs: "controlCharacters",
  name: `keeps ${JSON.stringify(line)}`,
  wire: `HTTP/1.1 200 R\r\n${line}\r\nContent-Length: 3\r\n\r\nabc`,
  events: ok([["A", value], ...three]),
  refusal: fails("InvalidHeaderLine", { offset: 16 + offset, reason })
})
const badLength = (lines: ReadonlyArray<readonly [string, string]>, refusal: Seen): Case => ({
  needs: "invalidContentLength",
  name: `reads until close with ${JSON.stringify(lines)}`,
  wire: `HTTP/1.1 200 R\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\nabcde`,
  eof: true,
  events: untilClose(lines, "abcde"),
  refusal
})
const firstLength = (lines: ReadonlyArray<readonly [string, string]>, refusal: Seen): Case => ({
  needs: "invalidContentLength",
  name: `reads 3 bytes with ${JSON.stringify(lines)}`,
  wire: `HTTP/1.1 200 R\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\nabc`,
  events: ok(lines),
  refusal
})
const badName = "a character that a field name cannot have"

const cases: ReadonlyArray<Case> = [
  {
    needs: "bareLf",
    name: "LF behind the status line",
    wire: "HTTP/1.1 200 R\nContent-Length: 3\r\n\r\nabc",
    events: ok(),
    refusal: status("HTTP/1.1 200 R\n")
  },
  {
    needs: "bareLf",
    name: "LF behind a field line",
    wire: "HTTP/1.1 200 R\r\nContent-Length: 3\n\r\nabc",
    events: ok(),
    refusal: line(33, "a bare LF")
  },
  {
    needs: "bareLf",
    name: "LF as the empty line",
    wire: "HTTP/1.1 200 R\r\nContent-Length: 3\r\n\nabc",
    events: ok(),
    refusal: line(35, "a bare LF")
  },
  {
    needs: "bareLf",
    name: "LF everywhere, and before",
    wire: "\nHTTP/1.1 200 R\nContent-Length: 3\nA: b\n c\n\nabc",
    events: ok([...three, ["A", "b c"]]),
    refusal: status("\n")
  },
  {
    needs: "bareLf",
    name: "LF behind a chunk size",
    wire: `${chunked()}3\nabc\r\n0\r\n\r\n`,
    events: [chunkedHead, ...abc],
    refusal: fails("InvalidChunkSize", { line: "3\n" })
  },
  {
    needs: "bareLf",
    name: "LF behind a chunk extension",
    wire: `${chunked()}3;a\nabc\r\n0\r\n\r\n`,
    events: [chunkedHead, ...abc],
    refusal: fails("InvalidChunkSize", { line: "3;a\n" })
  },
  ...[["3 \r\nabc\r\n0", "3 "], ["3 \t\r\nabc\r\n0\t", "3 \t"], ["\t3\r\nabc\r\n0", "\t"]].map((
    [body = "", line]
  ): Case => ({
    needs: "chunkSizeSpaces",
    name: JSON.stringify(body),
    wire: `${chunked()}${body}\r\n\r\n`,
    events: [chunkedHead, ...abc],
    refusal: fails("InvalidChunkSize", { line })
  })),
  {
    needs: "bareLf",
    name: "LF behind chunk data",
    wire: `${chunked()}3\r\nabc\n0\r\n\r\n`,
    events: [chunkedHead, ...abc],
    refusal: fails("InvalidChunkEnd", { offset: 3 })
  },
  {
    needs: "bareLf",
    name: "LF in the trailers",
    wire: `${chunked()}3\r\nabc\r\n0\r\nA: b\n\r\n`,
    events: [chunkedHead, data("abc"), end(["A", "b"])],
    refusal: fails("InvalidTrailer", { field: "", reason: "a bare LF" })
  },
  {
    needs: "bareLf",
    name: "LF instead of the last CRLF",
    wire: `${chunked()}3\r\nabc\r\n0\r\n\n`,
    events: [chunkedHead, ...abc],
    refusal: fails("InvalidTrailer", { field: "", reason: "a bare LF" })
  },
  ...["A : b", "A\t: b", "A \t : b"].map((text): Case => ({
    needs: "spaceBeforeColon",
    name: JSON.stringify(text),
    wire: `HTTP/1.1 200 R\r\n${text}\r\nContent-Length: 3\r\n\r\nabc`,
    events: ok([["A", "b"], ...three]),
    refusal: line(17, "white space before the colon")
  })),
  {
    needs: "spaceBeforeColon",
    name: "of a framing field, which counts",
    wire: "HTTP/1.1 200 R\r\nContent-Length : 3\r\n\r\nabc",
    events: ok(),
    refusal: line(30, "white space before the colon")
  },
  {
    needs: "spaceBeforeColon",
    name: "in a trailer",
    wire: `${chunked()}3\r\nabc\r\n0\r\nA : b\r\n\r\n`,
    events: [chunkedHead, data("abc"), end(["A", "b"])],
    refusal: fails("InvalidTrailer", { field: "", reason: "white space before the colon" })
  },
  keeps("A: b\x01c", "b\x01c", 4),
  keeps("A: \x0b\x1b[31m\x7f", "\x0b\x1b[31m\x7f", 3),
  keeps("A: b\0c", "b c", 4),
  keeps("A: \0b\0", "b", 3),
  keeps("A: b\rB: c", "b B: c", 4, "a bare CR"),
  keeps("A: b\r", "b", 4, "a bare CR"),
  keeps("A: b\r\n c\0d\r\n e\x01", "b c d e\x01", 8),
  {
    needs: "controlCharacters",
    name: "keeps them in a trailer",
    wire: `${chunked()}3\r\nabc\r\n0\r\nA: \x01\r\nB: \0c\r\n\r\n`,
    events: [chunkedHead, data("abc"), end(["A", "\x01"], ["B", "c"])],
    refusal: fails("InvalidTrailer", { field: "", reason: "a control character" })
  },
  skips("nonsense\r\n", 8, "a line without a colon"),
  skips(": b\r\n", 0, "an empty field name"),
  skips("\xe9: b\r\n", 0, badName),
  skips("A(b): c\r\n", 1, badName),
  skips(" A: b\r\n", 0, "white space before the first field"),
  skips(" A: b\r\n\tC: d\r\n", 0, "white space before the first field"),
  skips("nonsense\r\n A: b\r\n", 8, "a line without a colon"),
  skips("A: \0b\r\n", 3, "a control character"),
  skips("A: \0\x01\x7f\r\n B: c\r\n", 3, "a control character"),
  skips("A: x\rB: y\r\n", 4, "a bare CR"),
  skips("A: x\r\r\n", 4, "a bare CR"),
  skips("\rA: x\r\n", 0, "a bare CR"),
  skips("A: b\r\n \0\r\n", 7, "a control character"),
  skips("A: b\r\n c\r\n \0\r\n d\r\n", 11, "a control character"),
  skips("Content-Length: 1\r\n 2\r\n", 19, "the field Content-Length is folded over several lines"),
  skips("Transfer-Encoding: chun\r\n ked\r\n x\r\n", 25, "the field Transfer-Encoding is folded over several lines"),
  {
    needs: "skipInvalidFields",
    name: "skips a first trailer with a control character",
    wire: `${chunked()}3\r\nabc\r\n0\r\nC: \0\r\n d\r\nA: b\r\n\r\n`,
    events: [chunkedHead, data("abc"), end(["A", "b"])],
    refusal: fails("InvalidTrailer", { field: "", reason: "a control character" })
  },
  {
    needs: "skipInvalidFields",
    name: "skips a trailer that is none",
    wire: `${chunked()}3\r\nabc\r\n0\r\nnonsense\r\nA: b\r\nC: \0\r\n\r\n`,
    events: [chunkedHead, data("abc"), end(["A", "b"])],
    refusal: fails("InvalidTrailer", { field: "", reason: "a control character" })
  },
  {
    needs: "missingFinalCrlf",
    name: "ends behind the last chunk",
    wire: `${chunked()}3\r\nabc\r\n0\r\n`,
    eof: true,
    events: [chunkedHead, ...abc],
    refusal: fails("IncompleteRead", { received: 3 })
  },
  {
    needs: "missingFinalCrlf",
    name: "ends within the last CRLF",
    wire: `${chunked()}3\r\nabc\r\n0\r\n\r`,
    eof: true,
    events: [chunkedHead, ...abc],
    refusal: fails("IncompleteRead", { received: 3 })
  },
  {
    needs: "missingFinalCrlf",
    name: "ends behind a trailer, which is lost",
    wire: `${chunked()}3\r\nabc\r\n0\r\nA: b\r\n`,
    eof: true,
    events: [chunkedHead, ...abc],
    refusal: fails("IncompleteRead", { received: 3 })
  },
  {
    needs: "headEndsWithConnection",
    name: "behind a field line",
    wire: "HTTP/1.1 200 R\r\nA: b\r\n",
    eof: true,
    events: [head(200, "R", "close", { fields: [["A", "b"]] }), end()],
    refusal: fails("IncompleteHeaders", { received: 22 })
  },
  {
    needs: "headEndsWithConnection",
    name: "within a field line",
    wire: "HTTP/1.1 200 R\r\nA: b",
    eof: true,
    events: [head(200, "R", "close", { fields: [["A", "b"]] }), end()],
    refusal: fails("IncompleteHeaders", { received: 20 })
  },
  {
    needs: "headEndsWithConnection",
    name: "within the last CRLF",
    wire: "HTTP/1.1 204 R\r\nA: b\r\n\r",
    eof: true,
    events: [head(204, "R", "none", { fields: [["A", "b"]] }), end()],
    refusal: fails("IncompleteHeaders", { received: 23 })
  },
  {
    needs: "headEndsWithConnection",
    name: "within the status line",
    wire: "HTTP/1.1 200 R",
    eof: true,
    events: [head(200, "R", "close"), end()],
    refusal: fails("IncompleteHeaders", { received: 14 })
  },
  {
    needs: "headEndsWithConnection",
    name: "with a body that does not come any more",
    wire: "HTTP/1.1 200 R\r\nContent-Length: 3\r\n",
    eof: true,
    events: [head(200, "R", length(3), { fields: three }), fails("IncompleteRead", { received: 0, expected: 3 })],
    refusal: fails("IncompleteHeaders", { received: 35 })
  },
  {
    needs: "headEndsWithConnection",
    name: "of an informational response, which is no answer",
    wire: "HTTP/1.1 103 E\r\nA: b\r\n",
    eof: true,
    events: [informational(103, "E", { fields: [["A", "b"]] }), fails("RemoteDisconnected")],
    refusal: fails("IncompleteHeaders", { received: 22 })
  },
  {
    needs: "headEndsWithConnection",
    name: "is no head where it has nothing",
    wire: "\r",
    eof: true,
    events: [status("")],
    refusal: fails("IncompleteHeaders", { received: 1 })
  },
  {
    needs: "headEndsWithConnection",
    name: "still holds to the number of fields",
    limits: { fields: 1 },
    wire: "HTTP/1.1 200 R\r\nA: b\r\nC: d",
    eof: true,
    events: [fails("TooManyHeaders", { limit: 1 })],
    refusal: fails("IncompleteHeaders", { received: 26 })
  },
  badLength([["Content-Length", "x"]], fails("InvalidContentLength", { value: "x" })),
  badLength([["Content-Length", "-1"]], fails("InvalidContentLength", { value: "-1" })),
  badLength([["Content-Length", "3_0"]], fails("InvalidContentLength", { value: "3_0" })),
  badLength([["Content-Length", "+"]], fails("InvalidContentLength", { value: "+" })),
  badLength([["Content-Length", "+9007199254740993"]], fails("InvalidContentLength", { value: "+9007199254740993" })),
  badLength([["Content-Length", ""], ["Content-Length", "x"]], fails("InvalidContentLength", { value: "x" })),
  badLength([["Content-Length", "x"], ["Content-Length", "3"]], fails("InvalidContentLength", { value: "x" })),
  badLength([["Content-Length", ""]], fails("InvalidContentLength", { value: "" })),
  badLength([["Content-Length", "9007199254740993"]], fails("InvalidContentLength", { value: "9007199254740993" })),
  badLength([["Content-Length", "3, 4"]], fails("ConflictingContentLength", { values: ["3", "4"] })),
  firstLength([["Content-Length", "+3"]], fails("InvalidContentLength", { value: "+3" })),
  firstLength([["Content-Length", "3"], ["Content-Length", "x"]], fails("InvalidContentLength", { value: "x" })),
  firstLength(
    [["Content-Length", "3"], ["Content-Length", "4"]],
    fails("ConflictingContentLength", { values: ["3", "4"] })
  ),
  firstLength(
    [["Content-Length", "+3"], ["Content-Length", "+4"]],
    fails("InvalidContentLength", { value: "+3" })
  ),
  ...[["chunked", "chunked"], ["chunked", "gzip"], ["chunked", "identity", "chunked"], [",chunked", "chunked"]].map((
    values
  ): Case => ({
    needs: "unknownTransferCoding",
    name: `goes by the first line of ${JSON.stringify(values)}`,
    wire: `${chunked(values.map((value) => `Transfer-Encoding: ${value}\r\n`).join(""))}3\r\nabc\r\n0\r\n\r\n`,
    events: [
      head(200, "R", "chunked", { fields: values.map((value) => ["Transfer-Encoding", value] as const) }),
      ...abc
    ],
    refusal: fails("UnknownTransferEncoding", { codings: values.join(", ") })
  })),
  ...["gzip", "identity", "gzip, chunked", "chunked, chunked", "xchunked", "", ","].map((value): Case => ({
    needs: "unknownTransferCoding",
    name: `reads until close with ${JSON.stringify(value)}`,
    wire: `HTTP/1.1 200 R\r\nTransfer-Encoding: ${value}\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
    eof: true,
    events: untilClose([["Transfer-Encoding", value]], "3\r\nabc\r\n0\r\n\r\n"),
    refusal: fails("UnknownTransferEncoding", { codings: value })
  })),
  ...[
    " HTTP/1.1 200 R",
    "\tHTTP/1.1 200 R",
    "HTTP/1.1  200 R",
    "HTTP/1.1 \t 200  R",
    "HTTP/1.1\t200\tR",
    " \t HTTP/1.1\t200 \t R\t"
  ]
    .map((text): Case => ({
      needs: "statusLineSpaces",
      name: JSON.stringify(text),
      wire: `${text}\r\nContent-Length: 3\r\n\r\nabc`,
      events: ok(),
      refusal: status(text)
    })),
  {
    needs: "statusLineSpaces",
    name: "keeps the reason as it is",
    wire: " HTTP/1.1 200 Not  \t So\r\nContent-Length: 3\r\n\r\nabc",
    events: ok(three, "Not  \t So"),
    refusal: status(" HTTP/1.1 200 Not  \t So")
  },
  {
    needs: "statusLineSpaces",
    name: "without a reason",
    wire: "HTTP/1.1  200\r\nContent-Length: 3\r\n\r\nabc",
    events: ok(three, ""),
    refusal: status("HTTP/1.1  200")
  },
  {
    needs: "statusLineSpaces",
    name: "a tab before the reason",
    wire: "HTTP/1.1 200\tR\r\nContent-Length: 3\r\n\r\nabc",
    events: ok(),
    refusal: fails("InvalidStatusCode", { code: "200\tR" })
  },
  {
    needs: "missingCloseNotify",
    name: "a body that ends with TLS that is cut",
    wire: "HTTP/1.1 200 R\r\nA: b\r\n\r\nabc",
    eof: true,
    cut: true,
    events: untilClose([["A", "b"]], "abc"),
    refusal: fails("IncompleteRead", { received: 3, unproven: true })
  },
  {
    needs: "framingConflict",
    name: "Transfer-Encoding wins over Content-Length",
    wire: "HTTP/1.1 200 R\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    events: [
      head(200, "R", "chunked", { fields: [["Content-Length", "5"], ["Transfer-Encoding", "chunked"]] }),
      ...abc
    ],
    refusal: fails("FramingConflict", { reason: "it has both Transfer-Encoding and Content-Length" })
  },
  {
    needs: "framingConflict",
    name: "Transfer-Encoding counts in HTTP/1.0",
    wire: "HTTP/1.0 200 R\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    events: [
      head(200, "R", "chunked", {
        fields: [["Connection", "keep-alive"], ["Transfer-Encoding", "chunked"]],
        version: 10
      }),
      ...abc
    ],
    refusal: fails("FramingConflict", { reason: "it is HTTP/1.0 with Transfer-Encoding" })
  }
]

const relaxations = Object.keys(HttpLeniency.strict) as ReadonlyArray<Relaxation>

describe("a relaxation", () => {
  for (const relaxation of relaxations) {
    describe(relaxation, () => {
      for (const { events, needs, refusal, ...wire } of cases.filter(({ needs }) => needs === relaxation)) {
        it(`by itself is enough, and ends the connection: ${wire.name}`, () => {
          const relaxed = { ...wire, leniency: { [needs]: true } }
          checkWire({ ...relaxed, events, reusable: false })
          // Not only because the connection has ended.
          expect(run(relaxed, [bytesOf(wire.wire)]).machine.persistent).toBe(false)
        })
        it(`cannot be replaced by the others: ${wire.name}`, () => {
          const leniency = { ...HttpLeniency.httpClient, [needs]: false }
          // What one relaxation refuses, skipping invalid lines may hide: it is off, too.
          const others = ["bareLf", "controlCharacters", "skipInvalidFields", "spaceBeforeColon"].includes(needs)
            ? { ...leniency, controlCharacters: false, skipInvalidFields: false }
            : leniency
          for (const strict of [others, HttpLeniency.strict]) {
            for (const [delivery, pieces] of deliveries(bytesOf(wire.wire))) {
              const { machine, seen } = run({ ...wire, leniency: strict }, pieces)
              expect(seen[seen.length - 1], delivery).toEqual(refusal)
              expect(machine.reusable).toBe(false)
            }
          }
        })
      }
    })
  }

  it("has cases for every name", () => {
    expect(new Set(cases.map(({ needs }) => needs))).toEqual(new Set(relaxations))
  })

  it("is off by default and on in the httpClient set", () => {
    expect(Object.values(HttpLeniency.strict)).toEqual(relaxations.map(() => false))
    expect(Object.values(HttpLeniency.httpClient)).toEqual(relaxations.map(() => true))
    expect(HttpLeniency.make({ bareLf: true })).toEqual({ ...HttpLeniency.strict, bareLf: true })
  })

  it("for control characters leaves names and framing alone, and such fields are skipped or refused", () => {
    const none = { name: "", wire: "", events: [] }
    for (
      const [line, offset, reason] of [
        ["Content-Length: 3\0", 0, "the field Content-Length has a control character"],
        ["Transfer-Encoding: \x01chunked", 0, "the field Transfer-Encoding has a control character"],
        ["Connection: close\r", 0, "the field Connection has a control character"],
        ["Connection: a\r\n b\0", 15, "the field Connection is folded over several lines"],
        ["A\x01: b", 1, badName],
        ["\0: b", 0, badName],
        [" \0", 0, "white space before the first field"]
      ] as const
    ) {
      const wire = `HTTP/1.1 200 R\r\n${line}\r\nContent-Length: 3\r\n\r\nabc`
      checkWire({
        ...none,
        wire,
        leniency: { controlCharacters: true },
        events: [fails("InvalidHeaderLine", { offset: 16 + offset, reason })]
      })
      checkWire({
        ...none,
        wire,
        leniency: { controlCharacters: true, skipInvalidFields: true },
        events: ok(),
        reusable: false
      })
    }
  })

  it("of a coding and one of a conflict give the body that the length says", () => {
    for (const value of ["identity", "gzip", "", ","]) {
      const wire: Wire = {
        name: value,
        leniency: { framingConflict: true, unknownTransferCoding: true },
        wire: `HTTP/1.1 200 R\r\nTransfer-Encoding: ${value}\r\nContent-Length: 3\r\n\r\nabc`,
        events: [
          head(200, "R", length(3), { fields: [["Transfer-Encoding", value], ...three] }),
          ...abc
        ],
        reusable: false
      }
      checkWire(wire)
      checkWire({
        ...wire,
        leniency: { unknownTransferCoding: true },
        events: [fails("FramingConflict", { reason: "it has both Transfer-Encoding and Content-Length" })]
      })
      checkWire({
        ...wire,
        leniency: { framingConflict: true },
        events: [fails("UnknownTransferEncoding", { codings: value })]
      })
    }
  })

  it("that was not needed leaves the connection reusable", () => {
    for (
      const wire of [
        "\r\nHTTP/1.1 200 R\r\nContent-Length: 3\r\nA: b\r\n c\r\n\r\nabc",
        "HTTP/1.1 200 R\r\nTransfer-Encoding: chunked\r\n\r\n3;a\r\nabc\r\n0\r\nA: b\r\n\r\n",
        "HTTP/1.1 103 E\r\n\r\nHTTP/1.0 204 R\r\nConnection: keep-alive\r\n\r\n"
      ]
    ) {
      for (const [delivery, pieces] of deliveries(bytesOf(wire))) {
        expect(run({ leniency: HttpLeniency.httpClient }, pieces).machine.reusable, delivery).toBe(true)
      }
    }
  })

  it("that an informational response needed ends the connection, too", () => {
    const wire = "HTTP/1.1 103 E\nA: b\r\n\r\nHTTP/1.1 204 R\r\n\r\n"
    for (const [delivery, pieces] of deliveries(bytesOf(wire))) {
      const { machine, seen } = run({ leniency: { bareLf: true } }, pieces)
      expect(seen).toHaveLength(3)
      expect(machine.reusable, delivery).toBe(false)
    }
  })

  it("does not lift a limit", () => {
    for (
      const [limits, wire, tag] of [
        [{ fieldLine: 8 }, `HTTP/1.1 200 R\r\nA: \0${"b".repeat(8)}`, "LineTooLong"],
        [{ fieldLine: 8 }, "HTTP/1.1 200 R\r\nA: bcd\r\n efg\r\n\r\n", "LineTooLong"],
        [{ fields: 2 }, "HTTP/1.1 200 R\r\nx\r\ny\r\nz\r\n\r\n", "TooManyHeaders"],
        [{ fields: 2 }, "HTTP/1.1 200 R\nx\ny\nz\n\n", "TooManyHeaders"],
        [{ head: 20 }, "HTTP/1.1 200 R\nx\ny\nz\n\n", "HeadersTooLarge"],
        [{ statusLine: 8 }, "   HTTP/1.1   200", "LineTooLong"]
      ] as const
    ) {
      for (const [delivery, pieces] of deliveries(bytesOf(wire))) {
        expect(run({ limits, leniency: HttpLeniency.httpClient }, pieces).seen, delivery).toMatchObject([{
          error: tag
        }])
      }
    }
  })
})

describe("fields by themselves", () => {
  const parse = (text: string, options?: Parameters<typeof HttpFields.parse>[1]): unknown => {
    const parsed = HttpFields.parse(bytesOf(text), options)
    return parsed._tag === "Right" ? HttpFields.entries(parsed.right) : parsed.left._tag
  }

  it("are read to their empty line, or to the end of the bytes", () => {
    expect(parse("A: b\r\nC: d\r\n\r\nnot read")).toEqual([["A", "b"], ["C", "d"]])
    expect(parse("A: b\r\nC: d\r\n")).toEqual([["A", "b"], ["C", "d"]])
    expect(parse("A: b\r\nC: d")).toEqual([["A", "b"], ["C", "d"]])
    expect(parse("A: b\r\n\r")).toEqual([["A", "b"]])
    expect(parse("\r\n")).toEqual([])
    expect(parse("")).toEqual([])
  })

  it("are held to the same limits and rules as heads", () => {
    expect(parse("A: b\r\nC: d", { limits: { fields: 1 } })).toBe("TooManyHeaders")
    expect(parse("A: b\r\nC: d\r\n\r\n", { limits: { fields: 1 } })).toBe("TooManyHeaders")
    expect(parse("A: b\r\n", { limits: { fieldLine: 3 } })).toBe("LineTooLong")
    expect(parse("A: b\r\n c\r\n", { limits: { fieldLine: 5 } })).toBe("LineTooLong")
    expect(parse("A: b\r\n\r\n", { limits: { head: 7 } })).toBe("HeadersTooLarge")
    expect(parse("A: b\r\n\r\n", { limits: { head: 8 } })).toEqual([["A", "b"]])
    expect(parse("A : b\r\n\r\n")).toBe("InvalidHeaderLine")
    expect(parse("A: b\n\n")).toBe("InvalidHeaderLine")
    expect(parse("A : b\nnonsense\n\n", { leniency: HttpLeniency.httpClient })).toEqual([["A", "b"]])
  })

  it.each<readonly [wire: string, length: number, complete: boolean, names: ReadonlyArray<string>]>([
    ["", 0, false, []],
    ["\r\n", 2, true, []],
    ["\r\nA: 1\r\n", 2, true, []],
    ["A: 1\r\n\r\n", 8, true, ["A"]],
    ["A: 1\r\n\r\nhello", 8, true, ["A"]],
    ["A: 1\r\n\r\n\r\n", 8, true, ["A"]],
    ["A: 1\r\nB: 2\r\n", 12, false, ["A", "B"]],
    ["A: 1", 4, false, ["A"]],
    ["A: 1\r\n 2\r\n\r\n\xff", 12, true, ["A"]]
  ])("say how many of the bytes %j they are: %i, complete: %j", (wire, length, complete, names) => {
    const section = Either.getOrThrow(HttpFields.parseSection(bytesOf(wire)))
    expect([section.length, section.complete, section.fields.names]).toEqual([length, complete, names])
    expect(HttpFields.parse(bytesOf(wire))).toEqual(Either.right(section.fields))
  })

  it("say so by a relaxation, and say nothing where they are wrong", () => {
    const leniency = HttpLeniency.make({ bareLf: true })
    const bare = Either.getOrThrow(HttpFields.parseSection(bytesOf("A: 1\n\nx"), { leniency }))
    expect([bare.length, bare.complete]).toEqual([6, true])
    expect(HttpFields.parseSection(bytesOf("A\r\n\r\n"))).toMatchObject({ left: { _tag: "InvalidHeaderLine" } })
  })
})
