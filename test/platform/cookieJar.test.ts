/** `CookieJar`: which cookie goes where (RFC 6265, RFC 6265bis), over redirects too; and what the platform's `withCookiesRef` does instead. */
import * as Cookies from "@effect/platform/Cookies"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as TestClock from "effect/TestClock"
import * as Tracer from "effect/Tracer"
import { inspect } from "node:util"
import * as CookieJar from "../../src/CookieJar.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as T from "../../src/TestTransport.ts"
import { contained } from "../connection/harness.ts"
import { anyHead, clientTo, failsWith, quietly } from "./kit.ts"

/** A tracer that keeps what its spans say. */
const recording = (said: Array<unknown>): Tracer.Tracer =>
  Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      said.push(name)
      return {
        _tag: "Span",
        name,
        spanId: String(said.length).padStart(16, "0"),
        traceId: "0".repeat(32),
        parent,
        context,
        status: { _tag: "Started", startTime },
        attributes: new Map(),
        links,
        sampled: true,
        kind,
        end: (_, exit) => void said.push(exit),
        attribute: (key, value) => void said.push(key, value),
        event: (name, _, attributes) => void said.push(name, attributes),
        addLinks: () => {}
      }
    },
    context: (f) => f()
  })

const headerOf = (jar: CookieJar.CookieJar, url: string, own?: string) =>
  Effect.map(jar.header(url, own), (header) => Option.getOrUndefined(Option.map(header, Redacted.value)))

