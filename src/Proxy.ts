/**
 * Proxies for HTTP: where they are, what is sent to them, which one is for which origin, and
 * reading them from the environment.
 *
 * A proxy is checked when it is made. Its credentials and headers are for it alone, never for the
 * origin behind it, and nothing that prints a proxy shows them. Proxies are spoken to in clear:
 * proxies over TLS and SOCKS proxies are not supported.
 *
 * @since 0.2.0
 */
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
import { notRecord } from "./internal/options.ts"

/**
 * The id that every proxy carries.
 *
 * @since 0.2.0
 * @category type ids
 */
export const TypeId: typeof internal.TypeId = internal.TypeId

/**
 * The type of the id that every proxy carries.
 *
 * @since 0.2.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * A proxy. Make it with `make` or `fromUrl`, which check the parts.
 *
 * Two proxies with the same parts are equal (`Equal.equals`). What it prints (`toJSON`, `toString`,
 * `console.log`) has no credential and no value of a field.
 *
 * @since 0.2.0
 * @category models
 */
export interface Proxy extends Equal.Equal, Inspectable.Inspectable {
  readonly [TypeId]: TypeId
  /** A name (ASCII, in lower case), an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string
  /** From 1 to 65535. */
  readonly port: number
  /** For `Proxy-Authorization: Basic` (RFC 7617), where there are some. */
  readonly credentials: Credentials | undefined
  /** Fields that the proxy gets beside `Proxy-Authorization`. */
  readonly headers: HttpFields.HttpFields
}

/**
 * User name and password for a proxy. The name is redacted too, because some proxies take a token
 * in its place.
 *
 * @since 0.2.0
 * @category models
 */
export interface Credentials {
  readonly username: Redacted.Redacted
  readonly password: Redacted.Redacted
}

/**
 * What a proxy is made of.
 *
 * @since 0.2.0
 * @category models
 */
export interface Options {
  /** A name or an address, with or without a port, as `Origin.make` takes it. */
  readonly host: string
  /** Default: 80. */
  readonly port?: number | undefined
  readonly credentials?: {
    /** Without colon and control characters. */
    readonly username: string | Redacted.Redacted
    readonly password: string | Redacted.Redacted
  } | undefined
  /**
   * Fields for the proxy only: of CONNECT, and of requests that it forwards. There they are named
   * in Connection, with Proxy-Authorization, so that the proxy does not pass them on (RFC 9110
   * section 7.6.1). A field of the request with the same name is sent in place of one of these, and
   * is for the server.
   */
  readonly headers?: HttpFields.Input | undefined
}

/**
 * Which proxy for which origins: what curl reads from the environment.
 *
 * @since 0.2.0
 * @category models
 */
export interface Settings {
  /** For origins with the scheme `http`. */
  readonly http: Proxy | undefined
  /** For origins with the scheme `https`. */
  readonly https: Proxy | undefined
  /** Whether an origin is asked directly all the same. `noProxy` makes it of a list. */
  readonly bypass: (target: Target) => boolean
}

/**
 * What counts of an origin when a proxy is looked for. An `Origin` is one.
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
 * Variables of an environment, such as `process.env`.
 *
 * @since 0.2.0
 * @category models
 */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Whether a value is a proxy.
 *
 * @since 0.2.0
 * @category guards
 */
export const isProxy: (u: unknown) => u is Proxy = internal.isProxy

const toEither = <A, E extends Error>(result: A | E): Either.Either<A, E> =>
  result instanceof Error ? Either.left(result) : Either.right(result)

