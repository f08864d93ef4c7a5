/** Parsing response heads alone, without a socket: what a client pays for each response before anything else. */
import type * as HeadModule from "../../../src/internal/protocol/head.ts"
import type { Parser } from "../clients/heads.ts"
import { contender } from "../clients/heads.ts"
import type { Scenario } from "../scenario.ts"

/** As the build compiled it, before it became part of a chunk of `dist`: the package exports nothing internal. */
const headModule = (): Promise<typeof HeadModule> =>
  import(new URL("../../../.tmp/build/internal/protocol/head.js", import.meta.url).href) as Promise<typeof HeadModule>

const makeOurs = async (): Promise<Parser> => {
  const { HttpLeniency, HttpLimits } = await import("effect-http-client")
  const { HeadParser } = await headModule()
  const parser = new HeadParser(HttpLimits.defaults, HttpLeniency.strict)
  return {
    parse: (bytes) => {
      if (parser.scan(bytes, 0) !== bytes.length || parser.head === undefined) return 0
      // Ours are made into strings when somebody looks, those of the others at once: so look at all of them.
      const { fields: { names, values }, status } = parser.head
      return names.length === values.length ? status : 0
    },
    lines: () => parser.head?.fields ?? []
  }
}

const contenders = [
  { name: "HeadParser", side: "ours", make: makeOurs },
  { name: "llhttp (undici)", side: "peer", make: async () => (await import("../clients/llhttp.ts")).make() },
  { name: "HTTPParser (node:http)", side: "peer", make: async () => (await import("../clients/nodeParser.ts")).make() }
] as const

const scenario = (count: number, length: string): Scenario => ({
  name: `heads-${count}`,
  title: `Parsing heads of ${count} fields`,
  about:
    `Bytes of a whole head of ${count} fields (${length}) become status and fields as strings, without socket and body. `
    + "undici's llhttp and Node's are used as undici and node:http use them. That includes their object of headers.",
  unit: { label: "heads/s", better: "more", per: "head" },
  contenders: contenders.map((parser) => contender(parser, count))
})

export const scenarios: ReadonlyArray<Scenario> = [scenario(10, "some 380 bytes"), scenario(100, "some 3.7 KB")]
