/** The fields of a forwarded message: without those of one connection, with Via and Forwarded. */
import type { HttpResponse } from "effect-http-client"
import type * as http from "node:http"

type Fields = ReadonlyArray<readonly [name: string, value: string]>

/** Fields that are about one connection and not about the message (RFC 9110 section 7.6.1). */
const ofConnection = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
  // Between a client and its proxy (RFC 9110 section 11.7).
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization"
]

/** What the pool writes itself, and what only the gateway may say: any client can claim it. */
const ofRequest = ["content-length", "expect", "forwarded", "host"]

/** The fields that are forwarded to the next party. `Connection` can name more that must not. */
const endToEnd = (fields: Fields, others: ReadonlyArray<string> = []): Fields => {
  const named = fields
    .filter(([name]) => name.toLowerCase() === "connection")
    .flatMap(([, value]) => value.split(",").map((option) => option.trim().toLowerCase()))
  const dropped = new Set([...ofConnection, ...others, ...named])
  return fields.filter(([name]) => !dropped.has(name.toLowerCase()))
}

/** Node has the fields, in order and spelling, as one flat list. */
export const pairs = (raw: ReadonlyArray<string>): Array<[name: string, value: string]> =>
  raw.flatMap((name, at) => at % 2 === 0 ? [[name, raw[at + 1] ?? ""] as [string, string]] : [])

const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, "\\$&")}"`

/** Who asked, and for what (RFC 7239). */
const forwarded = ({ headers, socket }: http.IncomingMessage): string => {
  const address = socket.remoteAddress ?? "unknown"
  const client = address.includes(":") ? quoted(`[${address}]`) : address
  return `for=${client};host=${quoted(headers.host ?? "")};proto=http`
}

/** The fields of a client's request, for the upstream. */
export const toUpstream = (incoming: http.IncomingMessage, gateway: string): Fields => [
  ...endToEnd(pairs(incoming.rawHeaders), ofRequest).filter(([name]) => !name.toLowerCase().startsWith("x-forwarded-")),
  ["Via", `${incoming.httpVersion} ${gateway}`],
  ["Forwarded", forwarded(incoming)]
]

/** The fields of an upstream's response, for the client. */
export const toClient = (
  response: HttpResponse.HttpResponse,
  gateway: string
): Array<[name: string, value: string]> => [
  // Only chunks have trailers, and Node refuses the announcement of any others.
  ...endToEnd(response.getHeaders, response.framing === "chunked" ? [] : ["trailer"])
    .map(([name, value]): [string, string] => [name, value]),
  ["Via", `${response.version === 10 ? "1.0" : "1.1"} ${gateway}`]
]
