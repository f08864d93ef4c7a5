/** What the servers of the benchmarks answer, and with which fields: the same from nginx and from ours. */
import { smallJson } from "./addresses.ts"

const kib = 1024
const mib = 1024 * kib

/** What goes out chunked, and to a packet as many chunks as fit. */
export const chunkSize = 64 * kib
export const tinySize = 10
export const tinyCount = 10_000

/** Sizes of `/size/N`, in KiB. */
export const sizes = [1, 4, 16, 64, 256, 1024]

/** What lies below which path, in bytes. */
export const files: ReadonlyMap<string, number> = new Map([
  ["/64k", 64 * kib],
  ["/16m", 16 * mib],
  ["/256m", 256 * mib],
  ...sizes.map((size): [string, number] => [`/size/${size}`, size * kib])
])

type Field = readonly [name: string, value: string]

/** What nginx adds to its own five (Server, Date, Content-Type, Content-Length, Connection), so that there are nine. */
export const smallFields: ReadonlyArray<Field> = [
  ["Cache-Control", "no-cache, private"],
  ["Vary", "Accept-Encoding"],
  ["X-Content-Type-Options", "nosniff"],
  ["X-Request-Id", "6f1d3c1e-5f0b-4a63-9c4e-0f6f3f0a7c11"]
]

/** The same, so that there are forty. */
export const manyFields: ReadonlyArray<Field> = [
  ...smallFields,
  ["Strict-Transport-Security", "max-age=31536000; includeSubDomains"],
  ["Content-Security-Policy", "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'"],
  ["Referrer-Policy", "strict-origin-when-cross-origin"],
  ["X-Frame-Options", "DENY"],
  ["Access-Control-Allow-Origin", "https://app.example.test"],
  ["Access-Control-Expose-Headers", "X-Request-Id, X-RateLimit-Remaining"],
  ...Array.from({ length: 25 }, (_, index): Field => [`X-Field-${index + 10}`, `value ${index} of twenty-five`])
]

/** A whole head of ours, with the fields that nginx sends too. */
export const head = (
  contentType: string,
  framing: string,
  fields: ReadonlyArray<Field> = []
): string =>
  [
    "HTTP/1.1 200 OK",
    "Server: bench/1.22.1",
    "Date: Thu, 01 Jan 2026 00:00:00 GMT",
    `Content-Type: ${contentType}`,
    framing,
    "Connection: keep-alive",
    ...fields.map(([name, value]) => `${name}: ${value}`),
    "\r\n"
  ].join("\r\n")

/** A head and a body whose length is known. */
export const whole = (contentType: string, body: string, fields?: ReadonlyArray<Field>): Buffer =>
  Buffer.from(`${head(contentType, `Content-Length: ${body.length}`, fields)}${body}`, "latin1")

export const small = whole("application/json", smallJson, smallFields)
export const many = whole("application/json", smallJson, manyFields)
export const notFound = Buffer.from("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
export const goOn = Buffer.from("HTTP/1.1 100 Continue\r\n\r\n")
