/**
 * Opens a connection: runs the steps of `openingSteps.ts` one after another.
 *
 * An opening that ends early (failure, abort, timeout) leaves nothing open. Errors get their
 * context here.
 */
import type { HttpError } from "../../HttpError.ts"
import type * as HttpFields from "../../HttpFields.ts"
import type * as Transport from "../../Transport.ts"
import type { Tagged } from "../error/base.ts"
import type { Peer, Phase } from "../error/context.ts"
import { noTimings } from "../error/context.ts"
import { ReadError, RemoteDisconnected, UnexpectedMessage } from "../error/head.ts"
import { ConnectionClosed } from "../error/state.ts"
import type { TimeoutKind } from "../error/timeout.ts"
import { HttpTimeout } from "../error/timeout.ts"
import { TlsError } from "../error/tls.ts"
import { format } from "../model/origin.ts"
import type { Abort, Caller, Dialed } from "../model/ports.ts"
import { proxyName, withContextAt } from "./about.ts"
import type { ConnectionOwner, Reserver } from "./connection.ts"
import { Connection } from "./connection.ts"
import type { Course, OpenFailure, Step, StepDone } from "./course.ts"
import { dialledBy, stepsOf } from "./openingSteps.ts"
import type { Rotating, Traveller, Way } from "./settings.ts"
import { originOf, proxyOf } from "./settings.ts"
import type { Millis } from "./timeouts.ts"

export type { OpenFailure } from "./course.ts"

/** Receives the outcome of an opening. */
export interface OpeningOwner {
  /** Called once, perhaps within `start`, when nothing is left of the opening but its outcome. */
  onOpened(opening: Opening): void
}

/** Returns the phase in which a timeout of opening expired. */
const phaseOfTimeout = (kind: TimeoutKind): Phase =>
  kind === "dns" || kind === "tls" || kind === "proxy" ? kind : "connect"

/** The phases in which the peer is the proxy, because there is no tunnel yet. */
const beforeTunnel = new Set<Phase>(["dns", "connect", "proxy"])

/**
 * Adds the context of an opening: nothing of a request was sent. `peer` is the party that the error
 * is about, if its phase does not determine it.
 */
export const withOpeningContext = <E extends Tagged<string>>(way: Way, error: E, peer?: Peer): E => {
  const proxy = proxyOf(way)
  const phase = error instanceof HttpTimeout ? phaseOfTimeout(error.kind) : error.context.phase
  return withContextAt(error, originOf(way), undefined, {
    phase,
    timings: noTimings,
    ...(proxy === undefined ? undefined : { proxy: proxyName(proxy) }),
    ...(proxy !== undefined && (peer === undefined ? beforeTunnel.has(phase) : peer === "Proxy")
      ? { peer: "Proxy" }
      : undefined)
  })
}

export class Opening implements Course, Reserver {
  /** The outcome: a connection, an error, a defect, or none of them if it was aborted. */
  connection: Connection | undefined
  error: OpenFailure | ConnectionClosed | undefined
  defect: { readonly thrown: unknown } | undefined
  /** The fields of the proxy's response to CONNECT. */
  proxyFields: HttpFields.HttpFields | undefined
  proxyMillis: number | undefined
  peer: Peer | undefined
  ended = false
  readonly way: Traveller
  readonly timeouts: Millis
  readonly caller: Caller
  readonly #connectionOwner: ConnectionOwner
  readonly #owner: OpeningOwner
  /** Ends the step in progress. */
  #abort: Abort | undefined
  #aborted: { readonly error: ConnectionClosed | HttpTimeout | undefined } | undefined
  #duplex: Transport.Duplex | undefined
  #release: (() => void) | undefined
  #waiters: Array<() => void> | undefined

  constructor(
    way: Traveller,
    timeouts: Millis,
    caller: Caller,
    connectionOwner: ConnectionOwner,
    owner: OpeningOwner
  ) {
    this.way = way
    this.timeouts = timeouts
    this.caller = caller
    this.#connectionOwner = connectionOwner
    this.#owner = owner
  }

  start(): void {
    const { events, origin } = this.way.settings
    const { host, port } = dialledBy(this.way)
    if (events.active) {
      events.emit({ _tag: "Connect", origin: format(originOf(this.way)), host: origin.socketPath ?? host, port })
    }
    const { rotation } = this.way.settings
    if (rotation === undefined) this.#begin()
    else this.#resolve(rotation)
  }

