/**
 * Options and arguments that the types forbid, from callers without types: each is a typed error before anything is opened or
 * sent, never a defect and never a thrown exception.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpBody from "../../src/HttpBody.ts"
import type * as HttpConnection from "../../src/HttpConnection.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpFields from "../../src/HttpFields.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { notStrings } from "../fixtures/notStrings.ts"
import { bytesOf, connectTo, failsWith, getHead, ok, textOf } from "./harness.ts"
import { asked, over } from "./over.ts"

type Options = Partial<HttpConnection.Options>
type Failing = (connection: HttpConnection.HttpConnection) => Effect.Effect<unknown, HttpError<unknown>>

const broken = {
  [Symbol.iterator]: (): never => {
    throw new RangeError("s3cr3t")
  }
}

/** What no limit and no timeout is. */
const noNumbers: ReadonlyArray<readonly [what: string, value: unknown]> = [
  ["NaN", NaN],
  ["negative", -1],
  ["minus infinity", -Infinity],
  ["null", null],
  ["a boolean", true],
  ["a symbol", Symbol("1")],
  ["text", "foo"]
]
const limits: ReadonlyArray<readonly [what: string, group: string, value: unknown]> = [
  ...noNumbers,
  ["a fraction", 1.5] as const,
  ["digits", "5"] as const
].map(([what, value]) => [what, "limits", value])
const timeouts: ReadonlyArray<readonly [what: string, group: string, value: unknown]> = [
  ...noNumbers,
  ["a negative duration", "-5 seconds"] as const,
  ["a negative bigint", -1n] as const,
  ["negative seconds and nanoseconds", [-1, 0]] as const,
  ["NaN seconds and nanoseconds", [NaN, 0]] as const,
  ["seconds and text", [1, "2"]] as const
].map(([what, value]) => [what, "timeouts", value])

describe("limits and timeouts", () => {
  it.effect.each([...limits, ...timeouts])(
    "that are %s are refused by make: %s",
    ([, group, value]) =>
      Effect.gen(function*() {
        const error = yield* failsWith(Effect.scoped(connectTo([], { [group]: { head: value } })), "InvalidOption")
        assert.strictEqual(error.option, `${group}.head`)
      })
  )

  it.effect.each([...limits, ...timeouts])(
    "that are %s are refused by execute: %s",
    ([, group, value]) =>
      over([], (connection) =>
        Effect.gen(function*() {
          const request = HttpRequest.get("/", { [group]: { head: value } })
          const error = yield* failsWith(connection.execute(request), "InvalidOption")
          assert.strictEqual(error.option, `${group}.head`)
          assert.strictEqual(error.context.origin, "http://a.test:80")
        }))
  )

  const noRecords = [500, 0, NaN, 0n, "5 seconds", "", true, false, [500], new Map([["head", 5]]), () => 5]
  it.effect.each(
    noRecords.flatMap((value) => ["limits", "timeouts", "leniency"].map((group) => [group, value] as const))
  )("that are no record are refused: %s of %s", ([group, value]) =>
    over([], (connection) =>
      Effect.gen(function*() {
        const options = { [group]: value }
        const refused: ReadonlyArray<Effect.Effect<unknown, HttpError>> = [
          Effect.scoped(connectTo([], options)),
          connection.execute(HttpRequest.get("/", options)),
          connection.execute(HttpRequest.setOptions(HttpRequest.get("/"), options))
        ]
        for (const effect of refused) {
          assert.strictEqual((yield* failsWith(effect, "InvalidOption")).option, group)
        }
      })))

  it.effect.each<readonly [what: string, options: object]>([
    ["undefined", { limits: undefined, timeouts: undefined }],
    ["null as a whole", { limits: null, timeouts: null }],
    ["undefined one by one", { limits: { head: undefined }, timeouts: { head: undefined, total: undefined } }],
    ["infinite", { limits: { head: Infinity }, timeouts: { head: Infinity } }],
    ["durations in every form", { timeouts: { head: "5 seconds", total: [5, 0], write: 5_000_000_000n } }]
  ])(
    "may be %s",
    ([, options]) =>
      over([T.connection(T.expect(getHead()), T.reply(ok("x")))], (connection) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* textOf(connection, HttpRequest.get("/", options)), "x")
        }), options)
  )

  it.effect("of a request that are undefined are those of the connection", () =>
    over([T.connection(T.expect(getHead()), T.reply(ok("x")))], (connection) =>
      Effect.gen(function*() {
        const request = HttpRequest.get("/", { limits: { fields: undefined } as never })
        assert.strictEqual((yield* failsWith(connection.execute(request), "TooManyHeaders")).limit, 0)
      }), { limits: { fields: 0 } }))
})

