/**
 * Where a request goes: scheme, host and port, or the path of a unix socket.
 *
 * An origin is checked when it is made, by one parser for what is connected to, for the Host field and for the TLS server
 * name. It holds no credentials, no path and no options. Two origins with the same parts are equal (`Equal.equals`), so that
 * they can be keys.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import { InvalidUrl, UnsupportedScheme } from "./internal/error/request.ts"
import * as internal from "./internal/origin.ts"
import { bracketed, withoutZone } from "./internal/syntax/host.ts"

/**
 * Scheme, host and port. Make it with `make` or `fromUrl`, which check the parts.
 *
 * @since 0.1.0
 * @category models
 */
export interface Origin {
  /** `https` is over TLS. */
  readonly scheme: "http" | "https"
  /** A name (ASCII, in lower case), an IPv4 address, or an IPv6 address without brackets, with its zone id if it has one. */
  readonly host: string
  /** From 1 to 65535. */
  readonly port: number
  /** The unix socket to connect to in place of host and port, which then only say what is asked for. */
  readonly socketPath: string | undefined
}

/**
 * An origin of its parts: the arguments of Python's `HTTPConnection(host, port)`.
 *
 * `host` may be `example.com`, `example.com:8080`, `127.0.0.1`, `[::1]`, `[::1]:8080`, `::1` or `fe80::1%eth0`. Other names than
 * ASCII ones become punycode, other spellings of IP addresses their canonical form. The port is the argument, or what follows
 * the host, or the scheme's default; both at once are an error.
 *
 * Fails with `InvalidUrl`, whose `part` is `host`, `port` or `socketPath`, if one of them cannot be used. Unlike Python it does
 * not take `example.com:` for the default port.
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
export const make = (parts: {
  readonly scheme: "http" | "https"
  readonly host: string
  readonly port?: number | undefined
  readonly socketPath?: string | undefined
}): Either.Either<Origin, InvalidUrl> => {
  const made = internal.make(parts)
  return made instanceof InvalidUrl ? Either.left(made) : Either.right(made)
}

/**
 * The origin of an absolute URL, and the target to ask it for: path and query, without the fragment (RFC 9112 section 3.2.1).
 *
 * The target of a string is what the string says: dot segments and the case of percent-encodings stay, because signatures
 * are made over them. What a URL cannot have, such as characters beyond ASCII, is percent-encoded as `URL` does. A `URL` has
 * been normalised already and gives its `pathname` and `search`.
 *
 * Fails with `InvalidUrl` if the text has spaces or control characters (which `URL` would drop), has credentials (`userinfo`),
 * no host, a host or port that cannot be used, or a backslash in its path; with `UnsupportedScheme` if it is for another
 * scheme than http and https.
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
export const fromUrl = (
  url: string | URL
): Either.Either<{ readonly origin: Origin; readonly target: string }, InvalidUrl | UnsupportedScheme> => {
  const located = internal.fromUrl(url)
  return located instanceof InvalidUrl || located instanceof UnsupportedScheme
    ? Either.left(located)
    : Either.right(located)
}

/**
 * The port of a scheme where none is given: 80 for `http`, 443 for `https`.
 *
 * @since 0.1.0
 * @category getters
 */
export const defaultPort: (scheme: "http" | "https") => number = internal.defaultPort

/**
 * The value of the Host field (RFC 9112 section 3.2): brackets around an IPv6 address, no zone id (RFC 6874 section 4), and no
 * port where it is the default of the scheme.
 *
 * @since 0.1.0
 * @category getters
 */
export const authority = (origin: Origin): string =>
  origin.port === internal.defaultPort(origin.scheme) ? bracketed(withoutZone(origin.host)) : hostPort(origin)

/**
 * Host and port, always both: the authority-form that CONNECT asks a proxy for (RFC 9112 section 3.2.3).
 *
 * @since 0.1.0
 * @category getters
 */
export const hostPort = (origin: Origin): string => `${bracketed(withoutZone(origin.host))}:${origin.port}`

/**
 * The name that the server's certificate must be for: the host without zone id and without a last dot (RFC 6066 section 3). Of
 * an IP address it is the address, which may not be sent as SNI.
 *
 * @since 0.1.0
 * @category getters
 */
export const serverName = (origin: Origin): string => {
  const host = withoutZone(origin.host)
  return host.endsWith(".") ? host.slice(0, -1) : host
}

/**
 * The origin as people and logs read it: `http://example.com:80`, or `unix:/run/app.sock`.
 *
 * @since 0.1.0
 * @category getters
 */
export const format = (origin: Origin): string =>
  origin.socketPath === undefined
    ? `${origin.scheme}://${bracketed(origin.host)}:${origin.port}`
    : `unix:${origin.socketPath}`
