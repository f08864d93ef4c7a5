/**
 * The faults of a connection under test, and the policy that they are drawn from.
 *
 * Types and texts only; `faultPlan.ts` draws, `faultyTransport.ts` injects. Rule: a fault has a
 * place in the conversation and not in time. It then happens again regardless of how the network
 * splits and delays the bytes.
 */
import type * as Duration from "effect/Duration"
import type * as Transport from "../../Transport.ts"

/**
 * Where a fault happens. It happens when the byte at `offset`, or the end of the channel, is about
 * to pass. It never happens if neither is reached.
 */
export interface FaultPlace {
  /** The number of the attempt to open, from 0, in the order of the calls of `open`. */
  readonly connection: number
  /**
   * The number of the round, from 0. A round ends when the client writes after it has received
   * something: in HTTP/1.1 a round is a request and its response. Default: 0.
   */
  readonly round?: number | undefined
  /** The number of bytes of this direction that have passed in the round. Default: 0. */
  readonly offset?: number | undefined
}

/** The direction of a fault, as the client sees it. */
export type FaultDirection = "in" | "out"

interface Directed extends FaultPlace {
  /** `out` is the client's bytes. Default: `in`. */
  readonly direction?: FaultDirection | undefined
}

/** One fault. */
export type Fault =
  /** The connection is refused: `ConnectError` with `ECONNREFUSED`. */
  | { readonly kind: "refuse"; readonly connection: number }
  /** The name is not found: `DnsError` with `ENOTFOUND`. */
  | { readonly kind: "noAddress"; readonly connection: number }
  /** The connection takes this long to open; `Infinity` is until the limit of the client. */
  | { readonly kind: "slowOpening"; readonly connection: number; readonly millis: number }
  /**
   * The rest of the round arrives in pieces of at most `size` bytes, each in a separate poll of the
   * event loop. After 100 pieces the bytes arrive unchanged.
   */
  | (FaultPlace & { readonly kind: "split"; readonly size: number })
  /** Later bytes arrive after this time. */
  | (FaultPlace & { readonly kind: "delay"; readonly millis: number })
  /** The peer finishes sending, although there is more. The client's bytes still reach it. */
  | (FaultPlace & { readonly kind: "halfClose" })
  /**
   * The rest of the round is sent in pieces of at most `size` bytes with this time between them.
   * `write` returns `false`, and `drained` calls back after the last piece.
   */
  | (FaultPlace & { readonly kind: "slowWrite"; readonly size: number; readonly millis: number })
  /** The channel breaks with `ECONNRESET`, and later bytes are lost. */
  | (Directed & { readonly kind: "reset" })
  /** Nothing passes any more, without a report. The other direction continues. */
  | (Directed & { readonly kind: "stall" })
  /** The bits of `mask`, from 1 to 255, are flipped in this byte. */
  | (Directed & { readonly kind: "corrupt"; readonly mask: number })

/** A number, or a range from which one is drawn, with as many small numbers as large ones. */
export type Range<A> = A | readonly [least: A, most: A]

/** How often a fault of openings happens. */
export interface OpeningChance {
  /** For each attempt to open, from 0 to 1. */
  readonly probability: number
}

/** How often a fault happens, and where. */
export interface FaultChance {
  /** For each round of each connection, from 0 to 1. */
  readonly probability: number
  /**
   * The greatest offset in bytes. One fault in four is at offset 0, before anything has passed. Of
   * the others, small offsets are as many as large ones. Default: 1,024.
   */
  readonly within?: number | undefined
  /** The most faults on one connection. Default: no limit. */
  readonly most?: number | undefined
}

/** Like `FaultChance`, for faults in both directions. */
export interface DirectedChance extends FaultChance {
  /** Default: `in`. With `both` each fault is in one of the two. */
  readonly direction?: FaultDirection | "both" | undefined
}

type Chance<A> = number | A | undefined

/**
 * How often each kind of fault is drawn: a probability, or a record with more options. Default:
 * never.
 */
export interface FaultPolicy {
  /** A whole number. The same program with the same seed has the same faults. */
  readonly seed: number
  /**
   * Returns which connections have faults: by endpoint, or by number. Default: all of them. What it
   * throws is a defect of that opening.
   */
  readonly only?: ((endpoint: Transport.Endpoint, connection: number) => boolean) | undefined
  /** Openings that are refused. */
  readonly refusals?: Chance<OpeningChance> | undefined
  /** Openings whose name is not found. */
  readonly noAddress?: Chance<OpeningChance> | undefined
  /** Openings that take this `time`. Default: 10 milliseconds to 5 seconds. */
  readonly slowOpenings?:
    | Chance<OpeningChance & { readonly time?: Range<Duration.DurationInput> | undefined }>
    | undefined
  /** Responses in pieces of this `size` in bytes. Default: 1 to 512. */
  readonly splits?: Chance<FaultChance & { readonly size?: Range<number> | undefined }> | undefined
  /** Pauses of this `time`. Default: 1 millisecond to 1 second. */
  readonly delays?: Chance<FaultChance & { readonly time?: Range<Duration.DurationInput> | undefined }> | undefined
  /** Connections that break. */
  readonly resets?: Chance<DirectedChance> | undefined
  /** Connections that end early. */
  readonly halfClose?: Chance<FaultChance> | undefined
  /** Connections on which nothing passes any more. */
  readonly stalls?: Chance<DirectedChance> | undefined
  /** Bytes in which one bit is flipped. */
  readonly corrupt?: Chance<DirectedChance> | undefined
  /**
   * Requests that are sent in pieces of this `size` in bytes (default: 1 to 1,024), with this
   * `time` between them (default: 1 to 100 milliseconds).
   */
  readonly slowWrites?:
    | Chance<
      FaultChance & {
        readonly size?: Range<number> | undefined
        readonly time?: Range<Duration.DurationInput> | undefined
      }
    >
    | undefined
}

/** A transport with faults, and its record. */
export interface FaultyTransport extends Transport.Service {
  /** The faults that have happened, in order. */
  readonly injected: ReadonlyArray<Fault>
  /** The same as text: the seed, and a line for each fault. */
  readonly report: string
  /** The endpoints that the client connected to, one for each attempt, refused ones included. */
  readonly opened: ReadonlyArray<Transport.Endpoint>
  /** The number of channels that are open or being opened: 0 if nothing leaked. */
  readonly openCount: number
}

/** Returns the parameters of a fault. */
const details = (fault: Fault): string => {
  switch (fault.kind) {
    case "slowOpening":
    case "delay":
      return ` of ${fault.millis} ms`
    case "split":
      return `, in pieces of ${fault.size}`
    case "slowWrite":
      return `, in pieces of ${fault.size}, ${fault.millis} ms apart`
    case "corrupt":
      return `, mask ${fault.mask}`
    default:
      return ""
  }
}

/** Returns the direction of a fault. */
export const directionOf = (fault: Fault): FaultDirection =>
  fault.kind === "slowWrite" ? "out" : "direction" in fault ? fault.direction ?? "in" : "in"

/** Returns a fault in one line, for people. */
export const describeFault = (fault: Fault): string => {
  const place = "offset" in fault || "round" in fault
    ? `, round ${fault.round ?? 0}, byte ${fault.offset ?? 0} ${directionOf(fault)}`
    : ""
  return `connection ${fault.connection}${place}: ${fault.kind}${details(fault)}`
}
