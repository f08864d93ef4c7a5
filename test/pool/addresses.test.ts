/** Which address of an origin a new connection is opened on, and which addresses rest. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { interleave, sameAddress } from "../../src/internal/model/families.ts"
import { OriginAddresses, PoolAddresses } from "../../src/internal/pool/addresses.ts"

const [a, b, c] = ["127.0.0.2", "127.0.0.3", "127.0.0.4"] as const
const [v6, w6] = ["::2", "::3"] as const

/** Without jitter each rest has its whole length, and the shortest possible is half of it. */
const made = (random = 0): OriginAddresses => new OriginAddresses(() => random)

describe("the order of the addresses of an origin", () => {
  it("is the resolver's while nothing is open, the families by turns", () => {
    assert.deepStrictEqual(made().order([a, b, v6, w6, a], 0), [a, v6, b, w6])
    assert.deepStrictEqual(made().order([v6, a, b], 0), [v6, a, b])
    assert.deepStrictEqual(made().order([a], 0), [a])
    assert.deepStrictEqual(made().order([], 0), [])
  })

  it("has the address with the fewest connections in front, open or being opened", () => {
    const addresses = made()
    for (const address of [a, b, a]) addresses.add(address)
    assert.deepStrictEqual(addresses.order([a, b, c], 0), [c, b, a])
    addresses.remove(a, 0)
    addresses.remove(a, 0)
    assert.deepStrictEqual(addresses.order([a, b, c], 0), [a, c, b])
  })

  it("takes no notice of connections to an address that the answer does not have", () => {
    const addresses = made()
    addresses.add(a)
    assert.deepStrictEqual(addresses.order([b, c], 0), [b, c])
    addresses.answer = [b, c]
    assert.isFalse(addresses.hasAddress(a))
    assert.isTrue(addresses.hasAddress(b))
  })

  it("has the resting addresses last, the one whose rest ends first in front, and never leaves one out", () => {
    const addresses = made()
    addresses.failed(a, 0)
    addresses.failed(b, 10)
    addresses.add(c)
    assert.deepStrictEqual(addresses.order([b, a, c], 20), [c, a, b])
    addresses.failed(c, 20)
    assert.deepStrictEqual(addresses.order([b, a, c], 20), [a, b, c])
  })
})

describe("the rest of an address", () => {
  it("is twice as long after each failure, a minute at most", () => {
    const addresses = made()
    let now = 0
    const rests = Array.from({ length: 9 }, () => {
      addresses.failed(a, now)
      const begun = now
      while (addresses.order([a, b], now)[0] !== a) now += 500
      return now - begun
    })
    assert.deepStrictEqual(rests, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000])
  })

  it("varies by half of itself", () => {
    const addresses = made(1)
    addresses.failed(a, 0)
    assert.deepStrictEqual(addresses.order([a, b], 499), [b, a])
    assert.deepStrictEqual(addresses.order([a, b], 500), [a, b])
  })

  it("does not grow by the failures of connections that were begun together", () => {
    const addresses = made()
    for (let i = 0; i < 10; i++) addresses.failed(a, 5)
    assert.deepStrictEqual(addresses.order([a, b], 1005), [a, b])
  })

  it("ends with a success, which does not make the next one shorter, because the address may fail again at once", () => {
    const addresses = made()
    addresses.failed(a, 0)
    addresses.succeeded(a, 500)
    assert.deepStrictEqual(addresses.order([a, b], 500), [a, b])
    addresses.failed(a, 600)
    assert.isTrue(addresses.isResting(a, 600 + 1999))
    assert.isFalse(addresses.isResting(a, 600 + 2000))
  })

  it("is as short as the first if the last failure is more than a minute ago", () => {
    const addresses = made()
    addresses.add(a)
    addresses.failed(a, 0)
    addresses.failed(a, 1000)
    addresses.failed(a, 3000 + 60_001)
    assert.isTrue(addresses.isResting(a, 3000 + 60_001 + 999))
    assert.isFalse(addresses.isResting(a, 3000 + 60_001 + 1000))
  })
})

