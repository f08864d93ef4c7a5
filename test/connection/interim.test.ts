/**
 * Interim responses as they come, on all three faces: each is reported as its last byte arrives, in order, and what the listener does
 * never touches the exchange.
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { AsyncLocalStorage } from "node:async_hooks"
import * as ConnectionPool from "../../src/ConnectionPool.ts"
import type * as HttpConnection from "../../src/HttpConnection.ts"
import * as HttpFields from "../../src/HttpFields.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import type { HttpResponse, Informational } from "../../src/HttpResponse.ts"
import * as Interim from "../../src/Interim.ts"
import * as PooledHttpClient from "../../src/PooledHttpClient.ts"
import * as T from "../../src/TestTransport.ts"
import * as Upgrade from "../../src/Upgrade.ts"
import { anyHead, clientTo, quietly } from "../platform/kit.ts"
import { get, poolOver } from "../pool/harness.ts"
import {
  bytesOf,
  connected,
  contained,
  failsWith,
  getHead,
  hasEnded,
  nothingButIdle,
  nothingLeft,
  ok,
  settled,
  started,
  textOf
} from "./harness.ts"

const hints =
  "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload; as=style\r\nLink: </app.js>; rel=preload\r\n\r\n"
const processing = "HTTP/1.1 102 Processing\r\n\r\n"
const upload = "HTTP/1.1 104 Upload Resumption Supported\r\nLocation: /uploads/1\r\n\r\n"

type Listen = (informational: Informational) => void

interface Face {
  readonly name: string
  /** Sends a GET of `/` over a script of one connection, and gives the status of the final response. */
  readonly send: (listen: Listen, ...steps: ReadonlyArray<T.Step>) => Effect.Effect<number, unknown>
}

const faces: ReadonlyArray<Face> = [
  {
    name: "a connection",
    send: (onInformational, ...steps) =>
      Effect.scoped(
        Effect.flatMap(connected(anyHead, ...steps), ({ connection }) =>
          Effect.map(connection.execute(HttpRequest.get("/", { onInformational })), ({ status }) =>
            status))
      )
  },
  {
    name: "a connection, in one step of `http.client`",
    send: (onInformational, ...steps) =>
      Effect.scoped(Effect.flatMap(connected(anyHead, ...steps), ({ connection }) =>
        Effect.zipRight(
          connection.request("GET", "/", { onInformational }),
          Effect.map(connection.getResponse, ({ status }) => status)
        )))
  },
  {
    name: "a connection, step by step",
    send: (onInformational, ...steps) =>
      Effect.scoped(Effect.flatMap(connected(anyHead, ...steps), ({ connection }) =>
        Effect.gen(function*() {
          yield* connection.putRequest("GET", "/", { onInformational })
          yield* connection.endHeaders()
          return (yield* connection.getResponse).status
        })))
  },
  {
    name: "a pool",
    send: (onInformational, ...steps) =>
      Effect.scoped(
        Effect.flatMap(poolOver([T.connection(anyHead, ...steps)]), ({ pool }) =>
          Effect.map(pool.execute(get("/", { onInformational })), ({ status }) => status))
      )
  },
  {
    name: "the platform's client",
    send: (onInformational, ...steps) =>
      Effect.scoped(
        Effect.flatMap(clientTo([T.connection(anyHead, ...steps)]), ({ client }) =>
          quietly(Effect.map(client.get("http://a.test/"), ({ status }) =>
            status)).pipe(PooledHttpClient.withOptions({ onInformational })))
      )
  }
]

const upgrading = { headers: { Upgrade: "echo" } }

/** The status of an upgrade, whether or not it was refused. */
const upgradeStatus = <E, R>(
  upgrade: Effect.Effect<Upgrade.Upgraded, E | Upgrade.UpgradeRefused, R>
): Effect.Effect<number, Exclude<E, Upgrade.UpgradeRefused>, R> =>
  Effect.matchEffect(upgrade, {
    onFailure: (error) =>
      error instanceof Upgrade.UpgradeRefused
        ? Effect.succeed(error.status)
        : Effect.fail(error as Exclude<E, Upgrade.UpgradeRefused>),
    onSuccess: ({ status }) => Effect.succeed(status)
  })

