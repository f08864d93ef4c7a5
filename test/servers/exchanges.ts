/**
 * The exchanges that pass through every server and every proxy of the suite, as a table: what is asked, and what must come of it.
 *
 * Each is run over a pool that may have one connection. Behind each, a page is got over the same connection, which shows that
 * nothing was left on it; unless the exchange ends it.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { gunzipSync } from "node:zlib"
import type * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpResponse } from "../../src/HttpResponse.ts"
import type { Trait } from "../fixtures/servers/origin.ts"
import { files } from "../fixtures/servers/site.js"
import { digestOf, digestOfBody, streamOf } from "../fixtures/web.ts"

/** A pool for a server. */
export interface Kit {
  readonly pool: ConnectionPool.ConnectionPool
  /** `http://host:port`, without a path. */
  readonly url: string
}

export interface Exchange {
  readonly name: string
  /** What the server must be able to. */
  readonly needs?: Trait
  /** Whether the exchange ends its connection. */
  readonly ends?: boolean
  readonly run: (kit: Kit) => Effect.Effect<void, HttpError>
}

const get = ({ pool, url }: Kit, path: string, headers: Readonly<Record<string, string>> = {}) =>
  pool.execute(HttpRequest.get(`${url}${path}`, { headers }))

const textIs = (response: HttpResponse, status: number, text: string) =>
  Effect.map(response.text, (found) => assert.deepStrictEqual([response.status, found], [status, text]))

const put = ({ pool, url }: Kit, path: string, body: HttpBody.HttpBody, expectContinue = false) =>
  pool.execute(HttpRequest.put(`${url}${path}`, { body, expectContinue }))

/** More than the buffers on the way, so that none of them has it whole. */
const long = 3 * 1024 * 1024 + 7

const uploads: ReadonlyArray<readonly [name: string, body: () => HttpBody.HttpBody, length: number]> = [
  ["of no bytes", () => HttpBody.bytes(new Uint8Array(0)), 0],
  ["of a few bytes with a length", () => HttpBody.stream(streamOf(1000), { length: 1000 }), 1000],
  ["of 3 MiB with a length", () => HttpBody.stream(streamOf(long), { length: long }), long],
  ["of a few bytes in chunks", () => HttpBody.stream(streamOf(1000)), 1000],
  ["of 3 MiB in chunks", () => HttpBody.stream(streamOf(long)), long]
]