describe("the addresses of a pool", () => {
  it("are forgotten with the last connection, unless one has failed within the last minute", () => {
    const pool = new PoolAddresses(() => 0)
    const addresses = pool.of("origin", 0)
    assert.strictEqual(pool.of("origin", 0), addresses)
    addresses.add(a)
    pool.forgetIfIdle("origin", 0)
    assert.strictEqual(pool.get("origin"), addresses)
    addresses.failed(b, 0)
    addresses.remove(a, 0)
    pool.forgetIfIdle("origin", 0)
    assert.strictEqual(pool.get("origin"), addresses)
    pool.forgetIfIdle("origin", 61_001)
    assert.strictEqual(pool.size, 0)
    pool.forgetIfIdle("origin", 61_001)
    assert.isUndefined(pool.get("origin"))
  })

  it("are bounded, however many origins fail", () => {
    const pool = new PoolAddresses(() => 0)
    for (let i = 0; i < 10_000; i++) {
      pool.of(`origin ${i}`, i * 1000).failed(a, i * 1000)
      pool.forgetIfIdle(`origin ${i}`, i * 1000)
    }
    assert.isAtMost(pool.size, 256)
  })

  it("of an origin do not grow with the answers of its resolver", () => {
    const addresses = made()
    for (let i = 0; i < 1000; i++) {
      const address = `10.0.${i >> 8}.${i & 255}`
      addresses.order([address], i * 1000)
      addresses.failed(address, i * 1000)
    }
    assert.isAtMost(addresses.counts.size, 64)
  })
})

it("spreads connections evenly, whatever opens and closes, and tries every address", () => {
  const all = [a, b, c, v6, w6]
  const step = fc.oneof(
    fc.record({ _tag: fc.constant("open" as const), size: fc.integer({ min: 1, max: 5 }), ok: fc.boolean() }),
    fc.record({ _tag: fc.constant("close" as const), pick: fc.nat(20) }),
    fc.record({ _tag: fc.constant("time" as const), millis: fc.nat(5000) })
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.boolean(), (steps, failing) => {
      const addresses = made()
      const open: Array<string> = []
      const restsUntil = new Map<string, number>()
      let now = 0
      const countOf = (address: string): number => open.filter((other) => other === address).length
      for (const action of steps) {
        if (action._tag === "time") now += action.millis
        if (action._tag === "close") {
          const [closed] = open.splice(action.pick % Math.max(1, open.length), 1)
          if (closed !== undefined) addresses.remove(closed, now)
        }
        if (action._tag !== "open") continue
        const answer = all.slice(0, action.size)
        const order = addresses.order(answer, now)
        assert.deepStrictEqual([...order].sort(), [...answer].sort())
        const awake = order.filter((address) => (restsUntil.get(address) ?? 0) <= now)
        assert.deepStrictEqual(order.slice(0, awake.length), awake)
        for (const [i, address] of awake.entries()) {
          const next = awake[i + 1]
          if (next !== undefined) assert.isAtMost(countOf(address), countOf(next))
        }
        const [first = a] = order
        if (failing && !action.ok) {
          const rested = (restsUntil.get(first) ?? 0) > now
          addresses.failed(first, now)
          if (!rested) {
            const end = [...Array(61).keys()].find((second) => !addresses.isResting(first, now + second * 1000)) ?? 0
            assert.isAbove(end, 0)
            restsUntil.set(first, now + end * 1000)
          }
        } else {
          addresses.succeeded(first, now)
          restsUntil.delete(first)
          addresses.add(first)
          open.push(first)
        }
        for (const address of all) assert.strictEqual(addresses.counts.get(address) ?? 0, countOf(address))
      }
    }),
    { numRuns: 200 }
  )
})

describe("the spelling of addresses", () => {
  it("does not matter for whether two are the same", () => {
    assert.isTrue(sameAddress("127.0.0.1", "127.0.0.1"))
    assert.isFalse(sameAddress("127.0.0.1", "127.0.0.2"))
    assert.isTrue(sameAddress("::1", "0:0:0:0:0:0:0:1"))
    assert.isTrue(sameAddress("FE80::1%eth0", "fe80::1"))
    assert.isTrue(sameAddress("::ffff:127.0.0.2", "::FFFF:7f00:2"))
    assert.isFalse(sameAddress("::1", "::2"))
  })

  it("leaves every address once, the families by turns", () => {
    assert.deepStrictEqual(interleave([v6, a, w6, a, b, c]), [v6, a, w6, b, c])
  })
})
