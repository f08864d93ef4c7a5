/** A cassette that is played gives the program what it got when it was recorded: bytes, splits, times, ends and failures. */
import { describe, expect, it } from "@effect/vitest"
import {
  Cassette,
  ConnectionPool,
  HttpBody,
  HttpConnection,
  HttpError,
  HttpRequest,
  Proxy,
  TestTransport,
  Transport
} from "effect-http-client"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { toJson } from "../../src/internal/cassette/json.ts"
import { Recorder } from "../../src/internal/cassette/recorder.ts"
import { Secrets } from "../../src/internal/cassette/secrets.ts"
import {
  connection,
  cutOff,
  delay,
  discardUntil,
  eof,
  expectEnd,
  refuse,
  reply,
  reset
} from "../../src/TestTransport.ts"

const head = discardUntil("\r\n\r\n")
const ok = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`

type Program<A, E> = Effect.Effect<A, E, Scope.Scope | Transport.Transport>

const over = <A, E>(program: Program<A, E>, transport: Transport.Service) =>
  program.pipe(Effect.scoped, Effect.provide(Layer.succeed(Transport.Transport, transport)))

/** Records a program over a script; the clock moves as long as it runs. */
const recorded = <A, E>(script: TestTransport.Script, program: Program<A, E>, options?: Cassette.RecordOptions) =>
  Effect.gen(function*() {
    const { cassette, transport } = yield* Cassette.record(yield* TestTransport.make(script), options)
    const fiber = yield* Effect.fork(over(program, transport))
    yield* moving
    const result = yield* Fiber.join(fiber)
    return { result, cassette: yield* cassette }
  })

/** Moves the clock by a minute, in steps of a millisecond. */
const moving = TestClock.adjust("1 minute")

/** Plays, moving the clock. */
const replayed = <A, E>(cassette: Cassette.Cassette, program: Program<A, E>, options?: Cassette.PlayOptions) =>
  Effect.gen(function*() {
    const player = yield* Cassette.play(cassette, options)
    const fiber = yield* Effect.fork(over(program, player))
    yield* moving
    return { result: yield* Fiber.join(fiber), player }
  })

const ask = (request: HttpRequest.HttpRequest) => (pool: ConnectionPool.ConnectionPool) =>
  Effect.flatMap(
    pool.execute(request),
    (response) =>
      Effect.map(response.text, (text) => ({ status: response.status, text, reused: response.connection.reused }))
  )

const pool = ConnectionPool.make({ shutdownGrace: 0, connectRetryTime: 0 })

const inTurn = (...requests: ReadonlyArray<HttpRequest.HttpRequest>) =>
  Effect.flatMap(pool, (pool) => Effect.forEach(requests, (request) => ask(request)(pool)))

const get = (path: string, headers?: Record<string, string>) =>
  HttpRequest.get(`http://a.test${path}`, { headers: headers ?? {} })

const origin = { host: "a.test" }

