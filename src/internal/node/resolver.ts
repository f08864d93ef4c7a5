/**
 * Turns a host name into the addresses to try, in the order in which to try them.
 *
 * Does not cache, because the system's resolver does. A lookup of the system occupies one of
 * libuv's threads and cannot be cancelled, so a late answer is ignored.
 */
import * as dns from "node:dns"
import * as net from "node:net"
import type { Addresses, Addressing } from "../../Transport.ts"
import { DnsError } from "../error/connect.ts"
import { systemError } from "../error/systemCodes.ts"
import { interleave } from "../model/families.ts"
import { dnsError } from "./errors.ts"

/** Looks up all addresses of a name. A parameter, so that tests need no resolver. */
export type Lookup = (
  host: string,
  callback: (error: Error | null, addresses: ReadonlyArray<{ readonly address: string }>) => void
) => void

/** True for an IPv4 or IPv6 address without brackets. */
export const isAddress = (value: unknown): value is string => typeof value === "string" && net.isIP(value) !== 0

/** Returns the name without the dot of the root, if it ends in one. */
export const withoutRoot = (name: string): string => name.endsWith(".") ? name.slice(0, -1) : name

// The flag that `net.connect` uses. It omits addresses of a family that no interface of this
// machine has. Windows lacks it.
const hints = process.platform === "win32" ? 0 : dns.ADDRCONFIG

/** Looks up a name by the resolver of the system, in its own order. */
export const systemLookup: Lookup = (host, callback) => dns.lookup(host, { all: true, verbatim: true, hints }, callback)

export const noAddress = (host: string): DnsError =>
  dnsError(host, systemError("ENODATA", "The resolver knows no address for the name"))

/**
 * Returns the addresses of an answer in the order in which to try them, at least one. If there are
 * none, returns why.
 */
export const ordered = (
  host: string,
  answer: Addresses | DnsError,
  order: Addressing["order"]
): ReadonlyArray<string> | DnsError => {
  if (answer instanceof DnsError) return answer
  const addresses = answer.addresses.filter(isAddress)
  if (addresses.length === 0) return noAddress(host)
  const result = order === undefined
    ? interleave(addresses)
    : order({ addresses, ttlMillis: answer.ttlMillis })
  return result.length === 0 ? noAddress(host) : result
}

/**
 * Makes `Addressing.resolve` from a lookup that cannot be cancelled. A lookup that throws has
 * failed.
 */
export const resolveBy = (lookup: Lookup): NonNullable<Addressing["resolve"]> => (host, done) => {
  let over = false
  const answer = (result: Addresses | DnsError): void => {
    if (over) return
    over = true
    done(result)
  }
  try {
    lookup(host, (error, found) =>
      answer(
        error === null
          ? { addresses: found.map(({ address }) => address), ttlMillis: undefined }
          : dnsError(host, error)
      ))
  } catch (error) {
    // If the callback throws, that is not a failure of the lookup.
    if (over) throw error
    answer(dnsError(host, error))
  }
  return () => {
    over = true
    return undefined
  }
}
