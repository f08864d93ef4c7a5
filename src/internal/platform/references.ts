/**
 * The options of one request that its caller sets around it: one reference, read once a request.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Predicate from "effect/Predicate"
import type * as HttpRequest from "../../HttpRequest.ts"
import type * as Proxy from "../../Proxy.ts"
import type * as Tls from "../../Tls.ts"

/**
 * Options of the requests that an effect sends; they win over those of the pool. One that is
 * `undefined` is as if it were not there.
 *
 * @since 0.2.0
 * @category models
 */
export interface RequestOptions
  extends Pick<HttpRequest.Options, "timeouts" | "limits" | "leniency" | "expectContinue">
{
  /** TLS options, in place of all those of the pool. */
  readonly tls?: Tls.Options | undefined
  /** The proxy, or which one for which origin; `false` for none, where the pool has one. */
  readonly proxy?: Proxy.Proxy | Proxy.Settings | false | undefined
  /** The IP address to connect from; `false` for the system's choice, where the pool has one. */
  readonly localAddress?: string | false | undefined
  /**
   * The unix socket to connect to; the URL then only says what is asked for. No proxy is used.
   * `false` for none.
   */
  readonly socketPath?: string | false | undefined
}

/**
 * The options of requests, as a reference: without options where nobody set any.
 *
 * @since 0.2.0
 * @category references
 */
export class CurrentOptions extends Context.Reference<CurrentOptions>()("effect-http-client/PooledHttpClient/Options", {
  defaultValue: (): RequestOptions => ({})
}) {}

/** Options over those around them, one by one; `undefined` leaves what is around it. */
const over = <A extends object>(outer: A | undefined, inner: A | undefined): A | undefined => {
  if (Predicate.isNullable(outer) || Predicate.isNullable(inner)) return inner ?? outer
  return { ...outer, ...Object.fromEntries(Object.entries(inner).filter(([, value]) => value !== undefined)) }
}

/**
 * Options over those around them: timeouts and limits one by one too. What types forbid, no record,
 * is none.
 */
export const merge = (outer: RequestOptions | null, inner: RequestOptions | null): RequestOptions => ({
  ...over(outer ?? {}, inner ?? {}),
  timeouts: over(outer?.timeouts, inner?.timeouts),
  limits: over(outer?.limits, inner?.limits)
})

/** Runs an effect with options over those that are around it. */
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

/** A combinator for one option. */
export const withOption = <K extends keyof RequestOptions>(name: K): WithOption<RequestOptions[K]> =>
  dual(
    // By their number: a value may be undefined, and an effect is an object as options are.
    (args) => args.length >= 2,
    <A, E, R>(effect: Effect.Effect<A, E, R>, value: RequestOptions[K]): Effect.Effect<A, E, R> =>
      withOptions(effect, { [name]: value })
  )
