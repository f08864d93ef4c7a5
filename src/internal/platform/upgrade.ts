/** Upgrades for requests of the platform. */
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { HttpRequest } from "../../HttpRequest.ts"
import { UnsupportedBody } from "../error/request.ts"
import type { Unroutable } from "../pool/route.ts"
import type { RequestOptions } from "./references.ts"
import { CurrentOptions } from "./references.ts"
import { toRequest } from "./request.ts"
import type { ConnectionOptions } from "./route.ts"
import { applyOptions } from "./route.ts"
import { targetOf } from "./url.ts"

/** Sends a request of the platform by `upgrade`, with the options that are set around it. */
export const upgradeWith = <A, E, R>(
  request: HttpClientRequest,
  defaults: ConnectionOptions,
  upgrade: (request: HttpRequest<unknown>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | Unroutable | UnsupportedBody, R> =>
  Effect.flatMap(Effect.context<never>(), (context): Effect.Effect<A, E | Unroutable | UnsupportedBody, R> => {
    const options = context.unsafeMap.get(CurrentOptions.key) as RequestOptions | undefined
    const routed = applyOptions(targetOf(request), options, defaults)
    if (Either.isLeft(routed)) return Effect.fail(routed.left)
    const ready = toRequest(request, routed.right.target, undefined, routed.right.options)
    return ready instanceof UnsupportedBody ? Effect.fail(ready) : upgrade(ready)
  })
