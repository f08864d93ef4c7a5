/** The URL of a request as it is sent and as it is shown, compared with what the platform and `URL` make of it. */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as UrlParams from "@effect/platform/UrlParams"
import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { encodeParam, parsedOf, shownUrl, targetOf } from "../../src/internal/platform/url.ts"
import * as Origin from "../../src/Origin.ts"

const request = (url: string, params: UrlParams.Input = [], hash?: string) =>
  HttpClientRequest.make("GET")(url, { urlParams: params, ...(hash === undefined ? undefined : { hash }) })

it.each([
  ["http://[fe80::1%25lo]/a/../b", "http://[fe80::1%25lo]/b"],
  ["http://[FE80::1%25lo]:80/./a b?", "http://[fe80::1%25lo]/a%20b"],
  ["http://[fe80::1%lo]/%2e%2e/a", "http://[fe80::1%lo]/a"],
  ["http://[fe80::1%25]/../a", "http://[fe80::1%25]/../a"]
])("a URL with a zone id is settled like any other: %s", (url, settled) => {
  assert.strictEqual(targetOf(request(url)), settled)
})

describe("the query of a request", () => {
  it.prop("is encoded as a form encodes it", [FastCheck.string({ unit: "binary" })], ([text]) => {
    assert.strictEqual(`=${encodeParam(text)}`, new URLSearchParams([["", text]]).toString())
  })

  const lone: ReadonlyArray<readonly [text: string, encoded: string]> = [
    ["\ud800", "%EF%BF%BD"],
    ["a\udc00b", "a%EF%BF%BDb"],
    ["\ud83d\ude00", "%F0%9F%98%80"],
    [" !'()*-._~", "+%21%27%28%29*-._%7E"]
  ]
  it.each(lone)("has %j as %s", (text, encoded) => {
    assert.strictEqual(encodeParam(text), encoded)
  })

  const piece = FastCheck.oneof(
    FastCheck.constantFrom("a", "b c", "%20", "%zz", "+", "&", "=", "?", "ü", "'", "\"", "<", "/", ";", ""),
    FastCheck.string({ unit: "grapheme", maxLength: 3 })
  )
  const query = FastCheck.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(""))
  const params = FastCheck.array(FastCheck.tuple(piece, piece), { maxLength: 3 })
  const fragment = FastCheck.option(FastCheck.constantFrom("", "x", "a?b", "?"), { nil: undefined })

  it.prop(
    "is what the platform makes of it, byte for byte, for whatever both accept",
    [FastCheck.option(query, { nil: undefined }), params, fragment],
    ([query, params, fragment]) => {
      const url = `http://a.test/p${query === undefined ? "" : `?${query}`}${
        fragment === undefined ? "" : `#${fragment}`
      }`
      const theirs = UrlParams.makeUrl(url, params, Option.none())
      const ours = Origin.fromUrl(targetOf(request(url, params)))
      if (Either.isLeft(theirs) || Either.isLeft(ours)) return
      assert.strictEqual(ours.right.target, theirs.right.pathname + theirs.right.search)
    }
  )

  const empties: ReadonlyArray<readonly [url: string, target: string]> = [
    ["http://a.test?", "http://a.test"],
    ["http://a.test/p?", "http://a.test/p"],
    ["http://a.test/p?#x", "http://a.test/p#x"],
    ["http://a.test/p?#x?", "http://a.test/p#x?"],
    ["http://a.test/p#x?", "http://a.test/p#x?"],
    ["http://a.test/p#?#", "http://a.test/p#?#"],
    ["http://a.test/p??", "http://a.test/p??"],
    ["http://a.test/../p?", "http://a.test/p"]
  ]
  it.each(empties)("is none where it is empty, as to `URL`: %s", (url, target) => {
    assert.strictEqual(targetOf(request(url)), target)
  })

  it("is written anew only where there are parameters, as the platform does", () => {
    assert.strictEqual(targetOf(request("http://a.test/?a=b%20c")), "http://a.test/?a=b%20c")
    assert.strictEqual(targetOf(request("http://a.test/?a=b%20c", { d: "e" })), "http://a.test/?a=b+c&d=e")
    assert.strictEqual(targetOf(request("http://a.test/?", { d: "e" })), "http://a.test/?d=e")
    assert.strictEqual(targetOf(request("http://a.test/??a", { d: "e" })), "http://a.test/?%3Fa=&d=e")
    assert.strictEqual(targetOf(request("http://a.test", { d: "e" })), "http://a.test?d=e")
  })

  it("keeps letters beyond ASCII beside an escape, which Node's URLSearchParams alone loses", () => {
    assert.strictEqual(targetOf(request("http://a.test/?\u00a0%20%zz", { d: "e" })), "http://a.test/?%C2%A0+%25zz=&d=e")
  })

  it("is before the fragment", () => {
    assert.strictEqual(targetOf(request("http://a.test/#x?y", { d: "e" })), "http://a.test/?d=e#x?y")
    assert.strictEqual(targetOf(request("http://a.test/?f#x", { d: "e" })), "http://a.test/?f=&d=e#x")
  })

  it("leaves out parameters that types forbid", () => {
    const params = [["a", undefined], ["b", "1"]] as unknown as UrlParams.UrlParams
    assert.strictEqual(targetOf({ ...request("http://a.test/"), urlParams: params }), "http://a.test/?b=1")
    assert.strictEqual(targetOf({ ...request("http://a.test/"), urlParams: params.slice(0, 1) }), "http://a.test/")
  })

  it("keeps what is refused in it, so that it is refused", () => {
    for (const bad of ["\t", "\n", "\0", "\x7f"]) {
      const target = targetOf(request(`http://a.test/?a${bad}b`, { c: "d" }))
      assert.isTrue(Either.isLeft(Origin.fromUrl(target)), JSON.stringify(bad))
    }
  })
})

