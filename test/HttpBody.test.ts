/** Bodies as data: what each constructor makes and refuses, and how iterables are read while they are sent. */
import { assert, describe, expect, expectTypeOf, it, vi } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { Readable } from "node:stream"
import { runInNewContext } from "node:vm"
import * as Undici from "undici"
import * as HttpBody from "../src/HttpBody.ts"
import type { UnsupportedBody } from "../src/HttpError.ts"
import * as HttpRequest from "../src/HttpRequest.ts"
import * as T from "../src/TestTransport.ts"
import {
  bytesOf,
  chunk,
  chunkedHead,
  connected,
  failsWith,
  hasEnded,
  latin1,
  ok,
  settled,
  started,
  textOf
} from "./connection/harness.ts"

const right = <A>(either: Either.Either<A, UnsupportedBody>): A => Either.getOrThrowWith(either, (error) => error)

const refusal = (either: Either.Either<unknown, UnsupportedBody>): UnsupportedBody =>
  Either.getOrThrowWith(Either.flip(either), () => new Error("was not refused"))

const bytesIn = (body: HttpBody.HttpBody<unknown>): Uint8Array => {
  assert(body._tag === "Bytes")
  return body.bytes
}

const streaming = (body: HttpBody.HttpBody<unknown>): HttpBody.Streaming<unknown> => {
  assert(body._tag === "Streaming")
  return body
}

describe("text", () => {
  it("is UTF-8 unless ISO-8859-1 is asked for, and has no content type of its own", () => {
    expect(latin1(bytesIn(right(HttpBody.text("é€😀"))))).toBe("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")
    expect(latin1(bytesIn(right(HttpBody.text("aé\xff", { charset: "iso-8859-1" }))))).toBe("a\xe9\xff")
    expect(right(HttpBody.text("x")).contentType).toBeUndefined()
    expect(right(HttpBody.text("x", { contentType: "text/plain" })).contentType).toBe("text/plain")
    expect(bytesIn(right(HttpBody.text(""))).length).toBe(0)
  })

  it.each<readonly [text: string, offset: number]>([
    ["\u0100", 0],
    ["abc€", 3],
    ["é\u{1f600}", 1],
    ["\xff\u2028\u2028", 1]
  ])("beyond ISO-8859-1 is refused with the offset of the first character: %j", (text, offset) => {
    expect(refusal(HttpBody.text(text, { charset: "iso-8859-1" })).reason).toBe(
      `the character at offset ${offset} is not in ISO-8859-1; send the text as UTF-8 with \`HttpBody.text\``
    )
  })

  it.each<readonly [text: string, offset: number]>([
    ["\ud800", 0],
    ["a\udc00", 1],
    ["\ud83d\ude00\ud83d", 2],
    ["\ud83d\ud83d\ude00", 0],
    ["ab\ude00\ud83d", 2],
    ["\ud800x", 0]
  ])("with half a surrogate pair is refused with its offset: %j", (text, offset) => {
    expect(refusal(HttpBody.text(text)).reason).toBe(
      `the text has half a surrogate pair at offset ${offset}, which UTF-8 cannot carry`
    )
  })

  it("refuses without repeating the text", () => {
    expect(JSON.stringify(refusal(HttpBody.text("hunter2\ud800")))).not.toContain("hunter2")
    expect(JSON.stringify(refusal(HttpBody.text("hunter2€", { charset: "iso-8859-1" })))).not.toContain("hunter2")
  })
})

