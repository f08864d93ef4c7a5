/**
 * Every message names the request that it is about: each class of error, made by an exchange where an exchange can make it, ends
 * with method, origin and path, shows no secret, and prints nothing that is `undefined`.
 */
import * as PlatformBody from "@effect/platform/HttpBody"
import type * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { inspect } from "node:util"
import { gzipSync } from "node:zlib"
import * as AddressPolicy from "../src/AddressPolicy.ts"
import * as ConnectionPool from "../src/ConnectionPool.ts"
import * as HttpBody from "../src/HttpBody.ts"
import * as HttpConnection from "../src/HttpConnection.ts"
import * as HttpError from "../src/HttpError.ts"
import * as HttpFields from "../src/HttpFields.ts"
import * as HttpRequest from "../src/HttpRequest.ts"
import * as HttpResponse from "../src/HttpResponse.ts"
import { ofRequest, withContext } from "../src/internal/error/base.ts"
import { unlocated } from "../src/internal/error/context.ts"
import * as PooledHttpClient from "../src/PooledHttpClient.ts"
import * as Proxy from "../src/Proxy.ts"
import * as Sse from "../src/Sse.ts"
import * as T from "../src/TestTransport.ts"
import { Transport } from "../src/Transport.ts"
import { contained, latin1, started } from "./connection/harness.ts"

const secret = "hunter2"

/** The classes among the exports. */
const classes = Object.entries(HttpError).flatMap(([name, value]) =>
  typeof value === "function" && value.prototype instanceof Error
    ? [[name, value as unknown as new(fields: object) => HttpError.HttpError] as const]
    : []
)

const shown = (error: unknown): string =>
  [
    (error as Error).message,
    String(error),
    (error as Error).stack,
    JSON.stringify(error),
    inspect(error, { depth: 9 })
  ].join("\n")

/** Whether anything in a value is `undefined`, or a record of nothing. */
const hasNothing = (value: unknown): boolean => {
  if (typeof value !== "object" || value === null) return value === undefined
  if (Array.isArray(value)) return value.some(hasNothing)
  // Fields are a list with a `toJSON`, and no record.
  if (Object.getPrototypeOf(value) !== Object.prototype) return false
  const inner = Object.values(value)
  return inner.length === 0 || inner.some(hasNothing)
}

const where: HttpError.ErrorContext = {
  ...unlocated("head", "Remote"),
  origin: "http://a.test:8080",
  method: "GET",
  path: "/path"
}

/** Fields that are text in the classes that have them. */
const texts = { code: "C", codings: "c", line: "l", reason: "r", size: "1", target: "t", value: "v", version: "2" }

describe("every class", () => {
  it.each(classes)("%s leaves `message` to the base, which ends it with the request", (name, Class) => {
    expect(Object.hasOwn(Class.prototype, "message")).toBe(false)
    expect(Object.hasOwn(Class.prototype, "description")).toBe(true)
    const error = withContext(
      new Class({
        ...(name === "BodyTooLarge" ? undefined : texts),
        fields: HttpFields.empty,
        history: [],
        attempts: [],
        challenges: [],
        values: [],
        bodyPrefix: new Uint8Array()
      }),
      where
    )
    expect(error.message).toBe(`${error.description} (GET http://a.test:8080/path)`)
    expect(error.description).not.toBe("")
    expect(String(error.stack)).toContain("(GET http://a.test:8080/path)\n")
  })
})

