/** Bodies of requests, piece by piece. */
import { describe, expect, it } from "vitest"
import * as HttpFields from "../../src/HttpFields.ts"
import { BodyEncoder } from "../../src/internal/protocol/bodyEncoder.ts"
import type { RequestFraming } from "../../src/internal/protocol/encode.ts"
import { bytesOf } from "./harness.ts"

const lengthOf = (length: number): RequestFraming => ({ kind: "length", length })
const chunked: RequestFraming = { kind: "chunked" }

/** What goes on the wire, up to the first refusal, which is its last part. */
const send = (framing: RequestFraming, pieces: ReadonlyArray<string>, options: {
  readonly trailers?: HttpFields.HttpFields
  readonly callerChunks?: boolean
} = {}): ReadonlyArray<string> => {
  const encoder = new BodyEncoder(framing, options.trailers ?? HttpFields.empty, options.callerChunks ?? false)
  const out: Array<string> = []
  for (const piece of pieces) {
    const bytes = encoder.encode(bytesOf(piece))
    if (!(bytes instanceof Uint8Array)) return [...out, bytes._tag]
    out.push(Buffer.from(bytes).toString("latin1"))
  }
  const last = encoder.end()
  expect(encoder.done).toBe(typeof last === "string")
  return [...out, typeof last === "string" ? last : last._tag]
}

describe("a body without framing", () => {
  it("is no body", () => {
    expect(send({ kind: "none" }, [])).toEqual([""])
    expect(send({ kind: "none" }, ["", ""])).toEqual(["", "", ""])
    expect(send({ kind: "none" }, ["x"])).toEqual(["ConflictingFraming"])
    expect(new BodyEncoder({ kind: "none" }, HttpFields.empty, true).done).toBe(true)
  })
})

describe("a body of declared length", () => {
  it.each<readonly [number, ReadonlyArray<string>, ReadonlyArray<string>]>([
    [0, [], [""]],
    [0, [""], ["", ""]],
    [0, ["x"], ["BodyLengthMismatch"]],
    [5, ["hello"], ["hello", ""]],
    [5, ["he", "", "llo"], ["he", "", "llo", ""]],
    [5, ["hell"], ["hell", "BodyLengthMismatch"]],
    [5, [], ["BodyLengthMismatch"]],
    [5, ["hello!"], ["BodyLengthMismatch"]],
    [5, ["hello", "!"], ["hello", "BodyLengthMismatch"]],
    [5, ["hello", ""], ["hello", "", ""]]
  ])("of %i has exactly that many bytes: %j", (length, pieces, wire) => {
    for (const callerChunks of [false, true]) expect(send(lengthOf(length), pieces, { callerChunks })).toEqual(wire)
  })

  it("is done with its last byte", () => {
    const encoder = new BodyEncoder(lengthOf(2), HttpFields.empty, false)
    expect(encoder.done).toBe(false)
    encoder.encode(bytesOf("a"))
    expect(encoder.done).toBe(false)
    encoder.encode(bytesOf("b"))
    expect([encoder.done, encoder.taken]).toEqual([true, 2])
  })

  it("says by how much it is wrong", () => {
    const encoder = new BodyEncoder(lengthOf(2), HttpFields.empty, false)
    expect(encoder.end()).toMatchObject({ declared: 2, actual: 0 })
    expect(encoder.encode(bytesOf("abc"))).toMatchObject({ declared: 2, actual: 3 })
  })
})

describe("a body that we chunk", () => {
  it("has a chunk for each piece, none for an empty one, and trailers", () => {
    expect(send(chunked, [])).toEqual(["0\r\n\r\n"])
    expect(send(chunked, ["", "a", "", "bc"])).toEqual(["", "1\r\na\r\n", "", "2\r\nbc\r\n", "0\r\n\r\n"])
    expect(send(chunked, ["a"], { trailers: HttpFields.make(["T", "u"]) })).toEqual(["1\r\na\r\n", "0\r\nT: u\r\n\r\n"])
  })

  it("ends once", () => {
    const encoder = new BodyEncoder(chunked, HttpFields.empty, false)
    expect(encoder.done).toBe(false)
    expect(encoder.end()).toBe("0\r\n\r\n")
    expect(encoder.end()).toBe("")
    expect(encoder.encode(bytesOf("x"))).toMatchObject({ _tag: "ConflictingFraming" })
  })
})

describe("a body that the caller chunks", () => {
  it.each<readonly [ReadonlyArray<string>, ReadonlyArray<string>]>([
    [["3\r\nabc\r\n0\r\n\r\n"], ["3\r\nabc\r\n0\r\n\r\n", ""]],
    [["3;x\r\na", "bc\r", "\n0\r\nT: u\r\n\r", "\n"], ["3;x\r\na", "bc\r", "\n0\r\nT: u\r\n\r", "\n", ""]],
    [["1\r\na\r\n1\r\nb\r\n0\r\n\r\n"], ["1\r\na\r\n1\r\nb\r\n0\r\n\r\n", ""]],
    [["3\r\nabc\r\n"], ["3\r\nabc\r\n", "ConflictingFraming"]],
    [[], ["ConflictingFraming"]],
    [["3\r\nabcd"], ["ConflictingFraming"]],
    [["3\nabc"], ["ConflictingFraming"]],
    [["abc"], ["abc", "ConflictingFraming"]],
    [["hello"], ["ConflictingFraming"]],
    [["0\r\n\r\nX"], ["ConflictingFraming"]],
    [["0\r\n\r\n", "X"], ["0\r\n\r\n", "ConflictingFraming"]],
    [["0\r\n\r\n", ""], ["0\r\n\r\n", "", ""]]
  ])("is checked to be chunked: %j", (pieces, wire) => {
    expect(send(chunked, pieces, { callerChunks: true })).toEqual(wire)
  })

  it("may have extensions of any length", () => {
    const piece = `1;${"x".repeat(100_000)}\r\na\r\n0\r\n\r\n`
    expect(send(chunked, [piece], { callerChunks: true })).toEqual([piece, ""])
  })
})
