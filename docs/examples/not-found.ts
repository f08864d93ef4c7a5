/** A 404 is a response, not a failure: the caller decides what a status means. */
import { HttpConnection, HttpRequest, HttpStatus, NodeTransport } from "effect-http-client"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

class NoSuchPage extends Data.TaggedError("NoSuchPage")<{ readonly url: string; readonly reason: string }> {}

export const program = (host: string, port: number) =>
  Effect.gen(function*() {
    const connection = yield* HttpConnection.make({ host, port })
    const response = yield* connection.execute(HttpRequest.get("/parrot.spam"))
    const text = yield* response.text
    return response.status === HttpStatus.NOT_FOUND
      ? yield* new NoSuchPage({ url: response.url, reason: response.reason })
      : text
  }).pipe(Effect.scoped, Effect.provide(NodeTransport.layer))
