/** Connections to the servers of Python's `http.server`, run as children. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as HttpBody from "../../src/HttpBody.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import { child, describeWith } from "../fixtures/children.ts"
import { directory } from "../fixtures/sockets.ts"
import { told } from "../fixtures/web.ts"

const script = fileURLToPath(new URL("../fixtures/http11.py", import.meta.url))

describeWith("python3", (path) => {
  /** `python3 -m http.server` over a directory with one file: HTTP/1.0. */
  const files = Effect.gen(function*() {
    const root = yield* directory
    yield* Effect.promise(() => writeFile(join(root, "file.txt"), "a file"))
    const running = yield* child(path, ["-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", root, "0"])
    return yield* HttpConnection.make({ host: "127.0.0.1", port: Number(yield* running.line(/ port (\d+)/)) })
  })

  const http11 = Effect.gen(function*() {
    const running = yield* child(path, ["-u", script])
    return yield* HttpConnection.make({ host: "127.0.0.1", port: Number(yield* running.line(/port (\d+)/)) })
  })

  layer(NodeTransport.layer, { excludeTestServices: true })("http.server of Python", (it) => {
    it.scoped("answers with HTTP/1.0 and closes: every request goes over a connection of its own", () =>
      Effect.gen(function*() {
        const connection = yield* files
        const ids = new Set<number>()
        for (let times = 0; times < 3; times++) {
          const response = yield* connection.execute(HttpRequest.get("/file.txt"))
          assert.deepStrictEqual([response.version, ...(yield* told(response))], [10, 200, "a file"])
          assert.isFalse(response.connection.reused)
          assert.isFalse(yield* connection.isOpen)
          ids.add(response.connection.id)
        }
        assert.strictEqual(ids.size, 3)
      }))

    it.scoped("is sent a body at once, though it is to be held back: HTTP/1.0 has no 100", () =>
      Effect.gen(function*() {
        const connection = yield* files
        yield* told(yield* connection.execute(HttpRequest.get("/file.txt")))
        const request = HttpRequest.post("/file.txt", {
          body: HttpBody.bytes(new Uint8Array(3)),
          expectContinue: true,
          // Whatever waited for a 100 would fail.
          timeouts: { continue: Infinity, total: "10 seconds" }
        })
        const response = yield* connection.execute(request)
        assert.deepStrictEqual([response.version, response.status, response.informational], [10, 501, []])
        yield* response.close
      }))

    it.scoped("lists a directory", () =>
      Effect.gen(function*() {
        const connection = yield* files
        const response = yield* connection.execute(HttpRequest.get("/"))
        assert.match(response.getHeader("content-type", ""), /^text\/html/)
        assert.include(yield* response.text, `<a href="file.txt">file.txt</a>`)
      }))

    it.scoped("answers HEAD without a body and what it does not have with 404", () =>
      Effect.gen(function*() {
        const connection = yield* files
        const head = yield* connection.execute(HttpRequest.head("/file.txt"))
        assert.deepStrictEqual([head.getHeader("content-length"), ...(yield* told(head))], ["6", 200, ""])
        const missing = yield* connection.execute(HttpRequest.get("/missing"))
        assert.deepStrictEqual([missing.status, missing.reason], [404, "File not found"])
        assert.include(yield* missing.text, "Error code: 404")
      }))

    it.scoped("answers a method that it does not know with 501, though a body comes with it", () =>
      Effect.gen(function*() {
        const connection = yield* files
        const response = yield* connection.execute(
          HttpRequest.put("/", { body: HttpBody.bytes(Buffer.from("a body")) })
        )
        assert.deepStrictEqual([response.status, response.reason], [501, "Unsupported method ('PUT')"])
        assert.include(yield* response.text, "Error code: 501")
      }))

    it.scoped("answers with HTTP/1.1 request after request on one connection: with a length, chunked, HEAD, a body", () =>
      Effect.gen(function*() {
        const connection = yield* http11
        const length = yield* connection.execute(HttpRequest.get("/length"))
        assert.deepStrictEqual([length.framing, ...(yield* told(length))], ["length", 200, "/length"])
        const chunked = yield* connection.execute(HttpRequest.get("/chunked"))
        assert.deepStrictEqual([chunked.framing, ...(yield* told(chunked))], ["chunked", 200, "chunk by chunk"])
        const head = yield* connection.execute(HttpRequest.head("/head"))
        assert.deepStrictEqual([head.framing, ...(yield* told(head))], ["none", 200, ""])
        const posted = yield* connection.execute(
          HttpRequest.post("/", { body: HttpBody.bytes(Buffer.alloc(1_000_000, "x")) })
        )
        assert.deepStrictEqual([posted.version, yield* posted.text], [11, "x".repeat(1_000_000)])
        assert.strictEqual(posted.connection.requestsServed, 3)
      }))

    it.scoped("says 100 before it takes the body of a request with Expect", () =>
      Effect.gen(function*() {
        const connection = yield* http11
        const body = HttpBody.bytes(Buffer.from("held back"))
        const response = yield* connection.execute(
          HttpRequest.post("/", { body, expectContinue: true, timeouts: { continue: Infinity } })
        )
        assert.deepStrictEqual(yield* told(response), [200, "held back"])
        assert.deepStrictEqual(response.informational.map(({ status }) => status), [100])
      }))

    it.scoped("ends a body of unknown length with the connection, and the next request opens another", () =>
      Effect.gen(function*() {
        const connection = yield* http11
        const response = yield* connection.execute(HttpRequest.get("/until-close"))
        assert.deepStrictEqual([response.framing, yield* response.text], ["close", "until the end"])
        const next = yield* connection.execute(HttpRequest.get("/next"))
        assert.deepStrictEqual([yield* next.text, next.connection.reused], ["/next", false])
      }))
  })
})
