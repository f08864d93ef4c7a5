/** Delivers webhooks to receivers on 127.0.0.1, and fails if anything is not as the page says. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as TestContext from "effect/TestContext"
import * as assert from "node:assert/strict"
import * as http from "node:http"
import { host, listen, unusedPort } from "../../demo/servers/listen.ts"
import * as breaker from "./breaker.ts"
import { Webhooks } from "./program.ts"
import { sign, verify } from "./signature.ts"

const equal = (found: unknown, expected: unknown) => Effect.sync(() => assert.deepEqual(found, expected))

const secret = Redacted.make("whsec")
const event = { type: "invoice.paid", text: "grüße" }
const webhook = (url: string) => ({ id: "msg_1", url, secret, event })

const deliver = (url: string) => Effect.flatMap(Webhooks, ({ deliver }) => deliver(webhook(url)))

/** The tag and the reason of the failure. */
const failing = (url: string) => Effect.map(Effect.flip(deliver(url)), (error) => `${error._tag}: ${error.reason}`)

interface Received {
  readonly id: string
  readonly key: string
  readonly valid: boolean
  readonly event: unknown
  readonly at: number
}

/** A receiver that verifies, records, and answers with these statuses in turn. */
const receiver = (statuses: ReadonlyArray<number>, fields: http.OutgoingHttpHeaders = {}) => {
  const received: Array<Received> = []
  const server = http.createServer((request, response) => {
    const pieces: Array<Buffer> = []
    request.on("data", (piece: Buffer) => pieces.push(piece)).on("end", () => {
      const body = Buffer.concat(pieces)
      const id = String(request.headers["webhook-id"])
      const timestamp = Number(request.headers["webhook-timestamp"])
      const signatures = String(request.headers["webhook-signature"])
      received.push({
        id,
        key: String(request.headers["idempotency-key"]),
        valid: verify(secret, { id, timestamp, body }, `v1,bm90IG1pbmU= ${signatures}`, Date.now() / 1000),
        event: JSON.parse(body.toString()),
        at: performance.now()
      })
      const status = statuses[Math.min(received.length, statuses.length) - 1] ?? 500
      response.writeHead(status, status === 204 ? {} : fields).end()
    })
  })
  return Effect.map(listen(server), (port) => ({ url: `http://${host}:${port}/hooks`, received }))
}

const signatures = Effect.gen(function*() {
  const message = { id: "msg_1", timestamp: 1000, body: new TextEncoder().encode("{}") }
  const right = sign(secret, message)
  yield* equal(verify(secret, message, right, 1300), true)
  yield* equal(verify(secret, message, right, 1301), false)
  yield* equal(verify(secret, { ...message, id: "msg_2" }, right, 1000), false)
  yield* equal(verify(secret, { ...message, timestamp: 1001 }, right, 1000), false)
  yield* equal(verify(secret, { ...message, body: new Uint8Array(2) }, right, 1000), false)
  yield* equal(verify(Redacted.make("other"), message, right, 1000), false)
})

const attempts = Effect.gen(function*() {
  const flaky = yield* receiver([503, 204], { "Retry-After": "1" })
  yield* equal(yield* deliver(flaky.url), 204)
  const [first, second] = flaky.received
  yield* equal([first?.valid, second?.valid, first?.event, first?.key, second?.key], [
    true,
    true,
    event,
    "msg_1",
    "msg_1"
  ])
  yield* equal((second?.at ?? 0) - (first?.at ?? 0) > 950, true)

  const refusing = yield* receiver([410])
  yield* equal(yield* failing(refusing.url), "Rejected: the receiver answered 410")
  yield* equal(refusing.received.length, 1)

  // A redirect is not followed: its target is not what the customer has confirmed.
  const moved = yield* receiver([302], { Location: "http://169.254.169.254/" })
  yield* equal(yield* failing(moved.url), "Rejected: the receiver answered 302")

  const broken = yield* receiver([500])
  yield* equal((yield* failing(broken.url)).startsWith("Postponed: The server answered with the status 500"), true)
  yield* equal(broken.received.length, 1)

  const busy = yield* receiver([503], { "Retry-After": "7200" })
  const error = yield* Effect.flip(deliver(busy.url))
  yield* equal(error._tag === "Postponed" && Duration.toMillis(error.wait), 7_200_000)
  yield* equal(busy.received.length, 1)
})

