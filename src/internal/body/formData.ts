/**
 * A form as `multipart/form-data` (RFC 7578; WHATWG HTML section 4.10.22.8): its length is known
 * beforehand, its files are read when they are sent, and its boundary is random enough that no
 * content can hold it.
 *
 * Forms and blobs are known by what they can do, so that those of polyfills and of npm's undici are
 * as good as Node's own. What they then do otherwise than the standard says is a typed failure.
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { UnsupportedBody } from "../error/request.ts"
import { described, isBytes, kindOf } from "../given.ts"
import { pull } from "./iterable.ts"

const encoder = new TextEncoder()

const lineEnds = /\r\n|\r|\n/g

/**
 * A name as it stands in quotes: what would end it is percent-encoded, and nothing else, as
 * browsers do.
 */
const quoted = (name: string): string => name.replaceAll("\n", "%0A").replaceAll("\r", "%0D").replaceAll("\"", "%22")

/**
 * A file's type stands in a line of its own; `Blob` lets through only printable ASCII, but a
 * subclass need not.
 */
const typeOf = (type: unknown): string =>
  typeof type === "string" && /^[\x20-\x7e]+$/.test(type) ? type : "application/octet-stream"

/** A form of whatever class: what gives its entries. */
export interface Form {
  entries?(): Iterable<unknown>
  [Symbol.iterator]?(): Iterator<unknown>
}

/** Whether a value calls itself a form and can be read as one; npm's `form-data` cannot. */
export const isForm = (u: unknown): u is Form =>
  Predicate.isObject(u) && kindOf(u) === "FormData"
  && (Symbol.iterator in u || Predicate.hasProperty(u, "entries"))

/** A blob or file of whatever class. */
interface BlobLike {
  readonly size: number
  readonly type?: string | undefined
  /** That of a file. */
  readonly name?: string | undefined
  stream?(): object
  arrayBuffer?(): Promise<ArrayBuffer>
}

/** Whether a value calls itself a blob or file and can be read as one. */
export const isBlob = (u: unknown): u is BlobLike =>
  Predicate.isObject(u) && /^(?:Blob|File)$/.test(kindOf(u))
  && Predicate.hasProperty(u, "size") && typeof u.size === "number"
  && (can(u, "stream") || can(u, "arrayBuffer"))

const can = (u: object, name: string): boolean => Predicate.hasProperty(u, name) && Predicate.isFunction(u[name])

/** What a `ReadableStream` can do that is no iterable, as those of some polyfills are not. */
interface Readable {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>
    cancel(): Promise<void>
  }
}

const isReadable = (u: unknown): u is Readable =>
  Predicate.hasProperty(u, "getReader") && Predicate.isFunction(u.getReader)

async function* readFrom(source: Readable): AsyncGenerator<Uint8Array> {
  const reader = source.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value as Uint8Array
    }
  } finally {
    await reader.cancel()
  }
}

/** What gives the pieces of a stream of the web, and whether a value is one. */
export const readableOf = (u: unknown): AsyncIterable<Uint8Array> | undefined =>
  isReadable(u)
    ? Symbol.asyncIterator in u ? u as unknown as AsyncIterable<Uint8Array> : readFrom(u)
    : undefined

async function* collected(blob: BlobLike): AsyncGenerator<Uint8Array> {
  const buffer = await blob.arrayBuffer?.()
  if (buffer !== undefined) yield new Uint8Array(buffer)
}

/**
 * The bytes of a blob, read when it is sent. What its own code throws then fails as an iterable
 * that throws.
 */
export const blobStream = (blob: BlobLike): Stream.Stream<Uint8Array, unknown> =>
  pull({
    [Symbol.asyncIterator]: () => {
      const source = blob.stream?.()
      const readable = source === undefined
        ? collected(blob)
        : readableOf(source) ?? source as AsyncIterable<Uint8Array>
      return readable[Symbol.asyncIterator]()
    }
  })

type Entry = readonly [name: string, value: string | BlobLike]

/** The entries of a form, or what cannot be sent of it. */
const entriesOf = (form: Form): ReadonlyArray<Entry> | UnsupportedBody =>
  Either.merge(Either.try({
    try: (): ReadonlyArray<Entry> | UnsupportedBody => {
      const entries = Array.from(form.entries?.() ?? form as Iterable<unknown>)
      const odd = entries.find((entry) => !isEntry(entry))
      return odd === undefined
        ? entries as ReadonlyArray<Entry>
        : new UnsupportedBody({
          reason: `its form has an entry that is ${describedEntry(odd)}; it takes text and Blobs`
        })
    },
    catch: (cause) => new UnsupportedBody({ reason: "reading the entries of its form failed; see `cause`", cause })
  }))

const isEntry = (u: unknown): u is Entry =>
  Array.isArray(u) && typeof u[0] === "string" && (typeof u[1] === "string" || isBlob(u[1]))

const describedEntry = (u: unknown): string => described(Array.isArray(u) ? u[1] : u)

/**
 * Of an empty name a part says nothing, as Node's `fetch` does: servers take a part that has a file
 * name for a file.
 */
const fileName = ({ name }: BlobLike): string =>
  name === undefined || name === "" ? "" : `; filename="${quoted(String(name))}"`

/** A form as it is sent: in memory where it has no files. */
export interface Encoded {
  readonly contentType: string
  readonly length: number
  readonly content: Uint8Array | Stream.Stream<Uint8Array, unknown>
}

/** The body that a form is sent as, with its Content-Type. */
export const encodeFormData = (form: Form): Encoded | UnsupportedBody => {
  const entries = entriesOf(form)
  return entries instanceof UnsupportedBody ? entries : encodeEntries(entries)
}

const encodeEntries = (entries: ReadonlyArray<Entry>): Encoded => {
  const boundary = `----form-${globalThis.crypto.randomUUID()}`
  const contentType = `multipart/form-data; boundary=${boundary}`
  const parts: Array<Uint8Array | BlobLike> = []
  let text = ""
  let length = 0
  const flush = (): void => {
    const bytes = encoder.encode(text)
    parts.push(bytes)
    length += bytes.length
    text = ""
  }
  for (const [name, value] of entries) {
    text += `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(name.replace(lineEnds, "\r\n"))}"`
    if (typeof value === "string") {
      text += `\r\n\r\n${value.replace(lineEnds, "\r\n")}\r\n`
    } else {
      text += `${fileName(value)}\r\nContent-Type: ${typeOf(value.type)}\r\n\r\n`
      flush()
      parts.push(value)
      length += value.size
      text += "\r\n"
    }
  }
  text += `--${boundary}--\r\n`
  flush()
  const [only] = parts
  if (parts.length === 1 && isBytes(only)) return { contentType, length, content: only }
  const stream = Stream.flatMap(
    Stream.fromIterable(parts),
    (part) => isBytes(part) ? Stream.succeed(part) : blobStream(part)
  )
  return { contentType, length, content: stream }
}
