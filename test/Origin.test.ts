import { describe, expect, expectTypeOf, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as Equal from "effect/Equal"
import * as FastCheck from "effect/FastCheck"
import * as Hash from "effect/Hash"
import * as util from "node:util"
import { InvalidOption, InvalidUrl, UnsupportedScheme } from "../src/HttpError.ts"
import * as Origin from "../src/Origin.ts"
import * as Proxy from "../src/Proxy.ts"
import type * as Tls from "../src/Tls.ts"

const make = (host: string, options?: Partial<Parameters<typeof Origin.make>[0]>) =>
  Origin.make({ scheme: "http", host, ...options })

const get = (host: string, options?: Partial<Parameters<typeof Origin.make>[0]>) =>
  Either.getOrThrow(make(host, options))

const failure = <A, E>(result: Either.Either<A, E>): E =>
  Either.match(result, {
    onLeft: (error) => error,
    onRight: (value) => {
      throw new Error(`expected a failure, not ${JSON.stringify(value)}`)
    }
  })

/** `part` of the InvalidUrl, or the tag of another failure. */
const failedPart = <A>(result: Either.Either<A, InvalidUrl | UnsupportedScheme>): string => {
  const error = failure(result)
  return error instanceof InvalidUrl ? error.part : error._tag
}

const long = (length: number) => "a".repeat(length)

describe("Origin", () => {
  describe("make", () => {
    it.each([
      ["example.com", "example.com", 80],
      ["EXAMPLE.com", "example.com", 80],
      ["example.com.", "example.com.", 80],
      ["example.com:8080", "example.com", 8080],
      ["example.com:", "example.com", 80],
      ["[::1]:", "::1", 80],
      ["example.com:1", "example.com", 1],
      ["example.com:65535", "example.com", 65535],
      ["example.com:00080", "example.com", 80],
      ["localhost", "localhost", 80],
      ["a_b-c~d", "a_b-c~d", 80],
      ["3com", "3com", 80],
      ["1password.1com", "1password.1com", 80],
      ["127.0.0.1", "127.0.0.1", 80],
      ["127.0.0.1:81", "127.0.0.1", 81],
      ["127.1", "127.0.0.1", 80],
      ["0x7f.0.0.1", "127.0.0.1", 80],
      ["0177.0.0.1", "127.0.0.1", 80],
      ["2130706433", "127.0.0.1", 80],
      ["127.0.0.1.", "127.0.0.1", 80],
      ["::1", "::1", 80],
      ["::", "::", 80],
      ["[::1]", "::1", 80],
      ["[::1]:81", "::1", 81],
      ["0:0:0:0:0:0:0:1", "::1", 80],
      ["2001:DB8::A", "2001:db8::a", 80],
      ["::ffff:1.2.3.4", "::ffff:102:304", 80],
      ["fe80::1%eth0", "fe80::1%eth0", 80],
      ["[fe80::1%Eth0.5]:81", "fe80::1%Eth0.5", 81],
      ["fe80::1%25", "fe80::1%25", 80],
      ["faß.de", "xn--fa-hia.de", 80],
      ["BÜCHER.example:81", "xn--bcher-kva.example", 81],
      ["ｅｘａｍｐｌｅ。com", "example.com", 80],
      ["xn--bcher-kva.example", "xn--bcher-kva.example", 80],
      [`${long(63)}.com`, `${long(63)}.com`, 80],
      [`${"a.".repeat(126)}a`, `${"a.".repeat(126)}a`, 80],
      [`${"a.".repeat(127)}`, `${"a.".repeat(127)}`, 80]
    ])("reads %s", (text, host, port) => {
      const origin = get(text)
      expect({ ...origin }).toEqual({ scheme: "http", host, port, socketPath: undefined })
    })

    it.each([
      ["h", 8080, "h"],
      ["[::1]", 8080, "::1"],
      ["::1", 8080, "::1"],
      ["127.0.0.1", 1, "127.0.0.1"]
    ])("takes %s and the port %i on its own", (text, port, host) => {
      expect(get(text, { port })).toMatchObject({ host, port })
    })

    it("has the port of the scheme where none is given", () => {
      expect(get("h").port).toBe(80)
      expect(get("h", { scheme: "https" }).port).toBe(443)
      expect(Origin.defaultPort("https")).toBe(443)
    })

    const refused: ReadonlyArray<readonly [host: string, part: string, port?: number]> = [
      ["", "host"],
      [":80", "host"],
      [":", "host"],
      ["host:abc", "port"],
      ["host:8o", "port"],
      ["host:+80", "port"],
      ["host:-1", "port"],
      ["host:0", "port"],
      ["host:65536", "port"],
      ["host:70000", "port"],
      [`host:${"9".repeat(400)}`, "port"],
      ["host: 80", "port"],
      ["host:８０", "port"],
      ["[::1", "host"],
      ["::1]", "host"],
      ["[::1]80", "host"],
      ["[]:", "host"],
      ["[::1]x:80", "host"],
      ["[]", "host"],
      ["[]:80", "host"],
      ["[127.0.0.1]", "host"],
      ["[v1.x]", "host"],
      ["[::1]:x", "port"],
      [":::", "host"],
      ["1::2::3", "host"],
      ["::g", "host"],
      ["::12345", "host"],
      ["h:80:90", "host"],
      ["[::1%]", "host"],
      ["::1%", "host"],
      ["::1%a/b", "host"],
      ["::1%a b", "host"],
      ["::1%a]", "host"],
      ["127.0.0.256", "host"],
      ["1.2.3.4.5", "host"],
      ["08", "host"],
      ["a..b", "host"],
      [".", "host"],
      ["..", "host"],
      ["a..", "host"],
      [".a", "host"],
      [long(64), "host"],
      [`${"a.".repeat(126)}aa`, "host"],
      [`${"a.".repeat(127)}a.`, "host"],
      ["a／b", "host"],
      ["a＠b", "host"],
      ["a℀b", "host"],
      ["a\u00a0b", "host"],
      ["\u00ad", "host"],
      ["\ud800", "host"],
      ["user@host", "host"],
      ["user:secret@host", "port"],
      ["a b", "host"],
      [" a", "host"],
      ["a ", "host"],
      ["a%41", "host"],
      ["a*\"b", "host"],
      ["h:80", "host", 8080],
      ["[::1]:80", "host", 8080],
      ["h", "port", 0],
      ["h", "port", -1],
      ["h", "port", 70000],
      ["h", "port", 1.5],
      ["h", "port", NaN],
      ["h", "port", Infinity]
    ]
    it.each(refused.map(([host, part, port]) => ({ host, part, port })))(
      "refuses $host, port $port ($part)",
      ({ host, part, port }) => {
        expect(failedPart(make(host, { port }))).toBe(part)
      }
    )

    it("refuses every character that could end a host early, wherever it stands", () => {
      const refused = [
        ...Array.from({ length: 0x21 }, (_, code) => String.fromCharCode(code)),
        ..."/?#@\\%<>^|\"`{}\x7f"
      ]
      for (const character of refused) {
        for (const host of [`${character}host`, `ho${character}st`, `host${character}`, `host${character}:80`]) {
          expect([host, failedPart(make(host))]).toEqual([host, "host"])
        }
        for (const host of [`[::1${character}]`, `::1${character}`, `fe80::1%e${character}0`]) {
          expect([host, failedPart(make(host))]).toEqual([host, "host"])
        }
        expect(failedPart(make(`host:8${character}0`))).toBe("port")
        expect(failedPart(make(`[::1]:8${character}0`))).toBe("port")
      }
    })

    it("never repeats what it was given, which may hold a password", () => {
      for (
        const host of ["hunter2@h", "u:hunter2@h", "[hunter2", "[::1]hunter2", "h:hunter2", "::hunter2", "hunter2 x"]
      ) {
        const error = failure(make(host))
        expect(error.message + JSON.stringify(error)).not.toContain("hunter2")
      }
      for (
        const url of ["http://u:hunter2@h/", "hunter2", "http:/hunter2", "http://h:hunter2/", "http://h/hunter2 x"]
      ) {
        const error = failure(Origin.fromUrl(url))
        expect(error.message + JSON.stringify(error)).not.toContain("hunter2")
      }
    })

    it("keeps the path of a unix socket", () => {
      const origin = get("localhost", { socketPath: "/run/app.sock" })
      expect(origin.socketPath).toBe("/run/app.sock")
      expect(Origin.authority(origin)).toBe("localhost")
      expect(Origin.format(origin)).toBe("unix:/run/app.sock")
    })

    it("refuses a socket path that is empty or has a NUL", () => {
      for (const socketPath of ["", "/run/a\0b", "\0abstract\0", "\0", "@"]) {
        expect(failedPart(make("h", { socketPath }))).toBe("socketPath")
      }
    })
  })

  describe("fromUrl", () => {
    it.each([
      ["http://h", "http://h:80", "/"],
      ["http://h/", "http://h:80", "/"],
      ["HTTP://H/P", "http://h:80", "/P"],
      ["https://h", "https://h:443", "/"],
      ["http://h:8080/x", "http://h:8080", "/x"],
      ["http://h:/x", "http://h:80", "/x"],
      ["http://h?x", "http://h:80", "/?x"],
      ["http://h?", "http://h:80", "/?"],
      ["http://h#f", "http://h:80", "/"],
      ["http://h/a?b#f?g", "http://h:80", "/a?b"],
      ["http://h/#f\\", "http://h:80", "/"],
      ["http://h//evil.example/x", "http://h:80", "//evil.example/x"],
      ["http://h/a/../b/./c", "http://h:80", "/a/../b/./c"],
      ["http://h/%7e%7E", "http://h:80", "/%7e%7E"],
      ["http://h/@:;x?@:/?", "http://h:80", "/@:;x?@:/?"],
      ["http://h/é?ü=€#ö", "http://h:80", "/%C3%A9?%C3%BC=%E2%82%AC"],
      ["http://h/😀", "http://h:80", "/%F0%9F%98%80"],
      ["http://h/\u00a0\u2028", "http://h:80", "/%C2%A0%E2%80%A8"],
      ["http://h/\"<>`{}'|?\"<>'`{}|", "http://h:80", "/%22%3C%3E%60%7B%7D'|?%22%3C%3E%27`{}|"],
      ["http://h/?a\\b", "http://h:80", "/?a\\b"],
      ["http://[::1]/x", "http://[::1]:80", "/x"],
      ["http://[::1]:81?x", "http://[::1]:81", "/?x"],
      ["http://[fe80::1%25eth0]/x", "http://[fe80::1%eth0]:80", "/x"],
      ["http://[fe80::1%eth0]/x", "http://[fe80::1%eth0]:80", "/x"],
      ["http://bücher.example/", "http://xn--bcher-kva.example:80", "/"]
    ])("reads %s", (url, origin, target) => {
      const located = Either.getOrThrow(Origin.fromUrl(url))
      expect(Origin.format(located.origin)).toBe(origin)
      expect(located.target).toBe(target)
    })

    it.each([
      ["", "url"],
      ["h", "url"],
      ["/x", "url"],
      ["//h/x", "url"],
      ["localhost:8080/x", "url"],
      ["://h/", "url"],
      ["1http://h/", "url"],
      ["http:", "url"],
      ["http:h/x", "url"],
      ["http:/h/x", "url"],
      ["http:\\\\h\\x", "url"],
      ["http:///x", "host"],
      ["http://", "host"],
      ["http://?x", "host"],
      ["http://#x", "host"],
      ["http://:80/", "host"],
      ["http://h:0/", "port"],
      ["http://h:x/", "port"],
      ["http://h:65536/", "port"],
      ["http://::1/", "host"],
      ["http://[::1/", "host"],
      ["http://[::1]x/", "host"],
      ["http://a%2fb/", "host"],
      ["http://a\\b/", "host"],
      ["http://u@h/", "userinfo"],
      ["http://u:p@h/", "userinfo"],
      ["http://@h/", "userinfo"],
      ["http://evil\\@h/", "userinfo"],
      ["http://h/a\\b", "target"],
      ["http://h/\ud800", "target"],
      ["ftp://h/", "UnsupportedScheme"],
      ["ws://h/", "UnsupportedScheme"],
      ["file:///etc/passwd", "UnsupportedScheme"],
      ["data:,x", "UnsupportedScheme"],
      ["javascript:alert(1)", "UnsupportedScheme"]
    ])("refuses %j (%s)", (url, part) => {
      expect(failedPart(Origin.fromUrl(url))).toBe(part)
    })

    it("refuses spaces and control characters wherever they stand, which URL would drop or encode", () => {
      for (const code of [...Array.from({ length: 0x21 }, (_, i) => i), 0x7f]) {
        const character = String.fromCharCode(code)
        for (
          const url of [
            "|http://h/a?b#c",
            "ht|tp://h/",
            "http:|//h/",
            "http://h|/",
            "http://h/a|b",
            "http://h/?|",
            "http://h/#|"
          ]
        ) {
          expect(failedPart(Origin.fromUrl(url.replace("|", character)))).toBe("url")
        }
      }
    })

    it("names the scheme that it does not support", () => {
      const error = failure(Origin.fromUrl("FTP://h/"))
      expect(error).toBeInstanceOf(UnsupportedScheme)
      expect(error).toMatchObject({ scheme: "ftp" })
    })

    it("takes a URL", () => {
      const located = Either.getOrThrow(Origin.fromUrl(new URL("https://BÜCHER.example:8443/a/../b c?d e#f")))
      expect(Origin.format(located.origin)).toBe("https://xn--bcher-kva.example:8443")
      expect(located.target).toBe("/b%20c?d%20e")
      expect(failedPart(Origin.fromUrl(new URL("http://u:p@h/")))).toBe("userinfo")
      expect(failedPart(Origin.fromUrl(new URL("ftp://h/")))).toBe("UnsupportedScheme")
      expect(failedPart(Origin.fromUrl(new URL("http://h:0/")))).toBe("port")
    })

    it("never sees another host than URL does", () => {
      const piece = FastCheck.oneof(
        FastCheck.constantFrom(
          ..."abZ019.:/?#@\\%[]-_~!$&'()*+,;=|^{}\"<>` \t\n\0",
          "//",
          "xn--",
          "0x",
          "::1",
          "%25",
          "http:",
          "é",
          "／",
          "＠",
          "。",
          "\u00ad",
          "127.0.0.1"
        ),
        FastCheck.string({ unit: "binary", maxLength: 2 })
      )
      const text = FastCheck.tuple(
        FastCheck.constantFrom("http://", "http://h", "http://h/", "https://[::1]"),
        FastCheck.array(piece, { maxLength: 6 })
      ).map(([start, pieces]) => start + pieces.join(""))
      FastCheck.assert(
        FastCheck.property(text, (url) => {
          const result = Origin.fromUrl(url)
          if (Either.isLeft(result)) return
          const { origin, target } = result.right
          if (origin.host.includes("%")) return
          const theirs = new URL(url)
          expect(Origin.authority(origin)).toBe(theirs.host)
          // Visible ASCII only, and no way out of the path.
          expect(target).toMatch(/^[/][\x21-\x7e]*$/)
          const mine = new URL(`http://x${target}`)
          expect([mine.pathname, mine.search]).toEqual([theirs.pathname, theirs.search])
        }),
        { numRuns: 3000 }
      )
    })

    it("makes the same of a string and of its URL where there is nothing to normalise", () => {
      const path = FastCheck.array(FastCheck.webSegment().filter((segment) => !/^(\.|%2e)+$/i.test(segment)))
      const url = FastCheck.tuple(FastCheck.webAuthority(), path, FastCheck.webQueryParameters()).map(
        ([host, segments, query]) => `http://${host}/${segments.join("/")}${query === "" ? "" : `?${query}`}`
      )
      FastCheck.assert(FastCheck.property(url, (text) => {
        const a = Origin.fromUrl(text)
        const b = Origin.fromUrl(new URL(text))
        if (Either.isLeft(a) || Either.isLeft(b)) throw new Error(`refused ${text}`)
        expect(Equal.equals(a.right.origin, b.right.origin)).toBe(true)
        expect(a.right.target.replaceAll("'", "%27")).toBe(b.right.target.replaceAll("'", "%27"))
      }))
    })
  })

  describe("authority", () => {
    it.each<readonly ["http" | "https", string, string, string, string]>([
      ["http", "h", "h", "h:80", "http://h:80"],
      ["http", "h:443", "h:443", "h:443", "http://h:443"],
      ["https", "h:443", "h", "h:443", "https://h:443"],
      ["https", "h:80", "h:80", "h:80", "https://h:80"],
      ["http", "h.:80", "h.", "h.:80", "http://h.:80"],
      ["http", "::1", "[::1]", "[::1]:80", "http://[::1]:80"],
      ["http", "[::1]:81", "[::1]:81", "[::1]:81", "http://[::1]:81"],
      ["http", "fe80::1%eth0", "[fe80::1]", "[fe80::1]:80", "http://[fe80::1%eth0]:80"],
      ["https", "[fe80::1%eth0]:81", "[fe80::1]:81", "[fe80::1]:81", "https://[fe80::1%eth0]:81"]
    ])("of %s %s is %s, for CONNECT %s", (scheme, host, authority, hostPort, format) => {
      const origin = get(host, { scheme })
      expect(Origin.authority(origin)).toBe(authority)
      expect(Origin.hostPort(origin)).toBe(hostPort)
      expect(Origin.format(origin)).toBe(format)
    })

    it.each([
      ["example.com", "example.com"],
      ["example.com.", "example.com"],
      ["fe80::1%eth0", "fe80::1"],
      ["127.0.0.1", "127.0.0.1"]
    ])("the certificate of %s must be for %s", (host, name) => {
      expect(Origin.serverName(get(host))).toBe(name)
    })

    it("gives the same origin when it is read again", () => {
      const host = FastCheck.oneof(
        FastCheck.domain(),
        FastCheck.ipV4(),
        FastCheck.ipV6(),
        FastCheck.ipV4Extended().filter((text) => text !== "")
      )
      FastCheck.assert(FastCheck.property(host, FastCheck.integer({ min: 1, max: 65535 }), (text, port) => {
        const origin = get(text, { port })
        expect(Equal.equals(get(Origin.authority(origin)), origin)).toBe(true)
        expect(Equal.equals(get(Origin.hostPort(origin)), origin)).toBe(true)
        expect(Equal.equals(Either.getOrThrow(Origin.fromUrl(Origin.format(origin))).origin, origin)).toBe(true)
      }))
    })
  })

  describe("equality", () => {
    it("is by parts, in whatever spelling they were given", () => {
      const a = get("[::1]:80")
      const b = get("0:0:0:0:0:0:0:1")
      expect(Equal.equals(a, b)).toBe(true)
      expect(Hash.hash(a)).toBe(Hash.hash(b))
    })

    it("counts every part", () => {
      const all = [
        get("h"),
        get("h", { scheme: "https", port: 80 }),
        get("h2"),
        get("h", { port: 81 }),
        get("h", { socketPath: "/a" }),
        get("h", { socketPath: "/b" }),
        get("fe80::1%eth0"),
        get("fe80::1%eth1")
      ]
      for (const [i, a] of all.entries()) {
        for (const [j, b] of all.entries()) expect(Equal.equals(a, b)).toBe(i === j)
      }
    })
  })

  describe("key", () => {
    type Options = Origin.Options & { readonly socketPath?: string | undefined }

    const secure = (options: Options) => Either.getOrThrow(Origin.make({ scheme: "https", host: "h", ...options }))

    const keyOf = (options: Options) => Origin.key(secure(options))

    // Everything that an encoding could take for its own punctuation.
    const nasty = FastCheck.oneof(
      FastCheck.constantFrom(
        "",
        " ",
        ",",
        ":",
        "\"",
        "\\",
        "\\\"",
        "null",
        "true",
        "undefined",
        "{}",
        "[]",
        "][",
        "a",
        "b"
      ),
      FastCheck.array(FastCheck.constantFrom(..."\",:[]{}\\ /@-u0041ab\n\0\ud800é", "\",\"", "\":\"", "\\u0041"), {
        maxLength: 6
      })
        .map((pieces) => pieces.join("")),
      FastCheck.string({ unit: "binary", maxLength: 4 })
    )
    const some = <A>(arbitrary: FastCheck.Arbitrary<A>) => FastCheck.option(arbitrary, { nil: undefined })
    const pem = FastCheck.oneof(nasty, FastCheck.array(nasty, { maxLength: 3 }))
    const version = FastCheck.constantFrom<"TLSv1.2" | "TLSv1.3">("TLSv1.2", "TLSv1.3")
    const protocol = FastCheck.constantFrom<"http/1.1" | "http/1.0">("http/1.1", "http/1.0")

    const pin = FastCheck.constantFrom("A", "B").map((letter) => `sha256/${letter.repeat(42)}A=`)
    // Two that do the same are not the same.
    const logs: ReadonlyArray<(line: string) => void> = [() => {}, () => {}]

    // A new option without a line here does not compile.
    const tlsFields: { readonly [K in keyof Tls.Options]-?: FastCheck.Arbitrary<Tls.Options[K]> } = {
      serverName: some(nasty),
      ca: some(pem),
      cert: some(nasty),
      key: some(nasty),
      passphrase: some(nasty),
      crl: some(pem),
      minVersion: some(version),
      maxVersion: some(version),
      ciphers: some(nasty),
      alpn: some(FastCheck.array(protocol, { maxLength: 2 })),
      verify: some(FastCheck.boolean()),
      caSystem: some(FastCheck.boolean()),
      pfx: some(FastCheck.constantFrom("AAAA", "AAAB", "AAAA\n")),
      ecdhCurve: some(nasty),
      sigalgs: some(nasty),
      pins: some(FastCheck.array(pin, { minLength: 1, maxLength: 2 })),
      keylog: some(FastCheck.constantFrom(...logs)),
      sessions: some(FastCheck.constantFrom<number | false>(false, 1, 2, 100))
    }
    const tlsOptions: FastCheck.Arbitrary<Tls.Options> = FastCheck.record(tlsFields, { requiredKeys: [] })

    const visible = nasty.map((text) => text.replace(/[\p{Cc}\p{Surrogate}]/gu, "-"))
    const proxyFields: { readonly [K in keyof Proxy.Options]-?: FastCheck.Arbitrary<Proxy.Options[K]> } = {
      // Those of SOCKS have other credentials and no headers: see `Proxy.test.ts`.
      scheme: FastCheck.constantFrom("http", "https"),
      tls: some(tlsOptions),
      host: FastCheck.constantFrom("p", "q", "::1"),
      port: some(FastCheck.constantFrom(80, 81)),
      credentials: some(
        FastCheck.record({ username: visible.map((text) => text.replaceAll(":", "")), password: visible })
      ),
      headers: FastCheck.array(
        FastCheck.tuple(FastCheck.constantFrom("a", "A", "b"), visible.map((text) => text.replace(/[^ -~]/g, "-"))),
        { maxLength: 2 }
      )
    }
    const proxyOptions: FastCheck.Arbitrary<Proxy.Options> = FastCheck.record(proxyFields, { requiredKeys: ["host"] })

    const places: { readonly [K in keyof Origin.Parts]-?: FastCheck.Arbitrary<Origin.Parts[K]> } = {
      scheme: FastCheck.constantFrom<"http" | "https">("http", "https"),
      host: FastCheck.constantFrom("h", "h.", "::1", "::1:8", "fe80::1%eth0", "fe80::1%eth1", "127.0.0.1"),
      port: some(FastCheck.constantFrom(80, 443, 8, 8080)),
      socketPath: some(nasty.map((text) => `/${text.replaceAll("\0", "")}`))
    }
    const options: { readonly [K in keyof Origin.Options]-?: FastCheck.Arbitrary<unknown> } = {
      tls: some(tlsOptions),
      proxy: some(proxyOptions),
      localAddress: some(FastCheck.constantFrom("127.0.0.1", "127.0.0.2", "::1", "fe80::1%eth0"))
    }

    interface Drawn extends Origin.Parts {
      readonly tls?: Tls.Options | undefined
      readonly proxy?: Proxy.Options | undefined
      readonly localAddress?: string | undefined
    }
    const drawn = FastCheck.record(
      { ...places, ...options } as { [K in keyof Drawn]-?: FastCheck.Arbitrary<Drawn[K]> },
      {
        requiredKeys: ["scheme", "host"]
      }
    ).map((parts): Drawn => parts.socketPath === undefined ? parts : { ...parts, proxy: undefined })

    /** Without TLS options for a proxy that has none: `make` refuses them. */
    const suited = (proxy: Proxy.Options): Proxy.Options =>
      proxy.scheme === "https" ? proxy : { ...proxy, tls: undefined }

    const made = (parts: Drawn) =>
      Either.getOrThrow(Origin.make({
        ...parts,
        proxy: parts.proxy === undefined ? undefined : Either.getOrThrow(Proxy.make(suited(parts.proxy)))
      }))

    const isDefault: { readonly [K in keyof Tls.Options]?: unknown } = {
      minVersion: "TLSv1.2",
      maxVersion: "TLSv1.3",
      alpn: ["http/1.1"],
      verify: true,
      caSystem: false,
      sessions: 100
    }

    const meaningOfTls = (tls: Tls.Options = {}) =>
      Object.fromEntries(
        Object.entries(tls)
          .filter(([field, value]) =>
            value !== undefined && !util.isDeepStrictEqual(value, isDefault[field as keyof Tls.Options])
          )
          .map(([field, value]) => [field, field === "ca" || field === "crl" ? [value].flat() : value])
      )

    /** What the connection would be, in plain words: the oracle of the properties. */
    const meaning = ({ host, localAddress, port, proxy, scheme, socketPath, tls }: Drawn) => ({
      scheme,
      host,
      port: port ?? (scheme === "http" ? 80 : 443),
      socketPath,
      localAddress,
      tls: scheme === "http" ? {} : meaningOfTls(tls),
      proxy: proxy === undefined ? undefined : {
        scheme: proxy.scheme ?? "http",
        tls: proxy.scheme === "https" ? meaningOfTls(proxy.tls) : {},
        host: proxy.host,
        port: proxy.port ?? (proxy.scheme === "https" ? 443 : 80),
        credentials: proxy.credentials === undefined ? undefined : { ...proxy.credentials },
        headers: proxy.headers ?? []
      }
    })

    const agree = (a: Drawn, b: Drawn) => {
      const same = util.isDeepStrictEqual(meaning(a), meaning(b))
      const [x, y] = [made(a), made(b)]
      expect([Origin.key(x) === Origin.key(y), Equal.equals(x, y)]).toEqual([same, same])
      if (same) expect(Hash.hash(x)).toBe(Hash.hash(y))
    }

    it("of any two origins is the same exactly if their connections are", () => {
      FastCheck.assert(FastCheck.property(drawn, drawn, agree), { numRuns: 1000 })
      FastCheck.assert(FastCheck.property(drawn, (parts) => agree(parts, { ...parts })))
    })

    it.each(Object.keys(tlsFields) as ReadonlyArray<keyof Tls.Options>)("differs with the option tls.%s", (field) => {
      let different = 0
      FastCheck.assert(
        FastCheck.property(tlsOptions, tlsFields[field], tlsFields[field], (others, a, b) => {
          const [x, y] = [a, b].map((value): Drawn => ({
            scheme: "https",
            host: "h",
            tls: { ...others, [field]: value }
          }))
          if (x === undefined || y === undefined) return
          if (!util.isDeepStrictEqual(meaning(x), meaning(y))) different++
          agree(x, y)
        }),
        { numRuns: 300 }
      )
      expect(different).toBeGreaterThan(50)
    })

    it.each(Object.keys(proxyFields) as ReadonlyArray<keyof Proxy.Options>)("differs with the proxy's %s", (field) => {
      let different = 0
      FastCheck.assert(
        FastCheck.property(proxyOptions, proxyFields[field], proxyFields[field], (others, a, b) => {
          const [x, y] = [a, b].map((value): Drawn => ({
            scheme: "http",
            host: "h",
            proxy: { ...others, ...(field === "tls" ? { scheme: "https" } : undefined), [field]: value }
          }))
          if (x === undefined || y === undefined) return
          if (!util.isDeepStrictEqual(meaning(x), meaning(y))) different++
          agree(x, y)
        }),
        { numRuns: 300 }
      )
      expect(different).toBeGreaterThan(50)
    })

    it.each(Object.keys({ ...places, ...options }) as ReadonlyArray<keyof Drawn>)(
      "differs with the part %s",
      (field) => {
        let different = 0
        FastCheck.assert(
          FastCheck.property(drawn, drawn, (a, b) => {
            const changed: Drawn = { ...a, [field]: b[field] }
            if (changed.socketPath !== undefined && changed.proxy !== undefined) return
            if (!util.isDeepStrictEqual(meaning(a), meaning(changed))) different++
            agree(a, changed)
          }),
          { numRuns: 300 }
        )
        expect(different).toBeGreaterThan(20)
      }
    )

    it("does not depend on the order of the options, nor on those that are undefined", () => {
      FastCheck.assert(FastCheck.property(tlsOptions, (tls) => {
        const backwards = Object.fromEntries(Object.entries(tls).toReversed())
        const padded = { ...Object.fromEntries(Object.keys(tlsFields).map((field) => [field, undefined])), ...tls }
        expect(keyOf({ tls: backwards })).toBe(keyOf({ tls }))
        expect(keyOf({ tls: padded })).toBe(keyOf({ tls }))
      }))
    })

    it.each<readonly [Tls.Options, Tls.Options | undefined]>([
      [{}, undefined],
      [{ verify: true, minVersion: "TLSv1.2", maxVersion: "TLSv1.3", alpn: ["http/1.1"] }, undefined],
      [{ ca: "A" }, { ca: ["A"] }],
      [{ crl: ["A"] }, { crl: "A" }]
    ])("of %j is that of %j", (a, b) => {
      expect(keyOf({ tls: a })).toBe(keyOf({ tls: b }))
    })

    it.each<readonly [Tls.Options, Tls.Options]>([
      // Nobody is trusted, or whom the system trusts.
      [{ ca: [] }, {}],
      [{ alpn: [] }, {}],
      [{ verify: false }, {}],
      [{ ca: ["A", "B"] }, { ca: ["B", "A"] }],
      [{ ca: ["A", "B"] }, { ca: ["A,B"] }],
      [{ ca: ["A\",\"B"] }, { ca: ["A", "B"] }],
      [{ cert: "x", key: "y" }, { cert: "y", key: "x" }],
      [{ serverName: "a\",\"key\":\"b" }, { serverName: "a", key: "b" }],
      [{ passphrase: "\ud800" }, { passphrase: "\\ud800" }]
    ])("of %j is not that of %j", (a, b) => {
      expect(keyOf({ tls: a })).not.toBe(keyOf({ tls: b }))
    })

    it("tells a unix socket of that name from none", () => {
      const localAddress = "::1"
      for (const socketPath of ["null", "undefined", " "]) {
        expect(keyOf({ localAddress, socketPath })).not.toBe(keyOf({ localAddress }))
      }
      expect(keyOf({ localAddress, socketPath: "a" })).not.toBe(keyOf({ socketPath: "a\",\"::1" }))
    })

    it("has nothing of the options of TLS in it", () => {
      expect(keyOf({ tls: { key: "hunter2", passphrase: "hunter3" } })).not.toContain("hunter")
    })

    it("makes one record of options that say the same, so that they share a context of TLS", () => {
      const [a, b, c] = [{ ca: "A" }, { ca: ["A"], verify: true }, { ca: "B" }].map((tls) => secure({ tls }).tls)
      expect([a === b, a === c]).toEqual([true, false])
    })

    it("of a plain origin is what it looks like", () => {
      expect(Origin.key(get("h"))).toBe("http://h:80")
      expect(keyOf({ tls: {} })).toBe("https://h:443")
    })

    it("is made once", () => {
      const origin = secure({ tls: { key: "k" } })
      expect(Object.is(Origin.key(origin), Origin.key(origin))).toBe(true)
    })

    it("and the options stay what they were when the caller changes the record", () => {
      const ca = ["A"]
      const tls = { verify: true, ca, ciphers: "of this test" }
      const origin = secure({ tls })
      tls.verify = false
      ca.push("B")
      expect(origin.tls).toMatchObject({ verify: true, ca: ["A"], ciphers: "of this test" })
      expect(Origin.key(origin)).toBe(keyOf({ tls: { ca: "A", ciphers: "of this test" } }))
      // The same record says what it said the first time, so that the key stays true.
      expect(secure({ tls }).tls).toBe(origin.tls)
    })

    it("leaves options of TLS out of an http origin", () => {
      const origin = get("h", { tls: { verify: false } as never })
      expect(origin.tls).toBeUndefined()
      expect(Origin.key(origin)).toBe("http://h:80")
    })
  })

  describe("options", () => {
    const proxy = Either.getOrThrow(Proxy.fromUrl("http://hunter1:hunter2@proxy:3128", { headers: { x: "hunter3" } }))
    const tls = { key: "hunter4", passphrase: "hunter5", cert: "hunter6" }

    const untyped = (options: unknown) => Origin.make({ scheme: "https", host: "h", ...(options as Origin.Options) })

    it("are kept by make, fromUrl and withOptions alike", () => {
      const options = { tls, proxy, localAddress: "0:0::1" }
      const a = Either.getOrThrow(Origin.make({ scheme: "https", host: "h", ...options }))
      const b = Either.getOrThrow(Origin.fromUrl("https://h/x", options)).origin
      const plain = Either.getOrThrow(Origin.fromUrl("https://h/x")).origin
      const c = Either.getOrThrow(Origin.withOptions(plain, options))
      const d = Either.getOrThrow(Origin.withOptions(options)(plain))
      for (const origin of [a, b, c, d]) {
        expect([origin.tls, origin.proxy, origin.localAddress]).toEqual([expect.objectContaining(tls), proxy, "::1"])
        expect(Equal.equals(origin, a)).toBe(true)
      }
      expect(Equal.equals(Either.getOrThrow(Origin.withOptions(a, {})), plain)).toBe(true)
      expect([plain.tls, plain.proxy, plain.localAddress]).toEqual([undefined, undefined, undefined])
    })

    it("of a URL include a unix socket", () => {
      const { origin } = Either.getOrThrow(Origin.fromUrl("http://h/x", { socketPath: "/run/app.sock" }))
      expect(Origin.format(origin)).toBe("unix:/run/app.sock")
      expect(failure(Origin.fromUrl("http://h/x", { socketPath: "" }))).toMatchObject({ part: "socketPath" })
      const kept = Either.getOrThrow(Origin.withOptions(origin, { localAddress: "::1" }))
      expect(kept.socketPath).toBe("/run/app.sock")
      expect(failure(Origin.withOptions(origin, { proxy }))).toMatchObject({ option: "proxy" })
    })

    it.each<readonly [unknown, string]>([
      [{ tls: null }, "tls"],
      [{ tls: true }, "tls"],
      [{ tls: [] }, "tls"],
      [{ tls: "hunter" }, "tls"],
      [{ tls: { ca: null } }, "tls"],
      [{ tls: { ca: [1] } }, "tls.ca"],
      [{ tls: { crl: Buffer.from("hunter") } }, "tls.crl"],
      [{ tls: { key: Buffer.from("hunter") } }, "tls.key"],
      [{ tls: { cert: null } }, "tls.cert"],
      [{ tls: { serverName: 1 } }, "tls.serverName"],
      [{ tls: { verify: 0 } }, "tls.verify"],
      [{ tls: { verify: "false" } }, "tls.verify"],
      [{ tls: { caSystem: 1 } }, "tls.caSystem"],
      [{ tls: { pfx: Buffer.from("hunter") } }, "tls.pfx"],
      [{ tls: { pfx: "hunter-" } }, "tls.pfx"],
      [{ tls: { pfx: "" } }, "tls.pfx"],
      [{ tls: { ecdhCurve: ["X25519"] } }, "tls.ecdhCurve"],
      [{ tls: { sigalgs: null } }, "tls.sigalgs"],
      [{ tls: { pins: `sha256/${"A".repeat(43)}=` } }, "tls.pins"],
      [{ tls: { pins: [] } }, "tls.pins"],
      [{ tls: { pins: [`sha256/${"A".repeat(43)}=`, 1] } }, "tls.pins"],
      [{ tls: { pins: [`sha1/${"A".repeat(27)}=`] } }, "tls.pins"],
      [{ tls: { pins: [`sha256/${"A".repeat(43)}`] } }, "tls.pins"],
      [{ tls: { pins: [`sha256/${"A".repeat(40)}=`] } }, "tls.pins"],
      // The last two bits of the last character would be lost, so such a pin would match nothing.
      [{ tls: { pins: [`sha256/${"A".repeat(42)}B=`] } }, "tls.pins"],
      [{ tls: { keylog: "/tmp/keys" } }, "tls.keylog"],
      [{ tls: { sessions: 0 } }, "tls.sessions"],
      [{ tls: { sessions: 1.5 } }, "tls.sessions"],
      [{ tls: { sessions: Infinity } }, "tls.sessions"],
      [{ tls: { sessions: true } }, "tls.sessions"],
      [{ tls: { sessions: "1" } }, "tls.sessions"],
      [{ tls: { alpn: "http/1.1" } }, "tls.alpn"],
      [{ tls: { minVersion: 1.2 } }, "tls.minVersion"],
      [{ proxy: "http://hunter@proxy" }, "proxy"],
      [{ proxy: { host: "proxy", port: 80 } }, "proxy"],
      [{ proxy: null }, "proxy"],
      [{ proxy, socketPath: "/run/app.sock" }, "proxy"],
      [{ localAddress: null }, "localAddress"],
      [{ localAddress: 1 }, "localAddress"],
      [{ localAddress: "" }, "localAddress"],
      [{ localAddress: "localhost" }, "localAddress"],
      [{ localAddress: "1.2.3.4:80" }, "localAddress"],
      [{ localAddress: "[::1]:80" }, "localAddress"],
      [{ localAddress: "1.2.3.256" }, "localAddress"],
      [{ localAddress: "1.2.3.4a" }, "localAddress"],
      [{ localAddress: "::1%" }, "localAddress"]
    ])("are refused: %o (%s)", (options, option) => {
      const error = failure(untyped(options))
      expect(error).toBeInstanceOf(InvalidOption)
      expect(error).toMatchObject({ option })
      expect(error.message + JSON.stringify(error) + util.inspect(error)).not.toContain("hunter")
    })

    it("are refused where reading them fails", () => {
      const tls = {
        get key(): string {
          throw new RangeError("hunter")
        }
      }
      const error = failure(Origin.make({ scheme: "https", host: "h", tls }))
      expect(error.message).toBe("The option \"tls\" is not valid: reading it failed (RangeError).")
    })

    it("are checked for http as well", () => {
      expect(failure(Origin.make({ scheme: "http", host: "h", tls: { verify: 0 } as never }))).toMatchObject({
        option: "tls.verify"
      })
    })

    it("have error types only where there are options", () => {
      const plain = Origin.make({ scheme: "http", host: "h", tls: undefined })
      const located = Origin.fromUrl("http://h")
      const other = Origin.make({ scheme: "http", host: "h", localAddress: "::1" })
      expectTypeOf<Either.Either.Left<typeof plain>>().toEqualTypeOf<InvalidUrl>()
      expectTypeOf<Either.Either.Left<typeof located>>().toEqualTypeOf<InvalidUrl | UnsupportedScheme>()
      expectTypeOf<Either.Either.Left<typeof other>>().toEqualTypeOf<InvalidUrl | InvalidOption>()
      expect([Either.isRight(plain), Either.isRight(located), Either.isRight(other)]).toEqual([true, true, true])
    })

    it("are shown as being there, and no secret of theirs is", () => {
      const origin = Either.getOrThrow(
        Origin.make({ scheme: "https", host: "h", tls, proxy, localAddress: "127.0.0.1" })
      )
      expect(Origin.key(origin)).toContain("hunter2")
      Hash.hash(origin)
      expect(JSON.parse(JSON.stringify(origin))).toEqual({
        _id: "Origin",
        scheme: "https",
        host: "h",
        port: 443,
        tls: true,
        proxy: "proxy:3128",
        localAddress: true
      })
      expect([String(origin), Origin.format(origin)]).toEqual(["https://h:443", "https://h:443"])
      const basic = Buffer.from("hunter1:hunter2").toString("base64").slice(0, 10)
      for (
        const value of [
          origin,
          [origin],
          { origin },
          { ...origin },
          new Map([[origin, origin]]),
          origin.tls,
          { ...origin.proxy },
          Object.assign(new Error("x"), { origin })
        ]
      ) {
        for (
          const text of [
            JSON.stringify(value),
            String(value),
            util.format("%o %O %j %s", value, value, value, value),
            util.inspect(value, { depth: null, showHidden: true })
          ]
        ) {
          expect(text).not.toContain("hunter")
          expect(text).not.toContain(basic)
        }
      }
      // Nor where the inspection ignores what an origin says of itself.
      expect(util.inspect(origin, { depth: null, showHidden: true, customInspect: false })).not.toContain("hunter")
      expect(util.inspect(origin)).toContain("proxy:3128")
    })

    it("is how an origin differs from what only looks like one", () => {
      expect([Origin.isOrigin(get("h")), Origin.isOrigin({ ...get("h") }), Origin.isOrigin(null)]).toEqual([
        true,
        false,
        false
      ])
    })
  })
})
