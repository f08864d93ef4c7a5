/**
 * Turns a host name into the addresses to try, in the order in which to try them.
 *
 * Does not cache: the system's resolver does. A lookup occupies a thread of libuv's and cannot be
 * cancelled, so the caller must ignore an answer that comes too late.
 */
import * as dns from "node:dns"
import * as net from "node:net"
import type { DnsError } from "../error/connect.ts"
import { systemError } from "../error/systemCodes.ts"
import { dnsError } from "./errors.ts"

/** Looks up all addresses of a name. A parameter, so that tests need no resolver. */
export type Lookup = (
  host: string,
  callback: (error: Error | null, addresses: ReadonlyArray<{ readonly address: string }>) => void
) => void

// The flag that `net.connect` uses: it leaves out addresses of a family that no interface of this
// machine has. Windows lacks it.
const hints = process.platform === "win32" ? 0 : dns.ADDRCONFIG

/** The resolver of the system, in its own order. */
export const systemLookup: Lookup = (host, callback) => dns.lookup(host, { all: true, verbatim: true, hints }, callback)

/**
 * Returns the addresses without repetition, the families by turns, beginning with the resolver's
 * first (RFC 8305 section 4). If one family has no route, every second attempt still gets through.
 */
export const interleave = (addresses: ReadonlyArray<string>): ReadonlyArray<string> => {
  const unique = [...new Set(addresses)]
  const family = net.isIP(unique[0] ?? "")
  const first = unique.filter((address) => net.isIP(address) === family)
  const second = unique.filter((address) => net.isIP(address) !== family)
  const longest = Math.max(first.length, second.length)
  return Array.from(
    { length: longest },
    (_, index) => [...first.slice(index, index + 1), ...second.slice(index, index + 1)]
  )
    .flat()
}

/** The addresses of an answer, at least one, or why there are none. */
const read = (
  host: string,
  error: Error | null,
  found: ReadonlyArray<{ readonly address: string }>
): ReadonlyArray<string> | DnsError => {
  if (error !== null) return dnsError(host, error)
  const addresses = found.map(({ address }) => address).filter((address) => net.isIP(address) !== 0)
  return addresses.length === 0
    ? dnsError(host, systemError("ENODATA", "The resolver knows no address for the name"))
    : interleave(addresses)
}

/**
 * Resolves a name and calls back once, perhaps within this call. A lookup that throws has failed.
 */
export const resolve = (
  lookup: Lookup,
  host: string,
  callback: (answer: ReadonlyArray<string> | DnsError) => void
): void => {
  let answered = false
  const answer = (result: ReadonlyArray<string> | DnsError): void => {
    if (answered) return
    answered = true
    callback(result)
  }
  try {
    lookup(host, (error, found) => answer(read(host, error, found)))
  } catch (error) {
    // What the callback throws is not a failure of the lookup.
    if (answered) throw error
    answer(dnsError(host, error))
  }
}
