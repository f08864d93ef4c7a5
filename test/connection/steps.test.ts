/**
 * The step-by-step calls put the same bytes on the wire as `http.client`, but where the table in docs/http-client.md says why not.
 *
 * Bytes are compared whole: the script resets the connection at the first one that differs.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { Readable } from "node:stream"
import * as HttpBody from "../../src/HttpBody.ts"
import type { HttpConnection } from "../../src/HttpConnection.ts"
import type { HttpError } from "../../src/HttpError.ts"
import * as HttpFields from "../../src/HttpFields.ts"
import * as HttpRequest from "../../src/HttpRequest.ts"
import * as T from "../../src/TestTransport.ts"
import { asked, head, latin1, ok, one, over, settled } from "./over.ts"

/** Sends a request by its steps, and gives the status of the answer. */
const stepByStep = (
  connection: HttpConnection,
  method: string,
  fields: ReadonlyArray<readonly [string, string]>,
  end: Parameters<HttpConnection["endHeaders"]>[0],
  ...pieces: ReadonlyArray<HttpBody.Input>
) =>
  Effect.gen(function*() {
    yield* connection.putRequest(method, "/")
    for (const [name, value] of fields) yield* connection.putHeader(name, value)
    yield* connection.endHeaders(end)
    for (const piece of pieces) yield* connection.send(piece)
    return (yield* connection.getResponse).status
  })

const answered = (wire: string): T.Script => one(T.expect(wire), T.reply(ok()))

/** The error of a request of which nothing reaches the transport, which is not even opened. */
const refused = <A>(use: (connection: HttpConnection) => Effect.Effect<A, HttpError>) =>
  over([], (connection) => Effect.flip(use(connection)))

describe("putRequest", () => {
  it.effect("sends Host and Accept-Encoding: identity by itself", () =>
    over(
      answered("GET /a?b=c HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: identity\r\n\r\n"),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.putRequest("GET", "/a?b=c")
          yield* connection.endHeaders()
          const response = yield* connection.getResponse
          assert.strictEqual(response.status, 200)
        })
    ))

  it.effect("opens nothing and sends nothing before endHeaders", () =>
    over(answered(asked("GET /", "A: 1")), (connection, transport) =>
      Effect.gen(function*() {
        yield* connection.putRequest("GET", "/")
        yield* connection.putHeader("A", "1")
        assert.deepStrictEqual(transport.opened, [])
        yield* connection.endHeaders()
        assert.strictEqual(transport.opened.length, 1)
        yield* connection.getResponse
      })))

  it.effect("leaves Accept-Encoding out with skipAcceptEncoding", () =>
    over(answered(head("GET / HTTP/1.1", "Host: a.test")), (connection) =>
      Effect.gen(function*() {
        yield* connection.putRequest("GET", "/", { skipAcceptEncoding: true })
        yield* connection.endHeaders()
        yield* connection.getResponse
      })))

  it.effect("leaves Host to putHeader with skipHost", () =>
    over(
      answered(head("GET / HTTP/1.1", "Host: b.test:81", "Accept-Encoding: identity")),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.putRequest("GET", "/", { skipHost: true })
          yield* connection.putHeader("Host", "b.test:81")
          yield* connection.endHeaders()
          yield* connection.getResponse
        })
    ))

  it.effect("refuses to send no Host at all, which HTTP/1.1 forbids", () =>
    Effect.gen(function*() {
      const error = yield* refused((connection) =>
        Effect.zipRight(connection.putRequest("GET", "/", { skipHost: true }), connection.endHeaders())
      )
      assert.strictEqual(error._tag, "InvalidOption")
    }))

  it.effect("takes an empty target for /", () =>
    over(answered(asked("GET /")), (connection) =>
      Effect.gen(function*() {
        yield* connection.putRequest("GET", "")
        yield* connection.endHeaders()
        yield* connection.getResponse
      })))

  it.effect("sends a URL whole, with its own Host, as a forward proxy wants it", () =>
    over(
      answered(head("GET http://far.test:81/x HTTP/1.1", "Host: far.test:81", "Accept-Encoding: identity")),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.putRequest("GET", "http://far.test:81/x")
          yield* connection.endHeaders()
          const response = yield* connection.getResponse
          assert.strictEqual(response.url, "http://far.test:81/x")
        })
    ))

  it.effect.each(["ftp://far.test/x", "ws://far.test/", "file:///x", "urn://x"])(
    "refuses the URL %j, as which scheme no proxy for HTTP is asked",
    (target) =>
      Effect.gen(function*() {
        const error = yield* refused((connection) => connection.putRequest("GET", target))
        assert.strictEqual(error._tag, "UnsupportedScheme")
      })
  )

  it.effect.each(["G\rET", "GET\n", "GET /\r\nX: y", "", "G T", "GÉT"])(
    "refuses the method %j",
    (method) =>
      Effect.gen(function*() {
        const error = yield* refused((connection) => connection.putRequest(method, "/"))
        assert.strictEqual(error._tag, "InvalidMethod")
      })
  )

  it.effect.each(["/a b", "/\r\nX: y", "/\n", "/\0", "/\x7f", "/é", "no-slash"])(
    "refuses the target %j",
    (target) =>
      Effect.gen(function*() {
        const error = yield* refused((connection) => connection.putRequest("GET", target))
        assert.strictEqual(error._tag, "InvalidUrl")
      })
  )

  it.effect("leaves nothing begun where it is refused", () =>
    over(answered(asked("GET /")), (connection) =>
      Effect.gen(function*() {
        yield* Effect.flip(connection.putRequest("G T", "/"))
        assert.strictEqual(yield* connection.state, "Idle")
        assert.strictEqual(yield* stepByStep(connection, "GET", [], {}), 200)
      })))
})

