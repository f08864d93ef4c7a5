/** Responses as the platform has them, and what is known of them beyond it. */
import * as Cookies from "@effect/platform/Cookies"
import * as Headers from "@effect/platform/Headers"
import type { HttpClientError, ResponseError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as UrlParams from "@effect/platform/UrlParams"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { inspect } from "node:util"
import * as HttpFields from "../../src/HttpFields.ts"
import { headersOf } from "../../src/internal/platform/headers.ts"
import { release } from "../../src/internal/platform/release.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as T from "../../src/TestTransport.ts"
import { settled, started } from "../connection/harness.ts"
import { answering, anyHead, clientOver, clientTo, failsWith, ok, quietly, url } from "./kit.ts"

const latin1 = (bytes: ArrayBufferLike): string => Buffer.from(bytes).toString("latin1")

const withMaxBodySize = (size: number) => HttpIncomingMessage.withMaxBodySize(Option.some(size))

const pooled = (response: HttpClientResponse.HttpClientResponse): PooledHttpClient.PooledResponse =>
  PooledHttpClient.isPooledResponse(response) ? response : assert.fail("not of this client")

describe("the head of a response", () => {
  it.scoped("has what the platform asks for, and more", () =>
    Effect.gen(function*() {
      const response = pooled(
        yield* answering(
          "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
            + "HTTP/1.0 299 Fine so far\r\nX-B: 1\r\nx-a: 2\r\nX-b: 3\r\nSet-Cookie: c=d; Path=/\r\nSet-Cookie: e=f,g\r\n"
            + "Content-Length: 0\r\n\r\n"
        )
      )
      assert.strictEqual(response.status, 299)
      assert.strictEqual(response.reason, "Fine so far")
      assert.strictEqual(response.version, 10)
      assert.deepStrictEqual({ ...response.headers }, {
        "x-b": "1, 3",
        "x-a": "2",
        "set-cookie": "c=d; Path=/, e=f,g",
        "content-length": "0"
      })
      assert.isTrue(Headers.isHeaders(response.headers))
      assert.deepStrictEqual(HttpFields.entries(response.fields).slice(0, 3), [["X-B", "1"], ["x-a", "2"], [
        "X-b",
        "3"
      ]])
      assert.deepStrictEqual(
        Object.entries(Cookies.toRecord(response.cookies)),
        [["c", "d"], ["e", "f,g"]]
      )
      assert.deepStrictEqual(response.informational.map(({ status }) => status), [103])
      assert.isAtLeast(response.timings.wait ?? -1, 0)
      assert.strictEqual(response[HttpClientResponse.TypeId], HttpClientResponse.TypeId)
      assert.strictEqual(response[HttpIncomingMessage.TypeId], HttpIncomingMessage.TypeId)
    }))

  it.scoped("is made once", () =>
    Effect.gen(function*() {
      const response = yield* answering(ok("", "Set-Cookie: a=b"))
      assert.strictEqual(response.headers, response.headers)
      assert.strictEqual(response.cookies, response.cookies)
      assert.strictEqual(response.request, response.request)
    }))

  it.scoped("has no cookies where none were set", () =>
    Effect.gen(function*() {
      assert.isTrue(Cookies.isEmpty((yield* answering(ok())).cookies))
    }))

  it("may have a field of any name", () => {
    const headers = headersOf(HttpFields.make(["__proto__", "a"], ["Constructor", "b"], ["__PROTO__", "c"]))
    assert.deepStrictEqual(Object.entries(headers), [["__proto__", "a, c"], ["constructor", "b"]])
    assert.isTrue(Headers.isHeaders(headers))
  })

  it.scoped("has the request as it was sent, with the fields of the trace", () =>
    Effect.gen(function*() {
      const { client } = yield* clientOver(anyHead, T.reply(ok()), anyHead, T.reply(ok()))
      const traced = yield* client.get(url)
      assert.match(traced.request.headers["traceparent"] ?? "", /^00-\w+-\w+-01$/)
      assert.strictEqual(traced.request, traced.request)
      assert.notProperty((yield* quietly(client.get(url))).request.headers, "traceparent")
    }))

  it.scoped("comes with the response of ours", () =>
    Effect.gen(function*() {
      const response = yield* answering(ok("abc"))
      const ours = Option.getOrThrow(PooledHttpClient.fromResponse(response))
      assert.strictEqual(yield* ours.text, "abc")
      assert.strictEqual(yield* response.text, "abc")
      const other = HttpClientResponse.fromWeb(response.request, new Response(""))
      assert.isTrue(Option.isNone(PooledHttpClient.fromResponse(other)))
      assert.isFalse(PooledHttpClient.isPooledResponse(other))
    }))
})

describe("a whole body", () => {
  type Read = (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<unknown, HttpClientError>
  const readings: ReadonlyArray<readonly [name: string, body: string, value: unknown, read: Read]> = [
    ["text", "\xc3\xbc", "ü", (response) => response.text],
    ["text with a byte order mark", "\xef\xbb\xbfa", "a", (response) => response.text],
    ["JSON", "{\"a\":[1]}", { a: [1] }, (response) => response.json],
    ["JSON that is empty", "", null, (response) => response.json],
    ["an ArrayBuffer", "\0\xff", "\0\xff", (response) => Effect.map(response.arrayBuffer, latin1)],
    [
      "URL parameters",
      "a=1&b=%20&a=2",
      [["a", "1"], ["b", " "], ["a", "2"]],
      (response) => Effect.map(response.urlParamsBody, (params) => [...params])
    ],
    [
      "a form",
      "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n",
      "1",
      (response) => Effect.map(response.formData, (form) => form.get("a"))
    ]
  ]
  const type = "Content-Type: multipart/form-data; boundary=x"

  for (const [name, body, value, read] of readings) {
    it.scoped(`is read as ${name}, and again`, () =>
      Effect.gen(function*() {
        const response = yield* answering(ok(body, type))
        assert.deepStrictEqual(yield* read(response), value)
        assert.deepStrictEqual(yield* read(response), value)
      }))

    it.scoped(`is read as ${name} within MaxBodySize, and again without`, () =>
      Effect.gen(function*() {
        const response = yield* answering(ok(body, type))
        assert.deepStrictEqual(yield* withMaxBodySize(body.length)(read(response)), value)
        assert.deepStrictEqual(yield* read(response), value)
      }))
  }

  it.scoped("is read in one form after another", () =>
    Effect.gen(function*() {
      const response = yield* answering(ok("{\"a\":1}"))
      assert.strictEqual(yield* response.text, "{\"a\":1}")
      assert.deepStrictEqual(yield* response.json, { a: 1 })
      assert.strictEqual((yield* response.arrayBuffer).byteLength, 7)
      const form = yield* Effect.flip(response.formData)
      assert.strictEqual(form.reason, "Decode")
    }))

  it.scoped("is the same form each time", () =>
    Effect.gen(function*() {
      const response = yield* answering(ok("a=1", "Content-Type: application/x-www-form-urlencoded"))
      assert.strictEqual(yield* response.formData, yield* response.formData)
    }))

  it.scoped("is given in full by an ArrayBuffer that holds nothing else", () =>
    Effect.gen(function*() {
      const response = yield* answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"
      )
      assert.strictEqual(latin1(yield* response.arrayBuffer), "abc")
    }))

  const charsets: ReadonlyArray<readonly [contentType: string, text: string]> = [
    ["text/plain; charset=iso-8859-1", "Ã¼"],
    ["text/plain; charset=\"UTF-8\"", "ü"],
    ["text/plain; charset=utf8", "ü"],
    ["text/plain", "ü"],
    ["text/plain; charset=nonsense", "ü"],
    ["text/plain; charset=", "ü"]
  ]
  for (const [contentType, text] of charsets) {
    it.scoped(`is text by its charset: ${contentType}`, () =>
      Effect.gen(function*() {
        const response = yield* answering(ok("\xc3\xbc", `Content-Type: ${contentType}`))
        assert.strictEqual(yield* response.text, text)
      }))
  }

  it.scoped("is decoded by a schema", () =>
    Effect.gen(function*() {
      const response = yield* answering(ok("{\"a\":1}"))
      const decoded = yield* HttpClientResponse.schemaBodyJson(Schema.Struct({ a: Schema.Number }))(response)
      assert.deepStrictEqual(decoded, { a: 1 })
    }))

  it.scoped("that is no JSON fails, and says on which connection", () =>
    Effect.gen(function*() {
      const response = yield* answering(ok("{secret"))
      const error = yield* failsWith(response.json, "ResponseError", "Decode", "BodyDecodeError")
      assert.strictEqual(error.context.origin, "http://a.test:80")
      assert.strictEqual(error.context.phase, "body")
      assert.strictEqual(error.context.processed, "Yes")
      assert.notInclude((yield* Effect.flip(response.json)).message, "secret")
      assert.instanceOf(error.cause, SyntaxError)
      assert.notInclude(inspect(error.cause), "secret")
    }))

  const broken = [
    "secret",
    "{\"secret\": x}",
    "{\"a\": 1 secret}",
    "[\"secret\"",
    "secret at position 5",
    "\"secret\n\""
  ]
  it.scoped.each(broken)("that is no JSON shows nothing of itself: %j", (body) =>
    Effect.gen(function*() {
      const response = yield* answering(ok(body))
      const failure = yield* Effect.flip(response.json)
      for (let error: unknown = failure; error instanceof Error; error = error.cause) {
        assert.notInclude(`${error.message} ${error.stack} ${inspect(error)}`, "secret")
      }
    }))

  it.scoped("that is no form fails, and says on which connection", () =>
    Effect.gen(function*() {
      for (const fields of [[], ["Content-Type: text/plain"], [type]]) {
        const response = yield* answering(ok("{secret", ...fields))
        const error = yield* failsWith(response.formData, "ResponseError", "Decode", "BodyDecodeError")
        assert.strictEqual(error.context.origin, "http://a.test:80")
        assert.strictEqual(yield* response.text, "{secret")
      }
    }))

  it.scoped("that is cut short fails each time", () =>
    Effect.gen(function*() {
      const response = yield* answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", T.eof)
      for (
        const read of [response.text, response.json, response.arrayBuffer, response.formData, response.urlParamsBody]
      ) {
        const error = yield* failsWith(read, "ResponseError", "Decode", "IncompleteRead")
        assert.strictEqual(error.received, 2)
      }
    }))

  it.scoped("whose reading is interrupted closes the connection", () =>
    Effect.gen(function*() {
      const { client, transport } = yield* clientOver(
        anyHead,
        T.reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"),
        T.expectDestroy
      )
      const response = yield* quietly(client.get(url))
      const reading = yield* started(response.text)
      yield* Fiber.interrupt(reading)
      assert.strictEqual(transport.openCount, 0)
      yield* transport.verify
    }))
})

describe("an ArrayBuffer", () => {
  it.scoped("is the caller's own: what becomes of it changes nothing", () =>
    Effect.gen(function*() {
      const response = yield* answering(ok("abc"))
      const buffer = yield* response.arrayBuffer
      new Uint8Array(buffer).fill(0)
      structuredClone(buffer, { transfer: [buffer] })
      assert.strictEqual(latin1(yield* response.arrayBuffer), "abc")
      assert.strictEqual(yield* response.text, "abc")
    }))
})

describe("MaxBodySize", () => {
  const chunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
  const large = "x".repeat(200_000)

  it.scoped("refuses a length that is larger before it reads", () =>
    Effect.gen(function*() {
      const { client, transport } = yield* clientOver(
        anyHead,
        T.reply("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"),
        T.expectDestroy
      )
      const response = yield* quietly(client.get(url))
      const error = yield* failsWith(withMaxBodySize(10)(response.text), "ResponseError", "Decode", "BodyTooLarge")
      assert.strictEqual(error.limit, 10)
      assert.strictEqual(error.context.origin, "http://a.test:80")
      assert.strictEqual(error.context.fault, "Remote")
      assert.strictEqual(transport.openCount, 0)
    }))

  it.scoped("refuses a body that grows larger, and holds no more of it", () =>
    Effect.gen(function*() {
      const { client, transport } = yield* clientOver(
        anyHead,
        T.reply(chunkedHead),
        ...Array.from({ length: 100 }, () => T.reply(`186a0\r\n${"x".repeat(100_000)}\r\n`))
      )
      const response = yield* quietly(client.get(url))
      yield* failsWith(withMaxBodySize(150_000)(response.arrayBuffer), "ResponseError", "Decode", "BodyTooLarge")
      yield* settled
      assert.strictEqual(transport.openCount, 0)
      assert.isAbove(transport.remaining.length, 90)
    }))

  it.scoped("says so again, and whatever way it is read", () =>
    Effect.gen(function*() {
      const response = yield* answering(ok("abcdef"))
      for (
        const read of [response.text, response.json, response.arrayBuffer, response.urlParamsBody, response.formData]
      ) {
        yield* failsWith(withMaxBodySize(5)(read), "ResponseError", "Decode", "BodyTooLarge")
      }
      yield* failsWith(response.text, "ResponseError", "Decode", "BodyTooLarge")
    }))

  it.scoped("counts for a body that is remembered", () =>
    Effect.gen(function*() {
      const response = yield* answering(ok("abcdef"))
      assert.strictEqual(yield* response.text, "abcdef")
      yield* failsWith(withMaxBodySize(5)(response.text), "ResponseError", "Decode", "BodyTooLarge")
      assert.strictEqual(yield* withMaxBodySize(6)(response.text), "abcdef")
      const limited = yield* answering(ok("abcdef"))
      assert.strictEqual(yield* withMaxBodySize(6)(limited.text), "abcdef")
      yield* failsWith(withMaxBodySize(5)(limited.text), "ResponseError", "Decode", "BodyTooLarge")
      assert.strictEqual(yield* limited.text, "abcdef")
    }))

  it.scoped("reads a large body that it allows", () =>
    Effect.gen(function*() {
      const response = yield* answering(`${chunkedHead}30d40\r\n${large}\r\n0\r\n\r\n`)
      assert.strictEqual(yield* withMaxBodySize(200_000)(response.text), large)
    }))

  it.scoped("does not count for a stream", () =>
    Effect.gen(function*() {
      const response = yield* answering(ok("abcdef"))
      const read = Stream.runFold(response.stream, 0, (size, bytes) => size + bytes.length)
      assert.strictEqual(yield* withMaxBodySize(5)(read), 6)
    }))

  it.scoped("counts for trailers, which read the body", () =>
    Effect.gen(function*() {
      const response = pooled(yield* answering(`${chunkedHead}6\r\nabcdef\r\n0\r\nX-T: 1\r\n\r\n`))
      yield* failsWith(withMaxBodySize(5)(response.trailers), "ResponseError", "Decode", "BodyTooLarge")
    }))

  /** A response of which more comes when told. */
  const dripping = Effect.gen(function*() {
    const kit = yield* clientOver(
      anyHead,
      T.reply(`${chunkedHead}2\r\nab\r\n`),
      T.delay("1 second"),
      T.reply("1\r\nc\r\n0\r\n\r\n")
    )
    return { ...kit, response: yield* quietly(kit.client.get(url)) }
  })

  it.scoped("counts beside trailers that read the body", () =>
    Effect.gen(function*() {
      const { response } = yield* dripping
      const trailers = yield* started(pooled(response).trailers)
      const within = yield* started(withMaxBodySize(3)(response.text))
      const beyond = yield* started(Effect.either(withMaxBodySize(2)(response.text)))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(within), "abc")
      yield* failsWith(Effect.flatten(Fiber.join(beyond)), "ResponseError", "Decode", "BodyTooLarge")
      assert.deepStrictEqual(HttpFields.entries(yield* Fiber.join(trailers)), [])
    }))

  it.scoped("gives all readers that read at the same time the same", () =>
    Effect.gen(function*() {
      const { response } = yield* dripping
      const readers = yield* Effect.forEach([10, 3, Infinity, 2], (limit) =>
        started(Effect.either(limit === Infinity ? response.text : withMaxBodySize(limit)(response.text))))
      yield* TestClock.adjust("1 second")
      const [ten, three, none, two] = yield* Effect.forEach(readers, Fiber.join)
      assert.deepStrictEqual([ten, three, none], [Either.right("abc"), Either.right("abc"), Either.right("abc")])
      assert.isTrue(two !== undefined && Either.isLeft(two))
    }))

  it.scoped("lets no stream take what another reader is reading", () =>
    Effect.gen(function*() {
      const { response } = yield* dripping
      const reader = yield* started(withMaxBodySize(10)(response.text))
      const { by } = yield* failsWith(
        Stream.runDrain(response.stream),
        "ResponseError",
        "Decode",
        "BodyAlreadyConsumed"
      )
      assert.strictEqual(by, "collect")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(reader), "abc")
    }))

  it.scoped("closes the connection where the reading is interrupted, and tells those who wait beside", () =>
    Effect.gen(function*() {
      const { response, transport } = yield* dripping
      const reader = yield* started(withMaxBodySize(10)(response.text))
      const beside = yield* started(withMaxBodySize(10)(response.text))
      yield* Fiber.interrupt(reader)
      assert.strictEqual(transport.openCount, 0)
      yield* failsWith(Fiber.join(beside), "ResponseError", "Decode", "BodyAlreadyConsumed")
    }))
})

