import { describe, expect, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Equal from "effect/Equal"
import * as FastCheck from "effect/FastCheck"
import * as Hash from "effect/Hash"
import * as Redacted from "effect/Redacted"
import * as util from "node:util"
import { InvalidOption, InvalidUrl } from "../src/HttpError.ts"
import * as HttpFields from "../src/HttpFields.ts"
import * as Origin from "../src/Origin.ts"
import * as Proxy from "../src/Proxy.ts"

const get = (options: Proxy.Options) => Either.getOrThrow(Proxy.make(options))

const fromUrl = (url: string | URL) => Either.getOrThrow(Proxy.fromUrl(url))

const failure = <A, E>(result: Either.Either<A, E>): E =>
  Either.match(result, {
    onLeft: (error) => error,
    onRight: (value) => {
      throw new Error(`expected a failure, not ${JSON.stringify(value)}`)
    }
  })

/** The part or the option that is wrong. */
const wrong = <A>(result: Either.Either<A, InvalidUrl | InvalidOption>): string => {
  const error = failure(result)
  return error instanceof InvalidUrl ? error.part : error.option
}

const authorization = (proxy: Proxy.Proxy) => HttpFields.getUnsafe(Proxy.fields(proxy), "proxy-authorization")

const basic = (text: string) => `Basic ${Buffer.from(text, "utf8").toString("base64")}`

const wiped = () => {
  const redacted = Redacted.make("hunter2")
  Redacted.unsafeWipe(redacted)
  return redacted
}

/** What is not typed as it must be. */
const untyped = (value: unknown) => value as never

const shown = (value: unknown) =>
  [
    JSON.stringify(value),
    String(value),
    util.inspect(value, { depth: null }),
    util.inspect(value, { depth: null, showHidden: true, customInspect: false }),
    util.inspect({ ...(value as object) }, { depth: null }),
    util.format("%o %j %s", value, value, value)
  ].join("\n")

describe("Proxy", () => {
  describe("make", () => {
    it.each([
      [{ host: "Proxy.Example" }, "proxy.example", 80],
      [{ host: "proxy:3128" }, "proxy", 3128],
      [{ host: "proxy", port: 3128 }, "proxy", 3128],
      [{ host: "[::1]:3128" }, "::1", 3128],
      [{ host: "fe80::1%eth0", port: 1 }, "fe80::1%eth0", 1]
    ])("reads %j", (options, host, port) => {
      expect(get(options)).toMatchObject({ host, port, credentials: undefined, headers: HttpFields.empty })
    })

    it.each<readonly [unknown, string]>([
      [undefined, "proxy"],
      ["proxy", "proxy"],
      [{}, "host"],
      [{ host: "" }, "host"],
      [{ host: "a b" }, "host"],
      [{ host: "h\r\nX: y" }, "host"],
      [{ host: "h:1", port: 2 }, "host"],
      [{ host: "h", port: 0 }, "port"],
      [{ host: "h", port: "80" }, "port"],
      [{ host: "h", credentials: "me:secret" }, "proxy.credentials"],
      [{ host: "h", credentials: { password: "p" } }, "proxy.credentials.username"],
      [{ host: "h", credentials: { username: "u" } }, "proxy.credentials.password"],
      [{ host: "h", credentials: { username: "a:b", password: "p" } }, "proxy.credentials.username"],
      [{ host: "h", credentials: { username: "a\n", password: "p" } }, "proxy.credentials.username"],
      [{ host: "h", credentials: { username: "a", password: "p\0" } }, "proxy.credentials.password"],
      [{ host: "h", credentials: { username: "a", password: "\ud800" } }, "proxy.credentials.password"],
      [{ host: "h", credentials: { username: "a", password: Redacted.make(1) } }, "proxy.credentials.password"],
      [{ host: "h", credentials: { username: "a", password: wiped() } }, "proxy.credentials"],
      [{ host: "h", scheme: "https", tls: Effect.succeed({}) }, "proxy.tls"],
      [{ host: "h", headers: null }, "proxy.headers"],
      [{ host: "h", scheme: "socks" }, "proxy.scheme"],
      [{ host: "h", scheme: "toString" }, "proxy.scheme"],
      [{ host: "h", scheme: 5 }, "proxy.scheme"],
      [{ host: "h", scheme: "http", tls: {} }, "proxy.tls"],
      [{ host: "h", scheme: "socks5h", headers: { a: "b" } }, "proxy.headers"],
      [{ host: "h", scheme: "socks5h", credentials: { username: "a", password: "" } }, "proxy.credentials.password"],
      [{ host: "h", scheme: "socks4", credentials: { username: "a", password: "b" } }, "proxy.credentials.password"],
      [{ host: "h", scheme: "socks4", credentials: { username: "a\0", password: "" } }, "proxy.credentials.username"],
      [{ host: "h", headers: { "a b": "c" } }, "proxy.headers"],
      [{ host: "h", headers: { a: "b\r\nc: d" } }, "proxy.headers"],
      [{ host: "h", headers: { a: {} } }, "proxy.headers"],
      ...["Host", "Content-Length", "Transfer-Encoding", "connection", "TE", "Trailer", "Expect", "Upgrade"].map((
        name
      ): readonly [unknown, string] => [{ host: "h", headers: { [name]: "1" } }, "proxy.headers"]),
      [{
        host: "h",
        credentials: { username: "a", password: "b" },
        headers: { "proxy-authorization": "Bearer x" }
      }, "proxy.headers"]
    ])("refuses %j (%s)", (options, option) => {
      expect(wrong(Proxy.make(untyped(options)))).toBe(option)
    })

    it("takes another scheme of authorization as a field", () => {
      expect(authorization(get({ host: "h", headers: { "Proxy-Authorization": "Bearer x" } }))).toBe("Bearer x")
    })
  })

  describe("fromUrl", () => {
    it.each<readonly [string, string, string | undefined]>([
      ["http://proxy", "http://proxy:80", undefined],
      ["http://proxy/", "http://proxy:80", undefined],
      ["HTTP://PROXY:3128", "http://proxy:3128", undefined],
      ["proxy", "http://proxy:80", undefined],
      ["proxy:3128", "http://proxy:3128", undefined],
      ["[::1]:3128", "http://[::1]:3128", undefined],
      ["http://[fe80::1%25eth0]:3128", "http://[fe80::1%eth0]:3128", undefined],
      ["http://@proxy", "http://proxy:80", undefined],
      ["http://:@proxy", "http://proxy:80", undefined],
      ["http://me@proxy", "http://proxy:80", "me:"],
      ["http://:secret@proxy", "http://proxy:80", ":secret"],
      ["http://me:secret@proxy:3128/", "http://proxy:3128", "me:secret"],
      ["me:secret@proxy:3128", "http://proxy:3128", "me:secret"],
      ["http://me:se:cret@proxy", "http://proxy:80", "me:se:cret"],
      ["http://me:se@cret@proxy", "http://proxy:80", "me:se@cret"],
      ["http://m%40e:s%2F%3a%25@proxy", "http://proxy:80", "m@e:s/:%"],
      ["http://mü:€@proxy", "http://proxy:80", "mü:€"]
    ])("reads %s", (url, text, credentials) => {
      const proxy = fromUrl(url)
      expect(String(proxy)).toBe(text)
      expect(authorization(proxy)).toBe(credentials === undefined ? undefined : basic(credentials))
    })

    it("takes a URL, and headers beside it", () => {
      expect(authorization(fromUrl(new URL("http://me:s%C3%A9@proxy:3128/")))).toBe(basic("me:sé"))
      const proxy = Either.getOrThrow(Proxy.fromUrl("http://a:b@proxy", { headers: { "X-Tenant": "t" } }))
      expect([...Proxy.fields(proxy)]).toEqual([["X-Tenant", "t"], ["Proxy-Authorization", basic("a:b")]])
    })

    it.each<readonly [unknown, string]>([
      [undefined, "url"],
      ["", "host"],
      ["http://", "host"],
      ["http:///", "host"],
      ["http://proxy/path", "url"],
      ["http://proxy?q", "url"],
      ["http://proxy#f", "url"],
      ["http://me:hunter2/x@proxy", "url"],
      [" http://proxy", "url"],
      ["http://pro\nxy", "url"],
      ["http://proxy:0", "port"],
      ["http://proxy:hunter2", "port"],
      ["http://me:hunter2%@proxy", "userinfo"],
      ["http://m%FFe:hunter2@proxy", "userinfo"],
      ["http://hunter%3A2:x@proxy", "proxy.credentials.username"],
      ["http://me:hunter2%0A@proxy", "proxy.credentials.password"],
      ["ftp://me:hunter2@proxy", "proxy"],
      ["socks6://me:hunter2@proxy", "proxy"],
      ["socks5://hunter2@proxy", "proxy.credentials.password"],
      ["socks5h://:hunter2@proxy", "proxy.credentials.username"],
      ["socks4://me:hunter2@proxy", "proxy.credentials.password"],
      ["socks://me:hunter2@proxy", "proxy.credentials.password"],
      ["socks4a://me:hunter2@proxy", "proxy.credentials.password"],
      [`socks5://me:hunter2${"x".repeat(249)}@proxy`, "proxy.credentials.password"],
      [`socks5://${"%C3%A9".repeat(128)}:hunter2@proxy`, "proxy.credentials.username"],
      [`socks4://${"%C3%A9".repeat(128)}@proxy`, "proxy.credentials.username"]
    ])("refuses %j (%s)", (url, part) => {
      const result = Proxy.fromUrl(untyped(url))
      expect(wrong(result)).toBe(part)
      expect(shown(failure(result))).not.toContain("hunter")
    })

    it("says which kinds there are", () => {
      expect(failure(Proxy.fromUrl("ftp://proxy")).message).toContain(
        "http://, https://, socks4://, socks4a://, socks5://, socks5h://, socks://"
      )
    })

    it.each<readonly [string, Proxy.Scheme, string]>([
      ["https://proxy", "https", "https://proxy:443"],
      ["HTTPS://proxy:3129/", "https", "https://proxy:3129"],
      ["socks5://proxy", "socks5", "socks5://proxy:1080"],
      ["SOCKS5H://proxy", "socks5h", "socks5h://proxy:1080"],
      ["socks5h://[::1]:9050", "socks5h", "socks5h://[::1]:9050"],
      ["socks4://proxy", "socks4", "socks4://proxy:1080"],
      ["socks4a://proxy", "socks4a", "socks4a://proxy:1080"],
      // As in curl.
      ["socks://proxy", "socks4", "socks4://proxy:1080"]
    ])("reads %s as a proxy of another kind", (url, scheme, text) => {
      const proxy = fromUrl(url)
      expect([proxy.scheme, String(proxy), proxy.credentials]).toEqual([scheme, text, undefined])
      expect(String(fromUrl(new URL(url)))).toBe(text)
    })

    it.each<readonly [string, string, string]>([
      ["socks5://a:b@proxy", "a", "b"],
      [`socks5h://${"x".repeat(255)}:${"y".repeat(255)}@proxy`, "x".repeat(255), "y".repeat(255)],
      ["socks5://m%3Ae:s%2F@proxy", "m:e", "s/"],
      ["socks4://me@proxy", "me", ""],
      ["socks4a://me:@proxy", "me", ""]
    ])("reads the credentials of %s, and makes no field of them", (url, username, password) => {
      const proxy = fromUrl(url)
      expect([proxy.credentials?.username, proxy.credentials?.password].map((one) => one && Redacted.value(one)))
        .toEqual(
          [username, password]
        )
      expect([...Proxy.fields(proxy)]).toEqual([])
    })

    it("takes TLS options beside the URL, for TLS with the proxy only", () => {
      const proxy = Either.getOrThrow(Proxy.fromUrl("https://proxy", { tls: { ca: "hunter2" } }))
      expect(proxy.tls?.ca).toBe("hunter2")
      expect(shown(proxy)).not.toContain("hunter")
      expect(JSON.parse(JSON.stringify(proxy))).toEqual({
        _id: "Proxy",
        scheme: "https",
        host: "proxy",
        port: 443,
        tls: true
      })
      expect(Either.getOrThrow(Proxy.fromUrl("https://proxy", { tls: { verify: true } })).tls).toBeUndefined()
      for (const url of ["http://proxy", "socks5://proxy", "socks4a://proxy"]) {
        expect(wrong(Proxy.fromUrl(url, { tls: {} }))).toBe("proxy.tls")
      }
      expect(wrong(Proxy.fromUrl("https://proxy", { tls: untyped({ ca: 1 }) }))).toBe("proxy.tls.ca")
      expect(wrong(Proxy.fromUrl("https://proxy", { tls: untyped("yes") }))).toBe("proxy.tls")
    })
  })

  describe("fields", () => {
    it("are what Basic makes of any name and password", () => {
      const text = FastCheck.string({ unit: "binary" }).filter((value) => !/[\p{Cc}\p{Surrogate}]/u.test(value))
      FastCheck.assert(
        FastCheck.property(text.filter((value) => !value.includes(":")), text, (username, password) => {
          const credentials = { username: Redacted.make(username), password }
          expect(authorization(get({ host: "h", credentials }))).toBe(basic(`${username}:${password}`))
        })
      )
    })

    it("have no authorization where there are no credentials", () => {
      expect([...Proxy.fields(get({ host: "h", headers: [["a", "1"], ["A", "2"]] }))]).toEqual([["a", "1"], ["A", "2"]])
    })

    it("are shown without the credentials", () => {
      const fields = Proxy.fields(fromUrl("http://me:hunter2@proxy"))
      expect(JSON.stringify(fields)).not.toContain(basic("me:hunter2"))
    })
  })

  it("is equal to one with the same parts, and to no other", () => {
    const credentials = { username: "u", password: "p" }
    const make: ReadonlyArray<() => Proxy.Proxy> = [
      () => get({ host: "h" }),
      () => get({ host: "i" }),
      () => get({ host: "h", port: 81 }),
      () => get({ host: "h", credentials }),
      () => get({ host: "h", credentials: { ...credentials, username: "v" } }),
      () => get({ host: "h", credentials: { ...credentials, password: Redacted.make("q") } }),
      () => get({ host: "h", headers: { a: "1" } }),
      () => get({ host: "h", headers: { a: "2" } }),
      () => get({ host: "h", headers: { b: "1" } }),
      () => get({ host: "h", headers: [["a", "1"], ["a", "2"]] }),
      () => get({ host: "h", headers: [["a", "2"], ["a", "1"]] }),
      ...(["https", "socks4", "socks4a", "socks5", "socks5h"] as const).map((scheme) => () =>
        get({ scheme, host: "h", port: 80 })
      ),
      () => get({ scheme: "https", host: "h", port: 80, tls: { ca: "A" } }),
      () => get({ scheme: "https", host: "h", port: 80, tls: { ca: "B" } }),
      () => get({ scheme: "socks5h", host: "h", port: 80, credentials })
    ]
    for (const [i, a] of make.entries()) {
      for (const [j, b] of make.entries()) expect(Equal.equals(a(), b())).toBe(i === j)
      expect(Hash.hash(a())).toBe(Hash.hash(a()))
    }
    expect(Equal.equals(fromUrl("http://u:p@h"), get({ host: "h", credentials }))).toBe(true)
    expect([Proxy.isProxy(get({ host: "h" })), Proxy.isProxy({ ...get({ host: "h" }) })]).toEqual([true, false])
  })

  it("shows where it is and that there are credentials, and never what they are", () => {
    const proxy = Either.getOrThrow(
      Proxy.fromUrl("http://hunter1:hunter2@proxy:3128", { headers: { "X-Secret": "hunter3" } })
    )
    Proxy.fields(proxy)
    Hash.hash(proxy)
    expect(JSON.parse(JSON.stringify(proxy))).toEqual({
      _id: "Proxy",
      scheme: "http",
      host: "proxy",
      port: 3128,
      credentials: "<redacted>",
      headers: ["X-Secret"]
    })
    expect(String(proxy)).toBe("http://proxy:3128")
    for (const value of [proxy, { proxy }, [proxy], proxy.credentials, { http: proxy, https: proxy }]) {
      const text = shown(value)
      expect(text).not.toContain("hunter")
      expect(text).not.toContain(basic("hunter1:hunter2").slice(6, 16))
    }
    expect(util.inspect(proxy)).toContain("proxy")
  })
})

describe("noProxy", () => {
  const target = (url: string) => Either.getOrThrow(Origin.fromUrl(url)).origin

  const matches = (host: string, list: string) =>
    Proxy.noProxy(list)(target(host.startsWith("http") ? host : `http://${host}/`))

  // The cases of curl's own test of this function.
  it.each<readonly [string, string, boolean]>([
    ["www.example.com", "localhost .example.com .example.de", false],
    ["localhost", "localhost .example.com .example.de", true],
    ["www.example.com", "localhost,.example.com,.example.de", true],
    ["www.example.com.", "localhost,.example.com,.example.de", true],
    ["example.com", "localhost,.example.com,.example.de", true],
    ["example.com.", "localhost,.example.com,.example.de", true],
    ["www.example.com", "localhost,.example.com.,.example.de", true],
    ["www.example.com", "localhost,www.example.com.,.example.de", true],
    ["example.com", "localhost,example.com,.example.de", true],
    ["example.com.", "localhost,example.com,.example.de", true],
    ["nexample.com", "localhost,example.com,.example.de", false],
    ["www.example.com", "localhost,example.com,.example.de", true],
    ["127.0.0.1", "127.0.0.1,localhost", true],
    ["127.0.0.1", "127.0.0.1,localhost,", true],
    ["127.0.0.1", "127.0.0.1/8,localhost,", true],
    ["127.0.0.1", "127.0.0.1/28,localhost,", true],
    ["127.0.0.1", "127.0.0.1/31,localhost,", true],
    ["127.0.0.1", "localhost,127.0.0.1", true],
    ["127.0.0.1", "127.0.0.1.".repeat(12) + "127.0.0", false],
    ["localhost", "localhost,127.0.0.1", true],
    ["localhost", "127.0.0.1,localhost", true],
    ["foobar", "barfoo", false],
    ["foobar", "foobar", true],
    ["192.168.0.1", "foobar", false],
    ["192.168.0.1", "192.168.0.0/16", true],
    ["192.168.0.1", "192.168.0.0/24", true],
    ["192.168.0.1", "192.168.0.0/32", false],
    ["192.168.0.1", "192.168.0.0", false],
    ["192.168.1.1", "192.168.0.0/24", false],
    ["192.168.1.1", "192.168.0.0/33", false],
    ["192.168.1.1", "foo, bar, 192.168.0.0/24", false],
    ["192.168.1.1", "foo, bar, 192.168.0.0/16", true],
    ["[::1]", "foo, bar, 192.168.0.0/16", false],
    ["[::1]", "foo, bar, ::1/64", true],
    ["[::1]", "::1/64", true],
    ["[::1]", "::1/96", true],
    ["[::1]", "::1/129", false],
    ["[2001:db8:8000::1]", "2001:db8::/65", false],
    ["[2001:db8:0:0:8000::1]", "2001:db8::/64", true],
    ["[2001:db8:0:0:8000::1]", "2001:db8::/65", false],
    ["[2001:db8::1]", "2001:db8::/65", true],
    ["bar", "foo, bar, ::1/64", true],
    ["BAr", "foo, bar, ::1/64", true],
    ["BAr", "foo,,,,,              bar, ::1/64", true],
    ["www.example.com", "foo, .example.com", true],
    ["www.example.com", "www2.example.com, .example.net", false],
    ["example.com", ".example.com, .example.net", true],
    ["nonexample.com", ".example.com, .example.net", false]
  ])("as in curl: %s in %j is %s", (host, list, expected) => {
    expect(matches(host, list)).toBe(expected)
  })

  it.each<readonly [string, string, boolean]>([
    // Everything, nothing.
    ["h", "*", true],
    ["127.0.0.1", "*", true],
    ["[::1]", " * ", true],
    ["h", "a,*", true],
    ["h", "", false],
    ["h", " , ,\t", false],
    ["h", ".", false],
    // Names.
    ["a.b.example.com", "EXAMPLE.com", true],
    ["example.com", "*.example.com", false],
    ["a.example.com", "*.example.com", true],
    ["aexample.com", "*.example.com", false],
    ["example.com.evil.example", "example.com", false],
    ["example.com", "www.example.com", false],
    ["xn--bcher-kva.example", "bücher.example", true],
    ["bücher.example", "xn--bcher-kva.example", true],
    ["h", "in valid,h", false],
    ["h", "a/b,h", true],
    // Ports.
    ["h:8080", "h:8080", true],
    ["h:8081", "h:8080", false],
    ["http://h", "h:80", true],
    ["https://h", "h:443", true],
    ["https://h", "h:80", false],
    ["a.h:8080", ".h:8080", true],
    ["127.0.0.1:81", "127.0.0.1:81", true],
    ["127.0.0.1:82", "127.0.0.1:81", false],
    ["[::1]:81", "[::1]:81", true],
    ["[::1]:82", "[::1]:81", false],
    ["h", "h:x", false],
    // Addresses in other spellings.
    ["127.0.0.1", "127.1", true],
    ["127.1", "127.0.0.1", true],
    ["0x7f.1", "127.0.0.1/8", true],
    ["127.0.0.1.", "127.0.0.1", true],
    ["[::1]", "[::1]", true],
    ["[::1]", "0:0:0:0:0:0:0:1", true],
    ["[2001:DB8::A]", "2001:db8:0::a", true],
    ["[::ffff:127.0.0.1]", "127.0.0.1", true],
    ["127.0.0.1", "::ffff:127.0.0.1", true],
    ["127.0.0.2", "::ffff:127.0.0.1", false],
    ["127.0.0.2", "::ffff:127.0.0.0/120", true],
    ["127.0.1.2", "::ffff:127.0.0.0/120", false],
    ["[::127.0.0.1]", "127.0.0.1", false],
    ["1.2.3.4", "::ffff:0:0/96", true],
    ["1.2.3.4", "::ffff:0:0/64", false],
    ["1.2.3.4", "2.3.4", false],
    ["1.2.3.4", ".4", false],
    // Networks.
    ["1.2.3.4", "0.0.0.0/0", true],
    ["[::1]", "0.0.0.0/0", false],
    ["[::1]", "::/0", true],
    ["1.2.3.4", "::/0", false],
    ["10.1.2.3", "10.0.0.0/", false],
    ["10.1.2.3", "10.0.0.0/+8", false],
    ["10.1.2.3", "10.0.0.0/8x", false],
    ["10.1.2.3", "10.0.0.0/0008", false],
    ["10.1.2.3", "10.0.0.0:80/8", false],
    ["localhost", "localhost/8", false],
    ["[fe80::1%25eth0]", "fe80::/10", true],
    ["[fe80::1%25eth0]", "fe80::%eth0/10", false],
    // Zone ids are of no name (CVE-2025-22870).
    ["[::1%25.example.com]", ".example.com", false],
    ["[::1%25.example.com]", "*.example.com", false],
    ["[::1%25a.example.com]", "example.com", false],
    ["[::1%25example.com]", "example.com", false],
    ["[::1%25127.0.0.1]", "127.0.0.1", false],
    ["[fe80::1%25eth0]", "fe80::1", true],
    ["[fe80::1%25eth0]", "fe80::1%eth0", true],
    ["[fe80::1%25eth0]", "[fe80::1%eth0]:80", true],
    ["[fe80::1%25eth1]", "fe80::1%eth0", false],
    ["[fe80::1]", "fe80::1%eth0", false]
  ])("%s in %j is %s", (host, list, expected) => {
    expect(matches(host, list)).toBe(expected)
  })

  it("agrees with arithmetic on every network of IPv4", () => {
    const address = FastCheck.integer({ min: 0, max: 0xffffffff })
    const text = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join(".")
    FastCheck.assert(FastCheck.property(
      address,
      FastCheck.integer({ min: 0, max: 32 }),
      FastCheck.integer({ min: 0, max: 32 }),
      (base, length, flip) => {
        const other = flip === 32 ? base : (base ^ (2 ** flip)) >>> 0
        const same = Math.floor(base / 2 ** (32 - length)) === Math.floor(other / 2 ** (32 - length))
        expect(matches(text(other), `${text(base)}/${length}`)).toBe(same)
      }
    ))
  })

  it("never throws, whatever is in the list", () => {
    const piece = FastCheck.constantFrom(..."a.:/[]%*,-09 \t\0é", "::1", "10.0.0.0/8", "\ud800")
    const targets = ["a", "[::1]", "127.0.0.1", "[fe80::1%25a]"].map((host) => target(`http://${host}/`))
    FastCheck.assert(FastCheck.property(FastCheck.array(piece), (pieces) => {
      for (const one of targets) expect(typeof Proxy.noProxy(pieces.join(""))(one)).toBe("boolean")
    }))
  })
})

describe("fromEnv", () => {
  const origin = (url: string) => Either.getOrThrow(Origin.fromUrl(url)).origin

  const found = (env: Proxy.Environment, url: string) => {
    const settings = Either.getOrThrow(Proxy.fromEnv(env))
    const proxy = Proxy.forOrigin(settings, origin(url))
    expect(Proxy.forOrigin(origin(url))(settings)).toBe(proxy)
    return proxy === undefined ? undefined : String(proxy)
  }

  const a = "http://a:1"
  const b = "http://b:2"
  it.each<readonly [Proxy.Environment, http: string | undefined, https: string | undefined]>([
    [{}, undefined, undefined],
    [{ http_proxy: a }, a, undefined],
    [{ HTTP_PROXY: a }, a, undefined],
    [{ http_proxy: a, HTTP_PROXY: b }, a, undefined],
    [{ http_proxy: undefined, HTTP_PROXY: b }, b, undefined],
    [{ http_proxy: "", HTTP_PROXY: b }, undefined, undefined],
    [{ REQUEST_METHOD: "GET", HTTP_PROXY: b }, undefined, undefined],
    [{ REQUEST_METHOD: "", HTTP_PROXY: b }, undefined, undefined],
    [{ REQUEST_METHOD: "GET", HTTP_PROXY: "socks5://x" }, undefined, undefined],
    [{ REQUEST_METHOD: "GET", HTTP_PROXY: b, all_proxy: a }, a, a],
    [{ REQUEST_METHOD: "GET", http_proxy: a, HTTPS_PROXY: b }, a, b],
    [{ https_proxy: a }, undefined, a],
    [{ HTTPS_PROXY: a }, undefined, a],
    [{ https_proxy: a, HTTPS_PROXY: b }, undefined, a],
    [{ all_proxy: a }, a, a],
    [{ ALL_PROXY: a }, a, a],
    [{ all_proxy: a, ALL_PROXY: b }, a, a],
    [{ all_proxy: a, http_proxy: b }, b, a],
    [{ all_proxy: a, https_proxy: "" }, a, undefined],
    [{ http_proxy: a, https_proxy: b, all_proxy: "socks5://x" }, a, b],
    [{ all_proxy: a, no_proxy: "*" }, undefined, undefined],
    [{ all_proxy: a, no_proxy: "h:80" }, undefined, a],
    [{ all_proxy: a, NO_PROXY: "h:80" }, undefined, a],
    [{ all_proxy: a, no_proxy: "x", NO_PROXY: "h" }, a, a],
    [{ all_proxy: a, no_proxy: "", NO_PROXY: "h" }, a, a],
    [{ http_proxy: "a:1" }, a, undefined],
    [{ No_Proxy: "h", Http_Proxy: a }, undefined, undefined]
  ])("of %j sends http to %s and https to %s", (env, http, https) => {
    expect([found(env, "http://h/"), found(env, "https://h/")]).toEqual([http, https])
  })

  it.each([
    ["http_proxy", "http://me:hunter2@"],
    ["HTTP_PROXY", "http://me:hunter2%@proxy"],
    ["https_proxy", "ftp://me:hunter2@proxy"],
    ["HTTPS_PROXY", "hunter2 http://proxy"],
    ["all_proxy", "socks5://:hunter2@proxy"],
    ["ALL_PROXY", "http://me:hunter2/@proxy"]
  ])("refuses %s=%s by its name", (name, value) => {
    const error = failure(Proxy.fromEnv({ [name]: value }))
    expect(error).toBeInstanceOf(InvalidOption)
    expect(error.option).toBe(name)
    expect(shown(error)).not.toContain("hunter2")
  })

  it("takes proxies of every kind, ALL_PROXY after the others and despite REQUEST_METHOD", () => {
    const env = {
      ALL_PROXY: "socks5h://s",
      https_proxy: "https://t:3129",
      HTTP_PROXY: a,
      REQUEST_METHOD: "GET",
      NO_PROXY: "i"
    }
    expect([found(env, "http://h/"), found(env, "https://h/"), found(env, "http://i/"), found(env, "https://i/")])
      .toEqual([
        "socks5h://s:1080",
        "https://t:3129",
        undefined,
        undefined
      ])
  })

  it("reads the environment of the process where none is given", () => {
    vi.stubEnv("https_proxy", "http://of-the-process:1")
    vi.stubEnv("http_proxy", "")
    const settings = Proxy.fromEnv()
    vi.unstubAllEnvs()
    expect(String(Either.getOrThrow(settings).https)).toBe("http://of-the-process:1")
  })

  it("has no proxy for a unix socket", () => {
    const settings = Either.getOrThrow(Proxy.fromEnv({ all_proxy: a }))
    const unix = Either.getOrThrow(Origin.make({ scheme: "http", host: "localhost", socketPath: "/run/app.sock" }))
    expect(Proxy.forOrigin(settings, unix)).toBeUndefined()
  })
})
