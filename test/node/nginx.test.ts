/** Connections to nginx, run as a child on free ports with everything it writes in a directory that goes with it. */
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { mkdir, writeFile } from "node:fs/promises"
import type * as http from "node:http"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import * as HttpFields from "../../src/HttpFields.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import { certificates } from "../fixtures/certificates.ts"
import { child, describeWith, freePorts, listening } from "../fixtures/children.ts"
import { directory } from "../fixtures/sockets.ts"
import {
  answerDigest,
  digestOf,
  digestOfBody,
  pieces,
  sendPieces,
  streamOf,
  told,
  watched,
  webServer
} from "../fixtures/web.ts"

const large = 64 * 1024 * 1024

/** What lies behind nginx. */
const backend: http.RequestListener = (request, response) => {
  if (request.method === "PUT") return answerDigest(request, response)
  if (request.url === "/large") return sendPieces(large, response)
  response.write("chunk ")
  response.write("by chunk")
  response.end()
}

interface Ports {
  readonly plain: number
  readonly secure: number
  readonly limited: number
  readonly impatient: number
}

// One process, so that it runs as whoever started it and none is left behind.
const configuration = (ports: Ports, behind: number) => `
master_process off;
error_log stderr crit;
pid nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  default_type text/plain;
  root html;
  client_max_body_size 0;
  keepalive_timeout 60s;

  server {
    listen 127.0.0.1:${ports.plain};
    location = /nothing { return 204; }
    location = /included { ssi on; ssi_types *; }
    location = /compressed { gzip on; gzip_min_length 1; gzip_http_version 1.1; gzip_types text/plain; }
    location /behind/ {
      proxy_pass http://127.0.0.1:${behind}/;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_buffering off;
    }
    location /small/ { client_max_body_size 1k; proxy_pass http://127.0.0.1:${behind}/; }
    location /abrupt/ { client_max_body_size 1k; lingering_close off; proxy_pass http://127.0.0.1:${behind}/; }
  }
  server {
    listen 127.0.0.1:${ports.secure} ssl;
    ssl_certificate cert.pem;
    ssl_certificate_key key.pem;
    location /behind/ {
      proxy_pass http://127.0.0.1:${behind}/;
      proxy_http_version 1.1;
      proxy_request_buffering off;
    }
    location /abrupt/ { client_max_body_size 1k; lingering_close off; proxy_pass http://127.0.0.1:${behind}/; }
  }
  server {
    listen 127.0.0.1:${ports.limited};
    keepalive_requests 3;
  }
  server {
    listen 127.0.0.1:${ports.impatient};
    keepalive_timeout 20ms;
  }
}
`

class Nginx extends Context.Tag("test/Nginx")<Nginx, Ports>() {}

const nginx = (path: string) =>
  Layer.scoped(
    Nginx,
    Effect.gen(function*() {
      const { ca: _, server: identity } = yield* Effect.promise(certificates)
      const prefix = yield* directory
      const behind = yield* webServer(backend)
      yield* Effect.promise(async () => {
        await mkdir(join(prefix, "html"))
        await writeFile(join(prefix, "html/page"), "a page")
        await writeFile(join(prefix, "html/included"), `before <!--# echo var="request_method" --> after`)
        await writeFile(join(prefix, "html/compressed"), "compress me ".repeat(1000))
        await writeFile(join(prefix, "html/large"), pieces(large))
        await writeFile(join(prefix, "cert.pem"), identity.cert)
        await writeFile(join(prefix, "key.pem"), identity.key, { mode: 0o600 })
      })
      const start = Effect.gen(function*() {
        const [plain = 0, secure = 0, limited = 0, impatient = 0] = yield* freePorts(4)
        const ports = { plain, secure, limited, impatient }
        yield* Effect.promise(() => writeFile(join(prefix, "nginx.conf"), configuration(ports, behind.port)))
        const running = yield* child(path, ["-p", prefix, "-e", "stderr", "-c", "nginx.conf", "-g", "daemon off;"])
        yield* listening(running, plain)
        return ports
      })
      // Somebody may take a port before nginx does.
      return yield* Effect.retry(start, { times: 2 })
    })
  )

const connect = (port: number, options?: HttpConnection.Options) =>
  HttpConnection.make({ host: "127.0.0.1", port, ...options })

/** A connection to the server that most tests are about. */
const plain = Effect.flatMap(Nginx, (ports) => connect(ports.plain))

