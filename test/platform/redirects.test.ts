/** `followRedirects` over a client in memory: what is sent, in which order, and what comes back. */
import * as Cookies from "@effect/platform/Cookies"
import * as Headers from "@effect/platform/Headers"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type * as Tracer from "effect/Tracer"
import { isHttpError } from "../../src/HttpError.ts"
import * as HttpFields from "../../src/HttpFields.ts"
import type { RedirectOptions } from "../../src/internal/platform/redirects.ts"
import { followRedirects, redirectHistory } from "../../src/internal/platform/redirects.ts"
import { release, ReleaseId } from "../../src/internal/platform/release.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as T from "../../src/TestTransport.ts"
import { clientOver, quietly } from "./kit.ts"

/** A request as the server sees it. */
interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: string
}

type Answer = (request: HttpClientRequest.HttpClientRequest, url: URL) => Response

const redirectTo = (location: string, status = 302, headers: Record<string, string> = {}): Response =>
  new Response(null, { status, headers: { ...headers, location } })

/** A client that answers out of a function, and notes what it is asked. */
const scripted = (answer: Answer) => {
  const seen: Array<Seen> = []
  const requests: Array<HttpClientRequest.HttpClientRequest> = []
  const signals: Array<AbortSignal> = []
  const client = HttpClient.make((request, url, signal) =>
    Effect.gen(function*() {
      const body = request.body._tag === "Stream"
        ? yield* Effect.orDie(Stream.mkString(Stream.decodeText(request.body.stream)))
        : request.body._tag === "Uint8Array"
        ? new TextDecoder().decode(request.body.body)
        : request.body._tag
      seen.push({ method: request.method, url: url.href, headers: { ...request.headers }, body })
      requests.push(request)
      signals.push(signal)
      return HttpClientResponse.fromWeb(request, answer(request, url))
    })
  ).pipe(HttpClient.withTracerPropagation(false))
  return { client, seen, requests, signals, urls: () => seen.map(({ method, url }) => `${method} ${url}`) }
}

/** Answers by URL without the fragment; 200 for what is not in the table. */
const site = (table: Record<string, string | (() => Response)>) =>
  scripted((_, url) => {
    const plain = new URL(url)
    plain.hash = ""
    const entry = table[plain.href]
    return entry === undefined ? new Response("here") : typeof entry === "string" ? redirectTo(entry) : entry()
  })

const failureOf = <A, R>(
  effect: Effect.Effect<A, HttpClientError.HttpClientError, R>
): Effect.Effect<HttpClientError.ResponseError, A, R> =>
  Effect.map(Effect.flip(effect), (error) => {
    assert(error._tag === "ResponseError")
    return error
  })

const causeOf = (error: HttpClientError.HttpClientError) => {
  assert(isHttpError(error.cause))
  return error.cause
}

it.scoped("a redirect from a host with a zone id leads to that host, with its span", () =>
  Effect.gen(function*() {
    const { client, transport } = yield* clientOver(
      T.expect("GET /a HTTP/1.1\r\nHost: [fe80::1]:81\r\n\r\n"),
      T.reply("HTTP/1.1 302 Found\r\nLocation: http://[fe80::1]:81/b\r\nContent-Length: 0\r\n\r\n"),
      T.expect("GET /b HTTP/1.1\r\nHost: [fe80::1]:81\r\n\r\n"),
      T.reply("HTTP/1.1 302 Found\r\nLocation: ftp://a/\r\nContent-Length: 0\r\n\r\n")
    )
    const error = yield* failureOf(quietly(followRedirects(client).get("http://[fe80::1%25lo]:81/a")))
    assert.strictEqual(causeOf(error)._tag, "UnsafeRedirect")
    assert.strictEqual(causeOf(error).context.origin, "http://[fe80::1%lo]:81")
    assert.strictEqual(transport.opened.length, 1)
    yield* transport.verify
  }))

