/**
 * What a relaxation would cure names it: for every relaxation the faults that it cures, and for any bytes at all that a reader who
 * does what the errors say comes as far as one with all relaxations.
 */
import * as FastCheck from "effect/FastCheck"
import { describe, expect, it } from "vitest"
import * as HttpFields from "../../src/HttpFields.ts"
import * as HttpLeniency from "../../src/HttpLeniency.ts"
import * as HttpLimits from "../../src/HttpLimits.ts"
import type { MachineError } from "../../src/internal/protocol/machine.ts"
import { Machine } from "../../src/internal/protocol/machine.ts"
import { cutAt, cuts, method, wire } from "./arbitraries.ts"
import { bytesOf, deliveries, facts } from "./harness.ts"

type Relaxation = keyof HttpLeniency.HttpLeniency

interface Options {
  /** Whether the connection ends: `cut` without proof, as TLS without close_notify does. */
  readonly eof: boolean | "cut"
  readonly method?: string
}

/** What a response fails with; `undefined` where it does not, or needs more bytes. */
const failureOf = (
  pieces: ReadonlyArray<Uint8Array>,
  leniency: Partial<HttpLeniency.HttpLeniency>,
  { eof, method = "GET" }: Options
): MachineError | undefined => {
  const machine = new Machine()
  machine.startRequest(facts({ leniency, request: { method } }))
  machine.endRequest()
  const drain = (): MachineError | undefined => {
    for (let event = machine.next(); event._tag !== "NeedMore"; event = machine.next()) {
      if (event._tag === "Failure") return event.error
      if (event._tag === "End") return undefined
    }
    return undefined
  }
  for (const piece of pieces) {
    machine.receive(piece)
    const error = drain()
    if (error !== undefined || machine.responseDone) return error
  }
  if (eof === false) return undefined
  machine.eof(eof === "cut")
  return drain()
}

const named = (error: MachineError | undefined): ReadonlyArray<Relaxation> =>
  error !== undefined && "relaxations" in error ? error.relaxations ?? [] : []

const ok = "HTTP/1.1 200 R\r\n"
const chunked = `${ok}Transfer-Encoding: chunked\r\n\r\n`
const field = (line: string): string => `${ok}${line}\r\nContent-Length: 0\r\n\r\n`

