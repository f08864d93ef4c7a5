/** What holds for every response and every request. `EFFECT_HTTP_CLIENT_PROPERTY_RUNS` says how many are tried. */
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import { describe, expect, it } from "vitest"
import * as HttpFields from "../../src/HttpFields.ts"
import * as HttpLeniency from "../../src/HttpLeniency.ts"
import * as HttpLimits from "../../src/HttpLimits.ts"
import { ChunkedDecoder, encodeChunk, encodeLastChunk } from "../../src/internal/protocol/chunked.ts"
import { Machine } from "../../src/internal/protocol/machine.ts"
import * as Origin from "../../src/Origin.ts"
import { resolveTarget } from "../fixtures/target.ts"
import {
  bytes,
  cutAt,
  cuts,
  leniency,
  limits,
  method,
  narrowLimits,
  response,
  token,
  value,
  wire
} from "./arbitraries.ts"
import { encoded } from "./encoding.ts"
import { bytesOf, facts, run, type Seen } from "./harness.ts"

const numRuns = Number(process.env["EFFECT_HTTP_CLIENT_PROPERTY_RUNS"] ?? 2000)
const timeout = 60_000 + numRuns * 10

const holds = <Ts extends [unknown, ...Array<unknown>]>(
  name: string,
  arbitraries: { readonly [K in keyof Ts]: FastCheck.Arbitrary<Ts[K]> },
  predicate: (...args: Ts) => void
): void => {
  it(name, { timeout }, async () => {
    let runs = 0
    await FastCheck.assert(
      FastCheck.asyncProperty<Ts>(
        ...arbitraries as { [K in keyof Ts]: FastCheck.Arbitrary<Ts[K]> },
        async (...args) => {
          predicate(...args)
          // The runner takes a worker that is silent for a minute for a dead one.
          if (++runs % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
        }
      ),
      { numRuns }
    )
  })
}

/** `expect` costs more than what it compares here. */
const same = (actual: unknown, expected: unknown): void => {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) expect(actual).toEqual(expected)
}

const byByte = (bytes: Uint8Array): ReadonlyArray<Uint8Array> => Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))

describe("every response", () => {
  holds(
    "by the grammar is read as it was written, however it is split",
    [response, cuts],
    ({ eof, events, wire }, cuts) => {
      const { machine, seen } = run({ eof }, cutAt(bytesOf(wire), cuts))
      same(seen, events)
      expect(machine.reusable).toBe(!eof)
      expect(machine.excess).toBe(0)
    }
  )

  holds("gives the same events however it is split", [wire, method, limits, leniency, FastCheck.boolean(), cuts], (
    wire,
    method,
    limits,
    leniency,
    eof,
    cuts
  ) => {
    const options = { request: { method }, limits, leniency, eof }
    const bytes = bytesOf(wire)
    const whole = run(options, [bytes])
    for (const pieces of [cutAt(bytes, cuts), byByte(bytes)]) {
      const { machine, seen } = run(options, pieces)
      same(seen, whole.seen)
      same(
        [machine.reusable, machine.served, machine.responseDone],
        [whole.machine.reusable, whole.machine.served, whole.machine.responseDone]
      )
    }
  })

  holds(
    "ends in one way, and in no other",
    [wire, method, limits, leniency, cuts],
    (wire, method, limits, leniency, cuts) => {
      const { machine, seen } = run({ request: { method }, limits, leniency, eof: true }, cutAt(bytesOf(wire), cuts))
      const kinds = seen.map((event) => Object.keys(event)[0])
      // Informational heads, one head, its data, and an end or a failure.
      expect(kinds.join(" ")).toMatch(/^(informational )*((head )(data )?)?(error|end)( error)?$/)
      if (kinds.at(-1) === "error") expect(machine.startRequest(facts())).toBe(false)
      expect(machine.reusable).toBe(false)
    }
  )

  holds("that needed a relaxation is the last", [wire, leniency, cuts], (wire, leniency, cuts) => {
    const pieces = cutAt(bytesOf(wire), cuts)
    const relaxed = run({ leniency }, pieces)
    if (!relaxed.machine.reusable) return
    same(relaxed.seen, run({}, pieces).seen)
  })

  const lineText = FastCheck.tuple(
    FastCheck.constantFrom(
      "HTTP/1.1 200 OK",
      "HTTP/1.1 204",
      "HTTP/1.0 1000 X",
      "HTTP/1.10 200 OK",
      "HTTP/2 200",
      "220 mail",
      " HTTP/1.1  200"
    ),
    FastCheck.nat(16),
    FastCheck.constantFrom("", "", " ", "0", "x", "\t", "\xff", "HTTP/1.1 "),
    FastCheck.nat(2)
  ).map(([line, at, insert, remove]) => line.slice(0, at) + insert + line.slice(at + remove))
    .filter((line) => line !== "")

  holds("is judged by its status line as soon as that is there", [lineText, leniency, cuts], (line, leniency, cuts) => {
    const whole = run({ leniency }, [bytesOf(`${line}\r\nContent-Length: 0\r\n\r\n`)]).seen
    const bad = whole.length === 1
      && whole.every((event) =>
        "error" in event && ["BadStatusLine", "InvalidStatusCode", "UnknownProtocol"].includes(event.error)
      )
    same(run({ leniency }, cutAt(bytesOf(`${line}\r\n`), cuts)).seen, bad ? whole : [])
  })

  const sizeLine = FastCheck.string({ unit: FastCheck.constantFrom(..."00003fg ;\t\r\n\0+x_"), maxLength: 200 })

  holds(
    "quotes of a chunk size what was there, from its beginning",
    [sizeLine, leniency, cuts],
    (line, leniency, cuts) => {
      const start = "HTTP/1.1 200 R\r\nTransfer-Encoding: chunked\r\n\r\n"
      const last = run({ leniency }, cutAt(bytesOf(`${start}${line}`), cuts)).seen.at(-1)
      if (last === undefined || !("error" in last)) return
      const quoted = last.fields["line"] ?? last.fields["size"]
      if (typeof quoted !== "string") return
      expect(quoted.length).toBeLessThanOrEqual(120)
      // Of the first line, or of one behind a chunk.
      expect(quoted).not.toBe("")
      expect(line).toContain(quoted)
    }
  )

  holds(
    "throws nothing, whatever the bytes",
    [bytes(200), limits, leniency, FastCheck.boolean()],
    (text, limits, leniency, eof) => {
      for (const start of ["", "HTTP/1.1 200 R\r\n", "HTTP/1.1 200 R\r\nTransfer-Encoding: chunked\r\n\r\n"]) {
        run({ limits, leniency, eof }, [bytesOf(start + text)])
      }
    }
  )

  holds("stays within its limits", [wire, narrowLimits, leniency, cuts], (wire, limits, leniency, cuts) => {
    // No spy: one remembers every call, and there are many.
    const allocate = Buffer.allocUnsafe
    let allocated = 0
    Buffer.allocUnsafe = (size) => {
      allocated += size
      return allocate(size)
    }
    const { seen } = run({ limits, leniency, eof: true }, cutAt(bytesOf(wire), cuts))
    Buffer.allocUnsafe = allocate
    // One room for heads and one for trailers, each doubled up to its limit.
    expect(allocated).toBeLessThanOrEqual(4 * (limits.head + limits.trailers) + 2 * 512)
    expect(seen.filter((event) => "informational" in event).length).toBeLessThanOrEqual(limits.informational)
    for (const event of seen) within(event, limits)
  })
})

