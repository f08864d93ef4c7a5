/** What a redirect asks for, decided without a client: tables over statuses, methods, Locations, origins and bodies. */
import type * as PlatformBody from "@effect/platform/HttpBody"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpMethod from "@effect/platform/HttpMethod"
import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Stream from "effect/Stream"
import { Readable } from "node:stream"
import { inspect } from "node:util"
import * as OwnBody from "../../src/HttpBody.ts"
import type { RedirectHop } from "../../src/internal/error/redirect.ts"
import { RedirectLoop } from "../../src/internal/error/redirect.ts"
import type {
  Answered,
  Asked,
  BodyKind,
  Chain,
  Next,
  Policy,
  RedirectError
} from "../../src/internal/platform/redirectRules.ts"
import {
  bodyKind,
  decide,
  emptyChain,
  isRedirect,
  rewrite,
  showUrl,
  splitLocations
} from "../../src/internal/platform/redirectRules.ts"
import { parseUrl } from "../../src/internal/platform/zonedUrl.ts"

const strict: Policy = { limit: 10, allowDowngrade: false, replayStreams: false, sensitive: [] }

const asked = (url: string, rest: Partial<Asked> = {}): Asked => ({
  method: "GET",
  url: new URL(url),
  fields: [],
  body: "Empty",
  ...rest
})

const to = (location: string, rest: Partial<Answered> = {}): Answered => ({
  status: 302,
  locations: [location],
  setsCookies: false,
  ...rest
})

const followed = (result: Either.Either<Next, RedirectError>): Next => Either.getOrThrowWith(result, (error) => error)

const refused = (result: Either.Either<Next, RedirectError>): RedirectError => {
  assert(Either.isLeft(result), "nothing was refused")
  return result.left
}

/** The request that was decided, as what comes before the next one. */
const asAsked = (next: Next, body: BodyKind = "Empty"): Asked => ({
  method: next.method,
  url: next.url,
  fields: next.fields,
  body: next.keepsBody ? body : "Empty"
})

const methods = [...HttpMethod.all]

describe("a host with a zone id", () => {
  const base = "http://[fe80::1%25lo]:81/a/b?q=1"
  const zoned = (url: string): Partial<Asked> => ({ url: parseUrl(url) })

  it.each([
    ["c", "http://[fe80::1%25lo]:81/a/c"],
    ["/c?d#e", "http://[fe80::1%25lo]:81/c?d#e"],
    ["//[FE80:0::1]:81/c", "http://[fe80::1%25lo]:81/c"],
    ["http://[fe80::1]:81/c", "http://[fe80::1%25lo]:81/c"],
    ["http://[fe80::1]/c", "http://[fe80::1%25lo]/c"],
    ["http://[fe80::1%25lo]:81/c", "http://[fe80::1%25lo]:81/c"],
    ["http://[fe80::2]/c", "http://[fe80::2]/c"],
    ["http://other/[fe80::1]", "http://other/[fe80::1]"]
  ])("leads by %s to %s", (location, url) => {
    const next = followed(decide(emptyChain, asked("http://a", zoned(base)), to(location), strict))
    assert.strictEqual(next.url.href, url)
    assert.strictEqual(next.chain.history[0]?.url, "http://[fe80::1%25lo]:81/a/b?…")
  })

  it("keeps credentials for the same address and port, and for no other", () => {
    const from = asked("http://a", { ...zoned(base), fields: ["authorization"] })
    const fields = (location: string) => followed(decide(emptyChain, from, to(location), strict)).fields
    assert.deepStrictEqual(fields("http://[fe80::1]:81/"), ["authorization"])
    assert.deepStrictEqual(fields("http://[fe80::1]/"), [])
    assert.deepStrictEqual(fields("http://[fe80::2]:81/"), [])
  })

  it.each([
    ["http://[fe80::1%25lo]:81/", "http://[fe80::1%25eth0]:81/"],
    ["http://[fe80::1]/", "http://[fe80::1%25lo]/"],
    ["http://a/", "http://[fe80::1%25lo]/"],
    ["http://[fe80::1%25lo]/", "http://[fe80::1%25]/"]
  ])("is not for a server to choose: from %s to %s", (from, location) => {
    const error = refused(decide(emptyChain, asked("http://a", zoned(from)), to(location), strict))
    assert.deepInclude({ ...error }, { _tag: "InvalidRedirect", reason: "Malformed" })
  })

  it("is found in a loop", () => {
    const first = followed(decide(emptyChain, asked("http://a", zoned(base)), to("c"), strict))
    const second = decide(first.chain, asAsked(first), to("b?q=1"), strict)
    assert.strictEqual(refused(second)._tag, "RedirectLoop")
  })

  it("stands in all that shows the host of a URL", () => {
    const url = parseUrl("http://u:p@[fe80::1%25lo]:81/a?b#c")
    assert(url !== undefined)
    const { hash, host, hostname, href, origin, pathname, search } = url
    assert.deepStrictEqual(
      { hash, host, hostname, href, origin, pathname, search, text: `${url}`, json: url.toJSON() },
      {
        hash: "#c",
        host: "[fe80::1%25lo]:81",
        hostname: "[fe80::1%25lo]",
        href: "http://u:p@[fe80::1%25lo]:81/a?b#c",
        origin: "http://[fe80::1%25lo]:81",
        pathname: "/a",
        search: "?b",
        text: "http://u:p@[fe80::1%25lo]:81/a?b#c",
        json: "http://u:p@[fe80::1%25lo]:81/a?b#c"
      }
    )
    assert.strictEqual(parseUrl("http://[fe80::1%lo]/")?.href, "http://[fe80::1%lo]/")
    for (
      const none of ["http://[fe80::1%25]/", "http://[::g%25lo]/", "http://a%25lo/", "[fe80::1%25lo]", "http://[::1"]
    ) {
      assert.isUndefined(parseUrl(none))
    }
  })
})

