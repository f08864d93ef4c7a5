/** Tests of the service, without a server: by a script, by a recording, and under faults. */
import { assert, it } from "@effect/vitest"
import { ConfigProvider, Effect, Fiber, Layer, TestClock } from "effect"
import { Cassette, NodeTransport, TestTransport, Transport } from "effect-http-client"
import { connection, discardUntil, expect, reply, stall } from "effect-http-client/TestTransport"
import { fileURLToPath } from "node:url"
import { layer, Rates } from "./program.ts"

/** The service over a transport of the test. */
const over = <E, R>(transport: Layer.Layer<Transport.Transport, E, R>) =>
  layer.pipe(
    Layer.provide(transport),
    Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(
      new Map([["RATES_URL", "http://rates.test:8080"], ["RATES_KEY", "secret"]])
    )))
  )

const rateOf = (currency: string) => Effect.flatMap(Rates, ({ rate }) => rate(currency))

const json = (body: string, status = "200 OK") =>
  `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`

const euro = json(`{"currency":"EUR","rate":1.08}`)

it.scoped("asks for the currency, with the key", () =>
  Effect.gen(function*() {
    const transport = yield* TestTransport.make([connection(
      expect("GET /rates?currency=EUR HTTP/1.1\r\nHost: rates.test:8080\r\nx-api-key: secret\r\n"),
      discardUntil("\r\n\r\n"),
      reply(euro)
    )])
    const rate = yield* Effect.provide(rateOf("EUR"), over(Layer.succeed(Transport.Transport, transport)))
    assert.strictEqual(rate, 1.08)
    yield* transport.verify
  }))

/** Lets the time pass for as long as the effect takes. */
const whileTimePasses = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.raceFirst(effect, Effect.forever(TestClock.adjust("1 second")))

it.effect("does not ask again for what does not exist", () =>
  Effect.gen(function*() {
    const error = yield* Effect.flip(whileTimePasses(rateOf("XXX")))
    assert.strictEqual(error._tag, "NoRate")
  }).pipe(
    // A second request would find no connection in the script, and fail the test.
    Effect.provide(over(TestTransport.layer([
      connection(discardUntil("\r\n\r\n"), reply(json("{}", "404 Not Found")))
    ])))
  ))

it.effect("asks again when the server is silent for two seconds", () =>
  Effect.gen(function*() {
    const asked = yield* Effect.fork(rateOf("EUR"))
    yield* TestClock.adjust("2 seconds")
    // The pause before the retry: 100 ms at most.
    yield* TestClock.adjust("100 millis")
    assert.strictEqual(yield* Fiber.join(asked), 1.08)
  }).pipe(
    Effect.provide(over(TestTransport.layer([
      connection(discardUntil("\r\n\r\n"), stall),
      connection(discardUntil("\r\n\r\n"), reply(euro))
    ])))
  ))

const recording = fileURLToPath(new URL("rates.json", import.meta.url))

it.effect("understands what the server said on the day of the recording", () =>
  Effect.gen(function*() {
    assert.strictEqual(yield* rateOf("EUR"), 1.0834)
    assert.strictEqual((yield* Effect.flip(rateOf("XXX")))._tag, "NoRate")
  }).pipe(
    // Plays the file. If you delete it, this asks the real server and records it again.
    Effect.provide(over(Layer.provide(Cassette.layer(recording, { times: false }), NodeTransport.layer)))
  ))

it.effect.each([1, 2, 3, 4, 5, 6, 7, 8])("gives the rate under faults: seed %d", (seed) =>
  Effect.gen(function*() {
    const server = yield* TestTransport.make(
      Array.from({ length: 30 }, () => connection(discardUntil("\r\n\r\n"), reply(euro)))
    )
    const transport = TestTransport.faults({
      seed,
      splits: 0.5,
      // The response has some 110 bytes: half of these are in its head, half in its body.
      resets: { probability: 0.4, within: 110 },
      stalls: { probability: 0.2, within: 110 },
      refusals: 0.2
    })(server)
    const rate = yield* whileTimePasses(rateOf("EUR")).pipe(
      Effect.provide(over(Layer.succeed(Transport.Transport, transport))),
      // Of a failure this says what to repeat: the seed, and what happened.
      Effect.orDieWith((error) => new Error(transport.report, { cause: error }))
    )
    assert.strictEqual(rate, 1.08, transport.report)
    assert.strictEqual(transport.openCount, 0, transport.report)
  }).pipe(Effect.scoped))