/** As the faces above, but the connection is asked to leave HTTP. */
const upgrades: ReadonlyArray<Face> = [
  {
    name: "an upgrade of a connection",
    send: (onInformational, ...steps) =>
      Effect.scoped(
        Effect.flatMap(connected(anyHead, ...steps), ({ connection }) =>
          upgradeStatus(connection.upgrade(HttpRequest.get("/", { ...upgrading, onInformational }))))
      )
  },
  {
    name: "an upgrade of a pool",
    send: (onInformational, ...steps) =>
      Effect.scoped(
        Effect.flatMap(poolOver([T.connection(anyHead, ...steps)]), ({ pool }) =>
          upgradeStatus(pool.upgrade(get("/", { ...upgrading, onInformational }))))
      )
  },
  {
    name: "an upgrade for the platform's client",
    send: (onInformational, ...steps) =>
      Effect.scoped(
        Effect.flatMap(poolOver([T.connection(anyHead, ...steps)]), ({ pool }) =>
          upgradeStatus(
            Upgrade.execute(HttpClientRequest.get("http://a.test/", upgrading)).pipe(
              PooledHttpClient.withOptions({ onInformational }),
              Effect.provideService(ConnectionPool.ConnectionPool, pool)
            )
          ))
      )
  }
]

const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"

const statusesOf = (heard: ReadonlyArray<Informational>) => heard.map(({ status }) => status)

describe("each interim response is reported when it has arrived", () => {
  for (const { name, send } of faces) {
    it.scoped(name, () =>
      Effect.gen(function*() {
        const heard: Array<Informational> = []
        const fiber = yield* started(send(
          (informational) => heard.push(informational),
          T.reply(processing),
          T.delay("1 second"),
          T.reply(hints),
          T.delay("1 second"),
          T.reply(ok("done"))
        ))
        assert.deepStrictEqual(statusesOf(heard), [102])
        yield* TestClock.adjust("1 second")
        yield* settled
        assert.deepStrictEqual(statusesOf(heard), [102, 103])
        assert.deepStrictEqual(HttpFields.getAll(heard[1]?.fields ?? HttpFields.empty, "link"), [
          "</style.css>; rel=preload; as=style",
          "</app.js>; rel=preload"
        ])
        assert.isFalse(hasEnded(fiber))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(fiber), 200)
        assert.deepStrictEqual(statusesOf(heard), [102, 103])
      }))
  }
})

/** One exchange on a connection, with everything that its listener heard. */
const listening = (
  listen: (informational: Informational, connection: HttpConnection.HttpConnection) => void,
  ...steps: ReadonlyArray<T.Step>
) =>
  Effect.gen(function*() {
    const kit = yield* connected(T.expect(getHead()), ...steps)
    const heard: Array<Informational> = []
    const request = HttpRequest.get("/", {
      onInformational: (informational) => {
        heard.push(informational)
        listen(informational, kit.connection)
      }
    })
    return { ...kit, request, heard }
  })

describe("each interim response before a connection leaves HTTP is reported", () => {
  for (const { name, send } of upgrades) {
    it.scoped(`${name}, in order, and the 101 is the upgrade itself`, () =>
      Effect.gen(function*() {
        const heard: Array<Informational> = []
        assert.strictEqual(yield* send((one) => heard.push(one), T.reply(`${processing}${hints}${switching}`)), 101)
        assert.deepStrictEqual(statusesOf(heard), [102, 103])
      }))

    it.scoped(`${name} that is refused`, () =>
      Effect.gen(function*() {
        const heard: Array<Informational> = []
        assert.strictEqual(yield* send((one) => heard.push(one), T.reply(hints), T.reply(ok())), 200)
        assert.deepStrictEqual(statusesOf(heard), [103])
      }))

    it.scoped(`${name} whose listener throws goes on`, () =>
      Effect.gen(function*() {
        const status = yield* quietly(send(() => {
          throw new Error("mine")
        }, T.reply(`${hints}${switching}`)))
        assert.strictEqual(status, 101)
      }))
  }

  it.scoped("a listener may interrupt the upgrade, which leaves nothing open", () =>
    contained(Effect.gen(function*() {
      const { connection, transport } = yield* connected(anyHead, T.reply(`${hints}${switching}`))
      const fiber: Fiber.RuntimeFiber<unknown, unknown> = yield* Effect.fork(
        connection.upgrade(HttpRequest.get("/", {
          ...upgrading,
          onInformational: () => fiber.unsafeInterruptAsFork(fiber.id())
        }))
      )
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(fiber)))
      assert.strictEqual(yield* connection.state, "Idle")
      yield* nothingLeft(transport)
    })))
})

