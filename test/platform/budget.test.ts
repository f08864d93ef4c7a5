/** What a request through the platform's face costs in runtime operations, over a pool that has a connection: exact counts. */
import type * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as T from "../../src/TestTransport.ts"
import { costOf } from "../fixtures/cost.ts"
import { anyHead, clientOver, ok, quietly, url } from "./kit.ts"

const answered = [anyHead, T.reply(ok("{\"a\":1}"))]

type Read = (client: HttpClient.HttpClient) => Effect.Effect<unknown, unknown>

const reads: ReadonlyArray<readonly [name: string, budget: number, read: Read]> = [
  ["get and text", 14, (client) => Effect.flatMap(client.get(url), (response) => response.text)],
  ["get and json", 14, (client) => Effect.flatMap(client.get(url), (response) => response.json)],
  ["get and arrayBuffer", 14, (client) => Effect.flatMap(client.get(url), (response) => response.arrayBuffer)],
  [
    "a query and options",
    14,
    (client) =>
      Effect.flatMap(client.get(url, { urlParams: { a: "b" }, headers: { c: "d" } }), (response) => response.text)
  ]
]

const modes: ReadonlyArray<
  readonly [mode: string, more: number, run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>]
> = [["untraced", 0, quietly], ["traced", 6, (effect) => effect]]

describe("a request and its body", () => {
  for (const [mode, more, run] of modes) {
    for (const [name, budget, read] of reads) {
      it.scoped(`cost at most ${budget + more} operations and one fiber, ${mode}: ${name}`, () =>
        run(Effect.gen(function*() {
          const { client } = yield* clientOver(...answered, ...answered)
          yield* read(client)
          const cost = yield* costOf(read(client))
          assert.isAtMost(cost.ops, budget + more)
          assert.strictEqual(cost.fibers, 1)
          assert.isAtMost(cost.hops, 1)
        })))
    }
  }

  it.scoped("cost at most 2 operations more than through the pool", () =>
    quietly(Effect.gen(function*() {
      const { client, pool } = yield* clientOver(...answered, ...answered, ...answered)
      const direct = Effect.flatMap(pool.execute(HttpRequest.get(url)), (response) => response.text)
      const through = Effect.flatMap(client.get(url), (response) => response.text)
      yield* direct
      const { ops: least } = yield* costOf(direct)
      const { ops } = yield* costOf(through)
      assert.isAtMost(ops - least, 2)
    })))

  it.scoped("cost no operation more where there are options around them", () =>
    quietly(Effect.gen(function*() {
      const { client } = yield* clientOver(...answered, ...answered, ...answered)
      const read = Effect.flatMap(client.get(url), (response) => response.text)
      yield* read
      const { ops } = yield* costOf(read)
      const { ops: within } = yield* PooledHttpClient.withTimeouts(costOf(read), { head: "1 second" })
      assert.strictEqual(within, ops)
    })))
})
