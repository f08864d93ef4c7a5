/** Where bodies end (RFC 9112 section 6.3), and whether the connection persists (section 9.3). */
import type { Framing } from "../../src/internal/protocol/framing.ts"
import { data, end, fails, head, informational, length, type Seen, type Wire, wires } from "./harness.ts"

type Lines = ReadonlyArray<readonly [string, string]>

const text = (lines: Lines): string => lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")

interface Case {
  readonly name: string
  readonly method?: string
  readonly status?: number
  readonly version?: 10 | 11
  readonly lines: Lines
  readonly body?: string
  readonly eof?: boolean
  readonly framing: Framing | Framing["kind"]
  readonly content?: string
  readonly reusable: boolean
}

const read = (c: Case): Wire => {
  const { status = 200, version = 11 } = c
  const content = c.content ?? ""
  return {
    name: c.name,
    request: { method: c.method ?? "GET" },
    wire: `HTTP/1.${version - 10} ${status} R\r\n${text(c.lines)}\r\n${c.body ?? ""}`,
    eof: c.eof,
    events: [
      head(status, "R", c.framing, { fields: c.lines, version }),
      ...content === "" ? [] : [data(content)],
      end()
    ],
    reusable: c.reusable
  }
}

const lengthLines: Lines = [["Content-Length", "5"]]
const chunkedLines: Lines = [["Transfer-Encoding", "chunked"]]

wires("no body, whatever the fields say", [
  ...[lengthLines, chunkedLines, []].flatMap((lines) => [
    read({ name: `a 304 with ${text(lines)}`, status: 304, lines, framing: "none", reusable: true }),
    ...[200, 205, 304, 404].map((status) =>
      read({
        name: `a ${status} to HEAD with ${text(lines)}`,
        method: "HEAD",
        status,
        lines,
        framing: "none",
        reusable: true
      })
    )
  ]),
  read({
    name: "an unknown coding to HEAD does not matter",
    method: "HEAD",
    lines: [["Transfer-Encoding", "gzip"]],
    framing: "none",
    reusable: true
  }),
  read({
    name: "a contradiction to HEAD ends the connection",
    method: "HEAD",
    lines: [...lengthLines, ...chunkedLines],
    framing: "none",
    reusable: false
  }),
  read({
    name: "a Transfer-Encoding in a 304 of HTTP/1.0 ends the connection",
    status: 304,
    version: 10,
    lines: [...chunkedLines, ["Connection", "keep-alive"]],
    framing: "none",
    reusable: false
  }),
  read({
    name: "a method that only looks like HEAD has a body",
    method: "head",
    lines: lengthLines,
    framing: length(5),
    body: "hello",
    content: "hello",
    reusable: true
  })
])

const one = (method: string, status: number, lines: Lines, reusable: boolean, version: 10 | 11 = 11): Wire =>
  read({
    name: `a ${status} to ${method} with ${text(lines)} in HTTP/1.${version - 10} is ${
      reusable ? "" : "not "
    }followed by another`,
    method,
    status,
    lines,
    version,
    framing: "none",
    reusable
  })

// RFC 9112 section 6.1 and RFC 9110 section 8.6: neither field belongs in a 1xx or a 204.
wires("a 204 that announces a body", [
  ...["GET", "HEAD", "DELETE"].flatMap((method) => [
    one(method, 204, [], true),
    one(method, 204, [["Content-Length", "0"]], true),
    one(method, 204, [["Content-Length", "000"]], true),
    one(method, 204, [["Content-Length", "0, 0"]], true),
    one(method, 204, [["Content-Length", "0"], ["Content-Length", "0"]], true),
    one(method, 204, lengthLines, false),
    one(method, 204, [["content-length", "1"], ["Connection", "keep-alive"]], false),
    one(method, 204, [["Content-Length", "0"], ["Content-Length", "5"]], false),
    one(method, 204, [["Content-Length", "5"], ["Content-Length", "5"]], false),
    one(method, 204, [["Content-Length", "x"]], false),
    one(method, 204, [["Content-Length", ""]], false),
    one(method, 204, chunkedLines, false),
    one(method, 204, [["Transfer-Encoding", "gzip, chunked"]], false),
    one(method, 204, [["Transfer-Encoding", "identity"]], false),
    one(method, 204, [["Transfer-Encoding", ""]], false),
    one(method, 204, [...chunkedLines, ["Content-Length", "0"]], false)
  ]),
  one("DELETE", 204, [["Connection", "keep-alive"], ["Content-Length", "0"]], true, 10),
  one("DELETE", 204, [["Connection", "keep-alive"], ...lengthLines], false, 10),
  one("DELETE", 204, [["Connection", "keep-alive"], ...chunkedLines], false, 10)
])

