/**
 * The import rules R1 to R8 hold, and each can fail: the linter, with the configuration of this repository, is run over
 * small trees that break them.
 */
import { execFile } from "node:child_process"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))
const oxlint = path.join(root, "node_modules/oxlint/bin/oxlint")

interface Finding {
  readonly file: string
  readonly rule: string
}

/** What the linter reports of the architecture below `cwd`: a rule's number for each finding, and nothing else it finds. */
const lint = async (cwd: string): Promise<ReadonlyArray<Finding>> => {
  const stdout = await promisify(execFile)(process.execPath, [oxlint, "-f", "json", "src"], { cwd }).then(
    (result) => result.stdout,
    (failure: { readonly stdout: string }) => failure.stdout
  )
  const { diagnostics } = JSON.parse(stdout) as {
    readonly diagnostics: ReadonlyArray<{ readonly code: string; readonly message: string; readonly filename: string }>
  }
  return diagnostics.flatMap(({ code, filename, message }) => {
    const file = filename.split(path.sep).join("/")
    switch (code) {
      case "architecture(imports)":
        return [{ file, rule: message.slice(0, message.indexOf(":")) }]
      case "import(no-cycle)":
        return [{ file, rule: "R6" }]
      case "eslint(max-lines)":
        return [{ file, rule: "R7" }]
      default:
        return []
    }
  })
}