describe("the end of a message", () => {
  const endOf = (context: Partial<HttpError.ErrorContext>): string => {
    const error = withContext(new HttpError.BodyTooLarge({ limit: 1 }), { ...where, ...context })
    return error.message.slice(error.description.length)
  }

  it.each<readonly [what: string, context: Partial<HttpError.ErrorContext>, end: string]>([
    ["an origin", { method: undefined, path: undefined }, " (http://a.test:8080)"],
    ["a method whose target is wrong", { path: undefined }, " (GET http://a.test:8080)"],
    ["the server as a whole", { method: "OPTIONS", path: "*" }, " (OPTIONS http://a.test:8080)"],
    ["a unix socket", { origin: "unix:/run/docker.sock", path: "/info" }, " (GET unix:/run/docker.sock:/info)"],
    ["a unix socket alone", { origin: "unix:/run/a.sock", path: undefined }, " (GET unix:/run/a.sock)"],
    ["a path of 200 characters", { path: `/${"x".repeat(199)}` }, ` (GET http://a.test:8080/${"x".repeat(199)})`],
    ["a longer one", { path: `/${"x".repeat(200)}` }, ` (GET http://a.test:8080/${"x".repeat(199)}…)`],
    ["nothing, before the origin is known", { origin: undefined }, ""]
  ])("is %s", (_, context, end) => {
    expect(endOf(context)).toBe(end)
  })

  it("is added where the border knew the origin and not the request, and is not changed then", () => {
    const error = withContext(new HttpError.BodyTooLarge({ limit: 1 }), {
      ...where,
      method: undefined,
      path: undefined
    })
    withContext(error, { ...where, origin: "http://b.test:80", bytesRead: 9 })
    expect(error.context).toEqual(where)
    withContext(error, { ...where, path: "/other" })
    expect(error.context).toEqual(where)
  })

  it("of an error that several requests share names the request of each", () => {
    const cause = new Error("refused")
    const fields = { reason: "Refused", code: "ECONNREFUSED", target: "a.test:8080", attempts: [], cause } as const
    const shared = withContext(new HttpError.ConnectError(fields), { ...where, method: undefined, path: undefined })
    const first = ofRequest(shared, { ...where, path: "/1" })
    const second = ofRequest(shared, { ...where, path: "/2" })
    expect(first).toBe(shared)
    expect(ofRequest(first, { ...where, path: "/1" })).toBe(first)
    expect(first.message).toMatch(/ \(GET http:\/\/a\.test:8080\/1\)$/)
    expect(second.message).toMatch(/ \(GET http:\/\/a\.test:8080\/2\)$/)
    expect(second).toBeInstanceOf(HttpError.ConnectError)
    expect(second).toMatchObject(fields)
    expect(second.cause).toBe(cause)
  })
})

// --- through exchanges

interface Kit {
  readonly pool: ConnectionPool.ConnectionPool
  readonly connection: HttpConnection.HttpConnection
  readonly client: HttpClient.HttpClient
}

interface Case {
  readonly tag: HttpError.HttpError["_tag"]
  readonly script?: T.Script
  readonly options?: ConnectionPool.Options & Partial<HttpConnection.Options>
  readonly policy?: AddressPolicy.Policy
  readonly run: (kit: Kit) => Effect.Effect<unknown, unknown, Scope.Scope>
  /** The end of the message. Default: `(GET http://a.test:80/path)`. */
  readonly end?: string
  readonly says?: string
}

const url = `http://a.test/path?token=${secret}`
const headers = { Authorization: `Bearer ${secret}`, Cookie: secret }
const get = (options: HttpRequest.Input = {}): HttpRequest.HttpRequest => HttpRequest.get(url, { headers, ...options })
const post = (body: HttpBody.HttpBody<unknown>, options: HttpRequest.Input = {}) =>
  HttpRequest.post(url, { headers, body, ...options })
const posted = "(POST http://a.test:80/path)"

/** What a stream of the caller fails with, which may be anything. */
const diskFull: unknown = new RangeError("the disk is full")

/** By the pool, the body read. */
const pooled = (request: HttpRequest.HttpRequest<unknown> = get()) => ({ pool }: Kit) =>
  Effect.flatMap(pool.execute(request), (response) => response.json)
/** By the connection. */
const alone = (request: HttpRequest.HttpRequest<unknown>) => ({ connection }: Kit) =>
  Effect.flatMap(connection.execute(request), (response) => response.bytes)
/** By the platform's client. */
const byClient = ({ client }: Kit) => Effect.flatMap(client.get(url, { headers }), (response) => response.text)

