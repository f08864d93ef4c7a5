/**
 * The resources that connections and pools need to run under Effect: host, dialer, addresses, event
 * loop, timers.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { EventLoop, Service } from "../../Transport.ts"
import { TimerQueue } from "../connection/timers.ts"
import type { AddressPorts, Dialer } from "../model/ports.ts"
import { nodeEventLoop } from "../node/eventLoop.ts"
import { addressCheck, AddressPolicy } from "./addressPolicy.ts"
import { ask } from "./ask.ts"
import { EffectHost } from "./host.ts"
import { bodySource } from "./requestBody.ts"
import { nameLookup, Resolver } from "./resolver.ts"
import { dialerOf } from "./transport.ts"

export interface Hosted {
  readonly host: EffectHost
  readonly dialer: Dialer
  readonly addresses: AddressPorts | undefined
  readonly loop: EventLoop
  /** Ends with the scope. */
  readonly timers: TimerQueue
}

/**
 * Returns how openings find and check addresses; `undefined` if the context has neither a resolver
 * nor a policy.
 */
const addressPorts = (context: Context.Context<never>): AddressPorts | undefined => {
  const lookUp = nameLookup(Context.get(context, Resolver))
  const check = addressCheck(Context.get(context, AddressPolicy))
  return lookUp === undefined && check === undefined ? undefined : { lookUp, check }
}

/** Captures clock, runtime, resolver, policy and async context of the fiber that runs it. */
export const hosted = (transport: Service): Effect.Effect<Hosted, never, Scope.Scope> =>
  Effect.flatMap(Effect.zip(Effect.clock, Effect.runtime<never>()), ([clock, runtime]) => {
    const loop = transport.loop ?? nodeEventLoop
    const host = new EffectHost(clock, runtime, loop, { ask, bodySource })
    const addresses = addressPorts(runtime.context)
    return Effect.acquireRelease(
      Effect.sync(() => ({ host, dialer: dialerOf(transport), addresses, loop, timers: new TimerQueue(host) })),
      ({ timers }) => Effect.sync(() => timers.shutdown())
    )
  })
