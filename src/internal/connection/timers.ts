/**
 * Timeouts without a fiber each: deadlines are numbers in a list, and one timer sleeps until the
 * earliest.
 *
 * `Effect.timeout` costs 56 runtime operations and two fibers, setting a deadline here costs a few
 * writes and at most an earlier wake-up. All time is Effect's `Clock`, captured when the queue is
 * made, so `TestClock` drives it. In real time a deadline that is due expires only after the
 * sockets have been polled once more, because what arrived in time wins; and only deadlines that a
 * caller waits for keep the process alive. The timer ends when nothing is set, so an idle
 * connection has none.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import type { AsyncContext, EventLoop } from "../../Transport.ts"
import { isLive } from "../effect/polled.ts"

/**
 * Called when a deadline has run out. An interface and no callback, because that would be a closure
 * for each deadline.
 */
export interface TimerOwner {
  onTimeout(timer: Timer): void
}

/** One timeout that can be set again and again. */
export class Timer {
  /** When it runs out, in the queue's milliseconds; `Infinity` while it is not set. */
  at = Infinity
  readonly owner: TimerOwner
  /**
   * True if a caller waits for what it limits, so that the process must not end before. Changed by
   * `setAwaited`.
   */
  awaited: boolean
  /** Its neighbours while it is set. */
  previous: Timer | undefined = undefined
  next: Timer | undefined = undefined

  constructor(owner: TimerOwner, awaited = true) {
    this.owner = owner
    this.awaited = awaited
  }
}

// As they are on import, together: a timer that was set by one of them must not be cleared by a
// replacement of the other.
const { clearTimeout, performance, setTimeout } = globalThis

/**
 * The longest time that Node's timers can wait, in milliseconds; they take a longer one for none.
 */
const longestTimer = 2 ** 31 - 1

/** What wakes the queue at the earliest deadline. */
interface Sleeper {
  /** Says whether a caller waits for the wake-up. */
  hold(awaited: boolean): void
  cancel(): void
}

export class TimerQueue {
  readonly #clock: Clock.Clock
  readonly #live: boolean
  readonly #runtime: Runtime.Runtime<never>
  readonly #loop: EventLoop
  /**
   * That in which the queue was made: a timer keeps the context in which it is set, and may live
   * for longer than its request.
   */
  readonly #context: AsyncContext
  /**
   * Those that are set, in no order. A list and no `Set`: what a `Set` has dropped its old tables
   * still hold, and each points to the next one, so that one old table keeps all exchanges after it
   * from being collected young.
   */
  #first: Timer | undefined
  #size = 0
  /** How many callers hold the queue, and how many of these and of the deadlines are waited for. */
  #holds = 0
  #awaited = 0
  #sleeper: Sleeper | undefined
  #wakeAt = Infinity
  #over = false

  constructor(clock: Clock.Clock, runtime: Runtime.Runtime<never>, loop: EventLoop) {
    this.#clock = clock
    this.#live = isLive(clock)
    this.#runtime = runtime
    this.#loop = loop
    this.#context = loop.captureContext()
  }

  /**
   * Milliseconds with fractions, only good for differences. From monotonic time, so that setting
   * the system's time fires nothing: that of the clock or, because the live one tells it by a
   * BigInt that costs several times as much, from where it has it.
   */
  now(): number {
    return this.#live ? performance.now() : Number(this.#clock.unsafeCurrentTimeNanos()) / 1e6
  }

  /** How many deadlines are set. */
  get size(): number {
    return this.#size
  }

