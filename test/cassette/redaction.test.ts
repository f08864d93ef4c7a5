/** Nothing secret is in a cassette, however what was exchanged was split; and what is left stays valid. */
import { Headers } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Cassette, TestTransport } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Zlib from "node:zlib"
import * as HttpFields from "../../src/HttpFields.ts"
import { toJson } from "../../src/internal/cassette/json.ts"
import type { Event } from "../../src/internal/cassette/model.ts"
import { redactEvents } from "../../src/internal/cassette/redact.ts"
import { redacted, Secrets } from "../../src/internal/cassette/secrets.ts"

const secrets = new Secrets(HttpFields.redactedNames, {})

const piece = (from: "Client" | "Server", bytes: Uint8Array): Event => ({ _tag: "Bytes", at: 0, from, bytes })

const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1")

/** Both directions, each in pieces of this size. */
const split = (client: Uint8Array, server: Uint8Array, size: number): ReadonlyArray<Event> => {
  const events: Array<Event> = []
  for (const [from, bytes] of [["Client", client], ["Server", server]] as const) {
    for (let at = 0; at < bytes.length; at += size) events.push(piece(from, bytes.subarray(at, at + size)))
  }
  return events
}

const text = (from: "Client" | "Server", events: ReadonlyArray<Event>): string =>
  Buffer.concat(events.flatMap((event) => event._tag === "Bytes" && event.from === from ? [event.bytes] : [])).toString(
    "latin1"
  )

const redact = (client: string, server: string, size = Infinity, of = secrets) => {
  const events = redactEvents(split(latin1(client), latin1(server), Math.min(size, client.length + server.length)), of)
  return { client: text("Client", events), server: text("Server", events), events }
}

interface Case {
  readonly name: string
  readonly client: string
  readonly server: string
  readonly safeClient: string
  readonly safeServer: string
}

const ok = "HTTP/1.1 204 No Content\r\n\r\n"

