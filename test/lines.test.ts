/** Lines of a body: which ends they have, over every split, on the responses of all faces. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, expect, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import { gzipSync } from "node:zlib"
import * as HttpRequest from "../src/HttpRequest.ts"
import { LineSplitter } from "../src/internal/lines.ts"
import * as Lines from "../src/Lines.ts"
import * as PooledHttpClient from "../src/PooledHttpClient.ts"
import * as T from "../src/TestTransport.ts"
import { connectTo, contained, failsWith, started } from "./connection/harness.ts"
import { anyHead, clientOver, failsWith as failsOnPlatform, quietly, url } from "./platform/kit.ts"

const split = (pieces: ReadonlyArray<string>, cr: boolean): ReadonlyArray<string> => {
  const splitter = new LineSplitter(cr)
  return [...pieces.flatMap((piece) => splitter.next(piece)), ...splitter.end()]
}

/** The text whole, in single characters, and cut in two at every place. */
const splits = (text: string): ReadonlyArray<ReadonlyArray<string>> => [
  [text],
  [...text],
  ...Array.from({ length: text.length + 1 }, (_, at) => [text.slice(0, at), text.slice(at)]),
  [...text].flatMap((character) => [character, ""])
]

describe("the ends of lines, over every split", () => {
  it.each<readonly [text: string, withoutCr: ReadonlyArray<string>, withCr: ReadonlyArray<string>]>([
    ["", [], []],
    ["a", ["a"], ["a"]],
    ["a\n", ["a"], ["a"]],
    ["a\r\n", ["a"], ["a"]],
    ["a\r", ["a\r"], ["a"]],
    ["a\nb", ["a", "b"], ["a", "b"]],
    ["a\rb\n", ["a\rb"], ["a", "b"]],
    ["a\rb\r\nc", ["a\rb", "c"], ["a", "b", "c"]],
    ["\n", [""], [""]],
    ["\r", ["\r"], [""]],
    ["\r\n", [""], [""]],
    ["\n\n", ["", ""], ["", ""]],
    ["\r\r", ["\r\r"], ["", ""]],
    ["\n\r", ["", "\r"], ["", ""]],
    ["\r\r\n", ["\r"], ["", ""]],
    ["\r\n\n", ["", ""], ["", ""]],
    ["\r\n\r\n", ["", ""], ["", ""]],
    ["a\r\n\rb", ["a", "\rb"], ["a", "", "b"]],
    ["a\u2028b\u0085c\vd\fe", ["a\u2028b\u0085c\vd\fe"], ["a\u2028b\u0085c\vd\fe"]]
  ])("%j", (text, withoutCr, withCr) => {
    for (const pieces of splits(text)) {
      expect(split(pieces, false)).toEqual(withoutCr)
      expect(split(pieces, true)).toEqual(withCr)
    }
  })

  it("are those of a search in the whole text, however it is cut", () => {
    const pieces = fc.array(fc.stringMatching(/^[a\r\n]{0,5}$/), { maxLength: 12 })
    fc.assert(
      fc.property(pieces, fc.boolean(), (pieces, cr) => {
        const all = pieces.join("").split(cr ? /\r\n|\r|\n/ : /\r?\n/)
        expect(split(pieces, cr)).toEqual(all.at(-1) === "" ? all.slice(0, -1) : all)
      }),
      { numRuns: 2000 }
    )
  })

  it("a CR ends its line at once", () => {
    const splitter = new LineSplitter(true)
    expect(splitter.next("a\r")).toEqual(["a"])
    expect(splitter.next("\nb\r")).toEqual(["b"])
    expect(splitter.next("c")).toEqual([])
    expect(splitter.end()).toEqual(["c"])
  })
})

const body = Buffer.from("é\rb\r\nc\n\rd\r")
const withoutCr = ["é\rb", "c", "\rd\r"]
const withCr = ["é", "b", "c", "", "d"]
const reply = (bytes: Uint8Array, ...fields: ReadonlyArray<string>): T.Step =>
  T.reply(
    Buffer.concat([
      Buffer.from(["HTTP/1.1 200 OK", ...fields, `Content-Length: ${bytes.length}`, "", ""].join("\r\n")),
      bytes
    ]),
    { split: 1 }
  )

