/** Downloads to real files over a scripted wire: every answer to a request for the rest, and what is on the disk afterwards. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { SystemError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import { assert, describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { createHash } from "node:crypto"
import * as ConnectionPool from "../src/ConnectionPool.ts"
import * as Download from "../src/Download.ts"
import * as HttpError from "../src/HttpError.ts"
import * as HttpFields from "../src/HttpFields.ts"
import * as HttpRequest from "../src/HttpRequest.ts"
import { validatorOf } from "../src/internal/download/plan.ts"
import { parseContentRange } from "../src/internal/syntax/contentRange.ts"
import * as T from "../src/TestTransport.ts"
import { Transport } from "../src/Transport.ts"

const url = "http://a.test/file"
const content = "0123456789"
const sha256 = createHash("sha256").update(content).digest("hex")
const v1 = "ETag: \"v1\""

/** The request for all bytes, or for those from an offset on. */
const asks = (from?: number, validator = "\"v1\""): T.Step =>
  T.expect(
    "GET /file HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: identity\r\n"
      + (from === undefined ? "" : `Range: bytes=${from}-\r\nIf-Range: ${validator}\r\n`) + "\r\n"
  )

/** A response on a connection that then ends. The length is that of the body, unless the fields have one. */
const answers = (status: string, body: string, ...fields: ReadonlyArray<string>): ReadonlyArray<T.Step> => {
  const hasFraming = fields.some((field) => /^(content-length|transfer-encoding):/i.test(field))
  const lines = hasFraming ? fields : [...fields, `Content-Length: ${body.length}`]
  return [T.reply(`HTTP/1.1 ${status}\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n${body}`), T.eof]
}

const part = (range: string, body: string, ...fields: ReadonlyArray<string>) =>
  answers("206 Partial Content", body, `Content-Range: ${range}`, ...fields)

/** Four of the ten bytes, and then the connection ends. */
const half = (...fields: ReadonlyArray<string>) => answers("200 OK", "0123", "Content-Length: 10", ...fields)

const overTransport = (transport: T.Handle) => Layer.succeed(Transport, transport)

const quiet: Download.Options = { retry: false }

/** Runs one download over a script of connections, each with a request and its response. */
const downloads = <R = never>(
  path: string,
  script: ReadonlyArray<ReadonlyArray<T.Step>>,
  options: Download.Options<R>
) =>
  Effect.gen(function*() {
    const transport = yield* T.make(script.map((steps) => T.connection(...steps)))
    const result = yield* Effect.gen(function*() {
      const pool = yield* ConnectionPool.make({ connectRetryTime: 0 })
      return yield* Effect.either(
        Effect.provideService(
          Download.toFile(HttpRequest.get(url), path, options),
          ConnectionPool.ConnectionPool,
          pool
        )
      )
    }).pipe(Effect.scoped, Effect.provide(overTransport(transport)))
    yield* transport.verify
    return result
  })

/** The files of the directory of a path, with their text; the record counts by its presence. */
const filesOf = (path: string) =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const read = (name: string) => Effect.option(files.readFileString(name))
    const [target, partial, record] = yield* Effect.all([read(path), read(`${path}.part`), read(`${path}.part.json`)])
    return {
      ...(target._tag === "Some" ? { target: target.value } : {}),
      ...(partial._tag === "Some" ? { partial: partial.value } : {}),
      ...(record._tag === "Some" ? { record: true } : {})
    }
  })

const inDirectory = <A, E, R>(use: (path: string) => Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    return yield* use(`${yield* files.makeTempDirectoryScoped()}/file`)
  }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer))

const facts = (error: Download.DownloadFailed | HttpError.InvalidOption) =>
  error._tag === "DownloadFailed"
    ? { cause: error.cause._tag, written: error.written, total: error.total, isResumable: error.isResumable }
    : { option: error.option }

