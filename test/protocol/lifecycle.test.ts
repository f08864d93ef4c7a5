/** Legal and illegal moves, all of them. */
import { describe, expect, it } from "vitest"
import type { Move, SideState } from "../../src/internal/protocol/lifecycle.ts"
import { after, Lifecycle } from "../../src/internal/protocol/lifecycle.ts"

const states: ReadonlyArray<SideState> = ["Idle", "Body", "Done", "Failed"]
const moves: ReadonlyArray<Move> = ["head", "informational", "end", "next", "fail"]

/** The whole table once more, from the words of RFC 9112 and not from the code. */
const legal: ReadonlyArray<readonly [from: SideState, move: Move, to: SideState]> = [
  ["Idle", "informational", "Idle"],
  ["Idle", "head", "Body"],
  ["Idle", "next", "Idle"],
  ["Idle", "fail", "Failed"],
  ["Body", "end", "Done"],
  ["Body", "fail", "Failed"],
  ["Done", "next", "Idle"],
  ["Done", "fail", "Failed"]
]

const expected = (state: SideState, move: Move): SideState | undefined =>
  legal.find(([from, by]) => from === state && by === move)?.[2]

/** Moves that lead a side to a state. */
const way: { readonly [S in SideState]: ReadonlyArray<Move> } = {
  Idle: [],
  Body: ["head"],
  Done: ["head", "end"],
  Failed: ["fail"]
}

const make = (client: SideState, server: SideState, persistent = true): Lifecycle => {
  const lifecycle = new Lifecycle()
  for (const move of way[client]) lifecycle.moveClient(move)
  for (const move of way[server]) lifecycle.moveServer(move)
  lifecycle.persistent = persistent
  return lifecycle
}

describe("the table", () => {
  for (const state of states) {
    for (const move of moves) {
      const to = expected(state, move)
      it(to === undefined ? `refuses ${move} in ${state}` : `leads from ${state} by ${move} to ${to}`, () => {
        expect(after(state, move)).toBe(to)
        for (const side of ["client", "server"] as const) {
          const lifecycle = make(side === "client" ? state : "Idle", side === "server" ? state : "Idle")
          const moved = side === "client" ? lifecycle.moveClient(move) : lifecycle.moveServer(move)
          expect(moved).toBe(to !== undefined)
          expect(lifecycle[side]).toBe(to ?? state)
          expect(lifecycle[side === "client" ? "server" : "client"]).toBe("Idle")
        }
      })
    }
  }
})

describe("reusable", () => {
  for (const client of states) {
    for (const server of states) {
      for (const persistent of [true, false]) {
        const reusable = persistent && client === server && (client === "Idle" || client === "Done")
        it(`is ${reusable} with client ${client}, server ${server} and persistence ${persistent}`, () => {
          const lifecycle = make(client, server, persistent)
          expect(lifecycle.reusable).toBe(reusable)
          expect(lifecycle.next()).toBe(reusable)
          expect([lifecycle.client, lifecycle.server]).toEqual(reusable ? ["Idle", "Idle"] : [client, server])
          expect(lifecycle.persistent).toBe(persistent)
        })
      }
    }
  }
})

describe("announceBody", () => {
  it("ends persistence in every state, and says why", () => {
    for (const client of states) {
      for (const server of states) {
        const lifecycle = make(client, server)
        expect(lifecycle.announced).toBe(false)
        lifecycle.announceBody()
        expect([lifecycle.client, lifecycle.server]).toEqual([client, server])
        expect([lifecycle.announced, lifecycle.persistent, lifecycle.reusable]).toEqual([true, false, false])
      }
    }
  })
})

describe("fail", () => {
  it("ends both sides for good", () => {
    for (const client of states) {
      for (const server of states) {
        const lifecycle = make(client, server)
        lifecycle.fail()
        lifecycle.fail()
        expect([lifecycle.client, lifecycle.server, lifecycle.persistent]).toEqual(["Failed", "Failed", false])
        for (const move of moves) {
          expect(lifecycle.moveClient(move)).toBe(false)
          expect(lifecycle.moveServer(move)).toBe(false)
        }
      }
    }
  })
})
