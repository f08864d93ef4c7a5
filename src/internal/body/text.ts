/**
 * Encodes text and JSON as bytes, or returns the reason why that is impossible. A character that
 * does not fit is never replaced.
 */
import * as Either from "effect/Either"
import { UnsupportedBody } from "../error/request.ts"
import { described } from "../given.ts"

/** Encodes a text in a charset. */
export const encodeText = (
  text: string,
  charset: "utf-8" | "iso-8859-1"
): Either.Either<Uint8Array, UnsupportedBody> => {
  if (typeof text !== "string") {
    return Either.left(new UnsupportedBody({ reason: `it is ${described(text)}, and no text` }))
  }
  const misfit = charset === "utf-8" ? loneSurrogateAt(text) : beyondLatin1At(text)
  return misfit < 0
    ? Either.try({
      try: () => Buffer.from(text, charset === "utf-8" ? "utf8" : "latin1"),
      catch: (cause) => new UnsupportedBody({ reason: "there is no memory for the bytes of the text", cause })
    })
    : Either.left(
      new UnsupportedBody({
        reason: charset === "utf-8"
          ? `the text has half a surrogate pair at offset ${misfit}, which UTF-8 cannot carry`
          : `the character at offset ${misfit} is not in ISO-8859-1; send the text as UTF-8 with \`HttpBody.text\``
      })
    )
}

/** Encodes a value as JSON in UTF-8. */
export const encodeJson = (value: unknown): Either.Either<Uint8Array, UnsupportedBody> =>
  Either.flatMap(
    Either.try({
      try: (): string | undefined => JSON.stringify(value),
      catch: (cause) => new UnsupportedBody({ reason: refusalOf(cause), cause })
    }),
    (encoded) =>
      encoded === undefined
        ? Either.left(new UnsupportedBody({ reason: "the value has no JSON" }))
        : encodeText(encoded, "utf-8")
  )

/**
 * Returns why `JSON.stringify` refused, without any text that the caller's code may have thrown.
 */
const refusalOf = (cause: unknown): string => {
  const message = cause instanceof Error ? cause.message : ""
  // V8 uses one class for both errors, with different messages.
  if (message === "Maximum call stack size exceeded") return "the value is nested too deeply for JSON"
  if (message === "Invalid string length") {
    return "the JSON of the value is longer than a string can be; send it in parts"
  }
  if (message.startsWith("Converting circular structure")) return "the value contains itself, which JSON cannot"
  if (message.includes("serialize a BigInt")) return "the value has a BigInt, which JSON has not"
  return "a `toJSON` or getter of the value threw; see `cause`"
}

const beyondLatin1At = (text: string): number => {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0xff) return i
  }
  return -1
}

const loneSurrogateAt = (text: string): number => {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0xd800 || code > 0xdfff) continue
    const next = text.charCodeAt(i + 1)
    if (code > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return i
    i++
  }
  return -1
}
