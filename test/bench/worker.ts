/**
 * The process of a contender. It does what its parent asks, one thing at a time, and ends with the parent's channel, so that none is left
 * behind however the parent ends.
 */
import { inspect } from "node:util"
import type { Sample, Session, Setting } from "./scenario.ts"
import { scenarios } from "./scenarios/all.ts"

/** What the parent asks for. */
export type Order =
  | { readonly order: "start"; readonly scenario: string; readonly contender: string; readonly setting: Setting }
  | { readonly order: "run"; readonly millis: number }
  | { readonly order: "stop" }

/** What comes back, one for each order. */
export type Answer =
  | { readonly answer: "done" }
  | { readonly answer: "sample"; readonly sample: Sample; readonly cpuMicros: number }
  | { readonly answer: "failed"; readonly error: string }

let session: Session | undefined

const obey = async (order: Order): Promise<Answer> => {
  if (order.order === "start") {
    const contender = scenarios.find(({ name }) => name === order.scenario)?.contenders
      .find(({ name }) => name === order.contender)
    if (contender === undefined) throw new Error(`${order.scenario} has no ${order.contender}`)
    session = await contender.start(order.setting)
    return { answer: "done" }
  }
  if (session === undefined) throw new Error("no contender has been started")
  if (order.order === "stop") {
    await session.stop()
    session = undefined
    return { answer: "done" }
  }
  const before = process.cpuUsage()
  const sample = await session.run(order.millis)
  const { count, value } = sample
  const { system, user } = process.cpuUsage(before)
  if (!Number.isFinite(value) || !(count > 0)) throw new Error(`a run gave ${value}, and ${count} were done`)
  return { answer: "sample", sample, cpuMicros: system + user }
}

const answer = (message: Answer): void => void process.send?.(message)

const failed = (error: unknown): Answer => ({ answer: "failed", error: inspect(error) })

process.on("message", (order: Order) => void obey(order).catch(failed).then(answer))
// What no run waits for is no less a failure.
process.on("uncaughtException", (error) => {
  process.send?.(failed(error), () => process.exit(1))
})
// Ctrl-C reaches all processes of a terminal; the parent decides what it means.
process.on("SIGINT", () => {})
process.on("disconnect", () => process.exit())
