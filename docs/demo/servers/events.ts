/**
 * A server of events: answers to a prompt, and prices, with a broken connection after every second
 * one.
 */
import * as Effect from "effect/Effect"
import * as http from "node:http"
import { listen } from "./listen.ts"

const head = { "Content-Type": "text/event-stream" }

const prices = [100, 101, 99, 103, 102]

/**
 * POST: the pieces of an answer. GET: the prices after Last-Event-ID, two at a time, finally 204.
 */
export const startEvents = Effect.suspend(() =>
  listen(http.createServer((request, response) => {
    request.resume().once("end", () => {
      if (request.method === "POST") {
        response.writeHead(200, head)
        for (const text of ["Hel", "lo", "!"]) response.write(`data: ${JSON.stringify({ text })}\n\n`)
        response.end("data: [DONE]\n\n")
        return
      }
      const from = Number(request.headers["last-event-id"] ?? 0)
      if (from >= prices.length) {
        response.writeHead(204).end()
        return
      }
      const events = prices.slice(from, from + 2).map((price, i) => `id: ${from + i + 1}\ndata: ${price}\n\n`)
      // Half an event after them is cut with the connection.
      response.writeHead(200, head).write(`retry: 20\n\n${events.join("")}data: 1`, () => request.socket.destroy())
    })
  }))
)
