/**
 * A pool around another one, which passes on everything except `execute`. Combinators that send a
 * request more than once, such as retries, extend it.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { HttpRequest } from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import type * as Origin from "../../Origin.ts"
import type { InvalidOption } from "../error/request.ts"
import type { ExecuteFailure } from "../pool/call.ts"
import type { ConnectionPoolImpl } from "./connectionPool.ts"
import type { LeaseFailure } from "./lease.ts"
import type { Upgraded } from "./upgradedModel.ts"
import type { UpgradeRefused } from "./upgradeRefused.ts"

/**
 * The interface of a pool, however it was made, so that a wrapped pool can be wrapped again. `L` is
 * the type of its leased connections.
 */
export interface PoolLike<L> extends Omit<ConnectionPoolImpl, "lease" | "toJSON"> {
  lease(origin: Origin.Origin): Effect.Effect<L, LeaseFailure, Scope.Scope>
}

/**
 * Discards a response, and waits until its connection is free or closed. Without the wait, the
 * retry would open another connection.
 */
export const release = (response: HttpResponse): Effect.Effect<void> =>
  Effect.zipRight(response.close, Effect.ignore(response.trailers))

/**
 * The methods that are passed on to the pool below. `F` is the additional failure of upgrading.
 */
export abstract class WrappedPool<L, F = never> implements Omit<PoolLike<L>, "execute" | "upgrade"> {
  protected readonly pool: PoolLike<L>

  constructor(pool: PoolLike<L>) {
    this.pool = pool
  }

  upgrade<E>(
    request: HttpRequest<E>
  ): Effect.Effect<Upgraded, F | ExecuteFailure<E> | UpgradeRefused, Scope.Scope> {
    return this.pool.upgrade(request)
  }

  lease(origin: Origin.Origin): Effect.Effect<L, LeaseFailure, Scope.Scope> {
    return this.pool.lease(origin)
  }

  get connectionOptions(): PoolLike<L>["connectionOptions"] {
    return this.pool.connectionOptions
  }

  get stats(): PoolLike<L>["stats"] {
    return this.pool.stats
  }

  get events(): PoolLike<L>["events"] {
    return this.pool.events
  }

  subscribe(...args: Parameters<PoolLike<L>["subscribe"]>): Effect.Effect<void, never, Scope.Scope> {
    return this.pool.subscribe(...args)
  }

  get closeIdle(): Effect.Effect<void> {
    return this.pool.closeIdle
  }

  shutdown(): Effect.Effect<void>
  shutdown(options: { readonly grace?: Duration.DurationInput | undefined }): Effect.Effect<void, InvalidOption>
  shutdown(options?: { readonly grace?: Duration.DurationInput | undefined }): Effect.Effect<void, InvalidOption> {
    return options === undefined ? this.pool.shutdown() : this.pool.shutdown(options)
  }
}
