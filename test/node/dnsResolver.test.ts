/** `Resolver.fromDns` against a DNS server on loopback: what it asks, what it makes of answers and failures, and how it ends. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as HttpConnection from "../../src/HttpConnection.ts"
import { DnsError, InvalidOption } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import { bothFamilies, DnsClient, tellingFailure } from "../../src/internal/node/dnsClient.ts"
import { dnsError } from "../../src/internal/node/errors.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import * as Resolver from "../../src/Resolver.ts"
import type { DnsRecord, DnsReply, Question } from "../fixtures/dnsServer.ts"
import { dnsServer } from "../fixtures/dnsServer.ts"
import { Events } from "../fixtures/sockets.ts"
import { webServer } from "../fixtures/web.ts"

const a = (data: string, ttl = 60): DnsRecord => ({ type: "A", ttl, data })
const aaaa = (data: string, ttl = 60): DnsRecord => ({ type: "AAAA", ttl, data })

const live = (name: string, test: Effect.Effect<unknown, unknown, Scope.Scope>) =>
  it.live(name, () => Effect.scoped(test))

/** A resolver that asks a server which answers so, for each family. */
const asking = (
  answers: { readonly [T in Question["type"]]?: DnsReply | Promise<DnsReply> },
  options: Resolver.DnsOptions = {}
) =>
  Effect.gen(function*() {
    const { address, questions } = yield* dnsServer(({ type }) => answers[type])
    const resolver = yield* Resolver.fromDns({ servers: [address], ...options })
    return { questions, resolver }
  })

