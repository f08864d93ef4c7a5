/**
 * A connection that leaves HTTP: what is sent, what opens the channel, and the bytes in both directions, whatever the splits.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { ConnectionEvent } from "../../src/ConnectionEvent.ts"
import * as HttpBody from "../../src/HttpBody.ts"
import type * as HttpConnection from "../../src/HttpConnection.ts"
import * as HttpFields from "../../src/HttpFields.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as Origin from "../../src/Origin.ts"
import * as Proxy from "../../src/Proxy.ts"
import * as T from "../../src/TestTransport.ts"
import * as Upgrade from "../../src/Upgrade.ts"
import { poolOver } from "../pool/harness.ts"
import { bytesOf, connected, connectedWith, connectTo, contained, host, latin1, pieces, settled } from "./harness.ts"

const asked = (fields = "Upgrade: echo"): string =>
  `GET /echo HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\n${fields}\r\n\r\n`

const switched = (protocol = "echo"): string =>
  `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`

const echo = HttpRequest.get("/echo", { headers: { Upgrade: "echo" } })

const connect = HttpRequest.make("CONNECT", "far.test:22")

/** Everything that arrives. */
const all = (upgraded: Upgrade.Upgraded): Effect.Effect<string, Upgrade.Failure> =>
  Effect.map(Stream.runCollect(upgraded.stream), (chunk) => latin1(Buffer.concat([...chunk])))

const bytes = (text: string): ReadonlyArray<T.Step> => [...text].map((byte) => T.reply(byte))

describe("a request that opens a channel", () => {
  it.effect("names Upgrade in Connection, and gives the head and the protocol", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(asked()),
        T.reply("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
        T.reply("HTTP/1.1 101 Now echo\r\nupgrade: ECHO\r\nX-Id: 1\r\n\r\n")
      )
      const upgraded = yield* connection.upgrade(echo)
      assert.isTrue(Upgrade.isUpgraded(upgraded))
      assert.deepStrictEqual(
        [upgraded.status, upgraded.reason, upgraded.version, upgraded.protocol, upgraded.head.length],
        [101, "Now echo", 11, "ECHO", 0]
      )
      assert.deepStrictEqual(HttpFields.getUnsafe(upgraded.fields, "x-id"), "1")
      assert.deepStrictEqual(upgraded.informational.map(({ status }) => status), [103])
      assert.isFalse(upgraded.connection.reused)
      assert.strictEqual(yield* connection.state, "Upgraded")
    })))

  it.effect("is a CONNECT, whatever 2xx answers it and whatever its fields say", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect("CONNECT far.test:22 HTTP/1.1\r\nHost: far.test:22\r\n\r\n"),
        T.reply("HTTP/1.0 204 Fine\r\nContent-Length: 5\r\nTransfer-Encoding: gzip\r\n\r\nSSH-2.0"),
        T.expect("hello"),
        T.reply("world"),
        T.eof
      )
      const upgraded = yield* connection.upgrade(connect)
      assert.deepStrictEqual([upgraded.status, upgraded.version, upgraded.protocol], [204, 10, undefined])
      yield* upgraded.write(bytesOf("hello"))
      assert.strictEqual(yield* all(upgraded), "SSH-2.0world")
    })))

  it.effect.each<readonly [name: string, request: HttpRequest.HttpRequest, tag: string]>([
    ["without Upgrade", HttpRequest.get("/echo"), "InvalidOption"],
    ["with an empty one", HttpRequest.get("/echo", { headers: { Upgrade: "" } }), "InvalidOption"],
    ["with one that is no list", HttpRequest.get("/echo", { headers: { Upgrade: "a b" } }), "InvalidHeaderValue"],
    [
      "with CONNECT and Upgrade",
      HttpRequest.make("CONNECT", "far.test:22", { headers: { Upgrade: "a" } }),
      "ForbiddenHeader"
    ],
    ["with CONNECT and no port", HttpRequest.make("CONNECT", "far.test"), "InvalidUrl"],
    [
      "with CONNECT and content",
      HttpRequest.make("CONNECT", "far.test:1", { body: HttpBody.bytes(bytesOf("x")) }),
      "UnsupportedBody"
    ]
  ])("is refused before a connection is opened: %s", ([, request, tag]) =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connectTo([])
      const error = yield* Effect.flip(connection.upgrade(request))
      assert.strictEqual(error._tag, tag)
      assert.strictEqual(transport.opened.length, 0)
    })))

  it.effect("fails if the server chooses what was not offered", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(T.expect(asked()), T.reply(switched("h2c")))
      const error = yield* Effect.flip(connection.upgrade(echo))
      assert.strictEqual(error._tag, "UnexpectedUpgrade")
      assert.include(error.message, "echo")
      assert.isFalse(yield* connection.isOpen)
    })))
})

