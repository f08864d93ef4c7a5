/**
 * The faults of a connection: drawn from a policy, or taken from a list.
 *
 * Injects nothing. Rule: a draw depends on the seed, the connection, the round and the kind alone.
 * So it depends neither on time nor on other connections, and a policy with one kind less draws the
 * same faults of the other kinds.
 */
import * as Duration from "effect/Duration"
import type * as Transport from "../../Transport.ts"
import type { DirectedChance, Fault, FaultChance, FaultDirection, FaultPolicy, OpeningChance, Range } from "./faults.ts"
import { directionOf } from "./faults.ts"

/** A fault of an opening, which has no place in the conversation. */
export type OpeningFault = Extract<Fault, { readonly kind: "refuse" | "noAddress" | "slowOpening" }>

/** A fault of an open connection, with its whole place. */
export type RoundFault = Exclude<Fault, OpeningFault> & Place

interface Place {
  readonly connection: number
  readonly round: number
  readonly offset: number
}

/** The faults of a round, by direction and in the order of their offsets. */
export interface Round {
  readonly in: ReadonlyArray<RoundFault>
  readonly out: ReadonlyArray<RoundFault>
}

/** The faults of a connection. */
export interface ConnectionPlan {
  readonly opening: ReadonlyArray<OpeningFault>
  /** `injected` is the number of faults of a kind that the connection has had. */
  readonly round: (round: number, injected: (kind: Fault["kind"]) => number) => Round
}

/** The faults of all connections. */
export type Plan = (connection: number, endpoint: Transport.Endpoint) => ConnectionPlan

const noRound: Round = { in: [], out: [] }

const noFaults: ConnectionPlan = { opening: [], round: () => noRound }

/**
 * The order in which faults at the same offset happen: a fault that ends the connection is the
 * last.
 */
const order: ReadonlyArray<Fault["kind"]> = ["slowWrite", "split", "delay", "corrupt", "stall", "halfClose", "reset"]

const sorted = (faults: ReadonlyArray<RoundFault>): Round => {
  if (faults.length === 0) return noRound
  const inOrder = [...faults].sort((a, b) => a.offset - b.offset || order.indexOf(a.kind) - order.indexOf(b.kind))
  return {
    in: inOrder.filter((fault) => directionOf(fault) === "in"),
    out: inOrder.filter((fault) => directionOf(fault) === "out")
  }
}

// --- drawing

type Draw = () => number

