/** Interruption, timeouts, bodies that are left, and how many connections a server sees. */
import * as HttpBody from "@effect/platform/HttpBody"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { turn } from "../../fixtures/sockets.ts"
import { type Answer, chunked, gate, ok, webServer, wireServer } from "../server.ts"
import { type Case, differs, fails, manyTurns, outcome, quiet, same, timeoutWhen } from "./case.ts"

type Build = (url: string) => HttpClientRequest.HttpClientRequest

const { get } = HttpClientRequest
const post: Build = (url) => HttpClientRequest.post(url).pipe(HttpClientRequest.bodyText("x"))

/** What is left of it is more than anybody reads to keep a connection. */
const unfinished = "HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\nhello"

const fewTurns = Effect.repeatN(turn, 9)

/** Interrupts a program once it has called `reached` and the server has heard its request; the server sees the close. */
const interrupted = (
  name: string,
  answer: Answer,
  program: (client: HttpClient.HttpClient, url: string, reached: Effect.Effect<void>) => Effect.Effect<unknown, unknown>
): Case =>
  same(
    `closes the connection where it is interrupted ${name}`,
    "interrupted",
    Effect.gen(function*() {
      const server = yield* wireServer(answer)
      const { open, passed } = yield* gate
      const fiber = yield* Effect.fork(program(yield* quiet, server.url, open))
      yield* Effect.zip(passed, server.requests(1))
      yield* fewTurns
      yield* Fiber.interruptFork(fiber)
      const seen = yield* outcome(Fiber.join(fiber))
      yield* server.closed(1)
      return seen
    })
  )

/** Texts of requests one after the other, with some turns of the event loop between them, and the number of connections. */
const inTurn = (answers: ReadonlyArray<string | Answer>, ...builds: ReadonlyArray<Build>) =>
  Effect.gen(function*() {
    const server = yield* wireServer(...answers)
    const client = yield* quiet
    const texts = yield* Effect.forEach(builds, (build) =>
      Effect.zipLeft(
        outcome(Effect.flatMap(client.execute(build(server.url)), (response) => response.text)),
        fewTurns
      ))
    return { texts, requests: server.heard.length, connections: server.connections() }
  })

/** How many connections: in words where the number is an accident. */
const counted = (connections: number, requests: number): string =>
  connections === 1 ? "one" : connections === requests ? "one each" : "several"

/** Requests one right after the other. */
const rightAfter = (
  count: number,
  use: (response: Effect.Effect.Success<ReturnType<HttpClient.HttpClient["get"]>>) => Effect.Effect<unknown, unknown>
) =>
  Effect.gen(function*() {
    const server = yield* wireServer(ok("some"))
    const client = yield* quiet
    for (let times = 0; times < count; times++) yield* Effect.flatMap(client.get(server.url), use)
    return counted(server.connections(), count)
  })

/** Requests at once, answered when as many have come as the most careful client sends at once. */
const atOnce = (count: number, most: number) =>
  Effect.gen(function*() {
    let connections = 0
    const waiting: Array<() => void> = []
    const server = yield* webServer((request, response) => {
      waiting.push(() => response.end(request.url))
      if (waiting.length >= most) { for (const answer of waiting) answer() }
    })
    server.raw.on("connection", () => connections++)
    const client = yield* quiet
    const texts = yield* Effect.forEach(
      Array.from({ length: count }, (_, index) => `/${index}`),
      (path) => Effect.flatMap(client.get(server.url + path), (response) => response.text),
      { concurrency: "unbounded" }
    )
    return [new Set(texts).size, connections]
  })

const closes: Answer = { send: [], ending: "fin" }

const interruptions = [
  interrupted(
    "while it awaits the answer",
    { send: [] },
    (client, url, reached) => Effect.zipRight(reached, client.get(url))
  ),
  interrupted(
    "in the head of the answer",
    { send: "HTTP/1.1 200 OK\r\nContent-" },
    (client, url, reached) => Effect.zipRight(reached, client.get(url))
  ),
  interrupted(
    "while it reads text",
    { send: unfinished },
    (client, url, reached) => Effect.flatMap(client.get(url), (response) => Effect.zipRight(reached, response.text))
  ),
  interrupted(
    "while it reads a stream",
    { send: unfinished },
    (client, url, reached) =>
      Effect.flatMap(client.get(url), (response) => Stream.runForEach(response.stream, () => reached))
  ),
  interrupted(
    "while it sends a body",
    { send: [], after: "head" },
    (client, url, reached) =>
      client.execute(
        HttpClientRequest.post(url).pipe(HttpClientRequest.setBody(HttpBody.stream(
          Stream.concat(Stream.make(Buffer.from("a")), Stream.fromEffect(Effect.zipRight(reached, Effect.never)))
        )))
      )
  ),
  same(
    "closes the connection when Effect.timeout ends the wait for an answer",
    "TimeoutException",
    Effect.gen(function*() {
      const server = yield* wireServer({ send: [] })
      const client = yield* quiet
      const seen = yield* outcome(timeoutWhen(server.requests(1))(client.get(server.url)))
      yield* server.closed(1)
      return seen
    })
  ),
  same(
    "closes the connection when Effect.timeout ends the wait for a body",
    "TimeoutException",
    Effect.gen(function*() {
      const server = yield* wireServer(unfinished)
      const response = yield* Effect.flatMap(quiet, (client) => client.get(server.url))
      const seen = yield* outcome(timeoutWhen(fewTurns)(response.text))
      yield* server.closed(1)
      return seen
    })
  ),
  same(
    "closes the connection where only the beginning of a stream is taken",
    "hello",
    Effect.gen(function*() {
      const server = yield* wireServer(unfinished)
      const response = yield* Effect.flatMap(quiet, (client) => client.get(server.url))
      const taken = yield* Stream.runCollect(Stream.take(response.stream, 1))
      yield* server.closed(1)
      return Buffer.concat([...taken]).toString()
    })
  ),
  same(
    "closes the connection where the reader of a stream fails",
    "mine",
    Effect.gen(function*() {
      const server = yield* wireServer(unfinished)
      const response = yield* Effect.flatMap(quiet, (client) => client.get(server.url))
      const seen = yield* outcome(Stream.runForEach(response.stream, () => Effect.fail("mine")))
      yield* server.closed(1)
      return seen
    })
  )
]

