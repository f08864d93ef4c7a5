/** One real case of each family of failures, with its tag, message and context. */
import { HttpBody, HttpConnection, HttpError, HttpRequest } from "effect-http-client"
import type { Transport } from "effect-http-client"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as net from "node:net"
import * as describe from "../describe.ts"
import { raw, unusedPort } from "../servers/listen.ts"
import { credentials, forbiddenHost } from "../servers/proxy.ts"
import type { Part, Servers } from "./part.ts"

/** A failure that the demo provokes. */
interface Case {
  readonly family: string
  /** What the demo does. */
  readonly what: string
  /** The possible tags; the first is the usual one. */
  readonly tags: ReadonlyArray<HttpError.HttpError["_tag"]>
  /** What else the error must fulfil. */
  readonly also?: (error: HttpError.HttpError) => boolean
  readonly run: (servers: Servers) => Effect.Effect<unknown, unknown, Scope.Scope | Transport.Transport>
}

const get = (options: HttpConnection.Options, target = "/hello") =>
  Effect.flatMap(HttpConnection.make(options), (connection) => connection.execute(HttpRequest.get(target)))

/** A server that answers any request with these bytes, and then closes. */
const answering = (bytes: string) =>
  raw((socket) => {
    socket.once("data", () => socket.end(bytes, "latin1"))
  })

/** A server that breaks the connection as soon as the request starts. */
const breaking = raw((socket: net.Socket) => {
  socket.once("data", () => socket.resetAndDestroy())
})

class DiskFailure {
  readonly _tag = "DiskFailure"
}

const endless = Stream.repeatValue(new Uint8Array(65_536))

