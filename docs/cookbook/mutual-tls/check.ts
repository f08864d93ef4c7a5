/** Replaces the certificates of both sides and the authority under load: no request may fail. */
import type { ConnectionPool } from "effect-http-client"
import { HttpRequest, NodeTransport } from "effect-http-client"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises"
import * as https from "node:https"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type * as tls from "node:tls"
import { certificates, pinOf } from "../../../test/fixtures/certificates.ts"
import { host, listen } from "../../demo/servers/listen.ts"
import { holds, same } from "../expect.ts"
import type { Files } from "./program.ts"
import { changesOf, makePool, signals } from "./program.ts"

const made = Effect.promise(certificates)

/** Writes a file as careful tools do: beside it, then renamed into place. */
const replace = (path: string, text: string) =>
  Effect.promise(async () => {
    await writeFile(`${path}.new`, text)
    await rename(`${path}.new`, path)
  })

/** The files of the client, in a directory that ends with the scope. */
const clientFiles = Effect.gen(function*() {
  const { ca, client } = yield* made
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "mutual-tls-"))),
    (directory) => Effect.promise(() => rm(directory, { recursive: true }))
  )
  const files: Files = {
    ca: join(directory, "ca.pem"),
    cert: join(directory, "client.pem"),
    key: join(directory, "client.key")
  }
  yield* replace(files.ca, ca)
  yield* replace(files.cert, client.cert)
  yield* replace(files.key, client.key)
  return files
})

/** A server that wants a certificate of the client, notes its name, and refuses some. */
const startServer = Effect.gen(function*() {
  const { ca, server: identity } = yield* made
  const seen: Array<string> = []
  const refused = new Set<string>()
  const server = https.createServer({ ...identity, ca, requestCert: true }, ({ socket }, response) => {
    const name = String((socket as tls.TLSSocket).getPeerCertificate().subject.CN)
    seen.push(name)
    response.writeHead(refused.has(name) ? 403 : 200).end(name)
  })
  return { url: `https://${host}:${yield* listen(server)}/`, server, seen, refused }
})

const status = (pool: ConnectionPool.ConnectionPool, url: string) =>
  Effect.flatMap(pool.execute(HttpRequest.get(url)), (response) => Effect.as(response.text, response.status))

/** Sends requests from eight fibers until it is stopped. */
const startLoad = (pool: ConnectionPool.ConnectionPool, url: string) =>
  Effect.gen(function*() {
    const statuses: Array<number> = []
    let running = true
    let wanted = 0
    let reached = yield* Deferred.make<void>()
    const one = Effect.tap(status(pool, url), (status) =>
      Effect.sync(() => {
        statuses.push(status)
        if (statuses.length === wanted) Deferred.unsafeDone(reached, Effect.void)
      }))
    const clients = yield* Effect.fork(
      Effect.all(Array.from({ length: 8 }, () => Effect.repeat(one, { while: () => running })), {
        concurrency: "unbounded",
        discard: true
      })
    )
    return {
      statuses,
      /** Waits for so many more answers, and fails as a request fails. */
      more: (count: number) =>
        Effect.gen(function*() {
          reached = yield* Deferred.make<void>()
          wanted = statuses.length + count
          yield* Effect.raceFirst(Deferred.await(reached), Effect.zipRight(Fiber.join(clients), Effect.never))
        }),
      stop: Effect.suspend(() => {
        running = false
        return Fiber.join(clients)
      })
    }
  })

const read = "the certificates were read"
const stay = "the old certificates stay"

/** Runs an effect that changes something, and fails unless the reload after it ends in this line. */
const untilLogged = (lines: PubSub.PubSub<string>) => (line: string, change: Effect.Effect<void>) =>
  Effect.scoped(Effect.gen(function*() {
    const subscribed = yield* Stream.fromPubSub(lines, { scoped: true })
    yield* change
    const isEnd = (found: string) => found.startsWith(read) || found.startsWith(stay)
    const end = yield* Effect.flatten(Stream.runHead(Stream.filter(subscribed, isEnd)))
    yield* holds("the end of the reload", end.startsWith(line), end)
  }))

const signal = Effect.sync(() => void process.kill(process.pid, "SIGHUP"))

