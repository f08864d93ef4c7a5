/** IP addresses as text: their families, and whether two spellings mean one address. */
import { parseAddress } from "./address.ts"

const isIpv6 = (address: string): boolean => address.includes(":")

/**
 * Returns addresses without repetition. The families alternate, beginning with that of the first
 * address (RFC 8305 section 4). If one family has no route, every second attempt still gets
 * through.
 */
export const interleave = (addresses: ReadonlyArray<string>): ReadonlyArray<string> => {
  const unique = [...new Set(addresses)]
  const startsWithIpv6 = isIpv6(unique[0] ?? "")
  const first = unique.filter((address) => isIpv6(address) === startsWithIpv6)
  const second = unique.filter((address) => isIpv6(address) !== startsWithIpv6)
  const longest = Math.max(first.length, second.length)
  return Array.from(
    { length: longest },
    (_, index) => [...first.slice(index, index + 1), ...second.slice(index, index + 1)]
  ).flat()
}

/** True if both are the same address, in whatever spelling. */
export const sameAddress = (a: string, b: string): boolean =>
  a === b || (isIpv6(a) && isIpv6(b) && parseAddress(a)?.bytes.join() === parseAddress(b)?.bytes.join())
