/**
 * Requests as they are on the wire: every kind of body, and the faults of a request as typed
 * failures.
 */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FiberRef from "effect/FiberRef"
import * as Stream from "effect/Stream"
import { Readable } from "node:stream"
import { runInNewContext } from "node:vm"
import * as Undici from "undici"
import * as OurBody from "../../src/HttpBody.ts"
import type { RequestFailure } from "../../src/internal/platform/errors.ts"
import * as T from "../../src/TestTransport.ts"
import { answering, anyHead, clientOver, failsWith, ok, quietly, url } from "./kit.ts"

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1")

/** What is on the wire of a request with this body; the scripted server takes exactly that. */
const sends = (head: string, content: string, request: () => HttpClientRequest.HttpClientRequest) =>
  Effect.scoped(Effect.gen(function*() {
    const wire = `POST / HTTP/1.1\r\nHost: a.test\r\n${head}\r\n${content}`
    const { client, transport } = yield* clientOver(T.expect(wire), T.reply(ok("done")))
    const response = yield* quietly(client.execute(request()))
    assert.strictEqual(yield* response.text, "done")
    yield* transport.verify
  }))

const post = (body: HttpBody.HttpBody) => HttpClientRequest.post(url, { body })

const raw = (body: unknown, options?: Parameters<typeof HttpBody.raw>[1]) => () => post(HttpBody.raw(body, options))

