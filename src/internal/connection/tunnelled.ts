/**
 * Upgrades through a proxy that forwards requests. Upgrade is hop by hop, so it would end at the
 * proxy, and is sent through a tunnel instead.
 */
import * as Origin from "../../Origin.ts"
import { InvalidOption } from "../error/request.ts"
import { fieldsOf, tunnelOnly } from "../model/proxy.ts"
import { forwarded } from "./about.ts"
import type { ConnectionHandle } from "./handle.ts"

/**
 * Returns the same origin with a tunnel through its proxy, if the proxy would forward the request.
 */
export const tunnelled = (origin: Origin.Origin, method: string): Origin.Origin => {
  // CONNECT is for the proxy itself.
  if (!forwarded(origin) || origin.proxy === undefined || method === "CONNECT") return origin
  const made = Origin.withOptions(origin, { proxy: tunnelOnly(origin.proxy) })
  // The options have been checked with the origin itself.
  return made._tag === "Left" ? origin : made.right
}

/** Returns the origin that an upgrade of a handle is for. A lease has its connection already. */
export const upgradeOrigin = (
  { leased, origin }: ConnectionHandle,
  method: string
): Origin.Origin | InvalidOption => {
  const there = tunnelled(origin, method)
  return there !== origin && leased
    ? new InvalidOption({
      option: "proxy",
      reason: "an upgrade ends at a proxy that forwards the requests of the lease; use `upgrade` of the pool"
    })
    : there
}

/**
 * Makes the connections of a handle go to this origin from now on, through its tunnel. The handle
 * must be idle.
 */
export const tunnelHandle = (handle: ConnectionHandle, origin: Origin.Origin): void => {
  const { proxy } = origin
  if (origin === handle.origin || proxy === undefined) return
  handle.disconnect("an upgrade needs a tunnel through the proxy")
  handle.settings = { ...handle.settings, origin }
  handle.tunnel = { origin, fields: fieldsOf(proxy) }
}
