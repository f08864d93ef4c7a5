/** The frames in which Docker sends stdout and stderr of a container over one connection. */
import * as Chunk from "effect/Chunk"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

/** A piece of output, as it arrived: a long write comes in several pieces. */
export interface Output {
  readonly from: "stdout" | "stderr"
  readonly bytes: Uint8Array
}

/** The bytes are no frames: the container has a terminal (TTY), or this is another protocol. */
export class NotFrames extends Data.TaggedError("NotFrames")<{ readonly stream: number }> {
  override get message(): string {
    return `A frame of stream ${this.stream}: does the container have a terminal (TTY)? Its output has no frames.`
  }
}

/** The end of the bytes within a frame. */
export class CutFrame extends Data.TaggedError("CutFrame")<{}> {}

/** A frame begins with 8 bytes: the stream, three zeros, and the length of what follows. */
const headLength = 8

interface State {
  /** What has arrived of the head of a frame. */
  readonly head: Uint8Array
  readonly from: Output["from"]
  /** How much of the frame is still to come. */
  readonly left: number
}

const start: State = { head: new Uint8Array(0), from: "stdout", left: 0 }

/** What these bytes complete. Keeps at most the 7 bytes of a head, whatever the length of a frame. */
const step = (state: State, piece: Uint8Array): NotFrames | readonly [State, ReadonlyArray<Output>] => {
  const found: Array<Output> = []
  let { from, head, left } = state
  let rest = piece
  for (;;) {
    if (left > 0) {
      if (rest.length === 0) return [{ head, from, left }, found]
      const bytes = rest.subarray(0, left)
      found.push({ from, bytes })
      left -= bytes.length
      rest = rest.subarray(bytes.length)
    } else {
      const missing = headLength - head.length
      head = Buffer.concat([head, rest.subarray(0, missing)])
      rest = rest.subarray(missing)
      if (head.length < headLength) return [{ head, from, left }, found]
      const view = new DataView(head.buffer, head.byteOffset, headLength)
      const stream = view.getUint8(0)
      // 0 is stdin, which is sent back on stdout.
      if (stream > 2 || view.getUint32(0) % 2 ** 24 !== 0) return new NotFrames({ stream })
      from = stream === 2 ? "stderr" : "stdout"
      left = view.getUint32(4)
      head = start.head
    }
  }
}

/** Takes the frames apart. However the bytes are split, the output is the same. */
export const demultiplex = <E, R>(
  bytes: Stream.Stream<Uint8Array, E, R>
): Stream.Stream<Output, E | NotFrames | CutFrame, R> =>
  Stream.suspend(() => {
    let state = start
    const frames = Stream.mapEffect(bytes, (piece) => {
      const result = step(state, piece)
      if (result instanceof NotFrames) return Effect.fail(result)
      state = result[0]
      return Effect.succeed(Chunk.fromIterable(result[1]))
    })
    const isWhole = Effect.suspend(() =>
      state.left > 0 || state.head.length > 0 ? Effect.fail(new CutFrame()) : Effect.void
    )
    return Stream.concat(Stream.flattenChunks(frames), Stream.drain(Stream.fromEffect(isWhole)))
  })

/** The lines of one of the two. Each has a decoder, so that a character may be split between frames. */
export const linesOf = <E, R>(output: Stream.Stream<Output, E, R>, from: Output["from"]): Stream.Stream<string, E, R> =>
  output.pipe(
    Stream.filterMap((piece) => piece.from === from ? Option.some(piece.bytes) : Option.none()),
    Stream.decodeText(),
    Stream.splitLines
  )
