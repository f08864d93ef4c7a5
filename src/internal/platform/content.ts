/** What is made of the bytes of a body, and how many there may be. */
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import type * as Context from "effect/Context"
import * as Option from "effect/Option"
import type * as HttpFields from "../../HttpFields.ts"
import { contentCharset } from "../fields.ts"

const utf8 = new TextDecoder()

/** What makes text of a body: by the charset of Content-Type. */
export const decoderOf = (fields: HttpFields.HttpFields): TextDecoder => {
  const charset = contentCharset(fields)
  if (charset === undefined || charset === "utf-8") return utf8
  try {
    return new TextDecoder(charset)
  } catch {
    // The platform's clients ask for no charset, so a service may have lived with a label that means nothing.
    return utf8
  }
}

/** The bytes that a whole body may have: those of the platform's `MaxBodySize`. */
export const maxBodySize = (context: Context.Context<never>): number => {
  const size = context.unsafeMap.get(HttpIncomingMessage.MaxBodySize.key) as
    | Option.Option<bigint | number>
    | undefined
  return size === undefined || Option.isNone(size) ? Infinity : Number(size.value)
}

/** Which limits a body can be too large for. */
export const limitNames = "the limit is `MaxBodySize` of the platform, or `limits.body`"

/** The Content-Type that tells the parser of forms which of the two it is. */
export const formOf = async (bytes: Uint8Array, contentType: string | undefined): Promise<FormData> =>
  new Response(bytes as Uint8Array<ArrayBuffer>, {
    headers: contentType === undefined ? {} : { "content-type": contentType }
  }).formData()
