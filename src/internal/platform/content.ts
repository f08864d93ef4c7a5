/** What is made of the bytes of a body, and how many there may be. */
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import type * as Context from "effect/Context"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as HttpFields from "../../HttpFields.ts"
import { BodyDecodeError } from "../error/body.ts"
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

/** Where it is that text is no JSON, which is all of V8's message that cannot repeat the text. */
const position = / at position \d+(?: \(line \d+ column \d+\))?$/

/** What the text of a body says as JSON. An empty one is null, as in the platform's own responses. */
export const jsonOf = (text: string): Either.Either<unknown, BodyDecodeError> => {
  if (text === "") return Either.right(null)
  try {
    return Either.right(JSON.parse(text) as unknown)
  } catch (error) {
    const where = error instanceof Error ? position.exec(error.message)?.[0] ?? "" : ""
    const cause = new SyntaxError(`The text is no JSON${where}`)
    return Either.left(new BodyDecodeError({ format: "json", reason: "it cannot be parsed", cause }))
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
