/** The programs that users copy run as they stand: those of the README, and every file of docs/examples. */
import * as fs from "node:fs"
import * as http from "node:http"
import type * as net from "node:net"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { bundled, type Bundles } from "./fixtures/bundled.ts"
import { type Ran, ran } from "./fixtures/ran.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const read = (file: string) => fs.readFileSync(path.join(root, file), "utf8")

const run = (bundle: string): Promise<Ran> => ran([bundle], { NO_COLOR: "1" })

/** A port of this machine on which nothing listens. */
const freePort = async (): Promise<number> => {
  const unused = http.createServer()
  await new Promise<void>((resolve) => unused.listen(0, "127.0.0.1", resolve))
  const { port } = unused.address() as net.AddressInfo
  await new Promise((resolve) => unused.close(resolve))
  return port
}

const patience = { timeout: 60_000 }

const runner = "docs/examples/run.ts"

let bundles: Bundles

/** All examples, which run while the other tests do. */
let running: Promise<Ran>

beforeAll(async () => {
  bundles = await bundled([runner, "docs/examples/quick-start.ts"])
  fs.copyFileSync(path.join(root, "docs/quick-start.md"), path.join(bundles.directory, "docs/quick-start.md"))
  running = run(bundles.of(runner))
}, 60_000)

afterAll(async () => {
  // No test has waited for it if only some were selected.
  await running
  await bundles.remove()
}, 60_000)

describe("the example of the README", { concurrent: true }, () => {
  const blocks = [...read("README.md").matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block = ""]) => block)
  const code = blocks.find((block) => block.includes("HttpConnection.make")) ?? ""
  const service = blocks.find((block) => block.includes("PooledHttpClient.layer")) ?? ""
  const url = "http://localhost:8080"
  const host = "host: \"example.org\""
  let server: http.Server
  let port: number
  /** A port on which nothing listens. */
  let free: number
  let bundles: Bundles

  beforeAll(async () => {
    server = http.createServer((request, response) => response.end(`${request.method} ${request.url}`))
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    port = (server.address() as net.AddressInfo).port
    free = await freePort()
    const asking = (port: number): string => code.replace(host, `host: "127.0.0.1", port: ${port}`)
    const serving = (port: number): string => service.replace(url, `http://127.0.0.1:${port}`)
    bundles = await bundled([], {
      texts: {
        answered: asking(port),
        refused: asking(free),
        "service answered": serving(port),
        "service refused": serving(free)
      }
    })
  }, 60_000)

  afterAll(() => {
    server.closeAllConnections()
    server.close()
    return bundles.remove()
  })

  it("is ten lines of code at most, without its imports", () => {
    const lines = code.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("import "))
    expect(lines.length).toBeLessThanOrEqual(10)
  })

  it("for a service prints what a server answers, and ends", patience, async () => {
    expect(service).toContain(url)
    const { output, status } = await run(bundles.of("service answered"))
    expect({ output, status }).toEqual({ output: "200 GET /users/1\n", status: 0 })
  })

  it("for a service prints why there is no answer, once, and ends with a failure", patience, async () => {
    const { output, status } = await run(bundles.of("service refused"))
    expect(output).toMatch(
      /^Transport: Could not connect to 127\.0\.0\.1:\d+ \(ECONNREFUSED\)\. Nothing listens there: check that the server runs, and the port\..*\n$/
    )
    expect(status).toBe(1)
  })

  it("prints what a server answers, and ends", patience, async () => {
    expect(code).toContain(host)
    const { output, status } = await run(bundles.of("answered"))
    expect(output).toBe("200 GET /\n")
    expect(status).toBe(0)
  })

  it("prints why there is no answer, and ends", patience, async () => {
    const { output, status } = await run(bundles.of("refused"))
    expect(output).toBe(
      `Could not connect to 127.0.0.1:${free} (ECONNREFUSED). Nothing listens there: check that the server runs, and the port. (GET http://127.0.0.1:${free}/)\n`
    )
    expect(status).toBe(0)
  })
})

describe("docs/examples", () => {
  const examples = fs.readdirSync(path.join(root, "docs/examples"))
    .filter((name) => name.endsWith(".ts") && name !== "run.ts")
    .map((name) => name.slice(0, -".ts".length))

  it.each(examples)("%s is listed in the README there", (name) => {
    expect(read("docs/examples/README.md")).toContain(`[${name}.ts](${name}.ts)`)
  })

  it("all run, and give what they are to give", patience, async () => {
    const { output, status } = await running
    expect(output).not.toContain("FAILED")
    expect(output.match(/^ok +\S+$/gm)?.map((line) => line.split(/ +/)[1]).toSorted()).toEqual(examples.toSorted())
    expect(status).toBe(0)
  })
})
