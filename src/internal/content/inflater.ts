/**
 * One coding being undone by a zlib stream: encoded pieces in, decoded ones out, each when it is
 * asked for, within limits.
 *
 * Knows no Stream and no response. What zlib lets pass is refused here as well: bytes behind the
 * end of the coding, and a zstd body that was cut off. What stands around the data of gzip is read
 * in `gzipMembers.ts`. An encoded body of no bytes at all is an empty body, which is what servers
 * mean that label one so.
 */
import * as Effect from "effect/Effect"
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

/** What decoding can fail with. */
export type Fault = BodyTooLarge | ContentDecodingError | DecompressionBomb

/** What a body may become. A limit that is not a number allows nothing. */
export interface Limits {
  /** Decoded bytes, of every coding. */
  readonly maxBytes: number
  /** Decoded bytes for each byte received, of every coding; from `ratioFree` on. */
  readonly maxRatio: number
  /** Whether a gzip body whose data is complete may end before its trailer does. */
  readonly gzipWithoutTrailer: boolean
}

/**
 * Up to here the ratio does not matter: the list of a million zeros is honest, and does no harm. It
 * is the ratio of much that tells a bomb.
 */
const ratioFree = 4 * 1024 * 1024

/**
 * How much zlib decodes before it hands it on. Measured half as fast again as with Node's 16 KiB;
 * 128 gain a tenth more.
 */
const chunkSize = 64 * 1024

/** A zlib stream. `bytesWritten` is how much of what was written it has taken in. */
interface Engine extends Transform {
  readonly bytesWritten: number
}

/** Not in the types of Node 20, nor there at run time. */
const createZstdDecompress: unknown = Predicate.hasProperty(Zlib, "createZstdDecompress")
  ? Zlib.createZstdDecompress
  : undefined

/** The codings that this Node can undo, in the order in which they are offered to servers. */
export const available: ReadonlyArray<Coding> = Predicate.isFunction(createZstdDecompress)
  ? ["gzip", "deflate", "br", "zstd"]
  : ["gzip", "deflate", "br"]

/**
 * RFC 9659: content on the web needs no more than 8 MiB (2^23) of window. zstd itself would take
 * 128 MiB for each response that is being read, if the response says so.
 */
const zstdParams = (constants: object): Readonly<Record<string, number>> =>
  Predicate.hasProperty(constants, "ZSTD_d_windowLogMax") ? { [String(constants.ZSTD_d_windowLogMax)]: 23 } : {}

/**
 * What `deflate` is, by its first byte. It is the zlib format (RFC 9110 section 8.4.1.2), whose
 * first byte ends with the bits 1000. Some servers send it bare; there these bits would be a stored
 * block, not the last, with a bit set in the padding that every encoder fills with zeros.
 */
export const isZlib = (first: number | undefined): boolean => first !== undefined && (first & 0x0f) === 8

/** A new zlib stream for a coding whose first byte is this. */
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

/** zlib's way of saying that it wanted more is this code, whatever the coding. */
const decodingError = (coding: Coding, decoded: number, cause: unknown): ContentDecodingError =>
  new ContentDecodingError({
    coding,
    reason: Predicate.hasProperty(cause, "code") && cause.code === "Z_BUF_ERROR" ? "Truncated" : "Corrupt",
    decoded,
    cause
  })

/**
 * What may follow behind the end of a coding: nothing; behind gzip zeros, with which some writers
 * fill up blocks.
 */
export const isPadding = (coding: Coding, rest: Uint8Array): boolean =>
  coding === "gzip" && rest.every((byte) => byte === 0)

/** What zlib itself would fail with, so that whoever looks for its code finds it. */
const zlibError = (fault: GzipFault): Error => Object.assign(new Error(fault), { code: "Z_DATA_ERROR" })

/**
 * How many bytes of the body as received have been taken in: what the outermost coding has. All
 * codings of a body share it.
 */
export interface Received {
  bytes: number
}

/** The limits of one coding of a body. */
export interface Gauge {
  readonly received: Received
  readonly limits: Limits
  /** The platform's limit on bodies in memory, for the coding that gives the body itself. */
  readonly maxBodySize: number
}

/**
 * Undoes one coding: takes encoded pieces, gives decoded ones, and nothing faster than they are
 * asked for.
 */
export class Inflater {
  readonly #coding: Coding
  readonly #gauge: Gauge
  readonly #isOutermost: boolean
  readonly #frames: ZstdFrames | undefined
  readonly #members: GzipMembers | undefined
  readonly #queue: Array<Uint8Array> = []
  /** Not there before the first byte is, which tells what it must be. */
  #engine: Engine | undefined
  #last: Uint8Array = empty
  #written = 0
  /** Bytes of a gzip body that came before what the engine has been given. */
  #before = 0
  #decoded = 0
  /** The engine has been given something that it has not done with. */
  #busy = false
  /** The coding came to its end, and bytes were left. */
  #over = false
  #finishing = false
  #ended = false
  #fault: Fault | undefined
  #wake: (() => void) | undefined

  constructor(coding: Coding, gauge: Gauge, isOutermost: boolean) {
    this.#coding = coding
    this.#gauge = gauge
    this.#isOutermost = isOutermost
    this.#frames = coding === "zstd" ? new ZstdFrames() : undefined
    this.#members = coding === "gzip" ? new GzipMembers() : undefined
  }

