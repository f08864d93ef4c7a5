/**
 * Upgrades through a proxy that forwards requests. Upgrade is hop by hop, so it would end at the
 * proxy, and is sent through a tunnel instead.
 */
import * as Origin from "../../Origin.ts"
import { InvalidOption } from "../error/request.ts"
import { fieldsOf, tunnelOnly } from "../model/proxy.ts"
import { forwarded } from "./about.ts"
import type { ConnectionHandle } from "./handle.ts"

/** The same origin behind a tunnel of its proxy, if the proxy would forward the request. */
export const tunnelled = (origin: Origin.Origin, method: string): Origin.Origin => {
  // CONNECT is for the proxy itself.
  if (!forwarded(origin) || origin.proxy === undefined || method === "CONNECT") return origin
  const made = Origin.withOptions(origin, { proxy: tunnelOnly(origin.proxy) })
  // The options have been checked with the origin itself.
  return made._tag === "Left" ? origin : made.right
}

/**
 * Makes the connections of a handle go through a tunnel from now on, if its proxy would forward the
 * upgrade. It must be idle. A lease has its connection already.
 */
export const tunnelHandle = (handle: ConnectionHandle, method: string): InvalidOption | undefined => {
  const { origin, settings } = handle
  const there = tunnelled(origin, method)
  if (there === origin || there.proxy === undefined) return undefined
  if (handle.leased) {
    return new InvalidOption({
      option: "proxy",
      reason: "an upgrade ends at a proxy that forwards the requests of the lease; use `upgrade` of the pool"
    })
  }
  handle.disconnect("an upgrade needs a tunnel through the proxy")
  handle.settings = { ...settings, origin: there }
  handle.tunnel = { origin: there, fields: fieldsOf(there.proxy) }
  return undefined
}
