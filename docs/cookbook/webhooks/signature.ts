/** The signature of a webhook: an HMAC over its id, its time and its exact bytes, as Standard Webhooks has it. */
import * as Redacted from "effect/Redacted"
import { createHmac, timingSafeEqual } from "node:crypto"

export interface Signed {
  readonly id: string
  /** Seconds since 1970. */
  readonly timestamp: number
  readonly body: Uint8Array
}

/** Returns `v1,` and the HMAC-SHA-256 in base64. */
export const sign = (secret: Redacted.Redacted, { body, id, timestamp }: Signed): string =>
  `v1,${createHmac("sha256", Redacted.value(secret)).update(`${id}.${timestamp}.`).update(body).digest("base64")}`

/** For receivers: true if one of the signatures is right, and the message is at most five minutes old or early. */
export const verify = (secret: Redacted.Redacted, message: Signed, signatures: string, now: number): boolean => {
  const expected = Buffer.from(sign(secret, message))
  return Math.abs(now - message.timestamp) <= 300 && signatures.split(" ").some((signature) => {
    const found = Buffer.from(signature)
    // Compares in the same time whatever differs, so that a signature cannot be guessed byte by byte.
    return found.length === expected.length && timingSafeEqual(found, expected)
  })
}
