/**
 * Plays one recorded connection: a synchronous state machine, driven by the client's calls and by
 * microtasks.
 *
 * Rules: nothing is delivered within a call of the client, except `attach` and `resume`. One cue is
 * delivered in each microtask, so that the fibers that it wakes run before the next. Only a delay
 * runs a fiber, which ends with the connection.
 */
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type { DuplexFault, Receiver } from "../../Transport.ts"
import { systemError } from "../testing/fault.ts"
import { Inbound } from "../testing/inbound.ts"
import type { Deck } from "./deck.ts"
import type { CassetteMismatch } from "./model.ts"
import { type Message, Reader } from "./reader.ts"
import { withoutCredentials } from "./socks.ts"
import { bytesOf, textOf } from "./store.ts"
import { type Act, type Cue, type Found, type Point, reached, type Track } from "./tracks.ts"

/** The code of a channel that broke because the program deviates from the cassette. */
export const mismatchCode = "ERR_CASSETTE"

export class Player {
  readonly inbound = new Inbound()
  closed = false
  referenced = true
  endProven: boolean | undefined = undefined
  readonly #deck: Deck
  readonly #runtime: Runtime.Runtime<never>
  readonly #times: boolean
  readonly #reader = new Reader("Client")
  #track: Track
  #progress: Point = { act: 0, step: 0 }
  /** The next part of the client's bytes. */
  #part = 0
  /** The recorded request that the client is sending. */
  #asked: Found | undefined
  #cue = 0
  /** True if a cue was delivered since the head of the request. */
  #answered = false
  #fault: DuplexFault | undefined
  #delay: { cancel: () => void } | undefined
  /** The cue whose delay is over. */
  #due: Cue | undefined
  #scheduled = false

  constructor(deck: Deck, track: Track, runtime: Runtime.Runtime<never>, times: boolean) {
    this.#deck = deck
    this.#track = track
    this.#runtime = runtime
    this.#times = times
    this.#advance()
  }

  /** True while a delivery is scheduled that needs no further call of the client. */
  get delivering(): boolean {
    return this.#scheduled && !this.closed
  }

  write(bytes: Uint8Array | string, more: Uint8Array | undefined): boolean {
    if (this.closed || this.#fault !== undefined) return false
    this.#reader.store.append(typeof bytes === "string" ? bytesOf(bytes) : bytes)
    if (more !== undefined) this.#reader.store.append(more)
    this.#read()
    this.#advance()
    // Also after a mismatch: the client then waits for the response, and its error names the cause.
    return true
  }

  drained(callback: () => void): void {
    if (!this.closed && this.#fault === undefined) callback()
  }

  attach(receiver: Receiver): void {
    if (this.closed) return
    this.inbound.attach(receiver)
    this.#advance()
  }

  resume(): void {
    if (!this.closed && this.inbound.resume()) this.#advance()
  }

  end(): void {
    if (this.closed) return
    if (this.#act?._tag === "End") this.#to({ act: this.#progress.act + 1, step: 0 })
    this.#advance()
  }

  destroy(): void {
    this.closed = true
    this.#settle()
    this.#delay?.cancel()
    this.#delay = undefined
    this.inbound.detach()
  }

  /** Returns the recorded result of starting TLS; a problem if none was recorded. */
  secure(serverName: string): Extract<Act, { readonly _tag: "Secure" }> | CassetteMismatch {
    this.inbound.detach()
    const act = this.#act
    if (act?._tag !== "Secure") {
      return this.#deck.mismatch(
        `The client started TLS with ${serverName} on connection ${this.#track.index}, where none was recorded.`
      )
    }
    return act
  }

  /** TLS has started. */
  secured(): void {
    this.#to({ act: this.#progress.act + 1, step: 0 })
    this.#advance()
  }

  get #act(): Act | undefined {
    return this.#track.acts[this.#progress.act]
  }

  #to(progress: Point): void {
    this.#progress = progress
  }

  // The client's bytes

  #read(): void {
    while (this.#fault === undefined) {
      const complete = this.#reader.next() !== undefined
      const part = this.#reader.parts[this.#part]
      if (part === undefined) return
      if (part._tag === "Raw") return this.#raw(part.end - part.start)
      if (part._tag === "Socks") this.#socks(this.#reader.store.view.subarray(part.start, part.end))
      else {
        if (part.headEnd >= 0 && this.#asked === undefined) this.#head(part)
        if (part.end >= 0 && this.#fault === undefined) this.#complete(part)
      }
      if (!complete) return
      this.#part++
    }
  }

  #head(message: Message): void {
    const found = this.#deck.find(this.#track, this.#progress.act, message)
    if (typeof found === "string") this.#differs(found)
    else this.#play(found)
  }

