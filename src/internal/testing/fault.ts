/**
 * How a scripted connection breaks, as real ones do: system errors, and the errors of a handshake.
 *
 * Changes no state.
 */
import type * as Exit from "effect/Exit"
import { TlsError } from "../../HttpError.ts"
import type { Step } from "./steps.ts"

/** Creates an error as Node does. */
export const systemError = (syscall: string, code: string): Error =>
  Object.assign(new Error(`${syscall} ${code}`), { code, syscall })

/** A handshake that waits for the script. */
export interface Handshake {
  readonly serverName: string
  readonly settle: (exit: Exit.Exit<void, TlsError>) => void
}

export const tlsClosed = (serverName: string, code: string): TlsError =>
  new TlsError({ reason: "Closed", code, serverName, names: undefined, cause: systemError("read", code) })

/**
 * Returns the effect of the next step on a handshake: it fails, it waits, or it is done and the
 * step is played later.
 */
export const handshakeOutcome = (step: Step | undefined, serverName: string): TlsError | "Wait" | "Done" => {
  switch (step?._tag) {
    case "Delay":
    case "Stall":
      return "Wait"
    case "RefuseTls":
      return step.error
    case "Eof":
      return tlsClosed(serverName, "ECONNRESET")
    case "Fail":
      return tlsClosed(serverName, step.code)
    default:
      return "Done"
  }
}
