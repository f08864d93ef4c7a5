/**
 * Between services made of effects and dialers made of callbacks, both ways: what ends, and in
 * which order.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import { ConnectError, DnsError } from "../../src/HttpError.ts"
import { EffectTimers } from "../../src/internal/effect/host.ts"
import { dialerOf, type FiberCaller, serviceOf } from "../../src/internal/effect/transport.ts"
import type { DialCaller, Dialed, Dialer, DialHost } from "../../src/internal/model/ports.ts"
import { nodeEventLoop } from "../../src/internal/node/eventLoop.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import type { Duplex, Service } from "../../src/Transport.ts"
import { Events } from "../fixtures/sockets.ts"

const endpoint = { host: "a.test", port: 80 }
const noLimits = { dns: Infinity, connect: Infinity, tls: Infinity }
const refused = new ConnectError({
  reason: "Refused",
  code: "ECONNREFUSED",
  target: "a",
  attempts: [],
  cause: undefined
})
const unknown = new DnsError({ host: "a.test", reason: "NotFound", code: "ENOTFOUND", cause: undefined })
const fault = new TypeError("a fault of the program")

/** A channel that notes its end. */
const channel = (log: Array<string>, name = "the channel"): Duplex => ({
  info: {
    localAddress: undefined,
    localPort: undefined,
    remoteAddress: undefined,
    remotePort: undefined,
    tls: undefined,
    timings: { dns: undefined, connect: undefined, tls: undefined }
  },
  write: () => true,
  drained: () => {},
  attach: () => {},
  resume: () => {},
  end: () => {},
  destroy: () => void log.push(`${name} is destroyed`)
})

// --- a dialer made of a service

const hostAndCaller = Effect.zipWith(
  Effect.clock,
  Effect.runtime<never>(),
  (clock, runtime): { readonly host: DialHost; readonly caller: FiberCaller } => ({
    host: new EffectTimers(clock, runtime, nodeEventLoop),
    caller: {
      context: nodeEventLoop.captureContext(),
      log: () => {},
      fork: (effect) => Runtime.runFork(runtime)(effect)
    }
  })
)

type Opening = Effect.Effect<Duplex, ConnectError | DnsError, Scope.Scope>

/** An opening whose scope notes its end, a moment after it began. */
const noting = (log: Array<string>, opening: Opening): Opening =>
  Effect.zipRight(
    Effect.acquireRelease(
      Effect.void,
      () => Effect.zipRight(Effect.yieldNow(), Effect.sync(() => void log.push("the scope is closed")))
    ),
    opening
  )

/** Dials by a service that opens like this, and notes the result beside the rest. */
const dialled = (log: Array<string>, opening: Opening) =>
  Effect.map(hostAndCaller, ({ caller, host }) => {
    const results = new Events<Dialed>()
    const service: Service = { open: () => noting(log, opening), secure: () => Effect.die(fault) }
    const abort = dialerOf(service).dial(endpoint, noLimits, host, caller, (result) => {
      log.push(result._tag)
      results.push(result)
    })
    return { abort, results }
  })