describe("bytes behind the head", () => {
  const wire = `${switched()}first bytes`
  const splits = Array.from({ length: wire.length - 1 }, (_, i) => i + 1)

  it.effect.each(
    [
      ["whole", [T.reply(wire)]],
      ["byte by byte", bytes(wire)],
      ...splits.map((at) => [`split at ${at}`, [T.reply(wire.slice(0, at)), T.reply(wire.slice(at))]] as const)
    ] as ReadonlyArray<readonly [string, ReadonlyArray<T.Step>]>
  )("are all delivered, and first: %s", ([, steps]) =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(T.expect(asked()), ...steps, T.reply(", then more"), T.eof)
      const upgraded = yield* connection.upgrade(echo)
      const head = latin1(upgraded.head)
      const read = yield* all(upgraded)
      assert.strictEqual(read, "first bytes, then more")
      assert.isTrue(read.startsWith(head))
    })))

  it.effect("are a copy, so that what is done to it changes nothing", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(T.expect(asked()), T.reply(`${switched()}abc`), T.eof)
      const upgraded = yield* connection.upgrade(echo)
      yield* settled
      upgraded.head.fill(0x58)
      assert.strictEqual(yield* all(upgraded), "abc")
    })))

  it.effect("an end right behind the head is the end of the bytes", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(T.expect(asked()), T.reply(`${switched()}abc`), T.eof)
      const upgraded = yield* connection.upgrade(echo)
      yield* settled
      assert.strictEqual(yield* all(upgraded), "abc")
    })))
})

describe("a body before the channel", () => {
  const post = (body: HttpBody.HttpBody, expectContinue = false) =>
    HttpRequest.post("/echo", { headers: { Upgrade: "echo" }, body, expectContinue })

  it.effect("is sent to its end, although the 101 arrives before", () =>
    contained(Effect.gen(function*() {
      const go = yield* Deferred.make<void>()
      const { connection, transport } = yield* connected(
        T.discardUntil("2\r\nup\r\n"),
        T.reply(`${switched()}early`),
        T.discardUntil("0\r\n\r\n"),
        T.reply(", late"),
        T.eof
      )
      const body = HttpBody.stream(
        Stream.concat(pieces("up"), Stream.execute(Deferred.await(go)).pipe(Stream.concat(pieces("load"))))
      )
      const fiber = yield* Effect.fork(connection.upgrade(post(body)))
      yield* settled
      yield* settled
      assert.isNull(yield* Fiber.poll(fiber).pipe(Effect.map((exit) => exit._tag === "None" ? null : exit)))
      yield* Deferred.succeed(go, undefined)
      const upgraded = yield* Fiber.join(fiber)
      assert.strictEqual(yield* all(upgraded), "early, late")
      assert.include(latin1(bytesOf(transport.written(0))), "4\r\nload\r\n0\r\n\r\n")
    })))

  it.effect("that waits for 100 is sent when the 101 arrives instead", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(
        T.discardUntil("\r\n\r\n"),
        T.reply(switched()),
        T.expect("body"),
        T.reply("ok"),
        T.eof
      )
      const upgraded = yield* connection.upgrade(post(HttpBody.bytes(bytesOf("body")), true))
      assert.strictEqual(yield* all(upgraded), "ok")
    })))

  it.effect("that fails fails the upgrade, although the 101 has arrived", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(T.discardUntil("2\r\nup\r\n"), T.reply(switched()))
      const body = HttpBody.stream(
        Stream.concat(pieces("up"), Stream.fromEffect(Effect.zipRight(settled, Effect.fail("no" as const))))
      )
      const error = yield* Effect.flip(
        connection.upgrade(HttpRequest.post("/echo", { headers: { Upgrade: "echo" }, body }))
      )
      assert.strictEqual(error._tag, "RequestBodyError")
      assert.isFalse(yield* connection.isOpen)
    })))
})