describe("a first call", () => {
  interface Row {
    readonly what: string
    readonly answer: ReadonlyArray<T.Step>
    readonly result: object
    readonly files: object
  }
  const whole = { target: content }
  const done = { bytes: 10, resumedFrom: 0 }
  const rows: ReadonlyArray<Row> = [
    { what: "a 200 with a length", answer: answers("200 OK", content, v1), result: done, files: whole },
    {
      what: "a 200 in chunks",
      answer: answers("200 OK", `a\r\n${content}\r\n0\r\n\r\n`, "Transfer-Encoding: chunked", v1),
      result: done,
      files: whole
    },
    {
      what: "an empty 200",
      answer: answers("200 OK", ""),
      result: { bytes: 0, resumedFrom: 0 },
      files: { target: "" }
    },
    {
      what: "a 200 that is cut, with a strong ETag",
      answer: half(v1),
      result: { cause: "IncompleteRead", written: 4, total: 10, isResumable: true },
      files: { partial: "0123", record: true }
    },
    {
      what: "a 200 that is cut, with a Last-Modified of a minute before",
      answer: half("Date: Sun, 06 Nov 1994 08:49:37 GMT", "Last-Modified: Sun, 06 Nov 1994 08:48:37 GMT"),
      result: { cause: "IncompleteRead", written: 4, total: 10, isResumable: true },
      files: { partial: "0123", record: true }
    },
    {
      what: "a 200 that is cut, with a weak ETag",
      answer: half("ETag: W/\"v1\""),
      result: { cause: "IncompleteRead", written: 4, total: 10, isResumable: false },
      files: { partial: "0123" }
    },
    {
      what: "a 200 that is cut, with a coding that was not asked for",
      answer: half(v1, "Content-Encoding: gzip"),
      result: { cause: "IncompleteRead", written: 4, total: 10, isResumable: false },
      files: { partial: "0123" }
    },
    {
      what: "a 206 that was not asked for",
      answer: part("bytes 0-9/10", content, v1),
      result: { cause: "UnexpectedRange", written: 0, total: undefined, isResumable: false },
      files: {}
    },
    {
      what: "a 404",
      answer: answers("404 Not Found", "no"),
      result: { cause: "StatusError", written: 0, total: undefined, isResumable: false },
      files: {}
    },
    {
      what: "a 302",
      answer: answers("302 Found", "", "Location: /other"),
      result: { cause: "StatusError", written: 0, total: undefined, isResumable: false },
      files: {}
    },
    {
      what: "a 416",
      answer: answers("416 Range Not Satisfiable", "", "Content-Range: bytes */10"),
      result: { cause: "StatusError", written: 0, total: undefined, isResumable: false },
      files: {}
    }
  ]
  it.live.each(rows)("with $what", ({ answer, files, result }) =>
    inDirectory((path) =>
      Effect.gen(function*() {
        const found = yield* downloads(path, [[asks(), ...answer]], quiet)
        expect(found._tag === "Right" ? { ...found.right, path: undefined } : facts(found.left))
          .toEqual(found._tag === "Right" ? { ...result, path: undefined } : result)
        expect(yield* filesOf(path)).toEqual(files)
      })
    ))
})

