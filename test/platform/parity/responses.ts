/** What a program sees of a response: its head, and its body by each reading. */
import * as Cookies from "@effect/platform/Cookies"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type Answer, chunked, ok, wireServer } from "../server.ts"
import { differs, fails, outcome, quiet, same } from "./case.ts"

export type Response = HttpClientResponse.HttpClientResponse

export type Read = (response: Response) => Effect.Effect<unknown, unknown>

/** What comes of reading an answer. */
export const answered = (answer: string | Answer, read: Read, method: "get" | "head" = "get") =>
  Effect.gen(function*() {
    const server = yield* wireServer(answer)
    const client = yield* quiet
    return yield* outcome(Effect.flatMap(client[method](server.url), read))
  })

const head = (answer: string | Answer, read: (response: Response) => unknown) =>
  answered(answer, (response) => Effect.sync(() => read(response)))

const latin1 = (bytes: Iterable<Uint8Array>): string => Buffer.concat([...bytes]).toString("latin1")

export const text: Read = (response) => response.text
export const json: Read = (response) => response.json
export const bytes: Read = (response) => Effect.map(response.arrayBuffer, (buffer) => latin1([new Uint8Array(buffer)]))
export const streamed: Read = (response) => Effect.map(Stream.runCollect(response.stream), latin1)
export const form: Read = (response) =>
  Effect.flatMap(
    response.formData,
    (data) =>
      Effect.promise(() =>
        Promise.all([...data.entries()].map(async ([name, value]) =>
          typeof value === "string" ? [name, value] : [name, value.name, value.type, await value.text()]
        ))
      )
  )

/** All four readings of the same answer, each of a response of its own: text, JSON, bytes, stream. */
const readings = (answer: string, method: "get" | "head" = "get") =>
  Effect.forEach([text, json, bytes, streamed], (read) => answered(answer, read, method))

const nothing = ["", null, "", ""]
const decode = Array.from({ length: 4 }, () => "ResponseError Decode")

const utf8 = (value: string): string => Buffer.from(value).toString("latin1")

const multipart = [
  "--B",
  "Content-Disposition: form-data; name=\"a\"",
  "",
  "1",
  "--B",
  "Content-Disposition: form-data; name=\"f\"; filename=\"f.txt\"",
  "Content-Type: text/plain",
  "",
  "file",
  "--B--",
  ""
].join("\r\n")

const heads = [
  same("has the status", 418, head("HTTP/1.1 418 I'm a teapot\r\nContent-Length: 0\r\n\r\n", ({ status }) => status)),
  same(
    "has a status that nobody registered",
    799,
    head("HTTP/1.1 799 A\r\nContent-Length: 0\r\n\r\n", ({ status }) => status)
  ),
  same(
    "has a status without a reason",
    200,
    head("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", ({ status }) => status)
  ),
  same(
    "has headers by names in small letters",
    { "x-one": "1", "content-type": "text/plain", "content-length": "0" },
    head(ok("", "X-One: 1", "CONTENT-TYPE: text/plain"), ({ headers }) => ({ ...headers }))
  ),
  same(
    "joins the values of a header that came several times",
    ["1, 2", "a, b"],
    head(ok("", "X-One: 1", "Via: a", "x-one: 2", "Via: b"), ({ headers }) => [headers["x-one"], headers["via"]])
  ),
  differs(
    "has a header of one value that came twice",
    {
      ours: ["1, 2", "a/b, c/d", "/a, /b"],
      node: ["1", "a/b", "/a"],
      undici: ["1, 2", "a/b, c/d", "/a, /b"]
    },
    head(
      ok("", "Age: 1", "Age: 2", "Content-Type: a/b", "Content-Type: c/d", "Location: /a", "Location: /b"),
      ({ headers }) => [headers["age"], headers["content-type"], headers["location"]]
    )
  ),
  differs(
    "has a header named as the prototype of objects",
    { ours: "1", node: null, undici: "1" },
    head(
      ok("", "__proto__: 1"),
      ({ headers }) => Object.getOwnPropertyDescriptor(headers, "__proto__")?.value ?? null
    )
  ),
  same("has a value in latin1", "caf\u00e9", head(ok("", "X-Name: caf\u00e9"), ({ headers }) => headers["x-name"])),
  same("has an empty value", "", head(ok("", "X-Name:"), ({ headers }) => headers["x-name"])),
  differs("unfolds a folded value", {
    ours: "a b",
    node: "RequestError Transport",
    undici: "RequestError Transport"
  }, head(ok("", "X-Name: a\r\n  b"), ({ headers }) => headers["x-name"])),
  same(
    "has Set-Cookie among its headers",
    "a=1, b=2; Path=/",
    head(
      ok("", "Set-Cookie: a=1", "Set-Cookie: b=2; Path=/"),
      ({ headers }) => headers["set-cookie"]
    )
  ),
  same(
    "has cookies, the last one of a name",
    ["a=3", "b=x%20y; Max-Age=5"],
    head(
      ok("", "Set-Cookie: a=1; Path=/", "Set-Cookie: b=x%20y; Max-Age=5", "Set-Cookie: a=3", "Set-Cookie: ="),
      ({ cookies }) => Object.values(cookies.cookies).map(Cookies.serializeCookie)
    )
  ),
  same("has no cookies", true, head(ok(), ({ cookies }) => Cookies.isEmpty(cookies))),
  differs(
    "has the address of the server",
    { ours: "127.0.0.1", node: "127.0.0.1", undici: null },
    head(
      ok(),
      ({ remoteAddress }) => Option.getOrNull(remoteAddress)
    )
  ),
  same("has its request", "GET", head(ok(), ({ request }) => request.method)),
  same(
    "can be inspected and then read",
    "1",
    answered(ok("1"), (response) => {
      JSON.stringify(response)
      String(response)
      return response.text
    })
  ),
  same("passes over 103", 200, head({ send: ["HTTP/1.1 103 Early Hints\r\n\r\n", ok()] }, ({ status }) => status)),
  differs(
    "passes over a 100 that was not requested",
    { ours: 200, node: 200, undici: "RequestError Transport" },
    head(
      { send: ["HTTP/1.1 100 Continue\r\n\r\n", ok()] },
      ({ status }) => status
    )
  ),
  differs("refuses a 101 that was not requested", {
    ours: "RequestError Transport: UnexpectedUpgrade",
    node: 101,
    undici: "RequestError Transport"
  }, head("HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n", ({ status }) => status))
]

