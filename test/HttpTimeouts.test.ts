/** The timeouts: each default is what its documentation says. */
import { expect, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as HttpTimeouts from "../src/HttpTimeouts.ts"
import { documentedDefaults } from "./fixtures/documented.ts"

const millis = (timeouts: HttpTimeouts.HttpTimeouts) =>
  Object.fromEntries(Object.entries(timeouts).map(([kind, timeout]) => [kind, Duration.toMillis(timeout)]))

it("has for every timeout the default that its documentation says", () => {
  const documented = Object.entries(documentedDefaults("HttpTimeouts")).map(([kind, text]) => [
    kind,
    text === "none" ? Infinity : Duration.toMillis(text as Duration.DurationInput)
  ])
  expect(Object.fromEntries(documented)).toEqual(millis(HttpTimeouts.defaults))
  expect(documented.length).toBe(10)
})

it("make replaces those that are given, in any form of a duration, and changes no default", () => {
  const before = millis(HttpTimeouts.defaults)
  expect(millis(HttpTimeouts.make({}))).toEqual(before)
  expect(millis(HttpTimeouts.make({ head: "3 seconds", total: 5, dns: Duration.infinity }))).toEqual({
    ...before,
    head: 3000,
    total: 5,
    dns: Infinity
  })
  expect(millis(HttpTimeouts.make({ head: undefined } as never))).toEqual(before)
  expect(millis(HttpTimeouts.defaults)).toEqual(before)
})
