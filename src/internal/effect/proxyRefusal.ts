/**
 * A proxy that forwards a request and wants credentials for it (407). It means the same as its
 * refusal to open a tunnel, so it is the same failure; what else a proxy answers by itself cannot
 * be told from the server's answers, and is a response.
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

/** Whether it is the proxy's no to a request that it was to forward. */
export const isProxyRefusal = ({ origin }: Exchange, { status }: ResponseHead): boolean =>
  status === 407 && forwarded(origin)

/**
 * The beginning of the body. Where it ends with the connection that may be never, so there it is
 * what has come.
 */
const prefixOf = (exchange: Exchange, response: HttpResponse): Effect.Effect<Uint8Array> =>
  response.framing === "close"
    ? Effect.sync(() => exchange.body.size > 0 ? exchange.body.take(prefixLength) : nothing)
    // A refusal whose body is broken is still a refusal.
    : Effect.catchAll(response.read(prefixLength), (failure) =>
      Effect.succeed(
        Predicate.hasProperty(failure, "partial") && failure.partial instanceof Uint8Array ? failure.partial : nothing
      ))

/** The same, but no more than has come when the time for it is over. */
const prefixInTime = (exchange: Exchange, response: HttpResponse): Effect.Effect<Uint8Array> =>
  Effect.suspend(() => {
    const { timers } = exchange.settings
    // What has come is in the failure of the reading.
    const patience = new Timer({
      onTimeout: () => exchange.abandon("the proxy did not send its refusal to the end", "Failure")
    })
    timers.start(patience, prefixMillis)
    return Effect.ensuring(prefixOf(exchange, response), Effect.sync(() => timers.cancel(patience)))
  })

/** Makes a failure of the response, and leaves the rest of it. */
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
