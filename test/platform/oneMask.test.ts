/**
 * A request through the platform's face is one piece of work that nothing cuts in two: what the caller's own code does in the middle of it (a
 * tracer, a name of spans, a pool that has been wrapped) leaves nothing open, and the options of the pool hold with a span as without.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as Tracer from "effect/Tracer"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as Proxy from "../../src/Proxy.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { settled, started } from "../connection/harness.ts"
import { anyHead, clientTo, ok, quietly, url } from "./kit.ts"

const modes = [["traced", <A, E, R>(effect: Effect.Effect<A, E, R>) => effect], ["untraced", quietly]] as const

/** A client over a pool that somebody has put something around. */
const clientOf = (pool: ConnectionPool.ConnectionPool, around: Pick<ConnectionPool.ConnectionPool, "execute">) =>
  Effect.provideService(PooledHttpClient.make, ConnectionPool.ConnectionPool, { ...pool, ...around })

/** The global of this name. */
const Proxied = globalThis.Proxy

/** The same fiber, interrupted from within. */
const interruptSelf = (fiber: Fiber.RuntimeFiber<unknown, unknown>) => fiber.unsafeInterruptAsFork(FiberId.none)

describe("a caller that is interrupted", () => {
  it.scoped("while the span is made sends nothing, and costs no connection", () =>
    Effect.gen(function*() {
      const { client, pool, transport } = yield* clientTo([
        T.connection(anyHead, T.reply(ok("1")), anyHead, T.reply(ok("2")))
      ])
      yield* quietly(Effect.flatMap(client.get(url), ({ text }) => text))
      const before = transport.written(0).length
      const asking = yield* Effect.fork(Effect.withFiberRuntime<unknown, unknown>((fiber) =>
        Effect.provideService(client.post(url), HttpClient.SpanNameGenerator, () => {
          interruptSelf(fiber)
          return "gone"
        })
      ))
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(asking)))
      yield* settled
      assert.strictEqual(transport.written(0).length, before)
      assert.strictEqual((yield* pool.stats).idle, 1)
    }))

  for (const [mode, run] of modes) {
    it.scoped(`gets its response all the same where nothing may interrupt it, ${mode}`, () =>
      Effect.gen(function*() {
        const { client } = yield* clientTo([T.connection(anyHead, T.delay("1 second"), T.reply(ok("1")))])
        const got: Array<string> = []
        const asking = yield* started(
          run(Effect.uninterruptible(Effect.flatMap(client.get(url), ({ text }) => text))).pipe(
            Effect.tap((text) => Effect.sync(() => got.push(text))),
            Effect.uninterruptible
          )
        )
        yield* Fiber.interruptFork(asking)
        yield* TestClock.adjust("1 second")
        yield* Fiber.await(asking)
        assert.deepStrictEqual(got, ["1"])
      }))

    it.scoped(`is not kept waiting by a pool that somebody has wrapped, ${mode}`, () =>
      Effect.gen(function*() {
        const { pool } = yield* clientTo([])
        const client = yield* clientOf(pool, { execute: () => Effect.never })
        const asking = yield* started(run(client.get(url)))
        assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(asking)))
      }))
  }
})

/** A tracer whose spans take what is said of a request, and throw at what is said of its response, or at their end. */
const breaking = (at: "attribute" | "end", native: Tracer.Tracer) => {
  const spans: Array<Tracer.Span> = []
  const fail = () => {
    throw new Error("no more")
  }
  const tracer = Tracer.make({
    context: native.context,
    span: (...args) => {
      const span = native.span(...args)
      const attribute = span.attribute.bind(span)
      if (at === "end") span.end = fail
      else span.attribute = (key, value) => key === "http.response.status_code" ? fail() : attribute(key, value)
      spans.push(span)
      return span
    }
  })
  return { spans, tracer }
}

describe("a tracer that throws", () => {
  for (const at of ["attribute", "end"] as const) {
    it.scoped(`at \`${at}\` of a response leaves no connection busy, and its error is the defect`, () =>
      Effect.gen(function*() {
        const { client, pool } = yield* clientTo([
          T.connection(anyHead, T.reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), T.stall)
        ])
        const { spans, tracer } = breaking(at, yield* Effect.tracer)
        const exit = yield* Effect.exit(Effect.withTracer(client.get(url), tracer))
        assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause) && Cause.pretty(exit.cause).includes("no more"))
        yield* settled
        assert.strictEqual((yield* pool.stats).busy, 0)
        assert.strictEqual(spans.length, 1)
        if (at === "attribute") assert.strictEqual(spans[0]?.status._tag, "Ended")
      }))
  }
})

