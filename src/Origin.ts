/**
 * Where a request goes and how: scheme, host and port, or the path of a unix socket, and every
 * option that distinguishes connections. The pool keeps and reuses connections by its `key`.
 *
 * An origin is checked when it is made. One parser serves the connection, the Host field and the
 * TLS server name. It has no path. Two origins are equal (`Equal.equals`) if their keys are equal,
 * so origins can be keys of a map. Its output (`toJSON`, `toString`, `console.log`) shows no
 * secrets of its options.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import type * as Equal from "effect/Equal"
import { dual } from "effect/Function"
import type * as Inspectable from "effect/Inspectable"
import * as Predicate from "effect/Predicate"
import { InvalidOption, InvalidUrl, UnsupportedScheme } from "./internal/error/request.ts"
import * as internal from "./internal/model/origin.ts"
import { keyedInput } from "./internal/model/tlsOptions.ts"
import { notRecord } from "./internal/options.ts"
import { withoutZone } from "./internal/syntax/host.ts"
import type * as Proxy from "./Proxy.ts"
import type * as Tls from "./Tls.ts"

/**
 * The type id of origins.
 *
 * @since 0.2.0
 * @category type ids
 */
export const TypeId: typeof internal.TypeId = internal.TypeId

/**
 * The type of the type id of origins.
 *
 * @since 0.2.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * Scheme, host, port and options. Create it with `make` or `fromUrl`, which check the parts.
 *
 * @since 0.1.0
 * @category models
 */
export interface Origin extends Equal.Equal, Inspectable.Inspectable {
  readonly [TypeId]: TypeId
  /** The scheme; `https` uses TLS. */
  readonly scheme: "http" | "https"
  /**
   * A name (ASCII, in lower case), an IPv4 address, or an IPv6 address without brackets, with its
   * zone id if it has one.
   */
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
  /** The unix socket to connect to instead of host and port, which then only name the server. */
  readonly socketPath: string | undefined
  /**
   * An immutable copy of the TLS options, or the Effect that is asked for them; `undefined` if they
   * equal the defaults, and for `http`.
   */
  readonly tls: Tls.Input | undefined
  /** The proxy to connect through. */
  readonly proxy: Proxy.Proxy | undefined
  /** The IP address of this machine to connect from. */
  readonly localAddress: string | undefined
}

/**
 * The address of an origin: the arguments of `make` without options.
 *
 * @since 0.2.0
 * @category models
 */
export interface Parts {
  readonly scheme: "http" | "https"
  readonly host: string
  readonly port?: number | undefined
  readonly socketPath?: string | undefined
}

/**
 * The options that distinguish connections to the same address. A record is read once, so later
 * changes to it have no effect.
 *
 * @since 0.2.0
 * @category models
 */
export interface Options {
  /**
   * For `https`. For `http` it is checked but not used, so that one record can serve both. An
   * Effect is compared by identity: make it once, and not for each request.
   */
  readonly tls?: Tls.Input | undefined
  /** Must not be combined with `socketPath`. */
  readonly proxy?: Proxy.Proxy | undefined
  /** An IP address. */
  readonly localAddress?: string | undefined
}

/**
 * True if a value is an origin.
 *
 * @since 0.2.0
 * @category guards
 */
export const isOrigin = (u: unknown): u is Origin => internal.isOrigin(u)

/** No options. */
type NoOptions = { readonly [K in keyof Options]?: undefined }

const given = (options: Options): internal.Options<Tls.Input> | InvalidOption | undefined => {
  const wrong = notRecord("options", options)
  if (wrong !== undefined || options === undefined) return wrong
  const { localAddress, proxy } = options
  if (options.tls === undefined) {
    return proxy === undefined && localAddress === undefined ? undefined : { tls: undefined, proxy, localAddress }
  }
  const tls = keyedInput(options.tls)
  return tls instanceof InvalidOption ? tls : { tls, proxy, localAddress }
}

