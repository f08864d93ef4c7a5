/** Random responses, right and wrong. */
import * as FastCheck from "effect/FastCheck"
import type { HttpLeniency } from "../../src/HttpLeniency.ts"
import { strict } from "../../src/HttpLeniency.ts"
import type { HttpLimits } from "../../src/HttpLimits.ts"
import { data, end, head, informational, length, type Seen } from "./harness.ts"

type Lines = ReadonlyArray<readonly [name: string, value: string]>

const characters = (from: number, to: number): ReadonlyArray<string> =>
  Array.from({ length: to - from + 1 }, (_, i) => String.fromCharCode(from + i))

/** Any bytes, as text. */
export const bytes = (maxLength: number): FastCheck.Arbitrary<string> =>
  FastCheck.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString("latin1"))

export const token = FastCheck.string({
  unit: FastCheck.constantFrom(..."!#$%&'*+-.^_`|~019azAZ"),
  minLength: 1,
  maxLength: 6
})

/** Names that the machine gives no meaning to. */
const plainName = token.filter((name) => !/^(connection|transfer-encoding|content-length|if-.*|te)$/i.test(name))
  .map((name) => `X${name}`)

/** A field value without white space around it. */
export const value = FastCheck.string({
  unit: FastCheck.constantFrom("\t", ...characters(0x20, 0x7e), ...characters(0x80, 0xff)),
  maxLength: 12
}).map((value) => value.replace(/^[ \t]+|[ \t]+$/g, ""))

const space = FastCheck.string({ unit: FastCheck.constantFrom(" ", "\t"), maxLength: 2 })
const line = FastCheck.tuple(plainName, value, space, space)

interface Section {
  readonly text: string
  readonly lines: Lines
}

const section = (maxLength: number): FastCheck.Arbitrary<Section> =>
  FastCheck.array(line, { maxLength }).map((parts) => ({
    text: parts.map(([name, value, before, behind]) => `${name}:${before}${value}${behind}\r\n`).join(""),
    lines: parts.map(([name, value]) => [name, value] as const)
  }))

const reason = value

const extension = FastCheck.oneof(
  { weight: 3, arbitrary: FastCheck.constant("") },
  { weight: 1, arbitrary: FastCheck.constantFrom(";a", ";a=b", " ; a=\"b;c\"", ";") }
)

const chunk = FastCheck.tuple(
  FastCheck.uint8Array({ minLength: 1, maxLength: 20 }),
  extension,
  FastCheck.boolean(),
  // More than any number of digits that a size could need.
  FastCheck.oneof(FastCheck.integer({ min: 0, max: 3 }), FastCheck.integer({ min: 12, max: 40 }))
).map(([bytes, extension, upper, zeros]) => {
  const content = Buffer.from(bytes).toString("latin1")
  const digits = `${"0".repeat(zeros)}${content.length.toString(16)}`
  return { text: `${upper ? digits.toUpperCase() : digits}${extension}\r\n${content}\r\n`, content }
})

/** A list of one element, with empty ones beside it. */
const listed = (element: string): FastCheck.Arbitrary<string> =>
  FastCheck.constantFrom(element, element, element, `${element},`, `, ${element}`, `,,${element} ,\t,`)

interface Body {
  readonly framing: "chunked" | "close" | "length" | "none"
  readonly line: string
  readonly field: Lines
  readonly text: string
  readonly content: string
  readonly trailers: Lines
}

const body: FastCheck.Arbitrary<Body> = FastCheck.oneof(
  bytes(40).chain((content) =>
    listed(String(content.length)).map((value): Body => ({
      framing: "length",
      line: `Content-Length: ${value}\r\n`,
      field: [["Content-Length", value]],
      text: content,
      content,
      trailers: []
    }))
  ),
  FastCheck.tuple(FastCheck.array(chunk, { maxLength: 5 }), extension, section(2), listed("Chunked")).map((
    [chunks, extension, trailers, codings]
  ): Body => ({
    framing: "chunked",
    line: `Transfer-Encoding: ${codings}\r\n`,
    field: [["Transfer-Encoding", codings]],
    text: `${chunks.map(({ text }) => text).join("")}0${extension}\r\n${trailers.text}\r\n`,
    content: chunks.map(({ content }) => content).join(""),
    trailers: trailers.lines
  })),
  bytes(40).map((content): Body => ({ framing: "close", line: "", field: [], text: content, content, trailers: [] })),
  FastCheck.constant<Body>({ framing: "none", line: "", field: [], text: "", content: "", trailers: [] })
)

export interface Response {
  readonly wire: string
  readonly events: ReadonlyArray<Seen>
  readonly eof: boolean
}

const interim = FastCheck.tuple(FastCheck.constantFrom(100, 102, 103, 199), reason, section(2)).map(
  ([status, reason, fields]) => ({
    text: `HTTP/1.1 ${status} ${reason}\r\n${fields.text}\r\n`,
    event: informational(status, reason, { fields: fields.lines })
  })
)