  /** Takes encoded bytes. They are decoded by `next`. */
  write(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return
    if (this.#frames === undefined) this.#queue.push(bytes)
    else this.#queue.push(...this.#frames.split(bytes))
  }

  /** Says that there is no more to write. */
  finish(): void {
    this.#finishing = true
  }

  destroy(): void {
    this.#wake = undefined
    this.#engine?.destroy()
  }

  /**
   * The next decoded bytes; `undefined` when all that was written has been decoded, and after
   * `finish` found to be complete.
   */
  get next(): Effect.Effect<Uint8Array | undefined, Fault> {
    return Effect.async((resume) => {
      const attempt = () => {
        const result = this.#safely()
        if (result === undefined) return
        this.#wake = undefined
        resume(result)
      }
      this.#wake = attempt
      attempt()
      return Effect.sync(() => {
        this.#wake = undefined
      })
    })
  }

  /** zlib's events call this, and have nobody to hand on to what is thrown. */
  #safely(): Effect.Effect<Uint8Array | undefined, Fault> | undefined {
    try {
      return this.#step()
    } catch (thrown) {
      return thrown instanceof RangeError
        ? Effect.fail(tooLargeForMemory(new NoRoom(chunkSize, thrown), []))
        : Effect.die(thrown)
    }
  }

  /** `undefined` while the engine works. */
  #step(): Effect.Effect<Uint8Array | undefined, Fault> | undefined {
    for (;;) {
      if (this.#fault !== undefined) return Effect.fail(this.#fault)
      const decoded: Buffer | null | undefined = this.#engine?.read()
      if (Predicate.isNotNullable(decoded)) return this.#admit(decoded)
      if (this.#busy) return undefined
      if (!this.#over && this.#engine !== undefined && this.#engine.bytesWritten < this.#written) {
        this.#queue.unshift(this.#last.subarray(this.#engine.bytesWritten - this.#written))
        if (this.#members === undefined) this.#over = true
        else this.#endMember(this.#engine, this.#members)
      }
      const piece = this.#queue.shift()
      if (piece !== undefined) this.#take(piece)
      else if (this.#finishing && !this.#ended) this.#end()
      else return Effect.succeed(undefined)
    }
  }

  /**
   * The data of a gzip member is over. What follows its trailer may be another one, which has a
   * decoder of its own.
   */
  #endMember(engine: Engine, members: GzipMembers): void {
    this.#before += engine.bytesWritten
    this.#written = 0
    this.#engine = undefined
    engine.destroy()
    members.endData()
  }

  #take(piece: Uint8Array): void {
    if (this.#over) return this.#fail("TrailingData")
    if (this.#members !== undefined && !this.#members.inData) return this.#takeAround(piece, this.#members)
    const engine = this.#engine ??= this.#open(piece[0])
    this.#last = piece
    this.#written += piece.byteLength
    this.#busy = true
    // Failures are told by `error`, with their cause.
    engine.write(piece, (failure) => {
      if (!failure) this.#rest()
    })
  }

  /** Takes what stands around the data of gzip. */
  #takeAround(piece: Uint8Array, members: GzipMembers): void {
    const taken = members.take(piece)
    if (taken === "TrailingData") return this.#fail(taken)
    if (typeof taken === "string") return this.#fail("Corrupt", zlibError(taken))
    this.#before += taken
    if (taken < piece.length) this.#queue.unshift(piece.subarray(taken))
  }

  #open(first: number | undefined): Engine {
    const engine = makeEngine(this.#coding, first)
    engine.on("readable", () => this.#wake?.())
    engine.on("end", () => {
      // That of a gzip member says nothing of the body where bytes are left for what follows.
      if (this.#members !== undefined && (this.#engine !== engine || engine.bytesWritten < this.#written)) return
      if (this.#members === undefined) this.#ended = true
      else this.#cutOff(true)
      this.#rest()
    })
    engine.on("error", (cause) => {
      const code = "code" in cause ? String(cause.code) : undefined
      if (this.#frames?.isTrailing(code) === true) this.#fail("TrailingData", cause)
      this.#fault ??= decodingError(this.#coding, this.#decoded, cause)
      this.#rest()
    })
    return engine
  }

  #rest(): void {
    this.#busy = false
    this.#wake?.()
  }

  #end(): void {
    if (this.#frames?.complete === false) return this.#fail("Truncated")
    if (this.#engine !== undefined && !this.#over) {
      this.#busy = true
      this.#engine.end()
    } else if (this.#members?.complete === false) {
      this.#cutOff(this.#members.lacksTrailer)
    } else {
      this.#ended = true
    }
  }

  /** The body ends too early, which may be no more than a trailer of gzip that is missing. */
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

  #admit(bytes: Buffer): Effect.Effect<Uint8Array, Fault> {
    this.#decoded += bytes.byteLength
    const { received } = this.#gauge
    this.#members?.decoded(bytes)
    if (this.#isOutermost && this.#engine !== undefined) received.bytes = this.#before + this.#engine.bytesWritten
    this.#fault = tooLarge(this.#coding, this.#decoded, this.#gauge)
    return this.#fault === undefined
      ? Effect.succeed(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))
      : Effect.fail(this.#fault)
  }
}

const empty = new Uint8Array(0)

/** Written so that a limit which is not a number is exceeded by everything. */
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