describe("a streamed body", () => {
  const collected = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<string, ResponseError> =>
    Effect.map(
      Stream.runCollect(response.stream),
      (pieces) => Buffer.concat(Chunk.toReadonlyArray(pieces)).toString("latin1")
    )

  it.scoped("comes whole, and frees the connection", () =>
    Effect.gen(function*() {
      const { client, pool } = yield* clientOver(anyHead, T.reply(ok("abc"), { split: [40, 41] }))
      const response = yield* quietly(client.get(url))
      assert.strictEqual(yield* collected(response), "abc")
      assert.strictEqual((yield* pool.stats).idle, 1)
    }))

  it.scoped("is empty where there is no body", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* collected(yield* answering("HTTP/1.1 204 No Content\r\n\r\n")), "")
    }))

  it.scoped("fails where it is cut short", () =>
    Effect.gen(function*() {
      const response = yield* answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", T.eof)
      yield* failsWith(collected(response), "ResponseError", "Decode", "IncompleteRead")
    }))

  it.scoped("comes once", () =>
    Effect.gen(function*() {
      const response = yield* answering(ok("abc"))
      yield* collected(response)
      yield* failsWith(collected(response), "ResponseError", "Decode", "BodyAlreadyConsumed")
      yield* failsWith(response.text, "ResponseError", "Decode", "BodyAlreadyConsumed")
    }))

  it.scoped("closes the connection where no more of it is wanted", () =>
    Effect.gen(function*() {
      const { client, transport } = yield* clientOver(
        anyHead,
        T.reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"),
        T.expectDestroy
      )
      const response = yield* quietly(client.get(url))
      yield* Stream.runDrain(Stream.take(response.stream, 1))
      assert.strictEqual(transport.openCount, 0)
    }))

  it.scoped("has its trailers behind it", () =>
    Effect.gen(function*() {
      const wire = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-T: 1\r\n\r\n"
      const response = pooled(yield* answering(wire))
      assert.strictEqual(yield* collected(response), "a")
      assert.deepStrictEqual(HttpFields.entries(yield* response.trailers), [["X-T", "1"]])
      const unread = pooled(yield* answering(wire))
      assert.deepStrictEqual(HttpFields.entries(yield* unread.trailers), [["X-T", "1"]])
      assert.strictEqual(yield* unread.text, "a")
      const cut = pooled(yield* answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", T.eof))
      yield* failsWith(cut.trailers, "ResponseError", "Decode", "IncompleteRead")
    }))
})

