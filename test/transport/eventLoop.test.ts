/**
 * When Node's event loop has polled: after a whole poll, never within the call, and soon enough before the callback.
 *
 * The age of a poll is read from a clock that only `busy` moves, so that a slow machine changes no order of events.
 */
import { afterAll, assert, beforeAll, describe, it, vi } from "@effect/vitest"
import { AsyncLocalStorage } from "node:async_hooks"
import { nodeEventLoop } from "../../src/internal/node/eventLoop.ts"

let now = 0

beforeAll(() => {
  vi.spyOn(performance, "now").mockImplementation(() => now)
})
afterAll(() => {
  vi.restoreAllMocks()
})

/** The thread was busy for longer than a poll may be old. */
const busy = (): void => {
  now += 1
}

const polled = () => new Promise<void>((resolve) => nodeEventLoop.afterPoll(resolve))

describe("afterPoll", () => {
  it("calls back after the second check phase, because the first one may belong to a poll that is over", async () => {
    const order: Array<string> = []
    const done = new Promise<void>((resolve) =>
      nodeEventLoop.afterPoll(() => {
        order.push("polled")
        resolve()
      })
    )
    order.push("called")
    setImmediate(() => {
      order.push("first check")
      setImmediate(() => order.push("second check"))
    })
    await done
    assert.deepStrictEqual(order, ["called", "first check", "polled"])
  })

  it("has callbacks wait for a newer poll if those before them took long", async () => {
    const order: Array<string> = []
    const first = new Promise<void>((resolve) =>
      nodeEventLoop.afterPoll(() => {
        busy()
        setImmediate(() => order.push("next check"))
        order.push("first")
        resolve()
      })
    )
    const second = polled().then(() => order.push("second"))
    await Promise.all([first, second])
    assert.deepStrictEqual(order, ["first", "next check", "second"])
  })

  it("does not have them wait indefinitely: after a few polls they are called, however busy the loop is", async () => {
    let checks = 0
    let over = false
    const check = (): void => {
      checks++
      busy()
      if (!over) setImmediate(check)
    }
    setImmediate(check)
    await polled()
    over = true
    assert.isAtLeast(checks, 3)
    assert.isAtMost(checks, 6)
  })
})

describe("a context", () => {
  it("is that of the capture, and gives what the function gives", () => {
    const storage = new AsyncLocalStorage<string>()
    const context = storage.run("mine", () => nodeEventLoop.captureContext())
    storage.run("another's", () => {
      assert.strictEqual(context.run(() => storage.getStore()), "mine")
      assert.strictEqual(storage.getStore(), "another's")
    })
    const none = nodeEventLoop.captureContext()
    assert.isUndefined(storage.run("another's", () => none.run(() => storage.getStore())))
  })
})