describe("which statuses are followed", () => {
  it("301, 302, 303, 307 and 308 are, and no other status", () => {
    const statuses = Array.from({ length: 500 }, (_, i) => i + 100).filter(isRedirect)
    assert.deepStrictEqual(statuses, [301, 302, 303, 307, 308])
  })
})

describe("the method and the body", () => {
  const kept = (method: HttpMethod.HttpMethod) => ({ method, keepsBody: true })
  const get = { method: "GET", keepsBody: false }
  const table: Record<number, Record<HttpMethod.HttpMethod, { method: string; keepsBody: boolean }>> = {
    301: {
      GET: kept("GET"),
      HEAD: kept("HEAD"),
      POST: get,
      PUT: kept("PUT"),
      PATCH: kept("PATCH"),
      DELETE: kept("DELETE"),
      OPTIONS: kept("OPTIONS")
    },
    302: {
      GET: kept("GET"),
      HEAD: kept("HEAD"),
      POST: get,
      PUT: kept("PUT"),
      PATCH: kept("PATCH"),
      DELETE: kept("DELETE"),
      OPTIONS: kept("OPTIONS")
    },
    303: {
      GET: get,
      HEAD: { method: "HEAD", keepsBody: false },
      POST: get,
      PUT: get,
      PATCH: get,
      DELETE: get,
      OPTIONS: get
    },
    307: {
      GET: kept("GET"),
      HEAD: kept("HEAD"),
      POST: kept("POST"),
      PUT: kept("PUT"),
      PATCH: kept("PATCH"),
      DELETE: kept("DELETE"),
      OPTIONS: kept("OPTIONS")
    },
    308: {
      GET: kept("GET"),
      HEAD: kept("HEAD"),
      POST: kept("POST"),
      PUT: kept("PUT"),
      PATCH: kept("PATCH"),
      DELETE: kept("DELETE"),
      OPTIONS: kept("OPTIONS")
    }
  }
  for (const [status, row] of Object.entries(table)) {
    for (const method of methods) {
      const { keepsBody, method: next } = row[method]
      it(`${status} makes of ${method} ${next} ${keepsBody ? "with" : "without"} the body`, () => {
        assert.deepStrictEqual(rewrite(Number(status), method), row[method])
        const decided = followed(
          decide(
            emptyChain,
            asked("http://a/", { method, body: "Replayable" }),
            to("/b", { status: Number(status) }),
            strict
          )
        )
        assert.deepStrictEqual({ method: decided.method, keepsBody: decided.keepsBody }, row[method])
      })
    }
  }

  const all = [
    "accept",
    "content-type",
    "Content-Length",
    "content-encoding",
    "content-language",
    "content-location",
    "content-md5",
    "content-digest",
    "transfer-encoding",
    "trailer",
    "expect",
    "digest",
    "repr-digest",
    "last-modified",
    "authorization",
    "x-content"
  ]

  it("takes the fields about a body along with the body, and no others", () => {
    const decided = followed(
      decide(
        emptyChain,
        asked("http://a/", { method: "POST", body: "Replayable", fields: all }),
        to("/b", { status: 303 }),
        strict
      )
    )
    assert.deepStrictEqual(decided.fields, ["accept", "authorization", "x-content"])
  })

  it("leaves the fields about a body that is sent again", () => {
    const decided = followed(
      decide(
        emptyChain,
        asked("http://a/", { method: "POST", body: "Replayable", fields: all }),
        to("/b", { status: 307 }),
        strict
      )
    )
    assert.deepStrictEqual(decided.fields, all)
  })
})

