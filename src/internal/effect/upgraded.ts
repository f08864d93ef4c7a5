/**
 * The result of an upgrade: the head of its response, and the open channel as a stream, a sink and
 * single writes.
 *
 * Everything is over the body of the exchange (`connection/switching.ts`), so back-pressure, the
 * end and failures are those of a body. The first way of reading takes all bytes; another one
 * fails.
 */
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { ConnectionInfo, Timings } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpResponse, Informational } from "../../HttpResponse.ts"
import { copy } from "../bytes.ts"
import type { Switching } from "../connection/switching.ts"
import { BodyAlreadyConsumed, ConnectionClosed } from "../error/state.ts"
import { notBytes } from "../options.ts"
import type { ResponseHead } from "../protocol/head.ts"
import { makeResponse } from "./response.ts"
import type { ChannelFailure, Upgraded } from "./upgradedModel.ts"
import { TypeId } from "./upgradedModel.ts"
import { waitFor, waitForOrCancel } from "./wait.ts"

/** A way of using the channel. */
export type Consumer = "stream" | "socket" | "duplex"

/** The channel that a stream of the bytes is made of. */
type Bytes = Channel.Channel<Chunk.Chunk<Uint8Array>, unknown, ChannelFailure, unknown, void>

// A failure of the body ends a channel. Only these failures are possible.
const readFailure = ({ body }: Switching): ChannelFailure | undefined => body.failure as ChannelFailure | undefined
const failureOf = ({ failure }: Switching): ChannelFailure | undefined => failure as ChannelFailure | undefined

const pull = (exchange: Switching): Bytes => {
  const { body, settings: { loop } } = exchange
  const give = (): Bytes => {
    if (body.size > 0) {
      return Channel.flatMap(Channel.write(Chunk.unsafeFromArray(body.takeChunk())), () => pull(exchange))
    }
    body.finished = true
    const failure = readFailure(exchange)
    return failure === undefined ? Channel.void : Channel.fail(failure)
  }
  if (body.ready) return Channel.suspend(give)
  // An interruption leaves a callback that wakes no fiber. No other reader could be affected.
  const waiting = waitFor<void>(loop, (waiter) => exchange.whenBody(() => waiter.resume(Effect.void)))
  return Channel.flatMap(Channel.fromEffect(waiting), give)
}

/** Emits everything that arrives on the channel. It must be the only reader. */
export const incoming = (exchange: Switching): Stream.Stream<Uint8Array, ChannelFailure> =>
  Stream.fromChannel(Channel.suspend(() => {
    exchange.stream()
    return pull(exchange)
  }))

/** Waits until the system has taken all sent bytes. */
const written = (exchange: Switching): Effect.Effect<void, ChannelFailure> =>
  waitForOrCancel<void, ChannelFailure>(exchange.settings.loop, (waiter) =>
    exchange.whenWritten(() => {
      const failure = failureOf(exchange)
      waiter.resume(failure === undefined ? Effect.void : Effect.fail(failure))
    }))

/** Sends bytes, and waits until the system has taken them. */
export const outgoing = (
  exchange: Switching,
  pieces: Iterable<Uint8Array>
): Effect.Effect<void, ChannelFailure> =>
  Effect.suspend(() => {
    if (exchange.isFinishing) return Effect.fail(failureOf(exchange) ?? ended(exchange))
    for (const piece of pieces) exchange.send(piece)
    return written(exchange)
  })

/** Finishes sending, and waits until the system has taken all bytes. */
export const finish = (exchange: Switching): Effect.Effect<void, ChannelFailure> =>
  Effect.suspend(() => {
    exchange.finishSending()
    return written(exchange)
  })

const ended = (exchange: Switching): ConnectionClosed =>
  exchange.withContext(new ConnectionClosed({ reason: "its sending side has been finished, by `end` or by a sink" }))

