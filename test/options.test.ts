/**
 * An option that is `undefined` is as if it were not there, everywhere alike: programs pass on what they were given, and
 * `exactOptionalPropertyTypes` would refuse that where a type forgets it. The first test reads the types of all sources; the others
 * try every option of every function, and do not compile when one is added that they do not name.
 */
import { FileSystem } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { describe, expect } from "vitest"
import type * as ConnectionPool from "../src/ConnectionPool.ts"
import * as FileBody from "../src/FileBody.ts"
import * as HttpBody from "../src/HttpBody.ts"
import * as HttpConnection from "../src/HttpConnection.ts"
import * as HttpLeniency from "../src/HttpLeniency.ts"
import * as HttpLimits from "../src/HttpLimits.ts"
import * as HttpRequest from "../src/HttpRequest.ts"
import * as HttpTimeouts from "../src/HttpTimeouts.ts"
import { toSettings } from "../src/internal/effect/poolSettings.ts"
import { CurrentOptions, merge } from "../src/internal/platform/references.ts"
import { applyOptions } from "../src/internal/platform/route.ts"
import * as Origin from "../src/Origin.ts"
import type * as PooledHttpClient from "../src/PooledHttpClient.ts"
import * as Proxy from "../src/Proxy.ts"
import * as TestTransport from "../src/TestTransport.ts"
import * as Tls from "../src/Tls.ts"

const src = fileURLToPath(new URL("../src/", import.meta.url))

/** Every optional property of the exported and of all named types whose type does not say `undefined`, as `file:line name`. */
const exact = (file: string): ReadonlyArray<string> => {
  const source = ts.createSourceFile(file, fs.readFileSync(path.join(src, file), "utf8"), ts.ScriptTarget.ES2022, true)
  const found: Array<string> = []
  const acceptsUndefined = (type: ts.TypeNode | undefined): boolean =>
    type === undefined
    || type.kind === ts.SyntaxKind.UnknownKeyword
    || type.kind === ts.SyntaxKind.UndefinedKeyword
    || (ts.isUnionTypeNode(type) && type.types.some(acceptsUndefined))
  const visit = (node: ts.Node): void => {
    const name = ts.isPropertySignature(node) && node.questionToken !== undefined
      ? node.name.getText()
      : ts.isMappedTypeNode(node) && node.questionToken?.kind === ts.SyntaxKind.QuestionToken
      ? "mapped type"
      : undefined
    if (name !== undefined && !acceptsUndefined((node as ts.PropertySignature | ts.MappedTypeNode).type)) {
      found.push(`${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1} ${name}`)
    }
    if (ts.isTypeReferenceNode(node) && node.typeName.getText() === "Partial" && !file.startsWith("internal")) {
      found.push(`${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1} Partial`)
    }
    ts.forEachChild(node, visit)
  }
  for (const statement of source.statements) {
    const isExported = ts.canHaveModifiers(statement)
      && ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true
    if (isExported || ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) visit(statement)
  }
  return found
}

it("no option of the sources refuses `undefined`", () => {
  const files = fs.readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"))
  expect(files.length).toBeGreaterThan(100)
  expect(files.flatMap(exact)).toEqual([])
})

/** All that may be left out of options, each there and `undefined`. */
type Undefined<Options> = {
  readonly [K in keyof Options as object extends Pick<Options, K> ? K : never]-?: undefined
}

const timeouts: Undefined<HttpTimeouts.Options> = {
  pool: undefined,
  dns: undefined,
  connect: undefined,
  tls: undefined,
  proxy: undefined,
  write: undefined,
  continue: undefined,
  head: undefined,
  bodyIdle: undefined,
  total: undefined
}

const limits: Undefined<HttpLimits.Options> = {
  statusLine: undefined,
  fieldLine: undefined,
  fields: undefined,
  head: undefined,
  informational: undefined,
  chunkLine: undefined,
  chunkExtensions: undefined,
  trailers: undefined,
  body: undefined
}

const leniency = Object.fromEntries(Object.keys(HttpLeniency.strict).map((name) => [name, undefined]))

