/**
 * Proxies: their parts, and what is sent to them. `proxyParts.ts` checks the parts.
 *
 * Credentials, fields and TLS options of a proxy are for the proxy alone. No inspection shows their
 * values.
 */
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import * as Inspectable from "effect/Inspectable"
import * as Redacted from "effect/Redacted"
import * as HttpFields from "../../HttpFields.ts"
import type * as Tls from "../../Tls.ts"
import { bracketed } from "../syntax/host.ts"
import type { Source } from "./source.ts"
import { markOf } from "./source.ts"
import type { Keyed } from "./tlsOptions.ts"

export const TypeId: unique symbol = Symbol.for("effect-http-client/Proxy") as never

export type TypeId = typeof TypeId

/**
 * How to talk to a proxy. With a letter after the number (`socks4a`, `socks5h`) the proxy resolves
 * the names of the servers; without it this process does.
 */
export type Scheme = "http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h"

export interface Credentials {
  readonly username: Redacted.Redacted
  readonly password: Redacted.Redacted
}

export interface GivenCredentials {
  readonly username: string | Redacted.Redacted
  readonly password: string | Redacted.Redacted
}

export interface Parts {
  readonly scheme?: Scheme | undefined
  readonly host: string
  readonly port?: number | undefined
  /** `GivenCredentials`, or their source. */
  readonly credentials?: object | undefined
  readonly headers?: HttpFields.Input | undefined
  readonly tls?: Tls.Options | undefined
}

const base64 = (text: string): string =>
  btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""))

/** The public view of a proxy. */
export interface Proxy extends Equal.Equal, Inspectable.Inspectable {
  readonly [TypeId]: TypeId
  readonly scheme: Scheme
  readonly host: string
  readonly port: number
  readonly credentials: Credentials | undefined
  readonly headers: HttpFields.HttpFields
  readonly tls: Tls.Options | undefined
}

/** Parts that have been checked. */
export interface Made {
  readonly scheme: Scheme
  readonly host: string
  readonly port: number
  readonly credentials: Credentials | undefined
  /** The source of the credentials, which is asked before each opening. */
  readonly source: Source | undefined
  readonly headers: HttpFields.HttpFields
  readonly tls: Keyed | undefined
  /** True if requests for http are sent through a tunnel too. Default: the proxy forwards them. */
  readonly tunnelOnly?: boolean | undefined
}

class Checked implements Proxy {
  readonly scheme: Scheme
  readonly host: string
  readonly port: number
  // Private, like the options of an origin.
  readonly #credentials: Credentials | undefined
  readonly #source: Source | undefined
  readonly #headers: HttpFields.HttpFields
  readonly #tls: Keyed | undefined
  readonly #tunnelOnly: boolean
  /** The same proxy, but through a tunnel. */
  #tunnelled: Checked | undefined
  #fields: HttpFields.HttpFields | undefined
  #key: string | undefined

  constructor({ credentials, headers, host, port, scheme, source, tls, tunnelOnly = false }: Made) {
    this.scheme = scheme
    this.host = host
    this.port = port
    this.#credentials = credentials
    this.#source = source
    this.#headers = headers
    this.#tls = tls
    this.#tunnelOnly = tunnelOnly
    this.#tunnelled = undefined
    this.#fields = undefined
    this.#key = undefined
  }

  get [TypeId](): TypeId {
    return TypeId
  }

  get credentials(): Credentials | undefined {
    return this.#credentials
  }

  get headers(): HttpFields.HttpFields {
    return this.#headers
  }

  get tls(): Tls.Options | undefined {
    return this.#tls?.options
  }

  [Equal.symbol](that: unknown): boolean {
    return this === that || (isProxy(that) && keyOf(this) === keyOf(that))
  }

  [Hash.symbol](): number {
    return Hash.cached(this, Hash.string(keyOf(this)))
  }

  toJSON(): unknown {
    const { credentials, headers, host, port, scheme, tls } = this
    return {
      _id: "Proxy",
      scheme,
      host,
      port,
      ...(credentials === undefined && this.#source === undefined ? undefined : { credentials: "<redacted>" }),
      ...(headers.names.length === 0 ? undefined : { headers: headers.names }),
      ...(tls === undefined ? undefined : { tls: true })
    }
  }

  toString(): string {
    return `${this.scheme}://${bracketed(this.host)}:${this.port}`
  }

  [Inspectable.NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  static key(proxy: Checked): string {
    return proxy.#key ??= JSON.stringify([
      proxy.scheme,
      proxy.host,
      proxy.port,
      proxy.#credentials === undefined ? null : Redacted.value(proxy.#credentials.username),
      proxy.#credentials === undefined ? null : Redacted.value(proxy.#credentials.password),
      proxy.#headers.names,
      proxy.#headers.values,
      proxy.#tls?.mark ?? "",
      proxy.#source === undefined ? null : markOf(proxy.#source),
      ...proxy.#tunnelOnly ? ["tunnel"] : []
    ])
  }

