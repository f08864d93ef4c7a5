/**
 * Shows the heads that go over the wire in the log, in place of `http.client`'s `set_debuglevel`:
 * `send:`, `reply:`, `header:`.
 *
 * Values of secret fields and bodies are not shown. Costs nothing where it is off.
 */
import * as Effect from "effect/Effect"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import type { ConnectionHandle } from "../connection/handle.ts"

/** Logs the head of a request. */
export const tapHead = (handle: ConnectionHandle, text: string): Effect.Effect<void> =>
  handle.settings.wireTap
    ? Effect.flatMap(handle.settings.redactedNames, (names) => {
      const [requestLine = "", ...lines] = text.split("\r\n").filter((line) => line !== "")
      const pairs = lines.map((line): readonly [string, string] => {
        const colon = line.indexOf(": ")
        return [line.slice(0, colon), line.slice(colon + 2)]
      })
      // A query may carry a secret too, but then every log of a URL does: only fields are redacted.
      return Effect.logInfo(`send: ${requestLine}`, ...fieldLines(HttpFields.fromInput(pairs), names))
    })
    : Effect.void

/** What is shown of a response: of the server's, and of the proxy's answer to CONNECT. */
type HeadOf = Pick<HttpResponse, "version" | "status" | "reason" | "fields">

/** Logs the head of a response. */
export const tapResponse = (handle: ConnectionHandle, response: HeadOf): Effect.Effect<void> =>
  handle.settings.wireTap
    ? Effect.flatMap(handle.settings.redactedNames, (names) =>
      Effect.logInfo(
        `reply: HTTP/${response.version === 10 ? "1.0" : "1.1"} ${response.status} ${response.reason}`,
        ...fieldLines(response.fields, names)
      ))
    : Effect.void

const fieldLines = (fields: HttpFields.HttpFields, names: ReadonlyArray<string | RegExp>): Array<string> =>
  HttpFields.entries(HttpFields.redact(fields, names)).map(([name, value]) => `header: ${name}: ${value}`)