const all = <E>(lines: Stream.Stream<string, E>) => Effect.map(Stream.runCollect(lines), Chunk.toReadonlyArray)

describe("the responses of each face", () => {
  for (const [cr, expected] of [[undefined, withoutCr], [false, withoutCr], [true, withCr]] as const) {
    it.effect(`of this library, with cr: ${cr}`, () =>
      contained(Effect.gen(function*() {
        const { connection } = yield* connectTo([T.connection(anyHead, reply(body), anyHead, reply(body))])
        const response = yield* connection.execute(HttpRequest.get("/"))
        assert.deepStrictEqual(yield* all(Lines.decode(response, { cr })), expected)
        assert.deepStrictEqual(yield* all((yield* connection.execute(HttpRequest.get("/"))).lines), withoutCr)
      })))

    it.effect(`of the platform, with cr: ${cr}`, () =>
      contained(Effect.gen(function*() {
        const { client } = yield* clientOver(
          anyHead,
          reply(body),
          anyHead,
          reply(gzipSync(body), "Content-Encoding: gzip")
        )
        const response = yield* quietly(client.get(url))
        assert.deepStrictEqual(yield* all(Lines.decode(response, { cr })), expected)
        const decoded = yield* quietly(PooledHttpClient.decompress(client).get(url))
        assert.deepStrictEqual(yield* all(Lines.decode(decoded, { cr })), expected)
        const other = HttpClient.make((request) =>
          Effect.succeed(HttpClientResponse.fromWeb(request, new Response(body)))
        )
        assert.deepStrictEqual(yield* all(Lines.decode(yield* other.get(url), { cr })), expected)
      })))
  }

  it.effect("have the charset of their text", () =>
    contained(Effect.gen(function*() {
      const latin1 = reply(Buffer.from("é\rà", "latin1"), "Content-Type: text/plain; charset=iso-8859-1")
      const { client } = yield* clientOver(
        anyHead,
        latin1,
        anyHead,
        reply(body, "Content-Type: text/plain; charset=none")
      )
      assert.deepStrictEqual(yield* all(Lines.decode(yield* quietly(client.get(url)), { cr: true })), ["é", "à"])
      assert.deepStrictEqual(yield* all(Lines.decode(yield* quietly(client.get(url)), { cr: true })), withCr)
    })))

  it.effect("fail after the lines before the failure", () =>
    contained(Effect.gen(function*() {
      const cut = T.reply("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\na\rb")
      const { connection } = yield* connectTo([T.connection(anyHead, cut, T.eof)])
      const response = yield* connection.execute(HttpRequest.get("/"))
      const seen: Array<string> = []
      const lines = Stream.tap(Lines.decode(response, { cr: true }), (line) => Effect.sync(() => seen.push(line)))
      yield* failsWith(Stream.runDrain(lines), "IncompleteRead")
      assert.deepStrictEqual(seen, ["a"])
      const broken = reply(Buffer.from([0x61, 0x0a, 0xff, 0x0a]), "Content-Type: text/plain; charset=none")
      const { client } = yield* clientOver(anyHead, broken)
      const error = yield* failsOnPlatform(
        Stream.runDrain(Lines.decode(yield* quietly(client.get(url)))),
        "ResponseError",
        "Decode",
        "BodyDecodeError"
      )
      assert.strictEqual(error.context.origin, "http://a.test:80")
    })))

  it.effect("give a line whose CR has arrived before anything follows it", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connectTo([
        T.connection(anyHead, T.reply("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n50 %\r"), T.stall)
      ])
      const response = yield* connection.execute(HttpRequest.get("/"))
      const seen: Array<string> = []
      yield* started(
        Stream.runForEach(Lines.decode(response, { cr: true }), (line) => Effect.sync(() => seen.push(line)))
      )
      assert.deepStrictEqual(seen, ["50 %"])
    })))
})
