/**
 * The dialer on its own: callbacks over real sockets, with a host whose time and polls are in the
 * hands of the test.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as net from "node:net"
import type { Abort, DialCaller, Dialed, Dialer, DialHost } from "../../src/internal/model/ports.ts"
import { makeDialer } from "../../src/internal/node/dialer.ts"
import { nodeEventLoop } from "../../src/internal/node/eventLoop.ts"
import type { Lookup } from "../../src/internal/node/resolver.ts"
import type { Duplex, Endpoint, OpenTimeouts } from "../../src/Transport.ts"
import { certificates } from "../fixtures/certificates.ts"
import { Events, gone, leavesNothing, tcpServer, tlsServer, turn, turnUntil, unanswering } from "../fixtures/sockets.ts"

const noLimits: OpenTimeouts = { dns: Infinity, connect: Infinity, tls: Infinity }

/** A timer that the test fires. */
interface Timer {
  readonly millis: number
  readonly awaited: boolean
  readonly fire: () => void
}

/** A host whose timers fire, and whose polls come, when the test says so. */
const manual = (isLive: boolean) => {
  const timers = new Set<Timer>()
  const polls: Array<() => void> = []
  let time = 0
  const host: DialHost = {
    isLive,
    loop: { ...nodeEventLoop, afterPoll: (callback) => void polls.push(callback) },
    now: () => ++time,
    startTimer: (millis, awaited, callback) => {
      const timer: Timer = {
        millis,
        awaited,
        fire: () => {
          timers.delete(timer)
          callback()
        }
      }
      timers.add(timer)
      return { hold: () => {}, cancel: () => void timers.delete(timer) }
    }
  }
  return {
    host,
    polls,
    millis: () => [...timers].map(({ millis }) => millis),
    only: (): Timer => {
      const [timer, ...others] = timers
      if (timer === undefined || others.length > 0) throw new Error(`There are ${timers.size} timers.`)
      return timer
    }
  }
}

const caller: DialCaller = { context: { run: (f) => f() } }
const local = (port: number): Endpoint => ({ host: "127.0.0.1", port })
const named = (port: number): Endpoint => ({ host: "name.test", port })
const answering = (...addresses: ReadonlyArray<string>): Lookup => (_host, callback) =>
  callback(null, addresses.map((address) => ({ address })))
const dialerWith = (lookup: Lookup = answering("127.0.0.1")): Dialer => makeDialer({ lookup, staggerMillis: 250 })

/** Dials, and keeps how that ended. */
const dialled = (
  host: DialHost,
  endpoint: Endpoint,
  { timeouts = noLimits, lookup, context = caller }: {
    readonly timeouts?: OpenTimeouts
    readonly lookup?: Lookup
    readonly context?: DialCaller
  } = {}
) => {
  const results = new Events<Dialed>()
  const abort = dialerWith(lookup).dial(endpoint, timeouts, host, context, (result) => results.push(result))
  return { abort, results }
}

const opened = (results: Events<Dialed>): Effect.Effect<Duplex> =>
  Effect.map(results.next, (result) => result._tag === "Opened" ? result.duplex : assert.fail(result._tag))

const timeoutOf = (result: Dialed | undefined) =>
  result?._tag === "Failed" && result.error._tag === "HttpTimeout" ? [result.error.kind, result.error.millis] : result

