/**
 * Asks DNS servers for the addresses of a name, by c-ares. It uses no thread, reads no system file
 * except the list of servers, and reports how long each address is valid.
 *
 * Node can only cancel all queries of a `dns.Resolver` together, so each lookup has its own. Making
 * one takes 100 µs, so some are kept for later lookups.
 */
import * as dns from "node:dns"
import type { Addresses } from "../../Transport.ts"
import { DnsError } from "../error/connect.ts"
import { systemError } from "../error/systemCodes.ts"
import { dnsError } from "./errors.ts"
import { withoutRoot } from "./resolver.ts"

export interface DnsOptions {
  /** Addresses of servers, with or without ports; `undefined` for those of the system. */
  readonly servers: ReadonlyArray<string> | undefined
  /** How long the first try waits for an answer, in milliseconds. */
  readonly timeout: number
  /** How many times each server is asked. */
  readonly tries: number
}

/** The number of resolvers that are kept. */
const mostIdle = 8

/** The queries of one lookup. */
export class DnsQueries {
  readonly #client: DnsClient
  readonly #resolver: dns.Resolver
  #pending = 0

  constructor(client: DnsClient, resolver: dns.Resolver) {
    this.#client = client
    this.#resolver = resolver
  }

  /** Asks for the addresses of one family. Calls back once, never within this call. */
  query(name: string, family: 4 | 6, done: (answer: Addresses | DnsError) => void): void {
    this.#pending++
    const answered = (error: Error | null, records: ReadonlyArray<dns.RecordWithTtl> | undefined): void => {
      this.#pending--
      if (error !== null) return done(dnsError(name, error))
      if (records === undefined || records.length === 0) {
        return done(dnsError(name, systemError("ENODATA", "The answer has no address")))
      }
      done({
        addresses: records.map(({ address }) => address),
        ttlMillis: Math.min(...records.map(({ ttl }) => ttl)) * 1000
      })
    }
    if (family === 4) this.#resolver.resolve4(name, { ttl: true }, answered)
    else this.#resolver.resolve6(name, { ttl: true }, answered)
  }

  /** Cancels all pending queries. */
  end(): void {
    if (this.#pending > 0) this.#resolver.cancel()
    else this.#client.keep(this.#resolver)
  }
}

export class DnsClient {
  readonly #options: DnsOptions
  readonly #idle: Array<dns.Resolver> = []

  constructor(options: DnsOptions) {
    this.#options = options
  }

  begin(): DnsQueries {
    return new DnsQueries(this, this.#idle.pop() ?? this.#make())
  }

  keep(resolver: dns.Resolver): void {
    if (this.#idle.length < mostIdle) this.#idle.push(resolver)
  }

  #make(): dns.Resolver {
    const { servers, timeout, tries } = this.#options
    const resolver = new dns.Resolver({ timeout, tries })
    if (servers !== undefined) resolver.setServers(servers)
    return resolver
  }
}

const loopback: Addresses = { addresses: ["::1", "127.0.0.1"], ttlMillis: undefined }

const isBelow = (name: string, domain: string): boolean => name === domain || name.endsWith(`.${domain}`)

/**
 * Returns the answer for a name that no server may be asked for. These are names in `localhost` and
 * `invalid` (RFC 6761 sections 6.3 and 6.4) and `onion` (RFC 7686).
 */
export const reserved = (name: string): Addresses | DnsError | undefined => {
  const plain = withoutRoot(name)
  if (isBelow(plain, "localhost")) return loopback
  return isBelow(plain, "invalid") || isBelow(plain, "onion")
    ? dnsError(name, systemError("ENOTFOUND", "DNS must not be asked for names of this kind"))
    : undefined
}

/**
 * Returns the failure if both families failed. Any other failure takes precedence over "no
 * address", because an address of that family might exist.
 */
export const tellingFailure = (first: DnsError, second: DnsError): DnsError =>
  first.reason === "NoData" || (first.reason === "NotFound" && second.reason !== "NoData") ? second : first

/** Returns the addresses of both families, IPv6 first, valid for as long as all of them are. */
export const bothFamilies = (six: Addresses | DnsError, four: Addresses | DnsError): Addresses | DnsError => {
  if (six instanceof DnsError) return four instanceof DnsError ? tellingFailure(six, four) : four
  if (four instanceof DnsError) return six
  return {
    addresses: [...six.addresses, ...four.addresses],
    ttlMillis: Math.min(six.ttlMillis ?? Infinity, four.ttlMillis ?? Infinity)
  }
}
