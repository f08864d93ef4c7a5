/** Challenges: the grammar of RFC 9110 section 11, and what is left of a field that breaks it. */
import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Challenge from "../../src/Challenge.ts"
import * as HttpFields from "../../src/HttpFields.ts"
import { parseParams } from "../../src/internal/syntax/challenges.ts"

/** A challenge as a list: the scheme, then its token68 or its parameters. */
type Short = readonly [scheme: string, rest?: string | Readonly<Record<string, string>>]

const read = (...lines: ReadonlyArray<string>): ReadonlyArray<Challenge.Challenge> =>
  Challenge.parse(HttpFields.fromInput(lines.map((line) => ["WWW-Authenticate", line] as const)), "www-authenticate")

const short = (challenges: ReadonlyArray<Challenge.Challenge>): ReadonlyArray<Short> =>
  challenges.map(({ params, scheme, token68 }) =>
    token68 !== undefined ? [scheme, token68] : params.size === 0 ? [scheme] : [scheme, Object.fromEntries(params)]
  )

describe("a field has", () => {
  const table: ReadonlyArray<readonly [name: string, lines: ReadonlyArray<string>, challenges: ReadonlyArray<Short>]> =
    [
      ["no challenge", [], []],
      ["no challenge in an empty line", [""], []],
      ["a scheme alone", ["Negotiate"], [["negotiate"]]],
      ["a parameter", ["Basic realm=\"simple\""], [["basic", { realm: "simple" }]]],
      ["a parameter that is a token", ["Digest algorithm=SHA-256"], [["digest", { algorithm: "SHA-256" }]]],
      ["names in any case, which count as one", ["bAsIc ReAlM=\"A\""], [["basic", { realm: "A" }]]],
      // RFC 9110 section 11.6.1.
      [
        "two challenges in one line, with quoted commas",
        [`Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""`],
        [["basic", { realm: "simple" }], ["newauth", { realm: "apps", type: "1", title: "Login to \"apps\"" }]]
      ],
      ["a comma and a scheme in a quoted string", [`A x="b, C d=e"`, "F"], [["a", { x: "b, C d=e" }], ["f"]]],
      ["an escaped backslash before a quote", [`A x="\\\\", B`], [["a", { x: "\\" }], ["b"]]],
      ["an empty quoted string", [`A x=""`], [["a", { x: "" }]]],
      ["bytes beyond ASCII in a quoted string", [`A x="\xc3\xa9"`], [["a", { x: "\xc3\xa9" }]]],
      ["challenges in several lines", ["A x=1", "B y=2"], [["a", { x: "1" }], ["b", { y: "2" }]]],
      ["a challenge that goes on in the next line", ["A x=1", "y=2, B"], [["a", { x: "1", y: "2" }], ["b"]]],
      ["a token68", ["Negotiate YWJj"], [["negotiate", "YWJj"]]],
      ["a token68 with padding", ["Negotiate YQ==, Basic"], [["negotiate", "YQ=="], ["basic"]]],
      ["every character of a token68", ["A aZ09-._~+/="], [["a", "aZ09-._~+/="]]],
      ["spaces around the equals sign", ["A x = \t1 , y= \"2\""], [["a", { x: "1", y: "2" }]]],
      ["several spaces behind the scheme", ["A   x=1"], [["a", { x: "1" }]]],
      ["empty elements", [" , ,A ,, x=1,, B ,"], [["a", { x: "1" }], ["b"]]],
      ["a comma behind the scheme", ["A, x=1"], [["a", { x: "1" }]]],
      ["a parameter twice, of which the first counts", ["A x=1, X=2"], [["a", { x: "1" }]]],
      ["the same scheme twice", ["A x=1, A x=2"], [["a", { x: "1" }], ["a", { x: "2" }]]]
    ]
  for (const [name, lines, challenges] of table) {
    it(name, () => assert.deepStrictEqual(short(read(...lines)), challenges))
  }
})

