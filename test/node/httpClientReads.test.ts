/** What the table of `HttpLeniency.httpClient` says of Python is what the Python that is installed does. */
import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describeWith } from "../fixtures/children.ts"

const script = fileURLToPath(new URL("../fixtures/httpClientReads.py", import.meta.url))

interface Row {
  readonly name: string
  readonly wire: string
  readonly python: unknown
}

const rows = JSON.parse(
  readFileSync(new URL("../fixtures/httpClientReads.json", import.meta.url), "utf8")
) as ReadonlyArray<Row>

const ask = (path: string, wires: ReadonlyArray<string>): Promise<ReadonlyArray<unknown>> =>
  new Promise((resolve, reject) => {
    const child = execFile(path, [script], (error, stdout) => {
      if (error === null) resolve(JSON.parse(stdout))
      else reject(error)
    })
    child.stdin?.end(JSON.stringify(wires))
  })

describeWith("python3", (path) => {
  describe("the table of HttpLeniency.httpClient", () => {
    it("says what http.client does with each response", { timeout: 60_000 }, async () => {
      const results = await ask(path, rows.map(({ wire }) => wire))
      assert.deepStrictEqual(
        rows.map(({ name }, i) => ({ name, python: results[i] })),
        rows.map(({ name, python }) => ({ name, python }))
      )
    })
  })
})
