/**
 * Values that untyped code passes to a public function (`null`, lists, numbers, symbols) are a
 * typed failure, a value, or kept and refused when they are sent: never an exception, a defect, or
 * a request that waits indefinitely. A getter whose first argument is not a value of its module
 * (`HttpFields.get(null, "a")`) is a mistake that JavaScript reports itself.
 */
import { NodeFileSystem } from "@effect/platform-node"
import type * as FileSystem from "@effect/platform/FileSystem"
import type { HttpClient } from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as lib from "../src/index.ts"
import type { Transport } from "../src/Transport.ts"
import { hasEnded, settled } from "./connection/harness.ts"

const {
  AddressPolicy,
  ConnectionPool,
  FileBody,
  HttpBody,
  HttpConnection,
  HttpError,
  HttpFields,
  HttpRequest,
  Lines,
  Origin,
  Proxy,
  Sse
} = lib
const T = lib.TestTransport

/** What no type would let pass, and what some would. */
const junk: ReadonlyArray<readonly [what: string, value: unknown]> = [
  ["undefined", undefined],
  ["null", null],
  ["a number", 1],
  ["NaN", NaN],
  ["a negative number", -1],
  ["an empty text", ""],
  ["a text", "x"],
  ["true", true],
  ["an empty list", []],
  ["a list", [1]],
  ["a list of lists", [[1]]],
  ["an empty record", {}],
  ["a record of null", { a: null }],
  ["a symbol", Symbol("a")],
  ["a bigint", 1n],
  ["a function", () => 1],
  ["an object without a prototype", Object.create(null)],
  ["a date", new Date(0)],
  ["a map", new Map([["a", "b"]])]
]

type Run = Effect.Effect<unknown, unknown, Scope.Scope | Transport | FileSystem.FileSystem>

/** A call with junk in one place: an effect that is run, or anything else. */
// oxlint-disable-next-line typescript/no-explicit-any -- What is passed is what no type allows.
type Call = (junk: any) => unknown

const answers = T.layer(Array.from({ length: 4 }, () =>
  T.connection(
    T.discardUntil("\r\n\r\n"),
    T.reply("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{\"a\": 1}"),
    T.discard()
  )))

const toEffect = (result: unknown): Run =>
  Effect.isEffect(result)
    ? result as Run
    : Either.isEither(result)
    ? result as Either.Either<unknown, unknown>
    : Effect.succeed(result)

/** Fails for a defect, and for an error that is none of ours. */
const holds = (call: Call, what: string, value: unknown) =>
  Effect.gen(function*() {
    const running = yield* Effect.fork(
      Effect.suspend(() => toEffect(call(value))).pipe(
        Effect.scoped,
        Effect.provide(answers),
        Effect.provide(NodeFileSystem.layer),
        Effect.exit
      )
    )
    // Most calls end without a clock. No limit of time is above an hour, so what has not ended by then never does.
    yield* settled
    if (!hasEnded(running)) yield* TestClock.adjust("1 hour")
    const exit = yield* Effect.flatten(Effect.map(running.await, (outer) => outer))
    if (Exit.isSuccess(exit)) return
    assert.deepStrictEqual([...Cause.defects(exit.cause)], [], what)
    const error = Cause.failureOption(exit.cause)
    assert.isTrue(
      Option.isSome(error) && (isOurs(error.value) || isForeign(error.value)),
      `${what}: ${Cause.pretty(exit.cause)}`
    )
  })

/** By itself, or behind an error of the platform's client. */
const isOurs = (error: unknown): boolean => HttpError.isHttpError(error) || Option.isSome(HttpError.fromPlatform(error))

/** Failures of the platform's file system, and of Effect's schemas. */
const isForeign = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "_tag" in error
  && ["SystemError", "BadArgument", "ParseError"].includes(String(error._tag))

const request = HttpRequest.get("http://a.test/")
const connected = <A>(use: (connection: lib.HttpConnection.HttpConnection) => A) =>
  Effect.flatMap(HttpConnection.make({ host: "a.test" }), (connection) => toEffect(use(connection)))
