/**
 * What a server says of how long it keeps its connection: the Keep-Alive field, which no RFC in
 * force defines and many servers send (RFC 2068 section 19.7.1.1): `timeout=5, max=100`.
 */
import * as HttpFields from "../../HttpFields.ts"
import { listElements } from "../syntax/token.ts"
import type { Hint } from "./slots.ts"

/** The least number of a parameter, `Infinity` for none. What is no number says nothing. */
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
 * The hint of a response's fields. A request that is sent when the server is about to close is
 * lost, so the connection is given up `margin` milliseconds before, but not earlier than after half
 * of the time.
 */
export const keepAlive = (fields: HttpFields.HttpFields, margin: number): Hint | undefined => {
  const text = HttpFields.getUnsafe(fields, "keep-alive")
  if (text === undefined) return undefined
  const millis = parameter(text, "timeout") * 1000
  // Both may be infinite.
  const idleMillis = millis === Infinity ? Infinity : Math.max(millis - margin, millis / 2)
  return { idleMillis, left: parameter(text, "max") }
}
