/** The arguments of the command line as data, or their fault. */
import * as Data from "effect/Data"
import * as Either from "effect/Either"
import { parseArgs } from "node:util"

/** The arguments are invalid. Nothing was sent. Exit code 2. */
export class UsageError extends Data.TaggedError("UsageError")<{ readonly message: string }> {}

/** The source of the content of a request. */
export type Source =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "File"; readonly path: string }
  | { readonly _tag: "Stdin" }

/** The options of a request. */
export interface Options {
  readonly url: string
  readonly method: string | undefined
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly body: Source | undefined
  readonly json: boolean
  readonly user: string | undefined
  readonly include: boolean
  readonly output: string | undefined
  readonly fail: boolean
  readonly proxy: string | undefined
  readonly unixSocket: string | undefined
  readonly insecure: boolean
  readonly ca: string | undefined
  readonly maxTime: number | undefined
  readonly timings: boolean
  readonly trace: boolean
  readonly repeat: number
  readonly concurrency: number
  readonly har: string | undefined
}

/** The parsed arguments: a request, the help or the version. */
export type Command =
  | { readonly _tag: "Help" }
  | { readonly _tag: "Version" }
  | { readonly _tag: "Request"; readonly options: Options }

const definitions = {
  method: { type: "string", short: "X" },
  header: { type: "string", short: "H", multiple: true },
  data: { type: "string", short: "d" },
  json: { type: "string" },
  user: { type: "string", short: "u" },
  include: { type: "boolean", short: "i" },
  head: { type: "boolean", short: "I" },
  output: { type: "string", short: "o" },
  fail: { type: "boolean", short: "f" },
  proxy: { type: "string", short: "x" },
  "unix-socket": { type: "string" },
  insecure: { type: "boolean", short: "k" },
  ca: { type: "string" },
  "max-time": { type: "string", short: "m" },
  timings: { type: "boolean" },
  trace: { type: "boolean", short: "v" },
  repeat: { type: "string", short: "n" },
  concurrency: { type: "string", short: "c" },
  har: { type: "string" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "V" }
} as const

/**
 * Returns the source that an argument names. `@path` means a file, `@-` standard input, and
 * everything else the text itself, as in curl.
 */
const sourceOf = (text: string): Source =>
  text === "@-"
    ? { _tag: "Stdin" }
    : text.startsWith("@")
    ? { _tag: "File", path: text.slice(1) }
    : { _tag: "Text", text }

const headerOf = (line: string): readonly [string, string] => {
  const colon = line.indexOf(":")
  if (colon < 1) {
    // The text after it may be a secret.
    const shown = /^[A-Za-z0-9-]*/.exec(line)?.[0] ?? ""
    throw new UsageError({ message: `--header "${shown}" is not "Name: value"` })
  }
  return [line.slice(0, colon), line.slice(colon + 1).trim()]
}

const count = (option: string, text: string | undefined): number => {
  if (text === undefined) return 1
  const value = /^[0-9]+$/.test(text) ? Number(text) : NaN
  if (value >= 1 && value <= 10_000_000) return value
  throw new UsageError({ message: `--${option} must be a whole number from 1 to 10,000,000, and is "${text}"` })
}

const seconds = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  const value = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : NaN
  if (value > 0) return value
  throw new UsageError({ message: `--max-time must be a number of seconds above 0, and is "${text}"` })
}

const parse = (args: ReadonlyArray<string>): Command => {
  const { positionals, values } = parseArgs({ args: [...args], options: definitions, allowPositionals: true })
  if (values.help) return { _tag: "Help" }
  if (values.version) return { _tag: "Version" }
  const [url, ...others] = positionals
  if (url === undefined || url === "") throw new UsageError({ message: "there is no URL" })
  if (others.length > 0) throw new UsageError({ message: `there is more than one URL: ${positionals.join(", ")}` })
  if (values.data !== undefined && values.json !== undefined) {
    throw new UsageError({ message: "--data and --json exclude each other" })
  }
  const given = values.data ?? values.json
  const body = given === undefined ? undefined : sourceOf(given)
  if (values.head && body !== undefined) throw new UsageError({ message: "--head sends no body" })
  const repeat = count("repeat", values.repeat)
  const concurrency = count("concurrency", values.concurrency)
  if (repeat > 1 && values.output !== undefined) {
    throw new UsageError({ message: "--output takes one response; leave out --repeat" })
  }
  if (concurrency > repeat) {
    throw new UsageError({ message: `--concurrency ${concurrency} needs a --repeat of at least ${concurrency}` })
  }
  return {
    _tag: "Request",
    options: {
      url: /^[a-z][a-z0-9+.-]*:\/\//i.test(url) ? url : `http://${url}`,
      method: values.method ?? (values.head ? "HEAD" : undefined),
      headers: (values.header ?? []).map(headerOf),
      body,
      json: values.json !== undefined,
      user: values.user,
      include: values.include === true || values.head === true,
      output: values.output,
      fail: values.fail === true,
      proxy: values.proxy,
      unixSocket: values["unix-socket"],
      insecure: values.insecure === true,
      ca: values.ca,
      maxTime: seconds(values["max-time"]),
      timings: values.timings === true,
      trace: values.trace === true,
      repeat,
      concurrency,
      har: values.har
    }
  }
}

/** Parses the arguments. */
export const read = (args: ReadonlyArray<string>): Either.Either<Command, UsageError> =>
  Either.try({
    try: () => parse(args),
    catch: (thrown) =>
      thrown instanceof UsageError ? thrown : new UsageError({ message: thrown instanceof Error ? thrown.message : "" })
  })

/** The help, at most 79 columns wide. */
export const usage = `Usage: effect-http-client [options] URL

Sends an HTTP/1.1 request and prints the body of the response.

Request
  -X, --method NAME         default: GET, or POST with a body
  -H, --header 'Name: v'    a field; may be given several times
  -d, --data TEXT           a body; @FILE reads a file, @- standard input
      --json TEXT           the same, as application/json
  -u, --user NAME:PASSWORD  Basic authentication
  -m, --max-time SECONDS    the longest time for the whole exchange

Response
  -i, --include             prints the head of the response, too
  -I, --head                sends HEAD and prints the head
  -o, --output FILE         writes the body to a file
  -f, --fail                exit code 22 for a status of 400 or above

Connection
  -x, --proxy URL           http, https, socks4, socks4a, socks5 or socks5h;
                            '' for none; default: from the environment
      --unix-socket PATH    connects to a unix socket
  -k, --insecure            does not verify the server's certificate
      --ca FILE             trusts the certificates of this PEM file only

What happened
      --timings             the time of each phase, as bars
  -v, --trace               the events of connections and interim responses
      --har FILE            writes the exchanges as HAR 1.2, secrets redacted

Load
  -n, --repeat N            sends the request N times and prints their times
  -c, --concurrency M       so many at once; default: 1

  -h, --help    -V, --version

Redirects are not followed. Exit codes are those of curl: 0 a response came,
2 wrong arguments, 3 wrong URL, 6 unknown host, 7 no connection, 18 a body cut
short, 22 see --fail, 23 cannot write, 26 cannot read, 28 timeout, 35 and 60
TLS, 52 no response, 55 and 56 the connection broke, 8 no valid HTTP, 97 proxy.
`
