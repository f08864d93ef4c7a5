/**
 * From a host name to the addresses to try, in the order to try them.
 *
 * Does not cache: the system's resolver does. Rule: a lookup cannot be cancelled (it sits in a
 * thread of libuv's), so its answer is ignored when nobody waits for it any more.
 */
import * as Effect from "effect/Effect"
import * as dns from "node:dns"
import * as net from "node:net"
import type { DnsError } from "../error/connect.ts"
import { dnsError, systemError } from "./errors.ts"

/** Asks for all addresses of a name. A parameter so that tests can do without a resolver. */
export type Lookup = (
  host: string,
  callback: (error: Error | null, addresses: ReadonlyArray<{ readonly address: string }>) => void
) => void

// As `net.connect` asks: addresses of a family that no interface of this machine has are left out.
// Windows lacks the flag.
const hints = process.platform === "win32" ? 0 : dns.ADDRCONFIG

/** The resolver of the system, in its own order. */
export const systemLookup: Lookup = (host, callback) => dns.lookup(host, { all: true, verbatim: true, hints }, callback)

/**
 * The addresses without repetition, the families by turns, the resolver's first one first (RFC 8305
 * section 4): where one family has no route, every second attempt still gets through.
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

/** The addresses of a host, at least one; an address stands for itself. */
export const resolve = (lookup: Lookup, host: string): Effect.Effect<ReadonlyArray<string>, DnsError> =>
  net.isIP(host) !== 0 ? Effect.succeed([host]) : Effect.async<ReadonlyArray<string>, DnsError>((resume) => {
    const fail = (cause: unknown) => resume(Effect.fail(dnsError(host, cause)))
    try {
      lookup(host, (error, found) => {
        if (error !== null) return fail(error)
        const addresses = found.map(({ address }) => address).filter((address) => net.isIP(address) !== 0)
        if (addresses.length === 0) return fail(systemError("ENODATA", "The resolver knows no address for the name"))
        resume(Effect.succeed(interleave(addresses)))
      })
    } catch (error) {
      fail(error)
    }
  })
