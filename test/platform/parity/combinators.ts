/** The combinators of the platform over each client: statuses, schemas, retries, redirects, cookies, scopes. */
import * as Cookies from "@effect/platform/Cookies"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { unusedPort } from "../../fixtures/sockets.ts"
import { type Answer, ok, wireServer } from "../server.ts"
import { type Case, differs, fails, fieldsOf, outcome, quiet, same } from "./case.ts"

type Build = (url: string) => HttpClientRequest.HttpClientRequest

const { get } = HttpClientRequest
const post: Build = (url) => HttpClientRequest.post(url).pipe(HttpClientRequest.bodyText("x"))

const status = (code: number, ...fields: ReadonlyArray<string>) =>
  [`HTTP/1.1 ${code} Some`, ...fields, "Content-Length: 0", "", ""].join("\r\n")
const moved = (code: number, location: string) => status(code, `Location: ${location}`)

/** What comes of a request that may be tried four times, how often it was tried, and how often the server heard it. */
const tried = (answers: ReadonlyArray<string | Answer>, build: Build = get) =>
  Effect.gen(function*() {
    const server = yield* wireServer(...answers)
    const attempts = yield* Ref.make(0)
    const client = (yield* quiet).pipe(
      HttpClient.tapRequest(() => Ref.update(attempts, (count) => count + 1)),
      HttpClient.retryTransient({ times: 3 })
    )
    const seen = yield* outcome(Effect.map(client.execute(build(server.url)), (response) => response.status))
    return [seen, yield* Ref.get(attempts), server.heard.length]
  })

/** A mistake of the program's: of what reason it is, and how often it is tried. */
const mistake = (name: string, cause: string, node: string, build: Build): Case =>
  differs(`retryTransient does not try ${name} again`, {
    ours: [`RequestError ${cause}`, 1, 0],
    node: [node, 1, 0],
    undici: ["RequestError Transport", 4, 0]
  }, tried([ok()], build))

/** The requests that come of one that is sent elsewhere, and the last answer. */
const redirected = (answers: ReadonlyArray<string>, build: Build, max?: number) =>
  Effect.gen(function*() {
    const server = yield* wireServer(...answers)
    const client = HttpClient.followRedirects(yield* quiet, max)
    const response = yield* outcome(client.execute(build(`${server.url}/a?b=c`)))
    return [
      typeof response === "string" ? response : response.status,
      ...server.heard.map(({ body, line }) => line.replace(" HTTP/1.1", body))
    ]
  })

/** What is left of it is more than anybody reads to keep a connection. */
const unread = "HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\nhello"

