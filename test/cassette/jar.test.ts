/** A program with a cookie jar, retries and redirects is played like any other, on the date of the recording. */
import { HttpClient } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Cassette, NodeTransport, PooledHttpClient, TestTransport, Transport } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/TestClock"
import * as http from "node:http"
import { listen } from "../../docs/demo/servers/listen.ts"
import * as CookieJar from "../../src/CookieJar.ts"
import { toJson } from "../../src/internal/cassette/json.ts"

/** Requests in turn, with one jar. */
const inTurn = (origin: string, ...paths: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const jar = yield* CookieJar.make
    const client = (yield* HttpClient.HttpClient).pipe(
      CookieJar.withCookieJar(jar),
      PooledHttpClient.followRedirects({ limit: 5 }),
      PooledHttpClient.retry({ times: 3, schedule: Schedule.recurs(3) })
    )
    return yield* Effect.forEach(paths, (path) =>
      Effect.flatMap(
        client.get(`${origin}${path}`),
        (response) => Effect.map(response.text, (text) => `${response.status} ${text}`)
      ))
  }).pipe(Effect.provide(PooledHttpClient.layerWithoutTransport()), Effect.scoped)

const over = <A, E>(program: Effect.Effect<A, E, Transport.Transport>, transport: Transport.Service) =>
  Effect.provide(program, Layer.succeed(Transport.Transport, transport))

/** Sets cookies, and answers every other `/flaky` with 503 or by breaking the connection. */
const flakyServer = (requests: Array<string>) => {
  let flaky = 0
  return http.createServer((request, response) => {
    const cookies = (request.headers.cookie ?? "").split("; ").map((pair) => pair.split("=")[0]).toSorted().join()
    requests.push(`${request.url ?? ""} ${cookies}`)
    switch (request.url) {
      case "/login":
        response.setHeader("Set-Cookie", ["sid=s3cret; Path=/; Max-Age=3600", "theme=s3cret2"])
        break
      case "/redirect":
        response.writeHead(302, { Location: "/me", "Set-Cookie": "hop=s3cret3" })
        break
      case "/flaky":
        flaky++
        if (flaky === 1) response.statusCode = 503
        else if (flaky === 3) return request.socket.destroy()
    }
    return response.end(cookies)
  })
}

describe("a cookie jar with retries", () => {
  it.scopedLive("gets the same answers again, by connection and by request", () =>
    Effect.gen(function*() {
      const requests: Array<string> = []
      const port = yield* listen(flakyServer(requests))
      const program = inTurn(`http://127.0.0.1:${port}`, "/login", "/flaky", "/redirect", "/me", "/flaky")
      const recording = yield* Cassette.record(NodeTransport.transport)
      const result = yield* over(program, recording.transport)
      expect(result).toEqual([
        "200 ",
        "200 sid,theme",
        "200 hop,sid,theme",
        "200 hop,sid,theme",
        "200 hop,sid,theme"
      ])
      expect(requests.length).toBe(8)
      const cassette = yield* recording.cassette
      expect(toJson(cassette)).not.toContain("s3cret")
      for (const match of ["connection", "request"] as const) {
        const player = yield* Cassette.play(cassette, { match, times: false })
        expect(yield* over(program, player)).toEqual(result)
        yield* player.verify
      }
    }))

  it.scoped("differs once a cookie has expired, unless the clock is set back or the field ignored", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(Date.UTC(2026, 0, 1))
      const head = TestTransport.discardUntil("\r\n\r\n")
      const empty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
      const script = [
        TestTransport.connection(
          head,
          TestTransport.reply(`${empty}Set-Cookie: a=1; Expires=Thu, 01 Jan 2026 01:00:00 GMT\r\n\r\n`),
          head,
          TestTransport.reply(`${empty}\r\n`)
        )
      ]
      const program = inTurn("http://a.test", "/1", "/2")
      const recording = yield* Cassette.record(yield* TestTransport.make(script))
      const result = yield* over(program, recording.transport)
      const cassette = yield* recording.cassette
      yield* TestClock.adjust("2 hours")

      const late = yield* Cassette.play(cassette)
      yield* Effect.flip(over(program, late))
      expect((yield* Effect.flip(late.verify)).problems[0]).toMatch(/recorded with the field cookie, which is missing/)

      const ignoring = yield* Cassette.play(cassette, { ignoreFields: ["cookie"] })
      expect(yield* over(program, ignoring)).toEqual(result)

      yield* TestClock.setTime(cassette.recordedAt)
      const onTime = yield* Cassette.play(cassette)
      expect(yield* over(program, onTime)).toEqual(result)
      yield* onTime.verify
    }))
})