/** One file each: where it lies in `src`, its text, and the rule it breaks. */
const broken: ReadonlyArray<readonly [rule: string, file: string, text: string]> = [
  ["R1", "internal/protocol/effect.ts", `import * as Effect from "effect/Effect"`],
  ["R1", "internal/protocol/effectType.ts", `import type * as Effect from "effect/Effect"`],
  ["R1", "internal/protocol/effectInline.ts", `export type A = import("effect/Effect").Effect<void>`],
  ["R1", "internal/protocol/stream.ts", `export { run } from "effect/Stream"`],
  ["R1", "internal/protocol/barrel.ts", `import { Data } from "effect"`],
  ["R1", "internal/protocol/buffer.ts", `import { Buffer } from "node:buffer"`],
  ["R1", "internal/protocol/bareBuffer.ts", `import { Buffer } from "buffer"`],
  ["R1", "internal/protocol/net.ts", `import * as net from "node:net"`],
  ["R1", "internal/protocol/pool.ts", `import { pool } from "../pool/pool.ts"`],
  ["R1", "internal/protocol/transport.ts", `import type { Duplex } from "../../Transport.ts"`],
  ["R1", "internal/protocol/deep/connection.ts", `import { a } from "../../connection/a.ts"`],
  ["R1", "internal/syntax/clock.ts", `import * as Clock from "effect/Clock"`],
  ["R1", "internal/content/effect.ts", `import * as Effect from "effect/Effect"`],
  ["R1", "internal/content/streamType.ts", `import type * as Stream from "effect/Stream"`],
  ["R1", "internal/error/protocol.ts", `import { a } from "../protocol/a.ts"`],
  ["R1", "internal/loose.ts", `import * as Layer from "effect/Layer"`],
  ["R1, R3", "internal/protocol/headers.ts", `import * as Headers from "@effect/platform/Headers"`],
  ["R2", "internal/node/protocol.ts", `import { encode } from "../protocol/encode.ts"`],
  ["R2", "internal/node/protocolType.ts", `import type { Event } from "../protocol/machine.ts"`],
  ["R2", "internal/node/connection.ts", `export * from "../connection/exchange.ts"`],
  ["R2", "internal/node/pool.ts", `import { pool } from "./../pool/pool.ts"`],
  ["R2", "internal/node/effectFolder.ts", `import { waitFor } from "../effect/wait.ts"`],
  ["R3", "internal/node/headers.ts", `import * as Headers from "@effect/platform/Headers"`],
  ["R3", "internal/connection/headers.ts", `import type * as Headers from "@effect/platform/Headers"`],
  ["R3", "internal/pool/client.ts", `import { HttpClient } from "@effect/platform"`],
  ["R4", "internal/connection/net.ts", `import * as net from "node:net"`],
  ["R4", "internal/pool/tls.ts", `import type { TLSSocket } from "node:tls"`],
  ["R4", "internal/platform/dns.ts", `import * as dns from "node:dns/promises"`],
  ["R4", "internal/pool/lazy.ts", `export const net = () => import("node:net")`],
  ["R4", "HttpConnection.ts", `import * as net from "net"`],
  ["R5", "internal/connection/public.ts", `import type { HttpConnection } from "../../HttpConnection.ts"`],
  ["R5", "internal/pool/public.ts", `import * as ConnectionPool from "../../ConnectionPool.ts"`],
  ["R5", "internal/platform/public.ts", `import { layer } from "../../NodeTransport.ts"`],
  ["R5", "internal/node/index.ts", `import { Tls } from "../../index.ts"`],
  ["R5", "HttpRequest.ts", `import { send } from "./internal/connection/send.ts"`],
  ["R5", "Origin.ts", `import type { Service } from "./ConnectionPool.ts"`],
  ["R6", "internal/pool/lazyOwn.ts", `export const b = () => import("./b.ts")`],
  ["R6", "internal/pool/inlineOwn.ts", `export type B = import("./b.ts").B`],
  ["R7", "internal/pool/long.ts", "//\n\n".repeat(200) + "export {}"],
  ["R8", "internal/connection/effect.ts", `import * as Effect from "effect/Effect"`],
  ["R8", "internal/connection/either.ts", `import type { Either } from "effect/Either"`],
  ["R8", "internal/pool/effect.ts", `import type * as Effect from "effect/Effect"`],
  ["R8", "internal/pool/data.ts", `import { Data } from "effect"`],
  ["R0", "internal/connection/rim.ts", `import { wait } from "../effect/wait.ts"`],
  ["R0", "internal/pool/rim.ts", `import { wait } from "../effect/wait.ts"`],
  ["R0", "internal/pool/node.ts", `import { dial } from "../node/dialer.ts"`],
  ["R8", "internal/node/effect.ts", `import * as Effect from "effect/Effect"`],
  ["R8", "internal/node/effectType.ts", `import type { Effect } from "effect/Effect"`],
  ["R8", "internal/node/data.ts", `export * from "effect/Data"`],
  ["R8", "internal/node/barrel.ts", `import { pipe } from "effect"`],
  ["R8", "internal/node/effectInline.ts", `export type A = import("effect/Effect").Effect<void>`],
  ["R0", "internal/connection/arrow.ts", `import { pool } from "../pool/pool.ts"`],
  ["R0", "internal/pool/arrow.ts", `import { execute } from "../platform/execute.ts"`],
  ["R0", "internal/util/a.ts", `import { b } from "./b.ts"`],
  ["R0", "internal/pool/lodash.ts", `import lodash from "lodash"`],
  ["R0", "internal/platform/node.ts", `import { NodeHttpClient } from "@effect/platform-node"`],
  ["R0", "internal/platform/peer.ts", `import { Cookie } from "tough-cookie"`],
  ["R0", "CookieJar.ts", `import { Cookie } from "tough-cookie"`],
  ["R0", "Wrapper.ts", `export * from "./CookieJar.ts"`],
  ["R0", "Jar.ts", `export * from "./internal/cookies/jar.ts"`],
  ["R0", "internal/platform/jar.ts", `import { make } from "../cookies/jar.ts"`],
  ["R0", "internal/pool/self.ts", `import { Tls } from "effect-http-client"`],
  ["R0", "internal/pool/outside.ts", `import { fixture } from "../../../test/fixture.ts"`],
  ["R0", "internal/pool/computed.ts", `export const load = (name: string) => import(name)`]
]

const cycles: ReadonlyArray<readonly [file: string, text: string]> = [
  ["internal/pool/cycle/a.ts", `import { b } from "./b.ts"\nexport const a = b`],
  ["internal/pool/cycle/b.ts", `import { a } from "./a.ts"\nexport const b = a`],
  ["internal/pool/typeCycle/a.ts", `import type { B } from "./b.ts"\nexport type A = B`],
  ["internal/pool/typeCycle/b.ts", `import type { A } from "./a.ts"\nexport type B = A`],
  ["internal/pool/exportCycle/a.ts", `export type { B } from "./b.ts"\nexport type A = 1`],
  ["internal/pool/exportCycle/b.ts", `export * from "./c.ts"\nexport type B = 1`],
  ["internal/pool/exportCycle/c.ts", `import type * as a from "./a.ts"\nexport type C = a.A`]
]