describe("a cookie", () => {
  const cases: ReadonlyArray<
    readonly [name: string, from: string, line: string, to: string, header: string | undefined]
  > = [
    ["without Domain goes to its host", "http://a.test/", "x=1", "http://a.test/p", "x=1"],
    ["without Domain goes to no host below", "http://a.test/", "x=1", "http://www.a.test/", undefined],
    ["without Domain goes to no host above", "http://www.a.test/", "x=1", "http://a.test/", undefined],
    ["without Domain goes to no host that ends alike", "http://a.test/", "x=1", "http://aa.test/", undefined],
    ["goes to other ports of its host", "http://a.test:81/", "x=1", "http://a.test:82/", "x=1"],
    ["that is not Secure goes from https to http", "https://a.test/", "x=1", "http://a.test/", "x=1"],
    [
      "of a Domain goes to hosts below",
      "http://a.example.com/",
      "x=1; Domain=example.com",
      "http://b.example.com/",
      "x=1"
    ],
    ["of a Domain goes to it", "http://a.example.com/", "x=1; Domain=.Example.COM", "http://example.com/", "x=1"],
    [
      "of a Domain goes to no foreign host",
      "http://a.example.com/",
      "x=1; Domain=example.com",
      "http://example.net/",
      undefined
    ],
    [
      "of a Domain goes to no host that ends alike",
      "http://example.com/",
      "x=1; Domain=example.com",
      "http://badexample.com/",
      undefined
    ],
    ["of a foreign Domain is ignored", "http://evil.com/", "x=1; Domain=example.com", "http://example.com/", undefined],
    [
      "of the Domain of a sibling is ignored",
      "http://a.example.com/",
      "x=1; Domain=b.example.com",
      "http://b.example.com/",
      undefined
    ],
    ["of a public suffix is ignored", "http://example.com/", "x=1; Domain=com", "http://other.com/", undefined],
    ["of a public suffix is ignored", "http://a.co.uk/", "x=1; Domain=co.uk", "http://b.co.uk/", undefined],
    [
      "of a public suffix is ignored by its own host",
      "http://a.co.uk/",
      "x=1; Domain=co.uk",
      "http://a.co.uk/",
      undefined
    ],
    ["of an address goes to it", "http://127.0.0.1:1/", "x=1", "http://127.0.0.1:2/", "x=1"],
    ["of an address goes to no other", "http://127.0.0.1/", "x=1", "http://127.0.0.2/", undefined],
    ["of a part of an address is ignored", "http://1.2.3.4/", "x=1; Domain=3.4", "http://9.9.3.4/", undefined],
    ["of an IPv6 address goes to it", "http://[::1]/", "x=1", "http://[::1]:8080/", "x=1"],
    ["of localhost goes to it", "http://localhost:1/", "x=1", "http://localhost:2/", "x=1"],
    ["that is Secure goes to https", "https://a.test/", "x=1; Secure", "https://a.test/", "x=1"],
    ["that is Secure never goes to http", "https://a.test/", "x=1; Secure", "http://a.test/", undefined],
    [
      "that is Secure never goes to http of localhost",
      "https://localhost/",
      "x=1; Secure",
      "http://localhost/",
      undefined
    ],
    [
      "that is Secure never goes to http of 127.0.0.1",
      "https://127.0.0.1/",
      "x=1; secure",
      "http://127.0.0.1/",
      undefined
    ],
    ["that is Secure cannot be set by http", "http://a.test/", "x=1; Secure", "https://a.test/", undefined],
    ["of a Path goes below it", "http://a.test/", "x=1; Path=/p", "http://a.test/p/q", "x=1"],
    ["of a Path goes to it, with a query", "http://a.test/", "x=1; Path=/p", "http://a.test/p?q", "x=1"],
    ["of a Path goes nowhere that begins alike", "http://a.test/", "x=1; Path=/p", "http://a.test/pq", undefined],
    ["of a Path goes to no other", "http://a.test/", "x=1; Path=/p", "http://a.test/", undefined],
    ["without Path has the folder of its URL", "http://a.test/p/q", "x=1", "http://a.test/p/r", "x=1"],
    ["without Path has the folder of its URL", "http://a.test/p/q", "x=1", "http://a.test/", undefined],
    ["that is HttpOnly goes out: this is HTTP", "http://a.test/", "x=1; HttpOnly", "http://a.test/", "x=1"],
    ["of any SameSite goes out", "http://a.test/", "x=1; SameSite=Strict", "http://a.test/", "x=1"],
    [
      "named __Host- is kept if it keeps its promise",
      "https://a.test/",
      "__Host-x=1; Secure; Path=/",
      "https://a.test/",
      "__Host-x=1"
    ],
    [
      "named __Host- is ignored with a Domain",
      "https://a.example.com/",
      "__Host-x=1; Secure; Path=/; Domain=a.example.com",
      "https://a.example.com/",
      undefined
    ],
    ["named __Host- is ignored without Secure", "https://a.test/", "__Host-x=1; Path=/", "https://a.test/", undefined],
    [
      "named __Host- is ignored with another Path",
      "https://a.test/p/",
      "__Host-x=1; Secure; Path=/p",
      "https://a.test/p/",
      undefined
    ],
    ["named __Secure- is ignored without Secure", "https://a.test/", "__Secure-x=1", "https://a.test/", undefined],
    [
      "that has expired is ignored",
      "http://a.test/",
      "x=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
      "http://a.test/",
      undefined
    ],
    ["with a Max-Age of 0 is ignored", "http://a.test/", "x=1; Max-Age=0", "http://a.test/", undefined],
    ["with a negative Max-Age is ignored", "http://a.test/", "x=1; Max-Age=-1", "http://a.test/", undefined],
    ["with a Max-Age without end lives", "http://a.test/", `x=1; Max-Age=${"9".repeat(30)}`, "http://a.test/", "x=1"],
    ["that is none is ignored", "http://a.test/", "", "http://a.test/", undefined],
    ["that is none is ignored", "http://a.test/", "=", "http://a.test/", undefined],
    [
      "of 4096 characters is kept",
      "http://a.test/",
      `x=${"y".repeat(4095)}`,
      "http://a.test/",
      `x=${"y".repeat(4095)}`
    ],
    ["of more characters is ignored", "http://a.test/", `x=${"y".repeat(4096)}`, "http://a.test/", undefined],
    ["of another scheme is ignored", "ftp://a.test/", "x=1", "http://a.test/", undefined],
    ["goes to no other scheme", "http://a.test/", "x=1", "ws://a.test/", undefined],
    ["of what is no URL is ignored", "a.test", "x=1", "http://a.test/", undefined],
    ["goes nowhere where there is no URL", "http://a.test/", "x=1", "a.test", undefined]
  ]
  for (const [name, from, line, to, header] of cases) {
    it.effect(`${name}: ${line.slice(0, 60)} of ${from} at ${to}`, () =>
      Effect.gen(function*() {
        const jar = yield* CookieJar.make
        yield* jar.setCookies(from, [line])
        assert.strictEqual(yield* headerOf(jar, to), header)
      }))
  }

  it.effect("set again is replaced, and removed by one that has expired", () =>
    Effect.gen(function*() {
      const jar = yield* CookieJar.make
      yield* jar.setCookies("http://a.test/", ["x=1", "y=1", "x=2"])
      assert.strictEqual(yield* headerOf(jar, "http://a.test/"), "x=2; y=1")
      yield* jar.setCookies(new URL("http://a.test/"), ["x=; Max-Age=0"])
      assert.strictEqual(yield* headerOf(jar, "http://a.test/"), "y=1")
      assert.strictEqual(yield* jar.size, 1)
      yield* jar.clear
      assert.strictEqual(yield* headerOf(jar, "http://a.test/"), undefined)
      assert.strictEqual(yield* jar.size, 0)
    }))

  it.effect("with a longer Path comes first", () =>
    Effect.gen(function*() {
      const jar = yield* CookieJar.make
      yield* jar.setCookies("http://a.test/", ["x=root; Path=/", "x=p; Path=/p"])
      assert.strictEqual(yield* headerOf(jar, "http://a.test/p/"), "x=p; x=root")
    }))

  it.effect("that is Secure is not replaced nor hidden by http", () =>
    Effect.gen(function*() {
      const jar = yield* CookieJar.make
      yield* jar.setCookies("https://a.example.com/", ["x=secret; Secure; Path=/p; Domain=example.com"])
      for (
        const line of ["x=evil; Domain=example.com; Path=/p", "x=evil; Path=/p/q", "x=evil", "x=; Max-Age=0; Path=/p"]
      ) {
        yield* jar.setCookies("http://a.example.com/", [line])
      }
      assert.strictEqual(yield* headerOf(jar, "https://a.example.com/p/q"), "x=secret")
      yield* jar.setCookies("https://a.example.com/", ["x=new; Secure; Path=/p; Domain=example.com"])
      assert.strictEqual(yield* headerOf(jar, "https://a.example.com/p/q"), "x=new")
    }))

  it.effect("of the caller stays, and wins for its name", () =>
    Effect.gen(function*() {
      const jar = yield* CookieJar.make
      yield* jar.setCookies("http://a.test/", ["x=1", "y=1"])
      assert.strictEqual(yield* headerOf(jar, "http://a.test/", "x=mine;  z"), "x=mine; z; y=1")
      assert.strictEqual(yield* headerOf(jar, "http://a.test/", "x=mine; y=mine"), undefined)
      assert.strictEqual(yield* headerOf(jar, "http://a.test/", " "), "x=1; y=1")
    }))
})