// They may say what a 200 to GET would have, so the fields count only where no reader could make sense of them.
wires(
  "a response that may describe a body which is not there",
  ([["GET", 304], ["PUT", 304], ["HEAD", 200], ["HEAD", 304]] as const).flatMap(([method, status]) => [
    one(method, status, lengthLines, true),
    one(method, status, [["Content-Length", "5"], ["Content-Length", "05"]], true),
    one(method, status, chunkedLines, true),
    one(method, status, [["Transfer-Encoding", "gzip, chunked"]], true),
    one(method, status, [["Content-Length", "5"], ["Content-Length", "6"]], false),
    one(method, status, [["Content-Length", "5, 6"]], false),
    one(method, status, [["Content-Length", "x"]], false),
    one(method, status, [["Content-Length", "-1"]], false),
    one(method, status, [...chunkedLines, ...lengthLines], false),
    one(method, status, [["Connection", "keep-alive"], ...chunkedLines], false, 10)
  ])
)

// RFC 9112 section 6.3 frames it like any other; RFC 9110 section 15.3.6 forbids that there is anything in the frame.
wires(
  "a 205",
  ([
    ["Content-Length: 0", [["Content-Length", "0"]], length(0), "", ""],
    ["no chunk but the last", chunkedLines, "chunked", "0\r\n\r\n", ""],
    ["a body", lengthLines, length(5), "hello", "hello"],
    ["chunks", chunkedLines, "chunked", "5\r\nhello\r\n0\r\n\r\n", "hello"]
  ] as const).map(([name, lines, framing, body, content]) =>
    read({
      name: `with ${name} is ${content === "" ? "followed by another" : "read, and the last"}`,
      status: 205,
      lines,
      framing,
      body,
      content,
      reusable: content === ""
    })
  )
)

wires("tunnels", [
  ...[200, 204, 299].flatMap((status) =>
    [[], lengthLines, chunkedLines, [...lengthLines, ...chunkedLines]].map((lines) =>
      read({
        name: `a ${status} to CONNECT with ${text(lines)}`,
        method: "CONNECT",
        status,
        lines,
        framing: "tunnel",
        reusable: false
      })
    )
  ),
  read({
    name: "a 407 to CONNECT is a response like any other",
    method: "CONNECT",
    status: 407,
    lines: lengthLines,
    framing: length(5),
    body: "hello",
    content: "hello",
    reusable: true
  }),
  read({
    name: "a 304 to CONNECT opens none",
    method: "CONNECT",
    status: 304,
    lines: [],
    framing: "none",
    reusable: true
  }),
  read({
    name: "a 200 to a method that only looks like CONNECT opens none",
    method: "connect",
    lines: lengthLines,
    framing: length(5),
    body: "hello",
    content: "hello",
    reusable: true
  })
])

const contentLength = (value: string, value2?: string): Lines => [
  ["Content-Length", value],
  ...value2 === undefined ? [] : [["Content-length", value2] as const]
]
const byLength = (lines: Lines): Wire =>
  read({
    name: `${text(lines)} is a length`,
    lines,
    framing: length(3),
    body: "abc",
    content: "abc",
    reusable: true
  })
const fieldsOf = (lines: Lines, version: 10 | 11 = 11): string => `HTTP/1.${version - 10} 200 R\r\n${text(lines)}\r\n`
const refuse = (lines: Lines, error: Seen, version: 10 | 11 = 11): Wire => ({
  name: `${text(lines)} in HTTP/1.${version - 10} is refused`,
  wire: fieldsOf(lines, version),
  events: [error]
})
const invalid = (value: string): Seen => fails("InvalidContentLength", { value })