describe("what a server sent", () => {
  it.effect("comes again, on one connection, and everything was played", () =>
    Effect.gen(function*() {
      const program = inTurn(get("/1"), get("/2"), HttpRequest.post("http://a.test/3", { body: HttpBody.text("abc") }))
      const script = [
        connection(head, reply(ok("one")), head, reply(ok("two")), discardUntil("abc"), reply(ok("three")))
      ]
      const { cassette, result } = yield* recorded(script, program)
      expect(cassette.connections.length).toBe(1)
      const again = yield* replayed(cassette, program)
      expect(again.result).toEqual(result)
      yield* again.player.verify
    }).pipe(Effect.scoped))

  it.effect("in the same pieces, at the same times after what it answers", () =>
    Effect.gen(function*() {
      // The bytes as they come, with the time since the request.
      const program = Effect.gen(function*() {
        const transport = yield* Transport.Transport
        const duplex = yield* transport.open({ host: "a.test", port: 80 }, {
          dns: Infinity,
          connect: Infinity,
          tls: Infinity
        })
        yield* Effect.sleep("100 millis")
        const clock = yield* Effect.clock
        const begin = yield* Clock.currentTimeMillis
        return yield* Effect.async<ReadonlyArray<readonly [number, string]>>((resume) => {
          const seen: Array<readonly [number, string]> = []
          const note = (what: string) => {
            seen.push([clock.unsafeCurrentTimeMillis() - begin, what])
            return true
          }
          duplex.attach({
            onData: (bytes) => note(Buffer.from(bytes).toString()),
            onEnd: () => {
              note("end")
              resume(Effect.succeed(seen))
            },
            onError: () => {}
          })
          duplex.write("GET / HTTP/1.1\r\n\r\n")
        })
      })
      const script = [
        connection(
          head,
          delay("5 millis"),
          reply("HTTP/1.1 200 OK\r\n\r\nab", { split: [9, 20] }),
          delay("2 seconds"),
          reply("c"),
          eof
        )
      ]
      const { cassette, result } = yield* recorded(script, program)
      expect(result).toEqual([[5, "HTTP/1.1 "], [5, "200 OK\r\n\r\nab".slice(0, 11)], [5, "b"], [2005, "c"], [
        2005,
        "end"
      ]])
      // Later than in the recording: the times are relative.
      expect((yield* replayed(cassette, Effect.delay(program, "7 seconds"))).result).toEqual(result)
      const atOnce = yield* replayed(cassette, program, { times: false })
      expect(atOnce.result).toEqual(result.map(([, what]) => [0, what]))
    }).pipe(Effect.scoped))

  it.effect("1xx, an answer before the body was sent, and the end of the connection", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const pool_ = yield* pool
        const early = yield* pool_.execute(HttpRequest.put("http://a.test/", {
          body: HttpBody.text("x".repeat(10)),
          expectContinue: true
        }))
        return [early.status, early.informational.map(({ status }) => status), yield* early.text]
      })
      const script = [
        connection(
          head,
          reply("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
          reply("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n\r\nno"),
          eof
        )
      ]
      const { cassette, result } = yield* recorded(script, program)
      expect(result).toEqual([413, [103], "no"])
      expect((yield* replayed(cassette, program)).result).toEqual(result)
    }).pipe(Effect.scoped))

  it.effect("resets, ends in the middle and refusals fail as they did", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const failures: Array<readonly [string, unknown]> = []
        for (let i = 0; i < 4; i++) {
          const result = yield* Effect.either(
            Effect.flatMap(pool, ask(HttpRequest.post("http://a.test/"))).pipe(Effect.scoped)
          )
          if (Either.isRight(result)) failures.push(["right", result.right.status])
          else failures.push([result.left._tag, "code" in result.left ? result.left.code : ""])
        }
        return failures
      })
      const script = [
        refuse(),
        refuse(new HttpError.DnsError({ host: "a.test", reason: "Temporary", code: "EAI_AGAIN", cause: undefined })),
        connection(head, reply("HTTP/1.1 200 OK\r\n"), reset),
        connection(head, reply("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), cutOff)
      ]
      const { cassette, result } = yield* recorded(script, program)
      expect(result.map(([tag]) => tag)).toEqual(["ConnectError", "DnsError", "ReadError", "IncompleteRead"])
      const again = yield* replayed(cassette, program)
      expect(again.result).toEqual(result)
      yield* again.player.verify
    }).pipe(Effect.scoped))

  it.effect("TLS in a tunnel, and nothing of the proxy's credentials", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const api = yield* HttpConnection.make({
          ...origin,
          tls: true,
          proxy: yield* Proxy.fromUrl("http://user:s3cret@proxy.test:3128")
        })
        const response = yield* api.execute(HttpRequest.get("/"))
        return yield* response.text
      })
      const script = [connection(head, reply("HTTP/1.1 200 OK\r\n\r\n"), head, reply(ok("private")))]
      const { cassette, result } = yield* recorded(script, program)
      expect(result).toBe("private")
      expect(toJson(cassette)).not.toMatch(/s3cret|dXNlcjpzM2NyZXQ/)
      const again = yield* replayed(cassette, program)
      expect(again.result).toEqual(result)
      yield* again.player.verify
    }).pipe(Effect.scoped))

  it.effect("bytes behind an upgrade, and a half-close", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const transport = yield* Transport.Transport
        const duplex = yield* transport.open({ host: "a.test", port: 80 }, {
          dns: Infinity,
          connect: Infinity,
          tls: Infinity
        })
        return yield* Effect.async<string>((resume) => {
          let seen = ""
          duplex.attach({
            onData: (bytes) => {
              seen += Buffer.from(bytes).toString("latin1")
              if (seen.endsWith("\r\n\r\n")) queueMicrotask(() => duplex.write("ping\x00\xff"))
              if (seen.endsWith("pong")) queueMicrotask(() => duplex.end())
              return true
            },
            onEnd: () => resume(Effect.succeed(seen)),
            onError: () => resume(Effect.succeed("broken"))
          })
          duplex.write("GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
        })
      })
      const script = [
        connection(
          head,
          reply("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"),
          discardUntil("\xff"),
          reply("HTTP/1.1 pong"),
          expectEnd,
          reply("bye"),
          eof
        )
      ]
      const { cassette, result } = yield* recorded(script, program)
      expect(result).toMatch(/\r\n\r\nHTTP\/1.1 pongbye$/)
      expect((yield* replayed(cassette, program)).result).toBe(result)
    }).pipe(Effect.scoped))

  it.effect("a server that is too slow is too slow again, under TestClock", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const api = yield* HttpConnection.make({ ...origin, timeouts: { head: "1 second" } })
        return yield* Effect.flip(api.execute(HttpRequest.get("/")))
      })
      const { cassette, result } = yield* recorded([connection(head, delay("2 seconds"), reply(ok("late")))], program)
      expect(result._tag).toBe("HttpTimeout")
      expect((yield* replayed(cassette, program)).result._tag).toBe("HttpTimeout")
    }).pipe(Effect.scoped))
})

