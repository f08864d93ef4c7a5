/**
 * The response of a proxy that requires credentials to forward a request (407).
 *
 * It means the same as the proxy's refusal to open a tunnel, so it is the same failure. All other
 * responses of a proxy cannot be distinguished from the server's, and are responses.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as HttpFields from "../../HttpFields.ts"
import type { HttpResponse } from "../../HttpResponse.ts"
import { forwarded } from "../connection/about.ts"
import type { Exchange } from "../connection/exchange.ts"
import { Timer } from "../connection/timers.ts"
import { prefixLength, prefixMillis } from "../connection/tunnel.ts"
import { ProxyAuthRequired } from "../error/connect.ts"
import type { ResponseHead } from "../protocol/head.ts"
import type { FiberCaller } from "./caller.ts"

const nothing: Uint8Array = new Uint8Array(0)

/** True if the head is a proxy's refusal to forward the request. */
export const isProxyRefusal = ({ origin }: Exchange, { status }: ResponseHead): boolean =>
  status === 407 && forwarded(origin)

/**
 * Returns the beginning of the body. A body that ends with the connection may never end, so in that
 * case the beginning is what has arrived.
 */
const prefixOf = (exchange: Exchange, response: HttpResponse): Effect.Effect<Uint8Array> =>
  response.framing === "close"
    ? Effect.sync(() => exchange.body.size > 0 ? exchange.body.take(prefixLength) : nothing)
    // A refusal with an invalid body is still a refusal.
    : Effect.catchAll(response.read(prefixLength), (failure) =>
      Effect.succeed(
        Predicate.hasProperty(failure, "partial") && failure.partial instanceof Uint8Array ? failure.partial : nothing
      ))

/** Returns the same, but no more than has arrived when the time limit is over. */
const prefixInTime = (exchange: Exchange, response: HttpResponse): Effect.Effect<Uint8Array> =>
  Effect.suspend(() => {
    const { timers } = exchange.settings
    // The failure of the read contains the bytes that have arrived.
    const timer = new Timer({
      onTimeout: () => exchange.abandon("the proxy did not send its refusal to the end", "Failure")
    })
    timers.start(timer, prefixMillis)
    return Effect.ensuring(prefixOf(exchange, response), Effect.sync(() => timers.cancel(timer)))
  })

/** Fails with the proxy's refusal, and discards the rest of the response. */
export const refuse = (
  exchange: Exchange,
  { fields }: ResponseHead,
  response: HttpResponse,
  caller: FiberCaller
): Effect.Effect<never, ProxyAuthRequired> =>
  Effect.flatMap(
    caller.restore(prefixInTime(exchange, response)),
    (bodyPrefix) =>
      Effect.zipRight(
        response.close,
        Effect.fail(exchange.withContext(
          new ProxyAuthRequired({ challenges: HttpFields.getAll(fields, "proxy-authenticate"), fields, bodyPrefix })
        ))
      )
  )
