/** `docs/benchmarks.md` out of the results: the targets, then the tables and the plots of each scenario. Pure. */
import { type Major, majors } from "../nodes.ts"
import { judge, type Target, targets } from "../targets.ts"
import type { Environment, Result, Results, ResultsByNode } from "./results.ts"
import { markdownTable, resultTable, type Table } from "./table.ts"

/** Where the plots are, seen from the document. */
const plots = "benchmarks"

/** The file of a plot. */
export const plotName = (scenario: string, node: Major): string => `${scenario}-node${node}.svg`

const day = (date: string): string => date.slice(0, 10)

const ours = "effect-http-client"

/** What differs between the environments of the Nodes is a row with a column for each. */
const facts = (environments: ReadonlyArray<Environment>): Table => {
  const rows = (environment: Environment): ReadonlyArray<readonly [string, string]> => {
    const { cores, cpu, memory, node, server, system, versions } = environment
    return [
      ["Node", node],
      ["processor", `${cpu}, ${cores} cores`],
      ["memory", memory],
      ["kernel", system],
      ["server", server],
      ...Object.entries(versions).map(([name, version]) =>
        [name.startsWith("undici in") ? name : `\`${name}\``, version] as const
      )
    ]
  }
  const all = environments.map((environment) => new Map(rows(environment)))
  const names = new Set(all.flatMap((one) => [...one.keys()]))
  return {
    heads: ["what", ...environments.map(({ node }) => `on Node ${Number.parseInt(node, 10)}`)],
    rows: [...names].map((name) => [name, ...all.map((one) => one.get(name) ?? "–")]),
    right: [false, ...environments.map(() => false)]
  }
}

const bases: Readonly<Record<Target["by"], string>> = {
  rate: "rate",
  time: "time",
  memory: "memory",
  processor: "CPU",
  p50: "p50"
}

/** The targets beside what was measured on each of these Nodes. */
export const targetTable = (all: ResultsByNode, nodes: ReadonlyArray<Major>): Table => ({
  heads: ["what", "by", ...nodes.flatMap((node) => [`Node ${node}: target`, "measured", "verdict"])],
  rows: targets.map((target) => [
    target.what,
    bases[target.by],
    ...nodes.flatMap((node) => {
      const { beside, bound, measured, verdict } = judge(all[node] ?? {}, target, node)
      const also = `${target.by === "processor" ? "rate" : "CPU"} ${beside}`
      return [
        bound,
        beside === "–" ? measured : `${measured} (${also})`,
        verdict === "not met" ? "**not met**" : verdict
      ]
    })
  ]),
  right: [false, false, ...nodes.flatMap(() => [true, true, false])]
})

/** All but our own version, which changes with each commit. */
const place = ({ versions, ...rest }: Environment): string => JSON.stringify({ ...rest, ...versions, [ours]: "" })

const seconds = (millis: number): string => millis % 1000 === 0 ? `${millis / 1000} s` : `${millis} ms`

/** When, how often, and, where it is not what stands at the top of the page, on what. */
const circumstances = ({ date, environment, fresh, millis, rounds }: Result, top: Environment): string => {
  const often = fresh
    ? `${rounds} rounds, each run in a new process`
    : `${rounds} rounds, runs of about ${seconds(millis)}`
  const first = `Measured on ${day(date)} with ${ours} ${
    environment.versions[ours] ?? "of an unknown version"
  }, ${often}.`
  if (place(environment) === place(top)) return first
  const { cores, cpu, node, server, system, versions } = environment
  const others = Object.entries(versions).filter(([name]) => name !== ours).map(([name, version]) =>
    `${name} ${version}`
  )
  return `${first} That was not on what is said above but on: ${
    [`${cpu}, ${cores} cores`, system, `Node ${node}`, server, ...others].join("; ")
  }.`
}

/** A scenario on one Node. */
const part = (name: string, node: Major, result: Result, top: Environment): string =>
  [
    `### ${name} on Node ${node}, undici ${result.environment.versions["undici"] ?? "of an unknown version"}`,
    circumstances(result, top),
    markdownTable(resultTable(result)),
    `![${result.title} on Node ${node}](${plots}/${plotName(name, node)})`
  ].join("\n\n")

const section = (name: string, all: ResultsByNode, tops: Tops): string => {
  const parts = majors.flatMap((node) => {
    const result = all[node]?.[name]
    const top = tops.get(node)
    return result === undefined || top === undefined ? [] : [{ result, text: part(name, node, result, top) }]
  })
  const [first] = parts
  if (first === undefined) return ""
  const { about, title, unit } = first.result
  return [
    `## ${name}: ${title}`,
    about,
    `The unit is ${unit.label}; ${unit.better} is better.`,
    ...parts.map(({ text }) => text)
  ].join("\n\n")
}