  /**
   * Sets a deadline in place of what it was before, counted from `now`. `Infinity` clears it. After
   * `shutdown` nothing is set.
   */
  start(timer: Timer, millis: number, now = this.now()): void {
    if (millis === Infinity || this.#over) return this.cancel(timer)
    const at = now + millis
    if (timer.at === Infinity) this.#add(timer)
    timer.at = at
    if (at < this.#wakeAt) this.#sleepUntil(at)
  }

  cancel(timer: Timer): void {
    if (timer.at === Infinity) return
    timer.at = Infinity
    const { next, previous } = timer
    if (previous === undefined) this.#first = next
    else previous.next = next
    if (next !== undefined) next.previous = previous
    timer.previous = undefined
    timer.next = undefined
    this.#size--
    if (timer.awaited) this.#unkeep()
  }

  /** Says whether a caller waits for what a deadline limits. */
  setAwaited(timer: Timer, awaited: boolean): void {
    if (timer.awaited === awaited) return
    timer.awaited = awaited
    if (timer.at === Infinity) return
    if (awaited) this.#keep()
    else this.#unkeep()
  }

  /**
   * Keeps the process alive until `release`, for a caller that waits for something that no socket
   * and no deadline may stand for.
   */
  hold(): void {
    if (this.#over) return
    this.#holds++
    this.#keep()
    if (this.#live && this.#sleeper === undefined) this.#sleepUntil(Infinity)
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

  /**
   * Ends the sleeper where it would wake for nothing: a connection that is closed keeps no timer.
   */
  rest(): void {
    if (this.#size === 0 && this.#holds === 0) this.#interruptSleeper()
  }

  /**
   * Ends the sleeper; what is set never runs out. A response that is read later must not start
   * another one.
   */
  shutdown(): void {
    this.#over = true
    while (this.#first !== undefined) this.cancel(this.#first)
    this.#interruptSleeper()
  }

  #add(timer: Timer): void {
    const first = this.#first
    timer.next = first
    if (first !== undefined) first.previous = timer
    this.#first = timer
    this.#size++
    if (timer.awaited) this.#keep()
  }

  #interruptSleeper(): void {
    this.#sleeper?.cancel()
    this.#sleeper = undefined
    this.#wakeAt = Infinity
  }

  #sleepUntil(at: number): void {
    this.#interruptSleeper()
    this.#wakeAt = at
    const millis = Math.max(0, at - this.now())
    this.#sleeper = this.#live ? this.#startTimer(millis) : this.#forkSleep(millis)
  }

  #startTimer(millis: number): Sleeper {
    const timer = this.#context.run(() => setTimeout(() => this.#wake(), Math.min(Math.ceil(millis), longestTimer)))
    if (this.#awaited === 0) timer.unref()
    return {
      hold: (awaited) => void (awaited ? timer.ref() : timer.unref()),
      cancel: () => clearTimeout(timer)
    }
  }

  #forkSleep(millis: number): Sleeper {
    // Rounded up as Node's timers are: a `Duration` is cut to nanoseconds, and what wakes too soon
    // sleeps for the rest, which is nothing, without end. The runtime may have been captured in an
    // uninterruptible region; the sleep must end all the same, or it outlives the queue.
    const sleep = Effect.interruptible(this.#clock.sleep(Duration.millis(Math.ceil(millis))))
    // What is due at once must not expire within the call that sets it, before there is a sleeper
    // that could be ended.
    const options = { immediate: millis >= 1 }
    const waking = Effect.andThen(sleep, () => this.#wake())
    const fiber: Fiber.RuntimeFiber<void> = Runtime.runFork(this.#runtime)(waking, options)
    return { hold: () => {}, cancel: () => fiber.unsafeInterruptAsFork(FiberId.none) }
  }

  #wake(): void {
    this.#sleeper = undefined
    this.#wakeAt = Infinity
    const now = this.now()
    const due: Array<Timer> = []
    let earliest = Infinity
    for (let timer = this.#first; timer !== undefined; timer = timer.next) {
      if (timer.at <= now) due.push(timer)
      else if (timer.at < earliest) earliest = timer.at
    }
    if (earliest !== Infinity || (this.#live && this.#holds > 0)) this.#sleepUntil(earliest)
    // The earliest first, of two the one that was set first: the list has the last one first.
    due.reverse().sort((a, b) => a.at - b.at)
    for (const timer of due) {
      if (this.#live) this.#loop.afterPoll(() => this.#context.run(() => this.#expire(timer, now)))
      else this.#expire(timer, now)
    }
  }

  /** Ends a deadline that was due at `now`, unless it was cleared or set again since. */
  #expire(timer: Timer, now: number): void {
    if (timer.at > now) return
    this.cancel(timer)
    timer.owner.onTimeout(timer)
  }
}

/** A queue that ends with the scope. */
export const makeTimerQueue = (loop: EventLoop): Effect.Effect<TimerQueue, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.flatMap(
      Effect.clock,
      (clock) => Effect.map(Effect.runtime<never>(), (runtime) => new TimerQueue(clock, runtime, loop))
    ),
    (timers) => Effect.sync(() => timers.shutdown())
  )
