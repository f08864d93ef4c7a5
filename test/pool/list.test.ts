/** The list of the pool: compared with a plain array, and with nodes that are in no list, or in another one. */
import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { Entry, List } from "../../src/internal/pool/list.ts"

/** The values of a list in their order. Checks that the reverse order, the size and the ends agree. */
const values = (list: List<Entry<number>>): ReadonlyArray<number> => {
  const forwards = [...list]
  const backwards: Array<Entry<number>> = []
  for (let node = list.last; node !== undefined; node = node.previous) backwards.push(node)
  backwards.reverse()
  assert.strictEqual(list.size, forwards.length)
  assert.strictEqual(list.first, forwards[0])
  assert.strictEqual(backwards.length, forwards.length)
  for (const [i, node] of forwards.entries()) {
    assert.strictEqual(backwards[i], node)
    assert.strictEqual(node.list, list)
  }
  return forwards.map(({ value }) => value)
}

const filled = (...numbers: ReadonlyArray<number>) => {
  const list = new List<Entry<number>>()
  const entries = numbers.map((number) => new Entry(number))
  for (const entry of entries) list.push(entry)
  return { list, entries }
}

describe("a list", () => {
  it("is empty at first", () => {
    assert.deepStrictEqual(values(new List<Entry<number>>()), [])
  })

  it("has its values in the order in which they were put behind each other", () => {
    assert.deepStrictEqual(values(filled(3, 1, 2).list), [3, 1, 2])
  })

  it("takes an entry in before the first value that is later, wherever that is", () => {
    const { list } = filled(10, 20, 20, 30)
    for (const number of [5, 20, 15, 40]) list.insertBefore(new Entry(number), ({ value }) => value > number)
    assert.deepStrictEqual(values(list), [5, 10, 15, 20, 20, 20, 30, 40])
  })

  it("takes the first one in before a later value if there is none", () => {
    const list = new List<Entry<number>>()
    list.insertBefore(new Entry(1), () => true)
    assert.deepStrictEqual(values(list), [1])
  })

  it("finds the first node that matches from a node on", () => {
    const { entries, list } = filled(1, 2, 3, 4)
    const even = ({ value }: Entry<number>): boolean => value % 2 === 0
    assert.deepStrictEqual(
      [entries[0], entries[1], entries[2], undefined].map((from) => list.find(from, even)?.value),
      [2, 2, 4, undefined]
    )
    assert.strictEqual(list.find(list.first, ({ value }) => value > 4), undefined)
  })

  it("lets an entry go wherever it stands, and only once", () => {
    const { entries, list } = filled(0, 1, 2, 3)
    for (const [i, left] of [[1, [0, 2, 3]], [1, [0, 2, 3]], [3, [0, 2]], [0, [2]], [2, []]] as const) {
      const entry = entries[i]
      if (entry) list.remove(entry)
      assert.deepStrictEqual(values(list), left)
    }
  })

  it("keeps its entries when it is asked to let go of one that is in another list", () => {
    const one = filled(1, 2)
    const other = filled(3, 4)
    for (const entry of other.entries) one.list.remove(entry)
    assert.deepStrictEqual(values(one.list), [1, 2])
    assert.deepStrictEqual(values(other.list), [3, 4])
  })

  it("tells by an entry whether it is in a list, and takes it in again", () => {
    const { entries: [, entry], list } = filled(1, 2, 3)
    const other = new List<Entry<number>>()
    if (entry === undefined) throw new Error("no entry")
    assert.strictEqual(entry.list, list)
    list.remove(entry)
    // Nothing of the list hangs on an entry that is kept.
    assert.deepStrictEqual([entry.list, entry.previous, entry.next], [undefined, undefined, undefined])
    other.push(entry)
    assert.deepStrictEqual([values(list), values(other)], [[1, 3], [2]])
  })

  const actions = FastCheck.array(FastCheck.tuple(FastCheck.constantFrom("put", "put", "remove"), FastCheck.nat(9)), {
    maxLength: 40,
    size: "max"
  })

  it.each([["pushes", false], ["insertions", true]])(
    "is what a plain array is after any %s and removals",
    (_, sorted) => {
      FastCheck.assert(
        FastCheck.property(actions, (actions) => {
          const list = new List<Entry<number>>()
          const model: Array<Entry<number>> = []
          for (const [kind, number] of actions) {
            if (kind === "remove") {
              const [entry] = model.splice(number % Math.max(1, model.length), 1)
              if (entry !== undefined) list.remove(entry)
            } else {
              const entry = new Entry(number)
              const later = sorted ? model.findIndex(({ value }) => value > number) : -1
              model.splice(later === -1 ? model.length : later, 0, entry)
              if (sorted) list.insertBefore(entry, ({ value }) => value > number)
              else list.push(entry)
            }
            assert.deepStrictEqual(values(list), model.map(({ value }) => value))
          }
        }),
        { numRuns: 100 }
      )
    }
  )
})
