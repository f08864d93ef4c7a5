/** Lists (RFC 9110 section 5.6.1): one way to read them, and every field that is one, in every spelling of the same list. */
import { describe, expect, it } from "vitest"
import * as HttpFields from "../../src/HttpFields.ts"
import { decideDecoding } from "../../src/internal/content/codings.ts"
import { keepAlive } from "../../src/internal/pool/keepAlive.ts"
import { listElements, listHas } from "../../src/internal/syntax/token.ts"
import { encoded } from "./encoding.ts"
import { bytesOf, deliveries, run } from "./harness.ts"

/** Spellings of a list of one element, as the values of its lines. */
const spellings = (element: string): ReadonlyArray<ReadonlyArray<string>> => [
  [element],
  [`${element},`],
  [`,${element}`],
  [`${element} , `],
  [` ,\t${element}`],
  [`,, ,${element},\t,,`],
  [element, ""],
  ["", element],
  [",", element, " , "]
]

describe("the elements of a list", () => {
  it.each<readonly [string, ReadonlyArray<string>]>([
    ["", []],
    [" \t", []],
    [",", []],
    [" , ,\t,", []],
    ["a", ["a"]],
    ["a,b", ["a", "b"]],
    ["a ,\tb", ["a", "b"]],
    [",a,,b,", ["a", "b"]],
    ["a b, c", ["a b", "c"]],
    ["a;b=c,d", ["a;b=c", "d"]],
    ["A", ["A"]]
  ])("of %j are %j", (value, elements) => {
    expect(listElements(value)).toEqual(elements)
    for (const element of ["a", "b", "c", "d"]) {
      expect(listHas(value, element), element).toBe(elements.some((it) => it.toLowerCase() === element))
    }
    expect(listHas(value, "")).toBe(value.trim() === "")
  })
})

const response = (name: string, values: ReadonlyArray<string>, others: string, body: string): string =>
  `HTTP/1.1 200 R\r\n${values.map((value) => `${name}: ${value}\r\n`).join("")}${others}\r\n${body}`

/** What a response comes to: its content, and whether another request may follow. The same in every delivery. */
const read = (wire: string): readonly [content: string, reusable: boolean] => {
  const results = [...deliveries(bytesOf(wire))].map(([, pieces]) => {
    const { machine, seen } = run({}, pieces)
    expect(seen.at(-1)).toEqual({ end: [] })
    return [seen.map((event) => "data" in event ? event.data : "").join(""), machine.reusable] as const
  })
  for (const result of results) expect(result).toEqual(results[0])
  return results[0] ?? ["", false]
}

describe("empty elements make no difference to", () => {
  it.each(spellings("chunked"))("Transfer-Encoding: %j %j %j", (...values) => {
    expect(read(response("Transfer-Encoding", values, "", "3\r\nabc\r\n0\r\n\r\n"))).toEqual(["abc", true])
  })

  it.each(spellings("3"))("Content-Length: %j %j %j", (...values) => {
    expect(read(response("Content-Length", values, "", "abc"))).toEqual(["abc", true])
  })

  it.each(spellings("close"))("Connection: %j %j %j", (...values) => {
    expect(read(response("Connection", values, "Content-Length: 3\r\n", "abc"))).toEqual(["abc", false])
  })

  it.each(spellings("timeout=5"))("Keep-Alive: %j %j %j", (...values) => {
    const fields = HttpFields.make(...values.map((value) => ["Keep-Alive", value] as const))
    expect(keepAlive({ fields }, 0)).toEqual({ idleMillis: 5000, left: Infinity })
  })

  it.each(spellings("gzip"))("Content-Encoding: %j %j %j", (...values) => {
    expect(decideDecoding({ method: "GET", status: 200, contentEncoding: values.join(", ") }, new Set(["gzip"])))
      .toEqual({
        _tag: "Decode",
        codings: ["gzip"]
      })
  })

  it.each(spellings("close"))("Connection of a request: %j %j %j", (...values) => {
    const head = encoded({ fields: values.map((value) => ["Connection", value] as const) })
    expect(head).toMatchObject({ _tag: "Right", right: { close: true } })
  })

  it.each(spellings("chunked"))("TE of a request, which must not name chunked: %j %j %j", (...values) => {
    expect(encoded({ fields: values.map((value) => ["TE", value] as const) })).toMatchObject({
      _tag: "Left",
      left: { _tag: "ForbiddenHeader", field: "TE" }
    })
  })
})

// A sender must not write empty elements (RFC 9110 section 5.6.1.1), so what the caller gives is refused and not read kindly.
describe("empty elements are refused in what is sent:", () => {
  it.each([
    ["Expect", "100-continue,"],
    ["Content-Length", "3,"]
  ])("%s: %s", (name, value) => {
    expect(encoded({ method: "POST", fields: [[name, value]], content: { kind: "known", length: 3 } })._tag).toBe(
      "Left"
    )
  })
})
