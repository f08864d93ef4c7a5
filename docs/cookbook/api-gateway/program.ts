/** A gateway: forwards each request to the upstream of its path, streaming both ways, over one pool of connections. */
import * as NodeSink from "@effect/platform-node/NodeSink"
import * as NodeStream from "@effect/platform-node/NodeStream"
import {
  ConnectionPool,
  HttpBody,
  type HttpError,
  HttpFields,
  HttpRequest,
  type HttpResponse,
  Origin
} from "effect-http-client"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Stream from "effect/Stream"
import * as http from "node:http"
import type * as net from "node:net"
import { ClientGone, describe } from "./failures.ts"
import { pairs, toClient, toUpstream } from "./fields.ts"

export interface Options {
  /** The name of the gateway in Via and Proxy-Status: a host name or another token. */
  readonly name: string
  /** Upstreams by the beginning of the path, such as `{ "/orders": "http://10.0.0.7:8080" }`. */
  readonly routes: Readonly<Record<string, string>>
  readonly host: string
  readonly port: number
}

/** The body of the client's request. Its pieces are read as fast as the upstream takes them. */
const bodyOf = (incoming: http.IncomingMessage, outgoing: http.ServerResponse): HttpBody.HttpBody<ClientGone> => {
  const { "content-length": length, expect } = incoming.headers
  if (incoming.headers["transfer-encoding"] === undefined && Number(length ?? 0) === 0) return HttpBody.empty
  const pieces = Stream.suspend(() => {
    // The upstream wants the body, or has not said otherwise for `timeouts.continue`.
    if (expect !== undefined) outgoing.writeContinue()
    return NodeStream.fromReadable(
      () => incoming,
      (cause) => new ClientGone({ cause }),
      // Otherwise an upstream that answers early ends the stream, the stream closes the client's connection, and the
      // answer is lost.
      { closeOnDone: false }
    )
  })
  // What an early answer leaves is read and dropped, or a client that writes before it reads would never read the answer.
  const drained = Stream.ensuring(pieces, Effect.sync(() => incoming.resume()))
  // A broken connection of the client must not look like the end of the body.
  const whole = Effect.suspend(() =>
    incoming.complete ? Effect.void : Effect.fail(new ClientGone({ cause: undefined }))
  )
  return HttpBody.stream(Stream.concat(drained, Stream.execute(whole)), {
    length: length === undefined ? undefined : Number(length)
  })
}

/** Passes on an interim response such as 103 (Early Hints). HTTP/1.0 has none; a 100 is written by `bodyOf`. */
const relayInterim = (incoming: http.IncomingMessage, outgoing: http.ServerResponse) =>
(
  { fields, status }: HttpResponse.Informational
) => {
  const link = HttpFields.getAll(fields, "link")
  if (status === 103 && link.length > 0 && incoming.httpVersionMinor > 0) {
    outgoing.writeEarlyHints({ link: [...link] })
  }
}

const requestOf = (
  origin: Origin.Origin,
  incoming: http.IncomingMessage,
  outgoing: http.ServerResponse,
  { name }: Options
): HttpRequest.HttpRequest<ClientGone> => {
  const body = bodyOf(incoming, outgoing)
  const isChunked = incoming.headers["transfer-encoding"] !== undefined
  return HttpRequest.make(incoming.method ?? "GET", incoming.url ?? "/", {
    origin,
    headers: toUpstream(incoming, name),
    body,
    ...(isChunked ? { trailers: Effect.sync(() => pairs(incoming.rawTrailers)) } : {}),
    acceptTrailers: /\btrailers\b/i.test(String(incoming.headers["te"])),
    expectContinue: incoming.headers.expect !== undefined && body._tag !== "Empty",
    onInformational: relayInterim(incoming, outgoing)
  })
}

/** Passes on the response: its head at once, its body as fast as the client takes it, its trailers. */
const relay = (response: HttpResponse.HttpResponse, outgoing: http.ServerResponse, { name }: Options) =>
  Effect.gen(function*() {
    outgoing.writeHead(response.status, response.reason, toClient(response, name).flat())
    if (response.framing !== "none") {
      outgoing.flushHeaders()
      const client = NodeSink.fromWritable(() => outgoing, (cause) => new ClientGone({ cause }), { endOnDone: false })
      yield* Stream.run(response.stream, client)
      const trailers = HttpFields.entries(yield* response.trailers)
      outgoing.addTrailers(trailers.map(([name, value]): [string, string] => [name, value]))
    }
    outgoing.end()
  })