/** A response to GET by the grammar, and what it says. */
export const response: FastCheck.Arbitrary<Response> = FastCheck.tuple(
  FastCheck.array(interim, { maxLength: 2 }),
  FastCheck.integer({ min: 0, max: 4 }),
  FastCheck.constantFrom(200, 201, 206, 404, 500, 999),
  reason,
  section(4),
  body
).map(([interims, emptyLines, status, reason, fields, body]) => {
  const code = body.framing === "none" ? 304 : status
  return {
    wire: `${"\r\n".repeat(emptyLines)}${interims.map(({ text }) => text).join("")}`
      + `HTTP/1.1 ${code} ${reason}\r\n${fields.text}${body.line}\r\n${body.text}`,
    events: [
      ...interims.map(({ event }) => event),
      head(code, reason, body.framing === "length" ? length(body.content.length) : body.framing, {
        fields: [...fields.lines, ...body.field]
      }),
      ...body.content === "" ? [] : [data(body.content)],
      end(...body.trailers)
    ],
    eof: body.framing === "close"
  }
})

const pieces = [
  "\r\n",
  "\r",
  "\n",
  "\0",
  " ",
  "\t",
  ":",
  ";",
  ",",
  "0",
  "1",
  "f",
  "HTTP/1.1 200 OK\r\n",
  "HTTP/1.0 204 \r\n",
  "HTTP/1.1  200 OK\r\n",
  "HTTP/1.1 200 OK\n",
  "HTTP/1.1 1000 OK\r\n",
  "A : b\r\n",
  "A: \x01\r\n",
  "nonsense\r\n",
  "Content-Length: +3\r\n",
  "Content-Length: 3\n",
  "HTTP/1.1 103 E\r\n",
  "A: b\r\n",
  " folded\r\n",
  "Content-Length: 3\r\n",
  "Content-Length: 4\r\n",
  "Content-Length: x\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: gzip\r\n",
  "Transfer-Encoding: ,\r\n",
  "Connection: close\r\n",
  "3\r\nabc\r\n",
  "3 \r\nabc\r\n",
  "3 ",
  "0\r\n",
  "abc",
  "\xff"
]

/** Pieces of responses in any order: most are wrong somewhere, and not at once. */
const patchwork = FastCheck.array(FastCheck.constantFrom(...pieces), { maxLength: 16, size: "max" }).map((parts) =>
  parts.join("")
)

interface Change {
  readonly at: number
  readonly remove: number
  readonly insert: string
}

const change: FastCheck.Arbitrary<Change> = FastCheck.record({
  at: FastCheck.nat(400),
  remove: FastCheck.integer({ min: 0, max: 3 }),
  insert: FastCheck.oneof(FastCheck.constantFrom(...pieces), bytes(3))
})

const apply = (wire: string, { at, insert, remove }: Change): string => {
  const from = at % (wire.length + 1)
  return wire.slice(0, from) + insert + wire.slice(from + remove)
}

/** A response by the grammar with some changes. */
const mutated = FastCheck.tuple(response, FastCheck.array(change, { minLength: 1, maxLength: 3 }))
  .map(([{ wire }, changes]) => changes.reduce(apply, wire))

/** Anything that a server may send. */
export const wire: FastCheck.Arbitrary<string> = FastCheck.oneof(
  response.map(({ wire }) => wire),
  mutated,
  mutated,
  patchwork,
  bytes(60)
)

export const method = FastCheck.constantFrom("GET", "HEAD", "POST", "CONNECT")

export const leniency: FastCheck.Arbitrary<Partial<HttpLeniency>> = FastCheck.oneof(
  FastCheck.constant({}),
  FastCheck.array(FastCheck.constantFrom(...Object.keys(strict) as ReadonlyArray<keyof HttpLeniency>)).map((names) =>
    Object.fromEntries(names.map((name) => [name, true]))
  )
)

const limit = (max: number): FastCheck.Arbitrary<number> => FastCheck.integer({ min: 0, max })

/** Limits that random wires do reach. */
export const narrowLimits: FastCheck.Arbitrary<HttpLimits> = FastCheck.record({
  statusLine: limit(40),
  fieldLine: limit(60),
  fields: limit(4),
  head: limit(200),
  informational: limit(2),
  chunkLine: limit(10),
  chunkExtensions: limit(10),
  trailers: limit(60),
  body: limit(40)
})

export const limits: FastCheck.Arbitrary<Partial<HttpLimits>> = FastCheck.oneof(FastCheck.constant({}), narrowLimits)

/** Where to cut, as fractions of a length. */
export const cuts = FastCheck.array(FastCheck.nat(9999), { maxLength: 6 })

/** The bytes in pieces. */
export const cutAt = (bytes: Uint8Array, cuts: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const offsets = [0, ...cuts.map((cut) => Math.floor(cut * bytes.length / 10_000)).sort((a, b) => a - b), bytes.length]
  return offsets.slice(1).map((to, i) => bytes.subarray(offsets[i], to))
}