describe("putHeader", () => {
  it.effect.each<readonly [values: ReadonlyArray<string | number | Uint8Array>, line: string]>([
    [["Basic", "eA=="], "Basic eA=="],
    [["text/html,", "text/plain,", 1], "text/html, text/plain, 1"],
    [["a ", "\tb"], "a b"],
    [["a", "", " ", "b"], "a b"],
    [["", "a"], "a"],
    [["a", latin1("\xe9"), 2], "a \xe9 2"],
    [["", " "], ""],
    [[], ""]
  ])("sends %j as one value, %j, which is what the folded lines of http.client stand for", ([values, line]) => {
    const folded = HttpFields.parse(
      latin1(
        `X: ${
          values.map((value) => typeof value === "object" ? Buffer.from(value).toString("latin1") : value).join(
            "\r\n\t"
          )
        }\r\n\r\n`
      )
    )
    assert.deepStrictEqual(HttpFields.entries(Either.getOrThrow(folded)), [["X", line]])
    return over(
      answered(asked("GET /", `X: ${line}`)),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.putRequest("GET", "/")
          yield* connection.putHeader("X", ...values)
          yield* connection.endHeaders()
          yield* connection.getResponse
        })
    )
  })

  it.effect("sends bytes as they are", () =>
    over(
      answered(asked("GET /", "Latin: \xff", "Utf8: \xc3\x80", "C1: next\x85line")),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.putRequest("GET", "/")
          yield* connection.putHeader("Latin", Uint8Array.of(0xff))
          yield* connection.putHeader("Utf8", new TextEncoder().encode("\u00c0"))
          yield* connection.putHeader("C1", Buffer.from("next\x85line", "latin1"))
          yield* connection.endHeaders()
          yield* connection.getResponse
        })
    ))

  it.effect("sends a line for each call, in the order of the calls", () =>
    over(
      answered(asked("GET /", "B: 1", "A: 2", "b: 3")),
      (connection) => stepByStep(connection, "GET", [["B", "1"], ["A", "2"], ["b", "3"]], {})
    ))

  it.effect("sends characters up to U+00FF as ISO-8859-1", () =>
    over(answered(asked("GET /", "X: \xe9\xff")), (connection) => stepByStep(connection, "GET", [["X", "éÿ"]], {})))

  it.effect("sends values without the white space around them, which is no part of them", () =>
    over(
      answered(asked("GET /", "Foo: bar", "Bar: baz qux", "Empty: ")),
      (connection) => stepByStep(connection, "GET", [["Foo", " bar "], ["Bar", "\tbaz qux\t"], ["Empty", " \t"]], {})
    ))

  it.effect.each(["HOST", "host", "hOsT"])("sends %s first, and spelled Host", (name) =>
    over(
      answered(head("GET / HTTP/1.1", "Host: b.test", "Accept-Encoding: identity", "A: 1")),
      (connection) => stepByStep(connection, "GET", [["A", "1"], [name, "b.test"]], {})
    ))

  it.effect.each(["GET", "POST", "PUT"])(
    "refuses Expect in a %s without content, which would never be sent",
    (method) =>
      Effect.gen(function*() {
        const headers = { Expect: "100-continue" }
        const ways = [
          (connection: HttpConnection) => connection.request(method, "/", { headers }),
          (connection: HttpConnection) => connection.request(method, "/", { headers, body: "" }),
          (connection: HttpConnection) => stepByStep(connection, method, [["Expect", "100-continue"]], {}),
          (connection: HttpConnection) => connection.execute(HttpRequest.make(method, "/", { headers }))
        ]
        for (const way of ways) {
          const error = yield* refused(way)
          assert.strictEqual(error._tag, "ForbiddenHeader")
          assert.strictEqual(error._tag === "ForbiddenHeader" && error.field, "Expect")
        }
      })
  )

  it.effect("takes the place of the Accept-Encoding that putRequest would send", () =>
    over(
      answered(head("GET / HTTP/1.1", "Host: a.test", "accept-encoding: gzip")),
      (connection) => stepByStep(connection, "GET", [["accept-encoding", "gzip"]], {})
    ))

  it.effect.each<readonly [name: string, value: string | number | Uint8Array, tag: string]>([
    ["X", NaN, "InvalidHeaderValue"],
    ["X", -Infinity, "InvalidHeaderValue"],
    ["X", latin1("a\r\nY: b"), "InvalidHeaderValue"],
    ["X", latin1("a\0"), "InvalidHeaderValue"],
    ["X", "a\r\nY: b", "InvalidHeaderValue"],
    ["X", "a\nb", "InvalidHeaderValue"],
    ["X", "a\rb", "InvalidHeaderValue"],
    ["X", "a\r\n b", "InvalidHeaderValue"],
    ["X", "a\0", "InvalidHeaderValue"],
    ["X", "a\u0100", "InvalidHeaderValue"],
    ["X\r\nY", "a", "InvalidHeaderName"],
    ["X Y", "a", "InvalidHeaderName"],
    ["X:", "a", "InvalidHeaderName"],
    ["", "a", "InvalidHeaderName"],
    ["é", "a", "InvalidHeaderName"]
  ])(
    "refuses the field %j: %j, and the request goes on without it",
    ([name, value, tag]) =>
      over(answered(asked("GET /", "A: 1")), (connection) =>
        Effect.gen(function*() {
          yield* connection.putRequest("GET", "/")
          const error = yield* Effect.flip(connection.putHeader(name, value))
          assert.strictEqual(error._tag, tag)
          yield* connection.putHeader("A", "1")
          yield* connection.endHeaders()
          yield* connection.getResponse
        }))
  )
})

