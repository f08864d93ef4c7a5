/** The servers that the checks of the runtimes ask. They run in Node, so that only the client is under test. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { writeFileSync } from "node:fs"
import * as http from "node:http"
import * as https from "node:https"
import type * as net from "node:net"
import { dirname, join } from "node:path"
import type { Duplex } from "node:stream"
import type * as tls from "node:tls"
import * as zlib from "node:zlib"
import { listen, raw, unusedPort } from "../../docs/demo/servers/listen.ts"
import { credentials, startProxy } from "../../docs/demo/servers/proxy.ts"
import { attachServer } from "../../docs/demo/servers/upgrading.ts"
import type { Certificates } from "../fixtures/certificates.ts"
import { socksServer } from "../fixtures/socksServer.ts"
import type { Places } from "./places.ts"

/** What the encoded responses decode to. */
export const plain = "to be or not to be ".repeat(1000)

// A frame of zstd with one block of plain bytes (RFC 8878), because Node 20 cannot make one.
const zstdFrame = (content: Buffer): Buffer => {
  const head = Buffer.alloc(9)
  head.writeUInt32LE(0xfd2fb528, 0)
  // One segment, whose size has two bytes; it is given less 256.
  head.writeUInt8(0x60, 4)
  head.writeUInt16LE(content.length - 256, 5)
  const block = Buffer.alloc(3)
  block.writeUIntLE((content.length << 3) | 1, 0, 3)
  return Buffer.concat([head.subarray(0, 7), block, content])
}

const encodings: Readonly<Record<string, (content: Buffer) => Buffer>> = {
  gzip: (content) => zlib.gzipSync(content),
  deflate: (content) => zlib.deflateSync(content),
  br: (content) => zlib.brotliCompressSync(content),
  zstd: zstdFrame
}

/** Names of things that happen once, and what waits for them. */
const happenings = () => {
  const happened = new Set<string>()
  const waiting = new Map<string, () => void>()
  return {
    note: (name: string): void => {
      happened.add(name)
      waiting.get(name)?.()
    },
    when: (name: string, callback: () => void): void => {
      if (happened.has(name)) callback()
      else waiting.set(name, callback)
    }
  }
}

/** Numbers the sockets, and knows which requests have arrived and which have lost theirs. */
const connections = () => {
  const ids = new WeakMap<net.Socket, number>()
  const seen = happenings()
  const closed = happenings()
  let last = 0
  return {
    idOf: (socket: net.Socket): number => {
      const id = ids.get(socket) ?? ++last
      ids.set(socket, id)
      return id
    },
    watch: (name: string, socket: net.Socket): void => {
      seen.note(name)
      socket.once("close", () => closed.note(name))
    },
    whenSeen: seen.when,
    whenClosed: closed.when
  }
}

/** Writes as fast as the client reads, and notes how much the system took. */
const pour = (response: http.ServerResponse, size: number, written: { bytes: number }): void => {
  const block = Buffer.alloc(65_536, "x")
  const more = (): void => {
    while (written.bytes < size) {
      written.bytes += block.length
      if (!response.write(block)) return void response.once("drain", more)
    }
    response.end()
  }
  more()
}

type Handle = (request: http.IncomingMessage, response: http.ServerResponse, rest: string) => void

