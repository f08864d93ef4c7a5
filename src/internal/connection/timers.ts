/**
 * Timeouts without a fiber each: timers are numbers in a list, and one timer of the host sleeps
 * until the earliest.
 *
 * `Effect.timeout` costs 56 runtime operations and two fibers. Starting a timer here costs a few
 * writes and at most an earlier wake-up. In real time a due timer fires only after the sockets have
 * been polled once more, because bytes that arrived in time take precedence. Only timers that a
 * caller waits for keep the process alive. The host's timer ends when no timer is set, so an idle
 * connection has none.
 */
import type { AsyncContext } from "../../Transport.ts"
import type { Host, HostTimer } from "../model/ports.ts"

/**
 * One timeout that can be started again and again. An interface, so that an object that is made for
 * each request can be its own timer.
 */
export interface Timed {
  /** When it fires, in the queue's milliseconds; `Infinity` while it is not set. */
  at: number
  /**
   * True if a caller waits for the limited step, so that the process must not exit first. Changed
   * by `setAwaited`.
   */
  awaited: boolean
  /** Its neighbours while it is set. */
  previousTimed: Timed | undefined
  nextTimed: Timed | undefined
  onTimeout(): void
}

/**
 * Called when a timer fires. An interface rather than a callback, to avoid allocating a closure per
 * timer.
 */
export interface TimerOwner {
  onTimeout(timer: Timer): void
}

/** A timer that is a separate object. */
export class Timer implements Timed {
  at = Infinity
  readonly owner: TimerOwner
  awaited: boolean
  previousTimed: Timed | undefined = undefined
  nextTimed: Timed | undefined = undefined

  constructor(owner: TimerOwner, awaited = true) {
    this.owner = owner
    this.awaited = awaited
  }

  onTimeout(): void {
    this.owner.onTimeout(this)
  }
}

export class TimerQueue {
  readonly #host: Host
  /** The context in which the queue was made, because a timer belongs to no single request. */
  readonly #context: AsyncContext
  /**
   * The timers that are set, in no order. They are a list and not a `Set`, because the old tables
   * of a `Set` still hold removed values. Each old table points to the next one, so one of them
   * keeps all exchanges after it from being collected young.
   */
  #first: Timed | undefined
  #size = 0
  /** The number of callers that hold the queue, and of callers and timers that are waited for. */
  #holds = 0
  #awaited = 0
  #sleeper: HostTimer | undefined
  #wakeAt = Infinity
  #over = false

  constructor(host: Host) {
    this.#host = host
    this.#context = host.loop.captureContext()
  }

  /** Milliseconds with fractions, only meaningful as differences; see `Host.now`. */
  now(): number {
    return this.#host.now()
  }

  /** The number of timers that are set. */
  get size(): number {
    return this.#size
  }

  /**
   * Starts a timer, counted from `now`; replaces its earlier time. `Infinity` cancels it. After
   * `shutdown` nothing is set.
   */
  start(timer: Timed, millis: number, now = this.now()): void {
    if (millis === Infinity || this.#over) return this.cancel(timer)
    const at = now + millis
    if (timer.at === Infinity) this.#add(timer)
    timer.at = at
    if (at < this.#wakeAt) this.#sleepUntil(at)
  }

  cancel(timer: Timed): void {
    if (timer.at === Infinity) return
    timer.at = Infinity
    const { nextTimed, previousTimed } = timer
    if (previousTimed === undefined) this.#first = nextTimed
    else previousTimed.nextTimed = nextTimed
    if (nextTimed !== undefined) nextTimed.previousTimed = previousTimed
    timer.previousTimed = undefined
    timer.nextTimed = undefined
    this.#size--
    if (timer.awaited) this.#unkeep()
  }

  /** Sets whether a caller waits for the step that a timer limits. */
  setAwaited(timer: Timed, awaited: boolean): void {
    if (timer.awaited === awaited) return
    timer.awaited = awaited
    if (timer.at === Infinity) return
    if (awaited) this.#keep()
    else this.#unkeep()
  }

  /**
   * Keeps the process alive until `release`, for a caller that waits for something that neither a
   * socket nor a timer keeps alive.
   */
  hold(): void {
    if (this.#over) return
    this.#holds++
    this.#keep()
    if (this.#host.isLive && this.#sleeper === undefined) this.#sleepUntil(Infinity)
  }

  release(): void {
    if (this.#over) return
    this.#holds--
    this.#unkeep()
    this.rest()
  }

  #keep(): void {
    if (++this.#awaited === 1) this.#sleeper?.hold(true)
  }

  #unkeep(): void {
    if (--this.#awaited === 0) this.#sleeper?.hold(false)
  }

  /** Ends the sleeper if it would wake for nothing, because a closed connection keeps no timer. */
  rest(): void {
    if (this.#size === 0 && this.#holds === 0) this.#cancelSleeper()
  }

  /**
   * Ends the sleeper; the timers that are set never fire. A response that is read later must not
   * start another one.
   */
  shutdown(): void {
    this.#over = true
    while (this.#first !== undefined) this.cancel(this.#first)
    this.#cancelSleeper()
  }

  #add(timer: Timed): void {
    const first = this.#first
    timer.nextTimed = first
    if (first !== undefined) first.previousTimed = timer
    this.#first = timer
    this.#size++
    if (timer.awaited) this.#keep()
  }

  #cancelSleeper(): void {
    this.#sleeper?.cancel()
    this.#sleeper = undefined
    this.#wakeAt = Infinity
  }

  #sleepUntil(at: number): void {
    this.#cancelSleeper()
    this.#wakeAt = at
    this.#sleeper = this.#host.startTimer(Math.max(0, at - this.now()), this.#awaited > 0, () => this.#wake())
  }

  #wake(): void {
    this.#sleeper = undefined
    this.#wakeAt = Infinity
    const now = this.now()
    const { isLive, loop } = this.#host
    const due: Array<Timed> = []
    let earliest = Infinity
    for (let timer = this.#first; timer !== undefined; timer = timer.nextTimed) {
      if (timer.at <= now) due.push(timer)
      else if (timer.at < earliest) earliest = timer.at
    }
    if (earliest !== Infinity || (isLive && this.#holds > 0)) this.#sleepUntil(earliest)
    // The earliest first; of two with the same time, the one that was set first. The list has the
    // last one first.
    due.reverse().sort((a, b) => a.at - b.at)
    for (const timer of due) {
      if (isLive) loop.afterPoll(() => this.#context.run(() => this.#fire(timer, now)))
      else this.#fire(timer, now)
    }
  }

  /** Fires a timer that was due at `now`, unless it was cancelled or started again since. */
  #fire(timer: Timed, now: number): void {
    if (timer.at > now) return
    this.cancel(timer)
    timer.onTimeout()
  }
}
