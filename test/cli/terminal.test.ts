/** The program itself in a pseudo-terminal: wide and narrow, with and without colours, and interrupted. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll } from "vitest"
import { bundled, type Bundles } from "../fixtures/bundled.ts"
import { describeWith } from "../fixtures/children.ts"
import { webServer } from "../fixtures/web.ts"

const main = "src/cli/main.ts"
const root = fileURLToPath(new URL("../..", import.meta.url))

let bundles: Bundles
beforeAll(async () => {
  bundles = await bundled([main])
})
afterAll(() => bundles.remove())

interface Seen {
  readonly code: number | null
  readonly text: string
}

/** Runs the program in a terminal of this width; ESC is shown as ␛. Ctrl-C is sent once the text matches. */
const inTerminal = (
  script: string,
  columns: number,
  args: string,
  options: { readonly env?: Readonly<Record<string, string>>; readonly interruptAt?: RegExp } = {}
): Effect.Effect<Seen> =>
  Effect.promise(() =>
    new Promise((resolve, reject) => {
      const command = `stty cols ${columns}; exec "${process.execPath}" "${bundles.of(main)}" ${args}`
      const child = spawn(script, ["-qec", command, "/dev/null"], {
        cwd: root,
        env: { PATH: process.env["PATH"], HOME: process.env["HOME"], TERM: "xterm", SHELL: "/bin/sh", ...options.env },
        stdio: ["pipe", "pipe", "inherit"]
      })
      let text = ""
      let waits = options.interruptAt
      child.stdout.setEncoding("utf8").on("data", (more: string) => {
        text += more
        if (waits?.test(text) === true) {
          waits = undefined
          child.stdin.write("\x03")
        }
      })
      child.on("error", reject)
      child.on("close", (code) => resolve({ code, text: text.replaceAll("\r\n", "\n").replaceAll("\x1b", "␛") }))
    })
  )

const answering = Effect.suspend(() =>
  webServer((request, response) => {
    if (request.url === "/never") response.write("begun")
    else response.end(request.url === "/text" ? "hello\n" : "hello")
  })
)

/** What is on the screen, without colours. */
const bare = (text: string): string => text.replaceAll(/␛\[[0-9;]*[mK]/g, "")

describeWith("script", (script) => {
  describe("in a terminal", { concurrent: true }, () => {
    it.scopedLive("of 80 columns the head is coloured, and the times are bars", () =>
      Effect.gen(function*() {
        const { port } = yield* answering
        const { code, text } = yield* inTerminal(script, 80, `-i --timings 127.0.0.1:${port}/`)
        assert.strictEqual(code, 0)
        assert.match(text, /^␛\[32mHTTP\/1\.1 200 OK␛\[0m\n/)
        assert.match(text, /\nhello\n/)
        assert.match(text, /\nwait .*␛\[36m[█▏▎▍▌▋▊▉]+␛\[0m\n/)
        for (const line of bare(text).split("\n")) assert.isAtMost(line.length, 80)
      }), 60_000)

    it.scopedLive("of 24 columns there are no bars, and no colours with NO_COLOR", () =>
      Effect.gen(function*() {
        const { port } = yield* answering
        const { text } = yield* inTerminal(script, 24, `--timings 127.0.0.1:${port}/text`, { env: { NO_COLOR: "1" } })
        assert.match(text, /^hello\nconnect +\S+ ms\nsend +\S+ ms\nwait +\S+ ms\nbody +\S+ ms\ntotal +\S+ ms\n$/)
      }), 60_000)

    it.scopedLive("a load shows its progress, which is gone when the report comes", () =>
      Effect.gen(function*() {
        const { port } = yield* answering
        const { code, text } = yield* inTerminal(script, 60, `-n 300 -c 5 127.0.0.1:${port}/`)
        assert.strictEqual(code, 0)
        assert.match(text, /\r +\d+ % .* of 300, \d+\/s␛\[K/)
        assert.match(text, /\r␛\[K␛\[2mrequests {4}␛\[0m300 in /)
        const report = bare(text.slice(text.lastIndexOf("\r␛[K")))
        for (const line of report.split("\n")) assert.isAtMost(line.length, 60)
      }), 60_000)

    it.scopedLive("Ctrl-C ends a response that does not end, with exit code 130", () =>
      Effect.gen(function*() {
        const { port } = yield* answering
        const { code, text } = yield* inTerminal(script, 80, `127.0.0.1:${port}/never`, { interruptAt: /begun/ })
        assert.deepStrictEqual([code, text.replaceAll("^C", "").trim()], [130, "begun"])
      }), 60_000)
  })
})