describe("json", () => {
  it("is the JSON of a value as UTF-8, with its content type", () => {
    const body = right(HttpBody.json({ a: [1, "é", null], lone: "\ud800" }))
    expect(new TextDecoder().decode(bytesIn(body))).toBe("{\"a\":[1,\"é\",null],\"lone\":\"\\ud800\"}")
    expect(body.contentType).toBe("application/json")
    expect(latin1(bytesIn(right(HttpBody.json(null))))).toBe("null")
  })

  const circular: { self?: unknown } = {}
  circular.self = circular
  const deep = (() => {
    let value: unknown = 0
    for (let i = 0; i < 200_000; i++) value = [value]
    return value
  })()
  const own = new Error("hunter2")
  it.each<readonly [what: string, value: unknown, reason: string]>([
    ["undefined", undefined, "the value has no JSON"],
    ["a function", () => {}, "the value has no JSON"],
    ["a symbol", Symbol("s"), "the value has no JSON"],
    ["a value that contains itself", circular, "the value contains itself, which JSON cannot"],
    ["a BigInt", { n: 1n }, "the value has a BigInt, which JSON has not"],
    ["a value that is nested too deeply", deep, "the value is nested too deeply for JSON"],
    [
      "a value whose toJSON throws",
      {
        toJSON: () => {
          throw own
        }
      },
      "a `toJSON` or getter of the value threw; see `cause`"
    ],
    [
      "a value whose getter throws what is no Error",
      {
        get a() {
          throw "x"
        }
      },
      "a `toJSON` or getter of the value threw; see `cause`"
    ]
  ])("refuses %s", (_, value, reason) => {
    expect(refusal(HttpBody.json(value)).reason).toBe(reason)
  })

  it("refuses a value whose JSON is longer than a string can be", () => {
    const spy = vi.spyOn(JSON, "stringify").mockImplementation(() => {
      throw new RangeError("Invalid string length")
    })
    const refused = HttpBody.json({})
    spy.mockRestore()
    expect(refusal(refused).reason).toBe("the JSON of the value is longer than a string can be; send it in parts")
  })

  it("says nothing of nesting where a toJSON threw a RangeError of its own", () => {
    const value = {
      toJSON: () => {
        throw new RangeError("mine")
      }
    }
    expect(refusal(HttpBody.json(value)).reason).toBe("a `toJSON` or getter of the value threw; see `cause`")
  })

  it("refuses text for whose bytes there is no memory", () => {
    const thrown = new RangeError("Array buffer allocation failed")
    const spy = vi.spyOn(Buffer, "from").mockImplementation(() => {
      throw thrown
    })
    const refused = HttpBody.text("a")
    spy.mockRestore()
    expect(refusal(refused)).toMatchObject({ reason: "there is no memory for the bytes of the text", cause: thrown })
  })

  it("keeps what a toJSON threw as the cause", () => {
    const value = {
      toJSON: () => {
        throw own
      }
    }
    expect(refusal(HttpBody.json(value)).cause).toBe(own)
  })
})

