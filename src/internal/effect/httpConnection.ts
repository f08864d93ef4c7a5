/** Creates a connection in a scope, with its public methods. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as HttpBody from "../../HttpBody.ts"
import type { HttpError, InvalidRequest } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import { strict } from "../../HttpLeniency.ts"
import * as HttpLimits from "../../HttpLimits.ts"
import * as HttpRequest from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import * as HttpTimeouts from "../../HttpTimeouts.ts"
import * as Origin from "../../Origin.ts"
import { Transport } from "../../Transport.ts"
import { withContextAt } from "../connection/about.ts"
import { EventHub } from "../connection/events.ts"
import type { Started } from "../connection/handle.ts"
import { ConnectionHandle } from "../connection/handle.ts"
import type { OpenFailure } from "../connection/open.ts"
import { withSources } from "../connection/rotation.ts"
import { toLimits, toMillis } from "../connection/settings.ts"
import { noTimeouts } from "../connection/timeouts.ts"
import type { Tagged } from "../error/base.ts"
import { InvalidOption } from "../error/request.ts"
import type { ConnectionState } from "../error/state.ts"
import * as state from "../error/state.ts"
import type { OnInformational } from "../model/requestOptions.ts"
import { checked, notRecord } from "../options.ts"
import { acquired } from "./acquired.ts"
import type { RedactedNames } from "./caller.ts"
import { uninterruptedStep } from "./caller.ts"
import type { HttpConnectionOptions } from "./connectionOptions.ts"
import { fieldsOf, localOf, makeOrigin, makeTunnel, tlsOf, tunnelThrough } from "./connectionOptions.ts"
import type { ExecuteFailure } from "./execute.ts"
import { execute } from "./execute.ts"
import { hosted } from "./hosted.ts"
import type { PutRequestOptions } from "./steps.ts"
import { endHeaders, putHeader, putRequest } from "./steps.ts"
import type { ResponseFailure, StepFailure } from "./stepsBody.ts"
import { forgetFailed, getResponse, send, writerEnded } from "./stepsBody.ts"
import type { Trace } from "./trace.ts"
import { upgradeHandle } from "./upgrade.ts"
import type { Upgraded } from "./upgradedModel.ts"
import type { UpgradeRefused } from "./upgradeRefused.ts"

const defaultBlockSize = 65_536

/** Adds the connection's origin to errors that have no origin yet. */
const located = <A, E extends Tagged<string>>(
  handle: ConnectionHandle,
  effect: Effect.Effect<A, E>
): Effect.Effect<A, E> => Effect.mapError(effect, (error) => withContextAt(error, handle.origin, handle.started))

/** Runs a call if its options are a record, as its type demands. */
const recorded = <A, E>(options: object, call: () => Effect.Effect<A, E>): Effect.Effect<A, E | InvalidOption> =>
  Effect.suspend((): Effect.Effect<A, E | InvalidOption> => notRecord("options", options) ?? call())

/** Returns the error if a group of options is not a record. `null` counts as absent. */
const notGroups = ({ leniency, limits, timeouts }: HttpConnectionOptions): InvalidOption | undefined =>
  notRecord("timeouts", timeouts ?? undefined) ?? notRecord("limits", limits ?? undefined)
    ?? notRecord("leniency", leniency ?? undefined)

