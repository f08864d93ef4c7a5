/** Bytes that grow at their end, so that a reader can continue where it stopped. */

export class Store {
  #bytes = new Uint8Array(256)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** All bytes so far. The view is valid until the next `append`. */
  get view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Copies the bytes, because their owner may reuse them. */
  append(added: Uint8Array): void {
    const needed = this.#length + added.length
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
      larger.set(this.view)
      this.#bytes = larger
    }
    this.#bytes.set(added, this.#length)
    this.#length = needed
  }
}

/** Returns text as bytes, one for each character (ISO-8859-1). */
export const bytesOf = (text: string): Uint8Array => Buffer.from(text, "latin1")

/** Returns bytes as text, one character for each (ISO-8859-1). */
export const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1")
