/**
 * A request through the pool: a connection, the exchange, and a retry if that is safe.
 *
 * Faults of the request are found before it waits for anything. It is sent by the callback that
 * brings the connection, and its caller is notified once, with a response or a failure.
 */
import type { HttpError, InvalidMethod, RequestBodyError } from "../../HttpError.ts"
import type { HeadFailure, InvalidRequest, SendFailure } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import type * as Tls from "../../Tls.ts"
import { ofAsked, withContextAt } from "../connection/about.ts"
import type { Pending } from "../connection/acquisition.ts"
import type { Call, CallObserver, Outcome } from "../connection/call.ts"
import { headOf, outcomeOf, tapHeadOf } from "../connection/call.ts"
import type { Connection } from "../connection/connection.ts"
import type { HeadObserver } from "../connection/exchange.ts"
import type { Exchange } from "../connection/exchange.ts"
import type { Attempt, Prepared, Unprepared } from "../connection/prepare.ts"
import { firstAttempt, prepare } from "../connection/prepare.ts"
import { dismissal, isIdleTimeout, refusesExpectation, resent, statusErrorOf } from "../connection/repeat.ts"
import { sendRequest } from "../connection/sendRequest.ts"
import { makeExchange } from "../connection/switching.ts"
import type { Millis } from "../connection/timeouts.ts"
import { Timer } from "../connection/timers.ts"
import { UnsupportedBody } from "../error/request.ts"
import { ConnectionClosed } from "../error/state.ts"
import { HttpTimeout } from "../error/timeout.ts"
import type { ParsedUrl } from "../model/origin.ts"
import { format, fromUrl, isOrigin } from "../model/origin.ts"
import { notRequest } from "../options.ts"
import { checkMethod } from "../protocol/encode.ts"
import type { ResponseHead } from "../protocol/head.ts"
import { State } from "./callState.ts"
import type { CheckoutFailure } from "./checkout.ts"
import { Checkout } from "./checkout.ts"
import type { Pool } from "./pool.ts"
import type { PooledConnection } from "./pooledConnection.ts"
import { mayRetry } from "./retry.ts"
import type { Route, Unroutable } from "./route.ts"
import { resolveRoute } from "./route.ts"

/** The failures of `execute`. */
export type ExecuteFailure<E> =
  | InvalidRequest
  | CheckoutFailure
  | SendFailure
  | HeadFailure
  | ([E] extends [never] ? never : RequestBodyError<E>)

/** Encodes a request for its origin. */
const prepareFor = (
  pool: Pool,
  request: HttpRequest<unknown>,
  { fields, key, origin, target, upgrade }: Route,
  attempt: Attempt
): Prepared | Unprepared => {
  const unknown = request.body._tag === "Streaming" && request.body.length === undefined
  const trailed = !HttpFields.isHttpFields(request.trailers) || HttpFields.size(request.trailers) > 0
  if ((unknown || trailed) && pool.legacyServers.has(key)) {
    const error = new UnsupportedBody({
      reason: unknown
        ? "its length is not known, and the server speaks HTTP/1.0, which has no chunks; give its `length`"
        : "it has trailers, and the server speaks HTTP/1.0, which has no chunks to put them behind; leave them out"
    })
    return withContextAt(error, origin, { method: request.method, target })
  }
  return prepare(pool.requestSettings, origin, request, target, fields, attempt, upgrade)
}

/** Adds the origin to the error of a request whose method is invalid, if it can be determined. */
const atItsOrigin = (error: InvalidMethod, { origin, target }: HttpRequest<unknown>): InvalidMethod => {
  if (isOrigin(origin)) return withContextAt(error, origin, undefined)
  const parsed = typeof target === "string" ? fromUrl<Tls.Input>(target, undefined) : undefined
  return parsed === undefined || "_tag" in parsed ? error : withContextAt(error, parsed.origin, undefined)
}

/**
 * Returns a request, or its fault. `parsed` is its URL, if it was parsed already. `upgrade` is true
 * if its connection is to leave HTTP.
 */
export const makeCall = (
  pool: Pool,
  request: HttpRequest<unknown>,
  parsed: ParsedUrl<Tls.Input> | undefined,
  upgrade = false
): PoolCall | InvalidRequest | Unprepared | Unroutable => {
  const startedAt = pool.timers.now()
  const none = notRequest(request)
  if (none !== undefined) return none
  // First, because the method decides what the target may be.
  const wrong = checkMethod(request.method)
  if (wrong !== undefined) return atItsOrigin(wrong, request)
  const route = resolveRoute(pool.settings, request, parsed, upgrade)
  if ("_tag" in route) return route
  const prepared = prepareFor(pool, request, route, firstAttempt(request, pool.legacyServers.has(route.key)))
  return "_tag" in prepared ? prepared : new PoolCall(pool, request, route, prepared, startedAt)
}