  #begin(): void {
    const { dial, rest } = stepsOf(this)
    this.#run(dial, rest)
  }

  /** Asks for the options that the steps need. */
  #resolve(rotation: Rotating): void {
    let isOver = false
    const abort = rotation.resolve(this.way, this.timeouts.connect, this.caller, (resolved) => {
      isOver = true
      this.#abort = undefined
      switch (resolved._tag) {
        case "Resolved":
          this.way.onResolved(resolved.way)
          return this.#aborted === undefined ? this.#begin() : this.#fail(undefined)
        case "Failed":
          return this.#fail(resolved.error)
        case "Died":
          return this.#die(resolved.defect)
        case "Aborted":
          return this.#fail(undefined)
      }
    })
    if (isOver) return
    this.#abort = abort
    if (this.#aborted !== undefined) abort()
  }

  /**
   * Ends the opening. Its outcome is then the error, or nothing. The owner is called when nothing
   * of it is left.
   */
  abort(error?: ConnectionClosed | HttpTimeout): void {
    if (this.ended || this.#aborted !== undefined) return
    this.#aborted = { error }
    // A transport may run the code of the caller.
    if (this.#abort !== undefined) this.caller.context.run(this.#abort)
  }

  /** Calls back once when the opening has ended. Returns how to cancel. */
  whenEnded(callback: () => void): () => void {
    if (this.ended) {
      callback()
      return () => {}
    }
    const waiters = this.#waiters ??= []
    waiters.push(callback)
    return () => {
      this.#waiters = waiters.filter((other) => other !== callback)
    }
  }

  /** Runs a step, which may end within the call that starts it, and then the others. */
  #run(step: (done: StepDone) => Abort, others: ReadonlyArray<Step>): void {
    let isOver = false
    const abort = step((result) => {
      isOver = true
      this.#abort = undefined
      this.#stepEnded(result, others)
    })
    if (isOver) return
    this.#abort = abort
    if (this.#aborted !== undefined) abort()
  }

  #stepEnded(result: Dialed<OpenFailure>, others: ReadonlyArray<Step>): void {
    switch (result._tag) {
      case "Opened": {
        const { duplex, release } = result
        this.#duplex = duplex
        const before = this.#release
        this.#release = before === undefined || release === undefined ? before ?? release : () => {
          release()
          before()
        }
        if (this.#aborted !== undefined) return this.#fail(undefined)
        const [next, ...rest] = others
        return next === undefined ? this.#established(duplex) : this.#run((done) => next(duplex, done), rest)
      }
      case "Failed":
        // If a step fails, the channel that was dialled before is destroyed.
        return this.#fail(result.error)
      case "Died":
        return this.#die(result.defect)
      case "Aborted":
        return this.#fail(undefined)
    }
  }

  /** The duplex leads to the origin. */
  #established(duplex: Transport.Duplex): void {
    const { settings: { events, loop, timers, tls }, tunnel } = this.way
    const connection = new Connection(duplex, timers.now(), this.#connectionOwner, this.#release, this.proxyMillis)
    this.connection = connection
    // Before it is attached, because bytes that have already arrived may close it at once.
    if (events.active) {
      events.emit({ _tag: "Connected", connection: connection.id, origin: format(originOf(this.way)) })
    }
    try {
      connection.attach()
    } catch (thrown) {
      // A transport of the caller. No code may use a channel that does not report to it.
      this.connection = undefined
      return this.#die(thrown)
    }
    // Bytes after the proxy's response to CONNECT must not count as a response of the origin.
    // Inside TLS they cannot, because they would break the handshake.
    if (tunnel !== undefined && tls === undefined && connection.usable) {
      this.#abort = () => connection.closeForCaller()
      connection.reserve(loop, this)
    } else this.#end()
  }

  onPolled(): void {
    this.#abort = undefined
    this.#end()
  }

  #fail(error: OpenFailure | undefined): void {
    this.#duplex?.destroy()
    this.#release?.()
    const { error: own } = this.#aborted ?? { error }
    this.error = own && withOpeningContext(this.way, own, this.peer)
    this.#emitFailed(this.error)
    this.#end()
  }

  #die(thrown: unknown): void {
    this.#duplex?.destroy()
    this.#release?.()
    this.defect = { thrown }
    this.#emitFailed(undefined)
    this.#end()
  }

  #emitFailed(error: HttpError | undefined): void {
    const { events } = this.way.settings
    if (events.active) events.emit({ _tag: "ConnectFailed", origin: format(originOf(this.way)), error })
  }

  #end(): void {
    this.ended = true
    this.#duplex = undefined
    this.#release = undefined
    const waiters = this.#waiters
    this.#waiters = undefined
    this.#owner.onOpened(this)
    if (waiters !== undefined) { for (const waiter of waiters) waiter() }
  }
}

/**
 * Returns the error for a connection that was closed between its opening and the first request on
 * it.
 */
export const closedAtOnce = (
  connection: Connection
): ConnectionClosed | ReadError | RemoteDisconnected | TlsError | UnexpectedMessage =>
  connection.closedByCaller
    ? new ConnectionClosed({ reason: "it was closed while it was being opened" })
    : connection.closedBy instanceof UnexpectedMessage || connection.closedBy instanceof ReadError
        || connection.closedBy instanceof TlsError
    ? connection.closedBy
    : new RemoteDisconnected({ tls: connection.tls })
