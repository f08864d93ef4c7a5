/**
 * A binary heap: returns the first of its values, and adds or removes any value in logarithmic
 * time.
 */
export class Heap<A> {
  readonly #isBefore: (a: A, b: A) => boolean
  /** No value is before the one at its parent place. */
  readonly #values: Array<A> = []
  readonly #places = new Map<A, number>()

  /** The order of a value must not change while it is in the heap. */
  constructor(isBefore: (a: A, b: A) => boolean) {
    this.#isBefore = isBefore
  }

  get first(): A | undefined {
    return this.#values[0]
  }

  get size(): number {
    return this.#values.length
  }

  /** Adds a value, which must not be in the heap. */
  add(value: A): void {
    this.#rise(value, this.#values.length)
  }

  /** Removes a value, if it is in the heap. */
  remove(value: A): void {
    const place = this.#places.get(value)
    if (place === undefined) return
    this.#places.delete(value)
    const last = this.#values.pop()
    if (last === undefined || last === value) return
    // The last value fills the gap, and moves to its place.
    const parent = this.#values[parentOf(place)]
    if (parent !== undefined && this.#isBefore(last, parent)) this.#rise(last, place)
    else this.#sink(last, place)
  }

  #put(value: A, place: number): void {
    this.#values[place] = value
    this.#places.set(value, place)
  }

  /** Puts a value at a place, or nearer to the front if it belongs there. */
  #rise(value: A, place: number): void {
    let at = place
    for (let parent = this.#values[parentOf(at)]; at > 0 && parent !== undefined; parent = this.#values[parentOf(at)]) {
      if (!this.#isBefore(value, parent)) break
      this.#put(parent, at)
      at = parentOf(at)
    }
    this.#put(value, at)
  }

  /** Puts a value at a place, or nearer to the back if it belongs there. */
  #sink(value: A, place: number): void {
    let at = place
    for (;;) {
      const left = this.#values[2 * at + 1]
      const right = this.#values[2 * at + 2]
      if (left === undefined) break
      const isRight = right !== undefined && this.#isBefore(right, left)
      const child = isRight ? right : left
      if (!this.#isBefore(child, value)) break
      this.#put(child, at)
      at = 2 * at + (isRight ? 2 : 1)
    }
    this.#put(value, at)
  }
}

const parentOf = (place: number): number => (place - 1) >> 1
