/**
 * The way to an origin through a SOCKS proxy: which target the proxy is asked for, and which one
 * next.
 *
 * The proxy is asked for the name, or for the addresses if this process resolves the name
 * (`socks4`, `socks5`). That happens before the proxy is dialled, by the same lookup as that of a
 * direct connection and with the same limit. If the proxy cannot reach an address, it closes the
 * connection (RFC 1928 section 6). It is then asked for the next address on another connection.
 * `connect` and `proxy` limit all attempts together.
 */
import type { Origin } from "../../Origin.ts"
import type { Addressing } from "../../Transport.ts"
import { copyOf } from "../error/base.ts"
import type { AddressRefused } from "../error/connect.ts"
import type { SocksAttempt, SocksReason } from "../error/socks.ts"
import { SocksError } from "../error/socks.ts"
import { HttpTimeout } from "../error/timeout.ts"
import { parseAddress } from "../model/address.ts"
import type { Abort, Dialed } from "../model/ports.ts"
import type { Proxy } from "../model/proxy.ts"
import { credentialsOf, resolvesHere } from "../model/proxy.ts"
import type { SocksRequest } from "../protocol/socks.ts"
import { checkSocks } from "../protocol/socks.ts"
import type { Course, FirstStep, OpenFailure, Step, StepDone } from "./course.ts"
import type { Millis } from "./timeouts.ts"

/**
 * The replies that depend on the address, so that another one may be reached. `Rejected` is the
 * only such reply of SOCKS4, and also means that the proxy refuses.
 */
const ofAddress: ReadonlySet<SocksReason> = new Set<SocksReason>([
  "NetworkUnreachable",
  "HostUnreachable",
  "Refused",
  "TtlExpired",
  "AddressTypeNotSupported",
  "Rejected"
])

const isOfAddress = (error: OpenFailure): error is SocksError =>
  error instanceof SocksError && ofAddress.has(error.reason)

/** How to connect to a proxy, and how to ask it. Each has only the remaining time. */
export interface SocksSteps {
  dial(timeouts: Millis): FirstStep
  negotiate(request: SocksRequest, millis: number): Step
}

type Opened = Extract<Dialed, { readonly _tag: "Opened" }>

/** Creates the step that opens a way to an origin. `addressing` is for the name of the origin. */
export const through = (
  course: Course,
  { host, port }: Origin,
  proxy: Proxy,
  addressing: Addressing | undefined,
  steps: SocksSteps
): FirstStep =>
(done) => {
  const version = proxy.scheme.startsWith("socks4") ? 4 : 5
  const request: SocksRequest = { version, host, port, credentials: credentialsOf(proxy) }
  const attempts = new Attempts(course, resolvesHere(proxy) ? addressing : undefined, steps, done)
  const wrong = checkSocks(request)
  if (wrong !== undefined) attempts.refuse(wrong)
  else if (resolvesHere(proxy) && parseAddress(host) === undefined) attempts.resolve(request)
  else attempts.start([request])
  return () => attempts.abort()
}

/** Runs one step after another until the proxy leads to an address. Ends once. */
class Attempts {
  readonly #course: Course
  readonly #addressing: Addressing | undefined
  readonly #steps: SocksSteps
  readonly #done: StepDone
  #requests: ReadonlyArray<SocksRequest> = []
  readonly #failed: Array<SocksAttempt> = []
  /** Milliseconds that connecting to the proxy took, and asking it. */
  #connecting = 0
  #asking = 0
  #abort: Abort | undefined
  #aborted = false

  constructor(course: Course, addressing: Addressing | undefined, steps: SocksSteps, done: StepDone) {
    this.#course = course
    this.#addressing = addressing
    this.#steps = steps
    this.#done = done
  }

  abort(): void {
    this.#aborted = true
    this.#abort?.()
  }

  refuse(error: SocksError | AddressRefused): void {
    this.#course.peer = error._tag === "SocksError" ? "Proxy" : "Server"
    this.#done({ _tag: "Failed", error })
  }