describe("followRedirects", () => {
  it.effect("gives the response that is no redirect, unread", () =>
    Effect.gen(function*() {
      const { client, urls } = site({ "http://a/": "/b", "http://a/b": "c?x=1", "http://a/c?x=1": "http://z:81/" })
      const response = yield* followRedirects(client).get("http://a/")
      assert.strictEqual(response.status, 200)
      assert.strictEqual(yield* response.text, "here")
      assert.deepStrictEqual(urls(), ["GET http://a/", "GET http://a/b", "GET http://a/c?x=1", "GET http://z:81/"])
    }))

  it.effect("takes its options after the client, or before it", () =>
    Effect.gen(function*() {
      const { client, urls } = site({ "https://a/": "http://a/" })
      yield* followRedirects(client, { allowDowngrade: true }).get("https://a/")
      yield* client.pipe(followRedirects({ allowDowngrade: true })).get("https://a/")
      assert.lengthOf(urls(), 4)
      yield* Effect.flip(followRedirects(client).get("https://a/"))
      yield* Effect.flip(client.pipe(followRedirects()).get("https://a/"))
      assert.lengthOf(urls(), 6)
    }))

  it("adds only the errors of HttpClient to those of the client", () => {
    class Mine extends Data.TaggedError("Mine")<{}> {}
    const client = HttpClient.makeWith<Mine, Ref.Ref<number>, Mine, Ref.Ref<number>>(
      () => Effect.fail(new Mine()),
      Effect.succeed
    )
    expectTypeOf(followRedirects(client)).toEqualTypeOf<
      HttpClient.HttpClient.With<Mine | HttpClientError.HttpClientError, Ref.Ref<number>>
    >()
    expectTypeOf(client.pipe(followRedirects({ limit: 1 }))).toEqualTypeOf<
      HttpClient.HttpClient.With<Mine | HttpClientError.HttpClientError, Ref.Ref<number>>
    >()
  })

  const given: ReadonlyArray<readonly [status: number, headers: Record<string, string>]> = [
    [200, { location: "/b" }],
    [201, { location: "/b" }],
    [300, { location: "/b" }],
    [304, { location: "/b" }],
    [305, { location: "/b" }],
    [306, { location: "/b" }],
    [309, { location: "/b" }],
    [404, { location: "/b" }],
    [301, {}],
    [302, {}],
    [303, {}],
    [307, {}],
    [308, {}]
  ]
  for (const [status, headers] of given) {
    it.effect(`gives ${status} ${"location" in headers ? "with" : "without"} a Location as it is`, () =>
      Effect.gen(function*() {
        const { client, seen } = scripted(() => new Response(null, { status, headers }))
        const response = yield* followRedirects(client).get("http://a/")
        assert.strictEqual(response.status, status)
        assert.lengthOf(seen, 1)
        assert.deepStrictEqual(redirectHistory(response), [])
      }))
  }

  it.effect("passes the client's own failure on as it is", () =>
    Effect.gen(function*() {
      class Mine extends Data.TaggedError("Mine")<{}> {}
      const { client } = site({ "http://a/": "http://b/" })
      const failing = HttpClient.transform(
        client,
        (
          effect,
          request
        ): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError | Mine> =>
          request.url === "http://b/" ? Effect.fail(new Mine()) : effect
      )
      const error = yield* Effect.flip(followRedirects(failing).get("http://a/"))
      assert.strictEqual(error._tag, "Mine")
    }))

  it.effect("works on a client that has no first half to leave out", () =>
    Effect.gen(function*() {
      const { client, urls } = site({ "http://a/": "/b" })
      const { execute } = client
      const byHand: HttpClient.HttpClient = Object.assign(Object.create(Object.getPrototypeOf(client)), { execute })
      const response = yield* followRedirects(byHand).get("http://a/")
      assert.strictEqual(response.status, 200)
      assert.deepStrictEqual(urls(), ["GET http://a/", "GET http://a/b"])
    }))
})

