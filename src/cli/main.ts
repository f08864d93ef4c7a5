#!/usr/bin/env node
/** The program `effect-http-client`. Ctrl-C interrupts it, with exit code 130. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as NodeTransport from "../NodeTransport.ts"
import { processIo } from "./io.ts"
import { run } from "./run.ts"

const fiber = Effect.runFork(Effect.provide(run(process.argv.slice(2), processIo()), NodeTransport.layer))

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  process.once(signal, () => {
    process.exitCode = code
    Effect.runFork(Fiber.interruptFork(fiber))
  })
}

fiber.addObserver((exit) => {
  if (Exit.isSuccess(exit)) process.exitCode ??= exit.value
  else if (process.exitCode === undefined) {
    process.exitCode = 70
    process.stderr.write(`${Cause.pretty(exit.cause)}\n`)
  }
})
