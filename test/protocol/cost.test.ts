/**
 * The cost of reading is linear in the bytes, however they are split: counted in bytes looked at, copied and decoded, and
 * not in time. And what is kept has a bound, whatever comes.
 */
import { afterEach, describe, expect, it, vi } from "vitest"
import { Machine } from "../../src/internal/protocol/machine.ts"
import { bytesOf, facts, run, type Wire } from "./harness.ts"

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array

interface Cost {
  /** Bytes looked at, one by one. */
  looked: number
  /** Bytes copied into rooms. */
  copied: number
  /** Room asked for. */
  allocated: number
  /** Bytes decoded into text. */
  decoded: number
}

/** `toString` of a Buffer, without that of the Uint8Array behind it. */
interface Decoder {
  toString(encoding?: BufferEncoding, start?: number, end?: number): string
}

/** A view that counts the bytes that are looked at. */
const counting = (bytes: Uint8Array, cost: Cost): Uint8Array =>
  new Proxy(bytes, {
    get: (target, key) => {
      if (typeof key === "string" && /^[0-9]+$/.test(key)) cost.looked++
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === "function" ? value.bind(target) as unknown : value
    }
  })

afterEach(() => {
  vi.restoreAllMocks()
})

/** What it costs to read the wire in pieces of this size. */
const costOf = (wire: Omit<Wire, "events" | "name">, size: number): Cost => {
  const cost: Cost = { looked: 0, copied: 0, allocated: 0, decoded: 0 }
  const bytes = bytesOf(wire.wire)
  const machine = new Machine()
  machine.startRequest(facts(wire))
  machine.endRequest()
  const set = typedArray.set
  vi.spyOn(typedArray, "set").mockImplementation(function(this: Uint8Array, from, offset) {
    cost.copied += from.length
    set.call(this, from, offset)
  })
  const prototype: Pick<Buffer, "length"> & Decoder = Buffer.prototype
  const toString = prototype.toString
  vi.spyOn(prototype, "toString").mockImplementation(function(this: Buffer, encoding, start, end) {
    cost.decoded += (end ?? this.length) - (start ?? 0)
    return toString.call(this, encoding, start, end)
  })
  const allocate = Buffer.allocUnsafe
  vi.spyOn(Buffer, "allocUnsafe").mockImplementation((size) => {
    cost.allocated += size
    return allocate(size)
  })
  for (let from = 0; from < bytes.length; from += size) {
    machine.receive(counting(bytes.subarray(from, from + size), cost))
    for (let event = machine.next(); event._tag !== "NeedMore" && event._tag !== "Failure"; event = machine.next()) {
      // Every event is taken.
    }
  }
  vi.restoreAllMocks()
  return cost
}

const value = "v".repeat(1000)
const heads = (count: number): string => `HTTP/1.1 200 R\r\n${`A: ${value}\r\n`.repeat(count)}Content-Length: 0\r\n\r\n`
const folds = (count: number): string => `HTTP/1.1 204 R\r\nA: b\r\n${" c\r\n".repeat(count)}\r\n`
const chunks = (count: number): string =>
  `HTTP/1.1 200 R\r\nTransfer-Encoding: chunked\r\n\r\n${"1;x\r\na\r\n".repeat(count)}0\r\n\r\n`
const trailers = (count: number): string =>
  `HTTP/1.1 200 R\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${`A: ${value}\r\n`.repeat(count)}\r\n`
const interims = (count: number): string => `${"HTTP/1.1 103 E\r\nA: b\r\n\r\n".repeat(count)}HTTP/1.1 204 R\r\n\r\n`

const limits = { fields: 1e9, head: 1e9, trailers: 1e9, informational: 1e9, fieldLine: 1e9, chunkExtensions: 1e9 }

describe("reading", () => {
  for (const [name, make] of Object.entries({ heads, folds, chunks, trailers, interims })) {
    for (const size of [1, 2, 7, 1000, 65_536]) {
      it(`costs a constant for each byte of ${name} in pieces of ${size}`, () => {
        const wire = make(100)
        const cost = costOf({ wire, limits }, size)
        // Every byte is looked at, most twice: once as part of a run, once where the run ends.
        expect(cost.looked).toBeLessThanOrEqual(4 * wire.length)
        // An unfinished section is copied once, and its room doubles: at most twice more.
        expect(cost.copied).toBeLessThanOrEqual(3 * wire.length)
        expect(cost.allocated).toBeLessThanOrEqual(4 * wire.length + 1024)
        // Decoded once, as a whole.
        expect(cost.decoded).toBeLessThanOrEqual(wire.length)
      })
    }
  }

  it("copies nothing where a section comes in one piece", () => {
    for (const make of [heads, folds, trailers, interims]) {
      const wire = make(20)
      expect(costOf({ wire, limits }, wire.length)).toMatchObject({ copied: 0, allocated: 0 })
    }
  })

  it("does not look at the bytes of a body", () => {
    const body = "x".repeat(100_000)
    for (
      const wire of [
        `HTTP/1.1 200 R\r\nContent-Length: 100000\r\n\r\n${body}`,
        `HTTP/1.1 200 R\r\n\r\n${body}`,
        `HTTP/1.1 200 R\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n${body}\r\n0\r\n\r\n`
      ]
    ) {
      expect(costOf({ wire }, 4096).looked).toBeLessThanOrEqual(400)
    }
  })
})

