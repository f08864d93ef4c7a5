/** What an endpoint says about its addresses, and how the dialer honours it: callbacks over real sockets, without a clock. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as net from "node:net"
import { AddressRefused } from "../../src/HttpError.ts"
import type { DialCaller, Dialed, DialHost } from "../../src/internal/model/ports.ts"
import { makeDialer } from "../../src/internal/node/dialer.ts"
import { dnsError } from "../../src/internal/node/errors.ts"
import { nodeEventLoop } from "../../src/internal/node/eventLoop.ts"
import type { Addressing, Endpoint, OpenTimeouts } from "../../src/Transport.ts"
import { Events, leavesNothing, tcpServer, turnUntil, unanswering, unusedPort } from "../fixtures/sockets.ts"

const noLimits: OpenTimeouts = { dns: Infinity, connect: Infinity, tls: Infinity }
const caller: DialCaller = { context: { run: (f) => f() } }

/** A host whose timers are fired by the test, by their milliseconds. */
const manual = () => {
  const timers = new Map<number, () => void>()
  const host: DialHost = {
    isLive: false,
    loop: nodeEventLoop,
    now: () => 0,
    startTimer: (millis, _awaited, callback) => {
      timers.set(millis, callback)
      return { hold: () => {}, cancel: () => void timers.delete(millis) }
    }
  }
  const fire = (millis: number) => {
    const callback = timers.get(millis)
    timers.delete(millis)
    callback?.()
  }
  return { host, fire, timers }
}

/** A dialer whose own lookup must not be used. */
const dialer = makeDialer({
  lookup: () => {
    throw new Error("The system was asked.")
  },
  staggerMillis: 250
})

const dial = (addressing: Addressing, endpoint: Partial<Endpoint> = {}, timeouts = noLimits) => {
  const { fire, host, timers } = manual()
  const results = new Events<Dialed>()
  const whole = { host: "name.test", port: 80, addressing, ...endpoint }
  const abort = dialer.dial(whole, timeouts, host, caller, (result) => results.push(result))
  return { abort, fire, results, timers }
}

const answer = (...addresses: ReadonlyArray<string>): NonNullable<Addressing["resolve"]> => (_name, done) => {
  done({ addresses, ttlMillis: 5000 })
  return () => undefined
}

const failure = (result: Dialed | undefined) => result?._tag === "Failed" ? result.error : undefined

