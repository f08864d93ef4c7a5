/** The demo as a user runs it: a separate process, judged by its exit status and its output. */
import { it } from "@effect/vitest"
import type { ConnectionEvent } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as http from "node:http"
import * as net from "node:net"
import { afterAll, beforeAll, describe, expect } from "vitest"
import { watch } from "../docs/demo/parts/watch.ts"
import { Report } from "../docs/demo/report.ts"
import { bundled, type Bundles } from "./fixtures/bundled.ts"
import { type Ran, ran } from "./fixtures/ran.ts"

const main = "docs/demo/main.ts"

let bundles: Bundles

const demo = (...args: ReadonlyArray<string>): Promise<Ran> => ran([bundles.of(main), ...args])

/** The demo with all its parts, which runs while the other tests do. */
let running: Promise<Ran>

beforeAll(async () => {
  bundles = await bundled([main])
  running = demo()
})

afterAll(async () => {
  // No test has waited for it if only some were selected.
  await running
  await bundles.remove()
}, 60_000)

const listening = (server: net.Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as net.AddressInfo).port))
  })

const patience = { timeout: 60_000 }

describe("the table of events", () => {
  const event = (_tag: "Send" | "Receive", bytes: number) => ({ _tag, connection: 1, bytes }) as const

  /** What is written while a pool tells of two events. */
  const written = (terminal: boolean) =>
    Effect.gen(function*() {
      const pieces: Array<string> = []
      const report = new Report({ write: (text) => pieces.push(text), terminal, colours: false })
      let tell = (_event: ConnectionEvent.ConnectionEvent): void => {}
      const pool = {
        subscribe: (listener: typeof tell) =>
          Effect.sync(() => {
            tell = listener
          })
      }
      const work = Effect.gen(function*() {
        tell(event("Send", 20))
        yield* TestClock.adjust("50 millis")
        tell(event("Receive", 300))
        yield* TestClock.adjust("50 millis")
      })
      yield* watch(report, pool, work)
      return pieces
    })

  it.effect("is redrawn in place on a terminal while it changes", () =>
    Effect.gen(function*() {
      const pieces = yield* written(true)
      const tables = pieces.map((piece) => piece.split("\n"))
      expect(tables.map((lines) => lines.length)).toEqual([7, 7, 7, 7])
      // Up by the six lines of the one before; each line ends with the erasure of what stood there.
      expect(pieces.map((piece) => piece.startsWith("\x1b[6A\r"))).toEqual([false, true, true, true])
      expect(tables.flatMap((lines) => lines.slice(0, 6)).every((line) => line.endsWith("\x1b[K"))).toBe(true)
      expect(pieces.map((piece) => /Receive +(\d+)/.exec(piece)?.[1])).toEqual(["0", "0", "1", "1"])
      expect(pieces.at(-1)).toMatch(/bytes sent +20 B[^]*bytes received +300 B/)
    }))

  it.effect("is written once, at the end, where there is no terminal", () =>
    Effect.gen(function*() {
      const pieces = yield* written(false)
      expect(pieces).toHaveLength(6)
      expect(pieces.join("")).toMatch(/Send +1 .*\n.*Receive +1 /)
      expect(pieces.join("")).not.toContain("\x1b")
    }))
})