const stream = (...pieces: ReadonlyArray<string>) => Stream.fromIterable(pieces.map(latin1))

async function* asyncPieces(...pieces: ReadonlyArray<string>) {
  for (const piece of pieces) yield latin1(piece)
}

const chunkedHello = "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"

/** Every kind of body, and how it goes out. Made anew for each test, because an iterator comes to its end. */
const bodies: ReadonlyArray<readonly [kind: string, body: () => HttpBody.Input<never>, field: string, wire: string]> = [
  ["text", () => "hello", "Content-Length: 5", "hello"],
  ["text beyond ASCII, as ISO-8859-1", () => "é", "Content-Length: 1", "\xe9"],
  ["empty text", () => "", "Content-Length: 0", ""],
  ["bytes", () => latin1("hello"), "Content-Length: 5", "hello"],
  ["a Node buffer", () => Buffer.from("hello"), "Content-Length: 5", "hello"],
  ["a Stream", () => stream("he", "llo"), "Transfer-Encoding: chunked", chunkedHello],
  ["an empty Stream", () => Stream.empty, "Transfer-Encoding: chunked", "0\r\n\r\n"],
  ["an array of bytes", () => [latin1("he"), latin1("llo")], "Transfer-Encoding: chunked", chunkedHello],
  [
    "an iterable with empty pieces",
    () => ["", "he", "", "llo", ""].map(latin1),
    "Transfer-Encoding: chunked",
    chunkedHello
  ],
  ["a generator", () => [latin1("he"), latin1("llo")].values(), "Transfer-Encoding: chunked", chunkedHello],
  ["an AsyncIterable", () => asyncPieces("he", "llo"), "Transfer-Encoding: chunked", chunkedHello],
  ["a Node Readable", () => Readable.from([latin1("he"), latin1("llo")]), "Transfer-Encoding: chunked", chunkedHello],
  [
    "a Stream of declared length",
    () => HttpBody.stream(stream("he", "llo"), { length: 5 }),
    "Content-Length: 5",
    "hello"
  ],
  ["HttpBody.bytes", () => HttpBody.bytes(latin1("hello")), "Content-Length: 5", "hello"]
]

