/** The bytes of a body between receiver and reader: against a plain array as the model, and what it keeps in memory. */
import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { IncompleteRead } from "../../src/HttpError.ts"
import * as HttpFields from "../../src/HttpFields.ts"
import { join } from "../../src/internal/bytes.ts"
import { BodyBuffer } from "../../src/internal/connection/bodyBuffer.ts"

const bytes = (...values: ReadonlyArray<number>): Uint8Array => Uint8Array.from(values)
const of = (length: number, value = 7): Uint8Array => new Uint8Array(length).fill(value)
const failure = () => new IncompleteRead({ received: 0, expected: undefined, partial: undefined })

/** One step of a reader or of the receiver, done to the buffer and to the model, which is all bytes that are there. */
type Command =
  | { readonly kind: "push"; readonly data: Uint8Array }
  | { readonly kind: "take" | "peek"; readonly n: number }
  | { readonly kind: "takeAll" | "takeChunk" | "lineLength" | "clear" }

// Mostly small and with many LFs, sometimes as large as a read of a socket.
const data = FastCheck.oneof(
  { weight: 8, arbitrary: FastCheck.uint8Array({ maxLength: 12, max: 14 }) },
  { weight: 1, arbitrary: FastCheck.nat(70_000).map((length) => of(length)) }
)
const n = FastCheck.oneof(
  FastCheck.integer({ min: -1, max: 40 }),
  FastCheck.constant(70_000),
  FastCheck.constant(Infinity)
)
const command: FastCheck.Arbitrary<Command> = FastCheck.oneof(
  { weight: 4, arbitrary: FastCheck.record({ kind: FastCheck.constant("push" as const), data }) },
  { weight: 3, arbitrary: FastCheck.record({ kind: FastCheck.constantFrom("take" as const, "peek" as const), n }) },
  {
    weight: 1,
    arbitrary: FastCheck.record({
      kind: FastCheck.constantFrom("takeAll" as const, "takeChunk" as const, "lineLength" as const, "clear" as const)
    })
  }
)

describe("bytes that come and go", () => {
  it("are those of a plain array, whatever the order of pushes and takes", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(command, { maxLength: 60, size: "max" }), (commands) => {
        const buffer = new BodyBuffer()
        let model = new Uint8Array(0)
        let received = 0
        // What was given out stays as it was, whatever comes later.
        const given: Array<{ readonly got: Uint8Array; readonly copy: Uint8Array }> = []
        const gives = (got: Uint8Array, expected: Uint8Array) => {
          assert.deepStrictEqual(Buffer.compare(got, expected), 0)
          given.push({ got, copy: expected.slice() })
        }
        for (const command of commands) {
          switch (command.kind) {
            case "push": {
              // The receiver's view: overwritten when its call is over.
              const view = command.data.slice()
              buffer.push(view)
              view.fill(0xee)
              model = new Uint8Array(join([model, command.data]))
              received += command.data.length
              break
            }
            case "take":
            case "peek": {
              const expected = model.slice(0, Math.max(0, command.n))
              gives(buffer[command.kind](command.n), expected)
              if (command.kind === "take") model = model.slice(expected.length)
              break
            }
            case "takeAll":
              gives(buffer.takeAll(), model)
              model = new Uint8Array(0)
              break
            case "takeChunk":
              gives(join(Array.from(buffer.takeChunk())), model)
              model = new Uint8Array(0)
              break
            case "lineLength":
              assert.strictEqual(buffer.lineLength(), model.indexOf(0x0a) + 1)
              break
            case "clear":
              buffer.clear()
              model = new Uint8Array(0)
          }
          assert.strictEqual(buffer.size, model.length)
          assert.strictEqual(buffer.received, received)
          assert.strictEqual(buffer.ready, model.length > 0)
          assert.strictEqual(buffer.wantsMore, model.length < 65_536)
        }
        for (const { copy, got } of given) assert.strictEqual(Buffer.compare(got, copy), 0)
      }),
      { numRuns: 300 }
    )
  })

  it("are copied: the receiver's view may be overwritten", () => {
    const buffer = new BodyBuffer()
    const view = bytes(1, 2, 3)
    buffer.push(view)
    view.fill(0)
    buffer.push(view.fill(4))
    view.fill(0)
    assert.deepStrictEqual([...buffer.takeAll()], [1, 2, 3, 4, 4, 4])
  })

  it("peek leaves what it shows", () => {
    const buffer = new BodyBuffer()
    buffer.push(bytes(1, 2))
    buffer.push(bytes(3))
    assert.deepStrictEqual([...buffer.peek(3)], [1, 2, 3])
    assert.deepStrictEqual([...buffer.take(2)], [1, 2])
    assert.deepStrictEqual([...buffer.peek(9)], [3])
    assert.strictEqual(buffer.size, 1)
  })
})

