/**
 * Decodes one coding with a zlib stream: encoded pieces in, decoded ones out on demand, within
 * limits.
 *
 * Knows no Effect runtime and no response. Refuses what zlib accepts wrongly: bytes after the end
 * of the coding, and a truncated zstd body. `gzipMembers.ts` parses the parts around the data of
 * gzip. An encoded body without any bytes is an empty body, because servers that label one so mean
 * that.
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type { Transform } from "node:stream"
import * as Zlib from "node:zlib"
import { NoRoom } from "../bytes.ts"
import type { BodyTooLarge } from "../error/body.ts"
import type { DecompressionLimit } from "../error/decoding.ts"
import { ContentDecodingError, DecompressionBomb } from "../error/decoding.ts"
import { tooLargeForMemory } from "../tooLarge.ts"
import type { Coding } from "./codings.ts"
import type { GzipFault } from "./gzipMembers.ts"
import { GzipMembers } from "./gzipMembers.ts"
import { ZstdFrames } from "./zstdFrames.ts"

/** The errors of decoding. */
export type Fault = BodyTooLarge | ContentDecodingError | DecompressionBomb

/**
 * The result of a read: decoded bytes, `undefined` if everything written has been decoded, or an
 * error.
 */
export type Decoded = Either.Either<Uint8Array | undefined, Fault>

/** The limits of a decoded body. A limit that is not a number allows nothing. */
export interface Limits {
  /** Decoded bytes, of every coding. */
  readonly maxBytes: number
  /** Decoded bytes for each byte received, of every coding; applies above `ratioFree`. */
  readonly maxRatio: number
  /** True if a gzip body may end before its trailer once its data is complete. */
  readonly gzipWithoutTrailer: boolean
}

/**
 * The decoded size up to which the ratio does not matter. A list of a million zeros is honest and
 * harmless. Only a high ratio of a large body indicates a bomb.
 */
const ratioFree = 4 * 1024 * 1024

/**
 * The size of zlib's output chunks. Measured half as fast again as with Node's 16 KiB; 128 KiB gain
 * a tenth more.
 */
const chunkSize = 64 * 1024

/** A zlib stream. `bytesWritten` is the number of written bytes that it has consumed. */
interface Engine extends Transform {
  readonly bytesWritten: number
}

/** Missing in the types of Node 20, and at run time there. */
const createZstdDecompress: unknown = Predicate.hasProperty(Zlib, "createZstdDecompress")
  ? Zlib.createZstdDecompress
  : undefined

/** The codings that this Node can decode, in the order in which they are offered to servers. */
export const available: ReadonlyArray<Coding> = Predicate.isFunction(createZstdDecompress)
  ? ["gzip", "deflate", "br", "zstd"]
  : ["gzip", "deflate", "br"]

/**
 * Returns the limit of zstd's window. Content on the web needs at most 8 MiB, which is 2^23 (RFC
 * 9659). Without a limit zstd would allocate 128 MiB for each response that asks for it.
 */
const zstdParams = (constants: object): Readonly<Record<string, number>> =>
  Predicate.hasProperty(constants, "ZSTD_d_windowLogMax") ? { [String(constants.ZSTD_d_windowLogMax)]: 23 } : {}

/**
 * True if a `deflate` body with this first byte has the zlib format (RFC 9110 section 8.4.1.2),
 * whose first byte ends with the bits 1000. Some servers send raw deflate instead. There these bits
 * would be a stored block, not the last, with a bit set in padding that every encoder fills with
 * zeros.
 */
export const isZlib = (first: number | undefined): boolean => first !== undefined && (first & 0x0f) === 8

/** Creates a zlib stream for a coding; `first` is the first byte of the body. */
const makeEngine = (coding: Coding, first: number | undefined): Engine => {
  switch (coding) {
    case "gzip":
      return Zlib.createInflateRaw({ chunkSize })
    case "deflate":
      return isZlib(first) ? Zlib.createInflate({ chunkSize }) : Zlib.createInflateRaw({ chunkSize })
    case "br":
      return Zlib.createBrotliDecompress({ chunkSize })
    case "zstd":
      return (createZstdDecompress as (options: object) => Engine)({ chunkSize, params: zstdParams(Zlib.constants) })
  }
}

