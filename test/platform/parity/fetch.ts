/** Where `fetch` does what neither the other clients nor ours do. */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { gzipSync } from "node:zlib"
import { ok, wireServer } from "../server.ts"
import { differsFromFetch, fieldsOf, outcome, quiet } from "./case.ts"
import { answered, streamed, text } from "./responses.ts"

/** What comes of a request, and what `look` sees of those that the server heard. */
const sent = (
  build: (request: HttpClientRequest.HttpClientRequest) => HttpClientRequest.HttpClientRequest,
  look: (server: Effect.Effect.Success<ReturnType<typeof wireServer>>) => unknown
) =>
  Effect.gen(function*() {
    const server = yield* wireServer(ok())
    const client = yield* quiet
    const request = build(HttpClientRequest.get(server.url))
    const status = yield* outcome(Effect.map(client.execute(request), (response) => response.status))
    return [status, look(server)]
  })

const stream = HttpBody.stream(Stream.make(Buffer.from("hello")), "text/x", 5)
const gzip = gzipSync("hello").toString("latin1")

export const cases = [
  differsFromFetch(
    "adds no fields that was not requested",
    [200, []],
    [200, ["accept", "accept-encoding", "accept-language", "sec-fetch-mode", "user-agent"]],
    sent((request) => request, ({ heard: [heard] }) => Object.keys(fieldsOf(heard)).toSorted())
  ),
  differsFromFetch(
    "does not decode gzip unless it was told to",
    gzip,
    "hello",
    Effect.gen(function*() {
      const server = yield* wireServer(ok(gzip, "Content-Encoding: gzip"))
      const response = yield* Effect.flatMap(quiet, (client) => client.get(server.url))
      return Buffer.from(yield* response.arrayBuffer).toString("latin1")
    })
  ),
  differsFromFetch(
    "does not follow redirects unless it was told to",
    [302, 1],
    [200, 2],
    Effect.gen(function*() {
      const server = yield* wireServer("HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", ok())
      const response = yield* Effect.flatMap(quiet, (client) => client.get(server.url))
      return [response.status, server.heard.length]
    })
  ),
  differsFromFetch(
    "sends a body with GET",
    [200, "a"],
    ["RequestError Transport", undefined],
    sent(HttpClientRequest.setBody(HttpBody.text("a")), ({ heard: [heard] }) => heard?.body)
  ),
  differsFromFetch(
    "sends the length that a stream was said to have",
    [200, "5"],
    [200, undefined],
    sent(
      (request) => request.pipe(HttpClientRequest.setMethod("POST"), HttpClientRequest.setBody(stream)),
      ({ heard: [heard] }) => fieldsOf(heard)["content-length"]
    )
  ),
  differsFromFetch(
    "sends a Host that was set",
    [200, true],
    [200, false],
    sent(
      HttpClientRequest.setHeader("host", "example.org"),
      ({ heard: [heard] }) => heard?.fields.some(([, value]) => value === "example.org")
    )
  ),
  differsFromFetch(
    "fails for credentials in the URL with a reason that is not tried again",
    ["RequestError InvalidUrl: InvalidUrl", 0],
    ["RequestError Transport", 0],
    sent(HttpClientRequest.updateUrl((url) => url.replace("//", "//user:pass@")), ({ heard }) => heard.length)
  ),
  differsFromFetch(
    "has every Set-Cookie among its headers",
    "a=1, b=2",
    "b=2",
    answered(ok("", "Set-Cookie: a=1", "Set-Cookie: b=2"), (response) => Effect.succeed(response.headers["set-cookie"]))
  ),
  differsFromFetch(
    "has an empty stream where there is no body",
    "",
    "ResponseError EmptyBody",
    answered("HTTP/1.1 204 No Content\r\n\r\n", streamed)
  ),
  differsFromFetch(
    "reads the body of a 205",
    "hi",
    "",
    answered("HTTP/1.1 205 Reset Content\r\nContent-Length: 2\r\n\r\nhi", text)
  )
]
