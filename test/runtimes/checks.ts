/** What must hold in every runtime, as a list of checks. Only the built package and Node's own modules are used. */
import { HttpClient, HttpClientRequest } from "@effect/platform"
import { Cause, Effect, Fiber, Layer, Schema, Stream } from "effect"
import type { HttpError, Tls } from "effect-http-client"
import {
  ConnectionPool,
  HttpBody,
  HttpConnection,
  HttpRequest,
  HttpResponse,
  Interim,
  NodeTransport,
  Origin,
  PooledHttpClient,
  Proxy,
  Sse,
  Upgrade
} from "effect-http-client"
import assert from "node:assert/strict"
import { AsyncLocalStorage } from "node:async_hooks"
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import * as zlib from "node:zlib"
import type { Places } from "./places.ts"

/** A check fails by an error or a defect. It may return what is to be said about this runtime. */
export interface Check {
  readonly name: string
  readonly run: Effect.Effect<string | void, unknown>
}

const host = "127.0.0.1"

// What differs in Deno, and this library cannot fix, is expected there: see docs/runtimes.md.
const isDeno = "deno" in process.versions

/** Begins the names of this process's requests, because all runtimes ask the same server. */
const me = String(process.pid)

const equal = <A>(found: A, wanted: A): Effect.Effect<void> => Effect.sync(() => assert.deepEqual(found, wanted))

/** Runs with a pool that ends with it. */
const withPool = <A, E>(
  use: (pool: ConnectionPool.ConnectionPool) => Effect.Effect<A, E>,
  options?: ConnectionPool.Options
): Effect.Effect<A, E | HttpError.InvalidOption> =>
  Effect.scoped(Effect.flatMap(ConnectionPool.make(options), use)).pipe(Effect.provide(NodeTransport.layer))

const text = (pool: ConnectionPool.ConnectionPool, url: string, input?: HttpRequest.Input) =>
  Effect.flatMap(pool.execute(HttpRequest.get(url, input)), (response) => response.text)

/** Keeps the thread busy until the server has acted, so that what it sent lies in the buffers of the system. */
const busyUntil = (file: string): void => {
  const limit = performance.now() + 10_000
  while (!existsSync(file)) if (performance.now() > limit) throw new Error("the server did not act")
}

/** The failure, of which the tag is known. */
const failing = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<E, A, R> =>
  Effect.flip(effect)