describe("the dialer of a service", () => {
  it("is the dialer that the service was made of, but not for a service made out of that", () => {
    const dialer: Dialer = { dial: () => () => {}, resolve: () => () => {}, secure: () => () => {} }
    const service = serviceOf(dialer)
    assert.strictEqual(dialerOf(service), dialer)
    assert.notStrictEqual(dialerOf({ ...service }), dialer)
    assert.isTrue(Object.isFrozen(service))
    assert.strictEqual(dialerOf(NodeTransport.transport), dialerOf(NodeTransport.transport))
    assert.strictEqual(service.loop, nodeEventLoop)
  })

  it.live("opens the channel, whose release closes the scope", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const duplex = channel(log)
      const { abort, results } = yield* dialled(log, Effect.succeed(duplex))
      const result = yield* results.next
      if (result._tag !== "Opened") return assert.fail(result._tag)
      assert.strictEqual(result.duplex, duplex)
      abort()
      yield* Effect.yieldNow()
      assert.deepStrictEqual(log, ["Opened"])
      result.release?.()
      yield* Effect.repeatN(Effect.yieldNow(), 5)
      assert.deepStrictEqual(log, ["Opened", "the scope is closed"])
    }))

  it.live("fails, dies or is interrupted as the opening, after the scope is closed", () =>
    Effect.gen(function*() {
      const causeOf = (opening: Opening) =>
        Effect.gen(function*() {
          const log: Array<string> = []
          const { results } = yield* dialled(log, opening)
          const result = yield* results.next
          assert.deepStrictEqual(log, ["the scope is closed", result._tag])
          return result
        })
      assert.deepStrictEqual(yield* causeOf(Effect.fail(refused)), { _tag: "Failed", error: refused })
      const died = yield* causeOf(Effect.die(fault))
      assert.deepStrictEqual(died, { _tag: "Died", defect: Cause.die(fault) })
      const interrupted = yield* causeOf(Effect.interrupt)
      assert.isTrue(
        interrupted._tag === "Died" && Cause.isCause(interrupted.defect)
          && Cause.isInterruptedOnly(interrupted.defect)
      )
    }))

  it.live("dies of a service that throws, and of a finalizer that does, beside its failure", () =>
    Effect.gen(function*() {
      const { caller, host } = yield* hostAndCaller
      const throws = () => {
        throw fault
      }
      const finalizer = Effect.addFinalizer(() => Effect.sync(throws))
      const cases: ReadonlyArray<readonly [open: Service["open"], cause: Cause.Cause<unknown>]> = [
        [throws, Cause.die(fault)],
        [
          () => Effect.zipRight(finalizer, Effect.fail(refused)),
          Cause.sequential(Cause.fail(refused), Cause.die(fault))
        ]
      ]
      for (const [open, cause] of cases) {
        const results = new Events<Dialed>()
        const service: Service = { open, secure: throws }
        dialerOf(service).dial(endpoint, noLimits, host, caller, (result) => results.push(result))
        assert.deepStrictEqual(yield* results.next, { _tag: "Died", defect: cause })
      }
    }))

  it.live("is aborted when the opening has ended and its scope is closed", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const waits = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void log.push("interrupted")))
      const { abort, results } = yield* dialled(log, waits)
      yield* Effect.yieldNow()
      abort()
      assert.deepStrictEqual(yield* results.next, { _tag: "Aborted" })
      assert.deepStrictEqual(log, ["interrupted", "the scope is closed", "Aborted"])
    }))

  it.live("is aborted even if the opening cannot be interrupted, without its channel", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Deferred.make<void>()
      const uninterruptible = Effect.uninterruptible(Effect.acquireRelease(
        Effect.as(Deferred.await(go), channel(log)),
        (duplex) => Effect.sync(() => duplex.destroy())
      ))
      const { abort, results } = yield* dialled(log, uninterruptible)
      yield* Effect.yieldNow()
      abort()
      yield* Effect.yieldNow()
      assert.deepStrictEqual(log, [])
      yield* Deferred.succeed(go, undefined)
      assert.deepStrictEqual(yield* results.next, { _tag: "Aborted" })
      assert.deepStrictEqual(log, ["the channel is destroyed", "the scope is closed", "Aborted"])
    }))

  it.live("destroys the channel in which TLS could not be started", () =>
    Effect.gen(function*() {
      const { caller, host } = yield* hostAndCaller
      const log: Array<string> = []
      const results = new Events<Dialed>()
      const service: Service = { open: () => Effect.never, secure: () => Effect.die(fault) }
      dialerOf(service).secure(channel(log), "a.test", {}, Infinity, host, caller, (result) => results.push(result))
      assert.deepStrictEqual(yield* results.next, { _tag: "Died", defect: Cause.die(fault) })
      assert.deepStrictEqual(log, ["the channel is destroyed"])
    }))

  it.live("dies without a fiber to run the service in", () =>
    Effect.gen(function*() {
      const { caller: { context }, host } = yield* hostAndCaller
      const results: Array<Dialed> = []
      const dialer = dialerOf({ open: () => Effect.never, secure: () => Effect.never })
      dialer.dial(endpoint, noLimits, host, { context }, (result) => results.push(result))
      assert.strictEqual(results.length, 1)
      assert.strictEqual(results[0]?._tag, "Died")
    }))
})

// --- a service made of a dialer

