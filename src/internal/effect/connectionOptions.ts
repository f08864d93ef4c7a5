/** The options of a single connection: their parts, checked and in the form that the core uses. */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type { ConnectionEvent } from "../../ConnectionEvent.ts"
import type { InvalidRequest } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type * as HttpLeniency from "../../HttpLeniency.ts"
import type * as HttpLimits from "../../HttpLimits.ts"
import type * as HttpTimeouts from "../../HttpTimeouts.ts"
import * as Origin from "../../Origin.ts"
import * as Proxy from "../../Proxy.ts"
import type * as Tls from "../../Tls.ts"
import { forwarded } from "../connection/about.ts"
import type { Settings, Tunnel } from "../connection/settings.ts"
import { encodeConnect } from "../connection/tunnel.ts"
import { ForbiddenHeader, InvalidOption, InvalidUrl } from "../error/request.ts"
import { parseLocalAddress } from "../model/origin.ts"
import { keyedInput } from "../model/tlsOptions.ts"

/** The options of `HttpConnection.make`, where they are documented. */
export interface HttpConnectionOptions {
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly tls?: boolean | Tls.Input | undefined
  readonly socketPath?: string | undefined
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  readonly proxy?: Proxy.Proxy | undefined
  readonly tunnel?: {
    readonly host: string
    readonly port?: number | undefined
    readonly headers?: HttpFields.Input | undefined
  } | undefined
  readonly blockSize?: number | undefined
  readonly autoOpen?: boolean | undefined
  readonly timeouts?: HttpTimeouts.Options | undefined
  readonly limits?: HttpLimits.Options | undefined
  readonly leniency?: HttpLeniency.HttpLeniency | undefined
  readonly wireTap?: boolean | undefined
  readonly tracing?: boolean | undefined
  readonly onEvent?: ((event: ConnectionEvent) => void) | undefined
}

/** Wraps `Origin.make` for callers whose types no compiler has checked. */
export const makeOrigin = (parts: Parameters<typeof Origin.make>[0]): Either.Either<Origin.Origin, InvalidUrl> => {
  const { host, socketPath } = parts
  if (typeof host !== "string") return Either.left(new InvalidUrl({ part: "host", reason: "it is not a string" }))
  return socketPath === undefined || typeof socketPath === "string"
    ? Origin.make(parts)
    : Either.left(new InvalidUrl({ part: "socketPath", reason: "it is not a string" }))
}

/**
 * Returns the fields that the caller passed. Reading them may run the caller's code. Its error is
 * named without the message.
 */
export const fieldsOf = (
  headers: HttpFields.Input | undefined
): Either.Either<HttpFields.HttpFields, InvalidOption> => {
  if (headers === undefined) return Either.right(HttpFields.empty)
  if (typeof headers !== "object" || headers === null) {
    return Either.left(
      new InvalidOption({ option: "headers", reason: "they must be a record, a list of pairs, or `HttpFields`" })
    )
  }
  return Either.try({
    try: () => HttpFields.fromInput(headers),
    catch: (error) =>
      new InvalidOption({
        option: "headers",
        reason: `reading it failed (${error instanceof Error ? error.name : typeof error})`
      })
  })
}

/** Returns the tunnel that `tunnel` or `setTunnel` asks for, checked. */
export const makeTunnel = (
  scheme: "http" | "https",
  { headers, host, port }: NonNullable<HttpConnectionOptions["tunnel"]>
): Either.Either<Tunnel, InvalidRequest> =>
  Either.gen(function*() {
    const origin = yield* Either.mapLeft(
      makeOrigin({ scheme, host, port }),
      ({ reason }) => new InvalidUrl({ part: "tunnel", reason })
    )
    const tunnel: Tunnel = { origin, fields: yield* fieldsOf(headers) }
    const head = encodeConnect(tunnel)
    if (!("_tag" in head)) return tunnel
    return yield* Either.left(
      head._tag === "BodyLengthMismatch"
        ? new ForbiddenHeader({ field: "Content-Length", reason: "CONNECT has no content" })
        : head
    )
  })

/** Returns an immutable copy of the TLS options, or the Effect for them, if there is TLS. */
export const tlsOf = (tls: HttpConnectionOptions["tls"]): Tls.Input | InvalidOption | undefined => {
  if (tls === undefined || tls === false) return undefined
  if (tls !== true && !Predicate.isRecord(tls)) {
    const reason = "it must be true, false, a record of options or an Effect that returns one"
    return new InvalidOption({ option: "tls", reason })
  }
  const made = keyedInput(tls === true ? {} : tls)
  return made instanceof InvalidOption ? made : made.options
}

/** Returns the tunnel to an origin that the proxy does not forward requests to. */
export const tunnelThrough = (origin: Origin.Origin, proxy: Proxy.Proxy): Tunnel | undefined =>
  forwarded(origin) ? undefined : { origin, fields: Proxy.fields(proxy) }

/** Returns the checked address and port to connect from. */
export const localOf = (
  { localAddress, localPort }: HttpConnectionOptions
): Either.Either<Pick<Settings, "localAddress" | "localPort">, InvalidOption> => {
  if (localPort !== undefined && !(Number.isInteger(localPort) && localPort >= 0 && localPort <= 65_535)) {
    return Either.left(new InvalidOption({ option: "localPort", reason: "it must be a whole number from 0 to 65535" }))
  }
  const address = localAddress === undefined ? undefined : parseLocalAddress(localAddress)
  return address instanceof InvalidOption ? Either.left(address) : Either.right({ localAddress: address, localPort })
}