const chunks = (...pieces: ReadonlyArray<string>): string =>
  [...pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`), "0\r\n\r\n"].join("")

const length = (n: number): string => `Content-Length: ${n}\r\n`
const chunked = "Transfer-Encoding: chunked\r\n"

async function* generated(...pieces: ReadonlyArray<unknown>) {
  for (const piece of pieces) yield piece
}

const readableStream = (...pieces: ReadonlyArray<unknown>) =>
  new ReadableStream({
    start: (controller) => {
      for (const piece of pieces) controller.enqueue(piece)
      controller.close()
    }
  })

/** What `iterable` has no `Symbol.asyncIterator` of, as the `ReadableStream` of some polyfills. */
const readerOnly = (...pieces: ReadonlyArray<unknown>) => {
  const stream = readableStream(...pieces)
  return { getReader: () => stream.getReader() }
}

/** As a polyfill makes them: the same methods, another class. */
class OtherForm {
  readonly [Symbol.toStringTag] = "FormData"
  readonly #entries: Iterable<unknown>
  constructor(...entries: ReadonlyArray<unknown>) {
    this.#entries = entries
  }
  entries(): Iterable<unknown> {
    return this.#entries
  }
}

const otherBlob = (has: object) => ({ [Symbol.toStringTag]: "Blob", size: 2, type: "text/x", ...has })

const undiciForm = () => {
  const form = new Undici.FormData()
  form.append("a", "b")
  return form
}

describe("a body is sent", () => {
  const wires: ReadonlyArray<
    readonly [name: string, head: string, content: string, request: () => HttpClientRequest.HttpClientRequest]
  > = [
    ["none", length(0), "", () => post(HttpBody.empty)],
    [
      "bytes",
      "content-type: application/octet-stream\r\ncontent-length: 3\r\n",
      "\0\xffa",
      () => post(HttpBody.uint8Array(bytes("\0\xffa")))
    ],
    [
      "no bytes",
      `${length(0)}content-type: application/octet-stream\r\n`,
      "",
      () => post(HttpBody.uint8Array(new Uint8Array(0)))
    ],
    [
      "text",
      "content-type: text/plain\r\ncontent-length: 2\r\n",
      "\xc3\xbc",
      () => post(HttpBody.text("ü"))
    ],
    [
      "a stream of unknown length",
      `${chunked}content-type: application/octet-stream\r\n`,
      chunks("ab", "c"),
      () => post(HttpBody.stream(Stream.rechunk(Stream.make(bytes("ab"), bytes("c")), 1)))
    ],
    [
      "a stream of known length",
      "content-type: text/csv\r\ncontent-length: 3\r\n",
      "abc",
      () => post(HttpBody.stream(Stream.make(bytes("ab"), bytes("c")), "text/csv", 3))
    ],
    [
      "a stream of length 0",
      `${length(0)}content-type: text/csv\r\n`,
      "",
      () => post(HttpBody.stream(Stream.empty, "text/csv", 0))
    ],
    ["raw undefined", length(0), "", raw(undefined)],
    ["raw null", length(0), "", raw(null)],
    ["raw text", length(2), "\xc3\xbc", raw("ü")],
    [
      "raw text with type and length",
      "content-type: text/css\r\ncontent-length: 2\r\n",
      "\xc3\xbc",
      raw("ü", { contentType: "text/css", contentLength: 2 })
    ],
    ["raw bytes", length(2), "\0\xff", raw(bytes("\0\xff"))],
    ["a raw Buffer", length(2), "ab", raw(Buffer.from("ab"))],
    ["a raw ArrayBuffer", length(2), "ab", raw(new Uint8Array([97, 98]).buffer)],
    ["a raw SharedArrayBuffer", length(2), "\0\0", raw(new SharedArrayBuffer(2))],
    ["a raw view of another kind", length(1), "b", raw(new DataView(new Uint8Array([97, 98, 99]).buffer, 1, 1))],
    [
      "raw URLSearchParams",
      `Content-Type: application/x-www-form-urlencoded;charset=UTF-8\r\n${length(7)}`,
      "a=b+%26",
      raw(new URLSearchParams({ a: "b &" }))
    ],
    [
      "raw URLSearchParams with a type of the caller's",
      `${length(3)}content-type: text/plain\r\n`,
      "a=b",
      raw(new URLSearchParams({ a: "b" }), { contentType: "text/plain" })
    ],
    ["a raw Blob", length(3), "abc", raw(new Blob(["abc"]))],
    [
      "a raw Blob with its type",
      `Content-Type: text/x\r\n${length(3)}`,
      "abc",
      raw(new Blob(["abc"], { type: "text/x" }))
    ],
    ["a raw ReadableStream", chunked, chunks("ab", "c"), raw(readableStream(bytes("ab"), bytes("c")))],
    ["a raw Node Readable", chunked, chunks("ab", "c"), raw(Readable.from([Buffer.from("ab"), Buffer.from("c")]))],
    ["a raw Node Readable of text", chunked, chunks("ab", "\xc3\xbc"), raw(Readable.from(["ab", "ü"]))],
    ["a raw AsyncIterable", chunked, chunks("ab", "c"), raw(generated(bytes("ab"), "c"))],
    ["a raw AsyncIterable of other views", chunked, chunks("ab"), raw(generated(new Uint16Array([0x6261])))],
    [
      "a raw AsyncIterable with its length",
      "content-length: 3\r\n",
      "abc",
      raw(generated("abc"), { contentLength: 3 })
    ],
    ["a raw array of bytes", chunked, chunks("ab", "c"), raw([bytes("ab"), bytes("c")])],
    ["a raw Set of bytes", chunked, chunks("ab"), raw(new Set([bytes("ab")]))],
    ["a raw Stream", chunked, chunks("ab"), raw(Stream.make("ab"))],
    ["a raw Chunk of bytes", chunked, chunks("ab"), raw(Chunk.of(bytes("ab")))],
    ["a raw reader without an iterator", chunked, chunks("ab", "c"), raw(readerOnly(bytes("ab"), bytes("c")))],
    ["a raw ArrayBuffer of another realm", length(1), "a", raw(runInNewContext("new Uint8Array([97]).buffer"))],
    ["a raw Uint8Array of another realm", length(1), "a", raw(runInNewContext("new Uint8Array([97])"))],
    [
      "a raw array of bytes of another realm",
      chunked,
      chunks("a"),
      raw(runInNewContext("[new Uint8Array([97])]"))
    ],
    [
      "URLSearchParams of another class",
      `Content-Type: application/x-www-form-urlencoded;charset=UTF-8\r\n${length(3)}`,
      "a=b",
      raw({ [Symbol.toStringTag]: "URLSearchParams", toString: () => "a=b" })
    ],
    [
      "a Blob of another class",
      `Content-Type: text/x\r\n${length(2)}`,
      "ab",
      raw(otherBlob({ stream: () => readableStream(bytes("ab")) }))
    ],
    [
      "a Blob of another class, whose stream has a reader alone",
      `Content-Type: text/x\r\n${length(2)}`,
      "ab",
      raw(otherBlob({ stream: () => readerOnly(bytes("ab")) }))
    ],
    [
      "a Blob of another class, that has its bytes alone",
      `Content-Type: text/x\r\n${length(2)}`,
      "ab",
      raw(otherBlob({ arrayBuffer: () => Promise.resolve(Uint8Array.of(97, 98).buffer) }))
    ],
    ["what HttpBody.json of ours gives", `Content-Type: application/json\r\n${length(1)}`, "1", raw(OurBody.json(1))],
    ["a raw body of ours", `Content-Type: a/b\r\n${length(2)}`, "ab", raw(OurBody.bytes(bytes("ab"), "a/b"))]
  ]
  for (const [name, head, content, request] of wires) it.effect(name, () => sends(head, content, request))

  it.effect.each(["chunked", "gzip, chunked"])(
    "chunked by the library beside Transfer-Encoding: %s",
    (coding) =>
      Effect.gen(function*() {
        const beside = (body: unknown) => () =>
          HttpClientRequest.setHeader(post(HttpBody.raw(body)), "transfer-encoding", coding)
        const head = `transfer-encoding: ${coding}\r\n`
        yield* sends(head, chunks("a", "bc"), beside(Stream.rechunk(Stream.make(bytes("a"), bytes("bc")), 1)))
        // It is content, even if it looks like a coding.
        yield* sends(head, chunks("0\r\n\r\n"), beside("0\r\n\r\n"))
      })
  )

  const foreign: ReadonlyArray<readonly [name: string, body: () => HttpBody.HttpBody]> = [
    ["npm's undici, raw", () => HttpBody.raw(undiciForm())],
    ["npm's undici", () => HttpBody.formData(undiciForm() as unknown as FormData)],
    ["another class, raw", () => HttpBody.raw(new OtherForm(["a", "b"]))],
    [
      "another class, that is its own entries",
      () => HttpBody.raw({ [Symbol.toStringTag]: "FormData", [Symbol.iterator]: () => [["a", "b"]].values() })
    ]
  ]
  for (const [name, body] of foreign) {
    it.scoped(`a form of ${name}, as one of Node's own, and its Content-Type is its own`, () =>
      Effect.gen(function*() {
        const { client, transport } = yield* clientOver(anyHead, T.discardUntil("--\r\n"), T.reply(ok()))
        yield* quietly(client.execute(HttpClientRequest.setHeader(post(body()), "content-type", "text/plain")))
        const [head = "", content = ""] = transport.written(0).split(/\r\n\r\n(.*)/s)
        const boundary = /^Content-Type: multipart\/form-data; boundary=(\S+)/m.exec(head)?.[1]
        assert.notInclude(head, "text/plain")
        assert.strictEqual(
          content,
          `--${boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--${boundary}--\r\n`
        )
      }))
  }

  const forms: ReadonlyArray<readonly [name: string, body: (form: FormData) => HttpBody.HttpBody]> = [
    ["a form", HttpBody.formData],
    ["a raw FormData", HttpBody.raw]
  ]
  for (const [name, body] of forms) {
    it.scoped(`${name}, whose Content-Type and length are its own`, () =>
      Effect.gen(function*() {
        const form = new FormData()
        form.append("a", "1")
        form.append("f", new File(["abc"], "f.txt", { type: "text/plain" }))
        const { client, transport } = yield* clientOver(anyHead, T.discardUntil("--\r\n"), T.reply(ok()))
        const request = HttpClientRequest.post(url, { body: body(form) }).pipe(
          HttpClientRequest.setHeaders({ "content-type": "text/plain", "content-length": "1", "x-a": "b" })
        )
        yield* quietly(client.execute(request))
        const [head = "", content = ""] = transport.written(0).split(/\r\n\r\n(.*)/s)
        const boundary = /Content-Type: multipart\/form-data; boundary=(\S+)/.exec(head)?.[1]
        assert.include(head, `Content-Length: ${content.length}\r\n`)
        assert.include(head, "x-a: b")
        assert.notInclude(head, "content-")
        assert.isTrue(content.startsWith(`--${boundary}\r\n`) && content.endsWith(`--${boundary}--\r\n`))
      }))
  }

  it.scoped("without the fields of a trace where there is none, and with them last where there is", () =>
    Effect.gen(function*() {
      const request = HttpClientRequest.get(url, { headers: { b3: "mine", "X-A": "b", traceparent: "mine" } })
      const { client, transport } = yield* clientOver(anyHead, T.reply(ok()), anyHead, T.reply(ok()))
      yield* quietly(client.execute(request))
      yield* client.execute(request)
      const [plain = "", traced = ""] = transport.written(0).split(/(?<=\r\n\r\n)/)
      assert.include(plain, "b3: mine\r\nx-a: b\r\ntraceparent: mine\r\n\r\n")
      assert.match(traced, /Host: a.test\r\nx-a: b\r\nb3: \w+-\w+-1\r\ntraceparent: 00-\w+-\w+-01\r\n\r\n$/)
    }))
})