describe("a Location", () => {
  const base = "https://user:pw@h.test:8443/dir/page?q=1#frag"
  const cases: ReadonlyArray<readonly [name: string, location: string, href: string, base?: string]> = [
    ["an absolute URL", "https://o.test/x", "https://o.test/x#frag"],
    ["an absolute URL without a path", "https://o.test", "https://o.test/#frag"],
    ["an absolute path", "/x", "https://user:pw@h.test:8443/x#frag"],
    ["a relative path", "x", "https://user:pw@h.test:8443/dir/x#frag"],
    ["a path with dot segments", "../../../x/./y", "https://user:pw@h.test:8443/x/y#frag"],
    ["a query only", "?p=2", "https://user:pw@h.test:8443/dir/page?p=2#frag"],
    ["a fragment only", "#top", "https://user:pw@h.test:8443/dir/page?q=1#top"],
    ["an empty fragment, which is a fragment", "/x#", "https://user:pw@h.test:8443/x#"],
    ["a fragment of its own", "/x#own", "https://user:pw@h.test:8443/x#own"],
    ["another authority", "//o.test/x", "https://o.test/x#frag"],
    ["another authority in the spelling of Windows", "\\\\o.test\\x", "https://o.test/x#frag"],
    ["the same origin in full", "https://h.test:8443/x", "https://user:pw@h.test:8443/x#frag"],
    ["the same origin in another spelling", "HTTPS://H.TEST:08443/x", "https://user:pw@h.test:8443/x#frag"],
    ["another port", "https://h.test/x", "https://h.test/x#frag"],
    ["an upgrade", "https://h.test/x", "https://h.test/x", "http://h.test/"],
    ["the default port written out", "http://h.test:80/x", "http://h.test/x", "http://h.test/"],
    ["empty userinfo", "https://@o.test/x", "https://o.test/x#frag"],
    ["an IPv6 address", "http://[0:0::1]:81/", "http://[::1]:81/", "http://h.test/"],
    ["an IPv4 address in an odd spelling", "http://0x7f.1/", "http://127.0.0.1/", "http://h.test/"],
    ["a space", "/a b", "http://h.test/a%20b", "http://h.test/"],
    ["a query as it is, form or not", "/x?a&b=%20+~&c=/", "http://h.test/x?a&b=%20+~&c=/", "http://h.test/"],
    ["a percent that encodes nothing", "/100%", "http://h.test/100%", "http://h.test/"],
    ["the bytes of UTF-8", "/\u00c3\u00a4?\u00c3\u00b6", "http://h.test/%C3%A4?%C3%B6", "http://h.test/"],
    ["a byte of ISO-8859-1", "/\u00e4", "http://h.test/%E4", "http://h.test/"],
    ["text that somebody decoded", "/\u20ac\u00e4", "http://h.test/%E2%82%AC%C3%A4", "http://h.test/"],
    ["half a surrogate pair", "/\ud800", "http://h.test/%EF%BF%BD", "http://h.test/"],
    ["a host in UTF-8", "http://b\u00c3\u00bccher.test/", "http://xn--bcher-kva.test/", "http://h.test/"],
    ["white space around it", "  /x  ", "http://h.test/x", "http://h.test/"],
    ["a comma", "/a,b, c", "http://h.test/a,b,%20c", "http://h.test/"]
  ]
  for (const [name, location, href, from = base] of cases) {
    it(`can be ${name}: ${JSON.stringify(location)}`, () => {
      // With a cookie, because that of a fragment alone is the same request again.
      const answered = to(location, { setsCookies: true })
      assert.strictEqual(followed(decide(emptyChain, asked(from), answered, strict)).url.href, href)
    })
  }

  it("may come twice if both are the same", () => {
    const twice = to("/x", { locations: ["/x", "/x"] })
    assert.strictEqual(followed(decide(emptyChain, asked("http://a/"), twice, strict)).url.href, "http://a/x")
  })

  const invalid: ReadonlyArray<readonly [name: string, reason: string, locations: ReadonlyArray<string>]> = [
    ["is empty", "Empty", [""]],
    ["is there twice and differs", "Conflicting", ["/a", "/b"]],
    ["is there three times and one differs", "Conflicting", ["/a", "/a", "/b"]],
    ["is there twice and one is empty", "Conflicting", ["/a", ""]],
    ["has no host", "Malformed", ["http://"]],
    ["has a port that is none", "Malformed", ["http://a:99999/"]],
    ["has a host that is none", "Malformed", ["http://a b/"]],
    ["has a host in ISO-8859-1", "Malformed", ["http://b\u00fccher/"]],
    ["has an open bracket", "Malformed", ["http://[::1/"]],
    ["has a tab, which would make another host of it", "Malformed", ["/\t/evil.test/"]],
    ["has a line feed", "Malformed", ["/a\nb"]],
    ["has a NUL", "Malformed", ["/a\0"]],
    ["has a DEL", "Malformed", ["/a\x7f"]],
    ["has userinfo without a host", "Malformed", ["http://user@/"]]
  ]
  for (const [name, reason, locations] of invalid) {
    it(`is refused if it ${name}`, () => {
      const error = refused(decide(emptyChain, asked(base), to("", { locations }), strict))
      assert(error._tag === "InvalidRedirect")
      assert.strictEqual(error.reason, reason)
      assert.deepStrictEqual(error.history, [{ status: 302, method: "GET", url: "https://h.test:8443/dir/page?…" }])
    })
  }

  it("cannot be resolved for a request whose own URL is not absolute", () => {
    const error = refused(decide(emptyChain, { ...asked("http://a/"), url: undefined }, to("http://b/"), strict))
    assert(error._tag === "InvalidRedirect")
    assert.strictEqual(error.reason, "NoBaseUrl")
    assert.deepStrictEqual(error.history, [{ status: 302, method: "GET", url: "" }])
  })
})

