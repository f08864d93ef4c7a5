/**
 * Heads that are complete in the available bytes, which have a separate parser, against the same
 * heads in pieces, which do not use it: the result is the same. The list of fields that keeps the
 * head's text behaves like any other list.
 */
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import * as HttpFields from "../../src/HttpFields.ts"
import * as HttpLeniency from "../../src/HttpLeniency.ts"
import * as HttpLimits from "../../src/HttpLimits.ts"
import { ParsedFields } from "../../src/internal/model/fields.ts"
import { decideFraming, persists } from "../../src/internal/protocol/framing.ts"
import type { ResponseHead } from "../../src/internal/protocol/head.ts"
import { HeadParser } from "../../src/internal/protocol/head.ts"
import { bytesOf } from "./harness.ts"

const limits = HttpLimits.make({ fields: 1e6, fieldLine: 1e6, head: 1e6 })

/** The head that these pieces are. */
const parse = (...pieces: ReadonlyArray<string>): ResponseHead => {
  const parser = new HeadParser(limits, HttpLeniency.strict)
  for (const piece of pieces) parser.scan(bytesOf(piece), 0)
  if (parser.head === undefined) throw new Error(`no head: ${String(parser.error)}`)
  return parser.head
}

const whole = (lines: string, version = "1.1"): ResponseHead => parse(`HTTP/${version} 200 OK\r\n${lines}\r\n`)
const inPieces = (lines: string, version = "1.1"): ResponseHead => parse(`HTTP/${version} 200 O`, `K\r\n${lines}\r\n`)

const isParsed = (head: ResponseHead): boolean => head.fields instanceof ParsedFields

describe("a head that is whole", () => {
  it("is read on its own way, and one in pieces is not", () => {
    expect(isParsed(whole("A: b\r\n"))).toBe(true)
    expect(isParsed(inPieces("A: b\r\n"))).toBe(false)
  })

  for (
    const [what, lines, own] of [
      ["no field", "", true],
      ["white space around values, tabs among it", "A:b\r\nB: \t c\t d \t\r\nC:\r\nD: \t\r\n", true],
      ["bytes that are not ASCII", "A: \x80\xff\r\n", true],
      ["a line as long as a span can be", `A: ${"v".repeat(4092)}\r\nB: c\r\n`, true],
      ["a longer line", `A: ${"v".repeat(4093)}\r\nB: c\r\n`, false],
      ["nearly as many bytes as there are offsets", `${`A: ${"v".repeat(997)}\r\n`.repeat(261)}B: c\r\n`, true],
      ["more bytes than offsets", `${`A: ${"v".repeat(997)}\r\n`.repeat(262)}B: c\r\n`, false],
      ["a folded line", "A: b\r\n c\r\n", false]
    ] as const
  ) {
    it(`gives the same with ${what}`, () => {
      const one = whole(lines)
      const other = inPieces(lines)
      expect(isParsed(one)).toBe(own)
      expect({ ...one, fields: HttpFields.entries(one.fields) }).toEqual({
        ...other,
        fields: HttpFields.entries(other.fields)
      })
    })
  }

  it("is framed and persists as its fields say, where it notes them while it reads", () => {
    const fields = [
      "Content-Length: 5",
      "content-length: 05",
      "Content-Length: 5, 5",
      "Content-Length:",
      "Content-Length: x",
      "Content-Length: 999999999999999",
      "Content-Length: 9999999999999999",
      "CONTENT-LENGTH: 6",
      "Content_Length: 6",
      "Connection: keep-alive",
      "connection: Keep-Alive",
      "Connection: close",
      "Connection: a, close",
      "Connection: TE",
      "Transfer-Encoding: chunked",
      "Transfer-Encoding: gzip"
    ]
    let plain = 0
    for (const version of ["1.1", "1.0"]) {
      for (const first of fields) {
        for (const second of fields) {
          for (const method of ["GET", "HEAD", "CONNECT"]) {
            for (const leniency of [HttpLeniency.strict, HttpLeniency.httpClient]) {
              const lines = `${first}\r\nA: b\r\n${second}\r\n`
              const [one, other] = [whole(lines, version), inPieces(lines, version)]
              if (one.plainLength >= 0) plain++
              expect(other.plainLength).toBe(-1)
              const [framing, expected] = [one, other].map((head) => decideFraming(method, head, leniency))
              if (framing === undefined || expected === undefined) throw new Error("there are two")
              expect(JSON.stringify(framing), lines).toBe(JSON.stringify(expected))
              if (!("_tag" in framing) && !("_tag" in expected)) {
                expect(persists(one, framing), lines).toBe(persists(other, expected))
              }
            }
          }
        }
      }
    }
    expect(plain).toBeGreaterThan(0)
  })
})

