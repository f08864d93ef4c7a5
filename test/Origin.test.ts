import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as Equal from "effect/Equal"
import * as FastCheck from "effect/FastCheck"
import * as Hash from "effect/Hash"
import { InvalidUrl, UnsupportedScheme } from "../src/HttpError.ts"
import * as Origin from "../src/Origin.ts"

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
      ["host:", "port"],
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
      ["[::1]:", "port"],
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
      ["h:", "port", 8080],
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
      for (const socketPath of ["", "/run/a\0b", "\0abstract"]) {
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
})