describe("requests are compared", () => {
  const exchange = (request: HttpRequest.HttpRequest) => recorded([connection(head, reply(ok("one")))], inTurn(request))
  const failure = <A, E>(cassette: Cassette.Cassette, program: Program<A, E>, options?: Cassette.PlayOptions) =>
    Effect.gen(function*() {
      const { player, result } = yield* replayed(cassette, Effect.either(program), options)
      const verified = yield* Effect.either(player.verify)
      return {
        error: Either.isLeft(result) ? result.left as HttpError.HttpError : undefined,
        problems: Either.isLeft(verified) ? verified.left.problems : []
      }
    })

  it.effect("the order of fields, times, tracing and secrets make no difference", () =>
    Effect.gen(function*() {
      const { cassette } = yield* exchange(get("/?token=1", {
        "X-B": "2",
        "X-A": "1",
        Authorization: "Bearer one",
        Date: "yesterday",
        traceparent: "00-1",
        Cookie: "a=1"
      }))
      const other = get("/?token=22", {
        "x-a": "1",
        authorization: "Bearer another",
        "x-b": "2",
        date: "today",
        b3: "0",
        cookie: "a=22"
      })
      expect((yield* failure(cassette, inTurn(other))).problems).toEqual([])
    }).pipe(Effect.scoped))

  it.effect("what was redacted matches everything: other cookies, another scheme", () =>
    Effect.gen(function*() {
      const { cassette } = yield* exchange(get("/", { Cookie: "a=1", Authorization: "Basic YTpi" }))
      const other = get("/", { Cookie: "a=22; b=3", Authorization: "Bearer x" })
      expect((yield* failure(cassette, inTurn(other))).problems).toEqual([])
      expect((yield* failure(cassette, inTurn(get("/", { Cookie: "a=1" })))).problems[0]).toMatch(
        /authorization, which is missing/
      )
    }).pipe(Effect.scoped))

  it.effect("however the client splits it, with a length and in chunks", () =>
    Effect.gen(function*() {
      const whole = "POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nabcde"
      const chunked =
        "POST /a HTTP/1.1\r\nhost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3;x=1\r\ncde\r\n0\r\n\r\n"
      const send = (text: string, size: number) =>
        Effect.gen(function*() {
          const transport = yield* Transport.Transport
          const duplex = yield* transport.open({ host: "a.test", port: 80 }, { dns: 1, connect: 1, tls: 1 })
          return yield* Effect.async<string>((resume) => {
            duplex.attach({
              onData: (bytes) => {
                resume(Effect.succeed(Buffer.from(bytes).toString()))
                return true
              },
              onEnd: () => {},
              onError: ({ cause }) => resume(Effect.succeed(String(cause)))
            })
            for (let at = 0; at < text.length; at += size) duplex.write(text.slice(at, at + size))
          })
        })
      const { cassette } = yield* recorded([
        connection(discardUntil("abcde"), reply("HTTP/1.1 204 No Content\r\n\r\n"))
      ], send(whole, 999))
      for (const text of [whole, chunked]) {
        for (let size = 1; size <= text.length; size++) {
          const player = yield* Cassette.play(cassette, { times: false })
          expect(yield* over(send(text, size), player)).toMatch(/^HTTP\/1.1 204/)
          yield* player.verify
        }
      }
    }).pipe(Effect.scoped))

  const differences: ReadonlyArray<readonly [name: string, request: HttpRequest.HttpRequest, says: RegExp]> = [
    [
      "another method",
      HttpRequest.del("http://a.test/a"),
      /No recorded request matches DELETE a\.test\/a\. .* is POST a\.test\/a.*: its method is POST and not DELETE/
    ],
    [
      "another target",
      HttpRequest.post("http://a.test/b", { body: HttpBody.text("abc") }),
      /its target is "\/a" and not "\/b"/
    ],
    [
      "a field that is missing",
      HttpRequest.post("http://a.test/a", { body: HttpBody.text("abc") }),
      /it was recorded with the field x-a, which is missing/
    ],
    [
      "another value",
      HttpRequest.post("http://a.test/a", { body: HttpBody.text("abc"), headers: { "X-A": "2" } }),
      /its field x-a is "1" and not "2"/
    ],
    [
      "one field more",
      HttpRequest.post("http://a.test/a", { body: HttpBody.text("abc"), headers: { "X-A": "1", "X-C": "3" } }),
      /it was recorded without the field x-c, which is "3"/
    ],
    [
      "another body",
      HttpRequest.post("http://a.test/a", { body: HttpBody.text("abd"), headers: { "X-A": "1" } }),
      /differs from the 3 bytes sent at byte 2: "abc" was recorded, and "abd" was sent/
    ]
  ]
  for (const match of ["connection", "request"] as const) {
    for (const [name, request, says] of differences) {
      it.effect(`${name}, in the error and in verify, by ${match}`, () =>
        Effect.gen(function*() {
          const { cassette } = yield* recorded(
            [connection(discardUntil("abc"), reply(ok("one")))],
            inTurn(HttpRequest.post("http://a.test/a", { body: HttpBody.text("abc"), headers: { "X-A": "1" } }))
          )
          const { error, problems } = yield* failure(cassette, inTurn(request), { match })
          expect(problems[0]).toMatch(says)
          expect(error?._tag).toMatch(/^(?:ReadError|ConnectError)$/)
          expect(error).toMatchObject({ code: "ERR_CASSETTE" })
          expect(error?.cause).toBeInstanceOf(Cassette.CassetteMismatch)
          expect(String(error?.cause)).toMatch(says)
          expect(error?.message).toMatch(/^The program differs from the cassette that is played\. /)
          expect(error?.message).toMatch(says)
        }).pipe(Effect.scoped))
    }
  }

  it.effect("fields and bodies can be ignored, and a function can compare bodies", () =>
    Effect.gen(function*() {
      const request = (id: string) =>
        HttpRequest.post("http://a.test/a", { body: HttpBody.text(`{"id":${id},"a":1}`), headers: { "X-Id": id } })
      const { cassette } = yield* recorded([connection(discardUntil("}"), reply(ok("one")))], inTurn(request("1")))
      const without = (bytes: Uint8Array) => Buffer.from(bytes).toString().replace(/\d+/, "")
      for (const body of [false, (a: Uint8Array, b: Uint8Array) => without(a) === without(b)]) {
        const options: Cassette.PlayOptions = { ignoreFields: [/^x-id$/g], body }
        expect((yield* failure(cassette, inTurn(request("22")), options)).problems).toEqual([])
      }
      const never = yield* failure(cassette, inTurn(request("1")), { body: () => false })
      expect(never.problems[0]).toMatch(/its body is another one by the function/)
    }).pipe(Effect.scoped))

  it.effect("what was not requested, and what was requested too often", () =>
    Effect.gen(function*() {
      const { cassette } = yield* recorded(
        [connection(head, reply(ok("one")), head, reply(ok("two")))],
        inTurn(get("/1"), get("/2"))
      )
      expect((yield* failure(cassette, inTurn(get("/1")))).problems).toEqual([
        "GET a.test/2, recorded on connection 0, was not requested."
      ])
      expect((yield* failure(cassette, Effect.void)).problems).toEqual([
        "GET a.test/1, recorded on connection 0, was not requested.",
        "GET a.test/2, recorded on connection 0, was not requested."
      ])
      const more = yield* failure(cassette, inTurn(get("/1"), get("/2"), get("/1")), { match: "request" })
      expect(more.problems[0]).toMatch(/GET a\.test\/1 was recorded once, and requested once more/)
      const elsewhere = yield* failure(cassette, inTurn(HttpRequest.get("http://b.test:81/")))
      expect(elsewhere.error?._tag).toBe("ConnectError")
      expect(elsewhere.problems[0]).toMatch(/no connection to b\.test:81\. It has connections to a\.test:80\./)
    }).pipe(Effect.scoped))

  it.effect("by request: concurrent requests in another order, on fewer connections, by their bodies too", () =>
    Effect.gen(function*() {
      const post = (body: string) => HttpRequest.post("http://a.test/", { body: HttpBody.text(body) })
      const script = ["1", "2", "3"].map((body) =>
        connection(discardUntil(`\r\n\r\n${body}`), reply(ok(`answer ${body}`)))
      )
      const all = (...bodies: ReadonlyArray<string>) =>
        Effect.flatMap(
          pool,
          (pool) => Effect.forEach(bodies, (body) => ask(post(body))(pool), { concurrency: "unbounded" })
        )
      const { cassette } = yield* recorded(script, all("1", "2", "3"))
      const again = yield* replayed(cassette, all("3", "1", "2"), { match: "request" })
      expect(again.result.map(({ text }) => text)).toEqual(["answer 3", "answer 1", "answer 2"])
      yield* again.player.verify
      const one = yield* replayed(cassette, inTurn(post("2"), post("3"), post("1")), { match: "request" })
      expect(one.result.map(({ text }) => text)).toEqual(["answer 2", "answer 3", "answer 1"])
      expect(one.result.map(({ reused }) => reused)).toEqual([false, true, true])
      yield* one.player.verify
    }).pipe(Effect.scoped))

  it.effect("by request: concurrent bodies that are streamed, behind heads that do not tell them apart", () =>
    Effect.gen(function*() {
      const letter = (text: string) => new TextEncoder().encode(text)
      const post = (body: string) =>
        HttpRequest.post("http://a.test/", {
          body: HttpBody.stream(
            Stream.concat(Stream.make(letter("a")), Stream.fromEffect(Effect.delay(Effect.succeed(letter(body)), 10))),
            { length: 2 }
          )
        })
      const script = ["1", "2", "3"].map((body) => connection(discardUntil(`a${body}`), reply(ok(`answer ${body}`))))
      const all = (...bodies: ReadonlyArray<string>) =>
        Effect.flatMap(
          pool,
          (pool) => Effect.forEach(bodies, (body) => ask(post(body))(pool), { concurrency: "unbounded" })
        )
      const { cassette } = yield* recorded(script, all("1", "2", "3"))
      for (const order of [["2", "1", "3"], ["3", "1", "2"], ["2", "3", "1"], ["3", "2", "1"]]) {
        const again = yield* replayed(cassette, all(...order), { match: "request" })
        expect(again.result.map(({ text }) => text)).toEqual(order.map((body) => `answer ${body}`))
        yield* again.player.verify
      }
    }).pipe(Effect.scoped))
})

