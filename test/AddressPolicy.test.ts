/**
 * What a policy decides for each address: the edges of every range, exceptions and their order,
 * addresses that contain addresses, and invalid ranges. Attempts to get around it through real
 * connections are in `test/node/addressPolicy.test.ts`.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as net from "node:net"
import * as AddressPolicy from "../src/AddressPolicy.ts"
import type { Network } from "../src/internal/model/address.ts"
import { contains, embedded, parseAddress, parseNetwork } from "../src/internal/model/address.ts"
import { isLoopbackName } from "../src/internal/model/addressPolicy.ts"

const { allowAll, publicOnly } = AddressPolicy

const make = (options: AddressPolicy.Options): AddressPolicy.Policy => Either.getOrThrow(AddressPolicy.make(options))

/** The rule that refuses an address. */
const ruleOf = (address: string, policy = publicOnly): AddressPolicy.Rule | undefined =>
  Option.getOrUndefined(AddressPolicy.check(policy, address))?.rule

type Expected = AddressPolicy.Rule | undefined

/** A range, the rule of its addresses, and the rules of the addresses just below and above it. */
type Edges = readonly [
  rule: AddressPolicy.Rule,
  first: string,
  last: string,
  below: readonly [string, Expected] | undefined,
  above: readonly [string, Expected] | undefined
]