describe("the next request", () => {
  for (const status of [301, 302, 303, 307, 308]) {
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const) {
      it.effect(`after ${status} to ${method} has the method, the body and the fields that belong together`, () =>
        Effect.gen(function*() {
          const { client, seen } = scripted((_, url) =>
            url.pathname === "/" ? redirectTo("/b", status) : new Response(null)
          )
          const request = HttpClientRequest.make(method)("http://a/").pipe(
            HttpClientRequest.setHeader("accept", "text/plain"),
            HttpClientRequest.setBody(HttpBody.text("body", "text/csv")),
            HttpClientRequest.setHeader("content-language", "de")
          )
          yield* followRedirects(client).execute(request)
          const drops = status === 303 || (method === "POST" && status <= 302)
          assert.deepStrictEqual(seen[1], {
            method: drops ? method === "HEAD" ? "HEAD" : "GET" : method,
            url: "http://a/b",
            body: drops ? "Empty" : "body",
            headers: drops
              ? { accept: "text/plain" }
              : { accept: "text/plain", "content-type": "text/csv", "content-length": "4", "content-language": "de" }
          })
        }))
    }
  }

  it.effect("keeps a Content-Type that was set over that of the body", () =>
    Effect.gen(function*() {
      const { client, seen } = scripted((_, url) => url.pathname === "/" ? redirectTo("/b", 307) : new Response(null))
      const request = HttpClientRequest.post("http://a/").pipe(
        HttpClientRequest.bodyUnsafeJson({}),
        HttpClientRequest.setHeader("content-type", "application/vnd.api+json")
      )
      yield* followRedirects(client).execute(request)
      assert.strictEqual(seen[1]?.headers["content-type"], "application/vnd.api+json")
      assert.strictEqual(seen[1]?.body, "{}")
    }))

  it.effect("has a field of every legal name still", () =>
    Effect.gen(function*() {
      const { client, seen } = site({ "http://a/": "/b" })
      const headers = Headers.fromInput([["__proto__", "x"], ["constructor", "y"]])
      yield* followRedirects(client).get("http://a/", { headers })
      assert.deepStrictEqual(Object.entries(seen[1]?.headers ?? {}), [["__proto__", "x"], ["constructor", "y"]])
    }))

  const queries = [
    "",
    "?",
    "?a",
    "?a=",
    "?a=1&a=2",
    "?a=b%20c",
    "?a=b+c",
    "?a=~!()*",
    "?sig=a/b%2Fc==",
    "?%zz",
    "??",
    "?a=%C3%A4"
  ]
  for (const query of queries) {
    for (const fragment of ["", "#x", "#x%20?y"]) {
      it.effect(`asks for exactly the query ${JSON.stringify(query)} with the fragment ${JSON.stringify(fragment)}`, () =>
        Effect.gen(function*() {
          const { client, seen, requests } = scripted((_, url) =>
            url.pathname === "/" ? redirectTo(`/b${query}${fragment}`) : new Response(null)
          )
          yield* followRedirects(client).get("http://a/", { urlParams: { first: "1", more: ["2", "3"] } })
          assert.strictEqual(seen[0]?.url, "http://a/?first=1&more=2&more=3")
          assert.strictEqual(seen[1]?.url, `http://a/b${query}${fragment}`)
          assert.strictEqual(requests[1]?.hash._tag, fragment === "" ? "None" : "Some")
          assert.deepStrictEqual(requests[1]?.hash, fragment === "" ? Option.none() : Option.some(fragment.slice(1)))
        }))
    }
  }

  it.effect("keeps the fragment of the first where no Location has one, and the last one that has", () =>
    Effect.gen(function*() {
      const { client, seen } = site({ "http://a/1": "/2", "http://a/2": "/3#own", "http://a/3": "http://b/4" })
      yield* followRedirects(client).execute(HttpClientRequest.get("http://a/1", { hash: "top" }))
      assert.deepStrictEqual(seen.map(({ url }) => url), [
        "http://a/1#top",
        "http://a/2#top",
        "http://a/3#own",
        "http://b/4#own"
      ])
    }))

  it.effect("does not show a query in the messages of the platform's errors, where that can be avoided", () =>
    Effect.gen(function*() {
      const { client } = site({
        "http://a/": "/b?code=s3cr3t",
        "http://a/b?code=s3cr3t": () => new Response(null, { status: 500 })
      })
      const error = yield* Effect.flip(HttpClient.filterStatusOk(followRedirects(client)).get("http://a/"))
      assert.notInclude(error.message, "s3cr3t")
    }))

  it.effect("is prepared by what is before or behind in the pipe once, for the first request", () =>
    Effect.gen(function*() {
      const { client, seen } = site({ "http://a/": "/b", "http://a/b": "http://c/", "http://c/": "http://a/d" })
      const before = client.pipe(HttpClient.mapRequest(HttpClientRequest.bearerToken("t")), followRedirects())
      const behind = client.pipe(followRedirects(), HttpClient.mapRequest(HttpClientRequest.bearerToken("t")))
      const effectful = client.pipe(
        HttpClient.mapRequestEffect((request) =>
          Effect.map(Effect.yieldNow(), () => HttpClientRequest.bearerToken(request, "t"))
        ),
        followRedirects()
      )
      for (const each of [before, behind, effectful]) {
        seen.length = 0
        yield* each.get("http://a/")
        assert.deepStrictEqual(seen.map(({ headers }) => headers["authorization"]), [
          "Bearer t",
          "Bearer t",
          undefined,
          undefined
        ])
      }
    }))

  it.effect("has no cookie of a jar at another origin", () =>
    Effect.gen(function*() {
      const { client, seen } = site({ "http://a/": "http://b/", "http://b/": "http://a/2" })
      const ref = yield* Ref.make(Cookies.fromSetCookie("sid=1"))
      yield* client.pipe(HttpClient.withCookiesRef(ref), followRedirects()).get("http://a/")
      assert.deepStrictEqual(seen.map(({ headers }) => headers["cookie"]), ["sid=1", undefined, undefined])
    }))
})

describe("credentials", () => {
  const fields = {
    authorization: "Bearer s",
    cookie: "a=b",
    "proxy-authorization": "Basic s",
    "x-api-key": "s",
    "x-mine": "s",
    "x-named": "s",
    accept: "text/plain"
  }
  const options: RedirectOptions = { sensitiveHeaders: ["X-Mine"], allowDowngrade: true, limit: 20 }
  const origins = ["http://a", "https://a", "http://a:81", "http://b", "https://b"]

  const chain = (steps: ReadonlyArray<string>, options?: RedirectOptions) =>
    Effect.gen(function*() {
      const { client, seen } = scripted((_, url) => {
        const at = Number(url.searchParams.get("n") ?? 0)
        const next = steps[at + 1]
        return next === undefined ? new Response(null) : redirectTo(`${next}/?n=${at + 1}`)
      })
      yield* Effect.locally(
        followRedirects(client, options).get(`${steps[0]}/`, { headers: fields }),
        Headers.currentRedactedNames,
        ["x-api-key", /^x-named$/]
      )
      return seen.map(({ headers }) => headers)
    })

  for (const from of origins) {
    for (const other of origins) {
      it.effect(`${from === other ? "go along" : "stay behind"} from ${from} to ${other}, and do not come back`, () =>
        Effect.gen(function*() {
          const [first, second, third] = yield* chain([from, other, from], options)
          const kept = from === other ? fields : { accept: "text/plain" }
          assert.deepStrictEqual(first, fields)
          assert.deepStrictEqual(second, kept)
          assert.deepStrictEqual(third, kept)
        }))
    }
  }

  it.effect("of the caller's are those that the options or the platform's list name", () =>
    Effect.gen(function*() {
      const [, second] = yield* chain(["http://a", "http://b"])
      assert.deepStrictEqual(second, { "x-mine": "s", accept: "text/plain" })
    }))

  it.effect("in the URL of the request go along with its origin alone", () =>
    Effect.gen(function*() {
      const { client, seen } = site({
        "http://me:pw@a/": "/2",
        "http://me:pw@a/2": "http://a/3",
        "http://me:pw@a/3": "http://b/",
        "http://b/": "http://a/4"
      })
      yield* followRedirects(client).get("http://me:pw@a/")
      assert.deepStrictEqual(seen.map(({ url }) => url), [
        "http://me:pw@a/",
        "http://me:pw@a/2",
        "http://me:pw@a/3",
        "http://b/",
        "http://a/4"
      ])
    }))
})