describe("a lookup by DNS", () => {
  live(
    "asks for both families and answers with the addresses of both, valid for as long as all of them",
    Effect.gen(function*() {
      const { questions, resolver } = yield* asking({
        A: [a("192.0.2.1", 60), a("192.0.2.2", 30)],
        AAAA: [aaaa("2001:db8::1", 90)]
      })
      const answer = yield* resolver.lookup("a.test")
      assert.deepStrictEqual(answer, { addresses: ["2001:db8::1", "192.0.2.1", "192.0.2.2"], ttl: 30_000 })
      assert.deepStrictEqual(questions.all.map(({ name, type }) => `${name} ${type}`).toSorted(), [
        "a.test A",
        "a.test AAAA"
      ])
    })
  )

  live(
    "asks again each time, as it remembers nothing",
    Effect.gen(function*() {
      const { questions, resolver } = yield* asking({ A: [a("192.0.2.1", 3600)], AAAA: [] })
      yield* resolver.lookup("a.test")
      yield* resolver.lookup("a.test")
      assert.strictEqual(questions.all.length, 4)
    })
  )

  live(
    "follows CNAME records in the answer, whose time counts too",
    Effect.gen(function*() {
      const { resolver } = yield* asking({
        A: [{ type: "CNAME", ttl: 20, data: "b.test" }, { ...a("192.0.2.1", 60), name: "b.test" }],
        AAAA: [{ type: "CNAME", ttl: 20, data: "b.test" }]
      })
      assert.deepStrictEqual(yield* resolver.lookup("a.test"), { addresses: ["192.0.2.1"], ttl: 20_000 })
    })
  )

  const families: ReadonlyArray<readonly [what: string, failed: DnsReply]> = [
    ["has no address", []],
    ["fails", 2],
    ["is refused", 5],
    ["does not exist", 3]
  ]
  for (const [what, failed] of families) {
    live(
      `answers with the other family if one ${what}`,
      Effect.gen(function*() {
        const six = yield* asking({ A: failed, AAAA: [aaaa("2001:db8::1")] })
        const four = yield* asking({ A: [a("192.0.2.1")], AAAA: failed })
        assert.deepStrictEqual((yield* six.resolver.lookup("a.test")).addresses, ["2001:db8::1"])
        assert.deepStrictEqual((yield* four.resolver.lookup("a.test")).addresses, ["192.0.2.1"])
      })
    )
  }

  live(
    "waits only briefly for a family that does not answer, if the other one has addresses",
    Effect.gen(function*() {
      for (const answers of [{ A: [a("192.0.2.1")] }, { AAAA: [aaaa("2001:db8::1")] }]) {
        const { resolver } = yield* asking(answers, { timeout: "1 hour" })
        assert.strictEqual((yield* resolver.lookup("a.test")).addresses.length, 1)
      }
    })
  )

  live(
    "waits for a family that is slow, if the other one has none",
    Effect.gen(function*() {
      const { resolver } = yield* asking({
        A: new Promise((resolve) => setTimeout(resolve, 80, [a("192.0.2.1")])),
        AAAA: []
      })
      assert.deepStrictEqual((yield* resolver.lookup("a.test")).addresses, ["192.0.2.1"])
    })
  )

  const failures: ReadonlyArray<readonly [four: DnsReply, six: DnsReply, code: string, reason: string]> = [
    [3, 3, "ENOTFOUND", "NotFound"],
    [[], [], "ENODATA", "NoData"],
    [[], 2, "ESERVFAIL", "Temporary"],
    [2, [], "ESERVFAIL", "Temporary"],
    [5, 5, "EREFUSED", "Other"]
  ]
  for (const [four, six, code, reason] of failures) {
    live(
      `fails with ${code} for ${JSON.stringify(four)} and ${JSON.stringify(six)}, and keeps the cause`,
      Effect.gen(function*() {
        const { resolver } = yield* asking({ A: four, AAAA: six }, { tries: 1 })
        const error = yield* Effect.flip(resolver.lookup("a.test"))
        assert.deepStrictEqual([error.host, error.code, error.reason], ["a.test", code, reason])
        assert.deepInclude(error.cause, { code })
      })
    )
  }

  live(
    "fails with ETIMEOUT if the server does not answer",
    Effect.gen(function*() {
      const { questions, resolver } = yield* asking({}, { timeout: 20, tries: 2 })
      const error = yield* Effect.flip(resolver.lookup("a.test"))
      assert.deepStrictEqual([error.code, error.reason], ["ETIMEOUT", "Temporary"])
      assert.strictEqual(questions.all.length, 4)
    })
  )

  live(
    "fails typed if there is no server, and for a name that DNS cannot have",
    Effect.gen(function*() {
      const address = yield* Effect.scoped(Effect.map(dnsServer(() => []), ({ address }) => address))
      const resolver = yield* Resolver.fromDns({ servers: [address], tries: 1 })
      assert.strictEqual((yield* Effect.flip(resolver.lookup("a.test"))).code, "ECONNREFUSED")
      assert.strictEqual((yield* Effect.flip(resolver.lookup("a..test"))).code, "EBADNAME")
    })
  )

  live(
    "is cancelled by an interruption, and the next one is not affected",
    Effect.gen(function*() {
      let isOpen = false
      const { address, questions } = yield* dnsServer(() => isOpen ? [] : undefined)
      const resolver = yield* Resolver.fromDns({ servers: [address], timeout: "1 hour" })
      const fiber = yield* Effect.fork(resolver.lookup("a.test"))
      yield* questions.until(() => questions.all.length === 2)
      yield* Fiber.interrupt(fiber)
      isOpen = true
      assert.strictEqual((yield* Effect.flip(resolver.lookup("b.test"))).code, "ENODATA")
    })
  )

  live(
    "many at once do not affect each other when some are interrupted",
    Effect.gen(function*() {
      const { address, questions } = yield* dnsServer(({ name, type }) =>
        name.startsWith("silent") ? undefined : type === "A" ? [a("192.0.2.1")] : []
      )
      const resolver = yield* Resolver.fromDns({ servers: [address], timeout: "1 hour" })
      const silent = yield* Effect.fork(resolver.lookup("silent.test"))
      yield* questions.until(() => questions.all.length === 2)
      const others = yield* Effect.fork(
        Effect.all(Array.from({ length: 20 }, (_, index) => resolver.lookup(`n${index}.test`)), {
          concurrency: "unbounded"
        })
      )
      yield* Fiber.interrupt(silent)
      const answers = yield* Fiber.join(others)
      assert.isTrue(answers.every(({ addresses }) => addresses[0] === "192.0.2.1"))
    })
  )

  live(
    "of a name in `localhost` is the loopback addresses, and of one in `invalid` or `onion` fails, without asking",
    Effect.gen(function*() {
      const { questions, resolver } = yield* asking({ A: [a("192.0.2.1")], AAAA: [] })
      for (const name of ["localhost", "localhost.", "api.localhost"]) {
        assert.deepStrictEqual((yield* resolver.lookup(name)).addresses, ["::1", "127.0.0.1"])
      }
      for (const name of ["invalid", "a.invalid", "a.invalid.", "a.onion"]) {
        assert.strictEqual((yield* Effect.flip(resolver.lookup(name))).reason, "NotFound")
      }
      assert.strictEqual(questions.all.length, 0)
      for (const name of ["notlocalhost", "localhost.test", "redis"]) yield* resolver.lookup(name)
      assert.deepStrictEqual([...new Set(questions.all.map(({ name }) => name))], [
        "notlocalhost",
        "localhost.test",
        "redis"
      ])
    })
  )

  live(
    "serves a connection, through a cache",
    Effect.gen(function*() {
      const { port } = yield* webServer((_request, response) => void response.end("ok"))
      const { questions, resolver } = yield* asking({ A: [a("127.0.0.1")], AAAA: [] })
      const cached = yield* Resolver.cached({ resolver })
      for (let round = 0; round < 2; round++) {
        const connection = yield* Effect.provide(HttpConnection.make({ host: "a.test", port }), [
          NodeTransport.layer,
          Resolver.layer(cached)
        ])
        assert.strictEqual(yield* (yield* connection.execute(HttpRequest.get("/"))).text, "ok")
      }
      assert.strictEqual(questions.all.length, 2)
    })
  )
})

