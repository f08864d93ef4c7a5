/**
 * Sends a request on a connection: the head, then the body in blocks or as its source produces it.
 * `BodyEncoder` frames each piece.
 *
 * Waits for the transport to take the written bytes before it writes more. Sending stops without a
 * failure if the server has responded and sending more is unnecessary. Nothing here throws: a
 * transport or a source that does ends the exchange.
 */
import type { HttpError } from "../../HttpError.ts"
import type * as HttpFields from "../../HttpFields.ts"
import { withContext } from "../error/base.ts"
import { unlocated } from "../error/context.ts"
import { UnsupportedBody } from "../error/request.ts"
import { ConnectionClosed } from "../error/state.ts"
import { described, isBytes } from "../given.ts"
import type { BodySink, Caller } from "../model/ports.ts"
import { withAuthorization } from "../model/proxy.ts"
import type { BodyEncoder } from "../protocol/bodyEncoder.ts"
import type { Exchange } from "./exchange.ts"
import { InterimListener } from "./interim.ts"
import type { Prepared } from "./prepare.ts"
import { tapHead } from "./wireTap.ts"

/**
 * A body of at most this size is sent in one call with the head, whatever the block size. Of a
 * larger one the first block is.
 */
const smallBody = 65_536

const nothing: Uint8Array = new Uint8Array(0)

/**
 * Sends a request in an exchange that has just begun, at `now`. `more` is true if other pieces
 * follow.
 */
export const sendRequest = (
  exchange: Exchange,
  prepared: Prepared,
  caller: Caller,
  now: number,
  more = false
): void => {
  const { onInformational } = prepared
  if (onInformational !== undefined) {
    exchange.interim = new InterimListener(onInformational, caller, exchange.settings.host)
  }
  try {
    const { origin, settings } = exchange
    const { text } = prepared.head
    // Its credentials may be known only with the connection.
    const head = origin.proxy === undefined ? text : withAuthorization(text, settings.proxy)
    writeHead(exchange, prepared, head, now)
    if (settings.wireTap) tapHead(caller, head)
    if (!more) sendBody(exchange, prepared, caller)
  } catch (thrown) {
    // A transport that throws breaks its contract, which must not leave anything open.
    exchange.die(thrown)
  }
}

const writeHead = (exchange: Exchange, prepared: Prepared, head: string, now: number): void => {
  const { encoder, source } = prepared
  const first = firstPiece(prepared, exchange.settings.blockSize)
  const framed = encoder.encode(first)
  if ("_tag" in framed) return exchange.fail(framed)
  exchange.offered = first.length
  exchange.full = !(framed.length > 0 ? exchange.write(head, framed) : exchange.write(head))
  if (!encoder.done || source !== undefined) return
  if (exchange.full) exchange.whenDrained(() => exchange.requestSent())
  else exchange.requestSent(now)
}

/** Returns the part of a body in memory that is sent in the same call as the head. */
const firstPiece = ({ bytes, head }: Prepared, blockSize: number): Uint8Array => {
  if (bytes === undefined || head.expectContinue) return nothing
  return bytes.length <= smallBody ? bytes : bytes.subarray(0, blockSize)
}

/**
 * Sends the part of the body that was not sent with the head. A source runs in parallel to the
 * exchange.
 */
const sendBody = (exchange: Exchange, { bytes = nothing, encoder, head, source }: Prepared, caller: Caller): void => {
  if ((encoder.done && source === undefined) || exchange.ending !== undefined) return
  if (head.expectContinue) exchange.holdBody()
  if (source !== undefined) exchange.run = source.start(new StreamSink(exchange, encoder), caller)
  else if (head.expectContinue) exchange.await100Continue(() => sendBytes(exchange, encoder, bytes))
  else sendBytes(exchange, encoder, bytes)
}

/**
 * Writes one piece. Returns true if the transport takes more, false if it asks to wait, an error if
 * the framing does not allow the piece.
 */
const writePiece = (exchange: Exchange, encoder: BodyEncoder, piece: Uint8Array): boolean | HttpError => {
  const framed = encoder.encode(piece)
  if ("_tag" in framed) return framed
  return framed.length === 0 || exchange.write(framed)
}

/** Ends the body. Returns an error if it is not complete. */
export const writeEnd = (exchange: Exchange, encoder: BodyEncoder): boolean | HttpError => {
  const framed = encoder.end()
  if (typeof framed !== "string") return framed
  return framed.length === 0 || exchange.write(framed)
}