describe("an interim response", () => {
  const wire = `${processing}${hints}${upload}${ok("done")}`

  it.scoped("is the same however its bytes are split, and the one of `informational`", () =>
    Effect.gen(function*() {
      for (let at = 1; at < wire.length; at++) {
        yield* contained(Effect.gen(function*() {
          const { connection, heard, request, transport } = yield* listening(
            () => {},
            T.reply(wire.slice(0, at)),
            T.reply(wire.slice(at))
          )
          const response: HttpResponse = yield* connection.execute(request)
          assert.strictEqual(yield* response.text, "done")
          assert.deepStrictEqual(statusesOf(heard), [102, 103, 104], `split at ${at}`)
          assert.deepStrictEqual(response.informational, heard)
          yield* transport.verify
        }))
      }
    }))

  it.scoped("is reported as soon as its last byte is there, and not before", () =>
    contained(Effect.gen(function*() {
      const { connection, heard, request } = yield* listening(
        () => {},
        T.reply(hints.slice(0, -1)),
        T.delay("1 second"),
        T.reply(hints.slice(-1)),
        T.stall
      )
      const fiber = yield* started(connection.execute(request))
      assert.deepStrictEqual(heard, [])
      yield* TestClock.adjust("1 second")
      yield* settled
      assert.deepStrictEqual(statusesOf(heard), [103])
      yield* Fiber.interrupt(fiber)
    })))

  it.scoped("100 is one too, and the body leaves whether or not there is a listener", () =>
    contained(Effect.gen(function*() {
      const heard: Array<number> = []
      const { connection, transport } = yield* connected(
        anyHead,
        T.reply("HTTP/1.1 100 Continue\r\n\r\n"),
        T.expect("abc"),
        T.reply(ok("done"))
      )
      const response = yield* connection.request("POST", "/", {
        headers: { Expect: "100-continue" },
        body: "abc",
        onInformational: ({ status }) => heard.push(status)
      }).pipe(Effect.zipRight(connection.getResponse))
      assert.strictEqual(yield* response.text, "done")
      assert.deepStrictEqual(heard, [100])
      yield* transport.verify
    })))

  it.scoped("beyond the limit is not reported, because the request has failed", () =>
    contained(Effect.gen(function*() {
      const { connection, heard, request, transport } = yield* listening(() => {}, T.reply(wire))
      yield* failsWith(
        connection.execute(HttpRequest.setOptions(request, { limits: { informational: 2 } })),
        "TooManyInformational"
      )
      assert.deepStrictEqual(statusesOf(heard), [102, 103])
      yield* nothingLeft(transport)
    })))

  it.scoped("after an interruption is not reported", () =>
    contained(Effect.gen(function*() {
      const { connection, heard, request, transport } = yield* listening(
        () => {},
        T.reply(processing),
        T.delay("1 second"),
        T.reply(hints)
      )
      const fiber = yield* started(connection.execute(request))
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 second")
      yield* nothingLeft(transport)
      assert.deepStrictEqual(statusesOf(heard), [102])
    })))
})

describe("a listener", () => {
  it.scoped("that throws ends up in the log, with the status, and the exchange goes on", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => void lines.push(String(message)))
      yield* contained(Effect.gen(function*() {
        const { connection, heard, request, transport } = yield* listening(
          () => {
            throw new Error("mine")
          },
          T.reply(`${processing}${hints}${ok("done")}`),
          T.expect(getHead()),
          T.reply(ok("next"))
        )
        assert.strictEqual(yield* textOf(connection, request), "done")
        assert.deepStrictEqual(statusesOf(heard), [102, 103])
        assert.strictEqual(yield* textOf(connection, HttpRequest.get("/")), "next")
        yield* nothingButIdle(transport)
      })).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      assert.strictEqual(lines.length, 2)
      assert.include(lines[0], "102")
      assert.include(lines[1], "103")
    }))

  it.scoped("may close the connection: the request fails, and no further one is reported", () =>
    contained(Effect.gen(function*() {
      const { connection, heard, request, transport } = yield* listening(
        (_, connection) => Effect.runSync(connection.close),
        T.reply(`${processing}${hints}${ok("done")}`)
      )
      yield* failsWith(connection.execute(request), "ConnectionClosed")
      assert.deepStrictEqual(statusesOf(heard), [102])
      yield* nothingLeft(transport)
    })))

  it.scoped("may interrupt the request", () =>
    contained(Effect.gen(function*() {
      let fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined
      const { connection, request, transport } = yield* listening(
        () => fiber?.unsafeInterruptAsFork(fiber.id()),
        T.delay("1 second"),
        T.reply(`${processing}`),
        T.stall
      )
      fiber = yield* started(connection.execute(request))
      yield* TestClock.adjust("1 second")
      yield* nothingLeft(transport)
      assert.isTrue(hasEnded(fiber))
    })))

  it.scoped("may send another request through the same pool", () =>
    contained(Effect.gen(function*() {
      const { pool, transport } = yield* poolOver([
        T.connection(anyHead, T.reply(hints), T.delay("1 second"), T.reply(ok("page"))),
        T.connection(T.expect(getHead("/style.css")), T.reply(ok("style")))
      ])
      const styles: Array<string> = []
      const fiber = yield* started(pool.execute(get("/", {
        onInformational: () => {
          Effect.runFork(Effect.map(
            Effect.flatMap(pool.execute(get("/style.css")), ({ text }) => text),
            (text) => void styles.push(text)
          ))
        }
      })))
      yield* settled
      assert.deepStrictEqual(styles, ["style"])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* (yield* fiber).text, "page")
      yield* transport.verify
    })))

  it.scoped("runs in the async context of the caller", () =>
    Effect.gen(function*() {
      const storage = new AsyncLocalStorage<string>()
      const heard: Array<string | undefined> = []
      for (const { send } of faces) {
        const sending = send(
          () => heard.push(storage.getStore()),
          T.reply(`${hints}${ok()}`)
        )
        const fiber = storage.run("mine", () => Effect.runFork(sending))
        yield* Fiber.await(fiber)
      }
      assert.deepStrictEqual(heard, faces.map(() => "mine"))
    }))
})

