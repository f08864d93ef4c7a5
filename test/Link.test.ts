/** The field Link (RFC 8288): read from what servers send, written as the grammar demands, resolved for pages. */
import { Headers, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { describe, expect, it } from "vitest"
import * as HttpFields from "../src/HttpFields.ts"
import * as Link from "../src/Link.ts"
import { stepsPerCharacter } from "./fixtures/steps.ts"

type Parameters = Readonly<Record<string, string>>
const link = (target: string, rel: ReadonlyArray<string>, parameters: Parameters = {}, anchor?: string): Link.Link => ({
  target,
  rel,
  anchor,
  parameters: new Map(Object.entries(parameters))
})

describe("a value", () => {
  const read: ReadonlyArray<readonly [what: string, value: string, links: ReadonlyArray<Link.Link>]> = [
    // RFC 8288 section 3.5.
    [
      "with one link",
      "<http://example.com/TheBook/chapter2>; rel=\"previous\"; title=\"previous chapter\"",
      [link("http://example.com/TheBook/chapter2", ["previous"], { title: "previous chapter" })]
    ],
    ["with a URI as relation type", "</>; rel=\"http://example.net/foo\"", [link("/", ["http://example.net/foo"])]],
    [
      "with an anchor",
      "</terms>; rel=\"copyright\"; anchor=\"#foo\"",
      [link("/terms", ["copyright"], {}, "#foo")]
    ],
    [
      "with titles of RFC 8187",
      "</TheBook/chapter2>; rel=\"previous\"; title*=UTF-8'de'letztes%20Kapitel, </TheBook/chapter4>; rel=\"next\"; title*=UTF-8'de'n%c3%a4chstes%20Kapitel",
      [
        link("/TheBook/chapter2", ["previous"], { title: "letztes Kapitel" }),
        link("/TheBook/chapter4", ["next"], { title: "nächstes Kapitel" })
      ]
    ],
    [
      "with two relation types",
      "<http://example.org/>; rel=\"start http://example.net/relation/other\"",
      [link("http://example.org/", ["start", "http://example.net/relation/other"])]
    ],
    ["with a relation type in capitals", "<a>; REL=Next", [link("a", ["next"])]],
    ["with white space everywhere", " \t<  a >\t ;\trel = next ; title = \"b\" ,<c>;rel=d ", [
      link("a", ["next"], { title: "b" }),
      link("c", ["d"])
    ]],
    ["with commas and semicolons in a target", "<a,b;c>; rel=d, <e>; rel=f", [link("a,b;c", ["d"]), link("e", ["f"])]],
    ["with commas and angle brackets in quotes", "<a>; title=\"b, <c>; rel=x\"; rel=d", [
      link("a", ["d"], { title: "b, <c>; rel=x" })
    ]],
    ["with escapes in quotes", String.raw`<a>; title="b \"c\" \\"; rel=d`, [link("a", ["d"], { title: "b \"c\" \\" })]],
    ["with empty elements and parameters", ",, <a>;; rel=b;,,", [link("a", ["b"])]],
    ["with a parameter without a value", "<a>; rel=preload; crossorigin; nopush", [
      link("a", ["preload"], { crossorigin: "", nopush: "" })
    ]],
    ["with a parameter twice, whose first counts", "<a>; rel=b; rel=c; title=d; title=e; anchor=f; anchor=g", [
      link("a", ["b"], { title: "d" }, "f")
    ]],
    ["whose title* counts before title", "<a>; rel=b; title*=UTF-8''%e2%82%ac; title=EUR", [
      link("a", ["b"], { title: "€" })
    ]],
    ["whose title counts if title* is broken", "<a>; rel=b; title*=UTF-8''%e2; title=EUR", [
      link("a", ["b"], { title: "EUR" })
    ]],
    ["without quotes around what needs them", "<a>; rel=http://b/c d; type=text/html", [
      link("a", ["http://b/c", "d"], { type: "text/html" })
    ]],
    ["without a relation type", "<a>; as=style, <b>", [link("a", [], { as: "style" }), link("b", [])]],
    ["with rev, which is obsolete", "<a>; rev=b; rel=c", [link("a", ["c"])]],
    ["with an empty target", "<>; rel=self", [link("", ["self"])]],
    ["with quotes that do not end", "<a>; rel=b; title=\"c, <d>; rel=e", [
      link("a", ["b"], { title: "c, <d>; rel=e" })
    ]],
    ["with a backslash at the end", "<a>; rel=b; title=\"c\\", [link("a", ["b"], { title: "c" })]],
    ["with something behind the quotes", "<a>; title=\"b\"c; rel=d", [link("a", ["d"], { title: "b" })]],
    ["with something behind the target", "<a>b; rel=c", [link("a", ["c"])]],
    ["with a name that is no token", "<a>; b c=d; rel=e", [link("a", ["e"])]],
    ["that begins with a broken link", "a; b=\"c, <d>\", e <f,g>; rel=h, <i>; rel=j", [link("i", ["j"])]],
    ["whose last target does not end", "<a>; rel=b, <c; rel=d, e", [link("a", ["b"])]],
    ["that is empty", "", []],
    ["that has no link", "a, \"b\", <", []]
  ]
  it.each(read)("%s: %s", (_, value, links) => {
    expect(Link.parse(value)).toEqual(links)
  })

  it("may have several lines", () => {
    const fields = HttpFields.make(["Link", "<a>; rel=b"], ["X", "<x>"], ["link", "<c>; rel=d, <e>; rel=f"])
    expect(Link.fromFields(fields).map(({ target }) => target)).toEqual(["a", "c", "e"])
    expect(Link.fromFields(HttpFields.empty)).toEqual([])
  })

  it("never throws, and takes at most 12 steps for each of its characters, whatever it is", () => {
    const parts = [
      "<",
      ">",
      ",",
      ";",
      "=",
      "\"",
      "\\",
      "<a>",
      "<a",
      "x<",
      "x\"",
      "<a>;",
      "<a>;b",
      "<a>;b=\"",
      ";=",
      "<a>;b=\"\\",
      " ",
      "<a>,"
    ]
    expect(stepsPerCharacter(parts, 5000, Link.parse)).toBeLessThan(12)
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ unit: FastCheck.constantFrom(..."<>,;=\"\\ ab*'%\t") }), (text) => {
        expect(Array.isArray(Link.parse(text))).toBe(true)
      })
    )
  })
})

