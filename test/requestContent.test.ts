/** The content and the query of a request as values: on every face the same bytes, and the same typed failure with nothing sent. */
import { assert, describe, expect, expectTypeOf, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import * as HttpBody from "../src/HttpBody.ts"
import type { UnsupportedBody } from "../src/HttpError.ts"
import * as HttpRequest from "../src/HttpRequest.ts"
import * as T from "../src/TestTransport.ts"
import { connected, connectTo, failsWith, ok, textOf } from "./connection/harness.ts"
import { poolOver } from "./pool/harness.ts"

type Input = Pick<HttpRequest.Input, "body" | "json" | "form" | "query">

const json = (length: number): string => `Content-Type: application/json\r\nContent-Length: ${length}\r\n`
const form = (length: number): string =>
  `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${length}\r\n`

const sent: ReadonlyArray<readonly [name: string, input: Input, target: string, head: string, content: string]> = [
  ["json", { json: { a: "ü" } }, "/p", json(10), "{\"a\":\"\xc3\xbc\"}"],
  ["json that is null", { json: null }, "/p", json(4), "null"],
  ["json that is false", { json: false }, "/p", json(5), "false"],
  ["json that is undefined, which is none", { json: undefined }, "/p", "Content-Length: 0\r\n", ""],
  ["a form", { form: { a: "b c", d: [1, true], e: undefined } }, "/p", form(16), "a=b+c&d=1&d=true"],
  ["a form of pairs", { form: [["a", "1"], ["a", "2"]] }, "/p", form(7), "a=1&a=2"],
  ["a form of URLSearchParams", { form: new URLSearchParams("a=1&b") }, "/p", form(6), "a=1&b="],
  ["what HttpBody.json gives", { body: HttpBody.json([1]) }, "/p", json(3), "[1]"],
  ["what HttpBody.form gives", { body: HttpBody.form({ a: 1 }) }, "/p", form(3), "a=1"],
  ["what HttpBody.text gives", { body: HttpBody.text("ü") }, "/p", "Content-Length: 2\r\n", "\xc3\xbc"],
  ["a query", { query: { a: "b c&", d: 1 } }, "/p?a=b+c%26&d=1", "Content-Length: 0\r\n", ""],
  ["a query and json", { query: [["a", "1"]], json: 1 }, "/p?a=1", json(1), "1"]
]

const refused: ReadonlyArray<
  readonly [name: string, input: Input, tag: "UnsupportedBody" | "InvalidUrl", reason: string]
> = [
  ["json that has none", { json: () => 1 }, "UnsupportedBody", "the value has no JSON"],
  ["json with a BigInt", { json: 1n }, "UnsupportedBody", "the value has a BigInt, which JSON has not"],
  [
    "a form that is none",
    { form: "a=b" as never },
    "UnsupportedBody",
    "its form is text, and neither a record nor pairs"
  ],
  ["a body that was refused", { body: HttpBody.json(undefined) }, "UnsupportedBody", "the value has no JSON"],
  ["json and a form", { json: 1, form: {} }, "UnsupportedBody", "there are `json` and `form`; give one of them"],
  [
    "json and a body",
    { json: 1, body: HttpBody.empty },
    "UnsupportedBody",
    "there are `body` and `json`; give one of them"
  ],
  [
    "a query that cannot be written",
    { query: { a: null as never } },
    "InvalidUrl",
    "its query has null for \"a\"; a value is text, a finite number, a bigint or a boolean"
  ],
  [
    "half a surrogate pair in a query",
    { query: { a: "\ud800" } },
    "InvalidUrl",
    "its query has half a surrogate pair at \"a\", which UTF-8 cannot carry"
  ]
]

describe.each(sent)("%s", (_, input, target, head, content) => {
  const wire = `POST ${target} HTTP/1.1\r\nHost: a.test\r\n${head}\r\n${content}`

  it.scoped("is sent by a connection", () =>
    Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.expect(wire), T.reply(ok("done")))
      assert.strictEqual(yield* textOf(connection, HttpRequest.post("/p", input)), "done")
      yield* transport.verify
    }))

  it.scoped("is sent by a pool", () =>
    Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([T.connection(T.expect(wire), T.reply(ok("done")))])
      const response = yield* pool.execute(HttpRequest.post("http://a.test/p", input))
      assert.strictEqual(yield* response.text, "done")
      yield* transport.verify
    }))

  it.scoped("is sent by the request of one call, whose other fields are those of http.client", () =>
    Effect.gen(function*() {
      const withEncoding = wire.replace("a.test\r\n", "a.test\r\nAccept-Encoding: identity\r\n")
      const { connection, transport } = yield* connected(T.expect(withEncoding), T.reply(ok("done")))
      yield* connection.request("POST", "/p", input)
      assert.strictEqual(yield* (yield* connection.getResponse).text, "done")
      yield* transport.verify
    }))
})

