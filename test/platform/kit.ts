/** The client over a pool over a scripted transport: no socket, and no time but `TestClock`'s. */
import type * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientError, RequestError, ResponseError } from "@effect/platform/HttpClientError"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import type { InvalidOption } from "../../src/HttpError.ts"
import * as HttpError from "../../src/HttpError.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as T from "../../src/TestTransport.ts"
import * as Transport from "../../src/Transport.ts"

export const url = "http://a.test"

export interface Kit {
  readonly client: HttpClient.HttpClient
  readonly pool: ConnectionPool.ConnectionPool
  readonly transport: T.Handle
}

/** A client over a script of several connections. What is let go of is closed at once, and so is the pool, unless options say otherwise. */
export const clientTo = (
  script: T.Script,
  options?: ConnectionPool.Options
): Effect.Effect<Kit, InvalidOption, Scope.Scope> =>
  Effect.gen(function*() {
    const transport = yield* T.make(script)
    const pool = yield* Effect.provideService(
      ConnectionPool.make({ shutdownGrace: 0, drainBytes: 0, ...options }),
      Transport.Transport,
      transport
    )
    const client = yield* Effect.provideService(PooledHttpClient.make, ConnectionPool.ConnectionPool, pool)
    return { client, pool, transport }
  })

/** A client over a script of one. */
export const clientOver = (...steps: ReadonlyArray<T.Step>): Effect.Effect<Kit, InvalidOption, Scope.Scope> =>
  clientTo([T.connection(...steps)])

/** The head of a request, whatever it is. */
export const anyHead: T.Step = T.discardUntil("\r\n\r\n")

/** A whole response of status 200. */
export const ok = (body = "", ...fields: ReadonlyArray<string>): string =>
  ["HTTP/1.1 200 OK", ...fields, `Content-Length: ${body.length}`, "", body].join("\r\n")

/** A client whose first request is answered so. */
export const answering = (reply: string, ...steps: ReadonlyArray<T.Step>): Effect.Effect<
  HttpClientResponse,
  HttpClientError | InvalidOption,
  Scope.Scope
> => Effect.flatMap(clientOver(anyHead, T.reply(reply), ...steps), ({ client }) => quietly(client.get(url)))

/** Without a span, whose fields would be sent too. */
export const quietly: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = Effect.withTracerEnabled(
  false
)

/** The failure of the platform, which must be of this class and reason, and our error in it, which must be of this tag. */
export const failsWith = <const Tag extends HttpError.HttpError["_tag"], A, E, R>(
  effect: Effect.Effect<A, E, R>,
  error: "RequestError" | "ResponseError",
  reason: RequestError["reason"] | ResponseError["reason"],
  tag: Tag
): Effect.Effect<Extract<HttpError.HttpError, { readonly _tag: Tag }>, never, R> =>
  Effect.map(Effect.exit(effect), (exit) => {
    if (Exit.isSuccess(exit)) return assert.fail("did not fail")
    const failure = Option.getOrUndefined(Cause.failureOption(exit.cause)) as HttpClientError | undefined
    const cause = Option.getOrUndefined(HttpError.fromPlatform(failure))
    assert.deepStrictEqual(
      [failure?._tag, failure?.reason, cause?._tag],
      [error, reason, tag],
      Cause.pretty(exit.cause)
    )
    return cause as Extract<HttpError.HttpError, { readonly _tag: Tag }>
  })
