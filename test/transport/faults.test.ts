/**
 * `TestTransport.faults`: each fault at the byte that it names, by the rules of `Duplex`, the same in every run.
 *
 * The channel below is scripted. What passes is written down as the receiver sees it: a text for each piece, "end", and codes.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import * as NodeTransport from "../../src/NodeTransport.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"
import { contained, latin1, nothingLeft, settled } from "../connection/harness.ts"

const endpoint = { host: "a.test", port: 80 }
const noLimits = { dns: Infinity, connect: Infinity, tls: Infinity }

/** A receiver that writes down what it sees. `until` pieces it takes at once, then it pauses. */
const recorder = (until = Infinity) => {
  const seen: Array<string> = []
  const views: Array<Uint8Array> = []
  const receiver: Transport.Receiver = {
    onData: (bytes) => {
      seen.push(latin1(bytes))
      views.push(bytes)
      return views.length < until
    },
    onEnd: () => void seen.push("end"),
    onError: ({ code }) => void seen.push(code)
  }
  return { receiver, seen, views }
}

/** Opens a scripted channel with faults. */
const open = (faults: T.FaultPolicy | ReadonlyArray<T.Fault>, ...steps: ReadonlyArray<T.Step>) =>
  Effect.gen(function*() {
    const script = yield* T.make([T.connection(...steps)])
    const transport = T.faults(faults)(script)
    const duplex = yield* transport.open(endpoint, noLimits)
    return { script, transport, duplex }
  })

/** What a client sees that writes "ping" and reads, with these faults. */
const sees = (faults: T.FaultPolicy | ReadonlyArray<T.Fault>, ...steps: ReadonlyArray<T.Step>) =>
  Effect.gen(function*() {
    const kit = yield* open(faults, T.expect("ping"), ...steps)
    const { receiver, seen } = recorder()
    kit.duplex.attach(receiver)
    kit.duplex.write("ping")
    assert.deepStrictEqual(seen, [], "the receiver was called within write")
    yield* settled
    return { ...kit, seen }
  })

const at = (offset: number) => ({ connection: 0, round: 0, offset })

describe("a fault in what arrives happens at its byte", () => {
  const table: ReadonlyArray<readonly [name: string, faults: ReadonlyArray<T.Fault>, seen: ReadonlyArray<string>]> = [
    ["none", [], ["hello", "end"]],
    ["a split", [{ kind: "split", ...at(0), size: 2 }], ["he", "ll", "o", "end"]],
    ["a split in the middle", [{ kind: "split", ...at(3), size: 1 }], ["hel", "l", "o", "end"]],
    ["a split behind the end", [{ kind: "split", ...at(5), size: 1 }], ["hello", "end"]],
    ["a reset before the first byte", [{ kind: "reset", ...at(0) }], ["ECONNRESET"]],
    ["a reset in the middle", [{ kind: "reset", ...at(4) }], ["hell", "ECONNRESET"]],
    ["a reset in place of the end", [{ kind: "reset", ...at(5) }], ["hello", "ECONNRESET"]],
    ["a reset that nothing reaches", [{ kind: "reset", ...at(6) }], ["hello", "end"]],
    ["an early end", [{ kind: "halfClose", ...at(2) }], ["he", "end"]],
    ["a stall", [{ kind: "stall", ...at(2) }], ["he"]],
    ["a byte flipped", [{ kind: "corrupt", ...at(1), mask: 1 }], ["h", "dllo", "end"]],
    ["a delay", [{ kind: "delay", ...at(3), millis: 1000 }], ["hel"]],
    ["two faults at one byte: that which ends comes last", [
      { kind: "reset", ...at(2) },
      { kind: "corrupt", ...at(0), mask: 0x20 },
      { kind: "split", ...at(0), size: 1 }
    ], ["H", "e", "ECONNRESET"]],
    ["of another connection", [{ kind: "reset", connection: 1 }], ["hello", "end"]],
    ["of another round", [{ kind: "reset", connection: 0, round: 1 }], ["hello", "end"]]
  ]
  it.effect.each(table)("%s", ([, faults, expected]) =>
    contained(Effect.gen(function*() {
      const { seen, transport } = yield* sees(faults, T.reply("hello"), T.eof)
      assert.deepStrictEqual(seen, expected)
      // What changed nothing did not happen.
      assert.strictEqual(transport.injected.length, expected.join() === "hello,end" ? 0 : faults.length)
    })))

  it.effect("in whatever pieces the network delivers it", () =>
    contained(Effect.gen(function*() {
      for (const split of ["bytes", 2, 3, [1, 4]] as const) {
        const { seen } = yield* sees([{ kind: "reset", ...at(4) }], T.reply("hello", { split }), T.eof)
        assert.strictEqual(seen.join(""), "hellECONNRESET")
      }
    })))

  it.effect("and a delay keeps the order: what follows waits for it", () =>
    contained(Effect.gen(function*() {
      const { seen } = yield* sees([{ kind: "delay", ...at(3), millis: 1000 }], T.reply("hello"), T.eof)
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(seen, ["hel"])
      yield* TestClock.adjust("1 millis")
      yield* settled
      assert.deepStrictEqual(seen, ["hel", "lo", "end"])
    })))

  it.effect("and a second round has offsets of its own", () =>
    contained(Effect.gen(function*() {
      const faults: ReadonlyArray<T.Fault> = [{ kind: "reset", connection: 0, round: 1, offset: 1 }]
      const { duplex, seen, transport } = yield* sees(faults, T.reply("one"), T.expect("pong"), T.reply("two"))
      duplex.write("po")
      duplex.write("ng")
      yield* settled
      assert.deepStrictEqual(seen, ["one", "t", "ECONNRESET"])
      assert.deepStrictEqual(transport.injected, faults)
    })))
})