/** Creates a connection. The end of the scope closes it. */
export const make = (
  options: HttpConnectionOptions,
  redactedNames: RedactedNames,
  trace?: Trace
): Effect.Effect<HttpConnectionImpl, InvalidRequest, Scope.Scope | Transport> =>
  Effect.gen(function*() {
    const wrong = notRecord("options", options ?? null) ?? notGroups(options)
    if (wrong !== undefined) return yield* wrong
    const tls = yield* checked(tlsOf(options.tls))
    const scheme = tls === undefined ? "http" : "https"
    const { blockSize = defaultBlockSize, port, socketPath } = options
    if (!Number.isSafeInteger(blockSize) || blockSize < 1) {
      return yield* new InvalidOption({ option: "blockSize", reason: "it must be a whole number of at least 1" })
    }
    for (const option of ["autoOpen", "wireTap", "tracing"] as const) {
      if (options[option] !== undefined && typeof options[option] !== "boolean") {
        return yield* new InvalidOption({ option, reason: "it must be true or false" })
      }
    }
    if (options.onEvent !== undefined && typeof options.onEvent !== "function") {
      return yield* new InvalidOption({ option: "onEvent", reason: "it must be a function" })
    }
    const host = options.host ?? (socketPath === undefined ? "" : "localhost")
    const plain = yield* makeOrigin({ scheme, host, port, socketPath })
    if (options.tunnel !== undefined && !Predicate.isRecord(options.tunnel)) {
      return yield* new InvalidOption({ option: "tunnel", reason: "it must be a record with a host" })
    }
    const { proxy } = options
    if (proxy !== undefined && options.tunnel !== undefined) {
      return yield* new InvalidOption({
        option: "tunnel",
        reason: "there is a `proxy` as well; leave out one of the two"
      })
    }
    const origin = proxy === undefined ? plain : yield* Origin.withOptions(plain, { proxy })
    const tunnel = proxy !== undefined
      ? tunnelThrough(origin, proxy)
      : options.tunnel && (yield* makeTunnel(scheme, options.tunnel))
    const local = yield* localOf(options)
    const transport = yield* Transport
    const kit = yield* hosted(transport)
    const handle = new ConnectionHandle({
      ...kit,
      origin,
      ...withSources(tls, proxy),
      ...local,
      timeouts: yield* checked(toMillis(HttpTimeouts.make(options.timeouts ?? {}), noTimeouts, kit.host)),
      limits: yield* checked(toLimits(options.limits ?? {}, HttpLimits.defaults)),
      leniency: options.leniency ?? strict,
      blockSize,
      autoOpen: options.autoOpen ?? true,
      wireTap: options.wireTap ?? false,
      events: new EventHub(kit.host, options.onEvent),
      policy: undefined
    }, tunnel)
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        handle.closed = true
        handle.disconnect("its scope has ended")
        // Resources of a request body, such as a file, are released with the scope too.
        return handle.exchange === undefined ? Effect.void : writerEnded(handle.exchange)
      })
    )
    return new HttpConnectionImpl(handle, redactedNames, options.tracing === true ? trace : undefined)
  })

/** The options of `request`, besides the method and the target. */
export interface RequestOptions<E> extends HttpBody.Content {
  readonly body?: HttpBody.Input<E> | undefined
  readonly query?: HttpBody.FormInput | undefined
  readonly headers?: HttpFields.Input | undefined
  readonly encodeChunked?: boolean | undefined
  readonly onInformational?: OnInformational | undefined
}

/** The methods, documented in `HttpConnection`. */
export class HttpConnectionImpl {
  readonly #handle: ConnectionHandle
  readonly #redactedNames: RedactedNames
  readonly #trace: Trace | undefined

  constructor(handle: ConnectionHandle, redactedNames: RedactedNames, trace?: Trace) {
    this.#handle = handle
    this.#redactedNames = redactedNames
    this.#trace = trace
  }

  get origin(): Origin.Origin {
    return this.#handle.origin
  }

