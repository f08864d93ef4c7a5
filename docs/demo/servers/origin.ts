/**
 * The embedded origin server, over plain `node:http` so that it shares no code with the client.
 *
 * The demo and the examples use it. It answers only their requests.
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import * as http from "node:http"
import * as https from "node:https"
import type * as tls from "node:tls"
import { listen } from "./listen.ts"

type Handler = (request: http.IncomingMessage, response: http.ServerResponse, url: URL) => void

/** What the server reports about an upload. */
export interface Received {
  readonly method: string
  readonly transferEncoding: string | null
  readonly contentLength: string | null
  readonly contentType: string | null
  readonly bytes: number
  readonly pieces: number
  readonly sha256: string
  /** From the trailers. */
  readonly contentDigest: string | null
}

const sendJson = (response: http.ServerResponse, status: number, value: unknown): void => {
  const body = JSON.stringify(value)
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) })
  response.end(body)
}

const sendText = (response: http.ServerResponse, status: number, body: string): void => {
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8", "Content-Length": Buffer.byteLength(body) })
  response.end(body)
}

/** Reads the body to its end and reports it. */
const receive: Handler = (request, response) => {
  const hash = createHash("sha256")
  let bytes = 0
  let pieces = 0
  request.on("data", (piece: Buffer) => {
    hash.update(piece)
    bytes += piece.length
    pieces += 1
  })
  request.on("end", () => {
    const received: Received = {
      method: request.method ?? "",
      transferEncoding: request.headers["transfer-encoding"] ?? null,
      contentLength: request.headers["content-length"] ?? null,
      contentType: request.headers["content-type"] ?? null,
      bytes,
      pieces,
      sha256: hash.digest("hex"),
      contentDigest: request.trailers["content-digest"] ?? null
    }
    sendJson(response, request.method === "PUT" ? 201 : 200, received)
  })
}

const block = Buffer.alloc(65_536, "0123456789abcdef")

/** `size` bytes with a Content-Length, as fast as the client accepts them. */
const sendBytes: Handler = (_request, response, url) => {
  let left = Number(url.searchParams.get("size") ?? 0)
  response.writeHead(200, { "Content-Type": "application/octet-stream", "Content-Length": left })
  const more = (): void => {
    while (left > 0) {
      const piece = left < block.length ? block.subarray(0, left) : block
      left -= piece.length
      if (!response.write(piece)) {
        response.once("drain", more)
        return
      }
    }
    response.end()
  }
  more()
}

/** Accepts a form, and returns its content. */
const form: Handler = (request, response) => {
  const parts: Array<Buffer> = []
  request.on("data", (piece: Buffer) => parts.push(piece))
  request.on("end", () => {
    const fields = new URLSearchParams(Buffer.concat(parts).toString("utf8"))
    response.setHeader("Location", `/issues/${fields.get("@number") ?? ""}`)
    sendText(response, 302, `Redirecting to /issues/${fields.get("@number") ?? ""}\n`)
  })
}

const routes: { readonly [route: string]: Handler } = {
  "GET /": (_request, response) => sendText(response, 200, "This is a server for demonstrations.\n"),
  "GET /hello": (_request, response) => sendText(response, 200, "Hello, world!\n"),
  "GET /json": (_request, response) => sendJson(response, 200, { name: "effect-http-client", numbers: [1, 2, 3] }),
  "GET /lines": (_request, response) => {
    // Without a length, so that it is sent in chunks.
    response.writeHead(200, { "Content-Type": "text/plain; charset=utf-8" })
    for (let number = 1; number <= 5; number++) response.write(`line ${number}\n`)
    response.end()
  },
  "GET /bytes": sendBytes,
  "GET /stall": () => {},
  "POST /upload": receive,
  "PUT /upload": receive,
  "PUT /file": receive,
  "POST /form": form,
  "POST /too-large": (request, response) => {
    // Continues to read until the client closes. Closing with unread bytes would reset the
    // connection before the response arrives.
    request.on("error", () => {}).resume()
    sendText(response, 413, "At most 1 MB, please.\n")
  }
}

const answer = (request: http.IncomingMessage, response: http.ServerResponse): void => {
  const url = new URL(request.url ?? "/", "http://origin.invalid")
  const method = request.method === "HEAD" ? "GET" : request.method
  const handler = routes[`${method} ${url.pathname}`]
  if (handler === undefined) sendText(response, 404, "There is nothing here.\n")
  else handler(request, response, url)
}

/** Starts the server and returns its port. */
export const startOrigin = Effect.suspend(() => listen(http.createServer(answer)))

/** The same over TLS. */
export const startSecureOrigin = (identity: { readonly cert: string; readonly key: string }) =>
  Effect.suspend(() => listen(https.createServer({ ...identity }, answer)))

/** Greets clients by the name in their certificate, and refuses all others. */
const greet: http.RequestListener = ({ socket }, response) =>
  sendText(response, 200, `Hello, ${(socket as tls.TLSSocket).getPeerCertificate().subject.CN}!`)

/** A server over TLS for clients with a certificate that the authority has signed. */
export const startPrivateOrigin = (identity: { readonly cert: string; readonly key: string }, ca: string) =>
  Effect.suspend(() =>
    listen(https.createServer({ ...identity, ca, requestCert: true, rejectUnauthorized: true }, greet))
  )