describe("`Interim.stream`", () => {
  const answersOf = (...steps: ReadonlyArray<T.Step>) =>
    Effect.map(poolOver([T.connection(anyHead, ...steps)]), (kit) => ({
      ...kit,
      answers: Interim.stream((onInformational) => kit.pool.execute(get("/", { onInformational })))
    }))

  const statusOf = (answer: Interim.Answer<HttpResponse>): number =>
    answer._tag === "Informational" ? answer.informational.status : answer.response.status

  it.scoped("gives the interim responses as they come, and the final one last", () =>
    contained(Effect.gen(function*() {
      const { answers } = yield* answersOf(
        T.reply(`${processing}${hints}`),
        T.delay("1 second"),
        T.reply(ok("done"))
      )
      const seen: Array<number> = []
      const fiber = yield* started(
        Stream.runForEach(answers, (answer) => Effect.sync(() => seen.push(statusOf(answer))))
      )
      assert.deepStrictEqual(seen, [102, 103])
      yield* TestClock.adjust("1 second")
      yield* fiber
      assert.deepStrictEqual(seen, [102, 103, 200])
    })))

  it.scoped("leaves an upgrade to the scope around it", () =>
    contained(Effect.gen(function*() {
      const { pool } = yield* poolOver([
        T.connection(anyHead, T.reply(`${hints}${switching}`), T.expect("hello"), T.reply("world"), T.eof)
      ])
      const last = yield* Stream.runLast(
        Interim.stream((onInformational) => pool.upgrade(get("/", { ...upgrading, onInformational })))
      )
      assert.isTrue(Option.isSome(last) && last.value._tag === "Response")
      if (Option.isNone(last) || last.value._tag !== "Response") return
      const upgraded = last.value.response
      yield* upgraded.write(bytesOf("hello"))
      assert.strictEqual(
        yield* Stream.runFold(Stream.decodeText(upgraded.stream), "", (all, text) => all + text),
        "world"
      )
    })))

  it.scoped("gives the final response alone where there is nothing before it", () =>
    contained(Effect.gen(function*() {
      const { answers } = yield* answersOf(T.reply(ok("done")))
      assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Stream.runCollect(answers)).map(statusOf), [200])
    })))

  it.scoped("fails as the request does, behind what came before", () =>
    contained(Effect.gen(function*() {
      const { answers, transport } = yield* answersOf(T.reply(hints), T.eof)
      const seen: Array<number> = []
      const run = Stream.runForEach(answers, (answer) => Effect.sync(() => seen.push(statusOf(answer))))
      yield* failsWith(run, "RemoteDisconnected")
      assert.deepStrictEqual(seen, [103])
      yield* nothingLeft(transport)
    })))

  it.scoped("interrupts the request when it is ended early", () =>
    contained(Effect.gen(function*() {
      const { answers, transport } = yield* answersOf(T.reply(hints), T.stall)
      assert.strictEqual(Chunk.size(yield* Stream.runCollect(Stream.take(answers, 1))), 1)
      yield* nothingLeft(transport)
    })))

  it.scoped("sends a request each time that it is run", () =>
    contained(Effect.gen(function*() {
      const { answers, transport } = yield* answersOf(T.reply(ok("1")), anyHead, T.reply(ok("2")))
      for (let run = 0; run < 2; run++) {
        yield* Stream.runForEach(answers, (answer) => answer._tag === "Response" ? answer.response.text : Effect.void)
      }
      yield* transport.verify
    })))
})

describe("`onInformational` that is no function", () => {
  for (const junk of [1, "listen", {}]) {
    it.scoped(`is refused before anything is opened: ${JSON.stringify(junk)}`, () =>
      Effect.gen(function*() {
        const onInformational = junk as unknown as Listen
        const { connection, transport } = yield* connected()
        for (
          const asked of [
            connection.execute(HttpRequest.get("/", { onInformational })),
            connection.request("GET", "/", { onInformational }),
            connection.putRequest("GET", "/", { onInformational })
          ]
        ) {
          assert.strictEqual((yield* failsWith(asked, "InvalidOption")).option, "onInformational")
        }
        assert.deepStrictEqual(transport.opened, [])
      }))
  }
})
