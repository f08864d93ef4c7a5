/**
 * The steps of an opening, in their order: dial (with TLS to a proxy that needs it), CONNECT or
 * SOCKS, TLS with the origin. Another kind of proxy is another step here.
 *
 * A step takes the channel of the step before, limits its own time, and ends once: with a channel
 * or with a failure. The opening destroys the channel that it was given.
 */
import type * as Tls from "../../Tls.ts"
import type { Addressing, Endpoint } from "../../Transport.ts"
import type { Proxy } from "../model/proxy.ts"
import { isSocks } from "../model/proxy.ts"
import { defaultOptions } from "../model/tlsOptions.ts"
import { addressingOf, refusedAtOnce, targetAddressingOf } from "./addressing.ts"
import type { Course, FirstStep, Step, Steps } from "./course.ts"
import { serverNameOf } from "./errorContext.ts"
import type { Negotiation, NegotiationOwner } from "./negotiation.ts"
import type { Tunnel, Way } from "./settings.ts"
import { SocksNegotiation } from "./socks.ts"
import { through } from "./socksTarget.ts"
import { TunnelRequest } from "./tunnel.ts"

/** Returns the options of the TLS with which a channel begins. */
const firstTls = ({ settings: { proxy, tls }, tunnel }: Way): Tls.Options | undefined =>
  proxy?.scheme === "https" ? proxy.tls ?? defaultOptions : tunnel === undefined ? tls : undefined

/** Returns the target to dial: the proxy, if there is one. */
export const dialledBy = ({ settings: { origin, proxy } }: Way): Pick<Endpoint, "host" | "port"> => proxy ?? origin

const endpointOf = (way: Way, addressing: Addressing | undefined): Endpoint => {
  const { localAddress, localPort, origin } = way.settings
  const { host, port } = dialledBy(way)
  const endpoint = { host, port, socketPath: origin.socketPath, localAddress, localPort, tls: firstTls(way) }
  return addressing === undefined ? endpoint : { ...endpoint, addressing }
}

/** Dials, and starts TLS with the dialled target if it needs that. */
const dial = (
  course: Course,
  addressing: Addressing | undefined,
  timeouts = course.timeouts
): FirstStep =>
(done) => {
  const { caller, way } = course
  const { dialer, host, proxy } = way.settings
  const isSecure = proxy?.scheme === "https"
  course.peer = isSecure ? "Proxy" : undefined
  return dialer.dial(endpointOf(way, addressing), timeouts, host, caller, (result) => {
    if (result._tag === "Opened" && isSecure) course.proxyMillis = result.duplex.info.timings.tls
    done(result)
  })
}

/** Negotiates with the proxy until the channel leads to the origin. */
const negotiate = (course: Course, make: (owner: NegotiationOwner) => Negotiation): Step => (duplex, done) => {
  const { timers } = course.way.settings
  const began = timers.now()
  const negotiation = make({
    onNegotiated: (error) => {
      course.peer = error === undefined ? undefined : negotiation.peer
      if (error !== undefined) return done({ _tag: "Failed", error })
      course.proxyMillis = (course.proxyMillis ?? 0) + timers.now() - began
      done({ _tag: "Opened", duplex, release: undefined })
    },
    onDefect: (defect) => done({ _tag: "Died", defect })
  })
  negotiation.start(duplex)
  return () => {
    negotiation.abort()
    done({ _tag: "Aborted" })
  }
}

/** Asks the proxy for a tunnel over HTTP. */
const connect = (course: Course, tunnel: Tunnel): Step =>
  negotiate(course, (owner) => {
    const { caller, timeouts, way: { settings } } = course
    return new TunnelRequest(settings, tunnel, timeouts.proxy, caller, owner, (fields) => {
      course.proxyFields = fields
    })
  })

/** Starts TLS with the origin at the far end of the tunnel. */
const secure = ({ caller, timeouts, way: { settings } }: Course, { origin }: Tunnel, tls: Tls.Options): Step => {
  const { dialer, host } = settings
  const name = serverNameOf(settings, origin)
  return (duplex, done) => dialer.secure(duplex, name, tls, timeouts.tls, host, caller, done)
}

/** Creates the step through a SOCKS proxy up to the origin. */
const socks = (course: Course, tunnel: Tunnel, proxy: Proxy, addressing: Addressing | undefined): FirstStep => {
  const { caller, way } = course
  return through(course, tunnel.origin, proxy, targetAddressingOf(way, caller), {
    dial: (timeouts) => dial(course, addressing, timeouts),
    negotiate: (request, millis) =>
      negotiate(course, (owner) => new SocksNegotiation(way.settings, tunnel, request, millis, caller, owner))
  })
}

/** Fails at once if the policy does not allow the target. */
const ifAllowed = (way: Way, step: FirstStep): FirstStep => (done) => {
  const error = refusedAtOnce(way)
  if (error === undefined) return step(done)
  done({ _tag: "Failed", error })
  return () => {}
}

/** Returns the steps up to the origin. */
const stepsTo = (course: Course): Steps => {
  const { caller, way } = course
  const { settings: { proxy }, tunnel } = way
  const addressing = addressingOf(way, caller)
  if (tunnel !== undefined && proxy !== undefined && isSocks(proxy)) {
    return { dial: socks(course, tunnel, proxy, addressing), rest: [] }
  }
  return { dial: dial(course, addressing), rest: tunnel === undefined ? [] : [connect(course, tunnel)] }
}

/** Returns the steps of an opening. */
export const stepsOf = (course: Course): Steps => {
  const { way } = course
  const { settings: { tls }, tunnel } = way
  const { dial, rest } = stepsTo(course)
  return {
    dial: ifAllowed(way, dial),
    rest: tunnel === undefined || tls === undefined ? rest : [...rest, secure(course, tunnel, tls)]
  }
}
