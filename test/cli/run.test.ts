/** Runs of the command line over scripted servers: what is sent, what is printed, and the exit code. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as TestTransport from "../../src/TestTransport.ts"
import { Transport } from "../../src/Transport.ts"
import { cli, type Ran, type Surroundings } from "./kit.ts"

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello"

/** Runs it against one connection for each list of steps; they must all be played. */
const against = (
  script: TestTransport.Script,
  args: ReadonlyArray<string>,
  around?: Surroundings
): Effect.Effect<Ran & { readonly written: string }> =>
  Effect.scoped(Effect.gen(function*() {
    const transport = yield* TestTransport.make(script)
    const ran = yield* Effect.provideService(cli(args, around), Transport, transport)
    yield* Effect.orDie(transport.verify)
    assert.strictEqual(transport.openCount, 0)
    return { ...ran, written: script.length === 0 ? "" : transport.written(0) }
  }))

const serve = (...steps: ReadonlyArray<TestTransport.Step>) => [TestTransport.connection(...steps)]
const request = (head: string, body = "") =>
  TestTransport.expect(`${head.trim().split(/\n */).join("\r\n")}\r\n\r\n${body}`)
const get = request(`GET /p HTTP/1.1
  Host: a.test
  Accept: */*`)

const directory = fs.mkdtempSync(path.join(os.tmpdir(), "cli-"))
const file = (name: string, content?: string): string => {
  const at = path.join(directory, name)
  if (content !== undefined) fs.writeFileSync(at, content)
  return at
}

describe("a request", () => {
  it.live("prints the body, and nothing else", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* against(serve(get, TestTransport.reply(ok)), ["a.test/p"])
      assert.deepStrictEqual([code, stdout, stderr], [0, "hello", ""])
    }))

  it.live("prints the head with --include, in which nothing can control a terminal", () =>
    Effect.gen(function*() {
      const { stdout } = yield* against(
        serve(get, TestTransport.reply(ok.replace("b\r\n", "\u009b2J\r\n"))),
        ["-i", "a.test/p"]
      )
      assert.strictEqual(stdout, "HTTP/1.1 200 OK\nContent-Length: 5\nX-A: \\u{9b}2J\n\nhello")
    }))

  it.live("is HEAD with --head", () =>
    Effect.gen(function*() {
      const { stdout } = yield* against(
        serve(request("HEAD /p HTTP/1.1\nHost: a.test\nAccept: */*"), TestTransport.reply(ok.replace("hello", ""))),
        ["-I", "a.test/p"]
      )
      assert.strictEqual(stdout, "HTTP/1.1 200 OK\nContent-Length: 5\nX-A: b\n\n")
    }))

  const bodies: ReadonlyArray<readonly [what: string, args: ReadonlyArray<string>, fields: string, body: string]> = [
    ["text", ["-d", "a=b"], "Content-Length: 3", "a=b"],
    ["no text", ["-d", ""], "Content-Length: 0", ""],
    ["JSON", ["--json", "{\"a\":1}"], "Content-Length: 7\nContent-Type: application/json", "{\"a\":1}"],
    ["a file", ["-d", `@${file("body", "of a file")}`], "Content-Length: 9", "of a file"],
    ["standard input", ["-d", "@-"], "Transfer-Encoding: chunked", "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"]
  ]
  for (const [what, args, fields, body] of bodies) {
    it.live(`is POST with a body: ${what}`, () =>
      Effect.gen(function*() {
        const { code, written } = yield* against(
          serve(TestTransport.discardUntil(`\r\n\r\n${body}`), TestTransport.reply(ok)),
          [...args, "a.test/p"],
          { stdin: ["one", "two"] }
        )
        assert.strictEqual(code, 0)
        assert.isTrue(written.startsWith("POST /p HTTP/1.1\r\n"), written)
        for (const field of fields.split("\n")) assert.include(written, `${field}\r\n`)
        assert.isTrue(written.endsWith(`\r\n\r\n${body}`), written)
      }))
  }

  it.live("has the fields and credentials that are given, and its own method", () =>
    Effect.gen(function*() {
      const { written } = yield* against(
        serve(TestTransport.discardUntil("\r\n\r\n"), TestTransport.reply(ok)),
        ["-X", "PURGE", "-H", "accept: text/html", "-H", "X: 1", "-u", "ann:pässword", "a.test/p"]
      )
      assert.strictEqual(
        written,
        "PURGE /p HTTP/1.1\r\nHost: a.test\r\naccept: text/html\r\nX: 1\r\nAuthorization: Basic YW5uOnDDpHNzd29yZA==\r\n\r\n"
      )
    }))
})