describe("fromInput", () => {
  const pieces = [bytesOf("ab"), bytesOf("c")]

  it("takes nothing as no body, and a body as it is", () => {
    expect(right(HttpBody.fromInput(undefined))).toBe(HttpBody.empty)
    const body = HttpBody.bytes(bytesOf("x"))
    expect(right(HttpBody.fromInput(body))).toBe(body)
  })

  it("takes text as ISO-8859-1, and bytes, a Buffer among them, as they are", () => {
    expect(latin1(bytesIn(right(HttpBody.fromInput("é"))))).toBe("\xe9")
    expect(refusal(HttpBody.fromInput("€")).reason).toContain("ISO-8859-1")
    const bytes = new Uint8Array([1, 2])
    expect(bytesIn(right(HttpBody.fromInput(bytes)))).toBe(bytes)
    const buffer = Buffer.from("x")
    expect(bytesIn(right(HttpBody.fromInput(buffer)))).toBe(buffer)
  })

  it.effect.each<readonly [what: string, input: () => HttpBody.Input]>([
    ["a Stream", () => Stream.fromIterable(pieces)],
    ["an array", () => pieces],
    ["a Set", () => new Set(pieces)],
    [
      "a generator",
      function*() {
        yield* pieces
      }
    ],
    [
      "an async generator",
      async function*() {
        yield* pieces
      }
    ],
    ["a Readable", () => Readable.from(pieces)],
    ["a web ReadableStream", () => Readable.toWeb(Readable.from(pieces)) as AsyncIterable<Uint8Array>]
  ])("takes %s as a streamed body of unknown length that cannot be sent again", ([, input]) =>
    Effect.gen(function*() {
      const body = streaming(right(HttpBody.fromInput(input())))
      expect(body).toMatchObject({ length: undefined, replayable: false, contentType: undefined })
      const got = Chunk.toReadonlyArray(yield* Stream.runCollect(body.stream)).map(latin1)
      expect(got.join("")).toBe("abc")
    }))

  it.each<readonly [what: string, input: unknown]>([
    ["null", null],
    ["a number", 5],
    ["a boolean", true],
    ["a plain object", { a: 1 }],
    ["an object of type Own", new (class Own {})()],
    ["an object", Object.create(null)],
    ["an object", { [Symbol.toStringTag]: "two words" }],
    ["a function", () => pieces],
    ["an object of type ArrayBuffer", new ArrayBuffer(2)],
    ["an object of type Uint16Array", new Uint16Array(2)],
    ["an object of type String", new String("ab")],
    ["an object of type Map", new Map([["a", bytesOf("b")]])],
    ["an object of type Map", runInNewContext("new Map()")],
    ["an object of type Headers", new Headers({ a: "b" })],
    ["an object of type FormData", new FormData()],
    ["an object of type FormData", new Undici.FormData()],
    ["an object of type URLSearchParams", new URLSearchParams("a=b")],
    ["an object of type Blob", new Blob(["a"])],
    ["an object of type Set", new Set(["ab"])],
    ["an Either", Either.right("ab")],
    ["an array of other values", ["ab"]],
    ["an array of other values", [1, 2]],
    ["an array of other values", runInNewContext("[1]")]
  ])("refuses %s in words that name it, where http.client has a TypeError", (name, input) => {
    expect(refusal(HttpBody.fromInput(input as HttpBody.Input)).reason).toBe(
      `it is ${name}, and no text, no Uint8Array, and no Stream, Iterable or AsyncIterable of such; for files see \`FileBody\``
    )
  })

  it("takes the Uint8Array of another realm, alone and as a piece", () => {
    const bytes: Uint8Array = runInNewContext("new Uint8Array([97, 98])")
    expect(bytes instanceof Uint8Array).toBe(false)
    expect(latin1(bytesIn(right(HttpBody.fromInput(bytes))))).toBe("ab")
    expect(right(HttpBody.fromInput([bytes]))._tag).toBe("Streaming")
    expect(right(HttpBody.fromInput(new Set([bytes])))._tag).toBe("Streaming")
  })

  it.effect("sends the pieces of another realm", () =>
    Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(`${chunkedHead()}${chunk("ab")}0\r\n\r\n`),
        T.reply(ok("got it"))
      )
      const body = HttpBody.iterable([runInNewContext("new Uint8Array([97, 98])") as Uint8Array])
      assert.strictEqual(yield* textOf(connection, HttpRequest.post("/", { body })), "got it")
      yield* transport.verify
    }).pipe(Effect.scoped))

  it("takes what json and text give, and fails as they do", () => {
    const body = HttpBody.json({ a: 1 })
    expect(right(HttpBody.fromInput(body))).toBe(right(body))
    const none = HttpBody.json(undefined)
    expect(refusal(HttpBody.fromInput(none)).reason).toBe(refusal(none).reason)
    // It is given a context where it fails, and the caller's own stays as it is.
    expect(refusal(HttpBody.fromInput(none))).not.toBe(refusal(none))
    expect(refusal(HttpBody.fromInput(Either.left("no") as never)).reason).toContain("it is an Either, and no text")
  })

  it("refuses what throws when it is looked at, with what was thrown as the cause", () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const error = refusal(HttpBody.fromInput(proxy as never))
    expect(error.reason).toBe("looking at it failed; see `cause`")
    expect(error.cause).toBeInstanceOf(TypeError)
  })
})

