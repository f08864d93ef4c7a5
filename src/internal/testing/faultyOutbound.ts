/**
 * The outgoing side of a channel with faults: the client's bytes, and when they are sent.
 *
 * Knows no policy; the channel has the faults of a round. Rule: without a fault the bytes go to the
 * channel below in the call that writes them, and are not copied.
 */
import type { Duplex } from "../../Transport.ts"
import type { RoundFault } from "./faultPlan.ts"
import { toBytes } from "./steps.ts"

/** The parts of the channel that the outgoing side needs. */
export interface OutboundOwner {
  readonly below: Duplex
  startDelay(millis: number, callback: () => void): void
  /** The fault happens now. */
  record(fault: RoundFault): void
  breakWith(fault: RoundFault): void
}

interface Pace {
  readonly size: number
  readonly millis: number
}

export class FaultyOutbound {
  private readonly owner: OutboundOwner
  private faults: ReadonlyArray<RoundFault> = []
  /** The bytes that were written in this round, and the next of its faults. */
  private written = 0
  private next = 0
  private pace: Pace | undefined
  /** The written bytes that are not sent yet, with their pace. */
  private readonly queue: Array<{ readonly bytes: Uint8Array; readonly pace: Pace | undefined }> = []
  private readonly drainers: Array<() => void> = []
  /** True while a piece must wait for its time. */
  private waiting = false
  private ending = false
  /** True if no more bytes of the client pass. */
  private mute = false

  constructor(owner: OutboundOwner) {
    this.owner = owner
  }

  startRound(faults: ReadonlyArray<RoundFault>): void {
    this.faults = faults
    this.written = 0
    this.next = 0
    this.pace = undefined
  }

  write(bytes: Uint8Array | string, more: Uint8Array | undefined): boolean {
    const length = bytes.length + (more?.length ?? 0)
    const fault = this.faults[this.next]
    const undisturbed = this.pace === undefined && this.queue.length === 0 && !this.mute
    if (undisturbed && (fault === undefined || fault.offset >= this.written + length)) {
      this.written += length
      return this.owner.below.write(bytes, more)
    }
    this.put(toBytes(bytes))
    if (more !== undefined) this.put(more)
    return this.flush()
  }

  drained(callback: () => void): void {
    if (this.mute) return
    if (this.queue.length === 0) this.owner.below.drained(callback)
    else this.drainers.push(callback)
  }

  end(): void {
    if (this.mute) return
    if (this.queue.length === 0) this.owner.below.end()
    else this.ending = true
  }

  close(): void {
    this.mute = true
    this.queue.length = 0
    this.drainers.length = 0
  }

  /** Queues bytes, with the changes of the round's faults. */
  private put(bytes: Uint8Array): void {
    let start = 0
    while (start < bytes.length && !this.mute) {
      const fault = this.faults[this.next]
      if (fault !== undefined && fault.offset <= this.written) {
        this.next++
        if (fault.kind === "corrupt") {
          this.owner.record(fault)
          this.add(Uint8Array.of((bytes[start] ?? 0) ^ fault.mask))
          start++
        } else this.inject(fault)
      } else {
        const end = Math.min(bytes.length, fault === undefined ? Infinity : start + fault.offset - this.written)
        this.add(bytes.subarray(start, end))
        start = end
      }
    }
  }

  private add(bytes: Uint8Array): void {
    this.written += bytes.length
    this.queue.push({ bytes, pace: this.pace })
  }

  private inject(fault: RoundFault): void {
    this.owner.record(fault)
    if (fault.kind === "slowWrite") this.pace = fault
    else {
      // Earlier bytes may still be in flight, unless they are slow.
      this.flush()
      this.close()
      if (fault.kind === "reset") this.owner.breakWith(fault)
    }
  }

  /** Sends the bytes that may be sent now; returns false if the client should wait. */
  private flush(): boolean {
    let goesOn = !this.mute
    for (let entry = this.queue[0]; entry !== undefined && !this.waiting; entry = this.queue[0]) {
      const { bytes, pace } = entry
      const size = Math.min(bytes.length, pace?.size ?? Infinity)
      const piece = bytes.subarray(0, size)
      if (size < bytes.length) this.queue[0] = { bytes: bytes.subarray(size), pace }
      else this.queue.shift()
      goesOn = this.owner.below.write(piece) && goesOn
      if (pace !== undefined && this.queue.length > 0) this.wait(pace.millis)
    }
    if (this.queue.length > 0) return false
    if (this.ending) this.owner.below.end()
    for (const callback of this.drainers.splice(0)) this.owner.below.drained(callback)
    return goesOn
  }

  private wait(millis: number): void {
    this.waiting = true
    this.owner.startDelay(millis, () => {
      this.waiting = false
      if (!this.mute) this.flush()
    })
  }
}
