/**
 * The scripted transport: opens the connections of a script in order, and reports their states.
 *
 * Plays no steps itself (`player.ts`). Rules: an attempt to open uses up one connection of the
 * script, even if it fails. Every wait runs on the `Clock`. Interruption leaves nothing open.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { ConnectError, type TlsError } from "../../HttpError.ts"
import type * as Tls from "../../Tls.ts"
import * as Transport from "../../Transport.ts"
import { within } from "../effect/within.ts"
import { makeInfo, ScriptedDuplex, tlsInfo } from "./duplex.ts"
import { Player } from "./player.ts"
import { describe, ScriptError } from "./report.ts"
import type { Connection, OpenError } from "./steps.ts"

/** The state of one connection, which can be read at any time. */
export interface ConnectionState {
  readonly endpoint: Transport.Endpoint
  readonly ended: boolean
  readonly paused: boolean
  readonly destroyed: boolean
  readonly referenced: boolean
  readonly remaining: ReadonlyArray<string>
}

export interface Secured {
  readonly connection: number
  readonly serverName: string
  readonly tls: Tls.Options
}

/** The transport and what it recorded. Connections are counted from 0. */
export interface Handle extends Transport.Service {
  /** The endpoints that the client connected to, one for each attempt. */
  readonly opened: ReadonlyArray<Transport.Endpoint>
  /** The number of channels that are open or being opened: 0 if nothing leaked. */
  readonly openCount: number
  /** All calls of `secure`. */
  readonly secured: ReadonlyArray<Secured>
  /** All bytes written on a connection so far, as ISO-8859-1, without those of a failed write. */
  readonly written: (connection: number) => string
  /** The same as bytes. */
  readonly writtenBytes: (connection: number) => Uint8Array
  /** Returns the state of a connection. Throws if that connection was never opened. */
  readonly state: (connection: number) => ConnectionState
  /** The steps that were not played, in readable form. */
  readonly remaining: ReadonlyArray<string>
  /**
   * Fails if an expectation failed, if a connection or a step was not played, or if bytes were
   * written that no step consumes. A `stall` at the end counts as played.
   */
  readonly verify: Effect.Effect<void, ScriptError>
}

interface Attempt {
  readonly endpoint: Transport.Endpoint
  /** True until the attempt has succeeded or failed. */
  opening: boolean
  player: Player | undefined
}

const target = (endpoint: Transport.Endpoint): string =>
  endpoint.socketPath ?? (endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host) + `:${endpoint.port}`

const refused = (endpoint: Transport.Endpoint, cause: unknown): ConnectError =>
  new ConnectError({
    reason: "Refused",
    code: "ECONNREFUSED",
    target: target(endpoint),
    attempts: [{ address: endpoint.socketPath ?? endpoint.host, port: endpoint.port, code: "ECONNREFUSED" }],
    cause
  })

const scoped = (duplex: ScriptedDuplex): Effect.Effect<Transport.Duplex, never, Scope.Scope> =>
  Effect.as(Effect.addFinalizer(() => Effect.sync(() => duplex.destroy())), duplex)

/**
 * One context for all connections, because tests over a script need the order of microtasks, which
 * no context changes.
 */
const sameContext: Transport.AsyncContext = { run: (f) => f() }

export class ScriptedTransport implements Handle {
  readonly secured: Array<Secured> = []
  private readonly script: ReadonlyArray<Connection>
  private readonly attempts: Array<Attempt> = []
  /** Problems that belong to no connection of the script. */
  private readonly problems: Array<string> = []

  constructor(script: ReadonlyArray<Connection>) {
    this.script = script
  }

  /**
   * The script's event loop. A poll is over when no connection can deliver anything without further
   * calls of the client.
   */
  readonly loop: Transport.EventLoop = {
    afterPoll: (callback) => queueMicrotask(() => this.isDelivering ? this.loop.afterPoll(callback) : callback()),
    captureContext: () => sameContext
  }

  private get isDelivering(): boolean {
    return this.attempts.some(({ player }) => player?.delivering === true)
  }

  get opened(): ReadonlyArray<Transport.Endpoint> {
    return this.attempts.map((attempt) => attempt.endpoint)
  }

  get openCount(): number {
    return this.attempts.filter((attempt) => attempt.player === undefined ? attempt.opening : !attempt.player.closed)
      .length
  }

  get remaining(): ReadonlyArray<string> {
    return this.script.flatMap((connection, index) =>
      (this.attempts[index] === undefined ? connection.steps : this.attempts[index].player?.remaining ?? [])
        .map((step) => `connection ${index}: ${describe(step)}`)
    )
  }

  readonly written = (connection: number): string => Buffer.from(this.writtenBytes(connection)).toString("latin1")

  readonly writtenBytes = (connection: number): Uint8Array =>
    this.attempts[connection]?.player?.written.all ?? new Uint8Array(0)