describe("what is sent on the channel", () => {
  it.effect("is what the sink receives, and then the end", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(asked()),
        T.reply(switched()),
        T.expect("abcdef"),
        T.expectEnd,
        T.reply("done"),
        T.eof
      )
      const upgraded = yield* connection.upgrade(echo)
      yield* Stream.run(pieces("abc", "", "def"), upgraded.sink)
      assert.strictEqual(yield* all(upgraded), "done")
    })))

  it.effect("waits while the transport takes no more", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(asked()),
        T.reply(switched()),
        T.blockWrites,
        T.delay("1 minute"),
        T.unblockWrites,
        T.expect("abc")
      )
      const upgraded = yield* connection.upgrade(echo)
      yield* settled
      const fiber = yield* Effect.fork(upgraded.write(bytesOf("abc")))
      yield* settled
      assert.strictEqual((yield* Fiber.poll(fiber))._tag, "None")
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
    })))

  it.effect("fails once sending has been finished, and what arrives can still be read", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(asked()),
        T.reply(switched()),
        T.expectEnd,
        T.reply("late"),
        T.eof
      )
      const upgraded = yield* connection.upgrade(echo)
      yield* upgraded.end
      yield* upgraded.end
      const error = yield* Effect.flip(upgraded.write(bytesOf("x")))
      assert.strictEqual(error._tag, "ConnectionClosed")
      assert.strictEqual(yield* all(upgraded), "late")
    })))

  it.effect("may follow the end of what the server sends", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(asked()),
        T.reply(switched()),
        T.eof,
        T.expect("after"),
        T.expectEnd
      )
      const upgraded = yield* connection.upgrade(echo)
      assert.strictEqual(yield* all(upgraded), "")
      yield* upgraded.write(bytesOf("after"))
      assert.isTrue(yield* connection.isOpen)
      yield* upgraded.end
      yield* settled
      yield* settled
      assert.isFalse(yield* connection.isOpen)
    })))

  it.effect("is no text, which untyped code may pass", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(T.expect(asked()), T.reply(switched()))
      const upgraded = yield* connection.upgrade(echo)
      assert.strictEqual((yield* Effect.flip(upgraded.write("x" as never)))._tag as string, "InvalidOption")
    })))
})

describe("the end of a channel", () => {
  const reasons = (events: ReadonlyArray<ConnectionEvent>) =>
    events.flatMap((event) => event._tag === "Close" ? [event.reason] : [])

  const opened = (...steps: ReadonlyArray<T.Step>) =>
    Effect.gen(function*() {
      const events: Array<ConnectionEvent> = []
      const kit = yield* connectTo(
        [
          T.connection(T.expect(asked()), T.reply(switched()), ...steps),
          T.connection(T.discardUntil("\r\n\r\n"), T.reply("HTTP/1.1 204 No\r\n\r\n"))
        ],
        { onEvent: (event) => void events.push(event) }
      )
      return { ...kit, events }
    })

  it.effect("is the end of its scope, whatever is in progress", () =>
    contained(Effect.gen(function*() {
      const { connection, events } = yield* opened(T.stall)
      const scope = yield* Scope.make()
      const upgraded = yield* Scope.extend(connection.upgrade(echo), scope)
      const reading = yield* Effect.fork(Effect.flip(all(upgraded)))
      yield* settled
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(reading))._tag, "ConnectionClosed")
      assert.strictEqual((yield* Effect.flip(upgraded.write(bytesOf("x"))))._tag, "ConnectionClosed")
      assert.deepStrictEqual(reasons(events), ["Upgraded"])
      assert.strictEqual(yield* connection.state, "Idle")
      const response = yield* connection.execute(HttpRequest.get("/next"))
      assert.strictEqual(response.status, 204)
    })))

  it.effect("is `close` of the upgrade, and of the connection", () =>
    contained(Effect.gen(function*() {
      for (const which of ["upgrade", "connection"] as const) {
        const { connection, events } = yield* opened(T.stall)
        const upgraded = yield* connection.upgrade(echo)
        yield* which === "upgrade" ? upgraded.close : connection.close
        yield* upgraded.close
        assert.strictEqual((yield* Effect.flip(all(upgraded)))._tag, "ConnectionClosed")
        assert.deepStrictEqual(reasons(events), [which === "upgrade" ? "Upgraded" : "Closed"])
      }
    })))

  it.effect("is a fault, which comes behind the bytes before it", () =>
    contained(Effect.gen(function*() {
      const { connection, events } = yield* opened(T.reply("abc"), T.reset)
      const upgraded = yield* connection.upgrade(echo)
      yield* settled
      const seen: Array<string> = []
      const error = yield* Effect.flip(
        Stream.runForEach(upgraded.stream, (piece) => Effect.sync(() => seen.push(latin1(piece))))
      )
      assert.deepStrictEqual(seen, ["abc"])
      assert.strictEqual(error._tag, "ConnectionReset")
      assert.notInclude(error.message, "of the body")
      assert.strictEqual((yield* Effect.flip(upgraded.write(bytesOf("x"))))._tag, "ConnectionReset")
      assert.deepStrictEqual(reasons(events), ["Failure"])
    })))

  it.effect("is the end of both directions", () =>
    contained(Effect.gen(function*() {
      const { connection, events } = yield* opened(T.eof, T.expectEnd)
      const upgraded = yield* connection.upgrade(echo)
      yield* upgraded.end
      assert.strictEqual(yield* all(upgraded), "")
      yield* settled
      yield* settled
      assert.deepStrictEqual(reasons(events), ["Upgraded"])
    })))
})

