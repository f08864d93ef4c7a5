/**
 * Proxies: HTTP, HTTP over TLS, SOCKS4 and SOCKS5. Their address, what is sent to them, which
 * origins use them, and their settings in the environment.
 *
 * A proxy is checked when it is made. Its credentials, headers and TLS options are for the proxy
 * only, never for the origin behind it, and no output of a proxy shows them.
 *
 * @since 0.2.0
 */
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Equal from "effect/Equal"
import { dual } from "effect/Function"
import type * as Inspectable from "effect/Inspectable"
import type * as Redacted from "effect/Redacted"
import type * as HttpFields from "./HttpFields.ts"
import type { InvalidUrl } from "./internal/error/request.ts"
import { InvalidOption } from "./internal/error/request.ts"
import { matcher } from "./internal/model/noProxy.ts"
import * as internal from "./internal/model/proxy.ts"
import * as parts from "./internal/model/proxyParts.ts"
import { notRecord } from "./internal/options.ts"
import type * as Tls from "./Tls.ts"

/**
 * The type id of proxies.
 *
 * @since 0.2.0
 * @category type ids
 */
export const TypeId: typeof internal.TypeId = internal.TypeId

/**
 * The type of the type id of proxies.
 *
 * @since 0.2.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * How to talk to a proxy.
 *
 * - `http`: HTTP/1.1. A request for an http origin is forwarded, and CONNECT opens a tunnel for
 *   https (RFC 9110 section 9.3.6).
 * - `https`: the same over TLS with the proxy.
 * - `socks5h`: SOCKS5 (RFC 1928). The proxy resolves the names of the origins. Tunnels for http
 *   and https, with or without credentials (RFC 1929).
 * - `socks5`: the same, but this process resolves the names. The proxy gets one address after
 *   another until it can reach one.
 * - `socks4a`: SOCKS4 with names, which the proxy resolves. No IPv6 addresses, no passwords.
 * - `socks4`: the same, but this process resolves the names, and the proxy gets the IPv4 addresses.
 *
 * @since 0.2.0
 * @category models
 */
export type Scheme = internal.Scheme

/**
 * A proxy. Create it with `make` or `fromUrl`, which check the parts.
 *
 * Two proxies with the same parts are equal (`Equal.equals`). Its output (`toJSON`, `toString`,
 * `console.log`) has no credentials and no field values.
 *
 * @since 0.2.0
 * @category models
 */
export interface Proxy extends Equal.Equal, Inspectable.Inspectable {
  readonly [TypeId]: TypeId
  readonly scheme: Scheme
  /** A name (ASCII, in lower case), an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
  /**
   * The credentials, if any: for `Proxy-Authorization: Basic` (RFC 7617), for SOCKS5 (RFC 1929), or
   * the user id of SOCKS4. `undefined` if they are an Effect.
   */
  readonly credentials: Credentials | undefined
  /** Fields that the proxy gets in addition to `Proxy-Authorization`. */
  readonly headers: HttpFields.HttpFields
  /** The options of the TLS with the proxy, if they are not the defaults. */
  readonly tls: Tls.Options | undefined
}

/**
 * User name and password for a proxy. The name is redacted too, because some proxies take a token
 * instead of a name.
 *
 * @since 0.2.0
 * @category models
 */
export interface Credentials {
  readonly username: Redacted.Redacted
  readonly password: Redacted.Redacted
}

/**
 * User name and password of a proxy, unescaped.
 *
 * @since 0.2.0
 * @category models
 */
export interface CredentialsInput {
  /** Must not contain a colon, except for SOCKS. */
  readonly username: string | Redacted.Redacted
  readonly password: string | Redacted.Redacted
}

/**
 * The parts of a proxy.
 *
 * @since 0.2.0
 * @category models
 */
export interface Options {
  /** Default: `http`. */
  readonly scheme?: Scheme | undefined
  /** A name or an address, with or without a port, as `Origin.make` accepts it. */
  readonly host: string
  /** Default: 80 for `http`, 443 for `https`, 1080 for SOCKS. */
  readonly port?: number | undefined
  /**
   * Neither may contain control characters. SOCKS5 demands 1 to 255 bytes (UTF-8) of each. SOCKS4
   * has only a user name of at most 255 bytes; its password must be empty.
   *
   * An Effect is asked for each new connection to the proxy, as `Tls.Input` describes, so that
   * credentials can be replaced while the program runs. It is compared by identity. A request that
   * the proxy forwards carries the credentials of the connection that it is sent on.
   */
  readonly credentials?: CredentialsInput | Effect.Effect<CredentialsInput, unknown> | undefined
  /**
   * Fields for the proxy only, on CONNECT and on requests that it forwards. A forwarded request
   * lists them in Connection, with Proxy-Authorization, so that the proxy does not pass them on
   * (RFC 9110 section 7.6.1). A field of the request with the same name replaces one of these, and
   * is for the server. Not for SOCKS, which has no fields.
   */
  readonly headers?: HttpFields.Input | undefined
  /**
   * Options of the TLS with the proxy, for the scheme `https` only. They have nothing to do with
   * those of an origin. The certificate is checked against the host of the proxy unless they say
   * otherwise.
   */
  readonly tls?: Tls.Options | undefined
}

