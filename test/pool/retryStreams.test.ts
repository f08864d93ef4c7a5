/**
 * Sending once more where the body is a stream: only a replayable one, which then runs twice, never beside itself. And a connection
 * that dies between the steps of a request, at each of them.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import type * as HttpError from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { bytesOf, chunk, contained, failsWith, ok, pieces, settled, started } from "../connection/harness.ts"
import { get, holds, holdsNothing, serves, textOf } from "./harness.ts"
import { endings, warmed } from "./over.ts"

const head = "PUT /x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
const wire = `${head}${chunk("abc")}${chunk("def")}0\r\n\r\n`

/** A stream that notes when it runs, and takes a second to be released. */
const noting = (log: Array<string>, stream: Stream.Stream<Uint8Array> = pieces("abc", "def"), release = "1 second") =>
  Stream.unwrapScoped(
    Effect.as(
      Effect.acquireRelease(
        Effect.sync(() => log.push("begun")),
        () => Effect.andThen(Effect.sleep(release as "1 second"), () => log.push("released"))
      ),
      stream
    )
  )

const put = <E>(stream: Stream.Stream<Uint8Array, E>, options?: HttpBody.StreamOptions) =>
  HttpRequest.put("http://a.test/x", { body: HttpBody.stream(stream, options) })

const replayable = { replayable: true } as const

