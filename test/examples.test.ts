/** The programs that users copy run as they stand: those of the README, and every file of docs/examples. */
import * as fs from "node:fs"
import * as http from "node:http"
import type * as net from "node:net"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Ran, ran } from "./fixtures/ran.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const read = (file: string) => fs.readFileSync(path.join(root, file), "utf8")

const tsx = (...args: ReadonlyArray<string>): Promise<Ran> =>
  ran(["node_modules/tsx/dist/cli.mjs", ...args], { NO_COLOR: "1" })

/** A port of this machine on which nothing listens. */
const freePort = async (): Promise<number> => {
  const unused = http.createServer()
  await new Promise<void>((resolve) => unused.listen(0, "127.0.0.1", resolve))
  const { port } = unused.address() as net.AddressInfo
  await new Promise((resolve) => unused.close(resolve))
  return port
}

const patience = { timeout: 60_000 }

describe("the example of the README", () => {
  const blocks = [...read("README.md").matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block = ""]) => block)
  const code = blocks.find((block) => block.includes("HttpConnection.make")) ?? ""
  const service = blocks.find((block) => block.includes("PooledHttpClient.layer")) ?? ""
  let server: http.Server
  let port: number

  beforeAll(async () => {
    server = http.createServer((request, response) => response.end(`${request.method} ${request.url}`))
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    port = (server.address() as net.AddressInfo).port
  })

  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  /** The example, asking this port of this machine. */
  const asking = (port: number): string => {
    const host = "host: \"example.org\""
    expect(code).toContain(host)
    return code.replace(host, `host: "127.0.0.1", port: ${port}`)
  }

  it("is ten lines of code at most, without its imports", () => {
    const lines = code.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("import "))
    expect(lines.length).toBeLessThanOrEqual(10)
  })

  it("for a service prints what a server answers, and ends", patience, async () => {
    const url = "http://localhost:8080"
    expect(service).toContain(url)
    const { output, status } = await tsx("-e", service.replace(url, `http://127.0.0.1:${port}`))
    expect({ output, status }).toEqual({ output: "200 GET /users/1\n", status: 0 })
  })

  it("for a service prints why there is no answer, once, and ends with a failure", patience, async () => {
    const { output, status } = await tsx(
      "-e",
      service.replace("http://localhost:8080", `http://127.0.0.1:${await freePort()}`)
    )
    expect(output).toMatch(
      /^Transport: Could not connect to 127\.0\.0\.1:\d+ \(ECONNREFUSED\)\. Nothing listens there: check that the server runs, and the port\..*\n$/
    )
    expect(status).toBe(1)
  })

  it("prints what a server answers, and ends", patience, async () => {
    const { output, status } = await tsx("-e", asking(port))
    expect(output).toBe("200 GET /\n")
    expect(status).toBe(0)
  })

  it("prints why there is no answer, and ends", patience, async () => {
    const free = await freePort()
    const { output, status } = await tsx("-e", asking(free))
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
    const { output, status } = await tsx("docs/examples/run.ts")
    expect(output).not.toContain("FAILED")
    expect(output.match(/^ok +\S+$/gm)?.map((line) => line.split(/ +/)[1]).toSorted()).toEqual(examples.toSorted())
    expect(status).toBe(0)
  })
})
