/** The request and the options of the pool that the arguments ask for. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { createReadStream } from "node:fs"
import { readFile, stat } from "node:fs/promises"
import type * as ConnectionPool from "../ConnectionPool.ts"
import * as HttpBody from "../HttpBody.ts"
import * as HttpRequest from "../HttpRequest.ts"
import * as Origin from "../Origin.ts"
import * as Proxy from "../Proxy.ts"
import type * as Tls from "../Tls.ts"
import type { Options, Source } from "./args.ts"
import type { Failure, FileFailure } from "./failure.ts"
import { fileFailure } from "./failure.ts"
import type { Io } from "./io.ts"

const jsonType = "application/json"

/** Creates a body from a file that is opened when the request is sent, again for each request. */
const fileBody = (path: string, contentType: string | undefined) =>
  Effect.map(
    Effect.tryPromise({ try: () => stat(path), catch: fileFailure(26, path) }),
    ({ size }) =>
      HttpBody.stream(
        Stream.suspend(() =>
          Stream.fromAsyncIterable<Uint8Array, FileFailure>(createReadStream(path), fileFailure(26, path))
        ),
        { contentType, length: size, replayable: true }
      )
  )

const stdinBody = (io: Io, contentType: string | undefined, isRepeated: boolean) => {
  const bytes = Stream.suspend(() => Stream.fromAsyncIterable(io.stdin(), fileFailure(26, "standard input")))
  return isRepeated
    ? Effect.map(
      Stream.runCollect(bytes),
      (pieces) => HttpBody.bytes(Buffer.concat([...pieces]), contentType)
    )
    : Effect.succeed(HttpBody.stream(bytes, { contentType }))
}

const bodyOf = (
  source: Source,
  options: Options,
  io: Io
): Effect.Effect<HttpBody.HttpBody<FileFailure>, FileFailure> => {
  const contentType = options.json ? jsonType : undefined
  switch (source._tag) {
    case "Text":
      return Effect.succeed(HttpBody.bytes(new TextEncoder().encode(source.text), contentType))
    case "File":
      return fileBody(source.path, contentType)
    case "Stdin":
      return stdinBody(io, contentType, options.repeat > 1)
  }
}

/**
 * Returns the fields: those given, then `Accept` and the credentials unless they are among them.
 */
const headersOf = ({ headers, user }: Options): ReadonlyArray<readonly [string, string]> => {
  const has = (name: string) => headers.some(([given]) => given.toLowerCase() === name)
  return [
    ...headers,
    ...has("accept") ? [] : [["Accept", "*/*"] as const],
    ...user === undefined || has("authorization")
      ? []
      : [["Authorization", `Basic ${Buffer.from(user).toString("base64")}`] as const]
  ]
}

/** Creates the request. Checks only that its files can be read. */
export const makeRequest = (
  options: Options,
  io: Io
): Effect.Effect<HttpRequest.HttpRequest<FileFailure>, Failure> =>
  Effect.gen(function*() {
    const body = options.body === undefined ? HttpBody.empty : yield* bodyOf(options.body, options, io)
    const method = options.method ?? (options.body === undefined ? "GET" : "POST")
    const { unixSocket: socketPath, url } = options
    if (socketPath === undefined) return HttpRequest.make(method, url, { headers: headersOf(options), body })
    const { origin, target } = yield* Origin.fromUrl(url, { socketPath })
    return HttpRequest.make(method, target, { headers: headersOf(options), body, origin })
  })

const tlsOf = ({ ca, insecure }: Options): Effect.Effect<Tls.Options | undefined, FileFailure> => {
  if (ca === undefined) return Effect.succeed(insecure ? { verify: false } : undefined)
  return Effect.map(
    Effect.tryPromise({ try: () => readFile(ca, "utf8"), catch: fileFailure(26, ca) }),
    (text) => ({ ca: text, ...(insecure ? { verify: false } : {}) })
  )
}

const proxyOf = (
  { proxy, unixSocket }: Options,
  io: Io
): Effect.Effect<Proxy.Proxy | Proxy.Settings | undefined, Failure> =>
  proxy === "" || unixSocket !== undefined
    ? Effect.succeed(undefined)
    : proxy === undefined
    ? Proxy.fromEnv(io.env)
    : Proxy.fromUrl(proxy)

/** Returns the options of the pool that sends the request. */
export const poolOptions = (
  options: Options,
  io: Io
): Effect.Effect<ConnectionPool.Options, Failure> =>
  Effect.gen(function*() {
    const { concurrency, maxTime } = options
    return {
      connectionsPerOrigin: concurrency,
      connections: concurrency,
      // A person is waiting: a wrong port is reported at once, and each request detects it
      // separately.
      connectRetryTime: 0,
      connectBackoff: 0,
      tls: yield* tlsOf(options),
      proxy: yield* proxyOf(options, io),
      timeouts: maxTime === undefined ? undefined : { total: maxTime * 1000 }
    }
  })
