/**
 * The host of the core in Effect 3. It has the time and timers of a `Clock`, the event loop of a
 * transport, and the log of a runtime.
 *
 * In real time a timer is one of Node's, which costs no fiber. Under any other clock, such as
 * `TestClock`, it is a fiber that sleeps on that clock.
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import type { AsyncContext, EventLoop } from "../../Transport.ts"
import type { DialHost, Host, HostTimer } from "../model/ports.ts"
import { readDuration } from "./duration.ts"
import { isLive } from "./polled.ts"

// Captured together on import, because a timer of one of them must not be cleared by a replacement
// of the other.
const { clearTimeout, performance, setTimeout } = globalThis

/**
 * The longest time that Node's timers can wait, in milliseconds. A longer one takes several timers.
 */
const longestTimer = 2 ** 31 - 1

/** A timer in real time. */
class LiveTimer implements HostTimer {
  #timer: NodeJS.Timeout
  #awaited: boolean

  constructor(millis: number, awaited: boolean, callback: () => void) {
    this.#awaited = awaited
    this.#timer = this.#start(millis, callback)
  }

  hold(awaited: boolean): void {
    this.#awaited = awaited
    if (awaited) this.#timer.ref()
    else this.#timer.unref()
  }

  cancel(): void {
    clearTimeout(this.#timer)
  }

  #start(millis: number, callback: () => void): NodeJS.Timeout {
    const timer = millis <= longestTimer ? setTimeout(callback, Math.ceil(millis)) : setTimeout(() => {
      this.#timer = this.#start(millis - longestTimer, callback)
    }, longestTimer)
    if (!this.#awaited) timer.unref()
    return timer
  }
}

/** A timer under another clock. Such time does not pass by itself, so it keeps no process alive. */
class ClockTimer implements HostTimer {
  readonly #fiber: Fiber.RuntimeFiber<void>

  constructor(fiber: Fiber.RuntimeFiber<void>) {
    this.#fiber = fiber
  }

  hold(): void {}

  cancel(): void {
    this.#fiber.unsafeInterruptAsFork(FiberId.none)
  }
}

/** The part of the host that a dialer needs. */
export class EffectTimers implements DialHost {
  readonly loop: EventLoop
  readonly isLive: boolean
  /**
   * The async context in which the host was made. A timer would keep the one in which it is set,
   * which may be that of a request that ends long before.
   */
  readonly context: AsyncContext
  readonly #clock: Clock.Clock
  readonly #runtime: Runtime.Runtime<never>

  constructor(clock: Clock.Clock, runtime: Runtime.Runtime<never>, loop: EventLoop) {
    this.loop = loop
    this.isLive = isLive(clock)
    this.#clock = clock
    this.#runtime = runtime
    this.context = loop.captureContext()
  }

  /**
   * The live clock returns monotonic time as a BigInt, which costs several times as much as the
   * number that it is made from.
   */
  now(): number {
    return this.isLive ? performance.now() : Number(this.#clock.unsafeCurrentTimeNanos()) / 1e6
  }

  startTimer(millis: number, awaited: boolean, callback: () => void): HostTimer {
    return this.context.run(() =>
      this.isLive ? new LiveTimer(millis, awaited, callback) : new ClockTimer(this.#forkSleep(millis, callback))
    )
  }

  /** Runs an effect in the runtime of the host. */
  fork<A, E>(effect: Effect.Effect<A, E>, options?: Runtime.RunForkOptions): Fiber.RuntimeFiber<A, E> {
    return Runtime.runFork(this.#runtime)(effect, options)
  }

  #forkSleep(millis: number, callback: () => void): Fiber.RuntimeFiber<void> {
    // Rounded up, as Node's timers are. A `Duration` is cut to nanoseconds, and a timer that is set
    // again for the rest would never end. The runtime may have been captured in an
    // uninterruptible region, but the sleep must be interruptible.
    const sleep = Effect.interruptible(this.#clock.sleep(Duration.millis(Math.ceil(millis))))
    const waking = Effect.andThen(sleep, () => this.context.run(callback))
    // A timer that is due at once must not fire within this call.
    return Runtime.runFork(this.#runtime)(waking, { immediate: millis >= 1 })
  }
}

/**
 *  Creates the whole host. Sources of bodies are made by `bodySource`, and Effects for options are
 *  run by `ask`.
 */
export class EffectHost extends EffectTimers implements Host {
  readonly bodySource: Host["bodySource"]
  readonly ask: Host["ask"]

  constructor(
    clock: Clock.Clock,
    runtime: Runtime.Runtime<never>,
    loop: EventLoop,
    { ask, bodySource }: Pick<Host, "ask" | "bodySource">
  ) {
    super(clock, runtime, loop)
    this.bodySource = bodySource
    this.ask = ask
  }

  millisOf(duration: unknown): number | undefined {
    return readDuration(duration)
  }

  logError(text: string, defect: unknown): void {
    this.fork(Effect.logError(text, Cause.die(defect)))
  }

  logWarning(text: string): void {
    this.fork(Effect.logWarning(text))
  }
}
