/** What leaves of a request before its body: its line and its fields; and what does not leave. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import * as Effect from "effect/Effect"
import { ok, wireServer } from "../server.ts"
import { differs, fails, fieldsOf, outcome, quiet, same, settled } from "./case.ts"

type Request = HttpClientRequest.HttpClientRequest
type Build = (request: Request) => Request

const methods: ReadonlyArray<HttpMethod> = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]

/** Methods that the types do not know, as they come from outside. */
const withMethod = (method: string): Build => HttpClientRequest.setMethod(method as HttpMethod)

/** The first line of a request for a path. */
const line = (path: string, build: Build = (request) => request) =>
  Effect.gen(function*() {
    const server = yield* wireServer(ok())
    const client = yield* quiet
    yield* client.execute(build(HttpClientRequest.get(server.url + path)))
    return server.heard[0]?.line
  })

/** The same, or what the request fails with. */
const lineOrError = (path: string) =>
  Effect.gen(function*() {
    const server = yield* wireServer(ok())
    const client = yield* quiet
    const status = yield* outcome(Effect.map(client.get(server.url + path), (response) => response.status))
    return [status, ...server.heard.map((heard) => heard.line)]
  })

/** What comes of a request, and the fields of those that the server heard. */
const sent = (build: Build) =>
  Effect.gen(function*() {
    const server = yield* wireServer(ok())
    const client = yield* quiet
    const status = yield* settled(
      Effect.map(client.execute(build(HttpClientRequest.get(server.url))), (response) => response.status)
    )
    return [status, ...server.heard.map(fieldsOf)]
  })

const withHeader = (name: string, value: string) => sent(HttpClientRequest.setHeader(name, value))

const refused = (error: string) => ({
  ours: [`RequestError ${error}`],
  node: ["defect"],
  undici: ["RequestError Transport"]
})

