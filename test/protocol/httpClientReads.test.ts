/**
 * `HttpLeniency.httpClient` reads what Python's `http.client` reads, or its documentation says where it does not: a table of responses
 * with what Python 3.11 made of them. `test/node/httpClientReads.test.ts` asks the Python that is installed.
 */
import * as fs from "node:fs"
import { describe, expect, it } from "vitest"
import * as HttpLeniency from "../../src/HttpLeniency.ts"
import { bytesOf, deliveries, run } from "./harness.ts"

interface Response {
  readonly status: number
  readonly reason: string
  readonly version: number
  readonly fields: ReadonlyArray<readonly [string, string]>
  readonly body: string
}

type Outcome = "refused" | "waits" | Response

interface Outcomes {
  /** From a connection that ends behind the wire. */
  readonly closed: Outcome
  /** From one that stays open. */
  readonly held: Outcome
}

interface Row {
  readonly name: string
  readonly wire: string
  readonly python: Outcomes
  /** Where it is read in another way: how, and the words in the documentation of `HttpLeniency.httpClient` that say so. */
  readonly ours?: Outcomes
  readonly said?: string
}

const read = (file: string) => fs.readFileSync(new URL(file, import.meta.url), "utf8")
const rows = JSON.parse(read("../fixtures/httpClientReads.json")) as ReadonlyArray<Row>

const outcome = (pieces: ReadonlyArray<Uint8Array>, eof: boolean): Outcome => {
  const { machine, seen } = run({ eof, leniency: HttpLeniency.httpClient }, pieces)
  // A connection with bytes behind its response has failed, and the response is complete.
  if (!machine.responseDone) return seen.some((event) => "error" in event) ? "refused" : "waits"
  const head = seen.flatMap((event) => "head" in event ? [event.head] : [])[0]
  if (head === undefined) throw new Error("a response that is complete has a head")
  return { ...head, body: seen.map((event) => "data" in event ? event.data : "").join("") }
}

const source = read("../../src/HttpLeniency.ts")
const end = source.indexOf("export const httpClient")
/** The comment before it, in one line. */
const documentation = source.slice(source.lastIndexOf("/**", end), end).replaceAll(/\s*\n \* ?\s*/g, " ")

describe("HttpLeniency.httpClient", () => {
  it.each(rows.filter(({ ours }) => ours === undefined))("reads as Python does: $name", ({ python, wire }) => {
    for (const [delivery, pieces] of deliveries(bytesOf(wire))) {
      expect({ closed: outcome(pieces, true), held: outcome(pieces, false) }, delivery).toEqual(python)
    }
  })

  it.each(rows.filter(({ ours }) => ours !== undefined))("reads in another way, and says so: $name", (row) => {
    for (const [delivery, pieces] of deliveries(bytesOf(row.wire))) {
      expect({ closed: outcome(pieces, true), held: outcome(pieces, false) }, delivery).toEqual(row.ours)
    }
    expect(row.ours).not.toEqual(row.python)
    expect(row.said).toMatch(/\w{3}/)
    expect(documentation).toContain(row.said)
  })

  it("lets no connection wait that Python does not let wait", () => {
    const waiting = rows.filter(({ ours, python }) => (ours ?? python).held === "waits" && python.held !== "waits")
    // What Python reads there is a length that two readers may see differently: see the documentation.
    expect(waiting.map(({ name }) => name)).toEqual([
      "a folded Content-Length",
      "a vertical tab behind a length",
      "a length with an underscore"
    ])
  })
})
