/** What the steps of an opening share, and how each of them ends. */
import type { ConnectFailure, TunnelFailure } from "../../HttpError.ts"
import type * as HttpFields from "../../HttpFields.ts"
import type { Duplex } from "../../Transport.ts"
import type { Peer } from "../error/context.ts"
import type { Abort, Caller, Dialed } from "../model/ports.ts"
import type { Way } from "./settings.ts"
import type { Millis } from "./timeouts.ts"

/** The failures of opening a connection. */
export type OpenFailure = ConnectFailure | TunnelFailure

/** The state that the steps of one opening share. */
export interface Course {
  readonly way: Way
  readonly timeouts: Millis
  /** The program that the connection is opened for. */
  readonly caller: Caller
  /** The fields of the proxy's response to CONNECT. */
  proxyFields: HttpFields.HttpFields | undefined
  /** Milliseconds of all steps with the proxy, except the TCP connection to it. */
  proxyMillis: number | undefined
  /** The party that the failure of a step is about; `undefined` if its phase determines it. */
  peer: Peer | undefined
}

/** Called once, perhaps within the call that starts the step. */
export type StepDone = (result: Dialed<OpenFailure>) => void

/**
 * Returns how to end the step early. It then reports `Aborted`, or the outcome that was already
 * under way.
 */
export type Step = (duplex: Duplex, done: StepDone) => Abort

/** The step that opens the first channel. */
export type FirstStep = (done: StepDone) => Abort

/** The steps of an opening. */
export interface Steps {
  readonly dial: FirstStep
  readonly rest: ReadonlyArray<Step>
}