describe("`resolve` of an endpoint", () => {
  it.live("is asked instead of the system, for the name of the endpoint", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const server = yield* tcpServer()
      const names: Array<string> = []
      const { results } = dial(
        { resolve: (name, done) => (names.push(name), answer("127.0.0.1")(name, done, () => {})) },
        { port: server.port }
      )
      const result = yield* results.next
      assert.deepStrictEqual(names, ["name.test"])
      assert.strictEqual(result._tag === "Opened" && result.duplex.info.remoteAddress, "127.0.0.1")
      if (result._tag === "Opened") result.duplex.destroy()
    }))))

  it.live("is not asked for an address and for a unix socket", () =>
    Effect.gen(function*() {
      const resolve = () => assert.fail("asked")
      const port = yield* unusedPort
      for (const endpoint of [{ host: "127.0.0.1", port }, { host: "::1", port }, { socketPath: "/no/such" }]) {
        const { results } = dial({ resolve }, endpoint)
        assert.strictEqual(failure(yield* results.next)?._tag, "ConnectError")
      }
    }))

  it("fails the opening with its own error", () => {
    const error = dnsError("name.test", Object.assign(new Error(), { code: "ENOTFOUND" }))
    const { results } = dial({ resolve: (_name, done) => (done(error), () => undefined) })
    assert.strictEqual(failure(results.all[0]), error)
  })

  it("fails with `NoData` if there is no address in the answer, or if `order` leaves none", () => {
    for (
      const addressing of [
        { resolve: answer() },
        { resolve: answer("name.test", "", "1.2.3", "[::1]") },
        { resolve: answer("127.0.0.1"), order: () => [] }
      ]
    ) {
      const error = failure(dial(addressing).results.all[0])
      assert.strictEqual(error?._tag === "DnsError" && error.reason, "NoData")
    }
  })

  it("is stopped once by the limit of the lookup, and by an abort, and its late answer is ignored", () => {
    for (const end of ["limit", "abort"] as const) {
      let stops = 0
      let late = (): void => {}
      const resolve: Addressing["resolve"] = (name, done) => {
        late = () => void answer("127.0.0.1")(name, done, () => {})
        return () => void stops++
      }
      const { abort, fire, results, timers } = dial({ resolve }, {}, { dns: 7, connect: 8, tls: 9 })
      if (end === "limit") fire(7)
      else abort()
      late()
      assert.strictEqual(stops, 1)
      assert.deepStrictEqual(results.all.map((result) => failure(result)?._tag ?? result._tag), [
        end === "limit" ? "HttpTimeout" : "Aborted"
      ])
      assert.strictEqual(timers.size, 0)
    }
  })

  it("that is stopped by an abort has ended before the opening, and by a limit may end after it", () => {
    for (const end of ["limit", "abort"] as const) {
      let ended = (): void => {}
      const whenEnded = (callback: () => void) => void (ended = callback)
      const { abort, fire, results } = dial({ resolve: () => () => ({ whenEnded }) }, {}, { ...noLimits, dns: 7 })
      if (end === "limit") fire(7)
      else abort()
      assert.strictEqual(results.all.length, end === "limit" ? 1 : 0)
      ended()
      assert.deepStrictEqual(results.all.map(({ _tag }) => _tag), [end === "limit" ? "Failed" : "Aborted"])
    }
  })

  it("is not stopped after it has answered", () => {
    const resolve: Addressing["resolve"] = (name, done) => {
      answer("127.0.0.1")(name, done, () => {})
      return () => assert.fail("stopped")
    }
    const { abort, results } = dial({ resolve })
    abort()
    assert.deepStrictEqual(results.all, [{ _tag: "Aborted" }])
  })

  it("that reports or throws a defect ends the opening with it, and so does whatever else throws", () => {
    const defect = new TypeError("a fault of the program")
    const throws = () => {
      throw defect
    }
    for (
      const addressing of [
        {
          resolve: (_name: string, _done: unknown, died: (defect: unknown) => void) => (died(defect), () => undefined)
        },
        { resolve: throws },
        { resolve: answer("127.0.0.1"), order: throws }
      ]
    ) assert.deepStrictEqual(dial(addressing).results.all, [{ _tag: "Died", defect }])
    const stopping = dial({ resolve: () => throws })
    stopping.abort()
    assert.deepStrictEqual(stopping.results.all, [{ _tag: "Died", defect }])
  })
})

describe("`order` of an endpoint", () => {
  it.live("receives the addresses of the answer, and decides what is tried in which order", () =>
    leavesNothing(Effect.gen(function*() {
      const port = yield* unusedPort
      const seen: Array<unknown> = []
      const { results } = dial(
        {
          resolve: answer("127.0.0.1", "no address", "::1", "127.0.0.2"),
          order: (answer) => (seen.push(answer), ["127.0.0.2", "127.0.0.1"])
        },
        { port }
      )
      const error = failure(yield* results.next)
      assert.deepStrictEqual(seen, [{ addresses: ["127.0.0.1", "::1", "127.0.0.2"], ttlMillis: 5000 }])
      assert.deepStrictEqual(error?._tag === "ConnectError" && error.attempts.map(({ address }) => address), [
        "127.0.0.2",
        "127.0.0.1"
      ])
    })))

  it.live("by default is the families by turns", () =>
    leavesNothing(Effect.gen(function*() {
      const port = yield* unusedPort
      const { results } = dial({ resolve: answer("127.0.0.1", "127.0.0.2", "::1") }, { port })
      const error = failure(yield* results.next)
      assert.deepStrictEqual(error?._tag === "ConnectError" && error.attempts.map(({ address }) => address), [
        "127.0.0.1",
        "::1",
        "127.0.0.2"
      ])
    })))
})

