/** The combinator: what it asks for, what it leaves alone, what a decoded response is, and what is left behind when it is not read. */
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import { ResponseError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { inspect } from "node:util"
import * as Zlib from "node:zlib"
import { available } from "../../src/internal/content/inflater.ts"
import { BodyDecodeError } from "../../src/internal/error/body.ts"
import { decompress, isDecoded } from "../../src/internal/platform/decompress.ts"
import { release, ReleaseId } from "../../src/internal/platform/release.ts"
import {
  answering,
  bytesOf,
  cat,
  countingZlib,
  cut,
  encoded,
  kind,
  readings,
  Source,
  url
} from "./decompressHarness.ts"

const gzip = (text: string): Uint8Array => kind("gzip").encode(bytesOf(text))

const offered = available.join(", ")

describe("a request", () => {
  const cases: ReadonlyArray<
    readonly [
      name: string,
      sent: string,
      use: (client: HttpClient.HttpClient) => Effect.Effect<unknown, unknown>
    ]
  > = [
    ["asks for all that Node can undo", offered, (client) => decompress(client).get(url)],
    ["asks whatever its method", offered, (client) => decompress(client).head(url)],
    ["asks for what it is told to", "br, gzip", (client) => decompress(client, { codings: ["br", "gzip"] }).get(url)],
    ["asks for no coding when there is none", "identity", (client) => decompress(client, { codings: [] }).get(url)],
    [
      "asks for no coding for a range",
      "identity",
      (client) => decompress(client).get(url, { headers: { Range: "bytes=0-9" } })
    ],
    [
      "keeps what the caller asks for",
      "gzip;q=0.5",
      (client) => decompress(client).get(url, { headers: { "Accept-Encoding": "gzip;q=0.5" } })
    ],
    [
      "keeps what the client asks for, set before",
      "br",
      (client) =>
        client.pipe(
          HttpClient.mapRequest(HttpClientRequest.setHeader("accept-encoding", "br")),
          decompress()
        ).get(url)
    ],
    [
      "keeps what the client asks for, set after",
      "br",
      (client) =>
        client.pipe(
          decompress({ codings: ["gzip"] }),
          HttpClient.mapRequest(HttpClientRequest.setHeader("accept-encoding", "br"))
        ).get(url)
    ]
  ]
  it.effect.each(cases.map(([name, sent, use]) => ({ name, sent, use })))(
    "$name",
    ({ sent, use }) =>
      Effect.gen(function*() {
        const { client, requests } = answering({})
        yield* use(client)
        assert.deepStrictEqual(requests.map(({ headers }) => headers["accept-encoding"]), [sent])
      })
  )

  it.effect("leaves out what this Node cannot undo", () =>
    Effect.gen(function*() {
      const { client, requests } = answering({})
      yield* decompress(client, { codings: ["zstd", "lzma" as "br", "br"] }).get(url)
      assert.strictEqual(
        requests[0]?.headers["accept-encoding"],
        available.includes("zstd") ? "zstd, br" : "br"
      )
    }))
})

describe("a response", () => {
  const untouched: ReadonlyArray<
    readonly [name: string, method: "GET" | "HEAD", status: number, contentEncoding: string | undefined, body: string]
  > = [
    ["without Content-Encoding", "GET", 200, undefined, "plain"],
    ["with an empty Content-Encoding", "GET", 200, "", "plain"],
    ["that is not encoded", "GET", 200, "identity", "plain"],
    ["to HEAD", "HEAD", 200, "gzip", ""],
    ["without content", "GET", 204, "gzip", ""],
    ["that is a part", "GET", 206, "gzip", "part of gzip"],
    ["that is not modified", "GET", 304, "gzip", ""],
    ["in another coding", "GET", 200, "compress", "LZW"],
    ["in one that is known and another", "GET", 200, "gzip, compress", "LZW"],
    ["in another and one that is known", "GET", 200, "aes128gcm, gzip", "secret"]
  ]
  it.effect.each(
    untouched.map(([name, method, status, contentEncoding, body]) => ({ name, method, status, contentEncoding, body }))
  )("$name is left as it came", ({ body, contentEncoding, method, status }) =>
    Effect.gen(function*() {
      const original = HttpClientResponse.fromWeb(
        HttpClientRequest.make(method)(url),
        new Response(status === 204 || status === 304 || method === "HEAD" ? null : body, {
          status,
          headers: {
            ...(contentEncoding === undefined ? {} : { "content-encoding": contentEncoding }),
            "content-length": "100"
          }
        })
      )
      const client = HttpClient.makeWith<never, never, never, never>(() => Effect.succeed(original), Effect.succeed)
      const response = yield* decompress(client).execute(HttpClientRequest.make(method)(url))
      assert.strictEqual(response, original)
      assert.isFalse(isDecoded(response))
      assert.strictEqual(response.headers["content-encoding"], contentEncoding)
      assert.strictEqual(response.headers["content-length"], "100")
      assert.strictEqual(yield* response.text, body)
    }))

  it.effect("in a coding that was not to be undone is left as it came", () =>
    Effect.gen(function*() {
      const response = yield* decompress(encoded("gzip", gzip("text")), { codings: ["br"] }).get(url)
      assert.isFalse(isDecoded(response))
      assert.deepStrictEqual(new Uint8Array(yield* response.arrayBuffer), cat(gzip("text")))
    }))

  it.effect("is decoded also where the caller asked for its coding", () =>
    Effect.gen(function*() {
      const client = decompress(encoded("gzip", gzip("text")))
      const response = yield* client.get(url, { headers: { "accept-encoding": "identity" } })
      assert.strictEqual(yield* response.text, "text")
    }))

  it.effect("of many lines of Content-Encoding is decoded from all of them", () =>
    Effect.gen(function*() {
      const { client } = answering({
        body: kind("br").encode(gzip("text")),
        headers: [["Content-Encoding", "gzip"], ["Content-Encoding", "br"]]
      })
      assert.strictEqual(yield* Effect.flatMap(decompress(client).get(url), (response) => response.text), "text")
    }))

  it.effect("is decoded once by a client that decodes twice", () =>
    Effect.gen(function*() {
      const response = yield* encoded("gzip", gzip("text")).pipe(decompress(), decompress()).get(url)
      assert.strictEqual(yield* response.text, "text")
    }))

  it.effect("is decoded in whatever way it is read", () =>
    Effect.gen(function*() {
      const get = (body: string, type: string) =>
        decompress(
          answering({ body: gzip(body), headers: { "content-encoding": "gzip", "content-type": type } }).client
        ).get(url)
      const json = yield* get("{\"a\":[1,\"✓\"]}", "application/json")
      assert.deepStrictEqual(yield* json.json, { a: [1, "✓"] })
      assert.deepStrictEqual(
        yield* HttpClientResponse.schemaBodyJson(Schema.Struct({ a: Schema.Tuple(Schema.Number, Schema.String) }))(
          json
        ),
        { a: [1, "✓"] }
      )
      assert.strictEqual(yield* Effect.flatMap(get("\ufeffBOM", "text/plain"), (response) => response.text), "BOM")
      assert.isNull(yield* Effect.flatMap(get("", "application/json"), (response) => response.json))
      const form = yield* get("a=1&b=%20x&a=2", "application/x-www-form-urlencoded")
      assert.deepStrictEqual(yield* form.urlParamsBody, [["a", "1"], ["b", " x"], ["a", "2"]])
      assert.strictEqual((yield* form.formData).get("b"), " x")
      const buffer = yield* Effect.flatMap(get("abc", "text/plain"), (response) => response.arrayBuffer)
      assert.instanceOf(buffer, ArrayBuffer)
      assert.deepStrictEqual(new Uint8Array(buffer), Uint8Array.of(97, 98, 99))
      const stream = HttpClientResponse.stream(get("abc", "text/plain"))
      assert.strictEqual(yield* Stream.mkString(Stream.decodeText(stream)), "abc")
    }))

  it.effect("that is no JSON, or no form, is an error as it is without a coding", () =>
    Effect.gen(function*() {
      const response = yield* decompress(encoded("gzip", gzip("{secret"))).get(url)
      const json = yield* Effect.flip(response.json)
      assert.instanceOf(json, ResponseError)
      assert.strictEqual(json.reason, "Decode")
      assert.instanceOf(json.cause, BodyDecodeError)
      assert.notInclude(json.message, "{secret")
      assert.strictEqual(json.response, response)
      const form = yield* Effect.flip(response.formData)
      assert.deepInclude(form, { _tag: "ResponseError", reason: "Decode" })
      assert.propertyVal(form.cause, "format", "form")
    }))

  it.effect("has the fields of the decoded body, and the original those of the other", () =>
    Effect.gen(function*() {
      const { client } = answering({
        body: gzip("text"),
        status: 404,
        headers: [
          ["Content-Encoding", "gzip"],
          ["Content-Length", "24"],
          ["Content-Type", "text/plain"],
          ["Vary", "Accept-Encoding"],
          ["Set-Cookie", "a=1"]
        ]
      })
      const response = yield* decompress(client).get(url)
      assert.isTrue(isDecoded(response))
      if (!isDecoded(response)) return
      assert.deepStrictEqual({ ...response.headers }, {
        "content-type": "text/plain",
        vary: "Accept-Encoding",
        "set-cookie": "a=1"
      })
      assert.strictEqual(response.original.headers["content-encoding"], "gzip")
      assert.strictEqual(response.original.headers["content-length"], "24")
      assert.strictEqual(response.status, 404)
      assert.strictEqual(response.request, response.original.request)
      assert.strictEqual(response.cookies, response.original.cookies)
      assert.isTrue(Option.isNone(response.remoteAddress))
      assert.deepStrictEqual(Object.keys(response.cookies.cookies), ["a"])
      assert.isTrue(HttpClientResponse.TypeId in response && HttpIncomingMessage.TypeId in response)
    }))

  it.effect("has what else its client gives, private state included", () =>
    Effect.gen(function*() {
      const extra = Symbol("extra")
      let reads = 0
      let released = 0
      class Special {
        #secret = "Fine"
        readonly version = 11
        readonly [extra] = "symbol"
        readonly #response: HttpClientResponse.HttpClientResponse
        readonly [ReleaseId] = Effect.sync(() => {
          released++
        })
        constructor(response: HttpClientResponse.HttpClientResponse) {
          this.#response = response
        }
        get reason() {
          return this.#secret
        }
        set reason(reason) {
          this.#secret = reason
        }
        get trailers() {
          return Effect.sync(() => `${this.#secret} after ${reads}`)
        }
        nameOf(prefix: string) {
          return prefix + this.#secret
        }
        get [HttpClientResponse.TypeId](): HttpClientResponse.TypeId {
          return HttpClientResponse.TypeId
        }
        get [HttpIncomingMessage.TypeId](): HttpIncomingMessage.TypeId {
          return HttpIncomingMessage.TypeId
        }
        get request() {
          return this.#response.request
        }
        get status() {
          return this.#response.status
        }
        get headers() {
          return this.#response.headers
        }
        get cookies() {
          return this.#response.cookies
        }
        get remoteAddress() {
          return Option.some("127.0.0.1")
        }
        get stream() {
          return Stream.ensuring(this.#response.stream, Effect.sync(() => reads++))
        }
        get arrayBuffer() {
          return Effect.tap(this.#response.arrayBuffer, () => reads++)
        }
        get text() {
          return this.#response.text
        }
        get json() {
          return this.#response.json
        }
        get formData() {
          return this.#response.formData
        }
        get urlParamsBody() {
          return this.#response.urlParamsBody
        }
        toJSON() {
          throw new Error("not asked for")
        }
        toString(): string {
          throw new Error("not asked for")
        }
      }
      const special = HttpClient.transformResponse(
        encoded("gzip", gzip("text")),
        Effect.map((response) => new Special(response) as unknown as HttpClientResponse.HttpClientResponse)
      )
      for (
        const read of [
          (response: HttpClientResponse.HttpClientResponse): Effect.Effect<unknown, unknown> => response.text,
          (response: HttpClientResponse.HttpClientResponse) => Stream.runDrain(response.stream)
        ]
      ) {
        reads = 0
        const response = yield* decompress(special).get(url)
        const given = response as unknown as Special
        assert.strictEqual(given.version, 11)
        assert.strictEqual(given[extra], "symbol")
        assert.strictEqual(given.reason, "Fine")
        assert.strictEqual(given.nameOf("all "), "all Fine")
        assert.strictEqual(Option.getOrUndefined(response.remoteAddress), "127.0.0.1")
        yield* read(response)
        assert.strictEqual(yield* given.trailers, "Fine after 1")
        yield* release(response, { bytes: 0, time: 0 })
      }
      assert.strictEqual(released, 2)
    }))

  it.effect("that nobody reads is let go of without being decoded", () =>
    Effect.gen(function*() {
      const source = new Source(cut(gzip("text"), 1))
      const counted = yield* countingZlib(Effect.gen(function*() {
        const response = yield* decompress(encoded("gzip", source)).get(url)
        yield* release(response, { bytes: 0, time: 0 })
      }))
      assert.deepStrictEqual(counted, { opened: 0, destroyed: 0 })
      assert.isTrue(source.ended || source.cancelled)
    }))

  it.effect("can be printed without being read, and shows no secret", () =>
    Effect.gen(function*() {
      const source = new Source(cut(gzip("\"text\""), 1))
      const { client } = answering({
        body: source,
        headers: {
          "content-encoding": "gzip",
          "content-type": "application/json",
          "set-cookie": "secret=1",
          "x-mine": "secret"
        }
      })
      const response = yield* decompress(client).get("http://user:secret@a.test/p?token=secret", {
        headers: { authorization: "Bearer secret" }
      }).pipe(Effect.locally(Headers.currentRedactedNames, ["set-cookie", "x-mine"]))
      const shown = yield* Effect.sync(() => [
        JSON.stringify(response),
        String(response),
        inspect(response, { depth: 9 })
      ]).pipe(Effect.locally(Headers.currentRedactedNames, ["set-cookie", "x-mine"]))
      for (const text of shown) {
        assert.include(text, "http://a.test/p")
        assert.include(text, "200")
        assert.include(text, "application/json")
        assert.include(text, "gzip")
        assert.notInclude(text, "secret")
      }
      // Without a fiber there are the platform's defaults.
      assert.notInclude(inspect(response, { depth: 9 }), "secret=1")
      yield* Effect.log(response).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, Logger.none)))
      assert.strictEqual(source.pulls, 0)
      assert.strictEqual(yield* response.json, "text")
    }))

  it.effect("is read once, and gives the same every time", () =>
    Effect.gen(function*() {
      const response = yield* decompress(encoded("gzip", gzip("[1]"))).get(url)
      const [first, second] = yield* Effect.all([response.text, response.text], { concurrency: "unbounded" })
      assert.strictEqual(first, "[1]")
      assert.strictEqual(second, "[1]")
      // One reading serves all, and each buffer is its caller's own.
      new Uint8Array(yield* response.arrayBuffer).fill(0)
      assert.deepStrictEqual(new Uint8Array(yield* response.arrayBuffer), Uint8Array.from(Buffer.from("[1]")))
      assert.strictEqual(yield* response.text, "[1]")
      assert.deepStrictEqual(yield* response.json, [1])
      assert.deepStrictEqual(yield* response.urlParamsBody, [["[1]", ""]])
    }))

  it.effect("fails the same way every time", () =>
    Effect.gen(function*() {
      const response = yield* decompress(encoded("gzip", gzip("[1]").subarray(0, -1))).get(url)
      const failure = yield* Effect.flip(response.text)
      assert.strictEqual(yield* Effect.flip(response.text), failure)
      assert.strictEqual(yield* Effect.flip(response.json), failure)
      assert.strictEqual(yield* Effect.flip(response.arrayBuffer), failure)
    }))

  it.effect("does not remember that a reading was interrupted", () =>
    Effect.gen(function*() {
      const begun = yield* Deferred.make<void>()
      let asked = 0
      const client = HttpClient.transformResponse(
        encoded("gzip", gzip("text")),
        Effect.map((response) =>
          Object.create(response, {
            arrayBuffer: {
              get: () =>
                Effect.suspend(() =>
                  asked++ === 0
                    ? Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never)
                    : response.arrayBuffer
                )
            },
            request: { value: response.request },
            status: { value: response.status },
            headers: { value: response.headers }
          }) as HttpClientResponse.HttpClientResponse
        )
      )
      const response = yield* decompress(client).get(url)
      const first = yield* Effect.fork(response.text)
      yield* Deferred.await(begun)
      const second = yield* Effect.fork(response.text)
      yield* Fiber.interrupt(first)
      assert.strictEqual(yield* Fiber.join(second), "text")
      assert.strictEqual(asked, 2)
    }))

  it.effect("fails with what its client failed with", () =>
    Effect.gen(function*() {
      const broken = new Source((function*() {
        yield gzip("text").subarray(0, 12)
        throw new Error("the line is dead")
      })())
      const response = yield* decompress(encoded("gzip", broken)).get(url)
      const failure = yield* Effect.flip(Stream.runDrain(response.stream))
      assert.deepInclude(failure, { _tag: "ResponseError", reason: "Decode" })
      assert.propertyVal(failure.cause, "message", "the line is dead")
    }))
})

