/**
 * The options that a caller sets around its requests: one reference, which each request reads once.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Predicate from "effect/Predicate"
import type * as HttpRequest from "../../HttpRequest.ts"
import type * as Proxy from "../../Proxy.ts"
import type * as Tls from "../../Tls.ts"
import { notRecord } from "../options.ts"

/**
 * Options of the requests that an effect sends; they take precedence over those of the pool. An
 * option that is `undefined` counts as absent.
 *
 * @since 0.2.0
 * @category models
 */
export interface RequestOptions extends
  Pick<
    HttpRequest.Options,
    "timeouts" | "limits" | "leniency" | "targetForm" | "expectContinue" | "onInformational" | "acceptTrailers"
  >
{
  /** TLS options, instead of all those of the pool. */
  readonly tls?: Tls.Input | undefined
  /**
   * The proxy, or settings that choose it by origin; `false` for none, even if the pool has one.
   */
  readonly proxy?: Proxy.Proxy | Proxy.Settings | false | undefined
  /** The IP address to connect from; `false` for the system's choice, even if the pool has one. */
  readonly localAddress?: string | false | undefined
  /**
   * The unix socket to connect to; the URL then only names the resource. No proxy is used. `false`
   * for none.
   */
  readonly socketPath?: string | false | undefined
}

/**
 * The options of requests, as a reference. By default there are none.
 *
 * @since 0.2.0
 * @category references
 */
export class CurrentOptions extends Context.Reference<CurrentOptions>()("effect-http-client/PooledHttpClient/Options", {
  defaultValue: (): RequestOptions => ({})
}) {}

/** Merges options over outer ones, one by one; `undefined` keeps the outer one. */
const mergeOver = <A extends object>(
  outer: A | null | undefined,
  inner: A | null | undefined
): A | null | undefined => {
  if (Predicate.isNullable(outer) || Predicate.isNullable(inner)) return inner ?? outer
  if (isWrong(inner)) return inner
  if (isWrong(outer)) return outer
  return { ...outer, ...Object.fromEntries(Object.entries(inner).filter(([, value]) => value !== undefined)) }
}

const isWrong = (options: object): boolean => notRecord("options", options) !== undefined

/**
 * Merges options over outer ones, including timeouts and limits one by one. `null` counts as
 * absent. Any other value that is not a record, which the types forbid, is the result, so that the
 * request is refused.
 */
export const merge = (outer: RequestOptions | null, inner: RequestOptions | null): RequestOptions => {
  const merged = mergeOver(outer, inner) ?? {}
  return isWrong(merged) ? merged : {
    ...merged,
    timeouts: mergeOver(outer?.timeouts, inner?.timeouts) ?? undefined,
    limits: mergeOver(outer?.limits, inner?.limits) ?? undefined
  }
}

/** Runs an effect with options merged over the outer ones. */
export const withOptions: {
  (options: RequestOptions): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, options: RequestOptions): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(effect: Effect.Effect<A, E, R>, options: RequestOptions): Effect.Effect<A, E, R> =>
    Effect.mapInputContext(
      effect,
      (context: Context.Context<R>) =>
        Context.add(context, CurrentOptions, merge(Context.get(context, CurrentOptions), options))
    )
)

/** Sets one option, called with the effect or without. */
export interface WithOption<in Value> {
  (value: Value): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, value: Value): Effect.Effect<A, E, R>
}

/** Creates a combinator for one option. */
export const withOption = <K extends keyof RequestOptions>(name: K): WithOption<RequestOptions[K]> =>
  dual(
    // By the number of arguments: a value may be undefined, and effects and options are both
    // objects.
    (args) => args.length >= 2,
    <A, E, R>(effect: Effect.Effect<A, E, R>, value: RequestOptions[K]): Effect.Effect<A, E, R> =>
      withOptions(effect, { [name]: value })
  )
