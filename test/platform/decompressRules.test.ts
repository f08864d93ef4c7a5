/** What is decoded, what is asked for, and where the frames of zstd end: tables, without zlib. */
import { assert, describe, it } from "@effect/vitest"
import { acceptEncoding, decideDecoding, maxCodings } from "../../src/internal/content/codings.ts"
import { available } from "../../src/internal/content/inflater.ts"
import { ZstdFrames } from "../../src/internal/content/zstdFrames.ts"
import { cat } from "./decompressHarness.ts"

const all = new Set(["gzip", "deflate", "br", "zstd"])

const verdictOf = (contentEncoding: string | undefined, { known = all, method = "GET", status = 200 } = {}): string => {
  const verdict = decideDecoding({ method, status, contentEncoding }, known)
  switch (verdict._tag) {
    case "Passthrough":
      return "as it came"
    case "Decode":
      return verdict.codings.join(" ")
    case "TooMany":
      return `${verdict.count} are too many`
  }
}

describe("which codings are undone", () => {
  const cases: ReadonlyArray<readonly [contentEncoding: string | undefined, verdict: string]> = [
    [undefined, "as it came"],
    ["", "as it came"],
    [" , ,", "as it came"],
    ["gzip", "gzip"],
    ["GZIP", "gzip"],
    ["x-gzip", "gzip"],
    ["X-Gzip", "gzip"],
    ["deflate", "deflate"],
    ["br", "br"],
    ["zstd", "zstd"],
    ["identity", "as it came"],
    ["identity, identity", "as it came"],
    ["identity, gzip", "gzip"],
    ["gzip, identity,", "gzip"],
    [" \tgzip\t ", "gzip"],
    ["gzip,br", "br gzip"],
    ["deflate, gzip, br", "br gzip deflate"],
    ["gzip,,, ,br", "br gzip"],
    ["compress", "as it came"],
    ["x-compress", "as it came"],
    ["gzip, compress", "as it came"],
    ["compress, gzip", "as it came"],
    ["x-compress, gzip", "as it came"],
    ["aes128gcm, gzip", "as it came"],
    ["gzip;q=1", "as it came"],
    ["gzip br", "as it came"],
    ["\u00a0gzip", "as it came"],
    ["\"gzip\"", "as it came"],
    ["__proto__", "as it came"],
    ["gzip, gzip, gzip, gzip, gzip", "gzip gzip gzip gzip gzip"],
    ["gzip, identity, gzip, , gzip, identity, gzip, gzip, identity", "gzip gzip gzip gzip gzip"],
    ["gzip, gzip, gzip, gzip, gzip, gzip", "6 are too many"],
    ["gzip, br, deflate, gzip, zstd, x-gzip", "6 are too many"],
    ["br,".repeat(100_000), "100000 are too many"],
    ["identity,".repeat(100_000), "as it came"],
    [`${"gzip, ".repeat(9)}compress`, "as it came"]
  ]
  it.each(cases)("%#: %j gives %j", (contentEncoding, verdict) => {
    assert.strictEqual(verdictOf(contentEncoding), verdict)
  })

  it("are those that are known", () => {
    const known = new Set(["gzip"])
    assert.strictEqual(verdictOf("gzip", { known }), "gzip")
    assert.strictEqual(verdictOf("br", { known }), "as it came")
    assert.strictEqual(verdictOf("gzip, br", { known }), "as it came")
    assert.strictEqual(verdictOf("gzip", { known: new Set() }), "as it came")
  })

  it.each([
    ["HEAD", 200, "as it came"],
    ["GET", 101, "as it came"],
    ["GET", 204, "as it came"],
    ["GET", 206, "as it came"],
    ["GET", 304, "as it came"],
    ["GET", 200, "gzip"],
    ["POST", 201, "gzip"],
    ["GET", 205, "gzip"],
    ["GET", 302, "gzip"],
    ["GET", 404, "gzip"],
    ["GET", 500, "gzip"]
  ])("depend on the answer: %s %i gives %j", (method, status, verdict) => {
    assert.strictEqual(verdictOf("gzip", { method, status }), verdict)
  })

  it("are five at most", () => {
    assert.strictEqual(maxCodings, 5)
  })
})

describe("Accept-Encoding", () => {
  it.each([
    [["gzip", "deflate", "br"], false, "gzip, deflate, br"],
    [["br"], false, "br"],
    [[], false, "identity"],
    [["gzip"], true, "identity"]
  ])("for %j (range: %s) is %j", (codings, hasRange, value) => {
    assert.strictEqual(acceptEncoding(codings, hasRange), value)
  })

  it("offers zstd where Node has it", () => {
    const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
    const hasZstd = (major === 22 && minor >= 15) || (major === 23 && minor >= 8) || major > 23
    assert.deepStrictEqual(available, hasZstd ? ["gzip", "deflate", "br", "zstd"] : ["gzip", "deflate", "br"])
  })
})

const hex = (digits: string): Uint8Array => Buffer.from(digits, "hex")