describe("zlib", () => {
  // Made before anything is counted.
  const piece = Zlib.gzipSync(new Uint8Array(1_000_000).map((_, i) => (i * 7919) >>> 5))
  const twice = kind("br").encode(gzip("text"))
  const cutOff = kind("br").encode(gzip("text").subarray(0, -1))
  const bomb = kind("br").encode(new Uint8Array(10_000_000))
  const text = gzip("text")

  /** More than a test could take in, should nothing stop it. */
  const endless = function*(): Generator<Uint8Array> {
    for (let i = 0; i < 10_000; i++) yield piece
  }

  it.effect("is let go of when a body was read", () =>
    Effect.gen(function*() {
      const counted = yield* countingZlib(Effect.gen(function*() {
        const inMemory = yield* decompress(encoded("gzip, br", twice)).get(url)
        assert.strictEqual(yield* inMemory.text, "text")
        const streamed = yield* decompress(encoded("gzip, br", new Source(cut(twice, 3)))).get(url)
        yield* Stream.runDrain(streamed.stream)
        const large = yield* decompress(encoded("gzip", piece)).get(url)
        assert.strictEqual((yield* large.arrayBuffer).byteLength, 1_000_000)
      }))
      // Three more are of the synchronous functions, which close the handle themselves; one found the body too large for it.
      assert.deepStrictEqual(counted, { opened: 6, destroyed: 3 })
    }))

  it.effect("is let go of when a body cannot be decoded", () =>
    Effect.gen(function*() {
      const counted = yield* countingZlib(Effect.gen(function*() {
        const streamed = yield* decompress(encoded("gzip, br", new Source(cut(cutOff, 3)))).get(url)
        yield* Effect.flip(Stream.runDrain(streamed.stream))
        const large = yield* decompress(encoded("br", bomb)).get(url)
        yield* Effect.flip(large.arrayBuffer)
        const bad = yield* decompress(encoded("gzip", new Source(cut(cat(text.subarray(0, 10), [255]), 1)))).get(url)
        yield* Effect.flip(Stream.runDrain(bad.stream))
      }))
      // One more was of a synchronous function, which found the bomb too large for it.
      assert.deepStrictEqual(counted, { opened: 5, destroyed: 4 })
    }))

  it.effect("is let go of when a stream is ended early, and so is the body", () =>
    Effect.gen(function*() {
      const source = new Source(endless())
      const counted = yield* countingZlib(Effect.gen(function*() {
        const response = yield* decompress(encoded("gzip", source)).get(url)
        const first = yield* Stream.runHead(response.stream)
        assert.isTrue(Option.isSome(first))
      }))
      assert.deepStrictEqual(counted, { opened: 1, destroyed: 1 })
      assert.isTrue(source.cancelled)
      assert.isBelow(source.pulls, 3)
    }))

  it.effect("is let go of when the reader is interrupted while it waits for more of the body", () =>
    Effect.gen(function*() {
      let cancelled = false
      const waiting = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new Uint8Array(text.subarray(0, 15))),
        cancel: () => {
          cancelled = true
        }
      })
      const client = HttpClient.make((request) =>
        Effect.succeed(
          HttpClientResponse.fromWeb(request, new Response(waiting, { headers: { "content-encoding": "gzip" } }))
        )
      )
      const counted = yield* countingZlib(Effect.gen(function*() {
        const response = yield* decompress(client).get(url)
        const seen = yield* Deferred.make<void>()
        const fiber = yield* Effect.fork(Stream.runForEach(response.stream, () => Deferred.succeed(seen, undefined)))
        yield* Deferred.await(seen)
        assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      }))
      assert.deepStrictEqual(counted, { opened: 1, destroyed: 1 })
      assert.isTrue(cancelled)
    }))

  it.effect("is let go of when the reader is interrupted while zlib works, at whatever turn", () =>
    Effect.gen(function*() {
      const body = cat(piece, piece, piece)
      for (let turns = 0; turns < 12; turns++) {
        for (const [, read] of readings) {
          const counted = yield* countingZlib(Effect.gen(function*() {
            const response = yield* decompress(encoded("gzip", body)).get(url)
            const reader = yield* Effect.fork(read(response))
            yield* nextTurns(turns)
            yield* Fiber.interrupt(reader)
          }))
          assert.strictEqual(counted.destroyed, counted.opened)
        }
      }
      assert.notInclude(process.getActiveResourcesInfo(), "ZLIB")
    }))

  it.effect("does not work ahead of a slow reader", () =>
    Effect.gen(function*() {
      const source = new Source(endless())
      const response = yield* decompress(encoded("gzip", source)).get(url)
      let taken = 0
      let pulls = 0
      yield* Stream.runForEachWhile(response.stream, (bytes) =>
        Effect.gen(function*() {
          taken += bytes.byteLength
          yield* nextTurns(3)
          assert.isAtMost(bytes.byteLength, 256 * 1024)
          pulls = source.pulls
          return taken < 2_500_000
        }))
      assert.isAtMost(pulls, 3)
    }))
})

/** Lets everything run that is ready, and what zlib's threads have done. */
const nextTurns = (count: number): Effect.Effect<void> =>
  Effect.repeatN(
    Effect.async<void>((resume) => {
      const turn = setImmediate(() => resume(Effect.void))
      return Effect.sync(() => clearImmediate(turn))
    }),
    count
  )

describe("types", () => {
  it("keep the errors and needs of the client", () => {
    class Mine {
      readonly _tag = "Mine"
    }
    const client = {} as HttpClient.HttpClient.With<Mine, "need">
    expectTypeOf(decompress<Mine, "need">).returns.toEqualTypeOf<HttpClient.HttpClient.With<Mine, "need">>()
    expectTypeOf(() => decompress(client, { maxBytes: 1 })).returns.toEqualTypeOf(client)
    expectTypeOf(() => client.pipe(decompress())).returns.toEqualTypeOf(client)
    expectTypeOf(() => client.pipe(decompress({ codings: ["gzip"] }))).returns.toEqualTypeOf(client)
  })
})