describe("several Locations in one string", () => {
  const cases: ReadonlyArray<readonly [joined: string, parts: ReadonlyArray<string>]> = [
    ["/a", ["/a"]],
    ["", [""]],
    ["/a, /a", ["/a", "/a"]],
    ["a, a", ["a", "a"]],
    ["/a, /b", ["/a", "/b"]],
    ["http://a/, https://b/", ["http://a/", "https://b/"]],
    ["http://a/, /b, //c", ["http://a/", "/b", "//c"]],
    ["/my file, second.pdf", ["/my file, second.pdf"]],
    ["/a?list=1, 2", ["/a?list=1, 2"]],
    ["/a,/b", ["/a,/b"]]
  ]
  for (const [joined, parts] of cases) {
    it(`${JSON.stringify(joined)} is taken for ${parts.length}`, () => {
      assert.deepStrictEqual(splitLocations(joined), parts)
    })
  }
})

describe("a redirect that is not safe", () => {
  const cases: ReadonlyArray<
    readonly [location: string, reason: string, target: string, from: string]
  > = [
    ["http://a.test/x?token=1", "Downgrade", "http://a.test/x?…", "https://a.test/"],
    ["http://b.test/", "Downgrade", "http://b.test/", "https://a.test/"],
    ["http://a.test:443/", "Downgrade", "http://a.test:443/", "https://a.test/"],
    ["ftp://a.test/x", "Scheme", "ftp:", "http://a.test/"],
    ["file:///etc/passwd", "Scheme", "file:", "http://a.test/"],
    ["javascript:alert(1)", "Scheme", "javascript:", "http://a.test/"],
    ["data:text/plain,secret", "Scheme", "data:", "http://a.test/"],
    ["mailto:a@b", "Scheme", "mailto:", "http://a.test/"],
    ["blob:http://a.test/1", "Scheme", "blob:", "http://a.test/"],
    ["ftp://user:pw@a.test/x", "Scheme", "ftp:", "http://a.test/"],
    ["ws://a.test/", "Scheme", "ws:", "http://a.test/"],
    ["http://user:pw@a.test/", "Credentials", "http://a.test/", "http://a.test/"],
    ["http://user@b.test/", "Credentials", "http://b.test/", "http://a.test/"],
    ["http://:pw@b.test/", "Credentials", "http://b.test/", "http://a.test/"],
    ["//user:pw@b.test/?q", "Credentials", "http://b.test/?…", "http://me:mine@a.test/"],
    ["http://me:mine@a.test/x", "Credentials", "http://a.test/x", "http://me:mine@a.test/"]
  ]
  for (const [location, reason, target, from] of cases) {
    it(`is refused with ${reason}: ${location} from ${from}`, () => {
      const error = refused(decide(emptyChain, asked(from), to(location), strict))
      assert(error._tag === "UnsafeRedirect")
      assert.strictEqual(error.reason, reason)
      assert.strictEqual(error.target, target)
      assert.lengthOf(error.history, 1)
    })
  }

  it("is followed from https to http where that is allowed, without what is for the origin", () => {
    const request = asked("https://a.test/", { fields: ["authorization", "accept"] })
    const next = followed(decide(emptyChain, request, to("http://a.test/"), { ...strict, allowDowngrade: true }))
    assert.strictEqual(next.url.href, "http://a.test/")
    assert.deepStrictEqual(next.fields, ["accept"])
  })

  it("is not made safe by allowing the way to http: the other two are refused still", () => {
    for (const location of ["ftp://a.test/", "http://u@a.test/"]) {
      const policy = { ...strict, allowDowngrade: true }
      assert.strictEqual(
        refused(decide(emptyChain, asked("https://a.test/"), to(location), policy))._tag,
        "UnsafeRedirect"
      )
    }
  })
})