const bodies = [
  same("reads text", "héllo", answered(ok(utf8("héllo")), text)),
  same(
    "reads text whose pieces part a letter",
    "é",
    answered({ send: ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\u00c3", "\u00a9"] }, text)
  ),
  same("reads text that is no UTF-8 with U+FFFD in it", "a\ufffdb", answered(ok("a\xffb"), text)),
  differs(
    "reads text of the charset that it has",
    { ours: "caf\u00e9.", node: "caf\ufffd.", undici: "caf\ufffd." },
    answered(ok("caf\u00e9.", "Content-Type: text/plain; charset=iso-8859-1"), text)
  ),
  differs(
    "takes a byte order mark off text",
    { ours: "a", node: "\ufeffa", undici: "a" },
    answered(ok(utf8("\ufeffa")), text)
  ),
  same("reads JSON", { a: [1, "ü"] }, answered(ok(utf8("{\"a\":[1,\"ü\"]}")), json)),
  fails("fails for what is no JSON", "ResponseError Decode", "BodyDecodeError", answered(ok("{"), json)),
  same("reads bytes", "\x00\xff", answered(ok("\x00\xff"), bytes)),
  differs(
    "has a separate ArrayBuffer for arrayBuffer",
    { ours: true, node: false, undici: true },
    answered(
      ok("ab"),
      (response) =>
        Effect.map(response.arrayBuffer, (buffer) => buffer instanceof ArrayBuffer && buffer.byteLength === 2)
    )
  ),
  same("reads a stream", "hello", answered(ok("hello"), streamed)),
  same(
    "reads URL parameters",
    "a=b+c&d=%C3%BC&a=2",
    answered(ok("a=b+c&d=%C3%BC&a=2"), (response) => Effect.map(response.urlParamsBody, UrlParams.toString))
  ),
  differs("reads a multipart form", {
    ours: [["a", "1"], ["f", "f.txt", "text/plain", "file"]],
    node: [["a", "1"], ["f", "f.txt", "text/plain", "file"]],
    undici: "ResponseError Decode"
  }, answered(ok(multipart, "Content-Type: multipart/form-data; boundary=B"), form)),
  differs("reads a form of URL parameters", {
    ours: [["a", "b c"]],
    node: [["a", "b c"]],
    undici: "ResponseError Decode"
  }, answered(ok("a=b+c", "Content-Type: application/x-www-form-urlencoded"), form)),
  fails(
    "fails for a form that is none",
    "ResponseError Decode",
    "BodyDecodeError",
    answered(ok("a", "Content-Type: text/plain"), form)
  ),
  same("reads chunks", "hello", answered(chunked("he", "llo"), text)),
  same(
    "reads chunks with extensions and trailers",
    "hi",
    answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n", text)
  ),
  same(
    "reads to the end of the connection",
    "hello",
    answered({ send: "HTTP/1.1 200 OK\r\n\r\nhello", ending: "fin" }, text)
  ),
  same(
    "reads HTTP/1.0",
    "hi",
    answered({ send: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", ending: "fin" }, text)
  ),
  same("leaves gzip as it is", "\x1f\x8b", answered(ok("\x1f\x8b", "Content-Encoding: gzip"), bytes)),
  same("reads nothing of an empty body", nothing, readings(ok())),
  same("reads nothing of a 204", nothing, readings("HTTP/1.1 204 No Content\r\n\r\n")),
  same(
    "reads nothing of an answer to HEAD",
    nothing,
    readings("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "head")
  ),
  differs("reads nothing of a 304 with a length", {
    ours: nothing,
    node: nothing,
    undici: decode
  }, readings("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n")),
  differs("reads nothing of a 204 with a length", {
    ours: nothing,
    node: nothing,
    undici: decode
  }, readings("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n")),
  same(
    "reads the body that a 205 should not have",
    "hi",
    answered("HTTP/1.1 205 Reset Content\r\nContent-Length: 2\r\n\r\nhi", text)
  )
]

export const cases = [...heads, ...bodies]