describe("a call after one that was cut at byte 4 of 10", () => {
  interface Row {
    readonly what: string
    readonly script: ReadonlyArray<ReadonlyArray<T.Step>>
    readonly result: object
    readonly files: object
    readonly validator?: ReadonlyArray<string>
    readonly first?: ReadonlyArray<T.Step>
  }
  const continued = { bytes: 10, resumedFrom: 4 }
  const again = { bytes: 10, resumedFrom: 0 }
  const whole = { target: content }
  const refused = { cause: "UnexpectedRange", written: 4, isResumable: false }
  const kept = { partial: "0123" }
  const modified = ["Date: Sun, 06 Nov 1994 08:49:37 GMT", "Last-Modified: Sun, 06 Nov 1994 08:48:37 GMT"]
  const rows: ReadonlyArray<Row> = [
    {
      what: "a 206 with the rest",
      script: [[asks(4), ...part("bytes 4-9/10", "456789", v1)]],
      result: continued,
      files: whole
    },
    {
      what: "a 206 with the rest, without a validator",
      script: [[asks(4), ...part("bytes 4-9/10", "456789")]],
      result: continued,
      files: whole
    },
    {
      what: "a 206 of an unknown length, where the first response had announced it",
      script: [[asks(4), ...part("bytes 4-9/*", "456789")]],
      result: continued,
      files: whole
    },
    {
      what: "a 206 with a part of the rest, and then one with the remainder",
      script: [[asks(4), ...part("bytes 4-6/10", "456")], [asks(7), ...part("bytes 7-9/10", "789")]],
      result: continued,
      files: whole
    },
    {
      what: "a 206 that is cut",
      script: [[asks(4), ...part("bytes 4-9/10", "45", "Content-Length: 6")]],
      result: { cause: "IncompleteRead", written: 6, total: 10, isResumable: true },
      files: { partial: "012345", record: true }
    },
    {
      what: "a 206 by a date",
      first: half(...modified),
      script: [[asks(4, "Sun, 06 Nov 1994 08:48:37 GMT"), ...part("bytes 4-9/10", "456789", ...modified)]],
      result: continued,
      files: whole
    },
    {
      what: "a 200, because the content has changed",
      script: [[asks(4), ...answers("200 OK", "abcdefghij", "ETag: \"v2\"")]],
      result: again,
      files: { target: "abcdefghij" }
    },
    {
      what: "a 200 that is shorter than what was there",
      script: [[asks(4), ...answers("200 OK", "ab", "ETag: \"v2\"")]],
      result: { bytes: 2, resumedFrom: 0 },
      files: { target: "ab" }
    },
    {
      what: "a 206 that begins elsewhere",
      script: [[asks(4), ...part("bytes 5-9/10", "56789")]],
      result: refused,
      files: kept
    },
    {
      what: "a 206 of another length",
      script: [[asks(4), ...part("bytes 4-10/11", "456789a")]],
      result: refused,
      files: kept
    },
    {
      what: "a 206 that ends behind the content",
      script: [[asks(4), ...part("bytes 4-10/*", "456789a")]],
      result: refused,
      files: kept
    },
    {
      what: "a 206 of another version",
      script: [[asks(4), ...part("bytes 4-9/10", "456789", "ETag: \"v2\"")]],
      result: refused,
      files: kept
    },
    {
      what: "a 206 without Content-Range",
      script: [[asks(4), ...answers("206 Partial Content", "456789", v1)]],
      result: refused,
      files: kept
    },
    {
      what: "a 206 in several parts",
      script: [[asks(4), ...answers("206 Partial Content", "--x", "Content-Type: multipart/byteranges; boundary=x")]],
      result: refused,
      files: kept
    },
    {
      what: "a 206 whose Content-Range is none",
      script: [[asks(4), ...part("bytes 4-9/9", "456789")]],
      result: refused,
      files: kept
    },
    {
      what: "a 206 that is longer than it says",
      script: [[asks(4), ...part("bytes 4-8/10", "456789")]],
      result: refused,
      files: kept
    },
    {
      what: "a 206 that is shorter than it says",
      script: [[asks(4), ...part("bytes 4-9/10", "456")]],
      result: { ...refused, written: 7 },
      files: { partial: "0123456" }
    },
    {
      what: "a 416 for a content of another length",
      script: [
        [asks(4), ...answers("416 Range Not Satisfiable", "", "Content-Range: bytes */3")],
        [asks(), ...answers("200 OK", "abc")]
      ],
      result: { bytes: 3, resumedFrom: 0 },
      files: { target: "abc" }
    },
    {
      what: "a 416 that says nothing",
      script: [[asks(4), ...answers("416 Range Not Satisfiable", "")], [asks(), ...answers("200 OK", content)]],
      result: again,
      files: whole
    },
    {
      what: "a 503",
      script: [[asks(4), ...answers("503 Service Unavailable", "")]],
      result: { cause: "StatusError", written: 4, total: 10, isResumable: true },
      files: { ...kept, record: true }
    },
    {
      what: "no response",
      script: [[asks(4), T.eof]],
      result: { cause: "RemoteDisconnected", written: 4, total: 10, isResumable: true },
      files: { ...kept, record: true }
    },
    {
      what: "no proof that it is the same content",
      first: half("ETag: W/\"v1\""),
      script: [[asks(), ...answers("200 OK", content)]],
      result: again,
      files: whole
    },
    {
      what: "all of it there, of a content without a length",
      first: answers("200 OK", `a\r\n${content}\r\n`, "Transfer-Encoding: chunked", v1),
      script: [[asks(10), ...answers("416 Range Not Satisfiable", "", "Content-Range: bytes */10")]],
      result: { bytes: 10, resumedFrom: 10 },
      files: whole
    },
    {
      what: "a 416 with the length that is there, which contradicts the length of the content",
      script: [
        [asks(4), ...answers("416 Range Not Satisfiable", "", "Content-Range: bytes */4")],
        [asks(), ...answers("200 OK", "abcd")]
      ],
      result: { bytes: 4, resumedFrom: 0 },
      files: { target: "abcd" }
    },
    {
      what: "a 416 with the length that is there, of another version",
      first: answers("200 OK", "4\r\n0123\r\n", "Transfer-Encoding: chunked", v1),
      script: [
        [asks(4), ...answers("416 Range Not Satisfiable", "", "Content-Range: bytes */4", "ETag: \"v2\"")],
        [asks(), ...answers("200 OK", "abcd")]
      ],
      result: { bytes: 4, resumedFrom: 0 },
      files: { target: "abcd" }
    },
    {
      what: "a 416 with the Content-Range of a part",
      first: answers("200 OK", "4\r\n0123\r\n", "Transfer-Encoding: chunked", v1),
      script: [
        [asks(4), ...answers("416 Range Not Satisfiable", "", "Content-Range: bytes 0-3/4")],
        [asks(), ...answers("200 OK", "abcd")]
      ],
      result: { bytes: 4, resumedFrom: 0 },
      files: { target: "abcd" }
    },
    {
      what: "a 206 with a content coding, of a content without a length",
      first: answers("200 OK", "4\r\n0123\r\n", "Transfer-Encoding: chunked", v1),
      script: [[asks(4), ...part("bytes 4-9/10", "coded!", "Content-Encoding: gzip", v1)]],
      result: { cause: "UnexpectedRange", isResumable: false },
      files: { partial: "0123" }
    },
    {
      what: "a 206 with several parts",
      script: [[asks(4), ...part("bytes 4-9/10", "--a\r\n\r", "Content-Type: multipart/byteranges; boundary=a")]],
      result: { cause: "UnexpectedRange", isResumable: false },
      files: { partial: "0123" }
    },
    {
      what: "a 206 that ends with its connection, cut, and then the remainder",
      script: [
        [asks(4), T.reply("HTTP/1.1 206 Part\r\nContent-Range: bytes 4-9/10\r\n\r\n45"), T.eof],
        [asks(6), ...part("bytes 6-9/10", "6789")]
      ],
      result: continued,
      files: whole
    },
    {
      what: "a 206 that ends with its connection and brings nothing",
      script: [[asks(4), T.reply("HTTP/1.1 206 Part\r\nContent-Range: bytes 4-9/10\r\n\r\n"), T.eof]],
      result: { cause: "UnexpectedRange", isResumable: false },
      files: { partial: "0123" }
    },
    {
      what: "the rest of a content without a length",
      first: answers("200 OK", "4\r\n0123\r\n", "Transfer-Encoding: chunked", v1),
      script: [
        [asks(4), ...part("bytes 4-9/*", "456789")],
        [asks(10), ...answers("416 Range Not Satisfiable", "", "Content-Range: bytes */10")]
      ],
      result: continued,
      files: whole
    }
  ]
  it.live.each(rows)(
    "with $what",
    ({ files, first = half(v1), result, script }) =>
      inDirectory((path) =>
        Effect.gen(function*() {
          assert((yield* downloads(path, [[asks(), ...first]], quiet))._tag === "Left")
          const found = yield* downloads(path, script, quiet)
          expect(found._tag === "Right" ? found.right : facts(found.left)).toMatchObject(result)
          expect(yield* filesOf(path)).toEqual(files)
        })
      )
  )

  const halved = (path: string) => downloads(path, [[asks(), ...half(v1)]], quiet)

  it.live("does not ask again for what is whole, and only gives it its name", () =>
    inDirectory((path) =>
      Effect.gen(function*() {
        const files = yield* FileSystem.FileSystem
        yield* halved(path)
        yield* files.writeFileString(`${path}.part`, content)
        expect(yield* downloads(path, [], { ...quiet, sha256 })).toMatchObject({
          right: { bytes: 10, resumedFrom: 10 }
        })
        expect(yield* filesOf(path)).toEqual(whole)
      })
    ))

  it.live.each(
    [
      [
        "the record is cut",
        (files: FileSystem.FileSystem, path: string) => files.writeFileString(`${path}.part.json`, "{")
      ],
      ["the record is missing", (files: FileSystem.FileSystem, path: string) => files.remove(`${path}.part.json`)],
      ["the partial file is missing", (files: FileSystem.FileSystem, path: string) => files.remove(`${path}.part`)],
      [
        "the partial file is too long",
        (files: FileSystem.FileSystem, path: string) => files.writeFileString(`${path}.part`, `${content}!`)
      ]
    ] as const
  )("starts over if %s", ([, spoil]) =>
    inDirectory((path) =>
      Effect.gen(function*() {
        yield* halved(path)
        yield* spoil(yield* FileSystem.FileSystem, path)
        expect(yield* downloads(path, [[asks(), ...answers("200 OK", content)]], quiet)).toMatchObject({ right: again })
        expect(yield* filesOf(path)).toEqual(whole)
      })
    ))

  it.live("starts over with `resume: false`, and for another URL", () =>
    inDirectory((path) =>
      Effect.gen(function*() {
        yield* halved(path)
        const found = yield* downloads(path, [[asks(), ...half(v1)]], { ...quiet, resume: false })
        expect(found).toMatchObject({ left: { written: 4, isResumable: true } })
        const transport = yield* T.make([
          T.connection(
            T.expect("GET /other HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: identity\r\n\r\n"),
            ...answers("200 OK", content)
          )
        ])
        yield* Download.toFile(HttpRequest.get("http://a.test/other"), path, quiet).pipe(
          Effect.provide(ConnectionPool.layer()),
          Effect.provide(overTransport(transport))
        )
        yield* transport.verify
        expect(yield* filesOf(path)).toEqual(whole)
      })
    ))
})

