/**
 * What the tests of address policies over real sockets share: names by a table, so that nothing leaves the machine, a listener that nothing
 * may reach, and every face that sends a request.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as AddressPolicy from "../../src/AddressPolicy.ts"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import * as HttpError from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Origin from "../../src/Origin.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as Resolver from "../../src/Resolver.ts"
import { Transport } from "../../src/Transport.ts"
import { names } from "../fixtures/detours.ts"
import { webServer } from "../fixtures/web.ts"

/** Answers from the table; the answer of a list of lists is another one each time. */
export const resolver = (
  more: Readonly<Record<string, ReadonlyArray<ReadonlyArray<string>>>> = {}
): { readonly asked: Array<string>; readonly service: Resolver.Service } => {
  const asked: Array<string> = []
  return {
    asked,
    service: {
      lookup: (name) =>
        Effect.suspend(() => {
          const answers = more[name] ?? (names[name] === undefined ? undefined : [names[name]])
          const times = asked.filter((other) => other === name).length
          asked.push(name)
          const addresses = answers?.[Math.min(times, answers.length - 1)]
          return addresses === undefined
            ? Effect.fail(
              new HttpError.DnsError({ host: name, reason: "NotFound", code: "ENOTFOUND", cause: undefined })
            )
            : Effect.succeed({ addresses })
        })
    }
  }
}

/** Everything that is made under a policy, with the names of the table. */
export const under = (policy: AddressPolicy.Policy, service: Resolver.Service = resolver().service) =>
<A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  effect.pipe(
    Effect.provideService(AddressPolicy.AddressPolicy, policy),
    Effect.provideService(Resolver.Resolver, service)
  )

/** Public addresses, and 127.0.0.2 in place of one that is reached. */
export const withOnePublic = Either.getOrThrow(AddressPolicy.make({ allow: ["127.0.0.2"] }))

/** Listens on every address of this machine, of both families. Answers requests, which should not come. */
export const listener = Effect.suspend(() =>
  webServer((_request, response) => void response.end("the secret"), { host: "::" })
)

type Face = (url: string) => Effect.Effect<unknown, unknown, Scope.Scope | Transport>

/** The faces, each with a request of a URL. */
export const faces: {
  readonly [Name in "pool" | "client" | "redirectingClient" | "connection" | "steps" | "lease" | "originByHand"]: Face
} = {
  pool: (url) => Effect.flatMap(ConnectionPool.make(), (pool) => pool.execute(HttpRequest.get(url))),
  client: (url) =>
    Effect.flatMap(HttpClient.get(url), ({ text }) => text).pipe(
      Effect.provide(PooledHttpClient.layerWithoutTransport())
    ),
  redirectingClient: (url) =>
    Effect.flatMap(HttpClient.HttpClient, (client) => PooledHttpClient.followRedirects(client).get(url)).pipe(
      Effect.provide(PooledHttpClient.layerWithoutTransport())
    ),
  connection: (url) => {
    const host = /^http:\/\/(.*):\d+\/$/.exec(url)?.[1]?.replace("%25", "%")
    return Effect.flatMap(
      HttpConnection.make({ host, port: Number(/:(\d+)\/$/.exec(url)?.[1]) }),
      (connection) => connection.execute(HttpRequest.get("/"))
    )
  },
  steps: (url) =>
    Effect.gen(function*() {
      const { host, port } = (yield* Origin.fromUrl(url)).origin
      const connection = yield* HttpConnection.make({ host, port })
      yield* connection.request("GET", "/")
      return yield* connection.getResponse
    }),
  lease: (url) =>
    Effect.gen(function*() {
      const pool = yield* ConnectionPool.make()
      const connection = yield* pool.lease((yield* Origin.fromUrl(url)).origin)
      return yield* connection.execute(HttpRequest.get("/"))
    }),
  originByHand: (url) =>
    Effect.gen(function*() {
      const pool = yield* ConnectionPool.make()
      return yield* pool.execute(HttpRequest.get("/", { origin: (yield* Origin.fromUrl(url)).origin }))
    })
}

export const errorOf = (exit: Exit.Exit<unknown, unknown>): HttpError.HttpError =>
  Exit.isSuccess(exit)
    ? assert.fail("It got through.")
    : Option.getOrThrowWith(
      Option.flatMap(Cause.failureOption(exit.cause), HttpError.fromPlatform),
      () => new Error(Cause.pretty(exit.cause))
    )

/** `processed` is what became of the request as a whole, an earlier one of a redirect included. */
export const isRefused = (
  error: HttpError.HttpError,
  processed: HttpError.Processed = "No"
): HttpError.AddressRefused => {
  if (error._tag !== "AddressRefused") return assert.fail(error.message)
  assert.deepInclude(error.context, { fault: "User", phase: "connect", processed, requestState: "NotSent" })
  return error
}