describe("options of a connection", () => {
  it.effect.each<readonly [what: string, options: object, tag: HttpError["_tag"], named: string]>([
    ["tls null", { tls: null }, "InvalidOption", "tls"],
    ["tls text", { tls: "yes" }, "InvalidOption", "tls"],
    ["host a number", { host: 5 }, "InvalidUrl", "host"],
    ["socketPath a number", { socketPath: 5 }, "InvalidUrl", "socketPath"],
    ["socketPath null", { socketPath: null }, "InvalidUrl", "socketPath"],
    ["tunnel null", { tunnel: null }, "InvalidOption", "tunnel"],
    ["autoOpen text", { autoOpen: "no" }, "InvalidOption", "autoOpen"],
    ["wireTap a number", { wireTap: 0 }, "InvalidOption", "wireTap"],
    ["tracing null", { tracing: null }, "InvalidOption", "tracing"],
    ["onEvent a record", { onEvent: {} }, "InvalidOption", "onEvent"],
    ["the tunnel's host a number", { tunnel: { host: 5 } }, "InvalidUrl", "tunnel"],
    ["the tunnel's headers null", { tunnel: { host: "b.test", headers: null } }, "InvalidOption", "headers"],
    ["the tunnel's headers broken", { tunnel: { host: "b.test", headers: broken } }, "InvalidOption", "headers"],
    ["a header of the tunnel null", { tunnel: { host: "b.test", headers: { a: null } } }, "InvalidHeaderValue", "a"]
  ])("are refused by make: %s", ([, options, tag, named]) =>
    Effect.gen(function*() {
      const error = yield* failsWith(Effect.scoped(connectTo([], options as Options)), tag)
      assert.include(Object.values(error), named)
      assert.notInclude(error.message, "s3cr3t")
    }))
})

