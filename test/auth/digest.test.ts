/** Digests: the examples of the RFCs to the byte, and what a challenge, a refusal and an acceptance lead to. */
import * as PlatformBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { createHash } from "node:crypto"
import { inspect } from "node:util"
import * as Auth from "../../src/Auth.ts"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import { makeDigest } from "../../src/internal/auth/digest.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as T from "../../src/TestTransport.ts"
import { bytesOf, connectTo, contained, failsWith, ok, settled, started } from "../connection/harness.ts"
import { webServer } from "../fixtures/web.ts"
import { get, holds, poolOver, watchedPool } from "../pool/harness.ts"
import { clientOf, DigestServer, handlerOf, paramsOf, type Policy } from "./digestServer.ts"
import { api } from "./harness.ts"

const user: Auth.DigestOptions = { username: "ann", password: Redacted.make("secret"), origins: [api] }

const authOf = (options: Partial<Auth.DigestOptions> = {}) => Auth.digest({ ...user, ...options })

/** A client with the credentials of the user, and the server that it asks. */
const over = (policy: Policy = {}, options: Partial<Auth.DigestOptions> = {}) =>
  Effect.map(authOf(options), (auth) => {
    const server = new DigestServer(policy)
    return { server, client: Auth.client(clientOf(server), auth) }
  })

const challengeOf = (...params: ReadonlyArray<string>): T.Step =>
  T.reply(`HTTP/1.1 401 \r\nWWW-Authenticate: Digest ${params.join(", ")}\r\nContent-Length: 0\r\n\r\n`)