describe("a fault in what is written happens at its byte", () => {
  const wrote = (faults: ReadonlyArray<T.Fault>) =>
    Effect.gen(function*() {
      const kit = yield* open(faults, T.discard())
      const { receiver, seen } = recorder()
      kit.duplex.attach(receiver)
      const goesOn = kit.duplex.write("hel", Buffer.from("lo"))
      let drained = 0
      kit.duplex.drained(() => drained++)
      assert.deepStrictEqual(seen, [], "the receiver was called within write")
      yield* settled
      return { ...kit, goesOn, seen, drained: () => drained, written: () => kit.script.written(0) }
    })

  it.effect("a reset: what precedes it is sent", () =>
    contained(Effect.gen(function*() {
      const { drained, duplex, goesOn, script, seen, written } = yield* wrote([
        { kind: "reset", ...at(4), direction: "out" }
      ])
      assert.deepStrictEqual([written(), goesOn, drained(), seen], ["hell", false, 0, ["ECONNRESET"]])
      assert.isFalse(duplex.write("more"))
      assert.deepStrictEqual([written(), script.openCount], ["hell", 0])
    })))

  it.effect("a stall: nothing is sent, drained or reported any more", () =>
    contained(Effect.gen(function*() {
      const { drained, goesOn, seen, written } = yield* wrote([{ kind: "stall", ...at(1), direction: "out" }])
      assert.deepStrictEqual([written(), goesOn, drained(), seen], ["h", false, 0, []])
    })))

  it.effect("a byte flipped, in a copy", () =>
    contained(Effect.gen(function*() {
      const { drained, duplex, goesOn, written } = yield* wrote([
        { kind: "corrupt", ...at(4), mask: 0x20, direction: "out" },
        { kind: "corrupt", ...at(5), mask: 0x20, direction: "out" }
      ])
      assert.deepStrictEqual([written(), goesOn, drained()], ["hellO", true, 1])
      const bytes = Buffer.from("x")
      duplex.write(bytes)
      assert.deepStrictEqual([written(), String(bytes)], ["hellOX", "x"])
    })))

  it.effect("slow: in pieces, with time between them, and drained after the last", () =>
    contained(Effect.gen(function*() {
      const { drained, duplex, goesOn, script, written } = yield* wrote([
        { kind: "slowWrite", ...at(1), size: 2, millis: 10 }
      ])
      duplex.end()
      const steps: Array<readonly [string, number, boolean]> = [[written(), drained(), script.state(0).ended]]
      for (let i = 0; i < 2; i++) {
        yield* TestClock.adjust("10 millis")
        steps.push([written(), drained(), script.state(0).ended])
      }
      assert.isFalse(goesOn)
      assert.deepStrictEqual(steps, [["hel", 0, false], ["hello", 1, true], ["hello", 1, true]])
    })))
})