describe("a redirect that is not followed", () => {
  const cases: ReadonlyArray<
    readonly [tag: string, from: string, location: string, request?: HttpClientRequest.HttpClientRequest]
  > = [
    ["InvalidRedirect", "http://a/", "http://"],
    ["InvalidRedirect", "http://a/", ""],
    ["InvalidRedirect", "http://a/", "/x, /y"],
    ["UnsafeRedirect", "https://a/", "http://a/"],
    ["UnsafeRedirect", "http://a/", "file:///x"],
    ["UnsafeRedirect", "http://a/", "http://u:p@b/"],
    ["RedirectLoop", "http://a/", "/"],
    [
      "UnreplayableBody",
      "http://a/",
      "/b",
      HttpClientRequest.put("http://a/").pipe(HttpClientRequest.bodyStream(Stream.make(new Uint8Array(1))))
    ]
  ]
  for (const [tag, from, location, request] of cases) {
    it.effect(`fails with ${tag} as the cause of a ResponseError: ${from} to ${JSON.stringify(location)}`, () =>
      Effect.gen(function*() {
        const { client, seen } = scripted(() => redirectTo(location))
        const asked = request ?? HttpClientRequest.get(from)
        const error = yield* failureOf(followRedirects(client).execute(asked))
        const cause = causeOf(error)
        assert.strictEqual(cause._tag, tag)
        assert.strictEqual(error.reason, "StatusCode")
        assert.strictEqual(error.description, cause.description)
        assert.include(error.message, cause.description)
        // The platform says the request itself.
        assert.isTrue(cause.message.startsWith(`${cause.description} (${asked.method} http`))
        assert.notInclude(error.message, `(${asked.method} ${cause.context.origin}`)
        assert.strictEqual(error.request, asked)
        assert.strictEqual(error.response.status, 302)
        assert("history" in cause)
        assert.deepStrictEqual(cause.history, [{ status: 302, method: asked.method, url: from }])
        assert.lengthOf(seen, 1)
        assert.strictEqual(cause.context.phase, "redirect")
        assert.strictEqual(cause.context.origin, from === "https://a/" ? "https://a:443" : "http://a:80")
        assert.strictEqual(cause.context.requestState, "ResponseStarted")
        assert.strictEqual(cause.context.processed, "Yes")
        assert.strictEqual(cause.context.replayable, tag !== "UnreplayableBody")
        assert.strictEqual(cause.context.fault, tag === "UnreplayableBody" ? "User" : "Remote")
      }))
  }

  it.effect("fails with TooManyRedirects behind the limit, with the way", () =>
    Effect.gen(function*() {
      const { client, urls } = scripted((_, url) => redirectTo(`/${Number(url.pathname.slice(1)) + 1}?token=s`, 301))
      const error = yield* failureOf(followRedirects(client, { limit: 2 }).get("http://a:81/0"))
      const cause = causeOf(error)
      assert(cause._tag === "TooManyRedirects")
      assert.strictEqual(cause.limit, 2)
      assert.deepStrictEqual(cause.history, [
        { status: 301, method: "GET", url: "http://a:81/0" },
        { status: 301, method: "GET", url: "http://a:81/1?…" },
        { status: 301, method: "GET", url: "http://a:81/2?…" }
      ])
      assert.strictEqual(cause.context.origin, "http://a:81")
      assert.lengthOf(urls(), 3)
    }))

  it.effect("follows ten without being told", () =>
    Effect.gen(function*() {
      const { client, seen } = scripted((_, url) => redirectTo(`/${Number(url.pathname.slice(1)) + 1}`))
      const error = yield* failureOf(followRedirects(client).get("http://a/0"))
      assert.strictEqual(causeOf(error)._tag, "TooManyRedirects")
      assert.lengthOf(seen, 11)
    }))

  it.effect("is no loop where a cookie was set, which may be what the server waits for", () =>
    Effect.gen(function*() {
      let asked = 0
      const { client, urls } = scripted(() =>
        asked++ === 0 ? redirectTo("/", 302, { "set-cookie": "seen=1" }) : new Response(null)
      )
      const response = yield* followRedirects(client).get("http://a/")
      assert.strictEqual(response.status, 200)
      assert.lengthOf(urls(), 2)
    }))

  it.effect("is the caller's fault where the request has no absolute URL", () =>
    Effect.gen(function*() {
      const client = HttpClient.makeWith<never, never, never, never>(
        Effect.map((request) => HttpClientResponse.fromWeb(request, redirectTo("http://b/"))),
        Effect.succeed
      )
      const error = yield* failureOf(followRedirects(client).get("/x"))
      const cause = causeOf(error)
      assert(cause._tag === "InvalidRedirect")
      assert.strictEqual(cause.reason, "NoBaseUrl")
      assert.strictEqual(cause.context.fault, "User")
      assert.strictEqual(cause.context.origin, undefined)
    }))

  it.effect("is not retried by retryTransient, behind it or before it", () =>
    Effect.gen(function*() {
      const { client, seen } = scripted(() => redirectTo("ftp://a/"))
      const times = { schedule: Schedule.recurs(3) }
      yield* Effect.flip(client.pipe(followRedirects(), HttpClient.retryTransient(times)).get("http://a/"))
      yield* Effect.flip(client.pipe(HttpClient.retryTransient(times), followRedirects()).get("http://a/"))
      assert.lengthOf(seen, 2)
    }))

  it.effect("leaves the retrying of what is behind a redirect to retryTransient, from the first request on or for the hop", () =>
    Effect.gen(function*() {
      const { client, urls } = site({ "http://a/": "/b", "http://a/b": () => new Response(null, { status: 503 }) })
      const once = { times: 1 }
      yield* client.pipe(followRedirects(), HttpClient.retryTransient(once)).get("http://a/")
      assert.deepStrictEqual(urls(), ["GET http://a/", "GET http://a/b", "GET http://a/", "GET http://a/b"])
      yield* client.pipe(HttpClient.retryTransient(once), followRedirects()).get("http://a/")
      assert.deepStrictEqual(urls().slice(4), ["GET http://a/", "GET http://a/b", "GET http://a/b"])
    }))

  it.effect("is judged by the field lines of a response that has them", () =>
    Effect.gen(function*() {
      const run = (lines: ReadonlyArray<string>) => {
        const { client, urls } = site({ "http://a/": lines.join(", ") })
        const withFields = HttpClient.transformResponse(
          client,
          Effect.map((response) =>
            Object.create(response, {
              fields: {
                value: HttpFields.fromInput(
                  response.status === 302 ? lines.map((line) => ["Location", line] as const) : []
                )
              },
              request: { value: response.request },
              status: { value: response.status },
              headers: { value: response.headers },
              stream: { value: Stream.empty }
            }) as HttpClientResponse.HttpClientResponse
          )
        )
        return Effect.map(
          Effect.either(followRedirects(withFields).get("http://a/")),
          (result) => ({ result, urls: urls() })
        )
      }
      const one = yield* run(["/x, /y"])
      assert.deepStrictEqual(one.urls, ["GET http://a/", "GET http://a/x,%20/y"])
      const same = yield* run(["/x", "/x"])
      assert.deepStrictEqual(same.urls, ["GET http://a/", "GET http://a/x"])
      const two = yield* run(["x", "y"])
      assert.strictEqual(two.result._tag, "Left")
    }))
})