describe("the example of", () => {
  interface Example {
    readonly username: string
    readonly password: string
    readonly host: string
    readonly target: string
    readonly cnonce: string
    readonly challenge: ReadonlyArray<string>
    readonly params: Readonly<Record<string, string>>
  }
  const rfc7616 = (algorithm: string, response: string): Example => ({
    username: "Mufasa",
    password: "Circle of Life",
    host: "www.example.org",
    target: "/dir/index.html",
    cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    challenge: [
      "realm=\"http-auth@example.org\"",
      "qop=\"auth, auth-int\"",
      `algorithm=${algorithm}`,
      "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\"",
      "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
    ],
    params: {
      username: "Mufasa",
      realm: "http-auth@example.org",
      uri: "/dir/index.html",
      algorithm,
      nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
      nc: "00000001",
      cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
      qop: "auth",
      response,
      opaque: "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
    }
  })
  const doe = { realm: "api@example.org", username: "J\u00e4s\u00f8n Doe" }
  const examples: Readonly<Record<string, Example>> = {
    "RFC 7616 section 3.9.1 with MD5": rfc7616("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
    "RFC 7616 section 3.9.1 with SHA-256": rfc7616(
      "SHA-256",
      "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
    ),
    // With what erratum 4897 computes; see below.
    "RFC 7616 section 3.9.2, with SHA-512-256, charset and userhash": {
      username: doe.username,
      password: "Secret, or not?",
      host: "api.example.org",
      target: "/doe.json",
      cnonce: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
      challenge: [
        `realm="${doe.realm}"`,
        "qop=\"auth\"",
        "algorithm=SHA-512-256",
        "nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\"",
        "opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\"",
        "charset=UTF-8",
        "userhash=true"
      ],
      params: {
        username: "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b",
        realm: doe.realm,
        uri: "/doe.json",
        algorithm: "SHA-512-256",
        nonce: "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
        nc: "00000001",
        cnonce: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
        qop: "auth",
        response: "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5",
        opaque: "HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS",
        userhash: "true"
      }
    },
    "RFC 2617 section 3.5": {
      username: "Mufasa",
      password: "Circle Of Life",
      host: "www.nowhere.org",
      target: "/dir/index.html",
      cnonce: "0a4f113b",
      challenge: [
        "realm=\"testrealm@host.com\"",
        "qop=\"auth,auth-int\"",
        "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"",
        "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""
      ],
      params: {
        username: "Mufasa",
        realm: "testrealm@host.com",
        nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        uri: "/dir/index.html",
        qop: "auth",
        nc: "00000001",
        cnonce: "0a4f113b",
        response: "6629fae49393a05397450978507c4ef1",
        opaque: "5ccc069c403ebaf9f0171e9517f40e41"
      }
    },
    // As its errata correct it.
    "RFC 2069 section 2.4, without qop": {
      username: "Mufasa",
      password: "CircleOfLife",
      host: "www.nowhere.org",
      target: "/dir/index.html",
      cnonce: "not used",
      challenge: [
        "realm=\"testrealm@host.com\"",
        "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"",
        "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""
      ],
      params: {
        username: "Mufasa",
        realm: "testrealm@host.com",
        nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        uri: "/dir/index.html",
        response: "1949323746fe6a43ef61f9606e7febea",
        opaque: "5ccc069c403ebaf9f0171e9517f40e41"
      }
    }
  }
  for (const [name, { challenge, cnonce, host, params, password, target, username }] of Object.entries(examples)) {
    it.effect(name, () =>
      contained(Effect.gen(function*() {
        const auth = yield* makeDigest(
          { username, password: Redacted.make(password), origins: [`http://${host}`] },
          () => cnonce
        )
        const sent: Array<string> = []
        const { pool } = yield* poolOver([
          T.connection(T.discardUntil("\r\n\r\n"), challengeOf(...challenge), T.discardUntil("\r\n\r\n"), T.reply(ok()))
        ])
        const noting = {
          ...pool,
          execute: (request: HttpRequest.HttpRequest) => {
            for (const [name, value] of request.fields) if (name === "Authorization") sent.push(value)
            return pool.execute(request)
          }
        }
        const response = yield* Auth.pool(noting as typeof pool, auth).execute(
          HttpRequest.get(`http://${host}${target}`)
        )
        assert.strictEqual(response.status, 200)
        assert.strictEqual(sent.length, 1)
        assert.deepStrictEqual(paramsOf(sent[0]?.slice("Digest ".length) ?? "").params, params)
      })))
  }

  it("RFC 7616 section 3.9.2 prints what a SHA-512 that is cut off gives, which is another function", () => {
    const bytes = Buffer.from(`${doe.username}:${doe.realm}`)
    assert.strictEqual(
      createHash("sha512").update(bytes).digest("hex").slice(0, 64),
      "488869477bf257147b804c45308cd62ac4e25eb717b12b298c79e62dcea254ec"
    )
    assert.strictEqual(
      createHash("sha512-256").update(bytes).digest("hex"),
      "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    )
  })
})

describe("a server that verifies", () => {
  const policies: ReadonlyArray<readonly [name: string, policy: Policy, options?: Partial<Auth.DigestOptions>]> = [
    ["MD5", { algorithms: ["MD5"] }],
    ["MD5 that is not named", { algorithms: [undefined] }],
    ["MD5-sess", { algorithms: ["MD5-sess"] }],
    ["SHA-256", {}],
    ["SHA-256-sess", { algorithms: ["SHA-256-sess"] }],
    ["SHA-512-256", { algorithms: ["SHA-512-256"] }],
    ["SHA-512-256-sess", { algorithms: ["SHA-512-256-sess"] }],
    ["the digests of RFC 2069", { qop: undefined, algorithms: [undefined] }],
    ["auth-int alone", { qop: "auth-int" }],
    ["auth-int with a session", { qop: "auth-int", algorithms: ["MD5-sess"] }],
    ["both qops", { qop: "auth-int,auth" }],
    ["both qops, if integrity is wanted", { qop: "auth, auth-int" }, { integrity: true }],
    ["a realm with quotes and backslashes", { realm: "a \"b\" \\ c, d" }],
    ["an opaque text", { opaque: "o=/\u00fc" }],
    ["a user with quotes", { username: "a\"\\b" }, { username: "a\"\\b" }],
    ["a user beyond ASCII, as bytes", { username: "J\u00e4s\u00f8n" }, { username: "J\u00e4s\u00f8n" }],
    ["a user beyond ASCII, where the charset is named", { username: "J\u00e4 n", charset: true }, {
      username: "J\u00e4 n"
    }],
    ["a user that is written in another form", { username: "J\u00e4" }, { username: "Ja\u0308" }],
    ["a hashed user", { userhash: true }],
    ["a hashed user beyond ASCII", { username: "J\u00e4", userhash: true, charset: true }, { username: "J\u00e4" }],
    ["a password beyond ASCII", { password: "p\u00e4\u20ac" }, { password: Redacted.make("p\u00e4\u20ac") }],
    ["an empty password", { password: "" }, { password: Redacted.make("") }]
  ]
  for (const [name, policy, options] of policies) {
    it.effect(`accepts ${name}, and asks once for three requests`, () =>
      Effect.gen(function*() {
        const { client, server } = yield* over(policy, options)
        const statuses = [
          (yield* client.get(`${api}/a?b=c`)).status,
          (yield* client.post(`${api}/b`, { body: PlatformBody.unsafeJson({ a: 1 }) })).status,
          (yield* client.get(`${api}/c`)).status
        ]
        assert.deepStrictEqual(statuses, [200, 200, 200])
        assert.deepStrictEqual(server.log, ["/a?b=c none", "/a?b=c ok", "/b ok", "/c ok"])
      }))
  }

  it.effect("sees `auth-int` only where it is wanted or needed", () =>
    Effect.gen(function*() {
      const qopOf = (policy: Policy, options: Partial<Auth.DigestOptions>) =>
        Effect.gen(function*() {
          const { client, server } = yield* over(policy, options)
          yield* client.get(api)
          return paramsOf(server.seen[0] ?? "").params["qop"]
        })
      assert.strictEqual(yield* qopOf({ qop: "auth-int, auth" }, {}), "auth")
      assert.strictEqual(yield* qopOf({ qop: "auth, auth-int" }, { integrity: true }), "auth-int")
      assert.strictEqual(yield* qopOf({ qop: "auth-int, auth" }, { integrity: true }), "auth-int")
      assert.strictEqual(yield* qopOf({ qop: "auth" }, { integrity: true }), "auth")
      assert.strictEqual(yield* qopOf({ qop: "AUTH-INT, other" }, {}), "auth-int")
    }))
})

describe("of several challenges", () => {
  const table: ReadonlyArray<readonly [ReadonlyArray<string>, string, Partial<Auth.DigestOptions>?]> = [
    [["MD5", "SHA-256"], "SHA-256"],
    [["SHA-256", "SHA-512-256", "MD5"], "SHA-512-256"],
    [["SHA-256-sess", "SHA-256"], "SHA-256-sess"],
    [["SHA-256", "SHA-256-sess"], "SHA-256"],
    [["SHA-999", "md5"], "md5"],
    [["MD5", "SHA-256"], "SHA-256", { allowMd5: false }]
  ]
  for (const [offered, chosen, options] of table) {
    it.effect(`${offered.join(", ")}: ${chosen} is answered`, () =>
      Effect.gen(function*() {
        const { client, server } = yield* over({ algorithms: offered }, options)
        yield* client.get(api)
        assert.strictEqual(paramsOf(server.seen[0] ?? "").params["algorithm"], chosen)
      }))
  }
})

describe("what cannot be answered is returned", () => {
  const table: Readonly<Record<string, string>> = {
    "Basic alone": "Basic realm=\"r\"",
    "no realm": "Digest nonce=\"n\"",
    "no nonce": "Digest realm=\"r\"",
    "an algorithm that is not known": "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-999",
    "a qop that is not known": "Digest realm=\"r\", nonce=\"n\", qop=\"other\"",
    "a session without a qop": "Digest realm=\"r\", nonce=\"n\", algorithm=MD5-sess",
    "a challenge that breaks the grammar": "Digest realm=\"r\" nonce=\"n\"",
    "no challenge": ""
  }
  for (const [name, value] of Object.entries(table)) {
    it.effect(name, () =>
      Effect.gen(function*() {
        let sent = 0
        const client = HttpClient.make((request) =>
          Effect.sync(() => {
            sent++
            return HttpClientResponse.fromWeb(
              request,
              new Response(null, { status: 401, headers: { "www-authenticate": value } })
            )
          })
        )
        assert.strictEqual((yield* Auth.client(client, yield* authOf()).get(api)).status, 401)
        assert.strictEqual(sent, 1)
      }))
  }

  it.effect("MD5, if it is not allowed", () =>
    Effect.gen(function*() {
      const { client, server } = yield* over({ algorithms: ["MD5", undefined] }, { allowMd5: false })
      assert.strictEqual((yield* client.get(api)).status, 401)
      assert.deepStrictEqual(server.log, ["/ none"])
    }))
})

describe("a refusal", () => {
  it.effect("of a wrong password is returned after one answer, and the next request begins without it", () =>
    Effect.gen(function*() {
      const { client, server } = yield* over({ password: "other" })
      assert.strictEqual((yield* client.get(api)).status, 401)
      assert.strictEqual((yield* client.get(api)).status, 401)
      assert.deepStrictEqual(server.log, ["/ none", "/ response", "/ none", "/ response"])
    }))

  it.effect("for a nonce that is too old is answered with the next nonce", () =>
    Effect.gen(function*() {
      const { client, server } = yield* over({ uses: 2 })
      for (let i = 0; i < 4; i++) assert.strictEqual((yield* client.get(api)).status, 200)
      assert.deepStrictEqual(server.log, ["/ none", "/ ok", "/ ok", "/ stale", "/ ok", "/ ok"])
    }))

  it.effect("for a nonce that is too old at once is answered eight times more, and then returned", () =>
    Effect.gen(function*() {
      const { client, server } = yield* over({ uses: 0 })
      assert.strictEqual((yield* client.get(api)).status, 401)
      assert.deepStrictEqual(server.log, ["/ none", ...Array.from({ length: 9 }, () => "/ stale")])
    }))

  it.effect("for another reason than the password, with the same nonce, starts no count again", () =>
    Effect.gen(function*() {
      const server = new DigestServer({ sameNonce: true })
      const forbidding = HttpClient.make((request, url) =>
        Effect.map(
          clientOf(server).execute(request),
          (response) =>
            url.pathname !== "/forbidden" || response.status !== 200 ? response : HttpClientResponse.fromWeb(
              request,
              new Response(null, {
                status: 401,
                headers: { "www-authenticate": "Digest realm=\"r\", nonce=\"n\", qop=auth, algorithm=SHA-256" }
              })
            )
        )
      )
      const client = Auth.client(forbidding, yield* authOf())
      const statuses: Array<number> = []
      for (const path of ["/a", "/forbidden", "/b", "/c"]) statuses.push((yield* client.get(api + path)).status)
      assert.deepStrictEqual(statuses, [200, 401, 200, 200])
      assert.deepStrictEqual(server.log, [
        "/a none",
        "/a ok",
        "/forbidden ok",
        "/forbidden ok",
        "/b none",
        "/b ok",
        "/c ok"
      ])
    }))

  it.effect("for a nonce that the server has forgotten is answered once, whether it says so or not", () =>
    Effect.gen(function*() {
      for (const silent of [true, false]) {
        const { client, server } = yield* over({ silent })
        yield* client.get(api)
        server.restart()
        assert.strictEqual((yield* client.get(api)).status, 200)
        assert.deepStrictEqual(server.log, ["/ none", "/ ok", "/ stale", "/ ok"])
      }
    }))

  it.effect("of a stream is returned, and the next request has the nonce of its challenge", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(
          T.discardUntil("0\r\n\r\n"),
          challengeOf("realm=\"r\"", "nonce=\"n\""),
          T.discardUntil("nonce=\"n\""),
          T.discardUntil("0\r\n\r\n"),
          T.reply(ok())
        )
      ])
      const authorized = Auth.pool(pool, yield* authOf())
      const post = HttpRequest.post(`${api}/`, { body: HttpBody.stream(Stream.make(bytesOf("a"))) })
      const refused = yield* authorized.execute(post)
      assert.strictEqual(refused.status, 401)
      yield* refused.close
      assert.strictEqual((yield* authorized.execute(post)).status, 200)
      yield* transport.verify
    })))

  it.effect("before a stream was begun is answered with the stream", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([
        T.connection(T.discardUntil("\r\n\r\n"), challengeOf("realm=\"r\"", "nonce=\"n\"")),
        T.connection(
          T.discardUntil("\r\n\r\n"),
          T.reply("HTTP/1.1 100 \r\n\r\n"),
          T.discardUntil("4\r\nbody\r\n0\r\n\r\n"),
          T.reply(ok("done"))
        )
      ])
      let begun = 0
      const stream = Stream.suspend(() => {
        begun++
        return Stream.make(bytesOf("body"))
      })
      const post = HttpRequest.post(`${api}/`, { body: HttpBody.stream(stream), expectContinue: true })
      const response = yield* Auth.pool(pool, yield* authOf()).execute(post)
      assert.deepStrictEqual([yield* response.text, begun], ["done", 1])
    })))

  it.effect("that wants `auth-int` for a stream is an UnsupportedBody that says what to do", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([
        T.connection(T.discardUntil("0\r\n\r\n"), challengeOf("realm=\"r\"", "nonce=\"n\"", "qop=\"auth-int\""))
      ])
      const body = HttpBody.stream(Stream.make(bytesOf("a")), { replayable: true })
      const sending = Auth.pool(pool, yield* authOf()).execute(HttpRequest.post(`${api}/`, { body }))
      const error = yield* failsWith(sending, "UnsupportedBody")
      assert.include(error.message, "send it from memory")
    })))
})

