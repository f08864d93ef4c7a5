/**
 * Shows that streams need no memory: 1 GiB is sent, 1 GiB is received, and a reader that is slower
 * than its server reads 256 MiB. Each uses a connection to a server in a separate process, whose
 * memory is not counted. `npm run bench:memory`. Ends with status 1 if the process grew by more
 * than 64 MB after it connected, if bytes are missing or wrong, or if a transfer does not end.
 * Garbage is collected before each measurement, because V8 keeps up to 64 MiB of dead buffers (its
 * limit for memory outside of its heap), which says nothing about a stream. The garbage between two
 * measurements is counted nevertheless.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { fork } from "node:child_process"
import * as http from "node:http"
import { fileURLToPath } from "node:url"
import type { HttpConnection as Connection } from "../../src/HttpConnection.ts"
import { HttpBody, HttpConnection, HttpRequest, NodeTransport } from "../../src/index.ts"

const mebi = 1024 * 1024
/** How much a process may grow. */
const limit = 64_000_000
/** Bytes between two looks at the memory. */
const step = 16 * mebi
/** A transfer that takes longer has come to a halt. */
const patience = "2 minutes"

/** What all transfers carry, again and again: its length is prime, so that pieces do not begin alike. */
const pattern = Buffer.from(Array.from({ length: 65_521 }, (_, index) => (index * 7 + (index >> 8)) & 0xff))

/** `length` bytes of the pattern, cut where the pattern ends. */
function* pieces(length: number): Generator<Buffer> {
  for (let left = length; left > 0; left -= pattern.length) yield pattern.subarray(0, Math.min(left, pattern.length))
}

/** Compares what comes with the pattern. */
class Check {
  received = 0
  right = true

  take(bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.length;) {
      const at = this.received % pattern.length
      const length = Math.min(bytes.length - offset, pattern.length - at)
      this.right &&= pattern.compare(bytes, offset, offset + length, at, at + length) === 0
      this.received += length
      offset += length
    }
  }
}

// --- the server, in a process of its own

const takeUpload = (request: http.IncomingMessage, response: http.ServerResponse): void => {
  const check = new Check()
  request.on("data", (bytes: Buffer) => check.take(bytes))
  request.on("end", () => response.end(JSON.stringify({ received: check.received, right: check.right })))
}

const sendDownload = (length: number, response: http.ServerResponse): void => {
  response.writeHead(200, { "Content-Length": length })
  const rest = pieces(length)
  const pump = (): void => {
    for (let next = rest.next(); next.done !== true; next = rest.next()) {
      if (!response.write(next.value)) return void response.once("drain", pump)
    }
    response.end()
  }
  pump()
}

const serve = (): void => {
  const server = http.createServer((request, response) => {
    if (request.method === "PUT") takeUpload(request, response)
    else sendDownload(Number(request.url?.slice(1)), response)
  })
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    process.send?.(address !== null && typeof address === "object" ? address.port : 0)
  })
  // However the other process ends, this one goes too.
  process.once("disconnect", () => process.exit())
}

const server = Effect.acquireRelease(
  Effect.async<{ readonly port: number; readonly stop: () => void }>((resume) => {
    const child = fork(fileURLToPath(import.meta.url), ["serve"])
    child.once("message", (port: number) => resume(Effect.succeed({ port, stop: () => child.kill() })))
    child.once("error", (error) => resume(Effect.die(error)))
  }),
  ({ stop }) => Effect.sync(stop)
)

// --- looking at the memory

const { gc } = globalThis
if (gc === undefined) throw new Error("run it with --expose-gc: npm run bench:memory")

interface Usage {
  readonly heapUsed: number
  readonly external: number
  readonly rss: number
}

