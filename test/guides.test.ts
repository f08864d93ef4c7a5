/** The guides name what there is: every error with its fields, every timeout, limit and relaxation with its default. */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import * as HttpLeniency from "../src/HttpLeniency.ts"
import * as HttpLimits from "../src/HttpLimits.ts"
import * as HttpTimeouts from "../src/HttpTimeouts.ts"
import { toSettings } from "../src/internal/effect/poolSettings.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const read = (file: string) => fs.readFileSync(path.join(root, file), "utf8")

/** The rows of a section's table whose first cell is a name, as cells. */
const rows = (text: string): ReadonlyArray<ReadonlyArray<string>> =>
  [...text.matchAll(/^\| `\w+` .*\|$/gm)].map(([row]) => row.slice(1, -1).split("|").map((cell) => cell.trim()))

const section = (file: string, heading: string): string => {
  const text = read(file)
  const start = text.indexOf(`\n## ${heading}\n`)
  expect(start).toBeGreaterThan(0)
  const end = text.indexOf("\n## ", start + 1)
  return text.slice(start, end < 0 ? undefined : end)
}

const names = (cell: string | undefined): ReadonlyArray<string> =>
  [...(cell ?? "").matchAll(/`(\w+)`/g)].map((match) => match[1] ?? "")

const sorted = (entries: Iterable<readonly [string, unknown]>) => Object.fromEntries([...entries].toSorted())

describe("docs/errors.md", () => {
  /** The classes and their fields, as the sources have them. */
  const classes = fs.readdirSync(path.join(root, "src/internal/error")).flatMap((file) => {
    const source = read(`src/internal/error/${file}`)
    return [...source.matchAll(/^export class (\w+)(?:<.*>)? extends tagged\("\1",.*?\)<\{(.*?)\}>/gms)].map(
      ([, name = "", fields = ""]) =>
        [
          name,
          [...fields.matchAll(/readonly (\w+)/g)].map((match) => match[1]).filter((field) => field !== "cause")
        ] as const
    )
  })

  it("has a row for every error, with its fields", () => {
    expect(classes.length).toBeGreaterThan(40)
    const documented = rows(section("docs/errors.md", "Every tag")).map((cells) =>
      [names(cells[0])[0] ?? "", names(cells[2])] as const
    )
    expect(sorted(documented)).toEqual(sorted(classes))
  })
})

describe("docs/timeouts-and-limits.md", () => {
  const guide = "docs/timeouts-and-limits.md"
  const documented = (heading: string, column: number) =>
    sorted(rows(section(guide, heading)).map((cells) => [names(cells[0])[0] ?? "", cells[column]] as const))

  it("has every timeout with its default", () => {
    const found = Object.entries(documented("Timeouts", 2)).map(([kind, text]) =>
      [
        kind,
        Duration.toMillis(text === "none" ? Duration.infinity : Duration.decode(String(text) as "1 second"))
      ] as const
    )
    const defaults = Object.entries(HttpTimeouts.defaults).map(([kind, duration]) =>
      [kind, Duration.toMillis(duration as Duration.DurationInput)] as const
    )
    expect(sorted(found)).toEqual(sorted(defaults))
  })

  it("has every limit with its default", () => {
    expect(documented("Limits", 2)).toEqual(
      sorted(Object.entries(HttpLimits.defaults).map(([limit, value]) => [limit, String(value)] as const))
    )
  })

  it("has every relaxation", () => {
    expect(Object.keys(documented("Relaxations", 1)).toSorted()).toEqual(Object.keys(HttpLeniency.strict).toSorted())
  })
})

/** What a bare name would install is another major version of these: each has its version wherever a user copies it. */
describe("the commands that install", () => {
  const { devDependencies } = JSON.parse(read("package.json")) as {
    readonly devDependencies: Readonly<Record<string, string>>
  }
  const documents = ["README.md", "docs/examples/README.md"].concat(
    fs.readdirSync(path.join(root, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)
  )
  const commands = documents.flatMap((document) =>
    [...read(document).matchAll(/(?:npm install|npm i|pnpm add|yarn add|bun add) [^\n`]+/g)].map(([command]) => command)
  )
  /** The packages of a command or a table that belong to Effect, as name and version. */
  const effects = (text: string) =>
    [...text.matchAll(/(?<![\w/.-])(effect|@effect\/[\w-]+)(?:@([\d.]+))?(?![\w/-])/g)].map(([, name = "", version]) =>
      [name, version] as const
    )

  it("name the version of each package of Effect, and it is the one that the tests run with", () => {
    const named = commands.flatMap(effects)
    expect(new Set(named.map(([name]) => name))).toEqual(
      new Set(["effect", "@effect/platform", "@effect/platform-node", "@effect/vitest"])
    )
    for (const [name, version] of named) {
      expect(`${name}: ${devDependencies[name]}`).toMatch(new RegExp(`: \\^${version?.replaceAll(".", "\\.")}\\.`))
    }
  })

  it("agree with the README's table of versions", () => {
    const table = new Map(
      [...read("README.md").matchAll(/^\| `(@effect\/[\w-]+)` +\| `\1@([\d.]+)`/gm)].map((
        [, name = "", version = ""]
      ) => [name, version] as const)
    )
    expect([...table.keys()]).toEqual([
      "@effect/platform",
      "@effect/platform-node",
      "@effect/opentelemetry",
      "@effect/vitest"
    ])
    for (const [name, version] of commands.flatMap(effects)) expect(version).toBe(table.get(name) ?? "3")
  })
})

describe("docs/testing.md", () => {
  it("names every step and connection of a script", () => {
    const guide = read("docs/testing.md")
    const source = read("src/TestTransport.ts")
    const exported = [...source.matchAll(/@category ([\w ]+)\n \*\/\nexport const (\w+)/g)]
      .filter(([, category = ""]) => /steps$|connections/.test(category))
      .map(([, , name = ""]) => name)
    expect(exported.length).toBeGreaterThan(15)
    expect(exported.filter((name) => !new RegExp(`\\b${name}\\b`).test(guide))).toEqual([])
  })
})

describe("docs/pool.md", () => {
  it("has the options with their defaults", () => {
    const { places, ...settings } = Either.getOrThrow(toSettings({}))
    const numbers = {
      connectionsPerOrigin: places.connectionsPerOrigin,
      connections: places.connections,
      idlePerOrigin: places.idlePerOrigin,
      idle: places.idle,
      waiters: places.waiters,
      requestsPerConnection: places.requestsPerConnection,
      connectRetryTime: places.retryMillis,
      connectBackoff: places.backoffMillis,
      lifetime: settings.lifetimeMillis,
      lifetimeJitter: settings.lifetimeJitter,
      idleTime: places.idleMillis,
      keepAliveMargin: settings.keepAliveMargin,
      drainBytes: settings.drainBytes,
      drainTime: settings.drainMillis,
      unreadTime: settings.unreadMillis,
      unreadGrace: settings.unreadGrace,
      shutdownGrace: settings.graceMillis
    }
    const documented = rows(section("docs/pool.md", "Options")).map((cells) => {
      const text = cells[2] ?? ""
      return [
        names(cells[0])[0] ?? "",
        text.includes(" ") ? Duration.toMillis(Duration.decode(text as "1 second")) : Number(text)
      ] as const
    })
    expect(sorted(documented)).toEqual(sorted(Object.entries(numbers)))
  })
})
