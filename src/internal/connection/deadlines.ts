/**
 * Timeouts without a fiber each: deadlines are numbers in a set, and one fiber sleeps until the earliest.
 *
 * `Effect.timeout` costs 56 runtime operations and two fibers, setting a deadline here costs a write and at most an earlier
 * wake-up. All time is Effect's `Clock`, captured when the queue is made, so `TestClock` drives it. The sleeper ends when
 * nothing is set, so an idle connection has no timer.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"

/** One timeout that can be set again and again. */
export interface Deadline {
  /** When it runs out, in the queue's milliseconds; `Infinity` while it is not set. */
  at: number
  readonly expired: () => void
}

export class Deadlines {
  readonly #clock: Clock.Clock
  readonly #runtime: Runtime.Runtime<never>
  readonly #set = new Set<Deadline>()
  #sleeper: Fiber.RuntimeFiber<void> | undefined
  #wakeAt = Infinity
  #over = false

  constructor(clock: Clock.Clock, runtime: Runtime.Runtime<never>) {
    this.#clock = clock
    this.#runtime = runtime
  }

  /** Milliseconds with fractions. From the monotonic time of the clock, so that setting the system's time fires nothing. */
  now(): number {
    return Number(this.#clock.unsafeCurrentTimeNanos()) / 1e6
  }

  /** How many deadlines are set. */
  get size(): number {
    return this.#set.size
  }

  /** Sets a deadline in place of what it was before. `Infinity` clears it. After `shutdown` nothing is set. */
  arm(deadline: Deadline, millis: number): void {
    if (millis === Infinity || this.#over) return this.disarm(deadline)
    deadline.at = this.now() + millis
    this.#set.add(deadline)
    if (deadline.at < this.#wakeAt) this.#sleepUntil(deadline.at)
  }

  disarm(deadline: Deadline): void {
    if (deadline.at === Infinity) return
    deadline.at = Infinity
    this.#set.delete(deadline)
  }

  /** Ends the sleeper where it would wake for nothing: a connection that is closed keeps no timer. */
  rest(): void {
    if (this.#set.size === 0) this.#interruptSleeper()
  }

  /** Ends the sleeper; what is set never runs out. A response that is read later must not start another one. */
  shutdown(): void {
    this.#over = true
    this.#set.clear()
    this.#interruptSleeper()
  }

  #interruptSleeper(): void {
    this.#sleeper?.unsafeInterruptAsFork(FiberId.none)
    this.#sleeper = undefined
    this.#wakeAt = Infinity
  }

  #sleepUntil(at: number): void {
    this.#interruptSleeper()
    this.#wakeAt = at
    // The runtime may have been captured where nothing can be interrupted; the sleeper must be, or its timer outlives the queue.
    const sleep = Effect.interruptible(this.#clock.sleep(Duration.millis(Math.max(0, at - this.now()))))
    this.#sleeper = Runtime.runFork(this.#runtime)(Effect.andThen(sleep, () => this.#wake()))
  }

  #wake(): void {
    this.#sleeper = undefined
    this.#wakeAt = Infinity
    const now = this.now()
    const expired: Array<Deadline> = []
    let earliest = Infinity
    for (const deadline of this.#set) {
      if (deadline.at <= now) expired.push(deadline)
      else if (deadline.at < earliest) earliest = deadline.at
    }
    if (earliest !== Infinity) this.#sleepUntil(earliest)
    for (const deadline of expired) {
      // One that an earlier one cleared, or set anew, is not due.
      if (deadline.at > now) continue
      this.disarm(deadline)
      deadline.expired()
    }
  }
}

/** A queue that ends with the scope. */
export const makeDeadlines: Effect.Effect<Deadlines, never, Scope.Scope> = Effect.acquireRelease(
  Effect.flatMap(
    Effect.clock,
    (clock) => Effect.map(Effect.runtime<never>(), (runtime) => new Deadlines(clock, runtime))
  ),
  (deadlines) => Effect.sync(() => deadlines.shutdown())
)