describe("what is for one origin", () => {
  const changes: ReadonlyArray<readonly [name: string, from: string, location: string, same: boolean]> = [
    ["another path", "http://a.test/x", "/y", true],
    ["the same host in capitals", "http://a.test/x", "http://A.TEST/y", true],
    ["the default port written out", "http://a.test/x", "http://a.test:80/y", true],
    ["the default port of https written out", "https://a.test/x", "https://a.test:443/y", true],
    ["another host", "http://a.test/x", "http://b.test/x", false],
    ["another host without a scheme", "http://a.test/x", "//b.test/x", false],
    ["a host below", "http://a.test/x", "http://sub.a.test/x", false],
    ["a host above", "http://sub.a.test/x", "http://a.test/x", false],
    ["the same host with a dot behind it", "http://a.test/x", "http://a.test./x", false],
    ["another port", "http://a.test/x", "http://a.test:81/x", false],
    ["back to the default port", "http://a.test:81/x", "http://a.test/x", false],
    ["from http to https", "http://a.test/x", "https://a.test/x", false],
    ["from http to https on one port", "http://a.test:8443/x", "https://a.test:8443/x", false],
    ["from https to http", "https://a.test/x", "http://a.test/x", false],
    ["another address of this machine", "http://127.0.0.1/x", "http://localhost/x", false]
  ]
  const sensitive = [
    "authorization",
    "Authorization",
    "cookie",
    "cookie2",
    "proxy-authorization",
    "Proxy-Authorization",
    "proxy-authenticate",
    "proxy-connection",
    "www-authenticate",
    "host",
    "origin",
    "referer",
    "x-api-key",
    "X-Api-Key",
    "x-secret-one",
    "x-token"
  ]
  const harmless = ["accept", "user-agent", "x-proxy-authorization", "authorization-x", "content-type", "range"]
  const policy = { ...strict, allowDowngrade: true, sensitive: ["X-API-Key", /^x-secret-/g, /TOKEN$/i] }
  for (const [name, from, location, same] of changes) {
    it(`${same ? "goes along" : "stays behind"}: ${name}`, () => {
      for (const field of sensitive) {
        const request = asked(from, { fields: ["accept", field] })
        const next = followed(decide(emptyChain, request, to(location), policy))
        assert.deepStrictEqual(next.fields, same ? ["accept", field] : ["accept"], field)
      }
      for (const field of harmless) {
        const next = followed(decide(emptyChain, asked(from, { fields: [field] }), to(location), policy))
        assert.deepStrictEqual(next.fields, [field])
      }
      const url = new URL(from)
      url.username = "me"
      url.password = "mine"
      const next = followed(decide(emptyChain, asked(url.href), to(location), policy))
      assert.strictEqual(next.url.username + next.url.password, same ? "memine" : "")
    })
  }

  it("is found by a pattern with the flag g as often as it is asked", () => {
    const request = asked("http://a.test/", { fields: ["x-secret-a", "x-secret-b", "x-secret-c"] })
    assert.deepStrictEqual(followed(decide(emptyChain, request, to("http://b.test/"), policy)).fields, [])
  })

  it("is found by a pattern in capitals, if the name is", () => {
    const request = asked("http://a.test/", { fields: ["X-Mine", "x-mine"] })
    const capitals = { ...strict, sensitive: [/^X-Mine$/] }
    assert.deepStrictEqual(followed(decide(emptyChain, request, to("http://b.test/"), capitals)).fields, ["x-mine"])
  })

  /** Goes along the Locations and gives every request. */
  const walk = (start: Asked, locations: ReadonlyArray<string>): ReadonlyArray<Asked> => {
    const requests = [start]
    let chain: Chain = emptyChain
    let current = start
    for (const location of locations) {
      const result = decide(chain, current, to(location), { ...strict, allowDowngrade: true, limit: Infinity })
      if (Either.isLeft(result)) return requests
      chain = result.right.chain
      current = asAsked(result.right)
      requests.push(current)
    }
    return requests
  }

  it("does not come back on the way from A to B to A", () => {
    const start = asked("http://me:mine@a.test/", { fields: ["authorization", "cookie", "accept"] })
    const [, same, b, a, b2] = walk(start, ["/same", "http://b.test/", "http://a.test/", "http://b.test/2"])
    assert.deepStrictEqual(same?.fields, start.fields)
    assert.strictEqual(same?.url?.href, "http://me:mine@a.test/same")
    for (const request of [b, a, b2]) {
      assert.deepStrictEqual(request?.fields, ["accept"])
      assert.strictEqual(request?.url?.username, "")
    }
  })

  it("never comes back, whatever the way", () => {
    const origin = FastCheck.constantFrom(
      "http://a.test",
      "https://a.test",
      "http://a.test:81",
      "http://b.test",
      "https://b.test:8443",
      ""
    )
    const location = FastCheck.tuple(origin, FastCheck.nat(20)).map(([at, n]) => `${at}/${n}`)
    const fields = FastCheck.subarray([...sensitive, ...harmless])
    FastCheck.assert(
      FastCheck.property(fields, FastCheck.array(location, { maxLength: 12 }), (fields, locations) => {
        const requests = walk(asked("http://me:mine@a.test/", { fields }), locations)
        const gone = new Set<string>()
        let away = false
        for (const request of requests) {
          away ||= request.url?.origin !== "http://a.test"
          for (const field of fields) {
            if (!request.fields.includes(field)) gone.add(field)
            else assert(!gone.has(field), `${field} has come back`)
          }
          for (const field of ["authorization", "cookie", "proxy-authorization"]) {
            if (away) assert.notInclude(request.fields, field)
            else if (fields.includes(field)) assert.include(request.fields, field)
          }
          assert.strictEqual(request.url?.username, away ? "" : "me")
        }
      }),
      { numRuns: 300 }
    )
  })
})

