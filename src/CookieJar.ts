/**
 * Cookies for the platform's `HttpClient` by RFC 6265. Each cookie is sent only to the hosts, paths
 * and schemes that it was set for.
 *
 * Needs `tough-cookie`, an optional peer, so it is not in the index: import it as
 * `effect-http-client/CookieJar`.
 *
 * - `Secure` cookies are sent by https only, even to localhost, and http cannot set or replace
 *   them. Cookies for a foreign domain or a public suffix are ignored. Cookies whose name begins
 *   with `__Host-` or `__Secure-` must meet the conditions of that prefix.
 * - Expiry runs on Effect's `Clock`. All state is in a `Ref`, so any number of fibers may share a
 *   jar.
 * - `SameSite` is ignored, because it concerns the pages of browsers, and a request of this library
 *   has no page.
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
   * Stores the values of the Set-Cookie fields of a response from this URL. Ignores a value that is
   * malformed, that has more than 4096 characters, or that the URL may not set (RFC 6265 section
   * 5.3). Ignores all values if the URL is neither http nor https.
   */
  setCookies(url: string | URL, lines: ReadonlyArray<string>): Effect.Effect<void>
  /**
   * Returns the value of the Cookie field for a request to this URL. It starts with `own`, the
   * caller's value, if there is one. The cookies of the jar whose names are not in it follow,
   * longer paths first. `None` if the jar has nothing to add.
   */
  header(url: string | URL, own?: string): Effect.Effect<Option.Option<Redacted.Redacted<string>>>
  /** The number of cookies that have not expired. */
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
 * An empty jar as a layer. Every build of the layer creates a new jar. Provide it once for all
 * requests that share cookies, and separately for users who must not share them.
 *
 * @since 0.2.0
 * @category layers
 */
export const layer: Layer.Layer<CookieJar> = Layer.effect(CookieJar, make)

/**
 * Returns a client that sends the cookies of a jar, and stores those of its responses before other
 * code sees them. A Cookie field of the request stays, and takes precedence for the names in it.
 *
 * Apply it below `followRedirects`, which is before it in a `pipe`. A redirect's cookies are then
 * sent with the next request, if they match its URL. Above it, only the first request gets cookies
 * and only the last response sets them. In both cases redirects omit the cookies of another origin.
 *
 * @since 0.2.0
 * @category combinators
 */
export const withCookieJar: {
  (jar: CookieJar): <E, R>(client: HttpClient.HttpClient.With<E, R>) => HttpClient.HttpClient.With<E, R>
  <E, R>(client: HttpClient.HttpClient.With<E, R>, jar: CookieJar): HttpClient.HttpClient.With<E, R>
} = dual(2, client.withCookieJar)
