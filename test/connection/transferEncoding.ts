/** What a `Transfer-Encoding` of the caller's means, as a table: the same for every way to send a request. */
import * as Stream from "effect/Stream"
import * as HttpBody from "../../src/HttpBody.ts"
import { latin1 } from "./over.ts"

const whole = (text: string) => (): HttpBody.HttpBody => HttpBody.bytes(latin1(text))

const stream = (...pieces: ReadonlyArray<string>) => (): HttpBody.HttpBody =>
  HttpBody.stream(Stream.rechunk(Stream.fromIterable(pieces.map(latin1)), 1))

export interface Row {
  readonly name: string
  /** The lines of Transfer-Encoding. */
  readonly codings: ReadonlyArray<string>
  readonly encodeChunked: boolean | undefined
  readonly body: () => HttpBody.HttpBody
  /** What stands behind the head, or the tag of what the request fails with. */
  readonly sent: { readonly wire: string } | { readonly tag: string }
}

const chunkedHello = "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
const oneChunk = "5\r\nhello\r\n0\r\n\r\n"

export const table: ReadonlyArray<Row> = [["chunked"], ["Chunked"], ["gzip, chunked"], ["gzip", "chunked"]].flatMap(
  (codings): ReadonlyArray<Row> => {
    const row = (
      name: string,
      encodeChunked: boolean | undefined,
      body: () => HttpBody.HttpBody,
      sent: Row["sent"]
    ) => ({
      name: `${JSON.stringify(codings)}, encodeChunked ${encodeChunked}, ${name}`,
      codings,
      encodeChunked,
      body,
      sent
    })
    return [
      row("bytes", true, whole("hello"), { wire: oneChunk }),
      row("a stream", true, stream("he", "llo"), { wire: chunkedHello }),
      row("what looks chunked", true, whole("0\r\n\r\n"), { wire: "5\r\n0\r\n\r\n\r\n0\r\n\r\n" }),
      row("nothing", true, whole(""), { wire: "0\r\n\r\n" }),
      ...[false, undefined].flatMap((off) => [
        row("bytes that are chunked", off, whole(chunkedHello), { wire: chunkedHello }),
        row("a stream that is chunked", off, stream("2\r", "\nhe\r\n3\r\nll", "o\r\n0\r\n", "\r\n"), {
          wire: chunkedHello
        }),
        row("extensions and trailers", off, whole("1;a=b\r\nx\r\n0\r\nT: v\r\n\r\n"), {
          wire: "1;a=b\r\nx\r\n0\r\nT: v\r\n\r\n"
        }),
        row("bytes that are not chunked", off, whole("hello"), { tag: "ConflictingFraming" }),
        row("bytes without a last chunk", off, whole("1\r\nx\r\n"), { tag: "ConflictingFraming" }),
        row("another request behind the last chunk", off, whole("0\r\n\r\nGET / HTTP/1.1\r\n"), {
          tag: "ConflictingFraming"
        }),
        row("nothing", off, whole(""), { tag: "ConflictingFraming" })
      ])
    ]
  }
).concat(
  ["gzip", "identity", "identity, chunked", "chunked, gzip", "chunked, chunked", "chunked;a=b", ",chunked", ""].flatMap(
    (coding) =>
      [true, false].map((encodeChunked): Row => ({
        name: `${JSON.stringify(coding)}, encodeChunked ${encodeChunked}`,
        codings: [coding],
        encodeChunked,
        body: whole(oneChunk),
        sent: { tag: "ForbiddenHeader" }
      }))
  ),
  [true, false, undefined].flatMap((encodeChunked): ReadonlyArray<Row> => [
    {
      name: `none, encodeChunked ${encodeChunked}, a stream`,
      codings: [],
      encodeChunked,
      body: stream("he", "llo"),
      sent: { wire: chunkedHello }
    }
  ])
)
