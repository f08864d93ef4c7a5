/** Tokens on all three faces: what is sent, what a 401 leads to, and where a token must not go. */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientError, RequestError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { inspect } from "node:util"
import * as Auth from "../../src/Auth.ts"
import type * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as OurBody from "../../src/HttpBody.ts"
import type { InvalidOption } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Origin from "../../src/Origin.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as T from "../../src/TestTransport.ts"
import { bytesOf, connectTo, contained, failsWith, ok, settled, started } from "../connection/harness.ts"
import { clientTo, failsWith as failsOnPlatform, quietly } from "../platform/kit.ts"
import { get, holds, poolOver, watchedPool } from "../pool/harness.ts"
import { api, clientWith, numbered, refreshing } from "./harness.ts"

/** The head of a request with a token, and nothing that the platform would add. */
const asked = (token: string | undefined, path = "/", method = "GET", ...fields: ReadonlyArray<string>): T.Step => {
  const own = token === undefined ? [] : [`Authorization: Bearer ${token}`]
  return T.expect([`${method} ${path} HTTP/1.1`, "Host: a.test", ...fields, ...own, "", ""].join("\r\n"))
}

/** The platform writes the names of fields in lower case. */
const askedByPlatform = (token: string): T.Step =>
  T.expect(["GET / HTTP/1.1", "Host: a.test", `authorization: Bearer ${token}`, "", ""].join("\r\n"))

class NoToken extends Data.TaggedError("NoToken") {}

const refused = T.reply("HTTP/1.1 401 \r\nWWW-Authenticate: Bearer\r\nContent-Length: 4\r\n\r\nnope")

const textOf = <E>(sending: Effect.Effect<{ readonly text: Effect.Effect<string, unknown> }, E>) =>
  Effect.flatMap(sending, (response) => response.text)