describe("form", () => {
  const encoded = (input: HttpBody.FormInput): string => latin1(bytesIn(right(HttpBody.form(input))))

  it("writes a record, pairs and URLSearchParams in order, as URLSearchParams does", () => {
    const value = "a b&c=d+é€😀~!'()*-._"
    const pairs: Array<[string, string]> = [["x", value], ["", ""], ["x", "2"], [value, "1"]]
    const expected = new URLSearchParams(pairs).toString()
    expect(encoded(pairs)).toBe(expected)
    expect(encoded(new Map(pairs.slice(1)))).toBe(new URLSearchParams(pairs.slice(1)).toString())
    expect(encoded(new URLSearchParams(pairs))).toBe(expected)
    expect(encoded(runInNewContext("[['a', 'b']]"))).toBe("a=b")
    expect(right(HttpBody.form({ a: "b" })).contentType).toBe("application/x-www-form-urlencoded")
  })

  it("writes numbers, bigints and booleans, an array as one field a value, and leaves out what is undefined", () => {
    expect(encoded({ a: 1, b: 12345678901234567890n, c: true, d: ["x", 2], e: undefined, f: [] })).toBe(
      "a=1&b=12345678901234567890&c=true&d=x&d=2"
    )
    expect(encoded([["a", undefined as never], ["b", 0.5]])).toBe("b=0.5")
    expect(encoded({})).toBe("")
  })

  it.each<readonly [reason: string, input: unknown]>([
    ["is text, and neither a record nor pairs", "a=b"],
    ["is a number, and neither a record nor pairs", 1],
    ["is an object of type Date, and neither a record nor pairs", new Date(0)],
    ["has null for \"a\"; a value is text, a finite number, a bigint or a boolean", { a: null }],
    ["has NaN for \"a\"; a value is text, a finite number, a bigint or a boolean", { a: NaN }],
    ["has a plain object for \"a\"; a value is text, a finite number, a bigint or a boolean", { a: [{}] }],
    ["has half a surrogate pair at \"a\", which UTF-8 cannot carry", { a: "secret\ud800" }],
    ["has text where a pair of name and value should be", ["ab"]],
    ["has a name that is a number", [[1, "a"]]]
  ])("refuses what cannot be written: it %s", (reason, input) => {
    expect(refusal(HttpBody.form(input as HttpBody.FormInput)).reason).toBe(`its form ${reason}`)
  })
})

describe("stream", () => {
  it("keeps its options and the type of its error", () => {
    const body = HttpBody.stream(Stream.fail("mine" as const), { length: 3, replayable: true, contentType: "a/b" })
    expectTypeOf(body).toEqualTypeOf<HttpBody.HttpBody<"mine">>()
    expect(body).toMatchObject({ _tag: "Streaming", length: 3, replayable: true, contentType: "a/b" })
    expect(HttpBody.stream(Stream.empty)).toMatchObject({
      length: undefined,
      replayable: false,
      contentType: undefined
    })
  })

  it("isHttpBody knows bodies from anything else", () => {
    const bodies = [HttpBody.empty, HttpBody.bytes(bytesOf("")), HttpBody.stream(Stream.empty), HttpBody.iterable([])]
    for (const body of bodies) expect(HttpBody.isHttpBody(body)).toBe(true)
    for (const other of [undefined, null, "x", {}, { _tag: "Empty" }]) expect(HttpBody.isHttpBody(other)).toBe(false)
  })
})

/** Both kinds of generators that tell what is done to them. */
const told = (log: Array<string>, texts: ReadonlyArray<string>) => ({
  *sync(): Generator<Uint8Array> {
    log.push("begun")
    try {
      for (const text of texts) {
        log.push(`gives ${text}`)
        yield bytesOf(text)
      }
      log.push("ended")
    } finally {
      log.push("returned")
    }
  },
  async *async(): AsyncGenerator<Uint8Array> {
    yield* this.sync()
  }
})

