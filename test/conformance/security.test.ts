/**
 * What went wrong in other clients, as far as the machine and the encoder decide it: injection, smuggling, exhaustion.
 *
 * Bounds on memory and work are counted in `test/protocol/cost.test.ts`. That no stray answer reaches another request (CVE-2026-48931,
 * GHSA-35p6-xmwp-9g52) is only in part the machine's work: `test/connection/polled.test.ts` and `test/pool/polled.test.ts` show it over
 * scripts, `test/node/polledReuse.test.ts` and `test/node/frozenProcess.test.ts` over sockets.
 */
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import { describe, expect, it } from "vitest"
import * as HttpFields from "../../src/HttpFields.ts"
import { Machine } from "../../src/internal/protocol/machine.ts"
import * as Origin from "../../src/Origin.ts"
import { resolveTarget } from "../fixtures/target.ts"
import { encoded, headOf, known, manual, refusal, type RequestText, unknown } from "../protocol/encoding.ts"
import { bytesOf, data, deliveries, drain, end, facts, fails, give, head, run, type Seen } from "../protocol/harness.ts"

const origin = Either.getOrThrow(Origin.make({ scheme: "http", host: "h" }))

/** Controls, space and delete. */
const ascii = [...Array.from({ length: 0x21 }, (_, code) => code), 0x7f]
/** Characters beyond ASCII, some of which become CR, LF or NUL where only their low byte is written. */
const beyond = [0x80, 0x85, 0xa0, 0xe9, 0xff, 0x100, 0x10a, 0x10d, 0x20a, 0x2028, 0xff0a, 0xff0d, 0xd800, 0xfeff]
const show = (code: number): string => `U+${code.toString(16).padStart(4, "0")}`

/** The character at the beginning, in the middle and at the end of what would be fine without it. */
const infected = (code: number, text: string): ReadonlyArray<string> => {
  const character = String.fromCharCode(code)
  return [`${character}${text}`, `${text.slice(0, 1)}${character}${text.slice(1)}`, `${text}${character}`]
}

const isRefused = (result: Either.Either<unknown, { readonly context: { readonly fault: string } }>): boolean =>
  result._tag === "Left" && result.left.context.fault === "User"

/** Where something can be put in, which of the characters are let through there, and the way in. */
const places: ReadonlyArray<{
  readonly place: string
  readonly fine: string
  readonly allowed: (code: number, at: "inside" | "outside") => boolean
  readonly refused: (text: string) => boolean
}> = [
  { place: "method", fine: "GET", allowed: () => false, refused: (method) => isRefused(encoded({ method })) },
  {
    place: "path",
    fine: "/path",
    allowed: () => false,
    refused: (path) => isRefused(resolveTarget("GET", path, origin, "origin"))
  },
  {
    place: "query",
    fine: "?query",
    allowed: () => false,
    refused: (query) => isRefused(resolveTarget("GET", `/${query}`, origin, "origin"))
  },
  {
    place: "fragment",
    fine: "#f",
    allowed: () => false,
    refused: (text) => isRefused(resolveTarget("GET", `/${text}`, origin, "origin"))
  },
  {
    place: "CONNECT target",
    fine: "host:443",
    // A host beyond ASCII is brought into its ASCII form.
    allowed: (code) => code > 0x7f,
    refused: (target) => isRefused(resolveTarget("CONNECT", target, origin, "origin"))
  },
  {
    place: "field name",
    fine: "Name",
    allowed: () => false,
    refused: (name) => isRefused(encoded({ fields: [[name, "x"]] }))
  },
  {
    place: "field value",
    fine: "value",
    allowed: (code) => code === 0x09 || code === 0x20 || (code >= 0x80 && code <= 0xff),
    refused: (value) => isRefused(encoded({ fields: [["Name", value]] }))
  },
  {
    place: "Host",
    fine: "host",
    allowed: (code, at) => at === "outside" && (code === 0x09 || code === 0x20),
    refused: (host) => isRefused(encoded({ fields: [["Host", host]] }))
  },
  {
    place: "Content-Length",
    fine: "10",
    allowed: (code, at) => at === "outside" && (code === 0x09 || code === 0x20),
    refused: (value) => isRefused(encoded({ content: manual, fields: [["Content-Length", value]] }))
  },
  {
    place: "Transfer-Encoding",
    fine: "chunked",
    allowed: (code, at) => at === "outside" && (code === 0x09 || code === 0x20),
    refused: (value) => isRefused(encoded({ content: unknown, fields: [["Transfer-Encoding", value]] }))
  },
  {
    place: "Expect",
    fine: "100-continue",
    allowed: (code, at) => at === "outside" && (code === 0x09 || code === 0x20),
    refused: (value) => isRefused(encoded({ content: unknown, fields: [["Expect", value]] }))
  },
  {
    place: "trailer name",
    fine: "Name",
    allowed: () => false,
    refused: (name) => isRefused(encoded({ content: unknown, trailers: [[name, "x"]] }))
  },
  {
    place: "trailer value",
    fine: "value",
    allowed: (code) => code === 0x09 || code === 0x20 || (code >= 0x80 && code <= 0xff),
    refused: (value) => isRefused(encoded({ content: unknown, trailers: [["Name", value]] }))
  },
  {
    place: "content type",
    fine: "text/plain",
    allowed: (code) => code === 0x09 || code === 0x20 || (code >= 0x80 && code <= 0xff),
    refused: (contentType) => isRefused(encoded({ content: known(1), contentType }))
  },
  {
    place: "accept encoding",
    fine: "gzip",
    allowed: (code) => code === 0x09 || code === 0x20 || (code >= 0x80 && code <= 0xff),
    refused: (acceptEncoding) => isRefused(encoded({ acceptEncoding }))
  }
]

