/** The relaxations: all off by default, all on as Python has them, each with its risk in its documentation. */
import { expect, it } from "@effect/vitest"
import * as HttpLeniency from "../src/HttpLeniency.ts"
import { documented } from "./fixtures/documented.ts"

const names = Object.keys(HttpLeniency.strict).toSorted()

it("relaxes nothing by default", () => {
  expect(Object.values(HttpLeniency.strict)).toEqual(names.map(() => false))
})

it("httpClient relaxes everything that there is", () => {
  expect(Object.keys(HttpLeniency.httpClient).toSorted()).toEqual(names)
  expect(Object.values(HttpLeniency.httpClient)).toEqual(names.map(() => true))
})

it("says of every relaxation what it risks", () => {
  const texts = documented("HttpLeniency")
  expect(Object.keys(texts).toSorted()).toEqual(names)
  for (const [name, text] of Object.entries(texts)) expect(text, name).toMatch(/\. Risk: \w.*\.$/)
})

it("make relaxes what is given and nothing else", () => {
  expect(HttpLeniency.make({})).toEqual(HttpLeniency.strict)
  for (const name of names) {
    expect(HttpLeniency.make({ [name]: true })).toEqual({ ...HttpLeniency.strict, [name]: true })
  }
})
