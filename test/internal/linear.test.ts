/**
 * Every parser of a text that a peer chose is linear and total: the steps for each character stay within a budget for texts that
 * repeat what is costly, ten times longer texts cost no more of them, and no text makes it throw.
 */
import * as FastCheck from "effect/FastCheck"
import { describe, expect, it } from "vitest"
import * as HttpLeniency from "../../src/HttpLeniency.ts"
import * as HttpLimits from "../../src/HttpLimits.ts"
import { parse as parseProxyStatus } from "../../src/internal/model/proxyStatus.ts"
import { parseChallenges, parseParams } from "../../src/internal/syntax/challenges.ts"
import { parse as parseDisposition } from "../../src/internal/syntax/contentDisposition.ts"
import { decode } from "../../src/internal/syntax/extendedValue.ts"
import { parseSection } from "../../src/internal/syntax/fieldSection.ts"
import { safeFileName } from "../../src/internal/syntax/fileName.ts"
import { parseHost, parseHostPort } from "../../src/internal/syntax/host.ts"
import { parseHttpDate, retryAfterMillis } from "../../src/internal/syntax/httpDate.ts"
import { parse as parseLinks } from "../../src/internal/syntax/link.ts"
import { parse as parseMediaType } from "../../src/internal/syntax/mediaType.ts"
import * as structuredFields from "../../src/internal/syntax/structuredFields.ts"
import { invalidTokenAt, listElements, listHas, trimSpace } from "../../src/internal/syntax/token.ts"
import { stepsOf } from "../fixtures/steps.ts"

const parsers: Readonly<Record<string, (text: string) => unknown>> = {
  listElements,
  "listHas of a token": (text) => listHas(text, "chunked"),
  trimSpace,
  invalidTokenAt,
  "media types": parseMediaType,
  "media types with a parameter": (text) => parseMediaType(`a/b;${text}`),
  challenges: (text) => parseChallenges([text]),
  "challenges behind a scheme": (text) => parseChallenges(["Basic a=b", `Digest ${text}`]),
  "parameters of authentication": (text) => parseParams([text]),
  links: parseLinks,
  "links with a parameter": (text) => parseLinks(`<a>;${text}`),
  dispositions: parseDisposition,
  "dispositions with a parameter": (text) => parseDisposition(`a;${text}`),
  "names of files": safeFileName,
  "extended values": (text) => decode(`UTF-8''${text}`),
  "HTTP dates": (text) => parseHttpDate(text, 0),
  "Retry-After": (text) => retryAfterMillis([text], 0),
  hosts: parseHost,
  "hosts in a URL": (text) => parseHostPort(text, "url"),
  ports: (text) => parseHostPort(`a:${text}`, "option"),
  "structured lists": structuredFields.parseList,
  "structured dictionaries": structuredFields.parseDictionary,
  "structured items": structuredFields.parseItem,
  "Proxy-Status": parseProxyStatus
}

/** What makes a parser look ahead, go back, or copy. */
const parts: ReadonlyArray<string> = [
  ..."aA0 \t,;=\"\\<>()/:*?@%'[].&-{\0\r\nä€",
  "a,",
  ", ",
  "a;b",
  ";a=\"",
  ";a=\"\\\"",
  ";a=b",
  ";a*=''%41",
  "a=\"b\",",
  "a b=c,",
  "a ==",
  "<a",
  "<a>,",
  "<a>;b=\"",
  "x\"",
  "a/b;",
  "(a ",
  "();",
  ":YQ==:",
  "%\"%c3",
  "a=(b),",
  "xn--",
  "..",
  "[:",
  "1.",
  "Sun, "
]

const budget = 24

describe("every parser of a text of the peer", () => {
  it.each(Object.entries(parsers))("takes at most 24 steps for each character: %s", (_, parse) => {
    const costly = parts.flatMap((part) =>
      [300, 3000].map((length) => {
        const text = part.repeat(Math.ceil(length / part.length))
        return { part, length, steps: Math.round(stepsOf(() => parse(text)) / text.length) }
      })
    )
    expect(costly.filter(({ steps }) => steps > budget)).toEqual([])
  })

  const text = FastCheck.oneof(
    FastCheck.array(FastCheck.constantFrom(...parts), { maxLength: 12 }).map((some) => some.join("")),
    FastCheck.fullUnicodeString()
  )
  it.each(Object.entries(parsers))("throws for no text: %s", (_, parse) => {
    FastCheck.assert(FastCheck.property(text, (some) => {
      parse(some)
    }))
  })
})

describe("a section of fields", () => {
  const limits = HttpLimits.make({ fieldLine: 10_000_000, fields: 1_000_000, head: 10_000_000 })
  const relaxed: HttpLeniency.HttpLeniency = {
    ...HttpLeniency.strict,
    ...Object.fromEntries(
      Object.keys(HttpLeniency.strict).map((name) => [name, true])
    )
  }
  /** The lines of the section behind its first one. */
  const lines = [
    "B: c\r\n",
    " c\r\n",
    " \r\n",
    " \0\r\n",
    " a\0\r\n",
    " a\r",
    "B\r\n",
    "B : c\r\n",
    ": c\r\n",
    "\0: a\r\n"
  ]
  const bytesOf = (line: string, count: number) => Buffer.from(`A: b\r\n${line.repeat(count)}\r\n`, "latin1")

  for (const [what, leniency] of [["strict", HttpLeniency.strict], ["relaxed", relaxed]] as const) {
    it.each(lines)(`takes at most 24 steps for each byte, read ${what}: %j`, (line) => {
      for (const count of [100, 1000]) {
        const bytes = bytesOf(line, count)
        const steps = stepsOf(() => parseSection(bytes, limits, leniency))
        expect(steps / bytes.length).toBeLessThanOrEqual(budget)
      }
    })
  }

  it("has the control characters of folded lines replaced, each once", () => {
    const section = parseSection(Buffer.from("A: b\0c\r\n \0d\0\r\n \0\r\n e\r\n\r\n", "latin1"), limits, relaxed)
    expect(section).toMatchObject({ names: ["A"], values: ["b c d e"], relaxed: true })
  })
})
