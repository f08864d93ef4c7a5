/** What a transport puts into the scope of an opening ends with its connection, also where the transport is made out of that over sockets. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { leavesNothing, turnUntil } from "../fixtures/sockets.ts"
import { answers, stage, textOf } from "./poolKit.ts"

/** Counts what it has open, by finalizers beside those of the transport below. */
const counting = () => {
  const counts = { opened: 0, open: 0 }
  const transport: Transport.Service = {
    ...NodeTransport.transport,
    open: (endpoint, timeouts) =>
      Effect.zipRight(
        Effect.acquireRelease(
          Effect.sync(() => {
            counts.opened++
            counts.open++
          }),
          () => Effect.sync(() => counts.open--)
        ),
        NodeTransport.transport.open(endpoint, timeouts)
      )
  }
  return { counts, transport }
}

const text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

describe("a finalizer of a transport of the caller's", () => {
  it.live("runs when the connection closes, and not before", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const { counts, transport } = counting()
      const server = yield* stage(answers(text))
      const pool = yield* Effect.provideService(ConnectionPool.make({}), Transport.Transport, transport)
      assert.strictEqual(yield* textOf(pool, HttpRequest.get(server.url)), "ok")
      const socket = yield* server.connections.next
      assert.deepStrictEqual(counts, { opened: 1, open: 1 })
      socket.destroy()
      yield* turnUntil(() => counts.open === 0)
      assert.strictEqual(yield* textOf(pool, HttpRequest.get(server.url)), "ok")
      assert.deepStrictEqual(counts, { opened: 2, open: 1 })
    }))))

  it.live("runs when the pool ends", () =>
    leavesNothing(Effect.gen(function*() {
      const { counts, transport } = counting()
      yield* Effect.scoped(Effect.gen(function*() {
        const server = yield* stage(answers(text))
        const pool = yield* Effect.provideService(ConnectionPool.make({}), Transport.Transport, transport)
        assert.strictEqual(yield* textOf(pool, HttpRequest.get(server.url)), "ok")
        assert.deepStrictEqual(counts, { opened: 1, open: 1 })
      }))
      yield* turnUntil(() => counts.open === 0)
    })))
})
