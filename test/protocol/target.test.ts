/** Request targets in their four forms, and the Host that goes with each (RFC 9112 section 3.2). */
import * as Either from "effect/Either"
import { describe, expect, it } from "vitest"
import { resolveServer, type TargetForm } from "../../src/internal/protocol/target.ts"
import * as Origin from "../../src/Origin.ts"
import { notStrings } from "../fixtures/notStrings.ts"
import { resolveTarget } from "../fixtures/target.ts"

const http = (host: string, port?: number) => Either.getOrThrow(Origin.make({ scheme: "http", host, port }))
const plain = http("example.com")
const secure = Either.getOrThrow(Origin.make({ scheme: "https", host: "example.com" }))

const resolve = (method: string, target: string, origin: Origin.Origin, form: TargetForm = "origin") =>
  Either.match(resolveTarget(method, target, origin, form), {
    onLeft: (error): readonly [string, string] => [error._tag, error._tag === "InvalidUrl" ? error.part : error.scheme],
    onRight: ({ authority, target }): readonly [string, string] => [target, authority]
  })

describe("origin-form", () => {
  it.each([
    ["/", "/"],
    ["", "/"],
    ["/a/b;c=d?e=f&g=%20", "/a/b;c=d?e=f&g=%20"],
    ["?q", "/?q"],
    ["?", "/?"],
    ["/?", "/?"],
    ["/a#b", "/a"],
    ["#b", "/"],
    ["?q#b?c", "/?q"],
    ["/a?b#c#d", "/a?b"],
    ["//evil.example/x", "//evil.example/x"],
    ["///", "///"],
    ["/a/../b/./c", "/a/../b/./c"],
    ["/http://evil.example/", "/http://evil.example/"],
    ["/@evil.example", "/@evil.example"],
    ["/%0d%0a", "/%0d%0a"],
    ["/\"<>\\^`{|}", "/\"<>\\^`{|}"],
    ["/*", "/*"],
    ["http://example.com", "/"],
    ["http://example.com/", "/"],
    ["http://example.com/a?b#c", "/a?b"],
    ["http://example.com?b", "/?b"],
    ["http://example.com#c", "/"],
    ["HTTP://EXAMPLE.com:80/a", "/a"],
    ["http://example.com:/a", "/a"],
    [`/${"x".repeat(16_384)}`, `/${"x".repeat(16_384)}`]
  ])("of %j is %j", (target, wire) => {
    expect(resolve("GET", target, plain)).toEqual([wire, "example.com"])
  })

  it.each([
    ["a/b", "target"],
    ["example.com", "target"],
    ["*", "target"],
    ["**", "target"],
    ["mailto:a@b", "target"],
    ["http:/a", "target"],
    ["javascript:alert(1)", "target"],
    ["/a b", "target"],
    ["/a\r\nX: y", "target"],
    ["/\0", "target"],
    ["/a#b\r\nX: y", "target"],
    ["/a#b c", "target"],
    ["/é", "target"],
    ["/\u{1f600}", "target"],
    ["/\u010d\u010a", "target"],
    ["http://evil.example/", "target"],
    ["http://example.com:81/", "target"],
    ["https://example.com/", "target"],
    ["http://example.com@evil.example/", "userinfo"],
    ["http://user:pass@example.com/", "userinfo"],
    ["http:///a", "host"],
    ["http://?a", "host"],
    ["http://exa mple.com/", "url"],
    ["http://example.com/\r\n", "url"],
    ["http://example.com:0/", "port"],
    ["http://example.com/a\\b", "target"]
  ])("cannot be made of %j (%s)", (target, part) => {
    expect(resolve("GET", target, plain)).toEqual(["InvalidUrl", part])
  })

  it("cannot be made of another scheme", () => {
    expect(resolve("GET", "ftp://example.com/", plain)).toEqual(["UnsupportedScheme", "ftp"])
  })

  it("has the zone id of the connection or none", () => {
    const zoned = http("fe80::1%lo")
    for (const url of ["http://[fe80::1%25lo]/a", "http://[fe80::1]/a"]) {
      expect(resolve("GET", url, zoned)).toEqual(["/a", "[fe80::1]"])
    }
    expect(resolve("GET", "http://[fe80::1%25eth0]/a", zoned)).toEqual(["InvalidUrl", "target"])
  })

  it("says where a URL goes that does not belong here, and shows no more of it", () => {
    const error = Either.getOrThrow(
      Either.flip(resolveTarget("GET", "http://evil.example/?token=secret", plain, "origin"))
    )
    expect(error.message).toBe(
      "The target is not valid: it names http://evil.example:80, but the connection goes to http://example.com:80."
    )
  })
})

