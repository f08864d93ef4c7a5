/** A cassette as HAR 1.2: valid by the schema of the specification, with the times of the clock, and without secrets. */
import { describe, expect, it } from "@effect/vitest"
import { Cassette } from "effect-http-client"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as Zlib from "node:zlib"
import type { Event } from "../../src/internal/cassette/model.ts"

// The specification (w3c.github.io/web-performance/specs/HAR/Overview.html), section by section. Fields that it calls optional are so here.
const text = Schema.String
const comment = { comment: Schema.optionalWith(text, { exact: true }) }
const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })
const dateTime = text.pipe(Schema.pattern(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/))
const size = Schema.Int.pipe(Schema.greaterThanOrEqualTo(-1))
const time = Schema.Number.pipe(Schema.greaterThanOrEqualTo(-1))
const needed = Schema.NonNegative
const pair = Schema.Struct({ name: text, value: text, ...comment })
const cookie = Schema.Struct({
  name: text,
  value: text,
  path: optional(text),
  domain: optional(text),
  expires: optional(dateTime),
  httpOnly: optional(Schema.Boolean),
  secure: optional(Schema.Boolean),
  ...comment
})
const message = {
  httpVersion: text,
  cookies: Schema.Array(cookie),
  headers: Schema.Array(pair),
  headersSize: size,
  bodySize: size,
  ...comment
}
const postData = Schema.Struct({
  mimeType: text,
  params: optional(Schema.Array(pair)),
  text: optional(text),
  ...comment
})
const entry = Schema.Struct({
  pageref: optional(text),
  startedDateTime: dateTime,
  time: needed,
  request: Schema.Struct({
    method: text,
    url: text,
    queryString: Schema.Array(pair),
    postData: optional(
      postData.pipe(Schema.filter(({ params, text }) => (params === undefined) !== (text === undefined)))
    ),
    ...message
  }),
  response: Schema.Struct({
    status: Schema.Int,
    statusText: text,
    content: Schema.Struct({
      size: Schema.Int,
      compression: optional(Schema.Int),
      mimeType: text,
      text: optional(text),
      encoding: optional(Schema.Literal("base64")),
      ...comment
    }),
    redirectURL: text,
    ...message
  }),
  cache: Schema.Struct({}),
  timings: Schema.Struct({
    blocked: time,
    dns: time,
    connect: time,
    send: needed,
    wait: needed,
    receive: needed,
    ssl: time,
    ...comment
  })
    .pipe(Schema.filter(({ connect, ssl }) => ssl <= Math.max(connect, -1))),
  serverIPAddress: optional(text),
  connection: optional(text),
  ...comment
}).pipe(
  Schema.filter(({ time, timings: { blocked, connect, dns, receive, send, wait } }) =>
    time === [blocked, dns, connect, send, wait, receive].filter((millis) => millis >= 0).reduce((a, b) => a + b, 0)
  )
)
const har = Schema.Struct({
  log: Schema.Struct({
    version: Schema.Literal("1.2"),
    creator: Schema.Struct({ name: text, version: text, ...comment }),
    entries: Schema.Array(entry)
  })
})

/** The entries, after the document was found valid as a file of it would be. */
const entriesOf = (cassette: Cassette.Cassette): ReadonlyArray<Cassette.HarEntry> => {
  const made = Cassette.toHar(cassette)
  const valid = Schema.decodeUnknownEither(har, { onExcessProperty: "error" })(JSON.parse(JSON.stringify(made)))
  expect(Either.isLeft(valid) ? String(valid.left) : "valid").toBe("valid")
  return made.log.entries
}

const bytes = (at: number, from: "Client" | "Server", sent: string | Uint8Array): Event => ({
  _tag: "Bytes",
  at,
  from,
  bytes: typeof sent === "string" ? Buffer.from(sent, "latin1") : sent
})

const recordedAt = Date.UTC(2026, 10, 29, 12)