const requests = ({ http }: Places, url: string): ReadonlyArray<Check> => [
  {
    name: "gets text, and JSON by a schema",
    run: withPool((pool) =>
      Effect.gen(function*() {
        yield* equal(yield* text(pool, `${url}/hello`), "hello")
        const response = yield* pool.execute(HttpRequest.get(`${url}/json`))
        yield* equal(yield* response.schemaJson(Schema.Struct({ name: Schema.String })), { name: "ann" })
      })
    )
  },
  {
    name: "posts a stream in chunks, and reads it back",
    run: withPool((pool) =>
      Effect.gen(function*() {
        const blocks = Stream.repeatEffect(Effect.sync(() => new Uint8Array(10_000).fill(1))).pipe(Stream.take(100))
        const response = yield* pool.execute(HttpRequest.post(`${url}/echo`, { body: HttpBody.stream(blocks) }))
        yield* equal(response.getHeader("X-Framing"), "chunked")
        const bytes = yield* response.bytes
        yield* equal([bytes.length, bytes.every((byte) => byte === 1)], [1_000_000, true])
      })
    )
  },
  {
    name: "posts JSON, a form, and a multipart form with a file",
    run: withPool((pool) =>
      Effect.gen(function*() {
        const json = yield* pool.execute(HttpRequest.post(`${url}/echo`, { json: { a: 1 } }))
        yield* equal([json.getHeader("X-Framing"), yield* json.text], ["7", "{\"a\":1}"])
        const form = yield* pool.execute(HttpRequest.post(`${url}/echo`, { form: { a: "b c" } }))
        yield* equal(yield* form.text, "a=b+c")
        const data = new FormData()
        data.set("file", new File(["content"], "a.txt", { type: "text/plain" }))
        const multipart = yield* pool.execute(HttpRequest.post(`${url}/echo`, { body: HttpBody.form(data) }))
        yield* Effect.sync(() => assert.match(`${multipart.getHeader("X-Type")}`, /^multipart\/form-data; boundary=/))
        const sent = yield* multipart.text
        yield* Effect.sync(() =>
          assert.match(sent, /filename="a\.txt"\r\nContent-Type: text\/plain[^\r]*\r\n\r\ncontent\r\n/)
        )
      })
    )
  },
  {
    name: "reads chunks and trailers",
    run: withPool((pool) =>
      Effect.gen(function*() {
        const response = yield* pool.execute(HttpRequest.get(`${url}/chunked`))
        yield* equal([response.framing, yield* response.text], ["chunked", "one,two"])
        const trailers = yield* response.trailers
        yield* equal([...trailers.names], ["X-Sum"])
      })
    )
  },
  {
    name: "shows interim responses as they come",
    run: withPool((pool) =>
      Effect.gen(function*() {
        const answers = Interim.stream((onInformational) =>
          pool.execute(HttpRequest.get(`${url}/hints`, { onInformational }))
        )
        const tags = yield* Stream.runCollect(Stream.map(answers, (answer) => answer._tag))
        yield* equal([...tags], ["Informational", "Response"])
      })
    )
  },
  {
    name: "sends step by step, as Python's http.client does",
    run: Effect.gen(function*() {
      const connection = yield* HttpConnection.make({ host, port: http })
      yield* connection.putRequest("POST", "/echo")
      yield* connection.putHeader("Content-Length", "3")
      yield* connection.endHeaders()
      yield* connection.send(new TextEncoder().encode("abc"))
      const response = yield* connection.getResponse
      yield* equal(yield* response.text, "abc")
    }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
  },
  {
    name: "is the HttpClient of the platform",
    run: Effect.gen(function*() {
      const client = HttpClient.mapRequest(yield* HttpClient.HttpClient, HttpClientRequest.prependUrl(url))
      const response = yield* client.post("/echo", {
        body: HttpClientRequest.bodyText(HttpClientRequest.get(""), "abc").body
      })
      yield* equal(yield* response.text, "abc")
      const streamed = yield* client.get("/chunked")
      yield* equal(yield* Stream.mkString(Stream.decodeText(streamed.stream)), "one,two")
    }).pipe(Effect.provide(PooledHttpClient.layer))
  }
]

const reuse = ({ socketPath }: Places, url: string): ReadonlyArray<Check> => [
  {
    name: "uses a connection again",
    run: withPool((pool) =>
      Effect.gen(function*() {
        const ids = yield* Effect.forEach([1, 2, 3], () => text(pool, `${url}/connection`))
        yield* equal(new Set(ids).size, 1)
        const { idle, opened, reused } = yield* pool.stats
        yield* equal([idle, opened, reused], [1, 1, 2])
      })
    )
  },
  {
    name: "sends 2000 requests over at most 10 connections",
    run: withPool((pool) =>
      Effect.gen(function*() {
        const ids = yield* Effect.forEach(Array.from({ length: 2000 }), () => text(pool, `${url}/connection`), {
          concurrency: 100
        })
        yield* equal(new Set(ids).size <= 10, true)
        const { busy, idle, waiting } = yield* pool.stats
        yield* equal([busy, waiting, idle <= 10], [0, 0, true])
      }), { connectionsPerOrigin: 10 })
  },
  {
    name: "has warm connections before the first request",
    run: withPool((pool) =>
      Effect.gen(function*() {
        yield* Effect.repeat(Effect.sleep("5 millis"), {
          until: () => Effect.map(pool.stats, ({ idle }) => idle === 2)
        })
        const response = yield* pool.execute(HttpRequest.get(`${url}/hello`))
        yield* equal([yield* response.text, response.timings.connect], ["hello", undefined])
      }), { warm: [{ origin: url, minIdle: 2 }] })
  },
  ...["stray", "end", "reset"].map((what): Check => ({
    name: `never loses a POST to what came while the loop was busy: ${what}`,
    run: withPool((pool) =>
      Effect.gen(function*() {
        for (let i = 0; i < 5; i++) {
          const name = `${me}-${what}-${i}`
          const first = yield* text(pool, `${url}/afterwards/${what},${name}`)
          yield* Effect.sync(() => busyUntil(join(dirname(socketPath), name)))
          const response = yield* pool.execute(HttpRequest.post(`${url}/echo`, { body: HttpBody.text("mine") }))
          yield* equal([yield* response.text, response.resends], ["mine", 0])
          yield* equal((yield* text(pool, `${url}/connection`)) === first, false)
        }
      })
    )
  })),
  {
    name: "goes on in the async context of the caller",
    run: withPool((pool) => {
      const storage = new AsyncLocalStorage<number>()
      const ask = (n: number) =>
        Effect.promise(() =>
          storage.run(n, () => Effect.runPromise(Effect.map(text(pool, `${url}/hello`), () => storage.getStore())))
        )
      return Effect.flatMap(
        Effect.forEach([1, 2, 3, 4, 5, 6], ask, { concurrency: 3 }),
        (stores) => equal(stores, [1, 2, 3, 4, 5, 6])
      )
    }, { connectionsPerOrigin: 2 })
  }
]

const refused = (
  name: string,
  url: string,
  tls: Tls.Options,
  reason: string,
  options?: ConnectionPool.Options
): Check => ({
  name: `refuses ${name}`,
  run: withPool((pool) =>
    Effect.gen(function*() {
      const error = yield* failing(pool.execute(HttpRequest.get(url)))
      yield* equal([error._tag, "reason" in error ? error.reason : undefined], ["TlsError", reason])
      return "code" in error ? `${error.code}` : undefined
    }), { tls, ...options })
})

const secure = (places: Places): ReadonlyArray<Check> => {
  const { ca, client } = places
  const url = `https://${host}:${places.https}`
  return [
    {
      name: "speaks TLS with a private authority, and resumes a session",
      run: withPool((pool) =>
        Effect.gen(function*() {
          const ask = Effect.gen(function*() {
            const response = yield* pool.execute(HttpRequest.get(`${url}/tls`))
            return yield* response.schemaJson(Schema.Struct({
              alpn: Schema.Union(Schema.String, Schema.Boolean),
              resumed: Schema.Boolean,
              version: Schema.String
            }))
          })
          yield* equal(yield* ask, { version: "TLSv1.3", alpn: "http/1.1", resumed: false })
          yield* pool.closeIdle
          return (yield* ask).resumed ? undefined : "no session is resumed"
        }), { tls: { ca } })
    },
    {
      name: "checks a name, which it sends as SNI",
      run: withPool(
        (pool) =>
          Effect.flatMap(text(pool, `https://localhost:${places.byName}/hello`), (found) => equal(found, "hello")),
        {
          tls: { ca }
        }
      )
    },
    {
      name: "shows a certificate of the client",
      run: withPool(
        (pool) =>
          Effect.flatMap(text(pool, `https://${host}:${places.mutual}/hello`), (found) => equal(found, "hello")),
        {
          tls: { ca, ...client }
        }
      )
    },
    refused(
      "a server without a certificate for the client",
      `https://${host}:${places.mutual}/hello`,
      { ca },
      "ClientCertificate"
    ),
    refused("an unknown authority, of which only the system's are trusted", `${url}/hello`, {}, "UntrustedIssuer"),
    refused("another authority than the given one", `https://${host}:${places.untrusted}/`, { ca }, "UntrustedIssuer"),
    refused("a self-signed certificate", `https://${host}:${places.selfSigned}/`, { ca }, "SelfSigned"),
    refused(
      "an expired certificate",
      `https://${host}:${places.expired}/`,
      { ca },
      isDeno ? "UntrustedIssuer" : "CertificateExpired"
    ),
    refused("a certificate for another name", `https://${host}:${places.otherName}/`, { ca }, "HostnameMismatch"),
    refused(
      "a certificate for a name, if the host is an address",
      `https://${host}:${places.byName}/`,
      { ca },
      "HostnameMismatch"
    ),
    refused("a server whose key is not pinned", `${url}/`, { ca, pins: [`sha256/${"A".repeat(43)}=`] }, "PinMismatch"),
    refused("a server that speaks no TLS", `https://${host}:${places.http}/`, { ca }, "NotTls")
  ]
}

const proxies = (places: Places): ReadonlyArray<Check> => {
  const { ca, proxyAuthorization } = places
  const url = `https://${host}:${places.https}/hello`
  const through = {
    proxy: Proxy.make({ host, port: places.proxy, headers: { "Proxy-Authorization": proxyAuthorization } })
  }
  const tunnel = Effect.map(through.proxy, (proxy) => ({ tls: { ca }, proxy }))
  const says = (options: Effect.Effect<ConnectionPool.Options, unknown>, url: string, wanted: string) =>
    Effect.flatMap(
      options,
      (options) => withPool((pool) => Effect.flatMap(text(pool, url), (found) => equal(found, wanted)), options)
    )
  return [
    { name: "speaks TLS in a tunnel of a proxy", run: says(tunnel, url, "hello") },
    {
      name: "refuses another authority in a tunnel too",
      run: Effect.flatMap(
        tunnel,
        (options) => refused("", `https://${host}:${places.untrusted}/`, { ca }, "UntrustedIssuer", options).run
      )
    },
    {
      name: "is refused by a proxy without credentials",
      run: Effect.flatMap(
        Proxy.make({ host, port: places.proxy }),
        (proxy) =>
          withPool(
            (pool) =>
              Effect.flatMap(failing(pool.execute(HttpRequest.get(url))), ({ _tag }) =>
                equal<string>(_tag, "ProxyAuthRequired")),
            { proxy }
          )
      )
    },
    {
      name: "speaks TLS through SOCKS5",
      run: says(
        Effect.map(Proxy.fromUrl(`socks5h://${host}:${places.socks}`), (proxy) => ({ tls: { ca }, proxy })),
        url,
        "hello"
      )
    }
  ]
}

const unix = ({ socketPath }: Places): ReadonlyArray<Check> => [
  {
    name: "asks over a unix socket",
    run: Effect.flatMap(
      Origin.make({ scheme: "http", host: "docker", socketPath }),
      (origin) => withPool((pool) => Effect.flatMap(text(pool, "/hello", { origin }), (found) => equal(found, "hello")))
    )
  },
  {
    name: "fails typed if no socket is there",
    run: Effect.flatMap(
      Origin.make({ scheme: "http", host: "docker", socketPath: `${socketPath}.not` }),
      (origin) =>
        withPool(
          (pool) =>
            Effect.flatMap(failing(text(pool, "/hello", { origin })), (error) =>
              equal([error._tag, "code" in error ? error.code : ""], ["ConnectError", "ENOENT"])),
          {
            connectRetryTime: 0
          }
        )
    )
  }
]

/** The server has seen that the socket of a request closed. */
const closedAtServer = (pool: ConnectionPool.ConnectionPool, url: string, name: string) =>
  Effect.flatMap(text(pool, `${url}/closed/${me}-${name}`), (found) => equal(found, "closed"))

const endings = (url: string): ReadonlyArray<Check> => [
  {
    name: "times out while it waits for a head, and closes the socket",
    run: withPool((pool) =>
      Effect.gen(function*() {
        const timeouts = { head: "50 millis" } as const
        const error = yield* failing(pool.execute(HttpRequest.get(`${url}/stall/${me}-head`, { timeouts })))
        yield* equal([error._tag, "kind" in error ? error.kind : ""], ["HttpTimeout", "head"])
        yield* closedAtServer(pool, url, "head")
      })
    )
  },
  {
    name: "times out while it waits for the rest of a body",
    run: withPool((pool) =>
      Effect.gen(function*() {
        const timeouts = { bodyIdle: "50 millis" } as const
        const error = yield* failing(text(pool, `${url}/drip/${me}-body`, { timeouts }))
        yield* equal([error._tag, "kind" in error ? error.kind : ""], ["HttpTimeout", "bodyIdle"])
        yield* closedAtServer(pool, url, "body")
      })
    )
  },
  {
    name: "closes the socket when a request is interrupted",
    run: withPool((pool) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(pool.execute(HttpRequest.get(`${url}/stall/${me}-interrupted`)))
        yield* text(pool, `${url}/seen/${me}-interrupted`)
        yield* Fiber.interrupt(fiber)
        yield* closedAtServer(pool, url, "interrupted")
        yield* equal((yield* pool.stats).busy, 0)
      })
    )
  },
  {
    name: "closes the socket when the reading of a body is interrupted",
    run: withPool((pool) =>
      Effect.gen(function*() {
        const response = yield* pool.execute(HttpRequest.get(`${url}/drip/${me}-reading`))
        const fiber = yield* Effect.fork(response.text)
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(fiber)
        yield* closedAtServer(pool, url, "reading")
      })
    )
  },
  {
    name: "closes everything with its scope",
    run: withPool((watcher) =>
      Effect.gen(function*() {
        yield* withPool((pool) => pool.execute(HttpRequest.get(`${url}/drip/${me}-scope`)), { shutdownGrace: 0 })
        yield* closedAtServer(watcher, url, "scope")
      })
    )
  }
]

