/** What leaves for each kind of body and each method: its framing, its type and its bytes. */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { ok, wireServer } from "../server.ts"
import { differs, type Each, type Fields, fieldsOf, outcome, quiet, same } from "./case.ts"

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1")

const streamOf = (...parts: ReadonlyArray<string>): Stream.Stream<Uint8Array> =>
  Stream.rechunk(Stream.fromIterable(parts.map(bytes)), 1)

/** The fields that a body has, and what followed the head until `last` was there; by itself the server knows the end. */
const sent = (method: HttpMethod, body: () => HttpBody.HttpBody, last?: string) =>
  Effect.gen(function*() {
    const server = yield* wireServer(last === undefined ? ok() : { send: ok(), after: { text: last } })
    const client = yield* quiet
    // `setBody` is typed for methods that have one; the platform's own code sends one with any.
    const request = HttpClientRequest.setBody(
      HttpClientRequest.setMethod(HttpClientRequest.get(server.url), method),
      body()
    )
    const status = yield* outcome(Effect.map(client.execute(request), (response) => response.status))
    if (status !== 200) return status
    const text = server.bytes(0)
    return [fieldsOf(server.heard[0]), text.slice(text.indexOf("\r\n\r\n") + 4)] as const
  })

const withBody: ReadonlyArray<HttpMethod> = ["POST", "PUT", "PATCH"]
const withoutBody: ReadonlyArray<HttpMethod> = ["DELETE", "GET", "OPTIONS"]
const methods = [...withBody, ...withoutBody]

/** A message of known length, and one in chunks. */
const whole = (body: string, type?: string) =>
  [{ "content-length": String(body.length), ...type === undefined ? {} : { "content-type": type } }, body] as const
const inChunks = (type: string, ...chunks: ReadonlyArray<string>) =>
  [
    { "content-type": type, "transfer-encoding": "chunked" },
    [...chunks, ""].map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("")
  ] as const

/** Fields come in an order that is each client's own. */
const sorted = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).toSorted(([a], [b]) => a < b ? -1 : 1))

const form = (): HttpBody.HttpBody => {
  const data = new FormData()
  data.append("a", "1")
  data.append("b", new File(["two"], "b.txt", { type: "text/plain" }))
  return HttpBody.formData(data)
}

const formLines = [
  "--B",
  "Content-Disposition: form-data; name=\"a\"",
  "",
  "1",
  "--B",
  "Content-Disposition: form-data; name=\"b\"; filename=\"b.txt\"",
  "Content-Type: text/plain",
  "",
  "two",
  "--B--"
]

const unchunked = (text: string): string => {
  const at = text.indexOf("\r\n")
  const size = Number.parseInt(text.slice(0, at), 16)
  return size === 0 ? "" : text.slice(at + 2, at + 2 + size) + unchunked(text.slice(at + 4 + size))
}

/** A form, without what is random of its boundary: how it is framed, its type, its lines. */
const formSent = (method: HttpMethod) =>
  Effect.map(sent(method, form, "--\r\n"), (seen) => {
    if (typeof seen !== "object") return seen
    const [fields, text] = seen
    const boundary = /boundary="?([^"]+)"?$/.exec(fields["content-type"] ?? "")?.[1] ?? ""
    const isChunked = fields["transfer-encoding"] === "chunked"
    const body = isChunked ? unchunked(text) : text
    const framing = isChunked ? "chunks" : fields["content-length"] === String(body.length) ? "length" : "none"
    const type = fields["content-type"]?.replace(boundary, "B").replaceAll("\"", "")
    return [framing, type, body.replaceAll(boundary, "B").trim().split("\r\n")]
  })

const formOf = (framing: string) => [framing, "multipart/form-data; boundary=B", formLines]

const noForm = "RequestError Transport"

/** A raw body that is neither text nor bytes. */
const raw = (name: string, expected: Each, body: () => unknown, options?: { readonly contentType: string }) =>
  differs(`sends a raw ${name}`, expected, sent("POST", () => HttpBody.raw(body(), options)))

