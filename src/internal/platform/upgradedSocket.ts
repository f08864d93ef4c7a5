/**
 * An upgraded connection as a `Socket` of the platform. The platform's module is loaded when the
 * first one is made.
 */
import type * as PlatformSocket from "@effect/platform/Socket"
import * as Effect from "effect/Effect"
import type * as FiberSets from "effect/FiberSet"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Switching } from "../connection/switching.ts"
import { finish, incoming, outgoing, UpgradedImpl } from "../effect/upgraded.ts"
import type { ChannelFailure, Upgraded } from "../effect/upgradedModel.ts"
import { keepContext } from "../effect/wait.ts"
import { BodyAlreadyConsumed } from "../error/state.ts"

type Modules = readonly [socket: typeof PlatformSocket, fiberSet: typeof FiberSets]

type Handler<A, E, R> = (bytes: Uint8Array) => Effect.Effect<A, E, R> | void

const encoder = new TextEncoder()

/** True for the codes of a normal end, and of an end without a code: neither fails a run. */
const isClean = (code: number): boolean => code === 1000 || code === 1006

class ChannelSocket {
  readonly #exchange: Switching
  readonly #socket: typeof PlatformSocket
  readonly #fiberSet: typeof FiberSets
  #isRun = false
  /** Set once a writer has closed the connection. */
  #close: PlatformSocket.CloseEvent | undefined

  constructor(exchange: Switching, [socket, fiberSet]: Modules) {
    this.#exchange = exchange
    this.#socket = socket
    this.#fiberSet = fiberSet
  }

  #error(reason: "Read" | "Write" | "Open", cause: ChannelFailure): PlatformSocket.SocketError {
    return new this.#socket.SocketGenericError({ reason, cause })
  }

  /** Returns how a run ends when the connection has failed. */
  #ended(failure: ChannelFailure): Effect.Effect<void, PlatformSocket.SocketError> {
    if (failure._tag !== "ConnectionClosed") return Effect.fail(this.#error("Read", failure))
    const { code, reason } = this.#close ?? { code: 1006, reason: failure.reason }
    return isClean(code) && this.#close !== undefined
      ? Effect.void
      : Effect.fail(new this.#socket.SocketCloseError({ reason: "Close", code, closeReason: reason }))
  }

  run<A, E, R>(
    handler: Handler<A, E, R>,
    options?: { readonly onOpen?: Effect.Effect<void> | undefined }
  ): Effect.Effect<void, PlatformSocket.SocketError | E, R> {
    return Effect.suspend(() => {
      if (this.#isRun) {
        const taken = new BodyAlreadyConsumed({ by: "socket" })
        return Effect.fail(this.#error("Open", this.#exchange.withContext(taken)))
      }
      this.#isRun = true
      return Effect.zipRight(options?.onOpen ?? Effect.void, Effect.scopedWith((scope) => this.#run(handler, scope)))
    })
  }

  #run<A, E, R>(
    handler: Handler<A, E, R>,
    scope: Scope.Scope
  ): Effect.Effect<void, PlatformSocket.SocketError | E, R> {
    const FiberSet = this.#fiberSet
    return Effect.flatMap(
      Scope.extend(FiberSet.make<A, E>(), scope),
      (fibers) =>
        Effect.flatMap(FiberSet.runtime(fibers)<R>(), (fork) => {
          const handle = (bytes: Uint8Array): void => {
            const result = handler(bytes)
            if (Effect.isEffect(result)) fork(result)
          }
          const reading = Stream.runForEach(incoming(this.#exchange), (bytes) => Effect.sync(() => handle(bytes)))
          const read = Effect.catchAll(reading, (failure) => this.#ended(failure))
          return Effect.raceFirst(Effect.zipRight(read, FiberSet.awaitEmpty(fibers)), FiberSet.join(fibers))
        })
    )
  }

  readonly write = (
    chunk: Uint8Array | string | PlatformSocket.CloseEvent
  ): Effect.Effect<void, PlatformSocket.SocketError> =>
    this.#socket.isCloseEvent(chunk)
      ? this.#closing(chunk)
      : Effect.mapError(
        outgoing(this.#exchange, [typeof chunk === "string" ? encoder.encode(chunk) : chunk]),
        (cause) => this.#error("Write", cause)
      )

  /** Sends all earlier bytes, and closes the connection. */
  #closing(event: PlatformSocket.CloseEvent): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#close ??= event
      return Effect.ensuring(
        Effect.ignore(finish(this.#exchange)),
        Effect.sync(() => this.#exchange.abandon("a writer of its socket has closed it", "Upgraded"))
      )
    })
  }

  /** Creates a writer. The end of its scope finishes sending. */
  get writer(): PlatformSocket.Socket["writer"] {
    return Effect.acquireRelease(
      Effect.succeed(this.write),
      () => Effect.sync(() => this.#exchange.finishSending())
    )
  }
}

/** Creates the socket of an upgrade. It takes the bytes. */
export const toSocket = (upgraded: Upgraded): Effect.Effect<PlatformSocket.Socket, BodyAlreadyConsumed> =>
  Effect.suspend((): Effect.Effect<PlatformSocket.Socket, BodyAlreadyConsumed> => {
    const exchange = UpgradedImpl.take(upgraded, "socket")
    if (exchange instanceof BodyAlreadyConsumed) return Effect.fail(exchange)
    const loading = Effect.promise(() => Promise.all([import("@effect/platform/Socket"), import("effect/FiberSet")]))
    return Effect.map(keepContext(exchange.settings.loop, loading), (modules) => {
      const socket = new ChannelSocket(exchange, modules)
      const [{ Socket, TypeId }] = modules
      const id: PlatformSocket.TypeId = TypeId as PlatformSocket.TypeId
      const run: PlatformSocket.Socket["run"] = (handler, options) => socket.run(handler, options)
      return Socket.of({ [id]: id, run, runRaw: run, writer: socket.writer })
    })
  })