describe("how far it goes", () => {
  /** Follows until something is refused. */
  const run = (
    start: Asked,
    answer: (request: Asked) => Answered,
    policy: Policy = strict
  ): { readonly error: RedirectError; readonly requests: ReadonlyArray<string> } => {
    let chain: Chain = emptyChain
    let current = start
    const requests: Array<string> = []
    for (;;) {
      requests.push(`${current.method} ${current.url?.href}`)
      const result = decide(chain, current, answer(current), policy)
      if (Either.isLeft(result)) return { error: result.left, requests }
      chain = result.right.chain
      current = asAsked(result.right, current.body)
    }
  }
  const counting = (request: Asked): Answered => to(`/${Number(request.url?.pathname.slice(1)) + 1}`)

  for (const limit of [0, 1, 2, 10, 50]) {
    it(`is ${limit} redirects if that is the limit`, () => {
      const { error, requests } = run(asked("http://a/0"), counting, { ...strict, limit })
      assert(error._tag === "TooManyRedirects")
      assert.lengthOf(requests, limit + 1)
      assert.strictEqual(error.limit, limit)
      assert.deepStrictEqual(
        error.history,
        requests.map((_, i): RedirectHop => ({ status: 302, method: "GET", url: `http://a/${i}` }))
      )
    })
  }

  it("ends in a circle of one", () => {
    const { error, requests } = run(asked("http://a/x"), () => to("/x"))
    assert.strictEqual(error._tag, "RedirectLoop")
    assert.lengthOf(requests, 1)
    assert.deepStrictEqual(error.history, [{ status: 302, method: "GET", url: "http://a/x" }])
  })

  it("ends in a circle of three when it closes", () => {
    const next: Record<string, string> = { "/1": "/2", "/2": "/3", "/3": "/1" }
    const { error, requests } = run(asked("http://a/1"), ({ url }) => to(next[url?.pathname ?? ""] ?? ""))
    assert.strictEqual(error._tag, "RedirectLoop")
    assert.deepStrictEqual(requests, ["GET http://a/1", "GET http://a/2", "GET http://a/3"])
    assert.lengthOf(error.history, 3)
  })

  it("ends in a circle that only the fragment tells apart, which is not sent", () => {
    let n = 0
    const { error } = run(asked("http://a/x"), () => to(`/x#${n++}`))
    assert.strictEqual(error._tag, "RedirectLoop")
    assert.strictEqual(n, 1)
  })

  it("goes on where the query differs", () => {
    let n = 0
    const { error } = run(asked("http://a/x"), () => to(`/x?${n++}`))
    assert.strictEqual(error._tag, "TooManyRedirects")
  })

  it("goes on where the method has changed: POST, see other, the same page", () => {
    const next = followed(
      decide(
        emptyChain,
        asked("http://a/x", { method: "POST", body: "Replayable" }),
        to("/x", { status: 303 }),
        strict
      )
    )
    assert.strictEqual(next.method, "GET")
    const { error, requests } = run(
      asked("http://a/x", { method: "POST", body: "Replayable" }),
      () => to("/x", { status: 303 })
    )
    assert.strictEqual(error._tag, "RedirectLoop")
    assert.deepStrictEqual(requests, ["POST http://a/x", "GET http://a/x"])
  })

  it("goes on where only the body was dropped", () => {
    const { error, requests } = run(asked("http://a/x", { body: "Replayable" }), () => to("/x", { status: 303 }))
    assert.strictEqual(error._tag, "RedirectLoop")
    assert.lengthOf(requests, 2)
  })

  it("goes on where credentials were dropped since, once", () => {
    const ways: Record<string, string> = { "a.test": "http://b.test/", "b.test": "http://a.test/" }
    const start = asked("http://a.test/", { fields: ["authorization"] })
    const { error, requests } = run(start, ({ url }) => to(ways[url?.hostname ?? ""] ?? ""))
    assert.strictEqual(error._tag, "RedirectLoop")
    assert.deepStrictEqual(requests, ["GET http://a.test/", "GET http://b.test/", "GET http://a.test/"])
  })

  it("goes on where userinfo was dropped since, once", () => {
    const ways: Record<string, string> = { "a.test": "http://b.test/", "b.test": "http://a.test/" }
    const { error, requests } = run(asked("http://me@a.test/"), ({ url }) => to(ways[url?.hostname ?? ""] ?? ""))
    assert.strictEqual(error._tag, "RedirectLoop")
    assert.lengthOf(requests, 3)
  })

  it("goes on where a cookie was set, up to the limit", () => {
    const { error, requests } = run(asked("http://a/x"), () => to("/x", { setsCookies: true }))
    assert.strictEqual(error._tag, "TooManyRedirects")
    assert.lengthOf(requests, 11)
  })

  it("sees a circle that begins after the cookie", () => {
    let n = 0
    const { error, requests } = run(asked("http://a/x"), () => to("/x", { setsCookies: n++ === 0 }))
    assert.strictEqual(error._tag, "RedirectLoop")
    assert.lengthOf(requests, 2)
  })

  it("says of a last redirect that closes a circle that it does, not that it is one too many", () => {
    const { error } = run(asked("http://a/x"), () => to("/x"), { ...strict, limit: 0 })
    assert.strictEqual(error._tag, "RedirectLoop")
  })
})