describe("a body that is to be sent again", () => {
  const again = (body: HttpBody.HttpBody, options?: RedirectOptions) => {
    const { client, seen } = scripted((_, url) => url.pathname === "/" ? redirectTo("/b", 308) : new Response(null))
    const request = HttpClientRequest.put("http://a/").pipe(HttpClientRequest.setBody(body))
    return Effect.map(Effect.either(followRedirects(client, options).execute(request)), (result) => ({ result, seen }))
  }
  const stream = () => HttpBody.stream(Stream.make(new TextEncoder().encode("streamed")), "text/plain", 8)

  it.effect("is sent again with its length and type if it is in memory", () =>
    Effect.gen(function*() {
      const { seen } = yield* again(HttpBody.text("again"))
      assert.deepStrictEqual(seen[1], {
        method: "PUT",
        url: "http://a/b",
        body: "again",
        headers: { "content-type": "text/plain", "content-length": "5" }
      })
    }))

  it.effect("is the same form", () =>
    Effect.gen(function*() {
      const { seen } = yield* again(HttpBody.formDataRecord({ a: "1" }))
      assert.strictEqual(seen[1]?.body, "FormData")
      assert.deepStrictEqual(seen[1]?.headers, {})
    }))

  it.effect("is no stream, unless the caller knows it better", () =>
    Effect.gen(function*() {
      const refused = yield* again(stream())
      assert(refused.result._tag === "Left")
      assert.strictEqual(causeOf(refused.result.left)._tag, "UnreplayableBody")
      const { seen } = yield* again(stream(), { replayStreams: true })
      assert.deepStrictEqual(seen.map(({ body }) => body), ["streamed", "streamed"])
      assert.deepStrictEqual(seen[1]?.headers, { "content-type": "text/plain", "content-length": "8" })
    }))
})

