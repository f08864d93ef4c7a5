/**
 * Creates the pool with the default options, which are valid, so that creating it cannot fail.
 */
import * as Headers from "@effect/platform/Headers"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FiberRef from "effect/FiberRef"
import type * as Scope from "effect/Scope"
import * as HttpFields from "../../HttpFields.ts"
import type { Transport } from "../../Transport.ts"
import type { ConnectionPoolImpl } from "../effect/connectionPool.ts"
import { unsafeMake } from "../effect/connectionPool.ts"
import { toSettings } from "../effect/poolSettings.ts"

// An invalid default throws when this module is loaded, and never in a layer.
const defaults = Either.getOrThrow(toSettings({}))

const redactedNames: Effect.Effect<ReadonlyArray<string | RegExp>> = Effect.map(
  FiberRef.get(Headers.currentRedactedNames),
  (names) => [...HttpFields.redactedNames, ...names]
)

export const makeDefaultPool: Effect.Effect<ConnectionPoolImpl, never, Scope.Scope | Transport> = unsafeMake(
  defaults,
  redactedNames
)
