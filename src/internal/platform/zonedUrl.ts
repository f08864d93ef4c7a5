/**
 * A `URL` whose host may have a zone id (RFC 6874), as the pool's parser accepts it:
 * `http://[fe80::1%25eth0]/`. `URL` itself refuses one.
 *
 * A zone id has a meaning on this machine only. A server's URL for its address has none, and keeps
 * the zone id of the request. A URL with a different one is invalid.
 */

/** The parts before, in and after the zone id. Userinfo ends at the last `@`, as in `URL`. */
const zoned = /^([a-z][a-z0-9+.-]*:\/\/(?:[^/?#]*@)?\[[0-9a-f:.]+)(%(?:25|(?!25))[a-z0-9\-._~]{1,64})(\].*)$/is

/** The IPv6 address of an authority, up to its bracket. */
const address = /^([a-z][a-z0-9+.-]*:\/\/(?:[^/?#]*@)?\[[0-9a-f:.]+)\]/i

const withZone = (url: string, zone: string): string => url.replace(address, (_, start: string) => `${start}${zone}]`)

/** A `URL` with a zone id in every property that contains its host. */
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

  /** Returns the URL in a form that `URL` can parse. */
  get bare(): string {
    return super.href
  }
}

const zoneOf = (url: URL): string => url instanceof ZonedUrl ? url.zone : ""

const bareOf = (url: URL): string => url instanceof ZonedUrl ? url.bare : url.href

/** Copies a URL. */
export const copyOf = (url: URL): URL => made(bareOf(url), zoneOf(url))

const made = (bare: string, zone: string): URL => zone === "" ? new URL(bare) : new ZonedUrl(bare, zone)

/** Parses a URL; `undefined` if it is invalid. */
export const parseUrl = (text: string): URL | undefined => {
  // Not `URL.canParse`, because that would parse valid URLs, which are nearly all, a second time.
  try {
    return new URL(text)
  } catch {
    const [, start, zone, end] = zoned.exec(text) ?? []
    const bare = `${start}${end}`
    return zone !== undefined && URL.canParse(bare) ? new ZonedUrl(bare, zone) : undefined
  }
}

/** Resolves a reference against a base; `undefined` if it is invalid. */
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
