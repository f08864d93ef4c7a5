/**
 * A list in which a known entry is removed in constant time, wherever it stands: queues of
 * requests, connections by idleness.
 */

/** A place for a value in one list at a time. */
export class Entry<A> {
  readonly value: A
  list: List<A> | undefined
  previous: Entry<A> | undefined
  next: Entry<A> | undefined

  constructor(value: A) {
    this.value = value
  }
}

export class List<A> {
  first: Entry<A> | undefined
  last: Entry<A> | undefined
  size = 0

  /** Puts an entry, which is in no list, behind all others. */
  push(entry: Entry<A>): void {
    this.#insert(entry, this.last)
  }

  /**
   * Puts an entry, which is in no list, before the first value of which this is true, behind all
   * others if there is none. It is true of all that follow one of which it is true, so that the
   * last one tells whether there is any.
   */
  insertBefore(entry: Entry<A>, isLater: (value: A) => boolean): void {
    if (this.last !== undefined && !isLater(this.last.value)) return this.push(entry)
    let after = this.first
    while (after !== undefined && !isLater(after.value)) after = after.next
    this.#insert(entry, after === undefined ? this.last : after.previous)
  }

  /** Takes an entry out. Nothing happens where it is in no list, or in another. */
  remove(entry: Entry<A>): void {
    if (entry.list !== this) return
    const { next, previous } = entry
    if (previous === undefined) this.first = next
    else previous.next = next
    if (next === undefined) this.last = previous
    else next.previous = previous
    entry.list = undefined
    entry.previous = undefined
    entry.next = undefined
    this.size--
  }

  /** The values from the first to the last. The list must not be changed meanwhile. */
  *[Symbol.iterator](): IterableIterator<A> {
    for (let entry = this.first; entry !== undefined; entry = entry.next) yield entry.value
  }

  #insert(entry: Entry<A>, before: Entry<A> | undefined): void {
    const after = before === undefined ? this.first : before.next
    entry.list = this
    entry.previous = before
    entry.next = after
    if (before === undefined) this.first = entry
    else before.next = entry
    if (after === undefined) this.last = entry
    else after.previous = entry
    this.size++
  }
}
