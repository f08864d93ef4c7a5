/** SOCKS4, SOCKS4a and SOCKS5 as a machine: what is sent, and everything that a proxy can answer, however its bytes are split. */
import { describe, expect, it } from "@effect/vitest"
import { ProxyAuthRequired, SocksError } from "../../src/HttpError.ts"
import type { SocksRequest } from "../../src/internal/protocol/socks.ts"
import { checkSocks, SocksMachine } from "../../src/internal/protocol/socks.ts"

type Bytes = ReadonlyArray<number>

const ascii = (text: string): Bytes => [...Buffer.from(text, "latin1")]

const far: SocksRequest = { version: 5, host: "far.test", port: 443, credentials: undefined }
const known: SocksRequest = { ...far, credentials: { username: "me", password: "sécret" } }
const old: SocksRequest = { ...far, version: 4 }

/** How an exchange ends: as text, so that tables can be compared. */
interface Played {
  readonly sent: ReadonlyArray<Bytes>
  readonly end: string
}

/** Plays the answers of a proxy: each is given when the client has sent something, in pieces of these lengths. */
const play = (
  request: SocksRequest,
  answers: ReadonlyArray<Bytes>,
  pieces: (bytes: Bytes) => ReadonlyArray<Bytes>
): Played => {
  const machine = new SocksMachine(request)
  const sent: Array<Bytes> = [[...machine.start()]]
  for (const answer of answers) {
    for (const piece of pieces(answer)) {
      const view = Uint8Array.from(piece)
      machine.receive(view)
      // The view belongs to the transport.
      view.fill(0xee)
      for (let event = machine.next(); event._tag !== "NeedMore"; event = machine.next()) {
        if (event._tag === "Send") {
          sent.push([...event.bytes])
          continue
        }
        if (event._tag === "Connected") return { sent, end: `connected, ${event.excess} more` }
        const { error } = event
        return {
          sent,
          end: error instanceof SocksError ? `${error.reason} ${error.code ?? "-"}` : `ProxyAuthRequired ${error.socks}`
        }
      }
    }
  }
  return { sent, end: "waits" }
}

const whole = (bytes: Bytes): ReadonlyArray<Bytes> => [bytes]
const single = (bytes: Bytes): ReadonlyArray<Bytes> => bytes.map((byte) => [byte])

/** Plays every split into two pieces, and single bytes; all must give the same. */
const played = (request: SocksRequest, ...answers: ReadonlyArray<Bytes>): Played => {
  const result = play(request, answers, whole)
  expect(play(request, answers, single)).toEqual(result)
  const longest = Math.max(...answers.map((answer) => answer.length))
  for (let at = 1; at < longest; at++) {
    const inTwo = (bytes: Bytes) => at < bytes.length ? [bytes.slice(0, at), bytes.slice(at)] : [bytes]
    expect(play(request, answers, inTwo)).toEqual(result)
  }
  return result
}

const anonymous: Bytes = [5, 0]
const withPassword: Bytes = [5, 2]
const accepted: Bytes = [1, 0]
const bound: Bytes = [5, 0, 0, 1, 127, 0, 0, 1, 0x1f, 0x90]
const nameOf = (host: string): Bytes => [3, host.length, ...ascii(host)]