describe("a response that is let go of", () => {
  const limits = { bytes: 10, time: 1000 }

  it.scoped("frees its connection", () =>
    Effect.gen(function*() {
      const { client, pool } = yield* clientTo([T.connection(anyHead, T.reply(ok("abc"), { split: [40] }))], {
        drainBytes: 100
      })
      const response = yield* quietly(client.get(url))
      yield* release(response, limits)
      yield* release(response, limits)
      yield* settled
      assert.strictEqual((yield* pool.stats).idle, 1)
    }))

  it.scoped("stays read where it was read", () =>
    Effect.gen(function*() {
      const response = yield* answering(ok("abc"))
      assert.strictEqual(yield* response.text, "abc")
      yield* release(response, limits)
      assert.strictEqual(yield* response.text, "abc")
    }))

  it.effect("of another client is read up to 64 KiB, and for a second at most", () =>
    Effect.gen(function*() {
      const over = (stream: Stream.Stream<Uint8Array>) =>
        release(
          Object.create(HttpClientResponse.fromWeb(HttpClientRequest.get(url), new Response("x")), {
            stream: { value: stream }
          }) as HttpClientResponse.HttpClientResponse
        )
      let bytes = 0
      yield* over(Stream.repeatEffect(Effect.sync(() => {
        bytes += 1024
        return new Uint8Array(1024)
      })))
      // The piece that is too much has been read.
      assert.strictEqual(bytes, 65 * 1024)
      const fiber = yield* Effect.fork(over(Stream.never))
      yield* TestClock.adjust("999 millis")
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(fiber)
    }))
})

