/** What `npm run bench -- ...` is asked for. Pure. */
import { parseArgs } from "node:util"
import type { Scenario } from "./scenario.ts"

export interface Arguments {
  /** Those that were named, or all. */
  readonly scenarios: ReadonlyArray<Scenario>
  readonly smoke: boolean
  /** Whether the report is written: not by a run that judges nothing, nor by one that leaves contenders out. */
  readonly write: boolean
  readonly rounds: number | undefined
  readonly millis: number | undefined
  /** Instead of running: what there is, or the report made anew from the samples that are there. */
  readonly instead: "list" | "render" | undefined
}

export const usage = `npm run bench -- [NAME ...] [option ...]

NAME           a scenario, or the part before a hyphen that several begin with; all where none is given
--list         says which scenarios there are
--smoke        runs everything once and briefly, to show that it works; writes no report
--rounds N     how often each contender runs
--millis N     how long each run takes
--only A,B     only these contenders, also as several --only; writes no report
--dry          writes no report
--render       runs nothing: writes the page and the plots anew from the samples that are there`

/** Whether this is the name of the scenario or that of its family. */
const selects = (wanted: string) => ({ name }: Scenario): boolean => name === wanted || name.startsWith(`${wanted}-`)

const read = (argv: ReadonlyArray<string>) =>
  parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      list: { type: "boolean", default: false },
      smoke: { type: "boolean", default: false },
      dry: { type: "boolean", default: false },
      render: { type: "boolean", default: false },
      rounds: { type: "string" },
      millis: { type: "string" },
      only: { type: "string", multiple: true }
    }
  })

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
  const isContender = (name: string): boolean =>
    named.some(({ contenders }) => contenders.some((one) => one.name === name))
  // Some names have a comma in them.
  const only = values.only?.flatMap((text) => isContender(text) ? [text] : text.split(","))
  const stranger = only?.find((name) => !isContender(name))
  if (stranger !== undefined) return `None of these scenarios has a contender named ${stranger}.`
  const scenarios = only === undefined
    ? named
    : named.map((one) => ({ ...one, contenders: one.contenders.filter(({ name }) => only.includes(name)) }))

  return {
    scenarios: scenarios.filter(({ contenders }) => contenders.length > 0),
    smoke: values.smoke,
    write: !values.smoke && !values.dry && only === undefined,
    rounds: values.rounds === undefined ? undefined : Number(values.rounds),
    millis: values.millis === undefined ? undefined : Number(values.millis),
    instead: values.list ? "list" : values.render ? "render" : undefined
  }
}