wires("Content-Length", [
  byLength(contentLength("3")),
  byLength(contentLength("003")),
  byLength(contentLength("3, 3")),
  byLength(contentLength("3 ,\t3,3")),
  byLength(contentLength("3", "3")),
  byLength(contentLength("3", "03")),
  // RFC 9112 section 6.3 reads it as a list, and an empty element of a list is none.
  ...["3,", ",3", "3, ,3", ", \t,3 ,"].map((value) => byLength(contentLength(value))),
  byLength(contentLength("3", "")),
  byLength(contentLength("", "3")),
  byLength([["cOnTeNt-LeNgTh", "3"]]),
  read({ name: "0 is a body without bytes", lines: contentLength("0"), framing: length(0), reusable: true }),
  read({
    name: "000000000000000000000003 is 3",
    lines: contentLength("000000000000000000000003"),
    framing: length(3),
    body: "abc",
    content: "abc",
    reusable: true
  }),
  {
    name: "2^53 - 1 is a length",
    wire: fieldsOf(contentLength("9007199254740991")),
    events: [head(200, "R", length(9007199254740991), { fields: contentLength("9007199254740991") })]
  },
  ...["+3", "-1", "0x3", "3;", "3 3", "3_0", "3.0", "3e1", "Infinity", "NaN", "three", "\xb3", "9007199254740992"].map((
    value
  ) => refuse(contentLength(value), invalid(value))),
  refuse(contentLength("9007199254740993"), invalid("9007199254740993")),
  refuse(contentLength(`1${"0".repeat(30)}`), invalid(`1${"0".repeat(30)}`)),
  refuse(contentLength("9".repeat(400)), invalid("9".repeat(400))),
  refuse(contentLength(""), invalid("")),
  refuse(contentLength(" , ,"), invalid(", ,")),
  refuse(contentLength("", ""), invalid(", ")),
  refuse(contentLength(",x,"), invalid("x")),
  refuse(contentLength("3,,4"), fails("ConflictingContentLength", { values: ["3", "4"] })),
  refuse(contentLength("3", "x"), invalid("x")),
  refuse(contentLength("3, 4"), fails("ConflictingContentLength", { values: ["3", "4"] })),
  refuse(contentLength("3", "4"), fails("ConflictingContentLength", { values: ["3", "4"] })),
  refuse(contentLength("3, 3", "4"), fails("ConflictingContentLength", { values: ["3", "3", "4"] }))
])

const unknown = (codings: string): Seen => fails("UnknownTransferEncoding", { codings })
const coding = (value: string): Lines => [["Transfer-Encoding", value]]
const both = fails("FramingConflict", { reason: "it has both Transfer-Encoding and Content-Length" })
const old = fails("FramingConflict", { reason: "it is HTTP/1.0 with Transfer-Encoding" })

wires("Transfer-Encoding", [
  ...["chunked", "Chunked", "CHUNKED", "chunked,", ",chunked", ", chunked", "chunked ,, \t,", ",,chunked,,"].map((
    value
  ) =>
    read({
      name: `${value} is chunked`,
      lines: coding(value),
      framing: "chunked",
      body: "3\r\nabc\r\n0\r\n\r\n",
      content: "abc",
      reusable: true
    })
  ),
  ...[
    "gzip",
    "identity",
    "xchunked",
    "chunkedx",
    "\xffchunked",
    "chunked;x=1",
    "chunked;q=1",
    "chunked, gzip",
    "gzip, chunked",
    "chunked, chunked",
    "chunked,,chunked",
    ",chunked,chunked,",
    "gzip,,chunked",
    "chunked;,",
    "chun,ked",
    ",",
    ", ,",
    "\"chunked\"",
    "chunke\xe4",
    ""
  ].map((value) => refuse(coding(value), unknown(value))),
  refuse([...coding("chunked"), ...coding("chunked")], unknown("chunked, chunked")),
  refuse([...coding("gzip"), ...coding("chunked")], unknown("gzip, chunked")),
  ...[[coding(""), coding("chunked")], [coding("chunked"), coding("")], [coding(""), coding("chunked"), coding(",")]]
    .map((lines) =>
      read({
        name: `${text(lines.flat())} is chunked`,
        lines: lines.flat(),
        framing: "chunked",
        body: "3\r\nabc\r\n0\r\n\r\n",
        content: "abc",
        reusable: true
      })
    ),
  refuse([...coding(""), ...coding("")], unknown(", ")),
  refuse([...coding("chunked"), ...coding(""), ...coding("chunked")], unknown("chunked, , chunked")),
  refuse([...coding("chunked"), ...coding("identity")], unknown("chunked, identity")),
  refuse([...coding("chunked"), ...lengthLines], both),
  refuse([...lengthLines, ...coding("chunked")], both),
  refuse([...coding("gzip"), ...lengthLines], both),
  refuse([...coding("chunked"), ["Content-Length", "x"]], both),
  refuse([...coding("chunked"), ["Content-Length", ""]], both),
  refuse(coding("chunked"), old, 10),
  refuse([...coding("chunked"), ["Connection", "keep-alive"]], old, 10),
  refuse([...coding("chunked"), ...lengthLines], both, 10)
])