describe("a form, whose boundary is another one each time", () => {
  const formOf = (): FormData => {
    const form = new FormData()
    form.append("a", "b")
    return form
  }
  const bodies = { "of the platform": () => PlatformBody.formData(formOf()), raw: () => PlatformBody.raw(formOf()) }
  for (const [name, bodyOf] of Object.entries(bodies)) {
    it.effect(`${name}: has no digest of the body, and is an UnsupportedBody if the server wants one`, () =>
      Effect.gen(function*() {
        const wants = yield* over({ qop: "auth-int" })
        const error = yield* Effect.flip(wants.client.post(api, { body: bodyOf() }))
        assert.include(error.message, "send it from memory")
        assert.deepStrictEqual(wants.server.log, ["/ none"])
        const offers = yield* over({ qop: "auth, auth-int" }, { integrity: true })
        assert.strictEqual((yield* offers.client.post(api, { body: bodyOf() })).status, 200)
      }))
  }
})

describe("the nonce of a server", () => {
  it.effect("is replaced by `nextnonce`, which counts from 1", () =>
    Effect.gen(function*() {
      const { client, server } = yield* over({ nextnonce: true })
      for (let i = 0; i < 3; i++) yield* client.get(api)
      assert.deepStrictEqual(
        server.seen.map((value) => paramsOf(value).params).map(({ nc, nonce }) => `${nonce} ${nc}`),
        ["n1 00000001", "n2 00000001", "n3 00000001"]
      )
    }))

  it.effect("is not replaced by a `nextnonce` that is the same, and counts on", () =>
    Effect.gen(function*() {
      const { client, server } = yield* over({ nextnonce: true, sameNonce: true })
      for (let i = 0; i < 3; i++) yield* client.get(api)
      assert.deepStrictEqual(server.log, ["/ none", "/ ok", "/ ok", "/ ok"])
    }))

  it.effect("stays that of a session, whose secret is made of it", () =>
    Effect.gen(function*() {
      const { client, server } = yield* over({ nextnonce: true, algorithms: ["MD5-sess"] })
      for (let i = 0; i < 2; i++) assert.strictEqual((yield* client.get(api)).status, 200)
      assert.deepStrictEqual(server.log, ["/ none", "/ ok", "/ ok"])
      const [first, second] = server.seen.map((value) => paramsOf(value).params)
      assert.strictEqual(first?.["cnonce"], second?.["cnonce"])
    }))

  it.effect("counts each request once, over 64 at the same time", () =>
    Effect.gen(function*() {
      for (const policy of [{ sameNonce: true }, {}]) {
        const { client, server } = yield* over(policy)
        const all = (n: number) =>
          Effect.forEach(Array.from({ length: n }), () => client.get(api), { concurrency: "unbounded" })
        assert.isTrue((yield* all(64)).every(({ status }) => status === 200))
        assert.isAtMost(server.challenges, 64)
        const asked = server.challenges
        assert.isTrue((yield* all(64)).every(({ status }) => status === 200))
        assert.strictEqual(server.challenges, asked)
        const pairs = server.seen.map((value) => paramsOf(value).params).map(({ nc, nonce }) => `${nonce} ${nc}`)
        assert.strictEqual(new Set(pairs).size, 128)
      }
    }))

  it.effect("that the others use up is replaced until the request has one in time, over 64 at the same time", () =>
    Effect.gen(function*() {
      const server = new DigestServer({ shared: 10 })
      // Each request arrives when all others have got their answer to the one before.
      const client = Auth.client(
        HttpClient.make((request) => Effect.zipRight(Effect.yieldNow(), clientOf(server).execute(request))),
        yield* authOf()
      )
      const responses = yield* Effect.forEach(Array.from({ length: 64 }), () => client.get(api), {
        concurrency: "unbounded"
      })
      assert.isTrue(responses.every(({ status }) => status === 200))
      assert.isAbove(server.log.filter((line) => line.endsWith("stale")).length, 64)
    }))

  it.effect("has a client nonce that no other request has", () =>
    Effect.gen(function*() {
      const { client, server } = yield* over()
      for (let i = 0; i < 3; i++) yield* client.get(api)
      const cnonces = server.seen.map((value) => paramsOf(value).params["cnonce"])
      assert.strictEqual(new Set(cnonces).size, 3)
      for (const cnonce of cnonces) assert.match(cnonce ?? "", /^[0-9a-f]{32}$/)
    }))

  it.effect("is used unasked where `domain` says, on its own origin", () =>
    Effect.gen(function*() {
      const { client, server } = yield* over({ domain: `/a ${api}/b http://b.test/ //c.test/` })
      for (const path of ["/a/1", "/a/2", "/b?c", "/d", "/"]) yield* client.get(api + path)
      assert.deepStrictEqual(server.log, [
        "/a/1 none",
        "/a/1 ok",
        "/a/2 ok",
        "/b?c ok",
        "/d none",
        "/d ok",
        "/ none",
        "/ ok"
      ])
    }))

  it.effect("of each of two realms is kept", () =>
    Effect.gen(function*() {
      const left = new DigestServer({ realm: "left", domain: "/left" })
      const right = new DigestServer({ realm: "right", domain: "/right" })
      const both = HttpClient.transform(
        clientOf(left),
        (effect, request) => request.url.includes("/right") ? clientOf(right).execute(request) : effect
      )
      const client = Auth.client(both, yield* authOf())
      for (const path of ["/left", "/right", "/left", "/right"]) {
        assert.strictEqual((yield* client.get(api + path)).status, 200)
      }
      assert.deepStrictEqual([left.challenges, right.challenges], [1, 1])
    }))

  it.effect("is forgotten when the server has given 16 others", () =>
    Effect.gen(function*() {
      const servers = Array.from({ length: 17 }, (_, i) => new DigestServer({ realm: `r${i}`, domain: `/${i}/` }))
      const client = Auth.client(
        HttpClient.make((request, url) =>
          clientOf(servers[Number(url.pathname.split("/")[1])] as DigestServer)
            .execute(request)
        ),
        yield* authOf()
      )
      for (const i of servers.keys()) yield* client.get(`${api}/${i}/`)
      yield* client.get(`${api}/1/`)
      yield* client.get(`${api}/0/`)
      assert.deepStrictEqual(servers.slice(0, 3).map(({ challenges }) => challenges), [2, 1, 1])
    }))
})