/**
 * Returns the error of a decoder. zlib reports a truncated body as `Z_BUF_ERROR`, whatever the
 * coding.
 */
const decodingError = (coding: Coding, decoded: number, cause: unknown): ContentDecodingError =>
  new ContentDecodingError({
    coding,
    reason: Predicate.hasProperty(cause, "code") && cause.code === "Z_BUF_ERROR" ? "Truncated" : "Corrupt",
    decoded,
    cause
  })

/**
 * True if these bytes may follow the end of a coding. Only zeros after gzip may, because some
 * writers pad blocks with them.
 */
export const isPadding = (coding: Coding, rest: Uint8Array): boolean =>
  coding === "gzip" && rest.every((byte) => byte === 0)

/** Creates the error that zlib itself would emit, so that callers can check for its code. */
const zlibError = (fault: GzipFault): Error => Object.assign(new Error(fault), { code: "Z_DATA_ERROR" })

/**
 * The number of bytes of the received body that the outermost coding has consumed. All codings of a
 * body share it.
 */
export interface Received {
  bytes: number
}

/** The limits of one coding of a body. */
export interface Gauge {
  readonly received: Received
  readonly limits: Limits
  /** The platform's limit on bodies in memory, for the coding whose output is the body. */
  readonly maxBodySize: number
}

/** Decodes one coding: accepts encoded pieces and returns decoded ones, only on demand. */
export class Inflater {
  readonly #coding: Coding
  readonly #gauge: Gauge
  readonly #isOutermost: boolean
  readonly #frames: ZstdFrames | undefined
  readonly #members: GzipMembers | undefined
  readonly #queue: Array<Uint8Array> = []
  /** Created with the first byte, which decides its format. */
  #engine: Engine | undefined
  #last: Uint8Array = empty
  #written = 0
  /** Bytes of a gzip body before those that were written to the current engine. */
  #before = 0
  #decoded = 0
  /** True while the engine has not finished its last piece. */
  #busy = false
  /** True if the coding has ended and bytes remained. */
  #trailing = false
  #finishing = false
  #ended = false
  #fault: Fault | undefined
  /** Called when `read` may have a result, also within zlib's events. Must not throw. */
  onReady: (() => void) | undefined

  constructor(coding: Coding, gauge: Gauge, isOutermost: boolean) {
    this.#coding = coding
    this.#gauge = gauge
    this.#isOutermost = isOutermost
    this.#frames = coding === "zstd" ? new ZstdFrames() : undefined
    this.#members = coding === "gzip" ? new GzipMembers() : undefined
  }

