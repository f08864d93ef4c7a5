/**
 * Gives an error of a response the context of its exchange, for code that knows no more of a
 * response than its interface.
 *
 * A response of this library gives it itself, by `LocateId`. Of any other one, or one behind a
 * `Proxy`, what it says of itself counts.
 */
import type { ConnectionInfo, Timings } from "../HttpError.ts"
import * as HttpFields from "../HttpFields.ts"
import type { Tagged } from "./error/base.ts"
import { withContext } from "./error/base.ts"
import { format, fromUrl } from "./model/origin.ts"

/** The method by which a response gives an error its context; `undefined` if it cannot. */
export const LocateId: unique symbol = Symbol.for("effect-http-client/locate") as never

/** What is needed of a response. */
export interface Locatable {
  readonly [LocateId]?: (<E extends Tagged<string>>(error: E) => E | undefined) | undefined
  readonly connection: ConnectionInfo
  readonly fields: HttpFields.HttpFields
  readonly resends: number
  readonly status: number
  readonly timings: Timings
  readonly url: string
}

export const locateIn = <E extends Tagged<string>>(response: Locatable, error: E): E =>
  response[LocateId]?.(error) ?? locateBeside(response, error)

const locateBeside = <E extends Tagged<string>>(response: Locatable, error: E): E => {
  const { connection, fields, resends, status, timings, url } = response
  const located = fromUrl<never>(url, undefined)
  return withContext(error, {
    ...error.context,
    connection,
    origin: "_tag" in located ? undefined : format(located.origin),
    path: "_tag" in located ? undefined : located.target.split("?", 1)[0],
    requestState: "ResponseStarted",
    processed: "Yes",
    status,
    contentType: HttpFields.getUnsafe(fields, "content-type"),
    resends,
    timings
  })
}
