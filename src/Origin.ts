/**
 * Where a request goes and how: scheme, host and port, or the path of a unix socket, and every
 * option that makes a connection different. Connections are kept and used again by it (`key`).
 *
 * An origin is checked when it is made, by one parser for what is connected to, for the Host field
 * and for the TLS server name. It holds no path. Two origins are equal (`Equal.equals`) if their
 * keys are the same, so that they can be keys. What it prints (`toJSON`, `toString`, `console.log`)
 * shows no secret of its options.
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
import { notRecord } from "./internal/options.ts"
import { withoutZone } from "./internal/syntax/host.ts"
import type * as Proxy from "./Proxy.ts"
import * as Tls from "./Tls.ts"

/**
 * The id that every origin carries.
 *
 * @since 0.2.0
 * @category type ids
 */
export const TypeId: typeof internal.TypeId = internal.TypeId

/**
 * The type of the id that every origin carries.
 *
 * @since 0.2.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * Scheme, host, port and options. Make it with `make` or `fromUrl`, which check the parts.
 *
 * @since 0.1.0
 * @category models
 */
export interface Origin extends Equal.Equal, Inspectable.Inspectable {
  readonly [TypeId]: TypeId
  /** `https` is over TLS. */
  readonly scheme: "http" | "https"
  /**
   * A name (ASCII, in lower case), an IPv4 address, or an IPv6 address without brackets, with its
   * zone id if it has one.
   */
  readonly host: string
  /** From 1 to 65535. */
  readonly port: number
  /**
   * The unix socket to connect to in place of host and port, which then only say what is asked for.
   */
  readonly socketPath: string | undefined
  /**
   * A copy of the options of TLS that cannot change; `undefined` where they are the defaults, and
   * for `http`.
   */
  readonly tls: Tls.Options | undefined
  /** The proxy to connect through. */
  readonly proxy: Proxy.Proxy | undefined
  /** The IP address of this machine to connect from. */
  readonly localAddress: string | undefined
}

/**
 * Where an origin is: `make` without options.
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
 * What makes a connection to the same place a different one. A record is read once: what is done to
 * it later has no effect.
 *
 * @since 0.2.0
 * @category models
 */
export interface Options {
  /** For `https`. For `http` it is checked and left out, so that one record can serve both. */
  readonly tls?: Tls.Options | undefined
  /** Not together with `socketPath`. */
  readonly proxy?: Proxy.Proxy | undefined
  /** An IP address. */
  readonly localAddress?: string | undefined
}

/**
 * Whether a value is an origin.
 *
 * @since 0.2.0
 * @category guards
 */
export const isOrigin = (u: unknown): u is Origin => internal.isOrigin(u)

/** No option at all. */
type NoOptions = { readonly [K in keyof Options]?: undefined }

const given = (options: Options): internal.Options<Tls.Options> | InvalidOption | undefined => {
  const wrong = notRecord("options", options)
  if (wrong !== undefined || options === undefined) return wrong
  const { localAddress, proxy } = options
  if (options.tls === undefined) {
    return proxy === undefined && localAddress === undefined ? undefined : { tls: undefined, proxy, localAddress }
  }
  const tls = Tls.keyed(options.tls)
  return tls instanceof InvalidOption ? tls : { tls, proxy, localAddress }
}

/**
 * An origin of its parts: the arguments of Python's `HTTPConnection(host, port)`.
 *
 * `host` may be `example.com`, `example.com:8080`, `127.0.0.1`, `[::1]`, `[::1]:8080`, `::1` or
 * `fe80::1%eth0`. Other names than ASCII ones become punycode, other spellings of IP addresses
 * their canonical form. The port is the argument, or what follows the host, or the scheme's
 * default; both at once are an error.
 *
 * Fails with `InvalidUrl`, whose `part` is `host`, `port` or `socketPath`, if one of them cannot be
 * used, and with `InvalidOption` if `tls`, `proxy` or `localAddress` cannot. As in Python and in
 * URLs `example.com:` means the default port.
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
// Again, because `Parameters` sees the last one.
export function make(parts: Parts & NoOptions): Either.Either<Origin, InvalidUrl>
export function make(parts: Parts & Options): Either.Either<Origin, InvalidUrl | InvalidOption> {
  if (!Predicate.isRecord(parts)) return Either.left(new InvalidUrl({ part: "host", reason: "it is not a string" }))
  const options = given(parts)
  const made = options instanceof InvalidOption ? options : internal.make(parts, options)
  return made instanceof InvalidUrl || made instanceof InvalidOption ? Either.left(made) : Either.right(made)
}

/**
 * The origin of an absolute URL, and the target to ask it for: path and query, without the fragment
 * (RFC 9112 section 3.2.1).
 *
 * The target of a string is what the string says: dot segments and the case of percent-encodings
 * stay, because signatures are made over them. What a URL cannot have, such as characters beyond
 * ASCII, is percent-encoded as `URL` does. A `URL` has been normalised already and gives its
 * `pathname` and `search`.
 *
 * Fails with `InvalidUrl` if the text has spaces or control characters (which `URL` would drop),
 * has credentials (`userinfo`), no host, a host or port that cannot be used, or a backslash in its
 * path; with `UnsupportedScheme` if it is for another scheme than http and https; with
 * `InvalidOption` if an option cannot be used.
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
 * The same scheme, host, port and unix socket with these options in place of its own: one that is
 * not given is the default.
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
 * The key under which connections are kept: two origins have the same one exactly if their
 * connections can stand for each other.
 *
 * Every part counts, and every field of the options of TLS and of the proxy, by content. Fields
 * that are absent, `undefined` or say the default are the same. It holds secrets (credentials of
 * the proxy): it is for maps, not for logs. It is made at its first use and kept, and means nothing
 * to another process.
 *
 * @since 0.2.0
 * @category getters
 */
export const key: (origin: Origin) => string = internal.keyOf

/**
 * The port of a scheme where none is given: 80 for `http`, 443 for `https`.
 *
 * @since 0.1.0
 * @category getters
 */
export const defaultPort: (scheme: "http" | "https") => number = internal.defaultPort

/**
 * The value of the Host field (RFC 9112 section 3.2): brackets around an IPv6 address, no zone id
 * (RFC 6874 section 4), and no port where it is the default of the scheme.
 *
 * @since 0.1.0
 * @category getters
 */
export const authority: (origin: Origin) => string = internal.authority

/**
 * Host and port, always both: the authority-form that CONNECT asks a proxy for (RFC 9112 section
 * 3.2.3).
 *
 * @since 0.1.0
 * @category getters
 */
export const hostPort: (origin: Pick<Origin, "host" | "port">) => string = internal.hostPort

/**
 * The name that the server's certificate must be for: the host without zone id and without a last
 * dot (RFC 6066 section 3). Of an IP address it is the address, which may not be sent as SNI.
 *
 * @since 0.1.0
 * @category getters
 */
export const serverName = (origin: Origin): string => {
  const host = withoutZone(origin.host)
  return host.endsWith(".") ? host.slice(0, -1) : host
}

/**
 * The origin as people and logs read it: `http://example.com:80`, or `unix:/run/app.sock`. Options
 * are not shown.
 *
 * @since 0.1.0
 * @category getters
 */
export const format: (origin: Origin) => string = internal.format