describe("a body", () => {
  const stream = Stream.empty
  function* generator() {
    yield new Uint8Array(1)
  }
  const kinds: ReadonlyArray<readonly [name: string, body: PlatformBody.HttpBody, kind: BodyKind]> = [
    ["none", HttpBody.empty, "Empty"],
    ["bytes", HttpBody.uint8Array(new Uint8Array(1)), "Replayable"],
    ["text", HttpBody.text("x"), "Replayable"],
    ["a form", HttpBody.formData(new FormData()), "Replayable"],
    ["a stream", HttpBody.stream(stream), "Stream"],
    ["a file of the web", HttpBody.fileWeb(new File(["x"], "x")), "Stream"],
    ["a raw string", HttpBody.raw("x"), "Replayable"],
    ["nothing, raw", HttpBody.raw(undefined), "Replayable"],
    ["null, raw", HttpBody.raw(null), "Replayable"],
    ["a raw ArrayBuffer", HttpBody.raw(new ArrayBuffer(1)), "Replayable"],
    ["a raw SharedArrayBuffer", HttpBody.raw(new SharedArrayBuffer(1)), "Replayable"],
    ["a raw Buffer", HttpBody.raw(Buffer.from("x")), "Replayable"],
    ["a raw DataView", HttpBody.raw(new DataView(new ArrayBuffer(1))), "Replayable"],
    ["a raw Blob", HttpBody.raw(new Blob(["x"])), "Replayable"],
    ["a raw form", HttpBody.raw(new FormData()), "Replayable"],
    ["raw parameters", HttpBody.raw(new URLSearchParams("a=1")), "Replayable"],
    ["raw pieces", HttpBody.raw([new Uint8Array(1)]), "Replayable"],
    ["a raw Readable", HttpBody.raw(Readable.from(["x"])), "Raw"],
    ["a raw ReadableStream", HttpBody.raw(new ReadableStream()), "Raw"],
    ["a raw generator", HttpBody.raw(generator()), "Raw"],
    ["a raw stream of Effect", HttpBody.raw(stream), "Raw"],
    ["raw bytes of ours", HttpBody.raw(OwnBody.bytes(new Uint8Array(1))), "Replayable"],
    ["no raw body of ours", HttpBody.raw(OwnBody.empty), "Replayable"],
    ["a raw stream of ours", HttpBody.raw(OwnBody.stream(stream)), "Raw"],
    ["a raw stream of ours that says so", HttpBody.raw(OwnBody.stream(stream, { replayable: true })), "Replayable"]
  ]
  for (const [name, body, kind] of kinds) {
    it(`is ${kind}: ${name}`, () => assert.strictEqual(bodyKind(body), kind))
  }

  const cases: ReadonlyArray<
    readonly [status: number, method: HttpMethod.HttpMethod, body: BodyKind, replayStreams: boolean, again: boolean]
  > = [
    [307, "POST", "Empty", false, true],
    [307, "POST", "Replayable", false, true],
    [307, "POST", "Stream", false, false],
    [307, "POST", "Stream", true, true],
    [307, "POST", "Raw", false, false],
    [307, "POST", "Raw", true, false],
    [308, "PUT", "Stream", false, false],
    [308, "PUT", "Raw", false, false],
    [301, "PUT", "Stream", false, false],
    [302, "PATCH", "Raw", false, false],
    [301, "POST", "Stream", false, true],
    [302, "POST", "Raw", false, true],
    [303, "POST", "Stream", false, true],
    [303, "PUT", "Raw", false, true]
  ]
  for (const [status, method, body, replayStreams, again] of cases) {
    const option = replayStreams ? " with `replayStreams`" : ""
    it(`${status} with ${method} and ${body}${option} is ${again ? "followed" : "refused"}`, () => {
      const result = decide(
        emptyChain,
        asked("http://a/", { method, body }),
        to("/b", { status }),
        { ...strict, replayStreams }
      )
      if (again) {
        followed(result)
      } else {
        const error = refused(result)
        assert(error._tag === "UnreplayableBody")
        assert.strictEqual(error.status, status)
        assert.strictEqual(error.body, body)
        assert.deepStrictEqual(error.history, [{ status, method, url: "http://a/" }])
      }
    })
  }
})

