/** The spans of each client, attribute by attribute, and the fields that carry a trace on. */
import * as Headers from "@effect/platform/Headers"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { type Answer, ok, wireServer } from "../server.ts"
import { differs, fieldsOf, outcome, same } from "./case.ts"

const traceId = "0123456789abcdef0123456789abcdef"
const spanId = (number: number) => String(number).padStart(16, "0")

/** A span as it was told to the tracer. */
const makeSpan = (
  number: number,
  name: string,
  parent: Tracer.Span["parent"],
  context: Tracer.Span["context"],
  startTime: bigint,
  kind: Tracer.SpanKind
): Tracer.Span => {
  const attributes = new Map<string, unknown>()
  let status: Tracer.SpanStatus = { _tag: "Started", startTime }
  return {
    _tag: "Span",
    name,
    spanId: spanId(number),
    traceId,
    parent,
    context,
    get status() {
      return status
    },
    attributes,
    links: [],
    sampled: true,
    kind,
    end: (endTime, exit) => {
      status = { _tag: "Ended", startTime, endTime, exit }
    },
    attribute: (key, value) => void attributes.set(key, value),
    event: () => {},
    addLinks: () => {}
  }
}

/** The attributes that the clients of the platform do not have. */
const additional = new Set([
  "error.type",
  "http.request.resend_count",
  "network.peer.address",
  "network.peer.port",
  "network.protocol.version"
])

type Attributes = Readonly<Record<string, unknown>>

interface Traced {
  readonly spans: ReadonlyArray<{
    readonly name: string
    readonly kind: Tracer.SpanKind
    readonly parent: string | null
    readonly status: string
    readonly attributes: Attributes
    /** Those of `additional`. */
    readonly besides: Attributes
  }>
  /** The fields that the server heard. */
  readonly fields: ReadonlyArray<Readonly<Record<string, string>>>
}