wires("until the connection closes", [
  read({
    name: "a body of some bytes",
    lines: [],
    framing: "close",
    body: "abc\r\n0\r\n\r\n",
    eof: true,
    content: "abc\r\n0\r\n\r\n",
    reusable: false
  }),
  read({ name: "a body of no bytes", lines: [], framing: "close", eof: true, reusable: false }),
  read({
    name: "though the connection is said to persist",
    lines: [["Connection", "keep-alive"]],
    framing: "close",
    eof: true,
    reusable: false
  }),
  {
    name: "but not before",
    wire: "HTTP/1.1 200 R\r\n\r\nabc",
    events: [head(200, "R", "close"), data("abc")],
    reusable: false
  }
])

const connection = (version: 10 | 11, values: ReadonlyArray<string>, reusable: boolean): Wire =>
  read({
    name: `HTTP/1.${version - 10} with ${JSON.stringify(values)} ${reusable ? "persists" : "does not persist"}`,
    version,
    lines: [...values.map((value) => ["Connection", value] as const), ["Content-Length", "0"]],
    framing: length(0),
    reusable
  })

wires("persistence", [
  connection(11, [], true),
  connection(11, ["keep-alive"], true),
  connection(11, ["foo"], true),
  connection(11, [""], true),
  connection(11, ["closed"], true),
  connection(11, ["xclose, close-x"], true),
  connection(11, ["close"], false),
  connection(11, ["Close"], false),
  connection(11, ["CLOSE"], false),
  connection(11, ["x, close"], false),
  connection(11, ["x,\tclose\t,y"], false),
  connection(11, [", close,,"], false),
  connection(11, ["keep-alive", "close"], false),
  connection(11, ["close", "keep-alive"], false),
  connection(11, ["keep-alive, close"], false),
  connection(10, [], false),
  connection(10, ["foo"], false),
  connection(10, ["keep-alive"], true),
  connection(10, ["Keep-Alive, foo"], true),
  connection(10, ["foo", "Keep-Alive"], true),
  connection(10, ["keep-alive, close"], false),
  connection(10, ["keep-alived"], false),
  { ...connection(11, [], false), name: "a request that said close is the last", request: { close: true } },
  {
    ...connection(10, ["keep-alive"], false),
    name: "even where an HTTP/1.0 server would go on",
    request: { close: true }
  }
])

const switching = (protocol: string): string => `HTTP/1.1 101 Switching Protocols\r\n${text(switchLines(protocol))}\r\n`

const switchLines = (protocol: string): Lines => [["Connection", "upgrade"], ["Upgrade", protocol]]

/** A request that offers these protocols, and a response that must not change to any. */
const refused = (
  name: string,
  method: string,
  offered: ReadonlyArray<string> | undefined,
  wire: string,
  protocol: string | undefined
): Wire => ({
  name,
  request: offered === undefined ? { method } : { method, offered },
  wire: `${wire}\x81\x05hello`,
  events: [fails("UnexpectedUpgrade", { protocol, offered })]
})

wires("a 101 that no request asked for is refused", [
  refused("to GET", "GET", undefined, switching("websocket"), "websocket"),
  refused("to HEAD", "HEAD", undefined, "HTTP/1.1 101 Up\r\nUpgrade: h2c\r\n\r\n", "h2c"),
  refused("to CONNECT", "CONNECT", undefined, "HTTP/1.1 101 Up\r\n\r\n", undefined),
  refused("to a CONNECT whose tunnel is wanted", "CONNECT", [], switching("websocket"), "websocket")
])

wires("a 101 that does not choose what was offered is refused", [
  refused("another protocol", "GET", ["websocket"], switching("h2c"), "h2c"),
  refused("one of several", "GET", ["websocket"], switching("websocket, tls/1.0"), "websocket, tls/1.0"),
  refused("another version", "GET", ["irc/6.9"], switching("irc/7"), "irc/7"),
  refused("a version that was not offered", "GET", ["irc"], switching("irc/6.9"), "irc/6.9"),
  refused("no field", "GET", ["websocket"], "HTTP/1.1 101 Up\r\nConnection: upgrade\r\n\r\n", undefined),
  refused("an empty field", "GET", ["websocket"], switching(""), ""),
  refused(
    "in HTTP/1.0, which has no upgrades",
    "GET",
    ["websocket"],
    "HTTP/1.0 101 Up\r\nUpgrade: websocket\r\n\r\n",
    "websocket"
  )
])

