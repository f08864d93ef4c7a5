/** A form as it is sent: read back by Node's own parser, its length exact, its names unable to end what they stand in. */
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Stream from "effect/Stream"
import * as HttpBody from "../src/HttpBody.ts"

const bytesOf = (body: HttpBody.HttpBody<unknown>): Effect.Effect<Uint8Array, unknown> => {
  switch (body._tag) {
    case "Empty":
      return Effect.succeed(new Uint8Array(0))
    case "Bytes":
      return Effect.succeed(body.bytes)
    case "Streaming":
      return Effect.map(Stream.runCollect(body.stream), (pieces) => Buffer.concat(Chunk.toReadonlyArray(pieces)))
  }
}

const encoded = (form: FormData): HttpBody.HttpBody<unknown> =>
  Either.getOrThrowWith(HttpBody.form(form), (error) => error)

const lengthOf = (body: HttpBody.HttpBody<unknown>): number | undefined =>
  body._tag === "Streaming" ? body.length : body._tag === "Bytes" ? body.bytes.length : 0

const describeEntry = async (value: FormDataEntryValue): Promise<unknown> =>
  typeof value === "string"
    ? value
    : [value.name, value.type, Buffer.from(await value.arrayBuffer()).toString("latin1")]

const entriesOf = async (form: FormData): Promise<ReadonlyArray<unknown>> =>
  Promise.all([...form.entries()].map(async ([name, value]) => [name, await describeEntry(value)]))

/** What Node's parser makes of what is sent. */
const parsed = (body: HttpBody.HttpBody<unknown>) =>
  Effect.flatMap(bytesOf(body), (bytes) => {
    assert.strictEqual(lengthOf(body), bytes.length)
    return Effect.promise(async () =>
      entriesOf(
        await new Response(new Uint8Array(bytes), { headers: { "content-type": body.contentType ?? "" } }).formData()
      )
    )
  })

const formOf = (...entries: ReadonlyArray<readonly [name: string, value: string | Blob]>): FormData => {
  const form = new FormData()
  for (const [name, value] of entries) form.append(name, value)
  return form
}

