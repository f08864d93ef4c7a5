/**
 * IP addresses and ranges of them as bytes: parsing, CIDR, and the IPv4 addresses that an IPv6
 * address contains.
 *
 * Parses only the strict spellings, which `inet_pton` accepts and `net.connect` takes without a
 * lookup. Any other text (`127.1`, `0x7f000001`, `::1.2`) is not an address here, so that no other
 * parser can read it differently.
 */

/** 4 bytes of IPv4 or 16 of IPv6, and the zone id, which is not part of the number. */
export interface Address {
  readonly bytes: Uint8Array
  readonly zone: string | undefined
}

/** A range of addresses. */
export interface Network {
  readonly bytes: Uint8Array
  /** The number of leading bits that all addresses of the range share. */
  readonly prefix: number
  /** The range in CIDR notation. */
  readonly text: string
}

/** Numbers without leading zeros, because some parsers read those as octal. */
const decimal = /^(?:0|[1-9][0-9]{0,2})$/
const hexadecimal = /^[0-9A-Fa-f]{1,4}$/

/**
 * The characters of a zone id: those that `net.isIP` of Node accepts and that a URL's host may have
 * there (`syntax/host.ts`). Otherwise a text could be a name here and an address for a proxy, which
 * gets it without its zone id.
 */
const zoneId = /^[0-9A-Za-z\-._~:]+$/

const parseIpv4 = (text: string): ReadonlyArray<number> | undefined => {
  const parts = text.split(".")
  if (parts.length !== 4 || !parts.every((part) => decimal.test(part) && Number(part) < 256)) return undefined
  return parts.map(Number)
}

/** Returns the bytes of groups between colons; a dotted IPv4 address may be the last group. */
const parseGroups = (text: string, mayBeDotted: boolean): ReadonlyArray<number> | undefined => {
  if (text === "") return []
  const bytes: Array<number> = []
  const groups = text.split(":")
  for (const [index, group] of groups.entries()) {
    if (hexadecimal.test(group)) {
      const value = Number.parseInt(group, 16)
      bytes.push(value >> 8, value & 0xff)
      continue
    }
    const dotted = mayBeDotted && index === groups.length - 1 ? parseIpv4(group) : undefined
    if (dotted === undefined) return undefined
    bytes.push(...dotted)
  }
  return bytes
}

/** Parses an IPv6 address (RFC 4291 section 2.2). */
const parseIpv6 = (text: string): ReadonlyArray<number> | undefined => {
  const gap = text.indexOf("::")
  if (gap === -1) {
    const bytes = parseGroups(text, true)
    return bytes?.length === 16 ? bytes : undefined
  }
  const head = parseGroups(text.slice(0, gap), false)
  const tail = parseGroups(text.slice(gap + 2), true)
  // The gap stands for at least one group.
  if (head === undefined || tail === undefined || head.length + tail.length > 14) return undefined
  return [...head, ...Array.from({ length: 16 - head.length - tail.length }, () => 0), ...tail]
}

/** Parses an IPv4 address, or an IPv6 address without brackets; `undefined` for anything else. */
export const parseAddress = (text: string): Address | undefined => {
  if (!text.includes(":")) {
    const bytes = parseIpv4(text)
    return bytes && { bytes: Uint8Array.from(bytes), zone: undefined }
  }
  const percent = text.indexOf("%")
  const zone = percent === -1 ? undefined : text.slice(percent + 1)
  if (zone !== undefined && !zoneId.test(zone)) return undefined
  const bytes = parseIpv6(percent === -1 ? text : text.slice(0, percent))
  return bytes && { bytes: Uint8Array.from(bytes), zone }
}

/** True if the first `prefix` bits of both are equal; of two families, none are. */
const sharesPrefix = (one: Uint8Array, other: Uint8Array, prefix: number): boolean => {
  if (one.length !== other.length) return false
  const whole = prefix >> 3
  for (let i = 0; i < whole; i++) if (one[i] !== other[i]) return false
  const rest = prefix & 7
  return rest === 0 || ((one[whole] ?? 0) ^ (other[whole] ?? 0)) >> (8 - rest) === 0
}

/** True if the range has the address, whose zone id is ignored. */
export const contains = (network: Network, bytes: Uint8Array): boolean =>
  sharesPrefix(network.bytes, bytes, network.prefix)

/** True if the bits after the prefix are 0, so that the range is written by its first address. */
const isFirst = (bytes: Uint8Array, prefix: number): boolean =>
  bytes.every((byte, index) => (byte & (0xff >> Math.min(8, Math.max(0, prefix - index * 8)))) === 0)

/** Formats the first address of a range, for advice. */
const formatFirst = (bytes: Uint8Array, prefix: number): string => {
  const first = bytes.map((byte, index) => byte & ~(0xff >> Math.min(8, Math.max(0, prefix - index * 8))))
  if (first.length === 4) return first.join(".")
  const groups = Array.from(
    { length: 8 },
    (_, i) => (((first[2 * i] ?? 0) << 8) | (first[2 * i + 1] ?? 0)).toString(16)
  )
  const last = groups.findLastIndex((group) => group !== "0")
  return last >= 6 ? groups.join(":") : `${groups.slice(0, last + 1).join(":")}::`
}

