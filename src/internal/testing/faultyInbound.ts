/**
 * The incoming side of a channel with faults: bytes that are held back, and when they pass.
 *
 * Knows no policy; the channel has the faults of a round. Rules: the order is kept, and nothing
 * overtakes bytes that are held back. A fault happens when the byte or the end at its offset is
 * due, between two calls of the receiver. A view is overwritten after the call.
 */
import type { DuplexFault, Receiver } from "../../Transport.ts"
import type { RoundFault } from "./faultPlan.ts"

/** The parts of the channel that the incoming side needs. */
export interface InboundOwner {
  /** Calls back after the next poll of the event loop. */
  afterPoll(callback: () => void): void
  startDelay(millis: number, callback: () => void): void
  /** The fault happens now. */
  record(fault: RoundFault): void
  /** Bytes or the end have passed to the receiver. */
  onPassed(): void
  /** Everything has passed, so that more may be read. */
  readOn(): void
  breakWith(fault: RoundFault): void
  /** The channel is broken: its receiver is about to be notified. */
  onBroken(): void
}

/** The value that overwrites a view after `onData`. */
const garbage = 0xa5

/** After so many pieces the rest of a round passes unchanged, so that a large body is quick. */
const mostPieces = 100

type Item = Uint8Array | "End" | DuplexFault

const isFault = (item: Item): item is DuplexFault => typeof item === "object" && "code" in item

export class FaultyInbound {
  private readonly owner: InboundOwner
  private readonly held: Array<Item> = []
  private faults: ReadonlyArray<RoundFault> = []
  private receiver: Receiver | undefined
  /** True once the end has passed. */
  ended = false
  /** The bytes that have passed in this round, and the next of its faults. */
  private passed = 0
  private next = 0
  private pieceSize = Infinity
  private pieces = 0
  private masks = 0
  private paused = false
  private busy = false
  private resumed = false
  /** True while a delay or a poll must end before anything passes. */
  private waiting = false
  /** True if no more bytes of the peer pass. */
  private deaf = false
  /** True if the end came early, so that only a fault can follow. */
  private cut = false
  private closed = false

  constructor(owner: InboundOwner) {
    this.owner = owner
  }

  /** True if nothing is held back, and reading is allowed. */
  get readable(): boolean {
    return this.deaf || (this.held.length === 0 && !this.paused && !this.closed)
  }

  /** True if the peer has sent something that has not passed. */
  get holding(): boolean {
    return this.held.length > 0
  }

  /** True if the end that passed was not the peer's. */
  get truncated(): boolean {
    return this.cut
  }

  startRound(faults: ReadonlyArray<RoundFault>): void {
    this.faults = faults
    this.passed = 0
    this.next = 0
    this.pieceSize = Infinity
  }

  attach(receiver: Receiver): void {
    this.receiver = receiver
    this.paused = false
    this.pump()
  }

  resume(): void {
    this.paused = false
    this.resumed = true
    this.pump()
  }

  /** Takes bytes, and passes on those that may pass. Bytes are copied. */
  take(item: Item): void {
    if (this.closed || (item instanceof Uint8Array && item.length === 0)) return
    if (this.deaf) {
      if (this.cut && isFault(item)) this.fail(item)
      return
    }
    this.held.push(item instanceof Uint8Array ? Uint8Array.from(item) : item)
    this.pump()
  }

  /** Ends with a fault, as soon as there is a receiver; even if it has paused. */
  fail(fault: DuplexFault): void {
    this.deaf = true
    this.held.splice(0, Infinity, fault)
    this.waiting = false
    this.pump()
  }

  close(): void {
    this.closed = true
    this.receiver = undefined
    this.held.length = 0
  }

  private pump(): void {
    while (this.step());
    if (this.readable) this.owner.readOn()
  }

  /** Passes one item on; returns `false` if it must wait, or if there is none. */
  private step(): boolean {
    const item = this.held[0]
    if (item === undefined || this.receiver === undefined || this.busy || this.waiting || this.closed) return false
    if (isFault(item)) {
      this.held.length = 0
      this.passFault(item)
      return false
    }
    if (this.paused) return false
    const fault = this.faults[this.next]
    if (fault !== undefined && fault.offset <= this.passed) {
      this.next++
      // An end can be neither cut nor changed.
      if (item !== "End" || (fault.kind !== "split" && fault.kind !== "corrupt")) this.inject(fault)
      return true
    }
    if (item === "End") {
      this.held.shift()
      this.ended = true
      this.owner.onPassed()
      this.receiver.onEnd()
      return true
    }
    this.passBytes(item, fault === undefined ? Infinity : fault.offset - this.passed)
    return true
  }

  private inject(fault: RoundFault): void {
    if (fault.kind !== "split") this.owner.record(fault)
    switch (fault.kind) {
      case "split":
        this.pieceSize = fault.size
        this.pieces = mostPieces
        return
      case "delay":
        return this.waitFor((callback) => this.owner.startDelay(fault.millis, callback))
      case "corrupt":
        this.masks ^= fault.mask
        return
      case "stall":
        this.deaf = true
        this.held.length = 0
        return
      case "halfClose":
        this.deaf = true
        this.cut = true
        this.held.splice(0, Infinity, "End")
        return
      case "reset":
        this.deaf = true
        this.held.length = 0
        return this.owner.breakWith(fault)
    }
  }

  private waitFor(start: (callback: () => void) => void): void {
    this.waiting = true
    start(() => {
      // A fault may have ended the wait.
      if (!this.waiting) return
      this.waiting = false
      this.pump()
    })
  }

  private passBytes(item: Uint8Array, limit: number): void {
    const size = Math.min(item.length, limit, this.pieceSize)
    const isCut = size < item.length && size === this.pieceSize
    const piece = item.subarray(0, size)
    if (size < item.length) this.held[0] = item.subarray(size)
    else this.held.shift()
    if (isCut) {
      this.recordSplit()
      this.pieces--
      if (this.pieces === 0) this.pieceSize = Infinity
      this.waitFor((callback) => this.owner.afterPoll(callback))
    }
    if (this.masks !== 0) {
      piece[0] = (piece[0] ?? 0) ^ this.masks
      this.masks = 0
    }
    this.passed += size
    this.owner.onPassed()
    this.deliver(piece)
  }

  /** A split has happened with its first cut. */
  private recordSplit(): void {
    if (this.pieces !== mostPieces) return
    const split = this.faults.slice(0, this.next).findLast((fault) => fault.kind === "split")
    if (split !== undefined) this.owner.record(split)
  }

  private deliver(piece: Uint8Array): void {
    const receiver = this.receiver
    if (receiver === undefined) return
    this.busy = true
    this.resumed = false
    const goesOn = receiver.onData(piece)
    this.busy = false
    piece.fill(garbage)
    // A `resume` within the call is newer than the return value. A receiver attached within it has
    // not asked for a pause.
    if (!goesOn && !this.resumed && this.receiver === receiver) this.paused = true
  }

  private passFault(fault: DuplexFault): void {
    const receiver = this.receiver
    this.owner.onBroken()
    receiver?.onError(fault)
  }
}