describe("a recording", () => {
  it.effect("whose clock is set back has times that never decrease", () =>
    Effect.gen(function*() {
      const times = [1000, 1005, 400, 1006]
      const clock = { ...(yield* Effect.clock), unsafeCurrentTimeMillis: () => times.shift() ?? 2000 }
      const recorder = new Recorder(new Secrets([], {}), 10, clock)
      expect([recorder.now, recorder.now, recorder.now, recorder.now]).toEqual([5, 5, 6, 1000])
    }))

  it.effect("that is too large keeps nothing", () =>
    Effect.gen(function*() {
      const recorder = new Recorder(new Secrets([], {}), 10, yield* Effect.clock)
      const tracks = [recorder.begin({ host: "a", port: 1 }), recorder.begin({ host: "b", port: 1 })] as const
      recorder.bytes(tracks[0], "Client", "12345")
      recorder.bytes(tracks[1], "Server", new Uint8Array(5))
      expect(tracks.map(({ events }) => events.length)).toEqual([1, 1])
      recorder.bytes(tracks[1], "Server", new Uint8Array(1))
      expect(tracks.map(({ events }) => events.length)).toEqual([0, 0])
    }))

  it.effect("that is too large cannot be made, and the program notices nothing", () =>
    Effect.gen(function*() {
      const { cassette, transport } = yield* Cassette.record(
        yield* TestTransport.make([connection(head, reply(ok("x".repeat(1000))))]),
        { maxBytes: 500 }
      )
      const [result] = yield* over(inTurn(get("/")), transport)
      expect(result?.text.length).toBe(1000)
      const error = yield* Effect.flip(cassette)
      expect(error).toMatchObject({ _tag: "CassetteError", reason: "TooLarge" })
      expect(error.message).toMatch(/raise `maxBytes`/)
    }).pipe(Effect.scoped))

  it.effect("options that are wrong fail before anything happens", () =>
    Effect.gen(function*() {
      const cassette: Cassette.Cassette = { version: 1, recordedAt: 0, connections: [] }
      const wrong: ReadonlyArray<readonly [string, unknown]> = [
        ["options", []],
        ["redact", 1],
        ["redact.fields", ["a", 1]],
        ["redact.names", "a"],
        ["redact.replace", {}],
        ["match", "all"],
        ["times", 1],
        ["ignoreFields", "date"],
        ["body", "no"]
      ]
      for (const [option, value] of wrong) {
        const keys = option.split(".")
        const options = option === "options" ? value : keys.reduceRight((inner, key) => ({ [key]: inner }), value)
        const error = yield* Effect.flip(Cassette.play(cassette, options as Cassette.PlayOptions))
        expect(error).toMatchObject({ _tag: "InvalidOption", option })
      }
      const transport = yield* TestTransport.make([])
      for (const maxBytes of [0, NaN, "1"]) {
        const error = yield* Effect.flip(Cassette.record(transport, { maxBytes } as Cassette.RecordOptions))
        expect(error).toMatchObject({ _tag: "InvalidOption", option: "maxBytes" })
      }
      for (const junk of [undefined, null, 1, "a", [], {}, { version: 2, connections: [] }, { open: 1, secure: 2 }]) {
        const played = yield* Effect.flip(Cassette.play(junk as never))
        expect(played).toMatchObject({ _tag: "InvalidOption", option: "cassette" })
        const recorded = yield* Effect.flip(Cassette.record(junk as never))
        expect(recorded).toMatchObject({ _tag: "InvalidOption", option: "transport" })
      }
    }).pipe(Effect.scoped))
})