const asked = T.discardUntil("\r\n\r\n")
const answer = (...lines: ReadonlyArray<string>): T.Script => [T.connection(asked, T.reply(lines.join("\r\n")), T.eof)]
const kept = (...lines: ReadonlyArray<string>): T.Script => [T.connection(asked, T.reply(lines.join("\r\n")), T.stall)]
const ok = "HTTP/1.1 200 OK"
const chunked = [ok, "Transfer-Encoding: chunked", ""]

const afterwards = (run: Case["run"], duration: "1 second") => (kit: Kit) =>
  Effect.gen(function*() {
    const fiber = yield* started(run(kit))
    yield* TestClock.adjust(duration)
    return yield* fiber
  })

const limits = { statusLine: 64, head: 256, fields: 3, body: 100, trailers: 40, chunkExtensions: 20, informational: 1 }
const second = {
  pool: "1 second",
  head: "1 second",
  connect: "1 second",
  proxy: "1 second",
  total: "1 minute"
} as const
const proxy = Proxy.make({ host: "p.test", port: 3128, credentials: { username: "me", password: secret } })
const proxied = { proxy: Option.getOrThrow(Option.getRight(proxy)) }
const proxyEnd = "(GET https://a.test:443/path)"
const overProxy = HttpRequest.get(url.replace("http:", "https:"), { headers })

const gzipped = (): Uint8Array => gzipSync(Buffer.alloc(999))

const redirected = (tag: Case["tag"], location: string, options?: PooledHttpClient.RedirectOptions): Case => ({
  tag,
  script: answer("HTTP/1.1 302 To", `Location: ${location}`, "Content-Length: 0", "", ""),
  run: ({ client }) => PooledHttpClient.followRedirects(client, options).get(url, { headers })
})

