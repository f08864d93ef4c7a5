/**
 * The steps of an opening, in their order: dial, the tunnel through the proxy, TLS with the origin.
 * Another kind of proxy is another step here.
 *
 * A step takes the channel of the step before, limits its own time, and ends once: with a channel
 * or with what went wrong. The opening destroys the channel that it was given.
 */
import type { ConnectFailure, TunnelFailure } from "../../HttpError.ts"
import type * as HttpFields from "../../HttpFields.ts"
import type * as Tls from "../../Tls.ts"
import type { Duplex, Endpoint } from "../../Transport.ts"
import type { Abort, Caller, Dialed } from "../model/ports.ts"
import { addressingOf, refusedAtOnce } from "./addressing.ts"
import { serverNameOf } from "./errorContext.ts"
import type { Tunnel, Way } from "./settings.ts"
import type { Millis } from "./timeouts.ts"
import { TunnelRequest } from "./tunnel.ts"

/** What can go wrong when a connection is opened. */
export type OpenFailure = ConnectFailure | TunnelFailure

/** What the steps of one opening share. */
export interface Course {
  readonly way: Way
  readonly timeouts: Millis
  /** The program that the connection is opened for. */
  readonly caller: Caller
  /** The fields of the proxy's response to CONNECT. */
  proxyFields: HttpFields.HttpFields | undefined
  /** Milliseconds that the tunnel took. */
  proxyMillis: number | undefined
}

/** Called once, perhaps within the call that starts the step. */
export type StepDone = (result: Dialed<OpenFailure>) => void

/** Returns how to end the step early. It then reports `Aborted`, or what it was about to report. */
export type Step = (duplex: Duplex, done: StepDone) => Abort

/** The step that brings the first channel, and those that follow. */
export interface Steps {
  readonly dial: (done: StepDone) => Abort
  readonly rest: ReadonlyArray<Step>
}

/** What is dialled: the proxy, if there is one. */
export const endpointOf = ({ settings, tunnel }: Way): Endpoint => {
  const { localAddress, localPort, origin, proxy, tls } = settings
  const { host, port } = proxy ?? origin
  return {
    host,
    port,
    socketPath: origin.socketPath,
    localAddress,
    localPort,
    tls: tunnel === undefined ? tls : undefined
  }
}

/** Asks the proxy for a tunnel over HTTP. */
const connect = (course: Course, tunnel: Tunnel): Step => (duplex, done) => {
  const { caller, timeouts, way: { settings } } = course
  const began = settings.timers.now()
  const request = new TunnelRequest(settings, tunnel, timeouts.proxy, caller, {
    onTunnel: (error) => {
      course.proxyFields = request.head?.fields
      if (error !== undefined) return done({ _tag: "Failed", error })
      course.proxyMillis = settings.timers.now() - began
      done({ _tag: "Opened", duplex, release: undefined })
    },
    onDefect: (defect) => done({ _tag: "Died", defect })
  })
  request.start(duplex)
  return () => {
    request.abort()
    course.proxyFields = request.head?.fields
    done({ _tag: "Aborted" })
  }
}

/** Starts TLS with the origin at the far end of the tunnel. */
const secure = ({ caller, timeouts, way: { settings } }: Course, { origin }: Tunnel, tls: Tls.Options): Step => {
  const { dialer, host } = settings
  const name = serverNameOf(settings, origin)
  return (duplex, done) => dialer.secure(duplex, name, tls, timeouts.tls, host, caller, done)
}

/** Returns the steps of an opening. */
export const stepsOf = (course: Course): Steps => {
  const { caller, timeouts, way } = course
  const { settings: { dialer, host, tls }, tunnel } = way
  const addressing = addressingOf(way, caller)
  const endpoint = addressing === undefined ? endpointOf(way) : { ...endpointOf(way), addressing }
  return {
    dial: (done) => {
      const error = refusedAtOnce(way)
      if (error === undefined) return dialer.dial(endpoint, timeouts, host, caller, done)
      done({ _tag: "Failed", error })
      return () => {}
    },
    rest: tunnel === undefined
      ? []
      : tls === undefined
      ? [connect(course, tunnel)]
      : [connect(course, tunnel), secure(course, tunnel, tls)]
  }
}
