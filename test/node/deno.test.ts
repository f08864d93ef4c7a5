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

/** What a runtime's event loop schedules until it calls back, in this order: immediates, and timers with their milliseconds. */
const scheduledIn = async (isDeno: boolean): Promise<ReadonlyArray<string>> => {
  const scheduled: Array<string> = []
  const due: Array<() => void> = []
  // The module takes these functions when it is loaded. Until it is, others need them too.
  const { setImmediate, setTimeout } = globalThis
  let recording = false
  vi.stubGlobal("setImmediate", <A extends ReadonlyArray<unknown>>(f: (...args: A) => void, ...args: A): unknown => {
    if (!recording) return setImmediate(f, ...args)
    scheduled.push("immediate")
    return due.push(() => f(...args))
  })
  vi.stubGlobal("setTimeout", (f: () => void, millis: number): unknown => {
    if (!recording) return setTimeout(f, millis)
    scheduled.push(`timer of ${millis} ms`)
    return due.push(f)
  })
  const { nodeEventLoop } = await loadEventLoop(isDeno).finally(() => vi.unstubAllGlobals())
  recording = true
  // A clock that stands still adds no poll.
  const clock = vi.spyOn(performance, "now").mockReturnValue(0)
  try {
    nodeEventLoop.afterPoll(() => void scheduled.push("polled"))
    for (let next = due.shift(); next !== undefined; next = due.shift()) next()
  } finally {
    clock.mockRestore()
  }
  return scheduled
}

describe("a poll", () => {
  it("lies between two immediates in Node", async () => {
    assert.deepStrictEqual(await scheduledIn(false), ["immediate", "immediate", "polled"])
  })

  it("lies before a timer of a millisecond in Deno, which is the first or the second", async () => {
    assert.deepStrictEqual(await scheduledIn(true), [
      "immediate",
      "timer of 1 ms",
      "timer of 1 ms",
      "immediate",
      "polled"
    ])
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
