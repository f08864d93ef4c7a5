/**
 * Builds the request that follows a redirect, from the previous request and a decision, with the
 * platform's own functions.
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { Next } from "./redirectRules.ts"
import { scopedRequests } from "./scoped.ts"
import { copyOf } from "./zonedUrl.ts"

/**
 * Creates a request to exactly this URL. The query is passed as parameters only if the platform
 * writes them back unchanged. It encodes them as a form, which turns `a` into `a=` and `%20` into
 * `+`. Parameters are not shown in the messages of the platform's errors.
 */
const requestTo = (method: HttpMethod, url: URL): HttpClientRequest.HttpClientRequest => {
  const path = copyOf(url)
  path.search = ""
  path.hash = ""
  const params = UrlParams.fromInput(url.searchParams)
  const plain = copyOf(url)
  plain.hash = ""
  const exact = Option.exists(
    Either.getRight(UrlParams.makeUrl(path.href, params, Option.none())),
    ({ href }) => href === plain.href
  )
  const request = HttpClientRequest.make(method)(
    exact ? path.href : plain.href,
    exact ? { urlParams: params } : undefined
  )
  return url.hash === "" ? request : HttpClientRequest.setHash(request, url.hash.slice(1))
}

/** Ties a request that replaces another to the same scope. */
export const keepScope = (
  request: HttpClientRequest.HttpClientRequest,
  next: HttpClientRequest.HttpClientRequest
): HttpClientRequest.HttpClientRequest => {
  const controller = scopedRequests.get(request)
  if (controller !== undefined) scopedRequests.set(next, controller)
  return next
}

/** Returns the request of a decision, derived from the redirected request. */
export const nextRequest = (
  request: HttpClientRequest.HttpClientRequest,
  { fields, keepsBody, method, url }: Next
): HttpClientRequest.HttpClientRequest => {
  const bare = requestTo(method, url)
  // The body first, because it sets fields, which those of the request replace.
  const next = HttpClientRequest.setHeaders(
    keepsBody ? HttpClientRequest.setBody(bare, request.body) : bare,
    fields.map((name): [string, string] => [name, request.headers[name] as string])
  )
  return keepScope(request, next)
}
