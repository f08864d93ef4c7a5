/**
 * A cookie jar. `tough-cookie` decides about domains, paths, prefixes and public suffixes; time
 * comes from Effect's `Clock`, and all state is in a `Ref`. This is the only folder that imports
 * `tough-cookie`, which is an optional peer.
 *
 * Cookies are secrets: nothing here produces a message, and a jar shows only how many cookies it
 * has.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as tough from "tough-cookie"

/**
 * The longest name and value together, in characters (RFC 6265bis section 5.6). A longer cookie is
 * ignored.
 */
const maxLength = 4096

/** The last time that a `Date` can hold. */
const endOfTime = 8.64e15

const newJar = (): tough.CookieJar =>
  new tough.CookieJar(undefined, {
    rejectPublicSuffixes: true,
    prefixSecurity: "silent",
    // Secure means https even on this machine, because one of its ports may belong to another user.
    allowSecureOnLocal: false,
    enforceSecureOriginOnStorage: true
  })

/** Returns the URL if its scheme has cookies. */
const cookieUrl = (url: string | URL): URL | undefined => {
  if (typeof url === "string" && !URL.canParse(url)) return undefined
  const read = new URL(url)
  return read.protocol === "http:" || read.protocol === "https:" ? read : undefined
}

/**
 * Converts the lifetime of a cookie to a time on the clock. `tough-cookie` counts Max-Age from the
 * last use by the system's time, so a cookie would live as long as it is used.
 */
const withExpiry = (cookie: tough.Cookie, now: number): tough.Cookie => {
  const { maxAge } = cookie
  if (maxAge === null) return cookie
  const seconds = typeof maxAge === "number" ? maxAge : maxAge === "Infinity" ? Infinity : 0
  const at = seconds <= 0 ? 0 : now + seconds * 1000
  cookie.expires = at > endOfTime ? "Infinity" : new Date(at)
  cookie.maxAge = null
  return cookie
}

const hasExpired = (cookie: tough.Cookie, now: number): boolean =>
  cookie.expires instanceof Date && cookie.expires.getTime() <= now

/** Returns all cookies of a jar that a server may receive, secure or not, for any of its paths. */
const ofServer = (jar: tough.CookieJar, url: URL): ReadonlyArray<tough.Cookie> => {
  const secure = new URL(url)
  secure.protocol = "https:"
  return jar.getCookiesSync(secure.href, { allPaths: true, expire: false })
}

/**
 * True if a server that is reached by http would replace or hide a cookie that was set by https
 * (RFC 6265bis section 5.7).
 */
const overlaysSecure = (jar: tough.CookieJar, cookie: tough.Cookie, url: URL): boolean =>
  url.protocol === "http:" && ofServer(jar, url).some(({ key, secure }) => secure && key === cookie.key)

const drop = (jar: tough.CookieJar, { domain, key, path }: tough.Cookie): void => {
  jar.store.removeCookie(domain, path, key, () => {})
}

const store = (jar: tough.CookieJar, line: string, url: URL, now: number): void => {
  const cookie = tough.Cookie.parse(line)
  if (cookie === undefined || cookie.key.length + cookie.value.length > maxLength) return
  if (overlaysSecure(jar, cookie, url)) return
  const set = jar.setCookieSync(withExpiry(cookie, now), url.href, { ignoreError: true, now: new Date(now) })
  // A server deletes a cookie by sending one that has expired.
  if (set !== undefined && hasExpired(set, now)) drop(jar, set)
}

const matching = (jar: tough.CookieJar, url: URL, now: number): ReadonlyArray<tough.Cookie> =>
  jar.getCookiesSync(url.href, { expire: false })
    .filter((cookie) => {
      const expired = hasExpired(cookie, now)
      if (expired) drop(jar, cookie)
      return !expired
    })
    // Longer paths first, then by age (RFC 6265 section 5.4).
    .sort(tough.cookieCompare)

/** Returns the name of a pair in a Cookie field. */
const nameOf = (pair: string): string => pair.split("=", 1)[0]?.trim() ?? ""

/** The methods, documented in `CookieJar`. */
export class Jar {
  readonly #state: Ref.Ref<tough.CookieJar>

  constructor(state: Ref.Ref<tough.CookieJar>) {
    this.#state = state
  }

  /**
   * Runs one synchronous step, so that no other fiber sees a partial change. The URL is checked
   * first.
   */
  #at<A>(url: string | URL, orElse: A, step: (jar: tough.CookieJar, url: URL, now: number) => A): Effect.Effect<A> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Ref.modify(this.#state, (jar): [A, tough.CookieJar] => {
        const read = cookieUrl(url)
        return [read === undefined ? orElse : step(jar, read, now), jar]
      }))
  }

  setCookies(url: string | URL, lines: ReadonlyArray<string>): Effect.Effect<void> {
    return this.#at(url, undefined, (jar, url, now) => {
      for (const line of lines) store(jar, line, url, now)
    })
  }

  header(url: string | URL, own?: string): Effect.Effect<Option.Option<Redacted.Redacted<string>>> {
    return this.#at(url, Option.none(), (jar, url, now) => {
      const given = own === undefined || own.trim() === "" ? [] : own.split(";").map((pair) => pair.trim())
      const names = new Set(given.map(nameOf))
      const pairs = matching(jar, url, now).filter(({ key }) => !names.has(key)).map((cookie) => cookie.cookieString())
      return pairs.length === 0 ? Option.none() : Option.some(Redacted.make([...given, ...pairs].join("; ")))
    })
  }

  get size(): Effect.Effect<number> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.map(Ref.get(this.#state), (jar) => {
        const { cookies = [] } = jar.serializeSync() ?? {}
        return cookies.filter(({ expires }) => typeof expires !== "string" || !(Date.parse(expires) <= now)).length
      }))
  }

  get clear(): Effect.Effect<void> {
    return Effect.suspend(() => Ref.set(this.#state, newJar()))
  }

  toJSON(): unknown {
    return { _tag: "CookieJar" }
  }
}

/** An empty jar. */
export const make: Effect.Effect<Jar> = Effect.map(Effect.suspend(() => Ref.make(newJar())), (state) => new Jar(state))
