/**
 * The legal moves on a connection, as a table: the client's side and the server's side of one
 * exchange after another.
 *
 * `reusable` is derived from the two states, never set.
 */

/** The state of one side of the connection. */
export type SideState = "Idle" | "Body" | "Done" | "Failed"

/** The moves of a side. */
export type Move = "head" | "informational" | "end" | "next" | "fail"

/** The state after each move; `undefined` if the move is illegal. */
type Row = { readonly [M in Move]: SideState | undefined }

/**
 * Creates a row with all moves. All rows then have one shape, so a lookup by the move's name takes
 * one step.
 */
const row = ({ end, fail, head, informational, next }: Partial<Row>): Row => ({ head, informational, end, next, fail })

/** The client sends a head, then ends its message; a server may send informational heads before. */
const table: { readonly [S in SideState]: Row } = {
  Idle: row({ head: "Body", informational: "Idle", next: "Idle", fail: "Failed" }),
  Body: row({ end: "Done", fail: "Failed" }),
  Done: row({ next: "Idle", fail: "Failed" }),
  Failed: row({})
}

// A table indexed with varying strings is a hash lookup each time: 3 percent of the time of a small
// exchange. Literal names are compared as pointers and read at a fixed offset.
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

/** Returns the state after a move, or `undefined` if it is illegal. */
export const after = (state: SideState, move: Move): SideState | undefined => at(rowOf(state), move)

export class Lifecycle {
  client: SideState = "Idle"
  server: SideState = "Idle"
  /** True until a side has announced, or has caused, that the connection does not persist. */
  persistent = true
  /** True if a response that has no body announced one, so that the next bytes may be that body. */
  announced = false

  /** Makes a move of the client. Returns false if it is illegal. */
  moveClient(move: Move): boolean {
    const state = after(this.client, move)
    if (state === undefined) return false
    this.client = state
    return true
  }

  /** Makes a move of the server. Returns false if it is illegal. */
  moveServer(move: Move): boolean {
    const state = after(this.server, move)
    if (state === undefined) return false
    this.server = state
    return true
  }

  /**
   * True if another exchange may begin: both sides are done, or have not begun, and both persist.
   */
  get reusable(): boolean {
    return this.persistent && this.client === this.server && (this.client === "Done" || this.client === "Idle")
  }

  /** Begins the next exchange. Returns false if the connection is not reusable. */
  next(): boolean {
    return this.reusable && this.moveClient("next") && this.moveServer("next")
  }

  /**
   * Records that a response without a body announced one: the bytes after it may not be a response.
   */
  announceBody(): void {
    this.persistent = false
    this.announced = true
  }

  /** Records that nothing on the connection can be trusted any more. */
  fail(): void {
    this.persistent = false
    this.moveClient("fail")
    this.moveServer("fail")
  }
}
