/**
 * The fields of a response as the platform's record of headers, and in a form that may be shown.
 */
import * as Headers from "@effect/platform/Headers"
import * as Fiber from "effect/Fiber"
import * as FiberRefs from "effect/FiberRefs"
import * as Option from "effect/Option"
import type * as HttpFields from "../../HttpFields.ts"

const headersProto: object = Object.getPrototypeOf(Headers.empty) as object

/**
 * Joins the lines of one name by a comma, as the platform does. This includes Set-Cookie, whose
 * lines are in `cookies`.
 */
export const headersOf = ({ names, values }: HttpFields.HttpFields): Headers.Headers => {
  const headers = Object.create(headersProto) as Record<string, string>
  for (let i = 0; i < names.length; i++) {
    const name = (names[i] as string).toLowerCase()
    const value = values[i] as string
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value
  }
  return headers as Headers.Headers
}

/**
 * Redacts headers. The platform's `Inspectable.redact` redacts only while a logger runs, but any
 * code can print a response.
 */
export const shownHeaders = (headers: Headers.Headers): Record<string, string> => {
  const fiber = Option.getOrUndefined(Fiber.getCurrentFiber())
  const names = fiber?.getFiberRef(Headers.currentRedactedNames)
    ?? FiberRefs.getOrDefault(FiberRefs.empty(), Headers.currentRedactedNames)
  return Object.fromEntries(
    Object.entries(Headers.redact(headers, names)).map(([name, value]) => [name, String(value)])
  )
}
