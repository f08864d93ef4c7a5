/**
 * The ports of the core: what `connection/` and `pool/` need from the runtime that hosts them.
 *
 * The core is synchronous and knows no Effect. It reads time, sets timers, writes to the log, opens
 * channels and reads the bodies of requests through these interfaces alone. `effect/` implements
 * them for Effect 3. Bytes go through `Duplex` of `Transport.ts`, which is such a port already.
 */
import type { HttpBody } from "../../HttpBody.ts"
import type { AddressRefused, ConnectError, DnsError, HttpError, HttpTimeout, TlsError } from "../../HttpError.ts"
import type * as HttpFields from "../../HttpFields.ts"
import type * as Tls from "../../Tls.ts"
import type {
  Addresses,
  Addressing,
  AsyncContext,
  Duplex,
  Endpoint,
  EventLoop,
  OpenTimeouts,
  StopLookup
} from "../../Transport.ts"
import type { Source } from "./source.ts"

/** A running timer of the host. */
export interface HostTimer {
  /** Says whether the process must stay alive until the timer fires. */
  hold(awaited: boolean): void
  cancel(): void
}

/** Time, timers, the event loop and the log. */
export interface Host {
  readonly loop: EventLoop
  /**
   * True if time is real. Bytes that arrived in time may then still be unread when a limit is due,
   * so the sockets are polled before it expires. Under a test clock time stands still while code
   * runs.
   */
  readonly isLive: boolean
  /**
   * Milliseconds with fractions, only meaningful as differences. Monotonic, so that setting the
   * system's time fires no timer.
   */
  now(): number
  /**
   * Calls back once after `millis`, never within this call. `awaited` says whether the process must
   * stay alive until then.
   */
  startTimer(millis: number, awaited: boolean, callback: () => void): HostTimer
  /** Writes an error to the log, with the defect that caused it. Never throws. */
  logError(text: string, defect: unknown): void
  /** Writes a warning to the log. Never throws. */
  logWarning(text: string): void
  /**
   * Milliseconds of a duration in any form that the host knows; `undefined` if it is negative or
   * none.
   */
  millisOf(duration: unknown): number | undefined
  /** The source of a body that arrives in pieces, or has trailers that do. */
  bodySource(body: HttpBody<unknown>, lateTrailers: unknown): BodySource
  /**
   * Evaluates an option of the caller. Calls `done` once, perhaps within the call, when nothing of
   * it runs any longer.
   */
  ask(source: Source, caller: Caller, done: (answer: Answer) => void): Abort
}

/** The outcome of `ask`. */
export type Answer =
  | { readonly _tag: "Given"; readonly value: unknown }
  | { readonly _tag: "Failed"; readonly error: unknown }
  /** A defect: the host's record of it. */
  | { readonly _tag: "Died"; readonly defect: unknown }
  | { readonly _tag: "Aborted" }

/**
 * The program that asks for something: in Effect, a fiber. Work for it runs in its context.
 */
export interface Caller {
  /** The async context of the caller. */
  readonly context: AsyncContext
  /** True if no program is waiting for the result, so that the process may exit first. */
  readonly isBackground?: boolean | undefined
  /** Writes an entry to the caller's log, whose lines must not show the values of these fields. */
  log(lines: (redactedNames: ReadonlyArray<string | RegExp>) => ReadonlyArray<string>): void
}

/** The parts of the host that a dialer needs. */
export type DialHost = Pick<Host, "loop" | "isLive" | "now" | "startTimer">

/** The parts of the caller that a dialer needs. */
export type DialCaller = Pick<Caller, "context" | "isBackground">

/** The outcome of an attempt to open a channel. */
export type Dialed<E = DnsError | AddressRefused | ConnectError | TlsError | HttpTimeout> =
  | {
    readonly _tag: "Opened"
    readonly duplex: Duplex
    /** Ends what else the attempt holds. Called when the channel has been destroyed. */
    readonly release: (() => void) | undefined
  }
  | { readonly _tag: "Failed"; readonly error: E }
  /** A defect: what was thrown, or the host's record of it. */
  | { readonly _tag: "Died"; readonly defect: unknown }
  /** Aborted, with nothing left open. */
  | { readonly _tag: "Aborted" }