/**
 * The proxies for origins, as curl reads them from the environment.
 *
 * @since 0.2.0
 * @category models
 */
export interface Settings {
  /** The proxy for origins with the scheme `http`. */
  readonly http: Proxy | undefined
  /** The proxy for origins with the scheme `https`. */
  readonly https: Proxy | undefined
  /**
   * Returns true if an origin is connected to directly despite these settings. `noProxy` creates it
   * from a list.
   */
  readonly bypass: (target: Target) => boolean
}

/**
 * The parts of an origin that decide about its proxy. An `Origin` has them.
 *
 * @since 0.2.0
 * @category models
 */
export interface Target {
  readonly scheme: "http" | "https"
  readonly host: string
  readonly port: number
  readonly socketPath?: string | undefined
}

/**
 * The variables of an environment, such as `process.env`.
 *
 * @since 0.2.0
 * @category models
 */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * True if a value is a proxy.
 *
 * @since 0.2.0
 * @category guards
 */
export const isProxy: (u: unknown) => u is Proxy = internal.isProxy

const toEither = <A, E extends Error>(result: A | E): Either.Either<A, E> =>
  result instanceof Error ? Either.left(result) : Either.right(result)

/**
 * Creates a proxy from its parts.
 *
 * Fails with `InvalidUrl` if the host or port is invalid. Fails with `InvalidOption` if the scheme
 * is unknown, the credentials or headers cannot be sent, or the TLS options are invalid.
 *
 * @example
 * ```ts
 * import { Proxy } from "effect-http-client"
 * import { Either, Redacted } from "effect"
 *
 * const proxy = Either.getOrThrow(Proxy.make({
 *   host: "proxy.example:3128",
 *   credentials: { username: "me", password: Redacted.make("secret") },
 *   headers: { "X-Tenant": "a" }
 * }))
 * console.log(String(proxy)) // http://proxy.example:3128
 * ```
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (options: Options): Either.Either<Proxy, InvalidUrl | InvalidOption> =>
  toEither<Proxy, InvalidUrl | InvalidOption>(parts.make(options))

/**
 * Creates a proxy from its URL, such as `http://user:password@proxy.example:3128`. The scheme is
 * one of `Scheme`, by default `http`; `socks` means SOCKS4, as in curl. In user name and password,
 * `/`, `?`, `#` and `%` must be percent-encoded; in the user name also `:`.
 *
 * Fails with `InvalidUrl` if the text is not a URL or has a path. Fails with `InvalidOption` if its
 * scheme is another one, or if its credentials, headers or TLS options are not for such a proxy. No
 * error repeats the URL.
 *
 * @example
 * ```ts
 * import { Proxy } from "effect-http-client"
 * import { Either } from "effect"
 *
 * const proxy = Either.getOrThrow(Proxy.fromUrl("http://me:secret@[::1]:3128"))
 * console.log(proxy.host, proxy.port) // ::1 3128
 *
 * const socks = Either.getOrThrow(Proxy.fromUrl("socks5h://me:secret@proxy.example"))
 * console.log(String(socks)) // socks5h://proxy.example:1080
 * ```
 *
 * @since 0.2.0
 * @category constructors
 */
export const fromUrl = (
  url: string | URL,
  options?: { readonly headers?: HttpFields.Input | undefined; readonly tls?: Tls.Options | undefined }
): Either.Either<Proxy, InvalidUrl | InvalidOption> =>
  toEither<Proxy, InvalidUrl | InvalidOption>(notRecord("options", options) ?? parts.fromUrl(url, options ?? {}))

/**
 * Returns the fields that the proxy gets with CONNECT and with every request that it forwards.
 * These are its headers, and `Proxy-Authorization` if it has credentials (Basic, in UTF-8). They
 * must be sent to the proxy only. A SOCKS proxy has none.
 *
 * @since 0.2.0
 * @category getters
 */
export const fields = (proxy: Proxy): HttpFields.HttpFields => internal.fieldsOf(proxy)