describe("memory", () => {
  it("a body in single bytes becomes few blocks, each at most twice the last and 64 KiB", () => {
    const buffer = new BodyBuffer()
    buffer.collecting = true
    for (let i = 0; i < 300_000; i++) buffer.push(bytes(i & 0xff))
    const chunks = Array.from(buffer.takeChunk())
    let last = 1
    for (const chunk of chunks) {
      assert.isAtMost(chunk.buffer.byteLength, Math.min(last * 2, 65_536))
      last = chunk.buffer.byteLength
    }
    // 1, 2, 4 ... 65536 make 17 blocks of 131,071 bytes, three more hold the rest.
    assert.strictEqual(chunks.length, 20)
    assert.strictEqual(chunks.reduce((sum, chunk) => sum + chunk.length, 0), 300_000)
  })

  it("a collected body of announced length comes in one array of its size, and no memory is taken for a length alone", () => {
    const buffer = new BodyBuffer()
    buffer.collecting = true
    buffer.announced = 1_000_000
    for (let i = 0; i < 10; i++) buffer.push(of(100_000, i))
    buffer.end(HttpFields.empty)
    const whole = buffer.takeAll()
    assert.strictEqual(whole.buffer.byteLength, 1_000_000)
    assert.isTrue(whole.every((byte, at) => byte === Math.floor(at / 100_000)))

    const lied = new BodyBuffer()
    lied.collecting = true
    lied.announced = 1_000_000
    lied.push(of(60_000))
    lied.push(of(60_000))
    assert.isAtMost(
      Array.from(lied.takeChunk()).reduce((sum, chunk) => sum + chunk.buffer.byteLength, 0),
      60_000 + 65_536
    )
  })

  it("what has come of a collected body that was cut short shares its memory with nothing", () => {
    const buffer = new BodyBuffer()
    buffer.collecting = true
    buffer.announced = 1_000_000
    buffer.push(of(10, 1))
    buffer.push(of(200_000, 2))
    buffer.fail(failure())
    const partial = buffer.takeAll()
    assert.strictEqual(partial.length, 200_010)
    assert.strictEqual(partial.buffer.byteLength, 200_010)
    assert.deepStrictEqual([partial[9], partial[10], partial[200_009]], [1, 2, 2])
  })

  it("what was read before the rest is collected is not counted as to come", () => {
    const buffer = new BodyBuffer()
    buffer.push(of(300))
    buffer.take(200)
    buffer.collecting = true
    buffer.announced = 1000
    buffer.push(of(700))
    assert.strictEqual(buffer.takeAll().buffer.byteLength, 800)
  })

  it("a body of up to 64 KiB, of which an eighth comes first, has room for all of it, and is copied once", () => {
    const buffer = new BodyBuffer()
    buffer.announced = 65_536
    buffer.push(of(8192, 1))
    buffer.push(of(50_000, 2))
    const seen = buffer.peek(1).buffer
    buffer.push(of(7344, 3))
    const whole = buffer.takeAll()
    assert.strictEqual(whole.buffer, seen)
    assert.strictEqual(whole.length, 65_536)
    assert.deepStrictEqual([whole[0], whole[8191], whole[8192], whole[58_191], whole[58_192]], [1, 1, 2, 2, 3])
  })

  it("what is seen of such a body is followed by nothing but zeros in its memory", () => {
    const buffer = new BodyBuffer()
    buffer.announced = 65_536
    buffer.push(of(8192))
    const piece = buffer.peek(10)
    assert.isTrue(new Uint8Array(piece.buffer, 8192).every((byte) => byte === 0))
  })

  it("who is given less than half of the memory of a block is given a copy", () => {
    for (const take of [(b: BodyBuffer) => b.takeAll(), (b: BodyBuffer) => Array.from(b.takeChunk())[0]]) {
      const buffer = new BodyBuffer()
      buffer.announced = 65_536
      buffer.push(of(8192))
      assert.strictEqual(take(buffer)?.buffer.byteLength, 8192)
    }
  })

  it("such a body takes that room once, however it is read; a stream, a longer body and one of a lesser beginning never", () => {
    const sizes = (announced: number, first: number, streaming: boolean) => {
      const buffer = new BodyBuffer()
      buffer.announced = announced
      buffer.streaming = streaming
      return [first, 2, 3].map((value) => {
        buffer.push(of(value))
        const { byteLength } = buffer.peek(1).buffer
        buffer.clear()
        return byteLength
      })
    }
    assert.deepStrictEqual(sizes(65_536, 8192, false), [65_536, 2, 3])
    assert.deepStrictEqual(sizes(65_536, 8192, true), [8192, 2, 3])
    assert.deepStrictEqual(sizes(65_536, 8191, false), [8191, 2, 3])
    assert.deepStrictEqual(sizes(65_537, 60_000, false), [60_000, 2, 3])
    assert.deepStrictEqual(sizes(0, 1, false), [1, 2, 3])
  })

  it("a body in one piece is one block of its size, given out as it is", () => {
    const buffer = new BodyBuffer()
    buffer.push(of(1000))
    const [chunk, ...others] = Array.from(buffer.takeChunk())
    assert.strictEqual(others.length, 0)
    assert.strictEqual(chunk?.buffer.byteLength, 1000)
  })

  it("a piece larger than 64 KiB is a block of its own size", () => {
    const buffer = new BodyBuffer()
    buffer.push(of(10))
    buffer.push(of(100_000))
    assert.deepStrictEqual(Array.from(buffer.takeChunk()).map((chunk) => chunk.buffer.byteLength), [10, 100_000])
  })

  it("no more is wanted from 65,536 bytes on, until some are taken", () => {
    const buffer = new BodyBuffer()
    assert.isTrue(buffer.push(of(65_535)))
    assert.isFalse(buffer.push(of(1)))
    buffer.take(1)
    assert.isTrue(buffer.wantsMore)
    assert.isFalse(buffer.push(of(1)))
    buffer.takeAll()
    assert.isTrue(buffer.wantsMore)
  })

  it("more is always wanted while the whole body is being collected", () => {
    const buffer = new BodyBuffer()
    buffer.collecting = true
    assert.isTrue(buffer.push(of(1_000_000)))
  })

  it("nothing is kept, and all is counted, of a body that nobody will read", () => {
    const buffer = new BodyBuffer()
    buffer.discarding = true
    assert.isTrue(buffer.push(of(1_000_000)))
    assert.strictEqual(buffer.size, 0)
    assert.strictEqual(buffer.received, 1_000_000)
  })
})