const within = (event: Seen, limits: HttpLimits.HttpLimits): void => {
  if ("data" in event) expect(event.data.length).toBeLessThanOrEqual(limits.body)
  if ("error" in event) return
  const lines = "end" in event
    ? event.end
    : "head" in event
    ? event.head.fields
    : "informational" in event
    ? event.informational.fields
    : []
  expect(lines.length).toBeLessThanOrEqual(limits.fields)
  for (const [name, value] of lines) expect(name.length + 1 + value.length).toBeLessThanOrEqual(limits.fieldLine)
  const size = lines.reduce((size, [name, value]) => size + name.length + value.length + 3, 0)
  expect(size).toBeLessThanOrEqual("end" in event ? limits.trailers : limits.head)
}

const trimmed = (value: string): string => value.replace(/^[ \t]+|[ \t]+$/g, "")

/** Any text, and text that could be meant for a field. */
const anyText = FastCheck.oneof(value, FastCheck.string({ unit: "binary", maxLength: 8 }), bytes(8))
const anyName = FastCheck.oneof({ weight: 5, arbitrary: token }, { weight: 1, arbitrary: anyText })

const origin = Either.getOrThrow(Origin.make({ scheme: "http", host: "h" }))

describe("every request", () => {
  holds("that is encoded is read again as it was given", [
    FastCheck.oneof(token, anyText),
    anyText,
    FastCheck.array(FastCheck.tuple(anyName, anyText), { maxLength: 4 })
  ], (method, path, fields) => {
    const head = Either.flatMap(
      resolveTarget("GET", `/${path}`, origin, "origin"),
      ({ authority, target }) =>
        Either.map(encoded({ method, target, host: authority, fields }), ({ text }) => ({ target, text }))
    )
    if (head._tag === "Left") {
      expect(head.left.context.fault).toBe("User")
      return
    }
    const { target, text } = head.right
    const [line = "", ...rest] = text.split("\r\n")
    same(line.split(" "), [method, target, "HTTP/1.1"])
    const parsed = Either.getOrThrow(HttpFields.parse(bytesOf(rest.join("\r\n"))))
    const given = fields.filter(([name]) => name.toLowerCase() !== "host").map((
      [name, value]
    ) => [name, trimmed(value)])
    // What the encoder adds stands before what it was given.
    same(HttpFields.entries(parsed).slice(parsed.names.length - given.length), given)
    expect(HttpFields.getAll(parsed, "host")).toHaveLength(1)
    expect(Buffer.from(text, "latin1").toString("latin1")).toBe(text)
  })

  holds("that is made of tokens and values is encoded", [
    token,
    FastCheck.array(FastCheck.tuple(token, value), { maxLength: 4 })
  ], (
    method,
    fields
  ) => {
    expect(encoded({ method, fields: fields.map(([name, value]) => [`X-${name}`, value]) })._tag).toBe("Right")
  })

  holds("body that is chunked is read again as it was given", [
    FastCheck.array(FastCheck.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 6 }),
    FastCheck.array(FastCheck.tuple(token, value), { maxLength: 3 }),
    cuts
  ], (chunks, lines, cuts) => {
    const trailers = HttpFields.make(...lines.map(([name, value]) => [`X-${name}`, value] as const))
    const coded = Buffer.concat([...chunks.map(encodeChunk), bytesOf(encodeLastChunk(trailers))])
    const decoder = new ChunkedDecoder(HttpLimits.defaults, HttpLeniency.strict)
    const out: Array<Uint8Array> = []
    for (const piece of cutAt(coded, cuts)) {
      let at = 0
      while (at < piece.length) {
        at = decoder.decode(piece, at)
        out.push(piece.slice(decoder.dataStart, decoder.dataEnd))
      }
    }
    expect([decoder.done, decoder.relaxed, decoder.error]).toEqual([true, false, undefined])
    expect(Buffer.concat(out).equals(Buffer.concat(chunks))).toBe(true)
    expect(decoder.received).toBe(Buffer.concat(chunks).length)
    same(HttpFields.entries(decoder.trailers), HttpFields.entries(trailers))
  })
})