describe("injection", () => {
  for (const { allowed, fine, place, refused } of places) {
    it(`is impossible through the ${place}`, () => {
      expect(refused(fine)).toBe(false)
      for (const code of [...ascii, ...beyond]) {
        const [before, inside, behind] = infected(code, fine)
        for (const [text, at] of [[before, "outside"], [inside, "inside"], [behind, "outside"]] as const) {
          if (!allowed(code, at)) expect(refused(text ?? ""), `${show(code)} ${at}`).toBe(true)
        }
      }
    })
  }

  it("is impossible through host and port", () => {
    for (const code of ascii) {
      for (const host of infected(code, "host")) {
        expect(isRefused(Origin.make({ scheme: "http", host })), show(code)).toBe(true)
      }
      for (const host of infected(code, "host:80")) {
        expect(isRefused(Origin.make({ scheme: "http", host })), show(code)).toBe(true)
      }
    }
    for (const code of beyond) {
      for (const host of infected(code, "host")) {
        const made = Origin.make({ scheme: "http", host })
        if (made._tag === "Right") expect(Origin.authority(made.right)).toMatch(/^[!-~]+$/)
      }
    }
  })

  it("is impossible through a URL", () => {
    for (const code of ascii) {
      for (
        const url of [
          ...infected(code, "http://h/p"),
          ...infected(code, "http://h/p?q"),
          ...infected(code, "http://h#f")
        ]
      ) {
        expect(isRefused(resolveTarget("GET", url, origin, "origin")), JSON.stringify(url)).toBe(true)
      }
    }
    for (const code of beyond) {
      const made = resolveTarget(
        "GET",
        `http://h/p${String.fromCharCode(code)}?${String.fromCharCode(code)}`,
        origin,
        "origin"
      )
      if (made._tag === "Right") expect(made.right.target).toMatch(/^\/p%[0-9A-F%]+\?%[0-9A-F%]+$/)
    }
  })

  it("leaves nothing but whole lines of what was given, whatever is given", () => {
    const hostile = FastCheck.string({
      unit: FastCheck.constantFrom(
        "a",
        "B",
        "1",
        ":",
        " ",
        "\t",
        "\r",
        "\n",
        "\0",
        "\x7f",
        "é",
        "\u010a",
        "€",
        "/",
        "?",
        "#"
      )
    })
    FastCheck.assert(
      FastCheck.property(hostile, hostile, hostile, hostile, (method, target, name, value) => {
        const made = Either.flatMap(
          resolveTarget("GET", `/${target}`, origin, "origin"),
          (target) =>
            encoded({
              method: `G${method}`,
              target: target.target,
              host: target.authority,
              fields: [[`X${name}`, value]]
            })
        )
        if (made._tag === "Left") return
        const { text } = made.right
        expect(text.split("\r\n")).toHaveLength(5)
        expect(text.replaceAll("\r\n", "")).toMatch(/^[\t\x20-\x7e\x80-\xff]*$/)
        expect(text.split("\r\n")[0]?.split(" ")).toHaveLength(3)
      }),
      { numRuns: 1000 }
    )
  })

  it("shows no value of the caller's in an error", () => {
    for (
      const request of [
        { fields: [["Authorization", "Bearer s3cr3t\n"]] },
        { fields: [["Host", "s3cr3t@h"]] },
        { fields: [["Expect", "s3cr3t"]] },
        { fields: [["Transfer-Encoding", "s3cr3t"]] },
        { fields: [["Content-Length", "s3cr3t"]] },
        { content: unknown, trailers: [["X", "s3cr3t\n"]] },
        { contentType: "s3cr3t\n" },
        { method: "s3cr3t\n" }
      ] satisfies ReadonlyArray<RequestText>
    ) {
      const error = Either.getOrThrow(Either.flip(encoded(request)))
      expect(`${error.message}${JSON.stringify(error)}${String(error)}`).not.toContain("s3cr3t")
    }
  })
})