const cases: ReadonlyArray<Case> = [
  {
    name: "URLs and JSON in the texts of JSON",
    client: "GET / HTTP/1.1\r\n\r\n",
    server:
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 170\r\n\r\n{\"next\":\"https://me:s3cret@host/?a=1&token=s3cret\",\"u\":\"http:\\/\\/me:s3cret@h\\/?x\\u0026sig=s3cret\\u0026y=1\",\"s\":\"{\\\"password\\\": \\\"s3cret\\\",\\\"b\\\":1}\",\"q\":\"?token=s3cret\\\"\"}",
    safeClient: "GET / HTTP/1.1\r\n\r\n",
    safeServer:
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 178\r\n\r\n{\"next\":\"https://redacted@host/?a=1&token=redacted\",\"u\":\"http:\\/\\/redacted@h\\/?x\\u0026sig=redacted\\u0026y=1\",\"s\":\"{\\\"password\\\": \\\"<redacted>\\\",\\\"b\\\":1}\",\"q\":\"?token=redacted\\\"\"}"
  },
  {
    name: "fields that are named like secrets, and names in every spelling",
    client: "GET /?accessToken=s3cret&Api-Key=s3cret HTTP/1.1\r\nX-Amz-Security-Token: s3cret\r\napi-key: s3cret\r\n"
      + "X-Client-Secret: s3cret\r\nIdempotency-Key: 1\r\n\r\n",
    server: "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nLocation: //me:s3cret@host/\r\n"
      + "Content-Length: 51\r\n\r\n{\"clientSecret\":\"s3cret\"}\n{\"SessionToken\":\"s3cret\"}",
    safeClient: "GET /?accessToken=redacted&Api-Key=redacted HTTP/1.1\r\nX-Amz-Security-Token: <redacted>\r\n"
      + "api-key: <redacted>\r\nX-Client-Secret: <redacted>\r\nIdempotency-Key: 1\r\n\r\n",
    safeServer: "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nLocation: //redacted@host/\r\n"
      + "Content-Length: 59\r\n\r\n{\"clientSecret\":\"<redacted>\"}\n{\"SessionToken\":\"<redacted>\"}"
  },
  {
    name: "JSON that was sent as text, or without a type",
    client:
      "POST / HTTP/1.1\r\nContent-Type: text/plain;charset=utf-8\r\nContent-Length: 19\r\n\r\n {\"token\":\"s3cret\"}",
    server: "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n[{\"token\":\"s3cret\"}]",
    safeClient: "POST / HTTP/1.1\r\nContent-Type: text/plain;charset=utf-8\r\nContent-Length: 23\r\n\r\n"
      + " {\"token\":\"<redacted>\"}",
    safeServer: "HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n[{\"token\":\"<redacted>\"}]"
  },
  {
    name: "credentials keep their scheme",
    client: "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer s3cret\r\nX-Other: 1\r\n\r\n",
    server: ok,
    safeClient: "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer <redacted>\r\nX-Other: 1\r\n\r\n",
    safeServer: ok
  },
  {
    name: "an unknown scheme is not distinguished from a secret",
    client: "GET / HTTP/1.1\r\nAuthorization: s3cret s3cret2\r\nProxy-Authorization: BASIC  s3cret\r\n\r\n",
    server: ok,
    safeClient: "GET / HTTP/1.1\r\nAuthorization: <redacted>\r\nProxy-Authorization: BASIC  <redacted>\r\n\r\n",
    safeServer: ok
  },
  {
    name: "the name in any case, white space around, and folded lines",
    client: "GET / HTTP/1.1\r\nx-API-key:\t s3cret \r\n s3cret2\r\n\ts3cret3\r\nHost: a\r\n\r\n",
    server: ok,
    safeClient: "GET / HTTP/1.1\r\nx-API-key:\t <redacted>\r\nHost: a\r\n\r\n",
    safeServer: ok
  },
  {
    name: "cookies keep their names, and Set-Cookie its attributes",
    client: "GET / HTTP/1.1\r\nCookie: id=s3cret; theme=s3cret2\r\n\r\n",
    server: "HTTP/1.1 204 No Content\r\nSet-Cookie: id=s3cret; Path=/; HttpOnly\r\nset-cookie: t=s3cret2\r\n\r\n",
    safeClient: "GET / HTTP/1.1\r\nCookie: id=<redacted>; theme=<redacted>\r\n\r\n",
    safeServer:
      "HTTP/1.1 204 No Content\r\nSet-Cookie: id=<redacted>; Path=/; HttpOnly\r\nset-cookie: t=<redacted>\r\n\r\n"
  },
  {
    name: "parameters of targets, with names in any encoding",
    client: "GET /a?page=2&Access_Token=s3cret;s3cret2&%74oken=s3cret&x=1 HTTP/1.1\r\nHost: a\r\n\r\n",
    server: ok,
    safeClient: "GET /a?page=2&Access_Token=redacted&%74oken=redacted&x=1 HTTP/1.1\r\nHost: a\r\n\r\n",
    safeServer: ok
  },
  {
    name: "user information and parameters of URLs in targets and fields",
    client: "GET http://joe:s3cret@a/?sig=s3cret HTTP/1.1\r\nReferer: https://s3cret@b/c#id_token=s3cret\r\n\r\n",
    server:
      "HTTP/1.1 302 Found\r\nLocation: https://b/?X-Amz-Signature=s3cret&a=1\r\nLink: <https://b/?token=s3cret>; rel=next\r\nContent-Length: 0\r\n\r\n",
    safeClient:
      "GET http://redacted@a/?sig=redacted HTTP/1.1\r\nReferer: https://redacted@b/c#id_token=redacted\r\n\r\n",
    safeServer:
      "HTTP/1.1 302 Found\r\nLocation: https://b/?X-Amz-Signature=redacted&a=1\r\nLink: <https://b/?token=redacted>; rel=next\r\nContent-Length: 0\r\n\r\n"
  },
  {
    name: "members of JSON, with a length that fits; a challenge stays",
    client: "POST /token HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 38\r\n\r\n"
      + "grant_type=password&password=s3cret%20",
    server: "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"a\", nonce=\"n0nce\"\r\n"
      + "Content-Type: application/json\r\nContent-Length: 68\r\n\r\n"
      + "{\"access_token\": \"s3cret\\\"s3\", \"expires_in\": 60, \"secret\": [1, \"s3c\"]}".slice(0, 68),
    safeClient: "POST /token HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 37\r\n\r\n"
      + "grant_type=password&password=redacted",
    safeServer: ""
  }
]

const forbidden = /s3c/

describe("what is exchanged", () => {
  for (const { client, name, safeClient, safeServer, server } of cases) {
    it(`${name}, over every split`, () => {
      for (let size = 1; size <= Math.max(client.length, server.length); size++) {
        const safe = redact(client, server, size)
        expect(safe.client, `in pieces of ${size}`).toBe(safeClient)
        if (safeServer !== "") expect(safe.server, `in pieces of ${size}`).toBe(safeServer)
        expect(safe.client + safe.server).not.toMatch(forbidden)
      }
    })
  }

  it("a piece ends where it ended, unless that was within a secret", () => {
    const { events } = redact("GET / HTTP/1.1\r\nAuthorization: Bearer s3crets3crets3crets3cret\r\n\r\n", "", 10)
    const pieces = events.flatMap((event) => event._tag === "Bytes" ? [Buffer.from(event.bytes).toString()] : [])
    expect(pieces).toEqual(["GET / HTTP", "/1.1\r\nAuth", "orization:", " Bearer <r", "edacted>", "\r\n\r\n"])
  })

  it("what was redacted stays the same when it is redacted again", () => {
    for (const { client, server } of cases) {
      const once = redact(client, server)
      const twice = redact(once.client, once.server)
      expect([twice.client, twice.server]).toEqual([once.client, once.server])
    }
  })

  it("every prefix of an exchange is safe, as the recording may end anywhere", () => {
    const socks = [
      { client: "\x05\x02\x00\x02\x01\x03joe\x06s3cret", server: "" },
      { client: "\x04\x01\x00\x50\x00\x00\x00\x01s3cret\x00host\x00", server: "" }
    ]
    for (const { client, server } of [...cases, ...socks]) {
      for (let end = 0; end <= client.length; end++) {
        expect(redact(client.slice(0, end), "").client).not.toMatch(/s3cret/)
      }
      for (let end = 0; end <= server.length; end++) {
        expect(redact(client, server.slice(0, end)).server).not.toMatch(/s3cret/)
      }
    }
  })
})

describe("chunked bodies and trailers", () => {
  const chunked = (...chunks: ReadonlyArray<string>) =>
    chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("")
  const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"

  it("a secret that is split over chunks, and one in a trailer, over every split", () => {
    const client = "GET / HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\nCookie: a=s3cret\r\n\r\n"
    const body = ["{\"id_token\":\"s3c", "rets3crets3crets3cret", "s3cret\",\"a\":1}"]
    const server = `${head}${chunked(...body)}0\r\nX-Api-Key: s3cret\r\nX-B: 1\r\n\r\n${ok}`
    for (let size = 1; size <= server.length; size++) {
      const safe = redact(client, server, size)
      expect(safe.client).toBe("GET / HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\nCookie: a=<redacted>\r\n\r\n")
      expect(safe.server).toBe(
        `${head}${
          chunked("{\"id_token\":\"<re", "dacted>\",\"a\":1}")
        }0\r\nX-Api-Key: <redacted>\r\nX-B: 1\r\n\r\n${ok}`
      )
    }
  })

  it("a body with gzip or br is decoded, redacted and encoded again", () => {
    const json = JSON.stringify({ user: { refresh_token: "s3cret", name: "joe" } })
    for (
      const [coding, encode, decode] of [
        ["gzip", Zlib.gzipSync, Zlib.gunzipSync],
        ["br", Zlib.brotliCompressSync, Zlib.brotliDecompressSync],
        ["deflate", Zlib.deflateSync, Zlib.inflateSync]
      ] as const
    ) {
      const body = encode(latin1(json))
      const server = Buffer.concat([
        latin1(
          `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: ${coding}\r\nContent-Length: ${body.length}\r\n\r\n`
        ),
        body
      ])
      const safe = text("Server", redactEvents(split(latin1("GET / HTTP/1.1\r\n\r\n"), server, 7), secrets))
      const at = safe.indexOf("\r\n\r\n") + 4
      const rest = latin1(safe.slice(at))
      expect(decode(rest).toString()).toBe(json.replace("s3cret", redacted))
      expect(safe).toContain(`Content-Length: ${rest.length}\r\n`)
    }
  })

  it("a body with a coding is safe if it was cut", () => {
    const json = JSON.stringify({ pad: Array.from({ length: 50 }, (_, i) => i * i), token: "s3cret".repeat(9), end: 1 })
    const body = Zlib.gzipSync(latin1(json), { level: 0 })
    const head =
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`
    for (let end = 0; end <= body.length; end++) {
      expect(redact("GET / HTTP/1.1\r\n\r\n", head + body.subarray(0, end).toString("latin1")).server).not.toMatch(
        /s3cret/
      )
    }
  })

  it("values within lists and records are secret too, and their kinds stay", () => {
    const json = "{\"secret\":{\"a\":[1,-2.5e3,true,null,\"s3cret\"],\"b\":\"s3cret\"},\"c\":\"\\\"secret\\\": 1\"}"
    expect(secrets.json(json)).toBe(
      "{\"secret\":{\"a\":[0,0,true,null,\"<redacted>\"],\"b\":\"<redacted>\"},\"c\":\"\\\"secret\\\": 1\"}"
    )
  })
})

describe("what else is secret", () => {
  it("credentials of SOCKS5 and SOCKS4, over every split, and HTTP behind them", () => {
    const get = "GET / HTTP/1.1\r\nAuthorization: Basic s3cret\r\n\r\n"
    const socks5 = `\x05\x02\x00\x02\x01\x03joe\x06s3cret\x05\x01\x00\x03\x01a\x00\x50${get}`
    const reply5 = `\x05\x02\x01\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50${ok}`
    const socks4 = `\x04\x01\x00\x50\x00\x00\x00\x01s3cret\x00host\x00${get}`
    for (let size = 1; size <= socks5.length; size++) {
      expect(redact(socks5, reply5, size).client).toBe(
        `\x05\x02\x00\x02\x01\x08redacted\x08redacted\x05\x01\x00\x03\x01a\x00\x50GET / HTTP/1.1\r\nAuthorization: Basic <redacted>\r\n\r\n`
      )
      expect(redact(socks5, reply5, size).server).toBe(reply5)
      expect(redact(socks4, `\x00\x5a\x00\x00\x00\x00\x00\x00${ok}`, size).client).toBe(
        `\x04\x01\x00\x50\x00\x00\x00\x01redacted\x00host\x00GET / HTTP/1.1\r\nAuthorization: Basic <redacted>\r\n\r\n`
      )
    }
  })

  it("challenges stay, because a client must answer them; what it answers does not", () => {
    const challenge = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"a\", nonce=\"n0nce\"\r\n"
      + "Proxy-Authenticate: Basic realm=\"b\"\r\nContent-Length: 0\r\n\r\n"
    const get = "GET / HTTP/1.1\r\n\r\n"
    const digest = "GET / HTTP/1.1\r\nAuthorization: Digest username=\"s3cret\", response=\"s3cret\"\r\n\r\n"
    const safe = redact(get + digest, challenge + ok)
    expect(safe.server).toBe(challenge + ok)
    expect(safe.client).toBe(`${get}GET / HTTP/1.1\r\nAuthorization: Digest <redacted>\r\n\r\n`)
  })

  it("requests within a tunnel, behind CONNECT", () => {
    const client =
      "CONNECT a:443 HTTP/1.1\r\nProxy-Authorization: Basic s3cret\r\n\r\nGET /?token=s3cret HTTP/1.1\r\n\r\n"
    const server = `HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 204 No Content\r\nSet-Cookie: a=s3cret\r\n\r\n`
    for (let size = 1; size <= client.length; size++) {
      const safe = redact(client, server, size)
      expect(safe.client + safe.server).not.toMatch(forbidden)
      expect(safe.server).toContain("Set-Cookie: a=<redacted>")
    }
  })

  it("more fields, names and a function for bodies", () => {
    const of = new Secrets([], {
      fields: [/^x-secret-/g, "X-Other"],
      names: ["pin"],
      replace: (body, { contentType, kind, target }) =>
        kind === "Response" && target === "/" && contentType === "text/plain"
          ? latin1(Buffer.from(body).toString().replace("s3cret", "-"))
          : body
    })
    const safe = redact(
      "GET / HTTP/1.1\r\nX-Secret-1: s3cret\r\nx-other: s3cret\r\nX-Secret-2: s3cret\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\n[s3cret]",
      3,
      of
    )
    expect(safe.client + safe.server).not.toMatch(forbidden)
    expect(safe.server).toContain("Content-Length: 3\r\n\r\n[-]")
  })

  it("a function that throws, or returns no bytes, leaves nothing of the body", () => {
    const fail = (): Uint8Array => {
      throw new Error("no")
    }
    for (const replace of [fail, () => undefined as unknown as Uint8Array]) {
      const safe = redact("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\ns3cret", 4, new Secrets([], { replace }))
      expect(safe.server).toBe("HTTP/1.1 200 OK\r\n\r\n******")
    }
  })

  it.effect("names that the platform keeps secret in this context", () =>
    Effect.gen(function*() {
      const inner = yield* TestTransport.make([TestTransport.connection(TestTransport.discard())])
      const { cassette, transport } = yield* Cassette.record(inner).pipe(
        Effect.locally(Headers.currentRedactedNames, ["x-mine"])
      )
      const duplex = yield* transport.open({ host: "a", port: 80 }, { dns: 1, connect: 1, tls: 1 })
      duplex.write("GET / HTTP/1.1\r\nX-Mine: s3cret\r\n\r\n")
      const recorded = yield* cassette
      expect(toJson(recorded)).not.toMatch(forbidden)
    }).pipe(Effect.scoped))
})

describe("what is long", () => {
  it("a text of many megabytes in JSON needs no stack", () => {
    const json = `{"file":"${"a".repeat(16_000_000)}","token":"${"b".repeat(16_000_000)}"}`
    expect(secrets.json(json).slice(-23)).toBe(`","token":"${redacted}"}`)
  })

  it("JSON within JSON, and long values of fields, are read in linear time", { timeout: 5_000 }, () => {
    const inner = JSON.stringify({ inner: JSON.stringify(Array.from({ length: 100_000 }, () => "abcdef")) })
    expect(secrets.json(`{"token":"s3cret","a":${inner}}`)).toBe(`{"token":"${redacted}","a":${inner}}`)
    const long = "a".repeat(500_000)
    expect(secrets.value("x-trace", long)).toBe(long)
  })
})
