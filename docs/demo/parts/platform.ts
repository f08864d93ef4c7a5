/** The `HttpClient` of `@effect/platform` over the pool: `PooledHttpClient.layer`. */
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { ConnectionPool, HttpError, PooledHttpClient } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as describe from "../describe.ts"
import type { Report } from "../report.ts"
import { printable, wrap } from "../report.ts"
import { unusedPort } from "../servers/listen.ts"
import type { Received } from "../servers/origin.ts"
import type { Part } from "./part.ts"

const Answer = Schema.Struct({ name: Schema.String, numbers: Schema.Array(Schema.Int) })

/** A failure as the platform reports it, and the error of this library below it. */
const failing = <A>(
  report: Report,
  what: string,
  expected: { readonly reason: HttpClientError["reason"]; readonly tag: HttpError.HttpError["_tag"] },
  request: Effect.Effect<A, HttpClientError, HttpClient.HttpClient>
) =>
  Effect.gen(function*() {
    const outcome = yield* Effect.either(request)
    report.line()
    report.row("", what)
    if (Either.isRight(outcome)) return report.check(`${expected.tag} was to come of it`, false, outcome)
    const { _tag, message, reason } = outcome.left
    report.row(_tag, `reason ${reason}\n${wrap(printable(message))}`)
    const cause = HttpError.fromPlatform(outcome.left)
    report.checkRow(
      Option.match(cause, { onNone: () => "no cause", onSome: ({ _tag }) => _tag }),
      Option.match(cause, { onNone: () => "", onSome: ({ context }) => describe.context(context) }),
      `${what}: ${expected.tag}`,
      reason === expected.reason && Option.exists(cause, ({ _tag }) => _tag === expected.tag),
      outcome.left
    )
  })

export const platform: Part = (report, { host, port }) =>
  Effect.gen(function*() {
    report.part("The HttpClient of @effect/platform over a pool: PooledHttpClient.layer")
    const url = `http://${host}:${port}`
    const hello = yield* HttpClient.get(`${url}/hello`)
    const text = yield* hello.text
    report.row("GET /hello", `${hello.status}, ${JSON.stringify(text)}`)
    report.row(
      "",
      Option.match(PooledHttpClient.fromResponse(hello), {
        onNone: () => "not one of ours",
        onSome: ({ connection, reason, timings }) =>
          `reason ${JSON.stringify(reason)} · connection ${describe.connection(connection)}\n${
            describe.timings(timings)
          }`
      })
    )
    const answer = yield* Effect.flatMap(HttpClient.get(`${url}/json`), HttpClientResponse.schemaBodyJson(Answer))
    report.row("GET /json", JSON.stringify(answer))
    const posted = yield* HttpClientRequest.post(`${url}/upload`).pipe(
      HttpClientRequest.bodyUnsafeJson({ spam: "eggs" }),
      HttpClient.execute
    )
    const { bytes, contentType } = (yield* posted.json) as Received
    report.row("POST /upload", `the server had ${bytes} bytes of ${contentType}`)
    const { stats } = yield* ConnectionPool.ConnectionPool
    const { opened, requests, reused } = yield* stats
    report.row("connections", `${opened} for ${requests} requests, ${reused} of them reused`)
    report.check(
      "the server answered",
      text === "Hello, world!\n" && answer.numbers.length === 3 && bytes === 15
    )
    report.check("on one connection", opened === 1 && requests === 3 && reused === 2, { opened, requests, reused })

    yield* failing(
      report,
      "a port that nothing listens on",
      { reason: "Transport", tag: "ConnectError" },
      Effect.flatMap(unusedPort, (free) => HttpClient.get(`http://${host}:${free}/`))
    )
    yield* failing(
      report,
      "a server that thinks for longer than this request may take",
      { reason: "Transport", tag: "HttpTimeout" },
      PooledHttpClient.withTimeouts(HttpClient.get(`${url}/stall`), { head: "100 millis" })
    )
    yield* failing(
      report,
      "a field that would smuggle in another: no failure of the network, so never tried again",
      { reason: "Encode", tag: "InvalidHeaderValue" },
      Effect.flatMap(HttpClient.HttpClient, (client) =>
        HttpClient.retryTransient(client, { times: 3 }).get(`${url}/hello`, {
          headers: { "X-Note": "a\r\nX-Admin: yes" }
        }))
    )
  }).pipe(Effect.provide(PooledHttpClient.layer))