describe("the queries of a lookup", () => {
  live(
    "are cancelled at its end, and their resolver is not used again",
    Effect.gen(function*() {
      const { address, questions } = yield* dnsServer(() => undefined)
      const client = new DnsClient({ servers: [address], timeout: 3_600_000, tries: 1 })
      const answers = new Events<unknown>()
      const queries = client.begin()
      queries.query("a.test", 4, (answer) => answers.push(answer))
      yield* questions.next
      queries.end()
      assert.deepInclude(yield* answers.next, { _tag: "DnsError", code: "ECANCELLED" })
      const next = client.begin()
      next.query("b.test", 4, (answer) => answers.push(answer))
      yield* questions.next
      assert.strictEqual(answers.all.length, 1)
      next.end()
      yield* answers.next
    })
  )
})

describe("two families", () => {
  const failed = (code: string) => dnsError("a.test", Object.assign(new Error(), { code }))

  it("fail with the failure that leaves the question open, if there is one", () => {
    const table: ReadonlyArray<readonly [six: string, four: string, code: string]> = [
      ["ENODATA", "ENOTFOUND", "ENOTFOUND"],
      ["ENOTFOUND", "ENODATA", "ENOTFOUND"],
      ["ENODATA", "ETIMEOUT", "ETIMEOUT"],
      ["ETIMEOUT", "ENODATA", "ETIMEOUT"],
      ["ENOTFOUND", "ESERVFAIL", "ESERVFAIL"],
      ["ESERVFAIL", "ENOTFOUND", "ESERVFAIL"]
    ]
    for (const [six, four, code] of table) assert.strictEqual(tellingFailure(failed(six), failed(four)).code, code)
  })

  it("are one answer, which is valid for an unknown time only if both are", () => {
    const six = { addresses: ["::1"], ttlMillis: undefined }
    assert.strictEqual(bothFamilies(six, failed("ENODATA")), six)
    const both = bothFamilies(six, { addresses: ["127.0.0.1"], ttlMillis: 5 })
    assert.deepStrictEqual(both, { addresses: ["::1", "127.0.0.1"], ttlMillis: 5 })
  })
})

