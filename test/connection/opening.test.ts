/** The moments between the opening of a connection and its first request: what comes, ends or is closed just then. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as TestClock from "effect/TestClock"
import type { ConnectionEvent } from "../../src/ConnectionEvent.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"
import {
  connected,
  connectedWith,
  connectTo,
  contained,
  failsWith,
  getHead,
  nothingLeft,
  ok,
  started
} from "./harness.ts"

const get = HttpRequest.get("/")

describe("a server that does not wait for the first request", () => {
  const cases: ReadonlyArray<readonly [does: string, steps: ReadonlyArray<T.Step>, tag: HttpError["_tag"]]> = [
    ["ends the connection", [T.eof], "RemoteDisconnected"],
    ["resets the connection", [T.reset], "ReadError"],
    ["sends an answer", [T.reply(ok("early")), T.expectDestroy], "UnexpectedMessage"]
  ]

  for (const [does, steps, tag] of cases) {
    it.effect(`and ${does} fails the request at once, with nothing sent`, () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connected(...steps)
        const error = yield* failsWith(connection.execute(get), tag)
        assert.deepInclude(error.context, { requestState: "NotSent", processed: "No", bytesWritten: 0 })
        assert.strictEqual(transport.written(0), "")
        yield* nothingLeft(transport)
      })))

    it.effect(`and ${does} fails the step-by-step request at once too`, () =>
      contained(Effect.gen(function*() {
        const { connection, transport } = yield* connected(...steps)
        yield* failsWith(connection.request("GET", "/"), tag)
        assert.strictEqual(yield* connection.state, "Idle")
        yield* nothingLeft(transport)
      })))
  }
})

describe("closing a connection", () => {
  it.effect("while it is being opened fails the request with ConnectionClosed and aborts the opening", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connectTo([T.openStalls])
      const fiber = yield* started(connection.execute(get))
      assert.strictEqual(transport.openCount, 1)
      yield* connection.close
      const error = yield* failsWith(Fiber.join(fiber), "ConnectionClosed")
      assert.strictEqual(error.context.origin, "http://a.test:80")
      yield* nothingLeft(transport)
    })))

  it.effect("in the turn in which the request was made is not overlooked", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(T.stall)
      const runtime = yield* Effect.runtime<never>()
      // Both run in one call of JavaScript, so the connection has not been polled yet.
      const fiber = Runtime.runFork(runtime)(connection.execute(get))
      Runtime.runFork(runtime)(connection.close)
      yield* failsWith(Fiber.join(fiber), "ConnectionClosed")
      assert.strictEqual(transport.written(0), "")
      yield* nothingLeft(transport)
    })))
})

/** Runs an effect, and the other one in the turn before its operation of this number. */
const between = <A, E>(effect: Effect.Effect<A, E>, other: Effect.Effect<void>, at: number) =>
  Effect.flatMap(
    Effect.runtime<never>(),
    (runtime) =>
      Effect.async<{ readonly exit: Exit.Exit<A, E>; readonly ops: number }>((resume) => {
        let ops = 0
        Runtime.runFork(runtime)(effect, {
          scheduler: {
            shouldYield: () => {
              if (++ops === at) Effect.runSync(other)
              return false
            },
            scheduleTask: (task) => queueMicrotask(task)
          }
        }).addObserver((exit) => resume(Effect.succeed({ exit, ops })))
      })
  )

it.effect("a connection that is closed between any two operations of a request fails it, and leaves nothing", () =>
  Effect.gen(function*() {
    const outcomes: Array<string> = []
    for (let at = 1, last = Infinity; at <= last; at++) {
      yield* contained(Effect.gen(function*() {
        const { connection, transport } = yield* connected(T.expect(getHead()), T.reply(ok("x")))
        const { exit, ops } = yield* between(connection.execute(get), connection.close, at)
        outcomes.push(Exit.match(exit, {
          onSuccess: () => "answered",
          onFailure: (cause) =>
            Option.match(Cause.failureOption(cause), { onNone: () => "died", onSome: ({ _tag }) => _tag })
        }))
        if (Exit.isSuccess(exit) && at > 20) last = ops
        yield* connection.close
        yield* nothingLeft(transport)
      }))
    }
    // Before the request has begun there is nothing to close, and after its answer nothing to fail.
    const begun = outcomes.indexOf("ConnectionClosed")
    const over = outcomes.lastIndexOf("ConnectionClosed") + 1
    assert.isAtMost(begun, 10)
    assert.isAbove(over - begun, 40)
    assert.deepStrictEqual(new Set(outcomes.slice(begun, over)), new Set(["ConnectionClosed"]))
    assert.deepStrictEqual(new Set([...outcomes.slice(0, begun), ...outcomes.slice(over)]), new Set(["answered"]))
  }))

