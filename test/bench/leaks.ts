/**
 * Shows that a pool forgets: 10,000 origins, each requested once, and 10,000 failed TLS handshakes
 * leave no more memory than a tenth of them did. The servers run in a separate process, whose
 * memory is not counted. `npm run bench:leaks`. Ends with status 1 if the memory after a collection
 * grew by more than the limit, if an origin, a connection or a descriptor is left, or if a request
 * ends in an unexpected way.
 */
import * as Effect from "effect/Effect"
import { fork } from "node:child_process"
import * as fs from "node:fs"
import * as http from "node:http"
import * as tls from "node:tls"
import { fileURLToPath } from "node:url"
import { ConnectionPool, HttpRequest, NodeTransport } from "../../src/index.ts"
import { certificates } from "../fixtures/certificates.ts"

const count = 10_000
/**
 * How many go first, so that what is made once is there, and what V8 compiles is compiled: after 1,000 it is not done, and what is held grows by 1 to 2 MB up
 * to 5,000, and by nothing from there to 30,000.
 */
const first = 5000
/** How much more may be held after all of them than after the first: some 200 bytes for each would be more. */
const limit = 2_000_000

interface Ports {
  readonly plain: number
  readonly secure: number
}

// --- the servers, in a process of their own

const portOf = (server: http.Server | tls.Server): number => {
  const address = server.address()
  return address !== null && typeof address === "object" ? address.port : 0
}

const serve = async (): Promise<void> => {
  const { selfSigned } = await certificates()
  const plain = http.createServer((_request, response) => response.end("hello"))
  const secure = tls.createServer(selfSigned, (socket) => socket.on("error", () => {}).end())
  secure.on("tlsClientError", () => {})
  // All addresses, because each of 127.0.0.0/8 is an origin of its own.
  await new Promise<void>((resolve) => plain.listen(0, "0.0.0.0", resolve))
  await new Promise<void>((resolve) => secure.listen(0, "127.0.0.1", resolve))
  process.send?.({ plain: portOf(plain), secure: portOf(secure) } satisfies Ports)
  process.once("disconnect", () => process.exit())
}

const servers = Effect.acquireRelease(
  Effect.async<Ports & { readonly stop: () => void }>((resume) => {
    const child = fork(fileURLToPath(import.meta.url), ["serve"])
    child.once("message", (ports: Ports) => resume(Effect.succeed({ ...ports, stop: () => child.kill() })))
    child.once("error", (error) => resume(Effect.die(error)))
  }),
  ({ stop }) => Effect.sync(stop)
)

// --- looking

const { gc } = globalThis
if (process.argv[2] !== "serve" && gc === undefined) throw new Error("run it with --expose-gc: npm run bench:leaks")

/** A turn of the event loop, in which handles that were closed go away. */
const turn = Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))

const held = Effect.gen(function*() {
  // Finalizers of what was collected free more.
  for (let i = 0; i < 5; i++) {
    yield* turn
    gc?.()
  }
  const { arrayBuffers, external, heapUsed } = process.memoryUsage()
  return heapUsed + external + arrayBuffers
})

const descriptors = (): number => fs.existsSync("/proc/self/fd") ? fs.readdirSync("/proc/self/fd").length : 0

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`

interface Run {
  readonly name: string
  readonly one: (pool: ConnectionPool.ConnectionPool, index: number) => Effect.Effect<unknown, unknown>
}

/** Whether it leaves the memory flat. */
const isFlat = ({ name, one }: Run) =>
  Effect.scoped(Effect.gen(function*() {
    const pool = yield* ConnectionPool.make({ connections: 50, idle: 10 })
    const run = (from: number, to: number) =>
      Effect.forEach(Array.from({ length: to - from }, (_, index) => from + index), (index) => one(pool, index), {
        concurrency: 20,
        discard: true
      })
    yield* run(0, first)
    yield* pool.closeIdle
    const before = { held: yield* held, descriptors: descriptors() }
    for (let from = first; from < first + count; from += 1000) {
      yield* run(from, from + 1000)
      console.log(`${name}: ${from + 1000 - first} of ${count}`)
    }
    yield* pool.closeIdle
    const stats = yield* pool.stats
    const grown = (yield* held) - before.held
    const open = descriptors() - before.descriptors
    console.log(
      `${name}: ${megabytes(grown)} more held, ${open} more descriptors, ${stats.origins.length} origins known`
    )
    return grown <= limit && open <= 0 && stats.origins.length === 0 && stats.opened === stats.closed
  }))

const main = Effect.gen(function*() {
  const { plain, secure } = yield* servers
  const origins: Run = {
    name: `${count} origins`,
    one: (pool, index) => {
      const host = `127.${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`
      return Effect.flatMap(pool.execute(HttpRequest.get(`http://${host}:${plain}/`)), (response) => response.text)
    }
  }
  const handshakes: Run = {
    name: `${count} failed TLS handshakes`,
    one: (pool) =>
      Effect.flatMap(
        Effect.flip(pool.execute(HttpRequest.get(`https://127.0.0.1:${secure}/`))),
        (error) => error._tag === "TlsError" && error.reason === "SelfSigned" ? Effect.void : Effect.fail(error)
      )
  }
  let good = true
  for (const run of [origins, handshakes]) good = (yield* isFlat(run)) && good
  return good
}).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))

if (process.argv[2] === "serve") await serve()
else process.exitCode = (await Effect.runPromise(main)) ? 0 : 1