const edges: ReadonlyArray<Edges> = [
  ["ThisNetwork", "0.0.0.1", "0.255.255.255", ["0.0.0.0", "Unspecified"], ["1.0.0.0", undefined]],
  ["Private", "10.0.0.0", "10.255.255.255", ["9.255.255.255", undefined], ["11.0.0.0", undefined]],
  ["Shared", "100.64.0.0", "100.127.255.255", ["100.63.255.255", undefined], ["100.128.0.0", undefined]],
  ["Loopback", "127.0.0.0", "127.255.255.255", ["126.255.255.255", undefined], ["128.0.0.0", undefined]],
  ["LinkLocal", "169.254.0.0", "169.254.255.255", ["169.253.255.255", undefined], ["169.255.0.0", undefined]],
  ["Private", "172.16.0.0", "172.31.255.255", ["172.15.255.255", undefined], ["172.32.0.0", undefined]],
  ["ProtocolAssignment", "192.0.0.0", "192.0.0.255", ["191.255.255.255", undefined], ["192.0.1.0", undefined]],
  ["Documentation", "192.0.2.0", "192.0.2.255", ["192.0.1.255", undefined], ["192.0.3.0", undefined]],
  ["SixToFour", "192.88.99.0", "192.88.99.255", ["192.88.98.255", undefined], ["192.88.100.0", undefined]],
  ["Private", "192.168.0.0", "192.168.255.255", ["192.167.255.255", undefined], ["192.169.0.0", undefined]],
  ["Benchmarking", "198.18.0.0", "198.19.255.255", ["198.17.255.255", undefined], ["198.20.0.0", undefined]],
  ["Documentation", "198.51.100.0", "198.51.100.255", ["198.51.99.255", undefined], ["198.51.101.0", undefined]],
  ["Documentation", "203.0.113.0", "203.0.113.255", ["203.0.112.255", undefined], ["203.0.114.0", undefined]],
  ["Multicast", "224.0.0.0", "239.255.255.255", ["223.255.255.255", undefined], ["240.0.0.0", "Reserved"]],
  ["Reserved", "240.0.0.0", "255.255.255.254", undefined, ["255.255.255.255", "Broadcast"]],
  ["Unspecified", "::", "::", undefined, ["::1", "Loopback"]],
  ["Loopback", "::1", "::1", undefined, ["::2", "Ipv4Compatible"]],
  ["Ipv4Compatible", "::2", "::ffff:ffff", undefined, ["::1:0:0", "Reserved"]],
  ["Ipv4Mapped", "::ffff:0:0", "::ffff:ffff:ffff", ["::fffe:ffff:ffff", "Reserved"], ["::1:0:0:0", "Reserved"]],
  ["Ipv4Translated", "::ffff:0:0:0", "::ffff:0:ffff:ffff", ["::fffe:ffff:ffff:ffff", "Reserved"], [
    "::ffff:1:0:0",
    "Reserved"
  ]],
  ["Nat64", "64:ff9b::", "64:ff9b::ffff:ffff", ["64:ff9a:ffff::", "Reserved"], ["64:ff9b::1:0:0", "Reserved"]],
  ["Nat64", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", ["64:ff9b:0:ffff::", "Reserved"], [
    "64:ff9b:2::",
    "Reserved"
  ]],
  ["DiscardOnly", "100::", "100::ffff:ffff:ffff:ffff", ["ff:ffff::", "Reserved"], ["100:0:0:1::", "Reserved"]],
  ["Reserved", "101::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", undefined, ["2000::", undefined]],
  ["Teredo", "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", ["2000:ffff::", undefined], [
    "2001:1::",
    "ProtocolAssignment"
  ]],
  ["Benchmarking", "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", ["2001:1:ffff::", "ProtocolAssignment"], [
    "2001:2:1::",
    "ProtocolAssignment"
  ]],
  ["ProtocolAssignment", "2001:10::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", undefined, ["2001:200::", undefined]],
  ["Documentation", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", ["2001:db7:ffff::", undefined], [
    "2001:db9::",
    undefined
  ]],
  ["SixToFour", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ["2001:ffff::", undefined], ["2003::", undefined]],
  ["Documentation", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", ["3ffe:ffff::", undefined], [
    "3fff:1000::",
    undefined
  ]],
  ["Reserved", "4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ["3fff:ffff::", undefined], [
    "fc00::",
    "UniqueLocal"
  ]],
  ["Reserved", "5f00::", "5f00:ffff::", undefined, undefined],
  ["UniqueLocal", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", undefined, ["fe00::", "Reserved"]],
  ["LinkLocal", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ["fe7f:ffff::", "Reserved"], [
    "fec0::",
    "SiteLocal"
  ]],
  ["SiteLocal", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", undefined, ["ff00::", "Multicast"]],
  ["Multicast", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", undefined, undefined]
]

const metadata = [
  "169.254.169.254",
  "169.254.170.2",
  "169.254.170.23",
  "169.254.0.23",
  "169.254.42.42",
  "168.63.129.16",
  "100.100.100.200",
  "192.0.0.192",
  "fd00:ec2::254",
  "fd00:ec2::23",
  "fd20:ce::254",
  "fd00:c1::a9fe:a9fe",
  "fd00:42::42"
]

describe("publicOnly", () => {
  it.each(edges)("refuses %s: %s to %s, and judges both neighbours", (rule, first, last, below, above) => {
    expect([ruleOf(first), ruleOf(last)]).toEqual([rule, rule])
    for (const neighbour of [below, above]) {
      if (neighbour !== undefined) expect(ruleOf(neighbour[0]), neighbour[0]).toBe(neighbour[1])
    }
  })

  it.each(metadata)("refuses the metadata service at %s as such", (address) => {
    expect(ruleOf(address)).toBe("Metadata")
  })

  it("refuses the broadcast address as such", () => {
    expect(ruleOf("255.255.255.255")).toBe("Broadcast")
  })

  it.each(["1.1.1.1", "8.8.8.8", "93.184.215.14", "168.63.129.15", "168.63.129.17", "2606:4700::1111", "2a00:1450::1"])(
    "allows %s",
    (address) => {
      expect(ruleOf(address)).toBeUndefined()
    }
  )

  it.each(["2606:4700::5efe:101:101", "2a00:1450:4001:81b:200:5efe:a00:1", "2606:4700::5efe:7f00:1"])(
    "refuses the ISATAP address %s, whatever network it claims",
    (address) => {
      expect(AddressPolicy.check(publicOnly, address)).toEqual(Option.some({ rule: "Isatap", range: undefined }))
    }
  )

  it.each(["2606:4700::1111%eth0", "2606:4700::1111%1", "2606:4700::1111%br_0~"])(
    "refuses %s: a public address has no zone",
    (address) => {
      expect(AddressPolicy.check(publicOnly, address)).toEqual(Option.some({ rule: "Zone", range: undefined }))
    }
  )

  it.each([
    ["fe80::1%lo", "LinkLocal"],
    ["::1%lo", "Loopback"],
    ["::ffff:127.0.0.1%1", "Ipv4Mapped"]
  ])("names the range of %s before its zone", (address, rule) => {
    expect(ruleOf(address)).toBe(rule)
  })

  it.each([
    "",
    "localhost",
    "example.com",
    "127.1",
    "127.0.1",
    "0x7f.0.0.1",
    "0x7f000001",
    "0177.0.0.1",
    "017700000001",
    "2130706433",
    "127.0.0.01",
    "127.0.0.1.",
    " 127.0.0.1",
    "127.0.0.1 ",
    "127.0.0.1:80",
    "127.0.0.256",
    "1.2.3.4.5",
    "1.2.3",
    "１２７.0.0.1",
    "8.8.8.8\n",
    "8.8.8.8/32",
    "[::1]",
    "::1%",
    "::1%25lo%",
    ":::1",
    "1::2::3",
    "::12345",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "::1:2:3:4:5:6:7:8",
    "::1.2.3",
    "::1.2.3.4:5",
    "1.2.3.4::",
    "::127.0.0.01",
    "::ffff:1.2.3.256",
    "g::",
    "2606:4700::1111%a/b",
    "2606:4700::1111\0"
  ])("refuses %j, which is no address", (text) => {
    expect(AddressPolicy.check(publicOnly, text)).toEqual(Option.some({ rule: "NotAnAddress", range: undefined }))
  })

  it("names the range", () => {
    expect(AddressPolicy.check(publicOnly, "127.0.0.1")).toEqual(
      Option.some({ rule: "Loopback", range: "127.0.0.0/8" })
    )
    expect(AddressPolicy.check("::1")(publicOnly)).toEqual(Option.some({ rule: "Loopback", range: "::1/128" }))
  })
})

describe("allowAll", () => {
  it.each(["127.0.0.1", "169.254.169.254", "::1", "no address"])("allows %s", (address) => {
    expect(ruleOf(address, allowAll)).toBeUndefined()
  })

  it("is the default, and what a layer sets instead is what an effect sees", () => {
    expect(Effect.runSync(AddressPolicy.AddressPolicy)).toBe(allowAll)
    const provided = AddressPolicy.AddressPolicy.pipe(Effect.provide(AddressPolicy.layer(publicOnly)))
    expect(Effect.runSync(provided)).toBe(publicOnly)
    const made = Layer.effectDiscard(
      Effect.map(AddressPolicy.AddressPolicy, (policy) => expect(policy).toBe(publicOnly))
    )
    Effect.runSync(Effect.void.pipe(Effect.provide(Layer.provide(made, AddressPolicy.layer(publicOnly)))))
  })
})

describe("allow", () => {
  it("makes exceptions from the built-in rules, and no others", () => {
    const policy = make({ allow: ["10.1.0.0/16", "127.0.0.1", "fd12::/16", "fe80::/10"] })
    for (const address of ["10.1.2.3", "127.0.0.1", "fd12::1", "fe80::1", "fe80::1%eth0", "8.8.8.8"]) {
      expect(ruleOf(address, policy), address).toBeUndefined()
    }
    expect(ruleOf("10.2.0.0", policy)).toBe("Private")
    expect(ruleOf("127.0.0.2", policy)).toBe("Loopback")
    expect(ruleOf("::1", policy)).toBe("Loopback")
    expect(ruleOf("fd13::1", policy)).toBe("UniqueLocal")
  })

  it.each(["::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "2002:a01:203::1", "::10.1.2.3"])(
    "of an IPv4 range does not open %s",
    (address) => {
      expect(ruleOf(address, make({ allow: ["10.0.0.0/8"] }))).toBeDefined()
    }
  )

  it("opens a metadata service only by its own address, not by a range around it", () => {
    const wide = make({ allow: ["0.0.0.0/0", "169.254.0.0/16", "169.254.169.254/31", "::/0", "fd00::/8"] })
    for (const address of metadata) expect(ruleOf(address, wide), address).toBe("Metadata")
    for (const address of ["169.254.169.253", "fd00:ec2::253", "127.0.0.1"]) {
      expect(ruleOf(address, wide), address).toBeUndefined()
    }
    for (const address of metadata) expect(ruleOf(address, make({ allow: [address] })), address).toBeUndefined()
  })

  it("of addresses that contain IPv4 addresses opens those whose IPv4 address is public or allowed too", () => {
    const nat64 = make({ allow: ["64:ff9b::/96", "10.0.0.0/8"] })
    expect(ruleOf("64:ff9b::8.8.8.8", nat64)).toBeUndefined()
    expect(ruleOf("64:ff9b::10.0.0.1", nat64)).toBeUndefined()
    expect(ruleOf("64:ff9b::127.0.0.1", nat64)).toBe("Loopback")
    expect(ruleOf("64:ff9b::a9fe:a9fe", nat64)).toBe("Metadata")
    const all = make({ allow: ["::/0"] })
    expect(ruleOf("::", all)).toBeUndefined()
    expect(ruleOf("::1", all)).toBeUndefined()
    expect(ruleOf("::ffff:8.8.8.8", all)).toBeUndefined()
    expect(ruleOf("2001:0:808:808::f7f7:f7f7", all)).toBeUndefined()
    for (
      const address of [
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "2002:7f00:1::",
        // Teredo: the server, and the client, whose bits are inverted.
        "2001:0:7f00:1::f7f7:f7f7",
        "2001:0:808:808::80ff:fffe",
        "2606:4700::5efe:7f00:1",
        "64:ff9b:1::127.0.0.1"
      ]
    ) {
      expect(ruleOf(address, all), address).toBe("Loopback")
    }
    // Local-use NAT64 with prefixes of 64, 56 and 48 bits, which the address does not show.
    for (const address of ["64:ff9b:1:0:7f:0:100:0", "64:ff9b:1:7f:0:1::", "64:ff9b:1:7f00:0:100::"]) {
      expect(ruleOf(address, all), address).toBeDefined()
    }
  })
})

describe("deny", () => {
  const policy = make({ base: allowAll, deny: ["10.0.0.0/8", "1.1.1.1", "2606:4700::/32"] })

  it.each([
    "10.0.0.0",
    "10.255.255.255",
    "1.1.1.1",
    "2606:4700::1",
    "2606:4700::1%eth0",
    "::ffff:10.0.0.1",
    "::ffff:a00:1",
    "::10.0.0.1",
    "::ffff:0:10.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::10.0.0.1",
    "64:ff9b:1:a00:0:100::",
    "2002:a00:1::1",
    "2001:0:a00:1::",
    "2001:0:808:808::f5ff:fffe",
    "fe80::5efe:10.0.0.1",
    "fe80::200:5efe:a00:1"
  ])("refuses %s, which it has or which contains an address that it has", (address) => {
    expect(ruleOf(address, policy)).toBe("Deny")
  })

  it.each(["9.255.255.255", "11.0.0.0", "127.0.0.1", "::1", "::", "1.1.1.2", "2606:4701::", "::ffff:11.0.0.1"])(
    "allows %s",
    (address) => {
      expect(ruleOf(address, policy)).toBeUndefined()
    }
  )

  it("refuses what is no address, because it cannot be compared", () => {
    expect(ruleOf("10.1", policy)).toBe("NotAnAddress")
  })

  it("wins over allow, and names its range", () => {
    const both = make({ allow: ["10.0.0.0/8"], deny: ["10.0.0.0/24"] })
    expect(AddressPolicy.check(both, "10.0.0.1")).toEqual(Option.some({ rule: "Deny", range: "10.0.0.0/24" }))
    expect(ruleOf("10.0.1.1", both)).toBeUndefined()
  })

  it("adds to that of the base", () => {
    const more = make({ base: make({ allow: ["10.0.0.0/8"], deny: ["10.1.0.0/16"] }), deny: ["10.2.0.0/16"] })
    expect([ruleOf("10.1.0.1", more), ruleOf("10.2.0.1", more), ruleOf("10.3.0.1", more)]).toEqual([
      "Deny",
      "Deny",
      undefined
    ])
    expect(more).toMatchObject({ publicOnly: true, allow: ["10.0.0.0/8"], deny: ["10.1.0.0/16", "10.2.0.0/16"] })
  })
})

describe("make", () => {
  const wrong = (options: unknown) =>
    Either.match(AddressPolicy.make(options as AddressPolicy.Options), {
      onLeft: ({ option, reason }) => [option, reason],
      onRight: (policy) => policy
    })

  it("makes publicOnly by default", () => {
    expect(make({})).toMatchObject({ publicOnly: true, allow: [], deny: [] })
    expect(AddressPolicy.isPolicy(make({}))).toBe(true)
    expect(AddressPolicy.isPolicy({ publicOnly: true, allow: [], deny: [] })).toBe(false)
  })

  it.each([
    ["10.1.2.3/8", "it has bits behind its prefix; write 10.0.0.0/8, or the address without a prefix"],
    ["2001:db8::1/32", "it has bits behind its prefix; write 2001:db8::/32, or the address without a prefix"],
    [
      "fd00:1:2:3:4:5:6:7/127",
      "it has bits behind its prefix; write fd00:1:2:3:4:5:6:6/127, or the address without a prefix"
    ],
    ["10.0.0.0/33", "it has a prefix length that is not a number from 0 to 32"],
    ["10.0.0.0/", "it has a prefix length that is not a number from 0 to 32"],
    ["10.0.0.0/08", "it has a prefix length that is not a number from 0 to 32"],
    ["10.0.0.0/+8", "it has a prefix length that is not a number from 0 to 32"],
    ["10.0.0.0/255.0.0.0", "it has a prefix length that is not a number from 0 to 32"],
    ["10.0.0.0/8/8", "it has a prefix length that is not a number from 0 to 32"],
    ["::/129", "it has a prefix length that is not a number from 0 to 128"],
    ["fe80::1%eth0", "it has a zone id; leave it out, ranges hold for all zones"],
    ["::ffff:10.0.0.0/104", "it is an IPv4 range in IPv6 notation; write 10.0.0.0/8"],
    ["::ffff:10.0.0.1", "it is an IPv4 range in IPv6 notation; write 10.0.0.1/32"],
    ["10.0.0/8", "it is not an IPv4 or IPv6 address, or a range of them such as 10.0.0.0/8"],
    ["example.com", "it is not an IPv4 or IPv6 address, or a range of them such as 10.0.0.0/8"],
    ["*", "it is not an IPv4 or IPv6 address, or a range of them such as 10.0.0.0/8"],
    ["", "it is not an IPv4 or IPv6 address, or a range of them such as 10.0.0.0/8"],
    [7, "it is not a string"],
    [null, "it is not a string"]
  ])("refuses the range %j", (range, reason) => {
    expect(wrong({ allow: ["10.0.0.0/8", range] })).toEqual(["allow[1]", reason])
    expect(wrong({ base: allowAll, deny: [range] })).toEqual(["deny[0]", reason])
  })

  it.each<readonly [unknown, string]>([
    [null, "options"],
    ["x", "options"],
    [[], "options"],
    [{ base: null }, "base"],
    [{ base: { publicOnly: true, allow: [], deny: [] } }, "base"],
    [{ base: "publicOnly" }, "base"],
    [{ allow: "10.0.0.0/8" }, "allow"],
    [{ deny: {} }, "deny"]
  ])("refuses %j", (options, option) => {
    expect(wrong(options)).toEqual([option, expect.any(String)])
  })

  it("refuses exceptions from a base without rules, because they would forbid nothing else", () => {
    expect(wrong({ base: allowAll, allow: ["10.0.0.0/8"] })).toEqual(["allow", expect.stringContaining("allows every")])
    expect(wrong({ base: allowAll, allow: [], deny: [] })).toMatchObject({ publicOnly: false })
  })
})

describe("a name that always is the loopback address", () => {
  it.each<readonly [string, boolean]>([
    ["localhost", true],
    ["localhost.", true],
    ["a.b.localhost", true],
    ["notlocalhost", false],
    ["localhost.example", false],
    ["127.0.0.1", false]
  ])("is %s: %s", (host, is) => {
    expect(isLoopbackName(host)).toBe(is)
  })
})

// --- against other implementations

const bytes4 = FastCheck.uint8Array({ minLength: 4, maxLength: 4 })
const bytes16 = FastCheck.uint8Array({ minLength: 16, maxLength: 16 })

const bits = (bytes: Uint8Array): bigint => bytes.reduce((sum, byte) => sum << 8n | BigInt(byte), 0n)

/** A spelling of an address: zeros cut or not, in either case, with a dotted end or not. */
const spellings = (bytes: Uint8Array): ReadonlyArray<string> => {
  if (bytes.length === 4) return [bytes.join(".")]
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8 | (bytes[2 * i + 1] ?? 0)).toString(16))
  const full = groups.map((group) => group.padStart(4, "0"))
  const zeros = groups.flatMap((group, index) =>
    group === "0" ? [`${groups.slice(0, index).join(":")}::${groups.slice(index + 1).join(":")}`] : []
  )
  return [
    groups.join(":"),
    full.join(":"),
    full.join(":").toUpperCase(),
    `${groups.slice(0, 6).join(":")}:${bytes.slice(12).join(".")}`,
    `${groups.join(":")}%eth0`,
    ...zeros
  ]
}

const network = (text: string): Network => {
  const parsed = parseNetwork(text)
  return typeof parsed === "string" ? expect.unreachable(parsed) : parsed
}

describe("addresses and ranges", () => {
  it("are read from every spelling", () => {
    FastCheck.assert(FastCheck.property(FastCheck.oneof(bytes4, bytes16), (bytes) => {
      for (const text of spellings(bytes)) expect(parseAddress(text)?.bytes, text).toEqual(bytes)
    }))
  })

  it("are accepted if and only if Node connects to them without a lookup", () => {
    const piece = FastCheck.constantFrom("0", "1", "00", "255", "256", ".", ":", "::", "f", "ffff", "10", "%", "x", "-")
    const text = FastCheck.oneof(
      { weight: 3, arbitrary: FastCheck.array(piece, { maxLength: 15 }).map((pieces) => pieces.join("")) },
      {
        weight: 1,
        arbitrary: FastCheck.array(FastCheck.constantFrom("0", "1", "f"), { minLength: 5, maxLength: 9 }).map((all) =>
          all.join(":")
        )
      },
      {
        weight: 1,
        arbitrary: FastCheck.array(FastCheck.nat(300), { minLength: 3, maxLength: 5 }).map((all) => all.join("."))
      },
      { weight: 1, arbitrary: FastCheck.ipV4Extended() },
      { weight: 1, arbitrary: FastCheck.ipV6() }
    )
    FastCheck.assert(
      FastCheck.property(text, (text) => {
        expect(parseAddress(text) !== undefined, text).toBe(net.isIP(text) !== 0)
      }),
      { numRuns: 2000 }
    )
  })

  it("agree with arithmetic and with net.BlockList on what is in a range", () => {
    const pair = FastCheck.oneof(FastCheck.tuple(bytes4, bytes4), FastCheck.tuple(bytes16, bytes16))
    FastCheck.assert(
      FastCheck.property(pair, FastCheck.nat(128), FastCheck.nat(128), ([base, other], length, shared) => {
        const width = base.length * 8
        const prefix = length % (width + 1)
        const drop = BigInt(width - prefix)
        const first = bits(base) >> drop << drop
        // Another address that shares some of its first bits, so that both outcomes are frequent.
        const kept = BigInt(width - shared % (width + 1))
        const address = bits(base) >> kept << kept | bits(other) & ((1n << kept) - 1n)
        const toBytes = (value: bigint) =>
          Uint8Array.from(base, (_, i) => Number(value >> BigInt(width - 8 - i * 8) & 255n))
        const text = `${spellings(toBytes(first))[0]}/${prefix}`
        // A range of mapped addresses is refused: it must be written as one of IPv4.
        if (prefix > 96 && first >> 32n === 0xffffn) return expect(parseNetwork(text)).toBeTypeOf("string")
        const inside = contains(network(text), toBytes(address))
        expect(inside).toBe(address >> drop === first >> drop)
        const list = new net.BlockList()
        const family = width === 32 ? "ipv4" : "ipv6"
        list.addSubnet(spellings(toBytes(first))[0] ?? "", prefix, family)
        expect(list.check(spellings(toBytes(address))[0] ?? "", family)).toBe(inside)
      }),
      { numRuns: 1000 }
    )
  })

  it("of two families have nothing in common", () => {
    FastCheck.assert(FastCheck.property(bytes4, bytes16, (four, sixteen) => {
      expect(contains(network("0.0.0.0/0"), sixteen)).toBe(false)
      expect(contains(network("::/0"), four)).toBe(false)
      expect(contains(network("::/0"), sixteen)).toBe(true)
    }))
  })

  it("are refused in each of the ways in which IPv6 contains IPv4, if the IPv4 address is denied", () => {
    const policy = (address: string) => make({ base: allowAll, deny: [address] })
    FastCheck.assert(FastCheck.property(bytes4, (bytes) => {
      const address = bytes.join(".")
      const [a, b] = [bytes.subarray(0, 2), bytes.subarray(2)].map((half) => Buffer.from(half).toString("hex"))
      const inverted = Buffer.from(bytes.map((byte) => 255 - byte)).toString("hex")
      const forms = [
        `::ffff:${address}`,
        `::ffff:0:${address}`,
        `64:ff9b::${address}`,
        `2002:${a}:${b}::1`,
        `2001:0:${a}:${b}::`,
        `2001::${inverted.slice(0, 4)}:${inverted.slice(4)}`,
        `2a00::5efe:${address}`,
        `fe80::200:5efe:${address}`
      ]
      for (const form of forms) expect(ruleOf(form, policy(address)), form).toBe("Deny")
    }))
  })

  it("of public IPv6 contain no IPv4 address", () => {
    FastCheck.assert(FastCheck.property(bytes16, (bytes) => {
      const text = spellings(bytes)[0] ?? ""
      if (ruleOf(text) === undefined) expect(embedded(bytes)).toEqual([])
    }))
  })
})