describe("the rules of a channel hold under faults", () => {
  const splits: ReadonlyArray<T.Fault> = [{ kind: "split", connection: 0, size: 1 }]

  it.effect("what arrives before attach is kept, a pause holds it back, and views are overwritten", () =>
    contained(Effect.gen(function*() {
      const { duplex } = yield* open(splits, T.reply("abc"), T.eof)
      yield* settled
      const { receiver, seen, views } = recorder(2)
      duplex.attach(receiver)
      yield* settled
      assert.deepStrictEqual(seen, ["a", "b"])
      duplex.resume()
      yield* settled
      assert.deepStrictEqual(seen.join(""), "abc")
      assert.isTrue(views.every((view) => view.every((byte) => byte === 0xa5)))
      duplex.resume()
      yield* settled
      assert.strictEqual(seen.at(-1), "end")
    })))

  it.effect("a fault passes a receiver that has paused", () =>
    contained(Effect.gen(function*() {
      const { duplex, transport } = yield* open([{ kind: "reset", ...at(1) }], T.reply("abc", { split: "bytes" }))
      const { receiver, seen } = recorder(1)
      duplex.attach(receiver)
      yield* settled
      // The byte at the offset is not due before the pause ends.
      assert.deepStrictEqual(seen, ["a"])
      duplex.resume()
      yield* settled
      assert.deepStrictEqual([seen, transport.openCount], [["a", "ECONNRESET"], 0])
    })))

  it.effect("nothing is delivered after destroy, and no timer is left", () =>
    contained(Effect.gen(function*() {
      const { duplex, script, seen, transport } = yield* sees([{ kind: "delay", ...at(1), millis: 10 }], T.reply("abc"))
      duplex.destroy()
      duplex.destroy()
      // Before the time of the delay is over, or its timer would be gone by itself.
      yield* nothingLeft(script)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(seen, ["a"])
      assert.deepStrictEqual([script.openCount, transport.openCount], [0, 0])
    })))

  it.effect("what is split counts as arrived: a poll is over when it has passed", () =>
    contained(Effect.gen(function*() {
      const { duplex, transport } = yield* open(splits, T.reply("abc"), T.eof)
      const { receiver, seen } = recorder()
      duplex.attach(receiver)
      const polled = Effect.async<ReadonlyArray<string>>((resume) =>
        transport.loop?.afterPoll(() => resume(Effect.succeed([...seen])))
      )
      assert.deepStrictEqual(yield* polled, ["a", "b", "c", "end"])
    })))

  it.effect("a receiver that is replaced within a call gets the rest", () =>
    contained(Effect.gen(function*() {
      const { duplex } = yield* open(splits, T.reply("abc"), T.eof)
      const next = recorder()
      const seen: Array<string> = []
      duplex.attach({
        onData: (bytes) => {
          seen.push(latin1(bytes))
          duplex.attach(next.receiver)
          return false
        },
        onEnd: () => void seen.push("end"),
        onError: ({ code }) => void seen.push(code)
      })
      yield* settled
      assert.deepStrictEqual([seen, next.seen], [["a"], ["b", "c", "end"]])
    })))

  it.effect("facts, references and a fault of the channel itself pass through", () =>
    contained(Effect.gen(function*() {
      const { duplex, script, seen } = yield* sees(
        [{ kind: "delay", ...at(1), millis: 10 }],
        T.reply("ab"),
        T.fail("EPIPE")
      )
      duplex.unref?.()
      assert.deepStrictEqual([duplex.info.remotePort, script.state(0).referenced], [80, false])
      duplex.ref?.()
      assert.isTrue(script.state(0).referenced)
      yield* TestClock.adjust("10 millis")
      yield* settled
      assert.deepStrictEqual(seen, ["a", "b", "EPIPE"])
    })))

  it.effect("an end that was cut short proves nothing, and one of the peer's is as proven as it was", () =>
    contained(Effect.gen(function*() {
      for (const [faults, proven] of [[[{ kind: "halfClose", ...at(1) }], false], [[], true]] as const) {
        const script = yield* T.make([T.connection(T.reply("ab"), T.eof)])
        const duplex = yield* T.faults(faults)(script).open({ ...endpoint, tls: {} }, noLimits)
        const { receiver, seen } = recorder()
        duplex.attach(receiver)
        yield* settled
        assert.deepStrictEqual([seen.at(-1), duplex.endProven], ["end", proven])
      }
    })))

  it.effect("TLS starts below the faults, and a round begins with it", () =>
    contained(Effect.gen(function*() {
      const faults: ReadonlyArray<T.Fault> = [{ kind: "reset", connection: 0, round: 1, offset: 2 }]
      const kit = yield* sees(faults, T.reply("hello"), T.expect("in TLS"), T.reply("secret"))
      const secured = yield* kit.transport.secure(kit.duplex, "a.test", {}, Infinity)
      const { receiver, seen } = recorder()
      secured.attach(receiver)
      secured.write("in TLS")
      yield* settled
      assert.deepStrictEqual([kit.seen, seen, kit.script.secured.length], [["hello"], ["se", "ECONNRESET"], 1])
      assert.deepStrictEqual([kit.script.openCount, kit.transport.openCount], [0, 0])
    })))
})

