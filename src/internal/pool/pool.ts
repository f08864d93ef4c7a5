/**
 * Carries out what `poolState.ts` decides, and tells it what happens: opens connections in fibers
 * of the requests they are for, closes them, wakes those who wait. All methods are synchronous; the
 * Effects over them are in `checkout.ts`, `execute.ts` and `lease.ts`.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import type { CloseReason } from "../../ConnectionEvent.ts"
import type { HttpError } from "../../HttpError.ts"
import * as Origin from "../../Origin.ts"
import type * as Transport from "../../Transport.ts"
import type { ExchangePolicy, ExchangeView } from "../connection/errorContext.ts"
import { EventHub } from "../connection/events.ts"
import type { ConnectionHandle } from "../connection/handle.ts"
import type { TimerQueue } from "../connection/timers.ts"
import { Timer } from "../connection/timers.ts"
import { awaitFiber } from "../effect/wait.ts"
import { withContext } from "../error/base.ts"
import { PoolClosed } from "../error/pool.ts"
import type { ResponseHead } from "../protocol/head.ts"
import { keepAlive } from "./keepAlive.ts"
import { LegacyServers } from "./legacyServers.ts"
import { Openings } from "./openings.ts"
import { PoolState } from "./policy.ts"
import type { Command, Keeper, Waiter } from "./pooledConnection.ts"
import { Place, PooledConnection } from "./pooledConnection.ts"
import type { Destination } from "./route.ts"
import { destination } from "./route.ts"
import type { PoolSettings } from "./settings.ts"
import { Unread } from "./unread.ts"

/**
 * The least time between two searches for connections that were idle for too long, in milliseconds.
 */
const sweepInterval = 100

export class Pool implements Keeper {
  readonly settings: PoolSettings
  readonly timers: TimerQueue
  readonly loop: Transport.EventLoop
  readonly events: EventHub
  readonly state: PoolState<Destination, PooledConnection, Waiter>
  readonly counts = { opened: 0, closed: 0, requests: 0, reused: 0, retried: 0, reclaimed: 0 }
  readonly #shared: Parameters<typeof destination>[1]
  readonly #runtime: Runtime.Runtime<never>
  readonly #sweep = new Timer({ onTimeout: () => this.#expire() }, false)
  readonly openings: Openings
  readonly legacyServers = new LegacyServers()
  readonly unread: Unread
  readonly #quieted = new Set<() => void>()
  /** The senders of bodies whose connection has closed. */
  readonly #senders = new Set<Fiber.RuntimeFiber<unknown, unknown>>()
  #carrying = false
  /**
   * Requests and leases that have no response, no connection and no failure yet: they may be
   * between two connections.
   */
  inFlight = 0
  /** Whether it is shut down and nothing is let finish any longer. */
  ended = false