describe("what is told of an opening", () => {
  it.effect("is Connected before Close, even where the connection does not last", () =>
    contained(Effect.gen(function*() {
      const events: Array<string> = []
      const onEvent = (event: ConnectionEvent): void => void events.push(event._tag)
      const { connection } = yield* connectedWith({ onEvent }, T.eof)
      yield* failsWith(connection.execute(get), "RemoteDisconnected")
      assert.deepStrictEqual(events, ["Connect", "Connected", "Close"])
    })))

  it.effect("is the time of its phases, on the response of the request that it was opened for", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connectTo([
        T.openAfter("300 millis", T.connection(T.expect(getHead()), T.reply(ok()), T.expect(getHead()), T.reply(ok())))
      ])
      const fiber = yield* started(connection.execute(get))
      yield* TestClock.adjust("300 millis")
      const first = yield* Fiber.join(fiber)
      assert.deepInclude(first.timings, { connect: 300, total: 300 })
      const second = yield* connection.execute(get)
      assert.deepInclude(second.timings, { connect: undefined, total: 0 })
    })))

  it.effect("is not the time of an opening that came before the request, which counts as idle", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(T.expect(getHead()), T.reply(ok()))
      yield* connection.connect
      yield* TestClock.adjust("400 millis")
      const response = yield* connection.execute(get)
      assert.deepInclude(response.timings, { dns: undefined, connect: undefined, total: 0 })
      assert.deepInclude(response.connection, { reused: false, requestsServed: 0, idleMillis: 400 })
    })))
})

describe("an onEvent that throws", () => {
  it.effect("breaks nothing, and what it throws is logged", () =>
    contained(Effect.gen(function*() {
      const logged: Array<string> = []
      const logger = Logger.make(({ message }) => void logged.push(String(message)))
      yield* Effect.gen(function*() {
        const onEvent = (): never => {
          throw new Error("mine")
        }
        const { connection, transport } = yield* connectedWith({ onEvent }, T.expect(getHead()), T.reply(ok("whole")))
        const response = yield* connection.execute(get)
        assert.strictEqual(yield* response.text, "whole")
        yield* connection.close
        yield* nothingLeft(transport)
      }).pipe(Effect.provide(Layer.mergeAll(Logger.replace(Logger.defaultLogger, logger))))
      assert.deepStrictEqual(
        ["Connect", "Connected", "Send", "Close"].map((tag) => logged.some((line) => line.includes(`event ${tag}`))),
        [true, true, true, true]
      )
    })))
})

describe("a transport of the caller's whose channel", () => {
  it.effect("throws when it is attached ends the opening with that defect, and is destroyed", () =>
    contained(Effect.gen(function*() {
      const transport = yield* T.make([T.connection(T.discard(), T.expectDestroy)])
      const broken: Transport.Service = {
        ...transport,
        loop: transport.loop,
        open: (endpoint, timeouts) =>
          Effect.map(transport.open(endpoint, timeouts), (duplex) => ({
            info: duplex.info,
            endProven: undefined,
            attach: () => {
              throw new Error("not attached")
            },
            write: () => true,
            drained: () => {},
            end: () => {},
            resume: () => {},
            destroy: () => duplex.destroy()
          }))
      }
      const connection = yield* Effect.provideService(
        HttpConnection.make({ host: "a.test" }),
        Transport.Transport,
        broken
      )
      const exit = yield* Effect.exit(connection.execute(get))
      assert.isTrue(
        Exit.isFailure(exit) && Cause.isDie(exit.cause) && Cause.pretty(exit.cause).includes("not attached")
      )
      assert.strictEqual(transport.openCount, 0)
      assert.strictEqual(yield* connection.state, "Idle")
    })))
})