/** `::ffff:0:0/96` (RFC 4291 section 2.5.5.2). */
const mappedPrefix = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0)

/**
 * Parses a range in CIDR notation (RFC 4632 section 3.1, RFC 4291 section 2.3), or a single
 * address. Returns the fault as a clause that follows "it".
 */
export const parseNetwork = (text: string): Network | string => {
  const slash = text.indexOf("/")
  const address = parseAddress(slash === -1 ? text : text.slice(0, slash))
  if (address === undefined) return "is not an IPv4 or IPv6 address, or a range of them such as 10.0.0.0/8"
  const { bytes, zone } = address
  if (zone !== undefined) return "has a zone id; leave it out, ranges hold for all zones"
  const width = bytes.length * 8
  const length = slash === -1 ? String(width) : text.slice(slash + 1)
  const prefix = Number(length)
  if (!decimal.test(length) || prefix > width) return `has a prefix length that is not a number from 0 to ${width}`
  if (!isFirst(bytes, prefix)) {
    return `has bits behind its prefix; write ${formatFirst(bytes, prefix)}/${prefix}, or the address without a prefix`
  }
  if (prefix > 96 && sharesPrefix(bytes, mappedPrefix, 96)) {
    return `is an IPv4 range in IPv6 notation; write ${bytes.slice(12).join(".")}/${prefix - 96}`
  }
  return { bytes, prefix, text: slash === -1 ? `${text}/${width}` : text }
}

const network = (text: string): Network => {
  const parsed = parseNetwork(text)
  // A typing error in one of the constants of this directory.
  if (typeof parsed === "string") throw new TypeError(`${text} ${parsed}`)
  return parsed
}

/** Ranges that are constants of this library. */
export const networks = (texts: ReadonlyArray<string>): ReadonlyArray<Network> => texts.map(network)

/** True if the interface identifier is one of ISATAP (RFC 5214 section 6.1), in any network. */
export const isIsatap = (bytes: Uint8Array): boolean =>
  bytes.length === 16 && ((bytes[8] ?? 0) & 0xfd) === 0 && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe

/** Reads the IPv4 addresses inside of an IPv6 address of a certain range. */
type Read = (bytes: Uint8Array) => ReadonlyArray<Uint8Array>

const at = (bytes: Uint8Array, ...places: ReadonlyArray<number>): Uint8Array =>
  Uint8Array.from(places, (place) => bytes[place] ?? 0)

const last = (bytes: Uint8Array): Uint8Array => bytes.subarray(12)

const isZero = (bytes: Uint8Array, from: number): boolean => bytes.subarray(from).every((byte) => byte === 0)

/**
 * Returns the IPv4 addresses at all places that fit the zeros of a local-use NAT64 address. It has
 * its IPv4 address at a place that only the network knows (RFC 6052 section 2.2).
 */
const translated: Read = (bytes) => {
  if (bytes[8] !== 0 || !isZero(bytes, 13)) return [last(bytes)]
  const early = at(bytes, 9, 10, 11, 12)
  if (!isZero(bytes, 12)) return [last(bytes), early]
  return [early, at(bytes, 7, 9, 10, 11), ...(isZero(bytes, 11) ? [at(bytes, 6, 7, 9, 10)] : [])]
}

/** `::` and `::1` are not IPv4-compatible addresses (RFC 4291 section 2.5.5.1). */
const compatible: Read = (bytes) => isZero(bytes.subarray(0, 15), 12) && (bytes[15] ?? 0) < 2 ? [] : [last(bytes)]

/** The ranges whose addresses contain IPv4 addresses. Parsed when they are first needed. */
let embedding: ReadonlyArray<readonly [Network, Read]> | undefined

const embeddings = (): ReadonlyArray<readonly [Network, Read]> =>
  embedding ??= [
    // IPv4-mapped and IPv4-compatible (RFC 4291 section 2.5.5), IPv4-translated (RFC 2765).
    [network("::ffff:0:0/96"), (bytes) => [last(bytes)]],
    [network("::/96"), compatible],
    [network("::ffff:0:0:0/96"), (bytes) => [last(bytes)]],
    // NAT64 (RFC 6052, RFC 8215).
    [network("64:ff9b::/96"), (bytes) => [last(bytes)]],
    [network("64:ff9b:1::/48"), translated],
    // 6to4 (RFC 3056).
    [network("2002::/16"), (bytes) => [at(bytes, 2, 3, 4, 5)]],
    // Teredo: the server, and the inverted client (RFC 4380 section 4).
    [network("2001::/32"), (bytes) => [at(bytes, 4, 5, 6, 7), last(bytes).map((byte) => byte ^ 0xff)]]
  ]

/** Returns the IPv4 addresses that an IPv6 address contains, and to which it may lead. */
export const embedded = (bytes: Uint8Array): ReadonlyArray<Uint8Array> => {
  if (bytes.length !== 16) return []
  const found = embeddings().flatMap(([range, read]) => contains(range, bytes) ? read(bytes) : [])
  return isIsatap(bytes) ? [...found, last(bytes)] : found
}
