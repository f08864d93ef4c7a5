/**
 * What RFC 9110 and RFC 9112 ask of a client: the requirements 1 to 70 of our table, as far as the machine and the encoder
 * decide them. Numbers without a case stand below with the reason.
 */
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import { describe, expect, it } from "vitest"
import * as HttpFields from "../../src/HttpFields.ts"
import { encodeChunk, encodeLastChunk } from "../../src/internal/protocol/chunked.ts"
import { Machine } from "../../src/internal/protocol/machine.ts"
import type { TargetForm } from "../../src/internal/protocol/target.ts"
import * as Origin from "../../src/Origin.ts"
import { resolveTarget } from "../fixtures/target.ts"
import { encoded, headOf, known, lines, refusal, type RequestText, unknown } from "../protocol/encoding.ts"
import {
  bytesOf,
  checkWire,
  data,
  deliveries,
  drain,
  end,
  facts,
  fails,
  give,
  head,
  informational,
  length,
  run,
  type Seen,
  type Wire
} from "../protocol/harness.ts"

type Check = () => void
type Lines = ReadonlyArray<readonly [string, string]>

const text = (fields: Lines): string => fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")

/** A wire in every delivery. */
const reads = (
  wire: string,
  events: ReadonlyArray<Seen>,
  options: Partial<Omit<Wire, "events" | "name" | "wire">> = {}
): Check =>
() => checkWire({ name: "", ...options, wire, events })

/** A response to GET with these fields and this body. */
const response = (
  fields: Lines,
  body: string,
  events: ReadonlyArray<Seen>,
  options: Parameters<typeof reads>[2] = {}
): Check => reads(`HTTP/1.1 200 R\r\n${text(fields)}\r\n${body}`, events, options)

const all = (...checks: ReadonlyArray<Check>): Check => () => {
  for (const check of checks) check()
}

const lengthZero: Lines = [["Content-Length", "0"]]
const zero = "Content-Length: 0\r\n\r\n"
const empty = `HTTP/1.1 200 R\r\n${zero}`
const emptyEvents = [head(200, "R", length(0), { fields: lengthZero }), end()]
const chunkedLine: Lines = [["Transfer-Encoding", "chunked"]]
const chunked = (body: string, content: string, ...trailers: Lines): Check =>
  response(chunkedLine, body, [
    head(200, "R", "chunked", { fields: chunkedLine }),
    ...content === "" ? [] : [data(content)],
    end(...trailers)
  ])
const chunkedFails = (body: string, content: string, error: Seen, eof = false): Check =>
  response(chunkedLine, body, [
    head(200, "R", "chunked", { fields: chunkedLine }),
    ...content === "" ? [] : [data(content)],
    error
  ], { eof })
const headFails = (head: string, tag: string): Check => () => {
  for (const [delivery, pieces] of deliveries(bytesOf(`${head}\r\n${zero}`))) {
    expect(run({}, pieces).seen, `${JSON.stringify(head)} ${delivery}`).toMatchObject([{ error: tag }])
  }
}

const origin = (host: string, options: { readonly scheme?: "http" | "https"; readonly port?: number } = {}) =>
  Either.getOrThrow(Origin.make({ scheme: options.scheme ?? "http", host, port: options.port }))
const resolved = (method: string, target: string, to = origin("h"), form: TargetForm = "origin") =>
  resolveTarget(method, target, to, form)

/** Request line and Host as they go out. */
const sent = (method: string, target: string, to = origin("h"), form: TargetForm = "origin"): ReadonlyArray<string> => {
  const { authority, target: wire } = Either.getOrThrow(resolved(method, target, to, form))
  return lines({ method, target: wire, host: authority }).slice(0, 2)
}
const sends = (request: RequestText, expected: string): Check => () => expect(headOf(request).text).toBe(expected)
const refuses = (request: RequestText, tag: string): Check => () =>
  expect(refusal(request)).toMatchObject({ _tag: tag })

const answers = (machine: Machine, wire: string): ReadonlyArray<Seen> => {
  const seen: Array<Seen> = []
  give(machine, bytesOf(wire), seen)
  return seen
}
const asked = (method = "GET", close = false): Machine => {
  const machine = new Machine()
  machine.startRequest(facts({ request: { method, close } }))
  machine.endRequest()
  return machine
}