const connections = [
  differs(
    "uses a connection again where little is left of a stream",
    { ours: true, node: false, undici: false },
    Effect.gen(function*() {
      let connections = 0
      const rest: Array<() => void> = []
      const server = yield* webServer((_, response) => {
        response.writeHead(200, { "Content-Length": 10 }).write("hello")
        rest.push(() => response.end("world"))
      })
      server.raw.on("connection", () => connections++)
      const client = yield* quiet
      const beginning = Effect.flatMap(
        client.get(server.url),
        (response) => Stream.runDrain(Stream.take(response.stream, 1))
      )
      yield* beginning
      for (const end of rest) end()
      yield* manyTurns
      yield* beginning
      return connections === 1
    })
  ),
  differs("uses a connection again", {
    ours: { texts: ["a", "b", "c"], requests: 3, connections: 1 },
    node: { texts: ["a", "b", "c"], requests: 3, connections: 3 },
    undici: { texts: ["a", "b", "c"], requests: 3, connections: 1 }
  }, inTurn([ok("a"), chunked("b"), ok("c")], get, post, get)),
  differs(
    "uses a connection again at once",
    { ours: "one", node: "one each", undici: "several" },
    rightAfter(5, (response) => response.text)
  ),
  differs(
    "uses a connection again whose small response was not read",
    { ours: "one", node: "one each", undici: "several" },
    rightAfter(5, () => Effect.void)
  ),
  same("opens a connection for each of five requests at once", [5, 5], atOnce(5, 5)),
  differs("opens at most 64 connections to a server", {
    ours: [100, 64],
    node: [100, 100],
    undici: [100, 100]
  }, atOnce(100, 64)),
  same(
    "does not use a connection again after Connection: close",
    { texts: ["a", "b"], requests: 2, connections: 2 },
    inTurn([{ send: ok("a", "Connection: close"), ending: "fin" }, ok("b")], get, get)
  ),
  same(
    "does not use a connection again after a Connection: close of its own",
    { texts: ["a", "b"], requests: 2, connections: 2 },
    inTurn([ok("a"), ok("b")], (url) => HttpClientRequest.setHeader(get(url), "connection", "close"), get)
  ),
  same(
    "does not use a connection again that the server has closed",
    ["a", "b", 2],
    Effect.gen(function*() {
      const server = yield* wireServer({ send: ok("a"), ending: "fin" }, ok("b"))
      const client = yield* quiet
      const text = Effect.flatMap(client.get(server.url), (response) => response.text)
      const first = yield* text
      yield* server.closed(1)
      return [first, yield* text, server.connections()]
    })
  ),
  same(
    "does not take bytes on an idle connection for an answer",
    ["a", "b"],
    Effect.gen(function*() {
      const server = yield* wireServer({ send: ok("a") + ok("evil") }, ok("b"))
      const client = yield* quiet
      const text = Effect.flatMap(client.get(server.url), (response) => response.text)
      const first = yield* text
      yield* server.closed(1)
      return [first, yield* text]
    })
  ),
  differs("sends GET again that met the close of a used connection", {
    ours: { texts: ["a", "b"], requests: 3, connections: 2 },
    node: { texts: ["a", "RequestError Transport"], requests: 2, connections: 2 },
    undici: { texts: ["a", "RequestError Transport"], requests: 2, connections: 1 }
  }, inTurn([ok("a"), closes, ok("b")], get, get)),
  differs("sends POST with Idempotency-Key again that met the close of a used connection", {
    ours: { texts: ["a", "b"], requests: 3, connections: 2 },
    node: { texts: ["a", "RequestError Transport"], requests: 2, connections: 2 },
    undici: { texts: ["a", "RequestError Transport"], requests: 2, connections: 1 }
  }, inTurn([ok("a"), closes, ok("b")], get, (url) => HttpClientRequest.setHeader(post(url), "idempotency-key", "1"))),
  fails(
    "does not send POST again that met the close of a used connection",
    "RequestError Transport",
    "StaleConnection",
    Effect.map(inTurn([ok("a"), closes, ok("b")], get, post), ({ requests, texts }) => [...texts, requests]),
    (failure) => ["a", failure, 2]
  )
]

export const cases = [...interruptions, ...connections]
