/**
 * A channel with faults, over a channel of another transport.
 *
 * Faults are above TLS: they are in the bytes of this channel, and not in records. Everything else
 * passes through: facts, references, the proof of the end.
 */
import type { DuplexFault, DuplexInfo } from "../../Transport.ts"
import type * as Transport from "../../Transport.ts"
import type { EffectTimers } from "../effect/host.ts"
import type { HostTimer } from "../model/ports.ts"
import { systemError } from "./fault.ts"
import type { ConnectionPlan, RoundFault } from "./faultPlan.ts"
import type { Fault } from "./faults.ts"
import { describeFault } from "./faults.ts"
import { FaultyInbound } from "./faultyInbound.ts"
import { FaultyOutbound } from "./faultyOutbound.ts"

/** One connection of the transport. `secure` gives it another channel. */
export interface Channel {
  readonly plan: ConnectionPlan
  readonly timers: EffectTimers
  /** The number of the round. */
  round: number
  readonly counts: Map<Fault["kind"], number>
  record(fault: Fault): void
  afterPoll(callback: () => void): void
  onClosed(duplex: FaultyDuplex): void
}

export class FaultyDuplex implements Transport.Duplex {
  readonly below: Transport.Duplex
  readonly channel: Channel
  private readonly inbound = new FaultyInbound(this)
  private readonly outbound = new FaultyOutbound(this)
  /** True if something was received since the last write. */
  private received = false
  private referenced = true
  private attached = false
  private readsOn = true
  private closed = false
  private broken = false
  private readonly delays = new Set<HostTimer>()

  constructor(below: Transport.Duplex, channel: Channel) {
    this.below = below
    this.channel = channel
    this.startRound()
    // A channel has both or neither.
    if (below.ref === undefined || below.unref === undefined) Object.assign(this, { ref: undefined, unref: undefined })
  }

  get info(): DuplexInfo {
    return this.below.info
  }

  get endProven(): boolean | undefined {
    if (this.info.tls === undefined || !this.inbound.ended) return undefined
    return this.inbound.truncated ? false : this.below.endProven
  }

  /** True if the peer has sent something that has not passed. */
  get holding(): boolean {
    return this.inbound.holding
  }

  // The client's calls

  write(bytes: Uint8Array | string, more?: Uint8Array): boolean {
    if (this.closed || this.broken) return false
    if (this.received) {
      this.received = false
      this.channel.round++
      this.startRound()
    }
    return this.outbound.write(bytes, more)
  }

  drained(callback: () => void): void {
    if (!this.closed && !this.broken) this.outbound.drained(callback)
  }

  attach(receiver: Transport.Receiver): void {
    if (this.closed) return
    this.inbound.attach(receiver)
    if (this.attached) return
    this.attached = true
    this.below.attach({
      onData: (bytes) => {
        this.inbound.take(bytes)
        this.readsOn = this.inbound.readable
        return this.readsOn
      },
      onEnd: () => this.inbound.take("End"),
      onError: (fault) => {
        this.outbound.close()
        this.inbound.take(fault)
      }
    })
  }

  resume(): void {
    if (!this.closed) this.inbound.resume()
  }

  end(): void {
    if (!this.closed && !this.broken) this.outbound.end()
  }

  destroy(): void {
    this.close()
    this.below.destroy()
  }

  ref(): void {
    this.hold(true)
    this.below.ref?.()
  }

  unref(): void {
    this.hold(false)
    this.below.unref?.()
  }

  /** Returns the channel below for `secure`. This one must not be used afterwards. */
  release(): Transport.Duplex {
    this.close()
    return this.below
  }

  // Requests of the two sides

  afterPoll(callback: () => void): void {
    this.channel.afterPoll(() => {
      if (!this.closed) callback()
    })
  }

  startDelay(millis: number, callback: () => void): void {
    if (millis === Infinity) return
    const timer = this.channel.timers.startTimer(millis, this.referenced, () => {
      this.delays.delete(timer)
      if (!this.closed) callback()
    })
    this.delays.add(timer)
  }

  record(fault: RoundFault): void {
    this.channel.record(fault)
  }

  onPassed(): void {
    this.received = true
  }

  readOn(): void {
    if (this.readsOn || this.closed) return
    this.readsOn = true
    this.below.resume()
  }

  breakWith(fault: RoundFault): void {
    this.broken = true
    const cause = systemError("read", "ECONNRESET")
    cause.message += ` (injected: ${describeFault(fault)})`
    // Never within the call of the client that reached the fault.
    this.afterPoll(() => {
      this.below.destroy()
      this.fail({ code: "ECONNRESET", cause })
    })
  }

  onBroken(): void {
    this.close()
  }

  private fail(fault: DuplexFault): void {
    this.outbound.close()
    this.inbound.fail(fault)
  }

  private startRound(): void {
    const round = this.channel.plan.round(this.channel.round, (kind) => this.channel.counts.get(kind) ?? 0)
    this.inbound.startRound(round.in)
    this.outbound.startRound(round.out)
  }

  private hold(referenced: boolean): void {
    this.referenced = referenced
    for (const timer of this.delays) timer.hold(referenced)
  }

  private close(): void {
    if (this.closed) return
    this.closed = true
    this.inbound.close()
    this.outbound.close()
    for (const timer of this.delays) timer.cancel()
    this.delays.clear()
    this.channel.onClosed(this)
  }
}