  /** Looks the name up, and begins with its addresses. */
  resolve(request: SocksRequest): void {
    const course = this.#course
    const { caller, timeouts, way: { settings: { dialer, host } } } = course
    course.peer = "Server"
    let isOver = false
    const resolving = dialer.resolve(request.host, this.#addressing, timeouts.dns, host, caller, (result) => {
      isOver = true
      this.#abort = undefined
      if (result._tag !== "Resolved") return this.#done(result)
      const targets = this.#choose(request, result.addresses)
      if ("_tag" in targets) return this.refuse(targets)
      course.proxyMillis = result.millis
      this.start(targets)
    })
    if (!isOver) this.#abort = resolving
  }

  start(requests: ReadonlyArray<SocksRequest>): void {
    this.#requests = requests
    this.#next()
  }

  /**
   * Returns the addresses that the policy allows and that SOCKS can express; if there are none, why
   * the first is excluded.
   */
  #choose(request: SocksRequest, addresses: ReadonlyArray<string>): Array<SocksRequest> | SocksError | AddressRefused {
    const targets: Array<SocksRequest> = []
    let first: SocksError | AddressRefused | undefined
    for (const address of addresses) {
      const target = { ...request, host: address }
      const wrong = this.#addressing?.check?.(address, target.port) ?? checkSocks(target)
      if (wrong === undefined) targets.push(target)
      else first ??= wrong
    }
    return targets.length === 0 && first !== undefined ? first : targets
  }

  #next(): void {
    const request = this.#requests[this.#failed.length]
    if (request === undefined) throw new Error("there is no address to ask the proxy for")
    const { timeouts } = this.#course
    const connect = Math.max(0, timeouts.connect - this.#connecting)
    this.#run(this.#steps.dial({ ...timeouts, connect }), (result) => {
      if (result._tag !== "Opened") return this.#end(result)
      this.#connecting += result.duplex.info.timings.connect ?? 0
      if (this.#aborted) this.#end({ _tag: "Aborted" }, result)
      else this.#ask(request, result)
    })
  }

  #ask(request: SocksRequest, opened: Opened): void {
    const course = this.#course
    const { timeouts, way: { settings: { timers } } } = course
    const began = timers.now()
    const step = this.#steps.negotiate(request, Math.max(0, timeouts.proxy - this.#asking))
    this.#run((done) => step(opened.duplex, done), (result) => {
      if (result._tag === "Opened") return this.#done(opened)
      const millis = timers.now() - began
      this.#asking += millis
      course.proxyMillis = (course.proxyMillis ?? 0) + millis
      if (result._tag !== "Failed" || !isOfAddress(result.error)) return this.#end(result, opened)
      const { code, reason, target } = result.error
      this.#failed.push({ target, reason, code })
      this.#addressing?.failed?.(request.host)
      if (this.#aborted || this.#failed.length === this.#requests.length) return this.#end(result, opened)
      this.#destroy(opened)
      this.#next()
    })
  }

  #run(step: FirstStep, then: StepDone): void {
    let isOver = false
    const abort = step((result) => {
      isOver = true
      this.#abort = undefined
      then(result)
    })
    if (isOver) return
    this.#abort = abort
    if (this.#aborted) abort()
  }

  #destroy({ duplex, release }: Opened): void {
    duplex.destroy()
    release?.()
  }

  /** Ends without a channel. */
  #end(result: Exclude<Dialed<OpenFailure>, Opened>, opened?: Opened): void {
    if (opened !== undefined) this.#destroy(opened)
    this.#done(result._tag === "Failed" ? { _tag: "Failed", error: this.#withAttempts(result.error) } : result)
  }

  /** Adds all attempts, and the limit of all of them together, to an error. */
  #withAttempts(error: OpenFailure): OpenFailure {
    if (this.#failed.length === 0) return error
    if (error instanceof HttpTimeout && (error.kind === "connect" || error.kind === "proxy")) {
      return copyOf(error, { millis: this.#course.timeouts[error.kind] })
    }
    if (!(error instanceof SocksError)) return error
    const { code, reason, target } = error
    const all = isOfAddress(error) ? this.#failed : [...this.#failed, { target, reason, code }]
    return all.length > 1 ? copyOf(error, { attempts: all }) : error
  }
}
