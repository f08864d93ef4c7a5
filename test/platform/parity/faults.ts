/** What a program sees when a server or a connection fails it. */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import { certificates } from "../../fixtures/certificates.ts"
import { unusedPort } from "../../fixtures/sockets.ts"
import { secureWebServer } from "../../fixtures/web.ts"
import { type Answer, ok, wireServer } from "../server.ts"
import { differs, fails, outcome, quiet, same } from "./case.ts"
import { answered, streamed, text } from "./responses.ts"

const fin = (send: string): Answer => ({ send, ending: "fin" })

const transport = "RequestError Transport"
const decode = "ResponseError Decode"

/** An answer for which every client fails before there is a response. */
const noResponse = (name: string, cause: string, answer: string | Answer) =>
  fails(`fails where ${name}`, transport, cause, answered(answer, text))

/** An answer for which every client fails while its body is read. */
const noBody = (name: string, cause: string, answer: string | Answer, read = text) =>
  fails(`fails where ${name}`, decode, cause, answered(answer, read))

const tooShort = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"
const inChunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

const twenty = ok("hi", `X-Large: ${"x".repeat(20_000)}`)
const sixHundred = ok("hi", ...Array.from({ length: 60 }, () => `X-Large: ${"x".repeat(10_000)}`))

export const cases = [
  fails(
    "fails where nobody listens",
    transport,
    "ConnectError",
    Effect.gen(function*() {
      const client = yield* quiet
      return yield* outcome(client.get(`http://127.0.0.1:${yield* unusedPort}`))
    })
  ),
  differs(
    "says in its message what happened",
    { ours: true, node: false, undici: false },
    Effect.gen(function*() {
      const client = yield* quiet
      const error = yield* Effect.flip(client.get(`http://127.0.0.1:${yield* unusedPort}`))
      return error.message.includes("Nothing listens there")
    })
  ),
  fails(
    "fails where nobody trusts the certificate",
    transport,
    "TlsError",
    Effect.gen(function*() {
      const server = yield* secureWebServer(
        (yield* Effect.promise(certificates)).server,
        (_, response) => response.end()
      )
      const client = yield* quiet
      return yield* outcome(client.get(`https://127.0.0.1:${server.port}`))
    })
  ),
  noResponse("the server closes before it answers", "RemoteDisconnected", fin("")),
  noResponse("the server resets before it answers", "ReadError", { send: [], ending: "rst" }),
  fails(
    "fails where the server closes before it answers POST, without another try",
    transport,
    "RemoteDisconnected",
    Effect.gen(function*() {
      const server = yield* wireServer(fin(""))
      const client = yield* quiet
      const request = HttpClientRequest.post(server.url).pipe(HttpClientRequest.bodyText("a"))
      return [yield* outcome(client.execute(request)), server.heard.length]
    }),
    (failure) => [failure, 1]
  ),
  noResponse("the server closes in the first line", "IncompleteHeaders", fin("HTTP/1.1 2")),
  noResponse("the server closes in the head", "IncompleteHeaders", fin("HTTP/1.1 200 OK\r\nContent-Le")),
  noBody("the server closes in a body", "IncompleteRead", fin(tooShort)),
  noBody("the server closes in a body that is streamed", "IncompleteRead", fin(tooShort), streamed),
  noBody("the server resets in a body", "ConnectionReset", { send: [tooShort, ""], ending: "rst" }),
  noBody("the server closes in a chunk", "IncompleteRead", fin(`${inChunks}9\r\nhello`)),
  noBody("the server closes between chunks", "IncompleteRead", fin(`${inChunks}5\r\nhello\r\n`)),
  noBody(
    "the server closes between chunks that are streamed",
    "IncompleteRead",
    fin(`${inChunks}5\r\nhello\r\n`),
    streamed
  ),
  noBody("a chunk has no size", "InvalidChunkSize", `${inChunks}xyz\r\nhello\r\n`),
  noBody("a chunk is longer than it says", "InvalidChunkEnd", `${inChunks}2\r\nhello\r\n0\r\n\r\n`),
  noResponse("what comes is no HTTP", "BadStatusLine", "SSH-2.0-OpenSSH_9.6\r\n"),
  noResponse("a status has two digits", "InvalidStatusCode", "HTTP/1.1 20 OK\r\n\r\n"),
  noResponse("a line is no field", "InvalidHeaderLine", "HTTP/1.1 200 OK\r\nno field\r\n\r\n"),
  noResponse("a space stands before a colon", "InvalidHeaderLine", "HTTP/1.1 200 OK\r\nX-A : 1\r\n\r\n"),
  noResponse("a value has a NUL", "InvalidHeaderLine", "HTTP/1.1 200 OK\r\nX-A: a\0b\r\n\r\n"),
  noResponse("lines end with LF alone", "BadStatusLine", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
  noResponse(
    "two lengths differ",
    "ConflictingContentLength",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
  ),
  noResponse("a length is no number", "InvalidContentLength", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nab"),
  noResponse(
    "chunks have a length beside them",
    "FramingConflict",
    `HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n`
  ),
  noResponse("a head has 600 KB", "HeadersTooLarge", sixHundred),
  differs("accepts a length that came twice", {
    ours: "ab",
    node: transport,
    undici: transport
  }, answered("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab", text)),
  differs("accepts a head of 20 KB", { ours: "hi", node: transport, undici: transport }, answered(twenty, text)),
  differs("refuses a head of 300 fields", {
    ours: `${transport}: TooManyHeaders`,
    node: "hi",
    undici: "hi"
  }, answered(ok("hi", ...Array.from({ length: 300 }, (_, index) => `X-${index}: 1`)), text)),
  differs("refuses HTTP/2.0", {
    ours: `${transport}: UnknownProtocol`,
    node: "",
    undici: ""
  }, answered("HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", text)),
  differs("refuses a status below 100", {
    ours: `${transport}: InvalidStatusCode`,
    node: "",
    undici: transport
  }, answered("HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n", text)),
  differs("refuses a transfer coding that it does not know", {
    ours: `${transport}: UnknownTransferEncoding`,
    node: "hi",
    undici: "hi"
  }, answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", text)),
  same("ignores what follows an answer", "hi", answered(`${ok("hi")}more`, text))
]