describe("a pool", () => {
  it.effect("sends the token, and after a 401 the next one, on the connection that it has released", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(asked("t1"), refused, asked("t2"), T.reply(ok("a")), asked("t2", "/b"), T.reply(ok("b")))
      ])
      const { acquire, counts } = numbered()
      const authorized = Auth.pool(pool, yield* refreshing(acquire))
      assert.strictEqual(yield* textOf(authorized.execute(get())), "a")
      assert.strictEqual(yield* textOf(authorized.execute(get("/b"))), "b")
      assert.strictEqual(counts.begun, 2)
      yield* transport.verify
    })))

  it.effect("returns the response of a second 401", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([T.connection(asked("t1"), refused, asked("t2"), refused)])
      const response = yield* Auth.pool(pool, yield* refreshing(numbered().acquire)).execute(get())
      assert.deepStrictEqual([response.status, yield* response.text], [401, "nope"])
      yield* holds(pool, { idle: 1 })
    })))

  for (const method of ["POST", "PATCH"]) {
    it.effect(`repeats a ${method} with a body in memory, because a 401 says that it was not processed`, () =>
      contained(Effect.gen(function*() {
        const head = (token: string) =>
          T.expect(
            `${method} / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\nAuthorization: Bearer ${token}\r\n\r\nbody`
          )
        const { pool } = yield* poolOver([T.connection(head("t1"), refused, head("t2"), T.reply(ok("done")))])
        const request = HttpRequest.make(method, `${api}/`, { body: OurBody.bytes(bytesOf("body")) })
        assert.strictEqual(
          yield* textOf(Auth.pool(pool, yield* refreshing(numbered().acquire)).execute(request)),
          "done"
        )
      })))
  }

  it.effect("does not repeat a body that cannot be sent again; the next request has the next token", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([
        T.connection(T.discardUntil("\r\n\r\n4\r\nbody\r\n0\r\n\r\n"), refused, asked("t2"), T.reply(ok("a")))
      ])
      const authorized = Auth.pool(pool, yield* refreshing(numbered().acquire))
      const body = OurBody.stream(Stream.make(bytesOf("body")))
      const response = yield* authorized.execute(HttpRequest.post(`${api}/`, { body }))
      assert.deepStrictEqual([response.status, yield* response.text], [401, "nope"])
      assert.strictEqual(yield* textOf(authorized.execute(get())), "a")
    })))

  it.effect("keeps the Authorization field of a request, and gives it no other after a 401", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([T.connection(asked("mine"), refused)])
      const { acquire, counts } = numbered()
      const request = get("/", { headers: { Authorization: "Bearer mine" } })
      assert.strictEqual((yield* Auth.pool(pool, yield* refreshing(acquire)).execute(request)).status, 401)
      assert.strictEqual(counts.begun, 0)
    })))

  it.effect("passes on everything else, and is a `ConnectionPool` if `acquire` cannot fail", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([T.connection(asked("t1"), T.reply(ok()))])
      const authorized = Auth.pool(pool, yield* refreshing(numbered().acquire))
      expectTypeOf(authorized).toExtend<ConnectionPool.ConnectionPool>()
      yield* authorized.execute(get())
      assert.strictEqual((yield* authorized.stats).requests, 1)
      assert.deepStrictEqual(authorized.connectionOptions, pool.connectionOptions)
      yield* authorized.closeIdle
      yield* holds(pool, {})
    })))

  it.effect("fails as `acquire` fails, before anything is sent", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([])
      const auth = yield* refreshing(new NoToken())
      const authorized = Auth.pool(auth)(pool)
      expectTypeOf(authorized.execute(get())).toExtend<
        Effect.Effect<unknown, NoToken | ConnectionPool.ExecuteFailure>
      >()
      const error = yield* Effect.flip(authorized.execute(get()))
      assert.strictEqual(error._tag, "NoToken")
      assert.strictEqual(transport.opened.length, 0)
      yield* holds(pool, {})
    })))

  it.effect("reports what is wrong with a request itself", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([])
      const authorized = Auth.pool(pool, yield* refreshing(numbered().acquire))
      yield* failsWith(authorized.execute({} as HttpRequest.HttpRequest), "InvalidOption")
      yield* failsWith(authorized.execute(HttpRequest.get("/no-origin")), "InvalidUrl")
    })))

  it.effect("an interruption between the 401 and the next token leaves nothing", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([T.connection(asked("t1"), refused)])
      const { acquire, counts } = numbered({}, 1000)
      const fiber = yield* started(Auth.pool(pool, yield* refreshing(acquire)).execute(get()))
      yield* TestClock.adjust("1 second")
      yield* settled
      assert.strictEqual(counts.begun, 2)
      yield* holds(pool, { idle: 1 })
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(counts.interrupted, 1)
      yield* holds(pool, { idle: 1 })
    })))
})

describe("401s of several requests", () => {
  it.effect("one for a token that was replaced in the meantime only repeats the request", () =>
    contained(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const sent: Array<string> = []
      const auth = yield* refreshing(numbered().acquire)
      const { client: base } = clientWith((token) => token === "Bearer t1" ? 401 : 200)
      const client = HttpClient.transform(base, (effect, request) => {
        sent.push(`${request.url} ${request.headers["authorization"]}`)
        return request.url.endsWith("/slow") && request.headers["authorization"] === "Bearer t1"
          ? Effect.zipRight(Deferred.await(gate), effect)
          : effect
      })
      const authorized = Auth.client(client, auth)
      const slow = yield* started(authorized.get(`${api}/slow`))
      yield* authorized.get(`${api}/fast`)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* Fiber.join(slow)).status, 200)
      assert.deepStrictEqual(sent, [
        `${api}/slow Bearer t1`,
        `${api}/fast Bearer t1`,
        `${api}/fast Bearer t2`,
        `${api}/slow Bearer t2`
      ])
    })))

  it.effect("100 at once for one token replace it once", () =>
    contained(Effect.gen(function*() {
      const { acquire, counts } = numbered({}, 1000)
      const { client, seen } = clientWith((token) => token === "Bearer t1" ? 401 : 200)
      const authorized = Auth.client(client, yield* refreshing(acquire))
      const all = yield* started(
        Effect.forEach(Array.from({ length: 100 }), () => authorized.get(api), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("1 second")
      yield* settled
      yield* TestClock.adjust("1 second")
      assert.isTrue((yield* Fiber.join(all)).every(({ status }) => status === 200))
      assert.strictEqual(counts.begun, 2)
      assert.strictEqual(seen.length, 200)
    })))
})

