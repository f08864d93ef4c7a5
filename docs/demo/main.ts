/**
 * The demo: clients and servers on 127.0.0.1 talk to each other. `npm run demo -- URL` asks another
 * server instead.
 *
 * Exit status: 0 if everything happened as expected, 1 if something differed (or the URL failed
 * with a typed error), 2 for invalid arguments.
 */
import { NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"
import { getUrl } from "./parts/url.ts"
import { Report, standardOutput } from "./report.ts"

const usage = `Usage: npm run demo              shows the library at work, with servers of its own
       npm run demo -- URL       does a GET of an http or https URL
`

const run = async ([argument, ...others]: ReadonlyArray<string>): Promise<number> => {
  const report = new Report(standardOutput)
  if (argument === undefined) {
    // Loaded here, because making its certificates takes longer than a GET.
    const { showAll } = await import("./all.ts")
    return Effect.runPromise(Effect.scoped(Effect.provide(showAll(report), NodeTransport.layer)))
  }
  if (others.length === 0 && argument !== "" && !argument.startsWith("-")) {
    return Effect.runPromise(Effect.provide(getUrl(report, argument), NodeTransport.layer))
  }
  process.stderr.write(usage)
  return 2
}

process.exitCode = await run(process.argv.slice(2))
