/**
 * A `Transport` that plays a script: for tests of this library, and of programs that use it.
 *
 * It has no sockets and no timers. A script says what the peer expects, replies and breaks. `delay`
 * and the timeouts of opening run on Effect's `Clock`. Everything else happens in microtasks, in
 * the same order in every run. It opens no real connections (`NodeTransport` does) and knows no
 * HTTP.
 *
 * Its rules are those of real sockets at their worst. The receiver is never called within a call of
 * `write`. The view given to `onData` is overwritten with garbage after the call. Bytes that arrive
 * before `attach` or during a pause are kept. Nothing is delivered after `destroy`. A step begins
 * when the previous one is done. Bytes that the client writes and no step consumes are a failure.
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
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { TlsError } from "./HttpError.ts"
import type * as fault from "./internal/testing/faults.ts"
import * as faulty from "./internal/testing/faultyTransport.ts"
import * as script from "./internal/testing/scriptedTransport.ts"
import * as step from "./internal/testing/steps.ts"
import type * as Transport from "./Transport.ts"

export {
  /**
   * A client did not follow its script. `problems` has one text for each deviation, with the bytes.
   *
   * @since 0.1.0
   * @category errors
   */
  ScriptError
} from "./internal/testing/report.ts"

/**
 * One step on a connection.
 *
 * @since 0.1.0
 * @category models
 */
export type Step = step.Step

/**
 * How `reply` splits its bytes: one by one, in pieces of this size, or at these offsets.
 *
 * @since 0.1.0
 * @category models
 */
export type Split = step.Split

/**
 * One connection of a script, starting with the attempt to open it.
 *
 * @since 0.1.0
 * @category models
 */
export type Connection = step.Connection

/**
 * The connections that the client is expected to open, in order. Opening one more is refused, and
 * `verify` reports it.
 *
 * @since 0.1.0
 * @category models
 */
export type Script = ReadonlyArray<Connection>

/**
 * The state of one connection. `ended`: the client called `end`. `referenced`: it keeps the process
 * alive. `remaining`: the steps that were not played, in readable form.
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
 * The transport and what it recorded. Connections are counted from 0. Every member shows the state
 * at the moment of reading.
 *
 * @since 0.1.0
 * @category models
 */
export interface Handle extends script.Handle {}

/**
 * Creates a transport that plays this script. Closing the scope closes its open channels.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: (script: Script) => Effect.Effect<Handle, never, Scope.Scope> = script.make

/**
 * A transport that plays this script. Unplayed steps are allowed: for `verify`, use `make` and
 * `Layer.succeed`. Closing the scope dies with a `ScriptError` if an expectation failed, bytes were
 * written that no step consumes, or too many connections were opened.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: (script: Script) => Layer.Layer<Transport.Transport> = script.layer

/**
 * One fault of a connection, with its place: the number of the connection, the round (a request and
 * its response), and the offset in bytes. Faults of `injected` can be given to `faults` again.
 *
 * @since 0.2.0
 * @category models
 */
export type Fault = fault.Fault

/**
 * How often each kind of fault is drawn. Kinds that are not named do not happen.
 *
 * @since 0.2.0
 * @category models
 */
export interface FaultPolicy extends fault.FaultPolicy {}

/**
 * A transport with faults, and a record of what it did.
 *
 * @since 0.2.0
 * @category models
 */
export interface FaultyTransport extends fault.FaultyTransport {}

/**
 * The transport with faults that `faultsLayer` provides, to see what it did.
 *
 * @since 0.2.0
 * @category tags
 */
export class Faulty extends Context.Tag("effect-http-client/TestTransport/Faulty")<Faulty, FaultyTransport>() {}

/**
 * Returns the given transport (a script, or real sockets) with the faults of a policy, or of a
 * list. Throws `RangeError` if the policy is invalid.
 *
 * Faults are drawn for each round of each connection, from the seed and their numbers alone. The
 * same program therefore has the same faults in every run. Delays run on the `Clock` of the fiber
 * that opens the connection. Faults are above TLS. In a tunnel they first affect the bytes for the
 * proxy, then those inside TLS.
 *
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { ConnectionPool, HttpRequest, NodeTransport, TestTransport } from "effect-http-client"
 *
 * // In one request of three the connection breaks, and one in ten is not answered.
 * const transport = TestTransport.faultsLayer({ seed: 1, resets: 0.3, stalls: 0.1 })
 *
 * export const program = Effect.gen(function*() {
 *   const pool = yield* ConnectionPool.make()
 *   const exit = yield* Effect.exit(pool.execute(HttpRequest.get("http://localhost:8080/")))
 *   return { exit, report: (yield* TestTransport.Faulty).report }
 * }).pipe(Effect.scoped, Effect.provide(Layer.provide(transport, NodeTransport.layer)))
 * ```
 *
 * @since 0.2.0
 * @category faults
 */
