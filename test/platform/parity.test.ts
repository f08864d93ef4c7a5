/**
 * The same programs over every `HttpClient`: ours, and those of the platform. Each case says what is seen with each client, and
 * docs/migrating.md has a row for every case in which they differ, and names no other.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { clients } from "./clients.ts"
import * as api from "./parity/api.ts"
import * as bodies from "./parity/bodies.ts"
import type { Case } from "./parity/case.ts"
import * as combinators from "./parity/combinators.ts"
import * as faults from "./parity/faults.ts"
import * as fetch from "./parity/fetch.ts"
import * as lifetimes from "./parity/lifetimes.ts"
import * as readings from "./parity/readings.ts"
import * as requests from "./parity/requests.ts"
import * as responses from "./parity/responses.ts"
import * as tracing from "./parity/tracing.ts"
import * as uploads from "./parity/uploads.ts"

type Subjects = Readonly<Record<string, { readonly cases: ReadonlyArray<Case> }>>

const subjects: Subjects = {
  requests,
  bodies,
  uploads,
  responses,
  readings,
  faults,
  lifetimes,
  combinators,
  tracing,
  api,
  fetch
}

for (const [client, clientLayer] of Object.entries(clients)) {
  layer(clientLayer, { excludeTestServices: true })(client, (it) => {
    for (const [subject, { cases }] of Object.entries(subjects)) {
      const own = cases.filter(({ expected }) => client in expected)
      if (own.length === 0) continue
      describe(subject, () => {
        for (const { expected, name, observe } of own) {
          it.scoped(name, () => Effect.map(observe, (seen) => assert.deepStrictEqual(seen, expected[client])))
        }
      })
    }
  })
}

/** The cases that the tables of a guide name in their last column, as `subject: name`. */
const namedBy = (guide: string): ReadonlyArray<string> =>
  guide.split("\n").filter((line) => line.startsWith("| ")).flatMap((line) =>
    (line.replace(/\s*\|$/, "").split(" | ").at(-1) ?? "").split("<br>").flatMap((cell) => {
      const match = /^`(\w+)`: (.+)$/.exec(cell.trim())
      return match === null ? [] : [`${match[1]}: ${match[2]}`]
    })
  )

describe("docs/migrating.md", () => {
  const all = Object.entries(subjects).flatMap(([subject, { cases }]) =>
    cases.map((one) => ({ ...one, title: `${subject}: ${one.name}` }))
  )
  const told = all.filter((one) => one.told)

  it("tells of every case in which the clients differ, and of no other", () => {
    const named = namedBy(fs.readFileSync(new URL("../../docs/migrating.md", import.meta.url), "utf8"))
    assert.isAbove(told.length, 40)
    assert.deepStrictEqual(named.toSorted(), told.map(({ title }) => title).toSorted())
  })

  it("tells of cases by names of their own", () => {
    const titles = all.map(({ title }) => title)
    assert.deepStrictEqual(titles.filter((title, index) => titles.indexOf(title) !== index), [])
  })

  it("tells of clients that do differ, in more than the tag of our error", () => {
    const tagless = (seen: unknown) => JSON.stringify(seen ?? null).replaceAll(/(Error \w+): \w+/g, "$1")
    const alike = told.filter(({ expected }) => new Set(Object.values(expected).map(tagless)).size === 1)
    assert.deepStrictEqual(alike.map(({ title }) => title), [])
  })
})