describe("the bytes", () => {
  it.effect("are taken once", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(T.expect(asked()), T.reply(switched()), T.stall)
      const upgraded = yield* connection.upgrade(echo)
      const reading = yield* Effect.fork(all(upgraded))
      yield* settled
      for (const second of [all(upgraded), Upgrade.toSocket(upgraded), Upgrade.toDuplex(upgraded)]) {
        const error = yield* Effect.flip<unknown, Upgrade.Failure, never>(second)
        assert.strictEqual(error._tag, "BodyAlreadyConsumed")
        assert.include(error.message, "stream")
      }
      yield* Fiber.interrupt(reading)
    })))

  it.effect("of a slow reader pause the server", () =>
    contained(Effect.gen(function*() {
      const piece = "x".repeat(65_536)
      const { connection, transport } = yield* connected(
        T.expect(asked()),
        T.reply(switched()),
        ...Array.from({ length: 64 }, () => T.reply(piece)),
        T.eof
      )
      const upgraded = yield* connection.upgrade(echo)
      yield* settled
      yield* settled
      assert.isBelow(upgraded.head.length, 3 * 65_536)
      const read = yield* Stream.runFold(upgraded.stream, 0, (length, bytes) => length + bytes.length)
      assert.strictEqual(read, 64 * 65_536)
      assert.strictEqual(transport.opened.length, 1)
    })))

  it.effect("of a stream that ended early stay unread, and the connection can still be written to", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(T.expect(asked()), T.reply(`${switched()}abc`), T.expect("reply"))
      const upgraded = yield* connection.upgrade(echo)
      yield* Stream.runDrain(Stream.take(upgraded.stream, 1))
      yield* upgraded.write(bytesOf("reply"))
      assert.isTrue(yield* connection.isOpen)
    })))
})

describe("timeouts", () => {
  it.effect("end with the head: neither total nor bodyIdle limits a channel", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connectedWith(
        { timeouts: { total: "1 second", bodyIdle: "1 second", head: "1 second", write: "1 second" } },
        T.expect(asked()),
        T.reply(switched()),
        T.delay("1 hour"),
        T.reply("late"),
        T.eof
      )
      const upgraded = yield* connection.upgrade(echo)
      const reading = yield* Effect.fork(all(upgraded))
      yield* settled
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* Fiber.join(reading), "late")
    })))

  it.effect("limit the head", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connectedWith({ timeouts: { head: "1 second" } }, T.expect(asked()), T.stall)
      const fiber = yield* Effect.fork(Effect.flip(connection.upgrade(echo)))
      yield* settled
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "HttpTimeout")
    })))
})