describe("SOCKS5", () => {
  it("asks for no authentication, then for the name and the port", () => {
    expect(played(far, anonymous, bound)).toEqual({
      sent: [[5, 1, 0], [5, 1, 0, ...nameOf("far.test"), 0x01, 0xbb]],
      end: "connected, 0 more"
    })
  })

  it("with credentials offers both methods, and sends them only if they are wanted", () => {
    expect(played(known, anonymous, bound).sent).toEqual([[5, 2, 0, 2], [5, 1, 0, ...nameOf("far.test"), 1, 0xbb]])
    expect(played(known, withPassword, accepted, bound)).toEqual({
      sent: [
        [5, 2, 0, 2],
        [1, 2, ...ascii("me"), 7, ...Buffer.from("sécret")],
        [5, 1, 0, ...nameOf("far.test"), 1, 0xbb]
      ],
      end: "connected, 0 more"
    })
  })

  it("takes credentials of 255 bytes", () => {
    const credentials = { username: "u".repeat(255), password: "p".repeat(255) }
    const [, sent = []] = played({ ...far, credentials }, withPassword, accepted, bound).sent
    expect(sent).toEqual([1, 255, ...ascii("u".repeat(255)), 255, ...ascii("p".repeat(255))])
  })

  it.each<readonly [string, Bytes]>([
    ["127.0.0.1", [1, 127, 0, 0, 1]],
    ["255.0.10.1", [1, 255, 0, 10, 1]],
    ["::1", [4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
    ["2001:db8::ff00:42:8329", [4, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0x42, 0x83, 0x29]],
    ["::ffff:1.2.3.4", [4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4]],
    // A zone has a meaning on this machine only.
    ["fe80::1%eth0", [4, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
    ["far.test.", nameOf("far.test.")],
    ["x".repeat(255), nameOf("x".repeat(255))]
  ])("names %s in its own form", (host, address) => {
    expect(played({ ...far, host, port: 80 }, anonymous, bound).sent[1]).toEqual([5, 1, 0, ...address, 0, 80])
  })

  it.each<readonly [string, Bytes]>([
    ["IPv4", bound],
    ["IPv6", [5, 0, 0, 4, ...Array.from({ length: 16 }, () => 1), 0, 1]],
    ["a name", [5, 0, 0, ...nameOf("bound.test"), 0, 1]],
    ["an empty name", [5, 0, 0, 3, 0, 0, 1]],
    ["a name of 255 bytes", [5, 0, 0, ...nameOf("b".repeat(255)), 0, 1]],
    ["zeros, and a reserved byte that is not 0", [5, 0, 7, 1, 0, 0, 0, 0, 0, 0]]
  ])("reads the bound address as %s, and counts what follows", (_, reply) => {
    expect(played(far, anonymous, reply).end).toBe("connected, 0 more")
    expect(play(far, [anonymous, [...reply, 1, 2, 3]], whole).end).toBe("connected, 3 more")
    // Not before its last byte.
    for (let length = 0; length < reply.length; length++) {
      expect(play(far, [anonymous, reply.slice(0, length)], whole).end).toBe("waits")
    }
  })

  it.each<readonly [number, string]>([
    [1, "GeneralFailure"],
    [2, "NotAllowed"],
    [3, "NetworkUnreachable"],
    [4, "HostUnreachable"],
    [5, "Refused"],
    [6, "TtlExpired"],
    [7, "CommandNotSupported"],
    [8, "AddressTypeNotSupported"],
    [9, "Other"],
    [0xff, "Other"]
  ])("fails for reply %s, with or without an address behind it", (code, reason) => {
    for (const rest of [[], [0], [0, 1, 0, 0, 0, 0, 0, 0], [0, 9]]) {
      expect(played(far, anonymous, [5, code, ...rest]).end).toBe(`${reason} ${code}`)
    }
  })

  it.each<readonly [string, SocksRequest, Bytes, string]>([
    ["no method, without credentials", far, [5, 0xff], "ProxyAuthRequired Required"],
    ["no method, with credentials", known, [5, 0xff], "NoMethod -"],
    ["a method that was not offered", far, [5, 2], "NotSocks -"],
    ["GSSAPI, which was not offered", known, [5, 1], "NotSocks -"]
  ])("fails for %s", (_, request, reply, end) => {
    expect(played(request, reply).end).toBe(end)
  })

  it.each([1, 2, 0xff])("fails for the status %s of the authentication", (status) => {
    expect(played(known, withPassword, [1, status]).end).toBe("ProxyAuthRequired Refused")
  })

  it.each<readonly [string, ReadonlyArray<Bytes>]>([
    ["HTTP", [ascii("HTTP/1.1 400 Bad Request\r\n\r\n")]],
    ["SOCKS4", [[0, 91, 0, 0, 0, 0, 0, 0]]],
    ["another version in the greeting", [[4, 0]]],
    ["zeros", [[0, 0, 0]]],
    ["another version of the authentication", [withPassword, [5, 0]]],
    ["another version in the reply", [withPassword, accepted, [1, ...bound.slice(1)]]],
    ["a kind of address that is none", [withPassword, accepted, [5, 0, 0, 2, 0]]],
    ["an answer to what was not asked yet", [[...anonymous, ...bound]]],
    ["the end of the authentication before it was sent", [[...withPassword, ...accepted]]]
  ])("fails for %s", (_, answers) => {
    const at = answers.length - 1
    // Whole: what comes early is early only if it comes in one piece.
    expect(play(known, answers, whole).end).toBe("NotSocks -")
    expect(play(known, answers.slice(0, at), whole).end).toBe("waits")
  })
})

describe("SOCKS4", () => {
  it.each<readonly [string, SocksRequest, Bytes]>([
    ["an address", { ...old, host: "10.1.2.3" }, [4, 1, 1, 0xbb, 10, 1, 2, 3, 0]],
    ["a name (SOCKS4a)", old, [4, 1, 1, 0xbb, 0, 0, 0, 1, 0, ...ascii("far.test"), 0]],
    [
      "a user id",
      { ...old, host: "10.1.2.3", credentials: { username: "me", password: "" } },
      [4, 1, 1, 0xbb, 10, 1, 2, 3, ...ascii("me"), 0]
    ],
    [
      "a user id and a name",
      { ...old, credentials: { username: "mé", password: "" } },
      [4, 1, 1, 0xbb, 0, 0, 0, 1, ...Buffer.from("mé"), 0, ...ascii("far.test"), 0]
    ]
  ])("asks for %s in one message", (_, request, message) => {
    const reply: Bytes = [0, 90, 1, 0xbb, 10, 1, 2, 3]
    expect(played(request, reply)).toEqual({ sent: [message], end: "connected, 0 more" })
    expect(play(request, [[...reply, 9]], whole).end).toBe("connected, 1 more")
    for (let length = 0; length < 8; length++) expect(play(request, [reply.slice(0, length)], whole).end).toBe("waits")
  })

  it.each<readonly [number, string]>([
    [91, "Rejected"],
    [92, "IdentdUnreachable"],
    [93, "IdentdMismatch"],
    [94, "Other"],
    [0, "Other"],
    [89, "Other"]
  ])("fails for code %s", (code, reason) => {
    expect(played(old, [0, code, 0, 0, 0, 0, 0, 0]).end).toBe(`${reason} ${code}`)
    expect(played(old, [0, code]).end).toBe(`${reason} ${code}`)
  })

  it.each([[4, 90], [5, 0], ascii("HTTP/1.1 400")])("fails for a reply that begins with %s", (...reply) => {
    expect(play(old, [reply], whole).end).toBe("NotSocks -")
  })
})

describe("what cannot be asked for", () => {
  it.each<readonly [4 | 5, string, boolean]>([
    [4, "::1", false],
    [4, "fe80::1%eth0", false],
    [4, "127.0.0.1", true],
    [4, "x".repeat(255), true],
    [4, "x".repeat(256), false],
    [5, "::1", true],
    [5, "x".repeat(255), true],
    [4, "0.0.0.0", true],
    [4, "0.0.0.7", false],
    [4, "0.0.0.7.test", true],
    [5, "0.0.0.7", true],
    [5, "x".repeat(256), false],
    [5, "é".repeat(128), false]
  ])("in SOCKS%s of %s: %s", (version, host, possible) => {
    const error = checkSocks({ version, host, port: 1 })
    expect(error === undefined).toBe(possible)
    if (error !== undefined) expect(error).toMatchObject({ reason: "InvalidTarget", context: { fault: "User" } })
  })
})

describe("an error", () => {
  it("says what happened and what to do, and shows no credentials", () => {
    const machine = new SocksMachine(known)
    machine.start()
    machine.receive(Uint8Array.of(5, 2))
    machine.next()
    machine.receive(Uint8Array.of(1, 9))
    const event = machine.next()
    if (event._tag !== "Failure") return expect.fail(event._tag)
    expect(event.error).toBeInstanceOf(ProxyAuthRequired)
    expect(event.error.message).toBe(
      "The proxy refused the credentials (SOCKS5). Check the `credentials` of the proxy."
    )
    expect(JSON.stringify(event.error)).not.toMatch(/cret/)
  })
})
