/** `catchTag`: failures of the platform's client, handled by the tag of the error below. */
import type { HttpClientError } from "@effect/platform/HttpClientError"
import { assert, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as HttpError from "../../src/HttpError.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as T from "../../src/TestTransport.ts"
import { anyHead, clientOver, clientTo, quietly, url } from "./kit.ts"

it.scoped("handles a RequestError by its cause, and the handler receives the cause", () =>
  Effect.gen(function*() {
    const { client } = yield* clientTo([T.refuse()], { connectRetryTime: 0 })
    const found = yield* quietly(client.get(url)).pipe(
      Effect.as("answered"),
      PooledHttpClient.catchTag("ConnectError", ({ code, context }) => Effect.succeed(`${code}, ${context.processed}`))
    )
    assert.strictEqual(found, "ECONNREFUSED, No")
  }))

it.scoped("handles a ResponseError, whose body has broken", () =>
  Effect.gen(function*() {
    const { client } = yield* clientOver(anyHead, T.reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"), T.eof)
    const text = Effect.flatMap(quietly(client.get(url)), (response) => response.text)
    const found = yield* PooledHttpClient.catchTag(text, "IncompleteRead", ({ received }) =>
      Effect.succeed(`${received} bytes`))
    assert.strictEqual(found, "2 bytes")
  }))

it.scoped("leaves a failure with another cause unchanged", () =>
  Effect.gen(function*() {
    const { client } = yield* clientTo([T.refuse()], { connectRetryTime: 0 })
    const error = yield* quietly(client.get(url)).pipe(
      PooledHttpClient.catchTag("HttpTimeout", () => Effect.succeed("handled")),
      Effect.flip
    )
    assert.strictEqual(error._tag, "RequestError")
    assert.strictEqual(Option.getOrThrow(HttpError.fromPlatform(error))._tag, "ConnectError")
  }))

/** An error of another library. */
class Above extends Data.TaggedError("Above")<{ readonly cause: unknown }> {}

it.effect("handles an error of this library itself, and one below several others", () =>
  Effect.gen(function*() {
    const error = new HttpError.InvalidOption({ option: "times", reason: "it must be a number" })
    for (const failure of [error, new Above({ cause: new Above({ cause: error }) })]) {
      const found = yield* PooledHttpClient.catchTag(Effect.fail(failure), "InvalidOption", ({ option }) =>
        Effect.succeed(option))
      assert.strictEqual(found, "times")
    }
  }))

it.effect("fails as its handler does, and the type has both failures", () =>
  Effect.gen(function*() {
    const error = new HttpError.InvalidOption({ option: "times", reason: "it must be a number" })
    const effect: Effect.Effect<number, "other" | HttpClientError> = PooledHttpClient.catchTag(
      Effect.fail(error) as unknown as Effect.Effect<number, HttpClientError>,
      "InvalidOption",
      () => Effect.fail("other" as const)
    )
    assert.strictEqual(yield* Effect.flip(effect), "other")
  }))

it.effect("handles neither defects nor interruptions", () =>
  Effect.gen(function*() {
    const error = new HttpError.InvalidOption({ option: "times", reason: "it must be a number" })
    const handle = PooledHttpClient.catchTag("InvalidOption", () => Effect.succeed("handled"))
    assert.deepStrictEqual(yield* Effect.exit(handle(Effect.die(error))), Exit.die(error))
    const interrupted = yield* Effect.exit(handle(Effect.interrupt))
    assert.isTrue(Exit.isFailure(interrupted) && Cause.isInterruptedOnly(interrupted.cause))
  }))