  static forwards(proxy: Checked): boolean {
    return !proxy.#tunnelOnly && !isSocks(proxy)
  }

  static tunnelled(proxy: Checked): Checked {
    return proxy.#tunnelled ??= new Checked({
      scheme: proxy.scheme,
      host: proxy.host,
      port: proxy.port,
      credentials: proxy.#credentials,
      source: proxy.#source,
      headers: proxy.#headers,
      tls: proxy.#tls,
      tunnelOnly: true
    })
  }

  static source(proxy: Checked): Source | undefined {
    return proxy.#source
  }

  /** Basic authentication (RFC 7617), with the charset that its section 2.1 recommends. */
  static fields(proxy: Checked): HttpFields.HttpFields {
    const { credentials, headers } = proxy
    return proxy.#fields ??= credentials === undefined || isSocks(proxy) ? headers : HttpFields.append(
      headers,
      authorization,
      `Basic ${base64(`${Redacted.value(credentials.username)}:${Redacted.value(credentials.password)}`)}`
    )
  }
}

export const make = (parts: Made): Proxy => new Checked(parts)

/** True if the proxy speaks SOCKS: it relays bytes, and gets no fields. */
export const isSocks = ({ scheme }: Pick<Proxy, "scheme">): boolean => scheme !== "http" && scheme !== "https"

/**
 * True if this process resolves the names of the origins, because the proxy gets addresses only.
 */
export const resolvesHere = ({ scheme }: Pick<Proxy, "scheme">): boolean => scheme === "socks4" || scheme === "socks5"

export const isProxy = (u: unknown): u is Proxy => u instanceof Checked

/** Throws for a proxy of another copy of this library, which the types exclude. */
const checked = (proxy: Proxy): Checked => {
  if (proxy instanceof Checked) return proxy
  throw new TypeError("This is no proxy of this copy of effect-http-client: make it with Proxy.make or Proxy.fromUrl")
}

export const keyOf = (proxy: Proxy): string => Checked.key(checked(proxy))

export const fieldsOf = (proxy: Proxy): HttpFields.HttpFields => Checked.fields(checked(proxy))

/** True if the credentials are an Effect, so that each connection may have others. */
export const asksForCredentials = (proxy: Proxy | undefined): boolean =>
  proxy !== undefined && sourceOf(proxy) !== undefined

const authorization = "Proxy-Authorization"

/** Stands for credentials that are unknown until there is a connection. Never sent. */
const unknown = "<asked for each connection>"

/**
 * Returns the fields for the proxy with a request that it forwards. Credentials that are an Effect
 * have only their place, at the end.
 */
export const fieldsToForward = (proxy: Proxy): HttpFields.HttpFields =>
  asksForCredentials(proxy) ? HttpFields.append(proxy.headers, authorization, unknown) : fieldsOf(proxy)

const place = `${authorization}: ${unknown}\r\n\r\n`

/**
 * Puts the credentials of a connection in their place in the head of a request, if it has one.
 * `resolved` is the proxy of that connection.
 */
export const withAuthorization = (head: string, resolved: Proxy | undefined): string => {
  if (!head.endsWith(place)) return head
  const value = resolved && HttpFields.get(fieldsOf(resolved), authorization)
  const line = value?._tag === "Some" ? `${authorization}: ${value.value}\r\n` : ""
  return `${head.slice(0, -place.length)}${line}\r\n`
}

/** True if the proxy forwards requests that are not encrypted. SOCKS forwards nothing. */
export const forwards = (proxy: Proxy): boolean => Checked.forwards(checked(proxy))

/** Returns the same proxy, with a tunnel for requests that are not encrypted too. */
export const tunnelOnly = (proxy: Proxy): Proxy => Checked.tunnelled(checked(proxy))

/** Returns the credentials in plain text, for a SOCKS proxy. */
export const credentialsOf = (
  { credentials }: Proxy
): { readonly username: string; readonly password: string } | undefined =>
  credentials && { username: Redacted.value(credentials.username), password: Redacted.value(credentials.password) }

/** Returns the source of the credentials of a proxy, if they are an Effect. */
export const sourceOf = (proxy: Proxy): Source | undefined => Checked.source(checked(proxy))
