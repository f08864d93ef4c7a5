/**
 * Shows that a stream costs no memory: 1 GiB goes up, 1 GiB comes down, and a reader that is slower than the server reads the
 * next, each over a connection to a server in a process of its own, whose memory is not counted.
 *
 * `npm run bench:memory`. Ends with status 1 when the process grew by more than 64 MB over what it had before the first
 * byte, as the system sees it (`rss`, taken before each collection), or when a size or a digest is wrong.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { fork } from "node:child_process"
import { createHash } from "node:crypto"
import * as http from "node:http"
import { fileURLToPath } from "node:url"
import { HttpBody, HttpConnection, HttpRequest, NodeTransport } from "../../src/index.ts"

const mebi = 1024 * 1024
const size = 1024 * mebi
const slowSize = 256 * mebi
const limit = 64_000_000
/** How much is transferred between two looks at the memory. */
const step = 32 * mebi

/** The bytes of all transfers, again and again. A prime length, so that pieces never begin alike. */
const pattern = Buffer.from(Array.from({ length: 65_521 }, (_, index) => (index * 7 + (index >> 8)) & 0xff))

// --- the server, in the child

const upload = (request: http.IncomingMessage, response: http.ServerResponse): void => {
  let received = 0
  let wrong = 0
  request.on("data", (bytes: Buffer) => {
    if (bytes[0] !== pattern[received % pattern.length]) wrong++
    received += bytes.length
  })
  request.on("end", () => response.end(JSON.stringify({ received, wrong })))
}

const download = (bytes: number, response: http.ServerResponse): void => {
  response.writeHead(200, { "Content-Length": bytes })
  let left = bytes
  const pump = (): void => {
    while (left > 0) {
      const piece = left < pattern.length ? pattern.subarray(0, left) : pattern
      left -= piece.length
      if (!response.write(piece)) return void response.once("drain", pump)
    }
    response.end()
  }
  pump()
}

const serve = (): void => {
  const server = http.createServer((request, response) => {
    if (request.method === "PUT") upload(request, response)
    else download(Number(request.url?.slice(1)), response)
  })
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    process.send?.(typeof address === "object" ? address?.port : undefined)
  })
  process.on("disconnect", () => process.exit())
}

// --- the client

const { gc } = globalThis
const collect = (): void => void gc?.()

const rss = (): number => process.memoryUsage.rss()
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1).padStart(6)} MB`