describe("expiry", () => {
  it.effect("runs on the clock, from when the cookie was set, however often it is used", () =>
    Effect.gen(function*() {
      const jar = yield* CookieJar.make
      yield* TestClock.setTime(Date.UTC(2030, 0, 1))
      yield* jar.setCookies("http://a.test/", [
        "age=1; Max-Age=60",
        "date=1; Expires=Tue, 01 Jan 2030 00:02:00 GMT",
        "both=1; Max-Age=60; Expires=Tue, 01 Jan 2030 00:02:00 GMT",
        "session=1"
      ])
      for (let i = 0; i < 5; i++) {
        yield* TestClock.adjust("11 seconds")
        assert.strictEqual(yield* headerOf(jar, "http://a.test/"), "age=1; date=1; both=1; session=1")
      }
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* headerOf(jar, "http://a.test/"), "age=1; date=1; both=1; session=1")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* jar.size, 2)
      assert.strictEqual(yield* headerOf(jar, "http://a.test/"), "date=1; session=1")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* headerOf(jar, "http://a.test/"), "session=1")
      yield* TestClock.adjust("1000 days")
      assert.strictEqual(yield* headerOf(jar, "http://a.test/"), "session=1")
    }))
})

const redirect = (location: string, ...fields: ReadonlyArray<string>): string =>
  ["HTTP/1.1 302 Found", `Location: ${location}`, ...fields, "Content-Length: 0", "", ""].join("\r\n")
const ok = (...fields: ReadonlyArray<string>): string =>
  ["HTTP/1.1 200 OK", ...fields, "Content-Length: 0", "", ""].join("\r\n")

