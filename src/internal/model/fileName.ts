/** The name under which the content of a response is to be saved, from its fields or its URL. */
import { parse } from "../syntax/contentDisposition.ts"
import { safeFileName } from "../syntax/fileName.ts"
import type { Response } from "./related.ts"
import { fieldOf, urlOf } from "./related.ts"

const decoded = (segment: string): string => {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

/** Returns a safe name: that of Content-Disposition, else the end of the URL's path. */
export const fileNameOf = (response: Response): string | undefined => {
  const named = parse(fieldOf(response, "content-disposition") ?? "")?.fileName
  const safe = named === undefined ? undefined : safeFileName(named)
  if (safe !== undefined) return safe
  const url = urlOf(response)
  if (!URL.canParse(url)) return undefined
  const { pathname } = new URL(url)
  return safeFileName(decoded(pathname.slice(pathname.lastIndexOf("/") + 1)))
}
