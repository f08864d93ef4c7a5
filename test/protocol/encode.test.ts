/** Request heads, byte for byte (RFC 9112 sections 3 and 6). */
import { describe, expect, it } from "vitest"
import * as HttpFields from "../../src/HttpFields.ts"
import { checkField, checkMethod } from "../../src/internal/protocol/encode.ts"
import { scanFields } from "../../src/internal/protocol/requestFields.ts"
import { notStrings } from "../fixtures/notStrings.ts"
import { encoded, headOf, known, lines, manual, refusal, type RequestText, unknown } from "./encoding.ts"

describe("a request line", () => {
  it.each(["GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "M-SEARCH", "!#$%&'*+-.^_`|~"])(
    "has the method %s as it is",
    (method) => {
      expect(headOf({ method }).text).toBe(`${method} / HTTP/1.1\r\nHost: h\r\n\r\n`)
    }
  )

  it("has a target of any length", () => {
    const target = `/${"x".repeat(16_384)}`
    expect(lines({ target })[0]).toBe(`GET ${target} HTTP/1.1`)
  })

  it.each([["", 0], ["G T", 1], ["GET ", 3], [" GET", 0], ["GET\r\n", 3], ["G\0T", 1], ["GÉT", 1], ["GET/", 3], [
    "(",
    0
  ]])(
    "refuses the method %j",
    (method, offset) => {
      expect(refusal({ method })).toEqual({ _tag: "InvalidMethod", offset })
      expect(checkMethod(method)).toMatchObject({ _tag: "InvalidMethod", offset })
    }
  )
})

describe("what is not a string", () => {
  it.each(notStrings)("is no method: $what", ({ value }) => {
    expect(checkMethod(value as never)).toMatchObject({ _tag: "InvalidMethod", offset: 0 })
  })
})

describe("Host", () => {
  it("comes first", () => {
    expect(lines({ host: "h:81", fields: [["A", "b"], ["C", "d"]] })).toEqual([
      "GET / HTTP/1.1",
      "Host: h:81",
      "A: b",
      "C: d"
    ])
  })

  it("comes first and once where the caller gives it", () => {
    for (const skipHost of [false, true]) {
      for (const name of ["Host", "host", "HOST"]) {
        expect(lines({ skipHost, fields: [["A", "b"], [name, " other:80 "], ["C", "d"]] })).toEqual([
          "GET / HTTP/1.1",
          "Host: other:80",
          "A: b",
          "C: d"
        ])
      }
    }
  })

  it.each(["", "example.com", "a.b:1", "[::1]", "[::1]:80", "1.2.3.4:5", "h%20x", "a_b~c"])("may be %j", (host) => {
    expect(lines({ fields: [["Host", host]] })[1]).toBe(`Host: ${host}`)
  })

  it.each(["a b", "a/b", "a?b", "a#b", "u@h", "a\\b", "a,b", "h\tx", "bücher", "h\"", "<h>", "h^", "h|", "{h}"])(
    "may not be %j",
    (host) => {
      expect(refusal({ fields: [["Host", host]] })).toMatchObject({ _tag: "InvalidHeaderValue", field: "Host" })
    }
  )

  it("may not be there twice, in whatever case", () => {
    for (const second of ["Host", "host"]) {
      expect(refusal({ fields: [["Host", "h"], [second, "h"]] })).toMatchObject({
        _tag: "ForbiddenHeader",
        field: "Host"
      })
    }
  })

  it("must come from somewhere", () => {
    expect(refusal({ skipHost: true })).toMatchObject({ _tag: "InvalidOption", option: "skipHost" })
  })
})

describe("fields", () => {
  it("keep order and spelling, and lose the white space around their values", () => {
    expect(lines({ fields: [["x-A", " \tb c\t "], ["X-a", ""], ["Y", " "], ["x-A", "\xe9\xff"]] }).slice(2)).toEqual([
      "x-A: b c",
      "X-a: ",
      "Y: ",
      "x-A: \xe9\xff"
    ])
  })

  it.each([
    ["", "x", { _tag: "InvalidHeaderName", field: "\"\"" }],
    ["a b", "x", { _tag: "InvalidHeaderName", field: "\"a…\"" }],
    ["a:", "x", { _tag: "InvalidHeaderName", field: "\"a…\"" }],
    [" a", "x", { _tag: "InvalidHeaderName", field: "\"…\"" }],
    ["é", "x", { _tag: "InvalidHeaderName", field: "\"…\"" }],
    ["\u212a", "x", { _tag: "InvalidHeaderName", field: "\"…\"" }],
    ["a\r\nb", "x", { _tag: "InvalidHeaderName", field: "\"a…\"" }],
    ["A", "x\r\nB: y", { _tag: "InvalidHeaderValue", field: "A", offset: 1, reason: "a carriage return" }],
    ["A", "\n", { _tag: "InvalidHeaderValue", field: "A", offset: 0, reason: "a line feed" }],
    ["A", "xy\0", { _tag: "InvalidHeaderValue", field: "A", offset: 2, reason: "a NUL" }],
    ["A", "x\x7f", { _tag: "InvalidHeaderValue", field: "A", offset: 1, reason: "a control character" }],
    ["A", "x\x1b", { _tag: "InvalidHeaderValue", field: "A", offset: 1, reason: "a control character" }],
    ["A", "€", { _tag: "InvalidHeaderValue", field: "A", offset: 0, reason: "a character beyond ISO-8859-1" }],
    ["A", "\u010a", { _tag: "InvalidHeaderValue", field: "A", offset: 0, reason: "a character beyond ISO-8859-1" }]
  ])("are refused: %j %j", (name, value, error) => {
    expect(refusal({ fields: [["B", "c"], [name, value]] })).toEqual(error)
    expect(checkField(name, value)).toMatchObject(error)
  })

  it("are refused with no more than the beginning of their name, and nothing of their value", () => {
    expect(refusal({ fields: [[`${"n".repeat(100)} `, "x"]] })["field"]).toBe(`"${"n".repeat(80)}…"`)
    expect(JSON.stringify(checkField("Authorization", "Bearer secret\n"))).not.toContain("secret")
  })

  it("are refused without the value that was written into their name", () => {
    const error = checkField("Authorization: Bearer s3cr3t", "")
    expect(error?.message).toBe(
      `The field name "Authorization…" cannot be sent. Names are made of letters, digits and !#$%&'*+-.^_\`|~ (RFC 9110 section 5.1).`
    )
    expect(JSON.stringify(error)).not.toContain("s3cr3t")
  })

  it.each([NaN, Infinity, -Infinity])("are refused where a value is the number %d", (value) => {
    expect(refusal({ fields: HttpFields.entries(HttpFields.fromInput({ A: value })) })).toEqual({
      _tag: "InvalidHeaderValue",
      field: "A",
      reason: "a number that is not finite",
      offset: 0
    })
  })

  it.each(notStrings)("are refused where a name or value is $what", ({ value }) => {
    const line = (name: unknown, value: unknown) => [["B", "c"], [name, value]] as never
    expect(refusal({ fields: line("A", value) })).toEqual({
      _tag: "InvalidHeaderValue",
      field: "A",
      offset: 0,
      reason: "something that is not a string"
    })
    expect(refusal({ fields: line(value, "x") })).toEqual({
      _tag: "InvalidHeaderName",
      field: "\"(not a string)\""
    })
  })

  it("are refused where there are fewer values than names", () => {
    const fields = HttpFields.unsafeMake(["A"], [])
    expect(scanFields(fields)).toMatchObject({ _tag: "InvalidHeaderValue", field: "A", offset: 0 })
  })

  it.each(notStrings)("are refused where the type of the body is $what", ({ value }) => {
    if (value === undefined) return expect(lines({ contentType: value })).not.toContain("Content-Type")
    expect(refusal({ contentType: value as never, content: known(1) })).toMatchObject({
      _tag: "InvalidHeaderValue",
      field: "Content-Type"
    })
  })

  it.each<{ readonly name: string; readonly value: string; readonly fields?: RequestText["fields"] }>([
    { name: "Upgrade", value: "websocket" },
    { name: "Upgrade", value: "" },
    { name: "Upgrade", value: "a b" },
    { name: "Expect", value: "200-ok" },
    { name: "Expect", value: "" },
    { name: "TE", value: "chunked" },
    { name: "TE", value: "trailers, Chunked" },
    { name: "TE", value: "chunked;q=0.5" },
    { name: "TE", value: "trailers ; x, chunked ; q=1" },
    { name: "Transfer-Encoding", value: "gzip" },
    { name: "Transfer-Encoding", value: "gzip, deflate" },
    { name: "Transfer-Encoding", value: "chunked, gzip" },
    { name: "Transfer-Encoding", value: "chunked", fields: [["Transfer-Encoding", "gzip"]] },
    { name: "Transfer-Encoding", value: "identity" },
    { name: "Transfer-Encoding", value: "identity, chunked" },
    { name: "Transfer-Encoding", value: "gzip;q=1, chunked" },
    { name: "Transfer-Encoding", value: "chunked;q=1" },
    { name: "Transfer-Encoding", value: "g zip, chunked" },
    { name: "Transfer-Encoding", value: ", chunked" },
    { name: "Transfer-Encoding", value: "chunked," },
    { name: "Transfer-Encoding", value: "" },
    { name: "Transfer-Encoding", value: "chunked, chunked" },
    { name: "Transfer-Encoding", value: "chunked", fields: [["transfer-encoding", "chunked"]] },
    { name: "Connection", value: "Host" },
    { name: "Connection", value: "close, content-length" },
    { name: "Connection", value: "Transfer-Encoding" }
  ])("of the library's own cannot be set: $name: $value", ({ fields = [], name, value }) => {
    expect(refusal({ content: unknown, fields: [[name, value], ...fields] })).toMatchObject({
      _tag: "ForbiddenHeader",
      field: name
    })
  })

  it("are looked at before what needs them, and the method before them", () => {
    expect(refusal({ method: "", fields: [["", ""]] })).toMatchObject({ _tag: "InvalidMethod" })
    expect(refusal({ fields: [["", ""]], trailers: [["", ""]] })).toMatchObject({ _tag: "InvalidTrailer" })
  })
})

const framing = (request: RequestText): ReadonlyArray<string> =>
  lines(request).filter((line) => /^(content-length|transfer-encoding|trailer):/i.test(line))

describe("the framing of a request", () => {
  const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]

  it.each(methods)("of %s is said wherever there is content", (method) => {
    expect(framing({ method, content: known(5) })).toEqual(["Content-Length: 5"])
    expect(framing({ method, content: known(0) })).toEqual(["Content-Length: 0"])
    expect(framing({ method, content: unknown })).toEqual(["Transfer-Encoding: chunked"])
    expect(headOf({ method, content: known(5) }).framing).toEqual({ kind: "length", length: 5 })
    expect(headOf({ method, content: unknown }).framing).toEqual({ kind: "chunked" })
  })

  it.each(methods)("of %s without content says so where content is usual", (method) => {
    const usual = ["POST", "PUT", "PATCH"].includes(method)
    expect(framing({ method })).toEqual(usual ? ["Content-Length: 0"] : [])
    expect(headOf({ method }).framing).toEqual(usual ? { kind: "length", length: 0 } : { kind: "none" })
    expect(framing({ method, content: manual })).toEqual([])
    expect(headOf({ method, content: manual }).framing).toEqual({ kind: "none" })
  })

  it("is what the caller's fields say, where that is true", () => {
    expect(framing({ content: known(5), fields: [["content-length", "5"]] })).toEqual(["content-length: 5"])
    expect(framing({ content: known(5), fields: [["Content-Length", " 005 "]] })).toEqual(["Content-Length: 005"])
    expect(framing({ content: unknown, fields: [["Content-Length", "5"]] })).toEqual(["Content-Length: 5"])
    expect(framing({ content: manual, fields: [["Content-Length", "5"]] })).toEqual(["Content-Length: 5"])
    expect(framing({ fields: [["Content-Length", "0"]] })).toEqual(["Content-Length: 0"])
    for (const content of [known(5), unknown, manual]) {
      expect(framing({ content, fields: [["transfer-encoding", "Chunked"]] })).toEqual(["transfer-encoding: Chunked"])
      expect(headOf({ content, fields: [["transfer-encoding", "Chunked"]] }).framing).toEqual({ kind: "chunked" })
    }
    expect(headOf({ content: unknown, fields: [["Content-Length", "5"]] }).framing).toEqual({
      kind: "length",
      length: 5
    })
    // RFC 9112 section 6.1: other codings may stand before chunked.
    for (const codings of [["gzip, chunked"], ["GZIP ,\tChunked"], ["gzip", "chunked"], ["deflate, gzip", "chunked"]]) {
      const fields = codings.map((coding) => ["Transfer-Encoding", coding] as const)
      expect(framing({ content: unknown, fields })).toEqual(fields.map((field) => field.join(": ")))
      expect(headOf({ content: unknown, fields }).framing).toEqual({ kind: "chunked" })
    }
  })

  it("is refused where it is not true", () => {
    const declared = (content: RequestText["content"], value = "5") =>
      refusal({ content, fields: [["Content-Length", value]] })
    expect(declared(known(4))).toEqual({ _tag: "BodyLengthMismatch", declared: 5, actual: 4 })
    expect(declared({ kind: "none" })).toEqual({ _tag: "BodyLengthMismatch", declared: 5, actual: 0 })
    for (
      const value of ["x", "-1", "+5", "", "5, 5", "5;", "0x5", "5.0", "1e1", " ", "9007199254740992", "1".repeat(30)]
    ) {
      expect(declared(unknown, value), value).toMatchObject({ _tag: "InvalidHeaderValue", field: "Content-Length" })
    }
  })

  it("is never both, and never said twice", () => {
    const lengthLine = ["Content-Length", "5"] as const
    const chunkedLine = ["Transfer-Encoding", "chunked"] as const
    for (const content of [known(5), unknown, manual]) {
      for (
        const fields of [[lengthLine, chunkedLine], [chunkedLine, ["content-LENGTH", "5"]], [lengthLine, [
          "content-length",
          "5"
        ]]] as const
      ) {
        expect(refusal({ content, fields })).toMatchObject({ _tag: "ConflictingFraming" })
      }
    }
  })

  it("cannot be made of a length that is none", () => {
    for (const length of [-1, 1.5, NaN, Infinity, 2 ** 53]) {
      expect(refusal({ content: known(length) })).toMatchObject({ _tag: "InvalidOption", option: "length" })
    }
    expect(framing({ content: known(2 ** 53 - 1) })).toEqual(["Content-Length: 9007199254740991"])
  })

  it("does not exist for TRACE and CONNECT", () => {
    for (const method of ["TRACE", "CONNECT"]) {
      for (const request of [{ content: known(5) }, { content: unknown }, { trailers: [["A", "b"]] as const }]) {
        expect(refusal({ method, ...request })).toMatchObject({ _tag: "UnsupportedBody" })
      }
      expect(framing({ method, content: known(0) })).toEqual(["Content-Length: 0"])
      expect(framing({ method })).toEqual([])
    }
  })
})

