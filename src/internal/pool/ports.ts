/** What a pool is made with beside its settings. */
import type { TimerQueue } from "../connection/timers.ts"
import type { AddressPorts, Caller, Dialer, Host, NameLookup } from "../model/ports.ts"

/** What the pool needs of its host. */
export interface PoolPorts {
  readonly host: Host
  readonly dialer: Dialer
  readonly addresses: AddressPorts | undefined
  readonly timers: TimerQueue
  /** The pool itself, as the program that connections are opened for. */
  readonly background: Caller
  /** How names are looked up while nothing is opened: as openings do it. */
  readonly lookUp: NameLookup
}
