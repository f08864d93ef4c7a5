/**
 * URLs of others that lead into the private network, and `AddressPolicy.publicOnly` against it
 * (SSRF).
 */
import * as HttpClient from "@effect/platform/HttpClient"
import { AddressPolicy, HttpError, PooledHttpClient } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as http from "node:http"
import type { Report } from "../report.ts"
import { printable, wrap } from "../report.ts"
import { listen } from "../servers/listen.ts"
import type { Part } from "./part.ts"

/** Requests a URL, follows redirects, and checks that the policy refuses the target. */
const attempt = (report: Report, what: string, url: string, rule: AddressPolicy.Rule) =>
  Effect.gen(function*() {
    const client = PooledHttpClient.followRedirects(yield* HttpClient.HttpClient)
    const error = Option.flatMap(
      Option.getLeft(yield* Effect.either(Effect.scoped(client.get(url)))),
      HttpError.fromPlatform
    )
    report.line()
    report.row(what, url)
    report.checkRow(
      Option.match(error, { onNone: () => "no failure", onSome: ({ _tag }) => _tag }),
      Option.match(error, { onNone: () => "", onSome: ({ message }) => wrap(printable(message)) }),
      `${url} is refused: ${rule}`,
      Option.exists(error, (error) => error._tag === "AddressRefused" && error.rule === rule),
      error
    )
  })

export const ssrf: Part = (report, { host }) =>
  Effect.gen(function*() {
    report.part("URLs that others chose: AddressPolicy.publicOnly")
    let connections = 0
    const inside = http.createServer((_request, response) => response.end("a secret"))
    inside.on("connection", () => connections++)
    const port = yield* listen(inside)
    const redirecting = yield* listen(
      http.createServer((_request, response) => response.writeHead(302, { Location: "http://2852039166/keys" }).end())
    )
    const under = (policy: AddressPolicy.Policy) =>
      Effect.provide(PooledHttpClient.layerWithoutTransport().pipe(Layer.provide(AddressPolicy.layer(policy))))
    yield* Effect.gen(function*() {
      yield* attempt(report, "an address", `http://${host}:${port}/`, "Loopback")
      yield* attempt(report, "as a number", `http://2130706433:${port}/`, "Loopback")
      yield* attempt(report, "within IPv6", `http://[::ffff:${host}]:${port}/`, "Ipv4Mapped")
      yield* attempt(report, "a name", `http://localhost:${port}/`, "Loopback")
    }).pipe(under(AddressPolicy.publicOnly))
    report.line()
    report.row("connections", `${connections} to the server inside`)
    report.check("none of them reached the server", connections === 0, connections)
    // Like a server of another company: its address is allowed, the target of its redirect is not.
    const policy = yield* AddressPolicy.make({ allow: [host] })
    yield* attempt(report, "a redirect", `http://${host}:${redirecting}/`, "Metadata").pipe(under(policy))
  }).pipe(Effect.scoped)
