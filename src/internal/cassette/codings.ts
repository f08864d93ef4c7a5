/** Undoes and redoes the content coding of a whole body, in this thread. */
import * as Zlib from "node:zlib"
import { textOf } from "./store.ts"

/**
 * The size that a decoded body may reach; larger ones are not decoded. A truncated body is decoded
 * as far as possible.
 */
const limits = { maxOutputLength: 64 * 1024 * 1024 }
const partial = { ...limits, finishFlush: Zlib.constants.Z_SYNC_FLUSH }

interface Coding {
  readonly decode: (bytes: Uint8Array) => Uint8Array
  readonly encode: (bytes: Uint8Array) => Uint8Array
}

const gzip: Coding = { decode: (bytes) => Zlib.gunzipSync(bytes, partial), encode: (bytes) => Zlib.gzipSync(bytes) }

const codings: Readonly<Record<string, Coding>> = {
  gzip,
  "x-gzip": gzip,
  deflate: { decode: (bytes) => Zlib.inflateSync(bytes, partial), encode: (bytes) => Zlib.deflateSync(bytes) },
  br: {
    decode: (bytes) =>
      Zlib.brotliDecompressSync(bytes, { ...limits, finishFlush: Zlib.constants.BROTLI_OPERATION_FLUSH }),
    encode: (bytes) => Zlib.brotliCompressSync(bytes, { params: { [Zlib.constants.BROTLI_PARAM_QUALITY]: 4 } })
  }
}

/** Returns the codings of a Content-Encoding, in the order in which they were applied. */
const listed = (values: ReadonlyArray<string>): ReadonlyArray<string> =>
  values.flatMap((value) => value.split(",")).map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "" && name !== "identity")

/** Returns the content without its codings; `undefined` if it cannot be decoded. */
export const decodeContent = (values: ReadonlyArray<string>, bytes: Uint8Array): Uint8Array | undefined => {
  try {
    return listed(values).reduceRight<Uint8Array | undefined>(
      (content, name) => content === undefined ? undefined : codings[name]?.decode(content),
      bytes
    )
  } catch {
    return undefined
  }
}

/** Returns the content with its codings; those must be ones that `decodeContent` has undone. */
export const encodeContent = (values: ReadonlyArray<string>, bytes: Uint8Array): Uint8Array =>
  listed(values).reduce((content, name) => codings[name]?.encode(content) ?? content, bytes)

/** True if there is a coding. */
export const isEncoded = (values: ReadonlyArray<string>): boolean => listed(values).length > 0

const fatal = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Returns bytes as text if they are valid UTF-8. */
export const utf8Of = (bytes: Uint8Array): string | undefined => {
  try {
    return fatal.decode(bytes)
  } catch {
    return undefined
  }
}

/** Returns bytes as text by a charset, if it is known. */
export const decodeText = (bytes: Uint8Array, charset: string | undefined): string | undefined => {
  if (charset === undefined || charset === "utf-8") return utf8Of(bytes)
  if (charset === "iso-8859-1" || charset === "us-ascii") return textOf(bytes)
  try {
    return new TextDecoder(charset, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
