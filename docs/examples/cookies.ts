/**
 * A login that answers with a cookie and a redirect. The next hop has the cookie, and another host
 * does not.
 *
 * `CookieJar` needs the optional peer `tough-cookie`.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import { PooledHttpClient } from "effect-http-client"
import * as CookieJar from "effect-http-client/CookieJar"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const jar = yield* CookieJar.CookieJar
    const client = (yield* HttpClient.HttpClient).pipe(
      CookieJar.withCookieJar(jar),
      PooledHttpClient.followRedirects()
    )
    const response = yield* client.get(`http://${host}:${port}/login`)
    return {
      text: yield* response.text,
      cookies: yield* jar.size,
      elsewhere: Option.isSome(yield* jar.header("http://other.test/"))
    }
  }).pipe(Effect.provide(CookieJar.layer), Effect.provide(PooledHttpClient.layer))