describe("a request", () => {
  const body = HttpBody.bytes(bytesOf("abc"))
  it.effect.each(notStrings)(
    "is refused where a part of it is $what",
    ({ value }) =>
      over([], (connection) =>
        Effect.gen(function*() {
          const odd = value as never
          yield* failsWith(connection.execute(HttpRequest.make(odd, "/")), "InvalidMethod")
          yield* failsWith(connection.execute(HttpRequest.get(odd)), "InvalidUrl")
          yield* failsWith(connection.execute(HttpRequest.get("/", { headers: [["A", odd]] })), "InvalidHeaderValue")
          yield* failsWith(connection.execute(HttpRequest.get("/", { headers: [[odd, "A"]] })), "InvalidHeaderName")
          const trailers = HttpFields.unsafeMake(["A"], [odd])
          yield* failsWith(connection.execute(HttpRequest.post("/", { body, trailers })), "InvalidTrailer")
          yield* failsWith(connection.putRequest(odd, "/"), "InvalidMethod")
          yield* failsWith(connection.putRequest("GET", odd), "InvalidUrl")
          yield* failsWith(connection.request("GET", "/", { headers: [["A", odd]] }), "InvalidHeaderValue")
          yield* failsWith(connection.setTunnel(odd), "InvalidUrl")
          yield* failsWith(connection.setTunnel("b.test", 1, [["A", odd]]), "InvalidHeaderValue")
        }))
  )

  it.effect.each(notStrings)(
    "goes on without a header that is $what",
    ({ value }) =>
      over([T.connection(T.expect(asked("GET /", "A: 1 2")), T.reply(ok()))], (connection) =>
        Effect.gen(function*() {
          yield* connection.putRequest("GET", "/")
          yield* failsWith(connection.putHeader("A", value as never), "InvalidHeaderValue")
          yield* failsWith(connection.putHeader("A", "1", value as never), "InvalidHeaderValue")
          yield* failsWith(connection.putHeader(value as never, "1"), "InvalidHeaderName")
          yield* connection.putHeader("A", "1", 2)
          yield* connection.endHeaders()
          yield* connection.getResponse
        }))
  )

  it.effect("is refused where its headers cannot be read, once it runs, and leaves nothing begun", () =>
    over([], (connection) =>
      Effect.gen(function*() {
        for (
          const [headers, reason] of [
            [broken, "reading it failed (RangeError)"],
            [null, "they must be a record, a list of pairs, or `HttpFields`"],
            ["a: b", "they must be a record, a list of pairs, or `HttpFields`"]
          ] as const
        ) {
          const error = yield* failsWith(connection.request("GET", "/", { headers: headers as never }), "InvalidOption")
          assert.deepStrictEqual([error.option, error.reason], ["headers", reason])
          assert.strictEqual(yield* connection.state, "Idle")
        }
        yield* failsWith(connection.request("GET", "/", { headers: [null] as never }), "InvalidHeaderName")
        assert.strictEqual(yield* connection.state, "Idle")
        const thrown = {
          [Symbol.iterator]: (): never => {
            throw Symbol("no error")
          }
        }
        const error = yield* failsWith(connection.setTunnel("b.test", 1, thrown as never), "InvalidOption")
        assert.strictEqual(error.reason, "reading it failed (symbol)")
      })))
})

describe("errors of the step-by-step face say whom the request was for", () => {
  const cases: ReadonlyArray<readonly [what: string, tag: HttpError["_tag"], run: Failing]> = [
    ["putRequest with a wrong method", "InvalidMethod", (_) => _.putRequest("G T", "/")],
    ["putRequest with a wrong target", "InvalidUrl", (_) => _.putRequest("GET", "x")],
    [
      "putRequest twice",
      "CannotSendRequest",
      (_) => Effect.zipRight(_.putRequest("GET", "/"), _.putRequest("GET", "/"))
    ],
    ["putHeader too early", "CannotSendHeader", (_) => _.putHeader("A", "1")],
    [
      "putHeader with a wrong name",
      "InvalidHeaderName",
      (_) => Effect.zipRight(_.putRequest("GET", "/"), _.putHeader("A b", "1"))
    ],
    ["endHeaders too early", "CannotSendHeader", (_) => _.endHeaders()],
    ["endHeaders that may not open", "NotConnected", (_) => Effect.zipRight(_.putRequest("GET", "/"), _.endHeaders())],
    [
      "request that may not begin",
      "CannotSendRequest",
      (_) => Effect.zipRight(_.putRequest("GET", "/"), _.request("GET", "/"))
    ],
    ["request with a wrong target", "InvalidUrl", (_) => _.request("GET", "x")],
    ["send without a link", "NotConnected", (_) => _.send("x")],
    ["getResponse too early", "ResponseNotReady", (_) => _.getResponse],
    [
      "setTunnel behind putRequest",
      "InvalidOption",
      (_) => Effect.zipRight(_.putRequest("GET", "/"), _.setTunnel("b.test"))
    ],
    [
      "connect while nothing may be opened",
      "ConnectionClosed",
      () => Effect.flatMap(Effect.scoped(connectTo([])), ({ connection }) => connection.connect)
    ]
  ]
  it.effect.each(cases)("%s: %s", ([, tag, run]) =>
    over([], (connection) =>
      Effect.gen(function*() {
        const error = yield* failsWith(run(connection), tag)
        assert.strictEqual(error.context.origin, "http://a.test:80")
      }), { autoOpen: false }))
})
