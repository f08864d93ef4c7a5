/**
 * Executes the commands of the policy, and reports events to it. It opens connections on behalf of
 * the requests that they are for, closes them, and hands them to waiters. Synchronous; the requests
 * are in `checkout.ts` and `call.ts`, the Effects over them in `effect/`.
 */
import type { CloseReason } from "../../ConnectionEvent.ts"
import type { HttpError } from "../../HttpError.ts"
import type * as Origin from "../../Origin.ts"
import type * as Transport from "../../Transport.ts"
import type { Pending } from "../connection/acquisition.ts"
import type { ExchangePolicy, ExchangeView } from "../connection/errorContext.ts"
import { EventHub } from "../connection/events.ts"
import type { Opening } from "../connection/open.ts"
import type { prepare } from "../connection/prepare.ts"
import type { TimerQueue } from "../connection/timers.ts"
import { Timer } from "../connection/timers.ts"
import { format } from "../model/origin.ts"
import type { Caller, Host } from "../model/ports.ts"
import type { ResponseHead } from "../protocol/head.ts"
import { BodyRuns } from "./bodyRuns.ts"
import { closedError } from "./closedError.ts"
import { Follow } from "./follow.ts"
import { Greetings } from "./greetings.ts"
import { keepAlive } from "./keepAlive.ts"
import { LegacyServers } from "./legacyServers.ts"
import { Openings } from "./openings.ts"
import { PoolState } from "./policy.ts"
import type { Command, Keeper, Waiter } from "./pooledConnection.ts"
import { PooledConnection } from "./pooledConnection.ts"
import type { PoolPorts } from "./ports.ts"
import type { Destination } from "./route.ts"
import { destination } from "./route.ts"
import type { PoolSettings } from "./settings.ts"
import { Spread } from "./spread.ts"
import { Unread } from "./unread.ts"

/** The least time between two searches for connections to close, in milliseconds. */
const sweepInterval = 100

/**
 * How long a connection of a reserve may be in use before another one replaces it, in milliseconds.
 * Opening one takes longer than sending a request, and most requests are done by then.
 */
const refillMillis = 10

export class Pool implements Keeper {
  readonly settings: PoolSettings
  /**
   * The settings with which a request is prepared. One object, because a copy for each request took
   * a tenth of its time.
   */
  readonly requestSettings: Parameters<typeof prepare>[0]
  readonly host: Host
  readonly loop: Transport.EventLoop
  readonly timers: TimerQueue
  readonly background: Caller
  readonly events: EventHub
  readonly state: PoolState<Destination, PooledConnection, Waiter>
  readonly counts = { opened: 0, closed: 0, requests: 0, reused: 0, retried: 0, reclaimed: 0 }
  readonly openings: Openings
  readonly legacyServers = new LegacyServers()
  readonly unread: Unread
  readonly spread: Spread
  readonly follow: Follow | undefined
  readonly #greetings: Greetings | undefined
  readonly #shared: Parameters<typeof destination>[1]
  readonly #sweep = new Timer({ onTimeout: () => this.#expire() }, false)
  readonly #refill = new Timer({ onTimeout: () => this.runCommands() }, false)
  readonly #quieted = new Set<() => void>()
  readonly #runs = new BodyRuns()
  #running = false
  /**
   * The number of requests and leases that have no response, no connection and no failure yet. They
   * may be between two connections.
   */
  inFlight = 0
  /** True once the pool is shut down and no request may finish any longer. */
  ended = false

