/**
 * Gives an error of a response the context of its exchange, for code that knows only the response's
 * interface.
 *
 * A response of this library provides its context through `LocateId`. For any other response, and
 * for one behind a `Proxy`, the context is built from its public properties.
 */
import type { ConnectionInfo, Timings } from "../HttpError.ts"
import * as HttpFields from "../HttpFields.ts"
import type { Tagged } from "./error/base.ts"
import { withContext } from "./error/base.ts"
import { format, fromUrl } from "./model/origin.ts"

/**
 * The key of the method with which a response adds its context to an error; `undefined` if it
 * cannot.
 */
export const LocateId: unique symbol = Symbol.for("effect-http-client/locate") as never

/** The parts of a response that are needed to build a context. */
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