/** Wires that never end, in pieces; what stands before they repeat, and what repeats. */
const endless: ReadonlyArray<readonly [name: string, start: string, again: string, tag: string, bound: number]> = [
  ["a status line", "", "H", "LineTooLong", 8192],
  ["a field line", "HTTP/1.1 200 R\r\n", "A", "LineTooLong", 65_536],
  ["a field value", "HTTP/1.1 200 R\r\nA: ", "b", "LineTooLong", 65_536],
  ["field lines", "HTTP/1.1 200 R\r\n", "A: b\r\n", "TooManyHeaders", 2048],
  ["long field lines", "HTTP/1.1 200 R\r\n", `A: ${value.repeat(2)}\r\n`, "HeadersTooLarge", 262_144],
  ["folds", "HTTP/1.1 200 R\r\nA: b\r\n", " c\r\n", "TooManyHeaders", 2048],
  ["informational responses", "", "HTTP/1.1 100 C\r\n\r\n", "TooManyInformational", 0],
  ["empty lines", "", "\r\n", "BadStatusLine", 16],
  ["a chunk size", "HTTP/1.1 200 R\r\nTransfer-Encoding: chunked\r\n\r\n", "f", "ChunkTooLarge", 0],
  ["leading zeros of a chunk size", "HTTP/1.1 200 R\r\nTransfer-Encoding: chunked\r\n\r\n", "0", "LineTooLong", 0],
  ["a chunk extension", "HTTP/1.1 200 R\r\nTransfer-Encoding: chunked\r\n\r\n1;", "x", "LineTooLong", 0],
  [
    "chunk extensions",
    "HTTP/1.1 200 R\r\nTransfer-Encoding: chunked\r\n\r\n",
    "1;xxxxxxxx\r\na\r\n",
    "ChunkExtensionsTooLong",
    0
  ],
  [
    "space before extensions",
    "HTTP/1.1 200 R\r\nTransfer-Encoding: chunked\r\n\r\n",
    "1        ;\r\na\r\n",
    "ChunkExtensionsTooLong",
    0
  ],
  ["a trailer", "HTTP/1.1 200 R\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ", "b", "TrailersTooLarge", 65_536],
  ["trailers", "HTTP/1.1 200 R\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n", "TrailersTooLarge", 2048],
  [
    "long trailers",
    "HTTP/1.1 200 R\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    `A: ${value}\r\n`,
    "TrailersTooLarge",
    65_536
  ]
]

describe("what never ends", () => {
  for (const [name, start, again, tag, bound] of endless) {
    it(`is refused, and keeps no more than its limit: ${name}`, () => {
      const wire = start + again.repeat(Math.ceil(400_000 / again.length))
      for (const size of [1000, 65_536]) {
        const cost = costOf({ wire }, size)
        // Doubling asks for less than twice the limit in all rooms together, and for the last one once more.
        expect(cost.allocated).toBeLessThanOrEqual(4 * (bound + start.length) + 1024)
        expect(cost.copied).toBeLessThanOrEqual(3 * (bound + start.length) + 1024)
      }
      const bytes = bytesOf(wire)
      const pieces = Array.from(
        { length: Math.ceil(bytes.length / 1000) },
        (_, i) => bytes.subarray(i * 1000, (i + 1) * 1000)
      )
      expect(run({}, pieces).seen.at(-1)).toMatchObject({ error: tag })
    })
  }

  it("allocates nothing by a number of the peer's", () => {
    for (
      const wire of [
        "HTTP/1.1 200 R\r\nContent-Length: 1000000000000000\r\n\r\n0123456789",
        "HTTP/1.1 200 R\r\nTransfer-Encoding: chunked\r\n\r\n1FFFFFFFFFFFFF\r\n0123456789"
      ]
    ) {
      expect(costOf({ wire }, wire.length)).toMatchObject({ allocated: 0, copied: 0 })
    }
  })
})