const intro = `# Benchmarks

This page and the files of \`benchmarks/\` are written by \`npm run bench\`: do not change them by hand.

\`\`\`sh
npm run bench                        # everything on both Nodes, which takes hours
npm run bench -- small --node 24     # the scenarios small-1, small-50 and small-500 on Node 24; only their sections change
npm run bench -- --targets           # what the targets compare and no more; prints the table of targets, and writes no report
npm run bench -- --quick             # everything with fewer and shorter runs
npm run bench -- --list              # which scenarios there are
\`\`\`

It measures on Node 20 with undici 7, and on Node 24 with undici 8. npm fetches a Node that is missing into \`.tmp/nodes\`, or
\`BENCH_NODE_20\` and \`BENCH_NODE_24\` have the paths of binaries.`

const method = `## How it is measured

Each client runs in a process of its own, and all of a scenario take turns: in each round each runs once while the others are
idle, and the order changes from round to round, so that what changes on the machine in the meantime changes for all alike. One run
before warms up and does not count. Figures are medians over the rounds, with the quartiles as spread. CPU is the time that the
process of the client took on all its threads, kernel included, divided by what it did. p50 and p99 are the latencies that half and 99 of
100 requests of a run keep to, from the moment a loop asks until it has the whole body, its time in a queue included. Every response is
checked. Every process has
the heap of a service (\`--initial-old-space-size=256 --no-memory-reducer\`): in the smallest one V8 collects everything again and again
while large bodies come, or does not, by luck (see [performance.md](performance.md#big-bodies-in-a-small-process)).

The ratio is to the median of the fastest peer of the scenario, and more than 1 is always better than that peer, whether the
unit is one of which more or less is better. The bare sockets are no peer but the limit: they write a request that is ready
and only look for the end of the response; their ratio stands in parentheses. Where one client is measured at several sizes, its figures are compared to that at the first.

\`undici Pool.request\` and \`undici request\`, which has an \`Agent\`, are the two faces of undici 7 or 8. The platform's undici layer is
over undici 7 on both Nodes, because that is its dependency. \`fetch\` is Node's own, over an \`Agent\` of undici 7, because it does not
take that of undici 8.

What to keep in mind: client and server share one machine, so that the processor's caches and, where a client uses more than
a core, its time are shared too; there is no network, whose latency would hide most of the differences; a virtual machine has
noisy neighbours. Ratios of one run mean something, figures of two machines beside each other do not, nor do those of the two Nodes: each was
measured by itself.`

const targetsText = `## Targets

Each compares medians of one run on one Node. Undici's fastest face is the better of the two in that run, by the same measure.

"By" says what a verdict rests on: the rate if both clients keep a core busy, so that the rate is their own; the processor's time (CPU) if the
rate depends on how long a client waits for the server; p50 for latency. The same by the other measure stands in parentheses.`

const budgets =
  `The operations of the Effect runtime for a pooled GET with \`text\` have a target too: at most 12, and at most 14
through the platform's client untraced. They do not depend on a machine, so tests count them (\`test/**/budget.test.ts\`).`

type Tops = ReadonlyMap<Major, Environment>

/** The environment of what was measured last. */
const topOf = (results: Results): Result | undefined =>
  Object.values(results).toSorted((a, b) => a.date < b.date ? 1 : a.date > b.date ? -1 : 0)[0]

/** The page, whose facts are those of the result that was measured last on each Node. */
export const benchmarksMarkdown = (all: ResultsByNode): string => {
  const latest = majors.flatMap((node) => {
    const top = topOf(all[node] ?? {})
    return top === undefined ? [] : [{ node, top }]
  })
  if (latest.length === 0) return `${intro}\n\nNothing has been measured yet.\n`
  const tops: Tops = new Map(latest.map(({ node, top }) => [node, top.environment]))
  const names = new Set(latest.flatMap(({ node }) => Object.keys(all[node] ?? {})))
  const dates = latest.map(({ node, top }) => `on ${day(top.date)} on Node ${node}`).join(" and ")
  return `${
    [
      intro,
      `Last measured ${dates}, with:`,
      markdownTable(facts(latest.map(({ top }) => top.environment))),
      method,
      targetsText,
      markdownTable(targetTable(all, majors)),
      budgets,
      ...[...names].map((name) => section(name, all, tops))
    ].join("\n\n")
  }\n`
}
