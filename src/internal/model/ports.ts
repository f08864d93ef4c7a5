/**
 * The ports of the core: what `connection/` and `pool/` need from the runtime that hosts them.
 *
 * The core is synchronous and knows no Effect. It reads time, sets timers, writes to the log, opens
 * channels and reads the bodies of requests through these interfaces alone. `effect/` implements
 * them for Effect 3. Bytes go through `Duplex` of `Transport.ts`, which is such a port already.
 */
import type { HttpBody } from "../../HttpBody.ts"
import type { ConnectError, DnsError, HttpTimeout, TlsError } from "../../HttpError.ts"
import type * as HttpFields from "../../HttpFields.ts"
import type * as Tls from "../../Tls.ts"
import type { AsyncContext, Duplex, Endpoint, EventLoop, OpenTimeouts } from "../../Transport.ts"

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
  /** The source of a body that arrives in pieces, or whose trailers do. */
  bodySource(body: HttpBody<unknown>, lateTrailers: unknown): BodySource
}

/**
 * The program that asks for something: a fiber, in Effect. What is done for it runs in its name.
 */
export interface Caller {
  /** The async context of the caller. */
  readonly context: AsyncContext
  /** Writes a line to the caller's log, and further parts of the same entry. */
  log(text: string, parts: ReadonlyArray<string>): void
  /** The names of fields whose values the caller's log must not show. */
  redactedNames(): ReadonlyArray<string | RegExp>
}

/** What a dialer needs of the host. */
export type DialHost = Pick<Host, "loop" | "isLive" | "now" | "startTimer">

/** What a dialer needs of the caller. */
export type DialCaller = Pick<Caller, "context">

/** How an attempt to open a channel ended. */
export type Dialed<E = DnsError | ConnectError | TlsError | HttpTimeout> =
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

/** Takes the body of a request piece by piece. */
export interface BodySink {
  /** True if no further piece will be sent, because the server has answered or the caller left. */
  readonly isStopped: boolean
  /**
   * Writes pieces. Returns `false` if they were not all written: the sink calls `resume` once, and
   * the source then calls `flush` until it returns true. Fails with what is wrong with a piece.
   */
  write(pieces: ReadonlyArray<Uint8Array>, resume: () => void): boolean | BodySinkError
  /** Goes on with the pieces of the last `write`. */
  flush(resume: () => void): boolean | BodySinkError
  /** Waits until the body may be sent, or will never be. Returns true if that is so already. */
  await100Continue(resume: () => void): boolean
  /** Ends the body, with these trailers if they became known late. */
  end(trailers: HttpFields.HttpFields | undefined, resume: () => void): boolean | BodySinkError
}

/** Why a sink does not take something. */
export interface BodySinkError {
  readonly _tag: string
}

/** A body that arrives in pieces. */
export interface BodySource {
  readonly start: (sink: BodySink, caller: Caller) => BodyRun
}

/** A body on its way. */
export interface BodyRun {
  /** Stops the source. Its finalizers may run for longer. */
  stop(): void
  /** Calls back once when the source has ended, its finalizers included. Returns how to cancel. */
  whenEnded(callback: () => void): () => void
}
