/** The machine from request to request: sequences of responses, persistence, the ends of connections. */
import { describe, expect, it } from "vitest"
import * as HttpLimits from "../../src/HttpLimits.ts"
import type { RequestFacts } from "../../src/internal/protocol/machine.ts"
import { Machine } from "../../src/internal/protocol/machine.ts"
import {
  bytesOf,
  data,
  deliveries,
  drain,
  end,
  facts,
  fails,
  give,
  head,
  informational,
  length,
  type Seen,
  type Wire,
  wires
} from "./harness.ts"

const empty = "HTTP/1.1 200 R\r\nContent-Length: 0\r\n\r\n"
const emptyEvents = [head(200, "R", length(0), { fields: [["Content-Length", "0"]] }), end()]
const interim = (status: number): string => `HTTP/1.1 ${status} I\r\nA: ${status}\r\n\r\n`
const interimEvent = (status: number): Seen => informational(status, "I", { fields: [["A", String(status)]] })

wires("informational responses", [
  ...[[100], [102], [103], [104], [199], [100, 100], [103, 100, 103], [100, 102, 103, 104, 199]].map((
    statuses
  ): Wire => ({
    name: `${statuses.join(", ")} before the final one`,
    wire: statuses.map(interim).join("") + empty,
    events: [...statuses.map(interimEvent), ...emptyEvents],
    reusable: true
  })),
  {
    name: "have no body, whatever their fields say",
    wire: `HTTP/1.1 100 I\r\nContent-Length: 5\r\n\r\nHTTP/1.1 103 I\r\nTransfer-Encoding: chunked\r\n\r\n${empty}`,
    events: [
      informational(100, "I", { fields: [["Content-Length", "5"]] }),
      informational(103, "I", { fields: [["Transfer-Encoding", "chunked"]] }),
      ...emptyEvents
    ],
    reusable: false
  },
  ...([
    ["Content-Length: 0", true],
    ["Content-Length: 5", false],
    ["Content-Length: x", false],
    ["Transfer-Encoding: chunked", false]
  ] as const).map(([line, reusable]): Wire => ({
    name: `${reusable ? "announce no body by" : "end the connection by the body that they announce:"} ${line}`,
    wire: `HTTP/1.1 103 I\r\n${line}\r\n\r\n${empty}`,
    events: [informational(103, "I", { fields: [line.split(": ") as [string, string]] }), ...emptyEvents],
    reusable
  })),
  {
    name: "come to HEAD and CONNECT, too",
    request: { method: "CONNECT" },
    wire: `${interim(103)}HTTP/1.1 200 R\r\n\r\n`,
    events: [interimEvent(103), head(200, "R", "tunnel"), end()],
    reusable: false
  },
  {
    name: "may have empty lines between them",
    wire: `\r\n${interim(100)}\r\n\r\n${interim(103)}\r\n${empty}`,
    events: [interimEvent(100), interimEvent(103), ...emptyEvents],
    reusable: true
  },
  {
    name: "say nothing of persistence by their version",
    wire: `HTTP/1.0 100 I\r\n\r\n${empty}`,
    events: [informational(100, "I", { version: 10 }), ...emptyEvents],
    reusable: true
  },
  {
    name: "that say close end the connection",
    wire: `HTTP/1.1 103 I\r\nConnection: Close\r\n\r\n${empty}`,
    events: [informational(103, "I", { fields: [["Connection", "Close"]] }), ...emptyEvents],
    reusable: false
  },
  {
    name: "are as many as allowed",
    limits: { informational: 3 },
    wire: interim(103).repeat(3) + empty,
    events: [interimEvent(103), interimEvent(103), interimEvent(103), ...emptyEvents],
    reusable: true
  },
  {
    name: "are one more than allowed",
    limits: { informational: 3 },
    wire: interim(103).repeat(4),
    events: [interimEvent(103), interimEvent(103), interimEvent(103), fails("TooManyInformational", { limit: 3 })]
  },
  {
    name: "may be refused altogether",
    limits: { informational: 0 },
    wire: interim(100),
    events: [fails("TooManyInformational", { limit: 0 })]
  },
  { name: "are no answer", wire: interim(100), eof: true, events: [interimEvent(100), fails("RemoteDisconnected")] },
  {
    name: "do not end with half of the answer",
    wire: `${interim(100)}HTTP/1.1 2`,
    eof: true,
    events: [interimEvent(100), fails("IncompleteHeaders", { received: 10 })]
  },
  { name: "are followed by any wait", wire: interim(100), events: [interimEvent(100)], reusable: false }
])