describe("a single connection", () => {
  it.effect("sends the token of its own origin, and repeats after a 401", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connectTo([T.connection(asked("t1"), refused, asked("t2"), T.reply(ok("a")))])
      const auth = yield* refreshing(numbered().acquire)
      assert.strictEqual(yield* textOf(Auth.execute(connection, auth, HttpRequest.get("/"))), "a")
    })))

  it.effect("of another origin sends none", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connectTo([T.connection(asked(undefined), refused)])
      const auth = yield* refreshing(numbered().acquire, { origins: ["http://b.test"] })
      assert.strictEqual((yield* Auth.execute(connection, auth, HttpRequest.get("/"))).status, 401)
    })))

  // It goes to the server of the connection, which ignores that origin.
  it.effect("of another origin sends none for a request that names a listed origin", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connectTo([T.connection(asked(undefined), refused)])
      const auth = yield* refreshing(numbered().acquire, { origins: ["http://b.test"] })
      const { origin } = yield* Origin.fromUrl("http://b.test")
      assert.strictEqual((yield* Auth.execute(connection, auth, HttpRequest.get("/", { origin }))).status, 401)
    })))
})

describe("the platform's client", () => {
  it.effect("sends the token and repeats after a 401, on the connection that it has released", () =>
    contained(Effect.gen(function*() {
      const { client, transport } = yield* clientTo([
        T.connection(askedByPlatform("t1"), refused, askedByPlatform("t2"), T.reply(ok("a")))
      ], { drainBytes: 65_536 })
      const authorized = Auth.client(client, yield* refreshing(numbered().acquire))
      expectTypeOf(authorized).toEqualTypeOf<HttpClient.HttpClient.With<HttpClientError | RequestError>>()
      assert.strictEqual(yield* quietly(textOf(authorized.get(`${api}/`))), "a")
      yield* transport.verify
    })))

  it.effect("sees the 401 below a status check that has made a failure of it", () =>
    contained(Effect.gen(function*() {
      const { client, seen } = clientWith((token) => token === "Bearer t1" ? 401 : 200)
      const auth = yield* refreshing(numbered().acquire)
      const response = yield* HttpClient.filterStatusOk(client).pipe(Auth.client(auth)).get(api)
      assert.strictEqual(response.status, 200)
      assert.deepStrictEqual(seen, ["Bearer t1", "Bearer t2"])
    })))

  it.effect("does not repeat a stream that was begun", () =>
    contained(Effect.gen(function*() {
      const { client, seen } = clientWith((token) => token === "Bearer t1" ? 401 : 200)
      const reading = HttpClient.transform(
        client,
        (effect, { body }) => body._tag === "Stream" ? Effect.zipRight(Stream.runDrain(body.stream), effect) : effect
      )
      const authorized = Auth.client(reading, yield* refreshing(numbered().acquire))
      const post = authorized.post(api, { body: HttpBody.stream(Stream.make(bytesOf("a"))) })
      assert.strictEqual((yield* post).status, 401)
      assert.strictEqual((yield* authorized.get(api)).status, 200)
      assert.deepStrictEqual(seen, ["Bearer t1", "Bearer t2"])
    })))

  it.effect("repeats a stream that was not begun, with its fields", () =>
    contained(Effect.gen(function*() {
      const { client, seen } = clientWith((token) => token === "Bearer t1" ? 401 : 200)
      const types: Array<string | undefined> = []
      const noting = HttpClient.transform(client, (effect, request) => {
        types.push(request.headers["content-type"])
        return effect
      })
      const authorized = Auth.client(noting, yield* refreshing(numbered().acquire))
      const body = HttpBody.stream(Stream.make(bytesOf("a")), "text/plain")
      const request = HttpClientRequest.post(api).pipe(
        HttpClientRequest.setBody(body),
        HttpClientRequest.setHeader("content-type", "text/other")
      )
      assert.strictEqual((yield* authorized.execute(request)).status, 200)
      assert.deepStrictEqual(seen, ["Bearer t1", "Bearer t2"])
      assert.deepStrictEqual(types, ["text/other", "text/other"])
    })))

  it.effect("has a result of `acquire` that is no token as the cause of a RequestError", () =>
    contained(Effect.gen(function*() {
      const { client } = clientWith()
      const authorized = Auth.client(client, yield* refreshing(Effect.succeed({} as Auth.Token)))
      const error: InvalidOption = yield* failsOnPlatform(
        authorized.get(api),
        "RequestError",
        "Encode",
        "InvalidOption"
      )
      assert.strictEqual(error.option, "acquire")
    })))

  it.effect("below `retry`, each attempt asks for the token", () =>
    contained(Effect.gen(function*() {
      const { client, seen } = clientWith((token) => token === "Bearer t1" ? 503 : 200)
      const authorized = Auth.client(client, yield* refreshing(numbered({ expiresIn: "1 second" }).acquire)).pipe(
        PooledHttpClient.retry({ schedule: Schedule.spaced("2 seconds") })
      )
      const fiber = yield* started(authorized.get(api))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).status, 200)
      assert.deepStrictEqual(seen, ["Bearer t1", "Bearer t2"])
    })))

  it.effect("a request of `withScope` keeps its scope when it gets the token", () =>
    contained(Effect.gen(function*() {
      const { client } = yield* clientTo([T.connection(askedByPlatform("t1"), T.reply(ok("a")))])
      const authorized = HttpClient.withScope(Auth.client(client, yield* refreshing(numbered().acquire)))
      assert.strictEqual(yield* quietly(textOf(Effect.scoped(authorized.get(`${api}/`)))), "a")
    })))
})

