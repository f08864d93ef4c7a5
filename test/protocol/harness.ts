/**
 * Runs wires through the machine in every delivery: whole, byte by byte, split in two at every offset, and with bytes behind.
 *
 * Each piece lies inside a larger buffer, as a socket's does, and is overwritten as soon as the machine has been asked for all
 * its events: a view that is kept, or an offset that is off, changes what comes out.
 */
import { describe, expect, it } from "vitest"
import * as HttpFields from "../../src/HttpFields.ts"
import * as HttpLeniency from "../../src/HttpLeniency.ts"
import * as HttpLimits from "../../src/HttpLimits.ts"
import type { Framing } from "../../src/internal/protocol/framing.ts"
import type { ResponseHead } from "../../src/internal/protocol/head.ts"
import type { Event, RequestFacts } from "../../src/internal/protocol/machine.ts"
import { Machine } from "../../src/internal/protocol/machine.ts"

type Lines = ReadonlyArray<readonly [name: string, value: string]>

interface HeadFacts {
  readonly version: 10 | 11
  readonly status: number
  readonly reason: string
  readonly fields: Lines
}

/** An event as plain data. Neighbouring `Data` is one. */
export type Seen =
  | { readonly informational: HeadFacts }
  | { readonly head: HeadFacts; readonly framing: Framing }
  | { readonly data: string }
  | { readonly end: Lines }
  | { readonly error: string; readonly fields: Readonly<Record<string, unknown>> }

export interface Wire {
  readonly name: string
  readonly request?:
    | { readonly method?: string; readonly close?: boolean; readonly offered?: ReadonlyArray<string> }
    | undefined
  readonly limits?: Partial<HttpLimits.HttpLimits> | undefined
  readonly leniency?: Partial<HttpLeniency.HttpLeniency> | undefined
  /** One character is one byte. */
  readonly wire: string
  /** Whether the connection ends behind the wire. */
  readonly eof?: boolean | undefined
  /** Whether it ends without proof, as TLS without close_notify does. */
  readonly cut?: boolean | undefined
  readonly events: ReadonlyArray<Seen>
  /** Whether another request may follow; not looked at where left out. */
  readonly reusable?: boolean | undefined
}

type HeadOptions = { readonly fields?: Lines; readonly version?: 10 | 11 }

/** What the tables are written with. */
export const informational = (status: number, reason: string, options: HeadOptions = {}): Seen => ({
  informational: { version: options.version ?? 11, status, reason, fields: options.fields ?? [] }
})

export const head = (
  status: number,
  reason: string,
  framing: Framing | Framing["kind"],
  options: HeadOptions = {}
): Seen => ({
  head: { version: options.version ?? 11, status, reason, fields: options.fields ?? [] },
  // `length` is never given as a bare kind.
  framing: typeof framing === "string" ? { kind: framing } as Framing : framing
})

export const length = (length: number): Framing => ({ kind: "length", length })

export const data = (data: string): Seen => ({ data })

export const end = (...trailers: Lines): Seen => ({ end: trailers })

export const fails = (error: string, fields: Readonly<Record<string, unknown>> = {}): Seen => ({ error, fields })

export const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1")

export const facts = (wire: Pick<Wire, "leniency" | "limits" | "request"> = {}): RequestFacts => ({
  method: wire.request?.method ?? "GET",
  close: wire.request?.close ?? false,
  limits: HttpLimits.make(wire.limits ?? {}),
  leniency: HttpLeniency.make(wire.leniency ?? {}),
  offered: wire.request?.offered
})

const headFacts = ({ fields, reason, status, version }: ResponseHead): HeadFacts => ({
  version,
  status,
  reason,
  fields: HttpFields.entries(fields)
})

export const see = (event: Exclude<Event, { readonly _tag: "NeedMore" }>): Seen => {
  switch (event._tag) {
    case "Informational":
      return { informational: headFacts(event.head) }
    case "Head":
      return { head: headFacts(event.head), framing: event.framing }
    case "Data":
      return { data: Buffer.from(event.bytes).toString("latin1") }
    case "End":
      return { end: HttpFields.entries(event.trailers) }
    case "Failure": {
      const { _tag, ...fields } = JSON.parse(JSON.stringify({ ...event.error })) as Record<string, unknown>
      delete fields["context"]
      // Said of every error in relaxations.test.ts.
      delete fields["relaxations"]
      delete fields["effect-http-client/HttpError"]
      // How many bytes came at once is no property of the wire.
      if (_tag === "UnexpectedMessage") delete fields["received"]
      return { error: String(_tag), fields }
    }
  }
}

const push = (seen: Array<Seen>, next: Seen): void => {
  const last = seen[seen.length - 1]
  if (last !== undefined && "data" in last && "data" in next) seen[seen.length - 1] = { data: last.data + next.data }
  else seen.push(next)
}