describe("a link", () => {
  const base = "https://api.example/items?page=2"
  const resolved: ReadonlyArray<readonly [target: string, url: string | undefined]> = [
    ["?page=3", "https://api.example/items?page=3"],
    ["/items/3", "https://api.example/items/3"],
    ["more", "https://api.example/more"],
    ["//other.example/", "https://other.example/"],
    ["http://other.example/a b", "http://other.example/a%20b"],
    ["", base],
    ["http://[", undefined],
    ["http://a:b", undefined]
  ]
  it.each(resolved)("to %j is resolved to %s", (target, url) => {
    expect(Link.resolve(link(target, ["next"]), base)).toEqual(Option.fromNullable(url))
  })

  it("is not resolved against what is no URL", () => {
    expect(Link.resolve(link("a", []), "/items")).toEqual(Option.none())
  })
})

describe("the next page", () => {
  const url = "https://api.example/items?page=2"
  const cases: ReadonlyArray<readonly [what: string, value: string | undefined, next: string | undefined]> = [
    ["is that of `next`", "<?page=1>; rel=prev, <?page=3>; rel=\"x NEXT\"", "https://api.example/items?page=3"],
    ["is the first", "<?page=3>; rel=next, <?page=4>; rel=next", "https://api.example/items?page=3"],
    ["may be elsewhere", "<http://b.example/>; rel=next", "http://b.example/"],
    ["is not that of another resource", "<?page=9>; rel=next; anchor=\"/other\"", undefined],
    [
      "is that of this resource, if it is named",
      "<?page=3>; rel=next; anchor=\"?page=2\"",
      "https://api.example/items?page=3"
    ],
    ["is no script", "<javascript:alert(1)>; rel=next, <data:,a>; rel=next", undefined],
    ["is no broken URL", "<http://[>; rel=next, <?page=3>; rel=next", "https://api.example/items?page=3"],
    ["is missing on the last one", "<?page=1>; rel=prev", undefined],
    ["is missing without a Link field", undefined, undefined]
  ]
  it.each(cases)("%s: %s", (_, value, next) => {
    const fields = value === undefined ? HttpFields.empty : HttpFields.make(["Link", value])
    expect(Link.next({ url, fields })).toEqual(Option.fromNullable(next))
    const response = HttpClientResponse.fromWeb(
      HttpClientRequest.get(url),
      new Response("", { headers: Headers.fromInput(value === undefined ? {} : { link: value }) })
    )
    expect(Link.next(response)).toEqual(Option.fromNullable(next))
  })

  it("is resolved against the URL as it was requested, whose query the platform may keep apart", () => {
    const next = (request: HttpClientRequest.HttpClientRequest, value: string) =>
      Link.next(HttpClientResponse.fromWeb(request, new Response("", { headers: { Link: value } })))
    for (
      const request of [
        HttpClientRequest.get("http://a.test/items?page=1&q=a+b"),
        HttpClientRequest.get("http://a.test/items", { urlParams: { page: "1", q: "a b" } }),
        HttpClientRequest.get("http://a.test/items?page=1", { urlParams: { q: "a b" } })
      ]
    ) {
      expect(next(request, "<?page=2>; rel=next; anchor=\"/items?page=1&q=a+b\"")).toEqual(
        Option.some("http://a.test/items?page=2")
      )
      expect(next(request, "<>; rel=next")).toEqual(Option.some("http://a.test/items?page=1&q=a+b"))
    }
    const relative = HttpClientRequest.get("/items", { urlParams: { page: "1" } })
    expect(next(relative, "</b>; rel=next")).toEqual(Option.none())
  })

  it("is one of the relation types that can be asked for", () => {
    const response = { url, fields: HttpFields.make(["Link", "</first>; rel=First, </last>; rel=last"]) }
    expect(Link.related(response, "first")).toEqual(Option.some("https://api.example/first"))
    expect(Link.related("LAST")(response)).toEqual(Option.some("https://api.example/last"))
  })
})

