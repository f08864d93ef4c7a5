/** Basic and bearer credentials that do not change: what is sent, what is refused, and where they must not go. */
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import { inspect } from "node:util"
import * as Auth from "../../src/Auth.ts"
import type * as ConnectionPool from "../../src/ConnectionPool.ts"
import type { InvalidOption } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as T from "../../src/TestTransport.ts"
import { connectTo, contained, failsWith, ok } from "../connection/harness.ts"
import { get, poolOver } from "../pool/harness.ts"
import { api, clientWith } from "./harness.ts"

const basic = (username: string, password: string) =>
  Auth.basic({ username, password: Redacted.make(password), origins: [api] })

const bearer = (token: string) => Auth.bearer({ token: Redacted.make(token), origins: [api] })

/** What a client is sent. */
const sentWith = (auth: Either.Either<Auth.Credentials, InvalidOption>, url = api) =>
  Effect.gen(function*() {
    const { client, seen } = clientWith()
    yield* Auth.client(client, yield* auth).get(url)
    return seen[0]
  })

describe("what is sent", () => {
  const table: ReadonlyArray<readonly [string, Either.Either<Auth.Credentials, InvalidOption>, string]> = [
    ["the example of RFC 7617 section 2", basic("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="],
    ["the example of RFC 7617 section 2.1, in UTF-8", basic("test", "123\u00a3"), "Basic dGVzdDoxMjPCow=="],
    ["a user in the normal form NFC", basic("Ja\u0308", ""), `Basic ${Buffer.from("J\u00e4:").toString("base64")}`],
    ["a password with colons", basic("a", "b:c"), `Basic ${Buffer.from("a:b:c").toString("base64")}`],
    ["nothing but the colon", basic("", ""), "Basic Og=="],
    ["the example of RFC 6750 section 2.1", bearer("mF_9.B5f-4.1JqM"), "Bearer mF_9.B5f-4.1JqM"],
    ["a token with padding", bearer("a+/~=="), "Bearer a+/~=="],
    ["a token as some services make it", bearer("1|abc"), "Bearer 1|abc"]
  ]
  for (const [name, auth, value] of table) {
    it.effect(name, () => Effect.map(sentWith(auth), (sent) => assert.strictEqual(sent, value)))
  }
})

describe("what cannot be sent is refused when it is made, and is not repeated", () => {
  const user = { username: "a", password: Redacted.make("s3cr3t") }
  const token = (value: unknown) => Auth.bearer({ token: value as Redacted.Redacted, origins: [api] })
  const made = (options: unknown) => Auth.basic(options as Auth.BasicOptions)
  const table: ReadonlyArray<readonly [string, Either.Either<Auth.Credentials, InvalidOption>, string]> = [
    ["a user with a colon", basic("a:s3cr3t", ""), "username"],
    ["a user with a line feed", basic("a\n", "s3cr3t"), "username"],
    ["a user that is no text", made({ ...user, username: 1, origins: [api] }), "username"],
    ["a password with a NUL", basic("a", "s3cr3t\0"), "password"],
    ["a password with DEL", basic("a", "s3cr3t\x7f"), "password"],
    ["a password with half of a surrogate pair", basic("a", "\ud800s3cr3t"), "password"],
    ["a password that is not redacted", made({ ...user, password: "s3cr3t", origins: [api] }), "password"],
    ["no origin", made({ ...user, origins: [] }), "origins"],
    ["no options", made(undefined), "options"],
    ["an empty token", bearer(""), "token"],
    ["a token with a space", bearer("s3cr3t a"), "token"],
    ["a token with a line feed", bearer("s3cr3t\n"), "token"],
    ["a token beyond ASCII", bearer("s3cr3t\u00e4"), "token"],
    ["a token that is not redacted", token("s3cr3t"), "token"],
    ["a token that is no text", token(Redacted.make({})), "token"],
    ["no options for a token", Auth.bearer(null as never), "options"]
  ]
  for (const [name, auth, option] of table) {
    it(name, () => {
      const error = Either.getOrThrow(Either.flip(auth))
      assert.strictEqual(error.option, option)
      assert.notInclude(inspect(error) + error.message + JSON.stringify(error), "s3cr3t")
    })
  }
})

describe("where they are sent", () => {
  it.effect("a pool sends them, returns a 401, and is a `ConnectionPool`", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(
          T.expect("GET / HTTP/1.1\r\nHost: a.test\r\nAuthorization: Bearer t\r\n\r\n"),
          T.reply("HTTP/1.1 401 \r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n")
        )
      ])
      const authorized = Auth.pool(pool, yield* bearer("t"))
      expectTypeOf(authorized).toExtend<ConnectionPool.ConnectionPool>()
      assert.strictEqual((yield* authorized.execute(get())).status, 401)
      yield* transport.verify
    })))

  it.effect("a single connection sends those of its own origin", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connectTo([
        T.connection(
          T.expect("GET / HTTP/1.1\r\nHost: a.test\r\nAuthorization: Basic YTpi\r\n\r\n"),
          T.reply(ok())
        )
      ])
      yield* Auth.execute(connection, yield* basic("a", "b"), HttpRequest.get("/"))
    })))

  for (const url of ["http://b.test", "https://a.test", "http://a.test:81", "http://a.test@b.test/"]) {
    it.effect(`not to ${url}`, () =>
      Effect.map(sentWith(bearer("t"), url), (sent) => assert.strictEqual(sent, "none")).pipe(
        // The platform refuses some of them, before anything is sent.
        Effect.catchTag("RequestError", () => Effect.void)
      ))
  }

  it.effect("over redirects only to a listed origin", () =>
    Effect.gen(function*() {
      for (const above of [true, false]) {
        const { client, seen } = clientWith((_, url) =>
          url.host === "a.test" ? new Response(null, { status: 307, headers: { location: "http://b.test/" } }) : 200
        )
        const auth = yield* basic("a", "b")
        const way = above
          ? Auth.client(PooledHttpClient.followRedirects(client), auth)
          : PooledHttpClient.followRedirects(Auth.client(client, auth))
        yield* way.get(api)
        assert.deepStrictEqual(seen, ["Basic YTpi", "none"])
      }
    }))

  it.effect("not instead of a field that the request has", () =>
    Effect.gen(function*() {
      const { client, seen } = clientWith()
      yield* Auth.client(client, yield* bearer("t")).get(api, { headers: { authorization: "Other" } })
      assert.deepStrictEqual(seen, ["Other"])
    }))

  it("the guard knows them, and no output shows them", () => {
    const auth = Either.getOrThrow(bearer("s3cr3t"))
    assert.isTrue(Auth.isCredentials(auth))
    assert.isFalse(Auth.isRefreshing(auth))
    assert.isFalse(Auth.isCredentials({}))
    assert.notInclude(inspect(auth, { depth: 9, showHidden: true }) + JSON.stringify(auth), "s3cr3t")
  })

  it("what another copy of this library made is refused", () => {
    assert.throws(() => Auth.client(HttpClient.make(() => Effect.never), {} as Auth.Credentials), /copy/)
  })
})

describe("a request", () => {
  it("has them, whatever its origin", () => {
    const user = { username: "a", password: Redacted.make("b") }
    const request = HttpRequest.get("/")
    assert.deepStrictEqual([...Auth.setBasic(request, user).fields], [["Authorization", "Basic YTpi"]])
    assert.deepStrictEqual([...Auth.setBearer(Redacted.make("t"))(request).fields], [["Authorization", "Bearer t"]])
  })

  it.effect("that cannot have them fails before anything is sent", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([])
      const user = { username: "a:", password: Redacted.make("b") }
      const error = yield* failsWith(pool.execute(get().pipe(Auth.setBasic(user))), "InvalidOption")
      assert.include(error.message, "a colon")
      yield* failsWith(pool.execute(Auth.setBearer(get(), Redacted.make("a b"))), "InvalidOption")
      assert.strictEqual(transport.opened.length, 0)
    })))
})