interface Setting {
  readonly answer?: string | Answer
  readonly client?: (client: HttpClient.HttpClient) => HttpClient.HttpClient
  readonly program?: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** Sends one request with a tracer of its own. */
const traced = (build: (url: string) => HttpClientRequest.HttpClientRequest, setting: Setting = {}) =>
  Effect.gen(function*() {
    const server = yield* wireServer(setting.answer ?? ok("hi", "Set-Cookie: a=secret", "X-Answer: 1"))
    const spans: Array<Tracer.Span> = []
    const tracer = Tracer.make({
      span: (name, parent, context, _links, startTime, kind) => {
        const span = makeSpan(spans.length + 1, name, parent, context, startTime, kind)
        spans.push(span)
        return span
      },
      context: (run) => run()
    })
    const client = (setting.client ?? identity)(yield* HttpClient.HttpClient)
    yield* outcome((setting.program ?? identity)(client.execute(build(server.url)))).pipe(Effect.withTracer(tracer))
    const constant = (value: unknown) =>
      value === server.port ? "PORT" : typeof value === "string" ? value.replaceAll(String(server.port), "PORT") : value
    const pick = (span: Tracer.Span, which: (key: string) => boolean): Attributes =>
      Object.fromEntries(
        [...span.attributes].filter(([key]) => which(key)).map(([key, value]) => [key, constant(value)])
      )
    const seen: Traced = {
      spans: spans.map((span) => ({
        name: span.name,
        kind: span.kind,
        parent: Option.getOrNull(Option.map(span.parent, (parent) => parent.spanId)),
        status: span.status._tag === "Started" ? "started" : Exit.isSuccess(span.status.exit) ? "good" : "failed",
        attributes: pick(span, (key) => !additional.has(key)),
        besides: pick(span, (key) => additional.has(key))
      })),
      fields: server.heard.map(fieldsOf)
    }
    return seen
  })

const { get } = HttpClientRequest

const request = (url: string) =>
  get(`${url}/a/b?c=d`).pipe(
    HttpClientRequest.setUrlParam("e", "f"),
    HttpClientRequest.setHash("g"),
    HttpClientRequest.setHeaders({ "x-own": "1", authorization: "Bearer secret", "x-api-key": "secret" })
  )

const ofRequest = {
  "http.request.header.authorization": "<redacted>",
  "http.request.header.x-api-key": "<redacted>",
  "http.request.header.x-own": "1",
  "http.request.method": "GET",
  "server.address": "http://127.0.0.1:PORT",
  "server.port": "PORT",
  "url.full": "http://127.0.0.1:PORT/a/b?c=d&e=f#g",
  "url.path": "/a/b",
  "url.query": "c=d&e=f",
  "url.scheme": "http"
}

const span = (attributes: Attributes, status: string) => ({
  name: "http.client GET",
  kind: "client",
  parent: null,
  status,
  attributes
})

const withoutBesides = ({ spans }: Traced) =>
  spans.map(({ attributes, kind, name, parent, status }) => ({ name, kind, parent, status, attributes }))
const besides = ({ spans }: Traced) => spans.map((span) => span.besides)
const fieldsAndSpans = ({ fields, spans }: Traced) => [fields, spans.map(({ name, parent }) => [name, parent])]

const none = [{}]
const peer = { "network.peer.address": "127.0.0.1", "network.peer.port": "PORT" }
const closes: Answer = { send: "", ending: "fin" }
const failed = "HTTP/1.1 503 Some\r\nContent-Length: 0\r\n\r\n"

export const cases = [
  same("has a span of this name, kind and attributes", [
    span({
      ...ofRequest,
      "http.response.header.content-length": "2",
      "http.response.header.set-cookie": "<redacted>",
      "http.response.header.x-answer": "1",
      "http.response.status_code": 200
    }, "good")
  ], Effect.map(traced(request), withoutBesides)),
  differs("has further attributes in its span", {
    ours: [{ ...peer, "network.protocol.version": "1.1" }],
    node: none,
    undici: none
  }, Effect.map(traced(request), besides)),
  same(
    "has a span of a request that failed",
    [span(ofRequest, "failed")],
    Effect.map(traced(request, { answer: closes }), withoutBesides)
  ),
  differs("has the error in the span of a request that failed", {
    ours: [{ ...peer, "error.type": "RemoteDisconnected" }],
    node: none,
    undici: none
  }, Effect.map(traced(request, { answer: closes }), besides)),
  differs(
    "has the status as the error in the span of a 503",
    {
      ours: ["good", 503, "503"],
      node: ["good", 503, undefined],
      undici: ["good", 503, undefined]
    },
    Effect.map(traced(get, { answer: failed }), ({ spans: [span] }) => [
      span?.status,
      span?.attributes["http.response.status_code"],
      span?.besides["error.type"]
    ])
  ),
  same("has no span for a URL that cannot be read", [], Effect.map(traced(() => get("http://")), ({ spans }) => spans)),
  same(
    "has redacted what currentRedactedNames says",
    {
      "http.request.header.authorization": "Bearer secret",
      "http.request.header.x-api-key": "secret",
      "http.request.header.x-own": "<redacted>",
      "http.response.header.content-length": "2",
      "http.response.header.set-cookie": "a=secret",
      "http.response.header.x-answer": "<redacted>"
    },
    Effect.map(
      traced(request, { program: Effect.locally(Headers.currentRedactedNames, ["x-own", /^x-ans/]) }),
      ({ spans }) =>
        Object.fromEntries(
          // A request that failed shows why.
          Object.entries({ ...spans[0]?.attributes, ...spans[0]?.besides })
            .filter(([key]) => key.includes(".header.") || key === "error.type")
        )
    )
  ),
  differs(
    "has no password of the URL in its span",
    {
      ours: undefined,
      node: "http://user:secret@127.0.0.1:PORT/",
      undici: "http://user:secret@127.0.0.1:PORT/"
    },
    Effect.map(
      traced((url) => get(url.replace("//", "//user:secret@"))),
      ({ spans }) => spans[0]?.attributes["url.full"]
    )
  ),
  same("sends the fields of a trace", [
    [{ b3: `${traceId}-${spanId(1)}-1`, traceparent: `00-${traceId}-${spanId(1)}-01` }],
    [["http.client GET", null]]
  ], Effect.map(traced(get), fieldsAndSpans)),
  same("sends the fields of a trace that goes on", [
    [{ b3: `${traceId}-${spanId(2)}-1-${spanId(1)}`, traceparent: `00-${traceId}-${spanId(2)}-01` }],
    [["outer", null], ["http.client GET", spanId(1)]]
  ], Effect.map(traced(get, { program: Effect.withSpan("outer") }), fieldsAndSpans)),
  same(
    "sends no fields of a trace by withTracerPropagation(false)",
    [[{}], [["http.client GET", null]]],
    Effect.map(traced(get, { client: HttpClient.withTracerPropagation(false) }), fieldsAndSpans)
  ),
  same(
    "has no span by withTracerDisabledWhen",
    [[{}], []],
    Effect.map(
      traced(get, { client: HttpClient.withTracerDisabledWhen(({ method }) => method === "GET") }),
      fieldsAndSpans
    )
  ),
  same(
    "has a span where withTracerDisabledWhen says no",
    1,
    Effect.map(
      traced(get, { client: HttpClient.withTracerDisabledWhen(({ method }) => method === "POST") }),
      ({ spans }) => spans.length
    )
  ),
  same(
    "has no span by withTracerEnabled(false)",
    [[{}], []],
    Effect.map(traced(get, { program: Effect.withTracerEnabled(false) }), fieldsAndSpans)
  ),
  same(
    "has the name of withSpanNameGenerator",
    ["a GET"],
    Effect.map(
      traced(get, { client: HttpClient.withSpanNameGenerator(({ method }) => `a ${method}`) }),
      ({ spans }) => spans.map(({ name }) => name)
    )
  ),
  same(
    "has a span for every try",
    [503, 503],
    Effect.map(
      traced(get, { answer: failed, client: HttpClient.retryTransient({ times: 1 }) }),
      ({ spans }) => spans.map(({ attributes }) => attributes["http.response.status_code"])
    )
  ),
  same(
    "runs the stream of a body within its span",
    ["http.client POST"],
    Effect.gen(function*() {
      const names: Array<string> = []
      const body = Stream.fromEffect(Effect.map(Effect.orDie(Effect.currentSpan), ({ name }) => {
        names.push(name)
        return Buffer.from("a")
      }))
      yield* traced((url) => HttpClientRequest.post(url).pipe(HttpClientRequest.setBody(HttpBody.stream(body))))
      return names
    })
  )
]