const tls: Undefined<Tls.Options> = {
  serverName: undefined,
  ca: undefined,
  caSystem: undefined,
  cert: undefined,
  key: undefined,
  passphrase: undefined,
  pfx: undefined,
  crl: undefined,
  minVersion: undefined,
  maxVersion: undefined,
  ciphers: undefined,
  ecdhCurve: undefined,
  sigalgs: undefined,
  alpn: undefined,
  verify: undefined,
  pins: undefined,
  keylog: undefined,
  sessions: undefined
}

const pool: Undefined<ConnectionPool.Options> = {
  connectionsPerOrigin: undefined,
  connections: undefined,
  idlePerOrigin: undefined,
  idle: undefined,
  waiters: undefined,
  requestsPerConnection: undefined,
  connectRetryTime: undefined,
  connectBackoff: undefined,
  lifetime: undefined,
  lifetimeJitter: undefined,
  idleTime: undefined,
  selection: undefined,
  warm: undefined,
  followDns: undefined,
  keepAliveMargin: undefined,
  drainBytes: undefined,
  drainTime: undefined,
  unreadTime: undefined,
  unreadGrace: undefined,
  shutdownGrace: undefined,
  tls: undefined,
  proxy: undefined,
  localAddress: undefined,
  blockSize: undefined,
  timeouts: undefined,
  limits: undefined,
  leniency: undefined,
  wireTap: undefined,
  tracing: undefined,
  onEvent: undefined
}

const request: Undefined<HttpRequest.Input> = {
  origin: undefined,
  timeouts: undefined,
  limits: undefined,
  leniency: undefined,
  targetForm: undefined,
  expectContinue: undefined,
  encodeChunked: undefined,
  onInformational: undefined,
  acceptTrailers: undefined,
  json: undefined,
  form: undefined,
  query: undefined,
  headers: undefined,
  body: undefined,
  trailers: undefined
}

const requestOptions: Undefined<PooledHttpClient.RequestOptions> = {
  timeouts: undefined,
  limits: undefined,
  leniency: undefined,
  expectContinue: undefined,
  onInformational: undefined,
  targetForm: undefined,
  acceptTrailers: undefined,
  tls: undefined,
  proxy: undefined,
  localAddress: undefined,
  socketPath: undefined
}

