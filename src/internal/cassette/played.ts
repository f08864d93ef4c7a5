/**
 * The transport that plays a cassette: opens its connections, and reports which parts were not
 * played.
 *
 * Opens no real connection.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { ConnectError, TlsError } from "../../HttpError.ts"
import type * as Transport from "../../Transport.ts"
import { within } from "../effect/within.ts"
import { type Compare, Comparison } from "./compare.ts"
import { Deck, placeOf } from "./deck.ts"
import { errorOf, type Failed } from "./failures.ts"
import { type Cassette, CassetteMismatch } from "./model.ts"
import { mismatchCode, Player } from "./player.ts"
import type { Secrets } from "./secrets.ts"
import { millisOf } from "./tracks.ts"

/** Documented in `Cassette`. */
export interface Settings extends Compare {
  readonly match?: "connection" | "request" | undefined
  readonly times?: boolean | undefined
}

class PlayedDuplex implements Transport.Duplex {
  readonly info: Transport.DuplexInfo
  readonly player: Player

  constructor(info: Transport.DuplexInfo, player: Player) {
    this.info = info
    this.player = player
  }

  get endProven(): boolean | undefined {
    return this.player.endProven
  }

  write(bytes: Uint8Array | string, more?: Uint8Array): boolean {
    return this.player.write(bytes, more)
  }
  drained(callback: () => void): void {
    this.player.drained(callback)
  }
  attach(receiver: Transport.Receiver): void {
    this.player.attach(receiver)
  }
  resume(): void {
    this.player.resume()
  }
  end(): void {
    this.player.end()
  }
  destroy(): void {
    this.player.destroy()
  }
}

const sameContext: Transport.AsyncContext = { run: (f) => f() }

const scoped = (duplex: PlayedDuplex): Effect.Effect<Transport.Duplex, never, Scope.Scope> =>
  Effect.as(Effect.addFinalizer(() => Effect.sync(() => duplex.destroy())), duplex)

export class PlayedTransport implements Transport.Service {
  readonly #deck: Deck
  readonly #times: boolean
  readonly #players = new Set<Player>()

  constructor(cassette: Cassette, secrets: Secrets, { match, times = true, ...compare }: Settings) {
    this.#deck = new Deck(cassette, new Comparison(secrets, compare), match === "request")
    this.#times = times
  }

  /** A poll is over when no connection can deliver anything without further calls of the client. */
  readonly loop: Transport.EventLoop = {
    afterPoll: (callback) => queueMicrotask(() => this.#isDelivering ? this.loop.afterPoll(callback) : callback()),
    captureContext: () => sameContext
  }

  get #isDelivering(): boolean {
    for (const player of this.#players) {
      if (player.closed) this.#players.delete(player)
      else if (player.delivering) return true
    }
    return false
  }

  readonly verify: Effect.Effect<void, CassetteMismatch> = Effect.suspend(() =>
    this.#report([...this.#deck.problems, ...this.#deck.unplayed])
  )

  /**
   * Does the same as `verify`, but ignores unplayed parts, because a scope may end early for many
   * reasons.
   */
  readonly verifyFailures: Effect.Effect<void, CassetteMismatch> = Effect.suspend(() =>
    this.#report(this.#deck.problems)
  )

  #report(problems: ReadonlyArray<string>): Effect.Effect<void, CassetteMismatch> {
    return problems.length === 0 ? Effect.void : Effect.fail(new CassetteMismatch({ problems }))
  }

  destroyAll(): void {
    for (const player of this.#players) player.destroy()
  }

  #wait(millis: number): Effect.Effect<void> {
    return this.#times && millis > 0 ? Effect.sleep(millis) : Effect.void
  }

  readonly open = (
    endpoint: Transport.Endpoint,
    timeouts: Transport.OpenTimeouts
  ): Effect.Effect<Transport.Duplex, Failed, Scope.Scope> =>
    Effect.uninterruptibleMask((restore) => {
      const track = this.#deck.open(endpoint)
      if (typeof track === "string") {
        return Effect.fail(
          new ConnectError({
            reason: "Other",
            code: mismatchCode,
            target: placeOf({ host: endpoint.host, port: endpoint.port, socketPath: endpoint.socketPath }),
            attempts: [],
            cause: this.#deck.mismatch(track)
          })
        )
      }
      const { at, opening } = track.connection
      if (opening._tag === "Unfinished") {
        return restore(within(Effect.never, "connect", timeouts.connect, this.loop))
      }
      const waited = restore(this.#wait(millisOf(opening, at)))
      if (opening._tag === "Refused") return Effect.andThen(waited, Effect.fail(errorOf(opening.refusal)))
      return Effect.andThen(
        waited,
        Effect.flatMap(Effect.runtime<never>(), (runtime) => {
          const player = new Player(this.#deck, track, runtime, this.#times)
          this.#players.add(player)
          return scoped(new PlayedDuplex(opening.info, player))
        })
      )
    })

  readonly secure: Transport.Service["secure"] = (duplex, serverName, _tls, timeoutMillis) =>
    Effect.suspend(() => {
      if (!(duplex instanceof PlayedDuplex)) {
        return Effect.die(new CassetteMismatch({ problems: ["secure() was given a channel of another transport."] }))
      }
      const { player } = duplex
      const act = player.secure(serverName)
      const wrong = (cause: CassetteMismatch) =>
        new TlsError({ reason: "Other", code: mismatchCode, serverName, names: undefined, cause })
      const handshake: Effect.Effect<Transport.DuplexInfo, Failed> = act instanceof CassetteMismatch
        ? Effect.fail(wrong(act))
        : act.result._tag === "Opened"
        ? Effect.as(this.#wait(act.millis), act.result.info)
        : act.result._tag === "Refused"
        ? Effect.andThen(this.#wait(act.millis), Effect.fail(errorOf(act.result.refusal)))
        : within(Effect.never, "tls", timeoutMillis, this.loop)
      return Effect.uninterruptibleMask((restore) =>
        restore(handshake).pipe(
          Effect.onError(() => Effect.sync(() => player.destroy())),
          // The recorded result of a handshake is one of these.
          Effect.mapError((error) => error as Extract<Failed, { readonly _tag: "TlsError" | "HttpTimeout" }>),
          Effect.flatMap((info) => {
            player.secured()
            return scoped(new PlayedDuplex(info, player))
          })
        )
      )
    })
}