describe("who a request goes to", () => {
  it.each(["//evil/x", "/\\evil/x", "/@evil", "/.evil", "?@evil", "/http://evil/", "#@evil"])(
    "is not changed by the path %j",
    (target) => {
      const made = Either.getOrThrow(resolveTarget("GET", target, origin, "origin"))
      expect(made.authority).toBe("h")
      expect(made.target.startsWith("/")).toBe(true)
    }
  )

  it.each([
    "http://evil/",
    "https://h/",
    "http://h:81/",
    "http://h@evil/",
    "http://h.evil/",
    "http://evil#@h/",
    "http://evil?@h/"
  ])(
    "is not changed by the URL %j",
    (target) => {
      expect(isRefused(resolveTarget("GET", target, origin, "origin"))).toBe(true)
    }
  )

  it.each(["a\uff02b", "a\uff40b", "a\uff5bb", "a\uff0fb", "a\uff20b", "a\uff1ab", "a\uff03b", "a\u2100b"])(
    "is not a host whose ASCII form has other characters than a host: %j",
    (host) => {
      expect(isRefused(Origin.make({ scheme: "http", host }))).toBe(true)
      expect(isRefused(Origin.fromUrl(`http://${host}/`))).toBe(true)
    }
  )

  it("is said once", () => {
    for (const second of ["Host", "host", "HOST"]) {
      expect(refusal({ fields: [["Host", "h"], [second, "evil"]] })).toMatchObject({ _tag: "ForbiddenHeader" })
    }
    expect(headOf({ fields: [["hOST", "x"]] }).text.match(/host:/gi)).toHaveLength(1)
  })
})

describe("smuggled requests", () => {
  it.each<readonly [name: string, fields: RequestText["fields"]]>([
    ["two lengths in different case", [["Content-Length", "5"], ["content-length", "0"]]],
    ["two lengths that are the same", [["Content-Length", "5"], ["Content-Length", "5"]]],
    ["a list of lengths", [["Content-Length", "5, 5"]]],
    ["a signed length", [["Content-Length", "+5"]]],
    ["length and chunked", [["Content-Length", "5"], ["Transfer-Encoding", "chunked"]]],
    ["chunked and length", [["transfer-encoding", "chunked"], ["content-length", "5"]]],
    ["chunked twice", [["Transfer-Encoding", "chunked"], ["Transfer-Encoding", "chunked"]]],
    ["a vertical tab before chunked", [["Transfer-Encoding", "\x0bchunked"]]],
    ["another coding", [["Transfer-Encoding", "xchunked"]]],
    ["a length that Connection takes away", [["Content-Length", "5"], ["Connection", "content-length"]]],
    ["a space in the name", [["Content-Length ", "5"]]],
    ["a colon in the name", [["Content-Length:", "5"]]]
  ])("cannot be made by fields: %s", (_, fields) => {
    expect(encoded({ method: "POST", content: known(5), fields: fields ?? [] })._tag).toBe("Left")
  })

  it("cannot be made by a body that is not announced", () => {
    for (const method of ["GET", "HEAD", "DELETE", "OPTIONS", "PROPFIND", "X"]) {
      for (const content of [known(3), unknown]) expect(headOf({ method, content }).framing.kind).not.toBe("none")
    }
  })
})

const start = "HTTP/1.1 200 R\r\n"
const chunkedStart = `${start}Transfer-Encoding: chunked\r\n\r\n`
const line = "InvalidHeaderLine"