  /** Queues encoded bytes, which `read` decodes. */
  write(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return
    if (this.#frames === undefined) this.#queue.push(bytes)
    else this.#queue.push(...this.#frames.split(bytes))
  }

  /** Records that there is no more to write. */
  finish(): void {
    this.#finishing = true
  }

  destroy(): void {
    this.onReady = undefined
    this.#engine?.destroy()
  }

  /**
   * Returns the next decoded bytes; `undefined` while zlib works. `onReady` is called when that may
   * have changed. After `finish`, a result without bytes means that the body is complete.
   */
  read(): Decoded | undefined {
    try {
      return this.#step()
    } catch (thrown) {
      if (thrown instanceof RangeError) return Either.left(tooLargeForMemory(new NoRoom(chunkSize, thrown), []))
      throw thrown
    }
  }

  #step(): Decoded | undefined {
    for (;;) {
      if (this.#fault !== undefined) return Either.left(this.#fault)
      const decoded: Buffer | null | undefined = this.#engine?.read()
      if (Predicate.isNotNullable(decoded)) return this.#admit(decoded)
      if (this.#busy) return undefined
      if (!this.#trailing && this.#engine !== undefined && this.#engine.bytesWritten < this.#written) {
        this.#queue.unshift(this.#last.subarray(this.#engine.bytesWritten - this.#written))
        if (this.#members === undefined) this.#trailing = true
        else this.#endMember(this.#engine, this.#members)
      }
      const piece = this.#queue.shift()
      if (piece !== undefined) this.#feed(piece)
      else if (this.#finishing && !this.#ended) this.#end()
      else return drained
    }
  }

  /**
   * Ends the data of a gzip member. Another member may follow its trailer, with a separate decoder.
   */
  #endMember(engine: Engine, members: GzipMembers): void {
    this.#before += engine.bytesWritten
    this.#written = 0
    this.#engine = undefined
    engine.destroy()
    members.endData()
  }

  #feed(piece: Uint8Array): void {
    if (this.#trailing) return this.#fail("TrailingData")
    if (this.#members !== undefined && !this.#members.inData) return this.#readAround(piece, this.#members)
    const engine = this.#engine ??= this.#open(piece[0])
    this.#last = piece
    this.#written += piece.byteLength
    this.#busy = true
    // The `error` event reports failures with their cause.
    engine.write(piece, (failure) => {
      if (!failure) this.#resume()
    })
  }

  /** Reads the parts around the data of gzip. */
  #readAround(piece: Uint8Array, members: GzipMembers): void {
    const read = members.read(piece)
    if (read === "TrailingData") return this.#fail(read)
    if (typeof read === "string") return this.#fail("Corrupt", zlibError(read))
    this.#before += read
    if (read < piece.length) this.#queue.unshift(piece.subarray(read))
  }

  #open(first: number | undefined): Engine {
    const engine = makeEngine(this.#coding, first)
    engine.on("readable", () => this.onReady?.())
    engine.on("end", () => {
      // The end of a gzip member does not end the body if bytes remain.
      if (this.#members !== undefined && (this.#engine !== engine || engine.bytesWritten < this.#written)) return
      if (this.#members === undefined) this.#ended = true
      else this.#cutOff(true)
      this.#resume()
    })
    engine.on("error", (cause) => {
      const code = "code" in cause ? String(cause.code) : undefined
      if (this.#frames?.isTrailing(code) === true) this.#fail("TrailingData", cause)
      this.#fault ??= decodingError(this.#coding, this.#decoded, cause)
      this.#resume()
    })
    return engine
  }

  #resume(): void {
    this.#busy = false
    this.onReady?.()
  }

  #end(): void {
    if (this.#frames?.complete === false) return this.#fail("Truncated")
    if (this.#engine !== undefined && !this.#trailing) {
      this.#busy = true
      this.#engine.end()
    } else if (this.#members?.complete === false) {
      this.#cutOff(this.#members.lacksTrailer)
    } else {
      this.#ended = true
    }
  }

  /** Handles a body that ends too early. It may lack only the trailer of gzip. */
  #cutOff(lacksTrailer: boolean): void {
    if (lacksTrailer && this.#gauge.limits.gzipWithoutTrailer) this.#ended = true
    else this.#fail("Truncated", undefined, lacksTrailer)
  }

  #fail(reason: ContentDecodingError["reason"], cause?: unknown, lacksTrailer = false): void {
    this.#fault ??= new ContentDecodingError({
      coding: this.#coding,
      reason,
      decoded: this.#decoded,
      ...(lacksTrailer ? { relaxation: "gzipWithoutTrailer" as const } : undefined),
      ...(cause === undefined ? undefined : { cause })
    })
  }

  #admit(bytes: Buffer): Decoded {
    this.#decoded += bytes.byteLength
    const { received } = this.#gauge
    this.#members?.decoded(bytes)
    if (this.#isOutermost && this.#engine !== undefined) received.bytes = this.#before + this.#engine.bytesWritten
    this.#fault = tooLarge(this.#coding, this.#decoded, this.#gauge)
    return this.#fault === undefined
      ? Either.right(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))
      : Either.left(this.#fault)
  }
}

const empty = new Uint8Array(0)

const drained: Decoded = Either.right(undefined)

/**
 * Returns the error if a limit is exceeded. Written so that everything exceeds a limit that is not
 * a number.
 */
export const tooLarge = (
  coding: Coding,
  decoded: number,
  { limits, maxBodySize, received }: Gauge
): DecompressionBomb | undefined => {
  const bomb = (limit: DecompressionLimit, maximum: number) =>
    new DecompressionBomb({ coding, limit, maximum, encoded: received.bytes, decoded })
  if (!(decoded <= maxBodySize)) return bomb("MaxBodySize", maxBodySize)
  if (!(decoded <= limits.maxBytes)) return bomb("maxBytes", limits.maxBytes)
  return decoded > ratioFree && !(decoded <= limits.maxRatio * received.bytes)
    ? bomb("maxRatio", limits.maxRatio)
    : undefined
}