describe("the proof of a server that it knows the password", () => {
  const table: ReadonlyArray<readonly [string, Policy, number]> = [
    ["that is right", { proof: "right" }, 0],
    ["that is right, with SHA-512-256", { proof: "right", algorithms: ["SHA-512-256"] }, 0],
    ["that is right, without qop", { proof: "right", qop: undefined, algorithms: [undefined] }, 0],
    ["that is wrong", { proof: "wrong" }, 1],
    ["that is wrong, without qop", { proof: "wrong", qop: undefined, algorithms: [undefined] }, 1],
    ["that depends on the body", { proof: "wrong", qop: "auth-int" }, 0],
    ["that is missing", {}, 0]
  ]
  for (const [name, policy, warnings] of table) {
    it.effect(`${name} is in the log ${warnings === 0 ? "never" : "once for an origin, and fails nothing"}`, () =>
      Effect.gen(function*() {
        const lines: Array<string> = []
        const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
          if (logLevel === LogLevel.Warning) lines.push(String(message))
        })
        const { client } = yield* over(policy)
        for (let i = 0; i < 3; i++) {
          const { status } = yield* client.get(api).pipe(
            Effect.provide(Logger.replace(Logger.defaultLogger, logger))
          )
          assert.strictEqual(status, 200)
        }
        assert.strictEqual(lines.length, warnings)
        for (const line of lines) assert.match(line, /^The server http:\/\/a\.test:80 does not prove/)
      }))
  }
})

