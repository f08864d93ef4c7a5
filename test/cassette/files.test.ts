/** The files of cassettes: what is written can be read, by people too; what is broken says where; and the layers that use them. */
import { describe, expect, it } from "@effect/vitest"
import { Cassette, ConnectionPool, HttpRequest, TestTransport, Transport } from "effect-http-client"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { afterEach, beforeEach } from "vitest"
import { fromJson, toJson } from "../../src/internal/cassette/json.ts"
import type { Event } from "../../src/internal/cassette/model.ts"
import { connection, discardUntil, eof, refuse, reply } from "../../src/TestTransport.ts"

const folder = Effect.acquireRelease(
  Effect.promise(() => fs.mkdtemp(path.join(os.tmpdir(), "cassettes-"))),
  (made) => Effect.promise(() => fs.rm(made, { recursive: true, force: true }))
)

const bytes = (from: "Client" | "Server", text: string): Event => ({
  _tag: "Bytes",
  at: 1,
  from,
  bytes: new Uint8Array(Buffer.from(text, "latin1"))
})

const info = (tls: boolean): Transport.DuplexInfo => ({
  localAddress: "127.0.0.1",
  localPort: 50_000,
  remoteAddress: "127.0.0.2",
  remotePort: 80,
  tls: tls ? { version: "TLSv1.3", cipher: "X", alpn: undefined, verified: true, resumed: false } : undefined,
  timings: { dns: 1.5, connect: 2, tls: tls ? 3 : undefined }
})

const endpoint = { host: "a.test", port: 80, socketPath: undefined, tls: false }

