/** The token bucket of the retries: its bound holds for every order of requests, retries and time. */
import * as FastCheck from "effect/FastCheck"
import { describe, expect, it } from "vitest"
import { Bucket, Budgets } from "../../src/internal/retry/budget.ts"
import { budgetKey } from "../../src/internal/retry/retrying.ts"

/** How many retries the bucket allows now. */
const left = (bucket: Bucket, now = 0): number => {
  let count = 0
  while (bucket.withdraw(now)) count++
  return count
}

describe("a budget", () => {
  it("begins with the burst", () => {
    expect(left(new Bucket({ share: 0, perSecond: 0, burst: 3 }, 0))).toBe(3)
  })

  it("gains a retry by ten requests where the share is a tenth", () => {
    const bucket = new Bucket({ share: 0.1, perSecond: 0, burst: 3 }, 0)
    left(bucket)
    for (let i = 0; i < 9; i++) bucket.deposit(0)
    expect(bucket.withdraw(0)).toBe(false)
    bucket.deposit(0)
    expect(left(bucket)).toBe(1)
  })

  it("gains retries by time, and never more than the burst", () => {
    const bucket = new Bucket({ share: 0, perSecond: 2, burst: 3 }, 0)
    left(bucket)
    expect(left(bucket, 499)).toBe(0)
    expect(left(bucket, 500)).toBe(1)
    expect(left(bucket, 100_000)).toBe(3)
  })

  it("gains nothing by no time, whatever the rate", () => {
    expect(new Bucket({ share: 0, perSecond: Infinity, burst: 0 }, 0).withdraw(0)).toBe(false)
  })

  it("loses nothing by a clock that goes back", () => {
    const bucket = new Bucket({ share: 0, perSecond: 1, burst: 2 }, 10_000)
    expect(left(bucket, 0)).toBe(2)
    expect(left(bucket, 1000)).toBe(1)
  })

  it("is charged for a resend of the pool, down to nothing", () => {
    const bucket = new Bucket({ share: 0, perSecond: 0, burst: 2 }, 0)
    bucket.charge(0)
    expect(left(bucket)).toBe(1)
    bucket.charge(0)
    bucket.deposit(0)
    expect(left(bucket)).toBe(0)
  })

  it("is one for each origin, of which the least recently used are dropped", () => {
    const budgets = new Budgets({ share: 0, perSecond: 0, burst: 1 })
    expect(budgets.of("http://a", 0).withdraw(0)).toBe(true)
    expect(budgets.of("http://b", 0).withdraw(0)).toBe(true)
    expect(budgets.of("http://a", 0).withdraw(0)).toBe(false)
    for (let i = 0; i < 1023; i++) budgets.of(`http://${i}`, 0)
    expect(budgets.of("http://a", 0).withdraw(0)).toBe(false)
    expect(budgets.of("http://b", 0).withdraw(0)).toBe(true)
  })

  it("allows at most burst + share * requests + perSecond * seconds, whatever happens", () => {
    const rates = FastCheck.record({
      share: FastCheck.double({ min: 0, max: 2, noNaN: true }),
      perSecond: FastCheck.double({ min: 0, max: 5, noNaN: true }),
      burst: FastCheck.integer({ min: 0, max: 20 })
    })
    const step = FastCheck.oneof(
      FastCheck.constant("request" as const),
      FastCheck.constant("retry" as const),
      FastCheck.nat(2000)
    )
    FastCheck.assert(FastCheck.property(rates, FastCheck.array(step, { maxLength: 200 }), (rates, steps) => {
      const bucket = new Bucket(rates, 0)
      let [now, requests, retries] = [0, 0, 0]
      for (const step of steps) {
        if (step === "request") {
          requests++
          bucket.deposit(now)
        } else if (step === "retry") {
          if (bucket.withdraw(now)) retries++
        } else now += step
      }
      expect(retries).toBeLessThanOrEqual(rates.burst + rates.share * requests + rates.perSecond * now / 1000 + 1e-6)
    }))
  })
})

it.each([
  ["http://a.test/x?y#z", "http://a.test:80"],
  ["http://a.test:80/", "http://a.test:80"],
  ["http://a.test:/", "http://a.test:80"],
  ["HTTPS://A.test", "https://a.test:443"],
  ["https://a.test:8443", "https://a.test:8443"],
  ["http://user:p@ss@a.test:1/@", "http://a.test:1"],
  ["http://[::1]?q", "http://[::1]:80"],
  ["/path", "://:80"],
  ["", "://:80"]
])("the budget of %s is that of %j", (url, key) => {
  expect(budgetKey(url)).toBe(key)
})
