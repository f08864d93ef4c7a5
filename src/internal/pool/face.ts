/** Makes a pool in a scope, and gives it the methods that users see. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ConnectionEvent } from "../../ConnectionEvent.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import type * as Origin from "../../Origin.ts"
import { Transport } from "../../Transport.ts"
import type { Deadline } from "../connection/deadlines.ts"
import { makeDeadlines } from "../connection/deadlines.ts"
import type { Face as ConnectionFace } from "../connection/face.ts"
import type { InvalidOption } from "../error/request.ts"
import type { CheckoutFailure } from "./checkout.ts"
import type { ExecuteFailure } from "./execute.ts"
import { execute } from "./execute.ts"
import { lease } from "./lease.ts"
import { Pool } from "./pool.ts"
import type { PoolOptions, PoolSettings } from "./settings.ts"
import { toSettings } from "./settings.ts"

/** Events that are kept for a reader of the stream that is slow. */
const eventBuffer = 4096

/** How many connections and waiting requests there are. */
interface Counts {
  readonly idle: number
  readonly busy: number
  readonly connecting: number
  readonly waiting: number
}

/** Documented in `ConnectionPool`. */
export interface Stats extends Counts, Readonly<Pool["counts"]> {
  readonly origins: ReadonlyArray<Counts & { readonly origin: string }>
}

/** Makes a pool of checked settings; the scope's end shuts it down. */
export const unsafeMake = (
  settings: PoolSettings,
  redactedNames: Effect.Effect<ReadonlyArray<string | RegExp>>
): Effect.Effect<Face, never, Scope.Scope | Transport> =>
  Effect.gen(function*() {
    const runtime = yield* Effect.runtime<never>()
    const pool = new Pool(settings, yield* Transport, yield* makeDeadlines, runtime, redactedNames)
    yield* Effect.addFinalizer(() =>
      Effect.zipRight(shutdown(pool, settings.graceMillis), Effect.sync(() => pool.events.end()))
    )
    return new Face(pool)
  })

/** Makes a pool; the scope's end shuts it down. */
export const make = (
  options: PoolOptions,
  redactedNames: Effect.Effect<ReadonlyArray<string | RegExp>>
): Effect.Effect<Face, InvalidOption, Scope.Scope | Transport> =>
  Effect.flatMap(Effect.suspend(() => toSettings(options)), (settings) => unsafeMake(settings, redactedNames))

/** Waits until the pool is empty, or the time is over. */
const drained = (pool: Pool, graceMillis: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { deadlines } = pool
    let over = false
    let wake = (): void => {}
    let forget = (): void => {}
    const deadline: Deadline = {
      at: Infinity,
      expired: () => {
        over = true
        wake()
      }
    }
    const empty = Effect.async<void>((resume) => {
      wake = () => resume(Effect.void)
      forget()
      forget = pool.whenEmpty(() => wake())
    })
    // A request may be between two connections: that which it was given has died, or it is about to be sent once more.
    const loop: Effect.Effect<void> = Effect.zipRight(
      Effect.zipRight(empty, Effect.yieldNow()),
      Effect.suspend(() => over || pool.isEmpty ? Effect.void : loop)
    )
    deadlines.arm(deadline, graceMillis)
    return Effect.ensuring(
      loop,
      Effect.sync(() => {
        forget()
        deadlines.disarm(deadline)
        deadlines.rest()
      })
    )
  })

const shutdown = (pool: Pool, graceMillis: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    pool.state.shutdown()
    pool.carryOut()
    const destroy = Effect.suspend(() => {
      const { endings } = pool
      pool.ended = true
      pool.state.destroy()
      pool.carryOut()
      return endings
    })
    return Effect.zipRight(graceMillis === 0 ? Effect.void : drained(pool, graceMillis), destroy)
  })

/** The methods, documented in `ConnectionPool`. */
export class Face {
  readonly #pool: Pool

  constructor(pool: Pool) {
    this.#pool = pool
  }

  execute<E>(request: HttpRequest<E>): Effect.Effect<HttpResponse, ExecuteFailure<E>> {
    return execute(this.#pool, request)
  }

  lease(origin: Origin.Origin): Effect.Effect<ConnectionFace, CheckoutFailure, Scope.Scope> {
    return lease(this.#pool, origin)
  }

  get connectionOptions(): Pick<PoolOptions, "localAddress" | "proxy" | "tls"> {
    const { localAddress, proxy, tls } = this.#pool.settings
    return { localAddress, proxy, tls }
  }

  get stats(): Effect.Effect<Stats> {
    return Effect.sync(() => {
      const { counts, state } = this.#pool
      return {
        idle: state.idle.size,
        busy: state.busy,
        connecting: state.connecting,
        waiting: state.waiting,
        ...counts,
        origins: [...state.groups.values()].map((group) => ({
          origin: group.origin.name,
          idle: group.idle.size,
          busy: group.busy,
          connecting: group.connecting,
          waiting: group.waiting.size
        }))
      }
    })
  }

  get events(): Stream.Stream<ConnectionEvent> {
    return Stream.asyncPush<ConnectionEvent>(
      (emit) =>
        Effect.acquireRelease(
          Effect.sync(() => this.#pool.events.subscribe((event) => void emit.single(event), () => emit.end())),
          (unsubscribe) => Effect.sync(unsubscribe)
        ),
      { bufferSize: eventBuffer, strategy: "sliding" }
    )
  }

  subscribe(listener: (event: ConnectionEvent) => void): Effect.Effect<void, never, Scope.Scope> {
    return Effect.asVoid(Effect.acquireRelease(
      Effect.sync(() => this.#pool.events.subscribe(listener)),
      (unsubscribe) => Effect.sync(unsubscribe)
    ))
  }

  get closeIdle(): Effect.Effect<void> {
    return Effect.sync(() => {
      this.#pool.state.closeIdle("Closed")
      this.#pool.carryOut()
    })
  }

  shutdown(options: { readonly grace?: Duration.DurationInput | undefined } = {}): Effect.Effect<void> {
    const { graceMillis } = this.#pool.settings
    return Effect.suspend(() =>
      shutdown(this.#pool, options.grace === undefined ? graceMillis : Duration.toMillis(options.grace))
    )
  }

  toJSON(): unknown {
    const { idle: { size }, open, waiting } = this.#pool.state
    return { _tag: "ConnectionPool", connections: open, idle: size, waiting }
  }
}
