/**
 * Shows the heads that go over the wire in the caller's log, as `http.client`'s `set_debuglevel`
 * does: `send:`, `reply:`, `header:`.
 *
 * Values of secret fields and bodies are not shown.
 */
import * as HttpFields from "../../HttpFields.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import type { Caller } from "../model/ports.ts"

type RedactedNames = ReadonlyArray<string | RegExp>

/** Logs the head of a request. */
export const tapHead = (caller: Caller, text: string): void =>
  caller.log((redactedNames) => {
    const [requestLine = "", ...lines] = text.split("\r\n").filter((line) => line !== "")
    const pairs = lines.map((line): readonly [string, string] => {
      const colon = line.indexOf(": ")
      return [line.slice(0, colon), line.slice(colon + 2)]
    })
    // A query may carry a secret too, but then every log of a URL does: only fields are redacted.
    return [`send: ${requestLine}`, ...fieldLines(HttpFields.fromInput(pairs), redactedNames)]
  })

/**
 * The two heads that are logged as a response: the server's, and the proxy's response to CONNECT.
 */
type HeadOf = Pick<HttpResponse, "version" | "status" | "reason" | "fields">

/** Logs the head of a response. */
export const tapResponse = (caller: Caller, { fields, reason, status, version }: HeadOf): void =>
  caller.log((redactedNames) => [
    `reply: HTTP/${version === 10 ? "1.0" : "1.1"} ${status} ${reason}`,
    ...fieldLines(fields, redactedNames)
  ])

const fieldLines = (fields: HttpFields.HttpFields, redactedNames: RedactedNames): ReadonlyArray<string> =>
  HttpFields.entries(HttpFields.redact(fields, redactedNames)).map(([name, value]) => `header: ${name}: ${value}`)