describe("the parts of a URL", () => {
  it("are those that the platform has, with the fragment", () => {
    for (
      const [url, params, hash] of [
        ["http://A.test:80/a/../b?c='#d", {}, undefined],
        ["https://a.test:8443/ü", { q: "ü " }, undefined],
        ["http://a.test/?x=1", { q: ["1", "2"] }, "top"],
        ["http://a.test/?x=1#y", { q: "1" }, undefined],
        ["http://a.test#y", { q: "1" }, undefined],
        ["http://[::1]:3000", {}, "#"]
      ] as const
    ) {
      const asked = request(url, params, hash)
      const theirs = Either.getOrThrow(UrlParams.makeUrl(asked.url, asked.urlParams, asked.hash))
      assert.strictEqual(parsedOf(asked, targetOf(asked))?.href, theirs.href)
    }
  })

  it("are none of what is no URL", () => {
    assert.isUndefined(parsedOf(request("/a"), "/a"))
  })
})

describe("a URL that is shown", () => {
  const cases: ReadonlyArray<readonly [url: string, shown: string]> = [
    ["http://a.test/b", "http://a.test/b"],
    ["http://u:p@a.test/b", "http://a.test/b"],
    ["http://u:p@q@a.test:8080/b@c", "http://a.test:8080/b@c"],
    ["http:\\\\u:p@a.test", "http:\\\\a.test"],
    ["u:p@a.test/b", "a.test/b"],
    ["http://a.test/b?token=1#c", "http://a.test/b?…"],
    ["http://a.test/b#token=1", "http://a.test/b"],
    ["http://a.test?u:p@b", "http://a.test?…"],
    ["/path", "/path"],
    ["", ""]
  ]
  it.each(cases)("%j is %j", (url, shown) => {
    assert.strictEqual(shownUrl(url), shown)
  })
})

describe("the path of a request", () => {
  it.each<readonly [url: string, target: string]>([
    ["http://a.test/a/../b", "http://a.test/b"],
    ["http://a.test/a/.", "http://a.test/a/"],
    ["http://a.test/..?q#f", "http://a.test/?q#f"],
    ["http://a.test/a/%2e%2E/b", "http://a.test/b"],
    ["http://a.test/a b", "http://a.test/a%20b"],
    [" http://a.test/ ", "http://a.test/"],
    ["http://a.test/.a/..b/c.", "http://a.test/.a/..b/c."],
    ["http://a.test/a/..b", "http://a.test/a/..b"]
  ])("of %j is that of the platform: %j", (url, target) => {
    assert.strictEqual(targetOf(request(url)), target)
    assert.strictEqual(new URL(url).href, target)
  })

  it.each(["http://a.test/a\nb c", "http://a.test/..\\a", "/a b", "http://a.test:x/ "])(
    "of %j stays as it is written, to be refused",
    (url) => {
      assert.strictEqual(targetOf(request(url)), url)
      assert.isTrue(Either.isLeft(Origin.fromUrl(url)))
    }
  )
})