describe("a body", () => {
  it.effect.each(bodies)(
    "of endHeaders may be %s",
    ([, body, field, wire]) =>
      over(answered(asked("POST /", field) + wire), (connection) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* stepByStep(connection, "POST", [], { body: body() }), 200)
        }))
  )

  it.effect.each(bodies)(
    "of request may be %s",
    ([, body, field, wire]) =>
      over(answered(asked("PUT /", field) + wire), (connection) =>
        Effect.gen(function*() {
          yield* connection.request("PUT", "/", { body: body() })
          assert.strictEqual((yield* connection.getResponse).status, 200)
        }))
  )

  it.effect.each(bodies)("of send may be %s, which goes out within the declared length", ([, body, field, wire]) => {
    const sent = field.startsWith("T") && wire.length > 5 ? "hello" : wire === "0\r\n\r\n" ? "" : wire
    return over(
      answered(asked("POST /", `Content-Length: ${sent.length + 1}`) + sent + "."),
      (connection) => stepByStep(connection, "POST", [["Content-Length", `${sent.length + 1}`]], {}, body(), ".")
    )
  })

  it.effect.each([
    ["text that does not fit into ISO-8859-1", "€"],
    ["a number", 5],
    ["null", null],
    ["a plain object", {}],
    ["a function", () => {}],
    ["an array of text", ["a"]]
  ])("cannot be %s, and nothing is opened for it", ([, body]) =>
    Effect.gen(function*() {
      const input = body as HttpBody.Input
      for (
        const send of [
          (connection: HttpConnection) => connection.request("POST", "/", { body: input }),
          (connection: HttpConnection) =>
            Effect.zipRight(connection.putRequest("POST", "/"), connection.endHeaders({ body: input }))
        ]
      ) {
        const error = yield* refused(send)
        assert.strictEqual(error._tag, "UnsupportedBody")
      }
    }))

  it.effect("cannot have pieces that are no bytes, and the connection is closed where they were met", () =>
    over(
      one(T.expect(asked("POST /", "Transfer-Encoding: chunked") + "1\r\na\r\n")),
      (connection, transport) =>
        Effect.gen(function*() {
          function* body() {
            yield latin1("a")
            yield "b" as unknown as Uint8Array
          }
          const error = yield* Effect.flip(connection.request("POST", "/", { body: body() }))
          assert.strictEqual(error._tag, "UnsupportedBody")
          assert.strictEqual(transport.openCount, 0)
          assert.strictEqual(yield* connection.state, "Idle")
        })
    ))

  it.effect("that fails closes the connection, and its own error comes back", () =>
    over(
      one(T.expect(asked("POST /", "Transfer-Encoding: chunked") + "1\r\na\r\n")),
      (connection, transport) =>
        Effect.gen(function*() {
          const body = Stream.concat(stream("a"), Stream.fail("disk" as const))
          const error = yield* Effect.flip(connection.request("POST", "/", { body }))
          assert.strictEqual(error._tag, "RequestBodyError")
          if (error._tag === "RequestBodyError") assert.strictEqual(error.error, "disk")
          assert.strictEqual(error.context.requestState, "PartiallySent")
          assert.strictEqual(transport.openCount, 0)
          assert.strictEqual(yield* connection.state, "Idle")
        })
    ))

  it.effect("whose iterator throws closes the connection, and what was thrown comes back", () =>
    over(
      one(T.expect(asked("POST /", "Transfer-Encoding: chunked") + "1\r\na\r\n")),
      (connection, transport) =>
        Effect.gen(function*() {
          const thrown = new Error("disk")
          function* body() {
            yield latin1("a")
            throw thrown
          }
          const error = yield* Effect.flip(connection.request("POST", "/", { body: body() }))
          assert.strictEqual(error._tag, "RequestBodyError")
          if (error._tag === "RequestBodyError") assert.strictEqual(error.error, thrown)
          assert.strictEqual(transport.openCount, 0)
        })
    ))
})

