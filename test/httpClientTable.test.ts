/**
 * The table of docs/http-client.md is complete and true: every name that Python documents has its row, and every row names tests
 * that are there.
 *
 * A test counts under the titles that stand in the source (`describe > it`), placeholders of tables included; the sources are
 * parsed and not run. What is skipped proves nothing and does not count.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { titlesOf } from "./fixtures/titles.ts"

const root = fileURLToPath(new URL("..", import.meta.url))

const words = (text: string): ReadonlyArray<string> => text.trim().split(/\s+/)

/** What Python 3.13 documents of `http.client` or exports in `__all__`, and the arguments of each. */
const documented: ReadonlyArray<string> = [
  words(`
    HTTP_PORT HTTPS_PORT responses parse_headers(fp) error
    HTTPConnection HTTPSConnection HTTPResponse HTTPMessage
  `),
  words("host port timeout source_address blocksize").map((argument) => `HTTPConnection(${argument})`),
  // The last three until 3.12.
  words("host port timeout source_address context blocksize key_file cert_file check_hostname").map(
    (argument) => `HTTPSConnection(${argument})`
  ),
  words(`
    request request(method) request(url) request(body) request(headers) request(encode_chunked) getresponse
    set_debuglevel(level) set_tunnel(host) set_tunnel(port) set_tunnel(headers) get_proxy_response_headers
    connect close blocksize auto_open debuglevel default_port response_class host port sock
    putrequest(method) putrequest(url) putrequest(skip_host) putrequest(skip_accept_encoding)
    putheader(header) putheader(*argument) endheaders(message_body) endheaders(encode_chunked) send(data)
  `).map((member) => `HTTPConnection.${member}`),
  words(`
    read() read(amt) read1(n) peek(n) readinto(b) readline(limit) readlines() readable() flush()
    getheader(name) getheader(default) getheaders() fileno() msg headers version url geturl() info()
    status getcode() reason debuglevel closed isclosed() close() begin() length chunked will_close
  `).map((member) => `HTTPResponse.${member}`),
  words("get get_all keys values items get_content_type get_content_charset getallmatchingheaders").map(
    (member) => `HTTPMessage.${member}`
  ),
  words(`
    HTTPException NotConnected InvalidURL UnknownProtocol UnknownTransferEncoding UnimplementedFileMode
    IncompleteRead IncompleteRead.partial IncompleteRead.expected ImproperConnectionState CannotSendRequest
    CannotSendHeader ResponseNotReady BadStatusLine BadStatusLine.line LineTooLong RemoteDisconnected
  `),
  // What its calls raise besides.
  words(`
    ValueError UnicodeEncodeError TypeError RuntimeError OSError TimeoutError socket.gaierror ConnectionRefusedError
    ConnectionResetError BrokenPipeError ssl.SSLError ssl.SSLCertVerificationError
  `)
].flat()

interface Row {
  readonly line: number
  readonly names: ReadonlyArray<string>
  /** The name, what it is here, how it behaves, the tests. */
  readonly cells: ReadonlyArray<string>
  readonly tests: ReadonlyArray<{ readonly file: string; readonly title: string }>
}

/** The rows of all tables; the two lines that open each are none. */
const rowsOf = (document: string): ReadonlyArray<Row> =>
  document.split("\n").flatMap((text, index, lines) => {
    const isRow = (line: string | undefined): line is string => line?.startsWith("|") === true
    if (!isRow(text) || !isRow(lines[index - 1]) || /^\|[\s:|-]+$/.test(text)) return []
    const cells = text.split("|").slice(1, -1).map((cell) => cell.trim())
    const tests = (cells[3] ?? "").split("<br>").flatMap((entry) => {
      const match = /^`(test\/\S+)` — (.+)$/.exec(entry.trim())
      // A match has both groups.
      return match === null ? [] : [{ file: match[1] as string, title: match[2] as string }]
    })
    return [{
      line: index + 1,
      names: [...(cells[0] ?? "").matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ""),
      cells,
      tests
    }]
  })

/** The titles of the tests in each text, which is parsed once. */
const titles = new Map<string, ReadonlyArray<string>>()