/**
 * Returns the error of a retry, which holds for both attempts: the server may have processed the
 * first.
 */
const ofBoth = (first: HttpError, second: HttpError, resends: number): HttpError => {
  const { processed } = second.context
  ;(second as { context: HttpError["context"] }).context = {
    ...second.context,
    resends,
    processed: processed === "Yes" ? "Yes" : first.context.bytesWritten > 0 ? "Unknown" : processed
  }
  return second
}

export class PoolCall extends Checkout implements Call, HeadObserver {
  outcome: Outcome | undefined = undefined
  readonly #request: HttpRequest<unknown>
  readonly #route: Route
  #prepared: Prepared
  /** The error of the attempt on a stale connection, if there was one. */
  #first: HttpError | undefined = undefined
  #exchange: Exchange | undefined = undefined

  constructor(pool: Pool, request: HttpRequest<unknown>, route: Route, prepared: Prepared, startedAt: number) {
    super(pool, route.key, route.origin, startedAt)
    this.#request = request
    this.#route = route
    this.#prepared = prepared
  }

  get timeouts(): Millis {
    return this.#prepared.terms.timeouts
  }

  start(observer: CallObserver): void {
    this.observer = observer
    this.pool.inFlight++
    this.guard(() => this.checkout(this.startedAt))
  }

  /**
   * Cancels the call. An answer that the caller will not receive closes its connection, even if it
   * is complete.
   */
  cancel(): Pending | undefined {
    const { pool, state } = this
    const exchange = this.#exchange
    // Only the observer's own failure can be that late.
    if (state === State.Failed || state === State.Cancelled || state === State.New) return undefined
    this.move(State.Cancelled)
    let pending: Pending | undefined
    if (exchange === undefined) pending = this.cancelCheckout()
    else {
      exchange.discardResponse()
      pending = exchange.run
    }
    const ended = (): void => {
      if (exchange === undefined) {
        this.waitEnded("Interrupted")
        this.#emitUnsent(this.#about(new ConnectionClosed({ reason: "the request was interrupted" }), "pool"))
      }
      pool.requestFinished()
    }
    if (pending === undefined) ended()
    else pending.whenEnded(ended)
    return pending
  }

  deliver(exchange: Exchange): ResponseHead {
    const { pool, pooled } = this
    const head = headOf(exchange)
    if (!exchange.body.settled && !exchange.isChannel && pooled !== undefined) pool.unread.arrived(pooled, exchange)
    pool.legacyServers.record(this.key, head.version)
    pool.requestFinished()
    exchange.startUnreadTimer()
    this.#forget()
    return head
  }

