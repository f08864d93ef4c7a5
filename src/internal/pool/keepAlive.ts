/**
 * The Keep-Alive field, such as `timeout=5, max=100`: how long a server keeps its connection open.
 *
 * Many servers send it, although no RFC in force defines it (RFC 2068 section 19.7.1.1 did).
 */
import * as HttpFields from "../../HttpFields.ts"
import type { ResponseHead } from "../protocol/head.ts"
import { listElements } from "../syntax/token.ts"
import type { Hint } from "./slots.ts"

/**
 * Returns the least number of a parameter, or `Infinity` if there is none. A value that is not a
 * number is ignored.
 */
const parameter = (text: string, name: string): number => {
  let least = Infinity
  for (const part of listElements(text)) {
    const [key, value, ...rest] = part.split("=")
    if (key?.trim().toLowerCase() !== name || value === undefined || rest.length > 0) continue
    const digits = value.trim().replace(/^"(.*)"$/, "$1")
    if (/^[0-9]+$/.test(digits)) least = Math.min(least, Number(digits))
  }
  return least
}

/**
 * Returns the hint in a response's fields. A request that is sent when the server is about to close
 * is lost, so the pool closes the connection `margin` milliseconds earlier. It keeps the connection
 * for at least half of the time, however.
 */
export const keepAlive = (head: Pick<ResponseHead, "fields"> | undefined, margin: number): Hint | undefined => {
  const text = head === undefined ? undefined : HttpFields.getUnsafe(head.fields, "keep-alive")
  if (text === undefined) return undefined
  const millis = parameter(text, "timeout") * 1000
  // `millis` and `margin` may both be infinite.
  const idleMillis = millis === Infinity ? Infinity : Math.max(millis - margin, millis / 2)
  return { idleMillis, left: parameter(text, "max") }
}
