/** Cookies and bodies as HAR shows them. */
import { parse } from "../syntax/mediaType.ts"
import { decodeContent, decodeText, isEncoded, utf8Of } from "./codings.ts"
import type { HarContent, HarCookie, HarPostData } from "./harModel.ts"
import type { Message } from "./reader.ts"
import { contentOf } from "./redact.ts"
import { textOf } from "./store.ts"

const pairOf = (text: string): readonly [name: string, value: string] => {
  const equals = text.indexOf("=")
  return equals < 0 ? ["", text.trim()] : [text.slice(0, equals).trim(), text.slice(equals + 1).trim()]
}

/** Returns the cookies of a Cookie field. */
export const requestCookies = (value: string): ReadonlyArray<HarCookie> =>
  value.split(";").filter((text) => text.trim() !== "").map((text) => {
    const [name, cookie] = pairOf(text)
    return { name, value: cookie }
  })

const dateOf = (text: string): string | undefined => {
  const date = new Date(text)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}

/** Returns the cookie of a Set-Cookie field. */
export const responseCookies = (field: string): HarCookie => {
  const [pair = "", ...rest] = field.split(";")
  const [name, value] = pairOf(pair)
  const attributes = new Map(
    rest.map((text) => {
      const equals = text.indexOf("=")
      return equals < 0
        ? [text.trim().toLowerCase(), ""] as const
        : [text.slice(0, equals).trim().toLowerCase(), text.slice(equals + 1).trim()] as const
    })
  )
  const path = attributes.get("path")
  const domain = attributes.get("domain")
  const expires = dateOf(attributes.get("expires") ?? "")
  return {
    name,
    value,
    ...(path === undefined ? undefined : { path }),
    ...(domain === undefined ? undefined : { domain }),
    ...(expires === undefined ? undefined : { expires }),
    httpOnly: attributes.has("httponly"),
    secure: attributes.has("secure")
  }
}

/** Media types that are text, with and without a charset. */
const textual =
  /^(?:text\/|message\/)|[/+](?:json|xml|javascript|ecmascript|x-www-form-urlencoded|x-ndjson|yaml|graphql)\b/

const typeOf = (
  message: Message
): { readonly value: string; readonly type: string; readonly charset: string | undefined } => {
  const value = message.get("content-type")[0] ?? ""
  const parsed = parse(value)
  return { value, type: parsed?.type ?? "", charset: parsed?.parameters.get("charset")?.toLowerCase() }
}

const unpacked = (message: Message, bytes: Uint8Array): Uint8Array | undefined => {
  const encoding = message.get("content-encoding")
  const content = contentOf(message, bytes)
  return isEncoded(encoding) ? decodeContent(encoding, content) : content
}

/** Returns the body of a response: text if its type says so, otherwise base64. */
export const contentEntry = (response: Message, bytes: Uint8Array): HarContent => {
  const received = contentOf(response, bytes)
  const content = unpacked(response, bytes)
  const { charset, type, value } = typeOf(response)
  const size = { size: content?.length ?? received.length, mimeType: value === "" ? "x-unknown" : value }
  const saved = content === undefined || content === received || !isEncoded(response.get("content-encoding"))
    ? undefined
    : { compression: content.length - received.length }
  if (received.length === 0) return size
  const text = content !== undefined && textual.test(type) ? decodeText(content, charset) : undefined
  return text === undefined
    ? { ...size, ...saved, text: Buffer.from(content ?? received).toString("base64"), encoding: "base64" }
    : { ...size, ...saved, text }
}

/** Returns the body of a request; `undefined` without one. */
export const postData = (request: Message, bytes: Uint8Array): HarPostData | undefined => {
  const received = contentOf(request, bytes)
  if (received.length === 0) return undefined
  const { charset, type, value } = typeOf(request)
  const content = unpacked(request, bytes) ?? received
  if (type === "application/x-www-form-urlencoded") {
    const params = [...new URLSearchParams(textOf(content))].map(([name, value]) => ({ name, value }))
    return { mimeType: value, params }
  }
  const text = textual.test(type) ? decodeText(content, charset) : utf8Of(content)
  return text === undefined
    ? { mimeType: value, text: textOf(content), comment: "Each character of the text is a byte (ISO-8859-1)." }
    : { mimeType: value, text }
}