const pooled = <A>(use: (pool: lib.ConnectionPool.ConnectionPool) => A) =>
  Effect.flatMap(ConnectionPool.make(), (pool) => toEffect(use(pool)))
/** By the client of the platform. */
const asked = (use: (get: Run, client: HttpClient) => Run) =>
  pooled((pool) =>
    Effect.flatMap(
      Effect.provideService(lib.PooledHttpClient.make, lib.ConnectionPool.ConnectionPool, pool),
      (client) => use(client.get("http://a.test/"), client)
    )
  )
const answered = <A>(use: (response: lib.HttpResponse.HttpResponse) => A) =>
  connected((connection) => Effect.flatMap(connection.execute(request), (response) => toEffect(use(response))))
/** Step by step, after `putRequest`. */
const begun = (use: (connection: lib.HttpConnection.HttpConnection) => Run) =>
  connected((connection) => Effect.zipRight(connection.putRequest("POST", "/"), use(connection)))

const connectionOptions = [
  "host",
  "port",
  "tls",
  "socketPath",
  "localAddress",
  "tunnel",
  "blockSize",
  "autoOpen",
  "timeouts",
  "limits",
  "leniency",
  "wireTap",
  "onEvent"
] as const
const poolOptions = [
  "connectionsPerOrigin",
  "connections",
  "idlePerOrigin",
  "idle",
  "waiters",
  "requestsPerConnection",
  "lifetime",
  "lifetimeJitter",
  "idleTime",
  "keepAliveMargin",
  "drainBytes",
  "drainTime",
  "unreadTime",
  "shutdownGrace",
  "tls",
  "proxy",
  "localAddress",
  "blockSize",
  "timeouts",
  "limits",
  "leniency",
  "wireTap",
  "onEvent"
] as const
const requestOptions = [
  "headers",
  "body",
  "trailers",
  "origin",
  "timeouts",
  "limits",
  "leniency",
  "targetForm",
  "expectContinue",
  "onInformational",
  "acceptTrailers"
] as const
const origin = Either.getOrThrow(Origin.make({ scheme: "http", host: "a.test" }))
const fields = HttpFields.make(["a", "b"])

