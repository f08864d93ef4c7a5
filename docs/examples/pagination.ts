/**
 * A list in pages: the Link field of each response leads to the next one, which is requested after
 * the items before it were consumed.
 */
import { ConnectionPool, HttpRequest, HttpResponse, Link, NodeTransport } from "effect-http-client"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

const Items = Schema.Array(Schema.String)

/**
 * The URL of the next page, if it is of the same origin. The server must not send a client with
 * credentials elsewhere.
 */
const nextOf = (response: HttpResponse.HttpResponse) =>
  Option.filter(Link.next(response), (url) => new URL(url).origin === new URL(response.url).origin)

export const program = (first: string) =>
  Effect.gen(function*() {
    const pool = yield* ConnectionPool.ConnectionPool
    const pages = Stream.paginateEffect(first, (url) =>
      Effect.gen(function*() {
        const response = yield* Effect.flatMap(pool.execute(HttpRequest.get(url)), HttpResponse.filterStatusOk)
        return [yield* response.schemaJson(Items), nextOf(response)] as const
      }))
    // The third page is not requested, because two have enough items.
    return yield* pages.pipe(Stream.flattenIterables, Stream.take(5), Stream.runCollect, Effect.map((_) => [..._]))
  }).pipe(Effect.provide(ConnectionPool.layer()), Effect.provide(NodeTransport.layer))
