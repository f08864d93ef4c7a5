/** Reading a body as a stream, and doing nothing with it but count: the same for every client that gives one. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/** How many bytes a stream gives. */
export const sizeOf = <E>(stream: Stream.Stream<Uint8Array, E>): Effect.Effect<number, E> =>
  Effect.suspend(() => {
    let size = 0
    return Effect.map(
      Stream.runForEachChunk(stream, (chunk) => {
        for (const bytes of chunk) size += bytes.length
        return Effect.void
      }),
      () => size
    )
  })