  constructor(
    settings: PoolSettings,
    transport: Transport.Service,
    loop: Transport.EventLoop,
    timers: TimerQueue,
    runtime: Runtime.Runtime<never>,
    random: () => number,
    redactedNames: Effect.Effect<ReadonlyArray<string | RegExp>>
  ) {
    this.settings = settings
    this.timers = timers
    this.loop = loop
    this.#runtime = runtime
    this.events = new EventHub(runtime, settings.onEvent)
    this.state = new PoolState(settings.places, random, (group, waiter) => new PooledConnection(group, waiter, this))
    this.openings = new Openings(this)
    this.unread = new Unread(this, runtime)
    const policy: ExchangePolicy = {
      drainBytes: settings.drainBytes,
      drainMillis: settings.drainMillis,
      unreadMillis: settings.unreadMillis,
      onUnread: (exchange) => this.unread.givenUp(exchange, settings.unreadMillis, "Time"),
      onEnd: (exchange, error) => this.#ended(exchange, error)
    }
    this.#shared = {
      transport,
      loop,
      timers,
      runtime,
      timeouts: settings.timeouts,
      limits: settings.limits,
      leniency: settings.leniency,
      blockSize: settings.blockSize,
      autoOpen: false,
      wireTap: settings.wireTap,
      redactedNames,
      events: this.events,
      policy
    }
  }

  // --- giving out

  /** The place of a request that begins now. */
  place(): Place {
    return new Place(this.state.drawOrder())
  }

  /**
   * The newest idle connection. It may be used only when it has been polled since (see `reuse.ts`).
   */
  acquireIdle(key: string, now: number): PooledConnection | undefined {
    let pooled = this.state.acquire(key, now)
    // One that is just being closed, of which the pool has not heard yet: an event's listener may
    // ask for a connection meanwhile.
    while (pooled?.handle.connection?.open === false) pooled = this.state.acquire(key, now)
    this.runCommands()
    if (pooled?.handle.connection !== undefined) pooled.handle.connection.wasParked = true
    return pooled
  }

  /** Takes back a connection that was taken and not used. */
  giveBack(pooled: PooledConnection): void {
    pooled.handle.connection?.free()
    this.state.giveBack(pooled, this.timers.now())
    this.runCommands()
    this.expireAt(pooled)
  }

  /** Queues a request. False if too many wait. */
  enqueue(key: string, origin: Origin.Origin, waiter: Waiter): boolean {
    const queued = this.state.enqueue(waiter, key, () => destination(origin, this.#shared), this.timers.now())
    if (queued && waiter.group?.outage !== undefined) this.openings.look()
    this.runCommands()
    return queued
  }

  /**
   * A request does not want to wait any longer. Gives the opening whose end is to be waited for.
   */
  cancel(waiter: Waiter): Effect.Effect<void> {
    const { granted } = waiter
    const abandoned = this.state.cancel(waiter, this.timers.now())
    this.runCommands()
    if (granted !== undefined) this.expireAt(granted)
    const opening = abandoned?.opening
    return opening === undefined ? Effect.void : Effect.asVoid(awaitFiber(this.loop, opening))
  }

  /**
   * A connection is about to be used. One that was given out may have died, or its request gone,
   * before that.
   */
  markAcquired({ group, handle, served }: PooledConnection): void {
    const reused = served > 1
    this.counts.requests++
    if (reused) this.counts.reused++
    const { connection } = handle
    if (this.events.active && connection !== undefined) {
      this.events.emit({ _tag: "Acquire", connection: connection.id, origin: group.origin.name, reused })
    }
  }

  // --- what happens to connections

  onIdle(pooled: PooledConnection): void {
    const { handle } = pooled
    const head = handle.exchange?.head
    // What is unread of it, and what the caller gave, must not live as long as the connection.
    handle.exchange = undefined
    // Its exchange has just read the clock.
    this.release(pooled, head, handle.connection?.idleSince)
  }

  /** A connection is free again. `now` is the time. */
  release(pooled: PooledConnection, head: ResponseHead | undefined, now = this.timers.now()): void {
    const { group, handle: { connection } } = pooled
    if (this.events.active && connection !== undefined) {
      this.events.emit({ _tag: "Release", connection: connection.id, origin: group.origin.name })
    }
    const hint = head === undefined ? undefined : keepAlive(head.fields, this.settings.keepAliveMargin)
    this.state.release(pooled, now, hint)
    this.runCommands()
    this.expireAt(pooled)
  }

  onClosed(pooled: PooledConnection): void {
    const { handle, lease, status } = pooled
    this.counts.closed++
    this.#keepSender((lease ?? handle).exchange)
    handle.exchange = undefined
    // One that closes before it is given out has failed to open; `#opened` tells that.
    if (status === "connecting") return
    this.state.gone(pooled)
    this.runCommands()
  }

  /**
   * The finalizers of a body that was being sent may run for longer than its connection is there,
   * and its request.
   */
  #keepSender(exchange: ConnectionHandle["exchange"]): void {
    if (exchange === undefined || exchange.writerDone === Effect.void) return
    const fiber = Runtime.runFork(this.#runtime)(exchange.writerDone, { immediate: true })
    this.#senders.add(fiber)
    fiber.addObserver(() => this.#senders.delete(fiber))
  }

  expireAt({ idleUntil, status }: PooledConnection): void {
    if (status !== "idle" || idleUntil >= this.#sweep.at) return
    this.timers.start(this.#sweep, Math.max(0, idleUntil - this.timers.now()))
  }

  #expire(): void {
    const now = this.timers.now()
    const next = this.state.expire(now)
    this.runCommands()
    // Later than needed does no harm: whatever is too old is not given out anyway.
    this.timers.start(this.#sweep, next === Infinity ? Infinity : Math.max(sweepInterval, next - now))
  }

  #ended(exchange: ExchangeView, error: HttpError | undefined): void {
    if (!this.events.active) return
    const { connection, origin, settings: { timers }, startedAt, terms } = exchange
    this.events.emit({
      _tag: "RequestEnd",
      connection: connection.id,
      origin: Origin.format(origin),
      method: terms.method,
      status: exchange.head?.status,
      error,
      millis: timers.now() - startedAt
    })
  }

  emit(event: Parameters<EventHub["emit"]>[0]): void {
    if (this.events.active) this.events.emit(event)
  }

  // --- carrying out

  /**
   * Carries out what was decided. What that brings about is decided meanwhile, and carried out
   * after it.
   */
  runCommands(): void {
    const { state } = this
    if (this.#carrying) return
    if (state.commands.length > 0) {
      this.#carrying = true
      do {
        const { commands } = state
        state.commands = []
        for (const command of commands) this.#carry(command)
      } while (state.commands.length > 0)
      this.#carrying = false
    }
    this.unread.look()
    if (!this.isEmpty) return
    // A pool that holds nothing has no timer.
    this.openings.look()
    this.timers.cancel(this.#sweep)
    this.timers.rest()
    this.#tellQuiet()
  }

  /** What `underWay` counts has come to its end. */
  requestFinished(): void {
    this.inFlight--
    this.#tellQuiet()
  }

  #tellQuiet(): void {
    if (this.#quieted.size > 0 && this.isQuiet) { for (const callback of this.#quieted) callback() }
  }

  #carry(command: Command): void {
    switch (command._tag) {
      case "Open":
        return this.openings.open(command.slot, command.waiter)
      case "Give": {
        const { slot, waiter } = command
        return waiter.granted === slot ? waiter.give(slot) : undefined
      }
      case "Adopt": {
        const { waiter } = command
        // The limits of the opening are another request's. Where they are higher, that of waiting
        // stands in for them.
        return waiter.limit(waiter.attempt?.outlasts(waiter.timeouts) ?? true)
      }
      case "Orphan":
      case "Postpone":
        return command.waiter.limit(true)
      case "Fail":
        return this.openings.fail(command.waiter)
      case "Refuse":
        return command.waiter.fail(this.closedError(command.waiter.group?.origin.name))
      case "Close":
        return this.#close(command.slot, command.reason)
      case "Reclaim":
        return this.unread.take(command.slot)
      case "Abort":
        command.slot.opening?.unsafeInterruptAsFork(FiberId.none)
    }
  }

  closedError(origin: string | undefined): PoolClosed {
    // Whose request it is, is added where it fails.
    const error = new PoolClosed()
    return withContext(error, { ...error.context, origin })
  }

  #close({ handle, lease }: PooledConnection, reason: CloseReason): void {
    ;(lease ?? handle).exchange?.abandon("the pool was shut down", reason)
    handle.connection?.close(reason)
  }

  // --- ending

  /** Whether no connection is open or being opened, and nobody waits. */
  get isEmpty(): boolean {
    return this.state.open === 0 && this.state.waiting === 0
  }

  /** Whether it is empty, and no request is about to change that. */
  get isQuiet(): boolean {
    return this.isEmpty && this.inFlight === 0
  }

  /** Calls back, perhaps more than once, when it is quiet. Returns how to forget it. */
  whenQuiet(callback: () => void): () => void {
    this.#quieted.add(callback)
    if (this.isQuiet) callback()
    return () => this.#quieted.delete(callback)
  }

  /**
   * What is still to end when all is closed: openings that were given up, and the finalizers of
   * bodies that were being sent.
   */
  get endings(): Effect.Effect<void> {
    return Effect.suspend(() =>
      Effect.forEach([...this.#senders, ...this.openings.fibers], (fiber) => awaitFiber(this.loop, fiber), {
        discard: true
      })
    )
  }
}
