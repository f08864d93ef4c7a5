/**
 * The two halves of a client of the platform, for combinators that send a request more than once.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type { RequestError } from "@effect/platform/HttpClientError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import type { InvalidOption } from "../error/request.ts"
import { requestError } from "./errors.ts"

/**
 * The untyped properties of a client that `makeWith` creates, as every client of the platform is.
 */
export interface Parts<E, R> {
  readonly preprocess: HttpClient.HttpClient.Preprocess<E, R>
  readonly postprocess: HttpClient.HttpClient.Postprocess<E, R>
}

const hasParts = <E, R>(
  client: HttpClient.HttpClient.With<E, R>
): client is HttpClient.HttpClient.With<E, R> & Parts<E, R> =>
  Predicate.hasProperty(client, "preprocess") && Predicate.hasProperty(client, "postprocess")

/**
 * Returns the halves of a client. A client built by hand may lack a first half, so all of it runs
 * each time.
 */
export const partsOf = <E, R>(client: HttpClient.HttpClient.With<E, R>): Parts<E, R> =>
  hasParts(client)
    ? client
    : {
      preprocess: Effect.succeed,
      postprocess: (request) => Effect.flatMap(request, (request) => client.execute(request))
    }

/** True if an effect, such as the preparation of a request, is a value already. */
export const isReady = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Exit.Success<A, never> =>
  Exit.isExit(effect) && Exit.isSuccess(effect)

/** Creates a client that fails every request before it is sent, because the options are invalid. */
export const refusing = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  cause: InvalidOption
): HttpClient.HttpClient.With<E | RequestError, R> =>
  HttpClient.transform(
    client,
    (_, request) => Effect.fail(requestError(request, cause))
  )