describe("the stream of a body", () => {
  class Name extends Context.Reference<Name>()("test/Name", { defaultValue: () => "nobody" }) {}
  const ref = FiberRef.unsafeMake("default")
  const told = Stream.unwrap(
    Effect.map(
      Effect.all([FiberRef.get(ref), Effect.map(Name, String)]),
      (names) => Stream.make(bytes(names.join(" ")))
    )
  )

  it.effect("runs with the FiberRefs and the context of the caller", () =>
    sends(
      "content-type: text/plain\r\ncontent-length: 9\r\n",
      "local Ann",
      () => post(HttpBody.stream(told, "text/plain", 9))
    ).pipe(Effect.locally(ref, "local"), Effect.provideService(Name, "Ann")))

  it.effect("is let go of where the answer comes before its end", () =>
    Effect.scoped(Effect.gen(function*() {
      let released = 0
      const readable = new Readable({
        read() {
          this.push("ab")
        },
        destroy(_, done) {
          released++
          done(null)
        }
      })
      const { client } = yield* clientOver(
        anyHead,
        T.discardUntil("ab\r\n"),
        T.reply("HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n"),
        T.discardUntil("never")
      )
      const response = yield* quietly(client.execute(post(HttpBody.raw(readable))))
      assert.strictEqual(response.status, 413)
      yield* Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))
      assert.strictEqual(released, 1)
    })))
})