describe("the history", () => {
  it.effect("of a response is the redirects that led to it", () =>
    Effect.gen(function*() {
      const { client } = scripted((_, url) =>
        url.pathname === "/1"
          ? redirectTo("/2?q=s3cr3t", 303)
          : url.pathname === "/2"
          ? redirectTo("http://b/3", 308)
          : new Response(null)
      )
      const response = yield* followRedirects(client).post("http://a/1")
      const expected = [
        { status: 303, method: "POST", url: "http://a/1" },
        { status: 308, method: "GET", url: "http://a/2?…" }
      ]
      assert.deepStrictEqual(redirectHistory(response), expected)
      const wrapped: HttpClientResponse.HttpClientResponse = Object.create(response, {
        request: { get: () => response.request }
      })
      assert.deepStrictEqual(redirectHistory(wrapped), expected)
    }))

  it.effect("of a response that came at once, or to which nobody followed, is empty", () =>
    Effect.gen(function*() {
      const { client } = site({})
      assert.deepStrictEqual(redirectHistory(yield* followRedirects(client).get("http://a/")), [])
      assert.deepStrictEqual(redirectHistory(yield* client.get("http://a/")), [])
    }))

  it.effect("is that of the response, where a client says of all that they answer one request", () =>
    Effect.gen(function*() {
      const { client } = site({ "http://a/1": "/3", "http://a/2": "/3" })
      const request = HttpClientRequest.get("http://a/")
      const vague = HttpClient.transformResponse(
        client,
        Effect.map((response) =>
          response.status === 302 ? response : HttpClientResponse.fromWeb(request, new Response(null))
        )
      )
      const following = followRedirects(vague)
      const responses = [yield* following.get("http://a/1"), yield* following.get("http://a/2")]
      assert.deepStrictEqual(responses.map((response) => redirectHistory(response).map(({ url }) => url)), [
        ["http://a/1"],
        ["http://a/2"]
      ])
    }))

  it.effect("is of one run, where an effect is run again", () =>
    Effect.gen(function*() {
      let n = 0
      const { client } = scripted((_, url) => url.pathname === "/" ? redirectTo(`/${++n}`) : new Response(null))
      const get = followRedirects(client).get("http://a/")
      const [first, second] = yield* Effect.all([get, get], { concurrency: "unbounded" })
      assert.lengthOf(redirectHistory(first), 1)
      assert.lengthOf(redirectHistory(second), 1)
    }))
})

describe("the body of a redirect", () => {
  /** A body that notes how it is read; `pieces` without end where it says so. */
  const body = (log: Array<string>, name: string, pieces: number) => {
    let n = 0
    return new ReadableStream<Uint8Array>({
      pull: (controller) => {
        if (n++ < pieces) return controller.enqueue(new Uint8Array(1024))
        log.push(`${name} read`)
        controller.close()
      },
      cancel: () => {
        log.push(`${name} let go`)
      }
    }, { highWaterMark: 0 })
  }

  const run = (pieces: number, options?: RedirectOptions, location = "/b") => {
    const log: Array<string> = []
    const { client } = scripted((_, url) => {
      log.push(`asked for ${url.pathname}`)
      return url.pathname === "/"
        ? new Response(body(log, "redirect", pieces), { status: 302, headers: { location } })
        : new Response(body(log, "answer", 1))
    })
    return { log, effect: followRedirects(client, options).get("http://a/") }
  }

  it.effect("is read before the next request, and that of the answer is not", () =>
    Effect.gen(function*() {
      const { effect, log } = run(5)
      yield* effect
      assert.deepStrictEqual(log, ["asked for /", "redirect read", "asked for /b"])
    }))

  it.effect("is read up to the limit, and let go of", () =>
    Effect.gen(function*() {
      for (
        const [pieces, drainLimit, end] of [[5, 5120, "read"], [5, 5119, "let go"], [1, 0, "let go"], [
          0,
          0,
          "read"
        ]] as const
      ) {
        const { effect, log } = run(pieces, { drainLimit })
        yield* effect
        assert.deepStrictEqual(log, ["asked for /", `redirect ${end}`, "asked for /b"], `${pieces} of ${drainLimit}`)
      }
    }))

  it.effect("may have 64 KiB without being told", () =>
    Effect.gen(function*() {
      const small = run(64)
      yield* small.effect
      assert.include(small.log, "redirect read")
      const large = run(65)
      yield* large.effect
      assert.include(large.log, "redirect let go")
    }))

  it.effect("without end is let go of", () =>
    Effect.gen(function*() {
      const { effect, log } = run(Infinity)
      yield* effect
      assert.deepStrictEqual(log, ["asked for /", "redirect let go", "asked for /b"])
    }))

  it.effect("is let go of when the redirect is not followed", () =>
    Effect.gen(function*() {
      const { effect, log } = run(1, {}, "ftp://a/")
      yield* Effect.flip(effect)
      assert.deepStrictEqual(log, ["asked for /", "redirect read"])
    }))

  /** A client whose redirect has the given body. */
  const withStream = (stream: Stream.Stream<Uint8Array, HttpClientError.ResponseError>, options?: RedirectOptions) => {
    const { client, urls } = site({ "http://a/": "/b" })
    const changed = HttpClient.transformResponse(
      client,
      Effect.map((response) =>
        response.status === 302
          ? Object.create(response, {
            stream: { value: stream },
            status: { value: 302 },
            headers: { value: response.headers },
            request: { value: response.request }
          }) as HttpClientResponse.HttpClientResponse
          : response
      )
    )
    return { effect: followRedirects(changed, options).get("http://a/"), urls }
  }

  it.effect("that comes too slowly is let go of after the time", () =>
    Effect.gen(function*() {
      for (const [drainTime, millis] of [[undefined, 1000], ["5 seconds", 5000]] as const) {
        const reading = yield* Deferred.make<void>()
        const closed = yield* Deferred.make<void>()
        const stream = Stream.execute(Effect.zipRight(Deferred.succeed(reading, undefined), Effect.never)).pipe(
          Stream.ensuring(Deferred.succeed(closed, undefined))
        )
        const { effect, urls } = withStream(stream, { drainTime })
        const fiber = yield* Effect.fork(effect)
        yield* Deferred.await(reading)
        yield* TestClock.adjust(millis - 1)
        assert.lengthOf(urls(), 1)
        assert.isFalse(yield* Deferred.isDone(closed))
        yield* TestClock.adjust(1)
        const response = yield* Fiber.join(fiber)
        assert.strictEqual(response.status, 200)
        assert.isTrue(yield* Deferred.isDone(closed))
      }
    }))

  it.effect("that breaks off is no failure of the request", () =>
    Effect.gen(function*() {
      const { client } = site({})
      const response = yield* client.get("http://a/")
      const broken = new HttpClientError.ResponseError({ request: response.request, response, reason: "Decode" })
      const { effect, urls } = withStream(Stream.concat(Stream.make(new Uint8Array(1)), Stream.fail(broken)))
      yield* effect
      assert.lengthOf(urls(), 2)
    }))

  it.effect("that dies is a defect still", () =>
    Effect.gen(function*() {
      const { effect } = withStream(Stream.die("bug"))
      assert.deepStrictEqual(yield* Effect.exit(effect), Exit.die("bug"))
    }))

  it.effect("is let go of when the caller is interrupted while it is read, and nothing more is asked", () =>
    Effect.gen(function*() {
      const reading = yield* Deferred.make<void>()
      const closed = yield* Deferred.make<void>()
      const stream = Stream.execute(Effect.zipRight(Deferred.succeed(reading, undefined), Effect.never)).pipe(
        Stream.ensuring(Deferred.succeed(closed, undefined))
      )
      const { effect, urls } = withStream(stream)
      const fiber = yield* Effect.fork(effect)
      yield* Deferred.await(reading)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      assert.isTrue(yield* Deferred.isDone(closed))
      assert.lengthOf(urls(), 1)
    }))

  it.effect("of a response that lets go of itself is not read", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const { client } = site({ "http://a/": "/b" })
      const releasable = HttpClient.transform(client, (effect, request) =>
        Effect.map(effect, (response) => {
          log.push(`answered ${request.url}`)
          return Object.create(response, {
            [ReleaseId]: { value: Effect.sync(() => log.push("released")) },
            stream: { get: () => assert.fail("it was read") },
            status: { value: response.status },
            headers: { value: response.headers },
            request: { value: response.request }
          }) as HttpClientResponse.HttpClientResponse
        }))
      yield* followRedirects(releasable).get("http://a/")
      assert.deepStrictEqual(log, ["answered http://a/", "released", "answered http://a/b"])
    }))

  it.effect("is read where what is under the name of letting go is no effect", () =>
    Effect.gen(function*() {
      const { client } = site({})
      const response = yield* client.get("http://a/")
      let read = false
      const odd = Object.create(response, {
        [ReleaseId]: { value: true },
        stream: {
          value: Stream.execute(Effect.sync(() => {
            read = true
          }))
        }
      })
      yield* release(odd, { bytes: 1, time: 1 })
      assert.isTrue(read)
    }))
})