describe("request", () => {
  it.effect.each([
    ["GET"],
    ["HEAD"],
    ["DELETE"],
    ["OPTIONS"],
    ["TRACE"],
    ["PROPFIND"],
    ["POST", "Content-Length: 0"],
    ["PUT", "Content-Length: 0"],
    ["PATCH", "Content-Length: 0"]
  ])("of %s without a body says so where content is usual", ([method = "", ...fields]) =>
    over(
      one(T.expect(asked(`${method} /`, ...fields)), T.reply(head("HTTP/1.1 204 No Content"))),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.request(method, "/")
          assert.strictEqual((yield* connection.getResponse).status, 204)
        })
    ))

  it.effect.each(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])(
    "of %s with a body says how long it is",
    (method) =>
      over(answered(asked(`${method} /`, "Content-Length: 2") + "hi"), (connection) =>
        Effect.gen(function*() {
          yield* connection.request(method, "/", { body: "hi" })
          yield* connection.getResponse
        }))
  )

  it.effect.each(["CONNECT", "TRACE"])("of %s has no body", (method) =>
    Effect.gen(function*() {
      const target = method === "CONNECT" ? "a.test:80" : "/"
      const ways = [
        (connection: HttpConnection) => connection.request(method, target, { body: "hi" }),
        (connection: HttpConnection) =>
          Effect.gen(function*() {
            yield* connection.putRequest(method, target)
            yield* connection.putHeader("Content-Length", 2)
            yield* connection.endHeaders()
          }),
        (connection: HttpConnection) =>
          connection.execute(HttpRequest.make(method, target, { body: HttpBody.bytes(latin1("hi")) }))
      ]
      for (const way of ways) assert.strictEqual((yield* refused(way))._tag, "UnsupportedBody")
    }))

  it.effect("sends the fields of its headers behind its own, in their order", () =>
    over(
      answered(asked("POST /", "Content-Length: 2", "User-Agent: x", "Max-Forwards: 3", "A: 1", "A: 2") + "hi"),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.request("POST", "/", {
            body: "hi",
            headers: { "User-Agent": "x", "Max-Forwards": 3, A: ["1", "2"] }
          })
          yield* connection.getResponse
        })
    ))

  it.effect("lets its headers replace Host and Accept-Encoding", () =>
    over(
      answered(head("GET / HTTP/1.1", "Host: b.test", "ACCEPT-ENCODING: br")),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.request("GET", "/", { headers: [["ACCEPT-ENCODING", "br"], ["hOST", "b.test"]] })
          yield* connection.getResponse
        })
    ))

  it.effect("leaves nothing begun and nothing sent where a field is refused", () =>
    over(answered(asked("GET /")), (connection) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(connection.request("GET", "/", { headers: { "X-A": "1", X: "a\r\nY: b" } }))
        assert.strictEqual(error._tag, "InvalidHeaderValue")
        assert.strictEqual(yield* connection.state, "Idle")
        yield* connection.request("GET", "/")
        yield* connection.getResponse
      })))

  it.effect("can be made again and again on one connection", () =>
    over(
      one(T.expect(asked("GET /1")), T.reply(ok("one")), T.expect(asked("GET /2")), T.reply(ok("two"))),
      (connection, transport) =>
        Effect.gen(function*() {
          for (const [target, text] of [["/1", "one"], ["/2", "two"]] as const) {
            yield* connection.request("GET", target)
            const response = yield* connection.getResponse
            assert.strictEqual(yield* response.text, text)
          }
          assert.strictEqual(transport.opened.length, 1)
        })
    ))
})

type Fields = ReadonlyArray<readonly [string, string]>
const chunkedField: Fields = [["Transfer-Encoding", "chunked"]]
const TE = "Transfer-Encoding: chunked"