export const cases = [
  same(
    "filterStatusOk fails for a 404",
    [200, "ResponseError StatusCode"],
    Effect.gen(function*() {
      const server = yield* wireServer(ok(), status(404))
      const client = HttpClient.filterStatusOk(yield* quiet)
      return [(yield* client.get(server.url)).status, yield* outcome(client.get(server.url))]
    })
  ),
  same(
    "schemaBodyJson decodes",
    [{ a: 1 }, "ParseError"],
    Effect.gen(function*() {
      const server = yield* wireServer(ok("{\"a\":1}"), ok("{\"a\":\"1\"}"))
      const client = yield* quiet
      const read = HttpClientResponse.schemaBodyJson(Schema.Struct({ a: Schema.Number }))
      const decoded = Effect.flatMap(client.get(server.url), read)
      return [yield* decoded, yield* outcome(decoded)]
    })
  ),
  same(
    "matchStatus chooses",
    "bad",
    Effect.gen(function*() {
      const server = yield* wireServer(status(503))
      const client = yield* quiet
      const choose = HttpClientResponse.matchStatus({ "2xx": () => "good", "5xx": () => "bad", orElse: () => "other" })
      return yield* Effect.map(client.get(server.url), choose)
    })
  ),

  same("retryTransient tries again after a 503", [200, 2, 2], tried([status(503), ok()])),
  same("retryTransient gives up", [503, 4, 4], tried([status(503)])),
  same("retryTransient takes a 404", [404, 1, 1], tried([status(404)])),
  same(
    "retryTransient tries again after a connection that closed",
    [200, 2, 2],
    tried([{ send: "", ending: "fin" }, ok()])
  ),
  same("retryTransient tries again after garbage", [200, 2, 2], tried(["garbage\r\n\r\n", ok()])),
  fails(
    "retryTransient tries again after a refused connection",
    "RequestError Transport",
    "ConnectError",
    Effect.flatMap(unusedPort, (port) => tried([], () => get(`http://127.0.0.1:${port}`))),
    (failure) => [failure, 4, 0]
  ),
  fails(
    "retryTransient does not try a URL that cannot be read again",
    "RequestError InvalidUrl",
    "InvalidUrl",
    tried([ok()], () => get("http://")),
    (failure) => [failure, 1, 0]
  ),
  mistake("a scheme that is not HTTP", "InvalidUrl: UnsupportedScheme", "defect", () => get("ftp://127.0.0.1")),
  mistake(
    "a value with a line break",
    "Encode: InvalidHeaderValue",
    "defect",
    (url) => get(url).pipe(HttpClientRequest.setHeader("x-a", "a\nb"))
  ),
  mistake(
    "a body that failed",
    "Encode: RequestBodyError",
    "RequestError Encode",
    (url) => HttpClientRequest.post(url).pipe(HttpClientRequest.setBody(HttpBody.stream(Stream.fail("mine"), "a/b", 5)))
  ),

  same("followRedirects follows", [200, "GET /a?b=c", "GET /d"], redirected([moved(302, "/d"), ok()], get)),
  same("followRedirects resolves", [200, "GET /a?b=c", "GET /d?e=f"], redirected([moved(301, "d?e=f"), ok()], get)),
  ...[302, 303, 307].map((code) =>
    same(
      `followRedirects sends POST again for ${code}`,
      [200, "POST /a?b=cx", "POST /dx"],
      redirected([moved(code, "/d"), ok()], post)
    )
  ),
  same("followRedirects stops", [302, "GET /a?b=c", "GET /d", "GET /d"], redirected([moved(302, "/d")], get, 2)),
  same(
    "followRedirects dies of a Location that cannot be read",
    ["defect", "GET /a?b=c"],
    redirected([moved(302, "http://")], get)
  ),
  same(
    "followRedirects tells credentials to another server",
    [{ authorization: "Bearer secret" }],
    Effect.gen(function*() {
      const other = yield* wireServer(ok())
      const server = yield* wireServer(moved(302, other.url))
      const client = HttpClient.followRedirects(yield* quiet)
      yield* client.execute(get(server.url).pipe(HttpClientRequest.bearerToken("secret")))
      return other.heard.map(fieldsOf)
    })
  ),

  same(
    "withCookiesRef keeps cookies",
    [null, "a=1; b=2", "a=3; b=2"],
    Effect.gen(function*() {
      const server = yield* wireServer(
        ok("", "Set-Cookie: a=1; Path=/", "Set-Cookie: b=2"),
        ok("", "Set-Cookie: a=3"),
        ok()
      )
      const client = HttpClient.withCookiesRef(yield* quiet, yield* Ref.make(Cookies.empty))
      for (let times = 0; times < 3; times++) yield* client.get(server.url)
      return server.heard.map((heard) => fieldsOf(heard)["cookie"] ?? null)
    })
  ),
  same(
    "withScope lets a response be read",
    "hello",
    Effect.gen(function*() {
      const server = yield* wireServer(ok("hello"))
      const client = HttpClient.withScope(yield* quiet)
      return yield* Effect.scoped(Effect.flatMap(client.get(server.url), (response) => response.text))
    })
  ),
  same(
    "withScope closes the connection of a response that was not read",
    200,
    Effect.gen(function*() {
      const server = yield* wireServer(unread)
      const client = HttpClient.withScope(yield* quiet)
      const status = yield* Effect.scoped(Effect.map(client.get(server.url), (response) => response.status))
      yield* server.closed(1)
      return status
    })
  ),
  fails(
    "withScope leaves nothing to be read after the scope",
    "ResponseError Decode",
    "BodyAlreadyConsumed",
    Effect.gen(function*() {
      const server = yield* wireServer(unread)
      const client = HttpClient.withScope(yield* quiet)
      const response = yield* Effect.scoped(client.get(server.url))
      return yield* outcome(response.text)
    })
  )
]
