/**
 * A cassette: recorded from a server of the demo, and played with its times after the server ended.
 */
import { Cassette, ConnectionPool, HttpRequest, Transport } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as http from "node:http"
import { millis } from "../report.ts"
import { listen } from "../servers/listen.ts"
import type { Part } from "./part.ts"

const pause = 150

/** A server that sends its body in two pieces. */
const slow = Effect.suspend(() =>
  listen(http.createServer((_request, response) => {
    response.setHeader("Set-Cookie", "session=secret; Path=/")
    response.write("one, ")
    setTimeout(() => response.end("two"), pause)
  }))
)

const ask = (host: string, port: number) =>
  Effect.gen(function*() {
    const startedAt = performance.now()
    const pool = yield* ConnectionPool.make()
    const response = yield* pool.execute(
      HttpRequest.get(`http://${host}:${port}/pieces?token=secret`, { headers: { authorization: "Bearer secret" } })
    )
    return { text: yield* response.text, time: performance.now() - startedAt }
  }).pipe(Effect.scoped)

export const cassette: Part = (report, { host }) =>
  Effect.gen(function*() {
    report.part("A cassette: recorded, and played without the server")
    const recording = yield* Cassette.record(yield* Transport.Transport)
    const { live, port } = yield* Effect.scoped(Effect.gen(function*() {
      const port = yield* slow
      const live = yield* Effect.provide(ask(host, port), Layer.succeed(Transport.Transport, recording.transport))
      return { live, port }
    }))
    report.row("recorded", `"${live.text}" in ${millis(live.time)}; then the server was stopped`)
    const recorded = yield* recording.cassette
    const [connection] = recorded.connections
    const heads = (connection?.events ?? []).flatMap((event) =>
      event._tag === "Bytes"
        ? Buffer.from(event.bytes).toString().split("\r\n").filter((line) => /secret|redacted/.test(line))
        : []
    )
    for (const line of heads) report.row("", line)
    report.check("no secret is in it", !JSON.stringify(Cassette.toHar(recorded)).includes("secret"), heads)
    const player = yield* Cassette.play(recorded)
    const played = yield* Effect.provide(ask(host, port), Layer.succeed(Transport.Transport, player))
    report.row("played", `"${played.text}" in ${millis(played.time)}`)
    report.check("the text is the same", played.text === live.text, played.text)
    report.check("the second piece took its time", played.time >= pause * 0.9, played.time)
    yield* player.verify
    const [entry] = Cassette.toHar(recorded).log.entries
    report.row(
      "HAR 1.2",
      `${entry?.response.status} ${entry?.request.method} ${entry?.request.url}, wait ${entry?.timings.wait} ms, receive ${entry?.timings.receive} ms`
    )
    report.check("its HAR has the request", entry?.response.status === 200, entry)
  }).pipe(Effect.scoped)