describe("the scope of withScope", () => {
  it.effect("ends the answer behind a redirect too, wherever it is in the pipe", () =>
    Effect.gen(function*() {
      for (
        const scoped of [
          (client: HttpClient.HttpClient) => HttpClient.withScope(followRedirects(client)),
          (client: HttpClient.HttpClient) => followRedirects(HttpClient.withScope(client))
        ]
      ) {
        const { client, signals } = site({ "http://a/": "/b" })
        const scope = yield* Scope.make()
        yield* Scope.extend(scoped(client).get("http://a/"), scope)
        assert.isFalse(signals[1]?.aborted)
        yield* Scope.close(scope, Exit.void)
        assert.isTrue(signals[1]?.aborted)
      }
    }))
})

describe("over a pool", () => {
  const found = (size: number, location: string): string =>
    `HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: ${size}\r\n\r\n${"x".repeat(size)}`
  const ok = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"
  const get = (script: T.Script) =>
    Effect.gen(function*() {
      const client = followRedirects(yield* HttpClient.HttpClient)
      const response = yield* client.get("http://a.test/1", { headers: { authorization: "s" } })
      return [yield* response.text, redirectHistory(response).length]
    }).pipe(
      Effect.withTracerEnabled(false),
      Effect.provide(Layer.provide(PooledHttpClient.layerWithoutTransport(), T.layer(script)))
    )
  const head = (target: string, host: string, ...fields: ReadonlyArray<string>): T.Step =>
    T.expect([`GET ${target} HTTP/1.1`, `Host: ${host}`, ...fields, "", ""].join("\r\n"))

  it.scoped("the next request has the connection of the redirect, whose body is read", () =>
    Effect.gen(function*() {
      const steps = [
        head("/1", "a.test", "authorization: s"),
        // In pieces: a body that comes with its head needs no reading.
        T.reply(found(1000, "/2?q"), { split: [80, 500] }),
        head("/2?q", "a.test", "authorization: s"),
        T.reply(found(0, "../3")),
        head("/3", "a.test", "authorization: s"),
        T.reply(ok)
      ]
      assert.deepStrictEqual(yield* get([T.connection(...steps)]), ["done", 2])
    }))

  it.scoped("the next request goes on without it where the body does not end in time", () =>
    Effect.gen(function*() {
      const script = [
        T.connection(head("/1", "a.test", "authorization: s"), T.reply(found(10, "/2").slice(0, -1)), T.expectDestroy),
        T.connection(head("/2", "a.test", "authorization: s"), T.reply(ok))
      ]
      const fiber = yield* Effect.fork(get(script))
      yield* TestClock.adjust("999 millis")
      assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["done", 1])
    }))

  it.scoped("what is for one origin does not go over the wire to another", () =>
    Effect.gen(function*() {
      const script = [
        T.connection(head("/1", "a.test", "authorization: s"), T.reply(found(3, "//b.test/2"))),
        T.connection(head("/2", "b.test"), T.reply(ok))
      ]
      assert.deepStrictEqual(yield* get(script), ["done", 1])
    }))
})