describe("a download", () => {
  it.live("retries for the missing bytes only, as often as it may", () =>
    inDirectory((path) =>
      Effect.gen(function*() {
        const retry = { schedule: Schedule.forever, times: 3 }
        const script = [
          [asks(), ...half(v1)],
          [asks(4), ...answers("503 Service Unavailable", "")],
          [asks(4), ...part("bytes 4-9/10", "45", "Content-Length: 6")]
        ]
        const found = yield* downloads(path, [...script, [asks(6), ...part("bytes 6-9/10", "6789")]], { retry, sha256 })
        expect(found).toMatchObject({ right: { bytes: 10, resumedFrom: 0 } })
        const failed = yield* downloads(path, script, { retry: { ...retry, times: 2 } })
        expect(failed).toMatchObject({ left: { written: 6, isResumable: true, cause: { _tag: "IncompleteRead" } } })
        // The file of the call before is still whole.
        expect(yield* filesOf(path)).toEqual({ target: content, partial: "012345", record: true })
      })
    ))

  it.live("is discarded if its checksum is another", () =>
    inDirectory((path) =>
      Effect.gen(function*() {
        const wrong = sha256.replace(/^./, (digit) => digit === "0" ? "1" : "0")
        const found = yield* downloads(path, [[asks(), ...answers("200 OK", content, v1)]], { sha256: wrong })
        assert(found._tag === "Left" && found.left._tag === "DownloadFailed")
        const { cause, isResumable, message } = found.left
        expect(cause).toMatchObject({ _tag: "ChecksumMismatch", expected: wrong, actual: sha256, bytes: 10 })
        expect(isResumable).toBe(false)
        expect(message).toContain("The next call starts from the beginning. The 10 bytes have the SHA-256")
        expect(yield* filesOf(path)).toEqual({ partial: content })
        const upper = yield* downloads(path, [[asks(), ...answers("200 OK", content)]], {
          sha256: sha256.toUpperCase()
        })
        expect(upper._tag).toBe("Right")
      })
    ))

  it.live("reports its progress at the beginning, at the end, and no more often than it may", () =>
    inDirectory((path) =>
      Effect.gen(function*() {
        const reports = (progressInterval: Download.Options["progressInterval"]) =>
          Effect.gen(function*() {
            const seen: Array<Download.Progress> = []
            const script = [[asks(4), ...part("bytes 4-9/10", "456789", v1)]]
            yield* downloads(path, [[asks(), ...half(v1)]], quiet)
            yield* downloads(path, script, {
              ...quiet,
              progressInterval,
              onProgress: (progress) => Effect.sync(() => seen.push(progress))
            })
            return seen
          })
        const of = (bytes: number): Download.Progress => ({ bytes, total: 10, resumedFrom: 4 })
        expect(yield* reports("1 hour")).toEqual([of(4), of(10)])
        // The only piece, and the end.
        expect(yield* reports(0)).toEqual([of(4), of(10), of(10)])
      })
    ))

  it.live("leaves its partial file when it is interrupted, and closes everything", () =>
    inDirectory((path) =>
      Effect.gen(function*() {
        const arrived = yield* Deferred.make<void>()
        const fiber = yield* Effect.fork(downloads(path, [[asks(), ...half(v1).slice(0, 1), T.expectDestroy]], {
          progressInterval: 0,
          onProgress: ({ bytes }) => bytes === 4 ? Deferred.succeed(arrived, undefined) : Effect.void
        }))
        yield* Deferred.await(arrived)
        yield* Fiber.interrupt(fiber)
        expect(yield* filesOf(path)).toEqual({ partial: "0123", record: true })
        const found = yield* downloads(path, [[asks(4), ...part("bytes 4-9/10", "456789")]], quiet)
        expect(found).toMatchObject({ right: { bytes: 10, resumedFrom: 4 } })
      })
    ))

  it.live("says what was written, what comes next, and why", () =>
    inDirectory((path) =>
      Effect.gen(function*() {
        const found = yield* downloads(path, [[asks(), ...half(v1)]], quiet)
        assert(found._tag === "Left")
        expect(found.left.message).toBe(
          `The download failed after 4 of 10 bytes. They are in ${path}.part: call it again to continue. `
            + "The body ended early: 4 of 10 bytes had come when the connection closed. (GET http://a.test:80/file)"
        )
        const request = HttpRequest.get(url)
        expect(HttpError.mayRepeat(found.left, request)).toBe(true)
        const files = yield* FileSystem.FileSystem
        expect(yield* files.readFileString(`${path}.part.json`)).not.toContain("a.test")
      })
    ))

  it.live("asks the server for nothing if the target is a directory, and says what to do", () =>
    inDirectory((path) =>
      Effect.gen(function*() {
        const directory = path.slice(0, path.lastIndexOf("/"))
        const found = yield* downloads(directory, [], quiet)
        assert.isTrue(Either.isLeft(found) && found.left._tag === "DownloadFailed")
        assert.include(Either.isLeft(found) ? found.left.message : "", "it is a directory; append the name of a file")
        assert.deepStrictEqual(yield* filesOf(directory), {})
      })
    ))

  it.live("asks the server for nothing if the partial file cannot be opened", () =>
    inDirectory((path) =>
      Effect.gen(function*() {
        yield* Effect.flatMap(FileSystem.FileSystem, (files) => files.makeDirectory(`${path}.part`))
        const found = yield* downloads(path, [], quiet)
        expect(found).toMatchObject({
          left: { cause: { _tag: "SystemError", pathOrDescriptor: `${path}.part` }, isResumable: false }
        })
      })
    ))

  it.live("needs no right to look at the target", () =>
    inDirectory((path) =>
      Effect.gen(function*() {
        const files = yield* FileSystem.FileSystem
        // As for a link that leads in a circle, or to where nothing may be read.
        yield* files.symlink(path, path)
        const found = yield* downloads(path, [[asks(), ...answers("200 OK", content)]], quiet)
        assert.isTrue(Either.isRight(found))
        assert.deepStrictEqual(yield* filesOf(path), { target: content })
      })
    ))

  it.live("asks the server for nothing if no file can be created beside the target", () =>
    inDirectory((path) =>
      Effect.gen(function*() {
        const found = yield* downloads(`${path}/missing/file`, [], { ...quiet, resume: false })
        expect(found).toMatchObject({
          left: { cause: { _tag: "SystemError", reason: "NotFound" }, isResumable: false }
        })
      })
    ))

  it.live("fails with the error of the file system, in the middle too", () =>
    inDirectory((path) =>
      Effect.gen(function*() {
        const files = yield* FileSystem.FileSystem
        const full = new SystemError({
          reason: "Unknown",
          module: "FileSystem",
          method: "writeFile",
          pathOrDescriptor: path,
          description: "no space is left"
        })
        const found = yield* downloads(path, [[asks(), ...answers("200 OK", content, v1)]], quiet).pipe(
          Effect.provideService(FileSystem.FileSystem, { ...files, writeFileString: () => Effect.fail(full) })
        )
        expect(found).toMatchObject({ left: { cause: full, isResumable: false } })
      })
    ))

  const wrong: ReadonlyArray<
    readonly [option: string, request: HttpRequest.HttpRequest, path: string, options: unknown]
  > = [
    ["request.method", HttpRequest.del(url), "x", {}],
    ["request.fields", HttpRequest.get(url, { headers: { Range: "bytes=0-" } }), "x", {}],
    ["request.fields", HttpRequest.get(url, { headers: { "accept-encoding": "br" } }), "x", {}],
    ["request", "GET" as never, "x", {}],
    ["path", HttpRequest.get(url), "", {}],
    ["options", HttpRequest.get(url), "x", 1],
    ["resume", HttpRequest.get(url), "x", { resume: 1 }],
    ["sha256", HttpRequest.get(url), "x", { sha256: "abc" }],
    ["onProgress", HttpRequest.get(url), "x", { onProgress: 1 }],
    ["progressInterval", HttpRequest.get(url), "x", { progressInterval: "soon" }],
    ["path", HttpRequest.get(url), "directory/", {}],
    ["retry", HttpRequest.get(url), "x", { retry: 3 }],
    ["times", HttpRequest.get(url), "x", { retry: { times: -1 } }]
  ]
  it.live.each(wrong)(
    "refuses a wrong %s before anything is sent",
    ([option, request, path, options]) =>
      Effect.gen(function*() {
        const transport = yield* T.make([])
        const error = yield* Download.toFile(request, path, options as Download.Options).pipe(
          Effect.flip,
          Effect.provide(ConnectionPool.layer()),
          Effect.provide([overTransport(transport), NodeFileSystem.layer])
        )
        expect(facts(error)).toEqual({ option })
      }).pipe(Effect.scoped)
  )
})

