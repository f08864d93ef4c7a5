/**
 * A `URL` whose host may have a zone id (RFC 6874), as the pool's own parser accepts it:
 * `http://[fe80::1%25eth0]/`. `URL` itself refuses one.
 *
 * A zone id has a meaning on this machine only. What a server says of its own address has none, and
 * keeps that of the request; another one than that is no URL for us.
 */

/** Before, in and behind the zone id. Userinfo ends at the last `@`, as in `URL`. */
const zoned = /^([a-z][a-z0-9+.-]*:\/\/(?:[^/?#]*@)?\[[0-9a-f:.]+)(%(?:25|(?!25))[a-z0-9\-._~]{1,64})(\].*)$/is

/** An authority's address of IPv6 up to its bracket. */
const address = /^([a-z][a-z0-9+.-]*:\/\/(?:[^/?#]*@)?\[[0-9a-f:.]+)\]/i

const withZone = (url: string, zone: string): string => url.replace(address, (_, start: string) => `${start}${zone}]`)

/** A `URL` that has a zone id in all that shows its host. */
class ZonedUrl extends URL {
  readonly zone: string

  constructor(bare: string, zone: string) {
    super(bare)
    this.zone = zone
  }

  override get href(): string {
    return withZone(super.href, this.zone)
  }

  override get origin(): string {
    return withZone(super.origin, this.zone)
  }

  override get host(): string {
    return super.host.replace("]", `${this.zone}]`)
  }

  override get hostname(): string {
    return super.hostname.replace("]", `${this.zone}]`)
  }

  override toString(): string {
    return this.href
  }

  override toJSON(): string {
    return this.href
  }

  /** The URL as `URL` can read it. */
  get bare(): string {
    return super.href
  }
}

const zoneOf = (url: URL): string => url instanceof ZonedUrl ? url.zone : ""

const bareOf = (url: URL): string => url instanceof ZonedUrl ? url.bare : url.href

/** A URL of its own, with the same parts. */
export const copyOf = (url: URL): URL => made(bareOf(url), zoneOf(url))

const made = (bare: string, zone: string): URL => zone === "" ? new URL(bare) : new ZonedUrl(bare, zone)

/** The URL that a text is; `undefined` where it is none. */
export const parseUrl = (text: string): URL | undefined => {
  // `URL.canParse` would read those that are URLs, which are nearly all, a second time.
  try {
    return new URL(text)
  } catch {
    const [, start, zone, end] = zoned.exec(text) ?? []
    const bare = `${start}${end}`
    return zone !== undefined && URL.canParse(bare) ? new ZonedUrl(bare, zone) : undefined
  }
}

/** The URL that a reference leads to from another; `undefined` where it is none. */
export const resolveUrl = (reference: string, base: URL): URL | undefined => {
  const zone = zoneOf(base)
  const bareBase = bareOf(base)
  if (URL.canParse(reference, bareBase)) {
    const url = new URL(reference, bareBase)
    return zone !== "" && url.hostname === new URL(bareBase).hostname ? made(url.href, zone) : url
  }
  const url = parseUrl(reference)
  return url?.hostname === base.hostname && zone !== "" ? url : undefined
}