export class UpgradedImpl implements Upgraded {
  readonly [TypeId]: typeof TypeId = TypeId
  readonly head: Uint8Array
  readonly #exchange: Switching
  readonly #response: ResponseHead
  #consumer: Consumer | undefined
  #isRead = false

  constructor(exchange: Switching, response: ResponseHead) {
    this.#exchange = exchange
    this.#response = response
    const { body } = exchange
    // A copy, because the other APIs deliver the bytes too.
    this.head = copy(body.peek(body.size))
  }

  /** Returns the channel of an upgrade, for an API that takes all of it. */
  static take(upgraded: Upgraded, face: Consumer): Switching | BodyAlreadyConsumed {
    if (!Predicate.isObject(upgraded) || !(#exchange in upgraded)) {
      throw new TypeError("this was not made by `upgrade` of this copy of effect-http-client")
    }
    return upgraded.#claim(face, true) ?? upgraded.#exchange
  }

  /** The response as it is shown in a span. Its body must not be read. */
  static response(upgraded: UpgradedImpl): HttpResponse {
    return makeResponse(upgraded.#exchange, upgraded.#response)
  }

  /** Runs at the end of the scope of the upgrade. */
  static ended(upgraded: UpgradedImpl): void {
    upgraded.#exchange.abandon("the scope of the upgrade has ended", "Upgraded")
  }

  get version(): 10 | 11 {
    return this.#response.version
  }

  get status(): number {
    return this.#response.status
  }

  get reason(): string {
    return this.#response.reason
  }

  get fields(): HttpFields.HttpFields {
    return this.#response.fields
  }

  get protocol(): string | undefined {
    return this.status === 101 ? HttpFields.getUnsafe(this.fields, "upgrade") : undefined
  }

  get informational(): ReadonlyArray<Informational> {
    return this.#exchange.informational
  }

  get connection(): ConnectionInfo {
    return this.#exchange.connectionInfo
  }

  get timings(): Timings {
    return this.#exchange.timings
  }

  get stream(): Stream.Stream<Uint8Array, ChannelFailure> {
    return Stream.suspend(() => {
      const taken = this.#claim("stream", true)
      return taken === undefined ? incoming(this.#exchange) : Stream.fail(taken)
    })
  }

  get sink(): Sink.Sink<void, Uint8Array, never, ChannelFailure> {
    const sending = Sink.forEachChunk((chunk: Chunk.Chunk<Uint8Array>) => this.#send(chunk))
    return Sink.zipRight(sending, Sink.fromEffect(this.end))
  }

  write(bytes: Uint8Array): Effect.Effect<void, ChannelFailure> {
    const wrong = notBytes("bytes", bytes)
    // In no type, because no typed code can see it.
    return wrong === undefined ? this.#send([bytes]) : Effect.fail(wrong as never)
  }

  get end(): Effect.Effect<void, ChannelFailure> {
    return Effect.suspend(() => this.#claim("stream", false) ?? finish(this.#exchange))
  }

  get close(): Effect.Effect<void> {
    return Effect.sync(() => this.#exchange.abandon("it was closed by `close`", "Upgraded"))
  }

  #send(pieces: Iterable<Uint8Array>): Effect.Effect<void, ChannelFailure> {
    return Effect.suspend(() => this.#claim("stream", false) ?? outgoing(this.#exchange, pieces))
  }

  /** Takes the channel for one API, and the arriving bytes if that API reads. */
  #claim(face: Consumer, reads: boolean): BodyAlreadyConsumed | undefined {
    if ((this.#consumer !== undefined && this.#consumer !== face) || (reads && this.#isRead)) {
      return this.#exchange.withContext(new BodyAlreadyConsumed({ by: this.#consumer ?? face }))
    }
    this.#consumer = face
    this.#isRead ||= reads
    return undefined
  }

  toJSON(): unknown {
    return { _id: "Upgraded", status: this.status, protocol: this.protocol, head: this.head.length }
  }
}
