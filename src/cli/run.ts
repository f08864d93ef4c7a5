/** A run of the command line: from arguments to an exit code. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { readFileSync } from "node:fs"
import * as ConnectionPool from "../ConnectionPool.ts"
import * as HttpRequest from "../HttpRequest.ts"
import type { Transport } from "../Transport.ts"
import type { Options } from "./args.ts"
import { read, usage } from "./args.ts"
import type { Failure } from "./failure.ts"
import { codeOf, describeFailure } from "./failure.ts"
import type { Io } from "./io.ts"
import { load } from "./load.ts"
import { recorded } from "./record.ts"
import { makeRequest, poolOptions } from "./request.ts"
import { note, single } from "./single.ts"
import { paint } from "./text.ts"
import { describe, describeInformational, traceLine } from "./trace.ts"

const version = (): string => {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    readonly version: string
  }
  return version
}

/** Writes events to standard error, with the time since now. */
const tracer = (io: Io): (text: string) => void => {
  const startedAt = performance.now()
  return (text) => {
    const line = paint(io.stderr, "dim", traceLine(performance.now() - startedAt, text))
    void io.stderr.write(line).catch(() => {})
  }
}

const exchange = (options: Options, io: Io): Effect.Effect<number, Failure, Transport> =>
  Effect.scoped(Effect.gen(function*() {
    const trace = options.trace ? tracer(io) : undefined
    const pool = yield* ConnectionPool.make({
      ...yield* poolOptions(options, io),
      // An option and not a subscription, because it also receives the events of closing the pool.
      onEvent: trace && ((event) => trace(describe(event)))
    })
    const request = HttpRequest.setOptions(yield* makeRequest(options, io), {
      onInformational: trace && ((informational) => trace(describeInformational(informational)))
    })
    return yield* options.repeat > 1 ? load(pool, request, options, io) : single(pool, request, options, io)
  }))

/** Sends, and writes the HAR file afterwards, whatever the exit. */
const send = (options: Options, io: Io): Effect.Effect<number, Failure, Transport> =>
  options.har === undefined ? exchange(options, io) : recorded(options.har, exchange(options, io))

/** Runs the command of the arguments, and returns the exit code. Describes failures on stderr. */
export const run = (args: ReadonlyArray<string>, io: Io): Effect.Effect<number, never, Transport> =>
  Effect.suspend(() => {
    const command = read(args)
    if (Either.isLeft(command)) {
      return Effect.as(
        note(
          io,
          `${paint(io.stderr, "bad", "effect-http-client")}: ${command.left.message}\nSee effect-http-client --help.\n`
        ),
        2
      )
    }
    switch (command.right._tag) {
      case "Help":
        return Effect.as(Effect.promise(() => io.stdout.write(usage)), 0)
      case "Version":
        return Effect.as(Effect.promise(() => io.stdout.write(`${version()}\n`)), 0)
      case "Request":
        return Effect.catchAll(
          send(command.right.options, io),
          (failure) => Effect.as(note(io, describeFailure(failure, io.stderr)), codeOf(failure))
        )
    }
  })
