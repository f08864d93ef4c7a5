/** Adds the context of its exchange to an error of any client's response, as far as it is known. */
import type { ResponseError } from "@effect/platform/HttpClientError"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Origin from "../../Origin.ts"
import { withContext } from "../error/base.ts"
import { locateIn } from "../locateIn.ts"
import type { ResponseFailure } from "./errors.ts"
import { responseError } from "./errors.ts"
import { bodyKind } from "./redirectRules.ts"
import { sourceOf } from "./response.ts"
import { targetOf } from "./url.ts"

/** Returns the platform's error for an error of this library. */
export const located = (response: HttpClientResponse, error: ResponseFailure): ResponseError => {
  const source = Option.getOrUndefined(sourceOf(response))
  if (source !== undefined) return responseError(response, locateIn(source, error))
  const { headers, request, status } = response
  const url = Either.getOrUndefined(Origin.fromUrl(targetOf(request)))
  return responseError(
    response,
    withContext(error, {
      ...error.context,
      origin: url === undefined ? undefined : Origin.format(url.origin),
      method: request.method,
      path: url?.target.split("?", 1)[0],
      status,
      contentType: headers["content-type"],
      requestState: "ResponseStarted",
      processed: "Yes",
      replayable: !["Stream", "Raw"].includes(bodyKind(request.body))
    })
  )
}
