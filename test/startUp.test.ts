/**
 * What a program loads when it starts: the modules of Node, of Effect and of the platform that each face names by itself, found
 * by following the imports of `src` that are not types. Each of them takes time in every program, whether it uses the part
 * that needs it or not, so an addition to these lists is a decision. How many files of `dist` a face loads is held by the
 * build (`rollup.config.js`).
 */
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"

const src = fileURLToPath(new URL("../src", import.meta.url))

/** The modules that a file imports when it is loaded: a `type` import or export is none, whole or of each name. */
const importsOf = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/^(?:import|export)\s+(?!type\b)(?:(\{[^}]*\}|[^"{]*?)\s*from\s*)?"([^"]+)"/gm)]
    .filter(([, names]) => names === undefined || !/^\{(\s*type\s[^,}]*,?)+\s*\}$/.test(names))
    .map(([, , module]) => module ?? "")

/** What is loaded with a public module and is not of this project. */
const loadedWith = (name: string): ReadonlyArray<string> => {
  const files = new Set<string>()
  const others = new Set<string>()
  const visit = (file: string): void => {
    if (files.has(file)) return
    files.add(file)
    for (const module of importsOf(readFileSync(file, "utf8"))) {
      if (module.startsWith(".")) visit(join(dirname(file), module))
      else others.add(module)
    }
  }
  visit(join(src, `${name}.ts`))
  return [...others].sort()
}

/** Each public module loads what those above it load, and this. */
const additions: ReadonlyArray<readonly [name: string, modules: ReadonlyArray<string>]> = [
  ["HttpFields", [
    "effect/Chunk",
    "effect/Data",
    "effect/Either",
    "effect/Equal",
    "effect/Function",
    "effect/Hash",
    "effect/Inspectable",
    "effect/Option",
    "effect/Pipeable",
    "effect/Predicate"
  ]],
  ["HttpConnection", [
    "@effect/platform/Cookies",
    "@effect/platform/Headers",
    "@effect/platform/HttpClient",
    "@effect/platform/HttpClientError",
    "@effect/platform/HttpClientRequest",
    "@effect/platform/HttpClientResponse",
    "@effect/platform/HttpIncomingMessage",
    "@effect/platform/HttpTraceContext",
    "@effect/platform/UrlParams",
    "effect/Cause",
    "effect/Channel",
    "effect/Clock",
    "effect/Context",
    "effect/DefaultServices",
    "effect/Deferred",
    "effect/Duration",
    "effect/Effect",
    "effect/Effectable",
    "effect/Exit",
    "effect/Fiber",
    "effect/FiberId",
    "effect/FiberRef",
    "effect/FiberRefs",
    "effect/GlobalValue",
    "effect/Redacted",
    "effect/Runtime",
    "effect/RuntimeFlags",
    "effect/Schema",
    "effect/Scope",
    "effect/Sink",
    "effect/Stream",
    "effect/Tracer",
    "node:async_hooks",
    "node:crypto",
    "node:dns",
    "node:net",
    "node:tls",
    "node:util"
  ]],
  ["ConnectionPool", [
    "effect/Layer",
    "effect/Random",
    "effect/Schedule",
    "effect/ScheduleDecision",
    "effect/ScheduleIntervals"
  ]],
  ["PooledHttpClient", ["effect/Config", "node:util/types", "node:zlib"]],
  ["index", [
    "@effect/platform/Error",
    "@effect/platform/FileSystem",
    // Loaded with `HttpClientRequest` in any case.
    "@effect/platform/HttpBody",
    "effect/Metric",
    "effect/MetricBoundaries",
    "effect/MetricLabel",
    // Loaded with `Schema` in any case.
    "effect/ParseResult",
    "effect/Queue",
    "effect/Take"
  ]]
]

describe("what is loaded at start", () => {
  it("is what the lists say", () => {
    const known: Array<string> = []
    for (const [name, modules] of additions) {
      known.push(...modules)
      expect([name, ...loadedWith(name)]).toEqual([name, ...[...known].sort()])
    }
  })

  it("is found in each form of an import, and types are none", () => {
    const text = [
      "import type * as A from \"type-of-namespace\"",
      "import type { B } from \"type-in-braces\"",
      "import { type C, type D } from \"types-one-by-one\"",
      "export type { E } from \"type-exported\"",
      "import * as F from \"namespace\"",
      "import { G, type H } from \"one-is-a-value\"",
      "import {",
      "  I,",
      "  J",
      "} from \"lines\"",
      "import \"effects\"",
      "export * as K from \"exported\"",
      "export { L } from \"exported-name\"",
      "const text = `import * as M from \"in-a-text\"`"
    ].join("\n")
    expect(importsOf(text)).toEqual(["namespace", "one-is-a-value", "lines", "effects", "exported", "exported-name"])
  })
})
