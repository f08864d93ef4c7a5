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

/** A timer of the host that runs. */
export interface HostTimer {
  /** Says whether the process must stay alive until the timer fires. */
  hold(awaited: boolean): void
  cancel(): void
}

/** Time, timers, the event loop and the log. */
export interface Host {
  readonly loop: EventLoop
  /**
   * True if time is real. What arrived in time may then still be unread when a limit is due, so the
   * sockets are polled before it expires. Under a test clock time stands still while code runs.
   */
  readonly isLive: boolean
  /**
   * Milliseconds with fractions, only good for differences. Monotonic, so that setting the system's
   * time fires nothing.
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
  /** The source of a body that arrives in pieces, or whose trailers do. */
  bodySource(body: HttpBody<unknown>, lateTrailers: unknown): BodySource
  /**
   * Asks the program for an option, in the name of the caller. Calls `done` once, perhaps within
   * the call, when nothing of it runs any longer.
   */
  ask(source: Source, caller: Caller, done: (answer: Answer) => void): Abort
}

/** How a question to the program ended. */
export type Answer =
  | { readonly _tag: "Given"; readonly value: unknown }
  | { readonly _tag: "Failed"; readonly error: unknown }
  /** A defect: the host's record of it. */
  | { readonly _tag: "Died"; readonly defect: unknown }
  | { readonly _tag: "Aborted" }

/**
 * The program that asks for something: a fiber, in Effect. What is done for it runs in its name.
 */
export interface Caller {
  /** The async context of the caller. */
  readonly context: AsyncContext
  /** True if no program waits for what is done, so that the process may end before. */
  readonly isBackground?: boolean | undefined
  /** Writes an entry to the caller's log, whose lines must not show the values of these fields. */
  log(lines: (redactedNames: ReadonlyArray<string | RegExp>) => ReadonlyArray<string>): void
}

/** What a dialer needs of the host. */
export type DialHost = Pick<Host, "loop" | "isLive" | "now" | "startTimer">

/** What a dialer needs of the caller. */
export type DialCaller = Pick<Caller, "context" | "isBackground">

/** How an attempt to open a channel ended. */
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

/** How a lookup ended. */
export type Resolved =
  /** The addresses in the order in which they are to be tried, and how long the lookup took. */
  | { readonly _tag: "Resolved"; readonly addresses: ReadonlyArray<string>; readonly millis: number }
  | Exclude<Dialed, { readonly _tag: "Opened" }>

/** Aborts an attempt that has not ended. It then ends as `Aborted`, or as it was about to end. */
export type Abort = () => void

/**
 * Opens channels. Every attempt calls `done` once, perhaps within the call that starts it, when
 * nothing of it is left but what `Dialed` holds.
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
   * Starts TLS inside an open channel, which must have no bytes waiting and may not be used
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
 * Resolves a name in the name of the caller. Calls `done` once, or `died` with a defect, perhaps
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

/** How openings find the addresses of their endpoints, where the program decides that itself. */
export interface AddressPorts {
  /** `undefined` if the dialer looks names up by itself. */
  readonly lookUp: NameLookup | undefined
  /** `undefined` if every address is allowed. */
  readonly check: AddressCheck | undefined
}

/** Takes the body of a request piece by piece, from a source that runs until it reports its end. */
export interface BodySink {
  /** True if no further piece will be sent, because the server has responded or the caller left. */
  readonly isStopped: boolean
  /** Returns true if the body may be sent now, or never. Otherwise `resume` is called then. */
  await100Continue(resume: () => void): boolean
  /**
   * Writes pieces. Returns true if the sink takes more at once. On false it calls `resume` once,
   * and the source must call `flush` before it writes more. Returns what is wrong with a piece.
   */
  write(pieces: ReadonlyArray<unknown>, resume: () => void): boolean | HttpError
  /** Writes what is left of the pieces of the last `write`. */
  flush(resume: () => void): boolean | HttpError
  /** The trailers of the body, which became known late. */
  setTrailers(trailers: HttpFields.HttpFields): void
  /** Ends the body. */
  end(resume: () => void): boolean | HttpError
  /** The source has ended, and the body with it if it was the whole. */
  onFinished(): void
  onFailed(error: HttpError): void
  /** The source died. `cause` is what errors show of the defect. */
  onDied(defect: unknown, cause: unknown): void
  /** The source was interrupted. */
  onInterrupted(): void
}

/** A body that arrives in pieces. */
export interface BodySource {
  /** Starts the source, in the name of the caller. `sink.end` is called only if it is the whole. */
  start(sink: BodySink, caller: Caller): BodyRun
}

/** A body on its way. */
export interface BodyRun {
  /** Stops the source. Its finalizers may run for longer. */
  stop(): void
  /** Calls back once when the source has ended, its finalizers included. Returns how to cancel. */
  whenEnded(callback: () => void): () => void
}
