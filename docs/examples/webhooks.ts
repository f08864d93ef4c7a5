/**
 * Webhooks are sent to URLs that customers choose. They must not reach this machine, its network,
 * or the credentials of the cloud, whatever the URL is, its name resolves to, or it redirects to.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { AddressPolicy, HttpError, PooledHttpClient } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"

/** A client for URLs of customers. `own` are private addresses that may be reached nevertheless. */
const clientFor = (own: ReadonlyArray<string>) =>
  Layer.unwrapEffect(
    Effect.map(
      AddressPolicy.make({ allow: own }),
      // Not `PooledHttpClient.layer`: other requests of the program would share it and its policy.
      (policy) => PooledHttpClient.layerWith({}).pipe(Layer.provide(AddressPolicy.layer(policy)))
    )
  )

const deliver = (url: string) =>
  Effect.gen(function*() {
    const client = PooledHttpClient.followRedirects(yield* HttpClient.HttpClient)
    const event = HttpClientRequest.post(url).pipe(HttpClientRequest.bodyUnsafeJson({ event: "spam.sold", count: 2 }))
    const { status } = yield* client.execute(event)
    return `delivered: ${status}`
  }).pipe(
    Effect.scoped,
    Effect.catchAll((error) => {
      const cause = Option.getOrUndefined(HttpError.fromPlatform(error))
      if (cause?._tag !== "AddressRefused") return Effect.succeed(`failed: ${cause?._tag ?? error._tag}`)
      // Only the log has this. The customer must not learn what the name leads to.
      return Effect.as(Effect.logDebug(cause.message, cause.rule, cause.range), "refused: this URL cannot be used")
    })
  )

export const program = (own: ReadonlyArray<string>, urls: ReadonlyArray<string>) =>
  Effect.forEach(urls, deliver, { concurrency: 10 }).pipe(Effect.provide(clientFor(own)))
