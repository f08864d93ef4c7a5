/** `docs/benchmarks.md` out of the results: the targets, then a table and a plot for each scenario. Pure. */
import { judge, targets } from "../targets.ts"
import type { Environment, Result, Results } from "./results.ts"
import { markdownTable, resultTable, type Table } from "./table.ts"

/** Where the plots are, seen from the document. */
const plots = "benchmarks"

const day = (date: string): string => date.slice(0, 10)

const ours = "effect-http-client"

const facts = ({ cores, cpu, memory, node, server, system, versions }: Environment): Table => ({
  heads: ["what", "which"],
  rows: [
    ["processor", `${cpu}, ${cores} cores`],
    ["memory", memory],
    ["kernel", system],
    ["Node", node],
    ["server", server],
    ...Object.entries(versions).map(([name, version]) => [name.startsWith("undici in") ? name : `\`${name}\``, version])
  ],
  right: [false, false]
})

const targetTable = (results: Results): Table => ({
  heads: ["what", "target", "measured", "verdict"],
  rows: targets.map((target) => {
    const { bound, measured, verdict, what } = judge(results, target)
    return [what, bound, measured, verdict === "not met" ? "**not met**" : verdict]
  }),
  right: [false, true, true, false]
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

const section = (name: string, result: Result, top: Environment): string =>
  [
    `## ${name}: ${result.title}`,
    result.about,
    `The unit is ${result.unit.label}; ${result.unit.better} is better. ${circumstances(result, top)}`,
    markdownTable(resultTable(result)),
    `![${result.title}](${plots}/${name}.svg)`
  ].join("\n\n")

const intro = `# Benchmarks

This page and the files of \`benchmarks/\` are written by \`npm run bench\`: do not change them by hand.

\`\`\`sh
npm run bench             # everything, which takes long
npm run bench -- small    # the scenarios small-1, small-50 and small-500; only their sections change
npm run bench -- --list   # which scenarios there are
\`\`\``

const method = `## How it is measured

Each client runs in a process of its own, and all of a scenario take turns: in each round each runs once while the others are
idle, and the order changes from round to round, so that what changes on the machine meanwhile changes for all alike. One run
before warms up and does not count. Figures are medians over the rounds, with the quartiles as spread. CPU is the time that the
process of the client took on all its threads, kernel included, divided by what it did. Every response is checked. Every process has
the heap of a service (\`--initial-old-space-size=256 --no-memory-reducer\`): in the smallest one V8 collects everything again and again
while large bodies come, or does not, by luck (see [performance.md](performance.md#big-bodies-in-a-small-process)).

The ratio is to the median of the fastest peer of the scenario, and more than 1 is always better than that peer, whether the
unit is one of which more or less is better. The bare sockets are no peer but the limit: they write a request that is ready
and only look for the end of the response; their ratio stands in parentheses. Where one client is measured at several sizes, its figures are compared to that at the first.

What to keep in mind: client and server share one machine, so that the processor's caches and, where a client uses more than
a core, its time are shared too; there is no network, whose latency would hide most of the differences; a virtual machine has
noisy neighbours. Ratios of one run mean something, figures of two machines beside each other do not.`

/** The page, whose facts are those of the result that was measured last. */
export const benchmarksMarkdown = (results: Results): string => {
  const entries = Object.entries(results)
  const latest =
    entries.map(([, result]) => result).toSorted((a, b) => a.date < b.date ? 1 : a.date > b.date ? -1 : 0)[0]
  if (latest === undefined) return `${intro}\n\nNothing has been measured yet.\n`
  return `${
    [
      intro,
      `Last measured on ${day(latest.date)}, with:`,
      markdownTable(facts(latest.environment)),
      method,
      "## Targets",
      "Each is over medians of the scenarios below. Where there are several figures, all have to keep to the bound.",
      markdownTable(targetTable(results)),
      ...entries.map(([name, result]) => section(name, result, latest.environment))
    ].join("\n\n")
  }\n`
}