const kept: ReadonlyArray<readonly [file: string, text: string]> = [
  ["internal/protocol/ok.ts", `import * as Data from "effect/Data"\nimport { LineTooLong } from "../error/head.ts"`],
  ["internal/protocol/ok2.ts", `import type * as HttpFields from "../../HttpFields.ts"\nimport { a } from "./ok.ts"`],
  ["internal/node/ok.ts", `import * as net from "node:net"\nimport type { Duplex } from "../../Transport.ts"`],
  ["internal/content/ok.ts", `import * as zlib from "node:zlib"\nimport * as Either from "effect/Either"`],
  ["internal/connection/ok.ts", `import { a } from "../protocol/ok.ts"\nimport { b } from "../model/ok.ts"`],
  ["internal/cookies/ok.ts", `import { Cookie } from "tough-cookie"\nimport { a } from "../platform/ok.ts"`],
  ["internal/pool/ok.ts", `import type { Tls } from "../../Tls.ts"\nimport { a } from "../connection/ok.ts"`],
  ["internal/effect/ok.ts", `import * as Effect from "effect/Effect"\nimport { a } from "../pool/ok.ts"`],
  ["internal/pool/full.ts", "//\n".repeat(399) + "export {}"],
  ["internal/platform/ok.ts", `import * as C from "@effect/platform/HttpClient"\nimport { a } from "../pool/ok.ts"`],
  ["NodeTransport.ts", `import * as net from "node:net"\nimport { a } from "./internal/node/ok.ts"`],
  ["PooledHttpClient.ts", `export { HttpClient } from "@effect/platform"\nexport * from "./internal/platform/ok.ts"`]
]

describe("the linter refuses a file that breaks the import rule", () => {
  let tree: string
  let findings: ReadonlyArray<Finding>

  beforeAll(async () => {
    tree = await fs.mkdtemp(path.join(os.tmpdir(), "effect-http-client-architecture-"))
    await fs.cp(path.join(root, ".oxlint"), path.join(tree, ".oxlint"), { recursive: true })
    await fs.copyFile(path.join(root, ".oxlintrc.json"), path.join(tree, ".oxlintrc.json"))
    await fs.writeFile(path.join(tree, "package.json"), `{ "type": "module" }`)
    for (const [file, text] of [...broken.map(([, file, text]) => [file, text] as const), ...cycles, ...kept]) {
      await fs.mkdir(path.dirname(path.join(tree, "src", file)), { recursive: true })
      await fs.writeFile(path.join(tree, "src", file), `${text}\n`)
    }
    findings = await lint(tree)
  })
  afterAll(() => fs.rm(tree, { recursive: true, force: true }))

  const rulesOf = (file: string) => findings.filter((finding) => finding.file === `src/${file}`).map(({ rule }) => rule)

  it.each(broken)("%s: %s", (rule, file) => {
    expect(rulesOf(file)).toEqual([rule])
  })

  it.each(cycles)("R6: %s", (file) => {
    expect(rulesOf(file)).toEqual(["R6"])
  })

  it.each(kept)("and leaves alone %s", (file) => {
    expect(rulesOf(file)).toEqual([])
  })
})

it("the sources keep the import rules", async () => {
  expect(await lint(root)).toEqual([])
})

it("no error class has a `message` of its own: the base adds to its `description` the request that it is about", async () => {
  const folder = path.join(root, "src/internal/error")
  const files = await fs.readdir(folder)
  const sources = await Promise.all(
    files.filter((file) => file !== "base.ts").map(async (file) =>
      [file, await fs.readFile(path.join(folder, file), "utf8")] as const
    )
  )
  expect(sources.some(([, source]) => source.includes("get description()"))).toBe(true)
  for (const [file, source] of sources) expect(source, file).not.toMatch(/get message\(/)
})
