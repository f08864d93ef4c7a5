/** The lines of a response of either API. */
import type { ResponseError } from "@effect/platform/HttpClientError"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import { TypeId } from "@effect/platform/HttpClientResponse"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import type { BodyDecodeError, BodyFailure } from "../../HttpError.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import { isHttpResponse } from "../../HttpResponse.ts"
import type { LinesOptions } from "../effect/lines.ts"
import { linesOf, notLinesOptions } from "../effect/lines.ts"
import { InvalidOption } from "../error/request.ts"
import { locateIn } from "../locateIn.ts"
import { contentCharset } from "../model/fields.ts"
import { located } from "./located.ts"
import { sourceOf } from "./response.ts"

/** The failures of the lines of a response. */
export type LinesFailure<Response> = Response extends HttpResponse ? BodyFailure | BodyDecodeError : ResponseError

const isPlatformResponse = (u: unknown): u is HttpClientResponse => Predicate.hasProperty(u, TypeId)

/** The failure for a value that is not a response, and for invalid options, is in no type. */
const linesOfEither = (
  response: HttpResponse | HttpClientResponse,
  options: LinesOptions | undefined
): Stream.Stream<string, BodyFailure | BodyDecodeError | ResponseError> => {
  const invalid = notLinesOptions(options)
  if (invalid !== undefined) return Stream.fail(invalid as never)
  const cr = options?.cr === true
  if (isHttpResponse(response)) {
    return linesOf(response.stream, contentCharset(response.fields), cr, (error) => locateIn(response, error))
  }
  if (!isPlatformResponse(response)) {
    const reason = "it must be an `HttpResponse`, or an `HttpClientResponse` of the platform"
    return Stream.fail(new InvalidOption({ option: "response", reason }) as never)
  }
  // As for `text`: the platform decodes the responses of other clients as UTF-8.
  const charset = Option.match(sourceOf(response), {
    onNone: () => undefined,
    onSome: ({ fields }) => contentCharset(fields)
  })
  return linesOf(response.stream, charset, cr, (error) => located(response, error))
}

/** Returns the lines of a response. */
export const lines = <Response extends HttpResponse | HttpClientResponse>(
  response: Response,
  options?: LinesOptions
): Stream.Stream<string, LinesFailure<Response>> => linesOfEither(response, options) as never