/** Ends the body and, when the transport has taken all of it, the request. */
export const endRequest = (exchange: Exchange, encoder: BodyEncoder): void => {
  const taken = writeEnd(exchange, encoder)
  if (typeof taken === "object") return exchange.fail(taken)
  if (taken) exchange.requestSent()
  else exchange.whenDrained(() => exchange.requestSent())
}

/** Sends the rest of bytes in blocks, by callbacks alone. The exchange reports the outcome. */
const sendBytes = (exchange: Exchange, encoder: BodyEncoder, bytes: Uint8Array): void => {
  const { blockSize } = exchange.settings
  const pump = (): void => {
    // The transport calls it back, and cannot handle exceptions.
    try {
      send()
    } catch (thrown) {
      exchange.crash(thrown)
    }
  }
  const send = (): void => {
    while (!exchange.done && !exchange.stopped) {
      const { offered } = exchange
      if (offered >= bytes.length) return endRequest(exchange, encoder)
      const taken = writePiece(exchange, encoder, bytes.subarray(offered, offered + blockSize))
      if (typeof taken === "object") return exchange.fail(taken)
      exchange.offered += blockSize
      if (!taken) return exchange.whenDrained(pump)
    }
  }
  if (exchange.full) exchange.whenDrained(pump)
  else pump()
}

const blockOf = (piece: Uint8Array, offset: number, blockSize: number): Uint8Array =>
  piece.length <= blockSize ? piece : piece.subarray(offset, offset + blockSize)

/**
 * Writes the pieces of a source in blocks, so that `timeouts.write` limits a block and not a piece.
 */
export class StreamSink implements BodySink {
  readonly #exchange: Exchange
  readonly #encoder: BodyEncoder
  #pieces: ReadonlyArray<unknown> = []
  #index = 0
  #offset = 0

  constructor(exchange: Exchange, encoder: BodyEncoder) {
    this.#exchange = exchange
    this.#encoder = encoder
  }

  get isStopped(): boolean {
    return this.#exchange.stopped
  }

  await100Continue(resume: () => void): boolean {
    let isReady = true
    const callback = (): void => {
      if (!isReady) resume()
    }
    this.#exchange.await100Continue(callback)
    isReady = !this.#exchange.isBlocked
    return isReady
  }

  write(pieces: ReadonlyArray<unknown>, resume: () => void): boolean | HttpError {
    this.#pieces = pieces
    this.#index = 0
    this.#offset = 0
    return this.flush(resume)
  }

  flush(resume: () => void): boolean | HttpError {
    const exchange = this.#exchange
    const { blockSize } = exchange.settings
    while (this.#index < this.#pieces.length) {
      if (exchange.stopped) return true
      const piece = this.#pieces[this.#index]
      if (!isBytes(piece)) {
        return new UnsupportedBody({ reason: `its stream gave ${described(piece)}, which is no Uint8Array` })
      }
      const taken = writePiece(exchange, this.#encoder, blockOf(piece, this.#offset, blockSize))
      if (typeof taken === "object") return taken
      this.#offset += blockSize
      if (this.#offset >= piece.length) {
        this.#index++
        this.#offset = 0
      }
      if (!taken && !this.#drained(resume)) return false
    }
    if (this.#encoder.done) exchange.expectResponse()
    return true
  }

  setTrailers(trailers: HttpFields.HttpFields): void {
    this.#encoder.trailers = trailers
  }

  end(resume: () => void): boolean | HttpError {
    const taken = writeEnd(this.#exchange, this.#encoder)
    return taken === false ? this.#drained(resume) : taken
  }

  onFinished(): void {
    if (this.#encoder.done) this.#exchange.requestSent()
  }

  onFailed(error: HttpError): void {
    // The exchange itself stops the source if sending more is unnecessary. The response then takes
    // precedence over the source's report.
    if (!this.#exchange.stopped) this.#exchange.fail(error)
  }

  onDied(defect: unknown, cause: unknown): void {
    this.#exchange.die(defect, cause)
  }

  onInterrupted(): void {
    if (this.#exchange.stopped) return
    // The source was interrupted, but not by the exchange. So the caller must fix it.
    const error = new ConnectionClosed({ reason: "the stream of the request's body was interrupted" })
    this.#exchange.fail(withContext(error, unlocated("write", "User")), "Interrupted")
  }

  /** Returns true if the transport has taken everything already; otherwise `resume` is called. */
  #drained(resume: () => void): boolean {
    let isDrained = false
    let isWaiting = false
    this.#exchange.whenDrained(() => {
      if (isWaiting) resume()
      else isDrained = true
    })
    isWaiting = true
    return isDrained
  }
}
