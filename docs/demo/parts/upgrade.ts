/** A connection that leaves HTTP: WebSocket by its frames, byte for byte, and a refusal. */
import { ConnectionPool, HttpRequest } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { startWebSocket } from "../servers/upgrading.ts"
import type { Part } from "./part.ts"

/** A text frame from a client: final, masked by zeros, at most 125 bytes (RFC 6455 section 5.2). */
const frame = (text: string): Uint8Array =>
  Buffer.concat([Buffer.from([0x81, 0x80 | Buffer.byteLength(text), 0, 0, 0, 0]), Buffer.from(text)])

const handshake = (url: string) =>
  HttpRequest.get(url, {
    headers: { Upgrade: "websocket", "Sec-WebSocket-Version": 13, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==" }
  })

export const upgrade: Part = (report, { host }) =>
  Effect.gen(function*() {
    report.part("Upgrade: a connection that leaves HTTP")
    const port = yield* startWebSocket
    const url = `http://${host}:${port}/`
    const pool = yield* ConnectionPool.make()
    const answer = yield* Effect.scoped(Effect.gen(function*() {
      const upgraded = yield* pool.upgrade(handshake(url))
      report.row("upgraded", `${upgraded.status} ${upgraded.reason}, speaks ${upgraded.protocol}`)
      yield* upgraded.write(frame("hello"))
      const pieces = yield* Stream.runCollect(Stream.take(upgraded.stream, 1))
      const { busy } = yield* pool.stats
      report.check("it counts as busy", busy === 1)
      return Buffer.concat([...pieces]).subarray(2).toString()
    }))
    report.row("a frame came back", answer)
    const { busy, idle } = yield* pool.stats
    report.check("it never returns to the pool", answer === "hello" && busy === 0 && idle === 0)
    const refusal = yield* Effect.scoped(
      pool.upgrade(HttpRequest.get(url, { headers: { Upgrade: "chess" } }))
    ).pipe(
      Effect.map(({ status }) => String(status)),
      Effect.catchTag("UpgradeRefused", ({ response, status }) =>
        Effect.map(response.text, (text) => `${status}: ${text}`))
    )
    report.row("another protocol", refusal)
    report.check("a refusal is a response", /^4\d\d: /.test(refusal))
  }).pipe(Effect.scoped)