describe("the fields of a parsed head", () => {
  const lines = [["Accept", "a"], ["X-Long-Name-Of-It", "a value that is long"], ["accept", "b"], [
    "__proto__",
    ""
  ]] as const
  const made = HttpFields.make(...lines)
  const text = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")
  const fresh = (): HttpFields.HttpFields => whole(text).fields

  it("are found without regard to case, before and after all were looked at", () => {
    const fields = fresh()
    for (let round = 0; round < 2; round++) {
      expect(HttpFields.getUnsafe(fields, "ACCEPT")).toBe("a, b")
      expect(HttpFields.getAll(fields, "Accept")).toEqual(["a", "b"])
      expect(HttpFields.getUnsafe(fields, "x-long-name-of-it")).toBe("a value that is long")
      expect(HttpFields.getUnsafe(fields, "__proto__")).toBe("")
      expect(HttpFields.has(fields, "HTTP/1")).toBe(false)
      expect(HttpFields.has(fields, "accepts")).toBe(false)
      // A letter and what differs from it by the same bit as its other case.
      expect(HttpFields.has(fields, "x\rlong\rname\rof\rit")).toBe(false)
      expect(fields.names).toEqual(made.names)
      expect(fields.values).toEqual(made.values)
      expect(HttpFields.size(fields)).toBe(4)
    }
    expect(fields.names).toBe(fields.names)
    expect(fields.values).toBe(fields.values)
  })

  it("are equal to the same list made otherwise, both ways, and have its hash", () => {
    expect(HttpFields.isHttpFields(fresh())).toBe(true)
    expect(Equal.equals(fresh(), made)).toBe(true)
    expect(Equal.equals(made, fresh())).toBe(true)
    expect(Equal.equals(fresh(), fresh())).toBe(true)
    expect(Hash.hash(fresh())).toBe(Hash.hash(made))
    expect(Equal.equals(fresh(), HttpFields.append(made, "a", "b"))).toBe(false)
    expect(Equal.equals(fresh(), whole(text.replace("long", "Long")).fields)).toBe(false)
  })

  it("are shown, iterated and changed like any list", () => {
    expect([...fresh()]).toEqual(lines)
    expect(HttpFields.entries(fresh())).toEqual(lines)
    expect(inspect(fresh())).toBe(inspect(made))
    expect(JSON.stringify(fresh())).toBe(JSON.stringify(made))
    expect(String(fresh())).toBe(String(made))
    expect(fresh().pipe(HttpFields.getUnsafe("__PROTO__"))).toBe("")
    for (
      const change of [
        HttpFields.set("ACCEPT", "c"),
        HttpFields.append("B", "c"),
        HttpFields.remove("accept"),
        HttpFields.merge(made),
        HttpFields.redact(["accept"])
      ]
    ) {
      expect(HttpFields.entries(change(fresh()))).toEqual(HttpFields.entries(change(made)))
    }
    expect(HttpFields.entries(HttpFields.merge(made, fresh()))).toEqual(lines)
  })
})