describe("an option that is `undefined` is as if it were not there", () => {
  it("in timeouts, limits and leniencies", () => {
    expect(HttpTimeouts.make(timeouts)).toEqual(HttpTimeouts.defaults)
    expect(HttpTimeouts.make({ ...timeouts, head: "1 second" }).head).toBe("1 second")
    expect(HttpLimits.make(limits)).toEqual(HttpLimits.defaults)
    expect(HttpLeniency.make(leniency)).toEqual(HttpLeniency.strict)
    expect(HttpLeniency.make({ ...leniency, bareLf: true }).bareLf).toBe(true)
  })

  it("in a request, and in options that are set over those that it has", () => {
    expect(HttpRequest.make("GET", "/", request)).toEqual(HttpRequest.make("GET", "/"))
    const options: Undefined<HttpRequest.Options> = request
    const given = HttpRequest.get("/", {
      origin: Either.getOrThrow(Origin.make({ scheme: "http", host: "localhost" })),
      timeouts: { head: 1 },
      limits: { body: 1 },
      leniency: HttpLeniency.httpClient,
      targetForm: "absolute",
      expectContinue: true,
      onInformational: () => {},
      acceptTrailers: true
    })
    expect(HttpRequest.setOptions(given, options)).toEqual(given)
  })

  it("in an origin, a proxy, and TLS", () => {
    const bare = Origin.make({ scheme: "https", host: "localhost" })
    const parts: Undefined<Origin.Parts> = { port: undefined, socketPath: undefined }
    const options: Undefined<Origin.Options> = { tls: undefined, proxy: undefined, localAddress: undefined }
    expect(Origin.make({ scheme: "https", host: "localhost", ...parts, ...options })).toEqual(bare)
    expect(Origin.make({ scheme: "https", host: "localhost", ...parts, tls })).toEqual(bare)
    expect(Origin.fromUrl("https://localhost/", { ...options, socketPath: undefined })).toEqual(
      Origin.fromUrl("https://localhost/")
    )
    const proxy: Undefined<Proxy.Options> = {
      scheme: undefined,
      port: undefined,
      credentials: undefined,
      headers: undefined,
      tls: undefined
    }
    expect(Proxy.make({ host: "localhost", ...proxy })).toEqual(Proxy.make({ host: "localhost" }))
    expect(Proxy.fromUrl("http://localhost/", { headers: undefined, tls: undefined })).toEqual(
      Proxy.fromUrl("http://localhost/")
    )
  })

  it("in a pool", () => {
    expect(toSettings(pool)).toEqual(toSettings({}))
    const inside = toSettings({ timeouts, limits, tls: undefined, leniency: HttpLeniency.make(leniency) })
    expect(inside).toEqual(toSettings({}))
  })

  it("in the options around requests, of which the inner one leaves the outer one", () => {
    const outer: PooledHttpClient.RequestOptions = {
      timeouts: { head: 1 },
      limits: { body: 1 },
      leniency: HttpLeniency.httpClient,
      expectContinue: true,
      tls: { verify: false },
      proxy: Either.getOrThrow(Proxy.make({ host: "localhost" })),
      localAddress: "127.0.0.1",
      socketPath: "/run/a.sock"
    }
    expect(merge(outer, requestOptions)).toEqual(outer)
    expect(merge(outer, { timeouts, limits })).toEqual(outer)
    expect(merge(outer, { proxy: false, localAddress: false, socketPath: false })).toMatchObject({
      proxy: false,
      localAddress: false,
      socketPath: false
    })
    // Without a connection option the URL is left to the pool, which keeps what it has read.
    expect(Either.getOrThrow(applyOptions("http://localhost/a", requestOptions, undefined)).options.origin)
      .toBeUndefined()
    expect(CurrentOptions.key).toContain("PooledHttpClient")
  })

  it("in a body", () => {
    const bytes = Stream.make(new Uint8Array(1))
    const options: Undefined<HttpBody.StreamOptions> = {
      length: undefined,
      replayable: undefined,
      contentType: undefined
    }
    expect({ ...HttpBody.stream(bytes, options) }).toEqual({ ...HttpBody.stream(bytes) })
    expect(HttpBody.text("a", { charset: undefined, contentType: undefined })).toEqual(HttpBody.text("a"))
  })

  it.effect("in the body of a file", () =>
    Effect.gen(function*() {
      const options: Undefined<FileBody.Options> = {
        blockSize: undefined,
        offset: undefined,
        length: undefined,
        contentType: undefined
      }
      const file = yield* (yield* FileSystem.FileSystem).makeTempFileScoped()
      const given = yield* FileBody.fromPath(file, options)
      const bare = yield* FileBody.fromPath(file)
      assert.deepStrictEqual({ ...given, stream: undefined }, { ...bare, stream: undefined })
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))

  const connection: Undefined<HttpConnection.Options> = {
    host: undefined,
    port: undefined,
    tls: undefined,
    socketPath: undefined,
    localAddress: undefined,
    localPort: undefined,
    proxy: undefined,
    tunnel: undefined,
    blockSize: undefined,
    autoOpen: undefined,
    timeouts: undefined,
    limits: undefined,
    leniency: undefined,
    wireTap: undefined,
    tracing: undefined,
    onEvent: undefined
  }

  it.effect("in a connection, in one call and step by step", () => {
    const steps: Undefined<NonNullable<Parameters<HttpConnection.HttpConnection["putRequest"]>[2]>> = {
      skipHost: undefined,
      skipAcceptEncoding: undefined,
      onInformational: undefined
    }
    const head = { body: undefined, encodeChunked: undefined }
    const ok = TestTransport.reply("HTTP/1.1 204 No Content\r\n\r\n", { split: undefined })
    return Effect.gen(function*() {
      const made = yield* HttpConnection.make({ ...connection, host: "a", port: undefined })
      yield* made.execute(HttpRequest.get("/", { ...request, timeouts, limits }))
      yield* made.putRequest("GET", "/", steps)
      yield* made.endHeaders(head)
      yield* made.getResponse
      yield* made.request("GET", "/", { ...head, headers: undefined })
      assert.strictEqual((yield* made.getResponse).status, 204)
    }).pipe(
      Effect.scoped,
      Effect.provide(TestTransport.layer([
        TestTransport.connection(
          TestTransport.expect("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
          ok,
          TestTransport.expect("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: identity\r\n\r\n"),
          ok,
          TestTransport.expect("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: identity\r\n\r\n"),
          ok
        )
      ]))
    )
  })
})
