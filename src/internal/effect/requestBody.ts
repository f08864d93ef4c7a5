/**
 * The body of a request as a stream. It runs in a separate fiber on behalf of the caller, so that
 * the response is delivered while the body is still being sent.
 *
 * The fiber ends with the exchange. It waits whenever the sink asks for it, and for nothing else.
 */
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { HttpBody } from "../../HttpBody.ts"
import type { HttpError } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import { InvalidTrailer } from "../error/request.ts"
import { RequestBodyError } from "../error/send.ts"
import type { BodyRun, BodySink, BodySource } from "../model/ports.ts"
import { checkTrailers } from "../protocol/trailers.ts"
import type { FiberCaller } from "./caller.ts"
import { Gate } from "./wait.ts"

/** An Effect that returns trailers when the body has been written. */
type LateTrailers = Effect.Effect<HttpFields.Input, unknown>

/** The result of a call of the sink: whether it takes more, or why it never will. */
type Taken = boolean | HttpError

/** Waits as the sink asks, and calls `next`, until it takes more. */
export const untilTaken = (taken: Taken, gate: Gate, next: () => Taken): Effect.Effect<void, HttpError> =>
  taken === true
    ? Effect.void
    : taken === false
    ? Effect.flatMap(gate.passed, () => untilTaken(next(), gate, next))
    : Effect.fail(taken)

/** Returns trailers that can be sent, made from the result of the caller's Effect. */
const trailersFrom = (given: HttpFields.Input): HttpFields.HttpFields | InvalidTrailer => {
  const fields = Either.try({
    try: () => HttpFields.fromInput(given),
    catch: () =>
      new InvalidTrailer({ field: "", reason: "what their Effect gave is no record, no pairs and no `HttpFields`" })
  })
  return Either.isLeft(fields) ? fields.left : checkTrailers(fields.right) ?? fields.right
}

/** Waits for trailers that become known when the body has been written. */
const lateTrailers = (sink: BodySink, trailers: LateTrailers): Effect.Effect<void, HttpError<unknown>> =>
  Effect.matchEffect(trailers, {
    onFailure: (error) => Effect.fail<HttpError<unknown>>(new RequestBodyError({ error })),
    onSuccess: (given) => {
      const fields = trailersFrom(given)
      if (fields instanceof InvalidTrailer) return Effect.fail(fields)
      sink.setTrailers(fields)
      return Effect.void
    }
  })

/** Writes all pieces of a stream. */
const writeStream = (
  sink: BodySink,
  gate: Gate,
  stream: Stream.Stream<Uint8Array, unknown>
): Effect.Effect<void, HttpError<unknown>> => {
  const flush = (): Taken => sink.flush(gate.open)
  type Writing = Channel.Channel<never, Chunk.Chunk<Uint8Array>, HttpError<unknown>, unknown, void, unknown>
  const loop: Writing = Channel.readWithCause({
    onInput: (pieces: Chunk.Chunk<Uint8Array>) => {
      const taken = sink.write(Chunk.toReadonlyArray(pieces), gate.open)
      // Most pieces need no wait. An effect would then cost more than the writing.
      return taken === true
        ? loop
        : Channel.flatMap(Channel.fromEffect(untilTaken(taken, gate, flush)), () => loop)
    },
    onFailure: (cause: Cause.Cause<unknown>) =>
      Channel.failCause(Cause.map(cause, (error) => new RequestBodyError({ error }))),
    onDone: () => Channel.void
  })
  return Channel.runDrain(Channel.pipeTo(Stream.toChannel(stream), loop)) as Effect.Effect<void, HttpError<unknown>>
}

/** Ends the body, and waits until the transport has taken all of it. */
const end = (sink: BodySink, gate: Gate): Effect.Effect<void, HttpError> =>
  Effect.suspend(() => untilTaken(sink.end(gate.open), gate, () => true))

/** Reports to the sink how the stream ended. */
const report = (sink: BodySink, exit: Exit.Exit<void, HttpError<unknown>>): void => {
  if (Exit.isSuccess(exit)) return sink.onFinished()
  const failure = Cause.failureOrCause(exit.cause)
  if (failure._tag === "Left") return sink.onFailed(failure.left as HttpError)
  if (Cause.isInterruptedOnly(failure.right)) return sink.onInterrupted()
  sink.onDied(failure.right, Cause.squash(failure.right))
}

class FiberRun implements BodyRun {
  readonly fiber: Fiber.RuntimeFiber<Exit.Exit<void, HttpError<unknown>>>
  readonly #caller: FiberCaller

  constructor(fiber: FiberRun["fiber"], caller: FiberCaller) {
    this.fiber = fiber
    this.#caller = caller
  }

  /** The finalizers of the stream are code of the caller. */
  stop(): void {
    this.#caller.context.run(() => this.fiber.unsafeInterruptAsFork(this.fiber.id()))
  }

  whenEnded(callback: () => void): () => void {
    const observer = (): void => callback()
    this.fiber.addObserver(observer)
    return () => this.fiber.removeObserver(observer)
  }
}

/**
 * The source of a body that is a stream. `whole` is false for a part of a body that the caller
 * sends by steps.
 */
export class StreamSource implements BodySource {
  readonly #stream: Stream.Stream<Uint8Array, unknown>
  readonly #trailers: LateTrailers | undefined
  readonly #whole: boolean

  constructor(stream: Stream.Stream<Uint8Array, unknown>, trailers: LateTrailers | undefined, whole: boolean) {
    this.#stream = stream
    this.#trailers = trailers
    this.#whole = whole
  }

  start(sink: BodySink, caller: FiberCaller): FiberRun {
    // Not `onExit`: a fiber that fails is reported to the log as unhandled.
    const running = Effect.map(Effect.exit(Effect.interruptible(this.#run(sink))), (exit) => {
      report(sink, exit)
      return exit
    })
    // The exchange knows of the fiber before it runs, so that it can stop it.
    return new FiberRun(caller.fork(running, { immediate: false }), caller)
  }

  #run(sink: BodySink): Effect.Effect<void, HttpError<unknown>> {
    const gate = new Gate()
    const trailers = this.#trailers
    const written = Effect.suspend(() => {
      if (sink.isStopped) return Effect.void
      const stream = writeStream(sink, gate, this.#stream)
      if (!this.#whole) return stream
      const rest = trailers === undefined
        ? end(sink, gate)
        : Effect.zipRight(lateTrailers(sink, trailers), end(sink, gate))
      return Effect.zipRight(stream, rest)
    })
    return Effect.suspend(() => sink.await100Continue(gate.open) ? written : Effect.zipRight(gate.passed, written))
  }
}

/** The source of a body, see `Host.bodySource`. */
export const bodySource = (body: HttpBody<unknown>, lateTrailers: unknown): StreamSource => {
  const stream = body._tag === "Streaming"
    ? body.stream
    : body._tag === "Bytes"
    ? Stream.succeed(body.bytes)
    : Stream.empty
  return new StreamSource(stream, lateTrailers as LateTrailers | undefined, true)
}