describe("of a field that breaks the grammar, the challenges that are whole are kept", () => {
  const table: ReadonlyArray<readonly [name: string, lines: ReadonlyArray<string>, challenges: ReadonlyArray<Short>]> =
    [
      ["a value with a space and no quotes", ["Basic realm=My Site, B x=1"], [["b", { x: "1" }]]],
      ["no comma between parameters", [`A x="1" y="2", B`], [["b"]]],
      ["a quoted string that is not closed", [`A x=1, B y="2, C z=3`], [["a", { x: "1" }]]],
      ["an escape at the end", [`A, B y="2\\`], [["a"]]],
      ["the next line after a quoted string that is not closed", [`B y="2`, "C z=3"], [["c", { z: "3" }]]],
      ["a parameter without a value", ["A x=1, y=, B"], [["b"]]],
      ["a parameter behind a token68", ["A YQ==, x=1, B"], [["b"]]],
      ["a token68 with something behind it", ["A YQ== x, B"], [["b"]]],
      ["parameters without a scheme", ["x=1, y=2, B"], [["b"]]],
      ["a quoted string in place of a scheme", [`"A, x=1", B`], [["b"]]],
      ["a quoted comma in what is broken", [`A @ "x, C", B`], [["b"]]],
      ["a control character in a quoted string", [`A x="\x01", B`], [["b"]]],
      ["a character that no byte can be", [`A x="\u20ac", B`], [["b"]]],
      ["a scheme that is not a token", ["A@ x=1, B"], [["b"]]]
    ]
  for (const [name, lines, challenges] of table) {
    it(name, () => assert.deepStrictEqual(short(read(...lines)), challenges))
  }

  it("nothing makes it throw", () => {
    const piece = FastCheck.constantFrom("A", "b", " ", ",", "=", "\"", "\\", "x=1", "\t", "YQ==", "@", "\u20ac", "\0")
    FastCheck.assert(FastCheck.property(FastCheck.array(FastCheck.array(piece)), (lines) => {
      for (const { params, scheme, token68 } of read(...lines.map((line) => line.join("")))) {
        assert.match(scheme, /^[ab]/)
        assert.isTrue(token68 === undefined || params.size === 0)
      }
    }))
  })
})

it("challenges that are written are read as they were", () => {
  const token = FastCheck.stringMatching(/^[A-Za-z][A-Za-z0-9]{0,5}$/)
  const value = FastCheck.stringMatching(/^[ -~]{0,12}$/)
  const params = FastCheck.uniqueArray(FastCheck.tuple(token, value), {
    minLength: 1,
    selector: ([name]) => name.toLowerCase()
  })
  const rest = FastCheck.oneof(FastCheck.stringMatching(/^[A-Za-z0-9\-._~+/]{1,9}={0,2}$/), params)
  FastCheck.assert(FastCheck.property(FastCheck.array(FastCheck.tuple(token, rest)), (challenges) => {
    const line = challenges.map(([scheme, rest]) =>
      typeof rest === "string"
        ? `${scheme} ${rest}`
        : `${scheme} ${rest.map(([name, value]) => `${name}="${value.replace(/["\\]/g, "\\$&")}"`).join(", ")}`
    ).join(", ")
    const expected = challenges.map(([scheme, rest]): Short => [
      scheme.toLowerCase(),
      typeof rest === "string"
        ? rest
        : Object.fromEntries(rest.map(([name, value]) => [name.toLowerCase(), value]))
    ])
    assert.deepStrictEqual(short(read(line)), expected)
  }))
})

describe("a long field takes time in proportion to its length", () => {
  const hostile: Readonly<Record<string, string>> = {
    commas: ",",
    quotes: "\"",
    "quotes that open": "A x=\"\\\"",
    "token68 that is none": "A aaaaaaaaaaaaaaaaaaaaaaaa==b ",
    escapes: "\\",
    equals: "a=",
    schemes: "A "
  }
  for (const [name, piece] of Object.entries(hostile)) {
    it(name, () => {
      // What is read twice would show in the count of reads, and time is no measure in a test.
      let reads = 0
      const text = piece.repeat(2000)
      const counted = new Proxy(new String(text), {
        get: (target, key) => {
          if (key === "charCodeAt") reads++
          const value: unknown = Reflect.get(target, key)
          return typeof value === "function" ? value.bind(target) : value
        }
      })
      Challenge.parse(
        HttpFields.unsafeMake(["www-authenticate"], [counted as unknown as string]),
        "www-authenticate"
      )
      assert.isAtLeast(reads, text.length)
      assert.isAtMost(reads, 12 * text.length)
    })
  }
})

describe("the parameters of Authentication-Info", () => {
  const table: ReadonlyArray<readonly [string, ReadonlyArray<string>, Readonly<Record<string, string>>]> = [
    ["are read over several lines", [`nextnonce="a, b", qop=auth`, "NC=00000001"], {
      nextnonce: "a, b",
      qop: "auth",
      nc: "00000001"
    }],
    ["are none if one is broken", [`nextnonce="a", qop`], {}],
    ["are none if a value is missing", [`nextnonce="a", qop=`], {}],
    ["are none without the field", [], {}]
  ]
  for (const [name, lines, params] of table) {
    it(name, () => assert.deepStrictEqual(Object.fromEntries(parseParams(lines)), params))
  }
})

it("the challenges of a proxy are another field", () => {
  const fields = HttpFields.fromInput({ "Proxy-Authenticate": "Basic realm=\"p\"", "WWW-Authenticate": "A" })
  assert.deepStrictEqual(short(Challenge.parse(fields, "proxy-authenticate")), [["basic", { realm: "p" }]])
})