/** The outcome of a lookup. */
export type Resolved =
  /** The addresses in the order in which they are to be tried, and how long the lookup took. */
  | { readonly _tag: "Resolved"; readonly addresses: ReadonlyArray<string>; readonly millis: number }
  | Exclude<Dialed, { readonly _tag: "Opened" }>

/**
 * Aborts an attempt that has not ended. It then ends as `Aborted`, or with the outcome that was
 * already under way.
 */
export type Abort = () => void

/**
 * Opens channels. Every attempt calls `done` once, perhaps within the call that starts it. Nothing
 * of the attempt is then left except what `Dialed` holds.
 */
export interface Dialer {
  /** Opens a channel to an endpoint. */
  dial(
    endpoint: Endpoint,
    timeouts: OpenTimeouts,
    host: DialHost,
    caller: DialCaller,
    done: (result: Dialed) => void
  ): Abort
  /** Resolves a name as `dial` does, for an address that another party dials. */
  resolve(
    name: string,
    addressing: Addressing | undefined,
    timeoutMillis: number,
    host: DialHost,
    caller: DialCaller,
    done: (result: Resolved) => void
  ): Abort
  /**
   * Starts TLS inside an open channel, which must have no pending bytes and must not be used
   * afterwards. If that fails, the channel is destroyed.
   */
  secure(
    duplex: Duplex,
    serverName: string,
    tls: Tls.Options,
    timeoutMillis: number,
    host: DialHost,
    caller: DialCaller,
    done: (result: Dialed<TlsError | HttpTimeout>) => void
  ): Abort
}

/**
 * Resolves a name in the context of the caller. Calls `done` once, or `died` with a defect, perhaps
 * within the call. Returns how to stop the lookup, after which neither is called.
 */
export type NameLookup = (
  name: string,
  caller: DialCaller,
  done: (answer: Addresses | DnsError) => void,
  died: (defect: unknown) => void
) => StopLookup

/** Returns why a policy refuses an address of a host, or `undefined` if it may be dialled. */
export type AddressCheck = (host: string, address: string, port: number) => AddressRefused | undefined

/** How openings find the addresses of their endpoints, if the program decides that itself. */
export interface AddressPorts {
  /** `undefined` if the dialer itself looks names up. */
  readonly lookUp: NameLookup | undefined
  /** `undefined` if every address is allowed. */
  readonly check: AddressCheck | undefined
}

/** Takes the body of a request piece by piece, from a source that runs until it reports its end. */
export interface BodySink {
  /**
   * True if no further piece will be sent, because the server has responded or the caller was
   * interrupted.
   */
  readonly isStopped: boolean
  /**
   * Returns true if the body may be sent now, or never. Otherwise `resume` is called as soon as it
   * may.
   */
  await100Continue(resume: () => void): boolean
  /**
   * Writes pieces. Returns true if the sink takes more at once. On false it calls `resume` once,
   * and the source must call `flush` before it writes more. Returns the fault of an invalid piece.
   */
  write(pieces: ReadonlyArray<unknown>, resume: () => void): boolean | HttpError
  /** Writes the rest of the pieces of the last `write`. */
  flush(resume: () => void): boolean | HttpError
  /** Sets the trailers of the body, once they are known. */
  setTrailers(trailers: HttpFields.HttpFields): void
  /** Ends the body. */
  end(resume: () => void): boolean | HttpError
  /** The source has ended. So has the body if the source was the whole body. */
  onFinished(): void
  onFailed(error: HttpError): void
  /** The source died. `cause` is the form in which errors show the defect. */
  onDied(defect: unknown, cause: unknown): void
  /** The source was interrupted. */
  onInterrupted(): void
}

/** A body that arrives in pieces. */
export interface BodySource {
  /**
   * Starts the source in the context of the caller. `sink.end` is called only if the source is the
   * whole body.
   */
  start(sink: BodySink, caller: Caller): BodyRun
}

/** A body in progress. */
export interface BodyRun {
  /** Stops the source. Its finalizers may run for longer. */
  stop(): void
  /** Calls back once when the source has ended, its finalizers included. Returns how to cancel. */
  whenEnded(callback: () => void): () => void
}
