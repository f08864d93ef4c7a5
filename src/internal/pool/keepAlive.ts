/**
 * What a server says of how long it keeps its connection: the Keep-Alive field, which no RFC in force defines and many servers send
 * (RFC 2068 section 19.7.1.1): `timeout=5, max=100`.
 */
import * as HttpFields from "../../HttpFields.ts"
import type { Hint } from "./places.ts"

/** The number of a parameter. One that is no number, or too long to be meant, says nothing. */
const parameter = (text: string, name: string): number | undefined => {
  for (const part of text.split(",")) {
    const [key, value, ...rest] = part.split("=")
    if (key?.trim().toLowerCase() !== name || value === undefined || rest.length > 0) continue
    const digits = value.trim().replace(/^"(.*)"$/, "$1")
    if (/^[0-9]{1,9}$/.test(digits)) return Number(digits)
  }
  return undefined
}

/**
 * The hint of a response's fields. A request that is sent when the server is about to close is lost, so the connection is given up
 * `margin` milliseconds before, but not earlier than after half of the time.
 */
export const keepAlive = (fields: HttpFields.HttpFields, margin: number): Hint | undefined => {
  const text = HttpFields.getUnsafe(fields, "keep-alive")
  if (text === undefined) return undefined
  const timeout = parameter(text, "timeout")
  const millis = timeout === undefined ? Infinity : timeout * 1000
  return { idleMillis: Math.max(millis - margin, millis / 2), left: parameter(text, "max") ?? Infinity }
}
