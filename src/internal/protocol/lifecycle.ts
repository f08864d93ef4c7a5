/**
 * Which moves are legal on a connection, as a table: the client's side and the server's side of one exchange after another.
 *
 * `reusable` is derived from the two states, never set.
 */

/** Where one side of the connection stands. */
export type SideState = "Idle" | "Body" | "Done" | "Failed"

/** What can happen on a side. */
export type Move = "head" | "informational" | "end" | "next" | "fail"

type Table = { readonly [S in SideState]: { readonly [M in Move]?: SideState } }

/** The client sends a head, then ends its message; a server may send informational heads before. */
const table: Table = {
  Idle: { head: "Body", informational: "Idle", next: "Idle", fail: "Failed" },
  Body: { end: "Done", fail: "Failed" },
  Done: { next: "Idle", fail: "Failed" },
  Failed: {}
}

/** The state after a move, or `undefined` where it is not legal. */
export const after = (state: SideState, move: Move): SideState | undefined => table[state][move]

export class Lifecycle {
  client: SideState = "Idle"
  server: SideState = "Idle"
  /** Whether both sides have said, or left it said, that the connection persists. */
  persistent = true

  /** Makes a move of the client's. False where it is not legal. */
  moveClient(move: Move): boolean {
    const state = after(this.client, move)
    if (state === undefined) return false
    this.client = state
    return true
  }

  /** Makes a move of the server's. False where it is not legal. */
  moveServer(move: Move): boolean {
    const state = after(this.server, move)
    if (state === undefined) return false
    this.server = state
    return true
  }

  /** Whether another exchange may begin: both sides are done, or have not begun, and both want to go on. */
  get reusable(): boolean {
    return this.persistent && this.client === this.server && (this.client === "Done" || this.client === "Idle")
  }

  /** Begins the next exchange. False where the connection is not reusable. */
  next(): boolean {
    return this.reusable && this.moveClient("next") && this.moveServer("next")
  }

  /** Nothing on the connection can be trusted any more. */
  fail(): void {
    this.persistent = false
    this.moveClient("fail")
    this.moveServer("fail")
  }
}