describe("spans", () => {
  it.effect("are one for each request, side by side, and none for all", () =>
    Effect.gen(function*() {
      const spans: Array<readonly [name: string, parent: string | undefined, url: unknown]> = []
      const { client } = site({ "http://a/": "/b", "http://a/b": "http://c/" })
      const tracer = yield* Effect.tracer
      const noting: Tracer.Tracer = {
        ...tracer,
        span: (name, parent, ...rest) => {
          const span = tracer.span(name, parent, ...rest)
          const end = span.end.bind(span)
          span.end = (...args) => {
            const above = Option.getOrUndefined(parent)
            spans.push([name, above?._tag === "Span" ? above.name : undefined, span.attributes.get("url.full")])
            end(...args)
          }
          return span
        }
      }
      yield* followRedirects(client).get("http://a/").pipe(Effect.withSpan("mine"), Effect.withTracer(noting))
      assert.deepStrictEqual(spans, [
        ["http.client GET", "mine", "http://a/"],
        ["http.client GET", "mine", "http://a/b"],
        ["http.client GET", "mine", "http://c/"],
        ["mine", undefined, undefined]
      ])
    }))
})

describe("options", () => {
  const wrong: ReadonlyArray<readonly [option: string, options: unknown]> = [
    ["limit", { limit: -1 }],
    ["limit", { limit: 1.5 }],
    ["limit", { limit: Number.NaN }],
    ["limit", { limit: "10" }],
    ["drainLimit", { drainLimit: -1 }],
    ["drainLimit", { drainLimit: Number.NaN }],
    ["drainTime", { drainTime: "soon" }]
  ]
  for (const [option, options] of wrong) {
    it.effect(`are refused before anything is sent: ${option} of ${JSON.stringify(options)}`, () =>
      Effect.gen(function*() {
        const { client, seen } = site({})
        const error = yield* Effect.flip(followRedirects(client, options as RedirectOptions).get("http://a/"))
        assert(error._tag === "RequestError")
        assert.strictEqual(error.reason, "Encode")
        const cause = causeOf(error)
        assert(cause._tag === "InvalidOption")
        assert.strictEqual(cause.option, option)
        assert.strictEqual(error.description, cause.description)
        assert.lengthOf(seen, 0)
      }))
  }

  it.effect("that allow something do so if they are true, not if they are a word", () =>
    Effect.gen(function*() {
      const { client, seen } = site({ "https://a/": "http://a/" })
      const options = { allowDowngrade: "false", replayStreams: "no" } as unknown as RedirectOptions
      yield* Effect.flip(followRedirects(client, options).get("https://a/"))
      assert.lengthOf(seen, 1)
    }))

  it.effect("may be without a limit", () =>
    Effect.gen(function*() {
      const { client, seen } = scripted((_, url) => {
        const n = Number(url.pathname.slice(1))
        return n < 100 ? redirectTo(`/${n + 1}`) : new Response(null)
      })
      yield* followRedirects(client, { limit: Infinity, drainTime: Infinity, drainLimit: Infinity }).get("http://a/0")
      assert.lengthOf(seen, 101)
    }))
})

describe("the cost without a redirect", () => {
  const opsOf = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<number, E> =>
    Effect.async<number, E>((resume) => {
      let ops = 0
      const fiber = Effect.runFork(effect, {
        immediate: true,
        scheduler: { shouldYield: () => (ops++, false), scheduleTask: (task) => queueMicrotask(task) }
      })
      fiber.addObserver((exit) => resume(Effect.as(exit, ops)))
    })
  const response = HttpClientResponse.fromWeb(HttpClientRequest.get("http://a/"), new Response(null))
  const plain = HttpClient.makeWith<never, never, HttpClientError.HttpClientError, never>(
    (request) => Effect.map(request, () => response),
    Effect.succeed
  )

  it.effect("is one flatMap", () =>
    Effect.gen(function*() {
      const without = yield* opsOf(plain.get("http://a/"))
      const with_ = yield* opsOf(followRedirects(plain).get("http://a/"))
      assert.strictEqual(with_ - without, 2)
    }))

  it.effect("is two where the client prepares its requests", () =>
    Effect.gen(function*() {
      const prepared = HttpClient.mapRequest(plain, HttpClientRequest.acceptJson)
      const without = yield* opsOf(prepared.get("http://a/"))
      const with_ = yield* opsOf(followRedirects(prepared).get("http://a/"))
      assert.isAtMost(with_ - without, 5)
    }))
})