describe("every connection", () => {
  type Step = "abandon" | "close" | "end" | "eof" | "start" | { readonly bytes: string }
  const step: FastCheck.Arbitrary<Step> = FastCheck.oneof(
    FastCheck.constantFrom<Step>("start", "start", "end", "end", "abandon", "close", "eof"),
    response.map(({ wire }) => ({ bytes: wire })),
    wire.map((bytes) => ({ bytes }))
  )

  const framingLine = FastCheck.oneof(
    FastCheck.constantFrom("0", "00", "0, 0", "1", "5, 5", "x", "").map((length) => `Content-Length: ${length}`),
    FastCheck.constantFrom("chunked", "gzip", "gzip, chunked", "").map((coding) => `Transfer-Encoding: ${coding}`),
    FastCheck.constantFrom("X: 1", "Connection: keep-alive", "Connection: x")
  )

  holds(
    "is followed by another response only where a reader that knows no status finds the end in the same place",
    [
      FastCheck.constantFrom(100, 103, 199, 204),
      FastCheck.constantFrom("GET", "HEAD", "DELETE"),
      FastCheck.array(framingLine, { maxLength: 4 })
    ],
    (status, method, lines) => {
      const machine = new Machine()
      machine.startRequest(facts({ request: { method } }))
      machine.endRequest()
      const final = status < 200 ? "HTTP/1.1 200 R\r\nContent-Length: 0\r\n\r\n" : ""
      machine.receive(bytesOf(`HTTP/1.1 ${status} R\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n${final}`))
      const seen: Array<string> = []
      for (let event = machine.next(); event._tag !== "NeedMore"; event = machine.next()) seen.push(event._tag)
      same(seen, status < 200 ? ["Informational", "Head", "End"] : ["Head", "End"])
      const lengths = lines.filter((line) => line.startsWith("Content-Length"))
      const said = lengths.join().replaceAll(/Content-Length:|[, ]/g, "")
      const announces = lines.some((line) => line.startsWith("Transfer-Encoding"))
        || (lengths.length > 0 && !/^0+$/.test(said))
      same([machine.reusable, machine.announced], [!announces, announces])
    }
  )

  holds(
    "is reusable on proof only, and never again once it was not",
    [FastCheck.array(step, { maxLength: 20, size: "max" })],
    (steps) => {
      const machine = new Machine()
      let started = 0
      let finished = 0
      let lost = false
      for (const step of steps) {
        if (step === "start" || step === "close") {
          const free = machine.reusable
          expect(machine.startRequest(facts({ request: { close: step === "close" } }))).toBe(free)
          if (free) started++
        } else if (step === "end") machine.endRequest()
        else if (step === "abandon") machine.abandonRequest()
        else if (step === "eof") machine.eof()
        else machine.receive(bytesOf(step.bytes))
        lost ||= step === "abandon" || step === "eof"
        for (let event = machine.next(); event._tag !== "NeedMore"; event = machine.next()) {
          if (event._tag === "Failure") {
            lost = true
            break
          }
          if (event._tag === "End") finished++
        }
        expect(machine.served).toBeLessThanOrEqual(finished)
        expect(finished).toBeLessThanOrEqual(started)
        if (lost || machine.excess > 0) expect(machine.reusable).toBe(false)
        if (machine.reusable) expect(machine.served).toBe(started)
      }
    }
  )
})
