/** What `npm run bench -- ...` is asked for. Pure. */
import { parseArgs } from "node:util"
import { type Major, majors } from "./nodes.ts"
import type { Scenario } from "./scenario.ts"
import { targets } from "./targets.ts"

export interface Arguments {
  /** Those that were named, or all. */
  readonly scenarios: ReadonlyArray<Scenario>
  /** The Nodes to measure on; none if none was named, which means all of them. */
  readonly nodes: ReadonlyArray<Major>
  readonly smoke: boolean
  /** Whether the report is written: not by a run that judges nothing, nor by one that leaves contenders out. */
  readonly write: boolean
  readonly rounds: number | undefined
  readonly millis: number | undefined
  /** How long the first run of a process takes at least, in milliseconds. */
  readonly warmUp: number
  /** Instead of running: what there is, or the report made again from the samples that are there. */
  readonly instead: "list" | "render" | undefined
}

export const usage = `npm run bench -- [NAME ...] [option ...]

NAME           a scenario, or the part before a hyphen that several begin with; all where none is given
--list         says which scenarios there are
--node N       only on Node N, 20 or 24, also as several --node; both if it is left out
--targets      only the scenarios and contenders that the targets compare; writes no report
--quick        three rounds of half a second after a shorter warm-up
--smoke        runs everything once and briefly, to show that it works, on the Nodes that are at hand; writes no report
--rounds N     how often each contender runs
--millis N     how long each run takes
--only A,B     only these contenders, also as several --only; writes no report
--dry          writes no report
--render       runs nothing: writes the page and the plots again from the samples that are there`

/** Whether this is the name of the scenario or that of its family. */
const selects = (wanted: string) => ({ name }: Scenario): boolean => name === wanted || name.startsWith(`${wanted}-`)

const read = (argv: ReadonlyArray<string>) =>
  parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      list: { type: "boolean", default: false },
      node: { type: "string", multiple: true, default: [] },
      targets: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      smoke: { type: "boolean", default: false },
      dry: { type: "boolean", default: false },
      render: { type: "boolean", default: false },
      rounds: { type: "string" },
      millis: { type: "string" },
      only: { type: "string", multiple: true }
    }
  })

const isMajor = (text: string): text is Major => majors.some((major) => major === text)

/** True if a target compares this contender of the scenario. */
const isCompared = (scenario: string, contender: string): boolean =>
  targets.some(({ other, ours }) =>
    [ours, other].some((place) => place?.scenario === scenario && place.contenders.includes(contender))
  )

/** The scenarios with those contenders alone, without those that have none left. */
const keep = (
  scenarios: ReadonlyArray<Scenario>,
  isKept: (scenario: string, contender: string) => boolean
): ReadonlyArray<Scenario> =>
  scenarios
    .map((one) => ({ ...one, contenders: one.contenders.filter(({ name }) => isKept(one.name, name)) }))
    .filter(({ contenders }) => contenders.length > 0)

/** What is asked for, or a sentence that says why it cannot be done. */
export const parse = (argv: ReadonlyArray<string>, all: ReadonlyArray<Scenario>): Arguments | string => {
  let parsed: ReturnType<typeof read>
  try {
    parsed = read(argv)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  const { positionals, values } = parsed

  const unknown = positionals.find((wanted) => !all.some(selects(wanted)))
  if (unknown !== undefined) return `There is no scenario named ${unknown}: --list says which there are.`
  const named = positionals.length === 0 ? all : all.filter((one) => positionals.some((wanted) => selects(wanted)(one)))

  for (const option of ["rounds", "millis"] as const) {
    const text = values[option]
    if (text === undefined || /^[1-9]\d*$/.test(text)) continue
    return `--${option} wants a whole number from 1 on, not ${text}.`
  }
  const noNode = values.node.find((text) => !isMajor(text))
  if (noNode !== undefined) return `--node wants one of ${majors.join(", ")}, not ${noNode}.`

  const isContender = (name: string): boolean =>
    named.some(({ contenders }) => contenders.some((one) => one.name === name))
  // Some names have a comma in them.
  const only = values.only?.flatMap((text) => isContender(text) ? [text] : text.split(","))
  const stranger = only?.find((name) => !isContender(name))
  if (stranger !== undefined) return `None of these scenarios has a contender named ${stranger}.`
  const scenarios = keep(
    named,
    (scenario, name) => (only?.includes(name) ?? true) && (!values.targets || isCompared(scenario, name))
  )
  const quick = values.quick ? { rounds: 3, millis: 500, warmUp: 1000 } : undefined
  return {
    scenarios,
    nodes: majors.filter((major) => values.node.includes(major)),
    smoke: values.smoke,
    write: !values.smoke && !values.dry && !values.targets && only === undefined,
    rounds: values.rounds === undefined ? quick?.rounds : Number(values.rounds),
    millis: values.millis === undefined ? quick?.millis : Number(values.millis),
    // Code of many small functions takes V8 some seconds to compile.
    warmUp: quick?.warmUp ?? 2500,
    instead: values.list ? "list" : values.render ? "render" : undefined
  }
}