  /**
   * Clears references. A request that was queued for long has been promoted to V8's old generation.
   * A young collection can then still free the exchange.
   */
  #forget(): void {
    this.#exchange = undefined
    this.outcome = undefined
    this.pooled = undefined
    this.observer = undefined
  }

  // --- the exchange

  protected use(pooled: PooledConnection, connection: Connection): void {
    const { caller, startedAt } = this
    const prepared = this.#prepared
    this.move(State.Sending)
    const { settings } = pooled
    const now = settings.timers.now()
    const exchange = makeExchange(
      connection,
      settings,
      this.origin,
      prepared.terms,
      startedAt,
      now,
      pooled.openedHere
    )
    pooled.exchange = exchange
    this.#exchange = exchange
    sendRequest(exchange, prepared, caller, now)
    exchange.whenHead(this)
  }

  onHead(): void {
    const exchange = this.#exchange
    if (exchange === undefined || this.state === State.Cancelled) return
    this.guard(() => {
      const outcome = outcomeOf(exchange)
      if (!("_tag" in outcome)) {
        tapHeadOf(exchange, this.caller)
        if (outcome.head !== undefined && outcome.head.status >= 400 && this.#isRepeated(outcome)) return
        this.move(State.Answered)
        return this.#done(outcome)
      }
      if (outcome._tag === "Failed") this.failed(outcome.error)
      else this.die(outcome.defect)
    })
  }

  // --- failing

  /** Retries, if that is safe and has not been tried. */
  protected failed(error: HttpError): void {
    const first = this.#first
    if (first === undefined && mayRetry(this.#request, error)) return this.#retryOnNewConnection(error)
    const own = this.#about(error)
    const resends = Math.max(own.context.resends, this.#prepared.terms.resends)
    const final = first !== undefined ? ofBoth(first, own, resends) : resends === 0 ? own : resent(own, resends)
    this.#emitUnsent(final)
    this.#finish({ _tag: "Failed", error: final })
  }

  die(defect: unknown): void {
    this.waitEnded("Failed")
    this.pool.cancel(this)
    if (this.#exchange !== undefined) this.#exchange.connection.close("Failure")
    this.#finish({ _tag: "Died", defect })
  }

  #finish(outcome: Outcome): void {
    if (this.outcome !== undefined || this.state === State.Cancelled) return
    // Not by `move`: a defect may be the result of an illegal one.
    this.state = State.Failed
    this.pool.requestFinished()
    this.#exchange = undefined
    this.#done(outcome)
  }

  #done(outcome: Outcome): void {
    this.outcome = outcome
    this.caller.onDone()
  }

  /** Adds the request to a failure that occurred before there was an exchange. */
  #about(error: HttpError, phase?: "pool"): HttpError {
    const { origin, target } = this.#route
    const asked = { method: this.#request.method, target }
    return phase === undefined ? ofAsked(error, origin, asked) : withContextAt(error, origin, asked, { phase })
  }

  /** Retries the request instead of delivering a response about how it was sent. */
  #isRepeated(exchange: Exchange): boolean {
    const isStale = this.#first === undefined && isIdleTimeout(exchange, this.#request)
    if (!isStale && !refusesExpectation(exchange, this.#prepared, this.#request)) return false
    const error = statusErrorOf(exchange)
    if (error === undefined) return false
    if (exchange.head !== undefined) this.pool.legacyServers.record(this.key, exchange.head.version)
    exchange.dismiss(dismissal)
    // A listener may have interrupted it.
    if (this.state !== State.Sending) return true
    if (isStale) this.#retryOnNewConnection(error)
    else this.#retry(error, false)
    return true
  }

  /**
   * Retries the request on a new connection. A failure of the retry is not retried (RFC 9110
   * section 9.2.2).
   */
  #retryOnNewConnection(first: HttpError): void {
    this.#first = first
    this.requireNew = true
    this.#retry(first, this.#prepared.head.expectContinue && this.#request.expectContinue === true)
  }

  #retry(first: HttpError, expectContinue: boolean): void {
    const exchange = this.#exchange
    this.#exchange = undefined
    this.pooled = undefined
    this.accepted = true
    const resends = this.#prepared.terms.resends + 1
    // The recorded version of the server may have changed since.
    const prepared = prepareFor(this.pool, this.#request, this.#route, { resends, expectContinue })
    if ("_tag" in prepared) return this.failed(resent(prepared, resends))
    this.#prepared = prepared
    this.move(State.Ending)
    if (exchange?.run === undefined) this.#sendAgain(first)
    else this.#whenReleased(exchange.run, () => this.#sendAgain(first))
  }

  #sendAgain(first: HttpError): void {
    const { pool } = this
    this.#released = undefined
    pool.counts.retried++
    pool.emit({ _tag: "Retry", origin: format(this.origin), connection: first.context.connection?.id, error: first })
    this.checkout(pool.timers.now())
  }

  /** Set while the source of the first attempt is awaited. */
  #released: { readonly run: Pending; cancel(): void } | undefined = undefined

  /**
   * Waits for the finalizers of the stream that was being sent: what it holds, such as a file, may
   * not exist twice. A timeout does not wait for them, as in an exchange; an interruption does.
   */
  #whenReleased(run: Pending, next: () => void): void {
    const { pool, startedAt, timeouts } = this
    const millis = timeouts.total
    let cancelRun = (): void => {}
    const timer = new Timer({
      onTimeout: () => {
        cancelRun()
        this.#released = undefined
        const error = withContextAt(new HttpTimeout({ kind: "total", millis }), this.origin, undefined, {
          phase: "write"
        })
        this.guard(() => this.failed(error))
      }
    })
    const cancel = (): void => {
      cancelRun()
      pool.timers.cancel(timer)
    }
    this.#released = { run, cancel }
    if (millis !== Infinity) {
      const now = pool.timers.now()
      pool.timers.start(timer, Math.max(0, millis - (now - startedAt)), now)
    }
    cancelRun = run.whenEnded(() => {
      pool.timers.cancel(timer)
      this.caller.context.run(() => this.guard(next))
    })
  }

  protected override cancelCheckout(): Pending | undefined {
    const released = this.#released
    if (released === undefined) return super.cancelCheckout()
    released.cancel()
    return released.run
  }

  /** Emits the end of a request that had no connection; an exchange emits it itself. */
  #emitUnsent(error: HttpError): void {
    if (!this.pool.events.active || error.context.connection !== undefined) return
    this.pool.emitRequestEnd(undefined, this.origin, this.#request.method, undefined, error, this.startedAt)
  }
}
