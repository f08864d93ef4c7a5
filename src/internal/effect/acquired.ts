/** The connection of a handle as an Effect: one wait over an acquisition of the core. */
import * as Effect from "effect/Effect"
import type { HttpError } from "../../HttpError.ts"
import type { Asked } from "../connection/about.ts"
import { Acquisition } from "../connection/acquisition.ts"
import type { Connection } from "../connection/connection.ts"
import type { ConnectionHandle } from "../connection/handle.ts"
import type { FiberCaller } from "./caller.ts"
import { causeOf } from "./transport.ts"

/**
 * Runs `use` on the connection for the next request, in the callback that brings it. `asked` is the
 * request; without one a connection is opened. Must run in an uninterruptible region, in the same
 * synchronous step as the check that the handle is idle.
 */
export const acquired = <A>(
  handle: ConnectionHandle,
  asked: Asked | undefined,
  caller: FiberCaller,
  use: (connection: Connection, openedHere: boolean) => A
): Effect.Effect<A, HttpError> => {
  const { loop, timeouts } = handle.settings
  let result: Effect.Effect<A, HttpError> = Effect.never
  const done = (ended: Effect.Effect<A, HttpError>): void => {
    result = ended
    caller.onDone()
  }
  const acquisition = new Acquisition(handle, timeouts, caller, asked, {
    onConnection: (connection, openedHere) =>
      done(Effect.succeed(caller.context.run(() => use(connection, openedHere)))),
    onFailure: (error) => done(Effect.fail(error)),
    onDefect: (thrown) => done(Effect.failCause(causeOf(thrown)))
  })
  return caller.await(acquisition, loop, () => result)
}
