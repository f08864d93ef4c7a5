/**
 * Requests without a pause while a server is reloaded or killed, and what the rule of retries says of those that were lost.
 *
 * No assertion depends on time: a test waits for counts, and judges each failure by what the library says of it.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import { turn } from "../fixtures/sockets.ts"

const body = HttpBody.bytes(Buffer.from("a body"))

/** A page, which may be asked for twice. */
export const page = (url: string): HttpRequest.HttpRequest => HttpRequest.get(`${url}/page`)

/** A body that is echoed, which must not be sent twice. */
export const post = (url: string): HttpRequest.HttpRequest => HttpRequest.post(`${url}/echo`, { body })

/** Sends a request; succeeds if the answer is the right one, and dies if it is another one. */
export const answered = (
  pool: ConnectionPool.ConnectionPool,
  request: HttpRequest.HttpRequest
): Effect.Effect<void, HttpError> =>
  Effect.gen(function*() {
    const response = yield* pool.execute(request)
    const text = yield* response.text
    assert.deepStrictEqual([response.status, text], [200, request.method === "GET" ? "a page" : "a body"])
  })

/**
 * Asserts that a lost request is one that the rule does not call safe: the server may have processed it, and it must not be sent
 * twice, or its answer had begun.
 */
export const assertUnsafe = (error: HttpError, method: "GET" | "POST"): void => {
  const { bytesWritten, processed, requestState } = error.context
  const message = `${method}: ${error.message} ${JSON.stringify(error)}`
  if (method === "GET") return assert.strictEqual(requestState, "ResponseStarted", message)
  assert.notStrictEqual(processed, "No", message)
  assert.isAbove(bytesWritten, 0, message)
}

export interface Load {
  /** Waits until so many more requests have been answered. */
  readonly more: (count: number) => Effect.Effect<void>
  /** Ends the requests, and gives the failures of each method. */
  readonly end: Effect.Effect<{ readonly GET: ReadonlyArray<HttpError>; readonly POST: ReadonlyArray<HttpError> }>
}

/** Eight fibers that get pages, and four that post. */
export const load = (
  pages: ConnectionPool.ConnectionPool,
  posts: ConnectionPool.ConnectionPool,
  url: string
): Effect.Effect<Load, never, Scope.Scope> =>
  Effect.gen(function*() {
    const failures: { readonly GET: Array<HttpError>; readonly POST: Array<HttpError> } = { GET: [], POST: [] }
    let count = 0
    let over = false
    const loop = (pool: ConnectionPool.ConnectionPool, request: HttpRequest.HttpRequest, failed: Array<HttpError>) =>
      Effect.gen(function*() {
        while (!over) {
          yield* Effect.match(answered(pool, request), {
            onFailure: (error) => {
              failed.push(error)
            },
            onSuccess: () => {
              count++
            }
          })
          // A pool that refused at once would keep the event loop from turning.
          yield* turn
        }
      })
    const fibers = yield* Effect.forEach(
      Array.from({ length: 12 }, (_, index) => index),
      (index) =>
        Effect.forkScoped(
          index < 8 ? loop(pages, page(url), failures.GET) : loop(posts, post(url), failures.POST)
        )
    )
    return {
      more: (more) =>
        Effect.suspend(() => {
          const wanted = count + more
          return Effect.asVoid(
            Effect.repeat(turn, { until: () => count >= wanted || fibers.some((fiber) => fiber.unsafePoll() !== null) })
          )
        }),
      end: Effect.suspend(() => {
        over = true
        return Effect.as(Effect.orDie(Fiber.joinAll(fibers)), failures)
      })
    }
  })
