/**
 * A server that checks a request before it accepts the body, and that sends trailers and typed
 * fields.
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import * as http from "node:http"
import { listen } from "./listen.ts"

const report = "spam,3\neggs,5\n"

const digestOf = (text: string): string => `sha-256=:${createHash("sha256").update(text).digest("base64")}:`

const answer = (request: http.IncomingMessage, response: http.ServerResponse): void => {
  if (request.url === "/report") {
    response.writeHead(200, { Trailer: "Content-Digest", "Content-Type": "text/csv" })
    response.write(report)
    if (request.headers["te"] === "trailers") response.addTrailers({ "Content-Digest": digestOf(report) })
    response.end()
  } else if (request.url === "/news") {
    response.writeHead(503, {
      "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT",
      Priority: "u=2, i",
      "Retry-After": "120"
    }).end()
  } else {
    let bytes = 0
    request.on("data", (piece: Buffer) => (bytes += piece.length))
    request.on("end", () => response.end(`${bytes} bytes`))
  }
}

/**
 * Accepts uploads of at most 1000 bytes. Sends a report with a digest after it, and news that are
 * not ready.
 */
export const startCareful = Effect.suspend(() => {
  const server = http.createServer(answer)
  server.on("checkContinue", (request: http.IncomingMessage, response: http.ServerResponse) => {
    if (Number(request.headers["content-length"]) > 1000) {
      response.writeHead(413, { Connection: "close", "Content-Length": 0 }).end()
      return
    }
    response.writeContinue()
    answer(request, response)
  })
  return listen(server)
})
