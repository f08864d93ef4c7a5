/**
 * Opens a tunnel through a proxy: CONNECT over HTTP/1.1 (RFC 9110 section 9.3.6).
 *
 * Any 2xx opens it. Another answer is an error that keeps the proxy's fields and the beginning of
 * its body. What is sent to the proxy is checked before it is connected (`setTunnel`), and again by
 * the encoder here.
 */
import * as Effect from "effect/Effect"
import type { TunnelFailure } from "../../HttpError.ts"
import * as HttpFields from "../../HttpFields.ts"
import * as Origin from "../../Origin.ts"
import type * as Transport from "../../Transport.ts"
import { join } from "../bytes.ts"
import { prefixLength, prefixMillis } from "../effect/proxyRefusal.ts"
import { waitFor } from "../effect/wait.ts"
import { tapHead, tapResponse } from "../effect/wireTap.ts"
import type { Tagged } from "../error/base.ts"
import { ProxyAuthRequired, ProxyConnectError } from "../error/connect.ts"
import { FramingConflict, ReadError, UnexpectedMessage } from "../error/head.ts"
import { HttpTimeout } from "../error/timeout.ts"
import type { TlsError } from "../error/tls.ts"
import { earlyBytes } from "../error/tlsFailures.ts"
import { encodeHead } from "../protocol/encode.ts"
import { saysClose } from "../protocol/framing.ts"
import type { ResponseHead } from "../protocol/head.ts"
import type { HeadEvent } from "../protocol/machine.ts"
import { Machine } from "../protocol/machine.ts"
import { serverNameOf } from "./errorContext.ts"
import type { ConnectionHandle, Tunnel } from "./handle.ts"
import type { Millis } from "./timeouts.ts"
import { Timer } from "./timers.ts"

/** The text of the CONNECT request. */
export const encodeConnect = (tunnel: Tunnel): ReturnType<typeof encodeHead> => {
  const hostPort = Origin.hostPort(tunnel.origin)
  return encodeHead({
    method: "CONNECT",
    target: { target: hostPort, authority: hostPort },
    fields: tunnel.fields,
    trailers: HttpFields.empty,
    trailersLater: false,
    content: { kind: "none" },
    contentType: undefined,
    skipHost: false,
    acceptEncoding: undefined,
    expectContinue: false
  })
}

/** Reads the proxy's answer: a head, and of a refusal the beginning of its body. */
class Answer implements Transport.Receiver {
  head: ResponseHead | undefined
  readonly #prefix: Array<Uint8Array> = []
  #prefixed = 0
  readonly #machine = new Machine()
  readonly #connection: ConnectionHandle
  readonly #done: (result: Effect.Effect<void, TunnelFailure>) => void
  readonly #refused: () => void
  #finished = false
  /** Whether nothing says that the proxy will ever end the body of its refusal. */
  #endless = false

  /**
   * `refused` is called when the proxy has said no, and the beginning of its body is still to come.
   */
  constructor(
    handle: ConnectionHandle,
    done: (result: Effect.Effect<void, TunnelFailure>) => void,
    refused: () => void
  ) {
    const { leniency, limits } = handle.settings
    this.#connection = handle
    this.#done = done
    this.#refused = refused
    this.#machine.startRequest({ method: "CONNECT", close: false, limits, leniency })
    this.#machine.endRequest()
  }