describe("a dialer", () => {
  it.live("limits one phase at a time, and ends with all timers cancelled", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const { ca, server: identity } = yield* Effect.promise(certificates)
      const server = yield* tlsServer(identity)
      const time = manual(false)
      const seen: Array<ReadonlyArray<number>> = []
      const host: DialHost = { ...time.host, now: () => (seen.push(time.millis()), time.host.now()) }
      const endpoint: Endpoint = { host: "localhost", port: server.port, tls: { ca } }
      const { results } = dialled(host, endpoint, { timeouts: { dns: 10, connect: 20, tls: 30 } })
      const duplex = yield* opened(results)
      const peer = yield* server.connections.next
      assert.deepStrictEqual(seen, [[], [10], [10], [20], [30]])
      assert.deepStrictEqual(time.millis(), [])
      // The second reading of the time is that of the answer, the third the beginning of the
      // connect.
      assert.deepStrictEqual(duplex.info.timings, { dns: 1, connect: 1, tls: 1 })
      assert.strictEqual(results.all.length, 1)
      duplex.destroy()
      yield* gone(peer)
    }))))

  it("keeps the process alive by its timers, and sets none for `Infinity` or for an address", () => {
    const time = manual(false)
    const silent: Lookup = () => {}
    const first = dialled(time.host, named(80), { timeouts: { ...noLimits, dns: 7 }, lookup: silent })
    assert.deepInclude(time.only(), { millis: 7, awaited: true })
    first.abort()
    const second = dialled(time.host, named(80), { lookup: silent })
    const third = dialled(time.host, local(1), { timeouts: { ...noLimits, dns: 7 } })
    assert.deepStrictEqual(time.millis(), [])
    second.abort()
    third.abort()
    for (const { results } of [first, second, third]) assert.deepStrictEqual(results.all, [{ _tag: "Aborted" }])
  })

  it("fails after the limit of the lookup, and ignores a late answer", () => {
    const time = manual(false)
    const answers: Array<() => void> = []
    const lookup: Lookup = (_host, callback) => answers.push(() => callback(null, [{ address: "127.0.0.1" }]))
    const { results } = dialled(time.host, named(80), { timeouts: { dns: 7, connect: 8, tls: 9 }, lookup })
    time.only().fire()
    assert.deepStrictEqual(timeoutOf(results.all[0]), ["dns", 7])
    for (const answer of answers) answer()
    assert.deepStrictEqual([results.all.length, time.millis()], [1, []])
  })

  it.live("fails after the limits of the connect and of TLS, and destroys the socket at once", () =>
    Effect.scoped(Effect.gen(function*() {
      const stuck = yield* unanswering
      const { connections, port } = yield* tcpServer()
      yield* leavesNothing(Effect.gen(function*() {
        const time = manual(false)
        const timeouts = { dns: 7, connect: 8, tls: 9 }
        const connecting = dialled(time.host, local(stuck), { timeouts })
        time.only().fire()
        assert.deepStrictEqual(timeoutOf(connecting.results.all[0]), ["connect", 8])

        const securing = dialled(time.host, { ...local(port), tls: {} }, { timeouts })
        const peer = yield* connections.next
        yield* turnUntil(() => time.millis()[0] === 9)
        time.only().fire()
        assert.deepStrictEqual(timeoutOf(securing.results.all[0]), ["tls", 9])
        yield* gone(peer)
      }))
    })))

  it("in real time lets a limit expire only after a poll, which progress wins", () => {
    const time = manual(true)
    const answers: Array<() => void> = []
    const lookup: Lookup = (_host, callback) => answers.push(() => callback(null, []))
    const timeouts = { ...noLimits, dns: 7 }
    const late = dialled(time.host, named(80), { timeouts, lookup })
    time.only().fire()
    assert.deepStrictEqual(late.results.all, [])
    time.polls.shift()?.()
    assert.deepStrictEqual(timeoutOf(late.results.all[0]), ["dns", 7])

    const inTime = dialled(time.host, named(80), { timeouts, lookup })
    time.only().fire()
    answers.at(-1)?.()
    time.polls.shift()?.()
    assert.strictEqual(inTime.results.all.length, 1)
    const [result] = inTime.results.all
    assert.strictEqual(result?._tag === "Failed" && result.error._tag, "DnsError")
  })

  it.live("in real time starts the next address only after a poll, one by one, and destroys the losers", () =>
    Effect.scoped(Effect.gen(function*() {
      const port = yield* unanswering
      yield* leavesNothing(Effect.scoped(Effect.gen(function*() {
        const server = yield* tcpServer({ host: "::1", port })
        const time = manual(true)
        const lookup = answering("127.0.0.1", "::1", "127.0.0.2")
        const { results } = dialled(time.host, named(port), { lookup })
        const stagger = time.only()
        assert.strictEqual(stagger.millis, 250)
        stagger.fire()
        for (let turns = 0; turns < 20; turns++) yield* turn
        assert.deepStrictEqual([server.connections.all.length, time.polls.length], [0, 1])
        time.polls.shift()?.()
        const duplex = yield* opened(results)
        assert.strictEqual(duplex.info.remoteAddress, "::1")
        // That of the third address is cancelled.
        assert.deepStrictEqual(time.millis(), [])
        duplex.destroy()
        yield* gone(yield* server.connections.next)
      })))
    })))

  it.live("does not start the next address twice if one fails while the sockets are polled", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const server = yield* tcpServer()
      const time = manual(true)
      // Nothing listens on the first address, so it fails in a turn after its timer has fired.
      const { results } = dialled(time.host, named(server.port), { lookup: answering("::1", "127.0.0.1", "127.0.0.2") })
      time.only().fire()
      const duplex = yield* opened(results)
      for (const poll of time.polls) poll()
      for (let turns = 0; turns < 20; turns++) yield* turn
      assert.deepStrictEqual([server.connections.all.length, results.all.length, time.millis()], [1, 1, []])
      duplex.destroy()
      yield* gone(yield* server.connections.next)
    }))))
})