/** Heads that others have read in two ways. */
const refusedHeads: ReadonlyArray<readonly [name: string, wire: string, tag: string]> = [
  ["length and chunked", `${start}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`, "FramingConflict"],
  ["chunked and length", `${start}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n`, "FramingConflict"],
  ["chunked in HTTP/1.0", "HTTP/1.0 200 R\r\nTransfer-Encoding: chunked\r\n\r\n", "FramingConflict"],
  ["two lengths", `${start}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`, "ConflictingContentLength"],
  ["two lengths in one", `${start}Content-Length: 5, 6\r\n\r\n`, "ConflictingContentLength"],
  ["a length with a plus", `${start}Content-Length: +5\r\n\r\n`, "InvalidContentLength"],
  ["a length with a minus", `${start}Content-Length: -5\r\n\r\n`, "InvalidContentLength"],
  ["a length with an underscore", `${start}Content-Length: 1_0\r\n\r\n`, "InvalidContentLength"],
  ["a length with a space inside", `${start}Content-Length: 1 0\r\n\r\n`, "InvalidContentLength"],
  ["a length in hexadecimal", `${start}Content-Length: 0x10\r\n\r\n`, "InvalidContentLength"],
  ["a length that overflows", `${start}Content-Length: 18446744073709551621\r\n\r\n`, "InvalidContentLength"],
  ["a length in other digits", `${start}Content-Length: \xb2\r\n\r\n`, "InvalidContentLength"],
  [
    "chunked and identity",
    `${start}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n`,
    "UnknownTransferEncoding"
  ],
  [
    "chunked twice",
    `${start}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`,
    "UnknownTransferEncoding"
  ],
  ["chunked with a vertical tab", `${start}Transfer-Encoding: \x0bchunked\r\n\r\n`, line],
  ["chunked with a byte before", `${start}Transfer-Encoding: \xffchunked\r\n\r\n`, "UnknownTransferEncoding"],
  ["chunked in quotes", `${start}Transfer-Encoding: "chunked"\r\n\r\n`, "UnknownTransferEncoding"],
  [
    "chunked twice around an empty element",
    `${start}Transfer-Encoding: chunked,,chunked\r\n\r\n`,
    "UnknownTransferEncoding"
  ],
  ["nothing but a comma", `${start}Transfer-Encoding: ,\r\n\r\n`, "UnknownTransferEncoding"],
  ["a space before the colon", `${start}Content-Length : 5\r\n\r\n`, line],
  ["a tab before the colon", `${start}Transfer-Encoding\t: chunked\r\n\r\n`, line],
  ["a length that is indented", `${start} Content-Length: 5\r\n\r\n`, line],
  ["a length that is folded", `${start}Content-Length:\r\n 5\r\n\r\n`, line],
  ["chunked that is folded", `${start}Transfer-Encoding: chunked\r\n , identity\r\n\r\n`, line],
  ["a lone LF behind the status line", "HTTP/1.1 200 R\nContent-Length: 5\r\n\r\n", "BadStatusLine"],
  ["a lone LF behind a field", `${start}A: b\nContent-Length: 5\r\n\r\n`, line],
  ["a lone LF at the end", `${start}A: b\r\n\n`, line],
  ["a lone CR behind a field", `${start}A: b\rContent-Length: 5\r\n\r\n`, line],
  ["lone CRs everywhere", "HTTP/1.1 200 R\rContent-Length: 5\r\r", "BadStatusLine"],
  ["CR and another byte at the end", `${start}A: b\r\n\rX`, line],
  ["CR CR LF at the end", `${start}A: b\r\n\r\r\n`, line],
  ["LF CR", `${start}A: b\n\r\n\r`, line],
  ["a NUL in a name", `${start}A\0: b\r\n\r\n`, line],
  ["a NUL in a value", `${start}A: b\0\r\n\r\n`, line],
  ["a name in other letters", `${start}Content-L\xe9ngth: 5\r\n\r\n`, line],
  ["no name", `${start}: 5\r\n\r\n`, line],
  ["no colon", `${start}Content-Length 5\r\n\r\n`, line],
  ["two status lines", `${start}${start}\r\n`, line],
  ["a request", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "BadStatusLine"],
  ["a body without a head", "<html></html>\r\n\r\n", "BadStatusLine"],
  ["an upgrade that nobody asked for", "HTTP/1.1 101 S\r\nUpgrade: h2c\r\n\r\n", "UnexpectedUpgrade"]
]

