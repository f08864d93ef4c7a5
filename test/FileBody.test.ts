/** Files as request bodies: real files in a temporary directory, and the bytes that they become on a scripted wire. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import type { PlatformError } from "@effect/platform/Error"
import { SystemError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import { assert, describe, expect, expectTypeOf, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { execFileSync } from "node:child_process"
import * as FileBody from "../src/FileBody.ts"
import type { HttpBody } from "../src/HttpBody.ts"
import * as HttpRequest from "../src/HttpRequest.ts"
import * as T from "../src/TestTransport.ts"
import { bytesOf, chunk, chunkedHead, connected, lengthHead, ok, textOf } from "./connection/harness.ts"

/** A file of its own directory, with this content. */
const fileOf = (content: string) =>
  Effect.gen(function*() {
    const fileSystem = yield* FileSystem.FileSystem
    const path = `${yield* fileSystem.makeTempDirectoryScoped()}/body`
    yield* fileSystem.writeFile(path, bytesOf(content))
    return path
  })

/** The file, with a `stat` that says that it is empty, as those of /proc do. */
const sayingEmpty = (file: FileSystem.File): FileSystem.File =>
  new Proxy(file, {
    get: (file, key) => {
      if (key === "stat") return Effect.map(file.stat, (info) => ({ ...info, size: FileSystem.Size(0) }))
      const value: unknown = Reflect.get(file, key)
      return typeof value === "function" ? value.bind(file) as unknown : value
    }
  })

/** Sends a body and asserts that exactly these bytes go out. */
const sends = (body: HttpBody<PlatformError>, wire: string) =>
  Effect.gen(function*() {
    const { connection, transport } = yield* connected(T.expect(wire), T.reply(ok("got it")))
    assert.strictEqual(yield* textOf(connection, HttpRequest.post("/", { body })), "got it")
    yield* transport.verify
  })

const blocksOf = (body: HttpBody<PlatformError>) => {
  assert(body._tag === "Streaming")
  return Effect.map(
    Stream.runCollect(body.stream),
    (blocks) => Chunk.toReadonlyArray(blocks).map((block) => block.length)
  )
}

const facts = (body: HttpBody<PlatformError>) => {
  assert(body._tag === "Streaming")
  const { contentType, length, replayable } = body
  return { contentType, length, replayable }
}

