/**
 * The client's side of SOCKS as a machine: bytes in, events out. SOCKS5 (RFC 1928) without
 * authentication and with user name and password (RFC 1929); SOCKS4, and SOCKS4a with names.
 *
 * Each message is sent when the reply to the previous one has been read completely. Bytes that
 * arrive earlier are an error, because they would count as the reply to a message that was not sent
 * yet. The replies of a proxy are short, so at most 262 bytes are held. `bound`, the address from
 * which the proxy connects, is read and ignored.
 */
import { join } from "../bytes.ts"
import { withContext } from "../error/base.ts"
import { ProxyAuthRequired } from "../error/connect.ts"
import type { SocksReason } from "../error/socks.ts"
import { SocksError } from "../error/socks.ts"
import { parseAddress } from "../model/address.ts"
import { empty } from "../model/fields.ts"
import { bracketed, withoutZone } from "../syntax/host.ts"

/** The version to speak, and the target to ask for. */
export interface SocksRequest {
  readonly version: 4 | 5
  /** A name or an address in canonical form. */
  readonly host: string
  readonly port: number
  /** For SOCKS4 only the user name is sent. */
  readonly credentials: { readonly username: string; readonly password: string } | undefined
}

export type SocksEvent =
  | { readonly _tag: "NeedMore" }
  /** To be sent to the proxy now. */
  | { readonly _tag: "Send"; readonly bytes: Uint8Array }
  /** The channel leads to the server. `excess` bytes have arrived after the reply. */
  | { readonly _tag: "Connected"; readonly excess: number }
  | { readonly _tag: "Failure"; readonly error: SocksError | ProxyAuthRequired }

const replies5: ReadonlyArray<SocksReason> = [
  "GeneralFailure",
  "NotAllowed",
  "NetworkUnreachable",
  "HostUnreachable",
  "Refused",
  "TtlExpired",
  "CommandNotSupported",
  "AddressTypeNotSupported"
]

const replies4: ReadonlyArray<SocksReason> = ["Rejected", "IdentdUnreachable", "IdentdMismatch"]

const granted4 = 90

/** Methods of authentication (RFC 1928 section 3). */
const anonymous = 0x00
const password = 0x02
const noMethod = 0xff

/** Kinds of addresses (RFC 1928 section 5). */
const ipv4 = 0x01
const domain = 0x03
const ipv6 = 0x04

const needMore: SocksEvent = { _tag: "NeedMore" }

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Returns text with its length in one byte before it. */
const counted = (text: string): Uint8Array => {
  const bytes = bytesOf(text)
  return Uint8Array.of(bytes.length, ...bytes)
}

const portBytes = (port: number): readonly [number, number] => [port >> 8, port & 0xff]

/** Returns the kind of address, and the address. */
const addressBytes = (host: string): Uint8Array => {
  const address = parseAddress(host)?.bytes
  return address === undefined
    ? Uint8Array.of(domain, ...counted(host))
    : Uint8Array.of(address.length === 4 ? ipv4 : ipv6, ...address)
}

/** Returns the requested target, as errors show it. */
export const targetOf = ({ host, port }: Pick<SocksRequest, "host" | "port">): string =>
  `${bracketed(withoutZone(host))}:${port}`

/** Blames the caller for an error. */
const byCaller = (error: SocksError): SocksError => withContext(error, { ...error.context, fault: "User" })

/** Matches an address that means in SOCKS4 that a name follows, for which the proxy would wait. */
const announcesName = /^0\.0\.0\.[1-9]\d*$/

/** Returns why the server cannot be named in this version of SOCKS; `undefined` if it can. */
export const checkSocks = ({ host, port, version }: Omit<SocksRequest, "credentials">): SocksError | undefined =>
  (version === 4 && (host.includes(":") || announcesName.test(host))) || bytesOf(host).length > 255
    ? byCaller(new SocksError({ version, reason: "InvalidTarget", code: undefined, target: targetOf({ host, port }) }))
    : undefined

/** The length of a reply; `Invalid` if a proxy cannot send it in this state. */
type Length = number | undefined | "Invalid"

export class SocksMachine {
  readonly #request: SocksRequest
  #state: "Greeting" | "Authentication" | "Request" | "Over" = "Greeting"
  #input: Uint8Array = new Uint8Array(0)

  constructor(request: SocksRequest) {
    this.#request = request
  }