describe("npm run demo -- URL", { concurrent: true }, () => {
  let server: http.Server
  let port: number

  beforeAll(async () => {
    server = http.createServer((request, response) => {
      if (request.url === "/cut") {
        response.writeHead(200, { "Content-Length": 100 })
        response.write("only this", () => response.socket?.end())
      } else {
        response.writeHead(request.url === "/path?query=1" ? 200 : 404, { "X-Answer": "yes\x9b31m" }).end("Hello")
      }
    })
    port = await listening(server)
  })

  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  it("shows head, body size and timings of an answer, and ends with 0", patience, async () => {
    const { output, status } = await demo(`http://127.0.0.1:${port}/path?query=1#fragment`)
    expect(output).toMatch(new RegExp(`^GET http://127\\.0\\.0\\.1:${port}/path\\?query=1$`, "m"))
    expect(output).toMatch(/^ +response +HTTP\/1\.1 200 OK$/m)
    expect(output).toMatch(/^ +body +5 B$/m)
    expect(output).toMatch(/^ +time +connect .* · total [\d.]+ ms$/m)
    // What a server sends cannot steer the terminal.
    expect(output).toContain("X-Answer: yes\\u{9b}31m")
    expect(status).toBe(0)
  })

  it("ends with 0 for an answer that is no success", patience, async () => {
    const { output, status } = await demo(`http://localhost:${port}`)
    expect(output).toMatch(/HTTP\/1\.1 404 Not Found/)
    expect(status).toBe(0)
  })

  it("says that an answer was not whole, and ends with 1", patience, async () => {
    const { output, status } = await demo(`http://127.0.0.1:${port}/cut`)
    expect(output).toMatch(/HTTP\/1\.1 200 OK/)
    expect(output).toMatch(
      /A typed error says why:\n\n +error +IncompleteRead\n +message +The body ended early: 9 of 100/
    )
    expect(status).toBe(1)
  })

  it("says in plain words that nothing listens there, and ends with 1", patience, async () => {
    const unused = net.createServer()
    const free = await listening(unused)
    await new Promise((resolve) => unused.close(resolve))
    const { output, status } = await demo(`http://127.0.0.1:${free}/`)
    expect(output).toMatch(/error +ConnectError\n +message +Could not connect to 127\.0\.0\.1:\d+ \(ECONNREFUSED\)\./)
    expect(output).toMatch(/what to do +Check host and port/)
    expect(status).toBe(1)
  })

  it.each([
    ["http://somebody:secret-password@127.0.0.1:1/", "InvalidUrl"],
    ["http://127.0.0.1:99999/?token=secret-password", "InvalidUrl"],
    ["ftp://somebody:secret-password@127.0.0.1/", "UnsupportedScheme"],
    ["//somebody:secret-password@127.0.0.1", "InvalidUrl"]
  ])("refuses %s as %s, ends with 1, and never shows the password", patience, async (url, tag) => {
    const { output, status } = await demo(url)
    expect(output).toMatch(new RegExp(`error +${tag}\\n +message +The `))
    expect(output).not.toContain("secret")
    expect(status).toBe(1)
  })

  it.each([[["--help"]], [["http://127.0.0.1/", "http://127.0.0.1/"]], [[""]]])(
    "says how it is used for the arguments %j, and ends with 2",
    patience,
    async (args) => {
      const { output, status } = await demo(...args)
      expect(output).toMatch(/^Usage: npm run demo/)
      expect(status).toBe(2)
    }
  )
})