const full: Cassette.Cassette = {
  version: 1,
  recordedAt: Date.UTC(2026, 10, 29),
  connections: [
    { endpoint, at: 0, opening: { _tag: "Unfinished" }, events: [] },
    {
      endpoint: { ...endpoint, socketPath: "/run/a.sock" },
      at: 1,
      opening: {
        _tag: "Refused",
        at: 2,
        refusal: {
          error: "ConnectError",
          fields: {
            reason: "Refused",
            code: "ECONNREFUSED",
            target: "/run/a.sock",
            attempts: [{ address: "a", code: "X" }]
          }
        }
      },
      events: []
    },
    {
      endpoint,
      at: 3,
      opening: { _tag: "Opened", at: 5, info: info(false) },
      events: [
        bytes("Client", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"),
        bytes("Server", "HTTP/1.1 200 OK\r\n"),
        bytes("Server", "\r\n"),
        { _tag: "Secure", at: 2, serverName: "a", result: { _tag: "Opened", at: 5, info: info(true) } },
        bytes("Server", "caf\xc3\xa9 \"quoted\" \\ \n tail"),
        // The first byte of a character, and bytes that are no text.
        bytes("Server", "\xc3"),
        bytes("Server", "\x00\x01\xff"),
        { _tag: "End", at: 9, from: "Server", proven: true },
        { _tag: "End", at: 9, from: "Client", proven: undefined },
        { _tag: "Fault", at: 9, code: "ECONNRESET" },
        { _tag: "Close", at: 9 }
      ]
    }
  ]
}

const plainBytes = (cassette: Cassette.Cassette): unknown =>
  JSON.parse(
    JSON.stringify(cassette, (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value)
  )

describe("the format", () => {
  it.effect("holds everything, and is the same when it is written again", () =>
    Effect.gen(function*() {
      const text = toJson(full)
      const read = yield* fromJson(text, "a.json")
      expect(plainBytes(read)).toEqual(plainBytes(full))
      expect(toJson(read)).toBe(text)
    }))

  it("shows text by its lines, and other bytes as base64", () => {
    const { connections } = JSON.parse(toJson(full)) as {
      readonly connections: ReadonlyArray<{ readonly events: ReadonlyArray<unknown> }>
    }
    expect(connections[2]?.events.slice(0, 2)).toEqual([
      { at: 1, from: "Client", text: ["CONNECT a:1 HTTP/1.1\r\n", "Host: a\r\n", "\r\n"] },
      { at: 1, from: "Server", text: "HTTP/1.1 200 OK\r\n" }
    ])
    expect(connections[2]?.events.slice(4, 7)).toEqual([
      { at: 1, from: "Server", text: ["café \"quoted\" \\ \n", " tail"] },
      { at: 1, from: "Server", base64: "ww==" },
      { at: 1, from: "Server", base64: "AAH/" }
    ])
  })

  const valid = toJson(full)
  const broken: ReadonlyArray<
    readonly [name: string, text: string, reason: string, position: string | undefined, says: RegExp]
  > = [
    [
      "no JSON",
      valid.slice(0, 500),
      "Malformed",
      undefined,
      /The cassette a\.json: It is not JSON, perhaps because it was cut/
    ],
    ["another document", "{\"log\":{}}", "Malformed", "version", /Record it again/],
    ["no record", "[]", "Malformed", undefined, /Record it again/],
    [
      "a newer version",
      valid.replace("\"version\": 1", "\"version\": 2"),
      "NewerVersion",
      "version",
      /version 2 .* reads version 1/
    ],
    ["a wrong time", valid.replace(/("at": )9/, "$1\"9\""), "Malformed", "connections[2].events[7].at", /number/],
    ["a wrong date", valid.replace("2026-11-29", "2026-13-29"), "Malformed", "recordedAt", /Date/],
    ["wrong base64", valid.replace("AAH/", "A!"), "Malformed", "connections[2].events[6].base64", /Record it again/],
    [
      "an unknown error",
      valid.replace("\"ConnectError\"", "\"Oops\""),
      "Malformed",
      "connections[1].opening.error",
      /Oops/
    ]
  ]
  for (const [name, text, reason, position, says] of broken) {
    it.effect(`says what is wrong: ${name}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(fromJson(text, "a.json"))
        expect(error).toMatchObject({ _tag: "CassetteError", reason, position, file: "a.json" })
        expect(error.message).toMatch(says)
      }))
  }
})

describe("files", () => {
  it.scoped("are written in one step, in a folder that need not exist", () =>
    Effect.gen(function*() {
      const file = path.join(yield* folder, "deep/er/a.json")
      yield* Cassette.write(file, full)
      yield* Cassette.write(file, full)
      expect(yield* Effect.promise(() => fs.readdir(path.dirname(file)))).toEqual(["a.json"])
      expect(plainBytes(yield* Cassette.read(file))).toEqual(plainBytes(full))
    }))

  it.scoped("that are missing, or cannot be read or written, say so", () =>
    Effect.gen(function*() {
      const here = yield* folder
      const missing = yield* Effect.flip(Cassette.read(path.join(here, "a.json")))
      expect(missing).toMatchObject({ reason: "NotFound" })
      expect(missing.message).toMatch(/Record it: run the program once with a server/)
      for (const junk of [undefined, 1, "", {}]) {
        expect(yield* Effect.flip(Cassette.read(junk as string))).toMatchObject({ reason: "NotReadable" })
        expect(yield* Effect.flip(Cassette.write(junk as string, full))).toMatchObject({ reason: "NotWritable" })
      }
      expect(yield* Effect.flip(Cassette.read(here))).toMatchObject({ reason: "NotReadable" })
      expect(yield* Effect.flip(Cassette.write(here, full))).toMatchObject({ reason: "NotWritable" })
      expect(yield* Effect.promise(() => fs.readdir(path.dirname(here)))).not.toContainEqual(
        expect.stringMatching(/\.tmp$/)
      )
    }))
})

describe("layers", () => {
  const ok = reply("HTTP/1.1 204 No Content\r\n\r\n")
  const live = (...script: TestTransport.Script) => Layer.scoped(Transport.Transport, TestTransport.make(script))
  const server = live(connection(discardUntil("\r\n\r\n"), ok, eof))
  const noServer = live(refuse())
  const ask = (url: string) =>
    Effect.flatMap(
      ConnectionPool.make({ shutdownGrace: 0, connectRetryTime: 0 }),
      (pool) => pool.execute(HttpRequest.get(url))
    )
      .pipe(Effect.map(({ status }) => status), Effect.scoped)
  const through = <E>(
    layer: Layer.Layer<Transport.Transport, E, Transport.Transport>,
    below: Layer.Layer<Transport.Transport>
  ) => Layer.provide(layer, below)
  let ci: string | undefined
  beforeEach(() => {
    ci = process.env["CI"]
    delete process.env["CI"]
  })
  afterEach(() => {
    if (ci !== undefined) process.env["CI"] = ci
    else delete process.env["CI"]
  })

  it.scoped("auto records once, and plays afterwards", () =>
    Effect.gen(function*() {
      const file = path.join(yield* folder, "a.json")
      const layer = Cassette.layer(file, { times: false })
      expect(yield* Effect.provide(ask("http://a.test/"), through(layer, server))).toBe(204)
      const text = yield* Effect.promise(() => fs.readFile(file, "utf8"))
      expect(yield* Effect.provide(ask("http://a.test/"), through(layer, noServer))).toBe(204)
      expect(yield* Effect.promise(() => fs.readFile(file, "utf8"))).toBe(text)
    }))

  it.scoped("auto keeps no recording of a program that failed, and `record` keeps it", () =>
    Effect.gen(function*() {
      const here = yield* folder
      const failing = Effect.zipRight(ask("http://a.test/"), Effect.fail("no"))
      yield* Effect.exit(Effect.provide(failing, through(Cassette.layer(path.join(here, "a.json")), server)))
      expect(yield* Effect.promise(() => fs.readdir(here))).toEqual([])
      yield* Effect.exit(
        Effect.provide(failing, through(Cassette.layer(path.join(here, "b.json"), { mode: "record" }), server))
      )
      yield* Effect.exit(Effect.provide(failing, through(Cassette.layerRecord(path.join(here, "c.json")), server)))
      expect(yield* Effect.promise(() => fs.readdir(here))).toEqual(["b.json", "c.json"])
    }))

  it.scoped("in CI nothing is recorded by accident: a missing file is an error that says how to record", () =>
    Effect.gen(function*() {
      const file = path.join(yield* folder, "a.json")
      process.env["CI"] = "true"
      const error = yield* Effect.flip(Effect.provide(ask("http://a.test/"), through(Cassette.layer(file), server)))
      expect(error).toMatchObject({ _tag: "CassetteError", reason: "NotFound", file })
      process.env["CI"] = "false"
      expect(yield* Effect.provide(ask("http://a.test/"), through(Cassette.layer(file), server))).toBe(204)
      process.env["CI"] = "1"
      const replay = Cassette.layer(file, { times: false })
      expect(yield* Effect.provide(ask("http://a.test/"), through(replay, noServer))).toBe(204)
    }))

  it.scoped("`replay` needs the file, and `record` replaces it", () =>
    Effect.gen(function*() {
      const file = path.join(yield* folder, "a.json")
      const replay = Cassette.layer(file, { mode: "replay", times: false })
      expect(yield* Effect.flip(Effect.provide(ask("http://a.test/"), through(replay, server)))).toMatchObject({
        reason: "NotFound"
      })
      yield* Cassette.write(file, { version: 1, recordedAt: 0, connections: [] })
      yield* Effect.provide(ask("http://a.test/"), through(Cassette.layer(file, { mode: "record" }), server))
      expect((yield* Cassette.read(file)).connections.length).toBe(1)
    }))

  it.scoped("a layer that plays dies at its end if the program differed", () =>
    Effect.gen(function*() {
      const file = path.join(yield* folder, "a.json")
      yield* Effect.provide(ask("http://a.test/"), through(Cassette.layerRecord(file), server))
      const exit = yield* Effect.exit(
        Effect.provide(Effect.ignore(ask("http://a.test/b")), Cassette.layerPlay(file, { times: false }))
      )
      const defect = Exit.isFailure(exit) ? [...Cause.defects(exit.cause)][0] : undefined
      expect(defect).toBeInstanceOf(Cassette.CassetteMismatch)
      yield* Effect.provide(ask("http://a.test/"), Cassette.layerPlay(file, { times: false }))
    }))

  it.scoped("a wrong option fails in every mode, before anything is opened", () =>
    Effect.gen(function*() {
      const file = path.join(yield* folder, "a.json")
      for (const options of [{ mode: "once" }, { maxBytes: -1 }, { match: 1 }, { redact: [] }]) {
        const error = yield* Effect.flip(
          Effect.provide(ask("http://a.test/"), through(Cassette.layer(file, options as Cassette.Options), server))
        )
        expect(error._tag).toBe("InvalidOption")
      }
      expect(yield* Effect.promise(() => fs.readdir(path.dirname(file)))).toEqual([])
    }))
})