/** Chunked bodies that others have read in two ways, and how much of them is data. */
const refusedBodies: ReadonlyArray<readonly [name: string, body: string, content: string, tag: string]> = [
  ["a lone LF behind the size", "5\nhello\r\n0\r\n\r\n", "", "InvalidChunkSize"],
  ["a lone CR behind the size", "5\rhello\r\n0\r\n\r\n", "", "InvalidChunkSize"],
  ["CR CR LF behind the size", "5\r\r\nhello\r\n0\r\n\r\n", "", "InvalidChunkSize"],
  ["a lone LF in an extension", "5;a\nhello\r\n0\r\n\r\n", "", "InvalidChunkSize"],
  ["a lone CR in an extension", "5;a\rb\r\nhello\r\n0\r\n\r\n", "", "InvalidChunkSize"],
  ["a lone LF behind the data", "5\r\nhello\n0\r\n\r\n", "hello", "InvalidChunkEnd"],
  ["two other bytes behind the data", "5\r\nhelloXX0\r\n\r\n", "hello", "InvalidChunkEnd"],
  ["too much data", "4\r\nhello\r\n0\r\n\r\n", "hell", "InvalidChunkEnd"],
  ["a sign", "+5\r\nhello\r\n0\r\n\r\n", "", "InvalidChunkSize"],
  ["a negative size", "-1\r\nhello\r\n0\r\n\r\n", "", "InvalidChunkSize"],
  ["a prefix", "0x5\r\nhello\r\n0\r\n\r\n", "", "InvalidChunkSize"],
  ["an underscore", "0_5\r\nhello\r\n0\r\n\r\n", "", "InvalidChunkSize"],
  ["a space before", " 5\r\nhello\r\n0\r\n\r\n", "", "InvalidChunkSize"],
  ["a space behind", "5 \r\nhello\r\n0\r\n\r\n", "", "InvalidChunkSize"],
  ["no size", "\r\nhello\r\n0\r\n\r\n", "", "InvalidChunkSize"],
  ["a size beyond 32 bits that wraps to 5", "100000000000000005\r\nhello\r\n0\r\n\r\n", "", "ChunkTooLarge"],
  ["a size beyond 53 bits", "20000000000000\r\nhello", "", "ChunkTooLarge"],
  ["a size of more zeros than a line may have", `${"0".repeat(4096)}5\r\nhello\r\n0\r\n\r\n`, "", "LineTooLong"],
  ["a lone LF instead of the last CRLF", "0\r\n\n", "", "InvalidTrailer"],
  ["CR and another byte instead of the last CRLF", "0\r\n\rX", "", "InvalidTrailer"],
  ["a response in the trailers", "0\r\nHTTP/1.1 200 OK\r\n\r\n", "", "InvalidTrailer"],
  ["a space before the colon of a trailer", "0\r\nA : b\r\n\r\n", "", "InvalidTrailer"],
  ["a lone LF in the trailers", "0\r\nA: b\nC: d\r\n\r\n", "", "InvalidTrailer"]
]