describe("encodeChunked", () => {
  it.effect.each<
    readonly [says: string, fields: Fields, encodeChunked: boolean, body: () => HttpBody.Input<never>, wire: string]
  >([
    [
      "changes nothing for text without Transfer-Encoding",
      [],
      true,
      () => "hello",
      asked("POST /", "Content-Length: 5") + "hello"
    ],
    [
      "changes nothing for a Stream without Transfer-Encoding",
      [],
      true,
      () => stream("he", "llo"),
      asked("POST /", TE) + chunkedHello
    ],
    [
      "is not needed for a Stream without Transfer-Encoding",
      [],
      false,
      () => stream("he", "llo"),
      asked("POST /", TE) + chunkedHello
    ],
    [
      "chunks text beside the caller's Transfer-Encoding",
      chunkedField,
      true,
      () => "hello",
      asked("POST /", TE) + "5\r\nhello\r\n0\r\n\r\n"
    ],
    [
      "chunks a Stream beside the caller's Transfer-Encoding",
      chunkedField,
      true,
      () => stream("he", "llo"),
      asked("POST /", TE) + chunkedHello
    ],
    [
      "sends text as it is without it, which the caller has chunked",
      chunkedField,
      false,
      () => chunkedHello,
      asked("POST /", TE) + chunkedHello
    ],
    [
      "sends a Stream as it is without it, wherever its pieces end",
      chunkedField,
      false,
      () => stream("2\r", "\nhe\r\n3\r\nll", "o\r\n0\r\n", "\r\n"),
      asked("POST /", TE) + chunkedHello
    ],
    [
      "lets the caller send extensions and trailers without it",
      chunkedField,
      false,
      () => "1;a=b\r\nx\r\n0\r\nT: v\r\n\r\n",
      asked("POST /", TE) + "1;a=b\r\nx\r\n0\r\nT: v\r\n\r\n"
    ],
    [
      "changes nothing beside the caller's Content-Length",
      [["Content-Length", "5"]],
      true,
      () => stream("he", "llo"),
      asked("POST /", "Content-Length: 5") + "hello"
    ]
  ])("%s", ([, fields, encodeChunked, body, wire]) =>
    Effect.gen(function*() {
      yield* over(
        answered(wire),
        (connection) => stepByStep(connection, "POST", fields, { body: body(), encodeChunked })
      )
      yield* over(answered(wire), (connection) =>
        Effect.zipRight(
          connection.request("POST", "/", { headers: fields, body: body(), encodeChunked }),
          connection.getResponse
        ))
    }))

  const head = asked("POST /", TE)

  it.effect.each<readonly [what: string, body: () => HttpBody.Input<never>, sent: string]>([
    ["no chunks", () => "hello", ""],
    ["no last chunk", () => "1\r\nx\r\n", ""],
    ["no last chunk of a Stream", () => stream("1\r\nx\r\n"), `${head}1\r\nx\r\n`],
    ["nothing at all", () => "", ""],
    ["content behind the last chunk", () => stream("0\r\n\r\n", "x"), `${head}0\r\n\r\n`],
    ["a last chunk in the middle of a piece", () => "0\r\n\r\nGET / HTTP/1.1\r\n", ""]
  ])(
    "without it, %s is an error, and nothing of it is sent",
    ([, body, sent]) =>
      over(sent === "" ? [] : one(T.expect(sent)), (connection, transport) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(connection.request("POST", "/", { headers: chunkedField, body: body() }))
          assert.strictEqual(error._tag, "ConflictingFraming")
          assert.strictEqual(transport.openCount, 0)
        }))
  )

  it.effect("makes each piece of send a chunk, and getResponse sends the last one", () =>
    over(
      answered(asked("POST /", TE) + chunkedHello),
      (connection) => stepByStep(connection, "POST", chunkedField, { encodeChunked: true }, "he", "", "llo")
    ))

  it.effect("lets send send what the caller has chunked where it is off", () =>
    over(
      answered(asked("POST /", TE) + chunkedHello),
      (connection) =>
        stepByStep(connection, "POST", chunkedField, {}, "2\r\nhe\r\n", latin1("3\r\nllo\r\n"), stream("0\r\n", "\r\n"))
    ))

  it.effect("where it is off, getResponse misses the last chunk that send did not send", () =>
    over(one(T.expect(asked("POST /", TE) + "1\r\nx\r\n")), (connection, transport) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(stepByStep(connection, "POST", chunkedField, {}, "1\r\nx\r\n"))
        assert.strictEqual(error._tag, "ConflictingFraming")
        assert.strictEqual(transport.openCount, 0)
        assert.strictEqual(yield* connection.state, "Idle")
      })))

  it.effect.each<readonly [fields: Fields, tag: string]>([
    [[["Transfer-Encoding", "gzip"]], "ForbiddenHeader"],
    [[["Transfer-Encoding", "chunked, gzip"]], "ForbiddenHeader"],
    [[["Transfer-Encoding", "chunked"], ["Content-Length", "5"]], "ConflictingFraming"],
    [[["Content-Length", "5"], ["Content-Length", "5"]], "ConflictingFraming"],
    [[["Content-Length", "5x"]], "InvalidHeaderValue"]
  ])(
    "cannot mend fields that frame nothing: %j is %s, and nothing is opened",
    ([fields, tag]) =>
      Effect.gen(function*() {
        for (const encodeChunked of [false, true]) {
          const error = yield* refused((connection) =>
            connection.request("POST", "/", { headers: fields, body: "hello", encodeChunked })
          )
          assert.strictEqual(error._tag, tag)
        }
      })
  )
})

