/**
 * The addresses that are not public, by rule.
 *
 * The ranges are those of the IANA special-purpose registries (RFC 6890, RFC 8190), whether or not
 * a registry calls a range reachable. IPv6 multicast and scoped addresses (RFC 4291) are included.
 * Of IPv6 only 2000::/3 is public, because IANA has allocated nothing else for global unicast.
 */
import type { Network } from "./address.ts"
import { contains, isIsatap, networks } from "./address.ts"

/**
 * The kind of range for which an address is refused. `Deny` is a range of `deny`, `Zone` an address
 * with a zone id, and `NotAnAddress` a text that is not an address.
 *
 * @since 0.2.0
 * @category models
 */
export type Rule =
  | "Benchmarking"
  | "Broadcast"
  | "Deny"
  | "DiscardOnly"
  | "Documentation"
  | "Ipv4Compatible"
  | "Ipv4Mapped"
  | "Ipv4Translated"
  | "Isatap"
  | "LinkLocal"
  | "Loopback"
  | "Metadata"
  | "Multicast"
  | "Nat64"
  | "NotAnAddress"
  | "Private"
  | "ProtocolAssignment"
  | "Reserved"
  | "Shared"
  | "SiteLocal"
  | "SixToFour"
  | "Teredo"
  | "ThisNetwork"
  | "UniqueLocal"
  | "Unspecified"
  | "Zone"

/**
 * The reason for a refusal.
 *
 * @since 0.2.0
 * @category models
 */
export interface Refusal {
  readonly rule: Rule
  /** The range in CIDR notation; `undefined` if the rule has no range. */
  readonly range: string | undefined
}

/**
 * The ranges of each rule. Errors name the first rule with a range that contains the address.
 */
const ruleRanges: ReadonlyArray<readonly [Rule, ReadonlyArray<string>]> = [
  [
    // The services from which a virtual machine or a container gets its credentials.
    "Metadata",
    [
      // AWS, Google, Azure, Oracle, DigitalOcean, OpenStack and others.
      "169.254.169.254",
      "fd00:ec2::254",
      "fd20:ce::254",
      "fd00:c1::a9fe:a9fe",
      // AWS: containers (ECS) and pods (EKS).
      "169.254.170.2",
      "169.254.170.23",
      "fd00:ec2::23",
      // Azure (WireServer), Alibaba, Oracle (classic), Tencent, Scaleway.
      "168.63.129.16",
      "100.100.100.200",
      "192.0.0.192",
      "169.254.0.23",
      "169.254.42.42",
      "fd00:42::42"
    ]
  ],
  ["Unspecified", ["0.0.0.0", "::"]],
  ["ThisNetwork", ["0.0.0.0/8"]],
  ["Private", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]],
  ["Loopback", ["127.0.0.0/8", "::1"]],
  ["LinkLocal", ["169.254.0.0/16", "fe80::/10"]],
  ["Shared", ["100.64.0.0/10"]],
  ["Documentation", ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"]],
  ["Benchmarking", ["198.18.0.0/15", "2001:2::/48"]],
  ["SixToFour", ["192.88.99.0/24", "2002::/16"]],
  ["Multicast", ["224.0.0.0/4", "ff00::/8"]],
  ["Broadcast", ["255.255.255.255"]],
  ["Ipv4Mapped", ["::ffff:0:0/96"]],
  ["Ipv4Translated", ["::ffff:0:0:0/96"]],
  ["Ipv4Compatible", ["::/96"]],
  ["Nat64", ["64:ff9b::/96", "64:ff9b:1::/48"]],
  ["DiscardOnly", ["100::/64"]],
  ["Teredo", ["2001::/32"]],
  ["ProtocolAssignment", ["192.0.0.0/24", "2001::/23"]],
  ["UniqueLocal", ["fc00::/7"]],
  ["SiteLocal", ["fec0::/10"]],
  // All of IPv6 except 2000::/3 (RFC 4291 section 2.4).
  ["Reserved", ["240.0.0.0/4", "::/3", "4000::/2", "8000::/1"]]
]

/** Parsed when a policy first needs them, because most programs have none. */
let parsedRanges: ReadonlyArray<readonly [Rule, Network]> | undefined

const ranges = (): ReadonlyArray<readonly [Rule, Network]> =>
  parsedRanges ??= ruleRanges.flatMap(([rule, texts]) => networks(texts).map((network) => [rule, network] as const))

/** Returns the built-in rule that refuses an address. The address must have no zone id. */
export const notPublic = (bytes: Uint8Array): Refusal | undefined => {
  const found = ranges().find(([, network]) => contains(network, bytes))
  if (found !== undefined) return { rule: found[0], range: found[1].text }
  return isIsatap(bytes) ? { rule: "Isatap", range: undefined } : undefined
}