const streams = (places: Places, url: string): ReadonlyArray<Check> => [
  {
    name: "reads server-sent events, and closes the socket when it has enough",
    run: withPool((pool) =>
      Effect.gen(function*() {
        const response = yield* pool.execute(HttpRequest.get(`${url}/events/${me}-sse`))
        const events = yield* Stream.runCollect(Stream.take(Sse.decode(response), 2))
        yield* equal([...events].map(({ data, event, id }) => [data, event, id]), [["one", "message", "1"], [
          "two",
          "b",
          "2"
        ]])
        yield* closedAtServer(pool, url, "sse")
      })
    )
  },
  {
    name: "leaves HTTP by an upgrade, as a stream",
    run: withPool((pool) =>
      Effect.scoped(Effect.gen(function*() {
        const upgraded = yield* pool.upgrade(HttpRequest.get(`${url}/`, { headers: { Upgrade: "echo" } }))
        yield* upgraded.write(new TextEncoder().encode("hello"))
        yield* upgraded.end
        yield* equal(yield* Stream.mkString(Stream.decodeText(upgraded.stream)), "hello")
      }))
    )
  },
  {
    name: "leaves HTTP by an upgrade, as a duplex of Node",
    run: withPool((pool) =>
      Effect.scoped(Effect.gen(function*() {
        const upgraded = yield* pool.upgrade(HttpRequest.get(`${url}/`, { headers: { Upgrade: "echo" } }))
        const duplex = yield* Upgrade.toDuplex(upgraded)
        const all = yield* Effect.promise(async () => {
          duplex.end("hello")
          let all = ""
          for await (const bytes of duplex) all += String(bytes)
          return all
        })
        yield* equal(all, "hello")
      }))
    )
  },
  ...(["gzip", "deflate", "br", "zstd"] as const).map((coding): Check => ({
    name: `decodes ${coding}`,
    run: Effect.gen(function*() {
      if (coding === "zstd" && !("createZstdDecompress" in zlib)) return "this version has no zstd"
      const client = PooledHttpClient.decompress(yield* HttpClient.HttpClient)
      const response = yield* client.get(`${url}/encoded/${coding}`)
      yield* equal((yield* response.text) === places.plain, true)
      const streamed = yield* client.get(`${url}/encoded/${coding}`)
      yield* equal((yield* Stream.mkString(Stream.decodeText(streamed.stream))) === places.plain, true)
      return undefined
    }).pipe(Effect.provide(PooledHttpClient.layer))
  })),
  ...[["", url], [" over TLS", `https://${host}:${places.https}`]].map(([how = "", base = ""]): Check => ({
    name: `downloads 64 MiB as fast as it reads${how}`,
    run: withPool((pool) =>
      Effect.gen(function*() {
        const size = 67_108_864
        const response = yield* pool.execute(HttpRequest.get(`${base}/pour/${size}`))
        const first = yield* response.read(1)
        yield* Effect.sleep("200 millis")
        const before = Number(yield* text(pool, `${base}/poured`))
        yield* equal([first.length, before < 16_000_000 || (isDeno && base !== url)], [1, true])
        const rest = yield* Stream.runFold(response.stream, 0, (sum, bytes) => sum + bytes.length)
        yield* equal(rest, size - 1)
        return `${(before / 1_048_576).toFixed(1)} MiB were sent before it read`
      }), { tls: { ca: places.ca } })
  }))
]