  /** Continues with the recorded answer to this request. */
  #play(found: Found): void {
    this.#asked = found
    found.request.played = true
    found.request.yields = (other) => {
      this.#play(other)
      this.#advance()
    }
    this.#answered = false
    const { act, track } = found
    if (track !== this.#track || act !== this.#progress.act) {
      this.#delay?.cancel()
      this.#delay = this.#due = undefined
      this.#track = track
      // Its own cues follow its head.
      const first = track.cues.findIndex(({ need }) => reached(need, { act, step: 1 }))
      this.#cue = first < 0 ? track.cues.length : first
    }
    this.#to({ act, step: 1 })
  }

  #complete(message: Message): void {
    const asked = this.#asked
    if (asked === undefined) return
    const bytes = this.#reader.store.view
    const { comparison } = this.#deck
    const difference = comparison.bodies(asked.request.message, asked.track.sent, message, bytes)
    if (difference !== undefined) {
      const other = this.#deck.byRequest && !this.#answered
        ? this.#deck.withBody(this.#track, message, bytes)
        : undefined
      if (other === undefined) {
        const { method, target } = asked.request.head
        return this.#differs(
          `No recorded request matches the body of ${method} ${target}. The nearest is on connection `
            + `${asked.track.index}: ${difference}. Ignore it with \`body: false\`, or record the cassette again.`
        )
      }
      const { yields } = other.request
      asked.request.played = false
      asked.request.yields = undefined
      this.#play(other)
      yields?.(asked)
    }
    this.#settle()
    if (this.#asked?.request.upgrades === true) this.#reader.becomeRaw()
    this.#asked = undefined
    this.#to({ act: this.#progress.act + 1, step: 0 })
  }

  /** Makes the current request keep its recorded one. */
  #settle(): void {
    if (this.#asked !== undefined) this.#asked.request.yields = undefined
  }

  #socks(bytes: Uint8Array): void {
    const act = this.#act
    const sent = textOf(withoutCredentials(bytes))
    if (act?._tag !== "Socks" || textOf(act.bytes) !== sent) {
      return this.#differs(
        `Connection ${this.#track.index} differs in what it asks a SOCKS proxy: ${JSON.stringify(sent)} was sent, and ${
          act?._tag === "Socks" ? JSON.stringify(textOf(act.bytes)) : "nothing of the kind"
        } was recorded.`
      )
    }
    this.#to({ act: this.#progress.act + 1, step: 0 })
  }

  /**
   * Bytes that are not HTTP are counted and not compared, because most protocols mask or encrypt
   * them.
   */
  #raw(length: number): void {
    const act = this.#act
    if (act?._tag !== "Raw") return
    this.#to(
      length >= act.length ? { act: this.#progress.act + 1, step: 0 } : { act: this.#progress.act, step: length }
    )
  }

  #differs(problem: string): void {
    this.#fault = { code: mismatchCode, cause: this.#deck.mismatch(problem) }
  }

  // The server's bytes

  #advance(): void {
    if (this.closed) return
    if (this.#fault !== undefined) return this.#schedule()
    const cue = this.#track.cues[this.#cue]
    if (cue === undefined || !reached(this.#progress, cue.need) || this.#delay !== undefined) return
    if (this.#due !== cue && this.#times && cue.delay > 0) this.#wait(cue)
    else if (this.inbound.ready || (cue._tag === "Fault" && this.inbound.listens)) this.#schedule()
  }

  #wait(cue: Cue): void {
    const delay = { cancel: () => {} }
    this.#delay = delay
    // The runtime may come from an uninterruptible region, as opening often does.
    delay.cancel = Runtime.runCallback(this.#runtime)(Effect.interruptible(Effect.sleep(cue.delay)), {
      onExit: () => {
        if (this.#delay !== delay) return
        this.#delay = undefined
        this.#due = cue
        this.#advance()
      }
    })
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#deliver()
    })
  }

  #deliver(): void {
    if (this.closed) return
    if (this.#fault !== undefined) {
      if (this.inbound.listens) this.#break(this.#fault)
      return
    }
    const cue = this.#track.cues[this.#cue]
    // The client may have paused, or sent another request, since this was scheduled.
    if (cue === undefined || !reached(this.#progress, cue.need) || this.#delay !== undefined) return
    if (this.#due !== cue && this.#times && cue.delay > 0) return this.#advance()
    if (cue._tag === "Fault" ? !this.inbound.listens : !this.inbound.ready) return
    this.#cue++
    this.#answered = true
    this.#settle()
    if (cue._tag === "Bytes") this.inbound.data(cue.bytes)
    else if (cue._tag === "End") {
      this.endProven = cue.proven
      this.inbound.end()
    } else return this.#break({ code: cue.code, cause: systemError("read", cue.code) })
    this.#advance()
  }

  #break(fault: DuplexFault): void {
    this.closed = true
    this.#settle()
    this.#delay?.cancel()
    this.#delay = undefined
    this.inbound.error(fault)
  }
}
