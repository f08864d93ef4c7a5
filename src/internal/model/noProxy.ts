/**
 * Matches hosts against a list such as `NO_PROXY`. The rules are curl's, with ports, `*` and `*.`
 * in addition.
 *
 * A name is compared with names and an address with addresses, as numbers. A zone id belongs to
 * neither, so `::1%.example.com` is not below `example.com` (CVE-2025-22870). Invalid entries match
 * nothing.
 */
import { InvalidUrl } from "../error/request.ts"
import { parseHost, parseHostPort, withoutZone } from "../syntax/host.ts"

/** The parts of an origin that are matched. */
export interface Target {
  readonly scheme: "http" | "https"
  readonly host: string
  readonly port: number
  readonly socketPath?: string | undefined
}

type Entry = (target: Target, address: Address | undefined) => boolean

/**
 * An address as a number of 32 or 128 bits. An IPv4-mapped IPv6 address becomes the IPv4 address.
 */
interface Address {
  readonly bits: bigint
  readonly width: 32 | 128
}

const mapped = 0xffffn

/** Parses a canonical IPv4 or IPv6 address; `undefined` for a name. */
const parseAddress = (host: string): Address | undefined => {
  if (!host.includes(":")) {
    return /^[0-9]+(?:\.[0-9]+){3}$/.test(host)
      ? { bits: host.split(".").reduce((bits, part) => bits << 8n | BigInt(part), 0n), width: 32 }
      : undefined
  }
  const [head = "", tail] = withoutZone(host).split("::")
  const groups = (text: string): Array<string> => text === "" ? [] : text.split(":")
  const before = groups(head)
  const after = tail === undefined ? [] : groups(tail)
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0")
  const bits = [...before, ...zeros, ...after].reduce((sum, group) => sum << 16n | BigInt(`0x${group}`), 0n)
  return bits >> 32n === mapped ? { bits: bits & 0xffffffffn, width: 32 } : { bits, width: 128 }
}

const zoneOf = (host: string): string => host.slice(withoutZone(host).length)

const withoutDot = (name: string): string => name.endsWith(".") ? name.slice(0, -1) : name

/** Parses an address with the length of its prefix. */
const network = (text: string, slash: number): Entry | undefined => {
  const host = parseHost(text.slice(0, slash))
  const length = text.slice(slash + 1)
  if (host instanceof InvalidUrl || !/^[0-9]{1,3}$/.test(length)) return undefined
  const base = parseAddress(host)
  if (base === undefined || zoneOf(host) !== "") return undefined
  // The prefix of a mapped address includes the 96 bits that all mapped addresses share.
  const written = host.includes(":") ? 128 : 32
  const dropped = written - Number(length)
  return dropped < 0 || dropped > base.width
    ? undefined
    : (_, address) => address?.width === base.width && (address.bits ^ base.bits) >> BigInt(dropped) === 0n
}

const parseEntry = (entry: string): Entry | undefined => {
  if (entry === "*") return () => true
  const slash = entry.indexOf("/")
  if (slash !== -1) return network(entry, slash)
  const subdomains = entry.startsWith("*.")
  const parsed = parseHostPort(subdomains ? entry.slice(2) : entry.startsWith(".") ? entry.slice(1) : entry, "option")
  if (parsed instanceof InvalidUrl) return undefined
  const { host, port } = parsed
  const wanted = parseAddress(host)
  if (wanted !== undefined) {
    const zone = zoneOf(host)
    return subdomains
      ? undefined
      : (target, address) =>
        address?.width === wanted.width && address.bits === wanted.bits && (zone === "" || zone === zoneOf(target.host))
        && (port === undefined || port === target.port)
  }
  const name = withoutDot(host)
  return (target, address) => {
    if (address !== undefined || (port !== undefined && port !== target.port)) return false
    const given = withoutDot(target.host)
    return given === name ? !subdomains : given.endsWith(`.${name}`)
  }
}

/** Creates a function that returns true if the list contains a target. */
export const matcher = (list: string): (target: Target) => boolean => {
  const entries: Array<Entry> = []
  for (const item of list.split(",")) {
    const words = item.split(/[ \t]+/).filter((word) => word !== "")
    const entry = words[0] === undefined ? undefined : parseEntry(words[0])
    if (entry !== undefined) entries.push(entry)
    // As in curl, a blank that no comma follows ends the list.
    if (words.length > 1) break
  }
  return (target) => {
    if (entries.length === 0) return false
    const address = parseAddress(target.host)
    return entries.some((entry) => entry(target, address))
  }
}