describe("a refusal", () => {
  const refusal = "HTTP/1.1 426 Upgrade Required\r\nUpgrade: h2c\r\nContent-Length: 6\r\n\r\nnot so"

  const refused = (connection: HttpConnection.HttpConnection, request = echo) =>
    Effect.flatMap(
      Effect.flip(connection.upgrade(request)),
      (error) => error._tag === "UpgradeRefused" ? Effect.succeed(error) : Effect.die(error)
    )

  it.effect("is an ordinary response, which can be read when the scope of the upgrade has ended", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(
        T.expect(asked()),
        T.reply(refusal),
        T.discardUntil("\r\n\r\n"),
        T.reply("HTTP/1.1 204 No\r\n\r\n")
      )
      const { response, status } = yield* Effect.scoped(refused(connection))
      assert.strictEqual(status, 426)
      assert.strictEqual(HttpFields.getUnsafe(response.fields, "upgrade"), "h2c")
      assert.strictEqual(yield* response.text, "not so")
      assert.strictEqual((yield* connection.execute(HttpRequest.get("/next"))).status, 204)
      assert.strictEqual(transport.opened.length, 1)
    })))

  it.effect("of CONNECT is any status but 2xx", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(
        T.discardUntil("\r\n\r\n"),
        T.reply("HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
      )
      assert.strictEqual((yield* refused(connection, connect)).status, 407)
    })))

  it.effect("shows the status, and neither fields nor body", () =>
    contained(Effect.gen(function*() {
      const { connection } = yield* connected(
        T.expect(asked()),
        T.reply("HTTP/1.1 401 No\r\nSet-Cookie: secret\r\nContent-Length: 6\r\n\r\nsecret")
      )
      const error = yield* refused(connection)
      const shown = [error.message, JSON.stringify(error), String(error)].join()
      assert.include(shown, "401")
      assert.notInclude(shown, "secret")
    })))
})

describe("a proxy that forwards requests", () => {
  const proxy = Either.getOrThrow(Proxy.make({ host: "proxy.test", credentials: { username: "u", password: "p" } }))
  const opened: ReadonlyArray<T.Step> = [
    T.expect(`CONNECT ${host}:80 HTTP/1.1\r\nHost: ${host}:80\r\nProxy-Authorization: Basic dTpw\r\n\r\n`),
    T.reply("HTTP/1.1 200 OK\r\n\r\n"),
    // The fields for the proxy do not go through its tunnel.
    T.expect(asked()),
    T.reply(`${switched()}abc`),
    T.eof
  ]

  it.effect("gets a tunnel from a single connection, also where it has forwarded before", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connectTo(
        [T.connection(T.discardUntil("\r\n\r\n"), T.reply("HTTP/1.1 204 No\r\n\r\n")), T.connection(...opened)],
        { proxy }
      )
      assert.strictEqual((yield* connection.execute(HttpRequest.get("/"))).status, 204)
      assert.strictEqual(yield* all(yield* connection.upgrade(echo)), "abc")
      assert.deepStrictEqual(transport.opened.map(({ host }) => host), ["proxy.test", "proxy.test"])
    })))

  it.effect("keeps the connection that it has where the upgrade is refused before it is sent", () =>
    contained(Effect.gen(function*() {
      const forwarded = [T.discardUntil("\r\n\r\n"), T.reply("HTTP/1.1 204 No\r\n\r\n")]
      const { connection, transport } = yield* connectTo([T.connection(...forwarded, ...forwarded)], { proxy })
      yield* connection.execute(HttpRequest.get("/"))
      assert.strictEqual((yield* Effect.flip(connection.upgrade(HttpRequest.get("/"))))._tag, "InvalidOption")
      assert.isTrue((yield* connection.execute(HttpRequest.get("/"))).connection.reused)
      yield* transport.verify
    })))

  it.effect("is refused to a lease, which has its connection already", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([T.connection(T.discard())])
      const origin = yield* Effect.flatMap(Origin.make({ scheme: "http", host }), (origin) =>
        Origin.withOptions(origin, { proxy }))
      const error = yield* pool.lease(origin).pipe(
        Effect.flatMap((lease) =>
          lease.upgrade(echo)
        ),
        Effect.flip,
        Effect.scoped
      )
      assert.deepInclude(error, { _tag: "InvalidOption", option: "proxy" })
      assert.strictEqual(transport.written(0), "")
    })))
})