describe("redirects", () => {
  /** `/to/HOST` redirects to that host. */
  const redirecting = () =>
    clientWith((token, url) =>
      url.pathname.startsWith("/to/")
        ? new Response(null, { status: 307, headers: { location: `http://${url.pathname.slice(4)}/end` } })
        : url.host === "c.test"
        ? 401
        : token === "Bearer old"
        ? 401
        : 200
    )
  const ways = {
    "below followRedirects": <E>(client: HttpClient.HttpClient, auth: Auth.Refreshing<E>) =>
      PooledHttpClient.followRedirects(Auth.client(client, auth)),
    "above followRedirects": <E>(client: HttpClient.HttpClient, auth: Auth.Refreshing<E>) =>
      Auth.client(PooledHttpClient.followRedirects(client), auth),
    "below the platform's followRedirects": <E>(client: HttpClient.HttpClient, auth: Auth.Refreshing<E>) =>
      HttpClient.followRedirects(Auth.client(client, auth))
  }
  for (const [name, way] of Object.entries(ways)) {
    it.effect(`${name}: a redirect within the origin keeps the token`, () =>
      Effect.gen(function*() {
        const { client, seen } = redirecting()
        const response = yield* way(client, yield* refreshing(numbered().acquire)).get(`${api}/to/a.test`)
        assert.strictEqual(response.status, 200)
        assert.deepStrictEqual(seen, ["Bearer t1", "Bearer t1"])
      }))

    for (const other of ["b.test", "a.test:81", "a.test.evil.test", "c.test"]) {
      it.effect(`${name}: a redirect to http://${other} does not get it`, () =>
        Effect.gen(function*() {
          const { client, seen } = redirecting()
          const { acquire, counts } = numbered()
          const response = yield* way(client, yield* refreshing(acquire)).get(`${api}/to/${other}`)
          assert.strictEqual(response.status, other === "c.test" ? 401 : 200)
          // A 401 of an origin that has not seen the token says nothing about it.
          assert.deepStrictEqual(seen, ["Bearer t1", "none"])
          assert.strictEqual(counts.begun, 1)
        }))
    }
  }

  it.effect("above followRedirects: a 401 of another listed origin replaces no token, and repeats nothing", () =>
    Effect.gen(function*() {
      const { client, seen } = redirecting()
      const { acquire, counts } = numbered()
      const auth = yield* refreshing(acquire, { origins: [api, "http://c.test"] })
      for (let i = 0; i < 2; i++) {
        const response = yield* ways["above followRedirects"](client, auth).post(`${api}/to/c.test`)
        assert.strictEqual(response.status, 401)
      }
      assert.deepStrictEqual(seen, ["Bearer t1", "none", "Bearer t1", "none"])
      assert.strictEqual(counts.begun, 1)
    }))

  for (const [method, repeats] of [["POST", false], ["GET", true]] as const) {
    it.effect(`above followRedirects: ${method} is ${repeats ? "" : "not "}repeated for a 401 behind a redirect, which has processed it`, () =>
      Effect.gen(function*() {
        const { client, seen } = clientWith((token, url) =>
          url.pathname === "/"
            ? new Response(null, { status: 303, headers: { location: "/done" } })
            : token === "Bearer t1"
            ? 401
            : 200
        )
        const auth = yield* refreshing(numbered().acquire)
        yield* ways["above followRedirects"](client, auth).execute(HttpClientRequest.make(method)(api))
        assert.deepStrictEqual(seen, [
          "Bearer t1",
          "Bearer t1",
          ...repeats ? ["Bearer t2", "Bearer t2"] : []
        ])
        assert.deepStrictEqual(yield* Effect.map(auth.token, Redacted.value), "t2")
      }))
  }

  it.effect("from another origin to a listed one: below followRedirects the last hop gets the token", () =>
    Effect.gen(function*() {
      const { client, seen } = redirecting()
      yield* ways["below followRedirects"](client, yield* refreshing(numbered().acquire)).get("http://b.test/to/a.test")
      assert.deepStrictEqual(seen, ["none", "Bearer t1"])
    }))
})