const calls: ReadonlyArray<readonly [what: string, call: Call]> = [
  ["HttpConnection.make(junk)", HttpConnection.make],
  ["HttpConnection.open(junk)", HttpConnection.open],
  ...connectionOptions.map((option): readonly [string, Call] => [
    `HttpConnection.make({ ${option} })`,
    (junk) => Effect.flatMap(HttpConnection.make({ host: "a.test", [option]: junk }), (made) => made.execute(request))
  ]),
  ["ConnectionPool.make(junk)", ConnectionPool.make],
  ...poolOptions.map((option): readonly [string, Call] => [
    `ConnectionPool.make({ ${option} })`,
    (junk) => Effect.flatMap(ConnectionPool.make({ [option]: junk }), (made) => made.execute(request))
  ]),
  ...requestOptions.flatMap((option): ReadonlyArray<readonly [string, Call]> => [
    [
      `connection.execute with ${option}`,
      (junk) => connected((made) => made.execute(HttpRequest.post("/", { [option]: junk })))
    ],
    [
      `pool.execute with ${option}`,
      (junk) => pooled((made) => made.execute(HttpRequest.post("http://a.test/", { [option]: junk })))
    ]
  ]),
  ...(["method", "target", "fields", "body", "trailers", "origin", "timeouts"] as const).flatMap((
    field
  ): ReadonlyArray<readonly [string, Call]> => [
    [
      `connection.execute of a record with ${field}`,
      (junk) => connected((made) => made.execute({ ...HttpRequest.get("/"), [field]: junk }))
    ],
    [`pool.execute of a record with ${field}`, (junk) => pooled((made) => made.execute({ ...request, [field]: junk }))]
  ]),
  ["connection.execute(junk)", (junk) => connected((made) => made.execute(junk))],
  ["pool.execute(junk)", (junk) => pooled((made) => made.execute(junk))],
  ["pool.lease(junk)", (junk) => pooled((made) => made.lease(junk))],
  ["pool.shutdown(junk)", (junk) => pooled((made) => made.shutdown(junk))],
  ["pool.shutdown({ grace })", (junk) => pooled((made) => made.shutdown({ grace: junk }))],
  ["HttpRequest.make's method", (junk) => connected((made) => made.execute(HttpRequest.make(junk, "/")))],
  ["HttpRequest.make's target", (junk) => connected((made) => made.execute(HttpRequest.make("GET", junk)))],
  ["HttpRequest.make's input", (junk) => connected((made) => made.execute(HttpRequest.make("GET", "/", junk)))],
  ["HttpRequest.get's input", (junk) => pooled((made) => made.execute(HttpRequest.get("http://a.test", junk)))],
  ["HttpRequest.setOptions", (junk) => pooled((made) => made.execute(HttpRequest.setOptions(request, junk)))],
  ["HttpRequest.setBody", (junk) => pooled((made) => made.execute(HttpRequest.setBody(request, junk)))],
  ["HttpRequest.setHeader's name", (junk) => pooled((made) => made.execute(HttpRequest.setHeader(request, junk, "a")))],
  [
    "HttpRequest.setHeader's value",
    (junk) => pooled((made) => made.execute(HttpRequest.setHeader(request, "a", junk)))
  ],
  [
    "HttpRequest.appendHeader's name",
    (junk) => pooled((made) => made.execute(HttpRequest.appendHeader(request, junk, "a")))
  ],
  [
    "HttpBody.stream(junk)",
    (junk) => connected((made) => made.execute(HttpRequest.post("/", { body: HttpBody.stream(junk) })))
  ],
  [
    "HttpBody.stream of junk",
    (junk) => connected((made) => made.execute(HttpRequest.post("/", { body: HttpBody.stream(Stream.make(junk)) })))
  ],
  [
    "HttpBody.stream's options",
    (junk) => connected((made) => made.execute(HttpRequest.post("/", { body: HttpBody.stream(Stream.empty, junk) })))
  ],
  [
    "HttpBody.iterable(junk)",
    (junk) => connected((made) => made.execute(HttpRequest.post("/", { body: HttpBody.iterable(junk) })))
  ],
  [
    "HttpBody.iterable of junk",
    (junk) => connected((made) => made.execute(HttpRequest.post("/", { body: HttpBody.iterable([junk]) })))
  ],
  [
    "HttpBody.bytes(junk)",
    (junk) => connected((made) => made.execute(HttpRequest.post("/", { body: HttpBody.bytes(junk) })))
  ],
  ["HttpBody.text(junk)", (junk) => HttpBody.text(junk)],
  ["HttpBody.text's options", (junk) => HttpBody.text("a", junk)],
  ["HttpBody.json(junk)", (junk) => HttpBody.json(junk)],
  ["connection.putRequest's method", (junk) => connected((made) => made.putRequest(junk, "/"))],
  ["connection.putRequest's target", (junk) => connected((made) => made.putRequest("GET", junk))],
  ["connection.putRequest's options", (junk) => connected((made) => made.putRequest("GET", "/", junk))],
  ["connection.putHeader's name", (junk) => begun((made) => made.putHeader(junk, "a"))],
  [
    "connection.putHeader's value",
    (junk) => begun((made) => Effect.zipRight(made.putHeader("a", junk), made.endHeaders()))
  ],
  ["connection.putHeader's second value", (junk) => begun((made) => made.putHeader("a", "b", junk))],
  ["connection.endHeaders(junk)", (junk) => begun((made) => made.endHeaders(junk))],
  ["connection.endHeaders({ body })", (junk) => begun((made) => made.endHeaders({ body: junk }))],
  [
    "connection.endHeaders({ encodeChunked })",
    (junk) => begun((made) => made.endHeaders({ encodeChunked: junk, body: "a" }))
  ],
  [
    "connection.send(junk)",
    (junk) =>
      begun((made) =>
        Effect.zipRight(Effect.zipRight(made.putHeader("Content-Length", 1), made.endHeaders()), made.send(junk))
      )
  ],
  ["connection.request's method", (junk) => connected((made) => made.request(junk, "/"))],
  ["connection.request's target", (junk) => connected((made) => made.request("GET", junk))],
  ["connection.request's options", (junk) => connected((made) => made.request("GET", "/", junk))],
  ...(["body", "headers", "encodeChunked"] as const).map((option): readonly [string, Call] => [
    `connection.request({ ${option} })`,
    (junk) => connected((made) => made.request("POST", "/", { [option]: junk }))
  ]),
  ["connection.setTunnel's host", (junk) => connected((made) => made.setTunnel(junk))],
  ["connection.setTunnel's port", (junk) => connected((made) => made.setTunnel("a.test", junk))],
  ["connection.setTunnel's headers", (junk) => connected((made) => made.setTunnel("a.test", 1, junk))],
  ["response.read(junk)", (junk) => answered((response) => response.read(junk))],
  ["response.read1(junk)", (junk) => answered((response) => response.read1(junk))],
  ["response.peek(junk)", (junk) => answered((response) => response.peek(junk))],
  ["response.readInto(junk)", (junk) => answered((response) => response.readInto(junk))],
  ["response.readLine(junk)", (junk) => answered((response) => response.readLine(junk))],
  ["response.schemaJson(junk)", (junk) => answered((response) => response.schemaJson(junk))],
  ["response.getHeader(junk)", (junk) => answered((response) => response.getHeader(junk))],
  ["response.getHeader's default", (junk) => answered((response) => response.getHeader("x", junk))],
  ["Lines.decode(junk)", (junk) => Stream.runDrain(Lines.decode(junk))],
  ["Lines.decode's options", (junk) => answered((response) => Stream.runDrain(Lines.decode(response, junk)))],
  ["Lines.decode({ cr })", (junk) => answered((response) => Stream.runDrain(Lines.decode(response, { cr: junk })))],
  ["Sse.decode(junk)", (junk) => Stream.runDrain(Sse.decode(junk))],
  ["Sse.decode's options", (junk) => answered((response) => Stream.runDrain(Sse.decode(response, junk)))],
  [
    "Sse.decode({ maxEventBytes })",
    (junk) => answered((response) => Stream.runDrain(Sse.decode(response, { maxEventBytes: junk })))
  ],
  ["Sse.decode({ check })", (junk) => answered((response) => Stream.runDrain(Sse.decode(response, { check: junk })))],
  ...([
    undefined,
    "maxEventBytes",
    "check",
    "lastEventId",
    "schedule",
    "idleTimeout",
    "retryLimit",
    "statuses"
  ] as const).map((
    option
  ): readonly [string, Call] => [
    option === undefined ? "Sse.subscribe's options" : `Sse.subscribe({ ${option} })`,
    (junk) =>
      pooled((pool) =>
        Effect.provideService(
          Stream.runDrain(
            Sse.subscribe(request, {
              schedule: Schedule.recurs(1),
              ...(option === undefined ? junk : { [option]: junk })
            })
          ),
          ConnectionPool.ConnectionPool,
          pool
        )
      )
  ]),
  [
    "Sse.subscribe(junk)",
    (junk) =>
      pooled((pool) => Effect.provideService(Stream.runDrain(Sse.subscribe(junk)), ConnectionPool.ConnectionPool, pool))
  ],
  ["PooledHttpClient.withOptions", (junk) => asked((get) => lib.PooledHttpClient.withOptions(get, junk))],
  ["PooledHttpClient.withTimeouts", (junk) => asked((get) => lib.PooledHttpClient.withTimeouts(get, junk))],
  ["PooledHttpClient.withLimits", (junk) => asked((get) => lib.PooledHttpClient.withLimits(get, junk))],
  ["PooledHttpClient.withTls", (junk) => asked((get) => lib.PooledHttpClient.withTls(get, junk))],
  ["PooledHttpClient.withProxy", (junk) => asked((get) => lib.PooledHttpClient.withProxy(get, junk))],
  [
    "PooledHttpClient.retry",
    (junk) => asked((_, client) => client.pipe(lib.PooledHttpClient.retry(junk)).get("http://a.test/"))
  ],
  ["ConnectionPool.retry", (junk) => pooled((pool) => lib.ConnectionPool.retry(pool, junk).execute(request))],
  ["Sse.schemaData's schema", (junk) => Sse.schemaData({ event: "", data: "{}", id: "", retry: 1 }, junk)],
  ["FileBody.fromPath(junk)", (junk) => FileBody.fromPath(junk)],
  ["FileBody.fromPath's options", (junk) => FileBody.fromPath("/proc/self/stat", junk)],
  ["FileBody.fromFile(junk)", (junk) => FileBody.fromFile(junk)],
  ["Origin.make(junk)", Origin.make],
  ["Origin.fromUrl(junk)", Origin.fromUrl],
  ["Origin.fromUrl's options", (junk) => Origin.fromUrl("http://a.test/", junk)],
  ["Origin.withOptions", (junk) => Origin.withOptions(origin, junk)],
  ["AddressPolicy.make(junk)", AddressPolicy.make],
  ["AddressPolicy.make's lists", (junk) => AddressPolicy.make({ allow: junk, deny: [junk] })],
  ["AddressPolicy.check's address", (junk) => Effect.succeed(AddressPolicy.check(AddressPolicy.publicOnly, junk))],
  ["Proxy.make(junk)", Proxy.make],
  ["Proxy.fromUrl(junk)", Proxy.fromUrl],
  ["Proxy.fromUrl's options", (junk) => Proxy.fromUrl("http://a.test/", junk)],
  ["Proxy.fromEnv(junk)", Proxy.fromEnv],
  ["Proxy.noProxy(junk)", (junk) => Proxy.noProxy(junk)(origin)],
  ["HttpFields.fromInput(junk)", HttpFields.fromInput],
  ["HttpFields.make(junk)", HttpFields.make],
  ["HttpFields.parse(junk)", (junk) => HttpFields.parse(junk)],
  ["HttpFields.parse's options", (junk) => HttpFields.parse(new Uint8Array(), junk)],
  ["HttpFields.get", (junk) => HttpFields.getUnsafe(fields, junk)],
  ["HttpFields.getAll", (junk) => HttpFields.getAll(fields, junk)],
  ["HttpFields.has", (junk) => HttpFields.has(fields, junk)],
  ["HttpFields.set", (junk) => HttpFields.set(fields, junk, junk)],
  ["HttpFields.append", (junk) => HttpFields.append(fields, junk, junk)],
  ["HttpFields.remove", (junk) => HttpFields.remove(fields, junk)],
  ["HttpTimeouts.make(junk)", lib.HttpTimeouts.make],
  ["HttpLimits.make(junk)", lib.HttpLimits.make],
  ["HttpLeniency.make(junk)", lib.HttpLeniency.make]
]

describe("what untyped code passes", () => {
  it.effect.each(calls)("to %s", ([, call]) =>
    Effect.forEach(
      junk,
      ([what, value]) => holds(call, what, value),
      { discard: true }
    ))
})

describe("guards and predicates answer whatever they are asked", () => {
  const guards = Object.entries(lib).flatMap(([module, namespace]) =>
    Object.entries(namespace)
      .filter(([name, value]) => /^is[A-Z]/.test(name) && typeof value === "function")
      .map(([name, value]) => [`${module}.${name}`, value as (value: unknown) => unknown] as const)
  )

  it("there are some", () => {
    assert.isAbove(guards.length, 15)
  })

  it.each(guards)("%s", (_, guard) => {
    for (const [what, value] of junk) assert.isBoolean(guard(value), what)
  })
})