/** A dialer whose attempts end when the test says so. Those of `secure` are the same. */
const manual = (onAbort: (done: (result: Dialed<never>) => void) => void = (done) => done({ _tag: "Aborted" })) => {
  const attempts = new Events<
    { readonly host: DialHost; readonly caller: DialCaller; readonly done: (result: Dialed) => void }
  >()
  const dialer: Dialer = {
    dial: (_endpoint, _timeouts, host, caller, done) => {
      attempts.push({ host, caller, done })
      return () => onAbort(done)
    },
    resolve: () => () => {},
    secure: (_duplex, _serverName, _tls, _timeoutMillis, host, caller, done) => {
      attempts.push({ host, caller, done: (result) => done(result as Dialed<never>) })
      return () => onAbort(done)
    }
  }
  return { attempts, service: serviceOf(dialer) }
}

describe("the service of a dialer", () => {
  it.live("opens a channel that ends with the scope, and what it holds after it", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const { attempts, service } = manual()
      const ends = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(
        Effect.scoped(Effect.zipRight(service.open(endpoint, noLimits), Deferred.await(ends)))
      )
      const { done, host } = yield* attempts.next
      assert.isTrue(host.isLive)
      done({ _tag: "Opened", duplex: channel(log), release: () => void log.push("released") })
      yield* Effect.yieldNow()
      assert.deepStrictEqual(log, [])
      yield* Deferred.succeed(ends, undefined)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(log, ["the channel is destroyed", "released"])
    }))

  it.live("fails and dies as the dialer", () =>
    Effect.gen(function*() {
      const exitFor = (result: Dialed) =>
        Effect.gen(function*() {
          const { attempts, service } = manual()
          const fiber = yield* Effect.fork(Effect.exit(Effect.scoped(service.open(endpoint, noLimits))))
          const { done } = yield* attempts.next
          done(result)
          return yield* Fiber.join(fiber)
        })
      assert.deepStrictEqual(yield* exitFor({ _tag: "Failed", error: unknown }), Exit.fail(unknown))
      assert.deepStrictEqual(yield* exitFor({ _tag: "Died", defect: fault }), Exit.die(fault))
      // A record of Effect's own is not wrapped in another one.
      assert.deepStrictEqual(yield* exitFor({ _tag: "Died", defect: Cause.die(fault) }), Exit.die(fault))
    }))

  it.live("is interrupted when the dialer has ended, and discards a channel that was opened all the same", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const aborts = new Events<(result: Dialed<never>) => void>()
      const { attempts, service } = manual((done) => aborts.push(done))
      const fiber = yield* Effect.fork(Effect.scoped(service.open(endpoint, noLimits)))
      yield* attempts.next
      const interruption = yield* Effect.fork(Fiber.interrupt(fiber))
      const done = yield* aborts.next
      assert.isNull(fiber.unsafePoll())
      done({ _tag: "Opened", duplex: channel(log), release: () => void log.push("released") })
      const exit = yield* Fiber.join(interruption)
      assert.isTrue(Exit.isInterrupted(exit))
      assert.deepStrictEqual(log, ["the channel is destroyed", "released"])
    }))

  it.live("discards the channel if it is interrupted in the turn in which that was opened", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const { attempts, service } = manual(() => assert.fail("it has ended"))
      const fiber = yield* Effect.fork(Effect.scoped(Effect.zipRight(service.open(endpoint, noLimits), Effect.never)))
      const { done } = yield* attempts.next
      done({ _tag: "Opened", duplex: channel(log), release: undefined })
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      assert.deepStrictEqual(log, ["the channel is destroyed"])
    }))

  it.live("destroys the channel in which TLS was not started", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const { attempts, service } = manual()
      const secure = (name: string) => Effect.scoped(service.secure(channel(log, name), "a.test", {}, Infinity))
      const interrupted = yield* Effect.fork(secure("the first"))
      yield* attempts.next
      yield* Fiber.interrupt(interrupted)
      assert.deepStrictEqual(log, ["the first is destroyed"])
      const failing = yield* Effect.fork(Effect.exit(secure("the second")))
      const { done } = yield* attempts.next
      done({ _tag: "Died", defect: fault })
      assert.deepStrictEqual(yield* Fiber.join(failing), Exit.die(fault))
      assert.deepStrictEqual(log, ["the first is destroyed", "the second is destroyed"])
    }))
})