describe("an interruption", () => {
  const challenged = T.connection(
    T.discardUntil("\r\n\r\n"),
    challengeOf("realm=\"r\"", "nonce=\"n\"", "qop=\"auth\""),
    T.discardUntil("\r\n\r\n"),
    T.stall
  )

  it.effect("of a request whose answer the server thinks about leaves nothing, and the nonce to the next", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        challenged,
        T.connection(T.discardUntil("nc=00000002"), T.discardUntil("\r\n\r\n"), T.reply(ok("a")))
      ])
      const authorized = Auth.pool(pool, yield* authOf())
      const fiber = yield* started(authorized.execute(get()))
      yield* settled
      yield* holds(pool, { busy: 1 })
      yield* Fiber.interrupt(fiber)
      yield* holds(pool, {})
      const response = yield* authorized.execute(get())
      assert.strictEqual(yield* response.text, "a")
      yield* transport.verify
    })))

  it.effect("while the refused response is discarded leaves nothing", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([
        T.connection(
          T.discardUntil("\r\n\r\n"),
          T.reply("HTTP/1.1 401 \r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\nContent-Length: 9\r\n\r\n"),
          T.stall
        )
      ], { drainTime: "1 second", drainBytes: 1000 })
      const fiber = yield* started(Auth.pool(pool, yield* authOf()).execute(get()))
      yield* settled
      const leaving = yield* started(Fiber.interrupt(fiber))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(leaving)
      yield* holds(pool, {})
    })))
})

