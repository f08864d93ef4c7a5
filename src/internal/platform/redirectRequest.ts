/**
 * The request that follows a redirect, built with the platform's own functions out of the one
 * before and what was decided.
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Either from "effect/Either"
import { globalValue } from "effect/GlobalValue"
import * as Option from "effect/Option"
import type { Next } from "./redirectRules.ts"
import { copyOf } from "./zonedUrl.ts"

/**
 * Where the platform's `withScope` notes the requests whose response is to end with a scope; it is
 * by the request's identity.
 */
const scopedRequests = globalValue(
  "@effect/platform/HttpClient/scopedRequests",
  () => new WeakMap<HttpClientRequest.HttpClientRequest, AbortController>()
)

/**
 * A request to exactly this URL. The query is given as parameters only where the platform writes
 * them as they were: it writes them as a form, which makes `a=` of `a` and `+` of `%20`. As
 * parameters they are not shown by the messages of the platform's errors.
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

/** A request that is sent in place of another, and whose response ends with the same scope. */
export const keepScope = (
  request: HttpClientRequest.HttpClientRequest,
  next: HttpClientRequest.HttpClientRequest
): HttpClientRequest.HttpClientRequest => {
  const controller = scopedRequests.get(request)
  if (controller !== undefined) scopedRequests.set(next, controller)
  return next
}

/** The request that a decision asks for, made of the one that was redirected. */
export const nextRequest = (
  request: HttpClientRequest.HttpClientRequest,
  { fields, keepsBody, method, url }: Next
): HttpClientRequest.HttpClientRequest => {
  const bare = requestTo(method, url)
  // The body first: it sets fields, which those of the request replace.
  const next = HttpClientRequest.setHeaders(
    keepsBody ? HttpClientRequest.setBody(bare, request.body) : bare,
    fields.map((name): [string, string] => [name, request.headers[name] as string])
  )
  return keepScope(request, next)
}