const handlers = (directory: string): Readonly<Record<string, Handle>> => {
  const known = connections()
  const written = { bytes: 0 }
  return {
    hello: (_request, response) => response.end("hello"),
    json: (_request, response) => response.setHeader("Content-Type", "application/json").end("{\"name\":\"ann\"}"),
    /** Sends back what arrives, and how it was framed. */
    echo: (request, response) => {
      response.setHeader("X-Framing", request.headers["transfer-encoding"] ?? `${request.headers["content-length"]}`)
      response.setHeader("X-Type", `${request.headers["content-type"]}`)
      request.pipe(response)
    },
    connection: (request, response) => response.end(String(known.idOf(request.socket))),
    tls: (request, response) => {
      const socket = request.socket as tls.TLSSocket
      response.end(
        JSON.stringify({
          alpn: socket.alpnProtocol,
          resumed: socket.isSessionReused(),
          version: socket.getProtocol()
        })
      )
    },
    chunked: (_request, response) => {
      response.setHeader("Trailer", "X-Sum")
      response.write("one,")
      response.write("two")
      response.addTrailers({ "X-Sum": "7" })
      response.end()
    },
    hints: (_request, response) =>
      response.writeEarlyHints({ link: "</a.css>; rel=preload" }, () => response.end("ok")),
    encoded: (_request, response, coding) =>
      response.setHeader("Content-Encoding", coding).end(encodings[coding]?.(Buffer.from(plain))),
    /** Never answers. */
    stall: (request, _response, name) => known.watch(name, request.socket),
    /** Never ends its body. */
    drip: (request, response, name) => {
      known.watch(name, request.socket)
      response.write("some")
    },
    seen: (_request, response, name) => known.whenSeen(name, () => response.end("seen")),
    closed: (_request, response, name) => known.whenClosed(name, () => response.end("closed")),
    pour: (_request, response, size) => {
      written.bytes = 0
      pour(response, Number(size), written)
    },
    poured: (_request, response) => response.end(String(written.bytes)),
    events: (request, response, name) => {
      known.watch(name, request.socket)
      response.setHeader("Content-Type", "text/event-stream")
      response.write("id: 1\ndata: one\n\nid: 2\nevent: b\ndata: two\n\n")
    },
    /**
     * Answers, and then, when the client is busy, behaves as no server should, or goes away. When that lies in the client's
     * buffers a file says so, because the client is too busy to receive anything.
     */
    afterwards: (request, response, rest) => {
      const [what = "", name = ""] = rest.split(",")
      const { socket } = request
      const acted = (): void => writeFileSync(join(directory, name), "")
      response.end(String(known.idOf(socket)))
      response.once("finish", () =>
        setTimeout(() => {
          if (what === "end") socket.end(acted)
          else if (what === "stray") socket.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray", acted)
          else {
            socket.resetAndDestroy()
            acted()
          }
        }, 20))
    },
    /** Breaks off in the middle of the body. */
    cut: (request, response) => {
      response.setHeader("Content-Length", 10).write("half")
      setImmediate(() => request.socket.destroy())
    },
    reset: (request) => request.socket.resetAndDestroy(),
    gone: (request) => request.socket.destroy()
  }
}

const handler = (directory: string): http.RequestListener => {
  const known = handlers(directory)
  return (request, response) => {
    const [, name = "", rest = ""] = `${request.url}`.split("/")
    const handle = known[name]
    if (handle === undefined) response.writeHead(404).end()
    else handle(request, response, rest)
  }
}

/** Sends back what arrives after a 101. */
const upgradable = (server: http.Server): http.Server =>
  server.on("upgrade", (_request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => {})
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
    socket.write(head)
    socket.pipe(socket)
  })

/** Starts all servers and returns where they are. */
export const start = (
  { another, ca, client, expired, nameOnly, otherName, selfSigned, server }: Certificates,
  socketPath: string
): Effect.Effect<Places, never, Scope.Scope> =>
  Effect.gen(function*() {
    const answer = () => handler(dirname(socketPath))
    const secure = (options: https.ServerOptions) => listen(https.createServer(options, answer()))
    const unix = attachServer().on("request", answer())
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => {
        unix.listen(socketPath, () => resume(Effect.void))
      }),
      () => Effect.sync(() => unix.close())
    )
    return {
      plain,
      ca,
      client,
      socketPath,
      proxyAuthorization: credentials,
      http: yield* listen(upgradable(http.createServer({ keepAliveTimeout: 60_000 }, answer()))),
      https: yield* secure({ ...server, keepAliveTimeout: 60_000 }),
      byName: yield* secure(nameOnly),
      expired: yield* secure(expired),
      otherName: yield* secure(otherName),
      selfSigned: yield* secure(selfSigned),
      untrusted: yield* secure(another.server),
      mutual: yield* secure({ ...server, ca, requestCert: true, rejectUnauthorized: true }),
      proxy: yield* startProxy,
      socks: yield* listen(socksServer().server),
      broken: yield* raw((socket) => {
        socket.once("data", () => socket.end("this is no HTTP\r\n\r\n"))
      }),
      unused: yield* unusedPort
    }
  })