describe("waiting", () => {
  const waiting = (buffer: BodyBuffer) => {
    const woken: Array<string> = []
    buffer.wait(() => woken.push("woken"))
    return woken
  }

  it("ends at once where there are bytes, the end or a failure", () => {
    const withBytes = new BodyBuffer()
    withBytes.push(bytes(1))
    const atEnd = new BodyBuffer()
    atEnd.end(HttpFields.empty)
    const failed = new BodyBuffer()
    failed.fail(failure())
    for (const buffer of [withBytes, atEnd, failed]) {
      assert.deepStrictEqual(waiting(buffer), ["woken"])
      assert.isFalse(buffer.awaited)
    }
  })

  it("ends once, with the first bytes; an empty piece does not end it", () => {
    const buffer = new BodyBuffer()
    const woken = waiting(buffer)
    buffer.push(bytes())
    assert.deepStrictEqual(woken, [])
    assert.isTrue(buffer.awaited)
    buffer.push(bytes(1))
    buffer.push(bytes(2))
    assert.deepStrictEqual(woken, ["woken"])
  })

  it("of a stream for large pieces ends when the turn of the event loop does, or with 256 KiB", async () => {
    const buffer = new BodyBuffer()
    buffer.streaming = true
    const late = waiting(buffer)
    assert.isTrue(buffer.push(of(65_536)))
    assert.isTrue(buffer.push(of(65_536)))
    assert.deepStrictEqual(late, [])
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepStrictEqual(late, ["woken"])
    buffer.clear()
    const early = waiting(buffer)
    for (let i = 0; i < 4; i++) assert.isTrue(buffer.push(of(65_536)))
    assert.deepStrictEqual(early, ["woken"])
    assert.isFalse(buffer.push(of(65_536)), "nobody waits")
  })

  it("for the whole body ends with its end, not with bytes", () => {
    const buffer = new BodyBuffer()
    buffer.collecting = true
    const woken = waiting(buffer)
    buffer.push(bytes(1))
    assert.deepStrictEqual(woken, [])
    buffer.end(HttpFields.empty)
    assert.deepStrictEqual(woken, ["woken"])
  })

  it("for nothing more to come is called for everybody once, but not for who gave up", () => {
    for (const settle of [(b: BodyBuffer) => b.end(HttpFields.empty), (b: BodyBuffer) => b.fail(failure())]) {
      const buffer = new BodyBuffer()
      const called: Array<string> = []
      const gaveUp = () => called.push("gave up")
      buffer.onSettled(() => called.push("a"))
      buffer.onSettled(gaveUp)
      buffer.onSettled(() => called.push("b"))
      buffer.offSettled(gaveUp)
      buffer.push(bytes(1))
      assert.deepStrictEqual(called, [])
      settle(buffer)
      assert.deepStrictEqual(called, ["a", "b"])
      buffer.onSettled(() => called.push("late"))
      assert.deepStrictEqual(called, ["a", "b", "late"])
    }
  })

  it("a failure comes after the bytes that came before it, and does not replace the end or an earlier failure", () => {
    const buffer = new BodyBuffer()
    buffer.push(bytes(1))
    const first = failure()
    buffer.fail(first)
    buffer.fail(failure())
    assert.strictEqual(buffer.failure, first)
    assert.deepStrictEqual([...buffer.takeAll()], [1])
    const ended = new BodyBuffer()
    ended.end(HttpFields.fromInput({ Digest: "x" }))
    ended.fail(failure())
    assert.isUndefined(ended.failure)
    assert.strictEqual(HttpFields.entries(ended.trailers).length, 1)
  })
})