describe("a mistake of the caller's is a typed failure, and never Transport", () => {
  const modes: ReadonlyArray<
    readonly [name: string, run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>]
  > = [["", quietly], [", traced", (effect) => effect]]
  const header = (name: string, value: string) =>
    HttpClientRequest.get(url).pipe(HttpClientRequest.setHeader(name, value))
  const mistakes: ReadonlyArray<
    readonly [
      name: string,
      reason: "Encode" | "InvalidUrl",
      tag: RequestFailure["_tag"],
      request: HttpClientRequest.HttpClientRequest
    ]
  > = [
    ["a URL without host", "InvalidUrl", "InvalidUrl", HttpClientRequest.get("/a")],
    ["no URL", "InvalidUrl", "InvalidUrl", HttpClientRequest.get("")],
    ["a line feed in the URL", "InvalidUrl", "InvalidUrl", HttpClientRequest.get(`${url}/a\nb`)],
    ["credentials in the URL", "InvalidUrl", "InvalidUrl", HttpClientRequest.get("http://u:p@a.test/")],
    ["another scheme", "InvalidUrl", "UnsupportedScheme", HttpClientRequest.get("ftp://a.test/")],
    ["a method that is no token", "Encode", "InvalidMethod", HttpClientRequest.make("A B" as "GET")(url)],
    ["a header name that is none", "Encode", "InvalidHeaderName", header("a b", "c")],
    ["a header value that is none", "Encode", "InvalidHeaderValue", header("a", "b\r\nc: d")],
    ["a header value that is no text", "Encode", "InvalidHeaderValue", header("a", 1 as unknown as string)],
    ["an Upgrade", "Encode", "ForbiddenHeader", header("upgrade", "h2c")],
    ["another coding than chunked", "Encode", "ForbiddenHeader", header("transfer-encoding", "gzip")],
    ["a length without a body", "Encode", "BodyLengthMismatch", header("content-length", "3")],
    [
      "a length and chunks",
      "Encode",
      "ConflictingFraming",
      header("content-length", "3").pipe(HttpClientRequest.setHeader("transfer-encoding", "chunked"))
    ],
    ["a Host that is none", "Encode", "InvalidHeaderValue", header("host", "a/b")],
    ["a body that is none", "Encode", "UnsupportedBody", post(HttpBody.raw({ a: 1 }))],
    ["a number as body", "Encode", "UnsupportedBody", post(HttpBody.raw(1))],
    ["an array of numbers as body", "Encode", "UnsupportedBody", post(HttpBody.raw([1, 2]))],
    ["a Set of numbers as body", "Encode", "UnsupportedBody", post(HttpBody.raw(new Set([1, 2])))],
    ["a form with a number in it", "Encode", "UnsupportedBody", post(HttpBody.raw(new OtherForm(["a", 1])))],
    ["a form that is not of pairs", "Encode", "UnsupportedBody", post(HttpBody.raw(new OtherForm(1)))],
    [
      "a form whose entries throw",
      "Encode",
      "UnsupportedBody",
      post(HttpBody.raw({
        [Symbol.toStringTag]: "FormData",
        entries: () => {
          throw new Error("no")
        }
      }))
    ],
    ["no form as form", "Encode", "UnsupportedBody", post(HttpBody.formData(new Map() as never))],
    ["what HttpBody.json of ours refused", "Encode", "UnsupportedBody", post(HttpBody.raw(OurBody.json(undefined)))],
    [
      "a type of body with a line end",
      "Encode",
      "InvalidHeaderValue",
      post(HttpBody.raw("a", { contentType: "a\r\nb: c" }))
    ]
  ]
  for (const [name, reason, tag, request] of mistakes) {
    for (const [traced, run] of modes) {
      it.scoped(`${name}${traced}`, () =>
        Effect.gen(function*() {
          const { client, transport } = yield* clientOver(anyHead)
          const error = yield* failsWith(run(client.execute(request)), "RequestError", reason, tag)
          assert.strictEqual(error.context.fault, "User")
          assert.strictEqual(error.context.processed, "No")
          assert.strictEqual(transport.opened.length, 0)
        }))
    }
  }

  const named: ReadonlyArray<readonly [name: string, body: unknown]> = [
    ["a number", 1],
    ["a function", () => undefined],
    ["a plain object", { a: 1 }],
    ["an array of other values", [1]],
    ["an Either", Either.right(1)],
    ["an object of type Map", new Map([["a", 1]])],
    ["an object of type Map", runInNewContext("new Map()")],
    ["an object of type Headers", new Headers({ a: "1" })],
    ["an object of type Date", new Date(0)],
    ["an object of type FormData", { [Symbol.toStringTag]: "FormData", pipe: () => undefined }],
    ["an object of type Own", new (class Own {})()]
  ]
  for (const [name, body] of named) {
    it.scoped(`${name} as a raw body is named, before the head leaves`, () =>
      Effect.gen(function*() {
        const { client, transport } = yield* clientOver(anyHead)
        const error = yield* failsWith(
          quietly(client.execute(post(HttpBody.raw(body)))),
          "RequestError",
          "Encode",
          "UnsupportedBody"
        )
        assert.include(error.message, `it is ${name}, and no text, bytes, Blob, FormData or URLSearchParams`)
        assert.strictEqual(transport.opened.length, 0)
      }))
  }

  it.scoped("what throws when it is looked at has what was thrown as its cause", () =>
    Effect.gen(function*() {
      const { proxy, revoke } = Proxy.revocable({}, {})
      revoke()
      const { client } = yield* clientOver(anyHead)
      const sending = quietly(client.execute(post(HttpBody.raw(proxy))))
      const error = yield* failsWith(sending, "RequestError", "Encode", "UnsupportedBody")
      assert.instanceOf(error.cause, TypeError)
    }))

  const streams: ReadonlyArray<
    readonly [name: string, tag: RequestFailure["_tag"], body: () => HttpBody.HttpBody]
  > = [
    ["a stream that fails", "RequestBodyError", () => HttpBody.stream(Stream.fail("no"))],
    ["a stream that is too short", "BodyLengthMismatch", () => HttpBody.stream(Stream.make(bytes("a")), "a/b", 2)],
    ["a stream that is too long", "BodyLengthMismatch", () => HttpBody.stream(Stream.make(bytes("abc")), "a/b", 2)],
    ["an iterable of what is no bytes", "UnsupportedBody", () => HttpBody.raw(generated(1))],
    ["an iterable that throws", "RequestBodyError", () =>
      HttpBody.raw({
        [Symbol.asyncIterator]: () => {
          throw new Error("no")
        }
      })],
    ["a Blob that throws", "RequestBodyError", () =>
      HttpBody.raw(otherBlob({
        stream: () => {
          throw new Error("no")
        }
      }))],
    [
      "a Blob that gives less than it says",
      "BodyLengthMismatch",
      () => HttpBody.raw(otherBlob({ stream: () => readableStream(bytes("a")) }))
    ],
    [
      "a Blob that gives what is no bytes",
      "UnsupportedBody",
      () => HttpBody.raw(otherBlob({ stream: () => readableStream(1) }))
    ],
    ["a ReadableStream that is being read already", "RequestBodyError", () => {
      const stream = readableStream(bytes("a"))
      stream.getReader()
      return HttpBody.raw(stream)
    }]
  ]
  for (const [name, tag, body] of streams) {
    it.scoped(name, () =>
      Effect.gen(function*() {
        const { client } = yield* clientOver(anyHead, T.discardUntil("never"))
        yield* failsWith(quietly(client.execute(post(body()))), "RequestError", "Encode", tag)
      }))
  }
})

it.scoped("asks as HttpClient's own methods do", () =>
  Effect.gen(function*() {
    const response = yield* answering(ok("a"))
    assert.strictEqual(response.request.method, "GET")
    assert.strictEqual(response.request.url, url)
  }))