describe("smuggled responses", () => {
  const check = (wire: string, before: ReadonlyArray<Seen>, tag: string): void => {
    for (const [delivery, pieces] of deliveries(bytesOf(wire))) {
      const { machine, seen } = run({}, pieces)
      expect(seen.slice(0, -1), delivery).toEqual(before)
      expect(seen.at(-1), delivery).toMatchObject({ error: tag })
      expect([machine.reusable, machine.startRequest(facts())]).toEqual([false, false])
    }
  }

  for (const [name, wire, tag] of refusedHeads) {
    it(`are refused with their head: ${name}`, () => check(wire, [], tag))
  }

  const chunkedHead = head(200, "R", "chunked", { fields: [["Transfer-Encoding", "chunked"]] })
  for (const [name, body, content, tag] of refusedBodies) {
    it(`are refused in a chunked body: ${name}`, () => {
      check(chunkedStart + body, content === "" ? [chunkedHead] : [chunkedHead, data(content)], tag)
    })
  }

  it("do not come out of trailers", () => {
    const { machine, seen } = run({}, [
      bytesOf(
        `${chunkedStart}0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\nSet-Cookie: a=b\r\n\r\n`
      )
    ])
    expect(seen).toEqual([chunkedHead, end()])
    // Not even where they would be obeyed in a head.
    expect(machine.reusable).toBe(true)
  })

  it("never answer the next request once the machine has read them, in one packet, later or behind an answer without a body", () => {
    const poison = "HTTP/1.1 200 R\r\nContent-Length: 6\r\n\r\npoison"
    const answer = "HTTP/1.1 204 R\r\n\r\n"
    for (
      const packets of [[answer + poison], [answer, poison], [answer, "\r\n", poison], [answer, "H"], [`${answer}H`]]
    ) {
      const machine = new Machine()
      machine.startRequest(facts())
      machine.endRequest()
      const seen: Array<Seen> = []
      for (const packet of packets) give(machine, bytesOf(packet), seen)
      expect(JSON.stringify(seen)).not.toContain("poison")
      expect(machine.reusable).toBe(false)
      expect(machine.startRequest(facts())).toBe(false)
      drain(machine, seen)
      expect(seen.at(-1)).toEqual(fails("UnexpectedMessage"))
    }
  })

  it("do not follow a final answer to a request whose body was held back", () => {
    const machine = new Machine()
    machine.startRequest(facts({ request: { method: "POST" } }))
    give(machine, bytesOf("HTTP/1.1 417 R\r\nContent-Length: 0\r\n\r\n"), [])
    expect(machine.responseDone).toBe(true)
    expect(machine.startRequest(facts())).toBe(false)
    machine.abandonRequest()
    machine.endRequest()
    expect(machine.startRequest(facts())).toBe(false)
  })
})

describe("exhaustion", () => {
  const limits = { fieldLine: 1e9, head: 1e9, statusLine: 1e9, fields: 1e9 }
  const many = 4_000_000

  // Work that grew with the square of these would not end before the test is given up.
  it.each<readonly [name: string, wire: string]>([
    ["digits of a length", `${start}Content-Length: ${"9".repeat(many)}x\r\n\r\n`],
    ["lengths in a list", `${start}Content-Length: ${"1,".repeat(many / 2)}1\r\n\r\n`],
    ["elements of Connection", `${start}Connection: ${" ,\t".repeat(many / 3)}\r\nContent-Length: 0\r\n\r\n`],
    ["spaces of Transfer-Encoding", `${start}Transfer-Encoding: a${" ".repeat(many)}b\r\n\r\n`],
    ["spaces around a value", `${start}A: ${" ".repeat(many)}x${" \t".repeat(many / 2)}\r\nContent-Length: 0\r\n\r\n`],
    ["spaces of a status line", `HTTP/1.1 200${" ".repeat(many)}x${" ".repeat(many)}\r\nContent-Length: 0\r\n\r\n`],
    ["spaces before a status line", `${" ".repeat(many)}HTTP/1.1 200 R\r\n\r\n`],
    ["folds", `${start}A: b\r\n${" c\r\n".repeat(many / 10)}Content-Length: 0\r\n\r\n`],
    ["small fields", `${start}${"A:\r\n".repeat(many / 10)}Content-Length: 0\r\n\r\n`],
    ["names without a colon", `${start}${"a".repeat(many)}\r\n\r\n`]
  ])("does not come from many %s", (_, wire) => {
    for (const leniency of [{}, { statusLineSpaces: true, skipInvalidFields: true, invalidContentLength: true }]) {
      expect(run({ limits, leniency }, [bytesOf(wire)]).seen).not.toEqual([])
    }
  })

  it("does not come from informational responses without end", () => {
    const { seen } = run({}, [bytesOf("HTTP/1.1 100 C\r\n\r\n".repeat(1000))])
    expect(seen).toHaveLength(33)
    expect(seen.at(-1)).toEqual(fails("TooManyInformational", { limit: 32 }))
  })

  it("does not come from a length that is only announced", () => {
    const { seen } = run({ eof: true }, [bytesOf(`${start}Content-Length: 1000000000000000\r\n\r\n0123456789`)])
    expect(seen.slice(1)).toEqual([data("0123456789"), fails("IncompleteRead", { received: 10, expected: 1e15 })])
  })

  it("does not come from names that objects have", () => {
    const { seen } = run({}, [bytesOf(`${start}__proto__: x\r\nconstructor: y\r\nContent-Length: 0\r\n\r\n`)])
    expect(seen[0]).toMatchObject({
      head: { fields: [["__proto__", "x"], ["constructor", "y"], ["Content-Length", "0"]] }
    })
    expect(HttpFields.has(HttpFields.empty, "constructor")).toBe(false)
  })
})
