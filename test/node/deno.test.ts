/** What this library does otherwise in Deno. `.ci/runtimes` runs the packed library there; this is the reasoning, in Node. */
import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import { EventEmitter } from "node:events"
import type * as net from "node:net"
import { Inbound } from "../../src/internal/node/inbound.ts"
import { listenToData } from "../../src/internal/node/socket.ts"

afterEach(() => {
  vi.doUnmock("../../src/internal/node/deno.ts")
})

/**
 * The event loop's module once more. Its query makes it a module of its own, so that the modules
 * which other test files share stay as they are.
 */
const loadEventLoop = (isDeno: boolean): Promise<typeof import("../../src/internal/node/eventLoop.ts")> => {
  vi.doMock("../../src/internal/node/deno.ts", () => ({ isDeno }))
  const module = `../../src/internal/node/eventLoop.ts?isDeno=${isDeno}`
  return import(module)
}

/** The order of a poll, as the event loop of a runtime has it, and of three immediates that are set before it. */
const orderIn = async (isDeno: boolean): Promise<ReadonlyArray<string>> => {
  const { nodeEventLoop } = await loadEventLoop(isDeno)
  const order: Array<string> = []
  const timer = new Promise<void>((resolve) =>
    setImmediate(() =>
      setTimeout(() => {
        order.push("timer")
        resolve()
      }, 1)
    )
  )
  await Promise.all([
    timer,
    new Promise<void>((resolve) =>
      nodeEventLoop.afterPoll(() => {
        order.push("polled")
        resolve()
      })
    )
  ])
  return order
}

describe("a poll", () => {
  it("lies between two immediates in Node", async () => {
    assert.deepStrictEqual(await orderIn(false), ["polled", "timer"])
  })

  it("lies before a timer of a millisecond in Deno", async () => {
    assert.deepStrictEqual(await orderIn(true), ["timer", "polled"])
  })
})

describe("a socket without onread", () => {
  const receiving = (onData: (inbound: Inbound) => boolean) => {
    const pause = vi.fn<() => void>()
    const socket = Object.assign(new EventEmitter(), { pause })
    const inbound = new Inbound()
    inbound.attach({ onData: () => onData(inbound), onEnd: () => {}, onError: () => {} })
    listenToData(socket as unknown as net.Socket, inbound)
    socket.emit("data", Buffer.from("x"))
    return pause.mock.calls.length
  }

  it("is paused when its receiver has enough", () => {
    assert.strictEqual(receiving(() => false), 1)
  })

  it("is not paused when its receiver has left it to TLS, which would receive nothing", () => {
    const release = (inbound: Inbound): boolean => {
      inbound.close()
      return false
    }
    assert.strictEqual(receiving(release), 0)
  })
})
