/** Recorded from real servers over sockets, and played without them: the three faces, with TLS, redirects, cookies, gzip and a proxy. */
import { HttpClient, HttpClientRequest } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import {
  Cassette,
  ConnectionPool,
  HttpBody,
  HttpConnection,
  HttpRequest,
  NodeTransport,
  PooledHttpClient,
  Proxy,
  Transport
} from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as http from "node:http"
import * as https from "node:https"
import * as Zlib from "node:zlib"
import { listen } from "../../docs/demo/servers/listen.ts"
import { toJson } from "../../src/internal/cassette/json.ts"
import { certificates } from "../fixtures/certificates.ts"
import { socksServer } from "../fixtures/socksServer.ts"

const answer: http.RequestListener = (request, response) => {
  switch (request.url) {
    case "/redirect":
      return response.writeHead(302, { location: "/gzip", "set-cookie": "id=s3cret; Path=/" }).end()
    case "/gzip":
      return response.writeHead(200, { "content-encoding": "gzip", "content-type": "application/json" })
        .end(Zlib.gzipSync(JSON.stringify({ access_token: "s3cret", name: "joe" })))
    case "/echo":
      return request.pipe(response.writeHead(200, { trailer: "x-sum" }))
    default:
      return response.end(`hello ${request.url ?? ""}`)
  }
}

/** Runs a program over real sockets, then plays what was recorded, and compares. */
const again = <A, E>(program: Effect.Effect<A, E, Scope.Scope | Transport.Transport>) =>
  Effect.gen(function*() {
    const { cassette, transport } = yield* Cassette.record(NodeTransport.transport)
    const over = (service: Transport.Service) =>
      Effect.provide(Effect.scoped(program), Layer.succeed(Transport.Transport, service))
    const live = yield* over(transport)
    const recorded = yield* cassette
    expect(toJson(recorded)).not.toContain("s3cret")
    expect(JSON.stringify(Cassette.toHar(recorded))).not.toContain("s3cret")
    const player = yield* Cassette.play(recorded, { times: false })
    const played = yield* over(player)
    yield* player.verify
    return { live, played, recorded }
  })

describe("a real server", () => {
  it.scopedLive("through the platform's client: redirects, gzip, credentials", () =>
    Effect.gen(function*() {
      const port = yield* listen(http.createServer(answer))
      const program = Effect.gen(function*() {
        const client = (yield* HttpClient.HttpClient).pipe(
          PooledHttpClient.decompress(),
          PooledHttpClient.followRedirects()
        )
        const response = yield* client.execute(
          HttpClientRequest.get(`http://127.0.0.1:${port}/redirect`).pipe(HttpClientRequest.bearerToken("s3cret"))
        )
        return yield* response.json
      }).pipe(Effect.provide(PooledHttpClient.layerWithoutTransport()))
      const { live, played } = yield* again(program)
      expect(live).toEqual({ access_token: "s3cret", name: "joe" })
      expect(played).toEqual({ access_token: "<redacted>", name: "joe" })
    }))

  it.scopedLive("through a pool over TLS, kept alive; no certificate is needed to play it", () =>
    Effect.gen(function*() {
      const { ca, server } = yield* Effect.promise(certificates)
      const port = yield* listen(https.createServer(server, answer))
      const program = Effect.gen(function*() {
        const pool = yield* ConnectionPool.make({ tls: { ca } })
        return yield* Effect.forEach(
          ["/1", "/2"],
          (path) =>
            Effect.flatMap(pool.execute(HttpRequest.get(`https://127.0.0.1:${port}${path}`)), ({ text }) => text)
        )
      })
      const { live, played, recorded } = yield* again(program)
      expect(live).toEqual(["hello /1", "hello /2"])
      expect(played).toEqual(live)
      expect(recorded.connections.length).toBe(1)
      const { log: { entries } } = Cassette.toHar(recorded)
      expect(entries.map(({ request: { url }, timings: { ssl } }) => [url, ssl >= 0])).toEqual([
        [`https://127.0.0.1:${port}/1`, true],
        [`https://127.0.0.1:${port}/2`, false]
      ])
    }))

  it.scopedLive("through one connection and a SOCKS proxy with credentials, with a chunked upload", () =>
    Effect.gen(function*() {
      const port = yield* listen(http.createServer(answer))
      const { server } = socksServer({ credentials: { username: "joe", password: "s3cret" } })
      const proxy = yield* Proxy.fromUrl(`socks5h://joe:s3cret@127.0.0.1:${yield* listen(server)}`)
      const program = Effect.gen(function*() {
        const api = yield* HttpConnection.make({ host: "127.0.0.1", port, proxy })
        const upload = yield* api.execute(
          HttpRequest.post("/echo", { body: HttpBody.stream(Stream.make("abc", "def").pipe(Stream.encodeText)) })
        )
        return yield* upload.text
      })
      const { live, played } = yield* again(program)
      expect(live).toBe("abcdef")
      expect(played).toBe(live)
    }))
})
