/**
 * Reads a response as events. Both APIs of this library share it; each describes its response as a
 * `Source`.
 *
 * Rules: a response that is not read is closed before the stream ends or fails. The body is pulled
 * only when the reader of the events pulls, so that the server is read no faster.
 */
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { EventTooLarge, NotEventStream } from "../error/eventStream.ts"
import { InvalidOption } from "../error/request.ts"
import type { Event } from "../syntax/eventStream.ts"
import { EventStreamParser } from "../syntax/eventStream.ts"
import { parse } from "../syntax/mediaType.ts"
import type { DecodeSettings } from "./options.ts"

/** A response, as its API reads it. `E` is the error of all its operations. */
export interface Source<out E> {
  readonly status: number
  /** The value of Content-Type. */
  readonly contentType: string | undefined
  readonly stream: Stream.Stream<Uint8Array, E>
  /** Returns the error as the API's, which knows the response. */
  error(error: NotEventStream | EventTooLarge): E
  /** Fails because of the status, and closes the response. */
  readonly refused: Effect.Effect<never, E>
  /** Closes the response, whose body will not be read. */
  readonly close: Effect.Effect<void>
  /**
   * Closes a response whose reader was interrupted, perhaps before it began to read. Does nothing
   * to one that was closed.
   */
  readonly abandoned: Effect.Effect<void>
  /** Waits until the connection of a response that was read or closed is free or closed. */
  readonly released: Effect.Effect<void>
}

const mediaType = "text/event-stream"

/** The status of a server that has no events, and will have none. */
export const noContent = 204

const isAccepted = (status: number, { check }: DecodeSettings): boolean =>
  check ? status === 200 : status >= 200 && status < 300

const isEventStream = (contentType: string | undefined): boolean =>
  contentType !== undefined && parse(contentType)?.type === mediaType

type Parsing<E> = Channel.Channel<Chunk.Chunk<Event>, Chunk.Chunk<Uint8Array>, E, E, void, unknown>

/** Parses the bytes of a source. */
const parsing = <E>(source: Source<E>, parser: EventStreamParser, limit: number): Parsing<E> => {
  const next: Parsing<E> = Channel.readWith({
    onInput: (pieces: Chunk.Chunk<Uint8Array>): Parsing<E> => {
      const events: Array<Event> = []
      let fits = true
      for (const bytes of pieces) fits = fits && parser.push(bytes, events)
      const rest = fits ? next : Channel.suspend(() => Channel.fail(source.error(new EventTooLarge({ limit }))))
      return events.length === 0
        ? rest
        : Channel.flatMap(Channel.write(Chunk.unsafeFromArray(events)), () => rest)
    },
    onFailure: Channel.fail,
    onDone: () => Channel.void
  })
  return next
}

/** Returns the events of a response. The parser has the state of an earlier response. */
export const eventsWith = <E>(
  source: Source<E>,
  settings: DecodeSettings,
  parser: EventStreamParser
): Stream.Stream<Event, E> =>
  Stream.suspend(() => {
    const { contentType, status } = source
    if (status === noContent) return Stream.execute(source.close)
    if (!isAccepted(status, settings)) return Stream.fromEffect(source.refused)
    if (settings.check && !isEventStream(contentType)) {
      return Stream.execute(
        Effect.zipRight(
          source.close,
          Effect.suspend(() => Effect.fail(source.error(new NotEventStream({ contentType }))))
        )
      )
    }
    return Stream.pipeThroughChannel(source.stream, parsing(source, parser, settings.maxEventBytes))
  })

/** Returns the events of a response. */
export const events = <E>(source: Source<E>, settings: DecodeSettings): Stream.Stream<Event, E> =>
  Stream.suspend(() => eventsWith(source, settings, new EventStreamParser(settings.maxEventBytes, "", undefined)))

/** Decodes the data of an event. The failure for a value that is not a schema is in no type. */
export const schemaData = <A, I, R>(
  event: Event,
  schema: Schema.Schema<A, I, R>
): Effect.Effect<A, ParseResult.ParseError, R> =>
  Schema.isSchema(schema)
    ? Schema.decode(Schema.parseJson(schema))(event.data)
    : Effect.fail(new InvalidOption({ option: "schema", reason: "it is no schema" }) as never)
