/** The arguments of the command line: what each means, and what is refused before anything is sent. */
import * as Either from "effect/Either"
import { describe, expect, it } from "vitest"
import { type Command, type Options, read, usage } from "../../src/cli/args.ts"

const url = "http://a.test/"

const options = (...args: ReadonlyArray<string>): Options => {
  const command = Either.getOrThrow(read([...args, url]))
  if (command._tag !== "Request") throw new Error(`it is ${command._tag}`)
  return command.options
}

describe("an argument", () => {
  const table: ReadonlyArray<readonly [args: ReadonlyArray<string>, expected: Partial<Options>]> = [
    [[], { url, method: undefined, body: undefined, repeat: 1, concurrency: 1, include: false, fail: false }],
    [["-X", "PUT"], { method: "PUT" }],
    [["--method", "query"], { method: "query" }],
    [["-H", "A: 1", "--header", "B:2 "], { headers: [["A", "1"], ["B", "2"]] }],
    [["-H", "Empty:"], { headers: [["Empty", ""]] }],
    [["-d", "text"], { body: { _tag: "Text", text: "text" }, json: false }],
    [["-d", ""], { body: { _tag: "Text", text: "" } }],
    [["-d", "@file"], { body: { _tag: "File", path: "file" } }],
    [["-d", "@-"], { body: { _tag: "Stdin" } }],
    [["--json", "{}"], { body: { _tag: "Text", text: "{}" }, json: true }],
    [["-i"], { include: true }],
    [["-I"], { include: true, method: "HEAD" }],
    [["-I", "-X", "GET"], { include: true, method: "GET" }],
    [["-o", "file"], { output: "file" }],
    [["-f"], { fail: true }],
    [["-u", "a:b"], { user: "a:b" }],
    [["-x", "socks5h://p:1"], { proxy: "socks5h://p:1" }],
    [["-x", ""], { proxy: "" }],
    [["--unix-socket", "/run/s"], { unixSocket: "/run/s" }],
    [["-k"], { insecure: true }],
    [["--ca", "ca.pem"], { ca: "ca.pem" }],
    [["-m", "1.5"], { maxTime: 1.5 }],
    [["--timings", "--trace"], { timings: true, trace: true }],
    [["-n", "100", "-c", "10"], { repeat: 100, concurrency: 10 }]
  ]
  it.each(table)("%j is %j", (args, expected) => expect(options(...args)).toMatchObject(expected))

  it.each([["a.test:81/p", "http://a.test:81/p"], ["https://a.test", "https://a.test"], [
    "localhost",
    "http://localhost"
  ]])(
    "the URL %s is %s",
    (given, expected) => {
      const command = Either.getOrThrow(read([given]))
      expect(command).toMatchObject({ options: { url: expected } })
    }
  )

  it.each<readonly [string, Command["_tag"]]>([["-h", "Help"], ["--help", "Help"], ["-V", "Version"]])(
    "%s asks for %s, without a URL",
    (arg, tag) => expect(read([arg])).toMatchObject({ right: { _tag: tag } })
  )
})

describe("what makes no sense", () => {
  it.each([
    [[], "there is no URL"],
    [[""], "there is no URL"],
    [["a", "b"], "there is more than one URL: a, b"],
    [["-H", "Authorization Bearer s3cret", "a"], "--header \"Authorization\" is not \"Name: value\""],
    [["-H", ": v", "a"], "--header \"\" is not \"Name: value\""],
    [["-d", "1", "--json", "2", "a"], "--data and --json exclude each other"],
    [["-I", "-d", "1", "a"], "--head sends no body"],
    [["-n", "0", "a"], "--repeat must be a whole number from 1 to 10,000,000, and is \"0\""],
    [["-n", "1e3", "a"], "--repeat must be a whole number from 1 to 10,000,000, and is \"1e3\""],
    [["-c", "-1", "a"], "ambiguous"],
    [["-c", "2", "a"], "--concurrency 2 needs a --repeat of at least 2"],
    [["-n", "2", "-o", "f", "a"], "--output takes one response; leave out --repeat"],
    [["-m", "0", "a"], "--max-time must be a number of seconds above 0, and is \"0\""],
    [["--nothing", "a"], "Unknown option '--nothing'"],
    [["-o"], "argument missing"]
  ])("%j: %s", (args, message) => {
    const result = read(args)
    expect(Either.isLeft(result) ? result.left.message : "accepted").toContain(message)
  })
})

describe("the help", () => {
  it("fits a terminal of 80 columns, and names every option", () => {
    const lines = usage.split("\n")
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(80)
    for (
      const option of ["method", "header", "data", "json", "user", "max-time", "include", "head", "output", "fail"]
    ) {
      expect(usage).toContain(`--${option} `)
    }
    for (
      const option of ["proxy", "unix-socket", "insecure", "ca", "timings", "trace", "har", "repeat", "concurrency"]
    ) {
      expect(usage).toContain(`--${option} `)
    }
  })
})