interface Switch {
  readonly name: string
  readonly method?: string
  readonly offered?: ReadonlyArray<string>
  readonly status?: number
  readonly version?: 10 | 11
  readonly lines?: Lines
  readonly before?: string
  readonly seenBefore?: ReadonlyArray<Seen>
  readonly behind?: string
}

/** What follows the head is the tunnel's, up to its end, whatever it looks like. */
const switched = ({
  before = "",
  behind = "",
  lines = switchLines("websocket"),
  method = "GET",
  name,
  offered = ["websocket"],
  seenBefore = [],
  status = 101,
  version = 11
}: Switch): Wire => ({
  name,
  request: { method, offered },
  limits: { body: 1 },
  wire: `${before}HTTP/1.${version - 10} ${status} R\r\n${text(lines)}\r\n${behind}`,
  eof: true,
  events: [
    ...seenBefore,
    head(status, "R", "tunnel", { fields: lines, version }),
    ...behind === "" ? [] : [data(behind)],
    end()
  ],
  reusable: false
})

wires("a 101 that chooses what was offered ends HTTP", [
  switched({ name: "nothing behind it" }),
  switched({ name: "bytes behind it", behind: "\x81\x05hello" }),
  switched({ name: "what looks like a response behind it", behind: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" }),
  switched({ name: "names are compared without case", lines: switchLines("WebSocket"), behind: "x" }),
  switched({ name: "one of several", offered: ["h2c", "websocket", "irc/6.9"], lines: switchLines("irc/6.9") }),
  switched({
    name: "layers that were all offered",
    offered: ["tls/1.0", "http/1.1"],
    lines: switchLines("TLS/1.0, HTTP/1.1")
  }),
  switched({ name: "without Connection", lines: [["Upgrade", "websocket"]] }),
  ...[lengthLines, chunkedLines].map((lines) =>
    switched({
      name: `no body, although it has ${text(lines)}`,
      lines: [...switchLines("websocket"), ...lines],
      behind: "5\r\nhello"
    })
  ),
  switched({
    name: "behind 100 and 103",
    before: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    seenBefore: [informational(100, "Continue"), informational(103, "Early Hints", { fields: [["Link", "</a>"]] })],
    behind: "x"
  }),
  switched({ name: "to POST", method: "POST", offered: ["tcp"], lines: switchLines("tcp"), behind: "raw" })
])

wires("a 2xx to a CONNECT whose tunnel is wanted opens it", [
  ...[200, 201, 204, 299].flatMap((status) =>
    [lengthLines, chunkedLines, []].map((lines) =>
      switched({
        name: `${status} with ${text(lines)}`,
        method: "CONNECT",
        offered: [],
        status,
        lines,
        behind: "SSH-2.0-x\r\n"
      })
    )
  ),
  switched({ name: "of HTTP/1.0", method: "CONNECT", offered: [], status: 200, version: 10, lines: [], behind: "x" })
])

wires("nothing is opened behind an informational response that announces a body", [
  {
    name: "which may have looked like the 101",
    request: { offered: ["websocket"] },
    wire: `HTTP/1.1 103 Hints\r\nContent-Length: 99\r\n\r\n${switching("websocket")}`,
    events: [
      informational(103, "Hints", { fields: [["Content-Length", "99"]] }),
      fails("FramingConflict", { reason: "an informational response announces a body" })
    ]
  }
])

wires("another response to an upgrade is a response like any other", [
  {
    name: "a refusal",
    request: { offered: ["websocket"] },
    wire: "HTTP/1.1 426 Upgrade Required\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nno",
    events: [
      head(426, "Upgrade Required", length(2), { fields: [["Upgrade", "h2c"], ["Content-Length", "2"]] }),
      data("no"),
      end()
    ],
    reusable: true
  },
  {
    name: "a server that ignores it",
    request: { offered: ["websocket"] },
    wire: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    events: [head(200, "OK", length(2), { fields: [["Content-Length", "2"]] }), data("ok"), end()],
    reusable: true
  }
])