describe("a response that is printed", () => {
  it.scoped("shows no secret and does not read its body", () =>
    Effect.gen(function*() {
      const { client, transport } = yield* clientOver(
        anyHead,
        T.reply(
          `HTTP/1.1 200 Fine\r\nSet-Cookie: sid=secret\r\nX-Key: hidden\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n`
        )
      )
      const response = yield* quietly(
        client.get(`${url}/path?token=secret`, { headers: { authorization: "Bearer secret" } })
      )
      const redacting = Effect.locally(Headers.currentRedactedNames, ["set-cookie", "x-key"])
      const printed = yield* redacting(Effect.sync(() => [
        JSON.stringify(response),
        String(response),
        inspect(response, { depth: 10 })
      ]))
      for (const text of printed) {
        assert.notInclude(text, "secret")
        assert.notInclude(text, "hidden")
        assert.include(text, "200")
        assert.include(text, "Fine")
        assert.include(text, "/path")
        assert.include(text, "text/plain")
      }
      assert.notInclude(JSON.stringify(response), "sid")
      assert.strictEqual(transport.openCount, 1)
    }))

  it("shows no cookie where no fiber runs", async () => {
    const text = await Effect.runPromise(
      Effect.scoped(
        Effect.map(answering(ok("", "Set-Cookie: sid=secret")), (response) => () => JSON.stringify(response))
      )
    )
    assert.notInclude(text(), "secret")
  })
})

it.scoped("a HEAD has the length of what it did not get", () =>
  Effect.gen(function*() {
    const { client } = yield* clientOver(anyHead, T.reply("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"))
    const response = yield* quietly(client.head(url))
    assert.strictEqual(response.headers["content-length"], "500")
    assert.strictEqual(yield* withMaxBodySize(5)(response.text), "")
    assert.deepStrictEqual([...(yield* response.urlParamsBody)], [...UrlParams.empty])
  }))
