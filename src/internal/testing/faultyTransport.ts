/**
 * A transport with faults: opens the channels of another one, and records what it injected.
 *
 * Draws no faults (`faultPlan.ts`). Rules: every wait runs on the `Clock`. Interruption leaves
 * nothing open. Without a fault, the other transport decides alone.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { ConnectError, DnsError } from "../../HttpError.ts"
import * as Transport from "../../Transport.ts"
import { EffectTimers } from "../effect/host.ts"
import { within } from "../effect/within.ts"
import { nodeEventLoop } from "../node/eventLoop.ts"
import { systemError } from "./fault.ts"
import { type ConnectionPlan, type Plan, planOf } from "./faultPlan.ts"
import { describeFault, type Fault, type FaultPolicy, type FaultyTransport } from "./faults.ts"
import { type Channel, FaultyDuplex } from "./faultyDuplex.ts"
import type { OpenError } from "./steps.ts"

export class FaultInjector implements FaultyTransport {
  readonly injected: Array<Fault> = []
  readonly opened: Array<Transport.Endpoint> = []
  private readonly policy: FaultPolicy | ReadonlyArray<Fault>
  private readonly plan: Plan
  private readonly below: Transport.Service
  private readonly belowLoop: Transport.EventLoop
  private readonly channels = new Set<FaultyDuplex>()
  private opening = 0
  /** The number of deliveries that wait for a poll. */
  private turns = 0

  constructor(policy: FaultPolicy | ReadonlyArray<Fault>, plan: Plan, below: Transport.Service) {
    this.policy = policy
    this.plan = plan
    this.below = below
    this.belowLoop = below.loop ?? nodeEventLoop
  }

  get openCount(): number {
    return this.opening + this.channels.size
  }

  get report(): string {
    const count = `${this.injected.length} ${this.injected.length === 1 ? "fault" : "faults"}`
    const seed = "seed" in this.policy ? `Seed ${this.policy.seed}: ${count}` : count
    return [seed, ...this.injected.map((fault) => `  ${describeFault(fault)}`)].join("\n")
  }

  /** Split bytes count as arrived, delayed ones do not. */
  readonly loop: Transport.EventLoop = {
    afterPoll: (callback) =>
      this.belowLoop.afterPoll(() => this.turns > 0 ? this.loop.afterPoll(callback) : callback()),
    captureContext: () => this.belowLoop.captureContext()
  }

  readonly open: Transport.Service["open"] = (endpoint, timeouts) =>
    Effect.uninterruptibleMask((restore) => {
      const connection = this.opened.push(endpoint) - 1
      const plan = this.plan(connection, endpoint)
      this.opening++
      const start = Effect.zipRight(
        this.beforeOpen(plan, endpoint, timeouts.connect),
        this.below.open(endpoint, timeouts)
      )
      return restore(start).pipe(
        Effect.flatMap((duplex) => Effect.flatMap(this.channelOf(plan), (channel) => this.cover(duplex, channel))),
        Effect.ensuring(Effect.sync(() => {
          this.opening--
        }))
      )
    })

  readonly secure: Transport.Service["secure"] = (duplex, serverName, tls, timeoutMillis) =>
    Effect.uninterruptibleMask((restore) => {
      if (!(duplex instanceof FaultyDuplex)) return restore(this.below.secure(duplex, serverName, tls, timeoutMillis))
      const { channel } = duplex
      channel.round++
      this.opening++
      return restore(this.below.secure(duplex.release(), serverName, tls, timeoutMillis)).pipe(
        Effect.flatMap((secured) => this.cover(secured, channel)),
        Effect.ensuring(Effect.sync(() => {
          this.opening--
        }))
      )
    })

  /** Runs the faults that happen before the other transport is asked. */
  private beforeOpen(
    plan: ConnectionPlan,
    endpoint: Transport.Endpoint,
    limit: number
  ): Effect.Effect<void, OpenError> {
    return Effect.forEach(plan.opening, (fault): Effect.Effect<void, OpenError> => {
      this.injected.push(fault)
      switch (fault.kind) {
        case "slowOpening":
          return within(Effect.sleep(fault.millis), "connect", limit, this.belowLoop)
        case "refuse":
          return Effect.fail(refused(endpoint, describeFault(fault)))
        case "noAddress":
          return Effect.fail(unknownName(endpoint, describeFault(fault)))
      }
    }, { discard: true })
  }

  private channelOf(plan: ConnectionPlan): Effect.Effect<Channel> {
    return Effect.zipWith(Effect.clock, Effect.runtime<never>(), (clock, runtime) => {
      const counts = new Map<Fault["kind"], number>()
      return {
        plan,
        timers: new EffectTimers(clock, runtime, this.loop),
        round: 0,
        counts,
        record: (fault) => {
          counts.set(fault.kind, (counts.get(fault.kind) ?? 0) + 1)
          this.injected.push(fault)
        },
        afterPoll: (callback) => {
          this.turns++
          this.belowLoop.afterPoll(() => {
            this.turns--
            callback()
          })
        },
        onClosed: (duplex) => void this.channels.delete(duplex)
      }
    })
  }

  private cover(below: Transport.Duplex, channel: Channel): Effect.Effect<Transport.Duplex, never, Scope.Scope> {
    const duplex = new FaultyDuplex(below, channel)
    this.channels.add(duplex)
    return Effect.as(Effect.addFinalizer(() => Effect.sync(() => duplex.destroy())), duplex)
  }
}

const injectedError = (syscall: string, code: string, fault: string): Error => {
  const error = systemError(syscall, code)
  error.message += ` (injected: ${fault})`
  return error
}

const refused = ({ host, port, socketPath }: Transport.Endpoint, fault: string): ConnectError => {
  const cause = injectedError("connect", "ECONNREFUSED", fault)
  return new ConnectError({
    reason: "Refused",
    code: "ECONNREFUSED",
    target: socketPath ?? (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`),
    attempts: [{
      address: socketPath ?? host,
      port: socketPath === undefined ? port : undefined,
      code: "ECONNREFUSED"
    }],
    cause
  })
}

const unknownName = ({ host }: Transport.Endpoint, fault: string): DnsError =>
  new DnsError({
    host,
    reason: "NotFound",
    code: "ENOTFOUND",
    cause: injectedError("getaddrinfo", "ENOTFOUND", fault)
  })

export const faults = (
  policy: FaultPolicy | ReadonlyArray<Fault>
): (transport: Transport.Service) => FaultyTransport => {
  const plan = planOf(policy)
  return (transport) => new FaultInjector(policy, plan, transport)
}

/** Adds the faults to the transport of the context, and provides it with this tag too. */
export const layer = <Faulty>(
  policy: FaultPolicy | ReadonlyArray<Fault>,
  tag: Context.Tag<Faulty, FaultyTransport>
): Layer.Layer<Transport.Transport | Faulty, never, Transport.Transport> =>
  Layer.effectContext(Effect.map(Transport.Transport, (below) => {
    const transport = faults(policy)(below)
    return Context.add(Context.make(Transport.Transport, transport), tag, transport)
  }))
