/** Makes a connection in a scope, and gives it the methods that users see. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { ConnectionEvent } from "../../ConnectionEvent.ts"
import type * as HttpBody from "../../HttpBody.ts"
import type { InvalidRequest } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import type * as HttpLeniency from "../../HttpLeniency.ts"
import { strict } from "../../HttpLeniency.ts"
import * as HttpLimits from "../../HttpLimits.ts"
import type { HttpRequest } from "../../HttpRequest.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import * as HttpTimeouts from "../../HttpTimeouts.ts"
import * as Origin from "../../Origin.ts"
import type * as Tls from "../../Tls.ts"
import { Transport } from "../../Transport.ts"
import { ForbiddenHeader, InvalidOption, InvalidUrl } from "../error/request.ts"
import type { ConnectionState } from "../error/state.ts"
import * as state from "../error/state.ts"
import type { Tunnel } from "./connection.ts"
import { Connection } from "./connection.ts"
import { makeDeadlines } from "./deadlines.ts"
import type { OpenFailure } from "./open.ts"
import { openLink, reserving } from "./open.ts"
import type { ExecuteFailure } from "./pipeline.ts"
import { execute } from "./pipeline.ts"
import type { PutRequestOptions } from "./steps.ts"
import { endHeaders, putHeader, putRequest } from "./steps.ts"
import type { ResponseFailure, StepFailure } from "./stepsBody.ts"
import { getResponse, send } from "./stepsBody.ts"
import { noTimeouts, toMillis } from "./timeouts.ts"
import { encodeConnect } from "./tunnel.ts"

/** The options of `HttpConnection.make`, where they are documented. */
export interface FaceOptions {
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly tls?: boolean | Tls.Options | undefined
  readonly socketPath?: string | undefined
  readonly localAddress?: string | undefined
  readonly tunnel?: {
    readonly host: string
    readonly port?: number | undefined
    readonly headers?: HttpFields.Input | undefined
  } | undefined
  readonly blockSize?: number | undefined
  readonly autoOpen?: boolean | undefined
  readonly timeouts?: Partial<HttpTimeouts.HttpTimeouts> | undefined
  readonly limits?: Partial<HttpLimits.HttpLimits> | undefined
  readonly leniency?: HttpLeniency.HttpLeniency | undefined
  readonly wireTap?: boolean | undefined
  readonly onEvent?: ((event: ConnectionEvent) => void) | undefined
}

const defaultBlockSize = 65_536

/** What can be wrong with the options. */
export type OptionFailure = InvalidRequest

const makeTunnel = (
  scheme: "http" | "https",
  host: string,
  port: number | undefined,
  headers: HttpFields.Input | undefined
): Either.Either<Tunnel, InvalidRequest> =>
  Either.flatMap(
    Either.mapLeft(Origin.make({ scheme, host, port }), ({ reason }) => new InvalidUrl({ part: "tunnel", reason })),
    (origin) => {
      const tunnel: Tunnel = {
        origin,
        fields: headers === undefined ? HttpFields.empty : HttpFields.fromInput(headers)
      }
      return Either.mapBoth(encodeConnect(tunnel), {
        onLeft: (error) =>
          error._tag === "BodyLengthMismatch"
            ? new ForbiddenHeader({ field: "Content-Length", reason: "CONNECT has no content" })
            : error,
        onRight: () => tunnel
      })
    }
  )

/** Makes a connection; the scope's end closes it. */
export const make = (
  options: FaceOptions,
  redactedNames: Effect.Effect<ReadonlyArray<string | RegExp>>
): Effect.Effect<Face, OptionFailure, Scope.Scope | Transport> =>
  Effect.gen(function*() {
    const tls = options.tls === true ? {} : options.tls === false ? undefined : options.tls
    const scheme = tls === undefined ? "http" : "https"
    const { blockSize = defaultBlockSize, port, socketPath } = options
    if (!Number.isSafeInteger(blockSize) || blockSize < 1) {
      return yield* new InvalidOption({ option: "blockSize", reason: "it must be a whole number of at least 1" })
    }
    const host = options.host ?? (socketPath === undefined ? "" : "localhost")
    const origin = yield* Origin.make({ scheme, host, port, socketPath })
    const tunnel = options.tunnel === undefined
      ? undefined
      : yield* makeTunnel(scheme, options.tunnel.host, options.tunnel.port, options.tunnel.headers)
    const connection = new Connection({
      transport: yield* Transport,
      deadlines: yield* makeDeadlines,
      runtime: yield* Effect.runtime<never>(),
      origin,
      tls,
      localAddress: options.localAddress,
      timeouts: toMillis({ ...HttpTimeouts.defaults, ...options.timeouts }, noTimeouts),
      limits: HttpLimits.make(options.limits ?? {}),
      leniency: options.leniency ?? strict,
      blockSize,
      autoOpen: options.autoOpen ?? true,
      wireTap: options.wireTap ?? false,
      redactedNames,
      onEvent: options.onEvent
    }, tunnel)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        connection.closed = true
        connection.disconnect("its scope has ended")
      })
    )
    return new Face(connection)
  })