describe("`failed` of an endpoint", () => {
  it.live("is called for each address that fails, and not for the one that is connected to", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const server = yield* tcpServer()
      const bad: Array<string> = []
      const addressing: Addressing = {
        resolve: answer("127.0.0.2", "127.0.0.3", "127.0.0.1"),
        order: ({ addresses }) => addresses,
        failed: (address) => void bad.push(address)
      }
      const result = yield* dial(addressing, { port: server.port }).results.next
      assert.deepStrictEqual([result._tag, bad], ["Opened", ["127.0.0.2", "127.0.0.3"]])
      if (result._tag === "Opened") result.duplex.destroy()
    }))))

  it.live("is called for the addresses that had not answered when the limit of the connect ended", () =>
    Effect.scoped(Effect.gen(function*() {
      const port = yield* unanswering
      const bad: Array<string> = []
      const addressing: Addressing = {
        resolve: answer("::1", "127.0.0.1", "127.0.0.2"),
        failed: (address) => void bad.push(address)
      }
      const { fire, results } = dial(addressing, { port }, { ...noLimits, connect: 8 })
      // Nothing listens on the first one. The second one does not answer, and the third was not started.
      yield* turnUntil(() => bad.length > 0)
      fire(8)
      assert.strictEqual(failure(results.all[0])?._tag, "HttpTimeout")
      assert.deepStrictEqual(bad, ["::1", "127.0.0.1"])
    })))

  it.live("is not called for an attempt that an abort ended", () =>
    Effect.scoped(Effect.gen(function*() {
      const port = yield* unanswering
      const addressing: Addressing = { resolve: answer("127.0.0.1"), failed: () => assert.fail("called") }
      const { abort, results } = dial(addressing, { port })
      abort()
      assert.deepStrictEqual(results.all, [{ _tag: "Aborted" }])
    })))
})

describe("`check` of an endpoint", () => {
  const refusing = (...refused: ReadonlyArray<string>) => {
    const asked: Array<string> = []
    const check = (address: string, port: number) => {
      asked.push(`${address} ${port}`)
      return refused.includes(address)
        ? new AddressRefused({ host: "name.test", address, port, rule: "Deny", range: undefined })
        : undefined
    }
    return { asked, check }
  }
  const inOrder: Addressing["order"] = ({ addresses }) => addresses

  it("is asked for an address that is the host, which is not dialled if it is refused", () => {
    for (const host of ["127.0.0.1", "::1", "::1%lo"]) {
      const { asked, check } = refusing(host)
      const error = failure(dial({ check }, { host, port: 7 }).results.all[0])
      assert.deepInclude(error, { _tag: "AddressRefused", address: host, port: 7 })
      assert.deepStrictEqual(asked, [`${host} 7`])
    }
  })

  it.live("skips the addresses that it refuses, first, last and in between", () =>
    leavesNothing(Effect.scoped(Effect.gen(function*() {
      const server = yield* tcpServer()
      const { port } = server
      const addresses = ["127.0.0.3", "127.0.0.2", "127.0.0.3", "127.0.0.1", "127.0.0.3"]
      const { asked, check } = refusing("127.0.0.3")
      const bad: Array<string> = []
      const addressing = {
        resolve: answer(...addresses),
        order: inOrder,
        check,
        failed: (a: string) => void bad.push(a)
      }
      const result = yield* dial(addressing, { port }).results.next
      assert.deepStrictEqual(asked, addresses.slice(0, 4).map((address) => `${address} ${port}`))
      assert.deepStrictEqual(bad, ["127.0.0.2"])
      assert.strictEqual(result._tag === "Opened" && result.duplex.info.remoteAddress, "127.0.0.1")
      if (result._tag === "Opened") result.duplex.destroy()
    }))))

  it.live("is asked right before each attempt, and not for those that are never made", () =>
    Effect.scoped(Effect.gen(function*() {
      const port = yield* unanswering
      const { asked, check } = refusing("127.0.0.2")
      const addressing = { resolve: answer("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"), order: inOrder, check }
      const { abort, fire, results } = dial(addressing, { port })
      assert.deepStrictEqual(asked, [`127.0.0.1 ${port}`])
      fire(250)
      assert.deepStrictEqual(asked, [`127.0.0.1 ${port}`, `127.0.0.2 ${port}`, `127.0.0.3 ${port}`])
      abort()
      assert.deepStrictEqual(results.all, [{ _tag: "Aborted" }])
    })))

  it("fails with the first refusal if all are refused", () => {
    const { check } = refusing("127.0.0.1", "127.0.0.2")
    const { results, timers } = dial({ resolve: answer("127.0.0.2", "127.0.0.1"), check })
    assert.deepInclude(failure(results.all[0]), { _tag: "AddressRefused", address: "127.0.0.2" })
    assert.strictEqual(results.all.length, 1)
    assert.strictEqual(timers.size, 0)
  })

  it.live("fails with what was tried if the others are refused", () =>
    leavesNothing(Effect.gen(function*() {
      const port = yield* unusedPort
      for (const addresses of [["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"]]) {
        const { check } = refusing("127.0.0.2")
        const { results } = dial({ resolve: answer(...addresses), order: inOrder, check }, { port })
        const error = failure(yield* results.next)
        assert.deepStrictEqual(error?._tag === "ConnectError" && error.attempts.map(({ address }) => address), [
          "127.0.0.1"
        ])
      }
    })))

  it.live("that refuses the rest while an attempt is in progress leaves that to its end", () =>
    Effect.scoped(Effect.gen(function*() {
      const port = yield* unanswering
      const { asked, check } = refusing("127.0.0.2")
      const { fire, results } = dial({ resolve: answer("127.0.0.1", "127.0.0.2"), order: inOrder, check }, { port }, {
        ...noLimits,
        connect: 8
      })
      fire(250)
      assert.deepStrictEqual([asked.length, results.all.length], [2, 0])
      fire(8)
      assert.strictEqual(failure(results.all[0])?._tag, "HttpTimeout")
    })))

  it.live("is not asked for a unix socket", () =>
    Effect.gen(function*() {
      const { results } = dial({ check: () => assert.fail("asked") }, { socketPath: "/no/such" })
      assert.strictEqual(failure(yield* results.next)?._tag, "ConnectError")
    }))

  it("that throws ends the opening with the defect, and nothing is dialled", () => {
    const defect = new TypeError("a fault of the program")
    const check = () => {
      throw defect
    }
    assert.deepStrictEqual(dial({ check }, { host: "127.0.0.1" }).results.all, [{ _tag: "Died", defect }])
  })
})

