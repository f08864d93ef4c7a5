/** The order in which a receiver is notified of incoming data; no socket. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Inbound } from "../../src/internal/node/inbound.ts"
import type { Receiver } from "../../src/Transport.ts"
import { without } from "../fixtures/memory.ts"

const bytes = (text: string) => Buffer.from(text, "latin1")

const reset = { code: "ECONNRESET", cause: undefined }

class Log implements Receiver {
  readonly told: Array<string> = []
  answer: (text: string) => boolean = () => true
  onData(view: Uint8Array): boolean {
    const text = Buffer.from(view).toString("latin1")
    this.told.push(text)
    return this.answer(text)
  }
  onEnd(): void {
    this.told.push("<end>")
  }
  onError(fault: { readonly code: string }): void {
    this.told.push(`<${fault.code}>`)
  }
}

describe("Inbound", () => {
  it("holds back what comes before a receiver, as a copy", () => {
    const inbound = new Inbound()
    const shared = bytes("one")
    assert.isFalse(inbound.data(shared))
    shared.fill(0)
    inbound.end()
    inbound.fault(reset)
    const log = new Log()
    assert.isFalse(inbound.attach(log))
    assert.deepStrictEqual(log.told, ["one", "<end>", "<ECONNRESET>"])
  })

  it("is broken, behind what it holds, where there is no memory to hold more back", () => {
    const inbound = new Inbound()
    const log = new Log()
    inbound.data(bytes("one"))
    Effect.runSync(without((length) => length === 3, Effect.sync(() => assert.isFalse(inbound.data(bytes("two"))))))
    // Who took this would have a hole before it.
    assert.isFalse(inbound.data(bytes("three")))
    assert.isFalse(inbound.attach(log))
    assert.deepStrictEqual(log.told, ["one", "<ENOMEM>"])
  })

  it("is broken where there is no memory for what comes within a call of its receiver, and says so after that call", () => {
    const inbound = new Inbound()
    const log = new Log()
    inbound.attach(log)
    log.answer = (text) => {
      if (text === "one") inbound.data(bytes("two"))
      log.told.push("<returns>")
      return true
    }
    Effect.runSync(without((length) => length === 3, Effect.sync(() => inbound.data(bytes("one")))))
    assert.deepStrictEqual(log.told, ["one", "<returns>", "<ENOMEM>"])
    assert.isTrue(inbound.over)
  })

  it("hands over the very view when nothing is held back", () => {
    const inbound = new Inbound()
    const views: Array<Uint8Array> = []
    inbound.attach({ onData: (view) => views.push(view) > 0, onEnd: () => {}, onError: () => {} })
    const view = bytes("one")
    assert.isTrue(inbound.data(view))
    assert.strictEqual(views[0], view)
  })

  it("lets nothing overtake bytes that are held back by a pause", () => {
    const inbound = new Inbound()
    const log = new Log()
    inbound.attach(log)
    log.answer = () => false
    assert.isFalse(inbound.data(bytes("one")))
    assert.isFalse(inbound.data(bytes("two")))
    assert.isFalse(inbound.data(bytes("three")))
    inbound.end()
    inbound.fault(reset)
    assert.deepStrictEqual(log.told, ["one"])
    inbound.resume()
    assert.deepStrictEqual(log.told, ["one", "two"])
    log.answer = () => true
    inbound.resume()
    assert.deepStrictEqual(log.told, ["one", "two", "three", "<end>", "<ECONNRESET>"])
  })

  it("tells a fault at once to a receiver that has paused with nothing held back", () => {
    const inbound = new Inbound()
    const log = new Log()
    inbound.attach(log)
    log.answer = () => false
    inbound.data(bytes("one"))
    inbound.fault(reset)
    assert.deepStrictEqual(log.told, ["one", "<ECONNRESET>"])
  })

  it("tells one fault, the first", () => {
    const inbound = new Inbound()
    const log = new Log()
    inbound.attach(log)
    inbound.fault({ code: "EPIPE", cause: undefined })
    inbound.fault(reset)
    assert.deepStrictEqual(log.told, ["<EPIPE>"])
  })

  it("tells nothing after close, though it is closed by the receiver itself", () => {
    const inbound = new Inbound()
    const log = new Log()
    log.answer = () => {
      inbound.close()
      return true
    }
    inbound.data(bytes("one"))
    inbound.data(bytes("two"))
    inbound.end()
    assert.isFalse(inbound.attach(log))
    assert.isFalse(inbound.data(bytes("three")))
    inbound.fault(reset)
    assert.deepStrictEqual(log.told, ["one"])
  })

  it("tells no fault to a receiver that closed when it heard of the end", () => {
    const inbound = new Inbound()
    const log = new Log()
    inbound.end()
    inbound.fault(reset)
    inbound.attach({ onData: () => true, onEnd: () => inbound.close(), onError: (fault) => log.onError(fault) })
    assert.deepStrictEqual(log.told, [])
  })

  it("goes on when resume was called within onData, whatever onData answers", () => {
    const inbound = new Inbound()
    const log = new Log()
    inbound.attach(log)
    log.answer = () => {
      inbound.resume()
      return false
    }
    assert.isTrue(inbound.data(bytes("one")))
    assert.isTrue(inbound.data(bytes("two")))
  })

  it("never calls a receiver within a call of it", () => {
    const inbound = new Inbound()
    const log = new Log()
    let depth = 0
    let deepest = 0
    log.answer = () => {
      deepest = Math.max(deepest, ++depth)
      inbound.resume()
      depth--
      return true
    }
    inbound.data(bytes("one"))
    inbound.data(bytes("two"))
    inbound.data(bytes("three"))
    inbound.attach(log)
    assert.deepStrictEqual([deepest, log.told], [1, ["one", "two", "three"]])
  })

  it("can be used after a receiver threw", () => {
    const inbound = new Inbound()
    const log = new Log()
    inbound.attach(log)
    log.answer = () => {
      throw new Error("a bug")
    }
    assert.throws(() => inbound.data(bytes("one")), "a bug")
    log.answer = () => true
    assert.isTrue(inbound.data(bytes("two")))
    assert.deepStrictEqual(log.told, ["one", "two"])
  })

  it("tells a receiver that replaces another of the end and the fault anew", () => {
    const inbound = new Inbound()
    inbound.attach(new Log())
    inbound.end()
    inbound.fault(reset)
    const second = new Log()
    inbound.attach(second)
    assert.deepStrictEqual(second.told, ["<end>", "<ECONNRESET>"])
  })
})