/** Takes every event that there is. */
export const drain = (machine: Machine, seen: Array<Seen>, within?: ArrayBufferLike): void => {
  for (;;) {
    const event = machine.next()
    if (event._tag === "NeedMore") return
    if (event._tag === "Data") {
      if (event.bytes.length === 0) throw new Error("a Data event without data")
      if (within !== undefined && event.bytes.buffer !== within) throw new Error("data was copied")
    }
    push(seen, see(event))
    if (event._tag === "Failure") {
      if (machine.next() !== event) throw new Error("a failure must be the last that comes")
      return
    }
  }
}

/** Gives one piece, in the middle of a buffer of someone else's, and spoils it afterwards. */
export const give = (machine: Machine, piece: Uint8Array, seen: Array<Seen>): void => {
  const shared = new Uint8Array(piece.length + 16).fill(0x21)
  shared.set(piece, 8)
  // Sockets give Buffers, other transports any Uint8Array.
  const view = piece.length % 2 === 0
    ? shared.subarray(8, 8 + piece.length)
    : Buffer.from(shared.buffer, 8, piece.length)
  machine.receive(view)
  drain(machine, seen, shared.buffer)
  shared.fill(0x58)
}

const failed = (seen: ReadonlyArray<Seen>): boolean => {
  const last = seen[seen.length - 1]
  return last !== undefined && "error" in last
}

/** Sends one request and feeds it these pieces. */
export const run = (
  wire: Omit<Wire, "events" | "name" | "wire">,
  pieces: ReadonlyArray<Uint8Array>
): { readonly machine: Machine; readonly seen: ReadonlyArray<Seen> } => {
  const machine = new Machine()
  const seen: Array<Seen> = []
  if (!machine.startRequest(facts(wire))) throw new Error("a fresh machine takes a request")
  machine.endRequest()
  for (const piece of pieces) if (!failed(seen)) give(machine, piece, seen)
  if (wire.eof === true && !failed(seen)) {
    machine.eof(wire.cut === true)
    drain(machine, seen)
  }
  return { machine, seen }
}

/** Long wires are not split everywhere, but at both ends and at places all over. */
const splitOffsets = (length: number): ReadonlyArray<number> => {
  const everywhere = Array.from({ length: Math.max(0, length - 1) }, (_, i) => i + 1)
  return length <= 2048 ? everywhere : everywhere.filter((i) => i < 64 || i > length - 64 || i % 997 === 0)
}

const splitAt = (
  bytes: Uint8Array,
  at: number
): ReadonlyArray<Uint8Array> => [bytes.subarray(0, at), bytes.subarray(at)]

const byteByByte = (bytes: Uint8Array): ReadonlyArray<Uint8Array> =>
  Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))

export const deliveries = function*(
  bytes: Uint8Array
): Generator<readonly [name: string, pieces: ReadonlyArray<Uint8Array>]> {
  yield ["whole", [bytes]]
  yield ["byte by byte", byteByByte(bytes)]
  yield ["with nothing between its bytes", byteByByte(bytes).flatMap((piece) => [new Uint8Array(0), piece])]
  for (const at of splitOffsets(bytes.length)) yield [`split at ${at}`, splitAt(bytes, at)]
}

/** `expect` costs too much to be called for every split. */
const same = (actual: unknown, expected: unknown, delivery: string): void => {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) expect(actual, delivery).toEqual(expected)
}

const behind = ["X", "\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]

/** Bytes behind a complete response stay unread, and spoil the connection. */
const checkTrailing = (wire: Wire): void => {
  const tunnel = wire.events.some((event) => "framing" in event && event.framing.kind === "tunnel")
  for (const rest of behind) {
    const bytes = bytesOf(wire.wire + rest)
    for (const [delivery, pieces] of deliveries(bytes)) {
      const { machine, seen } = run(wire, pieces)
      same(
        seen,
        tunnel ? wire.events : [...wire.events, fails("UnexpectedMessage")],
        `with ${JSON.stringify(rest)} behind, ${delivery}`
      )
      same([machine.excess > 0, machine.reusable, machine.startRequest(facts())], [true, false, false], delivery)
    }
  }
}

export const checkWire = (wire: Wire): void => {
  const last = wire.events[wire.events.length - 1]
  const complete = last !== undefined && "end" in last
  for (const [delivery, pieces] of deliveries(bytesOf(wire.wire))) {
    const { machine, seen } = run(wire, pieces)
    same(seen, wire.events, delivery)
    same(machine.responseDone, complete, `responseDone, ${delivery}`)
    same(machine.served, complete ? 1 : 0, `served, ${delivery}`)
    if (wire.reusable !== undefined) same(machine.reusable, wire.reusable, `reusable, ${delivery}`)
    if (!complete && machine.reusable) throw new Error(`reusable before the end, ${delivery}`)
  }
  if (complete && wire.eof !== true) checkTrailing(wire)
}

/** One test a case. */
export const wires = (title: string, cases: ReadonlyArray<Wire>): void => {
  describe(title, () => {
    for (const wire of cases) it(wire.name, () => checkWire(wire))
  })
}
