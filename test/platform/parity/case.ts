/**
 * A case of the parity suite: what a program does with an `HttpClient`, what it observes as plain
 * data, and what it should observe with each client. `same` is for what this library, `node:http`
 * and undici have in common; `fetch` has separate cases. If they differ, `differs` says what each
 * does, and `docs/migrating.md` has a row with the case's name; `parity.test.ts` compares the two.
 * A failure is known by its tag and reason. With this library it also has the tag of its error,
 * which alone is no difference: `fails` says both.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import { turn } from "../../fixtures/sockets.ts"
import type { Heard } from "../server.ts"

/** What is seen with each client. */
export type Each = Readonly<Record<"ours" | "node" | "undici", unknown>>

type Observe = Effect.Effect<unknown, unknown, HttpClient.HttpClient | Scope.Scope>

export interface Case {
  readonly name: string
  readonly expected: Readonly<Record<string, unknown>>
  /** Whether the documents tell of it. */
  readonly told: boolean
  readonly observe: Observe
}

/** All clients do the same. */
export const same = (name: string, expected: unknown, observe: Observe): Case => ({
  name,
  expected: { ours: expected, node: expected, undici: expected },
  told: false,
  observe
})

/** The clients do not all do the same. */
export const differs = (name: string, expected: Each, observe: Observe): Case => ({
  name,
  expected,
  told: true,
  observe
})

/** Ours does not do what `fetch` does. */
export const differsFromFetch = (name: string, ours: unknown, fetch: unknown, observe: Observe): Case => ({
  name,
  expected: { ours, fetch },
  told: true,
  observe
})

/** All clients fail for the same reason; with ours the cause is the error of this tag. */
export const fails = (
  name: string,
  reason: string,
  cause: string,
  observe: Observe,
  around = (failure: string): unknown => failure
): Case => ({
  name,
  expected: { ours: around(`${reason}: ${cause}`), node: around(reason), undici: around(reason) },
  told: false,
  observe
})

/** What a failure is; nothing that depends on the version of Node. */
export const nameOf = (error: unknown): string => {
  if (HttpClientError.isHttpClientError(error)) {
    const { cause } = error
    const isOurs = Predicate.hasProperty(cause, "_tag") && Predicate.hasProperty(cause, "context")
    return `${error._tag} ${error.reason}${isOurs ? `: ${String(cause._tag)}` : ""}`
  }
  return Predicate.hasProperty(error, "_tag") ? String(error._tag) : String(error)
}

const nameOfCause = (cause: Cause.Cause<unknown>): string =>
  Option.match(Cause.failureOption(cause), {
    onNone: () => Cause.isInterruptedOnly(cause) ? "interrupted" : "defect",
    onSome: nameOf
  })

/** What came of an effect: its value, or the name of what it failed with. */
export const outcome = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A | string, never, R> =>
  Effect.catchAllCause(effect, (cause) => Effect.succeed(nameOfCause(cause)))

/** So many turns of the event loop: more than any exchange of these servers takes. */
export const manyTurns = Effect.gen(function*() {
  for (let turns = 0; turns < 2000; turns++) yield* turn
})

/** What came of an effect, or "nothing" where it is still waiting when everything that could come must have come. */
export const settled = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A | string, never, R> =>
  Effect.raceFirst(outcome(effect), Effect.as(manyTurns, "nothing"))

/** `Effect.timeout` whose time is over when another effect is done. */
export const timeoutWhen = (over: Effect.Effect<void>) => <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const limit = Duration.days(365)
    const live = Clock.make()
    const clock: Clock.Clock = Object.assign(Object.create(live), {
      sleep: (duration: Duration.Duration) => Duration.equals(duration, limit) ? over : live.sleep(duration)
    })
    return Effect.withClock(Effect.timeout(effect, limit), clock)
  })

/** The client, without the fields of a trace in its requests. */
export const quiet = Effect.map(HttpClient.HttpClient, HttpClient.withTracerPropagation(false))

/** The fields that say whom a request goes to and how its connection goes on. */
const ofConnection = new Set(["host", "connection"])

export type Fields = Readonly<Record<string, string>>

/** All other fields of a request, by names in small letters. */
export const fieldsOf = (heard: Heard | undefined): Fields =>
  Object.fromEntries(
    (heard?.fields ?? []).map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => !ofConnection.has(name))
  )