const cases: ReadonlyArray<readonly [rfc: number, name: string, check: Check]> = [
  [
    1,
    "bytes are bytes: 0x80 to 0xff in reason and values stay what they are",
    reads(
      `HTTP/1.1 200 \xe2\x82\xac\r\nA: \x80\x85\xff\xe2\x80\xa8\r\n${zero}`,
      [head(200, "\xe2\x82\xac", length(0), { fields: [["A", "\x80\x85\xff\xe2\x80\xa8"], ...lengthZero] }), end()]
    )
  ],
  [
    1,
    "a LF inside what could be a multibyte character ends no line unseen",
    headFails("HTTP/1.1 200 R\r\nA: \xe4\xb8\x0a", "InvalidHeaderLine")
  ],
  [2, "a lone LF ends no line", headFails("HTTP/1.1 200 R\nA: b", "BadStatusLine")],
  [
    2,
    "a lone LF ends a line where that is asked for",
    reads("HTTP/1.1 204 R\nA: b\n\n", [head(204, "R", "none", { fields: [["A", "b"]] }), end()], {
      leniency: { bareLf: true },
      reusable: false
    })
  ],
  [
    3,
    "a lone CR makes status line, name, value and chunk size invalid",
    all(
      headFails("HTTP/1.1 200 R\rA", "BadStatusLine"),
      headFails("HTTP/1.1 200 R\r\nA\rB: c", "InvalidHeaderLine"),
      headFails("HTTP/1.1 200 R\r\nA: b\rc", "InvalidHeaderLine"),
      chunkedFails("3\rabc", "", fails("InvalidChunkSize", { line: "3\ra" }))
    )
  ],
  [
    3,
    "a lone CR is never sent",
    all(
      refuses({ method: "G\rT" }, "InvalidMethod"),
      refuses({ fields: [["A\r", "b"]] }, "InvalidHeaderName"),
      refuses({ fields: [["A", "b\rc"]] }, "InvalidHeaderValue"),
      refuses({ content: unknown, trailers: [["A", "b\rc"]] }, "InvalidTrailer"),
      () => expect(resolved("GET", "/\r")._tag).toBe("Left")
    )
  ],
  [4, "no CRLF stands before or behind a request, whatever its body", () => {
    for (const content of [{ kind: "none" } as const, known(0), known(3), unknown]) {
      const { text } = headOf({ method: "POST", content })
      expect(text).toMatch(/^POST \/ HTTP\/1\.1\r\n(?:[^\r\n]+\r\n)+\r\n$/)
    }
    expect(Buffer.from(encodeChunk(bytesOf("abc"))).toString()).toBe("3\r\nabc\r\n")
    expect(encodeLastChunk(HttpFields.empty)).toBe("0\r\n\r\n")
  }],
  [
    5,
    "white space between status line and first field is refused",
    all(
      headFails("HTTP/1.1 200 R\r\n A: b", "InvalidHeaderLine"),
      headFails("HTTP/1.1 200 R\r\n\tA: b", "InvalidHeaderLine")
    )
  ],
  [
    6,
    "some CRLF before a status line are skipped",
    all(
      reads(`\r\n${empty}`, emptyEvents, { reusable: true }),
      reads(`\r\n\r\n\r\n\r\n${empty}`, emptyEvents, { reusable: true }),
      headFails("\r\n\r\n\r\n\r\n\r\nHTTP/1.1 200 R", "BadStatusLine")
    )
  ],
  [7, "requests are HTTP/1.1", () => expect(lines({})[0]).toBe("GET / HTTP/1.1")],
  [8, "a higher minor version counts as 1.1", reads(`HTTP/1.2 200 R\r\n${zero}`, emptyEvents, { reusable: true })],
  [
    8,
    "another major version is refused",
    all(
      ...["HTTP/2.0", "HTTP/0.9", "HTTP/1.10", "HTTP/3"].map((version) =>
        headFails(`${version} 200 R`, "UnknownProtocol")
      ),
      headFails("http/1.1 200 R", "BadStatusLine")
    )
  ],
  [9, "a target of 16 KiB goes out unchanged", () => {
    const target = `/${"x".repeat(16_383)}`
    expect(sent("GET", target)[0]).toBe(`GET ${target} HTTP/1.1`)
  }],
  [10, "Host is the authority without userinfo", () => {
    expect(sent("GET", "/", origin("[::1]:81"))[1]).toBe("Host: [::1]:81")
    expect(sent("GET", "/", origin("h", { port: 80 }))[1]).toBe("Host: h")
    expect(sent("GET", "/", origin("h", { scheme: "https", port: 80 }))[1]).toBe("Host: h:80")
    expect(sent("GET", "/", origin("bücher.example"))[1]).toBe("Host: xn--bcher-kva.example")
    expect(sent("OPTIONS", "*")[1]).toBe("Host: h")
    expect(Either.flip(resolved("GET", "http://u:p@h/"))).toMatchObject({
      right: { _tag: "InvalidUrl", part: "userinfo" }
    })
  }],
  [10, "a request without Host cannot be sent", refuses({ skipHost: true }, "InvalidOption")],
  [11, "Host is the first field", () => {
    expect(lines({ content: known(1), contentType: "a/b", acceptEncoding: "x", fields: [["A", "b"]] })[1]).toBe(
      "Host: h"
    )
    expect(lines({ fields: [["A", "b"], ["host", "x"]] })).toEqual(["GET / HTTP/1.1", "Host: x", "A: b"])
  }],
  [12, "origin-form is path and query, a slash where empty, and no fragment", () => {
    expect(sent("GET", "http://h?x")[0]).toBe("GET /?x HTTP/1.1")
    expect(sent("GET", "http://h#f")[0]).toBe("GET / HTTP/1.1")
    expect(sent("GET", "http://h/p?q#f")[0]).toBe("GET /p?q HTTP/1.1")
    expect(sent("GET", "/p?q#f")[0]).toBe("GET /p?q HTTP/1.1")
    expect(sent("GET", "")[0]).toBe("GET / HTTP/1.1")
  }],
  [13, "absolute-form goes to a proxy, with Host", () => {
    expect(sent("GET", "/p?q", origin("h:81"), "absolute")).toEqual(["GET http://h:81/p?q HTTP/1.1", "Host: h:81"])
  }],
  [14, "CONNECT has authority-form with its port", () => {
    expect(sent("CONNECT", "host:443")).toEqual(["CONNECT host:443 HTTP/1.1", "Host: host:443"])
    expect(sent("CONNECT", "[::1]:443")).toEqual(["CONNECT [::1]:443 HTTP/1.1", "Host: [::1]:443"])
    expect(resolved("CONNECT", "host")._tag).toBe("Left")
  }],
  [15, "OPTIONS for the whole server is * and, through a proxy, a URL without path", () => {
    expect(sent("OPTIONS", "*")[0]).toBe("OPTIONS * HTTP/1.1")
    expect(sent("OPTIONS", "*", origin("h"), "absolute")[0]).toBe("OPTIONS http://h HTTP/1.1")
    expect(sent("OPTIONS", "http://h", origin("h"), "absolute")[0]).toBe("OPTIONS http://h HTTP/1.1")
  }],
  [
    16,
    "a status is three digits; the reason, and the space before it, may be missing",
    all(
      reads(`HTTP/1.1 200\r\n${zero}`, [head(200, "", length(0), { fields: lengthZero }), end()]),
      reads(`HTTP/1.1 200 \r\n${zero}`, [head(200, "", length(0), { fields: lengthZero }), end()]),
      ...["99", "099", "1000", "2 0", "-20", "2e2"].map((code) => headFails(`HTTP/1.1 ${code} R`, "InvalidStatusCode"))
    )
  ],
  [
    17,
    "the reason is kept for display and means nothing",
    reads(`HTTP/1.1 200 204 No Content \xe9\r\n${zero}`, [
      head(200, "204 No Content \xe9", length(0), { fields: lengthZero }),
      end()
    ])
  ],
  [
    18,
    "white space before a colon is refused",
    all(
      headFails("HTTP/1.1 200 R\r\nX : y", "InvalidHeaderLine"),
      headFails("HTTP/1.1 200 R\r\nX\t: y", "InvalidHeaderLine")
    )
  ],
  [
    19,
    "white space around a value goes, inside it stays",
    response([["A", "\t b \t c \t"], ...lengthZero], "", [
      head(200, "R", length(0), { fields: [["A", "b \t c"], ...lengthZero] }),
      end()
    ])
  ],
  [20, "no folded line is ever sent", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ unit: FastCheck.constantFrom("a", "\r", "\n", " ", "\t") }), (value) => {
        const head = encoded({ fields: [["A", value]] })
        if (head._tag === "Right") expect(head.right.text).not.toMatch(/\r\n[ \t]/)
        else expect(value).toMatch(/[\r\n]/)
      })
    )
  }],
  [
    21,
    "a folded line of a response becomes one space",
    reads(`HTTP/1.1 200 R\r\nA: b \r\n \t c\r\n${zero}`, [
      head(200, "R", length(0), { fields: [["A", "b c"], ...lengthZero] }),
      end()
    ])
  ],
  [
    21,
    "a folded framing field is refused",
    all(
      headFails("HTTP/1.1 200 R\r\nContent-Length: 1\r\n 0", "InvalidHeaderLine"),
      headFails("HTTP/1.1 200 R\r\nTransfer-Encoding:\r\n chunked", "InvalidHeaderLine")
    )
  ],
  [
    22,
    "CR, LF and NUL in a value are refused",
    all(
      ...["\0", "\r", "\n"].map((character) => headFails(`HTTP/1.1 200 R\r\nA: b${character}c`, "InvalidHeaderLine"))
    )
  ],
  [
    23,
    "names are tokens, and not empty",
    all(
      ...[": x", "a b: c", "\xe9: x", "a\xe9: x", "(a): x", "a@b: x", "X"].map((line) =>
        headFails(`HTTP/1.1 200 R\r\n${line}`, "InvalidHeaderLine")
      )
    )
  ],
  [
    23,
    "names are compared without regard to case",
    response([["cONTENT-lENGTH", "3"]], "abc", [
      head(200, "R", length(3), { fields: [["cONTENT-lENGTH", "3"]] }),
      data("abc"),
      end()
    ])
  ],
  [24, "lines of one name keep their order; they are joined with a comma, Set-Cookie never", () => {
    const fields: Lines = [["Set-Cookie", "a=1"], ["Link", "x"], ["Set-Cookie", "b=2"], ["link", "y"], [
      "set-cookie",
      "c=3"
    ]]
    response([...fields, ...lengthZero], "", [
      head(200, "R", length(0), { fields: [...fields, ...lengthZero] }),
      end()
    ])()
    const parsed = Either.getOrThrow(HttpFields.parse(bytesOf(text(fields))))
    expect(HttpFields.getUnsafe(parsed, "Link")).toBe("x, y")
    expect(HttpFields.getUnsafe(parsed, "Set-Cookie")).toBe("a=1")
    expect(HttpFields.getAll(parsed, "Set-Cookie")).toEqual(["a=1", "b=2", "c=3"])
  }],
  [
    25,
    "fields beyond a limit are a failure of their own",
    all(
      response([["A", "b".repeat(60)]], "", [fails("LineTooLong", { what: "field line", limit: 50 })], {
        limits: { fieldLine: 50 }
      }),
      response([["A", "b"], ["A", "b"]], "", [fails("TooManyHeaders", { limit: 1 })], { limits: { fields: 1 } }),
      response([["A", "b"]], "", [fails("HeadersTooLarge", { limit: 20 })], { limits: { head: 20 } })
    )
  ],
  [
    26,
    "empty elements of a list are ignored",
    response([["Connection", ", close,,"], ...lengthZero], "", [
      head(200, "R", length(0), { fields: [["Connection", ", close,,"], ...lengthZero] }),
      end()
    ], { reusable: false })
  ],
  [
    28,
    "chunked is applied once, and last",
    all(
      () =>
        expect(
          lines({ content: unknown, fields: [["Transfer-Encoding", "chunked"]] }).filter((line) =>
            line.includes("chunked")
          )
        ).toHaveLength(1),
      ...["chunked, chunked", "gzip", "chunked, gzip", "identity, chunked"].map((value) =>
        refuses({ content: unknown, fields: [["Transfer-Encoding", value]] }, "ForbiddenHeader")
      )
    )
  ],
  [
    30,
    "HTTP/1.0 with Transfer-Encoding is faulty",
    all(
      reads(`HTTP/1.0 200 R\r\n${text(chunkedLine)}\r\n`, [
        fails("FramingConflict", { reason: "it is HTTP/1.0 with Transfer-Encoding" })
      ]),
      reads(`HTTP/1.0 200 R\r\nConnection: keep-alive\r\n${text(chunkedLine)}\r\n0\r\n\r\n`, [
        head(200, "R", "chunked", { version: 10, fields: [["Connection", "keep-alive"], ...chunkedLine] }),
        end()
      ], { leniency: { framingConflict: true }, reusable: false }),
      reads(`HTTP/1.0 304 R\r\nConnection: keep-alive\r\n${text(chunkedLine)}\r\n`, [
        head(304, "R", "none", { version: 10, fields: [["Connection", "keep-alive"], ...chunkedLine] }),
        end()
      ], { reusable: false })
    )
  ],
  [
    31,
    "Content-Length never goes with Transfer-Encoding",
    all(
      refuses(
        { content: known(1), fields: [["Content-Length", "1"], ["Transfer-Encoding", "chunked"]] },
        "ConflictingFraming"
      ),
      () =>
        expect(headOf({ content: unknown, fields: [["Content-Length", "1"]] }).text).not.toMatch(/transfer-encoding/i),
      () =>
        expect(headOf({ content: known(1), fields: [["Transfer-Encoding", "chunked"]] }).text).not.toMatch(
          /content-length/i
        )
    )
  ],
  [32, "POST, PUT and PATCH without content say Content-Length: 0, others say nothing", () => {
    for (const method of ["POST", "PUT", "PATCH"]) expect(lines({ method })).toContain("Content-Length: 0")
    for (const method of ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT"]) {
      expect(headOf({ method }).text).not.toMatch(/content-length/i)
    }
  }],
  [
    33,
    "a length beyond what can be counted is refused",
    all(
      ...["9007199254740992", "9007199254740993", `1${"0".repeat(30)}`, "18446744073709551616"].map((value) =>
        response([["Content-Length", value]], "", [fails("InvalidContentLength", { value })])
      )
    )
  ],
  [
    34,
    "HEAD, 1xx, 204 and 304 end at the empty line whatever the fields say, and another response may follow unless one was announced",
    () => {
      for (const fields of [[["Content-Length", "5"]], chunkedLine, []] as ReadonlyArray<Lines>) {
        for (const [method, status] of [["HEAD", 200], ["HEAD", 404], ["GET", 204], ["GET", 304]] as const) {
          reads(`HTTP/1.1 ${status} R\r\n${text(fields)}\r\n`, [head(status, "R", "none", { fields }), end()], {
            request: { method },
            // A 204 must not have these fields, and bytes may follow; the others may have them.
            reusable: status !== 204 || fields.length === 0
          })()
        }
        reads(`HTTP/1.1 103 R\r\n${text(fields)}\r\n${empty}`, [informational(103, "R", { fields }), ...emptyEvents], {
          reusable: fields.length === 0
        })()
      }
    }
  ],
  [
    35,
    "a 2xx to CONNECT is a tunnel, whatever its fields say",
    all(
      ...[200, 204, 299].map((status) =>
        reads(`HTTP/1.1 ${status} R\r\nContent-Length: 5\r\n\r\n`, [
          head(status, "R", "tunnel", { fields: [["Content-Length", "5"]] }),
          end()
        ], {
          request: { method: "CONNECT" },
          reusable: false
        })
      ),
      () => {
        const machine = asked("CONNECT")
        expect(answers(machine, "HTTP/1.1 200 R\r\nContent-Length: 5\r\n\r\ntunnel")).toHaveLength(2)
        expect(machine.excess).toBe(6)
      }
    )
  ],
  [
    36,
    "Transfer-Encoding beside Content-Length is suspicious",
    all(
      response([["Content-Length", "5"], ...chunkedLine], "", [
        fails("FramingConflict", { reason: "it has both Transfer-Encoding and Content-Length" })
      ]),
      response([["Content-Length", "5"], ...chunkedLine], "3\r\nabc\r\n0\r\n\r\n", [
        head(200, "R", "chunked", { fields: [["Content-Length", "5"], ...chunkedLine] }),
        data("abc"),
        end()
      ], { leniency: { framingConflict: true }, reusable: false })
    )
  ],
  [
    37,
    "exactly chunked is decoded, every other coding refused",
    all(
      ...["chunked", "Chunked"].map((value) =>
        response([["Transfer-Encoding", value]], "1\r\na\r\n0\r\n\r\n", [
          head(200, "R", "chunked", { fields: [["Transfer-Encoding", value]] }),
          data("a"),
          end()
        ])
      ),
      ...["gzip", "chunked, gzip", "gzip, chunked", "identity", "xchunked", "chunked, chunked", "chunked;q=1"].map((
        codings
      ) => response([["Transfer-Encoding", codings]], "", [fails("UnknownTransferEncoding", { codings })])),
      response([...chunkedLine, ...chunkedLine], "", [
        fails("UnknownTransferEncoding", { codings: "chunked, chunked" })
      ]),
      response([["Transfer-Encoding", "gzip"]], "abc", [
        head(200, "R", "close", { fields: [["Transfer-Encoding", "gzip"]] }),
        data("abc"),
        end()
      ], { leniency: { unknownTransferCoding: true }, eof: true, reusable: false })
    )
  ],
  [
    38,
    "an invalid Content-Length cannot be recovered from; a list of the same is fine",
    all(
      ...["3, 3", " 3 ", "3"].map((value) =>
        response([["Content-Length", value]], "abc", [
          head(200, "R", length(3), { fields: [["Content-Length", value.trim()]] }),
          data("abc"),
          end()
        ])
      ),
      response([["Content-Length", "3"], ["Content-Length", "3"]], "abc", [
        head(200, "R", length(3), { fields: [["Content-Length", "3"], ["Content-Length", "3"]] }),
        data("abc"),
        end()
      ]),
      ...["+3", "-1", "0x3", "", "3;"].map((value) =>
        response([["Content-Length", value]], "", [fails("InvalidContentLength", { value })])
      ),
      response([["Content-Length", "3, 4"]], "", [fails("ConflictingContentLength", { values: ["3", "4"] })]),
      response([["Content-Length", "3"], ["Content-Length", "4"]], "", [
        fails("ConflictingContentLength", { values: ["3", "4"] })
      ])
    )
  ],
  [
    39,
    "a body cut short is incomplete",
    response([["Content-Length", "5"]], "abc", [
      head(200, "R", length(5), { fields: [["Content-Length", "5"]] }),
      data("abc"),
      fails("IncompleteRead", { received: 3, expected: 5 })
    ], { eof: true, reusable: false })
  ],
  [
    40,
    "without framing the body ends with the connection",
    response([], "abc", [head(200, "R", "close"), data("abc"), end()], { eof: true, reusable: false })
  ],
  [41, "every request with a body is framed, whatever its method", () => {
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "X"]) {
      for (
        const [content, line] of [[known(3), "Content-Length: 3"], [unknown, "Transfer-Encoding: chunked"]] as const
      ) {
        expect(lines({ method, content })).toContain(line)
      }
    }
  }],
  [
    42,
    "a known length goes with Content-Length",
    sends({ content: known(3) }, "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n")
  ],
  [43, "bytes behind the response are never a response: in one packet", () => {
    const machine = asked()
    expect(answers(machine, empty + empty)).toEqual([...emptyEvents, fails("UnexpectedMessage")])
    expect(machine.startRequest(facts())).toBe(false)
  }],
  [43, "bytes behind the response are never a response: later", () => {
    const machine = asked()
    expect(answers(machine, empty)).toEqual(emptyEvents)
    expect(answers(machine, empty)).toEqual([fails("UnexpectedMessage")])
    expect(machine.startRequest(facts())).toBe(false)
  }],
  [
    44,
    "chunks of any size are decoded, in either case and with leading zeros",
    all(
      chunked("1\r\na\r\n1\r\nb\r\n0\r\n\r\n", "ab"),
      chunked("a\r\n0123456789\r\n0A\r\n0123456789\r\n00\r\n\r\n", "01234567890123456789"),
      () => {
        const body = "x".repeat(65_536)
        const { seen } = run({}, [bytesOf(`HTTP/1.1 200 R\r\n${text(chunkedLine)}\r\n10000\r\n${body}\r\n0\r\n\r\n`)])
        expect(seen).toContainEqual(data(body))
      }
    )
  ],
  [
    44,
    "a chunk size beyond what can be counted is refused",
    all(
      chunkedFails("FFFFFFFFFFFFFFFFF", "", fails("ChunkTooLarge", { size: "FFFFFFFFFFFFFF" })),
      chunkedFails("20000000000000", "", fails("ChunkTooLarge", { size: "20000000000000" }))
    )
  ],
  [
    45,
    "a chunk size is hexadecimal digits and nothing else",
    all(
      ...[["0x3", "0x"], ["+3", "+"], ["-1", "-"], ["3 ", "3 "], [" 3", " "], ["3_0", "3_"], ["", "\r"]].map((
        [size = "", line]
      ) => chunkedFails(`${size}\r\n`, "", fails("InvalidChunkSize", { line })))
    )
  ],
  [
    46,
    "chunk data is followed by CRLF",
    all(
      ...["abcXX", "abc\n", "abc\r\r", "abc "].map((body) =>
        chunkedFails(`3\r\n${body}`, "abc", fails("InvalidChunkEnd", { offset: 3 }))
      )
    )
  ],
  [
    47,
    "chunk extensions are ignored, and bounded",
    all(
      chunked("3;a\r\nabc\r\n0\r\n\r\n", "abc"),
      chunked("3;a=b\r\nabc\r\n0;c\r\n\r\n", "abc"),
      chunked("3;a=\"x;y\"\r\nabc\r\n0\r\n\r\n", "abc"),
      // A line end inside a quoted string ends the line all the same.
      chunkedFails("3;a=\"x;\r\n\"\r\nXY", "\"\r\n", fails("InvalidChunkEnd", { offset: 3 })),
      () =>
        expect(run({}, [bytesOf(`HTTP/1.1 200 R\r\n${text(chunkedLine)}\r\n3;${"x".repeat(1_048_576)}`)]).seen.at(-1))
          .toMatchObject({ error: "LineTooLong" })
    )
  ],
  [
    48,
    "trailers are kept apart, and those that would change the message are left out",
    chunked(
      "1\r\na\r\n0\r\nDigest: x\r\nContent-Length: 9\r\nTransfer-Encoding: gzip\r\nHost: y\r\nSet-Cookie: a=b\r\nAuthorization: z\r\n\r\n",
      "a",
      ["Digest", "x"]
    )
  ],
  [49, "a chunked body cut anywhere is incomplete", () => {
    const whole = "3\r\nabc\r\n0\r\nA: b\r\n\r\n"
    for (let cut = 0; cut < whole.length; cut++) {
      const content = whole.slice(3, Math.min(6, cut))
      chunkedFails(whole.slice(0, cut), content, fails("IncompleteRead", { received: content.length }), true)()
    }
  }],
  [
    50,
    "parameters of chunked are an error",
    response([["Transfer-Encoding", "chunked;x=1"]], "", [
      fails("UnknownTransferEncoding", { codings: "chunked;x=1" })
    ])
  ],
  [
    51,
    "chunked is never sent in TE, and TE is named in Connection",
    all(
      refuses({ fields: [["TE", "trailers, chunked"]] }, "ForbiddenHeader"),
      sends({ fields: [["TE", "trailers"]] }, "GET / HTTP/1.1\r\nHost: h\r\nConnection: TE\r\nTE: trailers\r\n\r\n"),
      sends(
        { fields: [["TE", "trailers"], ["Connection", "te"]] },
        "GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: te\r\n\r\n"
      )
    )
  ],
  [
    52,
    "an incomplete response is recorded as one, with what had come",
    all(
      chunkedFails("3\r\nabc\r\n", "abc", fails("IncompleteRead", { received: 3 }), true),
      chunkedFails("3\r\nabc\r\nx", "abc", fails("InvalidChunkSize", { line: "x" })),
      reads("HTTP/1.1 200 R\r\nA", [fails("IncompleteHeaders", { received: 17 })], { eof: true })
    )
  ],
  [
    53,
    "trailers are sent for fields that permit it, and for no others",
    all(
      ...["Content-Length", "Transfer-Encoding", "Host", "Authorization", "Set-Cookie", "Content-Type", "TE", "Trailer"]
        .map((name) => refuses({ content: unknown, trailers: [[name, "x"]] }, "InvalidTrailer")),
      () => expect(lines({ content: unknown, trailers: [["Digest", "x"]] })).toContain("Trailer: Digest")
    )
  ],
  [54, "one request is answered before the next is sent", () => {
    const machine = asked()
    expect(machine.startRequest(facts())).toBe(false)
    expect(answers(machine, empty)).toEqual(emptyEvents)
    expect(machine.startRequest(facts())).toBe(true)
  }],
  [55, "bytes without a request are no response, and end the connection", () => {
    for (const bytes of ["\r\n", "junk", empty]) {
      for (
        const machine of [
          new Machine(),
          (() => {
            const machine = asked()
            answers(machine, empty)
            return machine
          })()
        ]
      ) {
        expect(answers(machine, bytes)).toEqual([fails("UnexpectedMessage")])
        expect(machine.reusable).toBe(false)
      }
    }
  }],
  [56, "a request that says close is known to say so", () => {
    expect(headOf({ fields: [["Connection", "close"]] })).toMatchObject({ close: true })
    expect(lines({ fields: [["Connection", "close"]] })).toContain("Connection: close")
  }],
  [57, "1.1 persists by default, 1.0 with keep-alive only", () => {
    for (
      const [version, connection, reusable] of [
        ["1.1", "", true],
        ["1.0", "", false],
        ["1.0", "Connection: keep-alive\r\n", true],
        ["1.0", "Connection: Keep-Alive, foo\r\n", true],
        ["1.0", "Connection: foo\r\n", false]
      ] as const
    ) {
      const machine = asked()
      answers(machine, `HTTP/${version} 200 R\r\n${connection}${zero}`)
      expect(machine.reusable, `${version} ${connection}`).toBe(reusable)
    }
  }],
  [58, "the body is read to its end before the connection is used again", () => {
    const machine = asked()
    answers(machine, "HTTP/1.1 200 R\r\nContent-Length: 5\r\n\r\nhell")
    expect(machine.startRequest(facts())).toBe(false)
    answers(machine, "o")
    expect(machine.startRequest(facts())).toBe(true)
  }],
  [63, "an idle connection that the server closed takes no request", () => {
    const machine = asked()
    answers(machine, empty)
    machine.eof()
    drain(machine, [])
    expect(machine.startRequest(facts())).toBe(false)
  }],
  [64, "an answer is read while the request is being sent; an abandoned request ends the connection", () => {
    const machine = new Machine()
    machine.startRequest(facts({ request: { method: "POST" } }))
    expect(answers(machine, `HTTP/1.1 413 R\r\nConnection: close\r\n${zero}`)).toHaveLength(2)
    machine.abandonRequest()
    expect(machine.reusable).toBe(false)
  }],
  [65, "an early answer leaves the connection reusable once the request is complete", () => {
    const machine = new Machine()
    machine.startRequest(facts({ request: { method: "POST" } }))
    answers(machine, empty)
    expect(machine.reusable).toBe(false)
    machine.endRequest()
    expect(machine.reusable).toBe(true)
  }],
  [66, "after sending close there are no more requests", () => {
    const machine = asked("GET", true)
    answers(machine, empty)
    expect(machine.startRequest(facts())).toBe(false)
  }],
  [67, "after receiving close there are no more requests", () => {
    for (
      const fields of [
        "Connection: close",
        "Connection: Close",
        "Connection: x, close",
        "Connection: x\r\nconnection: close"
      ]
    ) {
      const machine = asked()
      expect(answers(machine, `HTTP/1.1 200 R\r\n${fields}\r\n${zero}`)).toHaveLength(2)
      expect(machine.startRequest(facts()), fields).toBe(false)
    }
  }],
  [
    68,
    "the end of the connection right behind the last byte is no failure",
    reads(empty, emptyEvents, { eof: true, reusable: false })
  ],
  [70, "no hop-by-hop field is sent by itself", () => {
    for (const content of [{ kind: "none" } as const, known(3), unknown]) {
      expect(headOf({ method: "POST", content }).text).not.toMatch(
        /^(?:connection|keep-alive|proxy-connection|upgrade|te):/im
      )
    }
  }],
  [
    70,
    "no field that everyone must see can be named in Connection",
    refuses({ fields: [["Connection", "Content-Length"]] }, "ForbiddenHeader")
  ]
]

const excluded: { readonly [rfc: number]: string } = {
  27: "dates are not parsed by the protocol: Retry-After and Date are for whoever reads the fields",
  29: "what version a server speaks is known by origin, not by the machine of one connection",
  59: "retries are the pool's",
  60: "retries are the pool's",
  61: "there is no pipelining",
  62: "the number of connections is the pool's",
  69: "TLS is the transport's"
}

describe("the RFC table", () => {
  for (const [rfc, name, check] of cases) it(`RFC-${rfc}: ${name}`, check)

  it("has a case or a reason for every number from 1 to 70, and not both", () => {
    const withCase = new Set(cases.map(([rfc]) => rfc))
    for (let rfc = 1; rfc <= 70; rfc++) {
      expect([rfc, withCase.has(rfc), rfc in excluded].filter((said) => said === true), `RFC-${rfc}`).toHaveLength(1)
    }
  })
})