describe.each(["sync", "async"] as const)("a %s iterable", (kind) => {
  it.effect("is begun when it is sent, asked for a piece at a time, and not returned from at its end", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const { connection, transport } = yield* connected(
        T.expect(`${chunkedHead()}${chunk("a")}${chunk("b")}0\r\n\r\n`),
        T.reply(ok("got it"))
      )
      const body = HttpBody.iterable(told(log, ["a", "b"])[kind]())
      assert.deepStrictEqual(log, [])
      assert.strictEqual(yield* textOf(connection, HttpRequest.post("/", { body })), "got it")
      assert.deepStrictEqual(log, ["begun", "gives a", "gives b", "ended", "returned"])
      yield* transport.verify
    }).pipe(Effect.scoped))

  it.effect("is not asked for the next piece before the server has taken the last one", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const { connection, transport } = yield* connected(
        T.expect(chunkedHead()),
        T.blockWrites,
        T.expect(chunk("a")),
        T.delay("1 second"),
        T.unblockWrites,
        T.expect(`${chunk("b")}0\r\n\r\n`),
        T.reply(ok("got it"))
      )
      const fiber = yield* started(
        textOf(connection, HttpRequest.post("/", { body: HttpBody.iterable(told(log, ["a", "b"])[kind]()) }))
      )
      assert.deepStrictEqual(log, ["begun", "gives a"])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "got it")
      assert.deepStrictEqual(log, ["begun", "gives a", "gives b", "ended", "returned"])
      yield* transport.verify
    }).pipe(Effect.scoped))

  it.effect("is returned from where the sending stops early", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const { connection } = yield* connected(T.expect(chunkedHead()), T.blockWrites, T.stall)
      const fiber = yield* started(
        connection.execute(HttpRequest.post("/", { body: HttpBody.iterable(told(log, ["a", "b"])[kind]()) }))
      )
      assert.deepStrictEqual(log, ["begun", "gives a"])
      yield* Fiber.interrupt(fiber)
      yield* settled
      assert.deepStrictEqual(log, ["begun", "gives a", "returned"])
    }).pipe(Effect.scoped))

  it.effect("that throws fails with RequestBodyError, what was thrown in it, and is not returned from", () =>
    Effect.gen(function*() {
      let returned = false
      const thrown = new Error("mine")
      const source = {
        next: () => {
          if (kind === "async") return Promise.reject(thrown)
          throw thrown
        },
        return: () => {
          returned = true
          return { done: true, value: undefined }
        }
      }
      const iterable = { [kind === "async" ? Symbol.asyncIterator : Symbol.iterator]: () => source }
      const { connection } = yield* connected(T.expect(chunkedHead()), T.expectDestroy)
      const body = right(HttpBody.fromInput(iterable as unknown as HttpBody.Input))
      const error = yield* failsWith(connection.execute(HttpRequest.post("/", { body })), "RequestBodyError")
      assert.strictEqual(error.error, thrown)
      assert.isFalse(returned)
    }).pipe(Effect.scoped))

  it.effect("that throws when it is begun, or gives what is no result, fails with RequestBodyError", () =>
    Effect.gen(function*() {
      const symbol = kind === "async" ? Symbol.asyncIterator : Symbol.iterator
      const thrown = new Error("mine")
      const begins = {
        [symbol]: () => {
          throw thrown
        }
      }
      const nothing = { [symbol]: () => ({ next: () => undefined }) }
      for (const iterable of [begins, nothing]) {
        const { connection } = yield* connected(T.expect(chunkedHead()), T.expectDestroy)
        const body = right(HttpBody.fromInput(iterable as unknown as HttpBody.Input))
        const error = yield* failsWith(connection.execute(HttpRequest.post("/", { body })), "RequestBodyError")
        if (iterable === begins) assert.strictEqual(error.error, thrown)
        else assert.instanceOf(error.error, TypeError)
      }
    }).pipe(Effect.scoped))

  it.effect("that gives what is no Uint8Array fails with UnsupportedBody, after what came before", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const good = told(log, ["a", "b"])[kind]()
      const next = good.next.bind(good) as () => unknown
      let calls = 0
      const source = {
        next: () => ++calls === 2 ? { done: false, value: "text" } : next(),
        return: () => good.return(undefined)
      }
      const iterable = { [kind === "async" ? Symbol.asyncIterator : Symbol.iterator]: () => source }
      const { connection } = yield* connected(T.expect(`${chunkedHead()}${chunk("a")}`), T.expectDestroy)
      const body = right(HttpBody.fromInput(iterable as unknown as HttpBody.Input))
      const error = yield* failsWith(connection.execute(HttpRequest.post("/", { body })), "UnsupportedBody")
      assert.strictEqual(error.reason, "its stream gave text, which is no Uint8Array")
      yield* settled
      assert.strictEqual(log.at(-1), "returned")
    }).pipe(Effect.scoped))

  it.effect("whose return fails does not hide why the sending stopped", () =>
    Effect.gen(function*() {
      const failing = {
        next: () => ({ done: false, value: bytesOf("a") }),
        return: () => {
          if (kind === "async") return Promise.reject(new Error("return"))
          throw new Error("return")
        }
      }
      const iterable = { [kind === "async" ? Symbol.asyncIterator : Symbol.iterator]: () => failing }
      const body = streaming(right(HttpBody.fromInput(iterable as unknown as HttpBody.Input)))
      const taken = yield* Stream.runCollect(Stream.take(body.stream, 2))
      assert.strictEqual(taken.length, 2)
    }))
})

