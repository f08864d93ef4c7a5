/** Response heads to parse, and how a parser of them is measured. */
import type { Contender, Session, Setting } from "../scenario.ts"

export type Line = readonly [name: string, value: string]

/** A parser of heads under test. It holds what it parsed last, as strings. */
export interface Parser {
  /** Parses one whole head, all of `bytes`. Returns its status. */
  readonly parse: (bytes: Buffer) => number
  /** The fields of the head parsed last. */
  readonly lines: () => Iterable<Line>
}

/** What nearly every server and the proxy before it send. */
const common = (index: number): ReadonlyArray<Line> => [
  ["Server", "nginx/1.25.3"],
  ["Date", `Tue, 04 Mar 2025 16:${10 + index}:27 GMT`],
  ["Content-Type", "application/json; charset=utf-8"],
  ["Content-Length", "0"],
  ["Connection", "keep-alive"],
  ["Cache-Control", "public, max-age=300, stale-while-revalidate=60"],
  ["ETag", `W/"5e3c-${(index * 0x9e3779b1).toString(36)}"`],
  ["Last-Modified", "Mon, 03 Mar 2025 09:14:02 GMT"],
  ["Vary", "Accept-Encoding, Origin"],
  ["X-Request-Id", `7f1c2d9e-51b0-4c1e-9a53-${String(index).padStart(12, "0")}`]
]

/** What CDNs, frameworks and security policies add. */
const further = (index: number): ReadonlyArray<Line> => [
  ["Accept-Ranges", "bytes"],
  ["Access-Control-Allow-Credentials", "true"],
  ["Access-Control-Allow-Headers", "Authorization, Content-Type, X-Requested-With"],
  ["Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, DELETE, OPTIONS"],
  ["Access-Control-Allow-Origin", "https://app.example.com"],
  ["Access-Control-Expose-Headers", "ETag, Link, X-Request-Id, X-RateLimit-Remaining"],
  ["Access-Control-Max-Age", "86400"],
  ["Age", String(17 + index)],
  ["Allow", "GET, HEAD, POST"],
  ["Alt-Svc", "h3=\":443\"; ma=86400"],
  ["Content-Disposition", "inline; filename=\"report.json\""],
  ["Content-Language", "en-GB"],
  ["Content-Location", "/reports/2025/03"],
  [
    "Content-Security-Policy",
    "default-src 'self'; script-src 'self' https://static.example.com; img-src * data:; frame-ancestors 'none'"
  ],
  ["Cross-Origin-Opener-Policy", "same-origin"],
  ["Cross-Origin-Resource-Policy", "same-site"],
  ["Expires", "Tue, 04 Mar 2025 17:00:00 GMT"],
  ["Link", "</reports?page=2>; rel=\"next\", </reports?page=9>; rel=\"last\""],
  ["NEL", "{\"success_fraction\":0,\"report_to\":\"default\",\"max_age\":604800}"],
  ["Permissions-Policy", "camera=(), geolocation=(), microphone=()"],
  ["Pragma", "no-cache"],
  ["Referrer-Policy", "strict-origin-when-cross-origin"],
  ["Report-To", "{\"group\":\"default\",\"max_age\":604800,\"endpoints\":[{\"url\":\"https://r.example.com/\"}]}"],
  ["Server-Timing", "db;dur=53.2, app;dur=47.2, cache;desc=\"miss\""],
  ["Set-Cookie", `session=${(index * 0x85ebca6b).toString(36)}; Path=/; HttpOnly; Secure; SameSite=Lax`],
  ["Set-Cookie", "theme=dark; Path=/; Max-Age=31536000"],
  ["Strict-Transport-Security", "max-age=63072000; includeSubDomains; preload"],
  ["Timing-Allow-Origin", "*"],
  ["Via", "1.1 varnish, 1.1 9d1b2c.cloudfront.example.net (CloudFront)"],
  ["X-Content-Type-Options", "nosniff"],
  ["X-DNS-Prefetch-Control", "off"],
  ["X-Frame-Options", "DENY"],
  ["X-Powered-By", "Express"],
  ["X-XSS-Protection", "0"],
  ["X-Cache", "HIT, MISS"],
  ["X-Cache-Hits", "1, 0"],
  ["X-Served-By", "cache-fra-eddf8230051-FRA, cache-lhr7321-LHR"],
  ["X-Timer", `S1741104627.31${index},VS0,VE12`],
  ["CF-Cache-Status", "DYNAMIC"],
  ["CF-RAY", `91b2c3d4e5f60718-FR${index}`]
]