export const exchanges: ReadonlyArray<Exchange> = [
  {
    name: "GET of a small file",
    run: (kit) => Effect.flatMap(get(kit, "/page"), (response) => textIs(response, 200, "a page"))
  },
  {
    name: "GET of 64 KiB",
    run: (kit) =>
      Effect.gen(function*() {
        const response = yield* get(kit, "/medium")
        assert.isTrue(files["/medium"].equals(yield* response.bytes))
      })
  },
  {
    name: "GET of 8 MiB as a stream",
    run: (kit) =>
      Effect.gen(function*() {
        const response = yield* get(kit, "/large")
        assert.strictEqual(yield* digestOfBody(response), createHash("sha256").update(files["/large"]).digest("hex"))
      })
  },
  {
    name: "HEAD",
    run: (kit) =>
      Effect.gen(function*() {
        const response = yield* kit.pool.execute(HttpRequest.head(`${kit.url}/page`))
        assert.strictEqual(response.framing, "none")
        yield* textIs(response, 200, "")
      })
  },
  {
    name: "204",
    run: (kit) => Effect.flatMap(get(kit, "/nothing"), (response) => textIs(response, 204, ""))
  },
  {
    name: "304",
    needs: "conditional",
    run: (kit) =>
      Effect.gen(function*() {
        const first = yield* get(kit, "/page")
        yield* first.bytes
        const response = yield* get(kit, "/page", { "If-None-Match": first.getHeader("etag", "none") })
        assert.strictEqual(response.framing, "none")
        yield* textIs(response, 304, "")
      })
  },
  {
    name: "a range",
    needs: "conditional",
    run: (kit) =>
      Effect.gen(function*() {
        const response = yield* get(kit, "/page", { Range: "bytes=2-5" })
        assert.strictEqual(response.getHeader("content-range"), "bytes 2-5/6")
        yield* textIs(response, 206, "page")
      })
  },
  {
    name: "404 with its page",
    run: (kit) =>
      Effect.gen(function*() {
        const response = yield* get(kit, "/missing")
        assert.strictEqual(response.status, 404)
        yield* response.text
      })
  },
  {
    name: "gzip",
    needs: "gzip",
    run: (kit) =>
      Effect.gen(function*() {
        const response = yield* get(kit, "/compressed", { "Accept-Encoding": "gzip" })
        assert.strictEqual(response.getHeader("content-encoding"), "gzip")
        assert.isTrue(files["/compressed"].equals(gunzipSync(yield* response.bytes)))
      })
  },
  {
    name: "a body of unknown length, which comes in chunks",
    run: (kit) =>
      Effect.gen(function*() {
        const response = yield* get(kit, "/chunked")
        assert.include(["chunked", "length"], response.framing)
        yield* textIs(response, 200, "chunk by chunk")
      })
  },
  ...uploads.map(([name, body, length]): Exchange => ({
    name: `PUT ${name}`,
    run: (kit) => Effect.flatMap(put(kit, "/digest", body()), (response) => textIs(response, 200, digestOf(length)))
  })),
  {
    name: "POST of text, which is echoed",
    run: (kit) =>
      Effect.gen(function*() {
        const body = HttpBody.bytes(Buffer.from("a body"))
        const response = yield* kit.pool.execute(HttpRequest.post(`${kit.url}/echo`, { body }))
        yield* textIs(response, 200, "a body")
      })
  },
  {
    name: "PUT with Expect: 100-continue",
    needs: "continue",
    run: (kit) =>
      Effect.gen(function*() {
        const body = HttpBody.stream(streamOf(1000), { length: 1000 })
        // Else a server that says nothing would pass.
        const request = HttpRequest.put(`${kit.url}/digest`, {
          body,
          expectContinue: true,
          timeouts: { continue: Infinity, total: "10 seconds" }
        })
        const response = yield* kit.pool.execute(request)
        yield* textIs(response, 200, digestOf(1000))
        // Caddy says it twice, once in the name of what is behind it.
        assert.deepStrictEqual(new Set(response.informational.map(({ status }) => status)), new Set([100]))
      })
  },
  {
    name: "50 requests on one connection",
    needs: "keepAlive",
    run: (kit) =>
      Effect.gen(function*() {
        for (let times = 0; times < 50; times++) {
          yield* Effect.flatMap(get(kit, "/page"), (response) => textIs(response, 200, "a page"))
        }
      })
  },
  {
    name: "50 requests at once, which take turns",
    needs: "keepAlive",
    run: (kit) =>
      Effect.forEach(
        Array.from({ length: 50 }),
        () => Effect.flatMap(get(kit, "/page"), (response) => textIs(response, 200, "a page")),
        { concurrency: "unbounded", discard: true }
      )
  },
  {
    name: "a request with Connection: close",
    ends: true,
    run: (kit) =>
      Effect.gen(function*() {
        const response = yield* get(kit, "/page", { Connection: "close" })
        yield* textIs(response, 200, "a page")
      })
  },
  {
    name: "a body that ends with the connection",
    needs: "untilClose",
    ends: true,
    run: (kit) =>
      Effect.gen(function*() {
        const response = yield* get(kit, "/until-close")
        assert.strictEqual(response.framing, "close")
        yield* textIs(response, 200, "chunk by chunk")
      })
  },
  {
    name: "a stream that is left early",
    ends: true,
    run: (kit) =>
      Effect.gen(function*() {
        const response = yield* get(kit, "/large")
        yield* Stream.runDrain(Stream.take(response.stream, 1))
      })
  }
]

/** Runs an exchange over a fresh pool of one connection, and gets a page behind it. */
export const pass = (kit: Kit, { ends = false, run }: Exchange, keepAlive: boolean): Effect.Effect<void, HttpError> =>
  Effect.gen(function*() {
    yield* run(kit)
    yield* Effect.flatMap(get(kit, "/page"), (response) => textIs(response, 200, "a page"))
    const { opened, retried } = yield* kit.pool.stats
    // tinyproxy closes without a word, so that the page may have to be asked for twice.
    if (keepAlive) assert.deepStrictEqual([opened, retried], [ends ? 2 : 1, 0])
  })
