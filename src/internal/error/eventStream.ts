/**
 * Failures of reading a response as server-sent events, besides those of its body.
 *
 * @since 0.2.0
 */
import { excerpt, otherEnd, tagged } from "./base.ts"

/**
 * The response cannot be read as server-sent events, because its Content-Type is not
 * `text/event-stream`. The response has been closed.
 *
 * @since 0.2.0
 * @category errors of event streams
 */
export class NotEventStream extends tagged("NotEventStream", "Remote", "body")<{
  /** The value of Content-Type; `undefined` without that field. */
  readonly contentType: string | undefined
}> {
  override get description(): string {
    const type = this.contentType === undefined ? "no Content-Type" : `the Content-Type ${excerpt(this.contentType)}`
    return `${
      otherEnd(this.context)
    } answered with ${type}, and events are text/event-stream. Check the URL, and the fields that ask for `
      + "events. If the server only labels its events otherwise, use the option `check: false`."
  }
}

/**
 * An event of a stream of events, or one line of it, is larger than `maxEventBytes`. The response
 * has been closed. Events before it were delivered.
 *
 * @since 0.2.0
 * @category errors of event streams
 */
export class EventTooLarge extends tagged("EventTooLarge", "Remote", "body")<{
  readonly limit: number
}> {
  override get description(): string {
    return `An event is larger than ${this.limit} bytes (the limit is \`maxEventBytes\`). If the server is trusted, raise it.`
  }
}