/** Frames that the zstd program (1.5.4) wrote, and one of every form that it writes seldom. */
const frames: ReadonlyArray<readonly [name: string, frame: Uint8Array]> = [
  ["single segment", hex("28b52ffd200529000068656c6c6f")],
  ["with a checksum", hex("28b52ffd240529000068656c6c6fa36d9f88")],
  ["of unknown size", hex("28b52ffd045829000068656c6c6fa36d9f88")],
  ["with a compressed block and a size of two bytes", hex("28b52ffd642c004d00001000000100272ac00290ea003a")],
  [
    "with blocks of one repeated byte",
    hex("28b52ffd04684c000008000100fcff39100202001000020010000200100002001000020010000200100003120a00ccaeca39")
  ],
  ["with a dictionary id of one byte", hex("28b52ffd210705010000")],
  ["with a dictionary id of two bytes", hex("28b52ffd22070005010000")],
  ["with a dictionary id of four bytes", hex("28b52ffd230700000005010000")],
  ["with a size of four bytes", hex("28b52ffda005000000010000")],
  ["with a size of eight bytes", hex("28b52ffde00500000000000000010000")],
  ["without content", hex("28b52ffd2000010000")],
  ["with an empty block before the last", hex("28b52ffd2000000000010000")],
  ["to be skipped", hex("502a4d1803000000010203")],
  ["to be skipped, empty", hex("5f2a4d1800000000")]
]

describe("the frames of a zstd body", () => {
  const split = (parts: Iterable<Uint8Array>) => {
    const reader = new ZstdFrames()
    const pieces = Array.from(parts).flatMap((part) => reader.split(part))
    return { pieces, complete: reader.complete }
  }

  it.each(frames)("end where they end: %s", (_, frame) => {
    for (const size of [1, 2, 3, 5, 7, frame.length]) {
      const parts: Array<Uint8Array> = []
      for (let at = 0; at < frame.length; at += size) parts.push(frame.subarray(at, at + size))
      const { complete, pieces } = split(parts)
      assert.isTrue(complete)
      assert.deepStrictEqual(cat(...pieces), cat(frame))
    }
    for (let end = 1; end < frame.length; end++) {
      assert.isFalse(split([frame.subarray(0, end)]).complete, `cut to ${end}`)
    }
  })

  it("are cut apart, wherever the pieces end", () => {
    const whole = cat(...frames.map(([, frame]) => frame))
    assert.deepStrictEqual(
      split([whole]).pieces.map((piece) => cat(piece)),
      frames.map(([, frame]) => cat(frame))
    )
    for (let at = 1; at < whole.length; at++) {
      const { complete, pieces } = split([whole.subarray(0, at), whole.subarray(at)])
      assert.isTrue(complete)
      assert.deepStrictEqual(cat(...pieces), whole)
      const cuts = new Set(
        pieces.reduce<Array<number>>((ends, piece) => [...ends, (ends.at(-1) ?? 0) + piece.length], [])
      )
      let end = 0
      for (const [, frame] of frames) assert.isTrue(cuts.has(end += frame.length))
    }
  })

  it("are told from what follows them and is none", () => {
    const [, frame] = frames[0] ?? []
    assert(frame !== undefined)
    const trailing = (...parts: ReadonlyArray<Uint8Array>): boolean => {
      const reader = new ZstdFrames()
      for (const part of parts) reader.split(part)
      return reader.isTrailing(undefined)
    }
    assert.isTrue(trailing(cat(frame, Buffer.from("junk"))))
    assert.isTrue(trailing(frame, Buffer.from("ju"), Buffer.from("nk")))
    assert.isFalse(trailing(frame))
    assert.isFalse(trailing(frame, frame))
    assert.isFalse(trailing(Buffer.from("junk")))
    assert.isFalse(trailing(frame, hex("28b52ffd2005070000")))
    // Less than the four bytes that tell: the decoder has said so.
    const refused = (...parts: ReadonlyArray<Uint8Array>): boolean => {
      const reader = new ZstdFrames()
      for (const part of parts) reader.split(part)
      return reader.isTrailing("ZSTD_error_prefix_unknown")
    }
    assert.isTrue(refused(frame, Buffer.from("j")))
    assert.isFalse(refused(Buffer.from("j")))
  })

  it("are none in nothing at all", () => {
    assert.isTrue(new ZstdFrames().complete)
    assert.isTrue(split([new Uint8Array(0)]).complete)
  })

  it.each([
    ["another magic number", hex("28b52ffe2005290000")],
    ["a reserved block", hex("28b52ffd2005070000")],
    ["text", Buffer.from("hello, hello")]
  ])("are not looked for behind %s, which is handed on whole", (_, bytes) => {
    const { complete, pieces } = split([bytes, bytes])
    assert.isFalse(complete)
    assert.deepStrictEqual(cat(...pieces), cat(bytes, bytes))
  })

  it("are not mixed with what follows the last", () => {
    const [[, frame] = ["", new Uint8Array(0)]] = frames
    const { complete, pieces } = split([cat(frame, Buffer.from("garbage"))])
    assert.isFalse(complete)
    assert.deepStrictEqual(pieces.map((piece) => cat(piece)), [cat(frame), cat(Buffer.from("garbage"))])
  })
})
