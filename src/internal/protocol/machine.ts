/**
 * The receiving side of a connection as a machine: bytes in, events out.
 *
 * It has no Effect runtime, no socket and no clock. Errors are values, and the same bytes produce
 * the same events however they are split. A `Data` event refers to the bytes given to `receive`,
 * and is valid as long as they are.
 */
import * as HttpFields from "../../HttpFields.ts"
import type * as HttpLeniency from "../../HttpLeniency.ts"
import type * as HttpLimits from "../../HttpLimits.ts"
import type { IncompleteHeaders } from "../error/head.ts"
import {
  FramingConflict,
  RemoteDisconnected,
  StaleConnection,
  TooManyInformational,
  UnexpectedMessage
} from "../error/head.ts"
import { faulty, needMore } from "../syntax/lineScanner.ts"
import type { BodyDecoder, BodyError } from "./body.ts"
import { CloseDecoder, LengthDecoder } from "./body.ts"
import { ChunkedDecoder } from "./chunked.ts"
import type { Framing, FramingError } from "./framing.ts"
import { announcesBody, decideFraming, isRelaxed, persists, saysClose } from "./framing.ts"
import type { HeadError, HeadParser, ResponseHead } from "./head.ts"
import { acquireParser, releaseParser } from "./head.ts"
import { Lifecycle } from "./lifecycle.ts"

/** The faults of the received bytes. */
export type MachineError =
  | BodyError
  | FramingError
  | HeadError
  | IncompleteHeaders
  | RemoteDisconnected
  | StaleConnection
  | TooManyInformational
  | UnexpectedMessage

/** The events that the machine finds in the bytes. */
export type Event =
  | { readonly _tag: "NeedMore" }
  | { readonly _tag: "Informational"; readonly head: ResponseHead }
  | HeadEvent
  | DataEvent
  | { readonly _tag: "End"; readonly trailers: HttpFields.HttpFields }
  | { readonly _tag: "Failure"; readonly error: MachineError }

/**
 * Creates a decoder for one body. A response without a body has a body of length 0, and so has a
 * tunnel that the request did not ask to be delivered. Otherwise the tunnel is a body that ends
 * with the connection, of any length.
 */
const makeDecoder = (framing: Framing, { leniency, limits, offered }: RequestFacts): BodyDecoder => {
  switch (framing.kind) {
    case "length":
      return new LengthDecoder(framing.length, limits)
    case "chunked":
      return new ChunkedDecoder(limits, leniency)
    case "close":
      return new CloseDecoder(limits.body)
    case "tunnel":
      return offered === undefined ? new LengthDecoder(0, limits) : new CloseDecoder(Infinity)
    default:
      return new LengthDecoder(0, limits)
  }
}

/** The final head. */
export class HeadEvent {
  readonly _tag = "Head"
  readonly head: ResponseHead
  readonly framing: Framing

  constructor(head: ResponseHead, framing: Framing) {
    this.head = head
    this.framing = framing
  }
}

/**
 * A piece of the body: `input`, as it was received, from `start` to `end`. The view is created only
 * on demand, because it costs as much as some field lines. Readers that copy or decode the piece do
 * not need it.
 */
export class DataEvent {
  readonly _tag = "Data"
  readonly input: Uint8Array
  readonly start: number
  readonly end: number

  constructor(input: Uint8Array, start: number, end: number) {
    this.input = input
    this.start = start
    this.end = end
  }

  get bytes(): Uint8Array {
    const { end, input, start } = this
    return start === 0 && end === input.length ? input : input.subarray(start, end)
  }
}

/** What the machine must know of a request to read its response. */
export interface RequestFacts {
  readonly method: string
  /** True if the request has `Connection: close`. */
  readonly close: boolean
  readonly limits: HttpLimits.HttpLimits
  readonly leniency: HttpLeniency.HttpLeniency
  /**
   * The protocols that the request offers, in lower case; none for a CONNECT whose tunnel is to be
   * delivered. `undefined` if the connection is to stay with HTTP.
   */
  readonly offered?: ReadonlyArray<string> | undefined
}

