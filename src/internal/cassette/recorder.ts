/**
 * Records the traffic on the channels of a transport.
 *
 * Rules: the traffic is not changed, and an error of the recording never reaches the recorded
 * program. The bytes are kept in memory unchanged, and leave this file only redacted.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Transport from "../../Transport.ts"
import { type Failed, refusalOf } from "./failures.ts"
import { type Cassette, CassetteError, type Connection, type Endpoint, type Event, type Opening } from "./model.ts"
import { redactEvents } from "./redact.ts"
import type { Secrets } from "./secrets.ts"
import { bytesOf } from "./store.ts"

/** The most bytes of a recording, unless another limit is set. */
export const defaultMaxBytes = 16 * 1024 * 1024

/** A connection that is being recorded. */
class Track {
  readonly endpoint: Endpoint
  readonly at: number
  readonly events: Array<Event> = []
  opening: Opening = { _tag: "Unfinished" }

  constructor({ host, port, socketPath, tls }: Transport.Endpoint, at: number) {
    this.endpoint = { host, port, socketPath, tls: tls !== undefined }
    this.at = at
  }
}

export class Recorder {
  readonly #secrets: Secrets
  readonly #maxBytes: number
  readonly #clock: Clock.Clock
  readonly #recordedAt: number
  readonly #tracks: Array<Track> = []
  #size = 0
  #latest = 0

  constructor(secrets: Secrets, maxBytes: number, clock: Clock.Clock) {
    this.#secrets = secrets
    this.#maxBytes = maxBytes
    this.#clock = clock
    this.#recordedAt = clock.unsafeCurrentTimeMillis()
  }

  /**
   * Returns the time since the beginning. It never decreases, even if the clock of the system is
   * set back.
   */
  get now(): number {
    this.#latest = Math.max(this.#latest, this.#clock.unsafeCurrentTimeMillis() - this.#recordedAt)
    return this.#latest
  }

  begin(endpoint: Transport.Endpoint): Track {
    const track = new Track(endpoint, this.now)
    this.#tracks.push(track)
    return track
  }

  /**
   * Copies bytes, unless the limit is exceeded. Then nothing is kept, because a part cannot be
   * played.
   */
  bytes(track: Track, from: "Client" | "Server", bytes: Uint8Array | string): void {
    if (bytes.length === 0) return
    this.#size += bytes.length
    if (this.#size > this.#maxBytes) {
      for (const each of this.#tracks) each.events.length = 0
      return
    }
    const kept = typeof bytes === "string" ? bytesOf(bytes) : new Uint8Array(bytes)
    track.events.push({ _tag: "Bytes", at: this.now, from, bytes: kept })
  }

  /** Returns the recording so far, without secrets. */
  readonly cassette: Effect.Effect<Cassette, CassetteError> = Effect.suspend(() =>
    this.#size > this.#maxBytes
      ? Effect.fail(
        new CassetteError({
          reason: "TooLarge",
          file: undefined,
          position: undefined,
          detail: `More than ${this.#maxBytes} bytes were exchanged. Record less, or raise \`maxBytes\`.`
        })
      )
      : Effect.succeed({
        version: 1,
        recordedAt: this.#recordedAt,
        connections: this.#tracks.map(({ at, endpoint, events, opening }): Connection => ({
          endpoint,
          at,
          opening,
          events: redactEvents(events, this.#secrets)
        }))
      })
  )
}

/** Passes everything on, and records it. */
class RecordedReceiver implements Transport.Receiver {
  readonly #recorder: Recorder
  readonly #track: Track
  readonly #receiver: Transport.Receiver
  readonly #duplex: Transport.Duplex

  constructor(recorder: Recorder, track: Track, receiver: Transport.Receiver, duplex: Transport.Duplex) {
    this.#recorder = recorder
    this.#track = track
    this.#receiver = receiver
    this.#duplex = duplex
  }

  onData(bytes: Uint8Array): boolean {
    this.#recorder.bytes(this.#track, "Server", bytes)
    return this.#receiver.onData(bytes)
  }

