/**
 * The embedded servers of the parity suite: one that answers with given bytes and keeps what it heard, and one of `node:http`.
 *
 * The wire server frames requests by itself, so that what it heard is what was on the wire and no parser's reading of it. It
 * reads bytes as latin1. Both end with their scope, and so do their connections.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as http from "node:http"
import * as net from "node:net"
import { Events, serve } from "../fixtures/sockets.ts"
import { webServer as embedded } from "../fixtures/web.ts"

/** A request as it was on the wire; the body with its chunk framing. */
export interface Heard {
  readonly line: string
  readonly fields: ReadonlyArray<readonly [name: string, value: string]>
  readonly body: string
  /** The number of the connection, from 0. */
  readonly connection: number
}

/** What is sent, and what follows: FIN, RST, or nothing. */
export interface Answer {
  readonly send: string | ReadonlyArray<string>
  readonly ending?: "fin" | "rst" | undefined
  /** What must have come first: the head, the whole message (so by default), or some text anywhere on the connection. */
  readonly after?: "head" | "message" | { readonly text: string } | undefined
  /** What must be done before it is sent. */
  readonly when?: Effect.Effect<unknown> | undefined
}

const headEnd = "\r\n\r\n"

/** Where a chunked body ends that begins at `at`. */
const chunkedEnd = (text: string, at: number): number | undefined => {
  for (;;) {
    const line = text.indexOf("\r\n", at)
    if (line < 0) return undefined
    const size = Number.parseInt(text.slice(at, line), 16)
    if (size === 0) {
      const end = text.indexOf(text.startsWith("\r\n", line + 2) ? "\r\n" : headEnd, line + 2)
      return end < 0 ? undefined : text.indexOf("\r\n", end) + 2
    }
    at = line + 2 + size + 2
    if (at > text.length) return undefined
  }
}

/** The first request of `text` and what follows it; a body that has not come whole is left out. */
const parse = (text: string): { heard: Omit<Heard, "connection">; end: number | undefined } | undefined => {
  const at = text.indexOf(headEnd)
  if (at < 0) return undefined
  const [line = "", ...lines] = text.slice(0, at).split("\r\n")
  const fields = lines.map((field) => {
    const colon = field.indexOf(":")
    return [field.slice(0, colon), field.slice(colon + 1).trim()] as const
  })
  const value = (wanted: string) => fields.find(([name]) => name.toLowerCase() === wanted)?.[1]
  const start = at + headEnd.length
  const length = start + Number(value("content-length") ?? 0)
  const end = value("transfer-encoding") === undefined
    ? length > text.length ? undefined : length
    : chunkedEnd(text, start)
  return { heard: { line, fields, body: end === undefined ? "" : text.slice(start, end) }, end }
}

const transmit = (socket: net.Socket, { ending, send }: Answer): void => {
  const parts = typeof send === "string" ? [send] : send
  const next = (index: number): void => {
    const part = parts[index]
    // Each part leaves by itself: the next one is written when the system has taken it, a turn later.
    if (part !== undefined) return void socket.write(part, "latin1", () => setImmediate(() => next(index + 1)))
    if (ending === "fin") socket.end()
    else if (ending === "rst") socket.resetAndDestroy()
  }
  next(0)
}

export interface WireServer {
  readonly url: string
  readonly port: number
  /** Requests in the order in which they came whole, or far enough to be answered. */
  readonly heard: ReadonlyArray<Heard>
  /** The number of connections that came. */
  readonly connections: () => number
  /** Everything that came on a connection. */
  readonly bytes: (connection: number) => string
  /** Waits until so many requests were heard. */
  readonly requests: (count: number) => Effect.Effect<void>
  /** Waits until so many connections have been closed or reset by the client. */
  readonly closed: (count: number) => Effect.Effect<void>
  readonly closedByNow: () => number
}

const never: Answer = { send: [] }

/**
 * Answers the n-th request with the n-th answer, whichever connection it comes on, and all that follow with the last one. Text
 * is an answer that follows the whole message.
 */
export const wireServer = (...answers: ReadonlyArray<string | Answer>) =>
  Effect.gen(function*() {
    const heard: Array<Heard> = []
    const bytes: Array<string> = []
    let closed = 0
    let answered = 0
    const changes = new Events<void>()
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const connection = bytes.push("") - 1
      let rest = ""
      let given = false
      const look = (): void => {
        const found = parse(rest)
        if (found === undefined) return
        const script = answers[Math.min(answered, answers.length - 1)] ?? never
        const answer = typeof script === "string" ? { send: script } : script
        const after = answer.after ?? "message"
        const ready = after === "head"
          || (after === "message" ? found.end !== undefined : bytes[connection]?.includes(after.text) === true)
        if (ready && !given) {
          given = true
          answered++
          heard.push({ ...found.heard, connection })
          if (answer.when === undefined) transmit(socket, answer)
          else void Effect.runPromise(answer.when).then(() => transmit(socket, answer))
        }
        if (found.end === undefined || !given) return
        given = false
        rest = rest.slice(found.end)
        if (rest !== "" && rest.includes(headEnd)) look()
      }
      socket.on("data", (data: Buffer) => {
        const text = data.toString("latin1")
        bytes[connection] += text
        rest += text
        look()
        changes.changed()
      })
      let gone = false
      const left = (): void => {
        if (!gone) closed++
        gone = true
        changes.changed()
      }
      socket.on("end", () => {
        left()
        socket.end()
      })
      socket.on("close", left)
    })
    const { port } = yield* serve(server, "connection", { host: "127.0.0.1", port: 0 })
    const wire: WireServer = {
      url: `http://127.0.0.1:${port}`,
      port,
      heard,
      connections: () => bytes.length,
      bytes: (connection) => bytes[connection] ?? "",
      requests: (count) => changes.until(() => heard.length >= count),
      closed: (count) => changes.until(() => closed >= count),
      closedByNow: () => closed
    }
    return wire
  })

/** A server of `node:http`. */
export const webServer = (handler: http.RequestListener) =>
  Effect.map(embedded(handler), (server) => ({ ...server, url: `http://127.0.0.1:${server.port}` }))

/** An answer of status 200 with a length and a body. */
export const ok = (body = "", ...fields: ReadonlyArray<string>): string =>
  ["HTTP/1.1 200 OK", ...fields, `Content-Length: ${body.length}`, "", body].join("\r\n")

/** An answer in chunks. */
export const chunked = (...chunks: ReadonlyArray<string>): string =>
  [
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ...chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`),
    "0\r\n\r\n"
  ].join("")

/** Something that is done from outside. */
export const gate = Effect.map(Deferred.make<void>(), (deferred) => ({
  open: Effect.asVoid(Deferred.succeed(deferred, undefined)),
  passed: Deferred.await(deferred)
}))