/**
 * A proxy of its parts.
 *
 * Fails with `InvalidUrl` if host or port cannot be used, and with `InvalidOption` if the
 * credentials or headers cannot be sent.
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
  toEither<Proxy, InvalidUrl | InvalidOption>(internal.make(options))

/**
 * A proxy of its URL, such as `http://user:password@proxy.example:3128`; the scheme may be left
 * out. What user name and password have of `/`, `?`, `#`, `%` and, in the name, `:` must be
 * percent-encoded.
 *
 * Fails with `InvalidUrl` if the text is no URL or has a path, and with `InvalidOption` if it is
 * for another kind of proxy (`https`, `socks5` and the like) or its credentials or headers cannot
 * be sent. No error repeats the URL.
 *
 * @example
 * ```ts
 * import { Proxy } from "effect-http-client"
 * import { Either } from "effect"
 *
 * const proxy = Either.getOrThrow(Proxy.fromUrl("http://me:secret@[::1]:3128"))
 * console.log(proxy.host, proxy.port) // ::1 3128
 * ```
 *
 * @since 0.2.0
 * @category constructors
 */
export const fromUrl = (
  url: string | URL,
  options?: { readonly headers?: HttpFields.Input | undefined }
): Either.Either<Proxy, InvalidUrl | InvalidOption> =>
  toEither<Proxy, InvalidUrl | InvalidOption>(notRecord("options", options) ?? internal.fromUrl(url, options?.headers))

/**
 * What the proxy gets with CONNECT and with every request that it forwards: its headers, and
 * `Proxy-Authorization` where there are credentials (Basic, in UTF-8). For nobody but the proxy.
 *
 * @since 0.2.0
 * @category getters
 */
export const fields = (proxy: Proxy): HttpFields.HttpFields => internal.fieldsOf(proxy)

/**
 * Whether an origin is in a list of hosts that are asked directly, by the rules of curl's
 * `NO_PROXY`.
 *
 * Entries are separated by commas, and their case does not count. `example.com` and `.example.com`
 * are that name and all below it, `*.example.com` those below it only, `*` is everything. An
 * address matches addresses only, in whatever spelling; `10.0.0.0/8` and `2001:db8::/32` are
 * networks. An entry may end in a port (`example.com:8080`, `[::1]:8080`) and is then for that
 * port. A dot at the end of a name does not count; a zone id (`fe80::1%eth0`) counts where the
 * entry has one. Other than in Go, `localhost` must be in the list to be asked directly. An entry
 * that makes no sense matches nothing.
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
  // Types do not hold for everybody, and this cannot fail: what is no list matches nothing, as an
  // entry that makes no sense.
  typeof list === "string" ? matcher(list) : () => false

/**
 * The first of these variables that is set, even if it is empty: an empty one is how to say "no
 * proxy" over another one.
 */
const firstSet = (env: Environment, names: ReadonlyArray<string>): string | undefined =>
  names.find((name) => env[name] !== undefined)

const readVariable = (env: Environment, name: string | undefined): Proxy | undefined | InvalidOption => {
  const value = name === undefined ? undefined : env[name]
  if (name === undefined || value === undefined || value === "") return undefined
  const proxy = internal.fromUrl(value, undefined)
  return proxy instanceof Error
    ? new InvalidOption({ option: name, reason: `the environment variable names no usable proxy: ${proxy.reason}` })
    : proxy
}

/**
 * The proxies that the environment names, as curl reads it.
 *
 * For `http` it is `http_proxy` or `HTTP_PROXY`, for `https` `https_proxy` or `HTTPS_PROXY`, for
 * both else `all_proxy` or `ALL_PROXY`; exceptions (see `noProxy`) stand in `no_proxy` or
 * `NO_PROXY`. Lower case wins. An empty variable says that there is none and hides those after it.
 * `HTTP_PROXY` does not count where `REQUEST_METHOD` is set: in a CGI program it comes from the
 * field `Proxy` of a request (CVE-2016-5385).
 *
 * Fails with `InvalidOption`, which names the variable and never repeats its value, if one that
 * counts holds no proxy that can be used: `socks5://` and `https://` among them.
 *
 * @example
 * ```ts
 * import { Origin, Proxy } from "effect-http-client"
 * import { Either } from "effect"
 *
 * const settings = Either.getOrThrow(Proxy.fromEnv({ https_proxy: "http://proxy.example:3128", no_proxy: "example.com" }))
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
 * The proxy for an origin; `undefined` where it is asked directly. A unix socket always is.
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