  onData(bytes: Uint8Array): boolean {
    this.#guard(() => {
      this.#machine.receive(bytes)
      this.#drain()
    })
    return !this.#finished
  }

  onEnd(): void {
    this.#guard(() => {
      this.#machine.eof()
      if (!this.#finished) this.#drain()
    })
  }

  onError(fault: Transport.DuplexFault): void {
    this.#guard(() => this.#finish(Effect.fail(this.refusal ?? new ReadError(fault))))
  }

  /**
   * What is thrown is a defect of whoever waits for the tunnel: the transport, which calls, has
   * nobody to hand it on to.
   */
  #guard(call: () => void): void {
    try {
      call()
    } catch (thrown) {
      this.#finish(Effect.die(thrown))
    }
  }

  #finish(result: Effect.Effect<void, TunnelFailure>): void {
    if (this.#finished) return
    this.#finished = true
    this.#done(result)
  }

  #drain(): void {
    while (!this.#finished) {
      const event = this.#machine.next()
      switch (event._tag) {
        case "NeedMore":
          if (this.#endless) this.#ended()
          return
        case "Informational":
          break
        case "Head":
          this.#answered(event)
          break
        case "Data":
          this.#keep(event.bytes)
          break
        case "End":
          this.#ended()
          break
        case "Failure":
          // A refusal whose body is broken is still a refusal.
          this.#finish(Effect.fail(this.refusal ?? event.error as TunnelFailure))
      }
    }
  }

  #answered({ framing, head }: HeadEvent): void {
    this.head = head
    if (this.refusal === undefined) return
    this.#endless = framing.kind === "close" && head.version === 11 && !saysClose(head)
    if (!this.#endless) this.#refused()
  }

  #keep(view: Uint8Array): void {
    const piece = new Uint8Array(view.subarray(0, prefixLength - this.#prefixed))
    this.#prefix.push(piece)
    this.#prefixed += piece.length
    if (this.#prefixed === prefixLength) this.#ended()
  }

  #ended(): void {
    const error = this.refusal ?? this.#mistrust
    this.#finish(error === undefined ? Effect.void : Effect.fail(error))
  }

  /** Why what comes next need not be from the far end. */
  get #mistrust(): TunnelFailure | undefined {
    const { announced, excess } = this.#machine
    if (excess > 0) return this.#early(excess)
    // That body may have been what looked like the 200, and the proxy's true answer would count as
    // the far end's.
    return announced ? new FramingConflict({ reason: "an informational response announces a body" }) : undefined
  }

  /** What comes with the answer is the far end's, which in TLS does not speak first. */
  #early(received: number): TlsError | UnexpectedMessage {
    const { origin, settings } = this.#connection
    return settings.tls === undefined
      ? new UnexpectedMessage({ received })
      : earlyBytes(serverNameOf(settings, origin))
  }

  /** The proxy's no, with as much of its body as has come; `undefined` where it has not said no. */
  get refusal(): ProxyAuthRequired | ProxyConnectError | undefined {
    if (this.head === undefined || this.head.status < 300) return undefined
    const { fields, reason, status } = this.head
    const bodyPrefix = join(this.#prefix)
    return status === 407
      ? new ProxyAuthRequired({ challenges: HttpFields.getAll(fields, "proxy-authenticate"), fields, bodyPrefix })
      : new ProxyConnectError({ status, reason, fields, bodyPrefix })
  }
}

/** All failures of a tunnel happen in the phase `proxy`, but for that of what is inside. */
const inProxyPhase = <E extends Tagged<string>>(error: E): E => {
  if (error._tag === "TlsError") return error
  ;(error as { context: E["context"] }).context = { ...error.context, phase: "proxy" }
  return error
}

/** Opens the tunnel inside the duplex, which then leads to the far end. */
export const openTunnel = (
  handle: ConnectionHandle,
  tunnel: Tunnel,
  duplex: Transport.Duplex,
  timeouts: Millis
): Effect.Effect<void, TunnelFailure | HttpTimeout> =>
  Effect.suspend(() => {
    const { timers, loop } = handle.settings
    let answer: Answer | undefined
    let expired = (): void => {}
    const timer = new Timer({ onTimeout: () => expired() })
    const patience = new Timer({ onTimeout: () => expired() })
    const head = encodeConnect(tunnel)
    // Checked when the tunnel was set, so that what is left to fail is nothing.
    if ("_tag" in head) return Effect.die(head)
    const { text } = head
    const ask = Effect.zipRight(
      tapHead(handle, text),
      waitFor<void, TunnelFailure | HttpTimeout>(loop, (waiter) => {
        const receiver = new Answer(
          handle,
          (result) => waiter.resume(result),
          () => timers.start(patience, prefixMillis)
        )
        answer = receiver
        // A refusal whose body does not end is still a refusal.
        expired = () =>
          waiter.resume(Effect.fail(receiver.refusal ?? new HttpTimeout({ kind: "proxy", millis: timeouts.proxy })))
        timers.start(timer, timeouts.proxy)
        duplex.attach(receiver)
        duplex.write(text)
      })
    )
    const disarm = Effect.sync(() => {
      timers.cancel(timer)
      timers.cancel(patience)
    })
    const limited = Effect.ensuring(ask, disarm)
    const heard = Effect.suspend(() => {
      const head = answer?.head
      handle.proxyFields = head?.fields
      return head === undefined ? Effect.void : tapResponse(handle, head)
    })
    return Effect.mapError(Effect.ensuring(limited, heard), inProxyPhase)
  })