const noBytes: Uint8Array = new Uint8Array(0)
const needMoreEvent: Event = { _tag: "NeedMore" }
const endEvent: Event = { _tag: "End", trailers: HttpFields.empty }

export class Machine {
  readonly #lifecycle = new Lifecycle()
  #input: Uint8Array = noBytes
  #position = 0
  #ended = false
  #cut = false
  #failure: Event | undefined
  #served = 0
  #informational = 0
  // The next three belong to one exchange and are cleared at its end, so that an idle connection
  // retains nothing of its last exchange.
  #request: RequestFacts | undefined
  /** The parser of an incomplete head. */
  #parser: HeadParser | undefined
  #decoder: BodyDecoder | undefined
  #tunnel = false
  /**
   * True if the response is a 205, which may be framed but must have no content (RFC 9110 section
   * 15.3.6).
   */
  #reset = false

  /** The number of completed exchanges. */
  get served(): number {
    return this.#served
  }

  /**
   * Bytes received after the end of the response. While there are any, the connection cannot be
   * reused.
   */
  get excess(): number {
    return this.#input.length - this.#position
  }

  /**
   * True if another request may be sent: both messages complete, both sides persistent, nothing
   * unread.
   */
  get reusable(): boolean {
    return this.#lifecycle.reusable && !this.#ended && this.excess === 0
  }

  /**
   * True unless one side has announced, or has caused, that the connection ends after this
   * exchange.
   */
  get persistent(): boolean {
    return this.#lifecycle.persistent
  }

  /**
   * True if a response that has no body announced one, which is why the connection is not reusable.
   */
  get announced(): boolean {
    return this.#lifecycle.announced
  }

  /** True if the response has been received completely. */
  get responseDone(): boolean {
    return this.#lifecycle.server === "Done"
  }

  /** Begins a request. Returns false, and changes nothing, if the connection cannot accept one. */
  startRequest(request: RequestFacts): boolean {
    if (!this.reusable) return false
    this.#lifecycle.next()
    this.#lifecycle.moveClient("head")
    if (request.close) this.#lifecycle.persistent = false
    this.#request = request
    this.#informational = 0
    return true
  }

