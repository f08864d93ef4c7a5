/**
 * Raw streams over a unix socket, as `docker attach` has them. stdin is sent, frames of stdout and
 * stderr are received.
 */
import { ConnectionPool, HttpRequest, NodeTransport, Origin } from "effect-http-client"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/** A frame: 1 for stdout or 2 for stderr, three zeros, the length in four bytes, and the text. */
interface Frame {
  readonly stream: number
  readonly text: string
}

/** Cuts the frames out of the bytes, however these are split. */
const frames = <E>(bytes: Stream.Stream<Uint8Array, E>): Stream.Stream<Frame, E> =>
  Stream.mapConcat(
    Stream.mapAccum(bytes, Buffer.alloc(0), (left: Buffer, piece): [Buffer, ReadonlyArray<Frame>] => {
      let rest = Buffer.concat([left, piece])
      const found: Array<Frame> = []
      while (rest.length >= 8 && rest.length >= 8 + rest.readUInt32BE(4)) {
        const end = 8 + rest.readUInt32BE(4)
        found.push({ stream: rest.readUInt8(0), text: rest.subarray(8, end).toString() })
        rest = rest.subarray(end)
      }
      return [rest, found]
    }),
    (found) => found
  )

export const program = (socketPath: string, container: string, stdin: Stream.Stream<Uint8Array>) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.make()
    const origin = yield* Origin.make({ scheme: "http", host: "docker", socketPath })
    const upgraded = yield* pool.upgrade(
      HttpRequest.post(`/containers/${container}/attach?stream=1&stdin=1&stdout=1&stderr=1`, {
        origin,
        headers: { Upgrade: "tcp" }
      })
    )
    // Both at once. The end of the sink is the end of stdin.
    const [output] = yield* Effect.all(
      [Stream.runCollect(frames(upgraded.stream)), Stream.run(stdin, upgraded.sink)],
      { concurrency: 2 }
    )
    return Chunk.toReadonlyArray(output)
  }).pipe(
    Effect.scoped,
    Effect.provide(NodeTransport.layer)
  )
