/**
 * Encodes a form as `multipart/form-data` (RFC 7578; WHATWG HTML section 4.10.22.8). Its length is
 * known in advance, and its files are read when they are sent. Its boundary is random enough that
 * no content can contain it.
 *
 * Forms and blobs are recognized by their methods, so that polyfills and npm's undici work as well
 * as Node's own classes. If one of them then deviates from the standard, that is a typed failure.
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { UnsupportedBody } from "../error/request.ts"
import { described, isBytes, kindOf } from "../given.ts"
import { pull } from "./iterable.ts"

const encoder = new TextEncoder()

const lineEnds = /\r\n|\r|\n/g

/** Quotes a name. Like browsers, it percent-encodes only the characters that would end the name. */
const quoted = (name: string): string => name.replaceAll("\n", "%0A").replaceAll("\r", "%0D").replaceAll("\"", "%22")

/**
 * Returns the type of a file, which gets a separate line. `Blob` accepts only printable ASCII, but
 * a subclass may not.
 */
const typeOf = (type: unknown): string =>
  typeof type === "string" && /^[\x20-\x7e]+$/.test(type) ? type : "application/octet-stream"

/** A form of any class: an object that lists its entries. */
export interface Form {
  entries?(): Iterable<unknown>
  [Symbol.iterator]?(): Iterator<unknown>
}

/** True if a value calls itself a form and can be read as one. npm's `form-data` cannot. */
export const isForm = (u: unknown): u is Form =>
  Predicate.isObject(u) && kindOf(u) === "FormData"
  && (Symbol.iterator in u || Predicate.hasProperty(u, "entries"))

/** A blob or file of any class. */
interface BlobLike {
  readonly size: number
  readonly type?: string | undefined
  /** Present on a file only. */
  readonly name?: string | undefined
  stream?(): object
  arrayBuffer?(): Promise<ArrayBuffer>
}

/** True if a value calls itself a blob or file and can be read as one. */
export const isBlob = (u: unknown): u is BlobLike =>
  Predicate.isObject(u) && /^(?:Blob|File)$/.test(kindOf(u))
  && Predicate.hasProperty(u, "size") && typeof u.size === "number"
  && (can(u, "stream") || can(u, "arrayBuffer"))

const can = (u: object, name: string): boolean => Predicate.hasProperty(u, name) && Predicate.isFunction(u[name])

/** The methods of a `ReadableStream` that is not iterable, as in some polyfills. */
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

/** Returns the pieces of a web stream; `undefined` if the value is not one. */
export const readableOf = (u: unknown): AsyncIterable<Uint8Array> | undefined =>
  isReadable(u)
    ? Symbol.asyncIterator in u ? u as unknown as AsyncIterable<Uint8Array> : readFrom(u)
    : undefined

async function* collected(blob: BlobLike): AsyncGenerator<Uint8Array> {
  const buffer = await blob.arrayBuffer?.()
  if (buffer !== undefined) yield new Uint8Array(buffer)
}

/**
 * Returns the bytes of a blob, which are read when it is sent. If its own code throws, that fails
 * like an iterable that throws.
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

/** Returns the entries of a form, or the error for an entry that cannot be sent. */
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
 * Omits an empty file name, as Node's `fetch` does, because servers take a part with a file name
 * for a file.
 */
const fileName = ({ name }: BlobLike): string =>
  name === undefined || name === "" ? "" : `; filename="${quoted(String(name))}"`

/** A form as it is sent: in memory if it has no files. */
export interface Encoded {
  readonly contentType: string
  readonly length: number
  readonly content: Uint8Array | Stream.Stream<Uint8Array, unknown>
}

/** Encodes a form as a body with its Content-Type. */
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