describe("trailers", () => {
  it("make the request chunked, and are announced", () => {
    for (const content of [{ kind: "none" } as const, known(5), unknown]) {
      expect(framing({ method: "POST", content, trailers: [["A", "b"], ["C", "d"], ["A", "e"]] })).toEqual([
        "Transfer-Encoding: chunked",
        "Trailer: A, C"
      ])
    }
  })

  it("are announced as the caller announces them", () => {
    expect(framing({ content: unknown, fields: [["Trailer", "x"]], trailers: [["A", "b"]] })).toEqual([
      "Transfer-Encoding: chunked",
      "Trailer: x"
    ])
  })

  it("need chunked", () => {
    expect(refusal({ content: unknown, fields: [["Content-Length", "5"]], trailersLater: true })).toMatchObject({
      _tag: "ConflictingFraming"
    })
    expect(framing({ content: { kind: "none" }, trailersLater: true })).toEqual(["Transfer-Encoding: chunked"])
    expect(refusal({ content: known(5), fields: [["Content-Length", "5"]], trailers: [["A", "b"]] })).toMatchObject({
      _tag: "ConflictingFraming"
    })
  })

  it("are checked before anything is encoded", () => {
    for (const name of ["Content-Length", "Transfer-Encoding", "Host", "Authorization", ""]) {
      expect(refusal({ content: unknown, trailers: [["A", "b"], [name, "x"]] })).toMatchObject({
        _tag: "InvalidTrailer",
        field: name
      })
    }
    expect(refusal({ content: unknown, trailers: [["A", "b\r\nC: d"]] })).toMatchObject({
      _tag: "InvalidTrailer",
      field: "A"
    })
  })
})