const failures = (places: Places, url: string): ReadonlyArray<Check> => {
  const fails = (name: string, url: string, wanted: ReadonlyArray<unknown>): Check => ({
    name: `fails typed: ${name}`,
    run: withPool((pool) =>
      Effect.gen(function*() {
        const error = yield* failing(text(pool, url))
        const found = { ...error, _tag: error._tag } as Readonly<Record<string, unknown>>
        yield* equal([error._tag, ...["reason", "code"].map((field) => found[field])].slice(0, wanted.length), wanted)
      }), { connectRetryTime: 0 })
  })
  return [
    fails("no server listens", `http://${host}:${places.unused}/`, ["ConnectError", "Refused", "ECONNREFUSED"]),
    fails("no such name", "http://no-such-name.invalid/", ["DnsError", "NotFound", "ENOTFOUND"]),
    fails("the connection is reset", `${url}/reset`, ["ReadError", undefined, "ECONNRESET"]),
    fails("the server closes without a response", `${url}/gone`, ["RemoteDisconnected"]),
    fails("the body is cut short", `${url}/cut`, ["IncompleteRead"]),
    fails("the server does not speak HTTP", `http://${host}:${places.broken}/`, ["BadStatusLine"]),
    {
      name: "fails typed: the status is not 2xx",
      run: withPool((pool) =>
        pool.execute(HttpRequest.get(`${url}/no-such-page`)).pipe(
          Effect.flatMap(HttpResponse.filterStatusOk),
          failing,
          Effect.flatMap(({ _tag }) => equal<string>(_tag, "StatusError"))
        )
      )
    },
    {
      name: "prints a failure as a sentence",
      run: withPool((pool) =>
        Effect.gen(function*() {
          const exit = yield* Effect.exit(text(pool, `http://${host}:${places.unused}/a`))
          const printed = exit._tag === "Failure" ? Cause.pretty(exit.cause) : ""
          yield* Effect.sync(() => assert.match(printed, /Could not connect to 127\.0\.0\.1:\d+ \(ECONNREFUSED\)/))
        }), { connectRetryTime: 0 })
    },
    {
      name: "gives the platform's client the precise error as the cause",
      run: HttpClient.get(`http://${host}:${places.unused}/`).pipe(
        failing,
        Effect.flatMap((error) =>
          equal<unknown>([error._tag, (error.cause as { readonly _tag?: unknown })._tag], [
            "RequestError",
            "ConnectError"
          ])
        ),
        Effect.provide(Layer.orDie(PooledHttpClient.layerWith({ connectRetryTime: 0 })))
      )
    }
  ]
}

/** All checks, in the order in which they run. */
export const checks = (places: Places): ReadonlyArray<Check> => {
  const url = `http://${host}:${places.http}`
  return [
    ...requests(places, url),
    ...reuse(places, url),
    ...secure(places),
    ...proxies(places),
    ...unix(places),
    ...endings(url),
    ...streams(places, url),
    ...failures(places, url)
  ]
}