describe("an abort", () => {
  /** Aborts twice and asserts that the first one has ended the attempt within its call. */
  const aborted = (abort: Abort, results: Events<Dialed>) => {
    assert.deepStrictEqual(results.all, [])
    abort()
    abort()
    assert.deepStrictEqual(results.all, [{ _tag: "Aborted" }])
  }

  it("ends a lookup, whose answer is then ignored", () => {
    const time = manual(false)
    const answers: Array<() => void> = []
    const lookup: Lookup = (_host, callback) => answers.push(() => callback(null, [{ address: "127.0.0.1" }]))
    const { abort, results } = dialled(time.host, named(80), { timeouts: { dns: 7, connect: 8, tls: 9 }, lookup })
    aborted(abort, results)
    for (const answer of answers) answer()
    assert.deepStrictEqual([results.all.length, time.millis()], [1, []])
  })

  it.live("ends a connect and a handshake at once", () =>
    Effect.scoped(Effect.gen(function*() {
      const stuck = yield* unanswering
      const { connections, port } = yield* tcpServer()
      yield* leavesNothing(Effect.gen(function*() {
        const time = manual(false)
        const timeouts = { dns: 7, connect: 8, tls: 9 }
        const connecting = dialled(time.host, named(stuck), { timeouts, lookup: answering("127.0.0.1", "127.0.0.2") })
        assert.deepStrictEqual(time.millis(), [8, 250])
        aborted(connecting.abort, connecting.results)
        assert.deepStrictEqual(time.millis(), [])

        const securing = dialled(time.host, { ...local(port), tls: {} }, { timeouts })
        const peer = yield* connections.next
        yield* turnUntil(() => time.millis()[0] === 9)
        aborted(securing.abort, securing.results)
        assert.deepStrictEqual(time.millis(), [])
        yield* gone(peer)
      }))
    })))

  it.live("ends TLS inside a channel, and the channel with it", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const server = yield* tcpServer()
      const time = manual(false)
      const duplex = yield* opened(dialled(time.host, local(server.port)).results)
      const peer = yield* server.connections.next
      const results = new Events<Dialed>()
      const abort = dialerWith().secure(duplex, "a.test", {}, 9, time.host, caller, (result) => results.push(result))
      assert.deepStrictEqual(time.millis(), [9])
      aborted(abort, results)
      assert.deepStrictEqual(time.millis(), [])
      yield* gone(peer)
    }))))

  it.live("after the end does nothing", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const server = yield* tcpServer()
      const { abort, results } = dialled(manual(false).host, local(server.port))
      const duplex = yield* opened(results)
      const peer = yield* server.connections.next
      abort()
      assert.strictEqual(results.all.length, 1)
      duplex.write("on")
      const bytes = yield* Effect.async<Buffer>((resume) =>
        void peer.once("data", (bytes) => resume(Effect.succeed(bytes)))
      )
      assert.strictEqual(bytes.toString(), "on")
      duplex.destroy()
      yield* gone(peer)
    }))))
})

describe("a defect", () => {
  const fault = new TypeError("a fault of the program")
  const throws = () => {
    throw fault
  }

  it.live("is how the attempt ends, with its socket destroyed", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const server = yield* tcpServer()
      let readings = 0
      // The second reading is that of the socket's event.
      const host: DialHost = { ...manual(false).host, now: () => ++readings === 2 ? throws() : readings }
      const results = new Events<Dialed>()
      dialerWith().dial(local(server.port), noLimits, host, caller, (result) => results.push(result))
      assert.deepStrictEqual(yield* results.next, { _tag: "Died", defect: fault })
      yield* gone(yield* server.connections.next)
    }))))

  it("of a foreign channel is how starting TLS in it ends", () => {
    const foreign = { info: {}, destroy: throws } as unknown as Duplex
    const results: Array<Dialed> = []
    dialerWith().secure(foreign, "a.test", {}, 9, manual(false).host, caller, (result) => results.push(result))
    assert.deepStrictEqual(results, [{ _tag: "Died", defect: fault }])
  })

  it("of the callback is thrown to its caller, and the attempt has ended once", () => {
    let calls = 0
    const ended = () => {
      calls++
      throws()
    }
    const time = manual(false)
    const dial = (lookup: Lookup) => () => dialerWith(lookup).dial(named(80), noLimits, time.host, caller, ended)
    assert.throws(dial(answering()), fault)
    assert.throws(dial(throws), fault)
    assert.strictEqual(calls, 2)
  })
})

describe("the context of the caller", () => {
  it.live("is that in which the name is looked up and sockets are made", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const server = yield* tcpServer()
      let inside = 0
      const seen: Array<boolean> = []
      const context: DialCaller["context"] = {
        run: (f) => {
          inside++
          try {
            return f()
          } finally {
            inside--
          }
        }
      }
      const answers = new Events<() => void>()
      const lookup: Lookup = (_host, callback) => {
        seen.push(inside > 0)
        answers.push(() => callback(null, [{ address: "127.0.0.1" }]))
      }
      const { connect } = net.Socket.prototype
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          net.Socket.prototype.connect = function(this: net.Socket, ...given: Parameters<typeof connect>) {
            seen.push(inside > 0)
            return connect.apply(this, given)
          } as typeof connect
        }),
        () => Effect.sync(() => void (net.Socket.prototype.connect = connect))
      )
      const { results } = dialled(manual(false).host, named(server.port), { lookup, context: { context } })
      const answer = yield* answers.next
      assert.strictEqual(inside, 0)
      answer()
      const duplex = yield* opened(results)
      assert.deepStrictEqual(seen, [true, true])
      duplex.destroy()
      yield* gone(yield* server.connections.next)
    }))))
})