describe("with what else sends requests", () => {
  const orders: Readonly<
    Record<string, (client: HttpClient.HttpClient, auth: Auth.Credentials) => HttpClient.HttpClient>
  > = {
    "below retry, redirects and decompression": (client, auth) =>
      Auth.client(client, auth).pipe(
        PooledHttpClient.decompress(),
        PooledHttpClient.followRedirects(),
        PooledHttpClient.retry({ times: 2 })
      ),
    "above decompression and retry": (client, auth) =>
      Auth.client(client.pipe(PooledHttpClient.decompress(), PooledHttpClient.retry({ times: 2 })), auth),
    "above credentials of another kind, for another origin": (client, auth) =>
      Auth.client(
        Auth.client(
          client,
          Either.getOrThrow(Auth.bearer({ token: Redacted.make("t"), origins: ["http://b.test"] }))
        ),
        auth
      )
  }
  for (const [name, order] of Object.entries(orders)) {
    it.scopedLive(`${name}, over a real server`, () =>
      Effect.gen(function*() {
        const server = new DigestServer({ uses: 2, userhash: true })
        const { port } = yield* webServer(handlerOf(server))
        const origin = `http://127.0.0.1:${port}`
        const client = order(yield* HttpClient.HttpClient, yield* authOf({ origins: [origin] }))
        for (let i = 0; i < 3; i++) {
          const response = yield* client.post(`${origin}/a?b`, { body: PlatformBody.text("body") })
          assert.deepStrictEqual([response.status, yield* response.text], [200, "body"])
        }
        assert.deepStrictEqual(server.log, ["none", "ok", "ok", "stale", "ok"].map((how) => `/a?b ${how}`))
      }).pipe(Effect.provide(PooledHttpClient.layer)))
  }

  it.effect("a pool below `retry` counts each attempt", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(
          T.discardUntil("\r\n\r\n"),
          challengeOf("realm=\"r\"", "nonce=\"n\"", "qop=\"auth\""),
          T.discardUntil("nc=00000001"),
          T.discardUntil("\r\n\r\n"),
          T.reply("HTTP/1.1 503 \r\nContent-Length: 0\r\n\r\n"),
          T.discardUntil("nc=00000002"),
          T.discardUntil("\r\n\r\n"),
          T.reply(ok("a"))
        )
      ])
      const retried = ConnectionPool.retry(Auth.pool(pool, yield* authOf()), { times: 1, schedule: Schedule.spaced(0) })
      const response = yield* retried.execute(get())
      assert.strictEqual(yield* response.text, "a")
      yield* transport.verify
    })))
})

