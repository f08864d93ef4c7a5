/** The origins that get credentials, and the origin of a request. */
import type { Origin } from "../../Origin.ts"
import { isOrigin } from "../../Origin.ts"
import { InvalidOption } from "../error/request.ts"
import { format, fromUrl } from "../model/origin.ts"

const invalid = (reason: string): InvalidOption => new InvalidOption({ option: "origins", reason })

/** Returns the origin of a request's URL as text; `undefined` if it has none. */
export const originOfUrl = (url: unknown): string | undefined => {
  if (typeof url !== "string") return undefined
  const parsed = fromUrl(url, undefined)
  return "_tag" in parsed ? undefined : format(parsed.origin)
}

/** Returns the origins of an option, as texts. */
export const originsOf = (
  given: ReadonlyArray<string | Origin>
): ReadonlySet<string> | InvalidOption => {
  if (!Array.isArray(given) || given.length === 0) {
    return invalid(`it must be a list of at least one origin, such as ["https://api.example.com"]`)
  }
  const origins = new Set<string>()
  for (const origin of given) {
    if (isOrigin(origin)) {
      origins.add(format(origin))
      continue
    }
    const parsed = typeof origin === "string" ? fromUrl(origin, undefined) : undefined
    if (parsed === undefined || "_tag" in parsed) {
      return invalid("one of them is neither an origin nor a URL such as https://api.example.com")
    }
    if (parsed.target !== "/") return invalid("one of them has a path, and the credentials are for the whole origin")
    origins.add(format(parsed.origin))
  }
  return origins
}
