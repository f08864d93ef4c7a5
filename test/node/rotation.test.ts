/**
 * Credentials that are replaced under load, over real sockets: not one request may fail, and in the end nothing of the old ones is in use.
 *
 * As an operator would: first both sides accept the old and the new, then one side changes, then the old is dropped.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Ref from "effect/Ref"
import * as https from "node:https"
import type * as tls from "node:tls"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Proxy from "../../src/Proxy.ts"
import type * as Tls from "../../src/Tls.ts"
import { certificates } from "../fixtures/certificates.ts"
import { serve, turn } from "../fixtures/sockets.ts"
import { secureWebServer } from "../fixtures/web.ts"
import { contained, originOf, proxyServer, textOf, watched } from "./poolKit.ts"

const made = Effect.promise(certificates)

/** Sends requests from several fibers until it is stopped, which gives what they brought. */
const load = (pool: ConnectionPool.ConnectionPool, request: HttpRequest.HttpRequest) =>
  Effect.gen(function*() {
    const answers: Array<string> = []
    let running = true
    const one = Effect.tap(textOf(pool, request), (text) => Effect.sync(() => answers.push(text)))
    const all = yield* Effect.fork(
      Effect.all(Array.from({ length: 8 }, () => Effect.repeat(one, { while: () => running })), {
        concurrency: "unbounded",
        discard: true
      })
    )
    return {
      answers,
      /** Waits until so many more requests have been answered; fails as they fail. */
      more: (count: number) =>
        Effect.suspend(() => {
          const enough = answers.length + count
          return Effect.raceFirst(
            Effect.repeat(turn, { until: () => answers.length >= enough }),
            Effect.zipRight(Fiber.join(all), Effect.never)
          )
        }),
      stop: Effect.suspend(() => {
        running = false
        return Fiber.join(all)
      })
    }
  })

/** New connections are opened often, as over a longer time. */
const lively: ConnectionPool.Options = { connectionsPerOrigin: 4, requestsPerConnection: 7 }

describe("without a failed request", () => {
  it.live("the certificate of the server and its authority are replaced", () =>
    contained(Effect.gen(function*() {
      const { another, ca, server: identity } = yield* made
      let identityNow = "old"
      const server = https.createServer(identity, (_request, response) => response.end(identityNow))
      const { port } = yield* serve(server, "secureConnection", { host: "127.0.0.1", port: 0 })
      const options = yield* Ref.make<Tls.Options>({ ca })
      const pool = yield* ConnectionPool.make({ ...lively, tls: options })
      const url = `https://127.0.0.1:${port}/`
      const { answers, more, stop } = yield* load(pool, HttpRequest.get(url))
      yield* more(100)
      yield* Ref.set(options, { ca: [ca, another.ca] })
      // Those with the old options are gone before the server changes.
      yield* more(100)
      server.setSecureContext(another.server)
      identityNow = "new"
      yield* more(100)
      yield* Ref.set(options, { ca: another.ca })
      yield* more(100)
      yield* stop
      assert.isAtLeast(answers.length, 400)
      assert.deepStrictEqual(new Set(answers), new Set(["old", "new"]))
      assert.strictEqual((yield* pool.stats).retried, 0)
      // The old options do not do any longer.
      const old = HttpRequest.get("/", { origin: originOf(url, { tls: { ca } }) })
      assert.strictEqual((yield* Effect.flip(pool.execute(old)))._tag, "TlsError")
    })))

  it.live("the certificate of the client is replaced, and the old one then refused", () =>
    contained(Effect.gen(function*() {
      const { ca, client, clientOnly, server: identity } = yield* made
      let refused = "no client"
      let refusals = 0
      const { port } = yield* secureWebServer({ ...identity, ca, requestCert: true }, (request, response) => {
        const name = (request.socket as tls.TLSSocket).getPeerCertificate().subject?.CN ?? "nobody"
        if (name !== refused) return void response.end(name)
        refusals++
        response.writeHead(403).end("refused")
      })
      const options = yield* Ref.make<Tls.Options>({ ca, ...client })
      const { onEvent, reasons } = watched()
      const pool = yield* ConnectionPool.make({ ...lively, requestsPerConnection: 50, tls: options, onEvent })
      const request = HttpRequest.get(`https://127.0.0.1:${port}/`)
      // The first connection reaches its limit before the others, which are then outdated.
      for (let times = 0; times < 20; times++) yield* textOf(pool, request)
      const { answers, more, stop } = yield* load(pool, request)
      yield* more(20)
      yield* Ref.set(options, { ca, ...clientOnly })
      // Until every connection has been used for the last time with the old one.
      yield* Effect.repeat(more(50), { until: () => answers.slice(-50).every((name) => name === "Test 0a") })
      refused = "Test 06"
      yield* more(200)
      yield* stop
      assert.strictEqual(refusals, 0)
      assert.deepStrictEqual(new Set(answers), new Set(["Test 06", "Test 0a"]))
      assert.include(reasons(), "Rotated")
      assert.strictEqual((yield* pool.stats).retried, 0)
    })))

  it.live("the credentials for a proxy are replaced, and the old ones then refused", () =>
    contained(Effect.gen(function*() {
      const { ca, server: identity } = yield* made
      const { port } = yield* secureWebServer(identity, (_request, response) => response.end("ok"))
      const basic = (name: string) => `Basic ${Buffer.from(`${name}:secret`).toString("base64")}`
      const accepted = new Set([basic("old")])
      const { asked, server } = proxyServer(({ headers }) =>
        accepted.has(headers["proxy-authorization"] ?? "") ? undefined : { status: 407, headers: {} }
      )
      const { port: proxyPort } = yield* serve(server, "connection", { host: "127.0.0.1", port: 0 })
      const credentials = yield* Ref.make({ username: "old", password: "secret" })
      const proxy = Effect.runSync(Proxy.make({ host: "127.0.0.1", port: proxyPort, credentials }))
      const pool = yield* ConnectionPool.make({ ...lively, tls: { ca }, proxy })
      const request = HttpRequest.get(`https://127.0.0.1:${port}/`)
      const { answers, more, stop } = yield* load(pool, request)
      yield* more(50)
      accepted.add(basic("new"))
      yield* Ref.set(credentials, { username: "new", password: "secret" })
      yield* more(50)
      accepted.delete(basic("old"))
      yield* more(100)
      yield* stop
      assert.deepStrictEqual(new Set(answers), new Set(["ok"]))
      const names = asked.map(({ headers }) => headers["proxy-authorization"])
      assert.deepStrictEqual([...new Set(names)], [basic("old"), basic("new")])
      assert.strictEqual((yield* pool.stats).retried, 0)
    })))
})