wires("the end of the connection", [
  { name: "before anything", wire: "", eof: true, events: [fails("RemoteDisconnected")] },
  { name: "after an empty line", wire: "\r\n", eof: true, events: [fails("RemoteDisconnected")] },
  { name: "after four empty lines", wire: "\r\n".repeat(4), eof: true, events: [fails("RemoteDisconnected")] },
  { name: "after one byte", wire: "H", eof: true, events: [fails("IncompleteHeaders", { received: 1 })] },
  {
    name: "after an empty line and one byte",
    wire: "\r\nH",
    eof: true,
    events: [fails("IncompleteHeaders", { received: 3 })]
  },
  {
    name: "before the empty line",
    wire: "HTTP/1.1 200 R\r\n",
    eof: true,
    events: [fails("IncompleteHeaders", { received: 16 })]
  },
  {
    name: "within the empty line",
    wire: "HTTP/1.1 200 R\r\n\r",
    eof: true,
    events: [fails("IncompleteHeaders", { received: 17 })]
  },
  { name: "right behind the response", wire: empty, eof: true, events: emptyEvents, reusable: false },
  {
    name: "behind a response without a body",
    wire: "HTTP/1.1 304 R\r\n\r\n",
    eof: true,
    events: [head(304, "R", "none"), end()],
    reusable: false
  }
])

/** A machine that has answered so many requests. */
const served = (count: number, request: RequestFacts = facts()): Machine => {
  const machine = new Machine()
  for (let i = 0; i < count; i++) {
    expect(machine.startRequest(request)).toBe(true)
    machine.endRequest()
    const seen: Array<Seen> = []
    give(machine, bytesOf(empty), seen)
    expect(seen).toEqual(emptyEvents)
  }
  expect(machine.served).toBe(count)
  return machine
}

const drained = (machine: Machine): ReadonlyArray<Seen> => {
  const seen: Array<Seen> = []
  drain(machine, seen)
  return seen
}

const given = (machine: Machine, text: string): ReadonlyArray<Seen> => {
  const seen: Array<Seen> = []
  give(machine, bytesOf(text), seen)
  return seen
}

describe("several exchanges on one connection", () => {
  const exchanges: ReadonlyArray<readonly [method: string, wire: string, events: ReadonlyArray<Seen>]> = [
    ["GET", empty, emptyEvents],
    ["HEAD", "HTTP/1.1 200 R\r\nContent-Length: 9\r\n\r\n", [
      head(200, "R", "none", { fields: [["Content-Length", "9"]] }),
      end()
    ]],
    [
      "POST",
      `${interim(100)}HTTP/1.1 201 R\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: u\r\n\r\n`,
      [
        interimEvent(100),
        head(201, "R", "chunked", { fields: [["Transfer-Encoding", "chunked"]] }),
        data("abc"),
        end(["T", "u"])
      ]
    ],
    ["GET", "\r\nHTTP/1.1 204 R\r\n\r\n", [head(204, "R", "none"), end()]],
    ["GET", "HTTP/1.0 200 R\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", [
      head(200, "R", length(2), { fields: [["Connection", "keep-alive"], ["Content-Length", "2"]], version: 10 }),
      data("hi"),
      end()
    ]]
  ]

  it("are answered in order, however the bytes of each are split", () => {
    const lists = exchanges.map(([, wire]) => [...deliveries(bytesOf(wire))])
    for (let round = 0; round < 40; round++) {
      const machine = new Machine()
      exchanges.forEach(([method, , events], i) => {
        expect(machine.startRequest(facts({ request: { method } }))).toBe(true)
        machine.endRequest()
        const list = lists[i] ?? []
        const [delivery, pieces] = list[round % list.length] ?? ["", []]
        const seen: Array<Seen> = []
        for (const piece of pieces) give(machine, piece, seen)
        expect(seen, `exchange ${i}, ${delivery}`).toEqual(events)
        expect(machine.served).toBe(i + 1)
        expect(machine.reusable).toBe(true)
      })
    }
  })

  it("keep to the limits and relaxations of each request", () => {
    const machine = new Machine()
    const ask = (request: RequestFacts, wire: string): ReadonlyArray<Seen> => {
      expect(machine.startRequest(request)).toBe(true)
      machine.endRequest()
      return given(machine, wire)
    }
    const narrow = facts({ limits: { fields: 1 } })
    expect(ask(narrow, "HTTP/1.1 204 R\r\nA: b\r\n\r\n")).toHaveLength(2)
    expect(ask(facts(), "HTTP/1.1 204 R\r\nA: b\r\nC: d\r\n\r\n")).toHaveLength(2)
    expect(ask({ ...facts(), limits: HttpLimits.defaults }, "HTTP/1.1 204 R\r\nA: b\r\nC: d\r\n\r\n")).toHaveLength(2)
    expect(ask(narrow, "HTTP/1.1 204 R\r\nA: b\r\nC: d\r\n\r\n")).toEqual([fails("TooManyHeaders", { limit: 1 })])
    const lenient = served(1)
    lenient.startRequest({ ...facts(), leniency: facts({ leniency: { bareLf: true } }).leniency })
    lenient.endRequest()
    expect(given(lenient, "HTTP/1.1 204 R\n\n")).toEqual([head(204, "R", "none"), end()])
    expect(lenient.reusable).toBe(false)
  })

  it("count informational responses anew", () => {
    const request = facts({ limits: { informational: 2 } })
    const machine = new Machine()
    for (let i = 0; i < 3; i++) {
      expect(machine.startRequest(request)).toBe(true)
      machine.endRequest()
      expect(given(machine, interim(103).repeat(2) + empty)).toEqual([
        interimEvent(103),
        interimEvent(103),
        ...emptyEvents
      ])
    }
  })
})