const cases: ReadonlyArray<Case> = [
  // The request.
  { tag: "InvalidUrl", run: alone(HttpRequest.get(`/ ?${secret}`)), end: "(GET http://a.test:80)" },
  { tag: "InvalidMethod", run: pooled(HttpRequest.make("G T", url)), end: "(http://a.test:80)" },
  { tag: "InvalidMethod", run: alone(HttpRequest.make("G T", "/")), end: "(http://a.test:80)" },
  { tag: "InvalidHeaderName", run: pooled(get({ headers: { "a b": secret } })) },
  { tag: "InvalidHeaderValue", run: pooled(get({ headers: { a: `${secret}\n` } })) },
  { tag: "ForbiddenHeader", run: pooled(get({ headers: { Upgrade: secret } })) },
  {
    tag: "ConflictingFraming",
    run: pooled(
      post(HttpBody.bytes(new Uint8Array(1)), { headers: [["Content-Length", "1"], ["Content-Length", "2"]] })
    ),
    end: posted
  },
  { tag: "InvalidTrailer", run: pooled(post(HttpBody.empty, { trailers: { Host: secret } })), end: posted },
  { tag: "InvalidOption", run: pooled(get({ limits: { head: -1 } })) },
  { tag: "InvalidOption", run: pooled(get({ timeouts: { head: -1 } })) },
  {
    tag: "UnsupportedBody",
    script: [T.connection(T.discard())],
    run: pooled(post(HttpBody.stream(Stream.make(7 as never)))),
    end: posted
  },
  // The state.
  {
    tag: "CannotSendRequest",
    script: kept(ok, "Content-Length: 9", "", ""),
    run: ({ connection }) => Effect.zipRight(connection.execute(get()), connection.execute(get()))
  },
  { tag: "CannotSendHeader", run: ({ connection }) => connection.putHeader("a", secret), end: "(http://a.test:80)" },
  { tag: "ResponseNotReady", run: ({ connection }) => connection.getResponse, end: "(http://a.test:80)" },
  {
    tag: "ResponseNotReady",
    run: ({ connection }) => Effect.zipRight(connection.putRequest("GET", "/path?q"), connection.getResponse)
  },
  { tag: "NotConnected", options: { autoOpen: false }, run: alone(get()) },
  {
    tag: "NotConnected",
    options: { autoOpen: false },
    run: ({ connection }) => connection.request("GET", `/path?${secret}`)
  },
  {
    tag: "ConnectionClosed",
    script: kept(ok, "Content-Length: 9", "", ""),
    run: ({ connection }) =>
      Effect.flatMap(connection.execute(get()), (response) => Effect.zipRight(connection.close, response.bytes))
  },
  {
    tag: "BodyAlreadyConsumed",
    script: kept(ok, "Content-Length: 9", "", "x"),
    run: ({ pool }) =>
      Effect.flatMap(pool.execute(get()), (response) => Effect.zipRight(response.close, response.bytes))
  },
  // The pool.
  {
    tag: "PoolQueueFull",
    script: [T.connection(T.discard(), T.stall)],
    options: { connections: 1, waiters: 0 },
    run: (kit) => Effect.zipRight(started(pooled()(kit)), pooled()(kit))
  },
  { tag: "PoolClosed", run: (kit) => Effect.zipRight(kit.pool.shutdown({ grace: 0 }), pooled()(kit)) },
  {
    tag: "HttpTimeout",
    script: [T.connection(T.discard(), T.stall)],
    options: { connections: 1, timeouts: { ...second, head: "1 minute" } },
    run: (kit) => Effect.zipRight(started(pooled()(kit)), afterwards(pooled(), "1 second")(kit)),
    says: "waiting for a connection of the pool"
  },
  // Opening.
  {
    tag: "DnsError",
    script: [
      T.refuse(new HttpError.DnsError({ host: "a.test", reason: "NotFound", code: "ENOTFOUND", cause: undefined }))
    ],
    run: pooled()
  },
  {
    tag: "AddressRefused",
    policy: AddressPolicy.publicOnly,
    run: pooled(HttpRequest.get("http://10.0.0.1/path?q", { headers })),
    end: "(GET http://10.0.0.1:80/path)",
    says: "it is a private address (10.0.0.0/8)"
  },
  {
    tag: "AddressRefused",
    policy: AddressPolicy.publicOnly,
    options: { host: "::1" },
    run: alone(HttpRequest.get("/path?q", { headers })),
    end: "(GET http://[::1]:80/path)"
  },
  { tag: "ConnectError", script: [T.refuse()], run: pooled(), says: "Could not connect to a.test:80 (" },
  { tag: "ConnectError", script: [T.refuse()], run: alone(get()) },
  { tag: "ConnectError", script: [T.refuse()], run: ({ connection }) => connection.connect, end: "(http://a.test:80)" },
  { tag: "ConnectError", script: [T.refuse()], run: byClient },
  {
    tag: "ConnectError",
    script: [T.refuse()],
    options: proxied,
    run: pooled(),
    says: "Could not connect to the proxy p.test:3128 ("
  },
  {
    tag: "ConnectError",
    script: [T.refuse()],
    options: { host: "p.test", port: 3128, tunnel: { host: "a.test", port: 80 } },
    run: ({ connection }) => connection.request("GET", `/path?${secret}`),
    says: "Could not connect to the proxy p.test:3128 ("
  },
  {
    tag: "DnsError",
    script: [
      T.refuse(new HttpError.DnsError({ host: "p.test", reason: "NotFound", code: "ENOTFOUND", cause: undefined }))
    ],
    options: proxied,
    run: pooled(overProxy),
    end: proxyEnd,
    says: "The host name \"p.test\" of the proxy could not"
  },
  {
    tag: "CredentialsError",
    script: [],
    options: { tls: Effect.fail({ _tag: "Unreadable", secret }) },
    run: pooled(HttpRequest.get(url.replace("http:", "https:"))),
    end: proxyEnd
  },
  {
    tag: "TlsError",
    script: [
      T.refuse(
        new HttpError.TlsError({ reason: "Alert", code: "X", serverName: "a.test", names: undefined, cause: undefined })
      )
    ],
    run: pooled(HttpRequest.get(url.replace("http:", "https:"))),
    end: proxyEnd
  },
  {
    tag: "ProxyConnectError",
    script: answer("HTTP/1.1 502 No", "Content-Length: 0", "", ""),
    options: proxied,
    run: pooled(overProxy),
    end: proxyEnd,
    says: "The proxy p.test:3128 refused"
  },
  {
    tag: "ProxyAuthRequired",
    script: answer("HTTP/1.1 407 No", "Content-Length: 0", "", ""),
    options: proxied,
    run: pooled(overProxy),
    end: proxyEnd,
    says: "The proxy p.test:3128 wants credentials"
  },
  {
    tag: "SocksError",
    script: [T.connection(T.expect("\x05\x01\x00"), T.reply("HTTP/1.1 400 No\r\n\r\n"))],
    options: { proxy: Option.getOrThrow(Option.getRight(Proxy.make({ scheme: "socks5h", host: "p.test" }))) },
    run: pooled(overProxy),
    end: proxyEnd,
    says: "The proxy p.test:1080 does not answer in SOCKS"
  },
  {
    tag: "RemoteDisconnected",
    script: [T.connection(asked, T.eof)],
    options: proxied,
    run: pooled(overProxy),
    end: proxyEnd,
    says: "The proxy p.test:3128 closed the connection"
  },
  {
    tag: "HttpTimeout",
    script: [T.openStalls],
    options: { timeouts: second },
    run: afterwards(pooled(), "1 second"),
    says: "opening the TCP connection ("
  },
  {
    tag: "HttpTimeout",
    script: [T.openStalls],
    options: { ...proxied, timeouts: second },
    run: afterwards(pooled(), "1 second"),
    says: "opening the TCP connection to the proxy p.test:3128"
  },
  {
    tag: "HttpTimeout",
    script: [T.connection(T.discard(), T.stall)],
    options: { ...proxied, timeouts: second },
    run: afterwards(pooled(overProxy), "1 second"),
    end: proxyEnd,
    says: "waiting for the proxy p.test:3128 to open the tunnel"
  },
  // Sending.
  {
    tag: "WriteError",
    script: [T.connection(T.writeFails("EPIPE"))],
    run: pooled(post(HttpBody.bytes(new Uint8Array(3)))),
    end: posted
  },
  {
    tag: "BodyLengthMismatch",
    script: [T.connection(T.discard())],
    run: pooled(post(HttpBody.stream(Stream.make(new Uint8Array(3)), { length: 9 }))),
    end: posted
  },
  {
    tag: "RequestBodyError",
    script: [T.connection(T.discard())],
    run: pooled(post(HttpBody.stream(Stream.fail(diskFull)))),
    end: posted,
    says: "failed with RangeError: \"the disk is full\""
  },
  // The head.
  { tag: "RemoteDisconnected", script: [T.connection(asked, T.eof)], run: pooled(), says: "The server closed" },
  {
    tag: "RemoteDisconnected",
    script: [T.connection(asked, T.eof)],
    options: proxied,
    run: pooled(),
    says: "The proxy p.test:3128 closed"
  },
  { tag: "ReadError", script: [T.connection(asked, T.reset)], run: pooled() },
  {
    tag: "StaleConnection",
    script: [T.connection(asked, T.reply(`${ok}\r\nContent-Length: 2\r\n\r\n[]`), asked, T.eof)],
    run: (kit) => Effect.zipRight(pooled()(kit), pooled(post(HttpBody.empty))(kit)),
    end: posted
  },
  { tag: "BadStatusLine", script: answer("220 mail", "", ""), run: pooled() },
  { tag: "UnknownProtocol", script: answer("HTTP/2.0 200 OK", "", ""), run: pooled() },
  { tag: "InvalidStatusCode", script: answer("HTTP/1.1 099 OK", "", ""), run: pooled() },
  { tag: "LineTooLong", script: answer(`${ok}${"x".repeat(99)}`, "", ""), run: pooled(get({ limits })) },
  { tag: "HeadersTooLarge", script: answer(ok, `A: ${"x".repeat(300)}`, "", ""), run: pooled(get({ limits })) },
  { tag: "TooManyHeaders", script: answer(ok, "a: b", "a: b", "a: b", "a: b", "", ""), run: pooled(get({ limits })) },
  { tag: "InvalidHeaderLine", script: answer(ok, "a b: c", "", ""), run: pooled() },
  { tag: "InvalidContentLength", script: answer(ok, "Content-Length: x", "", ""), run: pooled() },
  { tag: "ConflictingContentLength", script: answer(ok, "Content-Length: 1, 2", "", ""), run: pooled() },
  { tag: "UnknownTransferEncoding", script: answer(ok, "Transfer-Encoding: x", "", ""), run: pooled() },
  {
    tag: "FramingConflict",
    script: answer(ok, "Transfer-Encoding: chunked", "Content-Length: 1", "", ""),
    run: pooled()
  },
  { tag: "IncompleteHeaders", script: answer(ok, "a"), run: pooled() },
  {
    tag: "TooManyInformational",
    script: answer("HTTP/1.1 103 E", "", "HTTP/1.1 103 E", "", ""),
    run: pooled(get({ limits }))
  },
  { tag: "UnexpectedUpgrade", script: answer("HTTP/1.1 101 S", "Upgrade: x", "", ""), run: pooled() },
  {
    tag: "UnexpectedMessage",
    script: [T.connection(T.reply(`${ok}\r\n\r\n`), T.stall)],
    run: alone(get())
  },
  {
    tag: "HttpTimeout",
    script: [T.connection(T.discard(), T.stall)],
    options: { timeouts: second },
    run: afterwards(pooled(), "1 second"),
    says: "waiting for the head"
  },
  // The body.
  { tag: "IncompleteRead", script: answer(ok, "Content-Length: 9", "", "x"), run: pooled() },
  {
    tag: "ConnectionReset",
    script: [T.connection(asked, T.reply(`${ok}\r\nContent-Length: 9\r\n\r\n`), T.reset)],
    run: pooled()
  },
  { tag: "InvalidChunkSize", script: answer(...chunked, "x", ""), run: pooled() },
  { tag: "InvalidChunkEnd", script: answer(...chunked, "1", "ab", ""), run: pooled() },
  { tag: "ChunkTooLarge", script: answer(...chunked, "f".repeat(16), ""), run: pooled() },
  {
    tag: "ChunkExtensionsTooLong",
    script: answer(...chunked, `1;${"x".repeat(30)}`, "a", ""),
    run: pooled(get({ limits }))
  },
  {
    tag: "TrailersTooLarge",
    script: answer(...chunked, "0", `a: ${"x".repeat(60)}`, "", ""),
    run: pooled(get({ limits }))
  },
  { tag: "BodyTooLarge", script: answer(ok, "Content-Length: 101", "", ""), run: pooled(get({ limits })) },
  {
    tag: "BodyDecodeError",
    script: answer("HTTP/1.1 502 No", "Content-Type: text/html", "Content-Length: 3", "", "<p>"),
    run: pooled(),
    says: "The response has the status 502 and the Content-Type \"text/html\"."
  },
  {
    tag: "BodyDecodeError",
    script: answer("HTTP/1.1 502 No", "Content-Type: text/html", "Content-Length: 3", "", "<p>"),
    run: ({ client }) => Effect.flatMap(client.get(url), (response) => response.json),
    says: "The response has the status 502 and the Content-Type \"text/html\"."
  },
  {
    tag: "StatusError",
    script: answer("HTTP/1.1 502 No", `Set-Cookie: ${secret}`, `Content-Length: ${secret.length}`, "", secret),
    run: ({ pool }) => Effect.flatMap(pool.execute(get()), HttpResponse.filterStatusOk)
  },
  {
    tag: "NotEventStream",
    script: answer(ok, "Content-Type: text/html", `Content-Length: ${secret.length}`, "", secret),
    run: ({ pool }) => Effect.flatMap(pool.execute(get()), (response) => Stream.runDrain(Sse.decode(response))),
    says: "The server answered with the Content-Type \"text/html\""
  },
  {
    tag: "NotEventStream",
    script: answer(ok, `Content-Length: ${secret.length}`, "", secret),
    run: ({ client }) =>
      Effect.flatMap(client.get(url, { headers }), (response) => Stream.runDrain(Sse.decode(response))),
    says: "The server answered with no Content-Type"
  },
  {
    tag: "EventTooLarge",
    script: answer(ok, "Content-Type: text/event-stream", `Content-Length: ${secret.length}`, "", secret),
    run: ({ pool }) =>
      Effect.flatMap(pool.execute(get()), (response) => Stream.runDrain(Sse.decode(response, { maxEventBytes: 5 })))
  },
  // Decoding and redirects, of the platform's client.
  {
    tag: "ContentDecodingError",
    script: answer(ok, "Content-Encoding: gzip", "Content-Length: 3", "", "abc"),
    run: ({ client }) => byClient({ client: PooledHttpClient.decompress(client) } as Kit)
  },
  {
    tag: "DecompressionBomb",
    script: answer(ok, "Content-Encoding: gzip", `Content-Length: ${gzipped().length}`, "", latin1(gzipped())),
    run: ({ client }) => byClient({ client: PooledHttpClient.decompress(client, { maxBytes: 10 }) } as Kit)
  },
  {
    tag: "TooManyContentCodings",
    script: answer(ok, "Content-Encoding: gzip,gzip,gzip,gzip,gzip,gzip", "Content-Length: 3", "", "abc"),
    run: ({ client }) => byClient({ client: PooledHttpClient.decompress(client) } as Kit)
  },
  redirected("TooManyRedirects", `/next?${secret}`, { limit: 0 }),
  redirected("RedirectLoop", url),
  redirected("InvalidRedirect", "http://"),
  redirected("UnsafeRedirect", `ftp://me:${secret}@b.test/`),
  {
    ...redirected("UnreplayableBody", "/next"),
    script: answer("HTTP/1.1 307 To", "Location: /next", "Content-Length: 0", "", ""),
    run: ({ client }) =>
      PooledHttpClient.followRedirects(client).post(url, {
        headers,
        body: PlatformBody.stream(Stream.make(new Uint8Array(1)))
      }),
    end: posted
  }
]

