/**
 * A connection over a scripted transport, and what a test asks of it afterwards: nothing open, no fiber, no timer.
 *
 * Nothing here waits for time to pass: scripts and timeouts run on `TestClock`.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Supervisor from "effect/Supervisor"
import * as TestClock from "effect/TestClock"
import * as HttpConnection from "../../src/HttpConnection.ts"
import type { HttpError, InvalidRequest } from "../../src/HttpError.ts"
import type { HttpRequest } from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { withManualClock } from "../fixtures/virtualClock.ts"

export const host = "a.test"

/** All microtasks run before a macrotask does, so one is enough for everything that needs no clock. */
export const settled: Effect.Effect<void> = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** The head of a GET. */
export const getHead = (target = "/"): string => `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`

/** The head of a POST whose body is chunked. */
export const chunkedHead = (target = "/", ...fields: ReadonlyArray<string>): string =>
  `POST ${target} HTTP/1.1\r\nHost: ${host}\r\n${fields.map((field) => `${field}\r\n`).join("")}`
  + "Transfer-Encoding: chunked\r\n\r\n"

/** The head of a POST whose body has this length. */
export const lengthHead = (length: number, target = "/"): string =>
  `POST ${target} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${length}\r\n\r\n`

/** A response whose body has its length in its head. */
export const ok = (body = "", ...fields: ReadonlyArray<string>): string =>
  `HTTP/1.1 200 OK\r\n${fields.map((field) => `${field}\r\n`).join("")}Content-Length: ${body.length}\r\n\r\n${body}`

/** One chunk. */
export const chunk = (data: string): string => `${data.length.toString(16)}\r\n${data}\r\n`

export const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1")

export const bytesOf = (text: string): Uint8Array => Buffer.from(text, "latin1")

/** A stream of these pieces, each in a chunk of its own. */
export const pieces = (...texts: ReadonlyArray<string>): Stream.Stream<Uint8Array> =>
  Stream.rechunk(Stream.fromIterable(texts.map(bytesOf)), 1)

export interface Kit {
  readonly transport: T.Handle
  readonly connection: HttpConnection.HttpConnection
}

/** A connection over a script of several connections. */
export const connectTo = (
  script: T.Script,
  options: Partial<HttpConnection.Options> = {}
): Effect.Effect<Kit, InvalidRequest, Scope.Scope> =>
  Effect.gen(function*() {
    const transport = yield* T.make(script)
    const connection = yield* Effect.provideService(
      HttpConnection.make({ host, ...options }),
      Transport.Transport,
      transport
    )
    return { transport, connection }
  })

/** A connection over a script of one. */
export const connected = (...steps: ReadonlyArray<T.Step>): Effect.Effect<Kit, InvalidRequest, Scope.Scope> =>
  connectTo([T.connection(...steps)])

/** As `connected`, with options. */
export const connectedWith = (
  options: Partial<HttpConnection.Options>,
  ...steps: ReadonlyArray<T.Step>
): Effect.Effect<Kit, InvalidRequest, Scope.Scope> => connectTo([T.connection(...steps)], options)

/** The failure, which must be of this tag. */
export const failsWith = <const Tag extends HttpError["_tag"], A, E, R>(
  effect: Effect.Effect<A, E, R>,
  tag: Tag
): Effect.Effect<Extract<HttpError, { readonly _tag: Tag }>, never, R> =>
  Effect.map(
    Effect.matchEffect(effect, {
      onFailure: (error) => Effect.succeed(error as HttpError),
      onSuccess: (value) => Effect.die(new Error(`did not fail, but gave ${JSON.stringify(value)}`))
    }),
    (error) => {
      // Of another tag the message says more than the tag.
      assert.strictEqual(error._tag, tag, String(error))
      return error as Extract<HttpError, { readonly _tag: Tag }>
    }
  )

/** Sends a request and gives the text of its response. */
export const textOf = <E>(connection: HttpConnection.HttpConnection, request: HttpRequest<E>) =>
  Effect.flatMap(connection.execute(request), (response) => response.text)

/** The fibers of the test that runs. */
const currentSupervisor = FiberRef.unsafeMake<
  Supervisor.Supervisor<ReadonlyArray<Fiber.RuntimeFiber<unknown, unknown>>>
>(
  Supervisor.none as never
)

const noFibers: Effect.Effect<void> = Effect.gen(function*() {
  const supervisor = yield* FiberRef.get(currentSupervisor)
  yield* settled
  const left = (yield* supervisor.value).map((fiber) => fiber.id().id)
  assert.deepStrictEqual(left, [], "fibers are left")
})

/**
 * Runs a test in a separate scope, and asserts that no fiber that it started, or the library for
 * it, outlives the scope. The scope must end within `supervised`: Effect runs a finalizer with the
 * references of its acquisition, and its patch back leaves an empty supervisor for each that it
 * removes. In a loop of a thousand scopes these would be two thousand.
 */
export const contained = <A, E>(test: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E> =>
  Effect.gen(function*() {
    const supervisor = yield* Supervisor.track
    const watched = Effect.zipLeft(Effect.supervised(Effect.scoped(test), supervisor), noFibers)
    return yield* withManualClock(Effect.locally(watched, currentSupervisor, supervisor as never))
  })

/**
 * Asserts within a `contained` test that an exchange has left nothing, though the scope of its connection is open: no channel,
 * no fiber, and with that no timer, because the fiber that sleeps until the next one would be there.
 */
export const nothingLeft = (transport: T.Handle): Effect.Effect<void> =>
  Effect.suspend(() =>
    Effect.zipRight(
      settled,
      Effect.suspend(() => {
        assert.strictEqual(transport.openCount, 0, "a channel is open")
        return noFibers
      })
    )
  )

/** As `nothingLeft`, for a connection that stays open; its sleeper may sleep until the earliest timer that there was. */
export const nothingButIdle = (transport: T.Handle): Effect.Effect<void> =>
  Effect.gen(function*() {
    yield* settled
    yield* TestClock.adjust("1 day")
    yield* noFibers
    assert.strictEqual(transport.openCount, 1, "the channel is not open")
  })

/** Runs an effect beside the test until it can go on no further by itself. */
export const started = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Fiber.RuntimeFiber<A, E>, never, R> =>
  Effect.tap(Effect.fork(effect), () => settled)

/** Whether a fiber has ended. */
export const hasEnded = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean => fiber.unsafePoll() !== null