describe("the credentials are for their origins", () => {
  // aiohttp GHSA-hpj7-wq8m-9hgp: the middleware answered the challenge of a server that a redirect led to.
  for (
    const [name, way] of Object.entries({
      "below followRedirects": (client: HttpClient.HttpClient, auth: Auth.Credentials) =>
        PooledHttpClient.followRedirects(Auth.client(client, auth)),
      "above followRedirects": (client: HttpClient.HttpClient, auth: Auth.Credentials) =>
        Auth.client(PooledHttpClient.followRedirects(client), auth)
    })
  ) {
    it.effect(`${name}: the challenge of an origin that a redirect led to is not answered`, () =>
      Effect.gen(function*() {
        const mine = new DigestServer()
        const other = new DigestServer({ realm: "r", sameNonce: true })
        const client = HttpClient.make((request, url) =>
          url.host !== "a.test"
            ? clientOf(other).execute(request)
            : Effect.flatMap(clientOf(mine).execute(request), (response) =>
              Effect.sync(() =>
                response.status === 401
                  ? response
                  : HttpClientResponse.fromWeb(
                    request,
                    new Response(null, { status: 302, headers: { location: "http://b.test/" } })
                  )
              ))
        )
        const response = yield* way(client, yield* authOf()).get(api)
        assert.strictEqual(response.status, 401)
        assert.deepStrictEqual([mine.log, other.seen], [["/ none", "/ ok"], []])
      }))
  }

  it.effect("a request to another origin is unchanged", () =>
    Effect.gen(function*() {
      const { client, server } = yield* over()
      assert.strictEqual((yield* client.get("http://b.test")).status, 401)
      assert.deepStrictEqual(server.log, ["/ none"])
    }))

  it.effect("two origins share no nonce", () =>
    Effect.gen(function*() {
      const { client, server } = yield* over({}, { origins: [api, "http://b.test"] })
      yield* client.get(`${api}/a`)
      yield* client.get("http://b.test/b")
      assert.deepStrictEqual(server.log, ["/a none", "/a ok", "/b none", "/b ok"])
    }))

  it.effect("a redirect within the origin is answered for its own target, below followRedirects", () =>
    Effect.gen(function*() {
      const server = new DigestServer()
      const client = HttpClient.make((request, url) =>
        Effect.map(
          clientOf(server).execute(request),
          (response) =>
            response.status === 200 && url.pathname === "/"
              ? HttpClientResponse.fromWeb(request, new Response(null, { status: 302, headers: { location: "/next" } }))
              : response
        )
      )
      const response = yield* PooledHttpClient.followRedirects(Auth.client(client, yield* authOf())).get(api)
      assert.strictEqual(response.status, 200)
      assert.deepStrictEqual(server.log, ["/ none", "/ ok", "/next ok"])
    }))

  it.effect("a redirect within the origin is refused above followRedirects, once", () =>
    Effect.gen(function*() {
      const server = new DigestServer()
      const client = HttpClient.make((request, url) =>
        Effect.map(
          clientOf(server).execute(request),
          (response) =>
            response.status === 200 && url.pathname === "/"
              ? HttpClientResponse.fromWeb(request, new Response(null, { status: 302, headers: { location: "/next" } }))
              : response
        )
      )
      const authorized = Auth.client(PooledHttpClient.followRedirects(client), yield* authOf())
      for (let i = 0; i < 2; i++) assert.strictEqual((yield* authorized.get(api)).status, 401)
      // The refusal says nothing of the nonce, which the next request has from the start.
      assert.deepStrictEqual(server.log, ["/ none", "/ ok", "/next a parameter", "/ ok", "/next a parameter"])
    }))

  it.effect("a 401 from a proxy's field is not answered", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([
        T.connection(
          T.discardUntil("\r\n\r\n"),
          T.reply(
            "HTTP/1.1 401 \r\nProxy-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\nContent-Length: 0\r\n\r\n"
          )
        )
      ])
      assert.strictEqual((yield* Auth.pool(pool, yield* authOf()).execute(get())).status, 401)
    })))

  it.effect("a single connection of another origin sends none for a request that names a listed origin", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connectTo([
        T.connection(T.discardUntil("\r\n\r\n"), challengeOf("realm=\"r\"", "nonce=\"n\""))
      ])
      const auth = yield* authOf({ origins: ["http://b.test"] })
      assert.strictEqual((yield* Auth.execute(connection, auth, HttpRequest.get("/"))).status, 401)
    })))
})

