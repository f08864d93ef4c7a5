/** Interruption between any two runtime operations of a request through the platform's face: nothing is left. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import type { HttpRequest } from "../../src/HttpRequest.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as T from "../../src/TestTransport.ts"
import { settled, started } from "../connection/harness.ts"
import { interruptedAt } from "../fixtures/interruptedAt.ts"
import type { Kit } from "./kit.ts"
import { anyHead, clientTo, ok, quietly, url } from "./kit.ts"

type Ask = (client: HttpClient.HttpClient) => Effect.Effect<unknown, unknown>

/** The client that is asked, over a pool. */
type Over = (kit: Kit) => Effect.Effect<HttpClient.HttpClient>

const plain: Over = ({ client }) => Effect.succeed(client)

/** Over a pool that somebody has put something around. */
const wrapped: Over = ({ pool }) =>
  Effect.provideService(PooledHttpClient.make, ConnectionPool.ConnectionPool, {
    ...pool,
    execute: <E>(request: HttpRequest<E>) => pool.execute(request)
  })

/** One run; how many connections are busy after it. Where the whole ends, so does everything. */
const runOnce = (ask: Ask, answer: ReadonlyArray<T.Step>, at: number, over: Over) =>
  Effect.scoped(Effect.gen(function*() {
    const kit = yield* clientTo([T.connection(anyHead, ...answer)])
    const client = yield* over(kit)
    const { pool, transport } = kit
    const { exit, ops } = yield* interruptedAt(ask(client), at)
    if (Exit.isFailure(exit)) {
      assert.isTrue(Cause.isInterruptedOnly(exit.cause), `failed with ${Cause.pretty(exit.cause)}`)
    }
    yield* settled
    const { busy, connecting, waiting } = yield* pool.stats
    assert.deepStrictEqual([connecting, waiting], [0, 0], `at ${at}`)
    return { busy, exit, ops, open: transport.openCount }
  }))

/** At how many operations an interruption leaves a connection busy. */
const left = (ask: Ask, answer: ReadonlyArray<T.Step>, over = plain) =>
  Effect.gen(function*() {
    let count = 0
    for (let at = 1;; at++) {
      const { busy, exit } = yield* runOnce(ask, answer, at, over)
      if (Exit.isSuccess(exit)) return count
      count += busy
    }
  })

describe("a body within MaxBodySize", () => {
  const limited = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    HttpIncomingMessage.withMaxBodySize(effect, Option.some(1000))

  it.effect("is read again, or fails, wherever the reading was interrupted", () =>
    Effect.gen(function*() {
      for (let at = 1, over = false; !over; at++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const { client } = yield* clientTo([
            T.connection(anyHead, T.reply(ok("hello"), { split: [38, 40] }))
          ])
          const response = yield* quietly(client.get(url))
          const { exit } = yield* interruptedAt(limited(response.text), at)
          over = Exit.isSuccess(exit)
          const again = yield* started(Effect.either(limited(response.text)))
          yield* settled
          assert.isTrue(Option.isSome(yield* Fiber.poll(again)), `hangs where it was interrupted at ${at}`)
        }))
      }
    }), 60_000)
})

const modes: ReadonlyArray<
  readonly [name: string, run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>]
> = [["traced", (effect) => effect], ["untraced", quietly]]

for (const [mode, run] of modes) {
  describe(`a request, ${mode}`, () => {
    const wholes: ReadonlyArray<readonly [name: string, ask: Ask]> = [
      ["text", (client) => Effect.flatMap(client.get(url), ({ text }) => text)],
      ["a stream", (client) => Effect.flatMap(client.get(url), ({ stream }) => Stream.runDrain(stream))]
    ]
    for (const [name, ask] of wholes) {
      it.effect(
        `leaves nothing wherever it is interrupted, but between the head and the reading of the body: ${name}`,
        () =>
          Effect.gen(function*() {
            const answer = [T.reply(ok("hello"), { split: [38, 40] })]
            assert.isAtMost(yield* run(left(ask, answer)), 10)
          }),
        60_000
      )
    }

    it.effect(
      "leaves an answer that nobody has only where it was interrupted after the last look",
      () =>
        Effect.gen(function*() {
          const answer = [T.reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), T.stall]
          // The pool's own last steps, and ours after them.
          assert.isAtMost(yield* run(left((client) => client.get(url), answer)), mode === "traced" ? 3 : 4)
        }),
      60_000
    )

    it.effect("leaves little more over a pool that somebody has wrapped", () =>
      Effect.gen(function*() {
        const answer = [T.reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), T.stall]
        const count = yield* run(left((client) => client.get(url), answer, wrapped))
        assert.isAtMost(count, 5)
      }), 60_000)

    it.effect("leaves no more than that where a scope ends it", () =>
      Effect.gen(function*() {
        const answer = [T.reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), T.stall]
        const ask: Ask = (client) => Effect.scoped(HttpClient.withScope(client).get(url))
        assert.isAtMost(yield* run(left(ask, answer)), mode === "traced" ? 8 : 6)
      }), 60_000)
  })
}
