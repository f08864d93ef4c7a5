/** The limits: each default is what its documentation says. */
import { expect, it } from "@effect/vitest"
import * as HttpLimits from "../src/HttpLimits.ts"
import { documentedDefaults } from "./fixtures/documented.ts"

it("has for every limit the default that its documentation says", () => {
  const documented = Object.entries(documentedDefaults("HttpLimits")).map(([name, text]) => [
    name,
    text === "no limit (`Infinity`)" ? Infinity : Number.parseInt(text, 10)
  ])
  expect(Object.fromEntries(documented)).toEqual(HttpLimits.defaults)
  expect(documented.length).toBe(9)
})

it("make replaces those that are given and changes no default", () => {
  const before = { ...HttpLimits.defaults }
  expect(HttpLimits.make({})).toEqual(before)
  expect(HttpLimits.make({ body: 10, fields: 1 })).toEqual({ ...before, body: 10, fields: 1 })
  expect(HttpLimits.make({ body: undefined } as never)).toEqual(before)
  expect(HttpLimits.defaults).toEqual(before)
})