/** The methods, documented in `HttpConnection`. */
export class Face {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  get origin(): Origin.Origin {
    return this.#connection.origin
  }

  get state(): Effect.Effect<ConnectionState> {
    return Effect.sync(() => this.#connection.state)
  }

  get isOpen(): Effect.Effect<boolean> {
    return Effect.sync(() => this.#connection.link?.open ?? false)
  }

  get connect(): Effect.Effect<void, OpenFailure | state.CannotSendRequest | state.ConnectionClosed> {
    type Failure = OpenFailure | state.CannotSendRequest | state.ConnectionClosed
    return Effect.uninterruptibleMask((restore): Effect.Effect<void, Failure> => {
      const connection = this.#connection
      if (connection.closed) return Effect.fail(new state.ConnectionClosed({ reason: "its scope has ended" }))
      if (connection.link?.open === true) return Effect.void
      // A request that has been started may wait for its connection; one that is being sent has its own.
      return connection.state === "Idle" || connection.state === "RequestStarted"
        ? reserving(connection, restore(Effect.asVoid(openLink(connection, connection.settings.timeouts))))
        : Effect.fail(new state.CannotSendRequest({ state: connection.state }))
    })
  }

  get close(): Effect.Effect<void> {
    return Effect.sync(() => this.#connection.disconnect("it was closed by `close`"))
  }

  execute<E>(request: HttpRequest<E>): Effect.Effect<HttpResponse, ExecuteFailure<E>> {
    return execute(this.#connection, request)
  }

  putRequest(
    method: string,
    target: string,
    options: PutRequestOptions = {}
  ): Effect.Effect<void, InvalidRequest | state.CannotSendRequest | state.ConnectionClosed> {
    return putRequest(this.#connection, method, target, options)
  }

  putHeader(
    name: string,
    ...values: ReadonlyArray<string | number>
  ): Effect.Effect<void, InvalidRequest | state.CannotSendHeader> {
    return putHeader(this.#connection, name, values)
  }

  endHeaders<E = never>(
    options: { readonly body?: HttpBody.Input<E> | undefined; readonly encodeChunked?: boolean | undefined } = {}
  ): Effect.Effect<void, StepFailure<E | unknown>> {
    return endHeaders(this.#connection, options.body, options.encodeChunked ?? false, false)
  }

  send<E = never>(data: HttpBody.Input<E>): Effect.Effect<void, StepFailure<E | unknown>> {
    return send(this.#connection, data)
  }

  request<E = never>(
    method: string,
    target: string,
    options: {
      readonly body?: HttpBody.Input<E> | undefined
      readonly headers?: HttpFields.Input | undefined
      readonly encodeChunked?: boolean | undefined
    } = {}
  ): Effect.Effect<void, StepFailure<E | unknown> | state.CannotSendRequest> {
    const connection = this.#connection
    const fields = options.headers === undefined ? HttpFields.empty : HttpFields.fromInput(options.headers)
    const put = Effect.zipRight(
      putRequest(connection, method, target, {}),
      Effect.zipRight(
        Effect.forEach(fields, ([name, value]) => putHeader(connection, name, [value]), { discard: true }),
        endHeaders(connection, options.body, options.encodeChunked ?? false, true)
      )
    )
    return Effect.suspend(() => {
      const { hindrance } = connection
      if (hindrance !== undefined) return Effect.fail(hindrance)
      // A request of one call that fails leaves nothing begun.
      return Effect.tapErrorCause(put, () =>
        Effect.sync(() => {
          connection.started = undefined
        }))
    })
  }

  get getResponse(): Effect.Effect<HttpResponse, ResponseFailure> {
    return getResponse(this.#connection)
  }

  setTunnel(
    host: string,
    port?: number,
    headers?: HttpFields.Input
  ): Effect.Effect<void, InvalidRequest> {
    return Effect.suspend(() => {
      const connection = this.#connection
      if (connection.link?.open === true || connection.abortOpening !== undefined) {
        return Effect.fail(
          new InvalidOption({ option: "tunnel", reason: "the connection is open already; `close` it first" })
        )
      }
      if (connection.started !== undefined) {
        // Its Host is that of the origin it was started for.
        return Effect.fail(new InvalidOption({ option: "tunnel", reason: "a request has been started already" }))
      }
      return Either.map(makeTunnel(connection.settings.origin.scheme, host, port, headers), (tunnel) => {
        connection.tunnel = tunnel
      })
    })
  }

  get getProxyResponseHeaders(): Effect.Effect<Option.Option<HttpFields.HttpFields>> {
    return Effect.sync(() => Option.fromNullable(this.#connection.proxyFields))
  }

  toJSON(): unknown {
    return { _tag: "HttpConnection", origin: Origin.format(this.origin), state: this.#connection.state }
  }
}