export const cases = [
  ...withBody.map((method) => same(`sends ${method} without a body`, whole(""), sent(method, () => HttpBody.empty))),
  ...withoutBody.map((method) => same(`sends ${method} without a body`, [{}, ""], sent(method, () => HttpBody.empty))),
  ...methods.map((method) =>
    same(
      `sends ${method} with text`,
      whole("h\u00c3\u00a9llo", "text/plain"),
      sent(method, () => HttpBody.text("héllo"))
    )
  ),
  same("sends empty text", whole("", "text/plain"), sent("POST", () => HttpBody.text(""))),
  same(
    "sends bytes of a type",
    whole("\x00\xff", "image/x"),
    sent("POST", () => HttpBody.uint8Array(bytes("\x00\xff"), "image/x"))
  ),
  same(
    "sends JSON",
    whole("{\"a\":\"\u00c3\u00bc\"}", "application/json"),
    sent("POST", () => HttpBody.unsafeJson({ a: "ü" }))
  ),
  same(
    "sends URL parameters",
    whole("a=b+c&a=%C3%BC", "application/x-www-form-urlencoded"),
    sent("POST", () => HttpBody.urlParams([["a", "b c"], ["a", "ü"]]))
  ),

  same(
    "sends raw text",
    whole("h\u00c3\u00a9llo", "text/x"),
    sent("POST", () => HttpBody.raw("héllo", { contentType: "text/x" }))
  ),
  same(
    "sends raw text of a length",
    whole("hello", "text/x"),
    sent("POST", () => HttpBody.raw("hello", { contentType: "text/x", contentLength: 5 }))
  ),
  same("sends raw bytes", whole("hello"), sent("POST", () => HttpBody.raw(bytes("hello")))),
  same("sends raw undefined as no body", whole(""), sent("POST", () => HttpBody.raw(undefined))),
  raw("ArrayBuffer", { ours: whole("hi"), node: "defect", undici: whole("hi") }, () => Uint8Array.of(104, 105).buffer),
  raw("Blob with its type", {
    ours: whole("hi", "text/y"),
    node: "defect",
    undici: whole("hi", "text/y")
  }, () => new Blob(["hi"], { type: "text/y" })),
  raw("URLSearchParams", {
    ours: whole("a=b", "application/x-www-form-urlencoded;charset=UTF-8"),
    node: "defect",
    undici: "RequestError Transport"
  }, () => new URLSearchParams({ a: "b" })),
  raw(
    "ReadableStream",
    {
      ours: inChunks("text/x", "hi"),
      node: "defect",
      undici: inChunks("text/x", "hi")
    },
    () => new Blob(["hi"]).stream(),
    { contentType: "text/x" }
  ),
  raw("object, which is refused", {
    ours: "RequestError Encode: UnsupportedBody",
    node: "defect",
    undici: "RequestError Transport"
  }, () => ({ a: 1 })),

  ...withBody.map((method) =>
    differs(
      `sends ${method} with a form`,
      { ours: formOf("length"), node: formOf("chunks"), undici: noForm },
      formSent(method)
    )
  ),
  ...withoutBody.map((method) =>
    differs(
      `sends ${method} with a form`,
      { ours: formOf("length"), node: formOf("none"), undici: noForm },
      formSent(method)
    )
  ),

  ...methods.map((method) =>
    same(
      `sends ${method} with a stream of known length`,
      whole("hello", "text/x"),
      sent(method, () => HttpBody.stream(streamOf("he", "llo"), "text/x", 5))
    )
  ),
  ...withBody.map((method) =>
    same(
      `sends ${method} with a stream of unknown length`,
      inChunks("text/x", "he", "llo"),
      sent(method, () => HttpBody.stream(streamOf("he", "llo"), "text/x"))
    )
  ),
  ...withoutBody.map((method) =>
    differs(`sends ${method} with a stream of unknown length`, {
      ours: inChunks("text/x", "he", "llo"),
      node: [{ "content-type": "text/x" }, "hello"],
      undici: inChunks("text/x", "he", "llo")
    }, sent(method, () => HttpBody.stream(streamOf("he", "llo"), "text/x"), "llo"))
  ),
  same(
    "leaves empty chunks of a stream out",
    inChunks("text/x", "a", "b"),
    sent("POST", () => HttpBody.stream(streamOf("a", "", "b"), "text/x"))
  ),
  same(
    "sends an empty stream of length 0",
    whole("", "text/x"),
    sent("POST", () => HttpBody.stream(Stream.empty, "text/x", 0))
  ),
  differs("sends an empty stream of unknown length", {
    ours: inChunks("text/x"),
    node: whole("", "text/x"),
    undici: whole("", "text/x")
  }, sent("POST", () => HttpBody.stream(Stream.empty, "text/x"))),
  same(
    "sends a file of the web",
    whole("hello", "text/plain"),
    sent("POST", () => HttpBody.fileWeb(new File(["hello"], "a.txt", { type: "text/plain" })))
  )
].map(({ observe, ...rest }) => ({
  ...rest,
  observe: Effect.map(observe, (seen) => Array.isArray(seen) && seen.length === 2 ? [sorted(seen[0]), seen[1]] : seen)
}))