/** What no exchange can make: a scheme that is not known has no origin, and a file is read before there is a request. */
const elsewhere: ReadonlyArray<HttpError.HttpError["_tag"]> = ["UnsupportedScheme", "UnimplementedFileMode"]

describe("through an exchange", () => {
  it("every class is made once at least", () => {
    const made = new Set([...cases.map(({ tag }) => tag), ...elsewhere])
    expect([...made].toSorted()).toEqual(classes.map(([name]) => name).toSorted())
  })

  for (
    const [i, { end = "(GET http://a.test:80/path)", options = {}, policy, run, says, script = [], tag }] of cases
      .entries()
  ) {
    it.effect(`${tag} names its request and shows no secret (${i})`, () =>
      contained(Effect.gen(function*() {
        const transport = yield* T.make(script)
        const over = <A, E>(made: Effect.Effect<A, E, Transport | Scope.Scope>) =>
          made.pipe(
            Effect.provideService(Transport, transport),
            Effect.provideService(AddressPolicy.AddressPolicy, policy ?? AddressPolicy.allowAll)
          )
        const { autoOpen, host = "a.test", port, tunnel, ...poolOptions } = options
        const pool = yield* over(ConnectionPool.make({ shutdownGrace: 0, connectRetryTime: 0, ...poolOptions }))
        const connection = yield* over(HttpConnection.make({ host, port, tunnel, autoOpen }))
        const client = yield* PooledHttpClient.make.pipe(Effect.provideService(ConnectionPool.ConnectionPool, pool))
        const failure = yield* Effect.flip(run({ pool, connection, client }))
        const error = Option.getOrThrow(HttpError.fromPlatform(failure))
        assert.strictEqual(error._tag, tag, String(error))
        assert.isTrue(error.message.endsWith(` ${end}`), error.message)
        assert.include(error.message, says ?? "")
        assert.isFalse(hasNothing(error.toJSON()), inspect(error.toJSON(), { depth: 9 }))
        assert.notMatch(inspect(error, { depth: 9 }), /undefined|\{\}/)
        for (const value of [error, failure]) assert.notInclude(shown(value), secret)
        if (failure !== error) {
          // The platform says method and URL itself, once.
          const { message } = failure as Error
          assert.include(message, error.description)
          assert.strictEqual(
            message.split("a.test").length - 1 - error.description.split("a.test").length + 1,
            1,
            message
          )
        }
      })))
  }
})
