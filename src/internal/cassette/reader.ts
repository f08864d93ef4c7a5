/**
 * Finds the messages of HTTP/1.1 in the bytes of one direction, and the offsets of each of their
 * parts.
 *
 * Incremental: it continues where the bytes ended. It reads recorded bytes and checks nothing. So
 * it accepts everything that a tolerant peer would, and treats bytes that are not HTTP as `Raw`.
 * Responses are framed by `protocol/framing.ts`.
 */
import * as HttpFields from "../../HttpFields.ts"
import * as HttpLeniency from "../../HttpLeniency.ts"
import { decideFraming } from "../protocol/framing.ts"
import { ResponseHead } from "../protocol/wholeHead.ts"
import { listElements } from "../syntax/token.ts"
import { socksLength } from "./socks.ts"
import { Store, textOf } from "./store.ts"

export type Side = "Client" | "Server"

export interface Range {
  readonly start: number
  readonly end: number
}

/**
 * A field line, and the offsets of its value: with its folded lines, without white space around it.
 */
export interface Field extends Range {
  readonly name: string
  readonly value: string
}

/** A chunk: its size line without its end, and the data that has arrived. */
export interface Chunk {
  readonly line: Range
  readonly size: number
  readonly data: { readonly start: number; end: number }
}

export type Body =
  | { readonly kind: "none" | "chunked" | "close" }
  | { readonly kind: "length"; readonly length: number }

/** A request or a response. */
export class Message {
  readonly _tag = "Message"
  readonly start: number
  line = ""
  lineEnd = -1
  readonly fields: Array<Field> = []
  /** The offset after the head; -1 while it is incomplete. */
  headEnd = -1
  framing: Body = { kind: "none" }
  /** The content without its framing. */
  readonly data: Array<{ start: number; end: number }> = []
  readonly chunks: Array<Chunk> = []
  readonly trailers: Array<Field> = []
  /** The offset after the message; -1 while it is incomplete. */
  end = -1

  constructor(start: number) {
    this.start = start
  }

  /** Returns the values of a field; the name must be in lower case. */
  get(name: string): ReadonlyArray<string> {
    return this.fields.filter((field) => field.name.toLowerCase() === name).map((field) => field.value)
  }

  get method(): string {
    return this.line.slice(0, this.line.indexOf(" "))
  }

  get target(): string {
    return this.line.split(" ")[1] ?? ""
  }

  get status(): number {
    return Number(this.line.slice(9, 12))
  }
}

/** A message of SOCKS. */
export interface Socks extends Range {
  readonly _tag: "Socks"
}

/** Bytes that are not HTTP: all that follow, until TLS or HTTP begins in the channel. */
export interface Raw {
  readonly _tag: "Raw"
  readonly start: number
  end: number
}

export type Part = Message | Socks | Raw

type Stage = "Start" | "Line" | "Fields" | "Length" | "Close" | "Size" | "Chunk" | "ChunkEnd" | "Trailers" | "Raw"

const requestLine = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+ \S/

const lenient = HttpLeniency.make({
  bareLf: true,
  framingConflict: true,
  invalidContentLength: true,
  unknownTransferCoding: true
})

/** Returns the framing of a request (RFC 9112 section 6.3). */
const requestBody = (message: Message): Body => {
  const codings = message.get("transfer-encoding").flatMap(listElements)
  if (codings.at(-1)?.toLowerCase() === "chunked") return { kind: "chunked" }
  const length = Number(message.get("content-length")[0] ?? 0)
  return Number.isSafeInteger(length) && length > 0 ? { kind: "length", length } : { kind: "none" }
}

const responseBody = (message: Message, method: string): Body => {
  if (message.status < 200) return { kind: "none" }
  const head = new ResponseHead(
    message.line.startsWith("HTTP/1.0") ? 10 : 11,
    message.status,
    "",
    HttpFields.fromInput(message.fields.map(({ name, value }) => [name, value] as const)),
    false,
    -1
  )
  const framing = decideFraming(method, head, lenient)
  if ("_tag" in framing) return { kind: "close" }
  return framing.kind === "tunnel" ? { kind: "none" } : framing
}