describe("a value is written", () => {
  const written: ReadonlyArray<readonly [what: string, links: ReadonlyArray<Link.Link>, value: string]> = [
    ["from one link", [Link.make("/a", { rel: "next" })], "</a>; rel=\"next\""],
    [
      "from links with everything",
      [
        Link.make("/a?b=c,d", {
          rel: ["next", "http://b/c"],
          anchor: "#d",
          parameters: { title: "e \"f\"", type: "g" }
        }),
        Link.make("", { rel: "self" })
      ],
      String.raw`</a?b=c,d>; rel="next http://b/c"; anchor="#d"; title="e \"f\""; type="g", <>; rel="self"`
    ],
    [
      "with what is not ASCII in other words",
      [Link.make("/ä <b>\"\\%20\ud800", { rel: "a", anchor: "/ö", parameters: { title: "€\n" } })],
      "</%C3%A4%20%3Cb%3E%22%5C%20%EF%BF%BD>; rel=\"a\"; anchor=\"/%C3%B6\"; title*=UTF-8''%E2%82%AC%0A"
    ],
    ["from none", [], ""]
  ]
  it.each(written)("%s", (_, links, value) => {
    expect(Link.format(links)).toEqual(Either.right(value))
  })

  it.each([
    ["no relation type", Link.make("/a", { rel: [] })],
    ["an empty relation type", Link.make("/a", { rel: "" })],
    ["two relation types in one", Link.make("/a", { rel: "a b" })],
    ["a relation type with a quote", Link.make("/a", { rel: "a\"" })],
    ["a relation type with a line feed", Link.make("/a", { rel: "a\n" })],
    ["a parameter without a name", Link.make("/a", { rel: "a", parameters: { "": "b" } })],
    ["a name with a space", Link.make("/a", { rel: "a", parameters: { "a b": "b" } })],
    ["a name with a star", Link.make("/a", { rel: "a", parameters: { "title*": "b" } })],
    ["another relation type", Link.make("/a", { rel: "a", parameters: { Rel: "b" } })],
    ["another anchor", Link.make("/a", { rel: "a", parameters: { anchor: "b" } })]
  ])("not with %s", (_, link) => {
    const error = Either.getOrThrow(Either.flip(Link.format([link])))
    expect(error).toBeInstanceOf(Link.FieldValueError)
    expect(error.message).toMatch(/^The value cannot be written: .+\.$/)
  })

  it("not from what untyped code brings, which is no text to read either", () => {
    for (const junk of [undefined, null, 1, {}, Symbol("a")]) {
      const value = junk as never
      expect(Link.parse(value)).toEqual([])
      for (
        const links of [
          value,
          [value],
          [Link.make(value, { rel: "a" })],
          [Link.make("/", { rel: value })],
          [Link.make("/", { rel: [value] })],
          [Link.make("/", { rel: "a", parameters: { a: value } })]
        ]
      ) {
        // A record without links, and one without parameters, are empty.
        const text = Link.format(links)
        if (Either.isRight(text)) expect(text.right).toMatch(/^(?:<.*>; rel=".*")?$/)
      }
    }
  })

  const name = FastCheck.constantFrom("title", "type", "as", "x-1", "hreflang")
  const links = FastCheck.array(
    FastCheck.record({
      target: FastCheck.webUrl({ withQueryParameters: true, withFragments: true }),
      rel: FastCheck.array(FastCheck.constantFrom("next", "prev", "http://a/b?c,d;e"), { minLength: 1, maxLength: 3 }),
      anchor: FastCheck.option(FastCheck.webUrl(), { nil: undefined }),
      parameters: FastCheck.array(FastCheck.tuple(name, FastCheck.fullUnicodeString()))
    }),
    { maxLength: 4 }
  )
  it("and read again is the same", () => {
    FastCheck.assert(FastCheck.property(links, (made) => {
      const same = made.map((link) => ({ ...link, parameters: new Map(link.parameters) }))
      expect(Link.parse(Either.getOrThrow(Link.format(same)))).toEqual(same)
    }))
  })
})
