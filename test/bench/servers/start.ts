/** Starts the servers of the benchmarks in one separate process (`child.ts`), and ends them. */
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Addresses } from "./addresses.ts"

/** What the child sends once its servers listen. */
export interface Started {
  readonly addresses: Addresses
}

// A profile of the client must not slow the servers down, nor write another file.
const forServers = (flag: string): boolean => !/^--(cpu-prof|heap-prof|trace|inspect|prof|expose-gc)/.test(flag)

/** Starts the servers. They also end where this process does, however it ends. */
export const startServers = async (): Promise<{
  readonly addresses: Addresses
  readonly stop: () => Promise<void>
}> => {
  const child = fork(fileURLToPath(new URL("child.ts", import.meta.url)), [], {
    execArgv: process.execArgv.filter(forServers)
  })
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  const started = await new Promise<Started>((resolve, reject) => {
    child.once("message", (message) => resolve(message as Started))
    child.once("error", reject)
    child.once("exit", (code) => reject(new Error(`the servers ended before they listened, with status ${code}`)))
  })
  // The channel must not keep a process alive that has forgotten to stop them.
  child.unref()
  child.channel?.unref()
  return {
    addresses: started.addresses,
    stop: () => {
      child.ref()
      if (child.connected) child.disconnect()
      return ended
    }
  }
}
