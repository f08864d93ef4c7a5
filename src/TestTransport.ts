/**
 * A `Transport` that plays a script: for tests of this library, and of programs that use it.
 *
 * No socket and no timer of its own: a script says what the peer expects, answers and breaks,
 * `delay` and the timeouts of opening run on Effect's `Clock`, and everything else comes in
 * microtasks, in the same order in every run. Opens no real connections (`NodeTransport` does) and
 * knows no HTTP.
 *
 * Rules, which are those of real sockets at their worst: the receiver hears nothing within a call
 * of `write`; the view given to `onData` is overwritten with garbage after the call; bytes that
 * come before `attach` or in a pause are kept; nothing comes after `destroy`. A step begins when
 * the one before it is done. Bytes that the client writes and no step takes are a failure.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as TestTransport from "effect-http-client/TestTransport"
 *
 * export const program = Effect.gen(function*() {
 *   const transport = yield* TestTransport.make([
 *     TestTransport.connection(
 *       TestTransport.expect("ping\r\n"),
 *       TestTransport.delay("2 seconds"),
 *       TestTransport.reply("pong\r\n", { split: "bytes" }),
 *       TestTransport.eof
 *     )
 *   ])
 *   const duplex = yield* transport.open(
 *     { host: "a.test", port: 80 },
 *     { dns: Infinity, connect: Infinity, tls: Infinity }
 *   )
 *   const answer = yield* Effect.async<string>((resume) => {
 *     let text = ""
 *     duplex.attach({
 *       onData: (bytes) => {
 *         text += new TextDecoder().decode(bytes)
 *         return true
 *       },
 *       onEnd: () => resume(Effect.succeed(text)),
 *       onError: (fault) => resume(Effect.die(fault.cause))
 *     })
 *     duplex.write("ping\r\n")
 *   })
 *   yield* transport.verify
 *   return answer
 * })
 * ```
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { TlsError } from "./HttpError.ts"
import type * as report from "./internal/testing/report.ts"
import * as script from "./internal/testing/scriptedTransport.ts"
import * as step from "./internal/testing/steps.ts"
import type * as Transport from "./Transport.ts"

export {
  /**
   * A client did not do what its script says. `problems` has one text for each thing that went
   * wrong, with the bytes.
   *
   * @since 0.1.0
   * @category errors
   */
  ScriptError
} from "./internal/testing/report.ts"

/**
 * One thing that happens on a connection.
 *
 * @since 0.1.0
 * @category models
 */
export type Step = step.Step

/**
 * How `reply` cuts its bytes: one by one, in pieces of this size, or at these offsets.
 *
 * @since 0.1.0
 * @category models
 */
export type Split = step.Split

/**
 * One connection of a script, from the attempt to open it.
 *
 * @since 0.1.0
 * @category models
 */
export type Connection = step.Connection

/**
 * The connections that a client opens, in this order. One more is refused, and `verify` tells.
 *
 * @since 0.1.0
 * @category models
 */
export type Script = ReadonlyArray<Connection>

/**
 * What became of one connection. `ended`: the client called `end`. `referenced`: it keeps the
 * process alive. `remaining`: the steps that were not played, readable.
 *
 * @since 0.1.0
 * @category models
 */
export type ConnectionState = script.ConnectionState

/**
 * One call of `secure`.
 *
 * @since 0.1.0
 * @category models
 */
export type Secured = script.Secured

/**
 * The transport, and what it saw. Connections are counted from 0; every member tells of the moment
 * it is read.
 *
 * @since 0.1.0
 * @category models
 */
export interface Handle extends Transport.Service {
  /** Where the client asked to connect to, an entry for each attempt. */
  readonly opened: ReadonlyArray<Transport.Endpoint>
  /** Channels that are open or being opened: 0 where nothing leaked. */
  readonly openCount: number
  /** Every call of `secure`. */
  readonly secured: ReadonlyArray<Secured>
  /**
   * All that was written on a connection so far, as ISO-8859-1. Bytes of a write that failed are
   * not among it.
   */
  readonly written: (connection: number) => string
  /** As `written`, as bytes. */
  readonly writtenBytes: (connection: number) => Uint8Array
  /** Throws where that connection was never opened. */
  readonly state: (connection: number) => ConnectionState
  /** The steps that were not played, readable. */
  readonly remaining: ReadonlyArray<string>
  /**
   * Fails where an expectation failed, a connection or a step was not played, or bytes were written
   * that no step takes. A last `stall` counts as played.
   */
  readonly verify: Effect.Effect<void, report.ScriptError>
}

/**
 * A transport that plays this script. The scope's end closes what is still open.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: (script: Script) => Effect.Effect<Handle, never, Scope.Scope> = script.make

/**
 * A transport that plays this script. The scope's end dies with a `ScriptError` where an
 * expectation failed, bytes were written that no step takes, or too many connections were opened;
 * not where steps were not played. For `verify` use `make` and `Layer.succeed`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: (script: Script) => Layer.Layer<Transport.Transport> = script.layer

/**
 * A connection that opens at once and plays these steps.
 *
 * @since 0.1.0
 * @category connections
 */