/** The Cookie fields of the requests on a connection; `-` for a request without one. */
const sentOn = (transport: T.Handle, connection: number): ReadonlyArray<string> =>
  transport.written(connection).split("\r\n\r\n").slice(0, -1).map((head) => /^cookie: (.*)$/im.exec(head)?.[1] ?? "-")

const followingWith = (script: T.Script) =>
  Effect.gen(function*() {
    const jar = yield* CookieJar.make
    const { client, transport } = yield* clientTo(script)
    return {
      jar,
      transport,
      below: client,
      client: client.pipe(
        CookieJar.withCookieJar(jar),
        PooledHttpClient.followRedirects({ allowDowngrade: true })
      )
    }
  })

describe("over redirects", () => {
  it.effect("a cookie that a redirect sets goes to the next hop of the same host", () =>
    contained(Effect.gen(function*() {
      const { client, transport } = yield* followingWith([
        T.connection(anyHead, T.reply(redirect("/b", "Set-Cookie: x=1")), anyHead, T.reply(ok()))
      ])
      yield* quietly(client.get("http://a.test/"))
      assert.deepStrictEqual(sentOn(transport, 0), ["-", "x=1"])
    })))

  it.effect("several Set-Cookie fields of one redirect are all kept", () =>
    contained(Effect.gen(function*() {
      const { client, transport } = yield* followingWith([
        T.connection(
          anyHead,
          T.reply(redirect("/b", "Set-Cookie: x=1; Expires=Fri, 01 Jan 2099 00:00:00 GMT", "Set-Cookie: y=a,b")),
          anyHead,
          T.reply(ok())
        )
      ])
      yield* quietly(client.get("http://a.test/"))
      assert.deepStrictEqual(sentOn(transport, 0), ["-", "x=1; y=a,b"])
    })))

  it.effect("each hop has what is for its URL: hosts, ports, paths", () =>
    contained(Effect.gen(function*() {
      const { client, transport } = yield* followingWith([
        T.connection(
          anyHead,
          T.reply(redirect("http://b.test/", "Set-Cookie: a=1; Path=/", "Set-Cookie: p=1; Path=/p"))
        ),
        T.connection(
          anyHead,
          T.reply(redirect("http://a.test:81/p/q", "Set-Cookie: b=1", "Set-Cookie: e=1; Domain=a.test")),
          anyHead,
          T.reply(ok())
        ),
        T.connection(anyHead, T.reply(redirect("http://b.test/back")))
      ])
      yield* quietly(client.get("http://a.test/"))
      assert.deepStrictEqual(
        [0, 1, 2].map((connection) => sentOn(transport, connection)),
        [["-"], ["-", "b=1"], ["p=1; a=1"]]
      )
    })))

  it.effect("a Secure cookie of https never goes to http, and comes back with https", () =>
    contained(Effect.gen(function*() {
      const { client, transport } = yield* followingWith([
        T.connection(
          anyHead,
          T.reply(redirect("http://a.test/", "Set-Cookie: s=1; Secure", "Set-Cookie: t=1")),
          anyHead,
          T.reply(ok())
        ),
        T.connection(anyHead, T.reply(redirect("https://a.test/again")))
      ])
      yield* quietly(client.get("https://a.test/"))
      assert.deepStrictEqual([sentOn(transport, 0), sentOn(transport, 1)], [["-", "s=1; t=1"], ["t=1"]])
    })))

  it.effect("the caller's own Cookie stays behind at another origin, the jar's are chosen for it", () =>
    contained(Effect.gen(function*() {
      const { client, jar, transport } = yield* followingWith([
        T.connection(anyHead, T.reply(redirect("http://b.test/"))),
        T.connection(anyHead, T.reply(ok()))
      ])
      yield* jar.setCookies("http://a.test/", ["a=1"])
      yield* jar.setCookies("http://b.test/", ["b=1"])
      yield* quietly(client.get("http://a.test/", { headers: { Cookie: "mine=1" } }))
      assert.deepStrictEqual([sentOn(transport, 0), sentOn(transport, 1)], [["mine=1; a=1"], ["b=1"]])
    })))

  it.effect("with the jar above the redirects nothing goes to another origin", () =>
    contained(Effect.gen(function*() {
      const { below, jar, transport } = yield* followingWith([
        T.connection(anyHead, T.reply(redirect("http://b.test/"))),
        T.connection(anyHead, T.reply(ok()))
      ])
      yield* jar.setCookies("http://a.test/", ["a=1"])
      const client = below.pipe(PooledHttpClient.followRedirects(), CookieJar.withCookieJar(jar))
      yield* quietly(client.get("http://a.test/"))
      assert.deepStrictEqual([sentOn(transport, 0), sentOn(transport, 1)], [["a=1"], ["-"]])
    })))

  it.effect("what a site asks back by a redirect to itself is no loop once it has set its cookie", () =>
    contained(Effect.gen(function*() {
      const { client, transport } = yield* followingWith([
        T.connection(anyHead, T.reply(redirect("/", "Set-Cookie: seen=1")), anyHead, T.reply(ok()))
      ])
      assert.strictEqual((yield* quietly(client.get("http://a.test/"))).status, 200)
      assert.deepStrictEqual(sentOn(transport, 0), ["-", "seen=1"])
    })))
})