  constructor(
    settings: PoolSettings,
    { addresses, background, dialer, host, lookUp, timers }: PoolPorts,
    random: () => number
  ) {
    this.settings = settings
    const { leniency, limits, timeouts } = settings
    this.requestSettings = { addresses, host, leniency, limits, timeouts }
    this.host = host
    this.loop = host.loop
    this.timers = timers
    this.background = background
    this.events = new EventHub(host, settings.onEvent)
    this.state = new PoolState(settings.places, random, (group, waiter) => new PooledConnection(group, waiter, this))
    this.openings = new Openings(this)
    this.unread = new Unread(this)
    this.spread = new Spread(timers, random)
    this.follow = settings.drainsGone ? new Follow(this, lookUp) : undefined
    this.#greetings = settings.warm.some(({ greeting }) => greeting !== undefined) ? new Greetings(this) : undefined
    const policy: ExchangePolicy = {
      drainBytes: settings.drainBytes,
      drainMillis: settings.drainMillis,
      unreadMillis: settings.unreadMillis,
      onUnread: (exchange) => this.unread.reportReclaimed(exchange, settings.unreadMillis, "Time"),
      onEnd: (exchange, error) => this.#ended(exchange, error)
    }
    this.#shared = {
      host,
      dialer,
      addresses,
      loop: host.loop,
      timers,
      timeouts: settings.timeouts,
      limits: settings.limits,
      leniency: settings.leniency,
      blockSize: settings.blockSize,
      autoOpen: false,
      wireTap: settings.wireTap,
      events: this.events,
      policy
    }
  }

  /** Starts to open the connections that must exist before any request. */
  warm(): void {
    const { warm } = this.settings
    if (warm.length === 0) return
    for (const { greeting, key, minIdle, origin } of warm) {
      this.state.reserve(key, destination(origin, this.#shared), minIdle, greeting !== undefined)
    }
    this.runCommands()
  }

  // --- acquiring

  /**
   * Returns the idle connection that must be used next. It may be used only after a poll; see
   * `Connection.reserve`.
   */
  acquireIdle(key: string, now: number): PooledConnection | undefined {
    let pooled = this.state.acquire(key, now)
    // A listener of an event may ask for a connection while one is being closed of which the pool
    // has not been notified yet.
    while (pooled?.connection?.open === false) pooled = this.state.acquire(key, now)
    // Without one the request is queued next, and a reserve is filled after that.
    this.runCommands(false)
    if (this.state.reserves.size > 0 && this.#refill.at === Infinity) this.timers.start(this.#refill, refillMillis, now)
    if (pooled?.connection !== undefined) pooled.connection.wasParked = true
    return pooled
  }

  /** Returns a connection that was acquired and not used. */
  releaseUnused(pooled: PooledConnection): void {
    pooled.connection?.free()
    this.state.releaseUnused(pooled, this.timers.now())
    this.runCommands()
    this.expireAt(pooled)
  }

  /** Queues a request. Returns false if too many wait. */
  enqueue(key: string, origin: Origin.Origin, waiter: Waiter): boolean {
    const queued = this.state.enqueue(waiter, key, () => destination(origin, this.#shared), this.timers.now())
    if (queued && waiter.group?.outage !== undefined) this.openings.schedule()
    this.runCommands()
    return queued
  }

  /** A request stops waiting. Returns the opening that this aborts, if it has not ended. */
  cancel(waiter: Waiter): Pending | undefined {
    const { granted } = waiter
    const opening = this.state.cancel(waiter, this.timers.now())?.opening
    this.runCommands()
    if (granted !== undefined) this.expireAt(granted)
    return opening === undefined || opening.ended ? undefined : opening
  }

  /** A connection is about to be used. */
  markAcquired({ connection, group, served }: PooledConnection): void {
    const reused = served > 1
    this.counts.requests++
    if (reused) this.counts.reused++
    if (this.events.active && connection !== undefined) {
      this.events.emit({ _tag: "Acquire", connection: connection.id, origin: group.origin.name, reused })
    }
  }

  // --- what happens to connections

  onOpened(pooled: PooledConnection, opening: Opening): void {
    this.openings.ended(pooled, opening)
  }

  orderAddresses(pooled: PooledConnection, answer: Transport.Addresses): ReadonlyArray<string> {
    const order = this.spread.order(pooled, answer)
    this.follow?.answered(pooled.group.key, answer)
    return order
  }

  onAddressFailed(pooled: PooledConnection, address: string): void {
    this.spread.failed(pooled, address)
  }

  onIdle(pooled: PooledConnection): void {
    const head = pooled.exchange?.head
    // Its unread bytes, and the caller's values, must not live as long as the connection.
    pooled.exchange = undefined
    // Its exchange has just read the clock.
    const now = pooled.connection?.idleSince
    if (pooled.status === "greeting") this.#greeted(pooled, head, now)
    else this.release(pooled, head, now)
  }

  /** The request of a warm origin was answered on a new connection. */
  #greeted(pooled: PooledConnection, head: ResponseHead | undefined, now = this.timers.now()): void {
    // From now on it is polled before it is used.
    if (pooled.connection !== undefined) pooled.connection.wasParked = true
    this.state.greeted(pooled, now, keepAlive(head, this.settings.keepAliveMargin))
    this.runCommands()
    this.expireAt(pooled)
  }

  /** A connection is free again. `now` is the time. */
  release(pooled: PooledConnection, head: ResponseHead | undefined, now = this.timers.now()): void {
    const { connection, group } = pooled
    if (this.events.active && connection !== undefined) {
      this.events.emit({ _tag: "Release", connection: connection.id, origin: group.origin.name })
    }
    this.state.release(pooled, now, keepAlive(head, this.settings.keepAliveMargin))
    this.runCommands()
    this.expireAt(pooled)
  }

  onClosed(pooled: PooledConnection, reason: CloseReason): void {
    this.counts.closed++
    this.spread.closed(pooled, reason)
    this.#runs.keep((pooled.lease ?? pooled).exchange)
    if (pooled.status === "greeting") this.#greetings?.closed(pooled, reason)
    pooled.exchange = undefined
    // A connection that closes before it is assigned has failed to open, which `Openings` handles.
    if (pooled.status === "connecting") return
    this.state.gone(pooled)
    this.follow?.closed(pooled)
    this.runCommands()
  }

  expireAt({ idleUntil, status }: PooledConnection): void {
    if (status !== "idle" || idleUntil >= this.#sweep.at) return
    this.timers.start(this.#sweep, Math.max(0, idleUntil - this.timers.now()))
  }

  #expire(): void {
    const now = this.timers.now()
    const next = this.state.expire(now)
    this.runCommands()
    // Later than needed does no harm, because `acquire` skips what is too old.
    this.timers.start(this.#sweep, next === Infinity ? Infinity : Math.max(sweepInterval, next - now))
  }

  #ended(exchange: ExchangeView, error: HttpError | undefined): void {
    if (!this.events.active) return
    const { connection, head, origin, startedAt, terms } = exchange
    this.emitRequestEnd(connection.id, origin, terms.method, head?.status, error, startedAt)
  }

  emitRequestEnd(
    connection: number | undefined,
    origin: Origin.Origin,
    method: string,
    status: number | undefined,
    error: HttpError | undefined,
    startedAt: number
  ): void {
    const millis = this.timers.now() - startedAt
    this.emit({ _tag: "RequestEnd", connection, origin: format(origin), method, status, error, millis })
  }

  emit(event: Parameters<EventHub["emit"]>[0]): void {
    if (this.events.active) this.events.emit(event)
  }

  // --- commands

  /**
   * Executes the commands. Their consequences are decided in the meantime, and executed afterwards.
   * `fills` is false if reserves must not be filled before the caller continues.
   */
  runCommands(fills = true): void {
    const { state } = this
    if (this.#running) return
    const hasReserves = fills && state.reserves.size > 0
    if (hasReserves) state.fill(this.timers.now())
    if (state.commands.length > 0) {
      this.#running = true
      try {
        do {
          const { commands } = state
          state.commands = []
          for (const command of commands) this.#run(command)
          if (hasReserves) state.fill(this.timers.now())
        } while (state.commands.length > 0)
      } finally {
        this.#running = false
      }
    }
    if (hasReserves) this.openings.schedule()
    this.unread.schedule()
    if (!this.isEmpty) return
    // A pool that holds nothing has no timer.
    this.openings.schedule()
    this.follow?.end()
    this.timers.cancel(this.#sweep)
    this.timers.cancel(this.#refill)
    this.timers.rest()
    this.#notifyQuiet()
  }

  /** A request that `inFlight` counts has ended. */
  requestFinished(): void {
    this.inFlight--
    this.#notifyQuiet()
  }

  #notifyQuiet(): void {
    if (this.#quieted.size > 0 && this.isQuiet) { for (const callback of this.#quieted) callback() }
  }

  #run(command: Command): void {
    switch (command._tag) {
      case "Open":
      case "Warm":
        return this.openings.open(command.slot, command.waiter)
      case "Greet":
        return this.#greetings?.send(command.slot)
      case "Give": {
        const { slot, waiter } = command
        return waiter.granted === slot ? waiter.receive(slot) : undefined
      }
      case "Adopt": {
        const { waiter } = command
        // The limits of the opening are those of another request. If they are higher, the limit of
        // the wait replaces them.
        return waiter.limit(waiter.attempt?.outlasts(waiter.timeouts) ?? true)
      }
      case "Orphan":
      case "Postpone":
        return command.waiter.limit(true)
      case "Fail":
        return this.openings.fail(command.waiter)
      case "Refuse":
        return command.waiter.fail(closedError(command.waiter.group?.origin.name))
      case "Close":
        return this.#close(command.slot, command.reason)
      case "Reclaim":
        return this.unread.reclaim(command.slot)
      case "Abort":
        return command.slot.opening?.abort()
    }
  }

  #close(pooled: PooledConnection, reason: CloseReason): void {
    const why = reason === "Shutdown" ? "the pool was shut down" : "the pool closed its connection"
    ;(pooled.lease ?? pooled).exchange?.abandon(why, reason)
    pooled.connection?.close(reason)
  }

  // --- ending

  /** True if no connection is open or being opened, and no request is queued. */
  get isEmpty(): boolean {
    return this.state.open === 0 && this.state.waiting === 0
  }

  /** True if it is empty, and no request is about to change that. */
  get isQuiet(): boolean {
    return this.isEmpty && this.inFlight === 0
  }

  /** Calls back, perhaps more than once, when the pool is quiet. Returns how to cancel. */
  whenQuiet(callback: () => void): () => void {
    this.#quieted.add(callback)
    if (this.isQuiet) callback()
    return () => this.#quieted.delete(callback)
  }

  /**
   * Returns the operations that have not ended when all connections are closed: aborted openings,
   * and sources of bodies.
   */
  get endings(): ReadonlyArray<Pending> {
    return [...this.#runs.running, ...this.openings.running]
  }
}
