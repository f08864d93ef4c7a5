/**
 * Extended values of parameters (RFC 8187), as in `filename*`, `title*` and `username*`: a charset,
 * a language, and percent-encoded bytes.
 *
 * One pass over the characters and no regular expression, because the peer chooses the value.
 */

const encoder = new TextEncoder()
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const isAlphanumeric = (code: number): boolean =>
  (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)

/** 1 for a byte that is written unchanged: `attr-char` of RFC 8187 section 3.2.1. */
const unchanged: Uint8Array = Uint8Array.from(
  { length: 256 },
  (_, code) => isAlphanumeric(code) || (code < 0x80 && "!#$&+-.^_`|~".includes(String.fromCharCode(code))) ? 1 : 0
)

/** Returns the value of a hexadecimal digit in any case, or -1. */
const hexOf = (code: number): number => {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/**
 * Decodes percent-encoded bytes. Accepts any visible ASCII character unencoded except quotes and
 * backslashes, because `encodeURIComponent` leaves more characters than the grammar allows.
 */
const bytesOf = (text: string, from: number): Uint8Array | undefined => {
  const bytes = new Uint8Array(text.length - from)
  let length = 0
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code <= 0x20 || code >= 0x7f || code === 0x22 || code === 0x5c) return undefined
    if (code !== 0x25) bytes[length++] = code
    else {
      const high = hexOf(text.charCodeAt(i + 1))
      const low = hexOf(text.charCodeAt(i + 2))
      if (high < 0 || low < 0) return undefined
      bytes[length++] = high * 16 + low
      i += 2
    }
  }
  return bytes.subarray(0, length)
}

/** Decodes bytes in one of the two charsets that RFC 5987 required of a recipient. */
const textOf = (bytes: Uint8Array, charset: string): string | undefined => {
  // Not the platform's decoder, which uses windows-1252 for ISO-8859-1.
  if (charset === "iso-8859-1") return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")
  if (charset !== "utf-8") return undefined
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/**
 * Decodes `charset'language'text`. The language is dropped. Returns `undefined` if the charset is
 * neither UTF-8 nor ISO-8859-1, the value breaks the grammar, or the bytes are invalid in the
 * charset. Such a parameter must be ignored (RFC 8187 section 3.2.1).
 */
export const decode = (value: string): string | undefined => {
  const charset = value.indexOf("'")
  const language = charset < 0 ? -1 : value.indexOf("'", charset + 1)
  if (language < 0) return undefined
  const bytes = bytesOf(value, language + 1)
  return bytes && textOf(bytes, value.slice(0, charset).toLowerCase())
}

/** Encodes a text as UTF-8 without a language. A lone surrogate becomes U+FFFD. */
export const encode = (text: string): string => {
  let value = "UTF-8''"
  for (const byte of encoder.encode(text)) {
    value += unchanged[byte] === 1
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`
  }
  return value
}