it.effect("a space in a path or query, which is encoded when it is sent, does not keep the token back", () =>
  Effect.gen(function*() {
    const { client, seen } = clientWith((token) => token === "Bearer t1" ? 401 : 200)
    const auth = yield* refreshing(numbered().acquire)
    assert.strictEqual((yield* Auth.client(client, auth).get(`${api}/a b?c d`)).status, 200)
    assert.deepStrictEqual(seen, ["Bearer t1", "Bearer t2"])
  }))

describe("URLs that two parsers may read differently do not get the token", () => {
  const urls = [
    "http://a.test\\@b.test/",
    "http://a.test@b.test/",
    "http://user:password@a.test/",
    "http://b.test\\a.test/",
    "http://b.test#@a.test/",
    "http://a.test%2eb.test/",
    "http:/\\a.test/",
    "//a.test/",
    "/a"
  ]
  for (const url of urls) {
    it.effect(url, () =>
      Effect.gen(function*() {
        const seen: Array<string> = []
        // Whatever client is below, and however it reads the URL.
        const below = HttpClient.makeWith<never, never, never, never>(
          Effect.flatMap((request: HttpClientRequest.HttpClientRequest) => {
            seen.push(request.headers["authorization"] ?? "none")
            return Effect.interrupt
          }),
          Effect.succeed
        )
        const authorized = Auth.client(below, yield* refreshing(numbered().acquire))
        const exit = yield* Effect.exit(authorized.execute(HttpClientRequest.get(url)))
        assert.isTrue(exit._tag === "Failure" && Cause.isInterrupted(exit.cause))
        assert.deepStrictEqual(seen, ["none"])
      }))
  }
})

it.effect("no log, error, event or output of a request has the token", () =>
  contained(Effect.gen(function*() {
    const lines: Array<unknown> = []
    const logger = Logger.make<unknown, void>(({ message }) => void lines.push(message))
    const { events, pool } = yield* watchedPool(
      [T.connection(T.discardUntil("\r\n\r\n"), refused, T.discardUntil("\r\n\r\n"), T.reply("no\r\n\r\n"))],
      { wireTap: true }
    )
    const token: Auth.Token = { token: Redacted.make("s3cr3t") }
    const auth = yield* refreshing(Effect.succeed(token))
    const error = yield* failsWith(Auth.pool(pool, auth).execute(get()), "BadStatusLine").pipe(
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Logger.withMinimumLogLevel(LogLevel.All)
    )
    assert.isAbove(lines.length, 0)
    assert.include(JSON.stringify(lines), "Authorization: <redacted>")
    const shown = [inspect(lines), inspect(events, { depth: 9 }), inspect(error), JSON.stringify(error), String(error)]
    for (const text of shown) assert.notInclude(text, "s3cr3t")
  })))
