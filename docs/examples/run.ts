/**
 * `npm run examples`: runs every example against embedded servers on 127.0.0.1, and checks the
 * results.
 *
 * Exit status 1 if something differs. `test/examples.test.ts` checks that every example is listed
 * here and in the README.
 */
import { HttpBody, HttpRequest } from "effect-http-client"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import type * as http from "node:http"
import * as https from "node:https"
import { tmpdir } from "node:os"
import { extname, join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import { certificates, pinOf } from "../../test/fixtures/certificates.ts"
import { socksServer } from "../../test/fixtures/socksServer.ts"
import { startCareful } from "../demo/servers/careful.ts"
import { startEvents } from "../demo/servers/events.ts"
import { startGuarded } from "../demo/servers/guarded.ts"
import { startHinting } from "../demo/servers/interim.ts"
import { host, listen, raw, unusedPort } from "../demo/servers/listen.ts"
import { startOrigin, startPrivateOrigin, startSecureOrigin } from "../demo/servers/origin.ts"
import { credentials, startProxy } from "../demo/servers/proxy.ts"
import { startLogin, startPages, startRedirecting, startTokens, startUnsteady } from "../demo/servers/turning.ts"
import { attachServer, startWebSocket } from "../demo/servers/upgrading.ts"
import * as basic from "./basic.ts"
import * as bearerToken from "./bearer-token.ts"
import * as cassette from "./cassette.ts"
import * as cookies from "./cookies.ts"
import * as digest from "./digest.ts"
import * as dockerAttach from "./docker-attach.ts"
import * as downloadToFile from "./download-to-file.ts"
import * as earlyHints from "./early-hints.ts"
import * as errorsByTag from "./errors-by-tag.ts"
import * as eventsFromServer from "./events-from-server.ts"
import * as events from "./events.ts"
import * as expectContinue from "./expect-continue.ts"
import * as get from "./get.ts"
import * as head from "./head.ts"
import * as jsonWithSchema from "./json-with-schema.ts"
import * as notFound from "./not-found.ts"
import * as ownTunnel from "./own-tunnel.ts"
import * as pagination from "./pagination.ts"
import * as platformClient from "./platform-client.ts"
import * as poolLease from "./pool-lease.ts"
import * as pool from "./pool.ts"
import * as postForm from "./post-form.ts"
import * as put from "./put.ts"
import * as query from "./query.ts"
import * as readInPieces from "./read-in-pieces.ts"
import * as redirects from "./redirects.ts"
import * as reloadCertificates from "./reload-certificates.ts"
import * as resolver from "./resolver.ts"
import * as retryByContext from "./retry-by-context.ts"
import * as retry from "./retry.ts"
import * as saveAs from "./save-as.ts"
import * as socks from "./socks.ts"
import * as steps from "./steps.ts"
import * as subscription from "./subscription.ts"
import * as timeouts from "./timeouts.ts"
import * as tlsPins from "./tls-pins.ts"
import * as trailers from "./trailers.ts"
import * as tunnel from "./tunnel.ts"
import * as typedFields from "./typed-fields.ts"
import * as underFaults from "./under-faults.ts"
import * as uploadDigest from "./upload-digest.ts"
import * as uploadFile from "./upload-file.ts"
import * as uploadStream from "./upload-stream.ts"
import * as warmPool from "./warm-pool.ts"
import * as webhooks from "./webhooks.ts"
import * as websocket from "./websocket.ts"
import * as whoFailed from "./who-failed.ts"

let failed = 0

/** Runs an example. Its result may have more properties than an object in `expected`. */
const example = <A, E>(name: string, program: Effect.Effect<A, E>, expected: unknown) =>
  Effect.map(Effect.exit(program), (exit) => {
    const same = Exit.isSuccess(exit) && matches(exit.value, expected)
    if (!same) failed++
    console.log(`${same ? "ok    " : "FAILED"} ${name}`)
    if (!same) console.log(Exit.isSuccess(exit) ? { found: exit.value, expected } : Cause.pretty(exit.cause))
  })

const matches = (found: unknown, expected: unknown): boolean =>
  typeof expected === "object" && expected !== null && !Array.isArray(expected)
    ? typeof found === "object" && found !== null
      && Object.entries(expected).every(([key, value]) => matches((found as Record<string, unknown>)[key], value))
    : isDeepStrictEqual(found, expected)

const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "examples-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/**
 * Runs a program that starts its own server, as a user does: the file beside this one with the
 * same extension. Returns its output, in which all ports are the same.
 */
const printed = (name: string) =>
  Effect.async<string, Error>((resume) => {
    const file = join(import.meta.dirname, `${name}${extname(import.meta.filename)}`)
    execFile(process.execPath, [...process.execArgv, file], (error, stdout, stderr) =>
      resume(error === null ? Effect.succeed(samePort(stdout + stderr)) : Effect.fail(error)))
  })

const samePort = (text: string): string => text.replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:80")

/** The output that the quick start promises. */
const promised = Effect.promise(async () => {
  const page = await readFile(join(import.meta.dirname, "../quick-start.md"), "utf8")
  return samePort(/^```text\n(.*?)^```$/ms.exec(page)?.[1] ?? "")
})

const all = Effect.gen(function*() {
  const { another, ca, client, server } = yield* Effect.promise(certificates)
  const port = yield* startOrigin
  const securePort = yield* startSecureOrigin(server)
  const proxyPort = yield* startProxy
  const socksPort = yield* listen(socksServer({ credentials: { username: "demo", password: "sesame" } }).server)
  const cutting = yield* raw((socket) => {
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"))
  })
  const gateway = yield* raw((socket) => {
    const report = "Proxy-Status: gate.example; error=connection_refused; next-hop=\"10.0.0.1\""
    socket.once("data", () => socket.end(`HTTP/1.1 502 Bad Gateway\r\n${report}\r\nContent-Length: 0\r\n\r\n`))
  })
  const here = yield* directory
  const report = join(here, "report.txt")
  yield* Effect.promise(() => writeFile(report, "***filecontents***"))

  yield* example("quick-start", printed("quick-start"), yield* promised)
  yield* example("get", get.program(host, port), {
    status: 200,
    reason: "OK",
    text: "This is a server for demonstrations.\n"
  })
  yield* example("cassette", cassette.program(host, port, join(here, "cassette.json")), {
    recorded: "Hello, world!\n",
    played: "Hello, world!\n",
    urls: [`http://${host}:${port}/hello?token=redacted`]
  })
  yield* example("not-found", Effect.map(Effect.either(notFound.program(host, port)), Either.flip), {
    right: { _tag: "NoSuchPage", url: `http://${host}:${port}/parrot.spam`, reason: "Not Found" }
  })
  yield* example("head", head.program(host, port), { status: 200, announced: "37", received: 0 })
  yield* example("post-form", postForm.program(host, port), { status: 302, location: "/issues/12524" })
  yield* example("put", put.program(host, port), { status: 201, reason: "Created" })
  yield* example("read-in-pieces", readInPieces.program(host, port), { exact: [200, 200, 100], sum: 300_000 })
  yield* example("steps", steps.program(host, port), {
    transferEncoding: "chunked",
    bytes: 22,
    contentType: "text/plain"
  })
  const proxyUrl = `socks5h://demo:sesame@${host}:${socksPort}`
  yield* example(
    "socks",
    socks.program(proxyUrl, `http://${host}:${port}/hello`),
    `200 through socks5h://${host}:${socksPort}`
  )
  yield* example(
    "tunnel",
    Effect.map(
      tunnel.program({
        proxy: { host, port: proxyPort, authorization: credentials },
        target: { host, port: securePort },
        ca
      }),
      ({ proxy, status, url }) => ({ status, url, via: Option.isSome(proxy) })
    ),
    { status: 200, url: `https://${host}:${securePort}/hello`, via: true }
  )
  const tunnelling = { proxy: { host, port: proxyPort }, target: `${host}:${port}` }
  yield* example(
    "own-tunnel",
    Effect.all([
      ownTunnel.program({ ...tunnelling, headers: { "Proxy-Authorization": credentials } }),
      ownTunnel.program({ ...tunnelling, headers: {} })
    ]),
    ["Hello, world!\n", "refused with 407: Who are you?"]
  )
  yield* example("who-failed", whoFailed.program(host, gateway), "gate.example: connection_refused of 10.0.0.1")
  const privateUrl = `https://${host}:${yield* startPrivateOrigin(server, ca)}/`
  const askPrivately = (pin: string) => tlsPins.program(privateUrl, { ca, client, pins: [pin] })
  yield* example("tls-pins", Effect.all([askPrivately(pinOf(server.cert)), askPrivately(pinOf(client.cert))]), [
    "Hello, Test 06!",
    `another key: ${pinOf(server.cert)}`
  ])
  yield* example("upload-stream", uploadStream.program(host, port), { transferEncoding: "chunked", bytes: 88_894 })
  yield* example("upload-digest", uploadDigest.program(host, port), {
    bytes: 88_894,
    contentDigest: "sha-256=:9k2wZ4mJx8MhWEf33FfeZH1eOt0D//ZQ6YXvE09WZLY=:"
  })
  yield* example("upload-file", uploadFile.program(host, port, report), {
    method: "PUT",
    contentLength: "18",
    bytes: 18
  })
  yield* example("download-to-file", downloadToFile.program(host, port, join(here, "download")), {
    bytes: 20_000_000,
    resumedFrom: 0,
    reported: 20_000_000
  })
  yield* example("json-with-schema", jsonWithSchema.program(host, port), {
    method: "POST",
    contentType: "application/json",
    bytes: 24
  })
  yield* example("timeouts", timeouts.program(host, port), { kind: "timed out: head", text: "Hello, world!\n" })
  const refused = yield* unusedPort
  yield* example(
    "errors-by-tag",
    Effect.all([
      errorsByTag.program(host, port, "/hello"),
      errorsByTag.program(host, port, "/a b"),
      errorsByTag.program(host, refused, "/"),
      errorsByTag.program(host, port, "/stall"),
      errorsByTag.program(host, cutting, "/")
    ]),
    [
      "Hello, world!\n",
      "mend the target",
      "the server is not there: Refused",
      "too slow: head took more than 200 ms",
      "cut short: 4 of 10 bytes"
    ]
  )
  const hinting = yield* startHinting
  yield* example("early-hints", earlyHints.program(host, hinting), ["p { color: green }", "<p>a page</p>"])
  yield* example("query", query.program(host, hinting), {
    allow: "GET, OPTIONS, QUERY",
    found: { asked: { name: "ann" } }
  })
  const careful = yield* startCareful
  yield* example("expect-continue", expectContinue.program(host, careful), {
    taken: "10 bytes",
    refused: 413,
    read: 10
  })
  yield* example("trailers", trailers.program(host, careful), { bytes: 14, isIntact: true })
  yield* example("typed-fields", typedFields.program(host, careful), {
    modified: 1994,
    wait: Option.some(120),
    urgency: { _tag: "Integer", value: 2 }
  })
  yield* example("pool", pool.program(host, port), { answers: 100, opened: 10, idle: 10, busy: 0 })
  yield* example("pagination", pagination.program(`http://${host}:${yield* startPages}/items`), [
    "item 1",
    "item 2",
    "item 3",
    "item 4",
    "item 5"
  ])
  const naming = yield* raw((socket) => {
    const name = "Content-Disposition: attachment; filename=\"../rates\"; filename*=UTF-8''..%2F%e2%82%ac%20rates.csv"
    socket.once("data", () => socket.end(`HTTP/1.1 200 OK\r\n${name}\r\nContent-Length: 4\r\n\r\n1,08`))
  })
  yield* example("save-as", saveAs.program(`http://${host}:${naming}/export`, here), {
    name: "€ rates.csv",
    text: "1,08"
  })
  yield* example("resolver", resolver.program(host, port), { shared: 1, text: "Hello, world!\n", stale: true })
  yield* example("under-faults", underFaults.program(`http://${host}:${port}/hello`, 1), {
    answered: 40,
    pages: ["Hello, world!\n"],
    wasDisturbed: true,
    open: 0
  })
  yield* example("warm-pool", warmPool.program(host, port), { text: "Hello, world!\n", served: 1 })
  yield* example("pool-lease", poolLease.program(host, port), { same: true, served: 1, opened: 1, idle: 1, busy: 0 })
  yield* example("platform-client", platformClient.program(host, port), {
    received: { contentType: "application/json", bytes: 15 },
    why: "Transport: HttpTimeout, processed: Unknown"
  })
  const redirecting = yield* startRedirecting
  yield* example("redirects", redirects.program(host, redirecting), {
    text: "GET /archive/7, without credentials\n",
    history: ["POST 303", "GET 307"],
    round: "RedirectLoop"
  })
  yield* example("cookies", cookies.program(host, yield* startLogin), {
    text: "/account with session=1\n",
    cookies: 1,
    elsewhere: false
  })
  yield* example("bearer-token", bearerToken.program(host, yield* startTokens), { statuses: [200], acquired: 2 })
  const guarded = yield* startGuarded
  yield* example("basic", basic.program(host, guarded, yield* startGuarded), { text: "hello, ann\n", elsewhere: 401 })
  yield* example("digest", digest.program(host, guarded), {
    schemes: ["digest"],
    texts: ["asked 2\n", "asked 2\n", "asked 2\n"]
  })
  yield* example(
    "webhooks",
    webhooks.program([host], [
      `http://${host}:${port}/upload`,
      `http://[::ffff:${host}]:${port}/upload`,
      `http://127.0.0.2:${port}/upload`,
      "http://169.254.169.254/latest/meta-data/",
      "http://0xa9fea9fe/latest/meta-data/"
    ]),
    ["delivered: 200", ...Array.from({ length: 4 }, () => "refused: this URL cannot be used")]
  )
  const unsteady = `http://${host}:${yield* startUnsteady}`
  const body = HttpBody.stream(Stream.make(new Uint8Array(100)))
  yield* example(
    "retry-by-context",
    Effect.all([
      retryByContext.program(HttpRequest.get(`${unsteady}/`)),
      retryByContext.program(HttpRequest.post(`${unsteady}/`)),
      retryByContext.program(HttpRequest.put(`${unsteady}/`, { body })),
      retryByContext.program(HttpRequest.post(`http://${host}:${yield* unusedPort}/`))
    ]),
    [
      "GET /, for the 2. time\n",
      "RemoteDisconnected, processed: Unknown, replayable",
      "RemoteDisconnected, processed: Unknown, not replayable",
      "ConnectError, processed: No, replayable"
    ]
  )
  yield* example("retry", retry.program(unsteady), {
    get: "GET /get, for the 2. time\n",
    post: "StaleConnection",
    keyed: "POST /keyed, for the 2. time\n"
  })
  const replaced = https.createServer(server, (_request, response) => response.end("hello"))
  const replacedPort = yield* listen(replaced)
  yield* Effect.promise(() => writeFile(join(here, "ca.pem"), ca))
  yield* example(
    "reload-certificates",
    reloadCertificates.program(
      `https://${host}:${replacedPort}/`,
      { ca: join(here, "ca.pem") },
      Effect.promise(async () => {
        await writeFile(join(here, "ca.pem"), another.ca)
        replaced.setSecureContext(another.server)
        process.kill(process.pid, "SIGHUP")
      })
    ),
    { before: 200, after: [200] }
  )
  yield* example("websocket", websocket.program(`http://${host}:${yield* startWebSocket}/`), {
    answer: "hello",
    code: 1000
  })
  const socketPath = join(here, "docker.sock")
  yield* Effect.acquireRelease(
    Effect.async<http.Server>((resume) => {
      const attached = attachServer().listen(socketPath, () => resume(Effect.succeed(attached)))
    }),
    (attached) => Effect.sync(() => attached.close())
  )
  yield* example(
    "docker-attach",
    dockerAttach.program(socketPath, "box", Stream.make(Buffer.from("one\ntw"), Buffer.from("o\n"))),
    [{ stream: 1, text: "ONE" }, { stream: 1, text: "TWO" }, { stream: 2, text: "2 lines" }]
  )
  const eventsUrl = `http://${host}:${yield* startEvents}/`
  yield* example("events-from-server", eventsFromServer.program(eventsUrl), { text: "Hello!", idle: 1 })
  yield* example("subscription", subscription.program(eventsUrl), {
    prices: [100, 101, 99, 103, 102],
    breaks: ["after 2: IncompleteRead", "after 4: IncompleteRead", "after 5: IncompleteRead"]
  })
  yield* example("events", events.program(host, port), {
    counts: { Connect: 1, Connected: 1, Acquire: 3, Release: 3, RequestEnd: 3, Close: 1 },
    closed: [{ reason: "Closed", requestsServed: 3 }]
  })
})

await Effect.runPromise(Effect.scoped(all))
if (failed > 0) {
  console.log(`${failed} failed`)
  process.exitCode = 1
}
