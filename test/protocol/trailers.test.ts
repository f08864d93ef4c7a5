/** Trailer sections, received and sent (RFC 9112 section 7.1.2, RFC 9110 section 6.5). */
import { describe, expect, it } from "vitest"
import * as HttpFields from "../../src/HttpFields.ts"
import { checkTrailers, isForbiddenTrailer } from "../../src/internal/protocol/trailers.ts"
import { notStrings } from "../fixtures/notStrings.ts"
import { data, end, fails, head, type Seen, type Wire, wires } from "./harness.ts"

const start = "HTTP/1.1 200 R\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
const before = [head(200, "R", "chunked", { fields: [["Transfer-Encoding", "chunked"]] }), data("x")]

const read = (section: string, ...trailers: ReadonlyArray<readonly [string, string]>): Wire => ({
  name: `reads ${JSON.stringify(section)}`,
  wire: `${start}${section}\r\n`,
  events: [...before, end(...trailers)],
  reusable: true
})

/** Every name that RFC 9110 section 6.5.1 has in mind: framing, routing, modifiers, authentication, content. */
const forbidden = [
  "Age",
  "Authorization",
  "Cache-Control",
  "Connection",
  "Content-Encoding",
  "Content-Length",
  "Content-Location",
  "Content-Range",
  "Content-Type",
  "Cookie",
  "Date",
  "Expect",
  "Expires",
  "Host",
  "If-Match",
  "If-Modified-Since",
  "If-None-Match",
  "If-Range",
  "If-Unmodified-Since",
  "Keep-Alive",
  "Location",
  "Max-Forwards",
  "Pragma",
  "Proxy-Authenticate",
  "Proxy-Authorization",
  "Proxy-Connection",
  "Range",
  "Retry-After",
  "Set-Cookie",
  "TE",
  "Trailer",
  "Transfer-Encoding",
  "Upgrade",
  "Vary",
  "Warning",
  "WWW-Authenticate"
]

wires("trailers that are received", [
  read(""),
  read("A: b\r\n", ["A", "b"]),
  read("A: b\r\nETag: \"x\"\r\na:  c \r\n", ["A", "b"], ["ETag", "\"x\""], ["a", "c"]),
  read("A: b\r\n c\r\n", ["A", "b c"]),
  read("__proto__: x\r\n", ["__proto__", "x"]),
  ...forbidden.map((name) => ({
    ...read(`A: 1\r\n${name}: 5\r\nB: 2\r\n`, ["A", "1"], ["B", "2"]),
    name: `leaves ${name} out`
  })),
  read("content-length: 5\r\ntRANSFER-eNCODING: chunked\r\n")
])

const refused = (section: string, error: Seen, limits?: Wire["limits"]): Wire => ({
  name: `refuses ${JSON.stringify(section)} within ${JSON.stringify(limits ?? {})}`,
  limits,
  wire: `${start}${section}`,
  events: [...before, error]
})
const invalid = (section: string, reason: string, name = ""): Wire =>
  refused(section, fails("InvalidTrailer", { field: name, reason }))

wires("trailers that are none", [
  invalid("A : b\r\n\r\n", "white space before the colon"),
  invalid("A\r\n\r\n", "a line without a colon"),
  invalid(": b\r\n\r\n", "an empty field name"),
  invalid("A\xe9: b\r\n\r\n", "a character that a field name cannot have"),
  invalid(" A: b\r\n\r\n", "white space before the first field"),
  invalid("Content-Length: 1\r\n 2\r\n\r\n", "the field Content-Length is folded over several lines", "Content-Length"),
  invalid("A: b\n", "a bare LF"),
  invalid("\n", "a bare LF"),
  invalid("A: b\rX", "a bare CR"),
  invalid("\rX", "a bare CR"),
  invalid("A: b\r\n\r\r\n", "a bare CR"),
  invalid("A: \0", "a control character"),
  invalid("HTTP/1.1 200 OK\r\n\r\n", "a character that a field name cannot have")
])

