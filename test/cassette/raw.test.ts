/** Bytes after an upgrade, in a cassette that a function redacts: still as many pieces, and still played. */
import { expect, it } from "@effect/vitest"
import { Cassette, ConnectionPool, HttpRequest, NodeTransport, Transport } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { raw } from "../../docs/demo/servers/listen.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Upgrades, sends each text when the one before was answered, and returns the answers. */
const talk = (port: number, texts: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.make()
    const request = HttpRequest.get(`http://127.0.0.1:${port}/`, {
      headers: { connection: "Upgrade", upgrade: "echo" }
    })
    const upgraded = yield* pool.upgrade(request)
    const answers = yield* Queue.unbounded<string>()
    yield* Effect.forkScoped(
      Stream.runForEach(upgraded.stream, (piece) => Queue.offer(answers, Buffer.from(piece).toString()))
    )
    return yield* Effect.forEach(texts, (text) => Effect.zipRight(upgraded.write(bytes(text)), Queue.take(answers)))
  }).pipe(Effect.scoped)

const over = <A, E>(program: Effect.Effect<A, E, Transport.Transport>, transport: Transport.Service) =>
  Effect.provide(program, Layer.succeed(Transport.Transport, transport))

const lengths: ReadonlyArray<
  readonly [name: string, replace: (text: string) => string, answers: ReadonlyArray<string>]
> = [
  ["the same length", (text) => text.toUpperCase(), ["ONE", "TWO TWO"]],
  ["a greater length", (text) => `${text}!`, ["one!", "two two!"]],
  ["a smaller length", (text) => text.slice(1), ["ne", "wo two"]]
]

for (const [name, replace, expected] of lengths) {
  it.scopedLive(`a function that returns ${name}`, () =>
    Effect.gen(function*() {
      let isUpgraded = false
      const port = yield* raw((socket) =>
        socket.on("data", (data) => {
          socket.write(
            isUpgraded ? data : "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
          )
          isUpgraded = true
        })
      )
      const redact: Cassette.Redact = {
        replace: (body, { kind }) => kind === "Raw" ? bytes(replace(Buffer.from(body).toString())) : body
      }
      const recording = yield* Cassette.record(NodeTransport.transport, { redact })
      expect(yield* over(talk(port, ["one", "two two"]), recording.transport)).toEqual(["one", "two two"])
      const player = yield* Cassette.play(yield* recording.cassette, { redact, times: false })
      expect(yield* over(talk(port, ["one", "two two"]), player)).toEqual(expected)
      yield* player.verify
    }))
}
