/**
 * Doubly linked lists whose nodes hold their links themselves. A known node is removed in constant
 * time, and being in a list allocates nothing.
 */

/** The links of a node, which is in at most one list at a time. */
export abstract class Linked<A extends Linked<A>> {
  list: List<A> | undefined
  previous: A | undefined
  next: A | undefined
}

/** A node of a list for a value that is a node of another list already. */
export class Entry<A> extends Linked<Entry<A>> {
  readonly value: A

  constructor(value: A) {
    super()
    this.value = value
  }
}

export class List<A extends Linked<A>> {
  first: A | undefined
  last: A | undefined
  size = 0

  /** Adds a node, which must be in no list, at the end. */
  push(node: A): void {
    this.#insert(node, this.last)
  }

  /**
   * Adds a node before the first node for which `isLater` is true, or at the end if there is none.
   * The node must be in no list. The list must be sorted: `isLater` is true for every node after
   * one for which it is true. The last node is tried first, because most nodes belong at the end.
   */
  insertBefore(node: A, isLater: (other: A) => boolean): void {
    if (this.last !== undefined && !isLater(this.last)) return this.push(node)
    const after = this.find(this.first, isLater)
    this.#insert(node, after === undefined ? this.last : after.previous)
  }

  /** Returns the first node for which `matches` is true, beginning with `from`. */
  find(from: A | undefined, matches: (node: A) => boolean): A | undefined {
    let node = from
    while (node !== undefined && !matches(node)) node = node.next
    return node
  }

  /** Removes a node. Does nothing if the node is in no list, or in another one. */
  remove(node: A): void {
    if (node.list !== this) return
    const { next, previous } = node
    if (previous === undefined) this.first = next
    else previous.next = next
    if (next === undefined) this.last = previous
    else next.previous = previous
    node.list = undefined
    node.previous = undefined
    node.next = undefined
    this.size--
  }

  /** Iterates from the first node to the last. The list must not change in the meantime. */
  *[Symbol.iterator](): IterableIterator<A> {
    for (let node = this.first; node !== undefined; node = node.next) yield node
  }

  #insert(node: A, before: A | undefined): void {
    const after = before === undefined ? this.first : before.next
    node.list = this
    node.previous = before
    node.next = after
    if (before === undefined) this.first = node
    else before.next = node
    if (after === undefined) this.last = node
    else after.previous = node
    this.size++
  }
}
