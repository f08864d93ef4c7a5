/**
 * Adds the cookies of a jar to each request of a client, and stores the cookies of each response.
 *
 * This happens in the second half of the client (`postprocess`), which `followRedirects` runs for
 * every hop. A redirect's cookies are therefore in the jar before the next request is made, and
 * each request gets the cookies for its own URL.
 */
import * as Cookies from "@effect/platform/Cookies"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as HttpFields from "../../HttpFields.ts"
import { partsOf } from "../platform/parts.ts"
import { keepScope } from "../platform/redirectRequest.ts"

/** The methods of a jar that are needed here. */
export interface CookieSource {
  header(url: string | URL, own?: string): Effect.Effect<Option.Option<Redacted.Redacted<string>>>
  setCookies(url: string | URL, lines: ReadonlyArray<string>): Effect.Effect<void>
}

/**
 * Returns the Set-Cookie lines of a response. A response of this library has them as they were
 * sent; for any other the platform's parsed cookies are serialized again.
 */
const linesOf = (response: HttpClientResponse): ReadonlyArray<string> =>
  Predicate.hasProperty(response, "fields") && HttpFields.isHttpFields(response.fields)
    ? HttpFields.getAll(response.fields, "set-cookie")
    : Cookies.toSetCookieHeaders(response.cookies)

export const withCookieJar = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  jar: CookieSource
): HttpClient.HttpClient.With<E, R> => {
  const { postprocess, preprocess } = partsOf(client)

  const send = (request: HttpClientRequest.HttpClientRequest, url: URL) =>
    Effect.flatMap(jar.header(url, request.headers["cookie"]), (header) => {
      const ready = Option.match(header, {
        onNone: () => request,
        onSome: (value) => keepScope(request, HttpClientRequest.setHeader(request, "cookie", Redacted.value(value)))
      })
      return Effect.tap(postprocess(Effect.succeed(ready)), (response) => {
        const lines = linesOf(response)
        return lines.length === 0 ? Effect.void : jar.setCookies(url, lines)
      })
    })

  return HttpClient.makeWith<E, R, E, R>(
    Effect.flatMap((request: HttpClientRequest.HttpClientRequest) =>
      Option.match(HttpClientRequest.toUrl(request), {
        // The client below reports the fault of the request.
        onNone: () => postprocess(Effect.succeed(request)),
        onSome: (url) => send(request, url)
      })
    ),
    preprocess
  )
}
