/** Two fibers on one connection: a second request is begun between any two runtime operations of the first. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { connectTo, contained, ok, settled, textOf } from "./harness.ts"

/** Runs `first`, and begins `second` at its operation of this number, before it goes on. */
const interleaved = <A, E>(first: Effect.Effect<A, E>, second: Effect.Effect<A, E>, at: number) =>
  Effect.flatMap(
    Effect.runtime<never>(),
    (runtime) =>
      Effect.async<{ readonly exits: ReadonlyArray<Exit.Exit<A, E>>; readonly ops: number }>((resume) => {
        const exits: Array<Exit.Exit<A, E>> = []
        let ops = 0
        const ended = (exit: Exit.Exit<A, E>): void => {
          if (exits.push(exit) === (ops >= at ? 2 : 1)) resume(Effect.succeed({ exits, ops }))
        }
        const scheduler = {
          shouldYield: () => {
            if (++ops !== at) return false as const
            Runtime.runFork(runtime)(second).addObserver(ended)
            return 0
          },
          scheduleTask: (task: () => void) => queueMicrotask(task)
        }
        Runtime.runFork(runtime)(first, { immediate: false, scheduler }).addObserver(ended)
      })
  )

const outcome = (exit: Exit.Exit<string, { readonly _tag: string }>): string =>
  Exit.match(exit, {
    onSuccess: (text) => text,
    onFailure: (cause) => cause._tag === "Fail" ? cause.error._tag : cause._tag
  })

const runAt = (warm: boolean, at: number) =>
  Effect.scoped(Effect.gen(function*() {
    const { connection, transport } = yield* connectTo([
      T.connection(
        ...(warm ? [T.discardUntil("\r\n\r\n"), T.reply(ok("warm"))] : []),
        T.discardUntil("\r\n\r\n"),
        T.reply(ok("1")),
        T.discardUntil("\r\n\r\n"),
        T.reply(ok("2"))
      )
    ])
    if (warm) yield* textOf(connection, HttpRequest.get("/"))
    const request = textOf(connection, HttpRequest.get("/"))
    const { exits, ops } = yield* interleaved(request, request, at)
    yield* settled
    if (exits.length === 2) {
      // Whoever comes first is answered first; the other is refused, or comes when the connection is free again.
      assert.include(["1,2", "1,CannotSendRequest"], exits.map(outcome).sort().join())
    }
    assert.strictEqual(transport.opened.length, 1)
    assert.strictEqual(transport.openCount, 1)
    return ops
  }))

describe("a second request, begun at any operation of the first", () => {
  for (const warm of [false, true]) {
    it.scoped(
      `is refused or answered in turn, over the one connection, which is ${warm ? "open" : "not open yet"}`,
      () =>
        contained(Effect.gen(function*() {
          const ops = yield* runAt(warm, Infinity)
          assert.isAbove(ops, 10)
          for (let at = 1; at <= ops; at++) yield* runAt(warm, at)
        })),
      120_000
    )
  }
})