/** Everything that is wrong with a document, in view of the sources of the tests. */
const problemsOf = (document: string, read: (file: string) => string | undefined): ReadonlyArray<string> => {
  const rows = rowsOf(document)
  const named = rows.flatMap(({ names }) => names.map((name) => name.replace(/\("[^"]*"\)$/, "")))
  const sources = new Map<string, string>()
  const lookUp = (file: string): ReadonlyArray<string> => {
    const source = sources.get(file) ?? read(file) ?? ""
    sources.set(file, source)
    const known = titles.get(source) ?? titlesOf(file, source)
    titles.set(source, known)
    return known
  }
  return [
    ...documented.filter((name) => !named.includes(name)).map((name) => `${name} has no row`),
    ...rows.flatMap(({ cells, line, tests }) => [
      ...cells.length === 4 ? [] : [`line ${line} has ${cells.length} cells`],
      ...(cells[0] ?? "") !== "" && (cells[1] ?? "") !== "" ? [] : [`line ${line} says nothing`],
      ...tests.length > 0 && tests.length === (cells[3] ?? "").split("<br>").length
        ? []
        : [`line ${line} names no test`],
      ...tests.flatMap(({ file, title }) => {
        const found = lookUp(file).filter((known) => known === title).length
        return found === 1 ? [] : [`line ${line}: ${file} has ${found} tests named "${title}"`]
      })
    ])
  ]
}

const document = fs.readFileSync(path.join(root, "docs/http-client.md"), "utf8")

const read = (file: string): string | undefined => {
  const at = path.join(root, file)
  return fs.existsSync(at) ? fs.readFileSync(at, "utf8") : undefined
}

describe("the table of http.client", () => {
  it("has a row for every documented name, and in every row tests that exist", () => {
    expect(problemsOf(document, read)).toEqual([])
  })

  it("has no name twice", () => {
    const names = rowsOf(document).flatMap(({ cells }) => cells.slice(0, 1))
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })
})

describe("the check of the table", () => {
  const file = "test/connection/steps.test.ts"
  const title = "takes an empty target for /"
  const where = rowsOf(document).filter(({ tests }) => tests.some((test) => test.title.endsWith(`> ${title}`)))

  /** The problems where the sources of one file read otherwise. */
  const withSource = (change: (source: string) => string) =>
    problemsOf(document, (name) => name === file ? change(read(name) ?? "") : read(name))

  it("fails where a test is renamed", () => {
    expect(where.length).toBeGreaterThan(0)
    expect(withSource((source) => source.replace(title, "takes no target for /"))).toEqual(
      where.map(({ line }) => `line ${line}: ${file} has 0 tests named "putRequest > ${title}"`)
    )
  })

  it("fails where a suite is renamed", () => {
    expect(withSource((source) => source.replace("describe(\"putRequest\"", "describe(\"put\"")).length)
      .toBeGreaterThan(0)
  })

  it("fails where a test is skipped", () => {
    expect(withSource((source) => source.replace(`it.effect("${title}"`, `it.effect.skip("${title}"`)).length).toBe(
      where.length
    )
  })

  it("fails where a test is only mentioned in a comment", () => {
    expect(withSource((source) => source.replace(`it.effect("${title}"`, `// it.effect("${title}"\n  f("x"`)).length)
      .toBe(
        where.length
      )
  })

  it("fails where two tests have the name", () => {
    const twice = `\ndescribe("putRequest", () => { it("${title}", () => {}) })\n`
    expect(withSource((source) => source + twice).length).toBe(where.length)
  })

  it("fails where a file is gone", () => {
    expect(problemsOf(document, (name) => name === file ? undefined : read(name)).length).toBeGreaterThan(where.length)
  })

  it("fails where a name loses its row, and where a row loses its test", () => {
    const lines = document.split("\n")
    const at = lines.findIndex((line) => line.startsWith("| `HTTPConnection.connect`"))
    expect(at).toBeGreaterThan(0)
    expect(problemsOf(lines.filter((_, index) => index !== at).join("\n"), read)).toEqual([
      "HTTPConnection.connect has no row"
    ])
    const bare = lines.map((line, index) =>
      index === at ? "| `HTTPConnection.connect` | `connect` | opens it | |" : line
    )
    expect(problemsOf(bare.join("\n"), read)).toEqual([`line ${at + 1} names no test`])
  })

  it("reads the titles of every way to write a test", () => {
    const source = `
      it("a", () => {}); it.effect('b', f); it.scoped.each([1])(\`c %i\`, f); test("d", f); it.todo("e")
      describe("s", () => { describe.each([1])("t", () => { it.live(\`u \${x}\`, f) }) })
      describe.skip("v", () => { it("w", f) }); other("x", f); it(name, f)
    `
    expect(titlesOf("x.ts", source)).toEqual(["a", "b", "c %i", "d", "s > t > u ${x}"])
  })
})
