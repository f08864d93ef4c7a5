/** Tells what happens to connections to a callback of the caller's, which must not be able to break them. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type { ConnectionEvent } from "../../ConnectionEvent.ts"

type OnEvent = (event: ConnectionEvent) => void

/** The callback, with what it throws in the log: there is no caller to tell, and the connection must go on. */
export const guarded = (onEvent: OnEvent | undefined, runtime: Runtime.Runtime<never>): OnEvent | undefined =>
  onEvent === undefined ? undefined : (event) => {
    try {
      onEvent(event)
    } catch (defect) {
      Runtime.runFork(runtime)(Effect.logError(`\`onEvent\` threw at the event ${event._tag}`, Cause.die(defect)))
    }
  }