  get state(): Effect.Effect<ConnectionState> {
    return Effect.sync(() => this.#handle.state)
  }

  get isOpen(): Effect.Effect<boolean> {
    return Effect.sync(() => this.#handle.connection?.open ?? false)
  }

  get connect(): Effect.Effect<void, OpenFailure | state.CannotSendRequest | state.ConnectionClosed> {
    type Failure = OpenFailure | state.CannotSendRequest | state.ConnectionClosed
    const connect = uninterruptedStep(this.#redactedNames, (caller): Effect.Effect<void, HttpError> => {
      const handle = this.#handle
      if (handle.closed) return Effect.fail(new state.ConnectionClosed({ reason: "its scope has ended" }))
      if (handle.connection?.open === true) return Effect.void
      if (handle.leased) {
        return Effect.fail(
          new state.ConnectionClosed({ reason: "the leased connection has closed, lease another one" })
        )
      }
      // A request that has been started may wait for its connection. One that is being sent has a
      // connection already.
      return handle.quiet || handle.state === "RequestStarted"
        ? acquired(handle, undefined, caller, () => {})
        : Effect.fail(new state.CannotSendRequest({ state: handle.state }))
    }) as Effect.Effect<void, Failure>
    return located(this.#handle, connect)
  }

  get close(): Effect.Effect<void> {
    return Effect.sync(() => this.#handle.disconnect("it was closed by `close`"))
  }

  execute<E>(request: HttpRequest.HttpRequest<E>): Effect.Effect<HttpResponse, ExecuteFailure<E>> {
    const { origin } = this.#handle
    return this.#trace === undefined
      ? execute(this.#handle, request, this.#redactedNames)
      : this.#trace(request, origin, (request) => execute(this.#handle, request, this.#redactedNames))
  }

  upgrade<E>(
    request: HttpRequest.HttpRequest<E>
  ): Effect.Effect<Upgraded, ExecuteFailure<E> | UpgradeRefused, Scope.Scope> {
    return upgradeHandle(this.#handle, request, this.#redactedNames, this.#trace)
  }

  putRequest(
    method: string,
    target: string,
    options: PutRequestOptions = {}
  ): Effect.Effect<void, InvalidRequest | state.CannotSendRequest | state.ConnectionClosed> {
    return located(
      this.#handle,
      recorded(options, () => putRequest(this.#handle, method, target, options))
    )
  }

  putHeader(
    name: string,
    ...values: ReadonlyArray<HttpFields.Value>
  ): Effect.Effect<void, InvalidRequest | state.CannotSendHeader> {
    return located(this.#handle, putHeader(this.#handle, name, values))
  }

  endHeaders<E = never>(
    options: { readonly body?: HttpBody.Input<E> | undefined; readonly encodeChunked?: boolean | undefined } = {}
  ): Effect.Effect<void, StepFailure<E | unknown>> {
    const handle = this.#handle
    return located(
      handle,
      recorded(
        options,
        () => endHeaders(handle, options.body, options.encodeChunked ?? false, false, this.#redactedNames)
      )
    )
  }

  send<E = never>(data: HttpBody.Input<E>): Effect.Effect<void, StepFailure<E | unknown>> {
    return located(this.#handle, send(this.#handle, data, this.#redactedNames))
  }

  request<E = never>(
    method: string,
    target: string,
    options: RequestOptions<E> = {}
  ): Effect.Effect<void, StepFailure<E | unknown> | state.CannotSendRequest> {
    const handle = this.#handle
    const redactedNames = this.#redactedNames
    const request = Effect.suspend(() => {
      const { startError } = handle
      if (startError !== undefined) return Effect.fail(startError)
      let started: Started | undefined
      const put = Effect.gen(function*() {
        const fields = yield* fieldsOf(options.headers)
        const asked = HttpRequest.make(method, target, { query: options.query })
        if (asked.invalid !== undefined) return yield* asked.invalid
        yield* putRequest(handle, method, asked.target, { onInformational: options.onInformational })
        started = handle.started
        for (const [name, value] of fields) yield* putHeader(handle, name, [value])
        const body = HttpBody.fromContent(options)
        yield* endHeaders(handle, body, options.encodeChunked ?? false, true, redactedNames)
      })
      // A `request` that fails leaves no started request.
      return Effect.tapErrorCause(put, (cause) => forgetFailed(handle, started, cause))
    })
    return located(handle, recorded(options, () => request))
  }

  get getResponse(): Effect.Effect<HttpResponse, ResponseFailure> {
    return located(this.#handle, getResponse(this.#handle, this.#redactedNames))
  }

  setTunnel(
    host: string,
    port?: number,
    headers?: HttpFields.Input
  ): Effect.Effect<void, InvalidRequest> {
    const set = Effect.suspend(() => {
      const handle = this.#handle
      if (handle.leased) {
        return Effect.fail(
          new InvalidOption({
            option: "tunnel",
            reason: "the connection is leased; give the `Origin` of the lease a proxy"
          })
        )
      }
      if (handle.settings.proxy !== undefined) {
        return Effect.fail(
          new InvalidOption({ option: "tunnel", reason: "the connection has a `proxy`; make one without for a tunnel" })
        )
      }
      if (handle.connection?.open === true || handle.abortOpening !== undefined) {
        return Effect.fail(
          new InvalidOption({ option: "tunnel", reason: "the connection is open already; `close` it first" })
        )
      }
      if (handle.started !== undefined) {
        // Its Host field names the origin that it was started for.
        return Effect.fail(new InvalidOption({ option: "tunnel", reason: "a request has been started already" }))
      }
      return Either.map(makeTunnel(handle.settings.origin.scheme, { host, port, headers }), (tunnel) => {
        handle.tunnel = tunnel
      })
    })
    return located(this.#handle, set)
  }

  get getProxyResponseHeaders(): Effect.Effect<Option.Option<HttpFields.HttpFields>> {
    return Effect.sync(() => Option.fromNullable(this.#handle.proxyFields))
  }

  toJSON(): unknown {
    return { _tag: "HttpConnection", origin: Origin.format(this.origin), state: this.#handle.state }
  }
}