/** Returns numbers from 0 to 1 that depend on these four (mulberry32 over a hash of FNV-1a). */
const generator = (...parts: ReadonlyArray<number>): Draw => {
  let state = 0x811c9dc5
  for (const part of parts) {
    for (const word of [part | 0, Math.floor(part / 2 ** 32) | 0]) {
      for (let byte = 0; byte < 4; byte++) state = Math.imul(state ^ ((word >>> (8 * byte)) & 0xff), 0x01000193)
    }
  }
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Returns a whole number of the range. Each order of magnitude is as likely as every other. */
const between = (draw: Draw, [least, most]: readonly [number, number]): number =>
  most === Infinity || least === most
    ? most
    : Math.min(most, Math.floor((least + 1) * ((most + 2) / (least + 1)) ** draw()) - 1)

const offsetWithin = (draw: Draw, within: number): number =>
  draw() < 0.25 || within === 0 ? 0 : between(draw, [1, within])

// --- reading of a policy

const fail = (name: string, problem: string): never => {
  throw new RangeError(`TestTransport.faults: ${name} ${problem}.`)
}

const numberIn = (name: string, value: unknown, least: number, most: number): number =>
  typeof value === "number" && value >= least && value <= most
    ? value
    : fail(name, `must be a number from ${least} to ${most}, and not ${String(value)}`)

const wholeIn = (name: string, value: unknown, least: number, most = Number.MAX_SAFE_INTEGER): number =>
  Number.isInteger(numberIn(name, value, least, most)) ? value as number : fail(name, "must be a whole number")

/** Returns the least and the most, which `read` converts to numbers. */
const rangeOf = <A>(
  name: string,
  range: Range<A> | undefined,
  standard: readonly [number, number],
  read: (value: A) => number
): readonly [number, number] => {
  if (range === undefined) return standard
  const [least, most] = Array.isArray(range) ? range : [range, range]
  const read2 = [read(least), read(most)] as const
  return read2[0] <= read2[1] ? read2 : fail(name, "must not begin with the larger of its two values")
}

const millisIn = (name: string) => (value: Duration.DurationInput): number => {
  const duration = Duration.decodeUnknown(value)
  return duration._tag === "Some" ? Duration.toMillis(duration.value) : fail(name, "must be a duration")
}

/** Returns the common part of all chances, or `undefined` if the fault never happens. */
const chanceOf = <A extends OpeningChance & Partial<DirectedChance>>(name: string, given: number | A | undefined) => {
  if (given === undefined) return undefined
  const chance: Partial<A> & OpeningChance = typeof given === "object" && given !== null
    ? given
    : { probability: given } as Partial<A> & OpeningChance
  const { direction, most, probability, within } = chance
  if (direction !== undefined && !["in", "out", "both"].includes(direction)) {
    return fail(`${name}.direction`, "must be \"in\", \"out\" or \"both\"")
  }
  return {
    ...chance,
    probability: numberIn(name === "" ? "" : `${name}.probability`, probability, 0, 1),
    within: within === undefined ? 1024 : wholeIn(`${name}.within`, within, 0),
    most: most === undefined || most === Infinity ? Infinity : wholeIn(`${name}.most`, most, 0)
  }
}

type OpeningMaker = (draw: Draw, connection: number) => OpeningFault
type RoundMaker = (draw: Draw, place: Place, direction: FaultDirection) => RoundFault

/** One kind of fault of a policy. */
interface Kind<Make> {
  readonly kind: Fault["kind"]
  readonly number: number
  readonly probability: number
  readonly within: number
  readonly most: number
  readonly direction: FaultDirection | "both"
  readonly make: Make
}

/**
 * Reads the kinds of a policy. Their numbers are part of the meaning of a seed, so they must not
 * change.
 */
const kindsOf = (policy: FaultPolicy) => {
  const opening: Array<Kind<OpeningMaker>> = []
  const rounds: Array<Kind<RoundMaker>> = []
  const add = <Make>(
    kinds: Array<Kind<Make>>,
    kind: Fault["kind"],
    number: number,
    chance: ReturnType<typeof chanceOf<FaultChance & DirectedChance>>,
    make: Make
  ): void => {
    if (chance !== undefined) kinds.push({ ...chance, kind, number, direction: chance.direction ?? "in", make })
  }
  const times = (name: "slowOpenings" | "delays" | "slowWrites", least: number, most: number) => {
    const given = policy[name]
    const time = typeof given === "object" ? given.time : undefined
    return rangeOf(`${name}.time`, time, [least, most], millisIn(`${name}.time`))
  }
  const sizes = (name: "splits" | "slowWrites", most: number) => {
    const given = policy[name]
    const size = typeof given === "object" ? given.size : undefined
    return rangeOf(`${name}.size`, size, [1, most], (value) => wholeIn(`${name}.size`, value, 1))
  }
  const openingTime = times("slowOpenings", 10, 5000)
  add(opening, "slowOpening", 3, chanceOf("slowOpenings", policy.slowOpenings), (draw, connection) => ({
    kind: "slowOpening",
    connection,
    millis: between(draw, openingTime)
  }))
  add(opening, "refuse", 1, chanceOf("refusals", policy.refusals), (_, connection) => ({ kind: "refuse", connection }))
  add(
    opening,
    "noAddress",
    2,
    chanceOf("noAddress", policy.noAddress),
    (_, connection) => ({ kind: "noAddress", connection })
  )
  const splitSize = sizes("splits", 512)
  add(rounds, "split", 4, chanceOf("splits", policy.splits), (draw, place) => ({
    kind: "split",
    ...place,
    size: between(draw, splitSize)
  }))
  const delayTime = times("delays", 1, 1000)
  add(rounds, "delay", 5, chanceOf("delays", policy.delays), (draw, place) => ({
    kind: "delay",
    ...place,
    millis: between(draw, delayTime)
  }))
  add(
    rounds,
    "reset",
    6,
    chanceOf("resets", policy.resets),
    (_, place, direction) => ({ kind: "reset", ...place, direction })
  )
  add(rounds, "halfClose", 7, chanceOf("halfClose", policy.halfClose), (_, place) => ({ kind: "halfClose", ...place }))
  add(
    rounds,
    "stall",
    8,
    chanceOf("stalls", policy.stalls),
    (_, place, direction) => ({ kind: "stall", ...place, direction })
  )
  add(rounds, "corrupt", 9, chanceOf("corrupt", policy.corrupt), (draw, place, direction) => ({
    kind: "corrupt",
    ...place,
    direction,
    mask: 1 << Math.floor(draw() * 8)
  }))
  const writeSize = sizes("slowWrites", 1024)
  const writeTime = times("slowWrites", 1, 100)
  add(rounds, "slowWrite", 10, chanceOf("slowWrites", policy.slowWrites), (draw, place) => ({
    kind: "slowWrite",
    ...place,
    size: between(draw, writeSize),
    millis: between(draw, writeTime)
  }))
  return { opening, rounds }
}

/** Reads a policy; throws `RangeError`. */
const drawn = (policy: FaultPolicy): Plan => {
  const seed = wholeIn("seed", policy.seed, Number.MIN_SAFE_INTEGER)
  const { opening, rounds } = kindsOf(policy)
  const only = policy.only
  return (connection, endpoint) => {
    if (only !== undefined && !only(endpoint, connection)) return noFaults
    return {
      opening: opening.flatMap(({ make, number, probability }) => {
        const draw = generator(seed, connection, 0, number)
        return draw() < probability ? [make(draw, connection)] : []
      }),
      round: (round, injected) =>
        sorted(rounds.flatMap(({ direction, kind, make, most, number, probability, within }) => {
          const draw = generator(seed, connection, round, number)
          if (draw() >= probability || injected(kind) >= most) return []
          const offset = offsetWithin(draw, within)
          const side = direction === "both" ? (draw() < 0.5 ? "in" : "out") : direction
          return [make(draw, { connection, round, offset }, side)]
        }))
    }
  }
}

// --- a list of faults

const isOpening = (fault: Fault): fault is OpeningFault =>
  fault.kind === "refuse" || fault.kind === "noAddress" || fault.kind === "slowOpening"

const checked = (fault: Fault, index: number): Fault => {
  const name = `fault ${index}`
  wholeIn(`${name}.connection`, fault.connection, 0)
  if (!isOpening(fault)) {
    if (!order.includes(fault.kind)) return fail(`${name}.kind`, "is unknown")
    wholeIn(`${name}.round`, fault.round ?? 0, 0)
    wholeIn(`${name}.offset`, fault.offset ?? 0, 0)
  }
  if ("size" in fault) wholeIn(`${name}.size`, fault.size, 1)
  if ("millis" in fault) numberIn(`${name}.millis`, fault.millis, 0, Infinity)
  if ("mask" in fault) wholeIn(`${name}.mask`, fault.mask, 1, 255)
  return fault
}

const listed = (faults: ReadonlyArray<Fault>): Plan => {
  const all = faults.map(checked)
  return (connection) => {
    const here = all.filter((fault) => fault.connection === connection)
    const places = here.flatMap((fault) =>
      isOpening(fault) ? [] : [{ ...fault, round: fault.round ?? 0, offset: fault.offset ?? 0 }]
    )
    return {
      opening: here.filter(isOpening),
      round: (round) => sorted(places.filter((fault) => fault.round === round))
    }
  }
}

/** Reads a policy or a list of faults; throws `RangeError` if it is invalid. */
export const planOf = (policy: FaultPolicy | ReadonlyArray<Fault>): Plan =>
  Array.isArray(policy) ? listed(policy as ReadonlyArray<Fault>) : drawn(policy as FaultPolicy)
