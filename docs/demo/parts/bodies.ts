/**
 * Bodies as streams: a chunked upload, and a download of 100 MB that are never in memory together.
 */
import { HttpBody, HttpConnection, HttpRequest } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import * as describe from "../describe.ts"
import { millis, size } from "../report.ts"
import type { Received } from "../servers/origin.ts"
import type { Part } from "./part.ts"

/** A Stream is sent in chunks, and the server says what it received. */
export const upload: Part = (report, { host, port }) =>
  Effect.gen(function*() {
    report.part("A chunked upload from a Stream")
    const hash = createHash("sha256")
    let sent = 0
    const body = Stream.range(1, 200).pipe(
      Stream.map((number) => new TextEncoder().encode(`${number} `.repeat(5000))),
      Stream.tap((piece) =>
        Effect.sync(() => {
          hash.update(piece)
          sent += piece.length
        })
      )
    )
    const connection = yield* HttpConnection.make({ host, port })
    const response = yield* connection.execute(
      HttpRequest.post("/upload", { body: HttpBody.stream(body, { contentType: "text/plain" }) })
    )
    const received = (yield* response.json) as Received
    const sha256 = hash.digest("hex")
    report.row("sent", `${size(sent)} in 200 pieces, sha256 ${sha256.slice(0, 16)}…`)
    report.row("received", `${size(received.bytes)}, sha256 ${received.sha256.slice(0, 16)}…`)
    report.row(
      "",
      `Transfer-Encoding ${received.transferEncoding} · Content-Length ${received.contentLength ?? "none"}`
    )
    report.row("time", describe.timings(response.timings))
    report.check("what came is what was sent", received.bytes === sent && received.sha256 === sha256, received)
    report.check(
      "and it came chunked, without a length",
      received.transferEncoding === "chunked"
        && received.contentLength === null,
      received
    )
  }).pipe(Effect.scoped)

v8.setFlagsFromString("--expose-gc")
const collectGarbage = vm.runInNewContext("gc") as () => void

const downloadSize = 100_000_000

/** The limit of bytes in memory: a few pieces of 64 KiB on both sides. */
const heldAtMost = 8_000_000

/** Bytes in the buffers of this process, including the server and without garbage. */
const held = (): number => {
  // Twice, because buffers are freed concurrently: the second waits for the first.
  collectGarbage()
  collectGarbage()
  return process.memoryUsage().arrayBuffers
}

/** A download through a stream with back-pressure, and the memory that it used. */
export const download: Part = (report, { host, port }) =>
  Effect.gen(function*() {
    report.part("A download of 100 MB")
    const connection = yield* HttpConnection.make({ host, port })
    const before = held()
    const rss = process.memoryUsage.rss()
    const startedAt = performance.now()
    const response = yield* connection.execute(HttpRequest.get(`/bytes?size=${downloadSize}`))
    const progress = report.progress(downloadSize)
    let done = 0
    let peak = 0
    let next = 0
    yield* Stream.runForEachChunk(response.stream, (pieces) =>
      Effect.sync(() => {
        for (const piece of pieces) done += piece.length
        if (done < next) return
        next = Math.min(done + downloadSize / 20, downloadSize)
        peak = Math.max(peak, held() - before)
        const seconds = (performance.now() - startedAt) / 1000
        progress(done, `${size(done)} · ${(done / 1e6 / seconds).toFixed(0)} MB/s · ${size(peak)} held`)
      }))
    report.row("time", describe.timings(response.timings))
    report.row("memory", `at most ${size(peak)} in buffers at any time, client and server together`)
    report.row("", `the process grew by ${size(Math.max(0, process.memoryUsage.rss() - rss))}, garbage included`)
    report.check("all of it came", done === downloadSize, done)
    report.check(`and never was more than ${size(heldAtMost)} of it in memory`, peak < heldAtMost, peak)
    const slow = yield* connection.execute(HttpRequest.get("/lines"))
    const lines = yield* Stream.runCollect(slow.lines)
    report.row(
      "then",
      `${lines.length} lines on the same connection, ${slow.framing}, in ${millis(slow.timings.total ?? 0)}`
    )
    report.check("the connection is as good as new", slow.connection.id === response.connection.id, slow.connection)
  }).pipe(Effect.scoped)
