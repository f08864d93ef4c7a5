/** The first of many values, however they come and go. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { Heap } from "../../src/internal/pool/heap.ts"

interface Value {
  readonly order: number
}

const heapOf = (count: { looks: number }): Heap<Value> =>
  new Heap((a, b) => {
    count.looks++
    return a.order < b.order
  })

describe("Heap", () => {
  it("gives the least value, whatever is added and removed", () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(30))), (steps) => {
      const heap = heapOf({ looks: 0 })
      const all = Array.from({ length: 31 }, (_, order): Value => ({ order }))
      const model = new Set<Value>()
      for (const [adds, index] of steps) {
        const value = all[index]
        if (value === undefined) continue
        if (adds && !model.has(value)) heap.add(value)
        if (!adds) heap.remove(value)
        model[adds ? "add" : "delete"](value)
        assert.strictEqual(heap.size, model.size)
        assert.strictEqual(heap.first, all.find((one) => model.has(one)))
      }
    }))
  })

  it("looks at a few values for each", () => {
    const count = { looks: 0 }
    const heap = heapOf(count)
    const size = 10_000
    // An order in which neighbours come far from each other.
    const values = Array.from({ length: size }, (_, i): Value => ({ order: (i * 7919) % size }))
    for (const value of values) heap.add(value)
    for (const value of values) heap.remove(value)
    assert.strictEqual(heap.first, undefined)
    assert.isBelow(count.looks, 40 * size)
  })
})