const LF = 0x0a
const CR = 0x0d

/** A longer line is not a line of HTTP. */
const longestLine = 1024 * 1024

/** Reads one direction of a connection. */
export class Reader {
  readonly store: Store
  readonly parts: Array<Part> = []
  readonly #side: Side
  #stage: Stage = "Start"
  #at = 0
  /** No line end is before this offset. */
  #searched = 0
  #remaining = 0
  /** True until something other than SOCKS was read. */
  #fresh = true

  constructor(side: Side, store: Store = new Store()) {
    this.#side = side
    this.store = store
  }

  /** The offset up to which the bytes belong to the parts. */
  get position(): number {
    return this.#at
  }

  /** Treats everything that follows as bytes that are not HTTP. */
  becomeRaw(): void {
    this.#stage = "Raw"
  }

  /** Skips bytes that belong to no part. */
  skip(count: number): void {
    this.#at = Math.min(this.store.length, this.#at + count)
  }

  /**
   * Continues. Returns the part that is complete now, or that is raw; `undefined` if more bytes are
   * needed. `method` is that of the request, for a response.
   */
  next(method = "GET"): Part | undefined {
    for (;;) {
      if (this.#stage === "Start" && !this.#start()) return undefined
      if (this.#stage === "Raw") return this.#raw()
      const last = this.parts.at(-1)
      if (last?._tag === "Socks") {
        this.#stage = "Start"
        return last
      }
      const message = last as Message
      if (!this.#step(message, method)) return undefined
      if (message.end >= 0) {
        this.#stage = "Start"
        return message
      }
    }
  }

  /** Reads an unfinished line as if the direction had ended with it. */
  finish(): void {
    const message = this.parts.at(-1)
    const end = this.store.length
    // A message of SOCKS that was truncated.
    if (this.#stage === "Start" && this.#at < end) this.parts.push({ _tag: "Socks", start: this.#at, end })
    if (message?._tag !== "Message" || message.end >= 0) return
    if (this.#stage === "Close") message.end = end
    else if (this.#stage === "Line") {
      message.line = this.#text(this.#at, end)
      message.lineEnd = end
    } else if (this.#stage === "Fields") this.#field(message.fields, this.#at, end)
    else if (this.#stage === "Trailers") this.#field(message.trailers, this.#at, end)
    this.#at = end
  }

  #text(start: number, end: number): string {
    return textOf(this.store.view.subarray(start, end))
  }

  #start(): boolean {
    const { view } = this.store
    // Empty lines before a message (RFC 9112 section 2.2).
    while (!this.#fresh && (view[this.#at] === CR || view[this.#at] === LF)) this.#at++
    const first = view[this.#at]
    if (first === undefined) return false
    const again = this.parts.length > 0
    if (this.#side === "Client" && this.#fresh && (first === 5 || first === (again ? 1 : 4))) {
      const length = socksLength(view.subarray(this.#at), !again)
      if (length === undefined) return false
      this.parts.push({ _tag: "Socks", start: this.#at, end: this.#at + length })
      this.#at += length
      return true
    }
    this.#fresh = false
    if (first < 0x21 || first > 0x7e) this.#stage = "Raw"
    else {
      this.#stage = "Line"
      this.#searched = this.#at
      this.parts.push(new Message(this.#at))
    }
    return true
  }

  #raw(): Raw | undefined {
    const end = this.store.length
    if (end === this.#at) return undefined
    const last = this.parts.at(-1)
    const raw: Raw = last?._tag === "Raw" && last.end === this.#at ? last : { _tag: "Raw", start: this.#at, end }
    if (raw !== last) this.parts.push(raw)
    raw.end = end
    this.#at = end
    return raw
  }

  /** Takes a step in a message; returns false if more bytes are needed. */
  #step(message: Message, method: string): boolean {
    const { length } = this.store
    switch (this.#stage) {
      case "Line":
      case "Fields":
      case "Size":
      case "ChunkEnd":
      case "Trailers":
        return this.#line(message, method)
      case "Length":
      case "Close":
      case "Chunk": {
        const end = this.#stage === "Close" ? length : Math.min(length, this.#at + this.#remaining)
        const last = message.data.at(-1)
        if (end > this.#at) {
          if (last?.end === this.#at && message.framing.kind !== "chunked") last.end = end
          else if (this.#stage === "Chunk") (message.chunks.at(-1) as Chunk).data.end = end
          else message.data.push({ start: this.#at, end })
        }
        this.#remaining -= end - this.#at
        this.#at = this.#searched = end
        if (this.#stage === "Close" || this.#remaining > 0) return false
        if (this.#stage === "Length") message.end = end
        else this.#stage = "ChunkEnd"
        return true
      }
      default:
        return false
    }
  }

  #line(message: Message, method: string): boolean {
    const { length, view } = this.store
    const lf = view.indexOf(LF, this.#searched)
    if (lf < 0) {
      this.#searched = length
      if (length - this.#at <= longestLine) return false
      this.#abandon(message)
      return true
    }
    const start = this.#at
    const end = lf > start && view[lf - 1] === CR ? lf - 1 : lf
    this.#at = this.#searched = lf + 1
    switch (this.#stage) {
      case "Line":
        message.line = this.#text(start, end)
        message.lineEnd = end
        if (this.#side === "Client" ? requestLine.test(message.line) : message.line.startsWith("HTTP/")) {
          this.#stage = "Fields"
        } else this.#abandon(message)
        return true
      case "Fields":
        if (end > start) this.#field(message.fields, start, end)
        else this.#headComplete(message, method)
        return true
      case "Size":
        this.#size(message, start, end)
        return true
      case "ChunkEnd":
        this.#stage = "Size"
        return true
      default:
        if (end > start) this.#field(message.trailers, start, end)
        else message.end = this.#at
        return true
    }
  }

  /** Gives up a message whose bytes turn out not to be one. */
  #abandon(message: Message): void {
    this.parts.pop()
    this.#at = message.start
    this.#stage = "Raw"
  }

  #headComplete(message: Message, method: string): void {
    message.headEnd = this.#at
    message.framing = this.#side === "Client" ? requestBody(message) : responseBody(message, method)
    switch (message.framing.kind) {
      case "none":
        message.end = this.#at
        return
      case "length":
        this.#remaining = message.framing.length
        if (this.#remaining === 0) message.end = this.#at
        this.#stage = "Length"
        return
      case "chunked":
        this.#stage = "Size"
        return
      case "close":
        this.#stage = "Close"
    }
  }

  #field(fields: Array<Field>, start: number, end: number): void {
    const text = this.#text(start, end)
    const last = fields.at(-1)
    if (/^[ \t]/.test(text) && last !== undefined) {
      // A folded line (RFC 9112 section 5.2).
      const trimmed = text.trimEnd()
      fields[fields.length - 1] = {
        ...last,
        end: start + trimmed.length,
        value: `${last.value} ${text.trim()}`.trim()
      }
      return
    }
    const colon = text.indexOf(":")
    if (colon < 0) return void fields.push({ name: text, value: "", start: end, end })
    const after = text.slice(colon + 1)
    const value = after.trim()
    const from = start + colon + 1 + (value === "" ? after.length : after.indexOf(value))
    fields.push({ name: text.slice(0, colon).trim(), value, start: from, end: from + value.length })
  }

  #size(message: Message, start: number, end: number): void {
    const size = Number.parseInt(this.#text(start, end), 16)
    if (!Number.isSafeInteger(size) || size < 0) {
      // Not a chunk: the rest counts as the body, because its end is unknown.
      message.framing = { kind: "close" }
      this.#stage = "Close"
      this.#at = start
    } else if (size === 0) this.#stage = "Trailers"
    else {
      const data = { start: this.#at, end: this.#at }
      message.chunks.push({ line: { start, end }, size, data })
      message.data.push(data)
      this.#remaining = size
      this.#stage = "Chunk"
    }
  }
}
