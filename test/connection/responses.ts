/** Responses in every framing, and every way of reading a body, as tables for the tests of reading. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { BodyDecodeError, BodyFailure } from "../../src/HttpError.ts"
import type { HttpResponse } from "../../src/HttpResponse.ts"
import type * as T from "../../src/TestTransport.ts"
import * as TestTransport from "../../src/TestTransport.ts"
import { chunk, latin1 } from "./harness.ts"

export interface FramedResponse {
  readonly framing: "length" | "chunked" | "close"
  readonly head: string
  /** The bytes behind the head that carry this body whole. */
  readonly encode: (body: string) => string
  /** The same without its end, so that the body is cut short where the connection ends. */
  readonly cut: (body: string) => string
}

/** A body of `length` bytes in every framing that has one. */
export const framings = (length: number): ReadonlyArray<FramedResponse> => [
  {
    framing: "length",
    head: `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`,
    encode: (body) => body,
    cut: (body) => body
  },
  {
    framing: "chunked",
    head: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    encode: (body) => `${chunk(body.slice(0, 3))}${chunk(body.slice(3))}0\r\n\r\n`,
    cut: (body) => chunk(body)
  },
  {
    framing: "close",
    head: "HTTP/1.1 200 OK\r\n\r\n",
    encode: (body) => body,
    cut: (body) => body
  }
]

/** How the bytes come. `undefined` for whole. */
export const splits: ReadonlyArray<readonly [name: string, split: T.Split | undefined]> = [
  ["whole", undefined],
  ["byte by byte", "bytes"],
  ["in sevens", 7]
]

/** The reply, and the end of the connection where that ends the body. */
export const replyOf = (framed: FramedResponse, body: string, split: T.Split | undefined): ReadonlyArray<T.Step> => [
  TestTransport.reply(framed.head + framed.encode(body), { split }),
  ...(framed.framing === "close" ? [TestTransport.eof] : [])
]

type Read = (response: HttpResponse) => Effect.Effect<string, BodyFailure | BodyDecodeError>

/** Repeats a reading of pieces until it gives none. */
const untilNone = (next: (response: HttpResponse) => Effect.Effect<Uint8Array, BodyFailure>): Read => (response) =>
  Effect.gen(function*() {
    let text = ""
    for (;;) {
      const piece = yield* next(response)
      if (piece.length === 0) return text
      text += latin1(piece)
    }
  })

/** Every way of reading a whole body, as text. */
export const readings: ReadonlyArray<readonly [name: string, read: Read]> = [
  ["stream", (response) => Stream.runFold(response.stream, "", (text, bytes) => text + latin1(bytes))],
  ["bytes", (response) => Effect.map(response.bytes, latin1)],
  ["text", (response) => response.text],
  ["read(4)", untilNone((response) => response.read(4))],
  ["read(Infinity)", (response) => Effect.map(response.read(Infinity), latin1)],
  ["read1()", untilNone((response) => response.read1())],
  ["read1(2)", untilNone((response) => response.read1(2))],
  [
    "peek, then read1 of as much",
    untilNone((response) => Effect.flatMap(response.peek(), (bytes) => response.read1(bytes.length)))
  ],
  ["readInto", (response) =>
    Effect.gen(function*() {
      let text = ""
      for (;;) {
        const buffer = new Uint8Array(5)
        const count = yield* response.readInto(buffer)
        text += latin1(buffer.subarray(0, count))
        if (count < buffer.length) return text
      }
    })],
  ["readLine()", untilNone((response) => response.readLine())],
  ["readLine(3)", untilNone((response) => response.readLine(3))],
  [
    "a piece, then the rest as bytes",
    (response) => Effect.zipWith(response.read(2), response.bytes, (first, rest) => latin1(first) + latin1(rest))
  ],
  [
    "a line, then the rest as a stream",
    (response) =>
      Effect.flatMap(
        response.readLine(),
        (first) => Stream.runFold(response.stream, latin1(first), (text, bytes) => text + latin1(bytes))
      )
  ]
]