describe("a declared Content-Length", () => {
  const declared = (length: number): Fields => [["Content-Length", String(length)]]

  it.effect("is kept by the pieces of send together", () =>
    over(
      answered(asked("POST /", "Content-Length: 5") + "hello"),
      (connection) => stepByStep(connection, "POST", declared(5), {}, "he", latin1("l"), stream("l", "o"))
    ))

  it.effect.each<readonly [length: number, pieces: ReadonlyArray<string>, sent: string, actual: number]>([
    [4, ["hello"], "", 5],
    [4, ["he", "llo"], "he", 5],
    [5, ["hello", "!"], "hello", 6],
    [0, ["x"], "", 1]
  ])(
    "of %i is not exceeded by send, and nothing beyond it is sent: %j",
    ([length, pieces, sent, actual]) =>
      over(
        one(T.expect(asked("POST /", `Content-Length: ${length}`) + sent)),
        (connection, transport) =>
          Effect.gen(function*() {
            const error = yield* Effect.flip(stepByStep(connection, "POST", declared(length), {}, ...pieces))
            assert.strictEqual(error._tag, "BodyLengthMismatch")
            if (error._tag === "BodyLengthMismatch") {
              assert.deepStrictEqual([error.declared, error.actual], [length, actual])
            }
            assert.strictEqual(transport.openCount, 0)
            assert.strictEqual(yield* connection.state, "Idle")
          })
      )
  )

  it.effect("is not fallen short of by send: getResponse fails and the connection is closed", () =>
    over(
      one(T.expect(asked("POST /", "Content-Length: 5") + "hell")),
      (connection, transport) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(stepByStep(connection, "POST", declared(5), {}, "hell"))
          assert.strictEqual(error._tag, "BodyLengthMismatch")
          if (error._tag === "BodyLengthMismatch") assert.deepStrictEqual([error.declared, error.actual], [5, 4])
          assert.strictEqual(transport.openCount, 0)
        })
    ))

  it.effect.each<readonly [kind: string, body: HttpBody.Input]>([
    ["bytes", "y"],
    ["a Stream", stream("y")]
  ])(
    "is not exceeded by send after the server has answered either: %s",
    ([, body]) =>
      over(
        one(T.expect(asked("POST /", "Content-Length: 1") + "x"), T.reply(ok())),
        (connection) =>
          Effect.gen(function*() {
            yield* connection.putRequest("POST", "/")
            yield* connection.putHeader("Content-Length", 1)
            yield* connection.endHeaders()
            yield* connection.send("x")
            yield* settled
            const error = yield* Effect.flip(connection.send(body))
            assert.strictEqual(error._tag, "BodyLengthMismatch")
          })
      )
  )

  it.effect.each<readonly [kind: string, body: HttpBody.Input]>([
    ["bytes", "yz"],
    ["a Stream", stream("yz")]
  ])("is not exceeded by send while the response is on its way, which then fails too: %s", ([, body]) =>
    over(
      one(
        T.expect(asked("POST /", "Content-Length: 2") + "x"),
        T.reply(head("HTTP/1.1 200 OK", "Content-Length: 9") + "abc"),
        T.expectDestroy
      ),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.putRequest("POST", "/")
          yield* connection.putHeader("Content-Length", 2)
          yield* connection.endHeaders()
          yield* connection.send("x")
          yield* settled
          const error = yield* Effect.flip(connection.send(body))
          assert.strictEqual(error._tag, "BodyLengthMismatch")
          assert.strictEqual(yield* connection.state, "Idle")
        })
    ))

  it.effect.each<readonly [length: number, pieces: ReadonlyArray<string>, sent: string]>([
    [4, ["he", "llo"], "he"],
    [6, ["he", "llo"], "hello"]
  ])(
    "of %i is enforced on a Stream: %j",
    ([length, pieces, sent]) =>
      over(
        one(T.expect(asked("POST /", `Content-Length: ${length}`) + sent)),
        (connection, transport) =>
          Effect.gen(function*() {
            const error = yield* Effect.flip(
              connection.request("POST", "/", { headers: declared(length), body: stream(...pieces) })
            )
            assert.strictEqual(error._tag, "BodyLengthMismatch")
            if (error._tag === "BodyLengthMismatch") {
              assert.deepStrictEqual([error.declared, error.actual], [length, 5])
            }
            assert.strictEqual(transport.openCount, 0)
          })
      )
  )

  it.effect.each([4, 6])(
    "of %i is compared with a body in memory before anything is opened",
    (length) =>
      Effect.gen(function*() {
        const error = yield* refused((connection) =>
          connection.request("POST", "/", { headers: declared(length), body: "hello" })
        )
        assert.strictEqual(error._tag, "BodyLengthMismatch")
      })
  )

  it.effect("is needed, or Transfer-Encoding, for send", () =>
    over(one(T.expect(asked("POST /"))), (connection, transport) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(stepByStep(connection, "POST", [], {}, "hello"))
        assert.strictEqual(error._tag, "ConflictingFraming")
        assert.strictEqual(transport.openCount, 0)
      })))
})