/** Answers on behalf of the gateway. */
const answer = (outgoing: http.ServerResponse, status: number, headers: http.OutgoingHttpHeaders = {}) =>
  Effect.sync(() => {
    const text = `${status} ${http.STATUS_CODES[status]}\n`
    outgoing.writeHead(status, { "Content-Type": "text/plain", "Content-Length": text.length, ...headers }).end(text)
  })

/** The end of the connection is how a client learns that a body is not complete. `end` would say that it is. */
const cut = (outgoing: http.ServerResponse) => Effect.sync(() => outgoing.destroy())

/** The message names the request, without its query. The client learns nothing of it. */
const report = (what: string, error: HttpError.HttpError | ClientGone) =>
  Effect.logWarning(`${what}: ${error.message}`).pipe(Effect.annotateLogs({ error: error._tag }))

const forward = (
  pool: ConnectionPool.ConnectionPool,
  request: HttpRequest.HttpRequest<ClientGone>,
  outgoing: http.ServerResponse,
  options: Options
) =>
  pool.execute(request).pipe(
    Effect.matchEffect({
      onSuccess: (response) =>
        Effect.catchAll(
          relay(response, outgoing, options),
          (error) => Effect.zipRight(report("cut", error), cut(outgoing))
        ),
      onFailure: (failure) => {
        if (failure._tag === "RequestBodyError") return cut(outgoing)
        const { error, status } = describe(failure)
        const headers = {
          "Proxy-Status": `${options.name}; error=${error}`,
          ...(status === 503 ? { "Retry-After": "1" } : {})
        }
        return Effect.zipRight(report(`answered ${status}`, failure), answer(outgoing, status, headers))
      }
    })
  )

/** Starts a gateway over the pool of the context, and returns its port. It ends with the scope, and cuts what is under way. */
export const make = (options: Options) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.ConnectionPool
    const routes = yield* Effect.forEach(Object.entries(options.routes), ([prefix, url]) =>
      Effect.map(Origin.fromUrl(url), ({ origin }) => ({ prefix: prefix.replace(/\/$/, ""), origin })))
    const longestFirst = routes.toSorted((a, b) =>
      b.prefix.length - a.prefix.length
    )
    const routeOf = (target: string) =>
      longestFirst.find(({ prefix }) => target.startsWith(prefix) && /^(?:[/?]|$)/.test(target.slice(prefix.length)))

    const handle = (incoming: http.IncomingMessage, outgoing: http.ServerResponse) => {
      // Chunks inside of another coding would have to be decoded (RFC 9112 section 6.1).
      if (!/^(?:chunked)?$/i.test(incoming.headers["transfer-encoding"] ?? "")) return answer(outgoing, 501)
      const route = routeOf(incoming.url ?? "")
      if (route === undefined) return answer(outgoing, 404)
      return forward(pool, requestOf(route.origin, incoming, outgoing, options), outgoing, options)
    }

    const run = yield* FiberSet.makeRuntime<never>()
    const onRequest = (incoming: http.IncomingMessage, outgoing: http.ServerResponse) => {
      const fiber = run(Effect.onInterrupt(handle(incoming, outgoing), () => cut(outgoing)))
      // The client has left before its response was complete: the upstream's connection closes too.
      outgoing.once("close", () => {
        if (!outgoing.writableFinished) fiber.unsafeInterruptAsFork(fiber.id())
      })
    }
    const server = http.createServer(onRequest)
    // Otherwise Node asks for the body before the upstream does.
    server.on("checkContinue", onRequest)
    return yield* Effect.acquireRelease(
      Effect.async<number, Error>((resume) => {
        server.once("error", (error) => resume(Effect.fail(error)))
        server.listen(options.port, options.host, () =>
          resume(Effect.succeed((server.address() as net.AddressInfo).port)))
      }),
      () =>
        Effect.sync(() =>
          server.close().closeAllConnections()
        )
    )
  })
