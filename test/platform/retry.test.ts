/** `PooledHttpClient.retry`: over this library's client, over combinators, and over clients of others. */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type * as HttpRetry from "../../src/HttpRetry.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as T from "../../src/TestTransport.ts"
import { bytesOf, contained, hasEnded, started } from "../connection/harness.ts"
import { comesToHold } from "../pool/harness.ts"
import { anyHead, clientTo, failsWith, ok, quietly, url } from "./kit.ts"

const answer = (status: number, ...fields: ReadonlyArray<string>): T.Step =>
  T.reply(`HTTP/1.1 ${status} \r\n${fields.map((field) => `${field}\r\n`).join("")}Content-Length: 4\r\n\r\nbusy`)

const options: HttpRetry.Options = { schedule: Schedule.spaced("1 second") }

/** A client with retries every second over a script; requests have no span, whose fields would be sent too. */
const retryingTo = (script: T.Script, more: HttpRetry.Options = {}) =>
  // The pool itself tries to connect again; here the combinator is to be seen.
  Effect.map(clientTo(script, { connectRetryTime: 0, connectBackoff: 0 }), (kit) => ({
    ...kit,
    below: kit.client,
    client: PooledHttpClient.retry(kit.client, { ...options, ...more })
  }))

const textOf = <E>(sending: Effect.Effect<HttpClientResponse.HttpClientResponse, E>) =>
  quietly(Effect.flatMap(sending, (response) => response.text))