describe("the options of the pool", () => {
  const proxy = Either.getOrThrow(Proxy.make({ host: "proxy.test", port: 3128 }))

  for (const [mode, run] of modes) {
    it.scoped(`hold for requests of the platform's client, ${mode}`, () =>
      Effect.gen(function*() {
        const { client, transport } = yield* clientTo(
          [T.connection(T.discardUntil("\r\n\r\n"), T.reply(ok("1")))],
          { proxy, localAddress: "127.0.0.9" }
        )
        assert.strictEqual(yield* run(Effect.flatMap(client.get(`${url}/a`), ({ text }) => text)), "1")
        const [opened] = transport.opened
        assert.deepStrictEqual([opened?.host, opened?.port, opened?.localAddress], ["proxy.test", 3128, "127.0.0.9"])
        assert.include(transport.written(0).toString(), "GET http://a.test/a HTTP/1.1")
      }))
  }
})

describe("a response that a wrapped pool stands in front of", () => {
  for (const [mode, run] of modes) {
    it.scoped(`is read as it is, ${mode}`, () =>
      Effect.gen(function*() {
        const { pool } = yield* clientTo([T.connection(anyHead, T.reply(ok("hello")), T.stall)])
        const client = yield* clientOf(pool, {
          execute: (request) =>
            Effect.map(pool.execute(request), (response) =>
              new Proxied(response, {
                get: (target, key) => {
                  const value: unknown = Reflect.get(target, key, target)
                  return typeof value === "function" ? value.bind(target) as unknown : value
                }
              }))
        })
        assert.strictEqual(yield* run(Effect.flatMap(client.get(url), ({ text }) => text)), "hello")
      }))
  }
})

describe("what a request runs that others see", () => {
  /** The name of the span that something runs in. */
  const spanName = Effect.map(
    Effect.option(Effect.currentSpan),
    (span) => Option.getOrUndefined(Option.map(span, ({ name }) => name))
  )

  it.scoped("is in its span where a connection is opened for it, though it waits outside of that", () =>
    Effect.gen(function*() {
      const seen: Array<string | undefined> = []
      const transport = yield* T.make([T.connection(anyHead, T.reply(ok()), anyHead, T.reply(ok()))])
      const watched: Transport.Service = {
        ...transport,
        open: (endpoint, timeouts) =>
          Effect.zipRight(
            Effect.map(spanName, (name) => void seen.push(name)),
            transport.open(endpoint, timeouts)
          )
      }
      const pool = yield* Effect.provideService(ConnectionPool.make(), Transport.Transport, watched)
      const client = yield* Effect.provideService(PooledHttpClient.make, ConnectionPool.ConnectionPool, pool)
      yield* client.get(url)
      assert.deepStrictEqual(seen, ["http.client GET"])
      assert.isUndefined(yield* spanName)
    }))

  it.scoped("is in its span where it writes to the log, on a new connection and on one used before", () =>
    Effect.gen(function*() {
      const seen: Array<string | undefined> = []
      const logger = Logger.make<unknown, void>(({ context }) => {
        const span = FiberRefs.getOrDefault(context, FiberRef.currentContext).pipe(Context.getOption(Tracer.ParentSpan))
        seen.push(Option.getOrUndefined(Option.map(span, (span) => span._tag === "Span" ? span.name : "")))
      })
      const { client } = yield* clientTo(
        [T.connection(anyHead, T.reply(ok()), anyHead, T.reply(ok()))],
        { wireTap: true }
      )
      yield* Effect.zipRight(client.get(url), client.get(url)).pipe(
        Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
        Logger.withMinimumLogLevel(LogLevel.All)
      )
      assert.strictEqual(seen.length, 4)
      assert.deepStrictEqual(new Set(seen), new Set(["http.client GET"]))
    }))

  it.scoped("is in its span where it fails, so that the error tells it", () =>
    Effect.gen(function*() {
      const { client } = yield* clientTo([T.connection(anyHead, T.eof)])
      const { cause } = yield* Effect.flip(client.get(url))
      const exit = yield* Effect.exit(Effect.fail(cause))
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "at http.client GET")
    }))
})