describe("send", () => {
  it.effect("waits until the transport takes more", () =>
    over(
      one(
        T.expect(asked("POST /", "Content-Length: 3")),
        T.blockWrites,
        T.expect("abc"),
        T.delay("2 seconds"),
        T.unblockWrites,
        T.reply(ok())
      ),
      (connection) =>
        Effect.gen(function*() {
          yield* connection.putRequest("POST", "/")
          yield* connection.putHeader("Content-Length", 3)
          yield* connection.endHeaders()
          const sending = yield* Effect.fork(connection.send("abc"))
          yield* settled
          assert.isTrue(Option.isNone(yield* Fiber.poll(sending)))
          yield* TestClock.adjust("2 seconds")
          yield* Fiber.join(sending)
          yield* connection.getResponse
        })
    ))

  it.effect("does nothing once the server has refused the body, and getResponse gives the refusal", () =>
    over(
      one(
        T.expect(asked("POST /", "Content-Length: 9") + "abc"),
        T.reply(head("HTTP/1.1 413 Content Too Large", "Content-Length: 0"))
      ),
      (connection, transport) =>
        Effect.gen(function*() {
          yield* connection.putRequest("POST", "/")
          yield* connection.putHeader("Content-Length", 9)
          yield* connection.endHeaders()
          yield* connection.send("abc")
          yield* settled
          yield* connection.send("def")
          assert.strictEqual((yield* connection.getResponse).status, 413)
          assert.strictEqual(transport.openCount, 0)
        })
    ))

  it.effect("refuses what is no body and leaves the request as it is", () =>
    over(answered(asked("POST /", "Content-Length: 1") + "x"), (connection) =>
      Effect.gen(function*() {
        yield* connection.putRequest("POST", "/")
        yield* connection.putHeader("Content-Length", 1)
        yield* connection.endHeaders()
        assert.strictEqual((yield* Effect.flip(connection.send("€")))._tag, "UnsupportedBody")
        yield* connection.send("x")
        yield* connection.getResponse
      })))
})
