/** An upgraded connection as a Duplex of Node. */
import * as Effect from "effect/Effect"
import type * as nodeStream from "node:stream"
import type { Switching } from "../connection/switching.ts"
import { BodyAlreadyConsumed } from "../error/state.ts"
import type { RawChannel } from "../node/channelDuplex.ts"
import { makeDuplex } from "../node/channelDuplex.ts"
import { UpgradedImpl } from "./upgraded.ts"
import type { ChannelFailure, Upgraded } from "./upgradedModel.ts"
import { keepContext } from "./wait.ts"

/** Returns the code by which code for Node recognizes a failure. */
const codeOf = (failure: ChannelFailure): string =>
  failure._tag === "ConnectionReset"
    ? failure.code
    : failure._tag === "ConnectionClosed"
    ? "ERR_STREAM_DESTROYED"
    : "ERR_STREAM_PREMATURE_CLOSE"

/** Returns a failure in the form of Node's errors. */
const nodeError = (failure: ChannelFailure): Error =>
  Object.assign(new Error(failure.message, { cause: failure }), { code: codeOf(failure) })

class ExchangeChannel implements RawChannel {
  readonly #exchange: Switching
  readonly #context
  #error: Error | undefined

  constructor(exchange: Switching) {
    this.#exchange = exchange
    this.#context = exchange.settings.loop.captureContext()
    exchange.stream()
  }

  takePieces(): ReadonlyArray<Uint8Array> {
    return this.#exchange.body.takeChunk()
  }

  get isEnded(): boolean {
    const { body } = this.#exchange
    return body.settled && body.size === 0
  }

  get error(): Error | undefined {
    const { failure } = this.#exchange
    return failure === undefined ? undefined : this.#error ??= nodeError(failure as ChannelFailure)
  }

  get isClosedHere(): boolean {
    return this.#exchange.failure?._tag === "ConnectionClosed"
  }

  whenReadable(callback: () => void): void {
    this.#exchange.whenBody(callback)
  }

  send(bytes: Uint8Array): boolean {
    return this.#exchange.send(bytes)
  }

  whenWritten(callback: () => void): void {
    this.#exchange.whenWritten(callback)
  }

  whenClosed(callback: () => void): void {
    this.#exchange.whenClosed(callback)
  }

  finishSending(): void {
    this.#exchange.finishSending()
  }

  close(): void {
    this.#exchange.abandon("its duplex was destroyed", "Upgraded")
  }

  run(f: () => void): void {
    this.#context.run(f)
  }
}

/** Creates the duplex of an upgrade. It takes the bytes. */
export const toDuplex = (upgraded: Upgraded): Effect.Effect<nodeStream.Duplex, BodyAlreadyConsumed> =>
  Effect.suspend((): Effect.Effect<nodeStream.Duplex, BodyAlreadyConsumed> => {
    const exchange = UpgradedImpl.take(upgraded, "duplex")
    if (exchange instanceof BodyAlreadyConsumed) return Effect.fail(exchange)
    return Effect.map(
      keepContext(exchange.settings.loop, Effect.promise(() => import("node:stream"))),
      (stream) => makeDuplex(stream, new ExchangeChannel(exchange))
    )
  })