describe("absolute-form", () => {
  it.each([
    ["GET", "/a?b#c", "http://example.com/a?b"],
    ["GET", "", "http://example.com/"],
    ["GET", "?b", "http://example.com/?b"],
    ["GET", "//x/y", "http://example.com//x/y"],
    ["GET", "http://example.com", "http://example.com/"],
    ["GET", "http://example.com:80/a", "http://example.com/a"],
    ["OPTIONS", "http://example.com", "http://example.com"],
    ["OPTIONS", "http://example.com#c", "http://example.com"],
    ["OPTIONS", "http://example.com/", "http://example.com/"],
    ["OPTIONS", "http://example.com?b", "http://example.com/?b"],
    ["OPTIONS", "*", "http://example.com"]
  ])("of %s %j is %j", (method, target, wire) => {
    expect(resolve(method, target, plain, "absolute")).toEqual([wire, "example.com"])
  })

  it("has the scheme and port of the origin", () => {
    expect(resolve("GET", "/a", secure, "absolute")).toEqual(["https://example.com/a", "example.com"])
    expect(resolve("GET", "/a", http("::1", 8080), "absolute")).toEqual(["http://[::1]:8080/a", "[::1]:8080"])
  })

  it("may name another origin, which is then the one in Host", () => {
    expect(resolve("GET", "http://other.example:81/a", plain, "absolute")).toEqual([
      "http://other.example:81/a",
      "other.example:81"
    ])
  })

  it("has no credentials", () => {
    expect(resolve("GET", "http://u:p@example.com/", plain, "absolute")).toEqual(["InvalidUrl", "userinfo"])
  })
})

describe("authority-form", () => {
  it.each([
    ["h:443", "h:443"],
    ["h:80", "h:80"],
    ["EXAMPLE.com:1", "example.com:1"],
    ["[::1]:443", "[::1]:443"],
    ["[0:0::1]:080", "[::1]:80"],
    ["[fe80::1%eth0]:443", "[fe80::1]:443"],
    ["bücher.example:443", "xn--bcher-kva.example:443"],
    ["127.0.0.1:65535", "127.0.0.1:65535"]
  ])("of %j is %j, and so is Host", (target, wire) => {
    expect(resolve("CONNECT", target, plain)).toEqual([wire, wire])
    expect(resolve("CONNECT", target, plain, "absolute")).toEqual([wire, wire])
  })

  it.each([
    ["h", "target"],
    ["[::1]", "target"],
    ["::1:80", "target"],
    ["fe80::80", "target"],
    ["h:", "target"],
    ["h:+80", "target"],
    ["h:80:90", "target"],
    ["http://h:80", "target"],
    ["h:80/", "target"],
    ["", "target"],
    ["*", "target"],
    ["/", "target"],
    ["h:80\r\nX: y", "target"],
    ["h\r\n:80", "host"],
    [":80", "host"],
    ["u@h:80", "host"],
    ["u:p@h:80", "target"],
    ["h#x:80", "host"],
    ["h/x:80", "host"],
    ["[::1]x:80", "target"],
    ["[]:80", "host"],
    ["h:0", "port"],
    ["h:65536", "port"]
  ])("cannot be made of %j (%s)", (target, part) => {
    expect(resolve("CONNECT", target, plain)).toEqual(["InvalidUrl", part])
  })
})

describe("asterisk-form", () => {
  it("is for OPTIONS alone", () => {
    expect(resolve("OPTIONS", "*", plain)).toEqual(["*", "example.com"])
    expect(resolve("OPTIONS", "*#f", plain)).toEqual(["*", "example.com"])
    for (const method of ["GET", "options", "POST"]) {
      expect(resolve(method, "*", plain)).toEqual(["InvalidUrl", "target"])
      expect(resolve(method, "*", plain, "absolute")).toEqual(["InvalidUrl", "target"])
    }
  })
})

describe("the server as a whole", () => {
  it.each<readonly [target: string, form: TargetForm, expected: string]>([
    ["*", "origin", "*"],
    ["/", "origin", "*"],
    ["", "origin", "*"],
    ["http://example.com", "origin", "*"],
    ["http://example.com/", "absolute", "http://example.com"],
    ["*", "absolute", "http://example.com"]
  ])("is named by %j, and in the form %s asked for as %s", (target, form, expected) => {
    expect(resolveServer("OPTIONS", target, plain, form)).toMatchObject({ target: expected, authority: "example.com" })
  })

  it.each([
    ["OPTIONS", "/p", "target"],
    ["OPTIONS", "/?q", "target"],
    ["OPTIONS", "/a b", "target"],
    ["OPTIONS", "http://other.example/", "target"],
    ["GET", "/", "target"]
  ])("is not what %s %j means", (method, target, part) => {
    expect(resolveServer(method, target, plain, "origin")).toMatchObject({ _tag: "InvalidUrl", part })
  })
})

describe("Host", () => {
  it.each([
    [plain, "example.com"],
    [secure, "example.com"],
    [http("example.com", 443), "example.com:443"],
    [Either.getOrThrow(Origin.make({ scheme: "https", host: "example.com", port: 80 })), "example.com:80"],
    [http("example.com.", 81), "example.com.:81"],
    [http("bücher.example"), "xn--bcher-kva.example"],
    [http("127.1"), "127.0.0.1"],
    [http("::1"), "[::1]"],
    [http("::1", 81), "[::1]:81"],
    [http("fe80::1%eth0"), "[fe80::1]"],
    [http("fe80::1%eth0", 81), "[fe80::1]:81"]
  ])("of %o is %s", (origin, host) => {
    expect(resolve("GET", "/", origin)).toEqual(["/", host])
    expect(resolve("GET", `${origin.scheme}://${host}/`, origin)).toEqual(["/", host])
  })
})

describe("what is not a string", () => {
  it.each(notStrings)("is no target: $what", ({ value }) => {
    for (const method of ["GET", "CONNECT", "OPTIONS"]) {
      for (const form of ["origin", "absolute"] as const) {
        expect(resolve(method, value as never, plain, form)).toEqual(["InvalidUrl", "target"])
      }
    }
  })
})