describe("fromPath", () => {
  it.scopedLive("sends the file with its length, and again when it is sent again", () =>
    Effect.gen(function*() {
      const body = yield* FileBody.fromPath(yield* fileOf("hello, file"))
      expect(facts(body)).toEqual({ length: 11, replayable: true, contentType: undefined })
      yield* sends(body, `${lengthHead(11)}hello, file`)
      yield* sends(body, `${lengthHead(11)}hello, file`)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.scopedLive("says the content type that it is given", () =>
    Effect.gen(function*() {
      const body = yield* FileBody.fromPath(yield* fileOf("{}"), { contentType: "application/json" })
      yield* sends(
        body,
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
      )
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.scopedLive("reads blocks of blockSize, 65536 by default", () =>
    Effect.gen(function*() {
      const path = yield* fileOf("x".repeat(150_000))
      expect(yield* Effect.flatMap(FileBody.fromPath(path), blocksOf)).toEqual([65_536, 65_536, 18_928])
      expect(yield* Effect.flatMap(FileBody.fromPath(path, { blockSize: 100_000 }), blocksOf)).toEqual([
        100_000,
        50_000
      ])
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.scopedLive("sends a part", () =>
    Effect.gen(function*() {
      const path = yield* fileOf("0123456789")
      yield* sends(yield* FileBody.fromPath(path, { offset: 7 }), `${lengthHead(3)}789`)
      yield* sends(yield* FileBody.fromPath(path, { length: 4 }), `${lengthHead(4)}0123`)
      yield* sends(yield* FileBody.fromPath(path, { offset: 2, length: 5, blockSize: 2 }), `${lengthHead(5)}23456`)
      yield* sends(yield* FileBody.fromPath(path, { offset: 10 }), lengthHead(0))
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.scopedLive("sends an empty file as Content-Length: 0", () =>
    Effect.gen(function*() {
      yield* sends(yield* FileBody.fromPath(yield* fileOf("")), lengthHead(0))
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.scopedLive("sends what has no size of its own chunked, and a part of it with its length", () =>
    Effect.gen(function*() {
      // Files of /proc say that their size is 0. Not every system has them; a device with a size of 0 is everywhere.
      const zeros = yield* FileBody.fromPath("/dev/zero", { length: 4 })
      expect(facts(zeros)).toEqual({ length: 4, replayable: true, contentType: undefined })
      yield* sends(zeros, `${lengthHead(4)}\0\0\0\0`)
      const nothing = yield* FileBody.fromPath("/dev/null")
      expect(facts(nothing)).toEqual({ length: undefined, replayable: true, contentType: undefined })
      yield* sends(nothing, `${chunkedHead()}0\r\n\r\n`)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.scopedLive("sends a file that says its size is 0, and has content, chunked", () =>
    Effect.gen(function*() {
      const path = yield* fileOf("content")
      const fileSystem = yield* FileSystem.FileSystem
      const lying = FileSystem.FileSystem.of({
        ...fileSystem,
        open: (path, options) => Effect.map(fileSystem.open(path, options), sayingEmpty)
      })
      const body = yield* Effect.provideService(FileBody.fromPath(path), FileSystem.FileSystem, lying)
      yield* sends(body, `${chunkedHead()}${chunk("content")}0\r\n\r\n`)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.scopedLive("fails with BodyLengthMismatch where the file has become shorter", () =>
    Effect.gen(function*() {
      const path = yield* fileOf("0123456789")
      const body = yield* FileBody.fromPath(path)
      yield* Effect.flatMap(FileSystem.FileSystem, (fileSystem) => fileSystem.writeFile(path, bytesOf("0123")))
      const { connection, transport } = yield* connected(T.expect(`${lengthHead(10)}0123`), T.expectDestroy)
      const error = yield* Effect.flip(connection.execute(HttpRequest.post("/", { body })))
      expect(error).toMatchObject({ _tag: "BodyLengthMismatch", declared: 10, actual: 4 })
      yield* transport.verify
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.scopedLive("sends of a file that has grown what was announced", () =>
    Effect.gen(function*() {
      const path = yield* fileOf("0123")
      const body = yield* FileBody.fromPath(path)
      yield* Effect.flatMap(FileSystem.FileSystem, (fileSystem) => fileSystem.writeFile(path, bytesOf("0123456789")))
      yield* sends(body, `${lengthHead(4)}0123`)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.scopedLive("fails with RequestBodyError, and keeps the PlatformError, where the file is gone when it is sent", () =>
    Effect.gen(function*() {
      const path = yield* fileOf("0123")
      const body = yield* FileBody.fromPath(path)
      yield* Effect.flatMap(FileSystem.FileSystem, (fileSystem) => fileSystem.remove(path))
      const { connection } = yield* connected(T.expect(lengthHead(4)), T.expectDestroy)
      const error = yield* Effect.flip(connection.execute(HttpRequest.post("/", { body })))
      assert(error._tag === "RequestBodyError")
      expectTypeOf(error.error).toEqualTypeOf<PlatformError>()
      expect(error.error).toMatchObject({ _tag: "SystemError", reason: "NotFound" })
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.scopedLive("fails with the PlatformError for a file that is not there", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(FileBody.fromPath(`${yield* fileOf("")}.not`))
      expect(error).toMatchObject({ _tag: "SystemError", reason: "NotFound" })
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.scopedLive("fails with UnimplementedFileMode for a directory and for a FIFO, without waiting for a writer", () =>
    Effect.gen(function*() {
      const fileSystem = yield* FileSystem.FileSystem
      const directory = yield* fileSystem.makeTempDirectoryScoped()
      const ofDirectory = yield* Effect.flip(FileBody.fromPath(directory))
      expect(ofDirectory).toMatchObject({ _tag: "UnimplementedFileMode", reason: "it is a directory" })
      execFileSync("mkfifo", [`${directory}/fifo`])
      const ofFifo = yield* Effect.flip(FileBody.fromPath(`${directory}/fifo`))
      expect(ofFifo).toMatchObject({
        _tag: "UnimplementedFileMode",
        reason: "it is a FIFO; send a stream of it with `HttpBody.iterable`"
      })
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.scopedLive.each<readonly [reason: "PermissionDenied" | "BadResource" | "Unknown", code: string, mode: boolean]>([
    ["PermissionDenied", "EACCES", true],
    ["BadResource", "EISDIR", true],
    ["Unknown", "EPERM", true],
    ["Unknown", "EMFILE", false],
    ["Unknown", "EIO", false]
  ])("opening that fails with %s (%s) is UnimplementedFileMode: %s", ([reason, code, mode]) =>
    Effect.gen(function*() {
      const path = yield* fileOf("x")
      const fileSystem = yield* FileSystem.FileSystem
      const refused = new SystemError({
        module: "FileSystem",
        method: "open",
        reason,
        pathOrDescriptor: path,
        cause: Object.assign(new Error(code), { code })
      })
      const error = yield* Effect.flip(Effect.provideService(
        FileBody.fromPath(path),
        FileSystem.FileSystem,
        FileSystem.FileSystem.of({ ...fileSystem, open: () => Effect.fail(refused) })
      ))
      if (mode) {
        expect(error).toMatchObject({ _tag: "UnimplementedFileMode", reason: "the process may not read it" })
        assert.strictEqual(error.cause, refused)
      } else assert.strictEqual(error, refused)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.scopedLive("closes the file when the sending is interrupted", () =>
    Effect.gen(function*() {
      const path = yield* fileOf("x".repeat(10))
      const fileSystem = yield* FileSystem.FileSystem
      let open = 0
      const counting = FileSystem.FileSystem.of({
        ...fileSystem,
        open: (path, options) =>
          Effect.acquireRelease(
            Effect.tap(fileSystem.open(path, options), () => Effect.sync(() => open++)),
            () => Effect.sync(() => open--)
          )
      })
      const body = yield* Effect.provideService(
        FileBody.fromPath(path, { blockSize: 1 }),
        FileSystem.FileSystem,
        counting
      )
      assert.strictEqual(open, 0)
      assert(body._tag === "Streaming")
      const sending = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(
        Stream.runForEach(body.stream, () => Effect.zipRight(Deferred.succeed(sending, undefined), Effect.never))
      )
      yield* Deferred.await(sending)
      assert.strictEqual(open, 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(open, 0)
    }).pipe(Effect.provide(NodeFileSystem.layer)))
})

describe("fromFile", () => {
  const opened = (content: string, flag: FileSystem.OpenFlag = "r") =>
    Effect.flatMap(
      FileSystem.FileSystem,
      (fileSystem) => Effect.flatMap(fileOf(content), (path) => fileSystem.open(path, { flag }))
    )

  it.scopedLive("sends the rest of the file from where the handle stands, chunked, as http.client does", () =>
    Effect.gen(function*() {
      const file = yield* opened("0123456789")
      yield* file.readAlloc(4)
      const body = yield* FileBody.fromFile(file)
      expect(facts(body)).toEqual({ length: undefined, replayable: false, contentType: undefined })
      yield* sends(body, `${chunkedHead()}${chunk("456789")}0\r\n\r\n`)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.scopedLive("sends with a length from an offset on, or where a length is given", () =>
    Effect.gen(function*() {
      const file = yield* opened("0123456789")
      yield* sends(
        yield* FileBody.fromFile(file, { offset: 0, contentType: "a/b" }),
        lengthHead(10).replace(
          "Content-Length",
          "Content-Type: a/b\r\nContent-Length"
        ) + "0123456789"
      )
      yield* sends(yield* FileBody.fromFile(file, { offset: 6 }), `${lengthHead(4)}6789`)
      yield* sends(yield* FileBody.fromFile(file, { offset: 2, length: 5, blockSize: 2 }), `${lengthHead(5)}23456`)
      // The handle stands behind what was sent.
      yield* sends(yield* FileBody.fromFile(file, { length: 2 }), `${lengthHead(2)}78`)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.scopedLive("reads blocks of blockSize, 65536 by default, the first one when the body is made", () =>
    Effect.gen(function*() {
      const file = yield* opened("x".repeat(150_000))
      expect(yield* Effect.flatMap(FileBody.fromFile(file), blocksOf)).toEqual([65_536, 65_536, 18_928])
      expect(yield* Effect.flatMap(FileBody.fromFile(file, { offset: 0, blockSize: 100_000 }), blocksOf)).toEqual([
        100_000,
        50_000
      ])
      yield* FileBody.fromFile(file, { offset: 0, blockSize: 7 })
      assert.strictEqual(Option.getOrThrow(yield* file.readAlloc(150_000)).length, 150_000 - 7)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.scopedLive("sends nothing of an empty file, of the end of one, or where no length is wanted", () =>
    Effect.gen(function*() {
      yield* sends(yield* FileBody.fromFile(yield* opened("")), `${chunkedHead()}0\r\n\r\n`)
      const file = yield* opened("0123")
      yield* sends(yield* FileBody.fromFile(file, { offset: 4 }), lengthHead(0))
      yield* sends(yield* FileBody.fromFile(file, { offset: 1, length: 0 }), lengthHead(0))
      assert.deepStrictEqual(yield* Effect.flatMap(FileBody.fromFile(file, { offset: 1, length: 0 }), blocksOf), [])
      // The handle stands where it stood.
      yield* sends(yield* FileBody.fromFile(file), `${chunkedHead()}${chunk("123")}0\r\n\r\n`)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.scopedLive("sends a file that says its size is 0, and has content, chunked", () =>
    Effect.gen(function*() {
      const file = sayingEmpty(yield* opened("content"))
      yield* sends(yield* FileBody.fromFile(file, { offset: 3 }), `${chunkedHead()}${chunk("tent")}0\r\n\r\n`)
      const error = yield* Effect.flip(FileBody.fromFile(file, { offset: 7 }))
      expect(error).toMatchObject({ _tag: "InvalidOption", option: "offset" })
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.scopedLive("fails with UnimplementedFileMode for a handle opened for writing, before the first byte leaves", () =>
    Effect.gen(function*() {
      for (const options of [{}, { offset: 0 }, { offset: 0, length: 0 }]) {
        const error = yield* Effect.flip(FileBody.fromFile(yield* opened("", "w"), options))
        expect(error).toMatchObject({
          _tag: "UnimplementedFileMode",
          reason: "the handle is not open for reading, or not one of a file"
        })
        // What the file system said.
        expect(error.cause).toMatchObject({ _tag: "SystemError", cause: { code: "EBADF" } })
      }
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.scopedLive("fails with UnimplementedFileMode for the handle of a directory", () =>
    Effect.gen(function*() {
      const fileSystem = yield* FileSystem.FileSystem
      const error = yield* Effect.flip(
        FileBody.fromFile(yield* fileSystem.open(yield* fileSystem.makeTempDirectoryScoped()))
      )
      expect(error).toMatchObject({ _tag: "UnimplementedFileMode", cause: { cause: { code: "EISDIR" } } })
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.scopedLive("fails with BodyLengthMismatch where the file ends before the length that was given", () =>
    Effect.gen(function*() {
      const file = yield* opened("0123")
      const { connection } = yield* connected(T.expect(`${lengthHead(6)}0123`), T.expectDestroy)
      const body = yield* FileBody.fromFile(file, { length: 6 })
      const error = yield* Effect.flip(connection.execute(HttpRequest.post("/", { body })))
      expect(error).toMatchObject({ _tag: "BodyLengthMismatch", declared: 6, actual: 4 })
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.scopedLive("leaves the file open", () =>
    Effect.gen(function*() {
      const file = yield* opened("0123")
      yield* Effect.flatMap(FileBody.fromFile(file), blocksOf)
      yield* file.seek(0, "start")
      assert.strictEqual(Option.getOrThrow(yield* file.readAlloc(10)).length, 4)
    }).pipe(Effect.provide(NodeFileSystem.layer)))
})

describe("options", () => {
  it.scopedLive.each<readonly [options: FileBody.Options, option: string, reason: string]>([
    [{ offset: -1 }, "offset", "it must be a whole number from 0 on"],
    [{ offset: 0.5 }, "offset", "it must be a whole number from 0 on"],
    [{ offset: 2 ** 53 }, "offset", "it must be a whole number from 0 on"],
    [{ length: -1 }, "length", "it must be a whole number from 0 on"],
    [{ length: NaN }, "length", "it must be a whole number from 0 on"],
    [{ blockSize: 0 }, "blockSize", "it must be a whole number from 1 on"],
    [{ blockSize: Infinity }, "blockSize", "it must be a whole number from 1 on"],
    [{ offset: 5 }, "offset", "the file has only 4 bytes"],
    [{ offset: 1, length: 4 }, "length", "the file has only 3 bytes from its offset on"]
  ])("that make no sense are InvalidOption: %o", ([options, option, reason]) =>
    Effect.gen(function*() {
      const path = yield* fileOf("0123")
      const fileSystem = yield* FileSystem.FileSystem
      const expected = { _tag: "InvalidOption", option, reason }
      expect(yield* Effect.flip(FileBody.fromPath(path, options))).toMatchObject(expected)
      expect(yield* Effect.flip(FileBody.fromFile(yield* fileSystem.open(path), options))).toMatchObject(expected)
    }).pipe(Effect.provide(NodeFileSystem.layer)))
})
