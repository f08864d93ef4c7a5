/**
 * `tsx main.ts FOLDER NAME=COMMAND...`: runs the programs of this folder in each runtime, against servers in this process.
 *
 * FOLDER is a project in which the packed library is installed, with client.mjs and idle.mjs. A command is split at its spaces.
 * Exit status 1 if a check fails, or a program does not end by itself.
 */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { certificates } from "../fixtures/certificates.ts"
import { start } from "./servers.ts"

/** How a program ended, and how long after its last line. */
interface Ran {
  readonly code: number | null
  readonly lines: ReadonlyArray<string>
  readonly afterLastLine: number
  readonly took: number
}

/** Longest time of a program, and between its last line and its end, in milliseconds. */
const longest = { program: 180_000, end: 5000 }

const run = (command: ReadonlyArray<string>, cwd: string): Effect.Effect<Ran> =>
  Effect.async<Ran>((resume) => {
    const [program = "", ...args] = command
    const begun = performance.now()
    let output = ""
    let lastLine = begun
    const child = spawn(program, args, { cwd, stdio: ["ignore", "pipe", "pipe"] })
    const limit = setTimeout(() => child.kill("SIGKILL"), longest.program)
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text
        lastLine = performance.now()
      })
    }
    child.on("error", (error) => (output += String(error)))
    child.on("close", (code) => {
      clearTimeout(limit)
      const now = performance.now()
      const lines = output.split("\n").filter((line) => line !== "")
      resume(Effect.succeed({ code, lines, afterLastLine: now - lastLine, took: now - begun }))
    })
  })

const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "runtimes-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

let passed = 0
let failed = 0

const judge = (holds: boolean, what: string): void => {
  if (holds) passed++
  else failed++
  console.log(`  ${holds ? "ok" : "FAILED"} ${what}`)
}

const checkRuntime = (name: string, command: ReadonlyArray<string>, project: string, file: string, url: string) =>
  Effect.gen(function*() {
    const version = yield* run([command[0] ?? "", "--version"], project)
    console.log(`\n${name}: ${version.lines[0]}`)
    const client = yield* run([...command, "client.mjs", file], project)
    for (const line of client.lines) console.log(`  ${line}`)
    passed += client.lines.filter((line) => line.startsWith("ok ")).length
    failed += client.lines.filter((line) => line.startsWith("FAILED ")).length
    const isWhole = client.lines.at(-1) === "all checks have run"
    judge(isWhole, `runs to its end in ${(client.took / 1000).toFixed(1)} s, with exit status ${client.code}`)
    judge(isWhole && client.afterLastLine < longest.end, "ends by itself when all pools are closed")
    const idle = yield* run([...command, "idle.mjs", url], project)
    const ended = idle.code === 0 && idle.afterLastLine < longest.end && idle.lines.join() === "hello"
    judge(ended, "ends by itself while connections are idle")
    if (!ended) console.log(idle)
  })

const [project = "", ...runtimes] = process.argv.slice(2)

const all = Effect.gen(function*() {
  const folder = yield* directory
  const places = yield* start(yield* Effect.promise(certificates), join(folder, "http.sock"))
  const file = join(folder, "places.json")
  yield* Effect.promise(() => writeFile(file, JSON.stringify(places)))
  for (const runtime of runtimes) {
    const at = runtime.indexOf("=")
    const command = runtime.slice(at + 1).split(" ")
    yield* checkRuntime(runtime.slice(0, at), command, project, file, `http://127.0.0.1:${places.http}`)
  }
})

await Effect.runPromise(Effect.scoped(all))
console.log(`\n${passed} passed, ${failed} failed`)
if (failed > 0 || passed === 0) process.exitCode = 1