  onEnd(): void {
    const proven = this.#duplex.endProven
    this.#track.events.push({ _tag: "End", at: this.#recorder.now, from: "Server", proven })
    this.#receiver.onEnd()
  }

  onError(fault: Transport.DuplexFault): void {
    this.#track.events.push({ _tag: "Fault", at: this.#recorder.now, code: fault.code })
    this.#receiver.onError(fault)
  }
}

class RecordedDuplex implements Transport.Duplex {
  readonly recorder: Recorder
  readonly track: Track
  readonly inner: Transport.Duplex
  #closed = false

  constructor(recorder: Recorder, track: Track, inner: Transport.Duplex) {
    this.recorder = recorder
    this.track = track
    this.inner = inner
  }

  get info(): Transport.DuplexInfo {
    return this.inner.info
  }

  get endProven(): boolean | undefined {
    return this.inner.endProven
  }

  write(bytes: Uint8Array | string, more?: Uint8Array): boolean {
    this.recorder.bytes(this.track, "Client", bytes)
    if (more !== undefined) this.recorder.bytes(this.track, "Client", more)
    return this.inner.write(bytes, more)
  }

  drained(callback: () => void): void {
    this.inner.drained(callback)
  }

  attach(receiver: Transport.Receiver): void {
    this.inner.attach(new RecordedReceiver(this.recorder, this.track, receiver, this.inner))
  }

  resume(): void {
    this.inner.resume()
  }

  end(): void {
    this.track.events.push({ _tag: "End", at: this.recorder.now, from: "Client", proven: undefined })
    this.inner.end()
  }

  destroy(): void {
    if (!this.#closed && this.track.events.at(-1)?._tag !== "Fault") {
      this.track.events.push({ _tag: "Close", at: this.recorder.now })
    }
    this.#closed = true
    this.inner.destroy()
  }
}

/** A channel that may let the process exit. A channel has both methods or neither. */
class ReferencedDuplex extends RecordedDuplex {
  ref(): void {
    this.inner.ref?.()
  }

  unref(): void {
    this.inner.unref?.()
  }
}

const wrap = (recorder: Recorder, track: Track, inner: Transport.Duplex): Transport.Duplex =>
  inner.ref === undefined
    ? new RecordedDuplex(recorder, track, inner)
    : new ReferencedDuplex(recorder, track, inner)

/** Returns how an opening ended. */
const outcome = (recorder: Recorder, exit: Exit.Exit<Transport.Duplex, Failed>): Opening =>
  Exit.match(exit, {
    onSuccess: ({ info }) => ({ _tag: "Opened", at: recorder.now, info }),
    onFailure: (cause) => refusalOf(cause, recorder.now)
  })

/** Returns a transport that records the traffic on the channels of another one. */
export const recording = (recorder: Recorder, transport: Transport.Service): Transport.Service => ({
  loop: transport.loop,
  open: (endpoint, timeouts) =>
    Effect.suspend(() => {
      const track = recorder.begin(endpoint)
      return transport.open(endpoint, timeouts).pipe(
        Effect.onExit((exit) =>
          Effect.sync(() => {
            track.opening = outcome(recorder, exit)
          })
        ),
        Effect.map((duplex) => wrap(recorder, track, duplex))
      )
    }),
  secure: (duplex, serverName, tls, timeoutMillis) => {
    // A channel of another transport is not recorded.
    if (!(duplex instanceof RecordedDuplex)) return transport.secure(duplex, serverName, tls, timeoutMillis)
    const { inner, track } = duplex
    return Effect.suspend(() => {
      const at = recorder.now
      return transport.secure(inner, serverName, tls, timeoutMillis).pipe(
        Effect.onExit((exit) =>
          Effect.sync(() => track.events.push({ _tag: "Secure", at, serverName, result: outcome(recorder, exit) }))
        ),
        Effect.map((secured) => wrap(recorder, track, secured))
      )
    })
  }
})