describe("a streamed body", () => {
  for (
    // A stream that is stopped before it began does not run.
    const [name, steps, firstRun] of [
      ["right after the head, by FIN", [T.expect(head), T.eof], []],
      ["right after the head, by RST", [T.expect(head), T.reset], []],
      ["while it is being sent, by FIN", [T.expect(head + chunk("abc")), T.blockWrites, T.eof], ["begun", "released"]],
      ["while it is being sent, by RST", [T.expect(head + chunk("abc")), T.blockWrites, T.reset], [
        "begun",
        "released"
      ]],
      ["when it has been sent, by FIN", [T.expect(wire), T.eof], ["begun", "released"]],
      ["when it has been sent, by RST", [T.expect(wire), T.reset], ["begun", "released"]]
    ] as const
  ) {
    it.effect(`that is replayable runs once more where the server goes away ${name}: after its finalizers, with the same bytes`, () =>
      contained(Effect.gen(function*() {
        const log: Array<string> = []
        const kit = yield* warmed(steps, [T.connection(T.expect(wire), T.reply(ok("done")))])
        const fiber = yield* started(textOf(kit.pool, put(noting(log), replayable)))
        yield* TestClock.adjust("1 second")
        yield* settled
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(fiber), "done")
        assert.deepStrictEqual(log, [...firstRun, "begun", "released"])
        yield* kit.transport.verify
        yield* holds(kit.pool, { idle: 1 })
      })))

    it.effect(`that is not replayable runs once where the server goes away ${name}`, () =>
      contained(Effect.gen(function*() {
        const log: Array<string> = []
        const kit = yield* warmed(steps)
        const fiber = yield* started(kit.pool.execute(put(noting(log))))
        yield* TestClock.adjust("1 second")
        const error = yield* failsWith(Fiber.join(fiber), "StaleConnection")
        assert.deepInclude(error.context, { replayable: false, resends: 0, processed: "Unknown" })
        assert.deepStrictEqual(log, [...firstRun])
        assert.strictEqual(kit.transport.opened.length, 1)
        assert.strictEqual((yield* kit.pool.stats).retried, 0)
        yield* holdsNothing(kit)
      })))
  }

  it.effect("of known length runs once more too", () =>
    contained(Effect.gen(function*() {
      const known = "PUT /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\n\r\nabcdef"
      const kit = yield* warmed([T.expect(known), T.eof], [T.connection(T.expect(known), T.reply(ok("done")))])
      assert.strictEqual(
        yield* textOf(kit.pool, put(pieces("abc", "def"), { replayable: true, length: 6 })),
        "done"
      )
    })))

  it.effect("whose own failure ends the request is not sent again", () =>
    contained(Effect.gen(function*() {
      const kit = yield* warmed([T.expect(head + chunk("abc")), T.stall])
      const stream = Stream.concat(pieces("abc"), Stream.fail("no more"))
      const error = yield* failsWith(kit.pool.execute(put(stream, replayable)), "RequestBodyError")
      assert.strictEqual(error.error, "no more")
      assert.strictEqual(error.context.resends, 0)
      assert.strictEqual(kit.transport.opened.length, 1)
      assert.deepStrictEqual(endings(kit.events), ["PUT - RequestBodyError"])
    })))

  it.effect("that dies ends the request, which tells of a failure", () =>
    contained(Effect.gen(function*() {
      const kit = yield* warmed([T.expect(head + chunk("abc")), T.stall])
      const exit = yield* Effect.exit(
        kit.pool.execute(put(Stream.concat(pieces("abc"), Stream.die("bug")), replayable))
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(endings(kit.events), ["PUT - ConnectionClosed"])
      yield* holdsNothing(kit)
    })))

  it.effect("that fails when it runs once more says so", () =>
    contained(Effect.gen(function*() {
      let runs = 0
      const stream = Stream.suspend(() => ++runs === 1 ? pieces("abc", "def") : Stream.fail("gone"))
      const kit = yield* warmed([T.expect(wire), T.eof], [T.connection(T.discard())])
      const error = yield* failsWith(kit.pool.execute(put(stream, replayable)), "RequestBodyError")
      assert.deepInclude(error.context, { resends: 1, processed: "Unknown", replayable: true })
      assert.strictEqual(runs, 2)
    })))

  it.effect("whose finalizers do not end is waited for no longer than `total`, and interrupted with its caller", () =>
    contained(Effect.gen(function*() {
      const log: Array<string> = []
      const endless = Stream.concat(pieces("abc"), Stream.never)
      const steps = [T.expect(head + chunk("abc")), T.eof]
      const kit = yield* warmed(steps)
      const request = HttpRequest.setOptions(put(noting(log, endless, "20 seconds"), replayable), {
        timeouts: { total: "10 seconds" }
      })
      const fiber = yield* started(kit.pool.execute(request))
      yield* TestClock.adjust(9999)
      yield* settled
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust(1)
      const error = yield* failsWith(Fiber.join(fiber), "HttpTimeout")
      assert.strictEqual(error.kind, "total")
      assert.deepInclude(error.context, { resends: 1, processed: "Unknown", phase: "write" })
      assert.deepStrictEqual(log, ["begun"])
      assert.strictEqual(kit.transport.opened.length, 1)
      yield* TestClock.adjust("10 seconds")
      yield* holdsNothing(kit)
    })))

  it.effect("whose finalizers are under way is waited for by the interruption of its caller", () =>
    contained(Effect.gen(function*() {
      const log: Array<string> = []
      const kit = yield* warmed([T.expect(head + chunk("abc")), T.blockWrites, T.eof])
      const fiber = yield* started(kit.pool.execute(put(noting(log), replayable)))
      const interruption = yield* started(Fiber.interrupt(fiber))
      assert.isNull(interruption.unsafePoll())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(interruption)
      assert.deepStrictEqual(log, ["begun", "released"])
      assert.strictEqual(kit.transport.opened.length, 1)
      yield* holdsNothing(kit)
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

/** A pool that has an idle connection, whose server closes it when told to. */
const closing = (served: ReadonlyArray<T.Step>) =>
  Effect.gen(function*() {
    const script = yield* T.make([T.connection(...serves("/warm"), ...served), T.connection(...served)])
    const receivers: Array<Transport.Receiver> = []
    const close = (): void => receivers[0]?.onEnd()
    let closesAtWrite = false
    const transport: Transport.Service = {
      open: (endpoint, timeouts) =>
        Effect.map(script.open(endpoint, timeouts), (duplex) => ({
          info: duplex.info,
          write: (bytes, more) => {
            // Before the script answers.
            if (closesAtWrite) queueMicrotask(close)
            closesAtWrite = false
            return duplex.write(bytes, more)
          },
          drained: (callback) => duplex.drained(callback),
          attach: (receiver) => {
            receivers.push(receiver)
            duplex.attach(receiver)
          },
          resume: () => duplex.resume(),
          end: () => duplex.end(),
          destroy: () => duplex.destroy()
        })),
      secure: (duplex, name, tls, millis) => script.secure(duplex, name, tls, millis),
      loop: script.loop
    }
    const pool = yield* Effect.provideService(
      ConnectionPool.make({ shutdownGrace: 0 }),
      Transport.Transport,
      transport
    )
    yield* textOf(pool, get("/warm"))
    return {
      pool,
      script,
      close: Effect.sync(close),
      closeAtWrite: Effect.sync(() => {
        closesAtWrite = true
      })
    }
  })

describe("a connection that the server closes between any two operations of a request", () => {
  const post = HttpRequest.post("http://a.test/x", { body: HttpBody.bytes(bytesOf("abc")) })
  /** What becomes of a request: its text or error, how often it was sent once more, how many connections were opened. */
  const outcomeOf = (
    { pool, script }: { readonly pool: ConnectionPool.ConnectionPool; readonly script: T.Handle },
    exit: Exit.Exit<string, HttpError.HttpError>
  ) =>
    Effect.map(pool.stats, ({ retried }) => {
      const text = Exit.match(exit, {
        onSuccess: (text) => text,
        onFailure: (cause) =>
          Option.match(Cause.failureOption(cause), { onNone: () => "died", onSome: ({ _tag }) => _tag })
      })
      assert.isAtMost(script.openCount, 1)
      return `${text} ${retried} ${script.opened.length}`
    })

  const steps = (end: string) => [T.discardUntil(end), T.reply(ok("yes")), T.stall]

  /** What became of the request when the connection was closed at each operation. */
  const outcomes = (request: HttpRequest.HttpRequest, end: string) =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      for (let at = 1, last = Infinity; at <= last; at++) {
        yield* contained(Effect.gen(function*() {
          const kit = yield* closing(steps(end))
          const { exit, ops } = yield* between(textOf(kit.pool, request), kit.close, at)
          seen.push(yield* outcomeOf(kit, exit))
          if (Exit.isSuccess(exit)) last = ops
        }))
      }
      return seen
    })

  /** The outcomes in order, each once. */
  const phases = (seen: ReadonlyArray<string>): ReadonlyArray<string> =>
    seen.filter((outcome, index) => outcome !== seen[index - 1])

  for (
    const [name, request, end, sent] of [
      ["a GET", get("/x"), "\r\n\r\n", "yes 1 2"],
      ["a POST", post, "abc", "StaleConnection 0 1"]
    ] as const
  ) {
    it.effect(
      `costs ${name} nothing before it is sent: it goes to a new one`,
      () =>
        Effect.gen(function*() {
          const seen = yield* outcomes(request, end)
          assert.deepStrictEqual(phases(seen), ["yes 0 2", "yes 0 1"])
          assert.isAbove(seen.indexOf("yes 0 1"), 2)
        }),
      30_000
    )

    it.effect(`gives ${name} that had just been sent: ${sent}`, () =>
      contained(Effect.gen(function*() {
        const kit = yield* closing(steps(end))
        yield* kit.closeAtWrite
        assert.strictEqual(yield* outcomeOf(kit, yield* Effect.exit(textOf(kit.pool, request))), sent)
      })))
  }
})
