/**
 * Errors by tag. Each is handled at the place that can do something about it; the compiler knows
 * which ones are left.
 *
 * `processed` and `replayable` of the context say whether a retry is safe.
 */
import { HttpConnection, HttpError, HttpRequest, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

const get = (host: string, port: number, target: string) =>
  Effect.gen(function*() {
    const connection = yield* HttpConnection.make({ host, port, timeouts: { head: "200 millis" } })
    const response = yield* connection.execute(HttpRequest.get(target))
    return yield* response.text
  }).pipe(Effect.scoped)

/** True if the request had no effect yet, can be sent again, and is not itself at fault. */
const isSafeToRepeat = (error: unknown): boolean =>
  HttpError.isHttpError(error)
  && error.context.fault !== "User"
  && error.context.processed === "No"
  && error.context.replayable

export const program = (host: string, port: number, target: string) =>
  get(host, port, target).pipe(
    Effect.retry({ while: isSafeToRepeat, times: 2, schedule: Schedule.exponential("10 millis") }),
    Effect.catchTags({
      InvalidUrl: ({ part }) => Effect.succeed(`mend the ${part}`),
      DnsError: ({ host }) => Effect.succeed(`there is no ${host}`),
      ConnectError: ({ reason }) => Effect.succeed(`the server is not there: ${reason}`),
      HttpTimeout: ({ kind, millis }) => Effect.succeed(`too slow: ${kind} took more than ${millis} ms`),
      IncompleteRead: ({ expected, received }) => Effect.succeed(`cut short: ${received} of ${expected} bytes`)
    }),
    // All others: every error has a message to show and a context to log.
    Effect.catchAll((error) => Effect.logError(error.message, error.context).pipe(Effect.as("failed"))),
    Effect.provide(NodeTransport.layer)
  )