describe("a response", () => {
  it.live("goes to a file with --output, whole", () =>
    Effect.gen(function*() {
      const at = file("out")
      const { code, stderr, stdout } = yield* against(
        serve(get, TestTransport.reply(ok, { split: "bytes" })),
        ["-o", at, "a.test/p"]
      )
      assert.deepStrictEqual([code, stdout, stderr, fs.readFileSync(at, "utf8")], [0, "", "", "hello"])
    }))

  it.live("shows its progress on a terminal, and clears it", () =>
    Effect.gen(function*() {
      const { stderr } = yield* against(serve(get, TestTransport.reply(ok)), ["-o", file("out"), "a.test/p"], {
        columns: 80
      })
      assert.match(stderr.replaceAll("\x1b", "␛"), /^\r100 % █+ 5 B of 5 B, [\d.]+ k?B\/s␛\[K\r␛\[K$/)
    }))

  it.live("ends with a line feed on a terminal, and is unchanged in a pipe", () =>
    Effect.gen(function*() {
      const { stdout } = yield* against(serve(get, TestTransport.reply(ok)), ["a.test/p"], { columns: 80 })
      assert.strictEqual(stdout, "hello\n")
    }))

  it.live("that is binary is not written to a terminal, unless asked for", () =>
    Effect.gen(function*() {
      const wire = ok.replace("hello", "a\0b\0c")
      const refused = yield* against(serve(get, TestTransport.reply(wire)), ["a.test/p"], { columns: 80 })
      assert.deepStrictEqual([refused.code, refused.stdout], [23, ""])
      assert.include(refused.stderr, "Could not write a binary body to the terminal: use --output FILE")
      const forced = yield* against(serve(get, TestTransport.reply(wire)), ["-o", "-", "a.test/p"], { columns: 80 })
      assert.deepStrictEqual([forced.code, forced.stdout], [0, "a\0b\0c\n"])
    }))

  it.live("of a status of 400 or above is a failure with --fail only", () =>
    Effect.gen(function*() {
      const wire = ok.replace("200 OK", "404 Not Found")
      const shown = yield* against(serve(get, TestTransport.reply(wire)), ["a.test/p"])
      assert.deepStrictEqual([shown.code, shown.stdout], [0, "hello"])
      const failed = yield* against(serve(get, TestTransport.reply(wire)), ["-f", "a.test/p"])
      assert.deepStrictEqual([failed.code, failed.stdout, failed.stderr], [
        22,
        "",
        "The server answered 404 Not Found.\n"
      ])
    }))

  it.live("whose reader has ended is exit code 23, and its connection is closed", () =>
    Effect.gen(function*() {
      const error = new Error("write EPIPE")
      const { code, stderr } = yield* against(
        serve(get, TestTransport.reply("HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\nhello"), TestTransport.stall),
        ["a.test/p"],
        { broken: { after: 0, error } }
      )
      assert.deepStrictEqual([code, stderr], [23, "FileFailure: Could not write standard output: write EPIPE\n"])
    }))

  it.live("has its times below each other with --timings, on standard error", () =>
    Effect.gen(function*() {
      const { stderr, stdout } = yield* against(serve(get, TestTransport.reply(ok)), ["--timings", "a.test/p"])
      assert.strictEqual(stdout, "hello")
      assert.match(stderr, /^connect +\S+ ms.*\nsend +\S+ ms.*\nwait +\S+ ms.*\nbody +\S+ ms.*\ntotal +\S+ ms\n$/)
    }))

  it.live("has the events of its connection with --trace, as they happen", () =>
    Effect.gen(function*() {
      const { stderr } = yield* against(serve(get, TestTransport.reply(ok)), ["-v", "a.test/p"])
      assert.deepStrictEqual(
        stderr.trimEnd().split("\n").map((line) =>
          line.replace(/^\+ *[\d.]+ m?s {2}/, "").replace(/#\d+/, "#1").replace(/[\d.]+ ms/, "T")
        ),
        [
          "waiting for a connection",
          "connecting to a.test:80",
          "#1 connected for http://a.test:80",
          "#1 acquired, new",
          "waited T: Connection",
          "#1 sent 46 B",
          "#1 received 51 B",
          "#1 GET ended after T: status 200",
          "#1 released",
          "#1 closed after T and 1 request: Shutdown"
        ]
      )
    }))
})

describe("an interim response", () => {
  it.live("is shown with --trace as it arrives, with its links", () =>
    Effect.gen(function*() {
      const { code, stderr } = yield* against(
        serve(
          get,
          TestTransport.reply("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"),
          TestTransport.reply(ok)
        ),
        ["-v", "a.test/p"]
      )
      assert.strictEqual(code, 0)
      assert.match(stderr, /ms {2}103 Early Hints · Link: <\/a\.css>; rel=preload\n/)
    }))
})

describe("a failure", () => {
  const cases: ReadonlyArray<
    readonly [what: string, code: number, script: TestTransport.Script, args: ReadonlyArray<string>, words: string]
  > = [
    ["arguments", 2, [], ["--nope"], "effect-http-client: Unknown option '--nope'"],
    ["a field that is none", 2, [], ["-H", "a b: 1", "a.test"], "InvalidHeaderName: "],
    ["a scheme", 1, [], ["ftp://a.test"], "UnsupportedScheme: "],
    ["a URL", 3, [], ["http://a test/"], "InvalidUrl: "],
    ["a proxy", 3, [], ["-x", "http://p:0", "a.test"], "InvalidUrl: "],
    [
      "a file that is missing",
      26,
      [],
      ["-d", "@/nowhere/file", "a.test"],
      "FileFailure: Could not read /nowhere/file: ENOENT"
    ],
    [
      "an authority that is missing",
      26,
      [],
      ["--ca", "/nowhere/ca", "a.test"],
      "FileFailure: Could not read /nowhere/ca: ENOENT"
    ],
    ["no connection", 7, [TestTransport.refuse()], ["a.test/p"], "ConnectError: Could not connect to a.test:80"],
    ["a connection that closes", 52, serve(get, TestTransport.eof), ["a.test/p"], "RemoteDisconnected: "],
    ["no HTTP", 8, serve(get, TestTransport.reply("SSH-2.0\r\n")), ["a.test/p"], "BadStatusLine: "],
    [
      "a body that is cut short",
      18,
      serve(get, TestTransport.reply(ok.slice(0, -1)), TestTransport.eof),
      ["a.test/p"],
      "IncompleteRead: "
    ],
    ["a time that is over", 28, serve(get, TestTransport.stall), ["-m", "0.01", "a.test/p"], "HttpTimeout: "],
    [
      "an output that cannot be opened",
      23,
      serve(get, TestTransport.reply(ok)),
      ["-o", "/nowhere/file", "a.test/p"],
      "FileFailure: Could not write /nowhere/file: ENOENT"
    ]
  ]
  for (const [what, code, script, args, words] of cases) {
    it.live(`of ${what} is exit code ${code}, and reads as the library's`, () =>
      Effect.gen(function*() {
        const ran = yield* against(script, args)
        assert.strictEqual(ran.code, code, ran.stderr)
        assert.isTrue(ran.stderr.startsWith(words), ran.stderr)
      }))
  }

  it.live("says in a second paragraph how far it was", () =>
    Effect.gen(function*() {
      const { stderr } = yield* against(serve(get, TestTransport.eof), ["a.test/p"])
      assert.include(
        stderr.replaceAll("\n", " "),
        "phase head · fault Remote · written 46 B, read 0 B · the server has processed the request: unknown"
      )
    }))

  it.live("fits the width of the terminal", () =>
    Effect.gen(function*() {
      const { stderr } = yield* against([TestTransport.refuse()], ["a.test/p"], { columns: 40 })
      for (const line of stderr.split("\n")) assert.isAtMost(line.length, 40)
    }))

  it.live("shows no password of the URL or of --user", () =>
    Effect.gen(function*() {
      const url = yield* against([], ["http://ann:secret@a.test/"])
      const user = yield* against([TestTransport.refuse()], ["-u", "ann:secret", "-v", "a.test"])
      const proxy = yield* against([TestTransport.refuse()], ["-x", "http://ann:secret@p", "-v", "a.test"])
      for (const { stderr } of [url, user, proxy]) {
        assert.isAbove(stderr.length, 20)
        assert.notInclude(stderr, "secret")
      }
    }))
})

describe("--har", () => {
  const entriesOf = (at: string) =>
    (JSON.parse(fs.readFileSync(at, "utf8")) as {
      readonly log: {
        readonly version: string
        readonly entries: ReadonlyArray<
          { readonly request: { readonly url: string }; readonly response: { readonly status: number } }
        >
      }
    }).log

  it.live("writes each exchange, and no secret", () =>
    Effect.gen(function*() {
      const at = file("exchange.har")
      const { code } = yield* against(
        serve(TestTransport.discardUntil("\r\n\r\n"), TestTransport.reply(ok)),
        ["--har", at, "-u", "ann:pässword", "a.test/p"]
      )
      assert.strictEqual(code, 0)
      const log = entriesOf(at)
      assert.strictEqual(log.version, "1.2")
      assert.deepStrictEqual(log.entries.map(({ request, response }) => [request.url, response.status]), [
        ["http://a.test/p", 200]
      ])
      assert.notInclude(fs.readFileSync(at, "utf8"), "YW5uOnDDpHNzd29yZA")
    }))

  it.live("is written also if the exchange fails, whose failure is reported", () =>
    Effect.gen(function*() {
      const at = file("failed.har")
      const { code, stderr } = yield* against(
        serve(get, TestTransport.reply(ok.slice(0, -1)), TestTransport.eof),
        ["--har", at, "a.test/p"]
      )
      assert.strictEqual(code, 18)
      assert.include(stderr, "IncompleteRead: ")
      assert.strictEqual(entriesOf(at).entries.length, 1)
    }))

  it.live("that cannot be written is a failure", () =>
    Effect.gen(function*() {
      const { code, stderr } = yield* against(serve(get, TestTransport.reply(ok)), [
        "--har",
        "/nowhere/a.har",
        "a.test/p"
      ])
      assert.strictEqual(code, 23)
      assert.include(stderr, "Could not write /nowhere/a.har")
    }))
})

describe("--repeat", () => {
  const served = (count: number) => Array.from({ length: count }, () => [get, TestTransport.reply(ok)]).flat()

  it.live("sends the request so often, and prints times, statuses and the pool's counters", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* against(serve(...served(5)), ["-n", "5", "a.test/p"])
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.match(stdout, /^requests +5 in \S+ m?s, \d+\/s\nreceived +25 B, /)
      assert.include(stdout, "\nstatus      200: 5\n")
      for (const label of ["least", "p50", "p90", "p99", "greatest"]) {
        assert.match(stdout, new RegExp(`\n${label} +\\S+ m?s\n`))
      }
      assert.include(
        stdout,
        "\nconnections 1 opened, 0 requests sent again\nreuse       4 of 5 requests on a used connection\n"
      )
    }))

  it.live("uses as many connections as --concurrency says", () =>
    Effect.gen(function*() {
      const one = TestTransport.connection(get, TestTransport.delay("20 millis"), TestTransport.reply(ok))
      const { stdout } = yield* against([one, one, one], ["-n", "3", "-c", "3", "a.test/p"])
      assert.include(stdout, "connections 3 opened, 0 requests sent again\nreuse       0 of 3 requests")
    }))

  it.live("counts failures by kind, and ends with the code of the most frequent", () =>
    Effect.gen(function*() {
      const { code, stdout } = yield* against(
        [
          TestTransport.refuse(),
          ...serve(...served(1), get, TestTransport.reply("nonsense\r\n")),
          TestTransport.refuse()
        ],
        ["-n", "4", "a.test/p"]
      )
      assert.strictEqual(code, 7)
      assert.include(stdout, "requests    4 in ")
      assert.include(stdout, "failed      2 ConnectError, first:\n            Could not connect to a.test:80")
      assert.include(stdout, "failed      1 BadStatusLine, first:")
    }))

  it.live("is a failure if what was measured cannot be printed", () =>
    Effect.gen(function*() {
      const broken = { after: 0, error: new Error("no space left on device") }
      const { code, stderr } = yield* against(serve(...served(2)), ["-n", "2", "a.test/p"], { broken })
      assert.strictEqual(code, 23)
      assert.include(stderr, "Could not write standard output: no space left on device")
    }))

  it.live("reads standard input once, and sends it each time", () =>
    Effect.gen(function*() {
      const post = [TestTransport.discardUntil("\r\n\r\nonetwo"), TestTransport.reply(ok)]
      const { code } = yield* against(serve(...post, ...post), ["-n", "2", "-d", "@-", "a.test/p"], {
        stdin: ["one", "two"]
      })
      assert.strictEqual(code, 0)
    }))

  it.live("is a failure with --fail if a status was 400 or above", () =>
    Effect.gen(function*() {
      const { code } = yield* against(
        serve(get, TestTransport.reply(ok), get, TestTransport.reply(ok.replace("200", "500"))),
        ["-n", "2", "-f", "a.test/p"]
      )
      assert.strictEqual(code, 22)
    }))
})

describe("without a request", () => {
  it.live("--help and --version go to standard output", () =>
    Effect.gen(function*() {
      const { version } = JSON.parse(fs.readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
        readonly version: string
      }
      assert.match((yield* against([], ["--help"])).stdout, /^Usage: effect-http-client \[options\] URL\n/)
      assert.deepStrictEqual(yield* against([], ["-V"]), { code: 0, stdout: `${version}\n`, stderr: "", written: "" })
    }))
})