describeWith("nginx", (path) => {
  layer(Layer.merge(NodeTransport.layer, nginx(path)), { excludeTestServices: true })("nginx", (it) => {
    it.scoped("answers request after request on one connection", () =>
      Effect.gen(function*() {
        const connection = yield* plain
        for (let served = 0; served < 5; served++) {
          const response = yield* connection.execute(HttpRequest.get("/page"))
          assert.deepStrictEqual([response.framing, ...(yield* told(response))], ["length", 200, "a page"])
          assert.strictEqual(response.connection.requestsServed, served)
          assert.match(response.getHeader("server", ""), /^nginx/)
        }
      }))

    it.scoped("answers chunked what it makes itself and what comes chunked from behind it", () =>
      Effect.gen(function*() {
        const connection = yield* plain
        const included = yield* connection.execute(HttpRequest.get("/included"))
        assert.deepStrictEqual([included.framing, yield* included.text], ["chunked", "before GET after"])
        const behind = yield* connection.execute(HttpRequest.get("/behind/"))
        assert.deepStrictEqual([behind.framing, yield* behind.text], ["chunked", "chunk by chunk"])
        assert.strictEqual(behind.connection.requestsServed, 1)
      }))

    it.scoped("compresses where it is asked to, and what it sent is given as it came", () =>
      Effect.gen(function*() {
        const connection = yield* plain
        const response = yield* connection.execute(
          HttpRequest.get("/compressed", { headers: { "Accept-Encoding": "gzip" } })
        )
        assert.deepStrictEqual([response.framing, response.getHeader("content-encoding")], ["chunked", "gzip"])
        assert.strictEqual(gunzipSync(yield* response.bytes).toString(), "compress me ".repeat(1000))
      }))

    it.scoped("answers HEAD, 204 and 304 without a body, and the connection goes on", () =>
      Effect.gen(function*() {
        const connection = yield* plain
        const head = yield* connection.execute(HttpRequest.head("/page"))
        assert.deepStrictEqual([head.framing, head.getHeader("content-length"), yield* head.text], ["none", "6", ""])
        const nothing = yield* connection.execute(HttpRequest.get("/nothing"))
        assert.deepStrictEqual([nothing.framing, ...(yield* told(nothing))], ["none", 204, ""])
        const same = yield* connection.execute(
          HttpRequest.get("/page", { headers: { "If-None-Match": head.getHeader("etag", "none") } })
        )
        assert.deepStrictEqual([same.framing, ...(yield* told(same))], ["none", 304, ""])
        const page = yield* connection.execute(HttpRequest.get("/page"))
        assert.deepStrictEqual([yield* page.text, page.connection.requestsServed], ["a page", 3])
      }))

    it.scoped("answers a part of a file with 206, and an error with its page", () =>
      Effect.gen(function*() {
        const connection = yield* plain
        const part = yield* connection.execute(HttpRequest.get("/page", { headers: { Range: "bytes=2-5" } }))
        assert.deepStrictEqual(
          [part.getHeader("content-range"), ...(yield* told(part))],
          ["bytes 2-5/6", 206, "page"]
        )
        const missing = yield* connection.execute(HttpRequest.get("/missing"))
        const [status, text] = yield* told(missing)
        assert.strictEqual(status, 404)
        assert.include(text, "404 Not Found")
      }))

    it.scoped("says 100 before it takes the body of a request with Expect", () =>
      Effect.gen(function*() {
        const connection = yield* plain
        const body = HttpBody.stream(streamOf(1000))
        const response = yield* connection.execute(
          HttpRequest.put("/behind/", { body, expectContinue: true, timeouts: { continue: Infinity } })
        )
        assert.deepStrictEqual(yield* told(response), [200, digestOf(1000)])
        assert.deepStrictEqual(response.informational.map(({ status }) => status), [100])
      }))

    it.scoped("refuses the body of a request with Expect, which is then never sent", () =>
      Effect.gen(function*() {
        const connection = yield* plain
        let pulled = 0
        const body = HttpBody.stream(streamOf(100_000, () => pulled++), { length: 100_000 })
        const response = yield* connection.execute(
          HttpRequest.put("/small/", { body, expectContinue: true, timeouts: { continue: Infinity } })
        )
        const [status] = yield* told(response)
        assert.deepStrictEqual([status, response.informational, pulled], [413, [], 0])
        const next = yield* connection.execute(HttpRequest.get("/page"))
        assert.deepStrictEqual([yield* next.text, next.connection.reused], ["a page", false])
      }))

    it.scoped("gets 64 MiB, chunked and with a length", () =>
      Effect.gen(function*() {
        const connection = yield* plain
        const expected = digestOf(large)
        for (const length of [undefined, large]) {
          const body = HttpBody.stream(streamOf(large), { length })
          const response = yield* connection.execute(HttpRequest.put("/behind/", { body }))
          assert.deepStrictEqual(yield* told(response), [200, expected])
        }
      }))

    it.scoped("sends 64 MiB, from a file and chunked from behind it", () =>
      Effect.gen(function*() {
        const connection = yield* plain
        const expected = digestOf(large)
        for (const [target, framing] of [["/large", "length"], ["/behind/large", "chunked"]] as const) {
          const response = yield* connection.execute(HttpRequest.get(target))
          assert.deepStrictEqual([response.framing, yield* digestOfBody(response)], [framing, expected])
        }
      }))

    for (const [target, manner] of [["/small/", "goes on reading"], ["/abrupt/", "resets the connection"]] as const) {
      it.scoped(`refuses a body with 413 and ${manner}: its answer is delivered, and the next request is answered`, () =>
        Effect.gen(function*() {
          const connection = yield* plain
          const bodies = [
            HttpBody.stream(streamOf(large), { length: large }),
            HttpBody.stream(Stream.forever(streamOf(65_521))),
            HttpBody.bytes(Buffer.alloc(1_000_000))
          ]
          for (const body of bodies) {
            const [status, text] = yield* Effect.flatMap(connection.execute(HttpRequest.put(target, { body })), told)
            assert.strictEqual(status, 413)
            assert.include(text, "413 Request Entity Too Large")
          }
          const next = yield* connection.execute(HttpRequest.get("/page"))
          assert.strictEqual(yield* next.text, "a page")
        }))
    }

    it.scoped("closes after so many requests as it allows on one connection, and says so", () =>
      Effect.gen(function*() {
        const { limited } = yield* Nginx
        const connection = yield* connect(limited)
        const seen: Array<unknown> = []
        for (let requests = 0; requests < 5; requests++) {
          const response = yield* connection.execute(HttpRequest.get("/page"))
          seen.push([response.connection.requestsServed, response.getHeader("connection")])
          assert.strictEqual(yield* response.text, "a page")
        }
        assert.deepStrictEqual(seen, [[0, "keep-alive"], [1, "keep-alive"], [2, "close"], [0, "keep-alive"], [
          1,
          "keep-alive"
        ]])
      }))

    it.scoped("closes an idle connection when its time is over, and the next request opens another", () =>
      Effect.gen(function*() {
        const { impatient } = yield* Nginx
        const { closed, onEvent } = watched()
        const connection = yield* connect(impatient, { onEvent })
        for (let times = 1; times <= 2; times++) {
          const response = yield* connection.execute(HttpRequest.get("/page"))
          assert.deepStrictEqual([yield* response.text, response.connection.reused], ["a page", false])
          yield* closed(times)
        }
      }))

    it.scoped("speaks TLS: small and large, both ways, on one connection", () =>
      Effect.gen(function*() {
        const { secure } = yield* Nginx
        const { ca } = yield* Effect.promise(certificates)
        const connection = yield* connect(secure, { tls: { ca } })
        const page = yield* connection.execute(HttpRequest.get("/page"))
        assert.deepStrictEqual(yield* told(page), [200, "a page"])
        const expected = digestOf(large)
        const up = yield* connection.execute(HttpRequest.put("/behind/", { body: HttpBody.stream(streamOf(large)) }))
        assert.deepStrictEqual(yield* told(up), [200, expected])
        const down = yield* connection.execute(HttpRequest.get("/large"))
        assert.strictEqual(yield* digestOfBody(down), expected)
        assert.strictEqual(down.connection.requestsServed, 2)
      }))

    it.scoped("refuses a body with 413 over TLS and resets the connection: its answer is delivered", () =>
      Effect.gen(function*() {
        const { secure } = yield* Nginx
        const { ca } = yield* Effect.promise(certificates)
        const connection = yield* connect(secure, { tls: { ca } })
        const body = HttpBody.stream(Stream.forever(streamOf(65_521)))
        const [status] = yield* Effect.flatMap(connection.execute(HttpRequest.put("/abrupt/", { body })), told)
        assert.strictEqual(status, 413)
      }))

    it.scoped("gets a request for it in the absolute form, and trailers that it may ignore", () =>
      Effect.gen(function*() {
        const connection = yield* plain
        const absolute = yield* connection.execute(HttpRequest.get("/page", { targetForm: "absolute" }))
        assert.deepStrictEqual(yield* told(absolute), [200, "a page"])
        const response = yield* connection.execute(
          HttpRequest.put("/behind/", { body: HttpBody.stream(streamOf(1000)), trailers: { "X-Digest": "abc" } })
        )
        assert.deepStrictEqual(yield* told(response), [200, digestOf(1000)])
        assert.strictEqual(HttpFields.entries(yield* response.trailers).length, 0)
      }))
  })
})
