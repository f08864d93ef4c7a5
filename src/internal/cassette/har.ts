/**
 * A cassette as HAR 1.2, which browsers and many tools show: one entry for each request.
 *
 * Follows the draft of the W3C (w3c.github.io/web-performance, HAR). Values that do not apply are
 * -1.
 */
import { converse, type Exchange } from "./dialogue.ts"
import type { Har, HarEntry, HarMessage, NameValue } from "./harModel.ts"
import { contentEntry, postData, requestCookies, responseCookies } from "./harParts.ts"
import type { Cassette, Connection, Event } from "./model.ts"
import type { Message, Reader, Side } from "./reader.ts"

/** When each byte of a side was sent or received. */
class Times {
  readonly #ends: Array<readonly [offset: number, at: number]> = []

  constructor(events: ReadonlyArray<Event>, side: Side) {
    let offset = 0
    for (const event of events) {
      if (event._tag === "Bytes" && event.from === side) this.#ends.push([offset += event.bytes.length, event.at])
    }
  }

  /** Returns the time of the byte at an offset. */
  at(offset: number): number {
    // A connection may have many thousand pieces, so they are not searched one by one.
    let low = 0
    let high = this.#ends.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#ends[middle]?.[0] ?? 0) > offset) high = middle
      else low = middle + 1
    }
    return this.#ends[low]?.[1] ?? 0
  }
}

const headers = (message: Message): ReadonlyArray<NameValue> =>
  message.fields.map(({ name, value }) => ({ name, value }))

const sizeOf = (message: Message): number => message.data.reduce((sum, { end, start }) => sum + end - start, 0)

const parts = (message: Message, version: string): Omit<HarMessage, "cookies"> => ({
  httpVersion: version,
  headers: headers(message),
  headersSize: message.headEnd < 0 ? -1 : message.headEnd - message.start,
  bodySize: sizeOf(message)
})

/** Returns the URL of a request, whose target may be a URL already. */
const urlOf = (request: Message, secure: boolean, { endpoint }: Connection): string => {
  const { method, target } = request
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(target)) return target
  const scheme = secure ? "https" : "http"
  if (method === "CONNECT") return `${scheme}://${target}`
  const host = request.get("host")[0] ?? `${endpoint.host}:${endpoint.port}`
  return `${scheme}://${host}${target.startsWith("/") ? target : "/"}`
}

const queryOf = (url: string): ReadonlyArray<NameValue> => {
  const query = /\?([^#]*)/.exec(url)?.[1] ?? ""
  return [...new URLSearchParams(query)].map(([name, value]) => ({ name, value }))
}

/** The response entry of a request without a response. */
const noResponse: HarEntry["response"] = {
  status: 0,
  statusText: "",
  httpVersion: "",
  cookies: [],
  headers: [],
  content: { size: 0, mimeType: "x-unknown" },
  redirectURL: "",
  headersSize: -1,
  bodySize: -1
}

const responseOf = (response: Message, server: Reader): HarEntry["response"] => ({
  status: response.status,
  statusText: response.line.slice(13),
  ...parts(response, response.line.slice(0, 8)),
  cookies: response.get("set-cookie").map(responseCookies),
  content: contentEntry(response, server.store.view),
  redirectURL: response.get("location")[0] ?? ""
})

/** True for a tunnel, which is a part of opening a connection. */
const isTunnel = ({ request, response }: Exchange): boolean =>
  request.method === "CONNECT" && response !== undefined && response.status >= 200 && response.status < 300

/** Returns when the connection could be used, and how long its handshake took. */
const ready = (
  { events, opening }: Connection
): { readonly at: number; readonly tls: number; readonly secure: boolean } => {
  if (opening._tag !== "Opened") return { at: 0, tls: -1, secure: false }
  const secured = events.findLast((event) => event._tag === "Secure")
  if (secured === undefined || secured.result._tag !== "Opened") {
    return { at: opening.at, tls: opening.info.timings.tls ?? -1, secure: opening.info.tls !== undefined }
  }
  return { at: secured.result.at, tls: secured.result.at - secured.at, secure: true }
}

const entriesOf = (connection: Connection, index: number, recordedAt: number): ReadonlyArray<HarEntry> => {
  const { at, events, opening } = connection
  const { client, exchanges, server } = converse(events)
  const sent = new Times(events, "Client")
  const received = new Times(events, "Server")
  const { at: readyAt, secure, tls } = ready(connection)
  const info = opening._tag === "Opened" ? opening.info : undefined
  return exchanges.filter((exchange) => !isTunnel(exchange) && exchange.request.headEnd >= 0).map(
    ({ request, response }, number): HarEntry => {
      const start = sent.at(request.start)
      const end = sent.at((request.end < 0 ? client.store.length : request.end) - 1)
      const first = response === undefined ? end : received.at(response.start)
      const last = response === undefined
        ? end
        : received.at((response.end < 0 ? server.store.length : response.end) - 1)
      const isFirst = number === 0
      const dns = isFirst ? info?.timings.dns ?? -1 : -1
      const timings = {
        blocked: isFirst ? Math.max(0, start - readyAt) : -1,
        dns,
        connect: isFirst ? Math.max(0, readyAt - at - Math.max(0, dns)) : -1,
        // An early response is received while the request is sent.
        send: Math.max(0, Math.min(end, Math.max(first, start)) - start),
        wait: Math.max(0, first - end),
        receive: Math.max(0, last - first),
        ssl: isFirst ? tls : -1
      }
      const url = urlOf(request, secure, connection)
      const body = postData(request, client.store.view)
      return {
        startedDateTime: new Date(recordedAt + (isFirst ? at : start)).toISOString(),
        // `ssl` is a part of `connect`.
        time: [timings.blocked, timings.dns, timings.connect, timings.send, timings.wait, timings.receive]
          .reduce((sum, millis) => sum + Math.max(0, millis), 0),
        request: {
          method: request.method,
          url,
          ...parts(request, request.line.split(" ")[2] ?? ""),
          cookies: request.get("cookie").flatMap(requestCookies),
          queryString: queryOf(url),
          ...(body === undefined ? undefined : { postData: body })
        },
        response: response === undefined || response.headEnd < 0 ? noResponse : responseOf(response, server),
        cache: {},
        timings,
        ...(info?.remoteAddress === undefined ? undefined : { serverIPAddress: info.remoteAddress }),
        connection: String(index),
        ...(response === undefined || response.end >= 0 ? undefined : { comment: "The response is not complete." })
      }
    }
  )
}

export const toHar = ({ connections, recordedAt, version }: Cassette): Har => ({
  log: {
    version: "1.2",
    // The version is that of the cassette, of which the entries are made.
    creator: { name: "effect-http-client Cassette", version: String(version) },
    entries: connections.flatMap((connection, index) => entriesOf(connection, index, recordedAt))
      .toSorted((a, b) => a.startedDateTime < b.startedDateTime ? -1 : a.startedDateTime > b.startedDateTime ? 1 : 0)
  }
})