  readonly state = (connection: number): ConnectionState => {
    const attempt = this.attempts[connection]
    if (attempt === undefined) throw new RangeError(`Connection ${connection} was never opened.`)
    const player = attempt.player
    return {
      endpoint: attempt.endpoint,
      ended: player?.ended ?? false,
      paused: player?.inbound.paused ?? false,
      referenced: player !== undefined && player.referenced && !player.closed,
      destroyed: player === undefined ? !attempt.opening : player.closed,
      remaining: player?.remaining.map(describe) ?? []
    }
  }

  readonly verify: Effect.Effect<void, ScriptError> = Effect.suspend(() =>
    this.report([...this.problems, ...this.script.flatMap((_, index) => this.problemOf(index))])
  )

  /**
   * Does the same as `verify`, but ignores unplayed steps, because a scope may end early for many
   * reasons.
   */
  readonly verifyFailures: Effect.Effect<void, ScriptError> = Effect.suspend(() =>
    this.report([
      ...this.problems,
      ...this.attempts.flatMap((attempt) => attempt.player?.failure?.problems ?? [])
    ])
  )

  destroyAll(): void {
    for (const attempt of this.attempts) attempt.player?.destroy()
  }

  private report(problems: ReadonlyArray<string>): Effect.Effect<void, ScriptError> {
    return problems.length === 0 ? Effect.void : Effect.fail(new ScriptError({ problems }))
  }

  private problemOf(index: number): ReadonlyArray<string> {
    const attempt = this.attempts[index]
    if (attempt === undefined) return [`Connection ${index} was never opened.`]
    const problem = attempt.player?.problem
    return problem === undefined ? [] : [problem]
  }

  readonly open = (
    endpoint: Transport.Endpoint,
    timeouts: Transport.OpenTimeouts
  ): Effect.Effect<Transport.Duplex, OpenError, Scope.Scope> =>
    Effect.uninterruptibleMask((restore) => {
      const index = this.attempts.length
      const attempt: Attempt = { endpoint, opening: true, player: undefined }
      this.attempts.push(attempt)
      const connection = this.script[index]
      if (connection === undefined) return this.unscripted(attempt, index)
      const accept = Effect.flatMap(Effect.runtime<never>(), (runtime) => {
        const player = new Player(index, connection.steps, runtime)
        attempt.player = player
        return scoped(new ScriptedDuplex(makeInfo(endpoint, index, connection.after), index, player))
      })
      // Uninterruptible from the creation of the channel until its finalizer is added.
      return restore(this.beforeOpen(attempt, connection, timeouts.connect)).pipe(
        Effect.zipRight(accept),
        Effect.ensuring(Effect.sync(() => {
          attempt.opening = false
        }))
      )
    })

  /** Runs the steps before the channel exists. */
  private beforeOpen(attempt: Attempt, connection: Connection, limit: number): Effect.Effect<void, OpenError> {
    const outcome: Effect.Effect<void, OpenError> = connection.open._tag === "Stall"
      ? Effect.never
      : connection.open._tag === "Refuse"
      ? Effect.fail(connection.open.error ?? refused(attempt.endpoint, undefined))
      : Effect.void
    if (connection.after > 0) {
      return within(Effect.delay(outcome, Duration.millis(connection.after)), "connect", limit, this.loop)
    }
    return connection.open._tag === "Stall" ? within(outcome, "connect", limit, this.loop) : outcome
  }

  private unscripted(attempt: Attempt, index: number): Effect.Effect<never, ConnectError> {
    attempt.opening = false
    const problem = `The client opened connection ${index}, to ${
      target(attempt.endpoint)
    }, and the script has only ${this.script.length}.`
    this.problems.push(problem)
    return Effect.fail(refused(attempt.endpoint, new ScriptError({ problems: [problem] })))
  }

  readonly secure: Transport.Service["secure"] = (duplex, serverName, tls, timeoutMillis) =>
    Effect.suspend(() => {
      if (!(duplex instanceof ScriptedDuplex)) {
        return Effect.die(new ScriptError({ problems: ["secure() was given a channel of another transport."] }))
      }
      this.secured.push({ connection: duplex.index, serverName, tls })
      const info = { ...duplex.info, tls: tlsInfo(tls), timings: { ...duplex.info.timings, tls: 0 } }
      const next = duplex.replace(info)
      const handshake = Effect.async<void, TlsError>((resume) => {
        // No cleanup here: `onExit` below also handles an interruption after the handshake.
        next.player.startTls({ serverName, settle: resume })
      })
      return Effect.uninterruptibleMask((restore) =>
        restore(within(handshake, "tls", timeoutMillis, this.loop)).pipe(
          Effect.onExit((exit) => Exit.isFailure(exit) ? Effect.sync(() => next.destroy()) : Effect.void),
          Effect.zipRight(scoped(next))
        )
      )
    })
}

export const make = (script: ReadonlyArray<Connection>): Effect.Effect<ScriptedTransport, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => new ScriptedTransport(script)),
    (transport) => Effect.sync(() => transport.destroyAll())
  )

export const layer = (script: ReadonlyArray<Connection>): Layer.Layer<Transport.Transport> =>
  Layer.scoped(
    Transport.Transport,
    Effect.tap(make(script), (transport) => Effect.addFinalizer(() => Effect.orDie(transport.verifyFailures)))
  )
