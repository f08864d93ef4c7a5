/** The time limits of an opening that no program waits for, such as that of a reserve, keep no process alive. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Rotation } from "../../src/internal/connection/rotation.ts"
import { SocksNegotiation } from "../../src/internal/connection/socks.ts"
import type { Timed } from "../../src/internal/connection/timers.ts"
import { TunnelRequest } from "../../src/internal/connection/tunnel.ts"
import { empty } from "../../src/internal/model/fields.ts"

const nothing = () => {}

/** Settings whose timers say whether they are awaited, in the order in which they are started. */
const kit = () => {
  const awaited: Array<boolean> = []
  const timers = { now: () => 0, start: (timer: Timed) => awaited.push(timer.awaited), cancel: nothing }
  const settings = { timers, host: { ask: () => nothing }, limits: {}, leniency: {} } as never
  return { awaited, settings }
}

const duplex = { info: {}, attach: nothing, write: () => true } as never
const tunnel = { origin: { host: "a.test", port: 443 }, fields: empty } as never
const owner = { onNegotiated: nothing, onDefect: nothing }

type Start = (settings: never, caller: never) => void

const limits: ReadonlyArray<readonly [string, Start]> = [
  ["a question for options", (settings, caller) => {
    new Rotation(Effect.never as never, undefined).resolve({ settings, tunnel: undefined }, 1, caller, nothing)
  }],
  ["CONNECT", (settings, caller) => new TunnelRequest(settings, tunnel, 1, caller, owner, nothing).start(duplex)],
  ["SOCKS", (settings, caller) => {
    const request = { version: 5, host: "a.test", port: 443, credentials: undefined } as const
    new SocksNegotiation(settings, tunnel, request, 1, caller, owner).start(duplex)
  }]
]

for (const [name, start] of limits) {
  it(`the limit of ${name} is awaited exactly if a program waits`, () => {
    const { awaited, settings } = kit()
    for (const isBackground of [undefined, false, true]) start(settings, { isBackground } as never)
    assert.deepStrictEqual(awaited, [true, true, false])
  })
}