const usage = (): Usage => {
  gc()
  return process.memoryUsage()
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`.padStart(9)

/** What one transfer took above the start. */
class Gauge {
  readonly #name: string
  readonly #length: number
  readonly #start: Usage
  readonly #begunAt = performance.now()
  #heap = 0
  #external = 0
  #rss = 0
  #transferred = 0
  #lookAt = step

  constructor(name: string, length: number, start: Usage) {
    this.#name = name
    this.#length = length
    this.#start = start
  }

  /** Counts bytes and looks at the memory after each step. */
  count(bytes: number): void {
    this.#transferred += bytes
    if (this.#transferred >= this.#lookAt) {
      this.#lookAt += step
      this.#look()
      this.#show()
    }
  }

  #look(): void {
    // Before the collection, so that the garbage of one step counts.
    this.#rss = Math.max(this.#rss, process.memoryUsage.rss() - this.#start.rss)
    const now = usage()
    this.#heap = Math.max(this.#heap, now.heapUsed - this.#start.heapUsed)
    this.#external = Math.max(this.#external, now.external - this.#start.external)
  }

  #show(): void {
    const text = `${this.#name}: ${Math.round(this.#transferred / mebi)} of ${this.#length / mebi} MiB`
    if (process.stdout.isTTY) process.stdout.write(`\r${text}`)
    else if (this.#transferred % (256 * mebi) < step) console.log(text)
  }

  /** Prints the figures and says whether the memory stayed flat. */
  report(): boolean {
    this.#look()
    const speed = this.#transferred / 1e6 / ((performance.now() - this.#begunAt) / 1000)
    console.log(
      `${process.stdout.isTTY ? "\r" : ""}${this.#name}: at most${megabytes(this.#heap)} heapUsed,`
        + `${megabytes(this.#external)} external,${megabytes(this.#rss)} rss above the start; ${speed.toFixed(0)} MB/s`
    )
    return Math.max(this.#heap + this.#external, this.#rss) <= limit
  }
}

// --- the transfers

const up = (connection: Connection, length: number, gauge: Gauge) =>
  Effect.gen(function*() {
    const rest = pieces(length)
    const body = Stream.repeatEffectChunkOption(Effect.suspend(() => {
      const next = rest.next()
      if (next.done === true) return Effect.fail(Option.none<never>())
      gauge.count(next.value.length)
      return Effect.succeed(Chunk.of<Uint8Array>(next.value))
    }))
    const response = yield* connection.execute(HttpRequest.put("/", { body: HttpBody.stream(body) }))
    return (yield* response.text) === JSON.stringify({ received: length, right: true })
  })

const down = (pause: Effect.Effect<void>) => (connection: Connection, length: number, gauge: Gauge) =>
  Effect.gen(function*() {
    const response = yield* connection.execute(HttpRequest.get(`/${length}`))
    const check = new Check()
    yield* Stream.runForEach(response.stream, (bytes) => {
      const before = Math.floor(check.received / mebi)
      check.take(bytes)
      gauge.count(bytes.length)
      return Math.floor(check.received / mebi) > before ? pause : Effect.void
    })
    return check.received === length && check.right
  })

// A server that is not held back sends 256 MiB while the slow reader takes a quarter of it.
const transfers = [
  { name: "1 GiB up", length: 1024 * mebi, run: up },
  { name: "1 GiB down", length: 1024 * mebi, run: down(Effect.void) },
  { name: "slow reader", length: 256 * mebi, run: down(Effect.sleep("5 millis")) }
]

const main = Effect.gen(function*() {
  const { port } = yield* server
  const start = usage()
  console.log(
    `at the start: ${megabytes(start.heapUsed)} heapUsed,${megabytes(start.external)} external,${
      megabytes(start.rss)
    } rss`
  )
  const connection = yield* HttpConnection.make({ host: "127.0.0.1", port })
  let good = true
  for (const { length, name, run } of transfers) {
    const gauge = new Gauge(name, length, start)
    const whole = yield* Effect.timeout(run(connection, length, gauge), patience)
    const flat = gauge.report()
    if (!whole) console.log(`${name}: bytes are missing or wrong`)
    if (!flat) console.log(`${name}: took more than ${megabytes(limit)}`)
    good &&= whole && flat
  }
  return good
}).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))

if (process.argv[2] === "serve") serve()
else process.exitCode = (await Effect.runPromise(main)) ? 0 : 1
