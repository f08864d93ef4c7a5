/** The body of a response as lines of text, for the responses of every API. */
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import { InvalidOption } from "../error/request.ts"
import { LineSplitter } from "../lines.ts"
import { notRecord } from "../options.ts"
import type { TextFailure } from "../text.ts"
import { LineDecoder } from "../text.ts"

/**
 * The options of reading lines.
 *
 * @since 0.2.0
 * @category models
 */
export interface LinesOptions {
  /** True if a CR alone ends a line too, as LF and CRLF do. Default: `false`. */
  readonly cr?: boolean | undefined
}

type Splitting<E> = Channel.Channel<Chunk.Chunk<string>, Chunk.Chunk<Uint8Array>, E, E, void, unknown>

/** Returns the error in the options. */
export const notLinesOptions = (options: LinesOptions | undefined): InvalidOption | undefined =>
  notRecord("options", options) ?? (options?.cr === undefined || typeof options.cr === "boolean"
    ? undefined
    : new InvalidOption({ option: "cr", reason: "it must be a boolean" }))

/** Splits a body into lines. `located` returns the error of a text that cannot be decoded. */
export const linesOf = <E, E2>(
  stream: Stream.Stream<Uint8Array, E>,
  charset: string | undefined,
  cr: boolean,
  located: (error: TextFailure) => E2
): Stream.Stream<string, E | E2> =>
  Stream.suspend(() => {
    const decoder = new LineDecoder(charset, cr)
    const splitter = new LineSplitter(cr)
    const write = (lines: ReadonlyArray<string>, rest: Splitting<E | E2>): Splitting<E | E2> =>
      lines.length === 0 ? rest : Channel.flatMap(Channel.write(Chunk.unsafeFromArray(lines)), () => rest)
    const next: Splitting<E | E2> = Channel.readWith({
      onInput: (pieces: Chunk.Chunk<Uint8Array>): Splitting<E | E2> => {
        const lines: Array<string> = []
        for (const bytes of pieces) {
          const text = decoder.next(bytes)
          if (Either.isLeft(text)) return write(lines, Channel.fail(located(text.left)))
          for (const line of splitter.next(text.right)) lines.push(line)
        }
        return write(lines, next)
      },
      onFailure: Channel.fail,
      onDone: (): Splitting<E | E2> => {
        const text = decoder.end()
        return Either.isLeft(text)
          ? Channel.fail(located(text.left))
          : write([...splitter.next(text.right), ...splitter.end()], Channel.void)
      }
    })
    return Stream.pipeThroughChannel(stream, next)
  })