/** Fields of a house of its own, as gateways and traced services add them. */
const own = (index: number): ReadonlyArray<Line> =>
  ["RateLimit", "Upstream", "Trace", "Tenant", "Gateway"].flatMap((family) =>
    ["Id", "Name", "Limit", "Remaining", "Reset", "Region", "Zone", "Version", "Duration", "Policy"].map(
      (
        what,
        place
      ): Line => [`X-${family}-${what}`, `${what.toLowerCase()}-${family.length * 1000 + place * 37 + index}`]
    )
  )

const fields = (count: number, index: number): ReadonlyArray<Line> =>
  [...common(index), ...further(index), ...own(index)].slice(0, count)

interface Head {
  readonly bytes: Buffer
  readonly lines: ReadonlyArray<Line>
}

/** Several heads, because the responses of a connection differ a little, too. Each has an empty body. */
const heads = (count: number): ReadonlyArray<Head> =>
  Array.from({ length: 16 }, (_, index) => {
    const lines = fields(count, index)
    const text = `HTTP/1.1 200 OK\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`
    return { bytes: Buffer.from(text, "latin1"), lines }
  })

/** The case of names does not count: undici and node:http put them in lower case. */
const shown = (lines: Iterable<Line>): string =>
  [...lines].map(([name, value]) => `${name.toLowerCase()}: ${value}`).sort().join("\n")

/** Throws unless the parser gives every field of every head. */
const check = (parser: Parser, all: ReadonlyArray<Head>, count: number): void => {
  for (const { bytes, lines } of all) {
    const status = parser.parse(bytes)
    if (status !== 200 || lines.length !== count || shown(parser.lines()) !== shown(lines)) {
      throw new Error(`a head was not parsed as it must be: ${status}\n${shown(parser.lines())}`)
    }
  }
}

/** How many heads are parsed between two looks at the clock. */
const batch = 64

const parseSome = (parser: Parser, all: ReadonlyArray<Head>): void => {
  for (let done = 0; done < batch; done += all.length) {
    for (const { bytes } of all) {
      if (parser.parse(bytes) !== 200) throw new Error("a status is wrong")
    }
  }
}

/** A contender that parses heads of so many fields. */
export const contender = (
  { name, side, make }: Pick<Contender, "name" | "side"> & { readonly make: () => Promise<Parser> },
  count: number
): Contender => ({
  name,
  side,
  start: async (_setting: Setting): Promise<Session> => {
    const parser = await make()
    const all = heads(count)
    check(parser, all, count)
    return {
      run: (millis) => {
        const start = performance.now()
        let parsed = 0
        let now = start
        while (now - start < millis) {
          parseSome(parser, all)
          parsed += batch
          now = performance.now()
        }
        return Promise.resolve({ value: parsed / ((now - start) / 1000), count: parsed })
      },
      stop: () => Promise.resolve()
    }
  }
})

/** The lines of an object of headers, in which an array stands for several lines. */
export const objectLines = (headers: Readonly<Record<string, string | ReadonlyArray<string>>>): Iterable<Line> =>
  Object.entries(headers).flatMap(([name, value]) =>
    typeof value === "string" ? [[name, value] as const] : value.map((one) => [name, one] as const)
  )
