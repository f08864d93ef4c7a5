/** Starts the service with the settings of the environment. A signal interrupts it. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { program } from "./program.ts"

const options = Config.all({
  upstream: Config.string("UPSTREAM"),
  port: Config.withDefault(Config.integer("PORT"), 8080),
  grace: Config.withDefault(Config.duration("GRACE"), "20 seconds")
})

NodeRuntime.runMain(Effect.flatMap(options, program).pipe(Effect.provide(Logger.json)), { disablePrettyLogger: true })