describe("something else that changes the partial file", () => {
  /** Removes or changes it when so many bytes are reported. */
  const disturbing = (path: string, at: number, text?: string): Download.Options<FileSystem.FileSystem> => ({
    ...quiet,
    progressInterval: 0,
    onProgress: ({ bytes }) =>
      bytes !== at
        ? Effect.void
        : Effect.flatMap(FileSystem.FileSystem, (files) =>
          Effect.orDie(
            text === undefined
              ? files.remove(`${path}.part`, { force: true })
              : files.writeFileString(`${path}.part`, text)
          ))
  })

  it.live.each([["removes", undefined], ["shortens", "012"]] as const)(
    "%s it before it gets its name: the target stays as it was",
    ([, text]) =>
      inDirectory((path) =>
        Effect.gen(function*() {
          const files = yield* FileSystem.FileSystem
          yield* files.writeFileString(path, "the earlier file")
          const found = yield* downloads(
            path,
            [[asks(), ...answers("200 OK", content, v1)]],
            disturbing(path, 10, text)
          )
          assert(found._tag === "Left")
          expect(facts(found.left)).toMatchObject({ cause: "SystemError", isResumable: false })
          expect((yield* filesOf(path)).target).toBe("the earlier file")
        })
      )
  )

  it.live("changes it while the rest is requested: the download starts over", () =>
    inDirectory((path) =>
      Effect.gen(function*() {
        const files = yield* FileSystem.FileSystem
        yield* downloads(path, [[asks(), ...half(v1)]], quiet)
        const transport = yield* T.make([
          T.connection(asks(4), T.delay("20 millis"), ...part("bytes 4-9/10", "456789")),
          T.connection(asks(), ...answers("200 OK", content, v1))
        ])
        const running = yield* Effect.fork(
          Download.toFile(HttpRequest.get(url), path, quiet).pipe(
            Effect.provide(ConnectionPool.layer()),
            Effect.provide(overTransport(transport))
          )
        )
        // The request is on its way, and the record has been read.
        yield* Effect.repeat(Effect.sleep("1 millis"), { until: () => transport.opened.length > 0 })
        yield* files.remove(`${path}.part`)
        expect(yield* Fiber.join(running)).toMatchObject({ bytes: 10, resumedFrom: 0 })
        expect(yield* filesOf(path)).toEqual({ target: content })
      })
    ))

  it.live("writes: an interruption waits for what the system is writing", () =>
    inDirectory((path) =>
      Effect.gen(function*() {
        const files = yield* FileSystem.FileSystem
        const begun = yield* Deferred.make<void>()
        const slow = yield* Deferred.make<void>()
        const ended: Array<string> = []
        const slowly: FileSystem.FileSystem = {
          ...files,
          open: (name, options) =>
            Effect.map(files.open(name, options), (file) =>
              Object.assign(Object.create(file), {
                writeAll: (bytes: Uint8Array) =>
                  Deferred.succeed(begun, undefined).pipe(
                    Effect.zipRight(Deferred.await(slow)),
                    Effect.zipRight(file.writeAll(bytes)),
                    Effect.tap(() => ended.push("written"))
                  )
              }))
        }
        const transport = yield* T.make([T.connection(asks(), ...half(v1))])
        const running = yield* Effect.fork(
          Download.toFile(HttpRequest.get(url), path, quiet).pipe(
            Effect.provide(ConnectionPool.layer()),
            Effect.provide(overTransport(transport)),
            Effect.provideService(FileSystem.FileSystem, slowly)
          )
        )
        yield* Deferred.await(begun)
        const interrupting = yield* Effect.fork(
          Effect.zipRight(Fiber.interrupt(running), Effect.sync(() => ended.push("interrupted")))
        )
        yield* Effect.yieldNow()
        yield* Deferred.succeed(slow, undefined)
        yield* Fiber.join(interrupting)
        expect(ended).toEqual(["written", "interrupted"])
        expect(yield* filesOf(path)).toEqual({ partial: "0123", record: true })
      })
    ))
})