describe("derived fields", () => {
  it("come behind Host and before the caller's, in one order", () => {
    expect(lines({
      method: "POST",
      target: "/p?q",
      content: unknown,
      contentType: "text/plain",
      acceptEncoding: "identity",
      expectContinue: true,
      fields: [["TE", "trailers"], ["A", "b"]],
      trailers: [["T", "u"]]
    })).toEqual([
      "POST /p?q HTTP/1.1",
      "Host: h",
      "Accept-Encoding: identity",
      "Content-Type: text/plain",
      "Transfer-Encoding: chunked",
      "Expect: 100-continue",
      "Connection: TE",
      "Trailer: T",
      "TE: trailers",
      "A: b"
    ])
  })

  it("are left out where the caller gives them, in whatever case", () => {
    expect(lines({
      method: "POST",
      content: known(1),
      contentType: "text/plain",
      acceptEncoding: "identity",
      expectContinue: true,
      fields: [["content-type", "a/b"], ["ACCEPT-encoding", "gzip"], ["expect", "100-Continue"], ["te", "trailers"], [
        "connection",
        "x, te"
      ]]
    })).toEqual([
      "POST / HTTP/1.1",
      "Host: h",
      "Content-Length: 1",
      "content-type: a/b",
      "ACCEPT-encoding: gzip",
      "expect: 100-Continue",
      "te: trailers",
      "connection: x, te"
    ])
  })

  it("are not trusted more than the caller's", () => {
    for (const value of ["a/b\r\nX: y", "a\n", "a\0", "€"]) {
      expect(refusal({ contentType: value })).toMatchObject({ _tag: "InvalidHeaderValue", field: "Content-Type" })
      expect(refusal({ acceptEncoding: value })).toMatchObject({ _tag: "InvalidHeaderValue", field: "Accept-Encoding" })
    }
    expect(lines({ contentType: " a/b ", acceptEncoding: "\tgzip" }).slice(2)).toEqual([
      "Accept-Encoding: gzip",
      "Content-Type: a/b"
    ])
  })

  it("are none but Host where nothing asks for more", () => {
    expect(headOf({}).text).toBe("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
  })
})

describe("expectations", () => {
  it("are said where they are asked for in either way", () => {
    for (const request of [{ expectContinue: true }, { fields: [["Expect", "100-continue"]] as const }]) {
      for (const content of [known(1), unknown]) {
        const head = headOf({ content, ...request })
        expect(head.expectContinue).toBe(true)
        expect(head.text.match(/Expect: 100-continue\r\n/g)).toHaveLength(1)
      }
    }
    expect(headOf({ content: known(1) }).expectContinue).toBe(false)
  })

  it("need content", () => {
    for (const content of [{ kind: "none" } as const, known(0), manual]) {
      expect(refusal({ method: "POST", content, expectContinue: true })).toMatchObject({
        _tag: "ForbiddenHeader",
        field: "Expect"
      })
      expect(refusal({ method: "POST", content, fields: [["Expect", "100-continue"]] })).toMatchObject({
        _tag: "ForbiddenHeader"
      })
    }
  })
})

describe("Connection", () => {
  it.each([["close", true], ["Close", true], ["x, close", true], [",close,", true], ["keep-alive", false], [
    "closed",
    false
  ], ["", false]])(
    "%j says close: %s",
    (value, close) => {
      expect(headOf({ fields: [["Connection", value]] }).close).toBe(close)
      expect(headOf({ fields: [["Connection", value], ["connection", "x"]] }).close).toBe(close)
    }
  )

  it("is never sent by itself", () => {
    expect(headOf({}).close).toBe(false)
    expect(headOf({ content: unknown, method: "POST" }).text).not.toMatch(/connection/i)
  })

  it("names TE once", () => {
    expect(lines({ fields: [["TE", "trailers"], ["Connection", "close"]] })).toContain("Connection: TE")
    expect(lines({ fields: [["Connection", "close, TE"], ["TE", ""]] }).slice(2)).toEqual([
      "Connection: close, TE",
      "TE: "
    ])
  })
})

describe("TRACE", () => {
  it("sends no credential", () => {
    for (const name of ["Authorization", "Cookie", "PROXY-Authorization"]) {
      expect(refusal({ method: "TRACE", fields: [["A", "b"], [name, "secret"]] })).toMatchObject({
        _tag: "ForbiddenHeader",
        field: name.toLowerCase()
      })
      expect(encoded({ method: "GET", fields: [[name, "secret"]] })._tag).toBe("Right")
    }
    expect(lines({ method: "TRACE", fields: [["Max-Forwards", "1"]] })).toContain("Max-Forwards: 1")
  })
})

describe("an upgrade", () => {
  it.each<{ readonly name: string; readonly fields: RequestText["fields"]; readonly sent: ReadonlyArray<string> }>([
    {
      name: "is named in Connection",
      fields: [["Upgrade", "websocket"]],
      sent: ["Connection: Upgrade", "Upgrade: websocket"]
    },
    {
      name: "is named there once",
      fields: [["Connection", "keep-alive, upgrade"], ["Upgrade", "websocket"]],
      sent: ["Connection: keep-alive, upgrade", "Upgrade: websocket"]
    },
    {
      name: "is named before what the caller names",
      fields: [["Connection", "keep-alive"], ["Upgrade", "websocket"]],
      sent: ["Connection: Upgrade", "Connection: keep-alive", "Upgrade: websocket"]
    },
    {
      name: "is named together with TE",
      fields: [["TE", "trailers"], ["Upgrade", "websocket"]],
      sent: ["Connection: Upgrade, TE", "TE: trailers", "Upgrade: websocket"]
    }
  ])("$name", ({ fields, sent }) => {
    expect(lines({ upgrade: true, fields: fields ?? [] }).slice(2)).toEqual(sent)
  })

  it.each<{ readonly name: string; readonly values: ReadonlyArray<string>; readonly offered: ReadonlyArray<string> }>([
    { name: "a protocol", values: ["websocket"], offered: ["websocket"] },
    { name: "one with a version", values: ["IRC/6.9"], offered: ["irc/6.9"] },
    { name: "a list", values: ["h2c , , WebSocket"], offered: ["h2c", "websocket"] },
    { name: "two fields", values: ["h2c", "tcp"], offered: ["h2c", "tcp"] }
  ])("offers $name", ({ offered, values }) => {
    const fields = values.map((value) => ["Upgrade", value] as const)
    expect(headOf({ upgrade: true, fields }).offered).toEqual(offered)
  })

  it("offers nothing by CONNECT, which opens a tunnel by itself", () => {
    expect(headOf({ method: "CONNECT", target: "a:1", upgrade: true }).offered).toEqual([])
    expect(refusal({ method: "CONNECT", target: "a:1", upgrade: true, fields: [["Upgrade", "tcp"]] })).toMatchObject({
      _tag: "ForbiddenHeader",
      field: "Upgrade"
    })
  })

  it("asks for nothing where it is an ordinary request", () => {
    expect(headOf({}).offered).toBeUndefined()
    expect(headOf({ method: "CONNECT", target: "a:1" }).offered).toBeUndefined()
  })

  it.each<{ readonly name: string; readonly values: ReadonlyArray<string>; readonly tag: string }>([
    { name: "no field", values: [], tag: "InvalidOption" },
    { name: "an empty field", values: [""], tag: "InvalidOption" },
    { name: "an empty list", values: [" , "], tag: "InvalidOption" },
    { name: "two words", values: ["web socket"], tag: "InvalidHeaderValue" },
    { name: "two versions", values: ["irc/6/9"], tag: "InvalidHeaderValue" },
    { name: "no name", values: ["/6.9"], tag: "InvalidHeaderValue" },
    { name: "no version", values: ["irc/"], tag: "InvalidHeaderValue" },
    { name: "one that is none of several", values: ["websocket", "a;b"], tag: "InvalidHeaderValue" }
  ])("is refused with $name", ({ tag, values }) => {
    const fields = values.map((value) => ["Upgrade", value] as const)
    expect(refusal({ upgrade: true, fields })).toMatchObject({ _tag: tag })
  })
})
