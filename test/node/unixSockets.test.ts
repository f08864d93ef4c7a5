/** Unix sockets: abstract ones, and paths that the system has no room for. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Scope from "effect/Scope"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import * as HttpConnection from "../../src/HttpConnection.ts"
import { type ConnectError, type HttpError, InvalidUrl } from "../../src/HttpError.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import { codeOf } from "../../src/internal/error/systemCodes.ts"
import { invalidPath } from "../../src/internal/node/targets.ts"
import { isRecoverable } from "../../src/internal/pool/recoverable.ts"
import * as NodeTransport from "../../src/NodeTransport.ts"
import * as Origin from "../../src/Origin.ts"
import { directory } from "../fixtures/sockets.ts"
import { webServer } from "../fixtures/web.ts"

const live = (name: string, test: Effect.Effect<unknown, unknown, Scope.Scope>) =>
  it.live(name, () => Effect.scoped(test))

const get = (socketPath: string) =>
  Effect.gen(function*() {
    const connection = yield* HttpConnection.make({ socketPath })
    return yield* (yield* connection.execute(HttpRequest.get("/"))).text
  }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))

/** Whether it was reached, and if not, the reason. */
const outcome = <A, E extends HttpError>(opened: Effect.Effect<A, E>): Effect.Effect<string, E> =>
  Effect.matchEffect(opened, {
    onFailure: (error) => error._tag === "ConnectError" ? Effect.succeed(error.reason) : Effect.fail(error),
    onSuccess: () => Effect.succeed("reached")
  })

const noLimits = { dns: Infinity, connect: Infinity, tls: Infinity }

/** What Node and the system of this test can do. What the others do is a table below. */
const isReachable = invalidPath("@name", process.platform, process.versions.uv) === undefined

describe("an abstract socket", () => {
  const name = `ehc-${process.pid}`

  live(
    "is reached as `@name` and as a NUL and the name, or fails typed where it cannot be reached",
    Effect.gen(function*() {
      if (process.platform === "linux") {
        yield* webServer((request, response) => void response.end(request.url), { path: `\0${name}` })
      }
      const pool = yield* Effect.provide(ConnectionPool.make(), NodeTransport.layer)
      for (const socketPath of [`@${name}`, `\0${name}`]) {
        const origin = yield* Origin.make({ scheme: "http", host: "localhost", socketPath })
        const outcomes = [
          yield* outcome(get(socketPath)),
          yield* outcome(Effect.flatMap(pool.execute(HttpRequest.get("/", { origin })), ({ text }) => text)),
          yield* outcome(
            Effect.scoped(NodeTransport.transport.open({ host: "localhost", port: 80, socketPath }, noLimits))
          )
        ]
        assert.deepStrictEqual([...new Set(outcomes)], [isReachable ? "reached" : "NotSupported"])
      }
    })
  )

  live(
    "that is not there is refused, and its name is shown with `@`",
    Effect.gen(function*() {
      for (const socketPath of ["@ehc-none", "\0ehc-none"]) {
        const error = yield* Effect.flip(
          Effect.scoped(NodeTransport.transport.open({ host: "localhost", port: 80, socketPath }, noLimits))
        )
        assert.strictEqual(error._tag === "ConnectError" && error.target, "@ehc-none")
        assert.strictEqual(error._tag === "ConnectError" && error.reason, isReachable ? "Refused" : "NotSupported")
        assert.notInclude(error.message, "\0")
      }
    })
  )

  it("is one origin in both spellings, and is shown as `@name`", () => {
    const make = (socketPath: string) =>
      Either.getOrThrow(Origin.make({ scheme: "http", host: "localhost", socketPath }))
    assert.deepStrictEqual(make("\0name"), make("@name"))
    assert.strictEqual(Origin.format(make("\0name")), "unix:@name")
    assert.strictEqual(make("./@name").socketPath, "./@name")
  })

  it("needs a name, without a further NUL", () => {
    for (const socketPath of ["@", "\0", "\0a\0", "@a\0b", "a\0"]) {
      const made = Origin.make({ scheme: "http", host: "localhost", socketPath })
      const error = Either.getOrThrow(Either.flip(made))
      assert.strictEqual(error instanceof InvalidUrl && error.part, "socketPath", JSON.stringify(socketPath))
    }
  })
})

describe("a socket path", () => {
  const sizes: ReadonlyArray<readonly [platform: NodeJS.Platform, longest: number]> = [
    ["linux", 108],
    ["darwin", 104],
    ["freebsd", 104]
  ]
  for (const [platform, longest] of sizes) {
    it(`has at most ${longest} bytes on ${platform}, and not characters`, () => {
      assert.isUndefined(invalidPath("x".repeat(longest), platform, "1.51.0"))
      assert.isUndefined(invalidPath("ü".repeat(longest / 2), platform, "1.51.0"))
      for (const path of ["x".repeat(longest + 1), `${"ü".repeat(longest / 2)}x`]) {
        const cause = invalidPath(path, platform, "1.51.0")
        assert.strictEqual(codeOf(cause), "ENAMETOOLONG")
        assert.strictEqual(cause?.message, `The path has ${longest + 1} bytes, of at most ${longest}`)
      }
    })
  }

  it("on Windows is a pipe, which has no such limit", () => {
    assert.isUndefined(invalidPath(String.raw`\\.\pipe\${"x".repeat(200)}`, "win32", "1.51.0"))
  })

  const abstract: ReadonlyArray<readonly [platform: NodeJS.Platform, uv: string, code: string | undefined]> = [
    ["linux", "1.48.0", undefined],
    ["linux", "1.51.0", undefined],
    ["linux", "2.0.0", undefined],
    ["linux", "1.46.0", "ENOTSUP"],
    ["darwin", "1.51.0", "ENOTSUP"],
    ["win32", "1.51.0", "ENOTSUP"]
  ]
  for (const [platform, uv, code] of abstract) {
    it(`${code === undefined ? "may" : "cannot"} be abstract on ${platform} with libuv ${uv}`, () => {
      const cause = invalidPath("@name", platform, uv)
      assert.strictEqual(cause && codeOf(cause), code)
      assert.isUndefined(invalidPath("./@name", platform, uv))
    })
  }

  live(
    "that is too long fails typed, with its length, and reaches no socket whose path is its beginning",
    Effect.gen(function*() {
      const beginning = `${yield* directory}/`.padEnd(108, "x").slice(0, process.platform === "linux" ? 108 : 104)
      const connections: Array<unknown> = []
      const server = yield* webServer((_request, response) => void response.end("ok"), { path: beginning })
      server.raw.on("connection", (socket) => void connections.push(socket))
      assert.strictEqual(yield* get(beginning), "ok")
      connections.length = 0
      const error = (yield* Effect.flip(get(`${beginning}y`))) as ConnectError
      assert.deepInclude({ ...error }, { _tag: "ConnectError", reason: "PathTooLong", code: "ENAMETOOLONG" })
      assert.include(error.message, `It has ${beginning.length + 1} bytes.`)
      assert.strictEqual(connections.length, 0)
      assert.isFalse(isRecoverable(error))
    })
  )
})