describe("what is shown", () => {
  const cases: ReadonlyArray<readonly [url: string, shown: string]> = [
    ["http://a.test", "http://a.test/"],
    ["https://a.test:8443/x/y", "https://a.test:8443/x/y"],
    ["https://user:pw@a.test/x?token=1#id", "https://a.test/x?…"],
    ["http://[::1]:81/?", "http://[::1]:81/"],
    ["mailto:me@a.test", "mailto:"]
  ]
  for (const [url, shown] of cases) {
    it(`of ${url} is ${shown}`, () => assert.strictEqual(showUrl(new URL(url)), shown))
  }

  const errors: ReadonlyArray<readonly [tag: string, message: string, () => RedirectError]> = [
    [
      "TooManyRedirects",
      "The request was redirected more than 0 times, which is the limit (`limit`). The last one was 302 to GET "
      + "\"http://a/x?…\". See `history`, and raise the limit if the way is right.",
      () => refused(decide(emptyChain, asked("http://a/x?s=1"), to("/y"), { ...strict, limit: 0 }))
    ],
    [
      "RedirectLoop",
      "The redirects go in a circle: this request has been sent before. The last one was 302 to GET \"http://a/x\". See "
      + "`history`; the server may want credentials or a cookie that it does not get.",
      () => refused(decide(emptyChain, asked("http://a/x"), to("/x"), strict))
    ],
    [
      "InvalidRedirect",
      "The redirect cannot be followed: its Location field is empty. Report it to the operator of the server. The last one "
      + "was 302 to GET \"http://a/x\".",
      () => refused(decide(emptyChain, asked("http://a/x"), to(""), strict))
    ],
    [
      "UnsafeRedirect",
      "The redirect to \"http://a/y\" was not followed. It leads from https to http, where everybody can read along: use "
      + "`allowDowngrade` if that does not matter. The last one was 302 to GET \"https://a/x\".",
      () => refused(decide(emptyChain, asked("https://a/x"), to("http://a/y"), strict))
    ],
    [
      "UnreplayableBody",
      "The server redirects with 307, which wants the body again, but it can be read only once. Send it from memory, or "
      + "say `replayStreams: true` if running the stream once more gives the same bytes. The last one was 307 to POST "
      + "\"http://a/x\".",
      () =>
        refused(
          decide(emptyChain, asked("http://a/x", { method: "POST", body: "Stream" }), to("/y", { status: 307 }), strict)
        )
    ],
    [
      "UnreplayableBody",
      "The server redirects with 307, which wants the body again, but it can be read only once. Send it from memory, or "
      + "as a stream with `replayStreams: true`. The last one was 307 to POST \"http://a/x\".",
      () =>
        refused(
          decide(emptyChain, asked("http://a/x", { method: "POST", body: "Raw" }), to("/y", { status: 307 }), strict)
        )
    ]
  ]
  for (const [tag, message, make] of errors) {
    it(`of ${tag} is a sentence that says what to do`, () => {
      const error = make()
      assert.strictEqual(error._tag, tag)
      assert.strictEqual(error.message, message)
      assert.strictEqual(error.context.phase, "redirect")
    })
  }

  it("of a history that is empty is nothing", () => {
    assert.strictEqual(
      new RedirectLoop({ history: [] }).message,
      "The redirects go in a circle: this request has been sent before. See `history`; the server may want credentials or "
        + "a cookie that it does not get."
    )
  })

  it("has nothing of userinfo, query, fragment, Location and field values in it", () => {
    const secret = FastCheck.constant("s3cr3t")
    const location = FastCheck.oneof(
      secret.map((s) => `http://b.test/?${s}#${s}`),
      secret.map((s) => `http://${s}:${s}@b.test/`),
      secret.map((s) => `https://u:${s}@b.test/?${s}`),
      secret.map((s) => `mailto:${s}`),
      secret.map((s) => `http://[${s}`),
      secret.map((s) => `/\t${s}`),
      secret.map((s) => `?${s}`),
      secret.map((s) => `?x#${s}`)
    )
    let errors = 0
    FastCheck.assert(
      FastCheck.property(
        FastCheck.array(location, { minLength: 1, maxLength: 4 }),
        FastCheck.nat(3),
        FastCheck.constantFrom<BodyKind>("Empty", "Stream", "Raw"),
        (locations, limit, body) => {
          let current = asked("https://u:s3cr3t@a.test/x?s3cr3t#s3cr3t", { method: "PUT", body })
          let chain: Chain = emptyChain
          for (const location of locations) {
            const result = decide(chain, current, to(location), { ...strict, limit })
            if (Either.isRight(result)) {
              chain = result.right.chain
              current = asAsked(result.right, body)
              continue
            }
            errors++
            const { left } = result
            for (const text of [left.message, String(left), JSON.stringify(left), inspect(left, { depth: 9 })]) {
              assert.notInclude(text, "s3cr3t")
            }
            return
          }
        }
      )
    )
    assert.isAbove(errors, 50)
  })
})