const cases: ReadonlyArray<Case> = [
  {
    family: "the request",
    what: "a port that is none",
    tags: ["InvalidUrl"],
    run: ({ host }) => get({ host, port: 70_000 })
  },
  {
    family: "",
    what: "a field that would smuggle in another",
    tags: ["InvalidHeaderValue"],
    also: (error) => error.context.bytesWritten === 0,
    run: ({ host, port }) =>
      Effect.flatMap(
        HttpConnection.make({ host, port }),
        (connection) => connection.execute(HttpRequest.get("/", { headers: { "X-Note": "a\r\nX-Admin: yes" } }))
      )
  },
  {
    family: "the state",
    what: "a second request while the first is unread",
    tags: ["CannotSendRequest"],
    run: ({ host, port }) =>
      Effect.gen(function*() {
        const connection = yield* HttpConnection.make({ host, port })
        yield* connection.execute(HttpRequest.get("/bytes?size=10000000"))
        yield* connection.execute(HttpRequest.get("/hello"))
      })
  },
  {
    family: "DNS",
    what: "a name that cannot exist (RFC 6761)",
    // If no resolver answers at all, the timeout expires.
    tags: ["DnsError", "HttpTimeout"],
    also: (error) => error.context.phase === "dns",
    run: () => get({ host: "nonexistent.invalid", timeouts: { dns: "3 seconds" } })
  },
  {
    family: "connect",
    what: "a port that nothing listens on",
    tags: ["ConnectError"],
    run: ({ host }) => Effect.flatMap(unusedPort, (port) => get({ host, port }))
  },
  {
    family: "TLS",
    what: "a certificate without a trusted issuer",
    tags: ["TlsError"],
    also: (error) => error._tag === "TlsError" && error.reason === "SelfSigned",
    run: ({ host, selfSignedPort }) => get({ host, port: selfSignedPort, tls: true })
  },
  {
    family: "",
    what: "https to a port that speaks http",
    tags: ["TlsError"],
    also: (error) => error._tag === "TlsError" && error.reason === "NotTls",
    run: ({ host, port }) => get({ host, port, tls: true })
  },
  {
    family: "proxy",
    what: "a proxy that wants a password",
    tags: ["ProxyAuthRequired"],
    run: ({ host, port, proxyPort }) => get({ host, port: proxyPort, tunnel: { host, port } })
  },
  {
    family: "",
    what: "a proxy that will not go there",
    tags: ["ProxyConnectError"],
    also: (error) => error._tag === "ProxyConnectError" && error.status === 403,
    run: ({ host, proxyPort }) =>
      get({ host, port: proxyPort, tunnel: { host: forbiddenHost, headers: { "Proxy-Authorization": credentials } } })
  },
  {
    family: "time",
    what: "a server that thinks for longer than 200 ms",
    tags: ["HttpTimeout"],
    also: (error) => error._tag === "HttpTimeout" && error.kind === "head" && error.context.processed === "Unknown",
    run: ({ host, port }) => get({ host, port, timeouts: { head: "200 millis" } }, "/stall")
  },
  {
    family: "sending",
    what: "a connection that breaks during an upload",
    tags: ["WriteError"],
    run: ({ host }) =>
      Effect.gen(function*() {
        const connection = yield* HttpConnection.make({ host, port: yield* breaking })
        yield* connection.execute(HttpRequest.post("/upload", { body: HttpBody.stream(endless) }))
      })
  },
  {
    family: "",
    what: "a stream of ours that fails on the way",
    tags: ["RequestBodyError"],
    also: (error) => error._tag === "RequestBodyError" && error.error instanceof DiskFailure,
    run: ({ host, port }) =>
      Effect.gen(function*() {
        const connection = yield* HttpConnection.make({ host, port })
        const body = Stream.concat(Stream.make(new Uint8Array(1000)), Stream.fail(new DiskFailure()))
        yield* connection.execute(HttpRequest.post("/upload", { body: HttpBody.stream(body) }))
      })
  },
  {
    family: "the head",
    what: "a server that speaks something else",
    tags: ["BadStatusLine"],
    run: ({ host }) => Effect.flatMap(answering("220 mail.invalid ESMTP\r\n"), (port) => get({ host, port }))
  },
  {
    family: "",
    what: "a server that closes without a word",
    tags: ["RemoteDisconnected"],
    run: ({ host }) => Effect.flatMap(answering(""), (port) => get({ host, port }))
  },
  {
    family: "the body",
    what: "a body that ends early",
    tags: ["IncompleteRead"],
    also: (error) => error._tag === "IncompleteRead" && error.received === 5 && error.expected === 1000,
    run: ({ host }) =>
      Effect.gen(function*() {
        const port = yield* answering("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nHello")
        const response = yield* get({ host, port })
        return yield* response.text
      })
  }
]

export const failures: Part = (report, servers) =>
  Effect.gen(function*() {
    report.part("Failures, one of each family")
    for (const { also, family, run, tags, what } of cases) {
      const outcome = yield* Effect.either(Effect.scoped(run(servers)))
      if (family !== "") report.line()
      report.row(family, what)
      if (outcome._tag === "Right" || !HttpError.isHttpError(outcome.left)) {
        report.check(`${tags[0]} was to come of it`, false, outcome)
        continue
      }
      const error = outcome.left
      const expected = tags.includes(error._tag) && (also?.(error) ?? true)
      report.checkRow(error._tag, describe.error(error), `${what}: ${tags[0]}`, expected, error)
    }
  })

/** A server that refuses a body while it is being sent: a response, not a failure. */
export const earlyAnswer: Part = (report, { host, port }) =>
  Effect.gen(function*() {
    report.part("And what is no failure: an early refusal of an endless upload")
    const connection = yield* HttpConnection.make({ host, port })
    const response = yield* connection.execute(HttpRequest.post("/too-large", { body: HttpBody.stream(endless) }))
    const text = yield* response.text
    report.row("response", `${response.status} ${response.reason}: ${text.trim()}`)
    report.check(
      "the upload was stopped, and the answer was read",
      response.status === 413 && text.startsWith("At most"),
      text
    )
    report.check("the connection is closed, as half a request is on it", !(yield* connection.isOpen))
  }).pipe(Effect.scoped)