const tooLarge = (limit: number) => fails("TrailersTooLarge", { limit })
const lineTooLong = (limit: number) => fails("LineTooLong", { what: "trailer line", limit })
const within = (
  section: string,
  limits: Wire["limits"],
  ...trailers: ReadonlyArray<readonly [string, string]>
): Wire => ({
  ...read(section, ...trailers),
  name: `reads ${JSON.stringify(section)} within ${JSON.stringify(limits)}`,
  limits
})

wires("limits of trailers", [
  within("A: b\r\nC: d\r\n", { trailers: 14 }, ["A", "b"], ["C", "d"]),
  refused("A: b\r\nC: d\r\n\r\n", tooLarge(13), { trailers: 13 }),
  refused("A: b\r\nC: d\r\n\r\n", tooLarge(12), { trailers: 12 }),
  refused("A: b\r\nC: d", tooLarge(8), { trailers: 8 }),
  within("A: b\r\nC: d\r\n", { fields: 2 }, ["A", "b"], ["C", "d"]),
  refused("A: b\r\nC: d\r\nE: f\r\n", tooLarge(2), { fields: 2 }),
  within(`A: ${"b".repeat(23)}\r\n`, { fieldLine: 26 }, ["A", "b".repeat(23)]),
  refused(`A: ${"b".repeat(24)}`, lineTooLong(26), { fieldLine: 26 }),
  refused(`A: b\r\nA: ${"b".repeat(24)}`, lineTooLong(26), { fieldLine: 26 }),
  refused(`A: ${"b".repeat(20)}\r\n bbb\r\n\r\n`, lineTooLong(26), { fieldLine: 26 })
])

describe("trailers that are sent", () => {
  it("are fine where nothing is wrong with them", () => {
    expect(checkTrailers(HttpFields.make(["Digest", "x"], ["ETag", " \"\xe9\" "], ["Server-Timing", ""])))
      .toBeUndefined()
    expect(checkTrailers(HttpFields.empty)).toBeUndefined()
  })

  it("are refused by name, in any case", () => {
    for (const name of forbidden) {
      for (const spelled of [name, name.toLowerCase(), name.toUpperCase()]) {
        expect(isForbiddenTrailer(spelled), spelled).toBe(true)
        expect(checkTrailers(HttpFields.make(["A", "b"], [spelled, "c"]))).toMatchObject({
          _tag: "InvalidTrailer",
          field: spelled,
          reason: "a field of this name may not stand in a trailer section"
        })
      }
    }
  })

  it("are allowed where the name only looks like a forbidden one", () => {
    for (const name of ["Ages", "X-Host", "Hosts", "If", "Iff-Match", "Content", "Digest"]) {
      expect(isForbiddenTrailer(name), name).toBe(false)
    }
  })

  it.each([
    ["", "x", "its name is not a token", ""],
    ["a b", "x", "its name is not a token", "a…"],
    ["a\r\nb", "x", "its name is not a token", "a…"],
    ["A", "x\r\nb", "its value has a carriage return at offset 1"],
    ["A", "x\nb", "its value has a line feed at offset 1"],
    ["A", "\0", "its value has a NUL at offset 0"],
    ["A", "\u20ac", "its value has a character beyond ISO-8859-1 at offset 0"],
    ["A", "x\x7f", "its value has a control character at offset 1"]
  ])("are refused by grammar: %j %j", (name, value, reason, field = name) => {
    const error = checkTrailers(HttpFields.make([name, value]))
    expect(error).toMatchObject({ _tag: "InvalidTrailer", field, reason })
    if (value.length > 1) expect(JSON.stringify(error)).not.toContain(JSON.stringify(value).slice(1, -1))
  })

  it("are named by no more than the beginning of their name", () => {
    expect(checkTrailers(HttpFields.make([`${"a".repeat(100)} `, "x"]))?.field).toBe(`${"a".repeat(80)}…`)
  })

  it.each(notStrings)("are refused where a name or value is $what", ({ value }) => {
    const trailers = (name: unknown, value: unknown) => HttpFields.unsafeMake([name as string], [value as string])
    expect(checkTrailers(trailers("A", value))).toMatchObject({
      field: "A",
      reason: "its value has something that is not a string at offset 0"
    })
    expect(checkTrailers(trailers(value, "x"))).toMatchObject({
      field: "(not a string)",
      reason: "its name is not a token"
    })
  })
})
