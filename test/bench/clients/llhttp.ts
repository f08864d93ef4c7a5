/**
 * undici's parser of responses without the rest of undici: its llhttp in WebAssembly, driven as `lib/dispatcher/client-h1.js` drives it, to
 * the object of headers that `undici.request` gives.
 *
 * The class that does it there is private and needs a client, a socket and a queue. This one makes the same copies and the same buffers and
 * calls the same functions for the fields; what is no parsing (assertions, timers, the queue, diagnostics) is left out, to undici's advantage.
 */
import { createRequire } from "node:module"
import { undiciOn } from "../nodes.ts"
import type { Parser } from "./heads.ts"
import { objectLines } from "./heads.ts"

/** Its name, which is not imported: only two of its files are. */
const undici = undiciOn(process.versions.node)

const require = createRequire(import.meta.url)

type Headers = Record<string, string | Array<string>>

interface Util {
  readonly parseHeaders: (headers: ReadonlyArray<Buffer>) => Headers
  readonly bufferToLowerCasedHeaderName: (name: Buffer) => string
}

interface Llhttp {
  readonly memory: WebAssembly.Memory
  readonly malloc: (size: number) => number
  readonly free: (at: number) => void
  readonly llhttp_alloc: (type: number) => number
  readonly llhttp_execute: (parser: number, at: number, length: number) => number
}

interface Callbacks {
  readonly onStatus: (bytes: Buffer) => number
  readonly onHeaderField: (bytes: Buffer) => number
  readonly onHeaderValue: (bytes: Buffer) => number
  readonly onHeadersComplete: (status: number) => number
  readonly onMessageComplete: () => number
}

/** What undici allows in a head by default. */
const maxHeadersSize = 16_384
/** `constants.TYPE.RESPONSE` of llhttp. */
const responseType = 2

/** The constructor of `Buffer` without its checks, as undici gets it. */
const FastBuffer = Reflect.get(Buffer, Symbol.species) as new(
  memory: ArrayBufferLike,
  at: number,
  length: number
) => Buffer

// One set of these for all parsers, as in undici: they only hold during a call of `execute`.
let current: Callbacks | undefined
let currentChunk: Buffer = Buffer.alloc(0)
let bufferSize = 0
let bufferAt = 0

const view = (at: number, length: number): Buffer =>
  new FastBuffer(currentChunk.buffer, at - bufferAt + currentChunk.byteOffset, length)

const compile = (): Llhttp => {
  const module = new WebAssembly.Module(require(`${undici}/lib/llhttp/llhttp_simd-wasm.js`) as Buffer<ArrayBuffer>)
  const env = {
    wasm_on_url: () => 0,
    wasm_on_status: (_p: number, at: number, length: number) => current?.onStatus(view(at, length)) ?? -1,
    wasm_on_message_begin: () => 0,
    wasm_on_header_field: (_p: number, at: number, length: number) => current?.onHeaderField(view(at, length)) ?? -1,
    wasm_on_header_value: (_p: number, at: number, length: number) => current?.onHeaderValue(view(at, length)) ?? -1,
    wasm_on_headers_complete: (_p: number, status: number) => current?.onHeadersComplete(status) ?? -1,
    wasm_on_body: () => 0,
    wasm_on_message_complete: () => current?.onMessageComplete() ?? -1
  }
  // What undici's file exports.
  return new WebAssembly.Instance(module, { env }).exports as unknown as Llhttp
}

/** The same fields as undici's class has for this. */
class UndiciParser implements Callbacks, Parser {
  readonly llhttp = compile()
  readonly util = require(`${undici}/lib/core/util.js`) as Util
  readonly ptr = this.llhttp.llhttp_alloc(responseType)
  raw: Array<Buffer> = []
  size = 0
  keepAlive = ""
  connection = ""
  contentLength = ""
  statusText = ""
  /** The status of the head parsed last, 0 where none is complete. */
  complete = 0
  headers: Headers = {}

  parse(chunk: Buffer): number {
    this.complete = 0
    execute(this, chunk)
    return this.complete
  }

  onStatus(bytes: Buffer): number {
    this.statusText = bytes.toString()
    return 0
  }

  onHeaderField(bytes: Buffer): number {
    const { length } = this.raw
    if ((length & 1) === 0) this.raw.push(bytes)
    else this.raw[length - 1] = Buffer.concat([this.raw[length - 1] as Buffer, bytes])
    this.track(bytes.length)
    return 0
  }

  onHeaderValue(bytes: Buffer): number {
    let { length } = this.raw
    if ((length & 1) === 1) {
      this.raw.push(bytes)
      length++
    } else {
      this.raw[length - 1] = Buffer.concat([this.raw[length - 1] as Buffer, bytes])
    }
    const key = this.raw[length - 2] as Buffer
    if (key.length === 10) {
      const name = this.util.bufferToLowerCasedHeaderName(key)
      if (name === "keep-alive") this.keepAlive += bytes.toString()
      else if (name === "connection") this.connection += bytes.toString()
    } else if (key.length === 14 && this.util.bufferToLowerCasedHeaderName(key) === "content-length") {
      this.contentLength += bytes.toString()
    }
    this.track(bytes.length)
    return 0
  }

  track(length: number): void {
    this.size += length
    if (this.size >= maxHeadersSize) throw new Error("the head is larger than undici allows")
  }

  onHeadersComplete(status: number): number {
    const { raw } = this
    this.raw = []
    this.size = 0
    this.headers = this.util.parseHeaders(raw)
    this.complete = status
    return 0
  }

  onMessageComplete(): number {
    this.statusText = ""
    this.keepAlive = ""
    this.connection = ""
    this.contentLength = ""
    return 0
  }

  lines(): ReturnType<Parser["lines"]> {
    return objectLines(this.headers)
  }
}

const execute = (parser: UndiciParser, chunk: Buffer): void => {
  const { llhttp } = parser
  if (chunk.length > bufferSize) {
    if (bufferAt !== 0) llhttp.free(bufferAt)
    bufferSize = Math.ceil(chunk.length / 4096) * 4096
    bufferAt = llhttp.malloc(bufferSize)
  }
  new Uint8Array(llhttp.memory.buffer, bufferAt, bufferSize).set(chunk)
  currentChunk = chunk
  current = parser
  const error = llhttp.llhttp_execute(parser.ptr, bufferAt, chunk.length)
  current = undefined
  if (error !== 0) throw new Error(`llhttp has found error ${error}`)
}

export const make = (): Parser => new UndiciParser()