describe("over this library's client", () => {
  it.effect("a failure of opening is retried for a POST, one behind which the server may have done it is not", () =>
    contained(Effect.gen(function*() {
      const { client, transport } = yield* retryingTo([T.refuse(), T.connection(anyHead, T.reset)])
      const fiber = yield* started(failsWith(quietly(client.post(url)), "RequestError", "Transport", "ReadError"))
      yield* TestClock.adjust("1 second")
      const { context } = yield* Fiber.join(fiber)
      assert.strictEqual(context.processed, "Unknown")
      assert.strictEqual(transport.opened.length, 2)
    })))

  it.effect("the last failure says of all attempts whether the server may have done it", () =>
    contained(Effect.gen(function*() {
      const { client } = yield* retryingTo([T.connection(anyHead, T.reset), T.refuse()], { times: 1 })
      const fiber = yield* started(failsWith(quietly(client.get(url)), "RequestError", "Transport", "ConnectError"))
      yield* TestClock.adjust("1 second")
      const { context } = yield* Fiber.join(fiber)
      assert.deepStrictEqual([context.processed, context.bytesWritten], ["Unknown", 0])
    })))

  it.effect("a 503 is retried after its Retry-After on the connection that it has released", () =>
    contained(Effect.gen(function*() {
      const { client, pool, transport } = yield* retryingTo([
        T.connection(anyHead, answer(503, "Retry-After: 5"), anyHead, T.reply(ok("x")))
      ])
      const fiber = yield* started(textOf(client.get(url)))
      yield* comesToHold(pool, { idle: 1 })
      yield* TestClock.adjust(4999)
      assert.isFalse(hasEnded(fiber))
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(fiber), "x")
      yield* transport.verify
    })))

  it.effect("a POST that was redirected is not sent again, though its last status says that nothing was done", () =>
    contained(Effect.gen(function*() {
      const { below, transport } = yield* retryingTo([
        T.connection(anyHead, answer(303, "Location: /done"), anyHead, answer(503), anyHead, T.reply(ok("x")))
      ])
      const client = PooledHttpClient.retry(PooledHttpClient.followRedirects(below), {
        schedule: Schedule.recurs(5),
        unprocessedStatuses: [503]
      })
      const response = yield* quietly(client.post(url))
      assert.strictEqual(response.status, 503)
      yield* response.text
      assert.strictEqual(transport.opened.length, 1)
    })))

  it.effect("a mistake of the caller is given at once", () =>
    contained(Effect.gen(function*() {
      const { client } = yield* retryingTo([])
      yield* failsWith(client.get("ftp://a.test/"), "RequestError", "InvalidUrl", "UnsupportedScheme")
    })))

  it.effect("a body that cannot be sent again is not, whatever the status", () =>
    contained(Effect.gen(function*() {
      const { client } = yield* retryingTo([T.connection(anyHead, T.discard(3), answer(503))])
      const body = HttpBody.stream(Stream.make(bytesOf("abc")), undefined, 3)
      const response = yield* quietly(client.put(url, { body }))
      assert.strictEqual(response.status, 503)
      yield* response.text
    })))

  it.effect("the resend of the pool counts as a retry, behind a status too", () =>
    contained(Effect.gen(function*() {
      const { client, transport } = yield* retryingTo([
        T.connection(anyHead, T.reply(ok("x")), anyHead, T.reset),
        T.connection(anyHead, answer(503))
      ], { times: 1 })
      yield* textOf(client.get(url))
      const response = yield* quietly(client.get(url))
      assert.strictEqual(response.status, 503)
      yield* response.text
      yield* transport.verify
    })))

  it.effect("all attempts have one Idempotency-Key, and each a span of its own", () =>
    contained(Effect.gen(function*() {
      const { client, transport } = yield* retryingTo([
        T.connection(anyHead, answer(503), anyHead, T.reply(ok("x")))
      ], { idempotencyKey: Effect.succeed("k1") })
      const fiber = yield* started(Effect.flatMap(client.post(url), (response) => response.text))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "x")
      const written = transport.written(0)
      assert.deepStrictEqual(
        written.match(/idempotency-key: .*/gi),
        ["idempotency-key: k1\r", "idempotency-key: k1\r"].map((line) => line.slice(0, -1))
      )
      assert.strictEqual(new Set(written.match(/traceparent: .*/g)).size, 2)
    })))

  it.effect("a request that has a key keeps it, and a GET gets none", () =>
    contained(Effect.gen(function*() {
      const { client, transport } = yield* retryingTo(
        [T.connection(anyHead, T.reply(ok()), anyHead, T.reply(ok()))],
        { idempotencyKey: true }
      )
      yield* textOf(client.execute(HttpClientRequest.post(url, { headers: { "Idempotency-Key": "mine" } })))
      yield* textOf(client.get(url))
      assert.deepStrictEqual(transport.written(0).match(/idempotency-key: .*/gi), ["idempotency-key: mine"])
    })))

  it.effect("options that make no sense fail each request", () =>
    contained(Effect.gen(function*() {
      const { client, transport } = yield* retryingTo([], { times: -1 })
      const error = yield* failsWith(client.get(url), "RequestError", "Encode", "InvalidOption")
      assert.strictEqual(error.option, "times")
      assert.deepStrictEqual(transport.opened, [])
    })))

  it.effect.each([3, "3", [3], null])(
    "so do options that are no record: %j",
    (value) =>
      contained(Effect.gen(function*() {
        const { below, transport } = yield* retryingTo([])
        const wrong = value as unknown as HttpRetry.Options
        for (const client of [PooledHttpClient.retry(below, wrong), below.pipe(PooledHttpClient.retry(wrong))]) {
          const error = yield* failsWith(client.get(url), "RequestError", "Encode", "InvalidOption")
          assert.strictEqual(error.option, "retry")
        }
        assert.deepStrictEqual(transport.opened, [])
      }))
  )

  it.effect("undefined options are the defaults", () =>
    contained(Effect.gen(function*() {
      const { below } = yield* retryingTo([T.connection(anyHead, T.reply(ok("x")))])
      assert.strictEqual(yield* textOf(below.pipe(PooledHttpClient.retry()).get(url)), "x")
    })))
})

