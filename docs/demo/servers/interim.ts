/**
 * A server that sends a hint about the styles of a page before the page, and that supports QUERY.
 */
import * as Effect from "effect/Effect"
import * as http from "node:http"
import { listen } from "./listen.ts"

/** How long it takes to make the page, in milliseconds. */
export const making = 150

const page: http.RequestListener = (request, response) => {
  switch (`${request.method} ${request.url}`) {
    case "GET /page":
      response.writeEarlyHints({ link: "</style.css>; rel=preload; as=style" })
      return void setTimeout(() => response.end("<p>a page</p>"), making)
    case "GET /style.css":
      return void response.end("p { color: green }")
    case "OPTIONS *":
      return void response.writeHead(204, { allow: "GET, OPTIONS, QUERY" }).end()
    case "QUERY /contacts": {
      let text = ""
      request.setEncoding("utf8").on("data", (piece: string) => (text += piece))
      return void request.on("end", () => response.end(JSON.stringify({ asked: JSON.parse(text) as unknown })))
    }
    default:
      return void response.writeHead(404).end()
  }
}

export const startHinting = Effect.suspend(() => listen(http.createServer(page)))