describe("Content-Range", () => {
  it.each(
    [
      ["bytes 0-0/1", { part: { first: 0, last: 0 }, complete: 1 }],
      ["BYTES 4-9/*", { part: { first: 4, last: 9 }, complete: undefined }],
      ["bytes */10", { part: undefined, complete: 10 }],
      ["bytes */*", undefined],
      ["bytes 9-4/10", undefined],
      ["bytes 4-10/10", undefined],
      ["bytes 4-9", undefined],
      ["items 4-9/10", undefined],
      ["bytes 4-9/10, bytes 4-9/10", undefined],
      ["bytes 1234567890123456-9999999999999999/*", undefined],
      ["", undefined]
    ] as const
  )("%s", (value, parsed) => {
    expect(parseContentRange(value)).toEqual(parsed)
  })
})

describe("what may be sent as If-Range", () => {
  const date = { Date: "Sun, 06 Nov 1994 08:49:37 GMT" }
  it.each(
    [
      [{ ETag: "\"\"" }, "\"\""],
      [{ ETag: "W/\"a\"" }, undefined],
      [{ ETag: "a" }, undefined],
      [{ ...date, "Last-Modified": "Sun, 06 Nov 1994 08:49:36 GMT" }, "Sun, 06 Nov 1994 08:49:36 GMT"],
      [{ ...date, "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT" }, undefined],
      [{ "Last-Modified": "Sun, 06 Nov 1994 08:49:36 GMT" }, undefined],
      [{ ...date, "Last-Modified": "yesterday" }, undefined],
      [{ ETag: "\"a\"", "Content-Encoding": "gzip" }, undefined],
      [{ ETag: "\"a\"", "Content-Encoding": "identity" }, "\"a\""],
      [{}, undefined]
    ] as const
  )("of %o is %s", (fields, value) => {
    expect(validatorOf(HttpFields.fromInput(fields), Date.now())?.value).toBe(value)
  })
})