describe("the `uri` is the target that is sent", () => {
  const table: ReadonlyArray<readonly [string, HttpRequest.HttpRequest, string]> = [
    ["of a path", HttpRequest.get("/a?b=c%20d"), "/a?b=c%20d"],
    ["of a URL", HttpRequest.get("http://a.test/a#f"), "/a"],
    ["of no path", HttpRequest.get("http://a.test"), "/"],
    ["with a quote", HttpRequest.get("/a\"b"), "/a\\\"b"],
    ["of OPTIONS *", HttpRequest.options("*"), "*"],
    ["in absolute form", HttpRequest.get("/a", { targetForm: "absolute" }), "http://a.test/a"]
  ]
  for (const [name, request, uri] of table) {
    it.effect(name, () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connectTo([
          T.connection(
            T.discardUntil("\r\n\r\n"),
            challengeOf("realm=\"r\"", "nonce=\"n\""),
            T.discardUntil(`, uri="${uri}", `),
            T.discardUntil("\r\n\r\n"),
            T.reply(ok())
          )
        ])
        const response = yield* Auth.execute(connection, yield* authOf(), request)
        assert.strictEqual(response.status, 200)
        yield* transport.verify
      })))
  }
})

describe("options that are refused", () => {
  const table: ReadonlyArray<readonly [string, unknown, string]> = [
    ["no options", undefined, "options"],
    ["null", null, "options"],
    ["a list", [], "options"],
    ["a user that is no text", { ...user, username: 1 }, "username"],
    ["a user with a line feed", { ...user, username: "a\nb" }, "username"],
    ["a user with half of a surrogate pair", { ...user, username: "\ud800" }, "username"],
    ["a password that is not redacted", { ...user, password: "s3cr3t" }, "password"],
    ["a password that is no text", { ...user, password: Redacted.make(1) }, "password"],
    ["a password with a NUL", { ...user, password: Redacted.make("s3cr3t\0") }, "password"],
    ["no origin", { ...user, origins: [] }, "origins"],
    ["a text for MD5", { ...user, allowMd5: "false" }, "allowMd5"],
    ["null for integrity", { ...user, integrity: null }, "integrity"],
    ["an origin with a path", { ...user, origins: [`${api}/a`] }, "origins"]
  ]
  for (const [name, options, option] of table) {
    it.effect(name, () =>
      Effect.gen(function*() {
        const error = yield* failsWith(Auth.digest(options as Auth.DigestOptions), "InvalidOption")
        assert.strictEqual(error.option, option)
        assert.notInclude(inspect(error) + error.message, "s3cr3t")
      }))
  }

  it.effect("a password that was wiped", () =>
    Effect.gen(function*() {
      const password = Redacted.make("secret")
      Redacted.unsafeWipe(password)
      assert.strictEqual((yield* failsWith(authOf({ password }), "InvalidOption")).option, "password")
    }))
})

it.effect("no output, error or event shows the password, the user's hash or the answer", () =>
  contained(Effect.gen(function*() {
    const { events, pool } = yield* watchedPool([
      T.connection(
        T.discardUntil("\r\n\r\n"),
        challengeOf("realm=\"r\"", "nonce=\"n\"", "qop=\"auth\""),
        T.discardUntil("\r\n\r\n"),
        T.reply("no\r\n\r\n")
      )
    ])
    const auth = yield* authOf({ password: Redacted.make("s3cr3t") })
    const error = yield* failsWith(Auth.pool(pool, auth).execute(get()), "BadStatusLine")
    const ha1 = createHash("md5").update("ann:r:s3cr3t").digest("hex")
    const shown = [inspect(auth, { depth: 9, showHidden: true }), JSON.stringify(auth), inspect(events, { depth: 9 })]
    for (const text of [...shown, inspect(error), JSON.stringify(error)]) {
      assert.notInclude(text, "s3cr3t")
      assert.notInclude(text, ha1)
      assert.notInclude(text, "response=")
    }
  })))

it.effect("a failure of a status check below is answered too, and after a second 401 it stays a failure", () =>
  Effect.gen(function*() {
    const checked = (policy: Policy) =>
      Effect.map(authOf(), (auth) => Auth.client(HttpClient.filterStatusOk(clientOf(new DigestServer(policy))), auth))
    assert.strictEqual((yield* (yield* checked({})).get(api)).status, 200)
    const error = yield* Effect.flip((yield* checked({ password: "other" })).get(api))
    assert.strictEqual(error._tag === "ResponseError" && error.response.status, 401)
  }))