  /** Records that the request has been sent completely. */
  endRequest(): void {
    if (this.#lifecycle.moveClient("end") && this.responseDone) this.#served++
  }

  /** Records that the request will never be complete, so the connection cannot be reused. */
  abandonRequest(): void {
    this.#lifecycle.persistent = false
  }

  /** Provides the next bytes. All events of the previous bytes must have been read. */
  receive(bytes: Uint8Array): void {
    // Unread bytes are lost here, and with them the start of the next response.
    if (this.excess > 0) this.#lifecycle.persistent = false
    this.#input = bytes
    this.#position = 0
  }

  /**
   * Records that the peer has finished sending. `cut` is true if TLS should have announced it and
   * did not.
   */
  eof(cut = false): void {
    this.#ended = true
    this.#cut = cut
  }

  /**
   * Returns the next event; `NeedMore` if the bytes received contain none. After a `Failure` it
   * returns only that failure. Bytes after a response are an `UnexpectedMessage` once the request
   * is complete too, but stay unread if the response opened a tunnel.
   */
  next(): Event {
    if (this.#failure !== undefined) return this.#failure
    const { client, server } = this.#lifecycle
    if (server === "Body") return this.#body()
    if (server === "Idle" && client !== "Idle") return this.#head()
    return client === "Body" || this.#tunnel ? needMoreEvent : this.#idle()
  }

  /** No request is outstanding, so received bytes cannot be a response (RFC 9112 section 9.2). */
  #idle(): Event {
    if (this.excess === 0) return needMoreEvent
    // The exchanges before remain valid, but the connection cannot be reused.
    this.#lifecycle.persistent = false
    return this.#refuse(new UnexpectedMessage({ received: this.excess }))
  }

  #head(): Event {
    // `startRequest` sets the request before it moves the client out of `Idle`.
    const { leniency, limits } = this.#request as RequestFacts
    const parser = this.#parser ?? acquireParser(limits, leniency)
    const end = parser.scan(this.#input, this.#position)
    if (end === faulty) return this.#fail(parser.error as HeadError)
    if (end === needMore) {
      this.#parser = parser
      this.#input = noBytes
      this.#position = 0
      return this.#ended ? this.#headEnded(parser) : needMoreEvent
    }
    this.#position = end
    return this.#headComplete(parser)
  }

  #headEnded(parser: HeadParser): Event {
    if (!parser.started) {
      return this.#fail(
        this.#served > 0 && this.#informational === 0 && parser.received === 0
          ? new StaleConnection({})
          : new RemoteDisconnected({})
      )
    }
    if (!this.#request?.leniency.headEndsWithConnection) {
      return this.#fail(parser.cut())
    }
    this.#lifecycle.persistent = false
    return parser.finish() ? this.#headComplete(parser) : this.#fail(parser.error as HeadError)
  }

  #headComplete(parser: HeadParser): Event {
    const head = parser.head as ResponseHead
    parser.head = undefined
    this.#parser = undefined
    releaseParser(parser)
    const request = this.#request as RequestFacts
    const framing = decideFraming(request.method, head, request.leniency, request.offered)
    if ("_tag" in framing) return this.#fail(framing)
    // The bytes that look like this head may be that body, so they must not open a tunnel.
    if (framing.kind === "tunnel" && request.offered !== undefined && this.#lifecycle.announced) {
      return this.#fail(new FramingConflict({ reason: "an informational response announces a body" }))
    }
    if (head.relaxed || isRelaxed(framing)) this.#lifecycle.persistent = false
    if (framing.kind === "none" && announcesBody(head)) this.#lifecycle.announceBody()
    if (head.status < 200 && framing.kind !== "tunnel") {
      this.#informational++
      this.#lifecycle.moveServer("informational")
      if (saysClose(head)) this.#lifecycle.persistent = false
      return this.#informational > request.limits.informational
        ? this.#fail(new TooManyInformational({ limit: request.limits.informational }))
        : { _tag: "Informational", head }
    }
    this.#tunnel = framing.kind === "tunnel"
    this.#reset = head.status === 205
    this.#lifecycle.moveServer("head")
    if (!persists(head, framing)) this.#lifecycle.persistent = false
    this.#decoder = makeDecoder(framing, request)
    return new HeadEvent(head, framing)
  }

  #body(): Event {
    // The server is in `Body` only after a decoder was created.
    const decoder = this.#decoder as BodyDecoder
    if (!decoder.done && decoder.error === undefined && this.excess > 0) {
      const input = this.#input
      this.#position = decoder.decode(input, this.#position)
      if (decoder.dataEnd > decoder.dataStart) {
        return new DataEvent(input, decoder.dataStart, decoder.dataEnd)
      }
    }
    if (!decoder.done && decoder.error === undefined) {
      if (!this.#ended) return needMoreEvent
      decoder.eof(this.#cut && this.#request?.leniency.missingCloseNotify !== true)
    }
    if (decoder.error !== undefined) return this.#fail(decoder.error)
    return this.#end(decoder)
  }

  #end(decoder: BodyDecoder): Event {
    if (decoder.relaxed) this.#lifecycle.persistent = false
    if (this.#reset && decoder.received > 0) this.#lifecycle.announceBody()
    this.#lifecycle.moveServer("end")
    if (this.#lifecycle.client === "Done") this.#served++
    this.#request = undefined
    this.#decoder = undefined
    if (this.excess === 0) {
      this.#input = noBytes
      this.#position = 0
    }
    return decoder.trailers === HttpFields.empty ? endEvent : { _tag: "End", trailers: decoder.trailers }
  }

  #fail(error: MachineError): Event {
    this.#lifecycle.fail()
    return this.#refuse(error)
  }

  #refuse(error: MachineError): Event {
    this.#failure = { _tag: "Failure", error }
    return this.#failure
  }
}
