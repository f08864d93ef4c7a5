/**
 * Which moves are legal on a connection, as a table: the client's side and the server's side of one
 * exchange after another.
 *
 * `reusable` is derived from the two states, never set.
 */

/** Where one side of the connection stands. */
export type SideState = "Idle" | "Body" | "Done" | "Failed"

/** What can happen on a side. */
export type Move = "head" | "informational" | "end" | "next" | "fail"

/** Where each move leads from one state, `undefined` where it is not legal. */
type Row = { readonly [M in Move]: SideState | undefined }

/**
 * A row with all moves, so that all rows have one shape: what is read by a move's name is then read
 * in one step.
 */
const row = ({ end, fail, head, informational, next }: Partial<Row>): Row => ({ head, informational, end, next, fail })

/** The client sends a head, then ends its message; a server may send informational heads before. */
const table: { readonly [S in SideState]: Row } = {
  Idle: row({ head: "Body", informational: "Idle", next: "Idle", fail: "Failed" }),
  Body: row({ end: "Done", fail: "Failed" }),
  Done: row({ next: "Idle", fail: "Failed" }),
  Failed: row({})
}

// A table that is indexed with strings that vary is looked up in a hash each time: 3 percent of the
// time of a small exchange. Names that are written out are compared as pointers, and read at a
// fixed place.
const rowOf = (state: SideState): Row => {
  switch (state) {
    case "Idle":
      return table.Idle
    case "Body":
      return table.Body
    case "Done":
      return table.Done
    case "Failed":
      return table.Failed
  }
}

const at = (row: Row, move: Move): SideState | undefined => {
  switch (move) {
    case "head":
      return row.head
    case "informational":
      return row.informational
    case "end":
      return row.end
    case "next":
      return row.next
    case "fail":
      return row.fail
  }
}

/** The state after a move, or `undefined` where it is not legal. */
export const after = (state: SideState, move: Move): SideState | undefined => at(rowOf(state), move)

export class Lifecycle {
  client: SideState = "Idle"
  server: SideState = "Idle"
  /** Whether both sides have said, or left it said, that the connection persists. */
  persistent = true
  /** Whether a response that has no body announced one, so that the next bytes may be that body. */
  announced = false

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

  /**
   * Whether another exchange may begin: both sides are done, or have not begun, and both want to go
   * on.
   */
  get reusable(): boolean {
    return this.persistent && this.client === this.server && (this.client === "Done" || this.client === "Idle")
  }

  /** Begins the next exchange. False where the connection is not reusable. */
  next(): boolean {
    return this.reusable && this.moveClient("next") && this.moveServer("next")
  }

  /** A response that has no body announced one: what follows it need not be the next response. */
  announceBody(): void {
    this.persistent = false
    this.announced = true
  }

  /** Nothing on the connection can be trusted any more. */
  fail(): void {
    this.persistent = false
    this.moveClient("fail")
    this.moveServer("fail")
  }
}
