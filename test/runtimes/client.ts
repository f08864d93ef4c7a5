/**
 * The program that each runtime runs: `client.mjs FILE`, where FILE has the places of the servers as JSON.
 *
 * Prints a line for each check. Does not end the process: an open handle keeps it, and main.ts sees that.
 */
import { Cause, Effect, Exit } from "effect"
import { readFileSync } from "node:fs"
import { checks } from "./checks.ts"
import type { Places } from "./places.ts"

const places = JSON.parse(readFileSync(`${process.argv[2]}`, "utf8")) as Places

for (const { name, run } of checks(places)) {
  const exit = await Effect.runPromiseExit(Effect.timeoutFail(run, {
    duration: "30 seconds",
    onTimeout: () => new Error("not done after 30 seconds")
  }))
  if (Exit.isSuccess(exit)) console.log(`ok ${name}${typeof exit.value === "string" ? ` (${exit.value})` : ""}`)
  else {
    process.exitCode = 1
    console.log(`FAILED ${name}\n${Cause.pretty(exit.cause, { renderErrorCause: true }).replaceAll(/^/gm, "  ")}`)
  }
}
console.log("all checks have run")
