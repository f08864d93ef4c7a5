/**
 * What a SOCKS proxy is asked for: the name of the origin, or its address if this process resolves
 * the name (`socks4`, `socks5`). That happens before the proxy is dialled, by the same lookup as
 * that of a direct connection and with the same limit.
 *
 * The proxy gets the first address that its protocol can name. It is not asked for another one,
 * because that would take another connection to it.
 */
import type { TunnelFailure } from "../../HttpError.ts"
import type { Origin } from "../../Origin.ts"
import type { Addressing } from "../../Transport.ts"
import type { AddressRefused } from "../error/connect.ts"
import { SocksError } from "../error/socks.ts"
import { parseAddress } from "../model/address.ts"
import type { Abort } from "../model/ports.ts"
import type { Proxy } from "../model/proxy.ts"
import { credentialsOf, resolvesHere } from "../model/proxy.ts"
import type { SocksRequest } from "../protocol/socks.ts"
import { checkSocks } from "../protocol/socks.ts"
import type { Course, FirstStep, StepDone } from "./course.ts"

/** The replies that say something of the address. */
const ofAddress = new Set(["NetworkUnreachable", "HostUnreachable", "Refused", "TtlExpired"])

export class SocksTarget {
  request: SocksRequest
  readonly #course: Course
  readonly #isLocal: boolean
  readonly #addressing: Addressing | undefined

  /** `addressing` is for the name of the origin. */
  constructor(course: Course, { host, port }: Origin, proxy: Proxy, addressing: Addressing | undefined) {
    const { scheme } = proxy
    this.#course = course
    this.#isLocal = resolvesHere(proxy)
    this.#addressing = addressing
    this.request = { version: scheme.startsWith("socks4") ? 4 : 5, host, port, credentials: credentialsOf(proxy) }
  }

  /** Makes a step that resolves the name, if that is to be done here, and then dials. */
  before(dial: FirstStep): FirstStep {
    return (done) => {
      const wrong = checkSocks(this.request)
      if (wrong !== undefined) return this.#fail(wrong, done)
      const { host } = this.request
      return this.#isLocal && parseAddress(host) === undefined ? this.#resolve(host, dial, done) : dial(done)
    }
  }

  /** Reports an address that the proxy could not reach. */
  failed(error: TunnelFailure): void {
    if (this.#isLocal && error instanceof SocksError && ofAddress.has(error.reason)) {
      this.#addressing?.failed?.(this.request.host)
    }
  }

  #resolve(name: string, dial: FirstStep, done: StepDone): Abort {
    const course = this.#course
    const { caller, timeouts, way: { settings: { dialer, host } } } = course
    let dialing: Abort | undefined
    course.peer = "Server"
    const resolving = dialer.resolve(name, this.#addressing, timeouts.dns, host, caller, (result) => {
      if (result._tag !== "Resolved") return done(result)
      const target = this.#choose(result.addresses)
      if ("_tag" in target) {
        this.#fail(target, done)
        return
      }
      this.request = target
      course.proxyMillis = result.millis
      dialing = dial(done)
    })
    return () => (dialing ?? resolving)()
  }

  /** The first address that the policy allows and that can be named; else why the first cannot. */
  #choose(addresses: ReadonlyArray<string>): SocksRequest | SocksError | AddressRefused {
    let first: SocksError | AddressRefused | undefined
    for (const address of addresses) {
      const request = { ...this.request, host: address }
      const wrong = this.#addressing?.check?.(address, request.port) ?? checkSocks(request)
      if (wrong === undefined) return request
      first ??= wrong
    }
    return first ?? this.request
  }

  #fail(error: SocksError | AddressRefused, done: StepDone): Abort {
    this.#course.peer = error._tag === "SocksError" ? "Proxy" : "Server"
    done({ _tag: "Failed", error })
    return () => {}
  }
}