describe("the options of `fromDns`", () => {
  const refused: ReadonlyArray<readonly [option: string, options: unknown]> = [
    ["servers", { servers: [] }],
    ["servers", { servers: "127.0.0.1" }],
    ["servers[0]", { servers: ["dns.test"] }],
    ["servers[1]", { servers: ["127.0.0.1", "127.0.0.1:0"] }],
    ["servers[0]", { servers: ["127.0.0.1:65536"] }],
    ["servers[0]", { servers: [""] }],
    ["servers[0]", { servers: [53] }],
    ["timeout", { timeout: -1 }],
    ["timeout", { timeout: 0 }],
    ["timeout", { timeout: Infinity }],
    ["tries", { tries: 0 }],
    ["tries", { tries: 1.5 }],
    ["options", []],
    ["options", 7]
  ]
  for (const [option, options] of refused) {
    it(`are refused as ${JSON.stringify(options)}`, () => {
      const error = Either.getOrThrow(Either.flip(Resolver.fromDns(options as Resolver.DnsOptions)))
      assert.deepStrictEqual([error instanceof InvalidOption, error.option], [true, option])
    })
  }

  it("take servers with a port and without", () => {
    const servers = ["127.0.0.1", "127.0.0.1:53", "::1", "[::1]:53", "[::1]"]
    assert.isTrue(Either.isRight(Resolver.fromDns({ servers, timeout: "1 second", tries: 3 })))
    assert.isTrue(Either.isRight(Resolver.fromDns()))
    assert.isTrue(Either.isRight(Resolver.fromDns({ servers: undefined, timeout: undefined, tries: undefined })))
  })
})

describe("a resolver that is fixed", () => {
  const fixed = (names: Resolver.Names, fallback?: Resolver.Service) =>
    Either.getOrThrow(Resolver.fixed(names, fallback))

  it.effect("answers with the addresses of the record, whatever the case of the name and with a final dot or without", () =>
    Effect.gen(function*() {
      const { lookup } = fixed({ "A.test": ["192.0.2.1", "::1"], "b.test.": "192.0.2.2", "bücher.test": "192.0.2.3" })
      assert.deepStrictEqual(yield* lookup("a.test"), { addresses: ["192.0.2.1", "::1"] })
      assert.deepStrictEqual(yield* lookup("a.test."), { addresses: ["192.0.2.1", "::1"] })
      assert.deepStrictEqual(yield* lookup("b.test"), { addresses: ["192.0.2.2"] })
      assert.deepStrictEqual(yield* lookup("xn--bcher-kva.test"), { addresses: ["192.0.2.3"] })
    }))

  it.effect("fails for any other name, or asks the fallback", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(fixed({ "a.test": "192.0.2.1" }).lookup("constructor"))
      assert.deepStrictEqual([error instanceof DnsError, error.host, error.code], [true, "constructor", "ENOTFOUND"])
      const fallback = fixed({ "c.test": "192.0.2.3" })
      const answer = yield* fixed({ "a.test": "192.0.2.1" }, fallback).lookup("c.test")
      assert.deepStrictEqual(answer, { addresses: ["192.0.2.3"] })
    }))

  const refused: ReadonlyArray<readonly [option: string, names: unknown, fallback?: unknown]> = [
    ["names", undefined],
    ["names", []],
    ["names", "a.test"],
    [`names["a b"]`, { "a b": "192.0.2.1" }],
    [`names["a.test:80"]`, { "a.test:80": "192.0.2.1" }],
    [`names["127.0.0.1"]`, { "127.0.0.1": "192.0.2.1" }],
    [`names["::1"]`, { "::1": "192.0.2.1" }],
    [`names["a.test"]`, { "a.test": [] }],
    [`names["a.test"]`, { "a.test": "b.test" }],
    [`names["a.test"]`, { "a.test": ["[::1]"] }],
    [`names["a.test"]`, { "a.test": 1 }],
    [`names["A.TEST"]`, { "a.test": "::1", "A.TEST": "::1" }],
    ["fallback", {}, {}],
    ["fallback", {}, null]
  ]
  for (const [option, names, fallback] of refused) {
    it(`is refused as ${JSON.stringify([names, fallback])}`, () => {
      const made = Resolver.fixed(names as Resolver.Names, fallback as Resolver.Service)
      const error = Either.getOrThrow(Either.flip(made))
      assert.deepStrictEqual([error instanceof InvalidOption, error.option], [true, option])
    })
  }
})