export const cases = [
  ...methods.map((method) => same(`sends ${method}`, `${method} / HTTP/1.1`, line("/", withMethod(method)))),
  same("sends a method that the platform does not know", "PURGE / HTTP/1.1", line("/", withMethod("PURGE"))),
  differs("sends a method in the letters it has", {
    ours: "purge / HTTP/1.1",
    node: "PURGE / HTTP/1.1",
    undici: "purge / HTTP/1.1"
  }, line("/", withMethod("purge"))),
  differs("refuses a method that is no token", refused("Encode: InvalidMethod"), sent(withMethod("GE T"))),

  same(
    "appends parameters to the query of the URL, encoded",
    "GET /a?b=c+d&e=f+g%26h&i=%C3%BC HTTP/1.1",
    line("/a?b=c%20d", HttpClientRequest.setUrlParams({ e: "f g&h", i: "ü" }))
  ),
  same(
    "appends a parameter of several values several times",
    "GET /?a=1&a=2 HTTP/1.1",
    line("/", HttpClientRequest.setUrlParams({ a: ["1", "2"] }))
  ),
  same("encodes letters and signs that cannot stand in a URL", "GET /%C3%BC?a=%22b%22 HTTP/1.1", line("/ü?a=\"b\"")),
  same("encodes a space in a URL", "GET /a%20b?c%20d HTTP/1.1", line("/a b?c d")),
  differs("refuses a line break in a URL", {
    ours: ["RequestError InvalidUrl: InvalidUrl"],
    node: [200, "GET /ab HTTP/1.1"],
    undici: [200, "GET /ab HTTP/1.1"]
  }, lineOrError("/a\r\nb")),
  differs("refuses a backslash in a URL", {
    ours: ["RequestError InvalidUrl: InvalidUrl"],
    node: [200, "GET /a/b HTTP/1.1"],
    undici: [200, "GET /a/b HTTP/1.1"]
  }, lineOrError("/a\\b")),
  same("leaves what is encoded as it is", "GET /a%2Fb%20c HTTP/1.1", line("/a%2Fb%20c")),
  same("resolves dot segments of a path", "GET /b/c?d=/../e HTTP/1.1", line("/a/../b/./c?d=/../e")),
  same("resolves encoded dot segments of a path", "GET /b/ HTTP/1.1", line("/a/%2E%2e/b/%2e")),
  same(
    "sends what prependUrl makes",
    "GET /v1/users HTTP/1.1",
    Effect.gen(function*() {
      const server = yield* wireServer(ok())
      const client = HttpClient.mapRequest(yield* quiet, HttpClientRequest.prependUrl(`${server.url}/v1`))
      yield* client.get("/users")
      return server.heard[0]?.line
    })
  ),
  differs("does not send the fragment of a URL", {
    ours: "GET /a HTTP/1.1",
    node: "GET /a HTTP/1.1",
    undici: "GET /a#b HTTP/1.1"
  }, line("/a#b")),
  differs("does not send a fragment that was set", {
    ours: "GET /a?b=c HTTP/1.1",
    node: "GET /a?b=c HTTP/1.1",
    undici: "GET /a?b=c#d HTTP/1.1"
  }, line("/a?b=c", HttpClientRequest.setHash("d"))),
  differs("refuses credentials in the URL", {
    ours: ["RequestError InvalidUrl: InvalidUrl"],
    node: [200, { authorization: "Basic dXNlcjpwYSBzcw==" }],
    undici: [200, {}]
  }, sent(HttpClientRequest.updateUrl((url) => url.replace("//", "//user:pa%20ss@")))),
  fails(
    "refuses a URL without a host",
    "RequestError InvalidUrl",
    "InvalidUrl",
    sent(HttpClientRequest.setUrl("http://")),
    (failure) => [failure]
  ),
  fails(
    "refuses a URL without a scheme",
    "RequestError InvalidUrl",
    "InvalidUrl",
    sent(HttpClientRequest.setUrl("/path")),
    (failure) => [failure]
  ),
  differs(
    "refuses a scheme that is not HTTP",
    refused("InvalidUrl: UnsupportedScheme"),
    sent(HttpClientRequest.setUrl("ftp://127.0.0.1/"))
  ),

  differs(
    "adds these fields",
    {
      ours: ["Host: 127.0.0.1:PORT"],
      node: ["Host: 127.0.0.1:PORT", "Connection: close"],
      undici: ["host: 127.0.0.1:PORT", "connection: keep-alive"]
    },
    Effect.gen(function*() {
      const server = yield* wireServer(ok())
      const client = yield* quiet
      yield* client.get(server.url)
      const own = (server.heard[0]?.fields ?? []).map((field) => field.join(": "))
      return own.map((field) => field.replace(String(server.port), "PORT"))
    })
  ),
  same(
    "sends the fields of a request",
    [200, {
      accept: "application/json",
      authorization: "Bearer token",
      "x-one": "1",
      "x-two": "a, b"
    }],
    sent((request) =>
      request.pipe(
        HttpClientRequest.setHeaders({ "X-One": "1", "X-Two": "a, b" }),
        HttpClientRequest.acceptJson,
        HttpClientRequest.bearerToken("token")
      )
    )
  ),
  same(
    "sends basicAuth",
    [200, { authorization: "Basic dXNlcjpwYXNz" }],
    sent(HttpClientRequest.basicAuth("user", "pass"))
  ),
  same(
    "sends the Host that was set, and no other",
    ["example.org"],
    Effect.gen(function*() {
      const server = yield* wireServer(ok())
      const client = yield* quiet
      yield* client.execute(HttpClientRequest.get(server.url).pipe(HttpClientRequest.setHeader("host", "example.org")))
      return server.heard[0]?.fields.filter(([name]) => name.toLowerCase() === "host").map(([, value]) => value)
    })
  ),
  same("sends a value in latin1", [200, { "x-name": "caf\u00e9" }], withHeader("x-name", "caf\u00e9")),
  same("sends an empty value", [200, { "x-name": "" }], withHeader("x-name", "")),
  differs(
    "refuses a value with a line break",
    refused("Encode: InvalidHeaderValue"),
    withHeader("x-a", "a\r\nx-evil: 1")
  ),
  differs("refuses a value beyond latin1", refused("Encode: InvalidHeaderValue"), withHeader("x-a", "\u20ac")),
  differs("refuses a name that is no token", refused("Encode: InvalidHeaderName"), withHeader("x a", "1")),
  differs("refuses an empty name", refused("Encode: InvalidHeaderName"), withHeader("", "1")),
  differs("sends a Transfer-Encoding that was set", {
    ours: [200, { "transfer-encoding": "chunked" }],
    node: [200, { "transfer-encoding": "chunked" }],
    undici: ["RequestError Transport"]
  }, withHeader("transfer-encoding", "chunked")),
  differs("refuses a Content-Length without a body", {
    ours: ["RequestError Encode: BodyLengthMismatch"],
    node: ["nothing"],
    undici: [200, {}]
  }, withHeader("content-length", "5")),
  differs("refuses an Upgrade that was set", {
    ours: ["RequestError Encode: ForbiddenHeader"],
    node: [200, { upgrade: "websocket" }],
    undici: ["RequestError Transport"]
  }, withHeader("upgrade", "websocket")),
  differs("sends a Keep-Alive that was set", {
    ours: [200, { "keep-alive": "timeout=5" }],
    node: [200, { "keep-alive": "timeout=5" }],
    undici: ["RequestError Transport"]
  }, withHeader("keep-alive", "timeout=5")),
  same("sends TE", [200, { te: "trailers" }], withHeader("te", "trailers"))
]
