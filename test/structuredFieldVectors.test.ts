/**
 * The vectors of the HTTP working group for Structured Fields: each is parsed, compared, written, and parsed again. What must fail
 * fails. Tests of one file of vectors are one test here, which lists those that differ.
 */
import * as Either from "effect/Either"
import * as fs from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import * as HttpFields from "../src/HttpFields.ts"
import * as S from "../src/StructuredFields.ts"

type JsonBare = string | number | boolean | { readonly __type: string; readonly value: string | number }
type JsonParameters = ReadonlyArray<readonly [string, JsonBare]>
type JsonItem = readonly [JsonBare, JsonParameters]
type JsonMember = JsonItem | readonly [ReadonlyArray<JsonItem>, JsonParameters]
type JsonList = ReadonlyArray<JsonMember>
type JsonDictionary = ReadonlyArray<readonly [string, JsonMember]>
type Json = JsonItem | JsonList | JsonDictionary

interface Vector {
  readonly name: string
  readonly raw?: ReadonlyArray<string>
  readonly header_type: "item" | "list" | "dictionary"
  readonly expected?: Json
  readonly must_fail?: boolean
  readonly can_fail?: boolean
  readonly canonical?: ReadonlyArray<string>
}

const root = fileURLToPath(new URL("fixtures/structuredFields/", import.meta.url))
const filesIn = (folder: string): ReadonlyArray<string> =>
  fs.readdirSync(root + folder).filter((file) => file.endsWith(".json")).map((file) => folder + file)
const vectorsIn = (file: string): ReadonlyArray<Vector> =>
  JSON.parse(fs.readFileSync(root + file, "utf8")) as ReadonlyArray<Vector>

const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
const toBase32 = (bytes: Uint8Array): string => {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("")
  const digits = (bits.match(/.{1,5}/g) ?? []).map((five) => base32[Number.parseInt(five.padEnd(5, "0"), 2)]).join("")
  return digits.padEnd(Math.ceil(digits.length / 8) * 8, "=")
}

const types = { Token: "token", ByteSequence: "binary", Date: "date", DisplayString: "displaystring" } as const

const jsonOfBare = (item: S.BareItem): JsonBare => {
  switch (item._tag) {
    case "Token":
    case "Date":
    case "DisplayString":
      return { __type: types[item._tag], value: item.value }
    case "ByteSequence":
      return { __type: types[item._tag], value: toBase32(item.value) }
    default:
      return item.value
  }
}
const jsonOfParameters = (parameters: S.Parameters): JsonParameters =>
  Array.from(parameters, ([key, value]) => [key, jsonOfBare(value)])
const jsonOfItem = (item: S.Item): JsonItem => [jsonOfBare(item.value), jsonOfParameters(item.parameters)]
const jsonOf = (member: S.Member): JsonMember =>
  member._tag === "Item" ? jsonOfItem(member) : [member.items.map(jsonOfItem), jsonOfParameters(member.parameters)]

const bareOf = (json: JsonBare): S.BareInput => {
  if (typeof json !== "object") return json
  const value = json.value as never
  return json.__type === "token" ? S.token(value) : json.__type === "date" ? S.date(value) : S.displayString(value)
}
const parametersOf = (parameters: JsonParameters) => parameters.map(([key, value]) => [key, bareOf(value)] as const)
const itemOf = ([value, parameters]: JsonItem): S.Item => S.item(bareOf(value), parametersOf(parameters))
const memberOf = (json: JsonMember): S.Member =>
  Array.isArray(json[0])
    ? S.innerList((json[0] as ReadonlyArray<JsonItem>).map(itemOf), parametersOf(json[1] as JsonParameters))
    : itemOf(json as JsonItem)

type Outcome = Either.Either<
  { readonly json: Json; readonly text: Either.Either<string, S.FieldValueError> },
  S.FieldValueError
>

const outcomeOf = (type: Vector["header_type"], lines: ReadonlyArray<string>): Outcome => {
  const fields = HttpFields.make(...lines.map((line) => ["Example", line] as const))
  switch (type) {
    case "item":
      return Either.map(S.parseItem(HttpFields.getUnsafe(fields, "example") ?? ""), (item) => ({
        json: jsonOf(item) as Json,
        text: S.serializeItem(item)
      }))
    case "list":
      return Either.map(S.getList(fields, "example"), (list) => ({
        json: list.map(jsonOf) as Json,
        text: S.serializeList(list)
      }))
    case "dictionary":
      return Either.map(S.getDictionary(fields, "example"), (dictionary) => ({
        json: Array.from(dictionary, ([key, member]) => [key, jsonOf(member)] as const) as Json,
        text: S.serializeDictionary(dictionary)
      }))
  }
}

const serialized = (type: Vector["header_type"], json: Json): Either.Either<string, S.FieldValueError> =>
  type === "item"
    ? S.serializeItem(memberOf(json as JsonItem) as S.Item)
    : type === "list"
    ? S.serializeList((json as JsonList).map(memberOf))
    : S.serializeDictionary(new Map((json as JsonDictionary).map(([key, member]) => [key, memberOf(member)])))

/** What is wrong with the outcome of a vector; nothing if it is as it should be. */
const faultOf = ({ can_fail, canonical, expected, header_type, must_fail, raw = [] }: Vector): object | undefined => {
  const outcome = outcomeOf(header_type, raw)
  if (must_fail === true) return Either.isLeft(outcome) ? undefined : { mustFail: outcome.right.json }
  if (Either.isLeft(outcome)) return can_fail === true ? undefined : { failed: outcome.left.message }
  const { json, text } = outcome.right
  try {
    expect(json).toEqual(expected)
    expect(text).toEqual(Either.right((canonical ?? raw).join(", ")))
    const again = outcomeOf(header_type, [Either.getOrThrow(text)])
    expect(Either.map(again, (same) => same.json)).toEqual(Either.right(expected))
    return undefined
  } catch {
    return { json, text, expected, canonical }
  }
}

const faults = (vectors: ReadonlyArray<Vector>, fault: (vector: Vector) => object | undefined): ReadonlyArray<object> =>
  vectors.flatMap((vector) => {
    const found = fault(vector)
    return found === undefined ? [] : [{ name: vector.name, raw: vector.raw, ...found }]
  })

describe("the vectors for reading and writing", () => {
  it("are all there", () => {
    expect(filesIn("").map(vectorsIn).flat().length).toBeGreaterThan(1500)
    expect(filesIn("serialisation-tests/").map(vectorsIn).flat().length).toBeGreaterThan(500)
  })

  it.each(filesIn(""))("%s", (file) => {
    expect(faults(vectorsIn(file), faultOf)).toEqual([])
  })

  /** The vectors that a parser may refuse. This one refuses none of them. */
  it("that may fail do not", () => {
    const failed = filesIn("").map(vectorsIn).flat().filter(({ can_fail, header_type, must_fail, raw = [] }) =>
      can_fail === true && must_fail !== true && Either.isLeft(outcomeOf(header_type, raw))
    )
    expect(failed.map(({ name }) => name)).toEqual([])
  })
})

describe("the vectors for writing alone", () => {
  it.each(filesIn("serialisation-tests/"))("%s", (file) => {
    expect(faults(vectorsIn(file), ({ canonical = [], expected = [], header_type, must_fail }) => {
      const text = serialized(header_type, expected)
      const right = must_fail === true
        ? Either.isLeft(text)
        : Either.isRight(text) && text.right === canonical.join(", ")
      return right ? undefined : { text, canonical }
    })).toEqual([])
  })
})