const info = {
  localAddress: "127.0.0.1",
  localPort: 50_000,
  remoteAddress: "::1",
  remotePort: 443,
  tls: { version: "TLSv1.3", cipher: "X", alpn: "http/1.1", verified: true, resumed: false },
  timings: { dns: 2, connect: 3, tls: 5 }
}

const connection = (...events: ReadonlyArray<Event>): Cassette.Cassette => ({
  version: 1,
  recordedAt,
  connections: [{
    endpoint: { host: "a.test", port: 443, socketPath: undefined, tls: true },
    at: 100,
    opening: { _tag: "Opened", at: 110, info },
    events
  }]
})

const response = (head: string, body: Uint8Array | string) =>
  Buffer.concat([
    Buffer.from(`HTTP/1.1 200 OK\r\n${head}\r\n`, "latin1"),
    typeof body === "string" ? Buffer.from(body, "latin1") : body
  ])

describe("an entry", () => {
  it("has the request, the response and the times, those of opening with the first", () => {
    const [first, second, ...rest] = entriesOf(connection(
      bytes(
        112,
        "Client",
        "POST /a?x=1&y=%C3%A9 HTTP/1.1\r\nHost: a.test\r\nCookie: c=1; d=2\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\n"
      ),
      bytes(115, "Client", "abc"),
      bytes(120, "Server", "HTTP/1.1 103 Early Hints\r\n\r\n"),
      bytes(
        140,
        "Server",
        "HTTP/1.1 302 Found here\r\nLocation: /b\r\nSet-Cookie: e=2; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Secure\r\n"
      ),
      bytes(
        141,
        "Server",
        "Transfer-Encoding: chunked\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n2\r\nh\xe9\r\n"
      ),
      bytes(150, "Server", "1\r\n!\r\n0\r\n\r\n"),
      bytes(1000, "Client", "GET /b HTTP/1.1\r\nHost: a.test\r\n\r\n"),
      bytes(1007, "Server", "HTTP/1.1 204 No Content\r\n\r\n")
    ))
    expect(rest).toEqual([])
    expect(first).toEqual({
      startedDateTime: "2026-11-29T12:00:00.100Z",
      time: 50,
      request: {
        method: "POST",
        url: "https://a.test/a?x=1&y=%C3%A9",
        httpVersion: "HTTP/1.1",
        headers: [
          { name: "Host", value: "a.test" },
          { name: "Cookie", value: "c=1; d=2" },
          { name: "Content-Type", value: "text/plain" },
          { name: "Content-Length", value: "3" }
        ],
        cookies: [{ name: "c", value: "1" }, { name: "d", value: "2" }],
        queryString: [{ name: "x", value: "1" }, { name: "y", value: "é" }],
        postData: { mimeType: "text/plain", text: "abc" },
        headersSize: 110,
        bodySize: 3
      },
      response: {
        status: 302,
        statusText: "Found here",
        httpVersion: "HTTP/1.1",
        headers: [
          { name: "Location", value: "/b" },
          { name: "Set-Cookie", value: "e=2; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Secure" },
          { name: "Transfer-Encoding", value: "chunked" },
          { name: "Content-Type", value: "text/html; charset=iso-8859-1" }
        ],
        cookies: [{
          name: "e",
          value: "2",
          path: "/",
          expires: "2026-10-21T07:28:00.000Z",
          httpOnly: false,
          secure: true
        }],
        content: { size: 3, mimeType: "text/html; charset=iso-8859-1", text: "hé!" },
        redirectURL: "/b",
        headersSize: 186,
        bodySize: 3
      },
      cache: {},
      timings: { blocked: 2, dns: 2, connect: 8, send: 3, wait: 25, receive: 10, ssl: 5 },
      serverIPAddress: "::1",
      connection: "0"
    })
    expect(second).toMatchObject({
      startedDateTime: "2026-11-29T12:00:01.000Z",
      time: 7,
      timings: { blocked: -1, dns: -1, connect: -1, ssl: -1, send: 0, wait: 7, receive: 0 },
      response: { status: 204, content: { size: 0, mimeType: "x-unknown" } }
    })
  })

  const json = JSON.stringify({ a: "é".repeat(100) })
  const bodies: ReadonlyArray<
    readonly [name: string, head: string, body: Uint8Array, content: Partial<Cassette.HarEntry["response"]["content"]>]
  > = [
    [
      "JSON with gzip is shown decoded",
      "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
      Zlib.gzipSync(json),
      { text: json, size: 208 }
    ],
    ["bytes are base64", "Content-Type: image/png\r\n", Buffer.from([0, 255, 1]), {
      text: "AP8B",
      encoding: "base64",
      size: 3
    }],
    ["text that is not of its charset is base64", "Content-Type: text/plain; charset=utf-8\r\n", Buffer.from([0xff]), {
      text: "/w==",
      encoding: "base64"
    }],
    ["a coding that is unknown stays", "Content-Type: text/plain\r\nContent-Encoding: x\r\n", Buffer.from("abc"), {
      text: "YWJj",
      encoding: "base64",
      size: 3
    }],
    ["a body without a type is base64", "", Buffer.from("abc"), {
      text: "YWJj",
      encoding: "base64",
      mimeType: "x-unknown"
    }]
  ]
  for (const [name, head, body, content] of bodies) {
    it(name, () => {
      const [entry] = entriesOf(connection(
        bytes(112, "Client", "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"),
        bytes(113, "Server", response(`${head}Content-Length: ${body.length}\r\n`, body))
      ))
      expect(entry?.response.content).toMatchObject(content)
      expect(entry?.response.bodySize).toBe(body.length)
      const { compression } = entry?.response.content ?? {}
      expect(compression).toBe(name.includes("gzip") ? 208 - body.length : undefined)
    })
  }

  it("of a form has its parameters, and other bytes are kept one by one", () => {
    const post = (type: string, body: string) =>
      entriesOf(
        connection(
          bytes(
            1,
            "Client",
            `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
          )
        )
      )[0]
        ?.request.postData
    expect(post("application/x-www-form-urlencoded", "a=1&b=%20")).toEqual({
      mimeType: "application/x-www-form-urlencoded",
      params: [{ name: "a", value: "1" }, { name: "b", value: " " }]
    })
    expect(post("image/png", "\x00\xff")).toMatchObject({
      text: "\x00\xff",
      comment: expect.stringContaining("ISO-8859-1")
    })
  })

  it("of a request without a response has the status 0, and one that was cut says so", () => {
    const get = bytes(112, "Client", "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    expect(entriesOf(connection(get))[0]?.response).toMatchObject({ status: 0, bodySize: -1 })
    const [cut] = entriesOf(connection(get, bytes(113, "Server", response("Content-Length: 9\r\n", "abc"))))
    expect(cut).toMatchObject({ comment: "The response is not complete.", response: { status: 200, bodySize: 3 } })
  })

  it("of https in a tunnel has the URL of the server, and the tunnel is part of the opening", () => {
    const cassette: Cassette.Cassette = {
      version: 1,
      recordedAt,
      connections: [{
        endpoint: { host: "proxy.test", port: 3128, socketPath: undefined, tls: false },
        at: 0,
        opening: {
          _tag: "Opened",
          at: 5,
          info: { ...info, tls: undefined, timings: { dns: undefined, connect: 5, tls: undefined } }
        },
        events: [
          bytes(5, "Client", "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n"),
          bytes(8, "Server", "HTTP/1.1 200 OK\r\n\r\n"),
          { _tag: "Secure", at: 8, serverName: "a.test", result: { _tag: "Opened", at: 12, info } },
          bytes(12, "Client", "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n"),
          bytes(20, "Server", "HTTP/1.1 204 No Content\r\n\r\n")
        ]
      }]
    }
    const entries = entriesOf(cassette)
    expect(entries.map(({ request: { url }, timings }) => [url, timings])).toEqual([
      ["https://a.test/x", { blocked: 0, dns: -1, connect: 12, send: 0, wait: 8, receive: 0, ssl: 4 }]
    ])
  })
})