const underLoad = (logged: ReturnType<typeof untilLogged>) =>
  Effect.gen(function*() {
    const { another, ca, client, clientOnly } = yield* made
    const { refused, seen, server, url } = yield* startServer
    const files = yield* clientFiles
    const { pool, tls } = yield* makePool({ files, reloads: signals("SIGHUP"), requestsPerConnection: 20 })
    // The first answer arrives after the listener of the signal has been added.
    yield* same("the first request", yield* status(pool, url), 200)
    const { more, statuses, stop } = yield* startLoad(pool, url)

    // 1. The certificate of the client. The server refuses the old one when no connection has it.
    yield* more(100)
    yield* replace(files.cert, clientOnly.cert)
    yield* replace(files.key, clientOnly.key)
    yield* logged(read, signal)
    // A connection that is never idle is replaced after 20 requests, and then drains the others.
    yield* more(500)
    yield* same("who asks", new Set(seen.slice(-100)), new Set(["Test 0a"]))
    refused.add("Test 06")
    yield* more(100)

    // 2. The authority: trust both, replace the server's certificate, trust the new one alone.
    yield* replace(files.ca, `${ca}\n${another.ca}`)
    yield* logged(read, signal)
    yield* more(100)
    server.setSecureContext({ ...another.server, ca })
    yield* pool.closeIdle
    yield* more(100)
    yield* replace(files.ca, another.ca)
    yield* logged(read, signal)
    yield* more(100)
    yield* same("the answers", new Set(statuses), new Set([200]))
    yield* holds("their number", statuses.length >= 550, statuses.length)

    // 3. Half of a change replaces nothing, and no request fails because of it.
    const before = yield* tls
    yield* replace(files.key, client.key)
    yield* logged(stay, signal)
    yield* same("the options after half of a change", yield* tls, before)
    yield* more(50)
    yield* stop
    yield* same("the answers", new Set(statuses), new Set([200]))
    yield* same("retries", (yield* pool.stats).retried, 0)
    yield* same("who asked", new Set(seen), new Set(["Test 06", "Test 0a"]))
  })

const byWatching = (logged: ReturnType<typeof untilLogged>) =>
  Effect.gen(function*() {
    const { clientOnly, server } = yield* made
    const { seen, url } = yield* startServer
    const files = yield* clientFiles
    const { pool } = yield* makePool({ files, reloads: changesOf(files), pins: [pinOf(server.cert)] })
    yield* same("with the pin of the server", yield* status(pool, url), 200)
    yield* logged(
      read,
      Effect.zipRight(replace(files.cert, clientOnly.cert), replace(files.key, clientOnly.key))
    )
    yield* status(pool, url)
    yield* same("who asked", seen, ["Test 06", "Test 0a"])
  })

const refusals = Effect.gen(function*() {
  const { another, client } = yield* made
  const { url } = yield* startServer
  const files = yield* clientFiles
  const reloads = Stream.never
  const { pool: pinned } = yield* makePool({ files, reloads, pins: [pinOf(another.server.cert)] })
  const wrongPin = yield* Effect.flip(status(pinned, url))
  yield* same("another key", "reason" in wrongPin ? wrongPin.reason : wrongPin._tag, "PinMismatch")
  yield* replace(files.ca, another.ca)
  const { pool: distrusting } = yield* makePool({ files, reloads })
  const untrusted = yield* Effect.flip(status(distrusting, url))
  yield* same("another authority", [untrusted._tag, untrusted.context?.processed], ["TlsError", "No"])
  yield* replace(files.cert, another.server.cert)
  const atStart = yield* Effect.flip(makePool({ files, reloads }))
  yield* same("a key of another certificate", atStart._tag, "BadCertificates")
  yield* replace(files.cert, client.cert)
})

export const check = Effect.gen(function*() {
  const lines = yield* PubSub.unbounded<string>()
  const logger = Logger.make(({ message }) => void lines.unsafeOffer(String(message)))
  const logged = untilLogged(lines)
  yield* Effect.scoped(underLoad(logged)).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  yield* Effect.scoped(byWatching(logged)).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  yield* Effect.scoped(refusals)
}).pipe(Effect.provide(NodeTransport.layer))