describe("a connection that the server closes", () => {
  it("is stale where it had answered before and nothing came", () => {
    const machine = served(2)
    expect(machine.startRequest(facts())).toBe(true)
    machine.endRequest()
    machine.eof()
    expect(drained(machine)).toEqual([fails("StaleConnection")])
  })

  it("is stale though the request is not yet sent to its end", () => {
    const machine = served(1)
    machine.startRequest(facts())
    machine.eof()
    expect(drained(machine)).toEqual([fails("StaleConnection")])
  })

  it.each([["\r\n", "RemoteDisconnected"], [interim(100), "RemoteDisconnected"], ["H", "IncompleteHeaders"]])(
    "is not stale where %j had come",
    (bytes, tag) => {
      const machine = served(1)
      machine.startRequest(facts())
      machine.endRequest()
      given(machine, bytes)
      machine.eof()
      expect(drained(machine)).toMatchObject([{ error: tag }])
    }
  )

  it("takes no request any more", () => {
    for (const machine of [new Machine(), served(1)]) {
      expect(machine.reusable).toBe(true)
      machine.eof()
      expect(drained(machine)).toEqual([])
      expect(machine.reusable).toBe(false)
      expect(machine.startRequest(facts())).toBe(false)
    }
  })

  it("gives what had come before its end", () => {
    const machine = new Machine()
    machine.startRequest(facts())
    machine.endRequest()
    machine.receive(bytesOf("HTTP/1.1 200 R\r\nContent-Length: 5\r\n\r\nhel"))
    machine.eof()
    expect(drained(machine)).toEqual([
      head(200, "R", length(5), { fields: [["Content-Length", "5"]] }),
      data("hel"),
      fails("IncompleteRead", { received: 3, expected: 5 })
    ])
  })
})