describe("attempts (RFC 8305 section 5)", () => {
  /** The sockets that are made while the scope lasts. */
  const sockets = Effect.gen(function*() {
    const made: Array<net.Socket> = []
    const { connect } = net.Socket.prototype
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        net.Socket.prototype.connect = function(this: net.Socket, ...given: Parameters<typeof connect>) {
          made.push(this)
          return connect.apply(this, given)
        } as typeof connect
      }),
      () =>
        Effect.sync(() => {
          net.Socket.prototype.connect = connect
        })
    )
    return made
  })

  it.live("follow each other after the delay, or at once if the latest fails; the failure of an earlier one starts none", () =>
    Effect.scoped(Effect.gen(function*() {
      const port = yield* unanswering
      yield* leavesNothing(Effect.scoped(Effect.gen(function*() {
        const made = yield* sockets
        const bad: Array<string> = []
        const { abort, fire, results, timers } = dial({
          resolve: answer("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"),
          failed: (address) => void bad.push(address)
        }, { port })
        const fails = (index: number) => {
          made[index]?.destroy(Object.assign(new Error("reset"), { code: "ECONNRESET" }))
          return turnUntil(() => bad.length === index + 1)
        }
        assert.strictEqual(made.length, 1)
        fire(250)
        assert.strictEqual(made.length, 2)
        yield* fails(0)
        assert.deepStrictEqual([made.length, [...timers.keys()]], [2, [250]])
        yield* fails(1)
        assert.strictEqual(made.length, 3)
        fire(250)
        // No address is left to wait for.
        assert.deepStrictEqual([made.length, timers.size], [4, 0])
        abort()
        assert.deepStrictEqual([results.all, bad], [[{ _tag: "Aborted" }], ["127.0.0.1", "127.0.0.2"]])
      })))
    })))
})
