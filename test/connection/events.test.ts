/** The events of a connection: what Python audits (connect, send), and how it ended. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as ConnectionEvent from "../../src/ConnectionEvent.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { asked, head, latin1, ok, one, over, settled } from "./over.ts"

/** The events of what `over` runs, without the connection's id, which differs from run to run. */
const recorder = () => {
  const events: Array<ConnectionEvent.ConnectionEvent> = []
  const show = (event: ConnectionEvent.ConnectionEvent): string => {
    switch (event._tag) {
      case "Connect":
        return `Connect ${event.host} ${event.port}`
      case "Connected":
        return "Connected"
      case "ConnectFailed":
        return `ConnectFailed ${event.error?._tag ?? "-"}`
      case "Send":
      case "Receive":
        return `${event._tag} ${event.bytes}`
      case "Close":
        return `Close ${event.requestsServed} ${event.reason} ${event.error?._tag ?? "-"}`
      default:
        return event._tag
    }
  }
  return {
    events,
    onEvent: (event: ConnectionEvent.ConnectionEvent) => events.push(event),
    told: () => events.filter((event) => event._tag !== "Receive").map(show),
    received: () => events.filter((event) => event._tag === "Receive").map(show)
  }
}

describe("onEvent", () => {
  it.effect("tells of connecting, of all that is sent, and of the end", () => {
    const { onEvent, told } = recorder()
    const wire = asked("POST /", "Content-Length: 4")
    return Effect.gen(function*() {
      yield* over(
        one(T.expect(wire + "abcd"), T.reply(ok())),
        (connection) =>
          Effect.gen(function*() {
            assert.deepStrictEqual(told(), [])
            yield* connection.putRequest("POST", "/")
            yield* connection.putHeader("Content-Length", 4)
            yield* connection.endHeaders()
            yield* connection.send("ab")
            yield* connection.send("cd")
            yield* connection.getResponse
            assert.deepStrictEqual(told(), [
              "Connect a.test 80",
              "Connected",
              `Send ${wire.length}`,
              "Send 2",
              "Send 2"
            ])
          }),
        { onEvent }
      )
      assert.strictEqual(told().at(-1), "Close 1 Closed -")
    })
  })

  it.effect("gives the id that responses carry", () => {
    const { events, onEvent } = recorder()
    return over(
      one(T.expect(asked("GET /")), T.reply(ok())),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.request("GET", "/")
          const { id } = (yield* connection.getResponse).connection
          yield* connection.close
          assert.deepStrictEqual(
            events.map((event) => "connection" in event ? [event._tag, event.connection] : [event._tag]),
            [["Connect"], ["Connected", id], ["Send", id], ["Receive", id], ["Close", id]]
          )
        }),
      { onEvent }
    )
  })

  it.effect("tells of head and small body as one, because they leave in one write", () => {
    const { onEvent, told } = recorder()
    const wire = asked("POST /", "Content-Length: 5") + "hello"
    return over(
      one(T.expect(wire), T.reply(ok())),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.request("POST", "/", { body: "hello" })
          yield* connection.getResponse
          assert.deepStrictEqual(told().slice(2), [`Send ${wire.length}`])
        }),
      { onEvent }
    )
  })

  it.effect("tells of a large body in pieces of blockSize", () => {
    const { onEvent, told } = recorder()
    const wire = asked("POST /", "Content-Length: 100000")
    return over(
      one(T.expect(wire + "x".repeat(100_000)), T.reply(ok())),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.request("POST", "/", { body: new Uint8Array(100_000).fill(0x78) })
          yield* connection.getResponse
          assert.deepStrictEqual(told().slice(2), [`Send ${wire.length + 40_000}`, "Send 40000", "Send 20000"])
        }),
      { onEvent, blockSize: 40_000 }
    )
  })

  it.effect("tells of each chunk with its framing", () => {
    const { onEvent, told } = recorder()
    const wire = asked("POST /", "Transfer-Encoding: chunked")
    return over(
      one(T.expect(wire + "1\r\na\r\n1\r\nb\r\n0\r\n\r\n"), T.reply(ok())),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.request("POST", "/", { body: [latin1("a"), latin1("b")] })
          yield* connection.getResponse
          assert.deepStrictEqual(told().slice(2), [`Send ${wire.length}`, "Send 6", "Send 6", "Send 5"])
        }),
      { onEvent }
    )
  })

  it.effect("tells of each connection of its own, and of the proxy where there is a tunnel", () => {
    const { onEvent, told } = recorder()
    const connect = head("CONNECT far.test:80 HTTP/1.1", "Host: far.test:80")
    const get = head("GET / HTTP/1.1", "Host: far.test")
    return over(
      [1, 2].map(() =>
        T.connection(
          T.expect(connect),
          T.reply(head("HTTP/1.1 200 OK")),
          T.expect(get),
          T.reply(ok("", "Connection: close"))
        )
      ),
      (connection) =>
        Effect.gen(function*() {
          for (let i = 0; i < 2; i++) yield* connection.execute(HttpRequest.get("/"))
          const each = ["Connect proxy.test 3128", "Connected", `Send ${get.length}`, "Close 1 NotPersistent -"]
          assert.deepStrictEqual(told(), [...each, ...each])
        }),
      { onEvent, host: "proxy.test:3128", tunnel: { host: "far.test" } }
    )
  })

  it.effect("tells of the attempt alone where the connection is not opened", () => {
    const { onEvent, told } = recorder()
    return over([T.refuse()], (connection) =>
      Effect.gen(function*() {
        yield* Effect.flip(connection.connect)
        assert.deepStrictEqual(told(), ["Connect a.test 80", "ConnectFailed ConnectError"])
      }), { onEvent })
  })

  it.effect("names the socket path where there is one", () => {
    const { onEvent, told } = recorder()
    return over(one(), (connection) =>
      Effect.gen(function*() {
        yield* connection.connect
        assert.deepStrictEqual(told(), ["Connect /run/app.sock 80", "Connected"])
      }), { onEvent, host: undefined, socketPath: "/run/app.sock" })
  })

  it.effect.each<readonly [what: string, steps: ReadonlyArray<T.Step>, told: string]>([
    ["a server that goes away", [T.eof], "Close 0 Failure RemoteDisconnected"],
    ["an answer that is none", [T.reply("garbage\r\n")], "Close 0 Failure BadStatusLine"],
    ["a connection that breaks", [T.reset], "Close 0 Failure ReadError"]
  ])("tells of %s in the end", ([, steps, last]) => {
    const { onEvent, told } = recorder()
    return over(
      one(T.expect(asked("GET /")), ...steps),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.request("GET", "/")
          yield* Effect.flip(connection.getResponse)
          assert.strictEqual(told().at(-1), last)
          yield* settled
          assert.strictEqual(told().filter((event) => event.startsWith("Close")).length, 1)
        }),
      { onEvent }
    )
  })
})