export const connection: (...steps: ReadonlyArray<Step>) => Connection = step.connection

/**
 * A connection that fails to open. Default: `ConnectError` with `ECONNREFUSED`. An error given is
 * failed with as it is, so it should be a new one for each use.
 *
 * @since 0.1.0
 * @category connections
 */
export const refuse: (error?: step.OpenError) => Connection = step.refuse

/**
 * A connection that is never opened nor refused: the attempt ends by `timeouts.connect` or by
 * interruption.
 *
 * @since 0.1.0
 * @category connections
 */
export const openStalls: Connection = step.openStalls

/**
 * The same connection, opened or refused after this time.
 *
 * @since 0.1.0
 * @category connections
 */
export const openAfter: (duration: Duration.DurationInput, connection: Connection) => Connection = step.openAfter

/**
 * Waits until exactly these bytes were written, a string as ISO-8859-1. Other bytes reset the
 * connection at once, with a `ScriptError` as the cause of the fault.
 *
 * @since 0.1.0
 * @category client steps
 */
export const expect: (bytes: Uint8Array | string) => Step = step.expect

/**
 * Waits until this many bytes were written, and takes them whatever they are. Without a number:
 * takes all that is written from here on and goes on at once, so that no `expect` can follow.
 *
 * @since 0.1.0
 * @category client steps
 */
export const discard: (count?: number) => Step = step.discard

/**
 * Waits until these bytes were written, and takes them with all that came before:
 * `discardUntil("\r\n\r\n")` takes a head whose fields differ from run to run.
 *
 * @since 0.1.0
 * @category client steps
 */
export const discardUntil: (bytes: Uint8Array | string) => Step = step.discardUntil

/**
 * Waits until the client finishes its sending side.
 *
 * @since 0.1.0
 * @category client steps
 */
export const expectEnd: Step = step.expectEnd

/**
 * Waits until the client destroys the channel: steps before it were played while it was open.
 *
 * @since 0.1.0
 * @category client steps
 */
export const expectDestroy: Step = step.expectDestroy

/**
 * Waits until the client writes: that write fails, and the channel breaks with a fault of this
 * code, such as `EPIPE`.
 *
 * @since 0.1.0
 * @category client steps
 */
export const writeFails: (code: string) => Step = step.writeFails

/**
 * Waits for `secure`, which fails with this error. Where another step is next when `secure` is
 * called, that decides: after a `delay` the one behind it, a `stall` lets it hang, `eof`, `reset`
 * and `fail` are a `TlsError` whose reason is `Closed`, and with any other it succeeds.
 *
 * @since 0.1.0
 * @category client steps
 */
export const refuseTls: (error: TlsError) => Step = step.refuseTls

/**
 * Sends bytes, a string as ISO-8859-1, in pieces of at most 65,536 bytes; each piece is one call of
 * `onData`, in a turn of its own. Done when the client took the last one.
 *
 * @since 0.1.0
 * @category peer steps
 */
export const reply: (bytes: Uint8Array | string, options?: { readonly split?: Split | undefined }) => Step = step.reply

/**
 * The peer finishes its sending side (FIN; over TLS close_notify before it). The client may go on
 * writing.
 *
 * @since 0.1.0
 * @category peer steps
 */
export const eof: Step = step.eof

/**
 * The peer's sending side ends without a word of TLS (close_notify), as where it was cut on its
 * way; without TLS it is as `eof`.
 *
 * @since 0.2.0
 * @category peer steps
 */
export const cutOff: Step = step.cutOff

/**
 * The channel breaks with `ECONNRESET`.
 *
 * @since 0.1.0
 * @category peer steps
 */
export const reset: Step = step.reset

/**
 * The channel breaks with this code.
 *
 * @since 0.1.0
 * @category peer steps
 */
export const fail: (code: string) => Step = step.fail

/**
 * Waits this long on the `Clock`.
 *
 * @since 0.1.0
 * @category peer steps
 */
export const delay: (duration: Duration.DurationInput) => Step = step.delay

/**
 * Nothing more happens. What the client writes is taken, whatever it is.
 *
 * @since 0.1.0
 * @category peer steps
 */
export const stall: Step = step.stall

/**
 * From here on `write` takes the bytes, for the steps that follow too, but returns `false`, and
 * `drained` waits. The write that completes the `expect` before this step is the first to return
 * `false`.
 *
 * @since 0.1.0
 * @category peer steps
 */
export const blockWrites: Step = step.blockWrites

/**
 * Ends `blockWrites` and calls back whoever waits for `drained`.
 *
 * @since 0.1.0
 * @category peer steps
 */
export const unblockWrites: Step = step.unblockWrites