describe("npm run demo", () => {
  let run: Ran

  beforeAll(async () => {
    run = await running
  }, patience.timeout)

  it("finds that everything happened as it was to happen", () => {
    expect(run.output).toMatch(/^All \d+ checks passed, in [\d.]+ s\.$/m)
    expect(run.output).not.toContain("✗")
    expect(run.status).toBe(0)
  })

  it.each([
    [
      "requests with the time of each phase",
      /connect [\d.]+ ms · send [\d.]+ ms · wait [\d.]+ ms · body [\d.]+ ms · total/
    ],
    ["the reuse of a connection", /#2 to 127\.0\.0\.1:\d+, reused, 2 requests served before/],
    ["the calls of http.client", /RequestSent +endHeaders\(\)/],
    [
      "a chunked upload and what the server had",
      /received +3\.5 MB, sha256 [0-9a-f]{16}…\n +Transfer-Encoding chunked · Content-Length none/
    ],
    ["a download with a bar in lines, as this is no terminal", /\] +5\d % {2}\S+ MB · \d+ MB\/s · \S+ kB held\n/u],
    [
      "a URL that leads into the own network, and is refused",
      /as a number +http:\/\/2130706433:\d+\/\n ✓ AddressRefused +The address 127\.0\.0\.1 was refused/
    ],
    ["that nothing was connected to for it", /connections +0 to the server inside\n/],
    [
      "a redirect to the credentials of a machine, which is refused",
      /✓ AddressRefused +The address 169\.254\.169\.254 was/
    ],
    ["a tunnel, and TLS inside of one", /TLS inside +https:\/\/127\.0\.0\.1:\d+\/hello through 127\.0\.0\.1:\d+/]
  ])("shows %s", (_, line) => {
    expect(run.output).toMatch(line)
  })

  it.each([
    "InvalidUrl",
    "InvalidHeaderValue",
    "CannotSendRequest",
    "ConnectError",
    "TlsError",
    "ProxyAuthRequired",
    "ProxyConnectError",
    "HttpTimeout",
    "WriteError",
    "RequestBodyError",
    "BadStatusLine",
    "RemoteDisconnected",
    "IncompleteRead"
  ])("shows %s with its message and its context", (tag) => {
    const message = new RegExp(
      `^ ✓ ${tag} +[A-Z].+\\n(?: {10}.+\\n)*? +phase \\w+ · fault \\w+ · request \\w+ · processed \\w+ · `,
      "m"
    )
    expect(run.output).toMatch(message)
  })

  it("shows a name that cannot be resolved, or a resolver that does not answer", () => {
    expect(run.output).toMatch(/^ ✓ (?:DnsError|HttpTimeout) +[A-Z].+\n(?: {10}.+\n)*? +phase dns · fault Network · /m)
  })

  it.each([
    ["1,000 requests over 10 connections", /requests +1000, of these 99\d on a connection that was used before\n/],
    ["the counts of the pool", /10 opened; now 10 idle · 0 busy · 0 connecting · 0 requests waiting\n/],
    ["how often each event occurred", /^ {3}Connect +10 {3}Release +1000 {3}Reclaim +0$/m],
    ["connections closed by a server, idle", /the server closed +[1-9]\d* connections while they were idle\n/],
    ["and as a request arrived", /^ +[1-9]\d* as a request arrived, instead of a response$/m],
    ["that such requests are retried", /retried +[1-9]\d* requests\n/],
    ["that none of them failed", /failures +0 of 500 requests\n/],
    [
      "the warning of an unread response",
      /logged +WARN: The response to GET http:\/\/127\.0\.0\.1:\d+\/bytes was left unread for 200 ms/
    ],
    ["that it was reclaimed", /reclaimed +1; now 1 idle · 0 busy · 0 connecting · 0 requests waiting\n/],
    ["what its reader receives", /^ ✓ ConnectionClosed +The connection is closed: the response was left unread/m],
    ["the platform's client over one connection", /connections +1 for 3 requests, 2 of them reused\n/]
  ])("shows %s", (_, line) => {
    expect(run.output).toMatch(line)
  })

  it.each([
    ["Transport", "ConnectError"],
    ["Transport", "HttpTimeout"],
    ["Encode", "InvalidHeaderValue"]
  ])("shows the RequestError with the reason %s that is made of %s", (reason, tag) => {
    const shown = new RegExp(
      `^ +RequestError +reason ${reason}\\n {23}${reason}: .+\\n(?: {23}.+\\n)*? ✓ ${tag} +phase \\w+ · fault`,
      "m"
    )
    expect(run.output).toMatch(shown)
  })

  it("shows the table of events once for each pool, as this is no terminal", () => {
    expect(run.output.match(/^ {3}Connect +\d+ {3}Release +\d+ {3}Reclaim +\d+$/gm)).toHaveLength(3)
  })

  it("uses no colours where it does not write to a terminal", () => {
    expect(run.output).not.toContain("\x1b")
  })
})
