/** The response of a server that did not change the protocol, or opened no tunnel. */
import * as Data from "effect/Data"
import type { HttpResponse } from "../../HttpResponse.ts"

const TypeId: unique symbol = Symbol.for("effect-http-client/UpgradeRefused")

/**
 * The server answered an upgrade with an ordinary response: any status but 101, or any but 2xx to a
 * CONNECT. Read it or `close` it like every response; its connection can be reused afterwards.
 *
 * It is in no union of `HttpError`, because the exchange has not failed.
 *
 * @since 0.2.0
 * @category errors
 */
export class UpgradeRefused extends Data.TaggedError("UpgradeRefused")<{
  /** Status, fields and body. */
  readonly response: HttpResponse
}> {
  readonly [TypeId]: typeof TypeId = TypeId

  /** The status of the response. */
  get status(): number {
    return this.response.status
  }

  override get message(): string {
    const { reason, status } = this.response
    return `The server did not change the protocol: it answered with the status ${status}`
      + `${
        reason === "" ? "" : ` ${JSON.stringify(reason.slice(0, 80))}`
      }. Its response is in \`response\`; read it or \`close\` it.`
  }

  override toJSON(): unknown {
    const { message, response: { status } } = this
    return { _tag: this._tag, status, message }
  }
}