describe("an opening", () => {
  const opens = (faults: T.FaultPolicy | ReadonlyArray<T.Fault>, connect = Infinity) =>
    Effect.gen(function*() {
      const script = yield* T.make([T.connection(T.stall)])
      const transport = T.faults(faults)(script)
      const fiber = yield* Effect.fork(Effect.exit(transport.open(endpoint, { ...noLimits, connect })))
      yield* settled
      assert.strictEqual(transport.openCount, 1 - Number(fiber.unsafePoll() !== null && script.openCount === 0))
      yield* TestClock.adjust("2 seconds")
      const exit = yield* fiber
      return {
        transport,
        script,
        exit: Exit.isSuccess(exit) ? "open" : String(exit).match(/HttpTimeout|ConnectError|DnsError/)?.[0]
      }
    })

  it.effect.each<readonly [T.Fault, number, string]>([
    [{ kind: "refuse", connection: 0 }, Infinity, "ConnectError"],
    [{ kind: "noAddress", connection: 0 }, Infinity, "DnsError"],
    [{ kind: "slowOpening", connection: 0, millis: 2000 }, Infinity, "open"],
    [{ kind: "slowOpening", connection: 0, millis: Infinity }, 1000, "HttpTimeout"]
  ])("is refused, not found, slow or endless: %o", ([fault, connect, expected]) =>
    contained(Effect.gen(function*() {
      const { exit, script, transport } = yield* opens([fault], connect)
      assert.strictEqual(exit, expected)
      assert.deepStrictEqual(transport.injected, [fault])
      assert.strictEqual(script.opened.length, expected === "open" ? 1 : 0)
      assert.strictEqual(transport.openCount, script.openCount)
    })))
})