/** For each relaxation, responses with one fault that it gets past. All end with the connection. */
const cures: { readonly [R in Relaxation]: ReadonlyArray<string> } = {
  bareLf: [
    "\nHTTP/1.1 204 R\r\n\r\n",
    "HTTP/1.1 204 R\n\r\n",
    "HTTP/1.1 204 R\r\nA: b\n\r\n",
    "HTTP/1.1 204 R\r\nA: b\r\n\n",
    "HTTP/1.1 204 R\n\n",
    `${chunked}1\nx\r\n0\r\n\r\n`,
    `${chunked}1;a\nx\r\n0\r\n\r\n`,
    `${chunked}1\r\nx\n0\r\n\r\n`,
    `${chunked}0\n\r\n`,
    `${chunked}0\r\nA: b\n\r\n`,
    `${chunked}0\r\n\n`
  ],
  spaceBeforeColon: [field("A : b"), field("A\t: b"), `${chunked}0\r\nA : b\r\n\r\n`],
  controlCharacters: [
    field("A: \0"),
    field("A: b\x01c"),
    field("A: b\rB: c"),
    field("A: b\r\n \x7f"),
    `${chunked}0\r\nA: \0\r\n\r\n`,
    `${chunked}0\r\nA: b\rc\r\n\r\n`
  ],
  skipInvalidFields: [
    field("nonsense"),
    field("A b"),
    field(": b"),
    field("A(b): c"),
    field("\xe9: b"),
    field(" A: b"),
    field("A: \0"),
    field("A: \x7f"),
    field("A: b\rB: c"),
    field("A: b\r"),
    field("Connection: close,\r\n x"),
    field("Content-Length: 1\r\n 1"),
    `${chunked}0\r\nnonsense\r\n\r\n`,
    `${chunked}0\r\nA: \0\r\n\r\n`,
    `${chunked}0\r\n A: b\r\n\r\n`,
    `${chunked}0\r\nA: b\rc\r\n\r\n`
  ],
  chunkSizeSpaces: [
    `${chunked}1 \r\nx\r\n0\r\n\r\n`,
    `${chunked}1\t \r\nx\r\n0\r\n\r\n`,
    `${chunked} 1\r\nx\r\n0\r\n\r\n`,
    `${chunked}1\r\nx\r\n0 \r\n\r\n`
  ],
  missingFinalCrlf: [`${chunked}0\r\n`, `${chunked}1\r\nx\r\n0\r\n\r`, `${chunked}0\r\nA: b\r\n`],
  missingCloseNotify: [`${ok}\r\nabc`, `${ok}\r\n`, "HTTP/1.0 200 R\r\n\r\nabc"],
  headEndsWithConnection: [
    "HTTP/1.1 204",
    "HTTP/1.1 204 R",
    "HTTP/1.1 204 R\r",
    "HTTP/1.1 204 R\r\n",
    `${ok}A: b`,
    `${ok}A: b\r\n`
  ],
  invalidContentLength: [
    ...["x", "-1", "+3", "", ",", "3 3", "9007199254740993", "3, 4"].map((value) => field(`Content-Length: ${value}`)),
    field("Content-Length: 3")
  ].map((wire) => wire.replace("Content-Length: 0\r\n\r\n", "\r\nabc")).map((wire, i, all) =>
    i === all.length - 1 ? wire.replace("\r\n\r\n", "\r\nContent-Length: 4\r\n\r\n") : wire
  ),
  unknownTransferCoding: [
    ...["gzip", "identity", "", ",", "gzip, chunked", "chunked, chunked"].map((value) =>
      `${ok}Transfer-Encoding: ${value}\r\n\r\nabc`
    ),
    `${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`
  ],
  statusLineSpaces: [
    " HTTP/1.1 204 R\r\n\r\n",
    "HTTP/1.1  204 R\r\n\r\n",
    "HTTP/1.1\t204 R\r\n\r\n",
    "HTTP/1.1 204\tR\r\n\r\n"
  ],
  framingConflict: [
    `${ok}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
    "HTTP/1.0 200 R\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
  ]
}

const relaxations = Object.keys(HttpLeniency.strict) as ReadonlyArray<Relaxation>

describe("an error that a relaxation cures", () => {
  for (const relaxation of relaxations) {
    it.each(cures[relaxation])(`names ${relaxation}, which cures it: %j`, (wire) => {
      const eof = relaxation === "missingCloseNotify" ? "cut" : true
      for (const [delivery, pieces] of deliveries(bytesOf(wire))) {
        const error = failureOf(pieces, {}, { eof })
        expect(named(error), delivery).toContain(relaxation)
        expect(error?.message, delivery).toContain(`\`HttpLeniency.${relaxation}\``)
        expect(failureOf(pieces, { [relaxation]: true }, { eof }), delivery).toBeUndefined()
      }
    })
  }

  it("advises to look at the port only where the answer is not HTTP", () => {
    for (const wire of [...cures.bareLf, ...cures.statusLineSpaces]) {
      expect(failureOf([bytesOf(wire)], {}, { eof: true })?.message).not.toContain("port")
    }
    for (const wire of ["220 mail ready\r\n", "220 mail ready\n", "garbage"]) {
      expect(failureOf([bytesOf(wire)], {}, { eof: true })?.message).toContain("Check that the port is one for HTTP.")
    }
  })

  it("says so where fields are parsed by themselves", () => {
    for (
      const [text, relaxation] of [["A : b\r\n", "spaceBeforeColon"], ["A: b\n", "bareLf"], [
        "x\r\n",
        "skipInvalidFields"
      ]] as const
    ) {
      expect(HttpFields.parse(bytesOf(text))).toMatchObject({
        left: { message: expect.stringContaining(`HttpLeniency.${relaxation}`) }
      })
      expect(HttpFields.parse(bytesOf(text), { leniency: HttpLeniency.make({ [relaxation]: true }) })).toMatchObject({
        _tag: "Right"
      })
    }
  })
})

const numRuns = Number(process.env["EFFECT_HTTP_CLIENT_PROPERTY_RUNS"] ?? 2000)

describe("whatever a server sends", () => {
  it("one who switches on what the errors name reads all that can be read with all relaxations", {
    timeout: 60_000 + numRuns * 10
  }, () => {
    FastCheck.assert(
      FastCheck.property(
        wire,
        method,
        FastCheck.constantFrom(false, true, "cut" as const),
        cuts,
        (text, method, eof, cuts) => {
          const pieces = cutAt(bytesOf(text), cuts)
          const on: { [R in Relaxation]?: true } = {}
          let error = failureOf(pieces, on, { eof, method })
          while (named(error).length > 0) {
            for (const name of named(error)) {
              // It would have been of no use.
              if (on[name]) throw new Error(`${error?._tag} names ${name}, which is on: ${JSON.stringify(on)}`)
              if (error?.message.includes(`\`HttpLeniency.${name}\``) !== true) {
                throw new Error(`not in words: ${error?.message}`)
              }
            }
            on[named(error)[0] as Relaxation] = true
            error = failureOf(pieces, on, { eof, method })
          }
          const all = failureOf(pieces, HttpLeniency.httpClient, { eof, method })
          if (all === undefined && error !== undefined) {
            throw new Error(`${error._tag} names nothing that would help: ${error.message}`)
          }
        }
      ),
      { numRuns }
    )
  })

  it("limits name no relaxation: they are raised by their own name", () => {
    const error = failureOf([bytesOf(`${ok}A: ${"b".repeat(HttpLimits.defaults.fieldLine)}`)], {}, { eof: false })
    expect([error?._tag, named(error)]).toEqual(["LineTooLong", []])
  })
})
