/** Bodies in every coding, clients that answer with them out of memory, and a count of zlib's handles. */
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { createHook } from "node:async_hooks"
import * as Zlib from "node:zlib"

export interface Kind {
  readonly name: string
  readonly contentEncoding: string
  readonly encode: (bytes: Uint8Array) => Uint8Array
}

const zstd: ReadonlyArray<Kind> = Predicate.hasProperty(Zlib, "zstdCompressSync")
  ? [{ name: "zstd", contentEncoding: "zstd", encode: Zlib.zstdCompressSync as Kind["encode"] }]
  : []

const fast = { params: { [Zlib.constants.BROTLI_PARAM_QUALITY]: 4 } }

/** Every coding and form of it that this Node can write. */
export const kinds: ReadonlyArray<Kind> = [
  { name: "gzip", contentEncoding: "gzip", encode: (bytes) => Zlib.gzipSync(bytes) },
  { name: "x-gzip", contentEncoding: "X-GZip", encode: (bytes) => Zlib.gzipSync(bytes, { level: 9 }) },
  { name: "deflate", contentEncoding: "deflate", encode: (bytes) => Zlib.deflateSync(bytes) },
  {
    name: "deflate with a small window",
    contentEncoding: "deflate",
    encode: (bytes) => Zlib.deflateSync(bytes, { windowBits: 9 })
  },
  { name: "deflate, raw", contentEncoding: "deflate", encode: (bytes) => Zlib.deflateRawSync(bytes) },
  {
    name: "deflate, raw and stored",
    contentEncoding: "deflate",
    encode: (bytes) => Zlib.deflateRawSync(bytes, { level: 0 })
  },
  { name: "br", contentEncoding: "br", encode: (bytes) => Zlib.brotliCompressSync(bytes, fast) },
  ...zstd
]

export const kind = (name: string): Kind => {
  const found = kinds.find((kind) => kind.name === name)
  if (found === undefined) throw new Error(`no coding ${name}`)
  return found
}

export const cat = (...parts: ReadonlyArray<Uint8Array | ReadonlyArray<number>>): Uint8Array =>
  new Uint8Array(Buffer.concat(parts.map((part) => Uint8Array.from(part))))

export const bytesOf = (text: string): Uint8Array => Buffer.from(text)

export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

/** A body that is cut into pieces, and what became of it. */
export class Source {
  pulls = 0
  cancelled = false
  ended = false
  readonly #pieces: Iterator<Uint8Array>

  constructor(pieces: Iterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.iterator]()
  }

  /** For one response. */
  readonly body = (): ReadableStream<Uint8Array> =>
    new ReadableStream({
      pull: (controller) => {
        this.pulls++
        const next = this.#pieces.next()
        if (next.done === true) {
          this.ended = true
          controller.close()
        } else controller.enqueue(next.value)
      },
      cancel: () => {
        this.cancelled = true
      }
    }, { highWaterMark: 0 })
}

export function* cut(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

export interface Reply {
  readonly body?: Uint8Array | Source | null
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>> | ReadonlyArray<[string, string]>
}

/** A client that answers everything so, and what it was asked. */
export const answering = (reply: Reply) => {
  const requests: Array<HttpClientRequest> = []
  const client = HttpClient.make((request) => {
    requests.push(request)
    const { body = null, headers = {}, status = 200 } = reply
    const content = body instanceof Source ? body.body() : body === null ? null : new Uint8Array(body)
    return Effect.succeed(HttpClientResponse.fromWeb(
      request,
      new Response(content, { status, headers: new Headers(headers as Record<string, string>) })
    ))
  })
  return { client, requests }
}

/** A client that answers with this body, encoded so. */
export const encoded = (contentEncoding: string, body: Uint8Array | Source): HttpClient.HttpClient =>
  answering({ body, headers: { "content-encoding": contentEncoding } }).client

export const url = "http://a.test/path?token=secret"

/** Ways to have a body as bytes, which must all give the same. */
export const readings: ReadonlyArray<
  readonly [
    name: string,
    read: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<Uint8Array, unknown>
  ]
> = [
  ["in memory", (response) => Effect.map(response.arrayBuffer, (buffer) => new Uint8Array(buffer))],
  [
    "as a stream",
    (response) =>
      Effect.map(
        Stream.runFold(response.stream, [] as Array<Uint8Array>, (all, bytes) => [...all, bytes]),
        (all) => cat(...all)
      )
  ]
]

/** Handles of zlib: how many were made, and how many streams over them were destroyed. */
export const countingZlib = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<{ readonly opened: number; readonly destroyed: number }, E, R> =>
  Effect.suspend(() => {
    let opened = 0
    let destroyed = 0
    const base: { _destroy: (error: Error | null, done: (error: Error | null) => void) => void } = Object
      .getPrototypeOf(
        Object.getPrototypeOf(Zlib.Gunzip.prototype)
      )
    const original = base._destroy
    base._destroy = function(error, done) {
      destroyed++
      original.call(this, error, done)
    }
    const hook = createHook({
      init: (_id, type) => {
        if (type === "ZLIB") opened++
      }
    }).enable()
    return effect.pipe(
      Effect.ensuring(Effect.sync(() => {
        hook.disable()
        base._destroy = original
      })),
      Effect.map(() => ({ opened, destroyed }))
    )
  })
