/** Tokens that are numbered, and a client in memory that notes which of them it is sent. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Auth from "../../src/Auth.ts"
import type { InvalidOption } from "../../src/HttpError.ts"

export const api = "http://a.test"

/** The number of the token, or none. */
export const tokenOf = (headers: Readonly<Record<string, string>>): string => headers["authorization"] ?? "none"

/** An `acquire` that gives `t1`, `t2` and so on, each after `takes`, and counts what became of it. */
export const numbered = (how: Omit<Auth.Token, "token"> = {}, takes = 0) => {
  const counts = { begun: 0, done: 0, interrupted: 0 }
  const acquire = Effect.suspend(() => {
    const number = ++counts.begun
    const token: Auth.Token = { ...how, token: Redacted.make(`t${number}`) }
    return Effect.as(takes === 0 ? Effect.void : Effect.sleep(takes), token)
  }).pipe(
    Effect.tap(() => Effect.sync(() => counts.done++)),
    Effect.onInterrupt(() => Effect.sync(() => counts.interrupted++))
  )
  return { acquire, counts }
}

export const refreshing = <E, R>(
  acquire: Effect.Effect<Auth.Token, E, R>,
  options: Partial<Auth.Options> = {}
): Effect.Effect<Auth.Refreshing<E>, InvalidOption, R> => Auth.refreshing(acquire, { origins: [api], ...options })

/** A client whose responses have the status that `statusOf` gives for a token. */
export const clientWith = (statusOf: (token: string, url: URL) => number | Response = () => 200) => {
  const seen: Array<string> = []
  const client = HttpClient.make((request, url) =>
    Effect.sync(() => {
      const token = tokenOf(request.headers)
      seen.push(token)
      const answer = statusOf(token, url)
      return HttpClientResponse.fromWeb(
        request,
        typeof answer === "number" ? new Response(token, { status: answer }) : answer
      )
    })
  )
  return { client, seen }
}