  /** Returns the first bytes to send. */
  start(): Uint8Array {
    const { credentials, host, port, version } = this.#request
    if (version === 5) {
      return credentials === undefined ? Uint8Array.of(5, 1, anonymous) : Uint8Array.of(5, 2, anonymous, password)
    }
    this.#state = "Request"
    const known = parseAddress(host)?.bytes
    // 0.0.0.1 says that a name follows.
    const address = known ?? [0, 0, 0, 1]
    const name = known === undefined ? [...bytesOf(host), 0] : []
    return Uint8Array.of(4, 1, ...portBytes(port), ...address, ...bytesOf(credentials?.username ?? ""), 0, ...name)
  }

  /** Takes bytes. The view may be reused afterwards. */
  receive(bytes: Uint8Array): void {
    this.#input = join([this.#input, bytes])
  }

  /** Returns the failure if bytes arrive before the first message was sent. */
  notAsked(): SocksError {
    return this.#error("NotSocks")
  }

  next(): SocksEvent {
    const input = this.#input
    if (this.#state === "Over" || input.length === 0) return needMore
    const { version } = this.#request
    const first = this.#state === "Authentication" ? 1 : version === 4 ? 0 : 5
    if (input[0] !== first) return this.#fail("NotSocks")
    if (input.length === 1) return needMore
    const code = input[1] as number
    switch (this.#state) {
      case "Greeting":
        return this.#chosen(code)
      case "Authentication":
        // RFC 1929 section 2: any other status is a refusal.
        return code === 0 ? this.#send(2, "Request", this.#connect()) : this.#unauthorized("Refused")
      case "Request":
        return version === 4 ? this.#answered4(code) : this.#answered5(code)
    }
  }

  /** The proxy has chosen a method of authentication. */
  #chosen(method: number): SocksEvent {
    const { credentials } = this.#request
    if (method === anonymous) return this.#send(2, "Request", this.#connect())
    if (method === password && credentials !== undefined) {
      const { password, username } = credentials
      return this.#send(2, "Authentication", join([Uint8Array.of(1), counted(username), counted(password)]))
    }
    if (method !== noMethod) return this.#fail("NotSocks")
    return credentials === undefined ? this.#unauthorized("Required") : this.#fail("NoMethod")
  }

  #connect(): Uint8Array {
    const { host, port } = this.#request
    return join([Uint8Array.of(5, 1, 0), addressBytes(host), Uint8Array.of(...portBytes(port))])
  }

  #answered5(code: number): SocksEvent {
    // Its address is then meaningless, and some proxies omit it.
    if (code !== 0) return this.#fail(replies5[code - 1] ?? "Other", code)
    const length = this.#replyLength()
    if (length === "Invalid") return this.#fail("NotSocks")
    return length === undefined || this.#input.length < length ? needMore : this.#connected(length)
  }

  /**
   * Returns the length of the reply by its kind of address; `undefined` if that has not arrived.
   */
  #replyLength(): Length {
    const [, , , kind, count] = this.#input
    switch (kind) {
      case undefined:
        return undefined
      case ipv4:
        return 10
      case ipv6:
        return 22
      case domain:
        return count === undefined ? undefined : 7 + count
      default:
        return "Invalid"
    }
  }

  #answered4(code: number): SocksEvent {
    if (code !== granted4) return this.#fail(replies4[code - granted4 - 1] ?? "Other", code)
    return this.#input.length < 8 ? needMore : this.#connected(8)
  }

  #connected(length: number): SocksEvent {
    this.#state = "Over"
    return { _tag: "Connected", excess: this.#input.length - length }
  }

  /** Sends the next message, if no bytes have arrived after the last reply. */
  #send(length: number, state: "Authentication" | "Request", bytes: Uint8Array): SocksEvent {
    if (this.#input.length > length) return this.#fail("NotSocks")
    this.#input = new Uint8Array(0)
    this.#state = state
    return { _tag: "Send", bytes }
  }

  #fail(reason: SocksReason, code?: number): SocksEvent {
    this.#state = "Over"
    return { _tag: "Failure", error: this.#error(reason, code) }
  }

  #error(reason: SocksReason, code?: number): SocksError {
    return new SocksError({ version: this.#request.version, reason, code, target: targetOf(this.#request) })
  }

  #unauthorized(socks: "Required" | "Refused"): SocksEvent {
    this.#state = "Over"
    const nothing = { challenges: [], fields: empty, bodyPrefix: new Uint8Array(0) }
    return { _tag: "Failure", error: new ProxyAuthRequired({ ...nothing, socks }) }
  }
}