describe("a policy", () => {
  const drawn = (policy: T.FaultPolicy, size = 3000, connections = 20) =>
    Effect.gen(function*() {
      const steps = [T.discardUntil("?"), T.reply("x".repeat(size)), T.discardUntil("?"), T.reply("y".repeat(size))]
      const script = yield* T.make(Array.from({ length: connections }, () => T.connection(...steps)))
      const transport = T.faults(policy)(script)
      for (let i = 0; i < connections; i++) {
        const exit = yield* Effect.exit(transport.open(endpoint, noLimits))
        if (Exit.isFailure(exit)) continue
        exit.value.attach(recorder().receiver)
        exit.value.write("one?")
        yield* settled
        exit.value.write("two?")
        yield* settled
      }
      return transport
    })

  const everything: T.FaultPolicy = {
    seed: 7,
    splits: 0.3,
    delays: { probability: 0.3, time: "0 millis" },
    resets: { probability: 0.2, direction: "both" },
    halfClose: 0.2,
    stalls: 0.1,
    corrupt: { probability: 0.3, direction: "both" }
  }

  it.effect("draws the same faults for the same seed, and others for another", () =>
    contained(Effect.gen(function*() {
      const first = yield* drawn(everything)
      const second = yield* drawn(everything)
      const other = yield* drawn({ ...everything, seed: 8 })
      assert.isAbove(first.injected.length, 20)
      assert.deepStrictEqual(first.injected, second.injected)
      assert.notDeepEqual(first.injected, other.injected)
      assert.deepStrictEqual(
        new Set(first.injected.map(({ kind }) => kind)),
        new Set(["split", "delay", "reset", "halfClose", "stall", "corrupt"])
      )
    })))

  it.effect("and the faults that happened, as a list, happen again", () =>
    contained(Effect.gen(function*() {
      const first = yield* drawn(everything)
      const again = yield* drawn(JSON.parse(JSON.stringify(first.injected)) as never)
      assert.deepStrictEqual(again.injected, first.injected)
    })))

  it.effect("draws the faults of a kind without regard to the others", () =>
    contained(Effect.gen(function*() {
      const both = yield* drawn({ seed: 3, corrupt: 0.5, splits: 0.5 })
      const one = yield* drawn({ seed: 3, corrupt: 0.5 })
      assert.deepStrictEqual(both.injected.filter(({ kind }) => kind === "corrupt"), one.injected)
      assert.isAbove(one.injected.length, 5)
    })))

  it.effect("without a kind has no fault", () =>
    contained(Effect.gen(function*() {
      const transport = yield* drawn({ seed: 3, resets: undefined, splits: 0 })
      assert.deepStrictEqual([transport.injected, transport.report], [[], "Seed 3: 0 faults"])
    })))

  it.effect("limits faults to some connections, to so many on one, and to the first bytes", () =>
    contained(Effect.gen(function*() {
      const transport = yield* drawn({
        seed: 1,
        only: ({ host }, connection) => host === "a.test" && connection >= 18,
        corrupt: { probability: 1, most: 1, within: 0 }
      })
      assert.deepStrictEqual(
        transport.injected.map((fault) => ({ ...fault, mask: 1 })),
        [18, 19].map((
          connection
        ) => ({ kind: "corrupt", connection, round: 0, offset: 0, direction: "in", mask: 1 } as const))
      )
    })))

  it.effect("says in words what happened", () =>
    contained(Effect.gen(function*() {
      const transport = yield* drawn({ seed: 1, refusals: 0.4, resets: { probability: 0.5, within: 20 } }, 100, 4)
      assert.match(transport.report, /^Seed 1: \d faults\n/)
      assert.match(transport.report, /^ {2}connection \d, round [01], byte \d+ in: reset$/m)
      assert.match(transport.report, /^ {2}connection \d: refuse$/m)
    })))

  const bad: ReadonlyArray<readonly [unknown, RegExp]> = [
    [{}, /seed must be a number/],
    [{ seed: 1.5 }, /seed must be a whole number/],
    [{ seed: 1, resets: 2 }, /resets\.probability must be a number from 0 to 1, and not 2/],
    [{ seed: 1, resets: {} }, /resets\.probability/],
    [{ seed: 1, resets: null }, /resets\.probability/],
    [{ seed: 1, stalls: { probability: 1, direction: "up" } }, /stalls\.direction/],
    [{ seed: 1, splits: { probability: 1, size: 0 } }, /splits\.size/],
    [{ seed: 1, delays: { probability: 1, time: ["1 second", "1 millis"] } }, /delays\.time must not begin/],
    [{ seed: 1, delays: { probability: 1, time: "soon" } }, /delays\.time must be a duration/],
    [{ seed: 1, halfClose: { probability: 1, within: -1 } }, /halfClose\.within/],
    [{ seed: 1, halfClose: { probability: 1, most: 0.5 } }, /halfClose\.most/],
    [[{ kind: "explode", connection: 0 }], /fault 0\.kind/],
    [[{ kind: "reset" }], /fault 0\.connection/],
    [[{ kind: "corrupt", connection: 0, mask: 256 }], /fault 0\.mask/],
    [[{ kind: "split", connection: 0, size: 0 }], /fault 0\.size/],
    [[{ kind: "delay", connection: 0, millis: NaN }], /fault 0\.millis/],
    [[{ kind: "reset", connection: 0, offset: -1 }], /fault 0\.offset/]
  ]
  it.each(bad)("is refused at once if it is invalid: %o", (policy, message) => {
    assert.throws(() => T.faults(policy as T.FaultPolicy), RangeError)
    assert.throws(() => T.faults(policy as T.FaultPolicy), message)
  })
})

it.effect("as a layer it gives what happened beside the transport", () =>
  Effect.gen(function*() {
    const transport = yield* Transport.Transport
    const faulty = yield* T.Faulty
    assert.strictEqual(transport, faulty)
    const exit = yield* Effect.exit(Effect.scoped(transport.open(endpoint, noLimits)))
    assert.isTrue(Exit.isFailure(exit))
    assert.deepStrictEqual([faulty.injected.length, faulty.opened.length, faulty.openCount], [1, 1, 0])
  }).pipe(Effect.provide(Layer.provide(T.faultsLayer([{ kind: "refuse", connection: 0 }]), NodeTransport.layer))))
