/** Runs the tests as `vitest` does, then records the cassette again from an embedded server. */
import { ConfigProvider, Effect, Layer, Logger } from "effect"
import { Cassette, NodeTransport } from "effect-http-client"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import * as http from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startVitest } from "vitest/node"
import { host, listen } from "../../demo/servers/listen.ts"
import { holds, same } from "../expect.ts"
import { layer, Rates } from "./program.ts"

interface Outcome {
  readonly name: string
  readonly state: string
}

/** The tests of the recipe, each with its result. */
const runTests = Effect.promise(async (): Promise<ReadonlyArray<Outcome>> => {
  const outcomes: Array<Outcome> = []
  const file = join(import.meta.dirname, "program.test.ts")
  const vitest = await startVitest("test", [file], {
    config: join(import.meta.dirname, "../../../vitest.config.ts"),
    include: [file],
    watch: false,
    maxWorkers: 1,
    minWorkers: 1,
    reporters: [{
      onTestCaseResult: (test) => {
        const { errors, state } = test.result()
        outcomes.push({ name: test.name, state: [state, ...(errors ?? []).map(({ message }) => message)].join(": ") })
      }
    }]
  })
  await vitest.close()
  // Vitest sets it for a failing test. The check says by itself that it fails.
  process.exitCode = undefined
  return outcomes
})

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "recipe-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true }))
)

export const check = Effect.gen(function*() {
  yield* same(
    "the tests",
    yield* runTests,
    [
      "asks for the currency, with the key",
      "does not ask again for what does not exist",
      "asks again when the server is silent for two seconds",
      "understands what the server said on the day of the recording",
      ...[1, 2, 3, 4, 5, 6, 7, 8].map((seed) => `gives the rate under faults: seed ${seed}`)
    ].map((name) => ({ name, state: "passed" }))
  )

  // A recording has no secrets, and gives what the server gave, without the server.
  const file = join(yield* folder, "rates.json")
  let asked = 0
  const port = yield* listen(http.createServer((_request, response) => {
    asked++
    response.setHeader("Content-Type", "application/json")
    response.end(`{"currency":"EUR","rate":1.5}`)
  }))
  const settings = new Map([["RATES_URL", `http://${host}:${port}`], ["RATES_KEY", "do not record"]])
  const rate = (mode: "record" | "replay") =>
    Effect.flatMap(Rates, ({ rate }) => rate("EUR")).pipe(
      Effect.provide(layer.pipe(
        Layer.provide(Cassette.layer(file, { mode, times: false })),
        Layer.provide(NodeTransport.layer),
        Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(settings)))
      ))
    )
  yield* same("recorded", yield* rate("record"), 1.5)
  yield* same("played", yield* rate("replay"), 1.5)
  yield* same("requests to the server", asked, 1)
  const text = yield* Effect.promise(() => readFile(file, "utf8"))
  yield* holds("no secret in the recording", text.includes("x-api-key: <redacted>") && !text.includes("do not"), text)
}).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
