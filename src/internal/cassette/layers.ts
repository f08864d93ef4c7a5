/** Recording and playing as effects and layers. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Transport from "../../Transport.ts"
import type { InvalidOption } from "../error/request.ts"
import * as file from "./file.ts"
import { type Cassette, CassetteError } from "./model.ts"
import {
  checkPlay,
  maxBytesOf,
  type Mode,
  modeOf,
  notCassette,
  notTransport,
  type PlayOptions,
  type RecordOptions,
  secretsOf
} from "./options.ts"
import { PlayedTransport } from "./played.ts"
import { Recorder, recording } from "./recorder.ts"

/** The names of fields that are secret, which the caller's context may extend. */
export type Names = Effect.Effect<ReadonlyArray<string | RegExp>>

/** Documented in `Cassette`. */
export interface Recording {
  readonly transport: Transport.Service
  readonly cassette: Effect.Effect<Cassette, CassetteError>
}

export const record = (
  names: Names,
  transport: Transport.Service,
  options?: RecordOptions
): Effect.Effect<Recording, InvalidOption> =>
  Effect.gen(function*() {
    const wrong = notTransport(transport)
    if (wrong !== undefined) return yield* Effect.fail(wrong)
    const secrets = yield* secretsOf(yield* names, options)
    const maxBytes = yield* maxBytesOf(options)
    const recorder = new Recorder(secrets, maxBytes, yield* Effect.clock)
    return { transport: recording(recorder, transport), cassette: recorder.cassette }
  })

export const play = (
  names: Names,
  cassette: Cassette,
  options?: PlayOptions
): Effect.Effect<PlayedTransport, InvalidOption, Scope.Scope> =>
  Effect.gen(function*() {
    const wrong = notCassette(cassette)
    if (wrong !== undefined) return yield* Effect.fail(wrong)
    const secrets = yield* secretsOf(yield* names, options)
    const settings = yield* checkPlay(options)
    return yield* Effect.acquireRelease(
      Effect.sync(() => new PlayedTransport(cassette, secrets, settings)),
      (transport) => Effect.sync(() => transport.destroyAll())
    )
  })

/** Records while the scope is open, and writes the file at its end if `keep` allows it. */
const recordTo = (
  names: Names,
  path: string,
  options: RecordOptions | undefined,
  keep: (exit: Exit.Exit<unknown, unknown>) => boolean
): Effect.Effect<Transport.Service, InvalidOption, Scope.Scope | Transport.Transport> =>
  Effect.gen(function*() {
    const { cassette, transport } = yield* record(names, yield* Transport.Transport, options)
    yield* Effect.addFinalizer((exit) =>
      keep(exit)
        // A finalizer cannot fail.
        ? Effect.orDie(Effect.flatMap(cassette, (recorded) => file.write(path, recorded)))
        : Effect.void
    )
    return transport
  })

/** Plays a file. The end of the scope dies if the program deviated from it. */
const playFrom = (
  names: Names,
  path: string,
  options: PlayOptions | undefined
): Effect.Effect<Transport.Service, CassetteError | InvalidOption, Scope.Scope> =>
  Effect.gen(function*() {
    const transport = yield* play(names, yield* file.read(path), options)
    yield* Effect.addFinalizer(() => Effect.orDie(transport.verifyFailures))
    return transport
  })

export const layerRecord = (
  names: Names,
  path: string,
  options?: RecordOptions
): Layer.Layer<Transport.Transport, InvalidOption, Transport.Transport> =>
  Layer.scoped(Transport.Transport, recordTo(names, path, options, () => true))

export const layerPlay = (
  names: Names,
  path: string,
  options?: PlayOptions
): Layer.Layer<Transport.Transport, CassetteError | InvalidOption> =>
  Layer.scoped(Transport.Transport, playFrom(names, path, options))

/** True on a machine of CI, on which nothing must be recorded by accident. */
const isCi = (): boolean => !["", "0", "false"].includes((process.env["CI"] ?? "").toLowerCase())

export interface Options extends RecordOptions, PlayOptions {
  readonly mode?: Mode | undefined
}

export const layer = (
  names: Names,
  path: string,
  options: Options = {}
): Layer.Layer<Transport.Transport, CassetteError | InvalidOption, Transport.Transport> =>
  Layer.scoped(
    Transport.Transport,
    Effect.gen(function*() {
      // The options of both, so that a mistake is found in every mode.
      yield* secretsOf([], options)
      yield* maxBytesOf(options)
      yield* checkPlay(options)
      const mode = yield* modeOf(options.mode)
      if (mode === "record") return yield* recordTo(names, path, options, () => true)
      if (mode === "replay" || isCi() || (yield* file.exists(path))) return yield* playFrom(names, path, options)
      // Otherwise all later runs would play the exchanges of a failed program.
      return yield* recordTo(names, path, options, Exit.isSuccess)
    })
  )
