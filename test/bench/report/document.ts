/** `docs/benchmarks.md`, made from the results: the targets, then the tables and the plots of each scenario. Pure. */
import { type Major, majors } from "../nodes.ts"
import { judge, type Target, targets } from "../targets.ts"
import type { Environment, Result, Results, ResultsByNode } from "./results.ts"
import { markdownTable, resultTable, type Table } from "./table.ts"

/** Where the plots are, seen from the document. */
const plots = "benchmarks"

/** The file of a plot. */
export const plotName = (scenario: string, node: Major): string => `${scenario}-node${node}.svg`

/** The width of a line of the page. */
const columns = 100

/** A paragraph or an item in lines of the page, as dprint wraps it. */
const wrapped = (text: string): string => {
  const lines = [""]
  for (const word of text.split(" ")) {
    const last = lines.at(-1) ?? ""
    if (last === "") lines[lines.length - 1] = word
    else if (last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines.join("\n")
}

/** Some columns of a table, by their heads. */
const only = ({ heads, right, rows }: Table, wanted: (head: string) => boolean): Table => {
  const kept = heads.flatMap((head, index) => wanted(head) ? [index] : [])
  const pick = <A>(cells: ReadonlyArray<A>): ReadonlyArray<A> => cells.filter((_, index) => kept.includes(index))
  return { heads: pick(heads), rows: rows.map((row) => pick(row)), right: pick(right) }
}

/** The columns of a scenario that need not be beside the result. */
const isDetail = (head: string): boolean => head === "quartiles" || head.startsWith("p50") || head.startsWith("p99")

const day = (date: string): string => date.slice(0, 10)

const ours = "effect-http-client"

/** Without the build of Firecracker's kernel, which differs from one virtual machine to the next although nothing else does. */
const withoutBuild = ({ system, ...rest }: Environment): Environment => ({
  ...rest,
  system: system.replace(/-fc-v\d+/, "")
})

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
  const all = environments.map((environment) => new Map(rows(withoutBuild(environment))))
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

/** The targets of one Node. What a verdict depends on is behind the name. */
const targetsOn = (all: ResultsByNode, node: Major): string => {
  const { rows } = targetTable(all, [node])
  return [
    `### Targets on Node ${node}`,
    markdownTable({
      heads: ["what", "target", "measured", "verdict"],
      rows: rows.map(([what, by, ...cells]) => [`${what}, by ${by}`, ...cells]),
      right: [false, true, true, false]
    })
  ].join("\n\n")
}

/** All but our own version, which changes with each commit. */
const place = (environment: Environment): string => {
  const { versions, ...rest } = withoutBuild(environment)
  // The order of the names is that of the list at the time, and says nothing.
  const named = Object.entries({ ...rest, ...versions, [ours]: "" })
  return JSON.stringify(named.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

const seconds = (millis: number): string => millis % 1000 === 0 ? `${millis / 1000} s` : `${millis} ms`

/** When and how often it was measured. Also on what, if that differs from the top of the page. */
const circumstances = ({ date, environment, fresh, millis, rounds }: Result, top: Environment): string => {
  const often = fresh
    ? `${rounds} rounds, each run in a new process`
    : `${rounds} rounds, runs of about ${seconds(millis)}`
  const first = `Measured on ${day(date)} with ${ours} ${
    environment.versions[ours] ?? "of an unknown version"
  }, ${often}.`
  if (place(environment) === place(top)) return first
  const { cores, cpu, node, server, system, versions } = withoutBuild(environment)
  const others = Object.entries(versions).filter(([name]) => name !== ours).map(([name, version]) =>
    `${name} ${version}`
  )
  return `${first} The machine and versions were not those above, but: ${
    [`${cpu}, ${cores} cores`, system, `Node ${node}`, server, ...others].join("; ")
  }.`
}

/** The result of a scenario, and the spread and the latencies of it. Each is narrow enough for a page. */
const resultTables = (result: Result): string => {
  const table = resultTable(result)
  return [
    only(table, (head) => !isDetail(head)),
    only(table, (head) => head === table.heads[0] || isDetail(head))
  ].map(markdownTable).join("\n\n")
}

/** A scenario on one Node. */
const part = (name: string, node: Major, result: Result, top: Environment): string =>
  [
    `### ${name} on Node ${node}, undici ${result.environment.versions["undici"] ?? "of an unknown version"}`,
    wrapped(circumstances(result, top)),
    resultTables(result),
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
    wrapped(about),
    `The unit is ${unit.label}; ${unit.better} is better.`,
    ...parts.map(({ text }) => text)
  ].join("\n\n")
}

const intro = `# Benchmarks

This page and the files of \`benchmarks/\` are written by \`npm run bench\`: do not change them by hand.

\`\`\`sh
# Everything on both Nodes, which takes hours:
npm run bench
# The scenarios small-1, small-50 and small-500 on Node 24; only their sections change:
npm run bench -- small --node 24
# Only what the targets compare; prints the table of targets, and writes no report:
npm run bench -- --targets
# Everything with fewer and shorter runs:
npm run bench -- --quick
# Lists the scenarios:
npm run bench -- --list
\`\`\`

${
  wrapped(
    "Node 20 is measured with undici 7, and Node 24 with undici 8. npm downloads a missing Node into `.tmp/nodes`, unless "
      + "`BENCH_NODE_20` and `BENCH_NODE_24` contain the paths of binaries."
  )
}`

const method = [
  "## How it is measured",
  "Each client runs in a separate process, and all clients of a scenario take turns. In each round each of them runs once while "
  + "the others are idle. The order changes from round to round, so that changes of the machine affect all alike. One earlier run "
  + "warms up and does not count. Every response is checked.",
  "Figures are medians over the rounds, with the quartiles as spread. CPU is the processor time of the client's process, on all "
  + "threads and including the kernel, divided by its work. p50 and p99 are latencies that half and 99 of 100 requests do not "
  + "exceed. A latency runs from the moment at which a loop asks until it has the whole body, and includes the queue.",
  "Every process has the heap of a service (`--initial-old-space-size=256 --no-memory-reducer`). In the smallest heap V8 "
  + "may or may not collect everything again and again while large bodies arrive: see "
  + "[performance.md](performance.md#big-bodies-in-a-small-process).",
  "The ratio compares with the median of the fastest peer of the scenario. More than 1 is always better than that peer, "
  + "whether more or less of the unit is better. The bare sockets are not a peer but the limit. They write a prepared request and "
  + "only look for the end of the response; their ratio is in parentheses. If one client is measured at several sizes, its figures "
  + "are compared with the first size.",
  "`undici Pool.request` and `undici request`, which has an `Agent`, are APIs of undici 7 or 8. The platform's undici "
  + "layer uses undici 7 on both Nodes, because that is its dependency. `fetch` is Node's own, over an `Agent` of undici 7, "
  + "because it does not accept that of undici 8.",
  "Client and server share one machine, and therefore the caches of the processor. If a client uses more than a core, they also "
  + "share its time. There is no network, whose latency would hide most of the differences. A virtual machine has noisy neighbours. "
  + "Compare figures of one run only: neither those of two machines nor those of the two Nodes, which were measured separately."
].map(wrapped).join("\n\n")

const targetsText = [
  "## Targets",
  "Each target compares medians of one run on one Node. Undici's fastest face is the better one in that run, by the same measure.",
  "The verdict depends on the rate if both clients keep a core busy, so that the rate is their own. It depends on the processor "
  + "time (CPU) if the rate depends on how long a client waits for the server, and on p50 for latency. The other measure is in "
  + "parentheses."
].map(wrapped).join("\n\n")

const budgets = wrapped(
  "The operations of the Effect runtime for a pooled GET with `text` have a target too: at most 12, and at most 14 through the "
    + "platform's client untraced. They do not depend on a machine, so tests count them (`test/**/budget.test.ts`)."
)

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
      ...majors.map((node) => targetsOn(all, node)),
      budgets,
      ...[...names].map((name) => section(name, all, tops))
    ].join("\n\n")
  }\n`
}