describe.each(refused)("%s is refused, with nothing opened", (_, input, tag, reason) => {
  it.scoped("by a connection, each time that it is sent", () =>
    Effect.gen(function*() {
      const request = HttpRequest.post("/p", input)
      const { connection, transport } = yield* connectTo([])
      const error = yield* failsWith(connection.execute(request), tag)
      assert.strictEqual(error.reason, reason)
      assert.strictEqual(error.context.origin, "http://a.test:80")
      const again = yield* failsWith(connection.execute(request), tag)
      assert.notStrictEqual(again, error)
      assert.strictEqual(transport.opened.length, 0)
    }))

  it.scoped("by a pool, where the error has the origin that it was for", () =>
    Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([])
      for (const origin of ["http://a.test:80", "http://b.test:80"]) {
        const sending = pool.execute(HttpRequest.post(`${origin}/p`, input))
        const error = yield* failsWith(sending, tag)
        assert.strictEqual(error.reason, reason)
        assert.strictEqual(error.context.origin, origin)
      }
      assert.strictEqual(transport.opened.length, 0)
    }))

  it.scoped("by the request of one call", () =>
    Effect.gen(function*() {
      const { connection, transport } = yield* connectTo([])
      const error = yield* failsWith(connection.request("POST", "/p", input), tag)
      assert.strictEqual(error.reason, reason)
      assert.strictEqual(yield* connection.state, "Idle")
      assert.strictEqual(transport.opened.length, 0)
    }))
})

describe("the query", () => {
  it.each([
    ["/p", "/p?a=1"],
    ["/p?", "/p?a=1"],
    ["/p?b", "/p?b&a=1"],
    ["/p?b&", "/p?b&a=1"],
    ["/p#c?d", "/p?a=1#c?d"],
    ["http://a.test", "http://a.test?a=1"],
    ["", "?a=1"]
  ])("is put behind that of %j, and before its fragment", (target, asked) => {
    expect(HttpRequest.get(target, { query: { a: 1 } }).target).toBe(asked)
    expect(HttpRequest.get(target, { query: {} }).target).toBe(target)
  })
})

describe("setBody", () => {
  it("takes what HttpBody.json gives, and what was wrong with the body before is gone", () => {
    const refused = HttpRequest.post("/", { json: undefined, body: HttpBody.json(undefined) })
    expect(refused.invalid?._tag).toBe("UnsupportedBody")
    expect(refused.body).toBe(HttpBody.empty)
    const request = HttpRequest.setBody(refused, HttpBody.json(1))
    expect(request.invalid).toBeUndefined()
    expect(request.body).toMatchObject({ _tag: "Bytes", contentType: "application/json" })
    expect(HttpRequest.setHeader(refused, "a", "b").invalid).toBe(refused.invalid)
    expect(HttpRequest.setOptions(refused, { expectContinue: true }).invalid).toBe(refused.invalid)
    expect(HttpRequest.setBody(request, HttpBody.json(undefined)).invalid?._tag).toBe("UnsupportedBody")
  })

  it("leaves what is wrong with the query", () => {
    const refused = HttpRequest.post("/", { query: { a: NaN } })
    expect(HttpRequest.setBody(refused, HttpBody.json(1)).invalid).toBe(refused.invalid)
    expect(HttpRequest.setBody(refused, HttpBody.json(undefined)).invalid).toBe(refused.invalid)
  })
})

it("names a body that is none, which no type has checked", () => {
  expect(HttpRequest.post("/", { body: "text" as never }).invalid).toMatchObject({
    _tag: "UnsupportedBody",
    reason: "it is text, and no `HttpBody`: make one, with `HttpBody.text` for example, or give `json` or `form`"
  })
})

it("knows the error of a form's files, and of none where there are none", () => {
  expectTypeOf(HttpRequest.post("/", { body: HttpBody.form(new FormData()) })).toEqualTypeOf<
    HttpRequest.HttpRequest<unknown>
  >()
  expectTypeOf(HttpRequest.post("/", { body: HttpBody.json(1) })).toEqualTypeOf<HttpRequest.HttpRequest>()
  expectTypeOf(HttpRequest.post("/", { json: 1 })).toEqualTypeOf<HttpRequest.HttpRequest>()
  expectTypeOf(HttpBody.form({ a: 1 })).toEqualTypeOf<Either.Either<HttpBody.HttpBody, UnsupportedBody>>()
})
