/**
 * Cookies for the platform's `HttpClient` by RFC 6265: each is sent only to the hosts, paths and
 * schemes that it was set for.
 *
 * Needs `tough-cookie`, an optional peer, so it is not in the index: import it as
 * `effect-http-client/CookieJar`.
 *
 * - `Secure` cookies are sent by https alone, localhost included, and cannot be set or replaced by
 *   http. Cookies for a foreign domain or a public suffix are ignored, and those whose name begins
 *   with `__Host-` or `__Secure-` must keep what these promise.
 * - Expiry runs on Effect's `Clock`; all state is in a `Ref`, so any number of fibers may share a
 *   jar.
 * - `SameSite` is ignored: it is about pages of browsers, and a request of this library has none.
 * - Cookies are secrets: no message, log, span or `toJSON` shows them. The platform redacts the
 *   fields Cookie and Set-Cookie.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import { Effect } from "effect"
 * import { PooledHttpClient } from "effect-http-client"
 * import * as CookieJar from "effect-http-client/CookieJar"
 *
 * const program = Effect.gen(function*() {
 *   const jar = yield* CookieJar.CookieJar
 *   // The jar below the redirects, so that each hop gets and sets its own cookies.
 *   const client = (yield* HttpClient.HttpClient).pipe(
 *     CookieJar.withCookieJar(jar),
 *     PooledHttpClient.followRedirects()
 *   )
 *   yield* client.post("http://localhost:8080/login")
 *   return yield* client.get("http://localhost:8080/account")
 * })
 *
 * export const main = program.pipe(Effect.provide(CookieJar.layer), Effect.provide(PooledHttpClient.layer))
 * ```
 *
 * @since 0.2.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as client from "./internal/cookies/client.ts"
import * as internal from "./internal/cookies/jar.ts"

/**
 * A cookie jar.
 *
 * @since 0.2.0
 * @category models
 */
export interface CookieJar {
  /**
   * Stores the values of the Set-Cookie fields of a response from this URL. One that cannot be
   * read, or that the URL may not set, is ignored (RFC 6265 section 5.3), as is one of more than
   * 4096 characters, and every one of a URL that is neither http nor https.
   */
  setCookies(url: string | URL, lines: ReadonlyArray<string>): Effect.Effect<void>
  /**
   * The value of the Cookie field of a request to this URL: `own`, the caller's, if there is one,
   * and behind it the cookies of the jar whose name is not in it, those with longer paths first.
   * None if the jar has nothing to add.
   */
  header(url: string | URL, own?: string): Effect.Effect<Option.Option<Redacted.Redacted<string>>>
  /** How many cookies there are that have not expired. */
  readonly size: Effect.Effect<number>
  /** Removes all cookies. */
  readonly clear: Effect.Effect<void>
}

/**
 * The tag of the service.
 *
 * @since 0.2.0
 * @category tags
 */
export const CookieJar: Context.Tag<CookieJar, CookieJar> = Context.GenericTag<CookieJar>(
  "effect-http-client/CookieJar"
)

/**
 * An empty jar, in memory.
 *
 * @since 0.2.0
 * @category constructors
 */
export const make: Effect.Effect<CookieJar> = internal.make

/**
 * An empty jar as a layer. Each building of the layer makes another one, so provide it once for all
 * that share cookies, and once for each user whose cookies another user must not have.
 *
 * @since 0.2.0
 * @category layers
 */
export const layer: Layer.Layer<CookieJar> = Layer.effect(CookieJar, make)

/**
 * A client that sends the cookies of a jar, and stores those of its responses, before anything else
 * sees them. A Cookie field of the request stays, and wins for the names that it has.
 *
 * Put it below `followRedirects`, that is before it in a `pipe`: then a redirect's cookies are sent
 * with the next request, if they are for its URL. Above it only the first request gets cookies, and
 * only the last response sets them; what is for another origin is left out of redirects either way.
 *
 * @since 0.2.0
 * @category combinators
 */
export const withCookieJar: {
  (jar: CookieJar): <E, R>(client: HttpClient.HttpClient.With<E, R>) => HttpClient.HttpClient.With<E, R>
  <E, R>(client: HttpClient.HttpClient.With<E, R>, jar: CookieJar): HttpClient.HttpClient.With<E, R>
} = dual(2, client.withCookieJar)