describe("bytes that nobody asked for", () => {
  it.each(["X", "\r\n", empty])("are refused on a fresh connection: %j", (bytes) => {
    const machine = new Machine()
    expect(given(machine, bytes)).toEqual([fails("UnexpectedMessage")])
    expect(machine.reusable).toBe(false)
    expect(machine.startRequest(facts())).toBe(false)
    expect(given(machine, empty)).toEqual([fails("UnexpectedMessage")])
  })

  it.each(["X", "\r\n", empty])("are refused on an idle connection: %j", (bytes) => {
    const machine = served(3)
    expect(given(machine, bytes)).toEqual([fails("UnexpectedMessage")])
    expect(machine.startRequest(facts())).toBe(false)
    // The exchanges before are as good as they were.
    expect(machine.served).toBe(3)
    expect(machine.responseDone).toBe(true)
  })

  it("say how many they were", () => {
    const machine = new Machine()
    machine.receive(new Uint8Array(7))
    expect(machine.next()).toMatchObject({ error: { received: 7 } })
  })

  it("are not forgotten when nothing comes after them", () => {
    const machine = new Machine()
    machine.startRequest(facts())
    machine.endRequest()
    machine.receive(bytesOf(`${empty}X`))
    expect(machine.next()._tag).toBe("Head")
    expect(machine.next()._tag).toBe("End")
    expect(machine.excess).toBe(1)
    machine.receive(new Uint8Array(0))
    expect(machine.reusable).toBe(false)
    expect(machine.startRequest(facts())).toBe(false)
  })

  it("wait until the request is complete, and are no answer then either", () => {
    const machine = new Machine()
    machine.startRequest(facts({ request: { method: "POST" } }))
    expect(given(machine, `${empty}X`)).toEqual(emptyEvents)
    expect(machine.excess).toBe(1)
    machine.endRequest()
    expect(machine.served).toBe(1)
    expect(machine.reusable).toBe(false)
    expect(drained(machine)).toEqual([fails("UnexpectedMessage")])
  })

  it("belong to the tunnel where there is one", () => {
    const machine = new Machine()
    machine.startRequest(facts({ request: { method: "CONNECT" } }))
    machine.endRequest()
    expect(given(machine, "HTTP/1.1 200 R\r\n\r\n\x16\x03\x01")).toEqual([head(200, "R", "tunnel"), end()])
    expect(machine.excess).toBe(3)
    expect(given(machine, "more")).toEqual([])
    expect(machine.excess).toBe(4)
    expect(machine.reusable).toBe(false)
  })
})

describe("an answer that comes before the request is complete", () => {
  it("leaves the connection reusable once the request is complete", () => {
    const machine = new Machine()
    machine.startRequest(facts({ request: { method: "POST" } }))
    expect(given(machine, empty)).toEqual(emptyEvents)
    expect([machine.responseDone, machine.reusable, machine.served]).toEqual([true, false, 0])
    expect(machine.startRequest(facts())).toBe(false)
    machine.endRequest()
    expect([machine.reusable, machine.served]).toEqual([true, 1])
    machine.endRequest()
    expect(machine.served).toBe(1)
    expect(machine.startRequest(facts())).toBe(true)
  })

  it("says whether the connection goes on, before its own end", () => {
    for (
      const [wire, persistent] of [
        ["HTTP/1.1 413 R\r\nContent-Length: 3\r\n\r\n", true],
        ["HTTP/1.1 413 R\r\nContent-Length: 3\r\nConnection: close\r\n\r\n", false],
        ["HTTP/1.0 413 R\r\nContent-Length: 3\r\n\r\n", false],
        ["HTTP/1.1 413 R\r\n\r\n", false]
      ] as const
    ) {
      const machine = new Machine()
      machine.startRequest(facts({ request: { method: "POST" } }))
      expect(machine.persistent).toBe(true)
      given(machine, wire)
      expect([machine.persistent, machine.reusable]).toEqual([persistent, false])
    }
  })

  it("ends the connection where the request is abandoned", () => {
    const machine = new Machine()
    machine.startRequest(facts({ request: { method: "POST" } }))
    machine.abandonRequest()
    expect(given(machine, empty)).toEqual(emptyEvents)
    expect(machine.reusable).toBe(false)
    machine.endRequest()
    expect(machine.reusable).toBe(false)
  })
})

describe("moves that are not legal", () => {
  it("change nothing: a second request before the first is answered", () => {
    const machine = new Machine()
    expect(machine.startRequest(facts())).toBe(true)
    expect(machine.startRequest(facts({ request: { method: "HEAD" } }))).toBe(false)
    machine.endRequest()
    expect(machine.startRequest(facts({ request: { method: "HEAD" } }))).toBe(false)
    expect(given(machine, "HTTP/1.1 200 R\r\nContent-Length: 1\r\n\r\nx")).toContainEqual(data("x"))
  })

  it("change nothing: the end of a request that was not started", () => {
    const machine = new Machine()
    machine.endRequest()
    expect([machine.served, machine.reusable]).toEqual([0, true])
    expect(machine.startRequest(facts())).toBe(true)
  })

  it("change nothing after a failure", () => {
    const machine = new Machine()
    machine.startRequest(facts())
    expect(given(machine, "garbage\r\n\r\n")).toEqual([fails("BadStatusLine", { line: "garbage" })])
    machine.endRequest()
    machine.eof()
    expect(given(machine, empty)).toEqual([fails("BadStatusLine", { line: "garbage" })])
    expect([machine.served, machine.reusable, machine.responseDone]).toEqual([0, false, false])
    expect(machine.startRequest(facts())).toBe(false)
  })
})