describe("an async iterable that waits", () => {
  it.effect("does not hold up an interruption, and is returned from once its piece has come", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      let give = (): void => {}
      const source = async function*() {
        try {
          await new Promise<void>((resolve) => {
            give = resolve
          })
          yield bytesOf("late")
        } finally {
          log.push("returned")
        }
      }
      const fiber = yield* started(Stream.runDrain(streaming(HttpBody.iterable(source())).stream))
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(log, [])
      give()
      yield* settled
      assert.deepStrictEqual(log, ["returned"])
    }))
})

describe("a Readable", () => {
  const waiting = () => new Readable({ read: () => {} })

  it.effect("is sent", () =>
    Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(`${chunkedHead()}${chunk("ab")}${chunk("c")}0\r\n\r\n`),
        T.reply(ok("got it"))
      )
      const body = HttpBody.iterable(Readable.from([bytesOf("ab"), bytesOf("c")]))
      assert.strictEqual(yield* textOf(connection, HttpRequest.post("/", { body })), "got it")
    }).pipe(Effect.scoped))

  it.effect("that waits for data is destroyed when the request is interrupted", () =>
    Effect.gen(function*() {
      const readable = waiting()
      readable.push(bytesOf("a"))
      const { connection } = yield* connected(T.expect(`${chunkedHead()}${chunk("a")}`), T.expectDestroy)
      const fiber = yield* started(connection.execute(HttpRequest.post("/", { body: HttpBody.iterable(readable) })))
      assert.isFalse(readable.destroyed)
      yield* Fiber.interrupt(fiber)
      yield* settled
      assert.isTrue(readable.destroyed)
    }).pipe(Effect.scoped))

  it.effect("that waits for data is destroyed when the server refuses, and the answer is given", () =>
    Effect.gen(function*() {
      const readable = waiting()
      readable.push(bytesOf("a"))
      const { connection } = yield* connected(
        T.expect(`${chunkedHead()}${chunk("a")}`),
        T.reply("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n"),
        T.expectDestroy
      )
      const response = yield* connection.execute(HttpRequest.post("/", { body: HttpBody.iterable(readable) }))
      assert.strictEqual(response.status, 413)
      yield* settled
      assert.isTrue(readable.destroyed)
    }).pipe(Effect.scoped))

  it.effect("of a request that is never sent is not touched", () =>
    Effect.gen(function*() {
      const readable = waiting()
      const { connection } = yield* connected()
      const body = HttpBody.iterable(readable)
      yield* failsWith(connection.execute(HttpRequest.post("/ x", { body })), "InvalidUrl")
      yield* settled
      assert.isFalse(readable.destroyed)
      assert.isFalse(readable.readableDidRead)
    }).pipe(Effect.scoped))

  it.effect("that was begun but not yet read is destroyed too", () =>
    Effect.gen(function*() {
      const readable = waiting()
      const begun = yield* Deferred.make<void>()
      const source = Object.assign(readable, {
        [Symbol.asyncIterator]: () => {
          Deferred.unsafeDone(begun, Effect.void)
          // As the generator of a Readable that never ran: its `return` does nothing.
          return { next: () => new Promise(() => {}), return: () => Promise.resolve({ done: true, value: undefined }) }
        }
      })
      const fiber = yield* started(Stream.runDrain(streaming(HttpBody.iterable(source)).stream))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(hasEnded(fiber))
      assert.isTrue(readable.destroyed)
    }))

  it.effect("that breaks fails with RequestBodyError and its error", () =>
    Effect.gen(function*() {
      const readable = waiting()
      const { connection } = yield* connected(T.expect(chunkedHead()), T.expectDestroy)
      const fiber = yield* started(
        failsWith(connection.execute(HttpRequest.post("/", { body: HttpBody.iterable(readable) })), "RequestBodyError")
      )
      const thrown = new Error("disk")
      readable.destroy(thrown)
      assert.strictEqual((yield* Fiber.join(fiber)).error, thrown)
    }).pipe(Effect.scoped))

  it.effect("of text fails with UnsupportedBody", () =>
    Effect.gen(function*() {
      const { connection } = yield* connected(T.expect(chunkedHead()), T.expectDestroy)
      const body = HttpBody.iterable(Readable.from(["text"]) as AsyncIterable<Uint8Array>)
      yield* failsWith(connection.execute(HttpRequest.post("/", { body })), "UnsupportedBody")
    }).pipe(Effect.scoped))
})