describe("a form", () => {
  it.effect("without files is a body in memory", () =>
    Effect.gen(function*() {
      const body = encoded(formOf(["a", "1"], ["b", ""], ["a", "ü€😀"]))
      assert.strictEqual(body._tag, "Bytes")
      assert.deepStrictEqual(yield* parsed(body), [["a", "1"], ["b", ""], ["a", "ü€😀"]])
    }))

  it.effect("with files is streamed, with its length, and can be sent again", () =>
    Effect.gen(function*() {
      const body = encoded(
        formOf(
          ["a", "1"],
          ["file", new File(["abc\r\n--x"], "name.txt", { type: "text/plain" })],
          ["blob", new Blob([new Uint8Array([0, 255])])],
          ["z", "end"]
        )
      )
      assert.strictEqual(body._tag, "Streaming")
      assert.isTrue(body._tag === "Streaming" && body.replayable)
      const expected = [
        ["a", "1"],
        ["file", ["name.txt", "text/plain", "abc\r\n--x"]],
        ["blob", ["blob", "application/octet-stream", "\0\xff"]],
        ["z", "end"]
      ]
      assert.deepStrictEqual(yield* parsed(body), expected)
      assert.deepStrictEqual(yield* parsed(body), expected)
    }))

  const parts: ReadonlyArray<readonly [what: string, name: string, value: string | Blob, fileName?: string]> = [
    ["text", "text", "José ✓ \ud800"],
    ["no text", "", ""],
    ["line ends in a name and a value", "a\"b\nc\rd", "x\ny\r\nz\r"],
    ["a Blob", "blob", new Blob(["b"])],
    ["a Blob of a type", "blob", new Blob(["b\r\n--"], { type: "Text/Plain; charset=utf-8" })],
    ["a Blob with a file name", "blob", new Blob(["b"]), "b.txt"],
    ["a Blob whose file name is empty", "payload_json", new Blob(["{}"], { type: "application/json" }), ""],
    ["a File", "files[0]", new File(["t"], "t.txt", { type: "text/plain" })],
    ["a File whose name is empty", "file", new File(["t"], "")],
    ["an empty File", "file", new File([], "t")],
    ["a file name with quotes, line ends and other letters", "file", new File(["t"], "ü \"q\" \\ \r\n\t%.txt")]
  ]
  for (const [what, name, value, fileName] of parts) {
    it.effect(`with ${what} is byte for byte what Node's fetch and node:http's layer send`, () =>
      Effect.gen(function*() {
        const form = new FormData()
        if (typeof value === "string") form.append(name, value)
        else if (fileName === undefined) form.append(name, value)
        else form.append(name, value, fileName)
        form.append("second", "2")
        const theirs = new Response(form)
        const body = encoded(form)
        const settled = (bytes: Uint8Array, type: string | null): string => {
          const boundary = /boundary=(.*)$/.exec(type ?? "")?.[1]
          assert(boundary !== undefined)
          return Buffer.from(bytes).toString().replaceAll(boundary, "B")
        }
        const expected = yield* Effect.promise(async () => new Uint8Array(await theirs.arrayBuffer()))
        assert.strictEqual(
          settled(yield* bytesOf(body), body.contentType ?? null),
          settled(expected, theirs.headers.get("content-type"))
        )
      }))
  }

  it.effect("without entries has its end alone", () =>
    Effect.gen(function*() {
      const body = encoded(new FormData())
      const boundary = /boundary=(.*)$/.exec(body.contentType ?? "")?.[1]
      assert.strictEqual(Buffer.from(yield* bytesOf(body)).toString(), `--${boundary}--\r\n`)
    }))

  it.effect("has names that cannot end their line or their quotes", () =>
    Effect.gen(function*() {
      const name = "a\"; filename=\"x\r\nContent-Type: text/html\r\n\r\n"
      const body = encoded(formOf([name, "v"], ["f", new File(["c"], "q\"\r\nX: y")]))
      const text = Buffer.from(yield* bytesOf(body)).toString()
      const lines = text.split("\r\n").filter((line) => line.startsWith("Content-") || line.startsWith("X:"))
      assert.deepStrictEqual(lines, [
        "Content-Disposition: form-data; name=\"a%22; filename=%22x%0D%0AContent-Type: text/html%0D%0A%0D%0A\"",
        "Content-Disposition: form-data; name=\"f\"; filename=\"q%22%0D%0AX: y\"",
        "Content-Type: application/octet-stream"
      ])
    }))

  it.effect("has CRLF for every line end of a name or value, and leaves files alone", () =>
    Effect.gen(function*() {
      const body = encoded(formOf(["a\nb", "1\n2\r3\r\n4"], ["f", new File(["1\n2\r3"], "f")]))
      const text = Buffer.from(yield* bytesOf(body)).toString()
      assert.include(text, "name=\"a%0D%0Ab\"\r\n\r\n1\r\n2\r\n3\r\n4\r\n")
      assert.include(text, "\r\n\r\n1\n2\r3\r\n")
    }))

  it("has another boundary each time, which is a token of at most 70 characters", () => {
    const boundaries = Array.from(
      { length: 20 },
      () =>
        /^multipart\/form-data; boundary=([A-Za-z0-9-]{20,70})$/.exec(encoded(new FormData()).contentType ?? "")
          ?.[1]
    )
    assert.notInclude(boundaries, undefined)
    assert.strictEqual(new Set(boundaries).size, 20)
  })

  it.effect("does not hand on a file's type that could end its line", () =>
    Effect.gen(function*() {
      class Odd extends File {
        override get type(): string {
          return "text/plain\r\nX: y"
        }
      }
      const form = new FormData()
      form.append("f", new Odd(["c"], "f"))
      const [entry] = [...form.values()]
      // The form keeps the file as it is, so that the type is asked of the subclass.
      const text = Buffer.from(yield* bytesOf(encoded(form))).toString()
      assert.strictEqual(typeof entry === "string" ? "" : entry?.type, "text/plain\r\nX: y")
      assert.notInclude(text, "X: y")
    }))

  it.effect.prop(
    "comes back as it was, whatever is in it",
    [FastCheck.array(
      FastCheck.tuple(
        FastCheck.string({ unit: "grapheme" }),
        FastCheck.oneof(FastCheck.string({ unit: "grapheme" }), FastCheck.uint8Array())
      ),
      { maxLength: 4 }
    )],
    ([entries]) =>
      Effect.gen(function*() {
        const form = formOf(
          ...entries.map(([name, value]) =>
            [
              name.replaceAll(/[\r\n"]/g, ""),
              typeof value === "string" ? value.replaceAll(/\r|\n/g, "") : new Blob([new Uint8Array(value)])
            ] as const
          )
        )
        const expected = yield* Effect.promise(() => entriesOf(form))
        const typed = JSON.parse(
          JSON.stringify(expected).replaceAll("[\"blob\",\"\",", "[\"blob\",\"application/octet-stream\",")
        )
        assert.deepStrictEqual(yield* parsed(encoded(form)), typed)
      }),
    { fastCheck: { numRuns: 50 } }
  )
})
