/**
 * A server that is killed and restarted: requests that were not sent are sent when it is available
 * again, and requests on their way are retried if that is safe. The servers are separate processes,
 * because only a killed one leaves its clients with nothing but resets and refusals.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import { type Child, child } from "../fixtures/children.ts"
import { turn } from "../fixtures/sockets.ts"

const source = `
const server = require("node:http").createServer((request, response) => {
  request.resume().on("end", () => response.end("there"))
})
server.listen(Number(process.argv[1]), "127.0.0.1", () => console.log("port " + server.address().port + "."))
process.on("SIGUSR2", () => {
  require("node:net").Server.prototype.close.call(server)
  console.log("accepts no more.")
})
`

/** A server, on a port of its choice where none is given. */
const serve = (port: number): Effect.Effect<readonly [Child, number], never, Scope.Scope> =>
  Effect.gen(function*() {
    const running = yield* child(process.execPath, ["-e", source, String(port)])
    return [running, Number(yield* Effect.orDie(running.line(/port (\d+)\./)))] as const
  })

/**
 * Kills a server, whose open connections are reset. Before that it accepts no more: the system closes the sockets of a process one by one, and
 * would accept a connection between the reset of another one and its own end. A request that is sent once more over such a connection is lost,
 * because a failed repetition is not repeated (RFC 9110 section 9.2.2).
 */
const kill = ({ line, process: running }: Child): Effect.Effect<void> =>
  Effect.gen(function*() {
    running.kill("SIGUSR2")
    yield* Effect.orDie(line(/(accepts no more)/))
    yield* Effect.async<void>((resume) => {
      running.once("exit", () => resume(Effect.void))
      running.kill("SIGKILL")
    })
  })

describe("a server that is killed, and is up again", () => {
  it.live(
    "costs no request that comes while it is down, whatever the method, and none that may be sent twice",
    () =>
      Effect.gen(function*() {
        const [first, port] = yield* serve(0)
        // Longer than the server may need to be up again, on whatever machine.
        const pool = yield* ConnectionPool.make({ connectionsPerOrigin: 8, connectRetryTime: "1 minute" })
        const url = `http://127.0.0.1:${port}/`
        const ask = (method: "GET" | "POST") =>
          Effect.exit(Effect.flatMap(pool.execute(HttpRequest.make(method, url)), (response) => response.text))
        const exits: Array<Exit.Exit<string, unknown>> = []
        let over = false
        const client = Effect.gen(function*() {
          while (!over) exits.push(yield* ask("GET"))
        })
        const clients = yield* Effect.forEach(Array.from({ length: 8 }), () => Effect.fork(client))
        // Each connection has served a request then, so that what is on its way may be sent once more.
        yield* Effect.repeat(turn, { until: () => exits.length > 200 })
        yield* kill(first)
        const before = exits.length
        const posts = yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.fork(ask("POST")))
        yield* serve(port)
        const posted = yield* Fiber.joinAll(posts)
        yield* Effect.repeat(turn, { until: () => exits.length > before + 200 })
        over = true
        yield* Fiber.joinAll(clients)
        assert.deepStrictEqual([...exits, ...posted].filter(Exit.isFailure), [])
      }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer)),
    60_000
  )
})