/**
 * Returns a function that says whether an origin is in a list of hosts to connect to directly. It
 * follows the rules of curl's `NO_PROXY`.
 *
 * - Entries are separated by commas and are case-insensitive.
 * - `example.com` and `.example.com` match that name and all names below it, `*.example.com` only
 *   the names below it, and `*` everything.
 * - An address matches addresses only, in any spelling. `10.0.0.0/8` and `2001:db8::/32` are
 *   networks.
 * - An entry may end in a port (`example.com:8080`, `[::1]:8080`) and then matches only that port.
 * - A dot at the end of a name is ignored. A zone id (`fe80::1%eth0`) counts if the entry has one.
 * - Unlike in Go, `localhost` must be in the list to be connected to directly.
 * - An invalid entry matches nothing.
 *
 * @example
 * ```ts
 * import { Origin, Proxy } from "effect-http-client"
 * import { Either } from "effect"
 *
 * const direct = Proxy.noProxy("localhost, .example.com, 10.0.0.0/8")
 * const { origin } = Either.getOrThrow(Origin.fromUrl("http://www.example.com/"))
 * console.log(direct(origin)) // true
 * ```
 *
 * @since 0.2.0
 * @category predicates
 */
export const noProxy = (list: string): (target: Target) => boolean =>
  // Untyped callers may pass another value, and this function cannot fail. A value that is not a
  // list matches nothing, like an invalid entry.
  typeof list === "string" ? matcher(list) : () => false

/**
 * Returns the first of these variables that is set, even if it is empty: an empty variable means
 * "no proxy" and overrides the following ones.
 */
const firstSet = (env: Environment, names: ReadonlyArray<string>): string | undefined =>
  names.find((name) => env[name] !== undefined)

const readVariable = (env: Environment, name: string | undefined): Proxy | undefined | InvalidOption => {
  const value = name === undefined ? undefined : env[name]
  if (name === undefined || value === undefined || value === "") return undefined
  const proxy = parts.fromUrl(value, {})
  return proxy instanceof Error
    ? new InvalidOption({ option: name, reason: `the environment variable names no usable proxy: ${proxy.reason}` })
    : proxy
}

/**
 * Reads the proxies from the environment, as curl does.
 *
 * The proxy for `http` is in `http_proxy` or `HTTP_PROXY`, and for `https` in `https_proxy` or
 * `HTTPS_PROXY`. Otherwise `all_proxy` or `ALL_PROXY` applies to both. Exceptions (see `noProxy`)
 * are in `no_proxy` or `NO_PROXY`. Lower case wins. An empty variable means that there is no proxy,
 * and hides the following ones. `HTTP_PROXY` is ignored if `REQUEST_METHOD` is set, because a CGI
 * program gets it from the field `Proxy` of a request (CVE-2016-5385).
 *
 * A proxy of any `Scheme` may be named. Fails with `InvalidOption` if an applicable variable has no
 * usable proxy. The error names the variable and never repeats its value.
 *
 * @example
 * ```ts
 * import { Origin, Proxy } from "effect-http-client"
 * import { Either } from "effect"
 *
 * const settings = Either.getOrThrow(Proxy.fromEnv({
 *   https_proxy: "http://proxy.example:3128",
 *   no_proxy: "example.com"
 * }))
 * const { origin } = Either.getOrThrow(Origin.fromUrl("https://example.org/"))
 * console.log(String(Proxy.forOrigin(settings, origin))) // http://proxy.example:3128
 * ```
 *
 * @since 0.2.0
 * @category constructors
 */
export const fromEnv = (env: Environment = process.env): Either.Either<Settings, InvalidOption> => {
  const wrong = notRecord("env", env)
  if (wrong !== undefined) return Either.left(wrong)
  const upperHttp = env["REQUEST_METHOD"] === undefined ? ["HTTP_PROXY"] : []
  const others = ["all_proxy", "ALL_PROXY"]
  const http = readVariable(env, firstSet(env, ["http_proxy", ...upperHttp, ...others]))
  if (http instanceof InvalidOption) return Either.left(http)
  const https = readVariable(env, firstSet(env, ["https_proxy", "HTTPS_PROXY", ...others]))
  if (https instanceof InvalidOption) return Either.left(https)
  return Either.right({ http, https, bypass: noProxy(env["no_proxy"] ?? env["NO_PROXY"] ?? "") })
}

/**
 * Returns the proxy for an origin; `undefined` if it is connected to directly. A unix socket always
 * is.
 *
 * @since 0.2.0
 * @category getters
 */
export const forOrigin: {
  (origin: Target): (settings: Settings) => Proxy | undefined
  (settings: Settings, origin: Target): Proxy | undefined
} = dual(2, (settings: Settings, origin: Target): Proxy | undefined => {
  const proxy = origin.scheme === "https" ? settings.https : settings.http
  return proxy === undefined || origin.socketPath !== undefined || settings.bypass(origin) ? undefined : proxy
})