/** A URL of a customer leads only to public addresses, whatever its spelling. */
const addresses = Effect.gen(function*() {
  const { received, url } = yield* receiver([204])
  const port = new URL(url).port
  for (const name of ["127.0.0.2", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "0xa9fea9fe", "10.1.2.3"]) {
    yield* equal(yield* failing(`http://${name}:${port}/hooks`), "Rejected: this URL cannot be used")
  }
  yield* equal(received.length, 0)
  yield* equal((yield* failing("ftp://example.org/")).startsWith("Rejected: "), true)
})

/** A receiver that is down is asked by no more than the deliveries that open its breaker; others continue. */
const outage = Effect.gen(function*() {
  const down = `http://${host}:${yield* unusedPort}/`
  const first = yield* failing(down)
  yield* equal(first.startsWith("Postponed: Could not connect to"), true)
  yield* failing(down)
  yield* equal(yield* failing(down), "Postponed: the receiver is down")
  const other = yield* receiver([204])
  yield* equal(yield* deliver(other.url), 204)
})

/** The breaker by itself, on a test clock. */
const breakers = Effect.gen(function*() {
  const { protect } = yield* breaker.make<string>({ failures: 2, openTime: "1 minute", counts: (e) => e === "down" })
  let asked = 0
  const ask = (result: Effect.Effect<string, string>) =>
    Effect.map(
      Effect.either(protect(Effect.zipRight(Effect.sync(() => asked++), result))),
      (either) => either._tag === "Right" ? either.right : typeof either.left === "string" ? either.left : "open"
    )
  const down = Effect.fail("down")
  yield* equal(
    [yield* ask(down), yield* ask(Effect.succeed("up")), yield* ask(down), yield* ask(Effect.fail("mine"))],
    [
      "down",
      "up",
      "down",
      "mine"
    ]
  )
  yield* equal([yield* ask(down), yield* ask(down), yield* ask(Effect.succeed("up")), asked], [
    "down",
    "down",
    "open",
    6
  ])
  yield* TestClock.adjust("59 seconds")
  yield* equal(yield* ask(Effect.succeed("up")), "open")
  yield* TestClock.adjust("1 second")
  // One tries, the others do not wait for it.
  const probe = yield* Effect.fork(ask(Effect.zipRight(Effect.sleep("10 seconds"), down)))
  yield* Effect.yieldNow()
  yield* equal(yield* ask(Effect.succeed("up")), "open")
  yield* TestClock.adjust("10 seconds")
  yield* equal([yield* Fiber.join(probe), yield* ask(Effect.succeed("up"))], ["down", "open"])
  yield* TestClock.adjust("1 minute")
  yield* equal([yield* ask(Effect.succeed("up")), yield* ask(down), yield* ask(Effect.succeed("up"))], [
    "up",
    "down",
    "up"
  ])
  // An interruption proves nothing: the breaker stays as it was.
  const interrupted = yield* Effect.fork(protect(Effect.never))
  yield* Effect.yieldNow()
  yield* equal(Exit.isInterrupted(yield* Fiber.interrupt(interrupted)), true)
  yield* equal(yield* Clock.currentTimeMillis, 130_000)
  yield* equal(yield* ask(Effect.succeed("up")), "up")
}).pipe(Effect.provide(TestContext.TestContext))

const parts = { signatures, attempts, addresses, outage, breakers }

export const check = Effect.forEach(
  Object.entries(parts),
  ([name, part]) => Effect.withSpan(Effect.scoped(part), name),
  { discard: true }
).pipe(Effect.provide(Webhooks.layer({ allow: [host], failures: 2, openTime: "1 hour", connectRetryTime: 0 })))