describe("over combinators", () => {
  it.effect("a status that `filterStatusOk` below has made a failure is retried, and its response released", () =>
    contained(Effect.gen(function*() {
      const { below, pool } = yield* retryingTo([T.connection(anyHead, answer(503), anyHead, answer(404))])
      const client = below.pipe(HttpClient.filterStatusOk, PooledHttpClient.retry(options))
      const fiber = yield* started(Effect.flip(quietly(client.get(url))))
      yield* comesToHold(pool, { idle: 1 })
      yield* TestClock.adjust("1 second")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error._tag === "ResponseError" && error.response.status, 404)
    })))

  it.effect("a POST that was redirected to a GET which fails is not sent again: a server has answered it", () =>
    contained(Effect.gen(function*() {
      const { below, transport } = yield* retryingTo([
        T.connection(anyHead, answer(303, "Location: http://b.test/done")),
        T.refuse()
      ])
      const client = below.pipe(PooledHttpClient.followRedirects(), PooledHttpClient.retry(options))
      const { context } = yield* failsWith(quietly(client.post(url)), "RequestError", "Transport", "ConnectError")
      assert.strictEqual(context.processed, "Yes")
      assert.strictEqual(transport.opened.length, 2)
    })))

  it.effect("a PUT of a stream that was redirected to a GET which fails is not sent again: its body is used up", () =>
    contained(Effect.gen(function*() {
      const { below, transport } = yield* retryingTo([
        T.connection(anyHead, T.discard(3), answer(303, "Location: http://b.test/done")),
        T.refuse()
      ])
      const client = below.pipe(PooledHttpClient.followRedirects(), PooledHttpClient.retry(options))
      const body = HttpBody.stream(Stream.make(bytesOf("abc")), undefined, 3)
      yield* failsWith(quietly(client.put(url, { body })), "RequestError", "Transport", "ConnectError")
      assert.strictEqual(transport.opened.length, 2)
    })))

  it.effect("a GET that was redirected to one which fails is sent again from its beginning", () =>
    contained(Effect.gen(function*() {
      const { below } = yield* retryingTo([
        T.connection(anyHead, answer(302, "Location: http://b.test/"), anyHead, T.reply(ok("x"))),
        T.refuse()
      ])
      const client = below.pipe(PooledHttpClient.followRedirects(), PooledHttpClient.retry(options))
      const fiber = yield* started(textOf(client.get(url)))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "x")
    })))

  it.effect("what the client does to a request before is done once", () =>
    contained(Effect.gen(function*() {
      const { below } = yield* retryingTo([T.refuse(), T.connection(anyHead, T.reply(ok("x")))])
      let mapped = 0
      const client = below.pipe(
        HttpClient.mapRequest((request) => (mapped++, request)),
        PooledHttpClient.retry(options)
      )
      const fiber = yield* started(textOf(client.get(url)))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "x")
      assert.strictEqual(mapped, 1)
    })))
})

describe("over a client of others", () => {
  /** Answers with these statuses, one after the other. */
  const answering = (...statuses: ReadonlyArray<number>) => {
    const released: Array<number> = []
    let next = 0
    const client = HttpClient.make((request) =>
      Effect.suspend(() => {
        const status = statuses[next++]
        if (status === undefined) {
          return Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport" }))
        }
        const body = new ReadableStream<Uint8Array>({
          pull: (controller) => {
            released.push(status)
            controller.close()
          }
        }, { highWaterMark: 0 })
        const headers = { "Retry-After": "3" }
        return Effect.succeed(HttpClientResponse.fromWeb(request, new Response(body, { status, headers })))
      })
    )
    return { client: PooledHttpClient.retry(client, options), released, sent: () => next }
  }

  it.effect("a status is retried after its Retry-After, its response read", () =>
    Effect.gen(function*() {
      const { client, released } = answering(503, 200)
      const fiber = yield* started(Effect.scoped(client.get(url)))
      assert.deepStrictEqual(released, [503])
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).status, 200)
    }))

  it.effect("of its failures nothing is known, so they are given at once", () =>
    Effect.gen(function*() {
      const { client, sent } = answering()
      yield* Effect.flip(client.get(url))
      assert.strictEqual(sent(), 1)
    }))
})

it("keeps the types of errors and requirements, and adds that of options that make no sense", () => {
  type Mine = HttpClient.HttpClient.With<"mine", "needs">
  const retrying = PooledHttpClient.retry({})
  expectTypeOf(retrying<"mine", "needs">).returns.toEqualTypeOf<
    HttpClient.HttpClient.With<"mine" | HttpClientError.RequestError, "needs">
  >()
  expectTypeOf(retrying<"mine", "needs">).parameter(0).toEqualTypeOf<Mine>()
})
