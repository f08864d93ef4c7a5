/**
 * Timeouts without a fiber each: deadlines are numbers in a list, and one fiber sleeps until the earliest.
 *
 * `Effect.timeout` costs 56 runtime operations and two fibers, setting a deadline here costs a few writes and at most an earlier
 * wake-up. All time is Effect's `Clock`, captured when the queue is made, so `TestClock` drives it. The sleeper ends when
 * nothing is set, so an idle connection has no timer.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"

/** Who is told that a deadline has run out. An object and no function, because a function for each deadline would be one more to make. */
export interface Expiring {
  expire(deadline: Deadline): void
}

/** One timeout that can be set again and again. */
export class Deadline {
  /** When it runs out, in the queue's milliseconds; `Infinity` while it is not set. */
  at = Infinity
  readonly owner: Expiring
  /** Its neighbours while it is set. */
  previous: Deadline | undefined = undefined
  next: Deadline | undefined = undefined

  constructor(owner: Expiring) {
    this.owner = owner
  }
}

/** The clock that a program has unless it is given another one. */
const live = Context.get(DefaultServices.liveServices, Clock.Clock)

const { performance } = globalThis

export class Deadlines {
  readonly #clock: Clock.Clock
  readonly #runtime: Runtime.Runtime<never>
  /**
   * Those that are set, in no order. A list and no `Set`: what a `Set` has dropped its old tables still hold, and each points to the next
   * one, so that one old table keeps all exchanges after it from being collected young.
   */
  #first: Deadline | undefined
  #size = 0
  #sleeper: Fiber.RuntimeFiber<void> | undefined
  #wakeAt = Infinity
  #over = false

  constructor(clock: Clock.Clock, runtime: Runtime.Runtime<never>) {
    this.#clock = clock
    this.#runtime = runtime
  }

  /**
   * Milliseconds with fractions, only good for differences. From monotonic time, so that setting the system's time fires nothing: that of
   * the clock or, because the live one tells it by a BigInt that costs several times as much, from where it has it.
   */
  now(): number {
    return this.#clock === live ? performance.now() : Number(this.#clock.unsafeCurrentTimeNanos()) / 1e6
  }

  /** How many deadlines are set. */
  get size(): number {
    return this.#size
  }

  /** Sets a deadline in place of what it was before, counted from `now`. `Infinity` clears it. After `shutdown` nothing is set. */
  arm(deadline: Deadline, millis: number, now = this.now()): void {
    if (millis === Infinity || this.#over) return this.disarm(deadline)
    const at = now + millis
    if (deadline.at === Infinity) this.#add(deadline)
    deadline.at = at
    if (at < this.#wakeAt) this.#sleepUntil(at)
  }

  disarm(deadline: Deadline): void {
    if (deadline.at === Infinity) return
    deadline.at = Infinity
    const { next, previous } = deadline
    if (previous === undefined) this.#first = next
    else previous.next = next
    if (next !== undefined) next.previous = previous
    deadline.previous = undefined
    deadline.next = undefined
    this.#size--
  }

  /** Ends the sleeper where it would wake for nothing: a connection that is closed keeps no timer. */
  rest(): void {
    if (this.#size === 0) this.#interruptSleeper()
  }

  /** Ends the sleeper; what is set never runs out. A response that is read later must not start another one. */
  shutdown(): void {
    this.#over = true
    while (this.#first !== undefined) this.disarm(this.#first)
    this.#interruptSleeper()
  }

  #add(deadline: Deadline): void {
    const first = this.#first
    deadline.next = first
    if (first !== undefined) first.previous = deadline
    this.#first = deadline
    this.#size++
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
    for (let deadline = this.#first; deadline !== undefined; deadline = deadline.next) {
      if (deadline.at <= now) expired.push(deadline)
      else if (deadline.at < earliest) earliest = deadline.at
    }
    if (earliest !== Infinity) this.#sleepUntil(earliest)
    // The earliest first, of two the one that was set first: the list has the last one first.
    expired.reverse().sort((a, b) => a.at - b.at)
    for (const deadline of expired) {
      // One that an earlier one cleared, or set anew, is not due.
      if (deadline.at > now) continue
      this.disarm(deadline)
      deadline.owner.expire(deadline)
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