export const faults: (
  policy: FaultPolicy | ReadonlyArray<Fault>
) => (transport: Transport.Service) => FaultyTransport = faulty.faults

/**
 * Adds faults to the `Transport` of the context. `Faulty` says what happened.
 *
 * @since 0.2.0
 * @category faults
 */
export const faultsLayer = (
  policy: FaultPolicy | ReadonlyArray<Fault>
): Layer.Layer<Transport.Transport | Faulty, never, Transport.Transport> => faulty.layer(policy, Faulty)

/**
 * A connection that opens at once and plays these steps.
 *
 * @since 0.1.0
 * @category connections
 */
export const connection: (...steps: ReadonlyArray<Step>) => Connection = step.connection

/**
 * A connection that fails to open. Default: `ConnectError` with `ECONNREFUSED`. The attempt fails
 * with the given error itself, so it should be a new one for each use.
 *
 * @since 0.1.0
 * @category connections
 */
export const refuse: (error?: step.OpenError) => Connection = step.refuse

/**
 * A connection that neither opens nor fails. The attempt ends by `timeouts.connect` or by
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
 * Waits until exactly these bytes have been written; a string is ISO-8859-1. Any other bytes reset
 * the connection at once, with a `ScriptError` as the cause of the fault.
 *
 * @since 0.1.0
 * @category client steps
 */
export const expect: (bytes: Uint8Array | string) => Step = step.expect

/**
 * Waits until this many bytes have been written, and consumes them unchecked. Without a number it
 * consumes all that is written from then on and continues at once, so no `expect` can follow.
 *
 * @since 0.1.0
 * @category client steps
 */
export const discard: (count?: number) => Step = step.discard

/**
 * Waits until these bytes have been written, and consumes them with all bytes before them.
 * `discardUntil("\r\n\r\n")` consumes a head whose fields differ from run to run.
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
 * Waits until the client destroys the channel. The previous steps were played while it was open.
 *
 * @since 0.1.0
 * @category client steps
 */
export const expectDestroy: Step = step.expectDestroy

/**
 * Waits until the client writes. That write fails, and the channel breaks with a fault of this
 * code, such as `EPIPE`.
 *
 * @since 0.1.0
 * @category client steps
 */
export const writeFails: (code: string) => Step = step.writeFails

/**
 * Waits for `secure`, which fails with this error. If another step is next when `secure` is called,
 * that step decides. After a `delay` the step that follows it decides. `stall` lets `secure` hang.
 * `eof`, `reset` and `fail` make it fail with a `TlsError` with the reason `Closed`. With any other
 * step it succeeds.
 *
 * @since 0.1.0
 * @category client steps
 */
export const refuseTls: (error: TlsError) => Step = step.refuseTls

/**
 * Sends bytes in pieces of at most 65,536; a string is ISO-8859-1. Each piece is one call of
 * `onData`, in a separate microtask. The step is done when the client has received the last piece.
 *
 * @since 0.1.0
 * @category peer steps
 */
export const reply: (bytes: Uint8Array | string, options?: { readonly split?: Split | undefined }) => Step = step.reply

/**
 * The peer finishes its sending side (FIN; over TLS close_notify before it). The client may
 * continue writing.
 *
 * @since 0.1.0
 * @category peer steps
 */
export const eof: Step = step.eof

/**
 * The peer's sending side ends without close_notify, as if an intermediary had truncated it.
 * Without TLS it is the same as `eof`.
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
 * Nothing more happens. Anything that the client writes is consumed.
 *
 * @since 0.1.0
 * @category peer steps
 */
export const stall: Step = step.stall

/**
 * From now on, for the following steps too, `write` accepts the bytes but returns `false`, and
 * `drained` does not call back. The write that completes the previous `expect` is the first to
 * return `false`.
 *
 * @since 0.1.0
 * @category peer steps
 */
export const blockWrites: Step = step.blockWrites

/**
 * Ends `blockWrites` and calls the pending `drained` callbacks.
 *
 * @since 0.1.0
 * @category peer steps
 */
export const unblockWrites: Step = step.unblockWrites
