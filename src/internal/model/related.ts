/** The links of a response of either API: by relation type, and resolved against its URL. */
import * as HttpFields from "../../HttpFields.ts"
import type { Link } from "../syntax/link.ts"
import { parse } from "../syntax/link.ts"

/** A response of this library, or of the platform's `HttpClient`. */
export type Response =
  | { readonly url: string; readonly fields: HttpFields.HttpFields }
  | { readonly request: PlatformRequest; readonly headers: Readonly<Record<string, string>> }

/** The parts of a platform request that are needed. It may keep its query apart from its URL. */
interface PlatformRequest {
  readonly url: string
  readonly urlParams?: ReadonlyArray<readonly [name: string, value: string]> | undefined
}

const withQuery = ({ url, urlParams = [] }: PlatformRequest): string => {
  if (urlParams.length === 0 || !URL.canParse(url)) return url
  const whole = new URL(url)
  for (const [name, value] of urlParams) whole.searchParams.append(name, value)
  return whole.href
}

/** Returns the URL of a response as requested. */
export const urlOf = (response: Response): string => "fields" in response ? response.url : withQuery(response.request)

/** Returns the first line of a field of a response; for the platform's, all of its lines. */
export const fieldOf = (response: Response, name: string): string | undefined =>
  "fields" in response ? HttpFields.getAll(response.fields, name)[0] : response.headers[name]

/** Returns the links in a list of fields, in order. */
export const fromFields = (fields: HttpFields.HttpFields): ReadonlyArray<Link> => {
  const value = HttpFields.getUnsafe(fields, "link")
  return value === undefined ? [] : parse(value)
}

/** Resolves a reference. `undefined` if either is not a URL. */
export const resolve = (reference: string, base: string): string | undefined =>
  URL.canParse(reference, base) ? new URL(reference, base).href : undefined

/** True if the link is from the resource at `base` itself. */
const isFrom = (link: Link, base: string): boolean => {
  if (link.anchor === undefined) return true
  const anchor = resolve(link.anchor, base)
  return anchor !== undefined && anchor === resolve("", base)
}

/**
 * Returns the URL of the first link of the response with this relation type. Links from other
 * resources (`anchor`), and targets that are not HTTP, do not count.
 */
export const related = (response: Response, rel: string): string | undefined => {
  const base = urlOf(response)
  const links = "fields" in response ? fromFields(response.fields) : parse(response.headers["link"] ?? "")
  const wanted = rel.toLowerCase()
  for (const link of links) {
    if (!link.rel.includes(wanted) || !isFrom(link, base)) continue
    const url = resolve(link.target, base)
    if (url !== undefined && /^https?:/.test(url)) return url
  }
  return undefined
}