/** A client in memory that answers from a function, and notes the Cookie fields that it got. */
const inMemory = (answer: (url: URL) => Response) => {
  const seen: Array<string> = []
  const client = HttpClient.make((request, url) =>
    Effect.sync(() => {
      seen.push(`${url.href} ${request.headers["cookie"] ?? "-"}`)
      return HttpClientResponse.fromWeb(request, answer(url))
    })
  )
  return { client, seen }
}

describe("over any client", () => {
  it.effect("cookies of a client of others are read as the platform has them", () =>
    Effect.gen(function*() {
      const jar = yield* CookieJar.make
      const { client, seen } = inMemory(() => {
        const headers = new Headers()
        headers.append("Set-Cookie", "x=1; Path=/; HttpOnly")
        headers.append("Set-Cookie", "y=2; Path=/; Secure")
        return new Response("", { headers })
      })
      const kept = CookieJar.withCookieJar(client, jar)
      yield* kept.get("https://a.test/one")
      yield* kept.get("https://a.test/two")
      yield* kept.get("http://a.test/three")
      assert.deepStrictEqual(seen, [
        "https://a.test/one -",
        "https://a.test/two x=1; y=2",
        "http://a.test/three x=1"
      ])
    }))

  it.effect("a URL that is none is for the client below to refuse", () =>
    contained(Effect.gen(function*() {
      const { below, jar } = yield* followingWith([])
      yield* failsWith(CookieJar.withCookieJar(below, jar).get("nowhere"), "RequestError", "InvalidUrl", "InvalidUrl")
    })))

  it.effect("the response still ends with the scope of `withScope`", () =>
    Effect.gen(function*() {
      const signals: Array<AbortSignal> = []
      const jar = yield* CookieJar.make
      yield* jar.setCookies("http://a.test/", ["x=1"])
      const client = HttpClient.make((request, _, signal) => {
        signals.push(signal)
        return Effect.succeed(HttpClientResponse.fromWeb(request, new Response("")))
      })
      yield* Effect.scoped(client.pipe(CookieJar.withCookieJar(jar), HttpClient.withScope).get("http://a.test/"))
      assert.deepStrictEqual(signals.map(({ aborted }) => aborted), [true])
    }))

  it.effect("a hundred fibers lose no cookie of each other", () =>
    Effect.gen(function*() {
      const jar = yield* CookieJar.make
      const { client } = inMemory((url) =>
        new Response("", { headers: { "Set-Cookie": `c${url.pathname.slice(1)}=1; Path=/` } })
      )
      const kept = CookieJar.withCookieJar(client, jar)
      yield* Effect.forEach(
        Array.from({ length: 100 }, (_, i) => i),
        (i) => Effect.zipRight(Effect.yieldNow(), kept.get(`http://a.test/${i}`)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(yield* jar.size, 100)
    }))

  it.effect("the layer has one jar for all that share it", () =>
    Effect.gen(function*() {
      const fill = Effect.flatMap(CookieJar.CookieJar, (jar) => jar.setCookies("http://a.test/", ["x=1"]))
      const read = Effect.flatMap(CookieJar.CookieJar, (jar) => headerOf(jar, "http://a.test/"))
      assert.strictEqual(yield* Effect.provide(Effect.zipRight(fill, read), CookieJar.layer), "x=1")
      assert.strictEqual(yield* Effect.provide(read, CookieJar.layer), undefined)
    }))
})

describe("a cookie is a secret", () => {
  it.effect("that no span, log, error or picture of the jar shows", () =>
    contained(Effect.gen(function*() {
      const shown: Array<unknown> = []
      const { client, jar } = yield* followingWith([
        T.connection(anyHead, T.reply(redirect("/b", "Set-Cookie: sid=hunter2")), anyHead, T.reset)
      ])
      const logger = Logger.make(({ cause, message }) => void shown.push(message, cause))
      const error = yield* Effect.flip(client.get("http://a.test/")).pipe(
        Effect.tap((error) => Effect.logError("failed", error, jar)),
        Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
        Logger.withMinimumLogLevel(LogLevel.All),
        Effect.withTracer(recording(shown))
      )
      assert.include(yield* headerOf(jar, "http://a.test/"), "hunter2")
      assert.includeMembers(shown.flat(), ["http.request.header.cookie", "failed"])
      shown.push(error, error.message, jar)
      for (const what of shown) {
        assert.notInclude(inspect(what, { depth: 12 }), "hunter2")
        assert.notInclude(JSON.stringify(what) ?? "", "hunter2")
        assert.notInclude(String(what), "hunter2")
      }
    })))

  it("and no line that a server sends makes the jar throw", () => {
    const line = FastCheck.oneof(
      FastCheck.string(),
      FastCheck.array(
        FastCheck.constantFrom(
          "x",
          "=",
          "; ",
          "Domain=",
          "Path=",
          "Max-Age=",
          "Expires=",
          "a.test",
          "/",
          "..",
          "\0",
          "1",
          "é",
          "__Host-",
          "[::1]",
          ","
        ),
        { maxLength: 12 }
      ).map((parts) => parts.join(""))
    )
    FastCheck.assert(FastCheck.property(FastCheck.array(line, { maxLength: 4 }), (lines) => {
      const header = Effect.runSync(Effect.gen(function*() {
        const jar = yield* CookieJar.make
        yield* jar.setCookies("https://a.test/p", lines)
        return yield* headerOf(jar, "https://other.example/p")
      }))
      assert.strictEqual(header, undefined)
    }))
  })
})

describe("what the platform's `withCookiesRef` does instead", () => {
  const kept = (answer: (url: URL) => Response) =>
    Effect.gen(function*() {
      const ref = yield* Ref.make(Cookies.empty)
      const { client, seen } = inMemory(answer)
      return { client: HttpClient.withCookiesRef(client, ref), below: client, ref, seen }
    })
  const sets = (cookie: string) => () => new Response("", { headers: { "Set-Cookie": cookie } })

  it.effect("it sends a cookie to every host", () =>
    Effect.gen(function*() {
      const { client, seen } = yield* kept(sets("x=1"))
      yield* client.get("https://a.test/")
      yield* client.get("https://b.test/")
      assert.deepStrictEqual(seen, ["https://a.test/ -", "https://b.test/ x=1"])
    }))

  it.effect("it sends a Secure cookie by http, and any cookie to any path", () =>
    Effect.gen(function*() {
      const { client, seen } = yield* kept(sets("x=1; Secure; Path=/p"))
      yield* client.get("https://a.test/p")
      yield* client.get("http://a.test/")
      assert.deepStrictEqual(seen, ["https://a.test/p -", "http://a.test/ x=1"])
    }))

  it.effect("it sends a cookie that has expired", () =>
    Effect.gen(function*() {
      const { client, seen } = yield* kept(sets("x=1; Max-Age=0"))
      yield* client.get("https://a.test/")
      yield* client.get("https://a.test/")
      assert.deepStrictEqual(seen, ["https://a.test/ -", "https://a.test/ x=1"])
    }))

  it.effect("it does not give the cookie of a redirect to the next hop", () =>
    Effect.gen(function*() {
      const { below, ref, seen } = yield* kept((url) =>
        url.pathname === "/"
          ? new Response(null, { status: 302, headers: { Location: "/b", "Set-Cookie": "x=1" } })
          : new Response("")
      )
      const client = below.pipe(HttpClient.withCookiesRef(ref), PooledHttpClient.followRedirects())
      yield* client.execute(HttpClientRequest.get("https://a.test/"))
      assert.deepStrictEqual(seen, ["https://a.test/ -", "https://a.test/b -"])
    }))
})