/**
 * Creates an origin from its parts: the arguments of Python's `HTTPConnection(host, port)`.
 *
 * `host` may be `example.com`, `example.com:8080`, `127.0.0.1`, `[::1]`, `[::1]:8080`, `::1` or
 * `fe80::1%eth0`. Names that are not ASCII become punycode. IP addresses get their canonical form.
 * The port is the argument, the one after the host, or the scheme's default; giving both is an
 * error.
 *
 * Fails with `InvalidUrl`, whose `part` is `host`, `port` or `socketPath`, if that part is invalid.
 * Fails with `InvalidOption` if `tls`, `proxy` or `localAddress` is. As in Python and in URLs,
 * `example.com:` means the default port.
 *
 * @example
 * ```ts
 * import { Origin } from "effect-http-client"
 * import { Either } from "effect"
 *
 * const origin = Either.getOrThrow(Origin.make({ scheme: "http", host: "[::1]:8080" }))
 * console.log(origin.host, origin.port) // ::1 8080
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export function make(parts: Parts & NoOptions): Either.Either<Origin, InvalidUrl>
export function make(parts: Parts & Options): Either.Either<Origin, InvalidUrl | InvalidOption>
// Repeated, because `Parameters` sees only the last overload.
export function make(parts: Parts & NoOptions): Either.Either<Origin, InvalidUrl>
export function make(parts: Parts & Options): Either.Either<Origin, InvalidUrl | InvalidOption> {
  if (!Predicate.isRecord(parts)) return Either.left(new InvalidUrl({ part: "host", reason: "it is not a string" }))
  const options = given(parts)
  const made = options instanceof InvalidOption ? options : internal.make(parts, options)
  return made instanceof InvalidUrl || made instanceof InvalidOption ? Either.left(made) : Either.right(made)
}

/**
 * Returns the origin of an absolute URL, and the request target: path and query, without the
 * fragment (RFC 9112 section 3.2.1).
 *
 * The target of a string is unchanged: dot segments and the case of percent-encodings stay, because
 * signatures are made over them. Characters that a URL must not contain, such as those beyond
 * ASCII, are percent-encoded as `URL` does. A `URL` is already normalised and supplies its
 * `pathname` and `search`.
 *
 * Fails with `InvalidUrl` if the text has:
 *
 * - spaces or control characters (which `URL` would drop)
 * - credentials (`userinfo`)
 * - no host, or an invalid host or port
 * - a backslash in its path
 *
 * Fails with `UnsupportedScheme` if the scheme is neither http nor https, and with `InvalidOption`
 * if an option is invalid.
 *
 * @example
 * ```ts
 * import { Origin } from "effect-http-client"
 * import { Either } from "effect"
 *
 * const { origin, target } = Either.getOrThrow(Origin.fromUrl("https://Example.com?q=1#top"))
 * console.log(Origin.format(origin), target) // https://example.com:443 /?q=1
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export function fromUrl(
  url: string | URL
): Either.Either<{ readonly origin: Origin; readonly target: string }, InvalidUrl | UnsupportedScheme>
export function fromUrl(
  url: string | URL,
  options: Options & Pick<Parts, "socketPath">
): Either.Either<
  { readonly origin: Origin; readonly target: string },
  InvalidUrl | UnsupportedScheme | InvalidOption
>
export function fromUrl(
  url: string | URL,
  how?: Options & Pick<Parts, "socketPath">
): Either.Either<
  { readonly origin: Origin; readonly target: string },
  InvalidUrl | UnsupportedScheme | InvalidOption
> {
  const options = how === undefined ? undefined : given(how)
  const located = options instanceof InvalidOption
    ? options
    : internal.fromUrl(url, how === undefined ? undefined : { socketPath: how.socketPath, options })
  return located instanceof InvalidUrl || located instanceof UnsupportedScheme || located instanceof InvalidOption
    ? Either.left(located)
    : Either.right(located)
}

/**
 * Returns the same scheme, host, port and unix socket with other options. An option that is missing
 * gets its default.
 *
 * @example
 * ```ts
 * import { Origin } from "effect-http-client"
 * import { Either } from "effect"
 *
 * const origin = Either.getOrThrow(Origin.make({ scheme: "https", host: "example.com" }))
 * const strict = Either.getOrThrow(Origin.withOptions(origin, { tls: { minVersion: "TLSv1.3" } }))
 * console.log(Origin.key(origin) === Origin.key(strict)) // false
 * ```
 *
 * @since 0.2.0
 * @category combinators
 */
export const withOptions: {
  (options: Options): (origin: Origin) => Either.Either<Origin, InvalidOption>
  (origin: Origin, options: Options): Either.Either<Origin, InvalidOption>
} = dual(2, (origin: Origin, options: Options): Either.Either<Origin, InvalidOption> => {
  const settled = given(options)
  const made = settled instanceof InvalidOption ? settled : internal.replaceOptions(origin, settled)
  return made instanceof InvalidOption ? Either.left(made) : Either.right(made)
})

/**
 * Returns the key of an origin's connections. Two origins have the same key exactly if their
 * connections are interchangeable.
 *
 * Every part counts, and every field of the TLS options and the proxy, by content. Fields that are
 * absent, `undefined` or equal to the default are the same. The key contains secrets (credentials
 * of the proxy): use it in maps, not in logs. It is computed at its first use and kept, and is
 * meaningless in another process.
 *
 * @since 0.2.0
 * @category getters
 */
export const key: (origin: Origin) => string = internal.keyOf

/**
 * Returns the default port of a scheme: 80 for `http`, 443 for `https`.
 *
 * @since 0.1.0
 * @category getters
 */
export const defaultPort: (scheme: "http" | "https") => number = internal.defaultPort

/**
 * Returns the value of the Host field (RFC 9112 section 3.2). It has brackets around an IPv6
 * address, no zone id (RFC 6874 section 4), and no port if that is the scheme's default.
 *
 * @since 0.1.0
 * @category getters
 */
export const authority: (origin: Origin) => string = internal.authority

/**
 * Returns host and port, always both: the authority-form of CONNECT (RFC 9112 section 3.2.3).
 *
 * @since 0.1.0
 * @category getters
 */
export const hostPort: (origin: Pick<Origin, "host" | "port">) => string = internal.hostPort

/**
 * Returns the name that the server's certificate must match: the host without a zone id and without
 * a final dot (RFC 6066 section 3). For an IP address it is that address, which must not be sent as
 * SNI.
 *
 * @since 0.1.0
 * @category getters
 */
export const serverName = (origin: Origin): string => {
  const host = withoutZone(origin.host)
  return host.endsWith(".") ? host.slice(0, -1) : host
}

/**
 * Formats the origin for people and logs: `http://example.com:80`, or `unix:/run/app.sock`. Options
 * are not shown.
 *
 * @since 0.1.0
 * @category getters
 */
export const format: (origin: Origin) => string = internal.format
